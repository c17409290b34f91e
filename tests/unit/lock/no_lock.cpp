#include <dynasession/lock/no_lock.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace ds = dynasession;
using namespace std::chrono_literals;
using ds::session_id;
using ds::time_point;

namespace {

constexpr auto noon = time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h);
const ds::no_lock policy;
const auto id = session_id::generate();

ds::op::instant at(std::chrono::sys_time<std::chrono::milliseconds> t) { return {t, {}}; }

ds::record stored_at_noon() {
    return {{.created = noon, .deadline = noon + 12h, .expires = noon + 30min, .max_stale = 30min, .version = 3},
            ds::fields({{"kept", "1"}, {"gone", "1"}})};
}

ds::save_request request(ds::delta changes = {}) { return {id, stored_at_noon(), std::move(changes), 3min}; }

ds::delta changes() { return {ds::fields({ds::field{"new", "2", true}}), {"gone"}}; }

ds::reply refused(std::optional<ds::record> item) { return {.applied = false, .item = std::move(item)}; }

template <class Command, class T>
Command asked(const ds::op::action<ds::command, T>& a) {
    REQUIRE(std::holds_alternative<ds::command>(a));
    REQUIRE(std::holds_alternative<Command>(std::get<ds::command>(a)));
    return std::get<Command>(std::get<ds::command>(a));
}

template <class T>
ds::result<T> finished(ds::op::action<ds::command, T> a) {
    REQUIRE(std::holds_alternative<ds::result<T>>(a));
    return std::get<ds::result<T>>(std::move(a));
}

template <class T>
bool fails_with(const ds::op::action<ds::command, T>& a, ds::error e) {
    const auto r = finished<T>(a);
    return r.has_error() && r.error() == e;
}

// A session bound to its id by one more entry, as an encrypting serializer would.
ds::result<ds::fields> bound(const ds::fields& f) { return apply(f, {ds::fields({ds::field{"bound", "new id"}}), {}}); }

auto moving(ds::delta d = {}) {
    static const auto to = session_id::generate();
    return std::pair(policy.regenerate(request(std::move(d)), to, bound), to);
}

} // namespace

TEST_CASE("no_lock: a load reads once and gives the live record only") {
    auto load = policy.load(id);
    CHECK(asked<ds::load_record>(load.resume({}, at(noon))).id == id);
    SUBCASE("live") {
        CHECK(finished(load.resume(ds::reply{.item = stored_at_noon()}, at(noon + 30min - 1ms))).value() ==
              stored_at_noon());
    }
    SUBCASE("expired") {
        CHECK_FALSE(finished(load.resume(ds::reply{.item = stored_at_noon()}, at(noon + 30min))).value());
    }
    SUBCASE("absent") { CHECK_FALSE(finished(load.resume(ds::reply{}, at(noon))).value()); }
    SUBCASE("not known: a failure is not an absent session") {
        CHECK(fails_with(load.resume(ds::failure(ds::error::service_unavailable), at(noon)),
                         ds::error::service_unavailable));
    }
}

TEST_CASE("no_lock: a save sends the changes alone and puts off the expiry") {
    auto save = policy.save(request(changes()));
    const auto c = asked<ds::change_record>(save.resume({}, at(noon + 10min + 700ms)));
    CHECK(c.id == id);
    CHECK(c.changes == changes());
    CHECK(c.expires == noon + 40min);
    CHECK_FALSE(c.if_version);
    CHECK(c.now == noon + 10min);
    CHECK(c.size_after == ds::fields({{"kept", "1"}, {"new", "2"}}).size_in_bytes());

    const auto saved = finished(save.resume(ds::reply{.version = 4}, at(noon + 10min))).value();
    CHECK_FALSE(saved.merged);
    CHECK(saved.stored.data == ds::fields({{"kept", "1"}, {"new", "2", true}}));
    CHECK(saved.stored.expires == noon + 40min);
    CHECK(saved.stored.version == 4);
    CHECK(saved.stored.created == noon);
    CHECK(saved.stored.deadline == noon + 12h);
}

TEST_CASE("no_lock: a save never brings an expiry forward") {
    auto r = request(changes());
    r.stored.expires = noon + 2h; // stored by a server with other options
    auto save = policy.save(r);
    CHECK(asked<ds::change_record>(save.resume({}, at(noon))).expires == noon + 2h);
}

TEST_CASE("no_lock: a save fails where the session is gone, and with what fails below") {
    auto save = policy.save(request(changes()));
    asked<ds::change_record>(save.resume({}, at(noon)));
    SUBCASE("destroyed") { CHECK(fails_with(save.resume(refused({}), at(noon)), ds::error::session_gone)); }
    SUBCASE("expired") {
        CHECK(fails_with(save.resume(refused(stored_at_noon()), at(noon + 30min)), ds::error::session_gone));
    }
    SUBCASE("unavailable") {
        CHECK(fails_with(save.resume(ds::failure(ds::error::timeout), at(noon)), ds::error::timeout));
    }
}

