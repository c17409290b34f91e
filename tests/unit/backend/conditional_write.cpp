#include <dynasession/backend/conditional_write.hpp>

#include "scripted_service.hpp"

#include <boost/asio/error.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using namespace dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using backend_detail::by_expiry;
using backend_detail::by_mark;
using backend_detail::dynamodb_requests;
using backend_detail::dynamodb_table;
using backend_detail::lost_write;
using backend_detail::make_create;
using backend_detail::update;
using value = dynamodb::attribute_value;

namespace {

// All answers that leave a write in doubt, as many as a call has attempts.
std::vector<http::reply> no_answer(http::reply last) { return {lost(), lost(), lost(), lost(), std::move(last)}; }

struct fixture : scripted_service {
    // A save that goes on top of version 3 and leaves the mark "mmmm...".
    result<reply> save(std::vector<http::reply> answers) {
        const change_record c{.id = id,
                              .changes = {fields{{"n", "2"}}, {"user"}},
                              .after = fields{{"n", "2"}},
                              .expires = now + 30min,
                              .if_version = 3,
                              .now = now,
                              .journal = journal().followed_by(mark('m'))};
        return play(backend_detail::change(table, id, table.requests.change(c), {c.if_version, mark('m')}),
                    std::move(answers));
    }

    // The same where others write that raise no version.
    result<reply> save_as_read(std::vector<http::reply> answers) {
        const change_record c{.id = id,
                              .changes = {fields{{"n", "2"}}, {}},
                              .after = fields{{"n", "2"}},
                              .if_version = 3,
                              .now = now,
                              .journal = journal().followed_by(mark('m')),
                              .if_as_read = as_read::of(stored())};
        return play(backend_detail::change(table, id, table.requests.change(c), {c.if_version, mark('m'), c.if_as_read}),
                    std::move(answers));
    }

    result<reply> acquire(std::vector<http::reply> answers) {
        const lock_record c{.id = id, .claim = {"our token", now + 10s}, .now = now};
        return play(update(table, id, table.requests.lock(c)), std::move(answers));
    }

    result<reply> renew(std::vector<http::reply> answers) {
        return play(update(table, id, table.requests.renew({id, {"our token", now + 10s}})), std::move(answers));
    }

    result<reply> create(std::vector<http::reply> answers) {
        return play(make_create(table, id, stored()), std::move(answers));
    }

    record locked(std::string token) const {
        auto r = stored();
        r.lock = {std::move(token), now + 10s};
        return r;
    }

    http::reply attributes(const dynamodb::item& i) const { return answer(200, {{"Attributes", item_json(i)}}); }
};

bool is_applied(const result<reply>& r) { return r.has_value() && r->applied; }

// Nothing was written, and this is what is there.
bool is_refused(const result<reply>& r, const std::optional<record>& as_it_is) {
    return r.has_value() && !r->applied && r->item == as_it_is;
}

bool is_unknown(const result<reply>& r) { return r.has_error() && r.error() == error::outcome_unknown; }

} // namespace

// SAVE: a write that leaves a mark (reference: table of repeated requests).

TEST_CASE_FIXTURE(fixture, "a save that is answered is applied") {
    CHECK(is_applied(save({written()})));
    CHECK(targets == names{"UpdateItem"});
    CHECK(bodies[0].at("ReturnValuesOnConditionCheckFailure") == "ALL_OLD");
    CHECK(is_applied(save({lost(), written()})));
}

TEST_CASE_FIXTURE(fixture, "a save whose first copy was applied is recognised by its mark, whoever has saved since") {
    for (const auto* writers : {"m", "xm", "xym", "xyzm"}) {
        const auto version = 3 + std::string_view(writers).size();
        CHECK(is_applied(save({lost(), condition_failed(stored(version, writers))})));
        CHECK(targets == names{"UpdateItem", "UpdateItem"});
        CHECK(is_applied(save({lost(), condition_failed(), found(stored(version, writers))})));
        CHECK(targets == names{"UpdateItem", "UpdateItem", "GetItem"});
    }
}

