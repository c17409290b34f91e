#include <dynasession/aws/connection.hpp>

#include "support/certificates.hpp"
#include "unit/aws/configured.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>

namespace aws = dynasession::aws;
namespace http = dynasession::http;
using dynasession::error;
using test::made_of;
using test::variables;

namespace {

const http::endpoint encrypted{.tls = true, .host = "db.test", .port = 443};
const http::endpoint plain{.tls = false, .host = "db.test", .port = 80};

dynasession::result<http::client_options> resolve(const http::client_options& given, const http::endpoint& target,
                                                  const variables& values, bool allow_plain_http = false) {
    return aws::resolve_connection(given, target, allow_plain_http, made_of(values));
}

http::client_options with_file(std::string file) {
    http::client_options o;
    o.ca_file = std::move(file);
    return o;
}

http::client_options with_proxy(std::string url) {
    http::client_options o;
    o.proxy = std::move(url);
    return o;
}

} // namespace

TEST_CASE("trusted authorities are those of the option, else of AWS_CA_BUNDLE, else of the system") {
    const test::certificate_authority one, other;
    CHECK(resolve(with_file(one.file()), encrypted, {{"AWS_CA_BUNDLE", other.file()}}).value().ca_file == one.file());
    CHECK(resolve({}, encrypted, {{"AWS_CA_BUNDLE", other.file()}}).value().ca_file == other.file());
    CHECK(resolve({}, encrypted, {{"AWS_CA_BUNDLE", " "}}).value().ca_file.empty());
    CHECK(resolve({}, encrypted, {}).value().ca_file.empty());

    const auto config = test::configured("[default]\nca_bundle = " + one.file()).value();
    const auto by_profile = [](const std::string& file, const variables& values) {
        return aws::resolve_connection({}, encrypted, false, made_of(values),
                                       test::configured("[default]\nca_bundle = " + file).value());
    };
    CHECK(by_profile(one.file(), {}).value().ca_file == one.file());
    CHECK(by_profile(one.file(), {{"AWS_CA_BUNDLE", other.file()}}).value().ca_file == other.file());
    CHECK(by_profile("/dev/null", {}).error().detail.starts_with("config:2: ca_bundle: "));
}

TEST_CASE("a file of authorities that cannot be used is refused by the name of what named it") {
    for (const std::string file : {"/nonexistent/ca.pem", "/dev/null", "/"}) {
        const auto of_variable = resolve({}, encrypted, {{"AWS_CA_BUNDLE", file}});
        REQUIRE(of_variable.has_error());
        CHECK(of_variable.error() == error::invalid_option);
        CHECK(of_variable.error().detail.starts_with("AWS_CA_BUNDLE: "));
        CHECK(of_variable.error().detail.find(file) != std::string::npos);
        const auto of_option = resolve(with_file(file), encrypted, {});
        REQUIRE(of_option.has_error());
        CHECK(of_option.error().detail.starts_with("option ca_file: "));
    }
    CHECK(resolve({}, plain, {{"AWS_CA_BUNDLE", "/nonexistent/ca.pem"}}).has_value()); // not needed there
}

TEST_CASE("the proxy is that of the option, else of the environment; an empty option is none") {
    const variables set{{"HTTPS_PROXY", "http://b.test"}};
    CHECK(resolve(with_proxy("http://a.test"), encrypted, set).value().proxy == "http://a.test");
    CHECK(resolve({}, encrypted, set).value().proxy == "http://b.test");
    CHECK(resolve(with_proxy(""), encrypted, set).value().proxy == "");
    CHECK(resolve({}, encrypted, {}).value().proxy == "");
}

TEST_CASE("the option's proxy leads to this machine, too, and is for all that NO_PROXY lists") {
    const http::endpoint local{.tls = true, .host = "localhost", .port = 443};
    CHECK(resolve(with_proxy("http://a.test"), local, {{"NO_PROXY", "*"}}).value().proxy == "http://a.test");
}

TEST_CASE("a proxy that cannot be used is refused by the name of what named it") {
    const auto of_option = resolve(with_proxy("socks5://ana:secret@a.test"), encrypted, {});
    REQUIRE(of_option.has_error());
    CHECK(of_option.error() == error::invalid_option);
    CHECK(of_option.error().detail.starts_with("option proxy: "));
    CHECK(of_option.error().detail.find("secret") == std::string::npos);
    const auto of_variable = resolve({}, encrypted, {{"all_proxy", "socks5://ana:secret@a.test"}});
    REQUIRE(of_variable.has_error());
    CHECK(of_variable.error().detail.starts_with("all_proxy: "));
}

TEST_CASE("plain http goes through no proxy unless it was allowed, not even to this machine's name") {
    for (const std::string host : {"db.test", "localhost", "127.0.0.1"}) {
        const http::endpoint target{.tls = false, .host = host, .port = 8000};
        const auto refused = resolve(with_proxy("http://a.test"), target, {});
        REQUIRE(refused.has_error());
        CHECK(refused.error() == error::invalid_option);
        CHECK(refused.error().detail.find("allow_plain_http") != std::string::npos);
        CHECK(resolve(with_proxy("http://a.test"), target, {}, true).has_value());
        CHECK(resolve(with_proxy(""), target, {}).has_value());
    }
    CHECK(resolve({}, plain, {{"http_proxy", "http://a.test"}}).has_error());
    CHECK(resolve({}, plain, {{"http_proxy", "http://a.test"}}, true).value().proxy == "http://a.test");
}
