#ifndef DYNASESSION_HTTP_ENDPOINT_HPP
#define DYNASESSION_HTTP_ENDPOINT_HPP

#include <dynasession/core/error.hpp>

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace dynasession::inline v0::http {

/// Where a server listens, and whether TLS is spoken there.
struct endpoint {
    bool tls = true;
    std::string host; ///< a name or an address, in lower case, without brackets
    std::uint16_t port = 443;

    /// Reads `http://host[:port]` or `https://host[:port]`, with or without a slash at the end.
    ///
    /// *Errors:* `error::invalid_endpoint`, with what is wrong.
    static result<endpoint> parse(std::string_view url);

    /// What the `Host` field says: the port only when it is not the scheme's own, brackets around IPv6.
    std::string authority() const { return port == (tls ? 443 : 80) ? bracketed_host() : host_and_port(); }

    /// The same with the port in any case, as CONNECT wants it.
    std::string host_and_port() const { return bracketed_host() + ':' + std::to_string(port); }

    /// Whether what is sent there stays on this machine: `localhost`, 127.0.0.0/8 or ::1.
    bool is_loopback() const {
        if (host == "localhost") return true;
        error_code ec;
        const auto address = boost::asio::ip::make_address(host, ec);
        return !ec && address.is_loopback();
    }

    friend bool operator==(const endpoint&, const endpoint&) = default;

private:
    std::string bracketed_host() const { return host.find(':') == host.npos ? host : '[' + host + ']'; }
};

inline result<endpoint> endpoint::parse(std::string_view url) {
    const auto refuse = [](const char* why) { return failure(error::invalid_endpoint, why); };

    const auto colon = url.find("://");
    if (colon == url.npos) return refuse("the URL has no scheme: expected http://host[:port] or https://host[:port]");
    std::string scheme(url.substr(0, colon));
    const auto to_lower = [](std::string& text) {
        std::ranges::transform(text, text.begin(),
                               [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    };
    to_lower(scheme);
    if (scheme != "http" && scheme != "https") return refuse("the URL's scheme is neither http nor https");

    endpoint e;
    e.tls = scheme == "https";
    e.port = e.tls ? 443 : 80;

    auto rest = url.substr(colon + 3);
    if (rest.ends_with('/')) rest.remove_suffix(1);
    if (rest.find_first_of("/?#") != rest.npos)
        return refuse("the URL has a path or a query: give the host and port only");
    if (rest.find('@') != rest.npos) return refuse("the URL has user information: credentials do not belong there");

    const bool bracketed = rest.starts_with('[');
    const auto end = bracketed ? rest.find(']') : std::min(rest.find(':'), rest.size());
    if (end == rest.npos) return refuse("the URL has an opening bracket only");
    e.host = rest.substr(bracketed, end - bracketed);
    to_lower(e.host);
    rest.remove_prefix(end + bracketed);

    error_code ec;
    const bool is_name = e.host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") == e.host.npos;
    if (bracketed ? (boost::asio::ip::make_address_v6(e.host, ec), ec.failed()) : !is_name || e.host.size() > 253)
        return refuse("the URL's host is neither a name nor an address (IPv6 stands in brackets)");
    if (e.host.empty()) return refuse("the URL has no host");

    if (!rest.empty()) {
        const auto digits = rest.substr(1);
        const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), e.port);
        if (rest.front() != ':' || error != std::errc{} || last != digits.data() + digits.size() || e.port == 0)
            return refuse("the URL's port is not a number from 1 to 65535");
    }
    return e;
}

} // namespace dynasession::inline v0::http

#endif
