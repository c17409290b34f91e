#include <dynasession/op/run.hpp>

#include <doctest/doctest.h>
#include <support/scripted_operation.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
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

namespace {

// Pauses once, and tells whether it went on with an empty reply.
ds::test::scripted_operation<bool> pausing(ds::op::pause p) {
    return {[p](const reply&, instant) { return p; },
            [](const reply& r, instant) { return ds::result<bool>(r.has_value() && r->empty()); }};
}

} // namespace

TEST_CASE("a pause for an event that has happened is over at once, and is none of the Io's") {
    echo_io io;
    const auto happened = std::make_shared<ds::op::event>();
    happened->set();
    CHECK(ds::op::run(pausing({1h, happened}), io).value());
    CHECK(io.waited.empty());
}

TEST_CASE("a pause for an event that never happens lasts as long as a pause") {
    echo_io io;
    const auto never = std::make_shared<ds::op::event>();
    CHECK(ds::op::run(pausing({0ms, never}), io).value());
    CHECK_FALSE(never->is_set());
    CHECK(never.use_count() == 1);
}

TEST_CASE("a pause for an event ends when another thread brings it about") {
    for (int i = 0; i != 100; ++i) {
        echo_io io;
        const auto event = std::make_shared<ds::op::event>();
        int written = 0;
        std::thread other([&] {
            written = 7;
            event->set();
        });
        CHECK(ds::op::run(pausing({1h, event}), io).value());
        CHECK(written == 7);
        other.join();
    }
}

TEST_CASE("two operations that run on threads of their own take turns by events") {
    const auto ping = std::make_shared<ds::op::event>(), pong = std::make_shared<ds::op::event>();
    std::string order;
    std::thread other([&] {
        echo_io io;
        ds::test::scripted_operation<void> second{
            [&](const reply&, instant) {
                return ds::op::pause{1h, ping};
            },
            [&](const reply&, instant) {
                order += 'b';
                pong->set();
                return ds::result<void>();
            },
        };
        CHECK(ds::op::run(std::move(second), io).has_value());
    });
    echo_io io;
    ds::test::scripted_operation<void> first{
        [&](const reply&, instant) {
            order += 'a';
            ping->set();
            return ds::op::pause{1h, pong};
        },
        [&](const reply&, instant) {
            order += 'c';
            return ds::result<void>();
        },
    };
    CHECK(ds::op::run(std::move(first), io).has_value());
    other.join();
    CHECK(order == "abc");
}
