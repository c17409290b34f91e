#include <dynasession/aws/profile_file.hpp>

#include <doctest/doctest.h>

#include "support/fixtures.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>

namespace aws = dynasession::aws;
namespace json = boost::json;
using aws::profile_file;
using dynasession::error;
using kind = aws::profile_file_kind;
using namespace std::string_view_literals;

namespace {

using properties = std::map<std::string, std::string>;
using sections = std::map<std::string, properties>;

std::shared_ptr<const profile_file> read(std::string_view text, kind k = kind::config) {
    return profile_file::parse(text, k, "FILE").value();
}

sections values_of(const profile_file::sections& from) {
    sections values;
    for (const auto& [name, section] : from) {
        auto& here = values[name];
        for (const auto& [key, property] : section) here[key] = property.value;
    }
    return values;
}

sections profiles(std::string_view text, kind k = kind::config) { return values_of(read(text, k)->profiles()); }

// The properties below [default].
properties below_default(const std::string& text) { return profiles("[default]\n" + text).at("default"); }

std::string refusal(std::string_view text, kind k = kind::config) {
    const auto parsed = profile_file::parse(text, k, "FILE");
    REQUIRE_MESSAGE(parsed.has_error(), text);
    CHECK(parsed.error() == error::invalid_option);
    return parsed.error().detail;
}

} // namespace

TEST_CASE("an empty file, blank lines and comments say nothing") {
    for (const auto* text : {"", "\n", " \t \r\n", "# [default]", ";\n\n#\n", "  # indented\n\t; too"})
        CHECK_MESSAGE(profiles(text).empty(), text);
}

TEST_CASE("a profile is a section, and the two files name it differently") {
    CHECK(profiles("[default]\na = 1\n[profile dev]\nb = 2\n[profile\t dev-2 \t]\n[ profile dev3 ]\n") ==
          sections{{"default", {{"a", "1"}}}, {"dev", {{"b", "2"}}}, {"dev-2", {}}, {"dev3", {}}});
    CHECK(profiles("[default]\na = 1\n[dev]\nb = 2\n[  dev2\t]", kind::credentials) ==
          sections{{"default", {{"a", "1"}}}, {"dev", {{"b", "2"}}}, {"dev2", {}}});
}

TEST_CASE("sections under other names are not read, and remembered for messages") {
    const auto config = read("[default]\n[dev]\nregion = x\n[profile a b]\n[profile a!]\n[plugins]\n  \n[other dev]\n"
                             "[profile]\n[]\n[profiledev2]\n[Profile dev3]");
    CHECK(values_of(config->profiles()) == sections{{"default", {}}});
    CHECK(config->ignored("dev") == "FILE:2");
    CHECK(config->ignored("a b") == "FILE:4");
    CHECK(config->ignored("dev3") == "FILE:12");
    CHECK(config->ignored("default").empty());

    const auto credentials = read("[profile dev]\nx = 1\n[services s]\n[sso-session t]\n[a b]\n", kind::credentials);
    CHECK(credentials->profiles().empty());
    CHECK(credentials->services().empty());
    CHECK(credentials->sso_sessions().empty());
    CHECK(credentials->ignored("dev") == "FILE:1");
}

TEST_CASE("what stands in a section that is not read has to be in form all the same") {
    CHECK(profiles("[dev]\na = 1\n b\nc =\n d = 2\n[default]\ne = 3") == sections{{"default", {{"e", "3"}}}});
    CHECK(refusal("[dev]\nnonsense").starts_with("FILE:2: "));
}

TEST_CASE("sections of SSO and of services stand beside the profiles") {
    const auto file = read("[sso-session corp]\nsso_region = eu-west-1\n[services local]\ndynamodb =\n"
                           "  endpoint_url = http://localhost:8000\n[profile corp]\nsso_session = corp\n");
    CHECK(values_of(file->sso_sessions()) == sections{{"corp", {{"sso_region", "eu-west-1"}}}});
    CHECK(values_of(file->profiles()) == sections{{"corp", {{"sso_session", "corp"}}}});
    const auto* service = profile_file::find(file->services(), "local", "dynamodb");
    REQUIRE(service);
    REQUIRE(service->find("endpoint_url"));
    CHECK(service->find("endpoint_url")->value == "http://localhost:8000");
    CHECK(service->find("endpoint_url")->source == "FILE:5");
}

