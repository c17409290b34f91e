// Our middleware on real servers of Crow.

#include <dynasession/web/crow.hpp>

#include <dynasession/lock/pessimistic_lock.hpp>
#include <dynasession/memory_session_store.hpp>

#include "flaky_backend.hpp"
#include "server.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <crow.h>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace ds = dynasession;

namespace {

using flaky_store = ds::basic_session_store<test::flaky_backend, ds::no_lock, ds::json_serializer>;

const ds::session_manager_options plain{.transport = ds::cookie_options::plain_http()};

/// A server with the pages that a test gives it, which runs from the first connection on.
template <class Store = flaky_store>
class site {
public:
    using sessions = ds::crow_sessions<Store>;
    using route_sessions = ds::crow_route_sessions<Store>;
    using visit = ds::web_session<Store>;

    explicit site(const ds::session_manager_options& options = plain, unsigned threads = 8)
        : web(store, options), threads_(threads) {
        page("/count", [](visit& s) {
            s.start();
            const int n = s->template get<int>("n").value_or(0) + 1;
            s->set("n", n);
            return std::to_string(n);
        });
        page("/read", [](visit& s) { return std::to_string(s.load() ? s->template get<int>("n").value_or(0) : 0); });
        page("/none", [](visit&) { return "none"; });
    }

    // A page of a session: its text, or a response.
    template <class Handle>
    void page(const std::string& path, Handle handle) {
        app.route_dynamic(path)(
            [this, handle](const crow::request& r) { return crow::response(handle(sessions::of(app, r))); });
    }

    test::browser open(std::string cookie = {}) {
        if (!running_) running_.emplace(app, threads_);
        return test::browser(running_->port(), std::move(cookie));
    }

    // The cookie of a session that has counted to 1.
    std::string visitor() {
        auto b = open();
        b.get("/count");
        REQUIRE(!b.cookie.empty());
        return b.cookie;
    }

    // What the session of a cookie has counted to, as the store knows it; 0: there is none.
    int stored(const std::string& cookie) {
        auto s = web.open("session=" + cookie);
        return s.load(ds::read_only) ? s->template get<int>("n").value_or(0) : 0;
    }

    int commands() { return store.backend().commands(); }

    Store store{};
    ds::session_manager<Store> web;
    crow::App<sessions, route_sessions> app{sessions{web}, route_sessions{web}};

private:
    unsigned threads_;
    std::optional<test::running<decltype(app)>> running_; // ends first
};

using visit = site<>::visit;

int count(visit& s) {
    s.start();
    s->set("n", s->get<int>("n").value_or(0) + 1);
    return *s->get<int>("n");
}

void check_is_unavailable(const test::answer& a) {
    CHECK(a.status == 503);
    CHECK(a.field("Retry-After") == "2");
    CHECK(a.field("Cache-Control") == "no-store");
    CHECK(a.field("Content-Type") == "text/plain; charset=utf-8");
    CHECK(a.cookies.empty());
    CHECK(a.field("Vary").empty());
}

} // namespace

// ---- requests

TEST_CASE("a session lives from one request to the next") {
    site here;
    auto b = here.open();
    const auto first = b.get("/count");
    CHECK(first.body == "1");
    REQUIRE(first.cookies.size() == 1);
    CHECK(first.cookies[0].ends_with("; Path=/; HttpOnly; SameSite=Lax"));
    CHECK(first.field("Cache-Control") == "no-store");
    CHECK(first.field("Vary") == "Cookie");

    const auto second = b.get("/count");
    CHECK(second.body == "2");
    CHECK(second.cookies.empty());
    CHECK(second.field("Vary") == "Cookie");
    CHECK(here.open(b.cookie).get("/read").body == "2");
    CHECK(here.stored(b.cookie) == 2);
}

TEST_CASE("the store is asked only by handlers that ask for a session") {
    site here;
    const auto commands = [&](test::browser b, const char* path) {
        const int before = here.commands();
        const auto vary = b.get(path).field("Vary");
        CHECK((vary == "Cookie") == (std::string(path) != "/none"));
        return here.commands() - before;
    };
    const auto cookie = here.visitor();
    CHECK(commands(here.open(), "/none") == 0);
    CHECK(commands(here.open(), "/read") == 0);
    CHECK(commands(here.open(), "/count") == 1);
    CHECK(commands(here.open(cookie), "/none") == 0);
    CHECK(commands(here.open(cookie), "/read") == 1);
    CHECK(commands(here.open(cookie), "/count") == 2);
    CHECK(commands(here.open("malformed"), "/read") == 0);
}

