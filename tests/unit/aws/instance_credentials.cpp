#include <dynasession/aws/instance_credentials.hpp>

#include "support/fetch_steps.hpp"
#include "support/made_environment.hpp"
#include "support/scripted_server.hpp"

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

using namespace dynasession;
using namespace std::chrono_literals;

namespace {

const std::string keys = R"({"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "AKID", "SecretAccessKey": "hidden",
    "Token": "session", "Expiration": "2026-11-20T10:00:00Z", "LastUpdated": "2026-11-20T04:00:00Z"})";

using steps = test::fetch_steps<aws::fetch_instance_credentials>;

aws::instance_settings plain() { return aws::resolve_instance_settings({}, test::made_of({})).value(); }

steps begin(aws::instance_settings settings = plain()) {
    return steps(aws::fetch_instance_credentials(std::move(settings)));
}

steps begin_with_v1() {
    auto settings = plain();
    settings.allow_v1 = true;
    return begin(std::move(settings));
}

const std::string source = "instance metadata at http://169.254.169.254: ";
const std::string roles = "/latest/meta-data/iam/security-credentials/";
const std::string asking_token = source + "PUT /latest/api/token: ";
const std::string asking_role = source + "GET " + roles + ": ";
const std::string asking_keys = source + "GET " + roles + "web: ";
const std::string hint =
    "; in a container on EC2, raise the instance's HttpPutResponseHopLimit to 2; where there is no metadata service, "
    "give other credentials and set AWS_EC2_METADATA_DISABLED=true; where there is one without tokens (IMDSv1), set "
    "allow_v1";

std::string token_request() {
    return "PUT /latest/api/token HTTP/1.1\r\nHost: 169.254.169.254\r\n"
           "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\nContent-Length: 0\r\n\r\n";
}
std::string get_request(const std::string& target, const std::string& token = "tk==") {
    return "GET " + target + " HTTP/1.1\r\nHost: 169.254.169.254\r\n" +
           (token.empty() ? "" : "x-aws-ec2-metadata-token: " + token + "\r\n") + "\r\n";
}

failure refused() { return {boost::asio::error::connection_refused, "connecting to x"}; }

} // namespace

TEST_CASE("instance credentials: a token, the role, its credentials") {
    auto s = begin();
    CHECK(s.server().message.head == token_request());
    CHECK(s.server().message.body.empty());
    CHECK(s.server().server == http::endpoint{.tls = false, .host = "169.254.169.254", .port = 80});
    CHECK(s.server().timeout == 1s);
    CHECK_FALSE(s.server().through_proxy);
    s.answer(200, "tk==");
    CHECK(s.server().message.head == get_request(roles));
    CHECK_FALSE(s.server().through_proxy);
    s.answer(200, "web");
    CHECK(s.server().message.head == get_request(roles + "web"));
    s.answer(200, keys);
    CHECK(s.credentials().access_key_id() == "AKID");
    CHECK(s.credentials().session_token() == "session");
    CHECK(s.credentials().expires().has_value());
}

TEST_CASE("instance credentials that have expired are given on") {
    auto old = keys;
    old.replace(old.find("2026-11-20T10"), 4, "1999");
    CHECK(begin().answer(200, "tk==").answer(200, "web").answer(200, old).credentials().access_key_id() == "AKID");
    CHECK(aws::instance_refresh.keep_expired);
}

TEST_CASE("instance credentials that are turned off are not asked for") {
    auto settings = plain();
    settings.disabled_by = "AWS_EC2_METADATA_DISABLED";
    CHECK(begin(settings).failure(error::missing_credentials) ==
          "instance metadata: turned off by AWS_EC2_METADATA_DISABLED");
}

TEST_CASE("instance credentials: no token is an error with a hint") {
    for (const unsigned status : {403U, 404U, 405U})
        CHECK(begin().answer(status).failure(error::missing_credentials) ==
              asking_token + "status " + std::to_string(status) + hint);
    CHECK(begin().fail({error::timeout, "exchange with x"}).failure(error::timeout) ==
          asking_token + "no answer within 1000 ms" + hint);
    const error_code by_the_system = boost::asio::error::timed_out;
    CHECK(begin().fail(by_the_system).failure(error::timeout) == asking_token + "no answer within 1000 ms" + hint);
}

