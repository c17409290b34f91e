#include <dynasession/backend/dynamodb_operations.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dynasession;
using namespace dynasession::backend_detail;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

const op::instant start{std::chrono::sys_days(std::chrono::year(2026) / 11 / 20) + 10h, std::chrono::steady_clock::time_point(1h)};
const time_point now = std::chrono::floor<std::chrono::seconds>(start.system);

dynamodb::service make_service() {
    dynamodb::call_options options;
    options.retry.random = [] { return 0.5; };
    return {"dynamodb.us-east-1.amazonaws.com", aws::signer("us-east-1", "dynamodb"),
            aws::credentials("AKIDEXAMPLE", "secret"), options};
}

http::reply answer(unsigned status, const json::value& body) {
    http::response r;
    r.status = status;
    r.body = json::serialize(body);
    return r;
}

http::reply lost() { return http::reply(failure(error::connection_closed), true); }

json::value item_json(const dynamodb::item& i) {
    std::string text;
    dynamodb::json_writer out(text);
    out.value(i);
    return json::parse(text);
}

/// A service that exists only as a list of answers, and records what it was asked.
struct fixture {
    const dynamodb::service service = make_service();
    const dynamodb_table table{service, dynamodb_requests("sessions", {}, true)};
    const session_id id = session_id::generate();
    const session_id other = session_id::generate();
    std::vector<std::string> targets{};
    std::vector<json::object> bodies{};

    record stored(std::uint64_t version = 3) const {
        record r;
        r.created = now - 1h;
        r.deadline = now + 11h;
        r.expires = now + 20min;
        r.max_stale = 30min;
        r.version = version;
        r.data = fields({{"n", "1"}, {"user", "\"ana\""}});
        return r;
    }

    json::value found(const record& r) const { return {{"Item", item_json(table.requests.layout().encode(id, r))}}; }

