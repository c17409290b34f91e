#include <dynasession/store/operations.hpp>

#include <dynasession/lock/no_lock.hpp>
#include <dynasession/serializer/json.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace ds = dynasession;
namespace store_detail = dynasession::store_detail;
using namespace std::chrono_literals;
using ds::session_id;
using ds::time_point;

namespace {

constexpr auto noon = time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h);
const auto id = session_id::generate();
using codec = store_detail::session_codec<ds::json_serializer>;
const codec json({}, 0.1);

ds::op::instant at(time_point t) { return {t, {}}; }

ds::record stored_at_noon() {
    return {{.created = noon, .expires = noon + 30min, .max_stale = 30min, .version = 3},
            ds::fields({{"n", "1"}, {"user", "\"j\""}})};
}

template <class Command, class T>
Command asked(const ds::op::action<ds::command, T>& a) {
    REQUIRE(std::holds_alternative<ds::command>(a));
    REQUIRE(std::holds_alternative<Command>(std::get<ds::command>(a)));
    return std::get<Command>(std::get<ds::command>(a));
}

template <class T>
std::chrono::milliseconds paused(const ds::op::action<ds::command, T>& a) {
    REQUIRE(std::holds_alternative<ds::op::pause>(a));
    return std::get<ds::op::pause>(a).duration;
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

// A lock policy whose saves the test decides: one `change_record`, then what the reply to it holds.
struct save_once {
    using effect_type = ds::command;
    using reply_type = ds::result<ds::reply>;
    using value_type = ds::saved;

    ds::save_request request{};
    bool sent = false;

    ds::op::action<ds::command, ds::saved> resume(ds::result<ds::reply> in, ds::op::instant) {
        if (!std::exchange(sent, true))
            return ds::command(ds::change_record{.id = request.id, .changes = request.changes});
        if (!in) return ds::result<ds::saved>(std::move(in).error());
        if (!in->applied) return ds::result<ds::saved>(ds::error::conflict);
        request.stored.data = apply(request.stored.data, request.changes);
        request.stored.version = in->version;
        if (!in->item) return ds::result<ds::saved>(ds::saved{request.stored, false});
        return ds::result<ds::saved>(ds::saved{*in->item, true});
    }
};
struct conflicting_policy : ds::no_lock {
    save_once save(ds::save_request r) const { return {std::move(r)}; }
};
const conflicting_policy policy;

auto counting(int& calls) {
    return store_detail::update(id, policy, json, [&calls](ds::session& s) {
        ++calls;
        s.set("n", s.get<int>("n").value_or(0) + 1);
    });
}

const ds::reply found{.item = stored_at_noon()};
const ds::reply refused{.applied = false};

} // namespace

TEST_CASE("a session is created under its id with its changes, as version 1") {
    store_detail::create create(
        {id, {{.created = noon, .max_stale = 30min}, {}}, {ds::fields({ds::field{"n", "1"}}), {}}, 0s});
    const auto c = asked<ds::create_record>(create.resume({}, at(noon + 5min)));
    CHECK(c.id == id);
    CHECK(c.content.data == ds::fields({ds::field{"n", "1"}}));
    CHECK(c.content.version == 1);
    CHECK(c.content.expires == noon + 35min);
    const auto written = finished(create.resume(ds::reply{}, at(noon + 6min))).value();
    CHECK(written.id == id);
    CHECK(written.stored == c.content);
    CHECK_FALSE(written.is_new);
    CHECK_FALSE(written.merged);
}

TEST_CASE("a session whose id is taken gets another one, and gives up after three") {
    store_detail::create create({id, {{.created = noon, .max_stale = 30min}, {}}, {}, 0s});
    const auto first = asked<ds::create_record>(create.resume({}, at(noon)));
    const auto second = asked<ds::create_record>(create.resume(refused, at(noon + 1min)));
    CHECK(second.id != first.id);
    CHECK(second.content.expires == noon + 31min);
    SUBCASE("free") { CHECK(finished(create.resume(ds::reply{}, at(noon))).value().id == second.id); }
    SUBCASE("taken, and the third is free") {
        const auto third = asked<ds::create_record>(create.resume(refused, at(noon)));
        CHECK(third.id != first.id);
        CHECK(third.id != second.id);
        CHECK(finished(create.resume(ds::reply{}, at(noon))).value().id == third.id);
    }
    SUBCASE("taken, all three") {
        asked<ds::create_record>(create.resume(refused, at(noon)));
        CHECK(fails_with(create.resume(refused, at(noon)), ds::error::session_exists));
    }
    SUBCASE("not known: no other id is tried, or two sessions might be stored") {
        CHECK(fails_with(create.resume(ds::failure(ds::error::timeout), at(noon)), ds::error::timeout));
    }
}

