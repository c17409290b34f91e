#ifndef DYNASESSION_CORE_BACKOFF_HPP
#define DYNASESSION_CORE_BACKOFF_HPP

#include <dynasession/detail/random.hpp>

#include <algorithm>
#include <chrono>

namespace dynasession::inline v0 {

/// Pauses between attempts that get in each other's way: random up to a limit that doubles each time, so that
/// those who met once do not meet again.
class backoff {
public:
    constexpr backoff(std::chrono::milliseconds first, std::chrono::milliseconds longest) noexcept
        : limit_(first), longest_(longest) {}

    std::chrono::milliseconds next() {
        const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(limit_ * detail::uniform_random());
        limit_ = std::min(limit_ * 2, longest_);
        return pause;
    }

private:
    std::chrono::milliseconds limit_;
    std::chrono::milliseconds longest_;
};

} // namespace dynasession::inline v0

#endif
