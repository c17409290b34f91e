#include <dynasession/aws/sso_credentials.hpp>

#include "support/fetching.hpp"
#include "support/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>

using namespace dynasession;
using namespace std::chrono_literals;
using test::after, test::http_answer, test::asked, test::failed, test::fetched, test::paused, test::ten;

namespace {

constexpr std::string_view login = R"({"accessToken": "hidden.token", "expiresAt": "2026-11-20T10:00:01Z",
    "refreshToken": "x", "region": "eu-west-1", "startUrl": "https://corp.awsapps.com/start"})";

constexpr std::string_view role_credentials =
    R"({"roleCredentials":{"accessKeyId":"ASIASSO","secretAccessKey":"sso/secret","sessionToken":"sso+token=",)"
    R"("expiration":1795172400000}})";

// A fetch by a login of which this is left.
aws::fetch_sso_credentials fetch_with(const test::temporary_directory& directory, std::string_view left = login) {
    return aws::fetch_sso_credentials({.portal = {.host = "portal.sso.eu-west-1.amazonaws.com"},
                                 .profile = {.profile = "work",
                                             .account_id = "123456789012",
                                             .role_name = "Read&Write",
                                             .region = "eu-west-1",
                                             .token_file = directory.write("token.json", left),
                                             .source = "config:2: sso_session"}});
}

failure refused_login(std::string_view left) {
    const test::temporary_directory directory;
    auto fetch = fetch_with(directory, left);
    return failed(fetch.resume({}, ten));
}

// What becomes of a fetch whose first request is answered so.
test::fetch_action answered(aws::fetch_reply reply) {
    const test::temporary_directory directory;
    auto fetch = fetch_with(directory);
    asked(fetch.resume({}, ten));
    return fetch.resume(std::move(reply), ten);
}

} // namespace

TEST_CASE("the portal is asked for the role with the token of the login") {
    const test::temporary_directory directory;
    auto fetch = fetch_with(directory);
    const auto sent = asked(fetch.resume({}, ten));
    CHECK(sent.server.host == "portal.sso.eu-west-1.amazonaws.com");
    CHECK(sent.through_proxy);
    CHECK(sent.message.head ==
          "GET /federation/credentials?account_id=123456789012&role_name=Read%26Write HTTP/1.1\r\n"
          "Host: portal.sso.eu-west-1.amazonaws.com\r\naccept-encoding: identity\r\nuser-agent: dynasession\r\n"
          "x-amz-sso_bearer_token: hidden.token\r\n\r\n");
    CHECK(sent.message.body.empty());
}

TEST_CASE("the portal's answer is read, its expiry in milliseconds") {
    const auto got = fetched(answered(http_answer(200, std::string(role_credentials))));
    CHECK(got.access_key_id() == "ASIASSO");
    CHECK(got.secret_access_key() == "sso/secret");
    CHECK(got.session_token() == "sso+token=");
    CHECK(got.expires() == ten.system + 1h);
}

TEST_CASE("a login that has expired is told from one that is none") {
    const test::temporary_directory directory;
    auto fetch = fetch_with(directory);
    const auto expired = failed(fetch.resume({}, after(1s)));
    CHECK(expired == error::credentials_expired);
    CHECK(expired.detail == "config:2: sso_session: the login has expired: run aws sso login --profile work");

    auto absent = aws::fetch_sso_credentials({.portal = {}, .profile = {.profile = "work", .token_file = "/none/x.json", .source = "s"}});
    const auto none = failed(absent.resume({}, ten));
    CHECK(none == error::missing_credentials);
    CHECK(none.detail ==
          "s: no login: /none/x.json cannot be read (No such file or directory): run aws sso login --profile work");
}

TEST_CASE("each fetch reads the token anew") {
    const test::temporary_directory directory;
    const auto prototype = fetch_with(directory);
    directory.write("token.json", R"({"accessToken": "second", "expiresAt": "2026-11-20T10:00:01UTC"})");
    auto fetch = prototype;
    CHECK(asked(fetch.resume({}, ten)).message.head.find("x-amz-sso_bearer_token: second\r\n") != std::string::npos);
}

TEST_CASE("a file that holds no token is refused before anything is sent") {
    for (const auto* left :
         {"", "hidden", "[]", "{}", R"({"accessToken": "hidden"})", R"({"expiresAt": "2026-11-20T10:00:01Z"})",
          R"({"accessToken": "", "expiresAt": "2026-11-20T10:00:01Z"})",
          R"({"accessToken": 1, "expiresAt": "2026-11-20T10:00:01Z"})",
          R"({"accessToken": "hidden", "expiresAt": "tomorrow"})", R"({"accessToken": "hidden", "expiresAt": 1})",
          R"({"accessToken": "hidden\r\nx: y", "expiresAt": "2026-11-20T10:00:01Z"})"}) {
        const auto why = refused_login(left);
        CHECK_MESSAGE(why == error::missing_credentials, left);
        CHECK(why.detail.starts_with("config:2: sso_session: "));
        CHECK(why.detail.ends_with("/token.json holds no token with its expiry: run aws sso login --profile work"));
        CHECK(why.detail.find("hidden") == std::string::npos);
    }
    CHECK(refused_login(std::string(70'000, ' ')).detail.find("cannot be read (File too large)") != std::string::npos);
}

TEST_CASE("refusals of the portal") {
    http::response r = http_answer(401, R"({"message":"Session token not found or invalid"})");
    r.add_header("x-amzn-ErrorType", "UnauthorizedException:http://internal.amazon.com/");
    const auto signed_out = failed(answered(r));
    CHECK(signed_out == error::credentials_expired);
    CHECK(signed_out.detail ==
          "config:2: sso_session: portal.sso.eu-west-1.amazonaws.com: UnauthorizedException: Session token not found or "
          "invalid: run aws sso login --profile work");

    const auto no_role = failed(answered(http_answer(
        403, R"({"message":"No access","__type":"com.amazonaws.switchboard.portal#ForbiddenException"})")));
    CHECK(no_role == error::access_denied);
    CHECK(no_role.detail == "config:2: sso_session: portal.sso.eu-west-1.amazonaws.com: ForbiddenException: No access");
    CHECK(failed(answered(http_answer(400, "<html>"))) == error::malformed_response);
    CHECK(failed(answered(http_answer(404, R"({"__type":"ResourceNotFoundException"})"))) == error::invalid_request);
}

TEST_CASE("what passes by itself is tried again") {
    paused(answered(http_answer(503)));
    paused(answered(failure(error::timeout)));
    http::response busy = http_answer(400);
    busy.add_header("x-amzn-errortype", "TooManyRequestsException");
    paused(answered(busy));
    for (const auto* other :
         {"", "[]", "{}", R"({"roleCredentials":1})", R"({"roleCredentials":{}})",
          R"({"roleCredentials":{"accessKeyId":"A","secretAccessKey":"B","sessionToken":"C"}})",
          R"({"roleCredentials":{"accessKeyId":"A","secretAccessKey":"B","sessionToken":"C","expiration":"soon"}})",
          R"({"roleCredentials":{"accessKeyId":"A","secretAccessKey":"B\n","sessionToken":"C","expiration":1}})",
          R"({"roleCredentials":{"accessKeyId":"A","secretAccessKey":"B","sessionToken":"","expiration":1}})"})
        paused(answered(http_answer(200, other)));
}
