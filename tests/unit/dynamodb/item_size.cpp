#include <dynasession/dynamodb/item_size.hpp>

#include <dynasession/dynamodb/operations/write_item.hpp>
#include <dynasession/dynamodb/operations/write_items.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace dynasession;
using namespace dynasession::dynamodb;
using v = attribute_value;

TEST_CASE("texts and bytes count as many bytes as they have, names too") {
    CHECK(item_size({}) == 0);
    CHECK(item_size({{"id", v::string("abc")}}) == 5);
    CHECK(item_size({{"\xc3\xbc", v::binary(std::string(10, '\0'))}}) == 12);
    CHECK(value_size(v::string("")) == 0);
    CHECK(value_size(v::string_set({"ab", "c"})) == 3);
    CHECK(value_size(v::binary_set({"ab", "c"})) == 3);
}

TEST_CASE("a number takes one byte for two significant digits and one more") {
    CHECK(value_size(v::number("0")) == 1);
    CHECK(value_size(v::number("7")) == 2);
    CHECK(value_size(v::number("27")) == 2);
    CHECK(value_size(v::number("100")) == 2);
    CHECK(value_size(v::number("0.0012")) == 2);
    CHECK(value_size(v::number("1795168176")) == 6);
    CHECK(value_size(v::number("-27")) == 3);
    CHECK(value_size(v::number("1.5e10")) == 2);
    CHECK(value_size(v::number(std::string(38, '9'))) == 20);
    CHECK(value_size(v::number_set({"1", "22"})) == 4);
}

TEST_CASE("flags and null take a byte, maps and lists three and one for each element") {
    CHECK(value_size(v::boolean(false)) == 1);
    CHECK(value_size(v::null()) == 1);
    CHECK(value_size(v::map({})) == 3);
    CHECK(value_size(v::list({})) == 3);
    CHECK(value_size(v::map({{"k", v::string("vv")}})) == 3 + 1 + 1 + 2);
    CHECK(value_size(v::list({v::null(), v::list({v::string("abc")})})) == 3 + (1 + 1) + (1 + 3 + 1 + 3));
}

namespace {

// An item of this size.
item of_size(std::size_t n) { return {{"id", v::string("x")}, {"v", v::binary(std::string(n - 4, 'x'))}}; }

template <class Request>
std::optional<failure> refusal(const Request& r) {
    std::string body;
    write_body(body, r);
    return refuse_too_large(r, body.size());
}

} // namespace

TEST_CASE("an item over the limit is refused with its size, one at the limit is not") {
    CHECK(item_size(of_size(max_item_size)) == max_item_size);
    CHECK_FALSE(refusal(put_item_request{.table_name = "t", .item = of_size(max_item_size)}));
    const auto refused = refusal(put_item_request{.table_name = "t", .item = of_size(max_item_size + 1)});
    REQUIRE(refused);
    CHECK(*refused == error::item_too_large);
    CHECK(*refused == condition::too_large);
    CHECK(refused->detail == "the item would take 409601 bytes; DynamoDB stores at most 409600");
}

TEST_CASE("in batches and transactions it is the largest item that counts") {
    const auto small = of_size(300'000), large = of_size(max_item_size + 1);
    const auto batch = [](std::vector<item> puts, std::vector<item> deletes) {
        return batch_write_item_request{.request_items = {{"t", std::move(puts), std::move(deletes)}}};
    };
    CHECK_FALSE(refusal(batch({small, small}, {{{"id", v::string("x")}}})));
    CHECK(refusal(batch({small, large}, {})));
    CHECK_FALSE(refusal(transact_write_items_request{.transact_items = {transact_put{.item = small}, transact_put{.item = small}}}));
    CHECK(refusal(transact_write_items_request{.transact_items = {transact_delete{.key = small}, transact_put{.item = large}}}));
}

TEST_CASE("nothing is said of what only the service can know") {
    CHECK_FALSE(refusal(update_item_request{.expression_attribute_values = {{":v", v::binary(std::string(500'000, 'x'))}}}));
}

TEST_CASE("the JSON of an item is longer than the item, of whatever it is made") {
    const auto longer = [](const item& i) {
        std::string body;
        json_writer(body).value(i);
        return body.size() > item_size(i);
    };
    CHECK(longer({}));
    for (const auto& value : {v::string(""), v::string("x"), v::number("0"), v::number("-1"), v::number("-0.00012"), v::number(std::string(38, '9')),
                              v::binary(""), v::binary("xyz"), v::boolean(true), v::null(), v::map({}), v::list({}), v::string_set({"a"}),
                              v::number_set({"-1", "2"}), v::binary_set({"a", "bcd"}), v::map({{"", v::null()}}), v::list({v::null(), v::list({})})})
        CHECK(longer({{"", value}}));
}
