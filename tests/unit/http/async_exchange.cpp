#include <dynasession/http/async_exchange.hpp>

#include "support/certificates.hpp"
#include "support/http_calls.hpp"
#include "support/scripted_server.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

using namespace dynasession;
using test::answer;
using test::caller;
using test::scripted_server;
using test::way;
using end = answer::ending;

namespace {

const test::certificate_authority& authority() {
    static const test::certificate_authority made;
    return made;
}

answer consent() { return answer::bytes("HTTP/1.1 200 Connection established\r\n\r\n", end::keep); }

bool ok(const http::reply& r, std::string_view body) { return r.answer.has_value() && r.answer->body == body; }

bool aborted(const http::reply& r) {
    return r.answer.has_error() && r.answer.error() == boost::asio::error::operation_aborted;
}

std::ptrdiff_t open_descriptors() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

/// One exchange that can be cancelled.
class attempt {
public:
    attempt(caller& call, const http::request& message) {
        call.io().restart();
        call.client().async_perform(
            {&message, std::chrono::steady_clock::now() + test::ample},
            boost::asio::bind_cancellation_slot(signal_.slot(), [this](http::reply done) { got_ = std::move(done); }));
    }
    void cancel() { signal_.emit(boost::asio::cancellation_type::terminal); }
    bool ended() const { return got_.has_value(); }
    const http::reply& got() const { return *got_; }

private:
    boost::asio::cancellation_signal signal_;
    std::optional<http::reply> got_;
};

/// What leads to the server, itself reached by name, as to a proxy.
http::client_options through(const scripted_server& server) {
    auto o = caller::generous();
    o.proxy = "localhost:" + std::to_string(server.port());
    o.ca_file = authority().file();
    return o;
}

/// Each way to the server.
struct route {
    std::string name;
    bool tls;
    bool proxy;

    scripted_server serve() const {
        const auto play = [](const test::received_request& r) {
            return r.head.starts_with("CONNECT ") ? consent() : answer::ok("x");
        };
        return tls ? scripted_server(play, {.certificate = authority().issue("DNS:localhost"), .behind_connect = proxy})
                   : scripted_server(play);
    }
    http::client_options options(const scripted_server& server) const {
        auto o = through(server);
        if (!proxy) o.proxy.reset();
        return o;
    }
};

const route every_route[] = {
    {"plain", false, false}, {"tls", true, false}, {"plain, proxy", false, true}, {"tls, proxy", true, true}};

} // namespace

TEST_CASE(
    "async exchange: cancelled after any number of its steps, it ends, closes the connection and leaves nothing") {
    static_cast<void>(authority());
    const auto message = test::get();
    for (const auto& route : every_route) {
        CAPTURE(route.name);
        const auto before = open_descriptors();
        unsigned cancelled = 0;
        {
            auto server = route.serve();
            caller call(way::callback, test::endpoint_of(server, "localhost"), route.options(server));
            for (;; ++cancelled) {
                CAPTURE(cancelled);
                attempt a(call, message);
                for (unsigned i = 0; i != cancelled && !a.ended(); ++i) call.io().run_one();
                if (a.ended()) {
                    CHECK(ok(a.got(), "x"));
                    break;
                }
                a.cancel();
                call.io().run(); // comes to an end: nothing is left waiting
                REQUIRE(a.ended());
                CHECK(aborted(a.got()));
                CHECK(call.client().idle_connections() == 0);
                for (unsigned c = 1; c <= server.connections(); ++c) CHECK(server.wait_until_closed(c));
            }
            CHECK(call.client().idle_connections() == 1);
        }
        CHECK(cancelled >= 3U + 2U * route.tls + 1U * route.proxy); // look-up, connect, answer; handshake; CONNECT
        CHECK(open_descriptors() == before);
    }
}

TEST_CASE("async exchange: cancellation reaches an exchange that waits for its peer, whatever for") {
    struct place {
        std::string waits_for;
        bool tls;
        bool proxy;
        std::vector<answer> script;
        std::size_t size;     ///< of the request's body
        unsigned steps;       ///< of the context, until it waits there
        std::size_t requests; ///< that the server has seen by then
        bool sent;
    };
    const auto mute = answer::nothing(end::stall, true);
    auto half = answer::ok("0123456789").then(end::stall);
    half.cut_at = 45;
    const std::vector<place> places{
        {"the proxy's answer", false, true, {answer::nothing(end::stall)}, 0, 1, 1, false},
        {"the rest of the proxy's answer", true, true, {answer::bytes("HTTP/1.1 2", end::stall)}, 0, 2, 1, false},
        {"the handshake", true, false, {mute}, 0, 1, 0, false},
        {"the handshake behind a proxy", true, true, {consent(), mute}, 0, 2, 1, false},
        {"room to send", false, false, {mute}, 64'000'000, 1, 0, true},
        {"room to send behind a proxy", false, true, {consent(), mute}, 64'000'000, 2, 1, true},
        {"the answer", false, false, {answer::nothing(end::stall)}, 0, 1, 1, true},
        {"the rest of the answer", false, false, {half}, 0, 2, 1, true},
        {"the answer behind a proxy", false, true, {consent(), answer::nothing(end::stall)}, 0, 2, 2, true},
    };
    for (const auto& p : places) {
        CAPTURE(p.waits_for);
        scripted_server server(p.script);
        auto options = caller::generous();
        options.ca_file = authority().file();
        if (p.proxy) options.proxy = server.url();
        auto target = test::endpoint_of(server);
        target.tls = p.tls;
        caller call(way::callback, target, options);
        const auto message = test::post(std::string(p.size, 'x'));
        attempt a(call, message);
        for (unsigned i = 0; i != p.steps; ++i) call.io().run_one();
        REQUIRE(server.wait_for_connections(1));
        REQUIRE(server.wait_for_requests(p.requests));
        call.io().poll();
        REQUIRE_FALSE(a.ended());
        a.cancel();
        call.io().run();
        REQUIRE(a.ended());
        CHECK(aborted(a.got()));
        CHECK(a.got().sent == p.sent);
        CHECK(call.client().idle_connections() == 0);
        CHECK(server.wait_until_closed(1));
        CHECK(server.connections() == 1);
    }
}

TEST_CASE("async exchange: cancellation before anything was waited for is no completion inside the initiation") {
    const auto message = test::get();
    scripted_server server({answer::ok("x")});
    caller call(way::callback, server);
    attempt a(call, message);
    a.cancel();
    CHECK_FALSE(a.ended());
    call.io().run();
    REQUIRE(a.ended());
    CHECK(aborted(a.got()));
    CHECK_FALSE(a.got().sent);
    CHECK(ok(call(message), "x"));
}
