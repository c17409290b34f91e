#ifndef DYNASESSION_LOCK_LOCK_SIGHTINGS_HPP
#define DYNASESSION_LOCK_LOCK_SIGHTINGS_HPP

#include <dynasession/core/record.hpp>
#include <dynasession/core/session_id.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace dynasession::inline v0::lock_detail {

/// Locks of others: since when this process sees each of them as it is, with the session under it unchanged. By this a lock
/// is known to be dead whatever the clocks say; and there is nothing else to tell those of programs by that leave neither
/// owner nor end.
///
/// *Thread safety:* any thread.
class lock_sightings {
public:
    explicit lock_sightings(std::size_t most = 10'000) : most_(most) {}

    /// How long this lock has been seen, with nothing done under it. The first look begins the count.
    std::chrono::steady_clock::duration seen_for(const session_id& id, const record& locked,
                                                 std::chrono::steady_clock::time_point now) {
        const sight seen{id, locked.lock, locked.expires, std::hash<std::string_view>{}(locked.data.bytes()), now};
        const std::scoped_lock lock(mutex_);
        if (const auto found = by_id_.find(id); found != by_id_.end()) {
            const auto at = found->second;
            seen_.splice(seen_.begin(), seen_, at);
            if (at->is_same(seen)) return now - at->since;
            *at = seen;
            return {};
        }
        if (seen_.size() == most_) {
            by_id_.erase(seen_.back().id);
            seen_.pop_back();
        }
        seen_.push_front(seen);
        by_id_.emplace(id, seen_.begin());
        return {};
    }

    /// The lock is gone.
    void forget(const session_id& id) {
        const std::scoped_lock lock(mutex_);
        const auto found = by_id_.find(id);
        if (found == by_id_.end()) return;
        seen_.erase(found->second);
        by_id_.erase(found);
    }

private:
    struct sight {
        session_id id;
        lock_claim lock;
        time_point expires;
        std::size_t content;
        std::chrono::steady_clock::time_point since;

        bool is_same(const sight& other) const noexcept {
            return lock == other.lock && expires == other.expires && content == other.content;
        }
    };

    std::mutex mutex_;
    std::size_t most_;
    std::list<sight> seen_; // the latest first
    std::unordered_map<session_id, std::list<sight>::iterator> by_id_;
};

} // namespace dynasession::inline v0::lock_detail

#endif
