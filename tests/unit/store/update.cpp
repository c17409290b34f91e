#include <dynasession/store/update.hpp>

#include <dynasession/lock/no_lock.hpp>
#include <dynasession/lock/pessimistic_lock.hpp>
#include <dynasession/serializer/json.hpp>
#include <dynasession/store/session_codec.hpp>

#include "support/stepping.hpp"

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ds = dynasession;
namespace store_detail = dynasession::store_detail;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::session_id;

namespace {

const auto id = session_id::generate();
const store_detail::session_codec<ds::json_serializer> json({}, 0.1);
const std::string theirs = "THEIRSTHEIRSTHEI";

ds::record stored() {
    auto r = stored_at_noon();
    r.data = ds::fields({{"n", "1"}, {"user", "\"j\""}});
    return r;
}

ds::record saved_by_another(std::string_view n = "10") {
    auto r = stored();
    r.data = ds::fields({{"n", n}, {"theirs", "true"}});
    r.version = 4;
    r.journal = ds::journal().followed_by(theirs);
    return r;
}

ds::record locked(ds::lock_claim by, ds::record r = stored()) {
    r.lock = std::move(by);
    return r;
}

const ds::no_lock no_lock;

template <class LockPolicy>
auto counting(const LockPolicy& policy, int& calls) {
    return store_detail::update(id, policy, json, [&calls](ds::session& s) {
        ++calls;
        s.set("n", s.get<int>("n").value_or(0) + 1);
    });
}

// A policy whose sessions come with a hold, and whose saves are always overtaken.
struct hold_archetype final : ds::lock_hold {
    bool held() const override { return true; }
};
struct load_with_hold {
    using effect_type = ds::command;
    using reply_type = ds::result<ds::reply>;
    using value_type = std::optional<ds::loaded>;

    std::shared_ptr<std::weak_ptr<ds::lock_hold>> last;
    bool sent = false;

    ds::op::action<ds::command, value_type> resume(ds::result<ds::reply> in, ds::op::instant) {
        if (!std::exchange(sent, true)) return ds::command(ds::lock_record{.id = id});
        auto hold = std::make_shared<hold_archetype>();
        *last = hold;
        return ds::result<value_type>(ds::loaded{*in->item, std::move(hold)});
    }
};
struct overtaken_policy : ds::no_lock {
    std::shared_ptr<std::weak_ptr<ds::lock_hold>> last = std::make_shared<std::weak_ptr<ds::lock_hold>>();
    ds::error failure = ds::error::lock_lost;

    load_with_hold load(const session_id&, ds::read_write_t) const { return {last}; }
    load_with_hold load(const session_id&, ds::read_only_t) const { return {last}; }
    ds::op::ready<ds::command, ds::result<ds::reply>, ds::saved> save(ds::save_request r) const {
        REQUIRE(r.hold == last->lock());
        return ds::op::ready<ds::command, ds::result<ds::reply>, ds::saved>(failure);
    }
};

} // namespace

TEST_CASE("an update loads, calls the function once and saves") {
    int calls = 0;
    auto update = counting(no_lock, calls);
    CHECK(asked<ds::load_record>(update.resume({}, at(0s))).id == id);
    CHECK(calls == 0);
    const auto c = asked<ds::change_record>(update.resume(applied(stored()), at(0s)));
    CHECK(calls == 1);
    CHECK(c.id == id);
    CHECK(c.if_version == 3);
    CHECK(c.changes == ds::delta{ds::fields({ds::field{"n", "2"}}), {}});
    const auto s = finished(update.resume(applied(), at(0s))).value();
    REQUIRE(s.has_value());
    CHECK(s->id() == id);
    CHECK(s->get<int>("n") == 2);
    CHECK(s->version() == 4);
    CHECK_FALSE(s->is_new());
    CHECK(calls == 1);
}

TEST_CASE("an update that was overtaken pauses, loads anew, calls the function on what it finds, and saves that") {
    int calls = 0;
    auto update = counting(no_lock, calls);
    asked<ds::load_record>(update.resume({}, at(0s)));
    asked<ds::change_record>(update.resume(applied(stored()), at(0s)));
    // No lock or not, and whatever key they changed: the changes follow from what was loaded.
    CHECK(paused(update.resume(refused(saved_by_another()), at(0s))).duration <= 5ms);
    CHECK(asked<ds::load_record>(update.resume({}, at(0s))).id == id);
    const auto c = asked<ds::change_record>(update.resume(applied(saved_by_another()), at(0s)));
    CHECK(c.if_version == 4);
    CHECK(c.journal.contains(ds::journal::mark_of(theirs)));
    CHECK(c.changes == ds::delta{ds::fields({ds::field{"n", "11"}}), {}});
    CHECK(calls == 2);
    const auto s = finished(update.resume(applied(), at(0s))).value();
    REQUIRE(s.has_value());
    CHECK(s->get<int>("n") == 11);
    CHECK(s->contains("theirs"));
    CHECK_FALSE(s->contains("user"));
}

