#include <dynasession/web/session_manager.hpp>

#include <dynasession/memory_session_store.hpp>
#include <dynasession/web/http_failure.hpp>

#include "support/counting_backend.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ds = dynasession;
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

using counting_store = ds::basic_session_store<counting_backend<ds::memory_backend>, ds::no_lock, ds::json_serializer>;

struct manual_clock {
    ds::op::instant now{ds::time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h), {}};
    ds::memory_options options() {
        return {.clock = [this] { return now; }};
    }
};

// What a browser keeps of a response: the Cookie field of its next request.
std::string cookie_of(const ds::response_fields& f) {
    REQUIRE(f.has_id);
    REQUIRE(f.carrier == "Set-Cookie");
    return f.id.substr(0, f.id.find(';'));
}

struct site {
    manual_clock clock{};
    std::vector<ds::security_event> events{};
    counting_store store;
    ds::session_manager<counting_store> web;

    explicit site(ds::session_manager_options o = {}, ds::session_options s = {})
        : store(clock.options(), s), web(store, listening(std::move(o))) {}

    ds::session_manager_options listening(ds::session_manager_options o) {
        o.on_event = [this](ds::security_event e, std::string_view) { events.push_back(e); };
        return o;
    }

    // The cookie of a visitor whose session holds n = 1.
    std::string visitor() {
        auto s = web.open("");
        s.start().set("n", 1);
        return cookie_of(s.finish());
    }
    std::string user(const char* name) {
        auto s = web.open("");
        s.start();
        s.log_in(name);
        return cookie_of(s.finish());
    }
};

} // namespace

