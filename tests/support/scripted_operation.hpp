#ifndef DYNASESSION_TESTS_SUPPORT_SCRIPTED_OPERATION_HPP
#define DYNASESSION_TESTS_SUPPORT_SCRIPTED_OPERATION_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/op/action.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dynasession::test {

using reply = result<std::string>;

// An operation whose every step is written by the test; its effects and replies are texts.
template <class T>
class scripted_operation {
public:
    using effect_type = std::string;
    using reply_type = reply;
    using value_type = T;
    using action = op::action<effect_type, value_type>;
    using step = std::function<action(reply, op::instant)>;

    scripted_operation(std::initializer_list<step> steps) : steps_(steps) {}

    action resume(reply r, op::instant now) {
        REQUIRE_MESSAGE(next_ < steps_.size(), "resumed once more than the script has steps");
        return steps_[next_++](std::move(r), now);
    }

private:
    std::vector<step> steps_;
    std::size_t next_ = 0;
};

// Answers the effect "x" with "x!"; its clock moves one millisecond at each look.
class echo_io {
public:
    echo_io() = default;
    explicit echo_io(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    op::instant now() {
        clock.system += std::chrono::milliseconds(1);
        clock.steady += std::chrono::milliseconds(1);
        return clock;
    }

    reply perform(std::string effect) {
        performed.push_back(effect);
        return effect + "!";
    }

    void wait(std::chrono::milliseconds duration) { waited.push_back(duration); }

    // "never" is answered only by its cancellation.
    template <class Token>
    auto async_perform(std::string effect, Token&& token) {
        performed.push_back(effect);
        // Handlers that end elsewhere may outlive the context, and with it a timer of theirs.
        std::shared_ptr<boost::asio::steady_timer> never;
        if (effect == "never") never = std::make_shared<boost::asio::steady_timer>(executor_);
        return boost::asio::async_compose<Token, void(reply)>(
            [never, effect, started = false](auto& self, error_code ec = {}) mutable {
                if (std::exchange(started, true)) return self.complete(ec ? reply(failure(ec)) : reply(effect + "!"));
                if (!never) return boost::asio::post(boost::asio::append(std::move(self), error_code{}));
                never->expires_at(boost::asio::steady_timer::time_point::max());
                never->async_wait(std::move(self));
            },
            token, executor_);
    }

    const boost::asio::any_io_executor& get_executor() const { return executor_; }

    op::instant clock;
    std::vector<std::string> performed;
    std::vector<std::chrono::milliseconds> waited;

private:
    boost::asio::any_io_executor executor_;
};

} // namespace dynasession::test

#endif
