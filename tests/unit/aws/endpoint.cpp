#include <dynasession/aws/endpoint.hpp>

#include <doctest/doctest.h>

#include "support/fixtures.hpp"
#include "unit/aws/configured.hpp"

#include <string>
#include <string_view>

namespace aws = dynasession::aws;
using dynasession::error;
using test::configured;
using test::made_of;
using test::variables;

namespace {

std::string url_of(const aws::resolved_endpoint& e) {
    return (e.address.tls ? "https://" : "http://") + e.address.authority();
}

std::string url(const aws::endpoint_options& options, const variables& values = {}, std::string_view config = {}) {
    return url_of(aws::resolve_endpoint(options, made_of(values), configured(config).value()).value());
}

dynasession::failure refusal(const aws::endpoint_options& options, const variables& values = {},
                             std::string_view config = {}) {
    return aws::resolve_endpoint(options, made_of(values), configured(config).value()).error();
}

// Where the credential providers' services are.
std::string service_url(const aws::service_name& service, std::string_view region,
                        const aws::endpoint_options& options = {}, const variables& values = {},
                        std::string_view config = {}) {
    const auto address =
        aws::resolve_service_endpoint(service, region, options, made_of(values), configured(config).value()).value();
    return (address.tls ? "https://" : "http://") + address.authority();
}

} // namespace

TEST_CASE("the region is the given one, else AWS_REGION, else AWS_DEFAULT_REGION, else that of the profile") {
    const variables both{{"AWS_REGION", "eu-west-1"}, {"AWS_DEFAULT_REGION", "eu-west-2"}};
    CHECK(aws::resolve_region("eu-west-3", made_of(both)).value() == "eu-west-3");
    CHECK(aws::resolve_region("", made_of(both)).value() == "eu-west-1");
    CHECK(aws::resolve_region("", made_of({{"AWS_REGION", " "}, {"AWS_DEFAULT_REGION", "eu-west-2"}})).value() ==
          "eu-west-2");
    const auto config = configured("[default]\nregion = eu-west-4\n[profile dev]\nregion = eu-west-5").value();
    CHECK(aws::resolve_region("", made_of({{"AWS_DEFAULT_REGION", "eu-west-2"}}), config).value() == "eu-west-2");
    CHECK(aws::resolve_region("", made_of({}), config).value() == "eu-west-4");

    const auto missing = aws::resolve_region("", made_of({}), configured("[profile dev]", {}, "dev").value()).error();
    CHECK(missing == error::missing_region);
    CHECK(missing.detail ==
          "neither the option region nor AWS_REGION nor AWS_DEFAULT_REGION nor region of the profile dev is set");
}

TEST_CASE("a region that cannot be part of a host name is refused by the name of its source") {
    const auto of_option = aws::resolve_region("us-east-1.evil.example/", made_of({})).error();
    CHECK(of_option == error::invalid_option);
    CHECK(of_option.detail.starts_with("option region:"));

    const auto of_variable = aws::resolve_region("", made_of({{"AWS_DEFAULT_REGION", "US-EAST-1"}})).error();
    CHECK(of_variable == error::invalid_option);
    CHECK(of_variable.detail.starts_with("AWS_DEFAULT_REGION:"));

    for (const auto* text : {"us_east_1", "us-east-1\n continued", "a.b"}) {
        const auto config = configured(std::string("[default]\nregion = ") + text).value();
        const auto of_file = aws::resolve_region("", made_of({}), config).error();
        CHECK(of_file == error::invalid_option);
        CHECK(of_file.detail.starts_with("config:2: region: a region is"));
    }

    CHECK(aws::resolve_region(std::string(63, 'a'), made_of({})).value().size() == 63);
    CHECK(aws::resolve_region(std::string(64, 'a'), made_of({})).error() == error::invalid_option);
}

