#include <dynasession/lock/lock_sightings.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <vector>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::lock_detail::lock_sightings;

namespace {

const auto id = ds::session_id::generate(), other = ds::session_id::generate();

ds::record locked() {
    auto r = stored_at_noon();
    r.lock = {.foreign = true};
    return r;
}

} // namespace

TEST_CASE("a lock is counted from the first look on, each session for itself") {
    lock_sightings seen;
    CHECK(seen.seen_for(id, locked(), steady_noon) == 0s);
    CHECK(seen.seen_for(id, locked(), steady_noon + 20s) == 20s);
    CHECK(seen.seen_for(other, locked(), steady_noon + 20s) == 0s);
    CHECK(seen.seen_for(id, locked(), steady_noon + 61s) == 61s);
}

TEST_CASE("whatever is done to a lock, or under it, begins the count anew") {
    lock_sightings seen;
    auto r = locked();
    seen.seen_for(id, r, steady_noon);
    SUBCASE("another's") { r.lock = {"token", noon + 10s}; }
    SUBCASE("another expiry") { r.expires += 1s; }
    SUBCASE("other data, as long as before") { r.data = ds::fields({{"gone", "1"}, {"kept", "2"}}); }
    CHECK(seen.seen_for(id, r, steady_noon + 50s) == 0s);
    CHECK(seen.seen_for(id, r, steady_noon + 60s) == 10s);
}

TEST_CASE("a lock that was renewed is counted anew") {
    lock_sightings seen;
    auto r = stored_at_noon();
    r.lock = {"token", noon + 10s};
    seen.seen_for(id, r, steady_noon);
    CHECK(seen.seen_for(id, r, steady_noon + 9s) == 9s);
    r.lock.until += 1ms;
    CHECK(seen.seen_for(id, r, steady_noon + 10s) == 0s);
    CHECK(seen.seen_for(id, r, steady_noon + 11s) == 1s);
}

TEST_CASE("a lock that is gone is forgotten, so that the next one is counted from its own beginning") {
    lock_sightings seen;
    seen.seen_for(id, locked(), steady_noon);
    seen.forget(id);
    seen.forget(other);
    CHECK(seen.seen_for(id, locked(), steady_noon + 50s) == 0s);
}

TEST_CASE("of more locks than are kept those that were not looked at for longest are forgotten") {
    lock_sightings seen(3);
    std::vector<ds::session_id> ids;
    for (int i = 0; i != 3; ++i) {
        ids.push_back(ds::session_id::generate());
        seen.seen_for(ids.back(), locked(), steady_noon);
    }
    CHECK(seen.seen_for(ids[0], locked(), steady_noon + 1s) == 1s); // looked at again
    seen.seen_for(id, locked(), steady_noon + 2s);                  // the fourth, in place of ids[1]
    CHECK(seen.seen_for(ids[2], locked(), steady_noon + 3s) == 3s);
    CHECK(seen.seen_for(ids[0], locked(), steady_noon + 3s) == 3s);
    CHECK(seen.seen_for(id, locked(), steady_noon + 3s) == 1s);
    CHECK(seen.seen_for(ids[1], locked(), steady_noon + 3s) == 0s);
}
