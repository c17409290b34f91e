#ifndef DYNASESSION_WEB_COOKIE_OPTIONS_HPP
#define DYNASESSION_WEB_COOKIE_OPTIONS_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/detail/http_syntax.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

namespace dynasession::inline v0 {

/// Whether a browser sends a cookie with requests that come from pages of other sites (RFC 6265bis section 4.1.2.7).
enum class same_site {
    lax,    ///< only when they lead the window itself there by a safe method, as links do
    strict, ///< never, so that who follows a link from elsewhere arrives without a session
    none,   ///< always; browsers take it together with `Secure` only
};

/// The cookie that carries the id of a session. Its defaults are the strictest that a browser knows, but for `lax`.
struct cookie_options {
    /// A token. A name that begins with `__Host-` makes browsers refuse the cookie unless it is secure, for this host
    /// alone and for all paths; one with `__Secure-`, unless it is secure (RFC 6265bis sections 4.1.3 and 5.4).
    std::string name = "__Host-session";

    /// The host whose subdomains get the cookie as well; empty: this host alone (section 4.1.2.3).
    std::string domain{};

    /// Where the paths begin that get the cookie (section 4.1.2.4). It protects nothing: pages can read beyond their
    /// path.
    std::string path = "/";

    /// Whether the cookie goes over TLS only (section 4.1.2.5).
    bool secure = true;

    /// Whether it is hidden from scripts (section 4.1.2.6).
    bool http_only = true;

    /// Whether requests from other sites bring it.
    dynasession::same_site same_site = dynasession::same_site::lax;

    /// Whether a page inside pages of other sites has another session in each of them (CHIPS, draft-cutler-httpbis-
    /// partitioned-cookies). Goes with `same_site::none`, else the browser sends nothing from there.
    bool partitioned = false;

    /// Whether the cookie outlives the browser, for as long as is left of the session (`Max-Age`, section 4.1.2.2). If
    /// not, the browser forgets it when it ends.
    bool persistent = false;

    /// For development without TLS: a secure cookie, or a prefix, is refused over http:// (section 5.7), unless the
    /// host is localhost and the browser makes an exception for it, as Chromium does.
    static cookie_options plain_http() {
        cookie_options options;
        options.name = "session";
        options.secure = false;
        return options;
    }
};

/// The header field that carries the id in requests and answers of programs that keep no cookies.
struct header_options {
    std::string name = "X-Auth-Token";
};

/// What carries the id: a cookie or a header field, never both.
using transport = std::variant<cookie_options, header_options>;

namespace cookie_detail {

// What browsers take of name and value together, and of one attribute (RFC 6265bis section 5.6).
inline constexpr std::size_t max_pair_size = 4096;
inline constexpr std::size_t max_attribute_size = 1024;

// The name has to leave room for an id, a point and a signature.
inline constexpr std::size_t max_name_size = max_pair_size - (2 * session_id::length + 1);

// Browsers compare prefixes without their case (RFC 6265bis section 5.4).
constexpr bool has_prefix(std::string_view name, std::string_view prefix) noexcept {
    return detail::equal_ignoring_case(name.substr(0, prefix.size()), prefix);
}

// A label of a host name (RFC 1034 section 3.5 with RFC 1123 section 2.1)
constexpr bool is_label(std::string_view text) noexcept {
    const auto fits = [](char c) {
        return (detail::lower(c) >= 'a' && detail::lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-';
    };
    return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
           std::ranges::all_of(text, fits);
}

// "domain-value" (RFC 6265bis section 4.1.1). Browsers pass over one point before it, as PHP's options often have it.
constexpr bool is_domain(std::string_view text) noexcept {
    if (text.starts_with('.')) text.remove_prefix(1);
    if (text.size() > 253) return false;
    for (;;) {
        const auto end = text.find('.');
        if (!is_label(text.substr(0, end))) return false;
        if (end == text.npos) return true;
        text.remove_prefix(end + 1);
    }
}

// "path-value" (RFC 6265bis section 4.1.1). A space is refused, too: no path of a request has one.
constexpr bool is_path(std::string_view text) noexcept {
    const auto fits = [](char c) { return c > ' ' && c <= '~' && c != ';'; };
    return text.starts_with('/') && text.size() <= max_attribute_size && std::ranges::all_of(text, fits);
}

} // namespace cookie_detail

/// *Errors:* `error::invalid_option`, with the option and the rule, for a cookie that browsers would refuse or that
/// would not stay in its header field.
inline result<void> check(const cookie_options& o) {
    using namespace cookie_detail;
    const auto refuse = [](const char* why) { return failure(error::invalid_option, why); };
    if (!detail::is_token(o.name))
        return refuse(
            "cookie_options::name: has to be a token: letters, digits and !#$%&'*+-.^_`|~ (RFC 6265bis 4.1.1)");
    if (o.name.size() > max_name_size)
        return refuse(
            "cookie_options::name: name and value have at most 4096 bytes, 87 of them the value (RFC 6265bis 5.6)");
    if (!o.domain.empty() && !is_domain(o.domain))
        return refuse(
            "cookie_options::domain: has to be a host name, without port and without a point at its end; write "
            "international names in Punycode (RFC 6265bis 4.1.2.3)");
    if (!is_path(o.path))
        return refuse("cookie_options::path: begins with / and has at most 1024 visible ASCII characters without ; "
                      "(RFC 6265bis 4.1.1)");
    if (has_prefix(o.name, "__Secure-") && !o.secure)
        return refuse("cookie_options::secure: a name with __Secure- demands it (RFC 6265bis 4.1.3.1)");
    if (has_prefix(o.name, "__Host-")) {
        if (!o.secure)
            return refuse("cookie_options::secure: a name with __Host- demands it; without TLS, use "
                          "cookie_options::plain_http() (RFC 6265bis 4.1.3.2)");
        if (!o.domain.empty())
            return refuse("cookie_options::domain: a name with __Host- allows none (RFC 6265bis 4.1.3.2)");
        if (o.path != "/") return refuse("cookie_options::path: a name with __Host- demands / (RFC 6265bis 4.1.3.2)");
    }
    if (o.same_site == same_site::none && !o.secure)
        return refuse("cookie_options::secure: same_site::none demands it (RFC 6265bis 5.7)");
    if (o.partitioned && !o.secure) return refuse("cookie_options::secure: partitioned demands it (CHIPS)");
    return {};
}

/// *Errors:* `error::invalid_option` for a name that no header field can have (RFC 9110 section 5.1).
inline result<void> check(const header_options& o) {
    if (detail::is_token(o.name)) return {};
    return failure(error::invalid_option,
                   "header_options::name: has to be a token: letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 5.1)");
}

/// The options as they are, once `check` has nothing against them.
///
/// *Errors:* throws `session_error` with `invalid_option`.
inline cookie_options validated(cookie_options given) {
    check(given).value();
    return given;
}
inline header_options validated(header_options given) {
    check(given).value();
    return given;
}
inline transport validated(transport given) {
    std::visit([](const auto& options) { check(options).value(); }, given);
    return given;
}

} // namespace dynasession::inline v0

#endif
