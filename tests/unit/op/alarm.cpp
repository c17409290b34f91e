#include <dynasession/op/alarm.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace op = dynasession::op;
using namespace std::chrono_literals;
using boost::system::error_code;

namespace {

struct fixture {
    asio::io_context context;
    int calls = 0;
    error_code ec;

    auto handler() {
        return [this](error_code e) {
            ++calls;
            ec = e;
        };
    }
};

// As an operation does that waits: the handler owns its alarm.
struct owner {
    std::unique_ptr<op::alarm> waiting;
    std::atomic<int>* calls;
    void operator()(error_code) {
        waiting.reset();
        ++*calls;
    }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "an alarm that nobody rings ends with its time") {
    op::alarm a(context.get_executor());
    a.wait(0ms, handler());
    CHECK(calls == 0); // never inside the initiation
    context.run();
    CHECK(calls == 1);
    CHECK_FALSE(ec.failed());
}

TEST_CASE_FIXTURE(fixture, "ringing ends the wait at once, on the alarm's executor") {
    op::alarm a(context.get_executor());
    const auto ring = a.ringer();
    a.wait(1h, handler());
    context.poll();
    CHECK(calls == 0);
    ring();
    CHECK(calls == 0);
    context.run();
    CHECK(calls == 1);
    CHECK(ec == asio::error::operation_aborted);
}

TEST_CASE_FIXTURE(fixture, "an alarm that is rung before it waits does not wait: what it waits for has happened") {
    op::alarm a(context.get_executor());
    const auto ring = a.ringer();
    ring();
    a.wait(1h, handler());
    CHECK(calls == 0);
    context.run();
    CHECK(calls == 1);
    CHECK_FALSE(ec.failed());
}

TEST_CASE_FIXTURE(fixture, "an alarm that has ended is rung without effect, and waits again") {
    op::alarm a(context.get_executor());
    const auto ring = a.ringer();
    a.wait(0ms, handler());
    context.run();
    ring();
    context.restart();
    CHECK(context.run() == 0);
    CHECK(calls == 1);
    a.wait(0ms, handler());
    context.restart();
    context.run();
    CHECK(calls == 2);
    CHECK_FALSE(ec.failed());
}

TEST_CASE_FIXTURE(fixture, "an alarm that is gone is rung without effect") {
    std::function<void()> ring;
    {
        op::alarm a(context.get_executor());
        ring = a.ringer();
    }
    ring();
    CHECK(context.poll() == 0);
}

TEST_CASE("a ringer may outlive the alarm's execution context") {
    std::function<void()> ring;
    int calls = 0;
    {
        asio::io_context context;
        op::alarm a(context.get_executor());
        a.wait(1h, [&calls](error_code) { ++calls; });
        ring = a.ringer();
    }
    ring();
    CHECK(calls == 0);
}

TEST_CASE("a ringer may outlive an alarm that goes with its handler when the context is destroyed") {
    std::function<void()> ring;
    std::atomic<int> calls{0};
    {
        asio::io_context context;
        auto own = std::make_unique<op::alarm>(context.get_executor());
        ring = own->ringer();
        op::alarm& a = *own;
        a.wait(1h, owner{std::move(own), &calls});
    }
    ring();
    CHECK(calls == 0);
}

TEST_CASE_FIXTURE(fixture, "an alarm that goes while it waits ends the wait") {
    std::optional<op::alarm> a(context.get_executor());
    a->wait(1h, handler());
    a.reset();
    context.run(); // returns: no timer is left
    CHECK(calls == 1);
    CHECK(ec == asio::error::operation_aborted);
}

TEST_CASE_FIXTURE(fixture, "a moved alarm is the same alarm, and what it was moved from may go") {
    std::optional<op::alarm> first(context.get_executor());
    const auto ring = first->ringer();
    op::alarm second(std::move(*first));
    first.reset();
    second.wait(1h, handler());
    CHECK(context.poll() == 0);
    ring();
    context.run();
    CHECK(calls == 1);
}

TEST_CASE_FIXTURE(fixture, "any ringer of an alarm rings it, and ringing twice ends one wait") {
    op::alarm a(context.get_executor());
    const auto one = a.ringer(), other = a.ringer();
    a.wait(1h, handler());
    other();
    one();
    context.run();
    CHECK(calls == 1);
}

TEST_CASE_FIXTURE(fixture, "an event rings all the alarms that wait for it, but those that are gone") {
    op::event happened;
    op::alarm first(context.get_executor()), second(context.get_executor());
    {
        op::alarm gone(context.get_executor());
        gone.ring_on(happened);
    }
    for (auto* a : {&first, &second}) {
        a->ring_on(happened);
        a->wait(1h, handler());
    }
    happened.set();
    context.run();
    CHECK(calls == 2);

    op::alarm late(context.get_executor());
    late.ring_on(happened);
    late.wait(1h, handler());
    context.restart();
    context.run();
    CHECK(calls == 3);
}

TEST_CASE("threads ring while the wait begins, runs, ends and the alarm goes: each wait ends once") {
    constexpr int rounds = 300;
    asio::io_context context;
    auto work = asio::make_work_guard(context);
    std::vector<std::thread> running;
    for (int t = 0; t != 2; ++t) running.emplace_back([&] { context.run(); });
    std::atomic<int> calls{0};
    for (int i = 0; i != rounds; ++i) {
        auto own = std::make_unique<op::alarm>(context.get_executor());
        op::alarm& a = *own;
        const auto ring = a.ringer();
        std::thread ringing([&ring] {
            ring();
            ring();
        });
        // Half of them end by themselves at about the same time; of the others none ends unless it is rung.
        a.wait(i % 2 == 0 ? 0ms : 1h, owner{std::move(own), &calls});
        ring();
        ringing.join();
    }
    work.reset();
    for (auto& t : running) t.join();
    CHECK(calls == rounds);
}
