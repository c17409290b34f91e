#include "each_style.hpp"
#include "in_threads.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

using namespace contract;
using namespace std::chrono_literals;

namespace {

// The tables of a run are shared by all cases, and so are users.
std::string new_user(std::string name = "ana") { return name + "@" + ds::session_id::generate().loggable(); }

ds::session log_in(caller& store, const std::string& user, const std::string& device = "Firefox") {
    auto s = store.create();
    s.set("n", 1);
    s.user(user);
    s.device(device);
    must_save(store, s);
    return s;
}

template <class T>
T must(ds::result<T> r) {
    REQUIRE_MESSAGE(r.has_value(), r.error().code.message() << " " << r.error().detail);
    return *std::move(r);
}

std::vector<ds::session_handle> handles(caller& store, const std::string& user) {
    std::vector<ds::session_handle> all;
    for (const auto& s : must(store.sessions_of(user))) all.push_back(s.handle);
    return all;
}

ds::session_handle handle(const ds::session& s) { return ds::session_handle::of(s.id()); }

using list = std::vector<ds::session_handle>;

constexpr ds::session_options with_marks{.revocation_marks = true};

settings with(settings::policy p, ds::session_options options = {}) { return {.session = options, .lock = p}; }

constexpr settings::policy all_policies[] = {settings::policy::none, settings::policy::optimistic, settings::policy::pessimistic};

} // namespace

TEST_CASE("users: a session knows whose it is, and since when, through every write") {
    for (const auto policy : all_policies) {
        in_each_style(with(policy), [](world& w, caller& store) {
            auto s = store.create();
            must_save(store, s);
            CHECK(s.user().empty());
            w.advance(1min + 7ms);
            const auto user = new_user();
            s.user(user);
            s.device("Firefox on Linux");
            CHECK(s.user() == user);
            must_save(store, s);
            const auto since = s.user_since();
            CHECK(since >= s.created() + 1min);
            const auto check = [&](const ds::session& x) {
                CHECK(x.user() == user);
                CHECK(x.user_since() == since);
                CHECK(x.device() == "Firefox on Linux");
            };
            check(s);
            auto found = must_load(store, s.id());
            check(found);
            CHECK(found.id_since() == found.created());
            w.advance(10min);
            found.set("n", 2);
            must_save(store, found);
            check(found);
            auto updated = store.update(s.id(), [](ds::session& x) { x.set("n", 3); });
            check(**updated);
            REQUIRE(store.touch(**updated).has_value());
            found = must_load(store, s.id());
            check(found);
            const auto before = found.id();
            REQUIRE(store.regenerate(found).has_value());
            CHECK(found.id() != before);
            check(found);
            CHECK(found.id_since() >= found.created() + 11min);
            found = must_load(store, found.id());
            check(found);
            CHECK(found.id_since() >= found.created() + 11min);
            CHECK(handles(store, user) == list{handle(found)});
        });
    }
}

TEST_CASE("users: regenerate binds, too, and so does update") {
    in_each_style([](world&, caller& store) {
        const auto user = new_user();
        auto s = stored_session(store);
        s.user(user);
        REQUIRE(store.regenerate(s).has_value());
        CHECK(must_load(store, s.id()).user() == user);
        const auto other = new_user("jeremy");
        REQUIRE(store.update(s.id(), [&](ds::session& x) { x.user(other); }).has_value());
        CHECK(must_load(store, s.id()).user() == other);
        CHECK(handles(store, user).empty());
        CHECK(handles(store, other) == list{handle(s)});
    });
}

