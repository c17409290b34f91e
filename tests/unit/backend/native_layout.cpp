#include <dynasession/backend/native_layout.hpp>

#include <dynasession/detail/random_token.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

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
    r.data = fields({{"", "0"},
                     {"user", "\"ana\""},
                     {std::string_view("\0\0x", 3), "1"},
                     {"bytes", std::string_view("\0\xff", 2), true}});
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
    record saved = sample();
    saved.journal = journal("0123456789");
    REQUIRE(saved.journal.size() == 2);
    CHECK(*layout.decode(layout.encode(id, saved)) == saved);
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

TEST_CASE("the journal is a text of marks, left out before the first save; another text holds none of ours") {
    const native_layout layout;
    auto item = layout.encode(session_id::generate(), sample());
    CHECK_FALSE(item.contains("w"));
    item.insert_or_assign("w", value::string("0123456789"));
    CHECK(layout.decode(item)->journal.newest() == "01234");
    item.insert_or_assign("w", value::string("of another shape"));
    CHECK(layout.decode(item)->journal.empty());
    item.insert_or_assign("w", value::number(1));
    CHECK(layout.decode(item).error() == error::corrupt_session);
}

TEST_CASE("a lock has a token and an end; an end alone means nothing") {
    const native_layout layout;
    auto item = layout.encode(session_id::generate(), sample());
    CHECK_FALSE(layout.decode(item)->lock.held());
    item.insert_or_assign("lock_until", value::number(1'795'000'010'500));
    CHECK_FALSE(layout.decode(item)->lock.held());
    item.insert_or_assign("lock", value::string("0123456789abcdef"));
    CHECK(layout.decode(item)->lock == lock_claim{"0123456789abcdef", lock_time(1'795'000'010'500ms)});
    CHECK(*item.find("lock_until") == native_layout::milliseconds(lock_time(1'795'000'010'500ms)));
}

TEST_CASE("a lock without a proper token or end is no lock of ours") {
    const native_layout layout;
    const auto good = layout.encode(session_id::generate(), sample());
    const auto decoded = [&](value holder, std::optional<value> until) {
        auto item = good;
        item.insert_or_assign("lock", std::move(holder));
        if (until) item.insert_or_assign("lock_until", *std::move(until));
        return layout.decode(item);
    };
    REQUIRE(decoded(value::string("token"), value::number(1)).has_value());
    CHECK(decoded(value::string(""), value::number(1)).error() == error::corrupt_session);
    CHECK(decoded(value::string("token"), std::nullopt).error() == error::corrupt_session);
    CHECK(decoded(value::string("token"), value::number(-1)).error() == error::corrupt_session);
    CHECK(decoded(value::string("token"), value::string("1")).error() == error::corrupt_session);
    CHECK(decoded(value::string("token"), std::nullopt).error().detail.find("'lock_until'") != std::string::npos);
}

TEST_CASE("the PHP handler's lock is a foreign one, whatever end an earlier lock left") {
    const native_layout layout;
    auto item = layout.encode(session_id::generate(), sample());
    item.insert_or_assign("lock", value::number(1));
    CHECK(layout.decode(item)->lock == lock_claim{.foreign = true});
    item.insert_or_assign("lock_until", value::number(1'795'000'010'500));
    CHECK(layout.decode(item)->lock == lock_claim{.foreign = true});
    CHECK(layout.decode(item)->data == sample().data);
}

TEST_CASE("a record is written without a lock: only its own requests lock it") {
    const native_layout layout;
    record r = sample();
    r.lock = {"0123456789abcdef", lock_time(1s)};
    const auto item = layout.encode(session_id::generate(), r);
    CHECK_FALSE(item.contains("lock"));
    CHECK_FALSE(item.contains("lock_until"));
}

