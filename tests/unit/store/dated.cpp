#include <dynasession/store/dated.hpp>

#include <dynasession/serializer/json.hpp>
#include <dynasession/store/operations.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <utility>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::store_detail::dated;

namespace {

const ds::store_detail::session_codec<ds::json_serializer> codec({}, 0.1);

const auto marks = std::make_shared<const ds::store_detail::revocation>(ds::session_options{.revocation_marks = true});

auto creating(ds::amendments a, std::shared_ptr<const ds::store_detail::revocation> under = nullptr) {
    ds::save_request r{.id = ds::session_id::generate(), .stored = stored_at_noon()};
    r.amended = std::move(a);
    return dated(std::move(r), std::move(under), [](ds::save_request q) { return ds::store_detail::create(std::move(q), codec); });
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

TEST_CASE("with marks the user's is read first, and the session is bound later than that, or when this began") {
    for (const auto mark : {-1h, 0h, 1h}) {
        auto op = creating({.user = "ana"}, marks);
        CHECK(asked<ds::load_mark>(op.resume({}, at(5ms))).user == "ana");
        const auto since = asked<ds::create_record>(op.resume(ds::reply{.not_before = noon + mark}, at(3s))).content.owner.since;
        CHECK(since == (mark == 1h ? noon + 1h + 1ms : noon + 5ms));
    }
    auto unread = creating({.user = "ana"}, marks);
    unread.resume({}, at(0s));
    CHECK(fails_with(unread.resume(ds::failure(ds::error::timeout), at(0s)), ds::error::timeout));
    auto unanswered = creating({.user = "ana"}, marks);
    unanswered.resume({}, at(0s));
    CHECK(fails_with(unanswered.resume(applied(), at(0s)), ds::error::malformed_response));
}

TEST_CASE("with marks nothing is read for what is nobody's, and nothing lives unused for longer than marks do") {
    CHECK(asked<ds::create_record>(creating({}, marks).resume({}, at(0s))).content.owner.empty());
    auto op = creating({.lifetime = {.max_stale = std::chrono::days(401)}}, marks);
    CHECK(fails_with(op.resume({}, at(0s)), ds::error::invalid_option));
}
