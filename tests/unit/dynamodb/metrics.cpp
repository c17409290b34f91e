#include <dynasession/dynamodb/metrics.hpp>

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace dynasession;
using namespace dynasession::dynamodb;
using namespace std::chrono_literals;

namespace {

std::string written(const metrics& m) {
    std::string out;
    m.write_prometheus(out);
    return out;
}

// Whether the text has this line.
bool has(const std::string& text, std::string_view line) {
    return text.find("\n" + std::string(line) + "\n") != text.npos;
}

std::size_t count(std::string_view text, std::string_view part) {
    std::size_t n = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
    return n;
}

} // namespace

TEST_CASE("what happened is counted for each operation") {
    const metrics m;
    CHECK(m.read().empty());
    m({.operation = "GetItem", .attempts = 1, .latency = 3ms, .bytes_sent = 700, .bytes_received = 300, .consumed = request_units{.read = 0.5}});
    m({.operation = "GetItem", .attempts = 1, .latency = 4ms, .bytes_sent = 700, .bytes_received = 100, .consumed = request_units{.read = 1}});
    m({.operation = "PutItem", .attempts = 3, .latency = 2s, .error = error::timeout, .ambiguous = true});
    m({.operation = "PutItem", .attempts = 1, .latency = 1ms, .error = error::condition_failed});
    m({.operation = "PutItem", .attempts = 2, .latency = 1ms, .consumed = request_units{.write = 2}});

    const auto all = m.read();
    REQUIRE(all.size() == 2);
    const auto& get = all[0];
    CHECK(get.operation == "GetItem");
    CHECK(get.requests == 2);
    CHECK(get.retries == 0);
    CHECK(get.ambiguous == 0);
    CHECK(get.bytes_sent == 1400);
    CHECK(get.bytes_received == 400);
    CHECK(get.consumed == request_units{.read = 1.5});
    CHECK(get.latency == 7ms);
    CHECK(get.errors.empty());

    const auto& put = all[1];
    CHECK(put.requests == 3);
    CHECK(put.retries == 3);
    CHECK(put.ambiguous == 1);
    CHECK(put.consumed == request_units{.write = 2});
    CHECK(put.errors == std::vector<std::pair<std::string_view, std::uint64_t>>{{"condition_failed", 1}, {"timeout", 1}});
}

TEST_CASE("a latency is counted in the first bucket that it fits in") {
    const metrics m;
    for (const auto latency : {std::chrono::nanoseconds(0), std::chrono::nanoseconds(-1), std::chrono::nanoseconds(1ms), 1ms + 1ns, std::chrono::nanoseconds(10s), 10s + 1ns})
        m({.operation = "Scan", .latency = latency});
    const auto buckets = m.read().front().buckets;
    REQUIRE(buckets.size() == metrics::latency_bounds.size() + 1);
    CHECK(buckets.front() == 3);
    CHECK(buckets[1] == 1);
    CHECK(buckets[buckets.size() - 2] == 1);
    CHECK(buckets.back() == 1);
}

TEST_CASE("the labels are bounded, whatever operations and errors there are") {
    const metrics m;
    for (int i = 0; i != 300; ++i) {
        const std::string operation = "Operation" + std::to_string(i);
        m({.operation = operation, .attempts = 1, .error = error_code(i + 1, error_category())});
        m({.operation = operation, .attempts = 1, .error = error_code(i + 1, boost::asio::error::get_misc_category())});
    }
    const auto all = m.read();
    REQUIRE(all.size() == 1);
    CHECK(all[0].operation == "other");
    CHECK(all[0].requests == 600);
    CHECK(all[0].errors.size() <= error_labels.size());
    std::uint64_t errors = 0;
    for (const auto& [label, n] : all[0].errors) errors += n;
    CHECK(errors == 600);
}

TEST_CASE("copies share what they count") {
    const metrics m;
    const any_observer given_away = m;
    CHECK(given_away.wants_capacity());
    given_away({.operation = "GetItem", .attempts = 1});
    CHECK(m.read().front().requests == 1);
    CHECK_FALSE(any_observer(metrics({.consumed_capacity = false})).wants_capacity());
}

