#ifndef DYNASESSION_DYNAMODB_REQUEST_HEADS_HPP
#define DYNASESSION_DYNAMODB_REQUEST_HEADS_HPP

#include <dynasession/aws/canonical_request.hpp>
#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/signing_cache.hpp>
#include <dynasession/aws/sigv4.hpp>
#include <dynasession/core/error.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// How the heads of requests begin, up to where the signature stands: the same for all requests of one operation within
/// one second, so that most of them cost a copy.
///
/// What is signed is what DynamoDB demands: content-type, host, x-amz-date, x-amz-target and the security token
/// (DynamoDB developer guide, "Low-level API"; AWS SigV4 reference).
///
/// *Thread safety:* `begin` may be called at the same time; it renders a missing beginning under its lock.
class request_heads {
public:
    /// Appends the beginning, and returns the signature, which lacks the hash of the body.
    ///
    /// *Errors:* `error::invalid_option` for credentials that would not stay on their line.
    result<aws::signing_cache::progress> begin(std::string& out, std::string_view target, std::string_view authority,
                                               const aws::signer& signer,
                                               const std::shared_ptr<const aws::credentials>& key,
                                               std::chrono::sys_seconds at) {
        const std::lock_guard lock(mutex_);
        if (key_ != key || at_ != at) {
            known_.clear();
            if (breaks_lines(key->access_key_id()) || breaks_lines(key->session_token()))
                return failure(error::invalid_option, "the credentials hold a line break");
            key_ = key;
            at_ = at;
        }
        auto known = std::ranges::find(known_, target, &beginning::target);
        if (known == known_.end()) {
            known_.push_back(render(target, authority, signer, *key, aws::timestamp(at)));
            known = known_.end() - 1;
        }
        out.append(known->text);
        return known->signature;
    }

private:
    static constexpr std::string_view content_type = "application/x-amz-json-1.0";

    struct beginning {
        std::string target;
        std::string text;
        aws::signing_cache::progress signature;
    };

    static bool breaks_lines(std::string_view text) noexcept {
        return std::ranges::any_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
    }

    static beginning render(std::string_view target, std::string_view authority, const aws::signer& signer,
                            const aws::credentials& key, const aws::timestamp& at) {
        std::array<aws::header, 5> headers; // sorted, as the signature wants them
        auto end = headers.begin();
        *end++ = {"content-type", content_type};
        *end++ = {"host", authority};
        *end++ = {"x-amz-date", at.text()};
        if (!key.session_token().empty()) *end++ = {"x-amz-security-token", key.session_token()};
        *end++ = {"x-amz-target", target};

        std::string text = "POST / HTTP/1.1\r\naccept-encoding: identity\r\nuser-agent: dynasession\r\n";
        std::for_each(headers.begin(), end,
                      [&](const aws::header& h) { text.append(h.name).append(": ").append(h.value).append("\r\n"); });
        text.append("authorization: ");
        auto signature = signer.begin({.headers = {headers.begin(), end}}, key, at, text);
        return {std::string(target), std::move(text), std::move(signature)};
    }

    std::mutex mutex_;
    std::shared_ptr<const aws::credentials> key_;
    std::chrono::sys_seconds at_{};
    std::vector<beginning> known_; // with `key_`, at `at_`
};

} // namespace dynasession::inline v0::dynamodb

#endif
