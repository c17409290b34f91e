#include <dynasession/aws/profile_search.hpp>

#include "configured.hpp"
#include "support/fetching.hpp"
#include "support/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>
#include <variant>

using namespace dynasession;
using test::asked, test::failed, test::ten;

namespace {

const std::string keys = "aws_access_key_id = AKIDFILE\naws_secret_access_key = hidden\n";
const std::string sso = "sso_start_url = https://x/start\nsso_region = eu-west-2\nsso_account_id = 1\nsso_role_name = r\n";

aws::profile_search::finding search(std::string_view config, std::string_view credentials,
                                    const test::variables& variables) {
    const auto env = test::made_of(variables);
    const auto files = test::configured(config, credentials).value();
    return aws::profile_search({.region = "eu-west-1"}, env, env, files, "default").find();
}

// Where the credentials come from: their id, or what is asked first.
std::string shown(std::string_view config, std::string_view credentials = {},
                  const test::variables& variables = {{"HOME", "/nowhere"}}) {
    auto found = search(config, credentials, variables);
    REQUIRE_MESSAGE(found.has_value(), found.error());
    if (!*found) return "none";
    if (const auto* known = std::get_if<aws::credentials>(&**found)) return known->access_key_id();
    auto fetch = aws::as_fetch(**found);
    const auto act = fetch.resume({}, ten);
    if (std::holds_alternative<result<aws::credentials>>(act)) return failed(act).detail;
    const auto& effect = std::get<aws::fetch_effect>(act);
    if (const auto* program = std::get_if<aws::program_call>(&effect)) return "run " + program->arguments.front();
    return asked(act).server.host;
}

} // namespace

TEST_CASE("the places in a profile, in their order") {
    const test::temporary_directory directory;
    const auto token = directory.write("token", "jwt");
    const std::string identity = "role_arn = arn:x\nweb_identity_token_file = " + token + "\n";
    const std::string program = "credential_process = /bin/prog --now\n";

    CHECK(shown("[default]\n" + identity + sso + program + keys, "[default]\n" + keys) == "sts.eu-west-1.amazonaws.com");
    CHECK(shown("[default]\n" + sso + program + keys, "[default]\n" + keys).starts_with("config:2: sso_start_url: no login: "));
    CHECK(shown("[default]\n" + program + "aws_access_key_id = AKIDCONFIG\naws_secret_access_key = x\n", "[default]\n" + keys) ==
          "AKIDFILE");
    CHECK(shown("[default]\n" + program + keys) == "run /bin/prog");
    CHECK(shown("[default]\n" + keys) == "AKIDFILE");
    CHECK(shown("[default]\nregion = eu-west-1\n") == "none");
}

TEST_CASE("known keys can stand in for a fetch") {
    auto found = search("[default]\n" + keys, {}, {}).value();
    REQUIRE(found);
    auto fetch = aws::as_fetch(*std::move(found));
    CHECK(test::fetched(fetch.resume({}, ten)).access_key_id() == "AKIDFILE");
}

TEST_CASE("what is configured wrong ends the search") {
    const auto refusal = [](std::string_view config) {
        const auto found = search(config, "[default]\n" + keys, {{"HOME", "/nowhere"}});
        REQUIRE(found.has_error());
        return found.error().detail;
    };
    CHECK(refusal("[default]\nweb_identity_token_file = /token\n").starts_with("config:2: web_identity_token_file: "));
    CHECK(refusal("[default]\nsso_session = none\n").starts_with("config:2: sso_session: "));
    const auto by_program = search("[default]\ncredential_process = a 'b\n", {}, {});
    REQUIRE(by_program.has_error());
    CHECK(by_program.error().detail.starts_with("config:2: credential_process: "));
}

TEST_CASE("a login of the AWS CLI says how it can be used") {
    const auto found = search("[default]\nlogin_session = arn:aws:iam::1:user/jo\n", {}, {});
    REQUIRE(found.has_error());
    CHECK(found.error() == error::invalid_option);
    CHECK(found.error().detail.find("credential_process = aws configure export-credentials --format process "
                                    "--profile default") != std::string::npos);
    CHECK(shown("[default]\nlogin_session = x\n", "[default]\n" + keys) == "AKIDFILE");
}

TEST_CASE("STS and the portal are where they are configured") {
    const test::temporary_directory directory;
    const auto token = directory.write("token", "jwt");
    const test::variables home{{"HOME", directory.path()}};
    const auto login = aws::sso_token_file("https://x/start", test::made_of(home)).value();
    directory.write(login.substr(directory.path().size() + 1),
                    R"({"accessToken": "t", "expiresAt": "2026-11-20T10:00:01Z"})");
    const std::string identity = "[default]\nrole_arn = arn:x\nweb_identity_token_file = " + token + "\n";
    CHECK(shown(identity, {}, {{"AWS_ENDPOINT_URL_STS", "https://sts.corp"}}) == "sts.corp");
    CHECK(shown(identity + "use_fips_endpoint = true\n") == "sts-fips.eu-west-1.amazonaws.com");
    CHECK(shown("[default]\n" + sso, {}, home) == "portal.sso.eu-west-2.amazonaws.com");
    CHECK(shown("[default]\nendpoint_url = https://all.corp\n" + sso, {}, home) == "all.corp");
    const auto plain = search(identity, {}, {{"AWS_ENDPOINT_URL_STS", "http://sts.corp"}});
    REQUIRE(plain.has_error());
    CHECK(plain.error().detail.starts_with("AWS_ENDPOINT_URL_STS: plain http"));
}

TEST_CASE("STS is asked in a region of AWS") {
    const auto env = test::made_of({});
    const auto none = test::configured("").value();
    CHECK(aws::resolve_sts({.region = "local"}, env, none).value().region == "us-east-1");
    CHECK(aws::resolve_sts({.region = "cn-north-1"}, env, none).value().address.host == "sts.cn-north-1.amazonaws.com.cn");
    CHECK(aws::resolve_sts({}, env, none).error() == error::missing_region);
    CHECK(aws::resolve_sts({}, env, test::configured("[default]\nregion = eu-north-1\n").value()).value().region ==
          "eu-north-1");
}
