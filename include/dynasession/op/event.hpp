#ifndef DYNASESSION_OP_EVENT_HPP
#define DYNASESSION_OP_EVENT_HPP

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

namespace dynasession::inline v0::op {

/// Something that happens once: one operation waits for it, and another one, on whatever thread, brings it about.
///
/// *Thread safety:* all of it from any thread; one waits at a time.
class event {
public:
    event() = default;
    event(const event&) = delete;
    event& operator=(const event&) = delete;

    void set() {
        std::function<void()> wake;
        {
            const std::scoped_lock lock(mutex_);
            set_ = true;
            wake.swap(wake_);
        }
        happened_.notify_all();
        if (wake) wake();
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

    /// Has `wake` called when it happens, by the thread that brings it about; here and now if it has happened. What
    /// was to be called before is forgotten.
    void on_set(std::function<void()> wake) {
        {
            const std::scoped_lock lock(mutex_);
            if (!set_) {
                wake_ = std::move(wake);
                return;
            }
        }
        wake();
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable happened_;
    std::function<void()> wake_;
    bool set_ = false;
};

} // namespace dynasession::inline v0::op

#endif
