#include <dynasession/aws/service_clock.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string_view>

using namespace dynasession;
using namespace std::chrono_literals;

namespace {

constexpr op::instant ten{std::chrono::sys_days(std::chrono::year(2026) / 11 / 20) + 10h,
                          std::chrono::steady_clock::time_point(1h)};

op::instant after(std::chrono::milliseconds d) { return {ten.system + d, ten.steady + d}; }

http::response answer(std::string_view date, unsigned status = 400) {
    http::response r;
    r.status = status;
    if (!date.empty()) r.add_header("Date", date);
    return r;
}

// The skew after one answer that was received so long after ten o'clock.
std::chrono::milliseconds learnt(const http::response& r, std::chrono::milliseconds took = 0ms) {
    aws::service_clock clock;
    clock.learn(r, ten, after(took));
    return clock.skew();
}

} // namespace

TEST_CASE("a clock that the service does not contradict is right") {
    CHECK(learnt(answer("Fri, 20 Nov 2026 10:00:00 GMT")) == 0ms);
    CHECK(learnt(answer("Fri, 20 Nov 2026 10:00:01 GMT"), 1s) == 0ms);  // it was that time when it answered
    CHECK(learnt(answer("Fri, 20 Nov 2026 10:00:00 GMT"), 3s) == 0ms);  // it had answered at once
    CHECK(learnt(answer("Fri, 20 Nov 2026 10:00:02 GMT"), 3s) == 0ms);
}

TEST_CASE("a clock that is wrong is off by Date minus the middle of the exchange") {
    CHECK(learnt(answer("Fri, 20 Nov 2026 11:00:00 GMT")) == 1h);
    CHECK(learnt(answer("Fri, 20 Nov 2026 09:00:00 GMT")) == -1h);
    CHECK(learnt(answer("Fri, 20 Nov 2026 11:00:00 GMT"), 2s) == 1h - 1s);
    CHECK(learnt(answer("Fri, 20 Nov 2026 10:00:01 GMT"), 500ms) == 750ms);
}

TEST_CASE("what was learnt stays until it is contradicted, and corrects only the time of day") {
    aws::service_clock clock;
    clock.learn(answer("Fri, 20 Nov 2026 11:00:00 GMT"), ten, ten);
    CHECK(clock.correct(after(5s)).system == ten.system + 1h + 5s);
    CHECK(clock.correct(after(5s)).steady == ten.steady + 5s);
    clock.learn(answer("Fri, 20 Nov 2026 11:00:05 GMT"), after(5900ms), after(5950ms));
    CHECK(clock.skew() == 1h);
    clock.learn(answer("Fri, 20 Nov 2026 10:00:07 GMT"), after(7s), after(7s)); // the machine's clock was set right
    CHECK(clock.skew() == 0ms);
}

TEST_CASE("answers that tell nothing of the service's clock") {
    CHECK(learnt(answer("")) == 0ms);
    CHECK(learnt(answer("yesterday")) == 0ms);
    CHECK(learnt(answer("Fri, 20 Nov 2026 11:00:00 GMT"), 15min + 1ms) == 0ms);
    auto cached = answer("Fri, 20 Nov 2026 11:00:00 GMT");
    cached.add_header("Age", "0");
    CHECK(learnt(cached) == 0ms);
}

TEST_CASE("successes are looked at once a second, errors always") {
    aws::service_clock clock;
    clock.learn(answer("Fri, 20 Nov 2026 10:00:00 GMT", 200), ten, ten);
    clock.learn(answer("Fri, 20 Nov 2026 12:00:00 GMT", 200), ten, after(999ms));
    CHECK(clock.skew() == 0ms);
    clock.learn(answer("Fri, 20 Nov 2026 11:00:00 GMT", 400), ten, after(0ms));
    CHECK(clock.skew() == 1h);
    clock.learn(answer("Fri, 20 Nov 2026 12:00:01 GMT", 200), after(1s), after(1s));
    CHECK(clock.skew() == 2h);
}
