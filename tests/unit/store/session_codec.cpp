#include <dynasession/store/session_codec.hpp>

#include <dynasession/serializer/json.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ds = dynasession;
using namespace std::chrono_literals;
using ds::session_id;

namespace {

constexpr auto noon = ds::time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h);
const auto id = session_id::generate();

// Binds what it stores to the id, as an encrypting serializer does.
struct binding_serializer {
    using value_type = std::string;

    ds::result<ds::fields> serialize(const std::string& v, ds::serialize_context context) const {
        return ds::fields({ds::field{"v", std::string(context.id.str()) + v}});
    }
    ds::result<std::string> deserialize(const ds::fields& f, const session_id& of) const {
        const auto entry = f.find("v");
        if (!entry || !entry->text.starts_with(of.str())) return ds::error::corrupt_session;
        return std::string(entry->text.substr(of.str().size()));
    }
};
static_assert(ds::check_serializer<binding_serializer>());

// Writes `2:<text>` for what is stored as `1:<text>`, as an encrypting serializer does with a new secret.
struct renewing_serializer {
    using value_type = std::map<std::string, std::string>;

    ds::result<ds::fields> serialize(const value_type& v, ds::serialize_context) const {
        std::map<std::string, std::string> texts;
        std::vector<ds::field> entries;
        for (const auto& [key, text] : v) entries.push_back({key, texts[key] = "2:" + text});
        return ds::fields(std::move(entries));
    }
    ds::result<value_type> deserialize(const ds::fields& f, const session_id&) const {
        value_type v;
        for (const ds::field e : f) v.emplace(e.key, e.text.substr(2));
        return v;
    }
    bool same(const ds::field& a, const ds::field& b, const session_id&) const { return a.text.substr(2) == b.text.substr(2); }
};
static_assert(ds::check_serializer<renewing_serializer>());

const ds::store_detail::session_codec<ds::json_serializer> json({}, 0.1);
const ds::store_detail::session_codec<binding_serializer> binding({}, 0.1);

ds::record stored(ds::fields data) {
    return {{.created = noon, .expires = noon + 30min, .max_stale = 30min, .version = 3}, std::move(data)};
}

ds::loaded found(ds::fields data) { return {.stored = stored(std::move(data))}; }

// What a write of this record leaves.
ds::store_detail::written written(ds::record r, const session_id& under, bool merged = false) {
    return {{.stored = std::move(r), .merged = merged}, under};
}

struct hold_archetype final : ds::lock_hold {
    bool has_it = true;
    bool held() const override { return has_it; }
};

} // namespace

TEST_CASE("a record becomes a session that knows what is stored of it") {
    const auto s = json.decode(id, found(ds::fields({{"n", "1"}, {"text", "\"x\""}}))).value();
    CHECK(s.id() == id);
    CHECK_FALSE(s.is_new());
    CHECK(s.version() == 3);
    CHECK(s.expires() == noon + 30min);
    CHECK(s.value() == boost::json::object{{"n", 1}, {"text", "x"}});
    CHECK(json.decode(id, found(ds::fields({ds::field{"n", "{"}}))).error() == ds::error::corrupt_session);
}

TEST_CASE("a session sends what changed since, nested changes included, and nothing else") {
    auto s = json.decode(id, found(ds::fields({{"gone", "1"}, {"kept", "2"}, {"list", "[1,[2]]"}}))).value();
    CHECK(json.encode(s).value().changes.empty());
    s["list"].as_array()[1].as_array()[0] = 3;
    s.remove("gone");
    s.set("added", true);
    s.set("kept", 2);
    const auto request = json.encode(s).value();
    CHECK(request.id == id);
    CHECK(request.stored == ds::session_access::stored(s));
    CHECK(request.changes.set == ds::fields({{"added", "true"}, {"list", "[1,[3]]"}}));
    CHECK(request.changes.removed == std::vector<std::string>{"gone"});
    CHECK(request.touch_after == 3min);
    CHECK_FALSE(request.if_unchanged);
    CHECK(json.unchanged(s).changes.empty());
    s.set("broken", "\xff");
    CHECK(json.encode(s).error() == ds::error::not_serializable);
}

TEST_CASE("a session written by another program in other words, but unchanged, is rewritten once at most") {
    auto s = json.decode(id, found(ds::fields({ds::field{"list", "[ 1, 2 ]"}}))).value();
    auto request = json.encode(s).value();
    CHECK(request.changes.set == ds::fields({ds::field{"list", "[1,2]"}}));
    request.stored.data = apply(request.stored.data, request.changes);
    CHECK(json.follow(s, written(request.stored, id)).has_value());
    CHECK(json.encode(s).value().changes.empty());
}

