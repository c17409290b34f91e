#ifndef DYNASESSION_OP_IN_TURN_HPP
#define DYNASESSION_OP_IN_TURN_HPP

#include <dynasession/op/action.hpp>

#include <concepts>
#include <utility>

namespace dynasession::inline v0::op {

/// An operation of no value, and when it has succeeded another one, whose result is that of both.
template <operation First, operation Second>
    requires(std::same_as<typename First::effect_type, typename Second::effect_type> &&
             std::same_as<typename First::reply_type, typename Second::reply_type> && std::same_as<typename First::value_type, void>)
class in_turn {
public:
    using effect_type = typename First::effect_type;
    using reply_type = typename First::reply_type;
    using value_type = typename Second::value_type;

    in_turn(First first, Second second) : first_(std::move(first)), second_(std::move(second)) {}

    action<effect_type, value_type> resume(reply_type&& reply, instant now) {
        using outer = action<effect_type, value_type>;
        if (first_is_over_) return second_.resume(std::move(reply), now);
        return carry_on<outer>(first_.resume(std::move(reply), now), [&](result<void> done) -> outer {
            if (!done) return result<value_type>(std::move(done).error());
            first_is_over_ = true;
            return second_.resume({}, now);
        });
    }

private:
    First first_;
    Second second_;
    bool first_is_over_ = false;
};

} // namespace dynasession::inline v0::op

#endif
