#include <dynasession/web/cookie_options.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <variant>

using namespace dynasession;
using namespace std::string_literals;

namespace {

// What `check` has against the options; empty if nothing.
template <class Options>
std::string complaint(const Options& options) {
    const auto checked = check(options);
    if (checked) return {};
    CHECK(checked.error() == error::invalid_option);
    return checked.error().detail;
}

bool good(const cookie_options& o) { return complaint(o).empty(); }

bool refused(const cookie_options& o, std::string_view option) {
    return complaint(o).starts_with("cookie_options::" + std::string(option) + ": ");
}

cookie_options named(std::string name) {
    auto o = cookie_options::plain_http();
    o.name = std::move(name);
    return o;
}

} // namespace

TEST_CASE("the defaults are those of the OWASP ASVS, and valid") {
    const cookie_options o;
    CHECK(o.name == "__Host-session");
    CHECK(o.domain.empty());
    CHECK(o.path == "/");
    CHECK(o.secure);
    CHECK(o.http_only);
    CHECK(o.same_site == same_site::lax);
    CHECK_FALSE(o.partitioned);
    CHECK_FALSE(o.persistent);
    CHECK(good(o));
}

TEST_CASE("without TLS the cookie has no prefix and is not secure, and all else is as ever") {
    const auto o = cookie_options::plain_http();
    CHECK(o.name == "session");
    CHECK_FALSE(o.secure);
    CHECK(o.http_only);
    CHECK(o.same_site == same_site::lax);
    CHECK(good(o));
}

TEST_CASE("good options are taken") {
    CHECK(good({.same_site = same_site::strict}));
    CHECK(good({.same_site = same_site::none}));
    CHECK(good({.same_site = same_site::none, .partitioned = true}));
    CHECK(good({.http_only = false}));
    CHECK(good({.persistent = true}));
    CHECK(good({.name = "__Secure-id", .domain = "example.org", .path = "/shop"}));
    CHECK(good({.name = "id", .domain = ".example.org"}));
    CHECK(good({.name = "id", .domain = "localhost"}));
    CHECK(good({.name = "id", .domain = "127.0.0.1"}));
    CHECK(good({.name = "id", .domain = "xn--bcher-kva.example"}));
    CHECK(good({.name = "id", .domain = "EXAMPLE.org"}));
    CHECK(good({.name = "id", .path = "/a,b=c&d/%20~"}));
    CHECK(good({.name = "id", .path = "/" + std::string(1023, 'p')}));
    CHECK(good({.name = "PHPSESSID", .secure = false}));
}

TEST_CASE("a prefix is bound to its rules, in whatever case it is written") {
    for (const auto host : {"__Host-", "__host-", "__HOST-", "__hOsT-"}) {
        CAPTURE(host);
        const auto name = host + "id"s;
        CHECK(good({.name = name}));
        CHECK(refused({.name = name, .secure = false}, "secure"));
        CHECK(refused({.name = name, .domain = "example.org"}, "domain"));
        CHECK(refused({.name = name, .path = "/shop"}, "path"));
        CHECK(refused({.name = name, .path = "//"}, "path"));
        CHECK(refused({.name = host, .secure = false}, "secure")); // nothing behind the prefix
    }
    for (const auto secure : {"__Secure-", "__secure-", "__SECURE-"}) {
        CAPTURE(secure);
        const auto name = secure + "id"s;
        CHECK(good({.name = name, .domain = "example.org", .path = "/shop"}));
        CHECK(refused({.name = name, .secure = false}, "secure"));
    }
}

TEST_CASE("what only resembles a prefix is a name like any other") {
    for (const auto name : {"__%48ost-id", "_Host-id", "__Host", "__Host_id", "x__Host-id", "__Secure", "Host-id", "_"})
        CHECK(good({.name = name, .domain = "example.org", .path = "/shop", .secure = false}));
}

TEST_CASE("what crosses sites has to be secure") {
    CHECK(refused({.name = "id", .secure = false, .same_site = same_site::none}, "secure"));
    CHECK(refused({.name = "id", .secure = false, .partitioned = true}, "secure"));
    CHECK(good({.name = "id", .secure = false, .same_site = same_site::strict}));
}

TEST_CASE("the name of a cookie is a token") {
    CHECK(refused(named(""), "name"));
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    for (int code = 0; code != 256; ++code) {
        CAPTURE(code);
        const char c = static_cast<char>(code);
        const bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool taken = letter || marks.find(c) != marks.npos;
        CHECK(good(named("a"s + c)) == taken);
        CHECK(good(named(c + "a"s)) == taken);
        if (!taken) CHECK(refused(named("a"s + c + "b"), "name"));
    }
}

TEST_CASE("the name leaves room for a signed id in the 4096 bytes that browsers take") {
    CHECK(good(named(std::string(4096 - 87, 'n'))));
    CHECK(refused(named(std::string(4096 - 86, 'n')), "name"));
    CHECK(refused(named(std::string(1 << 20, 'n')), "name"));
}

