#include <dynasession/aws/assume_role_profile.hpp>

#include "configured.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

using namespace dynasession;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view keys = "aws_access_key_id = hidden\naws_secret_access_key = hidden\n";

result<std::optional<aws::role_path>> path_of(std::string_view config, std::string_view credentials = {}) {
    return aws::configured_roles(test::configured(config, credentials).value(), "default");
}

// The roles in their order, and what stands before them.
std::string shown(std::string_view config, std::string_view credentials = {}) {
    const auto path = path_of(config, credentials);
    REQUIRE_MESSAGE(path.has_value(), path.error());
    if (!*path) return "none";
    const auto& p = **path;
    std::string text = p.credential_source.value.empty() ? p.source_profile.value : '<' + p.credential_source.value + '>';
    for (const auto& r : p.roles) text += ' ' + r.arn;
    return text;
}

std::string refusal(std::string_view config, error expected = error::invalid_option) {
    const auto path = path_of(config);
    REQUIRE(path.has_error());
    CHECK(path.error() == expected);
    CHECK(path.error().detail.find("hidden") == std::string::npos);
    return path.error().detail;
}

} // namespace

TEST_CASE("a profile with a role and a source") {
    const auto path = path_of("[default]\nrole_arn = arn:r\nsource_profile = base\nrole_session_name = me\n"
                              "external_id = x&y\nduration_seconds = 1200\n",
                              "[base]\n" + std::string(keys))
                          .value();
    REQUIRE(path);
    REQUIRE(path->roles.size() == 1);
    const auto& r = path->roles.front();
    CHECK(r.arn == "arn:r");
    CHECK(r.session_name == "me");
    CHECK(r.external_id == "x&y");
    CHECK(r.duration == 1200s);
    CHECK(r.source == "config:2: role_arn");
    CHECK(path->source_profile.value == "base");
    CHECK(path->source_profile.source == "config:3: source_profile");
    CHECK(shown("[default]\nrole_arn = arn:r\ncredential_source = EcsContainer\n") == "<EcsContainer> arn:r");
}

TEST_CASE("what is no such profile") {
    CHECK(shown("") == "none");
    CHECK(shown("[default]\nsource_profile = base\n") == "none");
    CHECK(shown("[default]\nrole_arn =\nsource_profile = base\n") == "none");
    CHECK(shown("[default]\nrole_arn = arn:r\nweb_identity_token_file = /token\n") == "none");
}

TEST_CASE("profiles may lead to others that do so") {
    constexpr std::string_view chain = "[default]\nrole_arn = arn:a\nsource_profile = b\n"
                                       "[profile b]\nrole_arn = arn:b\nsource_profile = c\n"
                                       "[profile c]\nrole_arn = arn:c\ncredential_source = Environment\n";
    CHECK(shown(chain) == "<Environment> arn:c arn:b arn:a");
    CHECK(shown(chain, "[b]\n" + std::string(keys)) == "b arn:a"); // keys end the way
    CHECK(shown(chain, "[default]\n" + std::string(keys)) == "<Environment> arn:c arn:b arn:a");
    CHECK(shown("[default]\nrole_arn = arn:a\nsource_profile = b\n"
                "[profile b]\nrole_arn = arn:b\nweb_identity_token_file = /token\n") == "b arn:a");
}

TEST_CASE("a profile may take its own keys for its role") {
    constexpr std::string_view own = "[default]\nrole_arn = arn:a\nsource_profile = default\n";
    CHECK(shown(own, "[default]\n" + std::string(keys)) == "default arn:a");
    CHECK(refusal(own) ==
          "config:3: source_profile: the profiles refer to each other without end: default -> default");
}

TEST_CASE("profiles that refer to each other are refused, keys or not") {
    CHECK(refusal("[default]\nrole_arn = arn:a\nsource_profile = b\n" + std::string(keys) +
                  "[profile b]\nrole_arn = arn:b\nsource_profile = default\n") ==
          "config:8: source_profile: the profiles refer to each other without end: default -> b -> default");
    CHECK(refusal("[default]\nrole_arn = arn:a\nsource_profile = b\n[profile b]\nrole_arn = arn:b\nsource_profile = b\n") ==
          "config:6: source_profile: the profiles refer to each other without end: default -> b -> b");
}

TEST_CASE("a role has one source") {
    CHECK(refusal("[default]\nrole_arn = arn:a\n", error::missing_credentials) ==
          "config:2: role_arn: without a source of credentials: add source_profile or credential_source to the profile");
    CHECK(refusal("[default]\nrole_arn = arn:a\nsource_profile = b\ncredential_source = Environment\n[profile b]\n") ==
          "config:4: credential_source: together with source_profile (config:3: source_profile): remove one of the two");
    CHECK(refusal("[default]\nrole_arn = arn:a\nsource_profile = b\n") ==
          "config:3: source_profile: there is no profile b");
}

TEST_CASE("what a role cannot be assumed with") {
    constexpr std::string_view role = "[default]\nrole_arn = arn:a\ncredential_source = Environment\n";
    CHECK(refusal(std::string(role) + "mfa_serial = arn:aws:iam::1:mfa/jo\n")
              .starts_with("config:4: mfa_serial: roles that want the code of a device (MFA) cannot be assumed here: "));
    CHECK(refusal(std::string(role) + "duration_seconds = 1h\n").starts_with("config:4: duration_seconds: "));
}
