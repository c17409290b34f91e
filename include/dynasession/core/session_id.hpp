#ifndef DYNASESSION_CORE_SESSION_ID_HPP
#define DYNASESSION_CORE_SESSION_ID_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/encoding.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace dynasession::inline v0 {

/// The name of a session: 256 random bits as 43 base64url characters, known to its user alone.
///
/// There are two ways to one: `generate()`, and `parse()` of a text that has exactly this shape. So a
/// text that nobody checked cannot reach a store. Treat ids as passwords: log `loggable()` instead.
class session_id {
public:
    /// Characters in the text of an id.
    static constexpr std::size_t length = 43;

    /// No id at all; equal only to other empty ones.
    session_id() = default;

    /// A new id from the operating system's secure random source.
    ///
    /// *Errors:* throws when that source fails; there is no weaker source to fall back to.
    static session_id generate() {
        std::array<unsigned char, 32> bits;
        detail::random_bytes(bits);
        return session_id(detail::base64url(bits));
    }

    /// The id that `text` is, or `error::invalid_session_id`. Costs no look-up anywhere.
    static result<session_id> parse(std::string_view text) {
        // Decoding refuses other lengths and alphabets, and a last character with spare bits set: one id, one text.
        const auto bits = detail::decode_base64url<32>(text);
        if (!bits) return error::invalid_session_id;
        return session_id(detail::base64url(*bits));
    }

    /// The text of the id, as it stands in the cookie.
    std::string_view str() const noexcept { return {text_.data(), size_}; }

    bool empty() const noexcept { return size_ == 0; }

    /// A name for logs, `sid:` and 8 hex digits: tells sessions apart, and leads back to no id.
    std::string loggable() const {
        std::string tagged("dynasession log\n");
        tagged += str();
        const auto digits = detail::hex(detail::sha256::of(tagged));
        return "sid:" + std::string(digits.data(), 8);
    }

    friend bool operator==(const session_id& a, const session_id& b) noexcept { return a.str() == b.str(); }

private:
    explicit session_id(const std::array<char, length>& text) noexcept : text_(text), size_(length) {}

    // Ids travel by value through commands and coroutines: no allocation, trivially copied.
    std::array<char, length> text_{};
    std::uint8_t size_ = 0;
};

} // namespace dynasession::inline v0

template <>
struct std::hash<dynasession::session_id> {
    std::size_t operator()(const dynasession::session_id& id) const noexcept {
        return std::hash<std::string_view>{}(id.str());
    }
};

#endif
