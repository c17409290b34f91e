#ifndef DYNASESSION_HTTP_CLIENT_HPP
#define DYNASESSION_HTTP_CLIENT_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/options.hpp>
#include <dynasession/http/async_exchange.hpp>
#include <dynasession/http/endpoint.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/http/pool.hpp>
#include <dynasession/http/round_trip.hpp>
#include <dynasession/op/action.hpp>
#include <dynasession/op/compose.hpp>
#include <dynasession/op/default_executor.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <thread>
#include <utility>

namespace dynasession::inline v0::http {

using client_options = connection_options;

/// Exchanges requests with one endpoint over kept connections, blocking or asynchronously, with the same deadlines.
///
/// It is the `Io` of `op::run` and `op::async_run` for operations whose effect is `exchange` and whose reply is
/// `reply`.
///
/// *Lifetimes:* the client has to outlive its calls, and its executor's context the client. Without an executor,
/// asynchronous calls run on Asio's process-wide `system_context`, which needs no thread of the user; a server should
/// give the executor of its own `io_context`, which is faster. A client of static storage duration needs that too if
/// it is used asynchronously, because the `system_context` may end before it.
///
/// *Thread safety:* may be used from many threads at once. Blocking and asynchronous calls share the connections.
class client {
public:
    using executor_type = boost::asio::any_io_executor;

    /// Throws `session_error` if the options of TLS or of the proxy cannot be used. Connects to nothing yet.
    explicit client(endpoint target, client_options options = {})
        : client(op::default_executor(), std::move(target), std::move(options)) {}

    client(executor_type executor, endpoint target, client_options options = {})
        : executor_(std::move(executor)), pool_(std::move(target), std::move(options)) {}

    executor_type get_executor() const { return executor_; }
    const endpoint& target() const noexcept { return pool_.target(); }

    /// How many connections lie idle.
    std::size_t idle_connections() const { return pool_.idle(); }

    op::instant now() const noexcept { return op::instant::now(); }

    /// Blocks the calling thread.
    void wait(std::chrono::milliseconds duration) const { std::this_thread::sleep_for(duration); }

    /// Carries out one exchange on the calling thread, at the latest until its deadline.
    ///
    /// Only the look-up of a name may last longer, as long as the system's resolver does.
    reply perform(const exchange& e) {
        using clock = std::chrono::steady_clock;
        auto now = clock::now();
        round_trip trip(pool_, e);
        for (auto step = trip.start(now);;) {
            error_code ec;
            std::size_t n = 0;
            switch (step) {
            case round_trip::step::look_up:
                trip.conn().addresses = posix::resolve(trip.peer().host, trip.peer().port, ec);
                break;
            case round_trip::step::connect: ec = trip.conn().blocking().connect(trip.address(), trip.deadline()); break;
            case round_trip::step::send:
                n = trip.conn().blocking().send(trip.conn().protocol().output(), now, trip.deadline(), ec);
                break;
            case round_trip::step::receive:
                n = trip.conn().blocking().receive(trip.conn().protocol().input(), now, trip.deadline(), ec);
                break;
            case round_trip::step::finished: return trip.finish(now);
            }
            if (step != round_trip::step::send) now = clock::now();
            step = trip.resume(ec, n, now);
        }
    }

    /// Carries out one exchange asynchronously, at the latest until its deadline.
    ///
    /// *Completion signature:* `void(reply)`, never inside the initiation.
    ///
    /// *Cancellation:* `terminal`, at every point; the reply is `operation_aborted`, and the connection is closed.
    template <class Token>
    auto async_perform(const exchange& e, Token&& token) {
        return op::compose<void(reply)>(async_exchange(pool_, e, executor_), *this, std::forward<Token>(token));
    }

private:
    executor_type executor_;
    pool pool_;
};

} // namespace dynasession::inline v0::http

#endif
