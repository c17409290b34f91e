#ifndef DYNASESSION_HTTP_ROUND_TRIP_HPP
#define DYNASESSION_HTTP_ROUND_TRIP_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/http/connection.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/http/pool.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

namespace dynasession::inline v0::http {

/// One exchange as a state machine over sockets that others drive: an idle connection or a new one, the request out,
/// the answer in, and the connection back to the pool.
///
/// An idle connection that turns out to be dead before a byte of the answer came is replaced by a new one, once.
///
/// *Lifetimes:* the pool has to outlive it until it has finished.
class round_trip {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// What has to be done with `conn()` before `deadline()`; `resume` wants to know how it went.
    enum class step {
        look_up,  ///< find the addresses of the name `peer().host`
        connect,  ///< to `address()`
        send,     ///< some of `conn().protocol().output()`
        receive,  ///< into `conn().protocol().input()`
        finished, ///< `finish()` gives the reply
    };

    round_trip(pool& connections, const exchange& e) noexcept : pool_(&connections), exchange_(e) {}

    step start(time_point now) {
        if (now >= exchange_.deadline)
            return fail({error::timeout, "the deadline had passed before the exchange began"});
        connection_ = pool_->take(now);
        reused_ = connection_ != nullptr;
        return reused_ ? begin(now) : open(now);
    }

    /// `n` = bytes sent or received; none received without an error = the peer has closed.
    step resume(const error_code& ec, std::size_t n, time_point now) {
        if (ec == boost::asio::error::operation_aborted) return fail(ec);
        switch (step_) {
        case step::look_up:
            if (ec) return fail({ec, "looking up " + peer().host});
            return connect_next(error::timeout, now);
        case step::connect: return ec ? connect_next(ec, now) : begin(now);
        case step::send: return ec ? interrupted(ec, now) : follow(conn().protocol().sent(n), now);
        case step::receive: return ec ? interrupted(ec, now) : follow(conn().protocol().received(n), now);
        case step::finished: break;
        }
        return step_;
    }

    /// The reply. A connection that can serve again goes back to the pool, any other is closed.
    reply finish(time_point now) {
        reply r;
        r.sent = r.repeated = repeated_;
        if (connection_) {
            auto& protocol = conn().protocol();
            r.sent = r.sent || protocol.request_sent();
            if (!failure_) r.answer = std::move(protocol.answer());
            if (!failure_ && protocol.reusable()) {
                connection_->rest();
                pool_->put(std::move(connection_), now);
            }
            connection_.reset();
        }
        if (failure_) r.answer = std::move(*failure_);
        return r;
    }

    bool has_connection() const noexcept { return connection_ != nullptr; }
    connection& conn() noexcept { return *connection_; }
    /// Whom the connection leads to at first: the endpoint, or the proxy.
    const endpoint& peer() const noexcept { return pool_->peer(); }
    const connection::address& address() const { return connection_->addresses[attempts_ - 1]; }
    time_point deadline() const noexcept { return deadline_; }

private:
    step open(time_point now) {
        reused_ = false;
        attempts_ = 0;
        connection_ = pool_->make();
        connect_deadline_ = deadline_ = std::min(exchange_.deadline, now + pool_->options().connect_timeout);
        error_code not_numeric;
        const auto numeric = boost::asio::ip::make_address(peer().host, not_numeric);
        if (not_numeric) return step_ = step::look_up;
        connection_->addresses = {{numeric, peer().port}};
        return connect_next(error::timeout, now);
    }

    step connect_next(const error_code& last, time_point now) {
        const auto untried = connection_->addresses.size() - attempts_;
        if (untried == 0 || now >= connect_deadline_) return fail({last, "connecting to " + place()});
        // A dead address shall leave time for those behind it.
        deadline_ = now + (connect_deadline_ - now) / static_cast<int>(untried);
        ++attempts_;
        return step_ = step::connect;
    }

    step begin(time_point now) {
        const auto next = conn().protocol().start(*exchange_.message);
        enter(conn().protocol().at(), now);
        return follow(next, now);
    }

    void enter(codec::stage s, time_point now) {
        stage_ = s;
        deadline_ = exchange_.deadline;
        if (s == codec::stage::tunnel) deadline_ = connect_deadline_;
        if (s == codec::stage::handshake) deadline_ = std::min(deadline_, now + pool_->options().handshake_timeout);
    }

    step follow(codec::need next, time_point now) {
        auto& protocol = conn().protocol();
        if (next == codec::need::nothing) {
            if (!protocol.answer()) return interrupted(std::move(protocol.answer()).error(), now);
            if (exchange_.undamaged && !exchange_.undamaged(*protocol.answer()))
                return interrupted(error::checksum_mismatch, now);
            return step_ = step::finished;
        }
        if (protocol.at() != stage_) enter(protocol.at(), now);
        return step_ = next == codec::need::send ? step::send : step::receive;
    }

    step interrupted(failure f, time_point now) {
        const auto& protocol = conn().protocol();
        const bool lost = f.code == error::connection_closed || f.code.category() == boost::system::system_category();
        if (reused_ && lost && !protocol.answer_begun()) {
            repeated_ = repeated_ || protocol.request_sent();
            return open(now);
        }
        f.detail.insert(0, f.detail.empty() ? doing() : doing() + ": ");
        return fail(std::move(f));
    }

    step fail(failure f) {
        failure_ = std::make_unique<failure>(std::move(f));
        return step_ = step::finished;
    }

    std::string doing() const {
        switch (connection_->protocol().at()) {
        case codec::stage::tunnel: return "CONNECT to " + place();
        case codec::stage::handshake: return "TLS handshake with " + place();
        case codec::stage::exchanges: break;
        }
        return "exchange with " + place();
    }

    std::string place() const {
        std::ostringstream text;
        text << pool_->target().authority();
        if (peer() != pool_->target()) text << " through the proxy " << peer().authority();
        if (attempts_ != 0) text << " (" << address() << ')';
        return std::move(text).str();
    }

    pool* pool_;
    exchange exchange_;
    std::unique_ptr<connection> connection_;
    std::unique_ptr<failure> failure_; // rare, and this object moves often
    time_point deadline_{};
    time_point connect_deadline_{};
    std::size_t attempts_ = 0;
    step step_ = step::finished;
    codec::stage stage_ = codec::stage::exchanges; ///< that `deadline_` holds for
    bool reused_ = false;
    bool repeated_ = false; ///< the request went out on a connection that was dead
};

} // namespace dynasession::inline v0::http

#endif
