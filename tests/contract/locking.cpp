#include "each_style.hpp"
#include "in_threads.hpp"

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace contract;
using namespace std::chrono_literals;

namespace {

/// Nobody waits: a lock that another holds is an error at once.
settings locked(ds::session_options options = {}) {
    return {.session = options, .lock = settings::policy::pessimistic, .locks = {.max_wait_time = 0ms}};
}

/// Requests wait for each other as long as it takes.
settings waiting() {
    return {.lock = settings::policy::pessimistic, .locks = {.max_wait_time = 60s, .max_waiters = 64}};
}

settings optimistic() { return {.lock = settings::policy::optimistic}; }

// Longer than a lease and the margin for clocks that differ.
constexpr auto after_the_lease = 10s + 2s + 1ms;

} // namespace

TEST_CASE("locked: a load, a change and a save are two writes and nothing else") {
    in_each_style(locked(), [](world& w, caller& store) {
        const auto id = stored_session(store).id();
        const int commands = w.commands();
        auto s = must_load(store, id);
        CHECK(s.is_locked());
        s.set("n", 1);
        must_save(store, s);
        CHECK(w.commands() - commands == 2);
        CHECK_FALSE(s.is_locked());
        CHECK(must_load(store, id).get<int>("n") == 1);
    });
}

TEST_CASE("locked: nobody else gets the session until it is saved") {
    in_each_style(locked(), [](world& w, caller& store) {
        const auto id = stored_session(store).id();
        auto mine = must_load(store, id);
        for (const int process : {0, 1}) {
            const auto other = w.call(call_style::throwing, process);
            CHECK(fails_with(other->load(id), ds::error::lock_timeout));
            CHECK(fails_with(other->load(id), ds::condition::retryable));
        }
        mine.set("n", 1);
        must_save(store, mine);
        CHECK(must_load(*w.call(call_style::throwing, 1), id).get<int>("n") == 1);
    });
}

TEST_CASE("locked: reading does not wait, and what is read cannot be saved") {
    in_each_style(locked(), [](world& w, caller& store) {
        const auto id = stored_session(store).id();
        auto mine = must_load(store, id);
        const int writes = w.writes();
        auto found = store.load(id, mode::read_only);
        REQUIRE(found.has_value());
        REQUIRE(found->has_value());
        ds::session reading = **std::move(found);
        CHECK(reading.is_read_only());
        CHECK(reading.get<std::string>("user") == "jeremy");
        reading.set("user", "mallory");
        CHECK(fails_with(store.save(reading), ds::error::read_only_session));
        CHECK(fails_with(store.touch(reading), ds::error::read_only_session));
        CHECK(fails_with(store.regenerate(reading), ds::error::read_only_session));
        CHECK(w.writes() == writes);
        must_save(store, mine);
        CHECK(must_load(store, id).get<std::string>("user") == "jeremy");
    });
}

TEST_CASE("reading without a lock policy: what is read cannot be saved either") {
    in_each_style([](world& w, caller& store) {
        const auto id = stored_session(store).id();
        auto reading = **store.load(id, mode::read_only);
        const int writes = w.writes();
        CHECK(fails_with(store.save(reading), ds::error::read_only_session));
        CHECK(w.writes() == writes);
    });
}

TEST_CASE("locked: made-up ids lock nothing and make nothing") {
    in_each_style(locked(), [](world& w, caller& store) {
        const auto id = ds::session_id::generate();
        CHECK(is_absent(store, id));
        const auto read = w.call(call_style::throwing)->load(id, mode::read_only);
        REQUIRE(read.has_value());
        CHECK_FALSE(read->has_value());
        auto s = stored_session(store);
        w.advance(31min);
        CHECK(is_absent(store, s.id()));
    });
}

TEST_CASE("locked: release gives the session up without its changes") {
    in_each_style(locked(), [](world& w, caller& store) {
        const auto id = stored_session(store).id();
        auto mine = must_load(store, id);
        mine.set("n", 1);
        REQUIRE(store.release(mine).has_value());
        CHECK_FALSE(mine.is_locked());
        auto next = must_load(*w.call(call_style::throwing, 1), id);
        CHECK_FALSE(next.contains("n"));
        REQUIRE(store.release(mine).has_value()); // has none any more
        CHECK(fails_with(w.call(call_style::throwing)->load(id), ds::error::lock_timeout));
    });
}

