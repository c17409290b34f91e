#ifndef DYNASESSION_LOCK_LOAD_ONCE_HPP
#define DYNASESSION_LOCK_LOAD_ONCE_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/op/action.hpp>

#include <optional>
#include <utility>

namespace dynasession::inline v0::lock_detail {

/// The live record of a session, or none, by one read that locks nothing.
class load_once {
public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = std::optional<loaded>;

    load_once(const session_id& id, bool read_only) : id_(id), read_only_(read_only) {}

    op::action<command, value_type> resume(reply_type in, op::instant now) {
        if (!std::exchange(sent_, true)) return command(load_record{id_, now.seconds()});
        if (!in) return result<value_type>(std::move(in).error());
        if (!in->item || !in->item->live(now.system)) return result<value_type>(value_type{});
        // The old id of a session is good for reading what is under the new one, and for nothing else.
        return result<value_type>(loaded{.stored = *std::move(in->item), .read_only = read_only_ || in->forwarded});
    }

private:
    session_id id_;
    bool read_only_;
    bool sent_ = false;
};

} // namespace dynasession::inline v0::lock_detail

#endif
