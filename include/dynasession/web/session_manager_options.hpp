#ifndef DYNASESSION_WEB_SESSION_MANAGER_OPTIONS_HPP
#define DYNASESSION_WEB_SESSION_MANAGER_OPTIONS_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/secret.hpp>
#include <dynasession/web/cookie_options.hpp>
#include <dynasession/web/security_event.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace dynasession::inline v0 {

/// How sessions and requests come together.
struct session_manager_options {
    /// The keys that sign ids: the first one signs, all are accepted. With keys a made-up id costs no request to the store;
    /// without, one read. Put a new key in front, and take the old one away when its sessions have ended.
    std::vector<secret> secrets{};

    /// How long the sessions that are begun here live at most, and how long unused. Not set: as the options of the store say.
    std::optional<std::chrono::seconds> max_age{};
    std::optional<std::chrono::seconds> max_stale{};

    /// After how long the id of a session in use is replaced, as `regenerate` does it; 0: never.
    ///
    /// Requests that are under way with the old id then find no session and cannot save theirs: give the store a
    /// `regenerate_grace`, by which they read it at least, or a lock policy under which they wait for each other.
    std::chrono::seconds renew_after{0};

    /// What carries the id: `cookie_options`, or `header_options` for programs that keep no cookies.
    dynasession::transport transport = cookie_options{};

    /// How many sessions a user may have: the oldest end when another one logs in; 0: any number.
    std::size_t max_sessions_per_user = 0;

    /// Told what honest browsers seldom do, with the name of the session for logs (see `session_id::loggable`), or an empty
    /// text if there is none. Called where the request is served; must not throw.
    std::function<void(security_event, std::string_view who)> on_event{};

    /// Told why a session could not be loaded or saved, for the log: the response does not say. Called where the request is
    /// served; must not throw.
    std::function<void(const error_code&)> on_failure{};
};

} // namespace dynasession::inline v0

#endif
