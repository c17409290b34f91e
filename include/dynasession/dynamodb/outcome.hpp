#ifndef DYNASESSION_DYNAMODB_OUTCOME_HPP
#define DYNASESSION_DYNAMODB_OUTCOME_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/dynamodb/error.hpp>
#include <dynasession/dynamodb/item.hpp>

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
