#include <dynasession/lock/acquire.hpp>

#include "support/stepping.hpp"

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::lock_detail::acquire;
using ds::lock_detail::lock_service;
using ds::lock_detail::wait_queues;

namespace {

const auto id = ds::session_id::generate();
const std::string theirs = "THEIRSTHEIRSTHEI", third = "THIRDTHIRDTHIRDT";

// What the requests of one process share.
std::shared_ptr<lock_service> process(const ds::pessimistic_lock_options& options = {}) {
    auto service = std::make_shared<lock_service>();
    service->options = options;
    return service;
}

ds::record locked(const std::string& token, std::chrono::milliseconds until) {
    auto r = stored_at_noon();
    r.lock = {token, noon + until};
    return r;
}

ds::record locked_by_php() {
    auto r = stored_at_noon();
    r.lock = {.foreign = true};
    return r;
}

// The record as the store gives it after this command.
ds::record taken(const ds::lock_record& c, ds::record r = stored_at_noon()) {
    r.lock = c.claim;
    return r;
}

std::shared_ptr<wait_queues::place> place_of(const ds::loaded& l) {
    return std::dynamic_pointer_cast<wait_queues::place>(l.hold);
}

// A request that has locked the session at noon.
ds::loaded loaded_at_noon(const std::shared_ptr<lock_service>& service) {
    acquire load(id, service);
    const auto c = asked<ds::lock_record>(load.resume({}, at(0s)));
    return *finished(load.resume(applied(taken(c)), at(0s))).value();
}

// An operation that was refused the lock of another and waits for its next look.
acquire watching(const std::shared_ptr<lock_service>& service, const ds::record& r, ds::op::instant now = at(0s)) {
    acquire load(id, service);
    asked<ds::lock_record>(load.resume({}, now));
    paused(load.resume(refused(r), now));
    return load;
}

} // namespace

TEST_CASE("acquire: a session that nobody has is locked and read by one command") {
    const auto service = process();
    acquire load(id, service);
    const auto c = asked<ds::lock_record>(load.resume({}, at(700ms)));
    CHECK(c.id == id);
    CHECK(c.claim.token.size() == 16);
    CHECK(c.claim.until == noon + 700ms + 10s);
    CHECK_FALSE(c.claim.foreign);
    CHECK_FALSE(c.seen);
    CHECK(c.now == noon);
    {
        const auto found = finished(load.resume(applied(taken(c)), at(900ms))).value();
        REQUIRE(found.has_value());
        CHECK(found->stored == stored_at_noon());
        CHECK_FALSE(found->read_only);
        REQUIRE(found->hold);
        CHECK(found->hold->held());
        const auto lock = place_of(*found)->held_lock();
        CHECK(lock.claim == c.claim);
        CHECK(lock.over == steady_noon + 10s + 700ms); // counted from before the request was sent
        CHECK(place_of(*found)->wanted().since == steady_noon + 700ms);
    }
    acquire next(id, process());
    CHECK(asked<ds::lock_record>(next.resume({}, at(0s))).claim.token != c.claim.token);
}

TEST_CASE("acquire: where there is no session there is none, and nothing else is ever asked for") {
    const auto service = process();
    {
        acquire load(id, service);
        asked<ds::lock_record>(load.resume({}, at(0s)));
        SUBCASE("absent") { CHECK_FALSE(finished(load.resume(refused(), at(0s))).value()); }
        SUBCASE("expired") { CHECK_FALSE(finished(load.resume(refused(stored_at_noon()), at(30min))).value()); }
        SUBCASE("expired and locked by another") {
            CHECK_FALSE(finished(load.resume(refused(locked(theirs, 1h)), at(30min))).value());
        }
        SUBCASE("gone while another's lock was waited for: a look shows nothing, a claim confirms it") {
            paused(load.resume(refused(locked(theirs, 10s)), at(0s)));
            asked<ds::load_record>(load.resume({}, at(1ms)));
            asked<ds::lock_record>(load.resume(applied(), at(2ms)));
            CHECK_FALSE(finished(load.resume(refused(), at(3ms))).value());
        }
    }
    CHECK(service->queues.size() == 0);
}

TEST_CASE("acquire: an answer that shows nothing although it was carried out is no session") {
    acquire load(id, process());
    asked<ds::lock_record>(load.resume({}, at(0s)));
    CHECK(fails_with(load.resume(applied(), at(0s)), ds::error::malformed_response));
}

