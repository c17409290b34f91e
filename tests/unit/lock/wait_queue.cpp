#include <dynasession/lock/wait_queue.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::lock_detail::idle_lock;
using ds::lock_detail::wait_queues;

namespace {

const auto id = ds::session_id::generate();
const std::string token = "OURSOURSOURSOURS";

using place = std::shared_ptr<wait_queues::place>;

// One process's queues, and those who line up there.
struct line {
    std::shared_ptr<wait_queues> queues = std::make_shared<wait_queues>();
    std::size_t max_waiters = 3;

    place enter(ds::op::instant now = at(0s), const ds::session_id& of = id) {
        return wait_queues::enter(queues, of, max_waiters, now).value();
    }
    place enter_with_turn(ds::op::instant now = at(0s)) {
        auto p = enter(now);
        REQUIRE(p->has_turn(now));
        return p;
    }
};

ds::lock_claim claim_until(std::chrono::milliseconds end) { return {token, noon + end}; }

bool is_called(const place& p) { return p->wait(at(0s), steady_noon + 10s).until->is_set(); }

} // namespace

TEST_CASE("the first who comes has its turn at once, and leaves nothing behind") {
    line l;
    CHECK(l.queues->size() == 0);
    auto first = l.enter();
    CHECK(l.queues->size() == 1);
    CHECK(first->has_turn(at(0s)));
    CHECK_FALSE(first->inherit(at(0s)));
    CHECK_FALSE(first->held()); // the lock in the store is another matter
    SUBCASE("by ending its turn") { first->end(); }
    SUBCASE("by leaving") { first.reset(); }
    CHECK(l.queues->size() == 0);
}

TEST_CASE("turns go round in the order of arrival, and the next one is called when a turn ends") {
    line l;
    auto first = l.enter(), second = l.enter(), third = l.enter();
    CHECK_FALSE(second->has_turn(at(0s)));
    CHECK_FALSE(third->has_turn(at(0s)));
    CHECK_FALSE(is_called(second));
    SUBCASE("by end") { first->end(); }
    SUBCASE("by pass_on") { first->pass_on({}); }
    SUBCASE("by lose") { first->lose(); }
    SUBCASE("by leaving") { first.reset(); }
    CHECK(is_called(second));
    CHECK_FALSE(is_called(third));
    CHECK_FALSE(third->has_turn(at(0s)));
    CHECK(second->has_turn(at(0s)));
    CHECK_FALSE(third->has_turn(at(0s)));
    second->end();
    CHECK_FALSE(second->has_turn(at(0s)));
    CHECK(third->has_turn(at(0s)));
}

TEST_CASE("who comes while one was called does not overtake him") {
    line l;
    auto first = l.enter(), second = l.enter();
    first->end();
    auto third = l.enter();
    CHECK_FALSE(third->has_turn(at(0s)));
    CHECK(second->has_turn(at(0s)));
}

TEST_CASE("sessions have queues of their own") {
    line l;
    auto first = l.enter();
    const auto other = ds::session_id::generate();
    auto elsewhere = l.enter(at(0s), other);
    CHECK(elsewhere->has_turn(at(0s)));
    CHECK(l.queues->size() == 2);
}

TEST_CASE("no more wait than may") {
    line l;
    auto active = l.enter();
    std::vector<place> waiting;
    for (std::size_t i = 0; i != l.max_waiters; ++i) waiting.push_back(l.enter());
    CHECK(wait_queues::enter(l.queues, id, l.max_waiters, at(0s)).error() == ds::error::too_many_waiters);
    CHECK(wait_queues::enter(l.queues, ds::session_id::generate(), 0, at(0s)).has_value());
    waiting.pop_back();
    CHECK(wait_queues::enter(l.queues, id, l.max_waiters, at(0s)).has_value());
}

TEST_CASE("who leaves before its turn is passed over") {
    line l;
    auto first = l.enter(), second = l.enter(), third = l.enter();
    second.reset();
    CHECK_FALSE(is_called(third));
    first->end();
    CHECK(is_called(third));
    CHECK(third->has_turn(at(0s)));
}

TEST_CASE("who leaves when it was called, but did not come, has the next one called") {
    line l;
    auto first = l.enter(), second = l.enter();
    SUBCASE("with another behind") {
        auto third = l.enter();
        first->pass_on({.claim = claim_until(10s), .over = steady_noon + 10s});
        second.reset();
        CHECK(is_called(third));
        CHECK(third->has_turn(at(0s)));
        CHECK(third->inherit(at(0s))->claim == claim_until(10s));
    }
    SUBCASE("with nobody behind") {
        first->end();
        second.reset();
        CHECK(l.queues->size() == 0);
    }
}

