#ifndef DYNASESSION_DYNAMODB_OPERATIONS_READ_ITEMS_HPP
#define DYNASESSION_DYNAMODB_OPERATIONS_READ_ITEMS_HPP

#include <dynasession/dynamodb/request.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// What a batch reads from one table.
struct table_keys {
    std::string table_name{};
    std::vector<item> keys{};
    bool consistent_read = false;
    std::string projection_expression{}; ///< empty: all attributes
    expression_names expression_attribute_names{};
};

/// What a batch found in one table.
struct table_items {
    std::string table_name{};
    std::vector<item> items{};
};

struct batch_get_item_response {
    std::vector<table_items> tables{};          ///< in no particular order; what is absent is not there
    std::vector<table_keys> unprocessed_keys{}; ///< what to ask for again, after a pause; empty when all is read
    std::vector<dynamodb::consumed_capacity> consumed_capacity{};
};

/// BatchGetItem: the items with up to 100 keys, 16 MB of them.
///
/// That the service read only a part is not an error here: see `unprocessed_keys`, and `complete_batch`, which goes on
/// until all is read.
/// *Cost:* as the single reads.
struct batch_get_item_request {
    using response_type = batch_get_item_response;
    static constexpr std::string_view target = "DynamoDB_20120810.BatchGetItem";

    std::vector<table_keys> request_items{};
    bool return_consumed_capacity = false;
};

inline void write(json_writer& out, const batch_get_item_request& r) {
    out.begin_object().key("RequestItems").begin_object();
    for (const auto& table : r.request_items) {
        out.key(table.table_name).begin_object().key("Keys").begin_array();
        for (const auto& key : table.keys) out.value(key);
        out.end_array();
        out.optional_flag("ConsistentRead", table.consistent_read);
        out.optional_member("ProjectionExpression", table.projection_expression);
        out.optional_member("ExpressionAttributeNames", table.expression_attribute_names);
        out.end_object();
    }
    out.end_object();
    write_capacity_member(out, r.return_consumed_capacity);
    out.end_object();
}

inline bool read(json_scanner& in, table_keys& out) {
    return in.object([&](std::string_view name) {
        if (name == "Keys") return read(in, out.keys);
        if (name == "ConsistentRead") return in.null() || in.boolean(out.consistent_read);
        if (name == "ProjectionExpression") return in.null() || in.string(out.projection_expression);
        if (name == "ExpressionAttributeNames") return in.null() || in.object([&](std::string_view placeholder) {
            return in.string(out.expression_attribute_names.emplace_back(placeholder, "").second);
        });
        return skip(in);
    }) && !out.keys.empty();
}

inline bool read(json_scanner& in, batch_get_item_response& out) {
    bool answered = false;
    return in.object([&](std::string_view name) {
        if (name == "Responses") {
            answered = true;
            return in.object([&](std::string_view table) {
                auto& found = out.tables.emplace_back();
                found.table_name = table;
                return read(in, found.items);
            });
        }
        if (name == "UnprocessedKeys") return in.null() || in.object([&](std::string_view table) {
            auto& left = out.unprocessed_keys.emplace_back();
            left.table_name = table;
            return read(in, left);
        });
        if (name == "ConsumedCapacity") return read_document(in, out.consumed_capacity);
        return skip(in);
    }) && answered;
}

// What complete_batch needs.
inline std::size_t count(const table_keys& t) noexcept { return t.keys.size(); }
inline auto& left_over(batch_get_item_response& r) noexcept { return r.unprocessed_keys; }
inline void collect(batch_get_item_response& into, batch_get_item_response&& more) {
    for (auto& table : more.tables) {
        const auto same = std::ranges::find(into.tables, table.table_name, &table_items::table_name);
        if (same == into.tables.end())
            into.tables.push_back(std::move(table));
        else
            std::ranges::move(table.items, std::back_inserter(same->items));
    }
    std::ranges::move(more.consumed_capacity, std::back_inserter(into.consumed_capacity));
}

inline auto units_of(const batch_get_item_response& r) noexcept { return units_read(r.consumed_capacity); }

static_assert(request<batch_get_item_request>);

} // namespace dynasession::inline v0::dynamodb

#endif
