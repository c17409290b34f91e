#ifndef DYNASESSION_AWS_KEY_TEXT_HPP
#define DYNASESSION_AWS_KEY_TEXT_HPP

#include <algorithm>
#include <string_view>

namespace dynasession::inline v0::aws {

/// Whether a text can be a part of a key or a token, which go into header fields: ASCII without white space.
constexpr bool is_key_text(std::string_view text) noexcept {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

} // namespace dynasession::inline v0::aws

#endif
