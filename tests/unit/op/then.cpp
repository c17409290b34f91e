#include <dynasession/op/then.hpp>

#include <dynasession/op/run.hpp>

#include <doctest/doctest.h>
#include <support/scripted_operation.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace ds = dynasession;
using namespace std::chrono_literals;
using namespace std::string_literals;
using ds::op::instant;
using ds::op::then;
using ds::test::echo_io;
using ds::test::reply;
using ds::test::scripted_operation;

TEST_CASE("then hands a good value to the function and has its result") {
    echo_io io;
    then operation(scripted_operation<std::string>{[](const reply&, instant) { return "effect"s; },
                                                   [](reply r, instant) { return r; }},
                   [](const std::string& text) { return ds::result<std::size_t>(text.size()); });
    static_assert(std::is_same_v<decltype(operation)::value_type, std::size_t>);
    static_assert(ds::op::operation<decltype(operation)>);
    CHECK(ds::op::run(std::move(operation), io).value() == 7);
    CHECK(io.performed == std::vector<std::string>{"effect"});
}

TEST_CASE("then passes effects and pauses through untouched") {
    echo_io io;
    then operation(scripted_operation<int>{[](const reply&, instant) { return ds::op::pause{20ms}; },
                                           [](const reply&, instant) { return "effect"s; },
                                           [](const reply& r, instant) {
                                               CHECK(r.value() == "effect!");
                                               return ds::result<int>(1);
                                           }},
                   [](int n) { return ds::result<int>(n + 1); });
    CHECK(ds::op::run(std::move(operation), io).value() == 2);
    CHECK(io.waited == std::vector{20ms});
}

TEST_CASE("then does not call the function after a failure, and keeps the detail") {
    echo_io io;
    bool called = false;
    then operation(scripted_operation<int>{[](const reply&, instant) {
                       return ds::result<int>(ds::failure(ds::error::access_denied, "who are you"));
                   }},
                   [&called](int) {
                       called = true;
                       return ds::result<std::string>("never");
                   });
    const auto r = ds::op::run(std::move(operation), io);
    REQUIRE(r.has_error());
    CHECK(r.error() == ds::error::access_denied);
    CHECK(r.error().detail == "who are you");
    CHECK_FALSE(called);
}

TEST_CASE("then takes a failure of the function as the result") {
    echo_io io;
    then operation(scripted_operation<int>{[](const reply&, instant) { return ds::result<int>(1); }},
                   [](int) { return ds::result<int>(ds::failure(ds::error::corrupt_session)); });
    CHECK(ds::op::run(std::move(operation), io).error() == ds::error::corrupt_session);
}

TEST_CASE("then works from nothing, to nothing, and with values that cannot be copied") {
    echo_io io;
    then from_nothing(scripted_operation<void>{[](const reply&, instant) { return ds::result<void>(); }},
                      [] { return ds::result<std::unique_ptr<int>>(std::make_unique<int>(3)); });
    int seen = 0;
    then to_nothing(std::move(from_nothing), [&seen](std::unique_ptr<int> p) {
        seen = *p;
        return ds::result<void>();
    });
    static_assert(std::is_void_v<decltype(to_nothing)::value_type>);
    CHECK(ds::op::run(std::move(to_nothing), io).has_value());
    CHECK(seen == 3);
}
