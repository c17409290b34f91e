#ifndef DYNASESSION_OP_DEFER_HPP
#define DYNASESSION_OP_DEFER_HPP

#include <dynasession/op/action.hpp>

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0::op {

/// An operation that is made when it is first resumed, by `make()`, a `result<Op>`.
///
/// So what has to be worked out first, and may fail, runs where the operation runs.
template <class Make>
class defer {
    using made = typename std::invoke_result_t<Make&>::value_type;

public:
    using effect_type = typename made::effect_type;
    using reply_type = typename made::reply_type;
    using value_type = typename made::value_type;

    explicit defer(Make make) : make_(std::move(make)) {}

    action<effect_type, value_type> resume(reply_type&& reply, instant now) {
        if (!op_) {
            auto op = std::invoke(make_);
            if (!op) return result<value_type>(std::move(op).error());
            op_.emplace(*std::move(op));
        }
        return op_->resume(std::move(reply), now);
    }

private:
    Make make_;
    std::optional<made> op_;
};

} // namespace dynasession::inline v0::op

#endif
