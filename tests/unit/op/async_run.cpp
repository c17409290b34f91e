#include <dynasession/op/async_run.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <doctest/doctest.h>
#include <support/scripted_operation.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace ds = dynasession;
using namespace std::chrono_literals;
using namespace std::string_literals;
using ds::op::async_run;
using ds::op::instant;
using ds::test::echo_io;
using ds::test::reply;
using ds::test::scripted_operation;

namespace {

const ds::error_code aborted = asio::error::operation_aborted;

// One effect, and its answer as the result.
scripted_operation<std::string> ask(std::string effect) {
    return {[effect](const reply&, instant) { return effect; }, [](reply r, instant) { return r; }};
}

// Done at once, without an effect.
scripted_operation<int> answer(ds::result<int> r) {
    return {[r](const reply&, instant) { return r; }};
}

// Pauses once, and tells how it was resumed: with an empty reply, or with the code of a failure.
scripted_operation<std::string> pausing(ds::op::pause p) {
    return {[p](const reply&, instant) { return p; },
            [](reply r, instant) { return r.has_value() && r->empty() ? reply("empty") : std::move(r); }};
}

struct completion {
    int calls = 0;
    ds::error_code ec;

    template <class... Values>
    auto handler() {
        return [this](ds::error_code e, Values...) {
            ++calls;
            ec = e;
        };
    }
};

// Its effects are answered by somebody that no context knows of.
struct lazy_io {
    asio::any_io_executor executor;
    std::function<void(reply)> answer{};

    instant now() const { return {}; }
    asio::any_io_executor get_executor() const { return executor; }
    void async_perform(const std::string&, auto handler) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        answer = [shared](reply r) { (*shared)(std::move(r)); };
    }
};

struct fixture {
    asio::io_context context;
    echo_io io{context.get_executor()};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "async_run performs each effect, hands its reply on, and completes with the value") {
    scripted_operation<std::string> operation{
        [](const reply& r, instant) {
            CHECK(r.value().empty());
            return "first"s;
        },
        [](const reply& r, instant) {
            CHECK(r.value() == "first!");
            return "second"s;
        },
        [](reply r, instant) { return r; },
    };
    std::string value;
    async_run(std::move(operation), io, [&value](ds::error_code ec, const std::string& v) {
        CHECK_FALSE(ec.failed());
        value = v;
    });
    context.run();
    CHECK(value == "second!");
    CHECK(io.performed == std::vector<std::string>{"first", "second"});
}

TEST_CASE_FIXTURE(fixture, "async_run never completes inside the initiation") {
    completion done;
    SUBCASE("outside the context") {
        async_run(answer(7), io, done.handler<int>());
        CHECK(done.calls == 0);
    }
    SUBCASE("on a thread of the context") {
        asio::post(context, [&] {
            async_run(answer(7), io, done.handler<int>());
            CHECK(done.calls == 0);
        });
    }
    context.run();
    CHECK(done.calls == 1);
    CHECK_FALSE(done.ec.failed());
}

TEST_CASE_FIXTURE(fixture, "async_run completes on the executor of the handler") {
    auto strand = asio::make_strand(context);
    bool there = false;
    const auto check = [&](ds::error_code, auto&&) { there = strand.running_in_this_thread(); };
    SUBCASE("without an effect") { async_run(answer(7), io, asio::bind_executor(strand, check)); }
    SUBCASE("after an effect") { async_run(ask("effect"), io, asio::bind_executor(strand, check)); }
    SUBCASE("after a pause") {
        async_run(scripted_operation<int>{[](const reply&, instant) { return ds::op::pause{0ms}; },
                                          [](const reply&, instant) { return ds::result<int>(7); }},
                  io, asio::bind_executor(strand, check));
    }
    context.run();
    CHECK(there);
}

TEST_CASE_FIXTURE(fixture, "async_run resumes an operation on the executor of the handler") {
    auto strand = asio::make_strand(context);
    int resumed_there = 0;
    const auto look = [&](const reply&, instant) {
        resumed_there += strand.running_in_this_thread();
        return "effect"s;
    };
    scripted_operation<int> operation{[](const reply&, instant) { return "effect"s; }, look, look,
                                      [](const reply&, instant) { return ds::result<int>(7); }};
    async_run(std::move(operation), io, asio::bind_executor(strand, [](ds::error_code, int) {}));
    context.run();
    CHECK(resumed_there == 2);
}

