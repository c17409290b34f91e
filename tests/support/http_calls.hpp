#ifndef DYNASESSION_TESTS_SUPPORT_HTTP_CALLS_HPP
#define DYNASESSION_TESTS_SUPPORT_HTTP_CALLS_HPP

#include <dynasession/http/client.hpp>

#include "scripted_server.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace test {

namespace http = dynasession::http;

/// In which form a client is called.
enum class way { blocking, callback, future, coroutine };
inline constexpr way every_way[] = {way::blocking, way::callback, way::future, way::coroutine};

inline const char* name(way w) {
    constexpr const char* names[] = {"blocking", "callback", "future", "coroutine"};
    return names[static_cast<int>(w)];
}

inline http::endpoint endpoint_of(const scripted_server& server, std::string_view host = "127.0.0.1") {
    return http::endpoint::parse(server.url(host)).value();
}

inline http::request get(std::string target = "/") { return {"GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n", ""}; }

inline http::request post(std::string body) {
    return {"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n",
            std::move(body)};
}

/// Long enough for any exchange that is not meant to fail by it.
inline constexpr std::chrono::seconds ample{30};

/// A client that is called in one form.
class caller {
public:
    caller(way w, http::endpoint target, http::client_options options = generous())
        : way_(w), client_(w == way::future ? http::client(std::move(target), std::move(options))
                                            : http::client(io_.get_executor(), std::move(target), std::move(options))) {
    }
    caller(way w, const scripted_server& server, http::client_options options = generous())
        : caller(w, endpoint_of(server), std::move(options)) {}

    /// Time limits that a busy machine keeps, too.
    static http::client_options generous() {
        http::client_options o;
        o.connect_timeout = o.handshake_timeout = ample;
        return o;
    }

    http::reply operator()(const http::request& r, std::chrono::milliseconds limit = ample,
                           bool (*undamaged)(const http::response&) = nullptr) {
        const http::exchange e{&r, std::chrono::steady_clock::now() + limit, undamaged};
        http::reply got = dynasession::failure(dynasession::error::invalid_request, "never completed");
        switch (way_) {
        case way::blocking: return client_.perform(e);
        case way::future: return client_.async_perform(e, boost::asio::use_future).get();
        case way::callback: client_.async_perform(e, [&](http::reply done) { got = std::move(done); }); break;
        case way::coroutine:
            boost::asio::co_spawn(
                io_,
                [&]() -> boost::asio::awaitable<void> {
                    got = co_await client_.async_perform(e, boost::asio::use_awaitable);
                },
                boost::asio::detached);
        }
        io_.restart();
        io_.run(); // returns although a connection lies idle: nothing is left waiting
        return got;
    }

    http::client& client() { return client_; }
    boost::asio::io_context& io() { return io_; }

private:
    way way_;
    boost::asio::io_context io_;
    http::client client_;
};

} // namespace test

#endif
