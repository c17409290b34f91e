#include "each_style.hpp"
#include "in_threads.hpp"

#include <string>
#include <thread>
#include <vector>

using namespace contract;
using namespace std::chrono_literals;

TEST_CASE("a destroyed session is gone at once, and no late write brings it back") {
    in_each_style([](world& w, caller& store) {
        auto saving = stored_session(store);
        auto touching = must_load(store, saving.id());
        auto regenerating = must_load(store, saving.id());
        REQUIRE(store.destroy(saving.id()).has_value());
        CHECK(is_absent(store, saving.id()));

        saving.set("n", 1);
        CHECK(fails_with(store.save(saving), ds::error::session_gone));
        CHECK(fails_with(store.save(saving), ds::condition::conflict));
        w.advance(10min);
        CHECK(fails_with(store.touch(touching), ds::error::session_gone));
        CHECK(fails_with(store.save(touching), ds::error::session_gone));
        const auto id_before = regenerating.id();
        CHECK(fails_with(store.regenerate(regenerating), ds::error::session_gone));
        CHECK(regenerating.id() == id_before);
        const auto updated = store.update(saving.id(), [](ds::session& s) { s.set("n", 1); });
        REQUIRE(updated.has_value());
        CHECK_FALSE(updated->has_value());
        CHECK(is_absent(store, saving.id()));
        REQUIRE(store.destroy(saving.id()).has_value());
    });
}

TEST_CASE("two requests that change different keys both keep their changes") {
    in_each_style([](world&, caller& store) {
        auto s = stored_session(store);
        s["nested"] = {{"a", 1}};
        must_save(store, s);
        auto a = must_load(store, s.id());
        auto b = must_load(store, s.id());
        auto c = must_load(store, s.id());
        a.set("a", 1);
        b["nested"].as_object()["a"] = 2;
        c.remove("user");
        must_save(store, a);
        must_save(store, b);
        must_save(store, c);
        const auto found = must_load(store, s.id());
        CHECK(found.get<int>("a") == 1);
        CHECK(found.value().at("nested").at("a").as_int64() == 2);
        CHECK_FALSE(found.contains("user"));
        CHECK(found.contains("cart"));
        CHECK(found.version() == s.version() + 3);
    });
}

TEST_CASE("of two changes of one key the later save stays") {
    in_each_style([](world&, caller& store) {
        const auto s = stored_session(store);
        auto a = must_load(store, s.id());
        auto b = must_load(store, s.id());
        a.set("user", "a");
        b.set("user", "b");
        must_save(store, b);
        must_save(store, a);
        CHECK(must_load(store, s.id()).get<std::string>("user") == "a");
        // `a` has not seen "b", and a save that changes nothing must not undo what others did.
        b.set("user", "b again");
        must_save(store, b);
        must_save(store, a);
        CHECK(must_load(store, s.id()).get<std::string>("user") == "b again");
    });
}

TEST_CASE("regenerate keeps the data and the deadline, and the old id leads nowhere") {
    in_each_style([](world& w, caller& store) {
        auto s = stored_session(store);
        const auto old_id = s.id();
        const auto deadline = s.deadline();
        auto held = must_load(store, old_id);
        w.advance(10min);
        s.set("fresh", true);
        REQUIRE(store.regenerate(s).has_value());
        CHECK(s.id() != old_id);
        CHECK(is_absent(store, old_id));
        const auto found = must_load(store, s.id());
        CHECK(found.value() == s.value());
        CHECK(found.get<bool>("fresh") == true);
        CHECK(found.deadline() == deadline);
        CHECK(found.created() == s.created());
        CHECK(found.expires() == s.created() + 40min);

        held.set("late", 1);
        CHECK(fails_with(store.save(held), ds::error::session_gone));
        CHECK(is_absent(store, old_id));

        s.set("n", 1);
        must_save(store, s);
        REQUIRE(store.regenerate(s).has_value());
        CHECK(must_load(store, s.id()).get<int>("n") == 1);
    });
}

TEST_CASE("regenerate takes along what others saved meanwhile") {
    in_each_style([](world&, caller& store) {
        auto s = stored_session(store);
        auto other = must_load(store, s.id());
        other.set("other", "theirs");
        other.remove("cart");
        must_save(store, other);
        s.set("mine", 1);
        REQUIRE(store.regenerate(s).has_value());
        CHECK(s.get<std::string>("other") == "theirs");
        CHECK_FALSE(s.contains("cart"));
        CHECK(must_load(store, s.id()).value() == s.value());
        s.set("mine", 2);
        must_save(store, s);
        const auto found = must_load(store, s.id());
        CHECK(found.get<std::string>("other") == "theirs");
        CHECK(found.get<int>("mine") == 2);
    });
}

TEST_CASE("parallel updates of one key are all counted") {
    static constexpr int threads = 6, rounds = 10;
    in_each_style([](world& w, caller& store) {
        const auto id = stored_session(store).id();
        update_in_threads(w, id, threads, rounds, [](ds::session& s, int, int) { increment(s); });
        CHECK(must_load(store, id).get<int>("n") == threads * rounds);
    });
}

TEST_CASE("saves of different keys from many threads all arrive") {
    static constexpr int threads = 8, rounds = 25;
    in_each_style([](world& w, caller& store) {
        const auto id = stored_session(store).id();
        update_in_threads(w, id, threads, rounds, [](ds::session& s, int thread, int round) {
            s.set("thread" + std::to_string(thread), round);
        });
        const auto found = must_load(store, id);
        for (int t = 0; t < threads; ++t) CHECK(found.get<int>("thread" + std::to_string(t)) == rounds);
        CHECK(found.version() == 1 + threads * rounds);
        CHECK(found.get<std::string>("user") == "jeremy");
    });
}

TEST_CASE("a session that is destroyed while others save it stays destroyed") {
    in_each_style([](world& w, caller& store) {
        for (int round = 0; round < 20; ++round) {
            const auto id = stored_session(store).id();
            std::vector<std::jthread> running;
            for (int t = 0; t < 3; ++t)
                running.emplace_back([&, t] {
                    const auto mine = w.call(all_styles[t]);
                    for (int i = 0; i < 3; ++i) (void)mine->update(id, [&](ds::session& s) { s.set("n", i); });
                });
            running.emplace_back([&] { (void)w.call(call_style::throwing)->destroy(id); });
            running.clear();
            CHECK(is_absent(store, id));
        }
    });
}
