#include "world.hpp"

#include <dynasession/backend/dynamodb.hpp>
#include <dynasession/lock/pessimistic_lock.hpp>
#include <dynasession/serializer/json.hpp>
#include <dynasession/store/basic_session_store.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

using namespace faults;
using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace ds = dynasession;
using ds::error;
using ds::error_code;

namespace {

using store_type = ds::basic_session_store<ds::dynamodb_backend, ds::pessimistic_lock, ds::json_serializer>;

/// Goes on with each look at it, so that what waits for nothing ends with a timeout.
class ticking_clock {
public:
    ds::op::instant now() {
        const auto passed = std::chrono::milliseconds(++looks_) + skipped_.load();
        return {start_.system + passed, start_.steady + passed};
    }
    void skip(std::chrono::milliseconds d) { skipped_ = skipped_.load() + d; }

private:
    const ds::op::instant start_ = ds::op::instant::now();
    std::atomic<int> looks_{0};
    std::atomic<std::chrono::milliseconds> skipped_{0ms};
};

/// An operation that is cancelled.
class run {
public:
    auto handler() {
        return asio::bind_cancellation_slot(signal_.slot(), [this](error_code ec, auto&&...) {
            ended_ = ec;
            ++completions_;
        });
    }
    void cancel() { signal_.emit(asio::cancellation_type::terminal); }
    bool has_ended() const { return ended_.has_value(); }
    bool was_cancelled() const { return ended_ == asio::error::operation_aborted; }
    bool succeeded() const { return ended_ == error_code(); }
    int completions() const { return completions_; }

private:
    asio::cancellation_signal signal_;
    std::optional<error_code> ended_{};
    int completions_ = 0;
};

/// A store on an io_context, and another process with the same sessions.
struct bench {
    explicit bench(abilities can = {}, ds::pessimistic_lock_options locks = {})
        : db(can), store(io.get_executor(), options(), {}, ds::pessimistic_lock(locks)), other(options()) {
        for (auto* s : {&session, &bystander}) {
            *s = other.create();
            s->set("n", s == &session ? 1 : 7);
            other.save(*s);
        }
    }

    ds::dynamodb_options options() {
        ds::dynamodb_options o;
        o.region = "us-east-1";
        o.endpoint_url = db.url();
        o.credentials = [this, source = db.source()] {
            if (const auto gate = hold_credentials) {
                is_fetching = true;
                gate->wait(never);
            }
            return source();
        };
        o.call = limits(patience::ample);
        o.call.retry.random = [] { return 0.99; };
        o.call.retry.base_delay = o.call.retry.throttling_delay = 2ms;
        o.connection.connect_timeout = 30s;
        o.clock = [c = clock] { return c->now(); };
        return o;
    }

    std::size_t idle_connections() { return store.backend().client().transport().idle_connections(); }

