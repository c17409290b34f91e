#include <dynasession/store/after_mark.hpp>

#include <dynasession/store/sweep.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;

namespace {

// Made of a mark that does not lie after its beginning.
auto listing(std::string mark_of) {
    return ds::store_detail::after_mark(std::move(mark_of), [](ds::user_time mark, ds::user_time began) -> ds::result<ds::store_detail::list_of> {
        if (mark > began) return ds::error::conflict;
        return ds::store_detail::list_of("ana", mark == ds::no_mark ? 1 : 2, mark);
    });
}

} // namespace

TEST_CASE("an operation that needs no mark begins at once") {
    auto op = listing("");
    CHECK(asked<ds::list_sessions>(op.resume({}, at(0s))).limit == 1);
}

TEST_CASE("an operation begins when the mark is known, and knows when it was asked for") {
    auto op = listing("ana");
    CHECK(asked<ds::load_mark>(op.resume({}, at(0s))).user == "ana");
    CHECK(asked<ds::list_sessions>(op.resume(ds::reply{.not_before = noon}, at(1s))).limit == 2);
    CHECK(finished(op.resume(applied(), at(2s)))->empty());
}

TEST_CASE("an operation does not begin when the mark is not known, or it cannot be made") {
    for (int i = 0; i < 3; ++i) {
        auto op = listing("ana");
        op.resume({}, at(0s));
        if (i == 0) CHECK(fails_with(op.resume(ds::failure(ds::error::timeout), at(1s)), ds::error::timeout));
        if (i == 1) CHECK(fails_with(op.resume(applied(), at(1s)), ds::error::malformed_response));
        if (i == 2) CHECK(fails_with(op.resume(ds::reply{.not_before = noon + 1s}, at(1s)), ds::error::conflict));
    }
}
