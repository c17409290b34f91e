#ifndef DYNASESSION_DYNAMODB_WAIT_FOR_TABLE_HPP
#define DYNASESSION_DYNAMODB_WAIT_FOR_TABLE_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/dynamodb/call.hpp>
#include <dynasession/dynamodb/operations/table.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/op/action.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace dynasession::inline v0::dynamodb {

/// How long to wait for a table, and how often to look.
struct table_wait_options {
    std::chrono::milliseconds timeout{300'000};
    std::chrono::milliseconds first_pause{50}; ///< doubled each time
    std::chrono::milliseconds max_pause{2'000};
};

/// Looks at a table until it can be used, or until it is gone, as an operation.
///
/// The value is the table's last description: empty when it is gone.
///
/// *Errors:* `error::timeout` when the time is over; whatever else DescribeTable fails with.
///
/// *Lifetimes:* the service has to outlive it.
class wait_for_table {
public:
    enum class goal { active, absent };

    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = std::optional<table_description>;
    using action_type = op::action<effect_type, value_type>;

    wait_for_table(const service& s, std::string table_name, goal g, table_wait_options options = {})
        : service_(&s), request_{std::move(table_name)}, goal_(g), options_(options), pause_(options.first_pause) {}

    action_type resume(reply_type reply, op::instant now) {
        if (!call_) {
            // The start, or the end of a pause.
            if (!reply.answer) return result<value_type>(std::move(reply.answer).error());
            if (deadline_ == std::chrono::steady_clock::time_point{}) deadline_ = now.steady + options_.timeout;
            call_.emplace(*service_, request_);
        }
        auto act = call_->resume(std::move(reply), now);
        if (auto* exchange = std::get_if<0>(&act)) return *exchange;
        if (auto* pause = std::get_if<1>(&act)) return *pause;
        call_.reset();
        return judge(std::move(std::get<2>(act)->response), now);
    }

private:
    action_type judge(result<describe_table_response> answer, op::instant now) {
        // For a moment after CreateTable the service may not know the table yet (API reference, DescribeTable).
        const bool absent = !answer && answer.error() == error::table_not_found;
        if (!answer && !absent) return result<value_type>(std::move(answer).error());
        if (goal_ == goal::absent && absent) return result<value_type>(std::nullopt);
        if (goal_ == goal::active && !absent && answer->table.status == table_status::active)
            return result<value_type>(std::move(answer->table));
        if (now.steady + pause_ >= deadline_)
            return result<value_type>(failure(error::timeout, goal_ == goal::active ? "the table is not active yet"
                                                                                    : "the table is not deleted yet"));
        return op::pause{std::exchange(pause_, std::min(pause_ * 2, options_.max_pause))};
    }

    const service* service_;
    describe_table_request request_;
    goal goal_;
    table_wait_options options_;
    std::chrono::milliseconds pause_;
    std::chrono::steady_clock::time_point deadline_{};
    std::optional<call<describe_table_request>> call_;
};

} // namespace dynasession::inline v0::dynamodb

#endif
