#ifndef DYNASESSION_LOCK_WAIT_QUEUE_HPP
#define DYNASESSION_LOCK_WAIT_QUEUE_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/core/record.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/op/action.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dynasession::inline v0::lock_detail {

using steady_time = std::chrono::steady_clock::time_point;

/// A lock in the store that belongs to this process and to no request of it: handed on, or left behind.
struct idle_lock {
    lock_claim claim{};
    steady_time over{};             ///< when its lease ends
    std::optional<record> stored{}; ///< the session under it, when that is known
    std::uint64_t known_to{};       ///< of those who had come by then; who came later has to look for himself
};

/// The requests of this process that want a session to themselves, in the order in which they came: one has its turn,
/// the others wait for it without any traffic.
///
/// *Thread safety:* any thread.
class wait_queues {
public:
    class place;

    /// Lines up for a session.
    ///
    /// *Errors:* `too_many_waiters` when as many wait already as may.
    static result<std::shared_ptr<place>> enter(const std::shared_ptr<wait_queues>& all, const session_id& id,
                                                std::size_t max_waiters, op::instant now);

    /// Whether a lock that lies in the store is of this process and of no request of it. Then none gets it handed on any more:
    /// who asks may break it.
    bool disown(const session_id& id, const std::string& token) {
        shard& s = shard_of(id);
        const std::scoped_lock lock(s.mutex);
        const auto at = s.queues.find(id);
        if (at == s.queues.end()) return false;
        queue& q = at->second;
        if (q.idle && q.idle->claim.token == token && q.waiting.empty()) {
            q.orphans.emplace_back(token, q.idle->over);
            q.idle.reset();
        }
        return q.has_orphan(token);
    }

    /// How many sessions have a queue, or a lock that was left behind.
    std::size_t size() const {
        std::size_t sum = 0;
        for (const shard& s : shards_) {
            const std::scoped_lock lock(s.mutex);
            sum += s.queues.size();
        }
        return sum;
    }

private:
    struct queue {
        place* active = nullptr;       // whose turn it is
        steady_time busy_until{};      // when that turn may be taken away
        steady_time since{};           // when the lock was taken in the store
        std::deque<place*> waiting{};
        std::optional<idle_lock> idle{};
        std::vector<std::pair<std::string, steady_time>> orphans{}; // see `lose`

        bool has_orphan(const std::string& token) const {
            return std::ranges::any_of(orphans, [&](const auto& o) { return o.first == token; });
        }
    };

    struct shard {
        mutable std::mutex mutex;
        std::unordered_map<session_id, queue> queues;
        std::uint64_t entries = 0;
        std::deque<std::pair<steady_time, session_id>> left_behind; // when to forget idle locks
    };

    shard& shard_of(const session_id& id) noexcept { return shards_[std::hash<session_id>{}(id) % shards_.size()]; }

    // A session without requests and without a lock that is still good needs no queue.
    static void forget_old(shard& s, steady_time now) {
        for (; !s.left_behind.empty() && s.left_behind.front().first <= now; s.left_behind.pop_front()) {
            const auto at = s.queues.find(s.left_behind.front().second);
            if (at == s.queues.end()) continue;
            queue& q = at->second;
            if (q.idle && q.idle->over <= now) q.idle.reset();
            std::erase_if(q.orphans, [now](const auto& o) { return o.second <= now; });
            if (!q.active && q.waiting.empty() && !q.idle && q.orphans.empty()) s.queues.erase(at);
        }
    }

    std::array<shard, 16> shards_;
};

/// A request's place in the queue of a session, and, when it is its turn, what it has of the lock. Leaves the queue
/// when it goes.
class wait_queues::place final : public lock_hold {
public:
    place(std::shared_ptr<wait_queues> all, const session_id& id) : all_(std::move(all)), id_(id) {}
    place(const place&) = delete;
    place& operator=(const place&) = delete;

