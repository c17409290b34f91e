#include <dynasession/http/response_parser.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace dynasession;
using http::response_parser;

namespace {

result<std::size_t> parse(response_parser& p, const std::string& text) { return p.put(text); }

} // namespace

TEST_CASE("the parser takes a whole answer at once and leaves what stands behind it") {
    const connection_options limits;
    response_parser p(limits);
    const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-A:  b \r\n\r\nbodyHTTP";
    CHECK(parse(p, text).value() == text.size() - 4);
    REQUIRE(p.is_done());
    CHECK(p.keep_alive());
    const auto r = p.release();
    CHECK(r.status == 200);
    CHECK(r.header("x-a") == "b");
    CHECK(r.body == "body");
}

TEST_CASE("an answer to HEAD and answers 204 and 304 have no body whatever they announce") {
    const connection_options limits;
    response_parser head(limits, true);
    REQUIRE(parse(head, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n").has_value());
    CHECK(head.is_done());
    for (const std::string status : {"204", "304"}) {
        response_parser p(limits);
        REQUIRE(parse(p, "HTTP/1.1 " + status + " x\r\nContent-Length: 4\r\n\r\n").has_value());
        CHECK(p.is_done());
    }
}

TEST_CASE("what is not HTTP/1 is a malformed answer") {
    const connection_options limits;
    for (const std::string text :
         {"garbage\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n",
          "HTTP/1.1 101 Switching\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", "HTTP/1.1 200 OK\r\nname\r\n\r\n",
          "HTTP/1.1 200 OK\r\n: v\r\n\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"}) {
        CAPTURE(text);
        response_parser p(limits);
        const auto r = parse(p, text);
        REQUIRE(r.has_error());
        CHECK(r.error() == error::malformed_response);
    }
}

TEST_CASE("the limits of header and body hold for announced and for unannounced sizes") {
    connection_options limits;
    limits.max_header_size = 100;
    limits.max_body_size = 10;
    for (const std::string& text :
         {"HTTP/1.1 200 OK\r\nX: " + std::string(200, 'x') + "\r\n\r\n",
          std::string("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"),
          std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n6\r\n123456\r\n0\r\n\r\n"),
          std::string("HTTP/1.0 200 OK\r\n\r\n01234567890")}) {
        CAPTURE(text);
        response_parser p(limits);
        const auto r = parse(p, text);
        REQUIRE(r.has_error());
        CHECK(r.error() == error::response_too_large);
    }
    response_parser fits(limits);
    REQUIRE(parse(fits, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789").has_value());
    CHECK(fits.is_done());
}

TEST_CASE("the end of the connection completes only an answer without a length") {
    const connection_options limits;
    response_parser open(limits);
    REQUIRE(parse(open, "HTTP/1.0 200 OK\r\n\r\nabc").has_value());
    CHECK_FALSE(open.is_done());
    CHECK(open.put_eof());
    CHECK(open.release().body == "abc");
    response_parser nothing(limits);
    CHECK_FALSE(nothing.put_eof());
    response_parser short_of(limits);
    REQUIRE(parse(short_of, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc").has_value());
    CHECK_FALSE(short_of.put_eof());
    response_parser in_header(limits);
    REQUIRE(parse(in_header, "HTTP/1.1 200 OK\r\n").has_value());
    CHECK_FALSE(in_header.put_eof());
}

TEST_CASE("an answer is the same in whatever pieces it comes") {
    connection_options limits;
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nX-A:\tb\tc \r\n\r\n"
                                "3;name=\"v\"\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n";
    const std::string counted = "HTTP/1.1 200\r\ncontent-length: 13\r\nx-a: b\tc\r\n\r\nabc0123456789";
    for (const auto& text : {chunked, counted})
        for (std::size_t step = 1; step <= text.size(); ++step) {
            response_parser p(limits);
            std::string pending;
            for (std::size_t at = 0; at < text.size(); at += step) {
                REQUIRE_FALSE(p.is_done());
                pending += text.substr(at, step);
                const auto taken = p.put(pending);
                REQUIRE(taken.has_value());
                pending.erase(0, *taken);
            }
            REQUIRE(p.is_done());
            CHECK(pending.empty());
            CHECK(p.keep_alive());
            const auto r = p.release();
            CHECK(r.body == "abc0123456789");
            CHECK(r.header("X-A") == "b\tc");
            CHECK(r.header("X-Trailer") == "");
        }
}

TEST_CASE("what could be read in two ways is refused") {
    const connection_options limits;
    const std::string begin = "HTTP/1.1 200 OK\r\n", chunks = begin + "Transfer-Encoding: chunked\r\n\r\n";
    for (const std::string& text : {std::string("HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
                                    std::string("SSH-2.0-x"),
                                    std::string("\r\nHTTP/1.1 200 OK"),
                                    std::string("HTTP/1.1  200 OK\r\n"),
                                    std::string("HTTP/1.1 +20 OK\r\n"),
                                    std::string("HTTP/1.2 200 OK\r\n"),
                                    std::string("HTTP/1.1 200OK\r\n"),
                                    begin + "X: a\r\n b\r\n\r\n",
                                    begin + "X : a\r\n\r\n",
                                    begin + "X: a\rb\r\n\r\n",
                                    begin + "X: a\nY: b\r\n\r\n",
                                    begin + std::string("X: a\0b\r\n\r\n", 11),
                                    begin + "X: 01234567\x7f"
                                            "89\r\n\r\n",
                                    begin + "X\x80: a\r\n\r\n",
                                    begin + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
                                    begin + "Content-Length: 1, 1\r\n\r\n",
                                    begin + "Content-Length: +1\r\n\r\n",
                                    begin + "Content-Length: 0x1\r\n\r\n",
                                    begin + "Content-Length:\r\n\r\n",
                                    begin + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                                    begin + "Transfer-Encoding: gzip, chunked\r\n\r\n",
                                    begin + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                                    std::string("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
                                    chunks + "\r\n",
                                    chunks + "-1\r\n",
                                    chunks + "0x1\r\n",
                                    chunks + " 1\r\n",
                                    chunks + "1 2\r\n",
                                    chunks + "11111111111111111\r\n",
                                    chunks + "1\r\nab",
                                    chunks + "1\r\na\n",
                                    chunks + "0\r\nname\r\n\r\n",
                                    chunks + "0\r\n X: a\r\n\r\n"}) {
        CAPTURE(text);
        response_parser p(limits);
        const auto r = p.put(text);
        REQUIRE(r.has_error());
        CHECK(r.error() == error::malformed_response);
    }
}

TEST_CASE("a header that has no end, and trailers and extensions without end, pass the limit") {
    connection_options limits;
    limits.max_header_size = 200;
    const std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    std::string extensions = chunks, trailers = chunks + "0\r\n", fields = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i != 50; ++i) {
        extensions += "1;abcdef\r\nx\r\n";
        trailers += "a: b\r\n";
        fields += "a: b\r\n";
    }
    for (const auto& text :
         {"HTTP/1.1 200 " + std::string(200, 'x'), extensions, trailers, fields, chunks + std::string(200, '0')}) {
        CAPTURE(text);
        response_parser p(limits);
        const auto r = p.put(text);
        REQUIRE(r.has_error());
        CHECK(r.error() == error::response_too_large);
    }
    response_parser p(limits);
    std::string many = chunks;
    for (int i = 0; i != 500; ++i) many += "1\r\nx\r\n";
    REQUIRE(p.put(many + "0\r\n\r\n").has_value());
    CHECK(p.is_done());
    CHECK(p.release().body.size() == 500);
}

TEST_CASE("the connection is kept as the version and the Connection field say") {
    const connection_options limits;
    const auto keeps = [&](const std::string& version, const std::string& fields) {
        response_parser p(limits);
        REQUIRE(p.put("HTTP/" + version + " 200 OK\r\nContent-Length: 0\r\n" + fields + "\r\n").has_value());
        REQUIRE(p.is_done());
        return p.keep_alive();
    };
    CHECK(keeps("1.1", ""));
    CHECK(keeps("1.1", "Connection: closed\r\n"));
    CHECK_FALSE(keeps("1.1", "connection: x, Close\r\n"));
    CHECK_FALSE(keeps("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
    CHECK_FALSE(keeps("1.0", ""));
    CHECK(keeps("1.0", "Connection: ,Keep-Alive\r\n"));
    response_parser open(limits);
    REQUIRE(open.put("HTTP/1.1 200 OK\r\n\r\nabc").has_value());
    CHECK(open.put_eof());
    CHECK_FALSE(open.keep_alive());
}
