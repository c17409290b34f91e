#include <dynasession/serializer/encrypted.hpp>

#include <dynasession/backend/memory.hpp>
#include <dynasession/lock/no_lock.hpp>
#include <dynasession/lock/optimistic_lock.hpp>
#include <dynasession/lock/pessimistic_lock.hpp>
#include <dynasession/store/basic_session_store.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ds = dynasession;
namespace json = boost::json;
using namespace std::chrono_literals;
using ds::field;
using ds::fields;
using ds::session_id;
using serializer = ds::encrypted<ds::json_serializer>;

namespace {

const auto id = session_id::generate(), other_id = session_id::generate();
const auto secret_a = ds::secret::generate(), secret_b = ds::secret::generate();
const serializer by_a({.secrets = {secret_a}}), by_b({.secrets = {secret_b}}),
    a_then_b({.secrets = {secret_a, secret_b}}), b_then_a({.secrets = {secret_b, secret_a}}),
    a_or_plain({.secrets = {secret_a}, .accept_plain = true});

fields sealed(const serializer& s, const json::object& v, const fields& stored = {}) {
    return s.serialize(v, {id, stored}).value();
}

bool is_corrupt(const ds::result<json::object>& r) { return r.has_error() && r.error() == ds::error::corrupt_session; }

// One entry of a session, as a store would find it.
fields one(std::string_view key, std::string_view text, bool binary = true) {
    return fields({field{key, text, binary}});
}

json::object ten_keys() {
    json::object o;
    for (int i = 0; i != 10; ++i) o["key" + std::to_string(i)] = i;
    return o;
}

// Keeps the last change that it was asked for.
struct watched_backend : ds::memory_backend {
    using ds::memory_backend::memory_backend;

    ds::result<ds::reply> perform(ds::command c) {
        if (const auto* change = std::get_if<ds::change_record>(&c)) changes.push_back(change->changes);
        return ds::memory_backend::perform(std::move(c));
    }

    // What is stored, as it is.
    fields stored(const session_id& of) { return perform(ds::load_record{of, now().seconds()})->item.value().data; }

    std::vector<ds::delta> changes{};
};

template <class LockPolicy>
using store_with = ds::basic_session_store<watched_backend, LockPolicy, serializer>;

} // namespace

static_assert(ds::check_serializer<serializer>());
static_assert(ds::binding_serializer<serializer> && ds::renewing_serializer<serializer>);

TEST_CASE("an encrypted session has its entries under their keys, as bytes, each with 37 bytes more") {
    const json::object o{{"user", "jeremy"}, {"n", 1}};
    const auto plain = ds::json_serializer().serialize(o, {id, fields()}).value();
    const auto f = sealed(by_a, o);
    CHECK(f.size() == 2);
    for (const field p : plain) {
        const auto e = f.find(p.key).value();
        CHECK(e.binary);
        CHECK(e.text.size() == p.text.size() + 37);
    }
    CHECK(f.bytes().find("jeremy") == std::string_view::npos);
    CHECK(by_a.deserialize(f, id).value() == o);
    CHECK(sealed(by_a, {}).empty());
    CHECK(by_a.deserialize(fields(), id).value().empty());
}

TEST_CASE("sessions of any size come back from encryption") {
    std::mt19937_64 random(3);
    for (int i = 0; i != 300; ++i) {
        json::object o;
        for (auto n = random() % 8; n != 0; --n) {
            std::string text(random() % 2000, '\0');
            for (char& c : text) c = static_cast<char>(random() % 128);
            o["k" + std::to_string(random() % 100)] = {text, random(), nullptr};
        }
        const auto f = sealed(a_then_b, o);
        REQUIRE(b_then_a.deserialize(f, id).value() == o);
        REQUIRE(sealed(a_then_b, o, f) == f);
    }
}

TEST_CASE("two encryptions of one value differ") { CHECK(sealed(by_a, {{"k", 1}}) != sealed(by_a, {{"k", 1}})); }

TEST_CASE("an entry that did not change stays as it is stored, the others are encrypted") {
    auto o = ten_keys();
    const auto before = sealed(by_a, o);
    CHECK(sealed(by_a, o, before) == before);
    o["key3"] = "changed";
    o.erase("key4");
    o["new"] = 1;
    const auto changes = ds::difference(before, sealed(by_a, o, before));
    CHECK(changes.set.size() == 2);
    CHECK(changes.set.find("key3").has_value());
    CHECK(changes.set.find("new").has_value());
    CHECK(changes.removed == std::vector<std::string>{"key4"});
}

