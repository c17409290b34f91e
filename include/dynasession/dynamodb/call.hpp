#ifndef DYNASESSION_DYNAMODB_CALL_HPP
#define DYNASESSION_DYNAMODB_CALL_HPP

#include <dynasession/aws/credentials_provider.hpp>
#include <dynasession/aws/retry.hpp>
#include <dynasession/aws/service_clock.hpp>
#include <dynasession/aws/sigv4.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/detail/random.hpp>
#include <dynasession/dynamodb/call_watch.hpp>
#include <dynasession/dynamodb/error.hpp>
#include <dynasession/dynamodb/item_size.hpp>
#include <dynasession/dynamodb/observer.hpp>
#include <dynasession/dynamodb/outcome.hpp>
#include <dynasession/dynamodb/request.hpp>
#include <dynasession/dynamodb/request_heads.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/op/action.hpp>

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