    ~place() override {
        const auto lock = guard();
        if (state_ != state::waiting && state_ != state::active) return;
        queue& q = own_queue();
        if (state_ == state::waiting) std::erase(q.waiting, this);
        // Nobody knows this lock any more, so the next request takes it over instead of waiting for its end.
        if (state_ == state::active && !claim_.token.empty()) q.idle = {claim_, lease_over_};
        end_turn(q);
    }

    /// Whether it is this request's turn: from now on, if the one before has finished or its lease is long over.
    bool has_turn(op::instant now) {
        const auto lock = guard();
        if (state_ != state::waiting) return state_ == state::active;
        queue& q = own_queue();
        if (q.waiting.front() != this || (q.active && now.steady < q.busy_until)) return false;
        if (q.active) q.active->be_ousted();
        q.waiting.pop_front();
        become_active(q);
        return true;
    }

    /// Waits for the turn, but no longer than until `deadline`.
    op::pause wait(op::instant now, steady_time deadline) {
        const auto lock = guard();
        const queue& q = own_queue();
        // Who is not the first cannot take a turn away, so he looks again a little later, lest he becomes it.
        const auto least = now.steady + std::chrono::milliseconds(q.waiting.front() == this ? 0 : 50);
        // Nor does anybody know yet when the turn of one ends who is still asking for the lock.
        const auto busy_until = q.busy_until == steady_time::max() ? now.steady + std::chrono::seconds(1) : q.busy_until;
        const auto until = q.active ? std::min(deadline, std::max(busy_until, least)) : deadline;
        const auto most = std::chrono::ceil<std::chrono::milliseconds>(until - now.steady);
        return {std::max(most, std::chrono::milliseconds(0)), turn_};
    }

    /// The lock that the last turn left, if it did: the caller's from now on.
    std::optional<idle_lock> inherit(op::instant now) {
        const auto lock = guard();
        auto idle = std::exchange(own_queue().idle, std::nullopt);
        if (idle && idle->over <= now.steady) idle.reset();
        if (idle && idle->known_to < entered_) idle->stored.reset();
        return idle;
    }

    /// What is held in the store, or is being asked for: should this place go, the next one finds it.
    void claim(lock_claim c, steady_time lease_over) {
        const auto lock = guard();
        claim_ = std::move(c);
        lease_over_ = lease_over;
    }

    /// The lock was taken, or renewed: others leave this turn alone until `busy_until`.
    void hold(lock_claim c, steady_time lease_over, steady_time busy_until) {
        const auto lock = guard();
        if (state_ != state::active) return;
        claim_ = std::move(c);
        lease_over_ = lease_over;
        own_queue().busy_until = busy_until;
    }

    /// The lock is asked for anew in the store.
    void begins_at(steady_time now) {
        const auto lock = guard();
        if (state_ == state::active) own_queue().since = now;
    }

    /// The session was read when so many requests had come: to those it can be handed on unread.
    void read_at(std::uint64_t entries) {
        const auto lock = guard();
        known_to_ = entries;
    }

    /// What this place has of the lock.
    idle_lock held_lock() const {
        const auto lock = guard();
        return {claim_, lease_over_, {}, known_to_};
    }

    struct demand {
        bool waiting = false;
        steady_time since{};      ///< when the lock was taken; since then it has gone from hand to hand in this process
        std::uint64_t entries{};  ///< the requests that have come: what is read or written from now on is known to them
    };

    /// Whether somebody waits for this turn to end.
    demand wanted() const {
        const auto lock = guard();
        if (state_ != state::active) return {};
        const queue& q = own_queue();
        return {!q.waiting.empty(), q.since, all_->shard_of(id_).entries};
    }

    /// Gives the turn and the lock to the next.
    void pass_on(idle_lock lock_in_store) {
        const auto lock = guard();
        if (state_ != state::active) return;
        queue& q = own_queue();
        q.idle = std::move(lock_in_store);
        end_turn(q);
    }

