#include <dynasession/backend/dynamodb_moves.hpp>

#include "scripted_service.hpp"

#include <boost/asio/error.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using backend_detail::erase;

namespace {

const auto no_transactions = refusal("UnknownOperationException");

struct fixture : scripted_service {
    move_record command(std::chrono::seconds grace = 0s, std::string token = {}) const {
        return {.from = id,
                .to = other,
                .content = stored(4),
                .if_version = 3,
                .now = now,
                .if_locked_by = std::move(token),
                .grace = grace};
    }

    result<reply> move(const move_record& c, std::vector<http::reply> answers) {
        return play(backend_detail::move(table, c), std::move(answers));
    }
    result<reply> move(std::vector<http::reply> answers) { return move(command(), std::move(answers)); }

    // The new record, as a read finds it.
    http::reply found_new(const record& r) const {
        return answer(200, {{"Item", item_json(layout().encode(other, r))}});
    }

    // What the old record becomes where there are no transactions.
    record expired_by_us() const {
        auto r = stored(4);
        r.expires = now;
        return r;
    }

    json::value key_of(const session_id& which) const { return item_json(layout().key(which)); }
};

http::reply cancelled(const char* put, const char* removal) {
    return answer(400, {{"__type", "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"},
                        {"message", "m"},
                        {"CancellationReasons", {{{"Code", put}}, {{"Code", removal}}}}});
}

std::vector<http::reply> no_answer(http::reply last) { return {lost(), lost(), lost(), lost(), std::move(last)}; }

} // namespace

TEST_CASE_FIXTURE(fixture, "erase has no condition, says when it failed, and may be repeated") {
    CHECK(play(erase(table, id), {written()})->applied);
    CHECK(targets == names{"DeleteItem"});
    CHECK(bodies[0].at("Key") == key_of(id));
    CHECK_FALSE(bodies[0].contains("ConditionExpression"));
    CHECK(play(erase(table, id), {lost(), written()})->applied);
    CHECK(play(erase(table, id), {refusal("AccessDeniedException")}).error() == error::access_denied);
    CHECK(play(erase(table, id), {lost(), lost(), lost(), lost()}).error() == error::connection_closed);
}

