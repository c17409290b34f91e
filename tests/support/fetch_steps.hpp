#ifndef DYNASESSION_TESTS_SUPPORT_FETCH_STEPS_HPP
#define DYNASESSION_TESTS_SUPPORT_FETCH_STEPS_HPP

#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/fetch.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/op/action.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace test {

/// Steps an operation that fetches something by hand. Its clock stands still.
template <class Op>
    requires dynasession::aws::fetch_operation<Op, typename Op::value_type>
class fetch_steps {
    using value_type = typename Op::value_type;
    using action = dynasession::op::action<dynasession::aws::fetch_effect, value_type>;

public:
    explicit fetch_steps(Op operation) : operation_(std::move(operation)) { reply({}); }

    fetch_steps& reply(dynasession::aws::fetch_reply r) {
        now_.emplace(operation_.resume(std::move(r), {}));
        return *this;
    }
    fetch_steps& answer(unsigned status, std::string body = {}) {
        dynasession::http::response r;
        r.status = status;
        r.body = std::move(body);
        return reply(std::move(r));
    }
    fetch_steps& fail(dynasession::failure f) { return reply(std::move(f)); }

    /// Ends the pause, which has to be no longer than that.
    fetch_steps& pass_pause(std::chrono::milliseconds longest) {
        REQUIRE_MESSAGE(std::holds_alternative<dynasession::op::pause>(*now_), "no pause");
        const auto duration = std::get<dynasession::op::pause>(*now_).duration;
        CHECK(duration.count() >= 0);
        CHECK(duration <= longest);
        return reply({});
    }

    bool pauses() const { return std::holds_alternative<dynasession::op::pause>(*now_); }
    bool finished() const { return std::holds_alternative<dynasession::result<value_type>>(*now_); }

    /// What is asked for now.
    const dynasession::aws::server_call& server() const { return effect<dynasession::aws::server_call>(); }
    const dynasession::aws::program_call& program() const { return effect<dynasession::aws::program_call>(); }

    /// What it has fetched.
    const value_type& value() const {
        REQUIRE_MESSAGE(finished(), "not finished");
        return std::get<2>(*now_).value();
    }
    const dynasession::aws::credentials& credentials() const { return value(); }

    /// The text of the failure that it has ended with, which has to be this one.
    std::string failure(dynasession::error_code expected) const {
        REQUIRE_MESSAGE(finished(), "not finished");
        REQUIRE(std::get<2>(*now_).has_error());
        const auto why = std::get<2>(*now_).error();
        CHECK(why == expected);
        return why.detail;
    }

private:
    template <class Call>
    const Call& effect() const {
        REQUIRE_MESSAGE(std::holds_alternative<dynasession::aws::fetch_effect>(*now_), "nothing is asked for");
        const auto& asked = std::get<dynasession::aws::fetch_effect>(*now_);
        REQUIRE(std::holds_alternative<Call>(asked));
        return std::get<Call>(asked);
    }

    Op operation_;
    std::optional<action> now_;
};

} // namespace test

#endif
