#include <dynasession/aws/proxy.hpp>

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aws = dynasession::aws;
namespace http = dynasession::http;
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

std::string proxy_of(const std::string& url, const variables& values) {
    return aws::environment_proxy(http::endpoint::parse(url).value(), made_of(values)).value();
}

bool exempts(const std::string& no_proxy, const std::string& url) {
    return proxy_of(url, {{"ALL_PROXY", "http://proxy"}, {"NO_PROXY", no_proxy}}).empty();
}

} // namespace

TEST_CASE("the scheme of the endpoint decides which variable names the proxy, lower case first") {
    const variables all{{"https_proxy", "http://1"}, {"HTTPS_PROXY", "http://2"}, {"http_proxy", "http://3"},
                        {"HTTP_PROXY", "http://4"},  {"all_proxy", "http://5"},   {"ALL_PROXY", "http://6"}};
    const auto without = [](variables values, const std::vector<std::string>& gone) {
        for (const auto& name : gone) values[name] = " "; // blank = not set
        return values;
    };
    CHECK(proxy_of("https://a.test", all) == "http://1");
    CHECK(proxy_of("https://a.test", without(all, {"https_proxy"})) == "http://2");
    CHECK(proxy_of("https://a.test", without(all, {"https_proxy", "HTTPS_PROXY"})) == "http://5");
    CHECK(proxy_of("https://a.test", without(all, {"https_proxy", "HTTPS_PROXY", "all_proxy"})) == "http://6");
    CHECK(proxy_of("http://a.test", all) == "http://3");
    CHECK(proxy_of("http://a.test", without(all, {"http_proxy"})) == "http://4");
    CHECK(proxy_of("http://a.test", without(all, {"http_proxy", "HTTP_PROXY"})) == "http://5");
    CHECK(proxy_of("https://a.test", {{"HTTP_PROXY", "http://4"}}).empty());
    CHECK(proxy_of("http://a.test", {{"HTTPS_PROXY", "http://2"}}).empty());
    CHECK(proxy_of("https://a.test", {}).empty());
}

TEST_CASE("a CGI program does not take its proxy from its client") {
    CHECK(proxy_of("http://a.test", {{"REQUEST_METHOD", "GET"}, {"HTTP_PROXY", "http://evil.test"}}).empty());
    CHECK(proxy_of("http://a.test", {{"REQUEST_METHOD", "GET"}, {"http_proxy", "http://ours"}}) == "http://ours");
    CHECK(proxy_of("https://a.test", {{"REQUEST_METHOD", "GET"}, {"HTTPS_PROXY", "http://ours"}}) == "http://ours");
}

TEST_CASE("this machine is never reached through a proxy of the environment") {
    for (const std::string host : {"localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.1.2.3", "[::1]:8000"}) {
        CAPTURE(host);
        CHECK(proxy_of("http://" + host, {{"ALL_PROXY", "http://proxy"}}).empty());
        CHECK(proxy_of("https://" + host, {{"ALL_PROXY", "http://proxy"}}).empty());
    }
}

TEST_CASE("NO_PROXY lists domains with all below them, whatever their case") {
    for (const std::string list :
         {"amazonaws.com", ".amazonaws.com", "*.amazonaws.com", "AmazonAWS.com", "x, amazonaws.com", "x amazonaws.com",
          ",,amazonaws.com,", "dynamodb.eu-west-1.amazonaws.com", "*", "x,*"}) {
        CAPTURE(list);
        CHECK(exempts(list, "https://dynamodb.eu-west-1.amazonaws.com"));
        CHECK(exempts(list, "https://DynamoDB.eu-west-1.AmazonAWS.com"));
    }
    CHECK(exempts("amazonaws.com", "https://amazonaws.com"));
    CHECK(exempts(".amazonaws.com", "https://amazonaws.com"));
    for (const std::string list : {"", " ", ",", "com.", "azonaws.com", "amazonaws.com.cn", "eu-west-1", ".", "*.",
                                   "dynamodb.*.amazonaws.com", "10.0.0.0/8", "x.dynamodb.eu-west-1.amazonaws.com"}) {
        CAPTURE(list);
        CHECK_FALSE(exempts(list, "https://dynamodb.eu-west-1.amazonaws.com"));
    }
}

TEST_CASE("NO_PROXY in lower case comes first") {
    const variables both{{"ALL_PROXY", "http://proxy"}, {"no_proxy", "a.test"}, {"NO_PROXY", "b.test"}};
    CHECK(proxy_of("https://a.test", both).empty());
    CHECK(proxy_of("https://b.test", both) == "http://proxy");
}

TEST_CASE("NO_PROXY lists addresses and networks") {
    for (const std::string list :
         {"10.1.2.3", "10.0.0.0/8", "10.1.2.3/32", "10.1.2.0/30", "0.0.0.0/0", "x,10.9.9.9/8"}) {
        CAPTURE(list);
        CHECK(exempts(list, "https://10.1.2.3"));
    }
    for (const std::string list : {"2.3", ".2.3", "*.2.3", "10.1.2.4", "10.1.2.3/33", "10.1.2.3/", "11.0.0.0/8", "/8",
                                   "fd00::/8", "::ffff:10.1.2.3/128", "a.test"}) {
        CAPTURE(list);
        CHECK_FALSE(exempts(list, "https://10.1.2.3"));
    }
    for (const std::string list : {"fd00::1", "[fd00::1]", "FD00:0::1", "fd00::/8", "fd00::/127", "::/0"}) {
        CAPTURE(list);
        CHECK(exempts(list, "https://[fd00::1]"));
    }
    for (const std::string list :
         {"fd00::2", "fd00::/128", "fe00::/8", "0.0.0.0/0", "[", "]", "[]", "[fd00::1", "fd00"}) {
        CAPTURE(list);
        CHECK_FALSE(exempts(list, "https://[fd00::1]"));
    }
}

TEST_CASE("a port in NO_PROXY is that of the endpoint or the entry does not count") {
    CHECK(exempts("a.test:8000", "https://a.test:8000"));
    CHECK(exempts(".test:443", "https://a.test"));
    CHECK(exempts("10.1.2.3:8000", "https://10.1.2.3:8000"));
    CHECK(exempts("[fd00::1]:8000", "https://[fd00::1]:8000"));
    for (const std::string list :
         {"a.test:443", "a.test:", "a.test:80000", "a.test:8000x", "a.test:-1", ":8000", ":"}) {
        CAPTURE(list);
        CHECK_FALSE(exempts(list, "https://a.test:8000"));
    }
    CHECK_FALSE(exempts("[fd00::1]:443", "https://[fd00::1]:8000"));
}

TEST_CASE("a proxy that cannot be used is refused by the name of its variable, without its secrets") {
    for (const std::string url : {"socks5://ana:secret@proxy:1080", "https://ana:secret@proxy", "http://ana:secret@"}) {
        const auto refused =
            aws::environment_proxy({.tls = true, .host = "a.test", .port = 443}, made_of({{"HTTPS_PROXY", url}}));
        REQUIRE(refused.has_error());
        CHECK(refused.error() == error::invalid_option);
        CHECK(refused.error().detail.starts_with("HTTPS_PROXY: "));
        CHECK(refused.error().detail.find("secret") == std::string::npos);
    }
    CHECK(exempts("a.test", "https://a.test")); // and where none is needed, none is looked at
    CHECK(proxy_of("https://a.test", {{"HTTPS_PROXY", "socks5://proxy"}, {"NO_PROXY", "*"}}).empty());
}
