#ifndef DYNASESSION_DYNAMODB_OPERATIONS_WRITE_ITEMS_HPP
#define DYNASESSION_DYNAMODB_OPERATIONS_WRITE_ITEMS_HPP

#include <dynasession/detail/random.hpp>
#include <dynasession/dynamodb/item_size.hpp>
#include <dynasession/dynamodb/operations/write_item.hpp>
#include <dynasession/dynamodb/request.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// What a batch does to one table, in no particular order.
struct table_writes {
    std::string table_name{};
    std::vector<item> puts{};    ///< whole items
    std::vector<item> deletes{}; ///< keys
};

struct batch_write_item_response {
    std::vector<table_writes> unprocessed_items{}; ///< what has to be sent again, after a pause; empty when all is done
    std::vector<dynamodb::consumed_capacity> consumed_capacity{};
};

/// BatchWriteItem: up to 25 puts and deletes, each for itself and without conditions.
///
/// That the service carried out only a part is not an error here: see `unprocessed_items`, and `complete_batch`, which
/// goes on until all is done.
/// *Errors:* `error::item_too_large`, with the size, before anything is sent.
/// *Cost:* as the single writes.
struct batch_write_item_request {
    using response_type = batch_write_item_response;
    static constexpr std::string_view target = "DynamoDB_20120810.BatchWriteItem";

    std::vector<table_writes> request_items{};
    bool return_consumed_capacity = false;
};

struct transact_put {
    std::string table_name{};
    dynamodb::item item{};
    std::string condition_expression{};
    expression_names expression_attribute_names{};
    dynamodb::item expression_attribute_values{};
    return_value return_values_on_condition_check_failure = return_value::none;
};

struct transact_update {
    std::string table_name{};
    item key{};
    std::string update_expression{};
    std::string condition_expression{};
    expression_names expression_attribute_names{};
    item expression_attribute_values{};
    return_value return_values_on_condition_check_failure = return_value::none;
};

struct transact_delete {
    std::string table_name{};
    item key{};
    std::string condition_expression{};
    expression_names expression_attribute_names{};
    item expression_attribute_values{};
    return_value return_values_on_condition_check_failure = return_value::none;
};

struct transact_condition_check {
    std::string table_name{};
    item key{};
    std::string condition_expression{};
    expression_names expression_attribute_names{};
    item expression_attribute_values{};
    return_value return_values_on_condition_check_failure = return_value::none;
};

/// One action of a transaction.
using transact_write_item = std::variant<transact_put, transact_update, transact_delete, transact_condition_check>;

struct transact_write_items_response {
    std::vector<dynamodb::consumed_capacity> consumed_capacity{};
};

/// TransactWriteItems: up to 100 actions on different items, all of them or none.
///
/// *Errors:* `error::transaction_cancelled`, with a reason for each action in the outcome; `transaction_conflict` when
/// nothing but other transactions was in the way.
/// *Cost:* twice that of the single writes.
struct transact_write_items_request {
    using response_type = transact_write_items_response;
    static constexpr std::string_view target = "DynamoDB_20120810.TransactWriteItems";

    std::vector<transact_write_item> transact_items{};

    /// A repetition with the same token within 10 minutes does nothing and succeeds; at most 36 characters.
    /// Empty: each call has one of its own, so that its attempts count once.
    std::string client_request_token{};
    bool return_consumed_capacity = false;
};

inline void write(json_writer& out, const batch_write_item_request& r) {
    const auto write_all = [&](std::string_view action, std::string_view member, const std::vector<item>& items) {
        for (const auto& i : items)
            out.begin_object().key(action).begin_object().key(member).value(i).end_object().end_object();
    };
    out.begin_object().key("RequestItems").begin_object();
    for (const auto& table : r.request_items) {
        out.key(table.table_name).begin_array();
        write_all("PutRequest", "Item", table.puts);
        write_all("DeleteRequest", "Key", table.deletes);
        out.end_array();
    }
    out.end_object();
    write_capacity_member(out, r.return_consumed_capacity);
    out.end_object();
}

