#include <dynasession/aws/credential_fetch.hpp>

#include "support/fetching.hpp"
#include "support/made_environment.hpp"
#include "support/temporary_directory.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/errc.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>

using namespace dynasession;
using namespace std::chrono_literals;
using test::http_answer, test::asked, test::failed, test::fetched, test::ten;

namespace {

aws::fetch_as_last_resort last_resort() {
    const aws::instance_settings settings{
        .server = {.tls = false, .host = "169.254.169.254", .port = 80}, .patience = {1s, 1}};
    return {settings, "no credentials in x and y"};
}

failure last_resort_after(aws::fetch_reply reply) {
    auto fetch = last_resort();
    CHECK(asked(fetch.resume({}, ten)).server.host == "169.254.169.254");
    return failed(fetch.resume(std::move(reply), ten));
}

} // namespace

TEST_CASE("the environment is read when the fetch begins") {
    int reads = 0;
    const aws::fetch_environment_credentials prototype(
        aws::environment_reader([&reads](std::string_view name) -> std::optional<std::string> {
            if (name == "AWS_ACCESS_KEY_ID") return "AKID" + std::to_string(++reads);
            return "x";
        }));
    CHECK(reads == 0);
    for (const auto* id : {"AKID1", "AKID2"}) {
        auto fetch = prototype;
        const auto act = fetch.resume({}, ten);
        CHECK(failed(act) == error::invalid_option); // the expiry is no time
        CHECK(reads == (id == std::string("AKID1") ? 1 : 2));
    }
}

TEST_CASE("variables that are gone are told") {
    aws::fetch_environment_credentials fetch(aws::environment_reader(test::made_of({})));
    const auto why = failed(fetch.resume({}, ten));
    CHECK(why == error::missing_credentials);
    CHECK(why.detail == "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set any more");
}

TEST_CASE("a container's token is read when the fetch begins") {
    const test::temporary_directory directory;
    const op::defer prototype(aws::container_request{{.server = {.tls = false, .host = "169.254.170.23", .port = 80},
                                                      .target = "/v1/credentials",
                                                      .source = "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                                      .token_file = directory.write("token", "first")}});
    directory.write("token", "second");
    auto fetch = prototype;
    CHECK(asked(fetch.resume({}, ten)).message.head.find("\r\nAuthorization: second\r\n") != std::string::npos);
    directory.write("token", "");
    auto without = prototype;
    CHECK(failed(without.resume({}, ten)).detail.starts_with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "));
}

TEST_CASE("the last resort that is not there is told from one that has nothing to give") {
    for (const auto& unreachable : {failure(error::timeout), failure(boost::asio::error::connection_refused),
                                    failure(boost::asio::error::host_unreachable),
                                    failure(boost::asio::error::host_not_found)}) {
        const auto why = last_resort_after(unreachable);
        CHECK(why == error::missing_credentials);
        CHECK(why.detail.starts_with("no credentials in x and y; instance metadata at http://169.254.169.254: "));
    }
    CHECK(last_resort_after(failure(boost::asio::error::operation_aborted)).code == boost::asio::error::operation_aborted);
    CHECK(last_resort_after(http_answer(503)) == error::service_unavailable);
    CHECK(last_resort_after(http_answer(400)) == error::invalid_request);
}

TEST_CASE("the last resort that has credentials gives them") {
    auto fetch = last_resort();
    asked(fetch.resume({}, ten));
    asked(fetch.resume(http_answer(200, "token"), ten));
    asked(fetch.resume(http_answer(200, "role"), ten));
    CHECK(fetched(fetch.resume(http_answer(200, R"({"Code":"Success","AccessKeyId":"ASIAEC2","SecretAccessKey":"s",)"
                                           R"("Token":"t","Expiration":"2026-11-20T11:00:00Z"})"),
                               ten))
              .access_key_id() == "ASIAEC2");
}
