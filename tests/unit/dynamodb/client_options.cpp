#include <dynasession/dynamodb/client_options.hpp>

#include "support/made_environment.hpp"
#include "support/scripted_server.hpp"
#include "support/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>

using namespace dynasession;
using namespace dynasession::dynamodb;
using test::made_of;

namespace {

const aws::credentials key("AKIDGIVEN", "secret");

} // namespace

TEST_CASE("what a program leaves empty comes from variables, then from its profile") {
    const test::temporary_directory home;
    const auto path = home.write("config", "[profile app]\n"
                         "region = eu-west-1\n"
                         "max_attempts = 7\n"
                         "aws_access_key_id = AKIDFILE\n"
                         "aws_secret_access_key = secret\n"
                         "[profile other]\n"
                         "region = eu-north-1\n");

    const auto found = resolve({}, made_of({{"AWS_CONFIG_FILE", path},
                                            {"AWS_PROFILE", "app"}})).value();
    CHECK(found.where.address.host == "dynamodb.eu-west-1.amazonaws.com");
    CHECK(found.where.signing_region == "eu-west-1");
    CHECK(found.call.retry.attempts() == 7);
    CHECK(found.credentials.cached({})->access_key_id() == "AKIDFILE");

    const auto overridden = resolve({}, made_of({{"AWS_CONFIG_FILE", path},
                                                 {"AWS_PROFILE", "app"},
                                                 {"AWS_REGION", "eu-south-1"},
                                                 {"AWS_MAX_ATTEMPTS", "2"},
                                                 {"AWS_ACCESS_KEY_ID", "AKIDVARIABLE"},
                                                 {"AWS_SECRET_ACCESS_KEY", "secret"}})).value();
    CHECK(overridden.where.signing_region == "eu-south-1");
    CHECK(overridden.call.retry.attempts() == 2);
    CHECK(overridden.credentials.cached({})->access_key_id() == "AKIDVARIABLE");

    client_options given{.profile = "other", .use_fips = true, .credentials = key};
    given.call.retry.max_attempts = 1;
    const auto explicitly = resolve(given, made_of({{"AWS_CONFIG_FILE", path},
                                                    {"AWS_PROFILE", "app"},
                                                    {"AWS_MAX_ATTEMPTS", "2"}})).value();
    CHECK(explicitly.where.address.host == "dynamodb-fips.eu-north-1.amazonaws.com");
    CHECK(explicitly.call.retry.attempts() == 1);
    CHECK(explicitly.credentials.cached({})->access_key_id() == "AKIDGIVEN");
}

TEST_CASE("what is configured wrong is named, and never passed over") {
    const auto detail = [](client_options o, std::map<std::string, std::string, std::less<>> variables) {
        const auto r = resolve(std::move(o), made_of(std::move(variables)));
        REQUIRE_FALSE(r.has_value());
        return r.error().detail;
    };
    const client_options local{.region = "local", .credentials = key};
    CHECK(detail(local, {{"AWS_MAX_ATTEMPTS", "many"}}).starts_with("AWS_MAX_ATTEMPTS: "));
    CHECK(detail(local, {{"AWS_RETRY_MODE", "eager"}}).starts_with("AWS_RETRY_MODE: "));
    CHECK(detail(local, {{"AWS_PROFILE", "nobody"}}).starts_with("AWS_PROFILE: "));
    CHECK(detail(local, {{"AWS_CONFIG_FILE", "/nowhere/config"}}).starts_with("AWS_CONFIG_FILE: "));
    CHECK(detail({.region = "eu-west-1", .credentials = key}, {{"HTTPS_PROXY", "ftp://proxy"}}).starts_with("HTTPS_PROXY: "));
    CHECK(detail({.region = "eu-west-1", .credentials = key}, {{"AWS_CA_BUNDLE", "/nowhere/ca.pem"}})
              .starts_with("AWS_CA_BUNDLE: "));
    CHECK(detail({.region = "eu-west-1"}, {{"AWS_ACCESS_KEY_ID", "AKID"}}).find("AWS_SECRET_ACCESS_KEY") !=
          std::string::npos);
    CHECK(detail({.credentials = key}, {}).find("AWS_REGION") != std::string::npos);
}

