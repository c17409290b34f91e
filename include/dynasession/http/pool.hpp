#ifndef DYNASESSION_HTTP_POOL_HPP
#define DYNASESSION_HTTP_POOL_HPP

#include <dynasession/core/options.hpp>
#include <dynasession/http/connection.hpp>
#include <dynasession/http/endpoint.hpp>
#include <dynasession/http/proxy.hpp>
#include <dynasession/http/tls.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dynasession::inline v0::http {

/// The connections to one endpoint that wait for their next exchange: the one used last is used first.
///
/// Connections in use are not limited and not known here.
///
/// *Thread safety:* may be used from many threads at once.
class pool {
    using clock = std::chrono::steady_clock;

public:
    /// Throws `session_error` if the options of TLS or of the proxy cannot be used.
    pool(endpoint target, connection_options options) : endpoint_(std::move(target)), options_(std::move(options)) {
        if (endpoint_.tls) tls_ = tls_context::make(endpoint_.host, options_.ca_file).value();
        if (options_.proxy.value_or("").empty()) return;
        auto through = proxy::parse(*options_.proxy).value();
        connect_request_ = through.connect_request(endpoint_);
        proxy_ = std::move(through.address);
    }

    const endpoint& target() const noexcept { return endpoint_; }

    /// Where the connections lead at first: to the proxy if there is one, else to the endpoint.
    const endpoint& peer() const noexcept { return proxy_ ? *proxy_ : endpoint_; }

    const connection_options& options() const noexcept { return options_; }

    /// A new connection, not yet connected.
    std::unique_ptr<connection> make() { return std::make_unique<connection>(options_, tls_.get(), connect_request_); }

    /// An idle connection that still seems to be alive, or nullptr.
    std::unique_ptr<connection> take(clock::time_point now) {
        while (auto candidate = pop()) {
            if (candidate->idle_since + options_.max_idle_time < now) {
                clear(); // what lies below has been idle for longer
                return nullptr;
            }
            if (candidate->is_quiet()) return candidate;
        }
        return nullptr;
    }

    /// Takes back a connection whose last exchange left it reusable.
    void put(std::unique_ptr<connection> c, clock::time_point now) {
        c->idle_since = now;
        std::vector<std::unique_ptr<connection>> closing; // outside of the lock
        const std::lock_guard lock(mutex_);
        idle_.push_back(std::move(c));
        const auto old =
            std::ranges::find_if(idle_, [&](const auto& i) { return i->idle_since + options_.max_idle_time >= now; }) -
            idle_.begin();
        const auto excess = std::ssize(idle_) - static_cast<std::ptrdiff_t>(options_.max_idle_connections);
        if (const auto n = std::max(old, excess); n > 0) {
            closing.assign(std::move_iterator(idle_.begin()), std::move_iterator(idle_.begin() + n));
            idle_.erase(idle_.begin(), idle_.begin() + n);
        }
    }

    /// Closes all idle connections.
    void clear() {
        std::vector<std::unique_ptr<connection>> closing;
        const std::lock_guard lock(mutex_);
        closing.swap(idle_);
    }

    /// How many connections are idle.
    std::size_t idle() const {
        const std::lock_guard lock(mutex_);
        return idle_.size();
    }

private:
    std::unique_ptr<connection> pop() {
        const std::lock_guard lock(mutex_);
        if (idle_.empty()) return nullptr;
        auto last = std::move(idle_.back());
        idle_.pop_back();
        return last;
    }

    endpoint endpoint_;
    connection_options options_;
    std::unique_ptr<tls_context> tls_;
    std::optional<endpoint> proxy_;
    std::string connect_request_; ///< empty = no proxy
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<connection>> idle_; ///< the one used last at the end
};

} // namespace dynasession::inline v0::http

#endif
