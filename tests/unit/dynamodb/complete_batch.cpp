#include <dynasession/dynamodb/complete_batch.hpp>

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dynasession;
using namespace dynasession::dynamodb;
using namespace std::chrono_literals;
using v = attribute_value;

namespace {

using write_all = complete_batch<batch_write_item_request>;
using get_all = complete_batch<batch_get_item_request>;

static_assert(op::operation<write_all> && op::operation<get_all>);
static_assert(!batch_request<transact_write_items_request>);

double always_half() { return 0.5; }

item key(const std::string& id) { return {{"id", v::string(id)}}; }

http::reply answer(unsigned status, std::string body) {
    http::response r;
    r.status = status;
    r.body = std::move(body);
    return r;
}

// BatchWriteItem's answer: these ids, whose puts have to be sent again.
http::reply left(const std::vector<std::string>& ids) {
    std::string writes;
    for (const auto& id : ids)
        writes += (writes.empty() ? "" : ",") + (R"({"PutRequest":{"Item":{"id":{"S":")" + id + R"("}}}})");
    const auto tables = ids.empty() ? "" : R"("birds":[)" + writes + "]";
    return answer(200, R"({"UnprocessedItems":{)" + tables + R"(},"ConsumedCapacity":[{"TableName":"birds","CapacityUnits":1}]})");
}

template <class Op>
struct stepper {
    service s{"host", aws::signer("r", "dynamodb"), aws::credentials("AKID", "s"), {.timeout = 5s, .retry = {.random = always_half}}};
    Op op;
    op::instant now{{}, std::chrono::steady_clock::time_point(1h)};
    std::optional<typename Op::action_type> last{};

    template <class Request>
    explicit stepper(Request r) : op(s, std::move(r)) {}

    stepper& resume(http::reply reply = {}) {
        last.emplace(op.resume(std::move(reply), now));
        return *this;
    }
    const http::exchange& exchange() {
        REQUIRE(last->index() == 0);
        return std::get<0>(*last);
    }
    const std::string& body() { return exchange().message->body; }
    // The pause that was asked for has passed.
    std::chrono::milliseconds wake() {
        REQUIRE(last->index() == 1);
        const auto pause = std::get<1>(*last).duration;
        now.steady += pause;
        resume();
        return pause;
    }
    typename Op::value_type& outcome() {
        REQUIRE(last->index() == 2);
        REQUIRE(std::get<2>(*last).has_value());
        return *std::get<2>(*last);
    }
};

const batch_write_item_request three{.request_items = {{"birds", {key("a"), key("b"), key("c")}, {}}}};

} // namespace

TEST_CASE("a batch that is carried out whole is one request") {
    stepper<write_all> step(three);
    step.resume().resume(left({}));
    CHECK_FALSE(step.outcome().why.code);
    CHECK(step.outcome().response.unprocessed_items.empty());
    CHECK(step.outcome().attempts == 1);
    CHECK_FALSE(step.outcome().ambiguous);
}

TEST_CASE("only what was left is sent again, after pauses that grow") {
    stepper<write_all> step(three);
    step.resume().resume(left({"b", "c"}));
    CHECK(step.wake() == 12ms);
    CHECK(step.body() == R"({"RequestItems":{"birds":[{"PutRequest":{"Item":{"id":{"S":"b"}}}},{"PutRequest":{"Item":{"id":{"S":"c"}}}}]}})");
    step.resume(left({"c"}));
    CHECK(step.wake() == 25ms);
    CHECK(step.body() == R"({"RequestItems":{"birds":[{"PutRequest":{"Item":{"id":{"S":"c"}}}}]}})");
    step.resume(left({"c"}));
    CHECK(step.wake() == 50ms);
    step.resume(left({}));
    CHECK_FALSE(step.outcome().why.code);
    CHECK(step.outcome().attempts == 4);
    CHECK(units_of(step.outcome().response) == request_units{.write = 4});
}

