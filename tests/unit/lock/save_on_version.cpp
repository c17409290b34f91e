#include <dynasession/lock/save_on_version.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::lock_detail::save_on_version;
using ds::lock_detail::save_rules;

namespace {

const auto id = ds::session_id::generate();
const save_rules last_writer_wins{.last_writer_wins = true};
const save_rules optimistic{.respects_locks = true};
const save_rules shared{.respects_locks = true, .foreign_writers = true};
const std::string theirs = "THEIRSTHEIRSTHEI", older = "OLDEROLDEROLDERO";

ds::delta changes() { return {ds::fields({ds::field{"new", "2", true}}), {"gone"}}; }

ds::save_request request(ds::delta d = {}) {
    return {.id = id, .stored = stored_at_noon(), .changes = std::move(d), .touch_after = 3min};
}

// The record after a save of another request, which set one key.
ds::record saved_by_another(std::string_view key) {
    auto r = stored_at_noon();
    r.data = apply(r.data, {ds::fields({ds::field{key, "theirs"}}), {}});
    r.version = 4;
    r.journal = ds::journal().followed_by(theirs);
    return r;
}

// The record after the PHP handler wrote all of it: the version stays.
ds::record written_by_php(ds::fields data, std::chrono::seconds passed = 0s) {
    auto r = stored_at_noon();
    r.data = std::move(data);
    r.expires += passed;
    return r;
}

ds::record locked_by_another() {
    auto r = stored_at_noon();
    r.lock = {theirs, noon + 10s};
    return r;
}

// A save in a table that the PHP handler writes to as well, which it was faster than.
ds::op::action<ds::command, ds::saved> overtaken_by_php(save_on_version& save, const ds::record& written) {
    asked<ds::change_record>(save.resume({}, at(1s)));
    return save.resume(refused(written), at(2s));
}

} // namespace

TEST_CASE("a save sends the changes alone, bound to the version that they were made from, and puts off the expiry") {
    save_on_version save(request(changes()), last_writer_wins);
    const auto c = asked<ds::change_record>(save.resume({}, at(10min + 700ms)));
    CHECK(c.id == id);
    CHECK(c.changes == changes());
    CHECK(c.after == ds::fields({{"kept", "1"}, {"new", "2", true}}));
    CHECK(c.expires == noon + 40min);
    CHECK(c.if_version == 3);
    CHECK(c.now == noon + 10min);
    CHECK(c.journal.size() == 1);
    CHECK(c.if_locked_by.empty());
    CHECK_FALSE(c.lock.held());

    const auto saved = finished(save.resume(applied(), at(11min))).value();
    CHECK_FALSE(saved.merged);
    CHECK_FALSE(saved.hold);
    CHECK(saved.stored.data == c.after);
    CHECK(saved.stored.expires == noon + 40min);
    CHECK(saved.stored.version == 4);
    CHECK(saved.stored.journal == c.journal);
    CHECK(saved.stored.created == noon);
    CHECK(saved.stored.deadline == noon + 12h);
}

TEST_CASE("a save never brings an expiry forward") {
    auto r = request(changes());
    r.stored.expires = noon + 2h; // stored by a server with other options
    save_on_version save(r, last_writer_wins);
    CHECK(asked<ds::change_record>(save.resume({}, at(0s))).expires == noon + 2h);
}

TEST_CASE("each write of a save has a mark of its own, before those of the writers before") {
    auto r = request(changes());
    r.stored.journal = ds::journal().followed_by(older);
    save_on_version save(r, optimistic);
    const auto first = asked<ds::change_record>(save.resume({}, at(0s))).journal;
    CHECK(first.size() == 2);
    CHECK(first.newest() != ds::journal::mark_of(older));
    CHECK(first.contains(ds::journal::mark_of(older)));
    SUBCASE("a lock was in the way") {
        paused(save.resume(refused(locked_by_another()), at(0s)));
        const auto second = asked<ds::change_record>(save.resume({}, at(0s))).journal;
        CHECK(second.size() == 2);
        CHECK(second.newest() != first.newest());
    }
    SUBCASE("another was faster") {
        auto other = saved_by_another("other");
        other.journal = r.stored.journal.followed_by(theirs);
        const auto second = asked<ds::change_record>(save.resume(refused(other), at(0s))).journal;
        CHECK(second.size() == 3);
        CHECK(second.contains(ds::journal::mark_of(theirs)));
        CHECK(second.contains(ds::journal::mark_of(older)));
        CHECK_FALSE(second.contains(first.newest())); // that one was not carried out
        CHECK(finished(save.resume(applied(), at(0s))).value().stored.journal == second);
    }
}

