#include <dynasession/web/cookie_reader.hpp>

#include <doctest/doctest.h>

#include "support/allocation_counter.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using dynasession::cookie_reader;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

using texts = std::vector<std::string_view>;

texts values(const cookie_reader& found) { return {found.values().begin(), found.values().end()}; }
texts values(std::string_view name, std::string_view field) { return values(cookie_reader(name, field)); }

// The same by other means: all cookies first, limits afterwards.
texts expected(std::string_view name, std::string_view field, bool& too_many) {
    texts cookies, found;
    for (std::size_t begin = 0; begin <= field.size();) {
        const auto end = std::min(field.find(';', begin), field.size());
        auto cookie = field.substr(begin, end - begin);
        begin = end + 1;
        if (end > cookie_reader::max_bytes) break;
        while (!cookie.empty() && (cookie.front() == ' ' || cookie.front() == '\t')) cookie.remove_prefix(1);
        while (!cookie.empty() && (cookie.back() == ' ' || cookie.back() == '\t')) cookie.remove_suffix(1);
        if (!cookie.empty()) cookies.push_back(cookie);
    }
    too_many = field.size() > cookie_reader::max_bytes || cookies.size() > cookie_reader::max_cookies;
    if (cookies.size() > cookie_reader::max_cookies) cookies.resize(cookie_reader::max_cookies);
    for (const auto cookie : cookies) {
        const auto equals = cookie.find('=');
        if (equals == cookie.npos || cookie.substr(0, equals) != name) continue;
        auto value = cookie.substr(equals + 1);
        if (value.size() > 1 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
        found.push_back(value);
    }
    too_many = too_many || found.size() > cookie_reader::max_values;
    if (found.size() > cookie_reader::max_values) found.resize(cookie_reader::max_values);
    return found;
}

} // namespace

TEST_CASE("the values of a name are found among other cookies") {
    struct row {
        std::string_view field;
        texts values;
    };
    const row rows[] = {
        {"id=1", {"1"}},
        {"a=b; id=1", {"1"}},
        {"id=1; a=b", {"1"}},
        {"a=b; id=1; c=d", {"1"}},
        {"a=b;id=1;c=d", {"1"}},
        {" id=1 ", {"1"}},
        {"\tid=1\t;\ta=b", {"1"}},
        {";;; ;id=1;", {"1"}},
        {"id=", {""}},
        {"id=\"\"", {""}},
        {"id=a=b=c", {"a=b=c"}},
        {"id=a b", {"a b"}},
        {"id=a,b", {"a,b"}},
        {"a=\"x; id=1\"", {"1\""}}, // quotes do not hold a cookie together (RFC 6265bis section 4.1.1)
        {"$Version=1; id=1; $Path=/", {"1"}},
        {"", {}},
        {"id", {}},
        {"id;", {}},
        {"=id", {}},
        {"=id=1", {}}, // a cookie without a name
        {"a=id=1", {}},
        {"a=b", {}},
        {"xid=1", {}},
        {"idx=1", {}},
        {"id =1", {}},
        {"i d=1", {}},
        {"a=b, id=1", {}}, // a comma ends no cookie
        {"a=b\nid=1", {}},
        {"a=b&id=1", {}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.field);
        CHECK(values("id", row.field) == row.values);
        CHECK_FALSE(cookie_reader("id", row.field).too_many());
    }
}

TEST_CASE("names are compared byte by byte: neither case nor percent signs make a name of ours") {
    for (const auto name :
         {"__host-id", "__HOST-id", "__Host-ID", "__%48ost-id", "__Host%2Did", "%5F_Host-id", "__Host-id%00",
          "+__Host-id", "__Host-i", "__Host-idd", "_Host-id", "__Host.id", "__Host_id", "__Host-id[]"}) {
        CAPTURE(name);
        CHECK(values("__Host-id", name + "=evil"s).empty());
        CHECK(values("__Host-id", name + "=evil; __Host-id=good"s) == texts{"good"});
    }
}

TEST_CASE("values are not decoded") {
    CHECK(values("id", "id=%41%00%22") == texts{"%41%00%22"});
    CHECK(values("id", "id=a+b") == texts{"a+b"});
    CHECK(values("id", "id=a\\\"b") == texts{"a\\\"b"});
}

