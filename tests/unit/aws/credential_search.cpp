#include <dynasession/aws/credential_search.hpp>

#include "configured.hpp"
#include "support/fetching.hpp"
#include "support/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <variant>

using namespace dynasession;
using test::http_answer, test::asked, test::failed, test::fetched, test::sts_answer, test::ten;

namespace {

const std::string keys = "aws_access_key_id = AKIDFILE\naws_secret_access_key = hidden\n";
const test::variables of_environment{{"AWS_ACCESS_KEY_ID", "AKIDENV"}, {"AWS_SECRET_ACCESS_KEY", "hidden"}};
const test::variables of_container{{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x"}};
const test::variables of_pod{{"AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token"}, {"AWS_ROLE_ARN", "arn:pod"}};
const test::variables no_instance{{"AWS_EC2_METADATA_DISABLED", "true"}};

test::variables both(test::variables a, const test::variables& b) {
    a.insert(b.begin(), b.end());
    return a;
}

struct given {
    std::string config{};
    std::string credentials{};
    test::variables variables{};
    std::string profile{}; ///< named by the program
};

result<aws::found_credentials> search(const given& g) {
    const auto config = test::configured(g.config, g.credentials, g.profile, g.variables).value();
    return aws::credential_search({.region = "eu-west-1"}, test::made_of(g.variables), config).find();
}

// How credentials are fetched that are not known.
aws::credential_fetch fetch_of(const given& g) {
    auto found = search(g);
    REQUIRE_MESSAGE(found.has_value(), found.error());
    REQUIRE(std::holds_alternative<aws::credential_fetch>(found->from));
    return std::get<aws::credential_fetch>(std::move(found->from));
}

// Where the credentials come from: their id, or whom is asked first.
std::string shown(const given& g) {
    const auto found = search(g);
    REQUIRE_MESSAGE(found.has_value(), found.error());
    if (const auto* known = std::get_if<aws::credentials>(&found->from)) return known->access_key_id();
    auto fetch = std::get<aws::credential_fetch>(found->from);
    const auto act = fetch.resume({}, ten);
    return std::holds_alternative<result<aws::credentials>>(act) ? failed(act).detail : asked(act).server.host;
}

failure refusal(const given& g) {
    const auto found = search(g);
    REQUIRE(found.has_error());
    CHECK(found.error().detail.find("hidden") == std::string::npos);
    return found.error();
}

} // namespace

TEST_CASE("the places, in their order") {
    const std::string role = "[default]\nrole_arn = arn:r\ncredential_source = EcsContainer\n";
    const auto all = both(both(of_environment, of_container), of_pod);
    CHECK(shown({role, "[default]\n" + keys, all}) == "AKIDENV");
    CHECK(shown({role, "[default]\n" + keys, both(of_container, of_pod)}) == "169.254.170.2"); // for the role
    CHECK(shown({"", "[default]\n" + keys, both(of_container, of_pod)})
              .starts_with("AWS_WEB_IDENTITY_TOKEN_FILE: /nowhere/token cannot be read"));
    CHECK(shown({"", "[default]\n" + keys, of_container}) == "AKIDFILE");
    CHECK(shown({"", "", of_container}) == "169.254.170.2");
    CHECK(shown({}) == "169.254.169.254");
}

TEST_CASE("a profile that the program names goes before the environment") {
    const std::string named = "[profile named]\n" + keys;
    const auto variables = both(of_environment, of_pod);
    CHECK(shown({named, "", variables, "named"}) == "AKIDFILE");
    CHECK(shown({"[profile named]\nregion = x\n", "", both(variables, of_container), "named"}) == "169.254.170.2");
    // AWS_PROFILE is a part of the environment, whose keys go before it.
    CHECK(shown({named, "", both(variables, {{"AWS_PROFILE", "named"}})}) == "AKIDENV");
    CHECK(shown({named, "", {{"AWS_PROFILE", "named"}}}) == "AKIDFILE");
}

TEST_CASE("keys of the environment that expire are read again") {
    auto variables = of_environment;
    variables["AWS_CREDENTIAL_EXPIRATION"] = "2026-11-20T11:00:00Z";
    auto fetch = fetch_of({"", "", variables});
    CHECK(fetched(fetch.resume({}, ten)).access_key_id() == "AKIDENV");
}

TEST_CASE("a role is assumed with the credentials of its source") {
    const test::temporary_directory directory;
    const auto first_call = [](const given& g) {
        auto fetch = fetch_of(g);
        return asked(fetch.resume({}, ten)).message;
    };
    const std::string role = "[default]\nrole_arn = arn:r\n";

    const auto by_keys = first_call({role + "source_profile = base\n", "[base]\n" + keys, of_pod});
    CHECK(by_keys.head.find("Credential=AKIDFILE/20261120/eu-west-1/sts/") != std::string::npos);
    CHECK(by_keys.body.find("RoleArn=arn%3Ar&") != std::string::npos);

    const auto by_environment = first_call({role + "credential_source = environment\n", "", of_environment, "default"});
    CHECK(by_environment.head.find("Credential=AKIDENV/") != std::string::npos);

    auto by_identity = fetch_of({role + "source_profile = web\n[profile web]\nrole_arn = arn:w\nweb_identity_token_file = " +
                                 directory.write("token", "jwt") + "\n"});
    CHECK(asked(by_identity.resume({}, ten)).message.body.starts_with("Action=AssumeRoleWithWebIdentity&"));
    CHECK(asked(by_identity.resume(sts_answer("AssumeRoleWithWebIdentity", "ASIAWEB"), ten))
              .message.head.find("Credential=ASIAWEB/") != std::string::npos);
    CHECK(fetched(by_identity.resume(sts_answer("AssumeRole"), ten)).access_key_id() == "ASIAROLE");

    CHECK(shown({role + "credential_source = Ec2InstanceMetadata\n"}) == "169.254.169.254");
}

TEST_CASE("a role whose source has nothing to give is an error at once") {
    const std::string role = "[default]\nrole_arn = arn:r\n";
    CHECK(refusal({role + "credential_source = Environment\n"}).detail ==
          "config:3: credential_source: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
    CHECK(refusal({role + "credential_source = EcsContainer\n"})
              .detail.starts_with("config:3: credential_source: neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor "));
    CHECK(refusal({role + "credential_source = Ec2InstanceMetadata\n", "", no_instance}).detail ==
          "config:3: credential_source: turned off by AWS_EC2_METADATA_DISABLED");
    CHECK(refusal({role + "credential_source = Vault\n"}).detail ==
          "config:3: credential_source: none of Environment, EcsContainer and Ec2InstanceMetadata");
    // The web identity of the environment is not that of the other profile.
    CHECK(refusal({role + "source_profile = b\n[profile b]\nregion = x\n", "", of_pod}).detail ==
          "config:3: source_profile: the profile b has no credentials: add some to it");
    CHECK(refusal({role + "source_profile = b\n[profile b]\naws_access_key_id = hidden\n"}) == error::missing_credentials);
}

TEST_CASE("what is configured wrong is never passed over") {
    CHECK(refusal({"", "[default]\n" + keys, {{"AWS_ACCESS_KEY_ID", "hidden"}}}) == error::missing_credentials);
    CHECK(refusal({"", "[default]\n" + keys, {{"AWS_ROLE_ARN", "arn:x"}}}).detail.starts_with("AWS_ROLE_ARN: "));
    CHECK(refusal({"[default]\nrole_arn = arn:r\n", "", of_container}).detail.starts_with("config:2: role_arn: "));
    CHECK(refusal({"", "[default]\naws_secret_access_key = hidden\n", of_container})
              .detail.starts_with("credentials:2: aws_secret_access_key: "));
    CHECK(refusal({"", "", {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/x"}}}) == error::invalid_endpoint);
    CHECK(refusal({"", "", {{"AWS_EC2_METADATA_DISABLED", "maybe"}}}) == error::invalid_option);
}

TEST_CASE("when there are none, all places that were looked at are named") {
    const auto why = refusal({"", "", no_instance});
    CHECK(why == error::missing_credentials);
    CHECK(why.detail ==
          "no credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_WEB_IDENTITY_TOKEN_FILE, the profile default of "
          "config and credentials, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI; instance "
          "metadata is turned off by AWS_EC2_METADATA_DISABLED");
    CHECK(refusal({"[profile p]\n", "", no_instance, "p"}).detail.starts_with("no credentials in the profile p of config and "));
}

TEST_CASE("instance metadata is asked as configured, and its credentials are kept during outages") {
    const auto found = search({"[default]\nec2_metadata_service_endpoint_mode = IPv6\n"});
    REQUIRE(found.has_value());
    CHECK(found->refresh.keep_expired);
    auto fetch = std::get<aws::credential_fetch>(found->from);
    CHECK(asked(fetch.resume({}, ten)).server.host == "fd00:ec2::254");
    CHECK_FALSE(search({"", "", of_container}).value().refresh.keep_expired);
}
