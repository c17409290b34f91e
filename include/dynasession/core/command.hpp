#ifndef DYNASESSION_CORE_COMMAND_HPP
#define DYNASESSION_CORE_COMMAND_HPP

#include <dynasession/core/amendments.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/core/record.hpp>
#include <dynasession/core/session_handle.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/core/session_summary.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace dynasession::inline v0 {

// Everything that a backend can be asked, as plain values. Each write carries its condition; `now` is
// the time that "live" is judged by (see `stamp::live`). A backend that holds the stored record in its
// hands asks `permitted_by`; one that cannot says the same in its own language.

/// Read the record of a session, live or expired. A sign of a move that is good at `now` is followed.
struct load_record {
    session_id id{};
    time_point now{};
    bool may_be_stale = false; ///< a read that misses the last writes will do: it may be cheaper
    std::string mark_of{};     ///< read this user's mark by the same request, where that can be done: see `load_mark`
};

/// Write a new record, if there is none under this id.
struct create_record {
    session_id id{};
    record content{};
};

/// Whether a lock allows a write that asks for its holder, or for none but one that was `seen` and need not be respected.
inline bool lock_permits(const lock_claim& holder, const std::string& if_locked_by,
                         const std::optional<lock_time>& if_unlocked, const std::optional<lock_claim>& seen) noexcept {
    if (!if_locked_by.empty()) return holder.token == if_locked_by;
    if (!if_unlocked || !holder.held() || (seen && holder == *seen)) return true;
    return !holder.foreign && holder.until < *if_unlocked;
}

/// What a program writes that raises no version (the PHP handler), as it was read: if it is the same, nobody came between.
/// The expiry alone does not tell: it has whole seconds, and touches move it as well.
struct as_read {
    time_point expires{};
    fields data{};

    static as_read of(const record& r) { return {r.expires, r.data}; }

    bool is_still(const stamp& stored, std::string_view bytes_of_data) const noexcept {
        return stored.expires == expires && bytes_of_data == data.bytes();
    }
};

/// Apply changes to a live record and raise its version by one.
///
/// Conditions: the record is live; it has the version and, when `if_as_read` is given, that content; `expires`, when given,
/// does not lie before the stored one, unless `terms` are given, too; the lock is held by `if_locked_by`, when given; or it is, when `if_unlocked` is given,
/// held by nobody, or over, or exactly the one that was `seen`.
///
/// A backend whose answers can get lost stores `journal`, tells by its newest mark whether a write of its own was
/// carried out, and fails with `outcome_unknown` when it cannot tell.
struct change_record {
    session_id id{};
    delta changes{};
    fields after{};                     ///< all entries with the changes
    std::optional<time_point> expires{};
    std::uint64_t if_version = 0;
    time_point now{};
    dynasession::journal journal{};     ///< with the mark of this write
    std::string if_locked_by{};
    std::optional<lock_time> if_unlocked{}; ///< a lock that ended before this is over
    std::optional<lock_claim> seen{};   ///< a foreign one only with `if_as_read`: it has nothing else to be told by
    std::optional<as_read> if_as_read{};
    std::optional<dynasession::terms> terms{}; ///< what takes the place of the stored ones
    lock_claim lock{};                  ///< who holds it from then on; only with `if_locked_by`

    bool permitted_by(const stamp& stored, std::string_view bytes_of_data, const lock_claim& holder) const noexcept {
        if (!stored.live(now) || stored.version != if_version) return false;
        if (expires && !terms && *expires < stored.expires) return false;
        if (if_as_read && !if_as_read->is_still(stored, bytes_of_data)) return false;
        return lock_permits(holder, if_locked_by, if_unlocked, seen);
    }
};

/// Put off the expiry of a live record; its version stays. Conditions: `expires` lies after the stored one, and not after the
/// deadline; the record lives unused as long as `if_max_stale`, when given: a change of that raises a version that this does not see.
struct touch_record {
    session_id id{};
    time_point expires{};
    time_point now{};
    std::optional<std::chrono::seconds> if_max_stale{};