TEST_CASE("one pair of quotes around a value is taken off, and only a pair") {
    CHECK(values("id", "id=\"abc\"") == texts{"abc"});
    CHECK(values("id", "id=\"abc\"; x=\"y\"") == texts{"abc"});
    CHECK(values("id", "id=\"\"abc\"\"") == texts{"\"abc\""});
    CHECK(values("id", "id=\"abc") == texts{"\"abc"});
    CHECK(values("id", "id=abc\"") == texts{"abc\""});
    CHECK(values("id", "id=\"") == texts{"\""});
    CHECK(values("id", "id= \"abc\"") == texts{" \"abc\""});
    CHECK(values("id", "id=\" abc \"") == texts{" abc "});
    CHECK(values("\"id\"", "id=1").empty());
    CHECK(values("id", "\"id\"=1").empty());
}

TEST_CASE("zero bytes and signs beyond ASCII are bytes like any other") {
    CHECK(values("id", "id=a\0b; x=y"sv) == texts{"a\0b"sv});
    CHECK(values("id", "\0id=1"sv).empty());
    CHECK(values("id", "id\0=1"sv).empty());
    CHECK(values("id", "id\0x=1; id=2"sv) == texts{"2"});
    CHECK(values("id", "id=\xff\x80") == texts{"\xff\x80"});
    CHECK(values("id", "a=\0; id=1"sv) == texts{"1"});
}

TEST_CASE("several cookies of the name all come, in their order") {
    CHECK(values("id", "id=1; id=2") == texts{"1", "2"});
    CHECK(values("id", "id=2; x=y; id=1; id=2") == texts{"2", "1", "2"});
    CHECK(values("id", "id=; id=1") == texts{"", "1"});
    CHECK(values("id", "ID=0; id=1; Id=2") == texts{"1"});
}

TEST_CASE("several fields are read one after the other, and no cookie goes across them") {
    cookie_reader found("id");
    CHECK(found.values().empty());
    found.read("id=1; i");
    found.read("d=2; id=3");
    found.read("");
    found.read("id=4");
    CHECK(values(found) == texts{"1", "3", "4"});
    CHECK_FALSE(found.too_many());
}

TEST_CASE("of more than eight cookies of the name the first eight come, and that is told") {
    std::string field;
    texts eight{"0", "1", "2", "3", "4", "5", "6", "7"};
    for (const auto v : eight) field.append("id=").append(v).append("; ");
    CHECK(values("id", field) == eight);
    CHECK_FALSE(cookie_reader("id", field).too_many());
    field += "id=8";
    CHECK(values("id", field) == eight);
    CHECK(cookie_reader("id", field).too_many());
    CHECK_FALSE(cookie_reader("other", field).too_many());
}

TEST_CASE("the sixty-fifth cookie is as if it were not there, and that is told") {
    const auto others = [](int count) {
        std::string field;
        for (int i = 0; i != count; ++i) field += "x=y; ";
        return field;
    };
    CHECK(values("id", others(63) + "id=1") == texts{"1"});
    CHECK_FALSE(cookie_reader("id", others(63) + "id=1").too_many());
    CHECK(values("id", others(64) + "id=1").empty());
    CHECK(cookie_reader("id", others(64) + "id=1").too_many());
    CHECK_FALSE(cookie_reader("id", others(64) + ";; ; ").too_many()); // no cookies

    const auto half = others(40);
    cookie_reader found("id");
    found.read(half);
    CHECK_FALSE(found.too_many());
    found.read(half);
    found.read("id=1");
    CHECK(found.too_many());
    CHECK(found.values().empty());
}

