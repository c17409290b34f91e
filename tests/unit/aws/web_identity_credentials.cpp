#include <dynasession/aws/web_identity_credentials.hpp>

#include "configured.hpp"
#include "support/fetching.hpp"
#include "support/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

using namespace dynasession;
using namespace std::chrono_literals;
using test::asked, test::failed, test::fetched, test::sts_answer, test::ten;

namespace {

const test::variables of_a_pod{{"AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token"},
                                {"AWS_ROLE_ARN", "arn:aws:iam::1:role/pod"}};

result<std::optional<aws::web_identity>> found(const test::variables& variables, std::string_view config = {}) {
    return aws::configured_web_identity(test::made_of(variables), test::configured(config).value(), "default");
}

std::string refusal(const test::variables& variables, std::string_view config = {}) {
    const auto r = found(variables, config);
    REQUIRE(r.has_error());
    return r.error().detail;
}

aws::setting file_named(std::string path) { return {std::move(path), "AWS_WEB_IDENTITY_TOKEN_FILE"}; }

} // namespace

TEST_CASE("a web identity is configured by the environment") {
    CHECK_FALSE(found({}).value());
    CHECK_FALSE(found({{"AWS_ROLE_SESSION_NAME", "x"}, {"AWS_WEB_IDENTITY_TOKEN_FILE", " "}}).value());
    auto variables = of_a_pod;
    auto identity = found(variables).value();
    REQUIRE(identity);
    CHECK(identity->assumed.arn == "arn:aws:iam::1:role/pod");
    CHECK(identity->assumed.session_name.empty());
    CHECK_FALSE(identity->assumed.duration);
    CHECK(identity->assumed.source == "AWS_ROLE_ARN");
    CHECK(identity->token_file.value == "/var/run/token");
    CHECK(identity->token_file.source == "AWS_WEB_IDENTITY_TOKEN_FILE");
    variables["AWS_ROLE_SESSION_NAME"] = "web-1";
    CHECK(found(variables).value()->assumed.session_name == "web-1");
}

TEST_CASE("or by the profile, which the environment goes before") {
    constexpr std::string_view config = "[default]\nrole_arn = arn:profile\nweb_identity_token_file = /token\n"
                                        "role_session_name = me\nduration_seconds = 900\n";
    auto identity = found({}, config).value();
    REQUIRE(identity);
    CHECK(identity->assumed.arn == "arn:profile");
    CHECK(identity->assumed.session_name == "me");
    CHECK(identity->assumed.duration == 900s);
    CHECK(identity->assumed.source == "config:2: role_arn");
    CHECK(identity->token_file.value == "/token");
    CHECK(found(of_a_pod, config).value()->assumed.arn == "arn:aws:iam::1:role/pod");
    CHECK(found(of_a_pod, config).value()->token_file.value == "/var/run/token");
}

TEST_CASE("a web identity that is configured by half is an error") {
    CHECK(refusal({{"AWS_ROLE_ARN", "arn:x"}}) ==
          "AWS_ROLE_ARN: set, but AWS_WEB_IDENTITY_TOKEN_FILE is not: set both, or none");
    CHECK(refusal({{"AWS_WEB_IDENTITY_TOKEN_FILE", "/token"}, {"AWS_ROLE_ARN", ""}}) ==
          "AWS_WEB_IDENTITY_TOKEN_FILE: set, but AWS_ROLE_ARN is not: set both, or none");
    CHECK(refusal({}, "[default]\n\nweb_identity_token_file = /token\n") ==
          "config:3: web_identity_token_file: without a role: add role_arn to the profile");
    CHECK(found({{"AWS_ROLE_ARN", "arn:x"}}).error() == error::missing_credentials);
}

TEST_CASE("the duration of a role has bounds") {
    const auto with = [](std::string_view duration) {
        return aws::role_duration(test::configured("[default]\nduration_seconds = " + std::string(duration) + "\n").value(),
                                  "default");
    };
    CHECK(with("900").value() == 900s);
    CHECK(with("43200").value() == 43200s);
    CHECK_FALSE(with("").value());
    for (const auto* wrong : {"899", "43201", "0", "-900", "1h", "900.5", "9999999999", "0x900"}) {
        const auto r = with(wrong);
        REQUIRE_MESSAGE(r.has_error(), wrong);
        CHECK(r.error() == error::invalid_option);
        CHECK(r.error().detail == "config:2: duration_seconds: not a number of seconds from 900 to 43200");
    }
}

TEST_CASE("the token is what stands in the file") {
    const test::temporary_directory directory;
    const auto read = [&](std::string_view text) {
        return aws::read_web_identity_token(file_named(directory.write("token", text)));
    };
    CHECK(read("a.b-c_d").value() == "a.b-c_d");
    CHECK(read("a.b-c_d\r\n").value() == "a.b-c_d");
    CHECK(read(std::string(20'000, 'x')).value().size() == 20'000);
    CHECK(read(std::string(20'000, 'x') + "\n").value().size() == 20'000);
    for (const std::string& broken : {std::string(), std::string("\n"), std::string("a\nhidden"), std::string("a\rhidden"),
                                     std::string("a hidden"), std::string("a\0hidden", 8), std::string(20'001, 'x'),
                                     std::string(30'000, 'x')}) {
        const auto why = read(broken).error();
        CHECK(why == error::missing_credentials);
        CHECK(why.detail.starts_with("AWS_WEB_IDENTITY_TOKEN_FILE: " + directory.path() + "/token "));
        CHECK(why.detail.find("hidden") == std::string::npos);
    }
    const auto absent = aws::read_web_identity_token(file_named(directory.path() + "/none")).error();
    CHECK(absent == error::missing_credentials);
    CHECK(absent.detail == "AWS_WEB_IDENTITY_TOKEN_FILE: " + directory.path() +
                               "/none cannot be read (No such file or directory): mount the token, or correct the path");
    CHECK(aws::read_web_identity_token(file_named(directory.path())).error().detail.find("directory)") !=
          std::string::npos);
}

TEST_CASE("each fetch reads the file anew, which is replaced before its token expires") {
    const test::temporary_directory directory;
    const aws::web_identity identity{.assumed = {.arn = "arn:x", .session_name = "s", .source = "AWS_ROLE_ARN"},
                                     .token_file = file_named(directory.write("token", "first"))};
    const aws::fetch_web_identity_credentials prototype(
        {.where = {{.host = "sts.eu-west-1.amazonaws.com"}, "eu-west-1"}, .identity = identity});
    for (const std::string token : {"second", "third"}) {
        directory.write("token", token);
        auto fetch = prototype;
        CHECK(asked(fetch.resume({}, ten)).message.body.ends_with("&WebIdentityToken=" + token));
        CHECK(fetched(fetch.resume(sts_answer("AssumeRoleWithWebIdentity"), ten)).access_key_id() == "ASIAROLE");
    }
    directory.write("token", "");
    auto fetch = prototype;
    CHECK(failed(fetch.resume({}, ten)) == error::missing_credentials);
}
