#ifndef DYNASESSION_BACKEND_CONDITIONAL_WRITE_HPP
#define DYNASESSION_BACKEND_CONDITIONAL_WRITE_HPP

#include <dynasession/backend/read_record.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/core/journal.hpp>
#include <dynasession/dynamodb/call.hpp>
#include <dynasession/dynamodb/operations/write_item.hpp>
#include <dynasession/op/action.hpp>

#include <boost/asio/error.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace dynasession::inline v0::backend_detail {

inline result<reply> refused(std::optional<record> as_it_is) {
    return reply{.applied = false, .item = std::move(as_it_is)};
}

/// What became of a write whose answer was lost.
enum class lost_write { carried_out, not_carried_out, unknown };

/// Repeating this write does no harm: nothing has to be told apart.
struct repeatable {
    static constexpr bool tells = false;
    lost_write operator()(const record&) const noexcept { return lost_write::not_carried_out; }
};

/// Nobody else makes the very same record under a random id.
struct by_content {
    static constexpr bool tells = true;
    record content{};
    lost_write operator()(const record& found) const {
        record as_written = found;
        as_written.journal = content.journal;
        as_written.lock = content.lock;
        return as_written == content ? lost_write::carried_out : lost_write::not_carried_out;
    }
};

/// A save leaves its mark in the journal, which tells of so many versions as it has marks.
struct by_mark {
    static constexpr bool tells = true;
    std::uint64_t version = 0; ///< that the save was bound to
    std::string mark{};
    std::optional<as_read> read{}; ///< and to this, if it was
    lost_write operator()(const record& found) const noexcept {
        if (found.journal.contains(mark)) return lost_write::carried_out;
        // Somebody came between who raises no version. A copy that is on its way yet will find that, too.
        if (read && found.version == version && found.data != read->data) return lost_write::not_carried_out;
        // It may be carried out yet, or has left nothing to know it by.
        if (found.version <= version || mark.empty()) return lost_write::unknown;
        return found.version - version <= found.journal.size() ? lost_write::not_carried_out : lost_write::unknown;
    }
};

/// Expired at this moment, by the move that followed this version.
struct by_expiry {
    static constexpr bool tells = true;
    std::uint64_t version = 0;
    time_point expires{};
    lost_write operator()(const record& found) const {
        if (found.version <= version) return lost_write::unknown; // it may be carried out yet
        const bool ours = found.version == version + 1 && found.expires == expires;
        return ours ? lost_write::carried_out : lost_write::not_carried_out;
    }
};

/// A write under a condition. When the condition fails, the record as it is is part of the reply: the service
/// sends it along, or, where it does not know how to, it is read.
///
/// After a lost answer `Judge(record)`, a lost_write, tells by what is stored now whether the write was carried out; for
/// that it is read too, within the time of the call.
template <class Request, class Judge>
class conditional_write {
public:
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = reply;

    conditional_write(const dynamodb_table& t, const session_id& id, const Request& r, Judge judge = {})
        : table_(&t), id_(id), judge_(std::move(judge)), write_(t.service, r) {}

    reply_action resume(http::reply in, op::instant now) {
        if (read_) return look(std::move(in), now);
        if (deadline_ == steady_time{}) deadline_ = now.steady + table_->service.options.timeout;
        return op::carry_on<reply_action>(write_.resume(std::move(in), now), [&](auto answered) -> reply_action {
            auto& answer = answered->response;
            if (answer) return applied(std::move(answer->attributes));
            ambiguous_ = answered->ambiguous;
            const bool condition_failed = answer.error() == error::condition_failed;
            if (!condition_failed) {
                if (!Judge::tells || !ambiguous_ || answer.error() == boost::asio::error::operation_aborted)
                    return result<reply>(std::move(answer).error());
                lost_ = std::move(answer).error();
            }
            if (answered->item) {
                auto as_it_is = table_->requests.layout().decode(*answered->item);
                if (!as_it_is) return ambiguous_ && Judge::tells ? unknown() : result<reply>(std::move(as_it_is).error());
                return verdict(*std::move(as_it_is));
            }
            read_.emplace(*table_, table_->requests.load_after_write(id_), deadline_);
            return look({}, now);
        });
    }

private:
    using steady_time = std::chrono::steady_clock::time_point;

    reply_action applied(std::optional<dynamodb::item> attributes) const {
        if (!attributes) return result<reply>(reply{});
        auto now_stored = table_->requests.layout().decode(*attributes);
        if (now_stored && now_stored->moved) return refused(*std::move(now_stored)); // our clock is behind
        return now_stored ? result<reply>(reply{.item = *std::move(now_stored)}) : result<reply>(std::move(now_stored).error());
    }

    reply_action look(http::reply in, op::instant now) {
        return op::carry_on<reply_action>(read_->resume(std::move(in), now), [&](auto found) -> reply_action {
            if (found) return verdict(*std::move(found));
            if (Judge::tells && ambiguous_ && !lost_) lost_ = found.error();
            return lost_ ? unknown() : result<reply>(std::move(found).error());
        });
    }

    result<reply> verdict(std::optional<record> as_it_is) const {
        if (!as_it_is) return lost_ && std::same_as<Judge, by_content> ? result<reply>(*lost_) : refused(std::nullopt);
        if (!ambiguous_) return refused(std::move(as_it_is));
        switch (judge_(*as_it_is)) {
        case lost_write::carried_out: return reply{};
        case lost_write::unknown: return unknown();
        case lost_write::not_carried_out: break;
        }
        return refused(std::move(as_it_is));
    }

    // A record that is made under a random id is recognised when it is made once more.
    result<reply> unknown() const {
        if (lost_ && std::same_as<Judge, by_content>) return *lost_;
        return lost_ ? failure(error::outcome_unknown, lost_->code.message()) : failure(error::outcome_unknown);
    }

    const dynamodb_table* table_;
    session_id id_;
    Judge judge_;
    dynamodb::call<Request> write_;
    std::optional<read_record> read_{};
    std::optional<failure> lost_{}; ///< why there was no answer
    steady_time deadline_{};
    bool ambiguous_ = false;
};

using create = conditional_write<dynamodb::put_item_request, by_content>;
using change = conditional_write<dynamodb::update_item_request, by_mark>;
using update = conditional_write<dynamodb::update_item_request, repeatable>;
using leave = conditional_write<dynamodb::update_item_request, by_expiry>;

inline create make_create(const dynamodb_table& t, const session_id& id, const record& content) {
    return {t, id, t.requests.create(id, content), by_content{content}};
}

} // namespace dynasession::inline v0::backend_detail

#endif
