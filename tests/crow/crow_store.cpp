// Crow's own session middleware on our stores, on real servers.

#include <dynasession/web/crow_store.hpp>

#include <dynasession/lock/optimistic_lock.hpp>
#include <dynasession/memory_session_store.hpp>

#include "flaky_backend.hpp"
#include "server.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <crow.h>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <future>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace ds = dynasession;
using namespace std::chrono_literals;
using crow::session::CachedSession;
using crow::session::multi_value;

namespace {

constexpr auto noon = ds::time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h);

using counted_store = ds::basic_session_store<test::flaky_backend, ds::no_lock, ds::json_serializer>;
using optimistic_store = ds::basic_session_store<test::flaky_backend, ds::optimistic_lock, ds::json_serializer>;

// A request of which the test says when it goes on.
struct halt {
    test::happening arrived{}, go_on{};
};

/// A server whose pages set, get and remove what the query says: /set?k=v, /get?k, /remove?k.
template <class Store>
class server {
public:
    using middleware = crow::SessionMiddleware<ds::crow_store<Store>>;

    template <class... Secret>
    explicit server(Store& store, const Secret&... secret) : app_(middleware{std::ref(store), secret...}) {
        CROW_ROUTE(app_, "/set")([this](const crow::request& r) {
            for (const auto& key : r.url_params.keys()) session(r).set(key, std::string(r.url_params.get(key)));
            return "set";
        });
        CROW_ROUTE(app_, "/get")([this](const crow::request& r) {
            std::string all;
            for (const auto& key : r.url_params.keys()) all += session(r).get(key, "none");
            return all;
        });
        CROW_ROUTE(app_, "/remove")([this](const crow::request& r) {
            for (const auto& key : r.url_params.keys()) session(r).remove(key);
            return "removed";
        });
        CROW_ROUTE(app_, "/exists")([this](const crow::request& r) { return session(r).exists() ? "yes" : "no"; });
        CROW_ROUTE(app_, "/refresh")([this](const crow::request& r) {
            session(r).refresh_expiration();
            return "refreshed";
        });
        CROW_ROUTE(app_, "/add")([this](const crow::request& r) {
            session(r).apply("n", [](std::int64_t n) { return n + 1; });
            return session(r).string("n");
        });
        CROW_ROUTE(app_, "/halt")([this](const crow::request& r) {
            halted_.arrived.now();
            const bool goes_on = halted_.go_on.await();
            session(r).set("halted", "seen");
            return goes_on ? "went on" : "was left";
        });
        // As CROW_WEBSOCKET_ROUTE has it, which is not for templates.
        app_.route_dynamic("/ws").template websocket<decltype(app_)>(&app_).onopen([](crow::websocket::connection&) {});
        running_.emplace(app_);
    }

    test::browser open(std::string cookie = {}) const { return test::browser(running_->port(), std::move(cookie)); }
    halt& halted() { return halted_; }

private:
    auto& session(const crow::request& r) { return app_.template get_context<middleware>(r); }

    crow::App<crow::CookieParser, middleware> app_;
    halt halted_;
    std::optional<test::running<decltype(app_)>> running_; // ends first
};

// The cookie of a session that has n = 1.
std::string cookie_of_new(auto& at) {
    auto b = at.open();
    b.get("/set?n=1");
    REQUIRE(!b.cookie.empty());
    return b.cookie;
}

std::string stored(auto& store, std::string_view cookie) {
    const auto s = store.load(ds::crow_store(store).id_of(cookie));
    return s ? boost::json::serialize(s->value()) : "none";
}

} // namespace

// ---- values

TEST_CASE("every value of Crow goes to JSON and back") {
    const multi_value values[] = {{true},
                                  {false},
                                  {std::int64_t{0}},
                                  {std::numeric_limits<std::int64_t>::max()},
                                  {std::numeric_limits<std::int64_t>::min()},
                                  {0.1},
                                  {1.0},
                                  {-0.0},
                                  {std::numeric_limits<double>::denorm_min()},
                                  {std::numeric_limits<double>::max()},
                                  {std::string()},
                                  {std::string("\0 \u00e9 \U0001f426 \" \\", 13)}};
    for (const auto& value : values) {
        ds::memory_session_store store;
        auto s = store.create();
        s.set("k", ds::crow_detail::to_json(value));
        store.save(s);
        const auto back = ds::crow_detail::to_crow(store.load(s.id())->value().at("k"));
        REQUIRE(back);
        CHECK(back->v_ == value.v_);
        CHECK(back->v_.index() == value.v_.index());
        if (const auto* d = std::get_if<double>(&value.v_))
            CHECK(std::signbit(std::get<double>(back->v_)) == std::signbit(*d));
    }
}