TEST_CASE("destroying asks once, and a failure passes through") {
    store_detail::destroy destroy(id);
    CHECK(asked<ds::erase_record>(destroy.resume({}, at(noon))).id == id);
    SUBCASE("done") { CHECK(finished(destroy.resume(ds::reply{}, at(noon))).has_value()); }
    SUBCASE("unavailable") {
        CHECK(fails_with(destroy.resume(ds::failure(ds::error::throttled), at(noon)), ds::error::throttled));
    }
}

TEST_CASE("a write of a lock policy carries the id that it is stored under") {
    const auto to = session_id::generate();
    store_detail::write_as<save_once> write(to, save_once{{id, stored_at_noon(), {}, 0s}});
    CHECK(asked<ds::change_record>(write.resume({}, at(noon))).id == id);
    SUBCASE("as it is") {
        const auto w = finished(write.resume(ds::reply{.version = 4}, at(noon))).value();
        CHECK(w.id == to);
        CHECK(w.stored.version == 4);
        CHECK_FALSE(w.is_new);
        CHECK_FALSE(w.merged);
    }
    SUBCASE("merged") { CHECK(finished(write.resume(found, at(noon))).value().merged); }
    SUBCASE("failed") { CHECK(fails_with(write.resume(refused, at(noon)), ds::error::conflict)); }
}

TEST_CASE("an update loads, calls the function once and saves") {
    int calls = 0;
    auto update = counting(calls);
    CHECK(asked<ds::load_record>(update.resume({}, at(noon))).id == id);
    CHECK(calls == 0);
    const auto c = asked<ds::change_record>(update.resume(found, at(noon)));
    CHECK(calls == 1);
    CHECK(c.id == id);
    CHECK(c.changes == ds::delta{ds::fields({ds::field{"n", "2"}}), {}});
    const auto s = finished(update.resume(ds::reply{.version = 4}, at(noon))).value();
    REQUIRE(s.has_value());
    CHECK(s->id() == id);
    CHECK(s->get<int>("n") == 2);
    CHECK(s->version() == 4);
    CHECK_FALSE(s->is_new());
    CHECK(calls == 1);
}

TEST_CASE("an update saves under the condition that nobody else has saved, whatever the policy") {
    const ds::no_lock lockless;
    store_detail::update update(id, lockless, json, [](ds::session& s) { s.set("n", 2); });
    asked<ds::load_record>(update.resume({}, at(noon)));
    CHECK(asked<ds::change_record>(update.resume(found, at(noon))).if_version == 3);
    auto other = stored_at_noon();
    other.version = 4;
    paused(update.resume(ds::reply{.applied = false, .item = other}, at(noon)));
    asked<ds::load_record>(update.resume({}, at(noon)));
    CHECK(asked<ds::change_record>(update.resume(ds::reply{.item = other}, at(noon))).if_version == 4);
}

TEST_CASE("an update that was overtaken pauses, loads anew, calls the function on what it finds, and saves that") {
    int calls = 0;
    auto update = counting(calls);
    asked<ds::load_record>(update.resume({}, at(noon)));
    asked<ds::change_record>(update.resume(found, at(noon)));
    CHECK(paused(update.resume(refused, at(noon))) <= 4ms);
    CHECK(asked<ds::load_record>(update.resume({}, at(noon))).id == id);
    auto other = stored_at_noon();
    other.data = ds::fields({{"n", "10"}, {"theirs", "true"}});
    const auto c = asked<ds::change_record>(update.resume(ds::reply{.item = other}, at(noon)));
    CHECK(c.changes == ds::delta{ds::fields({ds::field{"n", "11"}}), {}});
    CHECK(calls == 2);
    const auto s = finished(update.resume(ds::reply{.version = 9}, at(noon))).value();
    REQUIRE(s.has_value());
    CHECK(s->get<int>("n") == 11);
    CHECK(s->contains("theirs"));
    CHECK_FALSE(s->contains("user"));
}

