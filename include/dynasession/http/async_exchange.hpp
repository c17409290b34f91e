#ifndef DYNASESSION_HTTP_ASYNC_EXCHANGE_HPP
#define DYNASESSION_HTTP_ASYNC_EXCHANGE_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/http/async_socket.hpp>
#include <dynasession/http/blocking_socket.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/http/name_lookup.hpp>
#include <dynasession/http/pool.hpp>
#include <dynasession/http/round_trip.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <memory>
#include <utility>

namespace dynasession::inline v0::http {

/// Drives a `round_trip` inside `op::compose`.
class async_exchange {
    using clock = std::chrono::steady_clock;
    using step = round_trip::step;

public:
    async_exchange(pool& connections, const exchange& e, const boost::asio::any_io_executor& executor)
        : trip_(connections, e), executor_(&executor) {}

    template <class Self>
    void operator()(Self& self) {
        const auto now = clock::now();
        advance(self, trip_.start(now), now);
    }

    // An operation on the socket, or the wait for a look-up, has ended.
    template <class Self>
    void operator()(Self& self, error_code ec, std::size_t n = 0) {
        suspended_ = true;
        const auto now = clock::now();
        advance(self, trip_.resume(outcome(self, ec), n, now), now);
    }

    // The end of the post that keeps an exchange from completing inside its initiation.
    template <class Self>
    void operator()(Self& self, std::unique_ptr<reply> held) {
        self.complete(std::move(*held));
    }

private:
    template <class Self>
    error_code outcome(Self& self, const error_code& ec) {
        if (self.cancelled() != boost::asio::cancellation_type::none) return boost::asio::error::operation_aborted;
        if (lookup_) return std::exchange(lookup_, nullptr)->finish(trip_.conn().addresses);
        if (ec == boost::asio::error::operation_aborted && trip_.conn().async(*executor_)->expired())
            return error::timeout;
        return ec == boost::asio::error::eof ? error_code{} : ec;
    }

    // Goes on until something has to be waited for. `self`, and with it this object, is gone after it was moved.
    template <class Self>
    void advance(Self& self, step next, clock::time_point now) {
        while (next != step::finished) {
            error_code ec;
            std::size_t n = 0;
            if (self.cancelled() != boost::asio::cancellation_type::none) {
                ec = boost::asio::error::operation_aborted;
            } else if (next == step::look_up) {
                const auto lookup = lookup_ = std::make_shared<name_lookup>(*executor_);
                return lookup->start(trip_.peer(), trip_.deadline(), std::move(self));
            } else {
                const auto socket = trip_.conn().async(*executor_);
                if (next == step::send)
                    n = posix::send_now(socket->native_handle(), trip_.conn().protocol().output(), ec);
                if (next != step::send || posix::would_block(ec)) {
                    if (socket->expire_at(trip_.deadline())) return wait(self, *socket, next);
                    ec = error::timeout;
                }
            }
            next = trip_.resume(ec, n, now); // nothing above has taken time
        }
        // Last, because the handler often begins the next exchange on this connection, and then the timer runs on.
        const auto socket = trip_.has_connection() ? trip_.conn().async() : nullptr;
        const auto rest = [](async_socket* s) { s->rest(); };
        const std::unique_ptr<async_socket, decltype(rest)> resting(socket.get());
        auto r = trip_.finish(now);
        if (suspended_) return self.complete(std::move(r));
        const auto executor = *executor_;
        boost::asio::post(executor, boost::asio::append(std::move(self), std::make_unique<reply>(std::move(r))));
    }

    template <class Self>
    void wait(Self& self, async_socket& socket, step next) {
        if (next == step::connect) {
            const auto address = trip_.address();
            socket.connect(address, std::move(self));
        } else if (next == step::send) {
            socket.wait_writable(std::move(self));
        } else {
            const auto buffer = trip_.conn().protocol().input();
            socket.receive(buffer, std::move(self));
        }
    }

    round_trip trip_;
    const boost::asio::any_io_executor* executor_;
    std::shared_ptr<name_lookup> lookup_;
    bool suspended_ = false;
};

} // namespace dynasession::inline v0::http

#endif
