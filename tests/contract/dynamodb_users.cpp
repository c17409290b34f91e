#include "tables.hpp"

#include <dynasession/dynamodb/item_size.hpp>
#include <dynasession/dynamodb/observer.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

// What only a table can show of users: the index, the items, and the requests.

namespace ds = dynasession;
namespace db = dynasession::dynamodb;
using namespace std::chrono_literals;
using contract::options_with;
using contract::table;
using contract::unique_name;

namespace {

std::vector<db::item> index_of(table& t) {
    return t.client().execute(db::scan_request{.table_name = t.name(), .index_name = "users"}).items;
}

using names = std::vector<std::string>;

} // namespace

TEST_CASE("dynamodb: sessions that are nobody's are not in the index by user, nor what a move leaves behind") {
    table t("index", {.regenerate_grace = 30s});
    CHECK(t.store.backend().create_table().user_index);
    auto nobodys = t.store.create();
    t.store.save(nobodys);
    CHECK(index_of(t).empty());
    auto s = t.store.create();
    s.user("ana");
    s.device("Firefox");
    t.store.save(s);
    CHECK(index_of(t).size() == 1);
    t.store.regenerate(s);
    CHECK(t.items().size() == 3);
    REQUIRE(index_of(t).size() == 1);
    CHECK(index_of(t).front().find("id")->as_string()->find(ds::session_handle::of(s.id()).str()) == 0);
    t.store.destroy(s.id());
    CHECK(index_of(t).empty());
}

TEST_CASE("dynamodb: nothing that a save of data or a touch changes is in the index, so that they do not write it") {
    auto now = ds::op::instant::now();
    table t("untouched");
    auto options = options_with(t.name());
    options.clock = [&now] { return now; };
    ds::dynamodb_session_store store(options);
    auto s = store.create();
    s.user("ana");
    store.save(s);
    const auto before = index_of(t);
    REQUIRE(before.size() == 1);
    CHECK(before.front().size() == 3); // the keys of the table and of the index
    for (const auto* name : {"id", "o", "s"}) CHECK(before.front().contains(name));
    now.system += 10min;
    store.touch(s);
    s.set("n", 1);
    store.save(s);
    CHECK(index_of(t) == before);
}

TEST_CASE("dynamodb: an item that is somebody's takes the name and little more, and a regenerated one says since when") {
    table t("owned");
    auto s = t.store.create();
    t.store.save(s);
    const auto bare = db::item_size(t.items().front());
    CHECK(bare <= 96);
    for (const auto* name : {"o", "s", "a", "g"}) CHECK_FALSE(t.items().front().contains(name));
    s.user("ana");
    t.store.save(s);
    auto item = t.items().front();
    CHECK(item.contains("w"));
    item.erase("w");
    CHECK(db::item_size(item) - bare <= 16);
    MESSAGE("bytes that an owner of 3 letters takes: ", db::item_size(item) - bare);
    t.store.regenerate(s);
    CHECK(t.items().front().contains("g"));
}

TEST_CASE("dynamodb: with a mark a load is one request, which reads both") {
    table t("marks");
    names seen;
    auto options = options_with(t.name());
    options.observer = [&](const db::request_event& e) { seen.emplace_back(e.operation); };
    ds::dynamodb_session_store store(options, {.revocation_marks = true});
    auto s = store.create();
    s.user("ana");
    store.save(s);
    CHECK(std::exchange(seen, {}) == names{"GetItem", "PutItem"});
    CHECK(store.load(s.id()));
    CHECK(std::exchange(seen, {}) == names{"GetItem", "GetItem"});
    CHECK(store.load(s.id()));
    CHECK(std::exchange(seen, {}) == names{"BatchGetItem"});
    auto nobodys = store.create();
    store.save(nobodys);
    CHECK(store.load(nobodys.id()));
    CHECK(std::exchange(seen, {}) == names{"PutItem", "GetItem"});

    store.destroy_all_of("ana");
    CHECK(std::exchange(seen, {}) == names{"GetItem", "UpdateItem", "Query", "BatchGetItem", "DeleteItem"});
    CHECK_FALSE(store.load(s.id()));
    CHECK(std::exchange(seen, {}) == names{"BatchGetItem"});
    CHECK(t.items().size() == 2); // the mark, and nobody's session
    for (const auto& i : t.items()) CHECK(i.contains("expires"));
}

TEST_CASE("dynamodb: without an index marks end sessions, and lists say what to do") {
    const auto name = unique_name("unindexed");
    auto options = options_with(name);
    options.user_index.clear();
    ds::dynamodb_session_store store(options, {.revocation_marks = true});
    CHECK_FALSE(store.backend().create_table().user_index);
    auto s = store.create();
    s.user("ana");
    store.save(s);
    CHECK(store.destroy_all_of("ana") == 0);
    CHECK_FALSE(store.load(s.id()));
    CHECK(store.backend().client().execute(db::scan_request{.table_name = name}).items.size() == 1);
    const auto detail = [&](auto& asked) -> std::string {
        try {
            asked.sessions_of("ana");
        } catch (const ds::session_error& e) {
            CHECK(e.code() == ds::error::invalid_option);
            return e.detail();
        }
        return {};
    };
    CHECK(detail(store).find("user_index is empty") != std::string::npos);

    ds::dynamodb_session_store hopeful(options_with(name));
    CHECK(detail(hopeful).find("UpdateTable") != std::string::npos);
    store.backend().client().execute(db::delete_table_request{name});
}

TEST_CASE("dynamodb: a list goes over pages") {
    table t("pages");
    for (int i = 0; i < 230; ++i) {
        auto s = t.store.create();
        s.user("ana");
        t.store.save(s);
    }
    CHECK(t.store.sessions_of("ana").size() == 230);
    CHECK(t.store.destroy_oldest_of("ana", 110) == 120);
    CHECK(t.store.sessions_of("ana").size() == 110);
}
