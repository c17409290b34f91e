#include <dynasession/http/tls.hpp>

#include "support/certificates.hpp"
#include "support/http_calls.hpp"
#include "support/scripted_server.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

using namespace dynasession;
using namespace std::chrono_literals;
using test::answer;
using test::caller;
using test::every_way;
using test::scripted_server;
using test::way;
using end = answer::ending;

namespace {

const test::certificate_authority& authority() {
    static const test::certificate_authority made;
    return made;
}

http::client_options trusting(const test::certificate_authority& ca = authority()) {
    auto o = caller::generous();
    o.ca_file = ca.file();
    return o;
}

bool ok(const http::reply& r, std::string_view body) {
    return r.sent && r.answer.has_value() && r.answer->body == body;
}

} // namespace

TEST_CASE("tls: exchanges of any size go through a verified connection, which is used again") {
    for (const bool old : {false, true})
        for (const auto w : every_way) {
            scripted_server server([](const test::received_request& r) { return answer::ok(r.body); },
                                   {.certificate = authority().issue("DNS:localhost"), .tls_1_2_only = old});
            caller call(w, test::endpoint_of(server, "localhost"), trusting());
            for (const auto size : std::vector<std::size_t>{0, 1, 20'000, 1'000'000}) {
                const std::string body(size, 'x');
                CHECK(ok(call(test::post(body)), body));
            }
            CHECK(server.connections() == 1);
        }
}

TEST_CASE("tls: an address is verified as an address") {
    scripted_server server({answer::ok("x")}, {.certificate = authority().issue("IP:127.0.0.1")});
    caller call(way::blocking, test::endpoint_of(server), trusting());
    CHECK(ok(call(test::get()), "x"));
    scripted_server named({answer::ok("x")}, {.certificate = authority().issue("DNS:127.0.0.1")});
    caller wrong(way::blocking, test::endpoint_of(named), trusting());
    CHECK(wrong(test::get()).answer.error() == error::tls_failure);
}

TEST_CASE("tls: a certificate for another host, an expired one, an unknown authority and TLS 1.1 are refused, and no "
          "request is sent") {
    const test::certificate_authority other;
    struct fault {
        test::tls_mode mode;
        const char* says;
    };
    const std::vector<fault> faults{
        {{.certificate = authority().issue("DNS:example.org")}, "hostname mismatch"},
        {{.certificate = authority().issue("DNS:localhost", true)}, "expired"},
        {{.certificate = other.issue("DNS:localhost")}, "certificate"},
        {{.certificate = authority().issue("DNS:localhost"), .tls_1_1_only = true}, ""},
    };
    for (const auto& f : faults)
        for (const auto w : every_way) {
            CAPTURE(f.says);
            scripted_server server({answer::ok("secret")}, f.mode);
            caller call(w, test::endpoint_of(server, "localhost"), trusting());
            const auto r = call(test::get());
            REQUIRE(r.answer.has_error());
            CHECK(r.answer.error() == error::tls_failure);
            CHECK(r.answer.error().detail.find(f.says) != std::string::npos);
            CHECK_FALSE(r.sent);
            CHECK(server.requests().empty());
            CHECK(call.client().idle_connections() == 0);
        }
}

TEST_CASE("tls: without a file of authorities those of the system are trusted, and they do not know ours") {
    scripted_server server({answer::ok("x")}, {.certificate = authority().issue("DNS:localhost")});
    caller call(way::blocking, test::endpoint_of(server, "localhost"), caller::generous());
    CHECK(call(test::get()).answer.error() == error::tls_failure);
}

TEST_CASE(
    "tls: a server that closes in the handshake, speaks no TLS, or says nothing is an error before anything is sent") {
    for (const auto w : every_way) {
        scripted_server closing(std::vector<answer>{},
                                {.certificate = authority().issue("DNS:localhost"), .close_in_handshake = true});
        caller first(w, test::endpoint_of(closing, "localhost"), trusting());
        const auto a = first(test::get());
        REQUIRE(a.answer.has_error());
        CHECK(a.answer.error() == condition::unavailable);
        CHECK_FALSE(a.sent);

        scripted_server mute({answer::nothing(end::stall, true)});
        auto target = test::endpoint_of(mute);
        target.tls = true;
        auto hasty = trusting();
        hasty.handshake_timeout = 30ms;
        caller second(w, target, hasty);
        const auto b = second(test::get());
        REQUIRE(b.answer.has_error());
        CHECK(b.answer.error() == error::timeout);
        CHECK_FALSE(b.sent);
        CHECK(mute.wait_until_closed(1));
    }
    auto no_tls = answer::bytes("HTTP/1.1 400 no TLS here\r\n\r\n", end::stall);
    no_tls.unread = true;
    scripted_server plain({no_tls});
    auto target = test::endpoint_of(plain);
    target.tls = true;
    caller third(way::blocking, target, trusting());
    CHECK(third(test::get()).answer.error() == error::tls_failure);
}

TEST_CASE("tls: a new connection resumes the session of an earlier one") {
    for (const bool old : {false, true})
        for (const auto w : {way::blocking, way::callback}) {
            const auto last = answer::ok("x").header("Connection", "close").then(end::close);
            scripted_server server({last, last, last},
                                   {.certificate = authority().issue("DNS:localhost"), .tls_1_2_only = old});
            caller call(w, test::endpoint_of(server, "localhost"), trusting());
            for (int i = 0; i != 3; ++i) CHECK(ok(call(test::get()), "x"));
            CHECK(server.connections() == 3);
            CHECK(server.resumed_sessions() == 2);
        }
}

TEST_CASE("tls: an answer that lasts until the end of the connection needs the farewell of TLS") {
    auto open = answer::ok("whole").then(end::close);
    open.frame = answer::framing::until_close;
    auto cut = answer::ok("cut").then(end::reset);
    cut.frame = answer::framing::until_close;
    for (const auto w : every_way) {
        scripted_server server({open, cut}, {.certificate = authority().issue("DNS:localhost")});
        caller call(w, test::endpoint_of(server, "localhost"), trusting());
        CHECK(ok(call(test::get()), "whole"));
        const auto r = call(test::get());
        REQUIRE(r.answer.has_error());
        CHECK(r.answer.error() == condition::unavailable);
    }
}

TEST_CASE("tls: an idle connection that was closed is replaced, and the deadline and cancellation hold") {
    for (const auto w : every_way) {
        scripted_server server(
            {answer::ok("1"), answer::nothing(end::close), answer::ok("2"), answer::nothing(end::stall)},
            {.certificate = authority().issue("DNS:localhost")});
        caller call(w, test::endpoint_of(server, "localhost"), trusting());
        CHECK(ok(call(test::get()), "1"));
        CHECK(ok(call(test::get()), "2"));
        const auto r = call(test::get(), 50ms);
        REQUIRE(r.answer.has_error());
        CHECK(r.answer.error() == error::timeout);
        CHECK(r.sent);
        CHECK(server.wait_until_closed(2));
    }
}

TEST_CASE("tls: a file of authorities that cannot be read is an error of the options") {
    auto o = caller::generous();
    o.ca_file = "/nonexistent/authorities.pem";
    const http::endpoint target{.tls = true, .host = "localhost", .port = 443};
    try {
        http::client c(target, o);
        FAIL("accepted");
    } catch (const session_error& e) {
        CHECK(e.code() == error::invalid_option);
        CHECK(e.code() == condition::configuration);
    }
    CHECK_NOTHROW(http::client({.tls = false, .host = "localhost", .port = 80}, o));
}