TEST_CASE("each partition has its own domain") {
    CHECK(url({.region = "us-east-1"}) == "https://dynamodb.us-east-1.amazonaws.com");
    CHECK(url({.region = "us-gov-west-1"}) == "https://dynamodb.us-gov-west-1.amazonaws.com");
    CHECK(url({.region = "cn-northwest-1"}) == "https://dynamodb.cn-northwest-1.amazonaws.com.cn");
    CHECK(url({.region = "us-iso-east-1"}) == "https://dynamodb.us-iso-east-1.c2s.ic.gov");
    CHECK(url({.region = "us-isob-east-1"}) == "https://dynamodb.us-isob-east-1.sc2s.sgov.gov");
    CHECK(url({.region = "eusc-de-east-1"}) == "https://dynamodb.eusc-de-east-1.amazonaws.eu");
    CHECK(aws::resolve_endpoint({.region = "cn-north-1"}, made_of({})).value().signing_region == "cn-north-1");
}

TEST_CASE("the region local is an emulator on this machine, signed for us-east-1") {
    const auto own = aws::resolve_endpoint({.region = "local"}, made_of({})).value();
    CHECK(url_of(own) == "http://localhost:8000");
    CHECK(own.signing_region == "us-east-1");

    const auto other = aws::resolve_endpoint({.region = "local", .endpoint_url = "http://127.0.0.1:4567"}, made_of({}));
    CHECK(url_of(other.value()) == "http://127.0.0.1:4567");
    CHECK(other.value().signing_region == "us-east-1");
}