TEST_CASE("a domain is the name of a host") {
    const auto of = [](std::string domain) { return cookie_options{.name = "id", .domain = std::move(domain)}; };
    for (const auto& domain : {"."s,
                               ".."s,
                               "..example.org"s,
                               "example..org"s,
                               "example.org."s,
                               "-a.org"s,
                               "a-.org"s,
                               "https://example.org"s,
                               "example.org:8080"s,
                               "example.org/"s,
                               "a_b.org"s,
                               "*.example.org"s,
                               "b\xc3\xbc"s + "cher.example"s,
                               " example.org"s,
                               "example.org "s,
                               "example.org; Path=/x"s,
                               "example.org\r\nX: y"s,
                               "a,b"s,
                               "[::1]"s,
                               "example.org\0"s,
                               std::string(64, 'l') + ".org",
                               std::string(1 << 20, 'l')}) {
        CAPTURE(domain);
        CHECK(refused(of(domain), "domain"));
    }
    std::string longest;
    while (longest.size() < 253 - 2) longest += "a.";
    longest += 'a';
    CHECK(longest.size() == 253);
    CHECK(good(of(longest)));
    CHECK(good(of(std::string(63, 'l') + ".org")));
    CHECK(refused(of("b" + longest), "domain"));
    for (int code = 0; code != 256; ++code) {
        const char c = static_cast<char>(code);
        const bool taken =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.';
        CHECK(good(of("a"s + c + "b.org")) == taken);
    }
}

TEST_CASE("a path begins with a slash and stays in its attribute") {
    const auto of = [](std::string path) { return cookie_options{.name = "id", .path = std::move(path)}; };
    for (const auto path :
         {"", "shop", "./", "https://example.org/", " /", "/ ", "/a b", "/a;b", "/; Domain=evil.example"})
        CHECK(refused(of(path), "path"));
    for (int code = 0; code != 256; ++code) {
        CAPTURE(code);
        const char c = static_cast<char>(code);
        CHECK(good(of("/"s + c)) == (c > ' ' && c <= '~' && c != ';'));
    }
    CHECK(refused(of("/" + std::string(1024, 'p')), "path"));
}

TEST_CASE("validated gives back what is good and throws what is wrong, with the option and the rule") {
    const auto o = validated(cookie_options{.name = "__Secure-x", .path = "/shop"});
    CHECK(o.name == "__Secure-x");
    CHECK(o.path == "/shop");
    try {
        static_cast<void>(validated(cookie_options{.path = "/shop"}));
        FAIL("nothing was thrown");
    } catch (const session_error& e) {
        CHECK(e.code() == error::invalid_option);
        CHECK(e.code() == condition::configuration);
        const std::string what = e.what();
        CHECK(what.find("cookie_options::path") != what.npos);
        CHECK(what.find("__Host-") != what.npos);
    }
}

TEST_CASE("who wants __Host- without TLS is told of the preset") {
    CHECK(complaint(cookie_options{.secure = false}).find("plain_http()") != std::string::npos);
}

TEST_CASE("no complaint repeats what was given") {
    const std::string hostile = "evil\r\nSet-Cookie: x=y";
    for (const auto& o : {cookie_options{.name = hostile}, cookie_options{.name = "id", .domain = hostile},
                          cookie_options{.name = "id", .path = hostile}}) {
        CHECK_FALSE(good(o));
        CHECK(complaint(o).find("evil") == std::string::npos);
        CHECK(complaint(o).find_first_of("\r\n") == std::string::npos);
    }
    CHECK(complaint(header_options{.name = hostile}).find("evil") == std::string::npos);
}

TEST_CASE("the header that carries an id has a name that HTTP allows") {
    CHECK(header_options{}.name == "X-Auth-Token");
    CHECK(validated(header_options{}).name == "X-Auth-Token");
    CHECK(validated(header_options{.name = "Session"}).name == "Session");
    for (const auto& name :
         {""s, "X Auth"s, "X-Auth:"s, "X-Auth\r\nY"s, "X-Auth\0"s, "\xc3\xa4"s, "a;b"s, " X"s, "\"X\""s}) {
        CAPTURE(name);
        CHECK(complaint(header_options{.name = name}).starts_with("header_options::name: "));
        CHECK_THROWS_AS(static_cast<void>(validated(header_options{.name = name})), session_error);
    }
}

TEST_CASE("a transport is a cookie unless a header is asked for, and is checked as what it is") {
    CHECK(std::holds_alternative<cookie_options>(transport()));
    CHECK(std::get<cookie_options>(validated(transport())).name == "__Host-session");
    CHECK(std::get<header_options>(validated(transport(header_options{}))).name == "X-Auth-Token");
    CHECK_THROWS_AS(static_cast<void>(validated(transport(cookie_options{.secure = false}))), session_error);
    CHECK_THROWS_AS(static_cast<void>(validated(transport(header_options{.name = ""}))), session_error);
}
