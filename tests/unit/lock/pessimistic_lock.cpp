#include <dynasession/lock/pessimistic_lock.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::pessimistic_lock;
using ds::pessimistic_lock_options;

namespace {

const auto id = ds::session_id::generate();
const std::string theirs = "THEIRSTHEIRSTHEI";

ds::delta changes() { return {ds::fields({ds::field{"kept", "2"}}), {}}; }

ds::result<ds::fields> as_it_is(const ds::fields& f) { return f; }

// A session that was locked at noon.
ds::loaded loaded_at_noon(const pessimistic_lock& policy) {
    auto load = policy.load(id, ds::exclusive);
    auto r = stored_at_noon();
    r.lock = asked<ds::lock_record>(load.resume({}, at(0s))).claim;
    return *finished(load.resume(applied(r), at(0s))).value();
}

ds::save_request request(const ds::loaded& l, ds::delta d = {}) {
    return {.id = id, .stored = l.stored, .changes = std::move(d), .touch_after = 3min, .hold = l.hold};
}

std::string token_of(const ds::loaded& l) {
    return std::dynamic_pointer_cast<ds::lock_detail::wait_queues::place>(l.hold)->held_lock().claim.token;
}

ds::record locked_by_another() {
    auto r = stored_at_noon();
    r.lock = {theirs, noon + 20s};
    return r;
}

} // namespace

TEST_CASE("pessimistic_lock: options that make no sense are refused") {
    const auto refused_options = [](const pessimistic_lock_options& o) {
        try {
            pessimistic_lock policy(o);
            return false;
        } catch (const ds::session_error& e) {
            return e.code() == ds::error::invalid_option && !e.detail().empty();
        }
    };
    CHECK(refused_options({.lease = 0ms}));
    CHECK(refused_options({.lease = 24h + 1ms}));
    CHECK(refused_options({.max_wait_time = -1ms}));
    CHECK(refused_options({.max_wait_time = 24h + 1ms}));
    CHECK(refused_options({.min_retry_time = 0ms}));
    CHECK(refused_options({.min_retry_time = 300ms}));
    CHECK(refused_options({.max_retry_time = 25h}));
    CHECK(refused_options({.max_hold_time = -1ms}));
    CHECK(refused_options({.max_hold_time = 25h}));
    CHECK(refused_options({.lease = 5s, .max_tenure = 5s - 1ms}));
    CHECK(refused_options({.max_tenure = 25h}));
    CHECK(refused_options({.foreign_lock_time = 0ms}));
    CHECK(refused_options({.foreign_lock_time = 25h}));
    CHECK_FALSE(refused_options({}));
    CHECK_FALSE(refused_options(
        {.lease = 24h, .max_wait_time = 0ms, .min_retry_time = 250ms, .max_waiters = 0, .max_hold_time = 0ms}));
    CHECK(pessimistic_lock({.lease = 5s, .max_tenure = 5s}).options().lease == 5s);
}

TEST_CASE("pessimistic_lock: what a load locks") {
    const pessimistic_lock locking, reading({.lock_on_load = false});
    SUBCASE("to be read and saved: by default") {
        auto load = locking.load(id, ds::read_write);
        asked<ds::lock_record>(load.resume({}, at(0s)));
    }
    SUBCASE("to be read and saved: not without lock_on_load") {
        auto load = reading.load(id, ds::read_write);
        asked<ds::load_record>(load.resume({}, at(0s)));
        const auto found = finished(load.resume(applied(locked_by_another()), at(0s))).value();
        REQUIRE(found.has_value());
        CHECK_FALSE(found->read_only);
        CHECK_FALSE(found->hold);
    }
    SUBCASE("exclusive: always") {
        auto load = reading.load(id, ds::exclusive);
        asked<ds::lock_record>(load.resume({}, at(0s)));
    }
    SUBCASE("to be read only: never, whoever has it") {
        const auto held = loaded_at_noon(locking);
        auto load = locking.load(id, ds::read_only);
        asked<ds::load_record>(load.resume({}, at(0s)));
        CHECK(finished(load.resume(applied(locked_by_another()), at(0s))).value()->read_only);
    }
}

