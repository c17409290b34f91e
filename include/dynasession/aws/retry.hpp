#ifndef DYNASESSION_AWS_RETRY_HPP
#define DYNASESSION_AWS_RETRY_HPP

#include <dynasession/detail/random.hpp>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <system_error>

namespace dynasession::inline v0::aws {

/// How often and how fast a call is repeated: the "standard" mode of the SDKs (AWS SDKs and Tools reference guide,
/// "Retry behavior").
struct retry_options {
    std::optional<unsigned> max_attempts{};           ///< with the first; else AWS_MAX_ATTEMPTS, the profile's, 4
    std::chrono::milliseconds base_delay{25};         ///< after an error that passes by itself
    std::chrono::milliseconds throttling_delay{1000}; ///< after an answer that asks to slow down
    std::chrono::milliseconds max_delay{20000};       ///< of a single pause

    /// Pseudo-random numbers in [0, 1) that spread the pauses of many clients; null: `uniform_random`.
    double (*random)() = nullptr;

    /// How many attempts a call has.
    unsigned attempts() const noexcept { return max_attempts.value_or(4); }
};

/// Whether a failed attempt may be repeated, and what has to be done first.
enum class retry_reason {
    never,
    transient,   ///< passes by itself
    throttling,  ///< passes by itself, with more patience
    clock_skew,  ///< once the clock of this machine is corrected
    signature,   ///< the same, if the clock is far off; else it will not pass
    credentials, ///< once there are other credentials
};

/// What all calls of a client may spend on retries together: when most calls fail, they fail at once instead of
/// making matters worse (AWS SDKs and Tools reference guide, "Retry behavior": retry quota).
///
/// *Thread safety:* may be used from many threads at once.
class retry_quota {
public:
    static constexpr int capacity = 500;
    static constexpr int cost(retry_reason reason) noexcept { return reason == retry_reason::throttling ? 5 : 14; }

    /// Whether there is as much; then it is spent.
    bool spend(int tokens) noexcept {
        int left = left_.load(std::memory_order_relaxed);
        while (left >= tokens)
            if (left_.compare_exchange_weak(left, left - tokens, std::memory_order_relaxed)) return true;
        return false;
    }

    /// A call has succeeded: gives back what its last retry has cost, or 1 if there was none.
    void give_back(int tokens) noexcept {
        int left = left_.load(std::memory_order_relaxed);
        while (left < capacity &&
               !left_.compare_exchange_weak(left, std::min(left + tokens, capacity), std::memory_order_relaxed)) {}
    }

    int left() const noexcept { return left_.load(std::memory_order_relaxed); }

private:
    std::atomic<int> left_{capacity};
};

/// The longest pause before retry number `retry`, counted from 0: the base doubles each time up to the limit.
constexpr std::chrono::milliseconds longest_pause(const retry_options& options, retry_reason reason,
                                                  unsigned retry) noexcept {
    auto delay = reason == retry_reason::throttling ? options.throttling_delay : options.base_delay;
    for (; retry != 0 && delay.count() != 0 && delay < options.max_delay; --retry) delay *= 2;
    return std::min(delay, options.max_delay);
}

/// The pause when the service asks for one of its own, in the header x-amz-retry-after: milliseconds, of which 5 s more
/// than our own are granted. What is not a number of 0 or more says nothing.
inline std::chrono::milliseconds longer_pause(std::chrono::milliseconds own, std::string_view retry_after) noexcept {
    long long asked = 0;
    const auto [end, ec] = std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), asked);
    if (ec != std::errc{} || end != retry_after.data() + retry_after.size() || asked < 0) return own;
    const auto most = own + std::chrono::seconds(5);
    return asked >= most.count() ? most : std::max(own, std::chrono::milliseconds(asked));
}

/// A random part of the longest pause. The limit is applied before the random factor, so that clients stay spread out.
inline std::chrono::milliseconds full_jitter(const retry_options& options, retry_reason reason, unsigned retry) {
    const double factor = options.random ? options.random() : detail::uniform_random();
    return std::chrono::duration_cast<std::chrono::milliseconds>(longest_pause(options, reason, retry) * factor);
}

/// Decides for one call whether another attempt is made, and after which pause.
class retry_schedule {
public:
    using time_point = std::chrono::steady_clock::time_point;

    retry_schedule(const retry_options& options, retry_quota& quota) noexcept : options_(&options), quota_(&quota) {}

    /// The number of the attempt that runs, counted from 1.
    unsigned attempt() const noexcept { return attempt_; }

    /// The pause before the next attempt; nothing when the call has to end with what it has: the error will not
    /// pass, attempts or quota are used up, or the pause would reach the deadline.
    std::optional<std::chrono::milliseconds> next(retry_reason reason, time_point now, time_point deadline,
                                                  std::string_view retry_after = {}) {
        if (reason == retry_reason::never || attempt_ >= options_->attempts()) return std::nullopt;
        const auto pause = longer_pause(full_jitter(*options_, reason, attempt_ - 1), retry_after);
        if (now + pause >= deadline) return std::nullopt;
        const int cost = retry_quota::cost(reason);
        if (!quota_->spend(cost)) return std::nullopt;
        last_cost_ = cost;
        ++attempt_;
        return pause;
    }

    /// The attempt has succeeded.
    void succeed() noexcept { quota_->give_back(last_cost_); }

private:
    const retry_options* options_;
    retry_quota* quota_;
    unsigned attempt_ = 1;
    int last_cost_ = 1;
};

} // namespace dynasession::inline v0::aws

#endif
