#include "server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <sstream>
#include <string_view>
#include <utility>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using namespace std::chrono_literals;

namespace demo {

namespace {

// Errors are results here: a browser that goes away is nothing exceptional.
constexpr asio::as_tuple_t<asio::use_awaitable_t<>> token{};

constexpr auto read_limit = 30s;  // an idle connection lives so long, and a request has to be complete by then
constexpr auto write_limit = 10s; // so has its answer
constexpr auto close_limit = 1s;
constexpr std::uint32_t header_limit = 8 * 1024;
constexpr std::uint64_t body_limit = 8 * 1024;

bool is_http_error(error_code ec) {
    static const auto& category = http::make_error_code(http::error::bad_method).category();
    return ec.category() == category && ec != http::error::end_of_stream && ec != http::error::partial_message;
}

// The answer to what is not a request, or one that is too large.
answer refusal(error_code ec) {
    http::status status = http::status::bad_request;
    if (ec == http::error::body_limit) status = http::status::payload_too_large;
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow)
        status = http::status::request_header_fields_too_large;
    answer a;
    a.message.result(status);
    a.message.set(http::field::content_type, "text/plain; charset=utf-8");
    a.message.body() = std::string(http::obsolete_reason(status)) + '\n';
    return a;
}

// What a client sent may hold anything, a line of the log may not.
std::string printable(std::string_view text) {
    std::string out(text.substr(0, 80));
    for (char& c : out)
        if (c <= ' ' || c > '~') c = '?';
    return out.empty() ? "-" : out;
}

// One line, written at once: those of other threads do not come between.
void log(const std::string& peer, const request& r, const answer& a, std::chrono::steady_clock::duration took) {
    std::ostringstream line;
    line << peer << ' ' << printable(r.method_string()) << ' ' << printable(r.target()) << ' ' << a.message.result_int()
         << ' ' << a.session << ' ' << std::chrono::duration_cast<std::chrono::microseconds>(took).count() << "us\n";
    std::cerr << line.str();
}

// To close a socket while bytes are unread is to reset it, and the answer may be lost: read on for a moment.
asio::awaitable<void> drain(beast::tcp_stream& stream) {
    error_code ignored;
    stream.socket().shutdown(asio::socket_base::shutdown_send, ignored);
    stream.expires_after(close_limit);
    std::array<char, 16 * 1024> bytes;
    for (int reads = 0; reads < 256; ++reads) {
        const auto [ec, size] = co_await stream.async_read_some(asio::buffer(bytes), token);
        if (ec) co_return;
    }
}

} // namespace

server::server(asio::io_context& context, const asio::ip::tcp::endpoint& where, asio::ssl::context* tls, handler handle)
    : context_(context), acceptor_(context, where), tls_(tls), handle_(std::move(handle)) {
    asio::co_spawn(context_, accept(), asio::detached);
}

void server::close() {
    error_code ignored;
    acceptor_.close(ignored);
    // Reading ends at once where a connection is idle, and after the present answer where it is not.
    std::scoped_lock lock(mutex_);
    for (asio::ip::tcp::socket* socket : open_) socket->shutdown(asio::socket_base::shutdown_receive, ignored);
}

asio::awaitable<void> server::accept() {
    asio::steady_timer pause(context_);
    while (acceptor_.is_open()) {
        auto [ec, socket] = co_await acceptor_.async_accept(asio::any_io_executor(asio::make_strand(context_)), token);
        if (!ec) {
            const auto executor = socket.get_executor();
            asio::co_spawn(executor, serve(std::move(socket)), asio::detached);
        } else if (acceptor_.is_open()) {
            // Out of file descriptors, as a rule; trying again at once would only burn the processor.
            pause.expires_after(100ms);
            co_await pause.async_wait(token);
        }
    }
}

asio::awaitable<void> server::serve(asio::ip::tcp::socket socket) {
    error_code ec;
    const auto remote = socket.remote_endpoint(ec);
    if (ec) co_return;
    const std::string peer = remote.address().to_string();
    socket.set_option(asio::ip::tcp::no_delay(true), ec);

    beast::tcp_stream stream(std::move(socket));
    struct registration {
        registration(server& s, asio::ip::tcp::socket& socket) : server_(s), socket_(socket) {
            std::scoped_lock lock(server_.mutex_);
            server_.open_.insert(&socket_);
        }
        ~registration() {
            std::scoped_lock lock(server_.mutex_);
            server_.open_.erase(&socket_);
        }
        server& server_;
        asio::ip::tcp::socket& socket_;
    };

    if (!tls_) {
        const registration open(*this, stream.socket());
        co_await converse(stream, peer);
        co_return;
    }
    beast::ssl_stream<beast::tcp_stream> secured(std::move(stream), *tls_);
    auto& lowest = beast::get_lowest_layer(secured);
    const registration open(*this, lowest.socket());
    lowest.expires_after(write_limit);
    if (const auto [failed] = co_await secured.async_handshake(asio::ssl::stream_base::server, token); failed)
        co_return;
    co_await converse(secured, peer);
    lowest.expires_after(close_limit);
    co_await secured.async_shutdown(token);
}

// Answers the requests of one connection, one after the other.
template <class Stream>
asio::awaitable<void> server::converse(Stream& stream, const std::string& peer) {
    beast::tcp_stream& lowest = beast::get_lowest_layer(stream);
    beast::flat_buffer buffer;
    for (;;) {
        http::request_parser<http::string_body> parser;
        parser.header_limit(header_limit);
        parser.body_limit(body_limit);
        lowest.expires_after(read_limit);
        const auto [unread, size] = co_await http::async_read(stream, buffer, parser, token);
        if (unread && !is_http_error(unread)) co_return;

        const auto start = std::chrono::steady_clock::now();
        const request& r = parser.get();
        answer a;
        if (unread)
            a = refusal(unread);
        else
            a = co_await handle_(r);
        a.message.version(r.version());
        a.message.keep_alive(!unread && r.keep_alive());
        a.message.prepare_payload();
        if (r.method() == http::verb::head) a.message.body().clear(); // the header still says how long it would be

        lowest.expires_after(write_limit);
        const auto [unwritten, written] = co_await http::async_write(stream, a.message, token);
        log(peer, r, a, std::chrono::steady_clock::now() - start);
        if (unread && !unwritten) co_await drain(lowest);
        if (unwritten || !a.message.keep_alive()) co_return;
    }
}

} // namespace demo
