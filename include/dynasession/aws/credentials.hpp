#ifndef DYNASESSION_AWS_CREDENTIALS_HPP
#define DYNASESSION_AWS_CREDENTIALS_HPP

#include <dynasession/detail/crypto.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace dynasession::inline v0::aws {

/// The key that signs requests: one immutable value, so that its parts always belong together.
///
/// There is no way to print it, and its memory is overwritten at the end.
class credentials {
public:
    using time_point = std::chrono::sys_time<std::chrono::milliseconds>;

    credentials(std::string access_key_id, std::string secret_access_key, std::string session_token = {},
                std::optional<time_point> expires = {})
        : access_key_id_(std::move(access_key_id)), secret_access_key_(std::move(secret_access_key)),
          session_token_(std::move(session_token)), expires_(expires) {
        detail::cleanse(secret_access_key);
    }
    credentials(const credentials&) = default;
    credentials(credentials&&) = default;
    credentials& operator=(const credentials&) = delete;
    ~credentials() {
        detail::cleanse(secret_access_key_);
        detail::cleanse(session_token_);
    }

    const std::string& access_key_id() const noexcept { return access_key_id_; }
    const std::string& secret_access_key() const noexcept { return secret_access_key_; }
    /// Empty for keys that do not expire; else it is sent, and signed, as x-amz-security-token.
    const std::string& session_token() const noexcept { return session_token_; }
    /// Until when they are accepted; nothing when they do not expire.
    const std::optional<time_point>& expires() const noexcept { return expires_; }

private:
    std::string access_key_id_;
    std::string secret_access_key_;
    std::string session_token_;
    std::optional<time_point> expires_;
};

} // namespace dynasession::inline v0::aws

#endif
