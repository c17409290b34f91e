// The DynamoDB client against a real server: an emulator, or whatever DYNASESSION_ENDPOINT points at.

#include <dynasession/detail/random.hpp>
#include <dynasession/dynamodb/client.hpp>
#include <dynasession/dynamodb/metrics.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dynasession;
using namespace dynasession::dynamodb;
using v = attribute_value;

namespace {

client_options options() {
    const char* endpoint = std::getenv("DYNASESSION_ENDPOINT");
    REQUIRE_MESSAGE(endpoint != nullptr,
                    "DYNASESSION_ENDPOINT is not set: run this through tests/support/with_emulator.py");
    client_options o{.endpoint_url = endpoint};
    // An emulator on a busy machine takes its time.
    o.call.timeout = std::chrono::seconds(60);
    o.call.attempt_timeout = std::chrono::seconds(20);
    return o;
}

std::string new_name() {
    const auto id = detail::random_uuid();
    return "client-" + std::string(id.data(), id.size());
}

// A table of its own for a test, gone with it.
class table {
public:
    explicit table(bool with_sort_key = false) {
        create_table_request r{.table_name = name, .partition_key = {"id"}};
        if (with_sort_key) r.sort_key = key_attribute{"n", v::type::number};
        CHECK(db.execute(r).table.table_name == name);
        description = db.wait_until_active(name);
    }
    ~table() {
        error_code ec;
        db.execute(delete_table_request{.table_name = name}, ec);
        CHECK_FALSE(ec);
        db.wait_until_absent(name);
    }
    table(const table&) = delete;
    table& operator=(const table&) = delete;

    std::optional<item> stored(const std::string& id) {
        return db.execute(get_item_request{.table_name = name, .key = {{"id", v::string(id)}}, .consistent_read = true})
            .item;
    }

    const std::string name = new_name();
    client db{options()};
    table_description description;
};

item key(const std::string& id) { return {{"id", v::string(id)}}; }

} // namespace

TEST_CASE("dynamodb client: a table is created, described and deleted") {
    client db(options());
    const auto name = new_name();
    {
        table t(true);
        CHECK(t.description.table_name == t.name);
        CHECK(t.description.status == table_status::active);
        CHECK(t.description.partition_key == key_attribute{"id"});
        CHECK(t.description.sort_key == key_attribute{"n", v::type::number});
        CHECK(t.description.billing == billing_mode::on_demand);
        CHECK(t.db.execute(describe_table_request{.table_name = t.name}).table.partition_key.name == "id");

        error_code ec;
        t.db.execute(create_table_request{.table_name = t.name, .partition_key = {"id"}}, ec);
        CHECK(ec == error::table_exists);
    }
    error_code ec;
    db.execute(describe_table_request{.table_name = name}, ec);
    CHECK(ec == error::table_not_found);
    db.execute(get_item_request{.table_name = name, .key = key("x")}, ec);
    CHECK(ec == error::table_not_found);
    CHECK(ec == condition::configuration);
}

TEST_CASE("dynamodb client: an item of all types is stored and read back as it was") {
    table t;
    const item original{
        {"id",
         v::string("\xc3\xbc\xe2\x98\x83\xf0\x9f\x98\x80\xe2\x80\xa8/<&'\"\\\x7f" + std::string(1, '\0') + "\x1f")},
        {"n", v::number("42.5")},
        {"b", v::binary(std::string("\0\xff\x80", 3))},
        {"t", v::boolean(true)},
        {"f", v::boolean(false)},
        {"nu", v::null()},
        {"m", v::map({{"a", v::map({})}, {"\xe2\x98\x83", v::list({})}})},
        {"l", v::list({v::string("x"), v::number(-7), v::null()})},
        {"ss", v::string_set({"a", "b"})},
        {"ns", v::number_set({"1", "2.5"})},
        {"bs", v::binary_set({"x", std::string("\0y", 2)})},
    };
    t.db.execute(put_item_request{.table_name = t.name, .item = original});
    const auto back = t.stored(*original.find("id")->as_string());
    REQUIRE(back);
    for (const auto& attribute : original) {
        INFO(attribute.name);
        REQUIRE(back->find(attribute.name));
        CHECK(*back->find(attribute.name) == attribute.value);
    }
    CHECK(back->size() == original.size());
}