TEST_CASE_FIXTURE(fixture, "a save that fails at the first attempt was certainly not applied") {
    for (const std::uint64_t version : {2U, 3U, 4U, 9U})
        for (const auto* writers : {"", "x", "m"}) {
            CHECK(is_refused(save({condition_failed(stored(version, writers))}), stored(version, writers)));
            CHECK(targets == names{"UpdateItem"});
        }
}

TEST_CASE_FIXTURE(fixture, "attempts that were not carried out for certain leave no doubt") {
    CHECK(is_refused(save({unsent(), condition_failed(stored(3))}), stored(3)));
    CHECK(is_refused(save({refusal("ThrottlingException"), condition_failed(stored(3))}), stored(3)));
}

TEST_CASE_FIXTURE(fixture, "every attempt that may have been carried out leaves a doubt") {
    const auto cut = answer(200, "not the answer to this");
    for (const auto& first : {lost(), answer(500, "html"), answer(503, ""), refusal("InternalServerError"), cut})
        CHECK(is_unknown(save({first, condition_failed(stored(3))})));
    auto resent = condition_failed(stored(3)); // on another connection, by the level below
    resent.repeated = true;
    CHECK(is_unknown(save({resent})));
}

TEST_CASE_FIXTURE(fixture,
                  "a save that is not among the marks was not applied, as long as they tell of all versions since") {
    const std::string_view others = "wxyz";
    for (std::uint64_t n = 1; n <= 4; ++n)
        for (std::uint64_t version = 4; version <= 3 + n; ++version) {
            const auto there = stored(version, others.substr(0, n));
            CHECK(is_refused(save({lost(), condition_failed(there)}), there));
            CHECK(is_refused(save({lost(), condition_failed(), found(there)}), there));
            CHECK(is_refused(save(no_answer(found(there))), there));
        }
}

TEST_CASE_FIXTURE(fixture, "a save whose version is still there may be carried out yet: nobody knows") {
    for (const auto* writers : {"", "w", "wxyz"}) {
        const auto there = stored(3, writers);
        CHECK(is_unknown(save({lost(), condition_failed(there)})));
        CHECK(is_unknown(save({lost(), condition_failed(), found(there)})));
        CHECK(is_unknown(save(no_answer(found(there)))));
        CHECK(is_unknown(save(no_answer(found(stored(2, writers))))));
    }
}

TEST_CASE_FIXTURE(fixture, "a save whose mark may have been pushed out by others: nobody knows") {
    const std::string_view others = "wxyz";
    for (std::uint64_t n = 0; n <= 4; ++n)
        for (const std::uint64_t version : {4 + n, 5 + n, 100 + n}) {
            const auto there = stored(version, others.substr(0, n));
            CHECK(is_unknown(save({lost(), condition_failed(there)})));
            CHECK(is_unknown(save(no_answer(found(there)))));
        }
}

TEST_CASE_FIXTURE(fixture, "a save among others that raise no version is recognised by its mark, whatever they wrote since") {
    auto there = stored(4, "m");
    SUBCASE("nothing") {}
    SUBCASE("the expiry alone") { there.expires += 1min; }
    SUBCASE("all of it") {
        there.expires -= 1min;
        there.data = fields{{"php", "1"}};
    }
    CHECK(is_applied(save_as_read({lost(), condition_failed(there)})));
    CHECK(is_applied(save_as_read({lost(), condition_failed(), found(there)})));
    CHECK(is_applied(save_as_read(no_answer(found(there)))));
}

TEST_CASE_FIXTURE(fixture, "a save before which one of them came was certainly not applied, and a late copy will not be either") {
    auto there = stored();
    there.data = fields{{"php", "1"}};
    SUBCASE("within the same second") {}
    SUBCASE("later") { there.expires += 1min; }
    CHECK(is_refused(save_as_read({condition_failed(there)}), there));
    CHECK(is_refused(save_as_read({lost(), condition_failed(there)}), there));
    CHECK(is_refused(save_as_read({lost(), condition_failed(), found(there)}), there));
    CHECK(is_refused(save_as_read(no_answer(found(there))), there));
    CHECK(is_unknown(save({lost(), condition_failed(there)}))); // where nobody asked for that
}