TEST_CASE("users: a list has the sessions of one user, the last bound first, and nothing that leads to an id") {
    in_each_style([](world& w, caller& store) {
        const auto user = new_user();
        CHECK(handles(store, user).empty());
        const auto first = log_in(store, user, "Firefox");
        w.advance(1s);
        const auto second = log_in(store, user, "");
        w.advance(1s);
        const auto third = log_in(store, user, "\u4e16\u754c");
        log_in(store, new_user("jeremy"));
        stored_session(store);
        const auto found = must(store.sessions_of(user));
        REQUIRE(found.size() == 3);
        CHECK(found[0].handle == handle(third));
        CHECK(found[1].handle == handle(second));
        CHECK(found[2].handle == handle(first));
        CHECK(found[2] == ds::session_info{handle(first), first.created(), first.user_since(),
                                          std::chrono::floor<std::chrono::seconds>(first.user_since()), first.expires(), "Firefox"});
        CHECK(found[0].device == "\u4e16\u754c");
        CHECK(found[1].device.empty());
        for (const auto& s : {first, second, third})
            for (const auto& i : found) CHECK(i.handle.str().find(s.id().str().substr(0, 8)) == std::string_view::npos);
        // Used later on.
        w.advance(20min);
        auto used = must_load(store, first.id());
        REQUIRE(store.touch(used).has_value());
        CHECK(must(store.sessions_of(user)).back().last_seen == used.expires() - 30min);
    });
}

TEST_CASE("users: what has expired, was destroyed or is another's is in no list") {
    in_each_style([](world& w, caller& store) {
        const auto user = new_user(), other = new_user("jeremy");
        const auto expiring = log_in(store, user);
        w.advance(29min);
        const auto destroyed = log_in(store, user), given_up = log_in(store, user), kept = log_in(store, user);
        auto handed_on = must_load(store, log_in(store, user).id());
        CHECK(handles(store, user).size() == 5);
        w.advance(1min);
        REQUIRE(store.destroy(destroyed.id()).has_value());
        auto s = must_load(store, given_up.id());
        s.user("");
        must_save(store, s);
        CHECK(must_load(store, s.id()).user().empty());
        CHECK(must_load(store, s.id()).user_since() == ds::user_time{});
        handed_on.user(other);
        must_save(store, handed_on);
        CHECK(handles(store, user) == list{handle(kept)});
        CHECK(handles(store, other) == list{handle(handed_on)});
        CHECK(is_absent(store, expiring.id()));
    });
}

TEST_CASE("users: one session ends by its handle, for its owner alone") {
    in_each_style([](world&, caller& store) {
        const auto user = new_user(), other = new_user("jeremy");
        const auto mine = log_in(store, user), theirs = log_in(store, other), nobodys = stored_session(store);
        CHECK_FALSE(must(store.destroy_one_of(user, handle(theirs))));
        CHECK_FALSE(must(store.destroy_one_of(user, handle(nobodys))));
        CHECK_FALSE(must(store.destroy_one_of(user, ds::session_handle::of(ds::session_id::generate()))));
        CHECK_FALSE(is_absent(store, theirs.id()));
        CHECK_FALSE(is_absent(store, nobodys.id()));
        CHECK(must(store.destroy_one_of(user, ds::session_handle::parse(handle(mine).str()).value())));
        CHECK(is_absent(store, mine.id()));
        CHECK_FALSE(must(store.destroy_one_of(user, handle(mine))));
    });
}

TEST_CASE("users: all sessions of a user end, those of others and of nobody stay") {
    for (const auto& options : {ds::session_options{}, with_marks})
        in_each_style(options, [](world&, caller& store) {
            const auto user = new_user();
            std::vector<ds::session> mine;
            for (int i = 0; i < 3; ++i) mine.push_back(log_in(store, user));
            const auto theirs = log_in(store, new_user("jeremy")), nobodys = stored_session(store);
            auto in_flight = must_load(store, mine[0].id());
            CHECK(must(store.destroy_all_of(user)) == 3);
            for (const auto& s : mine) CHECK(is_absent(store, s.id()));
            CHECK(handles(store, user).empty());
            CHECK_FALSE(is_absent(store, theirs.id()));
            CHECK_FALSE(is_absent(store, nobodys.id()));
            in_flight.set("n", 2);
            CHECK(fails_with(store.save(in_flight), ds::error::session_gone));
            // At once, within the same millisecond.
            const auto again = log_in(store, user);
            CHECK_FALSE(is_absent(store, again.id()));
            CHECK(handles(store, user) == list{handle(again)});
            CHECK(must(store.destroy_all_of(user)) == 1);
            CHECK(is_absent(store, again.id()));
        });
}

