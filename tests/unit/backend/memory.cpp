#include <dynasession/backend/memory.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ds = dynasession;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using ds::memory_backend;
using ds::session_id;
using ds::time_point;

namespace {

constexpr auto noon = time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h);

ds::fields data_of(std::string_view text) { return ds::fields({ds::field{"k", text}}); }

ds::record content(time_point expires = noon + 1h, std::string_view text = "1") {
    return {{.created = noon, .expires = expires, .max_stale = 1h, .version = 1}, data_of(text)};
}

ds::op::instant at_noon() { return {noon, {}}; }

struct manual_clock {
    ds::op::instant now = at_noon();
    std::function<ds::op::instant()> get() {
        return [this] { return now; };
    }
};

bool applied(const ds::result<ds::reply>& r) {
    REQUIRE(r.has_value());
    return r->applied;
}

bool holds(memory_backend& b, const session_id& id) { return b.perform(ds::load_record{id})->item.has_value(); }

session_id created(memory_backend& b, time_point expires = noon + 1h, std::string_view text = "1") {
    const auto id = session_id::generate();
    REQUIRE(applied(b.perform(ds::create_record{id, content(expires, text)})));
    return id;
}

ds::change_record setting(const session_id& id, std::string_view key, std::string_view text, time_point now = noon) {
    ds::change_record c{.id = id, .now = now};
    c.changes.set.append({key, text});
    return c;
}

} // namespace

TEST_CASE("the time is that of the clock given, or of this machine") {
    manual_clock clock;
    memory_backend manual({.clock = clock.get()}), machine;
    CHECK(manual.now().system == noon);
    clock.now.system += 5ms;
    CHECK(manual.now().system == noon + 5ms);
    const auto before = ds::op::instant::now();
    const auto now = machine.now();
    CHECK(now.steady >= before.steady);
    CHECK(now.steady <= std::chrono::steady_clock::now());
}

TEST_CASE("bounds that leave no room for anything are refused") {
    const auto refused = [](const ds::memory_options& o) {
        try {
            memory_backend b(o);
            return false;
        } catch (const ds::session_error& e) {
            return e.code() == ds::error::invalid_option && !e.detail().empty();
        }
    };
    CHECK(refused({.max_sessions = 0}));
    CHECK(refused({.max_bytes = 0}));
    CHECK_FALSE(refused({.max_sessions = 1}));
}

TEST_CASE("a record is read as it was created, and created once") {
    memory_backend b({.clock = at_noon});
    const auto id = session_id::generate();
    CHECK_FALSE(holds(b, id));
    CHECK(applied(b.perform(ds::create_record{id, content()})));
    CHECK(b.perform(ds::load_record{id})->item == content());
    const auto again = b.perform(ds::create_record{id, content(noon + 2h, "2")});
    CHECK_FALSE(applied(again));
    CHECK(again->item == content());
    CHECK(b.size() == 1);
    CHECK(applied(b.perform(ds::erase_record{id})));
    CHECK_FALSE(holds(b, id));
    CHECK(applied(b.perform(ds::erase_record{id})));
    CHECK(b.size_in_bytes() == 0);
}

TEST_CASE("a change is applied under its conditions, and raises the version") {
    memory_backend b({.clock = at_noon});
    const auto id = created(b);
    auto change = setting(id, "n", "2");
    change.expires = noon + 2h;
    change.if_version = 1;
    const auto r = b.perform(change);
    CHECK(applied(r));
    CHECK(r->version == 2);
    const auto item = b.perform(ds::load_record{id})->item.value();
    CHECK(item.data == ds::fields({{"k", "1"}, {"n", "2"}}));
    CHECK(item.expires == noon + 2h);
    CHECK(item.version == 2);

    SUBCASE("another version") { CHECK_FALSE(applied(b.perform(change))); }
    SUBCASE("an earlier expiry") {
        change.if_version.reset();
        change.expires = noon + 2h - 1s;
        CHECK_FALSE(applied(b.perform(change)));
        change.expires = noon + 2h;
        CHECK(applied(b.perform(change)));
        return;
    }
    SUBCASE("an expired record") {
        b.perform(ds::touch_record{id, noon + 3h, noon}).value();
        change.if_version.reset();
        change.expires.reset();
        change.now = noon + 3h;
        CHECK_FALSE(applied(b.perform(change)));
        return;
    }
    SUBCASE("no record") {
        b.perform(ds::erase_record{id}).value();
        const auto refused = b.perform(change);
        CHECK_FALSE(applied(refused));
        CHECK_FALSE(refused->item);
        CHECK(b.size() == 0);
        return;
    }
    CHECK(b.perform(ds::load_record{id})->item == item);
}

