#ifndef DYNASESSION_BACKEND_DYNAMODB_REQUESTS_HPP
#define DYNASESSION_BACKEND_DYNAMODB_REQUESTS_HPP

#include <dynasession/backend/expression.hpp>
#include <dynasession/backend/native_layout.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/dynamodb/operations/read_item.hpp>
#include <dynasession/dynamodb/operations/write_item.hpp>
#include <dynasession/dynamodb/operations/write_items.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::backend_detail {

/// Renders the commands of a store as requests to one table.
class dynamodb_requests {
    using value = dynamodb::attribute_value;

public:
    /// `user_index` is empty if there is none.
    dynamodb_requests(std::string table_name, native_layout layout, bool consistent_read, std::string user_index = {})
        : table_name_(std::move(table_name)), layout_(std::move(layout)), user_index_(std::move(user_index)),
          consistent_read_(consistent_read) {}

    const std::string& table_name() const noexcept { return table_name_; }
    const native_layout& layout() const noexcept { return layout_; }
    const std::string& user_index() const noexcept { return user_index_; }
    bool consistent_read() const noexcept { return consistent_read_; }

    dynamodb::get_item_request load(const load_record& c) const {
        return read(layout_.key(c.id), consistent_read_ && !c.may_be_stale);
    }

    /// Where an item leads that was left behind by a move.
    dynamodb::get_item_request load_moved(std::string key) const {
        return read(layout_.key_of_text(std::move(key)), consistent_read_);
    }

