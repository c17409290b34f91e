#include <dynasession/aws/sts.hpp>

#include "support/fetching.hpp"

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

using namespace dynasession;
using namespace std::chrono_literals;
using test::after, test::http_answer, test::asked, test::failed, test::fetched, test::paused, test::sts_answer,
    test::sts_error, test::ten;

namespace {

const aws::sts_endpoint ireland{{.host = "sts.eu-west-1.amazonaws.com"}, "eu-west-1"};
const aws::role reader{.arn = "arn:aws:iam::123456789012:role/reader",
                       .session_name = "web@1",
                       .source = "/home/jo/.aws/config:3: role_arn"};

aws::sts_call signed_call(const aws::role& r = reader, std::string token = {}) {
    return aws::assume_role(ireland, r, {"AKIAOWN", "own/secret", std::move(token)});
}

aws::sts_call unsigned_call() { return aws::assume_role_with_web_identity(ireland, reader, "a.b-c_d+e/f="); }

std::string parameter(const std::string& form, std::string_view name) {
    const auto at = form.find('&' + std::string(name) + '=');
    if (at == form.npos) return "(none)";
    const auto value = at + name.size() + 2;
    return form.substr(value, form.find('&', value) - value);
}

// What the first attempt ends with when it gets this reply.
test::fetch_action first_reply(aws::sts_call& call, aws::fetch_reply reply) {
    asked(call.resume({}, ten));
    return call.resume(std::move(reply), after(1s));
}

failure failure_after(aws::fetch_reply reply) {
    auto call = signed_call();
    return failed(first_reply(call, std::move(reply)));
}

} // namespace

TEST_CASE("AssumeRole is a signed form") {
    auto call = signed_call();
    const auto sent = asked(call.resume({}, ten));
    CHECK(sent.server == ireland.address);
    CHECK(sent.through_proxy);
    CHECK(sent.timeout == 5s);
    CHECK(sent.message.body == "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2F"
                               "reader&RoleSessionName=web%401");
    // The signature was computed with another implementation (Python).
    CHECK(sent.message.head ==
          "POST / HTTP/1.1\r\nHost: sts.eu-west-1.amazonaws.com\r\naccept-encoding: identity\r\nuser-agent: dynasession\r\n"
          "content-type: application/x-www-form-urlencoded; charset=utf-8\r\nx-amz-date: 20261120T100000Z\r\n"
          "authorization: AWS4-HMAC-SHA256 Credential=AKIAOWN/20261120/eu-west-1/sts/aws4_request, "
          "SignedHeaders=content-type;host;x-amz-date, "
          "Signature=3852659ea180b677e34dc2df20c49d9dbb66affc9f05b782eea8b34286ed6e82\r\nContent-Length: " +
              std::to_string(sent.message.body.size()) + "\r\n\r\n");
}

TEST_CASE("a session token of the own credentials is sent and signed") {
    auto call = signed_call(reader, "own+token");
    const auto head = asked(call.resume({}, ten)).message.head;
    CHECK(head.find("\r\nx-amz-security-token: own+token\r\n") != head.npos);
    CHECK(head.find("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token,") != head.npos);
}

TEST_CASE("AssumeRoleWithWebIdentity is not signed") {
    auto call = unsigned_call();
    const auto sent = asked(call.resume({}, ten));
    CHECK(sent.message.head.find("authorization") == std::string::npos);
    CHECK(sent.message.head.find("x-amz-") == std::string::npos);
    CHECK(sent.message.body.starts_with("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&"));
    CHECK(parameter(sent.message.body, "WebIdentityToken") == "a.b-c_d%2Be%2Ff%3D");
}

TEST_CASE("what may be left out") {
    auto r = reader;
    r.session_name.clear();
    const auto form_of = [](aws::sts_call call) { return asked(call.resume({}, ten)).message.body; };
    auto form = form_of(signed_call(r));
    const auto made_up = parameter(form, "RoleSessionName");
    CHECK(made_up.starts_with("dynasession-"));
    CHECK(made_up.size() == 28);
    CHECK(parameter(form, "DurationSeconds") == "(none)");
    CHECK(parameter(form, "ExternalId") == "(none)");

    r.duration = 1h;
    r.external_id = "a&b=c";
    form = form_of(signed_call(r));
    CHECK(parameter(form, "DurationSeconds") == "3600");
    CHECK(parameter(form, "ExternalId") == "a%26b%3Dc");
    CHECK(parameter(form, "RoleSessionName") != made_up);
}

TEST_CASE("the credentials are read from the answer") {
    for (const std::string action : {"AssumeRole", "AssumeRoleWithWebIdentity"}) {
        auto call = action == "AssumeRole" ? signed_call() : unsigned_call();
        const auto got = fetched(first_reply(call, sts_answer(action)));
        CHECK(got.access_key_id() == "ASIAROLE");
        CHECK(got.secret_access_key() == "role/secret");
        CHECK(got.session_token() == "role+token==");
        CHECK(got.expires() == ten.system + 1h);
    }
}

TEST_CASE("a refusal is told with STS' own words and where the role was configured") {
    const auto why = failure_after(sts_error(403, "AccessDenied", "User: x is not authorized to perform: sts:AssumeRole"));
    CHECK(why == error::access_denied);
    CHECK(why.detail == "/home/jo/.aws/config:3: role_arn: AssumeRole at sts.eu-west-1.amazonaws.com: AccessDenied: "
                        "User: x is not authorized to perform: sts:AssumeRole");
}