TEST_CASE("a service that stays busy is given up at the deadline of one call, and what is left is known") {
    stepper<write_all> step(three);
    const auto begun = step.now.steady;
    step.resume().resume(left({"b", "c"}));
    while (step.last->index() == 1) {
        step.wake();
        CHECK(step.exchange().deadline <= begun + 5s);
        step.resume(left({"b", "c"}));
    }
    CHECK(step.now.steady < begun + 5s);
    const auto& o = step.outcome();
    CHECK(o.why == error::unprocessed);
    CHECK(o.why == condition::retryable);
    CHECK(o.why.detail == "2 left after " + std::to_string(o.attempts) + " attempts");
    CHECK(o.attempts == 9); // 12 25 50 100 200 400 800 1600 ms make 3.2 s, and the next pause would be 3.2 s
    REQUIRE(o.response.unprocessed_items.size() == 1);
    CHECK(o.response.unprocessed_items[0].puts == std::vector<item>{key("b"), key("c")});
}

TEST_CASE("when a call fails, what is not known to be done is left") {
    SUBCASE("at once") {
        stepper<write_all> step(three);
        step.resume().resume(answer(400, R"({"__type":"a#AccessDeniedException"})"));
        CHECK(step.outcome().why == error::access_denied);
        CHECK(step.outcome().response.unprocessed_items[0].puts.size() == 3);
    }
    SUBCASE("in the middle") {
        stepper<write_all> step(three);
        step.resume().resume(left({"c"}));
        step.wake();
        step.resume(http::reply(failure(error::tls_failure), true));
        CHECK(step.outcome().why == error::tls_failure);
        CHECK(step.outcome().ambiguous);
        CHECK(step.outcome().response.unprocessed_items[0].puts == std::vector<item>{key("c")});
        CHECK(units_of(step.outcome().response) == request_units{.write = 1});
    }
    SUBCASE("it cannot be sent") {
        stepper<write_all> step(batch_write_item_request{.request_items = {{"birds", {key("\xff")}, {}}}});
        step.resume();
        CHECK(step.outcome().why == error::not_serializable);
        CHECK(step.outcome().attempts == 0);
    }
    SUBCASE("it is cancelled in a pause") {
        stepper<write_all> step(three);
        step.resume().resume(left({"c"})).resume(failure(boost::asio::error::operation_aborted));
        CHECK(step.outcome().why == boost::asio::error::operation_aborted);
        CHECK(step.outcome().response.unprocessed_items[0].puts.size() == 1);
    }
}

TEST_CASE("retries of the calls count towards the whole") {
    stepper<write_all> step(three);
    step.resume().resume(http::reply(failure(error::timeout), true));
    step.wake();
    step.resume(left({"c"}));
    step.wake();
    step.resume(left({}));
    CHECK_FALSE(step.outcome().why.code);
    CHECK(step.outcome().attempts == 3);
    CHECK(step.outcome().ambiguous);
}

TEST_CASE("what a batch reads is put together from all answers") {
    stepper<get_all> step(batch_get_item_request{
        .request_items = {{.table_name = "birds", .keys = {key("a"), key("b")}, .consistent_read = true}}});
    step.resume().resume(answer(200, R"({"Responses":{"birds":[{"id":{"S":"a"}}]},"UnprocessedKeys":{"birds":{"Keys":[{"id":{"S":"b"}}],"ConsistentRead":true}}})"));
    step.wake();
    CHECK(step.body() == R"({"RequestItems":{"birds":{"Keys":[{"id":{"S":"b"}}],"ConsistentRead":true}}})");
    step.resume(answer(200, R"({"Responses":{"birds":[{"id":{"S":"b"}}]},"UnprocessedKeys":{}})"));
    REQUIRE(step.outcome().response.tables.size() == 1);
    CHECK(step.outcome().response.tables[0].items == std::vector<item>{key("a"), key("b")});
    CHECK(step.outcome().response.unprocessed_keys.empty());
}

TEST_CASE("a batch of nothing is for the service to refuse") {
    stepper<write_all> step(batch_write_item_request{});
    CHECK(step.resume().body() == R"({"RequestItems":{}})");
}