    /// What decides about the outcome of a write has to see it.
    dynamodb::get_item_request load_after_write(const session_id& id) const { return read(layout_.key(id), true); }

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
        clauses set, remove;
        if (c.changes.size() > max_changes) {
            set.add(p.name(native_layout::data) + "=" + p.value(native_layout::entries(c.after)));
        } else if (!c.changes.empty()) {
            const std::string data = p.name(native_layout::data) + ".";
            for (const field f : c.changes.set)
                set.add(data + p.new_name(native_layout::member_name(f.key)) + "=" + p.value(native_layout::entry(f)));
            for (const auto& key : c.changes.removed)
                remove.add(data + p.new_name(native_layout::member_name(key)));
        }
        if (!c.journal.empty())
            set.add(p.name(native_layout::journal) + "=" + p.value(value::string(c.journal.text())));
        std::string condition = live(p, c.now) + " AND " + has_version(p, c.if_version);
        if (c.terms) set_terms(p, set, remove, *c.terms);
        if (c.expires && c.terms)
            set.add(p.name(layout_.expires) + "=" + p.value(native_layout::seconds(*c.expires)));
        else if (c.expires)
            condition += " AND " + put_off(p, set, *c.expires, "<=");
        condition += is_still(p, c.if_as_read) + lock_permits(p, c.if_locked_by, c.if_unlocked, c.seen);
        if (!c.if_locked_by.empty() || c.if_unlocked) hold(p, set, remove, c.lock);
        raise_version(p, set, c.if_version);
        return update(c.id, std::move(p), set, remove, std::move(condition));
    }

    dynamodb::update_item_request touch(const touch_record& c) const {
        placeholders p;
        clauses set;
        std::string condition = live(p, c.now);
        condition += " AND " + put_off(p, set, c.expires, "<");
        const std::string deadline = p.name(native_layout::deadline);
        condition += " AND (attribute_not_exists(" + deadline + ") OR " + deadline + ">=" + p.value(native_layout::seconds(c.expires)) + ")";
        if (c.if_max_stale)
            condition += " AND " + p.name(native_layout::max_stale) + "=" +
                         p.value(value::number(static_cast<std::int64_t>(c.if_max_stale->count())));
        return update(c.id, std::move(p), set, {}, std::move(condition));
    }

    dynamodb::update_item_request lock(const lock_record& c) const {
        placeholders p;
        clauses set, remove;
        const std::string holder = p.name(native_layout::lock), token = p.value(value::string(c.claim.token)),
                          marks = p.name(native_layout::journal),
                          mark = p.value(value::string(std::string(journal::mark_of(c.claim.token))));
        std::string condition = live(p, c.now) + " AND (" + holder + "=" + token + " OR ";
        if (!c.seen)
            condition += "attribute_not_exists(" + holder + ")";
        else if (!c.seen->foreign)
            condition += "(" + is(p, *c.seen) + ")";
        else
            condition += "(" + is(p, *c.seen) + " AND " + expires_at(p, c.seen_expires) + ")";
        condition += ") AND (attribute_not_exists(" + marks + ") OR NOT contains(" + marks + "," + mark + "))";
        set.add(holder + "=" + token);
        set.add(p.name(native_layout::lock_until) + "=" + p.value(native_layout::milliseconds(c.claim.until)));
        auto request = update(c.id, std::move(p), set, remove, std::move(condition));
        request.return_values = dynamodb::return_value::all_new;
        return request;
    }

    dynamodb::update_item_request renew(const renew_lock& c) const {
        placeholders p;
        clauses set;
        std::string condition = locked_by(p, c.claim.token);
        set.add(p.name(native_layout::lock_until) + "=" + p.value(native_layout::milliseconds(c.claim.until)));
        return update(c.id, std::move(p), set, {}, std::move(condition));
    }

    dynamodb::delete_item_request erase(const session_id& id) const {
        return {.table_name = table_name_, .key = layout_.key(id)};
    }

    dynamodb::transact_write_items_request move(const move_record& c) const {
        auto put = create(c.to, c.content);
        dynamodb::transact_write_items_request both;
        both.transact_items.push_back(dynamodb::transact_put{.table_name = table_name_,
                                                             .item = std::move(put.item),
                                                             .condition_expression = std::move(put.condition_expression),
                                                             .expression_attribute_names = std::move(put.expression_attribute_names)});
        if (c.grace.count() != 0) {
            auto left = leave(c);
            both.transact_items.push_back(
                dynamodb::transact_update{.table_name = table_name_,
                                          .key = std::move(left.key),
                                          .update_expression = std::move(left.update_expression),
                                          .condition_expression = std::move(left.condition_expression),
                                          .expression_attribute_names = std::move(left.expression_attribute_names),
                                          .expression_attribute_values = std::move(left.expression_attribute_values),
                                          .return_values_on_condition_check_failure = dynamodb::return_value::all_old});
        } else {
            placeholders p;
            std::string condition = may_leave(p, c);
            both.transact_items.push_back(
                dynamodb::transact_delete{.table_name = table_name_,
                                          .key = layout_.key(c.from),
                                          .condition_expression = std::move(condition),
                                          .expression_attribute_names = std::move(p.names),
                                          .expression_attribute_values = std::move(p.values),
                                          .return_values_on_condition_check_failure = dynamodb::return_value::all_old});
        }
        return both;
    }

    /// Has the record that is moved away expire at this moment: the version that this leaves tells whose doing it was.
    /// With a grace time it becomes a sign to the new one.
    dynamodb::update_item_request leave(const move_record& c) const {
        placeholders p;
        clauses set, remove;
        std::string condition = may_leave(p, c);
        set.add(p.name(layout_.expires) + "=" + p.value(native_layout::seconds(c.now)));
        raise_version(p, set, c.if_version);
        if (c.grace.count() != 0) {
            set.add(p.name(native_layout::moved_to) + "=" + p.value(value::string(layout_.key_text(c.to))));
            set.add(p.name(native_layout::leads_until) + "=" + p.value(native_layout::seconds(c.now + c.grace)));
            for (const auto gone : {native_layout::data, native_layout::journal, native_layout::lock, native_layout::lock_until,
                                    native_layout::owner, native_layout::since, native_layout::device, native_layout::id_since})
                remove.add(p.name(gone));
        }
        return update(c.from, std::move(p), set, remove, std::move(condition));
    }

