#include "tables.hpp"

#include <dynasession/dynamodb/error_label.hpp>
#include <dynasession/dynamodb/item_size.hpp>
#include <dynasession/dynamodb/observer.hpp>
#include <dynasession/lock/pessimistic_lock.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What only a table can show: the items themselves, and tables that are not as they should be.

namespace ds = dynasession;
namespace db = dynasession::dynamodb;
using namespace std::chrono_literals;
using contract::options_with;
using contract::table;
using contract::unique_name;
using value = db::attribute_value;

TEST_CASE("dynamodb: create_table makes a table with its key and TTL, and leaves one that is there as it is") {
    const auto name = unique_name("create");
    ds::dynamodb_backend backend(options_with(name));
    const auto first = backend.create_table();
    CHECK(first.created);
    const auto described = backend.client().execute(db::describe_table_request{name}).table;
    CHECK(described.status == db::table_status::active);
    CHECK(described.partition_key == db::key_attribute{"id"});
    CHECK(described.billing == db::billing_mode::on_demand);
    const auto ttl = backend.client().execute(db::describe_time_to_live_request{name});
    if (first.time_to_live) CHECK(ttl.attribute_name == "expires");

    const auto second = backend.create_table();
    CHECK_FALSE(second.created);
    CHECK(second.time_to_live == first.time_to_live);

    boost::asio::io_context io;
    auto third = backend.async_create_table(boost::asio::use_future);
    CHECK_FALSE(third.get().created);
    backend.client().execute(db::delete_table_request{name});
}

TEST_CASE("dynamodb: create_table refuses a table with another key") {
    const auto name = unique_name("key");
    db::client client({.endpoint_url = options_with(name).endpoint_url});
    client.execute(db::create_table_request{.table_name = name, .partition_key = {.name = "session_id"}});
    ds::dynamodb_backend backend(options_with(name));
    ds::error_code ec;
    backend.create_table(ec);
    CHECK(ec == ds::error::invalid_option);
    client.execute(db::delete_table_request{name});
}

TEST_CASE("dynamodb: a missing table is an error of the configuration, not an empty session") {
    ds::dynamodb_session_store store(options_with(unique_name("missing")));
    auto s = store.create();
    ds::error_code ec;
    CHECK_FALSE(store.load(s.id(), ec));
    CHECK(ec == ds::error::table_not_found);
    CHECK(ec == ds::condition::configuration);
    CHECK(ec != ds::condition::unavailable);
    store.save(s, ec);
    CHECK(ec == ds::error::table_not_found);
    CHECK(s.is_new());
}

TEST_CASE("dynamodb: a table that cannot be reached is unavailable, and an exception says what to do") {
    auto options = options_with("any");
    options.endpoint_url = "http://127.0.0.1:1";
    options.call.retry.max_attempts = 1;
    ds::dynamodb_session_store store(options);
    ds::error_code ec;
    CHECK_FALSE(store.load(ds::session_id::generate(), ec));
    CHECK(ec == ds::condition::unavailable);
    CHECK_THROWS_AS((void)store.load(ds::session_id::generate()), ds::session_error);
}

TEST_CASE("dynamodb: an observer is told of each request of a store, and of no id and no content") {
    table t("observed");
    std::vector<std::string> seen;
    auto options = options_with(t.name());
    options.observer = [&](const db::request_event& e) {
        seen.push_back(std::string(e.operation) + " " + std::string(db::error_label(e.error)) + " " + std::string(e.detail));
    };
    using locked_store = ds::basic_session_store<ds::dynamodb_backend, ds::pessimistic_lock, ds::json_serializer>;
    locked_store store(options);
    auto s = store.create();
    s.set("word", "confidential");
    store.save(s);
    auto loaded = store.load(s.id());
    REQUIRE(loaded);
    loaded->set("word", "confidential too");
    store.save(*loaded);
    store.destroy(s.id());
    loaded->set("word", "confidential still");
    ds::error_code ec;
    store.save(*loaded, ec);
    CHECK(ec == ds::error::session_gone);

    CHECK(seen.size() >= 5);
    CHECK(seen.front() == "PutItem none ");
    const std::string key = *t.store.backend().layout().key(s.id()).find("id")->as_string();
    for (const auto& line : seen) {
        CAPTURE(line);
        CHECK(line.find(s.id().str()) == line.npos);
        CHECK(line.find(key) == line.npos);
        CHECK(line.find("confidential") == line.npos);
    }
}

TEST_CASE("dynamodb: the item holds no id, and takes at most 96 bytes beyond the user's keys and values") {
    table t("overhead");
    auto s = t.store.create();
    s.set("user", "jeremy");
    s.set("cart", "x");
    t.store.save(s);
    const auto items = t.items();
    REQUIRE(items.size() == 1);
    const auto& item = items.front();
    const std::string* key = item.find("id")->as_string();
    REQUIRE(key);
    CHECK(key->size() == 32);
    CHECK(key->find(s.id().str().substr(0, 8)) == std::string::npos);
    CHECK(s.id().str().find(key->substr(0, 8)) == std::string::npos);
    const auto& data = *item.find("d")->as_map();
    CHECK(*data.find("user")->as_string() == "\"jeremy\"");
    const std::size_t own = std::string("user\"jeremy\"cart\"x\"").size();
    CHECK(db::item_size(item) - own <= 96);
    MESSAGE("bytes beyond the user's own: ", db::item_size(item) - own);
    t.store.update(s.id(), [](ds::session& x) { x.set("cart", "y"); });
    const auto updated = t.items().front();
    CHECK(updated.contains("w"));
    CHECK(db::item_size(updated) - own <= 96);
    CHECK(t.store.backend().layout().item_size(own + 2) >= db::item_size(item));
}

