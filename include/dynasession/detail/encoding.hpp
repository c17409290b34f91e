#ifndef DYNASESSION_DETAIL_ENCODING_HPP
#define DYNASESSION_DETAIL_ENCODING_HPP

#include <dynasession/detail/base64_vector.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dynasession::inline v0::detail {

inline constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
inline constexpr std::string_view base64url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What a character that is not in the alphabet decodes to; no three bytes have this bit.
inline constexpr std::uint32_t no_sextet = 1U << 31;

/// For each of four characters, its sextet where it stands among the three bytes: the first byte is the lowest.
using sextet_tables = std::array<std::array<std::uint32_t, 256>, 4>;

constexpr sextet_tables make_sextets(std::string_view alphabet) noexcept {
    sextet_tables tables{};
    for (std::size_t k = 0; k != tables.size(); ++k) {
        tables[k].fill(no_sextet);
        for (std::uint32_t i = 0; i != alphabet.size(); ++i) {
            const auto bits = i << (18 - 6 * k);
            tables[k][static_cast<unsigned char>(alphabet[i])] =
                (bits >> 16 & 0xFF) | (bits & 0xFF00) | (bits & 0xFF) << 16;
        }
    }
    return tables;
}

inline constexpr auto base64_sextets = make_sextets(base64_alphabet);
inline constexpr auto base64url_sextets = make_sextets(base64url_alphabet);

constexpr std::array<std::array<char, 2>, 256> make_hex_pairs() noexcept {
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<std::array<char, 2>, 256> table{};
    for (std::size_t i = 0; i != table.size(); ++i) table[i] = {digits[i >> 4], digits[i & 15]};
    return table;
}

inline constexpr auto hex_pairs = make_hex_pairs();

/// Writes two lower-case digits a byte to `out`, and returns its end.
inline char* write_hex(std::span<const unsigned char> bytes, char* out) noexcept {
    for (const auto byte : bytes) {
        std::memcpy(out, hex_pairs[byte].data(), 2);
        out += 2;
    }
    return out;
}

/// Lower-case hexadecimal text.
template <std::size_t N>
std::array<char, 2 * N> hex(const std::array<unsigned char, N>& bytes) noexcept {
    std::array<char, 2 * N> out;
    write_hex(bytes, out.data());
    return out;
}

/// How many characters of base64 stand for so many bytes, with padding.
constexpr std::size_t base64_size(std::size_t bytes) noexcept { return (bytes + 2) / 3 * 4; }

/// How many characters of base64url stand for so many bytes, without padding.
constexpr std::size_t base64url_size(std::size_t bytes) noexcept { return (bytes * 4 + 2) / 3; }

/// Writes whole groups of three bytes as four letters, then the one or two bytes that remain; returns the end.
inline char* write_sextets(const unsigned char* data, std::size_t size, char* out, std::string_view alphabet) noexcept {
    const char* const letters = alphabet.data();
    for (; size >= 3; size -= 3, data += 3) {
        const std::uint32_t group = std::uint32_t{data[0]} << 16 | std::uint32_t{data[1]} << 8 | data[2];
        *out++ = letters[group >> 18];
        *out++ = letters[group >> 12 & 63];
        *out++ = letters[group >> 6 & 63];
        *out++ = letters[group & 63];
    }
    if (size == 0) return out;
    *out++ = letters[data[0] >> 2];
    if (size == 1) {
        *out++ = letters[(data[0] & 3) << 4];
    } else {
        *out++ = letters[(data[0] & 3) << 4 | data[1] >> 4];
        *out++ = letters[(data[1] & 15) << 2];
    }
    return out;
}

/// Reads the sextets that `write_sextets` wrote; `out` may be where `text` begins. Refuses foreign characters, a
/// single sextet at the end, and bits there that encode nothing, so that each value has one text.
inline std::optional<std::size_t> read_sextets(std::string_view text, char* out,
                                               const sextet_tables& tables) noexcept {
    const auto* in = reinterpret_cast<const unsigned char*>(text.data());
    char* const begin = out;
    std::size_t left = text.size();
    std::uint32_t seen = 0; // all groups, to look for foreign characters once
    const auto group = [&] { return tables[0][in[0]] | tables[1][in[1]] | tables[2][in[2]] | tables[3][in[3]]; };
    if constexpr (std::endian::native == std::endian::little)
        for (; left >= 8; left -= 4, in += 4, out += 3) {
            const auto bytes = group();
            seen |= bytes;
            std::memcpy(out, &bytes, sizeof bytes); // one store instead of three: the next group overwrites the fourth
        }
    for (; left >= 4; left -= 4, in += 4) {
        const auto bytes = group();
        seen |= bytes;
        *out++ = static_cast<char>(bytes);
        *out++ = static_cast<char>(bytes >> 8);
        *out++ = static_cast<char>(bytes >> 16);
    }
    if (left == 1) return std::nullopt;
    if (left != 0) {
        const auto bytes = tables[0][in[0]] | tables[1][in[1]] | (left == 3 ? tables[2][in[2]] : 0U);
        seen |= bytes;
        if ((left == 2 ? bytes & 0xFF00 : bytes & 0xFF0000) != 0) return std::nullopt;
        *out++ = static_cast<char>(bytes);
        if (left == 3) *out++ = static_cast<char>(bytes >> 8);
    }
    if (seen & no_sextet) return std::nullopt;
    return static_cast<std::size_t>(out - begin);
}

