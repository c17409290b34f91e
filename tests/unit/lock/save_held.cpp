#include <dynasession/lock/save_held.hpp>

#include "support/stepping.hpp"

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::lock_detail::lock_service;
using ds::lock_detail::save_held;
using ds::lock_detail::wait_queues;

namespace {

const auto id = ds::session_id::generate();
const std::string ours = "OURSOURSOURSOURS", theirs = "THEIRSTHEIRSTHEI", older = "OLDEROLDEROLDERO";

ds::delta changes() { return {ds::fields({ds::field{"new", "2", true}}), {"gone"}}; }

// A process of which one request has had the session locked since noon.
struct holder {
    std::shared_ptr<lock_service> service = std::make_shared<lock_service>();
    std::shared_ptr<wait_queues::place> place = enter();

    holder() {
        place->hold({ours, noon + 10s}, steady_noon + 10s, steady_noon + 12s);
        place->begins_at(steady_noon);
        place->read_at(place->wanted().entries);
    }

    std::shared_ptr<wait_queues::place> enter() const {
        const std::shared_ptr<wait_queues> queues(service, &service->queues);
        return wait_queues::enter(queues, id, 16, at(0s)).value();
    }

    save_held save(ds::delta d = {}) const {
        ds::save_request r{
            .id = id, .stored = stored_at_noon(), .changes = std::move(d), .touch_after = 3min, .hold = place};
        r.stored.journal = ds::journal().followed_by(older);
        return {std::move(r), service, place};
    }
};

ds::record locked_by(const std::string& token) {
    auto r = stored_at_noon();
    r.lock = {token, noon + 20s};
    return r;
}

} // namespace

TEST_CASE("save_held: saves and gives up the lock in one write, bound to both lock and version") {
    const holder h;
    auto save = h.save(changes());
    const auto c = asked<ds::change_record>(save.resume({}, at(1s + 500ms)));
    CHECK(c.id == id);
    CHECK(c.changes == changes());
    CHECK(c.after == ds::fields({{"kept", "1"}, {"new", "2", true}}));
    CHECK(c.if_version == 3);
    CHECK(c.if_locked_by == ours);
    CHECK_FALSE(c.if_unlocked);
    CHECK_FALSE(c.lock.held());
    CHECK(c.expires == noon + 30min + 1s);
    CHECK(c.now == noon + 1s);
    CHECK(c.journal.newest() ==
          ds::journal::mark_of(ours)); // by it a lost answer is told, and a late copy of the claim refused
    CHECK(c.journal.contains(ds::journal::mark_of(older)));
    CHECK(h.place->held());

    const auto saved = finished(save.resume(applied(), at(2s))).value();
    CHECK(saved.stored.version == 4);
    CHECK(saved.stored.data == c.after);
    CHECK(saved.stored.expires == noon + 30min + 1s);
    CHECK(saved.stored.journal == c.journal);
    CHECK_FALSE(saved.stored.lock.held());
    CHECK_FALSE(saved.hold);
    CHECK_FALSE(saved.merged);
    CHECK_FALSE(h.place->held());
    CHECK(h.place->is_over());
    CHECK(h.service->queues.size() == 0);
}

TEST_CASE("save_held: an unchanged session gives its lock up with a write of nothing else") {
    const holder h;
    auto save = h.save();
    const auto c = asked<ds::change_record>(save.resume({}, at(1s)));
    CHECK(c.changes.empty());
    CHECK(c.after == stored_at_noon().data);
    CHECK_FALSE(c.expires);
    CHECK(c.if_version == 3);
    CHECK(c.if_locked_by == ours);
    CHECK_FALSE(c.lock.held());
    const auto saved = finished(save.resume(applied(), at(1s))).value();
    CHECK(saved.stored.version == 4); // a release counts as well
    CHECK(saved.stored.expires == noon + 30min);
    CHECK(saved.stored.data == stored_at_noon().data);
    CHECK(h.place->is_over());
}

