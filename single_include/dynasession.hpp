// dynasession as one file, made from include/ by amalgamate.py: change it there.
// Boost Software License 1.0

#ifndef DYNASESSION_HPP
#define DYNASESSION_HPP

// Everything that a program uses; the root of the single header.
// #include <dynasession/aws/credential_chain.hpp>
#ifndef DYNASESSION_AWS_CREDENTIAL_CHAIN_HPP
#define DYNASESSION_AWS_CREDENTIAL_CHAIN_HPP

// #include <dynasession/aws/credential_fetch.hpp>
#ifndef DYNASESSION_AWS_CREDENTIAL_FETCH_HPP
#define DYNASESSION_AWS_CREDENTIAL_FETCH_HPP

// #include <dynasession/aws/assume_role_credentials.hpp>
#ifndef DYNASESSION_AWS_ASSUME_ROLE_CREDENTIALS_HPP
#define DYNASESSION_AWS_ASSUME_ROLE_CREDENTIALS_HPP

// #include <dynasession/aws/credentials.hpp>
#ifndef DYNASESSION_AWS_CREDENTIALS_HPP
#define DYNASESSION_AWS_CREDENTIALS_HPP

// #include <dynasession/detail/crypto.hpp>
#ifndef DYNASESSION_DETAIL_CRYPTO_HPP
#define DYNASESSION_DETAIL_CRYPTO_HPP

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace dynasession::inline v0::detail {

/// Overwrites memory in a way that the compiler keeps.
inline void cleanse(void* data, std::size_t size) noexcept { OPENSSL_cleanse(data, size); }

/// Overwrites a text, and all of its buffer, and leaves it empty.
inline void cleanse(std::string& text) noexcept {
    text.resize(text.capacity()); // short texts stay behind in the buffer of a string that was moved from
    cleanse(text.data(), text.size());
    text.clear();
}

/// Fills `out` from the random generator of OpenSSL, or throws std::runtime_error: never leaves weak bytes.
inline void random_bytes(std::span<unsigned char> out) {
    constexpr std::size_t most = 1U << 30; // RAND_bytes counts with int
    while (!out.empty()) {
        const auto part = out.first(std::min(out.size(), most));
        if (RAND_bytes(part.data(), static_cast<int>(part.size())) != 1)
            throw std::runtime_error("dynasession: the random generator of OpenSSL failed");
        out = out.subspan(part.size());
    }
}

/// Compares two texts in a time that depends on their lengths only.
inline bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

using sha256_digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

#ifndef OPENSSL_NO_DEPRECATED_3_0

// The low-level functions cost a quarter of the EVP ones on short messages and copy without allocating. They bypass
// providers: a program that must hash in the FIPS provider defines OPENSSL_NO_DEPRECATED and gets the class below.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/// SHA-256 of a message that comes in pieces. A copy goes on from where the original stands.
class sha256 {
public:
    sha256() noexcept { SHA256_Init(&context_); }

    void update(const void* data, std::size_t size) noexcept { SHA256_Update(&context_, data, size); }
    void update(std::string_view text) noexcept { update(text.data(), text.size()); }

    /// The hash; the object is used up.
    sha256_digest finish() noexcept {
        sha256_digest out;
        SHA256_Final(out.data(), &context_);
        return out;
    }

    /// Forgets a state that a secret went into.
    void wipe() noexcept { cleanse(&context_, sizeof(context_)); }

    static sha256_digest of(std::string_view text) noexcept {
        sha256 hash;
        hash.update(text);
        return hash.finish();
    }

private:
    SHA256_CTX context_;
};

#pragma GCC diagnostic pop

#else

/// SHA-256 of a message that comes in pieces. A copy goes on from where the original stands.
class sha256 {
public:
    sha256() : context_(EVP_MD_CTX_new()) {
        check(context_ && EVP_DigestInit_ex(context_.get(), algorithm(), nullptr));
    }
    sha256(const sha256& other) : context_(EVP_MD_CTX_new()) {
        check(context_ && EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()));
    }
    sha256(sha256&&) noexcept = default;
    sha256& operator=(const sha256& other) { return *this = sha256(other); }
    sha256& operator=(sha256&&) noexcept = default;
    ~sha256() = default;

    void update(const void* data, std::size_t size) { check(EVP_DigestUpdate(context_.get(), data, size)); }
    void update(std::string_view text) { update(text.data(), text.size()); }

    /// The hash; the object is used up.
    sha256_digest finish() {
        sha256_digest out;
        check(EVP_DigestFinal_ex(context_.get(), out.data(), nullptr));
        return out;
    }

    /// Forgets a state that a secret went into.
    void wipe() noexcept { context_.reset(); }

    static sha256_digest of(std::string_view text) {
        sha256 hash;
        hash.update(text);
        return hash.finish();
    }

private:
    struct free_context {
        void operator()(EVP_MD_CTX* c) const noexcept { EVP_MD_CTX_free(c); }
    };

    static void check(bool ok) {
        if (!ok) throw std::runtime_error("dynasession: SHA-256 of OpenSSL failed");
    }
    static const EVP_MD* algorithm() {
        static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr); // costs as much as five blocks
        return fetched;
    }

    std::unique_ptr<EVP_MD_CTX, free_context> context_;
};

#endif

/// HMAC-SHA-256 of a message that comes in pieces (RFC 2104).
///
/// A copy goes on from where the original stands: keep one that holds only the key, and copy it for each message.
class hmac_sha256 {
public:
    explicit hmac_sha256(std::string_view key) {
        std::array<unsigned char, 64> block{}; // the block of SHA-256
        if (key.size() > block.size()) {
            const auto hashed = sha256::of(key);
            std::copy(hashed.begin(), hashed.end(), block.begin());
        } else {
            std::copy(key.begin(), key.end(), block.begin());
        }
        for (auto& b : block) b ^= 0x36;
        inner_.update(block.data(), block.size());
        for (auto& b : block) b ^= 0x36 ^ 0x5c;
        outer_.update(block.data(), block.size());
        cleanse(block.data(), block.size());
    }
    hmac_sha256(const hmac_sha256&) = default;
    hmac_sha256& operator=(const hmac_sha256&) = default;
    ~hmac_sha256() {
        inner_.wipe();
        outer_.wipe();
    }

    void update(std::string_view text) { inner_.update(text); }

    /// The code; the object is used up.
    sha256_digest finish() {
        const auto hash = inner_.finish();
        outer_.update(hash.data(), hash.size());
        return outer_.finish();
    }

    static sha256_digest of(std::string_view key, std::string_view message) {
        hmac_sha256 mac(key);
        mac.update(message);
        return mac.finish();
    }

private:
    sha256 inner_;
    sha256 outer_;
};

/// SHA-1, for names that others make with it. It is no protection.
inline std::array<unsigned char, SHA_DIGEST_LENGTH> sha1_of(std::string_view text) {
    std::array<unsigned char, SHA_DIGEST_LENGTH> out;
    if (EVP_Digest(text.data(), text.size(), out.data(), nullptr, EVP_sha1(), nullptr) != 1)
        throw std::runtime_error("dynasession: SHA-1 of OpenSSL failed");
    return out;
}

/// The bytes of a digest as text, to feed one hash with another.
inline std::string_view as_text(const sha256_digest& digest) noexcept {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

} // namespace dynasession::inline v0::detail

#endif

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
// #include <dynasession/aws/fetch.hpp>
#ifndef DYNASESSION_AWS_FETCH_HPP
#define DYNASESSION_AWS_FETCH_HPP

// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/core/error.hpp>
#ifndef DYNASESSION_CORE_ERROR_HPP
#define DYNASESSION_CORE_ERROR_HPP

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>
#include <boost/system/result.hpp>
#include <boost/system/system_error.hpp>

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0 {

using boost::system::error_code;

/// What went wrong, exactly. Absence of a session is not an error.
enum class error {
    // sessions
    invalid_session_id = 1, ///< the text does not have the exact shape of a session id
    bad_signature,          ///< a session id of the right shape that none of the keys has signed
    session_gone,           ///< destroyed or expired since it was loaded; nothing was written
    session_exists,         ///< an id that was to be new is taken
    conflict,               ///< changed by somebody else, and the changes could not be merged
    outcome_unknown,        ///< the answer to a write was lost, and whether it was carried out cannot be known
    item_too_large,         ///< over the size limit of the backend; nothing was sent
    store_full,             ///< the in-memory store is at its bounds
    corrupt_session,        ///< what is stored cannot be decoded, or has a foreign shape
    not_serializable,       ///< the value cannot be stored (not UTF-8, NaN, too deep, too large)
    read_only_session,      ///< loaded to be read only; nothing was sent

    // locks
    lock_timeout,           ///< others held the lock for as long as this request could wait
    lock_lost,              ///< the lease ended and another took the lock; nothing was written
    too_many_waiters,       ///< more requests wait for this session than may

    // configuration
    missing_credentials,
    missing_region,
    invalid_endpoint,
    invalid_option,

    // transport
    timeout,                ///< the deadline of the call or of the attempt passed
    connection_closed,      ///< the peer closed the connection before the answer was complete
    tls_failure,            ///< handshake or certificate verification failed
    malformed_response,     ///< not HTTP, or not the answer that was asked for
    response_too_large,
    proxy_refused,          ///< the proxy does not lead to the endpoint
    checksum_mismatch,      ///< x-amz-crc32 does not match the body

    // answers of the service
    condition_failed,
    transaction_cancelled,
    transaction_conflict,
    throttled,
    service_unavailable,
    table_not_found,
    table_exists,
    access_denied,
    credentials_expired,
    clock_skew,
    invalid_request,
    unknown_operation,
    unprocessed,            ///< a batch was carried out only in part
};

/// What a caller can do about it: compare any error_code of this library with one of these.
enum class condition {
    retryable = 1, ///< the same call may succeed a moment later
    conflict,      ///< somebody else changed the session, or the item: load it again
    unavailable,   ///< the store cannot be reached or does not answer; says nothing of the session
    corrupt,       ///< what is stored cannot be used
    configuration, ///< a person has to change an option, a permission, a credential, or the program
    too_large,     ///< the session, or what was asked for, has to become smaller
};

} // namespace dynasession::inline v0

namespace boost::system {
template <>
struct is_error_code_enum<::dynasession::error> : std::true_type {};
template <>
struct is_error_condition_enum<::dynasession::condition> : std::true_type {};
} // namespace boost::system

namespace dynasession::inline v0 {

namespace error_detail {

constexpr const char* message(error e) noexcept {
    switch (e) {
    case error::invalid_session_id:
        return "not a session id: expected the 43 base64url characters that session_id::generate() makes";
    case error::bad_signature:
        return "the session id is signed by none of the keys: it was made up, or its key is no longer among the secrets";
    case error::session_gone:
        return "the session was destroyed or has expired since it was loaded; nothing was written: start a new one";
    case error::session_exists: return "a session with this id exists already; create another id";
    case error::conflict:
        return "the session was changed by another request: load it again and repeat the change";
    case error::outcome_unknown:
        return "the answer to a write was lost, and whether it was carried out cannot be known: load the session again and look";
    case error::item_too_large:
        return "the session is larger than the store takes: keep large data elsewhere and store its key";
    case error::store_full: return "the in-memory store is full: raise max_sessions or max_bytes";
    case error::corrupt_session:
        return "the stored session cannot be decoded: check table, layout and serializer; nothing was written";
    case error::not_serializable:
        return "the session holds a value that cannot be stored: text must be UTF-8, numbers finite, nesting and size within the serializer's bounds";
    case error::read_only_session:
        return "the session was loaded to be read only: load it without read_only to save it; nothing was written";
    case error::lock_timeout:
        return "other requests held the lock of the session for too long: try again, or raise max_wait_time";
    case error::lock_lost:
        return "the lock of the session ended before it was saved, and another request took it; nothing was written: "
               "load the session again, and renew the lock of long requests or raise lease";
    case error::too_many_waiters:
        return "too many requests wait for the lock of this session: answer 429 or 503, or raise max_waiters";
    case error::missing_credentials:
        return "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role, or dynamodb_options::credentials";
    case error::missing_region:
        return "no AWS region: set AWS_REGION, region in the profile, dynamodb_options::region, or, on an EC2 instance, "
               "region_from_instance";
    case error::invalid_endpoint:
        return "not an endpoint: expected http://host[:port] or https://host[:port]";
    case error::invalid_option: return "an option has a value outside its range";
    case error::timeout: return "no answer before the deadline: check the network, or raise the timeouts";
    case error::connection_closed: return "the connection was closed before the answer was complete";
    case error::tls_failure:
        return "TLS failed: check the host name, the certificate and the trusted authorities (AWS_CA_BUNDLE)";
    case error::malformed_response:
        return "the answer is not what the service sends: check the endpoint and what stands between";
    case error::response_too_large: return "the answer is larger than the limit of the client";
    case error::proxy_refused:
        return "the proxy refused to connect to the endpoint: check its URL with user and password (HTTPS_PROXY), or "
               "exempt the endpoint (NO_PROXY)";
    case error::checksum_mismatch: return "the answer was damaged on the way (x-amz-crc32 differs)";
    case error::condition_failed: return "the condition of the write did not hold; nothing was written";
    case error::transaction_cancelled: return "the transaction was cancelled; nothing was written";
    case error::transaction_conflict: return "another transaction works on the same item; try again";
    case error::throttled: return "DynamoDB throttles the table: spread the load, or raise its capacity";
    case error::service_unavailable: return "the service answered with an internal error; try again";
    case error::table_not_found:
        return "the table does not exist: create it with create_table(), or check table_name, region and endpoint";
    case error::table_exists: return "the table exists already";
    case error::access_denied: return "the credentials do not permit this operation: check the IAM policy";
    case error::credentials_expired: return "the credentials have expired or are not known: renew them";
    case error::clock_skew: return "the clock of this machine differs too much from the service's: correct it";
    case error::invalid_request: return "the service refused the request as not valid";
    case error::unknown_operation: return "the service does not know this operation";
    case error::unprocessed: return "the service carried out the batch only in part; repeat the rest";
    }
    return "unknown error";
}

class category final : public boost::system::error_category {
public:
    constexpr category() noexcept : error_category(0x8c1f3a6b52d0e947ULL) {}
    const char* name() const noexcept override { return "dynasession"; }
    std::string message(int value) const override {
        return error_detail::message(static_cast<error>(value));
    }
    bool equivalent(int value, const boost::system::error_condition& c) const noexcept override;
};

class condition_category final : public boost::system::error_category {
public:
    constexpr condition_category() noexcept : error_category(0x8c1f3a6b52d0e948ULL) {}
    const char* name() const noexcept override { return "dynasession.condition"; }
    std::string message(int value) const override {
        switch (static_cast<condition>(value)) {
        case condition::retryable: return "the same call may succeed a moment later";
        case condition::conflict: return "changed by somebody else: load again";
        case condition::unavailable: return "the store cannot be reached";
        case condition::corrupt: return "what is stored cannot be used";
        case condition::configuration: return "the configuration has to be changed";
        case condition::too_large: return "the session has to become smaller";
        }
        return "unknown condition";
    }
    bool equivalent(const error_code& code, int value) const noexcept override;
};

inline constexpr category category_instance{};
inline constexpr condition_category condition_category_instance{};

constexpr bool belongs(error e, condition c) noexcept {
    switch (c) {
    case condition::retryable:
        return e == error::timeout || e == error::connection_closed || e == error::malformed_response ||
               e == error::checksum_mismatch || e == error::transaction_conflict ||
               e == error::throttled || e == error::service_unavailable || e == error::unprocessed ||
               e == error::lock_timeout || e == error::too_many_waiters;
    case condition::conflict:
        return e == error::conflict || e == error::outcome_unknown || e == error::session_gone ||
               e == error::lock_lost || e == error::condition_failed || e == error::transaction_cancelled;
    case condition::unavailable:
        return e == error::timeout || e == error::connection_closed || e == error::tls_failure ||
               e == error::proxy_refused || e == error::malformed_response || e == error::checksum_mismatch ||
               e == error::throttled || e == error::service_unavailable;
    case condition::corrupt: return e == error::corrupt_session;
    case condition::configuration:
        return e == error::missing_credentials || e == error::missing_region ||
               e == error::invalid_endpoint || e == error::invalid_option ||
               e == error::table_not_found || e == error::access_denied ||
               e == error::credentials_expired || e == error::clock_skew || e == error::tls_failure ||
               e == error::proxy_refused || e == error::unknown_operation || e == error::invalid_request ||
               e == error::table_exists;
    case condition::too_large:
        return e == error::item_too_large || e == error::store_full || e == error::response_too_large;
    }
    return false;
}

inline bool category::equivalent(int value, const boost::system::error_condition& c) const noexcept {
    if (c.category() == condition_category_instance)
        return belongs(static_cast<error>(value), static_cast<condition>(c.value()));
    return c.category() == *this && c.value() == value;
}

// The network's own errors (refused, reset, name not found, ...) reach the caller unchanged; all of
// them mean that the store could not be reached.
inline bool condition_category::equivalent(const error_code& code, int value) const noexcept {
    if (code.category() == category_instance) return belongs(static_cast<error>(code.value()), static_cast<condition>(value));
    const bool cancelled = code == boost::system::errc::operation_canceled;
    const auto c = static_cast<condition>(value);
    return code.failed() && !cancelled && (c == condition::unavailable || c == condition::retryable);
}

} // namespace error_detail

/// The category of `error`.
inline const boost::system::error_category& error_category() noexcept {
    return error_detail::category_instance;
}

inline error_code make_error_code(error e) noexcept {
    return {static_cast<int>(e), error_detail::category_instance};
}

inline boost::system::error_condition make_error_condition(condition c) noexcept {
    return {static_cast<int>(c), error_detail::condition_category_instance};
}

/// Why an operation failed: the code, and what the server or the failing place says about it.
///
/// The detail is for people. It may hold text of the server; it never holds ids, payloads or secrets.
struct failure {
    error_code code;
    std::string detail;

    failure() = default;
    failure(error_code c, std::string text = {}) : code(c), detail(std::move(text)) {}
    failure(error e, std::string text = {}) : code(e), detail(std::move(text)) {}

    friend bool operator==(const failure& f, const error_code& c) noexcept { return f.code == c; }
    friend bool operator==(const failure& f, error e) noexcept { return f.code == e; }
    friend bool operator==(const failure& f, condition c) noexcept { return f.code == c; }

    template <class Char, class Traits>
    friend std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& out, const failure& f) {
        out << f.code.message().c_str();
        if (!f.detail.empty()) out << " (" << f.detail.c_str() << ')';
        return out;
    }
};

/// A value, or why there is none. `value()` throws `session_error`.
template <class T>
using result = boost::system::result<T, failure>;

/// What the throwing forms throw: `code()` to decide by, `what()` and `detail()` to read.
class session_error : public boost::system::system_error {
public:
    explicit session_error(failure f)
        : system_error(f.code, f.detail.empty() ? std::string("dynasession") : f.detail),
          detail_(std::move(f.detail)) {}

    /// What the server, or the failing place, says; may be empty.
    const std::string& detail() const noexcept { return detail_; }

private:
    std::string detail_;
};

[[noreturn]] inline void throw_exception_from_error(const failure& f, const boost::source_location&) {
    throw session_error(f);
}

} // namespace dynasession::inline v0

#endif
// #include <dynasession/http/endpoint.hpp>
#ifndef DYNASESSION_HTTP_ENDPOINT_HPP
#define DYNASESSION_HTTP_ENDPOINT_HPP

// #include <dynasession/core/error.hpp>

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace dynasession::inline v0::http {

/// Where a server listens, and whether TLS is spoken there.
struct endpoint {
    bool tls = true;
    std::string host; ///< a name or an address, in lower case, without brackets
    std::uint16_t port = 443;

    /// Reads `http://host[:port]` or `https://host[:port]`, with or without a slash at the end.
    ///
    /// *Errors:* `error::invalid_endpoint`, with what is wrong.
    static result<endpoint> parse(std::string_view url);

    /// What the `Host` field says: the port only when it is not the scheme's own, brackets around IPv6.
    std::string authority() const { return port == (tls ? 443 : 80) ? bracketed_host() : host_and_port(); }

    /// The same with the port in any case, as CONNECT wants it.
    std::string host_and_port() const { return bracketed_host() + ':' + std::to_string(port); }

    /// Whether what is sent there stays on this machine: `localhost`, 127.0.0.0/8 or ::1.
    bool is_loopback() const {
        if (host == "localhost") return true;
        error_code ec;
        const auto address = boost::asio::ip::make_address(host, ec);
        return !ec && address.is_loopback();
    }

    friend bool operator==(const endpoint&, const endpoint&) = default;

private:
    std::string bracketed_host() const { return host.find(':') == host.npos ? host : '[' + host + ']'; }
};

inline result<endpoint> endpoint::parse(std::string_view url) {
    const auto refuse = [](const char* why) { return failure(error::invalid_endpoint, why); };

    const auto colon = url.find("://");
    if (colon == url.npos) return refuse("the URL has no scheme: expected http://host[:port] or https://host[:port]");
    std::string scheme(url.substr(0, colon));
    const auto to_lower = [](std::string& text) {
        std::ranges::transform(text, text.begin(),
                               [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    };
    to_lower(scheme);
    if (scheme != "http" && scheme != "https") return refuse("the URL's scheme is neither http nor https");

    endpoint e;
    e.tls = scheme == "https";
    e.port = e.tls ? 443 : 80;

    auto rest = url.substr(colon + 3);
    if (rest.ends_with('/')) rest.remove_suffix(1);
    if (rest.find_first_of("/?#") != rest.npos)
        return refuse("the URL has a path or a query: give the host and port only");
    if (rest.find('@') != rest.npos) return refuse("the URL has user information: credentials do not belong there");

    const bool bracketed = rest.starts_with('[');
    const auto end = bracketed ? rest.find(']') : std::min(rest.find(':'), rest.size());
    if (end == rest.npos) return refuse("the URL has an opening bracket only");
    e.host = rest.substr(bracketed, end - bracketed);
    to_lower(e.host);
    rest.remove_prefix(end + bracketed);

    error_code ec;
    const bool is_name = e.host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") == e.host.npos;
    if (bracketed ? (boost::asio::ip::make_address_v6(e.host, ec), ec.failed()) : !is_name || e.host.size() > 253)
        return refuse("the URL's host is neither a name nor an address (IPv6 stands in brackets)");
    if (e.host.empty()) return refuse("the URL has no host");

    if (!rest.empty()) {
        const auto digits = rest.substr(1);
        const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), e.port);
        if (rest.front() != ':' || error != std::errc{} || last != digits.data() + digits.size() || e.port == 0)
            return refuse("the URL's port is not a number from 1 to 65535");
    }
    return e;
}

} // namespace dynasession::inline v0::http

#endif
// #include <dynasession/http/message.hpp>
#ifndef DYNASESSION_HTTP_MESSAGE_HPP
#define DYNASESSION_HTTP_MESSAGE_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/http_syntax.hpp>
#ifndef DYNASESSION_DETAIL_HTTP_SYNTAX_HPP
#define DYNASESSION_DETAIL_HTTP_SYNTAX_HPP

#include <cstddef>
#include <string_view>

namespace dynasession::inline v0::detail {

/// The lower-case form of a letter of ASCII; any other character as it is.
constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

/// Whether two texts are the same but for the case of letters of ASCII.
constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i != a.size(); ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

/// Whether a text is a "token", as names of fields, methods and cookies are (RFC 9110 section 5.6.2).
constexpr bool is_token(std::string_view text) noexcept {
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    for (const char c : text)
        if (!((c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || marks.find(c) != marks.npos))
            return false;
    return !text.empty();
}

} // namespace dynasession::inline v0::detail

#endif
// #include <dynasession/http/endpoint.hpp>

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::http {

/// A request that is ready for the wire.
struct request {
    /// The start line and the header block, with the empty line that ends it.
    std::string head;
    std::string body;
};

/// An answer: status, header fields and the whole body.
class response {
public:
    unsigned status = 0;
    std::string body;

    /// The value of the first field of this name in any case; empty when there is none.
    std::string_view header(std::string_view name) const noexcept;

    /// Appends a field.
    void add_header(std::string_view name, std::string_view value) {
        fields_.append(name).append(": ").append(value).append("\r\n");
    }

    /// Appends fields as they usually stand on the wire: each a name, a colon, a space, a value and CRLF.
    void add_header_lines(std::string_view lines) { fields_.append(lines); }

    /// The bytes of all fields together.
    std::size_t header_size() const noexcept { return fields_.size(); }

private:
    // One "name: value\r\n" after the other: neither a name with a colon nor a value with a line end is HTTP.
    std::string fields_;
};

/// What the levels above ask for: this request, answered before the deadline.
///
/// *Lifetimes:* the request has to outlive the exchange.
struct exchange {
    const request* message = nullptr;
    std::chrono::steady_clock::time_point deadline{};

    /// Whether an answer agrees with its checksum. One that does not is an error, and its connection is closed. Null:
    /// answers have none.
    bool (*undamaged)(const response&) = nullptr;
};

/// What became of an exchange.
struct reply {
    result<response> answer;

    /// Whether a byte of the request went out: the server may have carried it out, whatever the answer.
    bool sent = false;

    /// Whether the request had gone out before on a connection that then turned out to be dead: the server may have
    /// carried it out already, although this answer is to its repetition.
    bool repeated = false;

    reply() = default;
    reply(failure f, bool was_sent = false) : answer(std::move(f)), sent(was_sent) {}
    reply(response r) : answer(std::move(r)), sent(true) {}
};

/// One field of a header block.
struct field {
    std::string_view name;
    std::string_view value;
};

namespace message_detail {

constexpr bool breaks_lines(std::string_view text) noexcept {
    for (const char c : text)
        if (c == '\r' || c == '\n' || c == '\0') return true;
    return false;
}

} // namespace message_detail

/// Renders an HTTP/1.1 request with a `Host` field and, unless a GET or HEAD has no body, a `Content-Length` field.
///
/// *Errors:* `error::invalid_request` if a part would not stay on its line, or the method, the target or a name
/// is not HTTP (RFC 9110 and 9112).
inline result<request> make_request(std::string_view method, std::string_view target, std::string_view authority,
                                    std::span<const field> fields, std::string body = {}) {
    using detail::is_token;
    using message_detail::breaks_lines;
    if (!is_token(method)) return failure(error::invalid_request, "the method is not an HTTP token");
    if (target.empty() || breaks_lines(target) || target.find_first_of(" \t") != target.npos)
        return failure(error::invalid_request, "the request target is empty or holds white space");
    if (breaks_lines(authority)) return failure(error::invalid_request, "the host holds a line break");

    request r;
    r.head.append(method).append(1, ' ').append(target).append(" HTTP/1.1\r\nHost: ").append(authority).append("\r\n");
    for (const auto& f : fields) {
        if (!is_token(f.name) || breaks_lines(f.value))
            return failure(error::invalid_request,
                           "a header field holds a line break, or its name is not an HTTP token");
        r.head.append(f.name).append(": ").append(f.value).append("\r\n");
    }
    if (!body.empty() || (method != "GET" && method != "HEAD"))
        r.head.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
    r.head.append("\r\n");
    r.body = std::move(body);
    return r;
}

inline std::string_view response::header(std::string_view name) const noexcept {
    for (std::string_view rest = fields_; !rest.empty();) {
        const auto line = rest.substr(0, rest.find('\r'));
        if (line.size() > name.size() && line[name.size()] == ':' &&
            detail::equal_ignoring_case(line.substr(0, name.size()), name))
            return line.substr(name.size() + 2);
        rest.remove_prefix(line.size() + 2);
    }
    return {};
}

} // namespace dynasession::inline v0::http

#endif
// #include <dynasession/op/action.hpp>
#ifndef DYNASESSION_OP_ACTION_HPP
#define DYNASESSION_OP_ACTION_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/op/event.hpp>
#ifndef DYNASESSION_OP_EVENT_HPP
#define DYNASESSION_OP_EVENT_HPP

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace dynasession::inline v0::op {

/// Something that happens once: operations wait for it, and another one, on whatever thread, brings it about.
///
/// *Thread safety:* all of it from any thread.
class event {
public:
    event() = default;
    event(const event&) = delete;
    event& operator=(const event&) = delete;

    void set() {
        std::vector<std::weak_ptr<waker>> waiting;
        {
            const std::scoped_lock lock(mutex_);
            set_ = true;
            waiting.swap(waiting_);
        }
        happened_.notify_all();
        for (const auto& w : waiting)
            if (const auto wake = w.lock()) (*wake)();
    }

    bool is_set() const {
        const std::scoped_lock lock(mutex_);
        return set_;
    }

    /// Blocks until it has happened, but no longer than this.
    void wait_for(std::chrono::milliseconds most) {
        std::unique_lock lock(mutex_);
        happened_.wait_for(lock, most, [this] { return set_; });
    }

    /// Has `wake` called when it happens, by the thread that brings it about; here and now if it has happened. Who lets
    /// go of what this gives is not called any more, unless he is being called.
    [[nodiscard]] std::shared_ptr<const void> on_set(std::function<void()> wake) {
        auto mine = std::make_shared<waker>(std::move(wake));
        {
            const std::scoped_lock lock(mutex_);
            if (!set_) {
                std::erase_if(waiting_, [](const auto& w) { return w.expired(); });
                waiting_.push_back(mine);
                return mine;
            }
        }
        (*mine)();
        return mine;
    }

private:
    using waker = std::function<void()>;

    mutable std::mutex mutex_;
    std::condition_variable happened_;
    std::vector<std::weak_ptr<waker>> waiting_;
    bool set_ = false;
};

} // namespace dynasession::inline v0::op

#endif

#include <chrono>
#include <concepts>
#include <memory>
#include <utility>
#include <variant>

namespace dynasession::inline v0::op {

/// The time at which an operation is resumed: one reading of both clocks.
///
/// `system` is what records and signatures are dated by; `steady` is what deadlines are counted on.
struct instant {
    std::chrono::sys_time<std::chrono::milliseconds> system{};
    std::chrono::steady_clock::time_point steady{};

    /// `system` as records count it.
    std::chrono::sys_seconds seconds() const noexcept { return std::chrono::floor<std::chrono::seconds>(system); }

    /// The clocks of this machine, now.
    static instant now() noexcept {
        return {std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()),
                std::chrono::steady_clock::now()};
    }
};

/// Resume me after this time, with an empty reply; or as soon as the event, if there is one, has happened.
struct pause {
    std::chrono::milliseconds duration{};
    std::shared_ptr<event> until{};
};

/// What an operation answers when it is resumed: do this effect, pause, or done with this result.
template <class Effect, class T>
using action = std::variant<Effect, pause, result<T>>;

/// An algorithm as a state machine that does no I/O and knows no clock.
///
/// `resume(reply, now)` is called first with a default reply, then with the reply to each effect that
/// the operation asked for, until it answers with its result. It is not called again after that.
/// A cancelled operation finds `operation_aborted` in its reply and should finish with it; it gets nothing else any more.
template <class Op>
concept operation = std::move_constructible<Op> && std::default_initializable<typename Op::reply_type> &&
                    std::constructible_from<typename Op::reply_type, failure> && requires(Op op, typename Op::reply_type reply, instant now) {
    typename Op::effect_type;
    typename Op::value_type;
    { op.resume(std::move(reply), now) } -> std::same_as<action<typename Op::effect_type, typename Op::value_type>>;
};

/// Carries on from an action of an inner operation: its effects and pauses are passed on, and what
/// `done(result<T>)` returns takes the place of its result.
template <class Outer, class Effect, class T, class Done>
Outer carry_on(action<Effect, T>&& inner, Done done) {
    if (auto* effect = std::get_if<0>(&inner)) return std::move(*effect);
    if (auto* delay = std::get_if<1>(&inner)) return *delay;
    return done(std::get<2>(std::move(inner)));
}

} // namespace dynasession::inline v0::op

#endif

#include <chrono>
#include <concepts>
#include <cstddef>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dynasession::inline v0::aws {

/// A request to a server that gives out credentials, or what else a machine knows of itself.
struct server_call {
    http::endpoint server{};
    http::request message{};
    std::chrono::milliseconds timeout{1000}; ///< from connecting to the last byte of the answer
    bool through_proxy = false;              ///< metadata servers are never asked through one
};

/// A program to be run, without a shell, that prints credentials.
struct program_call {
    std::vector<std::string> arguments{}; ///< the first one names the program
    std::chrono::milliseconds timeout{60'000};
    std::size_t max_output = 64 * 1024; ///< bytes
};

/// What became of a program.
struct program_output {
    int exit_status = 0; ///< 128 and more: ended by a signal
    std::string text{};  ///< what it wrote to its standard output
};

/// The effects of a `fetch_operation`.
using fetch_effect = std::variant<server_call, program_call>;

/// The reply to the one or the other.
struct fetch_reply {
    result<http::response> answer{};
    result<program_output> output{};

    fetch_reply() = default;
    fetch_reply(const failure& f) : answer(f), output(f) {}
    fetch_reply(http::response r) : answer(std::move(r)) {}
    fetch_reply(program_output o) : output(std::move(o)) {}
};

/// An operation that fetches credentials, or another value: `fetch_now` carries it out.
template <class Op, class T = credentials>
concept fetch_operation =
    op::operation<Op> && std::same_as<typename Op::effect_type, fetch_effect> &&
    std::same_as<typename Op::reply_type, fetch_reply> && std::same_as<typename Op::value_type, T>;

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/sts.hpp>
#ifndef DYNASESSION_AWS_STS_HPP
#define DYNASESSION_AWS_STS_HPP

// #include <dynasession/aws/canonical_request.hpp>
#ifndef DYNASESSION_AWS_CANONICAL_REQUEST_HPP
#define DYNASESSION_AWS_CANONICAL_REQUEST_HPP

// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/detail/encoding.hpp>
#ifndef DYNASESSION_DETAIL_ENCODING_HPP
#define DYNASESSION_DETAIL_ENCODING_HPP

// #include <dynasession/detail/base64_vector.hpp>
#ifndef DYNASESSION_DETAIL_BASE64_VECTOR_HPP
#define DYNASESSION_DETAIL_BASE64_VECTOR_HPP

#include <cstddef>
#include <optional>
#include <string_view>

#ifdef __x86_64__
#include <immintrin.h>
#endif

/// Base64 decoded 32 characters at a time, where the processor can: a sixth of the time of tables.
///
/// A character's two halves each select a set of bits; they meet only in characters that are not in the alphabet. The
/// upper half, and whether it is a slash, also tells what has to be added to make the character its sextet (Muła and
/// Lemire, "Faster Base64 Encoding and Decoding Using AVX2 Instructions", ACM TWEB 12(3), 2018).
namespace dynasession::inline v0::detail::base64_vector {

/// Shorter texts, and what is left, are for the tables; it is more than a store reaches over.
inline constexpr std::size_t least = 48;

#ifdef __x86_64__

inline bool available() noexcept {
    static const bool has = __builtin_cpu_supports("avx2");
    return has;
}

// Sixteen bytes twice, as the shuffles want their tables; the first is the lowest.
[[gnu::target("avx2")]] inline __m256i twice(unsigned long long low, unsigned long long high) noexcept {
    const auto l = static_cast<long long>(low), h = static_cast<long long>(high);
    return _mm256_set_epi64x(h, l, h, l);
}

/// Decodes groups of 32 characters until less than `least` are left; returns how many characters were taken, or nothing
/// if one of them is not in the alphabet. `out` has room for what all of `text` stands for, and may be where it begins.
[[gnu::target("avx2")]] inline std::optional<std::size_t> run(std::string_view text, char* out) noexcept {
    const auto sets_of_low = twice(0x1111111111111115, 0x1A1B1B1B1A131111);
    const auto sets_of_high = twice(0x0804080402011010, 0x1010101010101010);
    const auto offsets = twice(0xB9B9BFBF04131000, 0);
    const auto bytes = twice(0x090A040506000102, 0xFFFFFFFF0C0D0E08);
    const auto slash = _mm256_set1_epi8('/'); // 0x2F: also the mask of a half, the shuffles do not see its bit 5

    auto foreign = _mm256_setzero_si256();
    std::size_t taken = 0;
    for (; text.size() - taken >= least; taken += 32, out += 24) {
        auto c = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text.data() + taken));
        const auto high = _mm256_and_si256(_mm256_srli_epi32(c, 4), slash);
        const auto low = _mm256_and_si256(c, slash);
        foreign = _mm256_or_si256(
            foreign, _mm256_and_si256(_mm256_shuffle_epi8(sets_of_low, low), _mm256_shuffle_epi8(sets_of_high, high)));
        c = _mm256_add_epi8(c, _mm256_shuffle_epi8(offsets, _mm256_add_epi8(_mm256_cmpeq_epi8(c, slash), high)));
        // Four sextets to three bytes: pairs to 12 bits, pairs of those to 24, and these brought together.
        c = _mm256_madd_epi16(_mm256_maddubs_epi16(c, _mm256_set1_epi32(0x01400140)), _mm256_set1_epi32(0x00011000));
        c = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(c, bytes), _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), c); // 24 bytes, and 8 that the next ones overwrite
    }
    if (!_mm256_testz_si256(foreign, foreign)) return std::nullopt;
    return taken;
}

#else

constexpr bool available() noexcept { return false; }
inline std::optional<std::size_t> run(std::string_view, char*) noexcept { return 0; }

#endif

} // namespace dynasession::inline v0::detail::base64_vector

#endif

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dynasession::inline v0::detail {

inline constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
inline constexpr std::string_view base64url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What a character that is not in the alphabet decodes to; no three bytes have this bit.
inline constexpr std::uint32_t no_sextet = 1U << 31;

/// For each of four characters, its sextet where it stands among the three bytes: the first byte is the lowest.
using sextet_tables = std::array<std::array<std::uint32_t, 256>, 4>;

constexpr sextet_tables make_sextets(std::string_view alphabet) noexcept {
    sextet_tables tables{};
    for (std::size_t k = 0; k != tables.size(); ++k) {
        tables[k].fill(no_sextet);
        for (std::uint32_t i = 0; i != alphabet.size(); ++i) {
            const auto bits = i << (18 - 6 * k);
            tables[k][static_cast<unsigned char>(alphabet[i])] =
                (bits >> 16 & 0xFF) | (bits & 0xFF00) | (bits & 0xFF) << 16;
        }
    }
    return tables;
}

inline constexpr auto base64_sextets = make_sextets(base64_alphabet);
inline constexpr auto base64url_sextets = make_sextets(base64url_alphabet);

constexpr std::array<std::array<char, 2>, 256> make_hex_pairs() noexcept {
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<std::array<char, 2>, 256> table{};
    for (std::size_t i = 0; i != table.size(); ++i) table[i] = {digits[i >> 4], digits[i & 15]};
    return table;
}

inline constexpr auto hex_pairs = make_hex_pairs();

/// Writes two lower-case digits a byte to `out`, and returns its end.
inline char* write_hex(std::span<const unsigned char> bytes, char* out) noexcept {
    for (const auto byte : bytes) {
        std::memcpy(out, hex_pairs[byte].data(), 2);
        out += 2;
    }
    return out;
}

/// Lower-case hexadecimal text.
template <std::size_t N>
std::array<char, 2 * N> hex(const std::array<unsigned char, N>& bytes) noexcept {
    std::array<char, 2 * N> out;
    write_hex(bytes, out.data());
    return out;
}

/// How many characters of base64 stand for so many bytes, with padding.
constexpr std::size_t base64_size(std::size_t bytes) noexcept { return (bytes + 2) / 3 * 4; }

/// How many characters of base64url stand for so many bytes, without padding.
constexpr std::size_t base64url_size(std::size_t bytes) noexcept { return (bytes * 4 + 2) / 3; }

/// Writes whole groups of three bytes as four letters, then the one or two bytes that remain; returns the end.
inline char* write_sextets(const unsigned char* data, std::size_t size, char* out, std::string_view alphabet) noexcept {
    const char* const letters = alphabet.data();
    for (; size >= 3; size -= 3, data += 3) {
        const std::uint32_t group = std::uint32_t{data[0]} << 16 | std::uint32_t{data[1]} << 8 | data[2];
        *out++ = letters[group >> 18];
        *out++ = letters[group >> 12 & 63];
        *out++ = letters[group >> 6 & 63];
        *out++ = letters[group & 63];
    }
    if (size == 0) return out;
    *out++ = letters[data[0] >> 2];
    if (size == 1) {
        *out++ = letters[(data[0] & 3) << 4];
    } else {
        *out++ = letters[(data[0] & 3) << 4 | data[1] >> 4];
        *out++ = letters[(data[1] & 15) << 2];
    }
    return out;
}

/// Reads the sextets that `write_sextets` wrote; `out` may be where `text` begins. Refuses foreign characters, a
/// single sextet at the end, and bits there that encode nothing, so that each value has one text.
inline std::optional<std::size_t> read_sextets(std::string_view text, char* out,
                                               const sextet_tables& tables) noexcept {
    const auto* in = reinterpret_cast<const unsigned char*>(text.data());
    char* const begin = out;
    std::size_t left = text.size();
    std::uint32_t seen = 0; // all groups, to look for foreign characters once
    const auto group = [&] { return tables[0][in[0]] | tables[1][in[1]] | tables[2][in[2]] | tables[3][in[3]]; };
    if constexpr (std::endian::native == std::endian::little)
        for (; left >= 8; left -= 4, in += 4, out += 3) {
            const auto bytes = group();
            seen |= bytes;
            std::memcpy(out, &bytes, sizeof bytes); // one store instead of three: the next group overwrites the fourth
        }
    for (; left >= 4; left -= 4, in += 4) {
        const auto bytes = group();
        seen |= bytes;
        *out++ = static_cast<char>(bytes);
        *out++ = static_cast<char>(bytes >> 8);
        *out++ = static_cast<char>(bytes >> 16);
    }
    if (left == 1) return std::nullopt;
    if (left != 0) {
        const auto bytes = tables[0][in[0]] | tables[1][in[1]] | (left == 3 ? tables[2][in[2]] : 0U);
        seen |= bytes;
        if ((left == 2 ? bytes & 0xFF00 : bytes & 0xFF0000) != 0) return std::nullopt;
        *out++ = static_cast<char>(bytes);
        if (left == 3) *out++ = static_cast<char>(bytes >> 8);
    }
    if (seen & no_sextet) return std::nullopt;
    return static_cast<std::size_t>(out - begin);
}

/// Appends the base64 text, with padding, of some bytes (RFC 4648 section 4).
inline void append_base64(std::string& out, std::string_view bytes) {
    const auto size = out.size();
    out.resize(size + base64_size(bytes.size()), '='); // what no sextet overwrites is the padding
    const auto* const data = reinterpret_cast<const unsigned char*>(bytes.data());
    write_sextets(data, bytes.size(), out.data() + size, base64_alphabet);
}

/// Decodes base64 with padding; `out` has room for three bytes a four characters, and may be where `text` begins.
///
/// *Errors:* nothing for any text that `append_base64` does not make; what `out` holds then is unspecified.
inline std::optional<std::size_t> decode_base64(std::string_view text, char* out) noexcept {
    if (text.size() % 4 != 0) return std::nullopt;
    if (text.ends_with('=')) text.remove_suffix(text.ends_with("==") ? 2 : 1);
    std::size_t taken = 0;
    if (text.size() >= base64_vector::least && base64_vector::available()) {
        const auto whole = base64_vector::run(text, out);
        if (!whole) return std::nullopt;
        taken = *whole;
    }
    const auto begun = taken / 4 * 3;
    const auto rest = read_sextets(text.substr(taken), out + begun, base64_sextets);
    if (!rest) return std::nullopt;
    return begun + *rest;
}

/// Appends what a base64 text stands for, or returns false and leaves `out` as it was.
inline bool append_decoded_base64(std::string& out, std::string_view text) {
    const auto size = out.size();
    out.resize(size + text.size() / 4 * 3);
    const auto decoded = decode_base64(text, out.data() + size);
    out.resize(size + decoded.value_or(0));
    return decoded.has_value();
}

/// Appends the base64url text, without padding, of some bytes (RFC 4648 section 5).
inline void append_base64url(std::string& out, std::span<const unsigned char> bytes) {
    const auto size = out.size();
    out.resize(size + base64url_size(bytes.size()));
    write_sextets(bytes.data(), bytes.size(), out.data() + size, base64url_alphabet);
}

/// The base64url text of a fixed number of bytes: 43 characters for 32 bytes.
template <std::size_t N>
std::array<char, base64url_size(N)> base64url(const std::array<unsigned char, N>& bytes) noexcept {
    std::array<char, base64url_size(N)> out;
    write_sextets(bytes.data(), N, out.data(), base64url_alphabet);
    return out;
}

/// The `N` bytes of a base64url text; nothing unless it is the very text that `base64url` makes.
template <std::size_t N>
std::optional<std::array<unsigned char, N>> decode_base64url(std::string_view text) noexcept {
    std::array<unsigned char, N> out;
    if (text.size() != base64url_size(N)) return std::nullopt;
    if (!read_sextets(text, reinterpret_cast<char*>(out.data()), base64url_sextets)) return std::nullopt;
    return out;
}

/// True for the characters that need no escape in a URI: letters, digits, `-`, `.`, `_`, `~` (RFC 3986 section 2.3).
constexpr bool is_unreserved(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

/// Appends a text with all but unreserved characters as %XX (AWS SigV4 reference, UriEncode); `keep` is left as it is.
inline void append_uri_encoded(std::string& out, std::string_view text, char keep = '-') {
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (const char c : text) {
        if (is_unreserved(c) || c == keep) {
            out.push_back(c);
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out.push_back('%');
            out.push_back(digits[byte >> 4]);
            out.push_back(digits[byte & 15]);
        }
    }
}

constexpr int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// Appends a text with each %XX as its byte; a `%` without two digits stays.
inline void append_uri_decoded(std::string& out, std::string_view text) {
    for (std::size_t i = 0; i != text.size(); ++i) {
        const bool room = text[i] == '%' && text.size() - i > 2;
        const int high = room ? hex_value(text[i + 1]) : -1;
        const int low = room ? hex_value(text[i + 2]) : -1;
        if (high < 0 || low < 0) {
            out.push_back(text[i]);
        } else {
            out.push_back(static_cast<char>(high * 16 + low));
            i += 2;
        }
    }
}

} // namespace dynasession::inline v0::detail

#endif

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::aws {

/// A header field that a signature covers.
struct header {
    std::string_view name;
    std::string_view value;
};

/// What `signable_request::payload_hash` says when the signature shall not cover the body.
inline constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";

/// A request as the signer sees it; refers to texts of the caller.
struct signable_request {
    std::string_view method = "POST";
    std::string_view path = "/";          ///< as sent, without the query
    std::string_view query = {};          ///< as sent, without the question mark
    std::span<const header> headers = {}; ///< exactly those to cover, in any order and case: host, x-amz-date, ...
    std::string_view body = {};
    std::string_view payload_hash = {}; ///< 64 hex digits or `unsigned_payload`; empty: of `body`
};

/// How a service wants its paths canonicalised; S3 is the one that wants neither.
struct canonical_options {
    bool normalize_path = true; ///< resolve `.` and `..`, drop empty segments
    bool encode_path = true;    ///< escape the path once more than it was sent
};

/// The hexadecimal SHA-256 of a body, as `payload_hash` and x-amz-content-sha256 have it.
inline std::array<char, 64> payload_hash(std::string_view body) { return detail::hex(detail::sha256::of(body)); }

namespace canonical_detail {

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Whether any byte of a text is in a range, eight at a time: nearly every header is in canonical form, so that this is
// most of what there is to do.
inline bool any_byte_in(char first, char last, std::string_view text) noexcept {
    constexpr std::uint64_t each = 0x0101010101010101;
    const auto low = each * (0x80U - static_cast<unsigned char>(first));
    const auto high = each * (0x7FU - static_cast<unsigned char>(last));
    const auto marks = [=](const char* p) {
        std::uint64_t word;
        std::memcpy(&word, p, sizeof(word));
        const auto ascii = word & each * 0x7F; // carries stay within a byte
        return (ascii + low) & ~(ascii + high) & ~word;
    };
    if (text.size() < sizeof(each)) return std::ranges::any_of(text, [=](char c) { return c >= first && c <= last; });
    auto found = marks(text.data() + text.size() - sizeof(each));
    for (std::size_t i = 0; i + sizeof(each) < text.size(); i += sizeof(each)) found |= marks(text.data() + i);
    return (found & each * 0x80) != 0;
}

inline bool is_canonical_name(std::string_view name) noexcept { return !any_byte_in('A', 'Z', name); }

inline bool is_canonical_value(std::string_view value) noexcept {
    if (!any_byte_in('\t', ' ', value)) return true;
    char before = ' '; // at the beginning a space is one too many
    for (const char c : value) {
        if (is_space(c) && (c != ' ' || before == ' ')) return false;
        before = c;
    }
    return before != ' ';
}

inline std::string to_lower(std::string_view name) {
    std::string out(name);
    for (auto& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

// Without space at both ends, and one space for each run of it.
inline void append_value(std::string& out, std::string_view value) {
    const auto begin = out.size();
    bool pending = false;
    for (const char c : value) {
        if (is_space(c)) {
            pending = out.size() != begin;
        } else {
            if (std::exchange(pending, false)) out.push_back(' ');
            out.push_back(c);
        }
    }
}

inline std::string canonical_path(std::string_view path, canonical_options options) {
    std::string normal;
    if (options.normalize_path) {
        std::vector<std::string_view> segments;
        for (std::size_t begin = 0; begin <= path.size();) {
            const auto end = std::min(path.find('/', begin), path.size());
            const auto segment = path.substr(begin, end - begin);
            begin = end + 1;
            if (segment == "..") {
                if (!segments.empty()) segments.pop_back();
            } else if (!segment.empty() && segment != ".") {
                segments.push_back(segment);
            }
        }
        for (const auto segment : segments) normal.append(1, '/').append(segment);
        if (normal.empty() || path.ends_with('/')) normal.push_back('/');
        path = normal;
    }
    if (path.empty()) path = "/";
    if (!options.encode_path) return std::string(path);
    std::string out;
    detail::append_uri_encoded(out, path, '/');
    return out;
}

// Sorted after encoding, as the service sorts: by name, then by value.
inline std::string canonical_query(std::string_view query) {
    const auto encode = [](std::string_view sent) {
        std::string plain, encoded;
        detail::append_uri_decoded(plain, sent);
        detail::append_uri_encoded(encoded, plain);
        return encoded;
    };
    std::vector<std::pair<std::string, std::string>> parameters;
    for (std::size_t begin = 0; begin < query.size();) {
        const auto end = std::min(query.find('&', begin), query.size());
        const auto parameter = query.substr(begin, end - begin);
        begin = end + 1;
        if (parameter.empty()) continue;
        const auto equals = std::min(parameter.find('='), parameter.size());
        const auto value = parameter.substr(std::min(equals + 1, parameter.size()));
        parameters.emplace_back(encode(parameter.substr(0, equals)), encode(value));
    }
    std::ranges::sort(parameters);
    std::string out;
    for (const auto& [name, value] : parameters) {
        if (!out.empty()) out.push_back('&');
        out.append(name).append(1, '=').append(value);
    }
    return out;
}

} // namespace canonical_detail

/// Header fields as a signature covers them: names in lower case and sorted, values trimmed, duplicates joined.
///
/// Refers to `headers` when they are in this form already, and costs one look at each then.
class canonical_headers {
public:
    explicit canonical_headers(std::span<const header> headers) : headers_(headers) {
        if (!is_canonical(headers)) normalize();
    }
    canonical_headers(const canonical_headers&) = delete;
    canonical_headers& operator=(const canonical_headers&) = delete;

    /// Appends `name:value\n` for each field.
    template <class Text>
    void append_fields(Text& out) const {
        for (const auto& h : headers_) {
            out.append(h.name);
            out.push_back(':');
            out.append(h.value);
            out.push_back('\n');
        }
    }

    /// Appends the names, with `;` between them.
    template <class Text>
    void append_names(Text& out) const {
        bool first = true;
        for (const auto& h : headers_) {
            if (!std::exchange(first, false)) out.push_back(';');
            out.append(h.name);
        }
    }

private:
    static bool is_canonical(std::span<const header> headers) noexcept {
        std::string_view before;
        for (const auto& h : headers) {
            if (h.name <= before || !canonical_detail::is_canonical_name(h.name) ||
                !canonical_detail::is_canonical_value(h.value))
                return false;
            before = h.name;
        }
        return true;
    }

    void normalize() {
        std::vector<header> sorted(headers_.begin(), headers_.end());
        names_.reserve(sorted.size()); // the views need texts that stay where they are
        values_.reserve(sorted.size());
        for (auto& h : sorted) h.name = names_.emplace_back(canonical_detail::to_lower(h.name));
        std::ranges::stable_sort(sorted, {}, &header::name);
        for (const auto& h : sorted) {
            const bool again = !fields_.empty() && fields_.back().name == h.name;
            auto& value = again ? values_.back().append(1, ',') : values_.emplace_back();
            canonical_detail::append_value(value, h.value);
            if (again)
                fields_.back().value = value;
            else
                fields_.push_back({h.name, value});
        }
        headers_ = fields_;
    }

    std::span<const header> headers_;
    std::vector<header> fields_; // views of the texts below
    std::vector<std::string> names_;
    std::vector<std::string> values_;
};

/// Appends the canonical request up to the payload hash, which is its last line.
template <class Text>
void append_canonical_request(Text& out, const signable_request& request, const canonical_headers& headers,
                              canonical_options options) {
    out.append(request.method);
    out.push_back('\n');
    if (request.path == "/")
        out.push_back('/');
    else
        out.append(canonical_detail::canonical_path(request.path, options));
    out.push_back('\n');
    if (!request.query.empty()) out.append(canonical_detail::canonical_query(request.query));
    out.push_back('\n');
    headers.append_fields(out);
    out.push_back('\n');
    headers.append_names(out);
    out.push_back('\n');
}

/// The canonical request of a request: what to compare when a service answers SignatureDoesNotMatch
/// (AWS SigV4 reference, "Create a canonical request").
inline std::string canonical_request(const signable_request& request, canonical_options options = {}) {
    std::string out;
    append_canonical_request(out, request, canonical_headers(request.headers), options);
    if (request.payload_hash.empty()) {
        const auto hash = payload_hash(request.body);
        out.append(hash.data(), hash.size());
    } else {
        out.append(request.payload_hash);
    }
    return out;
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/aws/fetch.hpp>
// #include <dynasession/aws/service_call.hpp>
#ifndef DYNASESSION_AWS_SERVICE_CALL_HPP
#define DYNASESSION_AWS_SERVICE_CALL_HPP

// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/aws/fetch.hpp>
// #include <dynasession/aws/retry.hpp>
#ifndef DYNASESSION_AWS_RETRY_HPP
#define DYNASESSION_AWS_RETRY_HPP

// #include <dynasession/detail/random.hpp>
#ifndef DYNASESSION_DETAIL_RANDOM_HPP
#define DYNASESSION_DETAIL_RANDOM_HPP

// #include <dynasession/detail/encoding.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>

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
inline std::array<char, 36> random_uuid() {
    std::array<unsigned char, 16> bytes;
    for (std::size_t i = 0; i != bytes.size(); i += 8) {
        const auto random = pseudo_random();
        std::memcpy(bytes.data() + i, &random, sizeof random);
    }
    bytes[6] = static_cast<unsigned char>(0x40 | (bytes[6] & 0x0f));
    bytes[8] = static_cast<unsigned char>(0x80 | (bytes[8] & 0x3f));
    std::array<char, 36> out;
    auto* end = out.data();
    for (std::size_t i = 0; i != bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *end++ = '-';
        end = write_hex({bytes.data() + i, 1}, end);
    }
    return out;
}

} // namespace dynasession::inline v0::detail

#endif

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <system_error>

namespace dynasession::inline v0::aws {

/// How often and how fast a call is repeated: the "standard" mode of the SDKs (AWS SDKs and Tools reference guide,
/// "Retry behavior").
struct retry_options {
    std::optional<unsigned> max_attempts{};           ///< with the first; else AWS_MAX_ATTEMPTS, the profile's, 4
    std::chrono::milliseconds base_delay{25};         ///< after an error that passes by itself
    std::chrono::milliseconds throttling_delay{1000}; ///< after an answer that asks to slow down
    std::chrono::milliseconds max_delay{20000};       ///< of a single pause

    /// Pseudo-random numbers in [0, 1) that spread the pauses of many clients; null: `uniform_random`.
    double (*random)() = nullptr;

    /// How many attempts a call has.
    unsigned attempts() const noexcept { return max_attempts.value_or(4); }
};

/// Whether a failed attempt may be repeated, and what has to be done first.
enum class retry_reason {
    never,
    transient,   ///< passes by itself
    throttling,  ///< passes by itself, with more patience
    clock_skew,  ///< once the clock of this machine is corrected
    signature,   ///< the same, if the clock is far off; else it will not pass
    credentials, ///< once there are other credentials
};

/// What all calls of a client may spend on retries together: when most calls fail, they fail at once instead of
/// making matters worse (AWS SDKs and Tools reference guide, "Retry behavior": retry quota).
///
/// *Thread safety:* may be used from many threads at once.
class retry_quota {
public:
    static constexpr int capacity = 500;
    static constexpr int cost(retry_reason reason) noexcept { return reason == retry_reason::throttling ? 5 : 14; }

    /// Whether there is as much; then it is spent.
    bool spend(int tokens) noexcept {
        int left = left_.load(std::memory_order_relaxed);
        while (left >= tokens)
            if (left_.compare_exchange_weak(left, left - tokens, std::memory_order_relaxed)) return true;
        return false;
    }

    /// A call has succeeded: gives back what its last retry has cost, or 1 if there was none.
    void give_back(int tokens) noexcept {
        int left = left_.load(std::memory_order_relaxed);
        while (left < capacity &&
               !left_.compare_exchange_weak(left, std::min(left + tokens, capacity), std::memory_order_relaxed)) {}
    }

    int left() const noexcept { return left_.load(std::memory_order_relaxed); }

private:
    std::atomic<int> left_{capacity};
};

/// The longest pause before retry number `retry`, counted from 0: the base doubles each time up to the limit.
constexpr std::chrono::milliseconds longest_pause(const retry_options& options, retry_reason reason,
                                                  unsigned retry) noexcept {
    auto delay = reason == retry_reason::throttling ? options.throttling_delay : options.base_delay;
    for (; retry != 0 && delay.count() != 0 && delay < options.max_delay; --retry) delay *= 2;
    return std::min(delay, options.max_delay);
}

/// The pause when the service asks for one of its own, in the header x-amz-retry-after: milliseconds, of which 5 s more
/// than our own are granted. What is not a number of 0 or more says nothing.
inline std::chrono::milliseconds longer_pause(std::chrono::milliseconds own, std::string_view retry_after) noexcept {
    long long asked = 0;
    const auto [end, ec] = std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), asked);
    if (ec != std::errc{} || end != retry_after.data() + retry_after.size() || asked < 0) return own;
    const auto most = own + std::chrono::seconds(5);
    return asked >= most.count() ? most : std::max(own, std::chrono::milliseconds(asked));
}

/// A random part of the longest pause. The limit is applied before the random factor, so that clients stay spread out.
inline std::chrono::milliseconds full_jitter(const retry_options& options, retry_reason reason, unsigned retry) {
    const double factor = options.random ? options.random() : detail::uniform_random();
    return std::chrono::duration_cast<std::chrono::milliseconds>(longest_pause(options, reason, retry) * factor);
}

/// Decides for one call whether another attempt is made, and after which pause.
class retry_schedule {
public:
    using time_point = std::chrono::steady_clock::time_point;

    retry_schedule(const retry_options& options, retry_quota& quota) noexcept : options_(&options), quota_(&quota) {}

    /// The number of the attempt that runs, counted from 1.
    unsigned attempt() const noexcept { return attempt_; }

    /// The pause before the next attempt; nothing when the call has to end with what it has: the error will not
    /// pass, attempts or quota are used up, or the pause would reach the deadline.
    std::optional<std::chrono::milliseconds> next(retry_reason reason, time_point now, time_point deadline,
                                                  std::string_view retry_after = {}) {
        if (reason == retry_reason::never || attempt_ >= options_->attempts()) return std::nullopt;
        const auto pause = longer_pause(full_jitter(*options_, reason, attempt_ - 1), retry_after);
        if (now + pause >= deadline) return std::nullopt;
        const int cost = retry_quota::cost(reason);
        if (!quota_->spend(cost)) return std::nullopt;
        last_cost_ = cost;
        ++attempt_;
        return pause;
    }

    /// The attempt has succeeded.
    void succeed() noexcept { quota_->give_back(last_cost_); }

private:
    const retry_options* options_;
    retry_quota* quota_;
    unsigned attempt_ = 1;
    int last_cost_ = 1;
};

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/service_fault.hpp>
#ifndef DYNASESSION_AWS_SERVICE_FAULT_HPP
#define DYNASESSION_AWS_SERVICE_FAULT_HPP

// #include <dynasession/aws/retry.hpp>
// #include <dynasession/aws/server_text.hpp>
#ifndef DYNASESSION_AWS_SERVER_TEXT_HPP
#define DYNASESSION_AWS_SERVER_TEXT_HPP

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace dynasession::inline v0::aws {

/// A message of the service without what it repeats of the request: values of attributes, and the canonical request,
/// in which the security token stands. What else it says stays: names of tables, attributes and roles.
///
/// Where it repeats was seen in the answers of DynamoDB Local and dynalite, which word them as the service does.
inline std::string without_values(std::string_view message) {
    constexpr std::string_view value = "Value ", place = " at '", gap = "...";
    // Everything behind these may be repeated text.
    constexpr std::array<std::string_view, 8> before_values{
        "numeric value: ", "Input collection [", "operand: ",      "name found; type: ",
        "Canonical String", "String-to-Sign",    "Authorization=", "Authorization header: "};

    std::string out(message);
    // "Value '...' at 'tableName' failed to satisfy constraint: ..."
    const auto from = out.find(value), to = out.rfind(place);
    if (from != out.npos && to != out.npos && from + value.size() <= to)
        out.replace(from + value.size(), to - from - value.size(), gap);

    for (const auto marker : before_values)
        if (const auto at = out.find(marker); at != out.npos) out.replace(at + marker.size(), out.npos, gap);
    return out;
}

/// A text of the service, fit for a line of a log: no control characters, not too long, cut between characters.
inline std::string printable(std::string_view text) {
    constexpr std::size_t longest = 512;
    if (text.size() > longest) {
        text = text.substr(0, longest + 1);
        while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.remove_suffix(1);
        text.remove_suffix(1);
    }
    std::string out(text);
    std::ranges::replace_if(
        out, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
    return out;
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/core/error.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// Why a service did not do what it was asked, and whether it may at the next attempt.
struct service_fault {
    failure why{};
    retry_reason retry = retry_reason::never;
};

namespace service_fault_detail {

struct meaning {
    std::string_view name{};
    error code{};
    retry_reason retry = retry_reason::never;
};

// STS API reference, "Common errors" and those of AssumeRole and AssumeRoleWithWebIdentity; SSO portal API reference,
// GetRoleCredentials; the lists of the SDKs' standard retry mode.
inline constexpr meaning meanings[] = {
    {"Throttling", error::throttled, retry_reason::throttling},
    {"ThrottlingException", error::throttled, retry_reason::throttling},
    {"RequestLimitExceeded", error::throttled, retry_reason::throttling},
    {"TooManyRequestsException", error::throttled, retry_reason::throttling},
    {"RequestTimeout", error::timeout, retry_reason::transient},
    {"RequestTimeoutException", error::timeout, retry_reason::transient},
    {"InternalFailure", error::service_unavailable, retry_reason::transient},
    {"ServiceUnavailable", error::service_unavailable, retry_reason::transient},
    {"IDPCommunicationError", error::service_unavailable, retry_reason::transient},
    {"ExpiredToken", error::credentials_expired},
    {"ExpiredTokenException", error::credentials_expired},
    {"InvalidClientTokenId", error::credentials_expired},
    {"UnrecognizedClientException", error::credentials_expired},
    {"UnauthorizedException", error::credentials_expired},
    {"AccessDenied", error::access_denied},
    {"AccessDeniedException", error::access_denied},
    {"ForbiddenException", error::access_denied},
    {"InvalidIdentityToken", error::access_denied},
    {"InvalidIdentityTokenException", error::access_denied},
    {"IDPRejectedClaim", error::access_denied},
    {"RegionDisabledException", error::access_denied},
    {"SignatureDoesNotMatch", error::access_denied, retry_reason::signature},
    {"InvalidSignatureException", error::access_denied, retry_reason::signature},
    {"AuthFailure", error::access_denied, retry_reason::signature},
    {"RequestExpired", error::clock_skew, retry_reason::clock_skew},
    {"RequestTimeTooSkewed", error::clock_skew, retry_reason::clock_skew},
    {"RequestInTheFuture", error::clock_skew, retry_reason::clock_skew},
};

// What a status means by itself; an answer that is not in the service's words comes from somebody else.
inline meaning by_status(unsigned status, bool named) noexcept {
    switch (status) {
    case 429: return {"", error::throttled, retry_reason::throttling};
    case 408: return {"", error::timeout, retry_reason::transient};
    case 401:
    case 403: return {"", error::access_denied};
    case 500:
    case 502:
    case 503:
    case 504: return {"", error::service_unavailable, retry_reason::transient};
    default: return {"", named ? error::invalid_request : error::malformed_response};
    }
}

} // namespace service_fault_detail

/// The name of an error in what an answer says, such as `com.amazonaws.sso#ForbiddenException:http://...`.
inline std::string_view error_name(std::string_view text) noexcept {
    text = text.substr(0, text.find(':'));
    return text.substr(text.find('#') + 1); // npos + 1 is 0
}

/// What an answer with another status than 200 means, by the name of its error and its message, which may be empty.
inline service_fault service_fault_of(unsigned status, std::string_view name, std::string_view message) {
    using namespace service_fault_detail;
    const auto* known = std::ranges::find(meanings, name, &meaning::name);
    const auto meant = known == std::end(meanings) ? by_status(status, !name.empty()) : *known;
    auto text = name.empty() ? "HTTP status " + std::to_string(status) : std::string(name);
    if (!message.empty()) text += ": " + without_values(message);
    return {{meant.code, printable(text)}, meant.retry};
}

/// What it means that there was no answer.
inline service_fault service_fault_of(failure why) {
    // A certificate, a proxy's refusal, a limit of our own and a cancellation are the same the next time.
    const bool final = why == boost::asio::error::operation_aborted || why == error::tls_failure ||
                       why == error::proxy_refused || why == error::response_too_large || why == error::invalid_request;
    return {std::move(why), final ? retry_reason::never : retry_reason::transient};
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/http/date.hpp>
#ifndef DYNASESSION_HTTP_DATE_HPP
#define DYNASESSION_HTTP_DATE_HPP

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

namespace dynasession::inline v0::http {

/// The time in a Date header, `Fri, 20 Nov 2026 10:00:00 GMT` (IMF-fixdate, RFC 9110, 5.6.7); nothing for any other
/// text, the obsolete forms included: no server of AWS sends them. The name of the day is not looked at.
inline std::optional<std::chrono::sys_seconds> parse_date(std::string_view text) noexcept {
    constexpr std::string_view shape = "ddd, 00 mmm 0000 00:00:00 GMT";
    if (text.size() != shape.size()) return std::nullopt;
    for (std::size_t i = 0; i != shape.size(); ++i) {
        const bool digit = text[i] >= '0' && text[i] <= '9';
        const bool letter = shape[i] == 'd' || shape[i] == 'm';
        if (shape[i] == '0' ? !digit : !letter && text[i] != shape[i]) return std::nullopt;
    }
    const auto number = [&](std::size_t at, std::size_t digits) {
        unsigned n = 0;
        for (const char c : text.substr(at, digits)) n = n * 10 + static_cast<unsigned>(c - '0');
        return n;
    };
    constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    unsigned month = 0;
    while (month != months.size() && months[month] != text.substr(8, 3)) ++month;
    const auto date = std::chrono::year(static_cast<int>(number(12, 4))) / std::chrono::month(month + 1) /
                      std::chrono::day(number(5, 2));
    const std::chrono::hours hours(number(17, 2));
    const std::chrono::minutes minutes(number(20, 2));
    const std::chrono::seconds seconds(number(23, 2));
    if (!date.ok() || hours.count() > 23 || minutes.count() > 59 || seconds.count() > 60) return std::nullopt;
    return std::chrono::sys_days(date) + hours + minutes + seconds;
}

} // namespace dynasession::inline v0::http

#endif
// #include <dynasession/http/message.hpp>
// #include <dynasession/op/action.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace dynasession::inline v0::aws {

/// How calls for credentials are repeated: as the SDKs repeat those of all services but DynamoDB.
inline constexpr retry_options service_call_retries{.max_attempts = 3, .base_delay = std::chrono::milliseconds(50)};

/// A call to a service that gives out credentials, repeated after errors that pass by themselves, and after one that
/// comes from this machine's clock with the service's time.
///
/// `Call` has
/// - `name()`: what is asked of whom on whose behalf; each failure begins with it,
/// - `render(now)`: the request, a `result<server_call>`,
/// - `read(response)`: what an answer with status 200 holds, a `result<credentials>`,
/// - `fault(response)`: what another answer means, a `service_fault`.
template <class Call>
class service_call {
public:
    using effect_type = fetch_effect;
    using reply_type = fetch_reply;
    using value_type = credentials;
    using action = op::action<fetch_effect, credentials>;

    explicit service_call(Call call, retry_options options = service_call_retries)
        : call_(std::move(call)), options_(options) {}

    action resume(fetch_reply&& reply, op::instant now) {
        if (std::exchange(asked_, false)) return take(reply.answer, now);
        if (!reply.answer) return fail(std::move(reply.answer).error());
        auto rendered = call_.render({now.system + skew_, now.steady});
        if (!rendered) return fail(std::move(rendered).error());
        asked_ = true;
        return fetch_effect(*std::move(rendered));
    }

private:
    action take(result<http::response>& answer, op::instant now) {
        if (!answer) return repeat(service_fault_of(std::move(answer).error()));
        if (answer->status != 200) {
            auto f = call_.fault(*answer);
            if (f.retry == retry_reason::clock_skew || f.retry == retry_reason::signature)
                f.retry = learn_clock(*answer, now) ? retry_reason::transient : retry_reason::never;
            return repeat(std::move(f));
        }
        auto found = call_.read(*answer);
        detail::cleanse(answer->body);
        if (!found) return repeat({std::move(found).error(), retry_reason::transient});
        return found;
    }

    action repeat(service_fault f) {
        if (f.retry == retry_reason::never || attempt_ == options_.max_attempts) return fail(std::move(f.why));
        return op::pause{full_jitter(options_, f.retry, attempt_++ - 1)};
    }

    // Whether this machine's clock was so far off that a signature did not hold.
    bool learn_clock(const http::response& answer, op::instant now) noexcept {
        const auto date = http::parse_date(answer.header("date"));
        if (!date) return false;
        const auto before = std::exchange(skew_, *date - now.system);
        return std::chrono::abs(skew_ - before) > std::chrono::minutes(4);
    }

    action fail(failure why) const {
        why.detail = call_.name() + (why.detail.empty() ? std::string() : ": " + why.detail);
        return result<credentials>(std::move(why));
    }

    Call call_;
    retry_options options_;
    bool asked_ = false;
    unsigned attempt_ = 1;
    std::chrono::milliseconds skew_{}; // how far the service's clock is ahead
};

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/service_fault.hpp>
// #include <dynasession/aws/signing_cache.hpp>
#ifndef DYNASESSION_AWS_SIGNING_CACHE_HPP
#define DYNASESSION_AWS_SIGNING_CACHE_HPP

// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/detail/encoding.hpp>
// #include <dynasession/detail/iso8601.hpp>
#ifndef DYNASESSION_DETAIL_ISO8601_HPP
#define DYNASESSION_DETAIL_ISO8601_HPP

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>

namespace dynasession::inline v0::detail {

/// A time as `20150830T123600Z` (ISO 8601, basic format); its first eight characters are the date. Years 0 to 9999.
inline std::array<char, 16> iso8601_basic(std::chrono::sys_seconds time) noexcept {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);

    std::array<char, 16> out;
    auto* p = out.data();
    const auto two_digits = [&p](unsigned n) {
        *p++ = static_cast<char>('0' + n / 10);
        *p++ = static_cast<char>('0' + n % 10);
    };
    const auto year = static_cast<unsigned>(static_cast<int>(date.year())) % 10000;
    two_digits(year / 100);
    two_digits(year % 100);
    two_digits(static_cast<unsigned>(date.month()));
    two_digits(static_cast<unsigned>(date.day()));
    *p++ = 'T';
    two_digits(static_cast<unsigned>(clock.hours().count()));
    two_digits(static_cast<unsigned>(clock.minutes().count()));
    two_digits(static_cast<unsigned>(clock.seconds().count()));
    *p = 'Z';
    return out;
}

/// Reads `2026-11-20T10:00:00Z` and what RFC 3339 permits beside it: fractions of a second, which are dropped, and an
/// offset such as `+02:00` or `-0330` for the Z. Nothing for any other text.
inline std::optional<std::chrono::sys_seconds> parse_iso8601(std::string_view text) noexcept {
    bool good = true;
    const auto take = [&](std::size_t digits) {
        int n = 0;
        const auto part = text.substr(0, digits);
        const auto [end, ec] = std::from_chars(part.data(), part.data() + part.size(), n);
        good = good && ec == std::errc{} && part.size() == digits && end == part.data() + digits && part.front() != '-';
        text.remove_prefix(part.size());
        return n;
    };
    const auto skip = [&](std::string_view any_of) {
        good = good && !text.empty() && any_of.find(text.front()) != any_of.npos;
        if (!text.empty()) text.remove_prefix(1);
    };
    const std::chrono::year year(take(4));
    skip("-");
    const std::chrono::month month(static_cast<unsigned>(take(2)));
    skip("-");
    const auto date = year / month / std::chrono::day(static_cast<unsigned>(take(2)));
    skip("Tt ");
    const std::chrono::hours hours(take(2));
    skip(":");
    const std::chrono::minutes minutes(take(2));
    skip(":");
    const std::chrono::seconds seconds(take(2));
    if (!good || !date.ok() || hours.count() > 23 || minutes.count() > 59 || seconds.count() > 60) return std::nullopt;

    if (text.starts_with('.')) {
        const auto end = std::min(text.find_first_not_of("0123456789", 1), text.size());
        if (end == 1) return std::nullopt;
        text.remove_prefix(end);
    }
    std::chrono::minutes offset{};
    if (text != "Z" && text != "z") {
        const int sign = text.starts_with('-') ? -1 : 1;
        skip("+-");
        const auto hours_off = take(2);
        if (text.starts_with(':')) text.remove_prefix(1);
        offset = sign * std::chrono::minutes(hours_off * 60 + take(2));
        if (!good || !text.empty()) return std::nullopt;
    }
    return std::chrono::sys_days(date) + hours + minutes + seconds - offset;
}

} // namespace dynasession::inline v0::detail

#endif

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
// #include <dynasession/aws/sigv4.hpp>
#ifndef DYNASESSION_AWS_SIGV4_HPP
#define DYNASESSION_AWS_SIGV4_HPP

// #include <dynasession/aws/canonical_request.hpp>
// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/aws/signing_cache.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/detail/encoding.hpp>

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
// #include <dynasession/aws/xml_document.hpp>
#ifndef DYNASESSION_AWS_XML_DOCUMENT_HPP
#define DYNASESSION_AWS_XML_DOCUMENT_HPP

// #include <dynasession/detail/encoding.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dynasession::inline v0::aws {

/// A small XML document of elements and texts, as the query protocol of AWS answers.
///
/// It is read strictly: every element is closed by its name and text stands in the innermost ones only. The five
/// predefined entities and references to characters of ASCII are all that is resolved. Attributes and comments are left out; a
/// document type, CDATA and processing instructions are refused.
///
/// *Lifetimes:* refers to the text that was parsed.
class xml_document {
public:
    static constexpr std::size_t max_size = 64 * 1024; ///< bytes
    static constexpr std::size_t max_depth = 16;       ///< elements around a text

    /// Nothing for a text that is no such document, or passes a limit.
    static std::optional<xml_document> parse(std::string_view text);

    /// The text of the one innermost element to which this path leads, such as `ErrorResponse/Error/Code`; nothing when
    /// there is none, or more than one, or the text holds an unknown entity.
    std::optional<std::string> find(std::string_view path) const {
        const auto found = std::ranges::find(leaves_, path, &leaf::path);
        if (found == leaves_.end() || std::ranges::count(leaves_, path, &leaf::path) != 1) return std::nullopt;
        return resolve(found->text);
    }

private:
    struct leaf {
        std::string path;
        std::string_view text;
    };
    class reader;

    static std::optional<std::string> resolve(std::string_view text);
    static bool append_reference(std::string& out, std::string_view name);
    static bool append_character(std::string& out, std::string_view number);

    std::vector<leaf> leaves_;
};

class xml_document::reader {
public:
    reader(std::string_view text, std::vector<leaf>& leaves) : rest_(text), leaves_(&leaves) {}

    bool read_document() {
        skip("\xEF\xBB\xBF");
        if (skip("<?xml ") && !skip_past("?>")) return false;
        return skip_around() && read_element(1) && skip_around() && rest_.empty();
    }

private:
    static constexpr std::string_view blanks = " \t\r\n";

    bool skip(std::string_view text) noexcept {
        const bool found = rest_.starts_with(text);
        if (found) rest_.remove_prefix(text.size());
        return found;
    }

    bool skip_past(std::string_view text) noexcept {
        const auto at = rest_.find(text);
        if (at != rest_.npos) rest_.remove_prefix(at + text.size());
        return at != rest_.npos;
    }

    bool skip_blanks() noexcept {
        const auto end = std::min(rest_.find_first_not_of(blanks), rest_.size());
        rest_.remove_prefix(end);
        return end != 0;
    }

    // Blanks and comments; false when a comment has no end.
    bool skip_around() noexcept {
        for (skip_blanks(); skip("<!--"); skip_blanks())
            if (!skip_past("-->")) return false;
        return true;
    }

    std::string_view take_name() noexcept {
        const auto is_part = [](char c) {
            return detail::is_unreserved(c) || c == ':' || static_cast<unsigned char>(c) >= 0x80;
        };
        const auto end = std::ranges::find_if_not(rest_, is_part);
        const auto name = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
        rest_.remove_prefix(name.size());
        return name;
    }

    bool skip_attributes() noexcept {
        while (skip_blanks() && !rest_.empty() && rest_.front() != '>' && rest_.front() != '/') {
            if (take_name().empty()) return false;
            skip_blanks();
            if (!skip("=")) return false;
            skip_blanks();
            const std::string_view quote = rest_.starts_with('\'') ? "'" : "\"";
            if (!skip(quote)) return false;
            const auto end = rest_.find_first_of(quote == "'" ? "'<" : "\"<");
            if (end == rest_.npos || rest_[end] == '<') return false;
            rest_.remove_prefix(end + 1);
        }
        return true;
    }

    bool read_element(std::size_t depth) {
        if (depth > max_depth || !skip("<")) return false;
        const auto name = take_name();
        if (name.empty() || !skip_attributes()) return false;
        const auto outer = path_.size();
        if (outer != 0) path_ += '/';
        path_ += name;
        const bool read =
            skip("/>") ? add_leaf({}) : skip(">") && read_content(depth) && skip("</") && skip(name) && skip_end();
        path_.resize(outer);
        return read;
    }

    bool skip_end() noexcept {
        skip_blanks();
        return skip(">");
    }

    // Up to the end tag: a text, or elements.
    bool read_content(std::size_t depth) {
        const auto text = rest_.substr(0, rest_.find('<'));
        rest_.remove_prefix(text.size());
        if (rest_.starts_with("</")) return add_leaf(text);
        if (text.find_first_not_of(blanks) != text.npos) return false;
        while (skip_around() && !rest_.starts_with("</"))
            if (!read_element(depth + 1)) return false;
        return true;
    }

    bool add_leaf(std::string_view text) {
        leaves_->push_back({path_, text});
        return true;
    }

    std::string_view rest_;
    std::string path_;
    std::vector<leaf>* leaves_;
};

inline std::optional<xml_document> xml_document::parse(std::string_view text) {
    xml_document document;
    if (text.size() > max_size || !reader(text, document.leaves_).read_document()) return std::nullopt;
    return document;
}

inline std::optional<std::string> xml_document::resolve(std::string_view text) {
    std::string out;
    out.reserve(text.size()); // a secret is to leave no copies behind
    while (!text.empty()) {
        const auto plain = text.substr(0, text.find('&'));
        out.append(plain);
        text.remove_prefix(plain.size());
        if (text.empty()) break;
        const auto end = text.find(';');
        if (end == text.npos || !append_reference(out, text.substr(1, end - 1))) return std::nullopt;
        text.remove_prefix(end + 1);
    }
    return out;
}

inline bool xml_document::append_reference(std::string& out, std::string_view name) {
    constexpr std::array<std::pair<std::string_view, char>, 5> entities{
        {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"apos", '\''}, {"quot", '"'}}};
    if (name.starts_with('#')) return append_character(out, name.substr(1));
    for (const auto& [entity, stands_for] : entities)
        if (name == entity) return out.push_back(stands_for), true;
    return false;
}

// Of ASCII: what XML writers escape is there.
inline bool xml_document::append_character(std::string& out, std::string_view number) {
    const int base = number.starts_with('x') ? 16 : 10;
    if (base == 16) number.remove_prefix(1);
    unsigned char code = 0;
    const auto [end, failed] = std::from_chars(number.data(), number.data() + number.size(), code, base);
    if (failed != std::errc{} || end != number.data() + number.size() || code == 0 || code >= 0x80) return false;
    out.push_back(static_cast<char>(code));
    return true;
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/detail/encoding.hpp>
// #include <dynasession/detail/iso8601.hpp>
// #include <dynasession/detail/random_token.hpp>
#ifndef DYNASESSION_DETAIL_RANDOM_TOKEN_HPP
#define DYNASESSION_DETAIL_RANDOM_TOKEN_HPP

// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/detail/encoding.hpp>

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
// #include <dynasession/http/endpoint.hpp>
// #include <dynasession/http/message.hpp>
// #include <dynasession/op/action.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::aws {

/// Where STS is, and the region that its signatures name.
struct sts_endpoint {
    http::endpoint address{};
    std::string region{};
};

/// A role to be assumed.
struct role {
    std::string arn{};
    std::string session_name{}; ///< what the logs of AWS show; empty: one is made up
    std::string external_id{};  ///< what the role's owner may demand; empty: none
    std::optional<std::chrono::seconds> duration{}; ///< of the credentials; else the service's 1 h
    std::string source{};       ///< where it was configured, for messages
};

namespace sts_detail {

// One request of the query protocol: a form whose answer is XML (STS API reference, version 2011-06-15).
class request {
public:
    request(sts_endpoint where, std::string_view action, const role& r, std::optional<credentials> key = {})
        : where_(std::move(where)), action_(action), source_(r.source), key_(std::move(key)) {
        form_.append("Action=").append(action).append("&Version=2011-06-15");
        add("RoleArn", r.arn);
        add("RoleSessionName", r.session_name.empty() ? "dynasession-" + detail::random_token() : r.session_name);
        if (r.duration) add("DurationSeconds", std::to_string(r.duration->count()));
        if (!r.external_id.empty()) add("ExternalId", r.external_id);
    }
    request(const request&) = default;
    request(request&&) = default;
    request& operator=(const request&) = delete;
    ~request() { detail::cleanse(form_); } // may hold a token

    void add(std::string_view name, std::string_view value) {
        form_.append(1, '&').append(name).append(1, '=');
        detail::append_uri_encoded(form_, value);
    }

    std::string name() const {
        return (source_.empty() ? source_ : source_ + ": ") + action_ + " at " + where_.address.host;
    }

    result<server_call> render(op::instant now) const {
        const timestamp at(now.system);
        const auto host = where_.address.authority();
        std::vector<header> headers{{"content-type", "application/x-www-form-urlencoded; charset=utf-8"},
                                    {"host", host}}; // sorted, as the signature wants them
        std::string authorization;
        if (key_) {
            headers.push_back({"x-amz-date", at.text()});
            if (!key_->session_token().empty()) headers.push_back({"x-amz-security-token", key_->session_token()});
            signer(where_.region, "sts").sign({.headers = headers, .body = form_}, *key_, at, authorization);
            headers.push_back({"authorization", authorization});
        }
        std::vector<http::field> fields{{"accept-encoding", "identity"}, {"user-agent", "dynasession"}};
        for (const auto& h : headers)
            if (h.name != "host") fields.push_back({h.name, h.value});
        auto message = http::make_request("POST", "/", host, fields, form_);
        if (!message) return std::move(message).error();
        return server_call{where_.address, *std::move(message), std::chrono::seconds(5), true};
    }

    result<credentials> read(const http::response& answer) const {
        const failure foreign(error::malformed_response, "the answer is not what STS sends: check AWS_ENDPOINT_URL_STS "
                                                         "and AWS_ENDPOINT_URL, and what stands between");
        const auto document = xml_document::parse(answer.body);
        if (!document) return foreign;
        const auto text = [&, path = action_ + "Response/" + action_ + "Result/Credentials/"](std::string_view name) {
            return document->find(path + std::string(name)).value_or("");
        };
        auto id = text("AccessKeyId"), secret = text("SecretAccessKey"), token = text("SessionToken");
        const auto expires = detail::parse_iso8601(text("Expiration"));
        if (id.empty() || secret.empty() || token.empty() || !expires) return foreign;
        return credentials(std::move(id), std::move(secret), std::move(token), *expires);
    }

    service_fault fault(const http::response& answer) const {
        const auto document = xml_document::parse(answer.body);
        const auto text = [&](std::string_view path) {
            return document ? document->find(path).value_or("") : std::string();
        };
        return service_fault_of(answer.status, text("ErrorResponse/Error/Code"), text("ErrorResponse/Error/Message"));
    }

private:
    sts_endpoint where_;
    std::string action_;
    std::string source_;
    std::optional<credentials> key_;
    std::string form_;
};

} // namespace sts_detail

/// A call to STS. The same call may be copied and made again.
using sts_call = service_call<sts_detail::request>;

/// The credentials of a role, for one whose own these are.
///
/// *Errors:* `error::access_denied` when the role may not be assumed, `error::credentials_expired` when STS does not
/// know the own ones, and those of the transport.
inline sts_call assume_role(sts_endpoint where, const role& r, credentials own) {
    return sts_call({std::move(where), "AssumeRole", r, std::move(own)});
}

/// The credentials of a role, for one whom an identity provider has given this token.
///
/// *Errors:* `error::access_denied` when the role may not be assumed, `error::credentials_expired` for an old token,
/// and those of the transport.
inline sts_call assume_role_with_web_identity(sts_endpoint where, const role& r, std::string_view token) {
    sts_detail::request call(std::move(where), "AssumeRoleWithWebIdentity", r);
    call.add("WebIdentityToken", token);
    return sts_call(std::move(call));
}

static_assert(fetch_operation<sts_call>);

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/core/error.hpp>
// #include <dynasession/op/action.hpp>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace dynasession::inline v0::aws {

/// Fetches the credentials of `Source`, and assumes roles one after the other, each with what came before.
template <fetch_operation Source>
class fetch_role_credentials {
public:
    using effect_type = fetch_effect;
    using reply_type = fetch_reply;
    using value_type = credentials;
    using action = op::action<fetch_effect, credentials>;

    explicit fetch_role_credentials(Source source, sts_endpoint where = {}, std::vector<role> roles = {})
        : source_(std::move(source)), where_(std::move(where)), roles_(std::move(roles)) {}

    action resume(fetch_reply&& reply, op::instant now) {
        auto inner = call_ ? call_->resume(std::move(reply), now) : source_.resume(std::move(reply), now);
        return op::carry_on<action>(std::move(inner), [&](result<credentials>&& got) -> action {
            if (!got || assumed_ == roles_.size()) return std::move(got);
            call_.emplace(assume_role(where_, roles_[assumed_++], *std::move(got)));
            return resume({}, now);
        });
    }

private:
    Source source_;
    sts_endpoint where_;
    std::vector<role> roles_;
    std::size_t assumed_ = 0;
    std::optional<sts_call> call_; // for the last of those
};

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/container_credentials.hpp>
#ifndef DYNASESSION_AWS_CONTAINER_CREDENTIALS_HPP
#define DYNASESSION_AWS_CONTAINER_CREDENTIALS_HPP

// #include <dynasession/aws/container_settings.hpp>
#ifndef DYNASESSION_AWS_CONTAINER_SETTINGS_HPP
#define DYNASESSION_AWS_CONTAINER_SETTINGS_HPP

// #include <dynasession/aws/environment.hpp>
#ifndef DYNASESSION_AWS_ENVIRONMENT_HPP
#define DYNASESSION_AWS_ENVIRONMENT_HPP

#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace dynasession::inline v0::aws {

/// Looks up a variable by its name: `process_environment`, or what a test makes up.
using environment = std::function<std::optional<std::string>(std::string_view)>;

/// A variable of this process.
///
/// *Thread safety:* as getenv: no other thread may change the environment meanwhile.
inline std::optional<std::string> process_environment(std::string_view name) {
    if (const char* value = std::getenv(std::string(name).c_str())) return value;
    return std::nullopt;
}

/// The value of a variable without space around it; empty when it is not set or blank, as the AWS SDKs read it.
inline std::string variable(const environment& env, std::string_view name) {
    constexpr std::string_view space = " \t\r\n";
    const auto value = env(name).value_or("");
    const auto begin = value.find_first_not_of(space);
    if (begin == value.npos) return {};
    return value.substr(begin, value.find_last_not_of(space) + 1 - begin);
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/metadata_requests.hpp>
#ifndef DYNASESSION_AWS_METADATA_REQUESTS_HPP
#define DYNASESSION_AWS_METADATA_REQUESTS_HPP

// #include <dynasession/aws/fetch.hpp>
// #include <dynasession/aws/retry.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/http/endpoint.hpp>
// #include <dynasession/http/message.hpp>
// #include <dynasession/op/action.hpp>

#include <boost/asio/error.hpp>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// How a metadata server is asked.
struct metadata_patience {
    std::chrono::milliseconds timeout{}; ///< for one attempt
    unsigned attempts = 3;               ///< for one request, the first included
};

/// The requests to a metadata server of an operation that fetches a `T`, one after the other, each tried again while
/// that may help: after failures of the network, answers of the kinds 429 and 5xx, and what the operation finds
/// damaged.
template <class T>
class metadata_requests {
public:
    using action_type = op::action<fetch_effect, T>;

    /// `source` names the server in messages.
    metadata_requests(http::endpoint server, std::string source, metadata_patience patience)
        : server_(std::move(server)), source_(std::move(source)), patience_(patience) {}

    const metadata_patience& patience() const noexcept { return patience_; }

    /// Begins a request; `name` stands for it in messages.
    action_type send(std::string_view method, std::string_view target, std::span<const http::field> fields,
                     std::string name) {
        name_ = std::move(name);
        attempt_ = 1;
        auto made = http::make_request(method, target, server_.authority(), fields);
        if (!made) return end(made.error().code, made.error().detail);
        message_ = *std::move(made);
        return attempt();
    }

    /// What follows from a reply, unless it is an answer that the operation has to judge.
    std::optional<action_type> follow(const fetch_reply& reply) {
        if (!reply.answer) {
            const auto& why = reply.answer.error();
            if (why == boost::asio::error::operation_aborted) return end(why.code, why.detail);
            if (std::exchange(pausing_, false)) return end(why.code, why.detail);
            return again(why.code, why.detail);
        }
        if (std::exchange(pausing_, false)) return attempt();
        const auto status = reply.answer->status;
        if (status == 429 || status >= 500) return again(error::service_unavailable, status_text(status));
        return std::nullopt;
    }

    /// Another attempt, after a pause, if there is one left; else the end.
    action_type again(error_code code, std::string_view why) {
        if (attempt_ >= patience_.attempts) return end(code, why);
        pausing_ = true;
        return op::pause{full_jitter({.base_delay = first_pause}, retry_reason::transient, attempt_++ - 1)};
    }

    /// The end of the operation: why it has nothing.
    action_type end(error_code code, std::string_view why) const {
        auto text = source_ + ": " + name_ + ": ";
        return result<T>(failure(code, text.append(why)));
    }

    static std::string status_text(unsigned status) { return "status " + std::to_string(status); }

private:
    static constexpr std::chrono::milliseconds first_pause{100};

    action_type attempt() const {
        return fetch_effect(server_call{.server = server_, .message = message_, .timeout = patience_.timeout});
    }

    http::endpoint server_;
    std::string source_;
    metadata_patience patience_;
    std::string name_;
    http::request message_;
    unsigned attempt_ = 1;
    bool pausing_ = false;
};

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/core/error.hpp>
// #include <dynasession/http/endpoint.hpp>

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// Where a container gets its credentials from.
struct container_settings {
    http::endpoint server{};
    std::string target{}; ///< path and query; who knows them may have the credentials
    std::string source{}; ///< the variable that says so, for messages
    std::string token{};  ///< what goes into the Authorization field, unless there is a file; empty: none
    std::string token_file{};
    metadata_patience patience{std::chrono::seconds(2)};
};

namespace container_settings_detail {

inline constexpr std::string_view relative_uri = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
inline constexpr std::string_view full_uri = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
inline constexpr std::string_view token_value = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
inline constexpr std::string_view token_file = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

inline failure refuse(std::string_view name, std::string_view why, error code = error::invalid_option) {
    return {code, std::string(name).append(": ").append(why)};
}

inline bool is_plain(std::string_view text) noexcept {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

// Whether credentials may come from there without TLS: this machine, and what AWS puts beside a container. Names are
// not looked up: what a name leads to now says nothing of a moment later.
inline bool is_trusted_without_tls(const http::endpoint& server) {
    if (server.is_loopback()) return true;
    error_code ec;
    const auto address = boost::asio::ip::make_address(server.host, ec);
    constexpr std::string_view trusted[] = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23"}; // ECS, EKS, EKS
    return !ec && std::ranges::any_of(trusted,
                                      [&](std::string_view t) { return address == boost::asio::ip::make_address(t); });
}

inline result<container_settings> from_relative(std::string target) {
    if (!target.starts_with('/') || target.find('#') != target.npos || !is_plain(target))
        return refuse(relative_uri, "not a path: expected a text such as /v2/credentials/ID");
    return container_settings{.server = {.tls = false, .host = "169.254.170.2", .port = 80},
                              .target = std::move(target),
                              .source = std::string(relative_uri)};
}

inline result<container_settings> from_full(std::string_view uri) {
    const auto refuse_uri = [](std::string_view why) { return refuse(full_uri, why, error::invalid_endpoint); };
    const auto host = uri.find("://");
    if (host == uri.npos) return refuse_uri("not a URL: expected http://host/path or https://host/path");
    const auto end = std::min(uri.find_first_of("/?#", host + 3), uri.size());
    auto server = http::endpoint::parse(uri.substr(0, end));
    if (!server) return refuse_uri(server.error().detail);
    if (!server->tls && !is_trusted_without_tls(*server))
        return refuse_uri("plain http to a host that is neither this machine nor 169.254.170.2, 169.254.170.23 or "
                          "[fd00:ec2::23]: use https");

    const auto target = uri.substr(end);
    if (target.find('#') != target.npos || !is_plain(target))
        return refuse_uri("the path holds white space, a # or signs outside of ASCII: escape them");
    return container_settings{.server = *std::move(server),
                              .target = (target.starts_with('/') ? "" : "/") + std::string(target),
                              .source = std::string(full_uri)};
}

} // namespace container_settings_detail

/// What the variables say of the credentials of a container (ECS, EKS Pod Identity); nothing when they say nothing.
/// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI goes before AWS_CONTAINER_CREDENTIALS_FULL_URI, and
/// AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE before AWS_CONTAINER_AUTHORIZATION_TOKEN.
///
/// *Errors:* `error::invalid_endpoint` for a full URI that is none, or leads to another machine without TLS;
/// `error::invalid_option` for a relative one that is none, and for a token without a URI. The detail names the
/// variable.
inline result<std::optional<container_settings>>
resolve_container_settings(const environment& env = process_environment) {
    using namespace container_settings_detail;
    const auto is_set = [&](std::string_view name) { return !variable(env, name).empty(); };
    if (!is_set(relative_uri) && !is_set(full_uri)) {
        for (const auto name : {token_file, token_value})
            if (is_set(name))
                return refuse(name, "set, but neither " + std::string(full_uri) + " nor " + std::string(relative_uri) +
                                        " is: set one of them, or unset this");
        return std::optional<container_settings>();
    }
    auto found = is_set(relative_uri) ? from_relative(variable(env, relative_uri)) : from_full(variable(env, full_uri));
    if (!found) return std::move(found).error();
    found->token_file = variable(env, token_file);
    if (is_set(token_value)) found->token = *env(token_value); // as it is: a line break at its end is to be seen
    return std::optional<container_settings>(*std::move(found));
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/aws/credentials_json.hpp>
#ifndef DYNASESSION_AWS_CREDENTIALS_JSON_HPP
#define DYNASESSION_AWS_CREDENTIALS_JSON_HPP

// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/detail/iso8601.hpp>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// How a source of credentials writes them as JSON.
struct credentials_form {
    std::string_view token;    ///< what it calls the session token
    bool is_temporary = false; ///< token and expiry have to be there
    bool has_version = false;  ///< "Version" has to be there, and 1
};

/// Instance metadata and container endpoints.
inline constexpr credentials_form metadata_form{.token = "Token", .is_temporary = true};

/// Programs (`credential_process`).
inline constexpr credentials_form process_form{.token = "SessionToken", .has_version = true};

namespace credentials_json_detail {

// Text of others in a message: short, and on one line.
inline std::string readable(std::string_view text) {
    constexpr auto is_strange = [](char c) { return c < ' ' || c > '~'; };
    std::string out(text.substr(0, 200));
    std::ranges::replace_if(out, is_strange, '?');
    return out;
}

inline failure refuse(std::string_view field, std::string_view why) {
    return {error::malformed_response, std::string("the field \"").append(field).append("\" ").append(why)};
}

// The text of a field; empty when there is none, or null.
inline result<std::string> text(const boost::json::object& fields, std::string_view name) {
    const auto* found = fields.if_contains(name);
    if (!found || found->is_null()) return std::string();
    if (!found->is_string()) return refuse(name, "is no text");
    return std::string(found->get_string());
}

// A part of a key: it goes into header fields.
inline result<std::string> key_text(const boost::json::object& fields, std::string_view name, bool is_needed) {
    auto found = text(fields, name);
    if (!found) return found;
    if (is_needed && found->empty()) return refuse(name, "is missing or empty");
    if (std::ranges::any_of(*found, [](char c) { return c <= ' ' || c > '~'; }))
        return refuse(name, "holds white space or signs outside of ASCII");
    return found;
}

// What the source says in place of credentials. Code and Message in instance metadata, in small letters elsewhere.
inline std::optional<failure> refusal(const boost::json::object& fields) {
    const auto either = [&](std::string_view name, std::string_view other) {
        auto found = text(fields, fields.contains(name) ? name : other);
        return found ? *std::move(found) : std::string();
    };
    const auto code = either("Code", "code");
    if (code.empty() || code == "Success") return std::nullopt;
    auto said = readable(code);
    if (const auto message = either("Message", "message"); !message.empty()) said += ": " + readable(message);
    if (code == "AssumeRoleUnauthorizedAccess") said += "; let the role trust the service ec2.amazonaws.com";
    return failure(error::missing_credentials, "no credentials, but " + said);
}

inline result<credentials> read(const boost::json::object& fields, const credentials_form& form) {
    if (form.has_version) {
        const auto* version = fields.if_contains("Version");
        const auto* number = version ? version->if_int64() : nullptr;
        if (!number || *number != 1) return refuse("Version", "is not 1, the only one that is known");
    }
    if (auto refused = refusal(fields)) return *std::move(refused);
    auto id = key_text(fields, "AccessKeyId", true);
    if (!id) return std::move(id).error();
    auto secret = key_text(fields, "SecretAccessKey", true);
    if (!secret) return std::move(secret).error();
    auto token = key_text(fields, form.token, form.is_temporary);
    if (!token) return std::move(token).error();

    const auto expiration = text(fields, "Expiration");
    if (!expiration) return expiration.error();
    if (expiration->empty() && form.is_temporary) return refuse("Expiration", "is missing or empty");
    const auto expires = detail::parse_iso8601(*expiration);
    if (!expires && !expiration->empty()) return refuse("Expiration", "is no time such as 2026-11-20T10:00:00Z");
    return credentials(*std::move(id), *std::move(secret), *std::move(token), expires);
}

} // namespace credentials_json_detail

/// The largest text that is read, in bytes.
inline constexpr std::size_t max_credentials_json = 64 * 1024;

/// Reads what a source of credentials has written, and overwrites it. Credentials that have expired are fine.
///
/// *Errors:* `error::malformed_response`, with the field at fault; `error::missing_credentials`, with the reason that
/// the source gives in place of credentials. The detail holds nothing else of the text; it does not name the source.
inline result<credentials> read_credentials_json(std::string text, const credentials_form& form) {
    if (text.size() > max_credentials_json) return failure(error::malformed_response, "longer than 64 KiB");
    error_code ec;
    const auto json = boost::json::parse(text, ec);
    detail::cleanse(text);
    if (ec || !json.is_object()) return failure(error::malformed_response, "not a JSON object");
    return credentials_json_detail::read(json.get_object(), form);
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/fetch.hpp>
// #include <dynasession/aws/fetch_now.hpp>
#ifndef DYNASESSION_AWS_FETCH_NOW_HPP
#define DYNASESSION_AWS_FETCH_NOW_HPP

// #include <dynasession/aws/connection.hpp>
#ifndef DYNASESSION_AWS_CONNECTION_HPP
#define DYNASESSION_AWS_CONNECTION_HPP

// #include <dynasession/aws/client_settings.hpp>
#ifndef DYNASESSION_AWS_CLIENT_SETTINGS_HPP
#define DYNASESSION_AWS_CLIENT_SETTINGS_HPP

// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/setting.hpp>
#ifndef DYNASESSION_AWS_SETTING_HPP
#define DYNASESSION_AWS_SETTING_HPP

// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/shared_config.hpp>
#ifndef DYNASESSION_AWS_SHARED_CONFIG_HPP
#define DYNASESSION_AWS_SHARED_CONFIG_HPP

// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/profile_file.hpp>
#ifndef DYNASESSION_AWS_PROFILE_FILE_HPP
#define DYNASESSION_AWS_PROFILE_FILE_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/crypto.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::aws {

/// One `name = value` of a profile file.
struct profile_property {
    std::string name{};                     ///< in lower case
    std::string value{};                    ///< with the lines that continue it, each after a line feed
    std::string source{};                   ///< FILE:LINE, for messages
    std::vector<profile_property> nested{}; ///< the lines below, when the first line has no value

    /// The nested property of this name, the last one; null when there is none.
    const profile_property* find(std::string_view nested_name) const noexcept {
        const auto last =
            std::find_if(nested.rbegin(), nested.rend(), [&](const auto& n) { return n.name == nested_name; });
        return last == nested.rend() ? nullptr : &*last;
    }
};

/// Which of the two files: each has its own way to name a section.
enum class profile_file_kind {
    config,      ///< ~/.aws/config: `[profile NAME]`, `[default]`, `[sso-session NAME]`, `[services NAME]`
    credentials, ///< ~/.aws/credentials: `[NAME]`
};

/// What ~/.aws/config or ~/.aws/credentials says: sections of properties, as the AWS SDKs read them.
///
/// - Sections of one name are one, and the last of several properties of one name counts. `[profile default]` stands
///   in place of `[default]`. Names may have letters, digits and `_-/.%@:+`; property names know no case.
/// - Indented lines continue the property above. Below one without a value each is a `name = value` of its own.
/// - A line whose first sign is `#` or `;` is a comment. So is the rest of a line from a blank and one of the two on,
///   but not in a line that continues a value.
/// - Other sections, and names with other characters, are not read; see `ignored`.
///
/// Values may be secrets: their memory is overwritten at the end.
class profile_file {
public:
    using section = std::map<std::string, profile_property, std::less<>>;
    using sections = std::map<std::string, section, std::less<>>;

    static constexpr std::size_t max_size = 1 << 20; ///< bytes

    /// Reads a file's text; `name` stands for the file in messages.
    ///
    /// *Errors:* `error::invalid_option`, with file, line and what to do.
    static result<std::shared_ptr<const profile_file>> parse(std::string_view text, profile_file_kind kind,
                                                             std::string name);

    profile_file() = default;
    profile_file(const profile_file&) = delete;
    profile_file& operator=(const profile_file&) = delete;
    ~profile_file() {
        for (auto* all : {&profiles_, &sso_sessions_, &services_})
            for (auto& entry : *all) wipe(entry.second);
        wipe(unread_);
    }

    const std::string& name() const noexcept { return name_; }
    const sections& profiles() const noexcept { return profiles_; }
    const sections& sso_sessions() const noexcept { return sso_sessions_; }
    const sections& services() const noexcept { return services_; }

    /// A property of a profile; null when there is none.
    const profile_property* find(std::string_view profile, std::string_view property) const {
        return find(profiles_, profile, property);
    }

    static const profile_property* find(const sections& all, std::string_view section_name, std::string_view property) {
        const auto s = all.find(section_name);
        if (s == all.end()) return nullptr;
        const auto p = s->second.find(property);
        return p == s->second.end() ? nullptr : &p->second;
    }

    /// Where a section stands that has this name but is no profile of this file, as FILE:LINE; empty when none does.
    std::string ignored(std::string_view section_name) const {
        const auto found = ignored_.find(section_name);
        return found == ignored_.end() ? std::string() : found->second;
    }

private:
    class parser;

    static void wipe(section& s) noexcept {
        for (auto& entry : s) wipe(entry.second);
    }
    static void wipe(profile_property& p) noexcept {
        detail::cleanse(p.value);
        for (auto& n : p.nested) detail::cleanse(n.value);
    }

    std::string name_;
    sections profiles_, sso_sessions_, services_;
    section unread_; // of ignored sections, and of names that are none
    std::map<std::string, std::string, std::less<>> ignored_;
};

class profile_file::parser {
public:
    parser(profile_file& file, profile_file_kind kind) : file_(file), kind_(kind) {}

    result<void> parse(std::string_view text) {
        if (text.size() > max_size) return failure(error::invalid_option, file_.name_ + ": larger than 1 MiB: name another file");
        if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
        while (!text.empty()) {
            const auto line = text.substr(0, text.find('\n'));
            text.remove_prefix(std::min(line.size() + 1, text.size()));
            ++line_;
            if (auto taken = take(line.substr(0, line.size() - line.ends_with('\r'))); !taken) return taken;
        }
        file_.profiles_.merge(bare_default_); // moves nothing when there is a [profile default]
        return {};
    }

    ~parser() {
        for (auto& entry : bare_default_) wipe(entry.second);
    }

private:
    static constexpr std::string_view blanks = " \t", comment_signs = "#;";

    static std::string_view trim(std::string_view text) noexcept {
        text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
        return text.substr(0, text.find_last_not_of(blanks) + 1);
    }

    static bool is_name(std::string_view text) noexcept {
        return !text.empty() && text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                                       "0123456789_-/.%@:+") == text.npos;
    }

    // In a property, a comment stands behind a blank; `#` and `;` elsewhere belong to the value.
    static std::string_view without_comment(std::string_view line) noexcept {
        for (std::size_t at = 1; at < line.size(); ++at)
            if (is_one_of(comment_signs, line[at]) && is_one_of(blanks, line[at - 1])) return trim(line.substr(0, at));
        return line;
    }

    static bool is_one_of(std::string_view set, char c) noexcept { return set.find(c) != set.npos; }

    std::string source() const { return file_.name_ + ':' + std::to_string(line_); }

    failure refuse(std::string_view why) const { return {error::invalid_option, source().append(": ").append(why)}; }

    result<void> take(std::string_view line) {
        if (line.find('\0') != line.npos) return refuse("the line has a NUL byte: save the file as UTF-8 text");
        const auto content = trim(line);
        if (content.empty() || is_one_of(comment_signs, content.front())) return {};
        if (line.front() == '[') return begin_section(content);
        if (!section_) return refuse("Expected a profile definition, such as [default], above the first property");
        return content.data() == line.data() ? take_property(content) : continue_property(content);
    }

    result<void> begin_section(std::string_view line) {
        line = trim(line.substr(0, line.find_first_of(comment_signs)));
        if (!line.ends_with(']')) return refuse("Profile definition must end with ']'");
        line = trim(line.substr(1, line.size() - 2));
        const auto gap = std::min(line.find_first_of(blanks), line.size());
        property_ = nullptr;
        section_ =
            gap == line.size() ? &section_of({}, line) : &section_of(line.substr(0, gap), trim(line.substr(gap)));
        return {};
    }

    section& section_of(std::string_view prefix, std::string_view name) {
        std::string key(name);
        if (is_name(name)) {
            const bool in_config = kind_ == profile_file_kind::config;
            if (prefix.empty() && !in_config) return file_.profiles_[key];
            if (prefix.empty() && name == "default") return bare_default_[key];
            if (prefix == "profile" && in_config) return file_.profiles_[key];
            if (prefix == "sso-session" && in_config) return file_.sso_sessions_[key];
            if (prefix == "services" && in_config) return file_.services_[key];
        }
        file_.ignored_.emplace(std::move(key), source());
        return file_.unread_;
    }

    result<void> take_property(std::string_view line) {
        auto p = split(line, false);
        if (!p) return std::move(p).error();
        auto& target = is_name(p->name) ? *section_ : file_.unread_;
        auto& place = target[p->name];
        wipe(place);
        place = *std::move(p);
        property_ = &place;
        return {};
    }

    result<void> continue_property(std::string_view line) {
        if (!property_)
            return refuse("Expected a property definition, found continuation: remove the blanks before it");
        const bool has_nested = property_->value.empty() || property_->value.front() == '\n';
        if (has_nested) {
            auto p = split(line, true);
            if (!p) return std::move(p).error();
            property_->nested.push_back(*std::move(p));
        }
        property_->value.append(1, '\n').append(line);
        return {};
    }

    result<profile_property> split(std::string_view line, bool is_nested) const {
        line = without_comment(line);
        const auto equals = line.find('=');
        if (equals == line.npos)
            return refuse("Expected an '=' sign defining a " + std::string(is_nested ? "sub-" : "") +
                          "property: NAME = VALUE");
        std::string name(trim(line.substr(0, equals)));
        if (name.empty())
            return refuse((is_nested ? "Sub-property" : "Property") +
                          std::string(" did not have a name: NAME = VALUE"));
        std::ranges::transform(name, name.begin(),
                               [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        return profile_property{std::move(name), std::string(trim(line.substr(equals + 1))), source()};
    }

    profile_file& file_;
    profile_file_kind kind_;
    std::size_t line_ = 0;
    sections bare_default_; // [default] of the config file
    section* section_ = nullptr;
    profile_property* property_ = nullptr;
};

inline result<std::shared_ptr<const profile_file>> profile_file::parse(std::string_view text, profile_file_kind kind,
                                                                       std::string name) {
    auto file = std::make_shared<profile_file>();
    file->name_ = std::move(name);
    if (auto parsed = parser(*file, kind).parse(text); !parsed) return std::move(parsed).error();
    return file;
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/crypto.hpp>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace dynasession::inline v0::aws {

/// The two profile files as they were at one moment, and the profile in use. Copies share what was read.
///
/// *Thread safety:* never changes.
class shared_config {
public:
    /// Nothing is configured.
    shared_config() = default;

    /// Reads the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name, else ~/.aws/config and
    /// ~/.aws/credentials, which may be absent, or in a directory that this process may not enter. The profile in use
    /// is the given one, else AWS_PROFILE, else AWS_DEFAULT_PROFILE, else `default`.
    ///
    /// *Errors:* `error::invalid_option`, with file and line, or variable, and what to do: a file that cannot be read
    /// or is no profile file, a named file or profile that is not there.
    static result<shared_config> load(std::string_view profile = {}, const environment& env = process_environment);

    /// The same of files that have been read. Neither may be null.
    static result<shared_config> of(std::shared_ptr<const profile_file> config,
                                    std::shared_ptr<const profile_file> credentials, std::string_view profile = {},
                                    const environment& env = process_environment);

    /// The name of the profile in use.
    const std::string& profile() const noexcept { return profile_; }

    /// Whether the program named the profile: then its credentials go before those of the environment.
    bool is_profile_given() const noexcept { return is_profile_given_; }

    bool has_profile(std::string_view name) const {
        return config_->profiles().contains(name) || credentials_->profiles().contains(name);
    }

    /// A property of a profile: what the credentials file says, else the config file; null when neither has it.
    const profile_property* find(std::string_view profile_name, std::string_view property) const {
        const auto* first = credentials_->find(profile_name, property);
        return first ? first : config_->find(profile_name, property);
    }

    /// A property of the profile in use.
    const profile_property* find(std::string_view property) const { return find(profile_, property); }

    /// A property of the section `[sso-session NAME]`; null when there is none.
    const profile_property* find_sso_session(std::string_view name, std::string_view property) const {
        return profile_file::find(config_->sso_sessions(), name, property);
    }

    /// What the `[services NAME]` section that the profile in use names says of a service: the property `property`
    /// nested in `service`; null when it says nothing.
    ///
    /// *Errors:* `error::invalid_option` when there is no such section, or it has a value in place of nested lines.
    result<const profile_property*> find_in_services(std::string_view service, std::string_view property) const;

    /// Each file alone: credentials of one profile come from one file.
    const profile_file& config_file() const noexcept { return *config_; }
    const profile_file& credentials_file() const noexcept { return *credentials_; }

private:
    using file = std::shared_ptr<const profile_file>;

    static result<file> read(const environment& env, std::string_view variable_name, std::string path,
                             profile_file_kind kind);
    result<void> use_profile(std::string_view given, const environment& env);
    failure no_profile(std::string_view source) const;

    file config_ = std::make_shared<const profile_file>();
    file credentials_ = config_;
    std::string profile_ = "default";
    bool is_profile_given_ = false;
};

inline result<shared_config> shared_config::load(std::string_view profile, const environment& env) {
    auto config = read(env, "AWS_CONFIG_FILE", "~/.aws/config", profile_file_kind::config);
    if (!config) return std::move(config).error();
    auto credentials = read(env, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", profile_file_kind::credentials);
    if (!credentials) return std::move(credentials).error();
    return of(*std::move(config), *std::move(credentials), profile, env);
}

inline result<shared_config> shared_config::of(file config, file credentials, std::string_view profile,
                                               const environment& env) {
    shared_config made;
    made.config_ = std::move(config);
    made.credentials_ = std::move(credentials);
    if (auto used = made.use_profile(profile, env); !used) return std::move(used).error();
    return made;
}

inline result<shared_config::file> shared_config::read(const environment& env, std::string_view variable_name,
                                                       std::string path, profile_file_kind kind) {
    const auto named = variable(env, variable_name);
    const auto refuse = [&](const std::string& why) {
        return failure(error::invalid_option, named.empty() ? why : std::string(variable_name) + ": " + why);
    };
    if (!named.empty()) path = named;
    if (path == "~" || path.starts_with("~/")) {
        const auto home = variable(env, "HOME");
        if (home.empty() && named.empty()) return profile_file::parse({}, kind, std::move(path));
        if (home.empty()) return refuse(path + " needs HOME, which is not set: give the whole path");
        path.replace(0, 1, home);
    }

    std::error_code ec;
    const auto status = std::filesystem::status(path, ec);
    const bool is_absent = status.type() == std::filesystem::file_type::not_found;
    if (is_absent && !named.empty()) return refuse(path + " does not exist: correct or unset the variable");
    // HOME is another user's in many containers and services: what is in there was not meant for this process.
    const bool is_foreign = ec == std::errc::permission_denied && named.empty();
    if (is_absent || is_foreign) return profile_file::parse({}, kind, std::move(path));
    const auto unreadable = [&](const std::string& why) {
        return refuse(path + " cannot be read (" + why + "): correct that, or name another file in " +
                      std::string(variable_name));
    };
    if (ec) return unreadable(ec.message());
    if (std::filesystem::is_directory(status)) return unreadable("a directory");
    std::ifstream in(path, std::ios::binary);
    if (!in) return unreadable(std::generic_category().message(errno));

    std::string text(profile_file::max_size + 1, '\0'); // one more than may be: a longer file is told from the longest
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (in.bad()) return unreadable("input error");
    text.resize(static_cast<std::size_t>(in.gcount()));
    auto parsed = profile_file::parse(text, kind, std::move(path));
    detail::cleanse(text);
    return parsed;
}

inline result<void> shared_config::use_profile(std::string_view given, const environment& env) {
    struct {
        std::string name, source;
    } const candidates[] = {{std::string(given), "option profile"},
                            {variable(env, "AWS_PROFILE"), "AWS_PROFILE"},
                            {variable(env, "AWS_DEFAULT_PROFILE"), "AWS_DEFAULT_PROFILE"}};
    is_profile_given_ = !given.empty();
    for (const auto& c : candidates) {
        if (c.name.empty()) continue;
        profile_ = c.name;
        if (!has_profile(profile_)) return no_profile(c.source);
        break;
    }
    return {};
}

inline failure shared_config::no_profile(std::string_view source) const {
    std::string text(source);
    text += ": there is no profile " + profile_ + " in " + config_->name() + " nor in " + credentials_->name() +
            ": name another one, or add it";
    const auto hint = [&](const std::string& at, std::string_view form) {
        if (!at.empty())
            text.append("; ")
                .append(at)
                .append(": this section is not read, profiles are written ")
                .append(form)
                .append(" with a name of letters, digits and _-/.%@:+");
    };
    hint(config_->ignored(profile_), "[profile NAME]");
    hint(credentials_->ignored(profile_), "[NAME]");
    return {error::invalid_option, std::move(text)};
}

inline result<const profile_property*> shared_config::find_in_services(std::string_view service,
                                                                       std::string_view property) const {
    const profile_property* none = nullptr;
    const auto* name = find("services");
    if (!name || name->value.empty()) return none;
    if (!config_->services().contains(name->value))
        return failure(error::invalid_option, name->source + ": services: there is no section [services " +
                                                  name->value + "] in " + config_->name() + ": add it");
    const auto* said = profile_file::find(config_->services(), name->value, service);
    if (!said) return none;
    if (said->nested.empty() && !said->value.empty())
        return failure(error::invalid_option, said->source + ": " + said->name + ": write " + std::string(property) +
                                                  " = ... in an indented line below, without a value here");
    return said->find(property);
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/core/error.hpp>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// A text of the configuration and where it was found; empty when it is nowhere.
struct setting {
    std::string value{};
    std::string source{}; ///< the option, the variable, or the file, line and property

    /// What is wrong with the value, and what to do: the message begins with the source.
    failure refuse(std::string_view why, error code = error::invalid_option) const {
        return {code, std::string(source).append(": ").append(why)};
    }
};

/// What a property of a profile says.
inline setting setting_of(const profile_property* p) {
    return p ? setting{p->value, p->source + ": " + p->name} : setting{};
}

/// The first of the variables that is not blank.
inline setting find_variable(std::initializer_list<std::string_view> variables, const environment& env) {
    for (const auto name : variables)
        if (auto value = variable(env, name); !value.empty()) return {std::move(value), std::string(name)};
    return {};
}

/// The first of the variables that is not blank, else the property of the profile in use.
inline setting find_setting(std::initializer_list<std::string_view> variables, std::string_view property,
                            const environment& env, const shared_config& config) {
    auto found = find_variable(variables, env);
    return found.value.empty() ? setting_of(config.find(property)) : found;
}

/// Whether two texts of ASCII differ at most in case.
inline bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
    constexpr auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

/// What turns a switch on: the name of the option, the variable or the property; empty when it is off.
///
/// *Errors:* `error::invalid_option` when variable or property is neither `true` nor `false`.
inline result<std::string> switched_on_by(std::optional<bool> given, std::string_view option,
                                          std::string_view variable_name, std::string_view property,
                                          const environment& env, const shared_config& config) {
    if (given) return *given ? "option " + std::string(option) : std::string();
    auto found = find_setting({variable_name}, property, env, config);
    if (found.value.empty() || equals_ignoring_case(found.value, "false")) return std::string();
    if (!equals_ignoring_case(found.value, "true")) return found.refuse("neither true nor false");
    return std::move(found.source);
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/shared_config.hpp>
// #include <dynasession/core/error.hpp>

#include <charconv>
#include <optional>
#include <system_error>

namespace dynasession::inline v0::aws {

/// How many attempts a call has, the first included: AWS_MAX_ATTEMPTS, else `max_attempts` of the profile in use;
/// nothing when neither is set.
///
/// *Errors:* `error::invalid_option` when it is not a number from 1 on.
inline result<std::optional<unsigned>> configured_max_attempts(const environment& env, const shared_config& config) {
    const auto found = find_setting({"AWS_MAX_ATTEMPTS"}, "max_attempts", env, config);
    if (found.value.empty()) return std::optional<unsigned>();
    unsigned number = 0;
    const auto* end = found.value.data() + found.value.size();
    const auto [last, error] = std::from_chars(found.value.data(), end, number);
    if (error != std::errc{} || last != end || number == 0) return found.refuse("not a number from 1 on");
    return std::optional(number);
}

/// Looks at AWS_RETRY_MODE, else at `retry_mode` of the profile in use. Calls are repeated as `standard` says, which
/// the other modes of the SDKs, `legacy` and `adaptive`, are content with.
///
/// *Errors:* `error::invalid_option` for what is none of the three.
inline result<void> check_retry_mode(const environment& env, const shared_config& config) {
    const auto found = find_setting({"AWS_RETRY_MODE"}, "retry_mode", env, config);
    if (found.value.empty()) return {};
    for (const auto* mode : {"standard", "legacy", "adaptive"})
        if (equals_ignoring_case(found.value, mode)) return {};
    return found.refuse("none of standard, legacy and adaptive");
}

/// The file of trusted authorities: AWS_CA_BUNDLE, else `ca_bundle` of the profile in use; empty when neither is set.
inline setting configured_ca_bundle(const environment& env, const shared_config& config) {
    return find_setting({"AWS_CA_BUNDLE"}, "ca_bundle", env, config);
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/proxy.hpp>
#ifndef DYNASESSION_AWS_PROXY_HPP
#define DYNASESSION_AWS_PROXY_HPP

// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/setting.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/http_syntax.hpp>
// #include <dynasession/http/endpoint.hpp>
// #include <dynasession/http/proxy.hpp>
#ifndef DYNASESSION_HTTP_PROXY_HPP
#define DYNASESSION_HTTP_PROXY_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/encoding.hpp>
// #include <dynasession/detail/http_syntax.hpp>
// #include <dynasession/http/endpoint.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::http {

/// A proxy that connections lead through, by CONNECT (RFC 9110, 9.3.6).
///
/// That holds for plain http, too: requests are the same with and without a proxy, which need not understand them,
/// and what proves that we may use the proxy is shown to the proxy alone, once a connection.
struct proxy {
    endpoint address;
    std::string credentials{}; ///< `user:password` (RFC 7617); empty = none

    /// Reads `[http://][user:password@]host[:port]`, user and password percent-encoded; port 80 when there is none.
    ///
    /// *Errors:* `error::invalid_option`, with what is wrong and without the URL.
    static result<proxy> parse(std::string_view url);

    /// The request that asks for a way to this endpoint.
    std::string connect_request(const endpoint& target) const {
        const auto place = target.host_and_port();
        auto text = "CONNECT " + place + " HTTP/1.1\r\nHost: " + place + "\r\n";
        if (!credentials.empty()) {
            text.append("Proxy-Authorization: Basic ");
            detail::append_base64(text, credentials);
            text.append("\r\n");
        }
        return text.append("\r\n");
    }
};

namespace proxy_detail {

// `user[:password]`, percent-encoded, as RFC 7617 wants it before its base64; nothing if it cannot be said so.
inline result<std::string> read_user(std::string_view text) {
    const auto colon = std::min(text.find(':'), text.size());
    std::string found;
    detail::append_uri_decoded(found, text.substr(0, colon));
    if (found.find(':') != found.npos)
        return failure(error::invalid_option, "the user of the proxy's URL holds a colon, which no proxy can be told");
    found.push_back(':');
    detail::append_uri_decoded(found, text.substr(std::min(colon + 1, text.size())));
    if (std::ranges::any_of(found, [](unsigned char c) { return c < 0x20 || c == 0x7F; }))
        return failure(error::invalid_option, "the user or the password of the proxy's URL holds a control character");
    return found;
}

} // namespace proxy_detail

inline result<proxy> proxy::parse(std::string_view url) {
    if (const auto end = url.find("://"); end != url.npos) {
        if (!detail::equal_ignoring_case(url.substr(0, end), "http"))
            return failure(error::invalid_option, "the proxy's URL does not begin with http://: proxies that are "
                                                  "reached by TLS or SOCKS are not supported");
        url.remove_prefix(end + 3);
    }
    proxy p;
    if (const auto at = url.rfind('@'); at != url.npos) {
        auto user = proxy_detail::read_user(url.substr(0, at));
        if (!user) return std::move(user).error();
        p.credentials = *std::move(user);
        url.remove_prefix(at + 1);
    }
    auto address = endpoint::parse(std::string("http://").append(url));
    if (!address) return failure(error::invalid_option, "the proxy: " + address.error().detail);
    p.address = *std::move(address);
    return p;
}

} // namespace dynasession::inline v0::http

#endif

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

namespace proxy_detail {

namespace ip = boost::asio::ip;

template <class Network, class Address>
bool contains(const Network& network, const Address& address) {
    return Network(address, network.prefix_length()).network() == network.network();
}

// `text` in CIDR notation.
inline bool is_within(const ip::address& address, const std::string& text) {
    error_code ec;
    if (address.is_v4()) {
        const auto network = ip::make_network_v4(text, ec);
        return !ec && contains(network, address.to_v4());
    }
    const auto network = ip::make_network_v6(text, ec);
    return !ec && contains(network, address.to_v6());
}

inline bool is_within(std::string_view host, std::string_view domain) noexcept {
    if (domain.starts_with("*.")) domain.remove_prefix(1);
    if (domain.starts_with('.')) domain.remove_prefix(1);
    if (domain.empty() || !host.ends_with(domain)) return false;
    host.remove_suffix(domain.size());
    return host.empty() || host.ends_with('.');
}

// Takes `:port` and the brackets of an IPv6 address away from an entry; false = it names another port.
inline bool strip_port(std::string_view& entry, std::uint16_t port) noexcept {
    const auto colon = entry.rfind(':');
    const bool bracketed = entry.starts_with('[');
    if (colon != entry.npos && (bracketed ? entry[colon - 1] == ']' : entry.find(':') == colon)) {
        const auto digits = entry.substr(colon + 1);
        std::uint16_t named = 0;
        const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), named);
        if (failed != std::errc{} || end != digits.data() + digits.size() || named != port) return false;
        entry = entry.substr(0, colon);
    }
    if (bracketed && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
    return true;
}

inline bool exempts(std::string_view entry, const http::endpoint& target) {
    if (entry == "*") return true;
    error_code is_name;
    const auto address = ip::make_address(target.host, is_name);
    if (entry.find('/') != entry.npos) return !is_name && is_within(address, std::string(entry));
    if (!strip_port(entry, target.port)) return false;
    if (is_name) return is_within(target.host, entry);
    error_code other;
    return ip::make_address(std::string(entry), other) == address && !other;
}

// Whether a list with commas or spaces between its entries has one for this endpoint.
inline bool is_exempt(const http::endpoint& target, std::string list) {
    std::ranges::transform(list, list.begin(), detail::lower);
    for (std::string_view rest = list; !rest.empty();) {
        const auto end = std::min(rest.find_first_of(", \t"), rest.size());
        if (end != 0 && exempts(rest.substr(0, end), target)) return true;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return false;
}

// The variable that says which proxy to use.
inline setting configured(bool tls, const environment& env) {
    if (tls) return find_variable({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}, env);
    // Web servers hand a client's field `Proxy` to CGI programs as HTTP_PROXY (CVE-2016-5385, "httpoxy").
    if (!variable(env, "REQUEST_METHOD").empty()) return find_variable({"http_proxy", "all_proxy", "ALL_PROXY"}, env);
    return find_variable({"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}, env);
}

} // namespace proxy_detail

/// The URL of the proxy that the environment names for this endpoint; empty = none.
///
/// It is that of `https_proxy` or HTTPS_PROXY, for plain http `http_proxy` or HTTP_PROXY, else of `all_proxy` or
/// ALL_PROXY; the name in lower case comes first, as in curl. HTTP_PROXY is not looked at in CGI programs, where
/// REQUEST_METHOD is set, because clients determine it there.
///
/// None is used for this machine itself (`is_loopback`; as in Go), nor for what `no_proxy` or NO_PROXY lists, with
/// commas or spaces between:
/// - `example.com`, `.example.com` or `*.example.com`: the domain and all below it (curl; botocore's suffixes, too),
/// - an address, or a network as 10.0.0.0/8, for endpoints that are given as addresses: names are not looked up,
/// - either of them with `:port`; and `*` for everything.
///
/// *Errors:* `error::invalid_option` for a URL that cannot be used, with the name of its variable and without the URL.
inline result<std::string> environment_proxy(const http::endpoint& target,
                                             const environment& env = process_environment) {
    const auto exempt = find_variable({"no_proxy", "NO_PROXY"}, env);
    if (target.is_loopback() || proxy_detail::is_exempt(target, exempt.value)) return std::string();
    auto found = proxy_detail::configured(target.tls, env);
    if (found.value.empty()) return std::string();
    if (const auto usable = http::proxy::parse(found.value); !usable)
        return failure(usable.error().code, found.source + ": " + usable.error().detail);
    return std::move(found.value);
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/setting.hpp>
// #include <dynasession/aws/shared_config.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/http/client.hpp>
#ifndef DYNASESSION_HTTP_CLIENT_HPP
#define DYNASESSION_HTTP_CLIENT_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/core/options.hpp>
#ifndef DYNASESSION_CORE_OPTIONS_HPP
#define DYNASESSION_CORE_OPTIONS_HPP

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace dynasession::inline v0 {

/// How connections to a server are opened, kept and bounded.
struct connection_options {
    /// How long the name look-up, all attempts to connect and the answer of a proxy may take together.
    std::chrono::milliseconds connect_timeout{1000};

    /// How long the TLS handshake may take.
    std::chrono::milliseconds handshake_timeout{1000};

    /// How long a connection may lie idle and still be used again. DynamoDB closes after 60 s and more.
    std::chrono::milliseconds max_idle_time{20'000};

    /// How many idle connections are kept. Connections in use are not limited.
    std::size_t max_idle_connections = 32;

    /// The largest header block of an answer, in bytes.
    std::size_t max_header_size = 64 * 1024;

    /// The largest body of an answer, in bytes. A DynamoDB page has 1 MB, a batch 16 MB.
    std::size_t max_body_size = 17'000'000;

    /// The file of trusted authorities (PEM), in place of those of the system. Empty: those; a DynamoDB client looks at
    /// AWS_CA_BUNDLE before.
    std::string ca_file{};

    /// The proxy to go through, `[http://][user:password@]host[:port]`, which is asked for a way by CONNECT. Not set:
    /// none, or for a DynamoDB client what the environment says (HTTPS_PROXY, NO_PROXY, ...). Empty: none in any case.
    std::optional<std::string> proxy{};
};

/// How long sessions live. The PHP handler's `session_lifetime` and the Ruby gem's `max_stale` are `max_stale`
/// here; `max_age` is the gem's. Both are stored with each session and survive a change of the options.
struct session_options {
    /// How long a session lives from its creation on, however much it is used; 0: without end.
    std::chrono::seconds max_age{std::chrono::hours(12)};

    /// How long a session lives unused.
    std::chrono::seconds max_stale{std::chrono::minutes(30)};

    /// A session that is only read has its expiry put off when this part of `max_stale` has passed since
    /// the last time: 0.1 makes it a tenth of the writes of a store that touches at every request.
    double touch_fraction = 0.1;

    /// How long, after `regenerate`, the old id still leads to the session, to be read only: requests that are on their
    /// way already find it. At most a minute; 0: the old id leads nowhere at once.
    ///
    /// It is a weakness, too: who knows the old id, perhaps because he planted it, reads the session for so long. `destroy`
    /// by the old id ends the sign only. A store whose serializer binds what it writes to the id (`encrypted`) refuses it:
    /// by the old id nothing could be read.
    std::chrono::seconds regenerate_grace{0};

    /// Whether `destroy_all_of` and `destroy_others_of` leave a mark with the user, which every load of a session of his looks
    /// at: then none escapes them, whatever an index does not know yet. Loads of sessions that are nobody's cost nothing more.
    ///
    /// *Cost:* a load reads the mark with the session, in one request: 1 RCU more. Where this process does not know yet whose the
    /// session is, or locks it, that is a second request. To bind a session to a user is one read more.
    bool revocation_marks = false;
};

} // namespace dynasession::inline v0

#endif
// #include <dynasession/http/async_exchange.hpp>
#ifndef DYNASESSION_HTTP_ASYNC_EXCHANGE_HPP
#define DYNASESSION_HTTP_ASYNC_EXCHANGE_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/http/async_socket.hpp>
#ifndef DYNASESSION_HTTP_ASYNC_SOCKET_HPP
#define DYNASESSION_HTTP_ASYNC_SOCKET_HPP

// #include <dynasession/core/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <unistd.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

namespace dynasession::inline v0::http {

/// A TCP socket whose asynchronous operations are cancelled when a deadline passes.
///
/// One timer serves all operations, and runs on from one exchange to the next: it looks for a later deadline when it
/// expires, so that exchanges in a row set it once. It may expire on another thread than the operations run on, and an
/// operation may end on another thread before the call that started it has returned; hence the mutex.
class async_socket : public std::enable_shared_from_this<async_socket> {
    using tcp = boost::asio::ip::tcp;
    using clock = std::chrono::steady_clock;

public:
    explicit async_socket(const boost::asio::any_io_executor& executor) : socket_(executor), timer_(executor) {}

    bool is_open() const {
        const std::lock_guard lock(mutex_);
        return socket_.is_open();
    }

    int native_handle() {
        const std::lock_guard lock(mutex_);
        return socket_.native_handle();
    }

    /// Takes over a connected socket.
    void assign(const tcp& protocol, int fd) {
        const std::lock_guard lock(mutex_);
        error_code ec;
        socket_.assign(protocol, fd, ec);
        if (ec) ::close(fd); // the first operation will find no socket and say so
    }

    /// Gives up a connected socket on which nothing is waiting; -1 if that fails.
    int release() {
        const std::lock_guard lock(mutex_);
        error_code ec;
        const int fd = socket_.release(ec);
        return ec ? -1 : fd;
    }

    void close() noexcept {
        const std::lock_guard lock(mutex_);
        limited_ = false;
        stop_timer();
        error_code ignored;
        socket_.close(ignored);
    }

    /// From now on, operations are cancelled at this time. False = it has passed already.
    bool expire_at(clock::time_point deadline) {
        const std::lock_guard lock(mutex_);
        if (limited_ && deadline == deadline_) return !expired_;
        limited_ = true;
        expired_ = false;
        deadline_ = deadline;
        if (!ticking_ || deadline < timer_.expiry()) start_timer();
        return true;
    }

    /// No deadline any more: nothing is left waiting. The timer runs on until `rest`.
    void disarm() {
        const std::lock_guard lock(mutex_);
        limited_ = false;
    }

    /// Stops the timer, which keeps its context from running out of work, unless there is a deadline again.
    void rest() {
        const std::lock_guard lock(mutex_);
        if (!limited_) stop_timer();
    }

    /// Whether an operation was cancelled by the deadline and not by anybody else.
    bool expired() {
        const std::lock_guard lock(mutex_);
        return expired_;
    }

    template <class Handler>
    void connect(const tcp::endpoint& target, Handler&& handler) {
        const auto keep = shared_from_this(); // the handler may run, and let go of this object, before the lock is open
        const std::lock_guard lock(mutex_);
        error_code ignored; // async_connect opens the socket again, and reports it if it cannot
        socket_.close(ignored);
        socket_.open(target.protocol(), ignored);
        socket_.set_option(tcp::no_delay(true), ignored);
        socket_.async_connect(target, std::forward<Handler>(handler));
    }

    template <class Handler>
    void wait_writable(Handler&& handler) {
        const auto keep = shared_from_this();
        const std::lock_guard lock(mutex_);
        socket_.async_wait(tcp::socket::wait_write, std::forward<Handler>(handler));
    }

    template <class Handler>
    void receive(std::span<char> buffer, Handler&& handler) {
        const auto keep = shared_from_this();
        const std::lock_guard lock(mutex_);
        socket_.async_receive(boost::asio::buffer(buffer.data(), buffer.size()), std::forward<Handler>(handler));
    }

private:
    void start_timer() {
        ticking_ = true;
        timer_.expires_at(deadline_);
        timer_.async_wait([self = shared_from_this(), round = ++round_](error_code ec) {
            const std::lock_guard lock(self->mutex_);
            if (!ec && round == self->round_) self->on_timer();
        });
    }

    void stop_timer() {
        if (!ticking_) return;
        ticking_ = false;
        ++round_;
        timer_.cancel();
    }

    void on_timer() {
        ticking_ = false;
        if (!limited_) return;
        if (timer_.expiry() < deadline_) return start_timer();
        expired_ = true;
        error_code ignored;
        socket_.cancel(ignored);
    }

    mutable std::mutex mutex_;
    tcp::socket socket_;
    boost::asio::steady_timer timer_;
    clock::time_point deadline_{};
    unsigned round_ = 0;
    bool ticking_ = false; ///< the timer runs
    bool limited_ = false; ///< by `deadline_`
    bool expired_ = false; ///< and that has passed
};

} // namespace dynasession::inline v0::http

#endif
// #include <dynasession/http/blocking_socket.hpp>
#ifndef DYNASESSION_HTTP_BLOCKING_SOCKET_HPP
#define DYNASESSION_HTTP_BLOCKING_SOCKET_HPP

// #include <dynasession/core/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::http {

namespace posix {

inline error_code last_error() noexcept { return {errno, boost::system::system_category()}; }

/// Sends what the socket takes without waiting, and raises no SIGPIPE.
inline std::size_t send_now(int fd, std::string_view bytes, error_code& ec) noexcept {
    ssize_t n;
    do n = ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    ec = n < 0 ? last_error() : error_code{};
    return n < 0 ? 0 : static_cast<std::size_t>(n);
}

/// Whether an idle connection is as it was left: open, and with nothing to read.
inline bool is_quiet(int fd) noexcept {
    char byte;
    return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

inline bool would_block(const error_code& ec) noexcept {
    return ec == boost::system::errc::operation_would_block ||
           ec == boost::system::errc::resource_unavailable_try_again;
}

/// Looks up a name as `getaddrinfo` does, which may block longer than any deadline.
inline std::vector<boost::asio::ip::tcp::endpoint> resolve(const std::string& host, std::uint16_t port,
                                                           error_code& ec) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    const int rc = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
    std::vector<boost::asio::ip::tcp::endpoint> found;
    for (auto* a = list; rc == 0 && a; a = a->ai_next) {
        boost::asio::ip::tcp::endpoint target;
        if (a->ai_addrlen > target.capacity()) continue;
        std::memcpy(target.data(), a->ai_addr, a->ai_addrlen);
        target.resize(a->ai_addrlen);
        found.push_back(target);
    }
    if (rc == EAI_AGAIN)
        ec = boost::asio::error::host_not_found_try_again;
    else if (rc == EAI_SYSTEM)
        ec = last_error();
    else if (found.empty())
        ec = boost::asio::error::host_not_found;
    else
        ec = {};
    return found;
}

} // namespace posix

/// A TCP socket for blocking calls that end at a deadline.
///
/// It is no Asio socket, because that would be known to a reactor: each answer would wake a thread that has no use for
/// it.
class blocking_socket {
public:
    using clock = std::chrono::steady_clock;

    blocking_socket() = default;
    blocking_socket(blocking_socket&& other) noexcept : fd_(other.release()) {}
    blocking_socket& operator=(blocking_socket&& other) noexcept {
        if (this != &other) {
            close();
            fd_ = other.release();
        }
        return *this;
    }
    ~blocking_socket() { close(); }

    bool is_open() const noexcept { return fd_ >= 0; }
    int native_handle() const noexcept { return fd_; }
    int release() noexcept { return std::exchange(fd_, -1); }
    void close() noexcept {
        if (fd_ >= 0) ::close(release());
    }

    /// Takes over a connected socket.
    void assign(int fd) {
        close();
        fd_ = fd;
        make_blocking();
    }

    /// *Errors:* `error::timeout`, or what the network says.
    error_code connect(const boost::asio::ip::tcp::endpoint& target, clock::time_point deadline) {
        close();
        fd_ = ::socket(target.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
        if (fd_ < 0) return posix::last_error();
        const int on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (::connect(fd_, target.data(), static_cast<socklen_t>(target.size())) != 0) {
            if (errno != EINPROGRESS && errno != EINTR) return posix::last_error();
            if (const auto ec = wait(POLLOUT, deadline)) return ec;
            int reason = 0;
            socklen_t size = sizeof reason;
            if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &reason, &size) != 0) return posix::last_error();
            if (reason != 0) return {reason, boost::system::system_category()};
        }
        make_blocking();
        return {};
    }

    /// Sends some bytes; sets `now` anew if that took time.
    std::size_t send(std::string_view bytes, clock::time_point& now, clock::time_point deadline, error_code& ec) const {
        for (;;) {
            const auto n = posix::send_now(fd_, bytes, ec);
            if (!posix::would_block(ec)) return n;
            ec = wait(POLLOUT, deadline);
            now = clock::now();
            if (ec) return 0;
        }
    }

    /// Receives some bytes; 0 without an error = the peer has closed the connection.
    std::size_t receive(std::span<char> buffer, clock::time_point now, clock::time_point deadline,
                        error_code& ec) const {
        // A blocking recv whose time limit was set once is one system call, poll and recv are two.
        for (int flags = now + patience <= deadline ? 0 : MSG_DONTWAIT;; flags = MSG_DONTWAIT) {
            if (flags != 0 && (ec = wait(POLLIN, deadline))) return 0;
            const auto n = ::recv(fd_, buffer.data(), buffer.size(), flags);
            if (n >= 0) {
                ec = {};
                return static_cast<std::size_t>(n);
            }
            ec = posix::last_error();
            if (!posix::would_block(ec) && ec != boost::system::errc::interrupted) return 0;
        }
    }

private:
    static constexpr std::chrono::milliseconds patience{250};

    void make_blocking() const noexcept {
        ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) & ~O_NONBLOCK);
        timeval limit{};
        limit.tv_usec = std::chrono::microseconds(patience).count();
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    }

    error_code wait(short events, clock::time_point deadline) const {
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
            if (left <= 0) return error::timeout;
            pollfd p{fd_, events, 0};
            const int n = ::poll(&p, 1, static_cast<int>(std::min<decltype(left)>(left, 60'000)));
            if (n > 0) return {};
            if (n < 0 && errno != EINTR) return posix::last_error();
        }
    }

    int fd_ = -1;
};

} // namespace dynasession::inline v0::http

#endif
// #include <dynasession/http/message.hpp>
// #include <dynasession/http/name_lookup.hpp>
#ifndef DYNASESSION_HTTP_NAME_LOOKUP_HPP
#define DYNASESSION_HTTP_NAME_LOOKUP_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/http/endpoint.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace dynasession::inline v0::http {

/// An asynchronous look-up of a name that can be abandoned; Asio's own cannot while the system's resolver blocks.
///
/// The system's resolver keeps its context busy until it returns, but nobody waits for it.
class name_lookup : public std::enable_shared_from_this<name_lookup> {
    using tcp = boost::asio::ip::tcp;

public:
    explicit name_lookup(const boost::asio::any_io_executor& executor) : resolver_(executor), end_(executor) {}

    /// Calls the handler at the end of the look-up, at the deadline, or when the handler's slot is cancelled.
    template <class Handler>
    void start(const endpoint& target, std::chrono::steady_clock::time_point deadline, Handler&& handler) {
        const auto keep = shared_from_this(); // the handler may run, and let go of this object, before the lock is open
        const std::lock_guard lock(mutex_);
        resolver_.async_resolve(
            target.host, std::to_string(target.port),
            [keep](error_code ec, const tcp::resolver::results_type& found) { keep->answer(ec, found); });
        end_.expires_at(deadline);
        end_.async_wait(std::forward<Handler>(handler));
    }

    /// What was found; `error::timeout` if there is no answer yet, and then nobody waits for one any longer.
    error_code finish(std::vector<tcp::endpoint>& addresses) {
        const std::lock_guard lock(mutex_);
        if (answered_)
            addresses = std::move(found_);
        else
            resolver_.cancel();
        return answered_ ? error_ : error_code(error::timeout);
    }

private:
    void answer(error_code ec, const tcp::resolver::results_type& found) {
        const std::lock_guard lock(mutex_);
        answered_ = true;
        error_ = ec;
        for (const auto& entry : found) found_.push_back(entry.endpoint());
        end_.cancel();
    }

    std::mutex mutex_;
    tcp::resolver resolver_;
    boost::asio::steady_timer end_;
    std::vector<tcp::endpoint> found_;
    error_code error_;
    bool answered_ = false;
};

} // namespace dynasession::inline v0::http

#endif
// #include <dynasession/http/pool.hpp>
#ifndef DYNASESSION_HTTP_POOL_HPP
#define DYNASESSION_HTTP_POOL_HPP

// #include <dynasession/core/options.hpp>
// #include <dynasession/http/connection.hpp>
#ifndef DYNASESSION_HTTP_CONNECTION_HPP
#define DYNASESSION_HTTP_CONNECTION_HPP

// #include <dynasession/core/options.hpp>
// #include <dynasession/http/async_socket.hpp>
// #include <dynasession/http/blocking_socket.hpp>
// #include <dynasession/http/codec.hpp>
#ifndef DYNASESSION_HTTP_CODEC_HPP
#define DYNASESSION_HTTP_CODEC_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/core/options.hpp>
// #include <dynasession/http/message.hpp>
// #include <dynasession/http/response_parser.hpp>
#ifndef DYNASESSION_HTTP_RESPONSE_PARSER_HPP
#define DYNASESSION_HTTP_RESPONSE_PARSER_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/core/options.hpp>
// #include <dynasession/detail/http_syntax.hpp>
// #include <dynasession/http/message.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::http {

namespace parser_detail {

inline constexpr auto token_characters = [] {
    std::array<bool, 256> table{};
    for (std::size_t c = 0; c != table.size(); ++c) {
        const char text = static_cast<char>(c);
        table[c] = detail::is_token({&text, 1});
    }
    return table;
}();

constexpr bool is_control(unsigned char c) noexcept { return (c < 0x20 && c != '\t') || c == 0x7F; }

// Where the first control character stands that is no tab, or the size of the text.
inline std::size_t find_control(std::string_view text) noexcept {
    std::size_t i = 0;
    if constexpr (std::endian::native == std::endian::little) { // eight bytes at a time
        constexpr std::uint64_t each = 0x0101010101010101;
        for (std::uint64_t word; i + sizeof word <= text.size(); i += sizeof word) {
            std::memcpy(&word, text.data() + i, sizeof word);
            const auto del = word ^ each * 0x7F;
            // Marks the bytes below 0x20 and 0x7f, and perhaps some behind the first of them.
            const auto marks = (((word - each * 0x20) & ~word) | ((del - each) & ~del)) & each * 0x80;
            if (marks == 0) continue;
            i += static_cast<std::size_t>(std::countr_zero(marks)) / 8;
            if (text[i] != '\t') return i;
            i -= sizeof word - 1; // go on behind the tab
        }
    }
    while (i < text.size() && !is_control(static_cast<unsigned char>(text[i]))) ++i;
    return i;
}

constexpr std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

template <class Int>
bool read_number(std::string_view text, Int& out, int base = 10) noexcept {
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out, base);
    return failed == std::errc{} && end == text.data() + text.size();
}

} // namespace parser_detail

/// Turns bytes into one `response` (RFC 9112), line by line and into one text for all header fields.
///
/// It is strict where leniency has been used to smuggle messages: lines end with CRLF, fields are not folded, there is
/// at most one `Content-Length`, not beside a `Transfer-Encoding`, and no other coding than `chunked`. Trailers are
/// checked and dropped.
class response_parser {
public:
    /// `bodiless` = the answer to a HEAD request.
    explicit response_parser(const connection_options& limits, bool bodiless = false) noexcept
        : limits_(&limits), bodiless_(bodiless) {}

    /// Takes what it can of `bytes` and tells how many that were; the rest has to be given again, with more behind it.
    ///
    /// *Errors:* `error::malformed_response`, `error::response_too_large`.
    result<std::size_t> put(std::string_view bytes) {
        rest_ = bytes;
        while (part_ != part::done && advance()) {
        }
        if (problem_ != nullptr)
            return failure(too_large_ ? error::response_too_large : error::malformed_response, problem_);
        return bytes.size() - rest_.size();
    }

    /// The connection has ended, properly: whether that completes the answer.
    bool put_eof() noexcept {
        if (part_ == part::open_body) part_ = part::done;
        return is_done();
    }

    bool is_done() const noexcept { return part_ == part::done; }

    /// Whether the server lets another exchange follow.
    bool keep_alive() const noexcept { return !close_ && (is_1_1_ || keep_) && (chunked_ || length_ || !has_body()); }

    /// Whether the finished answer is an interim one (1xx) and another follows.
    bool is_interim() const noexcept { return response_.status / 100 == 1; }

    response release() noexcept { return std::move(response_); }

private:
    enum class part { status, fields, body, open_body, chunk_size, chunk, chunk_end, trailers, done };

    // Each step takes its part from `rest_`; false = it needs more, or there is a problem.
    bool advance() {
        switch (part_) {
        case part::status: return take_status();
        case part::fields: return take_fields();
        case part::body: return take_counted(part::done);
        case part::open_body: return take_open_body();
        case part::chunk_size: return take_chunk_size();
        case part::chunk: return take_counted(part::chunk_end);
        case part::chunk_end: return take_chunk_end();
        case part::trailers: return take_trailers();
        case part::done: break;
        }
        return false;
    }

    bool refuse(const char* why) noexcept {
        problem_ = why;
        return false;
    }
    bool refuse_size(const char* why) noexcept {
        too_large_ = true;
        return refuse(why);
    }
    bool proceed(part next) noexcept {
        part_ = next;
        return true;
    }

    // The next line without its end. The limit is that of all lines together.
    bool take_line(std::string_view& line) noexcept {
        const auto size = parser_detail::find_control(rest_);
        if (size > limits_->max_header_size - header_size_) return refuse_size("the limit of the header was passed");
        const auto left = rest_.size() - size;
        if ((left > 0 && rest_[size] != '\r') || (left > 1 && rest_[size + 1] != '\n'))
            return refuse("not HTTP: a line with control characters");
        if (left < 2) return false;
        line = {rest_.data(), size};
        rest_.remove_prefix(size + 2);
        header_size_ += size;
        return true;
    }

    bool take_status() {
        constexpr std::string_view protocol = "HTTP/1.";
        const auto shown = rest_.substr(0, protocol.size());
        if (!protocol.starts_with(shown)) return refuse("not HTTP/1: the answer begins with something else");
        std::string_view line;
        if (!take_line(line)) return false;
        auto& status = response_.status;
        const bool shaped = line.size() >= 12 && (line[7] == '0' || line[7] == '1') && line[8] == ' ' &&
                            parser_detail::read_number(line.substr(9, 3), status) &&
                            (line.size() == 12 || line[12] == ' ');
        // Nobody asked to switch the protocol; what follows would not be HTTP.
        if (!shaped || status < 100 || status == 101) return refuse("not HTTP: a bad status line");
        is_1_1_ = line[7] == '1';
        return proceed(part::fields);
    }

    bool take_fields() {
        // Lines that stand as they are kept are copied together.
        const char* usual = rest_.data();
        std::string_view line;
        while (take_line(line)) {
            if (line.empty()) {
                response_.add_header_lines({usual, line.data()});
                return begin_body();
            }
            const auto f = split(line);
            if (!f || !note(*f)) return f ? false : refuse("not HTTP: a bad header field");
            if (line.size() != f->name.size() + 2 + f->value.size() || line[f->name.size() + 1] != ' ') {
                response_.add_header_lines({usual, line.data()});
                response_.add_header(f->name, f->value);
                usual = rest_.data();
            }
        }
        if (problem_ == nullptr) response_.add_header_lines({usual, rest_.data()});
        return false;
    }

    static std::optional<field> split(std::string_view line) noexcept {
        std::size_t n = 0;
        while (n != line.size() && parser_detail::token_characters[static_cast<unsigned char>(line[n])]) ++n;
        if (n == 0 || n == line.size() || line[n] != ':') return std::nullopt;
        return field{line.substr(0, n), parser_detail::trim(line.substr(n + 1))};
    }

    // Keeps what a field says of the connection and of the body.
    bool note(const field& f) {
        const auto value = f.value;
        const auto is = [&](std::string_view name) {
            return f.name.size() == name.size() && detail::equal_ignoring_case(f.name, name);
        };
        if (is("content-length")) {
            std::uint64_t length = 0;
            if (length_ || !parser_detail::read_number(value, length)) return refuse("not HTTP: a bad Content-Length");
            length_ = length;
        } else if (is("transfer-encoding")) {
            if (chunked_ || !detail::equal_ignoring_case(value, "chunked"))
                return refuse("not HTTP: a transfer coding that was not asked for");
            chunked_ = true;
        } else if (is("connection")) {
            for (auto rest = value; !rest.empty();) {
                const auto end = std::min(rest.find(','), rest.size());
                const auto token = parser_detail::trim(rest.substr(0, end));
                close_ = close_ || detail::equal_ignoring_case(token, "close");
                keep_ = keep_ || detail::equal_ignoring_case(token, "keep-alive");
                rest.remove_prefix(std::min(end + 1, rest.size()));
            }
        }
        return true;
    }

    bool has_body() const noexcept {
        return !bodiless_ && !is_interim() && response_.status != 204 && response_.status != 304;
    }

    bool begin_body() {
        if (chunked_ && (length_ || !is_1_1_)) return refuse("not HTTP: the length of the body is contradictory");
        if (!has_body()) return proceed(part::done);
        if (chunked_) return proceed(part::chunk_size);
        if (!length_) return proceed(part::open_body);
        // A promise of many bytes alone shall not cost memory.
        response_.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*length_, 1 << 20)));
        return expect(*length_) && proceed(*length_ == 0 ? part::done : part::body);
    }

    bool expect(std::uint64_t length) noexcept {
        if (length > limits_->max_body_size - response_.body.size())
            return refuse_size("the limit of the body was passed");
        left_ = static_cast<std::size_t>(length);
        return true;
    }

    bool take_counted(part next) {
        const auto n = std::min(left_, rest_.size());
        response_.body.append(rest_.substr(0, n));
        rest_.remove_prefix(n);
        left_ -= n;
        return left_ == 0 && proceed(next);
    }

    bool take_open_body() {
        if (!expect(rest_.size())) return false;
        take_counted(part::open_body);
        return false; // only the end of the connection ends it
    }

    bool take_chunk_size() {
        std::string_view line;
        const auto before = header_size_;
        if (!take_line(line)) return false;
        const auto digits = std::min(line.find_first_not_of("0123456789abcdefABCDEF"), line.size());
        std::uint64_t size = 0;
        const auto extension = parser_detail::trim(line.substr(digits));
        if (!parser_detail::read_number(line.substr(0, digits), size, 16) ||
            (!extension.empty() && extension.front() != ';'))
            return refuse("not HTTP: a bad chunk");
        header_size_ = before + extension.size(); // sizes alone may come as often as they like
        return size == 0 ? proceed(part::trailers) : expect(size) && proceed(part::chunk);
    }

    bool take_chunk_end() noexcept {
        if (!std::string_view("\r\n").starts_with(rest_.substr(0, 2))) return refuse("not HTTP: a bad chunk");
        if (rest_.size() < 2) return false;
        rest_.remove_prefix(2);
        return proceed(part::chunk_size);
    }

    bool take_trailers() noexcept {
        std::string_view line;
        while (take_line(line)) {
            if (line.empty()) return proceed(part::done);
            if (!split(line)) return refuse("not HTTP: a bad trailer");
        }
        return false;
    }

    const connection_options* limits_;
    response response_;
    std::string_view rest_;
    std::size_t header_size_ = 0;
    std::size_t left_ = 0; ///< of the body, or of the chunk
    std::optional<std::uint64_t> length_;
    const char* problem_ = nullptr;
    part part_ = part::status;
    bool bodiless_;
    bool too_large_ = false;
    bool is_1_1_ = false;
    bool chunked_ = false;
    bool close_ = false;
    bool keep_ = false;
};

} // namespace dynasession::inline v0::http

#endif
// #include <dynasession/http/tls.hpp>
#ifndef DYNASESSION_HTTP_TLS_HPP
#define DYNASESSION_HTTP_TLS_HPP

// #include <dynasession/core/error.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <climits>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <string_view>

namespace dynasession::inline v0::http {

namespace tls_detail {

struct deleter {
    void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
    void operator()(SSL* p) const noexcept {
        // OpenSSL would declare the session of a connection without a closing handshake not resumable.
        if (p && SSL_is_init_finished(p)) SSL_set_shutdown(p, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(p);
    }
    void operator()(SSL_SESSION* p) const noexcept { SSL_SESSION_free(p); }
    void operator()(ASN1_OCTET_STRING* p) const noexcept { ASN1_OCTET_STRING_free(p); }
};
template <class T>
using handle = std::unique_ptr<T, deleter>;

// Takes this thread's OpenSSL errors away: left behind, they would be blamed on the next call of anybody.
inline failure last_failure(std::string_view doing) {
    std::string text(doing);
    if (const auto code = ERR_peek_last_error()) {
        const char* reason = ERR_reason_error_string(code);
        text.append(": ").append(reason ? reason : "unknown reason");
    }
    ERR_clear_error();
    return {error::tls_failure, std::move(text)};
}

inline int length(std::size_t n) noexcept { return static_cast<int>(std::min<std::size_t>(n, INT_MAX)); }

} // namespace tls_detail

/// What all TLS connections to one host share: the trusted authorities, the rules, and the session to resume.
///
/// TLS 1.2 or later; the certificate must be valid for the host, and there is no way to switch that off (OWASP
/// ASVS 12.1.1, 12.3).
///
/// *Thread safety:* may be used by many connections at once. It does not move, because OpenSSL knows its address.
class tls_context {
public:
    /// *Errors:* `error::invalid_option` if `ca_file` cannot be read, `error::tls_failure`.
    static result<std::unique_ptr<tls_context>> make(std::string host, const std::string& ca_file = {}) {
        std::unique_ptr<tls_context> context(new tls_context(std::move(host)));
        auto* const ctx = context->ctx_.get();
        if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION))
            return tls_detail::last_failure("OpenSSL offers no TLS client");
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
        SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(ctx, &tls_context::on_new_session);
        SSL_CTX_set_app_data(ctx, context.get());
        if (ca_file.empty() && !SSL_CTX_set_default_verify_paths(ctx))
            return tls_detail::last_failure("the system's trusted authorities cannot be read");
        if (!ca_file.empty() && !SSL_CTX_load_verify_locations(ctx, ca_file.c_str(), nullptr)) {
            auto f = tls_detail::last_failure("no certificates (PEM) can be read from " + ca_file);
            f.code = error::invalid_option;
            return f;
        }
        return context;
    }

    tls_context(const tls_context&) = delete;
    tls_context& operator=(const tls_context&) = delete;

private:
    friend class tls_engine;

    explicit tls_context(std::string host)
        : host_(std::move(host)), address_(a2i_IPADDRESS(host_.c_str())), ctx_(SSL_CTX_new(TLS_client_method())) {
        ERR_clear_error(); // a name is not an address
    }

    static int on_new_session(SSL* ssl, SSL_SESSION* fresh) {
        auto* self = static_cast<tls_context*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
        const std::lock_guard lock(self->mutex_);
        self->session_.reset(fresh);
        return 1; // the reference is ours now
    }

    tls_detail::handle<SSL> make_ssl() {
        tls_detail::handle<SSL> ssl(SSL_new(ctx_.get()));
        if (!ssl) throw std::bad_alloc();
        auto* const rules = SSL_get0_param(ssl.get());
        // Names stand in subjectAltName (RFC 9525); the subject's own is a text for people.
        X509_VERIFY_PARAM_set_hostflags(rules,
                                        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        const bool named = address_
                               ? X509_VERIFY_PARAM_set1_ip(rules, ASN1_STRING_get0_data(address_.get()),
                                                           static_cast<std::size_t>(ASN1_STRING_length(address_.get())))
                               : SSL_set1_host(ssl.get(), host_.c_str()) &&
                                     SSL_set_tlsext_host_name(ssl.get(), const_cast<char*>(host_.c_str()));
        if (!named) throw std::bad_alloc();
        const std::lock_guard lock(mutex_);
        if (session_) SSL_set_session(ssl.get(), session_.get());
        return ssl;
    }

    std::string host_;
    tls_detail::handle<ASN1_OCTET_STRING> address_; ///< set if the host is an address
    tls_detail::handle<SSL_CTX> ctx_;
    std::mutex mutex_;
    tls_detail::handle<SSL_SESSION> session_;
};

/// One TLS connection without a socket: what is received is put in, what has to be sent is taken out.
class tls_engine {
public:
    explicit tls_engine(tls_context& context) : ssl_(context.make_ssl()) {
        received_ = BIO_new(BIO_s_mem());
        to_send_ = BIO_new(BIO_s_mem());
        if (!received_ || !to_send_) {
            BIO_free(received_);
            BIO_free(to_send_);
            throw std::bad_alloc();
        }
        SSL_set_bio(ssl_.get(), received_, to_send_); // owns both
        SSL_set_connect_state(ssl_.get());
    }

    /// Gives bytes of the peer.
    void put(std::string_view bytes) {
        if (BIO_write(received_, bytes.data(), tls_detail::length(bytes.size())) != tls_detail::length(bytes.size()))
            throw std::bad_alloc();
    }

    /// Appends what has to be sent to `out`.
    void drain(std::string& out) {
        char* bytes = nullptr;
        const long n = BIO_get_mem_data(to_send_, &bytes);
        if (n <= 0) return;
        out.append(bytes, static_cast<std::size_t>(n));
        (void)BIO_reset(to_send_);
    }

    /// Goes on with the handshake: whether it is complete. If not, it needs bytes of the peer.
    ///
    /// *Errors:* `error::tls_failure`, saying what the certificate lacks.
    result<bool> handshake() {
        ERR_clear_error();
        const int rc = SSL_do_handshake(ssl_.get());
        if (rc == 1) return true;
        if (SSL_get_error(ssl_.get(), rc) == SSL_ERROR_WANT_READ) return false;
        const long verdict = SSL_get_verify_result(ssl_.get());
        if (verdict == X509_V_OK) return tls_detail::last_failure("handshake");
        ERR_clear_error();
        return failure(error::tls_failure, std::string("certificate: ") + X509_verify_cert_error_string(verdict));
    }

    /// Encrypts all of `bytes`.
    result<void> write(std::string_view bytes) {
        ERR_clear_error();
        while (!bytes.empty()) {
            const int n = SSL_write(ssl_.get(), bytes.data(), tls_detail::length(bytes.size()));
            if (n <= 0) return tls_detail::last_failure("encryption");
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return {};
    }

    /// Decrypts into `out`: how many bytes; 0 = it needs more of the peer, or the peer has finished.
    result<std::size_t> read(std::span<char> out) {
        ERR_clear_error();
        const int n = SSL_read(ssl_.get(), out.data(), tls_detail::length(out.size()));
        if (n > 0) return static_cast<std::size_t>(n);
        const int why = SSL_get_error(ssl_.get(), n);
        if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
        return tls_detail::last_failure("decryption");
    }

    /// Whether the peer has finished as TLS demands it. Without that, an end may be an attacker's cut.
    bool peer_finished() const noexcept { return SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN; }

    /// Whether an earlier connection's session was resumed.
    bool resumed() const noexcept { return SSL_session_reused(ssl_.get()); }

private:
    tls_detail::handle<SSL> ssl_;
    BIO* received_ = nullptr;
    BIO* to_send_ = nullptr;
};

} // namespace dynasession::inline v0::http

#endif

#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::http {

/// A proxy's tunnel, TLS and HTTP/1.1 of one connection, without the connection: bytes go in and out, one exchange
/// after the other.
///
/// Each call answers what has to happen next: `output()` has to be sent and `sent()` called, `input()` has to be
/// received into and `received()` called, or `answer()` is there.
class codec {
public:
    enum class need { send, receive, nothing };

    /// What is spoken.
    enum class stage {
        tunnel,    ///< with a proxy, about a way to the endpoint
        handshake, ///< of TLS
        exchanges,
    };

    /// `tls` = nullptr speaks plain HTTP. `connect_request` is what a proxy is told first, which has to outlive this
    /// object; empty = there is none.
    codec(const connection_options& limits, tls_context* tls, std::string_view connect_request = {})
        : limits_(&limits), connect_request_(connect_request) {
        if (tls) tls_.emplace(*tls);
        stage_ = connect_request.empty() ? behind_tunnel() : stage::tunnel;
    }

    /// Begins the next exchange, and before the first what has to precede it.
    need start(const request& message) {
        message_ = &message;
        answer_ = {};
        sent_ = answer_begun_ = reusable_ = false;
        in_begin_ = in_end_ = 0; // so that each answer comes to the same warm place
        begin_parsing();
        return proceed();
    }

    std::string_view output() const noexcept { return std::string_view(out_).substr(out_begin_); }

    need sent(std::size_t n) {
        out_begin_ += n;
        sent_ = sent_ || (n != 0 && stage_ == stage::exchanges);
        if (out_begin_ != out_.size()) return need::send;
        out_begin_ = 0;
        // A large request shall not occupy memory as long as the connection lives.
        if (out_.capacity() > 4 * buffer_size) out_ = {};
        out_.clear();
        return need::receive;
    }

    std::span<char> input() {
        if (tls_ && stage_ != stage::tunnel) {
            encrypted_in_.resize(buffer_size);
            return encrypted_in_;
        }
        return free_input();
    }

    /// `n` bytes came; 0 = the peer has closed the connection.
    need received(std::size_t n) {
        const bool eof = n == 0;
        if (stage_ == stage::tunnel) return hear_proxy(n);
        if (tls_ && !eof) tls_->put({encrypted_in_.data(), n});
        if (stage_ == stage::handshake) return eof ? fail(error::connection_closed) : shake_hands();
        return tls_ ? decrypt(eof) : parse(n, eof);
    }

    /// What is spoken now.
    stage at() const noexcept { return stage_; }

    /// Whether a byte of the request of this exchange went out.
    bool request_sent() const noexcept { return sent_; }

    /// Whether a byte of the answer came.
    bool answer_begun() const noexcept { return answer_begun_; }

    /// Whether another exchange may follow: the answer is complete, well-formed, nothing stands behind it, and
    /// both sides keep the connection.
    bool reusable() const noexcept { return reusable_; }

    /// Whether this connection resumed the TLS session of an earlier one.
    bool tls_resumed() const noexcept { return tls_ && tls_->resumed(); }

    result<response>& answer() noexcept { return answer_; }

private:
    static constexpr std::size_t buffer_size = 16 * 1024; // a TLS record

    void begin_parsing() {
        // What follows a proxy's consent belongs to the tunnel, and what follows its refusal is not read.
        parser_.emplace(*limits_, stage_ == stage::tunnel || message_->head.starts_with("HEAD "));
    }

    stage behind_tunnel() const noexcept { return tls_ ? stage::handshake : stage::exchanges; }

    need proceed() {
        if (stage_ == stage::exchanges) return begin_sending();
        if (stage_ == stage::handshake) return shake_hands();
        out_.append(connect_request_);
        return need::send;
    }

    need fail(failure f) {
        answer_ = std::move(f);
        reusable_ = false;
        return need::nothing;
    }

    need finish(bool reusable) {
        answer_ = parser_->release();
        reusable_ = reusable;
        return need::nothing;
    }

    need hear_proxy(std::size_t n) {
        if (parse(n, n == 0) == need::receive) return need::receive;
        if (!answer_) return need::nothing;
        if (const auto status = answer_->status; status / 100 != 2)
            return fail({status / 100 == 5 ? error::service_unavailable : error::proxy_refused,
                         "answered with status " + std::to_string(status)});
        // Nobody speaks before us in the tunnel: these are not the endpoint's bytes.
        if (in_begin_ != in_end_) return fail({error::malformed_response, "bytes behind the proxy's consent"});
        stage_ = behind_tunnel();
        answer_ = {};
        answer_begun_ = reusable_ = false;
        begin_parsing();
        return proceed();
    }

    need shake_hands() {
        const auto done = tls_->handshake();
        tls_->drain(out_);
        if (!done) return fail(done.error());
        if (*done) {
            stage_ = stage::exchanges;
            return begin_sending(); // our last handshake message travels with the request
        }
        return out_.empty() ? need::receive : need::send;
    }

    need begin_sending() {
        if (!tls_) {
            out_.append(message_->head).append(message_->body);
            return need::send;
        }
        for (const auto* part : {&message_->head, &message_->body})
            if (const auto written = tls_->write(*part); !written) return fail(written.error());
        tls_->drain(out_);
        return need::send;
    }

    std::span<char> free_input() {
        if (in_end_ == in_.size()) {
            if (in_begin_ == 0)
                in_.resize(std::max(buffer_size, 2 * in_.size()));
            else
                std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
            in_end_ -= std::exchange(in_begin_, 0);
        }
        return std::span(in_).subspan(in_end_);
    }

    need decrypt(bool eof) {
        for (;;) {
            const auto n = tls_->read(free_input());
            if (!n) return fail(n.error());
            const bool last = *n == 0;
            const auto next = parse(*n, last && (eof || tls_->peer_finished()));
            if (next != need::nothing && !last) continue;
            if (next == need::nothing) {
                if (reusable_) reusable_ = nothing_behind();
                return next;
            }
            tls_->drain(out_); // a key update wants an answer
            return out_.empty() ? need::receive : need::send;
        }
    }

    // Takes in session tickets that came with the answer, too.
    bool nothing_behind() {
        const auto n = tls_->read(free_input());
        tls_->drain(out_);
        return n && *n == 0 && !tls_->peer_finished() && out_.empty();
    }

    need parse(std::size_t n, bool eof) {
        in_end_ += n;
        answer_begun_ = answer_begun_ || n != 0;
        while (in_begin_ != in_end_) {
            const auto taken = parser_->put({in_.data() + in_begin_, in_end_ - in_begin_});
            if (!taken) return fail(taken.error());
            in_begin_ += *taken;
            if (!parser_->is_done()) break;
            const bool all_taken = in_begin_ == in_end_;
            if (!parser_->is_interim()) return finish(parser_->keep_alive() && all_taken && !eof);
            begin_parsing();
        }
        if (in_begin_ == in_end_) in_begin_ = in_end_ = 0;
        // What the parser does not take is a part of a header block or of the line before a chunk.
        if (in_end_ - in_begin_ > limits_->max_header_size)
            return fail({error::response_too_large, "the limit of the header was passed"});
        if (!eof) return need::receive;
        // Inside TLS an end without farewell may be an attacker's cut.
        if ((!tls_ || tls_->peer_finished()) && parser_->put_eof()) return finish(false);
        return fail(error::connection_closed);
    }

    const connection_options* limits_;
    std::string_view connect_request_;
    std::optional<tls_engine> tls_;
    stage stage_ = stage::exchanges;
    const request* message_ = nullptr;
    std::string out_;
    std::size_t out_begin_ = 0;
    std::vector<char> encrypted_in_;
    std::vector<char> in_;
    std::size_t in_begin_ = 0;
    std::size_t in_end_ = 0;
    std::optional<response_parser> parser_;
    bool sent_ = false;
    bool answer_begun_ = false;
    bool reusable_ = false;
    result<response> answer_;
};

} // namespace dynasession::inline v0::http

#endif
// #include <dynasession/http/tls.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::http {

/// A connection to the endpoint: the protocol's state, and a socket that serves blocking and asynchronous calls,
/// one after the other.
class connection {
public:
    using address = boost::asio::ip::tcp::endpoint;

    /// As `codec`.
    connection(const connection_options& limits, tls_context* tls, std::string_view connect_request = {})
        : codec_(limits, tls, connect_request) {}
    ~connection() {
        if (async_) async_->close();
    }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    codec& protocol() noexcept { return codec_; }
    const codec& protocol() const noexcept { return codec_; }

    /// What the look-up of its peer's name found.
    std::vector<address> addresses;

    /// When it came to lie idle.
    std::chrono::steady_clock::time_point idle_since{};

    /// The socket for blocking calls.
    blocking_socket& blocking() {
        if (async_ && async_->is_open()) blocking_.assign(async_->release());
        return blocking_;
    }

    /// The socket for asynchronous calls.
    const std::shared_ptr<async_socket>& async(const boost::asio::any_io_executor& executor) {
        if (!async_) async_ = std::make_shared<async_socket>(executor);
        if (blocking_.is_open()) async_->assign(family(), blocking_.release());
        return async_;
    }

    /// The same if there has been one, else null.
    std::shared_ptr<async_socket> async() const noexcept { return async_; }

    /// Nothing of an asynchronous exchange is left waiting.
    void rest() {
        if (async_) async_->disarm();
    }

    /// Whether the connection is as it was left: open, with nothing to read.
    bool is_quiet() const {
        return posix::is_quiet(blocking_.is_open() ? blocking_.native_handle() : async_->native_handle());
    }

private:
    boost::asio::ip::tcp family() const {
        sockaddr_storage own{};
        socklen_t size = sizeof own;
        ::getsockname(blocking_.native_handle(), reinterpret_cast<sockaddr*>(&own), &size);
        return own.ss_family == AF_INET6 ? boost::asio::ip::tcp::v6() : boost::asio::ip::tcp::v4();
    }

    codec codec_;
    blocking_socket blocking_;
    std::shared_ptr<async_socket> async_;
};

} // namespace dynasession::inline v0::http

#endif
// #include <dynasession/http/endpoint.hpp>
// #include <dynasession/http/proxy.hpp>
// #include <dynasession/http/tls.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dynasession::inline v0::http {

/// The connections to one endpoint that wait for their next exchange: the one used last is used first.
///
/// Connections in use are not limited and not known here.
///
/// *Thread safety:* may be used from many threads at once.
class pool {
    using clock = std::chrono::steady_clock;

public:
    /// Throws `session_error` if the options of TLS or of the proxy cannot be used.
    pool(endpoint target, connection_options options) : endpoint_(std::move(target)), options_(std::move(options)) {
        if (endpoint_.tls) tls_ = tls_context::make(endpoint_.host, options_.ca_file).value();
        if (options_.proxy.value_or("").empty()) return;
        auto through = proxy::parse(*options_.proxy).value();
        connect_request_ = through.connect_request(endpoint_);
        proxy_ = std::move(through.address);
    }

    const endpoint& target() const noexcept { return endpoint_; }

    /// Where the connections lead at first: to the proxy if there is one, else to the endpoint.
    const endpoint& peer() const noexcept { return proxy_ ? *proxy_ : endpoint_; }

    const connection_options& options() const noexcept { return options_; }

    /// A new connection, not yet connected.
    std::unique_ptr<connection> make() { return std::make_unique<connection>(options_, tls_.get(), connect_request_); }

    /// An idle connection that still seems to be alive, or nullptr.
    std::unique_ptr<connection> take(clock::time_point now) {
        while (auto candidate = pop()) {
            if (candidate->idle_since + options_.max_idle_time < now) {
                clear(); // what lies below has been idle for longer
                return nullptr;
            }
            if (candidate->is_quiet()) return candidate;
        }
        return nullptr;
    }

    /// Takes back a connection whose last exchange left it reusable.
    void put(std::unique_ptr<connection> c, clock::time_point now) {
        c->idle_since = now;
        std::vector<std::unique_ptr<connection>> closing; // outside of the lock
        const std::lock_guard lock(mutex_);
        idle_.push_back(std::move(c));
        const auto old =
            std::ranges::find_if(idle_, [&](const auto& i) { return i->idle_since + options_.max_idle_time >= now; }) -
            idle_.begin();
        const auto excess = std::ssize(idle_) - static_cast<std::ptrdiff_t>(options_.max_idle_connections);
        if (const auto n = std::max(old, excess); n > 0) {
            closing.assign(std::move_iterator(idle_.begin()), std::move_iterator(idle_.begin() + n));
            idle_.erase(idle_.begin(), idle_.begin() + n);
        }
    }

    /// Closes all idle connections.
    void clear() {
        std::vector<std::unique_ptr<connection>> closing;
        const std::lock_guard lock(mutex_);
        closing.swap(idle_);
    }

    /// How many connections are idle.
    std::size_t idle() const {
        const std::lock_guard lock(mutex_);
        return idle_.size();
    }

private:
    std::unique_ptr<connection> pop() {
        const std::lock_guard lock(mutex_);
        if (idle_.empty()) return nullptr;
        auto last = std::move(idle_.back());
        idle_.pop_back();
        return last;
    }

    endpoint endpoint_;
    connection_options options_;
    std::unique_ptr<tls_context> tls_;
    std::optional<endpoint> proxy_;
    std::string connect_request_; ///< empty = no proxy
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<connection>> idle_; ///< the one used last at the end
};

} // namespace dynasession::inline v0::http

#endif
// #include <dynasession/http/round_trip.hpp>
#ifndef DYNASESSION_HTTP_ROUND_TRIP_HPP
#define DYNASESSION_HTTP_ROUND_TRIP_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/http/connection.hpp>
// #include <dynasession/http/message.hpp>
// #include <dynasession/http/pool.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

namespace dynasession::inline v0::http {

/// One exchange as a state machine over sockets that others drive: an idle connection or a new one, the request out,
/// the answer in, and the connection back to the pool.
///
/// An idle connection that turns out to be dead before a byte of the answer came is replaced by a new one, once.
///
/// *Lifetimes:* the pool has to outlive it until it has finished.
class round_trip {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// What has to be done with `conn()` before `deadline()`; `resume` wants to know how it went.
    enum class step {
        look_up,  ///< find the addresses of the name `peer().host`
        connect,  ///< to `address()`
        send,     ///< some of `conn().protocol().output()`
        receive,  ///< into `conn().protocol().input()`
        finished, ///< `finish()` gives the reply
    };

    round_trip(pool& connections, const exchange& e) noexcept : pool_(&connections), exchange_(e) {}

    step start(time_point now) {
        if (now >= exchange_.deadline)
            return fail({error::timeout, "the deadline had passed before the exchange began"});
        connection_ = pool_->take(now);
        reused_ = connection_ != nullptr;
        return reused_ ? begin(now) : open(now);
    }

    /// `n` = bytes sent or received; none received without an error = the peer has closed.
    step resume(const error_code& ec, std::size_t n, time_point now) {
        if (ec == boost::asio::error::operation_aborted) return fail(ec);
        switch (step_) {
        case step::look_up:
            if (ec) return fail({ec, "looking up " + peer().host});
            return connect_next(error::timeout, now);
        case step::connect: return ec ? connect_next(ec, now) : begin(now);
        case step::send: return ec ? interrupted(ec, now) : follow(conn().protocol().sent(n), now);
        case step::receive: return ec ? interrupted(ec, now) : follow(conn().protocol().received(n), now);
        case step::finished: break;
        }
        return step_;
    }

    /// The reply. A connection that can serve again goes back to the pool, any other is closed.
    reply finish(time_point now) {
        reply r;
        r.sent = r.repeated = repeated_;
        if (connection_) {
            auto& protocol = conn().protocol();
            r.sent = r.sent || protocol.request_sent();
            if (!failure_) r.answer = std::move(protocol.answer());
            if (!failure_ && protocol.reusable()) {
                connection_->rest();
                pool_->put(std::move(connection_), now);
            }
            connection_.reset();
        }
        if (failure_) r.answer = std::move(*failure_);
        return r;
    }

    bool has_connection() const noexcept { return connection_ != nullptr; }
    connection& conn() noexcept { return *connection_; }
    /// Whom the connection leads to at first: the endpoint, or the proxy.
    const endpoint& peer() const noexcept { return pool_->peer(); }
    const connection::address& address() const { return connection_->addresses[attempts_ - 1]; }
    time_point deadline() const noexcept { return deadline_; }

private:
    step open(time_point now) {
        reused_ = false;
        attempts_ = 0;
        connection_ = pool_->make();
        connect_deadline_ = deadline_ = std::min(exchange_.deadline, now + pool_->options().connect_timeout);
        error_code not_numeric;
        const auto numeric = boost::asio::ip::make_address(peer().host, not_numeric);
        if (not_numeric) return step_ = step::look_up;
        connection_->addresses = {{numeric, peer().port}};
        return connect_next(error::timeout, now);
    }

    step connect_next(const error_code& last, time_point now) {
        const auto untried = connection_->addresses.size() - attempts_;
        if (untried == 0 || now >= connect_deadline_) return fail({last, "connecting to " + place()});
        // A dead address shall leave time for those behind it.
        deadline_ = now + (connect_deadline_ - now) / static_cast<int>(untried);
        ++attempts_;
        return step_ = step::connect;
    }

    step begin(time_point now) {
        const auto next = conn().protocol().start(*exchange_.message);
        enter(conn().protocol().at(), now);
        return follow(next, now);
    }

    void enter(codec::stage s, time_point now) {
        stage_ = s;
        deadline_ = exchange_.deadline;
        if (s == codec::stage::tunnel) deadline_ = connect_deadline_;
        if (s == codec::stage::handshake) deadline_ = std::min(deadline_, now + pool_->options().handshake_timeout);
    }

    step follow(codec::need next, time_point now) {
        auto& protocol = conn().protocol();
        if (next == codec::need::nothing) {
            if (!protocol.answer()) return interrupted(std::move(protocol.answer()).error(), now);
            if (exchange_.undamaged && !exchange_.undamaged(*protocol.answer()))
                return interrupted(error::checksum_mismatch, now);
            return step_ = step::finished;
        }
        if (protocol.at() != stage_) enter(protocol.at(), now);
        return step_ = next == codec::need::send ? step::send : step::receive;
    }

    step interrupted(failure f, time_point now) {
        const auto& protocol = conn().protocol();
        const bool lost = f.code == error::connection_closed || f.code.category() == boost::system::system_category();
        if (reused_ && lost && !protocol.answer_begun()) {
            repeated_ = repeated_ || protocol.request_sent();
            return open(now);
        }
        f.detail.insert(0, f.detail.empty() ? doing() : doing() + ": ");
        return fail(std::move(f));
    }

    step fail(failure f) {
        failure_ = std::make_unique<failure>(std::move(f));
        return step_ = step::finished;
    }

    std::string doing() const {
        switch (connection_->protocol().at()) {
        case codec::stage::tunnel: return "CONNECT to " + place();
        case codec::stage::handshake: return "TLS handshake with " + place();
        case codec::stage::exchanges: break;
        }
        return "exchange with " + place();
    }

    std::string place() const {
        std::ostringstream text;
        text << pool_->target().authority();
        if (peer() != pool_->target()) text << " through the proxy " << peer().authority();
        if (attempts_ != 0) text << " (" << address() << ')';
        return std::move(text).str();
    }

    pool* pool_;
    exchange exchange_;
    std::unique_ptr<connection> connection_;
    std::unique_ptr<failure> failure_; // rare, and this object moves often
    time_point deadline_{};
    time_point connect_deadline_{};
    std::size_t attempts_ = 0;
    step step_ = step::finished;
    codec::stage stage_ = codec::stage::exchanges; ///< that `deadline_` holds for
    bool reused_ = false;
    bool repeated_ = false; ///< the request went out on a connection that was dead
};

} // namespace dynasession::inline v0::http

#endif

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <memory>
#include <utility>

namespace dynasession::inline v0::http {

/// Drives a `round_trip` inside `op::compose`.
class async_exchange {
    using clock = std::chrono::steady_clock;
    using step = round_trip::step;

public:
    async_exchange(pool& connections, const exchange& e, const boost::asio::any_io_executor& executor)
        : trip_(connections, e), executor_(&executor) {}

    template <class Self>
    void operator()(Self& self) {
        const auto now = clock::now();
        advance(self, trip_.start(now), now);
    }

    // An operation on the socket, or the wait for a look-up, has ended.
    template <class Self>
    void operator()(Self& self, error_code ec, std::size_t n = 0) {
        suspended_ = true;
        const auto now = clock::now();
        advance(self, trip_.resume(outcome(self, ec), n, now), now);
    }

    // The end of the post that keeps an exchange from completing inside its initiation.
    template <class Self>
    void operator()(Self& self, std::unique_ptr<reply> held) {
        self.complete(std::move(*held));
    }

private:
    template <class Self>
    error_code outcome(Self& self, const error_code& ec) {
        if (self.cancelled() != boost::asio::cancellation_type::none) return boost::asio::error::operation_aborted;
        if (lookup_) return std::exchange(lookup_, nullptr)->finish(trip_.conn().addresses);
        if (ec == boost::asio::error::operation_aborted && trip_.conn().async(*executor_)->expired())
            return error::timeout;
        return ec == boost::asio::error::eof ? error_code{} : ec;
    }

    // Goes on until something has to be waited for. `self`, and with it this object, is gone after it was moved.
    template <class Self>
    void advance(Self& self, step next, clock::time_point now) {
        while (next != step::finished) {
            error_code ec;
            std::size_t n = 0;
            if (self.cancelled() != boost::asio::cancellation_type::none) {
                ec = boost::asio::error::operation_aborted;
            } else if (next == step::look_up) {
                const auto lookup = lookup_ = std::make_shared<name_lookup>(*executor_);
                return lookup->start(trip_.peer(), trip_.deadline(), std::move(self));
            } else {
                const auto socket = trip_.conn().async(*executor_);
                if (next == step::send)
                    n = posix::send_now(socket->native_handle(), trip_.conn().protocol().output(), ec);
                if (next != step::send || posix::would_block(ec)) {
                    if (socket->expire_at(trip_.deadline())) return wait(self, *socket, next);
                    ec = error::timeout;
                }
            }
            next = trip_.resume(ec, n, now); // nothing above has taken time
        }
        // Last, because the handler often begins the next exchange on this connection, and then the timer runs on.
        const auto socket = trip_.has_connection() ? trip_.conn().async() : nullptr;
        const auto rest = [](async_socket* s) { s->rest(); };
        const std::unique_ptr<async_socket, decltype(rest)> resting(socket.get());
        auto r = trip_.finish(now);
        if (suspended_) return self.complete(std::move(r));
        const auto executor = *executor_;
        boost::asio::post(executor, boost::asio::append(std::move(self), std::make_unique<reply>(std::move(r))));
    }

    template <class Self>
    void wait(Self& self, async_socket& socket, step next) {
        if (next == step::connect) {
            const auto address = trip_.address();
            socket.connect(address, std::move(self));
        } else if (next == step::send) {
            socket.wait_writable(std::move(self));
        } else {
            const auto buffer = trip_.conn().protocol().input();
            socket.receive(buffer, std::move(self));
        }
    }

    round_trip trip_;
    const boost::asio::any_io_executor* executor_;
    std::shared_ptr<name_lookup> lookup_;
    bool suspended_ = false;
};

} // namespace dynasession::inline v0::http

#endif
// #include <dynasession/http/endpoint.hpp>
// #include <dynasession/http/message.hpp>
// #include <dynasession/http/pool.hpp>
// #include <dynasession/http/round_trip.hpp>
// #include <dynasession/op/action.hpp>
// #include <dynasession/op/compose.hpp>
#ifndef DYNASESSION_OP_COMPOSE_HPP
#define DYNASESSION_OP_COMPOSE_HPP

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>

#include <memory>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0::op {

/// A completion handler that is in the middle of its operation: what `compose` passes to the implementation, and what
/// the implementation passes on, moved, as the handler of the next step.
///
/// Executor and allocator are those of the final handler; when that has none, each step completes where its own I/O
/// object lets it. Its cancellation slot is one of its own, which lets `terminal` cancellation through.
template <class Impl, class Handler>
class composed {
public:
    using cancellation_slot_type = boost::asio::cancellation_slot;

    composed(Impl impl, Handler handler)
        : cancellation_(boost::asio::get_associated_cancellation_slot(handler),
                        boost::asio::enable_terminal_cancellation()),
          impl_(std::move(impl)), handler_(std::move(handler)) {}
    composed(composed&&) = default;
    composed& operator=(composed&&) = delete;

    cancellation_slot_type get_cancellation_slot() const noexcept { return cancellation_.slot(); }

    /// What the operation has been cancelled with, if anything.
    boost::asio::cancellation_type cancelled() const noexcept { return cancellation_.cancelled(); }

    /// The next step: the implementation is called with `*this` and what the step before has completed with.
    template <class... Values>
    void operator()(Values&&... values) {
        cancellation_.slot().clear(); // of what the step before has left there
        impl_(*this, std::forward<Values>(values)...);
    }

    /// Ends the operation: calls the final handler.
    template <class... Values>
    void complete(Values&&... values) {
        std::move(handler_)(std::forward<Values>(values)...);
    }

private:
    template <template <class, class> class, class, class>
    friend struct boost::asio::associator;

    boost::asio::cancellation_state cancellation_;
    Impl impl_;
    Handler handler_;
};

namespace compose_detail {

template <class Io>
struct initiation {
    using executor_type = std::decay_t<decltype(std::declval<Io&>().get_executor())>;
    executor_type get_executor() const noexcept { return io->get_executor(); }

    template <class Handler, class Impl>
    void operator()(Handler&& handler, Impl&& impl) const {
        composed<std::decay_t<Impl>, std::decay_t<Handler>>(std::forward<Impl>(impl), std::forward<Handler>(handler))();
    }

    Io* io;
};

} // namespace compose_detail

/// Starts an operation that is made of steps: `impl(self)` begins it, `impl(self, values...)` goes on when a step that
/// `std::move(self)` was the handler of has completed, `self.complete(values...)` ends it.
///
/// It does what `asio::async_compose` does but for tracking work: that wraps each handler in an executor that counts,
/// so that no step completes where it is, all are dispatched once more. The steps have to keep their context busy, as
/// those of Asio do, or the implementation has to.
///
/// *Lifetimes:* `io`, whose `get_executor()` is the default executor of the operation, has to outlive the initiation.
template <class Signature, class Impl, class Io, class Token>
auto compose(Impl impl, Io& io, Token&& token) {
    return boost::asio::async_initiate<Token, Signature>(compose_detail::initiation<Io>{std::addressof(io)}, token,
                                                         std::move(impl));
}

} // namespace dynasession::inline v0::op

/// Whatever is associated with the final handler is associated with its steps.
template <template <class, class> class Associator, class Impl, class Handler, class Default>
struct boost::asio::associator<Associator, dynasession::op::composed<Impl, Handler>, Default>
    : Associator<Handler, Default> {
    static typename Associator<Handler, Default>::type get(const dynasession::op::composed<Impl, Handler>& c) noexcept {
        return Associator<Handler, Default>::get(c.handler_);
    }
    static decltype(auto) get(const dynasession::op::composed<Impl, Handler>& c, const Default& otherwise) noexcept {
        return Associator<Handler, Default>::get(c.handler_, otherwise);
    }
};

#endif
// #include <dynasession/op/default_executor.hpp>
#ifndef DYNASESSION_OP_DEFAULT_EXECUTOR_HPP
#define DYNASESSION_OP_DEFAULT_EXECUTOR_HPP

// #include <dynasession/core/config.hpp>
#ifndef DYNASESSION_CORE_CONFIG_HPP
#define DYNASESSION_CORE_CONFIG_HPP

// The one place that holds the version: CMake reads it from here.
#define DYNASESSION_VERSION_MAJOR 0
#define DYNASESSION_VERSION_MINOR 1
#define DYNASESSION_VERSION_PATCH 0

/// The version as one comparable number: 10000 * major + 100 * minor + patch.
#define DYNASESSION_VERSION                                                                        \
    (DYNASESSION_VERSION_MAJOR * 10000 + DYNASESSION_VERSION_MINOR * 100 +                          \
     DYNASESSION_VERSION_PATCH)

/// What need not be a template is compiled in each unit, as `inline` functions. In a program that defines
/// DYNASESSION_SEPARATE_COMPILATION for all its units, it is compiled once, by the one that includes
/// <dynasession/src.hpp>: that saves each other unit that uses DynamoDB about a quarter of its time.
#ifdef DYNASESSION_SEPARATE_COMPILATION
#define DYNASESSION_DECL
#else
#define DYNASESSION_DECL inline
#endif

#endif

#include <boost/asio/any_io_executor.hpp>

#ifndef DYNASESSION_SEPARATE_COMPILATION
// #include <dynasession/op/system_executor.hpp>
#ifndef DYNASESSION_OP_SYSTEM_EXECUTOR_HPP
#define DYNASESSION_OP_SYSTEM_EXECUTOR_HPP

// #include <dynasession/core/config.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/system_executor.hpp>

namespace dynasession::inline v0::op {

// See op/default_executor.hpp, which declares it. Apart, because the conversion takes a second to compile.
DYNASESSION_DECL boost::asio::any_io_executor default_executor() { return boost::asio::system_executor(); }

} // namespace dynasession::inline v0::op

#endif
#endif

namespace dynasession::inline v0::op {

/// Where asynchronous work runs when no executor is given: Asio's process-wide `system_context`.
DYNASESSION_DECL boost::asio::any_io_executor default_executor();

} // namespace dynasession::inline v0::op

#endif

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <thread>
#include <utility>

namespace dynasession::inline v0::http {

using client_options = connection_options;

/// Exchanges requests with one endpoint over kept connections, blocking or asynchronously, with the same deadlines.
///
/// It is the `Io` of `op::run` and `op::async_run` for operations whose effect is `exchange` and whose reply is
/// `reply`.
///
/// *Lifetimes:* the client has to outlive its calls, and its executor's context the client. Without an executor,
/// asynchronous calls run on Asio's process-wide `system_context`, which needs no thread of the user; a server should
/// give the executor of its own `io_context`, which is faster. A client of static storage duration needs that too if
/// it is used asynchronously, because the `system_context` may end before it.
///
/// *Thread safety:* may be used from many threads at once. Blocking and asynchronous calls share the connections.
class client {
public:
    using executor_type = boost::asio::any_io_executor;

    /// Throws `session_error` if the options of TLS or of the proxy cannot be used. Connects to nothing yet.
    explicit client(endpoint target, client_options options = {})
        : client(op::default_executor(), std::move(target), std::move(options)) {}

    client(executor_type executor, endpoint target, client_options options = {})
        : executor_(std::move(executor)), pool_(std::move(target), std::move(options)) {}

    executor_type get_executor() const { return executor_; }
    const endpoint& target() const noexcept { return pool_.target(); }

    /// How many connections lie idle.
    std::size_t idle_connections() const { return pool_.idle(); }

    op::instant now() const noexcept { return op::instant::now(); }

    /// Blocks the calling thread.
    void wait(std::chrono::milliseconds duration) const { std::this_thread::sleep_for(duration); }

    /// Carries out one exchange on the calling thread, at the latest until its deadline.
    ///
    /// Only the look-up of a name may last longer, as long as the system's resolver does.
    reply perform(const exchange& e) {
        using clock = std::chrono::steady_clock;
        auto now = clock::now();
        round_trip trip(pool_, e);
        for (auto step = trip.start(now);;) {
            error_code ec;
            std::size_t n = 0;
            switch (step) {
            case round_trip::step::look_up:
                trip.conn().addresses = posix::resolve(trip.peer().host, trip.peer().port, ec);
                break;
            case round_trip::step::connect: ec = trip.conn().blocking().connect(trip.address(), trip.deadline()); break;
            case round_trip::step::send:
                n = trip.conn().blocking().send(trip.conn().protocol().output(), now, trip.deadline(), ec);
                break;
            case round_trip::step::receive:
                n = trip.conn().blocking().receive(trip.conn().protocol().input(), now, trip.deadline(), ec);
                break;
            case round_trip::step::finished: return trip.finish(now);
            }
            if (step != round_trip::step::send) now = clock::now();
            step = trip.resume(ec, n, now);
        }
    }

    /// Carries out one exchange asynchronously, at the latest until its deadline.
    ///
    /// *Completion signature:* `void(reply)`, never inside the initiation.
    ///
    /// *Cancellation:* `terminal`, at every point; the reply is `operation_aborted`, and the connection is closed.
    template <class Token>
    auto async_perform(const exchange& e, Token&& token) {
        return op::compose<void(reply)>(async_exchange(pool_, e, executor_), *this, std::forward<Token>(token));
    }

private:
    executor_type executor_;
    pool pool_;
};

} // namespace dynasession::inline v0::http

#endif
// #include <dynasession/http/endpoint.hpp>
// #include <dynasession/http/proxy.hpp>
// #include <dynasession/http/tls.hpp>

#include <string>
#include <utility>

namespace dynasession::inline v0::aws {

namespace connection_detail {

// The file of trusted authorities; one that cannot be used is found here, where it is known who named it.
inline result<std::string> resolve_ca_file(const std::string& given, const environment& env,
                                           const shared_config& config) {
    auto file = given.empty() ? configured_ca_bundle(env, config) : setting{given, "option ca_file"};
    if (file.value.empty()) return std::string();
    if (const auto usable = http::tls_context::make({}, file.value); !usable)
        return failure(usable.error().code, file.source + ": " + usable.error().detail);
    return std::move(file.value);
}

} // namespace connection_detail

/// The options of connections to this endpoint, with what is not set taken from the environment: `ca_file` from
/// AWS_CA_BUNDLE, else from `ca_bundle` of the profile in use, `proxy` as `environment_proxy` finds it.
///
/// Plain http through a proxy leaves this machine, wherever the endpoint is, so it needs `allow_plain_http`.
///
/// *Errors:* `error::invalid_option`; the detail names the option, the variable, or the file and line.
inline result<http::client_options> resolve_connection(http::client_options given, const http::endpoint& target,
                                                       bool allow_plain_http,
                                                       const environment& env = process_environment,
                                                       const shared_config& config = {}) {
    if (target.tls) {
        auto file = connection_detail::resolve_ca_file(given.ca_file, env, config);
        if (!file) return std::move(file).error();
        given.ca_file = *std::move(file);
    }
    if (!given.proxy) {
        auto proxy = environment_proxy(target, env);
        if (!proxy) return std::move(proxy).error();
        given.proxy = *std::move(proxy);
    } else if (!given.proxy->empty()) {
        if (const auto usable = http::proxy::parse(*given.proxy); !usable)
            return failure(usable.error().code, "option proxy: " + usable.error().detail);
    }
    if (!given.proxy->empty() && !target.tls && !allow_plain_http)
        return failure(
            error::invalid_option,
            "option proxy: plain http through a proxy can be read on the way: use https, or set allow_plain_http");
    return given;
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/fetch.hpp>
// #include <dynasession/aws/run_program.hpp>
#ifndef DYNASESSION_AWS_RUN_PROGRAM_HPP
#define DYNASESSION_AWS_RUN_PROGRAM_HPP

// #include <dynasession/aws/fetch.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/crypto.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace dynasession::inline v0::aws {

namespace run_program_detail {

using clock = std::chrono::steady_clock;

inline error_code system_error(int number) noexcept { return {number, boost::system::system_category()}; }

class descriptor {
public:
    descriptor() = default;
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() { reset(); }

    int get() const noexcept { return fd_; }
    void reset(int fd = -1) noexcept {
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
    }

private:
    int fd_ = -1;
};

/// What a child is to begin with: its three streams and nothing else of this process.
class child_setup {
public:
    explicit child_setup(int output) {
        ::posix_spawn_file_actions_init(&files_);
        ::posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO); // first: it may be one of the other two
        ::posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_addopen(&files_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 34)
        ::posix_spawn_file_actions_addclosefrom_np(&files_, STDERR_FILENO + 1);
#endif
        ::posix_spawnattr_init(&attributes_);
        sigset_t none, changed;
        ::sigemptyset(&none);
        ::sigemptyset(&changed);
        for (const int s : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) ::sigaddset(&changed, s);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setsigdefault(&attributes_, &changed);
        ::posix_spawnattr_setpgroup(&attributes_, 0); // of its own, so that it ends with its children
        ::posix_spawnattr_setflags(&attributes_,
                                   POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    child_setup(const child_setup&) = delete;
    child_setup& operator=(const child_setup&) = delete;
    ~child_setup() {
        ::posix_spawn_file_actions_destroy(&files_);
        ::posix_spawnattr_destroy(&attributes_);
    }

    const posix_spawn_file_actions_t* files() const noexcept { return &files_; }
    const posix_spawnattr_t* attributes() const noexcept { return &attributes_; }

private:
    posix_spawn_file_actions_t files_;
    posix_spawnattr_t attributes_;
};

/// A running child, killed and reaped at the latest by the destructor.
class child {
public:
    child() = default;
    child(const child&) = delete;
    child& operator=(const child&) = delete;
    ~child() {
        if (pid_ <= 0) return;
        ::kill(-pid_, SIGKILL);
        reap(0);
    }

    error_code start(const std::vector<std::string>& arguments, int output) {
        std::vector<char*> argv;
        for (const auto& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
        argv.push_back(nullptr);
        const child_setup setup(output);
        const int rc = ::posix_spawnp(&pid_, argv[0], setup.files(), setup.attributes(), argv.data(), ::environ);
        if (rc != 0) pid_ = 0;
        return rc == 0 ? error_code{} : system_error(rc);
    }

    /// Waits for its end; false when it has not come by the deadline.
    bool wait(clock::time_point deadline) {
        // There is no portable wait with a deadline; a program that has closed its output is as good as ended.
        for (auto nap = std::chrono::milliseconds(1); !reap(WNOHANG); nap = std::min(nap * 2, longest_nap)) {
            if (clock::now() >= deadline) return false;
            std::this_thread::sleep_for(nap);
        }
        return true;
    }

    int exit_status() const noexcept { return WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_); }

private:
    static constexpr std::chrono::milliseconds longest_nap{50};

    // True when it is reaped. Where the program ignores SIGCHLD, or reaps all children itself, the status is lost: 0.
    bool reap(int flags) noexcept {
        pid_t done;
        do done = ::waitpid(pid_, &status_, flags);
        while (done < 0 && errno == EINTR);
        if (done == 0) return false;
        if (done < 0) status_ = 0;
        pid_ = 0;
        return true;
    }

    pid_t pid_ = 0;
    int status_ = 0;
};

// Reads to the end; `error::timeout`, `error::response_too_large`, or what the system says.
inline error_code read_all(int fd, std::string& out, std::size_t most, clock::time_point deadline) {
    out.reserve(most + 1); // never moved, so that no copy of a secret stays behind
    for (char buffer[4096];;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
        if (left <= 0) return error::timeout;
        pollfd waited{fd, POLLIN, 0};
        const int ready = ::poll(&waited, 1, static_cast<int>(std::min<decltype(left)>(left, 60'000)));
        if (ready < 0 && errno != EINTR) return system_error(errno);
        if (ready <= 0) continue;
        const auto n = ::read(fd, buffer, sizeof buffer);
        if (n == 0) return {};
        if (n < 0 && errno != EINTR) return system_error(errno);
        if (n < 0) continue;
        const auto part = std::string_view(buffer, static_cast<std::size_t>(n));
        const bool fits = part.size() <= most - out.size();
        if (fits) out.append(part);
        detail::cleanse(buffer, part.size());
        if (!fits) return error::response_too_large;
    }
}

} // namespace run_program_detail

/// Runs a program, without a shell, and gives what it writes to its standard output.
///
/// The program is looked for in PATH unless its name has a slash. It has this process's environment and directory, an
/// empty standard input, nowhere to write errors to, and no other open file. It runs in a process group of its own,
/// which is killed when the time is over or the output grows too long. Whoever it leaves behind with its output open
/// counts as a part of it. When this process does not let its children be waited for (SIGCHLD ignored), the exit status
/// is 0.
///
/// *Errors:* `error::timeout`; `error::response_too_large`; what the system says of a program that cannot be started;
/// the detail names the program, and none of its arguments or output.
///
/// *Thread safety:* may be called from many threads at once.
inline result<program_output> run_program(const program_call& call) {
    using namespace run_program_detail;
    if (call.arguments.empty()) return failure(error::invalid_option, "no program is named");
    const auto fail = [&](const error_code& ec, std::string_view what) {
        return failure(ec, call.arguments.front() + ": " + std::string(what));
    };
    const auto deadline = clock::now() + call.timeout;

    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail(system_error(errno), "no pipe for its output");
    descriptor output, input;
    output.reset(ends[0]);
    input.reset(ends[1]);

    child program;
    if (const auto ec = program.start(call.arguments, input.get())) return fail(ec, "the program cannot be started");
    input.reset();

    program_output done;
    auto ec = read_all(output.get(), done.text, call.max_output, deadline);
    if (!ec && !program.wait(deadline)) ec = error::timeout;
    if (ec) {
        detail::cleanse(done.text);
        if (ec == error::timeout)
            return fail(ec, "did not end within " + std::to_string(call.timeout.count()) + " ms, and was killed");
        if (ec == error::response_too_large)
            return fail(ec, "wrote more than " + std::to_string(call.max_output) + " bytes, and was killed");
        return fail(ec, "its output cannot be read");
    }
    done.exit_status = program.exit_status();
    return done;
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/shared_config.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/http/client.hpp>
// #include <dynasession/http/message.hpp>
// #include <dynasession/op/action.hpp>
// #include <dynasession/op/run.hpp>
#ifndef DYNASESSION_OP_RUN_HPP
#define DYNASESSION_OP_RUN_HPP

// #include <dynasession/op/action.hpp>

#include <utility>

namespace dynasession::inline v0::op {

/// Drives an operation to its end on the calling thread.
///
/// `Io` has `instant now()`, `reply_type perform(effect)` and `void wait(milliseconds)`, all blocking.
template <operation Op, class Io>
result<typename Op::value_type> run(Op op, Io& io) {
    for (typename Op::reply_type reply{};;) {
        auto act = op.resume(std::move(reply), io.now());
        if (auto* effect = std::get_if<0>(&act)) {
            reply = io.perform(std::move(*effect));
        } else if (auto* delay = std::get_if<1>(&act)) {
            if (delay->until)
                delay->until->wait_for(delay->duration);
            else
                io.wait(delay->duration);
            reply = {};
        } else {
            return std::get<2>(std::move(act));
        }
    }
}

} // namespace dynasession::inline v0::op

#endif

#include <chrono>
#include <thread>
#include <utility>
#include <variant>

namespace dynasession::inline v0::aws {

/// Carries out the effects of a fetch, blocking: the `Io` of `op::run` for a `fetch_operation`.
///
/// A call ends by its timeout; only the look-up of a name may last longer, as long as the system's resolver does.
///
/// *Thread safety:* may be used from many threads at once.
class fetch_io {
public:
    /// The options are those of the connections to servers, but for the time limits: those are the calls' own. What is
    /// not set is taken from environment and profile when a server is asked, as `resolve_connection` does; through a
    /// proxy go those calls only that may.
    explicit fetch_io(http::client_options options = {}, bool allow_plain_http = false,
                      environment env = process_environment, shared_config config = {})
        : options_(std::move(options)), allow_plain_http_(allow_plain_http), env_(std::move(env)),
          config_(std::move(config)) {
        options_.max_body_size = 64 * 1024; // credentials have a few thousand bytes
    }

    op::instant now() const noexcept { return op::instant::now(); }
    void wait(std::chrono::milliseconds duration) const { std::this_thread::sleep_for(duration); }

    fetch_reply perform(const fetch_effect& effect) const {
        return std::visit([this](const auto& call) { return carry_out(call); }, effect);
    }

private:
    // On a connection of its own: fetches are hours apart.
    fetch_reply carry_out(const server_call& call) const {
        auto options = options_for(call);
        if (!options) return std::move(options).error();
        try {
            http::client server(call.server, *std::move(options));
            auto r = server.perform({&call.message, std::chrono::steady_clock::now() + call.timeout});
            if (!r.answer) return std::move(r.answer).error();
            return *std::move(r.answer);
        } catch (const session_error& e) {
            return failure(e.code(), e.detail());
        }
    }

    fetch_reply carry_out(const program_call& call) const {
        auto output = run_program(call);
        if (!output) return std::move(output).error();
        return *std::move(output);
    }

    result<http::client_options> options_for(const server_call& call) const {
        auto options = options_;
        options.connect_timeout = options.handshake_timeout = call.timeout;
        if (!call.through_proxy) options.proxy.emplace(); // none
        return resolve_connection(std::move(options), call.server, allow_plain_http_, env_, config_);
    }

    http::client_options options_;
    bool allow_plain_http_;
    environment env_;
    shared_config config_;
};

/// Carries out a fetch on the calling thread. The options are those of `fetch_io`.
template <class Op>
    requires fetch_operation<Op, typename Op::value_type>
result<typename Op::value_type> fetch_now(Op operation, http::client_options options = {}) {
    fetch_io effects(std::move(options));
    return op::run(std::move(operation), effects);
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/metadata_requests.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/http/client.hpp>
// #include <dynasession/http/message.hpp>
// #include <dynasession/op/action.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace dynasession::inline v0::aws {

/// Asks the endpoint of a container for credentials.
class fetch_container_credentials {
public:
    using effect_type = fetch_effect;
    using reply_type = fetch_reply;
    using value_type = credentials;
    using action_type = metadata_requests<credentials>::action_type;

    /// The token, unless it is empty, is what the Authorization field says.
    fetch_container_credentials(const container_settings& s, std::string token)
        : requests_(s.server, s.source, s.patience), host_(s.server.authority()), target_(s.target),
          token_(std::move(token)) {}

    action_type resume(fetch_reply&& reply, op::instant) {
        if (!std::exchange(is_asked_, true)) return ask();
        if (auto next = requests_.follow(reply)) return *std::move(next);
        if (reply.answer->status != 200) return refuse(*reply.answer);
        auto found = read_credentials_json(std::move(reply.answer->body), metadata_form);
        if (found) return found;
        const auto why = found.error();
        return why == error::malformed_response ? requests_.again(why.code, why.detail)
                                                : requests_.end(why.code, why.detail);
    }

private:
    action_type ask() {
        const http::field fields[] = {{"Accept", "application/json"}, {"Authorization", token_}};
        return requests_.send("GET", target_, {fields, token_.empty() ? 1U : 2U}, host_);
    }

    // Most endpoints give a reason in place of credentials.
    action_type refuse(http::response& answer) const {
        const auto status = requests_.status_text(answer.status);
        auto said = read_credentials_json(std::move(answer.body), metadata_form);
        const bool is_reason = !said && said.error() == error::missing_credentials;
        return requests_.end(error::missing_credentials, is_reason ? status + ": " + said.error().detail : status);
    }

    metadata_requests<credentials> requests_;
    std::string host_;
    std::string target_;
    std::string token_;
    bool is_asked_ = false;
};

static_assert(fetch_operation<fetch_container_credentials>);

/// What the Authorization field of a container's requests says: the file's content, which changes, else the token;
/// empty when there is neither.
///
/// *Errors:* `error::invalid_option`, naming the variable: a file that cannot be read or is empty, a line break or
/// another sign that has no place in a header field.
inline result<std::string> read_container_token(const container_settings& settings) {
    using namespace container_settings_detail;
    constexpr std::size_t most = 16 * 1024; // servers take no longer fields
    const auto check = [](std::string_view name, const std::string& place, std::string token) -> result<std::string> {
        if (token.find_first_of("\r\n") != token.npos)
            return refuse(name, place + "holds a line break: write the token without one at its end");
        if (token.size() > most) return refuse(name, place + "longer than 16 KiB: no token");
        if (!std::ranges::all_of(token, [](char c) { return c >= ' ' && c <= '~'; }))
            return refuse(name, place + "holds signs that a token has not");
        return token;
    };
    const auto& path = settings.token_file;
    if (path.empty()) return check(token_value, "", settings.token);

    const auto unreadable = [&](const std::string& why) {
        return refuse(token_file, path + " cannot be read: " + why);
    };
    std::error_code ec;
    const auto status = std::filesystem::status(path, ec);
    if (ec && status.type() != std::filesystem::file_type::not_found) return unreadable(ec.message());
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) return unreadable("not a file");
    std::ifstream in(path, std::ios::binary);
    if (!in) return unreadable(std::generic_category().message(errno));
    std::string token(most + 1, '\0');
    in.read(token.data(), static_cast<std::streamsize>(token.size()));
    if (in.bad()) return unreadable("input error");
    token.resize(static_cast<std::size_t>(in.gcount()));
    if (token.empty()) return refuse(token_file, path + " is empty");
    return check(token_file, path + ": ", std::move(token));
}

/// The source of the credentials of a container (ECS, EKS Pod Identity). Reads a token's file anew each time.
///
/// With three attempts of two seconds a fetch ends within 7 seconds, however the endpoint behaves; the look-up of a
/// name in a full URI may last longer, as long as the system's resolver does.
class container_credentials {
public:
    explicit container_credentials(container_settings settings, http::client_options options = {})
        : settings_(std::move(settings)), options_(std::move(options)) {}

    result<credentials> operator()() const {
        auto token = read_container_token(settings_);
        if (!token) return std::move(token).error();
        return fetch_now(fetch_container_credentials(settings_, *std::move(token)), options_);
    }

private:
    container_settings settings_;
    http::client_options options_;
};

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/container_settings.hpp>
// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/environment_credentials.hpp>
#ifndef DYNASESSION_AWS_ENVIRONMENT_CREDENTIALS_HPP
#define DYNASESSION_AWS_ENVIRONMENT_CREDENTIALS_HPP

// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/key_text.hpp>
#ifndef DYNASESSION_AWS_KEY_TEXT_HPP
#define DYNASESSION_AWS_KEY_TEXT_HPP

#include <algorithm>
#include <string_view>

namespace dynasession::inline v0::aws {

/// Whether a text can be a part of a key or a token, which go into header fields: ASCII without white space.
constexpr bool is_key_text(std::string_view text) noexcept {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/iso8601.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// The credentials in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_CREDENTIAL_EXPIRATION; nothing
/// when neither of the first two is set.
///
/// *Errors:* `error::missing_credentials` when one of the two is, `error::invalid_option` for a text that is no key and
/// an expiry that is no time; the detail names the variable.
inline result<std::optional<credentials>> environment_credentials(const environment& env = process_environment) {
    auto id = variable(env, "AWS_ACCESS_KEY_ID");
    auto secret = variable(env, "AWS_SECRET_ACCESS_KEY");
    auto token = variable(env, "AWS_SESSION_TOKEN");
    if (id.empty() && secret.empty()) return std::optional<credentials>();
    if (id.empty())
        return failure(error::missing_credentials, "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not");
    if (secret.empty())
        return failure(error::missing_credentials, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
    for (const auto& [name, text] : {std::pair<const char*, std::string_view>("AWS_ACCESS_KEY_ID", id),
                                     {"AWS_SECRET_ACCESS_KEY", secret},
                                     {"AWS_SESSION_TOKEN", token}})
        if (!is_key_text(text))
            return failure(error::invalid_option, std::string(name) + ": holds white space or signs outside of ASCII");

    std::optional<credentials::time_point> expires;
    if (const auto text = variable(env, "AWS_CREDENTIAL_EXPIRATION"); !text.empty()) {
        expires = detail::parse_iso8601(text);
        if (!expires)
            return failure(error::invalid_option,
                           "AWS_CREDENTIAL_EXPIRATION: expected a time such as 2026-11-20T10:00:00Z");
    }
    return std::optional<credentials>(std::in_place, std::move(id), std::move(secret), std::move(token), expires);
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/fetch.hpp>
// #include <dynasession/aws/instance_credentials.hpp>
#ifndef DYNASESSION_AWS_INSTANCE_CREDENTIALS_HPP
#define DYNASESSION_AWS_INSTANCE_CREDENTIALS_HPP

// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/aws/credentials_json.hpp>
// #include <dynasession/aws/credentials_provider.hpp>
#ifndef DYNASESSION_AWS_CREDENTIALS_PROVIDER_HPP
#define DYNASESSION_AWS_CREDENTIALS_PROVIDER_HPP

// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/random.hpp>
// #include <dynasession/op/action.hpp>
// #include <dynasession/op/event.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0::aws {

/// What can be asked for credentials: a callable without arguments that returns `credentials`, or a `result` of them.
///
/// It may block, and throw. It is called by one thread at a time, which may be any.
template <class S>
concept credentials_source = std::copy_constructible<S> && std::invocable<S&> &&
                             std::convertible_to<std::invoke_result_t<S&>, result<credentials>>;

/// When credentials that expire are fetched anew (botocore, RefreshableCredentials), so long before their end. Those
/// with a short life have these times cut to a quarter and a sixth of it.
struct refresh_options {
    std::chrono::milliseconds advisory{std::chrono::minutes(15)};  ///< one fetch, while all go on with what they have
    std::chrono::milliseconds mandatory{std::chrono::minutes(10)}; ///< all wait, and fail if the fetch fails

    /// Go on with credentials that have expired while their source gives no others: for instance metadata, whose outages
    /// the services honour ("static stability").
    bool keep_expired = false;
};

/// Gives a client its credentials: fixed ones, or those of a source that is asked when it is time.
///
/// Copies share what they know. Fetches run on a thread of their own, one at a time, however many callers wait. The end
/// of the last copy waits for a fetch under way.
///
/// *Thread safety:* may be used from many threads at once.
class credentials_provider {
public:
    using snapshot = std::shared_ptr<const credentials>;

    /// A fetch that somebody may wait for.
    struct fetch {
        op::event done;
        result<snapshot> found{snapshot{}}; ///< once `done` is set; then never null
    };

    /// None; a client then looks for credentials where the AWS SDKs do.
    credentials_provider() = default;

    credentials_provider(credentials fixed) : fixed_(std::make_shared<const credentials>(std::move(fixed))) {}

    template <class S>
        requires(!std::same_as<S, credentials_provider> && !std::convertible_to<S, credentials>) && credentials_source<S>
    credentials_provider(S source, refresh_options options = {})
        : refreshing_(std::make_shared<refreshing>(
              [source = std::move(source)]() mutable -> result<credentials> { return source(); }, options)) {}

    explicit operator bool() const noexcept { return fixed_ || refreshing_; }

    /// What is good to sign with now, or null. Never waits; begins a fetch when it is advisable.
    snapshot cached(op::instant now) const { return fixed_ ? fixed_ : refreshing_->cached(now); }

    /// The fetch under way, else a new one; one that is over when what was not cached has come meanwhile.
    std::shared_ptr<fetch> refresh(op::instant now) const { return refreshing_->refresh(now); }

    /// What is good to sign with now: waits for it if need be.
    ///
    /// *Errors:* those of the source.
    result<snapshot> get(op::instant now) const {
        if (auto found = cached(now)) return found;
        const auto pending = refresh(now);
        while (!pending->done.is_set()) pending->done.wait_for(std::chrono::hours(1));
        return pending->found;
    }

    /// The service does not accept these. Whether others can be had: then they are not given out again.
    bool reject(const snapshot& refused) const { return refreshing_ && refreshing_->reject(refused); }

private:
    using clock_time = credentials::time_point;

    class refreshing {
    public:
        refreshing(std::function<result<credentials>()> source, refresh_options options)
            : source_(std::move(source)), options_(options) {}
        ~refreshing() {
            if (worker_.joinable()) worker_.join();
        }
        refreshing(const refreshing&) = delete;
        refreshing& operator=(const refreshing&) = delete;

        snapshot cached(op::instant now) {
            std::thread finished;
            snapshot found;
            {
                const std::lock_guard lock(mutex_);
                if (!is_good(now)) return nullptr;
                if (now.system >= refresh_at_ && !pending_) finished = begin(now);
                found = current_;
            }
            join(std::move(finished));
            return found;
        }

        std::shared_ptr<fetch> refresh(op::instant now) {
            std::thread finished;
            std::shared_ptr<fetch> pending;
            {
                const std::lock_guard lock(mutex_);
                if (!pending_ && is_good(now)) return over(current_);
                if (!pending_) finished = begin(now);
                pending = under_way_;
            }
            join(std::move(finished));
            return pending;
        }

        bool reject(const snapshot& refused) {
            const std::lock_guard lock(mutex_);
            if (current_ == refused) current_.reset();
            return true;
        }

    private:
        bool is_good(op::instant now) const noexcept { return current_ && now.system < good_until_; }

        static std::shared_ptr<fetch> over(result<snapshot> found) {
            auto f = std::make_shared<fetch>();
            f->found = std::move(found);
            f->done.set();
            return f;
        }

        // Under the lock. Returns the thread of the last fetch, which has nothing left to do.
        std::thread begin(op::instant now) {
            pending_ = true;
            under_way_ = std::make_shared<fetch>();
            try {
                return std::exchange(worker_, std::thread([this, now, f = under_way_] { finish(*f, ask(), now); }));
            } catch (const std::system_error& e) {
                pending_ = false;
                under_way_ = over(failure(e.code(), "no thread to fetch credentials"));
                return {};
            }
        }

        static void join(std::thread finished) {
            if (finished.joinable()) finished.join();
        }

        result<credentials> ask() {
            try {
                return source_();
            } catch (const session_error& e) {
                return failure(e.code(), e.detail());
            } catch (const std::exception& e) {
                return failure(error::missing_credentials, std::string("the source of credentials failed: ") + e.what());
            }
        }

        void finish(fetch& f, result<credentials> answer, op::instant began) {
            {
                const std::lock_guard lock(mutex_);
                f.found = answer ? accept(*std::move(answer), began.system) : decline(std::move(answer).error(), began.system);
                pending_ = false;
            }
            f.done.set();
        }

        result<snapshot> accept(credentials fresh, clock_time now) {
            using namespace std::chrono_literals;
            if (!fresh.expires()) {
                good_until_ = refresh_at_ = clock_time::max();
            } else if (*fresh.expires() > now) {
                lifetime_ = *fresh.expires() - now;
                good_until_ = *fresh.expires() - std::min(options_.mandatory, lifetime_ / 6);
                // A fleet that started together shall not ask together.
                refresh_at_ = *fresh.expires() - std::min(options_.advisory, lifetime_ / 4) -
                              spread(0ms, std::min<std::chrono::milliseconds>(5min, lifetime_ / 12));
            } else if (options_.keep_expired) {
                keep(now);
            } else {
                return decline({error::credentials_expired, "the source of credentials gave some that had expired"}, now);
            }
            return current_ = std::make_shared<const credentials>(std::move(fresh));
        }

        result<snapshot> decline(failure why, clock_time now) {
            using namespace std::chrono_literals;
            refresh_at_ = now + std::min<std::chrono::milliseconds>(30s, lifetime_ / 20);
            if (!current_ || now < good_until_) return why;
            if (!options_.keep_expired) return why;
            keep(now);
            return current_;
        }

        void keep(clock_time now) {
            using namespace std::chrono_literals;
            refresh_at_ = now + spread(5min, 10min);
            good_until_ = clock_time::max();
        }

        static std::chrono::milliseconds spread(std::chrono::milliseconds least, std::chrono::milliseconds most) {
            return least + std::chrono::duration_cast<std::chrono::milliseconds>((most - least) * detail::uniform_random());
        }

        const std::function<result<credentials>()> source_;
        const refresh_options options_;
        std::mutex mutex_;
        snapshot current_;
        clock_time refresh_at_{};
        clock_time good_until_{};
        std::chrono::milliseconds lifetime_{};
        bool pending_ = false; ///< `under_way_` is
        std::shared_ptr<fetch> under_way_;
        std::thread worker_; ///< of the last fetch
    };

    snapshot fixed_;
    std::shared_ptr<refreshing> refreshing_;
};

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/fetch.hpp>
// #include <dynasession/aws/fetch_now.hpp>
// #include <dynasession/aws/instance_metadata.hpp>
#ifndef DYNASESSION_AWS_INSTANCE_METADATA_HPP
#define DYNASESSION_AWS_INSTANCE_METADATA_HPP

// #include <dynasession/aws/fetch.hpp>
// #include <dynasession/aws/instance_settings.hpp>
#ifndef DYNASESSION_AWS_INSTANCE_SETTINGS_HPP
#define DYNASESSION_AWS_INSTANCE_SETTINGS_HPP

// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/metadata_requests.hpp>
// #include <dynasession/aws/setting.hpp>
// #include <dynasession/aws/shared_config.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/http/endpoint.hpp>

#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace dynasession::inline v0::aws {

/// Which of the two addresses of the metadata service.
enum class metadata_mode { ipv4, ipv6 };

/// How instance metadata (IMDS) is asked, as a program says it; what is not set comes from the environment, then from
/// the profile in use.
struct instance_options {
    /// Else AWS_EC2_METADATA_SERVICE_ENDPOINT, `ec2_metadata_service_endpoint`, the address of the mode.
    std::string endpoint = {};

    /// Else AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE, `ec2_metadata_service_endpoint_mode`, IPv4.
    std::optional<metadata_mode> mode = {};

    /// For one request; else AWS_METADATA_SERVICE_NUM_ATTEMPTS, `metadata_service_num_attempts`, 3.
    std::optional<unsigned> attempts = {};

    /// For one attempt; else AWS_METADATA_SERVICE_TIMEOUT, `metadata_service_timeout`, in seconds both, 1 s.
    std::optional<std::chrono::milliseconds> timeout = {};

    /// Ask without a token (IMDSv1) where no token is given out, unless AWS_EC2_METADATA_V1_DISABLED or
    /// `ec2_metadata_v1_disabled` forbids it. Who can make this machine send a request of his then gets the
    /// credentials.
    bool allow_v1 = false;
};

/// The same with nothing left to find out.
struct instance_settings {
    http::endpoint server{};
    metadata_patience patience{std::chrono::seconds(1)};
    bool allow_v1 = false;
    std::string disabled_by{}; ///< the variable that turns instance metadata off; empty: it may be asked
};

namespace instance_settings_detail {

// A number from `least` to `most`; nothing when the text is none.
template <class Number>
std::optional<Number> number(std::string_view text, Number least, Number most) {
    Number n{};
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (ec != std::errc{} || end != text.data() + text.size() || !(n >= least && n <= most)) return std::nullopt;
    return n;
}

class resolver {
public:
    resolver(const instance_options& given, const environment& env, const shared_config& config)
        : given_(&given), env_(&env), config_(&config) {}

    result<instance_settings> resolve() const {
        instance_settings s;
        const shared_config no_profile; // none turns the whole service off
        auto disabled_by = switched_on_by({}, {}, "AWS_EC2_METADATA_DISABLED", {}, *env_, no_profile);
        if (!disabled_by) return std::move(disabled_by).error();
        s.disabled_by = *std::move(disabled_by);
        if (!s.disabled_by.empty()) return s;
        const auto v1_disabled_by =
            switched_on_by({}, {}, "AWS_EC2_METADATA_V1_DISABLED", "ec2_metadata_v1_disabled", *env_, *config_);
        if (!v1_disabled_by) return v1_disabled_by.error();
        s.allow_v1 = given_->allow_v1 && v1_disabled_by->empty();
        if (auto ok = find_server(s); !ok) return std::move(ok).error();
        if (auto ok = find_patience(s.patience); !ok) return std::move(ok).error();
        return s;
    }

private:
    setting find(std::string_view variable_name, std::string_view property) const {
        return find_setting({variable_name}, property, *env_, *config_);
    }

    result<void> find_server(instance_settings& s) const {
        auto url = given_->endpoint.empty() ? find("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint")
                                            : setting{given_->endpoint, "option endpoint of instance metadata"};
        if (url.value.empty()) {
            const auto mode = find_mode();
            if (!mode) return mode.error();
            url.value = *mode == metadata_mode::ipv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
        }
        auto server = http::endpoint::parse(url.value);
        if (!server) return url.refuse(server.error().detail, error::invalid_endpoint);
        s.server = *std::move(server);
        return {};
    }

    result<metadata_mode> find_mode() const {
        if (given_->mode) return *given_->mode;
        const auto found = find("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode");
        if (found.value.empty() || equals_ignoring_case(found.value, "ipv4")) return metadata_mode::ipv4;
        if (equals_ignoring_case(found.value, "ipv6")) return metadata_mode::ipv6;
        return found.refuse("neither IPv4 nor IPv6");
    }

    // The bounds keep the end of a program from waiting long for a fetch.
    result<void> find_patience(metadata_patience& patience) const {
        if (given_->attempts) {
            patience.attempts = *given_->attempts;
        } else if (const auto f = find("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "metadata_service_num_attempts");
                   !f.value.empty()) {
            const auto n = number(f.value, 1U, 10U);
            if (!n) return f.refuse("not a number from 1 to 10");
            patience.attempts = *n;
        }
        if (given_->timeout) {
            patience.timeout = *given_->timeout;
        } else if (const auto f = find("AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout"); !f.value.empty()) {
            const auto n = number(f.value, 0.001, 60.0);
            if (!n) return f.refuse("not a number of seconds from 0.001 to 60");
            patience.timeout = std::chrono::round<std::chrono::milliseconds>(std::chrono::duration<double>(*n));
        }
        return {};
    }

    const instance_options* given_;
    const environment* env_;
    const shared_config* config_;
};

} // namespace instance_settings_detail

/// How instance metadata is to be asked: the options, else the environment, else the profile.
///
/// *Errors:* `error::invalid_endpoint` for a URL that is none or has a path, `error::invalid_option` for any other
/// value that is none; the detail names the option, the variable, or file, line and property.
inline result<instance_settings> resolve_instance_settings(const instance_options& options = {},
                                                           const environment& env = process_environment,
                                                           const shared_config& config = {}) {
    return instance_settings_detail::resolver(options, env, config).resolve();
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/metadata_requests.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/http/message.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// What an operation is after in instance metadata, and what to say when it is not there.
struct metadata_subject {
    std::string_view target{};    ///< what it asks for first
    error missing{};              ///< what it ends with when it is refused
    std::string_view not_found{}; ///< what status 404 means, and what to do
    std::string_view elsewhere{}; ///< what to do where there is no metadata service
};

/// The requests to the metadata service of an EC2 instance of an operation that fetches a `T` (EC2 user guide, "Use the
/// Instance Metadata Service"): for a token, then for what the operation is after.
///
/// The token is not kept for the next fetch, although it lives for six hours: fetches are an hour apart, and a request
/// to this machine costs less than a secret that lies about. A token that is refused is replaced once, and the
/// operation begins anew.
template <class T>
class instance_metadata {
public:
    using action_type = typename metadata_requests<T>::action_type;

    instance_metadata(instance_settings s, const metadata_subject& subject)
        : requests_(s.server,
                    "instance metadata at http" + std::string(s.server.tls ? "s://" : "://") + s.server.authority(),
                    s.patience),
          subject_(subject), allow_v1_(s.allow_v1), disabled_by_(std::move(s.disabled_by)) {}

    /// What follows from a reply, unless it is the answer, of status 200, to what was asked last.
    std::optional<action_type> follow(const fetch_reply& reply) {
        if (step_ == step::start) return begin();
        if (step_ == step::token && has_timed_out(reply))
            return go_without_token(error::timeout,
                                    "no answer within " + std::to_string(requests_.patience().timeout.count()) + " ms");
        if (auto next = requests_.follow(reply)) return next;
        const auto& answer = *reply.answer;
        if (step_ == step::token) return take_token(answer);
        if (answer.status != 200) return give_up_or_renew(answer.status);
        return std::nullopt;
    }

    /// The next request, after the first one.
    action_type ask(std::string target) {
        step_ = step::subject;
        target_ = std::move(target);
        const http::field token{"x-aws-ec2-metadata-token", token_};
        return requests_.send("GET", target_, {&token, token_.empty() ? 0U : 1U}, "GET " + target_);
    }

    /// What was asked last.
    const std::string& target() const noexcept { return target_; }

    /// The same as of `metadata_requests`.
    action_type again(error_code code, std::string_view why) { return requests_.again(code, why); }
    action_type end(error_code code, std::string_view why) const { return requests_.end(code, why); }

private:
    enum class step { start, token, subject };

    action_type begin() {
        if (disabled_by_.empty()) return ask_token();
        return result<T>(failure(subject_.missing, "instance metadata: turned off by " + disabled_by_));
    }

    action_type ask_token() {
        step_ = step::token;
        constexpr http::field lifetime{"x-aws-ec2-metadata-token-ttl-seconds", "21600"};
        constexpr std::string_view target = "/latest/api/token";
        return requests_.send("PUT", target, {&lifetime, 1}, "PUT " + std::string(target));
    }

    action_type ask_subject() { return ask(std::string(subject_.target)); }

    static bool has_timed_out(const fetch_reply& reply) {
        return !reply.answer &&
               (reply.answer.error() == error::timeout || reply.answer.error().code == boost::system::errc::timed_out);
    }

    action_type take_token(const http::response& answer) {
        const auto status = answer.status;
        if (status == 403 || status == 404 || status == 405)
            return go_without_token(subject_.missing, requests_.status_text(status));
        if (status != 200) return stop(status);
        const auto is_plain = [](char c) { return c > ' ' && c <= '~'; };
        if (answer.body.empty() || answer.body.size() > 1024 || !std::ranges::all_of(answer.body, is_plain))
            return again(error::malformed_response, "the answer is no token");
        token_ = answer.body;
        return ask_subject();
    }

    action_type go_without_token(error_code code, std::string why) {
        if (allow_v1_) return ask_subject();
        why.append("; in a container on EC2, raise the instance's HttpPutResponseHopLimit to 2; where there is no "
                   "metadata service, ")
            .append(subject_.elsewhere)
            .append("; where there is one without tokens (IMDSv1), set allow_v1");
        return end(code, why);
    }

    action_type give_up_or_renew(unsigned status) {
        if (status == 401 && !token_.empty() && !std::exchange(is_renewed_, true)) return ask_token();
        if (status == 404 && target_ == subject_.target)
            return end(subject_.missing, requests_.status_text(status).append(": ").append(subject_.not_found));
        return stop(status);
    }

    action_type stop(unsigned status) const {
        return end(status == 400 ? error::invalid_request : subject_.missing, requests_.status_text(status));
    }

    metadata_requests<T> requests_;
    metadata_subject subject_;
    bool allow_v1_;
    std::string disabled_by_;
    step step_ = step::start;
    std::string target_;
    std::string token_;
    bool is_renewed_ = false;
};

/// An answer of one line without the line breaks at its end.
inline std::string_view metadata_line(std::string_view answer) noexcept {
    while (answer.ends_with('\n') || answer.ends_with('\r')) answer.remove_suffix(1);
    return answer;
}

/// Whether a failure to fetch instance metadata says that this machine has no such service.
inline bool means_no_metadata_service(const failure& why) {
    const bool of_network = why.code.category() == boost::system::system_category() ||
                            why.code.category() == boost::asio::error::get_netdb_category();
    return why == error::timeout || (of_network && why.code != boost::asio::error::operation_aborted);
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/instance_settings.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/http/client.hpp>
// #include <dynasession/op/action.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// Asks the metadata service of an EC2 instance for the credentials of its role: for the name of the role, then for its
/// credentials. Those that have expired are given on, as the service gives them during an outage.
class fetch_instance_credentials {
public:
    using effect_type = fetch_effect;
    using reply_type = fetch_reply;
    using value_type = credentials;
    using action_type = instance_metadata<credentials>::action_type;

    explicit fetch_instance_credentials(instance_settings s)
        : metadata_(std::move(s),
                    {.target = roles,
                     .missing = error::missing_credentials,
                     .not_found = "the instance has no role: attach an instance profile to it",
                     .elsewhere = "give other credentials and set AWS_EC2_METADATA_DISABLED=true"}) {}

    action_type resume(fetch_reply&& reply, op::instant) {
        if (auto next = metadata_.follow(reply)) return *std::move(next);
        auto& text = reply.answer->body;
        return metadata_.target() == roles ? take_role(metadata_line(text)) : take_credentials(std::move(text));
    }

private:
    static constexpr std::string_view roles = "/latest/meta-data/iam/security-credentials/";

    action_type take_role(std::string_view name) {
        if (!is_role(name)) return metadata_.again(error::malformed_response, "the answer is no name of a role");
        return metadata_.ask(std::string(roles).append(name));
    }

    // A name becomes a part of the next request: it may neither end its line nor lead elsewhere.
    static bool is_role(std::string_view name) noexcept {
        constexpr std::string_view marks = "+=,.@_-"; // IAM API reference, CreateRole
        const auto is_allowed = [&](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   marks.find(c) != marks.npos;
        };
        return !name.empty() && name.size() <= 128 && std::ranges::all_of(name, is_allowed) &&
               name.find_first_not_of('.') != name.npos;
    }

    action_type take_credentials(std::string text) {
        auto found = read_credentials_json(std::move(text), metadata_form);
        if (found) return found;
        const auto why = found.error();
        return why == error::malformed_response ? metadata_.again(why.code, why.detail)
                                                : metadata_.end(why.code, why.detail);
    }

    instance_metadata<credentials> metadata_;
};

static_assert(fetch_operation<fetch_instance_credentials>);

/// The source of an EC2 instance's credentials. Its provider should have `instance_refresh`.
///
/// With three attempts of one second a fetch ends within 20 seconds, however the service behaves; where there is none,
/// within one.
class instance_credentials {
public:
    explicit instance_credentials(instance_settings settings, http::client_options options = {})
        : settings_(std::move(settings)), options_(std::move(options)) {}

    result<credentials> operator()() const { return fetch_now(fetch_instance_credentials(settings_), options_); }

private:
    instance_settings settings_;
    http::client_options options_;
};

/// When the credentials of an instance are fetched anew: those that have expired stay in use during an outage of the
/// metadata service, as AWS accepts them for longer then.
inline constexpr refresh_options instance_refresh{.keep_expired = true};

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/instance_metadata.hpp>
// #include <dynasession/aws/instance_settings.hpp>
// #include <dynasession/aws/process_credentials.hpp>
#ifndef DYNASESSION_AWS_PROCESS_CREDENTIALS_HPP
#define DYNASESSION_AWS_PROCESS_CREDENTIALS_HPP

// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/aws/credentials_json.hpp>
// #include <dynasession/aws/fetch.hpp>
// #include <dynasession/aws/fetch_now.hpp>
// #include <dynasession/aws/split_command.hpp>
#ifndef DYNASESSION_AWS_SPLIT_COMMAND_HPP
#define DYNASESSION_AWS_SPLIT_COMMAND_HPP

// #include <dynasession/core/error.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::aws {

namespace split_command_detail {

inline failure refuse(const char* why) { return {error::invalid_option, why}; }

// Appends what stands between the quote at `i` and the next of its kind, and moves `i` there; false when there is none.
inline bool take_quoted(std::string_view command, std::size_t& i, std::string& word) {
    for (const char quote = command[i++]; i < command.size(); ++i) {
        if (command[i] == quote) return true;
        // Between double quotes a backslash is one of its own, but before these two.
        if (quote == '"' && command[i] == '\\' && i + 1 < command.size() &&
            (command[i + 1] == '"' || command[i + 1] == '\\'))
            ++i;
        word += command[i];
    }
    return false;
}

} // namespace split_command_detail

/// Splits a command line as a POSIX shell does, and expands nothing: blanks part, quotes of both kinds and backslashes
/// keep together (Python's `shlex.split`, which the AWS SDKs' users know it by).
///
/// *Errors:* `error::invalid_option` when nothing is left, a quote is not closed, the line ends in a backslash or holds
/// a NUL; the detail does not repeat the line.
inline result<std::vector<std::string>> split_command(std::string_view command) {
    using split_command_detail::refuse;
    if (command.find('\0') != command.npos) return refuse("the command holds a NUL");
    std::vector<std::string> words;
    std::string word;
    bool in_word = false; // two quotes with nothing between them are a word, too
    for (std::size_t i = 0; i < command.size(); ++i) {
        const char c = command[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            if (std::exchange(in_word, false)) words.push_back(std::exchange(word, {}));
            continue;
        }
        in_word = true;
        if (c == '\'' || c == '"') {
            if (!split_command_detail::take_quoted(command, i, word))
                return refuse(c == '"' ? "the command has a double quote that is not closed"
                                       : "the command has a single quote that is not closed");
        } else if (c == '\\') {
            if (++i == command.size()) return refuse("the command ends in a backslash");
            word += command[i];
        } else {
            word += c;
        }
    }
    if (in_word) words.push_back(std::move(word));
    if (words.empty()) return refuse("the command is empty");
    return words;
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/op/action.hpp>

#include <boost/asio/error.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// Asks a program for credentials (AWS CLI user guide, "Sourcing credentials with an external process").
class fetch_process_credentials {
public:
    using effect_type = fetch_effect;
    using reply_type = fetch_reply;
    using value_type = credentials;
    using action_type = op::action<fetch_effect, credentials>;

    /// `origin` stands before the messages: where the command is set.
    fetch_process_credentials(program_call call, std::string origin)
        : call_(std::move(call)), origin_(std::move(origin)) {}

    action_type resume(fetch_reply&& reply, op::instant) {
        if (!std::exchange(is_asked_, true)) return fetch_effect(call_);
        if (!reply.output) return fail(reply.output.error());
        auto& [exit_status, text] = *reply.output;
        if (exit_status != 0) {
            detail::cleanse(text);
            return end(error::missing_credentials, program() + " ended with status " + std::to_string(exit_status) +
                                                       ": run the command by hand to see why");
        }
        auto found = read_credentials_json(std::move(text), process_form);
        if (found) return found;
        // Of a server this may pass by itself, but not of a program.
        return end(error::missing_credentials, "the output of " + program() + ": " + found.error().detail);
    }

private:
    action_type fail(const failure& why) const {
        if (why == boost::asio::error::operation_aborted) return result<credentials>(why);
        if (why == error::timeout || why == error::response_too_large) return end(why.code, why.detail);
        // Neither does what the system says of it, although the network's errors do.
        return end(error::missing_credentials, why.detail + " (" + why.code.message() + ')');
    }

    action_type end(error_code code, std::string_view why) const {
        return result<credentials>(failure(code, origin_ + ": " + std::string(why)));
    }

    const std::string& program() const { return call_.arguments.front(); }

    program_call call_;
    std::string origin_;
    bool is_asked_ = false;
};

static_assert(fetch_operation<fetch_process_credentials>);

/// The source of the credentials that a program prints. A fetch ends within the timeout of the call, which is 60 s.
class process_credentials {
public:
    /// The source of a command line; see `split_command`. `origin` says where it is set, for messages: FILE:LINE and
    /// the property.
    ///
    /// *Errors:* `error::invalid_option` for a line that cannot be split.
    static result<process_credentials> of(std::string_view command, std::string origin,
                                          std::chrono::milliseconds timeout = std::chrono::seconds(60)) {
        auto arguments = split_command(command);
        if (!arguments) return failure(arguments.error().code, origin + ": " + arguments.error().detail);
        return process_credentials({.arguments = *std::move(arguments), .timeout = timeout}, std::move(origin));
    }

    /// `call` has at least one argument.
    process_credentials(program_call call, std::string origin) : call_(std::move(call)), origin_(std::move(origin)) {}

    result<credentials> operator()() const { return fetch_now(fetch_process_credentials(call_, origin_)); }

private:
    program_call call_;
    std::string origin_;
};

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/sso_credentials.hpp>
#ifndef DYNASESSION_AWS_SSO_CREDENTIALS_HPP
#define DYNASESSION_AWS_SSO_CREDENTIALS_HPP

// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/aws/credentials_json.hpp>
// #include <dynasession/aws/fetch.hpp>
// #include <dynasession/aws/read_file.hpp>
#ifndef DYNASESSION_AWS_READ_FILE_HPP
#define DYNASESSION_AWS_READ_FILE_HPP

// #include <dynasession/core/error.hpp>

#include <boost/system/error_code.hpp>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string>
#include <system_error>

namespace dynasession::inline v0::aws {

/// The whole of a small file.
///
/// *Errors:* those of the system, and `file_too_large`, with the name of the file and the reason.
inline result<std::string> read_file(const std::string& name, std::size_t max_size) {
    const auto refuse = [&name](int number) {
        const error_code why(number, boost::system::system_category());
        return failure(why, name + " cannot be read (" + why.message() + ')');
    };
    errno = 0;
    std::error_code ignored;
    if (std::filesystem::is_directory(name, ignored)) return refuse(EISDIR);
    std::ifstream in(name, std::ios::binary);
    if (!in) return refuse(errno != 0 ? errno : EIO);

    std::string text(max_size + 1, '\0'); // one more than may be: a longer file is told from the longest
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (in.bad()) return refuse(EIO);
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > max_size) return refuse(EFBIG);
    return text;
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/service_call.hpp>
// #include <dynasession/aws/service_fault.hpp>
// #include <dynasession/aws/sso_profile.hpp>
#ifndef DYNASESSION_AWS_SSO_PROFILE_HPP
#define DYNASESSION_AWS_SSO_PROFILE_HPP

// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/setting.hpp>
// #include <dynasession/aws/shared_config.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/detail/encoding.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// A role of IAM Identity Center, which a person takes on by `aws sso login`.
struct sso_profile {
    std::string profile{};
    std::string account_id{};
    std::string role_name{};
    std::string region{};     ///< of the Identity Center
    std::string token_file{}; ///< where the login leaves its token
    std::string source{};     ///< where it was configured, for messages
};

/// Where the AWS CLI keeps the token of a login: `key` is the name of the session or, in profiles without one, the URL.
///
/// *Errors:* `error::missing_credentials` when HOME is not set.
inline result<std::string> sso_token_file(std::string_view key, const environment& env) {
    const auto home = variable(env, "HOME");
    if (home.empty()) return failure(error::missing_credentials, "HOME is not set, below which SSO tokens are kept");
    const auto name = detail::hex(detail::sha1_of(key));
    return home + "/.aws/sso/cache/" + std::string(name.data(), name.size()) + ".json";
}

/// The SSO role of a profile: `sso_account_id` and `sso_role_name` with `sso_session`, or with `sso_start_url` and
/// `sso_region`; nothing when it has none of them.
///
/// *Errors:* `error::invalid_option` when a part is missing or said in two ways, `error::missing_credentials` when HOME
/// is not set; the detail names file and line.
inline result<std::optional<sso_profile>> configured_sso(const environment& env, const shared_config& config,
                                                         std::string_view profile) {
    const auto find = [&](std::string_view property) { return setting_of(config.find(profile, property)); };
    auto account = find("sso_account_id"), role = find("sso_role_name");
    auto session = find("sso_session"), start_url = find("sso_start_url"), region = find("sso_region");
    const setting* first = nullptr; // what makes it an SSO profile
    for (const auto* said : {&session, &start_url, &account, &role})
        if (!first && !said->value.empty()) first = said;
    if (!first) return std::optional<sso_profile>();

    if (!session.value.empty()) {
        for (auto [property, own] : {std::pair("sso_start_url", &start_url), std::pair("sso_region", &region)}) {
            auto of_session = setting_of(config.find_sso_session(session.value, property));
            if (of_session.value.empty())
                return session.refuse("there is no section [sso-session " + session.value + "] with " + property +
                                      ": run aws configure sso");
            if (!own->value.empty() && own->value != of_session.value)
                return own->refuse("differs from " + of_session.source + ": remove one of the two");
            *own = std::move(of_session);
        }
    }
    for (const auto& [property, value] :
         {std::pair("sso_account_id", &account), std::pair("sso_role_name", &role),
          std::pair("sso_start_url", &start_url), std::pair("sso_region", &region)})
        if (value->value.empty())
            return first->refuse(std::string("gives credentials only together with ") + property + ": add it to the profile");

    auto file = sso_token_file(session.value.empty() ? start_url.value : session.value, env);
    if (!file) return first->refuse(file.error().detail, error::missing_credentials);
    return std::optional(sso_profile{.profile = std::string(profile),
                                     .account_id = std::move(account.value),
                                     .role_name = std::move(role.value),
                                     .region = std::move(region.value),
                                     .token_file = *std::move(file),
                                     .source = first->source});
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/detail/encoding.hpp>
// #include <dynasession/detail/iso8601.hpp>
// #include <dynasession/http/endpoint.hpp>
// #include <dynasession/http/message.hpp>
// #include <dynasession/op/action.hpp>
// #include <dynasession/op/defer.hpp>
#ifndef DYNASESSION_OP_DEFER_HPP
#define DYNASESSION_OP_DEFER_HPP

// #include <dynasession/op/action.hpp>

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0::op {

/// An operation that is made when it is first resumed, by `make()`, a `result<Op>`.
///
/// So what has to be worked out first, and may fail, runs where the operation runs.
template <class Make>
class defer {
    using made = typename std::invoke_result_t<Make&>::value_type;

public:
    using effect_type = typename made::effect_type;
    using reply_type = typename made::reply_type;
    using value_type = typename made::value_type;

    explicit defer(Make make) : make_(std::move(make)) {}

    action<effect_type, value_type> resume(reply_type&& reply, instant now) {
        if (!op_) {
            auto op = std::invoke(make_);
            if (!op) return result<value_type>(std::move(op).error());
            op_.emplace(*std::move(op));
        }
        return op_->resume(std::move(reply), now);
    }

private:
    Make make_;
    std::optional<made> op_;
};

} // namespace dynasession::inline v0::op

#endif

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

namespace sso_detail {

// What a login has left behind.
struct login {
    std::string token{};
    credentials::time_point expires{};
};

inline std::optional<login> parse_login(std::string_view text) {
    error_code ec;
    const auto json = boost::json::parse(text, ec);
    if (ec || !json.is_object()) return std::nullopt;
    auto token = credentials_json_detail::key_text(json.get_object(), "accessToken", true);
    auto expires = credentials_json_detail::text(json.get_object(), "expiresAt");
    if (!token || !expires) return std::nullopt;
    if (expires->ends_with("UTC")) expires->replace(expires->size() - 3, 3, "Z"); // older versions of the AWS CLI
    const auto time = detail::parse_iso8601(*expires);
    if (!time) return std::nullopt;
    return login{*std::move(token), *time};
}

// GetRoleCredentials (SSO portal API reference).
class request {
public:
    request(http::endpoint portal, sso_profile of, login with)
        : portal_(std::move(portal)), profile_(std::move(of)), login_(std::move(with)) {}
    request(const request&) = default;
    request(request&&) = default;
    request& operator=(const request&) = delete;
    ~request() { detail::cleanse(login_.token); }

    static std::string log_in(const sso_profile& p) { return "run aws sso login --profile " + p.profile; }

    std::string name() const { return profile_.source; }

    result<server_call> render(op::instant now) const {
        if (now.system >= login_.expires)
            return failure(error::credentials_expired, "the login has expired: " + log_in(profile_));
        std::string target = "/federation/credentials?account_id=";
        detail::append_uri_encoded(target, profile_.account_id);
        target += "&role_name=";
        detail::append_uri_encoded(target, profile_.role_name);
        const http::field fields[] = {{"accept-encoding", "identity"},
                                      {"user-agent", "dynasession"},
                                      {"x-amz-sso_bearer_token", login_.token}};
        auto message = http::make_request("GET", target, portal_.authority(), fields);
        if (!message) return std::move(message).error();
        return server_call{portal_, *std::move(message), std::chrono::seconds(5), true};
    }

    result<credentials> read(const http::response& answer) const {
        const failure foreign(error::malformed_response,
                              portal_.host + " does not answer as the SSO portal does: check AWS_ENDPOINT_URL_SSO and "
                                             "AWS_ENDPOINT_URL, and what stands between");
        const auto json = parse(answer);
        const auto* fields = json.is_object() ? json.get_object().if_contains("roleCredentials") : nullptr;
        if (!fields || !fields->is_object()) return foreign;
        const auto text = [&](std::string_view name) {
            return credentials_json_detail::key_text(fields->get_object(), name, true);
        };
        auto id = text("accessKeyId"), secret = text("secretAccessKey"), token = text("sessionToken");
        const auto* expires = fields->get_object().if_contains("expiration"); // milliseconds
        const auto* time = expires ? expires->if_int64() : nullptr;
        if (!id || !secret || !token || !time) return foreign;
        return credentials(*std::move(id), *std::move(secret), *std::move(token),
                           credentials::time_point(std::chrono::milliseconds(*time)));
    }

    service_fault fault(const http::response& answer) const {
        const auto json = parse(answer);
        const auto text = [&](std::string_view name) {
            if (!json.is_object()) return std::string();
            auto found = credentials_json_detail::text(json.get_object(), name);
            return found ? *std::move(found) : std::string();
        };
        const auto type = answer.header("x-amzn-errortype");
        auto f = service_fault_of(answer.status, error_name(type.empty() ? text("__type") : std::string(type)),
                                  text("message"));
        f.why.detail = portal_.host + ": " + f.why.detail;
        if (answer.status == 401) f.why = {error::credentials_expired, f.why.detail + ": " + log_in(profile_)};
        return f;
    }

private:
    static boost::json::value parse(const http::response& answer) {
        error_code ec;
        if (answer.body.size() > max_credentials_json) return nullptr;
        return boost::json::parse(answer.body, ec);
    }

    http::endpoint portal_;
    sso_profile profile_;
    login login_;
};

} // namespace sso_detail

/// A call to the SSO portal.
using sso_call = service_call<sso_detail::request>;

/// Makes the call for an SSO profile: with the token that its file holds now.
struct sso_exchange {
    http::endpoint portal{};
    sso_profile profile{};

    /// *Errors:* `error::missing_credentials` when there is no such file, or it holds no token.
    result<sso_call> operator()() const {
        const auto refuse = [this](const std::string& why) {
            return failure(error::missing_credentials,
                           profile.source + ": " + why + ": " + sso_detail::request::log_in(profile));
        };
        auto text = read_file(profile.token_file, max_credentials_json);
        if (!text) return refuse("no login: " + text.error().detail);
        auto login = sso_detail::parse_login(*text);
        detail::cleanse(*text);
        if (!login) return refuse(profile.token_file + " holds no token with its expiry");
        return sso_call({portal, profile, *std::move(login)});
    }
};

/// Fetches the credentials of an SSO role.
using fetch_sso_credentials = op::defer<sso_exchange>;
static_assert(fetch_operation<fetch_sso_credentials>);

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/web_identity_credentials.hpp>
#ifndef DYNASESSION_AWS_WEB_IDENTITY_CREDENTIALS_HPP
#define DYNASESSION_AWS_WEB_IDENTITY_CREDENTIALS_HPP

// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/fetch.hpp>
// #include <dynasession/aws/read_file.hpp>
// #include <dynasession/aws/role_options.hpp>
#ifndef DYNASESSION_AWS_ROLE_OPTIONS_HPP
#define DYNASESSION_AWS_ROLE_OPTIONS_HPP

// #include <dynasession/aws/setting.hpp>
// #include <dynasession/aws/shared_config.hpp>
// #include <dynasession/core/error.hpp>

#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <system_error>

namespace dynasession::inline v0::aws {

/// How long the credentials of a role shall live: `duration_seconds` of a profile; nothing when it is not set.
///
/// *Errors:* `error::invalid_option` for what is not 900 to 43200 seconds (STS API reference, AssumeRole).
inline result<std::optional<std::chrono::seconds>> role_duration(const shared_config& config, std::string_view profile) {
    const auto found = setting_of(config.find(profile, "duration_seconds"));
    if (found.value.empty()) return std::optional<std::chrono::seconds>();
    int seconds = 0;
    const auto* end = found.value.data() + found.value.size();
    const auto [last, failed] = std::from_chars(found.value.data(), end, seconds);
    if (failed != std::errc{} || last != end || seconds < 900 || seconds > 43200)
        return found.refuse("not a number of seconds from 900 to 43200");
    return std::optional(std::chrono::seconds(seconds));
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/setting.hpp>
// #include <dynasession/aws/shared_config.hpp>
// #include <dynasession/aws/sts.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/op/defer.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// A role that is assumed with the token of an identity provider, as in a pod of Kubernetes (IRSA).
struct web_identity {
    role assumed{};
    setting token_file{};
};

/// The web identity of the environment, else of a profile: AWS_WEB_IDENTITY_TOKEN_FILE or `web_identity_token_file`,
/// AWS_ROLE_ARN or `role_arn`, AWS_ROLE_SESSION_NAME or `role_session_name`, and `duration_seconds`; nothing when there
/// is none.
///
/// *Errors:* `error::missing_credentials` when a part is missing, `error::invalid_option` for a duration out of range;
/// the detail names variable, or file and line.
inline result<std::optional<web_identity>> configured_web_identity(const environment& env, const shared_config& config,
                                                                   std::string_view profile) {
    const auto find = [&](std::string_view name, std::string_view property) {
        auto found = find_variable({name}, env);
        return found.value.empty() ? setting_of(config.find(profile, property)) : found;
    };
    auto file = find("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file");
    auto arn = find("AWS_ROLE_ARN", "role_arn");
    if (file.value.empty()) {
        if (arn.source == "AWS_ROLE_ARN")
            return arn.refuse("set, but AWS_WEB_IDENTITY_TOKEN_FILE is not: set both, or none",
                              error::missing_credentials);
        return std::optional<web_identity>();
    }
    if (arn.value.empty())
        return file.refuse(file.source == "AWS_WEB_IDENTITY_TOKEN_FILE"
                               ? "set, but AWS_ROLE_ARN is not: set both, or none"
                               : "without a role: add role_arn to the profile",
                           error::missing_credentials);
    const auto duration = role_duration(config, profile);
    if (!duration) return duration.error();
    return std::optional(web_identity{.assumed = {.arn = std::move(arn.value),
                                                  .session_name = find("AWS_ROLE_SESSION_NAME", "role_session_name").value,
                                                  .duration = *duration,
                                                  .source = std::move(arn.source)},
                                      .token_file = std::move(file)});
}

/// Reads the token of a web identity. Blanks and line ends behind it are none of it.
///
/// *Errors:* `error::missing_credentials` for a file that cannot be read, is empty or holds something else; the detail
/// names it, and where it was configured.
inline result<std::string> read_web_identity_token(const setting& file) {
    constexpr std::size_t longest = 20'000; // STS API reference, WebIdentityToken
    const auto refuse = [&file](const std::string& why) { return file.refuse(why, error::missing_credentials); };
    auto token = read_file(file.value, longest + 2);
    if (!token) return refuse(token.error().detail + ": mount the token, or correct the path");
    token->resize(token->find_last_not_of(" \t\r\n") + 1);
    if (token->empty()) return refuse(file.value + " is empty: it has to hold a token");
    const bool is_token = token->size() <= longest && token->find_first_of(std::string_view(" \t\r\n\0", 5)) == token->npos;
    if (is_token) return token;
    detail::cleanse(*token);
    return refuse(file.value + " holds more than a token: white space within, or more than 20000 characters");
}

/// Makes the call for a web identity: with the token that its file holds now.
struct web_identity_exchange {
    sts_endpoint where{};
    web_identity identity{};

    result<sts_call> operator()() const {
        auto token = read_web_identity_token(identity.token_file);
        if (!token) return std::move(token).error();
        auto call = assume_role_with_web_identity(where, identity.assumed, *token);
        detail::cleanse(*token);
        return call;
    }
};

/// Fetches the credentials of a web identity.
using fetch_web_identity_credentials = op::defer<web_identity_exchange>;
static_assert(fetch_operation<fetch_web_identity_credentials>);

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/core/error.hpp>
// #include <dynasession/op/action.hpp>
// #include <dynasession/op/defer.hpp>
// #include <dynasession/op/one_of.hpp>
#ifndef DYNASESSION_OP_ONE_OF_HPP
#define DYNASESSION_OP_ONE_OF_HPP

// #include <dynasession/op/action.hpp>

#include <concepts>
#include <utility>
#include <variant>

namespace dynasession::inline v0::op {

/// An operation that is over before it begins.
template <class Effect, class Reply, class T>
class ready {
public:
    using effect_type = Effect;
    using reply_type = Reply;
    using value_type = T;

    explicit ready(result<T> r) : result_(std::move(r)) {}

    action<Effect, T> resume(Reply, instant) { return std::move(result_); }

private:
    result<T> result_;
};

/// One of several operations that have the same effects and the same value.
template <operation First, operation... Rest>
    requires(... && (std::same_as<typename First::effect_type, typename Rest::effect_type> &&
                     std::same_as<typename First::reply_type, typename Rest::reply_type> &&
                     std::same_as<typename First::value_type, typename Rest::value_type>))
class one_of {
public:
    using effect_type = typename First::effect_type;
    using reply_type = typename First::reply_type;
    using value_type = typename First::value_type;

    template <class Op>
        requires(std::same_as<Op, First> || ... || std::same_as<Op, Rest>)
    one_of(Op op) : op_(std::move(op)) {}

    action<effect_type, value_type> resume(reply_type&& reply, instant now) {
        return std::visit([&](auto& op) { return op.resume(std::move(reply), now); }, op_);
    }

private:
    std::variant<First, Rest...> op_;
};

} // namespace dynasession::inline v0::op

#endif

#include <string>
#include <utility>

namespace dynasession::inline v0::aws {

/// Gives credentials that are known.
using fetch_known_credentials = op::ready<fetch_effect, fetch_reply, credentials>;

/// Reads the variables of the environment as they are now.
class environment_reader {
public:
    explicit environment_reader(environment env) : env_(std::move(env)) {}

    result<fetch_known_credentials> operator()() const { return fetch_known_credentials(read()); }

private:
    result<credentials> read() const {
        auto found = environment_credentials(env_);
        if (!found) return std::move(found).error();
        if (*found) return **std::move(found);
        return failure(error::missing_credentials, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set any more");
    }

    environment env_;
};
using fetch_environment_credentials = op::defer<environment_reader>;

/// Makes the request of a container: with the token that its file holds now.
struct container_request {
    container_settings settings{};

    result<fetch_container_credentials> operator()() const {
        auto token = read_container_token(settings);
        if (!token) return std::move(token).error();
        return fetch_container_credentials(settings, *std::move(token));
    }
};

/// Asks instance metadata because nothing else is configured, which may be an oversight: then there is no such service.
class fetch_as_last_resort {
public:
    using effect_type = fetch_effect;
    using reply_type = fetch_reply;
    using value_type = credentials;
    using action = op::action<fetch_effect, credentials>;

    /// `looked_at` tells where else there is nothing.
    fetch_as_last_resort(instance_settings s, std::string looked_at)
        : inner_(std::move(s)), looked_at_(std::move(looked_at)) {}

    action resume(fetch_reply&& reply, op::instant now) {
        return op::carry_on<action>(inner_.resume(std::move(reply), now), [this](result<credentials>&& got) -> action {
            if (got) return std::move(got);
            auto why = std::move(got).error();
            why.detail = looked_at_ + "; " + why.detail;
            if (means_no_metadata_service(why)) why.code = error::missing_credentials;
            return result<credentials>(std::move(why));
        });
    }

private:
    fetch_instance_credentials inner_;
    std::string looked_at_;
};

/// Any of the ways to credentials that need no others before.
using base_fetch = op::one_of<fetch_known_credentials, fetch_environment_credentials, fetch_web_identity_credentials,
                              fetch_sso_credentials, fetch_process_credentials, op::defer<container_request>,
                              fetch_instance_credentials, fetch_as_last_resort>;

/// Any way to credentials. A copy that has not begun fetches anew.
using credential_fetch = fetch_role_credentials<base_fetch>;
static_assert(fetch_operation<credential_fetch>);

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/credential_search.hpp>
#ifndef DYNASESSION_AWS_CREDENTIAL_SEARCH_HPP
#define DYNASESSION_AWS_CREDENTIAL_SEARCH_HPP

// #include <dynasession/aws/assume_role_profile.hpp>
#ifndef DYNASESSION_AWS_ASSUME_ROLE_PROFILE_HPP
#define DYNASESSION_AWS_ASSUME_ROLE_PROFILE_HPP

// #include <dynasession/aws/role_options.hpp>
// #include <dynasession/aws/setting.hpp>
// #include <dynasession/aws/shared_config.hpp>
// #include <dynasession/aws/sts.hpp>
// #include <dynasession/core/error.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::aws {

/// Roles that are assumed one after the other, each with the credentials of the one before.
struct role_path {
    std::vector<role> roles{};         ///< in the order in which they are assumed
    setting source_profile{};          ///< whose credentials the first one is assumed with; empty:
    setting credential_source{};       ///< `Environment`, `EcsContainer` or `Ec2InstanceMetadata`, by whatever case
};

namespace role_path_detail {

// Follows the profiles from the one that is asked for to the one that has credentials.
class walk {
public:
    explicit walk(const shared_config& config) : config_(&config) {}

    bool leads_on(const std::string& profile) const {
        // With both it is a web identity. Keys of its own a profile gives to those that name it, not to itself.
        return has(profile, "role_arn") && !has(profile, "web_identity_token_file") &&
               (visited_.empty() || !has_keys(profile));
    }

    result<role_path> follow(std::string profile) {
        while (leads_on(profile)) {
            visited_.push_back(profile);
            auto next = step(profile);
            if (!next) return std::move(next).error();
            path_.source_profile = *std::move(next);
            if (path_.source_profile.value.empty() || path_.source_profile.value == profile) break;
            profile = path_.source_profile.value;
        }
        std::ranges::reverse(path_.roles);
        return std::move(path_);
    }

private:
    setting find(std::string_view profile, std::string_view property) const {
        return setting_of(config_->find(profile, property));
    }
    bool has(std::string_view profile, std::string_view property) const {
        return !find(profile, property).value.empty();
    }
    bool has_keys(std::string_view profile) const {
        return has(profile, "aws_access_key_id") || has(profile, "aws_secret_access_key");
    }

    // The profile that this one refers to; empty when it has a source of another kind.
    result<setting> step(std::string_view profile) {
        auto assumed = read_role(profile);
        if (!assumed) return std::move(assumed).error();
        const auto arn = find(profile, "role_arn");
        path_.roles.push_back(*std::move(assumed));
        auto next = find(profile, "source_profile"), other = find(profile, "credential_source");
        if (next.value.empty() == other.value.empty())
            return next.value.empty()
                       ? arn.refuse("without a source of credentials: add source_profile or credential_source to the profile",
                                    error::missing_credentials)
                       : other.refuse("together with source_profile (" + next.source + "): remove one of the two");
        path_.credential_source = std::move(other);
        if (!next.value.empty())
            if (auto sound = check(next, profile); !sound) return std::move(sound).error();
        return next;
    }

    result<role> read_role(std::string_view profile) const {
        if (const auto device = find(profile, "mfa_serial"); !device.value.empty())
            return device.refuse("roles that want the code of a device (MFA) cannot be assumed here: use another role, or "
                                 "credentials from aws sts get-session-token");
        const auto duration = role_duration(*config_, profile);
        if (!duration) return duration.error();
        auto arn = find(profile, "role_arn");
        return role{.arn = std::move(arn.value),
                    .session_name = find(profile, "role_session_name").value,
                    .external_id = find(profile, "external_id").value,
                    .duration = *duration,
                    .source = std::move(arn.source)};
    }

    result<void> check(const setting& next, std::string_view profile) const {
        if (!config_->has_profile(next.value)) return next.refuse("there is no profile " + next.value);
        if (next.value == profile && has_keys(profile)) return {}; // its own keys
        if (!std::ranges::count(visited_, next.value)) return {};
        std::string loop;
        for (const auto& v : visited_) loop += v + " -> ";
        return next.refuse("the profiles refer to each other without end: " + loop + next.value);
    }

    const shared_config* config_;
    std::vector<std::string> visited_;
    role_path path_;
};

} // namespace role_path_detail

/// The roles that a profile stands for: `role_arn` with `source_profile`, which may be such a profile again, or with
/// `credential_source`, and `role_session_name`, `external_id`, `duration_seconds`; nothing when it is no such profile.
///
/// *Errors:* `error::missing_credentials` without a source, `error::invalid_option` for two of them, a profile that is
/// not there, profiles that refer to each other, a duration out of range, and `mfa_serial`; the detail names file and line.
inline result<std::optional<role_path>> configured_roles(const shared_config& config, const std::string& profile) {
    role_path_detail::walk from_here(config);
    if (!from_here.leads_on(profile)) return std::optional<role_path>();
    auto path = from_here.follow(profile);
    if (!path) return std::move(path).error();
    return std::optional(*std::move(path));
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/container_settings.hpp>
// #include <dynasession/aws/credential_fetch.hpp>
// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/aws/credentials_provider.hpp>
// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/environment_credentials.hpp>
// #include <dynasession/aws/instance_credentials.hpp>
// #include <dynasession/aws/instance_settings.hpp>
// #include <dynasession/aws/profile_search.hpp>
#ifndef DYNASESSION_AWS_PROFILE_SEARCH_HPP
#define DYNASESSION_AWS_PROFILE_SEARCH_HPP

// #include <dynasession/aws/credential_fetch.hpp>
// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/aws/endpoint.hpp>
#ifndef DYNASESSION_AWS_ENDPOINT_HPP
#define DYNASESSION_AWS_ENDPOINT_HPP

// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/partition.hpp>
#ifndef DYNASESSION_AWS_PARTITION_HPP
#define DYNASESSION_AWS_PARTITION_HPP

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace dynasession::inline v0::aws {

/// A part of AWS with domains of its own.
struct partition {
    std::string_view id;
    std::string_view region_prefix; ///< how the names of its regions begin, and of no other partition's
    std::string_view dns_suffix;
    std::string_view dual_stack_dns_suffix; ///< of hosts that have IPv6 addresses too

    constexpr bool has(std::string_view region) const noexcept {
        return region.starts_with(region_prefix) || (region.starts_with(id) && region.substr(id.size()) == "-global");
    }
};

/// What regions outside of all other partitions are taken for: new ones show up here.
inline constexpr partition standard_partition{"aws", "", "amazonaws.com", "api.aws"};

/// All others (partitions.json of the AWS SDKs, 2026).
inline constexpr std::array<partition, 7> other_partitions{{
    {"aws-us-gov", "us-gov-", "amazonaws.com", "api.aws"},
    {"aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
    {"aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
    {"aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
    {"aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
    {"aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
}};

/// The partition of a region. A region that is not known yet is found by its prefix.
constexpr const partition& partition_of(std::string_view region) noexcept {
    for (const auto& p : other_partitions)
        if (p.has(region)) return p;
    return standard_partition;
}

/// Which of a service's hosts in a region.
struct host_variant {
    bool fips = false;       ///< with cryptography validated by FIPS 140
    bool dual_stack = false; ///< reached by IPv4 and by IPv6
};

/// The host of a service in a region: `service` is `dynamodb`, `sts` or `portal.sso`.
inline std::string service_host(std::string_view service, std::string_view region, host_variant variant = {}) {
    const auto& p = partition_of(region);
    // In GovCloud these services' IPv4 hosts are validated and have no other name.
    const bool is_plain = !variant.fips || (p.id == "aws-us-gov" && !variant.dual_stack);
    std::string host(service);
    return host.append(is_plain ? "." : "-fips.")
        .append(region)
        .append(1, '.')
        .append(variant.dual_stack ? p.dual_stack_dns_suffix : p.dns_suffix);
}

/// Whether a text can name a region: it becomes a label of host names.
constexpr bool is_region(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 63 && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

/// Whether a host is one of DynamoDB's dual stack hosts, in whatever region.
constexpr bool is_dual_stack_dynamodb(std::string_view host) noexcept {
    constexpr std::string_view service = "dynamodb.";
    if (!host.starts_with(service)) return false;
    host.remove_prefix(service.size());
    const auto region = host.substr(0, host.find('.'));
    return is_region(region) && host.substr(region.size()).substr(0, 1) == "." &&
           host.substr(region.size() + 1) == partition_of(region).dual_stack_dns_suffix;
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/setting.hpp>
// #include <dynasession/aws/shared_config.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/http/endpoint.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// Where DynamoDB is, as a program says it; what is empty comes from the environment, then from the profile in use.
struct endpoint_options {
    std::string region = {};       ///< else AWS_REGION, AWS_DEFAULT_REGION, `region`
    std::string endpoint_url = {}; ///< else see `configured_endpoint_url`, else AWS's own host of the region
    bool allow_plain_http = false; ///< take http:// to other hosts than this one; sessions are then readable on the way
    std::optional<bool> use_fips = {};       ///< else AWS_USE_FIPS_ENDPOINT, `use_fips_endpoint`, false
    std::optional<bool> use_dual_stack = {}; ///< else AWS_USE_DUALSTACK_ENDPOINT, `use_dualstack_endpoint`, false

    /// Take no URL but `endpoint_url`; else AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, `ignore_configured_endpoint_urls`,
    /// false.
    std::optional<bool> ignore_configured_endpoint_urls = {};
};

/// Where requests go, and the region their signatures name.
struct resolved_endpoint {
    http::endpoint address;
    std::string signing_region;
};

/// A service by its two names.
struct service_name {
    std::string_view host; ///< in its hosts
    std::string_view id;   ///< in variables and profiles
};
inline constexpr service_name dynamodb_service{"dynamodb", "dynamodb"};
inline constexpr service_name sts_service{"sts", "sts"};
inline constexpr service_name sso_service{"portal.sso", "sso"};

/// The region to use: the given one, else AWS_REGION, else AWS_DEFAULT_REGION, else `region` of the profile in use.
///
/// *Errors:* `error::missing_region`: whoever knows another source may ask it then. `error::invalid_option` for a text
/// that cannot be part of a host name.
inline result<std::string> resolve_region(std::string_view given, const environment& env = process_environment,
                                          const shared_config& config = {}) {
    auto region = given.empty() ? find_setting({"AWS_REGION", "AWS_DEFAULT_REGION"}, "region", env, config)
                                : setting{std::string(given), "option region"};
    if (region.value.empty())
        return failure(error::missing_region, "neither the option region nor AWS_REGION nor AWS_DEFAULT_REGION nor "
                                              "region of the profile " +
                                                  config.profile() + " is set");
    if (!is_region(region.value)) return region.refuse("a region is 1 to 63 of a-z, 0-9 and -");
    return std::move(region.value);
}

/// The URL that is set for a service: `endpoint_url` of the options, else AWS_ENDPOINT_URL_<SERVICE>, else
/// AWS_ENDPOINT_URL, else `endpoint_url` below the service in the services section that the profile in use names, else
/// `endpoint_url` of the profile. Empty when there is none, or configured URLs are to be ignored.
///
/// *Errors:* `error::invalid_option`.
inline result<setting> configured_endpoint_url(const service_name& service, const endpoint_options& options,
                                               const environment& env, const shared_config& config) {
    if (!options.endpoint_url.empty()) return setting{options.endpoint_url, "option endpoint_url"};
    const auto ignored =
        switched_on_by(options.ignore_configured_endpoint_urls, "ignore_configured_endpoint_urls",
                       "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls", env, config);
    if (!ignored) return ignored.error();
    if (!ignored->empty()) return setting{};

    std::string own_variable = "AWS_ENDPOINT_URL_";
    for (const char c : service.id) own_variable += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    auto found = find_variable({own_variable, "AWS_ENDPOINT_URL"}, env);
    if (!found.value.empty()) return found;

    const auto in_services = config.find_in_services(service.id, "endpoint_url");
    if (!in_services) return in_services.error();
    found = setting_of(*in_services);
    return found.value.empty() ? setting_of(config.find("endpoint_url")) : found;
}

namespace endpoint_detail {

// What turned the two switches on; empty when they are off.
struct switches {
    std::string fips, dual_stack;

    // The reason why they do not go together with something that has a place of its own.
    std::optional<failure> conflict_with(std::string_view other) const {
        if (fips.empty() && dual_stack.empty()) return std::nullopt;
        const bool is_fips = !fips.empty();
        return failure(error::invalid_option, (is_fips ? fips : dual_stack) + ": " + (is_fips ? "FIPS" : "dual stack") +
                                                  " endpoints are AWS's own and cannot be had together with " +
                                                  std::string(other) + ": give up one of the two");
    }
};

inline result<switches> read_switches(const endpoint_options& options, const environment& env,
                                      const shared_config& config) {
    auto fips = switched_on_by(options.use_fips, "use_fips", "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", env, config);
    if (!fips) return std::move(fips).error();
    auto dual_stack = switched_on_by(options.use_dual_stack, "use_dual_stack", "AWS_USE_DUALSTACK_ENDPOINT",
                                     "use_dualstack_endpoint", env, config);
    if (!dual_stack) return std::move(dual_stack).error();
    return switches{*std::move(fips), *std::move(dual_stack)};
}

inline result<http::endpoint> parse_custom(const setting& url, const endpoint_options& options) {
    auto address = http::endpoint::parse(url.value);
    if (!address) return url.refuse(address.error().detail, error::invalid_endpoint);
    if (is_dual_stack_dynamodb(address->host))
        return url.refuse("a dual stack host of AWS: remove the URL, and set use_dual_stack or "
                          "AWS_USE_DUALSTACK_ENDPOINT",
                          error::invalid_endpoint);
    if (!address->tls && !address->is_loopback() && !options.allow_plain_http)
        return url.refuse("plain http to another machine: use https, or set allow_plain_http", error::invalid_endpoint);
    return address;
}

// Hosts of an account (ACCOUNT.ddb.REGION...) save DynamoDB a look-up; those of the region serve every account.
inline result<void> check_account_mode(const environment& env, const shared_config& config) {
    const auto mode = find_setting({"AWS_ACCOUNT_ID_ENDPOINT_MODE"}, "account_id_endpoint_mode", env, config);
    for (const auto* fine : {"", "preferred", "disabled"})
        if (equals_ignoring_case(mode.value, fine)) return {};
    return mode.refuse(equals_ignoring_case(mode.value, "required")
                           ? "endpoints of an account are not supported: set preferred or disabled"
                           : "none of preferred, disabled and required");
}

} // namespace endpoint_detail

/// Where a service is: at its configured URL, else at its host in the region. `region` may be empty when a URL is set.
///
/// *Errors:* `error::invalid_endpoint` for a URL that is none, names a dual stack host of DynamoDB, or is plain http to
/// another machine without `allow_plain_http`; `error::invalid_option` for a switch that is neither on nor off, for
/// FIPS or dual stack together with a URL or with the region `local`, and for hosts of an account where they are
/// required; `error::missing_region`. The detail names the option, the variable, or the file and line.
inline result<http::endpoint> resolve_service_endpoint(const service_name& service, std::string_view region,
                                                       const endpoint_options& options, const environment& env,
                                                       const shared_config& config) {
    const auto switches = endpoint_detail::read_switches(options, env, config);
    if (!switches) return switches.error();
    const auto url = configured_endpoint_url(service, options, env, config);
    if (!url) return url.error();

    if (!url->value.empty()) {
        if (auto conflict = switches->conflict_with(url->source)) return *std::move(conflict);
        return endpoint_detail::parse_custom(*url, options);
    }
    if (region.empty()) return failure(error::missing_region);
    if (region == "local") {
        if (auto conflict = switches->conflict_with("the region local")) return *std::move(conflict);
        return http::endpoint::parse("http://localhost:8000");
    }
    if (service.id == dynamodb_service.id)
        if (auto mode = endpoint_detail::check_account_mode(env, config); !mode) return std::move(mode).error();
    return http::endpoint{
        .host = service_host(service.host, region, {!switches->fips.empty(), !switches->dual_stack.empty()})};
}

/// Where DynamoDB is. The region `local` stands for an emulator: http://localhost:8000, signed for us-east-1.
///
/// *Errors:* those of `resolve_region`, even when a URL is set, for signatures name a region; those of
/// `resolve_service_endpoint`.
inline result<resolved_endpoint> resolve_endpoint(const endpoint_options& options,
                                                  const environment& env = process_environment,
                                                  const shared_config& config = {}) {
    auto region = resolve_region(options.region, env, config);
    if (!region) return std::move(region).error();
    auto address = resolve_service_endpoint(dynamodb_service, *region, options, env, config);
    if (!address) return std::move(address).error();
    return resolved_endpoint{*std::move(address), *region == "local" ? "us-east-1" : *std::move(region)};
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/fetch.hpp>
// #include <dynasession/aws/process_credentials.hpp>
// #include <dynasession/aws/profile_keys.hpp>
#ifndef DYNASESSION_AWS_PROFILE_KEYS_HPP
#define DYNASESSION_AWS_PROFILE_KEYS_HPP

// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/aws/key_text.hpp>
// #include <dynasession/aws/profile_file.hpp>
// #include <dynasession/aws/setting.hpp>
// #include <dynasession/core/error.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// The keys that a profile has in one of the two files, which go together: `aws_access_key_id`,
/// `aws_secret_access_key` and `aws_session_token`; nothing when it has neither of the first two.
///
/// *Errors:* `error::missing_credentials` when it has one of the two, `error::invalid_option` for a text that is no key;
/// the detail names file and line.
inline result<std::optional<credentials>> profile_keys(const profile_file& file, std::string_view profile) {
    const auto find = [&](std::string_view property) { return setting_of(file.find(profile, property)); };
    auto id = find("aws_access_key_id"), secret = find("aws_secret_access_key"), token = find("aws_session_token");
    if (id.value.empty() && secret.value.empty()) return std::optional<credentials>();
    if (secret.value.empty())
        return id.refuse("without aws_secret_access_key: add it to the profile", error::missing_credentials);
    if (id.value.empty())
        return secret.refuse("without aws_access_key_id: add it to the profile", error::missing_credentials);
    for (const auto* part : {&id, &secret, &token})
        if (!is_key_text(part->value)) return part->refuse("holds white space or signs outside of ASCII");
    return std::optional<credentials>(std::in_place, std::move(id.value), std::move(secret.value), std::move(token.value));
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/setting.hpp>
// #include <dynasession/aws/shared_config.hpp>
// #include <dynasession/aws/split_command.hpp>
// #include <dynasession/aws/sso_credentials.hpp>
// #include <dynasession/aws/sso_profile.hpp>
// #include <dynasession/aws/sts.hpp>
// #include <dynasession/aws/web_identity_credentials.hpp>
// #include <dynasession/core/error.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace dynasession::inline v0::aws {

/// What a search for credentials goes by, besides environment and profiles.
struct credential_options {
    std::string region{};          ///< where STS is asked; else as `resolve_region`
    bool allow_plain_http = false; ///< for configured URLs of STS and of the SSO portal
    instance_options instance{};   ///< how instance metadata is asked
};

/// Credentials that are there for good, or how they are fetched.
using credential_origin = std::variant<credentials, base_fetch>;

/// The same as a fetch in any case.
inline base_fetch as_fetch(credential_origin origin) {
    if (auto* known = std::get_if<credentials>(&origin)) return fetch_known_credentials(std::move(*known));
    return std::get<base_fetch>(std::move(origin));
}

/// Where STS is for roles of profiles and of the environment.
///
/// *Errors:* those of `resolve_region` and `resolve_service_endpoint`.
inline result<sts_endpoint> resolve_sts(const credential_options& options, const environment& env,
                                        const shared_config& config) {
    auto region = resolve_region(options.region, env, config);
    if (!region) return std::move(region).error();
    if (*region == "local") *region = "us-east-1"; // stands for an emulator of DynamoDB alone
    auto address =
        resolve_service_endpoint(sts_service, *region, {.allow_plain_http = options.allow_plain_http}, env, config);
    if (!address) return std::move(address).error();
    return sts_endpoint{*std::move(address), *std::move(region)};
}

/// Looks for the credentials of a profile, but for its roles: web identity, SSO, the keys of the credentials file, a
/// program, the keys of the config file (botocore, ProfileProviderBuilder).
class profile_search {
public:
    using finding = result<std::optional<credential_origin>>;

    /// `roles_env` is where the web identity is looked for; `env` serves all else.
    profile_search(const credential_options& options, const environment& env, const environment& roles_env,
                   const shared_config& config, std::string_view profile)
        : options_(&options), env_(&env), roles_env_(&roles_env), config_(&config), profile_(profile) {}

    /// *Errors:* of what is configured wrong; the detail names variable, or file and line.
    finding find() const {
        for (const auto look : {&profile_search::as_web_identity, &profile_search::by_sso,
                                &profile_search::in_credentials_file, &profile_search::by_login,
                                &profile_search::by_program, &profile_search::in_config_file}) {
            auto found = (this->*look)();
            if (!found || *found) return found;
        }
        return std::optional<credential_origin>();
    }

private:
    static std::optional<credential_origin> fetched(base_fetch how) { return credential_origin(std::move(how)); }

    finding as_web_identity() const {
        auto identity = configured_web_identity(*roles_env_, *config_, profile_);
        if (!identity) return std::move(identity).error();
        if (!*identity) return std::optional<credential_origin>();
        auto sts = resolve_sts(*options_, *env_, *config_);
        if (!sts) return std::move(sts).error();
        return fetched(fetch_web_identity_credentials({*std::move(sts), **std::move(identity)}));
    }

    finding by_sso() const {
        auto login = configured_sso(*env_, *config_, profile_);
        if (!login) return std::move(login).error();
        if (!*login) return std::optional<credential_origin>();
        auto portal = resolve_service_endpoint(sso_service, (*login)->region,
                                               {.allow_plain_http = options_->allow_plain_http}, *env_, *config_);
        if (!portal) return std::move(portal).error();
        return fetched(fetch_sso_credentials({*std::move(portal), **std::move(login)}));
    }

    finding in(const profile_file& file) const {
        auto keys = profile_keys(file, profile_);
        if (!keys) return std::move(keys).error();
        if (!*keys) return std::optional<credential_origin>();
        return std::optional(credential_origin(**std::move(keys)));
    }
    finding in_credentials_file() const { return in(config_->credentials_file()); }
    finding in_config_file() const { return in(config_->config_file()); }

    finding by_login() const {
        const auto session = setting_of(config_->find(profile_, "login_session"));
        if (session.value.empty()) return std::optional<credential_origin>();
        return session.refuse("logins of `aws login` cannot be used here: set credential_process = aws configure "
                              "export-credentials --format process --profile " +
                              profile_ + " in another profile");
    }

    finding by_program() const {
        const auto command = setting_of(config_->find(profile_, "credential_process"));
        if (command.value.empty()) return std::optional<credential_origin>();
        auto arguments = split_command(command.value);
        if (!arguments) return command.refuse(arguments.error().detail);
        return fetched(fetch_process_credentials({.arguments = *std::move(arguments)}, command.source));
    }

    const credential_options* options_;
    const environment* env_;
    const environment* roles_env_;
    const shared_config* config_;
    std::string profile_;
};

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/setting.hpp>
// #include <dynasession/aws/shared_config.hpp>
// #include <dynasession/core/error.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace dynasession::inline v0::aws {

/// Where credentials are. Nothing has been asked yet.
struct found_credentials {
    std::variant<credentials, credential_fetch> from; ///< the very ones, for good; or how they are fetched
    refresh_options refresh{};
};

/// Looks for credentials where the AWS SDKs do, and in their order (botocore, create_credential_resolver). The first
/// place that is configured counts; what is configured wrong ends the search.
class credential_search {
public:
    credential_search(const credential_options& options, const environment& env, const shared_config& config)
        : options_(&options), env_(&env), config_(&config) {}

    /// *Errors:* `error::missing_credentials` when there are none, or a part of some; others for what cannot be used.
    /// The detail names the variable, or file and line.
    result<found_credentials> find() const {
        for (const auto look : {&credential_search::in_environment, &credential_search::by_roles,
                                &credential_search::in_profile, &credential_search::in_container,
                                &credential_search::in_instance}) {
            auto found = (this->*look)();
            if (!found) return std::move(found).error();
            if (*found) return **std::move(found);
        }
        return failure(error::missing_credentials,
                       looked_at() + "; instance metadata is turned off by AWS_EC2_METADATA_DISABLED");
    }

private:
    using finding = result<std::optional<found_credentials>>;

    static finding nothing() { return std::optional<found_credentials>(); }
    static finding fetched(base_fetch how, refresh_options refresh = {}) {
        return std::optional(found_credentials{credential_fetch(std::move(how)), refresh});
    }

    static std::optional<std::string> no_variable(std::string_view) { return std::nullopt; }

    // A profile that the program names goes before what the environment says of keys and roles.
    bool takes_environment() const noexcept { return !config_->is_profile_given(); }

    finding in_environment() const {
        if (!takes_environment()) return nothing();
        auto keys = environment_credentials(*env_);
        if (!keys) return std::move(keys).error();
        if (!*keys) return nothing();
        if ((*keys)->expires()) return fetched(fetch_environment_credentials(environment_reader(*env_)));
        return std::optional(found_credentials{**std::move(keys)});
    }

    finding by_roles() const {
        auto path = configured_roles(*config_, config_->profile());
        if (!path) return std::move(path).error();
        if (!*path) return nothing();
        auto source = (*path)->credential_source.value.empty() ? from_profile((*path)->source_profile)
                                                               : from_named((*path)->credential_source);
        if (!source) return std::move(source).error();
        auto sts = resolve_sts(*options_, *env_, *config_);
        if (!sts) return std::move(sts).error();
        return std::optional(found_credentials{
            credential_fetch(*std::move(source), *std::move(sts), std::move((*path)->roles))});
    }

    result<base_fetch> from_profile(const setting& profile) const {
        const environment none = no_variable;
        auto found = profile_search(*options_, *env_, none, *config_, profile.value).find();
        if (!found) return std::move(found).error();
        if (!*found)
            return profile.refuse("the profile " + profile.value + " has no credentials: add some to it",
                                  error::missing_credentials);
        return as_fetch(**std::move(found));
    }

    result<base_fetch> from_named(const setting& source) const {
        const auto refuse = [&](std::string_view why) { return source.refuse(why, error::missing_credentials); };
        if (equals_ignoring_case(source.value, "Environment")) {
            const auto keys = environment_credentials(*env_);
            if (!keys) return keys.error();
            if (!*keys) return refuse("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
            return base_fetch(fetch_environment_credentials(environment_reader(*env_)));
        }
        if (equals_ignoring_case(source.value, "EcsContainer")) {
            auto settings = resolve_container_settings(*env_);
            if (!settings) return std::move(settings).error();
            if (!*settings)
                return refuse("neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is "
                              "set, as it is in containers");
            return base_fetch(op::defer(container_request{**std::move(settings)}));
        }
        if (equals_ignoring_case(source.value, "Ec2InstanceMetadata")) {
            auto settings = instance();
            if (!settings) return std::move(settings).error();
            if (!settings->disabled_by.empty()) return refuse("turned off by " + settings->disabled_by);
            return base_fetch(fetch_instance_credentials(*std::move(settings)));
        }
        return source.refuse("none of Environment, EcsContainer and Ec2InstanceMetadata");
    }

    finding in_profile() const {
        const auto roles_env = takes_environment() ? *env_ : environment(no_variable);
        auto found = profile_search(*options_, *env_, roles_env, *config_, config_->profile()).find();
        if (!found) return std::move(found).error();
        if (!*found) return nothing();
        if (auto* keys = std::get_if<credentials>(&**found)) return std::optional(found_credentials{std::move(*keys)});
        return fetched(std::get<base_fetch>(**std::move(found)));
    }

    finding in_container() const {
        auto settings = resolve_container_settings(*env_);
        if (!settings) return std::move(settings).error();
        if (!*settings) return nothing();
        return fetched(op::defer(container_request{**std::move(settings)}));
    }

    finding in_instance() const {
        auto settings = instance();
        if (!settings) return std::move(settings).error();
        if (!settings->disabled_by.empty()) return nothing();
        return fetched(fetch_as_last_resort(*std::move(settings), looked_at()), instance_refresh);
    }

    result<instance_settings> instance() const {
        return resolve_instance_settings(options_->instance, *env_, *config_);
    }

    std::string looked_at() const {
        return std::string("no credentials in ") +
               (takes_environment() ? "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_WEB_IDENTITY_TOKEN_FILE, " : "") +
               "the profile " + config_->profile() + " of " + config_->config_file().name() + " and " +
               config_->credentials_file().name() +
               ", AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI";
    }

    const credential_options* options_;
    const environment* env_;
    const shared_config* config_;
};

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/aws/credentials_provider.hpp>
// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/fetch.hpp>
// #include <dynasession/aws/fetch_now.hpp>
// #include <dynasession/aws/profile_search.hpp>
// #include <dynasession/aws/shared_config.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/http/client.hpp>
// #include <dynasession/op/run.hpp>

#include <utility>
#include <variant>

namespace dynasession::inline v0::aws {

/// A source for a `credentials_provider` that carries out this operation, from its beginning, at each fetch.
template <fetch_operation Op>
class fetching {
public:
    explicit fetching(Op operation, fetch_io effects = fetch_io())
        : operation_(std::move(operation)), effects_(std::move(effects)) {}

    result<credentials> operator()() const { return op::run(operation_, effects_); }

private:
    Op operation_;
    fetch_io effects_;
};

/// The credentials that a client uses: those it was given, else those of the first of these places that is configured:
/// 1. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_CREDENTIAL_EXPIRATION; not when the program
///    names a profile, nor then the variables of 3.
/// 2. `role_arn` of the profile, with `source_profile` or `credential_source`.
/// 3. AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or the same in the profile.
/// 4. `sso_session` of the profile, or `sso_start_url`.
/// 5. Keys of the profile in the credentials file.
/// 6. `credential_process` of the profile.
/// 7. Keys of the profile in the config file.
/// 8. AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI.
/// 9. Instance metadata, unless AWS_EC2_METADATA_DISABLED.
///
/// Looks at variables and the profiles' files only: the network is asked, programs are run, and the files of tokens are
/// read when credentials are wanted, and again before they expire. Keys of the environment and of files stay as they
/// are now, unless the environment says when they expire: then it is read again.
///
/// `connection` says how the servers are reached, as for `fetch_io`.
///
/// *Errors:* those of `credential_search`: what is configured wrong, by half or in two ways is never passed over.
inline result<credentials_provider> resolve_credentials(credentials_provider given,
                                                        const credential_options& options = {},
                                                        const environment& env = process_environment,
                                                        const shared_config& config = {},
                                                        http::client_options connection = {}) {
    if (given) return given;
    auto found = credential_search(options, env, config).find();
    if (!found) return std::move(found).error();
    if (auto* keys = std::get_if<credentials>(&found->from)) return credentials_provider(std::move(*keys));
    auto& fetch = std::get<credential_fetch>(found->from);
    fetch_io effects(std::move(connection), options.allow_plain_http, env, config);
    return credentials_provider(fetching(std::move(fetch), std::move(effects)), found->refresh);
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/sigv4.hpp>
// #include <dynasession/core/config.hpp>
// #include <dynasession/dynamodb/client.hpp>
#ifndef DYNASESSION_DYNAMODB_CLIENT_HPP
#define DYNASESSION_DYNAMODB_CLIENT_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/dynamodb/call.hpp>
#ifndef DYNASESSION_DYNAMODB_CALL_HPP
#define DYNASESSION_DYNAMODB_CALL_HPP

// #include <dynasession/aws/credentials_provider.hpp>
// #include <dynasession/aws/retry.hpp>
// #include <dynasession/aws/service_clock.hpp>
#ifndef DYNASESSION_AWS_SERVICE_CLOCK_HPP
#define DYNASESSION_AWS_SERVICE_CLOCK_HPP

// #include <dynasession/http/date.hpp>
// #include <dynasession/http/message.hpp>
// #include <dynasession/op/action.hpp>

#include <atomic>
#include <chrono>

namespace dynasession::inline v0::aws {

/// What the time is by the clock of the service, learnt from the Date header of its answers: what signatures are
/// dated by, and what sessions and leases end by, on whatever machine.
///
/// Date counts whole seconds. So the estimate is kept as long as an answer does not contradict it: on a machine whose
/// clock is right it is that clock, and does not waver. Else it is moved by Date minus the middle of the exchange, as
/// the AWS SDKs do. Answers of a cache (header Age), answers that took more than 15 minutes and answers without Date
/// (DynamoDB Local) teach nothing.
///
/// *Thread safety:* may be used from many threads at once.
class service_clock {
public:
    /// How far the service's clock is ahead of this machine's.
    std::chrono::milliseconds skew() const noexcept {
        return std::chrono::milliseconds(skew_.load(std::memory_order_relaxed));
    }

    /// A time of this machine's clock by the service's.
    op::instant correct(op::instant own) const noexcept { return {own.system + skew(), own.steady}; }

    /// Learns from an answer to a request that was sent at `sent` and answered at `received`, by this machine's clock.
    void learn(const http::response& answer, op::instant sent, op::instant received) noexcept {
        using namespace std::chrono;
        // A second later is early enough to see that nothing has changed.
        if (answer.status == 200 && received.steady.time_since_epoch().count() < next_look_.load(std::memory_order_relaxed))
            return;
        next_look_.store((received.steady + seconds(1)).time_since_epoch().count(), std::memory_order_relaxed);
        if (received.steady - sent.steady > minutes(15) || !answer.header("age").empty()) return;
        const auto date = http::parse_date(answer.header("date"));
        if (!date) return;
        const sys_time<milliseconds> earliest = *date, latest = *date + seconds(1);
        if (sent.system + skew() < latest && received.system + skew() >= earliest) return;
        const auto middle = sent.system + duration_cast<milliseconds>(received.steady - sent.steady) / 2;
        skew_.store((earliest - middle).count(), std::memory_order_relaxed);
    }

private:
    std::atomic<std::chrono::milliseconds::rep> skew_{0};
    std::atomic<std::chrono::steady_clock::rep> next_look_{std::chrono::steady_clock::time_point::min().time_since_epoch().count()};
};

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/sigv4.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/random.hpp>
// #include <dynasession/dynamodb/call_watch.hpp>
#ifndef DYNASESSION_DYNAMODB_CALL_WATCH_HPP
#define DYNASESSION_DYNAMODB_CALL_WATCH_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/dynamodb/observer.hpp>
#ifndef DYNASESSION_DYNAMODB_OBSERVER_HPP
#define DYNASESSION_DYNAMODB_OBSERVER_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/dynamodb/capacity.hpp>
#ifndef DYNASESSION_DYNAMODB_CAPACITY_HPP
#define DYNASESSION_DYNAMODB_CAPACITY_HPP

// #include <dynasession/dynamodb/json_reader.hpp>
#ifndef DYNASESSION_DYNAMODB_JSON_READER_HPP
#define DYNASESSION_DYNAMODB_JSON_READER_HPP

// #include <dynasession/detail/encoding.hpp>
// #include <dynasession/dynamodb/item.hpp>
#ifndef DYNASESSION_DYNAMODB_ITEM_HPP
#define DYNASESSION_DYNAMODB_ITEM_HPP

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace dynasession::inline v0::dynamodb {

class attribute_value;

/// The attributes of an item by name: a flat map in the order of insertion, quick at the sizes that items have.
///
/// Two items are equal when they have the same attributes, in whatever order.
/// *Cost:* looking up a name is linear in the number of attributes.
class item {
public:
    struct entry;
    using iterator = std::vector<entry>::iterator;
    using const_iterator = std::vector<entry>::const_iterator;

    // Defined below, where the entries are complete.
    item() noexcept;
    item(const item& other);
    item(item&& other) noexcept;
    item& operator=(const item& other);
    item& operator=(item&& other) noexcept;
    ~item();
    item(std::initializer_list<entry> entries);

    /// The value of an attribute, or null.
    const attribute_value* find(std::string_view name) const noexcept;
    attribute_value* find(std::string_view name) noexcept;
    bool contains(std::string_view name) const noexcept { return find(name) != nullptr; }

    /// Sets an attribute, whether it is there or not.
    attribute_value& insert_or_assign(std::string_view name, attribute_value value);

    /// Adds an attribute without looking whether the name is taken: for names that are known to be new.
    attribute_value& append(std::string name, attribute_value value);

    /// The same with NULL, to be made something else where it stands.
    attribute_value& append(std::string_view name);

    /// Removes an attribute; says whether it was there.
    bool erase(std::string_view name);

    iterator begin() noexcept;
    iterator end() noexcept;
    const_iterator begin() const noexcept;
    const_iterator end() const noexcept;
    std::size_t size() const noexcept;
    bool empty() const noexcept { return size() == 0; }
    void reserve(std::size_t n);
    void clear() noexcept;

    friend bool operator==(const item& a, const item& b) noexcept;

private:
    std::vector<entry> entries_;
};

/// A value of one of the ten types that DynamoDB stores.
///
/// Made by the function named after the type, read by the `as_` function of the type, which gives null when the value
/// has another type. Numbers are kept as their text: up to 38 digits, nothing rounded. Two sets are equal when they
/// have the same elements, in whatever order.
class attribute_value {
public:
    enum class type { string, number, binary, boolean, null, map, list, string_set, number_set, binary_set };
    using list_type = std::vector<attribute_value>;
    using set_type = std::vector<std::string>;

private:
    // In the order of `type`, so that the index of the alternative is the type.
    using storage = std::variant<std::string, std::string, std::string, bool, std::monostate, item, list_type, set_type,
                                 set_type, set_type>;

    template <type T>
    auto* get() const noexcept {
        return std::get_if<static_cast<std::size_t>(T)>(&value_);
    }
    template <type T>
    auto* get() noexcept {
        return std::get_if<static_cast<std::size_t>(T)>(&value_);
    }

public:
    /// NULL.
    attribute_value() noexcept;

    static attribute_value string(std::string text) { return make<type::string>(std::move(text)); }
    static attribute_value number(std::string text) { return make<type::number>(std::move(text)); }
    template <std::integral I>
        requires(!std::same_as<I, bool>)
    static attribute_value number(I value);
    static attribute_value binary(std::string bytes) { return make<type::binary>(std::move(bytes)); }
    static attribute_value boolean(bool value) { return make<type::boolean>(value); }
    static attribute_value null() { return {}; }
    static attribute_value map(item members) { return make<type::map>(std::move(members)); }
    static attribute_value list(list_type elements) { return make<type::list>(std::move(elements)); }
    static attribute_value string_set(set_type texts) { return make<type::string_set>(std::move(texts)); }
    static attribute_value number_set(set_type numbers) { return make<type::number_set>(std::move(numbers)); }
    static attribute_value binary_set(set_type bytes) { return make<type::binary_set>(std::move(bytes)); }

    type kind() const noexcept { return static_cast<type>(value_.index()); }
    bool is_null() const noexcept { return kind() == type::null; }

    const std::string* as_string() const noexcept { return get<type::string>(); }
    const std::string* as_number() const noexcept { return get<type::number>(); }
    const std::string* as_binary() const noexcept { return get<type::binary>(); }
    const bool* as_boolean() const noexcept { return get<type::boolean>(); }
    const item* as_map() const noexcept { return get<type::map>(); }
    const list_type* as_list() const noexcept { return get<type::list>(); }
    const set_type* as_string_set() const noexcept { return get<type::string_set>(); }
    const set_type* as_number_set() const noexcept { return get<type::number_set>(); }
    const set_type* as_binary_set() const noexcept { return get<type::binary_set>(); }

    std::string* as_string() noexcept { return get<type::string>(); }
    std::string* as_number() noexcept { return get<type::number>(); }
    std::string* as_binary() noexcept { return get<type::binary>(); }
    bool* as_boolean() noexcept { return get<type::boolean>(); }
    item* as_map() noexcept { return get<type::map>(); }
    list_type* as_list() noexcept { return get<type::list>(); }
    set_type* as_string_set() noexcept { return get<type::string_set>(); }
    set_type* as_number_set() noexcept { return get<type::number_set>(); }
    set_type* as_binary_set() noexcept { return get<type::binary_set>(); }

    /// Becomes an empty value of this type (false, the empty text) and returns what it holds.
    template <type T>
    auto& emplace() {
        return value_.template emplace<static_cast<std::size_t>(T)>();
    }

    /// The number as an integer; empty when the value is no number, has a fraction, or does not fit.
    std::optional<std::int64_t> as_integer() const noexcept;

    friend bool operator==(const attribute_value& a, const attribute_value& b) noexcept;

private:
    template <type T, class V>
    static attribute_value make(V&& value) {
        attribute_value made;
        made.value_.template emplace<static_cast<std::size_t>(T)>(std::forward<V>(value));
        return made;
    }
    storage value_;
};

/// One attribute of an item.
struct item::entry {
    std::string name;
    attribute_value value;
};

inline attribute_value::attribute_value() noexcept
    : value_(std::in_place_index<static_cast<std::size_t>(type::null)>) {}

template <std::integral I>
    requires(!std::same_as<I, bool>)
attribute_value attribute_value::number(I value) {
    char text[24];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    return make<type::number>(std::string(text, end));
}

inline std::optional<std::int64_t> attribute_value::as_integer() const noexcept {
    const auto* text = as_number();
    if (text == nullptr) return std::nullopt;
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (failed != std::errc{} || end != text->data() + text->size()) return std::nullopt;
    return value;
}

inline bool operator==(const attribute_value& a, const attribute_value& b) noexcept {
    if (a.kind() != b.kind() || a.kind() < attribute_value::type::string_set) return a.value_ == b.value_;
    const auto elements = [](const attribute_value& v) -> const attribute_value::set_type& {
        return v.as_string_set() ? *v.as_string_set() : v.as_number_set() ? *v.as_number_set() : *v.as_binary_set();
    };
    return std::ranges::is_permutation(elements(a), elements(b));
}

inline item::item() noexcept = default;
inline item::item(const item& other) = default;
inline item::item(item&& other) noexcept = default;
inline item& item::operator=(const item& other) = default;
inline item& item::operator=(item&& other) noexcept = default;
inline item::~item() = default;
inline item::iterator item::begin() noexcept { return entries_.begin(); }
inline item::iterator item::end() noexcept { return entries_.end(); }
inline item::const_iterator item::begin() const noexcept { return entries_.begin(); }
inline item::const_iterator item::end() const noexcept { return entries_.end(); }
inline std::size_t item::size() const noexcept { return entries_.size(); }
inline void item::reserve(std::size_t n) { entries_.reserve(n); }
inline void item::clear() noexcept { entries_.clear(); }

inline item::item(std::initializer_list<entry> entries) {
    entries_.reserve(entries.size());
    for (const auto& e : entries) insert_or_assign(e.name, e.value);
}

inline const attribute_value* item::find(std::string_view name) const noexcept {
    for (const auto& e : entries_)
        if (e.name == name) return &e.value;
    return nullptr;
}

inline attribute_value* item::find(std::string_view name) noexcept {
    return const_cast<attribute_value*>(std::as_const(*this).find(name));
}

inline attribute_value& item::append(std::string name, attribute_value value) {
    entries_.push_back({std::move(name), std::move(value)});
    return entries_.back().value;
}

inline attribute_value& item::append(std::string_view name) {
    auto& added = entries_.emplace_back();
    added.name = name;
    return added.value;
}

inline attribute_value& item::insert_or_assign(std::string_view name, attribute_value value) {
    if (auto* there = find(name)) return *there = std::move(value);
    return append(std::string(name), std::move(value));
}

inline bool item::erase(std::string_view name) {
    return std::erase_if(entries_, [&](const entry& e) { return e.name == name; }) != 0;
}

inline bool operator==(const item& a, const item& b) noexcept {
    return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const item::entry& e) {
               const auto* other = b.find(e.name);
               return other != nullptr && *other == e.value;
           });
}

} // namespace dynasession::inline v0::dynamodb

#endif

#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// A JSON document that lives on the stack as long as it is small: the body of one answer.
class json_document {
public:
    explicit json_document(std::string_view text) {
        boost::json::parse_options options;
        options.max_depth = max_depth;
        boost::json::parser parser({}, options, scratch_);
        parser.reset(&memory_);
        boost::system::error_code ec;
        parser.write(text.data(), text.size(), ec);
        if (!ec) value_.emplace(parser.release());
    }

    json_document(const json_document&) = delete;
    json_document& operator=(const json_document&) = delete;

    /// The value that the text is, or null when it is no JSON.
    const boost::json::value* value() const noexcept { return value_ ? &*value_ : nullptr; }

private:
    // DynamoDB nests values 32 levels deep; each takes two of JSON, and a page with its items three more.
    static constexpr std::size_t max_depth = 72;

    unsigned char buffer_[4096];
    unsigned char scratch_[1024];
    boost::json::monotonic_resource memory_{buffer_};
    std::optional<boost::json::value> value_;
};

// One `read` for each type that answers hold: false when the JSON has another shape.
inline bool read(const boost::json::value& json, std::string& out) {
    const auto* text = json.if_string();
    if (text == nullptr) return false;
    out.assign(text->data(), text->size());
    return true;
}

inline bool read(const boost::json::value& json, bool& out) {
    const auto* flag = json.if_bool();
    if (flag == nullptr) return false;
    out = *flag;
    return true;
}

inline bool read(const boost::json::value& json, double& out) {
    if (!json.is_number()) return false;
    out = json.to_number<double>();
    return true;
}

inline bool read(const boost::json::value& json, std::int64_t& out) {
    if (!json.is_int64()) return false;
    out = json.get_int64();
    return true;
}

bool read(const boost::json::value& json, attribute_value& out);
bool read(const boost::json::value& json, item& out);

template <class T>
bool read(const boost::json::value& json, std::vector<T>& out) {
    const auto* array = json.if_array();
    if (array == nullptr) return false;
    out.clear();
    out.reserve(array->size());
    for (const auto& element : *array)
        if (!read(element, out.emplace_back())) return false;
    return true;
}

template <class T>
bool read(const boost::json::value& json, std::optional<T>& out) {
    return read(json, out.emplace());
}

/// Reads the members of an object into places; what is not asked for is passed over, what is absent leaves its place.
class member_reader {
public:
    explicit member_reader(const boost::json::value& json) noexcept : object_(json.if_object()) {}

    template <class T>
    member_reader& operator()(std::string_view name, T& place) {
        const auto* json = object_ ? object_->if_contains(name) : nullptr;
        if (json == nullptr) return *this;
        ++found_;
        fits_ = (json->is_null() || read(*json, place)) && fits_;
        return *this;
    }

    /// False when the value is no object, or a member had another shape than its place.
    bool valid() const noexcept { return object_ != nullptr && fits_; }

    /// True when, besides, the object has no other members: where an answer may be empty, `{}` says that there is
    /// nothing, and `{"status":"ok"}` says that this is not DynamoDB.
    bool only_these() const noexcept { return valid() && object_->size() == found_; }

private:
    const boost::json::object* object_;
    std::size_t found_ = 0;
    bool fits_ = true;
};

namespace json_detail {

inline std::optional<std::string> read_text(const boost::json::value& json) {
    const auto* text = json.if_string();
    return text ? std::optional<std::string>(std::in_place, text->data(), text->size()) : std::nullopt;
}

inline std::optional<std::string> read_bytes(const boost::json::value& json) {
    std::string bytes;
    const auto* text = json.if_string();
    if (text == nullptr || !detail::append_decoded_base64(bytes, {text->data(), text->size()})) return std::nullopt;
    return bytes;
}

// Sends what was read into the maker of an attribute value.
template <class T, class Make>
bool deliver(std::optional<T> from, attribute_value& out, Make make) {
    if (from) out = make(*std::move(from));
    return from.has_value();
}

template <class T>
std::optional<T> read_as(const boost::json::value& json) {
    std::optional<T> out;
    if (!read(json, out)) out.reset();
    return out;
}

inline std::optional<attribute_value::set_type> read_byte_strings(const boost::json::value& json) {
    const auto* array = json.if_array();
    if (array == nullptr) return std::nullopt;
    attribute_value::set_type out;
    out.reserve(array->size());
    for (const auto& element : *array) {
        auto bytes = read_bytes(element);
        if (!bytes) return std::nullopt;
        out.push_back(*std::move(bytes));
    }
    return out;
}

} // namespace json_detail

inline bool read(const boost::json::value& json, attribute_value& out) {
    using namespace json_detail;
    using v = attribute_value;
    const auto* object = json.if_object();
    if (object == nullptr || object->size() != 1) return false;
    const auto& [type, content] = *object->begin();
    if (type == "S") return deliver(read_text(content), out, v::string);
    if (type == "N")
        return deliver(read_text(content), out, [](std::string text) { return v::number(std::move(text)); });
    if (type == "B") return deliver(read_bytes(content), out, v::binary);
    if (type == "BOOL") return deliver(read_as<bool>(content), out, v::boolean);
    if (type == "M") return deliver(read_as<item>(content), out, v::map);
    if (type == "L") return deliver(read_as<v::list_type>(content), out, v::list);
    if (type == "SS") return deliver(read_as<v::set_type>(content), out, v::string_set);
    if (type == "NS") return deliver(read_as<v::set_type>(content), out, v::number_set);
    if (type == "BS") return deliver(read_byte_strings(content), out, v::binary_set);
    if (type != "NULL" || !content.is_bool() || !content.get_bool()) return false;
    out = v::null();
    return true;
}

inline bool read(const boost::json::value& json, item& out) {
    const auto* object = json.if_object();
    if (object == nullptr) return false;
    out.clear();
    out.reserve(object->size());
    for (const auto& [name, content] : *object)
        if (!read(content, out.append(std::string(name), {}))) return false;
    return true;
}

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/json_writer.hpp>
#ifndef DYNASESSION_DYNAMODB_JSON_WRITER_HPP
#define DYNASESSION_DYNAMODB_JSON_WRITER_HPP

// #include <dynasession/detail/encoding.hpp>
// #include <dynasession/detail/utf8.hpp>
#ifndef DYNASESSION_DETAIL_UTF8_HPP
#define DYNASESSION_DETAIL_UTF8_HPP

#include <cstddef>
#include <string_view>

namespace dynasession::inline v0::detail {

/// The length of the UTF-8 sequence at the front of a text that is not empty, or 0 (Unicode 15, table 3-7).
constexpr std::size_t utf8_sequence_length(std::string_view text) noexcept {
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto between = [&](std::size_t i, unsigned low, unsigned high) {
        return i < text.size() && byte(i) >= low && byte(i) <= high;
    };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    if (lead < 0xe0) return between(1, 0x80, 0xbf) ? 2 : 0;
    if (lead < 0xf0) {
        const unsigned low = lead == 0xe0 ? 0xa0 : 0x80;
        const unsigned high = lead == 0xed ? 0x9f : 0xbf;
        return between(1, low, high) && between(2, 0x80, 0xbf) ? 3 : 0;
    }
    const unsigned low = lead == 0xf0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xf4 ? 0x8f : 0xbf;
    return between(1, low, high) && between(2, 0x80, 0xbf) && between(3, 0x80, 0xbf) ? 4 : 0;
}

/// Whether all of the text is UTF-8.
constexpr bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const auto length = utf8_sequence_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

} // namespace dynasession::inline v0::detail

#endif
// #include <dynasession/dynamodb/item.hpp>
// #include <dynasession/dynamodb/plain_text.hpp>
#ifndef DYNASESSION_DYNAMODB_PLAIN_TEXT_HPP
#define DYNASESSION_DYNAMODB_PLAIN_TEXT_HPP

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace dynasession::inline v0::dynamodb {

/// How many characters stand before the first that is not just itself in a JSON string: a quote, a backslash, what JSON
/// forbids, and the beginning of a UTF-8 sequence.
inline std::size_t plain_length(std::string_view text) noexcept {
    std::size_t i = 0;
    if constexpr (std::endian::native == std::endian::little) { // eight at a time
        constexpr std::uint64_t each = 0x0101010101010101;
        const auto zeros = [](std::uint64_t w) { return (w - each) & ~w; }; // exact up to the first
        for (std::uint64_t w; i + sizeof w <= text.size(); i += sizeof w) {
            std::memcpy(&w, text.data() + i, sizeof w);
            const auto special =
                (zeros(w ^ each * '"') | zeros(w ^ each * '\\') | ((w - each * 0x20) & ~w) | w) & each * 0x80;
            if (special != 0) return i + static_cast<std::size_t>(std::countr_zero(special)) / 8;
        }
    }
    const auto is_plain = [](unsigned char c) { return c >= 0x20 && c != '"' && c != '\\' && c < 0x80; };
    while (i != text.size() && is_plain(static_cast<unsigned char>(text[i]))) ++i;
    return i;
}

} // namespace dynasession::inline v0::dynamodb

#endif

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// Names of attributes that stand in expressions as `#placeholders`: placeholder, then the real name.
using expression_names = std::vector<std::pair<std::string, std::string>>;

/// Writes the JSON of a request to the end of a string, in one pass and without a document in between.
///
/// A text that is not UTF-8 cannot be sent, nor a value that is nested deeper than DynamoDB takes: then `problem()`
/// says so, and what was written must not be used.
class json_writer {
public:
    explicit json_writer(std::string& out) noexcept : out_(&out) {}

    /// Why the text cannot be sent, or null.
    const char* problem() const noexcept { return problem_; }

    json_writer& begin_object() { return open('{'); }
    json_writer& end_object() { return close('}'); }
    json_writer& begin_array() { return open('['); }
    json_writer& end_array() { return close(']'); }

    json_writer& key(std::string_view name) { return quote(name, "\":"); }
    json_writer& string(std::string_view text) { return quote(text, "\""); }
    json_writer& boolean(bool value) {
        separate();
        out_->append(value ? "true" : "false");
        return *this;
    }
    json_writer& integer(std::int64_t value) {
        char text[24];
        const auto end = std::to_chars(text, text + sizeof text, value).ptr;
        separate();
        out_->append(text, end);
        return *this;
    }

    /// The value as DynamoDB writes it: `{"S":"text"}`.
    json_writer& value(const attribute_value& v);
    /// An object of such values: `{"id":{"S":"text"}}`.
    json_writer& value(const item& i);

    // Members that are left out when there is nothing to say: the service refuses empty ones.
    json_writer& optional_member(std::string_view name, std::string_view text) {
        return text.empty() ? *this : key(name).string(text);
    }
    json_writer& optional_member(std::string_view name, const item& i) {
        return i.empty() ? *this : key(name).value(i);
    }
    json_writer& optional_member(std::string_view name, const expression_names& names);
    json_writer& optional_flag(std::string_view name, bool value) { return value ? key(name).boolean(true) : *this; }

private:
    static constexpr int max_depth = 32; // developer guide, "Quotas": nested attribute depth

    json_writer& open(char bracket) {
        separate();
        out_->push_back(bracket);
        return *this;
    }
    json_writer& close(char bracket) {
        out_->push_back(bracket);
        return *this;
    }
    // The last character tells whether a value has gone before in the same object or array.
    void separate() {
        if (out_->empty()) return;
        const char last = out_->back();
        if (last != '{' && last != '[' && last != ':') out_->push_back(',');
    }
    void binary(std::string_view bytes) {
        separate();
        out_->push_back('"');
        detail::append_base64(*out_, bytes);
        out_->push_back('"');
    }
    json_writer& quote(std::string_view text, std::string_view end);
    void append_escaped(std::string_view text);

    std::string* out_;
    int depth_ = 0;
    const char* problem_ = nullptr;
};

namespace json_detail {

inline void append_escape(std::string& out, char c) {
    constexpr auto digits = "0123456789abcdef";
    switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default:
        out += "\\u00";
        out += digits[(c >> 4) & 0xf];
        out += digits[c & 0xf];
    }
}

} // namespace json_detail

inline json_writer& json_writer::quote(std::string_view text, std::string_view end) {
    separate();
    if (plain_length(text) != text.size()) {
        out_->push_back('"');
        append_escaped(text);
        out_->append(end);
        return *this;
    }
    // Nearly all texts: grown once.
    const auto size = out_->size();
    out_->resize(size + 1 + text.size() + end.size());
    auto* p = out_->data() + size;
    *p++ = '"';
    p = std::copy(text.begin(), text.end(), p);
    std::copy(end.begin(), end.end(), p);
    return *this;
}

inline void json_writer::append_escaped(std::string_view text) {
    while (!text.empty()) {
        const auto plain = plain_length(text);
        out_->append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) return;
        const auto length = detail::utf8_sequence_length(text);
        if (length == 0) {
            problem_ = "a text in the request is not UTF-8";
            return;
        }
        if (length == 1)
            json_detail::append_escape(*out_, text.front());
        else
            out_->append(text.substr(0, length));
        text.remove_prefix(length);
    }
}

inline json_writer& json_writer::value(const attribute_value& v) {
    using type = attribute_value::type;
    const auto set = [this](std::string_view name, const attribute_value::set_type& elements, bool encoded) {
        key(name).begin_array();
        for (const auto& element : elements) encoded ? binary(element) : void(string(element));
        end_array();
    };
    if (depth_ > max_depth) {
        problem_ = "a value in the request is nested deeper than 32 levels";
        return *this;
    }
    ++depth_;
    begin_object();
    switch (v.kind()) {
    case type::string: key("S").string(*v.as_string()); break;
    case type::number: key("N").string(*v.as_number()); break;
    case type::binary: key("B").binary(*v.as_binary()); break;
    case type::boolean: key("BOOL").boolean(*v.as_boolean()); break;
    case type::null: key("NULL").boolean(true); break;
    case type::map: key("M").value(*v.as_map()); break;
    case type::list:
        key("L").begin_array();
        for (const auto& element : *v.as_list()) value(element);
        end_array();
        break;
    case type::string_set: set("SS", *v.as_string_set(), false); break;
    case type::number_set: set("NS", *v.as_number_set(), false); break;
    case type::binary_set: set("BS", *v.as_binary_set(), true); break;
    }
    --depth_;
    return end_object();
}

inline json_writer& json_writer::value(const item& i) {
    begin_object();
    for (const auto& [name, v] : i) key(name).value(v);
    return end_object();
}

inline json_writer& json_writer::optional_member(std::string_view name, const expression_names& names) {
    if (names.empty()) return *this;
    key(name).begin_object();
    for (const auto& [placeholder, real] : names) key(placeholder).string(real);
    return end_object();
}

} // namespace dynasession::inline v0::dynamodb

#endif

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// What a call cost, in request units, and on which table.
struct consumed_capacity {
    std::string table_name{};
    double capacity_units = 0;
    double read_capacity_units = 0;  ///< how much of it were reads and writes: transactions tell,
    double write_capacity_units = 0; ///< the other operations do only the one or the other
};

/// Request units, of reads and of writes.
struct request_units {
    double read = 0;
    double write = 0;

    friend bool operator==(const request_units&, const request_units&) = default;
};

inline bool read(const boost::json::value& json, consumed_capacity& out) {
    return member_reader(json)("TableName", out.table_name)("CapacityUnits", out.capacity_units)(
               "ReadCapacityUnits", out.read_capacity_units)("WriteCapacityUnits", out.write_capacity_units)
        .valid();
}

inline void write_capacity_member(json_writer& out, bool wanted) {
    if (wanted) out.key("ReturnConsumedCapacity").string("TOTAL");
}

namespace capacity_detail {

inline std::span<const consumed_capacity> each(const std::optional<consumed_capacity>& one) noexcept {
    return {one ? &*one : nullptr, one ? std::size_t{1} : 0};
}
inline std::span<const consumed_capacity> each(const std::vector<consumed_capacity>& all) noexcept { return all; }

inline std::optional<request_units> sum(std::span<const consumed_capacity> all, double request_units::*kind) noexcept {
    if (all.empty()) return std::nullopt;
    request_units units;
    for (const auto& c : all) {
        units.read += c.read_capacity_units;
        units.write += c.write_capacity_units;
        if (c.read_capacity_units + c.write_capacity_units == 0) units.*kind += c.capacity_units;
    }
    return units;
}

} // namespace capacity_detail

/// The units of an answer to an operation that reads; nothing when it does not tell. `Capacity` is an optional
/// `consumed_capacity` or a vector of them.
template <class Capacity>
std::optional<request_units> units_read(const Capacity& c) noexcept {
    return capacity_detail::sum(capacity_detail::each(c), &request_units::read);
}

/// The same for an operation that writes.
template <class Capacity>
std::optional<request_units> units_written(const Capacity& c) noexcept {
    return capacity_detail::sum(capacity_detail::each(c), &request_units::write);
}

} // namespace dynasession::inline v0::dynamodb

#endif

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// A call that has ended, for logs and metrics. Holds no id, no payload and no secret.
///
/// *Lifetimes:* `operation` lasts as long as the program, `detail` as long as the observer runs.
struct request_event {
    std::string_view operation{}; ///< "GetItem"
    unsigned attempts = 0;        ///< how many requests were made; 0: it was refused before anything was sent
    std::chrono::nanoseconds latency{}; ///< from the beginning of the call to its end, pauses included

    /// Of all attempts: heads and bodies of the requests; header fields and bodies of the answers. What a second
    /// connection sent because the first was dead, and TLS, is not counted.
    std::size_t bytes_sent = 0;
    std::size_t bytes_received = 0;

    /// What the call cost: known when it succeeded and this was asked for, by the request or the observer.
    std::optional<request_units> consumed{};

    error_code error{}; ///< none: it succeeded

    /// What the service, or the failing place, says about the error. An asynchronous completion has only the code.
    std::string_view detail{};

    /// Whether an attempt may have been carried out without an answer that says so: see `outcome`.
    bool ambiguous = false;
};

/// Something that is told of each call: `o(event)`; whatever it throws is dropped.
///
/// `bool o.wants_capacity()`, if there is one, is asked once for each call: true has the service tell what the call
/// costs, which takes 34 bytes in the request and some 60 in the answer.
///
/// *Thread safety:* it is called by the thread that ends the call, of an asynchronous one before its completion; by
/// several at once when there are several. It must not block for long, and should not call the same client.
template <class T>
concept observer = std::invocable<T&, const request_event&>;

/// Any observer, shared between its copies; none when default constructed.
class any_observer {
public:
    any_observer() = default;
    template <class T>
        requires(!std::same_as<std::remove_cvref_t<T>, any_observer>) && observer<std::remove_cvref_t<T>>
    any_observer(T&& o) : observer_(std::make_shared<model<std::remove_cvref_t<T>>>(std::forward<T>(o))) {}

    explicit operator bool() const noexcept { return observer_ != nullptr; }

    bool wants_capacity() const noexcept { return observer_ && observer_->wants_capacity(); }

    /// Tells it, if there is one.
    void operator()(const request_event& e) const noexcept {
        if (observer_) observer_->tell(e);
    }

private:
    struct base {
        virtual ~base() = default;
        virtual bool wants_capacity() const noexcept = 0;
        virtual void tell(const request_event& e) noexcept = 0;
    };
    template <class T>
    struct model final : base {
        template <class U>
        explicit model(U&& o) : watching(std::forward<U>(o)) {}
        bool wants_capacity() const noexcept override {
            if constexpr (requires { { watching.wants_capacity() } -> std::convertible_to<bool>; })
                return watching.wants_capacity();
            else
                return false;
        }
        void tell(const request_event& e) noexcept override {
            try {
                watching(e);
            } catch (...) { // a log that cannot be written is no reason to lose a session
            }
        }
        T watching;
    };

    std::shared_ptr<base> observer_;
};

/// Several observers as one; they are told in this order.
class observers {
public:
    observers(std::initializer_list<any_observer> all) : all_(all) {}

    bool wants_capacity() const noexcept { return std::ranges::any_of(all_, &any_observer::wants_capacity); }

    void operator()(const request_event& e) const noexcept {
        for (const auto& o : all_) o(e);
    }

private:
    std::vector<any_observer> all_;
};

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/outcome.hpp>
#ifndef DYNASESSION_DYNAMODB_OUTCOME_HPP
#define DYNASESSION_DYNAMODB_OUTCOME_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/dynamodb/error.hpp>
#ifndef DYNASESSION_DYNAMODB_ERROR_HPP
#define DYNASESSION_DYNAMODB_ERROR_HPP

// #include <dynasession/aws/retry.hpp>
// #include <dynasession/aws/server_text.hpp>
// #include <dynasession/aws/service_fault.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/crc32.hpp>
#ifndef DYNASESSION_DETAIL_CRC32_HPP
#define DYNASESSION_DETAIL_CRC32_HPP

// #include <dynasession/detail/crc32_folding.hpp>
#ifndef DYNASESSION_DETAIL_CRC32_FOLDING_HPP
#define DYNASESSION_DETAIL_CRC32_FOLDING_HPP

#include <cstddef>
#include <cstdint>

#ifdef __x86_64__
#include <immintrin.h>
#endif

/// CRC-32 by carry-less multiplication, where the processor has it: a tenth of the time of tables.
///
/// A block of 16 bytes is a polynomial over GF(2) of degree below 128. Its two halves are multiplied by what the
/// distance to the next block multiplies them by, x^n mod P, and so disappear into that block (Gopal et al., "Fast CRC
/// Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009; here in reflected bit order).
namespace dynasession::inline v0::detail::crc32_folding {

inline constexpr std::size_t block = 16;
inline constexpr std::size_t least = 4 * block; // shorter texts, and what is left of a block, are for the tables

/// x^n mod P, reflected and shifted by the one bit that a product of reflected factors lacks.
constexpr long long make_power(int n) noexcept {
    std::uint32_t r = 0x80000000; // 1
    while (n-- > 0) r = r >> 1 ^ (r & 1 ? 0xEDB88320U : 0U);
    return static_cast<long long>(r) << 1;
}

template <int N>
inline constexpr long long power = make_power(N);

#ifdef __x86_64__

inline bool available() noexcept {
    static const bool has = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
    return has;
}

[[gnu::target("pclmul,sse4.1")]] inline __m128i load(const unsigned char* p) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

// What stands `Distance` bits before `next`, in its place.
template <int Distance>
[[gnu::target("pclmul,sse4.1")]] inline __m128i fold(__m128i from, __m128i next) noexcept {
    const auto by = _mm_set_epi64x(power<Distance - 32>, power<Distance + 32>);
    return _mm_xor_si128(next,
                         _mm_xor_si128(_mm_clmulepi64_si128(from, by, 0x00), _mm_clmulepi64_si128(from, by, 0x11)));
}

/// The register behind `size` bytes, a multiple of `block` and at least `least`.
[[gnu::target("pclmul,sse4.1")]] inline std::uint32_t run(const unsigned char* p, std::size_t size,
                                                          std::uint32_t before) noexcept {
    // Four chains, because a multiplication takes as long as four can be begun.
    auto a = _mm_xor_si128(load(p), _mm_cvtsi32_si128(static_cast<int>(before)));
    auto b = load(p + 16), c = load(p + 32), d = load(p + 48);
    for (p += least, size -= least; size >= least; p += least, size -= least) {
        a = fold<512>(a, load(p));
        b = fold<512>(b, load(p + 16));
        c = fold<512>(c, load(p + 32));
        d = fold<512>(d, load(p + 48));
    }
    d = fold<128>(fold<128>(fold<128>(a, b), c), d);
    for (; size != 0; p += block, size -= block) d = fold<128>(d, load(p));

    // 128 bits and the 32 zero bits behind any message: 96, 64, and the rest by bits of the quotient (Barrett).
    const auto low = _mm_set_epi32(0, 0, 0, -1);
    auto t = _mm_clmulepi64_si128(d, _mm_cvtsi64_si128(power<96>), 0x00);
    d = _mm_xor_si128(_mm_srli_si128(d, 8), t);
    t = _mm_clmulepi64_si128(_mm_and_si128(d, low), _mm_cvtsi64_si128(power<64>), 0x00);
    d = _mm_xor_si128(_mm_srli_si128(d, 4), t);
    const auto quotient = _mm_set_epi64x(0x1f7011641, 0x1db710641); // x^64 / P, and P; both reflected
    t = _mm_clmulepi64_si128(_mm_and_si128(d, low), quotient, 0x10);
    t = _mm_clmulepi64_si128(_mm_and_si128(t, low), quotient, 0x00);
    return static_cast<std::uint32_t>(_mm_extract_epi32(_mm_xor_si128(d, t), 1));
}

#else

constexpr bool available() noexcept { return false; }
inline std::uint32_t run(const unsigned char*, std::size_t, std::uint32_t before) noexcept { return before; }

#endif

} // namespace dynasession::inline v0::detail::crc32_folding

#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dynasession::inline v0::detail {

// tables[k][b]: the register after byte b and k zero bytes, so that 16 bytes take 16 independent look-ups.
constexpr std::array<std::array<std::uint32_t, 256>, 16> make_crc32_tables() noexcept {
    std::array<std::array<std::uint32_t, 256>, 16> tables{};
    for (std::uint32_t i = 0; i != 256; ++i) {
        auto r = i;
        for (int bit = 0; bit != 8; ++bit) r = r >> 1 ^ (r & 1 ? 0xEDB88320U : 0U);
        tables[0][i] = r;
    }
    for (std::size_t k = 1; k != tables.size(); ++k)
        for (std::size_t i = 0; i != 256; ++i) {
            const auto r = tables[k - 1][i];
            tables[k][i] = r >> 8 ^ tables[0][r & 0xFF];
        }
    return tables;
}

inline constexpr auto crc32_tables = make_crc32_tables();

/// CRC-32 as in Ethernet, gzip and DynamoDB's x-amz-crc32 (reflected, polynomial 0x04C11DB7).
///
/// `before` is the value of what came earlier, when a message comes in pieces.
inline std::uint32_t crc32(std::string_view text, std::uint32_t before = 0) noexcept {
    const auto* p = reinterpret_cast<const unsigned char*>(text.data());
    const auto* const end = p + text.size();
    const auto load = [](const unsigned char* b) { // compiles to one load
        return std::uint32_t{b[0]} | std::uint32_t{b[1]} << 8 | std::uint32_t{b[2]} << 16 | std::uint32_t{b[3]} << 24;
    };
    auto r = ~before;
    if (text.size() >= crc32_folding::least && crc32_folding::available()) {
        const auto folded = text.size() - text.size() % crc32_folding::block;
        r = crc32_folding::run(p, folded, r);
        p += folded;
    }
    const auto shift = [](std::uint32_t word, std::size_t k) { // the word, and k bytes behind it
        const auto& t = crc32_tables;
        return t[k + 3][word & 0xFF] ^ t[k + 2][word >> 8 & 0xFF] ^ t[k + 1][word >> 16 & 0xFF] ^ t[k][word >> 24];
    };
    for (; end - p >= 16; p += 16)
        r = shift(load(p) ^ r, 12) ^ shift(load(p + 4), 8) ^ shift(load(p + 8), 4) ^ shift(load(p + 12), 0);
    for (; p != end; ++p) r = r >> 8 ^ crc32_tables[0][(r ^ *p) & 0xFF];
    return ~r;
}

} // namespace dynasession::inline v0::detail

#endif
// #include <dynasession/dynamodb/item.hpp>
// #include <dynasession/dynamodb/json_reader.hpp>
// #include <dynasession/http/message.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// Why one action of a transaction was refused (DynamoDB API reference, CancellationReason).
struct cancellation_reason {
    std::string code{}; ///< "None" for an action that was not at fault
    std::string message{};
    std::optional<dynamodb::item> item{}; ///< as it is stored, when the request asked for it
};

inline bool read(const boost::json::value& json, cancellation_reason& out) {
    return member_reader(json)("Code", out.code)("Message", out.message)("Item", out.item).valid();
}

/// What an answer that is no success says.
struct fault {
    failure why{};
    aws::retry_reason retry = aws::retry_reason::never;

    /// Whether the service may have carried the request out nevertheless.
    bool ambiguous = false;

    /// The item that did not meet the condition, when the request asked for it.
    std::optional<dynamodb::item> item{};
    std::vector<cancellation_reason> reasons{};
};

namespace fault_detail {

using aws::retry_reason;

struct meaning {
    std::string_view name{};
    error code{};
    retry_reason retry = retry_reason::never;
    bool ambiguous = false;
};

// DynamoDB API reference, "Common errors" and "Error handling"; the lists of the SDKs' standard retry mode.
inline constexpr meaning meanings[] = {
    {"ConditionalCheckFailedException", error::condition_failed},
    {"ProvisionedThroughputExceededException", error::throttled, retry_reason::throttling},
    {"ThrottlingException", error::throttled, retry_reason::throttling},
    {"RequestLimitExceeded", error::throttled, retry_reason::throttling},
    {"Throttling", error::throttled, retry_reason::throttling},
    {"ThrottledException", error::throttled, retry_reason::throttling},
    {"RequestThrottled", error::throttled, retry_reason::throttling},
    {"RequestThrottledException", error::throttled, retry_reason::throttling},
    {"TooManyRequestsException", error::throttled, retry_reason::throttling},
    {"BandwidthLimitExceeded", error::throttled, retry_reason::throttling},
    {"LimitExceededException", error::throttled, retry_reason::throttling},
    {"SlowDown", error::throttled, retry_reason::throttling},
    {"EC2ThrottledException", error::throttled, retry_reason::throttling},
    {"TransactionInProgressException", error::transaction_conflict, retry_reason::throttling},
    {"TransactionConflictException", error::transaction_conflict, retry_reason::transient},
    {"ReplicatedWriteConflictException", error::transaction_conflict, retry_reason::transient},
    {"TransactionCanceledException", error::transaction_cancelled},
    {"InternalServerError", error::service_unavailable, retry_reason::transient, true},
    {"InternalServerErrorException", error::service_unavailable, retry_reason::transient, true},
    {"InternalFailure", error::service_unavailable, retry_reason::transient, true},
    {"ServiceUnavailable", error::service_unavailable, retry_reason::transient, true},
    {"ServiceUnavailableException", error::service_unavailable, retry_reason::transient, true},
    {"RequestTimeout", error::timeout, retry_reason::transient, true},
    {"RequestTimeoutException", error::timeout, retry_reason::transient, true},
    {"PriorRequestNotComplete", error::service_unavailable, retry_reason::transient, true},
    {"ResourceNotFoundException", error::table_not_found},
    {"TableNotFoundException", error::table_not_found},
    {"TableAlreadyExistsException", error::table_exists},
    {"AccessDeniedException", error::access_denied},
    {"AccessDenied", error::access_denied},
    {"OptInRequired", error::access_denied},
    {"MissingAuthenticationToken", error::access_denied},
    {"MissingAuthenticationTokenException", error::access_denied},
    {"IncompleteSignature", error::access_denied},
    {"IncompleteSignatureException", error::access_denied},
    {"NotAuthorized", error::access_denied},
    {"InvalidSignatureException", error::access_denied, retry_reason::signature},
    {"SignatureDoesNotMatch", error::access_denied, retry_reason::signature},
    {"AuthFailure", error::access_denied, retry_reason::signature},
    {"ExpiredToken", error::credentials_expired, retry_reason::credentials},
    {"ExpiredTokenException", error::credentials_expired, retry_reason::credentials},
    {"UnrecognizedClientException", error::credentials_expired, retry_reason::credentials},
    {"InvalidClientTokenId", error::credentials_expired, retry_reason::credentials},
    {"RequestTimeTooSkewed", error::clock_skew, retry_reason::clock_skew},
    {"RequestExpired", error::clock_skew, retry_reason::clock_skew},
    {"RequestInTheFuture", error::clock_skew, retry_reason::clock_skew},
    {"UnknownOperationException", error::unknown_operation},
};

inline const meaning* find_meaning(std::string_view name) noexcept {
    const auto* found = std::ranges::find(meanings, name, &meaning::name);
    return found == std::end(meanings) ? nullptr : found;
}

// "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException:http://..." (AWS JSON 1.0 protocol, "Operation error
// serialization"). Anything but a plain name is no error of the service.
inline std::string_view error_name(std::string_view text) noexcept {
    text = text.substr(0, text.find(':'));
    text.remove_prefix(text.find('#') + 1); // npos + 1 is 0
    const bool plain = std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    });
    return plain && text.size() <= 128 ? text : std::string_view{};
}

// A status that names no error: what it means when it comes from the service, or from what stands before it.
inline meaning by_status(unsigned status) noexcept {
    switch (status) {
    case 429: return {"", error::throttled, retry_reason::throttling};
    case 408: return {"", error::timeout, retry_reason::transient, true};
    case 401:
    case 403: return {"", error::access_denied};
    case 500:
    case 502:
    case 503:
    case 504: return {"", error::service_unavailable, retry_reason::transient, true};
    default:
        return {"", status < 500 ? error::invalid_request : error::service_unavailable, retry_reason::never,
                status >= 500};
    }
}

inline bool is_item_too_large(std::string_view message) noexcept {
    return message.find("Item size has exceeded") != message.npos ||
           message.find("Item size to update has exceeded") != message.npos;
}

inline bool is_clock_skew(std::string_view message) noexcept {
    return message.find("Signature expired") != message.npos ||
           message.find("Signature not yet current") != message.npos;
}

// What one reason means when it is the worst; DynamoDB API reference, TransactionCanceledException.
inline meaning of_reason(const cancellation_reason& reason) noexcept {
    if (reason.code == "TransactionConflict") return {"", error::transaction_conflict, retry_reason::transient};
    if (reason.code == "ProvisionedThroughputExceeded" || reason.code == "ThrottlingError")
        return {"", error::throttled, retry_reason::throttling};
    if (is_item_too_large(reason.message)) return {"", error::item_too_large};
    if (reason.code == "ValidationError" || reason.code == "ItemCollectionSizeLimitExceeded")
        return {"", error::invalid_request};
    return {"", error::transaction_cancelled};
}

// A transaction that met nothing but other transactions and throttling may simply be tried again; one that can never be
// carried out is told from one whose conditions did not hold.
inline void judge_cancellation(fault& f) {
    constexpr error by_weight[] = {error::transaction_conflict, error::throttled, error::transaction_cancelled,
                                   error::invalid_request, error::item_too_large};
    const auto weight = [&](error e) { return std::ranges::find(by_weight, e) - std::begin(by_weight); };
    const cancellation_reason* worst = nullptr;
    meaning meant{"", error::transaction_cancelled};
    for (const auto& reason : f.reasons) {
        if (reason.code == "None") continue;
        const auto m = of_reason(reason);
        if (worst != nullptr && weight(m.code) <= weight(meant.code)) continue;
        worst = &reason;
        meant = m;
    }
    f.why.code = meant.code;
    f.retry = meant.retry;
    if (worst != nullptr && !worst->message.empty())
        f.why.detail = aws::printable(f.why.detail + " " + aws::without_values(worst->message));
}

} // namespace fault_detail

/// Whether the body is what the service sent: compares it with `x-amz-crc32`, when that is there (decimal CRC-32 of the
/// body; seen in the answers of DynamoDB, checked by the AWS SDKs).
inline bool checksum_matches(const http::response& answer) noexcept {
    const auto text = answer.header("x-amz-crc32");
    if (text.empty()) return true;
    std::uint32_t sum = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), sum);
    return failed == std::errc{} && end == text.data() + text.size() && sum == detail::crc32(answer.body);
}

/// What an answer with another status than 200 says.
///
/// The error's name is in the header `X-Amzn-Errortype`, else in the body's `__type` or `code`; the body may be HTML,
/// empty or cut (AWS JSON 1.0 protocol). `target` is the operation that was asked for.
inline fault read_error(const http::response& answer, std::string_view target) {
    using namespace fault_detail;
    const json_document document(answer.body);
    std::string type, code, lower, upper;
    fault f;
    if (const auto* body = document.value()) {
        // What has another shape is left out: nothing here is needed to know that the request failed.
        member_reader texts(*body);
        texts("__type", type)("code", code)("message", lower)("Message", upper);
        if (!member_reader(*body)("Item", f.item).valid()) f.item.reset();
        if (!member_reader(*body)("CancellationReasons", f.reasons).valid()) f.reasons.clear();
    }
    auto name = error_name(answer.header("X-Amzn-Errortype"));
    if (name.empty()) name = error_name(type);
    if (name.empty()) name = error_name(code);
    const auto& message = lower.empty() ? upper : lower;

    const auto* known = find_meaning(name);
    const auto meant = known ? *known : by_status(answer.status);
    f.why.code = meant.code;
    f.retry = meant.retry;
    f.ambiguous = meant.ambiguous;
    f.why.detail = name.empty() ? "HTTP status " + std::to_string(answer.status) : std::string(name);
    if (!message.empty()) f.why.detail += ": " + aws::without_values(message);
    f.why.detail = aws::printable(f.why.detail);

    if (name.empty() && meant.code == error::invalid_request)
        f.why.code = error::malformed_response; // refused, but not in DynamoDB's words: this is somebody else
    else if (name == "ValidationException" && is_item_too_large(message))
        f.why.code = error::item_too_large;
    else if (name == "ResourceInUseException" && target.ends_with(".CreateTable"))
        f.why.code = error::table_exists;
    else if (name == "InvalidSignatureException" && is_clock_skew(message))
        f.why.code = error::clock_skew, f.retry = retry_reason::clock_skew;
    else if (meant.code == error::transaction_cancelled)
        judge_cancellation(f);
    return f;
}

/// What it means that an exchange ended without an answer.
inline fault transport_fault(failure why, bool sent) {
    auto f = aws::service_fault_of(std::move(why));
    return {std::move(f.why), f.retry, sent};
}

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/item.hpp>

#include <optional>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// All that is known when a call has ended: the response or the failure, and what came with it.
///
/// `client::execute` gives the response alone. Who has to know what became of a conditional write asks `perform`:
/// - `response` fails with `error::condition_failed` and `ambiguous` is false: nothing was written, for certain.
/// - the same and `ambiguous` is true: an earlier attempt of this call may have been carried out, and may be the very
///   reason why the condition does not hold any more.
/// - `response` fails otherwise and `ambiguous` is true: the request may have been carried out, or may be yet.
template <class Response>
struct outcome {
    result<Response> response{};

    /// Whether an attempt reached the service, or may have, and did not get an answer that says what became of it.
    bool ambiguous = false;

    /// How many requests were made.
    unsigned attempts = 0;

    /// The item that did not meet the condition: when the request asked for it by
    /// `return_values_on_condition_check_failure`, and the service knows how to send it (emulators do not).
    std::optional<dynamodb::item> item{};

    /// Why a transaction was cancelled: one reason for each of its actions.
    std::vector<cancellation_reason> reasons{};
};

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/http/message.hpp>

#include <chrono>
#include <cstddef>
#include <string_view>

namespace dynasession::inline v0::dynamodb {

/// Follows one call, to tell an observer of it in the end.
class call_watch {
public:
    using time_point = std::chrono::steady_clock::time_point;

    void begin(time_point now) noexcept { begun_ = now; }
    void sent(const http::request& r) noexcept { bytes_sent_ += r.head.size() + r.body.size(); }
    void received(const http::response& r) noexcept { bytes_received_ += r.header_size() + r.body.size(); }

    /// `target` is the request's: "DynamoDB_20120810.GetItem".
    template <class Response>
    void end(const any_observer& o, std::string_view target, const outcome<Response>& how, time_point now) const {
        request_event e{.operation = target.substr(target.find('.') + 1), // npos + 1 is 0
                        .attempts = how.attempts,
                        .latency = now - begun_,
                        .bytes_sent = bytes_sent_,
                        .bytes_received = bytes_received_,
                        .ambiguous = how.ambiguous};
        failure why; // `detail` is a part of it
        if (!how.response) {
            why = how.response.error();
            e.error = why.code;
            e.detail = why.detail;
        } else if constexpr (requires { units_of(*how.response); }) {
            e.consumed = units_of(*how.response);
        }
        o(e);
    }

private:
    time_point begun_{};
    std::size_t bytes_sent_ = 0;
    std::size_t bytes_received_ = 0;
};

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/error.hpp>
// #include <dynasession/dynamodb/item_size.hpp>
#ifndef DYNASESSION_DYNAMODB_ITEM_SIZE_HPP
#define DYNASESSION_DYNAMODB_ITEM_SIZE_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/dynamodb/item.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// The largest item that DynamoDB stores, in bytes, names included (developer guide, "Quotas").
inline constexpr std::size_t max_item_size = 400 * 1024;

std::size_t item_size(const item& i) noexcept;

namespace size_detail {

// The guide: "approximately ... 1 byte per two significant digits ... + 1 byte"; a sign takes one more.
constexpr std::size_t number_size(std::string_view text) noexcept {
    const bool negative = text.starts_with('-');
    const auto mantissa = text.substr(0, text.find_first_of("eE"));
    const auto first = mantissa.find_first_of("123456789");
    std::size_t digits = 0;
    if (first != std::string_view::npos) {
        const auto last = mantissa.find_last_of("123456789");
        for (const char c : mantissa.substr(first, last - first + 1)) digits += c != '.';
    }
    return (digits + 1) / 2 + 1 + negative;
}

} // namespace size_detail

/// What a value takes of the size of its item, in bytes (developer guide, "Item sizes and formats").
inline std::size_t value_size(const attribute_value& value) noexcept {
    using type = attribute_value::type;
    // "3 bytes of overhead, regardless of its contents", and "1 byte" for each element.
    constexpr std::size_t container = 3;
    std::size_t size = 0;
    switch (value.kind()) {
    case type::string: return value.as_string()->size();
    case type::binary: return value.as_binary()->size();
    case type::number: return size_detail::number_size(*value.as_number());
    case type::boolean:
    case type::null: return 1;
    case type::map: return container + value.as_map()->size() + item_size(*value.as_map());
    case type::list:
        for (const auto& element : *value.as_list()) size += 1 + value_size(element);
        return container + size;
    case type::string_set:
        for (const auto& text : *value.as_string_set()) size += text.size();
        return size;
    case type::number_set:
        for (const auto& text : *value.as_number_set()) size += size_detail::number_size(text);
        return size;
    case type::binary_set:
        for (const auto& bytes : *value.as_binary_set()) size += bytes.size();
        return size;
    }
    return size;
}

/// The size of an item as DynamoDB counts it for its limit and its price, in bytes: names and values.
///
/// A number may be counted a byte too small or too large: its exact size is not documented.
inline std::size_t item_size(const item& i) noexcept {
    std::size_t size = 0;
    for (const auto& [name, value] : i) size += name.size() + value_size(value);
    return size;
}

/// The size of the largest of several items.
inline std::size_t largest_size(const std::vector<item>& items) noexcept {
    std::size_t size = 0;
    for (const auto& i : items) size = std::max(size, item_size(i));
    return size;
}

/// Why an item of this size is not sent, if it is over the limit: DynamoDB would refuse it as well, but only after it
/// has travelled.
inline std::optional<failure> refuse_too_large(std::size_t size) {
    if (size <= max_item_size) return std::nullopt;
    return failure(error::item_too_large, "the item would take " + std::to_string(size) +
                                              " bytes; DynamoDB stores at most " + std::to_string(max_item_size));
}

/// Why a request with a body of `body_size` bytes is not sent, if an item in it is over the limit.
///
/// The JSON of an item is always longer than the item, so that nearly always nothing has to be counted. An update says
/// nothing of the size that the item will have.
template <class Request>
std::optional<failure> refuse_too_large(const Request& r, std::size_t body_size) {
    if constexpr (requires { largest_item(r); })
        if (body_size > max_item_size) return refuse_too_large(largest_item(r));
    return std::nullopt;
}

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/observer.hpp>
// #include <dynasession/dynamodb/outcome.hpp>
// #include <dynasession/dynamodb/request.hpp>
#ifndef DYNASESSION_DYNAMODB_REQUEST_HPP
#define DYNASESSION_DYNAMODB_REQUEST_HPP

// #include <dynasession/dynamodb/capacity.hpp>
// #include <dynasession/dynamodb/item.hpp>
// #include <dynasession/dynamodb/item_scanner.hpp>
#ifndef DYNASESSION_DYNAMODB_ITEM_SCANNER_HPP
#define DYNASESSION_DYNAMODB_ITEM_SCANNER_HPP

// #include <dynasession/dynamodb/item.hpp>
// #include <dynasession/dynamodb/json_reader.hpp>
// #include <dynasession/dynamodb/json_scanner.hpp>
#ifndef DYNASESSION_DYNAMODB_JSON_SCANNER_HPP
#define DYNASESSION_DYNAMODB_JSON_SCANNER_HPP

// #include <dynasession/detail/encoding.hpp>
// #include <dynasession/detail/utf8.hpp>
// #include <dynasession/dynamodb/plain_text.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace dynasession::inline v0::dynamodb {

/// Reads JSON text from front to back without a document: what is asked for stands there next, or the answer is false
/// and the text is of no use any more (RFC 8259; nothing is forgiven).
class json_scanner {
public:
    explicit json_scanner(std::string_view text) noexcept : rest_(text) {}

    /// Calls `member(name)` for each member; it has to read the value and to return whether that went well.
    template <class F>
    bool object(F member) {
        std::string kept;
        return sequence('{', '}', [&] {
            std::string_view name;
            return read_name(name, kept) && take(':') && member(name);
        });
    }

    /// Calls `element()` for each element; it has to read it and to return whether that went well.
    template <class F>
    bool array(F element) {
        return sequence('[', ']', element);
    }

    bool string(std::string& out) {
        out.clear();
        return take('"') && finish_string(out);
    }

    /// A string that is base64, with padding.
    bool base64(std::string& out) {
        if (!take('"')) return false;
        out.clear();
        const auto end = rest_.find('"');
        if (end == rest_.npos) return false;
        if (detail::append_decoded_base64(out, rest_.substr(0, end))) {
            rest_.remove_prefix(end + 1);
            return true;
        }
        std::string text; // "\/" is a slash, too
        return finish_string(text) && detail::append_decoded_base64(out, text);
    }

    bool boolean(bool& out) noexcept {
        out = word("true");
        return out || word("false");
    }

    /// Whether a null stands there; if not, the text stays as it is.
    bool null() noexcept { return word("null"); }

    /// The text of the next value, whatever it is: from its first to its last character, not looked at more closely.
    bool raw(std::string_view& out) noexcept {
        skip_space();
        out = rest_;
        std::size_t open = 0;
        do {
            const auto n = std::min(rest_.find_first_of("\"{}[], \t\r\n"), rest_.size());
            if (n == rest_.size() && open != 0) return false;
            rest_.remove_prefix(n);
            const char c = rest_.empty() ? ',' : rest_.front();
            if (open == 0 && (n != 0 || c == ',' || c == '}' || c == ']')) break;
            if (c == '"') {
                if (!skip_string()) return false;
                continue;
            }
            open += c == '{' || c == '[';
            open -= c == '}' || c == ']';
            rest_.remove_prefix(1);
        } while (open != 0);
        out.remove_suffix(rest_.size());
        return !out.empty();
    }

    /// Whether nothing but white space is left.
    bool at_end() noexcept {
        skip_space();
        return rest_.empty();
    }

private:
    // DynamoDB nests values 32 levels deep; each takes two of JSON, and a page with its items three more.
    static constexpr int max_depth = 72;

    void skip_space() noexcept {
        while (!rest_.empty() &&
               (rest_.front() == ' ' || rest_.front() == '\n' || rest_.front() == '\r' || rest_.front() == '\t'))
            rest_.remove_prefix(1);
    }

    bool take(char c) noexcept {
        if (!rest_.empty() && rest_.front() <= ' ') skip_space();
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }

    bool word(std::string_view text) noexcept {
        skip_space();
        if (!rest_.starts_with(text)) return false;
        rest_.remove_prefix(text.size());
        return true;
    }

    template <class F>
    bool sequence(char open, char close, F each) {
        if (!take(open) || ++depth_ > max_depth) return false;
        if (!take(close)) {
            do
                if (!each()) return false;
            while (take(','));
            if (!take(close)) return false;
        }
        --depth_;
        return true;
    }

    // A view of the text, unless it holds escapes.
    bool read_name(std::string_view& name, std::string& kept) {
        if (!take('"')) return false;
        const auto n = plain_length(rest_);
        if (n != rest_.size() && rest_[n] == '"') {
            name = rest_.substr(0, n);
            rest_.remove_prefix(n + 1);
            return true;
        }
        kept.clear();
        const bool ok = finish_string(kept);
        name = kept;
        return ok;
    }

    bool finish_string(std::string& out) {
        for (;;) {
            const auto n = plain_length(rest_);
            out.append(rest_.substr(0, n));
            rest_.remove_prefix(n);
            if (rest_.empty()) return false;
            const char c = rest_.front();
            if (c == '\\') {
                rest_.remove_prefix(1);
                if (!read_escape(out)) return false;
                continue;
            }
            const auto length = static_cast<unsigned char>(c) < 0x20 ? 0 : detail::utf8_sequence_length(rest_);
            if (length == 0) return false;
            if (c != '"') out.append(rest_.substr(0, length));
            rest_.remove_prefix(length);
            if (c == '"') return true;
        }
    }

    bool skip_string() noexcept {
        for (std::size_t i = 1; (i = rest_.find_first_of("\"\\", i)) < rest_.size(); i += 2) {
            if (rest_[i] == '\\') continue;
            rest_.remove_prefix(i + 1);
            return true;
        }
        return false;
    }

    bool read_escape(std::string& out) {
        constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
        if (rest_.empty()) return false;
        const char c = rest_.front();
        rest_.remove_prefix(1);
        if (c == 'u') return read_code_point(out);
        const auto at = letters.find(c);
        if (at == letters.npos) return false;
        out.push_back(meanings[at]);
        return true;
    }

    bool read_code_point(std::string& out) {
        unsigned code = 0, low = 0;
        if (!read_four_digits(code)) return false;
        const auto byte = [&](unsigned b) { out.push_back(static_cast<char>(b)); };
        if (code >= 0xd800 && code < 0xe000) {
            const bool paired = code < 0xdc00 && rest_.starts_with("\\u");
            if (!paired) return false;
            rest_.remove_prefix(2);
            if (!read_four_digits(low) || low < 0xdc00 || low >= 0xe000) return false;
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            byte(0xf0 | code >> 18);
            byte(0x80 | (code >> 12 & 0x3f));
        } else if (code >= 0x800) {
            byte(0xe0 | code >> 12);
        } else if (code >= 0x80) {
            byte(0xc0 | code >> 6);
        } else {
            byte(code);
            return true;
        }
        if (code >= 0x800) byte(0x80 | (code >> 6 & 0x3f));
        byte(0x80 | (code & 0x3f));
        return true;
    }

    bool read_four_digits(unsigned& out) noexcept {
        if (rest_.size() < 4) return false;
        for (const char c : rest_.substr(0, 4)) {
            const int digit = detail::hex_value(c);
            if (digit < 0) return false;
            out = out << 4 | static_cast<unsigned>(digit);
        }
        rest_.remove_prefix(4);
        return true;
    }

    std::string_view rest_;
    int depth_ = 0;
};

} // namespace dynasession::inline v0::dynamodb

#endif

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::dynamodb {

// Items straight from the text, each string made once and where it stays; `read` from a `boost::json::value` gives the
// same, at three times the cost. False when the JSON has another shape.
bool read(json_scanner& in, attribute_value& out);
bool read(json_scanner& in, item& out);

template <class T>
bool read(json_scanner& in, std::vector<T>& out) {
    out.clear();
    return in.array([&] { return read(in, out.emplace_back()); });
}

/// A null leaves the place as it is.
template <class T>
bool read(json_scanner& in, std::optional<T>& out) {
    return in.null() || read(in, out.emplace());
}

/// Reads by way of a document what does not come often enough to have a shorter way.
template <class T>
bool read_document(json_scanner& in, T& out) {
    std::string_view text;
    if (!in.raw(text)) return false;
    const json_document document(text);
    return document.value() != nullptr && (document.value()->is_null() || read(*document.value(), out));
}

/// Passes over a value that must be JSON, and nothing else.
inline bool skip(json_scanner& in) {
    std::string_view text;
    return in.raw(text) && json_document(text).value() != nullptr;
}

namespace item_scanner_detail {

inline bool read_strings(json_scanner& in, attribute_value::set_type& out) {
    return in.array([&] { return in.string(out.emplace_back()); });
}

inline bool read_content(json_scanner& in, std::string_view type, attribute_value& out) {
    using t = attribute_value::type;
    if (type == "S") return in.string(out.emplace<t::string>());
    if (type == "N") return in.string(out.emplace<t::number>());
    if (type == "B") return in.base64(out.emplace<t::binary>());
    if (type == "M") return read(in, out.emplace<t::map>());
    if (type == "L") return read(in, out.emplace<t::list>());
    if (type == "BOOL") return in.boolean(out.emplace<t::boolean>());
    if (type == "SS") return read_strings(in, out.emplace<t::string_set>());
    if (type == "NS") return read_strings(in, out.emplace<t::number_set>());
    if (type == "BS")
        return in.array([&, &set = out.emplace<t::binary_set>()] { return in.base64(set.emplace_back()); });
    out.emplace<t::null>();
    bool yes = false;
    return type == "NULL" && in.boolean(yes) && yes;
}

inline bool has_unique_names(const item& i) {
    if (i.size() <= 16) {
        for (auto a = i.begin(); a != i.end(); ++a)
            if (std::any_of(a + 1, i.end(), [&](const auto& b) { return a->name == b.name; })) return false;
        return true;
    }
    std::vector<std::string_view> names;
    names.reserve(i.size());
    for (const auto& [name, value] : i) names.push_back(name);
    std::ranges::sort(names);
    return std::ranges::adjacent_find(names) == names.end();
}

} // namespace item_scanner_detail

inline bool read(json_scanner& in, attribute_value& out) {
    bool first = true;
    return in.object([&](std::string_view type) {
        return std::exchange(first, false) && item_scanner_detail::read_content(in, type, out);
    }) && !first;
}

inline bool read(json_scanner& in, item& out) {
    out.clear();
    return in.object([&](std::string_view name) {
        if (out.empty()) out.reserve(6); // few items have more
        return read(in, out.append(name));
    }) && item_scanner_detail::has_unique_names(out);
}

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/json_reader.hpp>
// #include <dynasession/dynamodb/json_scanner.hpp>
// #include <dynasession/dynamodb/json_writer.hpp>

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace dynasession::inline v0::dynamodb {

/// A response that `read` finds in a document.
template <class Response>
concept readable = requires(const boost::json::value& json, Response& response) {
    { read(json, response) } -> std::same_as<bool>;
};

/// A response that `read` finds in the text itself.
template <class Response>
concept scannable = requires(json_scanner& in, Response& response) {
    { read(in, response) } -> std::same_as<bool>;
};

/// Reads the whole text of an answer; false when it is not JSON, or has another shape.
template <class Response>
bool read_answer(std::string_view text, Response& response) {
    if constexpr (scannable<Response>) {
        json_scanner in(text);
        return read(in, response) && in.at_end();
    } else {
        const json_document document(text);
        return document.value() != nullptr && read(*document.value(), response);
    }
}

/// What the client executes: a plain struct that names its operation and the type of its answer.
///
/// `R::target` is the value of the `X-Amz-Target` header, `R::response_type` a default constructible struct;
/// `write(json_writer&, const R&)` writes the body, `read(const boost::json::value&, R::response_type&)` reads the
/// answer and is false when it has another shape; or `read(json_scanner&, R::response_type&)`, which does so without a
/// document. All are found by their arguments, so a program can add operations that this library does not have.
///
/// May have, too: a flag `return_consumed_capacity`, which asks for what the call costs, with `units_of(response)`, the
/// `std::optional<request_units>` in the answer, for observers; `largest_item(const R&)`, the size of the largest item
/// that it is to store whole.
template <class R>
concept request = requires(const R& r, json_writer& out, typename R::response_type& answer) {
    { R::target } -> std::convertible_to<std::string_view>;
    requires std::default_initializable<typename R::response_type>;
    write(out, r);
} && (scannable<typename R::response_type> || readable<typename R::response_type>);

/// Writes the body of a request into an empty string. `metered` asks for what the call costs, where the operation
/// tells.
///
/// Why the request cannot be sent, or null.
template <request Request>
const char* write_body(std::string& body, const Request& r, bool metered = false) {
    json_writer out(body);
    write(out, r);
    if constexpr (requires { r.return_consumed_capacity; }) {
        if (metered && !r.return_consumed_capacity) {
            body.pop_back(); // the brace that ends the object
            write_capacity_member(out, true);
            out.end_object();
        }
    }
    return out.problem();
}

/// Which attributes of the item a write gives back. PutItem and DeleteItem know `none` and `all_old` only, and so do
/// conditions that fail.
enum class return_value { none, all_old, updated_old, all_new, updated_new };

constexpr std::string_view to_text(return_value v) noexcept {
    constexpr std::string_view texts[] = {"NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"};
    return texts[static_cast<std::size_t>(v)];
}

inline void write_member(json_writer& out, std::string_view name, return_value v) {
    if (v != return_value::none) out.key(name).string(to_text(v));
}

inline void write_positive_member(json_writer& out, std::string_view name, std::int64_t value) {
    if (value > 0) out.key(name).integer(value);
}

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/request_heads.hpp>
#ifndef DYNASESSION_DYNAMODB_REQUEST_HEADS_HPP
#define DYNASESSION_DYNAMODB_REQUEST_HEADS_HPP

// #include <dynasession/aws/canonical_request.hpp>
// #include <dynasession/aws/credentials.hpp>
// #include <dynasession/aws/signing_cache.hpp>
// #include <dynasession/aws/sigv4.hpp>
// #include <dynasession/core/error.hpp>

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
// #include <dynasession/http/message.hpp>
// #include <dynasession/op/action.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::dynamodb {

/// How long a call may take, and how often it is tried.
struct call_options {
    std::chrono::milliseconds timeout{5000};         ///< for the whole call: attempts and the pauses between them
    std::chrono::milliseconds attempt_timeout{2000}; ///< for one request and its answer
    aws::retry_options retry{};
};

/// What the calls of a client have in common.
struct service {
    std::string authority; ///< the value of the Host header
    aws::signer signer;
    aws::credentials_provider credentials;
    call_options options;
    any_observer observer{};
    mutable request_heads heads{};
    mutable aws::retry_quota quota{};
    mutable aws::service_clock clock{};
};

/// The HTTP request of a call: the body is rendered once, the head anew for each attempt.
class signed_request {
public:
    signed_request(const service& s, std::string_view target) : service_(&s), target_(target) {}

    std::string& body() noexcept { return message_->body; }

    /// The message stays where it is until the next call; moving this object does not move it.
    result<const http::request*> sign(const std::shared_ptr<const aws::credentials>& key, unsigned attempt,
                                      op::instant now) {
        auto& head = message_->head;
        head.clear();
        head.reserve(704 + service_->authority.size() + key->session_token().size());
        auto begun = service_->heads.begin(head, target_, service_->authority, service_->signer, key, now.seconds());
        if (!begun) return std::move(begun).error();
        const auto signature = begun->finish_over(message_->body);
        head.append(signature.data(), signature.size());
        using namespace std::string_view_literals; // lengths that are known: a fifth of the time of this function
        head.append("\r\ncontent-length: "sv);
        append_number(head, message_->body.size());
        // The service finds the attempts of one call by its id.
        head.append("\r\namz-sdk-invocation-id: "sv).append(message_->id.data(), message_->id.size());
        head.append("\r\namz-sdk-request: attempt="sv);
        append_number(head, attempt);
        head.append("; max="sv);
        append_number(head, service_->options.retry.attempts());
        head.append("\r\n\r\n"sv);
        return message_.get();
    }

private:
    struct message : http::request {
        std::array<char, 36> id = detail::random_uuid();
    };

    static void append_number(std::string& out, std::size_t n) {
        char text[24];
        out.append(text, std::to_chars(text, text + sizeof text, n).ptr);
    }

    const service* service_;
    std::string_view target_;
    std::unique_ptr<message> message_ = std::make_unique<message>();
};

/// One call of the service as an operation: signs, sends, checks and decodes, and tries again what may succeed then.
///
/// Transport failures, 5xx answers, damaged answers and throttling are repeated within the attempts, the quota and the
/// time of the options; never after a cancellation. So a write may be carried out twice, unless its condition prevents
/// it. Credentials that the service does not accept are fetched anew, and a clock that is wrong is corrected, once.
/// The value is always an `outcome`: its `response` may have failed. The observer, if there is one, is told of it just
/// before.
///
/// *Lifetimes:* the service has to outlive the call; the request is not needed after the construction.
template <request Request>
class call {
public:
    using response_type = typename Request::response_type;
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = outcome<response_type>;
    using action_type = op::action<effect_type, value_type>;

    /// It ends by `deadline`, if that comes before its timeout.
    call(const service& s, const Request& r, std::chrono::steady_clock::time_point deadline = deadline_type::max())
        : service_(&s), request_(s, Request::target), schedule_(s.options.retry, s.quota), deadline_(deadline) {
        request_.body().reserve(256); // a usual GetItem or UpdateItem
        if (const char* problem = write_body(request_.body(), r, s.observer.wants_capacity()))
            problem_ = std::make_unique<failure>(error::not_serializable, problem);
        else if (auto refused = refuse_too_large(r, request_.body().size()))
            problem_ = std::make_unique<failure>(*std::move(refused));
    }

    action_type resume(reply_type&& reply, op::instant now) {
        switch (step_) {
        case step::start:
            watch_.begin(now.steady);
            if (problem_) return end(fault{std::move(*problem_)}, now);
            deadline_ = std::min(deadline_, now.steady + service_->options.timeout);
            return begin_attempt(now);
        case step::awaiting_credentials:
            if (!reply.answer) return end(fault{std::move(reply.answer).error()}, now);
            return use_fetched(now);
        case step::sending: return judge(std::move(reply), now);
        case step::pausing:
            if (!reply.answer) return end(fault{std::move(reply.answer).error()}, now);
            return begin_attempt(now);
        }
        return end({}, now);
    }

private:
    using deadline_type = std::chrono::steady_clock::time_point;
    using fetch = aws::credentials_provider::fetch;
    enum class step { start, awaiting_credentials, sending, pausing };

    action_type begin_attempt(op::instant now) {
        const auto by_service = service_->clock.correct(now);
        key_ = service_->credentials.cached(by_service);
        if (key_) return send(now);
        fetching_ = service_->credentials.refresh(by_service);
        step_ = step::awaiting_credentials;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - now.steady);
        return op::pause{left, std::shared_ptr<op::event>(fetching_, &fetching_->done)};
    }

    action_type use_fetched(op::instant now) {
        const auto fetched = std::exchange(fetching_, nullptr);
        if (!fetched->done.is_set()) return end(fault{{error::timeout, "waiting for credentials"}}, now);
        if (!fetched->found) return end(fault{fetched->found.error()}, now);
        key_ = *fetched->found;
        return send(now);
    }

    action_type send(op::instant now) {
        auto message = request_.sign(key_, schedule_.attempt(), service_->clock.correct(now));
        if (!message) return end(fault{std::move(message).error()}, now);
        ++attempts_;
        watch_.sent(**message);
        sent_ = now;
        step_ = step::sending;
        return http::exchange{*message, std::min(now.steady + service_->options.attempt_timeout, deadline_),
                              checksum_matches};
    }

    action_type judge(reply_type&& reply, op::instant now) {
        response_type response;
        ambiguous_ = ambiguous_ || reply.repeated;
        if (reply.answer) {
            watch_.received(*reply.answer);
            service_->clock.learn(*reply.answer, sent_, now);
        }
        auto f = look_at(reply, response);
        if (!f.why.code) {
            schedule_.succeed();
            return finish({std::move(response), ambiguous_, attempts_}, now);
        }
        ambiguous_ = ambiguous_ || f.ambiguous;
        const auto wish = reply.answer ? reply.answer->header("x-amz-retry-after") : std::string_view{};
        if (const auto pause = schedule_.next(remedied(f.retry), now.steady, deadline_, wish)) {
            step_ = step::pausing;
            return op::pause{*pause};
        }
        return end(std::move(f), now);
    }

    // What has to be done before another attempt makes sense is done here, once.
    aws::retry_reason remedied(aws::retry_reason reason) {
        using enum aws::retry_reason;
        using namespace std::chrono_literals;
        switch (reason) {
        case never:
        case transient:
        case throttling: return reason;
        case clock_skew: return std::exchange(clock_corrected_, true) ? never : transient;
        case signature:
            if (std::chrono::abs(service_->clock.skew()) <= 4min) return never;
            return std::exchange(clock_corrected_, true) ? never : transient;
        case credentials:
            if (std::exchange(key_rejected_, true)) return never;
            return service_->credentials.reject(key_) ? transient : never;
        }
        return never;
    }

    // No fault, and the response; or a fault.
    static fault look_at(const reply_type& reply, response_type& response) {
        using aws::retry_reason;
        if (!reply.answer) return transport_fault(reply.answer.error(), reply.sent);
        const auto& answer = *reply.answer;
        if (answer.status != 200) return read_error(answer, Request::target);
        if (read_answer(answer.body, response)) return {};
        return {{error::malformed_response, "the body is not that of an answer to this operation"},
                retry_reason::transient,
                true};
    }

    action_type end(fault f, op::instant now) {
        if (attempts_ > 1) f.why.detail += " (after " + std::to_string(attempts_) + " attempts)";
        return finish({std::move(f.why), ambiguous_, attempts_, std::move(f.item), std::move(f.reasons)}, now);
    }

    action_type finish(value_type&& how, op::instant now) const {
        if (service_->observer) watch_.end(service_->observer, Request::target, how, now.steady);
        return std::move(how);
    }

    const service* service_;
    signed_request request_;
    aws::retry_schedule schedule_;
    deadline_type deadline_;
    aws::credentials_provider::snapshot key_;
    std::shared_ptr<fetch> fetching_;
    op::instant sent_{};
    call_watch watch_{};
    std::unique_ptr<failure> problem_; ///< why it is not sent
    unsigned attempts_ = 0;
    bool ambiguous_ = false;
    bool clock_corrected_ = false;
    bool key_rejected_ = false;
    step step_ = step::start;
};

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/client_options.hpp>
#ifndef DYNASESSION_DYNAMODB_CLIENT_OPTIONS_HPP
#define DYNASESSION_DYNAMODB_CLIENT_OPTIONS_HPP

// #include <dynasession/aws/credentials_provider.hpp>
// #include <dynasession/aws/endpoint.hpp>
// #include <dynasession/aws/environment.hpp>
// #include <dynasession/core/config.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/dynamodb/call.hpp>
// #include <dynasession/dynamodb/observer.hpp>
// #include <dynasession/http/client.hpp>

#include <optional>
#include <string>

namespace dynasession::inline v0::dynamodb {

/// What a client needs to know. What is left empty is found as the AWS SDKs find it: in variables, then in the profile
/// in use of ~/.aws/config and ~/.aws/credentials.
struct client_options {
    std::string profile{};                   ///< else AWS_PROFILE, AWS_DEFAULT_PROFILE, `default`
    std::string region{};                    ///< else AWS_REGION, AWS_DEFAULT_REGION, `region`

    /// When nothing else names a region, ask the metadata of the EC2 instance: the constructor then waits for it, at
    /// most 14 s with the settings as they are by default, and 1 s where there is no metadata service.
    bool region_from_instance = false;

    std::string endpoint_url{};              ///< else see `aws::configured_endpoint_url`, else AWS's own of the region
    std::optional<bool> use_fips{};          ///< else AWS_USE_FIPS_ENDPOINT, `use_fips_endpoint`, false
    std::optional<bool> use_dual_stack{};    ///< else AWS_USE_DUALSTACK_ENDPOINT, `use_dualstack_endpoint`, false
    bool allow_plain_http = false;           ///< http:// to other machines than this one, or through a proxy
    aws::credentials_provider credentials{}; ///< keys, or a function that gives some; else `aws::resolve_credentials`
    call_options call{};                     ///< time and attempts of a call
    http::client_options connection{};       ///< connections, TLS, proxy: see `aws::resolve_connection`
    any_observer observer{};                 ///< is told of each call: `metrics`, or a function of a `request_event`
};

/// The same with everything found.
struct client_setup {
    aws::resolved_endpoint where;
    aws::credentials_provider credentials;
    call_options call;
    http::client_options connection;
    any_observer observer;
};

/// Looks into the environment and the profiles' files for what the options leave empty. Connects to nothing, except for
/// `client_options::region_from_instance`.
///
/// *Errors:* what is missing, wrong or set by half, with the option, the variable, or file and line, and what to do.
DYNASESSION_DECL result<client_setup> resolve(client_options given, const aws::environment& env = aws::process_environment);

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/complete_batch.hpp>
#ifndef DYNASESSION_DYNAMODB_COMPLETE_BATCH_HPP
#define DYNASESSION_DYNAMODB_COMPLETE_BATCH_HPP

// #include <dynasession/aws/retry.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/dynamodb/call.hpp>
// #include <dynasession/dynamodb/operations/read_items.hpp>
#ifndef DYNASESSION_DYNAMODB_OPERATIONS_READ_ITEMS_HPP
#define DYNASESSION_DYNAMODB_OPERATIONS_READ_ITEMS_HPP

// #include <dynasession/dynamodb/request.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// What a batch reads from one table.
struct table_keys {
    std::string table_name{};
    std::vector<item> keys{};
    bool consistent_read = false;
    std::string projection_expression{}; ///< empty: all attributes
    expression_names expression_attribute_names{};
};

/// What a batch found in one table.
struct table_items {
    std::string table_name{};
    std::vector<item> items{};
};

struct batch_get_item_response {
    std::vector<table_items> tables{};          ///< in no particular order; what is absent is not there
    std::vector<table_keys> unprocessed_keys{}; ///< what to ask for again, after a pause; empty when all is read
    std::vector<dynamodb::consumed_capacity> consumed_capacity{};
};

/// BatchGetItem: the items with up to 100 keys, 16 MB of them.
///
/// That the service read only a part is not an error here: see `unprocessed_keys`, and `complete_batch`, which goes on
/// until all is read.
/// *Cost:* as the single reads.
struct batch_get_item_request {
    using response_type = batch_get_item_response;
    static constexpr std::string_view target = "DynamoDB_20120810.BatchGetItem";

    std::vector<table_keys> request_items{};
    bool return_consumed_capacity = false;
};

inline void write(json_writer& out, const batch_get_item_request& r) {
    out.begin_object().key("RequestItems").begin_object();
    for (const auto& table : r.request_items) {
        out.key(table.table_name).begin_object().key("Keys").begin_array();
        for (const auto& key : table.keys) out.value(key);
        out.end_array();
        out.optional_flag("ConsistentRead", table.consistent_read);
        out.optional_member("ProjectionExpression", table.projection_expression);
        out.optional_member("ExpressionAttributeNames", table.expression_attribute_names);
        out.end_object();
    }
    out.end_object();
    write_capacity_member(out, r.return_consumed_capacity);
    out.end_object();
}

inline bool read(json_scanner& in, table_keys& out) {
    return in.object([&](std::string_view name) {
        if (name == "Keys") return read(in, out.keys);
        if (name == "ConsistentRead") return in.null() || in.boolean(out.consistent_read);
        if (name == "ProjectionExpression") return in.null() || in.string(out.projection_expression);
        if (name == "ExpressionAttributeNames") return in.null() || in.object([&](std::string_view placeholder) {
            return in.string(out.expression_attribute_names.emplace_back(placeholder, "").second);
        });
        return skip(in);
    }) && !out.keys.empty();
}

inline bool read(json_scanner& in, batch_get_item_response& out) {
    bool answered = false;
    return in.object([&](std::string_view name) {
        if (name == "Responses") {
            answered = true;
            return in.object([&](std::string_view table) {
                auto& found = out.tables.emplace_back();
                found.table_name = table;
                return read(in, found.items);
            });
        }
        if (name == "UnprocessedKeys") return in.null() || in.object([&](std::string_view table) {
            auto& left = out.unprocessed_keys.emplace_back();
            left.table_name = table;
            return read(in, left);
        });
        if (name == "ConsumedCapacity") return read_document(in, out.consumed_capacity);
        return skip(in);
    }) && answered;
}

// What complete_batch needs.
inline std::size_t count(const table_keys& t) noexcept { return t.keys.size(); }
inline auto& left_over(batch_get_item_response& r) noexcept { return r.unprocessed_keys; }
inline void collect(batch_get_item_response& into, batch_get_item_response&& more) {
    for (auto& table : more.tables) {
        const auto same = std::ranges::find(into.tables, table.table_name, &table_items::table_name);
        if (same == into.tables.end())
            into.tables.push_back(std::move(table));
        else
            std::ranges::move(table.items, std::back_inserter(same->items));
    }
    std::ranges::move(more.consumed_capacity, std::back_inserter(into.consumed_capacity));
}

inline auto units_of(const batch_get_item_response& r) noexcept { return units_read(r.consumed_capacity); }

static_assert(request<batch_get_item_request>);

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/operations/write_items.hpp>
#ifndef DYNASESSION_DYNAMODB_OPERATIONS_WRITE_ITEMS_HPP
#define DYNASESSION_DYNAMODB_OPERATIONS_WRITE_ITEMS_HPP

// #include <dynasession/detail/random.hpp>
// #include <dynasession/dynamodb/item_size.hpp>
// #include <dynasession/dynamodb/operations/write_item.hpp>
#ifndef DYNASESSION_DYNAMODB_OPERATIONS_WRITE_ITEM_HPP
#define DYNASESSION_DYNAMODB_OPERATIONS_WRITE_ITEM_HPP

// #include <dynasession/dynamodb/item_size.hpp>
// #include <dynasession/dynamodb/request.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace dynasession::inline v0::dynamodb {

/// The answer to a write of one item.
struct write_item_response {
    std::optional<item> attributes{}; ///< what `return_values` asked for
    std::optional<dynamodb::consumed_capacity> consumed_capacity{};
};

/// PutItem: stores an item in place of the one with its key.
///
/// *Errors:* `error::condition_failed` when the condition does not hold; `item_too_large`, with the size, before anything
/// is sent.
/// *Cost:* one write unit per KB of the larger of the old and the new item, also when the condition fails.
struct put_item_request {
    using response_type = write_item_response;
    static constexpr std::string_view target = "DynamoDB_20120810.PutItem";

    std::string table_name{};
    dynamodb::item item{};
    std::string condition_expression{};
    expression_names expression_attribute_names{};
    dynamodb::item expression_attribute_values{};
    return_value return_values = return_value::none;
    return_value return_values_on_condition_check_failure = return_value::none;
    bool return_consumed_capacity = false;
};

/// UpdateItem: changes attributes of an item, and creates it when it is not there and no condition forbids it.
///
/// *Errors* and *Cost:* as PutItem; but only the service knows how large the item becomes.
struct update_item_request {
    using response_type = write_item_response;
    static constexpr std::string_view target = "DynamoDB_20120810.UpdateItem";

    std::string table_name{};
    item key{};
    std::string update_expression{};
    std::string condition_expression{};
    expression_names expression_attribute_names{};
    item expression_attribute_values{};
    return_value return_values = return_value::none;
    return_value return_values_on_condition_check_failure = return_value::none;
    bool return_consumed_capacity = false;
};

/// DeleteItem: removes the item with a key; that there is none is no error.
///
/// *Errors* and *Cost:* as PutItem.
struct delete_item_request {
    using response_type = write_item_response;
    static constexpr std::string_view target = "DynamoDB_20120810.DeleteItem";

    std::string table_name{};
    item key{};
    std::string condition_expression{};
    expression_names expression_attribute_names{};
    item expression_attribute_values{};
    return_value return_values = return_value::none;
    return_value return_values_on_condition_check_failure = return_value::none;
    bool return_consumed_capacity = false;
};

namespace write_item_detail {

// What all conditional writes have in common, also those inside transactions.
template <class Request>
void write_condition_members(json_writer& out, const Request& r) {
    out.optional_member("ConditionExpression", r.condition_expression);
    out.optional_member("ExpressionAttributeNames", r.expression_attribute_names);
    out.optional_member("ExpressionAttributeValues", r.expression_attribute_values);
    write_member(out, "ReturnValuesOnConditionCheckFailure", r.return_values_on_condition_check_failure);
}

template <class Request>
void write_result_members(json_writer& out, const Request& r) {
    write_condition_members(out, r);
    write_member(out, "ReturnValues", r.return_values);
    write_capacity_member(out, r.return_consumed_capacity);
}

} // namespace write_item_detail

inline void write(json_writer& out, const put_item_request& r) {
    out.begin_object();
    out.key("TableName").string(r.table_name);
    out.key("Item").value(r.item);
    write_item_detail::write_result_members(out, r);
    out.end_object();
}

inline void write(json_writer& out, const update_item_request& r) {
    out.begin_object();
    out.key("TableName").string(r.table_name);
    out.key("Key").value(r.key);
    out.optional_member("UpdateExpression", r.update_expression);
    write_item_detail::write_result_members(out, r);
    out.end_object();
}

inline void write(json_writer& out, const delete_item_request& r) {
    out.begin_object();
    out.key("TableName").string(r.table_name);
    out.key("Key").value(r.key);
    write_item_detail::write_result_members(out, r);
    out.end_object();
}

inline bool read(json_scanner& in, write_item_response& out) {
    return in.object([&](std::string_view name) {
        if (name == "Attributes") return read(in, out.attributes);
        return name == "ConsumedCapacity" && read_document(in, out.consumed_capacity); // else this is not DynamoDB
    });
}

inline std::size_t largest_item(const put_item_request& r) noexcept { return item_size(r.item); }

inline auto units_of(const write_item_response& r) noexcept { return units_written(r.consumed_capacity); }

static_assert(request<put_item_request> && request<update_item_request> && request<delete_item_request>);

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/request.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// What a batch does to one table, in no particular order.
struct table_writes {
    std::string table_name{};
    std::vector<item> puts{};    ///< whole items
    std::vector<item> deletes{}; ///< keys
};

struct batch_write_item_response {
    std::vector<table_writes> unprocessed_items{}; ///< what has to be sent again, after a pause; empty when all is done
    std::vector<dynamodb::consumed_capacity> consumed_capacity{};
};

/// BatchWriteItem: up to 25 puts and deletes, each for itself and without conditions.
///
/// That the service carried out only a part is not an error here: see `unprocessed_items`, and `complete_batch`, which
/// goes on until all is done.
/// *Errors:* `error::item_too_large`, with the size, before anything is sent.
/// *Cost:* as the single writes.
struct batch_write_item_request {
    using response_type = batch_write_item_response;
    static constexpr std::string_view target = "DynamoDB_20120810.BatchWriteItem";

    std::vector<table_writes> request_items{};
    bool return_consumed_capacity = false;
};

struct transact_put {
    std::string table_name{};
    dynamodb::item item{};
    std::string condition_expression{};
    expression_names expression_attribute_names{};
    dynamodb::item expression_attribute_values{};
    return_value return_values_on_condition_check_failure = return_value::none;
};

struct transact_update {
    std::string table_name{};
    item key{};
    std::string update_expression{};
    std::string condition_expression{};
    expression_names expression_attribute_names{};
    item expression_attribute_values{};
    return_value return_values_on_condition_check_failure = return_value::none;
};

struct transact_delete {
    std::string table_name{};
    item key{};
    std::string condition_expression{};
    expression_names expression_attribute_names{};
    item expression_attribute_values{};
    return_value return_values_on_condition_check_failure = return_value::none;
};

struct transact_condition_check {
    std::string table_name{};
    item key{};
    std::string condition_expression{};
    expression_names expression_attribute_names{};
    item expression_attribute_values{};
    return_value return_values_on_condition_check_failure = return_value::none;
};

/// One action of a transaction.
using transact_write_item = std::variant<transact_put, transact_update, transact_delete, transact_condition_check>;

struct transact_write_items_response {
    std::vector<dynamodb::consumed_capacity> consumed_capacity{};
};

/// TransactWriteItems: up to 100 actions on different items, all of them or none.
///
/// *Errors:* `error::transaction_cancelled`, with a reason for each action in the outcome; `transaction_conflict` when
/// nothing but other transactions was in the way.
/// *Cost:* twice that of the single writes.
struct transact_write_items_request {
    using response_type = transact_write_items_response;
    static constexpr std::string_view target = "DynamoDB_20120810.TransactWriteItems";

    std::vector<transact_write_item> transact_items{};

    /// A repetition with the same token within 10 minutes does nothing and succeeds; at most 36 characters.
    /// Empty: each call has one of its own, so that its attempts count once.
    std::string client_request_token{};
    bool return_consumed_capacity = false;
};

inline void write(json_writer& out, const batch_write_item_request& r) {
    const auto write_all = [&](std::string_view action, std::string_view member, const std::vector<item>& items) {
        for (const auto& i : items)
            out.begin_object().key(action).begin_object().key(member).value(i).end_object().end_object();
    };
    out.begin_object().key("RequestItems").begin_object();
    for (const auto& table : r.request_items) {
        out.key(table.table_name).begin_array();
        write_all("PutRequest", "Item", table.puts);
        write_all("DeleteRequest", "Key", table.deletes);
        out.end_array();
    }
    out.end_object();
    write_capacity_member(out, r.return_consumed_capacity);
    out.end_object();
}

// [{"PutRequest":{"Item":{...}}}, {"DeleteRequest":{"Key":{...}}}]
inline bool read(const boost::json::value& json, table_writes& out) {
    const auto* array = json.if_array();
    if (array == nullptr) return false;
    for (const auto& element : *array) {
        const auto* object = element.if_object();
        if (object == nullptr || object->size() != 1) return false;
        const auto& [action, content] = *object->begin();
        const bool is_put = action == "PutRequest";
        if (!is_put && action != "DeleteRequest") return false;
        auto& place = (is_put ? out.puts : out.deletes).emplace_back();
        if (!member_reader(content)(is_put ? "Item" : "Key", place).only_these() || place.empty()) return false;
    }
    return true;
}

inline bool read(const boost::json::value& json, std::vector<table_writes>& out) {
    const auto* tables = json.if_object();
    if (tables == nullptr) return false;
    for (const auto& [name, writes] : *tables) {
        out.push_back({std::string(name), {}, {}});
        if (!read(writes, out.back())) return false;
    }
    return true;
}

namespace write_items_detail {

inline std::string_view action_name(const transact_write_item& action) noexcept {
    constexpr std::string_view names[] = {"Put", "Update", "Delete", "ConditionCheck"};
    return names[action.index()];
}

inline void write_subject(json_writer& out, const transact_put& a) { out.key("Item").value(a.item); }
inline void write_subject(json_writer& out, const transact_delete& a) { out.key("Key").value(a.key); }
inline void write_subject(json_writer& out, const transact_condition_check& a) { out.key("Key").value(a.key); }
inline void write_subject(json_writer& out, const transact_update& a) {
    out.key("Key").value(a.key);
    out.optional_member("UpdateExpression", a.update_expression);
}

} // namespace write_items_detail

inline bool read(const boost::json::value& json, batch_write_item_response& out) {
    return member_reader(json)("UnprocessedItems", out.unprocessed_items)("ConsumedCapacity", out.consumed_capacity)
        .only_these();
}

inline void write(json_writer& out, const transact_write_items_request& r) {
    out.begin_object().key("TransactItems").begin_array();
    for (const auto& action : r.transact_items) {
        out.begin_object().key(write_items_detail::action_name(action)).begin_object();
        std::visit(
            [&](const auto& a) {
                out.key("TableName").string(a.table_name);
                write_items_detail::write_subject(out, a);
                write_item_detail::write_condition_members(out, a);
            },
            action);
        out.end_object().end_object();
    }
    out.end_array();
    const auto random = detail::random_uuid();
    out.key("ClientRequestToken")
        .string(r.client_request_token.empty() ? std::string_view(random.data(), random.size())
                                               : r.client_request_token);
    write_capacity_member(out, r.return_consumed_capacity);
    out.end_object();
}

inline bool read(const boost::json::value& json, transact_write_items_response& out) {
    return member_reader(json)("ConsumedCapacity", out.consumed_capacity).only_these();
}

inline std::size_t largest_item(const batch_write_item_request& r) noexcept {
    std::size_t size = 0;
    for (const auto& table : r.request_items) size = std::max(size, largest_size(table.puts));
    return size;
}

inline std::size_t largest_item(const transact_write_items_request& r) noexcept {
    std::size_t size = 0;
    for (const auto& action : r.transact_items)
        if (const auto* put = std::get_if<transact_put>(&action)) size = std::max(size, item_size(put->item));
    return size;
}

// What complete_batch needs.
inline std::size_t count(const table_writes& t) noexcept { return t.puts.size() + t.deletes.size(); }
inline auto& left_over(batch_write_item_response& r) noexcept { return r.unprocessed_items; }
inline void collect(batch_write_item_response& into, batch_write_item_response&& more) {
    std::ranges::move(more.consumed_capacity, std::back_inserter(into.consumed_capacity));
}

inline auto units_of(const batch_write_item_response& r) noexcept { return units_written(r.consumed_capacity); }
inline auto units_of(const transact_write_items_response& r) noexcept { return units_written(r.consumed_capacity); }

static_assert(request<batch_write_item_request> && request<transact_write_items_request>);

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/request.hpp>
// #include <dynasession/op/action.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace dynasession::inline v0::dynamodb {

/// A request of which the service may carry out only a part: `left_over(answer)` is what can be the `request_items` of
/// another one, `count(element)` how many of them stand in an element, and `collect(all, answer)` adds an answer.
template <class R>
concept batch_request = request<R> && requires(R r, typename R::response_type answer) {
    { left_over(answer) } -> std::same_as<decltype((r.request_items))>;
    { count(r.request_items.front()) } -> std::convertible_to<std::size_t>;
    collect(answer, std::move(answer));
};

static_assert(batch_request<batch_write_item_request> && batch_request<batch_get_item_request>);

/// What became of a batch: nothing of what was done is lost when the rest fails.
template <batch_request Request>
struct batch_outcome {
    /// All answers in one. What it says to be unprocessed is what has not been done, or is not known to have been.
    typename Request::response_type response{};

    /// Why something is left: no code when nothing is. `error::unprocessed` when the service was too busy until the
    /// deadline.
    failure why{};

    /// Whether an attempt may have been carried out without an answer that says so.
    bool ambiguous = false;

    /// How many requests were made.
    unsigned attempts = 0;
};

/// Makes a batch call, and calls again for what the service leaves unprocessed, until nothing is left or the time of
/// one call is over; as an operation.
///
/// The pauses grow from `retry_options::base_delay`: a batch of which nothing could be done is refused as throttled,
/// and then the call itself pauses for longer.
///
/// *Lifetimes:* the service has to outlive it.
template <batch_request Request>
class complete_batch {
public:
    using effect_type = typename call<Request>::effect_type;
    using reply_type = typename call<Request>::reply_type;
    using value_type = batch_outcome<Request>;
    using action_type = op::action<effect_type, value_type>;

    complete_batch(const service& s, Request r) : service_(&s), rest_(std::move(r)) {}

    action_type resume(reply_type&& reply, op::instant now) {
        if (!call_) {
            // The start, or the end of a pause.
            if (!reply.answer) return end(std::move(reply.answer).error());
            if (deadline_ == steady_time{}) deadline_ = now.steady + service_->options.timeout;
            call_.emplace(*service_, rest_, deadline_);
        }
        return op::carry_on<action_type>(call_->resume(std::move(reply), now), [&](auto answered) {
            call_.reset();
            return judge(*std::move(answered), now);
        });
    }

private:
    using steady_time = std::chrono::steady_clock::time_point;

    action_type judge(outcome<typename Request::response_type>&& answered, op::instant now) {
        outcome_.attempts += answered.attempts;
        outcome_.ambiguous = outcome_.ambiguous || answered.ambiguous;
        if (!answered.response) return end(std::move(answered.response).error());
        rest_.request_items = std::exchange(left_over(*answered.response), {});
        collect(outcome_.response, *std::move(answered.response));
        if (rest_.request_items.empty()) return end({});
        const auto pause = aws::full_jitter(service_->options.retry, aws::retry_reason::transient, round_++);
        if (now.steady + pause >= deadline_) return end({error::unprocessed, how_much_is_left()});
        return op::pause{pause};
    }

    std::string how_much_is_left() const {
        std::size_t n = 0;
        for (const auto& element : rest_.request_items) n += count(element);
        return std::to_string(n) + " left after " + std::to_string(outcome_.attempts) + " attempts";
    }

    action_type end(failure why) {
        outcome_.why = std::move(why);
        left_over(outcome_.response) = std::move(rest_.request_items);
        return result<value_type>(std::move(outcome_));
    }

    const service* service_;
    Request rest_;
    value_type outcome_{};
    std::optional<call<Request>> call_{};
    steady_time deadline_{};
    unsigned round_ = 0;
};

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/observer.hpp>
// #include <dynasession/dynamodb/operations/read_item.hpp>
#ifndef DYNASESSION_DYNAMODB_OPERATIONS_READ_ITEM_HPP
#define DYNASESSION_DYNAMODB_OPERATIONS_READ_ITEM_HPP

// #include <dynasession/dynamodb/request.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dynasession::inline v0::dynamodb {

struct get_item_response {
    std::optional<dynamodb::item> item{}; ///< empty when there is no such item
    std::optional<dynamodb::consumed_capacity> consumed_capacity{};
};

/// GetItem: the item with a key.
///
/// *Cost:* half a read unit per 4 KB, begun ones counted; one if consistent.
struct get_item_request {
    using response_type = get_item_response;
    static constexpr std::string_view target = "DynamoDB_20120810.GetItem";

    std::string table_name{};
    dynamodb::item key{};
    bool consistent_read = false;
    std::string projection_expression{}; ///< empty: all attributes
    expression_names expression_attribute_names{};
    bool return_consumed_capacity = false;
};

/// One page of a query or a scan.
struct page_response {
    std::vector<item> items{};
    std::int64_t count = 0;         ///< of the items that passed the filter
    std::int64_t scanned_count = 0; ///< of the items that were looked at, and paid for
    item last_evaluated_key{};      ///< where the next page starts; empty after the last one
    std::optional<dynamodb::consumed_capacity> consumed_capacity{};
};

/// Query: the items of one partition key, in the order of the sort key, by pages of at most 1 MB.
///
/// *Cost:* as GetItem, for the sum of what is looked at, filtered or not.
struct query_request {
    using response_type = page_response;
    static constexpr std::string_view target = "DynamoDB_20120810.Query";

    std::string table_name{};
    std::string index_name{}; ///< empty: the table itself
    std::string key_condition_expression{};
    std::string filter_expression{};
    std::string projection_expression{};
    expression_names expression_attribute_names{};
    item expression_attribute_values{};
    item exclusive_start_key{}; ///< the `last_evaluated_key` of the page before
    std::int64_t limit = 0;     ///< of items looked at; 0: as many as 1 MB holds
    bool scan_index_forward = true;
    bool consistent_read = false;
    bool count_only = false;
    bool return_consumed_capacity = false;
};

/// Scan: all items of a table or an index, by pages of at most 1 MB, in no useful order.
///
/// *Cost:* as GetItem, for the sum of what is looked at, filtered or not.
struct scan_request {
    using response_type = page_response;
    static constexpr std::string_view target = "DynamoDB_20120810.Scan";

    std::string table_name{};
    std::string index_name{}; ///< empty: the table itself
    std::string filter_expression{};
    std::string projection_expression{};
    expression_names expression_attribute_names{};
    item expression_attribute_values{};
    item exclusive_start_key{};      ///< the `last_evaluated_key` of the page before
    std::int64_t limit = 0;          ///< of items looked at; 0: as many as 1 MB holds
    std::int64_t segment = 0;        ///< from 0, with `total_segments`
    std::int64_t total_segments = 0; ///< above 0: several scans share the table
    bool consistent_read = false;
    bool count_only = false;
    bool return_consumed_capacity = false;
};

inline void write(json_writer& out, const get_item_request& r) {
    out.begin_object();
    out.key("TableName").string(r.table_name);
    out.key("Key").value(r.key);
    out.optional_flag("ConsistentRead", r.consistent_read);
    out.optional_member("ProjectionExpression", r.projection_expression);
    out.optional_member("ExpressionAttributeNames", r.expression_attribute_names);
    write_capacity_member(out, r.return_consumed_capacity);
    out.end_object();
}

inline bool read(json_scanner& in, get_item_response& out) {
    return in.object([&](std::string_view name) {
        if (name == "Item") return read(in, out.item);
        return name == "ConsumedCapacity" && read_document(in, out.consumed_capacity); // else this is not DynamoDB
    });
}

inline bool read(json_scanner& in, page_response& out) {
    out.count = -1; // always there, whereas Items is not when only the count was asked for
    return in.object([&](std::string_view name) {
        if (name == "Items") return in.null() || read(in, out.items);
        if (name == "LastEvaluatedKey") return in.null() || read(in, out.last_evaluated_key);
        if (name == "Count") return read_document(in, out.count);
        if (name == "ScannedCount") return read_document(in, out.scanned_count);
        if (name == "ConsumedCapacity") return read_document(in, out.consumed_capacity);
        return skip(in);
    }) && out.count >= 0;
}

inline auto units_of(const get_item_response& r) noexcept { return units_read(r.consumed_capacity); }
inline auto units_of(const page_response& r) noexcept { return units_read(r.consumed_capacity); }

namespace read_item_detail {

// What queries and scans have in common.
template <class Request>
void write_page_members(json_writer& out, const Request& r) {
    out.key("TableName").string(r.table_name);
    out.optional_member("IndexName", r.index_name);
    out.optional_member("FilterExpression", r.filter_expression);
    out.optional_member("ProjectionExpression", r.projection_expression);
    out.optional_member("ExpressionAttributeNames", r.expression_attribute_names);
    out.optional_member("ExpressionAttributeValues", r.expression_attribute_values);
    out.optional_member("ExclusiveStartKey", r.exclusive_start_key);
    write_positive_member(out, "Limit", r.limit);
    out.optional_flag("ConsistentRead", r.consistent_read);
    if (r.count_only) out.key("Select").string("COUNT");
    write_capacity_member(out, r.return_consumed_capacity);
}

} // namespace read_item_detail

inline void write(json_writer& out, const query_request& r) {
    out.begin_object();
    read_item_detail::write_page_members(out, r);
    out.optional_member("KeyConditionExpression", r.key_condition_expression);
    if (!r.scan_index_forward) out.key("ScanIndexForward").boolean(false);
    out.end_object();
}

inline void write(json_writer& out, const scan_request& r) {
    out.begin_object();
    read_item_detail::write_page_members(out, r);
    if (r.total_segments > 0) out.key("Segment").integer(r.segment).key("TotalSegments").integer(r.total_segments);
    out.end_object();
}

static_assert(request<get_item_request> && request<query_request> && request<scan_request>);

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/operations/read_items.hpp>
// #include <dynasession/dynamodb/operations/table.hpp>
#ifndef DYNASESSION_DYNAMODB_OPERATIONS_TABLE_HPP
#define DYNASESSION_DYNAMODB_OPERATIONS_TABLE_HPP

// #include <dynasession/dynamodb/request.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// An attribute that keys are made of. Its type is `string`, `number` or `binary`.
struct key_attribute {
    std::string name{};
    attribute_value::type type = attribute_value::type::string;

    friend bool operator==(const key_attribute&, const key_attribute&) = default;
};

/// Request units a second that a provisioned table has.
struct throughput {
    std::int64_t read_capacity_units = 0;
    std::int64_t write_capacity_units = 0;
};

enum class billing_mode { on_demand, provisioned };
enum class projection { all, keys_only, include };
enum class table_status { creating, updating, deleting, active, other };

/// A view of the table by other keys; an item without these attributes is not in it.
struct secondary_index {
    std::string name{};
    key_attribute partition_key{};
    std::optional<key_attribute> sort_key{};
    projection projected = projection::all;
    std::vector<std::string> non_key_attributes{}; ///< with `projection::include`
    throughput provisioned{};                      ///< when the table is provisioned
};

/// What the service says about a table.
struct table_description {
    std::string table_name{};
    table_status status = table_status::other;
    std::string arn{};
    std::int64_t item_count = 0; ///< brought up to date every six hours or so
    std::int64_t size_bytes = 0;
    key_attribute partition_key{};
    std::optional<key_attribute> sort_key{};
    billing_mode billing = billing_mode::provisioned;
    throughput provisioned{};
    std::vector<std::string> index_names{};
};

struct create_table_response {
    table_description table{};
};
struct delete_table_response {
    table_description table{};
};
struct describe_table_response {
    table_description table{};
};

/// CreateTable: begins to make a table, which can be used once it is `active`.
///
/// *Errors:* `error::table_exists`.
struct create_table_request {
    using response_type = create_table_response;
    static constexpr std::string_view target = "DynamoDB_20120810.CreateTable";

    std::string table_name{};
    key_attribute partition_key{};
    std::optional<key_attribute> sort_key{};
    std::vector<secondary_index> global_secondary_indexes{};
    billing_mode billing = billing_mode::on_demand;
    throughput provisioned{}; ///< when `billing` is `provisioned`
};

/// DeleteTable: begins to remove a table and all that is in it.
struct delete_table_request {
    using response_type = delete_table_response;
    static constexpr std::string_view target = "DynamoDB_20120810.DeleteTable";

    std::string table_name{};
};

/// DescribeTable: the state of a table.
struct describe_table_request {
    using response_type = describe_table_response;
    static constexpr std::string_view target = "DynamoDB_20120810.DescribeTable";

    std::string table_name{};
};

enum class time_to_live_status { disabled, enabling, enabled, disabling };

struct update_time_to_live_response {
    std::string attribute_name{};
    bool enabled = false;
};
struct describe_time_to_live_response {
    time_to_live_status status = time_to_live_status::disabled;
    std::string attribute_name{}; ///< empty when disabled
};

/// UpdateTimeToLive: has the service delete items some time after the second that an attribute of type N names.
struct update_time_to_live_request {
    using response_type = update_time_to_live_response;
    static constexpr std::string_view target = "DynamoDB_20120810.UpdateTimeToLive";

    std::string table_name{};
    std::string attribute_name{};
    bool enabled = true;
};

/// DescribeTimeToLive: whether, and by which attribute, items are deleted.
struct describe_time_to_live_request {
    using response_type = describe_time_to_live_response;
    static constexpr std::string_view target = "DynamoDB_20120810.DescribeTimeToLive";

    std::string table_name{};
};

namespace table_detail {

constexpr std::string_view type_text(attribute_value::type type) noexcept {
    return type == attribute_value::type::number ? "N" : type == attribute_value::type::binary ? "B" : "S";
}

inline void write_throughput(json_writer& out, const throughput& t) {
    out.key("ProvisionedThroughput").begin_object();
    out.key("ReadCapacityUnits").integer(t.read_capacity_units);
    out.key("WriteCapacityUnits").integer(t.write_capacity_units);
    out.end_object();
}

inline void write_key_schema(json_writer& out, const key_attribute& partition,
                             const std::optional<key_attribute>& sort) {
    const auto element = [&](std::string_view name, std::string_view kind) {
        out.begin_object().key("AttributeName").string(name).key("KeyType").string(kind).end_object();
    };
    out.key("KeySchema").begin_array();
    element(partition.name, "HASH");
    if (sort) element(sort->name, "RANGE");
    out.end_array();
}

// Each attribute that any key uses, once.
inline void write_definitions(json_writer& out, const create_table_request& r) {
    std::vector<const key_attribute*> used;
    const auto use = [&](const key_attribute& a) {
        if (std::ranges::none_of(used, [&](const auto* other) { return other->name == a.name; })) used.push_back(&a);
    };
    use(r.partition_key);
    if (r.sort_key) use(*r.sort_key);
    for (const auto& index : r.global_secondary_indexes) {
        use(index.partition_key);
        if (index.sort_key) use(*index.sort_key);
    }
    out.key("AttributeDefinitions").begin_array();
    for (const auto* a : used) {
        out.begin_object().key("AttributeName").string(a->name);
        out.key("AttributeType").string(type_text(a->type)).end_object();
    }
    out.end_array();
}

inline void write_index(json_writer& out, const secondary_index& index, billing_mode billing) {
    constexpr std::string_view projections[] = {"ALL", "KEYS_ONLY", "INCLUDE"};
    out.begin_object().key("IndexName").string(index.name);
    write_key_schema(out, index.partition_key, index.sort_key);
    out.key("Projection").begin_object();
    out.key("ProjectionType").string(projections[static_cast<std::size_t>(index.projected)]);
    if (index.projected == projection::include) {
        out.key("NonKeyAttributes").begin_array();
        for (const auto& name : index.non_key_attributes) out.string(name);
        out.end_array();
    }
    out.end_object();
    if (billing == billing_mode::provisioned) write_throughput(out, index.provisioned);
    out.end_object();
}

inline const boost::json::value* member(const boost::json::value& json, std::string_view name) noexcept {
    const auto* object = json.if_object();
    return object ? object->if_contains(name) : nullptr;
}

inline bool read_keys(const boost::json::value& table, table_description& out) {
    struct element {
        std::string name, kind;
    };
    const auto each = [&](std::string_view list_name, std::string_view text_name, auto&& use) {
        const auto* list = member(table, list_name);
        if (list == nullptr || list->is_null()) return true;
        if (!list->is_array()) return false;
        for (const auto& json : list->get_array()) {
            element e;
            if (!member_reader(json)("AttributeName", e.name)("IndexName", e.name)(text_name, e.kind).valid())
                return false;
            use(e);
        }
        return true;
    };
    const auto set_type = [](key_attribute& key, const element& e) {
        if (key.name != e.name) return;
        key.type = e.kind == "N"   ? attribute_value::type::number
                   : e.kind == "B" ? attribute_value::type::binary
                                   : attribute_value::type::string;
    };
    return each("KeySchema", "KeyType",
                [&](const element& e) {
                    if (e.kind == "RANGE")
                        out.sort_key.emplace().name = e.name;
                    else
                        out.partition_key.name = e.name;
                }) &&
           each("AttributeDefinitions", "AttributeType",
                [&](const element& e) {
                    set_type(out.partition_key, e);
                    if (out.sort_key) set_type(*out.sort_key, e);
                }) &&
           each("GlobalSecondaryIndexes", "IndexStatus", [&](const element& e) { out.index_names.push_back(e.name); });
}

} // namespace table_detail

inline bool read(const boost::json::value& json, table_status& out) {
    std::string text;
    if (!read(json, text)) return false;
    out = text == "ACTIVE"     ? table_status::active
          : text == "CREATING" ? table_status::creating
          : text == "UPDATING" ? table_status::updating
          : text == "DELETING" ? table_status::deleting
                               : table_status::other;
    return true;
}

inline bool read(const boost::json::value& json, time_to_live_status& out) {
    std::string text;
    if (!read(json, text)) return false;
    out = text == "ENABLED"     ? time_to_live_status::enabled
          : text == "ENABLING"  ? time_to_live_status::enabling
          : text == "DISABLING" ? time_to_live_status::disabling
                                : time_to_live_status::disabled;
    return true;
}

inline bool read(const boost::json::value& json, billing_mode& out) {
    std::string mode;
    if (!member_reader(json)("BillingMode", mode).valid()) return false;
    out = mode == "PAY_PER_REQUEST" ? billing_mode::on_demand : billing_mode::provisioned;
    return true;
}

inline bool read(const boost::json::value& json, throughput& out) {
    member_reader members(json);
    members("ReadCapacityUnits", out.read_capacity_units)("WriteCapacityUnits", out.write_capacity_units);
    return members.valid();
}

inline bool read(const boost::json::value& json, table_description& out) {
    return member_reader(json)("TableName", out.table_name)("TableStatus", out.status)("TableArn", out.arn)(
               "ItemCount", out.item_count)("TableSizeBytes", out.size_bytes)("BillingModeSummary", out.billing)(
               "ProvisionedThroughput", out.provisioned)
               .valid() &&
           table_detail::read_keys(json, out);
}

inline bool read(const boost::json::value& json, create_table_response& out) {
    const auto* table = table_detail::member(json, "TableDescription");
    return table && read(*table, out.table);
}
inline bool read(const boost::json::value& json, delete_table_response& out) {
    const auto* table = table_detail::member(json, "TableDescription");
    return table && read(*table, out.table);
}
inline bool read(const boost::json::value& json, describe_table_response& out) {
    const auto* table = table_detail::member(json, "Table");
    return table && read(*table, out.table);
}

inline void write(json_writer& out, const create_table_request& r) {
    constexpr std::string_view modes[] = {"PAY_PER_REQUEST", "PROVISIONED"};
    out.begin_object().key("TableName").string(r.table_name);
    table_detail::write_definitions(out, r);
    table_detail::write_key_schema(out, r.partition_key, r.sort_key);
    if (!r.global_secondary_indexes.empty()) {
        out.key("GlobalSecondaryIndexes").begin_array();
        for (const auto& index : r.global_secondary_indexes) table_detail::write_index(out, index, r.billing);
        out.end_array();
    }
    out.key("BillingMode").string(modes[static_cast<std::size_t>(r.billing)]);
    if (r.billing == billing_mode::provisioned) table_detail::write_throughput(out, r.provisioned);
    out.end_object();
}

namespace table_detail {

// The requests that say nothing but a table's name.
inline void write_name_only(json_writer& out, const std::string& table_name) {
    out.begin_object().key("TableName").string(table_name).end_object();
}

} // namespace table_detail

inline void write(json_writer& out, const delete_table_request& r) { table_detail::write_name_only(out, r.table_name); }
inline void write(json_writer& out, const describe_table_request& r) {
    table_detail::write_name_only(out, r.table_name);
}
inline void write(json_writer& out, const describe_time_to_live_request& r) {
    table_detail::write_name_only(out, r.table_name);
}

inline void write(json_writer& out, const update_time_to_live_request& r) {
    out.begin_object().key("TableName").string(r.table_name);
    out.key("TimeToLiveSpecification").begin_object();
    out.key("AttributeName").string(r.attribute_name).key("Enabled").boolean(r.enabled);
    out.end_object().end_object();
}

inline bool read(const boost::json::value& json, update_time_to_live_response& out) {
    const auto* specification = table_detail::member(json, "TimeToLiveSpecification");
    return specification &&
           member_reader(*specification)("AttributeName", out.attribute_name)("Enabled", out.enabled).valid();
}

inline bool read(const boost::json::value& json, describe_time_to_live_response& out) {
    const auto* description = table_detail::member(json, "TimeToLiveDescription");
    return description &&
           member_reader(*description)("TimeToLiveStatus", out.status)("AttributeName", out.attribute_name).valid();
}

static_assert(request<create_table_request> && request<delete_table_request> && request<describe_table_request>);
static_assert(request<update_time_to_live_request> && request<describe_time_to_live_request>);

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/operations/write_item.hpp>
// #include <dynasession/dynamodb/operations/write_items.hpp>
// #include <dynasession/dynamodb/outcome.hpp>
// #include <dynasession/dynamodb/request.hpp>
// #include <dynasession/dynamodb/wait_for_table.hpp>
#ifndef DYNASESSION_DYNAMODB_WAIT_FOR_TABLE_HPP
#define DYNASESSION_DYNAMODB_WAIT_FOR_TABLE_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/dynamodb/call.hpp>
// #include <dynasession/dynamodb/operations/table.hpp>
// #include <dynasession/http/message.hpp>
// #include <dynasession/op/action.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace dynasession::inline v0::dynamodb {

/// How long to wait for a table, and how often to look.
struct table_wait_options {
    std::chrono::milliseconds timeout{300'000};
    std::chrono::milliseconds first_pause{50}; ///< doubled each time
    std::chrono::milliseconds max_pause{2'000};
};

/// Looks at a table until it can be used, or until it is gone, as an operation.
///
/// The value is the table's last description: empty when it is gone.
///
/// *Errors:* `error::timeout` when the time is over; whatever else DescribeTable fails with.
///
/// *Lifetimes:* the service has to outlive it.
class wait_for_table {
public:
    enum class goal { active, absent };

    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = std::optional<table_description>;
    using action_type = op::action<effect_type, value_type>;

    wait_for_table(const service& s, std::string table_name, goal g, table_wait_options options = {})
        : service_(&s), request_{std::move(table_name)}, goal_(g), options_(options), pause_(options.first_pause) {}

    action_type resume(reply_type reply, op::instant now) {
        if (!call_) {
            // The start, or the end of a pause.
            if (!reply.answer) return result<value_type>(std::move(reply.answer).error());
            if (deadline_ == std::chrono::steady_clock::time_point{}) deadline_ = now.steady + options_.timeout;
            call_.emplace(*service_, request_);
        }
        auto act = call_->resume(std::move(reply), now);
        if (auto* exchange = std::get_if<0>(&act)) return *exchange;
        if (auto* pause = std::get_if<1>(&act)) return *pause;
        call_.reset();
        return judge(std::move(std::get<2>(act)->response), now);
    }

private:
    action_type judge(result<describe_table_response> answer, op::instant now) {
        // For a moment after CreateTable the service may not know the table yet (API reference, DescribeTable).
        const bool absent = !answer && answer.error() == error::table_not_found;
        if (!answer && !absent) return result<value_type>(std::move(answer).error());
        if (goal_ == goal::absent && absent) return result<value_type>(std::nullopt);
        if (goal_ == goal::active && !absent && answer->table.status == table_status::active)
            return result<value_type>(std::move(answer->table));
        if (now.steady + pause_ >= deadline_)
            return result<value_type>(failure(error::timeout, goal_ == goal::active ? "the table is not active yet"
                                                                                    : "the table is not deleted yet"));
        return op::pause{std::exchange(pause_, std::min(pause_ * 2, options_.max_pause))};
    }

    const service* service_;
    describe_table_request request_;
    goal goal_;
    table_wait_options options_;
    std::chrono::milliseconds pause_;
    std::chrono::steady_clock::time_point deadline_{};
    std::optional<call<describe_table_request>> call_;
};

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/http/client.hpp>
// #include <dynasession/op/async_run.hpp>
#ifndef DYNASESSION_OP_ASYNC_RUN_HPP
#define DYNASESSION_OP_ASYNC_RUN_HPP

// #include <dynasession/op/action.hpp>
// #include <dynasession/op/alarm.hpp>
#ifndef DYNASESSION_OP_ALARM_HPP
#define DYNASESSION_OP_ALARM_HPP

// #include <dynasession/op/event.hpp>

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace dynasession::inline v0::op {

/// One asynchronous wait that any thread may end early, even after this object is gone.
///
/// The timer, which like all of Asio's objects is for one thread at a time, is touched under a lock alone. It goes
/// with this object, and not with what may ring it: an execution context never outlives its timers.
class alarm {
    struct shared {
        std::mutex mutex;
        std::optional<boost::asio::steady_timer> timer;
        bool rung = false;
    };

public:
    template <class Executor>
    explicit alarm(const Executor& executor) : shared_(std::make_shared<shared>()) {
        shared_->timer.emplace(executor);
    }

    alarm(alarm&&) noexcept = default;
    alarm& operator=(alarm&&) = delete;

    ~alarm() {
        if (!shared_) return;
        const std::scoped_lock lock(shared_->mutex);
        shared_->timer.reset();
    }

    /// Ends the wait of an alarm, also one that has not begun.
    std::function<void()> ringer() const {
        return [s = shared_] {
            const std::scoped_lock lock(s->mutex);
            s->rung = true;
            if (s->timer) s->timer->cancel();
        };
    }

    /// Has the event end the wait; before it begins.
    void ring_on(event& e) { heard_ = e.on_set(ringer()); }

    /// Resumes `handler` after this time, or when it is rung. `handler` may own this object.
    template <class Handler>
    void wait(std::chrono::milliseconds duration, Handler handler) {
        const auto s = shared_;
        const std::scoped_lock lock(s->mutex);
        s->timer->expires_after(s->rung ? std::chrono::milliseconds(0) : duration);
        s->timer->async_wait(std::move(handler));
    }

private:
    std::shared_ptr<shared> shared_;
    std::shared_ptr<const void> heard_;
};

} // namespace dynasession::inline v0::op

#endif
// #include <dynasession/op/compose.hpp>

#include <boost/asio/append.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace dynasession::inline v0::op {

namespace async_detail {

template <class T>
struct signature {
    using type = void(error_code, T);
};
template <>
struct signature<void> {
    using type = void(error_code);
};

/// Completes with the whole result: for operations that are the effects of others.
struct as_result {
    template <class T>
    using signature = void(result<T>);

    template <class Self, class T>
    static void complete(Self& self, result<T>&& r) {
        self.complete(std::move(r));
    }
};

/// Completes as Asio's users expect it: an error_code, then the value.
struct as_error_code {
    template <class T>
    using signature = typename async_detail::signature<T>::type;

    template <class Self, class T>
    static void complete(Self& self, result<T>&& r) {
        const error_code ec = r ? error_code{} : r.error().code;
        if constexpr (std::is_void_v<T>)
            self.complete(ec);
        else
            self.complete(ec, r ? *std::move(r) : T{});
    }
};

template <class Op, class Io, class Completion>
class runner {
public:
    using reply_type = typename Op::reply_type;
    using result_type = result<typename Op::value_type>;
    using executor_type = std::decay_t<decltype(boost::asio::prefer(
        std::declval<Io&>().get_executor(), boost::asio::execution::outstanding_work.tracked))>;

    runner(Op op, Io& io) : op_(std::move(op)), io_(&io) {}

    template <class Self>
    void operator()(Self& self) {
        work_.emplace(boost::asio::prefer(io_->get_executor(), boost::asio::execution::outstanding_work.tracked));
        step(self, {});
    }

    template <class Self>
    void operator()(Self& self, reply_type reply) {
        suspended_ = true;
        step(self, std::move(reply));
    }

    // The end of a pause, or the post that keeps an operation from completing inside its initiation.
    template <class Self>
    void operator()(Self& self, error_code ec) {
        suspended_ = true;
        if (held_) return Completion::complete(self, std::move(*std::exchange(held_, nullptr)));
        // An event ends a wait as a cancellation does.
        const bool happened = std::exchange(alarm_, nullptr) && self.cancelled() == boost::asio::cancellation_type::none;
        step(self, ec && !happened ? reply_type(failure(ec)) : reply_type{});
    }

private:
    // A reply that is there is handed over even when the operation is cancelled meanwhile: what it tells, e.g. that a
    // write was carried out, must not get lost. A cancelled operation starts nothing further: it is told once, by
    // operation_aborted, and ended if it asks again.
    template <class Self>
    void step(Self& self, reply_type&& reply) {
        for (;;) {
            auto act = op_->resume(std::move(reply), io_->now());
            if (auto* done = std::get_if<2>(&act)) return finish(self, std::move(*done));
            if (self.cancelled() == boost::asio::cancellation_type::none) {
                if (auto* delay = std::get_if<1>(&act)) return delay->until ? await(self, std::move(*delay)) : sleep(self, delay->duration);
                Io& io = *io_; // `self`, and with it this object, is gone after the move
                return io.async_perform(std::move(std::get<0>(act)), std::move(self));
            }
            const failure aborted(boost::asio::error::operation_aborted);
            if (std::exchange(told_, true)) return finish(self, result_type(boost::system::in_place_error, aborted));
            reply = aborted;
        }
    }

    template <class Self>
    void sleep(Self& self, std::chrono::milliseconds duration) {
        if (!timer_) timer_ = std::make_unique<boost::asio::steady_timer>(io_->get_executor());
        auto& timer = *timer_;
        timer.expires_after(duration);
        timer.async_wait(std::move(self));
    }

    template <class Self>
    void await(Self& self, pause p) {
        alarm_ = std::make_unique<alarm>(io_->get_executor());
        alarm& waiting = *alarm_; // stays where it is when `self` moves
        waiting.ring_on(*p.until);
        waiting.wait(p.duration, std::move(self));
    }

    template <class Self>
    void finish(Self& self, result_type&& r) {
        timer_.reset();
        op_.reset(); // what it holds is not to wait for the handler
        if (suspended_) return Completion::complete(self, std::move(r));
        held_ = std::make_unique<result_type>(std::move(r));
        const auto executor = io_->get_executor();
        boost::asio::post(executor, boost::asio::append(std::move(self), error_code{}));
    }

    std::optional<Op> op_;
    Io* io_;
    bool suspended_ = false;
    bool told_ = false; // that it is cancelled
    std::optional<executor_type> work_; // the context does not end before the handler has returned
    std::unique_ptr<boost::asio::steady_timer> timer_;
    std::unique_ptr<alarm> alarm_; // of a pause that may end early
    std::unique_ptr<result_type> held_;
};

template <class Completion, class Op, class Io, class Token>
auto start(Op op, Io& io, Token&& token) {
    using signature = typename Completion::template signature<typename Op::value_type>;
    return compose<signature>(runner<Op, Io, Completion>(std::move(op), io), io, std::forward<Token>(token));
}

} // namespace async_detail

/// Drives an operation to its end with asynchronous effects; the completion is `void(error_code, T)`.
///
/// `Io` has `instant now()`, `async_perform(effect, token)` with the completion `void(reply_type)`, and
/// `get_executor()`. It has to outlive the operation. Never completes inside the initiation.
template <operation Op, class Io, class Token>
auto async_run(Op op, Io& io, Token&& token) {
    return async_detail::start<async_detail::as_error_code>(std::move(op), io, std::forward<Token>(token));
}

/// As `async_run`, completing with `void(result<T>)`: for an operation that is an effect of another one.
template <operation Op, class Io, class Token>
auto async_run_nested(Op op, Io& io, Token&& token) {
    return async_detail::start<async_detail::as_result>(std::move(op), io, std::forward<Token>(token));
}

} // namespace dynasession::inline v0::op

#endif
// #include <dynasession/op/default_executor.hpp>
// #include <dynasession/op/run.hpp>
// #include <dynasession/op/then.hpp>
#ifndef DYNASESSION_OP_THEN_HPP
#define DYNASESSION_OP_THEN_HPP

// #include <dynasession/op/action.hpp>

#include <functional>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0::op {

/// An operation that hands the value of `Op`, when it succeeds, to `f`, and has what `f` returns as its result.
template <class Op, class F>
class then {
    template <class T>
    struct mapped {
        using type = std::invoke_result_t<F&, T>;
    };
    template <class T>
        requires std::is_void_v<T>
    struct mapped<T> {
        using type = std::invoke_result_t<F&>;
    };

public:
    using effect_type = typename Op::effect_type;
    using reply_type = typename Op::reply_type;
    using result_type = typename mapped<typename Op::value_type>::type;
    using value_type = typename result_type::value_type;

    then(Op op, F f) : op_(std::move(op)), f_(std::move(f)) {}

    action<effect_type, value_type> resume(reply_type&& reply, instant now) {
        using outer = action<effect_type, value_type>;
        return carry_on<outer>(op_.resume(std::move(reply), now), [&](auto&& done) -> outer {
            if (!done) return result_type(std::move(done).error());
            if constexpr (std::is_void_v<typename Op::value_type>)
                return std::invoke(f_);
            else
                return std::invoke(f_, *std::move(done));
        });
    }

private:
    Op op_;
    F f_;
};

} // namespace dynasession::inline v0::op

#endif

#include <boost/asio/deferred.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#ifndef DYNASESSION_SEPARATE_COMPILATION
// #include <dynasession/dynamodb/resolve.hpp>
#ifndef DYNASESSION_DYNAMODB_RESOLVE_HPP
#define DYNASESSION_DYNAMODB_RESOLVE_HPP

// #include <dynasession/aws/client_settings.hpp>
// #include <dynasession/aws/connection.hpp>
// #include <dynasession/aws/credential_chain.hpp>
// #include <dynasession/aws/endpoint.hpp>
// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/instance_region.hpp>
#ifndef DYNASESSION_AWS_INSTANCE_REGION_HPP
#define DYNASESSION_AWS_INSTANCE_REGION_HPP

// #include <dynasession/aws/environment.hpp>
// #include <dynasession/aws/fetch.hpp>
// #include <dynasession/aws/fetch_now.hpp>
// #include <dynasession/aws/instance_metadata.hpp>
// #include <dynasession/aws/instance_settings.hpp>
// #include <dynasession/aws/partition.hpp>
// #include <dynasession/aws/shared_config.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/http/client.hpp>
// #include <dynasession/op/action.hpp>
// #include <dynasession/op/run.hpp>

#include <string>
#include <utility>

namespace dynasession::inline v0::aws {

/// Asks the metadata service of an EC2 instance for the region that it runs in.
class fetch_instance_region {
public:
    using effect_type = fetch_effect;
    using reply_type = fetch_reply;
    using value_type = std::string;
    using action_type = instance_metadata<std::string>::action_type;

    explicit fetch_instance_region(instance_settings s)
        : metadata_(std::move(s), {.target = "/latest/meta-data/placement/region",
                                   .missing = error::missing_region,
                                   .not_found = "the service names no region: set AWS_REGION",
                                   .elsewhere = "set AWS_REGION"}) {}

    action_type resume(fetch_reply&& reply, op::instant) {
        if (auto next = metadata_.follow(reply)) return *std::move(next);
        const auto region = metadata_line(reply.answer->body);
        if (!is_region(region)) return metadata_.again(error::malformed_response, "the answer is no region");
        return result<std::string>(region);
    }

private:
    instance_metadata<std::string> metadata_;
};

static_assert(fetch_operation<fetch_instance_region, std::string>);

/// The region of the EC2 instance that this program runs on. Blocks the calling thread. `connection` says how the
/// service is reached, as for `fetch_io`.
///
/// With three attempts of one second it ends within 14 seconds, however the service behaves; where there is none,
/// within one.
///
/// *Errors:* `error::missing_region` where there is no metadata service, where it names no region, and where
/// AWS_EC2_METADATA_DISABLED turns it off; those of `resolve_instance_settings`; others for a service that fails. The
/// detail says what to do.
inline result<std::string> instance_region(const instance_options& options = {},
                                           const environment& env = process_environment,
                                           const shared_config& config = {}, http::client_options connection = {}) {
    auto settings = resolve_instance_settings(options, env, config);
    if (!settings) return std::move(settings).error();
    fetch_io effects(std::move(connection), false, env, config);
    auto region = op::run(fetch_instance_region(*std::move(settings)), effects);
    if (!region && means_no_metadata_service(region.error()))
        return failure(error::missing_region, region.error().detail);
    return region;
}

} // namespace dynasession::inline v0::aws

#endif
// #include <dynasession/aws/shared_config.hpp>
// #include <dynasession/core/config.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/dynamodb/call.hpp>
// #include <dynasession/dynamodb/client_options.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace dynasession::inline v0::dynamodb {

/// *Errors:* `error::invalid_option` for times below 0 and the like.
inline result<void> check(const call_options& o) {
    using namespace std::chrono_literals;
    const auto refuse = [](const char* why) { return failure(error::invalid_option, why); };
    if (o.timeout <= 0ms || o.attempt_timeout <= 0ms) return refuse("client_options::call: a timeout is above 0 ms");
    if (o.retry.attempts() == 0) return refuse("client_options::call.retry: max_attempts is at least 1");
    if (o.retry.base_delay < 0ms || o.retry.throttling_delay < 0ms || o.retry.max_delay < 0ms)
        return refuse("client_options::call.retry: a delay is 0 ms or more");
    return {};
}

/// The region to use: see `client_options::region` and `client_options::region_from_instance`.
///
/// *Errors:* those of `aws::resolve_region` and `aws::instance_region`.
inline result<std::string> find_region(const client_options& given, const aws::environment& env,
                                       const aws::shared_config& config) {
    auto region = aws::resolve_region(given.region, env, config);
    if (region || !given.region_from_instance || region.error() != error::missing_region) return region;
    auto of_instance = aws::instance_region({}, env, config, given.connection);
    if (of_instance) return of_instance;
    return failure(of_instance.error().code, region.error().detail + "; " + of_instance.error().detail);
}

// See dynamodb/client_options.hpp, which declares it.
DYNASESSION_DECL result<client_setup> resolve(client_options given, const aws::environment& env) {
    const auto config = aws::shared_config::load(given.profile, env);
    if (!config) return config.error();

    auto region = find_region(given, env, *config);
    if (!region) return std::move(region).error();
    given.region = *std::move(region);
    auto where = aws::resolve_endpoint({.region = given.region,
                                        .endpoint_url = std::move(given.endpoint_url),
                                        .allow_plain_http = given.allow_plain_http,
                                        .use_fips = given.use_fips,
                                        .use_dual_stack = given.use_dual_stack},
                                       env, *config);
    if (!where) return std::move(where).error();

    if (!given.call.retry.max_attempts) {
        const auto configured = aws::configured_max_attempts(env, *config);
        if (!configured) return configured.error();
        given.call.retry.max_attempts = *configured;
    }
    if (auto known = aws::check_retry_mode(env, *config); !known) return std::move(known).error();
    if (auto valid = check(given.call); !valid) return std::move(valid).error();

    auto credentials = aws::resolve_credentials(std::move(given.credentials),
                                                {.region = given.region, .allow_plain_http = given.allow_plain_http},
                                                env, *config, given.connection);
    if (!credentials) return std::move(credentials).error();
    auto connection =
        aws::resolve_connection(std::move(given.connection), where->address, given.allow_plain_http, env, *config);
    if (!connection) return std::move(connection).error();
    return client_setup{*std::move(where), *std::move(credentials), given.call, *std::move(connection), std::move(given.observer)};
}

} // namespace dynasession::inline v0::dynamodb

#endif
#endif

namespace dynasession::inline v0::dynamodb {

/// A client for Amazon DynamoDB: typed requests, blocking and asynchronous, with the same retries and deadlines.
///
/// ```
/// dynamodb::client db{{.region = "eu-central-1"}};
/// auto found = db.execute(dynamodb::get_item_request{.table_name = "birds",
///                                                    .key = {{"id", attribute_value::string("wren")}}});
/// ```
///
/// *Thread safety:* may be used from many threads at once.
///
/// *Lifetimes:* the client has to outlive its calls, and its executor's context the client; see `http::client` for
/// what serves asynchronous calls when no executor is given.
class client {
public:
    using executor_type = http::client::executor_type;

    /// *Errors:* throws `session_error` when region, credentials, endpoint, authorities or proxy are missing or wrong:
    /// its detail names the option or the variable. Connects to nothing yet, except for
    /// `client_options::region_from_instance`.
    explicit client(client_options options = {}) : client(op::default_executor(), std::move(options)) {}

    client(executor_type executor, client_options options)
        : parts_(std::make_unique<parts>(std::move(executor), std::move(options))) {}

    executor_type get_executor() const { return parts_->transport.get_executor(); }

    /// Makes one call, on the calling thread.
    ///
    /// *Errors:* throws `session_error` with what the service says as its detail.
    template <request Request>
    typename Request::response_type execute(const Request& r) {
        return try_execute(r).value();
    }

    /// The same without exceptions: a default response, and the reason in `ec`.
    template <request Request>
    typename Request::response_type execute(const Request& r, error_code& ec) {
        auto done = try_execute(r);
        ec = done ? error_code{} : done.error().code;
        return done ? *std::move(done) : typename Request::response_type{};
    }

    /// The same: the response, or the failure with what the service says.
    template <request Request>
    result<typename Request::response_type> try_execute(const Request& r) {
        return perform(r).response;
    }

    /// Makes one call asynchronously; the request is not needed after the initiation.
    ///
    /// *Completion signature:* `void(error_code, Request::response_type)`, never inside the initiation.
    ///
    /// *Cancellation:* `terminal`, at every point. The request may have been carried out.
    template <request Request, class Token = boost::asio::deferred_t>
    auto async_execute(const Request& r, Token&& token = Token{}) {
        return op::async_run(op::then(start(r), response_of<Request>), parts_->transport, std::forward<Token>(token));
    }

    /// Makes one call and tells all that is known of it: the item that failed a condition, the reasons of a cancelled
    /// transaction, and whether it is certain what became of the request.
    template <request Request>
    outcome<typename Request::response_type> perform(const Request& r) {
        return *op::run(start(r), parts_->transport);
    }

    /// The same, asynchronously.
    ///
    /// *Completion signature:* `void(result<outcome<Request::response_type>>)`; the result always has a value.
    template <request Request, class Token = boost::asio::deferred_t>
    auto async_perform(const Request& r, Token&& token = Token{}) {
        return op::async_run_nested(start(r), parts_->transport, std::forward<Token>(token));
    }

    /// Makes a batch call, and calls again for what the service leaves undone, until nothing is left or the time of one
    /// call is over. What was done is known even if the rest fails: see `batch_outcome`.
    template <batch_request Request>
    batch_outcome<Request> perform_all(Request r) {
        return *op::run(complete_batch<Request>(parts_->service, std::move(r)), parts_->transport);
    }

    /// The same, asynchronously.
    ///
    /// *Completion signature:* `void(result<batch_outcome<Request>>)`; the result always has a value.
    template <batch_request Request, class Token = boost::asio::deferred_t>
    auto async_perform_all(Request r, Token&& token = Token{}) {
        return op::async_run_nested(complete_batch<Request>(parts_->service, std::move(r)), parts_->transport,
                                    std::forward<Token>(token));
    }

    /// Waits until a table can be used, and describes it.
    ///
    /// *Errors:* throws `session_error`: `error::timeout`, or what DescribeTable fails with.
    table_description wait_until_active(std::string table_name, table_wait_options options = {}) {
        return *op::run(wait(std::move(table_name), wait_for_table::goal::active, options), parts_->transport).value();
    }

    /// Waits until a table is deleted.
    ///
    /// *Errors:* as `wait_until_active`.
    void wait_until_absent(std::string table_name, table_wait_options options = {}) {
        op::run(wait(std::move(table_name), wait_for_table::goal::absent, options), parts_->transport).value();
    }

    /// Waits until a table can be used, and describes it.
    ///
    /// *Completion signature:* `void(error_code, table_description)`.
    ///
    /// *Cancellation:* `terminal`.
    template <class Token = boost::asio::deferred_t>
    auto async_wait_until_active(std::string table_name, table_wait_options options = {}, Token&& token = Token{}) {
        const auto described = [](std::optional<table_description> t) -> result<table_description> {
            return *std::move(t);
        };
        return op::async_run(op::then(wait(std::move(table_name), wait_for_table::goal::active, options), described),
                             parts_->transport, std::forward<Token>(token));
    }

    /// Waits until a table is deleted.
    ///
    /// *Completion signature:* `void(error_code)`.
    ///
    /// *Cancellation:* `terminal`.
    template <class Token = boost::asio::deferred_t>
    auto async_wait_until_absent(std::string table_name, table_wait_options options = {}, Token&& token = Token{}) {
        const auto nothing = [](std::optional<table_description>) -> result<void> { return {}; };
        return op::async_run(op::then(wait(std::move(table_name), wait_for_table::goal::absent, options), nothing),
                             parts_->transport, std::forward<Token>(token));
    }

    /// A call as an operation, to be run over `transport()`, alone or as a part of a larger operation.
    template <request Request>
    call<Request> start(const Request& r) const {
        return call<Request>(parts_->service, r);
    }

    /// What carries out the effects of calls: the `Io` for `op::run` and `op::async_run`.
    http::client& transport() noexcept { return parts_->transport; }

    /// What operations that are made of several calls need: see `call`.
    const dynamodb::service& service() const noexcept { return parts_->service; }

    /// The time by the clock of the service, as far as its answers have told it.
    op::instant now() const noexcept { return parts_->service.clock.correct(op::instant::now()); }

private:
    // Calls point to these, so they stay where they are when the client moves.
    struct parts {
        parts(executor_type executor, client_options options)
            : parts(std::move(executor), resolve(std::move(options)).value()) {}

        parts(executor_type executor, client_setup with)
            : service{with.where.address.authority(), aws::signer(with.where.signing_region, "dynamodb"),
                      std::move(with.credentials), with.call, std::move(with.observer)},
              transport(std::move(executor), std::move(with.where.address), std::move(with.connection)) {}

        dynamodb::service service;
        http::client transport;
    };

    template <request Request>
    static result<typename Request::response_type> response_of(outcome<typename Request::response_type> o) {
        return std::move(o.response);
    }

    wait_for_table wait(std::string table_name, wait_for_table::goal goal, table_wait_options options) const {
        return {parts_->service, std::move(table_name), goal, options};
    }

    std::unique_ptr<parts> parts_;
};

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/error_label.hpp>
#ifndef DYNASESSION_DYNAMODB_ERROR_LABEL_HPP
#define DYNASESSION_DYNAMODB_ERROR_LABEL_HPP

// #include <dynasession/core/error.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <string_view>

namespace dynasession::inline v0::dynamodb {

namespace error_label_detail {

struct entry {
    error code{};
    std::string_view text{};
};

// What a call can end with.
inline constexpr entry entries[] = {
    {error::condition_failed, "condition_failed"},
    {error::throttled, "throttled"},
    {error::transaction_conflict, "transaction_conflict"},
    {error::transaction_cancelled, "transaction_cancelled"},
    {error::service_unavailable, "service_unavailable"},
    {error::timeout, "timeout"},
    {error::connection_closed, "connection_closed"},
    {error::tls_failure, "tls_failure"},
    {error::malformed_response, "malformed_response"},
    {error::response_too_large, "response_too_large"},
    {error::proxy_refused, "proxy_refused"},
    {error::checksum_mismatch, "checksum_mismatch"},
    {error::table_not_found, "table_not_found"},
    {error::table_exists, "table_exists"},
    {error::access_denied, "access_denied"},
    {error::missing_credentials, "missing_credentials"},
    {error::credentials_expired, "credentials_expired"},
    {error::clock_skew, "clock_skew"},
    {error::item_too_large, "item_too_large"},
    {error::not_serializable, "not_serializable"},
    {error::invalid_request, "invalid_request"},
    {error::invalid_option, "invalid_option"},
    {error::unknown_operation, "unknown_operation"},
};

} // namespace error_label_detail

/// All that `error_label` gives: the names of the errors that a call can end with, and the three that stand for others.
inline constexpr auto error_labels = [] {
    using error_label_detail::entries;
    std::array<std::string_view, std::size(entries) + 3> all{};
    auto end = std::ranges::transform(entries, all.begin(), &error_label_detail::entry::text).out;
    *end++ = "network";   // refused, reset, name not found, ...
    *end++ = "cancelled"; // by the caller
    *end++ = "other";
    return all;
}();

/// Where the label of an error, which is not success, stands in `error_labels`.
inline std::size_t error_label_index(const error_code& code) noexcept {
    using error_label_detail::entries;
    constexpr std::size_t network = std::size(entries), cancelled = network + 1, other = network + 2;
    if (code == boost::asio::error::operation_aborted) return cancelled;
    if (code.category() != error_category()) return network;
    const auto found = std::ranges::find(entries, static_cast<error>(code.value()), &error_label_detail::entry::code);
    return found == std::end(entries) ? other : static_cast<std::size_t>(found - std::begin(entries));
}

/// A short name of an error, for logs and as the label of a metric: one of `error_labels`, however many errors there
/// are; "none" for success.
inline std::string_view error_label(const error_code& code) noexcept {
    return code ? error_labels[error_label_index(code)] : "none";
}

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/item_size.hpp>
// #include <dynasession/dynamodb/metrics.hpp>
#ifndef DYNASESSION_DYNAMODB_METRICS_HPP
#define DYNASESSION_DYNAMODB_METRICS_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/prometheus_text.hpp>
#ifndef DYNASESSION_DETAIL_PROMETHEUS_TEXT_HPP
#define DYNASESSION_DETAIL_PROMETHEUS_TEXT_HPP

#include <algorithm>
#include <charconv>
#include <concepts>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::detail {

/// Writes metrics to the end of a string as Prometheus reads them (text exposition format, version 0.0.4).
class prometheus_text {
public:
    static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

    struct label {
        std::string_view name;
        std::string_view value;
    };
    using labels = std::initializer_list<label>;

    explicit prometheus_text(std::string& out) noexcept : out_(&out) {}

    /// `[a-zA-Z_][a-zA-Z0-9_]*`, and not of those that begin with two underscores, which are Prometheus' own.
    static bool is_label_name(std::string_view text) noexcept {
        const auto letter = [](char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
        return !text.empty() && letter(text.front()) && !text.starts_with("__") &&
               std::ranges::all_of(text, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
    }

    /// The text of a label's value, as it stands between the quotes.
    static std::string escaped(std::string_view value) {
        std::string out;
        for (const char c : value) {
            if (c == '\n') {
                out += "\\n";
                continue;
            }
            if (c == '"' || c == '\\') out += '\\';
            out += c;
        }
        return out;
    }

    /// Begins a family of samples. `type` is "counter", "gauge" or "histogram"; `help` a sentence without line breaks.
    void family(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        out_->append("# HELP ").append(name).append(1, ' ').append(help);
        out_->append("\n# TYPE ").append(name).append(1, ' ').append(type).append(1, '\n');
    }

    /// Labels that each of the following samples has: `name="value",...`, escaped; empty: none.
    void common_labels(std::string text) { common_ = std::move(text); }

    /// A sample of the family: a number, with the labels and, in a histogram, what stands behind the name.
    template <class Number>
    void sample(labels own, Number value, std::string_view suffix = {}) {
        out_->append(name_).append(suffix);
        char separator = '{';
        const auto add = [&](std::string_view text) {
            out_->append(1, std::exchange(separator, ',')).append(text);
        };
        if (!common_.empty()) add(common_);
        for (const auto& [name, text] : own) {
            add(name);
            out_->append("=\"").append(escaped(text)).append(1, '"');
        }
        if (separator == ',') out_->append(1, '}');
        out_->append(1, ' ').append(number(value)).append(1, '\n');
    }

    /// A number as it stands in a sample, and as the value of `le`.
    template <class Number>
    static std::string number(Number value) {
        if constexpr (std::floating_point<Number>)
            if (value == std::numeric_limits<Number>::infinity()) return "+Inf";
        char text[32];
        return {text, std::to_chars(text, text + sizeof text, value).ptr};
    }

private:
    std::string* out_;
    std::string name_;
    std::string common_;
};

} // namespace dynasession::inline v0::detail

#endif
// #include <dynasession/dynamodb/capacity.hpp>
// #include <dynasession/dynamodb/error_label.hpp>
// #include <dynasession/dynamodb/observer.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace dynasession::inline v0::dynamodb {

struct metrics_options {
    /// Have the service tell what each call costs.
    bool consumed_capacity = true;

    /// Stand at each line of `write_prometheus`, to tell several clients of a program apart: {"client", "eu"}.
    std::vector<std::pair<std::string, std::string>> labels{};
};

/// What the calls of one operation came to since the metrics were made.
struct operation_metrics {
    std::string_view operation{};
    std::uint64_t requests = 0; ///< calls that have ended, however often they were tried
    std::uint64_t retries = 0;
    std::uint64_t ambiguous = 0; ///< calls that may have been carried out without an answer that says so
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    request_units consumed{};
    std::chrono::nanoseconds latency{}; ///< of all calls together

    /// How many calls lasted up to each of `metrics::latency_bounds` and longer than to the one before; the last: longer.
    std::vector<std::uint64_t> buckets{};

    /// By `error_label`, where there were any.
    std::vector<std::pair<std::string_view, std::uint64_t>> errors{};
};

/// An observer that counts, and writes what it has counted for Prometheus.
///
/// ```
/// dynamodb::metrics m;
/// dynamodb_session_store store{{.table_name = "sessions", .observer = m}};
/// ...
/// m.write_prometheus(answer.body());   // of the route /metrics, sent as m.content_type
/// ```
///
/// Copies share their counters, so that one can be given away and another be asked; and one can watch several clients.
/// The labels are bounded: the operations of this library and "other", `error_labels`, and those of the options.
///
/// *Cost:* a call takes eight additions to relaxed atomics; the counters take 6 KB.
///
/// *Thread safety:* may be used from many threads at once.
class metrics {
public:
    /// The upper bounds of the buckets in which latencies are counted.
    static constexpr std::array latency_bounds{
        std::chrono::microseconds(1'000),     std::chrono::microseconds(2'500),   std::chrono::microseconds(5'000),
        std::chrono::microseconds(10'000),    std::chrono::microseconds(25'000),  std::chrono::microseconds(50'000),
        std::chrono::microseconds(100'000),   std::chrono::microseconds(250'000), std::chrono::microseconds(500'000),
        std::chrono::microseconds(1'000'000), std::chrono::microseconds(2'500'000),
        std::chrono::microseconds(5'000'000), std::chrono::microseconds(10'000'000)};

    static constexpr std::string_view content_type = detail::prometheus_text::content_type;

    /// *Errors:* throws `session_error` with `invalid_option`: a label has a name that Prometheus does not take, or one
    /// of ours.
    explicit metrics(metrics_options options = {}) : counters_(std::make_shared<counters>()) {
        counters_->wants_capacity = options.consumed_capacity;
        for (const auto& [name, value] : options.labels) {
            if (!detail::prometheus_text::is_label_name(name) || name == "operation" || name == "error" || name == "le")
                throw session_error({error::invalid_option, "metrics_options::labels: '" + name +
                                                                "' cannot be the name of a label"});
            auto& text = counters_->labels;
            text.append(text.empty() ? "" : ",").append(name).append("=\"");
            text.append(detail::prometheus_text::escaped(value)).append(1, '"');
        }
    }

    bool wants_capacity() const noexcept { return counters_->wants_capacity; }

    /// Counts a call.
    void operator()(const request_event& e) const noexcept {
        auto& c = counters_->of(e.operation);
        const auto bucket = std::ranges::lower_bound(latency_bounds, e.latency) - latency_bounds.begin();
        add(c.buckets[static_cast<std::size_t>(bucket)], 1);
        add(c.nanoseconds, static_cast<std::uint64_t>(std::max(e.latency, e.latency.zero()).count()));
        if (e.attempts > 1) add(c.retries, e.attempts - 1);
        if (e.ambiguous) add(c.ambiguous, 1);
        add(c.bytes_sent, e.bytes_sent);
        add(c.bytes_received, e.bytes_received);
        if (e.consumed) {
            add(c.read_units, e.consumed->read);
            add(c.write_units, e.consumed->write);
        }
        if (e.error) add(c.errors[error_label_index(e.error)], 1);
    }

    /// What was counted, for each operation that was called. Calls that end meanwhile may be counted in part.
    std::vector<operation_metrics> read() const {
        std::vector<operation_metrics> all;
        for (std::size_t i = 0; i != operations.size(); ++i)
            if (auto m = read(operations[i], counters_->each[i]); m.requests != 0) all.push_back(std::move(m));
        return all;
    }

    /// Appends what was counted, in Prometheus' text exposition format 0.0.4.
    void write_prometheus(std::string& out) const;

private:
    static constexpr std::array<std::string_view, 16> operations{
        "GetItem",      "PutItem",      "UpdateItem",     "DeleteItem",         "TransactWriteItems", "Query",
        "Scan",         "BatchGetItem", "BatchWriteItem", "CreateTable",        "DeleteTable",        "DescribeTable",
        "ListTables",   "UpdateTimeToLive", "DescribeTimeToLive", "other"};

    using counter = std::atomic<std::uint64_t>;

    // Each on cache lines of its own.
    struct alignas(64) operation_counters {
        std::array<counter, latency_bounds.size() + 1> buckets{};
        counter nanoseconds{}, retries{}, ambiguous{}, bytes_sent{}, bytes_received{};
        std::atomic<double> read_units{}, write_units{};
        std::array<counter, error_labels.size()> errors{};
    };

    struct counters {
        operation_counters& of(std::string_view operation) noexcept {
            const auto known = std::ranges::find(operations.begin(), operations.end() - 1, operation);
            return each[static_cast<std::size_t>(known - operations.begin())];
        }

        std::array<operation_counters, operations.size()> each{};
        bool wants_capacity = true;
        std::string labels;
    };

    template <class T>
    static void add(std::atomic<T>& c, std::type_identity_t<T> n) noexcept {
        c.fetch_add(n, std::memory_order_relaxed);
    }

    static operation_metrics read(std::string_view operation, const operation_counters& c) {
        const auto now = [](const auto& atomic) { return atomic.load(std::memory_order_relaxed); };
        operation_metrics m{.operation = operation,
                            .retries = now(c.retries),
                            .ambiguous = now(c.ambiguous),
                            .bytes_sent = now(c.bytes_sent),
                            .bytes_received = now(c.bytes_received),
                            .consumed = {now(c.read_units), now(c.write_units)},
                            .latency = std::chrono::nanoseconds(static_cast<std::int64_t>(now(c.nanoseconds)))};
        for (const auto& bucket : c.buckets) m.requests += m.buckets.emplace_back(now(bucket));
        for (std::size_t i = 0; i != c.errors.size(); ++i)
            if (const auto n = now(c.errors[i]); n != 0) m.errors.emplace_back(error_labels[i], n);
        return m;
    }

    std::shared_ptr<counters> counters_;
};

static_assert(observer<metrics>);

inline void metrics::write_prometheus(std::string& out) const {
    const auto all = read();
    detail::prometheus_text text(out);
    text.common_labels(counters_->labels);
    const auto seconds = [](auto d) { return std::chrono::duration<double>(d).count(); };
    const auto total = [&](std::string_view name, std::string_view help, auto value) {
        text.family(name, "counter", help);
        for (const auto& m : all) text.sample({{"operation", m.operation}}, value(m));
    };

    total("dynasession_dynamodb_requests_total", "Calls that have ended, each counted once however often it was tried.",
          [](const auto& m) { return m.requests; });
    text.family("dynasession_dynamodb_request_errors_total", "counter", "Calls that have failed, by error.");
    for (const auto& m : all)
        for (const auto& [label, n] : m.errors) text.sample({{"operation", m.operation}, {"error", label}}, n);

    text.family("dynasession_dynamodb_request_duration_seconds", "histogram",
                "How long calls lasted, with the pauses between attempts.");
    for (const auto& m : all) {
        std::uint64_t so_far = 0;
        for (std::size_t i = 0; i != m.buckets.size(); ++i) {
            const bool last = i == latency_bounds.size();
            const double bound = last ? std::numeric_limits<double>::infinity() : seconds(latency_bounds[i]);
            so_far += m.buckets[i];
            text.sample({{"operation", m.operation}, {"le", text.number(bound)}}, so_far, "_bucket");
        }
        text.sample({{"operation", m.operation}}, seconds(m.latency), "_sum");
        text.sample({{"operation", m.operation}}, so_far, "_count");
    }

    total("dynasession_dynamodb_retries_total", "Attempts after the first of a call.",
          [](const auto& m) { return m.retries; });
    total("dynasession_dynamodb_ambiguous_requests_total",
          "Calls that may have been carried out without an answer that says so.",
          [](const auto& m) { return m.ambiguous; });
    total("dynasession_dynamodb_sent_bytes_total", "Bytes of requests.", [](const auto& m) { return m.bytes_sent; });
    total("dynasession_dynamodb_received_bytes_total", "Bytes of answers.",
          [](const auto& m) { return m.bytes_received; });
    if (!wants_capacity()) return;
    total("dynasession_dynamodb_consumed_read_units_total", "Read request units of calls that succeeded.",
          [](const auto& m) { return m.consumed.read; });
    total("dynasession_dynamodb_consumed_write_units_total", "Write request units of calls that succeeded.",
          [](const auto& m) { return m.consumed.write; });
}

} // namespace dynasession::inline v0::dynamodb

#endif
// #include <dynasession/dynamodb/observer.hpp>
// #include <dynasession/serializer/encrypted.hpp>
#ifndef DYNASESSION_SERIALIZER_ENCRYPTED_HPP
#define DYNASESSION_SERIALIZER_ENCRYPTED_HPP

// #include <dynasession/core/concepts.hpp>
#ifndef DYNASESSION_CORE_CONCEPTS_HPP
#define DYNASESSION_CORE_CONCEPTS_HPP

// #include <dynasession/core/access.hpp>
#ifndef DYNASESSION_CORE_ACCESS_HPP
#define DYNASESSION_CORE_ACCESS_HPP

// #include <dynasession/core/amendments.hpp>
#ifndef DYNASESSION_CORE_AMENDMENTS_HPP
#define DYNASESSION_CORE_AMENDMENTS_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/core/ownership.hpp>
#ifndef DYNASESSION_CORE_OWNERSHIP_HPP
#define DYNASESSION_CORE_OWNERSHIP_HPP

#include <chrono>
#include <cstddef>
#include <string>

namespace dynasession::inline v0 {

/// Wall-clock time as sessions are bound to users and ended for them: milliseconds since 1970, UTC.
using user_time = std::chrono::sys_time<std::chrono::milliseconds>;

/// Whom a session belongs to.
struct ownership {
    /// Bytes in the name of a user, and in the text for a device, at most.
    static constexpr std::size_t max_user_size = 1024, max_device_size = 256;

    std::string user{};                ///< empty: nobody
    user_time since{};                 ///< when it was bound to the user: not its creation, it may be older than its log-in
    std::string device{};              ///< what the user knows it by, a browser's name say
    std::chrono::sys_seconds id_since{}; ///< when it was given its id, if that was later than its creation; else 1970

    bool empty() const noexcept { return user.empty() && device.empty() && id_since == std::chrono::sys_seconds{}; }

    friend bool operator==(const ownership&, const ownership&) = default;
};

} // namespace dynasession::inline v0

#endif
// #include <dynasession/core/record.hpp>
#ifndef DYNASESSION_CORE_RECORD_HPP
#define DYNASESSION_CORE_RECORD_HPP

// #include <dynasession/core/fields.hpp>
#ifndef DYNASESSION_CORE_FIELDS_HPP
#define DYNASESSION_CORE_FIELDS_HPP

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0 {

/// One stored entry of a session: a key and the text that the serializer made of its value.
struct field {
    std::string_view key;
    std::string_view text;
    bool binary = false; ///< the text is bytes, not UTF-8

    friend bool operator==(const field&, const field&) = default;
};

/// The stored entries of a session, ordered by key: what a serializer makes and a backend keeps.
///
/// All entries lie in one block of memory, so that a copy is one allocation and a comparison is cheap.
///
/// *Lifetimes:* a `field` points into the block: it is good until the object is changed or destroyed.
class fields {
    struct prefix {
        std::uint32_t key_size;
        std::uint32_t text_size : 31;
        std::uint32_t binary : 1;
    };

public:
    class const_iterator {
    public:
        using value_type = field;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;

        const_iterator() = default;
        field operator*() const noexcept {
            const prefix p = read();
            const char* key = at_ + sizeof(prefix);
            return {{key, p.key_size}, {key + p.key_size, p.text_size}, p.binary != 0};
        }
        const_iterator& operator++() noexcept {
            const prefix p = read();
            at_ += sizeof(prefix) + p.key_size + p.text_size;
            return *this;
        }
        const_iterator operator++(int) noexcept { return std::exchange(*this, std::next(*this)); }
        friend bool operator==(const_iterator, const_iterator) = default;

    private:
        friend class fields;
        explicit const_iterator(const char* at) noexcept : at_(at) {}
        prefix read() const noexcept {
            prefix p;
            std::memcpy(&p, at_, sizeof p);
            return p;
        }
        const char* at_ = nullptr;
    };

    fields() = default;

    /// The entries given, in any order; of two with one key the later stays.
    explicit fields(std::vector<field> entries) {
        std::ranges::stable_sort(entries, {}, &field::key);
        std::size_t bytes = 0;
        for (const field& f : entries) bytes += sizeof(prefix) + f.key.size() + f.text.size();
        reserve_bytes(bytes);
        for (std::size_t i = 0; i < entries.size(); ++i)
            if (i + 1 == entries.size() || entries[i].key != entries[i + 1].key) append(entries[i]);
    }

    fields(std::initializer_list<field> entries) : fields(std::vector<field>(entries)) {}

    /// Entries that `bytes()` of another object gave.
    static fields from_bytes(std::string_view bytes) {
        fields f;
        f.block_ = bytes;
        return f;
    }

    /// The whole block, for a backend that keeps entries as they are.
    std::string_view bytes() const noexcept { return block_; }

    const_iterator begin() const noexcept { return const_iterator(block_.data()); }
    const_iterator end() const noexcept { return const_iterator(block_.data() + block_.size()); }
    bool empty() const noexcept { return block_.empty(); }
    std::size_t size() const noexcept { return static_cast<std::size_t>(std::distance(begin(), end())); }

    /// Bytes of all keys and texts, and one for each entry.
    std::size_t size_in_bytes() const noexcept {
        std::size_t bytes = 0;
        for (const field f : *this) bytes += f.key.size() + f.text.size() + 1;
        return bytes;
    }

    std::optional<field> find(std::string_view key) const noexcept {
        for (const field f : *this)
            if (f.key == key) return f;
        return std::nullopt;
    }

    /// Has room for a block of so many bytes.
    void reserve_bytes(std::size_t bytes) { block_.reserve(bytes); }

    /// Adds an entry whose key comes after all others.
    void append(const field& f) {
        const prefix p{static_cast<std::uint32_t>(f.key.size()),
                       static_cast<std::uint32_t>(f.text.size()) & 0x7fffffffU, f.binary ? 1U : 0U};
        char head[sizeof p];
        std::memcpy(head, &p, sizeof p);
        block_.append(head, sizeof head).append(f.key).append(f.text);
    }

    friend bool operator==(const fields&, const fields&) = default;

private:
    std::string block_;
};

/// What a save changes: the entries to set and the keys to remove.
struct delta {
    fields set;
    std::vector<std::string> removed; ///< in order

    bool empty() const noexcept { return set.empty() && removed.empty(); }
    std::size_t size() const noexcept { return set.size() + removed.size(); }

    friend bool operator==(const delta&, const delta&) = default;
};

namespace fields_detail {

// Walks two ordered ranges side by side: `visit(left, right)` gets the entries of one key, either of them optional.
template <class Visit>
void merge_walk(const fields& left, const fields& right, Visit visit) {
    auto l = left.begin(), l_end = left.end(), r = right.begin(), r_end = right.end();
    while (l != l_end || r != r_end) {
        const auto order = l == l_end   ? std::strong_ordering::greater
                           : r == r_end ? std::strong_ordering::less
                                        : (*l).key <=> (*r).key;
        std::optional<field> from_left, from_right;
        if (order <= 0) from_left = *l++;
        if (order >= 0) from_right = *r++;
        visit(from_left, from_right);
    }
}

} // namespace fields_detail

/// The changes that lead from `before` to `after`.
inline delta difference(const fields& before, const fields& after) {
    delta d;
    fields_detail::merge_walk(before, after, [&](const auto& old_field, const auto& new_field) {
        if (!new_field)
            d.removed.emplace_back(old_field->key);
        else if (!old_field || *old_field != *new_field)
            d.set.append(*new_field);
    });
    return d;
}

/// Whether no key is changed by both, but to the same effect.
inline bool disjoint(const delta& a, const delta& b) {
    const auto spares = [&](const delta& one, const delta& other) {
        return std::ranges::none_of(one.removed, [&](const auto& key) { return other.set.find(key).has_value(); });
    };
    bool same = true;
    fields_detail::merge_walk(a.set, b.set, [&](const auto& from_a, const auto& from_b) {
        if (from_a && from_b) same = same && *from_a == *from_b;
    });
    return same && spares(a, b) && spares(b, a);
}

/// `base` with the changes applied.
inline fields apply(const fields& base, const delta& changes) {
    fields merged;
    merged.reserve_bytes(base.bytes().size() + changes.set.bytes().size());
    fields_detail::merge_walk(base, changes.set, [&](const auto& old_field, const auto& new_field) {
        const field& f = new_field ? *new_field : *old_field;
        if (new_field || !std::ranges::binary_search(changes.removed, f.key)) merged.append(f);
    });
    return merged;
}

} // namespace dynasession::inline v0

#endif
// #include <dynasession/core/journal.hpp>
#ifndef DYNASESSION_CORE_JOURNAL_HPP
#define DYNASESSION_CORE_JOURNAL_HPP

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0 {

/// The marks of the writers of a record's last versions, newest first: by it a writer whose answer got lost finds out
/// what became of its write.
///
/// A mark is the beginning of a random token. It is asked for only when an answer was lost and others have written since,
/// and then compared with four others, so 30 bits are plenty; every byte of it is billed with every write.
class journal {
public:
    /// Characters in a mark.
    static constexpr std::size_t mark_size = 5;

    /// How many marks a record keeps at most.
    static constexpr std::size_t max_marks = 4;

    /// What a write with this token leaves: see `detail::random_token`.
    static std::string_view mark_of(std::string_view token) noexcept { return token.substr(0, mark_size); }

    journal() = default;

    /// What `text()` gave. Text of another shape holds no marks of ours, and is none.
    explicit journal(std::string text) : text_(std::move(text)) {
        if (text_.size() % mark_size != 0 || text_.size() > max_marks * mark_size) text_.clear();
    }

    const std::string& text() const noexcept { return text_; }
    bool empty() const noexcept { return text_.empty(); }

    /// How many of the last versions it tells of.
    std::size_t size() const noexcept { return text_.size() / mark_size; }

    std::string_view newest() const noexcept { return std::string_view(text_).substr(0, mark_size); }

    bool contains(std::string_view mark) const noexcept {
        for (std::size_t at = 0; at < text_.size(); at += mark_size)
            if (std::string_view(text_).substr(at, mark_size) == mark) return true;
        return false;
    }

    /// This journal after one more write; the oldest mark goes if there are too many.
    journal followed_by(std::string_view token) const {
        journal next;
        next.text_.reserve(max_marks * mark_size);
        next.text_.append(mark_of(token)).append(text_, 0, (max_marks - 1) * mark_size);
        return next;
    }

    friend bool operator==(const journal&, const journal&) = default;

private:
    std::string text_;
};

} // namespace dynasession::inline v0

#endif
// #include <dynasession/core/ownership.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

namespace dynasession::inline v0 {

/// Wall-clock time as it is stored: whole seconds since 1970, UTC.
using time_point = std::chrono::sys_seconds;

/// Wall-clock time as the ends of locks are stored: milliseconds since 1970, UTC.
using lock_time = std::chrono::sys_time<std::chrono::milliseconds>;

/// The times and the version of a session: what is stored beside its data.
struct stamp {
    time_point created{};
    time_point deadline = time_point::max();         ///< the end of the session, whatever happens; max: none
    time_point expires{};                            ///< the end of the session unless it is used before
    std::chrono::seconds max_stale{};                ///< how long it lives unused
    std::uint64_t version = 0;                       ///< raised by every save

    /// Whether the session is still good at `now`.
    bool live(std::chrono::sys_time<std::chrono::milliseconds> now) const noexcept {
        return expires > std::chrono::floor<std::chrono::seconds>(now); // the other way round large times overflow
    }

    /// When a session that is used at `now` expires.
    time_point renewed(std::chrono::sys_time<std::chrono::milliseconds> now) const noexcept {
        return std::min(std::chrono::floor<std::chrono::seconds>(now) + max_stale, deadline);
    }

    /// Whether it is worth a write that the session is used at `now`: its expiry is put off by `gain`, or by the last stretch
    /// before the deadline, which is shorter but has to be granted once.
    bool touch_is_due(std::chrono::sys_time<std::chrono::milliseconds> now, std::chrono::seconds gain) const noexcept {
        const time_point next = renewed(now);
        return next > expires && (next - expires >= gain || next == deadline);
    }

    friend bool operator==(const stamp&, const stamp&) = default;
};

/// Who has a session to itself, and until when the others respect that.
struct lock_claim {
    std::string token{};  ///< of the holder: a mark, new each time the lock is taken
    lock_time until{};
    bool foreign = false; ///< held by a program that leaves neither a token nor an end (the PHP handler)

    bool held() const noexcept { return foreign || !token.empty(); }

    friend bool operator==(const lock_claim&, const lock_claim&) = default;
};

/// All that a backend stores of one session.
struct record : stamp {
    fields data{};
    dynasession::journal journal{};
    lock_claim lock{};
    ownership owner{};
    bool moved = false; ///< regenerated: nothing but a sign that leads readers to the new id, for a short time

    /// As of its times; a sign is no session, whatever a clock that is behind says.
    bool live(std::chrono::sys_time<std::chrono::milliseconds> now) const noexcept { return !moved && stamp::live(now); }

    friend bool operator==(const record&, const record&) = default;
};

} // namespace dynasession::inline v0

#endif
// #include <dynasession/detail/utf8.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

namespace dynasession::inline v0 {

/// How long one session lives, where that is not what the options of its store say.
struct session_lifetime {
    std::optional<std::chrono::seconds> max_age{};   ///< from its creation on, however much it is used; 0: without end
    std::optional<std::chrono::seconds> max_stale{}; ///< unused

    bool empty() const noexcept { return !max_age && !max_stale; }

    /// Whether each is in the range that `session_options` have.
    bool valid() const noexcept {
        constexpr std::chrono::seconds none{0}, century{std::chrono::years(100)};
        return (!max_age || (*max_age >= none && *max_age <= century)) &&
               (!max_stale || (*max_stale > none && *max_stale <= century));
    }

    void apply_to(stamp& s) const noexcept {
        if (max_age) s.deadline = max_age->count() == 0 ? time_point::max() : s.created + *max_age;
        if (max_stale) s.max_stale = *max_stale;
    }

    friend bool operator==(const session_lifetime&, const session_lifetime&) = default;
};

/// What is stored of a session beside its data, and changes only when somebody says so.
struct terms {
    ownership owner{};
    time_point deadline = time_point::max();
    std::chrono::seconds max_stale{};

    static terms of(const record& r) { return {r.owner, r.deadline, r.max_stale}; }

    void apply_to(record& r) const {
        r.owner = owner;
        apply_lifetime_to(r);
    }

    void apply_lifetime_to(stamp& s) const noexcept {
        s.deadline = deadline;
        s.max_stale = max_stale;
    }

    friend bool operator==(const terms&, const terms&) = default;
};

/// What a save changes of that; what is not named stays.
struct amendments {
    std::optional<std::string> user{};   ///< empty: it is nobody's any more
    user_time since{};                   ///< when it was bound to `user`
    std::optional<std::string> device{};
    session_lifetime lifetime{};

    bool empty() const noexcept { return !user && !device && lifetime.empty(); }

    /// Whether the session gets another owner, who has to be dated.
    bool bind() const noexcept { return user && !user->empty(); }

    /// Why they cannot be stored, if so.
    std::optional<failure> refused() const {
        if (user && (user->size() > ownership::max_user_size || !detail::is_utf8(*user)))
            return failure(error::not_serializable, "session::user: a name has at most 1024 bytes of UTF-8");
        if (!lifetime.valid())
            return failure(error::invalid_option, "session::lifetime: max_stale is above 0, max_age 0 or above, both at most 100 years");
        return std::nullopt;
    }

    void apply_to(record& r) const {
        if (user) {
            r.owner.user = *user;
            r.owner.since = user->empty() ? user_time{} : since;
        }
        if (device) r.owner.device = *device;
        lifetime.apply_to(r);
    }

    /// The terms of a session after them; none if they are none.
    std::optional<terms> on(const record& r) const {
        if (empty()) return std::nullopt;
        record amended{r, {}};
        amended.owner = r.owner;
        apply_to(amended);
        return terms::of(amended);
    }

    friend bool operator==(const amendments&, const amendments&) = default;
};

/// When a session expires that is saved at `now` on these terms: never earlier than it did, unless it is to live shorter.
inline time_point expiry_when_saved(const stamp& stored, const std::optional<terms>& on,
                                    std::chrono::sys_time<std::chrono::milliseconds> now) noexcept {
    stamp next = stored;
    if (on) on->apply_lifetime_to(next);
    return next == stored ? std::max(stored.renewed(now), stored.expires) : next.renewed(now);
}

} // namespace dynasession::inline v0

#endif
// #include <dynasession/core/fields.hpp>
// #include <dynasession/core/record.hpp>
// #include <dynasession/core/session_id.hpp>
#ifndef DYNASESSION_CORE_SESSION_ID_HPP
#define DYNASESSION_CORE_SESSION_ID_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/detail/encoding.hpp>

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

#include <chrono>
#include <concepts>
#include <memory>
#include <string>
#include <vector>

namespace dynasession::inline v0 {

/// To read and to save, as the lock policy does it by itself.
struct read_write_t {
    explicit read_write_t() = default;
};

/// To read only: locks nothing and waits for nobody; the session cannot be saved.
struct read_only_t {
    explicit read_only_t() = default;
};

/// To have the session to oneself until it is saved or released.
struct exclusive_t {
    explicit exclusive_t() = default;
};

inline constexpr read_write_t read_write{};
inline constexpr read_only_t read_only{};
inline constexpr exclusive_t exclusive{};

/// What a session is loaded for: `read_write`, `read_only` or `exclusive`.
template <class T>
concept access = std::same_as<T, read_write_t> || std::same_as<T, read_only_t> || std::same_as<T, exclusive_t>;

/// What a session has of its lock in this process; a lock policy derives from it. When the last copy of the session
/// goes, so does this.
class lock_hold {
public:
    virtual ~lock_hold() = default;

    /// Whether the lock was neither given up nor lost yet, as far as this process knows.
    virtual bool held() const = 0;

protected:
    lock_hold() = default;
    lock_hold(const lock_hold&) = default;
    lock_hold& operator=(const lock_hold&) = default;
};

/// What a load gives.
struct loaded {
    record stored{};
    std::shared_ptr<lock_hold> hold{}; ///< none: not locked
    bool read_only = false;
};

/// What a save is about: the session as it was last read or written, and what changes.
struct save_request {
    session_id id{};
    record stored{};
    delta changes{};
    std::vector<std::string> renewed{}; ///< keys that `changes` sets to the value that they had; in order
    std::chrono::seconds touch_after{}; ///< putting off the expiry by less than this is not worth a write
    std::shared_ptr<lock_hold> hold{};
    std::chrono::seconds grace{};       ///< of a move: how long the old id leads readers to the new one
    bool if_unchanged = false;          ///< the changes follow from `stored`: fail with conflict if that is out of date
    amendments amended{};               ///< what changes beside the data

    /// Whether nothing but the expiry may have to be written.
    bool changes_nothing() const noexcept { return changes.empty() && amended.empty(); }

    void drop_changes() {
        changes = {};
        amended = {};
    }
};

/// What a save leaves in the store.
struct saved {
    record stored{};
    std::shared_ptr<lock_hold> hold{}; ///< what the session still has of its lock
    bool merged = false; ///< `stored` holds changes of others too, so the session's value has to be read anew
};

} // namespace dynasession::inline v0

#endif
// #include <dynasession/core/command.hpp>
#ifndef DYNASESSION_CORE_COMMAND_HPP
#define DYNASESSION_CORE_COMMAND_HPP

// #include <dynasession/core/amendments.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/core/record.hpp>
// #include <dynasession/core/session_handle.hpp>
#ifndef DYNASESSION_CORE_SESSION_HANDLE_HPP
#define DYNASESSION_CORE_SESSION_HANDLE_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/detail/encoding.hpp>

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
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/core/session_summary.hpp>
#ifndef DYNASESSION_CORE_SESSION_SUMMARY_HPP
#define DYNASESSION_CORE_SESSION_SUMMARY_HPP

// #include <dynasession/core/ownership.hpp>
// #include <dynasession/core/record.hpp>
// #include <dynasession/core/session_handle.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace dynasession::inline v0 {

/// All that a backend's list tells of a session.
struct session_summary {
    session_handle handle{};
    stamp times{};
    ownership owner{};

    /// The order of lists; one that is the same for all who look.
    static bool newer(const session_summary& a, const session_summary& b) noexcept {
        return a.owner.since != b.owner.since ? a.owner.since > b.owner.since : a.handle < b.handle;
    }
};

/// A session in the list that a user is shown: nothing in it leads to its id.
struct session_info {
    session_handle handle{};  ///< to end it by
    time_point created{};
    user_time since{};        ///< when it was bound to the user
    time_point last_seen{};   ///< when it was used, less what `session_options::touch_fraction` saves of writes
    time_point expires{};     ///< when it ends unless it is used before
    std::string device{};

    static session_info of(session_summary s) {
        // Each use puts the end off to so long after it, but not past the deadline.
        const time_point used = s.times.expires - s.times.max_stale;
        const auto bound = std::chrono::floor<std::chrono::seconds>(s.owner.since);
        return {s.handle, s.times.created, s.owner.since, std::max({used, s.times.created, bound}), s.times.expires, std::move(s.owner.device)};
    }

    friend bool operator==(const session_info&, const session_info&) = default;
};

} // namespace dynasession::inline v0

#endif

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace dynasession::inline v0 {

// Everything that a backend can be asked, as plain values. Each write carries its condition; `now` is
// the time that "live" is judged by (see `stamp::live`). A backend that holds the stored record in its
// hands asks `permitted_by`; one that cannot says the same in its own language.

/// Read the record of a session, live or expired. A sign of a move that is good at `now` is followed.
struct load_record {
    session_id id{};
    time_point now{};
    bool may_be_stale = false; ///< a read that misses the last writes will do: it may be cheaper
    std::string mark_of{};     ///< read this user's mark by the same request, where that can be done: see `load_mark`
};

/// Write a new record, if there is none under this id.
struct create_record {
    session_id id{};
    record content{};
};

/// Whether a lock allows a write that asks for its holder, or for none but one that was `seen` and need not be respected.
inline bool lock_permits(const lock_claim& holder, const std::string& if_locked_by,
                         const std::optional<lock_time>& if_unlocked, const std::optional<lock_claim>& seen) noexcept {
    if (!if_locked_by.empty()) return holder.token == if_locked_by;
    if (!if_unlocked || !holder.held() || (seen && holder == *seen)) return true;
    return !holder.foreign && holder.until < *if_unlocked;
}

/// What a program writes that raises no version (the PHP handler), as it was read: if it is the same, nobody came between.
/// The expiry alone does not tell: it has whole seconds, and touches move it as well.
struct as_read {
    time_point expires{};
    fields data{};

    static as_read of(const record& r) { return {r.expires, r.data}; }

    bool is_still(const stamp& stored, std::string_view bytes_of_data) const noexcept {
        return stored.expires == expires && bytes_of_data == data.bytes();
    }
};

/// Apply changes to a live record and raise its version by one.
///
/// Conditions: the record is live; it has the version and, when `if_as_read` is given, that content; `expires`, when given,
/// does not lie before the stored one, unless `terms` are given, too; the lock is held by `if_locked_by`, when given; or it is, when `if_unlocked` is given,
/// held by nobody, or over, or exactly the one that was `seen`.
///
/// A backend whose answers can get lost stores `journal`, tells by its newest mark whether a write of its own was
/// carried out, and fails with `outcome_unknown` when it cannot tell.
struct change_record {
    session_id id{};
    delta changes{};
    fields after{};                     ///< all entries with the changes
    std::optional<time_point> expires{};
    std::uint64_t if_version = 0;
    time_point now{};
    dynasession::journal journal{};     ///< with the mark of this write
    std::string if_locked_by{};
    std::optional<lock_time> if_unlocked{}; ///< a lock that ended before this is over
    std::optional<lock_claim> seen{};   ///< a foreign one only with `if_as_read`: it has nothing else to be told by
    std::optional<as_read> if_as_read{};
    std::optional<dynasession::terms> terms{}; ///< what takes the place of the stored ones
    lock_claim lock{};                  ///< who holds it from then on; only with `if_locked_by`

    bool permitted_by(const stamp& stored, std::string_view bytes_of_data, const lock_claim& holder) const noexcept {
        if (!stored.live(now) || stored.version != if_version) return false;
        if (expires && !terms && *expires < stored.expires) return false;
        if (if_as_read && !if_as_read->is_still(stored, bytes_of_data)) return false;
        return lock_permits(holder, if_locked_by, if_unlocked, seen);
    }
};

/// Put off the expiry of a live record; its version stays. Conditions: `expires` lies after the stored one, and not after the
/// deadline; the record lives unused as long as `if_max_stale`, when given: a change of that raises a version that this does not see.
struct touch_record {
    session_id id{};
    time_point expires{};
    time_point now{};
    std::optional<std::chrono::seconds> if_max_stale{};

    bool permitted_by(const stamp& stored) const noexcept {
        if (if_max_stale && stored.max_stale != *if_max_stale) return false;
        return stored.live(now) && expires > stored.expires && expires <= stored.deadline;
    }
};

/// Remove a record, whatever its state.
struct erase_record {
    session_id id{};
};

/// Write `content` under `to` and remove `from`, both or none. Conditions: `from` is live and has this version; its content
/// and its lock as for `change_record`. Fails with `session_exists` when there is a record under `to`.
struct move_record {
    session_id from{};
    session_id to{};
    record content{};
    std::uint64_t if_version = 0;
    time_point now{};
    std::string if_locked_by{};
    std::optional<lock_time> if_unlocked{};
    std::optional<lock_claim> seen{};
    std::optional<as_read> if_as_read{};
    std::chrono::seconds grace{}; ///< so long a sign stays under `from` that leads readers to `to`

    bool permitted_by(const stamp& stored, std::string_view bytes_of_data, const lock_claim& holder) const noexcept {
        if (!stored.live(now) || stored.version != if_version) return false;
        if (if_as_read && !if_as_read->is_still(stored, bytes_of_data)) return false;
        return lock_permits(holder, if_locked_by, if_unlocked, seen);
    }
};

/// Lock a live record and read it.
///
/// Condition: nobody holds the lock, or this claim's token does (the command was repeated), or, when `seen` is given,
/// exactly that claim does. A token that the journal holds is used up: a late copy of this command locks nothing.
struct lock_record {
    session_id id{};
    lock_claim claim{};
    std::optional<lock_claim> seen{};
    time_point seen_expires{}; ///< a foreign lock has nothing else to be told by
    time_point now{};

    bool permitted_by(const stamp& stored, const lock_claim& holder) const noexcept {
        if (!stored.live(now)) return false;
        if (holder.token == claim.token && !holder.foreign) return true;
        if (!seen) return !holder.held();
        return holder == *seen && (!seen->foreign || stored.expires == seen_expires);
    }
};

/// Put off the end of a lock. Condition: the claim's token holds it.
struct renew_lock {
    session_id id{};
    lock_claim claim{};

    bool permitted_by(const lock_claim& holder) const noexcept { return holder.token == claim.token; }
};

// What follows is asked only of backends that know users: see `has_users`.

/// List the sessions of a user that are live at `now`, those first that were bound to him last.
///
/// What was destroyed, has expired or is another's now is not in it, whatever an index says; what was bound a moment ago may be
/// missing where there is one.
struct list_sessions {
    std::string user{};
    time_point now{};
    std::size_t limit = 1000; ///< no more than so many
};

/// Remove a record by its handle. Condition: it belongs to this user, and since this time or an earlier one.
struct erase_owned {
    std::string user{};
    session_handle handle{};
    user_time bound_until = user_time::max();

    bool permitted_by(const ownership& stored) const noexcept { return stored.user == user && stored.since <= bound_until; }
};

/// Read the mark of a user: no session counts that belongs to him since then or before. Never misses the last write.
struct load_mark {
    std::string user{};
};

/// Set that mark, to be kept until it `expires`. Condition: there is none, or an earlier one.
struct raise_mark {
    std::string user{};
    user_time not_before{};
    time_point expires{};
};

using command = std::variant<load_record, create_record, change_record, touch_record, erase_record, move_record,
                             lock_record, renew_lock, list_sessions, erase_owned, load_mark, raise_mark>;

/// The mark of a user who has none.
inline constexpr user_time no_mark = user_time::min();

/// What a backend answers.
///
/// A write whose condition does not hold is no failure: `applied` is false, nothing was written, and
/// `item` is the record as it is now (of `move_record`: the one under `from`), or nothing if there is none.
struct reply {
    bool applied = true;
    std::optional<record> item{}; ///< what `load_record` and an applied `lock_record` read
    bool forwarded = false;       ///< `item` was found under the id that this one was moved to
    std::optional<user_time> not_before{};   ///< the mark that was asked for, if it was read, or `no_mark`
    std::vector<session_summary> sessions{}; ///< what `list_sessions` found
};

} // namespace dynasession::inline v0

#endif
// #include <dynasession/core/error.hpp>
// #include <dynasession/core/fields.hpp>
// #include <dynasession/core/session_id.hpp>

#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <utility>

namespace dynasession::inline v0 {

namespace op {
class event; // see op/event.hpp
}

// A Backend performs commands: a new database is one header and a run of the contract suite.
//
// Associated types: `options_type`, an aggregate with defaults, from which a `B` is constructed, and with
// an executor before it where it does I/O; `executor_type`.
//
// In this table `b` is a B, `c` a command, `h` an Asio completion token.
//
//   b.now()               op::instant: both clocks, `system` as close to the server's as it can be
//   b.perform(c)          result<reply>, blocking: see core/command.hpp for what each command promises.
//                         A failure means that the outcome is not known, or that nothing was done and why.
//   b.async_perform(c,h)  the same, completing `void(result<reply>)`, never inside the initiation;
//                         cancellable: then it completes with operation_aborted,
//                         or with the reply if that was there already
//   b.wait(ms)            sleeps
//   b.get_executor()      where asynchronous work runs when the handler names no executor of its own
//
// A B is used from many threads at once. It need not be copied or moved.
//
// Exemplar: backend_archetype in tests/unit/core/concepts.cpp. Models: memory_backend, dynamodb_backend.

template <class B>
concept has_clock = requires(const B& b) {
    b.now().system;
    b.now().steady;
};
template <class B>
concept has_perform = requires(B& b, command c) {
    { b.perform(std::move(c)) } -> std::same_as<result<reply>>;
};
template <class B>
concept has_async_perform = requires(B& b, command c, void (*handler)(result<reply>)) {
    b.async_perform(std::move(c), handler);
};
template <class B>
concept has_wait = requires(B& b, std::chrono::milliseconds d) { b.wait(d); };
template <class B>
concept has_executor = requires(B& b) {
    typename B::executor_type;
    { b.get_executor() } -> std::convertible_to<typename B::executor_type>;
};
template <class B>
concept has_options = requires { typename B::options_type; } && std::default_initializable<typename B::options_type> &&
                      std::constructible_from<B, typename B::options_type>;

/// A type that meets the Backend requirements above.
template <class B>
concept backend = has_clock<B> && has_perform<B> && has_async_perform<B> && has_wait<B> && has_executor<B> && has_options<B>;

// A Backend that knows users finds sessions by whom they belong to, and keeps marks of users: it carries out the last four
// commands, too. Others may answer those with any error. In this table `b` is a const B.
//
//   b.lists_users()       bool: whether `list_sessions` works; if not it fails with invalid_option, and only marks do
//
// Exemplar: user_backend_archetype in tests/unit/core/concepts.cpp. Models: memory_backend, dynamodb_backend.

template <class B>
concept has_users = requires(const B& b) {
    { b.lists_users() } -> std::same_as<bool>;
};

/// A Backend that knows users.
template <class B>
concept user_backend = backend<B> && has_users<B>;

/// Explains, for the author of a Backend, the first requirement that `B` does not meet.
template <class B>
consteval bool check_backend() {
    static_assert(has_clock<B>, "dynasession: a Backend needs `op::instant now() const`");
    static_assert(has_perform<B>, "dynasession: a Backend needs `result<reply> perform(command)`");
    static_assert(has_async_perform<B>, "dynasession: a Backend needs `auto async_perform(command, Token&&)` that "
                                        "completes with `void(result<reply>)`");
    static_assert(has_wait<B>, "dynasession: a Backend needs `void wait(std::chrono::milliseconds)`");
    static_assert(has_executor<B>, "dynasession: a Backend needs `executor_type` and `executor_type get_executor()`");
    static_assert(has_options<B>, "dynasession: a Backend needs `options_type`, an aggregate with defaults, and a "
                                  "constructor that takes it");
    return backend<B>;
}

/// Explains, for the author of a Backend that is to know users, the first requirement that `B` does not meet.
template <class B>
consteval bool check_user_backend() {
    static_assert(check_backend<B>());
    static_assert(has_users<B>, "dynasession: a Backend that knows users needs `bool lists_users() const`, and carries out "
                                "list_sessions, erase_owned, load_mark and raise_mark");
    return user_backend<B>;
}

// A LockPolicy is a factory of operations (see op/action.hpp) whose effects are commands: a new locking
// scheme is one header and no change elsewhere. It is copied freely, so its state is shared or small.
//
// In this table `p` is a const P, `id` a session_id, `s` a save_request, `a` read_write or read_only.
//
//   p.load(id, a)           operation of optional<loaded>: the live record; absent and expired are empty
//   p.save(s)               operation of saved: what is stored now. With no changes at most the expiry
//                           is put off. Fails with session_gone when the session is no longer there
//                           or live, with conflict when the changes cannot be merged.
//   p.touch(s)              as save, without the changes
//   p.regenerate(s, to, r)  operation of saved: what is now stored under `to`; nothing is left under s.id.
//                           `r(fields)` gives the entries as they have to be stored under the new id.
//
// One that locks also has:
//
//   p.load(id, exclusive)   as load; the session is nobody else's until it is saved or released
//   p.release(s)            operation of saved: ends that without the changes
//   p.renew(s)              operation of saved: puts off the end of the lock; fails with lock_lost
//   p.keep(id, hold, stop)  operation of void: renews a lock whenever that is due, until it ends or `stop` happens;
//                           without `stop` it ends with the lock
//
// Exemplar: lock_policy_archetype in tests/unit/core/concepts.cpp. Models: no_lock, optimistic_lock, pessimistic_lock.

namespace concepts_detail {

// What `core` may know of an operation; op/action.hpp has the whole of it.
template <class Op, class T>
concept operation_of = std::move_constructible<Op> && std::same_as<typename Op::effect_type, command> &&
                       std::same_as<typename Op::reply_type, result<reply>> && std::same_as<typename Op::value_type, T>;

struct keep_fields {
    result<fields> operator()(const fields& f) const { return f; }
};

} // namespace concepts_detail

template <class P, class Access>
concept can_load = requires(const P p, const session_id& id, Access a) {
    { p.load(id, a) } -> concepts_detail::operation_of<std::optional<loaded>>;
};
template <class P>
concept has_load = can_load<P, read_write_t> && can_load<P, read_only_t>;
template <class P>
concept has_save = requires(const P p, save_request s) {
    { p.save(std::move(s)) } -> concepts_detail::operation_of<saved>;
};
template <class P>
concept has_touch = requires(const P p, save_request s) {
    { p.touch(std::move(s)) } -> concepts_detail::operation_of<saved>;
};
template <class P>
concept has_regenerate = requires(const P p, save_request s, const session_id& to, concepts_detail::keep_fields r) {
    { p.regenerate(std::move(s), to, r) } -> concepts_detail::operation_of<saved>;
};

/// A type that meets the LockPolicy requirements above.
template <class P>
concept lock_policy = std::copyable<P> && has_load<P> && has_save<P> && has_touch<P> && has_regenerate<P>;

/// A LockPolicy that can give a session to one request at a time.
template <class P>
concept exclusive_lock_policy = lock_policy<P> && can_load<P, exclusive_t> && requires(const P p, save_request s) {
    { p.release(std::move(s)) } -> concepts_detail::operation_of<saved>;
    { p.renew(std::move(s)) } -> concepts_detail::operation_of<saved>;
    { p.keep(s.id, s.hold, std::shared_ptr<op::event>()) } -> concepts_detail::operation_of<void>;
};

/// Explains, for the author of a LockPolicy, the first requirement that `P` does not meet.
template <class P>
consteval bool check_lock_policy() {
    static_assert(std::copyable<P>, "dynasession: a LockPolicy is copied into operations: make it copyable");
    static_assert(has_load<P>, "dynasession: a LockPolicy needs `auto load(const session_id&, A) const` for A = read_write_t and "
                               "read_only_t, operations with effect command, reply result<reply>, value std::optional<loaded>");
    static_assert(has_save<P>, "dynasession: a LockPolicy needs `auto save(save_request) const`, an operation of saved");
    static_assert(has_touch<P>, "dynasession: a LockPolicy needs `auto touch(save_request) const`, an operation of saved");
    static_assert(has_regenerate<P>, "dynasession: a LockPolicy needs `auto regenerate(save_request, const session_id& "
                                     "to, Rebind) const`, an operation of saved");
    return lock_policy<P>;
}

/// What a serializer may know beside the value: whose session it is, and what is stored of it.
struct serialize_context {
    const session_id& id;
    const fields& stored; ///< entries that did not change should keep their text from here
};

// A Serializer turns a session's value into stored entries and back, bounded, and without executing
// anything that it reads.
//
// In this table `s` is a const S, `v` a const S::value_type, `f` a const fields.
//
//   s.serialize(v, serialize_context)  result<fields>: one entry a top-level key where the value has any;
//                                      the same value gives the same entries, or unchanged ones are written again
//   s.deserialize(f, id)               result<value_type>: the value, or corrupt_session
//
// One whose entries can be read only by the id that they were made for has `static constexpr bool binds_to_id = true`.
//
// One that may write entries anew although their value did not change also has:
//
//   s.same(a, b, id)                   bool: whether two entries of one key hold the same value; what is the same is
//                                      written on top of nothing but the version that was read
//
// Exemplar: serializer_archetype in tests/unit/core/concepts.cpp. Models: json_serializer, json_serializer_for, encrypted.

template <class S>
concept has_value_type = requires { typename S::value_type; } && std::default_initializable<typename S::value_type> &&
                         std::copyable<typename S::value_type>;
template <class S>
concept has_serialize = requires(const S s, const typename S::value_type& v, serialize_context context) {
    { s.serialize(v, context) } -> std::same_as<result<fields>>;
};
template <class S>
concept has_deserialize = requires(const S s, const fields& f, const session_id& id) {
    { s.deserialize(f, id) } -> std::same_as<result<typename S::value_type>>;
};

/// A type that meets the Serializer requirements above.
template <class S>
concept serializer = std::copyable<S> && has_value_type<S> && has_serialize<S> && has_deserialize<S>;

/// A Serializer whose entries can be read only by the id that they were made for.
template <class S>
concept binding_serializer = serializer<S> && requires { requires S::binds_to_id; };

/// A Serializer that may write entries anew although their value did not change.
template <class S>
concept renewing_serializer = serializer<S> && requires(const S s, const field& f, const session_id& id) {
    { s.same(f, f, id) } -> std::same_as<bool>;
};

/// Explains, for the author of a Serializer, the first requirement that `S` does not meet.
template <class S>
consteval bool check_serializer() {
    static_assert(std::copyable<S>, "dynasession: a Serializer is copied into operations: make it copyable");
    static_assert(has_value_type<S>, "dynasession: a Serializer needs `value_type`, copyable and default constructible");
    static_assert(has_serialize<S>, "dynasession: a Serializer needs "
                                    "`result<fields> serialize(const value_type&, serialize_context) const`");
    static_assert(has_deserialize<S>, "dynasession: a Serializer needs "
                                      "`result<value_type> deserialize(const fields&, const session_id&) const`");
    return serializer<S>;
}

} // namespace dynasession::inline v0

#endif
// #include <dynasession/core/error.hpp>
// #include <dynasession/core/fields.hpp>
// #include <dynasession/core/secret.hpp>
#ifndef DYNASESSION_CORE_SECRET_HPP
#define DYNASESSION_CORE_SECRET_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/detail/encoding.hpp>

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
// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/serializer/each_entry.hpp>
#ifndef DYNASESSION_SERIALIZER_EACH_ENTRY_HPP
#define DYNASESSION_SERIALIZER_EACH_ENTRY_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/core/fields.hpp>

#include <string>

// What serializers have in common that write the entries of another one in other words.
namespace dynasession::inline v0::serializer_detail {

/// The text of an entry, without its key.
struct entry_text {
    std::string text{};
    bool binary = false; ///< as of field
};

/// The entries as `read(field)`, a result<entry_text>, reads each; its first failure is that of all.
template <class Read>
result<fields> read_each(const fields& entries, Read read) {
    fields plain;
    plain.reserve_bytes(entries.bytes().size());
    for (const field f : entries) {
        const result<entry_text> said = read(f);
        if (!said) return said.error();
        plain.append({f.key, said->text, said->binary});
    }
    return plain;
}

/// The entries as `write(field)` writes each, but for those that did not change and are stored in words that
/// `keep(field)` approves: they stay as they are. `said` is what `read_each` made of `stored`.
template <class Keep, class Write>
fields write_each(const fields& entries, const fields& stored, const fields& said, Keep keep, Write write) {
    fields written;
    written.reserve_bytes(entries.bytes().size());
    auto before = said.begin(); // in step with `stored`
    fields_detail::merge_walk(stored, entries, [&](const auto& old, const auto& now) {
        const bool stays = old && now && *before == *now && keep(*old);
        if (old) ++before;
        if (stays) {
            written.append(*old);
        } else if (now) {
            const entry_text words = write(*now);
            written.append({now->key, words.text, words.binary});
        }
    });
    return written;
}

} // namespace dynasession::inline v0::serializer_detail

#endif
// #include <dynasession/serializer/envelope.hpp>
#ifndef DYNASESSION_SERIALIZER_ENVELOPE_HPP
#define DYNASESSION_SERIALIZER_ENVELOPE_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/core/fields.hpp>
// #include <dynasession/core/secret.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/detail/one_message_gcm.hpp>
#ifndef DYNASESSION_DETAIL_ONE_MESSAGE_GCM_HPP
#define DYNASESSION_DETAIL_ONE_MESSAGE_GCM_HPP

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace dynasession::inline v0::detail {

/// AES-256-GCM (NIST SP 800-38D) with keys that are good for one message each: the nonce is always zero.
///
/// *Errors:* throws std::runtime_error when OpenSSL fails.
///
/// *Thread safety:* as of a standard container.
class one_message_gcm {
public:
    static constexpr std::size_t key_size = 32;
    static constexpr std::size_t tag_size = 16;

    one_message_gcm() : context_(EVP_CIPHER_CTX_new()) { check(context_ != nullptr); }

    /// Appends the encrypted text, and after it the tag.
    void seal(std::span<const unsigned char, key_size> key, std::string_view associated, std::string_view plain,
              std::string& out) {
        begin(key, associated, encrypt);
        const std::size_t at = out.size();
        out.resize(at + plain.size() + tag_size);
        auto* sealed = bytes_of(out) + at;
        update(sealed, plain);
        int none = 0;
        check(EVP_CipherFinal_ex(context_.get(), sealed + plain.size(), &none) == 1);
        control(EVP_CTRL_AEAD_GET_TAG, sealed + plain.size());
    }

    /// The text that `seal` was given; nothing if the tag is not whole, or is not that of this key and these texts.
    std::optional<std::string> open(std::span<const unsigned char, key_size> key, std::string_view associated,
                                    std::string_view sealed) {
        if (sealed.size() < tag_size) return std::nullopt;
        const std::size_t size = sealed.size() - tag_size;
        std::array<unsigned char, tag_size> tag;
        sealed.copy(reinterpret_cast<char*>(tag.data()), tag_size, size);
        begin(key, associated, decrypt);
        std::string plain(size, '\0');
        update(bytes_of(plain), sealed.substr(0, size));
        control(EVP_CTRL_AEAD_SET_TAG, tag.data());
        int none = 0;
        unsigned char rest[1]; // GCM leaves nothing to the end
        if (EVP_CipherFinal_ex(context_.get(), rest, &none) != 1) return std::nullopt;
        return plain;
    }

private:
    struct free_context {
        void operator()(EVP_CIPHER_CTX* c) const noexcept { EVP_CIPHER_CTX_free(c); } // overwrites the key
    };

    static constexpr int encrypt = 1, decrypt = 0;

    static void check(bool ok) {
        if (!ok) throw std::runtime_error("dynasession: AES-256-GCM of OpenSSL failed");
    }

    static const EVP_CIPHER* algorithm() {
        static const EVP_CIPHER* const fetched = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
        check(fetched != nullptr);
        return fetched;
    }

    static unsigned char* bytes_of(std::string& text) noexcept { return reinterpret_cast<unsigned char*>(text.data()); }

    void begin(std::span<const unsigned char, key_size> key, std::string_view associated, int direction) {
        static constexpr std::array<unsigned char, 12> nonce{};
        check(EVP_CipherInit_ex2(context_.get(), algorithm(), key.data(), nonce.data(), direction, nullptr) == 1);
        update(nullptr, associated);
    }

    // Without an `out` the text is associated.
    void update(unsigned char* out, std::string_view text) {
        if (text.empty()) return;
        check(text.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
        int size = 0;
        const auto* in = reinterpret_cast<const unsigned char*>(text.data());
        check(EVP_CipherUpdate(context_.get(), out, &size, in, static_cast<int>(text.size())) == 1);
    }

    void control(int what, unsigned char* tag) {
        check(EVP_CIPHER_CTX_ctrl(context_.get(), what, static_cast<int>(tag_size), tag) == 1);
    }

    std::unique_ptr<EVP_CIPHER_CTX, free_context> context_;
};

} // namespace dynasession::inline v0::detail

#endif
// #include <dynasession/serializer/each_entry.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// How encrypted entries are stored. An envelope is, with the sizes in bytes,
//
//   form 1 | key id 4 | salt 16 | ciphertext, as long as the plaintext | tag 16
//
// form: 0x81, the plaintext is text, or 0xc1, it is bytes; both are version 1.
// Context: "dynasession entry\n" | form | key id | first 24 bytes of SHA-256(session id) | key name of the entry.
// The key of the entry is one block of HKDF-Expand-SHA-256 (RFC 5869) from the secret, with context | salt as info; the
// secret is 256 random bits, so there is nothing to extract. AES-256-GCM with that key, a nonce of zeros, and the
// context as associated data. Key id: the first 4 bytes of the same, with "dynasession key id\n" as info.
//
// Why that is safe: nothing is lost as long as no derived key is used twice, and one comes up again only if one entry
// of one session gets one salt twice. Of n writes under a secret, of which each entry gets w, that happens with a
// probability of less than n*w / 2^129: even 2^48 writes of one entry stay below the 2^-32 that SP 800-38D asks for,
// where random nonces of 96 bits under one key are used up after 2^32 writes of all entries.
namespace dynasession::inline v0::envelope_detail {

inline constexpr char text_form = '\x81', bytes_form = '\xc1';
inline constexpr std::size_t key_id_size = 4, salt_size = 16;
inline constexpr std::size_t head_size = 1 + key_id_size;

/// Bytes that an envelope has more than the plaintext.
inline constexpr std::size_t overhead = head_size + salt_size + detail::one_message_gcm::tag_size;

using salt = std::array<unsigned char, salt_size>;

/// A key that is overwritten at the end.
class derived_key {
public:
    explicit derived_key(const detail::sha256_digest& bytes) noexcept : bytes_(bytes) {}
    derived_key(const derived_key&) = delete;
    derived_key& operator=(const derived_key&) = delete;
    ~derived_key() { detail::cleanse(bytes_.data(), bytes_.size()); }

    const detail::sha256_digest& bytes() const noexcept { return bytes_; }

private:
    detail::sha256_digest bytes_;
};

/// A secret as the source of the keys of entries.
class key_source {
public:
    explicit key_source(const secret& s) : keyed_(s.bytes()) {
        const derived_key all = derive("dynasession key id\n", {});
        id_ = detail::as_text(all.bytes()).substr(0, key_id_size);
    }

    /// Tells which secret it is, and nothing about it.
    std::string_view id() const noexcept { return id_; }

    derived_key derive(std::string_view context, std::string_view with_salt) const {
        detail::hmac_sha256 mac(keyed_);
        mac.update(context);
        mac.update(with_salt);
        mac.update("\x01");
        return derived_key(mac.finish());
    }

private:
    detail::hmac_sha256 keyed_;
    std::string id_;
};

/// The secrets of an application: the first seals, all open.
class key_ring {
public:
    /// *Errors:* throws session_error with `invalid_option`: there is none, or two have one id.
    explicit key_ring(const std::vector<secret>& secrets) {
        if (secrets.empty())
            throw session_error(failure(error::invalid_option,
                                        "encryption_options::secrets is empty: give at least one "
                                        "secret, of `openssl rand -base64 32` say"));
        for (const secret& s : secrets) {
            key_source source(s);
            if (find(source.id()))
                throw session_error(failure(error::invalid_option,
                                            "encryption_options::secrets has a secret twice, or two "
                                            "that cannot be told apart: leave one out"));
            sources_.push_back(std::move(source));
        }
    }

    const key_source& first() const noexcept { return sources_.front(); }

    const key_source* find(std::string_view id) const noexcept {
        const auto found = std::ranges::find(sources_, id, &key_source::id);
        return found == sources_.end() ? nullptr : &*found;
    }

private:
    std::vector<key_source> sources_;
};

/// Seals and opens the entries of one session.
class envelopes {
public:
    envelopes(const key_ring& keys, const session_id& id) : keys_(&keys), whose_(detail::sha256::of(id.str())) {}

    std::string seal(const field& plain, const salt& with) {
        const std::string_view salt_text(reinterpret_cast<const char*>(with.data()), with.size());
        std::string envelope(1, plain.binary ? bytes_form : text_form);
        envelope.reserve(plain.text.size() + overhead);
        envelope += keys_->first().id();
        const auto context = context_of(envelope, plain.key);
        envelope += salt_text;
        gcm_.seal(keys_->first().derive(context, salt_text).bytes(), context, plain.text, envelope);
        return envelope;
    }

    /// *Errors:* `corrupt_session`, for whatever reason.
    result<serializer_detail::entry_text> open(const field& sealed) {
        const std::string_view envelope = sealed.text;
        if (!is_envelope(sealed) || envelope.size() < overhead) return error::corrupt_session;
        const auto* source = keys_->find(envelope.substr(1, key_id_size));
        if (!source) return error::corrupt_session;
        const auto context = context_of(envelope.substr(0, head_size), sealed.key);
        const derived_key key = source->derive(context, envelope.substr(head_size, salt_size));
        auto plain = gcm_.open(key.bytes(), context, envelope.substr(head_size + salt_size));
        if (!plain) return error::corrupt_session;
        return serializer_detail::entry_text{*std::move(plain), envelope.front() == bytes_form};
    }

    /// Whether an entry says that it is an envelope.
    static bool is_envelope(const field& f) noexcept {
        return f.binary && (f.text.starts_with(text_form) || f.text.starts_with(bytes_form));
    }

    /// Whether an entry that could be opened was sealed with the first secret.
    bool is_under_first(const field& opened) const noexcept {
        return is_envelope(opened) && opened.text.substr(1, key_id_size) == keys_->first().id();
    }

private:
    // The hash has the length that a table's keys have: who has the table and the secrets needs no ids.
    std::string context_of(std::string_view head, std::string_view key) const {
        std::string context("dynasession entry\n");
        context.append(head).append(detail::as_text(whose_).substr(0, 24)).append(key);
        return context;
    }

    const key_ring* keys_;
    detail::sha256_digest whose_;
    detail::one_message_gcm gcm_;
};

} // namespace dynasession::inline v0::envelope_detail

#endif
// #include <dynasession/serializer/json.hpp>
#ifndef DYNASESSION_SERIALIZER_JSON_HPP
#define DYNASESSION_SERIALIZER_JSON_HPP

// #include <dynasession/core/concepts.hpp>
// #include <dynasession/core/fields.hpp>
// #include <dynasession/serializer/json_text.hpp>
#ifndef DYNASESSION_SERIALIZER_JSON_TEXT_HPP
#define DYNASESSION_SERIALIZER_JSON_TEXT_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/utf8.hpp>

#include <boost/json/array.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dynasession::inline v0 {

/// What a session may hold at most. Concurrent saves merge entry by entry, so what has to hold when a session is read
/// is bounded for each entry, and the size of all of it only when it is written.
struct json_bounds {
    std::size_t max_depth = 32;          ///< arrays and objects inside each other, below one top-level key
    std::size_t max_nodes = 10'000;      ///< values of any kind, below one top-level key
    std::size_t max_key_size = 1024;     ///< bytes of a key
    std::size_t max_size = 400 * 1024;   ///< bytes of all keys and texts; a DynamoDB item takes no more
};

namespace json_text_detail {

// Builds a value from the parser's events. Boost.JSON's own builder keeps the last of two equal keys and, in 1.81,
// rounds doubles wrongly in the last bit; what a session holds has to come back exactly or not at all.
class builder {
public:
    static constexpr std::size_t max_object_size = std::size_t(-1) / 2;
    static constexpr std::size_t max_array_size = max_object_size;
    static constexpr std::size_t max_key_size = max_object_size;
    static constexpr std::size_t max_string_size = max_object_size;

    explicit builder(const json_bounds& bounds) : bounds_(&bounds) {}

    boost::json::value take() { return std::move(root_); }

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code& ec) { return open(boost::json::object(), ec); }
    bool on_object_end(std::size_t, error_code&) { return close(); }
    bool on_array_begin(error_code& ec) { return open(boost::json::array(), ec); }
    bool on_array_end(std::size_t, error_code&) { return close(); }
    bool on_key_part(std::string_view part, std::size_t, error_code& ec) { return key_part(part, ec); }
    bool on_key(std::string_view part, std::size_t, error_code& ec) { return key_part(part, ec); }
    bool on_string_part(std::string_view part, std::size_t, error_code&) {
        text_ += part;
        return true;
    }
    bool on_string(std::string_view part, std::size_t, error_code& ec) {
        text_ += part;
        const bool placed = place(boost::json::string(text_), ec) != nullptr;
        text_.clear();
        return placed;
    }
    bool on_number_part(std::string_view part, error_code&) {
        text_ += part;
        return true;
    }
    bool on_int64(std::int64_t i, std::string_view, error_code& ec) { return number(i, ec); }
    bool on_uint64(std::uint64_t u, std::string_view, error_code& ec) { return number(u, ec); }
    bool on_double(double, std::string_view part, error_code& ec) {
        text_ += part;
        double exact = 0;
        const auto [end, problem] = std::from_chars(text_.data(), text_.data() + text_.size(), exact);
        if (problem != std::errc() || end != text_.data() + text_.size()) return refuse(ec);
        return number(exact, ec);
    }
    bool on_bool(bool b, error_code& ec) { return place(b, ec) != nullptr; }
    bool on_null(error_code& ec) { return place(nullptr, ec) != nullptr; }
    bool on_comment_part(std::string_view, error_code&) { return true; }
    bool on_comment(std::string_view, error_code&) { return true; }

private:
    static bool refuse(error_code& ec) {
        ec = error::corrupt_session;
        return false;
    }

    bool number(boost::json::value v, error_code& ec) {
        text_.clear();
        return place(std::move(v), ec) != nullptr;
    }

    bool key_part(std::string_view part, error_code& ec) {
        key_ += part;
        return key_.size() <= bounds_->max_key_size || refuse(ec);
    }

    bool open(boost::json::value container, error_code& ec) {
        boost::json::value* at = place(std::move(container), ec);
        if (at) open_.push_back(at);
        return at != nullptr;
    }

    bool close() {
        open_.pop_back();
        return true;
    }

    // Where the value now stands. An open container is the last element of the one around it, so it does not move.
    boost::json::value* place(boost::json::value v, error_code& ec) {
        if (++nodes_ > bounds_->max_nodes) {
            refuse(ec);
            return nullptr;
        }
        if (open_.empty()) return &(root_ = std::move(v));
        if (auto* elements = open_.back()->if_array()) return &elements->emplace_back(std::move(v));
        const auto [member, inserted] = open_.back()->get_object().emplace(key_, std::move(v));
        key_.clear();
        if (!inserted) refuse(ec);
        return inserted ? &member->value() : nullptr;
    }

    const json_bounds* bounds_;
    std::size_t nodes_ = 0;
    boost::json::value root_;
    std::vector<boost::json::value*> open_;
    std::string key_;
    std::string text_;
};

} // namespace json_text_detail

/// The JSON value that `text` is, exactly.
///
/// *Errors:* `corrupt_session`: not JSON, a key twice in one object, or beyond the bounds.
inline result<boost::json::value> parse_json(std::string_view text, const json_bounds& bounds) {
    boost::json::parse_options options;
    options.max_depth = bounds.max_depth;
    boost::json::basic_parser<json_text_detail::builder> parser(options, bounds);
    error_code ec;
    const auto used = parser.write_some(false, text.data(), text.size(), ec);
    if (ec || !parser.done() || used != text.size()) return error::corrupt_session;
    return parser.handler().take();
}

namespace json_text_detail {

/// Whether a value comes back as it is: within the bounds, its texts UTF-8, its numbers finite.
class checker {
public:
    explicit checker(const json_bounds& bounds) : bounds_(&bounds) {}

    bool operator()(const boost::json::value& v) const {
        std::size_t nodes = 0;
        return storable(v, 0, nodes);
    }

    bool key(std::string_view k) const { return k.size() <= bounds_->max_key_size && detail::is_utf8(k); }

private:
    bool storable(const boost::json::value& v, std::size_t depth, std::size_t& nodes) const {
        if (++nodes > bounds_->max_nodes) return false;
        switch (v.kind()) {
        case boost::json::kind::string: return detail::is_utf8(v.get_string());
        case boost::json::kind::double_: return std::isfinite(v.get_double());
        case boost::json::kind::array:
            if (depth == bounds_->max_depth) return false;
            for (const auto& element : v.get_array())
                if (!storable(element, depth + 1, nodes)) return false;
            return true;
        case boost::json::kind::object:
            if (depth == bounds_->max_depth) return false;
            for (const auto& member : v.get_object())
                if (!key(member.key()) || !storable(member.value(), depth + 1, nodes)) return false;
            return true;
        default: return true;
        }
    }

    const json_bounds* bounds_;
};

} // namespace json_text_detail

} // namespace dynasession::inline v0

#endif

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>

#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace dynasession::inline v0 {

/// Keeps a JSON object, each top-level value as its JSON text, so that a save can send single keys.
///
/// Every value comes back exactly as it was: doubles to the last bit, 64-bit integers, any Unicode text.
class json_serializer {
public:
    using value_type = boost::json::object;

    json_serializer() = default;
    explicit json_serializer(const json_bounds& bounds) : bounds_(bounds) {}

    /// *Errors:* `not_serializable`: a text is not UTF-8, a number not finite, nesting, number of values or a key
    /// beyond the bounds; `item_too_large`: all of it is, with the size in the detail.
    result<fields> serialize(const value_type& value, serialize_context) const {
        const json_text_detail::checker storable(bounds_);
        std::vector<std::string> texts;
        texts.reserve(value.size());
        std::vector<field> entries;
        entries.reserve(value.size());
        std::size_t bytes = 0;
        for (const auto& member : value) {
            if (!storable.key(member.key()) || !storable(member.value())) return error::not_serializable;
            const auto& text = texts.emplace_back(boost::json::serialize(member.value()));
            entries.push_back({member.key(), text});
            bytes += member.key().size() + text.size();
        }
        if (bytes > bounds_.max_size)
            return failure(error::item_too_large, "the session takes " + std::to_string(bytes) + " bytes as JSON, more than " +
                                                      std::to_string(bounds_.max_size));
        return fields(std::move(entries));
    }

    /// *Errors:* `corrupt_session`.
    result<value_type> deserialize(const fields& entries, const session_id&) const {
        value_type value;
        const json_text_detail::checker storable(bounds_);
        for (const field f : entries) {
            if (f.binary || !storable.key(f.key) || f.text.size() > bounds_.max_size) return error::corrupt_session;
            auto parsed = parse_json(f.text, bounds_);
            if (!parsed) return std::move(parsed).error();
            value.emplace(f.key, *std::move(parsed));
        }
        return value;
    }

private:
    json_bounds bounds_;
};

/// Keeps a `T` through `boost::json::value_from` and `value_to`: a struct as an object with its members as keys.
///
/// `T` is described with BOOST_DESCRIBE_STRUCT, or has `tag_invoke` overloads for both directions. The conversion decides
/// what it takes: with BOOST_DESCRIBE_STRUCT a member that is missing in what is stored makes the session corrupt, so a
/// member that is added later needs a `tag_invoke` that knows what to do without it.
template <class T>
class json_serializer_for {
public:
    using value_type = T;

    json_serializer_for() = default;
    explicit json_serializer_for(const json_bounds& bounds) : json_(bounds) {}

    /// *Errors:* as json_serializer; `not_serializable` also when the `T` does not become a JSON object.
    result<fields> serialize(const T& value, serialize_context context) const {
        boost::json::value v;
        try {
            v = boost::json::value_from(value);
        } catch (const std::exception&) { // its text may hold what the session holds
            return failure(error::not_serializable, "the conversion of the typed session to JSON threw an exception");
        }
        const auto* object = v.if_object();
        if (!object) return failure(error::not_serializable, "the typed session does not convert to a JSON object");
        return json_.serialize(*object, context);
    }

    /// *Errors:* `corrupt_session`, also when what is stored does not convert to a `T`.
    result<T> deserialize(const fields& entries, const session_id& id) const {
        auto object = json_.deserialize(entries, id);
        if (!object) return std::move(object).error();
        auto value = boost::json::try_value_to<T>(boost::json::value(*std::move(object)));
        if (!value) return failure(error::corrupt_session, "the stored session does not convert to the session's type");
        return *std::move(value);
    }

private:
    json_serializer json_;
};

static_assert(check_serializer<json_serializer>());

} // namespace dynasession::inline v0

#endif

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dynasession::inline v0 {

/// With what sessions are encrypted.
struct encryption_options {
    /// The first encrypts, all decrypt. To replace one, put the new one behind it on every server, then before it; take
    /// the old one away when the last session that it encrypted has been saved or has ended.
    std::vector<secret> secrets{};

    /// Whether entries that were stored before there was encryption are read; the next save encrypts them. As long as
    /// this is set, who can write to the table can put what he likes into sessions.
    bool accept_plain = false;
};

/// Encrypts each entry that `Serializer` makes, with AES-256-GCM under a key of its own: `encrypted<json_serializer>`.
///
/// Who reads the table sees the names of top-level keys, how long each value is and which ones change; no values. Who
/// writes to it can remove entries or bring back earlier ones, but neither make one nor move one to another key or
/// session. With `encrypted<compressed<...>>` the length also tells how far a value repeats itself: keep what others
/// may choose and what they may not know under different keys.
///
/// An entry that did not change keeps what is stored of it, so saves stay as small as without encryption; but one that
/// is not encrypted with the first secret is encrypted anew by the next save, unless others have saved meanwhile. The
/// same change made by two requests at once is a conflict with optimistic_lock: their texts differ.
///
/// Entries are bound to the id of the session, so `session_options::regenerate_grace` cannot be used.
///
/// *Cost:* 37 bytes an entry, stored as B in DynamoDB.
template <serializer Serializer = json_serializer>
class encrypted {
public:
    using value_type = typename Serializer::value_type;
    static constexpr bool binds_to_id = true;

    /// *Errors:* throws session_error with `invalid_option`: no secret, or one twice.
    explicit encrypted(const encryption_options& options, Serializer inner = {})
        : inner_(std::move(inner)), keys_(std::make_shared<envelope_detail::key_ring>(options.secrets)),
          accepts_plain_(options.accept_plain) {}

    /// *Errors:* those of `Serializer`; `corrupt_session`: what is stored is not of this session or under none of the
    /// secrets.
    result<fields> serialize(const value_type& value, serialize_context context) const {
        envelope_detail::envelopes envelopes(*keys_, context.id);
        const auto said = read_all(envelopes, context.stored);
        if (!said) return said.error();
        const auto entries = inner_.serialize(value, {context.id, *said});
        if (!entries) return entries.error();
        const auto keep = [&](const field& f) { return envelopes.is_under_first(f); };
        const auto seal = [&](const field& f) {
            envelope_detail::salt salt;
            detail::random_bytes(salt);
            return serializer_detail::entry_text{envelopes.seal(f, salt), true};
        };
        return serializer_detail::write_each(*entries, context.stored, *said, keep, seal);
    }

    /// *Errors:* those of `Serializer`; `corrupt_session`, which does not tell why an entry cannot be decrypted.
    result<value_type> deserialize(const fields& entries, const session_id& id) const {
        envelope_detail::envelopes envelopes(*keys_, id);
        const auto said = read_all(envelopes, entries);
        if (!said) return said.error();
        return inner_.deserialize(*said, id);
    }

    /// Whether two entries of one key hold the same value.
    bool same(const field& a, const field& b, const session_id& id) const {
        envelope_detail::envelopes envelopes(*keys_, id);
        const auto one = read(envelopes, a), other = read(envelopes, b);
        return one && other && one->text == other->text && one->binary == other->binary;
    }

private:
    result<serializer_detail::entry_text> read(envelope_detail::envelopes& envelopes, const field& f) const {
        if (envelopes.is_envelope(f)) return envelopes.open(f);
        if (accepts_plain_) return serializer_detail::entry_text{std::string(f.text), f.binary};
        if (f.binary) return error::corrupt_session;
        return failure(error::corrupt_session,
                       "an entry is not encrypted: set encryption_options::accept_plain as long as "
                       "there are sessions from before the encryption");
    }

    result<fields> read_all(envelope_detail::envelopes& envelopes, const fields& entries) const {
        return serializer_detail::read_each(entries, [&](const field& f) { return read(envelopes, f); });
    }

    Serializer inner_;
    std::shared_ptr<const envelope_detail::key_ring> keys_;
    bool accepts_plain_;
};

static_assert(check_serializer<encrypted<json_serializer>>());

} // namespace dynasession::inline v0

#endif
// #include <dynasession/session_store.hpp>
#ifndef DYNASESSION_SESSION_STORE_HPP
#define DYNASESSION_SESSION_STORE_HPP

// What most programs include. Either half alone compiles faster, and comes without the policies that lock.
// #include <dynasession/dynamodb_session_store.hpp>
#ifndef DYNASESSION_DYNAMODB_SESSION_STORE_HPP
#define DYNASESSION_DYNAMODB_SESSION_STORE_HPP

// #include <dynasession/backend/dynamodb.hpp>
#ifndef DYNASESSION_BACKEND_DYNAMODB_HPP
#define DYNASESSION_BACKEND_DYNAMODB_HPP

// #include <dynasession/backend/conditional_write.hpp>
#ifndef DYNASESSION_BACKEND_CONDITIONAL_WRITE_HPP
#define DYNASESSION_BACKEND_CONDITIONAL_WRITE_HPP

// #include <dynasession/backend/read_record.hpp>
#ifndef DYNASESSION_BACKEND_READ_RECORD_HPP
#define DYNASESSION_BACKEND_READ_RECORD_HPP

// #include <dynasession/backend/dynamodb_requests.hpp>
#ifndef DYNASESSION_BACKEND_DYNAMODB_REQUESTS_HPP
#define DYNASESSION_BACKEND_DYNAMODB_REQUESTS_HPP

// #include <dynasession/backend/expression.hpp>
#ifndef DYNASESSION_BACKEND_EXPRESSION_HPP
#define DYNASESSION_BACKEND_EXPRESSION_HPP

// #include <dynasession/dynamodb/item.hpp>
// #include <dynasession/dynamodb/json_writer.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::backend_detail {

/// The names and values that the expressions of a request use, each under a placeholder.
///
/// Every name goes through one: many short ones are reserved words (DynamoDB developer guide, "Reserved words").
class placeholders {
public:
    /// The placeholder of an attribute name, the same one each time.
    std::string name(std::string_view attribute) {
        for (const auto& [placeholder, known] : names)
            if (known == attribute) return placeholder;
        return new_name(std::string(attribute));
    }

    /// A placeholder of a name that has none yet.
    std::string new_name(std::string attribute) {
        std::string placeholder = "#" + std::to_string(names.size());
        names.emplace_back(placeholder, std::move(attribute));
        return placeholder;
    }

    std::string value(dynamodb::attribute_value v) {
        std::string placeholder = ":" + std::to_string(values.size());
        values.append(placeholder, std::move(v));
        return placeholder;
    }

    dynamodb::expression_names names{};
    dynamodb::item values{};
};

} // namespace dynasession::inline v0::backend_detail

#endif
// #include <dynasession/backend/native_layout.hpp>
#ifndef DYNASESSION_BACKEND_NATIVE_LAYOUT_HPP
#define DYNASESSION_BACKEND_NATIVE_LAYOUT_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/core/record.hpp>
// #include <dynasession/core/session_handle.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/core/session_summary.hpp>
// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/detail/encoding.hpp>
// #include <dynasession/dynamodb/item.hpp>
// #include <dynasession/dynamodb/item_size.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0 {

/// How this library writes a session into a DynamoDB item. Names are short, because every byte is billed.
///
/// | attribute | type | what |
/// | --- | --- | --- |
/// | `id` | S | prefix + base64url of the first 192 bits of the SHA-256 of the session id: no key leads to an id |
/// | `d` | M | the data: one entry a top-level key, its text as S, or as B if it is binary |
/// | `expires` | N | when the session ends unless it is used before, whole seconds: the TTL attribute |
/// | `c` | N | when it was created, seconds |
/// | `x` | N | when it ends however much it is used, seconds; left out if never |
/// | `i` | N | how long it lives unused, seconds |
/// | `v` | N | its version |
/// | `o` | S | the user whom it belongs to; left out if nobody. Key of the index by user |
/// | `s` | N | since when it belongs to `o`, milliseconds; only with it. Sort key of that index |
/// | `a` | S | what the user knows it by; left out if nothing |
/// | `g` | N | when it was given its id, seconds; left out before it is regenerated |
/// | `w` | S | the marks of the last writers, newest first, 5 characters each; left out before the first save |
/// | `lock` | S | the token of who has the session to itself (16 characters); the PHP handler writes an N here |
/// | `lock_until` | N | when that ends, milliseconds; without a `lock` it means nothing |
///
/// A session that was regenerated with a grace time leaves an item behind that has expired for all who do not know it:
///
/// | attribute | type | what |
/// | --- | --- | --- |
/// | `f` | S | the `id` of the item that it moved to |
/// | `u` | N | until when it leads readers there, seconds |
///
/// The mark of a user, all of whose sessions were ended (`id` is prefix + `mark:` + a hash of the name that no session has):
///
/// | attribute | type | what |
/// | --- | --- | --- |
/// | `m` | N | no session counts that belongs to the user since then or before, milliseconds |
/// | `expires` | N | when no such session can be there any more |
///
/// Attributes that it does not know stay as they are.
class native_layout {
public:
    /// Names of the attributes beside the key and the expiry, which a table may call as it likes.
    static constexpr std::string_view data = "d", created = "c", deadline = "x", max_stale = "i", version = "v",
                                      journal = "w", lock = "lock", lock_until = "lock_until", moved_to = "f",
                                      leads_until = "u", owner = "o", since = "s", device = "a", id_since = "g",
                                      not_before = "m";

    /// Whether one of our attributes has this name.
    static constexpr bool is_taken(std::string_view name) noexcept {
        for (const auto ours : {data, created, deadline, max_stale, version, journal, lock, lock_until, moved_to, leads_until,
                                owner, since, device, id_since, not_before})
            if (name == ours) return true;
        return false;
    }

    std::string hash_key = "id";
    std::string expires = "expires";
    std::string key_prefix{};

    dynamodb::item key(const session_id& id) const {
        return key_of_text(key_text(id));
    }

    dynamodb::item key_of_text(std::string text) const {
        return {{hash_key, dynamodb::attribute_value::string(std::move(text))}};
    }

    std::string key_text(const session_id& id) const {
        return key_text(session_handle::of(id));
    }

    std::string key_text(const session_handle& handle) const {
        std::string text = key_prefix;
        return text += handle.str();
    }

    /// The handle of the session whose key this is.
    result<session_handle> handle_of(std::string_view key_text) const {
        if (!key_text.starts_with(key_prefix)) return foreign(hash_key);
        return session_handle::parse(key_text.substr(key_prefix.size()));
    }

    /// The key of a user's mark.
    dynamodb::item mark_key(const std::string& user) const {
        const auto digest = detail::sha256::of("dynasession revocation mark\n" + user);
        std::string text = key_prefix + "mark:";
        detail::append_base64url(text, std::span(digest).first(24));
        return key_of_text(std::move(text));
    }

    bool is_mark_of(const std::string& user, const dynamodb::item& i) const {
        const auto wanted = mark_key(user);
        const auto* key = i.find(hash_key);
        return key && *key == *wanted.find(hash_key);
    }

    /// The time in the item of a mark.
    result<user_time> decode_mark(const dynamodb::item& i) const {
        const auto time = integer_in(i, not_before);
        if (!is_fine_time(time)) return foreign(not_before);
        return user_time(std::chrono::milliseconds(*time));
    }

    dynamodb::item encode(const session_id& id, const record& r) const {
        using value = dynamodb::attribute_value;
        dynamodb::item i;
        i.reserve(8);
        i.append(hash_key, value::string(key_text(id)));
        i.append(std::string(data), entries(r.data));
        i.append(expires, seconds(r.expires));
        i.append(std::string(created), seconds(r.created));
        if (r.deadline != time_point::max()) i.append(std::string(deadline), seconds(r.deadline));
        i.append(std::string(max_stale), value::number(static_cast<std::int64_t>(r.max_stale.count())));
        i.append(std::string(version), value::number(r.version));
        if (!r.journal.empty()) i.append(std::string(journal), value::string(r.journal.text()));
        if (!r.owner.user.empty()) {
            i.append(std::string(owner), value::string(r.owner.user));
            i.append(std::string(since), milliseconds(r.owner.since));
        }
        if (!r.owner.device.empty()) i.append(std::string(device), value::string(r.owner.device));
        if (r.owner.id_since != time_point{}) i.append(std::string(id_since), seconds(r.owner.id_since));
        return i;
    }

    /// *Errors:* `corrupt_session`, with the attribute that is missing or has a foreign shape.
    result<record> decode(const dynamodb::item& i) const {
        auto head = decode_head(i);
        if (!head || head->moved) return head;
        record& r = *head;
        if (const auto* marks = i.find(journal)) {
            if (!marks->as_string()) return foreign(journal);
            r.journal = dynasession::journal(*marks->as_string());
        }
        if (const auto* holder = i.find(lock)) {
            if (const auto* token = holder->as_string()) {
                const auto ends_at = integer_in(i, lock_until);
                if (token->empty() || !is_fine_time(ends_at)) return foreign(lock_until);
                r.lock = {*token, lock_time(std::chrono::milliseconds(*ends_at))};
            } else {
                r.lock.foreign = true;
            }
        }
        const auto* members = i.contains(data) ? i.find(data)->as_map() : nullptr;
        if (!members) return foreign(data);
        std::vector<field> found;
        found.reserve(members->size());
        for (const auto& [name, value] : *members) {
            const auto* text = value.as_string();
            const auto* bytes = value.as_binary();
            if (!text && !bytes) return foreign(data);
            found.push_back({field_key(name), text ? *text : *bytes, text == nullptr});
        }
        r.data = fields(std::move(found));
        return head;
    }

    /// What a list tells of the session in an item, which may lack the data; none of a sign.
    result<std::optional<session_summary>> decode_summary(const dynamodb::item& i) const {
        using found = std::optional<session_summary>;
        const auto* key = i.find(hash_key);
        if (!key || !key->as_string()) return foreign(hash_key);
        const auto handle = handle_of(*key->as_string());
        auto head = decode_head(i);
        if (!handle) return handle.error();
        if (!head) return std::move(head).error();
        return head->moved ? found() : found({*handle, *head, std::move(head->owner)});
    }

    /// The attributes that `decode_summary` looks at.
    std::vector<std::string_view> summary_attributes() const {
        return {hash_key, expires, created, deadline, max_stale, version, owner, since, device, id_since, moved_to};
    }

    /// The key that an item leads to at `now`; empty if it leads nowhere.
    std::string leads_to(const dynamodb::item& i, time_point now) const {
        const auto *to = i.find(moved_to), *until = i.find(leads_until);
        if (!to || !to->as_string() || !until) return {};
        const auto ends_at = until->as_integer();
        if (!is_time(ends_at) || time_point(std::chrono::seconds(*ends_at)) <= now) return {};
        return *to->as_string();
    }

    /// What the item of a session takes at most with entries of this size, also while it is locked: see
    /// `fields::size_in_bytes`.
    std::size_t item_size(std::size_t size_of_fields) const {
        record blank;
        blank.expires = blank.created = blank.deadline = time_point(std::chrono::seconds(9'999'999'999));
        blank.max_stale = std::chrono::hours(24 * 365);
        blank.version = 9'999'999;
        // `w` with all its marks, `lock` with a token, and `lock_until` with 13 digits.
        constexpr std::size_t marks = journal.size() + dynasession::journal::max_marks * dynasession::journal::mark_size,
                              holder = lock.size() + 16, until = lock_until.size() + 8;
        return dynamodb::item_size(encode({}, blank)) + marks + holder + until + size_of_fields;
    }

    static dynamodb::attribute_value entries(const fields& all) {
        dynamodb::item members;
        for (const field f : all) members.append(member_name(f.key), entry(f));
        return dynamodb::attribute_value::map(std::move(members));
    }

    static dynamodb::attribute_value entry(const field& f) {
        std::string text(f.text);
        return f.binary ? dynamodb::attribute_value::binary(std::move(text))
                        : dynamodb::attribute_value::string(std::move(text));
    }

    /// The name of an entry in the item: DynamoDB takes no empty name, so a NUL stands before an empty key, and,
    /// to tell them apart, before one that begins with a NUL.
    static std::string member_name(std::string_view key) {
        std::string name;
        if (key.empty() || key.front() == '\0') name += '\0';
        return name += key;
    }

    static dynamodb::attribute_value milliseconds(lock_time t) {
        return dynamodb::attribute_value::number(static_cast<std::int64_t>(t.time_since_epoch().count()));
    }

    static dynamodb::attribute_value seconds(time_point t) {
        return dynamodb::attribute_value::number(static_cast<std::int64_t>(t.time_since_epoch().count()));
    }

private:
    // Of the year 9999: sums of two such times are far from any limit.
    static constexpr std::int64_t last_second = 253'402'300'799;

    static bool is_time(const std::optional<std::int64_t>& seconds) noexcept {
        return seconds && *seconds >= 0 && *seconds <= last_second;
    }

    // All but data, journal and lock.
    result<record> decode_head(const dynamodb::item& i) const {
        record r;
        const auto whole = [&i](std::string_view name) { return integer_in(i, name); };
        const auto expires_at = whole(expires), created_at = whole(created), idle = whole(max_stale), saves = whole(version);
        if (!is_time(expires_at)) return foreign(expires);
        if (i.contains(moved_to)) {
            if (!saves || *saves < 0) return foreign(version);
            r.expires = time_point(std::chrono::seconds(*expires_at));
            r.version = static_cast<std::uint64_t>(*saves);
            r.moved = true;
            return r;
        }
        if (!is_time(created_at)) return foreign(created);
        if (!is_time(idle) || *idle == 0) return foreign(max_stale);
        if (!saves || *saves < 0) return foreign(version);
        r.expires = time_point(std::chrono::seconds(*expires_at));
        r.created = time_point(std::chrono::seconds(*created_at));
        r.max_stale = std::chrono::seconds(*idle);
        r.version = static_cast<std::uint64_t>(*saves);
        if (i.contains(deadline)) {
            const auto ends_at = whole(deadline);
            if (!is_time(ends_at)) return foreign(deadline);
            r.deadline = time_point(std::chrono::seconds(*ends_at));
        }
        if (i.contains(owner) || i.contains(device) || i.contains(id_since)) {
            auto whose = decode_owner(i);
            if (!whose) return std::move(whose).error();
            r.owner = *std::move(whose);
        }
        return r;
    }

    static bool is_fine_time(const std::optional<std::int64_t>& milliseconds) noexcept {
        return milliseconds && *milliseconds >= 0 && *milliseconds <= last_second * 1000 + 999;
    }

    static std::optional<std::int64_t> integer_in(const dynamodb::item& i, std::string_view name) {
        const auto* value = i.find(name);
        return value ? value->as_integer() : std::nullopt;
    }

    static failure foreign(std::string_view name) {
        return failure(error::corrupt_session,
                       "the attribute '" + std::string(name) + "' is missing or not what this layout stores");
    }

    static result<ownership> decode_owner(const dynamodb::item& i) {
        ownership o;
        if (const auto* user = i.find(owner)) {
            const auto bound = integer_in(i, since);
            if (!user->as_string() || user->as_string()->empty()) return foreign(owner);
            if (!is_fine_time(bound)) return foreign(since);
            o.user = *user->as_string();
            o.since = user_time(std::chrono::milliseconds(*bound));
        }
        if (const auto* text = i.find(device)) {
            if (!text->as_string()) return foreign(device);
            o.device = *text->as_string();
        }
        if (i.contains(id_since)) {
            const auto given = integer_in(i, id_since);
            if (!is_time(given)) return foreign(id_since);
            o.id_since = time_point(std::chrono::seconds(*given));
        }
        return o;
    }

    static std::string_view field_key(std::string_view name) noexcept {
        return name.starts_with('\0') ? name.substr(1) : name;
    }
};

} // namespace dynasession::inline v0

#endif
// #include <dynasession/core/command.hpp>
// #include <dynasession/dynamodb/operations/read_item.hpp>
// #include <dynasession/dynamodb/operations/write_item.hpp>
// #include <dynasession/dynamodb/operations/write_items.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::backend_detail {

/// Renders the commands of a store as requests to one table.
class dynamodb_requests {
    using value = dynamodb::attribute_value;

public:
    /// `user_index` is empty if there is none.
    dynamodb_requests(std::string table_name, native_layout layout, bool consistent_read, std::string user_index = {})
        : table_name_(std::move(table_name)), layout_(std::move(layout)), user_index_(std::move(user_index)),
          consistent_read_(consistent_read) {}

    const std::string& table_name() const noexcept { return table_name_; }
    const native_layout& layout() const noexcept { return layout_; }
    const std::string& user_index() const noexcept { return user_index_; }
    bool consistent_read() const noexcept { return consistent_read_; }

    dynamodb::get_item_request load(const load_record& c) const {
        return read(layout_.key(c.id), consistent_read_ && !c.may_be_stale);
    }

    /// Where an item leads that was left behind by a move.
    dynamodb::get_item_request load_moved(std::string key) const {
        return read(layout_.key_of_text(std::move(key)), consistent_read_);
    }

    /// What decides about the outcome of a write has to see it.
    dynamodb::get_item_request load_after_write(const session_id& id) const { return read(layout_.key(id), true); }

    dynamodb::put_item_request create(const session_id& id, const record& content) const {
        placeholders p;
        const std::string absent = "attribute_not_exists(" + p.name(layout_.hash_key) + ")";
        return {.table_name = table_name_,
                .item = layout_.encode(id, content),
                .condition_expression = absent,
                .expression_attribute_names = std::move(p.names),
                .return_values_on_condition_check_failure = dynamodb::return_value::all_old};
    }

    dynamodb::update_item_request change(const change_record& c) const {
        placeholders p;
        clauses set, remove;
        if (c.changes.size() > max_changes) {
            set.add(p.name(native_layout::data) + "=" + p.value(native_layout::entries(c.after)));
        } else if (!c.changes.empty()) {
            const std::string data = p.name(native_layout::data) + ".";
            for (const field f : c.changes.set)
                set.add(data + p.new_name(native_layout::member_name(f.key)) + "=" + p.value(native_layout::entry(f)));
            for (const auto& key : c.changes.removed)
                remove.add(data + p.new_name(native_layout::member_name(key)));
        }
        if (!c.journal.empty())
            set.add(p.name(native_layout::journal) + "=" + p.value(value::string(c.journal.text())));
        std::string condition = live(p, c.now) + " AND " + has_version(p, c.if_version);
        if (c.terms) set_terms(p, set, remove, *c.terms);
        if (c.expires && c.terms)
            set.add(p.name(layout_.expires) + "=" + p.value(native_layout::seconds(*c.expires)));
        else if (c.expires)
            condition += " AND " + put_off(p, set, *c.expires, "<=");
        condition += is_still(p, c.if_as_read) + lock_permits(p, c.if_locked_by, c.if_unlocked, c.seen);
        if (!c.if_locked_by.empty() || c.if_unlocked) hold(p, set, remove, c.lock);
        raise_version(p, set, c.if_version);
        return update(c.id, std::move(p), set, remove, std::move(condition));
    }

    dynamodb::update_item_request touch(const touch_record& c) const {
        placeholders p;
        clauses set;
        std::string condition = live(p, c.now);
        condition += " AND " + put_off(p, set, c.expires, "<");
        const std::string deadline = p.name(native_layout::deadline);
        condition += " AND (attribute_not_exists(" + deadline + ") OR " + deadline + ">=" + p.value(native_layout::seconds(c.expires)) + ")";
        if (c.if_max_stale)
            condition += " AND " + p.name(native_layout::max_stale) + "=" +
                         p.value(value::number(static_cast<std::int64_t>(c.if_max_stale->count())));
        return update(c.id, std::move(p), set, {}, std::move(condition));
    }

    dynamodb::update_item_request lock(const lock_record& c) const {
        placeholders p;
        clauses set, remove;
        const std::string holder = p.name(native_layout::lock), token = p.value(value::string(c.claim.token)),
                          marks = p.name(native_layout::journal),
                          mark = p.value(value::string(std::string(journal::mark_of(c.claim.token))));
        std::string condition = live(p, c.now) + " AND (" + holder + "=" + token + " OR ";
        if (!c.seen)
            condition += "attribute_not_exists(" + holder + ")";
        else if (!c.seen->foreign)
            condition += "(" + is(p, *c.seen) + ")";
        else
            condition += "(" + is(p, *c.seen) + " AND " + expires_at(p, c.seen_expires) + ")";
        condition += ") AND (attribute_not_exists(" + marks + ") OR NOT contains(" + marks + "," + mark + "))";
        set.add(holder + "=" + token);
        set.add(p.name(native_layout::lock_until) + "=" + p.value(native_layout::milliseconds(c.claim.until)));
        auto request = update(c.id, std::move(p), set, remove, std::move(condition));
        request.return_values = dynamodb::return_value::all_new;
        return request;
    }

    dynamodb::update_item_request renew(const renew_lock& c) const {
        placeholders p;
        clauses set;
        std::string condition = locked_by(p, c.claim.token);
        set.add(p.name(native_layout::lock_until) + "=" + p.value(native_layout::milliseconds(c.claim.until)));
        return update(c.id, std::move(p), set, {}, std::move(condition));
    }

    dynamodb::delete_item_request erase(const session_id& id) const {
        return {.table_name = table_name_, .key = layout_.key(id)};
    }

    dynamodb::transact_write_items_request move(const move_record& c) const {
        auto put = create(c.to, c.content);
        dynamodb::transact_write_items_request both;
        both.transact_items.push_back(dynamodb::transact_put{.table_name = table_name_,
                                                             .item = std::move(put.item),
                                                             .condition_expression = std::move(put.condition_expression),
                                                             .expression_attribute_names = std::move(put.expression_attribute_names)});
        if (c.grace.count() != 0) {
            auto left = leave(c);
            both.transact_items.push_back(
                dynamodb::transact_update{.table_name = table_name_,
                                          .key = std::move(left.key),
                                          .update_expression = std::move(left.update_expression),
                                          .condition_expression = std::move(left.condition_expression),
                                          .expression_attribute_names = std::move(left.expression_attribute_names),
                                          .expression_attribute_values = std::move(left.expression_attribute_values),
                                          .return_values_on_condition_check_failure = dynamodb::return_value::all_old});
        } else {
            placeholders p;
            std::string condition = may_leave(p, c);
            both.transact_items.push_back(
                dynamodb::transact_delete{.table_name = table_name_,
                                          .key = layout_.key(c.from),
                                          .condition_expression = std::move(condition),
                                          .expression_attribute_names = std::move(p.names),
                                          .expression_attribute_values = std::move(p.values),
                                          .return_values_on_condition_check_failure = dynamodb::return_value::all_old});
        }
        return both;
    }

    /// Has the record that is moved away expire at this moment: the version that this leaves tells whose doing it was.
    /// With a grace time it becomes a sign to the new one.
    dynamodb::update_item_request leave(const move_record& c) const {
        placeholders p;
        clauses set, remove;
        std::string condition = may_leave(p, c);
        set.add(p.name(layout_.expires) + "=" + p.value(native_layout::seconds(c.now)));
        raise_version(p, set, c.if_version);
        if (c.grace.count() != 0) {
            set.add(p.name(native_layout::moved_to) + "=" + p.value(value::string(layout_.key_text(c.to))));
            set.add(p.name(native_layout::leads_until) + "=" + p.value(native_layout::seconds(c.now + c.grace)));
            for (const auto gone : {native_layout::data, native_layout::journal, native_layout::lock, native_layout::lock_until,
                                    native_layout::owner, native_layout::since, native_layout::device, native_layout::id_since})
                remove.add(p.name(gone));
        }
        return update(c.from, std::move(p), set, remove, std::move(condition));
    }

private:
    // An update expression takes 300 operators and 4 KB (DynamoDB developer guide, "Quotas"); this is well below. More
    // changes than that are sent as the whole of the data.
    static constexpr std::size_t max_changes = 100, max_compared = 50;

    // The parts of a SET or REMOVE clause.
    class clauses {
    public:
        void add(std::string_view part) {
            if (!text_.empty()) text_ += ',';
            text_ += part;
        }
        bool empty() const noexcept { return text_.empty(); }
        const std::string& text() const noexcept { return text_; }

    private:
        std::string text_;
    };

    dynamodb::get_item_request read(dynamodb::item key, bool consistent) const {
        return {.table_name = table_name_, .key = std::move(key), .consistent_read = consistent};
    }

    // Also true: there is an item. None has no attribute that could be compared.
    std::string live(placeholders& p, time_point now) const {
        return p.name(layout_.expires) + ">" + p.value(native_layout::seconds(now));
    }

    static std::string has_version(placeholders& p, std::uint64_t version) {
        return p.name(native_layout::version) + "=" + p.value(value::number(version));
    }

    static std::string locked_by(placeholders& p, const std::string& token) {
        return p.name(native_layout::lock) + "=" + p.value(value::string(token));
    }

    std::string may_leave(placeholders& p, const move_record& c) const {
        return live(p, c.now) + " AND " + has_version(p, c.if_version) + is_still(p, c.if_as_read) +
               lock_permits(p, c.if_locked_by, c.if_unlocked, c.seen);
    }

    std::string is_still(placeholders& p, const std::optional<as_read>& read) const {
        if (!read) return {};
        return " AND " + expires_at(p, read->expires) + " AND " + holds(p, read->data);
    }

    // Entry by entry, where those are few: dynalite finds no two maps equal.
    static std::string holds(placeholders& p, const fields& entries) {
        const std::string data = p.name(native_layout::data);
        const std::size_t size = entries.size();
        if (size > max_compared) return data + "=" + p.value(native_layout::entries(entries));
        std::string condition = "size(" + data + ")=" + p.value(value::number(size));
        for (const field f : entries)
            condition += " AND " + data + "." + p.new_name(native_layout::member_name(f.key)) + "=" + p.value(native_layout::entry(f));
        return condition;
    }

    std::string expires_at(placeholders& p, time_point t) const {
        return p.name(layout_.expires) + "=" + p.value(native_layout::seconds(t));
    }

    static std::string is(placeholders& p, const lock_claim& holder) {
        if (holder.foreign) return p.name(native_layout::lock) + "=" + p.value(value::number(1));
        return locked_by(p, holder.token) + " AND " + p.name(native_layout::lock_until) + "=" +
               p.value(native_layout::milliseconds(holder.until));
    }

    static std::string lock_permits(placeholders& p, const std::string& if_locked_by, const std::optional<lock_time>& if_unlocked,
                                    const std::optional<lock_claim>& seen) {
        if (!if_locked_by.empty()) return " AND " + locked_by(p, if_locked_by);
        if (!if_unlocked) return {};
        // A foreign lock, which is no string, has no end: what stands in its item is that of an earlier one.
        const std::string holder = p.name(native_layout::lock);
        return " AND (attribute_not_exists(" + holder + ") OR (attribute_type(" + holder + "," + p.value(value::string("S")) +
               ") AND " + p.name(native_layout::lock_until) + "<" + p.value(native_layout::milliseconds(*if_unlocked)) + ")" +
               (seen ? " OR (" + is(p, *seen) + ")" : "") + ")";
    }

    static void hold(placeholders& p, clauses& set, clauses& remove, const lock_claim& claim) {
        const std::string holder = p.name(native_layout::lock), until = p.name(native_layout::lock_until);
        if (claim.held()) {
            set.add(holder + "=" + p.value(value::string(claim.token)));
            set.add(until + "=" + p.value(native_layout::milliseconds(claim.until)));
        } else {
            remove.add(holder);
            remove.add(until);
        }
    }

    static void set_terms(placeholders& p, clauses& set, clauses& remove, const terms& t) {
        const auto put = [&](bool is_there, std::string_view name, auto make) {
            if (is_there)
                set.add(p.name(name) + "=" + p.value(make()));
            else
                remove.add(p.name(name));
        };
        const ownership& o = t.owner;
        put(!o.user.empty(), native_layout::owner, [&] { return value::string(o.user); });
        put(!o.user.empty(), native_layout::since, [&] { return native_layout::milliseconds(o.since); });
        put(!o.device.empty(), native_layout::device, [&] { return value::string(o.device); });
        put(t.deadline != time_point::max(), native_layout::deadline, [&] { return native_layout::seconds(t.deadline); });
        put(true, native_layout::max_stale, [&] { return value::number(static_cast<std::int64_t>(t.max_stale.count())); });
    }

    // Not by one: a late copy of the request must not raise it again.
    static void raise_version(placeholders& p, clauses& set, std::uint64_t from) {
        set.add(p.name(native_layout::version) + "=" + p.value(value::number(from + 1)));
    }

    std::string put_off(placeholders& p, clauses& set, time_point expires, const char* order) const {
        const std::string name = p.name(layout_.expires), when = p.value(native_layout::seconds(expires));
        set.add(name + "=" + when);
        return name + order + when;
    }

    dynamodb::update_item_request update(const session_id& id, placeholders p, const clauses& set, const clauses& remove,
                                         std::string condition) const {
        std::string expression = "SET " + set.text();
        if (!remove.empty()) expression += " REMOVE " + remove.text();
        return {.table_name = table_name_,
                .key = layout_.key(id),
                .update_expression = std::move(expression),
                .condition_expression = std::move(condition),
                .expression_attribute_names = std::move(p.names),
                .expression_attribute_values = std::move(p.values),
                .return_values_on_condition_check_failure = dynamodb::return_value::all_old};
    }

    std::string table_name_;
    native_layout layout_;
    std::string user_index_;
    bool consistent_read_;
};

} // namespace dynasession::inline v0::backend_detail

#endif
// #include <dynasession/core/command.hpp>
// #include <dynasession/dynamodb/call.hpp>
// #include <dynasession/dynamodb/operations/read_item.hpp>
// #include <dynasession/op/action.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

// The commands of a store as operations whose effects are HTTP exchanges.
namespace dynasession::inline v0::backend_detail {

/// Where commands are carried out. Outlives the operations.
struct dynamodb_table {
    const dynamodb::service& service;
    dynamodb_requests requests;
};

using reply_action = op::action<http::exchange, reply>;

/// Reads a record, live or expired.
class read_record {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = std::optional<record>;

    read_record(const dynamodb_table& t, const dynamodb::get_item_request& r,
                std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max())
        : table_(&t), call_(t.service, r, deadline) {}

    op::action<http::exchange, value_type> resume(http::reply in, op::instant now) {
        using outer = op::action<http::exchange, value_type>;
        return op::carry_on<outer>(call_.resume(std::move(in), now), [&](auto answered) -> outer {
            const auto& answer = answered->response;
            if (!answer) return result<value_type>(answer.error());
            if (!answer->item) return result<value_type>(value_type{});
            auto found = table_->requests.layout().decode(*answer->item);
            if (found && found->moved) sign_ = *answer->item;
            return found ? result<value_type>(*std::move(found)) : result<value_type>(std::move(found).error());
        });
    }

    /// The key that a record leads to which was left behind by a move; empty: nowhere.
    std::string leads_to(time_point now) const { return table_->requests.layout().leads_to(sign_, now); }

private:
    const dynamodb_table* table_;
    dynamodb::call<dynamodb::get_item_request> call_;
    dynamodb::item sign_{};
};

/// Reads a record, or the one that it leads to, if need be over several signs.
class load {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    load(const dynamodb_table& t, const load_record& c)
        : table_(&t), now_(c.now), read_(std::in_place, t, t.requests.load(c)) {}

    /// What the sign that was found leads to.
    load(const dynamodb_table& t, std::string moved_key, time_point now)
        : table_(&t), now_(now), read_(std::in_place, t, t.requests.load_moved(std::move(moved_key))), followed_(1) {}

    reply_action resume(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(read_->resume(std::move(in), now), [&](auto found) -> reply_action {
            if (!found) return result<reply>(std::move(found).error());
            const auto leads_to = followed_ == max_signs ? std::string() : read_->leads_to(now_);
            if (leads_to.empty()) return result<reply>(reply{.item = *std::move(found), .forwarded = followed_ != 0});
            ++followed_;
            read_.emplace(*table_, table_->requests.load_moved(leads_to));
            return resume({}, now);
        });
    }

private:
    static constexpr int max_signs = 8; // nobody regenerates that often within a grace time

    const dynamodb_table* table_;
    time_point now_;
    std::optional<read_record> read_;
    int followed_ = 0;
};

} // namespace dynasession::inline v0::backend_detail

#endif
// #include <dynasession/core/command.hpp>
// #include <dynasession/core/journal.hpp>
// #include <dynasession/dynamodb/call.hpp>
// #include <dynasession/dynamodb/operations/write_item.hpp>
// #include <dynasession/op/action.hpp>

#include <boost/asio/error.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace dynasession::inline v0::backend_detail {

inline result<reply> refused(std::optional<record> as_it_is) {
    return reply{.applied = false, .item = std::move(as_it_is)};
}

/// What became of a write whose answer was lost.
enum class lost_write { carried_out, not_carried_out, unknown };

/// Repeating this write does no harm: nothing has to be told apart.
struct repeatable {
    static constexpr bool tells = false;
    lost_write operator()(const record&) const noexcept { return lost_write::not_carried_out; }
};

/// Nobody else makes the very same record under a random id.
struct by_content {
    static constexpr bool tells = true;
    record content{};
    lost_write operator()(const record& found) const {
        record as_written = found;
        as_written.journal = content.journal;
        as_written.lock = content.lock;
        return as_written == content ? lost_write::carried_out : lost_write::not_carried_out;
    }
};

/// A save leaves its mark in the journal, which tells of so many versions as it has marks.
struct by_mark {
    static constexpr bool tells = true;
    std::uint64_t version = 0; ///< that the save was bound to
    std::string mark{};
    std::optional<as_read> read{}; ///< and to this, if it was
    lost_write operator()(const record& found) const noexcept {
        if (found.journal.contains(mark)) return lost_write::carried_out;
        // Somebody came between who raises no version. A copy that is on its way yet will find that, too.
        if (read && found.version == version && found.data != read->data) return lost_write::not_carried_out;
        // It may be carried out yet, or has left nothing to know it by.
        if (found.version <= version || mark.empty()) return lost_write::unknown;
        return found.version - version <= found.journal.size() ? lost_write::not_carried_out : lost_write::unknown;
    }
};

/// Expired at this moment, by the move that followed this version.
struct by_expiry {
    static constexpr bool tells = true;
    std::uint64_t version = 0;
    time_point expires{};
    lost_write operator()(const record& found) const {
        if (found.version <= version) return lost_write::unknown; // it may be carried out yet
        const bool ours = found.version == version + 1 && found.expires == expires;
        return ours ? lost_write::carried_out : lost_write::not_carried_out;
    }
};

/// A write under a condition. When the condition fails, the record as it is is part of the reply: the service
/// sends it along, or, where it does not know how to, it is read.
///
/// After a lost answer `Judge(record)`, a lost_write, tells by what is stored now whether the write was carried out; for
/// that it is read too, within the time of the call.
template <class Request, class Judge>
class conditional_write {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    conditional_write(const dynamodb_table& t, const session_id& id, const Request& r, Judge judge = {})
        : table_(&t), id_(id), judge_(std::move(judge)), write_(t.service, r) {}

    reply_action resume(http::reply in, op::instant now) {
        if (read_) return look(std::move(in), now);
        if (deadline_ == steady_time{}) deadline_ = now.steady + table_->service.options.timeout;
        return op::carry_on<reply_action>(write_.resume(std::move(in), now), [&](auto answered) -> reply_action {
            auto& answer = answered->response;
            if (answer) return applied(std::move(answer->attributes));
            ambiguous_ = answered->ambiguous;
            const bool condition_failed = answer.error() == error::condition_failed;
            if (!condition_failed) {
                if (!Judge::tells || !ambiguous_ || answer.error() == boost::asio::error::operation_aborted)
                    return result<reply>(std::move(answer).error());
                lost_ = std::move(answer).error();
            }
            if (answered->item) {
                auto as_it_is = table_->requests.layout().decode(*answered->item);
                if (!as_it_is) return ambiguous_ && Judge::tells ? unknown() : result<reply>(std::move(as_it_is).error());
                return verdict(*std::move(as_it_is));
            }
            read_.emplace(*table_, table_->requests.load_after_write(id_), deadline_);
            return look({}, now);
        });
    }

private:
    using steady_time = std::chrono::steady_clock::time_point;

    reply_action applied(std::optional<dynamodb::item> attributes) const {
        if (!attributes) return result<reply>(reply{});
        auto now_stored = table_->requests.layout().decode(*attributes);
        if (now_stored && now_stored->moved) return refused(*std::move(now_stored)); // our clock is behind
        return now_stored ? result<reply>(reply{.item = *std::move(now_stored)}) : result<reply>(std::move(now_stored).error());
    }

    reply_action look(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(read_->resume(std::move(in), now), [&](auto found) -> reply_action {
            if (found) return verdict(*std::move(found));
            if (Judge::tells && ambiguous_ && !lost_) lost_ = found.error();
            return lost_ ? unknown() : result<reply>(std::move(found).error());
        });
    }

    result<reply> verdict(std::optional<record> as_it_is) const {
        if (!as_it_is) return lost_ && std::same_as<Judge, by_content> ? result<reply>(*lost_) : refused(std::nullopt);
        if (!ambiguous_) return refused(std::move(as_it_is));
        switch (judge_(*as_it_is)) {
        case lost_write::carried_out: return reply{};
        case lost_write::unknown: return unknown();
        case lost_write::not_carried_out: break;
        }
        return refused(std::move(as_it_is));
    }

    // A record that is made under a random id is recognised when it is made once more.
    result<reply> unknown() const {
        if (lost_ && std::same_as<Judge, by_content>) return *lost_;
        return lost_ ? failure(error::outcome_unknown, lost_->code.message()) : failure(error::outcome_unknown);
    }

    const dynamodb_table* table_;
    session_id id_;
    Judge judge_;
    dynamodb::call<Request> write_;
    std::optional<read_record> read_{};
    std::optional<failure> lost_{}; ///< why there was no answer
    steady_time deadline_{};
    bool ambiguous_ = false;
};

using create = conditional_write<dynamodb::put_item_request, by_content>;
using change = conditional_write<dynamodb::update_item_request, by_mark>;
using update = conditional_write<dynamodb::update_item_request, repeatable>;
using leave = conditional_write<dynamodb::update_item_request, by_expiry>;

inline create make_create(const dynamodb_table& t, const session_id& id, const record& content) {
    return {t, id, t.requests.create(id, content), by_content{content}};
}

} // namespace dynasession::inline v0::backend_detail

#endif
// #include <dynasession/backend/dynamodb_moves.hpp>
#ifndef DYNASESSION_BACKEND_DYNAMODB_MOVES_HPP
#define DYNASESSION_BACKEND_DYNAMODB_MOVES_HPP

// #include <dynasession/backend/conditional_write.hpp>
// #include <dynasession/backend/read_record.hpp>
// #include <dynasession/core/command.hpp>
// #include <dynasession/dynamodb/call.hpp>
// #include <dynasession/dynamodb/operations/write_items.hpp>
// #include <dynasession/op/action.hpp>

#include <chrono>
#include <boost/asio/error.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

namespace dynasession::inline v0::backend_detail {

/// Removes a record, whatever its state.
class erase {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    erase(const dynamodb_table& t, const session_id& id) : call_(t.service, t.requests.erase(id)) {}

    reply_action resume(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(call_.resume(std::move(in), now), [](auto answered) -> reply_action {
            const auto& answer = answered->response;
            return answer ? result<reply>(reply{}) : result<reply>(answer.error());
        });
    }

private:
    dynamodb::call<dynamodb::delete_item_request> call_;
};

/// Moves a record without a transaction, where the service has none: the new one is written before the old one
/// expires, so that no moment is without a record, and taken back when the old one has gone or changed meanwhile.
class move_in_steps {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    move_in_steps(const dynamodb_table& t, move_record c)
        : table_(&t), command_(std::move(c)), step_(make_create(t, command_.to, command_.content)) {}

    reply_action resume(http::reply in, op::instant now) {
        auto act = std::visit([&](auto& step) { return step.resume(std::move(in), now); }, step_);
        return op::carry_on<reply_action>(std::move(act), [&](result<reply> r) -> reply_action {
            if (std::holds_alternative<create>(step_)) {
                if (!r) return r;
                if (!r->applied) return result<reply>(error::session_exists);
                const by_expiry judge{command_.if_version, command_.now};
                step_.emplace<leave>(*table_, command_.from, table_->requests.leave(command_), judge);
            } else if (std::holds_alternative<leave>(step_)) {
                if (!r) return r;
                outcome_ = *std::move(r);
                if (outcome_.applied && command_.grace.count() != 0) return result<reply>(std::move(outcome_));
                step_.emplace<erase>(*table_, outcome_.applied ? command_.from : command_.to);
            } else {
                // What could not be erased has expired already, or nobody knows its id.
                return result<reply>(std::move(outcome_));
            }
            return resume({}, now);
        });
    }

private:
    const dynamodb_table* table_;
    move_record command_;
    std::variant<create, leave, erase> step_;
    reply outcome_{};
};

class move {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    move(const dynamodb_table& t, move_record c)
        : table_(&t), command_(std::move(c)), transaction_(t.service, t.requests.move(command_)) {}

    reply_action resume(http::reply in, op::instant now) {
        if (steps_) return steps_->resume(std::move(in), now);
        if (read_) return look(std::move(in), now);
        if (deadline_ == steady_time{}) deadline_ = now.steady + table_->service.options.timeout;
        return op::carry_on<reply_action>(transaction_.resume(std::move(in), now), [&](auto answered) -> reply_action {
            auto& answer = answered->response;
            if (answer) return result<reply>(reply{});
            if (answer.error() == error::unknown_operation) {
                steps_ = std::make_unique<move_in_steps>(*table_, std::move(command_));
                return steps_->resume({}, now);
            }
            const auto& reasons = answered->reasons;
            const auto failed = [&](std::size_t i) { return reasons.size() > i && reasons[i].code == "ConditionalCheckFailed"; };
            // After a lost answer only the new record tells whether the old one was moved.
            if (failed(0))
                lost_ = std::make_unique<failure>(error::session_exists);
            else if (!failed(1))
                lost_ = std::make_unique<failure>(std::move(answer).error());
            const bool cancelled = lost_ && lost_->code == boost::asio::error::operation_aborted;
            if (lost_ && (cancelled || !answered->ambiguous)) return result<reply>(std::move(*lost_));
            read_.emplace(*table_, table_->requests.load_after_write(lost_ ? command_.to : command_.from), deadline_);
            return look({}, now);
        });
    }

private:
    using steady_time = std::chrono::steady_clock::time_point;

    reply_action look(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(read_->resume(std::move(in), now), [&](auto found) -> reply_action {
            if (lost_) {
                const bool moved = found && *found && by_content{command_.content}(**found) == lost_write::carried_out;
                if (moved) return result<reply>(reply{});
                const bool taken = found && *found && *lost_ == error::session_exists;
                return result<reply>(taken ? *lost_ : failure(error::outcome_unknown, lost_->code.message()));
            }
            return found ? refused(*std::move(found)) : result<reply>(std::move(found).error());
        });
    }

    const dynamodb_table* table_;
    move_record command_;
    std::unique_ptr<failure> lost_;
    dynamodb::call<dynamodb::transact_write_items_request> transaction_;
    std::optional<read_record> read_;
    std::unique_ptr<move_in_steps> steps_;
    steady_time deadline_{};
};

} // namespace dynasession::inline v0::backend_detail

#endif
// #include <dynasession/backend/dynamodb_users.hpp>
#ifndef DYNASESSION_BACKEND_DYNAMODB_USERS_HPP
#define DYNASESSION_BACKEND_DYNAMODB_USERS_HPP

// #include <dynasession/backend/read_record.hpp>
// #include <dynasession/backend/user_requests.hpp>
#ifndef DYNASESSION_BACKEND_USER_REQUESTS_HPP
#define DYNASESSION_BACKEND_USER_REQUESTS_HPP

// #include <dynasession/backend/dynamodb_requests.hpp>
// #include <dynasession/backend/expression.hpp>
// #include <dynasession/core/command.hpp>
// #include <dynasession/dynamodb/operations/read_item.hpp>
// #include <dynasession/dynamodb/operations/read_items.hpp>
// #include <dynasession/dynamodb/operations/write_item.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

// The commands that ask for users, as requests to one table.
namespace dynasession::inline v0::backend_detail {

/// So many keys a batch takes (DynamoDB API reference, BatchGetItem).
inline constexpr std::int64_t keys_in_a_batch = 100;

/// A page of the keys of a user's sessions, the last bound first.
inline dynamodb::query_request query_sessions(const dynamodb_requests& to, const std::string& user, dynamodb::item start = {}) {
    placeholders p;
    std::string of_user = p.name(native_layout::owner) + "=" + p.value(dynamodb::attribute_value::string(user));
    return {.table_name = to.table_name(),
            .index_name = to.user_index(),
            .key_condition_expression = std::move(of_user),
            .expression_attribute_names = std::move(p.names),
            .expression_attribute_values = std::move(p.values),
            .exclusive_start_key = std::move(start),
            .limit = keys_in_a_batch,
            .scan_index_forward = false};
}

/// What lists tell of the sessions with these keys, as it is now.
inline dynamodb::batch_get_item_request read_summaries(const dynamodb_requests& to, std::vector<dynamodb::item> keys) {
    placeholders p;
    std::string wanted;
    for (const auto name : to.layout().summary_attributes()) wanted += (wanted.empty() ? "" : ",") + p.name(name);
    return {.request_items = {{.table_name = to.table_name(),
                               .keys = std::move(keys),
                               .consistent_read = true,
                               .projection_expression = std::move(wanted),
                               .expression_attribute_names = std::move(p.names)}}};
}

/// A session and the mark of a user.
inline dynamodb::batch_get_item_request read_with_mark(const dynamodb_requests& to, const load_record& c) {
    return {.request_items = {{.table_name = to.table_name(),
                               .keys = {to.layout().key(c.id), to.layout().mark_key(c.mark_of)},
                               .consistent_read = to.consistent_read()}}};
}

inline dynamodb::delete_item_request erase_owned_item(const dynamodb_requests& to, const erase_owned& c) {
    placeholders p;
    std::string condition = p.name(native_layout::owner) + "=" + p.value(dynamodb::attribute_value::string(c.user));
    if (c.bound_until != user_time::max())
        condition += " AND " + p.name(native_layout::since) + "<=" + p.value(native_layout::milliseconds(c.bound_until));
    return {.table_name = to.table_name(),
            .key = to.layout().key_of_text(to.layout().key_text(c.handle)),
            .condition_expression = std::move(condition),
            .expression_attribute_names = std::move(p.names),
            .expression_attribute_values = std::move(p.values)};
}

inline dynamodb::get_item_request read_mark(const dynamodb_requests& to, const load_mark& c) {
    return {.table_name = to.table_name(), .key = to.layout().mark_key(c.user), .consistent_read = true};
}

inline dynamodb::update_item_request raise_mark_item(const dynamodb_requests& to, const raise_mark& c) {
    placeholders p;
    const std::string mark = p.name(native_layout::not_before), time = p.value(native_layout::milliseconds(c.not_before));
    std::string changes = "SET " + mark + "=" + time + "," + p.name(to.layout().expires) + "=" +
                         p.value(native_layout::seconds(c.expires));
    return {.table_name = to.table_name(),
            .key = to.layout().mark_key(c.user),
            .update_expression = std::move(changes),
            .condition_expression = "attribute_not_exists(" + mark + ") OR " + mark + "<" + time,
            .expression_attribute_names = std::move(p.names),
            .expression_attribute_values = std::move(p.values)};
}

} // namespace dynasession::inline v0::backend_detail

#endif
// #include <dynasession/core/command.hpp>
// #include <dynasession/dynamodb/call.hpp>
// #include <dynasession/dynamodb/complete_batch.hpp>
// #include <dynasession/op/action.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dynasession::inline v0::backend_detail {

using batch_read = dynamodb::complete_batch<dynamodb::batch_get_item_request>;

/// The items that a batch has read, or why it has not read all of them.
inline result<std::vector<dynamodb::item>> items_of(dynamodb::batch_outcome<dynamodb::batch_get_item_request> answered) {
    if (answered.why.code) return std::move(answered.why);
    auto& tables = answered.response.tables;
    return tables.empty() ? std::vector<dynamodb::item>{} : std::move(tables.front().items);
}

/// Lists the sessions of a user: a page of the index, then the items themselves, for the index is a little behind.
class list_of_user {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    list_of_user(const dynamodb_table& t, list_sessions c)
        : table_(&t), command_(std::move(c)),
          step_(std::in_place_type<query>, t.service, query_sessions(t.requests, command_.user)) {}

    reply_action resume(http::reply in, op::instant now) {
        if (auto* page = std::get_if<query>(&step_))
            return op::carry_on<reply_action>(page->resume(std::move(in), now), [&](auto answered) -> reply_action {
                auto& answer = answered->response;
                return answer ? read_items(*std::move(answer), now) : reply_action(result<reply>(explained(std::move(answer).error())));
            });
        return op::carry_on<reply_action>(std::get<batch_read>(step_).resume(std::move(in), now), [&](auto answered) -> reply_action {
            auto items = items_of(*std::move(answered));
            if (!items) return result<reply>(std::move(items).error());
            for (const auto& i : *items) {
                auto found = table_->requests.layout().decode_summary(i);
                if (!found) return result<reply>(std::move(found).error());
                if (*found) keep(**std::move(found));
            }
            return next_page(now);
        });
    }

private:
    using query = dynamodb::call<dynamodb::query_request>;

    reply_action read_items(dynamodb::page_response page, op::instant now) {
        next_ = std::move(page.last_evaluated_key);
        if (page.items.empty()) return next_page(now);
        const std::string& hash_key = table_->requests.layout().hash_key;
        std::vector<dynamodb::item> keys;
        for (const auto& i : page.items)
            if (const auto* key = i.find(hash_key)) keys.push_back({{hash_key, *key}});
        step_.emplace<batch_read>(table_->service, read_summaries(table_->requests, std::move(keys)));
        return resume({}, now);
    }

    void keep(session_summary found) {
        const bool counts = found.owner.user == command_.user && found.times.live(command_.now);
        if (counts && found_.sessions.size() < command_.limit) found_.sessions.push_back(std::move(found));
    }

    reply_action next_page(op::instant now) {
        if (next_.begin() == next_.end() || found_.sessions.size() >= command_.limit) {
            std::ranges::sort(found_.sessions, session_summary::newer);
            return result<reply>(std::move(found_));
        }
        step_.emplace<query>(table_->service, query_sessions(table_->requests, command_.user, std::move(next_)));
        return resume({}, now);
    }

    failure explained(failure why) const {
        if (why != error::invalid_request) return why;
        return {error::invalid_option,
                "dynamodb_options::user_index: a new table gets the index '" + table_->requests.user_index() +
                    "' from create_table(), and one that is there by UpdateTable: hash key o (S), sort key s (N), KEYS_ONLY; the "
                    "service says: " + why.detail};
    }

    const dynamodb_table* table_;
    list_sessions command_;
    std::variant<query, batch_read> step_;
    dynamodb::item next_{};
    reply found_{};
};

/// Reads a session together with the mark of the user who had it last.
class load_with_mark {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    load_with_mark(const dynamodb_table& t, load_record c)
        : table_(&t), command_(std::move(c)), both_(t.service, read_with_mark(t.requests, command_)) {}

    reply_action resume(http::reply in, op::instant now) {
        if (moved_) return follow(std::move(in), now);
        return op::carry_on<reply_action>(both_.resume(std::move(in), now), [&](auto answered) -> reply_action {
            auto items = items_of(*std::move(answered));
            if (!items) return result<reply>(std::move(items).error());
            const auto& layout = table_->requests.layout();
            const dynamodb::item *session = nullptr, *mark = nullptr;
            for (const auto& i : *items) (layout.is_mark_of(command_.mark_of, i) ? mark : session) = &i;
            if (mark) {
                const auto time = layout.decode_mark(*mark);
                if (!time) return result<reply>(time.error());
                not_before_ = *time;
            }
            if (!session) return result<reply>(reply{.not_before = not_before_});
            auto found = layout.decode(*session);
            if (!found) return result<reply>(std::move(found).error());
            auto leads_to = found->moved ? layout.leads_to(*session, command_.now) : std::string();
            if (leads_to.empty()) return result<reply>(reply{.item = *std::move(found), .not_before = not_before_});
            moved_ = std::make_unique<load>(*table_, std::move(leads_to), command_.now);
            return follow({}, now);
        });
    }

private:
    reply_action follow(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(moved_->resume(std::move(in), now), [&](result<reply> r) -> reply_action {
            if (r) r->not_before = not_before_;
            return r;
        });
    }

    const dynamodb_table* table_;
    load_record command_;
    batch_read both_;
    user_time not_before_ = no_mark;
    std::unique_ptr<load> moved_{};
};

/// A write that does no harm once more, and of which nobody needs to see what stood in its way.
template <class Request>
class repeatable_write {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    repeatable_write(const dynamodb_table& t, const Request& r) : call_(t.service, r) {}

    reply_action resume(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(call_.resume(std::move(in), now), [](auto answered) -> reply_action {
            const auto& answer = answered->response;
            if (answer) return result<reply>(reply{});
            if (answer.error() != error::condition_failed) return result<reply>(answer.error());
            // After a lost answer it may fail because of this very call: then it is done.
            return result<reply>(reply{.applied = answered->ambiguous});
        });
    }

private:
    dynamodb::call<Request> call_;
};

using erase_of_user = repeatable_write<dynamodb::delete_item_request>;
using mark_write = repeatable_write<dynamodb::update_item_request>;

/// Reads the mark of a user.
class mark_read {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    mark_read(const dynamodb_table& t, const load_mark& c) : table_(&t), call_(t.service, read_mark(t.requests, c)) {}

    reply_action resume(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(call_.resume(std::move(in), now), [&](auto answered) -> reply_action {
            const auto& answer = answered->response;
            if (!answer) return result<reply>(answer.error());
            if (!answer->item) return result<reply>(reply{.not_before = no_mark});
            const auto time = table_->requests.layout().decode_mark(*answer->item);
            return time ? result<reply>(reply{.not_before = *time}) : result<reply>(time.error());
        });
    }

private:
    const dynamodb_table* table_;
    dynamodb::call<dynamodb::get_item_request> call_;
};

} // namespace dynasession::inline v0::backend_detail

#endif
// #include <dynasession/backend/native_layout.hpp>
// #include <dynasession/backend/read_record.hpp>
// #include <dynasession/backend/session_table.hpp>
#ifndef DYNASESSION_BACKEND_SESSION_TABLE_HPP
#define DYNASESSION_BACKEND_SESSION_TABLE_HPP

// #include <dynasession/backend/read_record.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/dynamodb/call.hpp>
// #include <dynasession/dynamodb/operations/table.hpp>
// #include <dynasession/dynamodb/wait_for_table.hpp>
// #include <dynasession/op/action.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dynasession::inline v0 {

/// What create_table found or made.
struct table_report {
    bool created = false;      ///< false: the table was there
    bool time_to_live = false; ///< false: the service, an emulator, does not know TTL
    bool user_index = false;   ///< false: none is wanted, or the table was there without it
};

namespace backend_detail {

/// Sees to it that there is a table with the right key, in use, from which expired sessions are deleted.
class prepare_table {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = table_report;
    using action_type = op::action<effect_type, value_type>;

    explicit prepare_table(const dynamodb_table& t)
        : table_(&t), step_(create_call(t.service, dynamodb::create_table_request{.table_name = t.requests.table_name(),
                                                                                 .partition_key = key(t),
                                                                                 .global_secondary_indexes = indexes(t)})) {}

    action_type resume(http::reply in, op::instant now) {
        return std::visit([&](auto& step) { return after(step, step.resume(std::move(in), now), now); }, step_);
    }

private:
    using create_call = dynamodb::call<dynamodb::create_table_request>;
    using describe_ttl_call = dynamodb::call<dynamodb::describe_time_to_live_request>;
    using update_ttl_call = dynamodb::call<dynamodb::update_time_to_live_request>;

    static dynamodb::key_attribute key(const dynamodb_table& t) { return {.name = t.requests.layout().hash_key}; }

    // Keys alone, so that saves and touches do not write it; a session that is nobody's is not in it.
    static std::vector<dynamodb::secondary_index> indexes(const dynamodb_table& t) {
        const auto& name = t.requests.user_index();
        if (name.empty()) return {};
        return {{.name = name,
                 .partition_key = {std::string(native_layout::owner)},
                 .sort_key = dynamodb::key_attribute{std::string(native_layout::since), dynamodb::attribute_value::type::number},
                 .projected = dynamodb::projection::keys_only}};
    }

    template <class Step, class... Args>
    action_type go_on(op::instant now, Args&&... args) {
        auto& next = step_.template emplace<Step>(table_->service, std::forward<Args>(args)...);
        return after(next, next.resume({}, now), now);
    }

    action_type finish(bool time_to_live) {
        report_.time_to_live = time_to_live;
        return result<table_report>(report_);
    }

    template <class Action>
    action_type after(const create_call&, Action act, op::instant now) {
        return op::carry_on<action_type>(std::move(act), [&](auto answered) -> action_type {
            const auto& answer = answered->response;
            if (!answer && answer.error() != error::table_exists) return result<table_report>(answer.error());
            report_.created = answer.has_value();
            return go_on<dynamodb::wait_for_table>(now, table_->requests.table_name(), dynamodb::wait_for_table::goal::active);
        });
    }

    template <class Action>
    action_type after(const dynamodb::wait_for_table&, Action act, op::instant now) {
        return op::carry_on<action_type>(std::move(act), [&](auto described) -> action_type {
            if (!described) return result<table_report>(std::move(described).error());
            const auto& table = **described;
            if (table.partition_key != key(*table_) || table.sort_key)
                return result<table_report>(failure(error::invalid_option,
                                                    "the table exists, but its key is not the string attribute '" +
                                                        key(*table_).name + "' alone"));
            report_.user_index = std::ranges::count(table.index_names, table_->requests.user_index()) != 0;
            return go_on<describe_ttl_call>(now, dynamodb::describe_time_to_live_request{table_->requests.table_name()});
        });
    }

    template <class Action>
    action_type after(const describe_ttl_call&, Action act, op::instant now) {
        return op::carry_on<action_type>(std::move(act), [&](auto answered) -> action_type {
            using status = dynamodb::time_to_live_status;
            const auto& answer = answered->response;
            if (!answer && answer.error() == error::unknown_operation) return finish(false);
            if (!answer) return result<table_report>(answer.error());
            const std::string& expires = table_->requests.layout().expires;
            const bool on = answer->status == status::enabled || answer->status == status::enabling;
            if (on && answer->attribute_name != expires)
                return result<table_report>(failure(error::invalid_option, "the table's TTL attribute is '" +
                                                                               answer->attribute_name + "', not '" + expires + "'"));
            if (on) return finish(true);
            return go_on<update_ttl_call>(now, dynamodb::update_time_to_live_request{.table_name = table_->requests.table_name(),
                                                                                     .attribute_name = expires});
        });
    }

    template <class Action>
    action_type after(const update_ttl_call&, Action act, op::instant) {
        return op::carry_on<action_type>(std::move(act), [&](auto answered) -> action_type {
            const auto& answer = answered->response;
            if (answer) return finish(true);
            return answer.error() == error::unknown_operation ? finish(false) : action_type(result<table_report>(answer.error()));
        });
    }

    const dynamodb_table* table_;
    std::variant<create_call, dynamodb::wait_for_table, describe_ttl_call, update_ttl_call> step_;
    table_report report_{};
};

} // namespace backend_detail

} // namespace dynasession::inline v0

#endif
// #include <dynasession/core/command.hpp>
// #include <dynasession/core/concepts.hpp>
// #include <dynasession/dynamodb/client.hpp>
// #include <dynasession/dynamodb/item_size.hpp>
// #include <dynasession/dynamodb/observer.hpp>
// #include <dynasession/op/async_run.hpp>
// #include <dynasession/op/default_executor.hpp>
// #include <dynasession/op/one_of.hpp>
// #include <dynasession/op/run.hpp>

#include <boost/asio/deferred.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace dynasession::inline v0 {

/// Where the sessions are, and how to get there. What is left empty is found as the AWS SDKs find it.
struct dynamodb_options {
    std::string table_name = "sessions";
    std::string hash_key = "id";                           ///< the table's key, of type S
    std::string session_lifetime_attribute = "expires";    ///< the table's TTL attribute
    std::string key_prefix{};                              ///< stands before every key: tables can be shared
    std::string user_index = "users";                      ///< finds sessions by user, costs nothing for those that are nobody's; empty: none
    bool consistent_read = true;                           ///< false: half the price, but a load may miss the last save or log-out

    std::string profile{};                                 ///< of ~/.aws/config and ~/.aws/credentials; else AWS_PROFILE, `default`
    std::string region{};                                  ///< else AWS_REGION, AWS_DEFAULT_REGION, the profile's
    bool region_from_instance = false;                     ///< see `dynamodb::client_options`: the constructor then waits, at most 14 s
    std::string endpoint_url{};                            ///< else AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL, the profile's, AWS itself
    std::optional<bool> use_fips{};                        ///< else AWS_USE_FIPS_ENDPOINT, the profile's, false
    std::optional<bool> use_dual_stack{};                  ///< else AWS_USE_DUALSTACK_ENDPOINT, the profile's, false
    bool allow_plain_http = false;                         ///< http:// to other machines than this one, or through a proxy
    aws::credentials_provider credentials{};               ///< keys, or a function that gives some; else as `aws::resolve_credentials` says
    dynamodb::call_options call{};                         ///< time and attempts of a call
    http::client_options connection{};                     ///< connections, TLS, proxy: see `aws::resolve_connection`
    dynamodb::any_observer observer{};                     ///< is told of each request: `dynamodb::metrics`, or a function

    std::function<op::instant()> clock{};                  ///< by what sessions expire; empty: DynamoDB's own, as far as its answers tell it
};

/// Keeps sessions in a DynamoDB table, one item a session (see native_layout).
///
/// Needs the permissions dynamodb:GetItem, PutItem, UpdateItem, DeleteItem on the table, for lists BatchGetItem and Query on its
/// indexes, for marks BatchGetItem, and what create_table says if it is to create it.
class dynamodb_backend {
public:
    using options_type = dynamodb_options;
    using executor_type = http::client::executor_type;

    /// *Errors:* throws `session_error`: region, credentials or endpoint are missing or wrong. Connects to nothing yet,
    /// except for `dynamodb_options::region_from_instance`.
    explicit dynamodb_backend(options_type options = {})
        : dynamodb_backend(op::default_executor(), std::move(options)) {}

    /// A backend whose asynchronous calls run on `executor`: a server gives that of its own io_context.
    dynamodb_backend(executor_type executor, options_type options)
        : client_(std::move(executor), {.profile = options.profile,
                                        .region = options.region,
                                        .region_from_instance = options.region_from_instance,
                                        .endpoint_url = options.endpoint_url,
                                        .use_fips = options.use_fips,
                                        .use_dual_stack = options.use_dual_stack,
                                        .allow_plain_http = options.allow_plain_http,
                                        .credentials = std::move(options.credentials),
                                        .call = options.call,
                                        .connection = options.connection,
                                        .observer = options.observer}),
          table_{client_.service(), {checked(options).table_name,
                           {.hash_key = options.hash_key,
                            .expires = options.session_lifetime_attribute,
                            .key_prefix = options.key_prefix},
                           options.consistent_read, options.user_index}},
          clock_(std::move(options.clock)) {}

    op::instant now() const { return clock_ ? clock_() : client_.now(); }

    void wait(std::chrono::milliseconds d) { client_.transport().wait(d); }

    executor_type get_executor() const { return client_.get_executor(); }

    result<reply> perform(command c) { return op::run(operation(std::move(c)), client_.transport()); }

    template <class Token>
    auto async_perform(command c, Token&& token) {
        return op::async_run_nested(operation(std::move(c)), client_.transport(), std::forward<Token>(token));
    }

    /// Whether sessions can be found by their users.
    bool lists_users() const noexcept { return !table_.requests.user_index().empty(); }

    /// Creates the table, billed on demand, with the index by user, waits until it can be used, and turns TTL on. A table
    /// that is there is left as it is, but for TTL.
    ///
    /// *Errors:* throws `session_error`; `invalid_option` when the table that is there has another key or TTL attribute.
    ///
    /// *Cost:* none. Needs the permissions dynamodb:CreateTable, DescribeTable, DescribeTimeToLive, UpdateTimeToLive.
    table_report create_table() { return op::run(backend_detail::prepare_table(table_), client_.transport()).value(); }
    table_report create_table(error_code& ec) {
        const auto done = op::run(backend_detail::prepare_table(table_), client_.transport());
        ec = done ? error_code{} : done.error().code;
        return done ? *done : table_report{};
    }

    /// *Completion signature:* `void(error_code, table_report)`. *Cancellation:* `terminal`.
    template <class Token = boost::asio::deferred_t>
    auto async_create_table(Token&& token = Token{}) {
        return op::async_run(backend_detail::prepare_table(table_), client_.transport(), std::forward<Token>(token));
    }

    const std::string& table_name() const noexcept { return table_.requests.table_name(); }

    /// How sessions are written into items.
    const native_layout& layout() const noexcept { return table_.requests.layout(); }

    /// The client that the backend uses, for other requests to the same service.
    dynamodb::client& client() noexcept { return client_; }

private:
    using any_operation = op::one_of<op::ready<http::exchange, http::reply, reply>, backend_detail::load, backend_detail::create,
                                     backend_detail::change, backend_detail::update, backend_detail::erase,
                                     backend_detail::move, backend_detail::list_of_user, backend_detail::load_with_mark,
                                     backend_detail::erase_of_user, backend_detail::mark_read, backend_detail::mark_write>;

    static const options_type& checked(const options_type& o) {
        const auto refuse = [](const char* why) { throw session_error(failure(error::invalid_option, why)); };
        const std::string &key = o.hash_key, &expires = o.session_lifetime_attribute;
        if (o.table_name.empty() || key.empty() || expires.empty())
            refuse("dynamodb_options: table_name, hash_key and session_lifetime_attribute must not be empty");
        if (key == expires || native_layout::is_taken(key) || native_layout::is_taken(expires))
            refuse("dynamodb_options: hash_key and session_lifetime_attribute have to differ, and neither is the name of another attribute of the layout");
        return o;
    }

    any_operation operation(command c) const {
        return std::visit([this](auto& specific) { return operation(specific); }, c);
    }

    any_operation operation(load_record& c) const {
        if (!c.mark_of.empty()) return backend_detail::load_with_mark(table_, std::move(c));
        return backend_detail::load(table_, c);
    }
    any_operation operation(create_record& c) const {
        if (auto refused = too_large(c.content.data.size_in_bytes())) return *std::move(refused);
        return backend_detail::make_create(table_, c.id, c.content);
    }
    any_operation operation(change_record& c) const {
        if (auto refused = too_large(c.after.size_in_bytes())) return *std::move(refused);
        const backend_detail::by_mark judge{c.if_version, std::string(c.journal.newest()), c.if_as_read};
        return backend_detail::change(table_, c.id, table_.requests.change(c), judge);
    }
    any_operation operation(touch_record& c) const {
        return backend_detail::update(table_, c.id, table_.requests.touch(c));
    }
    any_operation operation(lock_record& c) const { return backend_detail::update(table_, c.id, table_.requests.lock(c)); }
    any_operation operation(renew_lock& c) const { return backend_detail::update(table_, c.id, table_.requests.renew(c)); }
    any_operation operation(erase_record& c) const { return backend_detail::erase(table_, c.id); }
    any_operation operation(move_record& c) const {
        if (auto refused = too_large(c.content.data.size_in_bytes())) return *std::move(refused);
        return backend_detail::move(table_, std::move(c));
    }

    any_operation operation(list_sessions& c) const {
        if (lists_users()) return backend_detail::list_of_user(table_, std::move(c));
        return op::ready<http::exchange, http::reply, reply>(failure(
            error::invalid_option, "dynamodb_options::user_index is empty: name the index to find sessions by their users"));
    }
    any_operation operation(erase_owned& c) const {
        return backend_detail::erase_of_user(table_, backend_detail::erase_owned_item(table_.requests, c));
    }
    any_operation operation(load_mark& c) const { return backend_detail::mark_read(table_, c); }
    any_operation operation(raise_mark& c) const {
        return backend_detail::mark_write(table_, backend_detail::raise_mark_item(table_.requests, c));
    }

    std::optional<any_operation> too_large(std::size_t size_of_fields) const {
        auto refused = dynamodb::refuse_too_large(table_.requests.layout().item_size(size_of_fields));
        if (!refused) return std::nullopt;
        return op::ready<http::exchange, http::reply, reply>(*std::move(refused));
    }

    dynamodb::client client_;
    backend_detail::dynamodb_table table_;
    std::function<op::instant()> clock_;
};

static_assert(check_user_backend<dynamodb_backend>());

} // namespace dynasession::inline v0

#endif
// #include <dynasession/core/config.hpp>
// #include <dynasession/lock/no_lock.hpp>
#ifndef DYNASESSION_LOCK_NO_LOCK_HPP
#define DYNASESSION_LOCK_NO_LOCK_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/concepts.hpp>
// #include <dynasession/lock/load_once.hpp>
#ifndef DYNASESSION_LOCK_LOAD_ONCE_HPP
#define DYNASESSION_LOCK_LOAD_ONCE_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/command.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/op/action.hpp>

#include <optional>
#include <utility>

namespace dynasession::inline v0::lock_detail {

/// The live record of a session, or none, by one read that locks nothing.
class load_once {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = std::optional<loaded>;

    load_once(const session_id& id, bool read_only) : id_(id), read_only_(read_only) {}

    op::action<command, value_type> resume(reply_type in, op::instant now) {
        if (!std::exchange(sent_, true)) return command(load_record{id_, now.seconds()});
        if (!in) return result<value_type>(std::move(in).error());
        if (!in->item || !in->item->live(now.system)) return result<value_type>(value_type{});
        // The old id of a session is good for reading what is under the new one, and for nothing else.
        return result<value_type>(loaded{.stored = *std::move(in->item), .read_only = read_only_ || in->forwarded});
    }

private:
    session_id id_;
    bool read_only_;
    bool sent_ = false;
};

} // namespace dynasession::inline v0::lock_detail

#endif
// #include <dynasession/lock/move_changes.hpp>
#ifndef DYNASESSION_LOCK_MOVE_CHANGES_HPP
#define DYNASESSION_LOCK_MOVE_CHANGES_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/amendments.hpp>
// #include <dynasession/core/backoff.hpp>
#ifndef DYNASESSION_CORE_BACKOFF_HPP
#define DYNASESSION_CORE_BACKOFF_HPP

// #include <dynasession/detail/random.hpp>

#include <algorithm>
#include <chrono>

namespace dynasession::inline v0 {

/// Pauses between attempts that get in each other's way: random up to a limit that doubles each time, so that
/// those who met once do not meet again.
class backoff {
public:
    constexpr backoff(std::chrono::milliseconds first, std::chrono::milliseconds longest) noexcept
        : limit_(first), longest_(longest) {}

    std::chrono::milliseconds next() {
        const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(limit_ * detail::uniform_random());
        limit_ = std::min(limit_ * 2, longest_);
        return pause;
    }

private:
    std::chrono::milliseconds limit_;
    std::chrono::milliseconds longest_;
};

} // namespace dynasession::inline v0

#endif
// #include <dynasession/core/command.hpp>
// #include <dynasession/core/fields.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/lock/save_rules.hpp>
#ifndef DYNASESSION_LOCK_SAVE_RULES_HPP
#define DYNASESSION_LOCK_SAVE_RULES_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/amendments.hpp>
// #include <dynasession/core/command.hpp>
// #include <dynasession/core/fields.hpp>
// #include <dynasession/core/record.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/lock/lock_options.hpp>
#ifndef DYNASESSION_LOCK_LOCK_OPTIONS_HPP
#define DYNASESSION_LOCK_LOCK_OPTIONS_HPP

// #include <dynasession/core/record.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/lock/lock_sightings.hpp>
#ifndef DYNASESSION_LOCK_LOCK_SIGHTINGS_HPP
#define DYNASESSION_LOCK_LOCK_SIGHTINGS_HPP

// #include <dynasession/core/record.hpp>
// #include <dynasession/core/session_id.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace dynasession::inline v0::lock_detail {

/// Locks of others: since when this process sees each of them as it is, with the session under it unchanged. By this a lock
/// is known to be dead whatever the clocks say; and there is nothing else to tell those of programs by that leave neither
/// owner nor end.
///
/// *Thread safety:* any thread.
class lock_sightings {
public:
    explicit lock_sightings(std::size_t most = 10'000) : most_(most) {}

    /// How long this lock has been seen, with nothing done under it. The first look begins the count.
    std::chrono::steady_clock::duration seen_for(const session_id& id, const record& locked,
                                                 std::chrono::steady_clock::time_point now) {
        const sight seen{id, locked.lock, locked.expires, std::hash<std::string_view>{}(locked.data.bytes()), now};
        const std::scoped_lock lock(mutex_);
        if (const auto found = by_id_.find(id); found != by_id_.end()) {
            const auto at = found->second;
            seen_.splice(seen_.begin(), seen_, at);
            if (at->is_same(seen)) return now - at->since;
            *at = seen;
            return {};
        }
        if (seen_.size() == most_) {
            by_id_.erase(seen_.back().id);
            seen_.pop_back();
        }
        seen_.push_front(seen);
        by_id_.emplace(id, seen_.begin());
        return {};
    }

    /// The lock is gone.
    void forget(const session_id& id) {
        const std::scoped_lock lock(mutex_);
        const auto found = by_id_.find(id);
        if (found == by_id_.end()) return;
        seen_.erase(found->second);
        by_id_.erase(found);
    }

private:
    struct sight {
        session_id id;
        lock_claim lock;
        time_point expires;
        std::size_t content;
        std::chrono::steady_clock::time_point since;

        bool is_same(const sight& other) const noexcept {
            return lock == other.lock && expires == other.expires && content == other.content;
        }
    };

    std::mutex mutex_;
    std::size_t most_;
    std::list<sight> seen_; // the latest first
    std::unordered_map<session_id, std::list<sight>::iterator> by_id_;
};

} // namespace dynasession::inline v0::lock_detail

#endif
// #include <dynasession/lock/wait_queue.hpp>
#ifndef DYNASESSION_LOCK_WAIT_QUEUE_HPP
#define DYNASESSION_LOCK_WAIT_QUEUE_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/core/record.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/op/action.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dynasession::inline v0::lock_detail {

using steady_time = std::chrono::steady_clock::time_point;

/// A lock in the store that belongs to this process and to no request of it: handed on, or left behind.
struct idle_lock {
    lock_claim claim{};
    steady_time over{};             ///< when its lease ends
    std::optional<record> stored{}; ///< the session under it, when that is known
    std::uint64_t known_to{};       ///< of those who had come by then; who came later has to look for himself
};

/// The requests of this process that want a session to themselves, in the order in which they came: one has its turn,
/// the others wait for it without any traffic.
///
/// *Thread safety:* any thread.
class wait_queues {
public:
    class place;

    /// Lines up for a session.
    ///
    /// *Errors:* `too_many_waiters` when as many wait already as may.
    static result<std::shared_ptr<place>> enter(const std::shared_ptr<wait_queues>& all, const session_id& id,
                                                std::size_t max_waiters, op::instant now);

    /// Whether a lock that lies in the store is of this process and of no request of it. Then none gets it handed on any more:
    /// who asks may break it.
    bool disown(const session_id& id, const std::string& token) {
        shard& s = shard_of(id);
        const std::scoped_lock lock(s.mutex);
        const auto at = s.queues.find(id);
        if (at == s.queues.end()) return false;
        queue& q = at->second;
        if (q.idle && q.idle->claim.token == token && q.waiting.empty()) {
            q.orphans.emplace_back(token, q.idle->over);
            q.idle.reset();
        }
        return q.has_orphan(token);
    }

    /// How many sessions have a queue, or a lock that was left behind.
    std::size_t size() const {
        std::size_t sum = 0;
        for (const shard& s : shards_) {
            const std::scoped_lock lock(s.mutex);
            sum += s.queues.size();
        }
        return sum;
    }

private:
    struct queue {
        place* active = nullptr;       // whose turn it is
        steady_time busy_until{};      // when that turn may be taken away
        steady_time since{};           // when the lock was taken in the store
        std::deque<place*> waiting{};
        std::optional<idle_lock> idle{};
        std::vector<std::pair<std::string, steady_time>> orphans{}; // see `lose`

        bool has_orphan(const std::string& token) const {
            return std::ranges::any_of(orphans, [&](const auto& o) { return o.first == token; });
        }
    };

    struct shard {
        mutable std::mutex mutex;
        std::unordered_map<session_id, queue> queues;
        std::uint64_t entries = 0;
        std::deque<std::pair<steady_time, session_id>> left_behind; // when to forget idle locks
    };

    shard& shard_of(const session_id& id) noexcept { return shards_[std::hash<session_id>{}(id) % shards_.size()]; }

    // A session without requests and without a lock that is still good needs no queue.
    static void forget_old(shard& s, steady_time now) {
        for (; !s.left_behind.empty() && s.left_behind.front().first <= now; s.left_behind.pop_front()) {
            const auto at = s.queues.find(s.left_behind.front().second);
            if (at == s.queues.end()) continue;
            queue& q = at->second;
            if (q.idle && q.idle->over <= now) q.idle.reset();
            std::erase_if(q.orphans, [now](const auto& o) { return o.second <= now; });
            if (!q.active && q.waiting.empty() && !q.idle && q.orphans.empty()) s.queues.erase(at);
        }
    }

    std::array<shard, 16> shards_;
};

/// A request's place in the queue of a session, and, when it is its turn, what it has of the lock. Leaves the queue
/// when it goes.
class wait_queues::place final : public lock_hold {
public:
    place(std::shared_ptr<wait_queues> all, const session_id& id) : all_(std::move(all)), id_(id) {}
    place(const place&) = delete;
    place& operator=(const place&) = delete;

    ~place() override {
        const auto lock = guard();
        if (state_ != state::waiting && state_ != state::active) return;
        queue& q = own_queue();
        if (state_ == state::waiting) std::erase(q.waiting, this);
        // Nobody knows this lock any more, so the next request takes it over instead of waiting for its end.
        if (state_ == state::active && !claim_.token.empty()) q.idle = {claim_, lease_over_};
        end_turn(q);
    }

    /// Whether it is this request's turn: from now on, if the one before has finished or its lease is long over.
    bool has_turn(op::instant now) {
        const auto lock = guard();
        if (state_ != state::waiting) return state_ == state::active;
        queue& q = own_queue();
        if (q.waiting.front() != this || (q.active && now.steady < q.busy_until)) return false;
        if (q.active) q.active->be_ousted();
        q.waiting.pop_front();
        become_active(q);
        return true;
    }

    /// Waits for the turn, but no longer than until `deadline`.
    op::pause wait(op::instant now, steady_time deadline) {
        const auto lock = guard();
        const queue& q = own_queue();
        // Who is not the first cannot take a turn away, so he looks again a little later, lest he becomes it.
        const auto least = now.steady + std::chrono::milliseconds(q.waiting.front() == this ? 0 : 50);
        // Nor does anybody know yet when the turn of one ends who is still asking for the lock.
        const auto busy_until = q.busy_until == steady_time::max() ? now.steady + std::chrono::seconds(1) : q.busy_until;
        const auto until = q.active ? std::min(deadline, std::max(busy_until, least)) : deadline;
        const auto most = std::chrono::ceil<std::chrono::milliseconds>(until - now.steady);
        return {std::max(most, std::chrono::milliseconds(0)), turn_};
    }

    /// The lock that the last turn left, if it did: the caller's from now on.
    std::optional<idle_lock> inherit(op::instant now) {
        const auto lock = guard();
        auto idle = std::exchange(own_queue().idle, std::nullopt);
        if (idle && idle->over <= now.steady) idle.reset();
        if (idle && idle->known_to < entered_) idle->stored.reset();
        return idle;
    }

    /// What is held in the store, or is being asked for: should this place go, the next one finds it.
    void claim(lock_claim c, steady_time lease_over) {
        const auto lock = guard();
        claim_ = std::move(c);
        lease_over_ = lease_over;
    }

    /// The lock was taken, or renewed: others leave this turn alone until `busy_until`.
    void hold(lock_claim c, steady_time lease_over, steady_time busy_until) {
        const auto lock = guard();
        if (state_ != state::active) return;
        claim_ = std::move(c);
        lease_over_ = lease_over;
        own_queue().busy_until = busy_until;
    }

    /// The lock is asked for anew in the store.
    void begins_at(steady_time now) {
        const auto lock = guard();
        if (state_ == state::active) own_queue().since = now;
    }

    /// The session was read when so many requests had come: to those it can be handed on unread.
    void read_at(std::uint64_t entries) {
        const auto lock = guard();
        known_to_ = entries;
    }

    /// What this place has of the lock.
    idle_lock held_lock() const {
        const auto lock = guard();
        return {claim_, lease_over_, {}, known_to_};
    }

    struct demand {
        bool waiting = false;
        steady_time since{};      ///< when the lock was taken; since then it has gone from hand to hand in this process
        std::uint64_t entries{};  ///< the requests that have come: what is read or written from now on is known to them
    };

    /// Whether somebody waits for this turn to end.
    demand wanted() const {
        const auto lock = guard();
        if (state_ != state::active) return {};
        const queue& q = own_queue();
        return {!q.waiting.empty(), q.since, all_->shard_of(id_).entries};
    }

    /// Gives the turn and the lock to the next.
    void pass_on(idle_lock lock_in_store) {
        const auto lock = guard();
        if (state_ != state::active) return;
        queue& q = own_queue();
        q.idle = std::move(lock_in_store);
        end_turn(q);
    }

    /// The lock was given up in the store.
    void end() {
        const auto lock = guard();
        if (state_ == state::active) end_turn(own_queue());
    }

    /// The lock is another's now, or has to be treated as if it were. Tokens that may lie in the store until `over`, of
    /// which no request knows any more, are remembered: who meets them there need not respect them.
    void lose(error why = error::lock_lost, const std::vector<std::string>& orphans = {}, steady_time over = {}) {
        const auto lock = guard();
        if (state_ != state::active && state_ != state::ousted) return;
        if (state_ == state::active) {
            queue& q = own_queue();
            for (const auto& token : orphans) q.orphans.emplace_back(token, over);
            end_turn(q);
        }
        state_ = state::lost;
        lost_ = why;
    }

    /// Whether this token is one of those.
    bool is_orphan(const std::string& token) const {
        const auto lock = guard();
        return state_ == state::active && own_queue().has_orphan(token);
    }

    bool held() const override {
        const auto lock = guard();
        return state_ == state::active && !claim_.token.empty();
    }

    /// Why `lose` was called, if it was. A turn that was taken away in this process may still have the lock in the store.
    std::optional<error> lost() const {
        const auto lock = guard();
        return state_ == state::lost ? std::optional(lost_) : std::nullopt;
    }

    /// Whether the lock was given up, by `pass_on` or `end`, and not lost.
    bool is_over() const {
        const auto lock = guard();
        return state_ == state::ended;
    }

    /// Happens when the turn ends, however that comes.
    const std::shared_ptr<op::event>& ended() const noexcept { return ended_; }

private:
    friend class wait_queues;
    enum class state { waiting, active, ousted, lost, ended };

    std::unique_lock<std::mutex> guard() const { return std::unique_lock(all_->shard_of(id_).mutex); }

    // There is one as long as a place is in it.
    queue& own_queue() const { return all_->shard_of(id_).queues[id_]; }

    void become_active(queue& q) {
        state_ = state::active;
        q.active = this;
        q.busy_until = steady_time::max(); // as long as the lock in the store is being asked for
    }

    void be_ousted() {
        state_ = state::ousted;
        ended_->set();
    }

    void end_turn(queue& q) {
        state_ = state::ended;
        ended_->set();
        if (q.active == this) q.active = nullptr;
        if (q.active) return;
        if (!q.waiting.empty()) return q.waiting.front()->turn_->set();
        shard& s = all_->shard_of(id_);
        for (const auto& orphan : q.orphans) s.left_behind.emplace_back(orphan.second, id_);
        if (q.idle) s.left_behind.emplace_back(q.idle->over, id_);
        if (!q.idle && q.orphans.empty()) s.queues.erase(id_);
    }

    std::shared_ptr<wait_queues> all_;
    session_id id_;
    std::uint64_t entered_ = 0;
    state state_ = state::waiting;
    error lost_ = error::lock_lost;
    lock_claim claim_{};
    steady_time lease_over_{};
    std::uint64_t known_to_ = 0;
    std::shared_ptr<op::event> turn_ = std::make_shared<op::event>();
    std::shared_ptr<op::event> ended_ = std::make_shared<op::event>();
};

inline result<std::shared_ptr<wait_queues::place>> wait_queues::enter(const std::shared_ptr<wait_queues>& all,
                                                                     const session_id& id, std::size_t max_waiters,
                                                                     op::instant now) {
    auto p = std::make_shared<place>(all, id);
    shard& s = all->shard_of(id);
    const std::scoped_lock lock(s.mutex);
    forget_old(s, now.steady);
    p->entered_ = ++s.entries;
    queue& q = s.queues[id];
    if (!q.active && q.waiting.empty()) {
        p->become_active(q);
        return p;
    }
    if (q.waiting.size() >= max_waiters) {
        p->state_ = place::state::ended;
        return error::too_many_waiters;
    }
    q.waiting.push_back(p.get());
    return p;
}

} // namespace dynasession::inline v0::lock_detail

#endif
// #include <dynasession/op/action.hpp>

#include <chrono>
#include <cstddef>

namespace dynasession::inline v0 {

/// How a pessimistic_lock waits, and how long its locks last.
struct pessimistic_lock_options {
    /// How long a lock lasts unless it is renewed. When its holder crashes, others wait this long and 2 s more.
    std::chrono::milliseconds lease{10'000};

    /// How long a request waits for the lock of another, before it fails with `lock_timeout`.
    std::chrono::milliseconds max_wait_time{10'000};

    /// The pause between two looks at a lock that another process holds is random: up to the first of these, then up to
    /// twice that and so on, up to the second.
    std::chrono::milliseconds min_retry_time{10};
    std::chrono::milliseconds max_retry_time{250};

    /// How many requests of this process wait for one session; more fail with `too_many_waiters` at once.
    std::size_t max_waiters = 16;

    /// How long the lock of one request is renewed by itself. A request that hangs gives it up after that and a lease.
    std::chrono::milliseconds max_hold_time{60'000};

    /// How long a session may be locked by this process in one go, whatever is renewed: no renewal puts the end of a lock off
    /// further. Renewals that would put off nothing fail with `lock_lost`, although the lock lasts until its end.
    std::chrono::milliseconds max_tenure{std::chrono::hours(24)};

    /// How long the lock of a program that leaves neither owner nor end (the PHP handler) has to be seen, with nothing
    /// done under it, until it counts as abandoned. Longer than such a program may run.
    std::chrono::milliseconds foreign_lock_time{60'000};

    /// Whether programs write to the table, too, that raise no version (the PHP handler). Saves are then bound also to expiry
    /// and data as they were read, so that no write of theirs is lost; for that requests carry the data twice.
    ///
    /// When the PHP handler has waited 10 s for a lock it starts with an empty session, and overwrites the stored one. So let
    /// locks in such tables be short: `lock_on_load = false`, by which a save goes on top of what others stored and locks nothing,
    /// and for loads that lock a `lease` of at most 5 s with a `max_tenure` of 8 s.
    bool foreign_writers = false;

    /// Whether `load(id)` locks. If not, such sessions are saved as optimistic_lock does it, and `load(id, exclusive)` locks.
    bool lock_on_load = true;
};

namespace lock_detail {

/// What the operations of one pessimistic_lock share.
struct lock_service {
    pessimistic_lock_options options{};
    wait_queues queues{};
    lock_sightings sightings{};

    // Clocks of different machines may differ by so much before anybody takes a lock too early. Too early does no harm to
    // the data: it costs the holder its save.
    static constexpr std::chrono::milliseconds clock_margin{2000};

    /// Whether nobody is behind a lock that is in the way: by its end and our clock, or since it has not changed for longer
    /// than a lease by our stopwatch: right with any clocks, quick with good ones.
    bool is_dead(const session_id& id, const record& locked, op::instant now) {
        const auto seen = sightings.seen_for(id, locked, now.steady);
        if (locked.lock.foreign) return seen >= options.foreign_lock_time;
        const auto longest = options.lease + clock_margin + std::chrono::seconds(1);
        return now.system > locked.lock.until + clock_margin || seen >= longest;
    }
};

} // namespace lock_detail

} // namespace dynasession::inline v0

#endif
// #include <dynasession/op/action.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

namespace dynasession::inline v0::lock_detail {

/// Whether others have saved since `mine` was read, also those who raise no version.
inline bool is_overtaken(const record& mine, const record& theirs) noexcept {
    return theirs.version != mine.version || theirs.data != mine.data;
}

/// Leaves out the changes that change no value: on top of what others have stored they would undo it.
inline void forgo_renewals(save_request& request) {
    if (request.renewed.empty()) return;
    fields changed;
    for (const field f : request.changes.set)
        if (!std::ranges::binary_search(request.renewed, f.key)) changed.append(f);
    request.changes.set = std::move(changed);
    request.renewed.clear();
}

/// How saves without a lock get along.
struct save_rules {
    bool last_writer_wins = false;    ///< of two saves of one key the later stays; else it fails with conflict
    bool respects_locks = false;      ///< waits while another has the session locked
    bool foreign_writers = false;     ///< some writers raise no version
    std::shared_ptr<lock_service> service{}; ///< by which locks without a holder are known; else by our clock alone

    /// Whether changes that were made from `mine` may go on top of what others have stored since.
    bool allow(const save_request& request, const record& mine, const record& theirs) const {
        if (last_writer_wins) return true;
        const bool both_amend = !request.amended.empty() && terms::of(mine) != terms::of(theirs);
        return !both_amend && disjoint(difference(mine.data, theirs.data), request.changes);
    }

    /// Whether the lock of what was found stands in the way.
    bool is_blocked(const session_id& id, const record& found, op::instant now) const {
        return respects_locks && found.lock.held() && !is_left(id, found, now);
    }

    /// Has a change or a move go on top of `mine` and of nothing else.
    template <class Write>
    void bind(Write& write, const session_id& id, const record& mine, op::instant now) const {
        write.if_version = mine.version;
        if (foreign_writers) write.if_as_read = as_read::of(mine);
        if (!respects_locks) return;
        write.if_unlocked = now.system - lock_service::clock_margin;
        if (mine.lock.held() && is_left(id, mine, now)) write.seen = mine.lock;
    }

private:
    // Whether nobody is behind this lock: no request of this process, or no other.
    bool is_left(const session_id& id, const record& locked, op::instant now) const {
        if (!service || (locked.lock.foreign && !foreign_writers)) return false;
        return (!locked.lock.foreign && service->queues.disown(id, locked.lock.token)) || service->is_dead(id, locked, now);
    }
};

} // namespace dynasession::inline v0::lock_detail

#endif
// #include <dynasession/op/action.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace dynasession::inline v0::lock_detail {

/// Moves a session to a new id; changes that others saved meanwhile come along, by the rules of saves.
template <class Rebind>
class move_changes {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = saved;

    /// `token` holds the lock of the session, if it has to be held.
    move_changes(save_request request, const session_id& to, Rebind rebind, save_rules rules, std::string token = {})
        : request_(std::move(request)), to_(to), rebind_(std::move(rebind)), rules_(std::move(rules)), token_(std::move(token)) {
        if (!token_.empty()) rules_.respects_locks = false;
    }

    op::action<command, saved> resume(reply_type in, op::instant now) {
        if (!in) return result<saved>(std::move(in).error());
        if (!std::exchange(sent_, true)) return send(now);
        if (in->applied) return result<saved>(saved{.stored = std::move(moved_), .merged = merged_});
        return refused(*std::move(in), now);
    }

private:
    op::action<command, saved> send(op::instant now) {
        ++attempts_;
        auto data = rebind_(apply(request_.stored.data, request_.changes));
        if (!data) return result<saved>(std::move(data).error());
        const record& stored = request_.stored;
        const auto terms = request_.amended.on(stored);
        moved_ = record{stored, *std::move(data)};
        moved_.owner = stored.owner;
        if (terms) terms->apply_to(moved_);
        moved_.owner.id_since = now.seconds();
        moved_.expires = expiry_when_saved(stored, terms, now.system);
        ++moved_.version;
        move_record move{.from = request_.id,
                         .to = to_,
                         .content = moved_,
                         .now = now.seconds(),
                         .if_locked_by = token_,
                         .grace = request_.grace};
        rules_.bind(move, request_.id, request_.stored, now);
        return command(std::move(move));
    }

    op::action<command, saved> refused(reply found, op::instant now) {
        if (!found.item || !found.item->live(now.system)) return result<saved>(error::session_gone);
        record& theirs = *found.item;
        const bool under_lock = !token_.empty();
        if (under_lock && theirs.lock.token != token_) return result<saved>(error::lock_lost);
        if (is_overtaken(request_.stored, theirs)) {
            forgo_renewals(request_);
            if (under_lock || !rules_.allow(request_, request_.stored, theirs)) return result<saved>(error::conflict);
            merged_ = true;
        }
        const bool blocked = rules_.is_blocked(request_.id, theirs, now);
        if (attempts_ == max_attempts) return result<saved>(blocked ? error::lock_timeout : error::conflict);
        request_.stored = std::move(theirs);
        if (!blocked && attempts_ == 1) return send(now);
        sent_ = false;
        return op::pause{backoff_.next()};
    }

    static constexpr int max_attempts = 32;

    save_request request_;
    session_id to_;
    Rebind rebind_;
    save_rules rules_;
    std::string token_;
    record moved_{};
    backoff backoff_{std::chrono::milliseconds(5), std::chrono::milliseconds(250)};
    int attempts_ = 0;
    bool sent_ = false;
    bool merged_ = false;
};

} // namespace dynasession::inline v0::lock_detail

#endif
// #include <dynasession/lock/save_on_version.hpp>
#ifndef DYNASESSION_LOCK_SAVE_ON_VERSION_HPP
#define DYNASESSION_LOCK_SAVE_ON_VERSION_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/backoff.hpp>
// #include <dynasession/core/command.hpp>
// #include <dynasession/core/fields.hpp>
// #include <dynasession/detail/random_token.hpp>
// #include <dynasession/lock/save_rules.hpp>
// #include <dynasession/op/action.hpp>

#include <chrono>
#include <optional>
#include <utility>

namespace dynasession::inline v0::lock_detail {

using step = op::action<command, saved>;

/// Saves without a lock: the changes go on top of the version that they were made from or, when others saved
/// meanwhile, of theirs. Without changes at most a touch.
///
/// Each write is bound to the version that it goes on top of, so a copy of it that arrives late does nothing.
class save_on_version {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = saved;

    save_on_version(save_request request, save_rules rules) : request_(std::move(request)), rules_(std::move(rules)) {}

    step resume(reply_type in, op::instant now) {
        if (!in) return result<saved>(std::move(in).error());
        if (state_ != state::sent) return send(now);
        if (in->applied) return done();
        return refused(*std::move(in), now);
    }

private:
    enum class state { start, sent, pausing };

    step send(op::instant now) {
        state_ = state::sent;
        record& stored = request_.stored;
        if (request_.changes_nothing()) {
            if (!stored.touch_is_due(now.system, request_.touch_after)) return finish();
            expires_ = stored.renewed(now.system);
            return command(touch_record{request_.id, expires_, now.seconds(), stored.max_stale});
        }
        terms_ = request_.amended.on(stored);
        expires_ = expiry_when_saved(stored, terms_, now.system);
        after_ = apply(stored.data, request_.changes);
        journal_ = stored.journal.followed_by(detail::random_token());
        change_record change{.id = request_.id,
                             .changes = request_.changes,
                             .after = after_,
                             .expires = expires_,
                             .now = now.seconds(),
                             .journal = journal_,
                             .terms = terms_};
        rules_.bind(change, request_.id, stored, now);
        return command(std::move(change));
    }

    step done() {
        record& stored = request_.stored;
        stored.expires = expires_;
        if (!request_.changes_nothing()) {
            if (terms_) terms_->apply_to(stored);
            stored.data = std::move(after_);
            stored.journal = std::move(journal_);
            stored.lock = {};
            ++stored.version;
        }
        return finish();
    }

    step finish() { return result<saved>(saved{.stored = std::move(request_.stored), .merged = merged_}); }

    step refused(reply found, op::instant now) {
        if (!found.item || !found.item->live(now.system)) return result<saved>(error::session_gone);
        record& stored = request_.stored;
        const record& theirs = *found.item;
        const bool overtaken = is_overtaken(stored, theirs);
        if (overtaken) forgo_renewals(request_);
        if (overtaken && !request_.changes_nothing()) {
            if (request_.if_unchanged) return result<saved>(error::conflict);
            if (!rules_.allow(request_, stored, theirs)) return result<saved>(error::conflict);
            stored = *std::move(found.item);
            merged_ = true;
        } else {
            // Another request has put off the expiry further, or changed how long the session lives: that stands.
            stored.expires = theirs.expires;
            terms::of(theirs).apply_lifetime_to(stored);
            stored.lock = theirs.lock;
            if (request_.changes_nothing()) return finish();
        }
        const bool blocked = rules_.is_blocked(request_.id, stored, now);
        if (++attempts_ == max_attempts) return result<saved>(blocked ? error::lock_timeout : error::conflict);
        if (attempts_ == 1 && !blocked) return send(now);
        state_ = state::pausing;
        return op::pause{backoff_.next()};
    }

    static constexpr int max_attempts = 32; // some four seconds

    save_request request_;
    save_rules rules_;
    state state_ = state::start;
    std::optional<terms> terms_{};
    time_point expires_{};
    fields after_{};
    journal journal_{};
    backoff backoff_{std::chrono::milliseconds(5), std::chrono::milliseconds(250)};
    int attempts_ = 0;
    bool merged_ = false;
};

} // namespace dynasession::inline v0::lock_detail

#endif

#include <utility>

namespace dynasession::inline v0 {

/// No lock: requests of one session run side by side, and of two saves of one key the later one stays.
///
/// Saves send only what changed, and go on top of what others saved meanwhile, so requests that change different keys
/// lose nothing. Locks of others are not looked at: a save defeats that of a holder, who is told (`lock_lost`).
///
/// *Cost:* a load is one read, a save one write, and one more for each save of others that comes between; an
/// unchanged session nothing but a touch when it is due.
struct no_lock {
    /// As of pessimistic_lock_options.
    bool foreign_writers = false;

    auto load(const session_id& id, read_write_t) const { return lock_detail::load_once(id, false); }
    auto load(const session_id& id, read_only_t) const { return lock_detail::load_once(id, true); }

    auto save(save_request s) const { return lock_detail::save_on_version(std::move(s), rules()); }

    auto touch(save_request s) const {
        s.drop_changes();
        return save(std::move(s));
    }

    template <class Rebind>
    auto regenerate(save_request s, const session_id& to, Rebind rebind) const {
        return lock_detail::move_changes(std::move(s), to, std::move(rebind), rules());
    }

private:
    lock_detail::save_rules rules() const { return {.last_writer_wins = true, .foreign_writers = foreign_writers}; }
};

static_assert(check_lock_policy<no_lock>());

} // namespace dynasession::inline v0

#endif
// #include <dynasession/serializer/json.hpp>
// #include <dynasession/store/basic_session_store.hpp>
#ifndef DYNASESSION_STORE_BASIC_SESSION_STORE_HPP
#define DYNASESSION_STORE_BASIC_SESSION_STORE_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/amendments.hpp>
// #include <dynasession/core/concepts.hpp>
// #include <dynasession/core/options.hpp>
// #include <dynasession/core/session.hpp>
#ifndef DYNASESSION_CORE_SESSION_HPP
#define DYNASESSION_CORE_SESSION_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/amendments.hpp>
// #include <dynasession/core/record.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/detail/utf8.hpp>

#include <boost/json/conversion.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0 {

/// A session in the hands of one request: its id, its value, and what the store knows of it.
///
/// A copy is independent of the original, but for the lock, if there is one: it is given up when one of them is saved or
/// released, or all are gone. Changes reach the store by `save`, and only then.
///
/// *Thread safety:* as of a standard container: distinct objects are independent.
template <class Value>
class basic_session {
    static constexpr bool is_object = std::same_as<Value, boost::json::object>;

public:
    using value_type = Value;

    /// No session: an empty id and an empty value.
    basic_session() = default;

    /// The secret name of the session.
    const session_id& id() const noexcept { return id_; }

    /// Whether nothing was stored under this id yet.
    bool is_new() const noexcept { return is_new_; }

    time_point created() const noexcept { return stored_.created; }

    /// When the session ends unless it is used before.
    time_point expires() const noexcept { return stored_.expires; }

    /// When the session ends however much it is used; `time_point::max()` if never.
    time_point deadline() const noexcept { return stored_.deadline; }

    /// Has the session live otherwise than the options of its store say, from the next save or regenerate on; what is not
    /// given stays. A time that is out of range has that fail with `invalid_option`.
    void lifetime(const session_lifetime& l) {
        if (l.max_age) amended_.lifetime.max_age = l.max_age;
        if (l.max_stale) amended_.lifetime.max_stale = l.max_stale;
    }

    /// When the session was given its id: when it was created, or regenerated the last time.
    time_point id_since() const noexcept {
        return stored_.owner.id_since == time_point{} ? stored_.created : stored_.owner.id_since;
    }

    /// Whose the session is; empty if nobody's.
    std::string_view user() const noexcept { return amended_.user ? *amended_.user : stored_.owner.user; }

    /// Binds the session to a user, by a name that stays the same, from the next save or regenerate on; empty: it is nobody's
    /// any more. At most 1024 bytes of UTF-8, or that fails with `not_serializable`.
    ///
    /// To be called when the user has logged in, and not at each request: who has it already is not bound anew.
    void user(std::string name) {
        amended_.user = std::move(name);
        if (*amended_.user == stored_.owner.user) amended_.user.reset();
    }

    /// When the session was bound to its user, as it is stored.
    user_time user_since() const noexcept { return stored_.owner.since; }

    /// What its user knows the session by.
    std::string_view device() const noexcept { return amended_.device ? *amended_.device : stored_.owner.device; }

    /// Has the next save or regenerate store this; the first 256 bytes of it, as far as they are UTF-8.
    void device(std::string_view text) {
        std::size_t size = 0;
        while (size < text.size()) {
            const auto next = detail::utf8_sequence_length(text.substr(size));
            if (next == 0 || size + next > ownership::max_device_size) break;
            size += next;
        }
        amended_.device = std::string(text.substr(0, size));
        if (*amended_.device == stored_.owner.device) amended_.device.reset();
    }

    /// How long the session lives unused.
    std::chrono::seconds max_stale() const noexcept { return stored_.max_stale; }

    /// Raised by every save, whoever makes it, and by every write that gives up a lock.
    std::uint64_t version() const noexcept { return stored_.version; }

    /// Whether it was loaded to be read only, or by an id that it does not have any more: then it cannot be saved.
    bool is_read_only() const noexcept { return is_read_only_; }

    /// Whether this session has its lock, as far as this process knows.
    bool is_locked() const { return hold_ && hold_->held(); }

    Value& value() noexcept { return value_; }
    const Value& value() const noexcept { return value_; }
    Value& operator*() noexcept { return value_; }
    const Value& operator*() const noexcept { return value_; }
    Value* operator->() noexcept { return &value_; }
    const Value* operator->() const noexcept { return &value_; }

    /// The value under `key` as a `T`; empty if there is none or it does not convert to `T`.
    template <class T>
    std::optional<T> get(std::string_view key) const
        requires is_object
    {
        const boost::json::value* v = value_.if_contains(key);
        if (!v) return std::nullopt;
        auto converted = boost::json::try_value_to<T>(*v);
        return converted ? std::optional<T>(*std::move(converted)) : std::nullopt;
    }

    /// Sets the value under `key` to what `boost::json::value_from` makes of `v`.
    template <class T>
    void set(std::string_view key, T&& v)
        requires is_object
    {
        value_[key] = boost::json::value_from(std::forward<T>(v));
    }

    /// The JSON value under `key`, made null if there is none yet.
    boost::json::value& operator[](std::string_view key)
        requires is_object
    {
        return value_[key];
    }

    bool contains(std::string_view key) const noexcept
        requires is_object
    {
        return value_.contains(key);
    }

    /// Removes the value under `key`; false if there was none.
    bool remove(std::string_view key)
        requires is_object
    {
        return value_.erase(key) != 0;
    }

    void clear() noexcept
        requires is_object
    {
        value_.clear();
    }

private:
    friend struct session_access;

    session_id id_;
    Value value_{};
    record stored_; // as it was last read or written: a save sends the difference
    amendments amended_;
    std::shared_ptr<lock_hold> hold_;
    bool is_new_ = true;
    bool is_read_only_ = false;
};

/// How stores make sessions and keep them up to date; not for applications.
struct session_access {
    template <class Value>
    static basic_session<Value> make(session_id id, Value value, loaded found, bool is_new) {
        basic_session<Value> s;
        s.id_ = id;
        s.value_ = std::move(value);
        s.stored_ = std::move(found.stored);
        s.hold_ = std::move(found.hold);
        s.is_new_ = is_new;
        s.is_read_only_ = found.read_only;
        return s;
    }

    template <class Value>
    static const record& stored(const basic_session<Value>& s) noexcept {
        return s.stored_;
    }

    template <class Value>
    static amendments& amended(basic_session<Value>& s) noexcept {
        return s.amended_;
    }
    template <class Value>
    static const amendments& amended(const basic_session<Value>& s) noexcept {
        return s.amended_;
    }

    template <class Value>
    static const std::shared_ptr<lock_hold>& hold(const basic_session<Value>& s) noexcept {
        return s.hold_;
    }

    template <class Value>
    static void stored(basic_session<Value>& s, const session_id& id, saved now_stored, bool is_new) noexcept {
        s.id_ = id;
        s.stored_ = std::move(now_stored.stored);
        s.hold_ = std::move(now_stored.hold);
        s.is_new_ = is_new;
    }
};

/// A session whose value is a JSON object.
using session = basic_session<boost::json::object>;

} // namespace dynasession::inline v0

#endif
// #include <dynasession/op/async_run.hpp>
// #include <dynasession/op/run.hpp>
// #include <dynasession/op/then.hpp>
// #include <dynasession/store/operations.hpp>
#ifndef DYNASESSION_STORE_OPERATIONS_HPP
#define DYNASESSION_STORE_OPERATIONS_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/command.hpp>
// #include <dynasession/core/fields.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/op/action.hpp>
// #include <dynasession/op/one_of.hpp>
// #include <dynasession/store/session_codec.hpp>
#ifndef DYNASESSION_STORE_SESSION_CODEC_HPP
#define DYNASESSION_STORE_SESSION_CODEC_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/amendments.hpp>
// #include <dynasession/core/concepts.hpp>
// #include <dynasession/core/options.hpp>
// #include <dynasession/core/session.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace dynasession::inline v0::store_detail {

/// What a write leaves, and the id, which is another one if the first was taken.
struct written : saved {
    session_id id{};
    bool is_new = false;
};

/// Turns records into sessions and sessions into what a save sends.
template <serializer Serializer>
class session_codec {
public:
    using session_type = basic_session<typename Serializer::value_type>;

    session_codec(Serializer s, double touch_fraction) : serializer_(std::move(s)), touch_fraction_(touch_fraction) {}

    result<session_type> decode(const session_id& id, loaded found) const {
        auto value = serializer_.deserialize(found.stored.data, id);
        if (!value) return std::move(value).error();
        return session_access::make(id, *std::move(value), std::move(found), false);
    }

    /// What a save of the session as it is now sends.
    result<save_request> encode(const session_type& s) const {
        if (s.id().empty()) return failure(error::invalid_session_id, "this session was not made by a store");
        if (s.is_read_only()) return error::read_only_session;
        const amendments& amended = session_access::amended(s);
        if (auto wrong = amended.refused()) return *std::move(wrong);
        save_request request = unchanged(s);
        request.amended = amended;
        auto now = serializer_.serialize(s.value(), {s.id(), request.stored.data});
        if (!now) return std::move(now).error();
        request.changes = difference(request.stored.data, *now);
        request.renewed = renewed(request);
        return request;
    }

    /// Whether a save would send nothing at `now`; a session with a lock has that to give up.
    bool is_settled(const session_type& s, std::chrono::sys_time<std::chrono::milliseconds> now) const {
        const record& stored = session_access::stored(s);
        if (s.is_new() || session_access::hold(s) || !session_access::amended(s).empty()) return false;
        if (!s.is_read_only() && stored.touch_is_due(now, touch_after(stored))) return false;
        const auto entries = serializer_.serialize(s.value(), {s.id(), stored.data});
        return entries && *entries == stored.data;
    }

    /// What a save would send if nothing had changed.
    save_request unchanged(const session_type& s) const {
        const record& stored = session_access::stored(s);
        return {.id = s.id(), .stored = stored, .touch_after = touch_after(stored), .hold = session_access::hold(s)};
    }

    /// Has the session follow what was written of it.
    result<void> follow(session_type& s, written w) const {
        if (w.merged) {
            auto value = serializer_.deserialize(w.stored.data, w.id);
            if (!value) return std::move(value).error();
            s.value() = *std::move(value);
        }
        const session_id id = w.id;
        const bool is_new = w.is_new;
        session_access::stored(s, id, std::move(w), is_new);
        return {};
    }

    /// The entries of `from` as they are stored under `to`: a serializer may bind them to the id. Where `stored` says the
    /// same already, they are as they are there.
    result<fields> rebind(const fields& entries, const session_id& from, const session_id& to, const fields& stored = {}) const {
        const auto value = serializer_.deserialize(entries, from);
        if (!value) return value.error();
        return serializer_.serialize(*value, {to, stored});
    }

private:
    std::chrono::seconds touch_after(const stamp& stored) const {
        return std::chrono::duration_cast<std::chrono::seconds>(stored.max_stale * touch_fraction_);
    }

    // The keys that are only set to the same value in other words.
    std::vector<std::string> renewed(const save_request& request) const {
        std::vector<std::string> keys;
        if constexpr (renewing_serializer<Serializer>)
            fields_detail::merge_walk(request.stored.data, request.changes.set, [&](const auto& before, const auto& now) {
                if (before && now && serializer_.same(*before, *now, request.id)) keys.emplace_back(now->key);
            });
        return keys;
    }

    Serializer serializer_;
    double touch_fraction_;
};

} // namespace dynasession::inline v0::store_detail

#endif

#include <optional>
#include <utility>

namespace dynasession::inline v0::store_detail {

/// Stores a session for the first time, under another id if its own is taken. `Codec` is a session_codec.
template <class Codec>
class create {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = written;

    create(save_request request, const Codec& codec) : written_{{std::move(request.stored)}, request.id}, codec_(&codec) {
        written_.stored.data = apply(written_.stored.data, request.changes);
        request.amended.apply_to(written_.stored);
        written_.stored.version = 1;
    }

    op::action<command, written> resume(reply_type in, op::instant now) {
        if (attempts_ != 0) {
            if (!in) return result<written>(std::move(in).error());
            if (in->applied) return result<written>(std::move(written_));
            if (is_this_session(in->item)) return result<written>(written{{*std::move(in->item)}, written_.id});
            if (attempts_ == max_attempts) return result<written>(error::session_exists);
            auto moved = take_another_id();
            if (!moved) return result<written>(std::move(moved).error());
        }
        ++attempts_;
        written_.stored.expires = written_.stored.renewed(now.system);
        return command(create_record{written_.id, written_.stored});
    }

private:
    result<void> take_another_id() {
        const auto to = session_id::generate();
        auto data = codec_->rebind(written_.stored.data, written_.id, to);
        if (!data) return std::move(data).error();
        written_.stored.data = *std::move(data);
        written_.id = to;
        return {};
    }

    // Stored by an earlier call whose answer was lost, perhaps in other words.
    bool is_this_session(const std::optional<record>& found) const {
        const record& mine = written_.stored;
        if (!found || found->created != mine.created || found->version != mine.version || found->owner.user != mine.owner.user) return false;
        if (found->data == mine.data) return true;
        const auto in_its_words = codec_->rebind(mine.data, written_.id, written_.id, found->data);
        return in_its_words && *in_its_words == found->data;
    }

    // Two ids of 256 random bits never meet: a second collision means a broken random source.
    static constexpr int max_attempts = 3;

    written written_;
    const Codec* codec_;
    int attempts_ = 0;
};

/// A write of a lock policy, with the id that its record is stored under.
template <class Op>
class write_as {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = written;

    write_as(const session_id& id, Op op) : id_(id), op_(std::move(op)) {}

    op::action<command, written> resume(reply_type in, op::instant now) {
        using outer = op::action<command, written>;
        return op::carry_on<outer>(op_.resume(std::move(in), now), [&](result<saved> s) -> outer {
            if (!s) return result<written>(std::move(s).error());
            return result<written>(written{*std::move(s), id_});
        });
    }

private:
    session_id id_;
    Op op_;
};

/// A write that only puts off an expiry, or gives up a lock: when it fails, nothing of the user's is lost.
template <class Op>
class tolerant {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = void;

    explicit tolerant(Op op) : op_(std::move(op)) {}

    op::action<command, void> resume(reply_type in, op::instant now) {
        using outer = op::action<command, void>;
        return op::carry_on<outer>(op_.resume(std::move(in), now), [](result<void> done) -> outer {
            const bool cancelled = !done && done.error().code == boost::system::errc::operation_canceled;
            return cancelled ? std::move(done) : result<void>();
        });
    }

private:
    Op op_;
};

/// Nothing to write.
using nothing = op::ready<command, result<reply>, written>;

/// Removes a session, whatever its state and whoever works on it: a logout wins.
class destroy {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = void;

    explicit destroy(const session_id& id) : id_(id) {}

    op::action<command, void> resume(reply_type in, op::instant) {
        if (!std::exchange(sent_, true)) return command(erase_record{id_});
        return in ? result<void>() : result<void>(std::move(in).error());
    }

private:
    session_id id_;
    bool sent_ = false;
};

} // namespace dynasession::inline v0::store_detail

#endif
// #include <dynasession/store/renewal.hpp>
#ifndef DYNASESSION_STORE_RENEWAL_HPP
#define DYNASESSION_STORE_RENEWAL_HPP

// #include <dynasession/op/event.hpp>

#include <memory>
#include <thread>
#include <utility>

namespace dynasession::inline v0::store_detail {

/// Renews a lock on a thread of its own for as long as it is there.
class renewal {
public:
    /// `work(stop)` returns when the event happens.
    template <class Work>
    explicit renewal(Work work)
        : stop_(std::make_shared<op::event>()),
          thread_([work = std::move(work), stop = stop_]() mutable { work(std::move(stop)); }) {}

    renewal(renewal&&) noexcept = default;

    /// Replaces what it renewed before, if anything.
    renewal& operator=(renewal&& other) noexcept {
        finish();
        stop_ = std::move(other.stop_);
        thread_ = std::move(other.thread_);
        return *this;
    }

    ~renewal() { finish(); }

private:
    void finish() noexcept {
        if (!thread_.joinable()) return;
        stop_->set();
        thread_.join();
    }

    std::shared_ptr<op::event> stop_;
    std::thread thread_; // clang 14's library may lack std::jthread
};

} // namespace dynasession::inline v0::store_detail

#endif
// #include <dynasession/store/revocation.hpp>
#ifndef DYNASESSION_STORE_REVOCATION_HPP
#define DYNASESSION_STORE_REVOCATION_HPP

// #include <dynasession/core/command.hpp>
// #include <dynasession/core/concepts.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/core/options.hpp>
// #include <dynasession/core/ownership.hpp>
// #include <dynasession/core/session_id.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace dynasession::inline v0::store_detail {

/// What a process knows of whose its sessions are, from when it loaded them last: of some thousands, of which a newer one may
/// push an older out. That it is out of date costs a request, no more.
///
/// *Thread safety:* any thread.
class owner_hints {
public:
    /// Whose the session was; empty if that is not known.
    std::string of(const session_id& id) const {
        const auto tag = std::hash<session_id>{}(id);
        const shard& s = shards_[tag % shards_.size()];
        const std::scoped_lock lock(s.mutex);
        const slot& place = s.slots[tag / shards_.size() % s.slots.size()];
        return place.tag == tag ? place.user : std::string();
    }

    void remember(const session_id& id, const std::string& user) {
        const auto tag = std::hash<session_id>{}(id);
        shard& s = shards_[tag % shards_.size()];
        const std::scoped_lock lock(s.mutex);
        slot& place = s.slots[tag / shards_.size() % s.slots.size()];
        if (place.tag != tag && user.empty()) return;
        place.tag = tag;
        place.user = user;
    }

private:
    struct slot {
        std::size_t tag = 0;
        std::string user{};
    };
    struct shard {
        mutable std::mutex mutex;
        std::vector<slot> slots = std::vector<slot>(256);
    };

    std::array<shard, 16> shards_;
};

/// What a store that looks at the marks of users needs to know: see `session_options::revocation_marks`.
struct revocation {
    explicit revocation(const session_options& o)
        : life(std::max({std::chrono::seconds(std::chrono::days(400)), o.max_age, o.max_stale})) {}

    /// So far apart the clocks of two machines may be: DynamoDB's own, which both follow, is told to the second.
    static constexpr std::chrono::milliseconds clock_margin{2000};

    /// A mark that ends all sessions that are bound to their user by now, by whatever clock, and those that were bound under
    /// the mark before.
    raise_mark mark(const std::string& user, user_time before, user_time now) const {
        using namespace std::chrono_literals;
        const user_time not_before = std::max(now + clock_margin, before == no_mark ? before : before + 1ms);
        return {user, not_before, std::chrono::floor<std::chrono::seconds>(not_before) + life};
    }

    /// When a session is bound that is bound at `now` under a mark: after it, so that it counts.
    static user_time bound(user_time mark, user_time now) noexcept {
        using namespace std::chrono_literals;
        return mark < now ? now : mark + 1ms;
    }

    /// How long a mark is kept: no session may lie unused for longer, for a load of one that does not count removes it.
    const std::chrono::seconds life;

    mutable owner_hints hints{};
};

/// What a store over `Backend` needs with these options; null if they do not want marks.
///
/// *Errors:* throws `session_error` with `invalid_option` if the backend knows none.
template <class Backend>
std::shared_ptr<const revocation> marks_for(const session_options& o) {
    if (!o.revocation_marks) return nullptr;
    if (!user_backend<Backend>)
        throw session_error(failure(error::invalid_option, "session_options::revocation_marks: this backend knows no users"));
    return std::make_shared<const revocation>(o);
}

} // namespace dynasession::inline v0::store_detail

#endif
// #include <dynasession/store/session_operations.hpp>
#ifndef DYNASESSION_STORE_SESSION_OPERATIONS_HPP
#define DYNASESSION_STORE_SESSION_OPERATIONS_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/amendments.hpp>
// #include <dynasession/core/concepts.hpp>
// #include <dynasession/core/options.hpp>
// #include <dynasession/core/session.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/op/defer.hpp>
// #include <dynasession/op/one_of.hpp>
// #include <dynasession/op/then.hpp>
// #include <dynasession/store/operations.hpp>
// #include <dynasession/store/revocation.hpp>
// #include <dynasession/store/session_codec.hpp>
// #include <dynasession/store/session_times.hpp>
#ifndef DYNASESSION_STORE_SESSION_TIMES_HPP
#define DYNASESSION_STORE_SESSION_TIMES_HPP

// #include <dynasession/core/amendments.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/core/options.hpp>
// #include <dynasession/core/record.hpp>

#include <chrono>
#include <string>

namespace dynasession::inline v0::store_detail {

inline void require(bool valid, const std::string& where, const char* more = "") {
    if (valid) return;
    throw session_error(failure(error::invalid_option, where + ": max_stale is above 0, max_age 0 or above, both at most 100 years" + more));
}

/// The options, if they are in their ranges, and go with the serializer.
///
/// *Errors:* throws `session_error` with `invalid_option`.
template <bool BindsToId>
const session_options& validated(const session_options& o) {
    const bool valid = session_lifetime{o.max_age, o.max_stale}.valid() && o.touch_fraction >= 0 && o.touch_fraction < 1 &&
                       o.regenerate_grace >= std::chrono::seconds(0) && o.regenerate_grace <= std::chrono::minutes(1);
    require(valid, "session_options", "; touch_fraction is in [0, 1); regenerate_grace is at most a minute");
    if (BindsToId && o.regenerate_grace.count() != 0)
        throw session_error(failure(error::invalid_option,
                                    "session_options::regenerate_grace is 0 with a serializer that binds what it writes to "
                                    "the id, as encrypted<> does: by the old id nothing could be read"));
    return o;
}

/// What is stored of a session that begins at `now`; it lives as long as `lifetime` says, and else the options.
///
/// *Errors:* throws `session_error` with `invalid_option`.
inline record record_of_new(const session_options& options, const session_lifetime& lifetime, time_point now) {
    require(lifetime.valid(), "create");
    record blank;
    blank.created = now;
    session_lifetime{options.max_age, options.max_stale}.apply_to(blank);
    lifetime.apply_to(blank);
    blank.expires = blank.renewed(now);
    return blank;
}

} // namespace dynasession::inline v0::store_detail

#endif
// #include <dynasession/store/update.hpp>
#ifndef DYNASESSION_STORE_UPDATE_HPP
#define DYNASESSION_STORE_UPDATE_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/backoff.hpp>
// #include <dynasession/core/command.hpp>
// #include <dynasession/core/concepts.hpp>
// #include <dynasession/core/session.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/op/action.hpp>
// #include <dynasession/op/one_of.hpp>

#include <chrono>
#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0::store_detail {

/// Ends what a session has of a lock, under a policy that knows any.
template <class LockPolicy>
auto give_up(const LockPolicy& policy, save_request s) {
    if constexpr (exclusive_lock_policy<LockPolicy>)
        return policy.release(std::move(s));
    else
        return op::ready<command, result<reply>, saved>(saved{.stored = std::move(s.stored)});
}

/// Loads a session, has `Change` work on it and saves it; all of it again, after a pause, when somebody else was
/// faster. `Codec` is a session_codec.
template <class LockPolicy, class Codec, class Change>
class update {
    using session_type = typename Codec::session_type;
    using load_type = decltype(std::declval<const LockPolicy&>().load(std::declval<const session_id&>(), read_write));
    using save_type = decltype(std::declval<const LockPolicy&>().save(std::declval<save_request>()));
    using release_type = decltype(give_up(std::declval<const LockPolicy&>(), std::declval<save_request>()));

public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = std::optional<session_type>;

    update(const session_id& id, const LockPolicy& policy, const Codec& codec, Change change)
        : id_(id), policy_(&policy), codec_(&codec), change_(std::move(change)) {}

    op::action<command, value_type> resume(reply_type in, op::instant now) {
        if (loading_) return loaded_step(loading_->resume(std::move(in), now), now);
        if (saving_) return saved_step(saving_->resume(std::move(in), now));
        if (releasing_) return released_step(releasing_->resume(std::move(in), now));
        return in ? load(now) : step(result_type(std::move(in).error()));
    }

private:
    using step = op::action<command, value_type>;
    using result_type = result<value_type>;

    step load(op::instant now) {
        ++attempts_;
        loading_.emplace(policy_->load(id_, read_write));
        return loaded_step(loading_->resume({}, now), now);
    }

    step loaded_step(op::action<command, std::optional<loaded>> act, op::instant now) {
        return op::carry_on<step>(std::move(act), [&](result<std::optional<loaded>> found) -> step {
            if (!found) return result_type(std::move(found).error());
            if (!*found) return result_type(value_type{});
            auto decoded = codec_->decode(id_, **std::move(found));
            if (!decoded) return result_type(std::move(decoded).error());
            session_.emplace(*std::move(decoded));
            loading_.reset();
            if constexpr (std::same_as<std::invoke_result_t<Change&, session_type&>, bool>) {
                if (!change_(*session_)) return release(now);
            } else {
                change_(*session_);
            }
            auto request = codec_->encode(*session_);
            if (!request) return result_type(std::move(request).error());
            request->if_unchanged = true;
            saving_.emplace(policy_->save(*std::move(request)));
            return saved_step(saving_->resume({}, now));
        });
    }

    step release(op::instant now) {
        releasing_.emplace(give_up(*policy_, codec_->unchanged(*session_)));
        return released_step(releasing_->resume({}, now));
    }

    step released_step(op::action<command, saved> act) {
        return op::carry_on<step>(std::move(act), [&](result<saved> s) -> step {
            // Nothing was to be saved, so it does not matter who has the session now.
            const bool had_none = !s && (s.error() == error::lock_lost || s.error() == error::session_gone);
            if (had_none) return result_type(std::move(session_));
            if (!s) return result_type(std::move(s).error());
            return follow(*std::move(s));
        });
    }

    step follow(saved s) {
        const auto followed = codec_->follow(*session_, {std::move(s), id_});
        session_access::amended(*session_) = {};
        return followed ? result_type(std::move(session_)) : result_type(followed.error());
    }

    step saved_step(op::action<command, saved> act) {
        return op::carry_on<step>(std::move(act), [&](result<saved> s) -> step {
            if (!s) {
                const bool was_overtaken = s.error() == error::conflict || s.error() == error::session_gone ||
                                           s.error() == error::lock_lost;
                if (!was_overtaken || attempts_ == max_attempts) return result_type(std::move(s).error());
                saving_.reset();
                session_.reset();
                return op::pause{backoff_.next()};
            }
            return follow(*std::move(s));
        });
    }

    static constexpr int max_attempts = 32;

    session_id id_;
    const LockPolicy* policy_;
    const Codec* codec_;
    Change change_;
    std::optional<load_type> loading_;
    std::optional<save_type> saving_;
    std::optional<release_type> releasing_;
    std::optional<session_type> session_;
    backoff backoff_{std::chrono::milliseconds(5), std::chrono::milliseconds(250)};
    int attempts_ = 0;
};

} // namespace dynasession::inline v0::store_detail

#endif
// #include <dynasession/store/user_policy.hpp>
#ifndef DYNASESSION_STORE_USER_POLICY_HPP
#define DYNASESSION_STORE_USER_POLICY_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/concepts.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/op/event.hpp>
// #include <dynasession/store/checked_load.hpp>
#ifndef DYNASESSION_STORE_CHECKED_LOAD_HPP
#define DYNASESSION_STORE_CHECKED_LOAD_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/command.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/core/session_handle.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/op/action.hpp>
// #include <dynasession/store/revocation.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace dynasession::inline v0::store_detail {

/// The load of a lock policy, after which a session that the mark of its user has ended is none: what is left of it goes.
///
/// The mark is read by the same request where this process knows whose the session is, and else by a second one. Without
/// `marks`, and for a session that is nobody's, it is the load as it is.
template <class Op>
class checked_load {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = std::optional<loaded>;

    checked_load(const session_id& id, Op op, std::shared_ptr<const revocation> marks)
        : id_(id), op_(std::move(op)), marks_(std::move(marks)), hint_(marks_ ? marks_->hints.of(id) : std::string()) {}

    op::action<command, value_type> resume(reply_type in, op::instant now) {
        if (!marks_) return op_.resume(std::move(in), now);
        if (state_ == state::erasing) return result<value_type>(value_type{}); // what could not be erased counts no more for that
        if (state_ == state::asking) {
            if (!in) return result<value_type>(std::move(in).error());
            return in->not_before ? judge(*in->not_before) : step(result<value_type>(error::malformed_response));
        }
        const auto mark = in ? in->not_before : std::nullopt;
        return check(op_.resume(std::move(in), now), mark);
    }

private:
    using step = op::action<command, value_type>;
    enum class state { loading, asking, erasing };

    step check(step act, const std::optional<user_time>& mark) {
        if (auto* asked = std::get_if<command>(&act)) {
            auto* load = std::get_if<load_record>(asked);
            if (load && !load->may_be_stale) load->mark_of = hint_;
            return act;
        }
        auto* done = std::get_if<result<value_type>>(&act);
        if (!done || !*done || !**done) return act;
        const std::string user = (**done)->stored.owner.user;
        marks_->hints.remember(id_, user);
        if (user.empty()) return act;
        found_ = std::move(**done);
        if (mark && hint_ == user) return judge(*mark);
        state_ = state::asking;
        return command(load_mark{user});
    }

    step judge(user_time mark) {
        const ownership& owner = found_->stored.owner;
        if (owner.since > mark) return result<value_type>(std::move(found_));
        state_ = state::erasing;
        erase_owned erase{owner.user, session_handle::of(id_), mark};
        found_.reset(); // and with it the lock, if there is one
        return command(std::move(erase));
    }

    session_id id_;
    Op op_;
    std::shared_ptr<const revocation> marks_;
    std::string hint_;
    value_type found_{};
    state state_ = state::loading;
};

} // namespace dynasession::inline v0::store_detail

#endif
// #include <dynasession/store/dated.hpp>
#ifndef DYNASESSION_STORE_DATED_HPP
#define DYNASESSION_STORE_DATED_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/store/after_mark.hpp>
#ifndef DYNASESSION_STORE_AFTER_MARK_HPP
#define DYNASESSION_STORE_AFTER_MARK_HPP

// #include <dynasession/core/command.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/op/action.hpp>

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0::store_detail {

/// An operation that is made by `make(user_time mark, user_time began)`, a `result<Op>`, when the mark of a user is known.
template <class Make>
class after_mark {
    using made = typename std::invoke_result_t<Make&, user_time, user_time>::value_type;

public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = typename made::value_type;

    /// Without a user no mark is read, and there is none.
    after_mark(std::string user, Make make) : user_(std::move(user)), make_(std::move(make)) {}

    op::action<command, value_type> resume(reply_type in, op::instant now) {
        if (op_) return op_->resume(std::move(in), now);
        if (!in) return result<value_type>(std::move(in).error());
        if (!began_) {
            began_ = now.system;
            if (!user_.empty()) return command(load_mark{user_});
            in->not_before = no_mark;
        }
        if (!in->not_before) return result<value_type>(error::malformed_response);
        auto op = make_(*in->not_before, *began_);
        if (!op) return result<value_type>(std::move(op).error());
        op_.emplace(*std::move(op));
        return op_->resume({}, now);
    }

private:
    std::string user_;
    Make make_;
    std::optional<user_time> began_{}; // before the mark was read: a later one may be of now
    std::optional<made> op_{};
};

} // namespace dynasession::inline v0::store_detail

#endif
// #include <dynasession/store/revocation.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0::store_detail {

/// A write of a session, made by `make(save_request)` when it begins: then is the session bound to its user, if it is.
///
/// With `marks` it is bound later than the user's mark, which is read before. Should that be raised meanwhile, the session does
/// not count any more.
template <class Make>
auto dated(save_request request, std::shared_ptr<const revocation> marks, Make make) {
    using write = std::invoke_result_t<Make&, save_request>;
    auto user = marks && request.amended.bind() ? *request.amended.user : std::string();
    return after_mark(std::move(user), [r = std::move(request), m = std::move(marks), make = std::move(make)](
                                           user_time mark, user_time began) mutable -> result<write> {
        if (m && r.amended.lifetime.max_stale.value_or(r.stored.max_stale) > m->life)
            return failure(error::invalid_option, "session_lifetime: with revocation_marks a max_stale is at most 400 days, or what "
                                                  "session_options have");
        if (r.amended.bind()) r.amended.since = revocation::bound(mark, began);
        return make(std::move(r));
    });
}

} // namespace dynasession::inline v0::store_detail

#endif
// #include <dynasession/store/revocation.hpp>

#include <memory>
#include <utility>

namespace dynasession::inline v0::store_detail {

/// A lock policy as another one has it, with what users ask for on top: sessions are dated when they are bound, and those that
/// a mark has ended are none. It is a lock policy itself.
template <lock_policy Policy>
class user_policy {
public:
    /// `marks` is null where marks are not looked at.
    user_policy(Policy p, std::shared_ptr<const revocation> marks) : policy_(std::move(p)), marks_(std::move(marks)) {}

    const std::shared_ptr<const revocation>& marks() const noexcept { return marks_; }

    template <access Access>
        requires can_load<Policy, Access>
    auto load(const session_id& id, Access a) const {
        return checked_load(id, policy_.load(id, a), marks_);
    }

    auto save(save_request s) const {
        return dated(std::move(s), marks_, [p = policy_](save_request r) { return p.save(std::move(r)); });
    }

    /// As `save`, of a session that is dated already, if it is bound.
    auto save_dated(save_request s) const { return policy_.save(std::move(s)); }

    template <class Rebind>
    auto regenerate(save_request s, const session_id& to, Rebind rebind) const {
        return dated(std::move(s), marks_, [p = policy_, to, rebind = std::move(rebind)](save_request r) {
            return p.regenerate(std::move(r), to, rebind);
        });
    }

    /// As a session is stored for the first time, which locks nothing.
    template <class Create>
    auto create(save_request s, Create make) const {
        return dated(std::move(s), marks_, std::move(make));
    }

    auto touch(save_request s) const { return policy_.touch(std::move(s)); }

    auto release(save_request s) const
        requires exclusive_lock_policy<Policy>
    {
        return policy_.release(std::move(s));
    }
    auto renew(save_request s) const
        requires exclusive_lock_policy<Policy>
    {
        return policy_.renew(std::move(s));
    }
    auto keep(const session_id& id, const std::shared_ptr<lock_hold>& hold, std::shared_ptr<op::event> stop) const
        requires exclusive_lock_policy<Policy>
    {
        return policy_.keep(id, hold, std::move(stop));
    }

private:
    Policy policy_;
    std::shared_ptr<const revocation> marks_;
};

} // namespace dynasession::inline v0::store_detail

#endif
// #include <dynasession/store/write_kind.hpp>
#ifndef DYNASESSION_STORE_WRITE_KIND_HPP
#define DYNASESSION_STORE_WRITE_KIND_HPP

namespace dynasession::inline v0 {

/// The writes that `basic_session_store::write` chooses from.
enum class write_kind {
    keep,       ///< `save`; a session that did not change is kept as far as possible: that its expiry is not put off is no error
    regenerate, ///< `regenerate`, with all changes
    release,    ///< `release`, without the changes; nothing under a policy that does not lock
    destroy,    ///< `destroy`
};

} // namespace dynasession::inline v0

#endif

#include <memory>
#include <optional>
#include <utility>

namespace dynasession::inline v0::store_detail {

/// What a store does with sessions, each as an operation whose effects are commands: what its members are called in the
/// store is promised there.
///
/// *Lifetimes:* it stays where it is, and outlives the operations that it makes, as do the sessions they are given.
template <lock_policy LockPolicy, serializer Serializer>
class session_operations {
public:
    using session_type = typename session_codec<Serializer>::session_type;

    session_operations(const session_options& options, LockPolicy policy, Serializer s, std::shared_ptr<const revocation> marks)
        : options_(validated<binding_serializer<Serializer>>(options)), policy_(std::move(policy), std::move(marks)), codec_(std::move(s), options.touch_fraction) {}
    session_operations(const session_operations&) = delete;
    session_operations& operator=(const session_operations&) = delete;

    const session_options& options() const noexcept { return options_; }
    const user_policy<LockPolicy>& policy() const noexcept { return policy_; }

    session_type create(time_point now, const session_lifetime& lifetime) const {
        auto blank = record_of_new(options_, lifetime, now);
        return session_access::make(session_id::generate(), typename Serializer::value_type{}, loaded{std::move(blank)}, true);
    }

    template <access Access>
    auto load(const session_id& id, Access a) const {
        return op::then(policy_.load(id, a), [this, id](std::optional<loaded> found) {
            using found_type = std::optional<session_type>;
            if (!found) return result<found_type>(found_type{});
            auto s = codec_.decode(id, *std::move(found));
            return s ? result<found_type>(*std::move(s)) : result<found_type>(std::move(s).error());
        });
    }

    auto save(session_type& s) const {
        return op::defer([this, &s]() -> result<decltype(send(s, {}))> {
            auto request = codec_.encode(s);
            if (!request) return std::move(request).error();
            return send(s, *std::move(request));
        });
    }

    /// Saves a session, bound to its user since then.
    auto save_bound(session_type& s, user_time since) const {
        using saving = write_as<decltype(policy_.save_dated({}))>;
        using creating = store_detail::create<session_codec<Serializer>>;
        using writing = op::one_of<creating, saving>;
        return amended(s, write_back(s, [this, &s, since]() -> result<writing> {
            auto request = codec_.encode(s);
            if (!request) return std::move(request).error();
            request->amended.user = s.user();
            request->amended.since = since;
            if (s.is_new()) return writing(creating(*std::move(request), codec_));
            return writing(saving(s.id(), policy_.save_dated(*std::move(request))));
        }));
    }

    bool is_settled(const session_type& s, op::instant now) const { return codec_.is_settled(s, now.system); }

    auto write(session_type& s, write_kind kind) const {
        using sending = decltype(send(s, {}));
        using moving = decltype(regenerate(s));
        using writing = op::one_of<sending, tolerant<sending>, moving, decltype(give_up(s)), destroy>;
        return op::defer([this, &s, kind]() -> result<writing> {
            switch (kind) {
            case write_kind::keep: break;
            case write_kind::regenerate: return writing(regenerate(s));
            case write_kind::release: return writing(give_up(s));
            case write_kind::destroy: return writing(destroy(s.id()));
            }
            auto request = codec_.encode(s);
            if (!request) return std::move(request).error();
            const bool only_touched = request->changes_nothing() && !s.is_new();
            auto op = send(s, *std::move(request));
            return only_touched ? writing(tolerant(std::move(op))) : writing(std::move(op));
        });
    }

    auto touch(session_type& s) const {
        using touching = write_as<decltype(policy_.touch({}))>;
        using writing = op::one_of<nothing, touching>;
        return write_back(s, [this, &s]() -> result<writing> {
            if (s.is_read_only()) return error::read_only_session;
            if (s.is_new()) return writing(still_new(s));
            return writing(touching(s.id(), policy_.touch(codec_.unchanged(s))));
        });
    }

    auto regenerate(session_type& s) const {
        const auto to = session_id::generate();
        const auto rebind = [this, from = s.id(), to](const fields& entries) { return codec_.rebind(entries, from, to); };
        using moving = write_as<decltype(policy_.regenerate({}, s.id(), rebind))>;
        using writing = op::one_of<decltype(first_write({})), moving>;
        return amended(s, write_back(s, [this, &s, rebind, to]() -> result<writing> {
            auto request = codec_.encode(s);
            if (!request) return std::move(request).error();
            if (s.is_new()) {
                auto entries = rebind(request->changes.set);
                if (!entries) return std::move(entries).error();
                request->changes.set = *std::move(entries);
                request->id = to;
                return writing(first_write(*std::move(request)));
            }
            request->grace = options_.regenerate_grace;
            return writing(moving(to, policy_.regenerate(*std::move(request), to, rebind)));
        }));
    }

    auto release(session_type& s) const {
        using releasing = write_as<decltype(policy_.release({}))>;
        using writing = op::one_of<nothing, releasing>;
        return write_back(s, [this, &s]() -> result<writing> {
            if (s.is_new()) return writing(still_new(s));
            return writing(releasing(s.id(), policy_.release(codec_.unchanged(s))));
        });
    }

    auto renew(session_type& s) const {
        using renewing = write_as<decltype(policy_.renew({}))>;
        return write_back(s, [this, &s]() -> result<renewing> {
            return renewing(s.id(), policy_.renew(codec_.unchanged(s)));
        });
    }

    auto update(const session_id& id, auto change) const {
        return store_detail::update(id, policy_, codec_, std::move(change));
    }

private:
    auto send(session_type& s, save_request request) const {
        using saving = write_as<decltype(policy_.save({}))>;
        using writing = op::one_of<decltype(first_write({})), saving>;
        auto sending = s.is_new() ? writing(first_write(std::move(request)))
                                  : writing(saving(s.id(), policy_.save(std::move(request))));
        return amended(s, followed(s, std::move(sending)));
    }

    auto first_write(save_request request) const {
        return policy_.create(std::move(request), [this](save_request r) { return store_detail::create(std::move(r), codec_); });
    }

    auto give_up(session_type& s) const {
        if constexpr (exclusive_lock_policy<LockPolicy>)
            return release(s);
        else
            return op::ready<command, result<reply>, void>(result<void>());
    }

    // Runs the operation that `begin` makes, and has the session follow what it wrote.
    template <class Begin>
    auto write_back(session_type& s, Begin begin) const {
        return followed(s, op::defer(std::move(begin)));
    }
    auto followed(session_type& s, auto writing) const {
        return op::then(std::move(writing), [this, &s](written w) { return codec_.follow(s, std::move(w)); });
    }

    // What was to change beside the data is stored then.
    auto amended(session_type& s, auto writing) const {
        return op::then(std::move(writing), [&s] {
            session_access::amended(s) = {};
            return result<void>();
        });
    }

    static nothing still_new(const session_type& s) {
        return nothing(written{{session_access::stored(s)}, s.id(), true});
    }

    session_options options_;
    user_policy<LockPolicy> policy_;
    session_codec<Serializer> codec_;
};

} // namespace dynasession::inline v0::store_detail

#endif
// #include <dynasession/store/user_operations.hpp>
#ifndef DYNASESSION_STORE_USER_OPERATIONS_HPP
#define DYNASESSION_STORE_USER_OPERATIONS_HPP

// #include <dynasession/core/concepts.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/core/session_handle.hpp>
// #include <dynasession/core/session_summary.hpp>
// #include <dynasession/op/async_run.hpp>
// #include <dynasession/op/in_turn.hpp>
#ifndef DYNASESSION_OP_IN_TURN_HPP
#define DYNASESSION_OP_IN_TURN_HPP

// #include <dynasession/op/action.hpp>

#include <concepts>
#include <utility>

namespace dynasession::inline v0::op {

/// An operation of no value, and when it has succeeded another one, whose result is that of both.
template <operation First, operation Second>
    requires(std::same_as<typename First::effect_type, typename Second::effect_type> &&
             std::same_as<typename First::reply_type, typename Second::reply_type> && std::same_as<typename First::value_type, void>)
class in_turn {
public:
    using effect_type = typename First::effect_type;
    using reply_type = typename First::reply_type;
    using value_type = typename Second::value_type;

    in_turn(First first, Second second) : first_(std::move(first)), second_(std::move(second)) {}

    action<effect_type, value_type> resume(reply_type&& reply, instant now) {
        using outer = action<effect_type, value_type>;
        if (first_is_over_) return second_.resume(std::move(reply), now);
        return carry_on<outer>(first_.resume(std::move(reply), now), [&](result<void> done) -> outer {
            if (!done) return result<value_type>(std::move(done).error());
            first_is_over_ = true;
            return second_.resume({}, now);
        });
    }

private:
    First first_;
    Second second_;
    bool first_is_over_ = false;
};

} // namespace dynasession::inline v0::op

#endif
// #include <dynasession/op/one_of.hpp>
// #include <dynasession/op/run.hpp>
// #include <dynasession/store/after_mark.hpp>
// #include <dynasession/store/operations.hpp>
// #include <dynasession/store/revocation.hpp>
// #include <dynasession/store/sweep.hpp>
#ifndef DYNASESSION_STORE_SWEEP_HPP
#define DYNASESSION_STORE_SWEEP_HPP

// #include <dynasession/core/command.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/core/session_handle.hpp>
// #include <dynasession/core/session_summary.hpp>
// #include <dynasession/op/action.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dynasession::inline v0::store_detail {

/// Which sessions of a user end.
struct ending {
    std::string user{};
    session_handle kept{};          ///< stays, if it is the handle of one
    std::size_t newest = 0;         ///< and so many that were bound last
    user_time mark = no_mark;       ///< of those that were bound later than this
    std::optional<raise_mark> raise{}; ///< comes first
    bool lists = true;              ///< false: the backend finds no sessions by users, the mark is all
};

/// Ends sessions of a user, one by one, each only as long as it belongs to him since the moment that was read; says how many.
class sweep {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = std::size_t;

    explicit sweep(ending e) : ending_(std::move(e)) {}

    op::action<command, std::size_t> resume(reply_type in, op::instant now) {
        if (!in) return result<std::size_t>(std::move(in).error());
        switch (state_) {
        case state::start:
            if (!ending_.raise) return list(now);
            state_ = state::raising;
            return command(*ending_.raise);
        case state::raising: return ending_.lists ? list(now) : done();
        case state::listing:
            found_ = std::move(in->sessions);
            at_ = kept_ = ended_in_round_ = 0;
            return next(now);
        case state::erasing: break;
        }
        ended_in_round_ += in->applied;
        return next(now);
    }

private:
    using step = op::action<command, std::size_t>;
    enum class state { start, raising, listing, erasing };

    static constexpr std::size_t at_a_time = 1000;

    std::size_t limit() const noexcept { return at_a_time + ending_.newest; }

    step list(op::instant now) {
        state_ = state::listing;
        return command(list_sessions{ending_.user, now.seconds(), limit()});
    }

    step next(op::instant now) {
        for (; at_ != found_.size(); ++at_) {
            const session_summary& s = found_[at_];
            if (stays(s)) continue;
            state_ = state::erasing;
            ++at_;
            return command(erase_owned{ending_.user, s.handle, s.owner.since});
        }
        ended_ += ended_in_round_;
        const bool there_may_be_more = found_.size() >= limit() && ended_in_round_ != 0;
        return there_may_be_more ? list(now) : done();
    }

    bool stays(const session_summary& s) {
        if (s.handle == ending_.kept) return true;
        return s.owner.since > ending_.mark && kept_ < ending_.newest && ++kept_ != 0;
    }

    step done() const { return result<std::size_t>(ended_); }

    ending ending_;
    state state_ = state::start;
    std::vector<session_summary> found_{};
    std::size_t at_ = 0, kept_ = 0, ended_in_round_ = 0, ended_ = 0;
};

/// The sessions of a user that were bound later than his mark.
class list_of {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = std::vector<session_info>;

    list_of(std::string user, std::size_t limit, user_time mark) : user_(std::move(user)), limit_(limit), mark_(mark) {}

    op::action<command, value_type> resume(reply_type in, op::instant now) {
        if (!std::exchange(sent_, true)) return command(list_sessions{user_, now.seconds(), limit_});
        if (!in) return result<value_type>(std::move(in).error());
        value_type all;
        for (auto& s : in->sessions)
            if (s.owner.since > mark_) all.push_back(session_info::of(std::move(s)));
        return result<value_type>(std::move(all));
    }

private:
    std::string user_;
    std::size_t limit_;
    user_time mark_;
    bool sent_ = false;
};

/// Ends one session of a user by its handle; says whether it was his.
class end_one {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = bool;

    end_one(std::string user, const session_handle& handle) : erase_{std::move(user), handle} {}

    op::action<command, bool> resume(reply_type in, op::instant) {
        if (!std::exchange(sent_, true)) return command(erase_);
        return in ? result<bool>(in->applied) : result<bool>(std::move(in).error());
    }

private:
    erase_owned erase_;
    bool sent_ = false;
};

} // namespace dynasession::inline v0::store_detail

#endif

#include <boost/asio/deferred.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace dynasession::inline v0 {

/// What a store does for users, whom sessions are bound to by `session::user`: it is a part of `basic_session_store`, in the
/// same three forms, where the backend knows users.
///
/// Sessions are found by an index, which may be a moment behind: what was bound just now may be missing from a list and escape
/// from being ended. With `session_options::revocation_marks` no session that was bound before `destroy_all_of` or
/// `destroy_others_of` began is ever loaded again once they are done, also without an index; one that is bound while they
/// run ends or stays; one that is bound afterwards, as by the next log-in, stays. A request that works on a session meanwhile is not
/// interrupted, and its save may succeed: nobody sees what it wrote.
///
/// *Errors:* `invalid_option`: the backend has no index, or the name is empty; whatever keeps the store from answering. Then some
/// may have ended and others not: call again.
template <class Store, class Session, class Backend>
class user_operations {
public:
    /// The sessions of a user, those first that were bound to him last, 1000 at most.
    ///
    /// *Cost:* on DynamoDB one page of the index and one read of each item, for each 100.
    std::vector<session_info> sessions_of(const std::string& user)
        requires user_backend<Backend>
    {
        return op::run(list_op(user), io()).value();
    }
    std::vector<session_info> sessions_of(const std::string& user, error_code& ec)
        requires user_backend<Backend>
    {
        return self().run(list_op(user), ec);
    }
    template <class Token = boost::asio::deferred_t>
        requires user_backend<Backend>
    auto async_sessions_of(const std::string& user, Token&& token = Token{}) {
        return op::async_run(list_op(user), io(), std::forward<Token>(token));
    }

    /// Ends one session of a user, by its handle from a list; false if he has none of that handle. That of another user's
    /// session ends nothing, wherever it comes from.
    ///
    /// *Cost:* one delete.
    bool destroy_one_of(const std::string& user, const session_handle& handle)
        requires user_backend<Backend>
    {
        return op::run(one_op(user, handle), io()).value();
    }
    bool destroy_one_of(const std::string& user, const session_handle& handle, error_code& ec)
        requires user_backend<Backend>
    {
        return self().run(one_op(user, handle), ec);
    }
    template <class Token = boost::asio::deferred_t>
        requires user_backend<Backend>
    auto async_destroy_one_of(const std::string& user, const session_handle& handle, Token&& token = Token{}) {
        return op::async_run(one_op(user, handle), io(), std::forward<Token>(token));
    }

    /// Ends all sessions of a user: to be called when he changes his password. Says how many it found by the index; with
    /// `revocation_marks` there may be none.
    ///
    /// *Cost:* a list, and one delete a session; with `revocation_marks` one read and one write before.
    std::size_t destroy_all_of(const std::string& user)
        requires user_backend<Backend>
    {
        return op::run(all_op(user), io()).value();
    }
    std::size_t destroy_all_of(const std::string& user, error_code& ec)
        requires user_backend<Backend>
    {
        return self().run(all_op(user), ec);
    }
    template <class Token = boost::asio::deferred_t>
        requires user_backend<Backend>
    auto async_destroy_all_of(const std::string& user, Token&& token = Token{}) {
        return op::async_run(all_op(user), io(), std::forward<Token>(token));
    }

    /// The same, but for one session, which is good under its id from then on as before: with `revocation_marks` it is saved, with
    /// its changes, and bound anew.
    ///
    /// *Errors:* those of `save` too; then none has ended.
    ///
    /// *Cost:* as `destroy_all_of`; with `revocation_marks` also a save.
    std::size_t destroy_others_of(const std::string& user, Session& keep)
        requires user_backend<Backend>
    {
        return op::run(others_op(user, keep), io()).value();
    }
    std::size_t destroy_others_of(const std::string& user, Session& keep, error_code& ec)
        requires user_backend<Backend>
    {
        return self().run(others_op(user, keep), ec);
    }
    template <class Token = boost::asio::deferred_t>
        requires user_backend<Backend>
    auto async_destroy_others_of(const std::string& user, Session& keep, Token&& token = Token{}) {
        return op::async_run(others_op(user, keep), io(), std::forward<Token>(token));
    }

    /// Ends all sessions of a user but those `keep_count` that were bound to him last. Called after each log-in it is a bound
    /// for their number; log-ins at the same moment agree on which those are.
    ///
    /// *Cost:* a list, and one delete a session that ends.
    std::size_t destroy_oldest_of(const std::string& user, std::size_t keep_count)
        requires user_backend<Backend>
    {
        return op::run(oldest_op(user, keep_count), io()).value();
    }
    std::size_t destroy_oldest_of(const std::string& user, std::size_t keep_count, error_code& ec)
        requires user_backend<Backend>
    {
        return self().run(oldest_op(user, keep_count), ec);
    }
    template <class Token = boost::asio::deferred_t>
        requires user_backend<Backend>
    auto async_destroy_oldest_of(const std::string& user, std::size_t keep_count, Token&& token = Token{}) {
        return op::async_run(oldest_op(user, keep_count), io(), std::forward<Token>(token));
    }

protected:
    user_operations() = default;
    ~user_operations() = default;

private:
    Store& self() noexcept { return static_cast<Store&>(*this); }
    Backend& io() noexcept { return self().backend(); }
    const std::shared_ptr<const store_detail::revocation>& marks() noexcept { return self().ops_.policy().marks(); }

    static constexpr std::size_t most_listed = 1000;

    // An operation that is made by `make(mark, began)`, of a user who has a name.
    template <class Make>
    auto after_mark(const std::string& user, Make make) {
        using made = typename std::invoke_result_t<Make&, user_time, user_time>;
        const auto begin = [user, make = std::move(make)](user_time mark, user_time began) mutable -> result<made> {
            if (user.empty()) return failure(error::invalid_option, "the name of a user is not empty");
            return make(mark, began);
        };
        return store_detail::after_mark(marks() ? user : std::string(), begin);
    }

    auto list_op(const std::string& user) {
        return after_mark(user, [user](user_time mark, user_time) { return store_detail::list_of(user, most_listed, mark); });
    }

    static auto one_op(const std::string& user, const session_handle& handle) { return store_detail::end_one(user, handle); }

    auto all_op(const std::string& user) {
        return after_mark(user, [e = store_detail::ending{.user = user, .lists = lists()}, m = marks()](user_time mark, user_time began) {
            auto all = e;
            if (m) all.raise = m->mark(all.user, mark, began);
            return store_detail::sweep(std::move(all));
        });
    }

    auto oldest_op(const std::string& user, std::size_t keep_count) {
        return after_mark(user, [user, keep_count](user_time mark, user_time) {
            return store_detail::sweep({.user = user, .newest = keep_count, .mark = mark});
        });
    }

    // The session that stays is bound to the moment after the mark before that is raised: should this end between the two, nothing
    // is lost.
    auto others_op(const std::string& user, Session& keep) {
        return after_mark(user, [this, user, &keep, e = store_detail::ending{.user = user, .lists = lists()}, m = marks()](
                                    user_time mark, user_time began) {
            auto others = e;
            others.kept = session_handle::of(keep.id());
            user_time since{};
            if (m) {
                others.raise = m->mark(user, mark, began);
                if (keep.user() == user) {
                    others.raise->not_before = std::max(others.raise->not_before, keep.user_since());
                    since = store_detail::revocation::bound(others.raise->not_before, began);
                }
            }
            using nothing = op::ready<command, result<reply>, void>;
            using first = op::one_of<nothing, decltype(self().ops_.save_bound(keep, since))>;
            // By an id that it does not have any more it would not be known in the list.
            const auto nothing_to_do = keep.is_read_only() ? result<void>(error::read_only_session) : result<void>();
            return op::in_turn(since == user_time{} ? first(nothing(nothing_to_do)) : first(self().ops_.save_bound(keep, since)),
                               store_detail::sweep(std::move(others)));
        });
    }

    // Without an index and without marks there is nothing to do it by: then the backend says so.
    bool lists() { return !marks() || io().lists_users(); }
};

} // namespace dynasession::inline v0

#endif
// #include <dynasession/store/write_kind.hpp>

#include <boost/asio/deferred.hpp>

#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0 {

/// Keeps sessions: what a web server asks for them. Where they are kept, how requests of one session
/// keep out of each other's way, and how a session's value is written down are the three policies.
///
/// Each operation has three forms: `load(id)` throws `session_error`, `load(id, ec)` sets an error_code,
/// and `async_load(id, token)` takes any Asio completion token (by default `asio::deferred`, so that it
/// can be awaited) and completes with `void(error_code, T)`, or `void(error_code)` where `T` is void.
///
/// *Errors:* a session that is absent or has expired is not an error of `load`; a store that does not
/// answer always is one (compare with `condition`). Whatever failed to load cannot be saved.
///
/// *Lifetimes:* a store is neither copied nor moved and outlives its operations; so does a session that
/// is given by reference to an asynchronous one. All other arguments are copied.
///
/// *Thread safety:* a store may be used from many threads at once, a session from one at a time.
///
/// *Cancellation:* asynchronous operations honour terminal cancellation: they complete with
/// `operation_aborted`, or with their result if that was there already. A write that is cancelled may have been applied.
template <backend Backend, lock_policy LockPolicy, serializer Serializer>
class basic_session_store
    : public user_operations<basic_session_store<Backend, LockPolicy, Serializer>, basic_session<typename Serializer::value_type>, Backend> {
    using operations = store_detail::session_operations<LockPolicy, Serializer>;

public:
    using backend_type = Backend;
    using lock_policy_type = LockPolicy;
    using serializer_type = Serializer;
    using session_type = typename operations::session_type;
    using options_type = typename Backend::options_type;
    using executor_type = typename Backend::executor_type;

    /// A store with the options given.
    ///
    /// *Errors:* throws session_error with `invalid_option` or another `condition::configuration`.
    explicit basic_session_store(options_type backend_options = {}, session_options options = {}, LockPolicy policy = {},
                                 Serializer s = {})
        : ops_(options, std::move(policy), std::move(s), store_detail::marks_for<Backend>(options)),
          backend_(std::make_shared<Backend>(std::move(backend_options))) {}

    /// The same, doing its asynchronous I/O on `executor`.
    basic_session_store(executor_type executor, options_type backend_options, session_options options = {},
                        LockPolicy policy = {}, Serializer s = {})
        requires std::constructible_from<Backend, executor_type, options_type>
        : ops_(options, std::move(policy), std::move(s), store_detail::marks_for<Backend>(options)),
          backend_(std::make_shared<Backend>(std::move(executor), std::move(backend_options))) {}

    basic_session_store(const basic_session_store&) = delete;
    basic_session_store& operator=(const basic_session_store&) = delete;

    /// A new session with a fresh id; nothing is stored until it is saved. It lives as long as the options say, or as is given.
    ///
    /// *Errors:* throws session_error with `invalid_option`.
    session_type create(const session_lifetime& lifetime = {}) const { return ops_.create(now(), lifetime); }

    /// The session with this id; empty if there is none or it has expired.
    ///
    /// It is loaded for what the lock policy does by itself, or for `read_only` or `exclusive`: see core/access.hpp. With a
    /// policy that locks (see pessimistic_lock), asynchronous loads also renew the lock, on the store's executor, until the
    /// session is saved or released, the last copy of it goes or `max_hold_time` is over; so long they keep that executor busy.
    /// Blocking ones leave it to `renew` and `keep_renewing`.
    ///
    /// *Errors:* those of the lock policy, `lock_timeout` say; `read_only_session` comes from saving one that is.
    ///
    /// *Cost:* one read of the item, 1 RCU for each 4 KB; with a lock one write, 1 WCU for each KB.
    std::optional<session_type> load(const session_id& id) { return load(id, read_write); }
    std::optional<session_type> load(const session_id& id, error_code& ec) { return load(id, read_write, ec); }
    template <class Token = boost::asio::deferred_t>
        requires(!access<std::remove_cvref_t<Token>>)
    auto async_load(const session_id& id, Token&& token = Token{}) {
        return async_load(id, read_write, std::forward<Token>(token));
    }
    template <access Access>
        requires can_load<LockPolicy, Access>
    std::optional<session_type> load(const session_id& id, Access a) {
        return op::run(ops_.load(id, a), backend()).value();
    }
    template <access Access>
        requires can_load<LockPolicy, Access>
    std::optional<session_type> load(const session_id& id, Access a, error_code& ec) {
        return run(ops_.load(id, a), ec);
    }
    template <access Access, class Token = boost::asio::deferred_t>
        requires can_load<LockPolicy, Access>
    auto async_load(const session_id& id, Access a, Token&& token = Token{}) {
        return op::async_run(op::then(ops_.load(id, a), [this](std::optional<session_type> s) {
            if (s) renew_while_held(*s);
            return result<std::optional<session_type>>(std::move(s));
        }), backend(), std::forward<Token>(token));
    }

    /// Stores what changed since the session was loaded or last saved, and puts off its expiry.
    ///
    /// A session that did not change is touched at most. A new one is stored for the first time; should
    /// its id be taken it gets another, so a cookie is set after the save. Afterwards the session is up to date and can be saved again.
    ///
    /// *Errors:* `session_gone`: destroyed or expired meanwhile, nothing was written; those of the lock policy: `conflict`,
    /// `lock_lost`, `lock_timeout`; `item_too_large`, `not_serializable` and `read_only_session`: nothing was sent;
    /// `outcome_unknown`: the answer was lost, load the session again and look.
    ///
    /// *Cost:* one write of the item, 1 WCU for each KB, and another for each save of others that was faster; nothing if
    /// neither change nor touch is due and there is no lock to give up.
    void save(session_type& s) { op::run(ops_.save(s), backend()).value(); }
    void save(session_type& s, error_code& ec) { run(ops_.save(s), ec); }
    template <class Token = boost::asio::deferred_t>
    auto async_save(session_type& s, Token&& token = Token{}) {
        return op::async_run(ops_.save(s), backend(), std::forward<Token>(token));
    }

    /// Loads the session, calls `change(session&)` and saves it, all of it again when somebody else saved meanwhile:
    /// no update is lost, whatever the lock policy, and `change` may be called more than once.
    /// Gives the session as saved; empty if there is none. A `change` that returns false has nothing saved.
    ///
    /// *Errors:* as load and save; `conflict` after 32 attempts, some four seconds. What `change` throws passes through the blocking
    /// forms; it must not throw in the asynchronous one.
    ///
    /// *Cost:* a load and a save for each attempt.
    template <std::invocable<basic_session<typename Serializer::value_type>&> Change>
    std::optional<session_type> update(const session_id& id, Change change) {
        return op::run(ops_.update(id, std::move(change)), backend()).value();
    }
    template <std::invocable<basic_session<typename Serializer::value_type>&> Change>
    std::optional<session_type> update(const session_id& id, Change change, error_code& ec) {
        return run(ops_.update(id, std::move(change)), ec);
    }
    template <std::invocable<basic_session<typename Serializer::value_type>&> Change, class Token = boost::asio::deferred_t>
    auto async_update(const session_id& id, Change change, Token&& token = Token{}) {
        return op::async_run(ops_.update(id, std::move(change)), backend(), std::forward<Token>(token));
    }

    /// Puts off the expiry of the session, without its changes; nothing is sent while that is hardly due
    /// (see session_options::touch_fraction) or the session is new.
    ///
    /// *Errors:* `session_gone`: destroyed or expired meanwhile.
    ///
    /// *Cost:* one write of the whole item, or nothing.
    void touch(session_type& s) { op::run(ops_.touch(s), backend()).value(); }
    void touch(session_type& s, error_code& ec) { run(ops_.touch(s), ec); }
    template <class Token = boost::asio::deferred_t>
    auto async_touch(session_type& s, Token&& token = Token{}) {
        return op::async_run(ops_.touch(s), backend(), std::forward<Token>(token));
    }

    /// Gives the session a new id and saves it under that; the old id leads nowhere from then on.
    ///
    /// To be called at login, logout and whenever privileges change: it defeats session fixation. With
    /// `session_options::regenerate_grace` the old id is good for reading a little longer, for whoever has it.
    ///
    /// *Errors:* as save; the session keeps its id then. With `outcome_unknown` it may have been moved all the same, under
    /// an id that nobody has: it is gone then.
    ///
    /// *Cost:* one transaction of a put and a delete, each 2 WCU for each KB.
    void regenerate(session_type& s) { op::run(ops_.regenerate(s), backend()).value(); }
    void regenerate(session_type& s, error_code& ec) { run(ops_.regenerate(s), ec); }
    template <class Token = boost::asio::deferred_t>
    auto async_regenerate(session_type& s, Token&& token = Token{}) {
        return op::async_run(ops_.regenerate(s), backend(), std::forward<Token>(token));
    }

    /// Gives up the session's lock without its changes; nothing happens if it has none. To save it later on is possible, as
    /// by optimistic_lock.
    ///
    /// *Errors:* `lock_lost`, `session_gone`: there was none to give up any more.
    ///
    /// *Cost:* one write of the whole item; mostly nothing if another request of this process waits for the lock.
    void release(session_type& s)
        requires exclusive_lock_policy<LockPolicy>
    {
        op::run(ops_.release(s), backend()).value();
    }
    void release(session_type& s, error_code& ec)
        requires exclusive_lock_policy<LockPolicy>
    {
        run(ops_.release(s), ec);
    }
    template <class Token = boost::asio::deferred_t>
        requires exclusive_lock_policy<LockPolicy>
    auto async_release(session_type& s, Token&& token = Token{}) {
        return op::async_run(ops_.release(s), backend(), std::forward<Token>(token));
    }

    /// Has the session's lock last a whole lease from now on.
    ///
    /// *Errors:* `lock_lost`: the session has no lock, or none any more, or the policy renews it no further; `session_gone`.
    ///
    /// *Cost:* one write of the whole item.
    void renew(session_type& s)
        requires exclusive_lock_policy<LockPolicy>
    {
        op::run(ops_.renew(s), backend()).value();
    }
    void renew(session_type& s, error_code& ec)
        requires exclusive_lock_policy<LockPolicy>
    {
        run(ops_.renew(s), ec);
    }
    template <class Token = boost::asio::deferred_t>
        requires exclusive_lock_policy<LockPolicy>
    auto async_renew(session_type& s, Token&& token = Token{}) {
        return op::async_run(ops_.renew(s), backend(), std::forward<Token>(token));
    }

    /// Renews the session's lock on a thread of its own, at a third of each lease, until the object that it gives goes or the
    /// lock ends. For blocking requests that may take longer than a lease; asynchronous loads do this by themselves.
    ///
    /// *Lifetimes:* the object must not outlive the store.
    [[nodiscard]] store_detail::renewal keep_renewing(const session_type& s)
        requires exclusive_lock_policy<LockPolicy>
    {
        return store_detail::renewal([this, id = s.id(), hold = std::weak_ptr(session_access::hold(s))](auto stop) {
            auto keeping = ops_.policy().keep(id, hold.lock(), std::move(stop));
            (void)op::run(std::move(keeping), backend());
        });
    }

    /// Ends a session at once, whoever works on it: later saves of it fail. No error if there is none. By an id that it had
    /// before `regenerate` it is not found: see `session_options::regenerate_grace`.
    ///
    /// *Cost:* one delete, 1 WCU for each KB.
    void destroy(const session_id& id) { op::run(store_detail::destroy(id), backend()).value(); }
    void destroy(const session_id& id, error_code& ec) { run(store_detail::destroy(id), ec); }
    template <class Token = boost::asio::deferred_t>
    auto async_destroy(const session_id& id, Token&& token = Token{}) {
        return op::async_run(store_detail::destroy(id), backend(), std::forward<Token>(token));
    }

    /// Does one of the writes above that is chosen at run time, as at the end of a request.
    ///
    /// *Errors, cost:* of that write.
    void write(session_type& s, write_kind kind) { op::run(ops_.write(s, kind), backend()).value(); }
    void write(session_type& s, write_kind kind, error_code& ec) { run(ops_.write(s, kind), ec); }
    template <class Token = boost::asio::deferred_t>
    auto async_write(session_type& s, write_kind kind, Token&& token = Token{}) {
        return op::async_run(ops_.write(s, kind), backend(), std::forward<Token>(token));
    }

    /// Whether a save of this session has nothing to send now: it did not change, no touch is due, and it has no lock. For
    /// servers that spare themselves an asynchronous operation then.
    bool is_settled(const session_type& s) const { return ops_.is_settled(s, backend_->now()); }

    /// The time that sessions are judged by: the service's, as far as the backend knows it.
    time_point now() const { return backend_->now().seconds(); }

    const session_options& options() const noexcept { return ops_.options(); }

    /// The backend, for what it offers beyond sessions (tables, counters).
    Backend& backend() noexcept { return *backend_; }

    executor_type get_executor() { return backend_->get_executor(); }

private:
    friend user_operations<basic_session_store, session_type, Backend>;

    template <class Op>
    auto run(Op operation, error_code& ec) {
        auto r = op::run(std::move(operation), backend());
        ec = r ? error_code{} : r.error().code;
        using value_type = typename Op::value_type;
        if constexpr (!std::is_void_v<value_type>) return r ? *std::move(r) : value_type{};
    }

    void renew_while_held(const session_type& s) {
        if constexpr (exclusive_lock_policy<LockPolicy>) {
            const auto& hold = session_access::hold(s);
            if (hold) op::async_run(ops_.policy().keep(s.id(), hold, nullptr), backend(), [alive = backend_](error_code) {});
        }
    }

    operations ops_;
    std::shared_ptr<Backend> backend_; // lock renewals have it too: they may end a little after the store
};

} // namespace dynasession::inline v0

#endif

namespace dynasession::inline v0 {

/// Sessions in a DynamoDB table: for any number of servers.
using dynamodb_session_store = basic_session_store<dynamodb_backend, no_lock, json_serializer>;

} // namespace dynasession::inline v0

#endif
// #include <dynasession/lock/optimistic_lock.hpp>
#ifndef DYNASESSION_LOCK_OPTIMISTIC_LOCK_HPP
#define DYNASESSION_LOCK_OPTIMISTIC_LOCK_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/concepts.hpp>
// #include <dynasession/lock/load_once.hpp>
// #include <dynasession/lock/move_changes.hpp>
// #include <dynasession/lock/save_on_version.hpp>

#include <utility>

namespace dynasession::inline v0 {

/// No lock while a request works; a save finds out whether another came between. If they changed different keys both
/// stay; if they changed the same one the later save fails with `conflict` and writes nothing.
///
/// Locks of others (see pessimistic_lock) are respected: a save waits for their end, for some seconds.
///
/// *Cost:* as no_lock.
struct optimistic_lock {
    /// As of pessimistic_lock_options. A lock that the PHP handler has abandoned is taken over by pessimistic_lock only.
    bool foreign_writers = false;

    auto load(const session_id& id, read_write_t) const { return lock_detail::load_once(id, false); }
    auto load(const session_id& id, read_only_t) const { return lock_detail::load_once(id, true); }

    auto save(save_request s) const { return lock_detail::save_on_version(std::move(s), rules()); }

    auto touch(save_request s) const {
        s.drop_changes();
        return save(std::move(s));
    }

    template <class Rebind>
    auto regenerate(save_request s, const session_id& to, Rebind rebind) const {
        return lock_detail::move_changes(std::move(s), to, std::move(rebind), rules());
    }

private:
    lock_detail::save_rules rules() const { return {.respects_locks = true, .foreign_writers = foreign_writers}; }
};

static_assert(check_lock_policy<optimistic_lock>());

} // namespace dynasession::inline v0

#endif
// #include <dynasession/lock/pessimistic_lock.hpp>
#ifndef DYNASESSION_LOCK_PESSIMISTIC_LOCK_HPP
#define DYNASESSION_LOCK_PESSIMISTIC_LOCK_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/concepts.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/lock/acquire.hpp>
#ifndef DYNASESSION_LOCK_ACQUIRE_HPP
#define DYNASESSION_LOCK_ACQUIRE_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/backoff.hpp>
// #include <dynasession/core/command.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/detail/random_token.hpp>
// #include <dynasession/lock/lock_options.hpp>
// #include <dynasession/lock/wait_queue.hpp>
// #include <dynasession/op/action.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace dynasession::inline v0::lock_detail {

/// Locks a live session and reads it; none if there is none.
///
/// First it is this request's turn among those of its process, then its process has to get the lock in the store, unless
/// the request before handed it on. A lock that nobody is behind any more is taken over: see `lock_service::is_dead`.
class acquire {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = std::optional<loaded>;

    acquire(const session_id& id, std::shared_ptr<lock_service> service) : id_(id), service_(std::move(service)) {}

    op::action<command, value_type> resume(reply_type in, op::instant now) {
        if (!in) return result<value_type>(std::move(in).error());
        switch (state_) {
        case state::start: return line_up(now);
        case state::queued: return take_turn(now);
        case state::pausing: return look(now);
        case state::standing_back: return claim(now);
        case state::looking: return looked(*std::move(in), now);
        case state::claiming: return claimed(*std::move(in), now);
        case state::following: break;
        }
        return followed(*std::move(in), now);
    }

private:
    using step = op::action<command, value_type>;
    enum class state { start, queued, standing_back, claiming, pausing, looking, following };

    const pessimistic_lock_options& options() const noexcept { return service_->options; }

    step line_up(op::instant now) {
        deadline_ = now.steady + options().max_wait_time;
        const std::shared_ptr<wait_queues> queues(service_, &service_->queues);
        auto place = wait_queues::enter(queues, id_, options().max_waiters, now);
        if (!place) return result<value_type>(std::move(place).error());
        place_ = *std::move(place);
        return take_turn(now);
    }

    step take_turn(op::instant now) {
        if (!place_->has_turn(now)) {
            if (now.steady >= deadline_) return result<value_type>(error::lock_timeout);
            state_ = state::queued;
            return place_->wait(now, deadline_);
        }
        auto idle = place_->inherit(now);
        if (!idle) return claim(now);
        if (idle->claim.token.empty()) { // free, so that other processes get it too
            state_ = state::standing_back;
            return op::pause{std::chrono::ceil<std::chrono::milliseconds>(std::min(idle->over, deadline_) - now.steady)};
        }
        inherited_ = true;
        left_to_us_ = idle->claim.token;
        const bool lasts = idle->over - now.steady > options().lease / 3;
        if (!idle->stored || !idle->stored->live(now.system) || !lasts) {
            // Under a token of its own: that of the other may be on its way with a save that nobody waits for any more.
            seen_ = idle->claim;
            return claim(now);
        }
        hold(idle->claim, idle->over);
        return done(*std::move(idle->stored), idle->known_to);
    }

    step claim(op::instant now) {
        // A lock that is taken over from a request before is part of its process's tenure.
        if (!inherited_) place_->begins_at(now.steady);
        claim_ = {detail::random_token(), now.system + options().lease};
        lease_over_ = now.steady + options().lease;
        known_to_ = place_->wanted().entries;
        place_->claim(claim_, lease_over_);
        state_ = state::claiming;
        return command(lock_record{.id = id_, .claim = claim_, .seen = seen_, .seen_expires = seen_expires_, .now = now.seconds()});
    }

    step claimed(reply r, op::instant now) {
        if (r.applied) {
            if (!r.item) return result<value_type>(error::malformed_response);
            hold(claim_, lease_over_);
            if (seen_ && seen_->foreign) service_->sightings.forget(id_);
            return done(*std::move(r.item), known_to_);
        }
        place_->claim({}, {});
        if (r.item && r.item->moved) {
            state_ = state::following;
            return command(load_record{id_, now.seconds()});
        }
        if (!r.item || !r.item->live(now.system)) return result<value_type>(value_type{});
        return watch(*r.item, now);
    }

    // Somebody else has the lock; or this token was used up, or the lock came free between the write and the look.
    step watch(const record& r, op::instant now) {
        const auto tried = std::exchange(seen_, std::nullopt);
        inherited_ = false;
        if (!r.lock.held()) {
            if (!std::exchange(found_free_, true)) return claim(now);
        } else if (is_ours(r.lock) && tried != r.lock) {
            inherited_ = true;
            seen_ = r.lock;
            return claim(now);
        } else {
            watches_ = true;
            if (service_->is_dead(id_, r, now)) {
                seen_ = r.lock;
                seen_expires_ = r.expires;
                return claim(now);
            }
        }
        if (now.steady >= deadline_) return result<value_type>(error::lock_timeout);
        state_ = state::pausing;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - now.steady);
        return op::pause{std::min(backoff_.next(), left)};
    }

    // Of this process, and of no request that lives: a late copy of our own claim, or what an earlier request left.
    bool is_ours(const lock_claim& c) const {
        return !c.foreign && (c.token == claim_.token || c.token == left_to_us_ || place_->is_orphan(c.token));
    }

    // Half the price of a consistent read. What it misses costs another look, or a claim that fails.
    step look(op::instant now) {
        if (!watches_) return claim(now);
        state_ = state::looking;
        return command(load_record{id_, now.seconds(), true});
    }

    step looked(reply r, op::instant now) {
        const bool still_held = r.item && !r.forwarded && r.item->live(now.system) && r.item->lock.held();
        if (still_held) return watch(*r.item, now);
        watches_ = false;
        return claim(now);
    }

    step followed(reply r, op::instant now) {
        if (!r.forwarded || !r.item || !r.item->live(now.system)) return result<value_type>(value_type{});
        return result<value_type>(loaded{.stored = *std::move(r.item), .read_only = true});
    }

    void hold(lock_claim c, steady_time over) { place_->hold(std::move(c), over, over + lock_service::clock_margin); }

    step done(record stored, std::uint64_t known_to) {
        place_->read_at(known_to);
        stored.lock = {};
        return result<value_type>(loaded{std::move(stored), std::move(place_)});
    }

    session_id id_;
    std::shared_ptr<lock_service> service_;
    std::shared_ptr<wait_queues::place> place_{};
    state state_ = state::start;
    steady_time deadline_{};
    lock_claim claim_{};
    steady_time lease_over_{};
    std::uint64_t known_to_ = 0;
    std::optional<lock_claim> seen_{};
    time_point seen_expires_{};
    backoff backoff_{service_->options.min_retry_time, service_->options.max_retry_time};
    std::string left_to_us_{};
    bool inherited_ = false; // this process had the lock already
    bool found_free_ = false;
    bool watches_ = false; // the lock of another
};

} // namespace dynasession::inline v0::lock_detail

#endif
// #include <dynasession/lock/load_once.hpp>
// #include <dynasession/lock/lock_options.hpp>
// #include <dynasession/lock/move_changes.hpp>
// #include <dynasession/lock/renew.hpp>
#ifndef DYNASESSION_LOCK_RENEW_HPP
#define DYNASESSION_LOCK_RENEW_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/command.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/lock/lock_options.hpp>
// #include <dynasession/lock/wait_queue.hpp>
// #include <dynasession/op/action.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace dynasession::inline v0::lock_detail {

/// How long a lock lasts that is renewed now: a lease, or what `max_tenure` leaves of it; none if that puts off nothing.
inline std::optional<std::chrono::milliseconds> renewed_for(const lock_service& service, const wait_queues::place& place,
                                                            op::instant now) {
    using namespace std::chrono_literals;
    const auto end = place.wanted().since + service.options.max_tenure;
    const auto left = std::chrono::floor<std::chrono::milliseconds>(end - now.steady);
    if (left >= service.options.lease) return service.options.lease;
    const bool puts_off = left > 0ms && place.held_lock().over + 1ms <= end;
    return puts_off ? std::optional(left) : std::nullopt;
}

/// Puts off the end of a lock: it lasts a whole lease from now on, or until the end of `max_tenure`.
class renew {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = void;

    renew(const session_id& id, std::shared_ptr<lock_service> service, std::shared_ptr<wait_queues::place> place)
        : id_(id), service_(std::move(service)), place_(std::move(place)) {}

    op::action<command, void> resume(reply_type in, op::instant now) {
        if (!in) return result<void>(std::move(in).error());
        if (!std::exchange(sent_, true)) {
            if (!place_ || !place_->held()) return result<void>(error::lock_lost);
            const auto lasts = renewed_for(*service_, *place_, now);
            if (!lasts) return result<void>(failure(error::lock_lost, "the lock is not renewed past max_tenure"));
            over_ = now.steady + *lasts;
            claim_ = {place_->held_lock().claim.token, now.system + *lasts};
            return command(renew_lock{id_, claim_});
        }
        if (!in->applied) {
            place_->lose();
            return result<void>(in->item && in->item->live(now.system) ? error::lock_lost : error::session_gone);
        }
        if (place_->held_lock().claim.token == claim_.token)
            place_->hold(claim_, over_, over_ + lock_service::clock_margin);
        return result<void>();
    }

private:
    session_id id_;
    std::shared_ptr<lock_service> service_;
    std::shared_ptr<wait_queues::place> place_;
    lock_claim claim_{};
    steady_time over_{};
    bool sent_ = false;
};

/// Renews the lock of a session at a third of each lease, for as long as the session has it, `max_hold_time` at most, and up
/// to `max_tenure`.
///
/// It does not keep the session's place: a session that is forgotten leaves its lock to the next.
class keep_renewing {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = void;

    /// Ends at the latest when `stop` happens.
    keep_renewing(const session_id& id, std::shared_ptr<lock_service> service, std::weak_ptr<wait_queues::place> place,
                  std::shared_ptr<op::event> stop)
        : id_(id), service_(std::move(service)), place_(std::move(place)), stop_(std::move(stop)) {}

    op::action<command, void> resume(reply_type in, op::instant now) {
        const auto& options = service_->options;
        if (until_ == steady_time{}) until_ = now.steady + options.max_hold_time;
        if (renewing_) return go_on(renewing_->resume(std::move(in), now), now);
        if (!in) return result<void>(std::move(in).error());
        return wait_or_renew(now);
    }

private:
    op::action<command, void> wait_or_renew(op::instant now) {
        auto place = place_.lock();
        if (!place || !place->held() || stop_->is_set() || now.steady >= until_) return result<void>();
        if (!renewed_for(*service_, *place, now)) return result<void>();
        const auto& options = service_->options;
        // After a failure the lease goes on running, so the next attempt is due sooner.
        const auto left = place->held_lock().over - now.steady;
        if (left > options.lease * 2 / 3) {
            const auto pause = std::min<std::chrono::steady_clock::duration>(left - options.lease * 2 / 3, until_ - now.steady);
            return op::pause{std::chrono::ceil<std::chrono::milliseconds>(pause), stop_};
        }
        if (failed_ && !std::exchange(paused_, true)) return op::pause{options.lease / 12, stop_};
        paused_ = false;
        renewing_.emplace(id_, service_, std::move(place));
        return go_on(renewing_->resume({}, now), now);
    }

    op::action<command, void> go_on(op::action<command, void> act, op::instant now) {
        return op::carry_on<op::action<command, void>>(std::move(act), [&](result<void> r) -> op::action<command, void> {
            renewing_.reset();
            failed_ = !r;
            return wait_or_renew(now);
        });
    }

    session_id id_;
    std::shared_ptr<lock_service> service_;
    std::weak_ptr<wait_queues::place> place_;
    std::shared_ptr<op::event> stop_;
    steady_time until_{};
    std::optional<renew> renewing_{};
    bool failed_ = false;
    bool paused_ = false;
};

} // namespace dynasession::inline v0::lock_detail

#endif
// #include <dynasession/lock/save_held.hpp>
#ifndef DYNASESSION_LOCK_SAVE_HELD_HPP
#define DYNASESSION_LOCK_SAVE_HELD_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/amendments.hpp>
// #include <dynasession/core/command.hpp>
// #include <dynasession/core/fields.hpp>
// #include <dynasession/detail/random_token.hpp>
// #include <dynasession/lock/lock_options.hpp>
// #include <dynasession/lock/save_on_version.hpp>
// #include <dynasession/lock/wait_queue.hpp>
// #include <dynasession/op/action.hpp>

#include <boost/asio/error.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace dynasession::inline v0::lock_detail {

/// Saves a locked session and gives up its lock, in one write; or hands the lock on, in the same write, when another
/// request of this process waits for it.
///
/// It is bound to the lock and to the version that was read when the lock was taken, so it changes nothing when the
/// lock was lost, whatever clocks and networks do. With `foreign_writers` it is also bound to the content that was read: a late
/// copy of the claim may have put our token back under which one of them has written.
class save_held {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = saved;

    save_held(save_request request, std::shared_ptr<lock_service> service, std::shared_ptr<wait_queues::place> place)
        : request_(std::move(request)), service_(std::move(service)), place_(std::move(place)) {}

    step resume(reply_type in, op::instant now) {
        if (!in) return failed(std::move(in).error());
        if (attempts_ == 0) return place_->lost() ? step(result<saved>(*place_->lost())) : send(now);
        if (in->applied) return done();
        return refused(*std::move(in), now);
    }

private:
    step send(op::instant now) {
        ++attempts_;
        record& stored = request_.stored;
        const auto& options = service_->options;
        held_ = place_->held_lock();
        demand_ = place_->wanted();
        // Now and then other processes have to get it too.
        const bool hands_on = demand_.waiting && now.steady - demand_.since < options.lease / 2;
        const bool touches = stored.touch_is_due(now.system, request_.touch_after);
        if (hands_on && !touches && request_.changes_nothing() && held_.over - now.steady > options.lease / 3)
            return hand_on_unchanged();

        lease_over_ = now.steady + options.lease;
        next_ = {};
        if (hands_on)
            next_ = {{detail::random_token(), now.system + options.lease}, lease_over_};
        else if (demand_.waiting)
            next_ = {{}, now.steady + options.max_retry_time}; // so long the next one stands back
        const bool writes = touches || !request_.changes_nothing();
        terms_ = request_.amended.on(stored);
        expires_ = writes ? expiry_when_saved(stored, terms_, now.system) : stored.expires;
        after_ = request_.changes.empty() ? stored.data : apply(stored.data, request_.changes);
        journal_ = stored.journal.followed_by(held_.claim.token);
        change_record change{.id = request_.id,
                             .changes = request_.changes,
                             .after = after_,
                             .if_version = stored.version,
                             .now = now.seconds(),
                             .journal = journal_,
                             .if_locked_by = held_.claim.token,
                             .terms = terms_,
                             .lock = next_.claim};
        if (writes) change.expires = expires_;
        if (options.foreign_writers) change.if_as_read = as_read::of(stored);
        return command(std::move(change));
    }

    step hand_on_unchanged() {
        held_.stored = request_.stored;
        place_->pass_on(std::move(held_));
        return result<saved>(saved{.stored = std::move(request_.stored)});
    }

    // The token of a save that may be carried out yet must not be seen in another one: its mark would vouch for both.
    step failed(failure why) {
        const bool may_come_yet = why == error::outcome_unknown || why.code == boost::asio::error::operation_aborted;
        if (may_come_yet) place_->lose(error::outcome_unknown, {held_.claim.token, next_.claim.token}, lease_over_);
        return result<saved>(std::move(why));
    }

    step done() {
        record& stored = request_.stored;
        if (terms_) terms_->apply_to(stored);
        stored.data = std::move(after_);
        stored.journal = std::move(journal_);
        stored.expires = expires_;
        ++stored.version;
        if (!next_.claim.token.empty()) {
            next_.stored = stored;
            next_.known_to = demand_.entries;
        }
        if (demand_.waiting)
            place_->pass_on(std::move(next_));
        else
            place_->end();
        return result<saved>(saved{.stored = std::move(stored)});
    }

    step refused(reply found, op::instant now) {
        const auto& theirs = found.item;
        const bool gone = !theirs || !theirs->live(now.system);
        if (!gone && theirs->lock.token == held_.claim.token) {
            // Somebody has saved without looking at locks. Or a touch has put off the expiry: that stands.
            if (is_overtaken(request_.stored, *theirs) || attempts_ == max_attempts) return result<saved>(error::conflict);
            request_.stored.expires = theirs->expires;
            return send(now);
        }
        place_->lose();
        return result<saved>(gone ? error::session_gone : error::lock_lost);
    }

    static constexpr int max_attempts = 3;

    save_request request_;
    std::shared_ptr<lock_service> service_;
    std::shared_ptr<wait_queues::place> place_;
    wait_queues::place::demand demand_{};
    idle_lock held_{}, next_{};
    steady_time lease_over_{};
    std::optional<terms> terms_{};
    time_point expires_{};
    fields after_{};
    journal journal_{};
    int attempts_ = 0;
};

} // namespace dynasession::inline v0::lock_detail

#endif
// #include <dynasession/lock/save_on_version.hpp>
// #include <dynasession/op/action.hpp>
// #include <dynasession/op/one_of.hpp>
// #include <dynasession/op/then.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace dynasession::inline v0 {

namespace lock_detail {

/// An operation after which the session has no lock any more; it keeps it if nothing was written for another reason than
/// that the lock is lost.
template <class Op>
class ends_turn {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = saved;

    ends_turn(Op op, std::shared_ptr<wait_queues::place> place) : op_(std::move(op)), place_(std::move(place)) {}

    step resume(reply_type in, op::instant now) {
        return op::carry_on<step>(op_.resume(std::move(in), now), [&](result<saved> r) -> step {
            if (!place_) return r;
            if (r)
                place_->end();
            else if (r.error() == error::lock_lost || r.error() == error::session_gone)
                place_->lose();
            return r;
        });
    }

private:
    Op op_;
    std::shared_ptr<wait_queues::place> place_;
};

} // namespace lock_detail

/// One request at a time has a session: from its load to its save, its release, or the end of its lease.
///
/// The lock lies in the session's own item, so that a load takes it and a save gives it up without a request of its own.
/// A lock whose holder has died is taken over when its lease is over; should the holder live after all, its save fails
/// with `lock_lost` and changes nothing. Requests of one process wait in line, without traffic, and hand the lock on
/// between them. Read-only loads neither lock nor wait.
///
/// A session that is saved without its lock (a new one, or one that is saved once more) is saved as by optimistic_lock.
///
/// Leases decide who waits, never what is stored: locks and versions hold whatever the clocks say. Effects elsewhere are
/// not protected: two requests may *run* at once after a pause longer than a lease, and only one of them can save.
///
/// When an answer is lost for good, the lock may stay until the end of its lease; requests of the same process take it over
/// at once, others wait for that.
///
/// *Errors:* a load fails with `lock_timeout` and `too_many_waiters`, a save with `lock_lost`.
///
/// *Thread safety:* any thread. Copies share one queue: give each store a policy of its own.
///
/// *Cost:* a locked load is one write, a save or a release another. Of the requests of one process that wait only the first
/// looks at the item, after a write that fails by half a read unit for each 4 KB, several times a second. Where a save hands the
/// lock on, the next load costs nothing, unless it came while that save was on its way: then it is a write.
class pessimistic_lock {
public:
    /// *Errors:* throws `session_error` with `invalid_option`.
    pessimistic_lock(pessimistic_lock_options options = {})
        : service_(std::make_shared<lock_detail::lock_service>()) {
        service_->options = checked(options);
    }

    const pessimistic_lock_options& options() const noexcept { return service_->options; }

    auto load(const session_id& id, exclusive_t) const { return lock_detail::acquire(id, service_); }
    auto load(const session_id& id, read_only_t) const { return lock_detail::load_once(id, true); }

    auto load(const session_id& id, read_write_t) const {
        using either = op::one_of<lock_detail::acquire, lock_detail::load_once>;
        return options().lock_on_load ? either(load(id, exclusive)) : either(lock_detail::load_once(id, false));
    }

    auto save(save_request s) const {
        using either = op::one_of<lock_detail::save_held, lock_detail::save_on_version>;
        if (auto place = place_of(s)) return either(lock_detail::save_held(std::move(s), service_, std::move(place)));
        return either(without_lock(std::move(s)));
    }

    /// The lock stays.
    auto touch(save_request s) const {
        s.drop_changes();
        return op::then(without_lock(s), [hold = s.hold](saved done) {
            done.hold = hold;
            return result<saved>(std::move(done));
        });
    }

    template <class Rebind>
    auto regenerate(save_request s, const session_id& to, Rebind rebind) const {
        const auto place = place_of(s);
        auto token = place ? place->held_lock().claim.token : std::string();
        // Under the new id there is no lock: nobody knows it yet.
        return lock_detail::ends_turn(
            lock_detail::move_changes(std::move(s), to, std::move(rebind), with_locks(), std::move(token)), place);
    }

    auto release(save_request s) const {
        using either = op::one_of<lock_detail::save_held, op::ready<command, result<reply>, saved>>;
        s.drop_changes();
        if (auto place = place_of(s)) return either(lock_detail::save_held(std::move(s), service_, std::move(place)));
        return either(op::ready<command, result<reply>, saved>(saved{.stored = std::move(s.stored)}));
    }

    auto renew(save_request s) const {
        return op::then(lock_detail::renew(s.id, service_, place_of(s)), [stored = s.stored, hold = s.hold] {
            return result<saved>(saved{.stored = stored, .hold = hold});
        });
    }

    auto keep(const session_id& id, const std::shared_ptr<lock_hold>& hold, std::shared_ptr<op::event> stop) const {
        const auto place = std::dynamic_pointer_cast<lock_detail::wait_queues::place>(hold);
        if (!stop) stop = place ? place->ended() : std::make_shared<op::event>();
        return lock_detail::keep_renewing(id, service_, place, std::move(stop));
    }

private:
    // None if there never was one, or it was given up: by a save, a release, or the end of the store's request for it.
    static std::shared_ptr<lock_detail::wait_queues::place> place_of(const save_request& s) {
        auto place = std::dynamic_pointer_cast<lock_detail::wait_queues::place>(s.hold);
        return place && !place->is_over() ? place : nullptr;
    }

    // How a session is saved of which this request has no lock, where others may have it.
    lock_detail::save_rules with_locks() const {
        return {.respects_locks = true, .foreign_writers = options().foreign_writers, .service = service_};
    }

    lock_detail::save_on_version without_lock(save_request s) const { return {std::move(s), with_locks()}; }

    static const pessimistic_lock_options& checked(const pessimistic_lock_options& o) {
        constexpr std::chrono::milliseconds none{0}, day{std::chrono::hours(24)};
        const auto is_time = [&](std::chrono::milliseconds t) { return t > none && t <= day; };
        const bool valid = is_time(o.lease) && o.max_wait_time >= none && o.max_wait_time <= day && is_time(o.min_retry_time) &&
                           o.max_retry_time >= o.min_retry_time && o.max_retry_time <= day && o.max_hold_time >= none &&
                           o.max_hold_time <= day && o.max_tenure >= o.lease && o.max_tenure <= day &&
                           is_time(o.foreign_lock_time);
        if (!valid)
            throw session_error(failure(error::invalid_option,
                                        "pessimistic_lock_options: times are above 0 (max_wait_time and max_hold_time may be 0) "
                                        "and at most a day; max_retry_time is no less than min_retry_time, and max_tenure no less "
                                        "than lease"));
        return o;
    }

    std::shared_ptr<lock_detail::lock_service> service_;
};

static_assert(check_lock_policy<pessimistic_lock>() && exclusive_lock_policy<pessimistic_lock>);

} // namespace dynasession::inline v0

#endif
// #include <dynasession/memory_session_store.hpp>
#ifndef DYNASESSION_MEMORY_SESSION_STORE_HPP
#define DYNASESSION_MEMORY_SESSION_STORE_HPP

// #include <dynasession/backend/memory.hpp>
#ifndef DYNASESSION_BACKEND_MEMORY_HPP
#define DYNASESSION_BACKEND_MEMORY_HPP

// #include <dynasession/backend/memory_shard.hpp>
#ifndef DYNASESSION_BACKEND_MEMORY_SHARD_HPP
#define DYNASESSION_BACKEND_MEMORY_SHARD_HPP

// #include <dynasession/backend/lazy_heap.hpp>
#ifndef DYNASESSION_BACKEND_LAZY_HEAP_HPP
#define DYNASESSION_BACKEND_LAZY_HEAP_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace dynasession::inline v0::backend_detail {

/// A heap of entries by a key that may grow without the heap being told: an entry sits under the key it had
/// when it was last placed, which is never above its present one, and is placed anew when it reaches the top.
///
/// So using or touching an entry costs nothing here. `Position` is where an entry remembers its place.
template <class Entry, std::uint32_t Entry::*Position>
class lazy_heap {
    struct node {
        std::int64_t key;
        Entry* entry;
    };

public:
    /// Has the next push not throw.
    void prepare_push() {
        nodes_.emplace_back();
        nodes_.pop_back();
    }

    void push(Entry* e, std::int64_t key) {
        nodes_.push_back({key, e});
        e->*Position = static_cast<std::uint32_t>(nodes_.size() - 1);
        up(nodes_.size() - 1);
    }

    void remove(const Entry* e) noexcept {
        const std::size_t hole = e->*Position;
        const node last = nodes_.back();
        nodes_.pop_back();
        if (hole == nodes_.size()) return;
        put(hole, last);
        down(hole);
        up(hole);
    }

    /// Has an entry sit under its present key, which is not below the one it had.
    void place(Entry* e, std::int64_t key) noexcept {
        nodes_[e->*Position].key = key;
        down(e->*Position);
    }

    /// An entry moved in memory.
    void moved(Entry* to) noexcept { nodes_[to->*Position].entry = to; }

    /// The entry with the least present key, if it is at most `limit`; at most `effort` entries are placed anew.
    ///
    /// When that does not suffice, the one that came to the top is given instead if `approximately`.
    template <class Key>
    Entry* least(Key key_of, std::int64_t limit, int effort, bool approximately) noexcept {
        while (!nodes_.empty() && nodes_.front().key <= limit) {
            Entry* const top = nodes_.front().entry;
            const std::int64_t present = key_of(*top);
            if (present == nodes_.front().key || (approximately && effort == 0)) return top;
            if (effort-- == 0) return nullptr;
            nodes_.front().key = present;
            down(0);
        }
        return nullptr;
    }

private:
    void put(std::size_t i, const node& n) noexcept {
        nodes_[i] = n;
        n.entry->*Position = static_cast<std::uint32_t>(i);
    }

    void up(std::size_t i) noexcept {
        const node n = nodes_[i];
        for (; i != 0 && n.key < nodes_[(i - 1) / 2].key; i = (i - 1) / 2) put(i, nodes_[(i - 1) / 2]);
        put(i, n);
    }

    void down(std::size_t i) noexcept {
        const node n = nodes_[i];
        for (std::size_t child; (child = 2 * i + 1) < nodes_.size(); i = child) {
            if (child + 1 < nodes_.size() && nodes_[child + 1].key < nodes_[child].key) ++child;
            if (nodes_[child].key >= n.key) break;
            put(i, nodes_[child]);
        }
        put(i, n);
    }

    std::vector<node> nodes_;
};

} // namespace dynasession::inline v0::backend_detail

#endif
// #include <dynasession/backend/memory_users.hpp>
#ifndef DYNASESSION_BACKEND_MEMORY_USERS_HPP
#define DYNASESSION_BACKEND_MEMORY_USERS_HPP

// #include <dynasession/core/command.hpp>
// #include <dynasession/core/ownership.hpp>
// #include <dynasession/core/record.hpp>
// #include <dynasession/core/session_id.hpp>

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace dynasession::inline v0::backend_detail {

/// Whose the sessions of a part of the in-memory table are, and which a user has. One that is nobody's takes nothing here.
class memory_users {
public:
    /// What is known of a session; empty if nothing is.
    ownership owner_of(const session_id& id) const {
        if (owners_.empty()) return {};
        const auto at = owners_.find(id);
        return at == owners_.end() ? ownership{} : at->second;
    }

    void set_owner(const session_id& id, const ownership& o) {
        forget(id);
        if (o.empty()) return;
        owners_.emplace(id, o);
        if (!o.user.empty()) sessions_[o.user].push_back(id);
        bytes_ += bytes_of(o);
    }

    void forget(const session_id& id) noexcept {
        if (owners_.empty()) return;
        const auto at = owners_.find(id);
        if (at == owners_.end()) return;
        bytes_ -= bytes_of(at->second);
        if (const auto of_user = sessions_.find(at->second.user); of_user != sessions_.end()) {
            std::erase(of_user->second, id);
            if (of_user->second.empty()) sessions_.erase(of_user);
        }
        owners_.erase(at);
    }

    /// The sessions of a user, expired ones included.
    std::vector<session_id> sessions_of(const std::string& user) const {
        const auto at = sessions_.find(user);
        return at == sessions_.end() ? std::vector<session_id>{} : at->second;
    }

    /// The mark of a user, or `no_mark`.
    user_time mark_of(const std::string& user) const {
        const auto at = marks_.find(user);
        return at == marks_.end() ? no_mark : at->second.not_before;
    }

    /// False if there is one that is no earlier. Marks that have expired go.
    bool raise(const raise_mark& c, time_point now) {
        std::erase_if(marks_, [now](const auto& m) { return m.second.expires <= now; });
        if (mark_of(c.user) >= c.not_before) return false;
        marks_[c.user] = {c.not_before, c.expires};
        return true;
    }

    /// How many marks are kept.
    std::size_t marks() const noexcept { return marks_.size(); }

    /// What all of this takes, about.
    std::size_t size_in_bytes() const noexcept { return bytes_; }

    /// What one owner takes: a node, the id in a list, and a share of the list's node.
    static std::size_t bytes_of(const ownership& o) noexcept {
        return o.empty() ? 0 : sizeof(ownership) + 2 * sizeof(session_id) + 32 + 2 * o.user.size() + o.device.size();
    }

private:
    struct mark {
        user_time not_before{};
        time_point expires{};
    };

    std::unordered_map<std::string, mark> marks_{}; // few: they are set when all sessions of a user are ended
    std::unordered_map<session_id, ownership> owners_{};
    std::unordered_map<std::string, std::vector<session_id>> sessions_{};
    std::size_t bytes_ = 0;
};

} // namespace dynasession::inline v0::backend_detail

#endif
// #include <dynasession/core/record.hpp>
// #include <dynasession/core/session_id.hpp>

#include <boost/unordered/unordered_flat_set.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <string_view>
#include <unordered_map>

namespace dynasession::inline v0::backend_detail {

/// Eight characters of an id, from `first` on, as a number to find it by.
///
/// Only ids that `session_id::generate` made are stored, so these bits are random and need no hashing, whatever ids
/// are looked up.
inline std::uint64_t random_bits(const session_id& id, std::size_t first) noexcept {
    std::uint64_t bits;
    static_assert(session_id::length >= 16);
    std::memcpy(&bits, id.str().data() + first, sizeof bits);
    return bits;
}

/// A part of the in-memory table: records in one block of memory each, found by id, by expiry and by last use.
///
/// Expired entries are reclaimed a few at a time by the writes that pass by, and before anything else is given
/// up when a bound is reached. Not thread safe: hold `mutex`.
class memory_shard {
public:
    /// A record, followed in memory by the bytes of its fields.
    struct entry {
        session_id id;
        std::uint32_t by_expiry;
        std::uint32_t by_use;
        std::uint32_t size;
        std::int64_t used;
        stamp times;

        std::string_view bytes() const noexcept { return {reinterpret_cast<const char*>(this + 1), size}; }
        dynasession::record record() const { return {times, fields::from_bytes(bytes())}; }

        // There has to be room behind the entry.
        void assign(std::string_view data) noexcept {
            size = static_cast<std::uint32_t>(data.size());
            std::memcpy(static_cast<void*>(this + 1), data.data(), data.size());
        }
    };

    std::mutex mutex;

    /// At least one entry has to fit.
    void set_bounds(std::size_t max_entries, std::size_t max_bytes) noexcept {
        max_entries_ = max_entries;
        max_bytes_ = max_bytes;
    }

    memory_shard() = default;
    memory_shard(const memory_shard&) = delete;
    memory_shard& operator=(const memory_shard&) = delete;
    ~memory_shard() {
        for (entry* e : entries_) release(e);
    }

    /// The entry of an id, which counts as used now; null if there is none.
    entry* find(const session_id& id) noexcept {
        const auto at = entries_.find(id);
        if (at == entries_.end()) return nullptr;
        (*at)->used = ++clock_;
        return *at;
    }

    /// The same without counting as a use.
    const entry* peek(const session_id& id) const noexcept {
        const auto at = entries_.find(id);
        return at == entries_.end() ? nullptr : *at;
    }

    /// Adds a record under an id that has none; false if the bounds are too narrow for it.
    bool insert(const session_id& id, const record& content, time_point now) {
        const std::string_view data = content.data.bytes();
        const std::size_t in_all = footprint(data.size()) + memory_users::bytes_of(content.owner);
        if (in_all > max_bytes_) return false;
        make_room(in_all, 1, now);
        owned e(allocate(data.size()));
        *e = {id, 0, 0, 0, ++clock_, content};
        e->assign(data);
        expiry_.prepare_push();
        use_.prepare_push();
        users_.set_owner(id, content.owner);
        entries_.insert(e.get());
        expiry_.push(e.get(), seconds(e->times.expires));
        use_.push(e.get(), e->used);
        bytes_ += footprint(data.size());
        e.release();
        return true;
    }

    /// Gives an entry that is live and was found just now other data, perhaps at another place; null if the bounds
    /// are too narrow for it.
    entry* replace(entry* e, std::string_view data, time_point now) {
        const std::size_t before = footprint(e->size), after = footprint(data.size());
        if (before != after) {
            if (after + memory_users::bytes_of(users_.owner_of(e->id)) > max_bytes_) return nullptr;
            use_.place(e, e->used); // below all others, which are given up before it
            if (after > before) make_room(after - before, 0, now);
            entry* const fresh = allocate(data.size());
            *fresh = *e;
            // Hash and place in the set are those of the id, which stays.
            const_cast<entry*&>(*entries_.find(e)) = fresh;
            expiry_.moved(fresh);
            use_.moved(fresh);
            release(e);
            bytes_ = bytes_ - before + after;
            e = fresh;
        }
        e->assign(data);
        return e;
    }

    /// Has an entry expire at another time, perhaps earlier.
    void expire_at(entry* e, time_point t) {
        const bool earlier = t < e->times.expires;
        e->times.expires = t;
        if (!earlier) return; // it is placed anew when it reaches the top
        expiry_.remove(e);
        expiry_.push(e, seconds(t));
    }

    void erase(entry* e) noexcept {
        if (!locks_.empty()) locks_.erase(e->id);
        users_.forget(e->id);
        expiry_.remove(e);
        use_.remove(e);
        entries_.erase(e);
        bytes_ -= footprint(e->size);
        release(e);
    }

    /// Frees at most `most` entries that have expired.
    void reclaim(time_point now, int most = 2) noexcept {
        for (; most != 0; --most) {
            entry* const e = expired(now, 8);
            if (!e) return;
            erase(e);
        }
    }

    /// Who holds the lock of an entry. Few are locked at a time, so the others do not pay for it.
    lock_claim lock_of(const session_id& id) const {
        const auto at = locks_.find(id);
        return at == locks_.end() ? lock_claim{} : at->second;
    }

    /// An empty claim: nobody holds it any more.
    void lock(const session_id& id, const lock_claim& claim) {
        if (claim.held())
            locks_[id] = claim;
        else
            locks_.erase(id);
    }

    /// Whose the entries are: set for those that are here only.
    memory_users& users() noexcept { return users_; }
    const memory_users& users() const noexcept { return users_; }

    /// For this time `from` leads readers to `to`.
    void lead(const session_id& from, const session_id& to, time_point now, time_point until) {
        while (!signs_.empty() && signs_.front().until <= now) signs_.pop_front();
        signs_.push_back({from, to, until});
    }

    /// No id is where `from` leads to any more.
    void lead_nowhere(const session_id& from) noexcept {
        std::erase_if(signs_, [&](const sign& s) { return s.from == from; });
    }

    /// Where an id leads to; an empty id if nowhere.
    session_id led_to(const session_id& from, time_point now) const noexcept {
        for (const sign& s : signs_)
            if (s.from == from && s.until > now) return s.to;
        return {};
    }

    std::size_t size() const noexcept { return entries_.size(); }
    std::size_t size_in_bytes() const noexcept { return bytes_ + users_.size_in_bytes(); }

private:
    struct hash {
        using is_transparent = void;
        std::size_t operator()(const session_id& id) const noexcept { return random_bits(id, 0); }
        std::size_t operator()(const entry* e) const noexcept { return (*this)(e->id); }
    };
    struct equal {
        using is_transparent = void;
        bool operator()(const entry* a, const entry* b) const noexcept { return a->id == b->id; }
        bool operator()(const session_id& a, const entry* b) const noexcept { return a == b->id; }
    };
    struct release_entry {
        void operator()(entry* e) const noexcept { release(e); }
    };
    using owned = std::unique_ptr<entry, release_entry>;

    static entry* allocate(std::size_t data_size) { return new (::operator new(block_size(data_size))) entry; }
    static void release(entry* e) noexcept { ::operator delete(e); }

    // Rounded up to what allocators hand out anyway: multiples of 16, of which one word is theirs.
    static constexpr std::size_t block_size(std::size_t data_size) noexcept {
        return (sizeof(entry) + data_size + 8 + 15) / 16 * 16 - 8;
    }

    // What an entry costs in all: its block, the allocator's word, a slot of the set and a node of either heap.
    static constexpr std::size_t footprint(std::size_t data_size) noexcept {
        return block_size(data_size) + 8 + 10 + 32;
    }

    static std::int64_t seconds(time_point t) noexcept { return t.time_since_epoch().count(); }

    entry* expired(time_point now, int effort) noexcept {
        return expiry_.least([](const entry& e) { return seconds(e.times.expires); }, seconds(now), effort, false);
    }

    entry* least_recently_used() noexcept {
        return use_.least([](const entry& e) { return e.used; }, std::numeric_limits<std::int64_t>::max(), 64, true);
    }

    // What is added fits into the bounds on its own, so there is room at last.
    void make_room(std::size_t more_bytes, std::size_t more_entries, time_point now) noexcept {
        reclaim(now);
        while (entries_.size() + more_entries > max_entries_ || size_in_bytes() + more_bytes > max_bytes_) {
            entry* const victim = expired(now, 64);
            erase(victim ? victim : least_recently_used());
        }
    }

    struct sign {
        session_id from;
        session_id to;
        time_point until;
    };

    boost::unordered_flat_set<entry*, hash, equal> entries_;
    std::unordered_map<session_id, lock_claim> locks_;
    memory_users users_;
    std::deque<sign> signs_; // hardly any: sessions that were regenerated within the last minute
    lazy_heap<entry, &entry::by_expiry> expiry_;
    lazy_heap<entry, &entry::by_use> use_;
    std::int64_t clock_ = 0; // counts uses
    std::size_t bytes_ = 0;
    std::size_t max_entries_ = std::numeric_limits<std::size_t>::max();
    std::size_t max_bytes_ = std::numeric_limits<std::size_t>::max();
};

} // namespace dynasession::inline v0::backend_detail

#endif
// #include <dynasession/core/command.hpp>
// #include <dynasession/core/concepts.hpp>
// #include <dynasession/op/action.hpp>
// #include <dynasession/op/default_executor.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace dynasession::inline v0 {

/// Bounds and clock of a memory_backend.
struct memory_options {
    /// How many sessions are kept at most. Expired ones are given up first, then the least recently used.
    ///
    /// The store is divided into up to 64 parts, and so are the bounds: a part may be full a little early.
    std::size_t max_sessions = 1'000'000;

    /// How many bytes all sessions may take, about, with what is needed to find them.
    std::size_t max_bytes = std::size_t(1) << 30;

    /// How many bytes the keys and texts of one session may take; the default is DynamoDB's limit for an item.
    std::size_t max_session_bytes = 400 * 1024;

    /// What the time is; empty: the clocks of this machine.
    std::function<op::instant()> clock{};
};

/// Keeps sessions in the memory of this process, until it ends.
///
/// There is no thread behind it: whoever writes reclaims a few expired sessions in passing.
class memory_backend {
public:
    using options_type = memory_options;
    using executor_type = boost::asio::any_io_executor;

    explicit memory_backend(options_type options = {})
        : memory_backend(op::default_executor(), std::move(options)) {}

    /// A backend whose asynchronous operations complete on `executor` where the handler names no other.
    memory_backend(executor_type executor, options_type options)
        : options_(std::move(options)), executor_(std::move(executor)), shard_bits_(shard_bits(options_)),
          shards_(std::make_unique<padded_shard[]>(std::size_t(1) << shard_bits_)) {
        if (options_.max_sessions == 0 || options_.max_bytes == 0)
            throw session_error(
                failure(error::invalid_option, "memory_options: max_sessions and max_bytes must be positive"));
        for (std::size_t i = 0; i < std::size_t(1) << shard_bits_; ++i)
            shards_[i].set_bounds(options_.max_sessions >> shard_bits_, options_.max_bytes >> shard_bits_);
    }

    op::instant now() const { return options_.clock ? options_.clock() : op::instant::now(); }

    void wait(std::chrono::milliseconds d) { std::this_thread::sleep_for(d); }

    executor_type get_executor() const { return executor_; }

    result<reply> perform(command c) {
        return std::visit([this](auto& specific) { return carry_out(specific); }, c);
    }

    template <class Token>
    auto async_perform(command c, Token&& token) {
        return boost::asio::async_initiate<Token, void(result<reply>)>(
            [this](auto handler, command cmd) {
                auto executor = boost::asio::get_associated_executor(handler, executor_);
                boost::asio::post(executor, boost::asio::append(std::move(handler), perform(std::move(cmd))));
            },
            token, std::move(c));
    }

    /// Sessions can be found by their users.
    bool lists_users() const noexcept { return true; }

    /// How many sessions are kept, expired ones that were not reclaimed yet included.
    std::size_t size() const {
        return total([](const shard& s) { return s.size(); });
    }

    /// How many bytes they take, about.
    std::size_t size_in_bytes() const {
        return total([](const shard& s) { return s.size_in_bytes(); });
    }

private:
    using shard = backend_detail::memory_shard;
    using entry = shard::entry;
    using guard = std::scoped_lock<std::mutex>;

    // Neighbours in one cache line would slow each other down.
    struct alignas(64) padded_shard : shard {};

    static int shard_bits(const memory_options& o) noexcept {
        // A part has to hold several sessions of the largest size.
        const std::size_t large_ones = o.max_bytes / (8 * std::max(o.max_session_bytes, std::size_t(1)));
        const std::size_t parts = std::min({o.max_sessions / 1024, o.max_bytes >> 22, large_ones, std::size_t(64)});
        return static_cast<int>(std::bit_width(std::max(parts, std::size_t(1)))) - 1;
    }

    shard& shard_of(const session_id& id) const noexcept {
        // Other characters than the shard finds it by; the product spreads the bits of text over its upper end.
        const std::uint64_t mixed = backend_detail::random_bits(id, 8) * 0x9e3779b97f4a7c15ULL;
        return shards_[shard_bits_ == 0 ? 0 : mixed >> (64 - shard_bits_)];
    }

    template <class Count>
    std::size_t total(Count count) const {
        std::size_t sum = 0;
        for (std::size_t i = 0; i < std::size_t(1) << shard_bits_; ++i) {
            guard lock(shards_[i].mutex);
            sum += count(shards_[i]);
        }
        return sum;
    }

    static record record_of(const shard& s, const entry& e) {
        record r = e.record();
        r.lock = s.lock_of(e.id);
        r.owner = s.users().owner_of(e.id);
        return r;
    }

    static reply refused(const shard& s, const entry* e) {
        reply r{.applied = false};
        if (e) r.item = record_of(s, *e);
        return r;
    }

    static reply has_moved() {
        reply r{.applied = false};
        r.item.emplace().moved = true;
        return r;
    }

    failure too_large(std::size_t bytes) const {
        return failure(error::item_too_large, "the session takes " + std::to_string(bytes) + " bytes, more than " +
                                                  std::to_string(options_.max_session_bytes));
    }

    result<reply> carry_out(const load_record& c) {
        auto found = find(c);
        if (!c.mark_of.empty()) found->not_before = carry_out(load_mark{c.mark_of})->not_before;
        return found;
    }

    result<reply> find(const load_record& c) {
        session_id leads_to;
        {
            shard& s = shard_of(c.id);
            guard lock(s.mutex);
            if (const entry* e = s.find(c.id)) return reply{.item = record_of(s, *e)};
            leads_to = s.led_to(c.id, c.now);
        }
        if (leads_to.empty()) return reply{};
        auto found = find(load_record{leads_to, c.now});
        found->forwarded = true;
        return found;
    }

    result<reply> carry_out(const create_record& c) {
        const std::size_t bytes = c.content.data.size_in_bytes();
        if (bytes > options_.max_session_bytes) return too_large(bytes);
        const auto time = now().seconds();
        shard& s = shard_of(c.id);
        guard lock(s.mutex);
        if (const entry* e = s.find(c.id)) return refused(s, e);
        if (!s.insert(c.id, c.content, time)) return error::store_full;
        return reply{};
    }

    result<reply> carry_out(const change_record& c) {
        const std::size_t bytes = c.after.size_in_bytes();
        if (bytes > options_.max_session_bytes) return too_large(bytes);
        shard& s = shard_of(c.id);
        guard lock(s.mutex);
        s.reclaim(c.now);
        entry* e = s.find(c.id);
        const bool looks_at_lock = !c.if_locked_by.empty() || c.if_unlocked;
        if (!e || !c.permitted_by(e->times, e->bytes(), looks_at_lock ? s.lock_of(c.id) : lock_claim{}))
            return refused(s, e);
        e = s.replace(e, c.after.bytes(), c.now);
        if (!e) return error::store_full;
        if (c.terms) {
            c.terms->apply_lifetime_to(e->times);
            s.users().set_owner(c.id, c.terms->owner);
        }
        if (c.expires) s.expire_at(e, *c.expires);
        ++e->times.version;
        if (looks_at_lock) s.lock(c.id, c.lock);
        return reply{};
    }

    result<reply> carry_out(const touch_record& c) {
        shard& s = shard_of(c.id);
        guard lock(s.mutex);
        s.reclaim(c.now);
        entry* e = s.find(c.id);
        if (!e || !c.permitted_by(e->times)) return refused(s, e);
        e->times.expires = c.expires;
        return reply{};
    }

    result<reply> carry_out(const lock_record& c) {
        shard& s = shard_of(c.id);
        guard lock(s.mutex);
        entry* e = s.find(c.id);
        if (!e && !s.led_to(c.id, c.now).empty()) return has_moved();
        if (!e || !c.permitted_by(e->times, s.lock_of(c.id))) return refused(s, e);
        s.lock(c.id, c.claim);
        return reply{.item = record_of(s, *e)};
    }

    result<reply> carry_out(const renew_lock& c) {
        shard& s = shard_of(c.id);
        guard lock(s.mutex);
        entry* e = s.find(c.id);
        if (!e || !c.permitted_by(s.lock_of(c.id))) return refused(s, e);
        s.lock(c.id, c.claim);
        return reply{};
    }

    result<reply> carry_out(const erase_record& c) {
        shard& s = shard_of(c.id);
        guard lock(s.mutex);
        if (entry* e = s.find(c.id)) s.erase(e);
        s.lead_nowhere(c.id);
        return reply{};
    }

    result<reply> carry_out(const move_record& c) {
        const std::size_t bytes = c.content.data.size_in_bytes();
        if (bytes > options_.max_session_bytes) return too_large(bytes);
        shard &from = shard_of(c.from), &to = shard_of(c.to);
        std::unique_lock first(from.mutex, std::defer_lock), second(to.mutex, std::defer_lock);
        if (&from == &to)
            first.lock();
        else
            std::lock(first, second);
        entry* e = from.find(c.from);
        if (!e || !c.permitted_by(e->times, e->bytes(), from.lock_of(c.from))) return refused(from, e);
        if (to.find(c.to)) return error::session_exists;
        // Room for the new record may be made at the cost of the old one, when both lie in one shard.
        if (!to.insert(c.to, c.content, c.now)) return error::store_full;
        if (entry* old = from.find(c.from)) from.erase(old);
        if (c.grace.count() != 0) from.lead(c.from, c.to, c.now, c.now + c.grace);
        return reply{};
    }

    // Calls `f(shard, id)`, under the shard's lock, for the sessions of a user, until it says true.
    template <class F>
    bool any_session_of(const std::string& user, F f) {
        for (std::size_t i = 0; i < std::size_t(1) << shard_bits_; ++i) {
            guard lock(shards_[i].mutex);
            for (const session_id& id : shards_[i].users().sessions_of(user))
                if (f(shards_[i], id)) return true;
        }
        return false;
    }

    shard& shard_of_user(const std::string& user) const noexcept {
        return shards_[std::hash<std::string>{}(user) & ((std::size_t(1) << shard_bits_) - 1)];
    }

    result<reply> carry_out(const list_sessions& c) {
        reply found;
        any_session_of(c.user, [&](const shard& s, const session_id& id) {
            const entry* e = s.peek(id);
            if (e && e->times.live(c.now)) found.sessions.push_back({session_handle::of(id), e->times, s.users().owner_of(id)});
            return false;
        });
        std::ranges::sort(found.sessions, session_summary::newer);
        if (found.sessions.size() > c.limit) found.sessions.resize(c.limit);
        return found;
    }

    result<reply> carry_out(const erase_owned& c) {
        return reply{.applied = any_session_of(c.user, [&](shard& s, const session_id& id) {
            if (session_handle::of(id) != c.handle || !c.permitted_by(s.users().owner_of(id))) return false;
            if (entry* e = s.find(id)) s.erase(e);
            return true;
        })};
    }

    result<reply> carry_out(const load_mark& c) {
        shard& s = shard_of_user(c.user);
        guard lock(s.mutex);
        return reply{.not_before = s.users().mark_of(c.user)};
    }

    result<reply> carry_out(const raise_mark& c) {
        const auto time = now().seconds();
        shard& s = shard_of_user(c.user);
        guard lock(s.mutex);
        return reply{.applied = s.users().raise(c, time)};
    }

    memory_options options_;
    executor_type executor_;
    int shard_bits_;
    std::unique_ptr<padded_shard[]> shards_;
};

static_assert(check_user_backend<memory_backend>());

} // namespace dynasession::inline v0

#endif
// #include <dynasession/core/config.hpp>
// #include <dynasession/lock/no_lock.hpp>
// #include <dynasession/serializer/json.hpp>
// #include <dynasession/store/basic_session_store.hpp>

namespace dynasession::inline v0 {

/// Sessions in the memory of this process: for one server, and for tests.
using memory_session_store = basic_session_store<memory_backend, no_lock, json_serializer>;

} // namespace dynasession::inline v0

#endif

#endif
// #include <dynasession/web/beast.hpp>
#ifndef DYNASESSION_WEB_BEAST_HPP
#define DYNASESSION_WEB_BEAST_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/web/http_failure.hpp>
#ifndef DYNASESSION_WEB_HTTP_FAILURE_HPP
#define DYNASESSION_WEB_HTTP_FAILURE_HPP

// #include <dynasession/core/error.hpp>

#include <chrono>
#include <string_view>

namespace dynasession::inline v0 {

/// What a server answers to a request whose session could not be loaded or saved. It goes without any field of the
/// session: the browser keeps what it has, and the next request may find it.
struct http_failure {
    int status = 500;
    std::string_view text = "Something went wrong here.\n"; ///< text/plain; says nothing of the cause
    std::chrono::seconds retry_after{0};                    ///< the value of `Retry-After`; 0: without that field

    static http_failure of(const error_code& ec) noexcept {
        using namespace std::string_view_literals;
        constexpr std::chrono::seconds soon{2};
        const bool busy = ec == error::lock_timeout || ec == error::too_many_waiters;
        if (busy || ec == condition::unavailable || ec == condition::retryable)
            return {503, "The server cannot find out who you are just now. Please try again.\n"sv, soon};
        if (ec == condition::conflict)
            return {409, "Your session has ended or changed meanwhile. Please load the page and try again.\n"sv, {}};
        return {};
    }
};

} // namespace dynasession::inline v0

#endif
// #include <dynasession/web/response_fields.hpp>
#ifndef DYNASESSION_WEB_RESPONSE_FIELDS_HPP
#define DYNASESSION_WEB_RESPONSE_FIELDS_HPP

#include <string>
#include <string_view>

namespace dynasession::inline v0 {

/// The header fields that a response needs because of its session; those without a value are left out.
///
/// *Lifetimes:* valid as long as the manager.
struct response_fields {
    std::string_view carrier{};       ///< the name of the field that carries the id: `Set-Cookie`, or that of the options
    std::string id{};                 ///< its value
    bool has_id = false;              ///< a header field is emptied to take the id away, a cookie is not
    std::string_view cache_control{}; ///< an answer with an id is for nobody else (CVE-2023-30861)
    std::string_view vary{};          ///< what else the answer depends on, to be added to what stands there

    /// Calls `set(name, value)` for `Cache-Control` and the field of the id, and `add(name, value)` for `Vary`.
    template <class Set, class Add>
    void apply(Set set, Add add) const {
        if (has_id) set(carrier, std::string_view(id));
        if (!cache_control.empty()) set(std::string_view("Cache-Control"), cache_control);
        if (!vary.empty()) add(std::string_view("Vary"), vary);
    }
};

} // namespace dynasession::inline v0

#endif
// #include <dynasession/web/session_manager.hpp>
#ifndef DYNASESSION_WEB_SESSION_MANAGER_HPP
#define DYNASESSION_WEB_SESSION_MANAGER_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/core/options.hpp>
// #include <dynasession/web/id_carrier.hpp>
#ifndef DYNASESSION_WEB_ID_CARRIER_HPP
#define DYNASESSION_WEB_ID_CARRIER_HPP

// #include <dynasession/core/session_id.hpp>
// #include <dynasession/web/cookie_options.hpp>
#ifndef DYNASESSION_WEB_COOKIE_OPTIONS_HPP
#define DYNASESSION_WEB_COOKIE_OPTIONS_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/detail/http_syntax.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

namespace dynasession::inline v0 {

/// Whether a browser sends a cookie with requests that come from pages of other sites (RFC 6265bis section 4.1.2.7).
enum class same_site {
    lax,    ///< only when they lead the window itself there by a safe method, as links do
    strict, ///< never, so that who follows a link from elsewhere arrives without a session
    none,   ///< always; browsers take it together with `Secure` only
};

/// The cookie that carries the id of a session. Its defaults are the strictest that a browser knows, but for `lax`.
struct cookie_options {
    /// A token. A name that begins with `__Host-` makes browsers refuse the cookie unless it is secure, for this host
    /// alone and for all paths; one with `__Secure-`, unless it is secure (RFC 6265bis sections 4.1.3 and 5.4).
    std::string name = "__Host-session";

    /// The host whose subdomains get the cookie as well; empty: this host alone (section 4.1.2.3).
    std::string domain{};

    /// Where the paths begin that get the cookie (section 4.1.2.4). It protects nothing: pages can read beyond their
    /// path.
    std::string path = "/";

    /// Whether the cookie goes over TLS only (section 4.1.2.5).
    bool secure = true;

    /// Whether it is hidden from scripts (section 4.1.2.6).
    bool http_only = true;

    /// Whether requests from other sites bring it.
    dynasession::same_site same_site = dynasession::same_site::lax;

    /// Whether a page inside pages of other sites has another session in each of them (CHIPS, draft-cutler-httpbis-
    /// partitioned-cookies). Goes with `same_site::none`, else the browser sends nothing from there.
    bool partitioned = false;

    /// Whether the cookie outlives the browser, for as long as is left of the session (`Max-Age`, section 4.1.2.2). If
    /// not, the browser forgets it when it ends.
    bool persistent = false;

    /// For development without TLS: a secure cookie, or a prefix, is refused over http:// (section 5.7), unless the
    /// host is localhost and the browser makes an exception for it, as Chromium does.
    static cookie_options plain_http() {
        cookie_options options;
        options.name = "session";
        options.secure = false;
        return options;
    }
};

/// The header field that carries the id in requests and answers of programs that keep no cookies.
struct header_options {
    std::string name = "X-Auth-Token";
};

/// What carries the id: a cookie or a header field, never both.
using transport = std::variant<cookie_options, header_options>;

namespace cookie_detail {

// What browsers take of name and value together, and of one attribute (RFC 6265bis section 5.6).
inline constexpr std::size_t max_pair_size = 4096;
inline constexpr std::size_t max_attribute_size = 1024;

// The name has to leave room for an id, a point and a signature.
inline constexpr std::size_t max_name_size = max_pair_size - (2 * session_id::length + 1);

// Browsers compare prefixes without their case (RFC 6265bis section 5.4).
constexpr bool has_prefix(std::string_view name, std::string_view prefix) noexcept {
    return detail::equal_ignoring_case(name.substr(0, prefix.size()), prefix);
}

// A label of a host name (RFC 1034 section 3.5 with RFC 1123 section 2.1)
constexpr bool is_label(std::string_view text) noexcept {
    const auto fits = [](char c) {
        return (detail::lower(c) >= 'a' && detail::lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-';
    };
    return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
           std::ranges::all_of(text, fits);
}

// "domain-value" (RFC 6265bis section 4.1.1). Browsers pass over one point before it, as PHP's options often have it.
constexpr bool is_domain(std::string_view text) noexcept {
    if (text.starts_with('.')) text.remove_prefix(1);
    if (text.size() > 253) return false;
    for (;;) {
        const auto end = text.find('.');
        if (!is_label(text.substr(0, end))) return false;
        if (end == text.npos) return true;
        text.remove_prefix(end + 1);
    }
}

// "path-value" (RFC 6265bis section 4.1.1). A space is refused, too: no path of a request has one.
constexpr bool is_path(std::string_view text) noexcept {
    const auto fits = [](char c) { return c > ' ' && c <= '~' && c != ';'; };
    return text.starts_with('/') && text.size() <= max_attribute_size && std::ranges::all_of(text, fits);
}

} // namespace cookie_detail

/// *Errors:* `error::invalid_option`, with the option and the rule, for a cookie that browsers would refuse or that
/// would not stay in its header field.
inline result<void> check(const cookie_options& o) {
    using namespace cookie_detail;
    const auto refuse = [](const char* why) { return failure(error::invalid_option, why); };
    if (!detail::is_token(o.name))
        return refuse(
            "cookie_options::name: has to be a token: letters, digits and !#$%&'*+-.^_`|~ (RFC 6265bis 4.1.1)");
    if (o.name.size() > max_name_size)
        return refuse(
            "cookie_options::name: name and value have at most 4096 bytes, 87 of them the value (RFC 6265bis 5.6)");
    if (!o.domain.empty() && !is_domain(o.domain))
        return refuse(
            "cookie_options::domain: has to be a host name, without port and without a point at its end; write "
            "international names in Punycode (RFC 6265bis 4.1.2.3)");
    if (!is_path(o.path))
        return refuse("cookie_options::path: begins with / and has at most 1024 visible ASCII characters without ; "
                      "(RFC 6265bis 4.1.1)");
    if (has_prefix(o.name, "__Secure-") && !o.secure)
        return refuse("cookie_options::secure: a name with __Secure- demands it (RFC 6265bis 4.1.3.1)");
    if (has_prefix(o.name, "__Host-")) {
        if (!o.secure)
            return refuse("cookie_options::secure: a name with __Host- demands it; without TLS, use "
                          "cookie_options::plain_http() (RFC 6265bis 4.1.3.2)");
        if (!o.domain.empty())
            return refuse("cookie_options::domain: a name with __Host- allows none (RFC 6265bis 4.1.3.2)");
        if (o.path != "/") return refuse("cookie_options::path: a name with __Host- demands / (RFC 6265bis 4.1.3.2)");
    }
    if (o.same_site == same_site::none && !o.secure)
        return refuse("cookie_options::secure: same_site::none demands it (RFC 6265bis 5.7)");
    if (o.partitioned && !o.secure) return refuse("cookie_options::secure: partitioned demands it (CHIPS)");
    return {};
}

/// *Errors:* `error::invalid_option` for a name that no header field can have (RFC 9110 section 5.1).
inline result<void> check(const header_options& o) {
    if (detail::is_token(o.name)) return {};
    return failure(error::invalid_option,
                   "header_options::name: has to be a token: letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 5.1)");
}

/// The options as they are, once `check` has nothing against them.
///
/// *Errors:* throws `session_error` with `invalid_option`.
inline cookie_options validated(cookie_options given) {
    check(given).value();
    return given;
}
inline header_options validated(header_options given) {
    check(given).value();
    return given;
}
inline transport validated(transport given) {
    std::visit([](const auto& options) { check(options).value(); }, given);
    return given;
}

} // namespace dynasession::inline v0

#endif
// #include <dynasession/web/cookie_reader.hpp>
#ifndef DYNASESSION_WEB_COOKIE_READER_HPP
#define DYNASESSION_WEB_COOKIE_READER_HPP

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace dynasession::inline v0 {

/// Finds the values of one cookie in the `Cookie` fields of a request.
///
/// ```
/// cookie_reader found("__Host-session", request[http::field::cookie]);
/// for (const auto value : found.values()) ...
/// ```
///
/// Names are compared byte by byte and nothing is decoded: servers that decode names take `__%48ost-x` for `__Host-x`.
/// Of several cookies of the name all values are given, as they stand: which one is first says nothing (RFC 6265bis
/// section 4.2.2), and whoever owns a neighbouring host can add some (section 8.6).
///
/// *Lifetimes:* the values are parts of the fields.
///
/// *Cost:* no allocation; what is beyond the limits is not looked at.
class cookie_reader {
public:
    static constexpr std::size_t max_bytes = 8 * 1024; ///< of all fields together
    static constexpr std::size_t max_cookies = 64;     ///< of any name
    static constexpr std::size_t max_values = 8;       ///< cookies of the name

    /// *Lifetimes:* the name has to outlive the reader.
    explicit cookie_reader(std::string_view name) noexcept : name_(name) {}
    cookie_reader(std::string_view name, std::string_view field) noexcept : name_(name) { read(field); }

    /// Looks at one more `Cookie` field: over HTTP/2 there may be several (RFC 9113 section 8.2.3).
    void read(std::string_view field) noexcept {
        for (auto rest = within_limit(field); !rest.empty();) {
            const auto end = rest.find(';');
            read_pair(trimmed(rest.substr(0, end)));
            rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
        }
    }

    /// What the cookies of the name hold, in the order in which they came, without the quotes that may surround them.
    std::span<const std::string_view> values() const noexcept { return {values_.data(), count_}; }

    /// Whether there was more than the limits allow: those cookies count as if they were not there.
    bool too_many() const noexcept { return too_many_; }

private:
    // "OWS", with which some clients are more generous than the single space of RFC 6265bis section 4.2.1
    static constexpr std::string_view trimmed(std::string_view text) noexcept {
        constexpr std::string_view blanks = " \t";
        const auto begin = text.find_first_not_of(blanks);
        if (begin == text.npos) return {};
        return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
    }

    // A cookie-value may stand in quotes, which are no part of what it says (RFC 6265bis section 4.1.1).
    static constexpr std::string_view unquoted(std::string_view text) noexcept {
        const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
        return quoted ? text.substr(1, text.size() - 2) : text;
    }

    // The cookie that reaches past the limit is left out as a whole: half a value is none.
    std::string_view within_limit(std::string_view field) noexcept {
        if (field.size() <= bytes_left_) {
            bytes_left_ -= field.size();
            return field;
        }
        too_many_ = true;
        const auto end = field.rfind(';', bytes_left_);
        bytes_left_ = 0;
        return field.substr(0, end == field.npos ? 0 : end);
    }

    void read_pair(std::string_view pair) noexcept {
        if (pair.empty()) return;
        if (cookies_left_ == 0) {
            too_many_ = true;
            return;
        }
        --cookies_left_;
        if (pair.size() <= name_.size() || pair[name_.size()] != '=' || !pair.starts_with(name_)) return;
        if (count_ == max_values) {
            too_many_ = true;
            return;
        }
        values_[count_++] = unquoted(pair.substr(name_.size() + 1));
    }

    std::string_view name_;
    std::array<std::string_view, max_values> values_{};
    std::size_t count_ = 0;
    std::size_t bytes_left_ = max_bytes;
    std::size_t cookies_left_ = max_cookies;
    bool too_many_ = false;
};

} // namespace dynasession::inline v0

#endif
// #include <dynasession/web/id_signer.hpp>
#ifndef DYNASESSION_WEB_ID_SIGNER_HPP
#define DYNASESSION_WEB_ID_SIGNER_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/core/secret.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/detail/encoding.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dynasession::inline v0 {

/// The id that a text from outside stands for.
struct signed_id {
    session_id id{};

    /// Whether the first key signed it, or none is needed. If not, the browser should get the text anew: the key that
    /// signed it is on its way out.
    bool current = true;
};

/// Turns ids into the texts that browsers keep, and back: with keys `<id>.<tag>`, without the id alone.
///
/// The tag is the whole HMAC-SHA-256 (RFC 2104) of the purpose and the id, as base64url (RFC 4648 section 5). The first
/// key signs, all verify: a new key is put in front, and the old one is taken away when the sessions of its time have
/// ended.
///
/// *Thread safety:* may be used from many threads at once.
class id_signer {
public:
    /// Characters of a signed id: the id, a point and the tag.
    static constexpr std::size_t signed_length =
        session_id::length + 1 + detail::base64url_size(sizeof(detail::sha256_digest));

    /// Ids that are signed for one purpose are refused for another, although the keys be the same.
    id_signer(const std::vector<secret>& keys, std::string_view purpose) {
        keys_.reserve(keys.size());
        for (const auto& key : keys) {
            // The id has a fixed length and comes last: there is one way to read what is signed.
            auto& mac = keys_.emplace_back(key.bytes());
            mac.update("dynasession signed id 1\n");
            mac.update(purpose);
            mac.update("\n");
        }
    }

    /// The text for an id, which is not empty.
    std::string sign(const session_id& id) const {
        std::string text;
        text.reserve(signed_length);
        text.append(id.str());
        if (keys_.empty()) return text;
        text.append(1, '.');
        detail::append_base64url(text, tag(keys_.front(), id));
        return text;
    }

    /// The id that a text stands for.
    ///
    /// *Errors:* `error::invalid_session_id` for a text of another shape, `error::bad_signature` for one that none of
    /// the keys has signed: two, so that they can be counted apart; whoever sent the text is not to see the difference.
    ///
    /// *Cost:* nothing is looked up, and nothing allocated but by OpenSSL's own contexts where OPENSSL_NO_DEPRECATED
    /// asks for them. A text of the right shape takes the same time whichever key signed it, or none.
    result<signed_id> read(std::string_view text) const {
        if (keys_.empty()) {
            const auto id = session_id::parse(text);
            if (!id) return id.error();
            return signed_id{*id};
        }
        if (text.size() != signed_length || text[session_id::length] != '.') return error::invalid_session_id;
        const auto id = session_id::parse(text.substr(0, session_id::length));
        const auto given = detail::decode_base64url<sizeof(detail::sha256_digest)>(text.substr(session_id::length + 1));
        if (!id || !given) return error::invalid_session_id;
        return verify(*id, *given);
    }

private:
    static detail::sha256_digest tag(detail::hmac_sha256 key, const session_id& id) {
        key.update(id.str());
        return key.finish();
    }

    result<signed_id> verify(const session_id& id, const detail::sha256_digest& given) const {
        bool by_first = false, by_any = false;
        for (const auto& key : keys_) {
            const auto expected = tag(key, id);
            const bool same = detail::equal_constant_time(detail::as_text(expected), detail::as_text(given));
            by_first = by_first || (same && &key == keys_.data());
            by_any = by_any || same;
        }
        if (!by_any) return error::bad_signature;
        return signed_id{id, by_first};
    }

    // What is the same for all ids is hashed already; a copy goes on with the id.
    std::vector<detail::hmac_sha256> keys_;
};

} // namespace dynasession::inline v0

#endif
// #include <dynasession/web/response_fields.hpp>
// #include <dynasession/web/security_event.hpp>
#ifndef DYNASESSION_WEB_SECURITY_EVENT_HPP
#define DYNASESSION_WEB_SECURITY_EVENT_HPP

#include <string_view>

namespace dynasession::inline v0 {

/// What a request did that honest browsers seldom do: worth a line in the log, and an alarm when there are many. The
/// request goes on without a session, or with the one that is valid.
enum class security_event {
    malformed_id,     ///< a text that has not the shape of an id
    bad_signature,    ///< an id that none of the keys has signed
    unknown_id,       ///< an id that leads to no session: made up, destroyed or expired
    revoked,          ///< an id of a session that was ended for its user
    several_cookies,  ///< more than one cookie of the name: a neighbouring host may have planted one
    too_many_cookies, ///< more cookies than are looked at
};

/// The name of an event, for logs and as a label of metrics.
constexpr std::string_view to_string(security_event e) noexcept {
    switch (e) {
    case security_event::malformed_id: return "malformed_id";
    case security_event::bad_signature: return "bad_signature";
    case security_event::unknown_id: return "unknown_id";
    case security_event::revoked: return "revoked";
    case security_event::several_cookies: return "several_cookies";
    case security_event::too_many_cookies: return "too_many_cookies";
    }
    return "unknown";
}

} // namespace dynasession::inline v0

#endif
// #include <dynasession/web/session_manager_options.hpp>
#ifndef DYNASESSION_WEB_SESSION_MANAGER_OPTIONS_HPP
#define DYNASESSION_WEB_SESSION_MANAGER_OPTIONS_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/core/secret.hpp>
// #include <dynasession/web/cookie_options.hpp>
// #include <dynasession/web/security_event.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace dynasession::inline v0 {

/// How sessions and requests come together.
struct session_manager_options {
    /// The keys that sign ids: the first one signs, all are accepted. With keys a made-up id costs no request to the store;
    /// without, one read. Put a new key in front, and take the old one away when its sessions have ended.
    std::vector<secret> secrets{};

    /// How long the sessions that are begun here live at most, and how long unused. Not set: as the options of the store say.
    std::optional<std::chrono::seconds> max_age{};
    std::optional<std::chrono::seconds> max_stale{};

    /// After how long the id of a session in use is replaced, as `regenerate` does it; 0: never.
    ///
    /// Requests that are under way with the old id then find no session and cannot save theirs: give the store a
    /// `regenerate_grace`, by which they read it at least, or a lock policy under which they wait for each other.
    std::chrono::seconds renew_after{0};

    /// What carries the id: `cookie_options`, or `header_options` for programs that keep no cookies.
    dynasession::transport transport = cookie_options{};

    /// How many sessions a user may have: the oldest end when another one logs in; 0: any number.
    std::size_t max_sessions_per_user = 0;

    /// Told what honest browsers seldom do, with the name of the session for logs (see `session_id::loggable`), or an empty
    /// text if there is none. Called where the request is served; must not throw.
    std::function<void(security_event, std::string_view who)> on_event{};

    /// Told why a session could not be loaded or saved, for the log: the response does not say. Called where the request is
    /// served; must not throw.
    std::function<void(const error_code&)> on_failure{};
};

} // namespace dynasession::inline v0

#endif
// #include <dynasession/web/set_cookie.hpp>
#ifndef DYNASESSION_WEB_SET_COOKIE_HPP
#define DYNASESSION_WEB_SET_COOKIE_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/web/cookie_options.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace dynasession::inline v0 {

namespace cookie_detail {

// "cookie-octet" (RFC 6265bis section 4.1.1)
constexpr bool is_value(std::string_view text) noexcept {
    const auto fits = [](char c) { return c > ' ' && c <= '~' && c != '"' && c != ',' && c != ';' && c != '\\'; };
    return std::ranges::all_of(text, fits);
}

constexpr std::string_view name_of(same_site s) noexcept {
    switch (s) {
    case same_site::lax: return "Lax";
    case same_site::strict: return "Strict";
    case same_site::none: return "None";
    }
    return "Strict";
}

// The order is that of the examples in RFC 6265 section 3.1; it has no meaning.
inline result<std::string> render(const cookie_options& o, std::string_view value, std::string_view lifetime) {
    if (const auto valid = check(o); !valid) return valid.error();
    std::string text;
    text.reserve(o.name.size() + value.size() + o.path.size() + o.domain.size() + lifetime.size() + 80);
    text.append(o.name).append(1, '=').append(value).append("; Path=").append(o.path);
    if (!o.domain.empty()) text.append("; Domain=").append(o.domain);
    text.append(lifetime);
    if (o.secure) text.append("; Secure");
    if (o.http_only) text.append("; HttpOnly");
    text.append("; SameSite=").append(name_of(o.same_site));
    if (o.partitioned) text.append("; Partitioned");
    return text;
}

} // namespace cookie_detail

/// The `Set-Cookie` field that gives a browser the cookie, to be kept for `max_age` or, without one, until the browser
/// ends. Browsers cut it to 400 days (RFC 6265bis section 5.5).
///
/// *Errors:* `error::invalid_option` for a value with anything but visible ASCII, or with one of `" , ; \`
/// (section 4.1.1), for a name and a value of more than 4096 bytes together (section 5.6), and that of `check`.
inline result<std::string> set_cookie(const cookie_options& options, std::string_view value,
                                      std::optional<std::chrono::seconds> max_age = {}) {
    using namespace cookie_detail;
    if (!is_value(value))
        return failure(error::invalid_option,
                       "the value of a cookie is visible ASCII without \" , ; and \\ (RFC 6265bis 4.1.1)");
    if (options.name.size() + value.size() > max_pair_size)
        return failure(error::invalid_option, "name and value of a cookie have at most 4096 bytes (RFC 6265bis 5.6)");
    if (!max_age) return render(options, value, {});
    const auto seconds = std::max(*max_age, std::chrono::seconds::zero()).count();
    return render(options, value, "; Max-Age=" + std::to_string(seconds));
}

/// The `Set-Cookie` field that makes a browser forget the cookie: an end in the past (RFC 6265bis section 4.1.2) and
/// otherwise the same attributes, since browsers go by name, domain and path (section 5.7) and refuse a cookie with a
/// prefix that breaks its rules, even if it is to be removed.
///
/// *Errors:* that of `check`.
inline result<std::string> remove_cookie(const cookie_options& options) {
    return cookie_detail::render(options, {}, "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
}

} // namespace dynasession::inline v0

#endif

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

namespace dynasession::inline v0::web_detail {

/// Finds the id in requests and puts it into responses, in a cookie or in a header field: the one that the options name.
class id_carrier {
public:
    using report = std::function<void(security_event, std::string_view)>;

    id_carrier(const session_manager_options& o)
        : transport_(validated(o.transport)), signer_(o.secrets, purpose()), report_(o.on_event) {}

    /// The name of the field of the request that may hold an id.
    std::string_view request_field() const noexcept {
        const auto* header = std::get_if<header_options>(&transport_);
        return header ? std::string_view(header->name) : "Cookie";
    }

    /// The id that a request brings in that field. Whether there is such a session, the store knows.
    std::optional<signed_id> read(std::string_view field) const {
        const auto* cookie = std::get_if<cookie_options>(&transport_);
        if (!cookie) return field.empty() ? std::nullopt : verified(field);
        const cookie_reader found(cookie->name, field);
        if (found.too_many()) tell(security_event::too_many_cookies);
        if (found.values().size() > 1) tell(security_event::several_cookies);
        for (const auto value : found.values())
            if (auto id = verified(value)) return id;
        return std::nullopt;
    }

    /// Whether clients are to keep every id for as long as its session lasts.
    bool persistent() const noexcept {
        const auto* cookie = std::get_if<cookie_options>(&transport_);
        return cookie && cookie->persistent;
    }

    /// Has the client keep this id: for so long, or until the browser ends.
    void give(response_fields& f, const session_id& id, std::optional<std::chrono::seconds> max_age) const {
        auto text = signer_.sign(id);
        const auto* cookie = std::get_if<cookie_options>(&transport_);
        put(f, cookie ? set_cookie(*cookie, text, max_age).value() : std::move(text));
    }

    /// Has the client forget its id.
    void take_away(response_fields& f) const {
        const auto* cookie = std::get_if<cookie_options>(&transport_);
        put(f, cookie ? remove_cookie(*cookie).value() : std::string());
    }

    void tell(security_event e, std::string_view who = {}) const {
        if (report_) report_(e, who);
    }
    void tell(security_event e, const session_id& id) const {
        if (report_) report_(e, id.loggable());
    }

private:
    // An id that was signed for one cookie is not good in another.
    std::string_view purpose() const noexcept {
        return std::visit([](const auto& options) { return std::string_view(options.name); }, transport_);
    }

    std::optional<signed_id> verified(std::string_view text) const {
        auto id = signer_.read(text);
        if (id) return *id;
        tell(id.error() == error::bad_signature ? security_event::bad_signature : security_event::malformed_id);
        return std::nullopt;
    }

    void put(response_fields& f, std::string value) const {
        f.carrier = std::holds_alternative<cookie_options>(transport_) ? "Set-Cookie" : request_field();
        f.id = std::move(value);
        f.has_id = true;
        f.cache_control = "no-store";
    }

    transport transport_;
    id_signer signer_;
    report report_;
};

} // namespace dynasession::inline v0::web_detail

#endif
// #include <dynasession/web/session_manager_options.hpp>
// #include <dynasession/web/web_session.hpp>
#ifndef DYNASESSION_WEB_WEB_SESSION_HPP
#define DYNASESSION_WEB_WEB_SESSION_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/core/session.hpp>
// #include <dynasession/store/write_kind.hpp>
// #include <dynasession/web/id_carrier.hpp>
// #include <dynasession/web/response_fields.hpp>
// #include <dynasession/web/security_event.hpp>

#include <boost/asio/append.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0 {

template <class Store>
class session_manager;

/// The session of one request, from its first look at it to the response.
///
/// Loading is left until it is asked for: `load` finds the session that the client has, `start` also begins a new one. Then
/// it is used through `->`. What the handler decides, by `log_in`, `log_out` and so on, is carried out by `finish`, in one
/// write; it is called once, after the handler and before the response is sent. Without it nothing is stored.
///
/// *Lifetimes:* it stays where it is. It outlives its asynchronous operations.
///
/// *Thread safety:* one at a time.
template <class Store>
class web_session {
public:
    using session_type = typename Store::session_type;

    web_session(session_manager<Store>& manager, std::string_view field) : manager_(manager) {
        if (const auto found = carrier().read(field)) {
            id_ = found->id;
            outdated_ = !found->current;
        }
    }
    web_session(const web_session&) = delete;
    web_session& operator=(const web_session&) = delete;

    /// Whether the request brought an id that may be one: that there is such a session, only `load` knows.
    bool has_id() const noexcept { return !id_.empty(); }

    /// The session that the client has; null if it has none. The store is asked once, and only about an id.
    ///
    /// It is loaded for what the lock policy does by itself, or for `read_only` or `exclusive` (see core/access.hpp).
    ///
    /// *Errors:* those of the store; the session is as before then, and may be loaded again.
    session_type* load() { return load(read_write); }
    session_type* load(error_code& ec) { return load(read_write, ec); }
    template <access Access>
    session_type* load(Access a) {
        try {
            if (must_ask()) adopt({}, store().load(id_, a));
        } catch (const session_error& e) {
            note(e.code());
            throw;
        }
        return get();
    }
    template <access Access>
    session_type* load(Access a, error_code& ec) {
        ec.clear();
        if (must_ask()) {
            auto found = store().load(id_, a, ec);
            adopt(ec, std::move(found));
        }
        return get();
    }
    /// *Completion signature:* `void(error_code, session_type*)`
    template <class Token = boost::asio::deferred_t>
        requires(!access<std::remove_cvref_t<Token>>)
    auto async_load(Token&& token = Token{}) {
        return async_load(read_write, std::forward<Token>(token));
    }
    template <access Access, class Token = boost::asio::deferred_t>
    auto async_load(Access a, Token&& token = Token{}) {
        auto step = [this, a, asked = false](auto& self, error_code ec = {}, std::optional<session_type> found = {}) mutable {
            if (std::exchange(asked, true)) {
                if (state_ == state::unknown) adopt(ec, std::move(found));
                return self.complete(ec, get());
            }
            if (must_ask()) return store().async_load(id_, a, std::move(self));
            resume_later(std::move(self));
        };
        return boost::asio::async_compose<Token, void(error_code, session_type*)>(std::move(step), token, store());
    }

    /// The session that the client has, or a new one, of which nothing is stored until something was put into it.
    ///
    /// *Errors:* as load: where the store fails, no new session takes the place of one that may be there.
    session_type& start() {
        load();
        return begun();
    }
    session_type* start(error_code& ec) {
        load(ec);
        return ec ? nullptr : &begun();
    }
    /// *Completion signature:* `void(error_code, session_type*)`
    template <class Token = boost::asio::deferred_t>
    auto async_start(Token&& token = Token{}) {
        auto step = [this, asked = false](auto& self, error_code ec = {}, session_type* = nullptr) mutable {
            if (!std::exchange(asked, true)) return async_load(std::move(self));
            self.complete(ec, ec ? nullptr : &begun());
        };
        return boost::asio::async_compose<Token, void(error_code, session_type*)>(std::move(step), token, store());
    }

    /// The session, if it was loaded or begun already; null if not.
    session_type* get() noexcept { return state_ == state::present ? &session_ : nullptr; }
    session_type& operator*() { return present(); }
    session_type* operator->() { return &present(); }

    /// Has the session be that of a user from now on, under a new id: whoever planted or saw the old one is left outside.
    ///
    /// To be called when the user has proved who he is, on a session that was started. What is in it stays, unless it was
    /// another user's. `device` is what a list of his sessions calls this one, the browser and its system say.
    void log_in(std::string user, std::string_view device = {}) {
        session_type& s = writable();
        if (!s.user().empty() && s.user() != user) s.value() = typename session_type::value_type{};
        s.user(std::move(user));
        if (!device.empty()) s.device(device);
        logged_in_ = move_ = true;
    }

    /// Ends the session, whoever works on it, and has the client forget it. It need not be loaded for that.
    void log_out() {
        if (must_ask()) session_ = session_access::make(id_, typename session_type::value_type{}, loaded{}, false);
        logged_out_ = true;
    }

    /// Has the session get a new id, as whenever the rights of its user change.
    void regenerate() {
        writable();
        move_ = true;
    }

    /// Has this session live otherwise than those that begin here, and the client keep it for so long, even if that is
    /// beyond the end of the browser ("remember me").
    void remember(session_lifetime lifetime) { writable().lifetime(lifetime); }

    /// Has nothing of the session stored: what was changed is forgotten, a lock is given up.
    void abandon() noexcept { abandoned_ = true; }

    /// Leaves a message for a later request: the next one that takes it.
    template <class T>
    void flash(std::string_view key, T&& value)
        requires std::same_as<typename session_type::value_type, boost::json::object>
    {
        auto& messages = writable()[flash_key];
        if (!messages.is_object()) messages.emplace_object();
        messages.as_object()[key] = boost::json::value_from(std::forward<T>(value));
    }

    /// Takes a message that an earlier request has left, from a session that was loaded; it stays in one that is read only.
    template <class T = std::string>
    std::optional<T> take_flash(std::string_view key)
        requires std::same_as<typename session_type::value_type, boost::json::object>
    {
        auto* s = get();
        auto* messages = s ? s->value().if_contains(flash_key) : nullptr;
        auto* found = messages && messages->is_object() ? messages->as_object().if_contains(key) : nullptr;
        if (!found) return std::nullopt;
        auto taken = boost::json::try_value_to<T>(*found);
        if (!s->is_read_only()) messages->as_object().erase(key);
        if (messages->as_object().empty()) s->remove(flash_key);
        return taken ? std::optional<T>(*std::move(taken)) : std::nullopt;
    }

    /// Why the store failed in this request, as far as it did it last.
    const error_code& store_failure() const noexcept { return failure_; }

    /// Ends the request: does what was decided, in one write, and gives the fields that the response needs.
    ///
    /// A session that did not change is at most touched, and it is no error if that fails.
    ///
    /// *Errors:* those of the write, also `read_only_session` for what was changed in a session that was loaded so; the response
    /// must not say then that all went well, and gets no fields: see `http_failure`.
    response_fields finish() {
        try {
            if (const auto kind = ending()) store().write(session_, *kind);
            if constexpr (knows_users)
                if (is_capped()) store().destroy_oldest_of(std::string(session_.user()), cap());
        } catch (const session_error& e) {
            note(e.code());
            throw;
        }
        return concluded({});
    }
    response_fields finish(error_code& ec) {
        ec.clear();
        if (const auto kind = ending()) store().write(session_, *kind, ec);
        if constexpr (knows_users)
            if (!ec && is_capped()) store().destroy_oldest_of(std::string(session_.user()), cap(), ec);
        return concluded(ec);
    }
    /// Ends the request here and now if the store has nothing to do for it; if it has, gives nothing and changes nothing.
    /// It spares asynchronous servers an operation for requests that only read their session, or do not even that.
    std::optional<response_fields> try_finish() {
        const auto kind = ending();
        if (kind && (*kind != write_kind::keep || !store().is_settled(session_))) return std::nullopt;
        return concluded({});
    }
    /// *Completion signature:* `void(error_code, response_fields)`
    template <class Token = boost::asio::deferred_t>
    auto async_finish(Token&& token = Token{}) {
        auto step = [this, steps = 0](auto& self, error_code ec = {}, std::size_t = 0) mutable {
            switch (steps++) {
            case 0:
                if (const auto kind = ending()) return store().async_write(session_, *kind, std::move(self));
                return resume_later(std::move(self));
            case 1:
                if constexpr (knows_users)
                    if (!ec && is_capped()) return store().async_destroy_oldest_of(std::string(session_.user()), cap(), std::move(self));
            }
            self.complete(ec, concluded(ec));
        };
        return boost::asio::async_compose<Token, void(error_code, response_fields)>(std::move(step), token, store());
    }

private:
    enum class state { unknown, absent, present };

    static constexpr std::string_view flash_key = "_flash";
    static constexpr bool knows_users = session_manager<Store>::knows_users;

    // An operation that asks nobody must not end before it has begun for its caller.
    template <class Self>
    void resume_later(Self self) const {
        const auto executor = boost::asio::get_associated_executor(self, store().get_executor());
        boost::asio::post(executor, boost::asio::append(std::move(self), error_code()));
    }

    const web_detail::id_carrier& carrier() const noexcept { return manager_.carrier_; }
    Store& store() const noexcept { return manager_.store(); }

    bool must_ask() noexcept {
        if (state_ == state::unknown && !has_id()) state_ = state::absent;
        return state_ == state::unknown;
    }

    void note(const error_code& ec) {
        failure_ = ec;
        if (ec) manager_.report_failure(ec);
    }

    void adopt(const error_code& ec, std::optional<session_type> found) {
        note(ec);
        if (!ec) adopt(std::move(found));
    }
    void adopt(std::optional<session_type> found) {
        state_ = found ? state::present : state::absent;
        if (!found) return carrier().tell(security_event::unknown_id, id_);
        session_ = *std::move(found);
        expires_ = session_.expires();
        const auto renew_after = manager_.options().renew_after;
        move_ = renew_after.count() > 0 && !session_.is_read_only() && store().now() - session_.id_since() >= renew_after;
    }

    session_type& begun() {
        if (state_ != state::present) {
            session_ = store().create(manager_.lifetime());
            state_ = state::present;
        }
        return session_;
    }

    session_type& present() {
        if (state_ != state::present) throw std::logic_error("dynasession: load or start the session of the request first");
        return session_;
    }

    session_type& writable() {
        if (present().is_read_only()) throw session_error(failure(error::read_only_session));
        return session_;
    }

    bool is_blank() const {
        if constexpr (std::equality_comparable<typename session_type::value_type>)
            return session_.user().empty() && session_.value() == typename session_type::value_type{};
        else
            return false;
    }

    // What is left to be asked of the store.
    std::optional<write_kind> ending() const {
        if (finished_) return std::nullopt;
        if (logged_out_) return session_.is_new() ? std::nullopt : std::optional(write_kind::destroy);
        if (state_ != state::present) return std::nullopt;
        if (abandoned_) return session_.is_locked() ? std::optional(write_kind::release) : std::nullopt;
        if (session_.is_read_only() && store().is_settled(session_)) return std::nullopt; // if not, the store refuses it
        if (session_.is_new()) return is_blank() ? std::nullopt : std::optional(write_kind::keep);
        return move_ ? write_kind::regenerate : write_kind::keep;
    }

    std::size_t cap() const noexcept { return manager_.options().max_sessions_per_user; }
    bool is_capped() const noexcept { return logged_in_ && !logged_out_ && !abandoned_ && !finished_ && cap() != 0; }

    // What the response needs once the store has done its part.
    response_fields concluded(const error_code& ec) {
        response_fields fields;
        note(ec);
        if (ec || std::exchange(finished_, true)) return fields;
        if (logged_out_) {
            carrier().take_away(fields);
        } else if (state_ == state::present && !session_.is_new()) {
            const bool kept = carrier().persistent() || session_.max_stale() > usual_max_stale();
            if (session_.id() != id_ || outdated_ || (kept && session_.expires() != expires_))
                carrier().give(fields, session_.id(), kept ? std::optional(session_.expires() - store().now()) : std::nullopt);
        }
        if (state_ != state::unknown || logged_out_) fields.vary = carrier().request_field();
        return fields;
    }

    std::chrono::seconds usual_max_stale() const {
        return manager_.lifetime().max_stale.value_or(store().options().max_stale);
    }

    session_manager<Store>& manager_;
    session_id id_{};        // as the request brought it
    bool outdated_ = false;  // signed by a key that is on its way out
    state state_ = state::unknown;
    session_type session_{};
    time_point expires_{};   // as it was loaded
    error_code failure_{};
    bool move_ = false;
    bool logged_in_ = false;
    bool logged_out_ = false;
    bool abandoned_ = false;
    bool finished_ = false;
};

} // namespace dynasession::inline v0

#endif

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0 {

/// Sessions of web requests, over any store and for any server: finds the id in a request, loads the session when the
/// handler asks for it, saves it before the response leaves, and says what fields the response needs.
///
/// ```
/// ds::session_manager web{store, {.secrets = {key}}};
///
/// auto s = web.open(request["Cookie"]);           // asks nobody
/// s.start();                                      // the session of the request, or a new one
/// s->set("visits", s->template get<int>("visits").value_or(0) + 1);
/// s.finish().apply(...);                          // saves; Set-Cookie and what goes with it
/// ```
///
/// A request without an id, or whose handler does not ask for the session, causes no call to the store; nor does an id
/// that is malformed or badly signed. A session that nothing was put into is not stored. A store that fails is an error,
/// never an empty session, and the client keeps its id; see `http_failure`.
///
/// *Lifetimes:* the store outlives the manager, and both outlive the sessions that it opens.
///
/// *Thread safety:* may be used from many threads at once.
template <class Store>
class session_manager {
public:
    using store_type = Store;

    /// Whether the store finds the sessions of a user, which `max_sessions_per_user` needs.
    static constexpr bool knows_users =
        requires(Store& s, const std::string& user, std::size_t count) { s.destroy_oldest_of(user, count); };

    /// *Errors:* throws session_error with `invalid_option`, for a cookie that browsers would refuse say.
    explicit session_manager(Store& store, session_manager_options options = {})
        : store_(store), carrier_(options), options_(std::move(options)) {
        (void)store_.create(lifetime()); // of times that no store takes we hear now
        if (options_.max_sessions_per_user != 0 && !knows_users)
            throw session_error(failure(error::invalid_option, "max_sessions_per_user: this backend does not find sessions of a user"));
    }

    /// The name of the field of requests that `open` wants to see: `Cookie`, or what `header_options` says.
    std::string_view request_field() const noexcept { return carrier_.request_field(); }

    /// The session of a request, of which nothing is known yet but its id.
    ///
    /// `field` is what the request has in `request_field()`, several such fields joined by `; `; empty if it has none.
    web_session<Store> open(std::string_view field) { return web_session<Store>(*this, field); }

    Store& store() const noexcept { return store_; }
    const session_manager_options& options() const noexcept { return options_; }

    /// Has `on_failure` of the options hear of it; for what else of its sessions a server asks the store.
    void report_failure(const error_code& ec) const {
        if (options_.on_failure) options_.on_failure(ec);
    }

    /// How long sessions live that begin here.
    session_lifetime lifetime() const noexcept { return {options_.max_age, options_.max_stale}; }

private:
    friend web_session<Store>;

    Store& store_;
    web_detail::id_carrier carrier_;
    session_manager_options options_;
};

} // namespace dynasession::inline v0

#endif
// #include <dynasession/web/web_session.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/system/system_error.hpp>

#include <iterator>
#include <string>
#include <string_view>

namespace dynasession::inline v0 {

/// The session of a Beast request.
template <class Store, class Fields>
web_session<Store> open_session(session_manager<Store>& web, const boost::beast::http::header<true, Fields>& request) {
    std::string joined; // over HTTP/2 a proxy may leave several
    const auto [first, last] = request.equal_range(web.request_field());
    for (auto f = first; f != last; ++f) {
        const std::string_view value(f->value().data(), f->value().size());
        if (f == first && std::next(f) == last) return web.open(value);
        if (f != first) joined += "; ";
        joined += value;
    }
    return web.open(joined);
}

/// Adds to a Beast response what it needs for its session.
template <class Fields>
void add_fields(const response_fields& fields, boost::beast::http::header<false, Fields>& response) {
    namespace http = boost::beast::http;
    fields.apply(
        [&response](std::string_view name, std::string_view value) {
            if (http::string_to_field(name) == http::field::set_cookie)
                response.insert(http::field::set_cookie, value); // others may set cookies, too
            else
                response.set(name, value);
        },
        [&response](std::string_view name, std::string_view value) {
            const auto there = response[name];
            response.set(name, there.empty() ? std::string(value) : std::string(there) + ", " + std::string(value));
        });
}

/// The Beast response for a request whose session could not be loaded or saved: 503 with `Retry-After` if the store is out.
template <class Fields>
boost::beast::http::response<boost::beast::http::string_body>
session_failure_response(const error_code& ec, const boost::beast::http::header<true, Fields>& request) {
    namespace http = boost::beast::http;
    const auto failed = http_failure::of(ec);
    http::response<http::string_body> response(static_cast<http::status>(failed.status), request.version());
    response.set(http::field::content_type, "text/plain; charset=utf-8");
    response.set(http::field::cache_control, "no-store");
    if (failed.retry_after.count() != 0) response.set(http::field::retry_after, std::to_string(failed.retry_after.count()));
    response.body() = failed.text;
    return response;
}

/// Serves a request with its session: `handle(web_session<Store>&)`, an `awaitable` of the response, and then all that the
/// session needs. A store that fails, in the handler or at the end, makes the response that of `session_failure_response`;
/// other exceptions of the handler pass through, and nothing is stored then.
///
/// `prepare_payload()`, `keep_alive()` and the like are left to the caller, after this.
template <class Store, class Fields, class Handle>
boost::asio::awaitable<boost::beast::http::response<boost::beast::http::string_body>>
serve_with_session(session_manager<Store>& web, const boost::beast::http::header<true, Fields>& request, Handle handle) {
    namespace asio = boost::asio;
    auto visit = open_session(web, request);
    error_code ec;
    try {
        boost::beast::http::response<boost::beast::http::string_body> response = co_await handle(visit);
        auto fields = visit.try_finish();
        if (!fields) fields = co_await visit.async_finish(asio::redirect_error(asio::use_awaitable, ec));
        if (!ec) {
            add_fields(*fields, response);
            co_return response;
        }
    } catch (const boost::system::system_error& e) {
        // The network's own errors may also come from what else the handler does.
        const bool is_known = e.code() == visit.store_failure();
        if (e.code().category() != error_category() && !is_known) throw;
        if (!is_known) web.report_failure(e.code());
        ec = e.code();
    }
    co_return session_failure_response(ec, request);
}

} // namespace dynasession::inline v0

#endif
// #include <dynasession/web/beast_websocket.hpp>
#ifndef DYNASESSION_WEB_BEAST_WEBSOCKET_HPP
#define DYNASESSION_WEB_BEAST_WEBSOCKET_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/core/session_id.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <chrono>

namespace dynasession::inline v0 {

/// Watches over a WebSocket of a session: looks for the session every so often, and closes the socket with
/// `policy_error` once it has ended, been logged out or got another id.
///
/// A conversation goes on for hours after the request that began it, so that request only tells who it is: load the session
/// `read_only` at the upgrade, finish it, keep a copy, and run this beside the conversation:
///
/// ```
/// using namespace asio::experimental::awaitable_operators;
/// co_await (chat(socket, snapshot) || close_when_session_ends(store, snapshot.id(), socket, 30s));
/// ```
///
/// The conversation has to end by returning, not by an exception: after one, `||` waits for the other side.
///
/// While the store fails, the socket stays open, and the next look decides. Looking is no use of the session: it does not
/// live longer for it.
///
/// *Lifetimes:* store and socket outlive it. It runs on the socket's strand; cancelled, it ends by `operation_aborted`.
///
/// *Cost:* a load each time.
template <class Store, class WebSocket>
boost::asio::awaitable<void> close_when_session_ends(Store& store, session_id id, WebSocket& socket,
                                                     std::chrono::milliseconds every) {
    namespace asio = boost::asio;
    namespace websocket = boost::beast::websocket;
    asio::steady_timer timer(socket.get_executor());
    for (bool there = true; there;) {
        timer.expires_after(every);
        co_await timer.async_wait(asio::use_awaitable);
        error_code ec;
        const auto found = co_await store.async_load(id, read_only, asio::redirect_error(asio::use_awaitable, ec));
        there = ec || found;
    }
    error_code gone; // the other side may have gone first
    const websocket::close_reason reason(websocket::close_code::policy_error, "the session has ended");
    co_await socket.async_close(reason, asio::redirect_error(asio::use_awaitable, gone));
}

} // namespace dynasession::inline v0

#endif
// #include <dynasession/web/session_manager.hpp>

#ifdef DYNASESSION_WITH_ZLIB
// #include <dynasession/serializer/compressed.hpp>
#ifndef DYNASESSION_SERIALIZER_COMPRESSED_HPP
#define DYNASESSION_SERIALIZER_COMPRESSED_HPP

// Not part of <dynasession.hpp> unless DYNASESSION_WITH_ZLIB is defined: programs that include this link zlib (in CMake
// dynasession::zlib).
// #include <dynasession/core/concepts.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/core/fields.hpp>
// #include <dynasession/serializer/each_entry.hpp>
// #include <dynasession/serializer/json.hpp>

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0 {

/// What is compressed, and how.
struct compression_options {
    /// Values of fewer bytes are stored as they are.
    std::size_t threshold = 1024;

    /// From 1, the fastest, to 9, the smallest.
    int level = 6;

    /// Bytes that all values of a session may have before they are compressed; each as it is read.
    std::size_t max_size = 400 * 1024;
};

namespace compressed_detail {

// The first byte of what is stored as bytes; texts that were not compressed are stored as texts, without it.
inline constexpr char plain_bytes = 0, deflated_text = 1, deflated_bytes = 2;

inline Bytef* bytes_of(const char* text) noexcept { // zlib takes what it only reads as not const
    return reinterpret_cast<Bytef*>(const_cast<char*>(text));
}

// A stream of zlib; End is deflateEnd or inflateEnd.
template <int (*End)(z_streamp)>
struct stream : z_stream {
    stream() : z_stream{} {}
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;
    ~stream() { End(this); }

    void begin(int status, std::string_view in) {
        if (status != Z_OK) throw std::bad_alloc();
        next_in = bytes_of(in.data());
        avail_in = static_cast<uInt>(in.size());
    }
};

inline constexpr int raw_deflate = -MAX_WBITS; // RFC 1951, without header and checksum

/// `form` and the compressed text; nothing if that is not smaller than the text.
inline std::optional<std::string> deflated(char form, std::string_view text, int level) {
    if (text.size() < 3) return std::nullopt;
    stream<deflateEnd> z;
    z.begin(deflateInit2(&z, level, Z_DEFLATED, raw_deflate, MAX_MEM_LEVEL - 1, Z_DEFAULT_STRATEGY), text);
    std::string out(text.size() - 1, form);
    z.next_out = bytes_of(out.data() + 1);
    z.avail_out = static_cast<uInt>(out.size() - 1);
    if (deflate(&z, Z_FINISH) != Z_STREAM_END) return std::nullopt;
    out.resize(out.size() - z.avail_out);
    out.shrink_to_fit();
    return out;
}

/// What was compressed to `data`; nothing if that is not all of one stream, or becomes more than `max_size`.
inline std::optional<std::string> inflated(std::string_view data, std::size_t max_size) {
    stream<inflateEnd> z;
    z.begin(inflateInit2(&z, raw_deflate), data);
    std::string out;
    int status = Z_OK;
    while (status == Z_OK && out.size() <= max_size) {
        const std::size_t before = out.size();
        // Room for one byte more than there may be: where that is used, it is too much.
        out.resize(std::min(max_size + 1, 2 * before + 4 * data.size() + 64));
        z.next_out = bytes_of(out.data() + before);
        z.avail_out = static_cast<uInt>(out.size() - before);
        status = inflate(&z, Z_NO_FLUSH);
        out.resize(out.size() - z.avail_out);
        if (z.avail_out != 0 && status == Z_OK) return std::nullopt; // the end is missing
    }
    if (status != Z_STREAM_END || z.avail_in != 0 || out.size() > max_size) return std::nullopt;
    return out;
}

} // namespace compressed_detail

template <serializer Serializer>
class encrypted; // see serializer/encrypted.hpp

namespace compressed_detail {

template <class Serializer>
inline constexpr bool is_encrypted = false;
template <class Serializer>
inline constexpr bool is_encrypted<encrypted<Serializer>> = true;

} // namespace compressed_detail

/// Compresses the entries that `Serializer` makes, those of 1 KiB and more that get smaller by it:
/// `compressed<json_serializer>`.
///
/// What was stored without compression is read as it is, so it can be switched on at any time; to switch it off again,
/// set a high threshold until the sessions have ended. To encrypt too: `encrypted<compressed<json_serializer>>`.
///
/// *Cost:* a compressed value is stored as B in DynamoDB: raw deflate after one byte.
template <serializer Serializer = json_serializer>
class compressed {
    static_assert(!compressed_detail::is_encrypted<Serializer>,
                  "dynasession: what is encrypted does not get smaller: write encrypted<compressed<...>>");

public:
    using value_type = typename Serializer::value_type;
    static constexpr bool binds_to_id = binding_serializer<Serializer>;

    compressed() : compressed(compression_options{}) {}

    /// *Errors:* throws session_error with `invalid_option`.
    explicit compressed(const compression_options& options, Serializer inner = {})
        : inner_(std::move(inner)), options_(options) {
        if (options.level < 1 || options.level > 9)
            throw session_error(failure(error::invalid_option, "compression_options::level is from 1 to 9"));
        if (options.max_size > max_size_limit)
            throw session_error(failure(error::invalid_option, "compression_options::max_size is at most 64 MiB"));
    }

    /// *Errors:* those of `Serializer`; `item_too_large`: the values have more than `max_size` bytes, with the size in
    /// the detail.
    result<fields> serialize(const value_type& value, serialize_context context) const {
        const auto said = read_all(context.stored);
        if (!said) return said.error();
        const auto entries = inner_.serialize(value, {context.id, *said});
        if (!entries) return entries.error();
        std::size_t bytes = 0;
        for (const field f : *entries) bytes += f.text.size();
        if (bytes > options_.max_size)
            return failure(error::item_too_large, "the values take " + std::to_string(bytes) +
                                                      " bytes before compression, more than " +
                                                      std::to_string(options_.max_size));
        const auto keep = [](const field&) { return true; };
        return serializer_detail::write_each(*entries, context.stored, *said, keep,
                                             [&](const field& f) { return write(f); });
    }

    /// *Errors:* those of `Serializer`; `corrupt_session`, also when what is stored becomes too large.
    result<value_type> deserialize(const fields& entries, const session_id& id) const {
        const auto said = read_all(entries);
        if (!said) return said.error();
        return inner_.deserialize(*said, id);
    }

private:
    using entry_text = serializer_detail::entry_text;

    static constexpr std::size_t max_size_limit = 64 * 1024 * 1024;

    // Saves of others may have been merged, each of them within the bounds; more than so many are not legitimate.
    static constexpr std::size_t max_merged = 16;

    entry_text write(const field& f) const {
        const char form = f.binary ? compressed_detail::deflated_bytes : compressed_detail::deflated_text;
        if (f.text.size() >= options_.threshold)
            if (auto smaller = compressed_detail::deflated(form, f.text, options_.level))
                return {*std::move(smaller), true};
        if (f.binary) return {compressed_detail::plain_bytes + std::string(f.text), true};
        return {std::string(f.text), false};
    }

    result<entry_text> read(const field& f, std::size_t max_size) const {
        if (!f.binary) return entry_text{std::string(f.text), false};
        if (f.text.empty()) return error::corrupt_session;
        const char form = f.text.front();
        const auto content = f.text.substr(1);
        if (form == compressed_detail::plain_bytes) return entry_text{std::string(content), true};
        if (form != compressed_detail::deflated_text && form != compressed_detail::deflated_bytes)
            return error::corrupt_session;
        auto text = compressed_detail::inflated(content, max_size);
        if (!text) return error::corrupt_session;
        return entry_text{*std::move(text), form == compressed_detail::deflated_bytes};
    }

    result<fields> read_all(const fields& entries) const {
        std::size_t left = max_merged * options_.max_size;
        return serializer_detail::read_each(entries, [&](const field& f) {
            auto said = read(f, std::min(left, options_.max_size));
            if (said) left -= std::min(left, said->text.size());
            return said;
        });
    }

    Serializer inner_;
    compression_options options_;
};

static_assert(check_serializer<compressed<json_serializer>>());

} // namespace dynasession::inline v0

#endif
#endif

#ifdef DYNASESSION_WITH_CROW
// #include <dynasession/web/crow.hpp>
#ifndef DYNASESSION_WEB_CROW_HPP
#define DYNASESSION_WEB_CROW_HPP

// #include <dynasession/core/error.hpp>
// #include <dynasession/detail/http_syntax.hpp>
// #include <dynasession/web/http_failure.hpp>
// #include <dynasession/web/response_fields.hpp>
// #include <dynasession/web/session_manager.hpp>
// #include <dynasession/web/web_session.hpp>

#include <boost/system/system_error.hpp>

#include <crow/http_request.h>
#include <crow/http_response.h>
#include <crow/logging.h>
#include <crow/middleware.h>

#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0 {

namespace crow_detail {

/// Middleware that every request passes, as Crow's `ILocalMiddleware` is one that routes name.
struct every_route {
    using call_global = std::true_type;
};

/// What a request has in a field; over HTTP/2 a proxy may leave several cookie fields.
inline std::string field_of(const crow::request& request, std::string_view name) {
    std::string joined;
    const auto [first, last] = request.headers.equal_range(std::string(name));
    for (auto f = first; f != last; ++f) {
        if (f != first) joined += "; ";
        joined += f->second;
    }
    return joined;
}

inline void add_fields(const response_fields& fields, crow::response& response) {
    fields.apply(
        [&response](std::string_view name, std::string_view value) {
            if (detail::equal_ignoring_case(name, "Set-Cookie"))
                response.add_header(std::string(name), std::string(value)); // others may set cookies, too
            else
                response.set_header(std::string(name), std::string(value));
        },
        [&response](std::string_view name, std::string_view value) {
            response.add_header(std::string(name), std::string(value)); // a list, and may stand on several lines
        });
}

/// Puts what the server answers instead into a response that has ended; assigning another one would have it end anew.
inline void replace(crow::response& response, const http_failure& failed) {
    if (response.is_static_type()) response.set_static_file_info_unsafe({}); // no file has this name: it sends none then
    response.code = failed.status;
    response.headers.clear();
    response.body = failed.text;
    response.set_header("Content-Type", "text/plain; charset=utf-8");
    response.set_header("Cache-Control", "no-store");
    if (failed.retry_after.count() != 0) response.set_header("Retry-After", std::to_string(failed.retry_after.count()));
    response.manual_length_header = response.skip_body;
    if (!response.skip_body) return;
    response.set_header("Content-Length", std::to_string(response.body.size())); // to HEAD, the length alone
    response.body.clear();
}

} // namespace crow_detail

/// Crow middleware that gives each request its session.
///
///     ds::memory_session_store store;
///     ds::session_manager web(store, {.secrets = {key}});
///     using sessions = ds::crow_sessions<ds::memory_session_store>;
///     crow::App<sessions> app{sessions{web}};
///
///     CROW_ROUTE(app, "/")([&app](const crow::request& r) {
///         auto& s = sessions::of(app, r);           // asks nobody
///         s.start();                                // the session of the request, or a new one
///         s->set("visits", s->get<int>("visits").value_or(0) + 1);
///         return "welcome";                         // saved before the response leaves
///     });
///
/// Requests do not wait for each other. The store is called on the thread that serves the request, so `concurrency` has to
/// allow for as many threads as requests are to wait for the store at once.
///
/// What a handler decided is carried out when its response ends, on the thread that ends it; the session is gone then.
/// Handlers do not call `finish`. With a response of 5xx, as Crow makes of exceptions, nothing is stored but a logout.
///
/// A store that fails makes the response what `http_failure` says, 503 with `Retry-After` mostly: when the session cannot be
/// saved, and when the failure leaves the handler as an exception. Handlers that want to go on without a session call
/// `load(ec)`. With an `exception_handler` of the application that writes a page, that page is sent.
///
/// A WebSocket has no response: in `onaccept` load the session `read_only` and copy what the conversation needs. There
/// nothing is saved, and locks are given up when the upgrade is done. Only middleware of all routes has the session then.
///
/// *Lifetimes:* a manager that is given by reference outlives the application. The session is valid until the response ends.
///
/// *Thread safety:* as of the manager; each session belongs to one request.
template <class Store, class Scope = crow_detail::every_route>
class crow_sessions : public Scope {
public:
    using manager_type = session_manager<Store>;

    /// What Crow keeps of a request for us.
    class context {
    public:
        context() = default;
        ~context() { give_up(); }

        /// Crow begins each request of a connection by assigning a fresh one.
        context& operator=(context&&) noexcept {
            give_up();
            return *this;
        }

        /// The session of the request, of which nothing was loaded yet.
        ///
        /// *Errors:* throws std::logic_error where the middleware does not run.
        web_session<Store>& session() {
            if (!session_)
                throw std::logic_error("dynasession: no session here: the route has to name crow_route_sessions in "
                                       "CROW_MIDDLEWARES, and the response must not have ended");
            return *session_;
        }

    private:
        friend crow_sessions;

        void begin(std::shared_ptr<manager_type> web, const crow::request& request) {
            web_ = std::move(web);
            session_.emplace(*web_, crow_detail::field_of(request, web_->request_field()));
        }

        // Crow may call again for a later request of the connection, one without a route: that has no session.
        void end(crow::response& response) {
            if (!session_) return;
            const bool handler_failed = response.code >= 500;
            const error_code cause = response.code == 500 && response.body.empty() ? what_failed() : error_code();
            if (handler_failed) session_->abandon();
            std::optional<http_failure> failed;
            try {
                const auto fields = session_->finish();
                crow_detail::add_fields(fields, response);
            } catch (const std::exception& e) {
                CROW_LOG_ERROR << "dynasession: a session was not " << (handler_failed ? "released: " : "saved: ") << e.what();
                const auto* of_store = dynamic_cast<const boost::system::system_error*>(&e);
                if (!handler_failed) failed = of_store ? http_failure::of(of_store->code()) : http_failure();
            }
            if (cause) failed = http_failure::of(cause);
            if (failed) crow_detail::replace(response, *failed);
            session_.reset();
        }

        // The failure of the store that left the handler. Crow ends the response while it has the exception in its hands,
        // but for the catch-all route.
        error_code what_failed() const {
            const auto thrown = std::current_exception();
            if (!thrown) return session_->store_failure();
            try {
                std::rethrow_exception(thrown);
            } catch (const boost::system::system_error& e) {
                // The network's own errors may also come from what else the handler does.
                if (e.code().category() == error_category() || e.code() == session_->store_failure()) return e.code();
            } catch (...) {
            }
            return {};
        }

        // Of a request without a response: a WebSocket, say. Others shall not wait for the end of its lock.
        void give_up() noexcept {
            if (!session_) return;
            try {
                if (const auto* s = session_->get(); s && s->is_locked()) {
                    session_->abandon();
                    session_->finish();
                }
            } catch (const std::exception& e) {
                CROW_LOG_WARNING << "dynasession: a session was not released: " << e.what();
            }
            session_.reset();
        }

        std::shared_ptr<manager_type> web_; // a connection may outlive the application's middleware
        std::optional<web_session<Store>> session_;
    };

    explicit crow_sessions(std::shared_ptr<manager_type> web) : web_(std::move(web)) {}

    /// The same; the manager outlives the application.
    explicit crow_sessions(manager_type& web) : web_(std::shared_ptr<void>(), &web) {}

    /// The session of a request that the application is serving; see `context::session`.
    template <class App>
    static web_session<Store>& of(App& app, const crow::request& request) {
        return app.template get_context<crow_sessions>(request).session();
    }

    void before_handle(crow::request& request, crow::response&, context& c) { c.begin(web_, request); }
    void after_handle(crow::request&, crow::response& response, context& c) { c.end(response); }

private:
    std::shared_ptr<manager_type> web_;
};

/// The same for the routes alone that name it: `.CROW_MIDDLEWARES(app, ds::crow_route_sessions<Store>)`.
template <class Store>
using crow_route_sessions = crow_sessions<Store, crow::ILocalMiddleware>;

} // namespace dynasession::inline v0

#endif
// #include <dynasession/web/crow_store.hpp>
#ifndef DYNASESSION_WEB_CROW_STORE_HPP
#define DYNASESSION_WEB_CROW_STORE_HPP

// #include <dynasession/core/access.hpp>
// #include <dynasession/core/concepts.hpp>
// #include <dynasession/core/error.hpp>
// #include <dynasession/core/secret.hpp>
// #include <dynasession/core/session.hpp>
// #include <dynasession/core/session_id.hpp>
// #include <dynasession/detail/crypto.hpp>
// #include <dynasession/detail/encoding.hpp>

#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

#include <crow/middlewares/session.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>

namespace dynasession::inline v0 {

namespace crow_detail {

/// What Crow can hold of a JSON value: nothing of null, arrays, objects and integers beyond 63 bits.
inline std::optional<crow::session::multi_value> to_crow(const boost::json::value& v) {
    using crow::session::multi_value;
    switch (v.kind()) {
    case boost::json::kind::bool_: return multi_value{v.get_bool()};
    case boost::json::kind::int64: return multi_value{v.get_int64()};
    case boost::json::kind::double_: return multi_value{v.get_double()};
    case boost::json::kind::string: return multi_value{std::string(v.get_string())};
    default: return std::nullopt;
    }
}

inline boost::json::value to_json(const crow::session::multi_value& v) {
    return std::visit([](const auto& held) { return boost::json::value(held); }, v.v_);
}

/// The changes of handlers as a JSON merge patch (RFC 7396): null removes a key. Crow has no null of its own.
using patch = boost::json::object;

/// Carries the changes out; false if they leave nothing.
inline bool apply(const patch& changes, session& s) {
    for (const auto& change : changes) {
        if (change.value().is_null())
            s.remove(change.key());
        else
            s[change.key()] = change.value();
    }
    return changes.empty() || !s.value().empty();
}

} // namespace crow_detail

/// Keeps the sessions of Crow's own middleware: `crow::SessionMiddleware<crow_store<Store>>` works on a session store.
///
///     ds::dynamodb_session_store sessions{{.table_name = "sessions"}};
///     using middleware = crow::SessionMiddleware<ds::crow_store<ds::dynamodb_session_store>>;
///     crow::App<crow::CookieParser, middleware> app{middleware{std::ref(sessions), key}};
///
/// A request costs one load, and one save if it changed something; else a touch when that is due. Only changed keys are
/// sent. Values that Crow cannot express (null, arrays, objects) are not shown to handlers, and stay as they are unless a
/// handler sets or removes their key. When handlers have removed all that a session holds, it is destroyed.
///
/// What no store can mend, for Crow decides it: ids come from a generator with 2^32 seeds, so they can be guessed; one
/// mutex is held while the store works, so requests wait for each other's I/O; the cookie has neither HttpOnly nor Secure
/// unless the middleware is given one that has; there is no new id at login; and after a WebSocket upgrade the next request
/// of that session in this process sees it as it was at the upgrade, even if it has ended since. The session middleware of
/// this library has none of that.
///
/// *Errors:* Crow's log has them. What cannot be read is shown as an empty session and never saved, so cookie and session
/// outlive an outage; what cannot be saved is not tried again.
///
/// *Lifetimes:* a store that is given by reference outlives the middleware.
///
/// *Thread safety:* none; Crow calls it under the middleware's mutex.
template <class Store>
class crow_store {
    static_assert(std::same_as<typename Store::session_type, session>,
                  "dynasession: Crow's middleware has keys and values: use a store whose sessions are JSON objects");
    static_assert(!exclusive_lock_policy<typename Store::lock_policy_type>,
                  "dynasession: under Crow's mutex the holder of a lock and those who wait for it block each other: "
                  "use no_lock or optimistic_lock");

public:
    /// With a key, the same for all servers of one table, nobody who reads the table can work out the cookies.
    explicit crow_store(std::shared_ptr<Store> store, const std::optional<secret>& key = {})
        : store_(std::move(store)), keyed_(key ? key->bytes() : "dynasession crow id") {}

    /// The same; the store outlives this. (The middleware copies its arguments: give it `std::ref(store)`.)
    explicit crow_store(Store& store, const std::optional<secret>& key = {})
        : crow_store(std::shared_ptr<Store>(std::shared_ptr<void>(), &store), key) {}

    /// The id under which the store has the session of a cookie; empty for a text that Crow never makes.
    session_id id_of(std::string_view cookie) const {
        constexpr std::size_t most = 128;
        constexpr std::string_view made_of = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        if (cookie.empty() || cookie.size() > most || cookie.find_first_not_of(made_of) != cookie.npos) return {};
        auto mac = keyed_;
        mac.update("crow session\n");
        mac.update(cookie);
        const auto text = detail::base64url(mac.finish());
        return session_id::parse({text.data(), text.size()}).value();
    }

    /// Whether there is such a session, as Crow asks before each `load`, for which what was found is kept.
    bool contains(const std::string& cookie) {
        const session_id id = id_of(cookie);
        if (id.empty()) return false;
        loaded_.erase(id);
        try {
            auto found = store_->load(id);
            if (found) loaded_.emplace(id, *std::move(found));
            return loaded_.contains(id);
        } catch (const std::exception& e) {
            // If it were denied, Crow would give the user another session in place of this one.
            complain(id, "read", e);
            return true;
        }
    }

    void load(crow::session::CachedSession& cached) {
        cached.referrers = save_at_every_end;
        const auto found = loaded_.find(id_of(cached.session_id));
        if (found == loaded_.end()) return mark(cached, unreadable);
        for (const auto& member : found->second.value())
            if (auto value = crow_detail::to_crow(member.value())) cached.entries[member.key()] = *std::move(value);
        mark(cached, loaded_at(found->second));
    }

    void save(crow::session::CachedSession& cached) {
        const session_id id = id_of(cached.session_id);
        const auto changes = take_changes(cached);
        if (!changes) return;
        try {
            mark(cached, write(id, mark_of(cached), *changes));
        } catch (const std::exception& e) {
            const auto* failed = dynamic_cast<const session_error*>(&e);
            const bool nothing_lost = changes->empty() && failed && failed->code() == error::session_gone;
            if (!nothing_lost) complain(id, changes->empty() ? "touched" : "saved", e);
        }
    }

private:
    // What a session of Crow's carries along, as an integer: nobody would free anything else.
    using mark_type = std::uintptr_t;
    static constexpr mark_type not_stored_yet = 0;
    static constexpr mark_type unreadable = std::numeric_limits<mark_type>::max();

    static mark_type loaded_at(const session& s) noexcept { return static_cast<mark_type>(s.version()) + 1; }
    static mark_type mark_of(const crow::session::CachedSession& c) noexcept {
        return reinterpret_cast<mark_type>(c.store_data);
    }
    static void mark(crow::session::CachedSession& c, mark_type m) noexcept { c.store_data = reinterpret_cast<void*>(m); }

    // Crow saves when as many requests have ended as have begun. A WebSocket upgrade never ends, so nothing would be saved
    // ever again. With a count that stays below zero Crow saves, and forgets its copy, whenever a request ends.
    static constexpr int save_at_every_end = std::numeric_limits<int>::min() / 2;

    // The changes since the last save. Nothing while another request of the session has it locked: one may end its
    // response with the lock held, and then waits for the mutex that we are called under. It saves these changes too.
    static std::optional<crow_detail::patch> take_changes(crow::session::CachedSession& cached) {
        constexpr int most_attempts = 1000;
        std::unique_lock lock(cached.mutex, std::defer_lock);
        for (int i = 0; i != most_attempts && !lock.try_lock(); ++i) std::this_thread::yield();
        if (!lock) {
            CROW_LOG_WARNING << "dynasession: a request ends while another one has its session locked, which will save it";
            return std::nullopt;
        }
        crow_detail::patch changes;
        // Taken, for Crow saves the same copy once more at a HEAD that it has no route for.
        for (const auto& key : std::exchange(cached.dirty, {})) {
            const auto entry = cached.entries.find(key);
            changes[key] = entry == cached.entries.end() ? boost::json::value() : crow_detail::to_json(entry->second);
        }
        return changes;
    }

    // Writes the changes on top of what was loaded at `from`; returns where the session stands then.
    mark_type write(const session_id& id, mark_type from, const crow_detail::patch& changes) {
        if (from == not_stored_yet) return create(id, changes);
        if (from == unreadable && changes.empty()) return from;
        if (from == unreadable) throw session_error(failure(error::read_only_session, "it could not be read before"));
        const auto found = loaded_.find(id);
        if (found == loaded_.end() || loaded_at(found->second) != from) return update(id, from, changes);
        session s = std::move(loaded_.extract(found).mapped());
        if (!crow_detail::apply(changes, s)) return destroy(id, from);
        store_->save(s);
        return loaded_at(s);
    }

    // When another request that shares Crow's copy has saved first.
    mark_type update(const session_id& id, mark_type from, const crow_detail::patch& changes) {
        if (changes.empty()) return from;
        bool is_left = true;
        const auto s = store_->update(id, [&](session& now) { return is_left = crow_detail::apply(changes, now); });
        if (!s) throw session_error(failure(error::session_gone));
        return is_left ? loaded_at(*s) : destroy(id, from);
    }

    mark_type create(const session_id& id, const crow_detail::patch& changes) {
        session s = session_access::make(id, session::value_type{}, loaded{session_access::stored(store_->create())}, true);
        if (!crow_detail::apply(changes, s) || changes.empty()) return not_stored_yet;
        store_->save(s);
        if (s.id() == id) return loaded_at(s);
        // Crow has made an id twice and sent the cookie already: this user would go on with the other's session.
        store_->destroy(id);
        store_->destroy(s.id());
        throw session_error(failure(error::session_exists, "Crow made an id a second time; both sessions are ended"));
    }

    mark_type destroy(const session_id& id, mark_type from) {
        store_->destroy(id);
        return from;
    }

    static void complain(const session_id& id, const char* what, const std::exception& e) {
        CROW_LOG_ERROR << "dynasession: session " << id.loggable() << " was not " << what << ": " << e.what();
    }

    std::shared_ptr<Store> store_;
    detail::hmac_sha256 keyed_;
    std::unordered_map<session_id, session> loaded_; // what Crow has a copy of and nobody has saved yet
};

} // namespace dynasession::inline v0

#endif
#endif

#endif
