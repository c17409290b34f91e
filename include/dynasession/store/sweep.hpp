#ifndef DYNASESSION_STORE_SWEEP_HPP
#define DYNASESSION_STORE_SWEEP_HPP

#include <dynasession/core/command.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/core/session_handle.hpp>
#include <dynasession/core/session_summary.hpp>
#include <dynasession/op/action.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dynasession::inline v0::store_detail {

/// Which sessions of a user end.
struct ending {
    std::string user{};
    session_handle kept{};          ///< stays, if it is the handle of one
    std::size_t newest = 0;         ///< and so many that were bound last
    user_time mark = no_mark;       ///< of those that were bound later than this
    std::optional<raise_mark> raise{}; ///< comes first
    bool lists = true;              ///< false: the backend finds no sessions by users, the mark is all
};

/// Ends sessions of a user, one by one, each only as long as it belongs to him since the moment that was read; says how many.
class sweep {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = std::size_t;

    explicit sweep(ending e) : ending_(std::move(e)) {}

    op::action<command, std::size_t> resume(reply_type in, op::instant now) {
        if (!in) return result<std::size_t>(std::move(in).error());
        switch (state_) {
        case state::start:
            if (!ending_.raise) return list(now);
            state_ = state::raising;
            return command(*ending_.raise);
        case state::raising: return ending_.lists ? list(now) : done();
        case state::listing:
            found_ = std::move(in->sessions);
            at_ = kept_ = ended_in_round_ = 0;
            return next(now);
        case state::erasing: break;
        }
        ended_in_round_ += in->applied;
        return next(now);
    }

private:
    using step = op::action<command, std::size_t>;
    enum class state { start, raising, listing, erasing };

    static constexpr std::size_t at_a_time = 1000;

    std::size_t limit() const noexcept { return at_a_time + ending_.newest; }

    step list(op::instant now) {
        state_ = state::listing;
        return command(list_sessions{ending_.user, now.seconds(), limit()});
    }

    step next(op::instant now) {
        for (; at_ != found_.size(); ++at_) {
            const session_summary& s = found_[at_];
            if (stays(s)) continue;
            state_ = state::erasing;
            ++at_;
            return command(erase_owned{ending_.user, s.handle, s.owner.since});
        }
        ended_ += ended_in_round_;
        const bool there_may_be_more = found_.size() >= limit() && ended_in_round_ != 0;
        return there_may_be_more ? list(now) : done();
    }

    bool stays(const session_summary& s) {
        if (s.handle == ending_.kept) return true;
        return s.owner.since > ending_.mark && kept_ < ending_.newest && ++kept_ != 0;
    }

    step done() const { return result<std::size_t>(ended_); }

    ending ending_;
    state state_ = state::start;
    std::vector<session_summary> found_{};
    std::size_t at_ = 0, kept_ = 0, ended_in_round_ = 0, ended_ = 0;
};

/// The sessions of a user that were bound later than his mark.
class list_of {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = std::vector<session_info>;

    list_of(std::string user, std::size_t limit, user_time mark) : user_(std::move(user)), limit_(limit), mark_(mark) {}

    op::action<command, value_type> resume(reply_type in, op::instant now) {
        if (!std::exchange(sent_, true)) return command(list_sessions{user_, now.seconds(), limit_});
        if (!in) return result<value_type>(std::move(in).error());
        value_type all;
        for (auto& s : in->sessions)
            if (s.owner.since > mark_) all.push_back(session_info::of(std::move(s)));
        return result<value_type>(std::move(all));
    }

private:
    std::string user_;
    std::size_t limit_;
    user_time mark_;
    bool sent_ = false;
};

/// Ends one session of a user by its handle; says whether it was his.
class end_one {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = bool;

    end_one(std::string user, const session_handle& handle) : erase_{std::move(user), handle} {}

    op::action<command, bool> resume(reply_type in, op::instant) {
        if (!std::exchange(sent_, true)) return command(erase_);
        return in ? result<bool>(in->applied) : result<bool>(std::move(in).error());
    }

private:
    erase_owned erase_;
    bool sent_ = false;
};

} // namespace dynasession::inline v0::store_detail

#endif
