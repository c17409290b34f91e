#ifndef DYNASESSION_LOCK_SAVE_ON_VERSION_HPP
#define DYNASESSION_LOCK_SAVE_ON_VERSION_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/backoff.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/core/fields.hpp>
#include <dynasession/detail/random_token.hpp>
#include <dynasession/lock/save_rules.hpp>
#include <dynasession/op/action.hpp>

#include <chrono>
#include <optional>
#include <utility>

namespace dynasession::inline v0::lock_detail {

using step = op::action<command, saved>;

/// Saves without a lock: the changes go on top of the version that they were made from or, when others saved
/// meanwhile, of theirs. Without changes at most a touch.
///
/// Each write is bound to the version that it goes on top of, so a copy of it that arrives late does nothing.
class save_on_version {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = saved;

    save_on_version(save_request request, save_rules rules) : request_(std::move(request)), rules_(std::move(rules)) {}

    step resume(reply_type in, op::instant now) {
        if (!in) return result<saved>(std::move(in).error());
        if (state_ != state::sent) return send(now);
        if (in->applied) return done();
        return refused(*std::move(in), now);
    }

private:
    enum class state { start, sent, pausing };

    step send(op::instant now) {
        state_ = state::sent;
        record& stored = request_.stored;
        if (request_.changes_nothing()) {
            if (!stored.touch_is_due(now.system, request_.touch_after)) return finish();
            expires_ = stored.renewed(now.system);
            return command(touch_record{request_.id, expires_, now.seconds(), stored.max_stale});
        }
        terms_ = request_.amended.on(stored);
        expires_ = expiry_when_saved(stored, terms_, now.system);
        after_ = apply(stored.data, request_.changes);
        journal_ = stored.journal.followed_by(detail::random_token());
        change_record change{.id = request_.id,
                             .changes = request_.changes,
                             .after = after_,
                             .expires = expires_,
                             .now = now.seconds(),
                             .journal = journal_,
                             .terms = terms_};
        rules_.bind(change, request_.id, stored, now);
        return command(std::move(change));
    }

    step done() {
        record& stored = request_.stored;
        stored.expires = expires_;
        if (!request_.changes_nothing()) {
            if (terms_) terms_->apply_to(stored);
            stored.data = std::move(after_);
            stored.journal = std::move(journal_);
            stored.lock = {};
            ++stored.version;
        }
        return finish();
    }

    step finish() { return result<saved>(saved{.stored = std::move(request_.stored), .merged = merged_}); }

    step refused(reply found, op::instant now) {
        if (!found.item || !found.item->live(now.system)) return result<saved>(error::session_gone);
        record& stored = request_.stored;
        const record& theirs = *found.item;
        const bool overtaken = is_overtaken(stored, theirs);
        if (overtaken) forgo_renewals(request_);
        if (overtaken && !request_.changes_nothing()) {
            if (request_.if_unchanged) return result<saved>(error::conflict);
            if (!rules_.allow(request_, stored, theirs)) return result<saved>(error::conflict);
            stored = *std::move(found.item);
            merged_ = true;
        } else {
            // Another request has put off the expiry further, or changed how long the session lives: that stands.
            stored.expires = theirs.expires;
            terms::of(theirs).apply_lifetime_to(stored);
            stored.lock = theirs.lock;
            if (request_.changes_nothing()) return finish();
        }
        const bool blocked = rules_.is_blocked(request_.id, stored, now);
        if (++attempts_ == max_attempts) return result<saved>(blocked ? error::lock_timeout : error::conflict);
        if (attempts_ == 1 && !blocked) return send(now);
        state_ = state::pausing;
        return op::pause{backoff_.next()};
    }

    static constexpr int max_attempts = 32; // some four seconds

    save_request request_;
    save_rules rules_;
    state state_ = state::start;
    std::optional<terms> terms_{};
    time_point expires_{};
    fields after_{};
    journal journal_{};
    backoff backoff_{std::chrono::milliseconds(5), std::chrono::milliseconds(250)};
    int attempts_ = 0;
    bool merged_ = false;
};

} // namespace dynasession::inline v0::lock_detail

#endif