TEST_CASE("pessimistic_lock: a save gives up the lock; a further one is bound to the version and respects locks") {
    const pessimistic_lock policy;
    const auto found = loaded_at_noon(policy);
    auto save = policy.save(request(found, changes()));
    CHECK(asked<ds::change_record>(save.resume({}, at(1s))).if_locked_by == token_of(found));
    const auto saved = finished(save.resume(applied(), at(1s))).value();
    CHECK_FALSE(found.hold->held());
    CHECK_FALSE(saved.hold);

    for (const auto& hold : {saved.hold, found.hold}) { // the session's, and that of a copy that was made before
        ds::save_request again{
            .id = id, .stored = saved.stored, .changes = {ds::fields({ds::field{"kept", "3"}}), {}}, .hold = hold};
        auto later = policy.save(again);
        const auto c = asked<ds::change_record>(later.resume({}, at(3s)));
        CHECK(c.if_version == 4);
        CHECK(c.if_locked_by.empty());
        CHECK(c.if_unlocked == noon + 1s);
        CHECK(c.journal.size() == 2); // both writers
        CHECK(c.journal.contains(ds::journal::mark_of(token_of(found))));
        auto locked = locked_by_another();
        locked.version = 4;
        locked.data = saved.stored.data;
        paused(later.resume(refused(locked), at(3s)));
    }
}

TEST_CASE("pessimistic_lock: a save whose turn was taken away is still bound to its lock") {
    const pessimistic_lock policy;
    const auto found = loaded_at_noon(policy);
    auto next = policy.load(id, ds::exclusive);
    asked<ds::lock_record>([&] {
        paused(next.resume({}, at(5s)));
        return next.resume({}, at(12s));
    }());
    CHECK_FALSE(found.hold->held());
    auto save = policy.save(request(found, changes()));
    CHECK(asked<ds::change_record>(save.resume({}, at(13s))).if_locked_by == token_of(found));
    CHECK(fails_with(save.resume(refused(locked_by_another()), at(13s)), ds::error::lock_lost));
}

TEST_CASE("pessimistic_lock: a session that was not locked is saved bound to its version") {
    const pessimistic_lock policy;
    auto save = policy.save({.id = id, .stored = stored_at_noon(), .changes = changes()});
    const auto c = asked<ds::change_record>(save.resume({}, at(3s)));
    CHECK(c.if_version == 3);
    CHECK(c.if_locked_by.empty());
    CHECK(c.if_unlocked == noon + 1s);
}

TEST_CASE("pessimistic_lock: with foreign_writers all its saves and moves are bound to what was read") {
    const pessimistic_lock policy({.foreign_writers = true});
    const auto found = loaded_at_noon(policy);
    const auto to = ds::session_id::generate();
    auto move = policy.regenerate(request(found), to, as_it_is);
    CHECK(asked<ds::move_record>(move.resume({}, at(0s))).if_as_read);
    auto save = policy.save(request(found, changes()));
    CHECK(asked<ds::change_record>(save.resume({}, at(0s))).if_as_read);
    auto unlocked = policy.save({.id = id, .stored = stored_at_noon(), .changes = changes()});
    CHECK(asked<ds::change_record>(unlocked.resume({}, at(0s))).if_as_read);
    auto unlocked_move = policy.regenerate({.id = id, .stored = stored_at_noon()}, to, as_it_is);
    CHECK(asked<ds::move_record>(unlocked_move.resume({}, at(0s))).if_as_read);
}

