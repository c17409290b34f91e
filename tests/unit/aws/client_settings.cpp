#include <dynasession/aws/client_settings.hpp>

#include <doctest/doctest.h>

#include "unit/aws/configured.hpp"

#include <optional>
#include <string>

namespace aws = dynasession::aws;
using dynasession::error;
using test::configured;
using test::made_of;
using test::variables;

TEST_CASE("attempts are AWS_MAX_ATTEMPTS, else max_attempts of the profile, else left to the program") {
    const auto config = configured("[default]\nmax_attempts = 7").value();
    const auto attempts = [](const variables& values, const aws::shared_config& c) {
        return aws::configured_max_attempts(made_of(values), c).value();
    };
    CHECK(attempts({{"AWS_MAX_ATTEMPTS", "1"}}, config) == 1U);
    CHECK(attempts({{"AWS_MAX_ATTEMPTS", " "}}, config) == 7U);
    CHECK(attempts({}, config) == 7U);
    CHECK(attempts({}, {}) == std::nullopt);
}

TEST_CASE("attempts that are no number from 1 on are refused by their source") {
    for (const std::string text : {"0", "-1", "+1", "1.5", "0x3", "3 times", "many", "99999999999999999999"}) {
        CAPTURE(text);
        const auto of_variable = aws::configured_max_attempts(made_of({{"AWS_MAX_ATTEMPTS", text}}), {});
        REQUIRE(of_variable.has_error());
        CHECK(of_variable.error() == error::invalid_option);
        CHECK(of_variable.error().detail == "AWS_MAX_ATTEMPTS: not a number from 1 on");
        const auto config = configured("[default]\n\nmax_attempts = " + text).value();
        const auto of_file = aws::configured_max_attempts(made_of({}), config);
        REQUIRE(of_file.has_error());
        CHECK(of_file.error().detail == "config:3: max_attempts: not a number from 1 on");
    }
}

TEST_CASE("the modes of the SDKs are content with how calls are repeated, others are unknown") {
    for (const auto* mode : {"standard", "legacy", "adaptive", "Standard", ""}) {
        CHECK_MESSAGE(aws::check_retry_mode(made_of({{"AWS_RETRY_MODE", mode}}), {}).has_value(), mode);
        const auto config = configured(std::string("[default]\nretry_mode = ") + mode).value();
        CHECK_MESSAGE(aws::check_retry_mode(made_of({}), config).has_value(), mode);
    }
    const auto odd = configured("[default]\nretry_mode = eager").value();
    const auto of_file = aws::check_retry_mode(made_of({}), odd);
    REQUIRE(of_file.has_error());
    CHECK(of_file.error() == error::invalid_option);
    CHECK(of_file.error().detail == "config:2: retry_mode: none of standard, legacy and adaptive");
    CHECK(aws::check_retry_mode(made_of({{"AWS_RETRY_MODE", "legacy"}}), odd).has_value());
    const auto of_variable = aws::check_retry_mode(made_of({{"AWS_RETRY_MODE", "stan"}}), {});
    REQUIRE(of_variable.has_error());
    CHECK(of_variable.error().detail.starts_with("AWS_RETRY_MODE: "));
}

TEST_CASE("the trusted authorities are AWS_CA_BUNDLE, else ca_bundle of the profile") {
    const auto config = configured("[default]\nca_bundle = /file").value();
    CHECK(aws::configured_ca_bundle(made_of({{"AWS_CA_BUNDLE", "/variable"}}), config).value == "/variable");
    CHECK(aws::configured_ca_bundle(made_of({{"AWS_CA_BUNDLE", "/variable"}}), config).source == "AWS_CA_BUNDLE");
    CHECK(aws::configured_ca_bundle(made_of({}), config).value == "/file");
    CHECK(aws::configured_ca_bundle(made_of({}), config).source == "config:2: ca_bundle");
    CHECK(aws::configured_ca_bundle(made_of({}), {}).value.empty());
}