TEST_CASE("a save goes on top of what others saved meanwhile, bound to their version, and says that it was merged") {
    for (const auto& rules : {last_writer_wins, optimistic}) {
        save_on_version save(request(changes()), rules);
        asked<ds::change_record>(save.resume({}, at(1s)));
        auto other = saved_by_another("other");
        other.expires = noon + 1h;
        const auto c = asked<ds::change_record>(save.resume(refused(other), at(2s))); // at once: it met nobody yet
        CHECK(c.changes == changes());
        CHECK(c.if_version == 4);
        CHECK(c.after == ds::fields({{"kept", "1"}, {"new", "2", true}, {"other", "theirs"}}));
        CHECK(c.expires == noon + 1h);
        CHECK(c.now == noon + 2s);

        auto third = other;
        third.version = 9;
        third.data = apply(third.data, {ds::fields({ds::field{"third", "3"}}), {}});
        CHECK(paused(save.resume(refused(third), at(3s))).duration <= 5ms);
        CHECK(asked<ds::change_record>(save.resume({}, at(4s))).if_version == 9);
        const auto saved = finished(save.resume(applied(), at(5s))).value();
        CHECK(saved.merged);
        CHECK(saved.stored.version == 10);
        CHECK(saved.stored.data ==
              ds::fields({{"kept", "1"}, {"new", "2", true}, {"other", "theirs"}, {"third", "3"}}));
    }
}

TEST_CASE("of two saves of one key the later stays where the last writer wins, and fails with conflict elsewhere") {
    for (const auto* key : {"new", "gone"}) { // set by both; removed by us and set by them
        save_on_version wins(request(changes()), last_writer_wins);
        asked<ds::change_record>(wins.resume({}, at(0s)));
        CHECK(asked<ds::change_record>(wins.resume(refused(saved_by_another(key)), at(0s))).after ==
              ds::fields({{"kept", "1"}, {"new", "2", true}}));

        save_on_version loses(request(changes()), optimistic);
        asked<ds::change_record>(loses.resume({}, at(0s)));
        CHECK(fails_with(loses.resume(refused(saved_by_another(key)), at(0s)), ds::error::conflict));
    }
}

TEST_CASE("a key that another save removed and ours sets is a conflict too; one that both changed alike is none") {
    save_on_version save(request({ds::fields({ds::field{"kept", "2"}}), {}}), optimistic);
    asked<ds::change_record>(save.resume({}, at(0s)));
    auto other = stored_at_noon();
    other.version = 4;
    SUBCASE("removed") {
        other.data = ds::fields({ds::field{"gone", "1"}});
        CHECK(fails_with(save.resume(refused(other), at(0s)), ds::error::conflict));
    }
    SUBCASE("changed alike") {
        other.data = ds::fields({{"gone", "1"}, {"kept", "2"}});
        CHECK(asked<ds::change_record>(save.resume(refused(other), at(0s))).if_version == 4);
    }
}

TEST_CASE("what is compared is what they changed since our last look, and not what was merged before") {
    save_on_version save(request(changes()), optimistic);
    asked<ds::change_record>(save.resume({}, at(0s)));
    asked<ds::change_record>(save.resume(refused(saved_by_another("other")), at(0s)));
    auto again = saved_by_another("new");
    again.version = 5;
    CHECK(fails_with(save.resume(refused(again), at(0s)), ds::error::conflict));
}

TEST_CASE("entries that were only written anew go on top of what was read, and of nothing that others saved") {
    auto r = request({ds::fields({{"gone", "1 anew"}, {"kept", "1 anew"}, {"new", "2"}}), {}});
    r.renewed = {"gone", "kept"};
    SUBCASE("nobody came between") {
        save_on_version save(r, last_writer_wins);
        CHECK(asked<ds::change_record>(save.resume({}, at(0s))).changes == r.changes);
        CHECK(finished(save.resume(applied(), at(0s))).value().stored.data.find("kept")->text == "1 anew");
    }
    SUBCASE("a change of others to one of them stays, also where keys may not be overwritten") {
        for (const auto& rules : {last_writer_wins, optimistic}) {
            save_on_version save(r, rules);
            asked<ds::change_record>(save.resume({}, at(0s)));
            const auto again = asked<ds::change_record>(save.resume(refused(saved_by_another("kept")), at(0s)));
            CHECK(again.changes == ds::delta{ds::fields({ds::field{"new", "2"}}), {}});
            CHECK(again.after.find("kept")->text == "theirs");
            CHECK(finished(save.resume(applied(), at(0s))).value().merged);
        }
    }
    SUBCASE("with nothing else to save, what others saved is all that is needed") {
        r.changes.set = ds::fields({ds::field{"kept", "1 anew"}});
        r.renewed = {"kept"};
        save_on_version save(r, optimistic);
        asked<ds::change_record>(save.resume({}, at(0s)));
        CHECK(finished(save.resume(refused(saved_by_another("kept")), at(0s))).has_value());
    }
}

