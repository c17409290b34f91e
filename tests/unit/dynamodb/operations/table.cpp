#include <dynasession/dynamodb/operations/table.hpp>

#include "written.hpp"

#include <doctest/doctest.h>

using namespace dynasession::dynamodb;
using v = attribute_value;

TEST_CASE("CreateTable makes an on-demand table with a key of type S unless told otherwise") {
    CHECK(written(create_table_request{.table_name = "birds", .partition_key = {"id"}}) ==
          R"({"TableName":"birds","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],)"
          R"("KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"})");
}

TEST_CASE("CreateTable sends sort keys, indexes and throughput, and each attribute once") {
    CHECK(
        written(create_table_request{.table_name = "birds",
                                     .partition_key = {"id"},
                                     .sort_key = key_attribute{"year", v::type::number},
                                     .global_secondary_indexes = {{.name = "by_user",
                                                                   .partition_key = {"user", v::type::binary},
                                                                   .sort_key = key_attribute{"id"},
                                                                   .projected = projection::include,
                                                                   .non_key_attributes = {"n"},
                                                                   .provisioned = {3, 4}},
                                                                  {.name = "by_year",
                                                                   .partition_key = {"year", v::type::number},
                                                                   .projected = projection::keys_only,
                                                                   .provisioned = {1, 1}}},
                                     .billing = billing_mode::provisioned,
                                     .provisioned = {10, 5}}) ==
        R"({"TableName":"birds","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"},{"AttributeName":"year","AttributeType":"N"},)"
        R"({"AttributeName":"user","AttributeType":"B"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"},{"AttributeName":"year","KeyType":"RANGE"}],)"
        R"("GlobalSecondaryIndexes":[{"IndexName":"by_user","KeySchema":[{"AttributeName":"user","KeyType":"HASH"},{"AttributeName":"id","KeyType":"RANGE"}],)"
        R"("Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["n"]},"ProvisionedThroughput":{"ReadCapacityUnits":3,"WriteCapacityUnits":4}},)"
        R"({"IndexName":"by_year","KeySchema":[{"AttributeName":"year","KeyType":"HASH"}],"Projection":{"ProjectionType":"KEYS_ONLY"},)"
        R"("ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}],)"
        R"("BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":10,"WriteCapacityUnits":5}})");
}

TEST_CASE("the requests about a table name it") {
    CHECK(written(delete_table_request{.table_name = "birds"}) == R"({"TableName":"birds"})");
    CHECK(written(describe_table_request{.table_name = "birds"}) == R"({"TableName":"birds"})");
    CHECK(written(describe_time_to_live_request{.table_name = "birds"}) == R"({"TableName":"birds"})");
    CHECK(written(update_time_to_live_request{.table_name = "birds", .attribute_name = "expires"}) ==
          R"({"TableName":"birds","TimeToLiveSpecification":{"AttributeName":"expires","Enabled":true}})");
}

TEST_CASE("a table's description is read") {
    const auto answer = read_as<describe_table_response>(
        R"({"Table":{"AttributeDefinitions":[{"AttributeName":"year","AttributeType":"N"},{"AttributeName":"id","AttributeType":"B"}],"TableName":"birds",)"
        R"("KeySchema":[{"AttributeName":"id","KeyType":"HASH"},{"AttributeName":"year","KeyType":"RANGE"}],"TableStatus":"ACTIVE","CreationDateTime":1795168268.832,)"
        R"("ProvisionedThroughput":{"ReadCapacityUnits":10,"WriteCapacityUnits":5},"TableSizeBytes":123,"ItemCount":4,"TableArn":"arn:x",)"
        R"("BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},"GlobalSecondaryIndexes":[{"IndexName":"by_user","IndexStatus":"ACTIVE"}]}})");
    REQUIRE(answer);
    const auto& t = answer->table;
    CHECK(t.table_name == "birds");
    CHECK(t.status == table_status::active);
    CHECK(t.arn == "arn:x");
    CHECK(t.item_count == 4);
    CHECK(t.size_bytes == 123);
    CHECK(t.partition_key == key_attribute{"id", v::type::binary});
    REQUIRE(t.sort_key);
    CHECK(*t.sort_key == key_attribute{"year", v::type::number});
    CHECK(t.billing == billing_mode::on_demand);
    CHECK(t.provisioned.read_capacity_units == 10);
    REQUIRE(t.index_names.size() == 1);
    CHECK(t.index_names.front() == "by_user");
}

TEST_CASE("every state of a table is told apart, also one that is not known yet") {
    const auto status = [](std::string_view text) {
        return read_as<create_table_response>(R"({"TableDescription":{"TableName":"t","TableStatus":")" +
                                              std::string(text) + "\"}}")
            ->table.status;
    };
    CHECK(status("CREATING") == table_status::creating);
    CHECK(status("ACTIVE") == table_status::active);
    CHECK(status("UPDATING") == table_status::updating);
    CHECK(status("DELETING") == table_status::deleting);
    CHECK(status("ARCHIVED") == table_status::other);
}

TEST_CASE("a description that is not there or misshapen is no answer") {
    for (const auto bad :
         {"{}", "[]", R"({"Table":7})", R"({"Table":{"TableStatus":1}})", R"({"Table":{"KeySchema":{}}})",
          R"({"Table":{"KeySchema":[7]}})", R"({"Table":{"AttributeDefinitions":[{"AttributeName":1}]}})"})
        CHECK_FALSE_MESSAGE(read_as<describe_table_response>(bad), bad);
    CHECK_FALSE(read_as<delete_table_response>(R"({"Table":{"TableName":"t"}})"));
    CHECK(read_as<delete_table_response>(R"({"TableDescription":{"TableName":"t"}})"));
}

TEST_CASE("the time to live is read") {
    const auto described = read_as<describe_time_to_live_response>(
        R"({"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":"expires"}})");
    REQUIRE(described);
    CHECK(described->status == time_to_live_status::enabled);
    CHECK(described->attribute_name == "expires");
    CHECK(read_as<describe_time_to_live_response>(R"({"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}})")
              ->status == time_to_live_status::disabled);
    CHECK(read_as<describe_time_to_live_response>(R"({"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLING"}})")
              ->status == time_to_live_status::enabling);
    CHECK(read_as<describe_time_to_live_response>(R"({"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLING"}})")
              ->status == time_to_live_status::disabling);
    const auto updated = read_as<update_time_to_live_response>(
        R"({"TimeToLiveSpecification":{"Enabled":true,"AttributeName":"expires"}})");
    REQUIRE(updated);
    CHECK(updated->enabled);
    CHECK_FALSE(read_as<update_time_to_live_response>("{}"));
    CHECK_FALSE(read_as<describe_time_to_live_response>(R"({"TimeToLiveDescription":[]})"));
}
