#include <dynasession/dynamodb/operations/write_item.hpp>

#include "written.hpp"

#include <doctest/doctest.h>

using namespace dynasession::dynamodb;
using v = attribute_value;

TEST_CASE("PutItem sends no more than what is asked for") {
    CHECK(written(put_item_request{.table_name = "birds", .item = {{"id", v::string("wren")}}}) ==
          R"({"TableName":"birds","Item":{"id":{"S":"wren"}}})");
    CHECK(
        written(put_item_request{.table_name = "birds",
                                 .item = {{"id", v::string("wren")}},
                                 .condition_expression = "#v = :v",
                                 .expression_attribute_names = {{"#v", "version"}},
                                 .expression_attribute_values = {{":v", v::number(1)}},
                                 .return_values = return_value::all_old,
                                 .return_values_on_condition_check_failure = return_value::all_old,
                                 .return_consumed_capacity = true}) ==
        R"({"TableName":"birds","Item":{"id":{"S":"wren"}},"ConditionExpression":"#v = :v",)"
        R"("ExpressionAttributeNames":{"#v":"version"},"ExpressionAttributeValues":{":v":{"N":"1"}},)"
        R"("ReturnValuesOnConditionCheckFailure":"ALL_OLD","ReturnValues":"ALL_OLD","ReturnConsumedCapacity":"TOTAL"})");
}

TEST_CASE("UpdateItem sends its expressions, and says what it wants back") {
    CHECK(
        written(update_item_request{.table_name = "birds",
                                    .key = {{"id", v::string("wren")}},
                                    .update_expression = "SET n = :n REMOVE m",
                                    .condition_expression = "attribute_exists(id)",
                                    .expression_attribute_values = {{":n", v::number(1)}},
                                    .return_values = return_value::all_new}) ==
        R"~({"TableName":"birds","Key":{"id":{"S":"wren"}},"UpdateExpression":"SET n = :n REMOVE m",)~"
        R"~("ConditionExpression":"attribute_exists(id)","ExpressionAttributeValues":{":n":{"N":"1"}},"ReturnValues":"ALL_NEW"})~");
    CHECK(to_text(return_value::none) == "NONE");
    CHECK(to_text(return_value::updated_old) == "UPDATED_OLD");
    CHECK(to_text(return_value::updated_new) == "UPDATED_NEW");
}

TEST_CASE("DeleteItem sends no more than what is asked for") {
    CHECK(written(delete_item_request{.table_name = "birds", .key = {{"id", v::string("wren")}}}) ==
          R"({"TableName":"birds","Key":{"id":{"S":"wren"}}})");
}

TEST_CASE("a write is confirmed by nothing but an answer of the service") {
    CHECK(read_as<write_item_response>("{}"));
    CHECK_FALSE(read_as<write_item_response>("{}")->attributes);
    const auto answer = read_as<write_item_response>(
        R"({"Attributes":{"n":{"N":"1"}},"ConsumedCapacity":{"TableName":"t","CapacityUnits":1.0}})");
    REQUIRE(answer);
    CHECK(*answer->attributes == item{{"n", v::number(1)}});
    CHECK(answer->consumed_capacity->capacity_units == 1);
    for (const auto bad : {"[]", "1", R"({"ok":true})", R"({"Attributes":7})"})
        CHECK_FALSE_MESSAGE(read_as<write_item_response>(bad), bad);
}
