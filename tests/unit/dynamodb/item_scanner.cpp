#include <dynasession/dynamodb/item_scanner.hpp>

#include <dynasession/dynamodb/json_writer.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

using namespace dynasession::dynamodb;
using v = attribute_value;

namespace {

std::optional<item> scanned(std::string_view json) {
    json_scanner in(json);
    item out;
    return read(in, out) && in.at_end() ? std::optional(std::move(out)) : std::nullopt;
}

std::optional<item> by_document(std::string_view json) {
    const json_document document(json);
    item out;
    if (document.value() == nullptr || !read(*document.value(), out)) return std::nullopt;
    return out;
}

const item all_types{{"s", v::string("x\n\xc3\xbc\"{")},
                     {"n", v::number("42.5")},
                     {"b", v::binary(std::string("\0\xff?", 3))},
                     {"t", v::boolean(true)},
                     {"f", v::boolean(false)},
                     {"z", v::null()},
                     {"m", v::map({{"a", v::map({})}, {"b", v::string("")}})},
                     {"l", v::list({v::string(""), v::number(7), v::list({})})},
                     {"ss", v::string_set({"b", "a"})},
                     {"ns", v::number_set({"1"})},
                     {"bs", v::binary_set({"a", ""})}};

std::string text_of(const item& i) {
    std::string out;
    json_writer(out).value(i);
    return out;
}

} // namespace

TEST_CASE("an item of all types is read straight from the text as it was written") {
    CHECK(scanned(text_of(all_types)) == all_types);
    CHECK(scanned("{}") == item());
}

TEST_CASE("what is no item is refused") {
    for (const std::string_view bad :
         {"", "[]", R"({"a":1})", R"({"a":null})", R"({"a":{}})", R"({"a":{"S":"x","N":"1"}})",
          R"({"a":{"S":"x","S":"y"}})", R"({"a":{"X":"x"}})", R"({"a":{"S":1}})", R"({"a":{"NULL":false}})",
          R"({"a":{"BOOL":"true"}})", R"({"a":{"B":"AP9="}})", R"({"a":{"M":[]}})", R"({"a":{"L":[1]}})",
          R"({"a":{"SS":[1]}})", R"({"a":{"BS":["A"]}})", R"({"a":{"S":"x"}},)", R"({"a":{"S":"x"},"a":{"S":"y"}})"})
        CHECK_FALSE_MESSAGE(scanned(bad), bad);
}

TEST_CASE("a name that comes twice is found among many") {
    item many;
    for (int n = 0; n != 40; ++n) many.append("name" + std::to_string(n), v::boolean(true));
    CHECK(scanned(text_of(many)) == many);
    many.append("name7", v::null());
    CHECK_FALSE(scanned(text_of(many)));
}

TEST_CASE("text and document agree on every damaged text, but for names that come twice") {
    std::mt19937 random(20261120);
    const auto good = text_of(all_types);
    int taken = 0;
    for (int i = 0; i != 20'000; ++i) {
        auto text = good;
        for (auto n = 1 + random() % 2; n != 0; --n) {
            const auto at = random() % text.size();
            constexpr std::string_view pieces = "\"\\{}[]:, \n0aAuSNB\x80\xc3\x7f";
            const char piece = pieces[random() % pieces.size()];
            switch (random() % 4) {
            case 0: text[at] = piece; break;
            case 1: text.insert(at, 1, piece); break;
            case 2: text.erase(at, 1 + random() % 4); break;
            default: text.resize(at + 1);
            }
        }
        const auto seen = scanned(text);
        const auto expected = by_document(text);
        taken += seen.has_value();
        CAPTURE(text);
        if (seen) {
            CHECK(seen == expected);
        } else if (expected) {
            const auto* map = expected->find("m");
            CHECK((expected->size() != all_types.size() || (map && map->as_map() && map->as_map()->size() == 1)));
        }
    }
    CHECK(taken > 100);
}
