#include <dynasession/dynamodb/json_writer.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>

using namespace dynasession::dynamodb;
using v = attribute_value;

namespace {

std::string written(const v& value) {
    std::string out;
    json_writer writer(out);
    writer.value(value);
    REQUIRE(writer.problem() == nullptr);
    return out;
}

bool can_be_written(std::string text) {
    std::string out;
    json_writer writer(out);
    writer.value(v::string(std::move(text)));
    return writer.problem() == nullptr;
}

} // namespace

TEST_CASE("every type is written in DynamoDB's JSON") {
    CHECK(written(v::string("x")) == R"({"S":"x"})");
    CHECK(written(v::number(42)) == R"({"N":"42"})");
    CHECK(written(v::binary(std::string("\0\xff", 2))) == R"({"B":"AP8="})");
    CHECK(written(v::boolean(true)) == R"({"BOOL":true})");
    CHECK(written(v::boolean(false)) == R"({"BOOL":false})");
    CHECK(written(v::null()) == R"({"NULL":true})");
    CHECK(written(v::map({{"a", v::number(1)}, {"b", v::map({})}})) == R"({"M":{"a":{"N":"1"},"b":{"M":{}}}})");
    CHECK(written(v::list({v::string("x"), v::null()})) == R"({"L":[{"S":"x"},{"NULL":true}]})");
    CHECK(written(v::list({})) == R"({"L":[]})");
    CHECK(written(v::string_set({"a", "b"})) == R"({"SS":["a","b"]})");
    CHECK(written(v::number_set({"1", "2"})) == R"({"NS":["1","2"]})");
    CHECK(written(v::binary_set({"a", ""})) == R"({"BS":["YQ==",""]})");
}

TEST_CASE("texts are escaped where JSON demands it, and otherwise left as they are") {
    CHECK(written(v::string("a\"b\\c/d")) == R"({"S":"a\"b\\c/d"})");
    CHECK(written(v::string("\n\r\t")) == R"({"S":"\n\r\t"})");
    CHECK(written(v::string(std::string("\0\x1f\x7f", 3))) == "{\"S\":\"\\u0000\\u001f\x7f\"}");
    CHECK(written(v::string("\xc3\xbc\xe2\x98\x83\xf0\x9f\x98\x80")) ==
          "{\"S\":\"\xc3\xbc\xe2\x98\x83\xf0\x9f\x98\x80\"}");
}

TEST_CASE("every byte below 0x80 comes back from a JSON parser as it was") {
    std::string all;
    for (char c = 0; c >= 0 && c < 0x7f; ++c) all += c;
    CHECK(boost::json::parse(written(v::string(all))).at("S").as_string() == all);
}

TEST_CASE("text that is not UTF-8 is refused") {
    for (const std::string_view good : {"", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                                        "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
        CHECK_MESSAGE(can_be_written(std::string(good)), good.size());
    for (const std::string_view bad : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2 ", "\xe0\x9f\xbf",
                                       "\xe0\xa0", "\xed\xa0\x80", "\xef\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80",
                                       "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "ok\xe2\x98", "\xe2\x28\xa1"})
        CHECK_FALSE_MESSAGE(can_be_written(std::string(bad)), bad.size());
}

TEST_CASE("names and placeholders are looked at like values") {
    std::string out;
    json_writer writer(out);
    writer.value(item{{"\xff", v::null()}});
    CHECK(writer.problem() != nullptr);
}

TEST_CASE("what is nested deeper than DynamoDB stores is refused, whatever its depth") {
    const auto nested = [](int depth) {
        auto value = v::number(1);
        for (int i = 0; i != depth; ++i) value = v::list({std::move(value)});
        std::string out;
        json_writer writer(out);
        writer.value(value);
        return writer.problem() == nullptr;
    };
    CHECK(nested(32));
    CHECK_FALSE(nested(33));
    CHECK_FALSE(nested(1000));
}

TEST_CASE("commas stand between members and nowhere else") {
    std::string out;
    json_writer writer(out);
    writer.begin_object()
        .key("a")
        .integer(-1)
        .key("b")
        .begin_array()
        .boolean(true)
        .string("[")
        .begin_object()
        .end_object();
    writer.end_array().key("c").string("{").key("d").string("").end_object();
    CHECK(out == R"({"a":-1,"b":[true,"[",{}],"c":"{","d":""})");
}

TEST_CASE("optional members are left out when they are empty") {
    std::string out;
    json_writer writer(out);
    writer.begin_object()
        .optional_member("a", "")
        .optional_member("b", item{})
        .optional_member("c", expression_names{});
    writer.optional_flag("d", false).end_object();
    CHECK(out == "{}");

    out.clear();
    writer.begin_object().optional_member("a", "x").optional_member("b", item{{"k", v::number(1)}});
    writer.optional_member("c", expression_names{{"#d", "data"}}).optional_flag("d", true).end_object();
    CHECK(out == R"({"a":"x","b":{"k":{"N":"1"}},"c":{"#d":"data"},"d":true})");
}
