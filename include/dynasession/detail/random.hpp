#ifndef DYNASESSION_DETAIL_RANDOM_HPP
#define DYNASESSION_DETAIL_RANDOM_HPP

#include <dynasession/detail/encoding.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>

namespace dynasession::inline v0::detail {

/// A pseudo-random number of the calling thread, for jitter and for names of calls. Not for secrets.
inline std::uint64_t pseudo_random() {
    // SplitMix64: eight bytes of state are enough for what is not secret.
    thread_local std::uint64_t state = std::uint64_t{std::random_device{}()} << 32 | std::random_device{}();
    auto z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/// A pseudo-random number in [0, 1) of the calling thread.
inline double uniform_random() { return static_cast<double>(pseudo_random() >> 11) * 0x1p-53; }

/// A version 4 UUID in lower case (RFC 9562), from `pseudo_random`.
inline std::array<char, 36> random_uuid() {
    std::array<unsigned char, 16> bytes;
    for (std::size_t i = 0; i != bytes.size(); i += 8) {
        const auto random = pseudo_random();
        std::memcpy(bytes.data() + i, &random, sizeof random);
    }
    bytes[6] = static_cast<unsigned char>(0x40 | (bytes[6] & 0x0f));
    bytes[8] = static_cast<unsigned char>(0x80 | (bytes[8] & 0x3f));
    std::array<char, 36> out;
    auto* end = out.data();
    for (std::size_t i = 0; i != bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *end++ = '-';
        end = write_hex({bytes.data() + i, 1}, end);
    }
    return out;
}

} // namespace dynasession::inline v0::detail

#endif
