#ifndef DYNASESSION_BACKEND_SESSION_TABLE_HPP
#define DYNASESSION_BACKEND_SESSION_TABLE_HPP

#include <dynasession/backend/read_record.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/dynamodb/call.hpp>
#include <dynasession/dynamodb/operations/table.hpp>
#include <dynasession/dynamodb/wait_for_table.hpp>
#include <dynasession/op/action.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dynasession::inline v0 {

/// What create_table found or made.
struct table_report {
    bool created = false;      ///< false: the table was there
    bool time_to_live = false; ///< false: the service, an emulator, does not know TTL
    bool user_index = false;   ///< false: none is wanted, or the table was there without it
};

namespace backend_detail {

/// Sees to it that there is a table with the right key, in use, from which expired sessions are deleted.
class prepare_table {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = table_report;
    using action_type = op::action<effect_type, value_type>;

    explicit prepare_table(const dynamodb_table& t)
        : table_(&t), step_(create_call(t.service, dynamodb::create_table_request{.table_name = t.requests.table_name(),
                                                                                 .partition_key = key(t),
                                                                                 .global_secondary_indexes = indexes(t)})) {}

    action_type resume(http::reply in, op::instant now) {
        return std::visit([&](auto& step) { return after(step, step.resume(std::move(in), now), now); }, step_);
    }

private:
    using create_call = dynamodb::call<dynamodb::create_table_request>;
    using describe_ttl_call = dynamodb::call<dynamodb::describe_time_to_live_request>;
    using update_ttl_call = dynamodb::call<dynamodb::update_time_to_live_request>;

    static dynamodb::key_attribute key(const dynamodb_table& t) { return {.name = t.requests.layout().hash_key}; }

    // Keys alone, so that saves and touches do not write it; a session that is nobody's is not in it.
    static std::vector<dynamodb::secondary_index> indexes(const dynamodb_table& t) {
        const auto& name = t.requests.user_index();
        if (name.empty()) return {};
        return {{.name = name,
                 .partition_key = {std::string(native_layout::owner)},
                 .sort_key = dynamodb::key_attribute{std::string(native_layout::since), dynamodb::attribute_value::type::number},
                 .projected = dynamodb::projection::keys_only}};
    }

    template <class Step, class... Args>
    action_type go_on(op::instant now, Args&&... args) {
        auto& next = step_.template emplace<Step>(table_->service, std::forward<Args>(args)...);
        return after(next, next.resume({}, now), now);
    }

    action_type finish(bool time_to_live) {
        report_.time_to_live = time_to_live;
        return result<table_report>(report_);
    }

    template <class Action>
    action_type after(const create_call&, Action act, op::instant now) {
        return op::carry_on<action_type>(std::move(act), [&](auto answered) -> action_type {
            const auto& answer = answered->response;
            if (!answer && answer.error() != error::table_exists) return result<table_report>(answer.error());
            report_.created = answer.has_value();
            return go_on<dynamodb::wait_for_table>(now, table_->requests.table_name(), dynamodb::wait_for_table::goal::active);
        });
    }

    template <class Action>
    action_type after(const dynamodb::wait_for_table&, Action act, op::instant now) {
        return op::carry_on<action_type>(std::move(act), [&](auto described) -> action_type {
            if (!described) return result<table_report>(std::move(described).error());
            const auto& table = **described;
            if (table.partition_key != key(*table_) || table.sort_key)
                return result<table_report>(failure(error::invalid_option,
                                                    "the table exists, but its key is not the string attribute '" +
                                                        key(*table_).name + "' alone"));
            report_.user_index = std::ranges::count(table.index_names, table_->requests.user_index()) != 0;
            return go_on<describe_ttl_call>(now, dynamodb::describe_time_to_live_request{table_->requests.table_name()});
        });
    }

    template <class Action>
    action_type after(const describe_ttl_call&, Action act, op::instant now) {
        return op::carry_on<action_type>(std::move(act), [&](auto answered) -> action_type {
            using status = dynamodb::time_to_live_status;
            const auto& answer = answered->response;
            if (!answer && answer.error() == error::unknown_operation) return finish(false);
            if (!answer) return result<table_report>(answer.error());
            const std::string& expires = table_->requests.layout().expires;
            const bool on = answer->status == status::enabled || answer->status == status::enabling;
            if (on && answer->attribute_name != expires)
                return result<table_report>(failure(error::invalid_option, "the table's TTL attribute is '" +
                                                                               answer->attribute_name + "', not '" + expires + "'"));
            if (on) return finish(true);
            return go_on<update_ttl_call>(now, dynamodb::update_time_to_live_request{.table_name = table_->requests.table_name(),
                                                                                     .attribute_name = expires});
        });
    }

    template <class Action>
    action_type after(const update_ttl_call&, Action act, op::instant) {
        return op::carry_on<action_type>(std::move(act), [&](auto answered) -> action_type {
            const auto& answer = answered->response;
            if (answer) return finish(true);
            return answer.error() == error::unknown_operation ? finish(false) : action_type(result<table_report>(answer.error()));
        });
    }

    const dynamodb_table* table_;
    std::variant<create_call, dynamodb::wait_for_table, describe_ttl_call, update_ttl_call> step_;
    table_report report_{};
};

} // namespace backend_detail

} // namespace dynasession::inline v0

#endif