TEST_CASE("acquire: another's lock is looked at by cheap reads after random pauses, until lock_timeout and never "
          "without a session") {
    const auto service = process();
    acquire load(id, service);
    asked<ds::lock_record>(load.resume({}, at(0s)));
    auto now = at(0s);
    auto act = load.resume(refused(locked(theirs, 10s)), now);
    CHECK(paused(act).duration <= 10ms);
    int looks = 0;
    auto longest = 0ms;
    while (std::holds_alternative<ds::op::pause>(act)) {
        const auto p = paused(act);
        REQUIRE(++looks < 5000);
        CHECK_FALSE(p.until);
        CHECK(p.duration <= 250ms);
        CHECK(p.duration <= steady_noon + 10s - now.steady);
        longest = std::max(longest, p.duration);
        const auto passed = std::max(p.duration, 1ms);
        now = {now.system + passed, now.steady + passed};
        const auto c = asked<ds::load_record>(load.resume({}, now));
        CHECK(c.id == id);
        CHECK(c.may_be_stale);
        CHECK(c.now == now.seconds());
        act = load.resume(applied(locked(theirs, 10s + (now.steady - steady_noon) / 1ms * 1ms)),
                          now); // renewed each time
    }
    CHECK(fails_with(act, ds::error::lock_timeout));
    CHECK(now.steady >= steady_noon + 10s);
    CHECK(longest > 100ms);
}

TEST_CASE("acquire: a deadline of none still tries once") {
    acquire load(id, process({.max_wait_time = 0ms}));
    asked<ds::lock_record>(load.resume({}, at(0s)));
    SUBCASE("free") { CHECK(finished(load.resume(applied(stored_at_noon()), at(1ms))).value().has_value()); }
    SUBCASE("locked") {
        CHECK(fails_with(load.resume(refused(locked(theirs, 10s)), at(1ms)), ds::error::lock_timeout));
    }
}

TEST_CASE("acquire: a lock that ended 2 s ago by our clock is taken over, by compare-and-swap on exactly that lock") {
    acquire load(id, process());
    const auto first = asked<ds::lock_record>(load.resume({}, at(3s)));
    SUBCASE("at the first look") {}
    SUBCASE("after a look that came just too early") {
        paused(load.resume(refused(locked(theirs, 1s)), at(3s)));
        CHECK(asked<ds::load_record>(load.resume({}, at(3s + 1ms))).may_be_stale);
        const auto steal = asked<ds::lock_record>(load.resume(applied(locked(theirs, 1s)), at(3s + 1ms)));
        CHECK(steal.seen == ds::lock_claim{theirs, noon + 1s});
        return;
    }
    const auto seen = locked(theirs, 1s);
    const auto steal = asked<ds::lock_record>(load.resume(refused(seen), at(3s + 1ms)));
    CHECK(steal.seen == seen.lock);
    CHECK(steal.seen_expires == seen.expires);
    CHECK(steal.claim.token != first.claim.token);
    CHECK(steal.claim.until == noon + 13s + 1ms);
    SUBCASE("nobody was faster") {
        const auto found = finished(load.resume(applied(taken(steal)), at(3s + 2ms))).value();
        REQUIRE(found.has_value());
        CHECK(found->hold->held());
        CHECK(place_of(*found)->held_lock().claim == steal.claim);
    }
    SUBCASE("a third was faster: his lock is waited for") {
        paused(load.resume(refused(locked(third, 13s)), at(3s + 2ms)));
        CHECK(asked<ds::load_record>(load.resume({}, at(4s))).may_be_stale);
        paused(load.resume(applied(locked(third, 13s)), at(4s)));
    }
    SUBCASE("the holder lives and has renewed it: it is waited for") {
        paused(load.resume(refused(locked(theirs, 13s)), at(3s + 2ms)));
        asked<ds::load_record>(load.resume({}, at(4s)));
        paused(load.resume(applied(locked(theirs, 13s)), at(4s)));
    }
    SUBCASE("the holder has saved: it is locked as any free session, and not by what was seen") {
        const auto claim = asked<ds::lock_record>(load.resume(refused(stored_at_noon()), at(3s + 2ms)));
        CHECK_FALSE(claim.seen);
        CHECK(claim.claim.token != steal.claim.token);
    }
}

