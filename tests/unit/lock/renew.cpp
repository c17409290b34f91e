#include <dynasession/lock/renew.hpp>

#include "support/stepping.hpp"

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::lock_detail::keep_renewing;
using ds::lock_detail::lock_service;
using ds::lock_detail::renew;
using ds::lock_detail::wait_queues;

namespace {

const auto id = ds::session_id::generate();
const std::string ours = "OURSOURSOURSOURS", theirs = "THEIRSTHEIRSTHEI";

// A process of which one request has had the session locked since noon, for 12 s.
struct holder {
    std::shared_ptr<lock_service> service = std::make_shared<lock_service>();
    std::shared_ptr<wait_queues::place> place = enter();
    std::shared_ptr<ds::op::event> stop = std::make_shared<ds::op::event>();

    holder() {
        service->options.lease = 12s;
        place->begins_at(steady_noon);
        place->hold({ours, noon + 12s}, steady_noon + 12s, steady_noon + 14s);
    }

    std::shared_ptr<wait_queues::place> enter() const {
        const std::shared_ptr<wait_queues> queues(service, &service->queues);
        return wait_queues::enter(queues, id, 16, at(0s)).value();
    }

    keep_renewing keep() const { return {id, service, place, stop}; }
};

ds::record locked_by(const std::string& token) {
    auto r = stored_at_noon();
    r.lock = {token, noon + 20s};
    return r;
}

} // namespace

TEST_CASE("renew: the lock lasts a whole lease from now on, under its token") {
    const holder h;
    const auto waits = h.enter();
    renew op(id, h.service, h.place);
    const auto c = asked<ds::renew_lock>(op.resume({}, at(5s)));
    CHECK(c.id == id);
    CHECK(c.claim == ds::lock_claim{ours, noon + 17s});
    CHECK(h.place->held_lock().over == steady_noon + 12s); // not before it is so in the store
    CHECK(finished(op.resume(applied(), at(6s))).has_value());
    CHECK(h.place->held_lock().claim == c.claim);
    CHECK(h.place->held_lock().over == steady_noon + 17s);
    CHECK_FALSE(waits->has_turn(at(19s - 1ms)));
    CHECK(waits->has_turn(at(19s)));
}

TEST_CASE("renew: what was lost is lost, and the turn with it") {
    const holder h;
    renew op(id, h.service, h.place);
    asked<ds::renew_lock>(op.resume({}, at(5s)));
    SUBCASE("to another") { CHECK(fails_with(op.resume(refused(locked_by(theirs)), at(5s)), ds::error::lock_lost)); }
    SUBCASE("to nobody") { CHECK(fails_with(op.resume(refused(stored_at_noon()), at(5s)), ds::error::lock_lost)); }
    SUBCASE("with the session") { CHECK(fails_with(op.resume(refused(), at(5s)), ds::error::session_gone)); }
    SUBCASE("with the session, which has expired") {
        CHECK(fails_with(op.resume(refused(locked_by(theirs)), at(30min)), ds::error::session_gone));
    }
    CHECK_FALSE(h.place->held());
    CHECK_FALSE(h.place->is_over()); // a save still has to be told
    CHECK(h.service->queues.size() == 0);
}

TEST_CASE("renew: a session without a lock has nothing to renew") {
    const holder h;
    auto place = h.place;
    SUBCASE("none") { place = nullptr; }
    SUBCASE("given up") { h.place->end(); }
    SUBCASE("taken away") {
        const auto next = h.enter();
        REQUIRE(next->has_turn(at(14s)));
    }
    renew op(id, h.service, place);
    CHECK(fails_with(op.resume({}, at(14s)), ds::error::lock_lost));
}

TEST_CASE("renew: a failure leaves the lock what it was") {
    const holder h;
    renew op(id, h.service, h.place);
    asked<ds::renew_lock>(op.resume({}, at(5s)));
    CHECK(fails_with(op.resume(ds::failure(ds::error::throttled), at(5s)), ds::error::throttled));
    CHECK(h.place->held());
    CHECK(h.place->held_lock().over == steady_noon + 12s);
}

TEST_CASE("renew: an answer that comes when the lock was given up revives nothing") {
    const holder h;
    renew op(id, h.service, h.place);
    asked<ds::renew_lock>(op.resume({}, at(5s)));
    h.place->end();
    finished(op.resume(applied(), at(6s)));
    CHECK_FALSE(h.place->held());
}

TEST_CASE("renew: the end is put off up to max_tenure after the lock was taken, and then no further") {
    const holder h;
    h.service->options.max_tenure = 20s;
    const auto renewed = [&](std::chrono::milliseconds passed) {
        renew op(id, h.service, h.place);
        const auto claim = asked<ds::renew_lock>(op.resume({}, at(passed))).claim;
        CHECK(finished(op.resume(applied(), at(passed))).has_value());
        CHECK(h.place->held_lock().over == steady_noon + (claim.until - noon));
        return claim.until - noon;
    };
    CHECK(renewed(0s) == 12s); // at once: puts off nothing, but not for that reason
    CHECK(renewed(8s - 1ms) == 20s - 1ms);
    CHECK(renewed(9s) == 20s);
    renew more(id, h.service, h.place);
    const auto refusal = finished(more.resume({}, at(19s)));
    CHECK(refusal.error() == ds::error::lock_lost);
    CHECK(refusal.error().detail.find("max_tenure") != std::string::npos);
    CHECK(h.place->held()); // until its end
}

TEST_CASE("renew: after max_tenure nothing is renewed, not even a lock that ended before") {
    const holder h;
    h.service->options.max_tenure = 20s;
    renew op(id, h.service, h.place);
    CHECK(fails_with(op.resume({}, at(20s)), ds::error::lock_lost));
}

