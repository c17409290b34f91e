#include <dynasession/aws/setting.hpp>

#include <doctest/doctest.h>

#include "unit/aws/configured.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace aws = dynasession::aws;
using dynasession::error;
using test::configured;
using test::made_of;
using test::variables;

namespace {

dynasession::result<std::string> switched(std::optional<bool> given, const variables& values,
                                          std::string_view config = {}) {
    return aws::switched_on_by(given, "use_x", "AWS_USE_X", "use_x_endpoint", made_of(values),
                               configured(config).value());
}

} // namespace

TEST_CASE("a setting is the first variable that is not blank, else the property, and knows its source") {
    const auto config = configured("[default]\nx = file").value();
    const auto find = [&](const variables& values, const aws::shared_config& c) {
        return aws::find_setting({"A", "B"}, "x", made_of(values), c);
    };
    CHECK(find({{"A", " a "}, {"B", "b"}}, config).value == "a");
    CHECK(find({{"A", "a"}, {"B", "b"}}, config).source == "A");
    CHECK(find({{"A", " "}, {"B", "b"}}, config).value == "b");
    CHECK(find({{"B", "b"}}, config).source == "B");
    CHECK(find({}, config).value == "file");
    CHECK(find({}, config).source == "config:2: x");
    CHECK(find({}, {}).value.empty());
    CHECK(find({}, configured("[default]\nx =").value()).value.empty());
}

TEST_CASE("a refusal begins with the source") {
    const auto refused = aws::setting{"v", "AWS_X"}.refuse("no number");
    CHECK(refused == error::invalid_option);
    CHECK(refused.detail == "AWS_X: no number");
    CHECK(aws::setting{"v", "AWS_X"}.refuse("no URL", error::invalid_endpoint) == error::invalid_endpoint);
}

TEST_CASE("a switch is on by the program, else by its variable, else by its property") {
    const auto* const on = "[default]\nuse_x_endpoint = true";
    const auto* const off = "[default]\nuse_x_endpoint = false";
    CHECK(switched(true, {{"AWS_USE_X", "false"}}, off).value() == "option use_x");
    CHECK(switched(false, {{"AWS_USE_X", "true"}}, on).value().empty());
    CHECK(switched({}, {{"AWS_USE_X", "TRUE"}}, off).value() == "AWS_USE_X");
    CHECK(switched({}, {{"AWS_USE_X", "False"}}, on).value().empty());
    CHECK(switched({}, {{"AWS_USE_X", " "}}, on).value() == "config:2: use_x_endpoint");
    CHECK(switched({}, {}, off).value().empty());
    CHECK(switched({}, {}).value().empty());
}

TEST_CASE("a switch that is neither true nor false is refused by its source") {
    for (const auto* text : {"1", "yes", "on", "tru", "truee", "true false"}) {
        const auto of_variable = switched({}, {{"AWS_USE_X", text}});
        REQUIRE(of_variable.has_error());
        CHECK(of_variable.error() == error::invalid_option);
        CHECK(of_variable.error().detail == "AWS_USE_X: neither true nor false");
        const auto of_file = switched({}, {}, std::string("[default]\nuse_x_endpoint = ") + text);
        REQUIRE(of_file.has_error());
        CHECK(of_file.error().detail == "config:2: use_x_endpoint: neither true nor false");
        CHECK(switched(true, {{"AWS_USE_X", text}}).has_value());
    }
}

TEST_CASE("case is ignored in ASCII letters only") {
    CHECK(aws::equals_ignoring_case("aZ09-", "Az09-"));
    CHECK(aws::equals_ignoring_case("", ""));
    CHECK_FALSE(aws::equals_ignoring_case("a", "ab"));
    CHECK_FALSE(aws::equals_ignoring_case("@", "`"));
    CHECK_FALSE(aws::equals_ignoring_case("\xc3\x84", "\xc3\xa4"));
}
