#ifndef DYNASESSION_OP_ASYNC_RUN_HPP
#define DYNASESSION_OP_ASYNC_RUN_HPP

#include <dynasession/op/action.hpp>
#include <dynasession/op/alarm.hpp>
#include <dynasession/op/compose.hpp>

#include <boost/asio/append.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace dynasession::inline v0::op {

namespace async_detail {

template <class T>
struct signature {
    using type = void(error_code, T);
};
template <>
struct signature<void> {
    using type = void(error_code);
};

/// Completes with the whole result: for operations that are the effects of others.
struct as_result {
    template <class T>
    using signature = void(result<T>);

    template <class Self, class T>
    static void complete(Self& self, result<T>&& r) {
        self.complete(std::move(r));
    }
};

/// Completes as Asio's users expect it: an error_code, then the value.
struct as_error_code {
    template <class T>
    using signature = typename async_detail::signature<T>::type;

    template <class Self, class T>
    static void complete(Self& self, result<T>&& r) {
        const error_code ec = r ? error_code{} : r.error().code;
        if constexpr (std::is_void_v<T>)
            self.complete(ec);
        else
            self.complete(ec, r ? *std::move(r) : T{});
    }
};

template <class Op, class Io, class Completion>
class runner {
public:
    using reply_type = typename Op::reply_type;
    using result_type = result<typename Op::value_type>;
    using executor_type = std::decay_t<decltype(boost::asio::prefer(
        std::declval<Io&>().get_executor(), boost::asio::execution::outstanding_work.tracked))>;

    runner(Op op, Io& io) : op_(std::move(op)), io_(&io) {}

    template <class Self>
    void operator()(Self& self) {
        work_.emplace(boost::asio::prefer(io_->get_executor(), boost::asio::execution::outstanding_work.tracked));
        step(self, {});
    }

    template <class Self>
    void operator()(Self& self, reply_type reply) {
        suspended_ = true;
        step(self, std::move(reply));
    }

    // The end of a pause, or the post that keeps an operation from completing inside its initiation.
    template <class Self>
    void operator()(Self& self, error_code ec) {
        suspended_ = true;
        if (held_) return Completion::complete(self, std::move(*std::exchange(held_, nullptr)));
        // An event ends a wait as a cancellation does.
        const bool happened = std::exchange(alarm_, nullptr) && self.cancelled() == boost::asio::cancellation_type::none;
        step(self, ec && !happened ? reply_type(failure(ec)) : reply_type{});
    }

private:
    // A reply that is there is handed over even when the operation is cancelled meanwhile: what it tells, e.g. that a
    // write was carried out, must not get lost. A cancelled operation starts nothing further: it is told once, by
    // operation_aborted, and ended if it asks again.
    template <class Self>
    void step(Self& self, reply_type&& reply) {
        for (;;) {
            auto act = op_->resume(std::move(reply), io_->now());
            if (auto* done = std::get_if<2>(&act)) return finish(self, std::move(*done));
            if (self.cancelled() == boost::asio::cancellation_type::none) {
                if (auto* delay = std::get_if<1>(&act)) return delay->until ? await(self, std::move(*delay)) : sleep(self, delay->duration);
                Io& io = *io_; // `self`, and with it this object, is gone after the move
                return io.async_perform(std::move(std::get<0>(act)), std::move(self));
            }
            const failure aborted(boost::asio::error::operation_aborted);
            if (std::exchange(told_, true)) return finish(self, result_type(boost::system::in_place_error, aborted));
            reply = aborted;
        }
    }

    template <class Self>
    void sleep(Self& self, std::chrono::milliseconds duration) {
        if (!timer_) timer_ = std::make_unique<boost::asio::steady_timer>(io_->get_executor());
        auto& timer = *timer_;
        timer.expires_after(duration);
        timer.async_wait(std::move(self));
    }

    template <class Self>
    void await(Self& self, pause p) {
        alarm_ = std::make_unique<alarm>(io_->get_executor());
        alarm& waiting = *alarm_; // stays where it is when `self` moves
        waiting.ring_on(*p.until);
        waiting.wait(p.duration, std::move(self));
    }

    template <class Self>
    void finish(Self& self, result_type&& r) {
        timer_.reset();
        op_.reset(); // what it holds is not to wait for the handler
        if (suspended_) return Completion::complete(self, std::move(r));
        held_ = std::make_unique<result_type>(std::move(r));
        const auto executor = io_->get_executor();
        boost::asio::post(executor, boost::asio::append(std::move(self), error_code{}));
    }

    std::optional<Op> op_;
    Io* io_;
    bool suspended_ = false;
    bool told_ = false; // that it is cancelled
    std::optional<executor_type> work_; // the context does not end before the handler has returned
    std::unique_ptr<boost::asio::steady_timer> timer_;
    std::unique_ptr<alarm> alarm_; // of a pause that may end early
    std::unique_ptr<result_type> held_;
};

template <class Completion, class Op, class Io, class Token>
auto start(Op op, Io& io, Token&& token) {
    using signature = typename Completion::template signature<typename Op::value_type>;
    return compose<signature>(runner<Op, Io, Completion>(std::move(op), io), io, std::forward<Token>(token));
}

} // namespace async_detail

/// Drives an operation to its end with asynchronous effects; the completion is `void(error_code, T)`.
///
/// `Io` has `instant now()`, `async_perform(effect, token)` with the completion `void(reply_type)`, and
/// `get_executor()`. It has to outlive the operation. Never completes inside the initiation.
template <operation Op, class Io, class Token>
auto async_run(Op op, Io& io, Token&& token) {
    return async_detail::start<async_detail::as_error_code>(std::move(op), io, std::forward<Token>(token));
}

/// As `async_run`, completing with `void(result<T>)`: for an operation that is an effect of another one.
template <operation Op, class Io, class Token>
auto async_run_nested(Op op, Io& io, Token&& token) {
    return async_detail::start<async_detail::as_result>(std::move(op), io, std::forward<Token>(token));
}

} // namespace dynasession::inline v0::op

#endif
