#include <dynasession/dynamodb/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

using namespace dynasession;
using namespace dynasession::dynamodb;
using aws::retry_reason;

namespace {

constexpr std::string_view put_item = "DynamoDB_20120810.PutItem";

http::response answer(unsigned status, std::string body, std::string_view type_header = {}) {
    http::response r;
    r.status = status;
    r.body = std::move(body);
    if (!type_header.empty()) r.add_header("x-amzn-ErrorType", type_header);
    return r;
}

fault named(std::string_view name, unsigned status = 400, std::string_view message = "why") {
    return read_error(answer(status, R"({"__type":"com.amazonaws.dynamodb.v20120810#)" + std::string(name) +
                                         R"(","message":")" + std::string(message) + "\"}"),
                      put_item);
}

} // namespace

TEST_CASE("every error name of the service has its meaning") {
    struct expectation {
        std::string_view name;
        error code;
        retry_reason retry = retry_reason::never;
        bool ambiguous = false;
    };
    constexpr auto transient = retry_reason::transient;
    constexpr auto throttling = retry_reason::throttling;
    for (const auto& e : {
             expectation{"ConditionalCheckFailedException", error::condition_failed},
             {"ProvisionedThroughputExceededException", error::throttled, throttling},
             {"ThrottlingException", error::throttled, throttling},
             {"Throttling", error::throttled, throttling},
             {"ThrottledException", error::throttled, throttling},
             {"RequestThrottled", error::throttled, throttling},
             {"RequestThrottledException", error::throttled, throttling},
             {"TooManyRequestsException", error::throttled, throttling},
             {"RequestLimitExceeded", error::throttled, throttling},
             {"BandwidthLimitExceeded", error::throttled, throttling},
             {"LimitExceededException", error::throttled, throttling},
             {"SlowDown", error::throttled, throttling},
             {"EC2ThrottledException", error::throttled, throttling},
             {"TransactionInProgressException", error::transaction_conflict, throttling},
             {"TransactionConflictException", error::transaction_conflict, transient},
             {"TransactionCanceledException", error::transaction_cancelled},
             {"InternalServerError", error::service_unavailable, transient, true},
             {"InternalFailure", error::service_unavailable, transient, true},
             {"ServiceUnavailable", error::service_unavailable, transient, true},
             {"RequestTimeout", error::timeout, transient, true},
             {"RequestTimeoutException", error::timeout, transient, true},
             {"PriorRequestNotComplete", error::service_unavailable, transient, true},
             {"ResourceNotFoundException", error::table_not_found},
             {"AccessDeniedException", error::access_denied},
             {"MissingAuthenticationToken", error::access_denied},
             {"IncompleteSignature", error::access_denied},
             {"IncompleteSignatureException", error::access_denied},
             {"NotAuthorized", error::access_denied},
             {"InvalidSignatureException", error::access_denied, retry_reason::signature},
             {"ExpiredTokenException", error::credentials_expired, retry_reason::credentials},
             {"UnrecognizedClientException", error::credentials_expired, retry_reason::credentials},
             {"InvalidClientTokenId", error::credentials_expired, retry_reason::credentials},
             {"RequestTimeTooSkewed", error::clock_skew, retry_reason::clock_skew},
             {"RequestExpired", error::clock_skew, retry_reason::clock_skew},
             {"UnknownOperationException", error::unknown_operation},
             {"ValidationException", error::invalid_request},
             {"SerializationException", error::invalid_request},
             {"ItemCollectionSizeLimitExceededException", error::invalid_request},
             {"IdempotentParameterMismatchException", error::invalid_request},
             {"SomethingNewException", error::invalid_request},
         }) {
        const auto f = named(e.name);
        CHECK_MESSAGE(f.why == e.code, e.name);
        CHECK_MESSAGE(f.retry == e.retry, e.name);
        CHECK_MESSAGE(f.ambiguous == e.ambiguous, e.name);
        CHECK(f.why.detail == std::string(e.name) + ": why");
    }
}

