#include <dynasession/store/basic_session_store.hpp>

#include <dynasession/lock/optimistic_lock.hpp>
#include <dynasession/lock/pessimistic_lock.hpp>
#include <dynasession/memory_session_store.hpp>

#include "support/counting_backend.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <concepts>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace ds = dynasession;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using ds::memory_session_store;
using locked_store =
    ds::basic_session_store<counting_backend<ds::memory_backend>, ds::pessimistic_lock, ds::json_serializer>;
using counting_backend_store = ds::basic_session_store<counting_backend<ds::memory_backend>, ds::no_lock, ds::json_serializer>;
using optimistic_store = ds::basic_session_store<ds::memory_backend, ds::optimistic_lock, ds::json_serializer>;

namespace {

constexpr auto noon = ds::time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h);

// The same clock for a store and the test that sets it.
struct manual_clock {
    ds::op::instant now{noon + 900ms, {}};
    ds::memory_options options() {
        return {.clock = [this] { return now; }};
    }
};

// A clock that goes on by itself by one step at each look, on whatever thread.
struct stepping_clock {
    std::atomic<std::chrono::milliseconds> passed{0ms};
    std::atomic<std::chrono::milliseconds> step{0ms};
    std::atomic<int> looks{0};
    int awaited = 0; // `seen` happens at so many looks
    ds::op::event seen{};

    ds::op::instant look() {
        auto before = passed.load();
        while (!passed.compare_exchange_weak(before, before + step.load())) {
        }
        if (++looks == awaited) seen.set();
        return {noon + before, std::chrono::steady_clock::time_point(100h + before)};
    }
    ds::memory_options options() {
        return {.clock = [this] { return look(); }};
    }
};

// The first step of an operation that has to wait for the lock fails at once.
const ds::pessimistic_lock_options impatient{.lease = 12s, .max_wait_time = 0ms, .max_hold_time = 24h};

// Whether another request could have the session to itself now.
bool is_free(locked_store& store, const ds::session_id& id) {
    ds::error_code ec;
    const auto s = store.load(id, ds::exclusive, ec);
    REQUIRE((!ec || ec == ds::error::lock_timeout));
    REQUIRE(s.has_value() == !ec);
    return !ec;
}

// A stored session with n = 1.
ds::session_id stored_in(auto& store) {
    auto s = store.create();
    s.set("n", 1);
    store.save(s);
    return s.id();
}

template <class Store>
concept loads_exclusively = requires(Store s, ds::session_id id, ds::error_code ec) {
    s.load(id, ds::exclusive);
    s.load(id, ds::exclusive, ec);
    s.async_load(id, ds::exclusive);
};
template <class Store>
concept loads_without_locking = requires(Store s, ds::session_id id, ds::error_code ec) {
    s.load(id, ds::read_only);
    s.load(id, ds::read_only, ec);
    s.async_load(id, ds::read_only);
    s.load(id, ds::read_write);
};
template <class Store>
concept releases = requires(Store s, ds::session x, ds::error_code ec) {
    s.release(x);
    s.release(x, ec);
    s.async_release(x);
};
template <class Store>
concept renews = requires(Store s, ds::session x, ds::error_code ec) {
    s.renew(x);
    s.renew(x, ec);
    s.async_renew(x);
};
template <class Store>
concept renews_by_itself = requires(Store s, ds::session x) {
    s.keep_renewing(x);
};

// What a policy cannot do its store does not offer.
static_assert(loads_without_locking<memory_session_store> && loads_without_locking<optimistic_store> &&
              loads_without_locking<locked_store>);
static_assert(!loads_exclusively<memory_session_store> && !loads_exclusively<optimistic_store> &&
              loads_exclusively<locked_store>);
static_assert(!releases<memory_session_store> && !releases<optimistic_store> && releases<locked_store>);
static_assert(!renews<memory_session_store> && !renews<optimistic_store> && renews<locked_store>);
static_assert(!renews_by_itself<memory_session_store> && !renews_by_itself<optimistic_store> &&
              renews_by_itself<locked_store>);

} // namespace