    /// The lock was given up in the store.
    void end() {
        const auto lock = guard();
        if (state_ == state::active) end_turn(own_queue());
    }

    /// The lock is another's now, or has to be treated as if it were. Tokens that may lie in the store until `over`, of
    /// which no request knows any more, are remembered: who meets them there need not respect them.
    void lose(error why = error::lock_lost, const std::vector<std::string>& orphans = {}, steady_time over = {}) {
        const auto lock = guard();
        if (state_ != state::active && state_ != state::ousted) return;
        if (state_ == state::active) {
            queue& q = own_queue();
            for (const auto& token : orphans) q.orphans.emplace_back(token, over);
            end_turn(q);
        }
        state_ = state::lost;
        lost_ = why;
    }

    /// Whether this token is one of those.
    bool is_orphan(const std::string& token) const {
        const auto lock = guard();
        return state_ == state::active && own_queue().has_orphan(token);
    }

    bool held() const override {
        const auto lock = guard();
        return state_ == state::active && !claim_.token.empty();
    }

    /// Why `lose` was called, if it was. A turn that was taken away in this process may still have the lock in the store.
    std::optional<error> lost() const {
        const auto lock = guard();
        return state_ == state::lost ? std::optional(lost_) : std::nullopt;
    }

    /// Whether the lock was given up, by `pass_on` or `end`, and not lost.
    bool is_over() const {
        const auto lock = guard();
        return state_ == state::ended;
    }

    /// Happens when the turn ends, however that comes.
    const std::shared_ptr<op::event>& ended() const noexcept { return ended_; }

private:
    friend class wait_queues;
    enum class state { waiting, active, ousted, lost, ended };

    std::unique_lock<std::mutex> guard() const { return std::unique_lock(all_->shard_of(id_).mutex); }

    // There is one as long as a place is in it.
    queue& own_queue() const { return all_->shard_of(id_).queues[id_]; }

    void become_active(queue& q) {
        state_ = state::active;
        q.active = this;
        q.busy_until = steady_time::max(); // as long as the lock in the store is being asked for
    }

    void be_ousted() {
        state_ = state::ousted;
        ended_->set();
    }

    void end_turn(queue& q) {
        state_ = state::ended;
        ended_->set();
        if (q.active == this) q.active = nullptr;
        if (q.active) return;
        if (!q.waiting.empty()) return q.waiting.front()->turn_->set();
        shard& s = all_->shard_of(id_);
        for (const auto& orphan : q.orphans) s.left_behind.emplace_back(orphan.second, id_);
        if (q.idle) s.left_behind.emplace_back(q.idle->over, id_);
        if (!q.idle && q.orphans.empty()) s.queues.erase(id_);
    }

    std::shared_ptr<wait_queues> all_;
    session_id id_;
    std::uint64_t entered_ = 0;
    state state_ = state::waiting;
    error lost_ = error::lock_lost;
    lock_claim claim_{};
    steady_time lease_over_{};
    std::uint64_t known_to_ = 0;
    std::shared_ptr<op::event> turn_ = std::make_shared<op::event>();
    std::shared_ptr<op::event> ended_ = std::make_shared<op::event>();
};

inline result<std::shared_ptr<wait_queues::place>> wait_queues::enter(const std::shared_ptr<wait_queues>& all,
                                                                     const session_id& id, std::size_t max_waiters,
                                                                     op::instant now) {
    auto p = std::make_shared<place>(all, id);
    shard& s = all->shard_of(id);
    const std::scoped_lock lock(s.mutex);
    forget_old(s, now.steady);
    p->entered_ = ++s.entries;
    queue& q = s.queues[id];
    if (!q.active && q.waiting.empty()) {
        p->become_active(q);
        return p;
    }
    if (q.waiting.size() >= max_waiters) {
        p->state_ = place::state::ended;
        return error::too_many_waiters;
    }
    q.waiting.push_back(p.get());
    return p;
}

} // namespace dynasession::inline v0::lock_detail

#endif
