#include <dynasession/backend/native_layout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace dynasession;
using namespace std::chrono_literals;
using value = dynamodb::attribute_value;

namespace {

record sample() {
    record r;
    r.created = time_point(1'795'000'000s);
    r.deadline = r.created + 12h;
    r.expires = r.created + 30min;
    r.max_stale = 30min;
    r.version = 2;
    r.data = fields({{"", "0"}, {"user", "\"ana\""}, {std::string_view("\0\0x", 3), "1"}, {"bytes", std::string_view("\0\xff", 2), true}});
    return r;
}

} // namespace

TEST_CASE("a record comes back from its item as it was") {
    const native_layout layout;
    const auto id = session_id::generate();
    CHECK(*layout.decode(layout.encode(id, sample())) == sample());
    record endless = sample();
    endless.deadline = time_point::max();
    const auto item = layout.encode(id, endless);
    CHECK_FALSE(item.contains("x"));
    CHECK(*layout.decode(item) == endless);
    record marked = sample();
    marked.writer = "a mark";
    CHECK(*layout.decode(layout.encode(id, marked)) == marked);
    record blank;
    blank.max_stale = 1s;
    CHECK(*layout.decode(layout.encode(id, blank)) == blank);
}

TEST_CASE("the item has the attributes that its description lists, in the types given") {
    native_layout layout;
    layout.hash_key = "pk";
    layout.expires = "ttl";
    layout.key_prefix = "app:";
    const auto item = layout.encode(session_id::generate(), sample());
    CHECK(item.size() == 7);
    CHECK(item.find("pk")->as_string()->starts_with("app:"));
    CHECK(item.find("pk")->as_string()->size() == 36);
    CHECK(*item.find("ttl")->as_number() == "1795001800");
    CHECK(*item.find("c")->as_number() == "1795000000");
    CHECK(*item.find("x")->as_number() == "1795043200");
    CHECK(*item.find("i")->as_number() == "1800");
    CHECK(*item.find("v")->as_number() == "2");
    const auto& data = *item.find("d")->as_map();
    CHECK(*data.find("user")->as_string() == "\"ana\"");
    CHECK(*data.find("bytes")->as_binary() == std::string_view("\0\xff", 2));
    CHECK(data.contains(std::string_view("\0", 1)));
    CHECK(data.contains(std::string_view("\0\0\0x", 4)));
}

TEST_CASE("the key of the item depends on the whole id and leads to none") {
    const native_layout layout;
    const auto id = *session_id::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    // The first 24 bytes of the SHA-256 of 43 times "A", by another implementation (Python hashlib).
    CHECK(layout.key_text(id) == "DwBzhbb51LfusnSGBa_hqYSgo7-j8BTQ");
    CHECK(layout.key_text(id) == layout.key_text(id));
    CHECK(layout.key_text(id) != layout.key_text(session_id::generate()));
}

TEST_CASE("what is missing or foreign is named") {
    const native_layout layout;
    const auto good = layout.encode(session_id::generate(), sample());
    for (const auto* name : {"expires", "c", "i", "x"}) {
        auto far = good;
        far.insert_or_assign(name, value::number(std::int64_t(1) << 62));
        CHECK_FALSE(layout.decode(far).has_value());
        far.insert_or_assign(name, value::number(-1));
        CHECK_FALSE(layout.decode(far).has_value());
    }
    for (const auto* name : {"expires", "c", "i", "v", "d"}) {
        auto lacking = good;
        lacking.erase(name);
        const auto r = layout.decode(lacking);
        REQUIRE_FALSE(r.has_value());
        CHECK(r.error() == error::corrupt_session);
        CHECK(r.error().detail.find("'" + std::string(name) + "'") != std::string::npos);
    }
    auto foreign = good;
    foreign.insert_or_assign("d", value::map({{"k", value::number(1)}}));
    CHECK_FALSE(layout.decode(foreign).has_value());
    foreign.insert_or_assign("d", *good.find("d"));
    foreign.insert_or_assign("x", value::string("1"));
    CHECK_FALSE(layout.decode(foreign).has_value());
}

TEST_CASE("the size is known before sending, and never below what DynamoDB counts") {
    const native_layout layout;
    const auto r = sample();
    const auto exact = dynamodb::item_size(layout.encode(session_id::generate(), r));
    const auto estimate = layout.item_size(r.data.size_in_bytes());
    CHECK(estimate + 2 >= exact); // two keys are escaped with a byte each
    CHECK(estimate <= exact + 16);
}
