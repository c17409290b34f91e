#ifndef DYNASESSION_LOCK_NO_LOCK_HPP
#define DYNASESSION_LOCK_NO_LOCK_HPP

#include <dynasession/core/command.hpp>
#include <dynasession/core/concepts.hpp>
#include <dynasession/detail/random_mark.hpp>
#include <dynasession/op/action.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace dynasession::inline v0 {

namespace lock_detail {

using step = op::action<command, saved>;

/// The live record of a session, or none.
class load_once {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = std::optional<record>;

    explicit load_once(const session_id& id) : id_(id) {}

    op::action<command, value_type> resume(reply_type in, op::instant now) {
        if (!std::exchange(sent_, true)) return command(load_record{id_});
        if (!in) return result<value_type>(std::move(in).error());
        if (in->item && !in->item->live(now.system)) in->item.reset();
        return result<value_type>(std::move(in->item));
    }

private:
    session_id id_;
    bool sent_ = false;
};

/// Sends the changes of a save on their own, so that concurrent saves of other keys survive; without
/// changes at most a touch.
class save_changes {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = saved;

    explicit save_changes(save_request request) : request_(std::move(request)) {}

    step resume(reply_type in, op::instant now) {
        if (state_ != state::start) {
            if (!in) return result<saved>(std::move(in).error());
            if (in->applied) return done(in->version);
            if (!in->item || !in->item->live(now.system)) return result<saved>(error::session_gone);
            const bool out_of_date = in->item->version != request_.stored.version;
            if (request_.if_unchanged && out_of_date && !request_.changes.empty())
                return result<saved>(error::conflict);
            // Another request has put off the expiry further: that stands, and our changes go without.
            request_.stored.expires = in->item->expires;
            if (request_.changes.empty()) return result<saved>(saved{std::move(request_.stored), false});
            if (state_ == state::changing_alone) return result<saved>(error::conflict);
        }
        record& stored = request_.stored;
        const time_point renewed = stored.renewed(now.system);
        if (request_.changes.empty()) {
            if (!touch_is_due(renewed)) return result<saved>(saved{std::move(request_.stored), false});
            state_ = state::touching;
            expires_ = renewed;
            return command(touch_record{request_.id, expires_, now.seconds()});
        }
        state_ = state_ == state::start ? state::changing : state::changing_alone;
        expires_ = state_ == state::changing ? std::max(renewed, stored.expires) : stored.expires;
        if (state_ == state::changing) request_.stored.data = apply(stored.data, request_.changes);
        change_record change{.id = request_.id,
                             .changes = request_.changes,
                             .now = now.seconds(),
                             .size_after = stored.data.size_in_bytes()};
        if (state_ == state::changing) change.expires = expires_;
        if (request_.if_unchanged) {
            change.if_version = stored.version;
            change.writer = detail::random_mark();
        }
        return command(std::move(change));
    }

private:
    enum class state { start, touching, changing, changing_alone };

    // The last stretch before the deadline is shorter than a touch is worth, but has to be granted once.
    bool touch_is_due(time_point renewed) const noexcept {
        const stamp& stored = request_.stored;
        return renewed > stored.expires &&
               (renewed - stored.expires >= request_.touch_after || renewed == stored.deadline);
    }

    step done(std::uint64_t version) {
        record& stored = request_.stored;
        stored.expires = expires_;
        // After a gap others have saved too: our data is not that of the new version, and a move that took it for
        // that would lose their changes. With the old version it finds out.
        if (state_ != state::touching && version == stored.version + 1) stored.version = version;
        return result<saved>(saved{std::move(stored), false});
    }

    save_request request_;
    state state_ = state::start;
    time_point expires_{};
};

/// Moves a session to a new id; changes that others saved meanwhile come along.
template <class Rebind>
class move_changes {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = saved;

    move_changes(save_request request, const session_id& to, Rebind rebind)
        : request_(std::move(request)), to_(to), rebind_(std::move(rebind)) {}

    step resume(reply_type in, op::instant now) {
        if (attempts_ != 0) {
            if (!in) return result<saved>(std::move(in).error());
            if (in->applied) return result<saved>(saved{std::move(moved_), attempts_ > 1});
            if (!in->item || !in->item->live(now.system)) return result<saved>(error::session_gone);
            if (attempts_ == max_attempts) return result<saved>(error::conflict);
            request_.stored = *std::move(in->item);
        }
        ++attempts_;
        auto data = rebind_(apply(request_.stored.data, request_.changes));
        if (!data) return result<saved>(std::move(data).error());
        static_cast<stamp&>(moved_) = request_.stored;
        moved_.data = *std::move(data);
        moved_.expires = std::max(moved_.renewed(now.system), moved_.expires);
        ++moved_.version;
        return command(move_record{request_.id, to_, moved_, request_.stored.version, now.seconds()});
    }

private:
    static constexpr int max_attempts = 5;

    save_request request_;
    session_id to_;
    Rebind rebind_;
    record moved_;
    int attempts_ = 0;
};

} // namespace lock_detail

/// No lock: requests of one session run side by side, and of two saves of one key the later one stays.
///
/// Saves send only what changed, so requests that change different keys do not disturb each other.
///
/// *Cost:* a load is one read, a save one write, an unchanged session nothing but a touch when it is due.
struct no_lock {
    auto load(const session_id& id) const { return lock_detail::load_once(id); }

    auto save(save_request s) const { return lock_detail::save_changes(std::move(s)); }

    auto touch(save_request s) const {
        s.changes = {};
        return lock_detail::save_changes(std::move(s));
    }

    template <class Rebind>
    auto regenerate(save_request s, const session_id& to, Rebind rebind) const {
        return lock_detail::move_changes(std::move(s), to, std::move(rebind));
    }
};

static_assert(check_lock_policy<no_lock>());

} // namespace dynasession::inline v0

#endif