TEST_CASE("changes that follow from what was loaded are not put on top of anything else") {
    auto r = request(changes());
    r.if_unchanged = true;
    save_on_version save(r, last_writer_wins);
    CHECK(asked<ds::change_record>(save.resume({}, at(0s))).if_version == 3);
    SUBCASE("nobody saved") { CHECK(finished(save.resume(applied(), at(0s))).value().stored.version == 4); }
    SUBCASE("somebody saved, another key even") {
        CHECK(fails_with(save.resume(refused(saved_by_another("other")), at(0s)), ds::error::conflict));
    }
    SUBCASE("somebody has put off the expiry only") {
        auto touched = stored_at_noon();
        touched.expires = noon + 1h;
        const auto c = asked<ds::change_record>(save.resume(refused(touched), at(0s)));
        CHECK(c.if_version == 3);
        CHECK(c.expires == noon + 1h);
        SUBCASE("and nothing else happens") {
            const auto saved = finished(save.resume(applied(), at(0s))).value();
            CHECK(saved.stored.expires == noon + 1h);
            CHECK_FALSE(saved.merged);
        }
        SUBCASE("and then somebody saves") {
            CHECK(fails_with(save.resume(refused(saved_by_another("other")), at(0s)), ds::error::conflict));
        }
    }
    SUBCASE("it is gone") { CHECK(fails_with(save.resume(refused(), at(0s)), ds::error::session_gone)); }
}

TEST_CASE("a save that respects locks goes through only where nobody holds one, or it ended 2 s before") {
    save_on_version respects(request(changes()), optimistic);
    CHECK(asked<ds::change_record>(respects.resume({}, at(10s + 5ms))).if_unlocked == noon + 8s + 5ms);
    save_on_version defeats(request(changes()), last_writer_wins);
    CHECK_FALSE(asked<ds::change_record>(defeats.resume({}, at(10s))).if_unlocked);
}

TEST_CASE("in a table that others write to without a version, a save is bound to what was read as well") {
    save_on_version alone(request(changes()), optimistic);
    CHECK_FALSE(asked<ds::change_record>(alone.resume({}, at(0s))).if_as_read);
    save_on_version save(request(changes()), shared);
    const auto c = asked<ds::change_record>(save.resume({}, at(1s)));
    REQUIRE(c.if_as_read);
    CHECK(c.if_as_read->expires == noon + 30min);
    CHECK(c.if_as_read->data == stored_at_noon().data);
    CHECK(c.if_version == 3);
}

TEST_CASE("a save goes on top of what they wrote, also within the second of what was read, or fails as over any other") {
    for (const auto passed : {0s, 60s}) {
        CAPTURE(passed.count());
        save_on_version save(request(changes()), shared);
        auto written = written_by_php(ds::fields({{"gone", "1"}, {"php", "1"}}), passed);
        const auto again = asked<ds::change_record>(overtaken_by_php(save, written));
        CHECK(again.if_version == 3);
        CHECK(again.if_as_read->data == written.data);
        CHECK(again.if_as_read->expires == written.expires);
        CHECK(again.after == ds::fields({{"new", "2", true}, {"php", "1"}}));
        const auto saved = finished(save.resume(applied(), at(2s))).value();
        CHECK(saved.merged);
        CHECK(saved.stored.version == 4);

        auto follows = request(changes());
        follows.if_unchanged = true;
        save_on_version update(follows, shared);
        CHECK(fails_with(overtaken_by_php(update, written), ds::error::conflict));

        written.data = ds::fields({{"gone", "1"}, {"kept", "1"}, {"new", "php"}});
        save_on_version fails(request(changes()), shared);
        CHECK(fails_with(overtaken_by_php(fails, written), ds::error::conflict));
        save_on_version wins(request(changes()), {.last_writer_wins = true, .foreign_writers = true});
        CHECK(asked<ds::change_record>(overtaken_by_php(wins, written)).after ==
              ds::fields({{"kept", "1"}, {"new", "2", true}}));
    }
}

