#ifndef DYNASESSION_HTTP_PROXY_HPP
#define DYNASESSION_HTTP_PROXY_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/detail/encoding.hpp>
#include <dynasession/detail/http_syntax.hpp>
#include <dynasession/http/endpoint.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::http {

/// A proxy that connections lead through, by CONNECT (RFC 9110, 9.3.6).
///
/// That holds for plain http, too: requests are the same with and without a proxy, which need not understand them,
/// and what proves that we may use the proxy is shown to the proxy alone, once a connection.
struct proxy {
    endpoint address;
    std::string credentials{}; ///< `user:password` (RFC 7617); empty = none

    /// Reads `[http://][user:password@]host[:port]`, user and password percent-encoded; port 80 when there is none.
    ///
    /// *Errors:* `error::invalid_option`, with what is wrong and without the URL.
    static result<proxy> parse(std::string_view url);

    /// The request that asks for a way to this endpoint.
    std::string connect_request(const endpoint& target) const {
        const auto place = target.host_and_port();
        auto text = "CONNECT " + place + " HTTP/1.1\r\nHost: " + place + "\r\n";
        if (!credentials.empty()) {
            text.append("Proxy-Authorization: Basic ");
            detail::append_base64(text, credentials);
            text.append("\r\n");
        }
        return text.append("\r\n");
    }
};

namespace proxy_detail {

// `user[:password]`, percent-encoded, as RFC 7617 wants it before its base64; nothing if it cannot be said so.
inline result<std::string> read_user(std::string_view text) {
    const auto colon = std::min(text.find(':'), text.size());
    std::string found;
    detail::append_uri_decoded(found, text.substr(0, colon));
    if (found.find(':') != found.npos)
        return failure(error::invalid_option, "the user of the proxy's URL holds a colon, which no proxy can be told");
    found.push_back(':');
    detail::append_uri_decoded(found, text.substr(std::min(colon + 1, text.size())));
    if (std::ranges::any_of(found, [](unsigned char c) { return c < 0x20 || c == 0x7F; }))
        return failure(error::invalid_option, "the user or the password of the proxy's URL holds a control character");
    return found;
}

} // namespace proxy_detail

inline result<proxy> proxy::parse(std::string_view url) {
    if (const auto end = url.find("://"); end != url.npos) {
        if (!detail::equal_ignoring_case(url.substr(0, end), "http"))
            return failure(error::invalid_option, "the proxy's URL does not begin with http://: proxies that are "
                                                  "reached by TLS or SOCKS are not supported");
        url.remove_prefix(end + 3);
    }
    proxy p;
    if (const auto at = url.rfind('@'); at != url.npos) {
        auto user = proxy_detail::read_user(url.substr(0, at));
        if (!user) return std::move(user).error();
        p.credentials = *std::move(user);
        url.remove_prefix(at + 1);
    }
    auto address = endpoint::parse(std::string("http://").append(url));
    if (!address) return failure(error::invalid_option, "the proxy: " + address.error().detail);
    p.address = *std::move(address);
    return p;
}

} // namespace dynasession::inline v0::http

#endif
