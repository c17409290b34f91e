#include <dynasession/web/set_cookie.hpp>

#include <dynasession/core/session_id.hpp>
#include <dynasession/web/cookie_reader.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <string>
#include <string_view>

using namespace dynasession;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

// Why a value is refused; empty if it is taken.
std::string complaint(const result<std::string>& field) {
    if (field) return {};
    CHECK(field.error() == error::invalid_option);
    return field.error().detail;
}

bool refused(const cookie_options& o, std::string_view value) { return !complaint(set_cookie(o, value)).empty(); }

} // namespace

TEST_CASE("the cookie of the defaults is secure, hidden, lax and ends with the browser") {
    CHECK(set_cookie({}, "abc").value() == "__Host-session=abc; Path=/; Secure; HttpOnly; SameSite=Lax");
    CHECK(set_cookie(cookie_options::plain_http(), "abc").value() == "session=abc; Path=/; HttpOnly; SameSite=Lax");
}

TEST_CASE("every option has its attribute") {
    struct row {
        cookie_options options;
        std::string_view field;
    };
    const row rows[] = {
        {{.name = "id", .secure = false, .http_only = false}, "id=v; Path=/; SameSite=Lax"},
        {{.name = "id", .domain = "example.org"}, "id=v; Path=/; Domain=example.org; Secure; HttpOnly; SameSite=Lax"},
        {{.name = "id", .path = "/shop"}, "id=v; Path=/shop; Secure; HttpOnly; SameSite=Lax"},
        {{.name = "id", .secure = false}, "id=v; Path=/; HttpOnly; SameSite=Lax"},
        {{.name = "id", .http_only = false}, "id=v; Path=/; Secure; SameSite=Lax"},
        {{.name = "id", .same_site = same_site::strict}, "id=v; Path=/; Secure; HttpOnly; SameSite=Strict"},
        {{.name = "id", .same_site = same_site::none}, "id=v; Path=/; Secure; HttpOnly; SameSite=None"},
        {{.name = "id", .same_site = same_site::none, .partitioned = true},
         "id=v; Path=/; Secure; HttpOnly; SameSite=None; Partitioned"},
        {{.name = "__Secure-id", .domain = "example.org", .path = "/shop"},
         "__Secure-id=v; Path=/shop; Domain=example.org; Secure; HttpOnly; SameSite=Lax"},
    };
    for (const auto& row : rows) CHECK(set_cookie(row.options, "v").value() == row.field);
}

