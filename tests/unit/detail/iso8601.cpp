#include <dynasession/detail/iso8601.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace std::chrono;

namespace {

std::string text(sys_seconds time) {
    const auto out = dynasession::detail::iso8601_basic(time);
    return {out.data(), out.size()};
}

} // namespace

TEST_CASE("iso8601_basic writes date and time without separators, in UTC") {
    CHECK(text(sys_seconds{}) == "19700101T000000Z");
    CHECK(text(sys_days{2015y / 8 / 30} + 12h + 36min) == "20150830T123600Z");
    CHECK(text(sys_days{2028y / 2 / 29} + 23h + 59min + 59s) == "20280229T235959Z");
    CHECK(text(sys_days{2028y / 2 / 29} + 24h) == "20280301T000000Z");
    CHECK(text(sys_days{9999y / 12 / 31}) == "99991231T000000Z");
    CHECK(text(sys_seconds{-1s}) == "19691231T235959Z");
}
