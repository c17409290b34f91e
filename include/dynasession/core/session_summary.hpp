#ifndef DYNASESSION_CORE_SESSION_SUMMARY_HPP
#define DYNASESSION_CORE_SESSION_SUMMARY_HPP

#include <dynasession/core/ownership.hpp>
#include <dynasession/core/record.hpp>
#include <dynasession/core/session_handle.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace dynasession::inline v0 {

/// All that a backend's list tells of a session.
struct session_summary {
    session_handle handle{};
    stamp times{};
    ownership owner{};

    /// The order of lists; one that is the same for all who look.
    static bool newer(const session_summary& a, const session_summary& b) noexcept {
        return a.owner.since != b.owner.since ? a.owner.since > b.owner.since : a.handle < b.handle;
    }
};

/// A session in the list that a user is shown: nothing in it leads to its id.
struct session_info {
    session_handle handle{};  ///< to end it by
    time_point created{};
    user_time since{};        ///< when it was bound to the user
    time_point last_seen{};   ///< when it was used, less what `session_options::touch_fraction` saves of writes
    time_point expires{};     ///< when it ends unless it is used before
    std::string device{};

    static session_info of(session_summary s) {
        // Each use puts the end off to so long after it, but not past the deadline.
        const time_point used = s.times.expires - s.times.max_stale;
        const auto bound = std::chrono::floor<std::chrono::seconds>(s.owner.since);
        return {s.handle, s.times.created, s.owner.since, std::max({used, s.times.created, bound}), s.times.expires, std::move(s.owner.device)};
    }

    friend bool operator==(const session_info&, const session_info&) = default;
};

} // namespace dynasession::inline v0

#endif
