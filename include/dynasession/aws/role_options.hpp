#ifndef DYNASESSION_AWS_ROLE_OPTIONS_HPP
#define DYNASESSION_AWS_ROLE_OPTIONS_HPP

#include <dynasession/aws/setting.hpp>
#include <dynasession/aws/shared_config.hpp>
#include <dynasession/core/error.hpp>

#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <system_error>

namespace dynasession::inline v0::aws {

/// How long the credentials of a role shall live: `duration_seconds` of a profile; nothing when it is not set.
///
/// *Errors:* `error::invalid_option` for what is not 900 to 43200 seconds (STS API reference, AssumeRole).
inline result<std::optional<std::chrono::seconds>> role_duration(const shared_config& config, std::string_view profile) {
    const auto found = setting_of(config.find(profile, "duration_seconds"));
    if (found.value.empty()) return std::optional<std::chrono::seconds>();
    int seconds = 0;
    const auto* end = found.value.data() + found.value.size();
    const auto [last, failed] = std::from_chars(found.value.data(), end, seconds);
    if (failed != std::errc{} || last != end || seconds < 900 || seconds > 43200)
        return found.refuse("not a number of seconds from 900 to 43200");
    return std::optional(std::chrono::seconds(seconds));
}

} // namespace dynasession::inline v0::aws

#endif
