#ifndef DYNASESSION_OP_COMPOSE_HPP
#define DYNASESSION_OP_COMPOSE_HPP

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>

#include <memory>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0::op {

/// A completion handler that is in the middle of its operation: what `compose` passes to the implementation, and what
/// the implementation passes on, moved, as the handler of the next step.
///
/// Executor and allocator are those of the final handler; when that has none, each step completes where its own I/O
/// object lets it. Its cancellation slot is one of its own, which lets `terminal` cancellation through.
template <class Impl, class Handler>
class composed {
public:
    using cancellation_slot_type = boost::asio::cancellation_slot;

    composed(Impl impl, Handler handler)
        : cancellation_(boost::asio::get_associated_cancellation_slot(handler),
                        boost::asio::enable_terminal_cancellation()),
          impl_(std::move(impl)), handler_(std::move(handler)) {}
    composed(composed&&) = default;
    composed& operator=(composed&&) = delete;

    cancellation_slot_type get_cancellation_slot() const noexcept { return cancellation_.slot(); }

    /// What the operation has been cancelled with, if anything.
    boost::asio::cancellation_type cancelled() const noexcept { return cancellation_.cancelled(); }

    /// The next step: the implementation is called with `*this` and what the step before has completed with.
    template <class... Values>
    void operator()(Values&&... values) {
        cancellation_.slot().clear(); // of what the step before has left there
        impl_(*this, std::forward<Values>(values)...);
    }

    /// Ends the operation: calls the final handler.
    template <class... Values>
    void complete(Values&&... values) {
        std::move(handler_)(std::forward<Values>(values)...);
    }

private:
    template <template <class, class> class, class, class>
    friend struct boost::asio::associator;

    boost::asio::cancellation_state cancellation_;
    Impl impl_;
    Handler handler_;
};

namespace compose_detail {

template <class Io>
struct initiation {
    using executor_type = std::decay_t<decltype(std::declval<Io&>().get_executor())>;
    executor_type get_executor() const noexcept { return io->get_executor(); }

    template <class Handler, class Impl>
    void operator()(Handler&& handler, Impl&& impl) const {
        composed<std::decay_t<Impl>, std::decay_t<Handler>>(std::forward<Impl>(impl), std::forward<Handler>(handler))();
    }

    Io* io;
};

} // namespace compose_detail

/// Starts an operation that is made of steps: `impl(self)` begins it, `impl(self, values...)` goes on when a step that
/// `std::move(self)` was the handler of has completed, `self.complete(values...)` ends it.
///
/// It does what `asio::async_compose` does but for tracking work: that wraps each handler in an executor that counts,
/// so that no step completes where it is, all are dispatched once more. The steps have to keep their context busy, as
/// those of Asio do, or the implementation has to.
///
/// *Lifetimes:* `io`, whose `get_executor()` is the default executor of the operation, has to outlive the initiation.
template <class Signature, class Impl, class Io, class Token>
auto compose(Impl impl, Io& io, Token&& token) {
    return boost::asio::async_initiate<Token, Signature>(compose_detail::initiation<Io>{std::addressof(io)}, token,
                                                         std::move(impl));
}

} // namespace dynasession::inline v0::op

/// Whatever is associated with the final handler is associated with its steps.
template <template <class, class> class Associator, class Impl, class Handler, class Default>
struct boost::asio::associator<Associator, dynasession::op::composed<Impl, Handler>, Default>
    : Associator<Handler, Default> {
    static typename Associator<Handler, Default>::type get(const dynasession::op::composed<Impl, Handler>& c) noexcept {
        return Associator<Handler, Default>::get(c.handler_);
    }
    static decltype(auto) get(const dynasession::op::composed<Impl, Handler>& c, const Default& otherwise) noexcept {
        return Associator<Handler, Default>::get(c.handler_, otherwise);
    }
};

#endif
