#include <dynasession/op/defer.hpp>

#include <dynasession/op/run.hpp>

#include <doctest/doctest.h>
#include <support/scripted_operation.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ds = dynasession;
using namespace std::string_literals;
using ds::op::defer;
using ds::op::instant;
using ds::test::echo_io;
using ds::test::reply;
using ds::test::scripted_operation;

namespace {

using inner = scripted_operation<int>;

} // namespace

TEST_CASE("a deferred operation is made when it is first resumed, once") {
    int made = 0;
    defer operation([&made]() -> ds::result<inner> {
        ++made;
        return inner{[](const reply& r, instant) {
                         CHECK(r.value().empty()); // the first reply is the default one
                         return "one"s;
                     },
                     [](const reply& r, instant) {
                         CHECK(r.value() == "one!");
                         return "two"s;
                     },
                     [](const reply& r, instant) {
                         CHECK(r.value() == "two!");
                         return ds::result<int>(7);
                     }};
    });
    static_assert(ds::op::operation<decltype(operation)>);
    CHECK(made == 0);
    echo_io io;
    CHECK(ds::op::run(std::move(operation), io).value() == 7);
    CHECK(made == 1);
    CHECK(io.performed == std::vector<std::string>{"one", "two"});
}

TEST_CASE("a deferred operation that cannot be made fails with the reason and does nothing") {
    defer operation([]() -> ds::result<inner> { return ds::failure(ds::error::not_serializable, "why"); });
    echo_io io;
    const auto r = ds::op::run(std::move(operation), io);
    REQUIRE(r.has_error());
    CHECK(r.error() == ds::error::not_serializable);
    CHECK(r.error().detail == "why");
    CHECK(io.performed.empty());
}

TEST_CASE("the function of a deferred operation may be movable only") {
    defer operation([text = std::make_unique<std::string>("effect")]() -> ds::result<inner> {
        return inner{[&](const reply&, instant) { return *text; },
                     [](const reply&, instant) { return ds::result<int>(1); }};
    });
    auto moved = std::move(operation);
    CHECK(std::get<0>(moved.resume({}, {})) == "effect");
    CHECK(std::get<2>(moved.resume("reply"s, {})).value() == 1);
}
