#ifndef DYNASESSION_OP_ALARM_HPP
#define DYNASESSION_OP_ALARM_HPP

#include <dynasession/op/event.hpp>

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace dynasession::inline v0::op {

/// One asynchronous wait that any thread may end early, even after this object is gone.
///
/// The timer, which like all of Asio's objects is for one thread at a time, is touched under a lock alone. It goes
/// with this object, and not with what may ring it: an execution context never outlives its timers.
class alarm {
    struct shared {
        std::mutex mutex;
        std::optional<boost::asio::steady_timer> timer;
        bool rung = false;
    };

public:
    template <class Executor>
    explicit alarm(const Executor& executor) : shared_(std::make_shared<shared>()) {
        shared_->timer.emplace(executor);
    }

    alarm(alarm&&) noexcept = default;
    alarm& operator=(alarm&&) = delete;

    ~alarm() {
        if (!shared_) return;
        const std::scoped_lock lock(shared_->mutex);
        shared_->timer.reset();
    }

    /// Ends the wait of an alarm, also one that has not begun.
    std::function<void()> ringer() const {
        return [s = shared_] {
            const std::scoped_lock lock(s->mutex);
            s->rung = true;
            if (s->timer) s->timer->cancel();
        };
    }

    /// Has the event end the wait; before it begins.
    void ring_on(event& e) { heard_ = e.on_set(ringer()); }

    /// Resumes `handler` after this time, or when it is rung. `handler` may own this object.
    template <class Handler>
    void wait(std::chrono::milliseconds duration, Handler handler) {
        const auto s = shared_;
        const std::scoped_lock lock(s->mutex);
        s->timer->expires_after(s->rung ? std::chrono::milliseconds(0) : duration);
        s->timer->async_wait(std::move(handler));
    }

private:
    std::shared_ptr<shared> shared_;
    std::shared_ptr<const void> heard_;
};

} // namespace dynasession::inline v0::op

#endif
