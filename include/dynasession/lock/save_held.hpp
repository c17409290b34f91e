#ifndef DYNASESSION_LOCK_SAVE_HELD_HPP
#define DYNASESSION_LOCK_SAVE_HELD_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/amendments.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/core/fields.hpp>
#include <dynasession/detail/random_token.hpp>
#include <dynasession/lock/lock_options.hpp>
#include <dynasession/lock/save_on_version.hpp>
#include <dynasession/lock/wait_queue.hpp>
#include <dynasession/op/action.hpp>

#include <boost/asio/error.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace dynasession::inline v0::lock_detail {

/// Saves a locked session and gives up its lock, in one write; or hands the lock on, in the same write, when another
/// request of this process waits for it.
///
/// It is bound to the lock and to the version that was read when the lock was taken, so it changes nothing when the
/// lock was lost, whatever clocks and networks do. With `foreign_writers` it is also bound to the content that was read: a late
/// copy of the claim may have put our token back under which one of them has written.
class save_held {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = saved;

    save_held(save_request request, std::shared_ptr<lock_service> service, std::shared_ptr<wait_queues::place> place)
        : request_(std::move(request)), service_(std::move(service)), place_(std::move(place)) {}

    step resume(reply_type in, op::instant now) {
        if (!in) return failed(std::move(in).error());
        if (attempts_ == 0) return place_->lost() ? step(result<saved>(*place_->lost())) : send(now);
        if (in->applied) return done();
        return refused(*std::move(in), now);
    }

private:
    step send(op::instant now) {
        ++attempts_;
        record& stored = request_.stored;
        const auto& options = service_->options;
        held_ = place_->held_lock();
        demand_ = place_->wanted();
        // Now and then other processes have to get it too.
        const bool hands_on = demand_.waiting && now.steady - demand_.since < options.lease / 2;
        const bool touches = stored.touch_is_due(now.system, request_.touch_after);
        if (hands_on && !touches && request_.changes_nothing() && held_.over - now.steady > options.lease / 3)
            return hand_on_unchanged();

        lease_over_ = now.steady + options.lease;
        next_ = {};
        if (hands_on)
            next_ = {{detail::random_token(), now.system + options.lease}, lease_over_};
        else if (demand_.waiting)
            next_ = {{}, now.steady + options.max_retry_time}; // so long the next one stands back
        const bool writes = touches || !request_.changes_nothing();
        terms_ = request_.amended.on(stored);
        expires_ = writes ? expiry_when_saved(stored, terms_, now.system) : stored.expires;
        after_ = request_.changes.empty() ? stored.data : apply(stored.data, request_.changes);
        journal_ = stored.journal.followed_by(held_.claim.token);
        change_record change{.id = request_.id,
                             .changes = request_.changes,
                             .after = after_,
                             .if_version = stored.version,
                             .now = now.seconds(),
                             .journal = journal_,
                             .if_locked_by = held_.claim.token,
                             .terms = terms_,
                             .lock = next_.claim};
        if (writes) change.expires = expires_;
        if (options.foreign_writers) change.if_as_read = as_read::of(stored);
        return command(std::move(change));
    }

    step hand_on_unchanged() {
        held_.stored = request_.stored;
        place_->pass_on(std::move(held_));
        return result<saved>(saved{.stored = std::move(request_.stored)});
    }

    // The token of a save that may be carried out yet must not be seen in another one: its mark would vouch for both.
    step failed(failure why) {
        const bool may_come_yet = why == error::outcome_unknown || why.code == boost::asio::error::operation_aborted;
        if (may_come_yet) place_->lose(error::outcome_unknown, {held_.claim.token, next_.claim.token}, lease_over_);
        return result<saved>(std::move(why));
    }

    step done() {
        record& stored = request_.stored;
        if (terms_) terms_->apply_to(stored);
        stored.data = std::move(after_);
        stored.journal = std::move(journal_);
        stored.expires = expires_;
        ++stored.version;
        if (!next_.claim.token.empty()) {
            next_.stored = stored;
            next_.known_to = demand_.entries;
        }
        if (demand_.waiting)
            place_->pass_on(std::move(next_));
        else
            place_->end();
        return result<saved>(saved{.stored = std::move(stored)});
    }

    step refused(reply found, op::instant now) {
        const auto& theirs = found.item;
        const bool gone = !theirs || !theirs->live(now.system);
        if (!gone && theirs->lock.token == held_.claim.token) {
            // Somebody has saved without looking at locks. Or a touch has put off the expiry: that stands.
            if (is_overtaken(request_.stored, *theirs) || attempts_ == max_attempts) return result<saved>(error::conflict);
            request_.stored.expires = theirs->expires;
            return send(now);
        }
        place_->lose();
        return result<saved>(gone ? error::session_gone : error::lock_lost);
    }

    static constexpr int max_attempts = 3;

    save_request request_;
    std::shared_ptr<lock_service> service_;
    std::shared_ptr<wait_queues::place> place_;
    wait_queues::place::demand demand_{};
    idle_lock held_{}, next_{};
    steady_time lease_over_{};
    std::optional<terms> terms_{};
    time_point expires_{};
    fields after_{};
    journal journal_{};
    int attempts_ = 0;
};

} // namespace dynasession::inline v0::lock_detail

#endif
