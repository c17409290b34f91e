#ifndef DYNASESSION_TESTS_UNIT_BACKEND_SCRIPTED_SERVICE_HPP
#define DYNASESSION_TESTS_UNIT_BACKEND_SCRIPTED_SERVICE_HPP

#include <dynasession/backend/read_record.hpp>

#include <boost/asio/error.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace dynasession::test {

using namespace std::chrono_literals;
namespace json = boost::json;

inline const op::instant start{std::chrono::sys_days(std::chrono::year(2026) / 11 / 20) + 10h,
                               std::chrono::steady_clock::time_point(1h)};
inline const time_point now = start.seconds();

inline dynamodb::service make_service() {
    dynamodb::call_options options;
    options.retry.random = [] { return 0.5; };
    return {"dynamodb.us-east-1.amazonaws.com", aws::signer("us-east-1", "dynamodb"),
            aws::credentials("AKIDEXAMPLE", "secret"), options};
}

inline http::reply answer(unsigned status, const json::value& body) {
    http::response r;
    r.status = status;
    r.body = json::serialize(body);
    return r;
}

inline http::reply written() { return answer(200, json::object()); }
inline http::reply refusal(const char* type) {
    return answer(400, {{"__type", std::string("x#") + type}, {"message", "m"}});
}

/// The request went out, and nothing came back.
inline http::reply lost() { return http::reply(failure(error::connection_closed), true); }

/// The connection was refused: nothing went out.
inline http::reply unsent() { return http::reply(failure(error::connection_closed), false); }

inline http::reply aborted(bool sent) { return http::reply(failure(boost::asio::error::operation_aborted), sent); }

inline json::value item_json(const dynamodb::item& i) {
    std::string text;
    dynamodb::json_writer out(text);
    out.value(i);
    return json::parse(text);
}

inline std::string mark(char letter) { return std::string(journal::mark_size, letter); }

/// A service that exists only as a list of answers, and records what it was asked.
struct scripted_service {
    const dynamodb::service service = make_service();
    const backend_detail::dynamodb_table table{service, backend_detail::dynamodb_requests("sessions", {}, true)};
    const session_id id = session_id::generate();
    const session_id other = session_id::generate();
    std::vector<std::string> targets{};
    std::vector<json::object> bodies{};
    std::vector<std::chrono::milliseconds> limits{}; ///< how much time each request was given
    std::chrono::milliseconds exchange_time{0};      ///< how long each answer takes
    op::instant clock = start;

    record stored(std::uint64_t version = 3, std::string_view writers = {}) const {
        record r;
        r.created = now - 1h;
        r.deadline = now + 11h;
        r.expires = now + 20min;
        r.max_stale = 30min;
        r.version = version;
        r.data = fields({{"n", "1"}, {"user", "\"ana\""}});
        std::string marks;
        for (const char w : writers) marks += mark(w);
        r.journal = journal(marks);
        return r;
    }

    const native_layout& layout() const noexcept { return table.requests.layout(); }

    dynamodb::item item_of(const record& r) const {
        auto i = layout().encode(id, r);
        if (r.lock.held()) {
            i.append("lock", dynamodb::attribute_value::string(r.lock.token));
            i.append("lock_until", native_layout::milliseconds(r.lock.until));
        }
        return i;
    }

    /// What a move leaves under an id.
    dynamodb::item sign_to(const session_id& to, time_point until, time_point expires = now,
                           std::uint64_t version = 4) const {
        using value = dynamodb::attribute_value;
        dynamodb::item i = layout().key(id);
        i.append("expires", native_layout::seconds(expires));
        i.append("v", value::number(version));
        i.append("f", value::string(layout().key_text(to)));
        i.append("u", native_layout::seconds(until));
        return i;
    }

    http::reply found(const dynamodb::item& i) const { return answer(200, {{"Item", item_json(i)}}); }
    http::reply found(const record& r) const { return found(item_of(r)); }
    http::reply nothing() const { return answer(200, json::object()); }

    http::reply condition_failed() const { return refusal("ConditionalCheckFailedException"); }
    http::reply condition_failed(const dynamodb::item& shown) const {
        return answer(400, {{"__type", "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"},
                            {"message", "m"},
                            {"Item", item_json(shown)}});
    }
    http::reply condition_failed(const record& shown) const { return condition_failed(item_of(shown)); }

    /// Runs an operation against these answers, all of which it has to ask for.
    template <class Op>
    auto play(Op op, std::vector<http::reply> answers) {
        targets.clear();
        bodies.clear();
        limits.clear();
        service.quota.give_back(aws::retry_quota::capacity); // what was played before does not count
        http::reply in;
        for (std::size_t next = 0;;) {
            auto act = op.resume(std::move(in), clock);
            in = {};
            if (auto* done = std::get_if<2>(&act)) {
                CHECK(next == answers.size());
                return std::move(*done);
            }
            if (auto* pause = std::get_if<1>(&act)) {
                pass(pause->duration);
                continue;
            }
            const auto& exchange = std::get<0>(act);
            limits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(exchange.deadline - clock.steady));
            const auto& message = *exchange.message;
            const auto from = message.head.find("DynamoDB_20120810.") + 18;
            targets.push_back(message.head.substr(from, message.head.find("\r\n", from) - from));
            bodies.push_back(json::parse(message.body).as_object());
            REQUIRE_MESSAGE(next < answers.size(), "more requests than answers: " << targets.back());
            pass(exchange_time);
            in = std::move(answers[next++]);
        }
    }

    void pass(std::chrono::milliseconds d) {
        clock.system += d;
        clock.steady += d;
    }
};

using names = std::vector<std::string>;

} // namespace dynasession::test

#endif
