#ifndef DYNASESSION_AWS_ENDPOINT_HPP
#define DYNASESSION_AWS_ENDPOINT_HPP

#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/partition.hpp>
#include <dynasession/aws/setting.hpp>
#include <dynasession/aws/shared_config.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/http/endpoint.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// Where DynamoDB is, as a program says it; what is empty comes from the environment, then from the profile in use.
struct endpoint_options {
    std::string region = {};       ///< else AWS_REGION, AWS_DEFAULT_REGION, `region`
    std::string endpoint_url = {}; ///< else see `configured_endpoint_url`, else AWS's own host of the region
    bool allow_plain_http = false; ///< take http:// to other hosts than this one; sessions are then readable on the way
    std::optional<bool> use_fips = {};       ///< else AWS_USE_FIPS_ENDPOINT, `use_fips_endpoint`, false
    std::optional<bool> use_dual_stack = {}; ///< else AWS_USE_DUALSTACK_ENDPOINT, `use_dualstack_endpoint`, false

    /// Take no URL but `endpoint_url`; else AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, `ignore_configured_endpoint_urls`,
    /// false.
    std::optional<bool> ignore_configured_endpoint_urls = {};
};

/// Where requests go, and the region their signatures name.
struct resolved_endpoint {
    http::endpoint address;
    std::string signing_region;
};

/// A service by its two names.
struct service_name {
    std::string_view host; ///< in its hosts
    std::string_view id;   ///< in variables and profiles
};
inline constexpr service_name dynamodb_service{"dynamodb", "dynamodb"};
inline constexpr service_name sts_service{"sts", "sts"};
inline constexpr service_name sso_service{"portal.sso", "sso"};

/// The region to use: the given one, else AWS_REGION, else AWS_DEFAULT_REGION, else `region` of the profile in use.
///
/// *Errors:* `error::missing_region`: whoever knows another source may ask it then. `error::invalid_option` for a text
/// that cannot be part of a host name.
inline result<std::string> resolve_region(std::string_view given, const environment& env = process_environment,
                                          const shared_config& config = {}) {
    auto region = given.empty() ? find_setting({"AWS_REGION", "AWS_DEFAULT_REGION"}, "region", env, config)
                                : setting{std::string(given), "option region"};
    if (region.value.empty())
        return failure(error::missing_region, "neither the option region nor AWS_REGION nor AWS_DEFAULT_REGION nor "
                                              "region of the profile " +
                                                  config.profile() + " is set");
    if (!is_region(region.value)) return region.refuse("a region is 1 to 63 of a-z, 0-9 and -");
    return std::move(region.value);
}

/// The URL that is set for a service: `endpoint_url` of the options, else AWS_ENDPOINT_URL_<SERVICE>, else
/// AWS_ENDPOINT_URL, else `endpoint_url` below the service in the services section that the profile in use names, else
/// `endpoint_url` of the profile. Empty when there is none, or configured URLs are to be ignored.
///
/// *Errors:* `error::invalid_option`.
inline result<setting> configured_endpoint_url(const service_name& service, const endpoint_options& options,
                                               const environment& env, const shared_config& config) {
    if (!options.endpoint_url.empty()) return setting{options.endpoint_url, "option endpoint_url"};
    const auto ignored =
        switched_on_by(options.ignore_configured_endpoint_urls, "ignore_configured_endpoint_urls",
                       "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls", env, config);
    if (!ignored) return ignored.error();
    if (!ignored->empty()) return setting{};

    std::string own_variable = "AWS_ENDPOINT_URL_";
    for (const char c : service.id) own_variable += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    auto found = find_variable({own_variable, "AWS_ENDPOINT_URL"}, env);
    if (!found.value.empty()) return found;

    const auto in_services = config.find_in_services(service.id, "endpoint_url");
    if (!in_services) return in_services.error();
    found = setting_of(*in_services);
    return found.value.empty() ? setting_of(config.find("endpoint_url")) : found;
}

namespace endpoint_detail {

// What turned the two switches on; empty when they are off.
struct switches {
    std::string fips, dual_stack;