TEST_CASE("session options that make no sense are refused") {
    const auto refused = [](const ds::session_options& o) {
        try {
            memory_session_store store({}, o);
            return false;
        } catch (const ds::session_error& e) {
            return e.code() == ds::error::invalid_option && e.code() == ds::condition::configuration &&
                   !e.detail().empty();
        }
    };
    CHECK(refused({.max_stale = 0s}));
    CHECK(refused({.max_stale = -1s}));
    CHECK(refused({.max_age = -1s}));
    CHECK(refused({.touch_fraction = -0.1}));
    CHECK(refused({.touch_fraction = 1}));
    CHECK(refused({.regenerate_grace = -1s}));
    CHECK(refused({.regenerate_grace = 61s}));
    CHECK_FALSE(refused({.max_age = 0s, .touch_fraction = 0, .regenerate_grace = 60s}));
}

TEST_CASE("a created session has its times in whole seconds, and nothing is stored") {
    manual_clock clock;
    memory_session_store store(clock.options(), {.max_age = 1h, .max_stale = 10min});
    const auto s = store.create();
    CHECK(s.is_new());
    CHECK(s.created() == noon);
    CHECK(s.expires() == noon + 10min);
    CHECK(s.deadline() == noon + 1h);
    CHECK(s.version() == 0);
    CHECK(s.id() != store.create().id());
    CHECK(store.backend().size() == 0);
}

TEST_CASE("a session without a maximal age has no deadline, one with less than its idle time ends with it") {
    manual_clock clock;
    memory_session_store endless(clock.options(), {.max_age = 0s});
    CHECK(endless.create().deadline() == ds::time_point::max());
    memory_session_store brief(clock.options(), {.max_age = 5min, .max_stale = 10min});
    CHECK(brief.create().expires() == noon + 5min);
}

TEST_CASE("the idle time and the deadline of a session are those it was stored with, whatever the options say later") {
    manual_clock clock;
    memory_session_store store(clock.options(), {.max_age = 1h, .max_stale = 10min});
    auto s = store.create();
    store.save(s);
    auto loaded = store.load(s.id()).value();
    clock.now.system += 9min;
    loaded.set("n", 1);
    store.save(loaded);
    CHECK(loaded.expires() == noon + 19min);
    CHECK(loaded.deadline() == noon + 1h);
}

TEST_CASE("an update whose change says no saves nothing") {
    manual_clock clock;
    memory_session_store store(clock.options());
    auto s = store.create();
    s.set("n", 1);
    store.save(s);
    const auto refused = store.update(s.id(), [](ds::session& x) {
        x.set("n", 2);
        return false;
    });
    REQUIRE(refused.has_value());
    CHECK(refused->version() == s.version());
    CHECK(store.load(s.id())->get<int>("n") == 1);
    CHECK(store.update(s.id(), [](ds::session& x) { return x.set("n", 2), true; })->get<int>("n") == 2);
    CHECK(store.load(s.id())->get<int>("n") == 2);
}

TEST_CASE("a new session that is touched is still not stored") {
    manual_clock clock;
    memory_session_store store(clock.options());
    auto s = store.create();
    s.set("n", 1);
    const auto before = s.id();
    store.touch(s);
    CHECK(s.id() == before);
    CHECK(s.is_new());
    CHECK(s.get<int>("n") == 1);
    CHECK(store.backend().size() == 0);
    store.save(s);
    CHECK_FALSE(s.is_new());
    CHECK(store.load(s.id())->get<int>("n") == 1);
}

TEST_CASE("a session that gets another id after saves of others takes their changes along") {
    manual_clock clock;
    memory_session_store store(clock.options());
    auto s = store.create();
    store.save(s);
    auto other = store.load(s.id()).value();
    other.set("theirs", 1);
    store.save(other);
    s.set("ours", 2);
    store.save(s); // on top of what it did not know of
    CHECK(s.get<int>("theirs") == 1);
    other.set("theirs", 3);
    store.save(other);
    store.regenerate(s);
    CHECK(s.get<int>("theirs") == 3);
    CHECK(store.load(s.id())->value() == boost::json::object{{"ours", 2}, {"theirs", 3}});
}