TEST_CASE_FIXTURE(fixture, "a save of which the expiry alone has moved may be carried out yet, should it move back") {
    auto there = stored();
    CHECK(is_unknown(save_as_read(no_answer(found(there)))));
    there.expires += 1min;
    CHECK(is_refused(save_as_read({condition_failed(there)}), there));
    CHECK(is_unknown(save_as_read({lost(), condition_failed(there)})));
    CHECK(is_unknown(save_as_read(no_answer(found(there)))));
}

TEST_CASE_FIXTURE(fixture, "a save without any answer is decided by a consistent read") {
    const dynamodb_table eventual{service, dynamodb_requests("sessions", {}, false)};
    const auto c = change_record{.id = id, .if_version = 3, .now = now, .journal = journal().followed_by(mark('m'))};
    const auto done = play(backend_detail::change(eventual, id, eventual.requests.change(c), {3, mark('m')}),
                           no_answer(found(stored(4, "m"))));
    CHECK(is_applied(done));
    CHECK(targets == names{"UpdateItem", "UpdateItem", "UpdateItem", "UpdateItem", "GetItem"});
    CHECK(bodies[4].at("ConsistentRead").as_bool());
    CHECK(bodies[4].at("Key") == bodies[0].at("Key"));
}

TEST_CASE_FIXTURE(fixture, "a save of what is gone meanwhile is refused, without a record") {
    CHECK(is_refused(save(no_answer(nothing())), std::nullopt));
    CHECK(is_refused(save({condition_failed(), nothing()}), std::nullopt));
    CHECK(is_refused(save({lost(), condition_failed(), nothing()}), std::nullopt));
}

TEST_CASE_FIXTURE(fixture, "a save after which the session was moved away is never taken for applied") {
    CHECK(is_unknown(save({lost(), condition_failed(sign_to(other, now + 60s))})));
    const auto refused = save({condition_failed(sign_to(other, now + 60s))});
    REQUIRE(refused.has_value());
    CHECK_FALSE(refused->applied);
    REQUIRE(refused->item);
    CHECK(refused->item->moved);
    CHECK_FALSE(refused->item->live(now - 10s));
}

TEST_CASE_FIXTURE(fixture, "that nobody knows is said with the reason, and as a conflict") {
    const auto unknown = save(no_answer(found(stored(3))));
    REQUIRE(is_unknown(unknown));
    CHECK(unknown.error() == condition::conflict);
    CHECK(unknown.error().detail == make_error_code(error::connection_closed).message());
}

TEST_CASE_FIXTURE(fixture, "when not even the read is answered, nobody knows") {
    auto answers = no_answer(lost());
    answers.insert(answers.end(), 3, lost());
    CHECK(is_unknown(save(answers)));
    CHECK(is_unknown(save(no_answer(refusal("AccessDeniedException")))));
    CHECK(is_unknown(save({lost(), condition_failed(), refusal("AccessDeniedException")})));
    // Certainly refused; only by whom is not known.
    CHECK(save({condition_failed(), refusal("AccessDeniedException")}).error() == error::access_denied);
}

TEST_CASE_FIXTURE(fixture, "the read has what is left of the time of the call, and no more") {
    exchange_time = 1100ms;
    CHECK(is_applied(save(no_answer(found(stored(4, "m"))))));
    const auto before_the_read =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock.steady - start.steady) - exchange_time;
    CHECK(limits.back() + before_the_read == service.options.timeout);
    CHECK(limits.back() < service.options.attempt_timeout);
    CHECK(limits.back() > 0ms);

    clock = start;
    exchange_time = 1200ms; // a read that is not answered either: no further attempt
    CHECK(is_unknown(save(no_answer(lost()))));
    CHECK(targets.size() == 5);

    clock = start;
    exchange_time = 0ms;
    CHECK(is_applied(save({condition_failed(), found(stored(4))})) == false);
    CHECK(limits.back() == service.options.attempt_timeout);
}

