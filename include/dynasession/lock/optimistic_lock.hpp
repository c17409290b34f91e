#ifndef DYNASESSION_LOCK_OPTIMISTIC_LOCK_HPP
#define DYNASESSION_LOCK_OPTIMISTIC_LOCK_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/concepts.hpp>
#include <dynasession/lock/load_once.hpp>
#include <dynasession/lock/move_changes.hpp>
#include <dynasession/lock/save_on_version.hpp>

#include <utility>

namespace dynasession::inline v0 {

/// No lock while a request works; a save finds out whether another came between. If they changed different keys both
/// stay; if they changed the same one the later save fails with `conflict` and writes nothing.
///
/// Locks of others (see pessimistic_lock) are respected: a save waits for their end, for some seconds.
///
/// *Cost:* as no_lock.
struct optimistic_lock {
    /// As of pessimistic_lock_options. A lock that the PHP handler has abandoned is taken over by pessimistic_lock only.
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
    lock_detail::save_rules rules() const { return {.respects_locks = true, .foreign_writers = foreign_writers}; }
};

static_assert(check_lock_policy<optimistic_lock>());

} // namespace dynasession::inline v0

#endif