TEST_CASE("what the function of an update throws passes through, and nothing is saved") {
    manual_clock clock;
    memory_session_store store(clock.options());
    auto s = store.create();
    store.save(s);
    const auto throwing = [](ds::session& x) {
        x.set("n", 1);
        throw std::runtime_error("no");
    };
    CHECK_THROWS_AS(store.update(s.id(), throwing), std::runtime_error);
    ds::error_code ec;
    CHECK_THROWS_AS(store.update(s.id(), throwing, ec), std::runtime_error);
    CHECK(store.load(s.id())->version() == 1);
}

TEST_CASE("a form with an error code sets it and gives an empty value, and clears it") {
    manual_clock clock;
    auto options = clock.options();
    options.max_session_bytes = 20;
    memory_session_store store(options);
    auto s = store.create();
    s.set("text", std::string(100, 'x'));
    ds::error_code ec;
    store.save(s, ec);
    CHECK(ec == ds::error::item_too_large);
    CHECK(s.is_new());
    CHECK_THROWS_AS(store.save(s), ds::session_error);
    s.clear();
    store.save(s, ec);
    CHECK_FALSE(ec);
    ec = ds::error::timeout;
    CHECK(store.load(s.id(), ec).has_value());
    CHECK_FALSE(ec);
    CHECK_FALSE(store
                    .update(
                        s.id(), [](ds::session& x) { x.set("text", std::string(100, 'x')); }, ec)
                    .has_value());
    CHECK(ec == ds::error::item_too_large);
}

TEST_CASE("asynchronous operations take any token, and wait to be started with the default one") {
    asio::io_context context;
    memory_session_store store(context.get_executor(), {});
    CHECK(store.get_executor() == memory_session_store::executor_type(context.get_executor()));
    auto s = store.create();
    s.set("n", 1);
    auto saving = store.async_save(s);
    context.run();
    CHECK(store.backend().size() == 0);
    auto saved = std::move(saving)(asio::use_future);
    context.restart();
    context.run();
    saved.get();
    CHECK(store.backend().size() == 1);

    std::optional<ds::session> found;
    store.async_load(s.id(), [&](ds::error_code ec, std::optional<ds::session> loaded) {
        CHECK_FALSE(ec);
        found = std::move(loaded);
    });
    context.restart();
    context.run();
    REQUIRE(found.has_value());
    CHECK(found->get<int>("n") == 1);
}

TEST_CASE("a store stays where it is") {
    static_assert(!std::is_copy_constructible_v<memory_session_store>);
    static_assert(!std::is_move_constructible_v<memory_session_store>);
    static_assert(!std::is_copy_assignable_v<memory_session_store>);
}

TEST_CASE("a session that was loaded to be read only is never sent") {
    manual_clock clock;
    ds::basic_session_store<counting_backend<ds::memory_backend>, ds::no_lock, ds::json_serializer> store(
        clock.options());
    const auto id = stored_in(store);
    auto s = store.load(id, ds::read_only).value();
    CHECK(s.is_read_only());
    CHECK(s.get<int>("n") == 1);
    s.set("n", 2);
    clock.now.system += 20min; // a touch would be due
    const int before = store.backend().commands();
    ds::error_code ec;
    store.save(s, ec);
    CHECK(ec == ds::error::read_only_session);
    store.touch(s, ec);
    CHECK(ec == ds::error::read_only_session);
    store.regenerate(s, ec);
    CHECK(ec == ds::error::read_only_session);
    CHECK_THROWS_AS(store.save(s), ds::session_error);
    CHECK(store.backend().commands() == before);
    CHECK(s.id() == id);
    CHECK_FALSE(store.load(id, ds::read_write)->is_read_only());
}

TEST_CASE("a regenerated session can be read under its former id for a while, and not saved") {
    manual_clock clock;
    memory_session_store store(clock.options(), {.regenerate_grace = 20s});
    const auto former = stored_in(store);
    auto s = store.load(former).value();
    s.set("n", 2);
    store.regenerate(s);
    CHECK(s.id() != former);
    CHECK_FALSE(s.is_read_only());
    auto late = store.load(former).value();
    CHECK(late.get<int>("n") == 2);
    CHECK(late.is_read_only());
    late.set("n", 3);
    ds::error_code ec;
    store.save(late, ec);
    CHECK(ec == ds::error::read_only_session);
    clock.now.system += 21s;
    CHECK_FALSE(store.load(former).has_value());
    CHECK(store.load(s.id())->get<int>("n") == 2);
}