TEST_CASE("entries under another secret than the first are read, and encrypted anew by the next save") {
    const json::object o{{"a", 1}, {"b", 2}};
    const auto old = sealed(by_a, o);
    CHECK(b_then_a.deserialize(old, id).value() == o);
    const auto renewed = sealed(b_then_a, o, old);
    CHECK(ds::difference(old, renewed).set.size() == 2);
    CHECK(by_b.deserialize(renewed, id).value() == o);
    CHECK(sealed(b_then_a, o, renewed) == renewed);
    CHECK(sealed(a_then_b, o, old) == old);
    CHECK(is_corrupt(by_b.deserialize(old, id)));
}

TEST_CASE("two entries are the same if they hold the same, in whatever words") {
    const auto a = sealed(by_a, {{"k", 1}}), b = sealed(by_b, {{"k", 1}}), changed = sealed(by_b, {{"k", 2}});
    CHECK(a_then_b.same(*a.begin(), *b.begin(), id));
    CHECK_FALSE(a_then_b.same(*a.begin(), *changed.begin(), id));
    CHECK_FALSE(a_then_b.same(*a.begin(), *b.begin(), other_id));
    CHECK_FALSE(by_a.same(*a.begin(), *b.begin(), id));
    CHECK_FALSE(by_a.same(*a.begin(), field{"k", "1"}, id));
    CHECK(a_or_plain.same(*a.begin(), field{"k", "1"}, id));
    CHECK_FALSE(a_or_plain.same(*a.begin(), field{"k", "1", true}, id));
}

TEST_CASE("entries that were swapped, between keys or between sessions, are a corrupt session") {
    const auto f = sealed(by_a, {{"admin", true}, {"guest", false}});
    const auto admin = f.find("admin")->text, guest = f.find("guest")->text;
    CHECK(is_corrupt(by_a.deserialize(fields({{"admin", guest, true}, {"guest", admin, true}}), id)));
    CHECK(is_corrupt(by_a.deserialize(one("root", admin), id)));
    CHECK(is_corrupt(by_a.deserialize(f, other_id)));
    const auto theirs = by_a.serialize({{"admin", true}}, {other_id, fields()}).value();
    CHECK(is_corrupt(
        by_a.deserialize(fields({{"admin", theirs.find("admin")->text, true}, {"guest", guest, true}}), id)));
}

TEST_CASE("what cannot be decrypted is one and the same error, and nothing is written on top of it") {
    const auto whole = std::string(sealed(by_a, {{"k", 1}}).find("k")->text);
    auto wrong_form = whole, wrong_key = whole, wrong_tag = whole;
    wrong_form.front() = '\x82';
    wrong_key[1] = static_cast<char>(wrong_key[1] ^ 1);
    wrong_tag.back() = static_cast<char>(wrong_tag.back() ^ 1);
    const auto fails_blandly = [](const auto& r) {
        return r.error() == ds::error::corrupt_session && r.error().detail.empty();
    };
    for (const auto& text :
         {wrong_form, wrong_key, wrong_tag, std::string(), whole.substr(0, 36), whole.substr(1), whole + "x"}) {
        const auto f = one("k", text);
        CHECK(fails_blandly(by_a.deserialize(f, id)));
        CHECK(fails_blandly(by_a.serialize({{"k", 2}}, {id, f})));
    }
    CHECK(fails_blandly(by_b.deserialize(one("k", whole), id)));
    CHECK(fails_blandly(a_or_plain.deserialize(one("k", wrong_tag), id))); // no way back to plain text
    CHECK(fails_blandly(a_or_plain.deserialize(one("k", wrong_key), id)));
}

TEST_CASE("random bytes are a corrupt session, as text and as bytes") {
    std::mt19937_64 random(11);
    for (int i = 0; i != 5000; ++i) {
        std::string garbage(random() % 200, '\0');
        for (char& c : garbage) c = static_cast<char>(random());
        if (i % 3 == 0) garbage.insert(0, "\x81");
        REQUIRE(is_corrupt(by_a.deserialize(one("k", garbage, i % 2 == 0), id)));
        REQUIRE(is_corrupt(a_or_plain.deserialize(one("k", garbage, true), id)));
    }
}

