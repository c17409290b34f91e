#include <dynasession/aws/assume_role_credentials.hpp>

#include "support/fetching.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dynasession;
using test::http_answer, test::asked, test::failed, test::fetched, test::paused, test::sts_answer, test::sts_error, test::ten;

namespace {

// A source that asks its server once.
class one_request {
public:
    using effect_type = aws::fetch_effect;
    using reply_type = aws::fetch_reply;
    using value_type = aws::credentials;

    test::fetch_action resume(aws::fetch_reply&& reply, op::instant) {
        if (!std::exchange(asked_, true)) return aws::fetch_effect(aws::server_call{.server = {.host = "source"}});
        if (!reply.answer) return result<aws::credentials>(reply.answer.error());
        return result<aws::credentials>(aws::credentials("AKIASOURCE", "secret"));
    }

private:
    bool asked_ = false;
};

using assumed = aws::fetch_role_credentials<one_request>;
static_assert(aws::fetch_operation<assumed>);

assumed fetch(std::vector<aws::role> roles) {
    return assumed({}, {{.host = "sts.eu-west-1.amazonaws.com"}, "eu-west-1"}, std::move(roles));
}

bool is_signed_by(const aws::server_call& call, std::string_view key_id) {
    return call.message.head.find("Credential=" + std::string(key_id) + "/") != std::string::npos;
}

} // namespace

TEST_CASE("each role is assumed with the credentials of the one before") {
    auto f = fetch({{.arn = "first"}, {.arn = "second"}});
    CHECK(asked(f.resume({}, ten)).server.host == "source");
    auto call = asked(f.resume(http_answer(200), ten));
    CHECK(call.message.body.find("RoleArn=first&") != std::string::npos);
    CHECK(is_signed_by(call, "AKIASOURCE"));
    call = asked(f.resume(sts_answer("AssumeRole", "ASIAFIRST"), ten));
    CHECK(call.message.body.find("RoleArn=second&") != std::string::npos);
    CHECK(is_signed_by(call, "ASIAFIRST"));
    CHECK(call.message.head.find("x-amz-security-token: role+token==\r\n") != std::string::npos);
    CHECK(fetched(f.resume(sts_answer("AssumeRole", "ASIASECOND"), ten)).access_key_id() == "ASIASECOND");
}

TEST_CASE("without a role the source's own are the credentials") {
    auto f = fetch({});
    asked(f.resume({}, ten));
    CHECK(fetched(f.resume(http_answer(200), ten)).access_key_id() == "AKIASOURCE");
}

TEST_CASE("the first failure is the end") {
    auto f = fetch({{.arn = "first"}});
    asked(f.resume({}, ten));
    CHECK(failed(f.resume(failure(error::timeout), ten)) == error::timeout);

    auto g = fetch({{.arn = "first", .source = "config:2: role_arn"}, {.arn = "second"}});
    asked(g.resume({}, ten));
    asked(g.resume(http_answer(200), ten));
    const auto why = failed(g.resume(sts_error(403, "AccessDenied", "no"), ten));
    CHECK(why == error::access_denied);
    CHECK(why.detail.starts_with("config:2: role_arn: AssumeRole at sts.eu-west-1.amazonaws.com: AccessDenied: no"));
}

TEST_CASE("each role has attempts of its own") {
    auto f = fetch({{.arn = "first"}, {.arn = "second"}});
    asked(f.resume({}, ten));
    asked(f.resume(http_answer(200), ten));
    for (int role = 0; role != 2; ++role) {
        paused(f.resume(http_answer(503), ten));
        asked(f.resume({}, ten));
        paused(f.resume(http_answer(503), ten));
        asked(f.resume({}, ten));
        if (role == 0) asked(f.resume(sts_answer("AssumeRole"), ten));
    }
    fetched(f.resume(sts_answer("AssumeRole"), ten));
}

TEST_CASE("a fetch that is copied before it begins can be made again") {
    const auto prototype = fetch({{.arn = "first"}});
    for (int i = 0; i != 2; ++i) {
        auto f = prototype;
        asked(f.resume({}, ten));
        asked(f.resume(http_answer(200), ten));
        fetched(f.resume(sts_answer("AssumeRole"), ten));
    }
}