TEST_CASE("a loaded session is nobody else's until it is saved, released, moved, or forgotten") {
    manual_clock clock;
    locked_store store(clock.options(), {}, ds::pessimistic_lock(impatient));
    auto id = stored_in(store);
    auto s = store.load(id);
    REQUIRE(s.has_value());
    CHECK(s->is_locked());
    CHECK_FALSE(is_free(store, id));
    CHECK_THROWS_AS(store.load(id), ds::session_error);
    CHECK_FALSE(store.load(id, ds::read_only)->is_locked());
    s->set("n", 2);
    SUBCASE("saved") {
        store.save(*s);
        CHECK(store.load(id, ds::read_only)->get<int>("n") == 2);
    }
    SUBCASE("saved unchanged") {
        s->set("n", 1);
        store.save(*s);
    }
    SUBCASE("released") {
        store.release(*s);
        CHECK(s->get<int>("n") == 2);
        CHECK(store.load(id, ds::read_only)->get<int>("n") == 1);
    }
    SUBCASE("moved") {
        store.regenerate(*s);
        id = s->id();
    }
    SUBCASE("a copy of it is saved") {
        auto copy = *s;
        store.save(copy);
    }
    SUBCASE("forgotten") {
        auto copy = s;
        s.reset();
        CHECK_FALSE(is_free(store, id));
        copy.reset();
    }
    CHECK_FALSE((s && s->is_locked()));
    CHECK(is_free(store, id));
}

TEST_CASE("a touch leaves the lock, and so does a save that fails") {
    manual_clock clock;
    locked_store store(clock.options(), {}, ds::pessimistic_lock(impatient));
    const auto id = stored_in(store);
    auto s = store.load(id, ds::exclusive).value();
    clock.now.system += 4min;
    SUBCASE("a touch") {
        store.touch(s);
        CHECK(s.expires() == noon + 34min);
    }
    SUBCASE("a failure") {
        s["text"] = "\xff";
        ds::error_code ec;
        store.save(s, ec);
        CHECK(ec == ds::error::not_serializable);
    }
    CHECK(s.is_locked());
    CHECK_FALSE(is_free(store, id));
}

TEST_CASE("a session that was released is saved as long as nobody else saves the same") {
    manual_clock clock;
    locked_store store(clock.options(), {}, ds::pessimistic_lock(impatient));
    const auto id = stored_in(store);
    auto s = store.load(id, ds::exclusive).value();
    store.release(s);
    store.release(s); // nothing to give up any more
    s.set("n", 2);
    SUBCASE("nobody did") {
        store.save(s);
        CHECK(store.load(id, ds::read_only)->get<int>("n") == 2);
    }
    SUBCASE("somebody did") {
        CHECK(store.update(id, [](ds::session& x) { x.set("n", 5); }).has_value());
        ds::error_code ec;
        store.save(s, ec);
        CHECK(ec == ds::error::conflict);
        CHECK(store.load(id, ds::read_only)->get<int>("n") == 5);
    }
}

TEST_CASE("a new session that is released is still to be stored") {
    manual_clock clock;
    locked_store store(clock.options());
    auto s = store.create();
    s.set("n", 1);
    store.release(s);
    CHECK(s.is_new());
    CHECK(store.backend().commands() == 0);
    store.save(s);
    CHECK(store.load(s.id(), ds::read_only)->get<int>("n") == 1);
    ds::error_code ec;
    auto other = store.create();
    store.renew(other, ec);
    CHECK(ec == ds::error::lock_lost);
    CHECK(other.is_new());
}

