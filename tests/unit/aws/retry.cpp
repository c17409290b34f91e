#include <dynasession/aws/retry.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace dynasession::aws;
using namespace std::chrono_literals;

namespace {

constexpr auto start = std::chrono::steady_clock::time_point{} + 1h;
constexpr auto far = start + 1h;

retry_options with(double (*random)()) {
    retry_options options;
    options.random = random;
    return options;
}

double highest() { return 0.999999; }
double half() { return 0.5; }
double lowest() { return 0.0; }

} // namespace

TEST_CASE("the longest pause doubles up to its limit") {
    const retry_options options;
    CHECK(longest_pause(options, retry_reason::transient, 0) == 25ms);
    CHECK(longest_pause(options, retry_reason::transient, 1) == 50ms);
    CHECK(longest_pause(options, retry_reason::transient, 2) == 100ms);
    CHECK(longest_pause(options, retry_reason::throttling, 0) == 1s);
    CHECK(longest_pause(options, retry_reason::throttling, 3) == 8s);
    CHECK(longest_pause(options, retry_reason::throttling, 5) == 20s);
    CHECK(longest_pause(options, retry_reason::transient, 4'000'000'000) == 20s);

    retry_options none;
    none.base_delay = 0ms;
    CHECK(longest_pause(none, retry_reason::transient, 4'000'000'000) == 0ms);
}

TEST_CASE("the pause is a random part of the longest one") {
    struct expectation {
        double (*random)();
        std::chrono::milliseconds first, second;
    };
    for (const auto& e : {expectation{half, 12ms, 25ms}, {lowest, 0ms, 0ms}, {highest, 24ms, 49ms}}) {
        const auto options = with(e.random);
        retry_quota quota;
        retry_schedule schedule(options, quota);
        CHECK((schedule.next(retry_reason::transient, start, far) == e.first));
        CHECK((schedule.next(retry_reason::transient, start, far) == e.second));
    }
}

TEST_CASE("there are as many attempts as allowed") {
    const auto options = with(half);
    retry_quota quota;
    retry_schedule schedule(options, quota);
    CHECK(schedule.attempt() == 1);
    CHECK(schedule.next(retry_reason::transient, start, far));
    CHECK(schedule.next(retry_reason::throttling, start, far));
    CHECK(schedule.next(retry_reason::transient, start, far));
    CHECK(schedule.attempt() == 4);
    CHECK_FALSE(schedule.next(retry_reason::transient, start, far));
    CHECK(schedule.attempt() == 4);
}

TEST_CASE("one attempt means none is repeated") {
    retry_quota quota;
    auto options = with(lowest);
    options.max_attempts = 1;
    CHECK_FALSE(retry_schedule(options, quota).next(retry_reason::transient, start, far));
}

TEST_CASE("what will not pass by itself is not repeated") {
    retry_quota quota;
    const auto options = with(lowest);
    CHECK_FALSE(retry_schedule(options, quota).next(retry_reason::never, start, far));
}

TEST_CASE("no pause reaches the deadline") {
    retry_quota quota;
    const auto options = with(half); // 12 ms at first
    CHECK((retry_schedule(options, quota).next(retry_reason::transient, start, start + 13ms) == 12ms));
    CHECK_FALSE(retry_schedule(options, quota).next(retry_reason::transient, start, start + 12ms));
    CHECK_FALSE(retry_schedule(options, quota).next(retry_reason::transient, start, start));
    const auto eager = with(lowest);
    CHECK_FALSE(retry_schedule(eager, quota).next(retry_reason::transient, start, start));
}

TEST_CASE("without a given source the pauses are random and within their bounds") {
    retry_quota quota;
    const retry_options options;
    bool differ = false;
    std::chrono::milliseconds before{-1};
    for (int i = 0; i != 100; ++i) {
        const auto pause = retry_schedule(options, quota).next(retry_reason::throttling, start, far);
        REQUIRE(pause);
        REQUIRE(*pause >= 0ms);
        REQUIRE(*pause < 1s);
        differ = differ || (before >= 0ms && *pause != before);
        before = *pause;
    }
    CHECK(differ);
}

TEST_CASE("a service may ask for up to five seconds more") {
    CHECK(longer_pause(25ms, "") == 25ms);
    CHECK(longer_pause(25ms, "0") == 25ms);
    CHECK(longer_pause(25ms, "24") == 25ms);
    CHECK(longer_pause(25ms, "1500") == 1500ms);
    CHECK(longer_pause(25ms, "5025") == 5025ms);
    CHECK(longer_pause(25ms, "5026") == 5025ms);
    CHECK(longer_pause(25ms, "9223372036854775807") == 5025ms);
    for (const char* nonsense : {"-1", "1.5", "1500 ", " 1500", "soon", "9223372036854775808", "+1500"})
        CHECK(longer_pause(25ms, nonsense) == 25ms);

    const auto options = with(half);
    retry_quota quota;
    retry_schedule schedule(options, quota);
    CHECK_FALSE(schedule.next(retry_reason::transient, start, start + 1s, "1000")); // too long for the call
    CHECK(quota.left() == retry_quota::capacity);
    CHECK(schedule.next(retry_reason::transient, start, start + 1s, "999") == 999ms);
}

TEST_CASE("retries spend the quota, success gives back what the last one has cost") {
    const auto options = with(lowest);
    retry_quota quota;
    {
        retry_schedule schedule(options, quota);
        CHECK(schedule.next(retry_reason::transient, start, far));
        CHECK(quota.left() == 486);
        CHECK(schedule.next(retry_reason::throttling, start, far));
        CHECK(quota.left() == 481);
        schedule.succeed();
        CHECK(quota.left() == 486);
    }
    {
        retry_schedule schedule(options, quota);
        schedule.succeed();
        CHECK(quota.left() == 487);
    }
    CHECK(quota.spend(487));
    CHECK_FALSE(quota.spend(1));
    retry_schedule poor(options, quota);
    CHECK_FALSE(poor.next(retry_reason::throttling, start, far));
    CHECK(poor.attempt() == 1);

    quota.give_back(10'000);
    CHECK(quota.left() == retry_quota::capacity);
}
