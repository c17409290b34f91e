// What a locked read-modify-write costs in requests and request units, alone and in a crowd.
//
// A crowd is so many requests at once for one session, in one process or in several (each with a store of its own). An
// operation is load, change one key, save. Floor: a save without any lock is one write. Small sessions: a write is one
// write unit whether its condition holds or not, a look of a waiting process half a read unit.
//
//     locking [operations]       in memory
//     DYNASESSION_ENDPOINT=http://127.0.0.1:8000 locking [operations]       on the DynamoDB there

#include <dynasession/session_store.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace {

namespace ds = dynasession;
using namespace std::chrono_literals;
using stopwatch = std::chrono::steady_clock;

/// Counts what a backend is asked, by kind.
template <class Inner>
class counting : public Inner {
public:
    using Inner::Inner;

    ds::result<ds::reply> perform(ds::command c) {
        const bool locks = std::holds_alternative<ds::lock_record>(c), reads = std::holds_alternative<ds::load_record>(c);
        ++(reads ? reads_ : locks ? locks_ : saves_);
        return Inner::perform(std::move(c));
    }

    int reads() const noexcept { return reads_; }
    int locks() const noexcept { return locks_; }
    int saves() const noexcept { return saves_; }

private:
    std::atomic<int> reads_{0}, locks_{0}, saves_{0};
};

/// When the last holder was done, and how long the next ones took to go on after that.
class hand_overs {
public:
    void begun() {
        const auto now = stopwatch::now();
        const std::scoped_lock lock(mutex_);
        if (done_ != stopwatch::time_point{}) us_.push_back(std::chrono::duration<double, std::micro>(now - done_).count());
    }
    void done() {
        const auto now = stopwatch::now();
        const std::scoped_lock lock(mutex_);
        done_ = now;
    }
    double median() {
        std::ranges::nth_element(us_, us_.begin() + static_cast<std::ptrdiff_t>(us_.size() / 2));
        return us_[us_.size() / 2];
    }

private:
    std::mutex mutex_;
    stopwatch::time_point done_{};
    std::vector<double> us_;
};

template <class Backend, class MakeOptions>
void crowd(MakeOptions make_options, int processes, int threads, int operations) {
    using store_type = ds::basic_session_store<counting<Backend>, ds::pessimistic_lock, ds::json_serializer>;
    std::vector<std::unique_ptr<store_type>> stores;
    for (int i = 0; i < processes; ++i)
        stores.push_back(std::make_unique<store_type>(
            make_options(), ds::session_options{}, ds::pessimistic_lock{{.max_wait_time = 60s, .max_waiters = 64}}));
    auto s = stores[0]->create();
    s.set("n", 0);
    stores[0]->save(s);

    hand_overs gaps;
    std::atomic<int> left = operations;
    const auto began = stopwatch::now();
    {
        std::vector<std::jthread> running;
        for (int t = 0; t < processes * threads; ++t)
            running.emplace_back([&, t] {
                auto& store = *stores[static_cast<std::size_t>(t % processes)];
                while (left-- > 0) {
                    auto mine = store.load(s.id());
                    gaps.begun();
                    mine->set("n", mine->template get<int>("n").value() + 1);
                    store.save(*mine);
                    gaps.done();
                }
            });
    }
    const std::chrono::duration<double, std::milli> took = stopwatch::now() - began;
    int reads = 0, locks = 0, saves = -1; // that of the new session
    for (const auto& store : stores) {
        reads += store->backend().reads();
        locks += store->backend().locks();
        saves += store->backend().saves();
    }
    const int counted = stores[0]->load(s.id(), ds::read_only)->template get<int>("n").value();
    if (counted != operations) {
        std::printf("%d of %d operations arrived\n", counted, operations);
        std::exit(1);
    }
    const double n = operations;
    std::printf("%9d %8d   %8.2f %6.2f %6.2f   %6.2f %6.2f   %9.1f %9.2f\n", processes, threads, (locks + saves + reads) / n,
                locks / n, reads / n, (locks + saves) / n, 0.5 * reads / n, gaps.median(), took.count() / n);
}

template <class Backend, class MakeOptions>
void crowds(MakeOptions make_options, int operations) {
    std::printf("processes  requests   ------- requests ------   --- units ---   hand-over  operation\n"
                "           at once         all  locks   looks    write   read   median us        ms\n");
    for (const int threads : {1, 4, 16}) crowd<Backend>(make_options, 1, threads, operations);
    if constexpr (std::same_as<Backend, ds::dynamodb_backend>)
        for (const auto& [processes, threads] : {std::pair(4, 1), std::pair(4, 4), std::pair(16, 1)})
            crowd<Backend>(make_options, processes, threads, operations);
}

} // namespace

int main(int argc, char** argv) try {
    const int operations = argc > 1 ? std::atoi(argv[1]) : 400;
    const char* endpoint = std::getenv("DYNASESSION_ENDPOINT");
    if (!endpoint) {
        crowds<ds::memory_backend>([] { return ds::memory_options{}; }, operations);
        return 0;
    }
    const auto options = [endpoint] {
        ds::dynamodb_options o;
        o.endpoint_url = endpoint;
        o.table_name = "dynasession-benchmark";
        return o;
    };
    ds::dynamodb_backend(options()).create_table();
    crowds<ds::dynamodb_backend>(options, operations);
} catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
}
