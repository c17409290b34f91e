#include <dynasession/op/in_turn.hpp>

#include <dynasession/op/one_of.hpp>

#include <doctest/doctest.h>

#include <utility>
#include <variant>

namespace ds = dynasession;

namespace {

template <class T>
using ready = ds::op::ready<int, ds::result<int>, T>;

// Asks for 7, and says what comes back.
struct asking {
    using effect_type = int;
    using reply_type = ds::result<int>;
    using value_type = int;
    bool asked = false;

    ds::op::action<int, int> resume(ds::result<int> in, ds::op::instant) {
        if (!std::exchange(asked, true)) return 7;
        return in;
    }
};

} // namespace

TEST_CASE("the second operation begins when the first has succeeded, and its result is that of both") {
    ds::op::in_turn both(ready<void>({}), asking{});
    auto act = both.resume({}, {});
    REQUIRE(std::holds_alternative<int>(act));
    CHECK(std::get<2>(both.resume(8, {})).value() == 8);
}

TEST_CASE("the second operation does not begin when the first has failed") {
    ds::op::in_turn both(ready<void>(ds::error::timeout), asking{});
    CHECK(std::get<2>(both.resume({}, {})).error() == ds::error::timeout);
}
