#ifndef DYNASESSION_AWS_SSO_PROFILE_HPP
#define DYNASESSION_AWS_SSO_PROFILE_HPP

#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/setting.hpp>
#include <dynasession/aws/shared_config.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/encoding.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// A role of IAM Identity Center, which a person takes on by `aws sso login`.
struct sso_profile {
    std::string profile{};
    std::string account_id{};
    std::string role_name{};
    std::string region{};     ///< of the Identity Center
    std::string token_file{}; ///< where the login leaves its token
    std::string source{};     ///< where it was configured, for messages
};

/// Where the AWS CLI keeps the token of a login: `key` is the name of the session or, in profiles without one, the URL.
///
/// *Errors:* `error::missing_credentials` when HOME is not set.
inline result<std::string> sso_token_file(std::string_view key, const environment& env) {
    const auto home = variable(env, "HOME");
    if (home.empty()) return failure(error::missing_credentials, "HOME is not set, below which SSO tokens are kept");
    const auto name = detail::hex(detail::sha1_of(key));
    return home + "/.aws/sso/cache/" + std::string(name.data(), name.size()) + ".json";
}

/// The SSO role of a profile: `sso_account_id` and `sso_role_name` with `sso_session`, or with `sso_start_url` and
/// `sso_region`; nothing when it has none of them.
///
/// *Errors:* `error::invalid_option` when a part is missing or said in two ways, `error::missing_credentials` when HOME
/// is not set; the detail names file and line.
inline result<std::optional<sso_profile>> configured_sso(const environment& env, const shared_config& config,
                                                         std::string_view profile) {
    const auto find = [&](std::string_view property) { return setting_of(config.find(profile, property)); };
    auto account = find("sso_account_id"), role = find("sso_role_name");
    auto session = find("sso_session"), start_url = find("sso_start_url"), region = find("sso_region");
    const setting* first = nullptr; // what makes it an SSO profile
    for (const auto* said : {&session, &start_url, &account, &role})
        if (!first && !said->value.empty()) first = said;
    if (!first) return std::optional<sso_profile>();

    if (!session.value.empty()) {
        for (auto [property, own] : {std::pair("sso_start_url", &start_url), std::pair("sso_region", &region)}) {
            auto of_session = setting_of(config.find_sso_session(session.value, property));
            if (of_session.value.empty())
                return session.refuse("there is no section [sso-session " + session.value + "] with " + property +
                                      ": run aws configure sso");
            if (!own->value.empty() && own->value != of_session.value)
                return own->refuse("differs from " + of_session.source + ": remove one of the two");
            *own = std::move(of_session);
        }
    }
    for (const auto& [property, value] :
         {std::pair("sso_account_id", &account), std::pair("sso_role_name", &role),
          std::pair("sso_start_url", &start_url), std::pair("sso_region", &region)})
        if (value->value.empty())
            return first->refuse(std::string("gives credentials only together with ") + property + ": add it to the profile");

    auto file = sso_token_file(session.value.empty() ? start_url.value : session.value, env);
    if (!file) return first->refuse(file.error().detail, error::missing_credentials);
    return std::optional(sso_profile{.profile = std::string(profile),
                                     .account_id = std::move(account.value),
                                     .role_name = std::move(role.value),
                                     .region = std::move(region.value),
                                     .token_file = *std::move(file),
                                     .source = first->source});
}

} // namespace dynasession::inline v0::aws

#endif
