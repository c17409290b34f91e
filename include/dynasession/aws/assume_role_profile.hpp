#ifndef DYNASESSION_AWS_ASSUME_ROLE_PROFILE_HPP
#define DYNASESSION_AWS_ASSUME_ROLE_PROFILE_HPP

#include <dynasession/aws/role_options.hpp>
#include <dynasession/aws/setting.hpp>
#include <dynasession/aws/shared_config.hpp>
#include <dynasession/aws/sts.hpp>
#include <dynasession/core/error.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::aws {

/// Roles that are assumed one after the other, each with the credentials of the one before.
struct role_path {
    std::vector<role> roles{};         ///< in the order in which they are assumed
    setting source_profile{};          ///< whose credentials the first one is assumed with; empty:
    setting credential_source{};       ///< `Environment`, `EcsContainer` or `Ec2InstanceMetadata`, by whatever case
};

namespace role_path_detail {

// Follows the profiles from the one that is asked for to the one that has credentials.
class walk {
public:
    explicit walk(const shared_config& config) : config_(&config) {}

    bool leads_on(const std::string& profile) const {
        // With both it is a web identity. Keys of its own a profile gives to those that name it, not to itself.
        return has(profile, "role_arn") && !has(profile, "web_identity_token_file") &&
               (visited_.empty() || !has_keys(profile));
    }

    result<role_path> follow(std::string profile) {
        while (leads_on(profile)) {
            visited_.push_back(profile);
            auto next = step(profile);
            if (!next) return std::move(next).error();
            path_.source_profile = *std::move(next);
            if (path_.source_profile.value.empty() || path_.source_profile.value == profile) break;
            profile = path_.source_profile.value;
        }
        std::ranges::reverse(path_.roles);
        return std::move(path_);
    }

private:
    setting find(std::string_view profile, std::string_view property) const {
        return setting_of(config_->find(profile, property));
    }
    bool has(std::string_view profile, std::string_view property) const {
        return !find(profile, property).value.empty();
    }
    bool has_keys(std::string_view profile) const {
        return has(profile, "aws_access_key_id") || has(profile, "aws_secret_access_key");
    }

    // The profile that this one refers to; empty when it has a source of another kind.
    result<setting> step(std::string_view profile) {
        auto assumed = read_role(profile);
        if (!assumed) return std::move(assumed).error();
        const auto arn = find(profile, "role_arn");
        path_.roles.push_back(*std::move(assumed));
        auto next = find(profile, "source_profile"), other = find(profile, "credential_source");
        if (next.value.empty() == other.value.empty())
            return next.value.empty()
                       ? arn.refuse("without a source of credentials: add source_profile or credential_source to the profile",
                                    error::missing_credentials)
                       : other.refuse("together with source_profile (" + next.source + "): remove one of the two");
        path_.credential_source = std::move(other);
        if (!next.value.empty())
            if (auto sound = check(next, profile); !sound) return std::move(sound).error();
        return next;
    }

    result<role> read_role(std::string_view profile) const {
        if (const auto device = find(profile, "mfa_serial"); !device.value.empty())
            return device.refuse("roles that want the code of a device (MFA) cannot be assumed here: use another role, or "
                                 "credentials from aws sts get-session-token");
        const auto duration = role_duration(*config_, profile);
        if (!duration) return duration.error();
        auto arn = find(profile, "role_arn");
        return role{.arn = std::move(arn.value),
                    .session_name = find(profile, "role_session_name").value,
                    .external_id = find(profile, "external_id").value,
                    .duration = *duration,
                    .source = std::move(arn.source)};
    }

    result<void> check(const setting& next, std::string_view profile) const {
        if (!config_->has_profile(next.value)) return next.refuse("there is no profile " + next.value);
        if (next.value == profile && has_keys(profile)) return {}; // its own keys
        if (!std::ranges::count(visited_, next.value)) return {};
        std::string loop;
        for (const auto& v : visited_) loop += v + " -> ";
        return next.refuse("the profiles refer to each other without end: " + loop + next.value);
    }

    const shared_config* config_;
    std::vector<std::string> visited_;
    role_path path_;
};

} // namespace role_path_detail

/// The roles that a profile stands for: `role_arn` with `source_profile`, which may be such a profile again, or with
/// `credential_source`, and `role_session_name`, `external_id`, `duration_seconds`; nothing when it is no such profile.
///
/// *Errors:* `error::missing_credentials` without a source, `error::invalid_option` for two of them, a profile that is
/// not there, profiles that refer to each other, a duration out of range, and `mfa_serial`; the detail names file and line.
inline result<std::optional<role_path>> configured_roles(const shared_config& config, const std::string& profile) {
    role_path_detail::walk from_here(config);
    if (!from_here.leads_on(profile)) return std::optional<role_path>();
    auto path = from_here.follow(profile);
    if (!path) return std::move(path).error();
    return std::optional(*std::move(path));
}

} // namespace dynasession::inline v0::aws

#endif
