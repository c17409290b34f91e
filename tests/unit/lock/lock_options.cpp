#include <dynasession/lock/lock_options.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::lock_detail::lock_service;

namespace {

const auto id = ds::session_id::generate();

} // namespace

TEST_CASE("a lock is dead 2 s after its end by our clock") {
    lock_service service;
    auto r = stored_at_noon();
    r.lock = {"token", noon + 10s};
    CHECK_FALSE(service.is_dead(id, r, at(12s)));
    CHECK(service.is_dead(id, r, at(12s + 1ms)));
}

TEST_CASE("a lock is dead when it did not change for a lease and 3 s by our stopwatch, whatever the clocks say") {
    lock_service service;
    auto r = stored_at_noon();
    r.lock = {"token", noon + 24h};
    CHECK_FALSE(service.is_dead(id, r, at(0s, 0s)));
    CHECK_FALSE(service.is_dead(id, r, at(0s, 13s - 1ms)));
    CHECK(service.is_dead(id, r, at(0s, 13s)));
    r.lock.until += 1ms;
    CHECK_FALSE(service.is_dead(id, r, at(0s, 13s)));
}

TEST_CASE("a foreign lock is dead when nothing was done under it for foreign_lock_time, and has no end by any clock") {
    lock_service service;
    service.options.foreign_lock_time = 40s;
    auto r = stored_at_noon();
    r.lock = {.foreign = true};
    CHECK_FALSE(service.is_dead(id, r, at(0s)));
    CHECK_FALSE(service.is_dead(id, r, at(20min, 40s - 1ms)));
    CHECK(service.is_dead(id, r, at(20min, 40s)));
    r.data = {};
    CHECK_FALSE(service.is_dead(id, r, at(20min, 40s)));
}
