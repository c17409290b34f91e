#include <dynasession/aws/container_credentials.hpp>

#include "support/fetch_steps.hpp"
#include "support/made_environment.hpp"
#include "support/scripted_server.hpp"

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

using namespace dynasession;
using namespace std::chrono_literals;

namespace {

const std::string keys = R"({"RoleArn": "arn:aws:iam::1:role/task", "AccessKeyId": "AKID", "SecretAccessKey": "hidden",
    "Token": "session", "AccountId": "1", "Expiration": "2026-11-20T10:00:00Z"})";

aws::container_settings settings_of(std::map<std::string, std::string, std::less<>> given) {
    return aws::resolve_container_settings(test::made_of(std::move(given))).value().value();
}

using steps = test::fetch_steps<aws::fetch_container_credentials>;

steps begin(std::string token = {}) {
    return steps(aws::fetch_container_credentials(
        settings_of({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/hidden?x=1"}}),
        std::move(token)));
}

const std::string source = "AWS_CONTAINER_CREDENTIALS_FULL_URI: 169.254.170.23: ";

failure refused() { return {boost::asio::error::connection_refused, "connecting to x"}; }

// A file of a directory of its own.
class token_file {
public:
    explicit token_file(std::string_view text) {
        REQUIRE(::mkdtemp(directory_.data()) != nullptr);
        write(text);
    }
    token_file(const token_file&) = delete;
    token_file& operator=(const token_file&) = delete;
    ~token_file() { std::filesystem::remove_all(directory_); }

    void write(std::string_view text) const { std::ofstream(path(), std::ios::binary | std::ios::trunc) << text; }
    std::string path() const { return directory_ + "/token"; }
    const std::string& directory() const { return directory_; }

private:
    std::string directory_ = (std::filesystem::temp_directory_path() / "dynasession-XXXXXX").string();
};

aws::container_settings with_file(const std::string& path) {
    return settings_of({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x"},
                        {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "value"},
                        {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path}});
}

std::string token_failure(const aws::container_settings& settings) {
    const auto r = aws::read_container_token(settings);
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error() == error::invalid_option);
    CHECK(r.error().detail.find("hidden") == std::string::npos);
    return r.error().detail;
}

} // namespace

TEST_CASE("container credentials: one request, with the token if there is one") {
    auto s = begin();
    CHECK(s.server().server == http::endpoint{.tls = false, .host = "169.254.170.23", .port = 80});
    CHECK(s.server().message.head ==
          "GET /v1/hidden?x=1 HTTP/1.1\r\nHost: 169.254.170.23\r\nAccept: application/json\r\n\r\n");
    CHECK(s.server().timeout == 2s);
    CHECK_FALSE(s.server().through_proxy);
    s.answer(200, keys);
    CHECK(s.credentials().access_key_id() == "AKID");
    CHECK(s.credentials().session_token() == "session");
    CHECK(s.credentials().expires().has_value());

    CHECK(begin("Bearer abc").server().message.head ==
          "GET /v1/hidden?x=1 HTTP/1.1\r\nHost: 169.254.170.23\r\nAccept: application/json\r\nAuthorization: Bearer "
          "abc\r\n\r\n");
}

TEST_CASE("container credentials: what passes by itself is tried again, three times in all") {
    auto s = begin("abc");
    const auto first = s.server().message.head;
    s.answer(500).pass_pause(100ms).fail({error::timeout, {}}).pass_pause(200ms);
    CHECK(s.server().message.head == first);
    CHECK(s.answer(200, keys).credentials().access_key_id() == "AKID");

    CHECK(begin().answer(429).pass_pause(100ms).answer(503).pass_pause(200ms).answer(502).failure(
              error::service_unavailable) == source + "status 502");
    CHECK(begin().fail(refused()).pass_pause(100ms).fail(refused()).pass_pause(200ms).fail(refused()).failure(
              boost::asio::error::connection_refused) == source + "connecting to x");
    CHECK(begin()
              .answer(200, "hidden")
              .pass_pause(100ms)
              .answer(200, "{")
              .pass_pause(200ms)
              .answer(200, "{}")
              .failure(error::malformed_response) == source + "the field \"AccessKeyId\" is missing or empty");
}