TEST_CASE("save_held: an unchanged session is touched as it is released, when that is due") {
    const holder h;
    auto save = h.save();
    const auto c = asked<ds::change_record>(save.resume({}, at(4min)));
    CHECK(c.changes.empty());
    CHECK(c.expires == noon + 34min);
    CHECK(finished(save.resume(applied(), at(4min))).value().stored.expires == noon + 34min);
}

TEST_CASE(
    "save_held: when another request of this process waits, the save leaves the lock to it, with a token of its own") {
    const holder h;
    auto next = h.enter();
    auto save = h.save(changes());
    const auto c = asked<ds::change_record>(save.resume({}, at(1s)));
    CHECK(c.if_locked_by == ours);
    CHECK(c.lock.token.size() == 16);
    CHECK(c.lock.token != ours);
    CHECK(c.lock.until == noon + 11s);
    CHECK(c.journal.newest() == ds::journal::mark_of(ours));
    SUBCASE("to the one who waited") {
        const auto saved = finished(save.resume(applied(), at(2s))).value();
        CHECK_FALSE(saved.hold);
        CHECK_FALSE(h.place->held());
        REQUIRE(next->has_turn(at(2s)));
        const auto idle = next->inherit(at(2s));
        REQUIRE(idle.has_value());
        CHECK(idle->claim == c.lock);
        CHECK(idle->over == steady_noon + 11s); // counted from before the write was sent
        CHECK(idle->stored == saved.stored);
    }
    SUBCASE("who came while it was written reads the session himself") {
        next.reset();
        const auto late = h.enter();
        finished(save.resume(applied(), at(2s))).value();
        REQUIRE(late->has_turn(at(2s)));
        const auto idle = late->inherit(at(2s));
        REQUIRE(idle.has_value());
        CHECK(idle->claim == c.lock);
        CHECK_FALSE(idle->stored);
    }
    SUBCASE("or to whom comes next, if he has left meanwhile") {
        next.reset();
        finished(save.resume(applied(), at(2s))).value();
        CHECK(h.enter()->inherit(at(2s))->claim == c.lock);
    }
}

TEST_CASE("save_held: who comes while the lock is given up is called, and asks for it") {
    const holder h;
    auto save = h.save(changes());
    CHECK_FALSE(asked<ds::change_record>(save.resume({}, at(1s))).lock.held());
    const auto late = h.enter();
    finished(save.resume(applied(), at(2s))).value();
    REQUIRE(late->has_turn(at(2s)));
    CHECK_FALSE(late->inherit(at(2s)));
}

TEST_CASE("save_held: an unchanged session is handed on without any traffic") {
    const holder h;
    const auto late = h.enter();
    SUBCASE("while its lease lasts, to be read by who came after it was read") {
        auto save = h.save();
        const auto saved = finished(save.resume({}, at(2s))).value();
        CHECK(saved.stored.version == 3);
        CHECK(saved.stored.data == stored_at_noon().data);
        CHECK_FALSE(saved.hold);
        CHECK(h.place->is_over());
        REQUIRE(late->has_turn(at(2s)));
        const auto idle = late->inherit(at(2s));
        REQUIRE(idle.has_value());
        CHECK(idle->claim == ds::lock_claim{ours, noon + 10s});
        CHECK(idle->over == steady_noon + 10s);
        CHECK_FALSE(idle->stored);
    }
    SUBCASE("with what was read, to who had come by then") {
        h.place->read_at(h.place->wanted().entries);
        auto save = h.save();
        const auto saved = finished(save.resume({}, at(2s))).value();
        REQUIRE(late->has_turn(at(2s)));
        CHECK(late->inherit(at(2s))->stored == saved.stored);
    }
    SUBCASE("but not when a touch is due") {
        h.place->begins_at(steady_noon + 4min);
        h.place->hold({ours, noon + 4min + 10s}, steady_noon + 4min + 10s, steady_noon + 4min + 12s);
        auto save = h.save();
        const auto c = asked<ds::change_record>(save.resume({}, at(4min)));
        CHECK(c.expires == noon + 34min);
        CHECK(c.lock.held());
    }
    SUBCASE("but not when a third of its lease is left") {
        h.place->hold({ours, noon + 4s}, steady_noon + 4s, steady_noon + 6s);
        auto save = h.save();
        const auto c = asked<ds::change_record>(save.resume({}, at(1s)));
        CHECK(c.lock.until == noon + 11s);
        CHECK_FALSE(c.expires);
    }
}

