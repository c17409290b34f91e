#ifndef DYNASESSION_HTTP_NAME_LOOKUP_HPP
#define DYNASESSION_HTTP_NAME_LOOKUP_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/http/endpoint.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace dynasession::inline v0::http {

/// An asynchronous look-up of a name that can be abandoned; Asio's own cannot while the system's resolver blocks.
///
/// The system's resolver keeps its context busy until it returns, but nobody waits for it.
class name_lookup : public std::enable_shared_from_this<name_lookup> {
    using tcp = boost::asio::ip::tcp;

public:
    explicit name_lookup(const boost::asio::any_io_executor& executor) : resolver_(executor), end_(executor) {}

    /// Calls the handler at the end of the look-up, at the deadline, or when the handler's slot is cancelled.
    template <class Handler>
    void start(const endpoint& target, std::chrono::steady_clock::time_point deadline, Handler&& handler) {
        const auto keep = shared_from_this(); // the handler may run, and let go of this object, before the lock is open
        const std::lock_guard lock(mutex_);
        resolver_.async_resolve(
            target.host, std::to_string(target.port),
            [keep](error_code ec, const tcp::resolver::results_type& found) { keep->answer(ec, found); });
        end_.expires_at(deadline);
        end_.async_wait(std::forward<Handler>(handler));
    }

    /// What was found; `error::timeout` if there is no answer yet, and then nobody waits for one any longer.
    error_code finish(std::vector<tcp::endpoint>& addresses) {
        const std::lock_guard lock(mutex_);
        if (answered_)
            addresses = std::move(found_);
        else
            resolver_.cancel();
        return answered_ ? error_ : error_code(error::timeout);
    }

private:
    void answer(error_code ec, const tcp::resolver::results_type& found) {
        const std::lock_guard lock(mutex_);
        answered_ = true;
        error_ = ec;
        for (const auto& entry : found) found_.push_back(entry.endpoint());
        end_.cancel();
    }

    std::mutex mutex_;
    tcp::resolver resolver_;
    boost::asio::steady_timer end_;
    std::vector<tcp::endpoint> found_;
    error_code error_;
    bool answered_ = false;
};

} // namespace dynasession::inline v0::http

#endif
