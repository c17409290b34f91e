#ifndef DYNASESSION_BENCHMARKS_BEAST_CLIENT_HPP
#define DYNASESSION_BENCHMARKS_BEAST_CLIENT_HPP

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace benchmarks {

/// What Boost.Beast takes for the same bytes over a kept connection: a request that was made once, pre-signed, written
/// by Beast's serialiser, and the answer read by its parser into strings. Nothing is decoded.
class beast_client {
    using tcp = boost::asio::ip::tcp;
    using string_body = boost::beast::http::string_body;

public:
    /// `bytes` is a whole request as it goes over the wire.
    beast_client(boost::asio::io_context& io, std::uint16_t port, std::string_view bytes)
        : request_(parsed(bytes)), socket_(io), stream_(io) {
        const tcp::endpoint where(boost::asio::ip::address_v4::loopback(), port);
        socket_.connect(where);
        socket_.set_option(tcp::no_delay(true));
        stream_.socket().connect(where);
        stream_.socket().set_option(tcp::no_delay(true));
    }

    /// `http::write` and `http::read` on a blocking `tcp::socket`, without a deadline.
    void exchange() {
        boost::beast::http::write(socket_, request_);
        answer_ = {};
        boost::beast::http::read(socket_, buffer_, answer_);
        check(answer_.result_int() == 200);
    }

    /// `http::async_write` and `http::async_read` on a `beast::tcp_stream`, with one deadline for both; then `done()`.
    template <class F>
    void async_exchange(F done) {
        stream_.expires_after(std::chrono::seconds(2));
        boost::beast::http::async_write(
            stream_, request_, [this, done = std::move(done)](boost::beast::error_code ec, std::size_t) mutable {
                check(!ec);
                answer_ = {};
                boost::beast::http::async_read(
                    stream_, buffer_, answer_,
                    [this, done = std::move(done)](boost::beast::error_code failed, std::size_t) mutable {
                        check(!failed && answer_.result_int() == 200);
                        done();
                    });
            });
    }

private:
    static void check(bool ok) {
        if (ok) return;
        std::fputs("an exchange by Beast failed\n", stderr);
        std::exit(1);
    }

    static boost::beast::http::request<string_body> parsed(std::string_view bytes) {
        boost::beast::http::request_parser<string_body> parser;
        parser.eager(true);
        boost::beast::error_code ec;
        parser.put(boost::asio::buffer(bytes.data(), bytes.size()), ec);
        check(!ec && parser.is_done());
        return parser.release();
    }

    boost::beast::http::request<string_body> request_;
    boost::beast::http::response<string_body> answer_;
    boost::beast::flat_buffer buffer_;
    tcp::socket socket_;
    boost::beast::tcp_stream stream_;
};

/// Makes exchanges one after the other until none is left.
struct beast_chain {
    beast_client& client;
    std::size_t left;
    void next() {
        if (left-- != 0) client.async_exchange([this] { next(); });
    }
};

} // namespace benchmarks

#endif
