#include <dynasession/backend/memory_shard.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace ds = dynasession;
using namespace std::chrono_literals;
using ds::session_id;
using ds::time_point;
using ds::backend_detail::memory_shard;

namespace {

constexpr auto noon = time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h);

ds::fields data_of(std::size_t size, char c = 'x') {
    const std::string text(size, c);
    return ds::fields({ds::field{"k", text}});
}

ds::record content(time_point expires, std::size_t size = 10) {
    return {{.expires = expires, .version = 1}, data_of(size)};
}

// An id from a number, so that a test is the same at each run.
session_id id_of(std::uint32_t number) {
    std::array<unsigned char, 32> bits{};
    std::mt19937 random(number);
    for (auto& b : bits) b = static_cast<unsigned char>(random());
    const auto text = ds::detail::base64url(bits);
    return session_id::parse({text.data(), text.size()}).value();
}

// What one entry with so much data counts for.
std::size_t bytes_of_one(std::size_t size) {
    memory_shard s;
    s.insert(id_of(1), content(noon, size), noon);
    return s.size_in_bytes();
}

} // namespace

TEST_CASE("a record in a shard is found as it was put there") {
    memory_shard s;
    const ds::record r{{.created = noon, .deadline = noon + 12h, .expires = noon + 1h, .max_stale = 1h, .version = 7},
                       ds::fields({{"a", "1"}, {"b", std::string_view("\0\xff", 2), true}})};
    CHECK(s.find(id_of(1)) == nullptr);
    REQUIRE(s.insert(id_of(1), r, noon));
    REQUIRE(s.find(id_of(1)) != nullptr);
    CHECK(s.find(id_of(1))->record() == r);
    CHECK(s.find(id_of(2)) == nullptr);
    CHECK(s.size() == 1);
    s.erase(s.find(id_of(1)));
    CHECK(s.find(id_of(1)) == nullptr);
    CHECK(s.size() == 0);
    CHECK(s.size_in_bytes() == 0);
}

TEST_CASE("data of any other size takes the place of a record's data") {
    memory_shard s;
    s.insert(id_of(1), content(noon + 1h), noon);
    s.insert(id_of(2), content(noon + 2h, 100), noon);
    for (const std::size_t size : {0U, 1U, 10U, 11U, 26U, 27U, 200U, 5000U, 4999U, 10U, 0U}) {
        const auto data = data_of(size, 'y');
        auto* e = s.replace(s.find(id_of(1)), data.bytes(), noon);
        REQUIRE(e != nullptr);
        CHECK(s.find(id_of(1)) == e);
        CHECK(e->record() == ds::record{{.expires = noon + 1h, .version = 1}, data});
        CHECK(s.size_in_bytes() == bytes_of_one(size) + bytes_of_one(100));
    }
    CHECK(s.find(id_of(2))->record() == content(noon + 2h, 100));
    s.reclaim(noon + 90min);
    CHECK(s.find(id_of(1)) == nullptr);
    CHECK(s.find(id_of(2)) != nullptr);
}

TEST_CASE("data of the same size is written in place") {
    memory_shard s;
    s.insert(id_of(1), content(noon + 1h), noon);
    auto* const e = s.find(id_of(1));
    const auto data = data_of(10, 'y');
    CHECK(s.replace(e, data.bytes(), noon) == e);
    CHECK(e->record().data == data);
}

TEST_CASE("expired records are reclaimed, oldest first and so many at a time") {
    memory_shard s;
    for (std::uint32_t i = 0; i != 10; ++i) s.insert(id_of(i), content(noon + i * 1s), noon - 1s);
    s.reclaim(noon - 1s);
    CHECK(s.size() == 10);
    s.reclaim(noon); // a record expires at the beginning of its second
    CHECK(s.size() == 9);
    CHECK(s.find(id_of(0)) == nullptr);
    s.reclaim(noon + 5s, 2);
    CHECK(s.size() == 7);
    CHECK(s.find(id_of(1)) == nullptr);
    CHECK(s.find(id_of(2)) == nullptr);
    CHECK(s.find(id_of(3)) != nullptr);
    s.reclaim(noon + 5s, 100);
    CHECK(s.size() == 4);
    CHECK(s.find(id_of(6)) != nullptr);
}

