#ifndef DYNASESSION_AWS_METADATA_REQUESTS_HPP
#define DYNASESSION_AWS_METADATA_REQUESTS_HPP

#include <dynasession/aws/fetch.hpp>
#include <dynasession/aws/retry.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/http/endpoint.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/op/action.hpp>

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
