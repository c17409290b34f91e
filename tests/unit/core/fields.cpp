#include <dynasession/core/fields.hpp>

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace ds = dynasession;
using namespace std::string_view_literals;
using ds::delta;
using ds::field;
using ds::fields;

namespace {

// The same entries in the plainest form: key -> (text, binary).
using model = std::map<std::string, std::pair<std::string, bool>>;

fields from_model(const model& m) {
    std::vector<field> entries;
    for (const auto& [key, value] : m) entries.push_back({key, value.first, value.second});
    return fields(std::move(entries));
}

model to_model(const fields& f) {
    model m;
    for (const field entry : f) m.emplace(entry.key, std::pair(std::string(entry.text), entry.binary));
    return m;
}

std::vector<std::string> keys(const fields& f) {
    std::vector<std::string> found;
    for (const field entry : f) found.emplace_back(entry.key);
    return found;
}

// Few and short keys with awkward bytes, so that two of them have keys in common, prefixes of each other and empty
// ones.
model random_model(std::mt19937& random) {
    constexpr std::string_view letters = "ab\0\x7f\x80\xff"sv;
    model m;
    for (auto n = random() % 8; n != 0; --n) {
        std::string key, text;
        for (auto i = random() % 3; i != 0; --i) key += letters[random() % letters.size()];
        for (auto i = random() % 4; i != 0; --i) text += letters[random() % letters.size()];
        m[key] = {text, random() % 4 == 0};
    }
    return m;
}

} // namespace

TEST_CASE("fields are ordered by the bytes of their keys, whatever the order they came in") {
    const fields f({{"b", "2"}, {"\xff", "4"}, {"", "0"}, {"a", "1"}, {"ba", "3"}, {"B", "5"}});
    CHECK(keys(f) == std::vector<std::string>{"", "B", "a", "b", "ba", "\xff"});
    CHECK(f.size() == 6);
}

TEST_CASE("of two fields with one key the later stays") {
    const fields f({{"k", "first"}, {"a", "1"}, {"k", "second", true}, {"k", "third"}});
    CHECK(f.size() == 2);
    CHECK(f.find("k")->text == "third");
    CHECK_FALSE(f.find("k")->binary);
}

TEST_CASE("fields without entries are empty") {
    const fields none, also_none(std::vector<field>{});
    CHECK(none.empty());
    CHECK(none.size() == 0);
    CHECK(none.size_in_bytes() == 0);
    CHECK(none.begin() == none.end());
    CHECK_FALSE(none.find(""));
    CHECK(none == also_none);
}

TEST_CASE("a field is found with its text and its binary flag") {
    const fields f({{"text", "x"}, {"bytes", "\0\xff"sv, true}, {"", "empty key"}, {"empty", ""}});
    CHECK(f.find("text") == field{"text", "x", false});
    CHECK(f.find("bytes") == field{"bytes", "\0\xff"sv, true});
    CHECK(f.find("")->text == "empty key");
    CHECK(f.find("empty")->text.empty());
    CHECK_FALSE(f.find("tex"));
    CHECK_FALSE(f.find("texts"));
}

TEST_CASE("the size in bytes counts keys, texts and one for each entry") {
    CHECK(fields({{"ab", "cde"}, {"f", ""}}).size_in_bytes() == 2 + 3 + 1 + 1 + 0 + 1);
}

TEST_CASE("the bytes of fields make the same fields again") {
    std::mt19937 random(1);
    for (int i = 0; i != 100; ++i) {
        const fields f = from_model(random_model(random));
        const std::string bytes(f.bytes());
        CHECK(fields::from_bytes(bytes) == f);
    }
}

TEST_CASE("entries added in order are those given at once") {
    fields f;
    f.append({"a", "1"});
    f.append({"b", "2", true});
    CHECK(f == fields({{"b", "2", true}, {"a", "1"}}));
    CHECK(f != fields({{"b", "2", false}, {"a", "1"}}));
}

TEST_CASE("a large text keeps its size and its neighbours") {
    const std::string large(std::size_t(1) << 24, 'x');
    const fields f({{"a", "1"}, {"large", large, true}, {"z", "2"}});
    CHECK(f.size() == 3);
    CHECK(f.find("large")->text.size() == large.size());
    CHECK((f.find("large")->text == large));
    CHECK(f.find("large")->binary);
    CHECK(f.find("z")->text == "2");
}

TEST_CASE("fields are walked with algorithms and ranges") {
    const fields f({{"a", "1"}, {"b", "2"}});
    auto at = f.begin();
    CHECK((*at++).key == "a");
    CHECK((*at).key == "b");
    CHECK(++at == f.end());
    static_assert(std::input_iterator<fields::const_iterator>);
}

TEST_CASE("a walk side by side meets each key once, with what either side has") {
    std::string seen;
    ds::fields_detail::merge_walk(fields({{"a", "1"}, {"c", "1"}, {"d", "1"}}),
                                  fields({{"b", "2"}, {"c", "2"}, {"e", "2"}}),
                                  [&](const auto& left, const auto& right) {
                                      if (left && right) CHECK(left->key == right->key);
                                      seen += left ? left->key : right->key;
                                      if (left) seen += left->text;
                                      if (right) seen += right->text;
                                      seen += ' ';
                                  });
    CHECK(seen == "a1 b2 c12 d1 e2 ");
}

