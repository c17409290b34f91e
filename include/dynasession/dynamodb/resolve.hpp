#ifndef DYNASESSION_DYNAMODB_RESOLVE_HPP
#define DYNASESSION_DYNAMODB_RESOLVE_HPP

#include <dynasession/aws/client_settings.hpp>
#include <dynasession/aws/connection.hpp>
#include <dynasession/aws/credential_chain.hpp>
#include <dynasession/aws/endpoint.hpp>
#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/instance_region.hpp>
#include <dynasession/aws/shared_config.hpp>
#include <dynasession/core/config.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/dynamodb/call.hpp>
#include <dynasession/dynamodb/client_options.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace dynasession::inline v0::dynamodb {

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

// See dynamodb/client_options.hpp, which declares it.
DYNASESSION_DECL result<client_setup> resolve(client_options given, const aws::environment& env) {
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
