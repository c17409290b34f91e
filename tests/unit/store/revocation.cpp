#include <dynasession/store/revocation.hpp>

#include <dynasession/backend/memory.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

namespace ds = dynasession;
using namespace std::chrono_literals;
using ds::store_detail::owner_hints;
using ds::store_detail::revocation;

namespace {

constexpr auto noon = ds::user_time(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h);

} // namespace

TEST_CASE("a hint is what was known last, of some thousands of sessions") {
    owner_hints hints;
    const auto id = ds::session_id::generate();
    CHECK(hints.of(id).empty());
    hints.remember(id, "ana");
    CHECK(hints.of(id) == "ana");
    CHECK(hints.of(ds::session_id::generate()).empty());
    hints.remember(id, "jeremy");
    CHECK(hints.of(id) == "jeremy");
    hints.remember(id, "");
    CHECK(hints.of(id).empty());
    std::vector<ds::session_id> many;
    for (int i = 0; i < 10'000; ++i) hints.remember(many.emplace_back(ds::session_id::generate()), std::to_string(i));
    int known = 0;
    for (std::size_t i = 0; i < many.size(); ++i) {
        const auto user = hints.of(many[i]);
        CHECK((user.empty() || user == std::to_string(i)));
        known += !user.empty();
    }
    CHECK(known > 3000);
    CHECK(known <= 4096);
}

TEST_CASE("what nobody owns pushes nobody out") {
    owner_hints hints;
    const auto id = ds::session_id::generate();
    hints.remember(id, "ana");
    for (int i = 0; i < 20'000; ++i) hints.remember(ds::session_id::generate(), "");
    CHECK(hints.of(id) == "ana");
}

TEST_CASE("a mark lies after all that is bound by now, by whatever clock, and after what was bound under the mark before") {
    const revocation marks(ds::session_options{});
    const auto first = marks.mark("ana", ds::no_mark, noon);
    CHECK(first.user == "ana");
    CHECK(first.not_before == noon + 2s);
    CHECK(first.expires == noon + 2s + std::chrono::days(400));
    const auto bound = revocation::bound(first.not_before, noon);
    CHECK(bound > first.not_before);
    const auto second = marks.mark("ana", first.not_before, noon);
    CHECK(second.not_before >= bound);
    CHECK(revocation::bound(second.not_before, noon) > second.not_before);
    CHECK(marks.mark("ana", first.not_before, noon + 1h).not_before == noon + 1h + 2s);
    CHECK(revocation::bound(first.not_before, noon + 1h) == noon + 1h);
    CHECK(revocation::bound(ds::no_mark, noon) == noon);
    CHECK(revocation::bound(noon, noon) == noon + 1ms);
}

TEST_CASE("a mark is kept as long as a session may lie unused") {
    CHECK(revocation({.max_age = 0s, .max_stale = std::chrono::days(500)}).life == std::chrono::days(500));
    CHECK(revocation({.max_age = std::chrono::days(600)}).life == std::chrono::days(600));
}

TEST_CASE("a store that wants no marks needs nothing for them") {
    CHECK(ds::store_detail::marks_for<ds::memory_backend>({}) == nullptr);
    CHECK(ds::store_detail::marks_for<ds::memory_backend>({.revocation_marks = true}) != nullptr);
}
