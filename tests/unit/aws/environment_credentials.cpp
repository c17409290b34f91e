#include <dynasession/aws/environment_credentials.hpp>

#include "support/made_environment.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace aws = dynasession::aws;
using dynasession::error;
using test::made_of;

namespace {

using variables = std::map<std::string, std::string, std::less<>>;

std::string failure_of(variables given, error expected) {
    const auto r = aws::environment_credentials(made_of(std::move(given)));
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error() == expected);
    CHECK(r.error().detail.find("hidden") == std::string::npos);
    return r.error().detail;
}

} // namespace

TEST_CASE("environment credentials are read from the variables") {
    const auto found = aws::environment_credentials(made_of({{"AWS_ACCESS_KEY_ID", " AKID\n"},
                                                             {"AWS_SECRET_ACCESS_KEY", "secret"},
                                                             {"AWS_SESSION_TOKEN", "token"},
                                                             {"AWS_CREDENTIAL_EXPIRATION", "2026-11-20T10:00:00Z"}}));
    REQUIRE(found.value());
    const auto& value = **found;
    CHECK(value.access_key_id() == "AKID"); // space around a value comes from files and is none of it
    CHECK(value.secret_access_key() == "secret");
    CHECK(value.session_token() == "token");
    CHECK(value.expires() == std::chrono::sys_days(std::chrono::year(2026) / 11 / 20) + std::chrono::hours(10));
}

TEST_CASE("a session token and an expiry are optional, and blank ones are none") {
    variables given{{"AWS_ACCESS_KEY_ID", "AKID"}, {"AWS_SECRET_ACCESS_KEY", "secret"}};
    CHECK(aws::environment_credentials(made_of(given)).value()->session_token().empty());
    given["AWS_SESSION_TOKEN"] = given["AWS_CREDENTIAL_EXPIRATION"] = "  ";
    CHECK(aws::environment_credentials(made_of(given)).value()->session_token().empty());
    CHECK_FALSE(aws::environment_credentials(made_of(given)).value()->expires());
}

TEST_CASE("no variables, or blank ones, are no credentials and no error") {
    CHECK_FALSE(aws::environment_credentials(made_of({})).value());
    CHECK_FALSE(aws::environment_credentials(
                    made_of({{"AWS_ACCESS_KEY_ID", ""}, {"AWS_SECRET_ACCESS_KEY", " \t"}, {"AWS_SESSION_TOKEN", "x"}}))
                    .value());
}

TEST_CASE("half-set environment credentials are an error that names the variable") {
    CHECK(failure_of({{"AWS_ACCESS_KEY_ID", "hidden"}}, error::missing_credentials) ==
          "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
    CHECK(failure_of({{"AWS_SECRET_ACCESS_KEY", "hidden"}, {"AWS_ACCESS_KEY_ID", " "}}, error::missing_credentials) ==
          "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not");
    CHECK(failure_of({{"AWS_ACCESS_KEY_ID", "hidden"},
                      {"AWS_SECRET_ACCESS_KEY", "hidden"},
                      {"AWS_CREDENTIAL_EXPIRATION", "soon"}},
                     error::invalid_option)
              .starts_with("AWS_CREDENTIAL_EXPIRATION: "));
}

TEST_CASE("what is no key is refused before it breaks a header field") {
    const variables good{{"AWS_ACCESS_KEY_ID", "AKID"}, {"AWS_SECRET_ACCESS_KEY", "hi+d/den="}, {"AWS_SESSION_TOKEN", "t="}};
    CHECK(aws::environment_credentials(made_of(good)).value());
    for (const auto& [name, value] : good)
        for (const auto* broken : {"hidden\r\nx: y", "hid den", "hidd\xC3\xA4n"}) {
            auto given = good;
            given[name] = broken;
            CHECK(failure_of(std::move(given), error::invalid_option) ==
                  name + ": holds white space or signs outside of ASCII");
        }
}
