#include <dynasession/op/event.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using dynasession::op::event;

TEST_CASE("an event has not happened until it is set, and then it has for good") {
    event e;
    CHECK_FALSE(e.is_set());
    e.set();
    CHECK(e.is_set());
    e.set();
    CHECK(e.is_set());
}

TEST_CASE("a wait for what has happened already is over at once") {
    event e;
    e.set();
    e.wait_for(1h);
    CHECK(e.is_set());
}

TEST_CASE("a wait ends without the event when its time is over") {
    event e;
    e.wait_for(0ms);
    e.wait_for(-1ms);
    CHECK_FALSE(e.is_set());
}

TEST_CASE("a wait is ended by another thread, which is seen with all it did before") {
    for (int i = 0; i != 200; ++i) {
        event e;
        int written = 0;
        std::thread other([&] {
            written = 7;
            e.set();
        });
        e.wait_for(1h);
        CHECK(written == 7);
        other.join();
    }
}

TEST_CASE("what is to be called is called once, when it happens") {
    event e;
    int calls = 0;
    const auto listening = e.on_set([&] { ++calls; });
    CHECK(calls == 0);
    e.set();
    CHECK(calls == 1);
    e.set();
    CHECK(calls == 1);
}

TEST_CASE("what is to be called is called at once if it has happened, each time") {
    event e;
    e.set();
    int calls = 0;
    const auto first = e.on_set([&] { ++calls; });
    CHECK(calls == 1);
    const auto second = e.on_set([&] { ++calls; });
    CHECK(calls == 2);
}

TEST_CASE("all who wait are called, but those that have let go") {
    event e;
    std::string called;
    const auto first = e.on_set([&] { called += '1'; });
    auto second = e.on_set([&] { called += '2'; });
    const auto third = e.on_set([&] { called += '3'; });
    second.reset();
    e.set();
    CHECK(called == "13");
}

TEST_CASE("who lets go is forgotten, also by an event that does not happen") {
    const auto held = std::make_shared<int>();
    event e;
    for (int i = 0; i != 3; ++i) {
        const auto listening = e.on_set([held] {});
        CHECK(held.use_count() == 2);
    }
    CHECK(held.use_count() == 1);
    auto last = e.on_set([held] {});
    e.set();
    last.reset();
    CHECK(held.use_count() == 1);
}

TEST_CASE("what is called may use the event, since nothing is locked then") {
    event e;
    bool set_already = false;
    int again = 0;
    const auto listening = e.on_set([&] {
        set_already = e.is_set();
        const auto at_once = e.on_set([&] { ++again; });
        e.set();
    });
    e.set();
    CHECK(set_already);
    CHECK(again == 1);
}

TEST_CASE("of many threads that set an event, exactly one calls each who waits") {
    for (int round = 0; round != 100; ++round) {
        event e;
        std::atomic<int> calls{0};
        std::vector<std::thread> threads;
        for (int t = 0; t != 3; ++t) threads.emplace_back([&] { e.set(); });
        const auto one = e.on_set([&] { ++calls; });
        const auto other = e.on_set([&] { ++calls; });
        for (auto& t : threads) t.join();
        CHECK(calls == 2);
    }
}
