#ifndef DYNASESSION_AWS_SERVICE_CLOCK_HPP
#define DYNASESSION_AWS_SERVICE_CLOCK_HPP

#include <dynasession/http/date.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/op/action.hpp>

#include <atomic>
#include <chrono>

namespace dynasession::inline v0::aws {

/// What the time is by the clock of the service, learnt from the Date header of its answers: what signatures are
/// dated by, and what sessions and leases end by, on whatever machine.
///
/// Date counts whole seconds. So the estimate is kept as long as an answer does not contradict it: on a machine whose
/// clock is right it is that clock, and does not waver. Else it is moved by Date minus the middle of the exchange, as
/// the AWS SDKs do. Answers of a cache (header Age), answers that took more than 15 minutes and answers without Date
/// (DynamoDB Local) teach nothing.
///
/// *Thread safety:* may be used from many threads at once.
class service_clock {
public:
    /// How far the service's clock is ahead of this machine's.
    std::chrono::milliseconds skew() const noexcept {
        return std::chrono::milliseconds(skew_.load(std::memory_order_relaxed));
    }

    /// A time of this machine's clock by the service's.
    op::instant correct(op::instant own) const noexcept { return {own.system + skew(), own.steady}; }

    /// Learns from an answer to a request that was sent at `sent` and answered at `received`, by this machine's clock.
    void learn(const http::response& answer, op::instant sent, op::instant received) noexcept {
        using namespace std::chrono;
        // A second later is early enough to see that nothing has changed.
        if (answer.status == 200 && received.steady.time_since_epoch().count() < next_look_.load(std::memory_order_relaxed))
            return;
        next_look_.store((received.steady + seconds(1)).time_since_epoch().count(), std::memory_order_relaxed);
        if (received.steady - sent.steady > minutes(15) || !answer.header("age").empty()) return;
        const auto date = http::parse_date(answer.header("date"));
        if (!date) return;
        const sys_time<milliseconds> earliest = *date, latest = *date + seconds(1);
        if (sent.system + skew() < latest && received.system + skew() >= earliest) return;
        const auto middle = sent.system + duration_cast<milliseconds>(received.steady - sent.steady) / 2;
        skew_.store((earliest - middle).count(), std::memory_order_relaxed);
    }

private:
    std::atomic<std::chrono::milliseconds::rep> skew_{0};
    std::atomic<std::chrono::steady_clock::rep> next_look_{std::chrono::steady_clock::time_point::min().time_since_epoch().count()};
};

} // namespace dynasession::inline v0::aws

#endif
