#ifndef DYNASESSION_LOCK_ACQUIRE_HPP
#define DYNASESSION_LOCK_ACQUIRE_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/backoff.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/detail/random_token.hpp>
#include <dynasession/lock/lock_options.hpp>
#include <dynasession/lock/wait_queue.hpp>
#include <dynasession/op/action.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace dynasession::inline v0::lock_detail {

/// Locks a live session and reads it; none if there is none.
///
/// First it is this request's turn among those of its process, then its process has to get the lock in the store, unless
/// the request before handed it on. A lock that nobody is behind any more is taken over: see `lock_service::is_dead`.
class acquire {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = std::optional<loaded>;

    acquire(const session_id& id, std::shared_ptr<lock_service> service) : id_(id), service_(std::move(service)) {}

    op::action<command, value_type> resume(reply_type in, op::instant now) {
        if (!in) return result<value_type>(std::move(in).error());
        switch (state_) {
        case state::start: return line_up(now);
        case state::queued: return take_turn(now);
        case state::pausing: return look(now);
        case state::standing_back: return claim(now);
        case state::looking: return looked(*std::move(in), now);
        case state::claiming: return claimed(*std::move(in), now);
        case state::following: break;
        }
        return followed(*std::move(in), now);
    }

private:
    using step = op::action<command, value_type>;
    enum class state { start, queued, standing_back, claiming, pausing, looking, following };

    const pessimistic_lock_options& options() const noexcept { return service_->options; }

    step line_up(op::instant now) {
        deadline_ = now.steady + options().max_wait_time;
        const std::shared_ptr<wait_queues> queues(service_, &service_->queues);
        auto place = wait_queues::enter(queues, id_, options().max_waiters, now);
        if (!place) return result<value_type>(std::move(place).error());
        place_ = *std::move(place);
        return take_turn(now);
    }

    step take_turn(op::instant now) {
        if (!place_->has_turn(now)) {
            if (now.steady >= deadline_) return result<value_type>(error::lock_timeout);
            state_ = state::queued;
            return place_->wait(now, deadline_);
        }
        auto idle = place_->inherit(now);
        if (!idle) return claim(now);
        if (idle->claim.token.empty()) { // free, so that other processes get it too
            state_ = state::standing_back;
            return op::pause{std::chrono::ceil<std::chrono::milliseconds>(std::min(idle->over, deadline_) - now.steady)};
        }
        inherited_ = true;
        left_to_us_ = idle->claim.token;
        const bool lasts = idle->over - now.steady > options().lease / 3;
        if (!idle->stored || !idle->stored->live(now.system) || !lasts) {
            // Under a token of its own: that of the other may be on its way with a save that nobody waits for any more.
            seen_ = idle->claim;
            return claim(now);
        }
        hold(idle->claim, idle->over);
        return done(*std::move(idle->stored), idle->known_to);
    }

    step claim(op::instant now) {
        // A lock that is taken over from a request before is part of its process's tenure.
        if (!inherited_) place_->begins_at(now.steady);
        claim_ = {detail::random_token(), now.system + options().lease};
        lease_over_ = now.steady + options().lease;
        known_to_ = place_->wanted().entries;
        place_->claim(claim_, lease_over_);
        state_ = state::claiming;
        return command(lock_record{.id = id_, .claim = claim_, .seen = seen_, .seen_expires = seen_expires_, .now = now.seconds()});
    }

    step claimed(reply r, op::instant now) {
        if (r.applied) {
            if (!r.item) return result<value_type>(error::malformed_response);
            hold(claim_, lease_over_);
            if (seen_ && seen_->foreign) service_->sightings.forget(id_);
            return done(*std::move(r.item), known_to_);
        }
        place_->claim({}, {});
        if (r.item && r.item->moved) {
            state_ = state::following;
            return command(load_record{id_, now.seconds()});
        }
        if (!r.item || !r.item->live(now.system)) return result<value_type>(value_type{});
        return watch(*r.item, now);
    }

    // Somebody else has the lock; or this token was used up, or the lock came free between the write and the look.
    step watch(const record& r, op::instant now) {
        const auto tried = std::exchange(seen_, std::nullopt);
        inherited_ = false;
        if (!r.lock.held()) {
            if (!std::exchange(found_free_, true)) return claim(now);
        } else if (is_ours(r.lock) && tried != r.lock) {
            inherited_ = true;
            seen_ = r.lock;
            return claim(now);
        } else {
            watches_ = true;
            if (service_->is_dead(id_, r, now)) {
                seen_ = r.lock;
                seen_expires_ = r.expires;
                return claim(now);
            }
        }
        if (now.steady >= deadline_) return result<value_type>(error::lock_timeout);
        state_ = state::pausing;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - now.steady);
        return op::pause{std::min(backoff_.next(), left)};
    }

    // Of this process, and of no request that lives: a late copy of our own claim, or what an earlier request left.
    bool is_ours(const lock_claim& c) const {
        return !c.foreign && (c.token == claim_.token || c.token == left_to_us_ || place_->is_orphan(c.token));
    }

    // Half the price of a consistent read. What it misses costs another look, or a claim that fails.
    step look(op::instant now) {
        if (!watches_) return claim(now);
        state_ = state::looking;
        return command(load_record{id_, now.seconds(), true});
    }

    step looked(reply r, op::instant now) {
        const bool still_held = r.item && !r.forwarded && r.item->live(now.system) && r.item->lock.held();
        if (still_held) return watch(*r.item, now);
        watches_ = false;
        return claim(now);
    }

    step followed(reply r, op::instant now) {
        if (!r.forwarded || !r.item || !r.item->live(now.system)) return result<value_type>(value_type{});
        return result<value_type>(loaded{.stored = *std::move(r.item), .read_only = true});
    }

    void hold(lock_claim c, steady_time over) { place_->hold(std::move(c), over, over + lock_service::clock_margin); }

    step done(record stored, std::uint64_t known_to) {
        place_->read_at(known_to);
        stored.lock = {};
        return result<value_type>(loaded{std::move(stored), std::move(place_)});
    }

    session_id id_;
    std::shared_ptr<lock_service> service_;
    std::shared_ptr<wait_queues::place> place_{};
    state state_ = state::start;
    steady_time deadline_{};
    lock_claim claim_{};
    steady_time lease_over_{};
    std::uint64_t known_to_ = 0;
    std::optional<lock_claim> seen_{};
    time_point seen_expires_{};
    backoff backoff_{service_->options.min_retry_time, service_->options.max_retry_time};
    std::string left_to_us_{};
    bool inherited_ = false; // this process had the lock already
    bool found_free_ = false;
    bool watches_ = false; // the lock of another
};

} // namespace dynasession::inline v0::lock_detail

#endif
