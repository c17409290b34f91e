#include <dynasession/dynamodb/item_size.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace dynasession::dynamodb;
using v = attribute_value;

TEST_CASE("texts and bytes count as many bytes as they have, names too") {
    CHECK(item_size({}) == 0);
    CHECK(item_size({{"id", v::string("abc")}}) == 5);
    CHECK(item_size({{"\xc3\xbc", v::binary(std::string(10, '\0'))}}) == 12);
    CHECK(value_size(v::string("")) == 0);
    CHECK(value_size(v::string_set({"ab", "c"})) == 3);
    CHECK(value_size(v::binary_set({"ab", "c"})) == 3);
}

TEST_CASE("a number takes one byte for two significant digits and one more") {
    CHECK(value_size(v::number("0")) == 1);
    CHECK(value_size(v::number("7")) == 2);
    CHECK(value_size(v::number("27")) == 2);
    CHECK(value_size(v::number("100")) == 2);
    CHECK(value_size(v::number("0.0012")) == 2);
    CHECK(value_size(v::number("1795168176")) == 6);
    CHECK(value_size(v::number("-27")) == 3);
    CHECK(value_size(v::number("1.5e10")) == 2);
    CHECK(value_size(v::number(std::string(38, '9'))) == 20);
    CHECK(value_size(v::number_set({"1", "22"})) == 4);
}

TEST_CASE("flags and null take a byte, maps and lists three and one for each element") {
    CHECK(value_size(v::boolean(false)) == 1);
    CHECK(value_size(v::null()) == 1);
    CHECK(value_size(v::map({})) == 3);
    CHECK(value_size(v::list({})) == 3);
    CHECK(value_size(v::map({{"k", v::string("vv")}})) == 3 + 1 + 1 + 2);
    CHECK(value_size(v::list({v::null(), v::list({v::string("abc")})})) == 3 + (1 + 1) + (1 + 3 + 1 + 3));
}
