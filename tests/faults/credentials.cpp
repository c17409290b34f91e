#include "bench.hpp"

#include "../contract/in_threads.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

using namespace faults;
using namespace std::chrono_literals;
using contract::call_style;
using contract::mode;

TEST_CASE("credentials: those that live shortly are renewed under load, and no call fails") {
    // The times of a renewal are parts of a life: with 300 ms instead of 60 s all goes 200 times as fast.
    constexpr int renewals = 6;
    bench b(policy::none, call_style::error_code, patience::ample, {});
    b.db.let_credentials_live(300ms);
    b.db.revoke();
    CHECK(b.store->load(b.id).has_value());
    // Who signs with older ones than those before the last has not noticed a renewal.
    b.db.accept_the_last(2);
    const int first = b.db.issued();
    std::atomic<int> failures{0}, calls{0};
    std::vector<std::jthread> working;
    for (int t = 0; t != 8; ++t)
        working.emplace_back([&, t] {
            const auto mine = b.world->call(contract::all_styles[t % 4], 0);
            while (b.db.issued() < first + renewals && failures == 0) {
                ++calls;
                const bool good = t < 4 ? mine->load(b.id, mode::read_only).has_value()
                                        : mine->update(b.id, [](ds::session& s) { contract::increment(s); }).has_value();
                if (!good) ++failures;
            }
        });
    working.clear();
    CHECK(failures == 0);
    CHECK(calls > renewals);
    CHECK(b.db.problems() == std::vector<std::string>{});
}

TEST_CASE("credentials: those that are refused under load are fetched anew once, and no call fails") {
    bench b(policy::none, call_style::error_code, patience::ample, {});
    for (int round = 0; round != 20; ++round) {
        b.db.revoke();
        const int before = b.db.issued();
        std::atomic<int> failures{0};
        contract::in_threads(*b.world, 8, [&](contract::caller& mine, int t) {
            const bool good = t % 2 == 0 ? mine.load(b.id, mode::read_only).has_value()
                                         : mine.update(b.id, [](ds::session& s) { contract::increment(s); }).has_value();
            if (!good) ++failures;
        });
        CHECK(failures == 0);
        CHECK(b.db.issued() == before + 2); // there are two processes
    }
    CHECK(b.stored(b.id)->get<int>("n") == 1 + 20 * 4);
    CHECK(b.db.problems() == std::vector<std::string>{});
}
