#include <dynasession/lock/move_changes.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::lock_detail::move_changes;

namespace {

const auto id = ds::session_id::generate(), to = ds::session_id::generate();
const std::string ours = "OURSOURSOURSOURS", theirs = "THEIRSTHEIRSTHEI";

ds::delta changes() { return {ds::fields({ds::field{"new", "2", true}}), {"gone"}}; }

// A session bound to its id by one more entry, as an encrypting serializer would.
ds::result<ds::fields> bound(const ds::fields& f) { return apply(f, {ds::fields({ds::field{"bound", "new id"}}), {}}); }

auto moving(ds::delta d = {}, std::string token = {}) {
    ds::save_request r{.id = id, .stored = stored_at_noon(), .changes = std::move(d), .grace = 20s};
    r.stored.lock = {ours, noon + 10s};
    return move_changes(std::move(r), to, bound, {.last_writer_wins = true}, std::move(token));
}

} // namespace

TEST_CASE("a session moves with its changes, bound to the new id, in one command") {
    auto move = moving(changes());
    const auto c = asked<ds::move_record>(move.resume({}, at(10min + 1ms)));
    CHECK(c.from == id);
    CHECK(c.to == to);
    CHECK(c.if_version == 3);
    CHECK(c.now == noon + 10min);
    CHECK(c.grace == 20s);
    CHECK(c.if_locked_by.empty());
    CHECK(c.content.data == ds::fields({{"kept", "1"}, {"new", "2", true}, {"bound", "new id"}}));
    CHECK(c.content.version == 4);
    CHECK(c.content.expires == noon + 40min);
    CHECK(c.content.created == noon);
    CHECK(c.content.deadline == noon + 12h);
    const auto saved = finished(move.resume(applied(), at(11min))).value();
    CHECK(saved.stored == c.content);
    CHECK_FALSE(saved.merged);
}

TEST_CASE("nobody has a lock under the new id") {
    auto move = moving(changes(), ours);
    CHECK_FALSE(asked<ds::move_record>(move.resume({}, at(0s))).content.lock.held());
}

TEST_CASE("what others saved before a move comes along") {
    auto move = moving(changes());
    asked<ds::move_record>(move.resume({}, at(0s)));
    auto other = stored_at_noon();
    other.data = ds::fields({{"kept", "changed"}, {"gone", "1"}, {"theirs", "3"}});
    other.version = 7;
    other.expires = noon + 1h;
    const auto c = asked<ds::move_record>(move.resume(refused(other), at(0s)));
    CHECK(c.if_version == 7);
    CHECK(c.content.version == 8);
    CHECK(c.content.expires == noon + 1h);
    CHECK(c.content.data ==
          ds::fields({{"kept", "changed"}, {"theirs", "3"}, {"new", "2", true}, {"bound", "new id"}}));
    const auto saved = finished(move.resume(applied(), at(0s))).value();
    CHECK(saved.merged);
    CHECK(saved.stored == c.content);
}

TEST_CASE("entries that were only written anew do not move over what others saved") {
    ds::save_request r{.id = id, .stored = stored_at_noon(), .changes = {ds::fields({{"kept", "1 anew"}, {"new", "2"}}), {}}};
    r.renewed = {"kept"};
    move_changes move(std::move(r), to, bound, {.last_writer_wins = true});
    CHECK(asked<ds::move_record>(move.resume({}, at(0s))).content.data.find("kept")->text == "1 anew");
    auto other = stored_at_noon();
    other.data = ds::fields({ds::field{"kept", "theirs"}});
    other.version = 4;
    const auto c = asked<ds::move_record>(move.resume(refused(other), at(0s)));
    CHECK(c.content.data == ds::fields({{"bound", "new id"}, {"kept", "theirs"}, {"new", "2"}}));
}