    bool permitted_by(const stamp& stored) const noexcept {
        if (if_max_stale && stored.max_stale != *if_max_stale) return false;
        return stored.live(now) && expires > stored.expires && expires <= stored.deadline;
    }
};

/// Remove a record, whatever its state.
struct erase_record {
    session_id id{};
};

/// Write `content` under `to` and remove `from`, both or none. Conditions: `from` is live and has this version; its content
/// and its lock as for `change_record`. Fails with `session_exists` when there is a record under `to`.
struct move_record {
    session_id from{};
    session_id to{};
    record content{};
    std::uint64_t if_version = 0;
    time_point now{};
    std::string if_locked_by{};
    std::optional<lock_time> if_unlocked{};
    std::optional<lock_claim> seen{};
    std::optional<as_read> if_as_read{};
    std::chrono::seconds grace{}; ///< so long a sign stays under `from` that leads readers to `to`

    bool permitted_by(const stamp& stored, std::string_view bytes_of_data, const lock_claim& holder) const noexcept {
        if (!stored.live(now) || stored.version != if_version) return false;
        if (if_as_read && !if_as_read->is_still(stored, bytes_of_data)) return false;
        return lock_permits(holder, if_locked_by, if_unlocked, seen);
    }
};

/// Lock a live record and read it.
///
/// Condition: nobody holds the lock, or this claim's token does (the command was repeated), or, when `seen` is given,
/// exactly that claim does. A token that the journal holds is used up: a late copy of this command locks nothing.
struct lock_record {
    session_id id{};
    lock_claim claim{};
    std::optional<lock_claim> seen{};
    time_point seen_expires{}; ///< a foreign lock has nothing else to be told by
    time_point now{};

    bool permitted_by(const stamp& stored, const lock_claim& holder) const noexcept {
        if (!stored.live(now)) return false;
        if (holder.token == claim.token && !holder.foreign) return true;
        if (!seen) return !holder.held();
        return holder == *seen && (!seen->foreign || stored.expires == seen_expires);
    }
};

/// Put off the end of a lock. Condition: the claim's token holds it.
struct renew_lock {
    session_id id{};
    lock_claim claim{};

    bool permitted_by(const lock_claim& holder) const noexcept { return holder.token == claim.token; }
};

// What follows is asked only of backends that know users: see `has_users`.

/// List the sessions of a user that are live at `now`, those first that were bound to him last.
///
/// What was destroyed, has expired or is another's now is not in it, whatever an index says; what was bound a moment ago may be
/// missing where there is one.
struct list_sessions {
    std::string user{};
    time_point now{};
    std::size_t limit = 1000; ///< no more than so many
};

/// Remove a record by its handle. Condition: it belongs to this user, and since this time or an earlier one.
struct erase_owned {
    std::string user{};
    session_handle handle{};
    user_time bound_until = user_time::max();

    bool permitted_by(const ownership& stored) const noexcept { return stored.user == user && stored.since <= bound_until; }
};

/// Read the mark of a user: no session counts that belongs to him since then or before. Never misses the last write.
struct load_mark {
    std::string user{};
};

/// Set that mark, to be kept until it `expires`. Condition: there is none, or an earlier one.
struct raise_mark {
    std::string user{};
    user_time not_before{};
    time_point expires{};
};

using command = std::variant<load_record, create_record, change_record, touch_record, erase_record, move_record,
                             lock_record, renew_lock, list_sessions, erase_owned, load_mark, raise_mark>;

/// The mark of a user who has none.
inline constexpr user_time no_mark = user_time::min();

/// What a backend answers.
///
/// A write whose condition does not hold is no failure: `applied` is false, nothing was written, and
/// `item` is the record as it is now (of `move_record`: the one under `from`), or nothing if there is none.
struct reply {
    bool applied = true;
    std::optional<record> item{}; ///< what `load_record` and an applied `lock_record` read
    bool forwarded = false;       ///< `item` was found under the id that this one was moved to
    std::optional<user_time> not_before{};   ///< the mark that was asked for, if it was read, or `no_mark`
    std::vector<session_summary> sessions{}; ///< what `list_sessions` found
};

} // namespace dynasession::inline v0

#endif