TEST_CASE("container credentials: a refusal ends the fetch, with the reason if one is given") {
    for (const unsigned status : {400U, 401U, 403U, 404U, 302U})
        CHECK(begin().answer(status, "hidden").failure(error::missing_credentials) ==
              source + "status " + std::to_string(status));
    CHECK(begin()
              .answer(403, R"({"code": "AccessDeniedException", "message": "not\nallowed"})")
              .failure(error::missing_credentials) ==
          source + "status 403: no credentials, but AccessDeniedException: not?allowed");
    CHECK(begin().answer(200, R"({"code": "Failed"})").failure(error::missing_credentials) ==
          source + "no credentials, but Failed");
    CHECK(begin().answer(403, keys).failure(error::missing_credentials) == source + "status 403");
}

TEST_CASE("container credentials: a fetch that is cancelled ends at once") {
    const failure cancelled(boost::asio::error::operation_aborted);
    begin().fail(cancelled).failure(boost::asio::error::operation_aborted);
    begin().answer(500).fail(cancelled).failure(boost::asio::error::operation_aborted);
}

TEST_CASE("the token of a container is the content of its file as it is now, else the value") {
    const auto none = settings_of({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x"}});
    CHECK(aws::read_container_token(none).value().empty());
    auto valued = none;
    valued.token = "Basic abc";
    CHECK(aws::read_container_token(valued).value() == "Basic abc");

    const token_file file("first");
    const auto filed = with_file(file.path());
    CHECK(aws::read_container_token(filed).value() == "first");
    file.write("second");
    CHECK(aws::read_container_token(filed).value() == "second");
}

TEST_CASE("a token of a container that cannot be used is an error that names variable and file") {
    const token_file file("");
    const auto filed = with_file(file.path());
    const auto at = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: " + file.path();
    CHECK(token_failure(filed) == at + " is empty");
    file.write("hidden\n");
    CHECK(token_failure(filed) == at + ": holds a line break: write the token without one at its end");
    file.write("hidden\r\nX-Injected: y");
    CHECK(token_failure(filed) == at + ": holds a line break: write the token without one at its end");
    file.write(std::string_view("hid\0den", 7));
    CHECK(token_failure(filed) == at + ": holds signs that a token has not");
    file.write(std::string(16 * 1024 + 1, 'h'));
    CHECK(token_failure(filed) == at + ": longer than 16 KiB: no token");
    file.write(std::string(16 * 1024, 'h'));
    CHECK(aws::read_container_token(filed).has_value());

    CHECK(token_failure(with_file(file.path() + "x")) == at + "x cannot be read: No such file or directory");
    CHECK(token_failure(with_file(file.directory())) ==
          "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: " + file.directory() + " cannot be read: not a file");

    auto valued = settings_of({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x"}});
    valued.token = "hidden\n";
    CHECK(token_failure(valued) ==
          "AWS_CONTAINER_AUTHORIZATION_TOKEN: holds a line break: write the token without one at its end");
}

TEST_CASE("container credentials are fetched from a server, with the token of the moment") {
    test::scripted_server server([](const test::received_request& asked) {
        return asked.head.starts_with("GET /get ") ? test::answer::ok(keys) : test::answer::with(404, "");
    });
    const token_file file("first");
    const aws::container_credentials source_of_keys(
        settings_of({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url("localhost") + "/get"},
                     {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.path()}}));
    CHECK(source_of_keys()->access_key_id() == "AKID");
    file.write("second");
    CHECK(source_of_keys()->access_key_id() == "AKID");
    CHECK(server.requests().at(0).header("Authorization") == "first");
    CHECK(server.requests().at(1).header("Authorization") == "second");
    file.write("");
    CHECK(source_of_keys().error() == error::invalid_option);
    CHECK(server.requests().size() == 2);
}

TEST_CASE("container credentials are not waited for for ever") {
    test::scripted_server server(
        [](const test::received_request&) { return test::answer::nothing(test::answer::ending::stall); });
    auto settings = settings_of({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url()}});
    settings.patience = {.timeout = 100ms, .attempts = 2};
    CHECK(aws::container_credentials(settings)().error() == error::timeout);
    CHECK(server.wait_until_closed(2));
}
