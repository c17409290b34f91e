#ifndef DYNASESSION_AWS_CLIENT_SETTINGS_HPP
#define DYNASESSION_AWS_CLIENT_SETTINGS_HPP

#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/setting.hpp>
#include <dynasession/aws/shared_config.hpp>
#include <dynasession/core/error.hpp>

#include <charconv>
#include <optional>
#include <system_error>

namespace dynasession::inline v0::aws {

/// How many attempts a call has, the first included: AWS_MAX_ATTEMPTS, else `max_attempts` of the profile in use;
/// nothing when neither is set.
///
/// *Errors:* `error::invalid_option` when it is not a number from 1 on.
inline result<std::optional<unsigned>> configured_max_attempts(const environment& env, const shared_config& config) {
    const auto found = find_setting({"AWS_MAX_ATTEMPTS"}, "max_attempts", env, config);
    if (found.value.empty()) return std::optional<unsigned>();
    unsigned number = 0;
    const auto* end = found.value.data() + found.value.size();
    const auto [last, error] = std::from_chars(found.value.data(), end, number);
    if (error != std::errc{} || last != end || number == 0) return found.refuse("not a number from 1 on");
    return std::optional(number);
}

/// Looks at AWS_RETRY_MODE, else at `retry_mode` of the profile in use. Calls are repeated as `standard` says, which
/// the other modes of the SDKs, `legacy` and `adaptive`, are content with.
///
/// *Errors:* `error::invalid_option` for what is none of the three.
inline result<void> check_retry_mode(const environment& env, const shared_config& config) {
    const auto found = find_setting({"AWS_RETRY_MODE"}, "retry_mode", env, config);
    if (found.value.empty()) return {};
    for (const auto* mode : {"standard", "legacy", "adaptive"})
        if (equals_ignoring_case(found.value, mode)) return {};
    return found.refuse("none of standard, legacy and adaptive");
}

/// The file of trusted authorities: AWS_CA_BUNDLE, else `ca_bundle` of the profile in use; empty when neither is set.
inline setting configured_ca_bundle(const environment& env, const shared_config& config) {
    return find_setting({"AWS_CA_BUNDLE"}, "ca_bundle", env, config);
}

} // namespace dynasession::inline v0::aws

#endif
