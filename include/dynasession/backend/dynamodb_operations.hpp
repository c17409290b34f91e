#ifndef DYNASESSION_BACKEND_DYNAMODB_OPERATIONS_HPP
#define DYNASESSION_BACKEND_DYNAMODB_OPERATIONS_HPP

#include <dynasession/backend/dynamodb_requests.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/detail/random_mark.hpp>
#include <dynasession/dynamodb/call.hpp>
#include <dynasession/op/action.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

// The commands of a store as operations whose effects are HTTP exchanges.
namespace dynasession::inline v0::backend_detail {

/// Where commands are carried out. Outlives the operations.
struct dynamodb_table {
    const dynamodb::service& service;
    dynamodb_requests requests;
};

using reply_action = op::action<http::exchange, reply>;

inline result<reply> refused(std::optional<record> as_it_is) {
    return reply{.applied = false, .item = std::move(as_it_is)};
}

/// Reads a record, live or expired.
class read_record {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = std::optional<record>;

    read_record(const dynamodb_table& t, const dynamodb::get_item_request& r) : table_(&t), call_(t.service, r) {}

    op::action<http::exchange, value_type> resume(http::reply in, op::instant now) {
        using outer = op::action<http::exchange, value_type>;
        return op::carry_on<outer>(call_.resume(std::move(in), now), [&](auto answered) -> outer {
            const auto& answer = answered->response;
            if (!answer) return result<value_type>(answer.error());
            if (!answer->item) return result<value_type>(value_type{});
            auto found = table_->requests.layout().decode(*answer->item);
            return found ? result<value_type>(*std::move(found)) : result<value_type>(std::move(found).error());
        });
    }

private:
    const dynamodb_table* table_;
    dynamodb::call<dynamodb::get_item_request> call_;
};

class load {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    load(const dynamodb_table& t, const load_record& c) : read_(t, t.requests.load(c.id)) {}

    reply_action resume(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(read_.resume(std::move(in), now), [](auto found) -> reply_action {
            if (!found) return result<reply>(std::move(found).error());
            return result<reply>(reply{.item = *std::move(found)});
        });
    }

private:
    read_record read_;
};

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

/// What became of a write whose condition failed after an answer had been lost.
enum class lost_write { carried_out, not_carried_out, unknown };

/// A write under a condition. When the condition fails, the record as it is is part of the reply: the service
/// sends it along, or, where it does not know how to, it is read.
///
/// A failed condition after a lost answer may mean that the lost attempt was carried out: `Judge(record)`, a
/// lost_write, tells by what is stored now.
template <class Request, class Judge>
class conditional_write {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    conditional_write(const dynamodb_table& t, const session_id& id, const Request& r, Judge judge)
        : table_(&t), id_(id), judge_(std::move(judge)), write_(t.service, r) {}

    reply_action resume(http::reply in, op::instant now) {
        if (read_) return look(std::move(in), now);
        return op::carry_on<reply_action>(write_.resume(std::move(in), now), [&](auto answered) -> reply_action {
            auto& answer = answered->response;
            if (answer) return result<reply>(reply{.version = version_of(answer->attributes)});
            if (answer.error() != error::condition_failed) return result<reply>(std::move(answer).error());
            ambiguous_ = answered->ambiguous;
            if (answered->item) {
                auto as_it_is = table_->requests.layout().decode(*answered->item);
                return as_it_is ? verdict(*std::move(as_it_is)) : result<reply>(std::move(as_it_is).error());
            }
            read_.emplace(*table_, table_->requests.load_after_write(id_));
            return look({}, now);
        });
    }

private:
    static std::uint64_t version_of(const std::optional<dynamodb::item>& attributes) noexcept {
        const auto* version = attributes ? attributes->find(native_layout::version) : nullptr;
        return version ? static_cast<std::uint64_t>(version->as_integer().value_or(0)) : 0;
    }

    reply_action look(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(read_->resume(std::move(in), now), [&](auto found) -> reply_action {
            if (!found) return result<reply>(std::move(found).error());
            return verdict(*std::move(found));
        });
    }

    result<reply> verdict(std::optional<record> as_it_is) const {
        if (!ambiguous_ || !as_it_is) return refused(std::move(as_it_is));
        switch (judge_(*as_it_is)) {
        case lost_write::carried_out: return reply{.version = as_it_is->version};
        case lost_write::unknown: return error::outcome_unknown;
        case lost_write::not_carried_out: break;
        }
        return refused(std::move(as_it_is));
    }

