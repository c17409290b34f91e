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
