#include <dynasession/aws/process_credentials.hpp>

#include "support/fetch_steps.hpp"

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dynasession;
using namespace std::chrono_literals;

namespace {

const std::string keys = R"({"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "hidden"})";
const std::string origin = "/home/me/.aws/config:7: credential_process";

using steps = test::fetch_steps<aws::fetch_process_credentials>;

steps begin() { return steps(aws::fetch_process_credentials({.arguments = {"keys", "hidden"}}, origin)); }

aws::fetch_reply printed(std::string text, int exit_status = 0) {
    return aws::program_output{exit_status, std::move(text)};
}

result<aws::credentials> run(std::string_view command, std::chrono::milliseconds timeout = 60s) {
    return aws::process_credentials::of(command, origin, timeout).value()();
}

} // namespace

TEST_CASE("process credentials: the program is run, and its output read") {
    auto s = begin();
    CHECK(s.program().arguments == std::vector<std::string>{"keys", "hidden"});
    CHECK(s.program().timeout == 60s);
    CHECK(s.program().max_output == 64 * 1024);
    s.reply(printed(keys + "\n"));
    CHECK(s.credentials().access_key_id() == "AKID");
    CHECK(s.credentials().session_token().empty());
    CHECK_FALSE(s.credentials().expires());
}

TEST_CASE("process credentials: a program that fails is an error, whatever it has printed") {
    CHECK(begin().reply(printed(keys, 3)).failure(error::missing_credentials) ==
          origin + ": keys ended with status 3: run the command by hand to see why");
}

TEST_CASE("process credentials: output that is of no use is an error that repeats nothing of it") {
    CHECK(begin().reply(printed("hidden")).failure(error::missing_credentials) ==
          origin + ": the output of keys: not a JSON object");
    CHECK(begin().reply(printed("")).failure(error::missing_credentials) ==
          origin + ": the output of keys: not a JSON object");
    CHECK(begin().reply(printed(R"({"AccessKeyId": "hidden"})")).failure(error::missing_credentials) ==
          origin + ": the output of keys: the field \"Version\" is not 1, the only one that is known");
    CHECK(begin().reply(printed(R"({"Version": 1, "AccessKeyId": "hidden"})")).failure(error::missing_credentials) ==
          origin + ": the output of keys: the field \"SecretAccessKey\" is missing or empty");
}

TEST_CASE("process credentials: a program that cannot be run is an error that does not pass by itself") {
    const failure absent(error_code(2, boost::system::system_category()), "keys: the program cannot be started");
    CHECK(begin().fail(absent).failure(error::missing_credentials) ==
          origin + ": keys: the program cannot be started (No such file or directory)");
    CHECK(begin().fail({error::timeout, "keys: killed"}).failure(error::timeout) == origin + ": keys: killed");
    CHECK(begin().fail({error::response_too_large, "keys: killed"}).failure(error::response_too_large) ==
          origin + ": keys: killed");
    begin().fail(failure(boost::asio::error::operation_aborted)).failure(boost::asio::error::operation_aborted);
}

TEST_CASE("process credentials: a command that cannot be split is an error that names its place") {
    const auto r = aws::process_credentials::of("keys 'hidden", origin);
    CHECK(r.error() == error::invalid_option);
    CHECK(r.error().detail == origin + ": the command has a single quote that is not closed");
}

TEST_CASE("process credentials come from a program") {
    const auto found = run("printf '%s' '" + keys + "'");
    REQUIRE(found.has_value());
    CHECK(found->access_key_id() == "AKID");
    CHECK(run("sh -c 'exit 4'").error().detail ==
          origin + ": sh ended with status 4: run the command by hand to see why");
    CHECK(run("/nowhere/keys").error() == error::missing_credentials);
    CHECK(run("sleep 100000", 20ms).error() == error::timeout);
    CHECK(run("yes").error() == error::response_too_large);
}
