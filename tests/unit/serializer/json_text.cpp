#include <dynasession/serializer/json_text.hpp>

#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ds = dynasession;
namespace json = boost::json;
using namespace std::string_view_literals;

namespace {

json::value parsed(std::string_view text, const ds::json_bounds& bounds = {}) {
    auto v = ds::parse_json(text, bounds);
    REQUIRE(v.has_value());
    return *std::move(v);
}

bool refused(std::string_view text, const ds::json_bounds& bounds = {}) {
    const auto v = ds::parse_json(text, bounds);
    return v.has_error() && v.error() == ds::error::corrupt_session;
}

bool storable(const json::value& v, const ds::json_bounds& bounds = {}) {
    return ds::json_text_detail::checker(bounds)(v);
}

// So many arrays, or objects, inside each other.
std::string nested(std::size_t depth, std::string_view open, std::string_view close) {
    std::string text;
    for (std::size_t i = 0; i != depth; ++i) text += open;
    text += '1';
    for (std::size_t i = 0; i != depth; ++i) text += close;
    return text;
}

// 0 and -0, and one NaN and another, are different values here: what is stored has to come back to the bit.
bool same_bits(double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); }

} // namespace

TEST_CASE("JSON of every kind is read as what it is") {
    CHECK(parsed("null").is_null());
    CHECK(parsed("true").as_bool());
    CHECK_FALSE(parsed("false").as_bool());
    CHECK(parsed("-1").as_int64() == -1);
    CHECK(parsed("1.5").as_double() == 1.5);
    CHECK(parsed(R"("text")").as_string() == "text");
    CHECK(parsed("[]").as_array().empty());
    CHECK(parsed("{}").as_object().empty());
    const auto v = parsed(R"( { "a" : [ 1, { "b" : [ ] }, "c" ] , "" : { "d" : null, "e" : [[2]] } } )");
    CHECK(v == json::value({{"a", {1, {{"b", json::array()}}, "c"}}, {"", {{"d", nullptr}, {"e", {json::array{2}}}}}}));
}

TEST_CASE("integers come back exactly up to the limits of 64 bits") {
    CHECK(parsed("9223372036854775807").as_int64() == std::numeric_limits<std::int64_t>::max());
    CHECK(parsed("-9223372036854775808").as_int64() == std::numeric_limits<std::int64_t>::min());
    CHECK(parsed("9223372036854775808").as_uint64() == std::uint64_t(1) << 63);
    CHECK(parsed("18446744073709551615").as_uint64() == std::numeric_limits<std::uint64_t>::max());
    CHECK(parsed("18446744073709551616").is_double());
    CHECK(parsed("9007199254740993").as_int64() == 9007199254740993);
}