TEST_CASE("locked: a session that is forgotten leaves its lock to the next request of its process at once") {
    in_each_style(locked(), [](world& w, caller& store) {
        const auto id = stored_session(store).id();
        { const auto forgotten = must_load(store, id); }
        auto next = must_load(store, id);
        CHECK(next.is_locked());
        next.set("n", 1);
        must_save(store, next);
        CHECK(must_load(*w.call(call_style::throwing, 1), id).get<int>("n") == 1);
    });
}

TEST_CASE("locked: a stale holder's save is refused and changes nothing") {
    in_each_style(locked(), [](world& w, caller& store) {
        const auto id = stored_session(store).id();
        auto stale = must_load(store, id);
        w.advance(after_the_lease);
        const auto other = w.call(call_style::throwing, 1);
        auto next = must_load(*other, id);
        stale.set("n", "stale");
        CHECK(fails_with(store.save(stale), ds::error::lock_lost));
        CHECK(fails_with(store.save(stale), ds::condition::conflict));
        CHECK(fails_with(store.renew(stale), ds::error::lock_lost));
        next.set("n", "next");
        must_save(*other, next);
        CHECK(fails_with(store.save(stale), ds::error::lock_lost));
        CHECK(must_load(store, id).get<std::string>("n") == "next");
    });
}

TEST_CASE("locked: a renewed lock lasts") {
    in_each_style(locked(), [](world& w, caller& store) {
        const auto id = stored_session(store).id();
        auto mine = must_load(store, id);
        for (int i = 0; i < 3; ++i) {
            w.advance(9s);
            REQUIRE(store.renew(mine).has_value());
            CHECK(fails_with(w.call(call_style::throwing, 0)->load(id), ds::error::lock_timeout));
            CHECK(fails_with(w.call(call_style::throwing, 1)->load(id), ds::error::lock_timeout));
        }
        mine.set("n", 1);
        must_save(store, mine);
        CHECK(fails_with(store.renew(mine), ds::error::lock_lost));
    });
}

TEST_CASE("locked: the lock of a dead holder is taken by exactly one") {
    in_each_style(locked(), [](world& w, caller& store) {
        for (int round = 0; round < 10; ++round) {
            const auto id = stored_session(store).id();
            const auto dead = must_load(store, id);
            w.advance(after_the_lease);
            std::atomic<int> got = 0, others = 0;
            std::atomic<bool> strange = false;
            std::vector<std::optional<ds::session>> held(6);
            in_threads(w, 6, [&](caller& mine, int t) {
                auto found = mine.load(id);
                if (found && *found) {
                    ++got;
                    held[static_cast<std::size_t>(t)] = **std::move(found);
                } else if (fails_with(found, ds::error::lock_timeout)) {
                    ++others;
                } else {
                    strange = true;
                }
            });
            CHECK_FALSE(strange);
            CHECK(got == 1);
            CHECK(others == 5);
        }
    });
}

TEST_CASE("locked: parallel increments are all counted") {
    static constexpr int threads = 8, rounds = 10;
    const auto w = make_world(waiting());
    const auto store = w->call(call_style::throwing);
    const auto id = stored_session(*store).id();
    std::atomic<int> failures = 0;
    in_threads(*w, threads, [&](caller& mine, int) {
        for (int i = 0; i < rounds; ++i) {
            auto s = mine.load(id);
            if (!s || !*s) {
                ++failures;
                continue;
            }
            increment(**s);
            if (!mine.save(**s)) ++failures;
        }
    });
    CHECK(failures == 0);
    CHECK(must_load(*store, id).get<int>("n") == threads * rounds);
}

