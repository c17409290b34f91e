#include <dynasession/dynamodb/json_scanner.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>

using dynasession::dynamodb::json_scanner;

namespace {

std::optional<std::string> string_of(std::string_view json) {
    json_scanner in(json);
    std::string out;
    return in.string(out) && in.at_end() ? std::optional(out) : std::nullopt;
}

std::optional<std::string_view> raw_of(std::string_view json) {
    json_scanner in(json);
    std::string_view out;
    return in.raw(out) && in.at_end() ? std::optional(out) : std::nullopt;
}

} // namespace

TEST_CASE("a string is read with its escapes, in any length and alignment") {
    CHECK(string_of(R"( "\"\\\/\b\f\n\r\t" )") == "\"\\/\b\f\n\r\t");
    CHECK(string_of(R"("\u0041\u00fc\u20AC\ud83d\ude00\u0000")") ==
          std::string("A\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\0", 11));
    for (std::size_t n = 0; n != 40; ++n) {
        const std::string text(n, 'x');
        CHECK(string_of('"' + text + '"') == text);
        CHECK(string_of('"' + text + "\\n\xc3\xbc" + text + '"') == text + "\n\xc3\xbc" + text);
        CHECK_FALSE(string_of('"' + text));
        CHECK_FALSE(string_of('"' + text + '\n' + text + '"'));
        CHECK_FALSE(string_of('"' + text + '\xff' + text + '"'));
    }
}

TEST_CASE("what is no string is refused") {
    for (const std::string_view bad : {"", "x", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"",
                                       "\"\\ud800x\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\\ud800\\ud800\"",
                                       "\"\xc3\"", "\"\xed\xa0\x80\"", "\"\xf5\x80\x80\x80\"", "\"a\"b", "'a'"})
        CHECK_FALSE_MESSAGE(string_of(bad), bad);
}

TEST_CASE("base64 is read with escaped slashes, and nothing else is taken for it") {
    const auto bytes_of = [](std::string_view json) {
        json_scanner in(json);
        std::string out;
        return in.base64(out) && in.at_end() ? std::optional(out) : std::nullopt;
    };
    CHECK(bytes_of(R"("")") == "");
    CHECK(bytes_of(R"("Pz8/")") == "???");
    CHECK(bytes_of(R"("Pz8\/")") == "???");
    for (const std::string_view bad : {R"("A")", R"("Pz8)", R"("Pz 8")", R"("\"z8/")", R"("Pz8\n")", "Pz8/"})
        CHECK_FALSE_MESSAGE(bytes_of(bad), bad);
}

TEST_CASE("objects and arrays are read member by member") {
    json_scanner in(R"( { "a" : [ true , false, null ] , "\u0062":{}, "c":[] } )");
    std::string names;
    CHECK(in.object([&](std::string_view name) {
        names += name;
        bool flag = false;
        if (name == "b") return in.object([](std::string_view) { return false; });
        return in.array([&] { return in.null() || in.boolean(flag); });
    }));
    CHECK(in.at_end());
    CHECK(names == "abc");
}

TEST_CASE("brackets, commas and colons have to be where they belong") {
    for (const std::string_view bad : {"[", "[true", "[true,", "[true,]", "[,true]", "[true true]", "[true}", "{}"}) {
        json_scanner in(bad);
        bool flag = false;
        CHECK_FALSE_MESSAGE(in.array([&] { return in.boolean(flag); }), bad);
    }
    for (const std::string_view bad : {"{", "{\"a\"", "{\"a\":", "{\"a\" true}", "{\"a\":true", "{\"a\":true,}",
                                       "{a:true}", "{,}", "{\"a\":true]", "[]"}) {
        json_scanner in(bad);
        bool flag = false;
        CHECK_FALSE_MESSAGE(in.object([&](std::string_view) { return in.boolean(flag); }), bad);
    }
}

TEST_CASE("nesting is bounded") {
    struct nested {
        json_scanner in;
        bool read() {
            return in.array([this] { return read(); });
        }
    };
    CHECK(nested{json_scanner(std::string(72, '[') + std::string(72, ']'))}.read());
    const std::string deep = std::string(73, '[') + std::string(73, ']');
    CHECK_FALSE(nested{json_scanner(deep)}.read());
}

TEST_CASE("a raw value ends where it ends") {
    for (const std::string_view whole :
         {"1", "-1.5e3", "true", "\"a\"", "\"a\\\"]\"", "[]", "{}", "[1,[2,\"]\"],{\"a\":3}]"}) {
        CHECK(raw_of(whole) == whole);
        CHECK(raw_of(' ' + std::string(whole) + ' ') == whole);
    }
    for (const std::string_view bad : {"", " ", ",", "]", "}", "[", "[1", "\"", "\"a\\\"", "{\"a\":[}", "1 2"})
        CHECK_FALSE_MESSAGE(raw_of(bad), bad);
    json_scanner in(R"({"a":12,"b":"x"})");
    std::string all;
    CHECK(in.object([&](std::string_view) {
        std::string_view value;
        const bool ok = in.raw(value);
        all += value;
        return ok;
    }));
    CHECK(all == "12\"x\"");
}
