#include "each_style.hpp"

using namespace contract;
using namespace std::chrono_literals;

TEST_CASE("a session expires when it is not used, at the second") {
    in_each_style({.max_age = 12h, .max_stale = 30min}, [](world& w, caller& store) {
        auto s = stored_session(store);
        w.advance(30min - 1s);
        CHECK_FALSE(is_absent(store, s.id()));
        w.advance(1s);
        CHECK(is_absent(store, s.id()));
        const auto updated = store.update(s.id(), [](ds::session& x) { x.set("n", 1); });
        REQUIRE(updated.has_value());
        CHECK_FALSE(updated->has_value());
    });
}

TEST_CASE("an expired session does not come back by any write") {
    in_each_style([](world& w, caller& store) {
        auto s = stored_session(store);
        w.advance(31min);
        CHECK(fails_with(store.touch(s), ds::error::session_gone));
        s.set("n", 1);
        CHECK(fails_with(store.save(s), ds::error::session_gone));
        CHECK(fails_with(store.regenerate(s), ds::error::session_gone));
        CHECK(is_absent(store, s.id()));
    });
}

TEST_CASE("use puts off the expiry, but not beyond the deadline") {
    in_each_style({.max_age = 2h, .max_stale = 30min}, [](world& w, caller& store) {
        auto s = stored_session(store);
        const auto deadline = s.deadline();
        CHECK(deadline == s.created() + 2h);
        for (int i = 0; i < 5; ++i) {
            w.advance(20min);
            REQUIRE(store.touch(s).has_value());
            CHECK_FALSE(is_absent(store, s.id()));
        }
        CHECK(s.expires() == deadline);
        w.advance(19min);
        s.set("n", 1);
        must_save(store, s);
        CHECK(s.expires() == deadline);
        CHECK(must_load(store, s.id()).deadline() == deadline);
        w.advance(1min);
        CHECK(is_absent(store, s.id()));
    });
}

TEST_CASE("the last stretch before the deadline is granted although it is short") {
    in_each_style({.max_age = 31min, .max_stale = 30min, .touch_fraction = 0.5}, [](world& w, caller& store) {
        auto s = stored_session(store);
        w.advance(5min);
        REQUIRE(store.touch(s).has_value());
        CHECK(s.expires() == s.created() + 31min);
        w.advance(25min + 30s);
        CHECK_FALSE(is_absent(store, s.id()));
    });
}

TEST_CASE("a session without a maximum age lives as long as it is used") {
    in_each_style({.max_age = 0s, .max_stale = 30min}, [](world& w, caller& store) {
        auto s = stored_session(store);
        CHECK(s.deadline() == ds::time_point::max());
        for (int i = 0; i < 100; ++i) {
            w.advance(29min);
            REQUIRE(store.touch(s).has_value());
        }
        CHECK(must_load(store, s.id()).deadline() == ds::time_point::max());
    });
}

TEST_CASE("an unchanged session is touched only when a tenth of its idle time has passed") {
    in_each_style([](world& w, caller& store) {
        auto s = stored_session(store);
        const int before = w.commands();
        w.advance(3min - 1s);
        must_save(store, s);
        REQUIRE(store.touch(s).has_value());
        CHECK(w.commands() == before);
        w.advance(1s);
        must_save(store, s);
        CHECK(w.commands() == before + 1);
        CHECK(must_load(store, s.id()).expires() == s.created() + 33min);
        REQUIRE(store.touch(s).has_value());
        CHECK(w.writes() == before + 1);
    });
}

TEST_CASE("a modified session is written once, expiry and all") {
    in_each_style([](world& w, caller& store) {
        auto s = stored_session(store);
        w.advance(10min);
        s.set("n", 1);
        const int before = w.commands();
        must_save(store, s);
        CHECK(w.commands() == before + 1);
        CHECK(must_load(store, s.id()).expires() == s.created() + 40min);
    });
}

TEST_CASE("the expiry never goes back") {
    in_each_style([](world& w, caller& store) {
        auto early = stored_session(store);
        auto late = must_load(store, early.id());
        w.advance(10min);
        REQUIRE(store.touch(late).has_value());
        // As a request that is slower, or on a machine whose clock is behind.
        w.advance(-5min);
        early.set("n", 1);
        must_save(store, early);
        CHECK(early.expires() == late.expires());
        CHECK(must_load(store, early.id()).expires() == late.expires());
        auto behind = must_load(store, early.id());
        REQUIRE(store.touch(behind).has_value());
        CHECK(must_load(store, early.id()).expires() == late.expires());
        CHECK(must_load(store, early.id()).get<int>("n") == 1);
    });
}

TEST_CASE("a touch of a session that somebody else touched is no error") {
    in_each_style([](world& w, caller& store) {
        auto a = stored_session(store);
        auto b = must_load(store, a.id());
        w.advance(10min);
        REQUIRE(store.touch(a).has_value());
        REQUIRE(store.touch(b).has_value());
        CHECK(b.expires() == a.expires());
    });
}

TEST_CASE("nothing is stored of a session before its first save") {
    in_each_style([](world& w, caller& store) {
        auto s = store.create();
        s.set("n", 1);
        REQUIRE(store.touch(s).has_value());
        CHECK(s.is_new());
        CHECK(w.commands() == 0);
        CHECK(is_absent(store, s.id()));
        must_save(store, s);
        CHECK(must_load(store, s.id()).get<int>("n") == 1);
    });
}

TEST_CASE("regenerate stores a session that is new, under the new id alone") {
    in_each_style([](world& w, caller& store) {
        auto s = store.create();
        s.set("n", 1);
        const auto first_id = s.id();
        REQUIRE(store.regenerate(s).has_value());
        CHECK(w.commands() == 1);
        CHECK(s.id() != first_id);
        CHECK_FALSE(s.is_new());
        CHECK(must_load(store, s.id()).get<int>("n") == 1);
        CHECK(is_absent(store, first_id));
    });
}

TEST_CASE("an empty session is stored when it is saved") {
    in_each_style([](world&, caller& store) {
        auto s = store.create();
        must_save(store, s);
        CHECK(must_load(store, s.id()).value().empty());
    });
}

TEST_CASE("options outside their range are refused") {
    for (const auto& bad : {ds::session_options{.max_stale = 0s}, ds::session_options{.max_age = -1s},
                            ds::session_options{.touch_fraction = 1.0}, ds::session_options{.touch_fraction = -0.1},
                            ds::session_options{.max_stale = std::chrono::seconds::max()}, ds::session_options{.max_age = std::chrono::seconds::max()}})
        CHECK_THROWS_AS(make_world({.session = bad}), ds::session_error);
}
