#include <dynasession/dynamodb/json_reader.hpp>

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

std::optional<v> value_of(std::string_view json) {
    const json_document document(json);
    v out;
    if (document.value() == nullptr || !read(*document.value(), out)) return std::nullopt;
    return out;
}

// Values of all types, small and seeded, so that a failure can be repeated.
class random_values {
public:
    explicit random_values(std::uint32_t seed) : random_(seed) {}

    v value(int depth = 0) {
        switch (pick(depth < 4 ? 10 : 8)) {
        case 0: return v::string(text());
        case 1: return v::number(static_cast<std::int64_t>(random_()) - 2'000'000'000);
        case 2: return v::binary(bytes());
        case 3: return v::boolean(pick(2) == 0);
        case 4: return v::null();
        case 5: return v::string_set({text(), text() + "2"});
        case 6: return v::number_set({"1", "2.5"});
        case 7: return v::binary_set({bytes(), bytes()});
        case 8: {
            v::list_type list;
            for (auto n = pick(4); n != 0; --n) list.push_back(value(depth + 1));
            return v::list(std::move(list));
        }
        default: return v::map(members(depth + 1));
        }
    }

    item members(int depth = 0) {
        item out;
        for (auto n = pick(5); n != 0; --n) out.insert_or_assign(text(), value(depth));
        return out;
    }

    std::size_t pick(std::size_t n) { return random_() % n; }

    std::string bytes() {
        std::string out(pick(20), '\0');
        for (auto& c : out) c = static_cast<char>(random_());
        return out;
    }

private:
    std::string text() {
        constexpr std::string_view pieces[] = {"a", "\"", "\\", "\n",  "\xc3\xbc", "\xf0\x9f\x98\x80",
                                               "/", "{}", " ",  "\x7f"};
        std::string out;
        for (auto n = pick(12); n != 0; --n) out += pieces[pick(std::size(pieces))];
        return out + std::string(pick(2), '\0');
    }

    std::mt19937 random_;
};

} // namespace

TEST_CASE("every type is read from DynamoDB's JSON") {
    CHECK(value_of(R"({"S":"x\u00fc"})") == v::string("x\xc3\xbc"));
    CHECK(value_of(R"({"N":"42.5"})") == v::number("42.5"));
    CHECK(value_of(R"({"B":"AP8="})") == v::binary(std::string("\0\xff", 2)));
    CHECK(value_of(R"({"BOOL":false})") == v::boolean(false));
    CHECK(value_of(R"({"NULL":true})") == v::null());
    CHECK(value_of(R"({"M":{"a":{"M":{}}}})") == v::map({{"a", v::map({})}}));
    CHECK(value_of(R"({"L":[{"S":""},{"N":"7"}]})") == v::list({v::string(""), v::number(7)}));
    CHECK(value_of(R"({"SS":["b","a"]})") == v::string_set({"b", "a"}));
    CHECK(value_of(R"({"NS":["1"]})") == v::number_set({"1"}));
    CHECK(value_of(R"({"BS":["YQ==",""]})") == v::binary_set({"a", ""}));
}

TEST_CASE("what is no attribute value is refused") {
    for (const std::string_view bad : {
             "",
             " ",
             "null",
             "1",
             "\"S\"",
             "[]",
             "{}",
             R"({"S":1})",
             R"({"S":null})",
             R"({"N":1})",
             R"({"N":null})",
             R"({"B":"A"})",
             R"({"B":"AP8"})",
             R"({"B":"A P8"})",
             R"({"B":"AP9="})",
             R"({"B":1})",
             R"({"BOOL":"true"})",
             R"({"BOOL":1})",
             R"({"NULL":false})",
             R"({"NULL":"true"})",
             R"({"M":[]})",
             R"({"M":{"a":1}})",
             R"({"M":{"a":{}}})",
             R"({"L":{}})",
             R"({"L":[1]})",
             R"({"SS":"a"})",
             R"({"SS":[1]})",
             R"({"NS":[null]})",
             R"({"BS":["?"]})",
             R"({"s":"x"})",
             R"({"X":"x"})",
             R"({"S":"x","N":"1"})",
             R"({"S":"x"} x)",
             R"({"S":"x")",
             "{\"S\":\"\xff\"}",
             "{\"S\":\"\xed\xa0\x80\"}",
             R"({"S":"\ud800"})",
             "{\"S\":\"a\nb\"}",
         })
        CHECK_FALSE_MESSAGE(value_of(bad), bad);
}

