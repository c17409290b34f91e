#include <dynasession/http/message.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace dynasession;
using namespace std::string_view_literals;

TEST_CASE("a response finds header fields in any case, the first of several, and whole names only") {
    http::response r;
    r.add_header("Content-Type", "application/json");
    r.add_header("x-amz-crc32", "42");
    r.add_header("X-Amz-Crc32", "43");
    r.add_header("empty", "");
    CHECK(r.header("content-type") == "application/json");
    CHECK(r.header("X-AMZ-CRC32") == "42");
    CHECK(r.header("content-typ") == "");
    CHECK(r.header("type") == "");
    CHECK(r.header("empty") == "");
    CHECK(r.header("") == "");
    CHECK(http::response().header("x") == "");
}

TEST_CASE("a header value that looks like a name is not found as one") {
    http::response r;
    r.add_header("a", "b:c");
    CHECK(r.header("b") == "");
    CHECK(r.header("a") == "b:c");
}

TEST_CASE("make_request renders the start line, the host, the fields and the length") {
    const std::vector<http::field> fields{{"X-One", "1"}, {"X-Two", "a b"}};
    const auto r = http::make_request("POST", "/path?q=1", "example.org:8000", fields, "body");
    REQUIRE(r.has_value());
    CHECK(r->head ==
          "POST /path?q=1 HTTP/1.1\r\nHost: example.org:8000\r\nX-One: 1\r\nX-Two: a b\r\nContent-Length: 4\r\n\r\n");
    CHECK(r->body == "body");
}

TEST_CASE("make_request gives an empty PUT a length and an empty GET none") {
    CHECK(http::make_request("PUT", "/", "h", {})->head == "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    CHECK(http::make_request("GET", "/", "h", {})->head == "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
}

TEST_CASE("make_request refuses whatever would leave its line") {
    const auto refused = [](std::string_view method, std::string_view target, std::string_view host, http::field f) {
        const std::vector<http::field> fields{f};
        const auto r = http::make_request(method, target, host, fields);
        return !r && r.error() == error::invalid_request;
    };
    CHECK_FALSE(refused("GET", "/", "h", {"n", "v"}));
    for (const auto bad : {"a\rb"sv, "a\nb"sv, "a\0b"sv}) {
        CHECK(refused(bad, "/", "h", {"n", "v"}));
        CHECK(refused("GET", bad, "h", {"n", "v"}));
        CHECK(refused("GET", "/", bad, {"n", "v"}));
        CHECK(refused("GET", "/", "h", {bad, "v"}));
        CHECK(refused("GET", "/", "h", {"n", bad}));
    }
    CHECK(refused("", "/", "h", {"n", "v"}));
    CHECK(refused("GET", "", "h", {"n", "v"}));
    CHECK(refused("GET", "/a b", "h", {"n", "v"}));
    CHECK(refused("GET", "/", "h", {"", "v"}));
    CHECK(refused("GET", "/", "h", {"n:", "v"}));
}

TEST_CASE("a reply made of a failure has not been sent unless that is said") {
    CHECK_FALSE(http::reply(failure(error::timeout)).sent);
    CHECK(http::reply(failure(error::timeout), true).sent);
    CHECK(http::reply(failure(error::timeout)).answer.error() == error::timeout);
}