TEST_CASE("instance credentials: no token is no obstacle where requests without one are allowed") {
    for (const unsigned status : {403U, 404U, 405U, 0U}) {
        auto s = begin_with_v1();
        CHECK(s.server().message.head == token_request());
        status != 0 ? s.answer(status) : s.fail({error::timeout, {}});
        CHECK(s.server().message.head == get_request(roles, ""));
        CHECK(s.answer(200, "web").server().message.head == get_request(roles + "web", ""));
        CHECK(s.answer(200, keys).credentials().access_key_id() == "AKID");
    }
    // An instance that demands tokens, behind a hop limit.
    CHECK(begin_with_v1().answer(403).answer(401).failure(error::missing_credentials) == asking_role + "status 401");
}

TEST_CASE("instance credentials: a request that is refused as wrong is not repeated, nor made in another way") {
    CHECK(begin_with_v1().answer(400).failure(error::invalid_request) == asking_token + "status 400");
    CHECK(begin().answer(200, "tk==").answer(400).failure(error::invalid_request) == asking_role + "status 400");
    CHECK(begin().answer(200, "tk==").answer(200, "web").answer(400).failure(error::invalid_request) ==
          asking_keys + "status 400");
    CHECK(begin_with_v1().answer(302).failure(error::missing_credentials) == asking_token + "status 302");
    CHECK(begin().answer(200, "tk==").answer(403).failure(error::missing_credentials) == asking_role + "status 403");
}

TEST_CASE("instance credentials: a token that is not accepted is replaced, once") {
    auto s = begin();
    s.answer(200, "old").answer(401);
    CHECK(s.server().message.head == token_request());
    s.answer(200, "new");
    CHECK(s.server().message.head == get_request(roles, "new"));
    s.answer(200, "web").answer(200, keys);
    CHECK(s.credentials().access_key_id() == "AKID");

    auto twice = begin();
    twice.answer(200, "old").answer(200, "web").answer(401).answer(200, "new").answer(200, "web");
    CHECK(twice.server().message.head == get_request(roles + "web", "new"));
    CHECK(twice.answer(401).failure(error::missing_credentials) == asking_keys + "status 401");
}

TEST_CASE("instance credentials: an instance without a role is told apart") {
    CHECK(begin().answer(200, "tk==").answer(404).failure(error::missing_credentials) ==
          asking_role + "status 404: the instance has no role: attach an instance profile to it");
    CHECK(begin().answer(200, "tk==").answer(200, "web").answer(404).failure(error::missing_credentials) ==
          asking_keys + "status 404");
}

TEST_CASE("instance credentials: what passes by itself is tried again, each request so often") {
    auto s = begin();
    s.answer(503).pass_pause(100ms).fail(refused()).pass_pause(200ms);
    CHECK(s.server().message.head == token_request());
    s.answer(200, "tk==").answer(429).pass_pause(100ms).fail({error::timeout, {}}).pass_pause(200ms);
    CHECK(s.server().message.head == get_request(roles));
    s.answer(200, "web").answer(500).pass_pause(100ms).fail({error::connection_closed, {}}).pass_pause(200ms);
    CHECK(s.server().message.head == get_request(roles + "web"));
    CHECK(s.answer(200, keys).credentials().access_key_id() == "AKID");
}

TEST_CASE("instance credentials: attempts end, and the last failure is told") {
    auto s = begin();
    s.answer(503).pass_pause(100ms).answer(502).pass_pause(200ms).answer(500);
    CHECK(s.failure(error::service_unavailable) == asking_token + "status 500");

    auto alone = begin();
    alone.fail(refused()).pass_pause(100ms).fail(refused()).pass_pause(200ms).fail(refused());
    CHECK(alone.failure(boost::asio::error::connection_refused) == asking_token + "connecting to x");

    auto settings = plain();
    settings.patience.attempts = 1;
    CHECK(begin(settings).answer(503).failure(error::service_unavailable) == asking_token + "status 503");
    settings.patience.attempts = 10;
    auto patient = begin(settings);
    for (auto longest = 100ms; longest <= 51'200ms; longest *= 2) {
        patient.answer(503);
        if (patient.pauses()) patient.pass_pause(longest);
    }
    CHECK(patient.finished());
}

