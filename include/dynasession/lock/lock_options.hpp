#ifndef DYNASESSION_LOCK_LOCK_OPTIONS_HPP
#define DYNASESSION_LOCK_LOCK_OPTIONS_HPP

#include <dynasession/core/record.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/lock/lock_sightings.hpp>
#include <dynasession/lock/wait_queue.hpp>
#include <dynasession/op/action.hpp>

#include <chrono>
#include <cstddef>

namespace dynasession::inline v0 {

/// How a pessimistic_lock waits, and how long its locks last.
struct pessimistic_lock_options {
    /// How long a lock lasts unless it is renewed. When its holder crashes, others wait this long and 2 s more.
    std::chrono::milliseconds lease{10'000};

    /// How long a request waits for the lock of another, before it fails with `lock_timeout`.
    std::chrono::milliseconds max_wait_time{10'000};

    /// The pause between two looks at a lock that another process holds is random: up to the first of these, then up to
    /// twice that and so on, up to the second.
    std::chrono::milliseconds min_retry_time{10};
    std::chrono::milliseconds max_retry_time{250};

    /// How many requests of this process wait for one session; more fail with `too_many_waiters` at once.
    std::size_t max_waiters = 16;

    /// How long the lock of one request is renewed by itself. A request that hangs gives it up after that and a lease.
    std::chrono::milliseconds max_hold_time{60'000};

    /// How long a session may be locked by this process in one go, whatever is renewed: no renewal puts the end of a lock off
    /// further. Renewals that would put off nothing fail with `lock_lost`, although the lock lasts until its end.
    std::chrono::milliseconds max_tenure{std::chrono::hours(24)};

    /// How long the lock of a program that leaves neither owner nor end (the PHP handler) has to be seen, with nothing
    /// done under it, until it counts as abandoned. Longer than such a program may run.
    std::chrono::milliseconds foreign_lock_time{60'000};

    /// Whether programs write to the table, too, that raise no version (the PHP handler). Saves are then bound also to expiry
    /// and data as they were read, so that no write of theirs is lost; for that requests carry the data twice.
    ///
    /// When the PHP handler has waited 10 s for a lock it starts with an empty session, and overwrites the stored one. So let
    /// locks in such tables be short: `lock_on_load = false`, by which a save goes on top of what others stored and locks nothing,
    /// and for loads that lock a `lease` of at most 5 s with a `max_tenure` of 8 s.
    bool foreign_writers = false;

    /// Whether `load(id)` locks. If not, such sessions are saved as optimistic_lock does it, and `load(id, exclusive)` locks.
    bool lock_on_load = true;
};

namespace lock_detail {

/// What the operations of one pessimistic_lock share.
struct lock_service {
    pessimistic_lock_options options{};
    wait_queues queues{};
    lock_sightings sightings{};

    // Clocks of different machines may differ by so much before anybody takes a lock too early. Too early does no harm to
    // the data: it costs the holder its save.
    static constexpr std::chrono::milliseconds clock_margin{2000};

    /// Whether nobody is behind a lock that is in the way: by its end and our clock, or since it has not changed for longer
    /// than a lease by our stopwatch: right with any clocks, quick with good ones.
    bool is_dead(const session_id& id, const record& locked, op::instant now) {
        const auto seen = sightings.seen_for(id, locked, now.steady);
        if (locked.lock.foreign) return seen >= options.foreign_lock_time;
        const auto longest = options.lease + clock_margin + std::chrono::seconds(1);
        return now.system > locked.lock.until + clock_margin || seen >= longest;
    }
};

} // namespace lock_detail

} // namespace dynasession::inline v0

#endif