TEST_CASE_FIXTURE(fixture, "async_run with a future: the value, or the error thrown") {
    // One after the other: what is posted for a future runs on a thread of Asio's own.
    auto good = async_run(ask("effect"), io, asio::use_future);
    context.run();
    CHECK(good.get() == "effect!");
    context.restart();
    auto bad = async_run(answer(ds::failure(ds::error::throttled)), io, asio::use_future);
    context.run();
    try {
        bad.get();
        FAIL("nothing was thrown");
    } catch (const boost::system::system_error& e) {
        CHECK(e.code() == ds::error::throttled);
    }
}

TEST_CASE_FIXTURE(fixture, "async_run in a coroutine") {
    std::string value;
    ds::error_code caught;
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
            value = co_await async_run(ask("effect"), io, asio::use_awaitable);
            value += co_await async_run(ask("deferred"), io, asio::deferred);
            try {
                co_await async_run(answer(ds::failure(ds::error::timeout)), io, asio::use_awaitable);
            } catch (const boost::system::system_error& e) {
                caught = e.code();
            }
        },
        [](const std::exception_ptr& e) { CHECK(e == nullptr); });
    context.run();
    CHECK(value == "effect!deferred!");
    CHECK(caught == ds::error::timeout);
}

TEST_CASE_FIXTURE(fixture, "a deferred async_run does nothing before it is started") {
    auto deferred = async_run(ask("effect"), io, asio::deferred);
    context.run();
    CHECK(io.performed.empty());
    completion done;
    std::move(deferred)(done.handler<std::string>());
    context.restart();
    context.run();
    CHECK(done.calls == 1);
    CHECK(io.performed.size() == 1);
}

TEST_CASE_FIXTURE(fixture, "async_run pauses, goes on with an empty reply, and reads the clock each time") {
    std::vector<instant> seen;
    const auto look = [&seen](const reply& r, instant now) {
        CHECK(r.value().empty());
        seen.push_back(now);
        return ds::op::pause{0ms};
    };
    scripted_operation<int> operation{look, look, [&seen](const reply&, instant now) {
                                          seen.push_back(now);
                                          return ds::result<int>(7);
                                      }};
    completion done;
    async_run(std::move(operation), io, done.handler<int>());
    context.run();
    CHECK(done.calls == 1);
    REQUIRE(seen.size() == 3);
    CHECK(seen[1].system - seen[0].system == 1ms);
    CHECK(seen[2].steady - seen[1].steady == 1ms);
}

TEST_CASE_FIXTURE(fixture, "async_run gives the error code alone when it fails, and a value of nothing") {
    std::optional<int> value;
    ds::error_code code;
    async_run(answer(ds::failure(ds::error::access_denied, "text of the server")), io, [&](ds::error_code ec, int v) {
        code = ec;
        value = v;
    });
    context.run();
    CHECK(code == ds::error::access_denied);
    CHECK(value == 0);
}

TEST_CASE_FIXTURE(fixture, "async_run_nested completes with the whole result") {
    std::optional<ds::result<int>> r;
    ds::op::async_run_nested(answer(ds::failure(ds::error::access_denied, "text of the server")), io,
                             [&r](ds::result<int> given) { r.emplace(std::move(given)); });
    context.run();
    REQUIRE(r.has_value());
    REQUIRE(r->has_error());
    CHECK(r->error() == ds::error::access_denied);
    CHECK(r->error().detail == "text of the server");
}

TEST_CASE_FIXTURE(fixture, "async_run of an operation without a value completes with an error_code only") {
    completion done;
    async_run(scripted_operation<void>{[](const reply&, instant) { return "effect"s; },
                                       [](const reply&, instant) { return ds::result<void>(); }},
              io, done.handler<>());
    context.run();
    CHECK(done.calls == 1);
    CHECK_FALSE(done.ec.failed());
}

TEST_CASE_FIXTURE(fixture, "async_run moves the handler: it need not be copyable") {
    std::string seen;
    async_run(ask("effect"), io, [&seen, movable = std::make_unique<int>(1)](ds::error_code, std::string v) {
        if (movable) seen = std::move(v);
    });
    context.run();
    CHECK(seen == "effect!");
}

TEST_CASE_FIXTURE(fixture, "cancelling ends the effect, and the operation finds operation_aborted in its reply") {
    asio::cancellation_signal signal;
    completion done;
    async_run(ask("never"), io, asio::bind_cancellation_slot(signal.slot(), done.handler<std::string>()));
    context.poll();
    CHECK(done.calls == 0);
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    CHECK(done.calls == 1);
    CHECK(done.ec == aborted);
}