TEST_CASE("a touch puts the expiry off, never back, and leaves the version") {
    memory_backend b({.clock = at_noon});
    const auto id = created(b);
    CHECK_FALSE(applied(b.perform(ds::touch_record{id, noon + 1h, noon})));
    CHECK(applied(b.perform(ds::touch_record{id, noon + 1h + 1s, noon})));
    CHECK_FALSE(applied(b.perform(ds::touch_record{id, noon + 1h, noon})));
    CHECK(b.perform(ds::load_record{id})->item == content(noon + 1h + 1s));
    CHECK_FALSE(applied(b.perform(ds::touch_record{id, noon + 3h, noon + 2h})));
    CHECK_FALSE(applied(b.perform(ds::touch_record{session_id::generate(), noon + 3h, noon})));
}

TEST_CASE("a record moves between any two parts of the store, both or none") {
    memory_backend b({.clock = at_noon}); // 64 parts: of 500 moves some stay within one and most do not
    for (int i = 0; i != 500; ++i) {
        const auto from = created(b), to = session_id::generate();
        const auto moved = content(noon + 2h, "moved");
        CHECK_FALSE(applied(b.perform(ds::move_record{from, to, moved, 2, noon})));
        CHECK_FALSE(applied(b.perform(ds::move_record{from, to, moved, 1, noon + 1h})));
        CHECK(holds(b, from));
        CHECK_FALSE(holds(b, to));
        CHECK(applied(b.perform(ds::move_record{from, to, moved, 1, noon})));
        CHECK_FALSE(holds(b, from));
        CHECK(b.perform(ds::load_record{to})->item == moved);
        const auto gone = b.perform(ds::move_record{from, session_id::generate(), moved, 1, noon});
        CHECK_FALSE(applied(gone));
        CHECK_FALSE(gone->item);
    }
    CHECK(b.size() == 500);
}

TEST_CASE("a record does not move to where another one is") {
    memory_backend b({.clock = at_noon});
    const auto from = created(b), to = created(b, noon + 1h, "other");
    const auto r = b.perform(ds::move_record{from, to, content(), 1, noon});
    REQUIRE(r.has_error());
    CHECK(r.error() == ds::error::session_exists);
    CHECK(holds(b, from));
    CHECK(b.perform(ds::load_record{to})->item == content(noon + 1h, "other"));
}

TEST_CASE("a record moves even in a store that has room for one") {
    memory_backend b({.max_sessions = 1, .clock = at_noon});
    const auto from = created(b), to = session_id::generate();
    CHECK(applied(b.perform(ds::move_record{from, to, content(), 1, noon})));
    CHECK(b.size() == 1);
    CHECK(holds(b, to));
}

TEST_CASE("moves in both directions at once do not block each other") {
    memory_backend b({.clock = at_noon});
    std::vector<std::thread> threads;
    std::atomic<int> moves{0};
    for (int t = 0; t != 8; ++t)
        threads.emplace_back([&] {
            auto from = session_id::generate();
            b.perform(ds::create_record{from, content()}).value();
            for (int i = 0; i != 500; ++i) {
                const auto to = session_id::generate();
                moves += b.perform(ds::move_record{from, to, content(), 1, noon})->applied;
                from = to;
            }
        });
    for (auto& t : threads) t.join();
    CHECK(moves == 8 * 500);
    CHECK(b.size() == 8);
}

