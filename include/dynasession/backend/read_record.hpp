#ifndef DYNASESSION_BACKEND_READ_RECORD_HPP
#define DYNASESSION_BACKEND_READ_RECORD_HPP

#include <dynasession/backend/dynamodb_requests.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/dynamodb/call.hpp>
#include <dynasession/dynamodb/operations/read_item.hpp>
#include <dynasession/op/action.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

// The commands of a store as operations whose effects are HTTP exchanges.
namespace dynasession::inline v0::backend_detail {

/// Where commands are carried out. Outlives the operations.
struct dynamodb_table {
    const dynamodb::service& service;
    dynamodb_requests requests;
};

using reply_action = op::action<http::exchange, reply>;

/// Reads a record, live or expired.
class read_record {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = std::optional<record>;

    read_record(const dynamodb_table& t, const dynamodb::get_item_request& r,
                std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max())
        : table_(&t), call_(t.service, r, deadline) {}

    op::action<http::exchange, value_type> resume(http::reply in, op::instant now) {
        using outer = op::action<http::exchange, value_type>;
        return op::carry_on<outer>(call_.resume(std::move(in), now), [&](auto answered) -> outer {
            const auto& answer = answered->response;
            if (!answer) return result<value_type>(answer.error());
            if (!answer->item) return result<value_type>(value_type{});
            auto found = table_->requests.layout().decode(*answer->item);
            if (found && found->moved) sign_ = *answer->item;
            return found ? result<value_type>(*std::move(found)) : result<value_type>(std::move(found).error());
        });
    }

    /// The key that a record leads to which was left behind by a move; empty: nowhere.
    std::string leads_to(time_point now) const { return table_->requests.layout().leads_to(sign_, now); }

private:
    const dynamodb_table* table_;
    dynamodb::call<dynamodb::get_item_request> call_;
    dynamodb::item sign_{};
};

/// Reads a record, or the one that it leads to, if need be over several signs.
class load {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    load(const dynamodb_table& t, const load_record& c)
        : table_(&t), now_(c.now), read_(std::in_place, t, t.requests.load(c)) {}

    /// What the sign that was found leads to.
    load(const dynamodb_table& t, std::string moved_key, time_point now)
        : table_(&t), now_(now), read_(std::in_place, t, t.requests.load_moved(std::move(moved_key))), followed_(1) {}

    reply_action resume(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(read_->resume(std::move(in), now), [&](auto found) -> reply_action {
            if (!found) return result<reply>(std::move(found).error());
            const auto leads_to = followed_ == max_signs ? std::string() : read_->leads_to(now_);
            if (leads_to.empty()) return result<reply>(reply{.item = *std::move(found), .forwarded = followed_ != 0});
            ++followed_;
            read_.emplace(*table_, table_->requests.load_moved(leads_to));
            return resume({}, now);
        });
    }

private:
    static constexpr int max_signs = 8; // nobody regenerates that often within a grace time

    const dynamodb_table* table_;
    time_point now_;
    std::optional<read_record> read_;
    int followed_ = 0;
};

} // namespace dynasession::inline v0::backend_detail

#endif