    json::value condition_failed(const std::optional<record>& shown = {}) const {
        json::object body{{"__type", "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}, {"message", "m"}};
        if (shown) body["Item"] = item_json(table.requests.layout().encode(id, *shown));
        return body;
    }

    template <class Op>
    result<reply> play(Op op, std::vector<http::reply> answers) {
        http::reply in;
        auto at = start;
        for (std::size_t next = 0;;) {
            auto act = op.resume(std::move(in), at);
            in = {};
            if (auto* done = std::get_if<2>(&act)) {
                CHECK(next == answers.size());
                return std::move(*done);
            }
            if (auto* pause = std::get_if<1>(&act)) {
                at.system += pause->duration;
                at.steady += pause->duration;
                continue;
            }
            const auto& message = *std::get<0>(act).message;
            const auto from = message.head.find("DynamoDB_20120810.") + 18;
            targets.push_back(message.head.substr(from, message.head.find("\r\n", from) - from));
            bodies.push_back(json::parse(message.body).as_object());
            REQUIRE_MESSAGE(next < answers.size(), "more requests than answers: " << targets.back());
            in = std::move(answers[next++]);
        }
    }
};

using names = std::vector<std::string>;

} // namespace

TEST_CASE_FIXTURE(fixture, "load reads consistently and decodes the item; no item is no failure") {
    const auto there = play(load(table, {id}), {answer(200, found(stored()))});
    REQUIRE(there.has_value());
    CHECK(there->item == stored());
    CHECK(targets == names{"GetItem"});
    CHECK(bodies[0].at("ConsistentRead").as_bool());
    const auto absent = play(load(table, {id}), {answer(200, json::object())});
    REQUIRE(absent.has_value());
    CHECK_FALSE(absent->item);
}

TEST_CASE_FIXTURE(fixture, "a failed condition shows the record that the service sends along, without a further request") {
    const auto refused = play(make_create(table, id, stored()), {answer(400, condition_failed(stored(7)))});
    REQUIRE(refused.has_value());
    CHECK_FALSE(refused->applied);
    CHECK(refused->item == stored(7));
    CHECK(targets == names{"PutItem"});
    CHECK(bodies[0].at("ReturnValuesOnConditionCheckFailure") == "ALL_OLD");
    CHECK(bodies[0].at("ConditionExpression") == "attribute_not_exists(#0)");
}

TEST_CASE_FIXTURE(fixture, "a failed condition without a record is followed by a consistent read") {
    const dynamodb_table eventual{service, dynamodb_requests("sessions", {}, false)};
    const touch_record put_off{id, now + 30min, now};
    const auto refused = play(touch(eventual, id, eventual.requests.touch(put_off), {}), {answer(400, condition_failed()), answer(200, json::object())});
    REQUIRE(refused.has_value());
    CHECK_FALSE(refused->applied);
    CHECK_FALSE(refused->item);
    CHECK(targets == names{"UpdateItem", "GetItem"});
    CHECK(bodies[1].at("ConsistentRead").as_bool());
}

TEST_CASE_FIXTURE(fixture, "a create whose first answer was lost is recognised by what is stored") {
    SUBCASE("it was carried out") {
        const auto done = play(make_create(table, id, stored()), {lost(), answer(400, condition_failed()), answer(200, found(stored()))});
        REQUIRE(done.has_value());
        CHECK(done->applied);
    }
    SUBCASE("somebody else's record is under this id") {
        const auto done = play(make_create(table, id, stored()), {lost(), answer(400, condition_failed(stored(9)))});
        REQUIRE(done.has_value());
        CHECK_FALSE(done->applied);
    }
    SUBCASE("without a lost answer even an equal record is not ours") {
        const auto done = play(make_create(table, id, stored()), {answer(400, condition_failed(stored()))});
        REQUIRE(done.has_value());
        CHECK_FALSE(done->applied);
    }
}

TEST_CASE_FIXTURE(fixture, "a change sends only what changes, under its conditions, and learns the new version") {
    change_record c{.id = id, .changes = {fields({{"n", "2"}, {"", "3"}}), {"gone"}}, .expires = now + 30min, .if_version = 3, .now = now};
    const auto done = play(change(table, id, table.requests.change(c), {c.if_version, c.writer}), {answer(200, {{"Attributes", {{"v", {{"N", "4"}}}}}})});
    REQUIRE(done.has_value());
    CHECK(done->applied);
    CHECK(done->version == 4);
    const auto& body = bodies[0];
    const auto& n = body.at("ExpressionAttributeNames").as_object();
    CHECK(body.at("ReturnValues") == "UPDATED_NEW");
    std::string update = body.at("UpdateExpression").as_string().c_str();
    for (const auto& member : n) { // longest placeholders are two characters here
        const std::string shown = "<" + std::string(member.value().as_string().c_str()) + ">";
        for (auto at = update.find(member.key()); at != update.npos; at = update.find(member.key(), at + shown.size()))
            update.replace(at, member.key().size(), shown);
    }
    CHECK(update == "SET <d>.<>=:0,<d>.<n>=:1,<expires>=:3,<v>=<v>+:5 REMOVE <d>.<gone>");
    CHECK(n.at("#1").as_string() == std::string_view("\0", 1));
    const auto& values = body.at("ExpressionAttributeValues").as_object();
    CHECK(values.at(":1").at("S") == "2");
    CHECK(values.size() == 6);
    CHECK(std::string(body.at("ConditionExpression").as_string()).find(" AND ") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a change bound to a version leaves a mark, by which it is recognised after a lost answer") {
    const change_record c{.id = id, .changes = {fields{{"n", "2"}}, {"user"}}, .expires = now + 30min, .if_version = 3, .now = now, .writer = "our mark"};
    const auto played = [&](std::uint64_t version, const char* mark, bool first_is_lost) {
        auto shown = stored(version);
        shown.writer = mark;
        std::vector<http::reply> answers;
        if (first_is_lost) answers.push_back(lost());
        answers.push_back(answer(400, condition_failed(shown)));
        return play(change(table, id, table.requests.change(c), {c.if_version, c.writer}), std::move(answers));
    };
    CHECK(played(4, "our mark", true)->applied);
    CHECK(json::serialize(bodies.back()).find("our mark") != std::string::npos);
    CHECK(played(9, "our mark", true)->applied); // others, who bind themselves to no version, have saved since
    CHECK_FALSE(played(4, "their mark", true)->applied);
    CHECK_FALSE(played(3, "", true)->applied);
    CHECK(played(5, "their mark", true).error() == error::outcome_unknown);
    CHECK(played(5, "", true).error() == condition::conflict);
    CHECK_FALSE(played(5, "their mark", false)->applied);
}

TEST_CASE_FIXTURE(fixture, "an empty change is a valid request") {
    const change_record c{.id = id, .expires = now + 30min, .now = now};
    CHECK(play(change(table, id, table.requests.change(c), {c.if_version, c.writer}), {answer(200, json::object())})->applied);
    CHECK(json::serialize(bodies[0].at("ExpressionAttributeNames")).find("\"d\"") == std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "an item of foreign shape fails the command, in the answer and in the failed condition") {
    json::value broken = found(stored());
    broken.at("Item").as_object()["d"] = {{"S", "user|s:3:\"ana\";"}};
    CHECK(play(load(table, {id}), {answer(200, broken)}).error() == error::corrupt_session);
    json::value refused = condition_failed(stored());
    refused.as_object()["Item"] = broken.at("Item");
    CHECK(play(make_create(table, id, stored()), {answer(400, refused)}).error() == error::corrupt_session);
}

TEST_CASE_FIXTURE(fixture, "many changes are applied to what is stored, on its version, again until nobody was faster") {
    delta changes;
    std::vector<std::string> keys;
    for (int i = 0; i < 150; ++i) keys.push_back("k" + std::to_string(i));
    std::vector<field> set;
    for (const auto& k : keys) set.push_back({k, "1"});
    changes.set = fields(set);
    const change_record c{.id = id, .changes = changes, .expires = now + 30min, .now = now};

    const auto done = play(rewrite(table, c), {answer(200, found(stored(3))), answer(400, condition_failed(stored(4))),
                                               answer(200, {{"Attributes", {{"v", {{"N", "5"}}}}}})});
    REQUIRE(done.has_value());
    CHECK(done->version == 5);
    CHECK(targets == names{"GetItem", "UpdateItem", "UpdateItem"});
    const auto& values = bodies[2].at("ExpressionAttributeValues").as_object();
    CHECK(values.at(":0").at("M").as_object().size() == 152);
    CHECK(json::serialize(bodies[2].at("ConditionExpression")).find("<=") != std::string::npos);

    targets.clear();
    const auto gone = play(rewrite(table, c), {answer(200, found(stored(3))), answer(400, condition_failed()), answer(200, json::object())});
    REQUIRE(gone.has_value());
    CHECK_FALSE(gone->applied);
    CHECK_FALSE(gone->item);

    auto expired = stored();
    expired.expires = now;
    const auto late = play(rewrite(table, c), {answer(200, found(expired))});
    REQUIRE(late.has_value());
    CHECK_FALSE(late->applied);
    CHECK(late->item == expired);

    std::vector<http::reply> race{answer(200, found(stored(3)))};
    for (int i = 0; i < 8; ++i) race.push_back(answer(400, condition_failed(stored(4))));
    const auto lost_race = play(rewrite(table, c), std::move(race));
    REQUIRE(lost_race.has_value());
    CHECK_FALSE(lost_race->applied);
}

TEST_CASE_FIXTURE(fixture, "a move is one transaction under a token of its own") {
    const move_record c{.from = id, .to = other, .content = stored(4), .if_version = 3, .now = now};
    const auto cancelled = [&](const char* put, const char* remove) {
        return json::value{{"__type", "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"},
                           {"message", "m"},
                           {"CancellationReasons", {{{"Code", put}}, {{"Code", remove}}}}};
    };
    SUBCASE("applied") {
        CHECK(play(move(table, c), {answer(200, json::object())})->applied);
        CHECK(targets == names{"TransactWriteItems"});
        CHECK(bodies[0].at("ClientRequestToken").as_string().size() == 34);
        CHECK(bodies[0].at("TransactItems").as_array().size() == 2);
    }
    SUBCASE("the old record has changed or gone") {
        const auto done = play(move(table, c), {answer(400, cancelled("None", "ConditionalCheckFailed")), answer(200, found(stored(5)))});
        REQUIRE(done.has_value());
        CHECK_FALSE(done->applied);
        CHECK(done->item == stored(5));
    }
    SUBCASE("the new id is taken") {
        CHECK(play(move(table, c), {answer(400, cancelled("ConditionalCheckFailed", "None"))}).error() == error::session_exists);
    }
    SUBCASE("the answer was lost, and the new record shows that it was moved") {
        std::vector<http::reply> answers{lost(), lost(), lost(), lost()};
        answers.push_back(answer(200, {{"Item", item_json(table.requests.layout().encode(other, c.content))}}));
        CHECK(play(move(table, c), answers)->applied);
        CHECK(targets.back() == "GetItem");
    }
    SUBCASE("the answer was lost, and there is no new record") {
        std::vector<http::reply> answers{lost(), lost(), lost(), lost()};
        answers.push_back(answer(200, json::object()));
        CHECK(play(move(table, c), answers).error() == error::connection_closed);
    }
    SUBCASE("cancelled for another reason") {
        CHECK(play(move(table, c), {answer(400, cancelled("None", "ValidationError"))}).error() == error::transaction_cancelled);
    }
}

TEST_CASE_FIXTURE(fixture, "where the service has no transactions, a move writes, expires and erases in this order") {
    const move_record c{.from = id, .to = other, .content = stored(4), .if_version = 3, .now = now};
    const auto unknown = answer(400, {{"__type", "com.amazon.coral.service#UnknownOperationException"}});
    const auto written = answer(200, json::object());
    auto expired_by_us = stored(4);
    expired_by_us.expires = now;

    SUBCASE("applied") {
        CHECK(play(move(table, c), {unknown, written, written, written})->applied);
        CHECK(targets == names{"TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem"});
        CHECK(bodies[3].at("Key") == bodies[2].at("Key"));
    }
    SUBCASE("that the old record cannot be erased does no harm: it has expired") {
        CHECK(play(move(table, c), {unknown, written, written, answer(400, {{"__type", "x#ValidationException"}})})->applied);
    }
    SUBCASE("the old record has gone: the new one is taken back") {
        const auto done = play(move(table, c), {unknown, written, answer(400, condition_failed()), answer(200, json::object()), written});
        REQUIRE(done.has_value());
        CHECK_FALSE(done->applied);
        CHECK_FALSE(done->item);
        CHECK(targets.back() == "DeleteItem");
        CHECK(bodies.back().at("Key") != bodies[2].at("Key"));
    }
    SUBCASE("the answer to the expiry was lost, and the record shows that it was carried out") {
        CHECK(play(move(table, c), {unknown, written, lost(), answer(400, condition_failed(expired_by_us)), written})->applied);
        CHECK(bodies.back().at("Key") == bodies[2].at("Key"));
    }
    SUBCASE("the answer was lost, and somebody else has changed the record") {
        const auto done = play(move(table, c), {unknown, written, lost(), answer(400, condition_failed(stored(4))), written});
        REQUIRE(done.has_value());
        CHECK_FALSE(done->applied);
    }
    SUBCASE("the new id is taken") {
        CHECK(play(move(table, c), {unknown, answer(400, condition_failed(stored(1)))}).error() == error::session_exists);
    }
    SUBCASE("a step that fails ends the move") {
        CHECK(play(move(table, c), {unknown, answer(400, {{"__type", "x#AccessDeniedException"}})}).error() == error::access_denied);
    }
}

TEST_CASE_FIXTURE(fixture, "erase has no condition, and tells what failed") {
    CHECK(play(erase(table, id), {answer(200, json::object())})->applied);
    CHECK_FALSE(bodies[0].contains("ConditionExpression"));
    CHECK(play(erase(table, id), {answer(400, {{"__type", "x#AccessDeniedException"}})}).error() == error::access_denied);
}