TEST_CASE("acquire: a lock that did not change for a lease and 3 s by our stopwatch is taken over, however wrong the "
          "clocks are") {
    auto load = watching(process({.max_wait_time = 60s}), locked(theirs, 24h)); // its holder's clock is a day ahead
    const auto seen = locked(theirs, 24h);
    asked<ds::load_record>(load.resume({}, at(0s, 13s - 1ms)));
    paused(load.resume(applied(seen), at(0s, 13s - 1ms)));
    asked<ds::load_record>(load.resume({}, at(0s, 13s)));
    const auto steal = asked<ds::lock_record>(load.resume(applied(seen), at(0s, 13s)));
    CHECK(steal.seen == seen.lock);
    CHECK(finished(load.resume(applied(taken(steal)), at(0s, 13s))).value().has_value());
}

TEST_CASE("acquire: a lock that was renewed, or went to another, is counted anew") {
    auto load = watching(process({.max_wait_time = 60s}), locked(theirs, 24h));
    auto next = locked(theirs, 24h + 1ms);
    SUBCASE("renewed") {}
    SUBCASE("another's") { next = locked(third, 24h); }
    asked<ds::load_record>(load.resume({}, at(0s, 10s)));
    paused(load.resume(applied(next), at(0s, 10s)));
    asked<ds::load_record>(load.resume({}, at(0s, 23s - 1ms)));
    paused(load.resume(applied(next), at(0s, 23s - 1ms)));
    asked<ds::load_record>(load.resume({}, at(0s, 23s)));
    CHECK(asked<ds::lock_record>(load.resume(applied(next), at(0s, 23s))).seen == next.lock);
}

TEST_CASE("acquire: a lock that came free is taken, with a new token") {
    const auto service = process();
    acquire load(id, service);
    const auto first = asked<ds::lock_record>(load.resume({}, at(0s)));
    SUBCASE("between the write and the look, or the token was used up by a former copy: at once") {
        const auto second = asked<ds::lock_record>(load.resume(refused(stored_at_noon()), at(1ms)));
        CHECK_FALSE(second.seen);
        CHECK(second.claim.token != first.claim.token);
        SUBCASE("once; then after a pause") {
            paused(load.resume(refused(stored_at_noon()), at(2ms)));
            const auto next = asked<ds::lock_record>(load.resume({}, at(3ms)));
            CHECK(next.claim.token != second.claim.token);
        }
        SUBCASE("and it is ours") { CHECK(finished(load.resume(applied(taken(second)), at(2ms))).value().has_value()); }
    }
    SUBCASE("while it was waited for") {
        paused(load.resume(refused(locked(theirs, 10s)), at(1ms)));
        asked<ds::load_record>(load.resume({}, at(5ms)));
        const auto second = asked<ds::lock_record>(load.resume(applied(stored_at_noon()), at(6ms)));
        CHECK_FALSE(second.seen);
        CHECK(second.claim.token != first.claim.token);
        CHECK(second.claim.until == noon + 6ms + 10s);
    }
}

TEST_CASE("acquire: what a read that may be stale shows instead of the lock is confirmed by a claim") {
    auto load = watching(process(), locked(theirs, 10s));
    asked<ds::load_record>(load.resume({}, at(5ms)));
    ds::reply look;
    SUBCASE("no session") {}
    SUBCASE("an expired one") {
        look.item = locked(theirs, 10s);
        look.item->expires = noon;
    }
    SUBCASE("one that was moved") { look = {.item = locked(theirs, 10s), .forwarded = true}; }
    asked<ds::lock_record>(load.resume(look, at(5ms)));
    paused(load.resume(refused(locked(theirs, 10s)), at(6ms))); // it was stale: the lock is there
}

TEST_CASE("acquire: who comes by the former id of a session may read it, and does not lock it") {
    const auto service = process();
    acquire load(id, service);
    asked<ds::lock_record>(load.resume({}, at(0s)));
    ds::record sign;
    sign.moved = true;
    const auto c = asked<ds::load_record>(load.resume(refused(sign), at(0s)));
    CHECK(c.id == id);
    CHECK_FALSE(c.may_be_stale);
    SUBCASE("the session is there") {
        const auto found =
            finished(load.resume(ds::reply{.item = stored_at_noon(), .forwarded = true}, at(0s))).value();
        REQUIRE(found.has_value());
        CHECK(found->read_only);
        CHECK_FALSE(found->hold);
        CHECK(found->stored == stored_at_noon());
    }
    SUBCASE("it was destroyed") { CHECK_FALSE(finished(load.resume(applied(), at(0s))).value()); }
    SUBCASE("it has expired") {
        CHECK_FALSE(finished(load.resume(ds::reply{.item = stored_at_noon(), .forwarded = true}, at(30min))).value());
    }
    SUBCASE("it is not known") {
        CHECK(fails_with(load.resume(ds::failure(ds::error::timeout), at(0s)), ds::error::timeout));
    }
}

