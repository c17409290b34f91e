#ifndef DYNASESSION_DETAIL_RANDOM_TOKEN_HPP
#define DYNASESSION_DETAIL_RANDOM_TOKEN_HPP

#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/encoding.hpp>

#include <array>
#include <string>

namespace dynasession::inline v0::detail {

/// 96 random bits as 16 characters: no two writes, and no two holders of a lock, have the same.
inline std::string random_token() {
    std::array<unsigned char, 12> bits;
    random_bytes(bits);
    const auto text = base64url(bits);
    return {text.begin(), text.end()};
}

} // namespace dynasession::inline v0::detail

#endif
