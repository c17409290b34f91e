#ifndef DYNASESSION_DYNAMODB_COMPLETE_BATCH_HPP
#define DYNASESSION_DYNAMODB_COMPLETE_BATCH_HPP

#include <dynasession/aws/retry.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/dynamodb/call.hpp>
#include <dynasession/dynamodb/operations/read_items.hpp>
#include <dynasession/dynamodb/operations/write_items.hpp>
#include <dynasession/dynamodb/request.hpp>
#include <dynasession/op/action.hpp>

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
