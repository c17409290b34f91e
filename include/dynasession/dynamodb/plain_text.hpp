#ifndef DYNASESSION_DYNAMODB_PLAIN_TEXT_HPP
#define DYNASESSION_DYNAMODB_PLAIN_TEXT_HPP

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace dynasession::inline v0::dynamodb {

/// How many characters stand before the first that is not just itself in a JSON string: a quote, a backslash, what JSON
/// forbids, and the beginning of a UTF-8 sequence.
inline std::size_t plain_length(std::string_view text) noexcept {
    std::size_t i = 0;
    if constexpr (std::endian::native == std::endian::little) { // eight at a time
        constexpr std::uint64_t each = 0x0101010101010101;
        const auto zeros = [](std::uint64_t w) { return (w - each) & ~w; }; // exact up to the first
        for (std::uint64_t w; i + sizeof w <= text.size(); i += sizeof w) {
            std::memcpy(&w, text.data() + i, sizeof w);
            const auto special =
                (zeros(w ^ each * '"') | zeros(w ^ each * '\\') | ((w - each * 0x20) & ~w) | w) & each * 0x80;
            if (special != 0) return i + static_cast<std::size_t>(std::countr_zero(special)) / 8;
        }
    }
    const auto is_plain = [](unsigned char c) { return c >= 0x20 && c != '"' && c != '\\' && c < 0x80; };
    while (i != text.size() && is_plain(static_cast<unsigned char>(text[i]))) ++i;
    return i;
}

} // namespace dynasession::inline v0::dynamodb

#endif
