#ifndef DYNASESSION_CORE_RECORD_HPP
#define DYNASESSION_CORE_RECORD_HPP

#include <dynasession/core/fields.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

namespace dynasession::inline v0 {

/// Wall-clock time as it is stored: whole seconds since 1970, UTC.
using time_point = std::chrono::sys_seconds;

/// The times and the version of a session: what is stored beside its data.
struct stamp {
    time_point created{};
    time_point deadline = time_point::max();         ///< the end of the session, whatever happens; max: none
    time_point expires{};                            ///< the end of the session unless it is used before
    std::chrono::seconds max_stale{};                ///< how long it lives unused
    std::uint64_t version = 0;                       ///< raised by every save

    /// Whether the session is still good at `now`.
    bool live(std::chrono::sys_time<std::chrono::milliseconds> now) const noexcept {
        return expires > std::chrono::floor<std::chrono::seconds>(now); // the other way round large times overflow
    }

    /// When a session that is used at `now` expires.
    time_point renewed(std::chrono::sys_time<std::chrono::milliseconds> now) const noexcept {
        return std::min(std::chrono::floor<std::chrono::seconds>(now) + max_stale, deadline);
    }

    friend bool operator==(const stamp&, const stamp&) = default;
};

/// All that a backend stores of one session.
struct record : stamp {
    fields data;
    std::string writer{}; ///< the mark of the last write that was bound to a version; see `change_record`

    friend bool operator==(const record&, const record&) = default;
};

} // namespace dynasession::inline v0

#endif