TEST_CASE("without any credentials configured, instance metadata are left, unless they are switched off") {
    CHECK(resolve({.region = "eu-west-1"}, made_of({})).has_value());
    const auto off = resolve({.region = "eu-west-1"}, made_of({{"AWS_EC2_METADATA_DISABLED", "true"}}));
    REQUIRE_FALSE(off.has_value());
    CHECK(off.error() == error::missing_credentials);
}

namespace {

// The metadata service of an instance in Paris, and an environment that leads to it.
class instance {
public:
    test::scripted_server server{{test::answer::ok("tk=="), test::answer::ok("eu-west-3")}};

    aws::environment with(std::map<std::string, std::string, std::less<>> variables = {}) const {
        variables.emplace("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url());
        variables.emplace("AWS_METADATA_SERVICE_TIMEOUT", "30");
        return made_of(std::move(variables));
    }
};

const client_options opted_in{.region_from_instance = true, .credentials = key};

} // namespace

TEST_CASE("the instance is asked for the region when nothing else names one, and the program says so") {
    const instance paris;
    const auto found = resolve(opted_in, paris.with()).value();
    CHECK(found.where.signing_region == "eu-west-3");
    CHECK(found.where.address.host == "dynamodb.eu-west-3.amazonaws.com");
    CHECK(paris.server.requests().size() == 2);

    const instance not_meant;
    const auto refused = resolve({.credentials = key}, not_meant.with());
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error() == error::missing_region);
    CHECK(not_meant.server.connections() == 0);
}

TEST_CASE("the region of the instance is that of all its requests") {
    const test::temporary_directory home;
    const auto path = home.write("config", "[default]\n"
                         "role_arn = arn:aws:iam::1:role/r\n"
                         "source_profile = keys\n"
                         "[profile keys]\n"
                         "aws_access_key_id = AKIDFILE\n"
                         "aws_secret_access_key = secret\n");
    const instance paris;
    CHECK(resolve({.region_from_instance = true}, paris.with({{"AWS_CONFIG_FILE", path}})).has_value()); // STS has one
}

TEST_CASE("whatever names a region goes before the instance") {
    const test::temporary_directory home;
    const auto path = home.write("config", "[default]\nregion = eu-north-1\n");
    const instance unasked;
    auto named = opted_in;
    named.region = "eu-south-1";
    CHECK(resolve(named, unasked.with()).value().where.signing_region == "eu-south-1");
    const auto by_variable = resolve(opted_in, unasked.with({{"AWS_DEFAULT_REGION", "eu-west-1"}})).value();
    CHECK(by_variable.where.signing_region == "eu-west-1");
    const auto by_profile = resolve(opted_in, unasked.with({{"AWS_CONFIG_FILE", path}})).value();
    CHECK(by_profile.where.signing_region == "eu-north-1");
    const auto wrong = resolve(opted_in, unasked.with({{"AWS_REGION", "no region"}}));
    REQUIRE_FALSE(wrong.has_value());
    CHECK(wrong.error() == error::invalid_option);
    CHECK(unasked.server.connections() == 0);
}

TEST_CASE("without a region anywhere, all the places are told") {
    const instance unasked;
    const auto r = resolve(opted_in, unasked.with({{"AWS_EC2_METADATA_DISABLED", "true"}}));
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error() == error::missing_region);
    CHECK(r.error().detail ==
          "neither the option region nor AWS_REGION nor AWS_DEFAULT_REGION nor region of the profile default is set; "
          "instance metadata: turned off by AWS_EC2_METADATA_DISABLED");
    CHECK(unasked.server.connections() == 0);
}
