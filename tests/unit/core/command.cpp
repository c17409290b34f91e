#include <dynasession/core/command.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>

namespace ds = dynasession;
using namespace std::chrono_literals;
using ds::lock_claim;
using ds::stamp;
using ds::time_point;

namespace {

constexpr auto noon = time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h);

constexpr stamp stored{.created = noon - 1h, .expires = noon + 20min, .max_stale = 30min, .version = 3};

const ds::fields data{{"n", "1"}};
const std::string_view as_stored = data.bytes();

const lock_claim nobody{};
const lock_claim ours{"our token", noon + 10s};
const lock_claim theirs{"their token", noon + 10s};
const lock_claim foreign{.foreign = true};

stamp expired_at_noon() {
    auto s = stored;
    s.expires = noon;
    return s;
}

} // namespace

TEST_CASE("a change is for a live record of its version") {
    ds::change_record c{.if_version = 3, .now = noon};
    CHECK(c.permitted_by(stored, as_stored, nobody));
    CHECK_FALSE(c.permitted_by(expired_at_noon(), as_stored, nobody));
    for (const auto version : {0U, 2U, 4U}) {
        c.if_version = version;
        CHECK_FALSE(c.permitted_by(stored, as_stored, nobody));
    }
}

TEST_CASE("a change puts the expiry off or leaves it, but never back") {
    ds::change_record c{.expires = stored.expires, .if_version = 3, .now = noon};
    CHECK(c.permitted_by(stored, as_stored, nobody));
    c.expires = stored.expires + 1s;
    CHECK(c.permitted_by(stored, as_stored, nobody));
    c.expires = stored.expires - 1s;
    CHECK_FALSE(c.permitted_by(stored, as_stored, nobody));
    c.expires.reset();
    CHECK(c.permitted_by(stored, as_stored, nobody));
}

TEST_CASE("a change that does not look at locks is not stopped by them") {
    const ds::change_record c{.if_version = 3, .now = noon};
    for (const auto& holder : {ours, theirs, foreign}) CHECK(c.permitted_by(stored, as_stored, holder));
}

TEST_CASE("a change under a lock needs that very lock, however long over") {
    ds::change_record c{.if_version = 3, .now = noon, .if_locked_by = "our token"};
    CHECK(c.permitted_by(stored, as_stored, ours));
    CHECK(c.permitted_by(stored, as_stored, {"our token", noon - 1h}));
    CHECK_FALSE(c.permitted_by(stored, as_stored, nobody));
    CHECK_FALSE(c.permitted_by(stored, as_stored, theirs));
    CHECK_FALSE(c.permitted_by(stored, as_stored, foreign));
    CHECK_FALSE(c.permitted_by(expired_at_noon(), as_stored, ours));
    c.if_version = 2;
    CHECK_FALSE(c.permitted_by(stored, as_stored, ours));
}

TEST_CASE("a change that respects locks waits for their end, and for a foreign one, which has none") {
    const ds::change_record c{.if_version = 3, .now = noon, .if_unlocked = ds::lock_time(noon - 2s)};
    CHECK(c.permitted_by(stored, as_stored, nobody));
    CHECK_FALSE(c.permitted_by(stored, as_stored, theirs));
    CHECK_FALSE(c.permitted_by(stored, as_stored, {"their token", noon - 2s}));
    CHECK(c.permitted_by(stored, as_stored, {"their token", noon - 2001ms}));
    CHECK_FALSE(c.permitted_by(stored, as_stored, foreign));
    CHECK_FALSE(c.permitted_by(expired_at_noon(), as_stored, nobody));
}

TEST_CASE("a change that respects locks may take one that was seen, and no other") {
    ds::change_record c{.if_version = 3, .now = noon, .if_unlocked = ds::lock_time(noon - 2s), .seen = theirs};
    for (const auto& holder : {nobody, theirs}) CHECK(c.permitted_by(stored, as_stored, holder));
    CHECK_FALSE(c.permitted_by(stored, as_stored, {"their token", noon + 11s})); // renewed since
    for (const auto& holder : {ours, foreign}) CHECK_FALSE(c.permitted_by(stored, as_stored, holder));
    c.seen = foreign;
    CHECK(c.permitted_by(stored, as_stored, foreign));
    CHECK_FALSE(c.permitted_by(stored, as_stored, theirs));
    const ds::move_record m{.if_version = 3, .now = noon, .if_unlocked = c.if_unlocked, .seen = theirs};
    CHECK(m.permitted_by(stored, as_stored, theirs));
    CHECK_FALSE(m.permitted_by(stored, as_stored, ours));
}

TEST_CASE("a change and a move that ask for what was read are stopped by writes that raise no version") {
    ds::record read{stored, data};
    const auto permitted = [&](const stamp& times, std::string_view bytes) {
        const ds::change_record c{.if_version = 3, .now = noon, .if_as_read = ds::as_read::of(read)};
        const ds::move_record m{.if_version = 3, .now = noon, .if_as_read = ds::as_read::of(read)};
        CHECK(c.permitted_by(times, bytes, nobody) == m.permitted_by(times, bytes, nobody));
        return c.permitted_by(times, bytes, nobody);
    };
    CHECK(permitted(stored, as_stored));
    const ds::fields other{{"n", "2"}}, none;
    CHECK_FALSE(permitted(stored, other.bytes())); // within the same second
    CHECK_FALSE(permitted(stored, none.bytes()));
    for (const auto moved : {-1s, 1s}) {
        auto times = stored;
        times.expires += moved;
        CHECK_FALSE(permitted(times, as_stored));
    }
    auto next = stored;
    next.version = 4;
    CHECK_FALSE(permitted(next, as_stored));
}