TEST_CASE("a difference holds what was added and changed, and the keys that were removed") {
    const fields before({{"changed", "1"}, {"kept", "1"}, {"gone", "1"}, {"also gone", "1"}, {"now bytes", "1"}});
    const fields after({{"changed", "2"}, {"kept", "1"}, {"added", "1"}, {"now bytes", "1", true}});
    const delta d = difference(before, after);
    CHECK(keys(d.set) == std::vector<std::string>{"added", "changed", "now bytes"});
    CHECK(d.set.find("now bytes")->binary);
    CHECK(d.removed == std::vector<std::string>{"also gone", "gone"});
    CHECK(d.size() == 5);
    CHECK_FALSE(d.empty());
}

TEST_CASE("equal fields differ in nothing") {
    const fields f({{"a", "1"}, {"b", "2", true}});
    CHECK(difference(f, f).empty());
    CHECK(difference(f, f).size() == 0);
    CHECK(apply(f, {}) == f);
}

TEST_CASE("changes may set what is there or not, and remove what is not there") {
    const fields base({{"b", "1"}, {"c", "1"}, {"d", "1"}});
    const delta d{fields({{"a", "2"}, {"c", "2"}}), {"d", "nobody"}};
    CHECK(apply(base, d) == fields({{"a", "2"}, {"b", "1"}, {"c", "2"}}));
}

TEST_CASE("the difference of two random maps leads from one to the other, and holds nothing needless") {
    std::mt19937 random(2);
    for (int i = 0; i != 2000; ++i) {
        const model before = random_model(random), after = random_model(random);
        const fields a = from_model(before), b = from_model(after);
        REQUIRE(to_model(a) == before);
        const delta d = difference(a, b);
        CHECK(apply(a, d) == b);

        std::size_t changed = 0, removed = 0;
        for (const auto& [key, value] : after) changed += !before.contains(key) || before.at(key) != value;
        for (const auto& entry : before) removed += !after.contains(entry.first);
        CHECK(d.set.size() == changed);
        CHECK(d.removed.size() == removed);
        CHECK(std::ranges::is_sorted(d.removed));
    }
}

TEST_CASE("changes of different keys give the same in either order") {
    std::mt19937 random(3);
    for (int i = 0; i != 500; ++i) {
        const model before = random_model(random);
        model one = before, other = before, both = before;
        one["one"] = both["one"] = {"1", false};
        other["other"] = both["other"] = {"2", true};
        const auto base = from_model(before);
        const auto d1 = difference(base, from_model(one)), d2 = difference(base, from_model(other));
        CHECK(apply(apply(base, d1), d2) == from_model(both));
        CHECK(apply(apply(base, d2), d1) == from_model(both));
    }
}

TEST_CASE("changes are disjoint when they have no key in common, or do the same to it") {
    const delta none, a{fields{{"a", "1"}}, {}}, b{fields{{"b", "1"}}, {}}, without_a{{}, {"a"}}, without_b{{}, {"b"}};
    const delta other_a{fields{{"a", "2"}}, {}}, bytes_a{fields{{"a", "1", true}}, {}};
    const auto both_ways = [](const delta& one, const delta& other) {
        CHECK(disjoint(one, other) == disjoint(other, one));
        return disjoint(one, other);
    };
    CHECK(both_ways(none, none));
    CHECK(both_ways(none, a));
    CHECK(both_ways(none, without_a));
    CHECK(both_ways(a, b));
    CHECK(both_ways(a, without_b));
    CHECK(both_ways(without_a, without_b));
    CHECK(both_ways(a, a));
    CHECK(both_ways(without_a, without_a));
    CHECK_FALSE(both_ways(a, other_a));
    CHECK_FALSE(both_ways(a, bytes_a));
    CHECK_FALSE(both_ways(a, without_a));
}

TEST_CASE("one key in common is enough, wherever it stands") {
    const delta many{fields{{"a", "1"}, {"c", "1"}, {"e", "1"}}, {"b", "d"}};
    for (const auto* key : {"a", "b", "c", "d", "e"}) {
        const std::string text = "2";
        CHECK_FALSE(disjoint(many, {fields{{"0", "0"}, {key, text}, {"z", "0"}}, {}}));
    }
    for (const auto* key : {"a", "c", "e"}) CHECK_FALSE(disjoint(many, {{}, {key}}));
    for (const auto* key : {"b", "d"}) CHECK(disjoint(many, {fields{{"0", "0"}}, {key}}));
}

TEST_CASE("random changes are disjoint exactly when their order does not matter") {
    std::mt19937 random(4);
    int agree = 0, differ = 0;
    for (int i = 0; i != 2000; ++i) {
        const auto base = from_model(random_model(random));
        const auto d1 = difference(base, from_model(random_model(random)));
        const auto d2 = difference(base, from_model(random_model(random)));
        const bool same = apply(apply(base, d1), d2) == apply(apply(base, d2), d1);
        CHECK(disjoint(d1, d2) == same);
        ++(same ? agree : differ);
    }
    CHECK(agree > 100);
    CHECK(differ > 100);
}