TEST_CASE("a turn whose lock is long over is taken away, by the first of those who wait and by nobody else") {
    line l;
    auto hangs = l.enter_with_turn(), second = l.enter(), third = l.enter();
    hangs->hold(claim_until(10s), steady_noon + 10s, steady_noon + 12s);
    CHECK(hangs->held());
    CHECK_FALSE(second->has_turn(at(12s - 1ms)));
    CHECK_FALSE(third->has_turn(at(12s)));
    CHECK(hangs->held());
    CHECK(second->has_turn(at(12s)));
    CHECK_FALSE(hangs->held());
    CHECK_FALSE(hangs->has_turn(at(12s)));
    CHECK_FALSE(hangs->is_over()); // it was not told; its save will be
    CHECK(hangs->ended()->is_set());
    CHECK_FALSE(third->has_turn(at(13s)));
    SUBCASE("it can do no harm when it wakes up") {
        hangs->pass_on({.claim = claim_until(10s), .over = steady_noon + 20s});
        hangs->end();
        hangs->hold(claim_until(30s), steady_noon + 30s, steady_noon + 32s);
        CHECK_FALSE(hangs->wanted().waiting);
    }
    SUBCASE("it leaves nothing behind when it goes") { hangs.reset(); }
    CHECK(second->has_turn(at(13s)));
    CHECK_FALSE(second->inherit(at(13s)));
    CHECK_FALSE(third->has_turn(at(13s)));
}

TEST_CASE("a turn is not taken away as long as the lock in the store is being asked for, or was renewed") {
    line l;
    auto active = l.enter_with_turn(), second = l.enter();
    CHECK_FALSE(second->has_turn(at(24h)));
    active->hold(claim_until(10s), steady_noon + 10s, steady_noon + 12s);
    active->hold(claim_until(20s), steady_noon + 20s, steady_noon + 22s);
    CHECK_FALSE(second->has_turn(at(15s)));
    CHECK(second->has_turn(at(22s)));
}

TEST_CASE("who waits is woken when its turn comes, when the turn of another may be taken away, or at its deadline") {
    line l;
    auto active = l.enter_with_turn(), second = l.enter();
    const auto far = steady_noon + 60s;
    CHECK(second->wait(at(0s), far).duration == 1s); // the first is still asking, so nobody knows
    CHECK(second->wait(at(0s), steady_noon + 500ms).duration == 500ms);
    active->hold(claim_until(10s), steady_noon + 10s, steady_noon + 12s);
    const auto p = second->wait(at(1s), far);
    CHECK(p.duration == 11s);
    CHECK(second->wait(at(1s), steady_noon + 5s).duration == 4s);
    CHECK(second->wait({noon, steady_noon + 1us}, steady_noon + 5s).duration == 5s); // never too early
    CHECK(second->wait(at(20s), far).duration == 0ms);
    CHECK_FALSE(p.until->is_set());
    active->end();
    CHECK(p.until->is_set());
}

TEST_CASE("who waits behind the first does not look all the time at a turn that only the first may take away") {
    line l;
    auto active = l.enter_with_turn(), second = l.enter(), third = l.enter();
    const auto far = steady_noon + 60s;
    active->hold(claim_until(10s), steady_noon + 10s, steady_noon + 12s);
    CHECK(third->wait(at(1s), far).duration == 11s);
    CHECK(third->wait(at(20s), far).duration > 0ms);
    CHECK(third->wait(at(20s), steady_noon + 20s + 7ms).duration == 7ms);
    second.reset();
    CHECK(third->wait(at(20s), far).duration == 0ms);
    CHECK(third->has_turn(at(20s)));
}

TEST_CASE("a lock that is handed on with the session under it is the next one's, and only his") {
    line l;
    auto first = l.enter_with_turn(), second = l.enter();
    first->hold(claim_until(10s), steady_noon + 10s, steady_noon + 12s);
    const auto known_to = first->wanted().entries;
    auto third = l.enter();
    first->pass_on({claim_until(20s), steady_noon + 20s, stored_at_noon(), known_to});
    CHECK(first->is_over());
    CHECK_FALSE(first->held());
    REQUIRE(second->has_turn(at(0s)));
    const auto idle = second->inherit(at(0s));
    REQUIRE(idle.has_value());
    CHECK(idle->claim == claim_until(20s));
    CHECK(idle->over == steady_noon + 20s);
    CHECK(idle->stored == stored_at_noon());
    CHECK_FALSE(second->inherit(at(0s)));
    second->end();
    REQUIRE(third->has_turn(at(0s)));
    CHECK_FALSE(third->inherit(at(0s)));
}