TEST_CASE("a touch is for a live record that expires before") {
    ds::touch_record c{.expires = stored.expires + 1s, .now = noon};
    CHECK(c.permitted_by(stored));
    CHECK_FALSE(c.permitted_by(expired_at_noon()));
    c.expires = stored.expires;
    CHECK_FALSE(c.permitted_by(stored));
}

TEST_CASE("a move is for a live record of its version, under its lock if it has one") {
    ds::move_record c{.if_version = 3, .now = noon};
    for (const auto& holder : {nobody, ours, foreign}) CHECK(c.permitted_by(stored, as_stored, holder));
    CHECK_FALSE(c.permitted_by(expired_at_noon(), as_stored, nobody));
    c.if_locked_by = "our token";
    CHECK(c.permitted_by(stored, as_stored, ours));
    for (const auto& holder : {nobody, theirs, foreign}) CHECK_FALSE(c.permitted_by(stored, as_stored, holder));
    c.if_version = 4;
    CHECK_FALSE(c.permitted_by(stored, as_stored, ours));
}

TEST_CASE("a lock is given when nobody has it, and once more to the token that has it") {
    const ds::lock_record c{.claim = {"our token", noon + 20s}, .now = noon};
    CHECK(c.permitted_by(stored, nobody));
    CHECK(c.permitted_by(stored, ours)); // of an earlier copy: its end differs
    CHECK_FALSE(c.permitted_by(stored, theirs));
    CHECK_FALSE(c.permitted_by(stored, {"their token", noon - 1h})); // only who has seen it may take it
    CHECK_FALSE(c.permitted_by(stored, foreign));
    CHECK_FALSE(c.permitted_by(expired_at_noon(), nobody));
    CHECK_FALSE(c.permitted_by(expired_at_noon(), ours));
}

TEST_CASE("a lock is taken from exactly the holder that was seen") {
    ds::lock_record c{.claim = {"our token", noon + 20s}, .seen = theirs, .now = noon};
    CHECK(c.permitted_by(stored, theirs));
    CHECK(c.permitted_by(stored, ours));
    CHECK_FALSE(c.permitted_by(stored, {"their token", noon + 11s})); // renewed since
    CHECK_FALSE(c.permitted_by(stored, {"another token", noon + 10s}));
    CHECK_FALSE(c.permitted_by(stored, nobody)); // somebody may have saved since
    CHECK_FALSE(c.permitted_by(stored, foreign));
    CHECK_FALSE(c.permitted_by(expired_at_noon(), theirs));
}

TEST_CASE("a foreign lock is told by the expiry of its session") {
    ds::lock_record c{.claim = {"our token", noon + 20s}, .seen = foreign, .seen_expires = stored.expires, .now = noon};
    CHECK(c.permitted_by(stored, foreign));
    CHECK(c.permitted_by(stored, ours));
    CHECK_FALSE(c.permitted_by(stored, theirs));
    CHECK_FALSE(c.permitted_by(stored, nobody));
    c.seen_expires += 1s;
    CHECK_FALSE(c.permitted_by(stored, foreign));
}

TEST_CASE("a native lock is told by its own end, whatever became of the expiry") {
    const ds::lock_record c{.claim = {"our token", noon + 20s}, .seen = theirs, .seen_expires = noon, .now = noon};
    CHECK(c.permitted_by(stored, theirs));
}

TEST_CASE("a lock is renewed by its holder, even after its end") {
    const ds::renew_lock c{.claim = {"our token", noon + 20s}};
    CHECK(c.permitted_by(ours));
    CHECK(c.permitted_by({"our token", noon - 1h}));
    for (const auto& holder : {nobody, theirs, foreign}) CHECK_FALSE(c.permitted_by(holder));
}

TEST_CASE("a reply that nothing is said of is that of a write which was carried out") {
    const ds::reply r;
    CHECK(r.applied);
    CHECK_FALSE(r.item);
    CHECK_FALSE(r.forwarded);
}

TEST_CASE("a touch goes by how long the session lives now, which may not be what its request knows") {
    ds::touch_record c{.expires = noon + 30min, .now = noon, .if_max_stale = 30min};
    CHECK(c.permitted_by(stored));
    auto shorter = stored;
    shorter.max_stale = 5min;
    CHECK_FALSE(c.permitted_by(shorter));
    auto ending = stored;
    ending.deadline = noon + 30min;
    CHECK(c.permitted_by(ending));
    ending.deadline = noon + 30min - 1s;
    CHECK_FALSE(c.permitted_by(ending));
}

TEST_CASE("a session is erased by its handle from its owner alone, and not if it was bound later than is meant") {
    const ds::ownership owner{.user = "ana", .since = noon + 1ms};
    CHECK(ds::erase_owned{"ana", {}}.permitted_by(owner));
    CHECK_FALSE(ds::erase_owned{"jeremy", {}}.permitted_by(owner));
    CHECK(ds::erase_owned{"ana", {}, noon + 1ms}.permitted_by(owner));
    CHECK_FALSE(ds::erase_owned{"ana", {}, noon}.permitted_by(owner));
    CHECK_FALSE(ds::erase_owned{"ana", {}}.permitted_by({}));
}

TEST_CASE("with terms a change may bring the expiry forward") {
    ds::change_record c{.expires = stored.expires - 1s, .if_version = 3, .now = noon, .terms = ds::terms{}};
    CHECK(c.permitted_by(stored, as_stored, nobody));
    c.if_version = 2;
    CHECK_FALSE(c.permitted_by(stored, as_stored, nobody));
}
