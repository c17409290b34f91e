#include <dynasession/store/dated.hpp>

#include <dynasession/store/operations.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <utility>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::store_detail::dated;

namespace {

auto creating(ds::amendments a) {
    ds::save_request r{.id = ds::session_id::generate(), .stored = stored_at_noon()};
    r.amended = std::move(a);
    return dated(std::move(r), [](ds::save_request q) { return ds::store_detail::create(std::move(q)); });
}

} // namespace

TEST_CASE("a session is bound to its user at the time at which the write begins, to the millisecond") {
    auto op = creating({.user = "ana"});
    CHECK(asked<ds::create_record>(op.resume({}, at(5ms))).content.owner == ds::ownership{.user = "ana", .since = noon + 5ms});
    CHECK(finished(op.resume(applied(), at(1s)))->stored.owner.since == noon + 5ms);
}

TEST_CASE("what is nobody's is not dated") {
    CHECK(asked<ds::create_record>(creating({}).resume({}, at(5ms))).content.owner.empty());
    CHECK(asked<ds::create_record>(creating({.user = ""}).resume({}, at(5ms))).content.owner.empty());
}
