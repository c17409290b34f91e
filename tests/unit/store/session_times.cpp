#include <dynasession/store/session_times.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

namespace ds = dynasession;
using namespace std::chrono_literals;
using ds::store_detail::record_of_new;
using ds::store_detail::validated;

namespace {

constexpr auto noon = ds::time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h);

} // namespace

TEST_CASE("a new session lives as the options say, or as it is to") {
    const ds::session_options options{.max_age = 12h, .max_stale = 30min};
    CHECK(record_of_new(options, {}, noon) ==
          ds::record{{.created = noon, .deadline = noon + 12h, .expires = noon + 30min, .max_stale = 30min}, {}});
    CHECK(record_of_new(options, {.max_age = 0s, .max_stale = 48h}, noon) ==
          ds::record{{.created = noon, .expires = noon + 48h, .max_stale = 48h}, {}});
    CHECK(record_of_new(options, {.max_age = 10min}, noon).expires == noon + 10min);
}

TEST_CASE("times out of range are refused, and the message says where they stand") {
    CHECK_THROWS_AS(record_of_new({}, {.max_stale = 0s}, noon), ds::session_error);
    CHECK_THROWS_AS(validated<false>({.touch_fraction = 1}), ds::session_error);
    CHECK_THROWS_AS(validated<false>({.regenerate_grace = 61s}), ds::session_error);
    try {
        validated<false>({.max_age = -1s});
        FAIL("a negative age was taken");
    } catch (const ds::session_error& e) {
        CHECK(e.code() == ds::error::invalid_option);
        CHECK(e.detail().find("session_options") == 0);
    }
}

TEST_CASE("by the old id nothing could be read that is bound to the new one") {
    const ds::session_options options{.regenerate_grace = 10s};
    CHECK(validated<false>(options).regenerate_grace == 10s);
    CHECK_THROWS_AS(validated<true>(options), ds::session_error);
    CHECK_NOTHROW(validated<true>({}));
}
