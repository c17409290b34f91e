#include <dynasession/backend/dynamodb_requests.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using namespace dynasession;
using namespace std::chrono_literals;
using backend_detail::dynamodb_requests;
using dynamodb::attribute_value;
using dynamodb::return_value;

namespace {

constexpr time_point now(1000s);

std::string text_of(const attribute_value& v) {
    if (const auto* text = v.as_string()) return "'" + *text + "'";
    if (const auto* number = v.as_number()) return *number;
    if (const auto* bytes = v.as_binary()) return "bytes'" + *bytes + "'";
    std::string members;
    REQUIRE(v.as_map() != nullptr);
    for (const auto& [name, member] : *v.as_map())
        members += (members.empty() ? "" : ",") + name + "=" + text_of(member);
    return "{" + members + "}";
}

/// What the expressions of a request say, with names and values in place of the placeholders.
struct spelled {
    std::string update{};
    std::string condition{};
};

template <class Request>
spelled spell(const Request& r) {
    std::set<std::string> used;
    const auto replaced = [&](const std::string& expression) {
        std::string out;
        for (std::size_t at = 0; at != expression.size();) {
            if (expression[at] != '#' && expression[at] != ':') {
                out += expression[at++];
                continue;
            }
            const auto end = std::min(expression.find_first_not_of("0123456789", at + 1), expression.size());
            const auto placeholder = expression.substr(at, end - at);
            at = end;
            used.insert(placeholder);
            if (placeholder.front() == ':') {
                const auto* v = r.expression_attribute_values.find(placeholder);
                REQUIRE_MESSAGE(v != nullptr, placeholder << " has no value");
                out += text_of(*v);
                continue;
            }
            const auto& all = r.expression_attribute_names;
            const auto n = std::ranges::find(all, placeholder, &std::pair<std::string, std::string>::first);
            REQUIRE_MESSAGE(n != all.end(), placeholder << " has no name");
            out += n->second == std::string_view("\0", 1) ? "<empty>" : n->second;
        }
        return out;
    };
    spelled s;
    if constexpr (requires { r.update_expression; }) s.update = replaced(r.update_expression);
    s.condition = replaced(r.condition_expression);
    // DynamoDB refuses a request with a name or value that no expression uses.
    for (const auto& name : r.expression_attribute_names)
        CHECK_MESSAGE(used.contains(name.first), name.first << " is not used");
    for (const auto& value : r.expression_attribute_values)
        CHECK_MESSAGE(used.contains(value.name), value.name << " is not used");
    CHECK(used.size() == r.expression_attribute_names.size() + r.expression_attribute_values.size());
    CHECK(r.table_name == "sessions");
    return s;
}

journal by(char writer) { return journal(std::string(journal::mark_size, writer)); }

struct fixture {
    const dynamodb_requests requests{"sessions", {}, true};
    const session_id id = session_id::generate(), other = session_id::generate();

    change_record change() const {
        return {.id = id,
                .changes = {fields{{"n", "2"}, {"", "3"}}, {"gone"}},
                .after = fields{{"kept", "1"}, {"n", "2"}, {"", "3"}},
                .expires = time_point(2800s),
                .if_version = 3,
                .now = now,
                .journal = by('a')};
    }

    move_record move() const {
        record content;
        content.data = fields{{"n", "2"}};
        content.expires = time_point(2800s);
        content.max_stale = 30min;
        content.version = 4;
        return {.from = id, .to = other, .content = content, .if_version = 3, .now = now};
    }