TEST_CASE("dynamodb client: an absent item, a projection, and the cost of a read") {
    table t;
    CHECK_FALSE(t.stored("nobody"));
    t.db.execute(put_item_request{.table_name = t.name,
                                  .item = {{"id", v::string("a")}, {"data", v::string("x")}, {"n", v::number(1)}}});
    const auto r = t.db.execute(get_item_request{.table_name = t.name,
                                                 .key = key("a"),
                                                 .consistent_read = true,
                                                 .projection_expression = "#d",
                                                 .expression_attribute_names = {{"#d", "data"}},
                                                 .return_consumed_capacity = true});
    CHECK(*r.item == item{{"data", v::string("x")}});
    REQUIRE(r.consumed_capacity);
    CHECK(r.consumed_capacity->capacity_units == 1);
    CHECK(r.consumed_capacity->table_name == t.name);
}

TEST_CASE("dynamodb client: conditions hold or fail, and failing changes nothing") {
    table t;
    put_item_request create{.table_name = t.name,
                            .item = {{"id", v::string("a")}, {"n", v::number(1)}},
                            .condition_expression = "attribute_not_exists(id)",
                            .return_values_on_condition_check_failure = return_value::all_old};
    t.db.execute(create);
    create.item.insert_or_assign("n", v::number(2));
    const auto outcome = t.db.perform(create);
    CHECK(outcome.response.error() == error::condition_failed);
    CHECK_FALSE(outcome.ambiguous);
    if (outcome.item) CHECK(outcome.item->find("n")->as_integer() == 1); // the emulators do not send it
    CHECK(t.stored("a")->find("n")->as_integer() == 1);

    error_code ec;
    t.db.execute(delete_item_request{.table_name = t.name,
                                     .key = key("a"),
                                     .condition_expression = "n = :n",
                                     .expression_attribute_values = {{":n", v::number(9)}}},
                 ec);
    CHECK(ec == error::condition_failed);
    CHECK(t.stored("a"));
}

TEST_CASE("dynamodb client: an update changes, removes and returns attributes") {
    table t;
    const auto set = t.db.execute(
        update_item_request{.table_name = t.name,
                            .key = key("a"),
                            .update_expression = "SET #n = :n, m = :m",
                            .expression_attribute_names = {{"#n", "name"}},
                            .expression_attribute_values = {{":n", v::string("wren")}, {":m", v::number(1)}},
                            .return_values = return_value::all_new});
    CHECK(set.attributes == item{{"id", v::string("a")}, {"name", v::string("wren")}, {"m", v::number(1)}});
    const auto removed =
        t.db.execute(update_item_request{.table_name = t.name,
                                         .key = key("a"),
                                         .update_expression = "SET m = :m REMOVE #n",
                                         .condition_expression = "m = :old",
                                         .expression_attribute_names = {{"#n", "name"}},
                                         .expression_attribute_values = {{":m", v::number(2)}, {":old", v::number(1)}},
                                         .return_values = return_value::updated_old});
    CHECK(removed.attributes == item{{"name", v::string("wren")}, {"m", v::number(1)}});
    const auto gone = t.db.execute(
        delete_item_request{.table_name = t.name, .key = key("a"), .return_values = return_value::all_old});
    CHECK(gone.attributes == item{{"id", v::string("a")}, {"m", v::number(2)}});
    CHECK_FALSE(t.stored("a"));
    CHECK_FALSE(t.db.execute(delete_item_request{.table_name = t.name, .key = key("a")}).attributes);
}

