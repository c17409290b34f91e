#include <dynasession/dynamodb/item.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

using dynasession::dynamodb::attribute_value;
using dynasession::dynamodb::item;
using type = attribute_value::type;

static_assert(std::is_nothrow_move_constructible_v<attribute_value> &&
              std::is_nothrow_move_assignable_v<attribute_value>);
static_assert(std::is_nothrow_move_constructible_v<item> && std::is_nothrow_move_assignable_v<item>);

TEST_CASE("an attribute value has the type that it was made as, and no other") {
    const auto s = attribute_value::string("x");
    CHECK(s.kind() == type::string);
    REQUIRE(s.as_string());
    CHECK(*s.as_string() == "x");
    CHECK(s.as_number() == nullptr);
    CHECK(s.as_binary() == nullptr);
    CHECK_FALSE(s.is_null());

    CHECK(*attribute_value::number("1.50").as_number() == "1.50");
    CHECK(*attribute_value::binary("\xff").as_binary() == "\xff");
    CHECK(*attribute_value::boolean(true).as_boolean());
    CHECK_FALSE(*attribute_value::boolean(false).as_boolean());
    CHECK(attribute_value::null().is_null());
    CHECK(attribute_value().is_null());
    CHECK(attribute_value::map({{"a", s}}).as_map()->contains("a"));
    CHECK(attribute_value::list({s, s}).as_list()->size() == 2);
    CHECK(attribute_value::string_set({"a"}).as_string_set()->front() == "a");
    CHECK(attribute_value::number_set({"1"}).as_number_set()->front() == "1");
    CHECK(attribute_value::binary_set({"b"}).as_binary_set()->front() == "b");
    CHECK(attribute_value::string_set({"a"}).as_binary_set() == nullptr);
}

TEST_CASE("a string, a number and binary with the same text are different values") {
    CHECK(attribute_value::string("1") == attribute_value::string("1"));
    CHECK(attribute_value::string("1") != attribute_value::number("1"));
    CHECK(attribute_value::string("1") != attribute_value::binary("1"));
    CHECK(attribute_value::string_set({"1"}) != attribute_value::number_set({"1"}));
}

TEST_CASE("sets are equal whatever the order of their elements, lists are not") {
    CHECK(attribute_value::string_set({"a", "b"}) == attribute_value::string_set({"b", "a"}));
    CHECK(attribute_value::number_set({"1", "2"}) == attribute_value::number_set({"2", "1"}));
    CHECK(attribute_value::binary_set({"a", "b"}) == attribute_value::binary_set({"b", "a"}));
    CHECK(attribute_value::string_set({"a", "b"}) != attribute_value::string_set({"b", "c"}));
    CHECK(attribute_value::string_set({"a"}) != attribute_value::string_set({"a", "b"}));
    const auto a = attribute_value::number(1), b = attribute_value::number(2);
    CHECK(attribute_value::list({a, b}) != attribute_value::list({b, a}));
}

TEST_CASE("numbers are made from every integer, and read back where they fit") {
    CHECK(*attribute_value::number(-5).as_number() == "-5");
    CHECK(*attribute_value::number(std::numeric_limits<std::uint64_t>::max()).as_number() == "18446744073709551615");
    for (const auto n :
         {std::numeric_limits<std::int64_t>::min(), std::int64_t{0}, std::numeric_limits<std::int64_t>::max()})
        CHECK(attribute_value::number(n).as_integer() == n);
    CHECK_FALSE(attribute_value::number("1.5").as_integer());
    CHECK_FALSE(attribute_value::number("9223372036854775808").as_integer());
    CHECK_FALSE(attribute_value::number("").as_integer());
    CHECK_FALSE(attribute_value::string("1").as_integer());
}

TEST_CASE("values can be changed in place") {
    auto value = attribute_value::map({{"n", attribute_value::number(1)}});
    *value.as_map()->find("n")->as_number() = "2";
    CHECK(value == attribute_value::map({{"n", attribute_value::number(2)}}));
}

TEST_CASE("an item finds, sets and removes attributes by name, and keeps their order") {
    item i{{"b", attribute_value::number(1)}, {"a", attribute_value::number(2)}};
    REQUIRE(i.find("a"));
    CHECK(*i.find("a")->as_number() == "2");
    CHECK(i.find("c") == nullptr);

    i.insert_or_assign("c", attribute_value::null());
    i.insert_or_assign("b", attribute_value::number(3));
    std::string names;
    for (const auto& [name, value] : i) names += name;
    CHECK(names == "bac");
    CHECK(*i.find("b")->as_number() == "3");

    CHECK(i.erase("a"));
    CHECK_FALSE(i.erase("a"));
    CHECK(i.size() == 2);
    i.clear();
    CHECK(i.empty());
}

TEST_CASE("of one name given twice the last value stands") {
    const item i{{"a", attribute_value::number(1)}, {"a", attribute_value::number(2)}};
    CHECK(i.size() == 1);
    CHECK(*i.find("a")->as_number() == "2");
}

TEST_CASE("items are equal whatever the order of their attributes") {
    const item a{{"x", attribute_value::number(1)}, {"y", attribute_value::number(2)}};
    const item b{{"y", attribute_value::number(2)}, {"x", attribute_value::number(1)}};
    CHECK(a == b);
    CHECK(a != item{{"x", attribute_value::number(1)}});
    CHECK(a != item{{"x", attribute_value::number(1)}, {"z", attribute_value::number(2)}});
    CHECK(a != item{{"x", attribute_value::number(1)}, {"y", attribute_value::number(3)}});
}

TEST_CASE("items are copied deeply and moved cheaply") {
    item a{{"m", attribute_value::map({{"k", attribute_value::string(std::string(100, 'x'))}})}};
    const auto* where = a.find("m")->as_map()->find("k")->as_string()->data();
    item copy = a;
    copy.find("m")->as_map()->clear();
    CHECK(a.find("m")->as_map()->size() == 1);
    const item moved = std::move(a);
    CHECK(moved.find("m")->as_map()->find("k")->as_string()->data() == where);
}
