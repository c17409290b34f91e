#ifndef DYNASESSION_OP_ONE_OF_HPP
#define DYNASESSION_OP_ONE_OF_HPP

#include <dynasession/op/action.hpp>

#include <concepts>
#include <utility>
#include <variant>

namespace dynasession::inline v0::op {

/// An operation that is over before it begins.
template <class Effect, class Reply, class T>
class ready {
public:
    using effect_type = Effect;
    using reply_type = Reply;
    using value_type = T;

    explicit ready(result<T> r) : result_(std::move(r)) {}

    action<Effect, T> resume(Reply, instant) { return std::move(result_); }

private:
    result<T> result_;
};

/// One of several operations that have the same effects and the same value.
template <operation First, operation... Rest>
    requires(... && (std::same_as<typename First::effect_type, typename Rest::effect_type> &&
                     std::same_as<typename First::reply_type, typename Rest::reply_type> &&
                     std::same_as<typename First::value_type, typename Rest::value_type>))
class one_of {
public:
    using effect_type = typename First::effect_type;
    using reply_type = typename First::reply_type;
    using value_type = typename First::value_type;

    template <class Op>
        requires(std::same_as<Op, First> || ... || std::same_as<Op, Rest>)
    one_of(Op op) : op_(std::move(op)) {}

    action<effect_type, value_type> resume(reply_type&& reply, instant now) {
        return std::visit([&](auto& op) { return op.resume(std::move(reply), now); }, op_);
    }

private:
    std::variant<First, Rest...> op_;
};

} // namespace dynasession::inline v0::op

#endif
