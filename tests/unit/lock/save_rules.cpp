#include <dynasession/lock/save_rules.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <chrono>

namespace ds = dynasession;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::lock_detail::is_overtaken;
using ds::lock_detail::save_rules;

TEST_CASE("who has saved is told by the version, and by the data where one raises none; a touch is no save") {
    const auto mine = stored_at_noon();
    auto found = mine;
    CHECK_FALSE(is_overtaken(mine, found));
    found.expires += 1s;
    found.lock = {"token", noon + 10s};
    CHECK_FALSE(is_overtaken(mine, found));
    SUBCASE("version") { ++found.version; }
    SUBCASE("data") { found.data = {}; }
    CHECK(is_overtaken(mine, found));
}

TEST_CASE("changes go on top of others where those changed other keys, or where the last writer wins") {
    const auto mine = stored_at_noon();
    auto found = mine;
    found.data = ds::fields({{"gone", "1"}, {"kept", "2"}});
    const ds::delta same{ds::fields({ds::field{"kept", "3"}}), {}}, other{ds::fields({ds::field{"new", "1"}}), {"gone"}};
    CHECK(save_rules{}.allow(other, mine, found));
    CHECK_FALSE(save_rules{}.allow(same, mine, found));
    CHECK(save_rules{.last_writer_wins = true}.allow(same, mine, found));
}

TEST_CASE("a write is bound to what the rules say, and to nothing else") {
    ds::change_record c;
    save_rules{}.bind(c, stored_at_noon(), at(10s));
    CHECK(c.if_version == 3);
    CHECK_FALSE(c.if_as_read);
    CHECK_FALSE(c.if_unlocked);
    save_rules{.respects_locks = true}.bind(c, stored_at_noon(), at(10s));
    CHECK(c.if_unlocked == noon + 8s);
    CHECK_FALSE(c.if_as_read);
    ds::move_record m;
    save_rules{.foreign_writers = true}.bind(m, stored_at_noon(), at(10s));
    REQUIRE(m.if_as_read);
    CHECK(m.if_as_read->expires == stored_at_noon().expires);
    CHECK(m.if_as_read->data == stored_at_noon().data);
    CHECK_FALSE(m.if_unlocked);
}

TEST_CASE("a lock blocks those who respect locks") {
    auto found = stored_at_noon();
    CHECK_FALSE(save_rules{.respects_locks = true}.is_blocked(found));
    found.lock = {.foreign = true};
    CHECK(save_rules{.respects_locks = true}.is_blocked(found));
    CHECK_FALSE(save_rules{}.is_blocked(found));
}
