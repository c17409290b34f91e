#ifndef DYNASESSION_DYNAMODB_METRICS_HPP
#define DYNASESSION_DYNAMODB_METRICS_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/detail/prometheus_text.hpp>
#include <dynasession/dynamodb/capacity.hpp>
#include <dynasession/dynamodb/error_label.hpp>
#include <dynasession/dynamodb/observer.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace dynasession::inline v0::dynamodb {

struct metrics_options {
    /// Have the service tell what each call costs.
    bool consumed_capacity = true;

    /// Stand at each line of `write_prometheus`, to tell several clients of a program apart: {"client", "eu"}.
    std::vector<std::pair<std::string, std::string>> labels{};
};

/// What the calls of one operation came to since the metrics were made.
struct operation_metrics {
    std::string_view operation{};
    std::uint64_t requests = 0; ///< calls that have ended, however often they were tried
    std::uint64_t retries = 0;
    std::uint64_t ambiguous = 0; ///< calls that may have been carried out without an answer that says so
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    request_units consumed{};
    std::chrono::nanoseconds latency{}; ///< of all calls together

    /// How many calls lasted up to each of `metrics::latency_bounds` and longer than to the one before; the last: longer.
    std::vector<std::uint64_t> buckets{};

    /// By `error_label`, where there were any.
    std::vector<std::pair<std::string_view, std::uint64_t>> errors{};
};