TEST_CASE("an error of unknown name is judged by its status") {
    CHECK(named("New", 500).why == error::service_unavailable);
    CHECK(named("New", 500).ambiguous);
    CHECK(named("New", 503).retry == retry_reason::transient);
    CHECK(named("New", 429).why == error::throttled);
    CHECK(named("New", 403).why == error::access_denied);
    CHECK(named("New", 400).retry == retry_reason::never);
}

TEST_CASE("an answer without a name is judged by its status: it need not come from the service") {
    for (const unsigned status : {500U, 502U, 503U, 504U}) {
        const auto f = read_error(answer(status, "<html>Bad Gateway</html>"), put_item);
        CHECK(f.why == error::service_unavailable);
        CHECK(f.retry == retry_reason::transient);
        CHECK(f.ambiguous);
        CHECK(f.why.detail == "HTTP status " + std::to_string(status));
    }
    CHECK(read_error(answer(429, ""), put_item).retry == retry_reason::throttling);
    CHECK(read_error(answer(408, ""), put_item).why == error::timeout);
    CHECK(read_error(answer(403, "<html>"), put_item).why == error::access_denied);
    CHECK(read_error(answer(404, "<UnknownOperationException/>\n"), put_item).why == error::malformed_response);
    CHECK(read_error(answer(302, ""), put_item).why == error::malformed_response);
    CHECK(read_error(answer(400, R"({"__type":"com.amaz)"), put_item).why == error::malformed_response);
    CHECK(read_error(answer(505, ""), put_item).retry == retry_reason::never);
}

TEST_CASE("the name is in the header first, then in __type, then in code, at the top level only") {
    const auto of = [](std::string body, std::string_view header = {}) {
        return read_error(answer(400, std::move(body), header), put_item).why;
    };
    CHECK(of("{}", "ThrottlingException") == error::throttled);
    CHECK(of("", "ThrottlingException:http://internal.amazon.com/coral/com.amazon.coral.availability/") ==
          error::throttled);
    CHECK(of("", "aws.protocoltests.json10#ThrottlingException:http://x/#y") == error::throttled);
    CHECK(of(R"({"__type":"a#AccessDeniedException"})", "ThrottlingException") == error::throttled);
    CHECK(of(R"({"__type":"a#AccessDeniedException","code":"ThrottlingException"})") == error::access_denied);
    CHECK(of(R"({"code":"ThrottlingException"})") == error::throttled);
    CHECK(of(R"({"__type":7,"code":"a#ThrottlingException:b"})") == error::throttled);
    CHECK(of(R"({"x":{"__type":"ThrottlingException"}})") == error::malformed_response);
    CHECK(of("", "<script>") == error::malformed_response);
    CHECK(of("", std::string(1000, 'x')) == error::malformed_response);
}

TEST_CASE("the message is found in both spellings") {
    CHECK(read_error(answer(400, R"({"__type":"XException","message":"m"})"), put_item).why.detail == "XException: m");
    CHECK(read_error(answer(400, R"({"__type":"XException","Message":"M"})"), put_item).why.detail == "XException: M");
    CHECK(read_error(answer(400, R"({"__type":"XException","message":""})"), put_item).why.detail == "XException");
    CHECK(read_error(answer(400, R"({"__type":"XException","message":{}})"), put_item).why.detail == "XException");
}

TEST_CASE("the detail is one printable line of bounded length") {
    const auto control = named("XException", 400, R"(a\u0000b\u001b[31m\r\n\u007f)").why.detail;
    CHECK(control == "XException: a b [31m   ");
    for (int shift = 0; shift != 3; ++shift) {
        std::string text(static_cast<std::size_t>(shift), 'x');
        for (int i = 0; i != 400; ++i) text += "\xe2\x98\x83";
        const auto detail = named("XException", 400, text).why.detail;
        CHECK(detail.size() <= 512);
        CHECK(detail.size() > 508);
        CHECK(detail.substr(detail.size() - 3) == "\xe2\x98\x83"); // cut between two characters
    }
    CHECK(named("XException", 400, std::string(500, 'a')).why.detail.size() == 512);
    CHECK(named("XException", 400, std::string(501, 'a')).why.detail.size() == 512);
}

TEST_CASE("an item that is too large is told from other invalid requests") {
    CHECK(named("ValidationException", 400, "Item size has exceeded the maximum allowed size").why ==
          error::item_too_large);
    CHECK(named("ValidationException", 400, "Item size to update has exceeded the maximum allowed size").why ==
          error::item_too_large);
}

TEST_CASE("a resource in use is a table that exists only when one is created") {
    const auto body = R"({"__type":"x#ResourceInUseException","message":""})";
    CHECK(read_error(answer(400, body), "DynamoDB_20120810.CreateTable").why == error::table_exists);
    CHECK(read_error(answer(400, body), "DynamoDB_20120810.DeleteTable").why == error::invalid_request);
}

TEST_CASE("a signature that is out of date means a wrong clock") {
    CHECK(named("InvalidSignatureException", 400, "Signature expired: 20261120T100000Z is now earlier than ...").why ==
          error::clock_skew);
    CHECK(named("InvalidSignatureException", 400, "Signature not yet current: ...").why == error::clock_skew);
    CHECK(named("InvalidSignatureException", 400, "The request signature we calculated does not match").why ==
          error::access_denied);
}

TEST_CASE("the item that failed a condition is taken from the error") {
    const auto f = read_error(
        answer(400,
               R"({"__type":"a#ConditionalCheckFailedException","message":"m","Item":{"id":{"S":"x"},"v":{"N":"3"}}})"),
        put_item);
    CHECK(f.why == error::condition_failed);
    REQUIRE(f.item);
    CHECK(f.item->find("v")->as_integer() == 3);

    CHECK_FALSE(named("ConditionalCheckFailedException").item);
    CHECK_FALSE(
        read_error(answer(400, R"({"__type":"a#ConditionalCheckFailedException","Item":{"id":5}})"), put_item).item);
}

TEST_CASE("the reasons of a cancelled transaction are given, with their items") {
    const auto f =
        read_error(answer(400, R"({"__type":"a#TransactionCanceledException","Message":"Transaction cancelled",
        "CancellationReasons":[{"Code":"None"},{"Code":"ConditionalCheckFailed","Message":"The conditional request failed","Item":{"id":{"S":"x"}}}]})"),
                   put_item);
    CHECK(f.why == error::transaction_cancelled);
    CHECK(f.retry == retry_reason::never);
    REQUIRE(f.reasons.size() == 2);
    CHECK(f.reasons[0].code == "None");
    CHECK(f.reasons[1].code == "ConditionalCheckFailed");
    REQUIRE(f.reasons[1].item);
    CHECK(f.reasons[1].item->contains("id"));
}

TEST_CASE("a transaction that only met others or throttling may be tried again") {
    const auto with = [](std::string_view codes) {
        return read_error(answer(400, R"({"__type":"a#TransactionCanceledException","CancellationReasons":)" +
                                          std::string(codes) + "}"),
                          put_item);
    };
    auto f = with(R"([{"Code":"None"},{"Code":"TransactionConflict"}])");
    CHECK(f.why == error::transaction_conflict);
    CHECK(f.retry == retry_reason::transient);
    f = with(R"([{"Code":"ThrottlingError"},{"Code":"TransactionConflict"}])");
    CHECK(f.why == error::throttled);
    CHECK(f.retry == retry_reason::throttling);
    CHECK(with(R"([{"Code":"ProvisionedThroughputExceeded"}])").retry == retry_reason::throttling);
    f = with(R"([{"Code":"ConditionalCheckFailed"},{"Code":"TransactionConflict"}])");
    CHECK(f.why == error::transaction_cancelled);
    CHECK(f.retry == retry_reason::never);
    CHECK(with(R"([{"Code":"ValidationError","Message":"Item size to update has exceeded the maximum allowed size"}])")
              .why == error::item_too_large);
    CHECK(with(R"([{"Code":"ValidationError","Message":"m"},{"Code":"TransactionConflict"}])").why == error::invalid_request);
    CHECK(with(R"([{"Code":"ItemCollectionSizeLimitExceeded"}])").why == error::invalid_request);
    CHECK(with(R"([{"Code":"SomethingNew"},{"Code":"ThrottlingError"}])").why == error::transaction_cancelled);
    CHECK(with("[]").why == error::transaction_cancelled);
    CHECK(with(R"([{"Code":"None"}])").retry == retry_reason::never);
    CHECK(with(R"([{"Code":5}])").reasons.empty());
    CHECK(with("7").why == error::transaction_cancelled);
}

TEST_CASE("the worst reason of a cancelled transaction is part of the detail") {
    const auto f = read_error(
        answer(400, R"({"__type":"a#TransactionCanceledException","Message":"cancelled [TransactionConflict, ValidationError]",
        "CancellationReasons":[{"Code":"TransactionConflict","Message":"busy"},
                               {"Code":"ValidationError","Message":"The parameter cannot be converted to a numeric value: SECRET"}]})"),
        put_item);
    CHECK(f.why.detail == "TransactionCanceledException: cancelled [TransactionConflict, ValidationError] The parameter "
                          "cannot be converted to a numeric value: ...");
}

TEST_CASE("what the service repeats of the request is not in the detail") {
    const auto shown = named("ValidationException", 400, "The parameter cannot be converted to a numeric value: SECRET").why;
    CHECK(shown == error::invalid_request);
    CHECK(shown.detail == "ValidationException: The parameter cannot be converted to a numeric value: ...");
}

TEST_CASE("what a caller can do about an error of the service") {
    using enum condition;
    const auto all = {retryable, condition::conflict, unavailable, corrupt, configuration, too_large};
    struct expectation {
        std::string_view name;
        std::vector<condition> met;
        unsigned status = 400;
    };
    for (const auto& e : {
             expectation{"ConditionalCheckFailedException", {condition::conflict}},
             {"TransactionCanceledException", {condition::conflict}},
             {"TransactionConflictException", {retryable}},
             {"TransactionInProgressException", {retryable}},
             {"ProvisionedThroughputExceededException", {retryable, unavailable}},
             {"ThrottlingException", {retryable, unavailable}},
             {"RequestLimitExceeded", {retryable, unavailable}},
             {"LimitExceededException", {retryable, unavailable}},
             {"InternalServerError", {retryable, unavailable}, 500},
             {"ServiceUnavailable", {retryable, unavailable}, 503},
             {"RequestTimeout", {retryable, unavailable}},
             {"ResourceNotFoundException", {configuration}},
             {"AccessDeniedException", {configuration}},
             {"MissingAuthenticationToken", {configuration}},
             {"InvalidSignatureException", {configuration}},
             {"UnrecognizedClientException", {configuration}},
             {"ExpiredTokenException", {configuration}},
             {"RequestTimeTooSkewed", {configuration}},
             {"UnknownOperationException", {configuration}},
             {"ValidationException", {configuration}},
             {"SerializationException", {configuration}},
             {"ItemCollectionSizeLimitExceededException", {configuration}},
             {"IdempotentParameterMismatchException", {configuration}},
         }) {
        const auto f = named(e.name, e.status);
        for (const auto c : all)
            CHECK_MESSAGE((f.why == c) == (std::ranges::find(e.met, c) != e.met.end()), e.name, " ", static_cast<int>(c));
    }
    CHECK(named("ValidationException", 400, "Item size has exceeded the maximum allowed size").why == too_large);
}

TEST_CASE("an exchange without an answer may be repeated, unless it would fail for ever") {
    for (const auto code :
         {make_error_code(error::timeout), make_error_code(error::connection_closed),
          make_error_code(error::malformed_response), error_code(boost::asio::error::connection_refused),
          error_code(boost::asio::error::host_not_found)})
        CHECK(transport_fault(code, false).retry == retry_reason::transient);
    for (const auto code : {make_error_code(error::tls_failure), make_error_code(error::proxy_refused),
                            make_error_code(error::response_too_large),
                            error_code(boost::asio::error::operation_aborted)})
        CHECK(transport_fault(code, true).retry == retry_reason::never);
    CHECK(transport_fault(error::timeout, true).ambiguous);
    CHECK_FALSE(transport_fault(error::timeout, false).ambiguous);
}

TEST_CASE("the checksum is compared whenever it is there") {
    http::response r;
    r.body = "{}";
    CHECK(checksum_matches(r));
    r.add_header("X-Amz-Crc32", "2745614147");
    CHECK(checksum_matches(r));
    r.body = "{} ";
    CHECK_FALSE(checksum_matches(r));
    for (const std::string_view text : {"2745614148", "-1", "2745614147x", "x", "99999999999", " "}) {
        http::response other;
        other.body = "{}";
        other.add_header("x-amz-crc32", text);
        CHECK_FALSE_MESSAGE(checksum_matches(other), text);
    }
}

#ifdef DYNASESSION_SHARED_DIR
TEST_CASE("the recorded answers of both emulators are understood") {
    const auto path = std::filesystem::path(DYNASESSION_SHARED_DIR) / "fixtures/emulator_responses.json";
    if (!std::filesystem::exists(path)) {
        MESSAGE("skipped: no recorded answers at " << path.string());
        return;
    }
    std::ifstream file(path);
    const auto recorded = boost::json::parse(std::string(std::istreambuf_iterator<char>(file), {}));

    // Where the emulators differ, both are named.
    const std::map<std::string, std::pair<error, error>, std::less<>> expected{
        {"create table that exists", {error::table_exists, error::table_exists}},
        {"conditional check failed (Expected)", {error::condition_failed, error::condition_failed}},
        {"conditional check failed (expression)", {error::condition_failed, error::condition_failed}},
        {"conditional check failed, ALL_OLD asked for", {error::condition_failed, error::condition_failed}},
        {"table missing", {error::table_not_found, error::table_not_found}},
        {"table missing: describe", {error::table_not_found, error::table_not_found}},
        {"item too large: put", {error::item_too_large, error::item_too_large}},
        {"item too large: update", {error::item_too_large, error::item_too_large}},
        {"empty string value", {error::invalid_request, {}}},
        {"empty key", {error::invalid_request, error::invalid_request}},
        {"key too long", {error::invalid_request, error::invalid_request}},
        {"key of wrong type", {error::invalid_request, error::invalid_request}},
        {"number not a number", {error::invalid_request, error::invalid_request}},
        {"reserved word", {error::invalid_request, error::invalid_request}},
        {"transaction cancelled", {error::transaction_cancelled, error::unknown_operation}},
        {"time to live on", {{}, error::unknown_operation}},
        {"batch write, 26 requests", {error::invalid_request, error::invalid_request}},
        {"malformed JSON", {error::service_unavailable, error::invalid_request}},
        {"empty body", {error::service_unavailable, error::invalid_request}},
        {"JSON type error", {error::invalid_request, error::invalid_request}},
        {"unknown operation", {error::unknown_operation, error::unknown_operation}},
        {"no target", {error::service_unavailable, error::unknown_operation}},
        {"no authorization", {error::access_denied, error::access_denied}},
        {"authorization of another kind", {error::service_unavailable, error::access_denied}},
        {"no x-amz-date", {{}, error::access_denied}},
        {"no content type", {{}, error::malformed_response}},
    };
    const auto check = [&](std::string_view emulator, bool first) {
        for (const auto& json : recorded.at(emulator).as_array()) {
            const auto text = [&](const char* name) { return std::string(json.at(name).as_string()); };
            const auto name = text("case");
            INFO(emulator, ": ", name);
            http::response r;
            r.status = static_cast<unsigned>(std::stoul(text("status_line").substr(9)));
            r.body = text("body");
            for (const auto& [header, value] : json.at("headers").as_object())
                r.add_header(header, std::string_view(value.as_string()));
            const bool whole = r.body.find("...(") == std::string::npos; // long ones are recorded in part
            if (whole) CHECK(checksum_matches(r));

            const auto known = expected.find(name);
            const auto code = known == expected.end() ? error{} : first ? known->second.first : known->second.second;
            CHECK((r.status == 200) == (code == error{}));
            if (r.status != 200) {
                const auto f = read_error(r, text("target"));
                CHECK_MESSAGE(f.why == code, f.why.detail);
                CHECK(f.reasons.size() == (code == error::transaction_cancelled ? 2 : 0));
            }
        }
    };
    check("dynamodb_local_2020_01_16", true);
    check("dynalite_4_0_0", false);
}
#endif
