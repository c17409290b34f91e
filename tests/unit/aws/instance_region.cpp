#include <dynasession/aws/instance_region.hpp>

#include "support/fetch_steps.hpp"
#include "support/made_environment.hpp"
#include "support/scripted_server.hpp"

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

using namespace dynasession;
using namespace std::chrono_literals;

namespace {

using steps = test::fetch_steps<aws::fetch_instance_region>;

steps begin(const aws::instance_options& options = {}) {
    return steps(aws::fetch_instance_region(aws::resolve_instance_settings(options, test::made_of({})).value()));
}

steps begin_with_token() { return std::move(begin().answer(200, "tk==")); }

const std::string source = "instance metadata at http://169.254.169.254: ";
const std::string target = "/latest/meta-data/placement/region";
const std::string asking_token = source + "PUT /latest/api/token: ";
const std::string asking_region = source + "GET " + target + ": ";
const std::string hint =
    "; in a container on EC2, raise the instance's HttpPutResponseHopLimit to 2; where there is no metadata service, "
    "set AWS_REGION; where there is one without tokens (IMDSv1), set allow_v1";

std::string region_request(const std::string& token) {
    return "GET " + target + " HTTP/1.1\r\nHost: 169.254.169.254\r\n" +
           (token.empty() ? "" : "x-aws-ec2-metadata-token: " + token + "\r\n") + "\r\n";
}

} // namespace

TEST_CASE("the region of an instance: a token, then the region") {
    auto s = begin();
    CHECK(s.server().message.head.starts_with("PUT /latest/api/token HTTP/1.1\r\n"));
    CHECK(s.server().timeout == 1s);
    CHECK_FALSE(s.server().through_proxy);
    s.answer(200, "tk==");
    CHECK(s.server().message.head == region_request("tk=="));
    CHECK(s.server().message.body.empty());
    CHECK_FALSE(s.server().through_proxy);
    CHECK(s.answer(200, "eu-west-3").value() == "eu-west-3");
    CHECK(begin_with_token().answer(200, "us-gov-east-1\r\n").value() == "us-gov-east-1");
}

TEST_CASE("the region of an instance is asked for without a token only where that is allowed") {
    CHECK(begin().answer(403).failure(error::missing_region) == asking_token + "status 403" + hint);
    CHECK(begin().fail({error::timeout, {}}).failure(error::timeout) ==
          asking_token + "no answer within 1000 ms" + hint);
    auto s = begin({.allow_v1 = true});
    s.answer(404);
    CHECK(s.server().message.head == region_request(""));
    CHECK(s.answer(200, "eu-west-3").value() == "eu-west-3");
}

TEST_CASE("the region of an instance: a token that is not accepted is replaced, once") {
    auto s = begin();
    s.answer(200, "old").answer(401);
    CHECK(s.server().message.head.starts_with("PUT /latest/api/token "));
    s.answer(200, "new");
    CHECK(s.server().message.head == region_request("new"));
    CHECK(s.answer(401).failure(error::missing_region) == asking_region + "status 401");
}

TEST_CASE("the region of an instance: who refuses is not asked again") {
    CHECK(begin_with_token().answer(404).failure(error::missing_region) ==
          asking_region + "status 404: the service names no region: set AWS_REGION");
    CHECK(begin_with_token().answer(403).failure(error::missing_region) == asking_region + "status 403");
    CHECK(begin_with_token().answer(400).failure(error::invalid_request) == asking_region + "status 400");
}

TEST_CASE("the region of an instance goes into host names: what is no region is asked for again, and never told") {
    for (const std::string garbage : {"", "\n", "EU-WEST-3", "eu west 3", "eu-west-3.evil", "eu-west-3/", "a\nb",
                                      "a\r\nb: c", "<html>hidden</html>", "\xc3\xa4"})
        CHECK(begin_with_token()
                  .answer(200, garbage)
                  .pass_pause(100ms)
                  .answer(200, garbage)
                  .pass_pause(200ms)
                  .answer(200, garbage)
                  .failure(error::malformed_response) == asking_region + "the answer is no region");
    CHECK(begin_with_token().answer(200, std::string(64, 'r')).pauses());
    CHECK(begin_with_token().answer(503).pass_pause(100ms).answer(200, "eu-west-3").value() == "eu-west-3");
}

TEST_CASE("the region of an instance: a fetch that is cancelled ends at once") {
    begin().fail(error_code(boost::asio::error::operation_aborted)).failure(boost::asio::error::operation_aborted);
}

namespace {

// Plays the metadata service of an instance in Paris.
test::answer play(const test::received_request& asked) {
    const std::string_view head = asked.head;
    if (head.starts_with("PUT /latest/api/token ")) return test::answer::ok("tk==");
    if (asked.header("x-aws-ec2-metadata-token") != "tk==") return test::answer::with(401, "");
    return head.starts_with("GET " + target + " ") ? test::answer::ok("eu-west-3") : test::answer::with(404, "");
}

result<std::string> ask(const test::scripted_server& server,
                        std::map<std::string, std::string, std::less<>> variables) {
    variables.emplace("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url());
    return aws::instance_region({}, test::made_of(std::move(variables)));
}

} // namespace

TEST_CASE("the region of an instance is fetched from a server") {
    test::scripted_server server(play);
    CHECK(ask(server, {{"AWS_METADATA_SERVICE_TIMEOUT", "30"}}).value() == "eu-west-3");
    CHECK(server.requests().size() == 2);
}

TEST_CASE("the region of an instance is not waited for for ever: then there is no metadata service") {
    test::scripted_server server({test::answer::nothing(test::answer::ending::stall)});
    const auto r = ask(server, {{"AWS_METADATA_SERVICE_TIMEOUT", "0.3"}});
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error() == error::missing_region);
    CHECK(r.error().detail ==
          "instance metadata at " + server.url() + ": PUT /latest/api/token: no answer within 300 ms" + hint);
    CHECK(server.wait_until_closed(1));
    CHECK(server.connections() == 1);
}

TEST_CASE("a metadata service that fails is told from one that is not there") {
    test::scripted_server server({test::answer::with(503, "")});
    const auto r = ask(server, {{"AWS_METADATA_SERVICE_NUM_ATTEMPTS", "1"}, {"AWS_METADATA_SERVICE_TIMEOUT", "30"}});
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error() == error::service_unavailable);
}

TEST_CASE("the region of an instance is not asked for where metadata are turned off, or set wrongly") {
    test::scripted_server server(play);
    const auto off = ask(server, {{"AWS_EC2_METADATA_DISABLED", "true"}});
    REQUIRE_FALSE(off.has_value());
    CHECK(off.error() == error::missing_region);
    CHECK(off.error().detail == "instance metadata: turned off by AWS_EC2_METADATA_DISABLED");
    const auto wrong = ask(server, {{"AWS_METADATA_SERVICE_TIMEOUT", "soon"}});
    REQUIRE_FALSE(wrong.has_value());
    CHECK(wrong.error() == error::invalid_option);
    CHECK(server.connections() == 0);
}
