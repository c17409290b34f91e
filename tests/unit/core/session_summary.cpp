#include <dynasession/core/session_summary.hpp>

#include <doctest/doctest.h>

#include <chrono>

namespace ds = dynasession;
using namespace std::chrono_literals;

namespace {

constexpr auto noon = ds::time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h);
const auto handle = ds::session_handle::of(ds::session_id::generate());

ds::session_summary sample() {
    return {handle, {.created = noon, .deadline = noon + 12h, .expires = noon + 40min, .max_stale = 30min, .version = 3},
            {.user = "ana", .since = noon + 1min + 7ms, .device = "Firefox"}};
}

} // namespace

TEST_CASE("what a user is shown says when a session was used last, as far as its end tells") {
    CHECK(ds::session_info::of(sample()) ==
          ds::session_info{handle, noon, noon + 1min + 7ms, noon + 10min, noon + 40min, "Firefox"});
}

TEST_CASE("the end of a session that its deadline cuts short does not make it older than it is") {
    auto s = sample();
    s.times.deadline = s.times.expires = noon + 20min;
    CHECK(ds::session_info::of(s).last_seen == noon + 1min);
    s.owner.since = noon - 1h;
    CHECK(ds::session_info::of(s).last_seen == noon);
}

TEST_CASE("of two sessions the one that was bound later is newer, and of two of one moment always the same one") {
    auto a = sample(), b = sample();
    b.owner.since += 1ms;
    CHECK(ds::session_summary::newer(b, a));
    CHECK_FALSE(ds::session_summary::newer(a, b));
    b = sample();
    b.handle = ds::session_handle::of(ds::session_id::generate());
    CHECK(ds::session_summary::newer(a, b) != ds::session_summary::newer(b, a));
    CHECK_FALSE(ds::session_summary::newer(a, a));
}
