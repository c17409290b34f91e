#include <dynasession/dynamodb/call.hpp>

#include <dynasession/dynamodb/operations/read_item.hpp>
#include <dynasession/dynamodb/operations/write_item.hpp>

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dynasession;
using namespace dynasession::dynamodb;
using namespace std::chrono_literals;
using namespace std::string_view_literals;

namespace {

using v = attribute_value;
using get_call = call<get_item_request>;
using put_call = call<put_item_request>;

static_assert(op::operation<get_call> && op::operation<put_call>);

double always_half() { return 0.5; }

service make_service(std::string token = {}, call_options options = {}) {
    options.retry.random = always_half;
    return {"dynamodb.us-east-1.amazonaws.com", aws::signer("us-east-1", "dynamodb"),
            aws::credentials("AKIDEXAMPLE", "secret-that-nobody-sees", std::move(token)), options};
}

const get_item_request get{.table_name = "birds", .key = {{"id", v::string("wren")}}, .consistent_read = true};
const put_item_request put{
    .table_name = "birds", .item = {{"id", v::string("wren")}}, .condition_expression = "attribute_not_exists(id)"};

http::reply answer(unsigned status, std::string body) {
    http::response r;
    r.status = status;
    r.body = std::move(body);
    return r;
}

http::reply refusal(std::string_view name, unsigned status = 400) {
    return answer(status, R"({"__type":"a#)" + std::string(name) + R"(","message":"m"})");
}

// Steps a call by hand: a clock that moves only when told.
template <class Call>
struct stepper {
    Call op;
    op::instant now{std::chrono::sys_days(std::chrono::year(2026) / 11 / 20) + 10h,
                    std::chrono::steady_clock::time_point(1h)};
    std::optional<typename Call::action_type> last{};

    void pass(std::chrono::milliseconds time) {
        now.system += time;
        now.steady += time;
    }
    stepper& resume(http::reply reply = {}) {
        // as http::client does
        if (last && last->index() == 0 && reply.answer && !exchange().undamaged(*reply.answer))
            reply = {error::checksum_mismatch, true};
        last.emplace(op.resume(std::move(reply), now));
        return *this;
    }
    const http::exchange& exchange() {
        REQUIRE(last->index() == 0);
        return std::get<0>(*last);
    }
    std::string head() { return exchange().message->head; }
    std::chrono::milliseconds pause() {
        REQUIRE(last->index() == 1);
        return std::get<1>(*last).duration;
    }
    // The pause has passed.
    stepper& wake() {
        pass(pause());
        return resume();
    }
    typename Call::value_type& outcome() {
        REQUIRE(last->index() == 2);
        REQUIRE(std::get<2>(*last).has_value());
        return *std::get<2>(*last);
    }
};

std::string field(const std::string& head, std::string_view name) {
    const auto at = head.find("\r\n" + std::string(name) + ": ");
    if (at == head.npos) return "(none)";
    const auto begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
}

} // namespace

TEST_CASE("a call sends one signed request and reads the answer") {
    const auto s = make_service();
    stepper<get_call> step{{s, get}};
    step.resume();
    const auto head = step.head();
    CHECK(head.starts_with("POST / HTTP/1.1\r\n"));
    CHECK(head.ends_with("\r\n\r\n"));
    CHECK(head.find("\r\n\r\n") == head.size() - 4);
    CHECK(field(head, "host") == "dynamodb.us-east-1.amazonaws.com");
    CHECK(field(head, "content-type") == "application/x-amz-json-1.0");
    CHECK(field(head, "x-amz-target") == "DynamoDB_20120810.GetItem");
    CHECK(field(head, "x-amz-date") == "20261120T100000Z");
    CHECK(field(head, "x-amz-security-token") == "(none)");
    CHECK(field(head, "accept-encoding") == "identity");
    CHECK(field(head, "amz-sdk-request") == "attempt=1; max=4");
    CHECK(field(head, "amz-sdk-invocation-id").size() == 36);
    const auto& body = step.exchange().message->body;
    CHECK(body == R"({"TableName":"birds","Key":{"id":{"S":"wren"}},"ConsistentRead":true})");
    CHECK(field(head, "content-length") == std::to_string(body.size()));
    CHECK(field(head, "authorization")
              .starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/dynamodb/aws4_request, "
                           "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="));
    CHECK(head.find("secret-that") == head.npos);

