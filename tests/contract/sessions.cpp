#include "each_style.hpp"

#include <boost/json/parse.hpp>

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

using namespace contract;
using namespace std::chrono_literals;
namespace json = boost::json;

TEST_CASE("a session that was never stored is absent, and that is no error") {
    in_each_style([](world&, caller& store) {
        CHECK(is_absent(store, ds::session_id::generate()));
        CHECK(is_absent(store, store.create().id()));
        const auto updated = store.update(ds::session_id::generate(), [](ds::session& s) { s.set("n", 1); });
        REQUIRE(updated.has_value());
        CHECK_FALSE(updated->has_value());
        CHECK(store.destroy(ds::session_id::generate()).has_value());
    });
}

TEST_CASE("a text that is no session id never reaches the backend") {
    const auto w = make_world();
    for (const std::string text : {"", "x", "../../etc/passwd", "0123456789012345678901234567890123456789012",
                                   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",
                                   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA AA"}) {
        const auto id = ds::session_id::parse(text);
        REQUIRE_FALSE(id.has_value());
        CHECK(fails_with(id, ds::error::invalid_session_id));
    }
    CHECK(w->commands() == 0);
}

TEST_CASE("a saved session comes back as it was, whatever JSON it holds") {
    in_each_style([](world&, caller& store) {
        auto s = store.create();
        CHECK(s.is_new());
        s["text"] = "plain";
        s["unicode"] = "h\u00e9llo \u4e16\u754c \U0001f600 \u2028";
        s["nul"] = std::string("a\0b", 3);
        s["controls"] = "\x01\x1f\x7f\"\\/\b\f\n\r\t";
        s["empty"] = "";
        s["null"] = nullptr;
        s["true"] = true;
        s["false"] = false;
        s["int_min"] = std::numeric_limits<std::int64_t>::min();
        s["int_max"] = std::numeric_limits<std::int64_t>::max();
        s["uint_max"] = std::numeric_limits<std::uint64_t>::max();
        s["array"] = json::array();
        s["object"] = json::object();
        s["nested"] = json::parse(R"({"a":[1,{"b":[[],{},null,"x"]}],"c":{"d":{"e":-0.5}}})");
        const double doubles[] = {0.1,
                                  1.0,
                                  -0.0,
                                  1e300,
                                  5e-324,
                                  2.2250738585072014e-308,
                                  std::numeric_limits<double>::max(),
                                  std::nextafter(1.0, 2.0),
                                  9007199254740993.0,
                                  1.7976931348623155e308,
                                  123456789.12345678,
                                  2.3283064365386963e-10};
        auto& list = s["doubles"].emplace_array();
        for (const double d : doubles) list.push_back(d);
        must_save(store, s);
        CHECK_FALSE(s.is_new());

        const auto found = must_load(store, s.id());
        CHECK(found.value() == s.value());
        const auto& back = found.value().at("doubles").as_array();
        REQUIRE(back.size() == std::size(doubles));
        for (std::size_t i = 0; i < back.size(); ++i) {
            CHECK(back[i].is_double());
            CHECK(std::bit_cast<std::uint64_t>(back[i].get_double()) == std::bit_cast<std::uint64_t>(doubles[i]));
        }
        CHECK(found.value().at("uint_max").as_uint64() == std::numeric_limits<std::uint64_t>::max());
        CHECK(found.created() == s.created());
        CHECK(found.expires() == s.expires());
        CHECK(found.deadline() == s.deadline());
        CHECK(found.version() == s.version());
        CHECK_FALSE(found.is_new());
    });
}

TEST_CASE("any text can be a key") {
    in_each_style([](world&, caller& store) {
        auto s = store.create();
        for (const std::string key : {"", "data", "#d", ":v", "a.b", "a[0]", "SET", " ", "\u4e16\u754c", "quote\"d",
                                      "back\\slash", "_0", "id", "expires"})
            s.set(key, "value of " + key);
        s.set(std::string("\0", 1), "nul");
        s.set(std::string("\0nul first", 10), 1);
        s.set(std::string(1024, 'k'), "long");
        must_save(store, s);
        CHECK(must_load(store, s.id()).value() == s.value());

        for (auto& member : s.value()) member.value() = json::array{member.value()};
        s.remove("");
        must_save(store, s);
        CHECK(must_load(store, s.id()).value() == s.value());
    });
}

TEST_CASE("values that would not come back are refused, and nothing is written") {
    in_each_style([](world& w, caller& store) {
        json::value deep = 1;
        for (int i = 0; i < 40; ++i) deep = json::array{deep};
        const std::pair<std::string, json::value> refused[] = {
            {"not UTF-8", "\xff\xfe"},
            {"not a number", std::numeric_limits<double>::quiet_NaN()},
            {"infinite", json::array{-std::numeric_limits<double>::infinity()}},
            {"too deep", deep},
            {"too many", json::array(10'001, nullptr)},
            {std::string(1025, 'k'), 1},
            {"\xc3\x28", 1}};
        for (const auto& [key, value] : refused) {
            auto s = store.create();
            s[key] = value;
            const auto saved = store.save(s);
            REQUIRE_FALSE(saved.has_value());
            CHECK(fails_with(saved, ds::error::not_serializable));
            CHECK(s.is_new());
        }
        CHECK(w.commands() == 0);
    });
}

TEST_CASE("a session over 400 KB is refused before it is sent, with its size") {
    in_each_style([](world& w, caller& store) {
        auto s = store.create();
        s.set("big", std::string(400 * 1024, 'x'));
        const auto refused = store.save(s);
        REQUIRE_FALSE(refused.has_value());
        CHECK(fails_with(refused, ds::error::item_too_large));
        CHECK(fails_with(refused, ds::condition::too_large));
        CHECK(w.commands() == 0);

        s.set("big", "small");
        must_save(store, s);
        const int before = w.commands();
        s.set("big", std::string(400 * 1024, 'x'));
        CHECK(fails_with(store.save(s), ds::error::item_too_large));
        CHECK(w.commands() == before);
        CHECK(must_load(store, s.id()).get<std::string>("big") == "small");
    });
    const auto w = make_world();
    const auto store = w->call(call_style::throwing);
    auto s = store->create();
    s.set("big", std::string(400 * 1024, 'x'));
    const auto refused = store->save(s);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().detail.find("409605 bytes") != std::string::npos);
}

TEST_CASE("a loaded session is a copy of its own") {
    in_each_style([](world&, caller& store) {
        const auto s = stored_session(store);
        auto a = must_load(store, s.id());
        const auto b = a;
        a["cart"].as_array().push_back(3);
        a.set("user", "other");
        CHECK(b.value() == s.value());
        CHECK(must_load(store, s.id()).value() == s.value());
    });
}

TEST_CASE("a session can be saved again and again, and shrinks to nothing and grows again") {
    in_each_style([](world&, caller& store) {
        auto s = stored_session(store);
        const auto version = s.version();
        s.remove("user");
        s["cart"].as_array().push_back(json::object{{"deep", 1}});
        must_save(store, s);
        CHECK(s.version() == version + 1);
        CHECK(must_load(store, s.id()).value() == s.value());
        s.clear();
        must_save(store, s);
        CHECK(must_load(store, s.id()).value().empty());
        s.set("back", true);
        must_save(store, s);
        CHECK(must_load(store, s.id()).value() == s.value());
    });
}

TEST_CASE("a save of hundreds of keys works like one of few") {
    in_each_style([](world&, caller& store) {
        auto s = stored_session(store);
        auto other = must_load(store, s.id());
        for (int i = 0; i < 700; ++i) s.set("key" + std::to_string(i), i);
        must_save(store, s);
        other.set("other", "kept");
        must_save(store, other);
        for (int i = 0; i < 700; i += 2) s.remove("key" + std::to_string(i));
        for (int i = 1; i < 700; i += 2) s.set("key" + std::to_string(i), -i);
        must_save(store, s);
        s.set("other", "kept");
        CHECK(must_load(store, s.id()).value() == s.value());
    });
}

TEST_CASE("what two requests save side by side can be read again, however much it is together") {
    in_each_style([](world&, caller& store) {
        auto a = stored_session(store);
        auto b = must_load(store, a.id());
        a["a"] = json::array(6000, 1);
        b["b"] = json::array(6000, 2);
        must_save(store, a);
        must_save(store, b);
        const auto both = must_load(store, a.id());
        CHECK(both.value().at("a") == a.value().at("a"));
        CHECK(both.value().at("b") == b.value().at("b"));
    });
}

TEST_CASE("a session that no store has made cannot be saved") {
    in_each_style([](world& w, caller& store) {
        ds::session s;
        s.set("n", 1);
        CHECK(fails_with(store.save(s), ds::error::invalid_session_id));
        CHECK(fails_with(store.regenerate(s), ds::error::invalid_session_id));
        CHECK(store.touch(s).has_value());
        CHECK(s.is_new());
        CHECK(w.commands() == 0);
    });
}

TEST_CASE("a session whose first save seemed to fail is the same one at the second") {
    in_each_style([](world&, caller& store) {
        auto s = store.create();
        s.set("n", 1);
        auto again = s; // as it was before the answer was lost
        must_save(store, s);
        must_save(store, again);
        CHECK(again.id() == s.id());
        CHECK_FALSE(again.is_new());
    });
}

TEST_CASE("update loads, changes and saves") {
    in_each_style([](world& w, caller& store) {
        const auto s = stored_session(store);
        for (int i = 1; i <= 3; ++i) {
            const auto updated = store.update(
                s.id(), [](ds::session& x) { x.set("n", x.get<int>("n").value_or(0) + 1); });
            REQUIRE(updated.has_value());
            REQUIRE(updated->has_value());
            CHECK((*updated)->get<int>("n") == i);
        }
        CHECK(must_load(store, s.id()).get<int>("n") == 3);
        CHECK(must_load(store, s.id()).get<std::string>("user") == "jeremy");
        const int before = w.writes();
        REQUIRE(store.update(s.id(), [](ds::session&) {}).has_value());
        CHECK(w.writes() == before);
    });
}

TEST_CASE("an id that is taken is given up for another one") {
    in_each_style([](world&, caller& store) {
        auto first = store.create();
        auto second = first;
        first.set("who", "first");
        second.set("who", "second");
        must_save(store, first);
        must_save(store, second);
        CHECK(second.id() != first.id());
        CHECK(must_load(store, first.id()).get<std::string>("who") == "first");
        CHECK(must_load(store, second.id()).get<std::string>("who") == "second");
    });
}
