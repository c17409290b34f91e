#include "table_model.hpp"

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace faults;

namespace {

json::object parse(std::string_view text) { return json::parse(text).as_object(); }

json::object key() { return parse(R"({"id":{"S":"k"}})"); }

constexpr auto names = R"({"#0":"d","#1":"k","#2":"v","#3":"lock","#4":"w"})";

// An UpdateItem of the item `k`, whose numbers are those of the values.
json::object change(std::string_view update, std::string_view condition, std::string_view values) {
    json::object used_names, used_values;
    const auto text = std::string(update) + std::string(condition);
    for (const auto& entry : parse(names))
        if (text.find(entry.key()) != text.npos) used_names[entry.key()] = entry.value();
    json::object r{{"TableName", "t"}, {"Key", key()}, {"UpdateExpression", update}, {"ConditionExpression", condition},
                   {"ExpressionAttributeNames", used_names}, {"ReturnValuesOnConditionCheckFailure", "ALL_OLD"}};
    if (!values.empty()) r["ExpressionAttributeValues"] = parse(values);
    return r;
}

// A table with one item.
struct stocked {
    explicit stocked(abilities can = {}) : table(can) {
        table.carry_out("PutItem", {{"TableName", "t"}, {"Item", item}});
    }
    bool holds(std::string_view condition, std::string_view values = {}) {
        const auto answer = table.carry_out("DeleteItem", without_update(change("", condition, values)));
        const bool held = table.find("k") == nullptr;
        CHECK(held == (answer.status == 200));
        if (held) table.carry_out("PutItem", {{"TableName", "t"}, {"Item", item}});
        return held;
    }
    static json::object without_update(json::object r) {
        r.erase("UpdateExpression");
        return r;
    }

    const json::object item = parse(R"({"id":{"S":"k"},"d":{"M":{"a":{"S":"1"}}},"v":{"N":"3"},"w":{"S":"abcde"}})");
    table_model table;
};

} // namespace

TEST_CASE("the model of the table: conditions") {
    stocked s;
    CHECK(s.holds("#2=:0", R"({":0":{"N":"3"}})"));
    CHECK_FALSE(s.holds("#2=:0", R"({":0":{"N":"4"}})"));
    CHECK_FALSE(s.holds("#2=:0", R"({":0":{"S":"3"}})"));
    CHECK(s.holds("#2>:0", R"({":0":{"N":"2"}})"));
    CHECK_FALSE(s.holds("#2>:0", R"({":0":{"N":"3"}})"));
    CHECK(s.holds("#2<=:0", R"({":0":{"N":"3"}})"));
    CHECK(s.holds("#2<:0", R"({":0":{"N":"10"}})"));
    CHECK_FALSE(s.holds("#3=:0", R"({":0":{"S":"x"}})"));
    CHECK(s.holds("attribute_not_exists(#3)"));
    CHECK_FALSE(s.holds("attribute_not_exists(#2)"));
    CHECK(s.holds("attribute_type(#2,:0)", R"({":0":{"S":"N"}})"));
    CHECK(s.holds("NOT contains(#4,:0)", R"({":0":{"S":"xyz"}})"));
    CHECK_FALSE(s.holds("NOT contains(#4,:0)", R"({":0":{"S":"bcd"}})"));
    CHECK(s.holds("#2=:0 AND (attribute_not_exists(#3) OR #3=:1)", R"({":0":{"N":"3"},":1":{"S":"x"}})"));
    CHECK_FALSE(s.holds("#2=:0 AND (attribute_not_exists(#2) OR #3=:1)", R"({":0":{"N":"3"},":1":{"S":"x"}})"));
}