TEST_CASE("what reaches past 8 KiB is as if it were not there, and that is told") {
    // `before` bytes, the cookie, `after` bytes
    const auto field = [](std::size_t before, std::string_view cookie, std::size_t after) {
        return "x=" + std::string(before - 3, 'y') + ";" + std::string(cookie) + std::string(after, ' ');
    };
    constexpr auto limit = cookie_reader::max_bytes;
    const auto within = field(limit - 4, "id=1", 0);
    REQUIRE(within.size() == limit);
    CHECK(values("id", within) == texts{"1"});
    CHECK_FALSE(cookie_reader("id", within).too_many());

    for (std::size_t more = 1; more <= 5; ++more) { // some of it would still fit: half a value is none
        const auto beyond = field(limit - 4 + more, "id=1", 0);
        CAPTURE(more);
        CHECK(values("id", beyond).empty());
        CHECK(cookie_reader("id", beyond).too_many());
    }
    const auto ended = within + ";" + std::string(1 << 20, 'z'); // ends where the limit is
    CHECK(values("id", ended) == texts{"1"});
    CHECK(cookie_reader("id", ended).too_many());
    CHECK(values("id", within + "23").empty()); // were it cut there, the value would be another

    cookie_reader found("id");
    const auto first = field(limit - 8, "id=1", 0);
    found.read(first);
    found.read("id=2");
    CHECK(values(found) == texts{"1", "2"});
    CHECK_FALSE(found.too_many());
    found.read("id=3");
    CHECK(values(found) == texts{"1", "2"});
    CHECK(found.too_many());
}

TEST_CASE("huge fields give nothing but the report") {
    for (const auto& piece : {"a"s, ";"s, "="s, "\""s, " "s, "id="s, "\0"s}) {
        std::string field;
        while (field.size() < (1 << 22)) field += piece;
        CAPTURE(piece);
        const cookie_reader found("id", field);
        CHECK(found.too_many());
        CHECK(found.values().empty());
    }
    std::string field;
    while (field.size() < (1 << 22)) field += "id=1;";
    const cookie_reader found("id", field);
    CHECK(found.values().size() == cookie_reader::max_values);
    CHECK(found.too_many());
}

TEST_CASE("hostile fields are read as a simple reader would, seeded") {
    std::mt19937 random(20261121);
    constexpr std::string_view pieces[] = {"id",   "=",    ";",        "; ",      " ",      "\t",   "\"",
                                           "a",    "id=1", "id=\"2\"", "%69",     ",",      "ID",   "\0"sv,
                                           "\xff", "\r\n", "id=x; ",   "xid=3; ", "; id=4", "; x=y"};
    std::size_t found_any = 0, reported = 0;
    for (int i = 0; i != 20'000; ++i) {
        std::string field;
        for (auto n = random() % (i % 10 == 0 ? 400 : 20); n != 0; --n) field += pieces[random() % std::size(pieces)];
        if (i % 100 == 0) field.insert(random() % (field.size() + 1), 8000 + random() % 300, 'z');
        bool too_many = false;
        const auto wanted = expected("id", field, too_many);
        const cookie_reader found("id", field);
        CAPTURE(field);
        CHECK(values(found) == wanted);
        CHECK(found.too_many() == too_many);
        found_any += !wanted.empty();
        reported += too_many;
    }
    CHECK(found_any > 1000);
    CHECK(reported > 100);
}

TEST_CASE("random bytes do no harm, in several fields") {
    std::mt19937 random(20261122);
    for (int i = 0; i != 2000; ++i) {
        cookie_reader found("i");
        std::vector<std::string> fields(random() % 5);
        for (auto& field : fields) {
            field.resize(random() % 3000);
            for (auto& c : field) c = random() % 4 == 0 ? "i=;\" "[random() % 5] : static_cast<char>(random() & 0xFF);
            found.read(field);
        }
        CHECK(found.values().size() <= cookie_reader::max_values);
        for (const auto value : found.values()) { // each is a part of one of the fields
            const auto holds = [&](const std::string& f) {
                return value.data() >= f.data() && value.data() + value.size() <= f.data() + f.size();
            };
            CHECK(std::ranges::count_if(fields, holds) == 1);
            CHECK(value.find(';') == value.npos);
        }
    }
}

TEST_CASE("reading cookies allocates nothing") {
    if (!allocation_counter::counts()) {
        MESSAGE("this build cannot count allocations");
        return;
    }
    std::string field;
    for (int i = 0; i != 100; ++i) field += "id=0123456789; other=x; ";
    const allocation_counter counter;
    cookie_reader found("id", field);
    found.read(field);
    CHECK(counter.count() == 0);
    CHECK(found.values().size() == 8);
}
