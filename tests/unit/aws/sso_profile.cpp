#include <dynasession/aws/sso_profile.hpp>

#include "configured.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>

using namespace dynasession;

namespace {

result<std::optional<aws::sso_profile>> found(std::string_view config, const test::variables& variables = {{"HOME", "/home/jo"}}) {
    return aws::configured_sso(test::made_of(variables), test::configured(config).value(), "default");
}

failure refusal(std::string_view config) {
    const auto r = found(config);
    REQUIRE(r.has_error());
    return r.error();
}

const std::string with_session = "[default]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\n";
const std::string corp = "[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n";

} // namespace

TEST_CASE("a profile that names a session takes start URL and region from it") {
    const auto p = found(with_session + corp).value();
    REQUIRE(p);
    CHECK(p->profile == "default");
    CHECK(p->account_id == "123456789012");
    CHECK(p->role_name == "Reader");
    CHECK(p->region == "eu-west-1");
    CHECK(p->source == "config:2: sso_session");
    // sha1sum of "corp"
    CHECK(p->token_file == "/home/jo/.aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json");
    CHECK(found(with_session + "sso_region = eu-west-1\n" + corp).value()); // said twice, and the same
}

TEST_CASE("a profile without a session has them itself") {
    const auto p = found("[default]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n"
                         "sso_account_id = 1\nsso_role_name = Reader\n")
                       .value();
    REQUIRE(p);
    CHECK(p->region == "eu-west-1");
    CHECK(p->token_file == "/home/jo/.aws/sso/cache/a51746d4aa793ae07b25e90c3a5db96fc7832bd7.json");
}

TEST_CASE("a profile with none of it is none, and one with a part of it is an error") {
    CHECK_FALSE(found("[default]\nregion = eu-west-1\nsso_region = eu-west-1\n").value());
    CHECK(refusal("[default]\nsso_session = corp\n" + corp).detail ==
          "config:2: sso_session: gives credentials only together with sso_account_id: add it to the profile");
    CHECK(refusal("[default]\nsso_session = corp\nsso_account_id = 1\n" + corp).detail ==
          "config:2: sso_session: gives credentials only together with sso_role_name: add it to the profile");
    CHECK(refusal("[default]\nsso_role_name = x\nsso_account_id = 1\n").detail ==
          "config:3: sso_account_id: gives credentials only together with sso_start_url: add it to the profile");
    CHECK(refusal("[default]\nsso_start_url = x\nsso_role_name = x\nsso_account_id = 1\n").detail ==
          "config:2: sso_start_url: gives credentials only together with sso_region: add it to the profile");
}

TEST_CASE("a session has to be there, and to agree with the profile") {
    CHECK(refusal(with_session).detail ==
          "config:2: sso_session: there is no section [sso-session corp] with sso_start_url: run aws configure sso");
    CHECK(refusal(with_session + "[sso-session corp]\nsso_start_url = x\n").detail ==
          "config:2: sso_session: there is no section [sso-session corp] with sso_region: run aws configure sso");
    CHECK(refusal(with_session + "sso_region = eu-west-2\n" + corp).detail ==
          "config:5: sso_region: differs from config:7: sso_region: remove one of the two");
    CHECK(refusal(with_session) == error::invalid_option);
}

TEST_CASE("without HOME nobody knows where the token is") {
    const auto why = found(with_session + corp, {}).error();
    CHECK(why == error::missing_credentials);
    CHECK(why.detail == "config:2: sso_session: HOME is not set, below which SSO tokens are kept");
}