TEST_CASE(
    "save_held: a process that has had the session for half a lease gives it up, and its next request stands back") {
    const holder h;
    const auto next = h.enter();
    ds::delta d;
    SUBCASE("changed") { d = changes(); }
    SUBCASE("unchanged") {}
    auto save = h.save(d);
    const auto c = asked<ds::change_record>(save.resume({}, at(5s)));
    CHECK_FALSE(c.lock.held());
    CHECK(c.changes == d);
    finished(save.resume(applied(), at(5s))).value();
    REQUIRE(next->has_turn(at(5s)));
    const auto idle = next->inherit(at(5s));
    REQUIRE(idle.has_value());
    CHECK(idle->claim.token.empty());
    CHECK(idle->over == steady_noon + 5s + h.service->options.max_retry_time);
    CHECK_FALSE(idle->stored);
}

TEST_CASE("save_held: a process that has had the session for a little less hands it on") {
    const holder h;
    const auto next = h.enter();
    auto save = h.save(changes());
    CHECK(asked<ds::change_record>(save.resume({}, at(5s - 1ms))).lock.held());
}

TEST_CASE("save_held: a save whose lock another has, or had, changes nothing and says lock_lost") {
    const holder h;
    const auto next = h.enter();
    auto save = h.save(changes());
    asked<ds::change_record>(save.resume({}, at(1s)));
    auto found = locked_by(theirs);
    SUBCASE("another has it") {}
    SUBCASE("another had it and saved") {
        found.lock = {};
        found.version = 4;
    }
    SUBCASE("the PHP handler took it: our token is gone with that") { found.lock = {.foreign = true}; }
    SUBCASE("nobody has it") { found.lock = {}; }
    CHECK(fails_with(save.resume(refused(found), at(2s)), ds::error::lock_lost));
    CHECK_FALSE(h.place->held());
    CHECK(next->has_turn(at(2s)));
    CHECK_FALSE(next->inherit(at(2s)));
    SUBCASE("and so does the next attempt, at once") {
        auto again = h.save(changes());
        CHECK(fails_with(again.resume({}, at(3s)), ds::error::lock_lost));
        CHECK(next->has_turn(at(3s)));
    }
}

TEST_CASE("save_held: where somebody saved without looking at locks, the version counts as well, and the lock stays") {
    const holder h;
    const auto next = h.enter();
    auto save = h.save(changes());
    asked<ds::change_record>(save.resume({}, at(1s)));
    auto found = locked_by(ours);
    found.version = 4;
    CHECK(fails_with(save.resume(refused(found), at(2s)), ds::error::conflict));
    CHECK(h.place->held());
    CHECK_FALSE(next->has_turn(at(2s)));
}

TEST_CASE("save_held: a save of a session that is no more says session_gone") {
    const holder h;
    auto save = h.save(changes());
    asked<ds::change_record>(save.resume({}, at(1s)));
    SUBCASE("destroyed") { CHECK(fails_with(save.resume(refused(), at(1s)), ds::error::session_gone)); }
    SUBCASE("expired") { CHECK(fails_with(save.resume(refused(locked_by(ours)), at(30min)), ds::error::session_gone)); }
    CHECK_FALSE(h.place->held());
    CHECK(h.service->queues.size() == 0);
}