    step.resume(answer(200, R"({"Item":{"id":{"S":"wren"},"n":{"N":"3"}}})"));
    const auto& outcome = step.outcome();
    REQUIRE(outcome.response.has_value());
    REQUIRE(outcome.response->item);
    CHECK(outcome.response->item->find("n")->as_integer() == 3);
    CHECK(outcome.attempts == 1);
    CHECK_FALSE(outcome.ambiguous);
}

TEST_CASE("the session token is sent and signed") {
    const auto s = make_service("TOKEN");
    stepper<get_call> step{{s, get}};
    const auto head = step.resume().head();
    CHECK(field(head, "x-amz-security-token") == "TOKEN");
    CHECK(field(head, "authorization")
              .find("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target,") !=
          std::string::npos);
}

TEST_CASE("each attempt is dated and signed anew, under the same invocation id, from the same body") {
    const auto s = make_service();
    stepper<get_call> step{{s, get}};
    const auto first = step.resume().head();
    const auto body = step.exchange().message->body;
    step.pass(1s);
    const auto second = step.resume(refusal("InternalServerError", 500)).wake().head();
    CHECK(field(second, "x-amz-date") == "20261120T100001Z");
    CHECK(field(second, "authorization") != field(first, "authorization"));
    CHECK(field(second, "amz-sdk-request") == "attempt=2; max=4");
    CHECK(field(second, "amz-sdk-invocation-id") == field(first, "amz-sdk-invocation-id"));
    CHECK(step.exchange().message->body == body);
}

TEST_CASE("the request stays where it is when the call is moved") {
    const auto s = make_service();
    get_call original(s, get);
    op::instant now{};
    const auto act = original.resume({}, now);
    const auto* message = std::get<0>(act).message;
    const auto head = message->head;
    const auto moved = std::make_unique<get_call>(std::move(original));
    CHECK(message->head == head);
}

TEST_CASE("what may pass by itself is repeated, with pauses that grow, until the attempts are used up") {
    const auto s = make_service();
    const std::vector<http::reply> passing{
        failure(error::timeout),
        failure(error::connection_closed),
        failure(boost::asio::error::connection_refused),
        failure(error::malformed_response),
        refusal("InternalServerError", 500),
        answer(503, "<html>"),
        answer(200, "<html>"),
        answer(200, R"({"Item":{"id":7}})"),
        answer(200, R"({"status":"ok"})"),
        refusal("TransactionConflictException"),
    };
    for (const auto& reply : passing) {
        stepper<get_call> step{{s, get}};
        std::vector<std::chrono::milliseconds> pauses;
        step.resume();
        while (step.resume(reply).last->index() == 1) {
            pauses.push_back(step.pause());
            step.wake();
        }
        CHECK((pauses == std::vector{12ms, 25ms, 50ms}));
        CHECK(step.outcome().attempts == 4);
        REQUIRE_FALSE(step.outcome().response.has_value());
        CHECK(step.outcome().response.error().detail.ends_with("(after 4 attempts)"));
    }
}

TEST_CASE("throttling is met with longer pauses") {
    const auto s = make_service();
    stepper<get_call> step{{s, get}};
    step.resume().resume(refusal("ThrottlingException"));
    CHECK(step.pause() == 500ms);
    step.wake().resume(answer(429, ""));
    CHECK(step.pause() == 1s);
    step.wake().resume(answer(200, "{}"));
    REQUIRE(step.outcome().response.has_value());
    CHECK_FALSE(step.outcome().response->item);
    CHECK(step.outcome().attempts == 3);
    CHECK_FALSE(step.outcome().ambiguous);
}