    lock_record lock() const { return {.id = id, .claim = {"our token", lock_time(1010s)}, .now = now}; }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a load reads as the options say, and a look after a write never misses it") {
    const dynamodb_requests eventual("sessions", {}, false);
    CHECK(requests.load({id, now}).consistent_read);
    CHECK_FALSE(requests.load({id, now, true}).consistent_read);
    CHECK_FALSE(eventual.load({id, now}).consistent_read);
    CHECK_FALSE(eventual.load({id, now, true}).consistent_read);
    CHECK(requests.load_moved("key").consistent_read);
    CHECK_FALSE(eventual.load_moved("key").consistent_read);
    CHECK(eventual.load_after_write(id).consistent_read);
    CHECK(requests.load({id, now}).key == native_layout().key(id));
    CHECK(requests.load_moved("key").key == dynamodb::item{{"id", attribute_value::string("key")}});
    CHECK(requests.load_after_write(id).key == native_layout().key(id));
    CHECK(requests.load({id, now}).table_name == "sessions");
}

TEST_CASE_FIXTURE(fixture, "a record is created where there is none") {
    const auto r = requests.create(id, move().content);
    CHECK(spell(r).condition == "attribute_not_exists(id)");
    CHECK(r.item == native_layout().encode(id, move().content));
    CHECK(r.return_values_on_condition_check_failure == return_value::all_old);
}

TEST_CASE_FIXTURE(fixture, "a change sends what changes, under its conditions, and raises the version once only") {
    const auto r = requests.change(change());
    const auto s = spell(r);
    CHECK(s.update == "SET d.<empty>='3',d.n='2',w='aaaaa',expires=2800,v=4 REMOVE d.gone");
    CHECK(s.condition == "expires>1000 AND v=3 AND expires<=2800");
    CHECK(r.key == native_layout().key(id));
    CHECK(r.return_values == return_value::none);
    CHECK(r.return_values_on_condition_check_failure == return_value::all_old);
}

TEST_CASE_FIXTURE(fixture, "a change under a lock gives it up") {
    auto c = change();
    c.if_locked_by = "our token";
    const auto s = spell(requests.change(c));
    CHECK(s.update == "SET d.<empty>='3',d.n='2',w='aaaaa',expires=2800,v=4 REMOVE d.gone,lock,lock_until");
    CHECK(s.condition == "expires>1000 AND v=3 AND expires<=2800 AND lock='our token'");
}

TEST_CASE_FIXTURE(fixture, "a change under a lock hands it on to another token, or keeps it") {
    auto c = change();
    c.changes.removed.clear();
    c.if_locked_by = "our token";
    c.lock = {"next token", lock_time(1010500ms)};
    const auto s = spell(requests.change(c));
    CHECK(s.update == "SET d.<empty>='3',d.n='2',w='aaaaa',expires=2800,lock='next token',lock_until=1010500,v=4");
    CHECK(s.condition == "expires>1000 AND v=3 AND expires<=2800 AND lock='our token'");
}

TEST_CASE_FIXTURE(
    fixture,
    "a change that respects locks takes away one that is over, never a foreign one by what is left of another's end") {
    auto c = change();
    c.if_unlocked = lock_time(998s);
    const auto s = spell(requests.change(c));
    CHECK(s.update == "SET d.<empty>='3',d.n='2',w='aaaaa',expires=2800,v=4 REMOVE d.gone,lock,lock_until");
    CHECK(s.condition == "expires>1000 AND v=3 AND expires<=2800 AND "
                         "(attribute_not_exists(lock) OR (attribute_type(lock,'S') AND lock_until<998000))");
}

TEST_CASE_FIXTURE(fixture, "a change that respects locks takes away one that was seen, by exactly what was seen") {
    auto c = change();
    c.if_unlocked = lock_time(998s);
    c.seen = lock_claim{"their token", lock_time(1990500ms)};
    CHECK(spell(requests.change(c)).condition ==
          "expires>1000 AND v=3 AND expires<=2800 AND "
          "(attribute_not_exists(lock) OR (attribute_type(lock,'S') AND lock_until<998000) OR "
          "(lock='their token' AND lock_until=1990500))");
    c.seen = lock_claim{.foreign = true};
    CHECK(spell(requests.change(c)).condition.ends_with(" AND lock_until<998000) OR (lock=1))"));
    auto m = move();
    m.if_unlocked = c.if_unlocked;
    m.seen = c.seen;
    CHECK(spell(requests.leave(m)).condition.ends_with(" AND lock_until<998000) OR (lock=1))"));
}

TEST_CASE_FIXTURE(fixture, "a change that asks for what was read demands expiry and data, which all writers write") {
    auto c = change();
    c.if_as_read = as_read{time_point(2500s), fields{{"kept", "1"}, {"n", "x", true}}};
    const auto s = spell(requests.change(c));
    CHECK(s.update == spell(requests.change(change())).update);
    CHECK(s.condition == "expires>1000 AND v=3 AND expires<=2800 AND expires=2500 AND size(d)=2 AND d.kept='1' AND "
                         "d.n=bytes'x'");
    c.if_locked_by = "our token";
    c.if_as_read->data = {};
    CHECK(spell(requests.change(c)).condition ==
          "expires>1000 AND v=3 AND expires<=2800 AND expires=2500 AND size(d)=0 AND lock='our token'");
    std::vector<std::string> keys;
    for (int i = 0; i != 51; ++i) keys.push_back(std::to_string(100 + i));
    std::vector<field> many;
    for (const auto& key : keys) many.push_back({key, "1"});
    c.if_as_read->data = fields(many); // more than are compared one by one
    CHECK(spell(requests.change(c)).condition.find(" AND expires=2500 AND d={100='1',101='1',") != std::string::npos);
    many.pop_back();
    c.if_as_read->data = fields(many);
    const auto condition_of_50 = requests.change(c).condition_expression;
    CHECK(spell(requests.change(c)).condition.find(" AND size(d)=50 AND d.100='1' AND ") != std::string::npos);
    CHECK(std::ranges::count_if(condition_of_50, [](char o) { return o == '.' || o == '=' || o == '<' || o == '>' || o == 'A'; }) <= 250);
    CHECK(condition_of_50.size() <= 4096);

    auto m = move();
    m.if_as_read = as_read{time_point(2500s), {}};
    m.if_locked_by = "our token";
    const std::string condition =
        "expires>1000 AND v=3 AND expires=2500 AND size(d)=0 AND lock='our token'";
    CHECK(spell(requests.leave(m)).condition == condition);
    CHECK(spell(std::get<dynamodb::transact_delete>(requests.move(m).transact_items[1])).condition == condition);
}

TEST_CASE_FIXTURE(fixture, "a change of nothing raises the version alone") {
    const auto bare = spell(requests.change({.id = id, .if_version = 3, .now = now}));
    CHECK(bare.update == "SET v=4");
    CHECK(bare.condition == "expires>1000 AND v=3");
    const auto released = spell(
        requests.change({.id = id, .if_version = 3, .now = now, .journal = by('a'), .if_locked_by = "our token"}));
    CHECK(released.update == "SET w='aaaaa',v=4 REMOVE lock,lock_until");
    CHECK(released.condition == "expires>1000 AND v=3 AND lock='our token'");
}

TEST_CASE_FIXTURE(fixture, "a change that only removes is a valid expression") {
    const auto s = spell(requests.change({.id = id, .changes = {{}, {"a", "b"}}, .if_version = 3, .now = now}));
    CHECK(s.update == "SET v=4 REMOVE d.a,d.b");
}

TEST_CASE_FIXTURE(fixture, "bytes are sent as bytes") {
    const auto s =
        spell(requests.change({.id = id, .changes = {fields{{"b", "x", true}}, {}}, .if_version = 3, .now = now}));
    CHECK(s.update == "SET d.b=bytes'x',v=4");
}

TEST_CASE_FIXTURE(fixture, "entries may be called as the layout's own attributes") {
    auto c = change();
    c.changes = {fields{{"d", "1"}, {"expires", "1"}, {"lock", "1"}, {"v", "1"}}, {"lock_until", "w"}};
    c.if_locked_by = "our token";
    const auto s = spell(requests.change(c));
    CHECK(s.update == "SET d.d='1',d.expires='1',d.lock='1',d.v='1',w='aaaaa',expires=2800,v=4 "
                      "REMOVE d.lock_until,d.w,lock,lock_until");
    CHECK(s.condition == "expires>1000 AND v=3 AND expires<=2800 AND lock='our token'");
}

TEST_CASE_FIXTURE(fixture, "up to a hundred changes are sent one by one, more as the whole of the data") {
    std::vector<std::string> keys;
    for (int i = 100; i != 200; ++i) keys.push_back("k" + std::to_string(i));
    std::vector<field> set;
    for (std::size_t i = 0; i != 60; ++i) set.push_back({keys[i], "1"});
    change_record c{.id = id,
                    .changes = {fields(set), {keys.begin() + 60, keys.end()}},
                    .after = fields{{"n", "2"}, {"o", "x", true}},
                    .if_version = 3,
                    .now = now,
                    .journal = by('a')};
    REQUIRE(c.changes.size() == 100);
    const auto single = spell(requests.change(c));
    CHECK(single.update.starts_with("SET d.k100='1',d.k101='1',"));
    CHECK(single.update.ends_with(",d.k198,d.k199"));
    // "At most 300 operators": commas, dots and equals signs.
    CHECK(std::ranges::count_if(single.update, [](char o) { return o == ',' || o == '.' || o == '='; }) <= 300);
    CHECK(requests.change(c).update_expression.size() <= 4096);

    c.changes.removed.push_back("one more");
    const auto whole = spell(requests.change(c));
    CHECK(whole.update == "SET d={n='2',o=bytes'x'},w='aaaaa',v=4");
    CHECK(whole.condition == single.condition);
}

TEST_CASE_FIXTURE(fixture, "all data may go at once") {
    std::vector<std::string> removed;
    for (int i = 0; i != 101; ++i) removed.push_back(std::to_string(100 + i));
    const auto s = spell(requests.change({.id = id, .changes = {{}, removed}, .if_version = 3, .now = now}));
    CHECK(s.update == "SET d={},v=4");
}

TEST_CASE_FIXTURE(fixture, "a touch puts the expiry of a live record off") {
    const auto r = requests.touch({id, time_point(2800s), now});
    CHECK(spell(r).update == "SET expires=2800");
    CHECK(spell(r).condition == "expires>1000 AND expires<2800 AND (attribute_not_exists(x) OR x>=2800)");
    CHECK(r.return_values_on_condition_check_failure == return_value::all_old);
}

TEST_CASE_FIXTURE(fixture,
                  "a lock is taken where there is none, is read with the record, and a used token takes none") {
    const auto r = requests.lock(lock());
    CHECK(spell(r).update == "SET lock='our token',lock_until=1010000");
    CHECK(spell(r).condition == "expires>1000 AND (lock='our token' OR attribute_not_exists(lock)) AND "
                                "(attribute_not_exists(w) OR NOT contains(w,'our t'))");
    CHECK(r.return_values == return_value::all_new);
    CHECK(r.return_values_on_condition_check_failure == return_value::all_old);
}

TEST_CASE_FIXTURE(fixture, "a lock is stolen from exactly the holder that was seen") {
    auto c = lock();
    c.seen = lock_claim{"their token", lock_time(990500ms)};
    const auto r = requests.lock(c);
    CHECK(spell(r).update == "SET lock='our token',lock_until=1010000");
    CHECK(spell(r).condition == "expires>1000 AND (lock='our token' OR (lock='their token' AND lock_until=990500)) AND "
                                "(attribute_not_exists(w) OR NOT contains(w,'our t'))");
    CHECK(r.return_values == return_value::all_new);
}

TEST_CASE_FIXTURE(fixture, "a foreign lock is told by the expiry of its session") {
    auto c = lock();
    c.seen = lock_claim{.foreign = true};
    c.seen_expires = time_point(2500s);
    const auto s = spell(requests.lock(c));
    CHECK(s.update == "SET lock='our token',lock_until=1010000");
    CHECK(s.condition == "expires>1000 AND (lock='our token' OR (lock=1 AND expires=2500)) AND "
                         "(attribute_not_exists(w) OR NOT contains(w,'our t'))");
}

TEST_CASE_FIXTURE(fixture, "a lock is renewed by its holder alone, and nothing else changes") {
    const auto r = requests.renew({id, {"our token", lock_time(1020s)}});
    CHECK(spell(r).update == "SET lock_until=1020000");
    CHECK(spell(r).condition == "lock='our token'");
    CHECK(r.return_values_on_condition_check_failure == return_value::all_old);
}

TEST_CASE_FIXTURE(fixture, "a record is erased without a condition") {
    const auto r = requests.erase(id);
    CHECK(spell(r).condition.empty());
    CHECK(r.key == native_layout().key(id));
}

TEST_CASE_FIXTURE(fixture, "a record that is left expires, with a version that tells whose doing it was") {
    auto c = move();
    auto s = spell(requests.leave(c));
    CHECK(s.update == "SET expires=1000,v=4");
    CHECK(s.condition == "expires>1000 AND v=3");
    c.if_locked_by = "our token";
    s = spell(requests.leave(c));
    CHECK(s.update == "SET expires=1000,v=4");
    CHECK(s.condition == "expires>1000 AND v=3 AND lock='our token'");
    CHECK(requests.leave(c).key == native_layout().key(id));
}

TEST_CASE_FIXTURE(fixture, "with a grace time it becomes a sign that holds no data, and no lock") {
    auto c = move();
    c.grace = 60s;
    const auto s = spell(requests.leave(c));
    CHECK(s.update ==
          "SET expires=1000,v=4,f='" + native_layout().key_text(other) + "',u=1060 REMOVE d,w,lock,lock_until,o,s,a,g");
    CHECK(s.condition == "expires>1000 AND v=3");
}

TEST_CASE_FIXTURE(fixture, "a move writes the new record and deletes the old one in one transaction") {
    auto c = move();
    for (const auto* token : {"", "our token"}) {
        c.if_locked_by = token;
        const auto both = requests.move(c);
        REQUIRE(both.transact_items.size() == 2);
        const auto& put = std::get<dynamodb::transact_put>(both.transact_items[0]);
        CHECK(spell(put).condition == "attribute_not_exists(id)");
        CHECK(put.item == native_layout().encode(other, c.content));
        const auto& removed = std::get<dynamodb::transact_delete>(both.transact_items[1]);
        CHECK(removed.key == native_layout().key(id));
        CHECK(spell(removed).condition ==
              std::string("expires>1000 AND v=3") + (*token ? " AND lock='our token'" : ""));
        CHECK(removed.return_values_on_condition_check_failure == return_value::all_old);
    }
}

TEST_CASE_FIXTURE(fixture, "a move with a grace time leaves a sign in one transaction") {
    auto c = move();
    c.grace = 60s;
    c.if_locked_by = "our token";
    const auto both = requests.move(c);
    REQUIRE(both.transact_items.size() == 2);
    const auto& left = std::get<dynamodb::transact_update>(both.transact_items[1]);
    const auto alone = requests.leave(c);
    CHECK(left.key == native_layout().key(id));
    CHECK(left.update_expression == alone.update_expression);
    CHECK(spell(left).update == spell(alone).update);
    CHECK(spell(left).condition == "expires>1000 AND v=3 AND lock='our token'");
    CHECK(left.return_values_on_condition_check_failure == return_value::all_old);
}

TEST_CASE_FIXTURE(fixture, "key and expiry are called as the table calls them, also where these words are reserved") {
    const dynamodb_requests own("sessions", {.hash_key = "key", .expires = "ttl", .key_prefix = "app:"}, true);
    CHECK(spell(own.create(id, move().content)).condition == "attribute_not_exists(key)");
    auto c = change();
    c.if_unlocked = lock_time(998s);
    CHECK(spell(own.change(c)).condition.starts_with("ttl>1000 AND v=3 AND ttl<=2800 AND "));
    CHECK(spell(own.touch({id, time_point(2800s), now})).condition == "ttl>1000 AND ttl<2800 AND (attribute_not_exists(x) OR x>=2800)");
    auto steal = lock();
    steal.seen = lock_claim{.foreign = true};
    CHECK(spell(own.lock(steal)).condition.find("lock=1 AND ttl=0") != std::string::npos);
    auto m = move();
    m.grace = 60s;
    const auto left = spell(own.leave(m));
    CHECK(left.update.starts_with("SET ttl=1000,v=4,f='app:"));
    CHECK(own.erase(id).key.find("key")->as_string()->starts_with("app:"));
    // Only placeholders stand in the expressions themselves.
    for (const auto* word : {"ttl", "lock", "v=", "key"})
        CHECK(own.change(c).condition_expression.find(word) == std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "terms are written as they are to be, and what they do not name goes") {
    auto c = change();
    c.changes = {};
    c.terms = terms{{.user = "ana", .since = user_time(7ms), .device = "Firefox"}, time_point(9000s), 60s};
    auto s = spell(requests.change(c));
    CHECK(s.update == "SET w='aaaaa',o='ana',s=7,a='Firefox',x=9000,i=60,expires=2800,v=4");
    CHECK(s.condition == "expires>1000 AND v=3");
    c.terms = terms{{}, time_point::max(), 60s};
    CHECK(spell(requests.change(c)).update == "SET w='aaaaa',i=60,expires=2800,v=4 REMOVE o,s,a,x");
}
