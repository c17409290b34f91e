#include <dynasession/op/compose.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/error_code.hpp>
#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace asio = boost::asio;
using boost::system::error_code;
using dynasession::op::compose;

namespace {

// Waits so many times for a timer that has expired, and completes with the number.
struct countdown {
    asio::steady_timer& timer;
    int left;
    int steps = 0;

    template <class Self>
    void operator()(Self& self, error_code ec = {}) {
        if (ec || left == 0) return self.complete(ec, steps);
        --left;
        ++steps;
        auto& t = timer; // `self`, and with it this object, is gone after the move
        t.async_wait(std::move(self));
    }
};

struct fixture {
    asio::io_context context;
    asio::any_io_executor executor = context.get_executor();
    asio::steady_timer timer{executor, asio::steady_timer::time_point::min()};

    template <class Token>
    auto start(int steps, Token&& token) {
        return compose<void(error_code, int)>(countdown{timer, steps}, timer, std::forward<Token>(token));
    }
};

// Looks at what is associated with its steps, and completes with what `look(self)` finds.
template <class Look>
struct looking {
    Look look;
    template <class Self>
    void operator()(Self& self) {
        self.complete(look(self));
    }
};

template <class Io, class Look, class Handler>
void look_at(Io& io, Look look, Handler handler) {
    compose<void(bool)>(looking<Look>{look}, io, std::move(handler));
}

template <class T>
struct counting_allocator {
    using value_type = T;
    int* allocations;

    explicit counting_allocator(int& n) : allocations(&n) {}
    template <class U>
    counting_allocator(const counting_allocator<U>& other) : allocations(other.allocations) {}
    T* allocate(std::size_t n) {
        ++*allocations;
        return std::allocator<T>().allocate(n);
    }
    void deallocate(T* p, std::size_t n) { std::allocator<T>().deallocate(p, n); }
    friend bool operator==(const counting_allocator&, const counting_allocator&) = default;
};

} // namespace

TEST_CASE_FIXTURE(fixture,
                  "a composed operation goes on with what each step completes with, and ends when it says so") {
    int calls = 0, steps = 0;
    auto handler = [&, movable = std::make_unique<int>()](error_code ec, int n) {
        CHECK_FALSE(ec.failed());
        CHECK(movable);
        ++calls;
        steps = n;
    };
    start(3, std::move(handler));
    CHECK(calls == 0);
    context.run();
    CHECK(calls == 1);
    CHECK(steps == 3);
}

TEST_CASE_FIXTURE(fixture, "a composed operation takes any token") {
    auto later = start(2, asio::deferred);
    context.poll();
    int steps = 0;
    SUBCASE("deferred") {
        std::move(later)([&](error_code, int n) { steps = n; });
        context.restart();
        context.run();
    }
    SUBCASE("a future") {
        auto future = start(2, asio::use_future);
        context.restart();
        context.run();
        steps = future.get();
    }
    CHECK(steps == 2);
}

TEST_CASE_FIXTURE(fixture, "steps run on the executor of the handler") {
    const auto strand = asio::make_strand(context);
    bool there = false;
    start(2, asio::bind_executor(strand, [&](error_code, int) { there = strand.running_in_this_thread(); }));
    context.run();
    CHECK(there);

    const auto other = asio::system_executor();
    bool same = false;
    look_at(
        timer, [&](auto& self) { return asio::get_associated_executor(self, other) == strand; },
        asio::bind_executor(strand, [&](bool b) { same = b; }));
    CHECK(same);
}

TEST_CASE_FIXTURE(fixture, "steps complete where their I/O object lets them when the handler has no executor") {
    bool same = false;
    look_at(
        timer,
        [&](auto& self) {
            // Neither wrapped nor of another type: a step on `executor` completes without being dispatched once more.
            using found = asio::associated_executor_t<std::decay_t<decltype(self)>, asio::any_io_executor>;
            return std::is_same_v<found, asio::any_io_executor> &&
                   asio::get_associated_executor(self, executor) == executor;
        },
        [&](bool b) { same = b; });
    CHECK(same);
}

TEST_CASE_FIXTURE(fixture, "steps are allocated by the allocator of the handler") {
    int allocations = 0;
    int steps = 0;
    start(3, asio::bind_allocator(counting_allocator<void>(allocations), [&](error_code, int n) { steps = n; }));
    context.run();
    CHECK(steps == 3);
    CHECK(allocations >= 3);
}

TEST_CASE_FIXTURE(fixture, "terminal cancellation, and no other, reaches the step that is waiting, and is remembered") {
    timer.expires_at(asio::steady_timer::time_point::max());
    asio::cancellation_signal signal;
    error_code ec;
    int calls = 0;
    asio::cancellation_type seen{};
    const auto impl = [&, begun = false](auto& self, error_code e = {}) mutable {
        seen = self.cancelled();
        if (std::exchange(begun, true)) return self.complete(e);
        timer.async_wait(std::move(self));
    };
    auto handler = [&](error_code e) {
        ++calls;
        ec = e;
    };
    compose<void(error_code)>(impl, timer, asio::bind_cancellation_slot(signal.slot(), handler));
    signal.emit(asio::cancellation_type::total);
    signal.emit(asio::cancellation_type::partial);
    context.poll();
    CHECK(calls == 0);
    CHECK(seen == asio::cancellation_type::none);
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    CHECK(calls == 1);
    CHECK(ec == asio::error::operation_aborted);
    CHECK(seen == asio::cancellation_type::terminal);
}

TEST_CASE_FIXTURE(fixture, "an operation without a slot is never cancelled") {
    bool none = false;
    look_at(
        timer, [](auto& self) { return self.cancelled() == asio::cancellation_type::none; }, [&](bool b) { none = b; });
    CHECK(none);
}

TEST_CASE("destroying the context destroys a step that waits in it, without completing") {
    auto held = std::make_shared<int>();
    bool called = false;
    {
        fixture f;
        f.timer.expires_at(asio::steady_timer::time_point::max());
        f.start(1, [&called, held](error_code, int) { called = true; });
        f.context.poll();
        CHECK(held.use_count() == 2);
    }
    CHECK(held.use_count() == 1);
    CHECK_FALSE(called);
}
