#ifndef DYNASESSION_DYNAMODB_OPERATIONS_READ_ITEM_HPP
#define DYNASESSION_DYNAMODB_OPERATIONS_READ_ITEM_HPP

#include <dynasession/dynamodb/request.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dynasession::inline v0::dynamodb {

struct get_item_response {
    std::optional<dynamodb::item> item{}; ///< empty when there is no such item
    std::optional<dynamodb::consumed_capacity> consumed_capacity{};
};

/// GetItem: the item with a key.
///
/// *Cost:* half a read unit per 4 KB, begun ones counted; one if consistent.
struct get_item_request {
    using response_type = get_item_response;
    static constexpr std::string_view target = "DynamoDB_20120810.GetItem";

    std::string table_name{};
    dynamodb::item key{};
    bool consistent_read = false;
    std::string projection_expression{}; ///< empty: all attributes
    expression_names expression_attribute_names{};
    bool return_consumed_capacity = false;
};

/// One page of a query or a scan.
struct page_response {
    std::vector<item> items{};
    std::int64_t count = 0;         ///< of the items that passed the filter
    std::int64_t scanned_count = 0; ///< of the items that were looked at, and paid for
    item last_evaluated_key{};      ///< where the next page starts; empty after the last one
    std::optional<dynamodb::consumed_capacity> consumed_capacity{};
};

/// Query: the items of one partition key, in the order of the sort key, by pages of at most 1 MB.
///
/// *Cost:* as GetItem, for the sum of what is looked at, filtered or not.
struct query_request {
    using response_type = page_response;
    static constexpr std::string_view target = "DynamoDB_20120810.Query";

    std::string table_name{};
    std::string index_name{}; ///< empty: the table itself
    std::string key_condition_expression{};
    std::string filter_expression{};
    std::string projection_expression{};
    expression_names expression_attribute_names{};
    item expression_attribute_values{};
    item exclusive_start_key{}; ///< the `last_evaluated_key` of the page before
    std::int64_t limit = 0;     ///< of items looked at; 0: as many as 1 MB holds
    bool scan_index_forward = true;
    bool consistent_read = false;
    bool count_only = false;
    bool return_consumed_capacity = false;
};

/// Scan: all items of a table or an index, by pages of at most 1 MB, in no useful order.
///
/// *Cost:* as GetItem, for the sum of what is looked at, filtered or not.
struct scan_request {
    using response_type = page_response;
    static constexpr std::string_view target = "DynamoDB_20120810.Scan";

    std::string table_name{};
    std::string index_name{}; ///< empty: the table itself
    std::string filter_expression{};
    std::string projection_expression{};
    expression_names expression_attribute_names{};
    item expression_attribute_values{};
    item exclusive_start_key{};      ///< the `last_evaluated_key` of the page before
    std::int64_t limit = 0;          ///< of items looked at; 0: as many as 1 MB holds
    std::int64_t segment = 0;        ///< from 0, with `total_segments`
    std::int64_t total_segments = 0; ///< above 0: several scans share the table
    bool consistent_read = false;
    bool count_only = false;
    bool return_consumed_capacity = false;
};

inline void write(json_writer& out, const get_item_request& r) {
    out.begin_object();
    out.key("TableName").string(r.table_name);
    out.key("Key").value(r.key);
    out.optional_flag("ConsistentRead", r.consistent_read);
    out.optional_member("ProjectionExpression", r.projection_expression);
    out.optional_member("ExpressionAttributeNames", r.expression_attribute_names);
    write_capacity_member(out, r.return_consumed_capacity);
    out.end_object();
}

inline bool read(json_scanner& in, get_item_response& out) {
    return in.object([&](std::string_view name) {
        if (name == "Item") return read(in, out.item);
        return name == "ConsumedCapacity" && read_document(in, out.consumed_capacity); // else this is not DynamoDB
    });
}

inline bool read(json_scanner& in, page_response& out) {
    out.count = -1; // always there, whereas Items is not when only the count was asked for
    return in.object([&](std::string_view name) {
        if (name == "Items") return in.null() || read(in, out.items);
        if (name == "LastEvaluatedKey") return in.null() || read(in, out.last_evaluated_key);
        if (name == "Count") return read_document(in, out.count);
        if (name == "ScannedCount") return read_document(in, out.scanned_count);
        if (name == "ConsumedCapacity") return read_document(in, out.consumed_capacity);
        return skip(in);
    }) && out.count >= 0;
}

inline auto units_of(const get_item_response& r) noexcept { return units_read(r.consumed_capacity); }
inline auto units_of(const page_response& r) noexcept { return units_read(r.consumed_capacity); }

namespace read_item_detail {

// What queries and scans have in common.
template <class Request>
void write_page_members(json_writer& out, const Request& r) {
    out.key("TableName").string(r.table_name);
    out.optional_member("IndexName", r.index_name);
    out.optional_member("FilterExpression", r.filter_expression);
    out.optional_member("ProjectionExpression", r.projection_expression);
    out.optional_member("ExpressionAttributeNames", r.expression_attribute_names);
    out.optional_member("ExpressionAttributeValues", r.expression_attribute_values);
    out.optional_member("ExclusiveStartKey", r.exclusive_start_key);
    write_positive_member(out, "Limit", r.limit);
    out.optional_flag("ConsistentRead", r.consistent_read);
    if (r.count_only) out.key("Select").string("COUNT");
    write_capacity_member(out, r.return_consumed_capacity);
}

} // namespace read_item_detail

inline void write(json_writer& out, const query_request& r) {
    out.begin_object();
    read_item_detail::write_page_members(out, r);
    out.optional_member("KeyConditionExpression", r.key_condition_expression);
    if (!r.scan_index_forward) out.key("ScanIndexForward").boolean(false);
    out.end_object();
}

inline void write(json_writer& out, const scan_request& r) {
    out.begin_object();
    read_item_detail::write_page_members(out, r);
    if (r.total_segments > 0) out.key("Segment").integer(r.segment).key("TotalSegments").integer(r.total_segments);
    out.end_object();
}

static_assert(request<get_item_request> && request<query_request> && request<scan_request>);

} // namespace dynasession::inline v0::dynamodb

#endif
