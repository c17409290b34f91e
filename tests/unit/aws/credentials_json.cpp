#include <dynasession/aws/credentials_json.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>

using namespace dynasession;

namespace {

// What a metadata server sends, with single quotes.
std::string json(std::string text) {
    for (auto& c : text)
        if (c == '\'') c = '"';
    return text;
}

const std::string complete = json("{'Code': 'Success', 'LastUpdated': '2026-11-20T04:00:00Z', 'Type': 'AWS-HMAC',"
                                  " 'AccessKeyId': 'AKID', 'SecretAccessKey': 'hidden/+', 'Token': 'token==',"
                                  " 'Expiration': '2026-11-20T10:00:00Z'}");

// The complete text with one part of it changed.
std::string with(const std::string& part, const std::string& other) {
    auto text = complete;
    const auto at = text.find(json(part));
    REQUIRE(at != text.npos);
    return text.replace(at, part.size(), json(other));
}

std::string failure_of(std::string text, error expected, const aws::credentials_form& form = aws::metadata_form) {
    const auto r = aws::read_credentials_json(std::move(text), form);
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error() == expected);
    CHECK(r.error().detail.find("hidden") == std::string::npos);
    return r.error().detail;
}

std::string damage_of(std::string text, const aws::credentials_form& form = aws::metadata_form) {
    return failure_of(std::move(text), error::malformed_response, form);
}

} // namespace

TEST_CASE("credentials JSON of instance metadata is read") {
    const auto found = aws::read_credentials_json(complete, aws::metadata_form);
    REQUIRE(found.has_value());
    CHECK(found->access_key_id() == "AKID");
    CHECK(found->secret_access_key() == "hidden/+");
    CHECK(found->session_token() == "token==");
    CHECK(found->expires() == std::chrono::sys_days(std::chrono::year(2026) / 11 / 20) + std::chrono::hours(10));
}

TEST_CASE("credentials JSON of a container has no code, and other fields") {
    CHECK(aws::read_credentials_json(with("'Code': 'Success'", "'RoleArn': 'arn:aws:iam::1:role/x', 'Roles': [1]"),
                                     aws::metadata_form)
              .has_value());
}

TEST_CASE("credentials JSON of a program needs neither token nor expiry") {
    const auto given = json("{'Version': 1, 'AccessKeyId': 'AKID', 'SecretAccessKey': 'hidden'}");
    const auto found = aws::read_credentials_json(given, aws::process_form);
    REQUIRE(found.has_value());
    CHECK(found->session_token().empty());
    CHECK_FALSE(found->expires());

    const auto null = aws::read_credentials_json(
        json("{'Version': 1, 'AccessKeyId': 'a', 'SecretAccessKey': 'b', 'SessionToken': null, 'Expiration': null}"),
        aws::process_form);
    REQUIRE(null.has_value());
    CHECK(null->session_token().empty());
    CHECK_FALSE(null->expires());

    const auto full = aws::read_credentials_json(json("{'Version': 1, 'AccessKeyId': 'a', 'SecretAccessKey': 'b',"
                                                      " 'SessionToken': 't', 'Token': 'no', 'Expiration':"
                                                      " '2026-11-20T10:00:00.5+01:00'}\n"),
                                                 aws::process_form);
    REQUIRE(full.has_value());
    CHECK(full->session_token() == "t");
    CHECK(full->expires() == std::chrono::sys_days(std::chrono::year(2026) / 11 / 20) + std::chrono::hours(9));
}

TEST_CASE("credentials JSON of a program has version 1") {
    const auto refused = "the field \"Version\" is not 1, the only one that is known";
    for (const auto* version : {"", "'Version': 2,", "'Version': '1',", "'Version': null,"})
        CHECK(damage_of(json(std::string("{") + version + "'AccessKeyId': 'AKID', 'SecretAccessKey': 'hidden'}"),
                        aws::process_form) == refused);
}

TEST_CASE("credentials JSON that has expired is read, for its reader to judge") {
    const auto found = aws::read_credentials_json(with("2026-11-20T10", "2009-02-13T23"), aws::metadata_form);
    REQUIRE(found.has_value());
    CHECK(found->expires() == std::chrono::sys_days(std::chrono::year(2009) / 2 / 13) + std::chrono::hours(23));
}

TEST_CASE("what is no credentials JSON is refused without a word of it") {
    CHECK(damage_of("") == "not a JSON object");
    CHECK(damage_of("<html>hidden</html>") == "not a JSON object");
    CHECK(damage_of("[1, 2]") == "not a JSON object");
    CHECK(damage_of(complete + "hidden") == "not a JSON object");
    CHECK(damage_of(complete.substr(0, complete.size() - 1)) == "not a JSON object");
    CHECK(damage_of(std::string(10'000, '[')) == "not a JSON object");
    CHECK(damage_of(complete + std::string(aws::max_credentials_json, ' ')) == "longer than 64 KiB");
}

TEST_CASE("credentials JSON with a field that is missing or wrong is refused, and the field is named") {
    for (const std::string field : {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}) {
        CAPTURE(field);
        const auto at = "the field \"" + field + "\" ";
        CHECK(damage_of(with("'" + field + "'", "'" + std::string(field.size(), 'x') + "'")) ==
              at + "is missing or empty");
        const auto value_at = complete.find('"', complete.find(field) + field.size() + 1);
        const auto value_end = complete.find('"', value_at + 1) + 1;
        const auto with_value = [&](std::string_view value) {
            return complete.substr(0, value_at) + std::string(value) + complete.substr(value_end);
        };
        CHECK(damage_of(with_value("12")) == at + "is no text");
        CHECK(damage_of(with_value("null")) == at + "is missing or empty");
        CHECK(damage_of(with_value("\"\"")) == at + "is missing or empty");
        const auto worst = field == "Expiration" ? "is no time such as 2026-11-20T10:00:00Z"
                                                 : "holds white space or signs outside of ASCII";
        CHECK(damage_of(with_value(R"("a\r\nX-Injected: hidden")")) == at + worst);
        CHECK(damage_of(with_value(R"("a\u0000b")")) == at + worst);
        CHECK(damage_of(with_value("\"\xc3\xa4\"")) == at + worst);
    }
}

TEST_CASE("a refusal in place of credentials is told, on one line and not at length") {
    const auto refused = [](std::string text) { return failure_of(json(std::move(text)), error::missing_credentials); };
    CHECK(refused("{'Code': 'Failed', 'Message': 'for\\nsome reason', 'SecretAccessKey': 'hidden'}") ==
          "no credentials, but Failed: for?some reason");
    CHECK(refused("{'code': 'AccessDenied', 'message': 'no role'}") == "no credentials, but AccessDenied: no role");
    CHECK(refused("{'Code': 'Failed'}") == "no credentials, but Failed");
    CHECK(refused("{'Code': 'AssumeRoleUnauthorizedAccess', 'Message': 'EC2 cannot assume the role x.'}") ==
          "no credentials, but AssumeRoleUnauthorizedAccess: EC2 cannot assume the role x.; let the role trust the "
          "service ec2.amazonaws.com");
    CHECK(refused("{'Code': 'Failed', 'Message': '" + std::string(5000, 'm') + "'}").size() < 300);
}
