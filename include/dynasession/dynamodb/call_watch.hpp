#ifndef DYNASESSION_DYNAMODB_CALL_WATCH_HPP
#define DYNASESSION_DYNAMODB_CALL_WATCH_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/dynamodb/observer.hpp>
#include <dynasession/dynamodb/outcome.hpp>
#include <dynasession/http/message.hpp>

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
