#include <dynasession/aws/profile_keys.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>

using namespace dynasession;

namespace {

result<std::optional<aws::credentials>> keys(std::string_view text) {
    const auto file = aws::profile_file::parse(text, aws::profile_file_kind::credentials, "credentials").value();
    return aws::profile_keys(*file, "default");
}

} // namespace

TEST_CASE("the keys of a profile go together") {
    const auto found = keys("[default]\naws_access_key_id = AKID\nAWS_SECRET_ACCESS_KEY = sec/ret+\naws_session_token=t=\n"
                            "[other]\naws_access_key_id = OTHER\n")
                           .value();
    REQUIRE(found);
    CHECK(found->access_key_id() == "AKID");
    CHECK(found->secret_access_key() == "sec/ret+");
    CHECK(found->session_token() == "t=");
    CHECK_FALSE(found->expires());
}

TEST_CASE("a profile without keys, or with blank ones, has none") {
    CHECK_FALSE(keys("").value());
    CHECK_FALSE(keys("[default]\nregion = x\naws_session_token = t\n").value());
    CHECK_FALSE(keys("[default]\naws_access_key_id =\naws_secret_access_key =\n").value());
}

TEST_CASE("half a pair, and what is no key, are errors with file and line") {
    const auto half = keys("[default]\n\naws_access_key_id = hidden\n").error();
    CHECK(half == error::missing_credentials);
    CHECK(half.detail == "credentials:3: aws_access_key_id: without aws_secret_access_key: add it to the profile");
    CHECK(keys("[default]\naws_secret_access_key = hidden\naws_access_key_id =\n").error().detail ==
          "credentials:2: aws_secret_access_key: without aws_access_key_id: add it to the profile");

    const auto broken = keys("[default]\naws_access_key_id = a\naws_secret_access_key = b\n  hidden\n").error();
    CHECK(broken == error::invalid_option);
    CHECK(broken.detail == "credentials:3: aws_secret_access_key: holds white space or signs outside of ASCII");
    CHECK(keys("[default]\naws_access_key_id = a\naws_secret_access_key = b\naws_session_token = t\xC3\xA4\n").error() ==
          error::invalid_option);
}
