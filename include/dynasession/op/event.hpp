#ifndef DYNASESSION_OP_EVENT_HPP
#define DYNASESSION_OP_EVENT_HPP

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace dynasession::inline v0::op {

/// Something that happens once: operations wait for it, and another one, on whatever thread, brings it about.
///
/// *Thread safety:* all of it from any thread.
class event {
public:
    event() = default;
    event(const event&) = delete;
    event& operator=(const event&) = delete;

    void set() {
        std::vector<std::weak_ptr<waker>> waiting;
        {
            const std::scoped_lock lock(mutex_);
            set_ = true;
            waiting.swap(waiting_);
        }
        happened_.notify_all();
        for (const auto& w : waiting)
            if (const auto wake = w.lock()) (*wake)();
    }

    bool is_set() const {
        const std::scoped_lock lock(mutex_);
        return set_;
    }

    /// Blocks until it has happened, but no longer than this.
    void wait_for(std::chrono::milliseconds most) {
        std::unique_lock lock(mutex_);
        happened_.wait_for(lock, most, [this] { return set_; });
    }

    /// Has `wake` called when it happens, by the thread that brings it about; here and now if it has happened. Who lets
    /// go of what this gives is not called any more, unless he is being called.
    [[nodiscard]] std::shared_ptr<const void> on_set(std::function<void()> wake) {
        auto mine = std::make_shared<waker>(std::move(wake));
        {
            const std::scoped_lock lock(mutex_);
            if (!set_) {
                std::erase_if(waiting_, [](const auto& w) { return w.expired(); });
                waiting_.push_back(mine);
                return mine;
            }
        }
        (*mine)();
        return mine;
    }

private:
    using waker = std::function<void()>;

    mutable std::mutex mutex_;
    std::condition_variable happened_;
    std::vector<std::weak_ptr<waker>> waiting_;
    bool set_ = false;
};

} // namespace dynasession::inline v0::op

#endif