TEST_CASE("dynamodb client: queries and scans go through all pages") {
    table t(true);
    batch_write_item_request batch{.request_items = {{t.name, {}, {}}}};
    for (int n = 0; n != 12; ++n)
        batch.request_items[0].puts.push_back(
            {{"id", v::string(n < 7 ? "a" : "b")}, {"n", v::number(n)}, {"even", v::boolean(n % 2 == 0)}});
    CHECK(t.db.execute(batch).unprocessed_items.empty());

    query_request query{.table_name = t.name,
                        .key_condition_expression = "id = :id",
                        .expression_attribute_values = {{":id", v::string("a")}},
                        .limit = 3,
                        .scan_index_forward = false,
                        .consistent_read = true};
    std::vector<std::int64_t> seen;
    int pages = 0;
    do {
        auto page = t.db.execute(query);
        for (const auto& i : page.items) seen.push_back(*i.find("n")->as_integer());
        CHECK(page.count == static_cast<std::int64_t>(page.items.size()));
        query.exclusive_start_key = std::move(page.last_evaluated_key);
        REQUIRE(++pages < 10);
    } while (!query.exclusive_start_key.empty());
    CHECK(seen == std::vector<std::int64_t>{6, 5, 4, 3, 2, 1, 0});

    scan_request scan{.table_name = t.name,
                      .filter_expression = "even = :t",
                      .expression_attribute_values = {{":t", v::boolean(true)}},
                      .limit = 5};
    std::set<std::int64_t> even;
    std::int64_t looked_at = 0;
    do {
        auto page = t.db.execute(scan);
        for (const auto& i : page.items) even.insert(*i.find("n")->as_integer());
        looked_at += page.scanned_count;
        scan.exclusive_start_key = std::move(page.last_evaluated_key);
    } while (!scan.exclusive_start_key.empty());
    CHECK(even == std::set<std::int64_t>{0, 2, 4, 6, 8, 10});
    CHECK(looked_at == 12);

    const auto counted = t.db.execute(scan_request{.table_name = t.name, .count_only = true});
    CHECK(counted.count == 12);
    CHECK(counted.items.empty());
    std::int64_t in_segments = 0;
    for (std::int64_t s = 0; s != 3; ++s)
        in_segments += t.db.execute(scan_request{.table_name = t.name, .segment = s, .total_segments = 3}).count;
    CHECK(in_segments == 12);
}

TEST_CASE("dynamodb client: batches put and delete") {
    table t;
    t.db.execute(put_item_request{.table_name = t.name, .item = key("old")});
    CHECK(t.db.execute(batch_write_item_request{.request_items = {{t.name, {key("new")}, {key("old"), key("never")}}}})
              .unprocessed_items.empty());
    CHECK(t.stored("new"));
    CHECK_FALSE(t.stored("old"));

    batch_write_item_request many{.request_items = {{t.name, {}, {}}}};
    for (int n = 0; n != 26; ++n) many.request_items[0].deletes.push_back(key(std::to_string(n)));
    error_code ec;
    t.db.execute(many, ec);
    CHECK(ec == error::invalid_request);
}

