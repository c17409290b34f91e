#ifndef DYNASESSION_STORE_OPERATIONS_HPP
#define DYNASESSION_STORE_OPERATIONS_HPP

#include <dynasession/core/backoff.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/core/concepts.hpp>
#include <dynasession/core/session.hpp>
#include <dynasession/op/action.hpp>
#include <dynasession/op/one_of.hpp>
#include <dynasession/store/session_codec.hpp>

#include <chrono>
#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0::store_detail {

/// Stores a session for the first time, under another id if its own is taken.
class create {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = written;

    explicit create(save_request request) : written_{request.id, std::move(request.stored)} {
        written_.stored.data = apply(written_.stored.data, request.changes);
        written_.stored.version = 1;
    }

    op::action<command, written> resume(reply_type in, op::instant now) {
        if (attempts_ != 0) {
            if (!in) return result<written>(std::move(in).error());
            if (in->applied) return result<written>(std::move(written_));
            if (is_this_session(in->item)) return result<written>(written{written_.id, *std::move(in->item)});
            if (attempts_ == max_attempts) return result<written>(error::session_exists);
            written_.id = session_id::generate();
        }
        ++attempts_;
        written_.stored.expires = written_.stored.renewed(now.system);
        return command(create_record{written_.id, written_.stored});
    }

private:
    // Stored by an earlier call whose answer was lost.
    bool is_this_session(const std::optional<record>& found) const {
        const record& mine = written_.stored;
        return found && found->created == mine.created && found->version == mine.version && found->data == mine.data;
    }

    // Two ids of 256 random bits never meet: a second collision means a broken random source.
    static constexpr int max_attempts = 3;

    written written_;
    int attempts_ = 0;
};

/// A write of a lock policy, with the id that its record is stored under.
template <class Op>
class write_as {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = written;

    write_as(const session_id& id, Op op) : id_(id), op_(std::move(op)) {}

    op::action<command, written> resume(reply_type in, op::instant now) {
        using outer = op::action<command, written>;
        return op::carry_on<outer>(op_.resume(std::move(in), now), [&](result<saved> s) -> outer {
            if (!s) return result<written>(std::move(s).error());
            return result<written>(written{id_, std::move(s->stored), false, s->merged});
        });
    }

private:
    session_id id_;
    Op op_;
};

/// Nothing to write.
using nothing = op::ready<command, result<reply>, written>;

/// Removes a session, whatever its state and whoever works on it: a logout wins.
class destroy {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = void;

    explicit destroy(const session_id& id) : id_(id) {}

    op::action<command, void> resume(reply_type in, op::instant) {
        if (!std::exchange(sent_, true)) return command(erase_record{id_});
        return in ? result<void>() : result<void>(std::move(in).error());
    }

private:
    session_id id_;
    bool sent_ = false;
};

/// Loads a session, has `Change` work on it and saves it; all of it again, after a pause, when somebody else was
/// faster. `Codec` is a session_codec.
template <class LockPolicy, class Codec, class Change>
class update {
    using session_type = typename Codec::session_type;
    using load_type = decltype(std::declval<const LockPolicy&>().load(std::declval<const session_id&>()));
    using save_type = decltype(std::declval<const LockPolicy&>().save(std::declval<save_request>()));

public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = std::optional<session_type>;

    update(const session_id& id, const LockPolicy& policy, const Codec& codec, Change change)
        : id_(id), policy_(&policy), codec_(&codec), change_(std::move(change)) {}

    op::action<command, value_type> resume(reply_type in, op::instant now) {
        if (!loading_ && !saving_) return in ? load(now) : step(result_type(std::move(in).error()));
        if (loading_) return loaded_step(loading_->resume(std::move(in), now), now);
        return saved_step(saving_->resume(std::move(in), now));
    }

private:
    using step = op::action<command, value_type>;
    using result_type = result<value_type>;

    step load(op::instant now) {
        ++attempts_;
        loading_.emplace(policy_->load(id_));
        return loaded_step(loading_->resume({}, now), now);
    }

    step loaded_step(op::action<command, std::optional<record>> act, op::instant now) {
        return op::carry_on<step>(std::move(act), [&](result<std::optional<record>> found) -> step {
            if (!found) return result_type(std::move(found).error());
            if (!*found) return result_type(value_type{});
            auto decoded = codec_->decode(id_, **std::move(found));
            if (!decoded) return result_type(std::move(decoded).error());
            session_.emplace(*std::move(decoded));
            if constexpr (std::same_as<std::invoke_result_t<Change&, session_type&>, bool>) {
                if (!change_(*session_)) return result_type(std::move(session_));
            } else {
                change_(*session_);
            }
            auto request = codec_->encode(*session_);
            if (!request) return result_type(std::move(request).error());
            request->if_unchanged = true;
            loading_.reset();
            saving_.emplace(policy_->save(*std::move(request)));
            return saved_step(saving_->resume({}, now));
        });
    }

    step saved_step(op::action<command, saved> act) {
        return op::carry_on<step>(std::move(act), [&](result<saved> s) -> step {
            if (!s) {
                const bool was_overtaken = s.error() == error::conflict || s.error() == error::session_gone;
                if (!was_overtaken || attempts_ == max_attempts) return result_type(std::move(s).error());
                saving_.reset();
                return op::pause{backoff_.next()};
            }
            const auto followed = codec_->follow(*session_, {id_, std::move(s->stored), false, s->merged});
            return followed ? result_type(std::move(session_)) : result_type(followed.error());
        });
    }

    static constexpr int max_attempts = 32;

    session_id id_;
    const LockPolicy* policy_;
    const Codec* codec_;
    Change change_;
    std::optional<load_type> loading_;
    std::optional<save_type> saving_;
    std::optional<session_type> session_;
    backoff backoff_{std::chrono::milliseconds(5), std::chrono::milliseconds(250)};
    int attempts_ = 0;
};

} // namespace dynasession::inline v0::store_detail

#endif
