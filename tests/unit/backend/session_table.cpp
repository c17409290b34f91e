#include <dynasession/backend/session_table.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace dynasession;
using namespace dynasession::backend_detail;
using namespace std::chrono_literals;

namespace {

http::reply answer(unsigned status, std::string body) {
    http::response r;
    r.status = status;
    r.body = std::move(body);
    return r;
}

std::string table_json(const char* status, const char* key = "id", const char* more = "") {
    return std::string(R"({"TableName":"sessions","TableStatus":")") + status + R"(","KeySchema":[{"AttributeName":")" + key +
           R"(","KeyType":"HASH"})" + more + R"(],"AttributeDefinitions":[{"AttributeName":")" + key +
           R"(","AttributeType":"S"},{"AttributeName":"s","AttributeType":"S"}]})";
}

const auto created = answer(200, R"({"TableDescription":)" + table_json("CREATING") + "}");
const auto exists = answer(400, R"({"__type":"x#ResourceInUseException","message":"m"})");
const auto creating = answer(200, R"({"Table":)" + table_json("CREATING") + "}");
const auto active = answer(200, R"({"Table":)" + table_json("ACTIVE") + "}");
const auto ttl_off = answer(200, R"({"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}})");
const auto ttl_on = answer(200, R"({"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":"expires"}})");
const auto ttl_other = answer(200, R"({"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":"ttl"}})");
const auto ttl_set = answer(200, R"({"TimeToLiveSpecification":{"AttributeName":"expires","Enabled":true}})");
const auto unknown = answer(400, R"({"__type":"x#UnknownOperationException"})");
const auto denied = answer(400, R"({"__type":"x#AccessDeniedException"})");

struct fixture {
    const dynamodb::service service{"localhost", aws::signer("us-east-1", "dynamodb"), aws::credentials("AKIDEXAMPLE", "secret"), {}};
    const dynamodb_table table{service, dynamodb_requests("sessions", {}, true, "users")};
    std::vector<std::string> targets{};
    std::string first_body{};
    std::chrono::milliseconds paused{};

    result<table_report> play(std::vector<http::reply> answers) {
        prepare_table op(table);
        http::reply in;
        op::instant at{{}, std::chrono::steady_clock::time_point(1h)};
        for (std::size_t next = 0;;) {
            auto act = op.resume(std::exchange(in, {}), at);
            if (auto* done = std::get_if<2>(&act)) {
                CHECK(next == answers.size());
                return *done;
            }
            if (auto* pause = std::get_if<1>(&act)) {
                at.steady += pause->duration;
                paused += pause->duration;
                continue;
            }
            const std::string& head = std::get<0>(act).message->head;
            if (targets.empty()) first_body = std::get<0>(act).message->body;
            const auto from = head.find("DynamoDB_20120810.") + 18;
            targets.push_back(head.substr(from, head.find("\r\n", from) - from));
            REQUIRE_MESSAGE(next < answers.size(), "more requests than answers: " << targets.back());
            in = answers[next++];
        }
    }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a new table is created, waited for, and given its TTL") {
    const auto report = play({created, creating, creating, active, ttl_off, ttl_set});
    REQUIRE(report.has_value());
    CHECK(report->created);
    CHECK(report->time_to_live);
    CHECK(targets.front() == "CreateTable");
    CHECK(targets.back() == "UpdateTimeToLive");
    CHECK(paused > 0ms);
}

TEST_CASE_FIXTURE(fixture, "a table that is there is left as it is") {
    const auto report = play({exists, active, ttl_on});
    REQUIRE(report.has_value());
    CHECK_FALSE(report->created);
    CHECK(report->time_to_live);
}

TEST_CASE_FIXTURE(fixture, "a service without TTL is no failure, and is reported") {
    CHECK_FALSE(play({created, active, unknown})->time_to_live);
    CHECK_FALSE(play({created, active, ttl_off, unknown})->time_to_live);
}

TEST_CASE_FIXTURE(fixture, "a table that cannot hold our sessions is refused") {
    const auto other_key = answer(200, R"({"Table":)" + table_json("ACTIVE", "session_id") + "}");
    const auto sorted = answer(200, R"({"Table":)" + table_json("ACTIVE", "id", R"(,{"AttributeName":"s","KeyType":"RANGE"})") + "}");
    for (const auto& described : {other_key, sorted}) CHECK(play({exists, described}).error() == error::invalid_option);
    CHECK(play({exists, active, ttl_other}).error() == error::invalid_option);
}

TEST_CASE_FIXTURE(fixture, "what fails on the way fails the whole") {
    CHECK(play({denied}).error() == error::access_denied);
    CHECK(play({created, denied}).error() == error::access_denied);
    CHECK(play({created, active, denied}).error() == error::access_denied);
    CHECK(play({created, active, ttl_off, denied}).error() == error::access_denied);
}

TEST_CASE_FIXTURE(fixture, "a new table gets the index by user, which holds keys alone; one that is there may lack it") {
    const auto with_index = answer(200, R"({"Table":{"TableName":"sessions","TableStatus":"ACTIVE","KeySchema":[{"AttributeName":"id",)"
                                        R"("KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],)"
                                        R"("GlobalSecondaryIndexes":[{"IndexName":"users","IndexStatus":"ACTIVE"}]}})");
    CHECK(play({created, with_index, ttl_on})->user_index);
    CHECK(first_body.find(R"({"IndexName":"users","KeySchema":[{"AttributeName":"o","KeyType":"HASH"},{"AttributeName":"s","KeyType":"RANGE"}],)"
                          R"("Projection":{"ProjectionType":"KEYS_ONLY"}})") != std::string::npos);
    CHECK_FALSE(play({exists, active, ttl_on})->user_index);
}
