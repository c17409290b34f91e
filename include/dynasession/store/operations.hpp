#ifndef DYNASESSION_STORE_OPERATIONS_HPP
#define DYNASESSION_STORE_OPERATIONS_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/core/fields.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/op/action.hpp>
#include <dynasession/op/one_of.hpp>
#include <dynasession/store/session_codec.hpp>

#include <optional>
#include <utility>

namespace dynasession::inline v0::store_detail {

/// Stores a session for the first time, under another id if its own is taken. `Codec` is a session_codec.
template <class Codec>
class create {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = written;

    create(save_request request, const Codec& codec) : written_{{std::move(request.stored)}, request.id}, codec_(&codec) {
        written_.stored.data = apply(written_.stored.data, request.changes);
        request.amended.apply_to(written_.stored);
        written_.stored.version = 1;
    }

    op::action<command, written> resume(reply_type in, op::instant now) {
        if (attempts_ != 0) {
            if (!in) return result<written>(std::move(in).error());
            if (in->applied) return result<written>(std::move(written_));
            if (is_this_session(in->item)) return result<written>(written{{*std::move(in->item)}, written_.id});
            if (attempts_ == max_attempts) return result<written>(error::session_exists);
            auto moved = take_another_id();
            if (!moved) return result<written>(std::move(moved).error());
        }
        ++attempts_;
        written_.stored.expires = written_.stored.renewed(now.system);
        return command(create_record{written_.id, written_.stored});
    }

private:
    result<void> take_another_id() {
        const auto to = session_id::generate();
        auto data = codec_->rebind(written_.stored.data, written_.id, to);
        if (!data) return std::move(data).error();
        written_.stored.data = *std::move(data);
        written_.id = to;
        return {};
    }

    // Stored by an earlier call whose answer was lost, perhaps in other words.
    bool is_this_session(const std::optional<record>& found) const {
        const record& mine = written_.stored;
        if (!found || found->created != mine.created || found->version != mine.version || found->owner.user != mine.owner.user) return false;
        if (found->data == mine.data) return true;
        const auto in_its_words = codec_->rebind(mine.data, written_.id, written_.id, found->data);
        return in_its_words && *in_its_words == found->data;
    }

    // Two ids of 256 random bits never meet: a second collision means a broken random source.
    static constexpr int max_attempts = 3;

    written written_;
    const Codec* codec_;
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
            return result<written>(written{*std::move(s), id_});
        });
    }

private:
    session_id id_;
    Op op_;
};

/// A write that only puts off an expiry, or gives up a lock: when it fails, nothing of the user's is lost.
template <class Op>
class tolerant {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = void;

    explicit tolerant(Op op) : op_(std::move(op)) {}

    op::action<command, void> resume(reply_type in, op::instant now) {
        using outer = op::action<command, void>;
        return op::carry_on<outer>(op_.resume(std::move(in), now), [](result<void> done) -> outer {
            const bool cancelled = !done && done.error().code == boost::system::errc::operation_canceled;
            return cancelled ? std::move(done) : result<void>();
        });
    }

private:
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

} // namespace dynasession::inline v0::store_detail

#endif