// [{"PutRequest":{"Item":{...}}}, {"DeleteRequest":{"Key":{...}}}]
inline bool read(const boost::json::value& json, table_writes& out) {
    const auto* array = json.if_array();
    if (array == nullptr) return false;
    for (const auto& element : *array) {
        const auto* object = element.if_object();
        if (object == nullptr || object->size() != 1) return false;
        const auto& [action, content] = *object->begin();
        const bool is_put = action == "PutRequest";
        if (!is_put && action != "DeleteRequest") return false;
        auto& place = (is_put ? out.puts : out.deletes).emplace_back();
        if (!member_reader(content)(is_put ? "Item" : "Key", place).only_these() || place.empty()) return false;
    }
    return true;
}

inline bool read(const boost::json::value& json, std::vector<table_writes>& out) {
    const auto* tables = json.if_object();
    if (tables == nullptr) return false;
    for (const auto& [name, writes] : *tables) {
        out.push_back({std::string(name), {}, {}});
        if (!read(writes, out.back())) return false;
    }
    return true;
}

namespace write_items_detail {

inline std::string_view action_name(const transact_write_item& action) noexcept {
    constexpr std::string_view names[] = {"Put", "Update", "Delete", "ConditionCheck"};
    return names[action.index()];
}

inline void write_subject(json_writer& out, const transact_put& a) { out.key("Item").value(a.item); }
inline void write_subject(json_writer& out, const transact_delete& a) { out.key("Key").value(a.key); }
inline void write_subject(json_writer& out, const transact_condition_check& a) { out.key("Key").value(a.key); }
inline void write_subject(json_writer& out, const transact_update& a) {
    out.key("Key").value(a.key);
    out.optional_member("UpdateExpression", a.update_expression);
}

} // namespace write_items_detail

inline bool read(const boost::json::value& json, batch_write_item_response& out) {
    return member_reader(json)("UnprocessedItems", out.unprocessed_items)("ConsumedCapacity", out.consumed_capacity)
        .only_these();
}

inline void write(json_writer& out, const transact_write_items_request& r) {
    out.begin_object().key("TransactItems").begin_array();
    for (const auto& action : r.transact_items) {
        out.begin_object().key(write_items_detail::action_name(action)).begin_object();
        std::visit(
            [&](const auto& a) {
                out.key("TableName").string(a.table_name);
                write_items_detail::write_subject(out, a);
                write_item_detail::write_condition_members(out, a);
            },
            action);
        out.end_object().end_object();
    }
    out.end_array();
    const auto random = detail::random_uuid();
    out.key("ClientRequestToken")
        .string(r.client_request_token.empty() ? std::string_view(random.data(), random.size())
                                               : r.client_request_token);
    write_capacity_member(out, r.return_consumed_capacity);
    out.end_object();
}

inline bool read(const boost::json::value& json, transact_write_items_response& out) {
    return member_reader(json)("ConsumedCapacity", out.consumed_capacity).only_these();
}

inline std::size_t largest_item(const batch_write_item_request& r) noexcept {
    std::size_t size = 0;
    for (const auto& table : r.request_items) size = std::max(size, largest_size(table.puts));
    return size;
}

inline std::size_t largest_item(const transact_write_items_request& r) noexcept {
    std::size_t size = 0;
    for (const auto& action : r.transact_items)
        if (const auto* put = std::get_if<transact_put>(&action)) size = std::max(size, item_size(put->item));
    return size;
}

// What complete_batch needs.
inline std::size_t count(const table_writes& t) noexcept { return t.puts.size() + t.deletes.size(); }
inline auto& left_over(batch_write_item_response& r) noexcept { return r.unprocessed_items; }
inline void collect(batch_write_item_response& into, batch_write_item_response&& more) {
    std::ranges::move(more.consumed_capacity, std::back_inserter(into.consumed_capacity));
}

inline auto units_of(const batch_write_item_response& r) noexcept { return units_written(r.consumed_capacity); }
inline auto units_of(const transact_write_items_response& r) noexcept { return units_written(r.consumed_capacity); }

static_assert(request<batch_write_item_request> && request<transact_write_items_request>);

} // namespace dynasession::inline v0::dynamodb

#endif
