#include <dynasession/http/proxy.hpp>

#include "support/certificates.hpp"
#include "support/http_calls.hpp"
#include "support/scripted_server.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace dynasession;
using namespace std::chrono_literals;
using http::proxy;
using test::answer;
using test::caller;
using test::every_way;
using test::scripted_server;
using test::way;
using end = answer::ending;

namespace {

const http::endpoint table{.tls = false, .host = "db.test", .port = 8000}; // a name that only the proxy knows

answer consent() { return answer::bytes("HTTP/1.1 200 Connection established\r\n\r\n", end::keep); }

http::client_options through(const scripted_server& server, std::string_view user = {}) {
    auto o = caller::generous();
    o.proxy = std::string("http://").append(user).append("127.0.0.1:").append(std::to_string(server.port()));
    return o;
}

bool ok(const http::reply& r, std::string_view body) {
    return r.sent && r.answer.has_value() && r.answer->body == body;
}

failure why(const http::reply& r) { return r.answer.has_value() ? failure() : r.answer.error(); }

} // namespace

TEST_CASE("the URL of a proxy says where it listens, and who we are") {
    const auto plain = proxy::parse("http://proxy.example:3128").value();
    CHECK(plain.address == http::endpoint{.tls = false, .host = "proxy.example", .port = 3128});
    CHECK(plain.credentials.empty());

    CHECK(proxy::parse("proxy.example:3128").value().address == plain.address);
    CHECK(proxy::parse("HTTP://Proxy.Example:3128/").value().address == plain.address);
    CHECK(proxy::parse("http://proxy.example").value().address.port == 80);
    CHECK(proxy::parse("http://[::1]:3128").value().address.host == "::1");

    CHECK(proxy::parse("http://ana:se:cret@proxy.example").value().credentials == "ana:se:cret");
    CHECK(proxy::parse("http://a%20b:%40%2f%25@proxy.example").value().credentials == "a b:@/%");
    CHECK(proxy::parse("ana@proxy.example:1").value().credentials == "ana:");
    CHECK(proxy::parse("http://ana:p@ss@proxy.example").value().credentials == "ana:p@ss");
}

TEST_CASE("a proxy that cannot be used is refused without the secrets of its URL") {
    for (const std::string url :
         {"", "http://", "https://ana:secret@proxy.example", "socks5://ana:secret@proxy.example:1080",
          "http://ana:secret@", "http://ana:secret@proxy.example:0", "http://ana:secret@proxy.example/path",
          "http://ana:secret%0d%0aX: y@proxy.example", "http://ana%0a:secret@proxy.example",
          "http://a:secret%00@proxy.example", "http://a%3ab:secret@proxy.example", "http://ana:secret@pro xy"}) {
        CAPTURE(url);
        const auto p = proxy::parse(url);
        REQUIRE(p.has_error());
        CHECK(p.error() == error::invalid_option);
        CHECK(p.error().detail.find("proxy") != std::string::npos);
        CHECK(p.error().detail.find("secret") == std::string::npos);
    }
}