TEST_CASE_FIXTURE(fixture, "a failure that leaves no doubt is passed on without a look") {
    CHECK(save({refusal("AccessDeniedException")}).error() == error::access_denied);
    CHECK(save({refusal("ThrottlingException"), refusal("ThrottlingException"), refusal("ThrottlingException"),
                refusal("ThrottlingException")})
              .error() == error::throttled);
    CHECK(save({unsent(), unsent(), unsent(), unsent()}).error() == error::connection_closed);
}

TEST_CASE_FIXTURE(fixture, "a cancellation is passed on without a look, whatever was sent before") {
    CHECK(save({aborted(true)}).error().code == boost::asio::error::operation_aborted);
    CHECK(save({aborted(false)}).error().code == boost::asio::error::operation_aborted);
    CHECK(save({lost(), aborted(true)}).error().code == boost::asio::error::operation_aborted);
    CHECK(is_unknown(save(no_answer(aborted(true)))));
}

TEST_CASE_FIXTURE(fixture, "an item of foreign shape is a failure, in the answer and in the read") {
    auto broken = item_of(stored());
    broken.insert_or_assign("d", value::string("user|s:3:\"ana\";"));
    CHECK(save({condition_failed(broken)}).error() == error::corrupt_session);
    CHECK(save({condition_failed(), found(broken)}).error() == error::corrupt_session);
}

TEST_CASE("a mark tells what became of a write, and nothing without a mark") {
    const auto judged = [](std::uint64_t version, std::string_view writers, std::string own) {
        record r;
        r.version = version;
        std::string marks;
        for (const char w : writers) marks += mark(w);
        r.journal = journal(marks);
        return by_mark{7, std::move(own)}(r);
    };
    CHECK(judged(8, "a", mark('a')) == lost_write::carried_out);
    CHECK(judged(8, "b", mark('a')) == lost_write::not_carried_out);
    CHECK(judged(7, "b", mark('a')) == lost_write::unknown);
    CHECK(judged(9, "b", mark('a')) == lost_write::unknown);
    CHECK(judged(8, "", mark('a')) == lost_write::unknown);
    // What leaves no mark cannot be told from the others.
    CHECK(judged(8, "b", "") == lost_write::unknown);
    CHECK(judged(8, "", "") == lost_write::unknown);
}

// CREATE: a write that is told by what is stored.

TEST_CASE_FIXTURE(fixture, "a create shows the record that is there already") {
    CHECK(is_applied(create({written()})));
    CHECK(targets == names{"PutItem"});
    CHECK(is_refused(create({condition_failed(stored(7))}), stored(7)));
    CHECK(is_refused(create({condition_failed(), found(stored(7))}), stored(7)));
    CHECK(is_refused(create({condition_failed(), nothing()}), std::nullopt));
    // Without a lost answer even an equal record is not ours.
    CHECK(is_refused(create({condition_failed(stored())}), stored()));
}

TEST_CASE_FIXTURE(fixture, "a create whose first copy was applied is recognised by what is stored, locked or not") {
    for (const auto& there : {stored(), locked("token"), stored(3, "ab")}) {
        CHECK(is_applied(create({lost(), condition_failed(there)})));
        CHECK(is_applied(create({lost(), condition_failed(), found(there)})));
        CHECK(is_applied(create(no_answer(found(there)))));
    }
    CHECK(is_refused(create({lost(), condition_failed(stored(9))}), stored(9)));
    CHECK(is_refused(create(no_answer(found(stored(9)))), stored(9)));
}

TEST_CASE_FIXTURE(fixture,
                  "a create that left nothing behind fails as the network did: its record may be made once more") {
    CHECK(create(no_answer(nothing())).error() == error::connection_closed);
    CHECK(create(no_answer(refusal("AccessDeniedException"))).error() == error::connection_closed);
    CHECK(create({lost(), condition_failed(), refusal("AccessDeniedException")}).error() == error::access_denied);
    CHECK(create({aborted(true)}).error().code == boost::asio::error::operation_aborted);
}

// ACQUIRE, RENEW, TOUCH: the same effect when they are repeated.

TEST_CASE_FIXTURE(fixture, "a lock is taken and the session read in one request") {
    const auto taken = acquire({attributes(item_of(locked("our token")))});
    REQUIRE(is_applied(taken));
    CHECK(taken->item == locked("our token"));
    CHECK(targets == names{"UpdateItem"});
    CHECK(bodies[0].at("ReturnValues") == "ALL_NEW");
}

