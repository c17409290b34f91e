#include <dynasession/aws/instance_settings.hpp>

#include "configured.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace dynasession;
using namespace std::chrono_literals;

namespace {

using texts = test::variables;

// The properties of a profile begin in the seventh line.
result<aws::instance_settings> resolve(const texts& variables, const texts& profile = {},
                                       const aws::instance_options& options = {}) {
    std::string config = "\n\n\n\n\n[default]\n";
    for (const auto& [name, value] : profile) config += name + " = " + value + "\n";
    return aws::resolve_instance_settings(options, test::made_of(variables), test::configured(config).value());
}

std::string server(const texts& variables, const texts& profile = {}, const aws::instance_options& options = {}) {
    const auto s = resolve(variables, profile, options).value();
    return (s.server.tls ? "https://" : "http://") + s.server.authority();
}

std::string failure_of(const texts& variables, error expected, const texts& profile = {}) {
    const auto r = resolve(variables, profile);
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error() == expected);
    return r.error().detail;
}

} // namespace

TEST_CASE("instance metadata is asked at its own address, three times, for a second, with tokens") {
    const auto s = resolve({}).value();
    CHECK(server({}) == "http://169.254.169.254");
    CHECK(s.patience.attempts == 3);
    CHECK(s.patience.timeout == 1s);
    CHECK_FALSE(s.allow_v1);
    CHECK(s.disabled_by.empty());
    CHECK(aws::resolve_instance_settings({}, test::made_of({})).has_value());
}

TEST_CASE("the endpoint of instance metadata comes from the option, the variable, the profile, then the mode") {
    const texts variable{{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://variable:456/"}};
    const texts profile{{"ec2_metadata_service_endpoint", "https://profile"}};
    CHECK(server(variable, profile, {.endpoint = "http://option"}) == "http://option");
    CHECK(server(variable, profile) == "http://variable:456");
    CHECK(server({}, profile) == "https://profile");
    CHECK(server({{"AWS_EC2_METADATA_SERVICE_ENDPOINT", " "}}, profile) == "https://profile");
    // An endpoint from anywhere goes before a mode from anywhere.
    CHECK(server(variable, {}, {.mode = aws::metadata_mode::ipv6}) == "http://variable:456");
    CHECK(server({{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6"}}, profile) == "https://profile");
}

TEST_CASE("the mode of instance metadata comes from the option, the variable, then the profile") {
    const texts variable{{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipV6"}};
    const texts profile{{"ec2_metadata_service_endpoint_mode", "IPv4"}};
    CHECK(server(variable, profile) == "http://[fd00:ec2::254]");
    CHECK(server(variable, profile, {.mode = aws::metadata_mode::ipv4}) == "http://169.254.169.254");
    CHECK(server({}, profile) == "http://169.254.169.254");
    CHECK(server({}, profile, {.mode = aws::metadata_mode::ipv6}) == "http://[fd00:ec2::254]");
    CHECK(server({}, {{"ec2_metadata_service_endpoint_mode", "IPv6"}}) == "http://[fd00:ec2::254]");
}

TEST_CASE("attempts and timeout of instance metadata come from option, variable or profile") {
    const texts variables{{"AWS_METADATA_SERVICE_NUM_ATTEMPTS", "5"}, {"AWS_METADATA_SERVICE_TIMEOUT", "2.5"}};
    const texts profile{{"metadata_service_num_attempts", "4"}, {"metadata_service_timeout", "7"}};
    auto s = resolve(variables, profile).value();
    CHECK(s.patience.attempts == 5);
    CHECK(s.patience.timeout == 2500ms);
    s = resolve({}, profile).value();
    CHECK(s.patience.attempts == 4);
    CHECK(s.patience.timeout == 7s);
    s = resolve(variables, profile, {.attempts = 1, .timeout = 20ms}).value();
    CHECK(s.patience.attempts == 1);
    CHECK(s.patience.timeout == 20ms);
}

TEST_CASE("requests without a token need the option, and nobody who forbids them") {
    const aws::instance_options allowed{.allow_v1 = true};
    CHECK(resolve({}, {}, allowed)->allow_v1);
    CHECK(resolve({{"AWS_EC2_METADATA_V1_DISABLED", "false"}}, {}, allowed)->allow_v1);
    CHECK_FALSE(resolve({{"AWS_EC2_METADATA_V1_DISABLED", "True"}}, {}, allowed)->allow_v1);
    CHECK_FALSE(resolve({}, {{"ec2_metadata_v1_disabled", "true"}}, allowed)->allow_v1);
    CHECK_FALSE(resolve({{"AWS_EC2_METADATA_V1_DISABLED", "false"}})->allow_v1);
}

TEST_CASE("instance metadata can be turned off, and then nothing else matters") {
    const auto s = resolve({{"AWS_EC2_METADATA_DISABLED", "True"}, {"AWS_METADATA_SERVICE_TIMEOUT", "x"}});
    REQUIRE(s.has_value());
    CHECK(s->disabled_by == "AWS_EC2_METADATA_DISABLED");
    CHECK(resolve({{"AWS_EC2_METADATA_DISABLED", "false"}})->disabled_by.empty());
}

TEST_CASE("what is set wrongly for instance metadata is an error that names its place") {
    using enum error;
    CHECK(failure_of({{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv7"}}, invalid_option) ==
          "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: neither IPv4 nor IPv6");
    CHECK(failure_of({}, invalid_option, {{"ec2_metadata_service_endpoint_mode", "IPv7"}}) ==
          "config:7: ec2_metadata_service_endpoint_mode: neither IPv4 nor IPv6");
    CHECK(failure_of({{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "not a uri"}}, invalid_endpoint)
              .starts_with("AWS_EC2_METADATA_SERVICE_ENDPOINT: the URL has no scheme"));
    CHECK(failure_of({}, invalid_endpoint, {{"ec2_metadata_service_endpoint", "http://host/path"}})
              .starts_with("config:7: ec2_metadata_service_endpoint: the URL has a path"));
    CHECK(resolve({}, {}, {.endpoint = "http://"}).error().detail ==
          "option endpoint of instance metadata: the URL has no host");
    CHECK(failure_of({{"AWS_EC2_METADATA_DISABLED", "yes"}}, invalid_option) ==
          "AWS_EC2_METADATA_DISABLED: neither true nor false");
    CHECK(failure_of({}, invalid_option, {{"ec2_metadata_v1_disabled", "1"}}) ==
          "config:7: ec2_metadata_v1_disabled: neither true nor false");
    for (const auto* text : {"0", "11", "-1", "3x", "many", "1.5"})
        CHECK(failure_of({{"AWS_METADATA_SERVICE_NUM_ATTEMPTS", text}}, invalid_option) ==
              "AWS_METADATA_SERVICE_NUM_ATTEMPTS: not a number from 1 to 10");
    for (const auto* text : {"0", "61", "-1", "1s", "nan", "inf"})
        CHECK(failure_of({}, invalid_option, {{"metadata_service_timeout", text}}) ==
              "config:7: metadata_service_timeout: not a number of seconds from 0.001 to 60");
}
