#include <dynasession/core/backoff.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>

namespace ds = dynasession;
using namespace std::chrono_literals;

TEST_CASE("pauses are random below a limit that doubles up to the longest") {
    constexpr int tries = 400;
    std::chrono::milliseconds longest[6] = {}, shortest[6];
    std::ranges::fill(shortest, 1h);
    for (int i = 0; i != tries; ++i) {
        ds::backoff b(100ms, 400ms);
        for (int n = 0; n != 6; ++n) {
            const auto pause = b.next();
            longest[n] = std::max(longest[n], pause);
            shortest[n] = std::min(shortest[n], pause);
        }
    }
    const std::chrono::milliseconds limits[] = {100ms, 200ms, 400ms, 400ms, 400ms, 400ms};
    for (int n = 0; n != 6; ++n) {
        CHECK(shortest[n] >= 0ms);
        CHECK(longest[n] <= limits[n]);
        // All of 400 above 90 % or below 10 %: one chance in 10^18.
        CHECK(longest[n] > limits[n] * 9 / 10);
        CHECK(shortest[n] < limits[n] / 10);
    }
}
