#ifndef DYNASESSION_HTTP_ASYNC_SOCKET_HPP
#define DYNASESSION_HTTP_ASYNC_SOCKET_HPP

#include <dynasession/core/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <unistd.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

namespace dynasession::inline v0::http {

/// A TCP socket whose asynchronous operations are cancelled when a deadline passes.
///
/// One timer serves all operations, and runs on from one exchange to the next: it looks for a later deadline when it
/// expires, so that exchanges in a row set it once. It may expire on another thread than the operations run on, and an
/// operation may end on another thread before the call that started it has returned; hence the mutex.
class async_socket : public std::enable_shared_from_this<async_socket> {
    using tcp = boost::asio::ip::tcp;
    using clock = std::chrono::steady_clock;

public:
    explicit async_socket(const boost::asio::any_io_executor& executor) : socket_(executor), timer_(executor) {}

    bool is_open() const {
        const std::lock_guard lock(mutex_);
        return socket_.is_open();
    }

    int native_handle() {
        const std::lock_guard lock(mutex_);
        return socket_.native_handle();
    }

    /// Takes over a connected socket.
    void assign(const tcp& protocol, int fd) {
        const std::lock_guard lock(mutex_);
        error_code ec;
        socket_.assign(protocol, fd, ec);
        if (ec) ::close(fd); // the first operation will find no socket and say so
    }

    /// Gives up a connected socket on which nothing is waiting; -1 if that fails.
    int release() {
        const std::lock_guard lock(mutex_);
        error_code ec;
        const int fd = socket_.release(ec);
        return ec ? -1 : fd;
    }

    void close() noexcept {
        const std::lock_guard lock(mutex_);
        limited_ = false;
        stop_timer();
        error_code ignored;
        socket_.close(ignored);
    }

    /// From now on, operations are cancelled at this time. False = it has passed already.
    bool expire_at(clock::time_point deadline) {
        const std::lock_guard lock(mutex_);
        if (limited_ && deadline == deadline_) return !expired_;
        limited_ = true;
        expired_ = false;
        deadline_ = deadline;
        if (!ticking_ || deadline < timer_.expiry()) start_timer();
        return true;
    }

    /// No deadline any more: nothing is left waiting. The timer runs on until `rest`.
    void disarm() {
        const std::lock_guard lock(mutex_);
        limited_ = false;
    }

    /// Stops the timer, which keeps its context from running out of work, unless there is a deadline again.
    void rest() {
        const std::lock_guard lock(mutex_);
        if (!limited_) stop_timer();
    }

    /// Whether an operation was cancelled by the deadline and not by anybody else.
    bool expired() {
        const std::lock_guard lock(mutex_);
        return expired_;
    }

    template <class Handler>
    void connect(const tcp::endpoint& target, Handler&& handler) {
        const auto keep = shared_from_this(); // the handler may run, and let go of this object, before the lock is open
        const std::lock_guard lock(mutex_);
        error_code ignored; // async_connect opens the socket again, and reports it if it cannot
        socket_.close(ignored);
        socket_.open(target.protocol(), ignored);
        socket_.set_option(tcp::no_delay(true), ignored);
        socket_.async_connect(target, std::forward<Handler>(handler));
    }

    template <class Handler>
    void wait_writable(Handler&& handler) {
        const auto keep = shared_from_this();
        const std::lock_guard lock(mutex_);
        socket_.async_wait(tcp::socket::wait_write, std::forward<Handler>(handler));
    }

    template <class Handler>
    void receive(std::span<char> buffer, Handler&& handler) {
        const auto keep = shared_from_this();
        const std::lock_guard lock(mutex_);
        socket_.async_receive(boost::asio::buffer(buffer.data(), buffer.size()), std::forward<Handler>(handler));
    }

private:
    void start_timer() {
        ticking_ = true;
        timer_.expires_at(deadline_);
        timer_.async_wait([self = shared_from_this(), round = ++round_](error_code ec) {
            const std::lock_guard lock(self->mutex_);
            if (!ec && round == self->round_) self->on_timer();
        });
    }

    void stop_timer() {
        if (!ticking_) return;
        ticking_ = false;
        ++round_;
        timer_.cancel();
    }

    void on_timer() {
        ticking_ = false;
        if (!limited_) return;
        if (timer_.expiry() < deadline_) return start_timer();
        expired_ = true;
        error_code ignored;
        socket_.cancel(ignored);
    }

    mutable std::mutex mutex_;
    tcp::socket socket_;
    boost::asio::steady_timer timer_;
    clock::time_point deadline_{};
    unsigned round_ = 0;
    bool ticking_ = false; ///< the timer runs
    bool limited_ = false; ///< by `deadline_`
    bool expired_ = false; ///< and that has passed
};

} // namespace dynasession::inline v0::http

#endif
