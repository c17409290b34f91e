#include <dynasession/serializer/json.hpp>

#include <dynasession/backend/memory.hpp>
#include <dynasession/lock/no_lock.hpp>
#include <dynasession/store/basic_session_store.hpp>

#include <boost/describe/class.hpp>
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace ds = dynasession;
namespace json = boost::json;
using namespace std::string_view_literals;

namespace shop {

struct item {
    std::string name;
    int count = 0;
    bool operator==(const item&) const = default;
};
BOOST_DESCRIBE_STRUCT(item, (), (name, count))

struct visit {
    std::string user;
    std::vector<item> cart;
    item last;
    std::optional<double> discount;
    std::map<std::string, std::int64_t> seen;
    bool operator==(const visit&) const = default;
};
BOOST_DESCRIBE_STRUCT(visit, (), (user, cart, last, discount, seen))

} // namespace shop

namespace {

const auto id = ds::session_id::generate();

template <class Serializer>
ds::result<ds::fields> serialized(const Serializer& s, const typename Serializer::value_type& v) {
    return s.serialize(v, {id, ds::fields()});
}

bool fails_with(const auto& r, ds::error e) { return r.has_error() && r.error() == e; }

// A field of one session, as a store would find it.
ds::fields stored(std::string_view key, std::string_view text, bool binary = false) {
    return ds::fields({ds::field{key, text, binary}});
}

json::value random_value(std::mt19937_64& random, int depth) {
    switch (random() % (depth > 3 ? 6 : 8)) {
    case 0: return nullptr;
    case 1: return random() % 2 == 0;
    case 2: return static_cast<std::int64_t>(random());
    case 3: return random();
    case 4: return static_cast<double>(random()) / 3e17 - 20;
    case 5: return json::string(random() % 20, "a\0\"\\\n"[random() % 5]);
    case 6: {
        json::array a;
        for (auto n = random() % 4; n != 0; --n) a.push_back(random_value(random, depth + 1));
        return a;
    }
    default: {
        json::object o;
        for (auto n = random() % 4; n != 0; --n)
            o["k" + std::to_string(random() % 10)] = random_value(random, depth + 1);
        return o;
    }
    }
}

} // namespace

TEST_CASE("a JSON session is kept as one field a key, each the JSON text of its value") {
    const auto f =
        serialized(ds::json_serializer(), {{"user", "jeremy"}, {"cart", {1, 2}}, {"n", 1.5}, {"none", nullptr}})
            .value();
    CHECK(f == ds::fields({{"cart", "[1,2]"}, {"n", "1.5E0"}, {"none", "null"}, {"user", "\"jeremy\""}}));
    CHECK(serialized(ds::json_serializer(), {}).value().empty());
}

TEST_CASE("every JSON session comes back as it was, and an equal one makes equal fields") {
    std::mt19937_64 random(1);
    const ds::json_serializer s;
    for (int i = 0; i != 1000; ++i) {
        json::object o;
        for (auto n = random() % 6; n != 0; --n) o["k" + std::to_string(random() % 20)] = random_value(random, 0);
        const auto f = serialized(s, o).value();
        const auto back = s.deserialize(f, id).value();
        REQUIRE(back == o);
        REQUIRE(serialized(s, back).value() == f);
    }
}

TEST_CASE("the limits of integers, any text and any key come back in a session") {
    const json::object o{{"min", std::numeric_limits<std::int64_t>::min()},
                         {"max", std::numeric_limits<std::uint64_t>::max()},
                         {"text", "\0 \u20ac \U0001F600"sv},
                         {"\0\n\u00e9"sv, true},
                         {"", json::object{{"", ""}}}};
    const ds::json_serializer s;
    const auto back = s.deserialize(serialized(s, o).value(), id).value();
    CHECK(back == o);
    CHECK(back.at("max").is_uint64());
    CHECK(back.at("min").is_int64());
}

TEST_CASE("a session that would not come back is not serialized") {
    const ds::json_serializer s;
    CHECK(fails_with(serialized(s, {{"n", std::numeric_limits<double>::quiet_NaN()}}), ds::error::not_serializable));
    CHECK(fails_with(serialized(s, {{"n", std::numeric_limits<double>::infinity()}}), ds::error::not_serializable));
    CHECK(fails_with(serialized(s, {{"t", "\xff"}}), ds::error::not_serializable));
    CHECK(fails_with(serialized(s, {{"\xff", 1}}), ds::error::not_serializable));
    CHECK(fails_with(serialized(s, {{"a", {{"b", {"\xc3"}}}}}), ds::error::not_serializable));
}

TEST_CASE("what is serialized at the bounds is read at the bounds, and one more is refused by both") {
    const ds::json_serializer wide;
    const auto both = [&](const ds::json_bounds& bounds, const json::object& fits, const json::object& too_much,
                          ds::error e) {
        const ds::json_serializer s(bounds);
        const auto f = serialized(s, fits);
        REQUIRE(f.has_value());
        CHECK(s.deserialize(*f, id).value() == fits);
        CHECK(fails_with(serialized(s, too_much), e));
        CHECK(fails_with(s.deserialize(serialized(wide, too_much).value(), id), ds::error::corrupt_session));
    };
    const auto too_deep = ds::error::not_serializable;
    both({.max_depth = 2}, {{"a", {{"b", {1}}}}}, {{"a", {{"b", {{"c", 1}, {"d", json::array()}}}}}}, too_deep);
    both({.max_nodes = 3}, {{"a", {1, 2}}, {"b", {2, 3}}}, {{"a", {1, 2, 3}}}, ds::error::not_serializable);
    both({.max_key_size = 3}, {{"abc", 1}}, {{"abcd", 1}}, ds::error::not_serializable);
    both({.max_key_size = 3}, {{"a", {{"abc", 1}}}}, {{"a", {{"abcd", 1}}}}, ds::error::not_serializable);
    both({.max_size = 100}, {{"a", std::string(97, 'x')}}, {{"a", std::string(99, 'x')}}, ds::error::item_too_large);
}

