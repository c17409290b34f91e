#include <dynasession/backend/read_record.hpp>

#include "scripted_service.hpp"

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <vector>

using namespace dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using backend_detail::load;
using backend_detail::read_record;
using value = dynamodb::attribute_value;

TEST_CASE_FIXTURE(scripted_service, "a load reads consistently and decodes the item; no item is no failure") {
    const auto there = play(load(table, {id, now}), {found(stored(3, "ab"))});
    REQUIRE(there.has_value());
    CHECK(there->item == stored(3, "ab"));
    CHECK_FALSE(there->forwarded);
    CHECK(targets == names{"GetItem"});
    CHECK(bodies[0].at("ConsistentRead").as_bool());
    CHECK(bodies[0].at("Key") == item_json(layout().key(id)));
    const auto absent = play(load(table, {id, now}), {nothing()});
    REQUIRE(absent.has_value());
    CHECK_FALSE(absent->item);
    CHECK_FALSE(absent->forwarded);
}

TEST_CASE_FIXTURE(scripted_service, "a load gives expired records, and shows who holds the lock") {
    auto r = stored();
    r.expires = now - 1h;
    r.lock = {"their token", now + 10s};
    CHECK(play(load(table, {id, now}), {found(r)})->item == r);
}

TEST_CASE_FIXTURE(scripted_service, "a load that may miss the last writes costs half") {
    CHECK(play(load(table, {id, now, true}), {found(stored())})->item == stored());
    CHECK_FALSE(bodies[0].contains("ConsistentRead"));
}

TEST_CASE_FIXTURE(scripted_service, "a failed load is a failure, never an absent session") {
    CHECK(play(load(table, {id, now}), {refusal("AccessDeniedException")}).error() == error::access_denied);
    CHECK(play(load(table, {id, now}), {lost(), lost(), lost(), lost()}).error() == error::connection_closed);
    CHECK(play(load(table, {id, now}), {aborted(true)}).error().code == boost::asio::error::operation_aborted);
    auto broken = item_of(stored());
    broken.insert_or_assign("d", value::string("user|s:3:\"ana\";"));
    CHECK(play(load(table, {id, now}), {found(broken)}).error() == error::corrupt_session);
}

TEST_CASE_FIXTURE(scripted_service, "a sign of a move is followed, consistently also where the first look was not") {
    for (const bool may_be_stale : {false, true}) {
        const auto led =
            play(load(table, {id, now, may_be_stale}), {found(sign_to(other, now + 60s)), found(stored(7))});
        REQUIRE(led.has_value());
        CHECK(led->item == stored(7));
        CHECK(led->forwarded);
        CHECK(targets == names{"GetItem", "GetItem"});
        CHECK(bodies[1].at("Key") == item_json(layout().key(other)));
        CHECK(bodies[1].at("ConsistentRead").as_bool());
    }
}

TEST_CASE_FIXTURE(scripted_service, "a sign is followed before its end, by the time of the command") {
    CHECK(play(load(table, {id, now}), {found(sign_to(other, now + 1s)), found(stored())})->forwarded);
    for (const auto end : {now, now - 1s, now - 1h}) {
        const auto over = play(load(table, {id, now}), {found(sign_to(other, end))});
        REQUIRE(over.has_value());
        CHECK_FALSE(over->forwarded);
        CHECK(targets.size() == 1);
        REQUIRE(over->item);
        CHECK(over->item->moved);
        CHECK_FALSE(over->item->live(now));
    }
}

TEST_CASE_FIXTURE(scripted_service, "a sign is no session even for a clock that is behind") {
    const auto over = play(load(table, {id, now - 10s}), {found(sign_to(other, now - 20s))});
    REQUIRE(over->item);
    CHECK_FALSE(over->item->live(now - 10s));
}

TEST_CASE_FIXTURE(scripted_service, "a sign that leads to nothing gives nothing") {
    const auto gone = play(load(table, {id, now}), {found(sign_to(other, now + 60s)), nothing()});
    REQUIRE(gone.has_value());
    CHECK_FALSE(gone->item);
    CHECK(play(load(table, {id, now}), {found(sign_to(other, now + 60s)), refusal("AccessDeniedException")}).error() ==
          error::access_denied);
}

TEST_CASE_FIXTURE(scripted_service, "a session that was moved twice is found, but nobody is sent round in circles") {
    const auto third = session_id::generate();
    const auto led = play(load(table, {id, now}),
                          {found(sign_to(other, now + 60s)), found(sign_to(third, now + 60s)), found(stored(8))});
    REQUIRE(led.has_value());
    CHECK(led->item == stored(8));
    CHECK(led->forwarded);
    CHECK(bodies[2].at("Key") == item_json(layout().key(third)));

    const auto half_way = play(load(table, {id, now}), {found(sign_to(other, now + 60s)), found(sign_to(third, now))});
    REQUIRE(half_way.has_value());
    CHECK_FALSE((half_way->item && half_way->item->live(now)));

    const std::vector<http::reply> circle(9, found(sign_to(id, now + 60s)));
    const auto dizzy = play(load(table, {id, now}), circle);
    REQUIRE(dizzy.has_value());
    CHECK(dizzy->item->moved);
}

TEST_CASE_FIXTURE(scripted_service, "a read ends by the deadline that it is given") {
    const auto request = table.requests.load_after_write(id);
    CHECK(play(read_record(table, request, start.steady + 700ms), {found(stored())}).value() == stored());
    CHECK(limits == std::vector{700ms});
    // Attempts of 2 s each, until 5 s have passed.
    exchange_time = 600ms;
    CHECK(play(read_record(table, request, clock.steady + 700ms), {lost(), lost()}).error() ==
          error::connection_closed);
    CHECK(limits.size() == 2);
    CHECK(limits[1] < 100ms);
    CHECK(play(read_record(table, request), {found(stored())}).value() == stored());
    CHECK(limits == std::vector{2000ms});
}