TEST_CASE("who came after the session was last seen gets the lock without it: it may be destroyed by now") {
    line l;
    auto first = l.enter_with_turn();
    const auto known_to = first->wanted().entries;
    auto second = l.enter();
    first->pass_on({claim_until(10s), steady_noon + 10s, stored_at_noon(), known_to});
    REQUIRE(second->has_turn(at(0s)));
    const auto idle = second->inherit(at(0s));
    REQUIRE(idle.has_value());
    CHECK(idle->claim == claim_until(10s));
    CHECK_FALSE(idle->stored);
}

TEST_CASE("a lock whose lease has ended is not handed on") {
    line l;
    auto first = l.enter_with_turn(), second = l.enter();
    first->pass_on({claim_until(10s), steady_noon + 10s, stored_at_noon(), first->wanted().entries});
    REQUIRE(second->has_turn(at(10s)));
    CHECK_FALSE(second->inherit(at(10s)));
}

TEST_CASE("a lock that its holder leaves behind, or was asking for, is the next one's, unread") {
    line l;
    auto first = l.enter_with_turn();
    SUBCASE("held") {
        first->claim(claim_until(10s), steady_noon + 10s);
        first->hold(claim_until(10s), steady_noon + 10s, steady_noon + 12s);
    }
    SUBCASE("asked for") { first->claim(claim_until(10s), steady_noon + 10s); }
    first.reset();
    CHECK(l.queues->size() == 1);
    auto second = l.enter_with_turn(at(5s));
    const auto idle = second->inherit(at(5s));
    REQUIRE(idle.has_value());
    CHECK(idle->claim == claim_until(10s));
    CHECK(idle->over == steady_noon + 10s);
    CHECK_FALSE(idle->stored);
    second->end();
    CHECK(l.queues->size() == 0);
}

TEST_CASE("a lock that was refused, or given up, is not left behind") {
    line l;
    auto first = l.enter_with_turn();
    SUBCASE("refused") {
        first->claim(claim_until(10s), steady_noon + 10s);
        first->claim({}, {});
        first.reset();
    }
    SUBCASE("given up") {
        first->hold(claim_until(10s), steady_noon + 10s, steady_noon + 12s);
        first->end();
    }
    CHECK(l.queues->size() == 0);
}

TEST_CASE("a lock that was lost is not given up: it is neither held nor over, and nobody inherits it") {
    line l;
    auto first = l.enter_with_turn(), second = l.enter();
    first->hold(claim_until(10s), steady_noon + 10s, steady_noon + 12s);
    first->lose();
    CHECK_FALSE(first->held());
    CHECK_FALSE(first->is_over());
    CHECK(first->held_lock().claim == claim_until(10s)); // so that a save can still be bound to it
    REQUIRE(second->has_turn(at(0s)));
    CHECK_FALSE(second->inherit(at(0s)));
    SUBCASE("whatever is done with it later") {
        first->pass_on({.claim = claim_until(10s), .over = steady_noon + 10s});
        first->end();
        first->lose();
        first->hold(claim_until(20s), steady_noon + 20s, steady_noon + 22s);
        CHECK_FALSE(first->is_over());
    }
    SUBCASE("and when it goes") { first.reset(); }
    CHECK(second->has_turn(at(0s)));
    second->end();
    CHECK(l.queues->size() == 0);
}