TEST_CASE("sections of one name are one, and the last of equal properties counts") {
    CHECK(profiles("[profile a]\nx = 1\ny = 2\n[profile b]\n[profile a]\nX = 3\nz = 4") ==
          sections{{"a", {{"x", "3"}, {"y", "2"}, {"z", "4"}}}, {"b", {}}});
    CHECK(below_default("x = 1\n more\nx =\n") == properties{{"x", ""}});
    const auto file = read("[default]\nx =\n a = 1\nx =\n b = 2\n b = 3");
    const auto* x = file->find("default", "x");
    REQUIRE(x);
    CHECK(x->source == "FILE:4");
    CHECK(x->find("a") == nullptr);
    REQUIRE(x->find("b"));
    CHECK(x->find("b")->value == "3");
}

TEST_CASE("[profile default] stands in place of [default], wherever it is") {
    const sections prefixed{{"default", {{"x", "1"}}}};
    CHECK(profiles("[default]\ny = 2\n[profile default]\nx = 1") == prefixed);
    CHECK(profiles("[profile default]\nx = 1\n[default]\ny = 2") == prefixed);
    CHECK(profiles("[profile default]\n[default]\ny = 2") == sections{{"default", {}}});
    CHECK(profiles("[default]\ny = 2\n[default]\nz = 3") == sections{{"default", {{"y", "2"}, {"z", "3"}}}});
}

TEST_CASE("names of properties know no case; those with other characters are not read") {
    CHECK(below_default("Role_ARN = A\nx.y/z%@:+- = b\nno name = c\n\xc3\xa4 = d\n more\n") ==
          properties{{"role_arn", "A"}, {"x.y/z%@:+-", "b"}});
}

TEST_CASE("a value is what follows the first equals sign, without the blanks around it") {
    CHECK(below_default("a=b=c== \nd\t =\t e f \ng =\nh = [x]\ni = \xc3\xa4\r\n") ==
          properties{{"a", "b=c=="}, {"d", "e f"}, {"g", ""}, {"h", "[x]"}, {"i", "\xc3\xa4"}});
}

TEST_CASE("a comment in a property stands behind a blank; behind a section's name it need not") {
    CHECK(below_default("a = b # c ; d\ne = f;g#h\t;i\nj = # k\nl = m#\n") ==
          properties{{"a", "b"}, {"e", "f;g#h"}, {"j", ""}, {"l", "m#"}});
    CHECK(profiles("[default];a\n[profile b]#[profile c]\n[profile d] # e]") ==
          sections{{"b", {}}, {"d", {}}, {"default", {}}});
    CHECK(refusal("[profile a#b]").starts_with("FILE:1: "));
}

TEST_CASE("indented lines continue a value as they are, but for the blanks around them") {
    CHECK(below_default("a = b\n\tc = d # e \n  f;g\nh = i") == properties{{"a", "b\nc = d # e\nf;g"}, {"h", "i"}});
    CHECK(below_default("a = b\n\n# comment\n ; comment\n c") == properties{{"a", "b\nc"}});
}

TEST_CASE("below a property without a value, each indented line is a property") {
    const auto file = read("[default]\ns3 =\n\n  Max = 1 # one\n  ; comment\n\tin valid = 2\n  empty =\nnext = x\n");
    const auto* s3 = file->find("default", "s3");
    REQUIRE(s3);
    CHECK(s3->value == "\nMax = 1 # one\nin valid = 2\nempty =");
    REQUIRE(s3->nested.size() == 3);
    CHECK(s3->find("max")->value == "1");
    CHECK(s3->find("max")->source == "FILE:4");
    CHECK(s3->find("empty")->value.empty());
    CHECK(s3->find("next") == nullptr);
    CHECK(file->find("default", "next")->nested.empty());
}

TEST_CASE("a byte order mark is no part of the text, and lines end as on Windows or Unix") {
    CHECK(profiles("\xEF\xBB\xBF[default]\r\na = b\r\n\r\nc =\r\n d = e\r\n") ==
          sections{{"default", {{"a", "b"}, {"c", "\nd = e"}}}});
}