TEST_CASE("an update gives up when it was overtaken 32 times, with pauses of a quarter of a second at most") {
    int calls = 0;
    auto update = counting(no_lock, calls);
    asked<ds::load_record>(update.resume({}, at(0s)));
    for (int i = 1; i != 32; ++i) {
        asked<ds::change_record>(update.resume(applied(stored()), at(0s)));
        CHECK(calls == i);
        CHECK(paused(update.resume(refused(saved_by_another()), at(0s))).duration <= 250ms);
        asked<ds::load_record>(update.resume({}, at(0s)));
    }
    asked<ds::change_record>(update.resume(applied(stored()), at(0s)));
    CHECK(fails_with(update.resume(refused(saved_by_another()), at(0s)), ds::error::conflict));
    CHECK(calls == 32);
}

TEST_CASE("an update that is cancelled in a pause ends with that") {
    int calls = 0;
    auto update = counting(no_lock, calls);
    asked<ds::load_record>(update.resume({}, at(0s)));
    asked<ds::change_record>(update.resume(applied(stored()), at(0s)));
    paused(update.resume(refused(saved_by_another()), at(0s)));
    CHECK(fails_with(update.resume(ds::failure(boost::asio::error::operation_aborted), at(0s)),
                     boost::asio::error::operation_aborted));
    CHECK(calls == 1);
}

TEST_CASE("an update ends without a call where there is no session") {
    int calls = 0;
    auto update = counting(no_lock, calls);
    asked<ds::load_record>(update.resume({}, at(0s)));
    SUBCASE("absent") { CHECK_FALSE(finished(update.resume(applied(), at(0s))).value()); }
    SUBCASE("expired") { CHECK_FALSE(finished(update.resume(applied(stored()), at(30min))).value()); }
    CHECK(calls == 0);
}

TEST_CASE("an update whose session is destroyed meanwhile gives none, and never writes it anew") {
    int calls = 0;
    auto update = counting(no_lock, calls);
    asked<ds::load_record>(update.resume({}, at(0s)));
    asked<ds::change_record>(update.resume(applied(stored()), at(0s)));
    SUBCASE("a conflict first") { paused(update.resume(refused(saved_by_another()), at(0s))); }
    SUBCASE("gone at once") { paused(update.resume(refused(), at(0s))); }
    asked<ds::load_record>(update.resume({}, at(0s)));
    CHECK_FALSE(finished(update.resume(applied(), at(0s))).value());
    CHECK(calls == 1);
}

TEST_CASE("nothing is saved after a load that failed or found what cannot be read") {
    int calls = 0;
    auto update = counting(no_lock, calls);
    asked<ds::load_record>(update.resume({}, at(0s)));
    SUBCASE("unavailable") {
        CHECK(fails_with(update.resume(ds::failure(ds::error::service_unavailable), at(0s)),
                         ds::error::service_unavailable));
    }
    SUBCASE("corrupt") {
        auto broken = stored();
        broken.data = ds::fields({ds::field{"n", "{"}});
        CHECK(fails_with(update.resume(applied(broken), at(0s)), ds::error::corrupt_session));
    }
    CHECK(calls == 0);
}

TEST_CASE("an update by a session's former id saves nothing") {
    int calls = 0;
    auto update = counting(no_lock, calls);
    asked<ds::load_record>(update.resume({}, at(0s)));
    CHECK(fails_with(update.resume(ds::reply{.item = stored(), .forwarded = true}, at(0s)),
                     ds::error::read_only_session));
}

TEST_CASE("an update that fails in another way than by being overtaken is not repeated: it might be done twice") {
    for (const auto e : {ds::error::timeout, ds::error::outcome_unknown, ds::error::item_too_large}) {
        int calls = 0;
        auto update = counting(no_lock, calls);
        asked<ds::load_record>(update.resume({}, at(0s)));
        asked<ds::change_record>(update.resume(applied(stored()), at(0s)));
        CHECK(fails_with(update.resume(ds::failure(e), at(0s)), e));
        CHECK(calls == 1);
    }
}