TEST_CASE("locked: updates of several processes are all counted, and cost no conflict") {
    static constexpr int threads = 8, rounds = 10;
    const auto w = make_world(waiting());
    const auto store = w->call(call_style::throwing);
    const auto id = stored_session(*store).id();
    update_in_threads(*w, id, threads, rounds, [](ds::session& s, int, int) { increment(s); });
    CHECK(must_load(*store, id).get<int>("n") == threads * rounds);
}

TEST_CASE("locked: more requests than may wait are turned away at once") {
    auto with = locked();
    with.locks.max_waiters = 0;
    in_each_style(with, [](world& w, caller& store) {
        const auto id = stored_session(store).id();
        auto mine = must_load(store, id);
        CHECK(fails_with(w.call(call_style::throwing)->load(id), ds::error::too_many_waiters));
        CHECK(fails_with(w.call(call_style::throwing)->load(id), ds::condition::retryable));
        must_save(store, mine);
        CHECK(must_load(store, id).is_locked());
    });
}

TEST_CASE("locked: destroy beats the save of a holder") {
    in_each_style(locked(), [](world& w, caller& store) {
        const auto id = stored_session(store).id();
        auto mine = must_load(store, id);
        REQUIRE(w.call(call_style::throwing, 1)->destroy(id).has_value());
        mine.set("n", 1);
        CHECK(fails_with(store.save(mine), ds::error::session_gone));
        CHECK(is_absent(store, id));
        auto other = must_load(store, stored_session(store).id());
        REQUIRE(store.destroy(other.id()).has_value());
        CHECK(fails_with(store.release(other), ds::error::session_gone));
    });
}

TEST_CASE("locked: a thousand destroys against saves bring no session back") {
    in_each_style(locked(), [](world& w, caller& store) {
        for (int round = 0; round < 250; ++round) {
            const auto id = stored_session(store).id();
            auto mine = must_load(store, id);
            mine.set("n", round);
            std::jthread logout([&] { (void)w.call(call_style::throwing, 1)->destroy(id); });
            const auto done = store.save(mine);
            logout.join();
            if (!done) CHECK(fails_with(done, ds::error::session_gone));
            CHECK(is_absent(store, id));
        }
    });
}

TEST_CASE("locked: a session that is saved once more without its lock goes on top of its own version only") {
    in_each_style(locked(), [](world& w, caller& store) {
        auto s = stored_session(store); // new ones have no lock
        s.set("a", 1);
        must_save(store, s);
        const auto other = w.call(call_style::throwing, 1);
        auto theirs = must_load(*other, s.id());
        theirs.set("b", 1);
        must_save(*other, theirs);
        s.set("a", 2);
        must_save(store, s); // other keys: merged
        CHECK(s.get<int>("b") == 1);
        theirs = must_load(*other, s.id());
        theirs.set("a", 3);
        must_save(*other, theirs);
        s.set("a", 4);
        CHECK(fails_with(store.save(s), ds::error::conflict));
        CHECK(must_load(store, s.id()).get<int>("a") == 3);
    });
}

TEST_CASE("locked: touch keeps the lock") {
    in_each_style(locked(), [](world& w, caller& store) {
        const auto id = stored_session(store).id();
        w.advance(10min);
        auto mine = must_load(store, id);
        REQUIRE(store.touch(mine).has_value());
        CHECK(mine.expires() == mine.created() + 40min);
        CHECK(mine.is_locked());
        CHECK(fails_with(w.call(call_style::throwing, 1)->load(id), ds::error::lock_timeout));
        mine.set("n", 1);
        must_save(store, mine);
    });
}

TEST_CASE("locked: regenerate ends the lock with the old id") {
    in_each_style(locked(), [](world& w, caller& store) {
        const auto old_id = stored_session(store).id();
        auto mine = must_load(store, old_id);
        mine.set("n", 1);
        REQUIRE(store.regenerate(mine).has_value());
        CHECK(mine.id() != old_id);
        CHECK_FALSE(mine.is_locked());
        CHECK(is_absent(store, old_id));
        auto next = must_load(*w.call(call_style::throwing, 1), mine.id());
        CHECK(next.get<int>("n") == 1);
        CHECK(next.value() == mine.value());
    });
}