TEST_CASE("a record whose expiry was put off is not reclaimed before that") {
    memory_shard s;
    s.insert(id_of(1), content(noon + 1h), noon);
    s.insert(id_of(2), content(noon + 2h), noon);
    s.find(id_of(1))->times.expires = noon + 3h;
    s.reclaim(noon + 2h);
    CHECK(s.find(id_of(1)) != nullptr);
    CHECK(s.find(id_of(2)) == nullptr);
    s.reclaim(noon + 3h);
    CHECK(s.size() == 0);
}

TEST_CASE("a full shard gives up what expired first, then what was used least recently; a look counts as use") {
    memory_shard s;
    s.set_bounds(4, 1 << 20);
    s.insert(id_of(0), content(noon + 1h), noon);
    s.insert(id_of(1), content(noon + 1h), noon);
    s.insert(id_of(2), content(noon + 1s), noon);
    s.insert(id_of(3), content(noon + 1h), noon);
    s.find(id_of(0));
    REQUIRE(s.insert(id_of(4), content(noon + 1h), noon + 1s));
    CHECK(s.find(id_of(2)) == nullptr);
    REQUIRE(s.insert(id_of(5), content(noon + 1h), noon + 1s));
    CHECK(s.find(id_of(1)) == nullptr);
    CHECK(s.find(id_of(0)) != nullptr);
    REQUIRE(s.insert(id_of(6), content(noon + 1h), noon + 1s));
    CHECK(s.find(id_of(3)) == nullptr);
    CHECK(s.size() == 4);
}

TEST_CASE("a shard of few records gives up exactly the least recently used") {
    constexpr std::size_t most = 40;
    memory_shard s;
    s.set_bounds(most, 1 << 20);
    std::mt19937 random(1);
    std::list<std::uint32_t> by_use; // least recently used first
    for (std::uint32_t i = 0; i != 5000; ++i) {
        if (random() % 3 != 0 && !by_use.empty()) {
            const auto at = std::next(by_use.begin(), static_cast<std::ptrdiff_t>(random() % by_use.size()));
            REQUIRE(s.find(id_of(*at)) != nullptr);
            by_use.splice(by_use.end(), by_use, at);
            continue;
        }
        REQUIRE(s.insert(id_of(i), content(noon + 1h), noon));
        if (by_use.size() == most) {
            REQUIRE(s.find(id_of(by_use.front())) == nullptr);
            by_use.pop_front();
        }
        by_use.push_back(i);
        REQUIRE(s.size() == by_use.size());
    }
}

TEST_CASE("expired records go before live ones even where all live ones have been touched") {
    constexpr std::uint32_t live = 50;
    memory_shard s;
    s.set_bounds(live + 1, 1 << 20);
    for (std::uint32_t i = 0; i != live; ++i) s.insert(id_of(i), content(noon + 1s), noon);
    for (std::uint32_t i = 0; i != live; ++i) s.find(id_of(i))->times.expires = noon + 1h;
    s.insert(id_of(live), content(noon + 2s), noon);
    REQUIRE(s.insert(id_of(live + 1), content(noon + 1h), noon + 2s));
    CHECK(s.find(id_of(live)) == nullptr);
    CHECK(s.size() == live + 1);
}

TEST_CASE("the bytes of a shard are bounded too") {
    const auto each = bytes_of_one(100);
    memory_shard s;
    s.set_bounds(1000, 3 * each);
    for (std::uint32_t i = 0; i != 10; ++i) {
        REQUIRE(s.insert(id_of(i), content(noon + 1h, 100), noon));
        CHECK(s.size_in_bytes() <= 3 * each);
    }
    CHECK(s.size() == 3);
    CHECK(s.find(id_of(9)) != nullptr);
    CHECK(s.find(id_of(8)) != nullptr);
    CHECK(s.find(id_of(7)) != nullptr);
}

TEST_CASE("a record that does not fit even alone is refused, and nothing is given up for it") {
    memory_shard s;
    s.set_bounds(1000, bytes_of_one(1000));
    s.insert(id_of(1), content(noon + 1h, 100), noon);
    s.insert(id_of(2), content(noon + 1h, 100), noon);
    CHECK_FALSE(s.insert(id_of(3), content(noon + 1h, 1100), noon));
    CHECK(s.size() == 2);
    const auto data = data_of(1100);
    CHECK(s.replace(s.find(id_of(1)), data.bytes(), noon) == nullptr);
    CHECK(s.size() == 2);
    CHECK(s.find(id_of(1))->record() == content(noon + 1h, 100));
    REQUIRE(s.insert(id_of(3), content(noon + 1h, 1000), noon)); // alone it fits
    CHECK(s.size() == 1);
}

