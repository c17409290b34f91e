#ifndef DYNASESSION_BACKEND_USER_REQUESTS_HPP
#define DYNASESSION_BACKEND_USER_REQUESTS_HPP

#include <dynasession/backend/dynamodb_requests.hpp>
#include <dynasession/backend/expression.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/dynamodb/operations/read_item.hpp>
#include <dynasession/dynamodb/operations/read_items.hpp>
#include <dynasession/dynamodb/operations/write_item.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

// The commands that ask for users, as requests to one table.
namespace dynasession::inline v0::backend_detail {

/// So many keys a batch takes (DynamoDB API reference, BatchGetItem).
inline constexpr std::int64_t keys_in_a_batch = 100;

/// A page of the keys of a user's sessions, the last bound first.
inline dynamodb::query_request query_sessions(const dynamodb_requests& to, const std::string& user, dynamodb::item start = {}) {
    placeholders p;
    std::string of_user = p.name(native_layout::owner) + "=" + p.value(dynamodb::attribute_value::string(user));
    return {.table_name = to.table_name(),
            .index_name = to.user_index(),
            .key_condition_expression = std::move(of_user),
            .expression_attribute_names = std::move(p.names),
            .expression_attribute_values = std::move(p.values),
            .exclusive_start_key = std::move(start),
            .limit = keys_in_a_batch,
            .scan_index_forward = false};
}

/// What lists tell of the sessions with these keys, as it is now.
inline dynamodb::batch_get_item_request read_summaries(const dynamodb_requests& to, std::vector<dynamodb::item> keys) {
    placeholders p;
    std::string wanted;
    for (const auto name : to.layout().summary_attributes()) wanted += (wanted.empty() ? "" : ",") + p.name(name);
    return {.request_items = {{.table_name = to.table_name(),
                               .keys = std::move(keys),
                               .consistent_read = true,
                               .projection_expression = std::move(wanted),
                               .expression_attribute_names = std::move(p.names)}}};
}

/// A session and the mark of a user.
inline dynamodb::batch_get_item_request read_with_mark(const dynamodb_requests& to, const load_record& c) {
    return {.request_items = {{.table_name = to.table_name(),
                               .keys = {to.layout().key(c.id), to.layout().mark_key(c.mark_of)},
                               .consistent_read = to.consistent_read()}}};
}

inline dynamodb::delete_item_request erase_owned_item(const dynamodb_requests& to, const erase_owned& c) {
    placeholders p;
    std::string condition = p.name(native_layout::owner) + "=" + p.value(dynamodb::attribute_value::string(c.user));
    if (c.bound_until != user_time::max())
        condition += " AND " + p.name(native_layout::since) + "<=" + p.value(native_layout::milliseconds(c.bound_until));
    return {.table_name = to.table_name(),
            .key = to.layout().key_of_text(to.layout().key_text(c.handle)),
            .condition_expression = std::move(condition),
            .expression_attribute_names = std::move(p.names),
            .expression_attribute_values = std::move(p.values)};
}

inline dynamodb::get_item_request read_mark(const dynamodb_requests& to, const load_mark& c) {
    return {.table_name = to.table_name(), .key = to.layout().mark_key(c.user), .consistent_read = true};
}

inline dynamodb::update_item_request raise_mark_item(const dynamodb_requests& to, const raise_mark& c) {
    placeholders p;
    const std::string mark = p.name(native_layout::not_before), time = p.value(native_layout::milliseconds(c.not_before));
    std::string changes = "SET " + mark + "=" + time + "," + p.name(to.layout().expires) + "=" +
                         p.value(native_layout::seconds(c.expires));
    return {.table_name = to.table_name(),
            .key = to.layout().mark_key(c.user),
            .update_expression = std::move(changes),
            .condition_expression = "attribute_not_exists(" + mark + ") OR " + mark + "<" + time,
            .expression_attribute_names = std::move(p.names),
            .expression_attribute_values = std::move(p.values)};
}

} // namespace dynasession::inline v0::backend_detail

#endif