TEST_CASE("an update gives up when it was overtaken sixteen times, with pauses of a quarter of a second at most") {
    int calls = 0;
    auto update = counting(calls);
    asked<ds::load_record>(update.resume({}, at(noon)));
    for (int i = 1; i != 32; ++i) {
        asked<ds::change_record>(update.resume(found, at(noon)));
        CHECK(calls == i);
        CHECK(paused(update.resume(refused, at(noon))) <= 250ms);
        asked<ds::load_record>(update.resume({}, at(noon)));
    }
    asked<ds::change_record>(update.resume(found, at(noon)));
    CHECK(fails_with(update.resume(refused, at(noon)), ds::error::conflict));
    CHECK(calls == 32);
}

TEST_CASE("an update that is cancelled in a pause ends with that") {
    int calls = 0;
    auto update = counting(calls);
    asked<ds::load_record>(update.resume({}, at(noon)));
    asked<ds::change_record>(update.resume(found, at(noon)));
    paused(update.resume(refused, at(noon)));
    CHECK(fails_with(update.resume(ds::failure(ds::error::timeout), at(noon)), ds::error::timeout));
    CHECK(calls == 1);
}

TEST_CASE("an update ends without a call where there is no session, now or after a conflict") {
    int calls = 0;
    auto update = counting(calls);
    asked<ds::load_record>(update.resume({}, at(noon)));
    SUBCASE("absent") { CHECK_FALSE(finished(update.resume(ds::reply{}, at(noon))).value()); }
    SUBCASE("expired") { CHECK_FALSE(finished(update.resume(found, at(noon + 30min))).value()); }
    CHECK(calls == 0);
}

TEST_CASE("an update whose session is destroyed meanwhile gives none") {
    int calls = 0;
    auto update = counting(calls);
    asked<ds::load_record>(update.resume({}, at(noon)));
    asked<ds::change_record>(update.resume(found, at(noon)));
    SUBCASE("a conflict first") { paused(update.resume(refused, at(noon))); }
    SUBCASE("gone at once") { paused(update.resume(ds::failure(ds::error::session_gone), at(noon))); }
    asked<ds::load_record>(update.resume({}, at(noon)));
    CHECK_FALSE(finished(update.resume(ds::reply{}, at(noon))).value());
    CHECK(calls == 1);
}

TEST_CASE("nothing is saved after a load that failed or found what cannot be read") {
    int calls = 0;
    auto update = counting(calls);
    asked<ds::load_record>(update.resume({}, at(noon)));
    SUBCASE("unavailable") {
        CHECK(fails_with(update.resume(ds::failure(ds::error::service_unavailable), at(noon)),
                         ds::error::service_unavailable));
    }
    SUBCASE("corrupt") {
        auto broken = stored_at_noon();
        broken.data = ds::fields({ds::field{"n", "{"}});
        CHECK(fails_with(update.resume(ds::reply{.item = broken}, at(noon)), ds::error::corrupt_session));
    }
    CHECK(calls == 0);
}

TEST_CASE("an update that fails in another way than by being overtaken is not repeated") {
    int calls = 0;
    auto update = counting(calls);
    asked<ds::load_record>(update.resume({}, at(noon)));
    asked<ds::change_record>(update.resume(found, at(noon)));
    CHECK(fails_with(update.resume(ds::failure(ds::error::timeout), at(noon)), ds::error::timeout));
    CHECK(calls == 1);
}

TEST_CASE("an update whose function leaves what cannot be stored saves nothing") {
    store_detail::update update(id, policy, json, [](ds::session& s) { s["text"] = "\xff"; });
    asked<ds::load_record>(update.resume({}, at(noon)));
    CHECK(fails_with(update.resume(found, at(noon)), ds::error::not_serializable));
}

TEST_CASE("an update that was merged with the changes of others gives the session as it is stored") {
    int calls = 0;
    auto update = counting(calls);
    asked<ds::load_record>(update.resume({}, at(noon)));
    asked<ds::change_record>(update.resume(found, at(noon)));
    auto merged = stored_at_noon();
    merged.data = ds::fields({{"n", "2"}, {"theirs", "3"}});
    merged.version = 7;
    SUBCASE("readable") {
        const auto s = finished(update.resume(ds::reply{.item = merged}, at(noon))).value();
        REQUIRE(s.has_value());
        CHECK(s->get<int>("theirs") == 3);
        CHECK_FALSE(s->contains("user"));
        CHECK(s->version() == 7);
    }
    SUBCASE("not readable") {
        merged.data = ds::fields({ds::field{"n", "["}});
        CHECK(fails_with(update.resume(ds::reply{.item = merged}, at(noon)), ds::error::corrupt_session));
    }
}
