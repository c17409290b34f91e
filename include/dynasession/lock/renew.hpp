#ifndef DYNASESSION_LOCK_RENEW_HPP
#define DYNASESSION_LOCK_RENEW_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/lock/lock_options.hpp>
#include <dynasession/lock/wait_queue.hpp>
#include <dynasession/op/action.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace dynasession::inline v0::lock_detail {

/// How long a lock lasts that is renewed now: a lease, or what `max_tenure` leaves of it; none if that puts off nothing.
inline std::optional<std::chrono::milliseconds> renewed_for(const lock_service& service, const wait_queues::place& place,
                                                            op::instant now) {
    using namespace std::chrono_literals;
    const auto end = place.wanted().since + service.options.max_tenure;
    const auto left = std::chrono::floor<std::chrono::milliseconds>(end - now.steady);
    if (left >= service.options.lease) return service.options.lease;
    const bool puts_off = left > 0ms && place.held_lock().over + 1ms <= end;
    return puts_off ? std::optional(left) : std::nullopt;
}

/// Puts off the end of a lock: it lasts a whole lease from now on, or until the end of `max_tenure`.
class renew {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = void;

    renew(const session_id& id, std::shared_ptr<lock_service> service, std::shared_ptr<wait_queues::place> place)
        : id_(id), service_(std::move(service)), place_(std::move(place)) {}

    op::action<command, void> resume(reply_type in, op::instant now) {
        if (!in) return result<void>(std::move(in).error());
        if (!std::exchange(sent_, true)) {
            if (!place_ || !place_->held()) return result<void>(error::lock_lost);
            const auto lasts = renewed_for(*service_, *place_, now);
            if (!lasts) return result<void>(failure(error::lock_lost, "the lock is not renewed past max_tenure"));
            over_ = now.steady + *lasts;
            claim_ = {place_->held_lock().claim.token, now.system + *lasts};
            return command(renew_lock{id_, claim_});
        }
        if (!in->applied) {
            place_->lose();
            return result<void>(in->item && in->item->live(now.system) ? error::lock_lost : error::session_gone);
        }
        if (place_->held_lock().claim.token == claim_.token)
            place_->hold(claim_, over_, over_ + lock_service::clock_margin);
        return result<void>();
    }

private:
    session_id id_;
    std::shared_ptr<lock_service> service_;
    std::shared_ptr<wait_queues::place> place_;
    lock_claim claim_{};
    steady_time over_{};
    bool sent_ = false;
};

/// Renews the lock of a session at a third of each lease, for as long as the session has it, `max_hold_time` at most, and up
/// to `max_tenure`.
///
/// It does not keep the session's place: a session that is forgotten leaves its lock to the next.
class keep_renewing {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = void;

    /// Ends at the latest when `stop` happens.
    keep_renewing(const session_id& id, std::shared_ptr<lock_service> service, std::weak_ptr<wait_queues::place> place,
                  std::shared_ptr<op::event> stop)
        : id_(id), service_(std::move(service)), place_(std::move(place)), stop_(std::move(stop)) {}

    op::action<command, void> resume(reply_type in, op::instant now) {
        const auto& options = service_->options;
        if (until_ == steady_time{}) until_ = now.steady + options.max_hold_time;
        if (renewing_) return go_on(renewing_->resume(std::move(in), now), now);
        if (!in) return result<void>(std::move(in).error());
        return wait_or_renew(now);
    }

private:
    op::action<command, void> wait_or_renew(op::instant now) {
        auto place = place_.lock();
        if (!place || !place->held() || stop_->is_set() || now.steady >= until_) return result<void>();
        if (!renewed_for(*service_, *place, now)) return result<void>();
        const auto& options = service_->options;
        // After a failure the lease goes on running, so the next attempt is due sooner.
        const auto left = place->held_lock().over - now.steady;
        if (left > options.lease * 2 / 3) {
            const auto pause = std::min<std::chrono::steady_clock::duration>(left - options.lease * 2 / 3, until_ - now.steady);
            return op::pause{std::chrono::ceil<std::chrono::milliseconds>(pause), stop_};
        }
        if (failed_ && !std::exchange(paused_, true)) return op::pause{options.lease / 12, stop_};
        paused_ = false;
        renewing_.emplace(id_, service_, std::move(place));
        return go_on(renewing_->resume({}, now), now);
    }

    op::action<command, void> go_on(op::action<command, void> act, op::instant now) {
        return op::carry_on<op::action<command, void>>(std::move(act), [&](result<void> r) -> op::action<command, void> {
            renewing_.reset();
            failed_ = !r;
            return wait_or_renew(now);
        });
    }

    session_id id_;
    std::shared_ptr<lock_service> service_;
    std::weak_ptr<wait_queues::place> place_;
    std::shared_ptr<op::event> stop_;
    steady_time until_{};
    std::optional<renew> renewing_{};
    bool failed_ = false;
    bool paused_ = false;
};

} // namespace dynasession::inline v0::lock_detail

#endif
