#include <dynasession/detail/http_syntax.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace detail = dynasession::detail;
using namespace std::string_view_literals;

TEST_CASE("lower changes the letters A to Z only") {
    for (int c = 0; c != 256; ++c) {
        const char given = static_cast<char>(c);
        const bool letter = c >= 'A' && c <= 'Z';
        CHECK(detail::lower(given) == (letter ? static_cast<char>(c + 32) : given));
    }
}

TEST_CASE("texts are compared without the case of their letters, and with all else") {
    CHECK(detail::equal_ignoring_case("", ""));
    CHECK(detail::equal_ignoring_case("__Host-A", "__hOST-a"));
    CHECK_FALSE(detail::equal_ignoring_case("a", "ab"));
    CHECK_FALSE(detail::equal_ignoring_case("ab", "a"));
    CHECK_FALSE(detail::equal_ignoring_case("[", "{")); // these differ as `A` and `a` do
    CHECK_FALSE(detail::equal_ignoring_case("\xc4", "\xe4"));
    CHECK_FALSE(detail::equal_ignoring_case("a\0b"sv, "a\0c"sv));
}

TEST_CASE("a token has letters, digits and the marks of RFC 9110, and at least one") {
    constexpr auto good = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"sv;
    CHECK(detail::is_token(good));
    CHECK_FALSE(detail::is_token(""));
    for (int c = 0; c != 256; ++c) {
        const char sign = static_cast<char>(c);
        const bool taken = good.find(sign) != good.npos;
        CHECK(detail::is_token({&sign, 1}) == taken);
        CHECK(detail::is_token(std::string("a") + sign + "b") == taken);
    }
}
