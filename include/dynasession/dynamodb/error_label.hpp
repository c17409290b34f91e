#ifndef DYNASESSION_DYNAMODB_ERROR_LABEL_HPP
#define DYNASESSION_DYNAMODB_ERROR_LABEL_HPP

#include <dynasession/core/error.hpp>

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