TEST_CASE("no call is lost when many threads count") {
    const metrics m;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t != 4; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i != 5000; ++i)
                    m({.operation = "GetItem", .attempts = 2, .latency = 1ns, .bytes_sent = 3, .consumed = request_units{.read = 0.5}, .error = error::throttled});
            });
    }
    const auto all = m.read();
    CHECK(all[0].requests == 20'000);
    CHECK(all[0].retries == 20'000);
    CHECK(all[0].bytes_sent == 60'000);
    CHECK(all[0].latency == 20us);
    CHECK(all[0].consumed.read == 10'000);
    CHECK(all[0].errors.front().second == 20'000);
}

TEST_CASE("Prometheus is given what was counted") {
    const metrics m;
    m({.operation = "GetItem", .attempts = 1, .latency = 3ms, .bytes_sent = 700, .bytes_received = 300, .consumed = request_units{.read = 0.5}});
    m({.operation = "GetItem", .attempts = 2, .latency = 30ms, .error = error::throttled});
    m({.operation = "PutItem", .attempts = 1, .latency = 11s, .error = error::timeout, .ambiguous = true});
    const auto text = written(m);
    CHECK(text.starts_with("# HELP dynasession_dynamodb_requests_total "));
    CHECK(has(text, "# TYPE dynasession_dynamodb_requests_total counter\ndynasession_dynamodb_requests_total{operation=\"GetItem\"} 2\n"
                    "dynasession_dynamodb_requests_total{operation=\"PutItem\"} 1"));
    CHECK(has(text, R"(dynasession_dynamodb_request_errors_total{operation="GetItem",error="throttled"} 1)"));
    CHECK(has(text, R"(dynasession_dynamodb_request_errors_total{operation="PutItem",error="timeout"} 1)"));
    CHECK(has(text, R"(dynasession_dynamodb_retries_total{operation="GetItem"} 1)"));
    CHECK(has(text, R"(dynasession_dynamodb_ambiguous_requests_total{operation="PutItem"} 1)"));
    CHECK(has(text, R"(dynasession_dynamodb_sent_bytes_total{operation="GetItem"} 700)"));
    CHECK(has(text, R"(dynasession_dynamodb_received_bytes_total{operation="GetItem"} 300)"));
    CHECK(has(text, R"(dynasession_dynamodb_consumed_read_units_total{operation="GetItem"} 0.5)"));
    CHECK(has(text, R"(dynasession_dynamodb_consumed_write_units_total{operation="GetItem"} 0)"));
    CHECK(text.ends_with("\n"));
    CHECK(count(text, "# HELP ") == 9);
    CHECK(count(text, "# TYPE ") == 9);
}

TEST_CASE("a histogram is cumulative, and its last bucket holds all") {
    const metrics m;
    for (const auto latency : {1ms, 3ms, 4ms, 30ms, 11'000ms}) m({.operation = "GetItem", .latency = latency});
    const auto text = written(m);
    const auto bucket = [](std::string_view le, int n) {
        return "dynasession_dynamodb_request_duration_seconds_bucket{operation=\"GetItem\",le=\"" + std::string(le) + "\"} " + std::to_string(n);
    };
    CHECK(has(text, "# TYPE dynasession_dynamodb_request_duration_seconds histogram"));
    CHECK(has(text, bucket("0.001", 1)));
    CHECK(has(text, bucket("0.0025", 1)));
    CHECK(has(text, bucket("0.005", 3)));
    CHECK(has(text, bucket("0.025", 3)));
    CHECK(has(text, bucket("0.05", 4)));
    CHECK(has(text, bucket("1", 4)));
    CHECK(has(text, bucket("10", 4)));
    CHECK(has(text, bucket("+Inf", 5)));
    CHECK(has(text, R"(dynasession_dynamodb_request_duration_seconds_sum{operation="GetItem"} 11.038)"));
    CHECK(has(text, R"(dynasession_dynamodb_request_duration_seconds_count{operation="GetItem"} 5)"));
}

TEST_CASE("the labels of the options stand at every sample") {
    const metrics m({.consumed_capacity = false, .labels = {{"client", "e\"u"}, {"zone", "1"}}});
    m({.operation = "GetItem", .attempts = 1, .error = error::throttled});
    const auto text = written(m);
    CHECK(has(text, R"(dynasession_dynamodb_requests_total{client="e\"u",zone="1",operation="GetItem"} 1)"));
    CHECK(count(text, "\ndynasession_") == count(text, R"({client="e\"u",zone="1",)"));
    CHECK(text.find("units") == text.npos);
}

TEST_CASE("a label that would break the text is refused with its name") {
    for (const std::string name : {"", "a-b", "__x", "operation", "error", "le"}) {
        try {
            const metrics m({.labels = {{name, "x"}}});
            FAIL("accepted: " << name);
        } catch (const session_error& e) {
            CHECK(e.code() == error::invalid_option);
            CHECK(e.detail().find("metrics_options::labels: '" + name + "'") != std::string::npos);
        }
    }
}

TEST_CASE("nothing was counted: there is a text all the same") {
    const auto text = written(metrics());
    CHECK(count(text, "# TYPE ") == 9);
    CHECK(count(text, "\n") == 18);
}
