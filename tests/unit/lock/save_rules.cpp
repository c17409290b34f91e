#include <dynasession/lock/save_rules.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::lock_detail::is_overtaken;
using ds::lock_detail::lock_service;
using ds::lock_detail::save_rules;
using ds::lock_detail::wait_queues;

namespace {

const auto id = ds::session_id::generate();
const std::string token = "OURSOURSOURSOURS";

// The rules of a process that knows its own locks.
struct process {
    std::shared_ptr<lock_service> service = std::make_shared<lock_service>();
    save_rules rules{.respects_locks = true, .service = service};

    std::shared_ptr<wait_queues::place> lock() const {
        const std::shared_ptr<wait_queues> queues(service, &service->queues);
        auto place = wait_queues::enter(queues, id, 16, at(0s)).value();
        place->hold({token, noon + 10s}, steady_noon + 10s, steady_noon + 12s);
        return place;
    }

    // Whether this lock may be taken away, by which the write is bound to exactly that.
    bool may_take(const ds::record& found, ds::op::instant now) const {
        ds::change_record c;
        rules.bind(c, id, found, now);
        CHECK(c.seen.has_value() != rules.is_blocked(id, found, now));
        if (c.seen) CHECK(*c.seen == found.lock);
        return c.seen.has_value();
    }
};

ds::record locked(const ds::lock_claim& claim) {
    auto r = stored_at_noon();
    r.lock = claim;
    return r;
}

} // namespace

TEST_CASE("who has saved is told by the version, and by the data where one raises none; a touch is no save") {
    const auto mine = stored_at_noon();
    auto found = mine;
    CHECK_FALSE(is_overtaken(mine, found));
    found.expires += 1s;
    found.lock = {"token", noon + 10s};
    CHECK_FALSE(is_overtaken(mine, found));
    SUBCASE("version") { ++found.version; }
    SUBCASE("data") { found.data = {}; }
    CHECK(is_overtaken(mine, found));
}

TEST_CASE("changes go on top of others where those changed other keys, or where the last writer wins") {
    const auto mine = stored_at_noon();
    auto found = mine;
    found.data = ds::fields({{"gone", "1"}, {"kept", "2"}});
    const ds::save_request same{.changes = {ds::fields({ds::field{"kept", "3"}}), {}}},
        other{.changes = {ds::fields({ds::field{"new", "1"}}), {"gone"}}};
    CHECK(save_rules{}.allow(other, mine, found));
    CHECK_FALSE(save_rules{}.allow(same, mine, found));
    CHECK(save_rules{.last_writer_wins = true}.allow(same, mine, found));
}

TEST_CASE("terms that two change at once are a conflict, or the last writer's") {
    const auto mine = stored_at_noon();
    auto found = mine;
    ds::save_request amending;
    amending.amended.user = "ana";
    CHECK(save_rules{}.allow(amending, mine, found));
    SUBCASE("owner") { found.owner.user = "jeremy"; }
    SUBCASE("lifetime") { found.max_stale = 1h; }
    CHECK_FALSE(save_rules{}.allow(amending, mine, found));
    CHECK(save_rules{}.allow({}, mine, found));
    CHECK(save_rules{.last_writer_wins = true}.allow(amending, mine, found));
}

TEST_CASE("changes that change no value can be left out, and are then no longer known as such") {
    ds::save_request r{.changes = {ds::fields({{"a", "1"}, {"b", "2"}, {"c", "3"}}), {"d"}}};
    ds::lock_detail::forgo_renewals(r);
    CHECK(r.changes.set.size() == 3);
    r.renewed = {"a", "c"};
    ds::lock_detail::forgo_renewals(r);
    CHECK(r.changes == ds::delta{ds::fields({ds::field{"b", "2"}}), {"d"}});
    CHECK(r.renewed.empty());
}

TEST_CASE("a write is bound to what the rules say, and to nothing else") {
    ds::change_record c;
    save_rules{}.bind(c, id, stored_at_noon(), at(10s));
    CHECK(c.if_version == 3);
    CHECK_FALSE(c.if_as_read);
    CHECK_FALSE(c.if_unlocked);
    save_rules{.respects_locks = true}.bind(c, id, stored_at_noon(), at(10s));
    CHECK(c.if_unlocked == noon + 8s);
    CHECK_FALSE(c.if_as_read);
    ds::move_record m;
    save_rules{.foreign_writers = true}.bind(m, id, stored_at_noon(), at(10s));
    REQUIRE(m.if_as_read);
    CHECK(m.if_as_read->expires == stored_at_noon().expires);
    CHECK(m.if_as_read->data == stored_at_noon().data);
    CHECK_FALSE(m.if_unlocked);
}

TEST_CASE("a lock blocks those who respect locks") {
    auto found = stored_at_noon();
    CHECK_FALSE(save_rules{.respects_locks = true}.is_blocked(id, found, at(0s)));
    found.lock = {.foreign = true};
    CHECK(save_rules{.respects_locks = true}.is_blocked(id, found, at(0s)));
    CHECK_FALSE(save_rules{}.is_blocked(id, found, at(0s)));
}

TEST_CASE("a lock that this process left behind is taken away, one that a request of it has is not") {
    const process p;
    const auto found = locked({token, noon + 17s}); // with another end than the request knew
    auto place = p.lock();
    CHECK_FALSE(p.may_take(found, at(1s)));
    SUBCASE("forgotten") { place.reset(); }
    SUBCASE("left by a save whose outcome is unknown") {
        place->lose(ds::error::outcome_unknown, {token}, steady_noon + 10s);
    }
    CHECK(p.may_take(found, at(1s)));
    CHECK(p.may_take(found, at(1s))); // until it is
    CHECK_FALSE(p.may_take(locked({"THEIRSTHEIRSTHEI", noon + 10s}), at(1s)));
}

TEST_CASE("a lock whose holder is dead is taken away: by our clock, or by our stopwatch") {
    const process p;
    const auto over = locked({token, noon}), lasts = locked({token, noon + 24h});
    CHECK_FALSE(p.may_take(over, at(2s)));
    CHECK(p.may_take(over, at(2s + 1ms)));
    CHECK_FALSE(p.may_take(lasts, at(0s, 10s)));
    CHECK_FALSE(p.may_take(lasts, at(0s, 23s - 1ms)));
    CHECK(p.may_take(lasts, at(0s, 23s)));
}

TEST_CASE("a lock that the PHP handler abandoned is taken away where writes are bound to what is under it") {
    process p;
    const auto abandoned = locked({.foreign = true});
    CHECK_FALSE(p.may_take(abandoned, at(0s)));
    CHECK_FALSE(p.may_take(abandoned, at(60s)));
    p.rules.foreign_writers = true;
    CHECK_FALSE(p.may_take(abandoned, at(60s)));
    auto changed = abandoned;
    changed.expires += 1s;
    CHECK_FALSE(p.may_take(changed, at(119s)));
    CHECK_FALSE(p.may_take(changed, at(179s - 1ms)));
    CHECK(p.may_take(changed, at(179s)));
    p.lock().reset(); // nor does it have a token that would be ours
    CHECK_FALSE(p.may_take(abandoned, at(180s)));
}