TEST_CASE("a move that others are always ahead of gives up at last") {
    auto move = moving();
    asked<ds::move_record>(move.resume({}, at(0s)));
    auto other = stored_at_noon();
    ++other.version;
    CHECK(asked<ds::move_record>(move.resume(refused(other), at(0s))).if_version == other.version); // at once
    auto act = move.resume(refused(other), at(0s));
    for (int attempts = 2; !std::holds_alternative<ds::result<ds::saved>>(act); ++attempts) {
        REQUIRE(attempts < 100);
        paused(act);
        ++other.version;
        asked<ds::move_record>(move.resume({}, at(0s)));
        act = move.resume(refused(other), at(0s));
    }
    CHECK(fails_with(act, ds::error::conflict));
}

TEST_CASE("a move under a lock is bound to its token, and is not repeated when that was lost") {
    auto move = moving(changes(), ours);
    CHECK(asked<ds::move_record>(move.resume({}, at(0s))).if_locked_by == ours);
    auto other = stored_at_noon();
    SUBCASE("moved") { CHECK(finished(move.resume(applied(), at(0s))).value().stored.version == 4); }
    SUBCASE("taken by another") {
        other.lock = {theirs, noon + 20s};
        CHECK(fails_with(move.resume(refused(other), at(0s)), ds::error::lock_lost));
    }
    SUBCASE("taken and saved by another") {
        other.version = 4;
        CHECK(fails_with(move.resume(refused(other), at(0s)), ds::error::lock_lost));
    }
    SUBCASE("gone") { CHECK(fails_with(move.resume(refused(), at(0s)), ds::error::session_gone)); }
}

TEST_CASE("a move fails where the session is gone, and with what fails below") {
    auto move = moving(changes());
    asked<ds::move_record>(move.resume({}, at(0s)));
    SUBCASE("destroyed") { CHECK(fails_with(move.resume(refused(), at(0s)), ds::error::session_gone)); }
    SUBCASE("expired") {
        CHECK(fails_with(move.resume(refused(stored_at_noon()), at(30min)), ds::error::session_gone));
    }
    SUBCASE("the new id is taken") {
        CHECK(fails_with(move.resume(ds::failure(ds::error::session_exists), at(0s)), ds::error::session_exists));
    }
}

TEST_CASE("a session that cannot be bound to the new id does not move") {
    const auto unbound = [](const ds::fields&) -> ds::result<ds::fields> { return ds::error::corrupt_session; };
    move_changes move({.id = id, .stored = stored_at_noon()}, to, unbound, {});
    CHECK(fails_with(move.resume({}, at(0s)), ds::error::corrupt_session));
}

TEST_CASE("a session that may not overwrite others does not move over them, nor away from under a lock") {
    const ds::lock_detail::save_rules careful{.respects_locks = true};
    move_changes move({.id = id, .stored = stored_at_noon(), .changes = changes()}, to, bound, careful);
    const auto first = asked<ds::move_record>(move.resume({}, at(0s)));
    CHECK(first.if_unlocked == noon - 2s);
    auto other = stored_at_noon();
    ++other.version;
    SUBCASE("another key was changed: it comes along") {
        other.data = ds::apply(other.data, {ds::fields({ds::field{"other", "1"}}), {}});
        const auto second = asked<ds::move_record>(move.resume(refused(other), at(1s)));
        CHECK(second.if_version == other.version);
        CHECK(second.content.data.find("other"));
        CHECK(finished(move.resume(applied(), at(1s))).value().merged);
    }
    SUBCASE("the same key was changed") {
        other.data = ds::apply(other.data, {ds::fields({ds::field{"new", "other"}}), {}});
        CHECK(fails_with(move.resume(refused(other), at(1s)), ds::error::conflict));
    }
    SUBCASE("another has it locked: it waits for the end of that, but not for ever") {
        auto locked = stored_at_noon();
        locked.lock = {"THEIRS0123456789", noon + 10s};
        auto act = move.resume(refused(locked), at(1s));
        for (int attempts = 2; !std::holds_alternative<ds::result<ds::saved>>(act); ++attempts) {
            REQUIRE(attempts < 100);
            paused(act);
            asked<ds::move_record>(move.resume({}, at(1s)));
            act = move.resume(refused(locked), at(1s));
        }
        CHECK(fails_with(act, ds::error::lock_timeout));
    }
}