TEST_CASE("pessimistic_lock: a save without a lock goes at once over one that its own process left behind") {
    const pessimistic_lock policy({.lock_on_load = false});
    auto left = stored_at_noon();
    left.lock = {token_of(loaded_at_noon(policy)), noon + 10s}; // and forgotten
    ds::save_request r{.id = id, .stored = stored_at_noon(), .changes = changes()};
    SUBCASE("found at its first attempt") {
        auto save = policy.save(r);
        CHECK_FALSE(asked<ds::change_record>(save.resume({}, at(1s))).seen);
        CHECK(asked<ds::change_record>(save.resume(refused(left), at(1s))).seen == left.lock);
        CHECK_FALSE(finished(save.resume(applied(), at(1s))).value().stored.lock.held());
    }
    SUBCASE("found by its load") {
        r.stored = left;
        auto save = policy.save(r);
        CHECK(asked<ds::change_record>(save.resume({}, at(1s))).seen == left.lock);
    }
    SUBCASE("and so does a move") {
        auto move = policy.regenerate(r, ds::session_id::generate(), as_it_is);
        asked<ds::move_record>(move.resume({}, at(1s)));
        CHECK(asked<ds::move_record>(move.resume(refused(left), at(1s))).seen == left.lock);
    }
    auto load = policy.load(id, ds::exclusive); // who comes next asks the store, and takes no such lock for its own
    CHECK_FALSE(asked<ds::lock_record>(load.resume({}, at(2s))).seen);
}

TEST_CASE("pessimistic_lock: saves without a lock wait for the PHP handler, and for none that has abandoned its lock") {
    const pessimistic_lock policy({.foreign_writers = true, .lock_on_load = false});
    auto locked = stored_at_noon();
    locked.lock = {.foreign = true};
    ds::save_request r{.id = id, .stored = stored_at_noon(), .changes = changes()};
    auto first = policy.save(r);
    asked<ds::change_record>(first.resume({}, at(0s)));
    paused(first.resume(refused(locked), at(0s)));
    CHECK_FALSE(asked<ds::change_record>(first.resume({}, at(1s))).seen);
    paused(first.resume(refused(locked), at(1s)));

    auto later = policy.save(r); // a minute after the process saw it first
    asked<ds::change_record>(later.resume({}, at(60s)));
    const auto c = asked<ds::change_record>(later.resume(refused(locked), at(60s)));
    CHECK(c.seen == locked.lock);
    CHECK(c.if_as_read->expires == locked.expires);
    CHECK(c.if_as_read->data == locked.data);
}

TEST_CASE("pessimistic_lock: a touch leaves the changes where they are, and the lock") {
    const pessimistic_lock policy;
    const auto found = loaded_at_noon(policy);
    auto touch = policy.touch(request(found, changes()));
    CHECK(asked<ds::touch_record>(touch.resume({}, at(4min))).expires == noon + 34min);
    const auto saved = finished(touch.resume(applied(), at(4min))).value();
    CHECK(saved.stored.expires == noon + 34min);
    CHECK(saved.hold == found.hold);
    CHECK(found.hold->held());
}

TEST_CASE("pessimistic_lock: a session gets its new id under its lock, and has none afterwards") {
    const pessimistic_lock policy;
    const auto found = loaded_at_noon(policy);
    const auto to = ds::session_id::generate();
    auto move = policy.regenerate(request(found, changes()), to, as_it_is);
    const auto c = asked<ds::move_record>(move.resume({}, at(1s)));
    CHECK(c.from == id);
    CHECK(c.to == to);
    CHECK(c.if_version == 3);
    CHECK(c.if_locked_by == token_of(found));
    CHECK_FALSE(c.content.lock.held());
    SUBCASE("moved") {
        const auto saved = finished(move.resume(applied(), at(1s))).value();
        CHECK(saved.stored.version == 4);
        CHECK_FALSE(saved.hold);
        CHECK_FALSE(found.hold->held());
    }
    SUBCASE("lost") { CHECK(fails_with(move.resume(refused(locked_by_another()), at(1s)), ds::error::lock_lost)); }
    SUBCASE("failed: it keeps its lock for another attempt") {
        CHECK(fails_with(move.resume(ds::failure(ds::error::timeout), at(1s)), ds::error::timeout));
        CHECK(found.hold->held());
    }
}

TEST_CASE("pessimistic_lock: a session without a lock gets its new id bound to its version") {
    const pessimistic_lock policy;
    auto move = policy.regenerate({.id = id, .stored = stored_at_noon()}, ds::session_id::generate(), as_it_is);
    const auto c = asked<ds::move_record>(move.resume({}, at(1s)));
    CHECK(c.if_locked_by.empty());
    CHECK(c.if_version == 3);
}