TEST_CASE("a renewed lock lasts a lease from then on; one that is over is lost to the next, and so is its save") {
    manual_clock clock;
    locked_store store(clock.options(), {}, ds::pessimistic_lock(impatient));
    const auto id = stored_in(store);
    auto s = store.load(id, ds::exclusive).value();
    s.set("n", 2);
    const auto pass = [&](std::chrono::milliseconds d) {
        clock.now.system += d;
        clock.now.steady += d;
    };
    pass(11s);
    SUBCASE("renewed") {
        store.renew(s);
        CHECK(s.get<int>("n") == 2);
        pass(11s);
        CHECK_FALSE(is_free(store, id));
        store.save(s);
        CHECK(store.load(id, ds::read_only)->get<int>("n") == 2);
    }
    SUBCASE("not renewed") {
        pass(4s);
        CHECK(store.update(id, [](ds::session& x) { x.set("n", 5); }).has_value());
        CHECK_FALSE(s.is_locked());
        ds::error_code ec;
        SUBCASE("renewed too late") {
            store.renew(s, ec);
            CHECK(ec == ds::error::lock_lost);
        }
        store.save(s, ec);
        CHECK(ec == ds::error::lock_lost);
        CHECK(store.load(id, ds::read_only)->get<int>("n") == 5);
    }
}

TEST_CASE("an update under a lock whose change says no leaves the session free") {
    manual_clock clock;
    locked_store store(clock.options(), {}, ds::pessimistic_lock(impatient));
    const auto id = stored_in(store);
    const auto s = store.update(id, [](ds::session& x) { return x.set("n", 2), false; });
    REQUIRE(s.has_value());
    CHECK_FALSE(s->is_locked());
    CHECK(store.load(id, ds::read_only)->get<int>("n") == 1);
    CHECK(is_free(store, id));
}

TEST_CASE("a session that was destroyed while it was locked cannot be saved or released") {
    manual_clock clock;
    locked_store store(clock.options());
    const auto id = stored_in(store);
    auto s = store.load(id, ds::exclusive).value();
    s.set("n", 2);
    store.destroy(id);
    ds::error_code ec;
    SUBCASE("saved") { store.save(s, ec); }
    SUBCASE("released") { store.release(s, ec); }
    SUBCASE("renewed") { store.renew(s, ec); }
    CHECK(ec == ds::error::session_gone);
    CHECK_FALSE(store.load(id).has_value());
}

TEST_CASE("a thread renews a lock until the object goes, or the lock ends") {
    stepping_clock clock;
    locked_store store(clock.options(), {.max_age = 0s, .max_stale = std::chrono::years(50)},
                       ds::pessimistic_lock(impatient));
    const auto id = stored_in(store);
    auto s = store.load(id, ds::exclusive).value();
    const int before = store.backend().writes();
    clock.awaited = clock.looks + 20;
    clock.step = 5s; // at each look a third of the lease is over
    {
        const auto keeping = store.keep_renewing(s);
        clock.seen.wait_for(60s);
        REQUIRE(clock.seen.is_set());
        SUBCASE("the object goes") {}
        SUBCASE("the lock ends") {
            clock.step = 0s;
            store.save(s);
        }
    }
    clock.step = 0s;
    CHECK(store.backend().writes() - before >= 5);
    const auto renewed = store.backend().writes();
    store.save(s); // still ours, or bound to its version
    CHECK(store.backend().writes() - renewed <= 1);
    CHECK(is_free(store, id));
}

TEST_CASE("there is nothing to renew of a session without a lock") {
    manual_clock clock;
    locked_store store(clock.options());
    const auto id = stored_in(store);
    const int before = store.backend().writes();
    { const auto keeping = store.keep_renewing(store.load(id, ds::read_only).value()); }
    CHECK(store.backend().writes() == before);
}

