#ifndef DYNASESSION_CORE_COMMAND_HPP
#define DYNASESSION_CORE_COMMAND_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/record.hpp>
#include <dynasession/core/session_id.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace dynasession::inline v0 {

// Everything that a backend can be asked, as plain values. Each write carries its condition; `now` is
// the time that "live" is judged by (see `stamp::live`). A backend that holds the stored record in its
// hands asks `permitted_by`; one that cannot says the same in its own language.

/// Read the record of a session, live or expired.
struct load_record {
    session_id id{};
};

/// Write a new record, if there is none under this id.
struct create_record {
    session_id id{};
    record content{};
};

/// Apply changes to a live record and raise its version by one.
///
/// Conditions: the record is live; `expires`, when given, does not lie before the stored one; the
/// version, when given, is the stored one. With a version goes the `writer`, a random mark that is stored
/// too: a backend whose answers can get lost tells by it whether a write of its own was carried out, and
/// fails with `outcome_unknown` when it cannot tell.
struct change_record {
    session_id id{};
    delta changes{};
    std::optional<time_point> expires{};
    std::optional<std::uint64_t> if_version{};
    time_point now{};
    std::string writer{};
    std::size_t size_after = 0; ///< `fields::size_in_bytes()` of the session with the changes, as its sender sees it

    bool permitted_by(const stamp& stored) const noexcept {
        return stored.live(now) && (!expires || *expires >= stored.expires) && (!if_version || *if_version == stored.version);
    }
};

/// Put off the expiry of a live record; its version stays. Condition: `expires` lies after the stored one.
struct touch_record {
    session_id id{};
    time_point expires{};
    time_point now{};

    bool permitted_by(const stamp& stored) const noexcept { return stored.live(now) && expires > stored.expires; }
};

/// Remove a record, whatever its state.
struct erase_record {
    session_id id{};
};

/// Write `content` under `to` and remove `from`, both or none. Condition: `from` is live and has this
/// version. Fails with `session_exists` when there is a record under `to`.
struct move_record {
    session_id from{};
    session_id to{};
    record content{};
    std::uint64_t if_version = 0;
    time_point now{};

    bool permitted_by(const stamp& stored) const noexcept { return stored.live(now) && if_version == stored.version; }
};

using command = std::variant<load_record, create_record, change_record, touch_record, erase_record, move_record>;

/// What a backend answers.
///
/// A write whose condition does not hold is no failure: `applied` is false, nothing was written, and
/// `item` is the record as it is now (of `move_record`: the one under `from`), or nothing if there is none.
struct reply {
    bool applied = true;
    std::optional<record> item{}; ///< what `load_record` read
    std::uint64_t version = 0;  ///< what an applied `change_record` raised the version to
};

} // namespace dynasession::inline v0

#endif
