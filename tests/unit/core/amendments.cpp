#include <dynasession/core/amendments.hpp>

#include <doctest/doctest.h>

#include <chrono>

namespace ds = dynasession;
using namespace std::chrono_literals;

namespace {

constexpr auto noon = ds::time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h);

ds::record stored() {
    ds::record r{{.created = noon, .deadline = noon + 12h, .expires = noon + 30min, .max_stale = 30min, .version = 3}, {}};
    r.owner = {.user = "ana", .since = noon + 5ms, .device = "Firefox", .id_since = noon + 1s};
    return r;
}

} // namespace

TEST_CASE("amendments that name nothing leave the terms as they are") {
    const ds::amendments none;
    CHECK(none.empty());
    CHECK_FALSE(none.bind());
    CHECK_FALSE(none.on(stored()));
    auto r = stored();
    none.apply_to(r);
    CHECK(r == stored());
}

TEST_CASE("a user takes a session over from the moment given, and leaves it without one") {
    ds::amendments a{.user = "jeremy", .since = noon + 7ms};
    CHECK(a.bind());
    auto after = a.on(stored()).value();
    CHECK(after.owner.user == "jeremy");
    CHECK(after.owner.since == noon + 7ms);
    CHECK(after.owner.device == "Firefox");
    CHECK(after.owner.id_since == noon + 1s);
    CHECK(after.deadline == noon + 12h);
    CHECK(after.max_stale == 30min);
    a.user = "";
    CHECK_FALSE(a.bind());
    CHECK_FALSE(a.empty());
    after = a.on(stored()).value();
    CHECK(after.owner.user.empty());
    CHECK(after.owner.since == ds::user_time{});
}

TEST_CASE("a lifetime is counted from the creation on; 0 is without end") {
    ds::amendments a{.lifetime = {.max_age = 48h, .max_stale = 24h}};
    CHECK(a.on(stored())->deadline == noon + 48h);
    CHECK(a.on(stored())->max_stale == 24h);
    CHECK(a.on(stored())->owner == stored().owner);
    a.lifetime = {.max_age = 0s};
    CHECK(a.on(stored())->deadline == ds::time_point::max());
    CHECK(a.on(stored())->max_stale == 30min);
}

TEST_CASE("a lifetime is in the range of the options") {
    CHECK(ds::session_lifetime{}.valid());
    CHECK(ds::session_lifetime{.max_age = 0s, .max_stale = 1s}.valid());
    CHECK_FALSE(ds::session_lifetime{.max_age = -1s}.valid());
    CHECK_FALSE(ds::session_lifetime{.max_stale = 0s}.valid());
    CHECK_FALSE(ds::session_lifetime{.max_age = std::chrono::seconds::max()}.valid());
    CHECK_FALSE(ds::session_lifetime{.max_stale = std::chrono::seconds::max()}.valid());
}

TEST_CASE("a save puts the expiry off, never forward, unless the session is to live shorter") {
    const auto at = noon + 10min;
    CHECK(ds::expiry_when_saved(stored(), std::nullopt, at) == noon + 40min);
    auto late = stored();
    late.expires = noon + 2h;
    CHECK(ds::expiry_when_saved(late, std::nullopt, at) == noon + 2h);
    const ds::amendments whose{.user = "jeremy", .since = at};
    CHECK(ds::expiry_when_saved(late, whose.on(late), at) == noon + 2h);
    const ds::amendments shorter{.lifetime = {.max_stale = 5min}};
    CHECK(ds::expiry_when_saved(late, shorter.on(late), at) == noon + 15min);
    const ds::amendments ending{.lifetime = {.max_age = 11min}};
    CHECK(ds::expiry_when_saved(late, ending.on(late), at) == noon + 11min);
}

TEST_CASE("what cannot be stored is refused by name") {
    CHECK_FALSE(ds::amendments{.user = std::string(1024, 'x')}.refused());
    CHECK(ds::amendments{.user = std::string(1025, 'x')}.refused()->code == ds::error::not_serializable);
    CHECK(ds::amendments{.user = "\xff"}.refused()->detail.find("session::user") != std::string::npos);
    const auto wrong = ds::amendments{.lifetime = {.max_stale = 0s}}.refused();
    REQUIRE(wrong);
    CHECK(wrong->code == ds::error::invalid_option);
    CHECK(wrong->detail.find("session::lifetime") != std::string::npos);
}