TEST_CASE("save_held: where a touch of another has put off the expiry further, that stands and the save is repeated") {
    const holder h;
    auto save = h.save(changes());
    asked<ds::change_record>(save.resume({}, at(1s)));
    auto touched = locked_by(ours);
    touched.expires = noon + 1h;
    const auto c = asked<ds::change_record>(save.resume(refused(touched), at(2s)));
    CHECK(c.expires == noon + 1h);
    CHECK(c.if_version == 3);
    CHECK(c.if_locked_by == ours);
    CHECK(c.journal.newest() == ds::journal::mark_of(ours));
    CHECK(finished(save.resume(applied(), at(2s))).value().stored.expires == noon + 1h);
}

TEST_CASE("save_held: in a table that others write to without a version, a save is bound to what was read as well") {
    const holder h;
    {
        auto save = h.save(changes());
        CHECK_FALSE(asked<ds::change_record>(save.resume({}, at(1s))).if_as_read);
    }
    h.service->options.foreign_writers = true;
    auto save = h.save(changes());
    const auto c = asked<ds::change_record>(save.resume({}, at(1s)));
    REQUIRE(c.if_as_read);
    CHECK(c.if_as_read->expires == noon + 30min);
    CHECK(c.if_as_read->data == stored_at_noon().data);
    CHECK(c.if_version == 3);
    CHECK(c.if_locked_by == ours);
    auto found = locked_by(ours);
    SUBCASE("a touch moved the expiry, on or back: that stands, and the save is repeated") {
        for (const auto expires : {noon + 25min, noon + 1h}) {
            found.expires = expires;
            const auto again = asked<ds::change_record>(save.resume(refused(found), at(2s)));
            CHECK(again.if_as_read->expires == expires);
            CHECK(again.if_as_read->data == stored_at_noon().data);
            CHECK(again.expires >= noon + 30min);
        }
        CHECK(finished(save.resume(applied(), at(2s))).value().stored.expires == noon + 1h);
    }
    SUBCASE("the PHP handler wrote, which broke our lock") {
        found.lock = {};
        found.data = ds::fields({ds::field{"php", "1"}});
        SUBCASE("for good") {}
        SUBCASE("and took its own: nothing that it leaves beside its lock is taken for ours") {
            found.lock = {.until = noon + 20s, .foreign = true};
        }
        CHECK(fails_with(save.resume(refused(found), at(2s)), ds::error::lock_lost));
        CHECK_FALSE(h.place->held());
    }
    SUBCASE("it wrote, and a late copy of our claim put our token back: nothing of it is overwritten") {
        found.data = ds::fields({ds::field{"php", "1"}});
        SUBCASE("with another expiry") { found.expires = noon + 24min; }
        SUBCASE("within the second of the one before") {}
        CHECK(fails_with(save.resume(refused(found), at(2s)), ds::error::conflict));
        CHECK(h.place->held());
    }
}

TEST_CASE("save_held: who gets the session handed on is bound to what its save left") {
    const holder h;
    h.service->options.foreign_writers = true;
    const auto next = h.enter();
    auto save = h.save(changes());
    const auto c = asked<ds::change_record>(save.resume({}, at(1s)));
    finished(save.resume(applied(), at(1s))).value();
    REQUIRE(next->has_turn(at(1s)));
    const auto handed = *next->inherit(at(1s));
    next->hold(handed.claim, handed.over, handed.over + 2s);
    save_held second({.id = id, .stored = *handed.stored, .changes = changes(), .hold = next}, h.service, next);
    const auto read = asked<ds::change_record>(second.resume({}, at(2s))).if_as_read;
    REQUIRE(read);
    CHECK(read->data == c.after);
    CHECK(read->expires == c.expires);
}

