#ifndef DYNASESSION_DYNAMODB_OPERATIONS_WRITE_ITEM_HPP
#define DYNASESSION_DYNAMODB_OPERATIONS_WRITE_ITEM_HPP

#include <dynasession/dynamodb/item_size.hpp>
#include <dynasession/dynamodb/request.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace dynasession::inline v0::dynamodb {

/// The answer to a write of one item.
struct write_item_response {
    std::optional<item> attributes{}; ///< what `return_values` asked for
    std::optional<dynamodb::consumed_capacity> consumed_capacity{};
};

/// PutItem: stores an item in place of the one with its key.
///
/// *Errors:* `error::condition_failed` when the condition does not hold; `item_too_large`, with the size, before anything
/// is sent.
/// *Cost:* one write unit per KB of the larger of the old and the new item, also when the condition fails.
struct put_item_request {
    using response_type = write_item_response;
    static constexpr std::string_view target = "DynamoDB_20120810.PutItem";

    std::string table_name{};
    dynamodb::item item{};
    std::string condition_expression{};
    expression_names expression_attribute_names{};
    dynamodb::item expression_attribute_values{};
    return_value return_values = return_value::none;
    return_value return_values_on_condition_check_failure = return_value::none;
    bool return_consumed_capacity = false;
};

/// UpdateItem: changes attributes of an item, and creates it when it is not there and no condition forbids it.
///
/// *Errors* and *Cost:* as PutItem; but only the service knows how large the item becomes.
struct update_item_request {
    using response_type = write_item_response;
    static constexpr std::string_view target = "DynamoDB_20120810.UpdateItem";

    std::string table_name{};
    item key{};
    std::string update_expression{};
    std::string condition_expression{};
    expression_names expression_attribute_names{};
    item expression_attribute_values{};
    return_value return_values = return_value::none;
    return_value return_values_on_condition_check_failure = return_value::none;
    bool return_consumed_capacity = false;
};

/// DeleteItem: removes the item with a key; that there is none is no error.
///
/// *Errors* and *Cost:* as PutItem.
struct delete_item_request {
    using response_type = write_item_response;
    static constexpr std::string_view target = "DynamoDB_20120810.DeleteItem";

    std::string table_name{};
    item key{};
    std::string condition_expression{};
    expression_names expression_attribute_names{};
    item expression_attribute_values{};
    return_value return_values = return_value::none;
    return_value return_values_on_condition_check_failure = return_value::none;
    bool return_consumed_capacity = false;
};

namespace write_item_detail {

// What all conditional writes have in common, also those inside transactions.
template <class Request>
void write_condition_members(json_writer& out, const Request& r) {
    out.optional_member("ConditionExpression", r.condition_expression);
    out.optional_member("ExpressionAttributeNames", r.expression_attribute_names);
    out.optional_member("ExpressionAttributeValues", r.expression_attribute_values);
    write_member(out, "ReturnValuesOnConditionCheckFailure", r.return_values_on_condition_check_failure);
}

template <class Request>
void write_result_members(json_writer& out, const Request& r) {
    write_condition_members(out, r);
    write_member(out, "ReturnValues", r.return_values);
    write_capacity_member(out, r.return_consumed_capacity);
}

} // namespace write_item_detail

inline void write(json_writer& out, const put_item_request& r) {
    out.begin_object();
    out.key("TableName").string(r.table_name);
    out.key("Item").value(r.item);
    write_item_detail::write_result_members(out, r);
    out.end_object();
}

inline void write(json_writer& out, const update_item_request& r) {
    out.begin_object();
    out.key("TableName").string(r.table_name);
    out.key("Key").value(r.key);
    out.optional_member("UpdateExpression", r.update_expression);
    write_item_detail::write_result_members(out, r);
    out.end_object();
}

inline void write(json_writer& out, const delete_item_request& r) {
    out.begin_object();
    out.key("TableName").string(r.table_name);
    out.key("Key").value(r.key);
    write_item_detail::write_result_members(out, r);
    out.end_object();
}

inline bool read(json_scanner& in, write_item_response& out) {
    return in.object([&](std::string_view name) {
        if (name == "Attributes") return read(in, out.attributes);
        return name == "ConsumedCapacity" && read_document(in, out.consumed_capacity); // else this is not DynamoDB
    });
}

inline std::size_t largest_item(const put_item_request& r) noexcept { return item_size(r.item); }

inline auto units_of(const write_item_response& r) noexcept { return units_written(r.consumed_capacity); }

static_assert(request<put_item_request> && request<update_item_request> && request<delete_item_request>);

} // namespace dynasession::inline v0::dynamodb

#endif