    // The reason why they do not go together with something that has a place of its own.
    std::optional<failure> conflict_with(std::string_view other) const {
        if (fips.empty() && dual_stack.empty()) return std::nullopt;
        const bool is_fips = !fips.empty();
        return failure(error::invalid_option, (is_fips ? fips : dual_stack) + ": " + (is_fips ? "FIPS" : "dual stack") +
                                                  " endpoints are AWS's own and cannot be had together with " +
                                                  std::string(other) + ": give up one of the two");
    }
};

inline result<switches> read_switches(const endpoint_options& options, const environment& env,
                                      const shared_config& config) {
    auto fips = switched_on_by(options.use_fips, "use_fips", "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", env, config);
    if (!fips) return std::move(fips).error();
    auto dual_stack = switched_on_by(options.use_dual_stack, "use_dual_stack", "AWS_USE_DUALSTACK_ENDPOINT",
                                     "use_dualstack_endpoint", env, config);
    if (!dual_stack) return std::move(dual_stack).error();
    return switches{*std::move(fips), *std::move(dual_stack)};
}

inline result<http::endpoint> parse_custom(const setting& url, const endpoint_options& options) {
    auto address = http::endpoint::parse(url.value);
    if (!address) return url.refuse(address.error().detail, error::invalid_endpoint);
    if (is_dual_stack_dynamodb(address->host))
        return url.refuse("a dual stack host of AWS: remove the URL, and set use_dual_stack or "
                          "AWS_USE_DUALSTACK_ENDPOINT",
                          error::invalid_endpoint);
    if (!address->tls && !address->is_loopback() && !options.allow_plain_http)
        return url.refuse("plain http to another machine: use https, or set allow_plain_http", error::invalid_endpoint);
    return address;
}

// Hosts of an account (ACCOUNT.ddb.REGION...) save DynamoDB a look-up; those of the region serve every account.
inline result<void> check_account_mode(const environment& env, const shared_config& config) {
    const auto mode = find_setting({"AWS_ACCOUNT_ID_ENDPOINT_MODE"}, "account_id_endpoint_mode", env, config);
    for (const auto* fine : {"", "preferred", "disabled"})
        if (equals_ignoring_case(mode.value, fine)) return {};
    return mode.refuse(equals_ignoring_case(mode.value, "required")
                           ? "endpoints of an account are not supported: set preferred or disabled"
                           : "none of preferred, disabled and required");
}

} // namespace endpoint_detail

/// Where a service is: at its configured URL, else at its host in the region. `region` may be empty when a URL is set.
///
/// *Errors:* `error::invalid_endpoint` for a URL that is none, names a dual stack host of DynamoDB, or is plain http to
/// another machine without `allow_plain_http`; `error::invalid_option` for a switch that is neither on nor off, for
/// FIPS or dual stack together with a URL or with the region `local`, and for hosts of an account where they are
/// required; `error::missing_region`. The detail names the option, the variable, or the file and line.
inline result<http::endpoint> resolve_service_endpoint(const service_name& service, std::string_view region,
                                                       const endpoint_options& options, const environment& env,
                                                       const shared_config& config) {
    const auto switches = endpoint_detail::read_switches(options, env, config);
    if (!switches) return switches.error();
    const auto url = configured_endpoint_url(service, options, env, config);
    if (!url) return url.error();

    if (!url->value.empty()) {
        if (auto conflict = switches->conflict_with(url->source)) return *std::move(conflict);
        return endpoint_detail::parse_custom(*url, options);
    }
    if (region.empty()) return failure(error::missing_region);
    if (region == "local") {
        if (auto conflict = switches->conflict_with("the region local")) return *std::move(conflict);
        return http::endpoint::parse("http://localhost:8000");
    }
    if (service.id == dynamodb_service.id)
        if (auto mode = endpoint_detail::check_account_mode(env, config); !mode) return std::move(mode).error();
    return http::endpoint{
        .host = service_host(service.host, region, {!switches->fips.empty(), !switches->dual_stack.empty()})};
}

/// Where DynamoDB is. The region `local` stands for an emulator: http://localhost:8000, signed for us-east-1.
///
/// *Errors:* those of `resolve_region`, even when a URL is set, for signatures name a region; those of
/// `resolve_service_endpoint`.
inline result<resolved_endpoint> resolve_endpoint(const endpoint_options& options,
                                                  const environment& env = process_environment,
                                                  const shared_config& config = {}) {
    auto region = resolve_region(options.region, env, config);
    if (!region) return std::move(region).error();
    auto address = resolve_service_endpoint(dynamodb_service, *region, options, env, config);
    if (!address) return std::move(address).error();
    return resolved_endpoint{*std::move(address), *region == "local" ? "us-east-1" : *std::move(region)};
}

} // namespace dynasession::inline v0::aws

#endif
