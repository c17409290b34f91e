#include <dynasession/dynamodb/wait_for_table.hpp>

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

using namespace dynasession;
using namespace dynasession::dynamodb;
using namespace std::chrono_literals;
using goal = wait_for_table::goal;

namespace {

static_assert(op::operation<wait_for_table>);

http::reply table_is(std::string_view status) {
    http::response r;
    r.status = 200;
    r.body = R"({"Table":{"TableName":"t","TableStatus":")" + std::string(status) + "\"}}";
    return r;
}

http::reply no_such_table() {
    http::response r;
    r.status = 400;
    r.body = R"({"__type":"a#ResourceNotFoundException"})";
    return r;
}

struct waiter {
    service s{"host", aws::signer("r", "dynamodb"), aws::credentials("AKID", "s"), {}};
    wait_for_table op;
    op::instant now{{}, std::chrono::steady_clock::time_point(1h)};

    explicit waiter(goal g, table_wait_options options = {}) : op(s, "t", g, options) {}

    auto resume(http::reply reply = {}) { return op.resume(std::move(reply), now); }

    // Answers the request that is under way; gives the pause after it, and asks again.
    std::chrono::milliseconds pause_after(http::reply reply) {
        const auto act = resume(std::move(reply));
        REQUIRE(act.index() == 1);
        now.steady += std::get<1>(act).duration;
        REQUIRE(resume().index() == 0);
        return std::get<1>(act).duration;
    }
};

} // namespace

TEST_CASE("a table is waited for until it is active, with growing pauses") {
    waiter w(goal::active, {.timeout = 60s, .first_pause = 50ms, .max_pause = 150ms});
    REQUIRE(w.resume().index() == 0);
    CHECK(w.pause_after(no_such_table()) == 50ms); // not known everywhere yet
    CHECK(w.pause_after(table_is("CREATING")) == 100ms);
    CHECK(w.pause_after(table_is("UPDATING")) == 150ms);
    CHECK(w.pause_after(table_is("CREATING")) == 150ms);
    const auto act = w.resume(table_is("ACTIVE"));
    REQUIRE(act.index() == 2);
    REQUIRE(std::get<2>(act).has_value());
    REQUIRE((*std::get<2>(act)).has_value());
    CHECK((*std::get<2>(act))->table_name == "t");
}

TEST_CASE("a table is waited for until it is gone") {
    waiter w(goal::absent);
    REQUIRE(w.resume().index() == 0);
    CHECK(w.pause_after(table_is("ACTIVE")) == 50ms);
    CHECK(w.pause_after(table_is("DELETING")) == 100ms);
    const auto act = w.resume(no_such_table());
    REQUIRE(act.index() == 2);
    REQUIRE(std::get<2>(act).has_value());
    CHECK_FALSE((*std::get<2>(act)).has_value());
}

TEST_CASE("the wait ends with its time") {
    waiter w(goal::active, {.timeout = 100ms});
    REQUIRE(w.resume().index() == 0);
    CHECK(w.pause_after(table_is("CREATING")) == 50ms);
    const auto act = w.resume(table_is("CREATING"));
    REQUIRE(act.index() == 2);
    CHECK(std::get<2>(act).error() == error::timeout);
}

TEST_CASE("other errors and a cancellation end the wait") {
    SUBCASE("an error") {
        waiter w(goal::active);
        REQUIRE(w.resume().index() == 0);
        http::response r;
        r.status = 400;
        r.body = R"({"__type":"a#AccessDeniedException"})";
        CHECK(std::get<2>(w.resume(r)).error() == error::access_denied);
    }
    SUBCASE("a cancellation in a pause") {
        waiter w(goal::active);
        REQUIRE(w.resume().index() == 0);
        REQUIRE(w.resume(table_is("CREATING")).index() == 1);
        const failure aborted(boost::asio::error::operation_aborted);
        CHECK(std::get<2>(w.resume(aborted)).error() == aborted.code);
    }
}
