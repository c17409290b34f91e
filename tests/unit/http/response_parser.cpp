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
