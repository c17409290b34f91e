#include <dynasession/backend/lazy_heap.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <utility>
#include <vector>

namespace {

struct entry {
    std::int64_t key = 0;
    std::uint32_t place = 0;
};

using heap = dynasession::backend_detail::lazy_heap<entry, &entry::place>;

constexpr auto any = std::numeric_limits<std::int64_t>::max();
constexpr int enough = 1'000'000;

std::int64_t key_of(const entry& e) { return e.key; }

void push(heap& h, entry& e) { h.push(&e, e.key); }

} // namespace

TEST_CASE("an empty heap has no least entry") {
    heap h;
    CHECK(h.least(key_of, any, enough, true) == nullptr);
}

TEST_CASE("the least entry of a heap comes first, at most up to the limit") {
    heap h;
    entry a{5}, b{3}, c{9};
    for (auto* e : {&a, &b, &c}) push(h, *e);
    CHECK(h.least(key_of, 2, enough, false) == nullptr);
    CHECK(h.least(key_of, 3, enough, false) == &b);
    h.remove(&b);
    CHECK(h.least(key_of, any, enough, false) == &a);
    h.remove(&a);
    CHECK(h.least(key_of, any, enough, false) == &c);
    h.remove(&c);
    CHECK(h.least(key_of, any, enough, false) == nullptr);
}

TEST_CASE("an entry whose key has grown is found under its present key") {
    heap h;
    entry a{1}, b{2};
    push(h, a);
    push(h, b);
    a.key = 3;
    CHECK(h.least(key_of, 2, 1, false) == &b);
    h.remove(&b);
    CHECK(h.least(key_of, 2, enough, false) == nullptr);
    CHECK(h.least(key_of, 3, enough, false) == &a);
}

TEST_CASE("a search of little effort gives nothing, or what it came to if that will do; the next one carries on") {
    heap h;
    std::vector<entry> entries(4);
    for (auto& e : entries) push(h, e);
    for (auto& e : entries) e.key = 10; // all sit under 0
    CHECK(h.least(key_of, any, 2, false) == nullptr);
    CHECK(h.least(key_of, any, 1, false) == nullptr);
    CHECK(h.least(key_of, any, 0, true) != nullptr);
    CHECK(h.least(key_of, any, 1, false) != nullptr);
    CHECK(h.least(key_of, any, 0, false) != nullptr); // all are placed by now
}

TEST_CASE("an entry that is placed anew sinks below those with lesser keys") {
    heap h;
    entry a{1}, b{2}, c{3};
    for (auto* e : {&a, &b, &c}) push(h, *e);
    a.key = 5;
    h.place(&a, a.key);
    CHECK(h.least(key_of, any, 0, false) == &b);
}

TEST_CASE("an entry that moves in memory keeps its place") {
    heap h;
    entry a{1}, b{2};
    push(h, a);
    push(h, b);
    entry moved = a;
    h.moved(&moved);
    CHECK(h.least(key_of, any, enough, false) == &moved);
    h.remove(&moved);
    CHECK(h.least(key_of, any, enough, false) == &b);
}

TEST_CASE("a heap does what a plain vector of the same entries does") {
    std::mt19937 random(1);
    heap h;
    std::vector<std::unique_ptr<entry>> all;
    const auto chosen = [&] { return all.begin() + static_cast<std::ptrdiff_t>(random() % all.size()); };
    for (int i = 0; i != 50'000; ++i) {
        const auto what = random() % 8;
        if (all.empty() || what < 2) {
            auto e = std::make_unique<entry>();
            e->key = random() % 1000;
            h.prepare_push();
            push(h, *e);
            all.push_back(std::move(e));
        } else if (what == 2 && all.size() > 20) {
            const auto at = chosen();
            h.remove(at->get());
            all.erase(at);
        } else if (what == 3) {
            const auto at = chosen();
            auto moved = std::make_unique<entry>(**at);
            h.moved(moved.get());
            *at = std::move(moved);
        } else if (what == 4) {
            const auto at = chosen();
            (*at)->key += random() % 100;
            h.place(at->get(), (*at)->key);
        } else if (what == 5) {
            const auto limit = static_cast<std::int64_t>(random() % 1500);
            const entry* const found = h.least(key_of, limit, enough, false);
            const auto least = std::ranges::min_element(all, {}, [](const auto& e) { return e->key; });
            const bool expected = (*least)->key <= limit;
            REQUIRE((found != nullptr) == expected);
            if (found) REQUIRE(found->key == (*least)->key);
        } else {
            (*chosen())->key += random() % 200; // without the heap's knowledge
        }
    }
    std::int64_t last = 0;
    for (; !all.empty();) {
        const entry* const least = h.least(key_of, any, enough, false);
        REQUIRE(least != nullptr);
        CHECK(least->key >= last);
        last = least->key;
        h.remove(least);
        std::erase_if(all, [&](const auto& e) { return e.get() == least; });
    }
    CHECK(h.least(key_of, any, enough, true) == nullptr);
}
