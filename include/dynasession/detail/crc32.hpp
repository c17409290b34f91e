#ifndef DYNASESSION_DETAIL_CRC32_HPP
#define DYNASESSION_DETAIL_CRC32_HPP

#include <dynasession/detail/crc32_folding.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dynasession::inline v0::detail {

// tables[k][b]: the register after byte b and k zero bytes, so that 16 bytes take 16 independent look-ups.
constexpr std::array<std::array<std::uint32_t, 256>, 16> make_crc32_tables() noexcept {
    std::array<std::array<std::uint32_t, 256>, 16> tables{};
    for (std::uint32_t i = 0; i != 256; ++i) {
        auto r = i;
        for (int bit = 0; bit != 8; ++bit) r = r >> 1 ^ (r & 1 ? 0xEDB88320U : 0U);
        tables[0][i] = r;
    }
    for (std::size_t k = 1; k != tables.size(); ++k)
        for (std::size_t i = 0; i != 256; ++i) {
            const auto r = tables[k - 1][i];
            tables[k][i] = r >> 8 ^ tables[0][r & 0xFF];
        }
    return tables;
}

inline constexpr auto crc32_tables = make_crc32_tables();

/// CRC-32 as in Ethernet, gzip and DynamoDB's x-amz-crc32 (reflected, polynomial 0x04C11DB7).
///
/// `before` is the value of what came earlier, when a message comes in pieces.
inline std::uint32_t crc32(std::string_view text, std::uint32_t before = 0) noexcept {
    const auto* p = reinterpret_cast<const unsigned char*>(text.data());
    const auto* const end = p + text.size();
    const auto load = [](const unsigned char* b) { // compiles to one load
        return std::uint32_t{b[0]} | std::uint32_t{b[1]} << 8 | std::uint32_t{b[2]} << 16 | std::uint32_t{b[3]} << 24;
    };
    auto r = ~before;
    if (text.size() >= crc32_folding::least && crc32_folding::available()) {
        const auto folded = text.size() - text.size() % crc32_folding::block;
        r = crc32_folding::run(p, folded, r);
        p += folded;
    }
    const auto shift = [](std::uint32_t word, std::size_t k) { // the word, and k bytes behind it
        const auto& t = crc32_tables;
        return t[k + 3][word & 0xFF] ^ t[k + 2][word >> 8 & 0xFF] ^ t[k + 1][word >> 16 & 0xFF] ^ t[k][word >> 24];
    };
    for (; end - p >= 16; p += 16)
        r = shift(load(p) ^ r, 12) ^ shift(load(p + 4), 8) ^ shift(load(p + 8), 4) ^ shift(load(p + 12), 0);
    for (; p != end; ++p) r = r >> 8 ^ crc32_tables[0][(r ^ *p) & 0xFF];
    return ~r;
}

} // namespace dynasession::inline v0::detail

#endif
