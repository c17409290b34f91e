#include <dynasession/dynamodb/error_label.hpp>

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string_view>

using namespace dynasession;
using namespace dynasession::dynamodb;

TEST_CASE("every error that a call can end with has a label of its own") {
    CHECK(error_label(error::throttled) == "throttled");
    CHECK(error_label(error::condition_failed) == "condition_failed");
    CHECK(error_label(error::proxy_refused) == "proxy_refused");
    CHECK(error_label(error::unknown_operation) == "unknown_operation");
    CHECK(std::set<std::string_view>(error_labels.begin(), error_labels.end()).size() == error_labels.size());
}

TEST_CASE("all others share three") {
    CHECK(error_label(boost::asio::error::connection_refused) == "network");
    CHECK(error_label(boost::asio::error::host_not_found) == "network");
    CHECK(error_label(boost::asio::error::operation_aborted) == "cancelled");
    CHECK(error_label(error::lock_lost) == "other");
    CHECK(error_label(error_code(9999, error_category())) == "other");
}

TEST_CASE("there is a label for whatever code there may be") {
    CHECK(error_label({}) == "none");
    for (int value = 1; value != 200; ++value)
        CHECK(std::ranges::count(error_labels, error_label(error_code(value, error_category()))) == 1);
}