TEST_CASE("what will not pass by itself ends the call at once") {
    const auto s = make_service();
    for (const auto name :
         {"ConditionalCheckFailedException", "ValidationException", "AccessDeniedException",
          "ResourceNotFoundException", "SerializationException", "ItemCollectionSizeLimitExceededException",
          "TransactionCanceledException", "UnknownOperationException"}) {
        stepper<put_call> step{{s, put}};
        step.resume().resume(refusal(name));
        CHECK_FALSE(step.outcome().response.has_value());
        CHECK(step.outcome().attempts == 1);
        CHECK_FALSE(step.outcome().ambiguous);
        CHECK(step.outcome().response.error().detail == std::string(name) + ": m");
    }
    for (const failure& f : {failure(error::tls_failure), failure(error::response_too_large)}) {
        stepper<put_call> step{{s, put}};
        step.resume().resume(f);
        CHECK(step.outcome().response.error() == f.code);
    }
}

TEST_CASE("a damaged answer is not read but asked for again") {
    const auto s = make_service();
    stepper<get_call> step{{s, get}};
    http::response damaged;
    damaged.status = 200;
    damaged.body = "{}";
    damaged.add_header("x-amz-crc32", "1");
    step.resume().resume(damaged);
    CHECK(step.pause() == 12ms);
    step.wake();
    damaged.status = 400; // checked whatever the status
    damaged.body = R"({"__type":"ConditionalCheckFailedException"})";
    step.resume(damaged).wake().resume(damaged).wake().resume(damaged);
    CHECK(step.outcome().response.error() == error::checksum_mismatch);
    CHECK(step.outcome().ambiguous);
}

TEST_CASE("an answer of another kind is never taken for an absent item") {
    const auto s = make_service();
    for (const std::string body : {"", "null", "[]", "\"\"", "<html></html>", R"({"Items":[]})", R"({"item":{}})",
                                   R"({"Item":[]})", R"({"Item":{"a":1}})", "{} {}"}) {
        stepper<get_call> step{{s, get}};
        step.resume().resume(answer(200, body));
        CHECK_MESSAGE(step.last->index() == 1, body);
    }
    for (const std::string body : {"{}", " {} ", R"({"ConsumedCapacity":{"TableName":"t","CapacityUnits":0.5}})"}) {
        stepper<get_call> step{{s, get}};
        step.resume().resume(answer(200, body));
        REQUIRE_MESSAGE(step.last->index() == 2, body);
        REQUIRE(step.outcome().response.has_value());
        CHECK_FALSE(step.outcome().response->item);
    }
}

TEST_CASE("an attempt has its own deadline, never later than that of the call") {
    const auto s = make_service();
    stepper<get_call> step{{s, get}};
    const auto start = step.now.steady;
    CHECK(step.resume().exchange().deadline == start + 2s);
    step.pass(2s);
    step.resume(http::reply(error::timeout, true)).wake();
    CHECK(step.exchange().deadline == start + 4012ms);
    step.pass(2s);
    step.resume(http::reply(error::timeout, true)).wake();
    CHECK(step.exchange().deadline == start + 5s);
    step.pass(963ms);
    step.resume(http::reply(error::timeout, true));
    CHECK(step.outcome().response.error() == error::timeout);
    CHECK(step.outcome().attempts == 3);
}

TEST_CASE("a call does not pause past its deadline") {
    call_options options;
    options.timeout = 1400ms;
    const auto s = make_service({}, options);
    stepper<get_call> step{{s, get}};
    step.resume().resume(refusal("ThrottlingException")).wake().resume(refusal("ThrottlingException"));
    CHECK(step.outcome().response.error() == error::throttled);
    CHECK(step.outcome().attempts == 2);
}

TEST_CASE("a cancellation ends the call, wherever it is") {
    const auto s = make_service();
    const failure aborted(boost::asio::error::operation_aborted);
    SUBCASE("while a request is under way") {
        stepper<put_call> step{{s, put}};
        step.resume().resume(http::reply(aborted, true));
        CHECK(step.outcome().response.error() == aborted.code);
        CHECK(step.outcome().ambiguous);
    }
    SUBCASE("before it went out") {
        stepper<put_call> step{{s, put}};
        step.resume().resume(aborted);
        CHECK(step.outcome().response.error() == aborted.code);
        CHECK_FALSE(step.outcome().ambiguous);
    }
    SUBCASE("in a pause") {
        stepper<put_call> step{{s, put}};
        step.resume().resume(refusal("ThrottlingException"));
        REQUIRE(step.pause() > 0ms);
        step.resume(aborted);
        CHECK(step.outcome().response.error() == aborted.code);
        CHECK_FALSE(step.outcome().ambiguous);
    }
}