TEST_CASE_FIXTURE(fixture, "a lock whose first answer was lost is taken once more by its token") {
    const auto taken = acquire({lost(), attributes(item_of(locked("our token")))});
    REQUIRE(is_applied(taken));
    CHECK(taken->item == locked("our token"));
    CHECK(bodies[0] == bodies[1]); // and not by another one
    // Somebody has stolen it meanwhile, or its token was used up.
    CHECK(is_refused(acquire({lost(), condition_failed(locked("their token"))}), locked("their token")));
    CHECK(is_refused(acquire({lost(), condition_failed(), found(locked("our token"))}), locked("our token")));
}

TEST_CASE_FIXTURE(fixture, "a lock that another holds is refused, with the holder") {
    CHECK(is_refused(acquire({condition_failed(locked("their token"))}), locked("their token")));
    CHECK(is_refused(acquire({condition_failed(), found(locked("their token"))}), locked("their token")));
    CHECK(is_refused(acquire({condition_failed(), nothing()}), std::nullopt));
    auto foreign = item_of(stored());
    foreign.append("lock", value::number(1));
    const auto refused = acquire({condition_failed(foreign)});
    REQUIRE(refused.has_value());
    CHECK(refused->item->lock.foreign);
}

TEST_CASE_FIXTURE(fixture, "a sign of a move cannot be locked, not even with a clock that is behind") {
    const auto sign = sign_to(other, now + 60s);
    for (const auto& refused : {acquire({condition_failed(sign)}), acquire({attributes(sign)})}) {
        REQUIRE(refused.has_value());
        CHECK_FALSE(refused->applied);
        REQUIRE(refused->item);
        CHECK(refused->item->moved);
    }
}

TEST_CASE_FIXTURE(fixture, "a locked item of foreign shape is a failure") {
    auto broken = item_of(locked("our token"));
    broken.erase("v");
    CHECK(acquire({attributes(broken)}).error() == error::corrupt_session);
}

TEST_CASE_FIXTURE(fixture, "a repeatable write without an answer fails as the network did") {
    const std::vector<http::reply> silence(4, lost());
    CHECK(acquire(silence).error() == error::connection_closed);
    CHECK(renew(silence).error() == error::connection_closed);
    CHECK(targets.size() == 4);
}

TEST_CASE_FIXTURE(
    fixture, "a lock is renewed any number of times, and is lost when the condition fails, whatever got lost before") {
    CHECK(is_applied(renew({written()})));
    CHECK_FALSE(renew({written()})->item);
    CHECK(is_applied(renew({lost(), written()})));
    CHECK(is_refused(renew({condition_failed(locked("their token"))}), locked("their token")));
    CHECK(is_refused(renew({lost(), condition_failed(locked("their token"))}), locked("their token")));
    CHECK(is_refused(renew({lost(), condition_failed(stored())}), stored()));
    CHECK(is_refused(renew({condition_failed(), nothing()}), std::nullopt));
}

TEST_CASE_FIXTURE(fixture, "a touch whose first copy was applied is refused with the expiry that it set") {
    auto touched = stored();
    touched.expires = now + 30min;
    const auto request = table.requests.touch({id, now + 30min, now});
    CHECK(is_refused(play(update(table, id, request), {lost(), condition_failed(touched)}), touched));
}

// The expiry that a move leaves behind.

TEST_CASE("an expiry tells whose move it was, and nothing while the version is there") {
    const auto judged = [](std::uint64_t version, time_point expires) {
        record r;
        r.version = version;
        r.expires = expires;
        return by_expiry{7, now}(r);
    };
    CHECK(judged(8, now) == lost_write::carried_out);
    CHECK(judged(8, now + 1s) == lost_write::not_carried_out);
    CHECK(judged(9, now) == lost_write::not_carried_out);
    CHECK(judged(7, now + 1h) == lost_write::unknown); // it may be carried out yet
    CHECK(judged(7, now) == lost_write::unknown);
}
