#include <dynasession/core/record.hpp>

#include <doctest/doctest.h>

#include <chrono>

namespace ds = dynasession;
using namespace std::chrono_literals;
using ds::stamp;
using ds::time_point;

namespace {

constexpr auto noon = time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h);

} // namespace

TEST_CASE("a session is live until the second in which it expires, and not in it") {
    const stamp s{.created = noon - 1h, .expires = noon};
    CHECK(s.live(noon - 1s));
    CHECK(s.live(noon - 1ms));
    CHECK_FALSE(s.live(noon));
    CHECK_FALSE(s.live(noon + 1ms));
    CHECK_FALSE(stamp{}.live(noon));
}

TEST_CASE("a session that is used expires the idle time later, counted from whole seconds") {
    const stamp s{.created = noon, .max_stale = 30min};
    CHECK(s.renewed(noon) == noon + 30min);
    CHECK(s.renewed(noon + 999ms) == noon + 30min);
    CHECK(s.renewed(noon + 1000ms) == noon + 30min + 1s);
}

TEST_CASE("no use carries a session beyond its deadline") {
    const stamp s{.created = noon, .deadline = noon + 1h, .max_stale = 30min};
    CHECK(s.renewed(noon + 29min) == noon + 59min);
    CHECK(s.renewed(noon + 30min) == noon + 1h);
    CHECK(s.renewed(noon + 31min) == noon + 1h);
    CHECK(s.renewed(noon + 2h) == noon + 1h);
}

TEST_CASE("the expiry of a session without a deadline does not overflow") {
    const stamp s{.max_stale = std::chrono::hours(24 * 365 * 100)};
    CHECK(s.deadline == time_point::max());
    CHECK(s.renewed(noon) == noon + std::chrono::hours(24 * 365 * 100));
}

TEST_CASE("a session lives on through every millisecond of the second before its end") {
    const stamp s{.expires = noon};
    CHECK(s.live(noon - 1s + 999ms));
    CHECK_FALSE(stamp{.expires = time_point::min()}.live(noon));
    CHECK(stamp{.expires = time_point::max()}.live(noon));
}

TEST_CASE("a sign of a move is never live, whatever its times and the clock say") {
    ds::record r{{.expires = noon + 1h}};
    CHECK(r.live(noon));
    r.moved = true;
    CHECK_FALSE(r.live(noon));
    CHECK_FALSE(r.live(noon - 1h));
}

TEST_CASE("a lock is held by who has its token, or by a foreign program without one") {
    CHECK_FALSE(ds::lock_claim{}.held());
    CHECK_FALSE(ds::lock_claim{.until = noon}.held()); // an end alone means nothing
    CHECK(ds::lock_claim{.token = "token"}.held());
    CHECK(ds::lock_claim{.foreign = true}.held());
    CHECK(ds::lock_claim{"token", noon} == ds::lock_claim{"token", noon});
    CHECK(ds::lock_claim{"token", noon} != ds::lock_claim{"token", noon + 1ms});
    CHECK(ds::lock_claim{"token", noon} != ds::lock_claim{"other", noon});
    CHECK(ds::lock_claim{} != ds::lock_claim{.foreign = true});
}

TEST_CASE("records are equal when all that is stored is") {
    const ds::record r{{.created = noon, .expires = noon + 1h, .max_stale = 1h, .version = 7},
                       ds::fields({ds::field{"k", "1"}})};
    auto same = r;
    CHECK(same == r);
    same.data = ds::fields({ds::field{"k", "2"}});
    CHECK(same != r);
    same = r;
    ++same.version;
    CHECK(same != r);
    same = r;
    same.expires += 1s;
    CHECK(same != r);
    same = r;
    same.journal = same.journal.followed_by("sixteen letters!");
    CHECK(same != r);
    same = r;
    same.lock.token = "token";
    CHECK(same != r);
    same = r;
    same.moved = true;
    CHECK(same != r);
}