TEST_CASE("a session begins when something is put into it, and is found again by its cookie") {
    site here;
    auto first = here.web.open("");
    CHECK_FALSE(first.has_id());
    CHECK(first.load() == nullptr);
    first.start().set("n", 1);
    const auto fields = first.finish();
    CHECK(fields.id.starts_with("__Host-session="));
    CHECK(fields.id.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"));
    CHECK(fields.cache_control == "no-store");
    CHECK(fields.vary == "Cookie");

    auto second = here.web.open(cookie_of(fields));
    REQUIRE(second.load());
    CHECK(second->get<int>("n") == 1);
    const auto unchanged = second.finish();
    CHECK_FALSE(unchanged.has_id);
    CHECK(unchanged.cache_control.empty());
    CHECK(unchanged.vary == "Cookie");
    CHECK(here.events.empty());
}

TEST_CASE("the store is asked only by who asks for a session, and writes only what there is") {
    site here;
    const auto cookie = here.visitor();
    const auto before = here.store.backend().commands();
    SUBCASE("no cookie") {
        auto s = here.web.open("");
        s.load();
        s.finish();
    }
    SUBCASE("not touched") {
        auto s = here.web.open(cookie);
        CHECK(s.has_id());
        const auto fields = s.finish();
        CHECK_FALSE(fields.has_id);
        CHECK(fields.vary.empty());
    }
    SUBCASE("begun, and left empty") {
        auto s = here.web.open("");
        s.start();
        CHECK_FALSE(s.finish().has_id);
    }
    SUBCASE("malformed") {
        for (const auto* field : {"__Host-session=", "__Host-session=x", "__%48ost-session=x", "__host-session=x"}) {
            auto s = here.web.open(field);
            CHECK(s.load() == nullptr);
            s.finish();
        }
        CHECK(here.events == std::vector(2, ds::security_event::malformed_id));
    }
    CHECK(here.store.backend().commands() == before);
}

TEST_CASE("a made-up id costs no write, and with keys no request") {
    for (const bool with_keys : {false, true}) {
        site here(with_keys ? ds::session_manager_options{.secrets = {ds::secret::generate()}} : ds::session_manager_options{});
        for (int i = 0; i < 10'000; ++i) {
            std::string text(ds::session_id::generate().str());
            if (with_keys) text += "." + std::string(ds::session_id::generate().str());
            auto s = here.web.open("__Host-session=" + text);
            CHECK(s.load() == nullptr);
            CHECK_FALSE(s.finish().has_id);
        }
        CHECK(here.store.backend().writes() == 0);
        CHECK(here.store.backend().commands() == (with_keys ? 0 : 10'000));
        CHECK(here.events == std::vector(10'000, with_keys ? ds::security_event::bad_signature : ds::security_event::unknown_id));
    }
}

TEST_CASE("an id that is not known is not taken over") {
    site here;
    const std::string planted(ds::session_id::generate().str());
    auto s = here.web.open("__Host-session=" + planted);
    s.start().set("n", 1);
    CHECK(cookie_of(s.finish()) != "__Host-session=" + planted);
}

TEST_CASE("signed ids outlive the change of keys, and are given anew") {
    const auto old_key = ds::secret::generate(), new_key = ds::secret::generate();
    counting_store store;
    ds::session_manager before(store, {.secrets = {old_key}}), after(store, {.secrets = {new_key, old_key}});
    auto s = before.open("");
    s.start().set("n", 1);
    const auto cookie = cookie_of(s.finish());

    auto again = after.open(cookie);
    REQUIRE(again.load());
    const auto renewed = cookie_of(again.finish());
    CHECK(renewed != cookie);
    CHECK(before.open(renewed).load() == nullptr);
    auto last = after.open(renewed);
    CHECK(last.load());
    CHECK_FALSE(last.finish().has_id);
}

TEST_CASE("a log-in gives a new id, keeps what is there, and leaves nothing under the old one") {
    site here;
    const auto planted = here.visitor();
    auto s = here.web.open(planted);
    s.start();
    s.log_in("jeremy", "Firefox on Linux");
    const auto cookie = cookie_of(s.finish());
    CHECK(cookie != planted);
    CHECK(here.web.open(planted).load() == nullptr);

    auto later = here.web.open(cookie);
    REQUIRE(later.load());
    CHECK(later->user() == "jeremy");
    CHECK(later->device() == "Firefox on Linux");
    CHECK(later->get<int>("n") == 1);

    SUBCASE("but another user's is emptied") {
        later.log_in("anna");
        const auto annas = cookie_of(later.finish());
        auto s2 = here.web.open(annas);
        REQUIRE(s2.load());
        CHECK(s2->user() == "anna");
        CHECK_FALSE(s2->contains("n"));
    }
}

TEST_CASE("a log-out ends the session, loaded or not, whoever works on it") {
    site here;
    const auto cookie = here.user("jeremy");
    auto open_elsewhere = here.web.open(cookie);
    REQUIRE(open_elsewhere.load());

    auto s = here.web.open(cookie);
    bool loaded = false;
    SUBCASE("loaded") { loaded = s.load() != nullptr; }
    SUBCASE("not loaded") {}
    const auto before = here.store.backend().commands();
    s.log_out();
    const auto fields = s.finish();
    CHECK(here.store.backend().commands() == before + 1);
    CHECK(fields.id.starts_with("__Host-session=; "));
    CHECK(fields.id.find("Max-Age=0") != std::string::npos);
    CHECK(here.web.open(cookie).load() == nullptr);
    (void)loaded;

    open_elsewhere->set("n", 2);
    ds::error_code ec;
    CHECK_FALSE(open_elsewhere.finish(ec).has_id);
    CHECK(ec == ds::error::session_gone);
    CHECK(ds::http_failure::of(ec).status == 409);
    CHECK(here.web.open(cookie).load() == nullptr);
}

TEST_CASE("a store that fails is an error, the client keeps its id, and nothing new takes the place of the session") {
    site here;
    const auto cookie = here.visitor();
    here.store.backend().fail_with(ds::error::service_unavailable);
    auto s = here.web.open(cookie);
    ds::error_code ec;
    SUBCASE("load") { CHECK(s.load(ec) == nullptr); }
    SUBCASE("start") { CHECK(s.start(ec) == nullptr); }
    SUBCASE("start, throwing") {
        try {
            s.start();
        } catch (const ds::session_error& e) {
            ec = e.code();
        }
    }
    CHECK(ec == ds::condition::unavailable);
    CHECK(ds::http_failure::of(ec).status == 503);
    CHECK(ds::http_failure::of(ec).retry_after > 0s);
    CHECK(s.get() == nullptr);
    CHECK_FALSE(s.finish(ec).has_id);
    CHECK_FALSE(ec);
    here.store.backend().fail_with({});
    CHECK(here.web.open(cookie).load());
}

TEST_CASE("the failure of a load is over when the next one succeeds") {
    site here;
    auto s = here.web.open(here.visitor());
    here.store.backend().fail_with(ds::error::service_unavailable);
    CHECK_THROWS_AS(s.load(), ds::session_error);
    CHECK(s.store_failure() == ds::error::service_unavailable);
    here.store.backend().fail_with({});
    CHECK(s.load());
    CHECK_FALSE(s.store_failure());
}

TEST_CASE("a save that fails is an error, and leaves no field; a touch that fails is none") {
    site here({}, {.touch_fraction = 0});
    const auto cookie = here.visitor();
    here.clock.now.system += 1s;
    auto s = here.web.open(cookie);
    s.start();
    bool changed = false;
    SUBCASE("changed") {
        s->set("n", 2);
        changed = true;
    }
    SUBCASE("unchanged") {}
    here.store.backend().fail_with(ds::error::timeout);
    ds::error_code ec;
    CHECK_FALSE(s.finish(ec).has_id);
    CHECK((ec == ds::error::timeout) == changed);
}

TEST_CASE("a request ends once") {
    site here;
    auto s = here.web.open("");
    s.start().set("n", 1);
    const auto cookie = cookie_of(s.finish());
    s->set("n", 2);
    const auto before = here.store.backend().commands();
    CHECK_FALSE(s.finish().has_id);
    CHECK(here.store.backend().commands() == before);
}

TEST_CASE("what the store has no part in ends without it") {
    site here;
    const auto cookie = here.visitor();
    auto s = here.web.open(cookie);
    bool at_once = true;
    SUBCASE("not asked for") {}
    SUBCASE("only read") { s.load(); }
    SUBCASE("begun, and left empty") { s.start(); }
    SUBCASE("changed") {
        s.start().set("n", 2);
        at_once = false;
    }
    SUBCASE("set to what it was") { s.start().set("n", 1); }
    SUBCASE("used after a while") {
        here.clock.now.system += 10min;
        s.load();
        at_once = false;
    }
    SUBCASE("another user") {
        s.start();
        s.log_in("jeremy");
        at_once = false;
    }
    SUBCASE("logged out") {
        s.log_out();
        at_once = false;
    }
    const auto before = here.store.backend().commands();
    CHECK(s.try_finish().has_value() == at_once);
    CHECK(here.store.backend().commands() == before);
    s.finish();
    CHECK((here.store.backend().commands() == before + 1) == !at_once);
}

TEST_CASE("a session that was loaded to be read only is not changed, and nobody is told that it was") {
    site here;
    const auto cookie = here.visitor();
    here.clock.now.system += 10min; // a touch would be due
    auto s = here.web.open(cookie);
    REQUIRE(s.load(ds::read_only));
    ds::error_code ec;
    SUBCASE("unchanged") {
        CHECK(s.try_finish());
        return;
    }
    SUBCASE("changed") {
        s->set("n", 2);
        s.finish(ec);
        CHECK(ec == ds::error::read_only_session);
    }
    SUBCASE("log-in") { CHECK_THROWS_AS(s.log_in("jeremy"), ds::session_error); }
    SUBCASE("new id") { CHECK_THROWS_AS(s.regenerate(), ds::session_error); }
    SUBCASE("message") { CHECK_THROWS_AS(s.flash("notice", "Saved."), ds::session_error); }
    SUBCASE("log-out is no change of it") {
        s.log_out();
        s.finish();
        CHECK(here.web.open(cookie).load() == nullptr);
        return;
    }
    CHECK(here.web.open(cookie).start().get<int>("n") == 1);
}

TEST_CASE("what is abandoned is not stored") {
    site here;
    const auto cookie = here.visitor();
    auto s = here.web.open(cookie);
    s.start().set("n", 2);
    s.abandon();
    s.finish();
    CHECK(here.web.open(cookie).start().get<int>("n") == 1);
}

TEST_CASE("an id in use is replaced after a time") {
    site here({.renew_after = 10min});
    const auto cookie = here.visitor();
    here.clock.now.system += 9min;
    auto early = here.web.open(cookie);
    CHECK(early.load());
    CHECK_FALSE(early.finish().has_id);

    here.clock.now.system += 1min;
    auto late = here.web.open(cookie);
    CHECK(late.load());
    const auto renewed = cookie_of(late.finish());
    CHECK(renewed != cookie);
    CHECK(here.web.open(cookie).load() == nullptr);

    here.clock.now.system += 9min;
    auto again = here.web.open(renewed);
    CHECK(again.load());
    CHECK_FALSE(again.finish().has_id);
}

TEST_CASE("times of the manager, of one session, and of its cookie") {
    site here({.max_age = 8h, .max_stale = 10min});
    const auto cookie = here.visitor();
    const auto noon = here.clock.now.seconds();
    auto s = here.web.open(cookie);
    s.start();
    CHECK(s->expires() == noon + 10min);
    CHECK(s->deadline() == noon + 8h);

    s.remember({.max_age = 720h, .max_stale = 240h});
    s.log_in("jeremy");
    const auto fields = s.finish();
    CHECK(fields.id.find("; Max-Age=864000") != std::string::npos);

    here.clock.now.system += 48h;
    auto later = here.web.open(cookie_of(fields));
    REQUIRE(later.load());
    CHECK(later->deadline() == noon + 720h);
    CHECK(later.finish().id.find("; Max-Age=864000") != std::string::npos);
    CHECK(here.web.open(cookie_of(fields)).start().expires() == noon + 288h);

    CHECK_THROWS_AS(ds::session_manager(here.store, {.max_stale = 0s}), ds::session_error);
    CHECK_THROWS_AS(ds::session_manager(here.store, {.transport = ds::cookie_options{.secure = false}}), ds::session_error);
}

TEST_CASE("a message is taken by one later request") {
    site here;
    auto s = here.web.open("");
    s.start();
    s.flash("notice", "Saved.");
    const auto cookie = cookie_of(s.finish());
    auto next = here.web.open(cookie);
    CHECK_FALSE(next.take_flash("notice"));
    auto looking = here.web.open(cookie);
    looking.load(ds::read_only);
    CHECK(looking.take_flash("notice") == "Saved.");
    looking.finish();
    next.load();
    CHECK_FALSE(next.take_flash("error"));
    CHECK(next.take_flash("notice") == "Saved.");
    next.finish();
    auto last = here.web.open(cookie);
    last.load();
    CHECK_FALSE(last.take_flash("notice"));
    CHECK(last->value().empty());
}

TEST_CASE("programs that keep no cookies carry the id in a header field") {
    site here({.transport = ds::header_options{}});
    CHECK(here.web.request_field() == "X-Auth-Token");
    auto s = here.web.open("");
    s.start().set("n", 1);
    const auto fields = s.finish();
    CHECK(fields.carrier == "X-Auth-Token");
    CHECK(fields.vary == "X-Auth-Token");
    auto again = here.web.open(fields.id);
    REQUIRE(again.load());
    again.log_out();
    const auto gone = again.finish();
    CHECK(gone.has_id);
    CHECK(gone.id.empty());
    CHECK(here.web.open("__Host-session=" + fields.id).load() == nullptr);
}

TEST_CASE("of several cookies of the name the first one that verifies counts") {
    site here({.secrets = {ds::secret::generate()}});
    const auto cookie = here.visitor();
    auto s = here.web.open("__Host-session=x; " + cookie + "; other=1");
    REQUIRE(s.load());
    CHECK(here.events == std::vector{ds::security_event::several_cookies, ds::security_event::malformed_id});
}

TEST_CASE("a user has so many sessions, and the oldest ends") {
    site here({.max_sessions_per_user = 2});
    std::vector<std::string> cookies;
    for (int i = 0; i < 3; ++i) {
        cookies.push_back(here.user("jeremy"));
        here.clock.now.system += 1s;
    }
    CHECK(here.web.open(cookies[0]).load() == nullptr);
    CHECK(here.web.open(cookies[1]).load());
    CHECK(here.web.open(cookies[2]).load());
}

TEST_CASE("nothing that is told of a session holds its id, or what is in it") {
    manual_clock clock;
    counting_store store(clock.options(), {.touch_fraction = 0});
    std::string told;
    ds::session_manager web(store, {.secrets = {ds::secret::generate()}, .on_event = [&](ds::security_event e, std::string_view who) {
                                        told += std::string(to_string(e)) + ' ' + std::string(who) + '\n';
                                    }});
    auto first = web.open("");
    first.start().set("card", "4929-1234");
    const auto cookie = cookie_of(first.finish());
    const std::string id(first->id().str()), value = cookie.substr(cookie.find('=') + 1);
    const auto fails = [&](auto&& call) {
        try {
            call();
        } catch (const std::exception& e) {
            told += e.what() + std::string("\n");
            return;
        }
        FAIL("no exception");
    };

    auto forged = value;
    forged.back() = forged.back() == 'A' ? 'B' : 'A';
    for (const auto& bad : {forged, value + "x", id})
        CHECK(web.open("__Host-session=" + bad).load() == nullptr);
    auto late = web.open(cookie);
    late.start().set("card", "4929-5678");
    store.destroy(first->id());
    fails([&] { late.finish(); });
    CHECK(web.open(cookie).load() == nullptr);
    store.backend().fail_with(ds::error::throttled);
    fails([&] { web.open(cookie).load(); });
    told += ds::http_failure::of(ds::error::throttled).text;

    CHECK(told.find("bad_signature") != told.npos);
    CHECK(told.find("unknown_id sid:") != told.npos);
    for (const auto& secret : {id, value.substr(id.size() + 1), forged.substr(id.size() + 1), std::string("4929")})
        CHECK(told.find(secret) == told.npos);
}

TEST_CASE("the same, asynchronously") {
    site here({.max_sessions_per_user = 1});
    asio::io_context context;
    std::string cookie;
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
            auto s = here.web.open("");
            CHECK(co_await s.async_load(asio::use_awaitable) == nullptr);
            CHECK(co_await s.async_start(asio::use_awaitable) == s.get());
            s->set("n", 1);
            CHECK_FALSE(s.try_finish());
            cookie = cookie_of(co_await s.async_finish(asio::use_awaitable));

            auto again = here.web.open(cookie);
            auto* loaded = co_await again.async_load(ds::read_only, asio::use_awaitable);
            REQUIRE(loaded);
            CHECK(loaded->is_read_only());
            CHECK(co_await again.async_load(asio::use_awaitable) == loaded);
            CHECK_FALSE((co_await again.async_finish(asio::use_awaitable)).has_id);

            auto user = here.web.open(cookie);
            co_await user.async_start(asio::use_awaitable);
            user.log_in("jeremy");
            const auto first = cookie_of(co_await user.async_finish(asio::use_awaitable));
            here.clock.now.system += 1s;
            const auto second = here.user("jeremy");
            auto out = here.web.open(first);
            CHECK(co_await out.async_load(asio::use_awaitable) == nullptr);

            auto leaving = here.web.open(second);
            leaving.log_out();
            CHECK((co_await leaving.async_finish(asio::use_awaitable)).has_id);
            CHECK(here.web.open(second).load() == nullptr);
            CHECK_FALSE((co_await leaving.async_finish(asio::use_awaitable)).has_id);

            here.store.backend().fail_with(ds::error::timeout);
            auto failing = here.web.open(cookie);
            ds::error_code ec;
            CHECK(co_await failing.async_start(asio::redirect_error(asio::use_awaitable, ec)) == nullptr);
            CHECK(ec == ds::condition::unavailable);
        },
        [](std::exception_ptr e) {
            if (e) std::rethrow_exception(e);
        });
    context.run();
}
