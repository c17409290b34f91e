#include <dynasession/dynamodb/operations/read_items.hpp>

#include "written.hpp"

#include <doctest/doctest.h>

#include <utility>

using namespace dynasession::dynamodb;
using v = attribute_value;

TEST_CASE("BatchGetItem sends the keys of each table, and no more than what is asked for") {
    CHECK(
        written(batch_get_item_request{
            .request_items = {{.table_name = "birds", .keys = {{{"id", v::string("a")}}, {{"id", v::string("b")}}}},
                              {.table_name = "trees",
                               .keys = {{{"id", v::number(1)}}},
                               .consistent_read = true,
                               .projection_expression = "#n",
                               .expression_attribute_names = {{"#n", "name"}}}},
            .return_consumed_capacity = true}) ==
        R"({"RequestItems":{"birds":{"Keys":[{"id":{"S":"a"}},{"id":{"S":"b"}}]},"trees":{"Keys":[{"id":{"N":"1"}}],)"
        R"("ConsistentRead":true,"ProjectionExpression":"#n","ExpressionAttributeNames":{"#n":"name"}}},"ReturnConsumedCapacity":"TOTAL"})");
}

TEST_CASE("the items of each table are found") {
    const auto answer = read_as<batch_get_item_response>(
        R"({"Responses":{"birds":[{"id":{"S":"a"}},{"id":{"S":"b"}}],"trees":[]},"UnprocessedKeys":{},)"
        R"("ConsumedCapacity":[{"TableName":"birds","CapacityUnits":1}]})");
    REQUIRE(answer);
    REQUIRE(answer->tables.size() == 2);
    CHECK(answer->tables[0].table_name == "birds");
    CHECK(answer->tables[0].items.size() == 2);
    CHECK(answer->tables[1].items.empty());
    CHECK(answer->unprocessed_keys.empty());
    CHECK(answer->consumed_capacity.front().capacity_units == 1);
}

TEST_CASE("what a batch did not read can be asked for again as it is") {
    const auto answer = read_as<batch_get_item_response>(
        R"({"Responses":{},"UnprocessedKeys":{"birds":{"Keys":[{"id":{"S":"a"}}],"ConsistentRead":true,"AttributesToGet":null,)"
        R"("ProjectionExpression":"#i","ExpressionAttributeNames":{"#i":"id"}},"trees":{"Keys":[{"id":{"N":"1"}}],"ConsistentRead":null}}})");
    REQUIRE(answer);
    CHECK(written(batch_get_item_request{.request_items = answer->unprocessed_keys}) ==
          R"({"RequestItems":{"birds":{"Keys":[{"id":{"S":"a"}}],"ConsistentRead":true,"ProjectionExpression":"#i",)"
          R"("ExpressionAttributeNames":{"#i":"id"}},"trees":{"Keys":[{"id":{"N":"1"}}]}}})");
}

TEST_CASE("an answer of another kind is never taken for absent items") {
    for (const auto bad : {"{}", "[]", R"({"UnprocessedKeys":{}})", R"({"Responses":[]})", R"({"Responses":{"t":{}}})",
                           R"({"Responses":{"t":[7]}})", R"({"Responses":{},"UnprocessedKeys":[]})",
                           R"({"Responses":{},"UnprocessedKeys":{"t":{}}})", R"({"Responses":{},"UnprocessedKeys":{"t":{"Keys":[]}}})",
                           R"({"Responses":{},"UnprocessedKeys":{"t":{"Keys":[{"id":1}]}}})",
                           R"({"Responses":{},"ConsumedCapacity":{}})"})
        CHECK_FALSE_MESSAGE(read_as<batch_get_item_response>(bad), bad);
}

TEST_CASE("several answers are put together by table") {
    auto all = *read_as<batch_get_item_response>(R"({"Responses":{"a":[{"id":{"S":"1"}}]},"ConsumedCapacity":[{"TableName":"a","CapacityUnits":1}]})");
    collect(all, *read_as<batch_get_item_response>(
                     R"({"Responses":{"b":[{"id":{"S":"2"}}],"a":[{"id":{"S":"3"}}]},"ConsumedCapacity":[{"TableName":"b","CapacityUnits":2}]})"));
    REQUIRE(all.tables.size() == 2);
    CHECK(all.tables[0].items == std::vector<item>{{{"id", v::string("1")}}, {{"id", v::string("3")}}});
    CHECK(all.tables[1].items.size() == 1);
    CHECK(units_of(all) == request_units{.read = 3});
}
