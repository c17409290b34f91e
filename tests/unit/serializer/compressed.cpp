#include <dynasession/serializer/compressed.hpp>

#include <dynasession/backend/memory.hpp>
#include <dynasession/lock/no_lock.hpp>
#include <dynasession/serializer/encrypted.hpp>
#include <dynasession/store/basic_session_store.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace ds = dynasession;
namespace json = boost::json;
namespace compressed_detail = dynasession::compressed_detail;
using ds::field;
using ds::fields;
using serializer = ds::compressed<ds::json_serializer>;

namespace {

const auto id = ds::session_id::generate();

template <class Serializer = serializer>
fields packed(const json::object& v, const Serializer& s = Serializer(), const fields& stored = {}) {
    return s.serialize(v, {id, stored}).value();
}

bool is_corrupt(const auto& r) { return r.has_error() && r.error() == ds::error::corrupt_session; }

// One entry of a session, as a store would find it.
fields one(std::string_view key, std::string_view text, bool binary = true) {
    return fields({field{key, text, binary}});
}

// JSON that repeats itself, of at least so many bytes.
json::array rows(std::size_t bytes) {
    json::array a;
    for (std::size_t i = 0; 40 * i < bytes; ++i) a.push_back({{"product", "apple"}, {"count", 1}, {"price", i}});
    return a;
}

std::string random_bytes(std::mt19937_64& random, std::size_t size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    return bytes;
}

// So many zeros, compressed.
std::string bomb(std::size_t size) {
    return compressed_detail::deflated(compressed_detail::deflated_text, std::string(size, '0'), 9).value();
}

// A session of bytes, one entry.
struct bytes_serializer {
    using value_type = std::string;

    ds::result<fields> serialize(const std::string& v, ds::serialize_context) const { return one("v", v); }
    ds::result<std::string> deserialize(const fields& f, const ds::session_id&) const {
        const auto entry = f.find("v");
        if (!entry || !entry->binary) return ds::error::corrupt_session;
        return std::string(entry->text);
    }
};

} // namespace

static_assert(ds::check_serializer<serializer>());
static_assert(!ds::binding_serializer<serializer> && !ds::renewing_serializer<serializer>);
static_assert(compressed_detail::is_encrypted<ds::encrypted<serializer>> &&
              !compressed_detail::is_encrypted<serializer>);
static_assert(ds::check_serializer<ds::encrypted<serializer>>());

TEST_CASE("a large value is stored compressed, as bytes; small ones as the texts that they are") {
    const json::object o{{"large", rows(4000)}, {"small", "x"}};
    const auto f = packed(o);
    const auto plain = ds::json_serializer().serialize(o, {id, fields()}).value();
    CHECK(f.find("small") == plain.find("small"));
    CHECK(f.find("large")->binary);
    CHECK(f.find("large")->text.front() == compressed_detail::deflated_text);
    CHECK(f.find("large")->text.size() * 4 < plain.find("large")->text.size());
    CHECK(serializer().deserialize(f, id).value() == o);
    CHECK(serializer().deserialize(plain, id).value() == o); // from before there was compression
}

TEST_CASE("the threshold is the size of a value that is compressed") {
    const std::string text(98, 'x'); // 100 bytes as JSON
    const auto compresses = [&](std::size_t threshold) {
        return packed({{"k", text}}, serializer({.threshold = threshold})).find("k")->binary;
    };
    CHECK(compresses(0));
    CHECK(compresses(100));
    CHECK_FALSE(compresses(101));
    CHECK_FALSE(packed({{"k", std::string(1021, 'x')}}).find("k")->binary);
    CHECK(packed({{"k", std::string(1022, 'x')}}).find("k")->binary);
}

TEST_CASE("what does not get smaller stays as it is") {
    std::mt19937_64 random(5);
    std::string text(2000, '\0');
    for (char& c : text)
        c = static_cast<char>('!' + random() % 90); // 6.5 bits of 8: gets smaller, but not when it is short
    const serializer everything({.threshold = 0});
    for (const json::value& v :
         {json::value(1), json::value(""), json::value(text.substr(0, 12)), json::value(nullptr)}) {
        const auto f = packed({{"k", v}}, everything);
        CHECK(f == ds::json_serializer().serialize({{"k", v}}, {id, fields()}).value());
        CHECK(everything.deserialize(f, id).value().at("k") == v);
    }
    CHECK(packed({{"k", text}}, everything).find("k")->text.size() < 2000);
    const auto noise = random_bytes(random, 5000);
    CHECK_FALSE(compressed_detail::deflated('\1', noise, 9));
}

