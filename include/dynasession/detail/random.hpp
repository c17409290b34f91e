#ifndef DYNASESSION_DETAIL_RANDOM_HPP
#define DYNASESSION_DETAIL_RANDOM_HPP

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

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
inline std::string random_uuid() {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
    std::uint64_t random = 0;
    for (std::size_t i = 0; i != out.size(); ++i) {
        if (i % 16 == 0) random = pseudo_random();
        const auto nibble = random & 15;
        random >>= 4;
        if (out[i] == 'x') out[i] = digits[nibble];
        if (out[i] == 'y') out[i] = digits[8 | (nibble & 3)];
    }
    return out;
}

} // namespace dynasession::inline v0::detail

#endif
