#ifndef DYNASESSION_AWS_ENDPOINT_HPP
#define DYNASESSION_AWS_ENDPOINT_HPP

#include <dynasession/aws/environment.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/http/endpoint.hpp>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// Where DynamoDB is, as a program says it; what is empty comes from the environment.
struct endpoint_options {
    std::string region = {};       ///< else AWS_REGION, else AWS_DEFAULT_REGION
    std::string endpoint_url = {}; ///< else AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL, AWS's own host of the region
    bool allow_plain_http = false; ///< take http:// to other hosts than this one; sessions are then readable on the way
};

/// Where requests go, and the region their signatures name.
struct resolved_endpoint {
    http::endpoint address;
    std::string signing_region;
};

namespace endpoint_detail {

// A text, and what to call its origin in messages.
struct setting {
    std::string value;
    std::string_view source;
};

// The option when it is given, else the first of the variables that is set.
inline setting first_set(std::string_view given, std::string_view option, const environment& env,
                         std::initializer_list<std::string_view> variables) {
    setting found{std::string(given), option};
    for (auto name = variables.begin(); found.value.empty() && name != variables.end(); ++name) {
        found.value = variable(env, *name);
        found.source = *name;
    }
    return found;
}

inline bool is_region(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 63 && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

// The domains of the partitions, by the beginning of their regions (AWS SDKs, partitions.json).
inline std::string_view dns_suffix(std::string_view region) noexcept {
    struct partition {
        std::string_view prefix, suffix;
    };
    constexpr std::array<partition, 6> others{{
        {"cn-", "amazonaws.com.cn"},
        {"us-iso-", "c2s.ic.gov"},
        {"us-isob-", "sc2s.sgov.gov"},
        {"eu-isoe-", "cloud.adc-e.uk"},
        {"us-isof-", "csp.hci.ic.gov"},
        {"eusc-", "amazonaws.eu"},
    }};
    for (const auto& p : others)
        if (region.starts_with(p.prefix)) return p.suffix;
    return "amazonaws.com";
}

inline std::string own_url(std::string_view region) {
    if (region == "local") return "http://localhost:8000";
    return std::string("https://dynamodb.").append(region).append(1, '.').append(dns_suffix(region));
}

inline bool is_true(std::string_view text) noexcept {
    constexpr auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::ranges::equal(text, std::string_view("true"), {}, lower);
}

} // namespace endpoint_detail

/// The region to use: the given one, else AWS_REGION, else AWS_DEFAULT_REGION.
///
/// *Errors:* `error::missing_region`; `error::invalid_option` for a text that cannot be part of a host name.
inline result<std::string> resolve_region(std::string_view given, const environment& env = process_environment) {
    auto region = endpoint_detail::first_set(given, "option region", env, {"AWS_REGION", "AWS_DEFAULT_REGION"});
    if (region.value.empty())
        return failure(error::missing_region, "neither the option region nor AWS_REGION nor AWS_DEFAULT_REGION is set");
    if (!endpoint_detail::is_region(region.value))
        return failure(error::invalid_option, std::string(region.source) + ": a region is 1 to 63 of a-z, 0-9 and -");
    return std::move(region.value);
}

/// Where DynamoDB is. The region `local` stands for an emulator: http://localhost:8000, signed for us-east-1.
///
/// *Errors:* those of `resolve_region`; `error::invalid_endpoint` for a URL that is none, or is plain http to another
/// machine without `allow_plain_http`. The detail names the option or variable at fault.
inline result<resolved_endpoint> resolve_endpoint(const endpoint_options& options,
                                                  const environment& env = process_environment) {
    auto region = resolve_region(options.region, env);
    if (!region) return std::move(region).error();

    const environment ignored = [](std::string_view) { return std::nullopt; };
    const bool ignore = endpoint_detail::is_true(variable(env, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"));
    auto url = endpoint_detail::first_set(options.endpoint_url, "option endpoint_url", ignore ? ignored : env,
                                          {"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"});
    if (url.value.empty()) {
        url.value = endpoint_detail::own_url(*region);
        url.source = "region";
    }

    auto address = http::endpoint::parse(url.value);
    if (!address) return failure(address.error().code, std::string(url.source) + ": " + address.error().detail);
    if (!address->tls && !address->is_loopback() && !options.allow_plain_http)
        return failure(error::invalid_endpoint,
                       std::string(url.source) + ": plain http to another machine: use https, or set allow_plain_http");
    return resolved_endpoint{*std::move(address), *region == "local" ? "us-east-1" : *std::move(region)};
}

} // namespace dynasession::inline v0::aws

#endif
