#ifndef DYNASESSION_CORE_SECRET_HPP
#define DYNASESSION_CORE_SECRET_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/encoding.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace dynasession::inline v0 {

/// A key of the application's own, 256 bits: signs cookies, or encrypts what sessions hold.
///
/// Nothing prints it, and its memory is overwritten at the end. There is no way from a passphrase to one: a text of another
/// length is refused, neither padded nor cut.
class secret {
public:
    /// Bytes of a key.
    static constexpr std::size_t size = 32;

    explicit secret(std::span<const unsigned char, size> bytes) noexcept { std::ranges::copy(bytes, bytes_.begin()); }
    secret(const secret&) = default;
    secret& operator=(const secret&) = default;
    ~secret() { detail::cleanse(bytes_.data(), bytes_.size()); }

    /// A new key from the operating system's secure random source.
    static secret generate() {
        secret made;
        detail::random_bytes(made.bytes_);
        return made;
    }

    /// The key that `text` is: 64 hex digits, or base64 as `openssl rand -base64 32` prints it.
    ///
    /// *Errors:* throws session_error with `invalid_option`; the text is not in the message.
    static secret parse(std::string_view text) {
        secret made;
        if (!made.read_hex(text) && !made.read_base64(text))
            throw session_error(failure(error::invalid_option,
                                        "a secret is 32 bytes, as 64 hex digits or as base64 (openssl rand -base64 32)"));
        return made;
    }

    std::string_view bytes() const noexcept { return {reinterpret_cast<const char*>(bytes_.data()), size}; }

private:
    secret() = default;

    bool read_hex(std::string_view text) noexcept {
        if (text.size() != 2 * size) return false;
        for (std::size_t i = 0; i < size; ++i) {
            const int high = detail::hex_value(text[2 * i]), low = detail::hex_value(text[2 * i + 1]);
            if (high < 0 || low < 0) return false;
            bytes_[i] = static_cast<unsigned char>(high << 4 | low);
        }
        return true;
    }

    bool read_base64(std::string_view text) {
        std::string decoded;
        const bool good = detail::append_decoded_base64(decoded, text) && decoded.size() == size;
        if (good) std::ranges::copy(decoded, bytes_.begin());
        detail::cleanse(decoded);
        return good;
    }

    std::array<unsigned char, size> bytes_{};
};

} // namespace dynasession::inline v0

#endif
