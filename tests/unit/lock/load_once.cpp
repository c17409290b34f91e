#include <dynasession/lock/load_once.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <chrono>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::lock_detail::load_once;

namespace {

const auto id = ds::session_id::generate();

} // namespace

TEST_CASE("load_once: one consistent read, and the live record only") {
    load_once load(id, false);
    const auto c = asked<ds::load_record>(load.resume({}, at(700ms)));
    CHECK(c.id == id);
    CHECK(c.now == noon);
    CHECK_FALSE(c.may_be_stale);
    SUBCASE("live") {
        const auto found = finished(load.resume(applied(stored_at_noon()), at(30min - 1ms))).value();
        REQUIRE(found.has_value());
        CHECK(found->stored == stored_at_noon());
        CHECK_FALSE(found->read_only);
        CHECK_FALSE(found->hold);
    }
    SUBCASE("expired") { CHECK_FALSE(finished(load.resume(applied(stored_at_noon()), at(30min))).value()); }
    SUBCASE("absent") { CHECK_FALSE(finished(load.resume(applied(), at(0s))).value()); }
    SUBCASE("not known: a failure is not an absent session") {
        CHECK(fails_with(load.resume(ds::failure(ds::error::service_unavailable), at(0s)),
                         ds::error::service_unavailable));
    }
    SUBCASE("locked by another: it waits for nobody") {
        auto locked = stored_at_noon();
        locked.lock = {"AAAAAAAAAAAAAAAA", noon + 10s};
        CHECK(finished(load.resume(applied(locked), at(0s))).value().has_value());
    }
}

TEST_CASE("load_once: what is loaded to be read only is marked so") {
    load_once load(id, true);
    asked<ds::load_record>(load.resume({}, at(0s)));
    CHECK(finished(load.resume(applied(stored_at_noon()), at(0s))).value()->read_only);
}

TEST_CASE("load_once: what is found under a session's former id is to be read only") {
    load_once load(id, false);
    asked<ds::load_record>(load.resume({}, at(0s)));
    SUBCASE("live") {
        const auto found =
            finished(load.resume(ds::reply{.item = stored_at_noon(), .forwarded = true}, at(0s))).value();
        REQUIRE(found.has_value());
        CHECK(found->read_only);
    }
    SUBCASE("expired") {
        CHECK_FALSE(finished(load.resume(ds::reply{.item = stored_at_noon(), .forwarded = true}, at(30min))).value());
    }
}