TEST_CASE("a record that grows has others given up for it, never itself") {
    const auto each = bytes_of_one(100);
    for (std::uint32_t grown = 0; grown != 100; ++grown) {
        memory_shard s;
        s.set_bounds(1000, 100 * each);
        for (std::uint32_t i = 0; i != 100; ++i) s.insert(id_of(i), content(noon + 1h, 100), noon);
        // More uses than a search places anew: whatever lies on top of the heap then must not be the one that grows.
        for (std::uint32_t i = 0; i != 100; ++i) s.find(id_of(i));
        const auto data = data_of(2000, 'y');
        const auto* const e = s.replace(s.find(id_of(grown)), data.bytes(), noon);
        REQUIRE(e != nullptr);
        CHECK(s.find(id_of(grown)) == e);
        CHECK(e->record().data == data);
        CHECK(s.size_in_bytes() <= 100 * each);
        CHECK(s.size() >= 80);
    }
}

TEST_CASE("an entry is locked by whom it was given to, until it is given to nobody") {
    memory_shard s;
    s.insert(id_of(1), content(noon + 1h), noon);
    s.insert(id_of(2), content(noon + 1h), noon);
    CHECK_FALSE(s.lock_of(id_of(1)).held());
    const ds::lock_claim one{"one", noon + 10s}, other{"other", noon + 20s};
    s.lock(id_of(1), one);
    CHECK(s.lock_of(id_of(1)) == one);
    CHECK_FALSE(s.lock_of(id_of(2)).held());
    s.lock(id_of(1), other);
    CHECK(s.lock_of(id_of(1)) == other);
    s.lock(id_of(1), {});
    CHECK(s.lock_of(id_of(1)) == ds::lock_claim{});
    s.lock(id_of(1), {});
    CHECK_FALSE(s.lock_of(id_of(1)).held());
}

TEST_CASE("a lock goes with its entry, however that goes, and stays with one that moves in memory") {
    const ds::lock_claim claim{"token", noon + 10s};
    memory_shard s;
    s.set_bounds(2, 1 << 20);
    s.insert(id_of(1), content(noon + 1h), noon);
    s.lock(id_of(1), claim);
    SUBCASE("erased") { s.erase(s.find(id_of(1))); }
    SUBCASE("expired") { s.reclaim(noon + 1h); }
    SUBCASE("given up for others") {
        s.insert(id_of(2), content(noon + 1h), noon);
        s.insert(id_of(3), content(noon + 1h), noon);
    }
    SUBCASE("given up because it expired first") {
        s.insert(id_of(2), content(noon + 2h), noon);
        s.insert(id_of(3), content(noon + 2h), noon + 1h);
    }
    SUBCASE("not when it grows") {
        const auto data = data_of(5000);
        REQUIRE(s.replace(s.find(id_of(1)), data.bytes(), noon) != nullptr);
        CHECK(s.lock_of(id_of(1)) == claim);
        s.erase(s.find(id_of(1)));
    }
    CHECK(s.find(id_of(1)) == nullptr);
    CHECK_FALSE(s.lock_of(id_of(1)).held());
    s.insert(id_of(1), content(noon + 3h), noon); // and does not come back with it
    CHECK_FALSE(s.lock_of(id_of(1)).held());
}

TEST_CASE("a sign leads before its end, from its id alone") {
    memory_shard s;
    CHECK(s.led_to(id_of(1), noon).empty());
    s.lead(id_of(1), id_of(2), noon, noon + 60s);
    CHECK(s.led_to(id_of(1), noon) == id_of(2));
    CHECK(s.led_to(id_of(1), noon + 59s) == id_of(2));
    CHECK(s.led_to(id_of(1), noon + 60s).empty());
    CHECK(s.led_to(id_of(2), noon).empty());
    CHECK(s.size() == 0);
}

TEST_CASE("signs that are over are forgotten, those that are not stay, whatever their order") {
    memory_shard s;
    s.lead(id_of(1), id_of(11), noon, noon + 60s);
    s.lead(id_of(2), id_of(12), noon + 1s, noon + 5s);
    s.lead(id_of(3), id_of(13), noon + 60s, noon + 120s);
    CHECK(s.led_to(id_of(1), noon).empty()); // forgotten: its time as it was, it would still lead
    CHECK(s.led_to(id_of(2), noon + 60s).empty());
    CHECK(s.led_to(id_of(3), noon + 60s) == id_of(13));
}