TEST_CASE("the endpoint is the given one, else that of DynamoDB, else that of all services, else AWS's own") {
    variables values{{"AWS_REGION", "eu-west-1"},
                     {"AWS_ENDPOINT_URL", "https://all.example"},
                     {"AWS_ENDPOINT_URL_DYNAMODB", "https://dynamodb.example:8443"}};
    CHECK(url({.endpoint_url = "https://given.example"}, values) == "https://given.example");
    CHECK(url({}, values) == "https://dynamodb.example:8443");
    values["AWS_ENDPOINT_URL_DYNAMODB"] = "";
    CHECK(url({}, values) == "https://all.example");
    CHECK(aws::resolve_endpoint({}, made_of(values)).value().signing_region == "eu-west-1");

    values["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "True";
    CHECK(url({}, values) == "https://dynamodb.eu-west-1.amazonaws.com");
    CHECK(url({.endpoint_url = "https://given.example"}, values) == "https://given.example");
    values["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "false";
    CHECK(url({}, values) == "https://all.example");
}

TEST_CASE("an endpoint of one's own does not stand in for a region") {
    CHECK(refusal({.endpoint_url = "http://localhost:8000"}) == error::missing_region);
}

TEST_CASE("plain http is for this machine, unless it is allowed") {
    for (const std::string host : {"localhost:8000", "127.0.0.1:8000", "127.8.0.1", "[::1]:8000"})
        CHECK(url({.region = "us-east-1", .endpoint_url = "http://" + host}) == "http://" + host);
    for (const std::string host :
         {"dynamodb.us-east-1.amazonaws.com", "localhost.example", "10.0.0.1:8000", "0.0.0.0"}) {
        const auto refused = refusal({.region = "us-east-1", .endpoint_url = "http://" + host});
        CHECK(refused == error::invalid_endpoint);
        CHECK(refused.detail.starts_with("option endpoint_url:"));
        CHECK(url({.region = "us-east-1", .endpoint_url = "http://" + host, .allow_plain_http = true}) ==
              "http://" + host);
    }
}

TEST_CASE("a URL that is none is refused by the name of its source") {
    for (const auto* text : {"localhost:8000", "ftp://localhost", "https://", "https://a/b", "https://a:0"}) {
        const auto refused = refusal({.region = "us-east-1"}, {{"AWS_ENDPOINT_URL", text}});
        CHECK(refused == error::invalid_endpoint);
        CHECK(refused.detail.starts_with("AWS_ENDPOINT_URL: "));
    }
}

TEST_CASE("the profile's URL counts after the variables, that of the service before that of all services") {
    const std::string both = "[default]\nregion = eu-west-1\nendpoint_url = https://profile.example\nservices = s\n"
                             "[services s]\ndynamodb =\n  endpoint_url = https://service.example\n";
    CHECK(url({.endpoint_url = "https://given.example"}, {}, both) == "https://given.example");
    CHECK(url({}, {{"AWS_ENDPOINT_URL", "https://all.example"}}, both) == "https://all.example");
    CHECK(url({}, {{"AWS_ENDPOINT_URL_STS", "https://sts.example"}}, both) == "https://service.example");
    CHECK(url({}, {}, both) == "https://service.example");
    CHECK(url({}, {}, "[default]\nregion = eu-west-1\nendpoint_url = https://profile.example") ==
          "https://profile.example");
    CHECK(url({}, {},
              "[default]\nregion = eu-west-1\nendpoint_url = https://profile.example\nservices = s\n"
              "[services s]\ndynamodb =\n  endpoint_url =\nsts =\n  endpoint_url = https://sts.example") ==
          "https://profile.example");
    CHECK(url({}, {}, "[default]\nregion = eu-west-1\n[services s]\ndynamodb =\n  endpoint_url = https://no.example") ==
          "https://dynamodb.eu-west-1.amazonaws.com");
}

TEST_CASE("configured URLs can be ignored by the program, a variable or the profile; a given URL counts all the same") {
    const std::string config = "[default]\nregion = eu-west-1\nendpoint_url = https://profile.example\n";
    const std::string ignoring = config + "ignore_configured_endpoint_urls = true\n";
    const variables values{{"AWS_ENDPOINT_URL", "https://all.example"}};
    const variables ignoring_values{{"AWS_ENDPOINT_URL", "https://all.example"},
                                    {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}};
    const std::string own = "https://dynamodb.eu-west-1.amazonaws.com";
    CHECK(url({}, values, ignoring) == own);
    CHECK(url({}, ignoring_values, config) == own);
    CHECK(url({.ignore_configured_endpoint_urls = true}, values, config) == own);
    CHECK(url({.ignore_configured_endpoint_urls = false}, ignoring_values, ignoring) == "https://all.example");
    CHECK(url({}, {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false"}}, ignoring) == "https://profile.example");
    CHECK(url({.endpoint_url = "https://given.example", .ignore_configured_endpoint_urls = true}, values, config) ==
          "https://given.example");
    CHECK(url({}, {}, ignoring + "services = absent") == own);
}

TEST_CASE("a configuration that cannot be followed is refused by its source") {
    const auto detail = [](const variables& values, const std::string& config) {
        const auto refused = refusal({.region = "us-east-1"}, values, config);
        CHECK(refused == dynasession::condition::configuration);
        return refused.detail;
    };
    CHECK(detail({{"AWS_USE_FIPS_ENDPOINT", "yes"}}, "") == "AWS_USE_FIPS_ENDPOINT: neither true nor false");
    CHECK(detail({}, "[default]\nuse_dualstack_endpoint = 1").starts_with("config:2: use_dualstack_endpoint: neither"));
    CHECK(
        detail({{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "1"}}, "").starts_with("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"));
    CHECK(detail({}, "[default]\nservices = s").starts_with("config:2: services: there is no section [services s]"));
    CHECK(
        detail({}, "[default]\nendpoint_url = localhost").starts_with("config:2: endpoint_url: the URL has no scheme"));
    CHECK(detail({}, "[default]\nservices = s\n[services s]\ndynamodb =\n endpoint_url = ftp://x")
              .starts_with("config:5: endpoint_url: the URL's scheme"));
    CHECK(detail({}, "[default]\nendpoint_url = http://10.0.0.1").starts_with("config:2: endpoint_url: plain http"));
}

TEST_CASE("FIPS and dual stack are chosen by the program, else by variables, else by the profile") {
    const std::string fips = "https://dynamodb-fips.us-east-1.amazonaws.com";
    const std::string dual_stack = "https://dynamodb.us-east-1.api.aws";
    const std::string both = "https://dynamodb-fips.us-east-1.api.aws";
    const std::string neither = "https://dynamodb.us-east-1.amazonaws.com";
    const std::string in_profile = "[default]\nuse_fips_endpoint = true\nuse_dualstack_endpoint = true\n";
    CHECK(url({.region = "us-east-1", .use_fips = true}) == fips);
    CHECK(url({.region = "us-east-1", .use_dual_stack = true}) == dual_stack);
    CHECK(url({.region = "us-east-1"}, {{"AWS_USE_FIPS_ENDPOINT", "true"}}) == fips);
    CHECK(url({.region = "us-east-1"}, {{"AWS_USE_DUALSTACK_ENDPOINT", "True"}}) == dual_stack);
    CHECK(url({.region = "us-east-1"}, {}, in_profile) == both);
    CHECK(url({.region = "us-east-1"}, {{"AWS_USE_DUALSTACK_ENDPOINT", "false"}}, in_profile) == fips);
    CHECK(url({.region = "us-east-1", .use_fips = false, .use_dual_stack = false}, {{"AWS_USE_FIPS_ENDPOINT", "true"}},
              in_profile) == neither);
    CHECK(url({.region = "us-gov-west-1", .use_fips = true}) == "https://dynamodb.us-gov-west-1.amazonaws.com");
    CHECK(aws::resolve_endpoint({.region = "us-east-1", .use_fips = true}, made_of({})).value().signing_region ==
          "us-east-1");
}

TEST_CASE("FIPS and dual stack do not go together with a URL of one's own, nor with the emulator's") {
    const auto by_option = refusal({.region = "us-east-1", .endpoint_url = "https://a.example", .use_fips = true});
    CHECK(by_option == error::invalid_option);
    CHECK(by_option.detail.starts_with("option use_fips: FIPS endpoints are AWS's own"));
    CHECK(by_option.detail.find("option endpoint_url") != std::string::npos);

    const auto by_file = refusal({.region = "us-east-1"}, {{"AWS_ENDPOINT_URL", "https://a.example"}},
                                 "[default]\nuse_dualstack_endpoint = true");
    CHECK(by_file == error::invalid_option);
    CHECK(by_file.detail.starts_with("config:2: use_dualstack_endpoint: dual stack endpoints are AWS's own"));
    CHECK(by_file.detail.find("AWS_ENDPOINT_URL:") != std::string::npos);

    for (const auto* name : {"AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"}) {
        const auto emulator = refusal({.region = "local"}, {{name, "true"}});
        CHECK(emulator == error::invalid_option);
        CHECK(emulator.detail.starts_with(std::string(name) + ": "));
        CHECK(emulator.detail.find("the region local") != std::string::npos);
    }
}

TEST_CASE("a URL that names a dual stack host of DynamoDB is refused: it is a switch") {
    for (const auto* host : {"dynamodb.us-east-1.api.aws", "DynamoDB.eu-west-1.api.aws:443",
                             "dynamodb.cn-north-1.api.amazonwebservices.com.cn"}) {
        const auto refused = refusal({.region = "us-east-1"}, {{"AWS_ENDPOINT_URL", std::string("https://") + host}});
        CHECK(refused == error::invalid_endpoint);
        CHECK(refused.detail.starts_with("AWS_ENDPOINT_URL: a dual stack host of AWS"));
        CHECK(refused.detail.find("AWS_USE_DUALSTACK_ENDPOINT") != std::string::npos);
    }
    for (const std::string host : {"dynamodb.us-east-1.amazonaws.com", "111122223333.ddb.us-east-1.api.aws",
                                   "vpce-1-2.dynamodb.us-east-1.vpce.api.aws"})
        CHECK(url({.region = "us-east-1", .endpoint_url = "https://" + host}) == "https://" + host);
}

TEST_CASE("hosts of an account are not known: who requires them is told") {
    const std::string own = "https://dynamodb.us-east-1.amazonaws.com";
    for (const auto* fine : {"preferred", "Disabled", ""})
        CHECK(url({.region = "us-east-1"}, {{"AWS_ACCOUNT_ID_ENDPOINT_MODE", fine}}) == own);
    CHECK(refusal({.region = "us-east-1"}, {{"AWS_ACCOUNT_ID_ENDPOINT_MODE", "required"}}).detail ==
          "AWS_ACCOUNT_ID_ENDPOINT_MODE: endpoints of an account are not supported: set preferred or disabled");
    const auto odd = refusal({.region = "us-east-1"}, {}, "[default]\naccount_id_endpoint_mode = never");
    CHECK(odd == error::invalid_option);
    CHECK(odd.detail.starts_with("config:2: account_id_endpoint_mode: none of"));
    CHECK(url({.region = "us-east-1", .endpoint_url = "https://a.example"},
              {{"AWS_ACCOUNT_ID_ENDPOINT_MODE", "required"}}) == "https://a.example");
    CHECK(service_url(aws::sts_service, "us-east-1", {}, {{"AWS_ACCOUNT_ID_ENDPOINT_MODE", "required"}}) ==
          "https://sts.us-east-1.amazonaws.com");
    CHECK(url({.region = "local"}, {{"AWS_ACCOUNT_ID_ENDPOINT_MODE", "required"}}) == "http://localhost:8000");
}

TEST_CASE("the services of credential providers are found by the same rules under their own names") {
    CHECK(service_url(aws::sts_service, "eu-west-1") == "https://sts.eu-west-1.amazonaws.com");
    CHECK(service_url(aws::sso_service, "eu-west-1") == "https://portal.sso.eu-west-1.amazonaws.com");
    CHECK(service_url(aws::sts_service, "us-east-2", {.use_fips = true}) == "https://sts-fips.us-east-2.amazonaws.com");
    CHECK(service_url(aws::sso_service, "us-east-2", {}, {{"AWS_USE_DUALSTACK_ENDPOINT", "true"}}) ==
          "https://portal.sso.us-east-2.api.aws");

    variables values{{"AWS_ENDPOINT_URL_STS", "https://sts.example"},
                     {"AWS_ENDPOINT_URL_SSO", "https://sso.example"},
                     {"AWS_ENDPOINT_URL_DYNAMODB", "https://dynamodb.example"}};
    CHECK(service_url(aws::sts_service, "eu-west-1", {}, values) == "https://sts.example");
    CHECK(service_url(aws::sso_service, "eu-west-1", {}, values) == "https://sso.example");
    CHECK(service_url(aws::sts_service, "eu-west-1", {}, {},
                      "[default]\nservices = s\n[services s]\nsts =\n"
                      " endpoint_url = https://own.example") == "https://own.example");
}

TEST_CASE("a service's URL needs no region, its own host does") {
    CHECK(service_url(aws::dynamodb_service, "", {.endpoint_url = "https://a.example"}) == "https://a.example");
    CHECK(aws::resolve_service_endpoint(aws::dynamodb_service, "", {}, made_of({}), {}).error() ==
          error::missing_region);
}

TEST_CASE("recorded endpoint cases of botocore") {
    const auto recorded = test::read_fixture("dynamodb_endpoints.json");
    if (!recorded) return;
    int checked = 0;
    for (const auto& c : recorded->at("cases").as_array()) {
        const auto& p = c.at("params").as_object();
        const auto text = [&](const char* name) {
            const auto* found = p.if_contains(name);
            return found ? std::string(found->as_string()) : std::string();
        };
        const auto set = [&](const char* name) { return p.contains(name) && p.at(name).as_bool(); };
        const aws::endpoint_options options{
            .endpoint_url = text("Endpoint"), .use_fips = set("UseFIPS"), .use_dual_stack = set("UseDualStack")};
        const auto found =
            aws::resolve_service_endpoint(aws::dynamodb_service, text("Region"), options, made_of({}), {});
        CAPTURE(p);
        ++checked;
        if (c.as_object().contains("error")) {
            CHECK(found.has_error());
            continue;
        }
        REQUIRE(found.has_value());
        CHECK((found->tls ? "https://" : "http://") + found->authority() == std::string(c.at("url").as_string()));
    }
    CHECK(checked >= 20);
}