TEST_CASE("sessions of any size come back from compression, and an unchanged one as it is stored") {
    std::mt19937_64 random(9);
    for (int i = 0; i != 100; ++i) {
        json::object o;
        for (auto n = random() % 5; n != 0; --n) o["k" + std::to_string(n)] = rows(random() % 20'000);
        o["n"] = random();
        const auto f =
            packed(o, serializer({.threshold = random() % 3000, .level = static_cast<int>(1 + random() % 9)}));
        REQUIRE(serializer().deserialize(f, id).value() == o);
        // Also where another level, or another zlib, would write other bytes.
        REQUIRE(packed(o, serializer({.threshold = 0, .level = 1}), f) == f);
    }
}

TEST_CASE("of a session that was changed, the changed entries are written alone") {
    json::object o{{"a", rows(3000)}, {"b", rows(4000)}, {"c", 1}};
    const auto before = packed(o);
    o["b"].as_array().push_back(1);
    const auto changes = ds::difference(before, packed(o, serializer(), before));
    CHECK(changes.set.size() == 1);
    CHECK(changes.set.find("b").has_value());
}

TEST_CASE("bytes stay bytes, compressed or not") {
    const ds::compressed<bytes_serializer> s;
    std::mt19937_64 random(13);
    for (const auto& bytes :
         {std::string(), std::string("\1\2\0x", 4), std::string(5000, '\0'), random_bytes(random, 5000)}) {
        const auto f = s.serialize(bytes, {id, fields()}).value();
        CHECK(f.find("v")->binary);
        CHECK(f.find("v")->text.size() <= bytes.size() + 1);
        CHECK(s.deserialize(f, id).value() == bytes);
        CHECK(s.serialize(bytes, {id, f}).value() == f);
    }
}

TEST_CASE("a value may be as large as the bounds say when it is read, and not a byte more") {
    const std::string all_of_it(400 * 1024, '0');
    const auto text = bomb(all_of_it.size());
    CHECK(compressed_detail::inflated(text.substr(1), all_of_it.size()) == all_of_it);
    CHECK_FALSE(compressed_detail::inflated(text.substr(1), all_of_it.size() - 1));
    for (const std::size_t size : {20U, 63U, 64U, 65U, 1000U, 65'536U})
        CHECK(compressed_detail::inflated(bomb(size).substr(1), size) == std::string(size, '0'));
    CHECK(is_corrupt(serializer().deserialize(one("k", bomb(all_of_it.size() + 1)), id)));
}

TEST_CASE("a bomb is not blown up: alone, or as one of many") {
    const auto huge = bomb(std::size_t(300) << 20);
    CHECK(huge.size() < 400 * 1024);
    CHECK(is_corrupt(serializer().deserialize(one("k", huge), id)));
    CHECK(is_corrupt(serializer().serialize({}, {id, one("k", huge)})));

    // Texts that are good each by itself: JSON strings of 400 KB.
    const auto good =
        compressed_detail::deflated(compressed_detail::deflated_text, '"' + std::string(400 * 1024 - 2, '0') + '"', 9)
            .value();
    const auto many = [&](int count) {
        std::vector<std::string> keys;
        for (int i = 0; i != count; ++i) keys.push_back("k" + std::to_string(i));
        std::vector<field> entries;
        for (const auto& key : keys) entries.push_back({key, good, true});
        return fields(std::move(entries));
    };
    CHECK(serializer().deserialize(many(16), id).has_value());
    CHECK(is_corrupt(serializer().deserialize(many(17), id)));
    CHECK(many(500).size_in_bytes() < 400 * 1024);
    CHECK(is_corrupt(serializer().deserialize(many(500), id)));
}

TEST_CASE("a session that could not be read again is not stored, with its size") {
    const serializer s({.max_size = 3000}, ds::json_serializer({.max_size = 1'000'000}));
    CHECK(packed({{"k", std::string(2998, 'x')}}, s).size() == 1);
    const auto r = s.serialize({{"a", std::string(2000, 'x')}, {"b", std::string(2000, 'x')}}, {id, fields()});
    CHECK(r.error() == ds::error::item_too_large);
    CHECK(r.error().detail.find("4004") != std::string::npos);
    CHECK(r.error().detail.find("xx") == std::string::npos);
    CHECK(s.serialize({{"k", "\xff"}}, {id, fields()}).error() == ds::error::not_serializable);
}

TEST_CASE("what is not all of one compressed value is a corrupt session") {
    const auto whole = std::string(packed({{"k", rows(2000)}}).find("k")->text);
    const auto reads = [](const std::string& text) { return serializer().deserialize(one("k", text), id).has_value(); };
    CHECK(reads(whole));
    for (std::size_t size = 0; size != whole.size(); ++size) CHECK_FALSE(reads(whole.substr(0, size)));
    CHECK_FALSE(reads(whole + '\0'));
    CHECK_FALSE(reads(whole + whole.substr(1)));
    for (int form = 0; form != 256; ++form) {
        auto changed = whole;
        changed.front() = static_cast<char>(form);
        CHECK(reads(changed) == (form == 1));
    }
    CHECK(is_corrupt(serializer().deserialize(one("k", whole, false), id)));
}

TEST_CASE("random bytes are decompressed to nothing worse than an error") {
    std::mt19937_64 random(17);
    const auto whole = std::string(packed({{"k", rows(2000)}}).find("k")->text);
    for (int i = 0; i != 20'000; ++i) {
        auto garbage = random_bytes(random, random() % 200);
        if (i % 2 == 0) garbage.insert(0, 1, static_cast<char>(random() % 3));
        if (i % 5 == 0) {
            garbage = whole;
            garbage[1 + random() % (garbage.size() - 1)] = static_cast<char>(random());
        }
        const auto r = serializer().deserialize(one("k", garbage), id); // a flipped byte may well give other JSON
        REQUIRE((r.has_value() || is_corrupt(r)));
    }
}

TEST_CASE("compression options that make no sense are refused, by name") {
    const auto error_of = [](const ds::compression_options& o) {
        try {
            const serializer s(o);
        } catch (const ds::session_error& e) {
            CHECK(e.code() == ds::error::invalid_option);
            return std::string(e.what());
        }
        return std::string();
    };
    CHECK(error_of({.level = 0}).find("compression_options::level") != std::string::npos);
    CHECK(error_of({.level = 10}).find("compression_options::level") != std::string::npos);
    CHECK(error_of({.max_size = std::size_t(65) << 20}).find("compression_options::max_size") != std::string::npos);
    CHECK(error_of({.threshold = 0, .level = 9, .max_size = 0}).empty());
}

TEST_CASE("compressed, then encrypted: small, unreadable, and unchanged entries stay") {
    const auto a = ds::secret::generate(), b = ds::secret::generate();
    using both = ds::encrypted<serializer>;
    const both s({.secrets = {a}}), renewing({.secrets = {b, a}}), migrating({.secrets = {a}, .accept_plain = true});
    json::object o{{"large", rows(4000)}, {"small", 1}};
    const auto f = packed(o, s);
    CHECK(f.find("large")->text.size() == packed(o).find("large")->text.size() + 37);
    CHECK(s.deserialize(f, id).value() == o);
    CHECK(packed(o, s, f) == f);
    o["small"] = 2;
    CHECK(ds::difference(f, packed(o, s, f)).set.size() == 1);

    const auto renewed = packed(o, renewing, f);
    CHECK(ds::difference(f, renewed).set.size() == 2);
    CHECK(renewing.same(*f.find("large"), *renewed.find("large"), id));
    CHECK_FALSE(renewing.same(*f.find("small"), *renewed.find("small"), id));

    // From a store that was compressed and not encrypted.
    CHECK(is_corrupt(s.deserialize(packed(o), id)));
    CHECK(migrating.deserialize(packed(o), id).value() == o);
    CHECK(s.deserialize(packed(o, migrating, packed(o)), id).value() == o);
}

TEST_CASE_TEMPLATE("a store of compressed sessions keeps them and merges saves", Serializer, serializer,
                   ds::encrypted<serializer>) {
    const auto made = [] {
        if constexpr (ds::binding_serializer<Serializer>)
            return Serializer({.secrets = {ds::secret::generate()}});
        else
            return Serializer();
    };
    ds::basic_session_store<ds::memory_backend, ds::no_lock, Serializer> store({}, {}, {}, made());
    auto s = store.create();
    s.set("large", rows(5000));
    s.set("n", 1);
    store.save(s);
    auto a = store.load(s.id()).value(), b = store.load(s.id()).value();
    CHECK(*a == *s);
    a["large"].as_array().push_back("more");
    b.set("n", 2);
    store.save(a);
    store.save(b);
    CHECK(*b == **store.load(s.id()));
    CHECK(b["large"].as_array().size() == a["large"].as_array().size());
    store.update(s.id(), [](ds::session& x) { x["large"].as_array().clear(); });
    store.regenerate(b);
    CHECK(b["large"].as_array().empty());
    CHECK(**store.load(b.id()) == *b);
}
