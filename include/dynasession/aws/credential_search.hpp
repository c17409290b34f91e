#ifndef DYNASESSION_AWS_CREDENTIAL_SEARCH_HPP
#define DYNASESSION_AWS_CREDENTIAL_SEARCH_HPP

#include <dynasession/aws/assume_role_profile.hpp>
#include <dynasession/aws/container_settings.hpp>
#include <dynasession/aws/credential_fetch.hpp>
#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/credentials_provider.hpp>
#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/environment_credentials.hpp>
#include <dynasession/aws/instance_credentials.hpp>
#include <dynasession/aws/instance_settings.hpp>
#include <dynasession/aws/profile_search.hpp>
#include <dynasession/aws/setting.hpp>
#include <dynasession/aws/shared_config.hpp>
#include <dynasession/core/error.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace dynasession::inline v0::aws {

/// Where credentials are. Nothing has been asked yet.
struct found_credentials {
    std::variant<credentials, credential_fetch> from; ///< the very ones, for good; or how they are fetched
    refresh_options refresh{};
};

/// Looks for credentials where the AWS SDKs do, and in their order (botocore, create_credential_resolver). The first
/// place that is configured counts; what is configured wrong ends the search.
class credential_search {
public:
    credential_search(const credential_options& options, const environment& env, const shared_config& config)
        : options_(&options), env_(&env), config_(&config) {}

    /// *Errors:* `error::missing_credentials` when there are none, or a part of some; others for what cannot be used.
    /// The detail names the variable, or file and line.
    result<found_credentials> find() const {
        for (const auto look : {&credential_search::in_environment, &credential_search::by_roles,
                                &credential_search::in_profile, &credential_search::in_container,
                                &credential_search::in_instance}) {
            auto found = (this->*look)();
            if (!found) return std::move(found).error();
            if (*found) return **std::move(found);
        }
        return failure(error::missing_credentials,
                       looked_at() + "; instance metadata is turned off by AWS_EC2_METADATA_DISABLED");
    }

private:
    using finding = result<std::optional<found_credentials>>;

    static finding nothing() { return std::optional<found_credentials>(); }
    static finding fetched(base_fetch how, refresh_options refresh = {}) {
        return std::optional(found_credentials{credential_fetch(std::move(how)), refresh});
    }

    static std::optional<std::string> no_variable(std::string_view) { return std::nullopt; }

    // A profile that the program names goes before what the environment says of keys and roles.
    bool takes_environment() const noexcept { return !config_->is_profile_given(); }

    finding in_environment() const {
        if (!takes_environment()) return nothing();
        auto keys = environment_credentials(*env_);
        if (!keys) return std::move(keys).error();
        if (!*keys) return nothing();
        if ((*keys)->expires()) return fetched(fetch_environment_credentials(environment_reader(*env_)));
        return std::optional(found_credentials{**std::move(keys)});
    }

    finding by_roles() const {
        auto path = configured_roles(*config_, config_->profile());
        if (!path) return std::move(path).error();
        if (!*path) return nothing();
        auto source = (*path)->credential_source.value.empty() ? from_profile((*path)->source_profile)
                                                               : from_named((*path)->credential_source);
        if (!source) return std::move(source).error();
        auto sts = resolve_sts(*options_, *env_, *config_);
        if (!sts) return std::move(sts).error();
        return std::optional(found_credentials{
            credential_fetch(*std::move(source), *std::move(sts), std::move((*path)->roles))});
    }

    result<base_fetch> from_profile(const setting& profile) const {
        const environment none = no_variable;
        auto found = profile_search(*options_, *env_, none, *config_, profile.value).find();
        if (!found) return std::move(found).error();
        if (!*found)
            return profile.refuse("the profile " + profile.value + " has no credentials: add some to it",
                                  error::missing_credentials);
        return as_fetch(**std::move(found));
    }

    result<base_fetch> from_named(const setting& source) const {
        const auto refuse = [&](std::string_view why) { return source.refuse(why, error::missing_credentials); };
        if (equals_ignoring_case(source.value, "Environment")) {
            const auto keys = environment_credentials(*env_);
            if (!keys) return keys.error();
            if (!*keys) return refuse("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
            return base_fetch(fetch_environment_credentials(environment_reader(*env_)));
        }
        if (equals_ignoring_case(source.value, "EcsContainer")) {
            auto settings = resolve_container_settings(*env_);
            if (!settings) return std::move(settings).error();
            if (!*settings)
                return refuse("neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is "
                              "set, as it is in containers");
            return base_fetch(op::defer(container_request{**std::move(settings)}));
        }
        if (equals_ignoring_case(source.value, "Ec2InstanceMetadata")) {
            auto settings = instance();
            if (!settings) return std::move(settings).error();
            if (!settings->disabled_by.empty()) return refuse("turned off by " + settings->disabled_by);
            return base_fetch(fetch_instance_credentials(*std::move(settings)));
        }
        return source.refuse("none of Environment, EcsContainer and Ec2InstanceMetadata");
    }

    finding in_profile() const {
        const auto roles_env = takes_environment() ? *env_ : environment(no_variable);
        auto found = profile_search(*options_, *env_, roles_env, *config_, config_->profile()).find();
        if (!found) return std::move(found).error();
        if (!*found) return nothing();
        if (auto* keys = std::get_if<credentials>(&**found)) return std::optional(found_credentials{std::move(*keys)});
        return fetched(std::get<base_fetch>(**std::move(found)));
    }

    finding in_container() const {
        auto settings = resolve_container_settings(*env_);
        if (!settings) return std::move(settings).error();
        if (!*settings) return nothing();
        return fetched(op::defer(container_request{**std::move(settings)}));
    }

    finding in_instance() const {
        auto settings = instance();
        if (!settings) return std::move(settings).error();
        if (!settings->disabled_by.empty()) return nothing();
        return fetched(fetch_as_last_resort(*std::move(settings), looked_at()), instance_refresh);
    }

    result<instance_settings> instance() const {
        return resolve_instance_settings(options_->instance, *env_, *config_);
    }

    std::string looked_at() const {
        return std::string("no credentials in ") +
               (takes_environment() ? "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_WEB_IDENTITY_TOKEN_FILE, " : "") +
               "the profile " + config_->profile() + " of " + config_->config_file().name() + " and " +
               config_->credentials_file().name() +
               ", AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI";
    }

    const credential_options* options_;
    const environment* env_;
    const shared_config* config_;
};

} // namespace dynasession::inline v0::aws

#endif