TEST_CASE_FIXTURE(fixture, "cancelling ends a pause at once") {
    asio::cancellation_signal signal;
    completion done;
    async_run(scripted_operation<std::string>{[](const reply&, instant) { return ds::op::pause{1h}; },
                                              [](reply r, instant) { return r; }},
              io, asio::bind_cancellation_slot(signal.slot(), done.handler<std::string>()));
    context.poll();
    CHECK(done.calls == 0);
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    CHECK(done.calls == 1);
    CHECK(done.ec == aborted);
}

TEST_CASE_FIXTURE(fixture, "a cancelled operation starts no further effect") {
    asio::cancellation_signal signal;
    completion done;
    scripted_operation<std::string> stubborn{
        [](const reply&, instant) { return "never"s; },
        [](const reply& r, instant) {
            CHECK(r.error().code == aborted);
            return "another"s;
        },
        [](reply r, instant) { return r; },
    };
    async_run(std::move(stubborn), io, asio::bind_cancellation_slot(signal.slot(), done.handler<std::string>()));
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    CHECK(done.calls == 1);
    CHECK(done.ec == aborted);
    CHECK(io.performed == std::vector<std::string>{"never"});
}

TEST_CASE_FIXTURE(fixture, "a result that is there already is not taken back by a cancellation") {
    asio::cancellation_signal signal;
    completion done;
    async_run(answer(7), io, asio::bind_cancellation_slot(signal.slot(), done.handler<int>()));
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    CHECK(done.calls == 1);
    CHECK_FALSE(done.ec.failed());
}

TEST_CASE("destroying the context destroys what waits in it, without completing") {
    auto held = std::make_shared<int>();
    completion done;
    auto handler = [&done, held](ds::error_code, const std::string&) { ++done.calls; };
    {
        fixture f;
        SUBCASE("in an effect") { async_run(ask("never"), f.io, std::move(handler)); }
        SUBCASE("in a pause") {
            async_run(scripted_operation<std::string>{[](const reply&, instant) { return ds::op::pause{1h}; }}, f.io,
                      std::move(handler));
        }
        SUBCASE("with its result, before the completion") {
            async_run(scripted_operation<std::string>{[](const reply&, instant) { return reply("done"); }}, f.io,
                      std::move(handler));
        }
        f.context.poll_one();
        CHECK(held.use_count() == (done.calls == 0 ? 2 : 1));
    }
    CHECK(held.use_count() == 1);
}

TEST_CASE_FIXTURE(fixture, "async_run moves the value: it need not be copyable") {
    using value = std::unique_ptr<int>;
    const auto make = [](const reply&, instant) { return ds::result<value>(std::make_unique<int>(7)); };
    int seen = 0;
    auto handler = [&seen](ds::error_code, value v) { seen = *v; };
    SUBCASE("without an effect") { async_run(scripted_operation<value>{make}, io, std::move(handler)); }
    SUBCASE("after an effect") {
        async_run(scripted_operation<value>{[](const reply&, instant) { return "effect"s; }, make}, io,
                  std::move(handler));
    }
    context.run();
    CHECK(seen == 7);
}

TEST_CASE_FIXTURE(fixture, "an answer that has arrived is handed over though the operation is cancelled meanwhile") {
    asio::cancellation_signal signal;
    completion done;
    std::string answered;
    scripted_operation<std::string> operation{
        [](const reply&, instant) { return "write"s; },
        [&answered](reply r, instant) {
            answered = r.has_value() ? *r : "";
            return r;
        },
    };
    async_run(std::move(operation), io, asio::bind_cancellation_slot(signal.slot(), done.handler<std::string>()));
    signal.emit(asio::cancellation_type::terminal); // the answer of "write" is posted already
    context.run();
    CHECK(answered == "write!");
    CHECK(done.calls == 1);
    CHECK_FALSE(done.ec.failed());
}

TEST_CASE_FIXTURE(fixture, "a cancelled operation that asks for a pause gets none") {
    asio::cancellation_signal signal;
    completion done;
    scripted_operation<std::string> operation{
        [](const reply&, instant) { return "never"s; },
        [](const reply&, instant) { return ds::op::pause{1h}; },
        [](reply r, instant) { return r; },
    };
    async_run(std::move(operation), io, asio::bind_cancellation_slot(signal.slot(), done.handler<std::string>()));
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    context.poll();
    CHECK(done.calls == 1);
    CHECK(done.ec == aborted);
}

