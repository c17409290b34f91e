#include <dynasession/op/one_of.hpp>

#include <dynasession/op/run.hpp>

#include <doctest/doctest.h>
#include <support/scripted_operation.hpp>

#include <concepts>
#include <string>
#include <vector>

namespace ds = dynasession;
using namespace std::chrono_literals;
using namespace std::string_literals;
using ds::op::instant;
using ds::op::one_of;
using ds::op::ready;
using ds::test::echo_io;
using ds::test::reply;
using ds::test::scripted_operation;

namespace {

using scripted = scripted_operation<int>;
using finished = ready<std::string, reply, int>;
using either = one_of<finished, scripted>;

} // namespace

TEST_CASE("a ready operation has its result at once, good or bad") {
    echo_io io;
    CHECK(ds::op::run(finished(3), io).value() == 3);
    CHECK(ds::op::run(finished(ds::error::conflict), io).error() == ds::error::conflict);
    CHECK(io.performed.empty());
    static_assert(ds::op::operation<finished>);
}

TEST_CASE("one of several operations does what that one does") {
    static_assert(ds::op::operation<either>);
    echo_io idle;
    CHECK(ds::op::run(either(finished(3)), idle).value() == 3);
    CHECK(idle.performed.empty());

    const auto script = [] {
        return scripted{[](const reply&, instant) { return "effect"s; },
                        [](const reply& r, instant now) -> scripted::action {
                            CHECK(r.value() == "effect!");
                            CHECK(now.system.time_since_epoch() == 2ms);
                            return ds::op::pause{20ms};
                        },
                        [](const reply& r, instant) {
                            CHECK(r.value().empty());
                            return ds::result<int>(ds::error::session_gone);
                        }};
    };
    echo_io io;
    CHECK(ds::op::run(either(script()), io).error() == ds::error::session_gone);
    CHECK(io.performed == std::vector<std::string>{"effect"});
    CHECK(io.waited == std::vector{20ms});
}

TEST_CASE("one of several operations is made of these only") {
    static_assert(std::constructible_from<either, scripted>);
    static_assert(std::constructible_from<either, finished>);
    static_assert(!std::constructible_from<either, scripted_operation<std::string>>);
    static_assert(!std::constructible_from<either, int>);
}
