#include <dynasession/dynamodb/capacity.hpp>

#include "operations/written.hpp"

#include <dynasession/dynamodb/operations/read_item.hpp>
#include <dynasession/dynamodb/operations/read_items.hpp>
#include <dynasession/dynamodb/operations/table.hpp>
#include <dynasession/dynamodb/operations/write_item.hpp>
#include <dynasession/dynamodb/operations/write_items.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace dynasession::dynamodb;

namespace {

// What an answer with these members says that the call took.
template <class Response>
std::optional<request_units> units(std::string_view members) {
    const auto answer = read_as<Response>("{" + std::string(members) + "}");
    REQUIRE(answer);
    return units_of(*answer);
}

template <class Request>
std::string metered(const Request& r) {
    std::string body;
    REQUIRE(write_body(body, r, true) == nullptr);
    return body;
}

constexpr auto half = R"("ConsumedCapacity":{"TableName":"t","CapacityUnits":0.5})";
constexpr auto asks = R"("ReturnConsumedCapacity":"TOTAL")";

} // namespace

TEST_CASE("what a read or a write of one item took is told apart by the operation") {
    CHECK(units<get_item_response>(half) == request_units{.read = 0.5});
    CHECK(units<write_item_response>(half) == request_units{.write = 0.5});
    CHECK(units<page_response>(R"("Count":0,"ConsumedCapacity":{"TableName":"t","CapacityUnits":128.5})") ==
          request_units{.read = 128.5});
}

TEST_CASE("the tables of a batch are added up") {
    constexpr auto tables = R"("ConsumedCapacity":[{"TableName":"t","CapacityUnits":2},{"TableName":"u","CapacityUnits":3}])";
    CHECK(units<batch_write_item_response>(tables) == request_units{.write = 5});
    CHECK(units<batch_get_item_response>(R"("Responses":{},)" + std::string(tables)) == request_units{.read = 5});
}

TEST_CASE("a transaction says itself what were reads and what were writes") {
    // As DynamoDB Local answers.
    CHECK(units<transact_write_items_response>(
              R"("ConsumedCapacity":[{"TableName":"t","CapacityUnits":4.0,"WriteCapacityUnits":4.0}])") ==
          request_units{.write = 4});
    CHECK(units<transact_write_items_response>(
              R"("ConsumedCapacity":[{"TableName":"t","CapacityUnits":6.0,"WriteCapacityUnits":4.0,"ReadCapacityUnits":2.0}])") ==
          request_units{.read = 2, .write = 4});
    CHECK(units<transact_write_items_response>(R"("ConsumedCapacity":[{"TableName":"t","CapacityUnits":2}])") ==
          request_units{.write = 2});
}

TEST_CASE("an answer that does not tell is not one that was free") {
    CHECK_FALSE(units<get_item_response>(""));
    CHECK_FALSE(units<write_item_response>(R"("ConsumedCapacity":null)"));
    CHECK_FALSE(units<transact_write_items_response>(R"("ConsumedCapacity":[])"));
    CHECK(units<get_item_response>(R"("ConsumedCapacity":{"TableName":"t","CapacityUnits":0})") == request_units{});
}

TEST_CASE("any request can be made to ask what it takes, once, and none asks by itself") {
    CHECK(metered(get_item_request{.table_name = "t"}) == "{\"TableName\":\"t\",\"Key\":{}," + std::string(asks) + "}");
    CHECK(written(get_item_request{.table_name = "t"}).find("Capacity") == std::string::npos);
    const auto once = [](const std::string& body) {
        const auto at = body.find(asks);
        return at != body.npos && body.find("ReturnConsumedCapacity", at + 5) == body.npos && body.ends_with('}');
    };
    CHECK(once(metered(get_item_request{.return_consumed_capacity = true})));
    CHECK(once(metered(query_request{})));
    CHECK(once(metered(scan_request{})));
    CHECK(once(metered(put_item_request{})));
    CHECK(once(metered(update_item_request{})));
    CHECK(once(metered(delete_item_request{})));
    CHECK(once(metered(batch_get_item_request{})));
    CHECK(once(metered(batch_write_item_request{})));
    CHECK(once(metered(transact_write_items_request{})));
    CHECK(metered(describe_table_request{.table_name = "t"}) == R"({"TableName":"t"})");
}