TEST_CASE("CONNECT names host and port in any case, and shows the user to the proxy") {
    const http::endpoint aws{.tls = true, .host = "dynamodb.us-east-1.amazonaws.com", .port = 443};
    CHECK(proxy{}.connect_request(aws) == "CONNECT dynamodb.us-east-1.amazonaws.com:443 HTTP/1.1\r\n"
                                          "Host: dynamodb.us-east-1.amazonaws.com:443\r\n\r\n");
    CHECK(proxy{{}, "Aladdin:open sesame"}.connect_request({.tls = true, .host = "fd00::1", .port = 8443}) ==
          "CONNECT [fd00::1]:8443 HTTP/1.1\r\nHost: [fd00::1]:8443\r\n"
          "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
}

TEST_CASE("http client: a proxy is asked once a connection, and what it leads to is used again") {
    for (const auto w : every_way) {
        scripted_server server({consent(), answer::ok("1"), answer::ok("2")});
        caller call(w, table, through(server, "ana:se%63ret@"));
        CHECK(ok(call(test::get("/one")), "1"));
        CHECK(ok(call(test::get("/two")), "2"));
        const auto got = server.requests();
        REQUIRE(got.size() == 3);
        CHECK(got[0].head.starts_with("CONNECT db.test:8000 HTTP/1.1\r\n"));
        CHECK(got[0].header("proxy-authorization") == "Basic YW5hOnNlY3JldA==");
        CHECK(got[1].head == test::get("/one").head);
        CHECK(got[2].head == test::get("/two").head);
        CHECK(server.connections() == 1);
        CHECK(call.client().idle_connections() == 1);
    }
}

TEST_CASE("http client: a proxy may take its time, speak HTTP/1.0 and announce a body that never comes") {
    auto slow = answer::bytes("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.0 200 OK\r\nVia: x\r\nContent-Length: 9\r\n\r\n",
                              end::keep);
    slow.segment = 1;
    for (const auto w : every_way) {
        scripted_server server({slow, answer::ok("x")});
        caller call(w, table, through(server));
        CHECK(ok(call(test::get()), "x"));
        CHECK(call.client().idle_connections() == 1);
    }
}

TEST_CASE("http client: what a proxy refuses is an error that names it, and nothing of the request is sent") {
    struct fault {
        std::string what;
        answer play;
        error_code expected;
    };
    const std::vector<fault> faults{
        {"status 407",
         answer::with(407, "who are you?").header("Proxy-Authenticate", "Basic realm=\"x\"").then(end::stall),
         error::proxy_refused},
        {"status 403", answer::with(403, "<html>no</html>"), error::proxy_refused},
        {"status 302", answer::with(302, "").header("Location", "http://evil.test"), error::proxy_refused},
        {"status 502", answer::with(502, ""), error::service_unavailable},
        {"not HTTP", answer::bytes("SSH-2.0-OpenSSH_9.2\r\n"), error::malformed_response},
        {"limit", answer::bytes("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x')), error::response_too_large},
        {"behind", answer::bytes("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", end::stall),
         error::malformed_response},
        {"", answer::nothing(end::close), error::connection_closed},
        {"", answer::bytes("HTTP/1.1 200 OK\r\n", end::close), error::connection_closed},
        {"", answer::nothing(end::reset), boost::asio::error::connection_reset},
    };
    for (const auto& f : faults)
        for (const auto w : every_way) {
            CAPTURE(f.what);
            scripted_server server({f.play, answer::ok("never")});
            caller call(w, table, through(server, "ana:secret@"));
            const auto r = call(test::get());
            CHECK(why(r) == f.expected);
            CHECK(why(r).detail.find(f.what) != std::string::npos);
            CHECK(why(r).detail.find("db.test:8000 through the proxy 127.0.0.1:") != std::string::npos);
            CHECK(why(r).detail.find("secret") == std::string::npos);
            CHECK_FALSE(r.sent);
            CHECK(call.client().idle_connections() == 0);
            CHECK(server.requests().size() == 1);
            CHECK(server.wait_until_closed(1));
        }
}

TEST_CASE("http client: a proxy that says nothing, or never comes to an end, is given up in the time to connect") {
    auto endless = answer::bytes("HTTP/1.1 200 OK\r\nX: " + std::string(60'000, 'x'), end::stall);
    endless.segment = 1;
    for (const auto& play : {answer::nothing(end::stall), endless})
        for (const auto w : every_way) {
            scripted_server server({play});
            auto options = through(server);
            options.connect_timeout = 60ms;
            caller call(w, table, options);
            const auto r = call(test::get());
            CHECK(why(r) == error::timeout);
            CHECK_FALSE(r.sent);
            CHECK(server.wait_until_closed(1));
        }
}

TEST_CASE("http client: a proxy that cannot be found or reached is named") {
    for (const auto w : every_way) {
        auto options = caller::generous();
        options.proxy = "http://a..b:3128";
        caller unknown(w, table, options);
        const auto r = unknown(test::get());
        CHECK(why(r) == boost::asio::error::host_not_found);
        CHECK(why(r).detail.find("a..b") != std::string::npos);
        CHECK_FALSE(r.sent);
    }
}

TEST_CASE("http client: a connection through a proxy that died while it was idle is replaced by way of the proxy") {
    for (const auto w : every_way) {
        scripted_server server(
            {consent(), answer::ok("1"), answer::nothing(end::reset), consent(), answer::ok("2").then(end::close)});
        caller call(w, table, through(server));
        CHECK(ok(call(test::get()), "1"));
        const auto r = call(test::get());
        CHECK(ok(r, "2"));
        CHECK(r.repeated);
        CHECK(server.connections() == 2);
    }
}

TEST_CASE("http client: an empty proxy is none, and one that cannot be used is refused at once") {
    scripted_server server({answer::ok("x")});
    auto options = caller::generous();
    options.proxy = "";
    caller direct(way::blocking, server, options);
    CHECK(ok(direct(test::get()), "x"));

    options.proxy = "socks5://127.0.0.1:1080";
    CHECK_THROWS_AS(http::client(table, options), session_error);
}

TEST_CASE("tls: it is spoken with the endpoint through the proxy, which sees nothing but CONNECT") {
    const test::certificate_authority authority;
    for (const bool old : {false, true})
        for (const auto w : every_way) {
            const auto last = answer::ok("x").header("Connection", "close").then(end::close);
            scripted_server server(
                {consent(), answer::ok("1"), last, consent(), answer::ok("2")},
                {.certificate = authority.issue("DNS:db.test"), .tls_1_2_only = old, .behind_connect = true});
            auto options = through(server);
            options.ca_file = authority.file();
            caller call(w, {.tls = true, .host = "db.test", .port = 443}, options);
            CHECK(ok(call(test::get()), "1"));
            CHECK(ok(call(test::get()), "x"));
            CHECK(ok(call(test::get()), "2"));
            CHECK(server.connections() == 2);
            CHECK(server.resumed_sessions() == 1);
            CHECK(server.requests()[0].head.starts_with("CONNECT db.test:443 HTTP/1.1\r\n"));
        }
}

TEST_CASE("tls: a proxy cannot pass for the endpoint") {
    const test::certificate_authority authority;
    for (const auto w : every_way) {
        scripted_server server({consent(), answer::ok("stolen")},
                               {.certificate = authority.issue("DNS:proxy.test,IP:127.0.0.1"), .behind_connect = true});
        auto options = through(server);
        options.ca_file = authority.file();
        caller call(w, {.tls = true, .host = "db.test", .port = 443}, options);
        const auto r = call(test::get());
        CHECK(why(r) == error::tls_failure);
        CHECK(why(r).detail.find("db.test through the proxy") != std::string::npos);
        CHECK_FALSE(r.sent);
        CHECK(server.requests().size() == 1); // CONNECT
    }
}
