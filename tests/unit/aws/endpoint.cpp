#include <dynasession/aws/endpoint.hpp>

#include <boost/json/parse.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

namespace aws = dynasession::aws;
using dynasession::error;

namespace {

using variables = std::map<std::string, std::string, std::less<>>;

aws::environment made_of(variables values) {
    return [values = std::move(values)](std::string_view name) -> std::optional<std::string> {
        const auto found = values.find(name);
        if (found == values.end()) return std::nullopt;
        return found->second;
    };
}

std::string url_of(const aws::resolved_endpoint& e) {
    return (e.address.tls ? "https://" : "http://") + e.address.authority();
}

std::string url(const aws::endpoint_options& options, const variables& values = {}) {
    return url_of(aws::resolve_endpoint(options, made_of(values)).value());
}

dynasession::failure refusal(const aws::endpoint_options& options, const variables& values = {}) {
    return aws::resolve_endpoint(options, made_of(values)).error();
}

} // namespace

TEST_CASE("the region is the given one, else AWS_REGION, else AWS_DEFAULT_REGION") {
    const variables both{{"AWS_REGION", "eu-west-1"}, {"AWS_DEFAULT_REGION", "eu-west-2"}};
    CHECK(aws::resolve_region("eu-west-3", made_of(both)).value() == "eu-west-3");
    CHECK(aws::resolve_region("", made_of(both)).value() == "eu-west-1");
    CHECK(aws::resolve_region("", made_of({{"AWS_REGION", " "}, {"AWS_DEFAULT_REGION", "eu-west-2"}})).value() ==
          "eu-west-2");
    CHECK(aws::resolve_region("", made_of({})).error() == error::missing_region);
}

TEST_CASE("a region that cannot be part of a host name is refused by the name of its source") {
    const auto of_option = aws::resolve_region("us-east-1.evil.example/", made_of({})).error();
    CHECK(of_option == error::invalid_option);
    CHECK(of_option.detail.starts_with("option region:"));

    const auto of_variable = aws::resolve_region("", made_of({{"AWS_DEFAULT_REGION", "US-EAST-1"}})).error();
    CHECK(of_variable == error::invalid_option);
    CHECK(of_variable.detail.starts_with("AWS_DEFAULT_REGION:"));

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

TEST_CASE("recorded endpoint cases of botocore, as far as they need neither FIPS nor dual stack") {
#ifdef DYNASESSION_SHARED_DIR
    const std::filesystem::path file = DYNASESSION_SHARED_DIR "/fixtures/dynamodb_endpoints.json";
#else
    const std::filesystem::path file;
#endif
    if (!std::filesystem::exists(file)) {
        MESSAGE("not run: fixtures/dynamodb_endpoints.json is not there");
        return;
    }
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    const auto root = boost::json::parse(text.str());
    int checked = 0;
    for (const auto& c : root.at("cases").as_array()) {
        const auto& p = c.at("params").as_object();
        const auto set = [&](const char* name) { return p.contains(name) && p.at(name).as_bool(); };
        if (set("UseFIPS") || set("UseDualStack") || !p.contains("Region") || c.as_object().contains("error")) continue;
        aws::endpoint_options options{.region = std::string(p.at("Region").as_string())};
        if (p.contains("Endpoint")) options.endpoint_url = p.at("Endpoint").as_string();
        CHECK(url(options) == c.at("url").as_string());
        ++checked;
    }
    CHECK(checked >= 10);
}
