#ifndef DYNASESSION_STORE_AFTER_MARK_HPP
#define DYNASESSION_STORE_AFTER_MARK_HPP

#include <dynasession/core/command.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/op/action.hpp>

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0::store_detail {

/// An operation that is made by `make(user_time mark, user_time began)`, a `result<Op>`, when the mark of a user is known.
template <class Make>
class after_mark {
    using made = typename std::invoke_result_t<Make&, user_time, user_time>::value_type;

public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = typename made::value_type;

    /// Without a user no mark is read, and there is none.
    after_mark(std::string user, Make make) : user_(std::move(user)), make_(std::move(make)) {}

    op::action<command, value_type> resume(reply_type in, op::instant now) {
        if (op_) return op_->resume(std::move(in), now);
        if (!in) return result<value_type>(std::move(in).error());
        if (!began_) {
            began_ = now.system;
            if (!user_.empty()) return command(load_mark{user_});
            in->not_before = no_mark;
        }
        if (!in->not_before) return result<value_type>(error::malformed_response);
        auto op = make_(*in->not_before, *began_);
        if (!op) return result<value_type>(std::move(op).error());
        op_.emplace(*std::move(op));
        return op_->resume({}, now);
    }

private:
    std::string user_;
    Make make_;
    std::optional<user_time> began_{}; // before the mark was read: a later one may be of now
    std::optional<made> op_{};
};

} // namespace dynasession::inline v0::store_detail

#endif
