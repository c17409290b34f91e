#include <dynasession/dynamodb/operations/read_item.hpp>

#include "written.hpp"

#include <doctest/doctest.h>

using namespace dynasession::dynamodb;
using v = attribute_value;

TEST_CASE("GetItem sends no more than what is asked for") {
    CHECK(written(get_item_request{.table_name = "birds", .key = {{"id", v::string("wren")}}}) ==
          R"({"TableName":"birds","Key":{"id":{"S":"wren"}}})");
    CHECK(
        written(get_item_request{.table_name = "birds",
                                 .key = {{"id", v::string("wren")}, {"year", v::number(2026)}},
                                 .consistent_read = true,
                                 .projection_expression = "#d, e",
                                 .expression_attribute_names = {{"#d", "data"}},
                                 .return_consumed_capacity = true}) ==
        R"({"TableName":"birds","Key":{"id":{"S":"wren"},"year":{"N":"2026"}},"ConsistentRead":true,)"
        R"("ProjectionExpression":"#d, e","ExpressionAttributeNames":{"#d":"data"},"ReturnConsumedCapacity":"TOTAL"})");
}

TEST_CASE("GetItem tells an absent item from an empty one and from what is no answer") {
    CHECK_FALSE(read_as<get_item_response>("{}")->item);
    CHECK(read_as<get_item_response>(R"({"Item":{}})")->item->empty());
    const auto full = read_as<get_item_response>(
        R"({"Item":{"id":{"S":"x"}},"ConsumedCapacity":{"CapacityUnits":0.5,"TableName":"t"}})");
    REQUIRE(full);
    CHECK(*full->item == item{{"id", v::string("x")}});
    REQUIRE(full->consumed_capacity);
    CHECK(full->consumed_capacity->capacity_units == 0.5);
    CHECK(full->consumed_capacity->table_name == "t");
    for (const auto bad : {"[]", "null", R"({"Item":[]})", R"({"Item":{"a":{}}})", R"({"message":"hello"})",
                           R"({"ConsumedCapacity":1})"})
        CHECK_FALSE_MESSAGE(read_as<get_item_response>(bad), bad);
}

TEST_CASE("Query sends no more than what is asked for") {
    CHECK(written(query_request{.table_name = "birds",
                                .key_condition_expression = "id = :id",
                                .expression_attribute_values = {{":id", v::string("x")}}}) ==
          R"({"TableName":"birds","ExpressionAttributeValues":{":id":{"S":"x"}},"KeyConditionExpression":"id = :id"})");
    CHECK(written(query_request{.table_name = "birds",
                                .index_name = "by_user",
                                .key_condition_expression = "#u = :u",
                                .filter_expression = "e > :e",
                                .projection_expression = "id",
                                .expression_attribute_names = {{"#u", "user"}},
                                .expression_attribute_values = {{":u", v::string("x")}, {":e", v::number(1)}},
                                .exclusive_start_key = {{"id", v::string("last")}},
                                .limit = 10,
                                .scan_index_forward = false,
                                .consistent_read = true,
                                .count_only = true,
                                .return_consumed_capacity = true}) ==
          R"({"TableName":"birds","IndexName":"by_user","FilterExpression":"e > :e","ProjectionExpression":"id",)"
          R"("ExpressionAttributeNames":{"#u":"user"},"ExpressionAttributeValues":{":u":{"S":"x"},":e":{"N":"1"}},)"
          R"("ExclusiveStartKey":{"id":{"S":"last"}},"Limit":10,"ConsistentRead":true,"Select":"COUNT",)"
          R"("ReturnConsumedCapacity":"TOTAL","KeyConditionExpression":"#u = :u","ScanIndexForward":false})");
}

TEST_CASE("Scan sends its segment when there are several") {
    CHECK(written(scan_request{.table_name = "birds"}) == R"({"TableName":"birds"})");
    CHECK(written(scan_request{.table_name = "birds", .segment = 0, .total_segments = 4}) ==
          R"({"TableName":"birds","Segment":0,"TotalSegments":4})");
}

TEST_CASE("a page has items, counts and the place where the next one starts") {
    const auto page = read_as<page_response>(
        R"({"Items":[{"id":{"S":"a"}},{"id":{"S":"b"}}],"Count":2,"ScannedCount":7,"LastEvaluatedKey":{"id":{"S":"b"}}})");
    REQUIRE(page);
    CHECK(page->items.size() == 2);
    CHECK(page->count == 2);
    CHECK(page->scanned_count == 7);
    CHECK(page->last_evaluated_key == item{{"id", v::string("b")}});

    const auto last = read_as<page_response>(R"({"Count":0,"ScannedCount":0})");
    REQUIRE(last);
    CHECK(last->items.empty());
    CHECK(last->last_evaluated_key.empty());
    for (const auto bad : {"{}", R"({"Items":[]})", R"({"Items":{},"Count":0})", R"({"Items":[1],"Count":1})",
                           R"({"Count":"0"})", R"({"Count":-1})"})
        CHECK_FALSE_MESSAGE(read_as<page_response>(bad), bad);
}