    service db;
    std::shared_ptr<test::gate> hold_credentials{}; ///< whoever asks for some from now on waits for this
    std::atomic<bool> is_fetching{false};
    const std::atomic<bool> never{false};
    std::shared_ptr<ticking_clock> clock = std::make_shared<ticking_clock>();
    asio::io_context io;
    store_type store, other;
    ds::session session = ds::session(other.create()), bystander = session;
};

struct operation {
    std::string_view name;
    void (*prepare)(bench&);
    void (*start)(bench&, run&);
};

void load_it(bench& b) {
    b.session = b.store.load(b.session.id()).value();
    b.session.set("n", 2);
}

const std::vector<operation> all_operations{
    {"read", [](bench&) {}, [](bench& b, run& r) { b.store.async_load(b.session.id(), ds::read_only, r.handler()); }},
    {"lock", [](bench&) {}, [](bench& b, run& r) { b.store.async_load(b.session.id(), r.handler()); }},
    {"save", [](bench& b) { b.session.set("n", 2); }, [](bench& b, run& r) { b.store.async_save(b.session, r.handler()); }},
    {"save, locked", load_it, [](bench& b, run& r) { b.store.async_save(b.session, r.handler()); }},
    {"create", [](bench& b) { b.session = b.store.create(), b.session.set("n", 1); },
     [](bench& b, run& r) { b.store.async_save(b.session, r.handler()); }},
    {"update", [](bench&) {},
     [](bench& b, run& r) {
         b.store.async_update(b.session.id(), [](ds::session& s) { s.set("n", 2); }, r.handler());
     }},
    {"touch", [](bench& b) { b.clock->skip(20min); }, [](bench& b, run& r) { b.store.async_touch(b.session, r.handler()); }},
    {"renew", load_it, [](bench& b, run& r) { b.store.async_renew(b.session, r.handler()); }},
    {"release", load_it, [](bench& b, run& r) { b.store.async_release(b.session, r.handler()); }},
    {"regenerate", load_it, [](bench& b, run& r) { b.store.async_regenerate(b.session, r.handler()); }},
    {"destroy", [](bench&) {}, [](bench& b, run& r) { b.store.async_destroy(b.session.id(), r.handler()); }},
};

// But for handlers that were to be called at once.
bool nothing_is_left(asio::io_context& io) {
    while (io.poll() != 0) {
    }
    io.restart();
    return io.run() == 0;
}

/// After an operation on `id` was cancelled: the session is there or not, and nobody has to wait for it longer than for a
/// lease that has no holder any more.
void check_that_all_goes_on(bench& b, const operation& op, const ds::session_id id, bool in_another_process) {
    b.session = ds::session(b.bystander); // and with it what it has of the lock
    CHECK(nothing_is_left(b.io));
    // No connection is used again that has an answer to come.
    CHECK(b.store.load(b.bystander.id(), ds::read_only)->get<int>("n") == 7);

    b.db.restart(); // whatever was sent has been carried out now, or never will be
    const auto item = b.db.item(id);
    const bool may_be_absent = op.name == "create" || op.name == "destroy" || op.name == "regenerate";
    CHECK((item || may_be_absent));
    if (in_another_process) b.clock->skip(12'100ms); // a lease, and what clocks may differ
    const auto changed = (in_another_process ? b.other : b.store).update(id, [](ds::session& s) {
        const int n = s.get<int>("n").value_or(0);
        CHECK((1 <= n && n <= 3));
        s.set("n", 3);
    });
    // One that was regenerated in steps lies there, expired, until the last of them.
    CHECK((changed.has_value() == item.has_value() || (item && op.name == "regenerate")));
    if (changed) {
        CHECK(b.other.load(id, ds::read_only)->get<int>("n") == 3);
        CHECK_FALSE(b.db.item(id)->contains("lock"));
    }
    CHECK(b.db.problems() == std::vector<std::string>{});
}

int points = 0;

/// Cancels an operation after each number of steps that it can make. `meet` is what its first request meets with.
void cancel_after_each_step(const operation& op, const service::play& meet, abilities can) {
    for (int steps = 0;; ++steps) {
        bench b(can);
        op.prepare(b);
        if (meet) b.db.meet(meet);
        run r;
        op.start(b, r);
        for (int i = 0; i != steps && !r.has_ended(); ++i) b.io.run_one();
        const bool was_over = r.has_ended();
        INFO(std::string(op.name) << ", cancelled after " << steps << " steps");
        r.cancel();
        while (!r.has_ended()) b.io.run_one();
        CHECK((r.was_cancelled() || r.succeeded()));
        check_that_all_goes_on(b, op, b.session.id(), steps % 2 == 0);
        CHECK(r.completions() == 1);
        if (was_over) {
            CHECK(r.succeeded());
            CHECK(steps >= 1);
            return;
        }
        ++points;
    }
}

} // namespace

TEST_CASE("cancellation: at every suspension point of every operation") {
    points = 0;
    const auto throttle = [](service&, const request&) { return service::error(400, "ThrottlingException"); };
    for (const auto& op : all_operations)
        for (const auto& meet : {service::play(), service::play(throttle)})
            for (const auto can : {abilities{}, abilities::none()}) cancel_after_each_step(op, meet, can);
    std::cout << "cancellation: " << points << " points\n";
}

TEST_CASE("cancellation: of a request that is carried out without an answer, at once or when nobody waits any more") {
    const service::play carried_out = [](service& s, const request& r) {
        s.answer_to(r);
        return test::answer::nothing(test::answer::ending::stall);
    };
    const service::play laid_aside = [](service& s, const request& r) {
        s.lay_aside(r);
        return test::answer::nothing(test::answer::ending::stall);
    };
    for (const auto& op : all_operations)
        for (const auto& meet : {carried_out, laid_aside})
            for (const bool in_another_process : {false, true})
                for (const bool in_time : {false, true}) {
                    INFO(std::string(op.name) << (in_another_process ? ", seen by another process" : "")
                                              << (in_time ? ", delivered at once" : ", delivered in the end"));
                    bench b;
                    op.prepare(b);
                    const auto id = b.session.id();
                    b.db.begin_counting();
                    b.db.meet(meet);
                    run r;
                    op.start(b, r);
                    while (b.db.arrivals().empty()) b.io.poll();
                    CHECK_FALSE(r.has_ended());
                    r.cancel();
                    while (!r.has_ended()) b.io.run_one();
                    CHECK(r.was_cancelled());
                    CHECK(b.idle_connections() == 0);
                    if (in_time) b.db.deliver();
                    check_that_all_goes_on(b, op, id, in_another_process);
                    b.db.deliver();
                    check_that_all_goes_on(b, op, id, true);
                }
}

TEST_CASE("cancellation: while another process has the lock") {
    for (int steps = 0; steps != 20; ++steps) {
        INFO("cancelled after " << steps << " steps");
        bench b({}, {.min_retry_time = 1ms, .max_retry_time = 1ms});
        auto theirs = b.other.load(b.session.id());
        REQUIRE(theirs);
        run r;
        b.store.async_load(b.session.id(), r.handler());
        for (int i = 0; i != steps; ++i) b.io.run_one();
        CHECK_FALSE(r.has_ended());
        r.cancel();
        while (!r.has_ended()) b.io.run_one();
        CHECK(r.was_cancelled());
        CHECK(nothing_is_left(b.io));
        theirs->set("n", 2);
        b.other.save(*theirs);
        CHECK(b.store.load(b.session.id())->get<int>("n") == 2);
    }
}

TEST_CASE("cancellation: while another request of the same process has the lock") {
    bench b;
    auto mine = b.store.load(b.session.id());
    REQUIRE(mine);
    run first, second, third;
    for (auto* r : {&first, &second, &third}) b.store.async_load(b.session.id(), r->handler());
    b.io.poll();
    second.cancel();
    while (!second.has_ended()) b.io.run_one();
    CHECK(second.was_cancelled());
    first.cancel();
    while (!first.has_ended()) b.io.run_one();
    CHECK(first.was_cancelled());
    CHECK_FALSE(third.has_ended());
    mine->set("n", 2);
    b.store.save(*mine);
    while (!third.has_ended()) b.io.run_one();
    CHECK(third.succeeded());
    CHECK(b.other.load(b.session.id(), ds::read_only)->get<int>("n") == 2);
}

TEST_CASE("cancellation: while credentials are fetched") {
    for (const auto& op : all_operations) {
        INFO(std::string(op.name));
        bench b;
        op.prepare(b);
        const auto id = b.session.id();
        const auto gate = std::make_shared<test::gate>();
        b.hold_credentials = gate;
        b.db.revoke();
        run r;
        op.start(b, r);
        while (!b.is_fetching) b.io.poll();
        CHECK_FALSE(r.has_ended());
        r.cancel();
        while (!r.has_ended()) b.io.run_one();
        CHECK(r.was_cancelled());
        gate->open();
        check_that_all_goes_on(b, op, id, true);
    }
}