TEST_CASE("Max-Age stands there when it is given, whole and never below 0") {
    const auto o = cookie_options::plain_http();
    CHECK(set_cookie(o, "v", 1800s).value() == "session=v; Path=/; Max-Age=1800; HttpOnly; SameSite=Lax");
    CHECK(set_cookie(o, "v", 24h * 30).value() == "session=v; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax");
    CHECK(set_cookie(o, "v", 0s).value() == "session=v; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    CHECK(set_cookie(o, "v", -5s).value() == "session=v; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    CHECK(set_cookie(o, "v", std::chrono::seconds::max()).value().find("Max-Age=9223372036854775807;") !=
          std::string::npos);
    CHECK(set_cookie(o, "v").value().find("Max-Age") == std::string::npos);
}

TEST_CASE("a value is visible ASCII without quote, comma, semicolon and backslash, wherever it stands") {
    constexpr std::string_view excluded = "\",;\\";
    for (int code = 0; code != 256; ++code) {
        CAPTURE(code);
        const char c = static_cast<char>(code);
        const bool taken = c > ' ' && c <= '~' && excluded.find(c) == excluded.npos;
        CHECK(refused({}, c + "bc"s) == !taken);
        CHECK(refused({}, "a"s + c + "c") == !taken);
        CHECK(refused({}, "ab"s + c) == !taken);
        CHECK(refused({}, std::string(1, c)) == !taken);
    }
    CHECK(refused({}, "x\r\nSet-Cookie: admin=1"));
    CHECK(refused({}, "x; Domain=evil.example"));
    CHECK_FALSE(refused({}, ""));
}

TEST_CASE("name and value have at most 4096 bytes together, and attributes do not count") {
    for (const auto& o : {cookie_options{}, cookie_options::plain_http(),
                          cookie_options{.name = "id", .path = "/" + std::string(1000, 'p')}}) {
        const auto room = 4096 - o.name.size();
        CHECK_FALSE(refused(o, std::string(room, 'v')));
        CHECK(refused(o, std::string(room + 1, 'v')));
    }
    CHECK(refused({}, std::string(1 << 20, 'v')));
}

TEST_CASE("options that break a rule never become a field, checked before or not") {
    const cookie_options wrong[] = {
        {.name = "a\r\nX: y"},
        {.name = ""},
        {.name = "id", .domain = "a\r\nX: y"},
        {.name = "id", .domain = "a; Secure"},
        {.name = "id", .path = "/\r\nX: y"},
        {.name = "id", .path = "/; HttpOnly"},
        {.secure = false},
        {.domain = "example.org"},
        {.name = "id", .secure = false, .same_site = same_site::none},
    };
    for (const auto& o : wrong) {
        CHECK(complaint(set_cookie(o, "v")).starts_with("cookie_options::"));
        CHECK(complaint(set_cookie(o, "v", 1s)).starts_with("cookie_options::"));
        CHECK(complaint(remove_cookie(o)).starts_with("cookie_options::"));
    }
}

TEST_CASE("a removal ends in the past by both clocks and keeps what the browser goes by") {
    CHECK(remove_cookie({}).value() ==
          "__Host-session=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; "
          "HttpOnly; SameSite=Lax");
    CHECK(remove_cookie(cookie_options::plain_http()).value() ==
          "session=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax");
    CHECK(
        remove_cookie(
            {.name = "id", .domain = "example.org", .path = "/shop", .same_site = same_site::none, .partitioned = true})
            .value() ==
        "id=; Path=/shop; Domain=example.org; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; "
        "HttpOnly; SameSite=None; Partitioned");
}

TEST_CASE("a removal differs from the cookie in value and lifetime only") {
    for (const bool secure : {true, false})
        for (const bool http_only : {true, false})
            for (const auto site : {same_site::lax, same_site::strict, same_site::none}) {
                if (site == same_site::none && !secure) continue;
                const cookie_options o{
                    .name = "id", .path = "/a", .secure = secure, .http_only = http_only, .same_site = site};
                auto removal = remove_cookie(o).value();
                const auto lifetime = "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"s;
                removal.erase(removal.find(lifetime), lifetime.size());
                CHECK(removal == set_cookie(o, "").value());
            }
}

TEST_CASE("what is wrong with a value is said without the value") {
    for (const auto& value : {"se cret"s, "secret\r\n"s, std::string(5000, 's')}) {
        const auto what = complaint(set_cookie({}, value));
        CHECK_FALSE(what.empty());
        CHECK(what.find("secret") == what.npos);
        CHECK(what.find("se cret") == what.npos);
        CHECK(what.find("sss") == what.npos);
    }
}

TEST_CASE("what is written is read again, as browsers send it back") {
    std::mt19937 random(20261121);
    const cookie_options o;
    for (int i = 0; i != 500; ++i) {
        const auto id = session_id::generate();
        const auto field = set_cookie(o, id.str(), std::chrono::seconds(random() % 100'000)).value();
        const auto back = "a=b; " + field.substr(0, field.find(';')) + "; c=d";
        const cookie_reader found(o.name, back);
        REQUIRE(found.values().size() == 1);
        CHECK(found.values()[0] == id.str());
    }
}

TEST_CASE("whatever the value, a field is one line with the attributes that were asked for, seeded") {
    std::mt19937 random(20261122);
    const auto end = "; Path=/; Secure; HttpOnly; SameSite=Lax"s;
    int taken = 0;
    for (int i = 0; i != 20'000; ++i) {
        std::string value(random() % 12, ' ');
        for (auto& c : value) c = static_cast<char>(random() % 8 == 0 ? random() & 0xFF : '!' + random() % 90);
        const auto field = set_cookie({}, value);
        if (!field) continue;
        ++taken;
        CHECK(*field == "__Host-session=" + value + end);
        CHECK(value.find_first_of("\r\n;, \"\\\t") == value.npos);
        CHECK(value.find('\0') == value.npos);
    }
    CHECK(taken > 1000);
    CHECK(taken < 19'000);
}
