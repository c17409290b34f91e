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

TEST_CASE("parse_iso8601 reads what AWS sends, and offsets") {
    using dynasession::detail::parse_iso8601;
    const auto ten = sys_days{2026y / 11 / 20} + 10h;
    CHECK(parse_iso8601("2026-11-20T10:00:00Z") == ten);
    CHECK(parse_iso8601("2026-11-20T10:00:00.123456Z") == ten);
    CHECK(parse_iso8601("2026-11-20T12:00:00+02:00") == ten);
    CHECK(parse_iso8601("2026-11-20T06:30:00-0330") == ten);
    CHECK(parse_iso8601("2026-11-20 10:00:00z") == ten);
    CHECK(parse_iso8601("1969-12-31T23:59:59Z") == sys_seconds{-1s});

    for (const char* text :
         {"", "2026", "2026-11-20", "2026-11-20T10:00:00", "2026-13-20T10:00:00Z", "2026-02-30T10:00:00Z",
          "2026-11-20T24:00:00Z", "2026-11-20T10:60:00Z", "2026-11-20T10:00:00.Z", "2026-11-20T10:00:00ZZ",
          "2026-11-20T10:00:00+2:00", "2026-11-20T10:00:00+02:00x", "-026-11-20T10:00:00Z", "2026-1-20T10:00:00Z",
          "2026-11-20T10:00:-1Z", "2026/11/20T10:00:00Z", "never"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_iso8601(text));
    }
}