TEST_CASE("dynamodb client: a transaction is carried out whole or not at all") {
    table t;
    t.db.execute(put_item_request{.table_name = t.name, .item = {{"id", v::string("old")}, {"n", v::number(1)}}});
    transact_write_items_request move{
        .transact_items = {
            transact_put{.table_name = t.name, .item = key("new"), .condition_expression = "attribute_not_exists(id)"},
            transact_delete{.table_name = t.name,
                            .key = key("old"),
                            .condition_expression = "n = :n",
                            .expression_attribute_values = {{":n", v::number(2)}},
                            .return_values_on_condition_check_failure = return_value::all_old}}};
    const auto refused = t.db.perform(move);
    REQUIRE_FALSE(refused.response.has_value());
    CHECK_FALSE(t.stored("new"));
    CHECK(t.stored("old"));
    if (refused.response.error() == error::unknown_operation) {
        MESSAGE("this server has no transactions");
        return;
    }
    CHECK(refused.response.error() == error::transaction_cancelled);
    REQUIRE(refused.reasons.size() == 2);
    CHECK(refused.reasons[0].code == "None");
    CHECK(refused.reasons[1].code == "ConditionalCheckFailed");
    REQUIRE(refused.reasons[1].item);
    CHECK(refused.reasons[1].item->find("n")->as_integer() == 1);

    std::get<transact_delete>(move.transact_items[1]).expression_attribute_values.insert_or_assign(":n", v::number(1));
    t.db.execute(move);
    CHECK(t.stored("new"));
    CHECK_FALSE(t.stored("old"));

    t.db.execute(transact_write_items_request{
        .transact_items = {transact_update{.table_name = t.name,
                                           .key = key("new"),
                                           .update_expression = "SET n = :n",
                                           .expression_attribute_values = {{":n", v::number(3)}}},
                           transact_condition_check{.table_name = t.name,
                                                    .key = key("old"),
                                                    .condition_expression = "attribute_not_exists(id)"}}});
    CHECK(t.stored("new")->find("n")->as_integer() == 3);
}

TEST_CASE("dynamodb client: the time to live is set and described") {
    table t;
    CHECK(t.db.execute(describe_time_to_live_request{.table_name = t.name}).status == time_to_live_status::disabled);
    const auto set = t.db.try_execute(update_time_to_live_request{.table_name = t.name, .attribute_name = "expires"});
    if (!set && set.error() == error::unknown_operation) {
        MESSAGE("this server has no time to live");
        return;
    }
    CHECK(set.value().enabled);
    CHECK(set->attribute_name == "expires");
    const auto described = t.db.execute(describe_time_to_live_request{.table_name = t.name});
    CHECK((described.status == time_to_live_status::enabled || described.status == time_to_live_status::enabling));
    CHECK(described.attribute_name == "expires");
}

