// A WebSocket that knows whose it is, and closes when the session ends: open the page in two tabs, log out in one.

#include <dynasession/memory_session_store.hpp>
#include <dynasession/web/beast.hpp>
#include <dynasession/web/beast_websocket.hpp>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/beast.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <string_view>

namespace ds = dynasession;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;

using web_manager = ds::session_manager<ds::memory_session_store>;
using visit = ds::web_session<ds::memory_session_store>;
using http_request = http::request<http::string_body>;
using http_response = http::response<http::string_body>;

constexpr struct {
    std::string_view path, type, text;
} files[] = {
    {"/", "text/html", R"html(<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Live</title>
<link rel="stylesheet" href="/live.css">
<h1 id="says" role="status">One moment ...</h1>
<form method="post" action="/logout"><button>Log out</button></form>
<script src="/live.js"></script>)html"},
    {"/live.css", "text/css", "body { font: 1.25rem system-ui; margin: 20vh auto; max-width: 30rem; padding: 0 1rem }"
                              " h1 { font-size: 1.75rem } button { font: inherit; padding: .5em 1em }"},
    {"/live.js", "text/javascript", R"js(const says = document.getElementById("says");
const socket = new WebSocket(location.origin.replace("http", "ws") + "/live");
socket.onmessage = (event) => { says.textContent = event.data; };
socket.onclose = (event) => {
    says.textContent = event.code === 1008 ? "You have been logged out." : "The connection is lost.";
};)js"},
};

asio::awaitable<http_response> answer(visit& v, const http_request& r) {
    http_response made(http::status::not_found, r.version());
    made.set("Content-Security-Policy", "default-src 'self'");
    for (const auto& [path, type, text] : files) {
        if (r.method() != http::verb::get || r.target() != path) continue;
        made.result(http::status::ok);
        made.set(http::field::content_type, type);
        made.body() = text;
    }
    if (r.method() == http::verb::get && r.target() == "/") {
        co_await v.async_start();
        if (v->user().empty()) v.log_in("a visitor"); // who would say his name and password in a real one
    }
    if (r.method() == http::verb::post && r.target() == "/logout") {
        v.log_out();
        made.result(http::status::no_content); // the page stays, and hears of it by its WebSocket
    }
    co_return made;
}

// Says who the other side is, and hears it until it goes. It ends by returning, not by an exception: see `||` below.
asio::awaitable<void> talk(websocket::stream<beast::tcp_stream>& socket, const ds::session& s) {
    const std::string greeting = "You are " + std::string(s.user()) + ". This page notices when you are logged out.";
    ds::error_code ec;
    co_await socket.async_write(asio::buffer(greeting), asio::redirect_error(asio::use_awaitable, ec));
    for (beast::flat_buffer heard; !ec; heard.clear())
        co_await socket.async_read(heard, asio::redirect_error(asio::use_awaitable, ec));
}

asio::awaitable<void> go_live(web_manager& web, beast::tcp_stream stream, const http_request& r) {
    // A page of any site may open a WebSocket to here: it has to be one of ours.
    if (r[http::field::origin] != "http://" + std::string(r[http::field::host])) co_return;
    auto v = ds::open_session(web, r);
    const auto* s = co_await v.async_load(ds::read_only);
    if (!s) co_return;
    websocket::stream<beast::tcp_stream> socket(std::move(stream));
    socket.set_option(websocket::stream_base::timeout::suggested(beast::role_type::server));
    co_await socket.async_accept(r, asio::use_awaitable);
    co_await (talk(socket, *s) || ds::close_when_session_ends(web.store(), s->id(), socket, 500ms));
}

asio::awaitable<void> serve(web_manager& web, beast::tcp_stream stream) {
    beast::flat_buffer buffer;
    for (bool again = true; again;) {
        http_request r;
        stream.expires_after(30s);
        co_await http::async_read(stream, buffer, r, asio::use_awaitable);
        stream.expires_never();
        if (websocket::is_upgrade(r)) co_return co_await go_live(web, std::move(stream), r);
        http_response made = co_await ds::serve_with_session(web, r, [&](visit& v) { return answer(v, r); });
        made.keep_alive(again = r.keep_alive());
        made.prepare_payload();
        co_await http::async_write(stream, made, asio::use_awaitable);
    }
}

asio::awaitable<void> listen(web_manager& web, asio::ip::tcp::acceptor& acceptor) {
    for (;;) {
        beast::tcp_stream stream(co_await acceptor.async_accept(asio::use_awaitable));
        asio::co_spawn(acceptor.get_executor(), serve(web, std::move(stream)), asio::detached);
    }
}

int main() {
    asio::io_context context;
    ds::memory_session_store store(context.get_executor(), {});
    web_manager web(store, {.transport = ds::cookie_options::plain_http()});
    asio::ip::tcp::acceptor acceptor(context, {asio::ip::make_address("127.0.0.1"), 0});
    std::cout << "listening on http://" << acceptor.local_endpoint() << std::endl;
    asio::co_spawn(context, listen(web, acceptor), asio::detached);
    context.run();
}