TEST_CASE("a property knows its line") {
    const auto file = read("\n# c\n[default]\r\n\na = b\n c\nd = e");
    CHECK(file->find("default", "a")->source == "FILE:5");
    CHECK(file->find("default", "a")->name == "a");
    CHECK(file->find("default", "d")->source == "FILE:7");
    CHECK(file->find("default", "x") == nullptr);
    CHECK(file->find("x", "a") == nullptr);
}

TEST_CASE("what is no profile file is refused by file and line, without quoting it") {
    CHECK(refusal("[default]\n[profile x").starts_with("FILE:2: Profile definition must end with ']'"));
    CHECK(refusal("[") == refusal("[x"));
    CHECK(refusal("[default] secret").starts_with("FILE:1: Profile definition must end"));
    CHECK(refusal("\n\nsecret = 1").starts_with("FILE:3: Expected a profile definition"));
    CHECK(refusal(" secret").starts_with("FILE:1: Expected a profile definition"));
    CHECK(refusal("[default]\nsecret").starts_with("FILE:2: Expected an '=' sign defining a property"));
    CHECK(refusal("[default]\nsecret # = x").starts_with("FILE:2: Expected an '=' sign defining a property"));
    CHECK(refusal("[default]\n = secret").starts_with("FILE:2: Expected a property definition, found continuation"));
    CHECK(refusal("[default]\n= secret").starts_with("FILE:2: Property did not have a name"));
    CHECK(refusal("[default]\na = b\n[default]\n secret").starts_with("FILE:4: Expected a property definition"));
    CHECK(refusal("[default]\na =\n secret").starts_with("FILE:3: Expected an '=' sign defining a sub-property"));
    CHECK(refusal("[default]\na =\n b = c\n =secret").starts_with("FILE:4: Sub-property did not have a name"));
    for (const auto* text : {"secret = 1", "[default]\nsecret", "[default]\na =\n secret", "[default] secret"})
        CHECK_MESSAGE(refusal(text).find("secret") == std::string::npos, text);
    CHECK(refusal("[default]\na b").find("NAME = VALUE") != std::string::npos);
    CHECK(refusal("nothing", kind::credentials).starts_with("FILE:1: "));
}

TEST_CASE("text of two bytes a character is told by its NUL bytes") {
    CHECK(refusal("[\0d\0e\0f\0]\0\n\0"sv).find("UTF-8") != std::string::npos);
    CHECK(refusal("[default]\na = b\0"sv).starts_with("FILE:2: "));
}

TEST_CASE("a file has at most a mebibyte") {
    const std::string head = "[default]\na = ";
    CHECK(below_default("a = " + std::string(profile_file::max_size - head.size(), 'x')).at("a").size() ==
          profile_file::max_size - head.size());
    CHECK(refusal(head + std::string(profile_file::max_size - head.size() + 1, 'x')).starts_with("FILE: "));
}