TEST_CASE("acquire: the PHP handler's lock is respected, however old our clock says it is") {
    auto load = watching(process({.max_wait_time = 10min}), locked_by_php());
    asked<ds::load_record>(load.resume({}, at(20min, 60s - 1ms)));
    paused(load.resume(applied(locked_by_php()), at(20min, 60s - 1ms)));
}

TEST_CASE("acquire: the PHP handler's lock is taken over when nothing was done under it for foreign_lock_time, by its "
          "expiry") {
    const auto service = process({.max_wait_time = 10min});
    auto load = watching(service, locked_by_php());
    const auto seen = locked_by_php();
    asked<ds::load_record>(load.resume({}, at(60s)));
    const auto steal = asked<ds::lock_record>(load.resume(applied(seen), at(60s)));
    REQUIRE(steal.seen.has_value());
    CHECK(steal.seen->foreign);
    CHECK(steal.seen_expires == seen.expires);
    SUBCASE("and the next one of that kind is counted anew") {
        { CHECK(finished(load.resume(applied(taken(steal)), at(60s))).value().has_value()); }
        CHECK(service->sightings.seen_for(id, seen, steady_noon + 61s) == 0s);
    }
    SUBCASE("unless somebody was faster") { paused(load.resume(refused(locked(third, 70s)), at(60s))); }
}

TEST_CASE("acquire: the PHP handler's lock counts anew when data or expiry changed under it") {
    auto load = watching(process({.max_wait_time = 10min}), locked_by_php());
    auto changed = locked_by_php();
    SUBCASE("expiry") { changed.expires += 1s; }
    SUBCASE("data") { changed.data = ds::fields({{"gone", "1"}, {"kept", "2"}}); }
    asked<ds::load_record>(load.resume({}, at(59s)));
    paused(load.resume(applied(changed), at(59s)));
    asked<ds::load_record>(load.resume({}, at(118s)));
    paused(load.resume(applied(changed), at(118s)));
    asked<ds::load_record>(load.resume({}, at(119s)));
    CHECK(asked<ds::lock_record>(load.resume(applied(changed), at(119s))).seen_expires == changed.expires);
}

TEST_CASE("acquire: how long the PHP handler's lock was seen is known to all requests of the process") {
    const auto service = process({.max_wait_time = 1s});
    {
        auto first = watching(service, locked_by_php());
        asked<ds::load_record>(first.resume({}, at(1s)));
        CHECK(fails_with(first.resume(applied(locked_by_php()), at(1s)), ds::error::lock_timeout));
    }
    acquire second(id, service);
    asked<ds::lock_record>(second.resume({}, at(60s)));
    CHECK(asked<ds::lock_record>(second.resume(refused(locked_by_php()), at(60s))).seen.has_value());
}

TEST_CASE("acquire: a claim whose answer was lost is taken over by the next request of the process under a token of its own") {
    const auto service = process();
    ds::lock_claim lost;
    {
        acquire load(id, service);
        lost = asked<ds::lock_record>(load.resume({}, at(0s))).claim;
        SUBCASE("a failure") {
            CHECK(fails_with(load.resume(ds::failure(ds::error::timeout), at(1s)), ds::error::timeout));
        }
        SUBCASE("a cancellation") {
            CHECK(fails_with(load.resume(ds::failure(boost::asio::error::operation_aborted), at(1s)),
                             boost::asio::error::operation_aborted));
        }
        SUBCASE("forgotten altogether") {}
    }
    acquire next(id, service);
    const auto c = asked<ds::lock_record>(next.resume({}, at(2s)));
    CHECK(c.seen == lost);
    CHECK(c.claim.token != lost.token); // that may be on its way with a save
    CHECK(c.claim.until == noon + 12s);
    CHECK(finished(next.resume(applied(taken(c)), at(2s))).value().has_value());
}

