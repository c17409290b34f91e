#include <dynasession/dynamodb/operations/write_items.hpp>

#include "written.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace dynasession::dynamodb;
using v = attribute_value;

TEST_CASE("BatchWriteItem sends the puts and deletes of each table") {
    CHECK(
        written(batch_write_item_request{.request_items = {{"birds",
                                                            {{{"id", v::string("a")}}},
                                                            {{{"id", v::string("b")}}, {{"id", v::string("c")}}}},
                                                           {"trees", {}, {{{"id", v::number(1)}}}}}}) ==
        R"({"RequestItems":{"birds":[{"PutRequest":{"Item":{"id":{"S":"a"}}}},{"DeleteRequest":{"Key":{"id":{"S":"b"}}}},)"
        R"({"DeleteRequest":{"Key":{"id":{"S":"c"}}}}],"trees":[{"DeleteRequest":{"Key":{"id":{"N":"1"}}}}]}})");
}

TEST_CASE("what a batch left over can be sent again as it is") {
    const auto answer = read_as<batch_write_item_response>(
        R"({"UnprocessedItems":{"birds":[{"PutRequest":{"Item":{"id":{"S":"a"}}}},{"DeleteRequest":{"Key":{"id":{"S":"b"}}}}]},)"
        R"("ConsumedCapacity":[{"TableName":"birds","CapacityUnits":2}]})");
    REQUIRE(answer);
    REQUIRE(answer->unprocessed_items.size() == 1);
    CHECK(answer->consumed_capacity.front().capacity_units == 2);
    CHECK(
        written(batch_write_item_request{.request_items = answer->unprocessed_items}) ==
        R"({"RequestItems":{"birds":[{"PutRequest":{"Item":{"id":{"S":"a"}}}},{"DeleteRequest":{"Key":{"id":{"S":"b"}}}}]}})");
    CHECK(read_as<batch_write_item_response>(R"({"UnprocessedItems":{}})")->unprocessed_items.empty());
}

TEST_CASE("leftovers that cannot be understood are not taken for none") {
    for (const auto bad : {"[]", R"({"ok":true})", R"({"UnprocessedItems":[]})", R"({"UnprocessedItems":{"t":{}}})",
                           R"({"UnprocessedItems":{"t":[{}]}})", R"({"UnprocessedItems":{"t":[{"PutRequest":{}}]}})",
                           R"({"UnprocessedItems":{"t":[{"DropRequest":{"Key":{"id":{"S":"x"}}}}]}})",
                           R"({"UnprocessedItems":{"t":[{"PutRequest":{"Key":{"id":{"S":"x"}}}}]}})",
                           R"({"UnprocessedItems":{"t":[{"PutRequest":{"Item":{"id":1}}}]}})"})
        CHECK_FALSE_MESSAGE(read_as<batch_write_item_response>(bad), bad);
}

TEST_CASE("TransactWriteItems sends all four kinds of actions") {
    const item key{{"id", v::string("x")}};
    CHECK(
        written(transact_write_items_request{
            .transact_items =
                {transact_put{.table_name = "t", .item = key, .condition_expression = "attribute_not_exists(id)"},
                 transact_update{.table_name = "t",
                                 .key = key,
                                 .update_expression = "SET n = :n",
                                 .expression_attribute_values = {{":n", v::number(1)}}},
                 transact_delete{
                     .table_name = "t", .key = key, .return_values_on_condition_check_failure = return_value::all_old},
                 transact_condition_check{.table_name = "t",
                                          .key = key,
                                          .condition_expression = "#v = :v",
                                          .expression_attribute_names = {{"#v", "v"}},
                                          .expression_attribute_values = {{":v", v::number(2)}}}},
            .client_request_token = "token"}) ==
        R"~({"TransactItems":[{"Put":{"TableName":"t","Item":{"id":{"S":"x"}},"ConditionExpression":"attribute_not_exists(id)"}},)~"
        R"~({"Update":{"TableName":"t","Key":{"id":{"S":"x"}},"UpdateExpression":"SET n = :n","ExpressionAttributeValues":{":n":{"N":"1"}}}},)~"
        R"~({"Delete":{"TableName":"t","Key":{"id":{"S":"x"}},"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}},)~"
        R"~({"ConditionCheck":{"TableName":"t","Key":{"id":{"S":"x"}},"ConditionExpression":"#v = :v","ExpressionAttributeNames":{"#v":"v"},)~"
        R"~("ExpressionAttributeValues":{":v":{"N":"2"}}}}],"ClientRequestToken":"token"})~");
}

TEST_CASE("a transaction without a token gets one of its own") {
    const transact_write_items_request r{
        .transact_items = {transact_delete{.table_name = "t", .key = {{"id", v::string("x")}}}}};
    const auto token = [&] {
        const auto body = written(r);
        return body.substr(body.find("ClientRequestToken"));
    };
    const auto first = token();
    CHECK(first.size() == std::string(R"(ClientRequestToken":"xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx"})").size());
    CHECK(token() != first);
}

TEST_CASE("a transaction is confirmed by nothing but an answer of the service") {
    CHECK(read_as<transact_write_items_response>("{}"));
    CHECK(read_as<transact_write_items_response>(R"({"ConsumedCapacity":[{"TableName":"t","CapacityUnits":4}]})")
              ->consumed_capacity.size() == 1);
    CHECK_FALSE(read_as<transact_write_items_response>(R"({"ok":1})"));
}