TEST_CASE(
    "plain text is refused, with the option that accepts it, and is encrypted by the next save where it is accepted") {
    const auto plain = ds::json_serializer().serialize({{"a", 1}, {"b", 2}}, {id, fields()}).value();
    const auto refused = by_a.deserialize(plain, id);
    CHECK(is_corrupt(refused));
    CHECK(refused.error().detail.find("encryption_options::accept_plain") != std::string::npos);
    auto mixed = sealed(by_a, {{"a", 1}});
    mixed.append({"b", "2"});
    CHECK(is_corrupt(by_a.deserialize(mixed, id)));

    for (const auto& f : {plain, mixed}) {
        const auto o = a_or_plain.deserialize(f, id).value();
        CHECK(o == json::object{{"a", 1}, {"b", 2}});
        const auto now = sealed(a_or_plain, o, f);
        CHECK(by_a.deserialize(now, id).value() == o);
        CHECK(sealed(a_or_plain, o, now) == now);
    }
}

TEST_CASE("encryption needs a secret, and each only once") {
    CHECK_THROWS_AS(serializer({}), ds::session_error);
    CHECK_THROWS_AS(serializer({.secrets = {secret_a, secret_a}}), ds::session_error);
}

TEST_CASE("the errors of the serializer inside pass through") {
    CHECK(by_a.serialize({{"k", "\xff"}}, {id, fields()}).error() == ds::error::not_serializable);
    const serializer small({.secrets = {secret_a}}, ds::json_serializer({.max_size = 10}));
    CHECK(small.serialize({{"k", "1234567890"}}, {id, fields()}).error() == ds::error::item_too_large);
}

TEST_CASE_TEMPLATE("a store of encrypted sessions does all that a store does", LockPolicy, ds::no_lock,
                   ds::optimistic_lock, ds::pessimistic_lock) {
    store_with<LockPolicy> store({}, {}, {}, by_a);
    auto s = store.create();
    s.value() = ten_keys();
    store.save(s);
    CHECK(store.backend().stored(s.id()).bytes().find("\x81") != std::string_view::npos);
    CHECK(by_a.deserialize(store.backend().stored(s.id()), s.id()).value() == s.value());

    SUBCASE("a save sends what changed alone, and an unchanged session nothing") {
        auto loaded = store.load(s.id()).value();
        CHECK(*loaded == *s);
        loaded.set("key5", "five");
        store.backend().changes.clear();
        store.save(loaded);
        REQUIRE(store.backend().changes.size() == 1);
        CHECK(store.backend().changes[0].set.size() == 1);
        CHECK(store.backend().changes[0].removed.empty());
        loaded.set("key6", "six");
        store.save(loaded);
        CHECK(store.backend().changes.back().set.size() == 1);
        CHECK(store.load(s.id(), ds::read_only)->template get<std::string>("key5") == "five");
    }
    SUBCASE("an update") {
        const auto updated =
            store.update(s.id(), [](ds::session& x) { x.set("key0", x.get<int>("key1").value() + 1); });
        CHECK(updated->template get<int>("key0") == 2);
        CHECK(**store.load(s.id()) == **updated);
    }
    SUBCASE("a regenerated session is bound to its new id, with its changes") {
        const auto old_id = s.id();
        const auto old = store.backend().stored(old_id);
        auto loaded = store.load(old_id).value();
        loaded.set("key0", "zero");
        store.regenerate(loaded);
        CHECK(loaded.id() != old_id);
        CHECK_FALSE(store.load(old_id));
        CHECK(**store.load(loaded.id(), ds::read_only) == *loaded);
        CHECK(is_corrupt(by_a.deserialize(store.backend().stored(loaded.id()), old_id)));
        CHECK(ds::difference(old, store.backend().stored(loaded.id())).set.size() == 10);
        loaded.set("key1", "one");
        store.backend().changes.clear();
        store.save(loaded);
        CHECK(store.backend().changes.at(0).set.size() == 1);
    }
    SUBCASE("a session that is regenerated before it is stored") {
        auto fresh = store.create();
        fresh.set("k", 1);
        store.regenerate(fresh);
        CHECK(store.load(fresh.id(), ds::read_only)->template get<int>("k") == 1);
    }
    SUBCASE("a session whose first save has to be repeated, because the answer was lost") {
        auto fresh = store.create();
        fresh.set("k", 1);
        auto repeated = fresh;
        store.save(fresh);
        store.save(repeated);
        CHECK(repeated.id() == fresh.id());
        repeated.set("k", 2);
        store.save(repeated);
        CHECK(store.load(fresh.id(), ds::read_only)->template get<int>("k") == 2);
    }
    SUBCASE("touch and destroy") {
        store.touch(s);
        CHECK(**store.load(s.id(), ds::read_only) == *s);
        store.destroy(s.id());
        CHECK_FALSE(store.load(s.id()));
    }
    SUBCASE("entries that somebody put in from another session are not read") {
        auto victim = store.create();
        victim.set("key0", "hers");
        store.save(victim);
        const auto theirs = store.backend().stored(s.id());
        REQUIRE(store.backend()
                    .perform(ds::change_record{.id = victim.id(),
                                               .changes = {fields({*theirs.find("key0")}), {}},
                                               .after = fields({*theirs.find("key0")}),
                                               .if_version = victim.version(),
                                               .now = store.backend().now().seconds()})
                    ->applied);
        ds::error_code ec;
        CHECK_FALSE(store.load(victim.id(), ec));
        CHECK(ec == ds::error::corrupt_session);
    }
}

