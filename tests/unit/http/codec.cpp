#include <dynasession/http/codec.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

using namespace dynasession;
using http::codec;
using need = codec::need;

namespace {

const http::request question{.head = "GET / HTTP/1.1\r\nHost: h\r\n\r\n", .body = ""};

need feed(codec& c, std::string_view bytes) {
    auto next = need::receive;
    while (!bytes.empty() && next == need::receive) {
        const auto space = c.input();
        const auto n = std::min(space.size(), bytes.size());
        std::memcpy(space.data(), bytes.data(), n);
        bytes.remove_prefix(n);
        next = c.received(n);
    }
    return next;
}

void ask(codec& c) {
    REQUIRE(c.start(question) == need::send);
    REQUIRE(c.output() == question.head);
    REQUIRE(c.sent(c.output().size()) == need::receive);
}

} // namespace

TEST_CASE("a request goes out in as many pieces as the socket likes, and counts as sent from the first byte on") {
    const connection_options limits;
    codec c(limits, nullptr);
    const http::request r{.head = "POST / HTTP/1.1\r\n\r\n", .body = "body"};
    CHECK(c.start(r) == need::send);
    CHECK_FALSE(c.request_sent());
    CHECK(c.sent(0) == need::send);
    CHECK_FALSE(c.request_sent());
    CHECK(c.sent(5) == need::send);
    CHECK(c.request_sent());
    CHECK(c.output() == "/ HTTP/1.1\r\n\r\nbody");
    CHECK(c.sent(c.output().size()) == need::receive);
}

TEST_CASE("an answer is the same wherever it is cut") {
    for (const std::string_view text :
         {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
          "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
          "5\r\n\r\nhello"}) {
        CAPTURE(text);
        const connection_options limits;
        codec c(limits, nullptr);
        for (std::size_t cut = 1; cut < text.size(); ++cut) {
            CAPTURE(cut);
            ask(c);
            REQUIRE(feed(c, text.substr(0, cut)) == need::receive);
            CHECK(c.answer_begun());
            CHECK_FALSE(c.reusable());
            REQUIRE(feed(c, text.substr(cut)) == need::nothing);
            REQUIRE(c.answer().has_value());
            CHECK(c.answer()->status == 200);
            CHECK(c.answer()->body == "hello");
            CHECK(c.reusable());
        }
    }
}

TEST_CASE("a connection is not used again after HTTP/1.0, Connection: close, or bytes behind the answer") {
    const connection_options limits;
    for (const std::string_view text : {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
                                        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
                                        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy"}) {
        CAPTURE(text);
        codec c(limits, nullptr);
        ask(c);
        REQUIRE(feed(c, text) == need::nothing);
        REQUIRE(c.answer().has_value());
        CHECK(c.answer()->body == "x");
        CHECK_FALSE(c.reusable());
    }
    codec kept(limits, nullptr);
    ask(kept);
    REQUIRE(feed(kept, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx") == need::nothing);
    CHECK(kept.reusable());
}

TEST_CASE("an end of the connection before the end of the answer is an error") {
    const connection_options limits;
    for (const std::string_view text : {"", "HTT", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx",
                                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"}) {
        CAPTURE(text);
        codec c(limits, nullptr);
        ask(c);
        REQUIRE(feed(c, text) == need::receive);
        CHECK(c.answer_begun() == !text.empty());
        REQUIRE(c.received(0) == need::nothing);
        REQUIRE(c.answer().has_error());
        CHECK(c.answer().error() == error::connection_closed);
        CHECK_FALSE(c.reusable());
    }
}

TEST_CASE("a header block without an end and a chunk line without an end take bounded memory") {
    connection_options limits;
    limits.max_header_size = 64 * 1024;
    for (const std::string begin :
         {"HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"}) {
        codec c(limits, nullptr);
        ask(c);
        REQUIRE(feed(c, begin + std::string(1 << 20, 'x')) == need::nothing);
        REQUIRE(c.answer().has_error());
        CHECK((c.answer().error() == error::response_too_large || c.answer().error() == error::malformed_response));
    }
    codec large(limits, nullptr);
    ask(large);
    REQUIRE(feed(large, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + std::string(60'000, 'x') + "\r\n\r\n") ==
            need::nothing);
    REQUIRE(large.answer().has_value());
    CHECK(large.answer()->header("x").size() == 60'000);
}

TEST_CASE("a proxy is asked first, and the exchange follows its consent wherever that is cut") {
    const connection_options limits;
    const std::string ask_proxy = "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n";
    for (const std::string_view text :
         {"HTTP/1.1 200 Connection established\r\n\r\n", "HTTP/1.0 200\r\nProxy-Agent: x\r\n\r\n",
          "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
        CAPTURE(text);
        for (std::size_t cut = 1; cut < text.size(); ++cut) {
            CAPTURE(cut);
            codec c(limits, nullptr, ask_proxy);
            CHECK(c.at() == codec::stage::tunnel);
            REQUIRE(c.start(question) == need::send);
            REQUIRE(c.output() == ask_proxy);
            REQUIRE(c.sent(ask_proxy.size()) == need::receive);
            REQUIRE(feed(c, text.substr(0, cut)) == need::receive);
            CHECK_FALSE(c.request_sent());
            REQUIRE(feed(c, text.substr(cut)) == need::send);
            CHECK(c.at() == codec::stage::exchanges);
            CHECK_FALSE(c.request_sent());
            CHECK_FALSE(c.answer_begun());
            REQUIRE(c.output() == question.head);
            REQUIRE(c.sent(question.head.size()) == need::receive);
            REQUIRE(feed(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx") == need::nothing);
            CHECK(c.answer()->body == "x");
            CHECK(c.reusable());
            ask(c); // without the proxy
        }
    }
}

TEST_CASE("a proxy that ends, refuses, or answers in the endpoint's place is an error, and nothing was sent") {
    const connection_options limits;
    struct fault {
        std::string text;
        error expected;
    };
    const fault faults[] = {
        {"", error::connection_closed},
        {"HTTP/1.1 200 OK\r\n", error::connection_closed},
        {"HTTP/1.1 407 No\r\n\r\n", error::proxy_refused},
        {"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", error::proxy_refused},
        {"HTTP/1.1 503 Later\r\n\r\n", error::service_unavailable},
        {"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", error::malformed_response},
        {"HTTP/1.1 101 Switching\r\n\r\n", error::malformed_response},
        {"HTTP/1.1 200 OK\r\nX: " + std::string(65 * 1024, 'x'), error::response_too_large},
    };
    for (const auto& f : faults) {
        CAPTURE(f.text);
        codec c(limits, nullptr, "CONNECT h:80 HTTP/1.1\r\n\r\n");
        REQUIRE(c.start(question) == need::send);
        REQUIRE(c.sent(c.output().size()) == need::receive);
        if (feed(c, f.text) == need::receive) REQUIRE(c.received(0) == need::nothing);
        REQUIRE(c.answer().has_error());
        CHECK(c.answer().error() == f.expected);
        CHECK_FALSE(c.request_sent());
        CHECK_FALSE(c.reusable());
    }
}