TEST_CASE("what Crow cannot express is not shown to it") {
    for (const std::string_view text : {"null", "[]", "[1]", "{}", "{\"a\":1}", "9223372036854775808", "18446744073709551615"}) {
        CAPTURE(text);
        CHECK(!ds::crow_detail::to_crow(boost::json::parse({text.data(), text.size()})));
    }
}

// ---- ids

TEST_CASE("cookies lead to ids by a key") {
    ds::memory_session_store store;
    const auto key = ds::secret::generate();
    const ds::crow_store plain(store), keyed(store, key), same(store, key), other(store, ds::secret::generate());
    const auto id = keyed.id_of("abcdefghijKLMNOPQRST");
    CHECK(id == same.id_of("abcdefghijKLMNOPQRST"));
    CHECK(id != keyed.id_of("abcdefghijKLMNOPQRSt"));
    CHECK(id != other.id_of("abcdefghijKLMNOPQRST"));
    CHECK(id != plain.id_of("abcdefghijKLMNOPQRST"));
    CHECK(ds::session_id::parse(id.str()).value() == id);
}

TEST_CASE("a text that Crow never makes costs no request") {
    counted_store store;
    ds::crow_store crow(store);
    const std::string texts[] = {"", "../outside", "a b", "abc\n", std::string("abc\0", 4), std::string(129, 'a'), "a-b_c", "\xc3\xa9"};
    for (const auto& text : texts) CHECK(!crow.contains(text));
    CHECK(store.backend().commands() == 0);
    CHECK(!crow.contains(std::string(128, 'a')));
    CHECK(store.backend().commands() == 1);
}

// ---- requests

TEST_CASE("a session lives from one request to the next") {
    counted_store store;
    server at(store);
    auto b = at.open();
    CHECK(b.get("/exists").body == "no");
    CHECK(b.get("/set?user=jeremy").cookies.size() == 1);
    CHECK(b.get("/exists").body == "yes");
    CHECK(b.get("/set?cart=full").cookies.empty());
    CHECK(b.get("/get?user&cart&nothing").body == "jeremyfullnone");
    CHECK(b.get("/remove?cart").status == 200);
    CHECK(b.get("/get?user&cart").body == "jeremynone");
    CHECK(stored(store, b.cookie) == R"({"user":"jeremy"})");
    CHECK(b.get("/add").body == "1");
    CHECK(b.get("/add").body == "2");
}

TEST_CASE("two servers with one key share sessions, and with different keys do not") {
    counted_store store;
    const auto key = ds::secret::generate();
    server first(store, key), second(store, key), stranger(store, ds::secret::generate());
    const auto cookie = cookie_of_new(first);
    CHECK(second.open(cookie).get("/get?n").body == "1");
    CHECK(stranger.open(cookie).get("/get?n").body == "none");
}

TEST_CASE("a request is one load, and one save if it changes something") {
    counted_store store;
    server at(store);
    const auto commands = [&](auto&& request) {
        const int before = store.backend().commands();
        request();
        return store.backend().commands() - before;
    };
    auto b = at.open();
    CHECK(commands([&] { b.get("/get?n"); }) == 0);
    CHECK(commands([&] { b.get("/set?n=1"); }) == 1);
    CHECK(commands([&] { b.get("/get?n"); }) == 1);
    CHECK(commands([&] { b.get("/set?n=2"); }) == 2);
    CHECK(commands([&] { b.get("/set?n=2"); }) == 1); // as it was
    CHECK(commands([&] { b.get("/refresh"); }) == 1); // hardly due
    CHECK(commands([&] { at.open("../../etc/passwd").get("/get?n"); }) == 0);
    CHECK(commands([&] { at.open("madeupmadeupmadeup00").get("/get?n"); }) == 1);
}

