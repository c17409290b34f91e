#ifndef DYNASESSION_BACKEND_DYNAMODB_MOVES_HPP
#define DYNASESSION_BACKEND_DYNAMODB_MOVES_HPP

#include <dynasession/backend/conditional_write.hpp>
#include <dynasession/backend/read_record.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/dynamodb/call.hpp>
#include <dynasession/dynamodb/operations/write_items.hpp>
#include <dynasession/op/action.hpp>

#include <chrono>
#include <boost/asio/error.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

namespace dynasession::inline v0::backend_detail {

/// Removes a record, whatever its state.
class erase {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    erase(const dynamodb_table& t, const session_id& id) : call_(t.service, t.requests.erase(id)) {}

    reply_action resume(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(call_.resume(std::move(in), now), [](auto answered) -> reply_action {
            const auto& answer = answered->response;
            return answer ? result<reply>(reply{}) : result<reply>(answer.error());
        });
    }

private:
    dynamodb::call<dynamodb::delete_item_request> call_;
};

/// Moves a record without a transaction, where the service has none: the new one is written before the old one
/// expires, so that no moment is without a record, and taken back when the old one has gone or changed meanwhile.
class move_in_steps {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    move_in_steps(const dynamodb_table& t, move_record c)
        : table_(&t), command_(std::move(c)), step_(make_create(t, command_.to, command_.content)) {}

    reply_action resume(http::reply in, op::instant now) {
        auto act = std::visit([&](auto& step) { return step.resume(std::move(in), now); }, step_);
        return op::carry_on<reply_action>(std::move(act), [&](result<reply> r) -> reply_action {
            if (std::holds_alternative<create>(step_)) {
                if (!r) return r;
                if (!r->applied) return result<reply>(error::session_exists);
                const by_expiry judge{command_.if_version, command_.now};
                step_.emplace<leave>(*table_, command_.from, table_->requests.leave(command_), judge);
            } else if (std::holds_alternative<leave>(step_)) {
                if (!r) return r;
                outcome_ = *std::move(r);
                if (outcome_.applied && command_.grace.count() != 0) return result<reply>(std::move(outcome_));
                step_.emplace<erase>(*table_, outcome_.applied ? command_.from : command_.to);
            } else {
                // What could not be erased has expired already, or nobody knows its id.
                return result<reply>(std::move(outcome_));
            }
            return resume({}, now);
        });
    }

private:
    const dynamodb_table* table_;
    move_record command_;
    std::variant<create, leave, erase> step_;
    reply outcome_{};
};

class move {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    move(const dynamodb_table& t, move_record c)
        : table_(&t), command_(std::move(c)), transaction_(t.service, t.requests.move(command_)) {}

    reply_action resume(http::reply in, op::instant now) {
        if (steps_) return steps_->resume(std::move(in), now);
        if (read_) return look(std::move(in), now);
        if (deadline_ == steady_time{}) deadline_ = now.steady + table_->service.options.timeout;
        return op::carry_on<reply_action>(transaction_.resume(std::move(in), now), [&](auto answered) -> reply_action {
            auto& answer = answered->response;
            if (answer) return result<reply>(reply{});
            if (answer.error() == error::unknown_operation) {
                steps_ = std::make_unique<move_in_steps>(*table_, std::move(command_));
                return steps_->resume({}, now);
            }
            const auto& reasons = answered->reasons;
            const auto failed = [&](std::size_t i) { return reasons.size() > i && reasons[i].code == "ConditionalCheckFailed"; };
            // After a lost answer only the new record tells whether the old one was moved.
            if (failed(0))
                lost_ = std::make_unique<failure>(error::session_exists);
            else if (!failed(1))
                lost_ = std::make_unique<failure>(std::move(answer).error());
            const bool cancelled = lost_ && lost_->code == boost::asio::error::operation_aborted;
            if (lost_ && (cancelled || !answered->ambiguous)) return result<reply>(std::move(*lost_));
            read_.emplace(*table_, table_->requests.load_after_write(lost_ ? command_.to : command_.from), deadline_);
            return look({}, now);
        });
    }

private:
    using steady_time = std::chrono::steady_clock::time_point;

    reply_action look(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(read_->resume(std::move(in), now), [&](auto found) -> reply_action {
            if (lost_) {
                const bool moved = found && *found && by_content{command_.content}(**found) == lost_write::carried_out;
                if (moved) return result<reply>(reply{});
                const bool taken = found && *found && *lost_ == error::session_exists;
                return result<reply>(taken ? *lost_ : failure(error::outcome_unknown, lost_->code.message()));
            }
            return found ? refused(*std::move(found)) : result<reply>(std::move(found).error());
        });
    }

    const dynamodb_table* table_;
    move_record command_;
    std::unique_ptr<failure> lost_;
    dynamodb::call<dynamodb::transact_write_items_request> transaction_;
    std::optional<read_record> read_;
    std::unique_ptr<move_in_steps> steps_;
    steady_time deadline_{};
};

} // namespace dynasession::inline v0::backend_detail

#endif
