#ifndef DYNASESSION_STORE_RENEWAL_HPP
#define DYNASESSION_STORE_RENEWAL_HPP

#include <dynasession/op/event.hpp>

#include <memory>
#include <thread>
#include <utility>

namespace dynasession::inline v0::store_detail {

/// Renews a lock on a thread of its own for as long as it is there.
class renewal {
public:
    /// `work(stop)` returns when the event happens.
    template <class Work>
    explicit renewal(Work work)
        : stop_(std::make_shared<op::event>()),
          thread_([work = std::move(work), stop = stop_]() mutable { work(std::move(stop)); }) {}

    renewal(renewal&&) noexcept = default;

    /// Replaces what it renewed before, if anything.
    renewal& operator=(renewal&& other) noexcept {
        finish();
        stop_ = std::move(other.stop_);
        thread_ = std::move(other.thread_);
        return *this;
    }

    ~renewal() { finish(); }

private:
    void finish() noexcept {
        if (!thread_.joinable()) return;
        stop_->set();
        thread_.join();
    }

    std::shared_ptr<op::event> stop_;
    std::thread thread_; // clang 14's library may lack std::jthread
};

} // namespace dynasession::inline v0::store_detail

#endif
