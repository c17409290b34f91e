#ifndef DYNASESSION_BACKEND_DYNAMODB_REQUESTS_HPP
#define DYNASESSION_BACKEND_DYNAMODB_REQUESTS_HPP

#include <dynasession/backend/expression.hpp>
#include <dynasession/backend/native_layout.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/dynamodb/operations/read_item.hpp>
#include <dynasession/dynamodb/operations/write_item.hpp>
#include <dynasession/dynamodb/operations/write_items.hpp>

#include <string>
#include <utility>

namespace dynasession::inline v0::backend_detail {

/// Renders the commands of a store as requests to one table.
class dynamodb_requests {
public:
    dynamodb_requests(std::string table_name, native_layout layout, bool consistent_read)
        : table_name_(std::move(table_name)), layout_(std::move(layout)), consistent_read_(consistent_read) {}

    const std::string& table_name() const noexcept { return table_name_; }
    const native_layout& layout() const noexcept { return layout_; }

    dynamodb::get_item_request load(const session_id& id) const { return read(id, consistent_read_); }

    /// What decides about the outcome of a write has to see it.
    dynamodb::get_item_request load_after_write(const session_id& id) const { return read(id, true); }

    dynamodb::put_item_request create(const session_id& id, const record& content) const {
        placeholders p;
        const std::string absent = "attribute_not_exists(" + p.name(layout_.hash_key) + ")";
        return {.table_name = table_name_,
                .item = layout_.encode(id, content),
                .condition_expression = absent,
                .expression_attribute_names = std::move(p.names),
                .return_values_on_condition_check_failure = dynamodb::return_value::all_old};
    }

    dynamodb::update_item_request change(const change_record& c) const {
        placeholders p;
        const std::string data = c.changes.empty() ? std::string() : p.name(native_layout::data);
        std::string set, remove;
        mark(p, set, c.writer);
        for (const field f : c.changes.set)
            append(set, data + "." + p.new_name(native_layout::member_name(f.key)) + "=" + p.value(native_layout::entry(f)));
        for (const auto& key : c.changes.removed)
            append(remove, data + "." + p.new_name(native_layout::member_name(key)));
        std::string condition = live(p, c.now);
        if (c.expires) condition += " AND " + put_off(p, set, *c.expires, "<=");
        if (c.if_version) condition += " AND " + has_version(p, *c.if_version);
        return raise_version(c.id, std::move(p), std::move(set), remove, std::move(condition));
    }

    /// All entries at once, on the very version that they were worked out from.
    dynamodb::update_item_request rewrite(const change_record& c, const record& content, std::uint64_t from_version) const {
        placeholders p;
        std::string set = p.name(native_layout::data) + "=" + p.value(native_layout::entries(content.data));
        mark(p, set, c.writer);
        std::string condition = live(p, c.now) + " AND " + has_version(p, from_version);
        condition += " AND " + put_off(p, set, content.expires, "<=");
        return raise_version(c.id, std::move(p), std::move(set), {}, std::move(condition));
    }

    dynamodb::update_item_request touch(const touch_record& c) const {
        placeholders p;
        std::string set;
        std::string condition = live(p, c.now);
        condition += " AND " + put_off(p, set, c.expires, "<");
        return update(c.id, std::move(p), "SET " + set, std::move(condition));
    }

    /// Has a record expire at this moment: the version that this leaves tells whose doing it was.
    dynamodb::update_item_request expire(const session_id& id, std::uint64_t if_version, time_point now) const {
        placeholders p;
        std::string condition = live(p, now) + " AND " + has_version(p, if_version);
        std::string set = p.name(layout_.expires) + "=" + p.value(native_layout::seconds(now));
        return raise_version(id, std::move(p), std::move(set), {}, std::move(condition));
    }

    dynamodb::delete_item_request erase(const session_id& id) const {
        return {.table_name = table_name_, .key = layout_.key(id)};
    }

    dynamodb::transact_write_items_request move(const move_record& c) const {
        auto put = create(c.to, c.content);
        placeholders p;
        std::string condition = live(p, c.now) + " AND " + has_version(p, c.if_version);
        dynamodb::transact_write_items_request both;
        both.transact_items.push_back(dynamodb::transact_put{.table_name = table_name_,
                                                             .item = std::move(put.item),
                                                             .condition_expression = std::move(put.condition_expression),
                                                             .expression_attribute_names = std::move(put.expression_attribute_names)});
        both.transact_items.push_back(
            dynamodb::transact_delete{.table_name = table_name_,
                                      .key = layout_.key(c.from),
                                      .condition_expression = std::move(condition),
                                      .expression_attribute_names = std::move(p.names),
                                      .expression_attribute_values = std::move(p.values),
                                      .return_values_on_condition_check_failure = dynamodb::return_value::all_old});
        // Repeated within ten minutes under this name, the transaction does nothing and succeeds again; it must then be
        // the same transaction, so the version belongs to the name. At most 36 characters.
        both.client_request_token = native_layout().key_text(c.to) + "-" + std::to_string(c.if_version % 1000);
        return both;
    }

private:
    dynamodb::get_item_request read(const session_id& id, bool consistent) const {
        return {.table_name = table_name_, .key = layout_.key(id), .consistent_read = consistent};
    }

    static void append(std::string& list, const std::string& element) {
        if (!list.empty()) list += ',';
        list += element;
    }

    static void mark(placeholders& p, std::string& set, const std::string& writer) {
        if (writer.empty()) return;
        append(set, p.name(native_layout::writer) + "=" + p.value(dynamodb::attribute_value::string(writer)));
    }

    // Also true: there is an item. None has no attribute that could be compared.
    std::string live(placeholders& p, time_point now) const {
        return p.name(layout_.expires) + ">" + p.value(native_layout::seconds(now));
    }

    static std::string has_version(placeholders& p, std::uint64_t version) {
        return p.name(native_layout::version) + "=" + p.value(dynamodb::attribute_value::number(version));
    }

    std::string put_off(placeholders& p, std::string& set, time_point expires, const char* order) const {
        const std::string name = p.name(layout_.expires), value = p.value(native_layout::seconds(expires));
        append(set, name + "=" + value);
        return name + order + value;
    }

    dynamodb::update_item_request raise_version(const session_id& id, placeholders p, std::string set,
                                                const std::string& remove, std::string condition) const {
        const std::string version = p.name(native_layout::version);
        append(set, version + "=" + version + "+" + p.value(dynamodb::attribute_value::number(1)));
        std::string expression = "SET " + set;
        if (!remove.empty()) expression += " REMOVE " + remove;
        auto request = update(id, std::move(p), std::move(expression), std::move(condition));
        request.return_values = dynamodb::return_value::updated_new;
        return request;
    }

    dynamodb::update_item_request update(const session_id& id, placeholders p, std::string expression,
                                         std::string condition) const {
        return {.table_name = table_name_,
                .key = layout_.key(id),
                .update_expression = std::move(expression),
                .condition_expression = std::move(condition),
                .expression_attribute_names = std::move(p.names),
                .expression_attribute_values = std::move(p.values),
                .return_values_on_condition_check_failure = dynamodb::return_value::all_old};
    }

    std::string table_name_;
    native_layout layout_;
    bool consistent_read_;
};

} // namespace dynasession::inline v0::backend_detail

#endif