TEST_CASE("a made-up id costs no request where ids are signed") {
    site here(ds::session_manager_options{.secrets = {ds::secret::generate()}, .transport = ds::cookie_options::plain_http()});
    const auto cookie = here.visitor();
    const int before = here.commands();
    CHECK(here.open(std::string(ds::session_id::generate().str())).get("/read").body == "0");
    CHECK(here.open(cookie.substr(0, cookie.size() - 4) + "AAAA").get("/read").body == "0");
    CHECK(here.commands() == before);
    CHECK(here.open(cookie).get("/read").body == "1");
}

TEST_CASE("who logs in gets a new id, and who logs out none") {
    site here;
    here.page("/login", [](visit& s) {
        s.start();
        s.log_in("jeremy");
        return "welcome";
    });
    here.page("/logout", [](visit& s) {
        s.log_out();
        return "good bye";
    });
    auto b = here.open();
    b.get("/count");
    const auto planted = b.cookie;
    b.get("/login");
    CHECK(b.cookie != planted);
    CHECK(here.stored(planted) == 0);
    CHECK(here.stored(b.cookie) == 1);
    const auto gone = b.cookie;
    const auto last = b.get("/logout");
    REQUIRE(last.cookies.size() == 1);
    CHECK(last.cookies[0].find("Max-Age=0") != std::string::npos);
    CHECK(b.cookie.empty());
    CHECK(here.stored(gone) == 0);
}

TEST_CASE("fields of the handler stay beside those of the session") {
    site here;
    here.page("/", [](visit& s) {
        crow::response r(std::to_string(count(s)));
        r.add_header("Set-Cookie", "theme=dark");
        r.set_header("Vary", "Accept-Encoding");
        r.set_header("Cache-Control", "max-age=60");
        return r;
    });
    const auto answer = here.open().get("/");
    CHECK(answer.cookies.size() == 2);
    CHECK(answer.fields.count("Vary") == 2);
    CHECK(answer.fields.count("Cache-Control") == 1);
    CHECK(answer.field("Cache-Control") == "no-store");
}

TEST_CASE("several Cookie fields are one, and other cookies do not disturb") {
    site here;
    const auto cookie = here.visitor();
    const std::pair<std::string, std::string> own{"Cookie", "session=" + cookie}, others{"Cookie", "theme=dark; a=b"};
    auto b = here.open();
    b.more_fields = {own, others};
    CHECK(b.get("/count").body == "2");
    b.more_fields = {others, own};
    CHECK(b.get("/count").body == "3");
}

TEST_CASE("an id may go in a header field") {
    site here(ds::session_manager_options{.transport = ds::header_options{}});
    auto b = here.open();
    const auto first = b.get("/count");
    CHECK(first.cookies.empty());
    CHECK(first.field("Vary") == "X-Auth-Token");
    CHECK(first.fields.count("X-Auth-Token") == 1);
    b.more_fields = {{"x-auth-token", first.field("X-Auth-Token")}};
    CHECK(b.get("/count").body == "2");
}

TEST_CASE("the middleware may share the manager") {
    flaky_store store;
    using sessions = ds::crow_sessions<flaky_store>;
    auto web = std::make_shared<ds::session_manager<flaky_store>>(store, plain);
    const std::weak_ptr watched = web;
    {
        crow::App<sessions> app{sessions{std::move(web)}};
        CROW_ROUTE(app, "/")([&app](const crow::request& r) { return std::to_string(count(sessions::of(app, r))); });
        const test::running running(app);
        test::browser b(running.port());
        CHECK(b.get("/").body == "1");
        CHECK(b.get("/").body == "2");
    }
    CHECK(watched.expired());
}

// The handler waits: without a handler on the stack Crow (2366edb) frees the connection while it sends the response.
TEST_CASE("a response may end on another thread, which saves the session") {
    site here;
    here.app.route_dynamic("/elsewhere")([&](const crow::request& r, crow::response& response) {
        auto& s = site<>::sessions::of(here.app, r);
        std::jthread([&] { response.end(std::to_string(count(s))); }).join();
    });
    const auto cookie = here.visitor();
    const auto answer = here.open(cookie).get("/elsewhere");
    CHECK(answer.body == "2");
    CHECK(answer.field("Vary") == "Cookie");
    CHECK(here.stored(cookie) == 2);
}

// ---- per route

