#ifndef DYNASESSION_AWS_PROFILE_SEARCH_HPP
#define DYNASESSION_AWS_PROFILE_SEARCH_HPP

#include <dynasession/aws/credential_fetch.hpp>
#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/endpoint.hpp>
#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/fetch.hpp>
#include <dynasession/aws/process_credentials.hpp>
#include <dynasession/aws/profile_keys.hpp>
#include <dynasession/aws/setting.hpp>
#include <dynasession/aws/shared_config.hpp>
#include <dynasession/aws/split_command.hpp>
#include <dynasession/aws/sso_credentials.hpp>
#include <dynasession/aws/sso_profile.hpp>
#include <dynasession/aws/sts.hpp>
#include <dynasession/aws/web_identity_credentials.hpp>
#include <dynasession/core/error.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace dynasession::inline v0::aws {

/// What a search for credentials goes by, besides environment and profiles.
struct credential_options {
    std::string region{};          ///< where STS is asked; else as `resolve_region`
    bool allow_plain_http = false; ///< for configured URLs of STS and of the SSO portal
    instance_options instance{};   ///< how instance metadata is asked
};

/// Credentials that are there for good, or how they are fetched.
using credential_origin = std::variant<credentials, base_fetch>;

/// The same as a fetch in any case.
inline base_fetch as_fetch(credential_origin origin) {
    if (auto* known = std::get_if<credentials>(&origin)) return fetch_known_credentials(std::move(*known));
    return std::get<base_fetch>(std::move(origin));
}

/// Where STS is for roles of profiles and of the environment.
///
/// *Errors:* those of `resolve_region` and `resolve_service_endpoint`.
inline result<sts_endpoint> resolve_sts(const credential_options& options, const environment& env,
                                        const shared_config& config) {
    auto region = resolve_region(options.region, env, config);
    if (!region) return std::move(region).error();
    if (*region == "local") *region = "us-east-1"; // stands for an emulator of DynamoDB alone
    auto address =
        resolve_service_endpoint(sts_service, *region, {.allow_plain_http = options.allow_plain_http}, env, config);
    if (!address) return std::move(address).error();
    return sts_endpoint{*std::move(address), *std::move(region)};
}

/// Looks for the credentials of a profile, but for its roles: web identity, SSO, the keys of the credentials file, a
/// program, the keys of the config file (botocore, ProfileProviderBuilder).
class profile_search {
public:
    using finding = result<std::optional<credential_origin>>;

    /// `roles_env` is where the web identity is looked for; `env` serves all else.
    profile_search(const credential_options& options, const environment& env, const environment& roles_env,
                   const shared_config& config, std::string_view profile)
        : options_(&options), env_(&env), roles_env_(&roles_env), config_(&config), profile_(profile) {}

    /// *Errors:* of what is configured wrong; the detail names variable, or file and line.
    finding find() const {
        for (const auto look : {&profile_search::as_web_identity, &profile_search::by_sso,
                                &profile_search::in_credentials_file, &profile_search::by_login,
                                &profile_search::by_program, &profile_search::in_config_file}) {
            auto found = (this->*look)();
            if (!found || *found) return found;
        }
        return std::optional<credential_origin>();
    }

private:
    static std::optional<credential_origin> fetched(base_fetch how) { return credential_origin(std::move(how)); }

    finding as_web_identity() const {
        auto identity = configured_web_identity(*roles_env_, *config_, profile_);
        if (!identity) return std::move(identity).error();
        if (!*identity) return std::optional<credential_origin>();
        auto sts = resolve_sts(*options_, *env_, *config_);
        if (!sts) return std::move(sts).error();
        return fetched(fetch_web_identity_credentials({*std::move(sts), **std::move(identity)}));
    }

    finding by_sso() const {
        auto login = configured_sso(*env_, *config_, profile_);
        if (!login) return std::move(login).error();
        if (!*login) return std::optional<credential_origin>();
        auto portal = resolve_service_endpoint(sso_service, (*login)->region,
                                               {.allow_plain_http = options_->allow_plain_http}, *env_, *config_);
        if (!portal) return std::move(portal).error();
        return fetched(fetch_sso_credentials({*std::move(portal), **std::move(login)}));
    }

    finding in(const profile_file& file) const {
        auto keys = profile_keys(file, profile_);
        if (!keys) return std::move(keys).error();
        if (!*keys) return std::optional<credential_origin>();
        return std::optional(credential_origin(**std::move(keys)));
    }
    finding in_credentials_file() const { return in(config_->credentials_file()); }
    finding in_config_file() const { return in(config_->config_file()); }

    finding by_login() const {
        const auto session = setting_of(config_->find(profile_, "login_session"));
        if (session.value.empty()) return std::optional<credential_origin>();
        return session.refuse("logins of `aws login` cannot be used here: set credential_process = aws configure "
                              "export-credentials --format process --profile " +
                              profile_ + " in another profile");
    }

    finding by_program() const {
        const auto command = setting_of(config_->find(profile_, "credential_process"));
        if (command.value.empty()) return std::optional<credential_origin>();
        auto arguments = split_command(command.value);
        if (!arguments) return command.refuse(arguments.error().detail);
        return fetched(fetch_process_credentials({.arguments = *std::move(arguments)}, command.source));
    }

    const credential_options* options_;
    const environment* env_;
    const environment* roles_env_;
    const shared_config* config_;
    std::string profile_;
};

} // namespace dynasession::inline v0::aws

#endif
