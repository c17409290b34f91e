#include <dynasession/web/beast_websocket.hpp>

#include <dynasession/memory_session_store.hpp>
#include <dynasession/web/beast.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/system/system_error.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <variant>

namespace ds = dynasession;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;

namespace {

// A backend in memory that counts asynchronous loads, and fails them when it is told to.
class watched_backend : public ds::memory_backend {
public:
    using ds::memory_backend::memory_backend;

    template <class Token>
    auto async_perform(ds::command c, Token&& token) {
        auto run = [this, c = std::move(c)](auto handler) mutable {
            if (std::holds_alternative<ds::load_record>(c)) {
                ++looks;
                if (on_look) on_look();
                if (failing)
                    return std::move(handler)(ds::result<ds::reply>(ds::failure(ds::error::service_unavailable)));
            }
            ds::memory_backend::async_perform(std::move(c), std::move(handler));
        };
        return asio::async_initiate<Token, void(ds::result<ds::reply>)>(std::move(run), token);
    }

    int looks = 0;
    bool failing = false;
    std::function<void()> on_look{};
};

using store_type = ds::basic_session_store<watched_backend, ds::no_lock, ds::json_serializer>;
using socket_type = websocket::stream<beast::tcp_stream>;
constexpr asio::as_tuple_t<asio::use_awaitable_t<>> as_result{};

void rethrow(std::exception_ptr e) {
    if (e) std::rethrow_exception(e);
}

// A site where Ana is logged in, and a WebSocket to it over the loopback.
struct site {
    asio::io_context context{};
    store_type store{context.get_executor(), {}};
    ds::session_manager<store_type> web{store};
    std::string cookie{};
    socket_type client{context}, server{context};
    ds::session snapshot{};
    asio::steady_timer looked{context, asio::steady_timer::time_point::max()};

    site() {
        cookie = log_in();
        tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
        client.next_layer().socket().connect(acceptor.local_endpoint());
        acceptor.accept(server.next_layer().socket());
        client.set_option(websocket::stream_base::decorator(
            [this](websocket::request_type& r) { r.set(http::field::cookie, cookie); }));
    }

    std::string log_in() {
        auto visit = web.open("");
        visit.start();
        visit.log_in("ana");
        const auto fields = visit.finish();
        return fields.id.substr(0, fields.id.find(';'));
    }

    // Accepts the WebSocket, with what its session is by then.
    asio::awaitable<void> upgrade() {
        beast::flat_buffer buffer;
        http::request<http::empty_body> request;
        co_await http::async_read(server.next_layer(), buffer, request, asio::use_awaitable);
        auto visit = ds::open_session(web, request);
        snapshot = *visit.load(ds::read_only);
        CHECK(visit.try_finish());
        co_await server.async_accept(request, asio::use_awaitable);
    }

    // Tells the client who it is, whenever it says something.
    asio::awaitable<void> chat() {
        for (beast::flat_buffer heard;;) {
            const auto [unread, size] = co_await server.async_read(heard, as_result);
            if (unread) co_return;
            const auto [unwritten, sent] = co_await server.async_write(asio::buffer(snapshot.user()), as_result);
            if (unwritten) co_return;
        }
    }

    asio::awaitable<void> watch() { return ds::close_when_session_ends(store, snapshot.id(), server, 1ms); }

    asio::awaitable<void> serve() {
        co_await upgrade();
        co_await (chat() || watch());
    }

    // After so many looks at the session, as many as that.
    asio::awaitable<void> looks(int count) {
        store.backend().on_look = [this, last = store.backend().looks + count] {
            if (store.backend().looks == last) looked.cancel();
        };
        co_await looked.async_wait(as_result);
    }

    asio::awaitable<std::string> ask() {
        co_await client.async_write(asio::buffer("who am I?", 9), asio::use_awaitable);
        beast::flat_buffer heard;
        co_await client.async_read(heard, asio::use_awaitable);
        co_return beast::buffers_to_string(heard.data());
    }

