#ifndef DYNASESSION_STORE_SESSION_TIMES_HPP
#define DYNASESSION_STORE_SESSION_TIMES_HPP

#include <dynasession/core/amendments.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/core/options.hpp>
#include <dynasession/core/record.hpp>

#include <chrono>
#include <string>

namespace dynasession::inline v0::store_detail {

inline void require(bool valid, const std::string& where, const char* more = "") {
    if (valid) return;
    throw session_error(failure(error::invalid_option, where + ": max_stale is above 0, max_age 0 or above, both at most 100 years" + more));
}

/// The options, if they are in their ranges, and go with the serializer.
///
/// *Errors:* throws `session_error` with `invalid_option`.
template <bool BindsToId>
const session_options& validated(const session_options& o) {
    const bool valid = session_lifetime{o.max_age, o.max_stale}.valid() && o.touch_fraction >= 0 && o.touch_fraction < 1 &&
                       o.regenerate_grace >= std::chrono::seconds(0) && o.regenerate_grace <= std::chrono::minutes(1);
    require(valid, "session_options", "; touch_fraction is in [0, 1); regenerate_grace is at most a minute");
    if (BindsToId && o.regenerate_grace.count() != 0)
        throw session_error(failure(error::invalid_option,
                                    "session_options::regenerate_grace is 0 with a serializer that binds what it writes to "
                                    "the id, as encrypted<> does: by the old id nothing could be read"));
    return o;
}

/// What is stored of a session that begins at `now`; it lives as long as `lifetime` says, and else the options.
///
/// *Errors:* throws `session_error` with `invalid_option`.
inline record record_of_new(const session_options& options, const session_lifetime& lifetime, time_point now) {
    require(lifetime.valid(), "create");
    record blank;
    blank.created = now;
    session_lifetime{options.max_age, options.max_stale}.apply_to(blank);
    lifetime.apply_to(blank);
    blank.expires = blank.renewed(now);
    return blank;
}

} // namespace dynasession::inline v0::store_detail

#endif
