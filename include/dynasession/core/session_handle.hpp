#ifndef DYNASESSION_CORE_SESSION_HANDLE_HPP
#define DYNASESSION_CORE_SESSION_HANDLE_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/encoding.hpp>

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <string_view>

namespace dynasession::inline v0 {

/// What a session is called in a list: 32 base64url characters, good for a form, that lead back to no id.
///
/// It is the first 192 bits of the SHA-256 of the id, by which the session is also found where it is stored. No secret: who
/// knows it can do nothing with it but what the application lets him do.
class session_handle {
public:
    /// Characters in the text of a handle.
    static constexpr std::size_t length = 32;

    /// The handle of no session.
    session_handle() = default;

    static session_handle of(const session_id& id) {
        const auto digest = detail::sha256::of(id.str());
        bytes first;
        std::copy_n(digest.begin(), first.size(), first.begin());
        return session_handle(detail::base64url(first));
    }

    /// The handle that `text` is, or `error::invalid_session_id`.
    static result<session_handle> parse(std::string_view text) {
        const auto bits = detail::decode_base64url<bits_size>(text);
        if (!bits) return failure(error::invalid_session_id, "not a session handle: expected 32 base64url characters");
        return session_handle(detail::base64url(*bits));
    }

    std::string_view str() const noexcept { return {text_.data(), empty() ? 0 : length}; }

    bool empty() const noexcept { return text_.front() == '\0'; }

    friend bool operator==(const session_handle&, const session_handle&) = default;
    friend auto operator<=>(const session_handle&, const session_handle&) = default;

private:
    static constexpr std::size_t bits_size = 24;
    using bytes = std::array<unsigned char, bits_size>;

    explicit session_handle(const std::array<char, length>& text) noexcept : text_(text) {}

    std::array<char, length> text_{};
};

} // namespace dynasession::inline v0

#endif