TEST_CASE("an expiry that moved alone, on or back, is no save of others") {
    for (const auto passed : {-30s, 60s}) {
        auto follows = request(changes());
        follows.if_unchanged = true;
        save_on_version update(follows, shared);
        const auto written = written_by_php(stored_at_noon().data, passed);
        const auto again = asked<ds::change_record>(overtaken_by_php(update, written));
        CHECK(again.if_as_read->expires == written.expires);
        CHECK_FALSE(finished(update.resume(applied(), at(2s))).value().merged);
    }
}

TEST_CASE("after a touch a save is still bound to the data that was read: who wrote before the touch is seen") {
    save_on_version touch(request(), shared);
    const auto c = asked<ds::touch_record>(touch.resume({}, at(10min)));
    auto r = request(changes());
    SUBCASE("ours") { r.stored = finished(touch.resume(applied(), at(10min))).value().stored; }
    SUBCASE("another's, that was faster") {
        const auto written = written_by_php(ds::fields({ds::field{"php", "1"}}), 10min);
        r.stored = finished(touch.resume(refused(written), at(10min))).value().stored;
    }
    save_on_version save(r, shared);
    const auto read = asked<ds::change_record>(save.resume({}, at(11min))).if_as_read;
    CHECK(read->expires == c.expires);
    CHECK(read->data == stored_at_noon().data);
}

TEST_CASE("a save waits while another has the session locked") {
    save_on_version save(request(changes()), optimistic);
    asked<ds::change_record>(save.resume({}, at(0s)));
    CHECK(paused(save.resume(refused(locked_by_another()), at(1ms))).duration <= 5ms);
    const auto c = asked<ds::change_record>(save.resume({}, at(4ms)));
    CHECK(c.if_version == 3);
    CHECK(c.if_unlocked == noon + 4ms - 2s);
    SUBCASE("until it is given up") {
        const auto saved = finished(save.resume(applied(), at(5ms))).value();
        CHECK(saved.stored.version == 4);
        CHECK_FALSE(saved.stored.lock.held());
        CHECK_FALSE(saved.merged);
    }
    SUBCASE("and then goes on top of what its holder saved") {
        CHECK(paused(save.resume(refused(saved_by_another("other")), at(5ms))).duration <= 10ms);
        CHECK(asked<ds::change_record>(save.resume({}, at(6ms))).if_version == 4);
        CHECK(finished(save.resume(applied(), at(7ms))).value().merged);
    }
    SUBCASE("or fails when its holder saved the same key") {
        CHECK(fails_with(save.resume(refused(saved_by_another("new")), at(5ms)), ds::error::conflict));
    }
    SUBCASE("or ends when it is cancelled in its pause") {
        paused(save.resume(refused(locked_by_another()), at(5ms)));
        CHECK(fails_with(
            save.resume(ds::failure(boost::system::errc::make_error_code(boost::system::errc::operation_canceled)),
                        at(6ms)),
            boost::system::errc::make_error_code(boost::system::errc::operation_canceled)));
    }
}

TEST_CASE("a save that waits for a lock fails with lock_timeout at last, one that is overtaken again and again with "
          "conflict") {
    bool is_locked = false;
    SUBCASE("locked") { is_locked = true; }
    SUBCASE("overtaken") {}
    save_on_version save(request(changes()), optimistic);
    auto in_the_way = is_locked ? locked_by_another() : saved_by_another("other");
    asked<ds::change_record>(save.resume({}, at(0s)));
    auto longest = 0ms;
    std::set<std::string> marks;
    for (int i = 1; i != 32; ++i) {
        auto act = save.resume(refused(in_the_way), at(0s));
        if (!is_locked && i == 1) {
            asked<ds::change_record>(act);
        } else {
            longest += paused(act).duration;
            CHECK(paused(act).duration <= 250ms);
            act = save.resume({}, at(0s));
        }
        marks.emplace(asked<ds::change_record>(act).journal.newest());
        if (!is_locked) ++in_the_way.version;
    }
    CHECK(longest < 8s);
    CHECK(marks.size() == 31);
    CHECK(fails_with(save.resume(refused(in_the_way), at(0s)),
                     is_locked ? ds::error::lock_timeout : ds::error::conflict));
}

TEST_CASE("a save fails where the session is gone, and with what fails below") {
    save_on_version save(request(changes()), optimistic);
    asked<ds::change_record>(save.resume({}, at(0s)));
    SUBCASE("destroyed") { CHECK(fails_with(save.resume(refused(), at(0s)), ds::error::session_gone)); }
    SUBCASE("expired") {
        CHECK(fails_with(save.resume(refused(stored_at_noon()), at(30min)), ds::error::session_gone));
    }
    SUBCASE("unavailable") {
        CHECK(fails_with(save.resume(ds::failure(ds::error::timeout), at(0s)), ds::error::timeout));
    }
    SUBCASE("not known: told as it is, and nothing more is written") {
        CHECK(fails_with(save.resume(ds::failure(ds::error::outcome_unknown), at(0s)), ds::error::outcome_unknown));
    }
}