TEST_CASE("no more sessions are kept than the bound says: the least recently used goes, and a load is a use") {
    memory_backend b({.max_sessions = 3, .clock = at_noon});
    const auto first = created(b), second = created(b), third = created(b);
    CHECK(holds(b, first));
    const auto fourth = created(b);
    CHECK(b.size() == 3);
    CHECK_FALSE(holds(b, second));
    CHECK(holds(b, third));
    CHECK(holds(b, first));
    CHECK(holds(b, fourth));
}

TEST_CASE("expired sessions are given up before live ones") {
    manual_clock clock;
    memory_backend b({.max_sessions = 3, .clock = clock.get()});
    const auto used_long_ago = created(b), expired = created(b, noon + 1s), used_now = created(b);
    CHECK(holds(b, expired));
    clock.now.system = noon + 1s;
    created(b);
    CHECK_FALSE(holds(b, expired));
    CHECK(holds(b, used_long_ago));
    CHECK(holds(b, used_now));
}

TEST_CASE("no more bytes are kept than the bound says") {
    constexpr std::size_t most = 100'000;
    memory_backend b({.max_bytes = most, .clock = at_noon});
    std::optional<session_id> last;
    for (int i = 0; i != 200; ++i) {
        last = created(b, noon + 1h, std::string(3000, 'x'));
        CHECK(b.size_in_bytes() <= most);
        CHECK(holds(b, *last));
    }
    CHECK(b.size() >= 30);
    CHECK(b.size() <= 33);
    CHECK(applied(b.perform(setting(*last, "k", std::string(50'000, 'y')))));
    CHECK(b.size_in_bytes() <= most);
    CHECK(b.perform(ds::load_record{*last})->item->data == data_of(std::string(50'000, 'y')));
}

TEST_CASE("a session that the store has no room for is refused, and those it holds stay") {
    memory_backend b({.max_bytes = 10'000, .clock = at_noon});
    const auto a = created(b), c = created(b);
    const auto is_full = [](const ds::result<ds::reply>& r) {
        return r.has_error() && r.error() == ds::error::store_full;
    };
    const std::string large(20'000, 'x');
    CHECK(is_full(b.perform(ds::create_record{session_id::generate(), content(noon + 1h, large)})));
    CHECK(is_full(b.perform(setting(a, "k", large))));
    CHECK(is_full(b.perform(ds::move_record{a, session_id::generate(), content(noon + 1h, large), 1, noon})));
    CHECK(b.size() == 2);
    CHECK(b.perform(ds::load_record{a})->item == content());
    CHECK(holds(b, c));
}

TEST_CASE("a session over its own bound is refused with both sizes, and stays as it was") {
    memory_backend b({.max_session_bytes = 100, .clock = at_noon});
    const auto is_too_large = [](const ds::result<ds::reply>& r) {
        return r.has_error() && r.error() == ds::error::item_too_large &&
               r.error().detail.find("100") != std::string::npos;
    };
    const std::string fits(98, 'x'), large(99, 'x'); // with one byte of key and one for the entry
    const auto id = session_id::generate();
    CHECK(is_too_large(b.perform(ds::create_record{id, content(noon + 1h, large)})));
    CHECK_FALSE(holds(b, id));
    CHECK(applied(b.perform(ds::create_record{id, content(noon + 1h, fits)})));
    CHECK(is_too_large(b.perform(setting(id, "n", ""))));
    CHECK(is_too_large(b.perform(ds::move_record{id, session_id::generate(), content(noon + 1h, large), 1, noon})));
    CHECK(b.perform(ds::load_record{id})->item == content(noon + 1h, fits));
}

TEST_CASE("writes that pass by reclaim what has expired") {
    constexpr std::size_t expired = 1000;
    manual_clock clock;
    memory_backend b({.max_sessions = 1000, .clock = clock.get()}); // one part, so that the count is exact
    const auto kept = created(b, noon + 2h);
    for (std::size_t i = 1; i != expired; ++i) created(b, noon + 1h);
    REQUIRE(b.size() == expired);
    const auto bytes = b.size_in_bytes();
    CHECK(holds(b, kept));
    CHECK(b.size() == expired); // reads reclaim nothing

    b.perform(setting(kept, "k", "2", noon + 1h)).value();
    CHECK(b.size() == expired - 2);
    b.perform(ds::touch_record{kept, noon + 3h, noon + 1h}).value();
    CHECK(b.size() == expired - 4);
    clock.now.system = noon + 1h;
    created(b, noon + 3h);
    CHECK(b.size() == expired - 6 + 1);
    for (int i = 0; i != 500; ++i) b.perform(setting(kept, "k", "3", noon + 1h)).value();
    CHECK(b.size() == 2);
    CHECK(b.size_in_bytes() * 400 < bytes);
}

TEST_CASE("many threads that set keys of their own in one session lose nothing") {
    constexpr int threads = 16, rounds = 200;
    memory_backend b({.clock = at_noon});
    const auto shared = created(b);
    std::vector<std::thread> workers;
    for (int t = 0; t != threads; ++t)
        workers.emplace_back([&, t] {
            const auto key = "key" + std::to_string(t);
            const auto own = session_id::generate();
            b.perform(ds::create_record{own, content()}).value();
            for (int i = 1; i <= rounds; ++i) {
                b.perform(setting(shared, key, std::string(static_cast<std::size_t>(i), 'x'))).value();
                b.perform(setting(own, "k", std::to_string(i))).value();
                b.perform(ds::load_record{shared}).value();
                if (i % 50 == 0) b.size();
            }
        });
    for (auto& w : workers) w.join();
    const auto item = b.perform(ds::load_record{shared})->item.value();
    CHECK(item.version == 1 + threads * rounds);
    for (int t = 0; t != threads; ++t)
        CHECK(item.data.find("key" + std::to_string(t))->text == std::string(rounds, 'x'));
    CHECK(b.size() == 1 + threads);
}

TEST_CASE("many threads in a store at its bounds keep it within them") {
    constexpr std::size_t most = 100;
    memory_backend b({.max_sessions = most, .clock = at_noon});
    std::vector<std::thread> workers;
    std::atomic<bool> within{true};
    for (int t = 0; t != 16; ++t)
        workers.emplace_back([&] {
            for (int i = 0; i != 200; ++i) {
                const auto id = session_id::generate();
                b.perform(ds::create_record{id, content()}).value();
                b.perform(setting(id, "k", std::string(100, 'x'))).value(); // given up meanwhile, perhaps
                if (b.size() > most) within = false;
            }
        });
    for (auto& w : workers) w.join();
    CHECK(within);
    CHECK(b.size() == most);
}

TEST_CASE("an asynchronous command completes on the handler's executor, never inside the initiation") {
    asio::io_context backends, handlers;
    memory_backend b(backends.get_executor(), {.clock = at_noon});
    const auto id = created(b);
    bool done = false;
    b.async_perform(ds::load_record{id}, asio::bind_executor(handlers, [&](const ds::result<ds::reply>& r) {
                        CHECK(r->item == content());
                        CHECK(handlers.get_executor().running_in_this_thread());
                        done = true;
                    }));
    CHECK_FALSE(done);
    backends.run();
    CHECK_FALSE(done);
    handlers.run();
    CHECK(done);
}

TEST_CASE("an asynchronous command completes on the backend's executor where the handler has none") {
    asio::io_context context;
    memory_backend b(context.get_executor(), {.clock = at_noon});
    CHECK(b.get_executor() == memory_backend::executor_type(context.get_executor()));
    bool done = false;
    b.async_perform(ds::create_record{session_id::generate(), content()}, [&](const ds::result<ds::reply>& r) {
        CHECK(applied(r));
        CHECK(context.get_executor().running_in_this_thread());
        done = true;
    });
    CHECK_FALSE(done);
    CHECK(context.run() == 1);
    CHECK(done);
    CHECK(b.size() == 1);
}

TEST_CASE("a backend without an executor completes asynchronous commands by itself") {
    memory_backend b({.clock = at_noon});
    const auto id = created(b);
    auto later = b.async_perform(ds::load_record{id}, asio::use_future);
    CHECK(later.get()->item == content());
}