TEST_CASE("instance credentials: garbage is asked for again, then told without a word of it") {
    const auto three_times = [](steps s, const std::string& garbage) {
        s.answer(200, garbage).pass_pause(100ms).answer(200, garbage).pass_pause(200ms).answer(200, garbage);
        return s.failure(error::malformed_response);
    };
    for (const std::string garbage : {"", "<html> hidden </html>", "to ken", "a\r\nb", "\xc3\xa4"})
        CHECK(three_times(begin(), garbage) == asking_token + "the answer is no token");
    CHECK(three_times(begin(), std::string(1025, 't')) == asking_token + "the answer is no token");

    const auto for_role = [] { return std::move(begin().answer(200, "tk==")); };
    for (const std::string garbage : {"", "\n", "a b", "a/b", "../x", "..", ".", "a?b", "a#b", "a%2fb", "a\r\nb: c",
                                      "a\nb", "<html>hidden</html>", "\xc3\xa4"})
        CHECK(three_times(for_role(), garbage) == asking_role + "the answer is no name of a role");
    CHECK(three_times(for_role(), std::string(129, 'r')) == asking_role + "the answer is no name of a role");

    const auto for_keys = [&] { return std::move(for_role().answer(200, "web")); };
    CHECK(three_times(for_keys(), "hidden") == asking_keys + "not a JSON object");
    CHECK(three_times(for_keys(), "{}") == asking_keys + "the field \"AccessKeyId\" is missing or empty");
}

TEST_CASE("instance credentials: names of roles have the signs of IAM, and may end in a line break") {
    CHECK(begin().answer(200, "tk==").answer(200, "A+=,.@_-9\r\n").server().message.head ==
          get_request(roles + "A+=,.@_-9"));
}

TEST_CASE("instance credentials: a refusal in place of credentials ends the fetch") {
    CHECK(begin()
              .answer(200, "tk==")
              .answer(200, "web")
              .answer(200, R"({"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role web."})")
              .failure(error::missing_credentials)
              .starts_with(asking_keys + "no credentials, but AssumeRoleUnauthorizedAccess: EC2 cannot assume"));
}

TEST_CASE("instance credentials: a fetch that is cancelled ends at once") {
    const failure cancelled(boost::asio::error::operation_aborted);
    begin_with_v1().fail(cancelled).failure(boost::asio::error::operation_aborted);
    auto s = begin();
    s.answer(503);
    CHECK(s.pauses());
    s.fail(cancelled).failure(boost::asio::error::operation_aborted);
}

namespace {

// Plays the metadata service of an instance with the role "web".
test::answer play(const test::received_request& asked) {
    const std::string_view head = asked.head;
    if (head.starts_with("PUT /latest/api/token ")) return test::answer::ok("tk==");
    if (asked.header("x-aws-ec2-metadata-token") != "tk==") return test::answer::with(401, "");
    if (head.starts_with("GET " + roles + " ")) return test::answer::ok("web");
    if (head.starts_with("GET " + roles + "web ")) return test::answer::ok(keys);
    return test::answer::with(404, "");
}

aws::instance_credentials source_at(const test::scripted_server& server, std::chrono::milliseconds timeout = 30s) {
    return aws::instance_credentials(
        aws::resolve_instance_settings({.endpoint = server.url(), .timeout = timeout}, test::made_of({})).value());
}

} // namespace

TEST_CASE("instance credentials are fetched from a server") {
    test::scripted_server server(play);
    const auto found = source_at(server)();
    REQUIRE(found.has_value());
    CHECK(found->access_key_id() == "AKID");
    CHECK(server.requests().size() == 3);
}

TEST_CASE("instance credentials are not waited for for ever") {
    test::scripted_server server({test::answer::nothing(test::answer::ending::stall)});
    CHECK(source_at(server, 300ms)().error() == error::timeout);
    CHECK(server.wait_until_closed(1));
    CHECK(server.connections() == 1); // whoever gives out no token is not asked again
}

TEST_CASE("a provider keeps the credentials of an instance during an outage") {
    const auto is_out = std::make_shared<std::atomic<bool>>(false);
    test::scripted_server server([=](const test::received_request& asked) {
        return is_out->load() ? test::answer::with(503, "") : play(asked);
    });
    const aws::credentials_provider provider(source_at(server), aws::instance_refresh);
    constexpr op::instant early{std::chrono::sys_days(std::chrono::year(2026) / 11 / 20) + 5h, {}};
    const auto first = provider.get(early).value();
    is_out->store(true);
    constexpr op::instant expired{early.system + 24h, {}};
    CHECK_FALSE(provider.cached(expired));
    CHECK(provider.get(expired).value() == first);
    CHECK(provider.cached(expired) == first);
}
