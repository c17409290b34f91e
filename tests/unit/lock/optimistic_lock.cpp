#include <dynasession/lock/optimistic_lock.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <utility>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;

namespace {

const ds::optimistic_lock policy;
const auto id = ds::session_id::generate();

ds::save_request request(ds::delta d = {}) {
    return {.id = id, .stored = stored_at_noon(), .changes = std::move(d), .touch_after = 3min};
}

ds::delta changes() { return {ds::fields({ds::field{"kept", "2"}}), {}}; }

ds::result<ds::fields> as_it_is(const ds::fields& f) { return f; }

static_assert(!ds::can_load<ds::optimistic_lock, ds::exclusive_t> && !ds::exclusive_lock_policy<ds::optimistic_lock>);

} // namespace

TEST_CASE("optimistic_lock: a load is one read that waits for nobody") {
    auto load = policy.load(id, ds::read_write);
    asked<ds::load_record>(load.resume({}, at(0s)));
    auto locked = stored_at_noon();
    locked.lock = {"THEIRSTHEIRSTHEI", noon + 10s};
    CHECK_FALSE(finished(load.resume(applied(locked), at(0s))).value()->read_only);
    auto read = policy.load(id, ds::read_only);
    asked<ds::load_record>(read.resume({}, at(0s)));
    CHECK(finished(read.resume(applied(locked), at(0s))).value()->read_only);
}

TEST_CASE("optimistic_lock: a save is bound to the version, and to nobody holding a lock that is not long over") {
    auto save = policy.save(request(changes()));
    const auto c = asked<ds::change_record>(save.resume({}, at(3s)));
    CHECK(c.if_version == 3);
    CHECK(c.if_unlocked == noon + 1s);
    CHECK(c.if_locked_by.empty());
    CHECK(c.journal.size() == 1);
    auto other = stored_at_noon();
    SUBCASE("another changed the same key") {
        other.version = 4;
        other.data = ds::fields({{"gone", "1"}, {"kept", "3"}});
        CHECK(fails_with(save.resume(refused(other), at(3s)), ds::error::conflict));
    }
    SUBCASE("another changed another key") {
        other.version = 4;
        other.data = ds::fields({ds::field{"kept", "1"}});
        CHECK(asked<ds::change_record>(save.resume(refused(other), at(3s))).after ==
              ds::fields({ds::field{"kept", "2"}}));
    }
    SUBCASE("another has it locked") {
        other.lock = {"THEIRSTHEIRSTHEI", noon + 10s};
        paused(save.resume(refused(other), at(3s)));
    }
    SUBCASE("a program without a token, the PHP handler, has it locked") {
        other.lock = {.foreign = true};
        paused(save.resume(refused(other), at(3s)));
    }
}

TEST_CASE("optimistic_lock: a touch leaves the changes where they are") {
    auto due = policy.touch(request(changes()));
    CHECK(asked<ds::touch_record>(due.resume({}, at(10min))).expires == noon + 40min);
}

TEST_CASE("optimistic_lock: a session moves bound to its version") {
    const auto to = ds::session_id::generate();
    auto move = policy.regenerate(request(), to, as_it_is);
    const auto c = asked<ds::move_record>(move.resume({}, at(0s)));
    CHECK(c.to == to);
    CHECK(c.if_version == 3);
    CHECK(c.if_locked_by.empty());
}

TEST_CASE("optimistic_lock: with foreign_writers saves and moves are bound to what was read, else to the version alone") {
    for (const bool shared : {false, true}) {
        const ds::optimistic_lock p{.foreign_writers = shared};
        auto save = p.save(request(changes()));
        CHECK(asked<ds::change_record>(save.resume({}, at(0s))).if_as_read.has_value() == shared);
        auto move = p.regenerate(request(), ds::session_id::generate(), as_it_is);
        CHECK(asked<ds::move_record>(move.resume({}, at(0s))).if_as_read.has_value() == shared);
    }
}