TEST_CASE_FIXTURE(fixture, "a cancelled operation that never gives up is ended") {
    asio::cancellation_signal signal;
    completion done;
    const auto again = [](const reply&, instant) { return "never"s; };
    async_run(scripted_operation<std::string>{again, again, again}, io,
              asio::bind_cancellation_slot(signal.slot(), done.handler<std::string>()));
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    CHECK(done.calls == 1);
    CHECK(done.ec == aborted);
    CHECK(io.performed.size() == 1);
}

TEST_CASE_FIXTURE(fixture, "a pause for an event that has happened is over at once, with an empty reply") {
    const auto happened = std::make_shared<ds::op::event>();
    happened->set();
    std::string seen;
    async_run(pausing({1h, happened}), io, [&](ds::error_code ec, std::string how) {
        CHECK_FALSE(ec.failed());
        seen = std::move(how);
    });
    CHECK(seen.empty()); // never inside the initiation
    context.run();       // returns: no timer is left
    CHECK(seen == "empty");
}

TEST_CASE_FIXTURE(fixture, "a pause ends when its event happens: the operation goes on, and no timer is left") {
    const auto event = std::make_shared<ds::op::event>();
    std::string seen;
    async_run(pausing({1h, event}), io, [&](ds::error_code ec, std::string how) {
        CHECK_FALSE(ec.failed());
        seen = std::move(how);
    });
    context.poll();
    CHECK(seen.empty());
    event->set();
    CHECK(seen.empty()); // it goes on where it runs, not where the event is brought about
    context.run();
    CHECK(seen == "empty");
}

TEST_CASE_FIXTURE(fixture, "one event ends the pauses of all who wait for it") {
    const auto event = std::make_shared<ds::op::event>();
    int ended = 0;
    for (int i = 0; i != 3; ++i)
        async_run(pausing({1h, event}), io, [&](ds::error_code ec, const std::string&) { ended += !ec.failed(); });
    context.poll();
    CHECK(ended == 0);
    event->set();
    context.run(); // returns: no timer is left
    CHECK(ended == 3);
}

TEST_CASE_FIXTURE(fixture, "a pause for an event that does not happen in its time ends as any pause") {
    const auto event = std::make_shared<ds::op::event>();
    std::string seen;
    async_run(pausing({0ms, event}), io, [&](ds::error_code ec, std::string how) {
        CHECK_FALSE(ec.failed());
        seen = std::move(how);
    });
    context.run();
    CHECK(seen == "empty");
    event->set(); // nobody waits any more
    context.restart();
    CHECK(context.run() == 0);
}

TEST_CASE("an event may happen when operation and context are gone") {
    const auto event = std::make_shared<ds::op::event>();
    auto held = std::make_shared<int>();
    completion done;
    {
        fixture f;
        async_run(pausing({1h, event}), f.io, [&done, held](ds::error_code, const std::string&) { ++done.calls; });
        f.context.poll();
    }
    CHECK(held.use_count() == 1);
    event->set();
    CHECK(done.calls == 0);
}

TEST_CASE_FIXTURE(fixture, "an operation that pauses again and again is woken by each event of its own") {
    std::vector<std::shared_ptr<ds::op::event>> events;
    for (int i = 0; i != 3; ++i) events.push_back(std::make_shared<ds::op::event>());
    const auto wait_for = [&events](std::size_t i) {
        return [&events, i](const reply&, instant) { return ds::op::pause{1h, events[i]}; };
    };
    completion done;
    async_run(scripted_operation<void>{wait_for(0), wait_for(1),
                                       [](const reply&, instant) { return ds::op::pause{0ms}; }, wait_for(2),
                                       [](const reply&, instant) { return ds::result<void>(); }},
              io, done.handler<>());
    context.poll();
    events[1]->set(); // before anybody waits for it
    context.poll();
    CHECK(done.calls == 0);
    events[0]->set();
    events[2]->set();
    context.run();
    CHECK(done.calls == 1);
    CHECK_FALSE(done.ec.failed());
}

TEST_CASE_FIXTURE(fixture, "cancelling ends the wait for an event with operation_aborted") {
    asio::cancellation_signal signal;
    completion done;
    const auto event = std::make_shared<ds::op::event>();
    std::optional<ds::failure> told;
    scripted_operation<std::string> operation{[&event](const reply&, instant) {
                                                  return ds::op::pause{1h, event};
                                              },
                                              [&told](reply r, instant) {
                                                  if (!r) told = r.error();
                                                  return r;
                                              }};
    async_run(std::move(operation), io, asio::bind_cancellation_slot(signal.slot(), done.handler<std::string>()));
    context.poll();
    CHECK(done.calls == 0);
    SUBCASE("that never happens") { signal.emit(asio::cancellation_type::terminal); }
    SUBCASE("that happens afterwards") {
        signal.emit(asio::cancellation_type::terminal);
        event->set();
    }
    SUBCASE("that happens just before") {
        event->set();
        signal.emit(asio::cancellation_type::terminal);
    }
    context.run();
    CHECK(done.calls == 1);
    CHECK(done.ec == aborted);
    REQUIRE(told.has_value());
    CHECK(told->code == aborted);
}

