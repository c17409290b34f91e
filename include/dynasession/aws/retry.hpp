#ifndef DYNASESSION_AWS_RETRY_HPP
#define DYNASESSION_AWS_RETRY_HPP

#include <dynasession/detail/random.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace dynasession::inline v0::aws {

/// How often and how fast a call is repeated: the "standard" mode of the SDKs (AWS SDKs and Tools reference guide,
/// "Retry behavior").
struct retry_options {
    unsigned max_attempts = 4;                        ///< in all, the first one included
    std::chrono::milliseconds base_delay{25};         ///< after an error that passes by itself
    std::chrono::milliseconds throttling_delay{1000}; ///< after an answer that asks to slow down
    std::chrono::milliseconds max_delay{20000};       ///< of a single pause

    /// Pseudo-random numbers in [0, 1) that spread the pauses of many clients; null: `uniform_random`.
    double (*random)() = nullptr;
};

/// Whether a failed attempt may be repeated, and how patiently.
enum class retry_reason { never, transient, throttling };

/// The longest pause before retry number `retry`, counted from 0: the base doubles each time up to the limit.
constexpr std::chrono::milliseconds longest_pause(const retry_options& options, retry_reason reason,
                                                  unsigned retry) noexcept {
    auto delay = reason == retry_reason::throttling ? options.throttling_delay : options.base_delay;
    for (; retry != 0 && delay.count() != 0 && delay < options.max_delay; --retry) delay *= 2;
    return std::min(delay, options.max_delay);
}

/// Decides for one call whether another attempt is made, and after which pause.
class retry_schedule {
public:
    using time_point = std::chrono::steady_clock::time_point;

    explicit retry_schedule(const retry_options& options) noexcept : options_(&options) {}

    /// The number of the attempt that runs, counted from 1.
    unsigned attempt() const noexcept { return attempt_; }

    /// The pause before the next attempt; nothing when the call has to end with what it has: the error will not
    /// pass, the attempts are used up, or the pause would reach the deadline.
    std::optional<std::chrono::milliseconds> next(retry_reason reason, time_point now, time_point deadline) {
        if (reason == retry_reason::never || attempt_ >= options_->max_attempts) return std::nullopt;
        // Full jitter: the limit is applied before the random factor, so that clients stay spread out.
        const auto longest = longest_pause(*options_, reason, attempt_ - 1);
        const double factor = options_->random ? options_->random() : detail::uniform_random();
        const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(longest * factor);
        if (now + pause >= deadline) return std::nullopt;
        ++attempt_;
        return pause;
    }

private:
    const retry_options* options_;
    unsigned attempt_ = 1;
};

} // namespace dynasession::inline v0::aws

#endif