TEST_CASE("doubles come back to the last bit, whatever their bits") {
    std::mt19937_64 random(1);
    std::vector<double> values{0.0,
                               -0.0,
                               0.1,
                               1e22,
                               1e23,
                               1.5,
                               100.0,
                               1e300,
                               5e-324,
                               -5e-324,
                               2.2250738585072011e-308,
                               std::numeric_limits<double>::max(),
                               std::numeric_limits<double>::min(),
                               std::numeric_limits<double>::denorm_min(),
                               9007199254740993.0,
                               18446744073709551616.0};
    while (values.size() != 20'000) {
        const auto v = std::bit_cast<double>(random());
        if (std::isfinite(v)) values.push_back(v);
    }
    while (values.size() != 30'000) values.push_back(std::bit_cast<double>(random() >> 12)); // the smallest ones
    for (const double v : values) {
        const auto text = json::serialize(json::value(v));
        const auto back = parsed(text);
        REQUIRE(back.is_double());
        REQUIRE_MESSAGE(same_bits(back.get_double(), v), text);
    }
}

TEST_CASE("numbers as other programs write them are read exactly") {
    CHECK(same_bits(parsed("0.1").as_double(), 0.1));
    CHECK(same_bits(parsed("1e-7").as_double(), 1e-7));
    CHECK(same_bits(parsed("123456789012345678901234567890").as_double(), 123456789012345678901234567890.0));
    CHECK(same_bits(parsed("0.1000000000000000055511151231257827021181583404541015625").as_double(), 0.1));
    CHECK(same_bits(parsed("7.2057594037927933e16").as_double(), 7.2057594037927933e16)); // a half way case
    CHECK(refused("1e400"));
    CHECK(refused("-1e400"));
}

TEST_CASE("texts come back with their NULs, escapes and characters of every plane") {
    const auto back = [](std::string_view text) {
        return parsed(json::serialize(json::value(text))).as_string() == text;
    };
    CHECK(back("\0a\0"sv));
    CHECK(back("\" \\ / \b\f\n\r\t \x1f \x7f"));
    CHECK(back("\u00e9 \u20ac \U0001F600 \u2028"));
    CHECK(parsed(R"("\u0000\uD83D\uDE00\u00e9")").as_string() == "\0\U0001F600\u00e9"sv);
    CHECK(parsed(R"({"\u0000\n":1})").as_object().contains("\0\n"sv));
    CHECK(parsed('"' + std::string(300'000, 'x') + '"').as_string().size() == 300'000);
}

TEST_CASE("what is not JSON, the whole of it and nothing else, is refused") {
    for (const auto text :
         {"",        " ",        "nul",        "nulll", "tru",   "1 2",  "[1",  "[1,]",        "[,1]",      "{",
          "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}", "'a'",  "\"a", "\"a\" \"b\"", "01",        "+1",
          "1.",      ".5",       "1e",         "1e+",   "--1",   "0x10", "NaN", "Infinity",    "-Infinity", "[1] x",
          "/* */ 1", "// \n1",   "]",          "}",     "[}",    "{]",   "[1}", ",",           ":"})
        CHECK_MESSAGE(refused(text), text);
    CHECK(refused("1\0"sv));
    CHECK(refused("\"a\nb\"")); // a control character that is not escaped
    CHECK(refused("\"\0\""sv));
    CHECK(refused("\xef\xbb\xbf"
                  "1")); // a byte order mark
}

TEST_CASE("texts that are not UTF-8, and escapes of half a character, are refused") {
    for (const auto text :
         {"\"\x80\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xff\"", "\"\xe2\x82\"",
          "{\"\xff\":1}", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800x\"", "\"\\ud800\\u0041\"", "\"\\u12\"", "\"\\x41\""})
        CHECK_MESSAGE(refused(text), text);
}

TEST_CASE("an object with a key twice is refused, at any depth and however the key is written") {
    CHECK(refused(R"({"a":1,"a":1})"));
    CHECK(refused(R"({"a":1,"b":2,"a":{}})"));
    CHECK(refused(R"({"a":1,"\u0061":2})"));
    CHECK(refused(R"([{"x":{"a":[],"a":{}}}])"));
    CHECK(refused(R"({"":1,"":2})"));
    CHECK(parsed(R"({"a":{"a":{"a":1}},"b":{"a":2}})").as_object().size() == 2);
    std::string many = "{";
    for (int i = 0; i != 100; ++i) many += "\"k" + std::to_string(i) + "\":0,";
    CHECK(parsed(many + "\"k100\":0}").as_object().size() == 101);
    CHECK(refused(many + "\"k50\":0}"));
}

TEST_CASE("nesting is bounded, the same for reading and writing") {
    const ds::json_bounds bounds{.max_depth = 3};
    for (const auto& [open, close] : {std::pair("[", "]"), std::pair("{\"a\":", "}")}) {
        CHECK(storable(parsed(nested(3, open, close), bounds), bounds));
        CHECK(refused(nested(4, open, close), bounds));
        CHECK_FALSE(storable(parsed(nested(4, open, close)), bounds));
        CHECK(storable(parsed(nested(32, open, close))));
        CHECK(refused(nested(33, open, close)));
    }
    CHECK(refused(std::string(1'000'000, '[')));
    CHECK(parsed("[1,[2]]", {.max_depth = 2}).as_array().size() == 2);
    CHECK(refused("[[[]]]", {.max_depth = 2}));
    CHECK(parsed("1", {.max_depth = 0}).is_int64());
    CHECK(refused("[]", {.max_depth = 0}));
    CHECK_FALSE(storable(json::array(), {.max_depth = 0}));
}

TEST_CASE("the number of values is bounded, the same for reading and writing") {
    const ds::json_bounds bounds{.max_nodes = 5};
    CHECK(storable(parsed("[1,[2],3]", bounds), bounds));
    CHECK(refused("[1,[2],3,4]", bounds));
    CHECK(refused(R"({"a":1,"b":[2,3],"c":4})", bounds));
    CHECK_FALSE(storable(parsed("[1,[2],3,4]"), bounds));
    CHECK_FALSE(storable(parsed(R"({"a":1,"b":[2,3],"c":4})"), bounds));
}

TEST_CASE("keys are bounded, the same for reading and writing") {
    const ds::json_bounds bounds{.max_key_size = 4};
    CHECK(storable(parsed(R"({"abcd":1})", bounds), bounds));
    CHECK(refused(R"({"abcde":1})", bounds));
    CHECK(refused(R"({"ab\nde":1})", bounds)); // the parser hands it over in parts
    CHECK_FALSE(storable(parsed(R"([{"abcde":1}])"), bounds));
}

TEST_CASE("values that would not come back are not storable") {
    CHECK_FALSE(storable(std::numeric_limits<double>::quiet_NaN()));
    CHECK_FALSE(storable(std::numeric_limits<double>::infinity()));
    CHECK_FALSE(storable(-std::numeric_limits<double>::infinity()));
    CHECK_FALSE(storable("\xff"));
    CHECK_FALSE(storable("\xed\xa0\x80"));
    CHECK_FALSE(storable(json::array{1, "\xc0\xaf"}));
    CHECK_FALSE(storable({{"a", {{"b", {{"\x80", 1}}}}}}));
    CHECK(storable({{"a", {1, 2.5, "\u00e9", nullptr, true, json::object()}}}));
}

TEST_CASE("whatever bytes come, reading ends, and what it accepts is storable and comes back") {
    std::mt19937 random(2);
    constexpr auto pieces = std::to_array<std::string_view>(
        {"{",  "}",    "[",    "]", ",",   ":",       "\"a\"", "\"",     "1",      "-",      ".5",
         "e9", "true", "null", " ", "\\u", "\\ud800", "\xff",  "\x00"sv, "\"b\":", "\"c\":["});
    int accepted = 0;
    for (int i = 0; i != 50'000; ++i) {
        std::string text;
        for (auto n = 1 + random() % 8; n != 0; --n) text += pieces[random() % pieces.size()];
        const auto v = ds::parse_json(text, {});
        if (!v) continue;
        ++accepted;
        REQUIRE(storable(*v));
        REQUIRE(parsed(json::serialize(*v)) == *v);
    }
    CHECK(accepted > 500);
}
