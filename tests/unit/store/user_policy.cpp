#include <dynasession/store/user_policy.hpp>

#include <dynasession/core/concepts.hpp>
#include <dynasession/lock/no_lock.hpp>
#include <dynasession/lock/pessimistic_lock.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <chrono>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::store_detail::user_policy;

// It is what the policy beneath it is.
static_assert(ds::check_lock_policy<user_policy<ds::no_lock>>() && !ds::exclusive_lock_policy<user_policy<ds::no_lock>>);
static_assert(ds::exclusive_lock_policy<user_policy<ds::pessimistic_lock>>);
static_assert(!ds::can_load<user_policy<ds::no_lock>, ds::exclusive_t>);

TEST_CASE("a save and a move are dated, and a touch is not") {
    const user_policy policy(ds::no_lock{}, nullptr);
    ds::save_request r{.id = ds::session_id::generate(), .stored = stored_at_noon()};
    r.amended.user = "ana";
    auto save = policy.save(r);
    CHECK(asked<ds::change_record>(save.resume({}, at(7ms))).terms->owner.since == noon + 7ms);
    auto move = policy.regenerate(r, ds::session_id::generate(), [](const ds::fields& f) { return ds::result<ds::fields>(f); });
    CHECK(asked<ds::move_record>(move.resume({}, at(7ms))).content.owner.since == noon + 7ms);
    r.amended.since = noon + 1s;
    auto dated = policy.save_dated(r);
    CHECK(asked<ds::change_record>(dated.resume({}, at(7ms))).terms->owner.since == noon + 1s);
    auto touch = policy.touch(r);
    asked<ds::touch_record>(touch.resume({}, at(10min)));
}
