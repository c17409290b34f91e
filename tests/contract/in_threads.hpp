#ifndef DYNASESSION_TESTS_CONTRACT_IN_THREADS_HPP
#define DYNASESSION_TESTS_CONTRACT_IN_THREADS_HPP

#include "store_under_test.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace contract {

/// Runs `work(caller, thread)` on several threads, each in another call style; every four are in another process, where
/// there is one.
template <class Work>
void in_threads(world& w, int threads, Work work) {
    std::vector<std::jthread> running;
    for (int t = 0; t < threads; ++t)
        running.emplace_back([&w, &work, t] { work(*w.call(all_styles[t % 4], t / 4), t); });
}

/// Updates one session from several threads at once; none of the updates may fail.
template <class Change>
void update_in_threads(world& w, const ds::session_id& id, int threads, int rounds, Change change_one) {
    std::atomic<int> failures{0};
    in_threads(w, threads, [&](caller& mine, int t) {
        for (int round = 1; round <= rounds; ++round) {
            const auto done = mine.update(id, [&](ds::session& s) { change_one(s, t, round); });
            if (!done || !*done) ++failures;
        }
    });
    CHECK(failures == 0);
}

inline void increment(ds::session& s) { s.set("n", s.get<int>("n").value_or(0) + 1); }

} // namespace contract

#endif