TEST_CASE("users: all the others end, and the one that is kept can be used on") {
    for (const auto policy : all_policies)
        for (const auto& options : {ds::session_options{}, with_marks})
            in_each_style(with(policy, options), [](world&, caller& store) {
                const auto user = new_user();
                auto keep = log_in(store, user);
                const auto other = log_in(store, user), theirs = log_in(store, new_user("jeremy"));
                keep = must_load(store, keep.id());
                for (int i = 0; i < 2; ++i) {
                    CHECK(must(store.destroy_others_of(user, keep)) == (i == 0 ? 1 : 0));
                    CHECK(is_absent(store, other.id()));
                    CHECK_FALSE(is_absent(store, theirs.id()));
                    CHECK(handles(store, user) == list{handle(keep)});
                }
                keep.set("n", 7);
                must_save(store, keep);
                const auto found = store.load(keep.id(), mode::read_only);
                REQUIRE((found.has_value() && found->has_value()));
                CHECK((*found)->get<int>("n") == 7);
                CHECK((*found)->user() == user);
            });
}

TEST_CASE("users: no more sessions than a cap says, those stay that were bound last") {
    in_each_style([](world& w, caller& store) {
        const auto user = new_user();
        std::vector<ds::session> all;
        for (int i = 0; i < 5; ++i) {
            all.push_back(log_in(store, user));
            w.advance(1ms);
            CHECK(must(store.destroy_oldest_of(user, 2)) == (i < 2 ? 0 : 1));
        }
        CHECK(handles(store, user) == list{handle(all[4]), handle(all[3])});
        CHECK(must(store.destroy_oldest_of(user, 0)) == 2);
    });
}

TEST_CASE("users: log-ins at once agree on which are too many") {
    const auto w = make_world();
    const auto user = new_user();
    std::atomic<int> failures{0};
    in_threads(*w, 8, [&](caller& mine, int) {
        for (int i = 0; i < 3; ++i) {
            auto s = mine.create();
            s.user(user);
            if (!mine.save(s) || !mine.destroy_oldest_of(user, 3)) ++failures;
        }
    });
    CHECK(failures == 0);
    CHECK(handles(*w->call(call_style::throwing), user).size() == 3);
}

TEST_CASE("users: with a mark a load is one request where it is known whose the session is; nobody's sessions cost no more") {
    in_each_style(with_marks, [](world& w, caller& store) {
        const auto s = log_in(store, new_user());
        const auto cost = [&](const ds::session_id& id, mode m = mode::standard) {
            const int before = w.commands();
            const auto found = store.load(id, m);
            REQUIRE((found.has_value() && found->has_value()));
            return w.commands() - before;
        };
        CHECK(cost(s.id()) == 2);
        CHECK(cost(s.id()) == 1);
        CHECK(cost(s.id(), mode::read_only) == 1);
        const auto nobodys = stored_session(store);
        CHECK(cost(nobodys.id()) == 1);
        CHECK(cost(nobodys.id()) == 1);
    });
}

TEST_CASE("users: what another process bound and saves on is ended by a mark as well") {
    const auto w = make_world({.session = with_marks});
    const auto here = w->call(call_style::throwing, 0), there = w->call(call_style::callback, 1);
    const auto user = new_user();
    const auto s = log_in(*there, user);
    CHECK_FALSE(is_absent(*here, s.id()));
    CHECK_FALSE(is_absent(*there, s.id()));
    REQUIRE(here->destroy_all_of(user).has_value());
    CHECK(is_absent(*there, s.id()));
    const auto again = log_in(*there, user);
    CHECK_FALSE(is_absent(*here, again.id()));
    w->advance(-1s); // a process whose clock is behind
    const auto behind = log_in(*there, user);
    CHECK_FALSE(is_absent(*here, behind.id()));
    REQUIRE(here->destroy_all_of(user).has_value());
    CHECK(is_absent(*here, again.id()));
    CHECK(is_absent(*here, behind.id()));
}

