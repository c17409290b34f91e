#include <dynasession/backend/memory.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
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

bool holds(memory_backend& b, const session_id& id) { return b.perform(ds::load_record{id, noon})->item.has_value(); }

session_id created(memory_backend& b, time_point expires = noon + 1h, std::string_view text = "1") {
    const auto id = session_id::generate();
    REQUIRE(applied(b.perform(ds::create_record{id, content(expires, text)})));
    return id;
}

// What a save makes of a record that was read.
ds::change_record setting(const session_id& id, const ds::record& read, std::string_view key, std::string_view text,
                          time_point now = noon) {
    ds::change_record c{.id = id, .if_version = read.version, .now = now};
    c.changes.set.append({key, text});
    c.after = ds::apply(read.data, c.changes);
    return c;
}

ds::change_record setting(memory_backend& b, const session_id& id, std::string_view key, std::string_view text,
                          time_point now = noon) {
    return setting(id, b.perform(ds::load_record{id, noon})->item.value(), key, text, now);
}

const ds::lock_claim nobody{};
const ds::lock_claim ours{"our token", noon + 10s};
const ds::lock_claim theirs{"their token", noon + 10s};

ds::lock_record locking(const session_id& id, const ds::lock_claim& claim = ours) {
    return {.id = id, .claim = claim, .now = noon};
}

