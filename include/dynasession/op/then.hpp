#ifndef DYNASESSION_OP_THEN_HPP
#define DYNASESSION_OP_THEN_HPP

#include <dynasession/op/action.hpp>

#include <functional>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0::op {

/// An operation that hands the value of `Op`, when it succeeds, to `f`, and has what `f` returns as its result.
template <class Op, class F>
class then {
    template <class T>
    struct mapped {
        using type = std::invoke_result_t<F&, T>;
    };
    template <class T>
        requires std::is_void_v<T>
    struct mapped<T> {
        using type = std::invoke_result_t<F&>;
    };

public:
    using effect_type = typename Op::effect_type;
    using reply_type = typename Op::reply_type;
    using result_type = typename mapped<typename Op::value_type>::type;
    using value_type = typename result_type::value_type;

    then(Op op, F f) : op_(std::move(op)), f_(std::move(f)) {}

    action<effect_type, value_type> resume(reply_type&& reply, instant now) {
        using outer = action<effect_type, value_type>;
        return carry_on<outer>(op_.resume(std::move(reply), now), [&](auto&& done) -> outer {
            if (!done) return result_type(std::move(done).error());
            if constexpr (std::is_void_v<typename Op::value_type>)
                return std::invoke(f_);
            else
                return std::invoke(f_, *std::move(done));
        });
    }

private:
    Op op_;
    F f_;
};

} // namespace dynasession::inline v0::op

#endif