TEST_CASE_FIXTURE(fixture, "a cancelled operation that asks to wait for an event does not wait") {
    asio::cancellation_signal signal;
    completion done;
    const auto event = std::make_shared<ds::op::event>();
    scripted_operation<std::string> operation{
        [](const reply&, instant) { return "never"s; },
        [&event](const reply&, instant) {
            return ds::op::pause{1h, event};
        },
        [](reply r, instant) { return r; },
    };
    async_run(std::move(operation), io, asio::bind_cancellation_slot(signal.slot(), done.handler<std::string>()));
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    CHECK(done.calls == 1);
    CHECK(done.ec == aborted);
    CHECK(event.use_count() == 1); // with this one: the operation is gone
}

TEST_CASE_FIXTURE(fixture, "after a wait for an event the operation goes on, on the executor of the handler") {
    auto strand = asio::make_strand(context);
    const auto event = std::make_shared<ds::op::event>();
    int there = 0;
    async_run(scripted_operation<int>{[&event](const reply&, instant) {
                                          return ds::op::pause{1h, event};
                                      },
                                      [&](const reply&, instant) {
                                          there += strand.running_in_this_thread();
                                          return ds::result<int>(7);
                                      }},
              io, asio::bind_executor(strand, [&](ds::error_code, int) { there += strand.running_in_this_thread(); }));
    context.poll();
    event->set();
    context.run();
    CHECK(there == 2);
}

TEST_CASE_FIXTURE(fixture, "an event is brought about by another thread, before, while or after the wait begins") {
    for (int i = 0; i != 200; ++i) {
        const auto event = std::make_shared<ds::op::event>();
        int written = 0, seen = 0;
        std::string how;
        std::thread other([&] {
            written = 7;
            event->set();
        });
        async_run(pausing({1h, event}), io, [&](ds::error_code, std::string h) {
            seen = written;
            how = std::move(h);
        });
        context.restart();
        context.run();
        other.join();
        CHECK(how == "empty");
        CHECK(seen == 7);
    }
}

TEST_CASE("operations on the threads of a context wait for events of each other, however they meet") {
    constexpr int rounds = 100;
    asio::io_context context;
    auto work = asio::make_work_guard(context);
    std::vector<std::thread> running;
    for (int t = 0; t != 3; ++t) running.emplace_back([&] { context.run(); });
    std::atomic<int> ended{0};
    for (int i = 0; i != rounds; ++i) {
        // The clock of an echo_io is nobody else's, so each operation has one.
        const auto one = std::make_shared<echo_io>(context.get_executor()),
                   other = std::make_shared<echo_io>(context.get_executor());
        const auto ping = std::make_shared<ds::op::event>(), pong = std::make_shared<ds::op::event>();
        async_run(scripted_operation<void>{[=](const reply&, instant) {
                                               return ds::op::pause{1h, ping};
                                           },
                                           [=](const reply&, instant) {
                                               pong->set();
                                               return ds::result<void>();
                                           }},
                  *one, [one, &ended](ds::error_code ec) { ended += !ec.failed(); });
        async_run(scripted_operation<void>{[=](const reply&, instant) {
                                               ping->set();
                                               return ds::op::pause{1h, pong};
                                           },
                                           [=](const reply&, instant) { return ds::result<void>(); }},
                  *other, [other, &ended](ds::error_code ec) { ended += !ec.failed(); });
    }
    work.reset();
    for (auto& t : running) t.join();
    CHECK(ended == 2 * rounds);
}

TEST_CASE("an effect that keeps no context busy is waited for all the same") {
    asio::io_context context;
    lazy_io io{context.get_executor()};
    completion done;
    async_run(ask("effect"), io, done.handler<std::string>());
    context.poll();
    CHECK_FALSE(context.stopped());
    asio::post(context, [&] { std::exchange(io.answer, nullptr)("answer"); });
    context.run();
    CHECK(done.calls == 1);
    CHECK(context.stopped());
}
