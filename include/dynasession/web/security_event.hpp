#ifndef DYNASESSION_WEB_SECURITY_EVENT_HPP
#define DYNASESSION_WEB_SECURITY_EVENT_HPP

#include <string_view>

namespace dynasession::inline v0 {

/// What a request did that honest browsers seldom do: worth a line in the log, and an alarm when there are many. The
/// request goes on without a session, or with the one that is valid.
enum class security_event {
    malformed_id,     ///< a text that has not the shape of an id
    bad_signature,    ///< an id that none of the keys has signed
    unknown_id,       ///< an id that leads to no session: made up, destroyed or expired
    revoked,          ///< an id of a session that was ended for its user
    several_cookies,  ///< more than one cookie of the name: a neighbouring host may have planted one
    too_many_cookies, ///< more cookies than are looked at
};

/// The name of an event, for logs and as a label of metrics.
constexpr std::string_view to_string(security_event e) noexcept {
    switch (e) {
    case security_event::malformed_id: return "malformed_id";
    case security_event::bad_signature: return "bad_signature";
    case security_event::unknown_id: return "unknown_id";
    case security_event::revoked: return "revoked";
    case security_event::several_cookies: return "several_cookies";
    case security_event::too_many_cookies: return "too_many_cookies";
    }
    return "unknown";
}

} // namespace dynasession::inline v0

#endif
