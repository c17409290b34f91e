#ifndef DYNASESSION_AWS_SIGV4_HPP
#define DYNASESSION_AWS_SIGV4_HPP

#include <dynasession/aws/canonical_request.hpp>
#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/signing_cache.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/encoding.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

namespace sigv4_detail {

// A text that is to be hashed: gathered on the stack, because many small updates of a hash cost more than its blocks.
// What does not fit is hashed on the way.
class hashed_text {
public:
    void append(std::string_view text) {
        if (text.size() > buffer_.size() - size_) return spill(text);
        std::memcpy(buffer_.data() + size_, text.data(), text.size());
        size_ += text.size();
    }
    void push_back(char c) {
        if (size_ == buffer_.size()) return spill({&c, 1});
        buffer_[size_++] = c;
    }

    bool is_whole() const noexcept { return !spilled_.has_value(); }
    std::string_view text() const noexcept { return {buffer_.data(), size_}; } ///< all of it when `is_whole`

    /// The hash behind the text.
    detail::sha256 hash() const {
        auto out = spilled_ ? *spilled_ : detail::sha256();
        out.update(text());
        return out;
    }

private:
    void spill(std::string_view text) {
        if (!spilled_) spilled_.emplace();
        spilled_->update(this->text());
        spilled_->update(text);
        size_ = 0;
    }

    std::optional<detail::sha256> spilled_;
    std::size_t size_ = 0;
    std::array<char, 4096> buffer_; // a canonical request with a session token takes about 1500
};

} // namespace sigv4_detail

/// What a presigned request is good for.
struct presign_options {
    std::chrono::seconds lifetime = std::chrono::minutes(15); ///< 1 second to 7 days
    bool sign_session_token = true; ///< some services (AWS IoT) want the token in the query, but not in the signature
};

/// Signs requests for one service in one region with AWS Signature Version 4 (AWS SigV4 reference).
///
/// *Thread safety:* all members may be called at the same time: one signer serves all threads of a client.
/// *Cost:* no allocation when the headers come in canonical form, sorted and in lower case, the path is `/` and there
/// is no query.
class signer {
public:
    signer(std::string_view region, std::string_view service, canonical_options options = {})
        : options_(options),
          cache_(std::string("/").append(region).append(1, '/').append(service).append("/aws4_request")) {}

    /// Appends the value of the Authorization header.
    ///
    /// The request's headers are all that is covered, so they have to hold what the service demands: host, x-amz-date
    /// with `at.text()`, and x-amz-security-token when the credentials have a session token.
    void sign(const signable_request& request, const credentials& key, const timestamp& at, std::string& out) const {
        const auto signature = finish(begin(request, key, at, out), request);
        out.append(signature.data(), signature.size());
    }

    /// Appends the value of the Authorization header up to the signature and returns that, but for the body: what is
    /// the same for all requests that differ in nothing else.
    signing_cache::progress begin(const signable_request& request, const credentials& key, const timestamp& at,
                                  std::string& out) const {
        const canonical_headers headers(request.headers);
        using namespace std::string_view_literals;
        out.append("AWS4-HMAC-SHA256 Credential="sv).append(key.access_key_id()).push_back('/');
        out.append(at.date()).append(cache_.scope());
        out.append(", SignedHeaders="sv);
        headers.append_names(out);
        out.append(", Signature="sv);
        return begin(request, headers, key, at);
    }

    /// The request target, path and query, that carries its signature itself.
    ///
    /// *Errors:* `error::invalid_option` for a lifetime that AWS does not take.
    result<std::string> presign(const signable_request& request, const credentials& key, const timestamp& at,
                                const presign_options& options = {}) const {
        if (options.lifetime < std::chrono::seconds(1) || options.lifetime > std::chrono::days(7))
            return failure(error::invalid_option, "a presigned request is good for 1 second to 7 days");

        const canonical_headers headers(request.headers);
        std::string names, query(request.query);
        headers.append_names(names);
        const auto add = [&query](std::string_view name, std::string_view value) {
            if (!query.empty()) query.push_back('&');
            query.append(name).push_back('=');
            detail::append_uri_encoded(query, value);
        };
        add("X-Amz-Algorithm", "AWS4-HMAC-SHA256");
        add("X-Amz-Credential",
            std::string(key.access_key_id()).append(1, '/').append(at.date()).append(cache_.scope()));
        add("X-Amz-Date", at.text());
        add("X-Amz-SignedHeaders", names);
        add("X-Amz-Expires", std::to_string(options.lifetime.count()));
        const auto without_token = query.size();
        if (!key.session_token().empty()) add("X-Amz-Security-Token", key.session_token());

        auto covered = request;
        covered.query = std::string_view(query).substr(0, options.sign_session_token ? query.size() : without_token);
        const auto signature = finish(begin(covered, headers, key, at), request);
        add("X-Amz-Signature", {signature.data(), signature.size()});
        return std::string(request.path).append(1, '?').append(query);
    }

private:
    signing_cache::progress begin(const signable_request& request, const canonical_headers& headers,
                                  const credentials& key, const timestamp& at) const {
        sigv4_detail::hashed_text beginning;
        append_canonical_request(beginning, request, headers, options_);
        if (beginning.is_whole()) return cache_.resume(beginning.text(), key.secret_access_key(), at);
        return {beginning.hash(), cache_.resume(key.secret_access_key(), at)};
    }

    static std::array<char, 64> finish(signing_cache::progress signature, const signable_request& request) {
        return request.payload_hash.empty() ? signature.finish_over(request.body)
                                            : signature.finish(request.payload_hash);
    }

    canonical_options options_;
    mutable signing_cache cache_;
};

} // namespace dynasession::inline v0::aws

#endif
