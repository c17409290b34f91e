#include <dynasession/http/round_trip.hpp>

#include "support/certificates.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <string_view>

using namespace dynasession;
using namespace std::chrono_literals;
using http::round_trip;
using step = round_trip::step;

namespace {

// Sockets are never touched here: what they would say is made up, and so is the time.
const auto start_time = round_trip::time_point(100h);
const http::endpoint named{.tls = false, .host = "db.test", .port = 8000};
const http::request question{.head = "GET / HTTP/1.1\r\nHost: h\r\n\r\n", .body = ""};
const error_code refused = boost::asio::error::connection_refused;

http::exchange within(std::chrono::milliseconds limit) { return {&question, start_time + limit}; }

connection_options limits() {
    connection_options o;
    o.connect_timeout = 900ms;
    o.handshake_timeout = 300ms;
    return o;
}

connection_options proxied() {
    auto o = limits();
    o.proxy = "http://ana:secret@10.0.0.1:3128";
    return o;
}

http::connection::address address(const char* text, std::uint16_t port = 8000) {
    return {boost::asio::ip::make_address(text), port};
}

step send_all(round_trip& trip, std::chrono::milliseconds at) {
    return trip.resume({}, trip.conn().protocol().output().size(), start_time + at);
}

step receive(round_trip& trip, std::string_view bytes, std::chrono::milliseconds at) {
    const auto buffer = trip.conn().protocol().input();
    REQUIRE(buffer.size() >= bytes.size());
    std::memcpy(buffer.data(), bytes.data(), bytes.size());
    return trip.resume({}, bytes.size(), start_time + at);
}

failure failure_of(round_trip& trip) {
    auto r = trip.finish(start_time);
    CHECK_FALSE(r.sent);
    REQUIRE(r.answer.has_error());
    return r.answer.error();
}

} // namespace

TEST_CASE("the addresses of a name are tried in turn, each with its share of the time to connect") {
    http::pool connections(named, limits());
    round_trip trip(connections, within(10s));
    REQUIRE(trip.start(start_time) == step::look_up);
    CHECK(trip.peer() == named);
    CHECK(trip.deadline() == start_time + 900ms);
    trip.conn().addresses = {address("::1"), address("10.0.0.7"), address("10.0.0.8")};

    REQUIRE(trip.resume({}, 0, start_time) == step::connect);
    CHECK(trip.address() == address("::1"));
    CHECK(trip.deadline() == start_time + 300ms);

    REQUIRE(trip.resume(refused, 0, start_time + 100ms) == step::connect);
    CHECK(trip.address() == address("10.0.0.7"));
    CHECK(trip.deadline() == start_time + 500ms); // what the first did not need is for the others

    REQUIRE(trip.resume(error::timeout, 0, start_time + 500ms) == step::connect);
    CHECK(trip.address() == address("10.0.0.8"));
    CHECK(trip.deadline() == start_time + 900ms);

    REQUIRE(trip.resume({}, 0, start_time + 600ms) == step::send);
    CHECK(trip.deadline() == start_time + 10s);
}

TEST_CASE("when no address answers, the last error is reported with its address") {
    http::pool connections(named, limits());
    round_trip trip(connections, within(10s));
    REQUIRE(trip.start(start_time) == step::look_up);
    trip.conn().addresses = {address("10.0.0.7"), address("10.0.0.8")};
    REQUIRE(trip.resume({}, 0, start_time) == step::connect);
    REQUIRE(trip.resume(error::timeout, 0, start_time + 450ms) == step::connect);
    REQUIRE(trip.resume(refused, 0, start_time + 500ms) == step::finished);
    const auto f = failure_of(trip);
    CHECK(f == refused);
    CHECK(f.detail == "connecting to db.test:8000 (10.0.0.8:8000)");
}

TEST_CASE("the exchange's deadline and a long look-up cut the time to connect") {
    http::pool connections(named, limits());
    round_trip hasty(connections, within(200ms));
    REQUIRE(hasty.start(start_time) == step::look_up);
    CHECK(hasty.deadline() == start_time + 200ms);
    hasty.conn().addresses = {address("10.0.0.7"), address("10.0.0.8")};
    REQUIRE(hasty.resume({}, 0, start_time + 100ms) == step::connect);
    CHECK(hasty.deadline() == start_time + 150ms);
    REQUIRE(hasty.resume(error::timeout, 0, start_time + 200ms) == step::finished);
    CHECK(failure_of(hasty) == error::timeout);

    round_trip late(connections, within(10s));
    REQUIRE(late.start(start_time) == step::look_up);
    late.conn().addresses = {address("10.0.0.7")};
    REQUIRE(late.resume({}, 0, start_time + 900ms) == step::finished);
    CHECK(failure_of(late) == error::timeout);
}

TEST_CASE("a name is looked up anew for each connection, an address never") {
    http::pool connections(named, limits());
    for (int i = 0; i != 2; ++i) {
        round_trip trip(connections, within(10s));
        CHECK(trip.start(start_time) == step::look_up);
        CHECK(trip.resume(boost::asio::error::host_not_found, 0, start_time) == step::finished);
        CHECK(failure_of(trip).detail == "looking up db.test");
    }
    http::pool numeric({.tls = false, .host = "::1", .port = 8000}, limits());
    round_trip trip(numeric, within(10s));
    CHECK(trip.start(start_time) == step::connect);
    CHECK(trip.address() == address("::1"));
}