TEST_CASE("refusals end the call at once") {
    const auto code_of = [](unsigned status, const char* code) {
        return failure_after(sts_error(status, code, "m")).code;
    };
    CHECK(code_of(400, "ExpiredTokenException") == error::credentials_expired);
    CHECK(code_of(403, "ExpiredToken") == error::credentials_expired);
    CHECK(code_of(403, "InvalidClientTokenId") == error::credentials_expired);
    CHECK(code_of(400, "InvalidIdentityToken") == error::access_denied);
    CHECK(code_of(403, "IDPRejectedClaim") == error::access_denied);
    CHECK(code_of(403, "RegionDisabledException") == error::access_denied);
    CHECK(code_of(403, "SomethingNew") == error::access_denied);
    CHECK(code_of(400, "ValidationError") == error::invalid_request);
    CHECK(failure_after(http_answer(400, "<html>")).code == error::malformed_response);
    CHECK(failure_after(http_answer(302)).code == error::malformed_response);
    CHECK(failure_after(failure(error::tls_failure)).code == error::tls_failure);
    CHECK(failure_after(failure(boost::asio::error::operation_aborted)).code == boost::asio::error::operation_aborted);
}

TEST_CASE("what STS repeats of the request is not told") {
    const auto why = failure_after(sts_error(400, "ValidationError",
                                             "1 validation error detected: Value 'hidden' at 'webIdentityToken' failed to "
                                             "satisfy constraint: Member must have length less than or equal to 20000"));
    CHECK(why.detail.find("hidden") == std::string::npos);
    CHECK(why.detail.ends_with("at 'webIdentityToken' failed to satisfy constraint: Member must have length less than or "
                               "equal to 20000"));
}

TEST_CASE("what passes by itself is tried three times in all, with pauses in between") {
    const aws::fetch_reply replies[] = {http_answer(503), sts_error(400, "IDPCommunicationError", "m"),
                                        sts_error(400, "Throttling", "Rate exceeded"), failure(error::timeout),
                                        http_answer(200, "not XML"), sts_answer("AssumeRoleWithSAML")};
    for (const auto& passing : replies) {
        auto call = signed_call();
        CHECK(paused(first_reply(call, passing)) <= 1s);
        CHECK(asked(call.resume({}, after(2s))).message.head.find("20261120T100002Z") != std::string::npos);
        CHECK(fetched(call.resume(sts_answer("AssumeRole"), after(3s))).access_key_id() == "ASIAROLE");

        auto hopeless = signed_call();
        paused(first_reply(hopeless, passing));
        asked(hopeless.resume({}, ten));
        paused(hopeless.resume(aws::fetch_reply(passing), ten));
        asked(hopeless.resume({}, ten));
        failed(hopeless.resume(aws::fetch_reply(passing), ten));
    }
}

TEST_CASE("the last failure is what is told") {
    auto call = signed_call();
    paused(first_reply(call, failure(error::timeout)));
    asked(call.resume({}, ten));
    paused(call.resume(http_answer(503), ten));
    asked(call.resume({}, ten));
    const auto why = failed(call.resume(http_answer(200, "<a/>"), ten));
    CHECK(why == error::malformed_response);
    CHECK(why.detail.find("AWS_ENDPOINT_URL_STS") != std::string::npos);
}

TEST_CASE("each field of the answer is needed") {
    for (const std::string field : {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}) {
        auto r = sts_answer("AssumeRole");
        const auto at = r.body.find("<" + field + ">") + field.size() + 2;
        r.body.erase(at, r.body.find("</" + field + ">") - at);
        auto call = signed_call();
        CHECK_MESSAGE(paused(first_reply(call, r)) < 1s, field);
    }
}

TEST_CASE("a cancelled call ends in its pause") {
    auto call = signed_call();
    paused(first_reply(call, http_answer(503)));
    CHECK(failed(call.resume(failure(boost::asio::error::operation_aborted), ten)).code ==
          boost::asio::error::operation_aborted);
}

TEST_CASE("a machine whose clock is wrong signs with the time of STS") {
    constexpr auto eleven = "Fri, 20 Nov 2026 11:00:01 GMT";
    for (const std::string code : {"RequestExpired", "SignatureDoesNotMatch"}) {
        auto call = signed_call();
        paused(first_reply(call, sts_error(403, code, "m", eleven)));
        CHECK(asked(call.resume({}, after(2s))).message.head.find("20261120T110002Z") != std::string::npos);
        // The clock is right now: another refusal has another reason.
        CHECK(failed(call.resume(sts_error(403, code, "m", "Fri, 20 Nov 2026 11:00:03 GMT"), after(3s))).code ==
              (code == "RequestExpired" ? error::clock_skew : error::access_denied));
    }
    CHECK(failure_after(sts_error(403, "SignatureDoesNotMatch", "m", "Fri, 20 Nov 2026 10:00:01 GMT")).code ==
          error::access_denied);
    CHECK(failure_after(sts_error(403, "RequestExpired", "m")).code == error::clock_skew);
}

TEST_CASE("credentials that would break the head are refused before anything is sent") {
    auto call = signed_call(reader, "token\r\nx: y");
    const auto why = failed(call.resume({}, ten));
    CHECK(why == error::invalid_request);
    CHECK(why.detail.starts_with("/home/jo/.aws/config:3: role_arn: "));
    CHECK(why.detail.find("x: y") == std::string::npos);
}

TEST_CASE("a call that is copied before it begins can be made again") {
    const auto prototype = unsigned_call();
    for (int i = 0; i != 2; ++i) {
        auto call = prototype;
        fetched(first_reply(call, sts_answer("AssumeRoleWithWebIdentity")));
    }
}