TEST_CASE_FIXTURE(fixture, "a move is one transaction: the new record is put, the old one deleted") {
    CHECK(move({written()})->applied);
    CHECK(targets == names{"TransactWriteItems"});
    CHECK(bodies[0].at("ClientRequestToken").as_string().size() == 36);
    const auto& items = bodies[0].at("TransactItems").as_array();
    REQUIRE(items.size() == 2);
    CHECK(items[0].at("Put").at("Item") == item_json(layout().encode(other, stored(4))));
    CHECK(items[1].at("Delete").at("Key") == key_of(id));
    CHECK_FALSE(json::serialize(items[1].at("Delete")).find("lock") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a move that is repeated is the same transaction, so that it counts once") {
    CHECK(move({lost(), refusal("TransactionInProgressException"), written()})->applied);
    CHECK(targets.size() == 3);
    CHECK(bodies[0] == bodies[1]);
    CHECK(bodies[0] == bodies[2]);
}

TEST_CASE_FIXTURE(fixture, "a move under a lock demands its token of the old record") {
    CHECK(move(command(0s, "our token"), {written()})->applied);
    const auto& removal = bodies[0].at("TransactItems").as_array()[1].at("Delete");
    CHECK(json::serialize(removal.at("ExpressionAttributeNames")).find("\"lock\"") != std::string::npos);
    CHECK(json::serialize(removal.at("ExpressionAttributeValues")).find("our token") != std::string::npos);
    CHECK(json::serialize(bodies[0].at("TransactItems").as_array()[0]).find("our token") == std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a move with a grace time makes the old record a sign to the new one") {
    CHECK(move(command(60s, "our token"), {written()})->applied);
    const auto& left = bodies[0].at("TransactItems").as_array()[1].at("Update");
    CHECK(left.at("Key") == key_of(id));
    const auto values = json::serialize(left.at("ExpressionAttributeValues"));
    CHECK(values.find(layout().key_text(other)) != std::string::npos);
    CHECK(values.find(std::to_string((now + 60s).time_since_epoch().count())) != std::string::npos);
    CHECK(values.find("our token") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a move whose old record has changed, is locked or has gone is refused with what is there") {
    const auto changed = move({cancelled("None", "ConditionalCheckFailed"), found(stored(5))});
    REQUIRE(changed.has_value());
    CHECK_FALSE(changed->applied);
    CHECK(changed->item == stored(5));
    CHECK(targets == names{"TransactWriteItems", "GetItem"});
    CHECK(bodies[1].at("Key") == key_of(id));
    CHECK(bodies[1].at("ConsistentRead").as_bool());

    const auto gone = move({cancelled("None", "ConditionalCheckFailed"), nothing()});
    REQUIRE(gone.has_value());
    CHECK_FALSE(gone->applied);
    CHECK_FALSE(gone->item);

    CHECK(move({cancelled("None", "ConditionalCheckFailed"), refusal("AccessDeniedException")}).error() ==
          error::access_denied);
}

TEST_CASE_FIXTURE(fixture, "a move to an id that is taken says so") {
    CHECK(move({cancelled("ConditionalCheckFailed", "None")}).error() == error::session_exists);
    CHECK(move({cancelled("ConditionalCheckFailed", "ConditionalCheckFailed")}).error() == error::session_exists);
}

TEST_CASE_FIXTURE(fixture, "a move without an answer is decided by the new record") {
    for (const auto grace : {0s, 60s}) {
        CHECK(move(command(grace), no_answer(found_new(stored(4))))->applied);
        CHECK(targets.back() == "GetItem");
        CHECK(bodies.back().at("Key") == key_of(other));
        CHECK(bodies.back().at("ConsistentRead").as_bool());
        // It may be carried out yet.
        CHECK(move(command(grace), no_answer(nothing())).error() == error::outcome_unknown);
        CHECK(move(command(grace), no_answer(found_new(stored(5)))).error() == error::outcome_unknown);
        CHECK(move(command(grace), no_answer(refusal("AccessDeniedException"))).error() == error::outcome_unknown);
    }
    auto locked = stored(4);
    locked.journal = journal(mark('a')); // as far as a move is concerned
    CHECK(move(no_answer(found_new(locked)))->applied);
}

TEST_CASE_FIXTURE(fixture, "the look after a lost move has what is left of the time of the call") {
    exchange_time = 1100ms;
    CHECK(move(no_answer(found_new(stored(4))))->applied);
    const auto before_the_read =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock.steady - start.steady) - exchange_time;
    CHECK(limits.back() + before_the_read == service.options.timeout);
}

TEST_CASE_FIXTURE(fixture,
                  "a move that was cancelled for another reason, or failed without a doubt, is not looked after") {
    CHECK(move({cancelled("None", "ValidationError")}).error() == error::invalid_request);
    CHECK(move({refusal("AccessDeniedException")}).error() == error::access_denied);
    CHECK(move({aborted(false)}).error().code == boost::asio::error::operation_aborted);
    CHECK(move({unsent(), unsent(), unsent(), unsent()}).error() == error::connection_closed);
}

TEST_CASE_FIXTURE(fixture, "without transactions a move puts, expires and erases, in this order") {
    CHECK(move({no_transactions, written(), written(), written()})->applied);
    CHECK(targets == names{"TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem"});
    CHECK(bodies[1].at("Item") == item_json(layout().encode(other, stored(4))));
    CHECK(bodies[2].at("Key") == key_of(id));
    CHECK(bodies[3].at("Key") == key_of(id));
}

TEST_CASE_FIXTURE(fixture, "without transactions a move with a grace time ends with the sign") {
    CHECK(move(command(60s), {no_transactions, written(), written()})->applied);
    CHECK(targets == names{"TransactWriteItems", "PutItem", "UpdateItem"});
    CHECK(json::serialize(bodies[2].at("ExpressionAttributeValues")).find(layout().key_text(other)) !=
          std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "without transactions, too, the lock is demanded") {
    CHECK(move(command(0s, "our token"), {no_transactions, written(), written(), written()})->applied);
    CHECK(json::serialize(bodies[1]).find("our token") == std::string::npos);
    CHECK(json::serialize(bodies[2].at("ExpressionAttributeValues")).find("our token") != std::string::npos);
    auto theirs = stored(3);
    theirs.lock = {"their token", now + 10s};
    const auto refused =
        move(command(0s, "our token"), {no_transactions, written(), condition_failed(theirs), written()});
    REQUIRE(refused.has_value());
    CHECK_FALSE(refused->applied);
    CHECK(refused->item == theirs);
    CHECK(bodies.back().at("Key") == key_of(other));
}

TEST_CASE_FIXTURE(fixture, "an old record that cannot be erased does no harm: it has expired") {
    CHECK(move({no_transactions, written(), written(), refusal("ValidationException")})->applied);
    CHECK(move({no_transactions, written(), written(), lost(), lost(), lost(), lost()})->applied);
}

TEST_CASE_FIXTURE(fixture, "when the old record has gone or changed the new one is taken back") {
    const auto gone = move({no_transactions, written(), condition_failed(), nothing(), written()});
    REQUIRE(gone.has_value());
    CHECK_FALSE(gone->applied);
    CHECK_FALSE(gone->item);
    CHECK(targets.back() == "DeleteItem");
    CHECK(bodies.back().at("Key") == key_of(other));

    const auto changed = move({no_transactions, written(), condition_failed(stored(4)), written()});
    REQUIRE(changed.has_value());
    CHECK_FALSE(changed->applied);
    CHECK(changed->item == stored(4));
    CHECK(bodies.back().at("Key") == key_of(other));
}

TEST_CASE_FIXTURE(fixture, "an expiry whose answer was lost is told by what it left") {
    SUBCASE("it was carried out") {
        CHECK(move({no_transactions, written(), lost(), condition_failed(expired_by_us()), written()})->applied);
        CHECK(bodies.back().at("Key") == key_of(id));
    }
    SUBCASE("it was carried out, and is seen by the read alone") {
        CHECK(move({no_transactions, written(), lost(), lost(), lost(), lost(), found(expired_by_us()), written()})
                  ->applied);
        CHECK(bodies.back().at("Key") == key_of(id));
    }
    SUBCASE("it made the old record a sign") {
        CHECK(move(command(60s), {no_transactions, written(), lost(), condition_failed(sign_to(other, now + 60s))})
                  ->applied);
    }
    SUBCASE("somebody else has changed the record") {
        const auto refused = move({no_transactions, written(), lost(), condition_failed(stored(4)), written()});
        REQUIRE(refused.has_value());
        CHECK_FALSE(refused->applied);
        CHECK(bodies.back().at("Key") == key_of(other));
    }
    SUBCASE("it may be carried out yet: then the new record has to stay") {
        const auto unknown = move({no_transactions, written(), lost(), lost(), lost(), lost(), found(stored(3))});
        REQUIRE(unknown.has_error());
        CHECK(unknown.error() == error::outcome_unknown);
        CHECK(targets.back() == "GetItem");
    }
}

TEST_CASE_FIXTURE(fixture, "without transactions a step that fails ends the move") {
    CHECK(move({no_transactions, condition_failed(stored(1))}).error() == error::session_exists);
    CHECK(move({no_transactions, refusal("AccessDeniedException")}).error() == error::access_denied);
    CHECK(move({no_transactions, written(), refusal("AccessDeniedException")}).error() == error::access_denied);
}