TEST_CASE("a request that changes nothing puts off the expiry when that is due") {
    std::atomic<std::chrono::seconds> passed{0s};
    counted_store store({.clock = [&] { return ds::op::instant{noon + passed.load(), {}}; }}, {.max_stale = 1000s});
    server at(store);
    auto b = at.open(cookie_of_new(at));
    const int writes = store.backend().writes();
    passed = 99s;
    b.get("/get?n");
    CHECK(store.backend().writes() == writes);
    passed = 100s;
    CHECK(b.get("/get?n").cookies.empty());
    CHECK(store.backend().writes() == writes + 1);
    passed = 200s;
    CHECK(b.get("/refresh").cookies.size() == 1);
    CHECK(store.backend().writes() == writes + 2);
    passed = 1199s;
    CHECK(b.get("/get?n").body == "1");
    passed = 2199s;
    CHECK(b.get("/exists").body == "no");
}

TEST_CASE("what Crow cannot express stays as it is") {
    counted_store store;
    server at(store);
    const auto cookie = cookie_of_new(at);
    const auto id = ds::crow_store(store).id_of(cookie);
    store.update(id, [](ds::session& s) {
        s.value() = boost::json::parse(R"({"n":"1","cart":[1,{"a":null}],"big":18446744073709551615,"nothing":null})").get_object();
    });
    auto b = at.open(cookie);
    CHECK(b.get("/get?n&cart&big&nothing").body == "1nonenonenone");
    b.get("/set?n=2");
    CHECK(store.load(id)->value() ==
          boost::json::parse(R"({"n":"2","cart":[1,{"a":null}],"big":18446744073709551615,"nothing":null})").get_object());
    b.get("/remove?n"); // all that Crow sees, but not all there is
    CHECK(store.load(id)->contains("cart"));
    b.get("/set?cart=empty");
    CHECK(store.load(id)->get<std::string>("cart") == "empty");
    b.get("/remove?cart&big&nothing");
    CHECK(!store.load(id));
}

TEST_CASE("a session of which nothing is left is destroyed, and stays so") {
    test::crow_log log;
    counted_store store;
    server at(store);
    const auto cookie = cookie_of_new(at);
    auto late = at.open(cookie);
    auto halted = std::async(std::launch::async, [&] { return late.get("/halt").body; });
    REQUIRE(at.halted().arrived.await());

    auto b = at.open(cookie);
    b.get("/remove?n");
    CHECK(stored(store, cookie) == "none");
    CHECK(b.get("/exists").body == "no");
    at.halted().go_on.now();
    CHECK(halted.get() == "went on");
    CHECK(stored(store, cookie) == "none");
    CHECK(late.get("/exists").body == "no");
    CHECK(log.has("was not saved: "));
}

// ---- what goes wrong with other stores

TEST_CASE("after a WebSocket upgrade sessions are saved as before") {
    counted_store store;
    server at(store);
    auto b = at.open(cookie_of_new(at));
    auto socket = at.open(b.cookie);
    CHECK(socket.upgrade("/ws").status == 101);
    CHECK(at.open(b.cookie).upgrade("/ws").status == 101); // closed or not
    for (const char* n : {"2", "3"}) {
        CHECK(b.get(std::string("/set?n=") + n).status == 200);
        CHECK(stored(store, b.cookie) == std::string(R"({"n":")") + n + "\"}");
    }
    // The copy of the upgrade is not served for ever.
    store.update(ds::crow_store(store).id_of(b.cookie), [](ds::session& s) { s.set("n", "4"); });
    CHECK(b.get("/get?n").body == "4");
    b.get("/remove?n");
    CHECK(b.get("/exists").body == "no");
}

TEST_CASE("only the changes of a request that follows an upgrade are saved") {
    counted_store store;
    server at(store);
    auto b = at.open(cookie_of_new(at));
    auto socket = at.open(b.cookie);
    CHECK(socket.upgrade("/ws").status == 101);
    store.update(ds::crow_store(store).id_of(b.cookie), [](ds::session& s) { s.set("n", "2"); });
    b.get("/set?other=1");
    CHECK(stored(store, b.cookie) == R"({"n":"2","other":"1"})");
}