TEST_CASE("a sign of a move is a record that is not live, has a version, and leads somewhere for a time") {
    const native_layout layout;
    const auto moved_at = time_point(1'795'000'000s);
    dynamodb::item sign = layout.key(session_id::generate());
    sign.append("expires", native_layout::seconds(moved_at));
    sign.append("v", value::number(3));
    sign.append("f", value::string("the new key"));
    sign.append("u", native_layout::seconds(moved_at + 60s));
    const auto r = layout.decode(sign);
    REQUIRE(r.has_value());
    CHECK(r->moved);
    CHECK(r->version == 3);
    CHECK(r->expires == moved_at);
    CHECK(r->data.empty());
    CHECK_FALSE(r->live(moved_at));
    CHECK_FALSE(r->live(moved_at - 5s)); // by a clock that is behind
    CHECK(layout.leads_to(sign, moved_at) == "the new key");
    CHECK(layout.leads_to(sign, moved_at + 59s) == "the new key");
    CHECK(layout.leads_to(sign, moved_at + 60s).empty());
    // What was left of the session, e.g. its times, is of no interest.
    for (const auto* name : {"c", "i"}) sign.insert_or_assign(name, value::string("?"));
    CHECK(layout.decode(sign)->moved);
    for (const auto* name : {"v", "expires"}) {
        auto broken = sign;
        broken.erase(name);
        CHECK(layout.decode(broken).error() == error::corrupt_session);
    }
}

TEST_CASE("what is no sign leads nowhere, and what is a broken one neither") {
    const native_layout layout;
    const auto at = time_point(1'795'000'000s);
    CHECK(layout.leads_to(layout.encode(session_id::generate(), sample()), at).empty());
    CHECK(layout.leads_to({}, at).empty());
    const dynamodb::item sign{{"f", value::string("key")}, {"u", native_layout::seconds(at + 60s)}};
    REQUIRE(layout.leads_to(sign, at) == "key");
    for (const auto* name : {"f", "u"}) {
        auto broken = sign;
        broken.erase(name);
        CHECK(layout.leads_to(broken, at).empty());
        broken.insert_or_assign(name, value::null());
        CHECK(layout.leads_to(broken, at).empty());
    }
    for (const auto end : {std::int64_t(-1), std::int64_t(1) << 62}) {
        auto far = sign;
        far.insert_or_assign("u", value::number(end));
        CHECK(layout.leads_to(far, at).empty());
    }
}

TEST_CASE("no name of the layout may be given to the key or the expiry") {
    for (const auto* name : {"d", "c", "x", "i", "v", "w", "lock", "lock_until", "f", "u"})
        CHECK(native_layout::is_taken(name));
    for (const auto* name : {"id", "expires", "", "lock_", "dd"}) CHECK_FALSE(native_layout::is_taken(name));
}

TEST_CASE(
    "the size is known before sending, and never below what DynamoDB counts of a locked session with a full journal") {
    native_layout layout;
    for (const auto* prefix : {"", "app:"}) {
        layout.key_prefix = prefix;
        record r = sample();
        r.version = 1'234'567; // seven digits that all count
        r.journal = journal(std::string(journal::max_marks * journal::mark_size, 'w'));
        auto item = layout.encode(session_id::generate(), r);
        item.append("lock", value::string(detail::random_token()));
        item.append("lock_until", value::number(1'795'000'010'501));
        const auto exact = dynamodb::item_size(item);
        const auto estimate = layout.item_size(r.data.size_in_bytes());
        CHECK(estimate + 2 >= exact); // two keys are escaped with a byte each
        CHECK(estimate <= exact + 16);
    }
}

TEST_CASE("beyond the user's own keys and values an unlocked session takes at most 96 bytes") {
    record r = sample();
    r.data = fields{{"user", "\"ana\""}};
    r.journal = journal(std::string(journal::max_marks * journal::mark_size, 'w'));
    const auto all = dynamodb::item_size(native_layout().encode(session_id::generate(), r));
    CHECK(all - r.data.size_in_bytes() <= 96);
}

TEST_CASE("whose a session is takes room only where it is somebody's") {
    const native_layout layout;
    const auto id = session_id::generate();
    auto owned = sample();
    owned.owner = {.user = "ana", .since = user_time(1'795'000'000'123ms), .device = "Firefox", .id_since = time_point(1'795'000'001s)};
    const auto item = layout.encode(id, owned);
    CHECK(*item.find("o")->as_string() == "ana");
    CHECK(*item.find("s")->as_number() == "1795000000123");
    CHECK(*item.find("a")->as_string() == "Firefox");
    CHECK(*item.find("g")->as_number() == "1795000001");
    CHECK(*layout.decode(item) == owned);
    const auto plain = layout.encode(id, sample());
    for (const auto* name : {"o", "s", "a", "g"}) CHECK_FALSE(plain.contains(name));
    owned.owner = {.id_since = time_point(1'795'000'001s)};
    CHECK(*layout.decode(layout.encode(id, owned)) == owned);
}

TEST_CASE("an owner of foreign shape is corrupt") {
    const native_layout layout;
    auto owned = sample();
    owned.owner = {.user = "ana", .since = user_time(1ms), .device = "x", .id_since = time_point(1s)};
    const auto good = layout.encode(session_id::generate(), owned);
    const std::pair<const char*, value> damages[] = {{"o", value::number(1)},   {"o", value::string("")},   {"s", value::string("1")},
                                                     {"s", value::number(-1)},  {"a", value::number(1)},    {"g", value::string("1")},
                                                     {"g", value::number(-1)}};
    for (const auto& damage : damages) {
        CAPTURE(damage.first);
        auto damaged = good;
        damaged.insert_or_assign(damage.first, damage.second);
        CHECK(layout.decode(damaged).error() == error::corrupt_session);
    }
    auto lacking = good;
    lacking.erase("s");
    CHECK(layout.decode(lacking).error() == error::corrupt_session);
}
