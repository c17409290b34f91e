#ifndef DYNASESSION_DETAIL_RANDOM_MARK_HPP
#define DYNASESSION_DETAIL_RANDOM_MARK_HPP

#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/encoding.hpp>

#include <array>
#include <string>

namespace dynasession::inline v0::detail {

/// 72 random bits as 12 characters: no two writes have the same.
inline std::string random_mark() {
    std::array<unsigned char, 9> bits;
    random_bytes(bits);
    const auto text = base64url(bits);
    return {text.begin(), text.end()};
}

} // namespace dynasession::inline v0::detail

#endif