TEST_CASE("a failed condition after an attempt of unknown outcome is marked as such") {
    const auto s = make_service();
    const auto after = [&](http::reply first) {
        stepper<put_call> step{{s, put}};
        step.resume().resume(std::move(first)).wake().resume(refusal("ConditionalCheckFailedException"));
        CHECK(step.outcome().response.error() == error::condition_failed);
        CHECK(step.outcome().attempts == 2);
        return step.outcome().ambiguous;
    };
    CHECK(after(http::reply(error::timeout, true)));
    CHECK(after(http::reply(error::connection_closed, true)));
    CHECK(after(refusal("InternalServerError", 500)));
    CHECK(after(answer(503, "")));
    CHECK(after(answer(200, "not JSON")));
    CHECK_FALSE(after(http::reply(error::timeout, false)));
    CHECK_FALSE(after(failure(boost::asio::error::connection_refused)));
    CHECK_FALSE(after(refusal("ThrottlingException")));
    CHECK_FALSE(after(refusal("TransactionConflictException")));
}

TEST_CASE("a success after an attempt of unknown outcome is marked as well") {
    const auto s = make_service();
    stepper<put_call> step{{s, put}};
    step.resume().resume(http::reply(error::timeout, true)).wake().resume(answer(200, "{}"));
    CHECK(step.outcome().response.has_value());
    CHECK(step.outcome().ambiguous);
}