TEST_CASE("a route may have sessions by itself") {
    test::crow_log log;
    flaky_store store;
    ds::session_manager web(store, plain);
    using sessions = ds::crow_route_sessions<flaky_store>;
    crow::App<sessions> app{sessions{web}};
    const auto counted = [&app](const crow::request& r) { return std::to_string(count(sessions::of(app, r))); };
    CROW_ROUTE(app, "/with").CROW_MIDDLEWARES(app, sessions)(counted);
    CROW_ROUTE(app, "/without")(counted);
    const test::running running(app);
    test::browser b(running.port());
    CHECK(b.get("/with").body == "1");
    const auto second = b.get("/with");
    CHECK(second.body == "2");
    CHECK(second.field("Vary") == "Cookie");
    CHECK(b.get("/without").status == 500);
    CHECK(log.has("crow_route_sessions"));

    store.backend().away = true;
    check_is_unavailable(b.get("/with"));
}

// ---- what Crow does

TEST_CASE("a request without a route saves nothing, and tells nothing of the one before it") {
    for (const bool is_head : {true, false}) {
        CAPTURE(is_head);
        site here;
        auto b = here.open();
        CHECK(b.get("/count").cookies.size() == 1);
        const auto at_two = here.open(b.cookie).get("/count").body;
        const int before = here.commands();
        const auto unknown = is_head ? b.head("/unknown") : b.options("/unknown");
        CHECK(unknown.status != 200);
        CHECK(unknown.cookies.empty());
        CHECK(unknown.field("Vary").empty());
        CHECK(here.commands() == before);
        CHECK(here.stored(b.cookie) == 2);
    }
}

TEST_CASE("what could not be saved is not saved by a request without a route") {
    test::crow_log log;
    site here;
    here.page("/out", [&](visit& s) {
        count(s);
        here.store.backend().away = true;
        return "counted";
    });
    auto b = here.open(here.visitor());
    check_is_unavailable(b.get("/out"));
    here.store.backend().away = false;
    CHECK(b.head("/unknown").status == 404);
    CHECK(here.stored(b.cookie) == 1);
}

TEST_CASE("requests before the first with a route, and such without a host, are served") {
    site here;
    CHECK(here.open().head("/unknown").status == 404);
    CHECK(here.open(here.visitor()).options("/unknown").status == 404);
}

TEST_CASE("a WebSocket has its session when it is accepted") {
    site here;
    std::promise<ds::session> snapshot;
    here.app.route_dynamic("/ws").websocket<decltype(here.app)>(&here.app).onaccept([&](const crow::request& r, void**) {
        const auto* s = site<>::sessions::of(here.app, r).load(ds::read_only);
        if (s) snapshot.set_value(*s);
        return s != nullptr;
    });
    const auto cookie = here.visitor();
    CHECK(here.open().upgrade("/ws").status == 400);
    auto socket = here.open(cookie);
    CHECK(socket.upgrade("/ws").status == 101);
    CHECK(snapshot.get_future().get().get<int>("n") == 1);

    // Nobody is kept waiting or at what was then.
    auto b = here.open(cookie);
    CHECK(b.get("/count").body == "2");
    CHECK(here.stored(cookie) == 2);
}

// ---- locks

namespace {

// Tells of the writes that leave a session unlocked.
class unlocking_backend : public test::flaky_backend {
public:
    using flaky_backend::flaky_backend;

    ds::result<ds::reply> perform(ds::command c) {
        const auto* change = std::get_if<ds::change_record>(&c);
        const bool unlocks = change && !change->if_locked_by.empty() && !change->lock.held();
        auto done = flaky_backend::perform(std::move(c));
        if (unlocks) unlocked.now();
        return done;
    }

    test::happening unlocked{};
};

using locked_store = ds::basic_session_store<unlocking_backend, ds::pessimistic_lock, ds::json_serializer>;

} // namespace

TEST_CASE("a WebSocket's upgrade does not keep the lock of its session") {
    site<locked_store> here;
    here.app.route_dynamic("/ws").websocket<decltype(here.app)>(&here.app).onaccept([&](const crow::request& r, void**) {
        auto& s = site<locked_store>::sessions::of(here.app, r);
        s.start();
        s->set("n", 7);
        return s->is_locked();
    });
    const auto cookie = here.visitor();
    auto socket = here.open(cookie);
    CHECK(socket.upgrade("/ws").status == 101);
    CHECK(here.store.backend().unlocked.await());
    CHECK(here.stored(cookie) == 1);
}

