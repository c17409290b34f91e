#ifndef DYNASESSION_LOCK_PESSIMISTIC_LOCK_HPP
#define DYNASESSION_LOCK_PESSIMISTIC_LOCK_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/concepts.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/lock/acquire.hpp>
#include <dynasession/lock/load_once.hpp>
#include <dynasession/lock/lock_options.hpp>
#include <dynasession/lock/move_changes.hpp>
#include <dynasession/lock/renew.hpp>
#include <dynasession/lock/save_held.hpp>
#include <dynasession/lock/save_on_version.hpp>
#include <dynasession/op/action.hpp>
#include <dynasession/op/one_of.hpp>
#include <dynasession/op/then.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace dynasession::inline v0 {

namespace lock_detail {

/// An operation after which the session has no lock any more; it keeps it if nothing was written for another reason than
/// that the lock is lost.
template <class Op>
class ends_turn {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = saved;

    ends_turn(Op op, std::shared_ptr<wait_queues::place> place) : op_(std::move(op)), place_(std::move(place)) {}

    step resume(reply_type in, op::instant now) {
        return op::carry_on<step>(op_.resume(std::move(in), now), [&](result<saved> r) -> step {
            if (!place_) return r;
            if (r)
                place_->end();
            else if (r.error() == error::lock_lost || r.error() == error::session_gone)
                place_->lose();
            return r;
        });
    }

private:
    Op op_;
    std::shared_ptr<wait_queues::place> place_;
};

} // namespace lock_detail

/// One request at a time has a session: from its load to its save, its release, or the end of its lease.
///
/// The lock lies in the session's own item, so that a load takes it and a save gives it up without a request of its own.
/// A lock whose holder has died is taken over when its lease is over; should the holder live after all, its save fails
/// with `lock_lost` and changes nothing. Requests of one process wait in line, without traffic, and hand the lock on
/// between them. Read-only loads neither lock nor wait.
///
/// A session that is saved without its lock (a new one, or one that is saved once more) is saved as by optimistic_lock.
///
/// Leases decide who waits, never what is stored: locks and versions hold whatever the clocks say. Effects elsewhere are
/// not protected: two requests may *run* at once after a pause longer than a lease, and only one of them can save.
///
/// When an answer is lost for good, the lock may stay until the end of its lease; requests of the same process take it over
/// at once, others wait for that.
///
/// *Errors:* a load fails with `lock_timeout` and `too_many_waiters`, a save with `lock_lost`.
///
/// *Thread safety:* any thread. Copies share one queue: give each store a policy of its own.
///
/// *Cost:* a locked load is one write, a save or a release another. Of the requests of one process that wait only the first
/// looks at the item, after a write that fails by half a read unit for each 4 KB, several times a second. Where a save hands the
/// lock on, the next load costs nothing, unless it came while that save was on its way: then it is a write.
class pessimistic_lock {
public:
    /// *Errors:* throws `session_error` with `invalid_option`.
    pessimistic_lock(pessimistic_lock_options options = {})
        : service_(std::make_shared<lock_detail::lock_service>()) {
        service_->options = checked(options);
    }

    const pessimistic_lock_options& options() const noexcept { return service_->options; }

    auto load(const session_id& id, exclusive_t) const { return lock_detail::acquire(id, service_); }
    auto load(const session_id& id, read_only_t) const { return lock_detail::load_once(id, true); }

    auto load(const session_id& id, read_write_t) const {
        using either = op::one_of<lock_detail::acquire, lock_detail::load_once>;
        return options().lock_on_load ? either(load(id, exclusive)) : either(lock_detail::load_once(id, false));
    }

    auto save(save_request s) const {
        using either = op::one_of<lock_detail::save_held, lock_detail::save_on_version>;
        if (auto place = place_of(s)) return either(lock_detail::save_held(std::move(s), service_, std::move(place)));
        return either(without_lock(std::move(s)));
    }

    /// The lock stays.
    auto touch(save_request s) const {
        s.drop_changes();
        return op::then(without_lock(s), [hold = s.hold](saved done) {
            done.hold = hold;
            return result<saved>(std::move(done));
        });
    }

    template <class Rebind>
    auto regenerate(save_request s, const session_id& to, Rebind rebind) const {
        const auto place = place_of(s);
        auto token = place ? place->held_lock().claim.token : std::string();
        // Under the new id there is no lock: nobody knows it yet.
        return lock_detail::ends_turn(
            lock_detail::move_changes(std::move(s), to, std::move(rebind), with_locks(), std::move(token)), place);
    }

    auto release(save_request s) const {
        using either = op::one_of<lock_detail::save_held, op::ready<command, result<reply>, saved>>;
        s.drop_changes();
        if (auto place = place_of(s)) return either(lock_detail::save_held(std::move(s), service_, std::move(place)));
        return either(op::ready<command, result<reply>, saved>(saved{.stored = std::move(s.stored)}));
    }

    auto renew(save_request s) const {
        return op::then(lock_detail::renew(s.id, service_, place_of(s)), [stored = s.stored, hold = s.hold] {
            return result<saved>(saved{.stored = stored, .hold = hold});
        });
    }

    auto keep(const session_id& id, const std::shared_ptr<lock_hold>& hold, std::shared_ptr<op::event> stop) const {
        const auto place = std::dynamic_pointer_cast<lock_detail::wait_queues::place>(hold);
        if (!stop) stop = place ? place->ended() : std::make_shared<op::event>();
        return lock_detail::keep_renewing(id, service_, place, std::move(stop));
    }

private:
    // None if there never was one, or it was given up: by a save, a release, or the end of the store's request for it.
    static std::shared_ptr<lock_detail::wait_queues::place> place_of(const save_request& s) {
        auto place = std::dynamic_pointer_cast<lock_detail::wait_queues::place>(s.hold);
        return place && !place->is_over() ? place : nullptr;
    }

    // How a session is saved of which this request has no lock, where others may have it.
    lock_detail::save_rules with_locks() const {
        return {.respects_locks = true, .foreign_writers = options().foreign_writers, .service = service_};
    }

    lock_detail::save_on_version without_lock(save_request s) const { return {std::move(s), with_locks()}; }

    static const pessimistic_lock_options& checked(const pessimistic_lock_options& o) {
        constexpr std::chrono::milliseconds none{0}, day{std::chrono::hours(24)};
        const auto is_time = [&](std::chrono::milliseconds t) { return t > none && t <= day; };
        const bool valid = is_time(o.lease) && o.max_wait_time >= none && o.max_wait_time <= day && is_time(o.min_retry_time) &&
                           o.max_retry_time >= o.min_retry_time && o.max_retry_time <= day && o.max_hold_time >= none &&
                           o.max_hold_time <= day && o.max_tenure >= o.lease && o.max_tenure <= day &&
                           is_time(o.foreign_lock_time);
        if (!valid)
            throw session_error(failure(error::invalid_option,
                                        "pessimistic_lock_options: times are above 0 (max_wait_time and max_hold_time may be 0) "
                                        "and at most a day; max_retry_time is no less than min_retry_time, and max_tenure no less "
                                        "than lease"));
        return o;
    }

    std::shared_ptr<lock_detail::lock_service> service_;
};

static_assert(check_lock_policy<pessimistic_lock>() && exclusive_lock_policy<pessimistic_lock>);

} // namespace dynasession::inline v0

#endif