TEST_CASE("no_lock: where another request has put off the expiry further, the changes go without") {
    auto save = policy.save(request(changes()));
    asked<ds::change_record>(save.resume({}, at(noon + 1s)));
    auto other = stored_at_noon();
    other.expires = noon + 30min + 5s;
    other.version = 4;
    const auto alone = asked<ds::change_record>(save.resume(refused(other), at(noon + 8s)));
    CHECK(alone.changes == changes());
    CHECK_FALSE(alone.expires);
    CHECK(alone.now == noon + 8s);
    SUBCASE("applied: the expiry is the one of the other request, not one that nobody wrote") {
        const auto saved = finished(save.resume(ds::reply{.version = 4}, at(noon + 9s))).value();
        CHECK(saved.stored.expires == noon + 30min + 5s);
        CHECK(saved.stored.version == 4);
        CHECK(saved.stored.data == apply(stored_at_noon().data, changes()));
    }
    SUBCASE("refused again") { CHECK(fails_with(save.resume(refused(other), at(noon + 9s)), ds::error::conflict)); }
    SUBCASE("gone meanwhile") { CHECK(fails_with(save.resume(refused({}), at(noon + 9s)), ds::error::session_gone)); }
}

TEST_CASE("no_lock: a save that depends on what was loaded fails where others have saved since") {
    auto r = request(changes());
    r.if_unchanged = true;
    auto save = policy.save(r);
    CHECK(asked<ds::change_record>(save.resume({}, at(noon))).if_version == 3);
    auto other = stored_at_noon();
    SUBCASE("nobody has") {
        CHECK(finished(save.resume(ds::reply{.version = 4}, at(noon))).value().stored.version == 4);
    }
    SUBCASE("somebody has") {
        other.version = 4;
        CHECK(fails_with(save.resume(refused(other), at(noon)), ds::error::conflict));
    }
    SUBCASE("somebody has put off the expiry only") {
        other.expires = noon + 1h;
        const auto alone = asked<ds::change_record>(save.resume(refused(other), at(noon)));
        CHECK(alone.if_version == 3);
        CHECK_FALSE(alone.expires);
        SUBCASE("and nothing else happens") {
            CHECK(finished(save.resume(ds::reply{.version = 4}, at(noon))).value().stored.expires == noon + 1h);
        }
        SUBCASE("and then somebody saves") {
            other.version = 4;
            CHECK(fails_with(save.resume(refused(other), at(noon)), ds::error::conflict));
        }
    }
    SUBCASE("it is gone") { CHECK(fails_with(save.resume(refused({}), at(noon)), ds::error::session_gone)); }
}

TEST_CASE("no_lock: a touch does not depend on what was loaded") {
    auto r = request();
    r.if_unchanged = true;
    auto save = policy.save(r);
    asked<ds::touch_record>(save.resume({}, at(noon + 10min)));
    auto other = stored_at_noon();
    other.version = 4;
    other.expires = noon + 1h;
    CHECK(finished(save.resume(refused(other), at(noon + 10min))).value().stored.expires == noon + 1h);
}

TEST_CASE("no_lock: after saves of others the version stays what our data is, so that a move does not undo them") {
    auto save = policy.save(request(changes()));
    asked<ds::change_record>(save.resume({}, at(noon)));
    const auto saved = finished(save.resume(ds::reply{.version = 5}, at(noon))).value(); // ours would have made it 4
    CHECK(saved.stored.version == 3);

    auto move = policy.regenerate({id, saved.stored, {}, 3min}, session_id::generate(), bound);
    CHECK(asked<ds::move_record>(move.resume({}, at(noon))).if_version != 5);
}

TEST_CASE("no_lock: without changes nothing is sent until a touch is due") {
    for (const auto after : {0s, 1s, 179s}) {
        auto save = policy.save(request());
        const auto saved = finished(save.resume({}, at(noon + after))).value();
        CHECK(saved.stored == stored_at_noon());
        CHECK_FALSE(saved.merged);
    }
}

