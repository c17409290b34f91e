#ifndef DYNASESSION_STORE_VALID_OPTIONS_HPP
#define DYNASESSION_STORE_VALID_OPTIONS_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/options.hpp>

#include <chrono>

namespace dynasession::inline v0::store_detail {

/// The options, if they make sense.
///
/// *Errors:* throws session_error with `invalid_option`.
inline session_options valid(const session_options& o) {
    constexpr std::chrono::seconds none{0}, century{std::chrono::years(100)};
    const bool valid = o.max_stale > none && o.max_stale <= century && o.max_age >= none && o.max_age <= century &&
                       o.touch_fraction >= 0 && o.touch_fraction < 1 && o.regenerate_grace >= none &&
                       o.regenerate_grace <= std::chrono::minutes(1);
    if (!valid)
        throw session_error(failure(error::invalid_option,
                                    "session_options: max_stale is above 0, max_age 0 or above, both at most 100 "
                                    "years; touch_fraction is in [0, 1); regenerate_grace is at most a minute"));
    return o;
}

} // namespace dynasession::inline v0::store_detail

#endif