TEST_CASE("acquire: a claim that was refused leaves no token to anybody") {
    const auto service = process();
    std::string refused_token;
    {
        acquire load(id, service);
        refused_token = asked<ds::lock_record>(load.resume({}, at(0s))).claim.token;
        paused(load.resume(refused(locked(theirs, 10s)), at(0s)));
        CHECK(fails_with(load.resume(ds::failure(boost::asio::error::operation_aborted), at(1ms)),
                         boost::asio::error::operation_aborted));
    }
    CHECK(service->queues.size() == 0);
    acquire next(id, service);
    CHECK(asked<ds::lock_record>(next.resume({}, at(1s))).claim.token != refused_token);
}

TEST_CASE("acquire: a look that fails ends the wait with that failure") {
    auto load = watching(process(), locked(theirs, 10s));
    asked<ds::load_record>(load.resume({}, at(1ms)));
    CHECK(fails_with(load.resume(ds::failure(ds::error::throttled), at(2ms)), ds::error::throttled));
}

TEST_CASE("acquire: of the requests of a process one talks to the store, the others wait to be called") {
    const auto service = process();
    auto first = std::optional(loaded_at_noon(service));
    acquire second(id, service);
    const auto p = paused(second.resume({}, at(1s)));
    REQUIRE(p.until);
    CHECK_FALSE(p.until->is_set());
    CHECK(p.duration == 10s); // its deadline, which comes before the end of the lease and the margin
    paused(second.resume({}, at(2s)));
    SUBCASE("the lock is given up in the store") { place_of(*first)->end(); }
    SUBCASE("the lock is left behind: with the same token it is ours already") { first.reset(); }
    CHECK(p.until->is_set());
    asked<ds::lock_record>(second.resume({}, at(3s)));
}

TEST_CASE("acquire: who waits in line fails with lock_timeout, and too many fail at once") {
    const auto service = process({.max_waiters = 1});
    const auto first = loaded_at_noon(service);
    acquire second(id, service), more(id, service);
    CHECK(paused(second.resume({}, at(0s))).duration == 10s);
    CHECK(fails_with(more.resume({}, at(0s)), ds::error::too_many_waiters));
    CHECK(fails_with(second.resume({}, at(10s)), ds::error::lock_timeout));
}

TEST_CASE("acquire: who is cancelled in line leaves it") {
    const auto service = process({.max_waiters = 1});
    const auto first = loaded_at_noon(service);
    {
        acquire second(id, service);
        paused(second.resume({}, at(0s)));
        CHECK(fails_with(second.resume(ds::failure(boost::asio::error::operation_aborted), at(1s)),
                         boost::asio::error::operation_aborted));
    }
    CHECK_FALSE(place_of(first)->wanted().waiting);
}

TEST_CASE("acquire: a request that hangs loses its turn 2 s after its lease, and the store decides about its lock") {
    const auto service = process({.max_wait_time = 60s});
    const auto hangs = loaded_at_noon(service);
    acquire second(id, service);
    CHECK(paused(second.resume({}, at(0s))).duration == 12s);
    CHECK_FALSE(hangs.hold == nullptr);
    const auto c = asked<ds::lock_record>(second.resume({}, at(12s)));
    CHECK_FALSE(hangs.hold->held());
    CHECK(c.claim.token != place_of(hangs)->held_lock().claim.token);
    const auto old = taken({.id = id, .claim = place_of(hangs)->held_lock().claim});
    CHECK(asked<ds::lock_record>(second.resume(refused(old), at(12s + 1ms))).seen == old.lock);
}

TEST_CASE("acquire: a lock that was handed on with its session costs no command at all") {
    const auto service = process();
    const auto first = loaded_at_noon(service);
    acquire second(id, service);
    paused(second.resume({}, at(0s)));
    auto newer = stored_at_noon();
    newer.version = 4;
    const ds::lock_claim handed{third, noon + 11s};
    place_of(first)->pass_on({handed, steady_noon + 11s, newer, place_of(first)->wanted().entries});
    SUBCASE("at once") {
        const auto found = finished(second.resume({}, at(1s))).value();
        REQUIRE(found.has_value());
        CHECK(found->stored == newer);
        CHECK(found->hold->held());
        CHECK_FALSE(found->read_only);
        CHECK(place_of(*found)->held_lock().claim == handed);
        CHECK(place_of(*found)->held_lock().over == steady_noon + 11s);
        CHECK(place_of(*found)->wanted().since == steady_noon); // the process has had it since
    }
    SUBCASE("when its lease is nearly over: by a claim in place of the other") {
        const auto c = asked<ds::lock_record>(second.resume({}, at(8s)));
        CHECK(c.claim.until == noon + 18s);
        CHECK(c.seen == handed);
    }
    SUBCASE("when the session has expired meanwhile: by a claim, which confirms it") {
        const auto c = asked<ds::lock_record>(second.resume({}, at(30min, 1s)));
        CHECK(c.seen == handed);
        CHECK_FALSE(finished(second.resume(refused(newer), at(30min, 1s))).value());
    }
}

