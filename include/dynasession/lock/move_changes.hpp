#ifndef DYNASESSION_LOCK_MOVE_CHANGES_HPP
#define DYNASESSION_LOCK_MOVE_CHANGES_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/amendments.hpp>
#include <dynasession/core/backoff.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/core/fields.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/lock/save_rules.hpp>
#include <dynasession/op/action.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace dynasession::inline v0::lock_detail {

/// Moves a session to a new id; changes that others saved meanwhile come along, by the rules of saves.
template <class Rebind>
class move_changes {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = saved;

    /// `token` holds the lock of the session, if it has to be held.
    move_changes(save_request request, const session_id& to, Rebind rebind, save_rules rules, std::string token = {})
        : request_(std::move(request)), to_(to), rebind_(std::move(rebind)), rules_(std::move(rules)), token_(std::move(token)) {
        if (!token_.empty()) rules_.respects_locks = false;
    }

    op::action<command, saved> resume(reply_type in, op::instant now) {
        if (!in) return result<saved>(std::move(in).error());
        if (!std::exchange(sent_, true)) return send(now);
        if (in->applied) return result<saved>(saved{.stored = std::move(moved_), .merged = merged_});
        return refused(*std::move(in), now);
    }

private:
    op::action<command, saved> send(op::instant now) {
        ++attempts_;
        auto data = rebind_(apply(request_.stored.data, request_.changes));
        if (!data) return result<saved>(std::move(data).error());
        const record& stored = request_.stored;
        const auto terms = request_.amended.on(stored);
        moved_ = record{stored, *std::move(data)};
        moved_.owner = stored.owner;
        if (terms) terms->apply_to(moved_);
        moved_.owner.id_since = now.seconds();
        moved_.expires = expiry_when_saved(stored, terms, now.system);
        ++moved_.version;
        move_record move{.from = request_.id,
                         .to = to_,
                         .content = moved_,
                         .now = now.seconds(),
                         .if_locked_by = token_,
                         .grace = request_.grace};
        rules_.bind(move, request_.id, request_.stored, now);
        return command(std::move(move));
    }

    op::action<command, saved> refused(reply found, op::instant now) {
        if (!found.item || !found.item->live(now.system)) return result<saved>(error::session_gone);
        record& theirs = *found.item;
        const bool under_lock = !token_.empty();
        if (under_lock && theirs.lock.token != token_) return result<saved>(error::lock_lost);
        if (is_overtaken(request_.stored, theirs)) {
            forgo_renewals(request_);
            if (under_lock || !rules_.allow(request_, request_.stored, theirs)) return result<saved>(error::conflict);
            merged_ = true;
        }
        const bool blocked = rules_.is_blocked(request_.id, theirs, now);
        if (attempts_ == max_attempts) return result<saved>(blocked ? error::lock_timeout : error::conflict);
        request_.stored = std::move(theirs);
        if (!blocked && attempts_ == 1) return send(now);
        sent_ = false;
        return op::pause{backoff_.next()};
    }

    static constexpr int max_attempts = 32;

    save_request request_;
    session_id to_;
    Rebind rebind_;
    save_rules rules_;
    std::string token_;
    record moved_{};
    backoff backoff_{std::chrono::milliseconds(5), std::chrono::milliseconds(250)};
    int attempts_ = 0;
    bool sent_ = false;
    bool merged_ = false;
};

} // namespace dynasession::inline v0::lock_detail

#endif