TEST_CASE("the endpoint's name is the proxy's business") {
    http::pool connections(named, proxied());
    round_trip trip(connections, within(10s));
    REQUIRE(trip.start(start_time) == step::connect);
    CHECK(trip.peer() == http::endpoint{.tls = false, .host = "10.0.0.1", .port = 3128});
    CHECK(trip.address() == address("10.0.0.1", 3128));
}

TEST_CASE("a proxy answers within the time to connect, then the exchange has its own") {
    http::pool connections(named, proxied());
    round_trip trip(connections, within(10s));
    REQUIRE(trip.start(start_time) == step::connect);
    REQUIRE(trip.resume({}, 0, start_time + 100ms) == step::send);
    CHECK(trip.deadline() == start_time + 900ms);
    CHECK(trip.conn().protocol().output().starts_with("CONNECT db.test:8000 "));
    REQUIRE(send_all(trip, 200ms) == step::receive);
    CHECK(trip.deadline() == start_time + 900ms);
    REQUIRE(receive(trip, "HTTP/1.1 200 ", 300ms) == step::receive);
    CHECK(trip.deadline() == start_time + 900ms);
    REQUIRE(receive(trip, "OK\r\n\r\n", 400ms) == step::send);
    CHECK(trip.deadline() == start_time + 10s);
    CHECK(trip.conn().protocol().output() == question.head);
}

TEST_CASE("the TLS handshake has a time of its own, from its beginning on") {
    const test::certificate_authority authority;
    for (const bool with_proxy : {false, true}) {
        auto options = with_proxy ? proxied() : limits();
        options.ca_file = authority.file();
        http::pool connections({.tls = true, .host = "10.0.0.7", .port = 443}, options);
        round_trip trip(connections, within(10s));
        REQUIRE(trip.start(start_time) == step::connect);
        REQUIRE(trip.resume({}, 0, start_time + 500ms) == step::send);
        if (with_proxy) {
            REQUIRE(send_all(trip, 500ms) == step::receive);
            REQUIRE(receive(trip, "HTTP/1.1 200 OK\r\n\r\n", 500ms) == step::send);
        }
        CHECK(trip.conn().protocol().output().starts_with("\x16\x03"));
        CHECK(trip.deadline() == start_time + 800ms);
        REQUIRE(send_all(trip, 600ms) == step::receive);
        CHECK(trip.deadline() == start_time + 800ms); // bytes do not put it off
        REQUIRE(trip.resume(error::timeout, 0, start_time + 800ms) == step::finished);
        const auto f = failure_of(trip);
        CHECK(f == error::timeout);
        CHECK(f.detail == (with_proxy ? "TLS handshake with 10.0.0.7 through the proxy 10.0.0.1:3128 (10.0.0.1:3128)"
                                      : "TLS handshake with 10.0.0.7 (10.0.0.7:443)"));
    }
}

TEST_CASE("a proxy's refusal says which proxy, and not who asked") {
    http::pool connections(named, proxied());
    round_trip trip(connections, within(10s));
    REQUIRE(trip.start(start_time) == step::connect);
    REQUIRE(trip.resume({}, 0, start_time) == step::send);
    REQUIRE(send_all(trip, 0ms) == step::receive);
    REQUIRE(receive(trip, "HTTP/1.1 407 No\r\nContent-Length: 5\r\n\r\n", 0ms) == step::finished);
    const auto f = failure_of(trip);
    CHECK(f == error::proxy_refused);
    CHECK(f.detail ==
          "CONNECT to db.test:8000 through the proxy 10.0.0.1:3128 (10.0.0.1:3128): answered with status 407");
    CHECK(connections.idle() == 0);
}

TEST_CASE("cancellation ends a trip at each step, and nothing of it is kept") {
    const error_code aborted = boost::asio::error::operation_aborted;
    for (int steps = 0; steps != 6; ++steps) {
        CAPTURE(steps);
        auto options = limits();
        options.proxy = "http://proxy.test:3128";
        http::pool connections(named, options);
        round_trip trip(connections, within(10s));
        auto s = trip.start(start_time);
        if (steps > 0) {
            trip.conn().addresses = {address("10.0.0.1", 3128), address("10.0.0.2", 3128)};
            s = trip.resume({}, 0, start_time);
        }
        if (steps > 1) s = trip.resume({}, 0, start_time);
        if (steps > 2) s = send_all(trip, 0ms);
        if (steps > 3) s = receive(trip, "HTTP/1.1 200 OK\r\n\r\n", 0ms);
        if (steps > 4) s = send_all(trip, 0ms);
        constexpr step expected[] = {step::look_up, step::connect, step::send,
                                     step::receive, step::send,    step::receive};
        REQUIRE(s == expected[steps]);
        REQUIRE(trip.resume(aborted, 0, start_time) == step::finished);
        const auto r = trip.finish(start_time);
        REQUIRE(r.answer.has_error());
        CHECK(r.answer.error() == aborted);
        CHECK(r.sent == (steps == 5));
        CHECK_FALSE(trip.has_connection());
        CHECK(connections.idle() == 0);
    }
}
