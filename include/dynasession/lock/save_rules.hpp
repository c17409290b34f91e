#ifndef DYNASESSION_LOCK_SAVE_RULES_HPP
#define DYNASESSION_LOCK_SAVE_RULES_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/amendments.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/core/fields.hpp>
#include <dynasession/core/record.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/lock/lock_options.hpp>
#include <dynasession/op/action.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

namespace dynasession::inline v0::lock_detail {

/// Whether others have saved since `mine` was read, also those who raise no version.
inline bool is_overtaken(const record& mine, const record& theirs) noexcept {
    return theirs.version != mine.version || theirs.data != mine.data;
}

/// Leaves out the changes that change no value: on top of what others have stored they would undo it.
inline void forgo_renewals(save_request& request) {
    if (request.renewed.empty()) return;
    fields changed;
    for (const field f : request.changes.set)
        if (!std::ranges::binary_search(request.renewed, f.key)) changed.append(f);
    request.changes.set = std::move(changed);
    request.renewed.clear();
}

/// How saves without a lock get along.
struct save_rules {
    bool last_writer_wins = false;    ///< of two saves of one key the later stays; else it fails with conflict
    bool respects_locks = false;      ///< waits while another has the session locked
    bool foreign_writers = false;     ///< some writers raise no version
    std::shared_ptr<lock_service> service{}; ///< by which locks without a holder are known; else by our clock alone

    /// Whether changes that were made from `mine` may go on top of what others have stored since.
    bool allow(const save_request& request, const record& mine, const record& theirs) const {
        if (last_writer_wins) return true;
        const bool both_amend = !request.amended.empty() && terms::of(mine) != terms::of(theirs);
        return !both_amend && disjoint(difference(mine.data, theirs.data), request.changes);
    }

    /// Whether the lock of what was found stands in the way.
    bool is_blocked(const session_id& id, const record& found, op::instant now) const {
        return respects_locks && found.lock.held() && !is_left(id, found, now);
    }

    /// Has a change or a move go on top of `mine` and of nothing else.
    template <class Write>
    void bind(Write& write, const session_id& id, const record& mine, op::instant now) const {
        write.if_version = mine.version;
        if (foreign_writers) write.if_as_read = as_read::of(mine);
        if (!respects_locks) return;
        write.if_unlocked = now.system - lock_service::clock_margin;
        if (mine.lock.held() && is_left(id, mine, now)) write.seen = mine.lock;
    }

private:
    // Whether nobody is behind this lock: no request of this process, or no other.
    bool is_left(const session_id& id, const record& locked, op::instant now) const {
        if (!service || (locked.lock.foreign && !foreign_writers)) return false;
        return (!locked.lock.foreign && service->queues.disown(id, locked.lock.token)) || service->is_dead(id, locked, now);
    }
};

} // namespace dynasession::inline v0::lock_detail

#endif