TEST_CASE("dynamodb: attributes that are not ours stay through every write") {
    table t("foreign");
    auto s = t.store.create();
    s.set("n", 1);
    t.store.save(s);
    auto item = t.items().front();
    item.insert_or_assign("theirs", value::list({value::null(), value::boolean(true)}));
    t.put(item);
    s.set("n", 2);
    t.store.save(s);
    CHECK(*t.items().front().find("theirs") == *item.find("theirs"));
}

TEST_CASE("dynamodb: an item of foreign shape is corrupt, and nothing is written over it") {
    table t("corrupt");
    auto s = t.store.create();
    s.set("n", 1);
    t.store.save(s);
    const auto good = t.items().front();
    const std::pair<const char*, value> damages[] = {
        {"expires", value::string("1795168176")}, {"expires", value::number("1795168176.5")},
        {"c", value::string("x")},                {"v", value::null()},
        {"v", value::number(-1)},                 {"i", value::number(0)},
        {"x", value::string("never")},            {"d", value::string("user|s:3:\"ana\";")},
        {"d", value::list({})},                   {"d", value::map({{"n", value::number(1)}})},
        {"d", value::map({{"n", value::string("{")}})},
        {"d", value::map({{"n", value::string("1 2")}})},
        {"d", value::map({{"n", value::string("{\"a\":1,\"a\":2}")}})},
        {"d", value::map({{"n", value::binary("1")}})},
        {"d", value::map({{"n", value::string("\"\\ud800\"")}})}};
    for (const auto& damage : damages) {
        INFO("attribute: " << std::string(damage.first));
        auto damaged = good;
        damaged.insert_or_assign(damage.first, damage.second);
        t.put(damaged);
        ds::error_code ec;
        CHECK_FALSE(t.store.load(s.id(), ec));
        CHECK(ec == ds::error::corrupt_session);
        CHECK(ec == ds::condition::corrupt);
        CHECK_FALSE(t.store.update(s.id(), [](ds::session& x) { x.set("n", 2); }, ec));
        CHECK(ec == ds::error::corrupt_session);
        CHECK(t.items().front() == damaged);
    }
    for (const auto* name : {"expires", "c", "i", "v", "d"}) {
        auto lacking = good;
        lacking.erase(name);
        t.put(lacking);
        ds::error_code ec;
        CHECK_FALSE(t.store.load(s.id(), ec));
        CHECK(ec == ds::error::corrupt_session);
    }
    try {
        (void)t.store.load(s.id());
        FAIL("a corrupt session was loaded");
    } catch (const ds::session_error& e) {
        CHECK(e.detail().find("'d'") != std::string::npos);
    }
}

TEST_CASE("dynamodb: an item over 400 KB is refused before it is sent, with its size, although the serializer takes it") {
    table t("large", {}, ds::json_serializer({.max_size = 4 << 20}));
    auto s = t.store.create();
    s.set("big", std::string(409'600, 'x'));
    try {
        t.store.save(s);
        FAIL("an item over 400 KB was stored");
    } catch (const ds::session_error& e) {
        CHECK(e.code() == ds::error::item_too_large);
        CHECK(e.detail().find("bytes") != std::string::npos);
    }
    CHECK(t.items().empty());

    s.set("big", std::string(409'400, 'x'));
    t.store.save(s);
    CHECK(t.store.load(s.id())->value() == s.value());
    s.set("more", std::string(300, 'x'));
    ds::error_code ec;
    t.store.save(s, ec);
    CHECK(ec == ds::error::item_too_large);
    t.store.regenerate(s, ec);
    CHECK(ec == ds::error::item_too_large);
    s.remove("more");
    t.store.save(s);
}

TEST_CASE("dynamodb: typed, eventually consistent and prefixed stores share a table") {
    table t("shared");
    auto options = options_with(t.name());
    options.key_prefix = "app2:";
    options.consistent_read = false;
    ds::dynamodb_session_store other(options);
    auto mine = t.store.create();
    t.store.save(mine);
    auto theirs = other.create();
    other.save(theirs);
    CHECK_FALSE(t.store.load(theirs.id()));
    CHECK_FALSE(other.load(mine.id()));
    CHECK(t.items().size() == 2);
    t.store.destroy(theirs.id());
    CHECK(t.items().size() == 2);
}

TEST_CASE("dynamodb: a cancelled operation ends with operation_aborted, and the store goes on") {
    table t("cancel");
    auto s = t.store.create();
    s.set("n", 1);
    t.store.save(s);
    boost::asio::io_context io;
    boost::asio::cancellation_signal signal;
    ds::error_code outcome;
    ds::dynamodb_session_store store(io.get_executor(), options_with(t.name()));
    store.async_load(s.id(), boost::asio::bind_cancellation_slot(signal.slot(), [&](ds::error_code ec, auto found) {
                         outcome = ec;
                         CHECK_FALSE(found);
                     }));
    signal.emit(boost::asio::cancellation_type::terminal);
    io.run();
    CHECK(outcome == boost::asio::error::operation_aborted);
    CHECK(outcome != ds::condition::unavailable);
    io.restart();
    auto found = store.async_load(s.id(), boost::asio::use_future);
    io.run();
    CHECK(found.get()->get<int>("n") == 1);
}
