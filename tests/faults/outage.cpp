#include "bench.hpp"

#include "../contract/in_threads.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using namespace faults;
using contract::call_style;
using contract::in_threads;
using contract::mode;
using ds::condition;
using ds::error;

namespace {

constexpr policy policies[] = {policy::none, policy::optimistic, policy::pessimistic};

} // namespace

TEST_CASE("outage: calls fail until the service is back, and then the first one succeeds") {
    for (const auto lock : policies)
        for (const auto style : contract::all_styles) {
            INFO("call style: " << std::string(to_text(style)));
            bench b(lock, style, patience::ample, {});
            for (int outage = 0; outage != 3; ++outage) {
                auto mine = b.store->load(b.id);
                REQUIRE(mine.has_value());
                b.db.stop();
                (*mine)->set("n", outage + 2);
                // So many that there is nothing left to be spent on retries.
                for (int i = 0; i != 20; ++i) {
                    CHECK(b.store->load(b.id, mode::read_only).error() == condition::unavailable);
                    CHECK(b.store->save(**mine).error() == condition::unavailable);
                    auto fresh = b.store->create();
                    fresh.set("n", 1);
                    CHECK(b.store->save(fresh).error() == condition::unavailable);
                    CHECK(b.store->destroy(b.id).error() == condition::unavailable);
                }
                b.db.start();
                CHECK(b.store->save(**mine).has_value());
                CHECK(b.stored(b.id));
            }
            CHECK(b.db.items() == 1);
            CHECK(b.db.problems() == std::vector<std::string>{});
        }
}

TEST_CASE("outage: a service that accepts and does not answer is an outage, too") {
    bench b(policy::none, call_style::error_code, patience::short_calls, {});
    const auto stall = [](service&, const request&) { return test::answer::nothing(test::answer::ending::stall); };
    b.db.meet(stall, 1000);
    CHECK(b.store->load(b.id).error() == condition::unavailable);
    CHECK(b.store->destroy(b.id).error() == condition::unavailable);
    b.db.behave();
    CHECK(b.store->load(b.id).has_value());
    CHECK(b.db.items() == 1);
}

TEST_CASE("outage: connections that died while they were idle cause no error, however many there are") {
    constexpr int threads = 8;
    for (const auto lock : policies) {
        bench b(lock, call_style::error_code, patience::ample, {});
        for (int outage = 0; outage != 3; ++outage) {
            // As many connections as there are threads: none is answered before all have asked.
            const auto gate = std::make_shared<test::gate>();
            std::atomic<int> waiting{0};
            b.db.begin_counting();
            b.db.meet(
                [&](service& s, const request& r) {
                    auto a = s.answer_to(r);
                    if (++waiting == threads) gate->open();
                    a.hold = gate;
                    return a;
                },
                threads);
            std::atomic<int> failures{0};
            const auto load = [&](contract::caller& store, int) {
                if (!store.load(b.id, mode::read_only)) ++failures;
            };
            in_threads(*b.world, threads, load);
            CHECK(waiting == threads);
            b.db.restart();
            in_threads(*b.world, threads, load);
            CHECK(failures == 0);
            for (const auto& a : b.db.arrivals()) CHECK(a.attempt == 1);
        }
    }
}

TEST_CASE("outage: a service that restarts under load loses nothing that it said it had done") {
    constexpr int threads = 4, rounds = 60, restarts = 6;
    for (const auto lock : policies) {
        bench b(lock, call_style::error_code, patience::ample, {});
        std::atomic<int> working{threads}, done{0}, unknown{0};
        std::atomic<bool> other_errors{false};
        std::vector<std::jthread> restarting;
        restarting.emplace_back([&] {
            for (int i = 1; i <= restarts; ++i) {
                while (done < i * rounds * threads / (restarts + 2) && working != 0) std::this_thread::yield();
                b.db.restart();
            }
        });
        in_threads(*b.world, threads, [&](contract::caller& store, int) {
            for (int round = 0; round != rounds;) {
                const auto updated = store.update(b.id, contract::increment);
                if (updated) {
                    ++round;
                    ++done;
                } else if (updated.error() == error::outcome_unknown) {
                    ++round;
                    ++done;
                    ++unknown;
                } else if (!(updated.error() == condition::unavailable)) {
                    other_errors = true;
                    ++round;
                    ++done;
                }
            }
            --working;
        });
        restarting.clear();
        CHECK_FALSE(other_errors);
        const int n = b.stored(b.id)->get<int>("n").value_or(0) - 1;
        CHECK(n <= threads * rounds);
        CHECK(n >= threads * rounds - unknown);
        CHECK(b.db.problems() == std::vector<std::string>{});
    }
}
