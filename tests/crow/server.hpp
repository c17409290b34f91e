#ifndef DYNASESSION_TESTS_CROW_SERVER_HPP
#define DYNASESSION_TESTS_CROW_SERVER_HPP

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <crow.h>
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <future>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

/// No test waits so long unless it fails.
inline constexpr std::chrono::seconds failure_limit{30};

/// Something that happens once, for threads that wait for it.
class happening {
public:
    void now() {
        const std::lock_guard lock(mutex_);
        happened_ = true;
        changed_.notify_all();
    }

    /// False if it did not happen in a time that no good test takes.
    bool await() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, failure_limit, [&] { return happened_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool happened_ = false;
};

/// Collects what Crow logs from warnings on; one at a time, made before the servers that log.
class crow_log : public crow::ILogHandler {
public:
    crow_log() { crow::logger::setHandler(this); }
    ~crow_log() override {
        static crow::CerrLogHandler usual;
        crow::logger::setHandler(&usual);
    }
    crow_log(const crow_log&) = delete;
    crow_log& operator=(const crow_log&) = delete;

    void log(const std::string& message, crow::LogLevel) override {
        const std::lock_guard lock(mutex_);
        text_ += message + '\n';
    }

    std::string text() const {
        const std::lock_guard lock(mutex_);
        return text_;
    }
    bool has(std::string_view part) const { return text().find(part) != std::string::npos; }

private:
    mutable std::mutex mutex_;
    std::string text_;
};

/// Runs an application of Crow on a free port until the end of the scope.
template <class App>
class running {
public:
    explicit running(App& app, unsigned threads = 8) : app_(app) {
        crow::logger::setLogLevel(crow::LogLevel::Warning);
        app_.bindaddr("127.0.0.1").port(0).concurrency(threads).signal_clear();
        app_.timeout(static_cast<std::uint8_t>(failure_limit.count()));
        done_ = app_.run_async();
        REQUIRE(app_.wait_for_server_start(failure_limit) == std::cv_status::no_timeout);
    }
    ~running() { app_.stop(); }
    running(const running&) = delete;
    running& operator=(const running&) = delete;

    std::uint16_t port() const { return app_.port(); }

private:
    App& app_;
    std::future<void> done_;
};

struct answer {
    unsigned status = 0;
    std::string body{};
    std::vector<std::string> cookies{}; ///< each Set-Cookie
    boost::beast::http::fields fields{};

    std::string field(std::string_view name) const { return std::string(fields[name]); }
};

/// One connection of a browser, which keeps the cookie `session`.
class browser {
public:
    explicit browser(std::uint16_t port, std::string session = {}) : cookie(std::move(session)) {
        socket_.connect({boost::asio::ip::make_address("127.0.0.1"), port});
        const timeval limit{.tv_sec = failure_limit.count(), .tv_usec = 0};
        ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    }

    answer get(const std::string& target) { return send(http::verb::get, target); }
    answer head(const std::string& target) { return send(http::verb::head, target); }
    answer options(const std::string& target) { return send(http::verb::options, target); }

    /// Asks for a WebSocket; the connection is used up.
    answer upgrade(const std::string& target) {
        auto r = make(http::verb::get, target);
        r.set(http::field::connection, "Upgrade");
        r.set(http::field::upgrade, "websocket");
        r.set(http::field::sec_websocket_version, "13");
        r.set(http::field::sec_websocket_key, "dGhlIHNhbXBsZSBub25jZQ==");
        return exchange(r);
    }

    std::string cookie; ///< the value; empty: none is sent
    std::vector<std::pair<std::string, std::string>> more_fields; ///< of each request

private:
    using message = boost::beast::http::request<boost::beast::http::string_body>;
    struct http {
        using verb = boost::beast::http::verb;
        using field = boost::beast::http::field;
    };

    message make(http::verb verb, const std::string& target) const {
        message r(verb, target, 11);
        r.set(http::field::host, "test");
        r.set(http::field::connection, "keep-alive");
        for (const auto& [name, value] : more_fields) r.insert(name, value);
        if (!cookie.empty()) r.insert(http::field::cookie, "session=" + cookie);
        return r;
    }

    answer send(http::verb verb, const std::string& target) { return exchange(make(verb, target)); }

    answer exchange(const message& r) {
        boost::beast::http::write(socket_, r);
        boost::beast::http::response_parser<boost::beast::http::string_body> parser;
        parser.skip(r.method() == http::verb::head);
        boost::beast::http::read(socket_, buffer_, parser);
        answer a{.status = parser.get().result_int(), .body = parser.get().body(), .fields = parser.get().base()};
        const auto [first, last] = parser.get().equal_range(http::field::set_cookie);
        for (auto it = first; it != last; ++it) keep(a.cookies.emplace_back(it->value()));
        return a;
    }

    void keep(std::string_view set_cookie) {
        constexpr std::string_view name = "session=";
        if (set_cookie.starts_with(name)) cookie = set_cookie.substr(name.size(), set_cookie.find(';') - name.size());
    }

    boost::asio::io_context io_;
    boost::asio::ip::tcp::socket socket_{io_};
    boost::beast::flat_buffer buffer_;
};

} // namespace test

#endif
