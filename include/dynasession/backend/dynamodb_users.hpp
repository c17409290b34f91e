#ifndef DYNASESSION_BACKEND_DYNAMODB_USERS_HPP
#define DYNASESSION_BACKEND_DYNAMODB_USERS_HPP

#include <dynasession/backend/read_record.hpp>
#include <dynasession/backend/user_requests.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/dynamodb/call.hpp>
#include <dynasession/dynamodb/complete_batch.hpp>
#include <dynasession/op/action.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dynasession::inline v0::backend_detail {

using batch_read = dynamodb::complete_batch<dynamodb::batch_get_item_request>;

/// The items that a batch has read, or why it has not read all of them.
inline result<std::vector<dynamodb::item>> items_of(dynamodb::batch_outcome<dynamodb::batch_get_item_request> answered) {
    if (answered.why.code) return std::move(answered.why);
    auto& tables = answered.response.tables;
    return tables.empty() ? std::vector<dynamodb::item>{} : std::move(tables.front().items);
}

/// Lists the sessions of a user: a page of the index, then the items themselves, for the index is a little behind.
class list_of_user {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    list_of_user(const dynamodb_table& t, list_sessions c)
        : table_(&t), command_(std::move(c)),
          step_(std::in_place_type<query>, t.service, query_sessions(t.requests, command_.user)) {}

    reply_action resume(http::reply in, op::instant now) {
        if (auto* page = std::get_if<query>(&step_))
            return op::carry_on<reply_action>(page->resume(std::move(in), now), [&](auto answered) -> reply_action {
                auto& answer = answered->response;
                return answer ? read_items(*std::move(answer), now) : reply_action(result<reply>(explained(std::move(answer).error())));
            });
        return op::carry_on<reply_action>(std::get<batch_read>(step_).resume(std::move(in), now), [&](auto answered) -> reply_action {
            auto items = items_of(*std::move(answered));
            if (!items) return result<reply>(std::move(items).error());
            for (const auto& i : *items) {
                auto found = table_->requests.layout().decode_summary(i);
                if (!found) return result<reply>(std::move(found).error());
                if (*found) keep(**std::move(found));
            }
            return next_page(now);
        });
    }

private:
    using query = dynamodb::call<dynamodb::query_request>;

    reply_action read_items(dynamodb::page_response page, op::instant now) {
        next_ = std::move(page.last_evaluated_key);
        if (page.items.empty()) return next_page(now);
        const std::string& hash_key = table_->requests.layout().hash_key;
        std::vector<dynamodb::item> keys;
        for (const auto& i : page.items)
            if (const auto* key = i.find(hash_key)) keys.push_back({{hash_key, *key}});
        step_.emplace<batch_read>(table_->service, read_summaries(table_->requests, std::move(keys)));
        return resume({}, now);
    }

    void keep(session_summary found) {
        const bool counts = found.owner.user == command_.user && found.times.live(command_.now);
        if (counts && found_.sessions.size() < command_.limit) found_.sessions.push_back(std::move(found));
    }

    reply_action next_page(op::instant now) {
        if (next_.begin() == next_.end() || found_.sessions.size() >= command_.limit) {
            std::ranges::sort(found_.sessions, session_summary::newer);
            return result<reply>(std::move(found_));
        }
        step_.emplace<query>(table_->service, query_sessions(table_->requests, command_.user, std::move(next_)));
        return resume({}, now);
    }

    failure explained(failure why) const {
        if (why != error::invalid_request) return why;
        return {error::invalid_option,
                "dynamodb_options::user_index: a new table gets the index '" + table_->requests.user_index() +
                    "' from create_table(), and one that is there by UpdateTable: hash key o (S), sort key s (N), KEYS_ONLY; the "
                    "service says: " + why.detail};
    }

    const dynamodb_table* table_;
    list_sessions command_;
    std::variant<query, batch_read> step_;
    dynamodb::item next_{};
    reply found_{};
};

/// Reads a session together with the mark of the user who had it last.
class load_with_mark {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    load_with_mark(const dynamodb_table& t, load_record c)
        : table_(&t), command_(std::move(c)), both_(t.service, read_with_mark(t.requests, command_)) {}

    reply_action resume(http::reply in, op::instant now) {
        if (moved_) return follow(std::move(in), now);
        return op::carry_on<reply_action>(both_.resume(std::move(in), now), [&](auto answered) -> reply_action {
            auto items = items_of(*std::move(answered));
            if (!items) return result<reply>(std::move(items).error());
            const auto& layout = table_->requests.layout();
            const dynamodb::item *session = nullptr, *mark = nullptr;
            for (const auto& i : *items) (layout.is_mark_of(command_.mark_of, i) ? mark : session) = &i;
            if (mark) {
                const auto time = layout.decode_mark(*mark);
                if (!time) return result<reply>(time.error());
                not_before_ = *time;
            }
            if (!session) return result<reply>(reply{.not_before = not_before_});
            auto found = layout.decode(*session);
            if (!found) return result<reply>(std::move(found).error());
            auto leads_to = found->moved ? layout.leads_to(*session, command_.now) : std::string();
            if (leads_to.empty()) return result<reply>(reply{.item = *std::move(found), .not_before = not_before_});
            moved_ = std::make_unique<load>(*table_, std::move(leads_to), command_.now);
            return follow({}, now);
        });
    }

private:
    reply_action follow(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(moved_->resume(std::move(in), now), [&](result<reply> r) -> reply_action {
            if (r) r->not_before = not_before_;
            return r;
        });
    }

    const dynamodb_table* table_;
    load_record command_;
    batch_read both_;
    user_time not_before_ = no_mark;
    std::unique_ptr<load> moved_{};
};

/// A write that does no harm once more, and of which nobody needs to see what stood in its way.
template <class Request>
class repeatable_write {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    repeatable_write(const dynamodb_table& t, const Request& r) : call_(t.service, r) {}

    reply_action resume(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(call_.resume(std::move(in), now), [](auto answered) -> reply_action {
            const auto& answer = answered->response;
            if (answer) return result<reply>(reply{});
            if (answer.error() != error::condition_failed) return result<reply>(answer.error());
            // After a lost answer it may fail because of this very call: then it is done.
            return result<reply>(reply{.applied = answered->ambiguous});
        });
    }

private:
    dynamodb::call<Request> call_;
};

using erase_of_user = repeatable_write<dynamodb::delete_item_request>;
using mark_write = repeatable_write<dynamodb::update_item_request>;

/// Reads the mark of a user.
class mark_read {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    mark_read(const dynamodb_table& t, const load_mark& c) : table_(&t), call_(t.service, read_mark(t.requests, c)) {}

    reply_action resume(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(call_.resume(std::move(in), now), [&](auto answered) -> reply_action {
            const auto& answer = answered->response;
            if (!answer) return result<reply>(answer.error());
            if (!answer->item) return result<reply>(reply{.not_before = no_mark});
            const auto time = table_->requests.layout().decode_mark(*answer->item);
            return time ? result<reply>(reply{.not_before = *time}) : result<reply>(time.error());
        });
    }

private:
    const dynamodb_table* table_;
    dynamodb::call<dynamodb::get_item_request> call_;
};

} // namespace dynasession::inline v0::backend_detail

#endif