TEST_CASE("a sign can be taken away, and no other goes with it") {
    memory_shard s;
    for (std::uint32_t i = 1; i <= 3; ++i) s.lead(id_of(i), id_of(10 + i), noon, noon + 60s);
    s.lead_nowhere(id_of(2));
    s.lead_nowhere(id_of(4));
    CHECK(s.led_to(id_of(1), noon) == id_of(11));
    CHECK(s.led_to(id_of(2), noon).empty());
    CHECK(s.led_to(id_of(3), noon) == id_of(13));
}

TEST_CASE("a shard does what a plain map does") {
    std::mt19937 random(2);
    memory_shard s;
    std::map<std::uint32_t, ds::record> model;
    std::size_t bytes = 0;
    for (int i = 0; i != 20'000; ++i) {
        const auto n = static_cast<std::uint32_t>(random() % 200);
        const auto at = model.find(n);
        auto* const e = s.find(id_of(n));
        REQUIRE((e != nullptr) == (at != model.end()));
        if (!e) {
            auto r = content(noon + 1s + random() % 1000 * 1s, random() % 100);
            REQUIRE(s.insert(id_of(n), r, noon));
            model.emplace(n, std::move(r));
        } else if (random() % 3 == 0) {
            REQUIRE(e->record() == at->second);
            s.erase(e);
            model.erase(at);
        } else {
            at->second.data = data_of(random() % 100, static_cast<char>('a' + random() % 26));
            const auto* const replaced = s.replace(e, at->second.data.bytes(), noon);
            REQUIRE(replaced != nullptr);
            REQUIRE(replaced->record() == at->second);
        }
        REQUIRE(s.size() == model.size());
    }
    for (const auto& entry : model) bytes += bytes_of_one(entry.second.data.find("k")->text.size());
    CHECK(s.size_in_bytes() == bytes);
    s.reclaim(noon + 500s, 1000);
    std::erase_if(model, [](const auto& entry) { return entry.second.expires <= noon + 500s; });
    CHECK(s.size() == model.size());
    for (const auto& entry : model) CHECK(s.find(id_of(entry.first))->record() == entry.second);
}

TEST_CASE("whose an entry is goes with it, and counts") {
    memory_shard s;
    auto r = content(noon);
    r.owner = {.user = "ana", .since = noon, .device = "Firefox"};
    REQUIRE(s.insert(id_of(1), r, noon - 1h));
    REQUIRE(s.insert(id_of(2), content(noon), noon - 1h));
    CHECK(s.users().owner_of(id_of(1)) == r.owner);
    CHECK(s.users().owner_of(id_of(2)).empty());
    CHECK(s.users().sessions_of("ana") == std::vector{id_of(1)});
    CHECK(s.size_in_bytes() > 2 * bytes_of_one(10) + 100);
    s.erase(s.find(id_of(1)));
    CHECK(s.users().sessions_of("ana").empty());
    CHECK(s.users().size_in_bytes() == 0);
    CHECK(s.size_in_bytes() == bytes_of_one(10));
}

TEST_CASE("the owners of entries count for the bound, too") {
    memory_shard s;
    const std::size_t most = 20 * bytes_of_one(10);
    s.set_bounds(1000, most);
    auto r = content(noon);
    r.owner = {.user = "ana", .since = noon, .device = std::string(200, 'x')};
    for (std::uint32_t n = 0; n < 50; ++n) {
        REQUIRE(s.insert(id_of(n), r, noon - 1h));
        CHECK(s.size_in_bytes() <= most);
    }
    CHECK(s.users().sessions_of("ana").size() == s.size());
    r.owner.device = std::string(most, 'x');
    CHECK_FALSE(s.insert(id_of(99), r, noon - 1h));
}

TEST_CASE("an entry that is to expire earlier is reclaimed then") {
    memory_shard s;
    for (std::uint32_t n = 0; n < 10; ++n) REQUIRE(s.insert(id_of(n), content(noon + 10h), noon));
    s.expire_at(s.find(id_of(7)), noon + 1h);
    s.reclaim(noon + 1h);
    CHECK(s.size() == 9);
    CHECK(s.find(id_of(7)) == nullptr);
}