TEST_CASE("locked: a stale holder cannot regenerate") {
    in_each_style(locked(), [](world& w, caller& store) {
        const auto id = stored_session(store).id();
        auto stale = must_load(store, id);
        w.advance(after_the_lease);
        const auto other = w.call(call_style::throwing, 1);
        auto next = must_load(*other, id);
        CHECK(fails_with(store.regenerate(stale), ds::error::lock_lost));
        CHECK(stale.id() == id);
        next.set("n", 1);
        must_save(*other, next);
        CHECK(must_load(store, id).get<int>("n") == 1);
    });
}

TEST_CASE("regenerate with a grace time: for so long the old id leads to the session, to be read only") {
    for (const auto lock : {settings::policy::none, settings::policy::pessimistic}) {
        auto with = locked({.regenerate_grace = 30s});
        with.lock = lock;
        in_each_style(with, [](world&, caller& store) {
            const auto old_id = stored_session(store).id();
            auto s = must_load(store, old_id);
            s.set("n", 1);
            REQUIRE(store.regenerate(s).has_value());
            auto reading = must_load(store, old_id);
            CHECK(reading.is_read_only());
            CHECK(reading.id() == old_id);
            CHECK(reading.value() == s.value());
            CHECK(fails_with(store.save(reading), ds::error::read_only_session));
            CHECK(fails_with(store.update(old_id, [](ds::session& x) { x.set("n", 2); }), ds::error::read_only_session));
            s.set("n", 3);
            must_save(store, s);
            CHECK(must_load(store, old_id).get<int>("n") == 3);
            REQUIRE(store.destroy(s.id()).has_value());
            CHECK(is_absent(store, old_id)); // leads nowhere now
        });
        in_each_style(with, [](world& w, caller& store) {
            auto s = stored_session(store);
            const auto old_id = s.id();
            auto late = s;
            REQUIRE(store.regenerate(s).has_value());
            late.set("late", true);
            CHECK(fails_with(store.save(late), ds::error::session_gone));
            w.advance(31s);
            CHECK(is_absent(store, old_id));
            CHECK(must_load(store, s.id()).get<std::string>("user") == "jeremy");
        });
    }
}

TEST_CASE("optimistic: different keys are merged, and of two saves of one key the later fails") {
    in_each_style(optimistic(), [](world&, caller& store) {
        const auto id = stored_session(store).id();
        auto a = must_load(store, id), b = must_load(store, id), c = must_load(store, id), d = must_load(store, id);
        a.set("a", 1);
        b.set("b", 1);
        b.remove("cart");
        c.set("a", 2);
        d.set("cart", "full");
        must_save(store, a);
        must_save(store, b);
        CHECK(b.get<int>("a") == 1);
        CHECK(fails_with(store.save(c), ds::error::conflict));
        CHECK(fails_with(store.save(d), ds::error::conflict));
        const auto found = must_load(store, id);
        CHECK(found.get<int>("a") == 1);
        CHECK(found.get<int>("b") == 1);
        CHECK_FALSE(found.contains("cart"));
        b.set("b", 2); // is up to date after its save
        must_save(store, b);
    });
}

TEST_CASE("optimistic: the same change twice is no conflict") {
    in_each_style(optimistic(), [](world&, caller& store) {
        const auto id = stored_session(store).id();
        auto a = must_load(store, id), b = must_load(store, id);
        a.set("seen", true);
        b.set("seen", true);
        a.remove("cart");
        b.remove("cart");
        must_save(store, a);
        must_save(store, b);
        CHECK(must_load(store, id).get<bool>("seen") == true);
    });
}

TEST_CASE("optimistic: parallel updates are all counted") {
    static constexpr int threads = 6, rounds = 10;
    const auto w = make_world(optimistic());
    const auto store = w->call(call_style::throwing);
    const auto id = stored_session(*store).id();
    update_in_threads(*w, id, threads, rounds, [](ds::session& s, int, int) { increment(s); });
    CHECK(must_load(*store, id).get<int>("n") == threads * rounds);
}
