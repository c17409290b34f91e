#ifndef DYNASESSION_STORE_UPDATE_HPP
#define DYNASESSION_STORE_UPDATE_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/backoff.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/core/concepts.hpp>
#include <dynasession/core/session.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/op/action.hpp>
#include <dynasession/op/one_of.hpp>

#include <chrono>
#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0::store_detail {

/// Ends what a session has of a lock, under a policy that knows any.
template <class LockPolicy>
auto give_up(const LockPolicy& policy, save_request s) {
    if constexpr (exclusive_lock_policy<LockPolicy>)
        return policy.release(std::move(s));
    else
        return op::ready<command, result<reply>, saved>(saved{.stored = std::move(s.stored)});
}

/// Loads a session, has `Change` work on it and saves it; all of it again, after a pause, when somebody else was
/// faster. `Codec` is a session_codec.
template <class LockPolicy, class Codec, class Change>
class update {
    using session_type = typename Codec::session_type;
    using load_type = decltype(std::declval<const LockPolicy&>().load(std::declval<const session_id&>(), read_write));
    using save_type = decltype(std::declval<const LockPolicy&>().save(std::declval<save_request>()));
    using release_type = decltype(give_up(std::declval<const LockPolicy&>(), std::declval<save_request>()));

public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = std::optional<session_type>;

    update(const session_id& id, const LockPolicy& policy, const Codec& codec, Change change)
        : id_(id), policy_(&policy), codec_(&codec), change_(std::move(change)) {}

    op::action<command, value_type> resume(reply_type in, op::instant now) {
        if (loading_) return loaded_step(loading_->resume(std::move(in), now), now);
        if (saving_) return saved_step(saving_->resume(std::move(in), now));
        if (releasing_) return released_step(releasing_->resume(std::move(in), now));
        return in ? load(now) : step(result_type(std::move(in).error()));
    }

private:
    using step = op::action<command, value_type>;
    using result_type = result<value_type>;

    step load(op::instant now) {
        ++attempts_;
        loading_.emplace(policy_->load(id_, read_write));
        return loaded_step(loading_->resume({}, now), now);
    }

    step loaded_step(op::action<command, std::optional<loaded>> act, op::instant now) {
        return op::carry_on<step>(std::move(act), [&](result<std::optional<loaded>> found) -> step {
            if (!found) return result_type(std::move(found).error());
            if (!*found) return result_type(value_type{});
            auto decoded = codec_->decode(id_, **std::move(found));
            if (!decoded) return result_type(std::move(decoded).error());
            session_.emplace(*std::move(decoded));
            loading_.reset();
            if constexpr (std::same_as<std::invoke_result_t<Change&, session_type&>, bool>) {
                if (!change_(*session_)) return release(now);
            } else {
                change_(*session_);
            }
            auto request = codec_->encode(*session_);
            if (!request) return result_type(std::move(request).error());
            request->if_unchanged = true;
            saving_.emplace(policy_->save(*std::move(request)));
            return saved_step(saving_->resume({}, now));
        });
    }

    step release(op::instant now) {
        releasing_.emplace(give_up(*policy_, codec_->unchanged(*session_)));
        return released_step(releasing_->resume({}, now));
    }

    step released_step(op::action<command, saved> act) {
        return op::carry_on<step>(std::move(act), [&](result<saved> s) -> step {
            // Nothing was to be saved, so it does not matter who has the session now.
            const bool had_none = !s && (s.error() == error::lock_lost || s.error() == error::session_gone);
            if (had_none) return result_type(std::move(session_));
            if (!s) return result_type(std::move(s).error());
            return follow(*std::move(s));
        });
    }

    step follow(saved s) {
        const auto followed = codec_->follow(*session_, {std::move(s), id_});
        session_access::amended(*session_) = {};
        return followed ? result_type(std::move(session_)) : result_type(followed.error());
    }

    step saved_step(op::action<command, saved> act) {
        return op::carry_on<step>(std::move(act), [&](result<saved> s) -> step {
            if (!s) {
                const bool was_overtaken = s.error() == error::conflict || s.error() == error::session_gone ||
                                           s.error() == error::lock_lost;
                if (!was_overtaken || attempts_ == max_attempts) return result_type(std::move(s).error());
                saving_.reset();
                session_.reset();
                return op::pause{backoff_.next()};
            }
            return follow(*std::move(s));
        });
    }

    static constexpr int max_attempts = 32;

    session_id id_;
    const LockPolicy* policy_;
    const Codec* codec_;
    Change change_;
    std::optional<load_type> loading_;
    std::optional<save_type> saving_;
    std::optional<release_type> releasing_;
    std::optional<session_type> session_;
    backoff backoff_{std::chrono::milliseconds(5), std::chrono::milliseconds(250)};
    int attempts_ = 0;
};

} // namespace dynasession::inline v0::store_detail

#endif
