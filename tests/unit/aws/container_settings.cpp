#include <dynasession/aws/container_settings.hpp>

#include "support/made_environment.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>

using namespace dynasession;
using namespace std::chrono_literals;

namespace {

using variables = std::map<std::string, std::string, std::less<>>;

auto resolve(variables given) { return aws::resolve_container_settings(test::made_of(std::move(given))); }

std::string url(variables given) {
    const auto s = resolve(std::move(given)).value().value();
    return (s.server.tls ? "https://" : "http://") + s.server.authority() + s.target;
}

std::string relative(std::string uri) { return url({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", std::move(uri)}}); }
std::string full(std::string uri) { return url({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", std::move(uri)}}); }

std::string failure_of(variables given, error expected) {
    const auto r = resolve(std::move(given));
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error() == expected);
    CHECK(r.error().detail.find("hidden") == std::string::npos);
    return r.error().detail;
}

} // namespace

TEST_CASE("a container without variables has no credentials, and no error") {
    CHECK_FALSE(resolve({}).value());
    CHECK_FALSE(
        resolve({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", " "}, {"AWS_CONTAINER_CREDENTIALS_FULL_URI", ""}}).value());
}

TEST_CASE("a relative URI of a container leads to the server of ECS") {
    CHECK(relative("/v2/credentials/id") == "http://169.254.170.2/v2/credentials/id");
    CHECK(relative("/credentials?a=1&b") == "http://169.254.170.2/credentials?a=1&b");
    const auto s = *resolve({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x"}}).value();
    CHECK(s.source == "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    CHECK(s.patience.timeout == 2s);
    CHECK(s.patience.attempts == 3);
}

TEST_CASE("a relative URI of a container goes before a full one") {
    CHECK(url({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/relative"},
               {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost/full"}}) == "http://169.254.170.2/relative");
}

TEST_CASE("a full URI of a container may be https anywhere") {
    CHECK(full("https://example.com/credentials") == "https://example.com/credentials");
    CHECK(full("https://Example.com:8443/a/b?c=d") == "https://example.com:8443/a/b?c=d");
    CHECK(full("https://example.com") == "https://example.com/");
    CHECK(full("https://example.com?a=1") == "https://example.com/?a=1");
}

TEST_CASE("a full URI of a container may be http on this machine and beside the container") {
    for (const std::string uri :
         {"http://localhost:8080/credentials", "http://127.0.0.1/x", "http://127.9.8.7:1/x", "http://[::1]/x",
          "http://169.254.170.2/x", "http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/v1/credentials"})
        CHECK(full(uri) == uri);
    CHECK(full("http://[fd00:0ec2:0::0023]/x") == "http://[fd00:0ec2:0::0023]/x");
    CHECK(resolve({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://[::1]/"}}).value()->source ==
          "AWS_CONTAINER_CREDENTIALS_FULL_URI");
}

TEST_CASE("a full URI of a container may not be http anywhere else") {
    for (const std::string host :
         {"example.com", "169.254.169.254", "169.254.170.20", "10.0.0.1", "localhost.example.com",
          "127.0.0.1.example.com", "0.0.0.0", "2130706433", "127.1", "[fd00:ec2::254]", "[::ffff:10.0.0.1]", "[::]"})
        CHECK(
            failure_of({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://" + host + "/hidden"}},
                       error::invalid_endpoint) ==
            "AWS_CONTAINER_CREDENTIALS_FULL_URI: plain http to a host that is neither this machine nor 169.254.170.2, "
            "169.254.170.23 or [fd00:ec2::23]: use https");
}

TEST_CASE("a URI of a container that is none is an error that names the variable") {
    const auto full_failure = [](std::string uri) {
        return failure_of({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", std::move(uri)}}, error::invalid_endpoint);
    };
    const std::string name = "AWS_CONTAINER_CREDENTIALS_FULL_URI: ";
    CHECK(full_failure("/hidden") == name + "not a URL: expected http://host/path or https://host/path");
    CHECK(full_failure("ftp://host/hidden") == name + "the URL's scheme is neither http nor https");
    CHECK(full_failure("http:///hidden") == name + "the URL has no host");
    CHECK(full_failure("http://127.0.0.1@example.com/hidden").starts_with(name + "the URL has user information"));
    CHECK(full_failure("http://localhost\\@example.com/hidden").starts_with(name));
    for (const auto* path : {"/hidden x", "/hidden#x", "/hidden\r\nX: y", "/\xc3\xa4"})
        CHECK(full_failure(std::string("https://host") + path) ==
              name + "the path holds white space, a # or signs outside of ASCII: escape them");

    for (const auto* uri : {"credentials", "@example.com/hidden", ".example.com", "http://example.com/hidden", "/a b",
                            "/a\r\nX: y", "/a#b", "/\xc3\xa4"})
        CHECK(failure_of({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", uri}}, error::invalid_option) ==
              "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: not a path: expected a text such as /v2/credentials/ID");
}

TEST_CASE("a token of a container is taken as it is, and its file by name") {
    const auto s = *resolve({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x"},
                             {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc\n"},
                             {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", " /run/token "}})
                        .value();
    CHECK(s.token == "Basic abc\n");
    CHECK(s.token_file == "/run/token");
    const auto blank =
        *resolve({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x"}, {"AWS_CONTAINER_AUTHORIZATION_TOKEN", " \n"}})
             .value();
    CHECK(blank.token.empty());
}

TEST_CASE("a token of a container without a URI is an error, for the next source would be another") {
    const std::string rest = ": set, but neither AWS_CONTAINER_CREDENTIALS_FULL_URI nor "
                             "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is: set one of them, or unset this";
    CHECK(failure_of({{"AWS_CONTAINER_AUTHORIZATION_TOKEN", "hidden"}}, error::invalid_option) ==
          "AWS_CONTAINER_AUTHORIZATION_TOKEN" + rest);
    CHECK(failure_of({{"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/hidden"}}, error::invalid_option) ==
          "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" + rest);
}
