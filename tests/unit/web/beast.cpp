#include <dynasession/web/beast.hpp>

#include <dynasession/memory_session_store.hpp>

#include "support/counting_backend.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/verb.hpp>
#include <doctest/doctest.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ds = dynasession;
namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

using store_type = ds::basic_session_store<counting_backend<ds::memory_backend>, ds::no_lock, ds::json_serializer>;
using request = http::request<http::empty_body>;
using response = http::response<http::string_body>;
using visit = ds::web_session<store_type>;

struct site {
    store_type store{};
    std::vector<ds::error_code> told{};
    ds::session_manager<store_type> web{store, {.on_failure = [this](const ds::error_code& ec) { told.push_back(ec); }}};

    // What a server answers whose handler does this.
    template <class Handle>
    response serve(const request& r, Handle handle) {
        asio::io_context context;
        response answer;
        asio::co_spawn(
            context,
            [&]() -> asio::awaitable<void> {
                answer = co_await ds::serve_with_session(web, r, [&](visit& s) -> asio::awaitable<response> {
                    co_await handle(s);
                    response made(http::status::ok, 11);
                    made.body() = "hello";
                    made.set(http::field::vary, "Accept-Encoding");
                    made.insert(http::field::set_cookie, "theme=dark");
                    co_return made;
                });
            },
            [](std::exception_ptr e) {
                if (e) std::rethrow_exception(e);
            });
        context.run();
        return answer;
    }
};

request get(std::string_view cookie = {}) {
    request r(http::verb::get, "/", 11);
    if (!cookie.empty()) r.insert(http::field::cookie, cookie);
    return r;
}

asio::awaitable<void> count(visit& s) {
    co_await s.async_start(asio::use_awaitable);
    s->set("n", s->get<int>("n").value_or(0) + 1);
}

std::string cookie_of(const response& r) {
    for (const auto& f : r)
        if (f.name() == http::field::set_cookie && f.value().starts_with("__Host-session="))
            return std::string(f.value().substr(0, f.value().find(';')));
    return {};
}

} // namespace

TEST_CASE("a response brings what its session needs, beside what it has") {
    site here;
    const auto first = here.serve(get(), count);
    CHECK(first.result() == http::status::ok);
    CHECK(first.body() == "hello");
    CHECK(first[http::field::vary] == "Accept-Encoding, Cookie");
    CHECK(first[http::field::cache_control] == "no-store");
    CHECK(first.count(http::field::set_cookie) == 2);

    const auto cookie = cookie_of(first);
    const auto second = here.serve(get(cookie), count);
    CHECK(cookie_of(second).empty());
    auto s = ds::open_session(here.web, get(cookie));
    CHECK(s.start().get<int>("n") == 2);
}

TEST_CASE("several Cookie fields are one") {
    site here;
    const auto cookie = cookie_of(here.serve(get(), count));
    for (const bool first : {true, false}) {
        request r = get();
        r.insert(http::field::cookie, first ? cookie : "a=b");
        r.insert(http::field::cookie, first ? "a=b" : cookie);
        CHECK(ds::open_session(here.web, r).load());
    }
}

TEST_CASE("who does not ask for the session asks nobody") {
    site here;
    const auto cookie = cookie_of(here.serve(get(), count));
    const auto before = here.store.backend().commands();
    const auto answer = here.serve(get(cookie), [](visit&) -> asio::awaitable<void> { co_return; });
    CHECK(answer[http::field::vary] == "Accept-Encoding");
    CHECK(cookie_of(answer).empty());
    CHECK(here.store.backend().commands() == before);
}

TEST_CASE("a store that is out is 503, and the browser keeps its cookie") {
    site here;
    const auto cookie = cookie_of(here.serve(get(), count));
    response answer;
    SUBCASE("when the session is loaded") {
        here.store.backend().fail_with(ds::error::service_unavailable);
        answer = here.serve(get(cookie), count);
    }
    SUBCASE("by an error of the network") {
        here.store.backend().fail_with(asio::error::connection_refused);
        answer = here.serve(get(cookie), count);
    }
    SUBCASE("when it is saved") {
        answer = here.serve(get(cookie), [&](visit& s) -> asio::awaitable<void> {
            co_await count(s);
            here.store.backend().fail_with(ds::error::service_unavailable);
        });
    }
    SUBCASE("when the handler asks it for something else") {
        answer = here.serve(get(), [&](visit&) -> asio::awaitable<void> {
            here.store.backend().fail_with(ds::error::service_unavailable);
            co_await here.store.async_load(ds::session_id::generate(), asio::use_awaitable);
        });
    }
    CHECK(here.told.size() == 1);
    CHECK(answer.result() == http::status::service_unavailable);
    CHECK(answer[http::field::retry_after] == "2");
    CHECK(answer.count(http::field::set_cookie) == 0);
    CHECK(answer.body().find(cookie) == std::string::npos);
}

TEST_CASE("what else a handler throws is not the store's failure, and nothing is stored") {
    site here;
    const auto cookie = cookie_of(here.serve(get(), count));
    const auto change_and_throw = [](auto e) {
        return [e](visit& s) -> asio::awaitable<void> {
            co_await count(s);
            throw e;
        };
    };
    CHECK_THROWS_AS(here.serve(get(cookie), change_and_throw(std::runtime_error("mine"))), std::runtime_error);
    CHECK_THROWS_AS(here.serve(get(cookie), change_and_throw(boost::system::system_error(asio::error::host_not_found))),
                    boost::system::system_error);
    CHECK(ds::open_session(here.web, get(cookie)).start().get<int>("n") == 1);
}
