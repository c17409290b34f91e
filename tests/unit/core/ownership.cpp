#include <dynasession/core/ownership.hpp>

#include <doctest/doctest.h>

#include <chrono>

namespace ds = dynasession;
using namespace std::chrono_literals;

TEST_CASE("a session is nobody's if nothing is known of it") {
    CHECK(ds::ownership{}.empty());
    CHECK_FALSE(ds::ownership{.user = "ana"}.empty());
    CHECK_FALSE(ds::ownership{.device = "Firefox"}.empty());
    CHECK_FALSE(ds::ownership{.id_since = std::chrono::sys_seconds(1s)}.empty());
}
