#ifndef DYNASESSION_AWS_CONTAINER_SETTINGS_HPP
#define DYNASESSION_AWS_CONTAINER_SETTINGS_HPP

#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/metadata_requests.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/http/endpoint.hpp>

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// Where a container gets its credentials from.
struct container_settings {
    http::endpoint server{};
    std::string target{}; ///< path and query; who knows them may have the credentials
    std::string source{}; ///< the variable that says so, for messages
    std::string token{};  ///< what goes into the Authorization field, unless there is a file; empty: none
    std::string token_file{};
    metadata_patience patience{std::chrono::seconds(2)};
};

namespace container_settings_detail {

inline constexpr std::string_view relative_uri = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
inline constexpr std::string_view full_uri = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
inline constexpr std::string_view token_value = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
inline constexpr std::string_view token_file = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

inline failure refuse(std::string_view name, std::string_view why, error code = error::invalid_option) {
    return {code, std::string(name).append(": ").append(why)};
}

inline bool is_plain(std::string_view text) noexcept {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

// Whether credentials may come from there without TLS: this machine, and what AWS puts beside a container. Names are
// not looked up: what a name leads to now says nothing of a moment later.
inline bool is_trusted_without_tls(const http::endpoint& server) {
    if (server.is_loopback()) return true;
    error_code ec;
    const auto address = boost::asio::ip::make_address(server.host, ec);
    constexpr std::string_view trusted[] = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23"}; // ECS, EKS, EKS
    return !ec && std::ranges::any_of(trusted,
                                      [&](std::string_view t) { return address == boost::asio::ip::make_address(t); });
}

inline result<container_settings> from_relative(std::string target) {
    if (!target.starts_with('/') || target.find('#') != target.npos || !is_plain(target))
        return refuse(relative_uri, "not a path: expected a text such as /v2/credentials/ID");
    return container_settings{.server = {.tls = false, .host = "169.254.170.2", .port = 80},
                              .target = std::move(target),
                              .source = std::string(relative_uri)};
}

inline result<container_settings> from_full(std::string_view uri) {
    const auto refuse_uri = [](std::string_view why) { return refuse(full_uri, why, error::invalid_endpoint); };
    const auto host = uri.find("://");
    if (host == uri.npos) return refuse_uri("not a URL: expected http://host/path or https://host/path");
    const auto end = std::min(uri.find_first_of("/?#", host + 3), uri.size());
    auto server = http::endpoint::parse(uri.substr(0, end));
    if (!server) return refuse_uri(server.error().detail);
    if (!server->tls && !is_trusted_without_tls(*server))
        return refuse_uri("plain http to a host that is neither this machine nor 169.254.170.2, 169.254.170.23 or "
                          "[fd00:ec2::23]: use https");

    const auto target = uri.substr(end);
    if (target.find('#') != target.npos || !is_plain(target))
        return refuse_uri("the path holds white space, a # or signs outside of ASCII: escape them");
    return container_settings{.server = *std::move(server),
                              .target = (target.starts_with('/') ? "" : "/") + std::string(target),
                              .source = std::string(full_uri)};
}

} // namespace container_settings_detail

/// What the variables say of the credentials of a container (ECS, EKS Pod Identity); nothing when they say nothing.
/// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI goes before AWS_CONTAINER_CREDENTIALS_FULL_URI, and
/// AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE before AWS_CONTAINER_AUTHORIZATION_TOKEN.
///
/// *Errors:* `error::invalid_endpoint` for a full URI that is none, or leads to another machine without TLS;
/// `error::invalid_option` for a relative one that is none, and for a token without a URI. The detail names the
/// variable.
inline result<std::optional<container_settings>>
resolve_container_settings(const environment& env = process_environment) {
    using namespace container_settings_detail;
    const auto is_set = [&](std::string_view name) { return !variable(env, name).empty(); };
    if (!is_set(relative_uri) && !is_set(full_uri)) {
        for (const auto name : {token_file, token_value})
            if (is_set(name))
                return refuse(name, "set, but neither " + std::string(full_uri) + " nor " + std::string(relative_uri) +
                                        " is: set one of them, or unset this");
        return std::optional<container_settings>();
    }
    auto found = is_set(relative_uri) ? from_relative(variable(env, relative_uri)) : from_full(variable(env, full_uri));
    if (!found) return std::move(found).error();
    found->token_file = variable(env, token_file);
    if (is_set(token_value)) found->token = *env(token_value); // as it is: a line break at its end is to be seen
    return std::optional<container_settings>(*std::move(found));
}

} // namespace dynasession::inline v0::aws

#endif
