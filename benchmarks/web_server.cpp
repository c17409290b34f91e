// A Beast server for web.py, which puts a load on it: with `sessions` each request goes through a session_manager over
// sessions in memory, and reads its session if it is for /read; with `bare` it does not. The page is the same.
//
// Prints the port, and the cookie of a session that holds something.

#include <dynasession/memory_session_store.hpp>
#include <dynasession/web/beast.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <iostream>
#include <string>
#include <string_view>
#include <utility>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ds = dynasession;

namespace {

using request = http::request<http::string_body>;
using response = http::response<http::string_body>;
using visit = ds::web_session<ds::memory_session_store>;

response page() {
    response r(http::status::ok, 11);
    r.set(http::field::content_type, "text/plain");
    r.body() = "hello";
    return r;
}

struct bare {
    asio::awaitable<response> operator()(const request&) const { co_return page(); }
};

struct with_sessions {
    ds::session_manager<ds::memory_session_store>& web;

    asio::awaitable<response> operator()(const request& r) const {
        return ds::serve_with_session(web, r, [&r](visit& s) -> asio::awaitable<response> {
            if (r.target() == "/read") {
                const auto* found = s.load(); // in memory: does not block
                if (!found || !found->contains("user")) co_return response(http::status::forbidden, 11);
            }
            co_return page();
        });
    }
};

template <class Handle>
asio::awaitable<void> converse(asio::ip::tcp::socket socket, Handle handle) {
    beast::tcp_stream stream(std::move(socket));
    beast::flat_buffer buffer;
    for (boost::system::error_code ec; !ec;) {
        request r;
        co_await http::async_read(stream, buffer, r, asio::redirect_error(asio::use_awaitable, ec));
        if (ec) break;
        response answer = co_await handle(r);
        answer.keep_alive(r.keep_alive());
        answer.prepare_payload();
        co_await http::async_write(stream, answer, asio::redirect_error(asio::use_awaitable, ec));
    }
}

template <class Handle>
asio::awaitable<void> listen(asio::ip::tcp::acceptor acceptor, Handle handle) {
    for (;;) {
        auto socket = co_await acceptor.async_accept(asio::use_awaitable);
        asio::co_spawn(acceptor.get_executor(), converse(std::move(socket), handle), asio::detached);
    }
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view mode = argc == 2 ? argv[1] : "";
    if (mode != "bare" && mode != "sessions") {
        std::cerr << "expected: web_server bare|sessions\n";
        return 2;
    }
    asio::io_context context(1);
    ds::memory_session_store store;
    ds::session_manager web(store, {.secrets = {ds::secret::generate()}});
    auto first = web.open("");
    first.start().set("user", "jeremy");
    const auto fields = first.finish();

    asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
    std::cout << acceptor.local_endpoint().port() << ' ' << fields.id.substr(0, fields.id.find(';')) << std::endl;
    if (mode == "bare")
        asio::co_spawn(context, listen(std::move(acceptor), bare{}), asio::detached);
    else
        asio::co_spawn(context, listen(std::move(acceptor), with_sessions{web}), asio::detached);
    context.run();
}