TEST_CASE("the item that failed the condition comes with the outcome") {
    const auto s = make_service();
    stepper<put_call> step{{s, put}};
    step.resume().resume(
        answer(400, R"({"__type":"a#ConditionalCheckFailedException","Item":{"id":{"S":"wren"},"w":{"S":"mine"}}})"));
    CHECK(step.outcome().response.error() == error::condition_failed);
    REQUIRE(step.outcome().item);
    CHECK(*step.outcome().item->find("w")->as_string() == "mine");
}

TEST_CASE("what cannot be sent is refused before anything is sent") {
    const auto s = make_service();
    stepper<get_call> step{{s, {.table_name = "birds", .key = {{"id", v::string("\xff")}}}}};
    step.resume();
    CHECK(step.outcome().response.error() == error::not_serializable);
    CHECK(step.outcome().attempts == 0);
}

namespace {

// Credentials from a source that numbers them, and begins to fail after so many.
struct numbered_source {
    std::shared_ptr<int> asked = std::make_shared<int>(0);
    int most = 100;
    result<aws::credentials> operator()() {
        if (++*asked > most) return failure(error::missing_credentials, "no more");
        return aws::credentials("AKID" + std::to_string(*asked), "secret");
    }
};

service service_with(aws::credentials_provider credentials) {
    call_options options;
    options.retry.random = always_half;
    return {"host", aws::signer("r", "dynamodb"), std::move(credentials), options};
}

template <class Call>
void await_credentials(stepper<Call>& step) {
    REQUIRE(step.last->index() == 1);
    const auto& p = std::get<1>(*step.last);
    REQUIRE(p.until);
    while (!p.until->is_set()) p.until->wait_for(1s);
    step.resume();
}

std::string key_of(const std::string& head) {
    const auto text = field(head, "authorization");
    const auto begin = text.find("Credential=") + 11;
    return text.substr(begin, text.find('/') - begin);
}

http::reply dated(http::reply r, std::string_view date) {
    r.answer->add_header("Date", date);
    return r;
}

} // namespace

TEST_CASE("a call waits for credentials that have to be fetched, as long as it has time") {
    numbered_source source;
    const auto s = service_with(source);
    stepper<get_call> step{{s, get}};
    step.resume();
    CHECK(step.pause() == 5s);
    await_credentials(step);
    CHECK(key_of(step.head()) == "AKID1");

    stepper<get_call> second{{s, get}}; // finds them there
    CHECK(key_of(second.resume().head()) == "AKID1");
    CHECK(*source.asked == 1);
}

TEST_CASE("credentials that do not come in time, or cannot be had, end the call before anything is sent") {
    SUBCASE("the source fails") {
        const auto s = service_with(numbered_source{.most = 0});
        stepper<get_call> step{{s, get}};
        step.resume();
        await_credentials(step);
        CHECK(step.outcome().response.error() == error::missing_credentials);
        CHECK(step.outcome().response.error().detail == "no more");
    }
    SUBCASE("the source is slow") {
        const auto go = std::make_shared<op::event>();
        const auto s = service_with([go] {
            while (!go->is_set()) go->wait_for(1s);
            return aws::credentials("LATE", "secret");
        });
        stepper<get_call> step{{s, get}};
        step.resume().wake();
        CHECK(step.outcome().response.error() == error::timeout);
        CHECK(step.outcome().response.error().detail == "waiting for credentials");
        go->set();
    }
    SUBCASE("the call is cancelled") {
        const auto s = service_with(numbered_source{});
        stepper<get_call> step{{s, get}};
        step.resume().resume(failure(boost::asio::error::operation_aborted));
        CHECK(step.outcome().response.error() == boost::asio::error::operation_aborted);
    }
}

TEST_CASE("credentials that the service refuses are fetched anew, once") {
    numbered_source source;
    const auto s = service_with(source);
    stepper<get_call> step{{s, get}};
    step.resume();
    await_credentials(step);
    step.resume(refusal("ExpiredTokenException")).wake();
    await_credentials(step);
    CHECK(key_of(step.head()) == "AKID2");
    CHECK(field(step.head(), "amz-sdk-request") == "attempt=2; max=4");

    step.resume(refusal("UnrecognizedClientException"));
    CHECK(step.outcome().response.error() == error::credentials_expired);
    CHECK(step.outcome().attempts == 2);
    CHECK(*source.asked == 2);
}

TEST_CASE("fixed credentials that the service refuses end the call") {
    const auto s = make_service();
    stepper<get_call> step{{s, get}};
    step.resume().resume(refusal("ExpiredTokenException"));
    CHECK(step.outcome().response.error() == error::credentials_expired);
    CHECK(step.outcome().attempts == 1);
}

TEST_CASE("a wrong clock is corrected by the service's, for this call and those after it") {
    const auto s = make_service();
    stepper<get_call> step{{s, get}};
    step.resume().resume(dated(refusal("RequestTimeTooSkewed"), "Fri, 20 Nov 2026 11:00:00 GMT"));
    CHECK(field(step.wake().head(), "x-amz-date") == "20261120T110000Z");
    step.resume(answer(200, "{}"));
    CHECK(step.outcome().response.has_value());

    stepper<get_call> second{{s, get}};
    CHECK(field(second.resume().head(), "x-amz-date") == "20261120T110000Z");
}

TEST_CASE("the clock is corrected once in a call") {
    const auto s = make_service();
    stepper<get_call> step{{s, get}};
    step.resume().resume(refusal("RequestExpired")).wake().resume(refusal("RequestInTheFuture"));
    CHECK(step.outcome().response.error() == error::clock_skew);
    CHECK(step.outcome().attempts == 2);
}

TEST_CASE("a refused signature is blamed on the clock only when that is more than four minutes off") {
    for (const auto& [day, attempts] : {std::pair("Fri, 20 Nov 2026 10:04:00 GMT"sv, 1), {"Fri, 20 Nov 2026 10:04:01 GMT"sv, 2},
                                        {"Fri, 20 Nov 2026 09:55:59 GMT"sv, 2}, {"Fri, 20 Nov 2026 10:00:00 GMT"sv, 1}}) {
        const auto date = day; // Clang 14 captures no structured bindings
        CAPTURE(date);
        const auto s = make_service();
        stepper<get_call> step{{s, get}};
        step.resume().resume(dated(refusal("SignatureDoesNotMatch", 403), date));
        if (attempts == 2) step.wake().resume(dated(refusal("SignatureDoesNotMatch", 403), date));
        CHECK(step.outcome().response.error() == error::access_denied);
        CHECK(step.outcome().attempts == attempts);
    }
}

TEST_CASE("retries of all calls together end with the quota, and successes refill it") {
    const auto s = make_service();
    int retried = 0;
    for (int i = 0; i != 20; ++i) {
        stepper<get_call> step{{s, get}};
        step.resume();
        while (step.resume(answer(500, "")).last->index() == 1) {
            step.wake();
            ++retried;
        }
    }
    CHECK(retried == aws::retry_quota::capacity / 14);

    for (int i = 0; i != 14; ++i) stepper<get_call>{{s, get}}.resume().resume(answer(200, "{}"));
    stepper<get_call> step{{s, get}};
    step.resume().resume(answer(500, "")).wake().resume(answer(200, "{}"));
    CHECK(step.outcome().attempts == 2);
}

TEST_CASE("the service may ask for a longer pause") {
    const auto s = make_service();
    stepper<get_call> step{{s, get}};
    auto r = answer(503, "");
    r.answer->add_header("x-amz-retry-after", "1500");
    step.resume().resume(std::move(r));
    CHECK(step.pause() == 1500ms);
}

TEST_CASE("credentials cannot smuggle a header in") {
    for (const std::string_view token : {"a\r\nx: y"sv, "a\n"sv, "a\0b"sv}) {
        const auto s = make_service(std::string(token));
        stepper<get_call> step{{s, get}};
        CHECK(step.resume().outcome().response.error() == error::invalid_option);
    }
}

namespace {

// What an observer was told, in words of its own: the detail is gone with the call.
struct told {
    request_event event;
    std::string detail;
};

struct recorder {
    std::vector<told>* all;
    bool capacity = false;
    bool wants_capacity() const { return capacity; }
    void operator()(const request_event& e) const { all->push_back({e, std::string(e.detail)}); }
};

struct observed {
    std::vector<told> events{};
    service s;

    explicit observed(bool capacity = false, std::string token = {})
        : s{"dynamodb.us-east-1.amazonaws.com",
            aws::signer("us-east-1", "dynamodb"),
            aws::credentials("AKIDEXAMPLE", "secret-that-nobody-sees", std::move(token)),
            {.retry = {.random = always_half}},
            recorder{&events, capacity}} {}
};

} // namespace

TEST_CASE("an observer is told of a call when it has ended") {
    observed o;
    stepper<get_call> step{{o.s, get}};
    step.resume();
    const auto sent = step.exchange().message->head.size() + step.exchange().message->body.size();
    CHECK(o.events.empty());
    step.pass(30ms);
    http::response found;
    found.status = 200;
    found.body = R"({"Item":{"id":{"S":"wren"}}})";
    found.add_header("Content-Type", "application/x-amz-json-1.0");
    step.resume(found);
    REQUIRE(o.events.size() == 1);
    const auto& e = o.events[0].event;
    CHECK(e.operation == "GetItem");
    CHECK(e.attempts == 1);
    CHECK(e.latency == 30ms);
    CHECK(e.bytes_sent == sent);
    CHECK(e.bytes_received == found.body.size() + found.header_size());
    CHECK_FALSE(e.error);
    CHECK_FALSE(e.ambiguous);
    CHECK_FALSE(e.consumed);
    CHECK(o.events[0].detail.empty());
}

TEST_CASE("an observer sees what a completion with an error_code does not hold") {
    observed o;
    stepper<put_call> step{{o.s, put}};
    step.resume().resume(http::reply(error::timeout, true));
    step.wake().resume(refusal("AccessDeniedException"));
    REQUIRE(o.events.size() == 1);
    const auto& [e, detail] = o.events[0];
    CHECK(e.operation == "PutItem");
    CHECK(e.attempts == 2);
    CHECK(e.latency == 12ms); // the pause
    CHECK(e.error == error::access_denied);
    CHECK(e.ambiguous);
    CHECK(detail == "AccessDeniedException: m (after 2 attempts)");
    CHECK(e.bytes_sent > 2 * step.outcome().attempts * 100);
}

TEST_CASE("calls that end before anything is sent are told as well") {
    observed o;
    stepper<get_call> unsendable{{o.s, {.table_name = "birds", .key = {{"id", v::string("\xff")}}}}};
    unsendable.resume();
    REQUIRE(o.events.size() == 1);
    CHECK(o.events[0].event.error == error::not_serializable);
    CHECK(o.events[0].event.attempts == 0);
    CHECK(o.events[0].event.bytes_sent == 0);

    stepper<get_call> cancelled{{o.s, get}};
    cancelled.resume().resume(failure(boost::asio::error::operation_aborted));
    CHECK(o.events.back().event.error == boost::asio::error::operation_aborted);
    stepper<get_call>{{o.s, get}}.resume(); // given up half-way: it has not ended
    CHECK(o.events.size() == 2);
}

TEST_CASE("what a call costs is asked for when the observer wants it, and only then") {
    observed o(true);
    stepper<get_call> step{{o.s, get}};
    step.resume();
    CHECK(step.exchange().message->body ==
          R"({"TableName":"birds","Key":{"id":{"S":"wren"}},"ConsistentRead":true,"ReturnConsumedCapacity":"TOTAL"})");
    step.resume(answer(200, R"({"ConsumedCapacity":{"TableName":"birds","CapacityUnits":1}})"));
    CHECK(o.events[0].event.consumed == request_units{.read = 1});

    observed unconcerned;
    stepper<get_call> plain{{unconcerned.s, get}};
    CHECK(plain.resume().exchange().message->body.find("Capacity") == std::string::npos);
}

TEST_CASE("an observer that throws does not harm the call") {
    observed o;
    o.s.observer = [](const request_event&) { throw std::runtime_error("no"); };
    stepper<get_call> step{{o.s, get}};
    step.resume().resume(answer(200, "{}"));
    CHECK(step.outcome().response.has_value());
}

TEST_CASE("no id, payload or credential is in an event") {
    observed o(true, "SECRET-TOKEN");
    const put_item_request secret{.table_name = "birds", .item = {{"id", v::string("SECRET-ID")}, {"data", v::number("SECRET-DATA")}}};
    const http::reply replies[] = {
        answer(200, R"({"Attributes":{"id":{"S":"SECRET-ID"}}})"),
        answer(200, R"({"Attributes":{"id":"SECRET-ID"}})"),
        answer(200, "SECRET-ID"),
        answer(502, "<html>SECRET-ID"),
        answer(400, R"({"__type":"a#ConditionalCheckFailedException","message":"m","Item":{"id":{"S":"SECRET-ID"}}})"),
        answer(400, R"({"__type":"a#ValidationException","message":"The parameter cannot be converted to a numeric value: SECRET-DATA"})"),
        answer(400, R"({"__type":"a#InvalidSignatureException","message":"does not match\n\nThe Canonical String for this request should have been\n'POST\n/\n\nx-amz-security-token:SECRET-TOKEN'"})"),
        http::reply(failure(error::timeout), true),
    };
    for (const auto& reply : replies) {
        stepper<put_call> step{{o.s, secret}};
        step.resume();
        while (step.resume(reply).last->index() == 1) step.wake();
        const auto& last = o.events.back();
        CHECK_MESSAGE(last.detail.find("SECRET") == std::string::npos, last.detail);
        CHECK(last.event.operation == "PutItem");
    }
    CHECK(o.events.size() == std::size(replies));
}

TEST_CASE("an item over the limit is not sent") {
    const auto s = make_service();
    stepper<put_call> step{{s, {.table_name = "birds", .item = {{"id", v::string("x")}, {"v", v::binary(std::string(409'600, 'x'))}}}}};
    step.resume();
    CHECK(step.outcome().response.error() == error::item_too_large);
    CHECK(step.outcome().response.error().detail == "the item would take 409604 bytes; DynamoDB stores at most 409600");
    CHECK(step.outcome().attempts == 0);
}
