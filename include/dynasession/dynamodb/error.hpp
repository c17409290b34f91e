#ifndef DYNASESSION_DYNAMODB_ERROR_HPP
#define DYNASESSION_DYNAMODB_ERROR_HPP

#include <dynasession/aws/retry.hpp>
#include <dynasession/aws/server_text.hpp>
#include <dynasession/aws/service_fault.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/detail/crc32.hpp>
#include <dynasession/dynamodb/item.hpp>
#include <dynasession/dynamodb/json_reader.hpp>
#include <dynasession/http/message.hpp>

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