TEST_CASE_TEMPLATE("saves of two requests that change different keys are merged, encrypted or not", LockPolicy,
                   ds::no_lock, ds::optimistic_lock) {
    store_with<LockPolicy> store({}, {}, {}, by_a);
    auto s = store.create();
    s.value() = ten_keys();
    store.save(s);
    auto a = store.load(s.id()).value(), b = store.load(s.id()).value();
    a.set("key1", "a");
    b.set("key2", "b");
    b.remove("key3");
    store.save(a);
    store.save(b);
    CHECK(b.template get<std::string>("key1") == "a");
    const auto found = store.load(s.id()).value();
    CHECK(found.template get<std::string>("key1") == "a");
    CHECK(found.template get<std::string>("key2") == "b");
    CHECK_FALSE(found.contains("key3"));

    // Moves merge as well.
    a.set("key4", "moved");
    store.regenerate(a);
    CHECK(a.template get<std::string>("key2") == "b");
    CHECK(**store.load(a.id()) == *a);
}

TEST_CASE_TEMPLATE("entries that are encrypted anew, for a new secret or for the first time, undo no change of others",
                   LockPolicy, ds::no_lock, ds::optimistic_lock) {
    const auto backend = [](auto& store) -> watched_backend& { return store.backend(); };
    store_with<LockPolicy> store({}, {}, {}, ds::encrypted({.secrets = {secret_b, secret_a}, .accept_plain = true}));
    // Stored by a program that had the first secret alone, and by one that had none.
    const auto stored_id = session_id::generate();
    auto data = by_a.serialize({{"a", 1}, {"b", 1}}, {stored_id, fields()}).value();
    data.append({"c", "1"});
    const auto now = store.backend().now().seconds();
    REQUIRE(backend(store)
                .perform(ds::create_record{
                    stored_id, {{.created = now, .expires = now + 1h, .max_stale = 1h, .version = 1}, std::move(data)}})
                ->applied);

    auto first = store.load(stored_id).value(), second = store.load(stored_id).value();
    first.set("a", 2);
    store.save(first);
    REQUIRE(backend(store).changes.size() == 1);
    CHECK(backend(store).changes[0].set.size() == 3); // one that changed, two anew
    CHECK(by_b.deserialize(backend(store).stored(stored_id), stored_id).value() ==
          json::object{{"a", 2}, {"b", 1}, {"c", 1}});

    second.set("d", 4);
    store.save(second);
    CHECK(backend(store).changes.back().set.size() == 1);
    const json::object merged{{"a", 2}, {"b", 1}, {"c", 1}, {"d", 4}};
    CHECK(*second == merged);
    CHECK(**store.load(stored_id) == merged);
}

TEST_CASE("a store whose entries are bound to the id has no grace time for old ones") {
    ds::error_code ec;
    try {
        store_with<ds::no_lock> store({}, {.regenerate_grace = 10s}, {}, by_a);
    } catch (const ds::session_error& e) {
        ec = e.code();
        CHECK(std::string(e.what()).find("regenerate_grace") != std::string::npos);
    }
    CHECK(ec == ds::error::invalid_option);
}