TEST_CASE("with optimistic_lock a change that is based on the copy of an upgrade is refused") {
    test::crow_log log;
    optimistic_store store;
    server at(store);
    auto b = at.open();
    b.get("/add");
    auto socket = at.open(b.cookie);
    CHECK(socket.upgrade("/ws").status == 101);
    store.update(ds::crow_store(store).id_of(b.cookie), [](ds::session& s) { s.set("n", 7); });
    b.get("/add");
    CHECK(stored(store, b.cookie) == R"({"n":7})");
    CHECK(log.has("was not saved: "));
    b.get("/add");
    CHECK(stored(store, b.cookie) == R"({"n":8})");
}

TEST_CASE("a request without a route does not save the session of the one before it again") {
    counted_store store;
    server at(store);
    for (const bool is_new : {true, false}) {
        for (const bool is_head : {true, false}) {
            CAPTURE(is_new);
            CAPTURE(is_head);
            auto first = at.open(is_new ? std::string() : cookie_of_new(at));
            first.get("/set?n=1&m=1");
            at.open(first.cookie).get("/set?n=2");
            const int before = store.backend().commands();
            const auto unknown = is_head ? first.head("/unknown") : first.options("/unknown");
            CHECK(unknown.status != 200);
            CHECK(store.backend().commands() == before);
            CHECK(stored(store, first.cookie) == R"({"m":"1","n":"2"})");
            CHECK(at.open(first.cookie).get("/get?n").body == "2"); // what Crow leaves of the connection is not HTTP
        }
    }
}

TEST_CASE("parallel requests of one session in one server lose nothing, and each is saved when it ends") {
    counted_store store;
    server at(store);
    const auto cookie = cookie_of_new(at);
    auto slow = at.open(cookie);
    auto halted = std::async(std::launch::async, [&] { return slow.get("/halt").body; });
    REQUIRE(at.halted().arrived.await());
    auto b = at.open(cookie);
    b.get("/set?m=1");
    CHECK(stored(store, cookie) == R"({"m":"1","n":"1"})");
    CHECK(b.get("/get?m").body == "1"); // after a redirect, say
    b.get("/set?n=2");
    at.halted().go_on.now();
    CHECK(halted.get() == "went on");
    CHECK(stored(store, cookie) == R"({"halted":"seen","m":"1","n":"2"})");
}

TEST_CASE("parallel requests of one session in two servers lose nothing") {
    counted_store store;
    server first(store), second(store);
    const auto cookie = cookie_of_new(first);
    auto slow = first.open(cookie);
    auto halted = std::async(std::launch::async, [&] { return slow.get("/halt").body; });
    REQUIRE(first.halted().arrived.await());
    second.open(cookie).get("/set?m=1&n=2");
    first.halted().go_on.now();
    CHECK(halted.get() == "went on");
    CHECK(stored(store, cookie) == R"({"halted":"seen","m":"1","n":"2"})");
}

TEST_CASE("many requests of one session at once") {
    counted_store store;
    server first(store), second(store);
    const auto cookie = cookie_of_new(first);
    constexpr int browsers = 8, requests = 25;
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < browsers; ++t)
            threads.emplace_back([&, t] {
                auto b = (t % 2 ? first : second).open(cookie);
                const auto key = std::to_string(t);
                for (int i = 1; i <= requests; ++i) {
                    const auto value = std::to_string(i);
                    b.get("/set?" + key + "=" + value);
                    if (b.get("/get?" + key).body != value) ++wrong;
                }
            });
    }
    CHECK(wrong == 0);
    CHECK(store.load(ds::crow_store(store).id_of(cookie))->value().size() == browsers + 1);
}

// ---- a store that fails

TEST_CASE("an outage costs neither the session nor its cookie") {
    test::crow_log log;
    counted_store store;
    server at(store);
    const auto cookie = cookie_of_new(at);
    auto b = at.open(cookie);

    store.backend().away = true;
    CHECK(b.get("/get?n").body == "none");
    CHECK(log.has("was not read: "));
    CHECK(log.has("the network is down"));
    CHECK(b.get("/set?n=2").cookies.empty());
    CHECK(log.has("was not saved: "));
    CHECK(!log.has(cookie));
    CHECK(!log.has(ds::crow_store(store).id_of(cookie).str()));
    store.backend().away = false;
    CHECK(b.get("/get?n").body == "1");
    CHECK(b.cookie == cookie);
}