TEST_CASE("save_held: a failure by which nothing was written keeps the lock for another attempt") {
    const holder h;
    const auto next = h.enter();
    for (const auto why : {ds::error::throttled, ds::error::item_too_large}) {
        auto save = h.save(changes());
        CHECK(asked<ds::change_record>(save.resume({}, at(1s))).if_locked_by == ours);
        CHECK(fails_with(save.resume(ds::failure(why), at(2s)), why));
        CHECK(h.place->held());
        CHECK_FALSE(next->has_turn(at(2s)));
    }
}

TEST_CASE("save_held: a token whose save may be carried out yet is in no other save, but is known as an orphan") {
    const holder h;
    const auto next = h.enter();
    auto save = h.save(changes());
    const auto handed_on = asked<ds::change_record>(save.resume({}, at(1s))).lock.token;
    SUBCASE("no answer") {
        CHECK(fails_with(save.resume(ds::failure(ds::error::outcome_unknown), at(2s)), ds::error::outcome_unknown));
    }
    SUBCASE("cancelled") {
        CHECK(fails_with(save.resume(ds::failure(boost::asio::error::operation_aborted), at(2s)),
                         boost::asio::error::operation_aborted));
    }
    CHECK_FALSE(h.place->held());
    CHECK(next->has_turn(at(2s)));
    CHECK_FALSE(next->inherit(at(2s)));
    CHECK(next->is_orphan(ours));
    CHECK(next->is_orphan(handed_on));
    CHECK_FALSE(next->is_orphan(theirs));
    auto again = h.save(changes());
    CHECK(fails_with(again.resume({}, at(3s)), ds::error::outcome_unknown)); // still
    next->end();
    CHECK(h.service->queues.size() == 1); // the orphans, until the end of their lease
    const std::shared_ptr<wait_queues> queues(h.service, &h.service->queues);
    wait_queues::enter(queues, id, 16, at(11s)).value()->end();
    CHECK(h.service->queues.size() == 0);
}

TEST_CASE(
    "save_held: a request whose turn was taken away still saves if nobody got the lock, and touches nobody's turn") {
    const holder h;
    const auto next = h.enter(), third = h.enter();
    REQUIRE(next->has_turn(at(12s)));
    auto save = h.save(changes());
    const auto c = asked<ds::change_record>(save.resume({}, at(13s)));
    CHECK(c.if_locked_by == ours);
    CHECK_FALSE(c.lock.held());
    SUBCASE("nobody got it") { CHECK(finished(save.resume(applied(), at(13s))).value().stored.version == 4); }
    SUBCASE("somebody did") {
        CHECK(fails_with(save.resume(refused(locked_by(theirs)), at(13s)), ds::error::lock_lost));
    }
    CHECK(next->has_turn(at(13s)));
    CHECK_FALSE(third->has_turn(at(13s)));
}

TEST_CASE("save_held: what changes beside the data is written, although nothing else has to be, and handed on with the lock") {
    const holder h;
    const auto next = h.enter();
    ds::save_request r{.id = id, .stored = stored_at_noon(), .touch_after = 3min, .hold = h.place};
    r.amended = {.user = "ana", .since = noon + 1s, .lifetime = {.max_stale = 5min}};
    save_held save(std::move(r), h.service, h.place);
    const auto c = asked<ds::change_record>(save.resume({}, at(1s)));
    REQUIRE(c.terms);
    CHECK(c.terms->owner.user == "ana");
    CHECK(c.expires == noon + 5min + 1s);
    CHECK(c.if_locked_by == ours);
    CHECK(c.lock.held());
    const auto saved = finished(save.resume(applied(), at(1s))).value();
    CHECK(ds::terms::of(saved.stored) == *c.terms);
    REQUIRE(next->has_turn(at(1s)));
    const auto inherited = next->inherit(at(1s));
    REQUIRE((inherited && inherited->stored));
    CHECK(inherited->stored->owner.user == "ana");
    CHECK(inherited->stored->max_stale == 5min);
}