TEST_CASE("a handler that fails gives up its lock, and stores nothing") {
    test::crow_log log;
    site<locked_store> here;
    here.page("/fail", [&](site<locked_store>::visit& s) -> std::string {
        s.start();
        s->set("n", 7);
        throw std::runtime_error("mine");
    });
    const auto cookie = here.visitor();
    CHECK(here.open(cookie).get("/fail").status == 500);
    CHECK(here.store.backend().unlocked.await());
    CHECK(here.stored(cookie) == 1);
}

// ---- a store that fails, and handlers that do

TEST_CASE("a store that is out is 503, and the browser keeps its cookie") {
    test::crow_log log;
    site here;
    here.page("/out", [&](visit& s) {
        count(s);
        here.store.backend().away = true;
        return "counted";
    });
    here.page("/file", [&](visit& s) {
        count(s);
        here.store.backend().away = true;
        crow::response r;
        r.set_static_file_info_unsafe("/proc/self/status");
        return r;
    });
    here.app.route_dynamic("/counted-by-hand")([&](const crow::request& r, crow::response& response) {
        count(site<>::sessions::of(here.app, r));
        here.store.backend().away = true;
        response.manual_length_header = true;
        response.set_header("Content-Length", "7");
        response.end("counted");
    });
    here.app.catchall_route()([&](const crow::request& r, crow::response& response) {
        response.body = std::to_string(count(site<>::sessions::of(here.app, r)));
    });
    const auto cookie = here.visitor();
    auto b = here.open(cookie);
    bool in_order = true;
    SUBCASE("when the session is loaded") {
        here.store.backend().away = true;
        const auto answer = b.get("/read");
        check_is_unavailable(answer);
        CHECK(answer.body == ds::http_failure::of(ds::error::service_unavailable).text);
    }
    SUBCASE("in the catch-all route") {
        CHECK(b.get("/anything").body == "2");
        here.store.backend().away = true;
        check_is_unavailable(b.get("/anything"));
    }
    SUBCASE("when it is saved") {
        const auto answer = b.get("/out");
        check_is_unavailable(answer);
        CHECK(answer.body == ds::http_failure::of(ds::error::service_unavailable).text);
        CHECK(log.has("was not saved: "));
        CHECK(log.has("the network is down"));
    }
    SUBCASE("and the page would have been a file") { check_is_unavailable(b.get("/file")); }
    SUBCASE("and the handler has told the length") {
        const auto answer = b.get("/counted-by-hand");
        check_is_unavailable(answer);
        CHECK(answer.fields.count("Content-Length") == 1);
    }
    SUBCASE("and only the head is asked for") {
        const auto answer = b.head("/out");
        check_is_unavailable(answer);
        CHECK(answer.field("Content-Length") ==
              std::to_string(ds::http_failure::of(ds::error::service_unavailable).text.size()));
        in_order = false; // Crow sends a body with every failure, also to HEAD
    }
    SUBCASE("and the session would be new") {
        b.cookie.clear();
        check_is_unavailable(b.get("/out"));
    }
    here.store.backend().away = false;
    CHECK(!log.has(cookie));
    CHECK(here.open(cookie).get("/read").body != "0");
    if (!in_order) return;
    const auto again = b.get("/none");
    CHECK(again.status == 200);
    CHECK(again.field("Retry-After").empty());
}

TEST_CASE("an error of the network that the store lets out is 503") {
    test::crow_log log;
    site here;
    here.page("/refused", [&](visit& s) {
        here.store.backend().fail_with(boost::asio::error::connection_refused);
        return std::to_string(count(s));
    });
    check_is_unavailable(here.open(here.visitor()).get("/refused"));
}

TEST_CASE("a conflict is 409") {
    test::crow_log log;
    site here;
    here.page("/conflict", [&](visit& s) {
        count(s);
        here.store.destroy(s->id());
        return "counted";
    });
    CHECK(here.open(here.visitor()).get("/conflict").status == 409);
}

TEST_CASE("handlers may go on without the session, or ask the store themselves") {
    test::crow_log log;
    site here;
    here.page("/apology", [&](visit& s) {
        ds::error_code ec;
        s.load(ec);
        return ec ? "we know you, but not just now" : "welcome";
    });
    here.page("/other", [&](visit&) -> std::string { return here.store.load(ds::session_id::generate()) ? "found" : "none"; });
    auto b = here.open(here.visitor());
    here.store.backend().away = true;
    const auto answer = b.get("/apology");
    CHECK(answer.status == 200);
    CHECK(answer.body == "we know you, but not just now");
    CHECK(answer.cookies.empty());
    check_is_unavailable(b.get("/other"));
}

