#include <dynasession/aws/service_fault.hpp>

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

using namespace dynasession;
using aws::retry_reason;

TEST_CASE("a known name says more than the status") {
    const auto f = aws::service_fault_of(400, "Throttling", "Rate exceeded");
    CHECK(f.why == error::throttled);
    CHECK(f.why.detail == "Throttling: Rate exceeded");
    CHECK(f.retry == retry_reason::throttling);
    CHECK(aws::service_fault_of(400, "IDPCommunicationError", "").retry == retry_reason::transient);
    CHECK(aws::service_fault_of(500, "AccessDenied", "").retry == retry_reason::never);
}

TEST_CASE("without one the status speaks") {
    CHECK(aws::service_fault_of(503, "", "").why == error::service_unavailable);
    CHECK(aws::service_fault_of(503, "", "").why.detail == "HTTP status 503");
    CHECK(aws::service_fault_of(503, "NewError", "x").retry == retry_reason::transient);
    CHECK(aws::service_fault_of(429, "", "").retry == retry_reason::throttling);
    CHECK(aws::service_fault_of(408, "", "").why == error::timeout);
    CHECK(aws::service_fault_of(403, "", "").why == error::access_denied);
    CHECK(aws::service_fault_of(400, "NewError", "").why == error::invalid_request);
    CHECK(aws::service_fault_of(400, "", "").why == error::malformed_response); // somebody else answered
}

TEST_CASE("the name of an error stands between others") {
    CHECK(aws::error_name("com.amazonaws.sso#ForbiddenException:http://internal/") == "ForbiddenException");
    CHECK(aws::error_name("ForbiddenException") == "ForbiddenException");
    CHECK(aws::error_name("").empty());
}

TEST_CASE("some failures to get an answer are the same the next time") {
    for (const auto& final : {failure(error::tls_failure), failure(error::proxy_refused), failure(error::invalid_request),
                              failure(error::response_too_large), failure(boost::asio::error::operation_aborted)})
        CHECK(aws::service_fault_of(final).retry == retry_reason::never);
    for (const auto& passing : {failure(error::timeout), failure(error::connection_closed),
                                failure(boost::asio::error::connection_refused), failure(error::malformed_response)})
        CHECK(aws::service_fault_of(passing).retry == retry_reason::transient);
    CHECK(aws::service_fault_of(failure(error::timeout, "why")).why.detail == "why");
}
