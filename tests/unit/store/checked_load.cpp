#include <dynasession/store/checked_load.hpp>

#include <dynasession/lock/load_once.hpp>

#include "support/stepping.hpp"

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::lock_detail::load_once;
using ds::store_detail::checked_load;
using ds::store_detail::revocation;

namespace {

struct fixture {
    const ds::session_id id = ds::session_id::generate();
    std::shared_ptr<const revocation> marks = std::make_shared<const revocation>(ds::session_options{.revocation_marks = true});

    auto load() const { return checked_load(id, load_once(id, false), marks); }

    ds::record bound(const std::string& user = "ana", std::chrono::milliseconds since = 0ms) const {
        auto r = stored_at_noon();
        r.owner = {.user = user, .since = noon + since};
        return r;
    }

    ds::result<ds::reply> with_mark(std::optional<ds::record> r, std::chrono::milliseconds mark) const {
        return ds::reply{.item = std::move(r), .not_before = noon + mark};
    }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "without marks a load is as it is") {
    marks.reset();
    auto op = load();
    CHECK(asked<ds::load_record>(op.resume({}, at(0s))).mark_of.empty());
    CHECK(finished(op.resume(applied(bound()), at(0s)))->has_value());
}

TEST_CASE_FIXTURE(fixture, "where it is not known whose a session is the mark is asked for after it, and by the next load with it") {
    auto op = load();
    CHECK(asked<ds::load_record>(op.resume({}, at(0s))).mark_of.empty());
    CHECK(asked<ds::load_mark>(op.resume(applied(bound()), at(0s))).user == "ana");
    CHECK(finished(op.resume(with_mark({}, -1ms), at(0s))).value()->stored == bound());
    auto next = load();
    CHECK(asked<ds::load_record>(next.resume({}, at(0s))).mark_of == "ana");
    CHECK(finished(next.resume(with_mark(bound(), -1ms), at(0s))).value()->stored == bound());
}

TEST_CASE_FIXTURE(fixture, "what was bound until the mark is none, and removed") {
    for (const auto mark : {0ms, 5ms}) {
        marks->hints.remember(id, "ana");
        auto op = load();
        asked<ds::load_record>(op.resume({}, at(0s)));
        const auto erase = asked<ds::erase_owned>(op.resume(with_mark(bound(), mark), at(0s)));
        CHECK(erase.user == "ana");
        CHECK(erase.handle == ds::session_handle::of(id));
        CHECK(erase.bound_until == noon + mark);
        ds::result<ds::reply> answer = ds::reply{};
        SUBCASE("") {}
        SUBCASE("or it could not be") { answer = ds::failure(ds::error::timeout); }
        CHECK_FALSE(finished(op.resume(answer, at(0s))).value().has_value());
    }
}

TEST_CASE_FIXTURE(fixture, "a hint that is out of date costs a request, and decides nothing") {
    marks->hints.remember(id, "jeremy");
    auto op = load();
    CHECK(asked<ds::load_record>(op.resume({}, at(0s))).mark_of == "jeremy");
    CHECK(asked<ds::load_mark>(op.resume(with_mark(bound(), 1h), at(0s))).user == "ana");
    CHECK(finished(op.resume(with_mark({}, -1ms), at(0s))).value().has_value());
    CHECK(marks->hints.of(id) == "ana");
}

TEST_CASE_FIXTURE(fixture, "a mark that was asked for and not read is read") {
    marks->hints.remember(id, "ana");
    auto op = load();
    asked<ds::load_record>(op.resume({}, at(0s)));
    CHECK(asked<ds::load_mark>(op.resume(applied(bound()), at(0s))).user == "ana");
}

TEST_CASE_FIXTURE(fixture, "nobody's session and none at all are not looked further into") {
    for (const auto& found : {std::optional(stored_at_noon()), std::optional<ds::record>()}) {
        marks->hints.remember(id, "ana");
        auto op = load();
        asked<ds::load_record>(op.resume({}, at(0s)));
        CHECK(finished(op.resume(with_mark(found, 1h), at(0s)))->has_value() == found.has_value());
        if (found) CHECK(marks->hints.of(id).empty());
    }
}

TEST_CASE_FIXTURE(fixture, "without an answer about the mark there is no session") {
    auto op = load();
    asked<ds::load_record>(op.resume({}, at(0s)));
    asked<ds::load_mark>(op.resume(applied(bound()), at(0s)));
    SUBCASE("failure") { CHECK(fails_with(op.resume(ds::failure(ds::error::timeout), at(0s)), ds::error::timeout)); }
    SUBCASE("no mark in it") { CHECK(fails_with(op.resume(applied(), at(0s)), ds::error::malformed_response)); }
    SUBCASE("cancelled") {
        const ds::failure aborted(boost::asio::error::operation_aborted);
        CHECK(fails_with(op.resume(aborted, at(0s)), boost::asio::error::operation_aborted));
    }
}