TEST_CASE("a session too large to keep is refused with its size, and none of its text") {
    const ds::json_serializer s({.max_size = 100});
    const auto r = serialized(s, {{"key", std::string(200, 'x')}});
    REQUIRE(r.has_error());
    CHECK(r.error().detail.find("205") != std::string::npos);
    CHECK(r.error().detail.find("100") != std::string::npos);
    CHECK(r.error().detail.find("xx") == std::string::npos);
    CHECK(r.error().detail.find("key") == std::string::npos);
}

TEST_CASE("stored fields that are not JSON texts are a corrupt session") {
    const ds::json_serializer s;
    const auto corrupt = [&](const ds::fields& f) {
        return fails_with(s.deserialize(f, id), ds::error::corrupt_session);
    };
    CHECK(corrupt(stored("k", "")));
    CHECK(corrupt(stored("k", "{")));
    CHECK(corrupt(stored("k", "jeremy")));
    CHECK(corrupt(stored("k", "1 2")));
    CHECK(corrupt(stored("k", R"({"a":1,"a":2})")));
    CHECK(corrupt(stored("k", "\"\xff\"")));
    CHECK(corrupt(stored("\xff", "1")));
    CHECK(corrupt(stored("k", "1", true))); // bytes are not our text, whatever they are
    CHECK(corrupt(ds::fields({{"good", "1"}, {"worse", "]"}})));
    CHECK(corrupt(stored("k", std::string(500'000, ' ') + "1")));
    CHECK_FALSE(corrupt(stored("k", " 1 ")));
    CHECK_FALSE(corrupt(ds::fields()));
}

TEST_CASE("a typed session is kept as one field a member, and comes back") {
    using serializer = ds::json_serializer_for<shop::visit>;
    static_assert(ds::check_serializer<serializer>());
    const serializer s;
    const shop::visit v{
        "jeremy", {{"apple", 2}, {"pear", 1}}, {"fig", 9}, 0.1, {{"a", std::numeric_limits<std::int64_t>::max()}}};
    const auto f = serialized(s, v).value();
    CHECK(f.size() == 5);
    CHECK(f.find("user")->text == "\"jeremy\"");
    CHECK(f.find("last")->text == R"({"name":"fig","count":9})");
    CHECK(s.deserialize(f, id).value() == v);
    CHECK(s.deserialize(serialized(s, {}).value(), id).value() == shop::visit{});
}

TEST_CASE("stored fields that are not of the session's type are a corrupt session") {
    const ds::json_serializer_for<shop::item> s;
    const auto corrupt = [&](const ds::fields& f) {
        return fails_with(s.deserialize(f, id), ds::error::corrupt_session);
    };
    CHECK_FALSE(corrupt(ds::fields({{"name", "\"a\""}, {"count", "1"}})));
    CHECK(corrupt(ds::fields({{"name", "\"a\""}, {"count", "\"1\""}})));
    CHECK(corrupt(ds::fields({{"name", "\"a\""}, {"count", "99999999999"}})));
    CHECK(corrupt(ds::fields({ds::field{"name", "\"a\""}})));
    CHECK(corrupt(ds::fields({{"name", "1"}, {"count", "1"}})));
    CHECK(corrupt(ds::fields({{"name", "\"a\""}, {"count", "1"}, {"worse", "]"}})));
}

TEST_CASE("a type that becomes no JSON object is not serialized, and bounds hold for typed sessions") {
    CHECK(fails_with(serialized(ds::json_serializer_for<std::vector<int>>(), {1, 2}), ds::error::not_serializable));
    CHECK(fails_with(serialized(ds::json_serializer_for<int>(), 1), ds::error::not_serializable));
    const ds::json_serializer_for<shop::item> narrow({.max_size = 20});
    CHECK(serialized(narrow, {"a", 1}).has_value());
    CHECK(fails_with(serialized(narrow, {"abcdefghijklmnop", 1}), ds::error::item_too_large));
}

TEST_CASE("a store of typed sessions keeps them, and saves what changed alone") {
    ds::basic_session_store<ds::memory_backend, ds::no_lock, ds::json_serializer_for<shop::visit>> store;
    auto s = store.create();
    s->user = "jeremy";
    s->cart.push_back({"apple", 1});
    store.save(s);
    auto a = store.load(s.id()).value(), b = store.load(s.id()).value();
    CHECK(*a == *s);
    a->cart.front().count = 5;
    b->discount = 0.5;
    store.save(a);
    store.save(b);
    const auto updated = store.update(s.id(), [](ds::basic_session<shop::visit>& x) { ++x->seen["page"]; });
    REQUIRE(updated.has_value());
    const auto found = store.load(s.id()).value();
    CHECK(*found == shop::visit{"jeremy", {{"apple", 5}}, {}, 0.5, {{"page", 1}}});
    CHECK(*found == **updated);
}
