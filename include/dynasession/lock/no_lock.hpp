#ifndef DYNASESSION_LOCK_NO_LOCK_HPP
#define DYNASESSION_LOCK_NO_LOCK_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/concepts.hpp>
#include <dynasession/lock/load_once.hpp>
#include <dynasession/lock/move_changes.hpp>
#include <dynasession/lock/save_on_version.hpp>

#include <utility>

namespace dynasession::inline v0 {

/// No lock: requests of one session run side by side, and of two saves of one key the later one stays.
///
/// Saves send only what changed, and go on top of what others saved meanwhile, so requests that change different keys
/// lose nothing. Locks of others are not looked at: a save defeats that of a holder, who is told (`lock_lost`).
///
/// *Cost:* a load is one read, a save one write, and one more for each save of others that comes between; an
/// unchanged session nothing but a touch when it is due.
struct no_lock {
    /// As of pessimistic_lock_options.
    bool foreign_writers = false;

    auto load(const session_id& id, read_write_t) const { return lock_detail::load_once(id, false); }
    auto load(const session_id& id, read_only_t) const { return lock_detail::load_once(id, true); }

    auto save(save_request s) const { return lock_detail::save_on_version(std::move(s), rules()); }

    auto touch(save_request s) const {
        s.drop_changes();
        return save(std::move(s));
    }

    template <class Rebind>
    auto regenerate(save_request s, const session_id& to, Rebind rebind) const {
        return lock_detail::move_changes(std::move(s), to, std::move(rebind), rules());
    }

private:
    lock_detail::save_rules rules() const { return {.last_writer_wins = true, .foreign_writers = foreign_writers}; }
};

static_assert(check_lock_policy<no_lock>());

} // namespace dynasession::inline v0

#endif