    const dynamodb_table* table_;
    session_id id_;
    Judge judge_;
    dynamodb::call<Request> write_;
    std::optional<read_record> read_;
    bool ambiguous_ = false;
};

/// Repeating this write does no harm: nothing has to be told apart.
struct repeatable {
    lost_write operator()(const record&) const noexcept { return lost_write::not_carried_out; }
};

/// Nobody else makes the very same record under a random id.
struct by_content {
    record content;
    lost_write operator()(const record& found) const {
        return found == content ? lost_write::carried_out : lost_write::not_carried_out;
    }
};

/// A write bound to a version leaves its mark, until the next one leaves another.
struct by_mark {
    std::optional<std::uint64_t> version;
    std::string writer;
    lost_write operator()(const record& found) const noexcept {
        if (!version) return lost_write::not_carried_out;
        if (found.writer == writer) return lost_write::carried_out;
        return found.version <= *version + 1 ? lost_write::not_carried_out : lost_write::unknown;
    }
};

/// Expired at this moment, by the save that followed this version.
struct by_expiry {
    std::uint64_t version;
    time_point expires;
    lost_write operator()(const record& found) const noexcept {
        const bool ours = found.version == version + 1 && found.expires == expires;
        return ours ? lost_write::carried_out : lost_write::not_carried_out;
    }
};

using create = conditional_write<dynamodb::put_item_request, by_content>;
using change = conditional_write<dynamodb::update_item_request, by_mark>;
using touch = conditional_write<dynamodb::update_item_request, repeatable>;
using expire = conditional_write<dynamodb::update_item_request, by_expiry>;

inline create make_create(const dynamodb_table& t, const session_id& id, const record& content) {
    return {t, id, t.requests.create(id, content), by_content{content}};
}

/// A change of more keys than an expression takes: reads the record and writes all of its data, on that version.
class rewrite {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    rewrite(const dynamodb_table& t, change_record c)
        : table_(&t), command_(std::move(c)), read_(std::in_place, t, t.requests.load_after_write(command_.id)) {
        if (command_.writer.empty()) command_.writer = detail::random_mark();
    }

    reply_action resume(http::reply in, op::instant now) {
        if (write_) return written(write_->resume(std::move(in), now), now);
        return op::carry_on<reply_action>(read_->resume(std::move(in), now), [&](auto found) -> reply_action {
            if (!found) return result<reply>(std::move(found).error());
            return apply_to(*std::move(found), now);
        });
    }

private:
    // What the conditions of the command look at here, the condition of the write guards until then.
    reply_action apply_to(std::optional<record> found, op::instant now) {
        const change_record& c = command_;
        if (!found || !c.permitted_by(*found)) return refused(std::move(found));
        record changed = *std::move(found);
        const auto version = changed.version;
        changed.data = apply(changed.data, c.changes);
        if (c.expires) changed.expires = *c.expires;
        read_.reset();
        write_.emplace(*table_, c.id, table_->requests.rewrite(c, changed, version), by_mark{version, c.writer});
        return written(write_->resume({}, now), now);
    }

    reply_action written(reply_action act, op::instant now) {
        return op::carry_on<reply_action>(std::move(act), [&](result<reply> r) -> reply_action {
            if (!r || r->applied || ++attempts_ == max_attempts) return r;
            write_.reset();
            return apply_to(std::move(r->item), now);
        });
    }

    static constexpr int max_attempts = 8;

    const dynamodb_table* table_;
    change_record command_;
    std::optional<read_record> read_;
    std::optional<backend_detail::change> write_;
    int attempts_ = 0;
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
                step_.emplace<expire>(*table_, command_.from,
                                      table_->requests.expire(command_.from, command_.if_version, command_.now), judge);
            } else if (std::holds_alternative<expire>(step_)) {
                if (!r) return r;
                outcome_ = *std::move(r);
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
    std::variant<create, expire, erase> step_;
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
        return op::carry_on<reply_action>(transaction_.resume(std::move(in), now), [&](auto answered) -> reply_action {
            auto& answer = answered->response;
            if (answer) return result<reply>(reply{});
            if (answer.error() == error::unknown_operation) {
                steps_.emplace(*table_, std::move(command_));
                return steps_->resume({}, now);
            }
            const auto& reasons = answered->reasons;
            const auto failed = [&](std::size_t i) { return reasons.size() > i && reasons[i].code == "ConditionalCheckFailed"; };
            if (failed(0)) return result<reply>(error::session_exists);
            // After a lost answer only the new record tells whether the old one was moved.
            if (!failed(1)) lost_ = std::make_unique<failure>(std::move(answer).error());
            if (lost_ && !answered->ambiguous) return result<reply>(std::move(*lost_));
            read_.emplace(*table_, table_->requests.load_after_write(lost_ ? command_.to : command_.from));
            return look({}, now);
        });
    }

private:
    reply_action look(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(read_->resume(std::move(in), now), [&](auto found) -> reply_action {
            if (lost_) return found && *found == command_.content ? result<reply>(reply{}) : result<reply>(std::move(*lost_));
            return found ? refused(*std::move(found)) : result<reply>(std::move(found).error());
        });
    }

    const dynamodb_table* table_;
    move_record command_;
    std::unique_ptr<failure> lost_;
    dynamodb::call<dynamodb::transact_write_items_request> transaction_;
    std::optional<read_record> read_;
    std::optional<move_in_steps> steps_;
};

} // namespace dynasession::inline v0::backend_detail

#endif
