#ifndef DYNASESSION_AWS_PROXY_HPP
#define DYNASESSION_AWS_PROXY_HPP

#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/setting.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/detail/http_syntax.hpp>
#include <dynasession/http/endpoint.hpp>
#include <dynasession/http/proxy.hpp>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

namespace proxy_detail {

namespace ip = boost::asio::ip;

template <class Network, class Address>
bool contains(const Network& network, const Address& address) {
    return Network(address, network.prefix_length()).network() == network.network();
}

// `text` in CIDR notation.
inline bool is_within(const ip::address& address, const std::string& text) {
    error_code ec;
    if (address.is_v4()) {
        const auto network = ip::make_network_v4(text, ec);
        return !ec && contains(network, address.to_v4());
    }
    const auto network = ip::make_network_v6(text, ec);
    return !ec && contains(network, address.to_v6());
}

inline bool is_within(std::string_view host, std::string_view domain) noexcept {
    if (domain.starts_with("*.")) domain.remove_prefix(1);
    if (domain.starts_with('.')) domain.remove_prefix(1);
    if (domain.empty() || !host.ends_with(domain)) return false;
    host.remove_suffix(domain.size());
    return host.empty() || host.ends_with('.');
}

// Takes `:port` and the brackets of an IPv6 address away from an entry; false = it names another port.
inline bool strip_port(std::string_view& entry, std::uint16_t port) noexcept {
    const auto colon = entry.rfind(':');
    const bool bracketed = entry.starts_with('[');
    if (colon != entry.npos && (bracketed ? entry[colon - 1] == ']' : entry.find(':') == colon)) {
        const auto digits = entry.substr(colon + 1);
        std::uint16_t named = 0;
        const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), named);
        if (failed != std::errc{} || end != digits.data() + digits.size() || named != port) return false;
        entry = entry.substr(0, colon);
    }
    if (bracketed && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
    return true;
}

inline bool exempts(std::string_view entry, const http::endpoint& target) {
    if (entry == "*") return true;
    error_code is_name;
    const auto address = ip::make_address(target.host, is_name);
    if (entry.find('/') != entry.npos) return !is_name && is_within(address, std::string(entry));
    if (!strip_port(entry, target.port)) return false;
    if (is_name) return is_within(target.host, entry);
    error_code other;
    return ip::make_address(std::string(entry), other) == address && !other;
}

// Whether a list with commas or spaces between its entries has one for this endpoint.
inline bool is_exempt(const http::endpoint& target, std::string list) {
    std::ranges::transform(list, list.begin(), detail::lower);
    for (std::string_view rest = list; !rest.empty();) {
        const auto end = std::min(rest.find_first_of(", \t"), rest.size());
        if (end != 0 && exempts(rest.substr(0, end), target)) return true;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return false;
}

// The variable that says which proxy to use.
inline setting configured(bool tls, const environment& env) {
    if (tls) return find_variable({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}, env);
    // Web servers hand a client's field `Proxy` to CGI programs as HTTP_PROXY (CVE-2016-5385, "httpoxy").
    if (!variable(env, "REQUEST_METHOD").empty()) return find_variable({"http_proxy", "all_proxy", "ALL_PROXY"}, env);
    return find_variable({"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}, env);
}

} // namespace proxy_detail

/// The URL of the proxy that the environment names for this endpoint; empty = none.
///
/// It is that of `https_proxy` or HTTPS_PROXY, for plain http `http_proxy` or HTTP_PROXY, else of `all_proxy` or
/// ALL_PROXY; the name in lower case comes first, as in curl. HTTP_PROXY is not looked at in CGI programs, where
/// REQUEST_METHOD is set, because clients determine it there.
///
/// None is used for this machine itself (`is_loopback`; as in Go), nor for what `no_proxy` or NO_PROXY lists, with
/// commas or spaces between:
/// - `example.com`, `.example.com` or `*.example.com`: the domain and all below it (curl; botocore's suffixes, too),
/// - an address, or a network as 10.0.0.0/8, for endpoints that are given as addresses: names are not looked up,
/// - either of them with `:port`; and `*` for everything.
///
/// *Errors:* `error::invalid_option` for a URL that cannot be used, with the name of its variable and without the URL.
inline result<std::string> environment_proxy(const http::endpoint& target,
                                             const environment& env = process_environment) {
    const auto exempt = find_variable({"no_proxy", "NO_PROXY"}, env);
    if (target.is_loopback() || proxy_detail::is_exempt(target, exempt.value)) return std::string();
    auto found = proxy_detail::configured(target.tls, env);
    if (found.value.empty()) return std::string();
    if (const auto usable = http::proxy::parse(found.value); !usable)
        return failure(usable.error().code, found.source + ": " + usable.error().detail);
    return std::move(found.value);
}

} // namespace dynasession::inline v0::aws

#endif
