#include <dynasession/aws/credential_chain.hpp>

#include "configured.hpp"
#include "support/fetching.hpp"
#include "support/http_calls.hpp"
#include "support/scripted_server.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace dynasession;
using test::ten;

namespace {

aws::environment none() { return test::made_of({{"AWS_EC2_METADATA_DISABLED", "true"}}); }

} // namespace

TEST_CASE("what a program gives goes before everything") {
    const auto env = test::made_of({{"AWS_ACCESS_KEY_ID", "half"}});
    const auto provider = aws::resolve_credentials(aws::credentials("AKIDGIVEN", "secret"), {}, env).value();
    CHECK(provider.cached(ten)->access_key_id() == "AKIDGIVEN");
    CHECK(aws::resolve_credentials({}, {}, env).error() == error::missing_credentials);
}

TEST_CASE("a source of the user's own is all that there is to write") {
    const auto provider =
        aws::resolve_credentials([] { return aws::credentials("AKIDOWN", "secret"); }, {}, none()).value();
    CHECK(provider.cached(ten) == nullptr);
    CHECK(provider.get(ten).value()->access_key_id() == "AKIDOWN");
}

TEST_CASE("keys are there at once, and stay") {
    const auto config = test::configured("", "[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key = x\n").value();
    const auto provider = aws::resolve_credentials({}, {}, none(), config).value();
    const auto keys = provider.cached(ten);
    REQUIRE(keys);
    CHECK(keys->access_key_id() == "AKIDFILE");
    CHECK_FALSE(provider.reject(keys));
}

TEST_CASE("others are fetched when they are wanted") {
    const auto config =
        test::configured("[default]\ncredential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"AKIDPROGRAM\", "
                          "\"SecretAccessKey\": \"x\"}'\n")
            .value();
    const auto provider = aws::resolve_credentials({}, {}, none(), config).value();
    CHECK(provider.cached(ten) == nullptr);
    CHECK(provider.get(ten).value()->access_key_id() == "AKIDPROGRAM");
}

TEST_CASE("each fetch begins anew") {
    const aws::fetching source{aws::fetch_known_credentials(aws::credentials("AKID", "secret"))};
    static_assert(aws::credentials_source<aws::fetching<aws::fetch_known_credentials>>);
    for (int i = 0; i != 2; ++i) CHECK(source().value().secret_access_key() == "secret");
}

TEST_CASE("nothing anywhere is told when the client is made, not at its first call") {
    CHECK(aws::resolve_credentials({}, {}, none()).error() == error::missing_credentials);
}

TEST_CASE("a role of a profile, assumed at STS over the wire") {
    test::scripted_server sts(
        {test::answer::with(503, ""), test::answer::ok(test::sts_answer("AssumeRole", "ASIAWIRE").body)});
    const auto env = test::made_of({{"AWS_ENDPOINT_URL_STS", sts.url()}, {"AWS_REGION", "eu-west-1"}});
    const auto config = test::configured("[default]\nrole_arn = arn:r\nsource_profile = base\n",
                                         "[base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = x\n")
                            .value();
    const auto provider = aws::resolve_credentials({}, {}, env, config).value();
    CHECK(sts.requests().empty()); // nothing is asked before it is wanted
    CHECK(provider.get(ten).value()->access_key_id() == "ASIAWIRE");
    REQUIRE(sts.requests().size() == 2);
    CHECK(sts.requests()[1].body.find("RoleArn=arn%3Ar&") != std::string::npos);
    CHECK(sts.requests()[1].header("authorization").find("Credential=AKIDBASE/") != std::string::npos);
}