TEST_CASE("dynamodb client: what the service refuses has its meaning") {
    table t;
    const auto refused = [&](const put_item_request& r) { return t.db.try_execute(r).error().code; };
    // The first is refused by the client, the second, of which only it can know, by the service.
    const auto big = v::string(std::string(410'000, 'x'));
    CHECK(refused({.table_name = t.name, .item = {{"id", v::string("big")}, {"v", big}}}) == error::item_too_large);
    CHECK(t.db.try_execute(update_item_request{.table_name = t.name,
                                               .key = key("big"),
                                               .update_expression = "SET v = :v",
                                               .expression_attribute_values = {{":v", big}}})
              .error() == error::item_too_large);
    CHECK(refused({.table_name = t.name, .item = {{"id", v::number(1)}}}) == error::invalid_request);
    CHECK(refused({.table_name = t.name, .item = key("")}) == error::invalid_request);
    CHECK(refused({.table_name = t.name, .item = {{"id", v::string("x")}, {"n", v::number("NaN")}}}) ==
          error::invalid_request);
    CHECK(refused({.table_name = t.name, .item = {{"id", v::string("\xff")}}}) == error::not_serializable);
    const auto reserved = t.db.try_execute(update_item_request{.table_name = t.name,
                                                               .key = key("x"),
                                                               .update_expression = "SET lock = :z",
                                                               .expression_attribute_values = {{":z", v::number(1)}}});
    CHECK(reserved.error() == error::invalid_request);
    CHECK(reserved.error().detail.find("reserved") != std::string::npos);
    CHECK_FALSE(t.stored("x"));
}

TEST_CASE("dynamodb client: what the service says of a refusal repeats no value") {
    // Each of these values comes back in a message of at least one of the emulators.
    table t;
    const std::string secret = "SECRETVALUE";
    std::vector<failure> refusals;
    const auto put = [&](attribute_value value) {
        const auto r = t.db.try_execute(put_item_request{.table_name = t.name, .item = {{"id", v::string("x")}, {"v", std::move(value)}}});
        REQUIRE_FALSE(r.has_value());
        refusals.push_back(r.error());
    };
    put(v::number(secret));
    put(v::number_set({"1", secret}));
    put(v::string_set({secret, secret}));
    put(v::map({{"m", v::list({v::number(secret)})}}));
    const auto update = [&](std::string condition, item values) {
        const auto r = t.db.try_execute(update_item_request{.table_name = t.name,
                                                            .key = key("x"),
                                                            .update_expression = "SET a = :v",
                                                            .condition_expression = std::move(condition),
                                                            .expression_attribute_values = std::move(values)});
        REQUIRE_FALSE(r.has_value());
        refusals.push_back(r.error());
    };
    update("attribute_type(a, :v)", {{":v", v::string(secret)}});
    update("a BETWEEN :w AND :v", {{":v", v::string("a" + secret)}, {":w", v::string("z" + secret)}});
    const auto r = t.db.try_execute(
        transact_write_items_request{.transact_items = {transact_put{.table_name = t.name, .item = key("x")}},
                                     .client_request_token = secret + secret + secret + secret});
    REQUIRE_FALSE(r.has_value());
    refusals.push_back(r.error());
    for (const auto& f : refusals) {
        CAPTURE(f.detail);
        CHECK((f == error::invalid_request || f == error::unknown_operation));
        CHECK(f.detail.find(secret) == std::string::npos);
    }
}

TEST_CASE("dynamodb client: several items are read and written at once") {
    table t;
    batch_write_item_request batch{.request_items = {{t.name, {}, {}}}};
    for (int n = 0; n != 20; ++n)
        batch.request_items[0].puts.push_back({{"id", v::string(std::to_string(n))}, {"n", v::number(n)}, {"x", v::null()}});
    const auto written = t.db.perform_all(batch);
    CHECK_FALSE(written.why.code);
    CHECK(written.response.unprocessed_items.empty());

    batch_get_item_request wanted{.request_items = {{.table_name = t.name,
                                                     .keys = {key("absent")},
                                                     .consistent_read = true,
                                                     .projection_expression = "#n",
                                                     .expression_attribute_names = {{"#n", "n"}}}}};
    for (int n = 0; n != 20; ++n) wanted.request_items[0].keys.push_back(key(std::to_string(n)));
    const auto read = t.db.perform_all(wanted);
    CHECK_FALSE(read.why.code);
    REQUIRE(read.response.tables.size() == 1);
    CHECK(read.response.tables[0].table_name == t.name);
    std::set<std::int64_t> numbers;
    for (const auto& i : read.response.tables[0].items) {
        CHECK(i.size() == 1);
        numbers.insert(*i.find("n")->as_integer());
    }
    CHECK(numbers.size() == 20);

    batch.request_items[0].table_name += "-missing";
    const auto failed = t.db.perform_all(batch);
    CHECK(failed.why == error::table_not_found);
    CHECK(failed.response.unprocessed_items[0].puts.size() == 20);
}

TEST_CASE("dynamodb client: metrics know what every operation takes") {
    table t;
    const metrics m;
    auto o = options();
    o.observer = m;
    client db(o);
    const auto one = [](std::string id) { return item{{"id", v::string(std::move(id))}}; };
    db.execute(put_item_request{.table_name = t.name, .item = one("a")});
    db.execute(get_item_request{.table_name = t.name, .key = key("a")});
    db.execute(get_item_request{.table_name = t.name, .key = key("a"), .consistent_read = true});
    db.execute(update_item_request{.table_name = t.name,
                                   .key = key("a"),
                                   .update_expression = "SET n = :n",
                                   .expression_attribute_values = {{":n", v::number(1)}}});
    db.execute(query_request{.table_name = t.name,
                             .key_condition_expression = "id = :i",
                             .expression_attribute_values = {{":i", v::string("a")}}});
    db.execute(scan_request{.table_name = t.name});
    db.perform_all(batch_write_item_request{.request_items = {{t.name, {one("b")}, {key("c")}}}});
    db.perform_all(batch_get_item_request{.request_items = {{.table_name = t.name, .keys = {key("a"), key("b")}}}});
    const auto transaction = db.try_execute(transact_write_items_request{.transact_items = {transact_put{.table_name = t.name, .item = one("d")}}});
    db.execute(delete_item_request{.table_name = t.name, .key = key("a")});
    db.execute(describe_table_request{.table_name = t.name});
    error_code ec;
    db.execute(put_item_request{.table_name = t.name, .item = one("b"), .condition_expression = "attribute_not_exists(id)"}, ec);
    CHECK(ec == error::condition_failed);

    const auto all = m.read();
    const auto of = [&](std::string_view operation) {
        const auto found = std::ranges::find(all, operation, &operation_metrics::operation);
        REQUIRE(found != all.end());
        CHECK(found->retries == 0);
        CHECK(found->ambiguous == 0);
        CHECK(found->latency.count() > 0);
        CHECK(found->bytes_sent > 500);
        CHECK(found->bytes_received > 50);
        return *found;
    };
    // The emulators count a little differently: a batch of two tiny items as 2 or 3 units.
    const auto reads = [](const operation_metrics& x) { return x.consumed.read > 0 && x.consumed.write == 0; };
    const auto writes = [](const operation_metrics& x) { return x.consumed.write > 0 && x.consumed.read == 0; };
    CHECK(of("GetItem").consumed == request_units{.read = 1.5});
    CHECK(of("UpdateItem").consumed == request_units{.write = 1});
    CHECK(of("DeleteItem").consumed == request_units{.write = 1});
    CHECK(of("PutItem").requests == 2);
    CHECK(writes(of("PutItem")));
    CHECK(of("PutItem").errors == std::vector<std::pair<std::string_view, std::uint64_t>>{{"condition_failed", 1}});
    CHECK(reads(of("Query")));
    CHECK(reads(of("Scan")));
    CHECK(reads(of("BatchGetItem")));
    CHECK(writes(of("BatchWriteItem")));
    if (transaction) CHECK(writes(of("TransactWriteItems")));
    CHECK(of("DescribeTable").consumed == request_units{});
}

TEST_CASE("dynamodb client: large items come back whole, blocking and asynchronously") {
    table t;
    const item large{{"id", v::string("large")}, {"v", v::binary(std::string(300'000, '\x9a'))}};
    t.db.execute(put_item_request{.table_name = t.name, .item = large});
    CHECK((t.stored("large") == large));
    auto future = t.db.async_execute(
        get_item_request{.table_name = t.name, .key = key("large"), .consistent_read = true}, boost::asio::use_future);
    CHECK((future.get().item == large));
}

TEST_CASE("dynamodb client: many calls at once share a client") {
    table t;
    boost::asio::io_context io;
    client db(io.get_executor(), options());
    std::set<std::int64_t> read;
    for (int n = 0; n != 20; ++n) {
        const item stored{{"id", v::string(std::to_string(n))}, {"n", v::number(n)}};
        db.async_execute(put_item_request{.table_name = t.name, .item = stored}, [&, n](error_code ec,
                                                                                        const write_item_response&) {
            REQUIRE_FALSE(ec);
            const get_item_request get{.table_name = t.name, .key = key(std::to_string(n)), .consistent_read = true};
            db.async_execute(get, [&](error_code e, const get_item_response& r) {
                REQUIRE_FALSE(e);
                read.insert(*r.item->find("n")->as_integer());
            });
        });
    }
    io.run();
    CHECK(read.size() == 20);
}