TEST_CASE("32 levels of nesting are read, and no depth is dangerous") {
    const auto nested = [](std::size_t depth) {
        std::string json;
        for (std::size_t i = 0; i != depth; ++i) json += R"({"L":[)";
        json += R"({"N":"1"})";
        for (std::size_t i = 0; i != depth; ++i) json += "]}";
        return value_of(json).has_value();
    };
    CHECK(nested(32));
    CHECK_FALSE(nested(100));
    CHECK_FALSE(nested(1'000'000));
    CHECK_FALSE(value_of(std::string(1'000'000, '[')));
}

TEST_CASE("what the writer wrote is what the reader reads") {
    for (std::uint32_t seed = 0; seed != 500; ++seed) {
        const auto original = random_values(seed).members();
        std::string json;
        json_writer writer(json);
        writer.value(original);
        REQUIRE(writer.problem() == nullptr);

        const json_document document(json);
        item back;
        INFO("seed ", seed, ": ", json);
        REQUIRE(document.value() != nullptr);
        REQUIRE(read(*document.value(), back));
        REQUIRE(back == original);
    }
}

TEST_CASE("no damage to an answer does more than make it unreadable") {
    std::size_t refused = 0;
    for (std::uint32_t seed = 0; seed != 2000; ++seed) {
        random_values random(seed);
        std::string json;
        json_writer(json).value(v::map(random.members()));
        switch (random.pick(4)) {
        case 0: json.resize(random.pick(json.size())); break;
        case 1: json[random.pick(json.size())] = static_cast<char>(random.pick(256)); break;
        case 2: json.insert(random.pick(json.size()), random.bytes()); break;
        default: json.erase(random.pick(json.size()), 1 + random.pick(3)); break;
        }
        const auto value = value_of(json);
        refused += !value;
        // What is taken nevertheless is a proper value: it can be written again.
        if (value) {
            std::string again;
            json_writer writer(again);
            writer.value(*value);
            REQUIRE(value_of(again) == value);
        }
    }
    CHECK(refused > 1000);
}

TEST_CASE("members are read into their places, and others are passed over") {
    const json_document document(R"({"a":"x","b":2,"c":1.5,"d":[true,false],"e":null,"f":{}})");
    std::string a;
    std::int64_t b = 0;
    double c = 0;
    std::optional<std::string> e, missing;
    REQUIRE(document.value() != nullptr);
    member_reader reader(*document.value());
    reader("a", a)("b", b)("c", c)("e", e)("missing", missing);
    CHECK(reader.valid());
    CHECK_FALSE(reader.only_these());
    CHECK(a == "x");
    CHECK(b == 2);
    CHECK(c == 1.5);
    CHECK_FALSE(e);
    CHECK_FALSE(missing);
}

TEST_CASE("a member of another shape, or no object at all, is noticed") {
    std::string text;
    std::int64_t number = 0;
    const json_document object(R"({"a":1,"b":"x"})");
    CHECK_FALSE(member_reader(*object.value())("a", text).valid());
    CHECK_FALSE(member_reader(*object.value())("b", number).valid());
    CHECK_FALSE(member_reader(*object.value())("b", number)("a", number).valid());
    CHECK(member_reader(*object.value())("a", number)("b", text).only_these());
    const json_document array("[]");
    CHECK_FALSE(member_reader(*array.value()).valid());
}