TEST_CASE("an asynchronous load renews the lock by itself until the session is saved, released or forgotten") {
    asio::io_context context;
    stepping_clock clock;
    std::optional<locked_store> store(std::in_place, context.get_executor(), clock.options(), ds::session_options{},
                                      ds::pessimistic_lock(impatient));
    const auto id = stored_in(*store);
    std::optional<ds::session> s;
    const auto load = [&] {
        store->async_load(id, ds::exclusive, [&](ds::error_code ec, std::optional<ds::session> found) {
            CHECK_FALSE(ec);
            s = std::move(found);
        });
        while (!s) context.run_one();
    };
    SUBCASE("renewed whenever that is due") {
        clock.step = 5s;
        load();
        const int before = store->backend().writes();
        while (store->backend().writes() < before + 4) context.run_one();
        CHECK(s->is_locked());
        clock.step = 0s;
        s->set("n", 2);
        SUBCASE("saved") { store->save(*s); }
        SUBCASE("released") { store->release(*s); }
        SUBCASE("forgotten") { s.reset(); }
        context.run(); // ends, because the renewal does
        const int after = store->backend().writes();
        CHECK(is_free(*store, id));
        CHECK(store->backend().writes() <= after + 1);
    }
    SUBCASE("in a pause, from which the end of the lock wakes it") {
        load();
        context.poll();
        SUBCASE("saved") { store->save(*s); }
        SUBCASE("released") { store->release(*s); }
        SUBCASE("forgotten") { s.reset(); }
        SUBCASE("forgotten after its store") {
            store.reset();
            s.reset();
        }
        context.run();
    }
    SUBCASE("in a pause, when its executor goes") {
        load();
        context.poll();
    }
}

TEST_CASE("a session may outlive its store") {
    manual_clock clock;
    std::optional<locked_store> store(std::in_place, clock.options());
    const auto id = stored_in(*store);
    auto s = store->load(id, ds::exclusive).value();
    store.reset();
    CHECK(s.is_locked());
    CHECK(s.get<int>("n") == 1);
}

TEST_CASE("release, renew and update have an asynchronous form") {
    asio::io_context context;
    manual_clock clock;
    locked_store store(context.get_executor(), clock.options(), {}, ds::pessimistic_lock(impatient));
    const auto id = stored_in(store);
    auto s = store.load(id, ds::exclusive).value();
    const auto run = [&](auto future) {
        context.restart();
        context.run();
        return future.get();
    };
    run(store.async_renew(s, asio::use_future));
    CHECK(s.is_locked());
    run(store.async_release(s, asio::use_future));
    CHECK_FALSE(s.is_locked());
    const auto updated = run(store.async_update(
        id, [](ds::session& x) { x.set("n", 2); }, asio::use_future));
    REQUIRE(updated.has_value());
    CHECK(updated->get<int>("n") == 2);
    CHECK_FALSE(updated->is_locked());
    CHECK(is_free(store, id));
    ds::error_code failed;
    store.async_renew(s, [&](ds::error_code ec) { failed = ec; });
    context.restart();
    context.run();
    CHECK(failed == ds::error::lock_lost);
}

TEST_CASE("write does what is chosen at run time") {
    counting_backend_store store;
    auto s = store.create();
    s.set("n", 1);
    store.write(s, ds::write_kind::keep);
    CHECK_FALSE(s.is_new());
    CHECK(store.load(s.id())->get<int>("n") == 1);

    const auto old = s.id();
    s.set("n", 2);
    store.write(s, ds::write_kind::regenerate);
    CHECK_FALSE(store.load(old));
    CHECK(store.load(s.id())->get<int>("n") == 2);

    s.set("n", 3);
    store.write(s, ds::write_kind::release);
    CHECK(store.load(s.id())->get<int>("n") == 2);

    store.write(s, ds::write_kind::destroy);
    CHECK_FALSE(store.load(s.id()));
}

TEST_CASE("to keep a session that is gone is an error only if there is something to lose") {
    manual_clock clock;
    memory_session_store store(clock.options(), {.touch_fraction = 0});
    auto s = *store.load(stored_in(store));
    store.destroy(s.id());
    clock.now.system += 1s;

    ds::error_code ec;
    store.write(s, ds::write_kind::keep, ec);
    CHECK_FALSE(ec);
    s.set("n", 2);
    store.write(s, ds::write_kind::keep, ec);
    CHECK(ec == ds::error::session_gone);
}

TEST_CASE("to release or keep gives up the lock") {
    locked_store store;
    const auto id = stored_in(store);
    for (const auto kind : {ds::write_kind::release, ds::write_kind::keep}) {
        auto s = *store.load(id);
        store.write(s, kind);
        CHECK(is_free(store, id));
    }
}