TEST_CASE("no_lock: a touch that is due puts off the expiry and leaves the version") {
    auto save = policy.save(request());
    const auto c = asked<ds::touch_record>(save.resume({}, at(noon + 3min + 1ms)));
    CHECK(c.id == id);
    CHECK(c.expires == noon + 33min);
    CHECK(c.now == noon + 3min);
    SUBCASE("applied") {
        const auto saved = finished(save.resume(ds::reply{}, at(noon + 4min))).value();
        CHECK(saved.stored.expires == noon + 33min);
        CHECK(saved.stored.version == 3);
        CHECK(saved.stored.data == stored_at_noon().data);
    }
    SUBCASE("refused because another request was faster: that will do") {
        auto other = stored_at_noon();
        other.expires = noon + 33min;
        const auto saved = finished(save.resume(refused(other), at(noon + 4min))).value();
        CHECK(saved.stored.expires == noon + 33min);
        CHECK(saved.stored.version == 3);
    }
    SUBCASE("refused because the session is gone") {
        CHECK(fails_with(save.resume(refused({}), at(noon + 4min)), ds::error::session_gone));
    }
    SUBCASE("unavailable") {
        CHECK(fails_with(save.resume(ds::failure(ds::error::throttled), at(noon + 4min)), ds::error::throttled));
    }
}

TEST_CASE("no_lock: the last stretch before the deadline is granted once, however short") {
    auto r = request();
    r.stored.deadline = noon + 31min;
    auto touch = policy.save(r);
    CHECK(asked<ds::touch_record>(touch.resume({}, at(noon + 2min))).expires == noon + 31min);
    r.stored.expires = noon + 31min;
    auto again = policy.save(r);
    CHECK(finished(again.resume({}, at(noon + 20min))).value().stored == r.stored);
}

TEST_CASE("no_lock: a touch leaves the changes where they are") {
    auto due = policy.touch(request(changes()));
    CHECK(asked<ds::touch_record>(due.resume({}, at(noon + 10min))).expires == noon + 40min);
    auto early = policy.touch(request(changes()));
    CHECK(finished(early.resume({}, at(noon))).value().stored == stored_at_noon());
}

TEST_CASE("no_lock: a session moves with its changes, bound to the new id") {
    auto [move, to] = moving(changes());
    const auto c = asked<ds::move_record>(move.resume({}, at(noon + 10min + 1ms)));
    CHECK(c.from == id);
    CHECK(c.to == to);
    CHECK(c.if_version == 3);
    CHECK(c.now == noon + 10min);
    CHECK(c.content.data == ds::fields({{"kept", "1"}, {"new", "2", true}, {"bound", "new id"}}));
    CHECK(c.content.version == 4);
    CHECK(c.content.expires == noon + 40min);
    CHECK(c.content.created == noon);
    CHECK(c.content.deadline == noon + 12h);
    const auto saved = finished(move.resume(ds::reply{}, at(noon + 11min))).value();
    CHECK(saved.stored == c.content);
    CHECK_FALSE(saved.merged);
}

TEST_CASE("no_lock: what others saved before a move comes along") {
    auto [move, to] = moving(changes());
    asked<ds::move_record>(move.resume({}, at(noon)));
    auto other = stored_at_noon();
    other.data = ds::fields({{"kept", "changed"}, {"gone", "1"}, {"theirs", "3"}});
    other.version = 7;
    other.expires = noon + 1h;
    const auto c = asked<ds::move_record>(move.resume(refused(other), at(noon)));
    CHECK(c.if_version == 7);
    CHECK(c.content.version == 8);
    CHECK(c.content.expires == noon + 1h);
    CHECK(c.content.data ==
          ds::fields({{"kept", "changed"}, {"theirs", "3"}, {"new", "2", true}, {"bound", "new id"}}));
    const auto saved = finished(move.resume(ds::reply{}, at(noon))).value();
    CHECK(saved.merged);
    CHECK(saved.stored == c.content);
}

TEST_CASE("no_lock: a move gives up after five refusals") {
    auto [move, to] = moving();
    asked<ds::move_record>(move.resume({}, at(noon)));
    auto other = stored_at_noon();
    for (int i = 0; i != 4; ++i) {
        ++other.version;
        CHECK(asked<ds::move_record>(move.resume(refused(other), at(noon))).if_version == other.version);
    }
    CHECK(fails_with(move.resume(refused(other), at(noon)), ds::error::conflict));
}

TEST_CASE("no_lock: a move fails where the session is gone, and with what fails below") {
    auto [move, to] = moving(changes());
    asked<ds::move_record>(move.resume({}, at(noon)));
    SUBCASE("destroyed") { CHECK(fails_with(move.resume(refused({}), at(noon)), ds::error::session_gone)); }
    SUBCASE("expired") {
        CHECK(fails_with(move.resume(refused(stored_at_noon()), at(noon + 30min)), ds::error::session_gone));
    }
    SUBCASE("the new id is taken") {
        CHECK(fails_with(move.resume(ds::failure(ds::error::session_exists), at(noon)), ds::error::session_exists));
    }
}

TEST_CASE("no_lock: a session that cannot be bound to the new id does not move") {
    const auto unbound = [](const ds::fields&) -> ds::result<ds::fields> { return ds::error::corrupt_session; };
    auto move = policy.regenerate(request(), session_id::generate(), unbound);
    CHECK(fails_with(move.resume({}, at(noon)), ds::error::corrupt_session));
}
