#include <dynasession/aws/fetch_now.hpp>

#include "support/http_calls.hpp"
#include "support/made_environment.hpp"
#include "support/scripted_server.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

using namespace dynasession;
using namespace std::chrono_literals;

namespace {

aws::server_call call_to(const test::scripted_server& server, std::chrono::milliseconds timeout = test::ample) {
    return {.server = test::endpoint_of(server), .message = test::get("/keys"), .timeout = timeout};
}

// Does the one and then ends with what `read` makes of the reply.
class one_effect {
public:
    using effect_type = aws::fetch_effect;
    using reply_type = aws::fetch_reply;
    using value_type = aws::credentials;

    one_effect(aws::fetch_effect effect, std::function<result<aws::credentials>(aws::fetch_reply&&)> read)
        : effect_(std::move(effect)), read_(std::move(read)) {}

    op::action<effect_type, value_type> resume(reply_type&& reply, op::instant) {
        if (step_++ == 0) return op::pause{1ms};
        if (step_ == 2) return effect_;
        return read_(std::move(reply));
    }

private:
    aws::fetch_effect effect_;
    std::function<result<aws::credentials>(aws::fetch_reply&&)> read_;
    int step_ = 0;
};

static_assert(aws::fetch_operation<one_effect>);

} // namespace

TEST_CASE("a fetch asks a server") {
    test::scripted_server server({test::answer::with(418, "body").header("x-kind", "teapot")});
    const auto r = aws::fetch_now(one_effect(call_to(server), [](aws::fetch_reply&& reply) -> result<aws::credentials> {
        CHECK(reply.answer->status == 418);
        CHECK(reply.answer->header("x-kind") == "teapot");
        return aws::credentials(reply.answer->body, "secret");
    }));
    CHECK(r->access_key_id() == "body");
    CHECK(server.requests().at(0).head.starts_with("GET /keys HTTP/1.1\r\n"));
    CHECK(server.wait_until_closed(1));
}

TEST_CASE("a fetch runs a program") {
    const aws::program_call call{.arguments = {"/bin/sh", "-c", "printf out; exit 3"}};
    const auto r = aws::fetch_now(one_effect(call, [](aws::fetch_reply&& reply) -> result<aws::credentials> {
        CHECK(reply.output->exit_status == 3);
        return aws::credentials(reply.output->text, "secret");
    }));
    CHECK(r->access_key_id() == "out");
    CHECK(aws::fetch_io().perform(aws::program_call{.arguments = {"/nowhere/keys"}}).output.has_error());
}

TEST_CASE("a fetch from a server that hangs ends with its time") {
    test::scripted_server server({test::answer::nothing(test::answer::ending::stall)});
    const auto reply = aws::fetch_io().perform(call_to(server, 20ms));
    CHECK(reply.answer.error() == error::timeout);
    CHECK(server.wait_until_closed(1));
}

TEST_CASE("a fetch takes short answers only") {
    const std::string most(64 * 1024, 'a');
    test::scripted_server server({test::answer::ok(most), test::answer::ok(most + 'a')});
    const aws::fetch_io effects;
    CHECK(effects.perform(call_to(server)).answer.has_value());
    CHECK(effects.perform(call_to(server)).answer.error() == error::response_too_large);
}

TEST_CASE("a fetch over TLS trusts the authorities of the options") {
    const test::certificate_authority authority;
    test::scripted_server server({test::answer::ok("body"), test::answer::ok("body")},
                                 {.certificate = authority.issue("IP:127.0.0.1")});
    http::client_options options;
    CHECK(aws::fetch_io(options).perform(call_to(server)).answer.error() == error::tls_failure);
    options.ca_file = authority.file();
    CHECK(aws::fetch_io(options).perform(call_to(server)).answer->body == "body");
    options.ca_file = "/nowhere/authorities.pem";
    CHECK(aws::fetch_io(options).perform(call_to(server)).answer.error() == error::invalid_option);
}

TEST_CASE("a fetch takes authorities from the environment") {
    const test::certificate_authority authority;
    test::scripted_server server({test::answer::ok("body")}, {.certificate = authority.issue("IP:127.0.0.1")});
    const aws::fetch_io effects({}, false, test::made_of({{"AWS_CA_BUNDLE", authority.file()}}));
    CHECK(effects.perform(call_to(server)).answer->body == "body");
    const auto broken = aws::fetch_io({}, false, test::made_of({{"AWS_CA_BUNDLE", "/nowhere"}})).perform(call_to(server));
    CHECK(broken.answer.error().detail.starts_with("AWS_CA_BUNDLE: "));
}

TEST_CASE("services are asked through a proxy, metadata servers never") {
    test::scripted_server proxy({test::answer::with(403, "")});
    test::scripted_server metadata({test::answer::ok("body")});
    const auto url = "http://127.0.0.1:" + std::to_string(test::endpoint_of(proxy).port);
    aws::server_call to_service{.server = {.host = "sts.test"}, .message = test::get("/"), .timeout = test::ample};
    to_service.through_proxy = true;

    const aws::fetch_io effects({}, false, test::made_of({{"HTTPS_PROXY", url}}));
    CHECK(effects.perform(to_service).answer.error() == error::proxy_refused);
    CHECK(proxy.requests().at(0).head.starts_with("CONNECT sts.test:443 "));

    http::client_options options;
    options.proxy = url;
    CHECK(aws::fetch_io(options).perform(call_to(metadata)).answer->body == "body");
    CHECK(proxy.requests().size() == 1);
}
