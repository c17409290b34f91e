#ifndef DYNASESSION_AWS_SIGNING_CACHE_HPP
#define DYNASESSION_AWS_SIGNING_CACHE_HPP

#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/encoding.hpp>
#include <dynasession/detail/iso8601.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// The time of a signature, in whole seconds, with its text: `text()` is the value of x-amz-date.
class timestamp {
public:
    template <class Duration>
    explicit timestamp(std::chrono::sys_time<Duration> time) noexcept
        : text_(detail::iso8601_basic(std::chrono::floor<std::chrono::seconds>(time))) {}

    std::string_view text() const noexcept { return {text_.data(), text_.size()}; } ///< `20150830T123600Z`
    std::string_view date() const noexcept { return text().substr(0, 8); }          ///< `20150830`

    friend bool operator==(const timestamp&, const timestamp&) = default;

private:
    std::array<char, 16> text_;
};

/// The parts of signatures that repeat: a day's signing key, a second's string to sign, a request's headers.
///
/// All of them are hashes over a constant beginning, so that what is kept can be told by comparing texts, and
/// a signature of one kind of request within the same second costs the compressions of its end only.
/// *Thread safety:* `resume` may be called at the same time; it computes a missing part under its lock.
class signing_cache {
public:
    /// Hashes that stand behind their constant beginnings. A copy goes on from where the original stands.
    struct progress {
        detail::sha256 canonical;    ///< of the canonical request, up to the payload hash
        detail::hmac_sha256 message; ///< of the string to sign, up to the hash of the canonical request

        /// The signature in hexadecimal digits; the object is used up.
        std::array<char, 64> finish(std::string_view payload_hash) {
            canonical.update(payload_hash);
            const auto digest = detail::hex(canonical.finish());
            message.update({digest.data(), digest.size()});
            return detail::hex(message.finish());
        }

        /// The same, of a request with this body.
        std::array<char, 64> finish_over(std::string_view body) {
            const auto hash = detail::hex(detail::sha256::of(body));
            return finish({hash.data(), hash.size()});
        }
    };

    /// `scope` is the credential scope behind the date: `/region/service/aws4_request`.
    explicit signing_cache(std::string scope) : scope_(std::move(scope)) {}
    ~signing_cache() { detail::cleanse(secret_); }

    const std::string& scope() const noexcept { return scope_; }

    progress resume(std::string_view canonical_beginning, const std::string& secret, const timestamp& at) {
        const std::lock_guard lock(mutex_);
        const auto& message = message_of(secret, at);
        return {canonical_of(canonical_beginning), message};
    }

    detail::hmac_sha256 resume(const std::string& secret, const timestamp& at) {
        const std::lock_guard lock(mutex_);
        return message_of(secret, at);
    }

private:
    struct beginning {
        std::string text;
        detail::sha256 hash;
    };

    const detail::hmac_sha256& message_of(const std::string& secret, const timestamp& at) {
        const bool known = at_ && secret_ == secret;
        if (known && *at_ == at) return *message_;
        const bool same_day = known && at_->date() == at.date();
        at_.reset(); // nothing counts as known until all of it is
        if (!same_day) {
            key_.emplace(derive_key(secret, at));
            detail::cleanse(secret_);
            secret_ = secret;
        }
        message_ = key_;
        message_->update("AWS4-HMAC-SHA256\n");
        message_->update(at.text());
        message_->update("\n");
        message_->update(at.date());
        message_->update(scope_);
        message_->update("\n");
        at_ = at;
        return *message_;
    }

    const detail::sha256& canonical_of(std::string_view text) {
        for (const auto& b : beginnings_)
            if (b.text == text) return b.hash;
        auto& oldest = beginnings_[next_];
        next_ = (next_ + 1) % beginnings_.size();
        oldest.text.clear(); // no text is kept with the hash of another, whatever throws below
        oldest.hash = {};
        oldest.hash.update(text);
        oldest.text = text;
        return oldest.hash;
    }

    // AWS SigV4 reference, "Derive a signing key": one HMAC for each part of the scope.
    detail::hmac_sha256 derive_key(const std::string& secret, const timestamp& at) const {
        auto key = "AWS4" + secret;
        auto digest = detail::hmac_sha256::of(key, at.date());
        detail::cleanse(key);
        for (std::string_view rest = scope_; !rest.empty();) {
            rest.remove_prefix(1);
            const auto part = rest.substr(0, rest.find('/'));
            digest = detail::hmac_sha256::of(detail::as_text(digest), part);
            rest.remove_prefix(part.size());
        }
        detail::hmac_sha256 prepared(detail::as_text(digest));
        detail::cleanse(digest.data(), digest.size());
        return prepared;
    }

    const std::string scope_;
    std::mutex mutex_;
    std::string secret_;
    std::optional<timestamp> at_;
    std::optional<detail::hmac_sha256> key_;     // of secret_ and the date of at_
    std::optional<detail::hmac_sha256> message_; // of key_ and at_
    std::array<beginning, 4> beginnings_;        // as many kinds of requests as a session store mixes
    std::size_t next_ = 0;
};

} // namespace dynasession::inline v0::aws

#endif