TEST_CASE("a session follows what was written of it and keeps its value, unless that was merged") {
    auto s = json.decode(id, found(ds::fields({ds::field{"n", "1"}}))).value();
    s.set("n", 2);
    auto r = stored(ds::fields({{"n", "2"}, {"theirs", "3"}}));
    r.version = 5;
    const auto to = session_id::generate();
    SUBCASE("as it is") {
        CHECK(json.follow(s, written(r, to)).has_value());
        CHECK(s.id() == to);
        CHECK(s.version() == 5);
        CHECK_FALSE(s.contains("theirs"));
    }
    SUBCASE("merged") {
        CHECK(json.follow(s, written(r, to, true)).has_value());
        CHECK(s.id() == to);
        CHECK(s.value() == boost::json::object{{"n", 2}, {"theirs", 3}});
    }
    SUBCASE("merged with what cannot be read: the session stays as it was") {
        r.data = ds::fields({ds::field{"n", "]"}});
        CHECK(json.follow(s, written(r, to, true)).error() == ds::error::corrupt_session);
        CHECK(s.id() == id);
        CHECK(s.version() == 3);
        CHECK(s.get<int>("n") == 2);
    }
}

TEST_CASE("entries that are bound to an id are bound anew to another") {
    const auto to = session_id::generate();
    const auto f = binding.rebind(ds::fields({ds::field{"v", std::string(id.str()) + "text"}}), id, to).value();
    CHECK(f == ds::fields({ds::field{"v", std::string(to.str()) + "text"}}));
    CHECK(binding.rebind(f, id, to).error() == ds::error::corrupt_session);
}

TEST_CASE("a save knows which entries it only writes anew") {
    const ds::store_detail::session_codec<renewing_serializer> renewing({}, 0.1);
    auto s = renewing.decode(id, found(ds::fields({{"a", "1:x"}, {"b", "1:y"}, {"c", "2:z"}, {"d", "1:gone"}}))).value();
    CHECK(renewing.encode(s).value().renewed == std::vector<std::string>{"a", "b", "d"});
    *s = {{"a", "x"}, {"b", "changed"}, {"c", "z"}, {"e", "x"}};
    const auto request = renewing.encode(s).value();
    CHECK(request.changes.set == ds::fields({{"a", "2:x"}, {"b", "2:changed"}, {"e", "2:x"}}));
    CHECK(request.changes.removed == std::vector<std::string>{"d"});
    CHECK(request.renewed == std::vector<std::string>{"a"});
    CHECK(renewing.unchanged(s).renewed.empty());

    auto plain = json.decode(id, found(ds::fields({ds::field{"list", "[ 1 ]"}}))).value();
    CHECK(json.encode(plain).value().renewed.empty());
}

TEST_CASE("a session that was loaded to be read only sends nothing") {
    auto l = found(ds::fields({ds::field{"n", "1"}}));
    l.read_only = true;
    auto s = json.decode(id, l).value();
    CHECK(s.is_read_only());
    CHECK(s.get<int>("n") == 1);
    CHECK(json.encode(s).error() == ds::error::read_only_session);
    s.set("n", 2);
    CHECK(json.encode(s).error() == ds::error::read_only_session);
}

TEST_CASE("a session that no store made sends nothing") {
    const ds::session s;
    CHECK(json.encode(s).error() == ds::error::invalid_session_id);
}

TEST_CASE("what a session has of its lock goes with it, to each save and away with the last one") {
    const auto hold = std::make_shared<hold_archetype>();
    auto l = found(ds::fields({ds::field{"n", "1"}}));
    l.hold = hold;
    auto s = json.decode(id, std::move(l)).value();
    CHECK(s.is_locked());
    CHECK(json.encode(s).value().hold == hold);
    CHECK(json.unchanged(s).hold == hold);
    SUBCASE("a write that keeps it") {
        auto w = written(stored({}), id);
        w.hold = hold;
        CHECK(json.follow(s, w).has_value());
        CHECK(s.is_locked());
        hold->has_it = false;
        CHECK_FALSE(s.is_locked());
    }
    SUBCASE("a write that gives it up") {
        CHECK(json.follow(s, written(stored({}), id)).has_value());
        CHECK_FALSE(s.is_locked());
        CHECK(json.encode(s).value().hold == nullptr);
        CHECK(hold.use_count() == 1);
    }
}

TEST_CASE("a session that is still not stored stays new") {
    auto s = json.decode(id, found({})).value();
    auto w = written(stored({}), id);
    w.is_new = true;
    CHECK(json.follow(s, w).has_value());
    CHECK(s.is_new());
}

TEST_CASE("a session sends what is to change beside its data, unless that cannot be stored") {
    auto s = json.decode(id, found(ds::fields({ds::field{"n", "1"}}))).value();
    CHECK(json.encode(s)->amended.empty());
    s.user("ana");
    s.lifetime({.max_stale = 1h});
    CHECK(json.encode(s)->amended == ds::amendments{.user = "ana", .lifetime = {.max_stale = 1h}});
    CHECK(json.encode(s)->changes.empty());
    CHECK(json.unchanged(s).amended.empty());
    s.user("\xff");
    CHECK(json.encode(s).error() == ds::error::not_serializable);
}