TEST_CASE("the largest files of each kind are read in time that grows with their size") {
    const auto repeat = [](const std::string& head, auto line) {
        std::string text = head;
        for (int i = 0; text.size() + 32 < profile_file::max_size; ++i) text += line(i);
        return text;
    };
    const auto number = [](int i) { return std::to_string(i); };
    CHECK(profiles(repeat("", [&](int i) { return "[profile " + number(i) + "]\n"; })).size() > 10'000);
    CHECK(profiles(repeat("", [](int) { return "[default]\n"; })).size() == 1);
    CHECK(below_default(repeat("", [&](int i) { return number(i) + "=\n"; })).size() > 10'000);
    CHECK(below_default(repeat("", [](int) { return "a=\n b=\n"; })).size() == 1);
    CHECK(below_default(repeat("a=\n", [&](int i) { return " " + number(i) + "=\n"; })).at("a").size() > 100'000);
    CHECK(below_default(repeat("a=", [](int) { return " #"; })).at("a").empty());
    CHECK(below_default(repeat("a=b\n", [](int) { return " #\n"; })).at("a") == "b");
    CHECK(below_default(repeat("a=", [](int) { return "=#"; })).at("a").size() > 100'000);
}

TEST_CASE("whatever bytes a file has, it is read or refused by line, and a property is never half one") {
    std::mt19937 random(20261121);
    const std::string good = "\xEF\xBB\xBF# c\r\n[default]\nregion = eu-west-1 ; c\n[profile dev]\r\nrole_arn=a\n\n"
                             "services = s\nx = 1\n 2\n\t3 # c\n[services s]\ndynamodb = \n  endpoint_url = http://h\n"
                             "[sso-session corp]\nsso_region = r\n[odd]\na = b\n";
    constexpr auto pieces = "[]=#; \t\r\n\0\xef\xbb\xbf\xffprofile default services"sv;
    int taken = 0, refused = 0;
    for (int i = 0; i != 20'000; ++i) {
        auto text = i % 4 == 0 ? std::string() : good;
        for (auto n = i % 4 == 0 ? random() % 60 : 1 + random() % 3; n != 0; --n) {
            const auto at = random() % (text.size() + 1);
            const auto from = random() % pieces.size();
            switch (text.empty() ? 0 : random() % 4) {
            case 0: text.insert(at, pieces.substr(from, 1 + random() % 8)); break;
            case 1: text.erase(at, 1 + random() % 8); break;
            case 2: text.insert(at, text.substr(random() % text.size(), random() % 40)); break;
            default: text.resize(at);
            }
        }
        CAPTURE(text);
        const auto k = random() % 2 == 0 ? kind::config : kind::credentials;
        const auto parsed = profile_file::parse(text, k, "FILE");
        if (!parsed) {
            ++refused;
            CHECK(parsed.error() == error::invalid_option);
            CHECK(parsed.error().detail.starts_with("FILE:"));
            continue;
        }
        ++taken;
        for (const auto* all : {&(*parsed)->profiles(), &(*parsed)->services(), &(*parsed)->sso_sessions()})
            for (const auto& [name, section] : *all) {
                CHECK_FALSE(name.empty());
                for (const auto& [key, property] : section) {
                    CHECK(key == property.name);
                    CHECK(property.source.starts_with("FILE:"));
                    CHECK(property.value.find('\0') == std::string::npos);
                }
            }
    }
    CHECK(taken > 1000);
    CHECK(refused > 1000);
}

TEST_CASE("the cases of the AWS SDKs' suite for profile files") {
    const auto suite = test::read_fixture("aws_profile_parser.json");
    if (!suite) return;
    int checked = 0;
    for (const auto& c : suite->at("tests").as_array()) {
        const auto& input = c.at("input").as_object();
        const auto text = [&](const char* name) {
            const auto* found = input.if_contains(name);
            return found ? std::string(found->as_string()) : std::string();
        };
        const std::string name(c.at("name").as_string());
        CAPTURE(name);
        const auto config = profile_file::parse(text("configFile"), kind::config, "FILE");
        const auto credentials = profile_file::parse(text("credentialsFile"), kind::credentials, "FILE");
        ++checked;
        if (const auto* why = c.at("output").as_object().if_contains("errorContaining")) {
            REQUIRE((!config || !credentials));
            const auto& detail = (config ? credentials : config).error().detail;
            CHECK(detail.find(std::string(why->as_string())) != std::string::npos);
            continue;
        }
        REQUIRE(config);
        REQUIRE(credentials);
        auto merged = values_of((*config)->profiles());
        for (const auto& [profile, its] : values_of((*credentials)->profiles()))
            for (const auto& [key, value] : its) merged[profile][key] = value;
        for (const auto& profile : values_of((*credentials)->profiles())) merged.try_emplace(profile.first);

        const auto expected = [&](const char* group) {
            sections values;
            if (const auto* all = c.at("output").at("config").as_object().if_contains(group))
                for (const auto& section : all->as_object()) {
                    auto& here = values[section.key()];
                    for (const auto& p : section.value().as_object()) here[p.key()] = p.value().as_string();
                }
            return values;
        };
        CHECK(merged == expected("profiles"));
        CHECK(values_of((*config)->sso_sessions()) == expected("sso_sessions"));
    }
    CHECK(checked >= 20);
}