/// Appends the base64 text, with padding, of some bytes (RFC 4648 section 4).
inline void append_base64(std::string& out, std::string_view bytes) {
    const auto size = out.size();
    out.resize(size + base64_size(bytes.size()), '='); // what no sextet overwrites is the padding
    const auto* const data = reinterpret_cast<const unsigned char*>(bytes.data());
    write_sextets(data, bytes.size(), out.data() + size, base64_alphabet);
}

/// Decodes base64 with padding; `out` has room for three bytes a four characters, and may be where `text` begins.
///
/// *Errors:* nothing for any text that `append_base64` does not make; what `out` holds then is unspecified.
inline std::optional<std::size_t> decode_base64(std::string_view text, char* out) noexcept {
    if (text.size() % 4 != 0) return std::nullopt;
    if (text.ends_with('=')) text.remove_suffix(text.ends_with("==") ? 2 : 1);
    std::size_t taken = 0;
    if (text.size() >= base64_vector::least && base64_vector::available()) {
        const auto whole = base64_vector::run(text, out);
        if (!whole) return std::nullopt;
        taken = *whole;
    }
    const auto begun = taken / 4 * 3;
    const auto rest = read_sextets(text.substr(taken), out + begun, base64_sextets);
    if (!rest) return std::nullopt;
    return begun + *rest;
}

/// Appends what a base64 text stands for, or returns false and leaves `out` as it was.
inline bool append_decoded_base64(std::string& out, std::string_view text) {
    const auto size = out.size();
    out.resize(size + text.size() / 4 * 3);
    const auto decoded = decode_base64(text, out.data() + size);
    out.resize(size + decoded.value_or(0));
    return decoded.has_value();
}

/// Appends the base64url text, without padding, of some bytes (RFC 4648 section 5).
inline void append_base64url(std::string& out, std::span<const unsigned char> bytes) {
    const auto size = out.size();
    out.resize(size + base64url_size(bytes.size()));
    write_sextets(bytes.data(), bytes.size(), out.data() + size, base64url_alphabet);
}

/// The base64url text of a fixed number of bytes: 43 characters for 32 bytes.
template <std::size_t N>
std::array<char, base64url_size(N)> base64url(const std::array<unsigned char, N>& bytes) noexcept {
    std::array<char, base64url_size(N)> out;
    write_sextets(bytes.data(), N, out.data(), base64url_alphabet);
    return out;
}

/// The `N` bytes of a base64url text; nothing unless it is the very text that `base64url` makes.
template <std::size_t N>
std::optional<std::array<unsigned char, N>> decode_base64url(std::string_view text) noexcept {
    std::array<unsigned char, N> out;
    if (text.size() != base64url_size(N)) return std::nullopt;
    if (!read_sextets(text, reinterpret_cast<char*>(out.data()), base64url_sextets)) return std::nullopt;
    return out;
}

/// True for the characters that need no escape in a URI: letters, digits, `-`, `.`, `_`, `~` (RFC 3986 section 2.3).
constexpr bool is_unreserved(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

/// Appends a text with all but unreserved characters as %XX (AWS SigV4 reference, UriEncode); `keep` is left as it is.
inline void append_uri_encoded(std::string& out, std::string_view text, char keep = '-') {
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (const char c : text) {
        if (is_unreserved(c) || c == keep) {
            out.push_back(c);
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out.push_back('%');
            out.push_back(digits[byte >> 4]);
            out.push_back(digits[byte & 15]);
        }
    }
}

constexpr int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// Appends a text with each %XX as its byte; a `%` without two digits stays.
inline void append_uri_decoded(std::string& out, std::string_view text) {
    for (std::size_t i = 0; i != text.size(); ++i) {
        const bool room = text[i] == '%' && text.size() - i > 2;
        const int high = room ? hex_value(text[i + 1]) : -1;
        const int low = room ? hex_value(text[i + 2]) : -1;
        if (high < 0 || low < 0) {
            out.push_back(text[i]);
        } else {
            out.push_back(static_cast<char>(high * 16 + low));
            i += 2;
        }
    }
}

} // namespace dynasession::inline v0::detail

#endif
