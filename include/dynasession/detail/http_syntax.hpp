#ifndef DYNASESSION_DETAIL_HTTP_SYNTAX_HPP
#define DYNASESSION_DETAIL_HTTP_SYNTAX_HPP

#include <cstddef>
#include <string_view>

namespace dynasession::inline v0::detail {

/// The lower-case form of a letter of ASCII; any other character as it is.
constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

/// Whether two texts are the same but for the case of letters of ASCII.
constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i != a.size(); ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

/// Whether a text is a "token", as names of fields, methods and cookies are (RFC 9110 section 5.6.2).
constexpr bool is_token(std::string_view text) noexcept {
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    for (const char c : text)
        if (!((c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || marks.find(c) != marks.npos))
            return false;
    return !text.empty();
}

} // namespace dynasession::inline v0::detail

#endif
