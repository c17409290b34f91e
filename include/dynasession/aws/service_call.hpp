#ifndef DYNASESSION_AWS_SERVICE_CALL_HPP
#define DYNASESSION_AWS_SERVICE_CALL_HPP

#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/fetch.hpp>
#include <dynasession/aws/retry.hpp>
#include <dynasession/aws/service_fault.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/http/date.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/op/action.hpp>

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
