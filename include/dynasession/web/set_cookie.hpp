#ifndef DYNASESSION_WEB_SET_COOKIE_HPP
#define DYNASESSION_WEB_SET_COOKIE_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/web/cookie_options.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace dynasession::inline v0 {

namespace cookie_detail {

// "cookie-octet" (RFC 6265bis section 4.1.1)
constexpr bool is_value(std::string_view text) noexcept {
    const auto fits = [](char c) { return c > ' ' && c <= '~' && c != '"' && c != ',' && c != ';' && c != '\\'; };
    return std::ranges::all_of(text, fits);
}

constexpr std::string_view name_of(same_site s) noexcept {
    switch (s) {
    case same_site::lax: return "Lax";
    case same_site::strict: return "Strict";
    case same_site::none: return "None";
    }
    return "Strict";
}

// The order is that of the examples in RFC 6265 section 3.1; it has no meaning.
inline result<std::string> render(const cookie_options& o, std::string_view value, std::string_view lifetime) {
    if (const auto valid = check(o); !valid) return valid.error();
    std::string text;
    text.reserve(o.name.size() + value.size() + o.path.size() + o.domain.size() + lifetime.size() + 80);
    text.append(o.name).append(1, '=').append(value).append("; Path=").append(o.path);
    if (!o.domain.empty()) text.append("; Domain=").append(o.domain);
    text.append(lifetime);
    if (o.secure) text.append("; Secure");
    if (o.http_only) text.append("; HttpOnly");
    text.append("; SameSite=").append(name_of(o.same_site));
    if (o.partitioned) text.append("; Partitioned");
    return text;
}

} // namespace cookie_detail

/// The `Set-Cookie` field that gives a browser the cookie, to be kept for `max_age` or, without one, until the browser
/// ends. Browsers cut it to 400 days (RFC 6265bis section 5.5).
///
/// *Errors:* `error::invalid_option` for a value with anything but visible ASCII, or with one of `" , ; \`
/// (section 4.1.1), for a name and a value of more than 4096 bytes together (section 5.6), and that of `check`.
inline result<std::string> set_cookie(const cookie_options& options, std::string_view value,
                                      std::optional<std::chrono::seconds> max_age = {}) {
    using namespace cookie_detail;
    if (!is_value(value))
        return failure(error::invalid_option,
                       "the value of a cookie is visible ASCII without \" , ; and \\ (RFC 6265bis 4.1.1)");
    if (options.name.size() + value.size() > max_pair_size)
        return failure(error::invalid_option, "name and value of a cookie have at most 4096 bytes (RFC 6265bis 5.6)");
    if (!max_age) return render(options, value, {});
    const auto seconds = std::max(*max_age, std::chrono::seconds::zero()).count();
    return render(options, value, "; Max-Age=" + std::to_string(seconds));
}

/// The `Set-Cookie` field that makes a browser forget the cookie: an end in the past (RFC 6265bis section 4.1.2) and
/// otherwise the same attributes, since browsers go by name, domain and path (section 5.7) and refuse a cookie with a
/// prefix that breaks its rules, even if it is to be removed.
///
/// *Errors:* that of `check`.
inline result<std::string> remove_cookie(const cookie_options& options) {
    return cookie_detail::render(options, {}, "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
}

} // namespace dynasession::inline v0

#endif