TEST_CASE("what a handler makes of a session that could not be read is never saved") {
    test::crow_log log;
    counted_store store;
    server at(store);
    const auto cookie = cookie_of_new(at);
    auto b = at.open(cookie);
    store.backend().away = true;
    auto halted = std::async(std::launch::async, [&] { return b.get("/halt").status; });
    REQUIRE(at.halted().arrived.await());
    store.backend().away = false;
    at.halted().go_on.now();
    CHECK(halted.get() == 200);
    CHECK(stored(store, cookie) == R"({"n":"1"})");
    CHECK(log.has("could not be read"));
}

TEST_CASE("an outage at the save is logged, and the changes do not come later") {
    test::crow_log log;
    counted_store store;
    server at(store);
    const auto cookie = cookie_of_new(at);
    auto b = at.open(cookie);
    auto halted = std::async(std::launch::async, [&] { return b.get("/halt").status; });
    REQUIRE(at.halted().arrived.await());
    store.backend().away = true;
    at.halted().go_on.now();
    CHECK(halted.get() == 200);
    CHECK(log.has("was not saved: "));
    store.backend().away = false;
    b.head("/unknown");
    CHECK(stored(store, cookie) == R"({"n":"1"})");
}

TEST_CASE("what cannot be stored leaves the session as it was") {
    test::crow_log log;
    counted_store store;
    server at(store);
    auto b = at.open(cookie_of_new(at));
    b.get("/set?n=%ff");
    CHECK(log.has("UTF-8"));
    CHECK(b.get("/get?n").body == "1");
}

// ---- what Crow does to a store, without Crow

TEST_CASE("an id that Crow makes twice leads to nobody's session") {
    test::crow_log log;
    counted_store store;
    ds::crow_store crow(store);
    const auto create = [&](const char* user) {
        CachedSession s{};
        s.session_id = "abcdefghijKLMNOPQRST";
        s.entries["user"].set(std::string(user));
        s.dirty = {"user"};
        crow.save(s);
    };
    create("jeremy");
    CHECK(stored(store, "abcdefghijKLMNOPQRST") == R"({"user":"jeremy"})");
    create("mallory");
    CHECK(stored(store, "abcdefghijKLMNOPQRST") == "none");
    CHECK(log.has("a second time"));
}

TEST_CASE("a session that another request has locked is left to that one") {
    test::crow_log log;
    counted_store store;
    ds::crow_store crow(store);
    auto s = CachedSession{};
    s.session_id = "abcdefghijKLMNOPQRST";
    s.entries["n"].set(1);
    s.dirty = {"n"};
    {
        const std::lock_guard lock(s.mutex);
        std::jthread([&] { crow.save(s); }).join();
    }
    CHECK(stored(store, s.session_id) == "none");
    CHECK(log.has("has its session locked"));
    crow.save(s);
    CHECK(stored(store, s.session_id) == R"({"n":1})");
}

TEST_CASE("a new session without entries is not stored") {
    counted_store store;
    ds::crow_store crow(store);
    CachedSession s{};
    s.session_id = "abcdefghijKLMNOPQRST";
    crow.save(s);
    s.dirty = {"set and removed"};
    crow.save(s);
    CHECK(store.backend().commands() == 0);
}

TEST_CASE("what an old copy changes does not pass for a change of a newer one") {
    test::crow_log log;
    optimistic_store store;
    ds::crow_store crow(store);
    const std::string cookie = "abcdefghijKLMNOPQRST";
    const auto save = [&](CachedSession& s, int n) {
        s.session_id = cookie;
        s.entries["n"].set(n);
        s.dirty = {"n"};
        crow.save(s);
    };
    CachedSession made{}, old_copy{}, new_copy{};
    save(made, 1);
    for (auto* copy : {&old_copy, &new_copy}) {
        copy->session_id = cookie;
        REQUIRE(crow.contains(cookie));
        crow.load(*copy);
        store.update(crow.id_of(cookie), [](ds::session& s) { s.set("other", s.get<int>("other").value_or(0) + 1); });
    }
    save(old_copy, 2);
    CHECK(log.text().empty());
    save(new_copy, 3);
    CHECK(log.has("was not saved: "));
    CHECK(stored(store, cookie) == R"({"n":2,"other":2})");
}
