#include <dynasession/dynamodb/error_label.hpp>
#include <dynasession/dynamodb/item_size.hpp>
#include <dynasession/dynamodb/observer.hpp>
#include <dynasession/dynamodb_session_store.hpp>
#include <dynasession/lock/pessimistic_lock.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What only a table can show: the items themselves, and tables that are not as they should be.

namespace ds = dynasession;
namespace db = dynasession::dynamodb;
using namespace std::chrono_literals;
using value = db::attribute_value;

namespace {

ds::dynamodb_options options_with(std::string table_name) {
    const char* endpoint = std::getenv("DYNASESSION_ENDPOINT");
    REQUIRE_MESSAGE(endpoint, "DYNASESSION_ENDPOINT has to name a DynamoDB");
    ds::dynamodb_options o;
    o.endpoint_url = endpoint;
    o.table_name = std::move(table_name);
    return o;
}

std::string unique_name(std::string_view purpose) {
    return "dynasession-" + std::string(purpose) + "-" + ds::session_id::generate().loggable().substr(4);
}

/// A table of its own, with a store over it, and a plain view of its items.
struct table {
    explicit table(std::string_view purpose, ds::session_options session_options = {}, ds::json_serializer serializer = {})
        : store(options_with(unique_name(purpose)), session_options, {}, serializer) {
        store.backend().create_table();
    }
    ~table() {
        ds::error_code ignored;
        store.backend().client().execute(db::delete_table_request{name()}, ignored);
    }

    std::string name() const { return store_name; }
    db::client& client() { return store.backend().client(); }

    std::vector<db::item> items() {
        return client().execute(db::scan_request{.table_name = name(), .consistent_read = true}).items;
    }
    void put(db::item i) { client().execute(db::put_item_request{.table_name = name(), .item = std::move(i)}); }

    ds::dynamodb_session_store store;
    std::string store_name = store.backend().table_name();
};

} // namespace

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

TEST_CASE("dynamodb: a lock of the PHP handler is respected, and taken over when nothing happens under it for long") {
    table t("php");
    struct manual_clock {
        std::atomic<std::int64_t> ms{0};
        const ds::op::instant start = ds::op::instant::now();
    };
    const auto clock = std::make_shared<manual_clock>();
    auto options = options_with(t.name());
    options.clock = [clock]() -> ds::op::instant {
        const std::chrono::milliseconds passed(clock->ms);
        return {clock->start.system + passed, clock->start.steady + passed};
    };
    ds::basic_session_store<ds::dynamodb_backend, ds::pessimistic_lock, ds::json_serializer> store(
        options, {}, ds::pessimistic_lock{{.max_wait_time = 0ms, .foreign_lock_time = 60s}});
    auto s = store.create();
    s.set("n", 1);
    store.save(s);
    const auto written_by_php = [&](const char* expression, value one) {
        t.client().execute(db::update_item_request{.table_name = t.name(),
                                                   .key = store.backend().layout().key(s.id()),
                                                   .update_expression = expression,
                                                   .expression_attribute_names = {{"#l", "lock"}},
                                                   .expression_attribute_values = {{":one", std::move(one)}}});
    };
    const auto is_locked = [&] {
        ds::error_code ec;
        return !store.load(s.id(), ec) && ec == ds::error::lock_timeout;
    };

    written_by_php("SET #l = :one", value::number(1));
    CHECK(is_locked());
    clock->ms += 59'999;
    CHECK(is_locked());
    CHECK(store.load(s.id(), ds::read_only));
    clock->ms += 1;
    auto mine = store.load(s.id());
    REQUIRE(mine);
    CHECK(*t.items().front().find("lock")->as_string() != "");

    // PHP never asks whose lock it removes. Ours is broken then, whoever takes the next one.
    written_by_php("SET #l = :one", value::number(1));
    mine->set("n", 2);
    ds::error_code ec;
    store.save(*mine, ec);
    CHECK(ec == ds::error::lock_lost);
    CHECK(store.load(s.id(), ds::read_only)->get<int>("n") == 1);
    CHECK(is_locked());
    clock->ms += 60'000;
    mine = store.load(s.id());
    REQUIRE(mine);
    mine->set("n", 3);
    store.save(*mine);
    CHECK_FALSE(t.items().front().contains("lock"));
    CHECK_FALSE(t.items().front().contains("lock_until"));
    CHECK(store.load(s.id(), ds::read_only)->get<int>("n") == 3);
}