TEST_CASE("the model of the table: updates, and what a failed condition returns") {
    stocked s;
    auto good = change("SET #0.#1=:0,#2=:1 REMOVE #4", "#2=:2", R"({":0":{"S":"x"},":1":{"N":"4"},":2":{"N":"3"}})");
    good["ReturnValues"] = "ALL_NEW";
    const auto after = parse(R"({"id":{"S":"k"},"d":{"M":{"a":{"S":"1"},"k":{"S":"x"}}},"v":{"N":"4"}})");
    CHECK(s.table.carry_out("UpdateItem", good).body == json::object{{"Attributes", after}});
    CHECK(*s.table.find("k") == after);
    CHECK(s.table.applied() == 2);
    CHECK(s.table.changes() == 2);

    const auto refused = s.table.carry_out("UpdateItem", good);
    CHECK(refused.status == 400);
    CHECK(refused.body.at("Item") == after);
    CHECK(s.table.applied() == 2);
    stocked emulator{abilities::none()};
    CHECK_FALSE(emulator.table.carry_out("UpdateItem", change("SET #2=:0", "#2=:0", R"({":0":{"N":"9"}})")).body.contains("Item"));
    CHECK(s.table.carry_out("GetItem", {{"TableName", "t"}, {"Key", key()}}).body.at("Item") == after);
}

TEST_CASE("the model of the table: a transaction is all or nothing, and its token counts once") {
    stocked s;
    const auto transaction = [&](std::string_view condition, std::string_view token) {
        const auto put = json::object{{"TableName", "t"}, {"Item", parse(R"({"id":{"S":"other"}})")}};
        return json::object{{"TransactItems", {{{"Put", put}}, {{"Delete", stocked::without_update(change("", condition, {}))}}}},
                            {"ClientRequestToken", token}};
    };
    const auto refused = s.table.carry_out("TransactWriteItems", transaction("attribute_not_exists(#2)", "a"));
    CHECK(refused.body.at("CancellationReasons") == json::parse(R"([{"Code":"None"},{"Code":"ConditionalCheckFailed"}])"));
    CHECK(s.table.size() == 1);
    CHECK(s.table.carry_out("TransactWriteItems", transaction("attribute_not_exists(#3)", "b")).status == 200);
    CHECK(s.table.find("other") != nullptr);
    CHECK(s.table.size() == 1);
    CHECK(s.table.carry_out("TransactWriteItems", transaction("attribute_not_exists(#3)", "b")).status == 200);
    CHECK(s.table.applied() == 2);
    stocked emulator{abilities::none()};
    CHECK(emulator.table.carry_out("TransactWriteItems", transaction("attribute_not_exists(#3)", "b")).status == 400);
}

TEST_CASE("the model of the table: what it does not know is a mistake") {
    stocked s;
    const auto fails = [&](std::string_view operation, const json::object& r) {
        CHECK_THROWS_AS(s.table.carry_out(operation, r), not_modelled);
    };
    fails("Scan", {});
    fails("UpdateItem", change("SET #2=#2+:0", "", R"({":0":{"N":"1"}})"));
    fails("UpdateItem", change("ADD #2 :0", "", R"({":0":{"N":"1"}})"));
    fails("UpdateItem", change("SET #3.#1=:0", "#2=:1", R"({":0":{"S":"x"},":1":{"N":"3"}})"));
    fails("UpdateItem", change("SET #2=:0", "begins_with(#4,:1)", R"({":0":{"N":"1"},":1":{"S":"a"}})"));
    fails("UpdateItem", change("SET #2=:0", "#2=:1 XOR #2=:1", R"({":0":{"N":"1"},":1":{"N":"3"}})"));
    fails("UpdateItem", change("SET #2=:0", "#2=:1", R"({":0":{"N":"1"}})"));
    fails("UpdateItem", change("SET #2=:0", "#2=:1", R"({":0":{"N":"1"},":1":{"N":"3"},":2":{"N":"3"}})"));
    auto unknown = change("SET #2=:0", "", R"({":0":{"N":"1"}})");
    unknown["ReturnConsumedCapacity"] = "TOTAL";
    fails("UpdateItem", unknown);
}
