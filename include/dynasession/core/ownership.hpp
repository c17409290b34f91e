#ifndef DYNASESSION_CORE_OWNERSHIP_HPP
#define DYNASESSION_CORE_OWNERSHIP_HPP

#include <chrono>
#include <cstddef>
#include <string>

namespace dynasession::inline v0 {

/// Wall-clock time as sessions are bound to users and ended for them: milliseconds since 1970, UTC.
using user_time = std::chrono::sys_time<std::chrono::milliseconds>;

/// Whom a session belongs to.
struct ownership {
    /// Bytes in the name of a user, and in the text for a device, at most.
    static constexpr std::size_t max_user_size = 1024, max_device_size = 256;

    std::string user{};                ///< empty: nobody
    user_time since{};                 ///< when it was bound to the user: not its creation, it may be older than its log-in
    std::string device{};              ///< what the user knows it by, a browser's name say
    std::chrono::sys_seconds id_since{}; ///< when it was given its id, if that was later than its creation; else 1970

    bool empty() const noexcept { return user.empty() && device.empty() && id_since == std::chrono::sys_seconds{}; }

    friend bool operator==(const ownership&, const ownership&) = default;
};

} // namespace dynasession::inline v0

#endif
