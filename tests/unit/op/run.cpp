#include <dynasession/op/run.hpp>

#include <doctest/doctest.h>
#include <support/scripted_operation.hpp>

#include <memory>
#include <string>
#include <vector>

namespace ds = dynasession;
using namespace std::chrono_literals;
using namespace std::string_literals;
using ds::op::instant;
using ds::test::echo_io;
using ds::test::reply;

TEST_CASE("run performs each effect, hands its reply on, and returns the result") {
    echo_io io;
    ds::test::scripted_operation<std::string> operation{
        [](const reply& r, instant) {
            CHECK(r.value().empty());
            return "first"s;
        },
        [](const reply& r, instant) {
            CHECK(r.value() == "first!");
            return "second"s;
        },
        [](reply r, instant) { return r; },
    };
    CHECK(ds::op::run(std::move(operation), io).value() == "second!");
    CHECK(io.performed == std::vector<std::string>{"first", "second"});
}

TEST_CASE("run waits for the time of a pause and goes on with an empty reply") {
    echo_io io;
    ds::test::scripted_operation<int> operation{
        [](const reply&, instant) { return "effect"s; },
        [](const reply&, instant) { return ds::op::pause{250ms}; },
        [](const reply& r, instant) {
            CHECK(r.value().empty());
            return ds::op::pause{0ms};
        },
        [](const reply&, instant) { return ds::result<int>(7); },
    };
    CHECK(ds::op::run(std::move(operation), io).value() == 7);
    CHECK(io.waited == std::vector{250ms, 0ms});
    CHECK(io.performed.size() == 1);
}

TEST_CASE("run reads the clock anew for each resumption") {
    echo_io io;
    std::vector<instant> seen;
    const auto look = [&seen](const reply&, instant now) {
        seen.push_back(now);
        return "effect"s;
    };
    ds::test::scripted_operation<void> operation{
        look,
        look,
        [&seen](const reply&, instant now) {
            seen.push_back(now);
            return ds::result<void>();
        },
    };
    CHECK(ds::op::run(std::move(operation), io).has_value());
    REQUIRE(seen.size() == 3);
    CHECK(seen[1].system - seen[0].system == 1ms);
    CHECK(seen[2].steady - seen[1].steady == 1ms);
}

TEST_CASE("run returns a failure with its detail, and does not throw it") {
    echo_io io;
    ds::test::scripted_operation<int> operation{
        [](const reply&, instant) { return ds::result<int>(ds::failure(ds::error::throttled, "slow down")); },
    };
    const auto r = ds::op::run(std::move(operation), io);
    REQUIRE(r.has_error());
    CHECK(r.error() == ds::error::throttled);
    CHECK(r.error().detail == "slow down");
    CHECK(io.performed.empty());
}

TEST_CASE("run moves the result out, so it may be of a type that cannot be copied") {
    echo_io io;
    ds::test::scripted_operation<std::unique_ptr<int>> operation{
        [](const reply&, instant) { return ds::result<std::unique_ptr<int>>(std::make_unique<int>(7)); },
    };
    CHECK(*ds::op::run(std::move(operation), io).value() == 7);
}