TEST_CASE("without changes nothing is sent until a touch is due") {
    for (const auto passed : {0s, 1s, 179s}) {
        save_on_version save(request(), optimistic);
        const auto saved = finished(save.resume({}, at(passed))).value();
        CHECK(saved.stored == stored_at_noon());
        CHECK_FALSE(saved.merged);
    }
}

TEST_CASE("a touch that is due puts off the expiry and leaves the version, whoever has the session locked") {
    save_on_version save(request(), optimistic);
    const auto c = asked<ds::touch_record>(save.resume({}, at(3min + 1ms)));
    CHECK(c.id == id);
    CHECK(c.expires == noon + 33min);
    CHECK(c.now == noon + 3min);
    SUBCASE("applied") {
        const auto saved = finished(save.resume(applied(), at(4min))).value();
        CHECK(saved.stored.expires == noon + 33min);
        CHECK(saved.stored.version == 3);
        CHECK(saved.stored.data == stored_at_noon().data);
    }
    SUBCASE("refused because another request was faster: that will do, and theirs is not taken for ours") {
        auto other = saved_by_another("other");
        other.expires = noon + 33min;
        const auto saved = finished(save.resume(refused(other), at(4min))).value();
        CHECK(saved.stored.expires == noon + 33min);
        CHECK(saved.stored.version == 3);
        CHECK(saved.stored.data == stored_at_noon().data);
    }
    SUBCASE("refused because the session is gone") {
        CHECK(fails_with(save.resume(refused(), at(4min)), ds::error::session_gone));
    }
    SUBCASE("unavailable") {
        CHECK(fails_with(save.resume(ds::failure(ds::error::throttled), at(4min)), ds::error::throttled));
    }
}

TEST_CASE("a touch does not depend on what was loaded") {
    auto r = request();
    r.if_unchanged = true;
    save_on_version save(r, last_writer_wins);
    asked<ds::touch_record>(save.resume({}, at(10min)));
    auto other = saved_by_another("other");
    other.expires = noon + 1h;
    CHECK(finished(save.resume(refused(other), at(10min))).value().stored.expires == noon + 1h);
}

TEST_CASE("the last stretch before the deadline is granted once, however short") {
    auto r = request();
    r.stored.deadline = noon + 31min;
    save_on_version touch(r, last_writer_wins);
    CHECK(asked<ds::touch_record>(touch.resume({}, at(2min))).expires == noon + 31min);
    r.stored.expires = noon + 31min;
    save_on_version again(r, last_writer_wins);
    CHECK(finished(again.resume({}, at(20min))).value().stored == r.stored);
}

TEST_CASE("what changes beside the data alone is a save, too, on the terms of what others stored meanwhile") {
    auto r = request({});
    r.amended = {.user = "ana", .since = noon + 1s, .lifetime = {.max_stale = 5min}};
    save_on_version save(r, last_writer_wins);
    auto c = asked<ds::change_record>(save.resume({}, at(10min)));
    CHECK(c.changes.empty());
    CHECK(c.after == stored_at_noon().data);
    CHECK(c.expires == noon + 15min);
    REQUIRE(c.terms);
    CHECK(*c.terms == ds::terms{{.user = "ana", .since = noon + 1s}, noon + 12h, 5min});
    auto found = stored_at_noon();
    found.version = 4;
    found.owner = {.user = "jeremy", .since = noon, .device = "Firefox"};
    found.deadline = noon + 1h;
    c = asked<ds::change_record>(save.resume(refused(found), at(10min)));
    CHECK(c.if_version == 4);
    CHECK(*c.terms == ds::terms{{.user = "ana", .since = noon + 1s, .device = "Firefox"}, noon + 1h, 5min});
    const auto saved = finished(save.resume(applied(), at(10min))).value();
    CHECK(ds::terms::of(saved.stored) == *c.terms);
    CHECK(saved.stored.version == 5);
    CHECK(saved.stored.expires == noon + 15min);
}

TEST_CASE("a save that says nothing of the terms leaves them alone") {
    save_on_version save(request(changes()), last_writer_wins);
    CHECK_FALSE(asked<ds::change_record>(save.resume({}, at(0s))).terms);
}
