#include "scripted_service.hpp"

#include <dynasession/backend/dynamodb_users.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace dynasession;
using namespace dynasession::backend_detail;
using namespace dynasession::test;

namespace {

struct fixture : scripted_service {
    using scripted_service::item_of;

    record bound(std::chrono::milliseconds since, const std::string& user = "ana") const {
        auto r = stored();
        r.owner = {.user = user, .since = test::now + since, .device = "Firefox"};
        return r;
    }

    dynamodb::item item_of(const session_id& i, const record& r) const { return layout().encode(i, r); }

    dynamodb::item mark(std::int64_t not_before) const {
        auto i = layout().mark_key("ana");
        i.append("m", dynamodb::attribute_value::number(not_before));
        i.append("expires", native_layout::seconds(test::now));
        return i;
    }

    http::reply page(const std::vector<session_id>& ids, bool more = false) const {
        json::array items;
        for (const auto& i : ids) items.push_back(item_json(layout().key(i)));
        json::object body{{"Items", items}, {"Count", ids.size()}, {"ScannedCount", ids.size()}};
        if (more) body["LastEvaluatedKey"] = item_json(layout().key(ids.back()));
        return answer(200, body);
    }

    http::reply batch(const std::vector<dynamodb::item>& items) const {
        json::array all;
        for (const auto& i : items) all.push_back(item_json(i));
        return answer(200, {{"Responses", {{"sessions", all}}}, {"UnprocessedKeys", json::object()}});
    }

    result<reply> list(std::vector<http::reply> answers, std::size_t limit = 1000) {
        return play(list_of_user(table, {"ana", test::now, limit}), std::move(answers));
    }

    result<reply> load_both(std::vector<http::reply> answers) {
        return play(load_with_mark(table, {.id = id, .now = test::now, .mark_of = "ana"}), std::move(answers));
    }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a list follows the index, and believes the items alone") {
    auto expired = bound(5s);
    expired.expires = test::now;
    std::vector<session_id> ids;
    for (int i = 0; i < 6; ++i) ids.push_back(session_id::generate());
    const auto found = list({page({ids[0], ids[1], ids[2]}, true),
                             // One is gone, one is another's now.
                             batch({item_of(ids[1], bound(2s)), item_of(ids[2], bound(9s, "jeremy"))}), page({ids[3], ids[4], ids[5]}),
                             batch({item_of(ids[3], expired), item_of(ids[4], bound(1s)), item_of(ids[5], bound(3s))})});
    REQUIRE(found.has_value());
    REQUIRE(found->sessions.size() == 3);
    CHECK(found->sessions[0].handle == session_handle::of(ids[5]));
    CHECK(found->sessions[1].handle == session_handle::of(ids[1]));
    CHECK(found->sessions[2].handle == session_handle::of(ids[4]));
    CHECK(found->sessions[0].owner.device == "Firefox");
    CHECK(found->sessions[0].times.created == stored().created);
    CHECK(targets == names{"Query", "BatchGetItem", "Query", "BatchGetItem"});
    CHECK(bodies[2].contains("ExclusiveStartKey"));
}

TEST_CASE_FIXTURE(fixture, "a list ends where it is long enough, or where there is nothing") {
    CHECK(list({page({})})->sessions.empty());
    CHECK(list({page({id, other}, true), batch({item_of(id, bound(1s)), item_of(other, bound(2s))})}, 1)->sessions.size() == 1);
}

TEST_CASE_FIXTURE(fixture, "what a move leaves behind is in no list") {
    CHECK(list({page({id}), batch({sign_to(other, test::now + 10s)})})->sessions.empty());
}

TEST_CASE_FIXTURE(fixture, "a table without the index is a matter of the configuration, and the message says what to do") {
    const auto failed = list({refusal("ValidationException")});
    REQUIRE_FALSE(failed.has_value());
    CHECK(failed.error() == error::invalid_option);
    CHECK(failed.error().detail.find("user_index") != std::string::npos);
    CHECK(list({refusal("AccessDeniedException")}).error() == error::access_denied);
    CHECK(list({page({id}), refusal("AccessDeniedException")}).error() == error::access_denied);
}

TEST_CASE_FIXTURE(fixture, "a session and the mark of a user are one request, in whatever order they come") {
    auto both = load_both({batch({mark(77), item_of(bound(1s))})});
    CHECK(both->item == bound(1s));
    CHECK(both->not_before == user_time(77ms));
    CHECK(targets == names{"BatchGetItem"});
    both = load_both({batch({item_of(bound(1s))})});
    CHECK(both->item == bound(1s));
    CHECK(both->not_before == no_mark);
    both = load_both({batch({mark(77)})});
    CHECK_FALSE(both->item);
    CHECK(both->not_before == user_time(77ms));
    CHECK_FALSE(load_both({batch({})})->item);
}

TEST_CASE_FIXTURE(fixture, "an old id leads on, and the mark that was read stands") {
    const auto followed = load_both({batch({sign_to(other, test::now + 10s), mark(77)}), found(bound(1s))});
    CHECK(followed->item == bound(1s));
    CHECK(followed->forwarded);
    CHECK(followed->not_before == user_time(77ms));
    CHECK(targets == names{"BatchGetItem", "GetItem"});
    CHECK(load_both({batch({sign_to(other, test::now)})})->item->moved);
}

TEST_CASE_FIXTURE(fixture, "a mark of foreign shape is corrupt, and nothing is taken for allowed") {
    auto damaged = mark(77);
    damaged.insert_or_assign("m", dynamodb::attribute_value::string("77"));
    CHECK(load_both({batch({item_of(bound(1s)), damaged})}).error() == error::corrupt_session);
    CHECK(play(mark_read(table, {"ana"}), {found(damaged)}).error() == error::corrupt_session);
    CHECK(load_both({refusal("AccessDeniedException")}).error() == error::access_denied);
}

TEST_CASE_FIXTURE(fixture, "a mark is read, or there is none") {
    CHECK(play(mark_read(table, {"ana"}), {found(mark(77))})->not_before == user_time(77ms));
    CHECK(play(mark_read(table, {"ana"}), {nothing()})->not_before == no_mark);
    CHECK(play(mark_read(table, {"ana"}), {refusal("AccessDeniedException")}).error() == error::access_denied);
}

TEST_CASE_FIXTURE(fixture, "what another's handle names stays; after a lost answer what is gone is what was asked for") {
    const auto erase = [&] { return erase_of_user(table, erase_owned_item(table.requests, {"ana", session_handle::of(id)})); };
    CHECK(play(erase(), {written()})->applied);
    CHECK_FALSE(play(erase(), {condition_failed()})->applied);
    CHECK(play(erase(), {lost(), condition_failed()})->applied);
    CHECK(play(erase(), {refusal("AccessDeniedException")}).error() == error::access_denied);
}