    // The client, which does this once it is connected; the server runs beside it. Ends when both have ended.
    template <class Act>
    void converse(Act act) {
        asio::co_spawn(context, serve(), rethrow);
        asio::co_spawn(
            context,
            [&]() -> asio::awaitable<void> {
                co_await client.async_handshake("localhost", "/", asio::use_awaitable);
                co_await act();
            },
            rethrow);
        context.run();
    }

    asio::awaitable<void> hear_of_the_end() {
        beast::flat_buffer heard;
        const auto [ec, size] = co_await client.async_read(heard, as_result);
        CHECK(ec == websocket::error::closed);
        CHECK(client.reason().code == websocket::close_code::policy_error);
        CHECK(client.reason().reason == "the session has ended");
    }
};

} // namespace

TEST_CASE("a WebSocket stays as long as its session, and closes with it") {
    site here;
    std::function<void()> end;
    SUBCASE("destroyed") {
        end = [&] { here.store.destroy(here.snapshot.id()); };
    }
    SUBCASE("logged out") {
        end = [&] {
            auto visit = here.web.open(here.cookie);
            visit.log_out();
            visit.finish();
        };
    }
    SUBCASE("everywhere") {
        end = [&] { here.store.destroy_all_of("ana"); };
    }
    SUBCASE("under another id") {
        end = [&] {
            auto visit = here.web.open(here.cookie);
            visit.start();
            visit.regenerate();
            visit.finish();
        };
    }
    REQUIRE(end);
    here.converse([&]() -> asio::awaitable<void> {
        co_await here.looks(3);
        CHECK(co_await here.ask() == "ana");
        end();
        co_await here.hear_of_the_end();
    });
    CHECK(here.store.backend().looks >= 4);
}

TEST_CASE("the end of another session is none of its business") {
    site here;
    const auto elsewhere = here.log_in();
    here.converse([&]() -> asio::awaitable<void> {
        auto other = here.web.open(elsewhere);
        other.log_out();
        other.finish();
        co_await here.looks(2);
        CHECK(co_await here.ask() == "ana");
        co_await here.client.async_close(websocket::close_code::normal, asio::use_awaitable);
    });
}

TEST_CASE("a WebSocket stays while the store fails, and the next look decides") {
    site here;
    here.store.backend().failing = true;
    here.converse([&]() -> asio::awaitable<void> {
        here.store.destroy(here.snapshot.id());
        co_await here.looks(3);
        CHECK(co_await here.ask() == "ana");
        here.store.backend().failing = false;
        co_await here.hear_of_the_end();
    });
}

TEST_CASE("the watch ends with the conversation") {
    site here;
    here.converse([&]() -> asio::awaitable<void> {
        co_await here.looks(1);
        SUBCASE("that the client closes") {
            co_await here.client.async_close(websocket::close_code::normal, asio::use_awaitable);
        }
        SUBCASE("that breaks off") { here.client.next_layer().close(); }
    });
}

TEST_CASE("a client that has gone when the session ends is no error") {
    site here;
    bool ended = false;
    asio::co_spawn(here.context, [&]() -> asio::awaitable<void> {
        co_await here.upgrade();
        here.store.destroy(here.snapshot.id());
        here.client.next_layer().close();
        co_await here.watch();
        ended = true;
    }, rethrow);
    here.client.async_handshake("localhost", "/", [](ds::error_code) {});
    here.context.run();
    CHECK(ended);
}

TEST_CASE("the watch ends by cancellation, and leaves the socket as it is") {
    site here;
    asio::cancellation_signal stop;
    std::exception_ptr outcome;
    here.store.backend().on_look = [&] {
        if (here.store.backend().looks == 2) asio::post(here.context, [&] { stop.emit(asio::cancellation_type::terminal); });
    };
    asio::co_spawn(here.context, [&]() -> asio::awaitable<void> {
        co_await here.upgrade();
        asio::co_spawn(here.context, here.watch(),
                       asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr e) { outcome = e; }));
    }, rethrow);
    here.client.async_handshake("localhost", "/", [](ds::error_code) {});
    here.context.run();
    CHECK(here.server.is_open());
    REQUIRE(outcome);
    try {
        std::rethrow_exception(outcome);
    } catch (const boost::system::system_error& e) {
        CHECK(e.code() == asio::error::operation_aborted);
    }
}
