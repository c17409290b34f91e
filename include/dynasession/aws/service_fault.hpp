#ifndef DYNASESSION_AWS_SERVICE_FAULT_HPP
#define DYNASESSION_AWS_SERVICE_FAULT_HPP

#include <dynasession/aws/retry.hpp>
#include <dynasession/aws/server_text.hpp>
#include <dynasession/core/error.hpp>

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
