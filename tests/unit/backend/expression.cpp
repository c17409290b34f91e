#include <dynasession/backend/expression.hpp>

#include <doctest/doctest.h>

using namespace dynasession;
using dynasession::backend_detail::placeholders;

TEST_CASE("a name has one placeholder, a value one each time") {
    placeholders p;
    CHECK(p.name("data") == "#0");
    CHECK(p.name("lock") == "#1");
    CHECK(p.name("data") == "#0");
    CHECK(p.value(dynamodb::attribute_value::number(1)) == ":0");
    CHECK(p.value(dynamodb::attribute_value::number(1)) == ":1");
    CHECK(p.new_name("x") == "#2");
    CHECK(p.names.size() == 3);
    CHECK(p.values.size() == 2);
}
