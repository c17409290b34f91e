#include <dynasession/store/sweep.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <vector>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::store_detail::end_one;
using ds::store_detail::list_of;
using ds::store_detail::sweep;

namespace {

// So many sessions, the last bound first: at noon, a second before, and so on.
std::vector<ds::session_summary> sessions(int n) {
    std::vector<ds::session_summary> all;
    for (int i = 0; i < n; ++i)
        all.push_back({ds::session_handle::of(ds::session_id::generate()), stored_at_noon(), {.user = "ana", .since = noon - 1s * i}});
    return all;
}

ds::result<ds::reply> listed(const std::vector<ds::session_summary>& all) { return ds::reply{.sessions = all}; }

} // namespace

TEST_CASE("each session that ends is erased as it was listed, and counted if it was still there") {
    const auto all = sessions(3);
    sweep op({.user = "ana"});
    const auto list = asked<ds::list_sessions>(op.resume({}, at(1s)));
    CHECK(list.user == "ana");
    CHECK(list.now == noon + 1s);
    CHECK(list.limit == 1000);
    auto erase = asked<ds::erase_owned>(op.resume(listed(all), at(1s)));
    CHECK(erase.user == "ana");
    CHECK(erase.handle == all[0].handle);
    CHECK(erase.bound_until == all[0].owner.since);
    CHECK(asked<ds::erase_owned>(op.resume(applied(), at(1s))).handle == all[1].handle);
    CHECK(asked<ds::erase_owned>(op.resume(refused(), at(1s))).handle == all[2].handle);
    CHECK(finished(op.resume(applied(), at(1s))).value() == 2);
}

TEST_CASE("the one that is kept stays, and so do the newest, unless a mark has ended them") {
    const auto all = sessions(4);
    sweep kept({.user = "ana", .kept = all[1].handle});
    kept.resume({}, at(1s));
    CHECK(asked<ds::erase_owned>(kept.resume(listed(all), at(1s))).handle == all[0].handle);
    CHECK(asked<ds::erase_owned>(kept.resume(applied(), at(1s))).handle == all[2].handle);
    sweep newest({.user = "ana", .newest = 3});
    newest.resume({}, at(1s));
    CHECK(asked<ds::erase_owned>(newest.resume(listed(all), at(1s))).handle == all[3].handle);
    CHECK(finished(newest.resume(applied(), at(1s))).value() == 1);
    sweep marked({.user = "ana", .newest = 3, .mark = noon - 1s});
    marked.resume({}, at(1s));
    CHECK(asked<ds::erase_owned>(marked.resume(listed(all), at(1s))).handle == all[1].handle);
}

TEST_CASE("a mark comes first, and is all where there is no index") {
    const ds::raise_mark mark{"ana", noon, noon + 1h};
    sweep both({.user = "ana", .raise = mark});
    CHECK(asked<ds::raise_mark>(both.resume({}, at(0s))).not_before == noon);
    asked<ds::list_sessions>(both.resume(applied(), at(0s)));
    sweep alone({.user = "ana", .raise = mark, .lists = false});
    asked<ds::raise_mark>(alone.resume({}, at(0s)));
    CHECK(finished(alone.resume(refused(), at(0s))).value() == 0); // another raised it higher
    sweep failing({.user = "ana", .raise = mark});
    failing.resume({}, at(0s));
    CHECK(fails_with(failing.resume(ds::failure(ds::error::timeout), at(0s)), ds::error::timeout));
}

TEST_CASE("a list that is full is followed by another one, as long as that leads anywhere") {
    const auto all = sessions(1000);
    sweep op({.user = "ana"});
    auto act = op.resume(applied(), at(0s));
    asked<ds::list_sessions>(act);
    act = op.resume(listed(all), at(0s));
    SUBCASE("something ended") {
        for (int i = 0; i < 1000; ++i) act = op.resume(applied(), at(0s));
        asked<ds::list_sessions>(act);
        CHECK(finished(op.resume(listed({}), at(0s))).value() == 1000);
    }
    SUBCASE("nothing did") {
        for (int i = 0; i < 1000; ++i) act = op.resume(refused(), at(0s));
        CHECK(finished(act).value() == 0);
    }
}

TEST_CASE("a list tells what is live under the mark") {
    list_of op("ana", 7, noon - 1s);
    CHECK(asked<ds::list_sessions>(op.resume({}, at(0s))).limit == 7);
    const auto all = finished(op.resume(listed(sessions(3)), at(0s))).value();
    REQUIRE(all.size() == 1);
    CHECK(all.front().since == noon);
    CHECK(all.front().expires == noon + 30min);
}

TEST_CASE("one session ends if it is the user's") {
    const auto handle = ds::session_handle::of(ds::session_id::generate());
    for (const bool his : {true, false}) {
        end_one op("ana", handle);
        const auto erase = asked<ds::erase_owned>(op.resume({}, at(0s)));
        CHECK(erase.handle == handle);
        CHECK(erase.bound_until == ds::user_time::max());
        CHECK(finished(op.resume(his ? applied() : refused(), at(0s))).value() == his);
    }
}
