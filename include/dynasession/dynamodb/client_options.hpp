#ifndef DYNASESSION_DYNAMODB_CLIENT_OPTIONS_HPP
#define DYNASESSION_DYNAMODB_CLIENT_OPTIONS_HPP

#include <dynasession/aws/client_settings.hpp>
#include <dynasession/aws/connection.hpp>
#include <dynasession/aws/credential_chain.hpp>
#include <dynasession/aws/credentials_provider.hpp>
#include <dynasession/aws/endpoint.hpp>
#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/instance_region.hpp>
#include <dynasession/aws/shared_config.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/dynamodb/call.hpp>
#include <dynasession/dynamodb/observer.hpp>
#include <dynasession/http/client.hpp>

#include <optional>
#include <string>
#include <utility>

namespace dynasession::inline v0::dynamodb {

/// What a client needs to know. What is left empty is found as the AWS SDKs find it: in variables, then in the profile
/// in use of ~/.aws/config and ~/.aws/credentials.
struct client_options {
    std::string profile{};                   ///< else AWS_PROFILE, AWS_DEFAULT_PROFILE, `default`
    std::string region{};                    ///< else AWS_REGION, AWS_DEFAULT_REGION, `region`

    /// When nothing else names a region, ask the metadata of the EC2 instance: the constructor then waits for it, at
    /// most 14 s with the settings as they are by default, and 1 s where there is no metadata service.
    bool region_from_instance = false;

    std::string endpoint_url{};              ///< else see `aws::configured_endpoint_url`, else AWS's own of the region
    std::optional<bool> use_fips{};          ///< else AWS_USE_FIPS_ENDPOINT, `use_fips_endpoint`, false
    std::optional<bool> use_dual_stack{};    ///< else AWS_USE_DUALSTACK_ENDPOINT, `use_dualstack_endpoint`, false
    bool allow_plain_http = false;           ///< http:// to other machines than this one, or through a proxy
    aws::credentials_provider credentials{}; ///< keys, or a function that gives some; else `aws::resolve_credentials`
    call_options call{};                     ///< time and attempts of a call
    http::client_options connection{};       ///< connections, TLS, proxy: see `aws::resolve_connection`
    any_observer observer{};                 ///< is told of each call: `metrics`, or a function of a `request_event`
};

/// The same with everything found.
struct client_setup {
    aws::resolved_endpoint where;
    aws::credentials_provider credentials;
    call_options call;
    http::client_options connection;
    any_observer observer;
};

/// *Errors:* `error::invalid_option` for times below 0 and the like.
inline result<void> check(const call_options& o) {
    using namespace std::chrono_literals;
    const auto refuse = [](const char* why) { return failure(error::invalid_option, why); };
    if (o.timeout <= 0ms || o.attempt_timeout <= 0ms) return refuse("client_options::call: a timeout is above 0 ms");
    if (o.retry.attempts() == 0) return refuse("client_options::call.retry: max_attempts is at least 1");
    if (o.retry.base_delay < 0ms || o.retry.throttling_delay < 0ms || o.retry.max_delay < 0ms)
        return refuse("client_options::call.retry: a delay is 0 ms or more");
    return {};
}

/// The region to use: see `client_options::region` and `client_options::region_from_instance`.
///
/// *Errors:* those of `aws::resolve_region` and `aws::instance_region`.
inline result<std::string> find_region(const client_options& given, const aws::environment& env,
                                       const aws::shared_config& config) {
    auto region = aws::resolve_region(given.region, env, config);
    if (region || !given.region_from_instance || region.error() != error::missing_region) return region;
    auto of_instance = aws::instance_region({}, env, config, given.connection);
    if (of_instance) return of_instance;
    return failure(of_instance.error().code, region.error().detail + "; " + of_instance.error().detail);
}

/// Looks into the environment and the profiles' files for what the options leave empty. Connects to nothing, except for
/// `client_options::region_from_instance`.
///
/// *Errors:* what is missing, wrong or set by half, with the option, the variable, or file and line, and what to do.
inline result<client_setup> resolve(client_options given, const aws::environment& env = aws::process_environment) {
    const auto config = aws::shared_config::load(given.profile, env);
    if (!config) return config.error();

    auto region = find_region(given, env, *config);
    if (!region) return std::move(region).error();
    given.region = *std::move(region);
    auto where = aws::resolve_endpoint({.region = given.region,
                                        .endpoint_url = std::move(given.endpoint_url),
                                        .allow_plain_http = given.allow_plain_http,
                                        .use_fips = given.use_fips,
                                        .use_dual_stack = given.use_dual_stack},
                                       env, *config);
    if (!where) return std::move(where).error();

    if (!given.call.retry.max_attempts) {
        const auto configured = aws::configured_max_attempts(env, *config);
        if (!configured) return configured.error();
        given.call.retry.max_attempts = *configured;
    }
    if (auto known = aws::check_retry_mode(env, *config); !known) return std::move(known).error();
    if (auto valid = check(given.call); !valid) return std::move(valid).error();

    auto credentials = aws::resolve_credentials(std::move(given.credentials),
                                                {.region = given.region, .allow_plain_http = given.allow_plain_http},
                                                env, *config, given.connection);
    if (!credentials) return std::move(credentials).error();
    auto connection =
        aws::resolve_connection(std::move(given.connection), where->address, given.allow_plain_http, env, *config);
    if (!connection) return std::move(connection).error();
    return client_setup{*std::move(where), *std::move(credentials), given.call, *std::move(connection), std::move(given.observer)};
}

} // namespace dynasession::inline v0::dynamodb

#endif