TEST_CASE("acquire: a lock that was handed on but lost meanwhile is asked for as any other") {
    const auto service = process();
    const auto first = loaded_at_noon(service);
    acquire second(id, service);
    paused(second.resume({}, at(0s)));
    place_of(first)->pass_on({{third, noon + 10s}, steady_noon + 10s, {}, 0});
    CHECK(asked<ds::lock_record>(second.resume({}, at(1s))).seen->token == third);
    paused(second.resume(refused(locked(theirs, 11s)), at(1s)));
    asked<ds::load_record>(second.resume({}, at(2s)));
    CHECK_FALSE(asked<ds::lock_record>(second.resume(applied(stored_at_noon()), at(2s))).seen);
}

TEST_CASE("acquire: where other processes are to have their chance, the next one stands back before it asks") {
    const auto service = process();
    const auto first = loaded_at_noon(service);
    acquire second(id, service);
    paused(second.resume({}, at(0s)));
    place_of(first)->pass_on({{}, steady_noon + 6s, {}, 0});
    const auto p = paused(second.resume({}, at(5s + 750ms)));
    CHECK(p.duration == 250ms);
    CHECK_FALSE(p.until);
    CHECK(asked<ds::lock_record>(second.resume({}, at(6s))).claim.token.size() == 16);
}

TEST_CASE("acquire: a token of a lock that is over is not used again") {
    const auto service = process({.max_wait_time = 60s});
    {
        const auto first = loaded_at_noon(service);
        place_of(first)->pass_on({{third, noon + 10s}, steady_noon + 10s, {}, 0});
    }
    acquire second(id, service);
    CHECK(asked<ds::lock_record>(second.resume({}, at(10s))).claim.token != third);
}

TEST_CASE("acquire: locks taken over from one's own process do not hide how long it has had the session") {
    const auto service = process();
    {
        const auto first = loaded_at_noon(service); // left behind: it neither saves nor releases
    }
    acquire second(id, service);
    const auto c = asked<ds::lock_record>(second.resume({}, at(4s)));
    const auto found = finished(second.resume(applied(taken(c)), at(4s))).value();
    CHECK(place_of(*found)->wanted().since == steady_noon);
}

TEST_CASE("acquire: a lock that this process left in the store unknowingly is taken over at once") {
    const auto service = process();
    std::string left;
    SUBCASE("by a save whose outcome is unknown") {
        left = third;
        const auto first = loaded_at_noon(service);
        place_of(first)->lose(ds::error::outcome_unknown, {theirs, left}, steady_noon + 10s);
    }
    SUBCASE("by a renewal whose answer was lost") {
        const auto first = loaded_at_noon(service);
        left = place_of(first)->held_lock().claim.token; // and then the session was forgotten
    }
    acquire next(id, service);
    const auto first_try = asked<ds::lock_record>(next.resume({}, at(1s)));
    const auto found = locked(left, 17s); // with another end than we know
    const auto c = asked<ds::lock_record>(next.resume(refused(found), at(1s)));
    CHECK(c.seen == found.lock);
    CHECK(c.claim.token != first_try.claim.token);
    paused(next.resume(refused(found), at(1s))); // but not again and again
}

TEST_CASE("acquire: a late copy of its own claim is no lock of another") {
    acquire load(id, process());
    const auto c = asked<ds::lock_record>(load.resume({}, at(0s)));
    const auto late = taken(c);
    CHECK(asked<ds::lock_record>(load.resume(refused(late), at(1s))).seen == late.lock);
}

TEST_CASE("acquire: who stands back does so no longer than he can wait") {
    const auto service = process({.max_wait_time = 100ms});
    const auto first = loaded_at_noon(service);
    acquire second(id, service);
    paused(second.resume({}, at(0s)));
    place_of(first)->pass_on({{}, steady_noon + 60s});
    CHECK(paused(second.resume({}, at(0s))).duration == 100ms);
}