TEST_CASE("renew: what a process handed on belongs to one tenure") {
    const holder h;
    h.service->options.max_tenure = 20s;
    const auto next = h.enter();
    h.place->pass_on({{theirs, noon + 18s}, steady_noon + 18s});
    REQUIRE(next->has_turn(at(6s)));
    const auto idle = *next->inherit(at(6s));
    next->hold(idle.claim, idle.over, idle.over + 2s);
    renew op(id, h.service, next);
    CHECK(asked<ds::renew_lock>(op.resume({}, at(10s))).claim.until == noon + 20s);
}

TEST_CASE("keep_renewing: it ends when max_tenure leaves nothing to put off") {
    const holder h;
    h.service->options.max_tenure = 13s;
    auto keep = h.keep();
    paused(keep.resume({}, at(0s)));
    CHECK(asked<ds::renew_lock>(keep.resume({}, at(4s))).claim.until == noon + 13s);
    CHECK(finished(keep.resume(applied(), at(4s))).has_value());
    CHECK(h.place->held());
}

TEST_CASE("keep_renewing: a third of each lease, as long as the session has its lock") {
    const holder h;
    auto keep = h.keep();
    auto p = paused(keep.resume({}, at(0s)));
    CHECK(p.duration == 4s);
    CHECK(p.until == h.stop);
    CHECK(paused(keep.resume({}, at(3s))).duration == 1s);
    CHECK(asked<ds::renew_lock>(keep.resume({}, at(4s))).claim == ds::lock_claim{ours, noon + 16s});
    CHECK(paused(keep.resume(applied(), at(4s + 100ms))).duration == 4s - 100ms);
    CHECK(asked<ds::renew_lock>(keep.resume({}, at(8s))).claim == ds::lock_claim{ours, noon + 20s});
    paused(keep.resume(applied(), at(8s)));
    h.place->end();
    CHECK(finished(keep.resume({}, at(8s))).has_value());
}

TEST_CASE("keep_renewing: after a failure again, a twelfth of a lease later") {
    const holder h;
    auto keep = h.keep();
    paused(keep.resume({}, at(0s)));
    asked<ds::renew_lock>(keep.resume({}, at(4s)));
    for (auto t = 4s; t != 8s; ++t) {
        const auto p = paused(keep.resume(ds::failure(ds::error::throttled), at(t)));
        CHECK(p.duration == 1s);
        CHECK(p.until == h.stop);
        asked<ds::renew_lock>(keep.resume({}, at(t + 1s)));
    }
    CHECK(paused(keep.resume(applied(), at(8s))).duration == 4s);
    asked<ds::renew_lock>(keep.resume({}, at(12s)));
}

TEST_CASE("keep_renewing: it ends when the lock is lost or the session is gone, without an error of its own") {
    const holder h;
    auto keep = h.keep();
    paused(keep.resume({}, at(0s)));
    asked<ds::renew_lock>(keep.resume({}, at(4s)));
    SUBCASE("lost") { CHECK(finished(keep.resume(refused(locked_by(theirs)), at(4s))).has_value()); }
    SUBCASE("gone") { CHECK(finished(keep.resume(refused(), at(4s))).has_value()); }
    CHECK_FALSE(h.place->held());
}

TEST_CASE("keep_renewing: it ends when it is told to, and sends nothing more") {
    const holder h;
    auto keep = h.keep();
    SUBCASE("in a pause") { paused(keep.resume({}, at(0s))); }
    SUBCASE("before it began") {}
    SUBCASE("in a request") {
        paused(keep.resume({}, at(0s)));
        asked<ds::renew_lock>(keep.resume({}, at(4s)));
        h.stop->set();
        CHECK(finished(keep.resume(applied(), at(5s))).has_value());
        return;
    }
    h.stop->set();
    CHECK(finished(keep.resume({}, at(4s))).has_value());
    CHECK(h.place->held());
}

TEST_CASE("keep_renewing: it ends after max_hold_time") {
    const holder h;
    h.service->options.max_hold_time = 10s;
    auto keep = h.keep();
    paused(keep.resume({}, at(0s)));
    asked<ds::renew_lock>(keep.resume({}, at(4s)));
    paused(keep.resume(applied(), at(4s)));
    asked<ds::renew_lock>(keep.resume({}, at(8s)));
    CHECK(paused(keep.resume(applied(), at(8s))).duration == 2s);
    CHECK(finished(keep.resume({}, at(10s))).has_value());
    CHECK(h.place->held()); // until its lease ends
}

TEST_CASE(
    "keep_renewing: it does not keep the place, which leaves the lock to the next when its session is forgotten") {
    holder h;
    auto keep = h.keep();
    paused(keep.resume({}, at(0s)));
    const auto next = h.enter();
    h.place.reset();
    REQUIRE(next->has_turn(at(1s)));
    CHECK(next->inherit(at(1s))->claim.token == ours);
    CHECK(finished(keep.resume({}, at(1s))).has_value());
}

TEST_CASE("keep_renewing: a session without a lock has nothing to keep") {
    holder h;
    keep_renewing keep(id, h.service, {}, h.stop);
    CHECK(finished(keep.resume({}, at(0s))).has_value());
}

TEST_CASE("keep_renewing: a cancellation ends it") {
    const holder h;
    auto keep = h.keep();
    paused(keep.resume({}, at(0s)));
    CHECK(fails_with(keep.resume(ds::failure(boost::asio::error::operation_aborted), at(1s)),
                     boost::asio::error::operation_aborted));
}