TEST_CASE("in a table that others write to without a version, a session does not move over what they wrote") {
    const ds::lock_detail::save_rules shared{.respects_locks = true, .foreign_writers = true};
    auto written = stored_at_noon();
    written.data = ds::fields({{"gone", "1"}, {"kept", "1"}, {"php", "1"}}); // within the second of what was read
    SUBCASE("without a lock") {
        move_changes move({.id = id, .stored = stored_at_noon(), .changes = changes()}, to, bound, shared);
        const auto first = asked<ds::move_record>(move.resume({}, at(0s)));
        REQUIRE(first.if_as_read);
        CHECK(first.if_as_read->data == stored_at_noon().data);
        CHECK(first.if_as_read->expires == noon + 30min);
        SUBCASE("another key: it comes along") {
            const auto second = asked<ds::move_record>(move.resume(refused(written), at(0s)));
            CHECK(second.if_as_read->data == written.data);
            CHECK(second.content.data.find("php"));
            CHECK(finished(move.resume(applied(), at(0s))).value().merged);
        }
        SUBCASE("the same key") {
            written.data = apply(written.data, {ds::fields({ds::field{"new", "php"}}), {}});
            CHECK(fails_with(move.resume(refused(written), at(0s)), ds::error::conflict));
        }
    }
    SUBCASE("under a lock") {
        move_changes move({.id = id, .stored = stored_at_noon(), .changes = changes()}, to, bound, shared, ours);
        CHECK(asked<ds::move_record>(move.resume({}, at(0s))).if_as_read->data == stored_at_noon().data);
        SUBCASE("which they broke") {
            CHECK(fails_with(move.resume(refused(written), at(0s)), ds::error::lock_lost));
        }
        written.lock = {ours, noon + 10s};
        SUBCASE("which a late copy of our claim put back") {
            CHECK(fails_with(move.resume(refused(written), at(0s)), ds::error::conflict));
        }
        SUBCASE("and the expiry alone moved") {
            written.data = stored_at_noon().data;
            written.expires = noon + 40min;
            const auto again = asked<ds::move_record>(move.resume(refused(written), at(0s)));
            CHECK(again.if_as_read->expires == written.expires);
            CHECK(again.if_locked_by == ours);
            CHECK(again.content.expires == written.expires);
            CHECK_FALSE(again.content.lock.held());
            CHECK_FALSE(finished(move.resume(applied(), at(0s))).value().merged);
        }
    }
}

TEST_CASE("whose a session is moves with it, and it has its new id since then") {
    ds::save_request r{.id = id, .stored = stored_at_noon()};
    r.stored.owner = {.user = "ana", .since = noon - 1h, .device = "Firefox"};
    SUBCASE("as it was") {
        move_changes move(r, to, bound, {});
        const auto moved = asked<ds::move_record>(move.resume({}, at(10min + 1ms))).content;
        CHECK(moved.owner == ds::ownership{"ana", noon - 1h, "Firefox", noon + 10min});
    }
    SUBCASE("and it is bound anew") {
        r.amended = {.user = "jeremy", .since = noon + 10min + 1ms, .lifetime = {.max_age = 0s}};
        move_changes move(r, to, bound, {});
        const auto moved = asked<ds::move_record>(move.resume({}, at(10min + 1ms))).content;
        CHECK(moved.owner == ds::ownership{"jeremy", noon + 10min + 1ms, "Firefox", noon + 10min});
        CHECK(moved.deadline == ds::time_point::max());
    }
}
