#ifndef DYNASESSION_OP_ACTION_HPP
#define DYNASESSION_OP_ACTION_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/op/event.hpp>

#include <chrono>
#include <concepts>
#include <memory>
#include <utility>
#include <variant>

namespace dynasession::inline v0::op {

/// The time at which an operation is resumed: one reading of both clocks.
///
/// `system` is what records and signatures are dated by; `steady` is what deadlines are counted on.
struct instant {
    std::chrono::sys_time<std::chrono::milliseconds> system{};
    std::chrono::steady_clock::time_point steady{};

    /// `system` as records count it.
    std::chrono::sys_seconds seconds() const noexcept { return std::chrono::floor<std::chrono::seconds>(system); }

    /// The clocks of this machine, now.
    static instant now() noexcept {
        return {std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()),
                std::chrono::steady_clock::now()};
    }
};

/// Resume me after this time, with an empty reply; or as soon as the event, if there is one, has happened.
struct pause {
    std::chrono::milliseconds duration{};
    std::shared_ptr<event> until{};
};

/// What an operation answers when it is resumed: do this effect, pause, or done with this result.
template <class Effect, class T>
using action = std::variant<Effect, pause, result<T>>;

/// An algorithm as a state machine that does no I/O and knows no clock.
///
/// `resume(reply, now)` is called first with a default reply, then with the reply to each effect that
/// the operation asked for, until it answers with its result. It is not called again after that.
/// A cancelled operation finds `operation_aborted` in its reply and should finish with it; it gets nothing else any more.
template <class Op>
concept operation = std::move_constructible<Op> && std::default_initializable<typename Op::reply_type> &&
                    std::constructible_from<typename Op::reply_type, failure> && requires(Op op, typename Op::reply_type reply, instant now) {
    typename Op::effect_type;
    typename Op::value_type;
    { op.resume(std::move(reply), now) } -> std::same_as<action<typename Op::effect_type, typename Op::value_type>>;
};

/// Carries on from an action of an inner operation: its effects and pauses are passed on, and what
/// `done(result<T>)` returns takes the place of its result.
template <class Outer, class Effect, class T, class Done>
Outer carry_on(action<Effect, T>&& inner, Done done) {
    if (auto* effect = std::get_if<0>(&inner)) return std::move(*effect);
    if (auto* delay = std::get_if<1>(&inner)) return *delay;
    return done(std::get<2>(std::move(inner)));
}

} // namespace dynasession::inline v0::op

#endif
