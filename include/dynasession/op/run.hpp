#ifndef DYNASESSION_OP_RUN_HPP
#define DYNASESSION_OP_RUN_HPP

#include <dynasession/op/action.hpp>

#include <utility>

namespace dynasession::inline v0::op {

/// Drives an operation to its end on the calling thread.
///
/// `Io` has `instant now()`, `reply_type perform(effect)` and `void wait(milliseconds)`, all blocking.
template <operation Op, class Io>
result<typename Op::value_type> run(Op op, Io& io) {
    for (typename Op::reply_type reply{};;) {
        auto act = op.resume(std::move(reply), io.now());
        if (auto* effect = std::get_if<0>(&act)) {
            reply = io.perform(std::move(*effect));
        } else if (auto* delay = std::get_if<1>(&act)) {
            if (delay->until)
                delay->until->wait_for(delay->duration);
            else
                io.wait(delay->duration);
            reply = {};
        } else {
            return std::get<2>(std::move(act));
        }
    }
}

} // namespace dynasession::inline v0::op

#endif
