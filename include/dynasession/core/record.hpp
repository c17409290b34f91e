#ifndef DYNASESSION_CORE_RECORD_HPP
#define DYNASESSION_CORE_RECORD_HPP

#include <dynasession/core/fields.hpp>
#include <dynasession/core/journal.hpp>
#include <dynasession/core/ownership.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

namespace dynasession::inline v0 {

/// Wall-clock time as it is stored: whole seconds since 1970, UTC.
using time_point = std::chrono::sys_seconds;

/// Wall-clock time as the ends of locks are stored: milliseconds since 1970, UTC.
using lock_time = std::chrono::sys_time<std::chrono::milliseconds>;

/// The times and the version of a session: what is stored beside its data.
struct stamp {
    time_point created{};
    time_point deadline = time_point::max();         ///< the end of the session, whatever happens; max: none
    time_point expires{};                            ///< the end of the session unless it is used before
    std::chrono::seconds max_stale{};                ///< how long it lives unused
    std::uint64_t version = 0;                       ///< raised by every save

    /// Whether the session is still good at `now`.
    bool live(std::chrono::sys_time<std::chrono::milliseconds> now) const noexcept {
        return expires > std::chrono::floor<std::chrono::seconds>(now); // the other way round large times overflow
    }

    /// When a session that is used at `now` expires.
    time_point renewed(std::chrono::sys_time<std::chrono::milliseconds> now) const noexcept {
        return std::min(std::chrono::floor<std::chrono::seconds>(now) + max_stale, deadline);
    }

    /// Whether it is worth a write that the session is used at `now`: its expiry is put off by `gain`, or by the last stretch
    /// before the deadline, which is shorter but has to be granted once.
    bool touch_is_due(std::chrono::sys_time<std::chrono::milliseconds> now, std::chrono::seconds gain) const noexcept {
        const time_point next = renewed(now);
        return next > expires && (next - expires >= gain || next == deadline);
    }

    friend bool operator==(const stamp&, const stamp&) = default;
};

/// Who has a session to itself, and until when the others respect that.
struct lock_claim {
    std::string token{};  ///< of the holder: a mark, new each time the lock is taken
    lock_time until{};
    bool foreign = false; ///< held by a program that leaves neither a token nor an end (the PHP handler)

    bool held() const noexcept { return foreign || !token.empty(); }

    friend bool operator==(const lock_claim&, const lock_claim&) = default;
};

/// All that a backend stores of one session.
struct record : stamp {
    fields data{};
    dynasession::journal journal{};
    lock_claim lock{};
    ownership owner{};
    bool moved = false; ///< regenerated: nothing but a sign that leads readers to the new id, for a short time

    /// As of its times; a sign is no session, whatever a clock that is behind says.
    bool live(std::chrono::sys_time<std::chrono::milliseconds> now) const noexcept { return !moved && stamp::live(now); }

    friend bool operator==(const record&, const record&) = default;
};

} // namespace dynasession::inline v0

#endif
