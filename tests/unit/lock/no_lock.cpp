#include <dynasession/lock/no_lock.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <utility>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;

namespace {

const ds::no_lock policy;
const auto id = ds::session_id::generate();

ds::save_request request(ds::delta d = {}) {
    return {.id = id, .stored = stored_at_noon(), .changes = std::move(d), .touch_after = 3min};
}

ds::delta changes() { return {ds::fields({ds::field{"kept", "2"}}), {}}; }

ds::result<ds::fields> as_it_is(const ds::fields& f) { return f; }

static_assert(ds::can_load<ds::no_lock, ds::read_write_t> && ds::can_load<ds::no_lock, ds::read_only_t>);
static_assert(!ds::can_load<ds::no_lock, ds::exclusive_t> && !ds::exclusive_lock_policy<ds::no_lock>);

} // namespace

TEST_CASE("no_lock: a load is one read, to be saved or to be read only") {
    auto load = policy.load(id, ds::read_write);
    CHECK(asked<ds::load_record>(load.resume({}, at(0s))).id == id);
    CHECK_FALSE(finished(load.resume(applied(stored_at_noon()), at(0s))).value()->read_only);
    auto read = policy.load(id, ds::read_only);
    asked<ds::load_record>(read.resume({}, at(0s)));
    CHECK(finished(read.resume(applied(stored_at_noon()), at(0s))).value()->read_only);
}

TEST_CASE("no_lock: of two saves of one key the later one stays, and locks of others are not looked at") {
    auto save = policy.save(request(changes()));
    auto c = asked<ds::change_record>(save.resume({}, at(0s)));
    CHECK_FALSE(c.if_unlocked);
    CHECK(c.if_locked_by.empty());
    CHECK(c.journal.size() == 1);
    auto other = stored_at_noon();
    other.version = 4;
    other.data = ds::fields({{"gone", "1"}, {"kept", "3"}});
    other.lock = {"THEIRSTHEIRSTHEI", noon + 10s};
    c = asked<ds::change_record>(save.resume(refused(other), at(0s)));
    CHECK(c.if_version == 4);
    CHECK(c.after == ds::fields({{"gone", "1"}, {"kept", "2"}}));
    CHECK(finished(save.resume(applied(), at(0s))).value().stored.version == 5);
}

TEST_CASE("no_lock: a touch leaves the changes where they are") {
    auto due = policy.touch(request(changes()));
    CHECK(asked<ds::touch_record>(due.resume({}, at(10min))).expires == noon + 40min);
    auto early = policy.touch(request(changes()));
    CHECK(finished(early.resume({}, at(0s))).value().stored == stored_at_noon());
}

TEST_CASE("no_lock: a session moves with what others saved") {
    const auto to = ds::session_id::generate();
    auto move = policy.regenerate(request(changes()), to, as_it_is);
    const auto c = asked<ds::move_record>(move.resume({}, at(0s)));
    CHECK(c.from == id);
    CHECK(c.to == to);
    CHECK(c.if_locked_by.empty());
    auto other = stored_at_noon();
    other.version = 9;
    CHECK(asked<ds::move_record>(move.resume(refused(other), at(0s))).if_version == 9);
}

TEST_CASE("no_lock: with foreign_writers saves and moves are bound to what was read, else to the version alone") {
    for (const bool shared : {false, true}) {
        const ds::no_lock p{.foreign_writers = shared};
        auto save = p.save(request(changes()));
        CHECK(asked<ds::change_record>(save.resume({}, at(0s))).if_as_read.has_value() == shared);
        auto move = p.regenerate(request(), ds::session_id::generate(), as_it_is);
        CHECK(asked<ds::move_record>(move.resume({}, at(0s))).if_as_read.has_value() == shared);
    }
}