TEST_CASE("pessimistic_lock: a release gives up the lock and leaves the changes where they are") {
    const pessimistic_lock policy;
    const auto found = loaded_at_noon(policy);
    auto release = policy.release(request(found, changes()));
    const auto c = asked<ds::change_record>(release.resume({}, at(1s)));
    CHECK(c.changes.empty());
    CHECK(c.if_locked_by == token_of(found));
    const auto saved = finished(release.resume(applied(), at(1s))).value();
    CHECK(saved.stored.data == stored_at_noon().data);
    CHECK(saved.stored.version == 4);
    CHECK_FALSE(saved.hold);

    auto again = policy.release({.id = id, .stored = saved.stored, .hold = found.hold});
    CHECK(finished(again.resume({}, at(1s))).value().stored == saved.stored);
}

TEST_CASE("pessimistic_lock: a renewal keeps session and lock") {
    const pessimistic_lock policy;
    const auto found = loaded_at_noon(policy);
    auto renew = policy.renew(request(found, changes()));
    const auto c = asked<ds::renew_lock>(renew.resume({}, at(5s)));
    CHECK(c.claim == ds::lock_claim{token_of(found), noon + 15s});
    const auto saved = finished(renew.resume(applied(), at(5s))).value();
    CHECK(saved.stored == found.stored);
    CHECK(saved.hold == found.hold);
    auto nothing = policy.renew({.id = id, .stored = stored_at_noon()});
    CHECK(fails_with(nothing.resume({}, at(5s)), ds::error::lock_lost));
}

TEST_CASE("pessimistic_lock: a lock is kept until it is told otherwise, or until it ends") {
    const pessimistic_lock policy({.lease = 12s});
    auto found = loaded_at_noon(policy);
    SUBCASE("told") {
        const auto stop = std::make_shared<ds::op::event>();
        auto keep = policy.keep(id, found.hold, stop);
        CHECK(paused(keep.resume({}, at(0s))).until == stop);
    }
    SUBCASE("ends") {
        auto keep = policy.keep(id, found.hold, nullptr);
        const auto p = paused(keep.resume({}, at(0s)));
        CHECK(p.duration == 4s);
        REQUIRE(p.until);
        CHECK_FALSE(p.until->is_set());
        found = {};
        CHECK(p.until->is_set());
        CHECK(finished(keep.resume({}, at(1s))).has_value());
    }
    SUBCASE("nothing to keep") {
        auto keep = policy.keep(id, nullptr, nullptr);
        CHECK(finished(keep.resume({}, at(0s))).has_value());
    }
}

TEST_CASE("pessimistic_lock: copies share one queue, policies of their own do not") {
    const pessimistic_lock policy;
    const auto copy = policy;
    const pessimistic_lock other;
    const auto found = loaded_at_noon(policy);
    auto load = copy.load(id, ds::exclusive);
    CHECK(paused(load.resume({}, at(1s))).until);
    auto elsewhere = other.load(id, ds::exclusive);
    asked<ds::lock_record>(elsewhere.resume({}, at(1s)));
}

TEST_CASE("pessimistic_lock: requests of one process pass a session round without reading it again") {
    const pessimistic_lock policy;
    auto first = loaded_at_noon(policy);
    auto load = policy.load(id, ds::exclusive);
    paused(load.resume({}, at(0s)));
    auto save = policy.save(request(first, changes()));
    const auto handed = asked<ds::change_record>(save.resume({}, at(1s))).lock;
    REQUIRE(handed.held());
    const auto saved = finished(save.resume(applied(), at(1s))).value();

    const auto second = finished(load.resume({}, at(1s))).value();
    REQUIRE(second.has_value());
    CHECK(second->stored == saved.stored);
    auto next = policy.save(request(*second, {ds::fields({ds::field{"kept", "3"}}), {}}));
    const auto c = asked<ds::change_record>(next.resume({}, at(2s)));
    CHECK(c.if_version == 4);
    CHECK(c.if_locked_by == handed.token);
    CHECK(c.journal.size() == 2);
    CHECK_FALSE(c.lock.held());
}