private:
    // An update expression takes 300 operators and 4 KB (DynamoDB developer guide, "Quotas"); this is well below. More
    // changes than that are sent as the whole of the data.
    static constexpr std::size_t max_changes = 100, max_compared = 50;

    // The parts of a SET or REMOVE clause.
    class clauses {
    public:
        void add(std::string_view part) {
            if (!text_.empty()) text_ += ',';
            text_ += part;
        }
        bool empty() const noexcept { return text_.empty(); }
        const std::string& text() const noexcept { return text_; }

    private:
        std::string text_;
    };

    dynamodb::get_item_request read(dynamodb::item key, bool consistent) const {
        return {.table_name = table_name_, .key = std::move(key), .consistent_read = consistent};
    }

    // Also true: there is an item. None has no attribute that could be compared.
    std::string live(placeholders& p, time_point now) const {
        return p.name(layout_.expires) + ">" + p.value(native_layout::seconds(now));
    }

    static std::string has_version(placeholders& p, std::uint64_t version) {
        return p.name(native_layout::version) + "=" + p.value(value::number(version));
    }

    static std::string locked_by(placeholders& p, const std::string& token) {
        return p.name(native_layout::lock) + "=" + p.value(value::string(token));
    }

    std::string may_leave(placeholders& p, const move_record& c) const {
        return live(p, c.now) + " AND " + has_version(p, c.if_version) + is_still(p, c.if_as_read) +
               lock_permits(p, c.if_locked_by, c.if_unlocked, c.seen);
    }

    std::string is_still(placeholders& p, const std::optional<as_read>& read) const {
        if (!read) return {};
        return " AND " + expires_at(p, read->expires) + " AND " + holds(p, read->data);
    }

    // Entry by entry, where those are few: dynalite finds no two maps equal.
    static std::string holds(placeholders& p, const fields& entries) {
        const std::string data = p.name(native_layout::data);
        const std::size_t size = entries.size();
        if (size > max_compared) return data + "=" + p.value(native_layout::entries(entries));
        std::string condition = "size(" + data + ")=" + p.value(value::number(size));
        for (const field f : entries)
            condition += " AND " + data + "." + p.new_name(native_layout::member_name(f.key)) + "=" + p.value(native_layout::entry(f));
        return condition;
    }

    std::string expires_at(placeholders& p, time_point t) const {
        return p.name(layout_.expires) + "=" + p.value(native_layout::seconds(t));
    }

    static std::string is(placeholders& p, const lock_claim& holder) {
        if (holder.foreign) return p.name(native_layout::lock) + "=" + p.value(value::number(1));
        return locked_by(p, holder.token) + " AND " + p.name(native_layout::lock_until) + "=" +
               p.value(native_layout::milliseconds(holder.until));
    }

    static std::string lock_permits(placeholders& p, const std::string& if_locked_by, const std::optional<lock_time>& if_unlocked,
                                    const std::optional<lock_claim>& seen) {
        if (!if_locked_by.empty()) return " AND " + locked_by(p, if_locked_by);
        if (!if_unlocked) return {};
        // A foreign lock, which is no string, has no end: what stands in its item is that of an earlier one.
        const std::string holder = p.name(native_layout::lock);
        return " AND (attribute_not_exists(" + holder + ") OR (attribute_type(" + holder + "," + p.value(value::string("S")) +
               ") AND " + p.name(native_layout::lock_until) + "<" + p.value(native_layout::milliseconds(*if_unlocked)) + ")" +
               (seen ? " OR (" + is(p, *seen) + ")" : "") + ")";
    }

    static void hold(placeholders& p, clauses& set, clauses& remove, const lock_claim& claim) {
        const std::string holder = p.name(native_layout::lock), until = p.name(native_layout::lock_until);
        if (claim.held()) {
            set.add(holder + "=" + p.value(value::string(claim.token)));
            set.add(until + "=" + p.value(native_layout::milliseconds(claim.until)));
        } else {
            remove.add(holder);
            remove.add(until);
        }
    }

    static void set_terms(placeholders& p, clauses& set, clauses& remove, const terms& t) {
        const auto put = [&](bool is_there, std::string_view name, auto make) {
            if (is_there)
                set.add(p.name(name) + "=" + p.value(make()));
            else
                remove.add(p.name(name));
        };
        const ownership& o = t.owner;
        put(!o.user.empty(), native_layout::owner, [&] { return value::string(o.user); });
        put(!o.user.empty(), native_layout::since, [&] { return native_layout::milliseconds(o.since); });
        put(!o.device.empty(), native_layout::device, [&] { return value::string(o.device); });
        put(t.deadline != time_point::max(), native_layout::deadline, [&] { return native_layout::seconds(t.deadline); });
        put(true, native_layout::max_stale, [&] { return value::number(static_cast<std::int64_t>(t.max_stale.count())); });
    }

    // Not by one: a late copy of the request must not raise it again.
    static void raise_version(placeholders& p, clauses& set, std::uint64_t from) {
        set.add(p.name(native_layout::version) + "=" + p.value(value::number(from + 1)));
    }

    std::string put_off(placeholders& p, clauses& set, time_point expires, const char* order) const {
        const std::string name = p.name(layout_.expires), when = p.value(native_layout::seconds(expires));
        set.add(name + "=" + when);
        return name + order + when;
    }

    dynamodb::update_item_request update(const session_id& id, placeholders p, const clauses& set, const clauses& remove,
                                         std::string condition) const {
        std::string expression = "SET " + set.text();
        if (!remove.empty()) expression += " REMOVE " + remove.text();
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
    std::string user_index_;
    bool consistent_read_;
};

} // namespace dynasession::inline v0::backend_detail

#endif