ds::lock_claim holder_of(memory_backend& b, const session_id& id) {
    return b.perform(ds::load_record{id, noon})->item.value().lock;
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
    CHECK(b.perform(ds::load_record{id, noon})->item == content());
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
    auto change = setting(b, id, "n", "2");
    change.expires = noon + 2h;
    const auto r = b.perform(change);
    CHECK(applied(r));
    CHECK_FALSE(r->item);
    const auto item = b.perform(ds::load_record{id, noon})->item.value();
    CHECK(item.data == ds::fields({{"k", "1"}, {"n", "2"}}));
    CHECK(item.expires == noon + 2h);
    CHECK(item.version == 2);

    SUBCASE("another version") {
        const auto refused = b.perform(change);
        CHECK_FALSE(applied(refused));
        CHECK(refused->item == item);
    }
    change.if_version = 2;
    SUBCASE("an earlier expiry") {
        change.expires = noon + 2h - 1s;
        CHECK_FALSE(applied(b.perform(change)));
        change.expires = noon + 2h;
        CHECK(applied(b.perform(change)));
        return;
    }
    SUBCASE("no expiry: it stays") {
        change.expires.reset();
        CHECK(applied(b.perform(change)));
        CHECK(b.perform(ds::load_record{id, noon})->item->expires == noon + 2h);
        return;
    }
    SUBCASE("an expired record") {
        change.expires.reset();
        change.now = noon + 2h;
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
    CHECK(b.perform(ds::load_record{id, noon})->item == item);
}

TEST_CASE("a change removes entries, up to all of them") {
    memory_backend b({.clock = at_noon});
    const auto id = created(b);
    CHECK(applied(
        b.perform(ds::change_record{.id = id, .changes = {{}, {"k"}}, .after = {}, .if_version = 1, .now = noon})));
    CHECK(b.perform(ds::load_record{id, noon})->item->data.empty());
}

TEST_CASE("a touch puts the expiry off, never back, and leaves the version") {
    memory_backend b({.clock = at_noon});
    const auto id = created(b);
    CHECK_FALSE(applied(b.perform(ds::touch_record{id, noon + 1h, noon})));
    CHECK(applied(b.perform(ds::touch_record{id, noon + 1h + 1s, noon})));
    CHECK_FALSE(applied(b.perform(ds::touch_record{id, noon + 1h, noon})));
    CHECK(b.perform(ds::load_record{id, noon})->item == content(noon + 1h + 1s));
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
        CHECK(b.perform(ds::load_record{to, noon})->item == moved);
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
    CHECK(b.perform(ds::load_record{to, noon})->item == content(noon + 1h, "other"));
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
    CHECK(applied(b.perform(setting(b, *last, "k", std::string(50'000, 'y')))));
    CHECK(b.size_in_bytes() <= most);
    CHECK(b.perform(ds::load_record{*last, noon})->item->data == data_of(std::string(50'000, 'y')));
}

TEST_CASE("a session that the store has no room for is refused, and those it holds stay") {
    memory_backend b({.max_bytes = 10'000, .clock = at_noon});
    const auto a = created(b), c = created(b);
    const auto is_full = [](const ds::result<ds::reply>& r) {
        return r.has_error() && r.error() == ds::error::store_full;
    };
    const std::string large(20'000, 'x');
    CHECK(is_full(b.perform(ds::create_record{session_id::generate(), content(noon + 1h, large)})));
    CHECK(is_full(b.perform(setting(b, a, "k", large))));
    CHECK(is_full(b.perform(ds::move_record{a, session_id::generate(), content(noon + 1h, large), 1, noon})));
    CHECK(b.size() == 2);
    CHECK(b.perform(ds::load_record{a, noon})->item == content());
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
    CHECK(is_too_large(b.perform(setting(b, id, "n", ""))));
    CHECK(is_too_large(b.perform(ds::move_record{id, session_id::generate(), content(noon + 1h, large), 1, noon})));
    CHECK(b.perform(ds::load_record{id, noon})->item == content(noon + 1h, fits));
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

    b.perform(setting(b, kept, "k", "2", noon + 1h)).value();
    CHECK(b.size() == expired - 2);
    b.perform(ds::touch_record{kept, noon + 3h, noon + 1h}).value();
    CHECK(b.size() == expired - 4);
    clock.now.system = noon + 1h;
    created(b, noon + 3h);
    CHECK(b.size() == expired - 6 + 1);
    for (int i = 0; i != 500; ++i) b.perform(setting(b, kept, "k", "3", noon + 1h)).value();
    CHECK(b.size() == 2);
    CHECK(b.size_in_bytes() * 400 < bytes);
}

TEST_CASE("many threads that save one session on the version they read lose nothing") {
    constexpr int threads = 8, rounds = 100;
    memory_backend b({.clock = at_noon});
    const auto shared = created(b);
    std::vector<std::thread> workers;
    for (int t = 0; t != threads; ++t)
        workers.emplace_back([&, t] {
            const auto key = "key" + std::to_string(t);
            const auto own = created(b);
            for (int i = 1; i <= rounds; ++i) {
                while (!b.perform(setting(b, shared, key, std::string(static_cast<std::size_t>(i), 'x')))
                            .value()
                            .applied) {
                }
                b.perform(setting(b, own, "k", std::to_string(i))).value();
                if (i % 50 == 0) b.size();
            }
        });
    for (auto& w : workers) w.join();
    const auto item = b.perform(ds::load_record{shared, noon})->item.value();
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
                b.perform(locking(id)).value();
                b.perform(setting(id, content(), "k", std::string(100, 'x'))).value(); // given up meanwhile, perhaps
                if (b.size() > most) within = false;
            }
        });
    for (auto& w : workers) w.join();
    CHECK(within);
    CHECK(b.size() == most);
}

TEST_CASE("a lock is taken with a read, shown with the record, and kept from others") {
    memory_backend b({.clock = at_noon});
    const auto id = created(b);
    auto locked = content();
    locked.lock = ours;
    const auto taken = b.perform(locking(id));
    CHECK(applied(taken));
    CHECK(taken->item == locked);
    CHECK(b.perform(ds::load_record{id, noon})->item == locked);
    const auto refused = b.perform(locking(id, theirs));
    CHECK_FALSE(applied(refused));
    CHECK(refused->item == locked);
    CHECK(applied(b.perform(locking(id, {"our token", noon + 20s})))); // repeated by its holder
    CHECK(holder_of(b, id).until == noon + 20s);
}

TEST_CASE("a lock of nothing, or of what has expired, is none") {
    memory_backend b({.clock = at_noon});
    const auto absent = b.perform(locking(session_id::generate()));
    CHECK_FALSE(applied(absent));
    CHECK_FALSE(absent->item);
    CHECK(b.size() == 0);
    const auto id = created(b, noon);
    const auto expired = b.perform(locking(id));
    CHECK_FALSE(applied(expired));
    CHECK(expired->item == content(noon));
}

TEST_CASE("a lock is stolen from exactly the holder that was seen") {
    memory_backend b({.clock = at_noon});
    const auto id = created(b);
    b.perform(locking(id, theirs)).value();
    auto steal = locking(id);
    steal.seen = ds::lock_claim{"their token", noon + 9s};
    CHECK_FALSE(applied(b.perform(steal)));
    steal.seen = theirs;
    CHECK(applied(b.perform(steal)));
    CHECK(holder_of(b, id) == ours);
    steal.claim.token = "third token";
    CHECK_FALSE(applied(b.perform(steal))); // of two who have seen it one gets it
}

TEST_CASE("a lock is renewed by its holder alone, and only where there is a record") {
    memory_backend b({.clock = at_noon});
    const auto id = created(b);
    b.perform(locking(id)).value();
    const auto renewed = b.perform(ds::renew_lock{id, {"our token", noon + 20s}});
    CHECK(applied(renewed));
    CHECK(holder_of(b, id) == ds::lock_claim{"our token", noon + 20s});
    const auto refused = b.perform(ds::renew_lock{id, theirs});
    CHECK_FALSE(applied(refused));
    CHECK(refused->item->lock.token == "our token");
    CHECK(holder_of(b, id).until == noon + 20s);
    b.perform(ds::erase_record{id}).value();
    const auto gone = b.perform(ds::renew_lock{id, ours});
    CHECK_FALSE(applied(gone));
    CHECK_FALSE(gone->item);
}

TEST_CASE("a save under a lock gives it up, hands it on, or keeps it") {
    memory_backend b({.clock = at_noon});
    const auto id = created(b);
    b.perform(locking(id)).value();
    auto save = setting(b, id, "n", "2");
    save.if_locked_by = "our token";
    SUBCASE("given up") {
        CHECK(applied(b.perform(save)));
        CHECK(holder_of(b, id) == nobody);
        save.if_version = 2;
        CHECK_FALSE(applied(b.perform(save)));
    }
    SUBCASE("handed on") {
        save.lock = {"next token", noon + 30s};
        CHECK(applied(b.perform(save)));
        CHECK(holder_of(b, id) == ds::lock_claim{"next token", noon + 30s});
        save.if_version = 2;
        CHECK_FALSE(applied(b.perform(save)));
    }
    SUBCASE("refused to others, who leave the lock as it is") {
        save.if_locked_by = "their token";
        const auto refused = b.perform(save);
        CHECK_FALSE(applied(refused));
        CHECK(refused->item->lock == ours);
        CHECK(holder_of(b, id) == ours);
        CHECK(b.perform(ds::load_record{id, noon})->item->version == 1);
    }
}

TEST_CASE("a save that respects locks waits for the end of one, and takes one away that is over") {
    memory_backend b({.clock = at_noon});
    const auto id = created(b);
    auto save = setting(b, id, "n", "2");
    save.if_unlocked = ds::lock_time(noon + 10s);
    b.perform(locking(id)).value();
    CHECK_FALSE(applied(b.perform(save)));
    CHECK(holder_of(b, id) == ours);
    save.if_unlocked = ds::lock_time(noon + 10s + 1ms);
    CHECK(applied(b.perform(save)));
    CHECK(holder_of(b, id) == nobody);
}

TEST_CASE("a save that does not look at locks leaves them alone") {
    memory_backend b({.clock = at_noon});
    const auto id = created(b);
    b.perform(locking(id)).value();
    CHECK(applied(b.perform(setting(b, id, "n", "2"))));
    CHECK(applied(b.perform(ds::touch_record{id, noon + 2h, noon})));
    CHECK(holder_of(b, id) == ours);
}

TEST_CASE("the lock of a record goes with it, and does not come back with another one under its id") {
    manual_clock clock;
    memory_backend b({.max_sessions = 2, .clock = clock.get()});
    const auto id = created(b);
    b.perform(locking(id)).value();
    SUBCASE("erased") { b.perform(ds::erase_record{id}).value(); }
    SUBCASE("given up for others") {
        created(b);
        created(b);
    }
    SUBCASE("expired and reclaimed in passing") {
        const auto kept = created(b, noon + 3h);
        clock.now.system = noon + 1h;
        b.perform(ds::touch_record{kept, noon + 4h, noon + 1h}).value();
    }
    SUBCASE("moved") { CHECK(applied(b.perform(ds::move_record{id, session_id::generate(), content(), 1, noon}))); }
    CHECK_FALSE(holds(b, id));
    b.perform(ds::create_record{id, content(noon + 5h)}).value();
    CHECK(holder_of(b, id) == nobody);
}

TEST_CASE("a move under a lock needs its token; the new record is nobody's") {
    memory_backend b({.clock = at_noon});
    const auto from = created(b), to = session_id::generate();
    ds::move_record move{
        .from = from, .to = to, .content = content(), .if_version = 1, .now = noon, .if_locked_by = "our token"};
    CHECK_FALSE(applied(b.perform(move)));
    b.perform(locking(from, theirs)).value();
    const auto refused = b.perform(move);
    CHECK_FALSE(applied(refused));
    CHECK(refused->item->lock == theirs);
    CHECK(holds(b, from));
    CHECK_FALSE(holds(b, to));
    move.if_locked_by = "their token";
    CHECK(applied(b.perform(move)));
    CHECK(holder_of(b, to) == nobody);
    CHECK_FALSE(holds(b, from));
}

TEST_CASE("after a move with a grace time the old id leads readers to the new record, until it is over") {
    memory_backend b({.clock = at_noon});
    const auto from = created(b), to = session_id::generate();
    const auto moved = content(noon + 2h, "moved");
    CHECK(applied(b.perform(
        ds::move_record{.from = from, .to = to, .content = moved, .if_version = 1, .now = noon, .grace = 60s})));
    const auto led = b.perform(ds::load_record{from, noon + 59s});
    CHECK(led->item == moved);
    CHECK(led->forwarded);
    CHECK_FALSE(b.perform(ds::load_record{to, noon + 59s})->forwarded);
    const auto over = b.perform(ds::load_record{from, noon + 60s});
    CHECK_FALSE(over->item);
    CHECK_FALSE(over->forwarded);
    CHECK(b.size() == 1);
}

TEST_CASE("nobody writes by the old id") {
    memory_backend b({.clock = at_noon});
    const auto from = created(b), to = session_id::generate();
    const auto read = content();
    b.perform(ds::move_record{.from = from, .to = to, .content = content(), .if_version = 1, .now = noon, .grace = 60s})
        .value();
    CHECK_FALSE(applied(b.perform(setting(from, read, "n", "2"))));
    CHECK_FALSE(applied(b.perform(ds::touch_record{from, noon + 2h, noon})));
    CHECK_FALSE(applied(b.perform(ds::renew_lock{from, ours})));
    const auto locked = b.perform(locking(from));
    CHECK_FALSE(applied(locked));
    REQUIRE(locked->item);
    CHECK(locked->item->moved); // so that who wants to lock can look where it has gone
    CHECK_FALSE(locked->item->live(noon));
    CHECK(b.perform(ds::load_record{to, noon})->item == content());
    CHECK_FALSE(b.perform(locking(from, {"our token", noon + 70s})).value().applied);
}

TEST_CASE("a session that is moved twice is found by every id it had within its time") {
    memory_backend b({.clock = at_noon});
    const auto first = created(b), second = session_id::generate(), third = session_id::generate();
    b.perform(
         ds::move_record{.from = first, .to = second, .content = content(), .if_version = 1, .now = noon, .grace = 60s})
        .value();
    b.perform(ds::move_record{.from = second,
                              .to = third,
                              .content = content(noon + 2h),
                              .if_version = 1,
                              .now = noon + 30s,
                              .grace = 60s})
        .value();
    CHECK(b.perform(ds::load_record{first, noon + 40s})->item == content(noon + 2h));
    CHECK(b.perform(ds::load_record{first, noon + 40s})->forwarded);
    CHECK_FALSE(b.perform(ds::load_record{first, noon + 70s})->item);
    CHECK(b.perform(ds::load_record{second, noon + 70s})->item == content(noon + 2h));
}

TEST_CASE("a session that is destroyed is destroyed under every id, and destroying an old id ends where it leads") {
    memory_backend b({.clock = at_noon});
    const auto from = created(b), to = session_id::generate();
    b.perform(ds::move_record{.from = from, .to = to, .content = content(), .if_version = 1, .now = noon, .grace = 60s})
        .value();
    SUBCASE("the new one") {
        b.perform(ds::erase_record{to}).value();
        CHECK_FALSE(b.perform(ds::load_record{from, noon})->item);
    }
    SUBCASE("the old one") {
        b.perform(ds::erase_record{from}).value();
        CHECK_FALSE(b.perform(ds::load_record{from, noon})->item);
        CHECK(holds(b, to));
    }
}

TEST_CASE("what is refused and what is not is what the commands say themselves") {
    memory_backend b({.clock = at_noon});
    std::mt19937 random(5);
    const auto one_of = [&random](auto... values) {
        using type = std::common_type_t<decltype(values)...>;
        const type all[] = {values...};
        return all[random() % sizeof...(values)];
    };
    const ds::lock_claim renewed{"their token", noon + 20s}, old{"their token", noon - 1h};
    int permitted = 0, refused = 0;
    for (int i = 0; i != 5000; ++i) {
        auto r = content(one_of(noon, noon + 1s, noon + 1h));
        r.version = one_of(1U, 2U);
        const auto id = session_id::generate();
        b.perform(ds::create_record{id, r}).value();
        const auto holder = one_of(nobody, nobody, ours, theirs, renewed, old);
        if (r.live(noon) && holder.held()) REQUIRE(applied(b.perform(locking(id, holder))));
        r = b.perform(ds::load_record{id, noon})->item.value();
        const auto read = ds::as_read::of(r);
        const ds::as_read moved_expiry{r.expires + 1s, r.data}, other_data{r.expires, {}};

        bool expected = false;
        ds::command command;
        switch (random() % 5) {
        case 0: {
            auto c = setting(id, r, "n", "2");
            c.if_version = one_of(1U, 2U);
            if (random() % 2) c.expires = one_of(r.expires - 1s, r.expires, r.expires + 1s);
            c.if_locked_by = one_of("", "", "our token", "their token");
            if (c.if_locked_by.empty() && random() % 2)
                c.if_unlocked = one_of(ds::lock_time(noon - 2s), ds::lock_time(noon + 15s));
            if (random() % 4 == 0) c.seen = one_of(theirs, old);
            if (random() % 4 == 0) c.if_as_read = one_of(read, moved_expiry, other_data);
            expected = c.permitted_by(r, r.data.bytes(), r.lock);
            command = c;
            break;
        }
        case 1: {
            const ds::touch_record c{id, one_of(r.expires - 1s, r.expires, r.expires + 1s), noon};
            expected = c.permitted_by(r);
            command = c;
            break;
        }
        case 2: {
            ds::move_record c{.from = id,
                              .to = session_id::generate(),
                              .content = r,
                              .if_version = one_of(1U, 2U),
                              .now = noon,
                              .if_locked_by = one_of("", "our token", "their token"),
                              .grace = one_of(0s, 60s)};
            if (random() % 4 == 0) c.if_as_read = one_of(read, moved_expiry, other_data);
            expected = c.permitted_by(r, r.data.bytes(), r.lock);
            command = c;
            break;
        }
        case 3: {
            auto c = locking(id, one_of(ours, theirs));
            if (random() % 2) c.seen = one_of(ours, theirs, renewed, old);
            expected = c.permitted_by(r, r.lock);
            command = c;
            break;
        }
        default: {
            const ds::renew_lock c{id, one_of(ours, theirs)};
            expected = c.permitted_by(r.lock);
            command = c;
        }
        }
        const auto done = b.perform(command);
        CHECK(applied(done) == expected);
        if (!expected && r.live(noon)) { // what has expired may be reclaimed in passing
            CHECK(done->item == r);
            CHECK(b.perform(ds::load_record{id, noon})->item == r);
        }
        ++(expected ? permitted : refused);
        b.perform(ds::erase_record{id}).value();
    }
    CHECK(permitted > 1000);
    CHECK(refused > 1000);
}

TEST_CASE("of many threads that want a lock one at a time has it, and none of their saves is lost") {
    constexpr int threads = 8, rounds = 50;
    memory_backend b({.clock = at_noon});
    const auto id = created(b, noon + 1h, "0");
    std::atomic<int> inside{0}, most{0};
    std::vector<std::thread> workers;
    for (int t = 0; t != threads; ++t)
        workers.emplace_back([&, t] {
            for (int i = 0; i != rounds;) {
                const auto token = "token " + std::to_string(t) + " " + std::to_string(i);
                const auto taken = b.perform(locking(id, {token, noon + 10s})).value();
                if (!taken.applied) continue;
                most = std::max(most.load(), ++inside);
                auto save = setting(id, *taken.item, "k",
                                    std::to_string(std::stoi(std::string(taken.item->data.find("k")->text)) + 1));
                save.if_locked_by = token;
                --inside;
                if (b.perform(save).value().applied) ++i;
            }
        });
    for (auto& w : workers) w.join();
    CHECK(most == 1);
    CHECK(b.perform(ds::load_record{id, noon})->item->data == data_of(std::to_string(threads * rounds)));
}

TEST_CASE("an asynchronous command completes on the handler's executor, never inside the initiation") {
    asio::io_context backends, handlers;
    memory_backend b(backends.get_executor(), {.clock = at_noon});
    const auto id = created(b);
    bool done = false;
    b.async_perform(ds::load_record{id, noon}, asio::bind_executor(handlers, [&](const ds::result<ds::reply>& r) {
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
    auto later = b.async_perform(ds::load_record{id, noon}, asio::use_future);
    CHECK(later.get()->item == content());
}
