#include <dynasession/http/date.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono;
using dynasession::http::parse_date;

TEST_CASE("the time of a Date header") {
    CHECK(parse_date("Fri, 20 Nov 2026 10:00:59 GMT") == sys_days{2026y / 11 / 20} + 10h + 59s);
    CHECK(parse_date("Thu, 01 Jan 1970 00:00:00 GMT") == sys_seconds{});
    CHECK(parse_date("Sat, 31 Dec 2016 23:59:60 GMT") == sys_days{2017y / 1 / 1}); // a leap second
    CHECK(parse_date("Tue, 29 Feb 2028 23:59:59 GMT") == sys_days{2028y / 3 / 1} - 1s);
}

TEST_CASE("any other text is no date") {
    for (const char* text :
         {"", "Fri, 20 Nov 2026 10:00:59", "Fri, 20 Nov 2026 10:00:59 UTC", "Fri, 30 Feb 2026 10:00:59 GMT",
          "Fri, 20 nov 2026 10:00:59 GMT", "Fri, 20 Nov 2026 24:00:00 GMT", "Fri, 20 Nov 2026 10:60:00 GMT",
          "Fri, 20 Nov 2026 10:00:61 GMT", "Fri, 0x Nov 2026 10:00:59 GMT", "Friday, 20-Nov-26 10:00:59 GMT",
          "Fri Nov 20 10:00:59 2026     ", "2026-11-20T10:00:59Z          ", "Fri, 00 Nov 2026 10:00:59 GMT",
          "Fri, 20 Nov 2026 10:00:59 GMT "}) {
        CAPTURE(text);
        CHECK_FALSE(parse_date(text));
    }
}
