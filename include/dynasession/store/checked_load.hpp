#ifndef DYNASESSION_STORE_CHECKED_LOAD_HPP
#define DYNASESSION_STORE_CHECKED_LOAD_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/core/session_handle.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/op/action.hpp>
#include <dynasession/store/revocation.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace dynasession::inline v0::store_detail {

/// The load of a lock policy, after which a session that the mark of its user has ended is none: what is left of it goes.
///
/// The mark is read by the same request where this process knows whose the session is, and else by a second one. Without
/// `marks`, and for a session that is nobody's, it is the load as it is.
template <class Op>
class checked_load {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = std::optional<loaded>;

    checked_load(const session_id& id, Op op, std::shared_ptr<const revocation> marks)
        : id_(id), op_(std::move(op)), marks_(std::move(marks)), hint_(marks_ ? marks_->hints.of(id) : std::string()) {}

    op::action<command, value_type> resume(reply_type in, op::instant now) {
        if (!marks_) return op_.resume(std::move(in), now);
        if (state_ == state::erasing) return result<value_type>(value_type{}); // what could not be erased counts no more for that
        if (state_ == state::asking) {
            if (!in) return result<value_type>(std::move(in).error());
            return in->not_before ? judge(*in->not_before) : step(result<value_type>(error::malformed_response));
        }
        const auto mark = in ? in->not_before : std::nullopt;
        return check(op_.resume(std::move(in), now), mark);
    }

private:
    using step = op::action<command, value_type>;
    enum class state { loading, asking, erasing };

    step check(step act, const std::optional<user_time>& mark) {
        if (auto* asked = std::get_if<command>(&act)) {
            auto* load = std::get_if<load_record>(asked);
            if (load && !load->may_be_stale) load->mark_of = hint_;
            return act;
        }
        auto* done = std::get_if<result<value_type>>(&act);
        if (!done || !*done || !**done) return act;
        const std::string user = (**done)->stored.owner.user;
        marks_->hints.remember(id_, user);
        if (user.empty()) return act;
        found_ = std::move(**done);
        if (mark && hint_ == user) return judge(*mark);
        state_ = state::asking;
        return command(load_mark{user});
    }

    step judge(user_time mark) {
        const ownership& owner = found_->stored.owner;
        if (owner.since > mark) return result<value_type>(std::move(found_));
        state_ = state::erasing;
        erase_owned erase{owner.user, session_handle::of(id_), mark};
        found_.reset(); // and with it the lock, if there is one
        return command(std::move(erase));
    }

    session_id id_;
    Op op_;
    std::shared_ptr<const revocation> marks_;
    std::string hint_;
    value_type found_{};
    state state_ = state::loading;
};

} // namespace dynasession::inline v0::store_detail

#endif
