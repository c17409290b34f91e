#include <dynasession/http/endpoint.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace dynasession;
using http::endpoint;

TEST_CASE("an endpoint is read from a URL with the port of its scheme or its own") {
    CHECK(endpoint::parse("https://dynamodb.eu-west-1.amazonaws.com").value() ==
          endpoint{true, "dynamodb.eu-west-1.amazonaws.com", 443});
    CHECK(endpoint::parse("http://localhost/").value() == endpoint{false, "localhost", 80});
    CHECK(endpoint::parse("HTTP://LocalHost:8000").value() == endpoint{false, "localhost", 8000});
    CHECK(endpoint::parse("https://[2001:DB8::1]:8443").value() == endpoint{true, "2001:db8::1", 8443});
    CHECK(endpoint::parse("http://[::1]").value() == endpoint{false, "::1", 80});
}

TEST_CASE("a text that is no endpoint is refused, and the reason names no part of it") {
    for (const std::string url : {"",
                                  "localhost:8000",
                                  "ftp://host",
                                  "http://",
                                  "http://:80",
                                  "http://host:",
                                  "http://host:0",
                                  "http://host:65536",
                                  "http://host:8a",
                                  "http://host:80:80",
                                  "http://host/path",
                                  "http://host//",
                                  "http://host?x=1",
                                  "http://host#x",
                                  "http://user:secret@host",
                                  "http://ho st",
                                  "http://[::1",
                                  "http://[host]",
                                  "http://::1",
                                  "http://host\r\nx: y",
                                  "http://[::1]x",
                                  "http://h%41st"}) {
        CAPTURE(url);
        const auto e = endpoint::parse(url);
        REQUIRE(e.has_error());
        CHECK(e.error() == error::invalid_endpoint);
        CHECK(e.error() == condition::configuration);
        CHECK_FALSE(e.error().detail.empty());
        CHECK(e.error().detail.find("secret") == std::string::npos);
    }
}

TEST_CASE("the authority leaves out the scheme's own port and puts brackets around IPv6") {
    CHECK(endpoint{true, "a.b", 443}.authority() == "a.b");
    CHECK(endpoint{true, "a.b", 80}.authority() == "a.b:80");
    CHECK(endpoint{false, "a.b", 80}.authority() == "a.b");
    CHECK(endpoint{false, "::1", 8000}.authority() == "[::1]:8000");
    CHECK(endpoint{true, "::1", 443}.authority() == "[::1]");
    CHECK(endpoint{true, "a.b", 443}.host_and_port() == "a.b:443");
    CHECK(endpoint{false, "::1", 80}.host_and_port() == "[::1]:80");
}

TEST_CASE("loopback is localhost, 127.0.0.0/8 and ::1 and nothing that only looks like it") {
    for (const char* host : {"localhost", "127.0.0.1", "127.9.8.7", "::1"})
        CHECK(endpoint{false, host, 1}.is_loopback());
    for (const char* host :
         {"localhost.example.org", "128.0.0.1", "127.0.0.1.example.org", "10.0.0.1", "::2", "example.org"})
        CHECK_FALSE(endpoint{false, host, 1}.is_loopback());
}