TEST_CASE("locks that were left behind are forgotten when they are over") {
    line l;
    std::vector<ds::session_id> ids;
    for (int i = 0; i != 100; ++i) {
        ids.push_back(ds::session_id::generate());
        auto p = l.enter(at(0s), ids.back());
        p->claim(claim_until(10s), steady_noon + 10s);
    }
    CHECK(l.queues->size() == 100);
    for (const auto& other : ids) CHECK(l.enter(at(10s - 1ms), other)->inherit(at(10s - 1ms)).has_value());
    CHECK(l.queues->size() == 0); // taken over, and not left behind again

    for (const auto& other : ids) l.enter(at(0s), other)->claim(claim_until(10s), steady_noon + 10s);
    for (const auto& other : ids) l.enter(at(10s - 1ms), other); // looked after, and still good
    CHECK(l.queues->size() == 100);
    for (int i = 0; i != 10'000 && l.queues->size() != 0; ++i) l.enter(at(10s), ds::session_id::generate());
    CHECK(l.queues->size() == 0);
}

TEST_CASE("a queue that is in use again is not forgotten with the lock that was left behind there") {
    line l;
    l.enter()->claim(claim_until(10s), steady_noon + 10s);
    auto second = l.enter_with_turn(at(5s));
    auto third = l.enter(at(20s));
    CHECK(second->has_turn(at(20s)));
    CHECK_FALSE(third->has_turn(at(20s)));
    second.reset();
    CHECK(third->has_turn(at(20s)));
}

TEST_CASE("a holder knows whether somebody waits, since when its process has the lock, and who had come by then") {
    line l;
    auto first = l.enter_with_turn();
    first->begins_at(steady_noon + 1s);
    CHECK_FALSE(first->wanted().waiting);
    const auto before = first->wanted().entries;
    auto second = l.enter();
    CHECK(first->wanted().waiting);
    CHECK(first->wanted().since == steady_noon + 1s);
    CHECK(first->wanted().entries == before + 1);
    CHECK_FALSE(second->wanted().waiting);
    first->pass_on({claim_until(10s), steady_noon + 10s, stored_at_noon(), before + 1});
    REQUIRE(second->has_turn(at(2s)));
    CHECK(second->wanted().since == steady_noon + 1s); // from hand to hand
}

TEST_CASE("what is held is told with what is known of it") {
    line l;
    auto first = l.enter_with_turn();
    first->hold(claim_until(10s), steady_noon + 10s, steady_noon + 12s);
    first->read_at(7);
    const auto lock = first->held_lock();
    CHECK(lock.claim == claim_until(10s));
    CHECK(lock.over == steady_noon + 10s);
    CHECK(lock.known_to == 7);
    CHECK_FALSE(lock.stored);
}

TEST_CASE("the end of a turn is an event, however it comes") {
    line l;
    auto first = l.enter_with_turn();
    const auto ended = first->ended();
    CHECK_FALSE(ended->is_set());
    SUBCASE("end") { first->end(); }
    SUBCASE("pass_on") { first->pass_on({}); }
    SUBCASE("lose") { first->lose(); }
    SUBCASE("leaving") { first.reset(); }
    CHECK(ended->is_set());
}

TEST_CASE("many threads have one turn at a time, each of them every time, and see what the one before left") {
    constexpr int threads = 6, rounds = 400;
    line l;
    l.max_waiters = threads;
    int inside = 0, turns = 0; // guarded by the turn alone
    std::string last;
    std::atomic<int> failures{0};
    const auto work = [&](int number) {
        for (int i = 0; i != rounds; ++i) {
            auto p = l.enter();
            while (!p->has_turn(at(0s))) {
                const auto pause = p->wait(at(0s), steady_noon + 60s);
                pause.until->wait_for(pause.duration);
            }
            if (++inside != 1) ++failures;
            ++turns;
            const auto idle = p->inherit(at(0s));
            if ((idle ? idle->claim.token : std::string()) != last) ++failures;
            last.clear();
            --inside;
            const auto mine = std::to_string(number) + ' ' + std::to_string(i);
            switch ((number + i) % 4) {
            case 0: p->end(); break;
            case 1:
                last = mine;
                p->pass_on({.claim = {mine, {}}, .over = steady_noon + 10s});
                break;
            case 2:
                last = mine;
                p->hold({mine, {}}, steady_noon + 10s, steady_noon + 12s); // and is left behind
                break;
            default:
                auto leaves = wait_queues::enter(l.queues, id, 2 * threads, at(0s)); // before its turn
                break;
            }
        }
    };
    std::vector<std::thread> pool;
    for (int i = 0; i != threads; ++i) pool.emplace_back(work, i);
    for (auto& t : pool) t.join();
    CHECK(turns == threads * rounds);
    CHECK(inside == 0);
    CHECK(failures == 0);
    l.enter(at(10s)).reset();
    CHECK(l.queues->size() == 0);
}

TEST_CASE("a lock that was left behind can be disowned: nobody gets it as its own any more, and all may break it") {
    line l;
    CHECK_FALSE(l.queues->disown(id, token));
    auto first = l.enter_with_turn();
    first->hold(claim_until(10s), steady_noon + 10s, steady_noon + 12s);
    CHECK_FALSE(l.queues->disown(id, token)); // it has a request
    SUBCASE("by a request that went") {
        first.reset();
        CHECK_FALSE(l.queues->disown(id, "another"));
        CHECK(l.queues->disown(id, token));
        CHECK(l.queues->disown(id, token));
        const auto next = l.enter_with_turn(at(1s));
        CHECK_FALSE(next->inherit(at(1s)));
        CHECK(next->is_orphan(token));
    }
    SUBCASE("by a save of which nobody knows") {
        first->lose(ds::error::outcome_unknown, {token}, steady_noon + 10s);
        CHECK(l.queues->disown(id, token));
    }
    SUBCASE("but not when it was handed on to one who waits") {
        const auto second = l.enter();
        first->pass_on({claim_until(10s), steady_noon + 10s});
        CHECK_FALSE(l.queues->disown(id, token));
        REQUIRE(second->has_turn(at(1s)));
        CHECK(second->inherit(at(1s))->claim.token == token);
        CHECK_FALSE(l.queues->disown(id, token));
        return;
    }
    l.enter(at(10s))->end();
    CHECK(l.queues->size() == 0);
}
