#include <dynasession/aws/split_command.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace dynasession;
using words = std::vector<std::string>;

namespace {

words split(std::string_view command) { return aws::split_command(command).value(); }

std::string failure_of(std::string_view command) {
    const auto r = aws::split_command(command);
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error() == error::invalid_option);
    CHECK(r.error().detail.find("hidden") == std::string::npos);
    return r.error().detail;
}

} // namespace

TEST_CASE("a command is split at blanks") {
    CHECK(split("/opt/keys --role web") == words{"/opt/keys", "--role", "web"});
    CHECK(split("  a\t b \r\n c  ") == words{"a", "b", "c"});
    CHECK(split("a") == words{"a"});
}

TEST_CASE("quotes keep a command's words together") {
    CHECK(split("'/opt/my keys' --name \"a b\"") == words{"/opt/my keys", "--name", "a b"});
    CHECK(split("a'b c'd\"e f\"g") == words{"ab cde fg"});
    CHECK(split("'' a \"\"") == words{"", "a", ""});
    CHECK(split("\"it's\" 'say \"no\"'") == words{"it's", "say \"no\""});
    CHECK(split("'a\nb'") == words{"a\nb"});
}

TEST_CASE("a backslash takes what follows as it is, between double quotes only a quote or a backslash") {
    CHECK(split(R"(a\ b \'c \"d e\\f)") == words{"a b", "'c", "\"d", "e\\f"});
    CHECK(split(R"("a\"b" "c\\d" "e\nf\ g")") == words{"a\"b", "c\\d", R"(e\nf\ g)"});
    CHECK(split(R"('a\b\\')") == words{R"(a\b\\)"});
}

TEST_CASE("nothing of a command means anything to a shell") {
    CHECK(split("$HOME `id` $(id) ~ * ; | & > x #y") ==
          words{"$HOME", "`id`", "$(id)", "~", "*", ";", "|", "&", ">", "x", "#y"});
}

TEST_CASE("a command that cannot be split is refused") {
    CHECK(failure_of("") == "the command is empty");
    CHECK(failure_of(" \t\n") == "the command is empty");
    CHECK(failure_of("run 'hidden") == "the command has a single quote that is not closed");
    CHECK(failure_of("run \"hidden") == "the command has a double quote that is not closed");
    CHECK(failure_of(R"(run "hidden\")") == "the command has a double quote that is not closed");
    CHECK(failure_of("run \"hidden\\") == "the command has a double quote that is not closed");
    CHECK(failure_of("run hidden\\") == "the command ends in a backslash");
    CHECK(failure_of(std::string_view("run\0hidden", 10)) == "the command holds a NUL");
}