TEST_CASE("what else a handler throws is not the store's failure, and nothing is stored") {
    test::crow_log log;
    site here;
    here.page("/mine", [&](visit& s) -> std::string {
        count(s);
        throw std::runtime_error("mine");
    });
    here.page("/network", [&](visit& s) -> std::string {
        count(s);
        throw boost::system::system_error(boost::asio::error::host_not_found);
    });
    here.page("/thing", [&](visit& s) -> std::string {
        count(s);
        throw 1;
    });
    here.page("/both", [&](visit& s) -> std::string {
        here.store.backend().away = true;
        ds::error_code ec;
        s.load(ec);
        CHECK(ec);
        throw std::runtime_error("mine");
    });
    const auto cookie = here.visitor();
    auto b = here.open(cookie);
    for (const char* path : {"/mine", "/network", "/thing", "/both"}) {
        CAPTURE(path);
        CHECK(b.get(path).status == 500);
    }
    here.store.backend().away = false;
    CHECK(here.stored(cookie) == 1);
    CHECK(b.get("/count").body == "2");
}

TEST_CASE("a page of the application's exception handler is sent") {
    test::crow_log log;
    site here;
    here.app.exception_handler([](crow::response& r) { r = crow::response(500, "our own page"); });
    auto b = here.open(here.visitor());
    here.store.backend().away = true;
    const auto answer = b.get("/read");
    CHECK(answer.status == 500);
    CHECK(answer.body == "our own page");
}

TEST_CASE("with a response of 5xx nothing is stored but a logout") {
    site here;
    here.page("/busy", [&](visit& s) {
        count(s);
        return crow::response(502, "the other server is out");
    });
    here.page("/logout", [&](visit& s) {
        s.log_out();
        return crow::response(500);
    });
    const auto cookie = here.visitor();
    auto b = here.open(cookie);
    CHECK(b.get("/busy").body == "the other server is out");
    CHECK(here.stored(cookie) == 1);
    CHECK(b.get("/logout").status == 500);
    CHECK(b.cookie.empty());
    CHECK(here.stored(cookie) == 0);
}

TEST_CASE("what the serializer refuses is 500, and leaves the session as it was") {
    test::crow_log log;
    site here;
    here.page("/bytes", [&](visit& s) {
        count(s);
        s->set("bytes", "\xff");
        return "set";
    });
    const auto cookie = here.visitor();
    CHECK(here.open(cookie).get("/bytes").status == 500);
    CHECK(log.has("UTF-8"));
    CHECK(here.stored(cookie) == 1);
}

// ---- in parallel

namespace {

constexpr int crowd = 16;

// A load goes on when so many are inside at once.
class meeting_backend : public ds::memory_backend {
public:
    using memory_backend::memory_backend;

    ds::result<ds::reply> perform(ds::command c) {
        if (std::holds_alternative<ds::load_record>(c)) meet();
        return memory_backend::perform(std::move(c));
    }

    std::atomic<bool> failed{false};

private:
    void meet() {
        std::unique_lock lock(mutex_);
        if (++inside_ == crowd) all_.notify_all();
        if (!all_.wait_for(lock, test::failure_limit, [this] { return inside_ >= crowd || failed; })) failed = true;
        if (failed) all_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable all_;
    int inside_ = 0;
};

} // namespace

TEST_CASE("sessions are loaded at the same time") {
    using store_type = ds::basic_session_store<meeting_backend, ds::no_lock, ds::json_serializer>;
    site<store_type> here(plain, 2 * crowd);
    here.open().get("/none");
    std::vector<std::future<std::string>> pages;
    for (int i = 0; i < crowd; ++i)
        pages.push_back(std::async(std::launch::async, [&here] {
            auto b = here.open(); // Crow has a thread for each of so few connections
            b.get("/count");
            return b.get("/count").body;
        }));
    for (auto& p : pages) CHECK(p.get() == "2");
    CHECK_FALSE(here.store.backend().failed);
}

TEST_CASE("many requests of one session at once lose nothing") {
    site here;
    for (int t = 0; t < 8; ++t)
        here.page("/set" + std::to_string(t), [t](visit& s) {
            s.start();
            const auto key = std::to_string(t);
            const int n = s->get<int>(key).value_or(0) + 1;
            s->set(key, n);
            return std::to_string(n);
        });
    const auto cookie = here.visitor();
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 8; ++t)
            threads.emplace_back([&, t] {
                auto b = here.open(cookie);
                for (int i = 1; i <= 25; ++i)
                    if (b.get("/set" + std::to_string(t)).body != std::to_string(i)) ++wrong;
            });
    }
    CHECK(wrong == 0);
    CHECK(here.stored(cookie) == 1);
}