/// An observer that counts, and writes what it has counted for Prometheus.
///
/// ```
/// dynamodb::metrics m;
/// dynamodb_session_store store{{.table_name = "sessions", .observer = m}};
/// ...
/// m.write_prometheus(answer.body());   // of the route /metrics, sent as m.content_type
/// ```
///
/// Copies share their counters, so that one can be given away and another be asked; and one can watch several clients.
/// The labels are bounded: the operations of this library and "other", `error_labels`, and those of the options.
///
/// *Cost:* a call takes eight additions to relaxed atomics; the counters take 6 KB.
///
/// *Thread safety:* may be used from many threads at once.
class metrics {
public:
    /// The upper bounds of the buckets in which latencies are counted.
    static constexpr std::array latency_bounds{
        std::chrono::microseconds(1'000),     std::chrono::microseconds(2'500),   std::chrono::microseconds(5'000),
        std::chrono::microseconds(10'000),    std::chrono::microseconds(25'000),  std::chrono::microseconds(50'000),
        std::chrono::microseconds(100'000),   std::chrono::microseconds(250'000), std::chrono::microseconds(500'000),
        std::chrono::microseconds(1'000'000), std::chrono::microseconds(2'500'000),
        std::chrono::microseconds(5'000'000), std::chrono::microseconds(10'000'000)};

    static constexpr std::string_view content_type = detail::prometheus_text::content_type;

    /// *Errors:* throws `session_error` with `invalid_option`: a label has a name that Prometheus does not take, or one
    /// of ours.
    explicit metrics(metrics_options options = {}) : counters_(std::make_shared<counters>()) {
        counters_->wants_capacity = options.consumed_capacity;
        for (const auto& [name, value] : options.labels) {
            if (!detail::prometheus_text::is_label_name(name) || name == "operation" || name == "error" || name == "le")
                throw session_error({error::invalid_option, "metrics_options::labels: '" + name +
                                                                "' cannot be the name of a label"});
            auto& text = counters_->labels;
            text.append(text.empty() ? "" : ",").append(name).append("=\"");
            text.append(detail::prometheus_text::escaped(value)).append(1, '"');
        }
    }

    bool wants_capacity() const noexcept { return counters_->wants_capacity; }

    /// Counts a call.
    void operator()(const request_event& e) const noexcept {
        auto& c = counters_->of(e.operation);
        const auto bucket = std::ranges::lower_bound(latency_bounds, e.latency) - latency_bounds.begin();
        add(c.buckets[static_cast<std::size_t>(bucket)], 1);
        add(c.nanoseconds, static_cast<std::uint64_t>(std::max(e.latency, e.latency.zero()).count()));
        if (e.attempts > 1) add(c.retries, e.attempts - 1);
        if (e.ambiguous) add(c.ambiguous, 1);
        add(c.bytes_sent, e.bytes_sent);
        add(c.bytes_received, e.bytes_received);
        if (e.consumed) {
            add(c.read_units, e.consumed->read);
            add(c.write_units, e.consumed->write);
        }
        if (e.error) add(c.errors[error_label_index(e.error)], 1);
    }

    /// What was counted, for each operation that was called. Calls that end meanwhile may be counted in part.
    std::vector<operation_metrics> read() const {
        std::vector<operation_metrics> all;
        for (std::size_t i = 0; i != operations.size(); ++i)
            if (auto m = read(operations[i], counters_->each[i]); m.requests != 0) all.push_back(std::move(m));
        return all;
    }

    /// Appends what was counted, in Prometheus' text exposition format 0.0.4.
    void write_prometheus(std::string& out) const;

private:
    static constexpr std::array<std::string_view, 16> operations{
        "GetItem",      "PutItem",      "UpdateItem",     "DeleteItem",         "TransactWriteItems", "Query",
        "Scan",         "BatchGetItem", "BatchWriteItem", "CreateTable",        "DeleteTable",        "DescribeTable",
        "ListTables",   "UpdateTimeToLive", "DescribeTimeToLive", "other"};

    using counter = std::atomic<std::uint64_t>;

    // Each on cache lines of its own.
    struct alignas(64) operation_counters {
        std::array<counter, latency_bounds.size() + 1> buckets{};
        counter nanoseconds{}, retries{}, ambiguous{}, bytes_sent{}, bytes_received{};
        std::atomic<double> read_units{}, write_units{};
        std::array<counter, error_labels.size()> errors{};
    };

    struct counters {
        operation_counters& of(std::string_view operation) noexcept {
            const auto known = std::ranges::find(operations.begin(), operations.end() - 1, operation);
            return each[static_cast<std::size_t>(known - operations.begin())];
        }

        std::array<operation_counters, operations.size()> each{};
        bool wants_capacity = true;
        std::string labels;
    };

    template <class T>
    static void add(std::atomic<T>& c, std::type_identity_t<T> n) noexcept {
        c.fetch_add(n, std::memory_order_relaxed);
    }

    static operation_metrics read(std::string_view operation, const operation_counters& c) {
        const auto now = [](const auto& atomic) { return atomic.load(std::memory_order_relaxed); };
        operation_metrics m{.operation = operation,
                            .retries = now(c.retries),
                            .ambiguous = now(c.ambiguous),
                            .bytes_sent = now(c.bytes_sent),
                            .bytes_received = now(c.bytes_received),
                            .consumed = {now(c.read_units), now(c.write_units)},
                            .latency = std::chrono::nanoseconds(static_cast<std::int64_t>(now(c.nanoseconds)))};
        for (const auto& bucket : c.buckets) m.requests += m.buckets.emplace_back(now(bucket));
        for (std::size_t i = 0; i != c.errors.size(); ++i)
            if (const auto n = now(c.errors[i]); n != 0) m.errors.emplace_back(error_labels[i], n);
        return m;
    }

    std::shared_ptr<counters> counters_;
};

static_assert(observer<metrics>);

inline void metrics::write_prometheus(std::string& out) const {
    const auto all = read();
    detail::prometheus_text text(out);
    text.common_labels(counters_->labels);
    const auto seconds = [](auto d) { return std::chrono::duration<double>(d).count(); };
    const auto total = [&](std::string_view name, std::string_view help, auto value) {
        text.family(name, "counter", help);
        for (const auto& m : all) text.sample({{"operation", m.operation}}, value(m));
    };

    total("dynasession_dynamodb_requests_total", "Calls that have ended, each counted once however often it was tried.",
          [](const auto& m) { return m.requests; });
    text.family("dynasession_dynamodb_request_errors_total", "counter", "Calls that have failed, by error.");
    for (const auto& m : all)
        for (const auto& [label, n] : m.errors) text.sample({{"operation", m.operation}, {"error", label}}, n);

    text.family("dynasession_dynamodb_request_duration_seconds", "histogram",
                "How long calls lasted, with the pauses between attempts.");
    for (const auto& m : all) {
        std::uint64_t so_far = 0;
        for (std::size_t i = 0; i != m.buckets.size(); ++i) {
            const bool last = i == latency_bounds.size();
            const double bound = last ? std::numeric_limits<double>::infinity() : seconds(latency_bounds[i]);
            so_far += m.buckets[i];
            text.sample({{"operation", m.operation}, {"le", text.number(bound)}}, so_far, "_bucket");
        }
        text.sample({{"operation", m.operation}}, seconds(m.latency), "_sum");
        text.sample({{"operation", m.operation}}, so_far, "_count");
    }

    total("dynasession_dynamodb_retries_total", "Attempts after the first of a call.",
          [](const auto& m) { return m.retries; });
    total("dynasession_dynamodb_ambiguous_requests_total",
          "Calls that may have been carried out without an answer that says so.",
          [](const auto& m) { return m.ambiguous; });
    total("dynasession_dynamodb_sent_bytes_total", "Bytes of requests.", [](const auto& m) { return m.bytes_sent; });
    total("dynasession_dynamodb_received_bytes_total", "Bytes of answers.",
          [](const auto& m) { return m.bytes_received; });
    if (!wants_capacity()) return;
    total("dynasession_dynamodb_consumed_read_units_total", "Read request units of calls that succeeded.",
          [](const auto& m) { return m.consumed.read; });
    total("dynasession_dynamodb_consumed_write_units_total", "Write request units of calls that succeeded.",
          [](const auto& m) { return m.consumed.write; });
}

} // namespace dynasession::inline v0::dynamodb

#endif