TEST_CASE("an update whose function leaves what cannot be stored saves nothing") {
    store_detail::update update(id, no_lock, json, [](ds::session& s) { s["text"] = "\xff"; });
    asked<ds::load_record>(update.resume({}, at(0s)));
    CHECK(fails_with(update.resume(applied(stored()), at(0s)), ds::error::not_serializable));
}

TEST_CASE("an update whose function says no saves nothing, and sends nothing where nothing is locked") {
    store_detail::update update(id, no_lock, json, [](ds::session& s) {
        s.set("n", 9);
        return false;
    });
    asked<ds::load_record>(update.resume({}, at(0s)));
    const auto s = finished(update.resume(applied(stored()), at(10min))).value();
    REQUIRE(s.has_value());
    CHECK(s->version() == 3);
}

TEST_CASE("an update under a lock saves and releases in one write") {
    const ds::pessimistic_lock policy;
    int calls = 0;
    auto update = counting(policy, calls);
    const auto claim = asked<ds::lock_record>(update.resume({}, at(0s))).claim;
    const auto c = asked<ds::change_record>(update.resume(applied(locked(claim)), at(0s)));
    CHECK(c.if_locked_by == claim.token);
    CHECK_FALSE(c.lock.held());
    const auto s = finished(update.resume(applied(), at(0s))).value();
    REQUIRE(s.has_value());
    CHECK_FALSE(s->is_locked());
    CHECK(s->get<int>("n") == 2);
}

TEST_CASE("an update under a lock whose function says no releases it") {
    const ds::pessimistic_lock policy;
    store_detail::update update(id, policy, json, [](ds::session& s) {
        s.set("n", 9);
        return false;
    });
    const auto claim = asked<ds::lock_record>(update.resume({}, at(0s))).claim;
    const auto c = asked<ds::change_record>(update.resume(applied(locked(claim)), at(0s)));
    CHECK(c.if_locked_by == claim.token);
    CHECK(c.changes.empty());
    CHECK_FALSE(c.lock.held());
    SUBCASE("released") {
        const auto s = finished(update.resume(applied(), at(0s))).value();
        REQUIRE(s.has_value());
        CHECK_FALSE(s->is_locked());
        CHECK(s->version() == 4);
    }
    SUBCASE("not released") {
        CHECK(fails_with(update.resume(ds::failure(ds::error::throttled), at(0s)), ds::error::throttled));
    }
}

TEST_CASE("an update that lost its lock is repeated under a new one") {
    const ds::pessimistic_lock policy;
    int calls = 0;
    auto update = counting(policy, calls);
    const auto first = asked<ds::lock_record>(update.resume({}, at(0s))).claim;
    asked<ds::change_record>(update.resume(applied(locked(first)), at(0s)));
    CHECK(paused(update.resume(refused(locked({theirs, noon + 20s})), at(1s))).duration <= 5ms);
    const auto second = asked<ds::lock_record>(update.resume({}, at(2s))).claim;
    CHECK(second.token != first.token);
    const auto c = asked<ds::change_record>(update.resume(applied(locked(second, saved_by_another())), at(2s)));
    CHECK(c.if_locked_by == second.token);
    CHECK(c.if_version == 4);
    CHECK(finished(update.resume(applied(), at(2s))).value()->get<int>("n") == 11);
    CHECK(calls == 2);
}

TEST_CASE("an update under a lock that cannot be had fails with lock_timeout, and calls nothing") {
    const ds::pessimistic_lock policy({.max_wait_time = 0ms});
    int calls = 0;
    auto update = counting(policy, calls);
    asked<ds::lock_record>(update.resume({}, at(0s)));
    CHECK(fails_with(update.resume(refused(locked({theirs, noon + 20s})), at(0s)), ds::error::lock_timeout));
    CHECK(calls == 0);
}

TEST_CASE("an update drops what it has of a lock before it loads again, or it would wait for itself") {
    overtaken_policy policy;
    SUBCASE("lock lost") {}
    SUBCASE("conflict") { policy.failure = ds::error::conflict; }
    SUBCASE("session gone") { policy.failure = ds::error::session_gone; }
    int calls = 0;
    auto update = counting(policy, calls);
    asked<ds::lock_record>(update.resume({}, at(0s)));
    paused(update.resume(applied(stored()), at(0s)));
    CHECK(calls == 1);
    CHECK(policy.last->expired());
}