TEST_CASE("users: an old id leads to a session that is in the list once, and to none that was ended") {
    in_each_style({.regenerate_grace = 30s, .revocation_marks = true}, [](world&, caller& store) {
        const auto user = new_user();
        auto s = log_in(store, user);
        const auto old = s.id();
        REQUIRE(store.regenerate(s).has_value());
        CHECK(handles(store, user) == list{handle(s)});
        CHECK(must_load(store, old).user() == user);
        CHECK(must_load(store, old).is_read_only());
        REQUIRE(store.destroy_all_of(user).has_value());
        CHECK(is_absent(store, old));
        CHECK(is_absent(store, s.id()));
    });
}

TEST_CASE("users: a session has times of its own, from the next save or regenerate on") {
    for (const auto policy : all_policies) {
        in_each_style(with(policy, {.max_age = 12h, .max_stale = 30min}), [](world& w, caller& store) {
            const auto id = stored_session(store).id();
            auto s = must_load(store, id);
            s.lifetime({.max_age = 72h, .max_stale = 24h});
            CHECK(s.deadline() == s.created() + 12h);
            must_save(store, s);
            CHECK(s.deadline() == s.created() + 72h);
            CHECK(s.expires() == s.created() + 24h);
            w.advance(23h);
            s = must_load(store, id);
            s.set("n", 2);
            must_save(store, s);
            CHECK(s.expires() == s.created() + 47h);
            // Shorter again, by regenerate.
            s = must_load(store, id);
            s.lifetime({.max_stale = 1h});
            REQUIRE(store.regenerate(s).has_value());
            CHECK(s.expires() == s.created() + 24h);
            s = must_load(store, s.id());
            CHECK(s.deadline() == s.created() + 72h);
            s.lifetime({.max_age = 0s, .max_stale = 10min});
            must_save(store, s);
            CHECK(s.deadline() == ds::time_point::max());
            CHECK(s.expires() == s.created() + 23h + 10min);
            w.advance(10min);
            CHECK(is_absent(store, s.id()));
        });
    }
}

TEST_CASE("users: amendments that cannot be stored are refused before anything is sent") {
    in_each_style([](world& w, caller& store) {
        auto s = store.create();
        s.user(std::string(1025, 'x'));
        CHECK(fails_with(store.save(s), ds::error::not_serializable));
        s.user("\xff");
        CHECK(fails_with(store.save(s), ds::error::not_serializable));
        s.user("");
        s.lifetime({.max_stale = 0s});
        CHECK(fails_with(store.save(s), ds::error::invalid_option));
        CHECK(w.commands() == 0);
        CHECK(fails_with(store.sessions_of(""), ds::error::invalid_option));
    });
}

TEST_CASE("users: a request that began before a session was to live shorter does not put its end off by the old times") {
    in_each_style({.max_age = 12h, .max_stale = 30min}, [](world& w, caller& store) {
        auto s = stored_session(store);
        auto before = must_load(store, s.id());
        s.lifetime({.max_stale = 5min});
        must_save(store, s);
        w.advance(4min);
        REQUIRE(store.touch(before).has_value());
        CHECK(must_load(store, s.id()).expires() == s.expires());
        before = must_load(store, s.id());
        REQUIRE(store.touch(before).has_value());
        CHECK(must_load(store, s.id()).expires() == s.created() + 9min);
        auto ending = must_load(store, s.id());
        ending.lifetime({.max_age = 5min});
        must_save(store, ending);
        REQUIRE(store.touch(before).has_value());
        w.advance(1min);
        CHECK(is_absent(store, s.id()));
    });
}
