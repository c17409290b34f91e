#include <dynasession/dynamodb/client.hpp>

#include <dynasession/dynamodb/metrics.hpp>

#include "../../support/scripted_server.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace dynasession;
using namespace dynasession::dynamodb;
using namespace std::chrono_literals;
using test::answer;
using test::scripted_server;
using v = attribute_value;

namespace {

constexpr auto found = R"({"Item":{"id":{"S":"wren"},"n":{"N":"3"}}})";
constexpr auto conditional_failure =
    R"({"__type":"a#ConditionalCheckFailedException","message":"The conditional request failed","Item":{"id":{"S":"wren"}}})";
const get_item_request get{.table_name = "birds", .key = {{"id", v::string("wren")}}};
const put_item_request put{.table_name = "birds",
                           .item = {{"id", v::string("wren")}},
                           .condition_expression = "attribute_not_exists(id)",
                           .return_values_on_condition_check_failure = return_value::all_old};

double no_pause() { return 0; }

client_options options_for(const scripted_server& server) {
    client_options o{
        .region = "us-east-1", .endpoint_url = server.url(), .credentials = aws::credentials("AKIDEXAMPLE", "secret")};
    o.call.retry.random = no_pause;
    return o;
}

error_code code_of(const std::function<void()>& f) {
    try {
        f();
    } catch (const session_error& e) {
        return e.code();
    }
    return {};
}

// An operation that the library does not have.
struct list_tables_response {
    std::vector<std::string> table_names;
};
struct list_tables_request {
    using response_type = list_tables_response;
    static constexpr std::string_view target = "DynamoDB_20120810.ListTables";
};
void write(json_writer& out, const list_tables_request&) { out.begin_object().end_object(); }
bool read(const boost::json::value& json, list_tables_response& out) {
    return member_reader(json)("TableNames", out.table_names).valid();
}

} // namespace

TEST_CASE("a call is made in every style") {
    scripted_server server([](const test::received_request&) { return answer::ok(found); });
    boost::asio::io_context io;
    client db(io.get_executor(), options_for(server));
    const auto is_found = [](const get_item_response& r) { return r.item && r.item->find("n")->as_integer() == 3; };

    CHECK(is_found(db.execute(get)));

    error_code ec = error::timeout;
    CHECK(is_found(db.execute(get, ec)));
    CHECK_FALSE(ec);

    CHECK(is_found(db.try_execute(get).value()));
    CHECK(is_found(*db.perform(get).response));

    auto future = db.async_execute(get, boost::asio::use_future);
    io.run();
    CHECK(is_found(future.get()));
    io.restart();

    bool called = false;
    db.async_execute(get, [&](error_code e, get_item_response r) { called = !e && is_found(r); });
    CHECK_FALSE(called);
    io.run();
    CHECK(called);
    io.restart();

    auto spawned = boost::asio::co_spawn(
        io,
        [&]() -> boost::asio::awaitable<bool> {
            const auto r = co_await db.async_execute(get, boost::asio::use_awaitable);
            const auto deferred = co_await db.async_execute(get);
            const auto o = co_await db.async_perform(get);
            co_return is_found(r) && is_found(deferred) && is_found(*o->response);
        },
        boost::asio::use_future);
    io.run();
    CHECK(spawned.get());
    CHECK(server.connections() == 1);
}

TEST_CASE("what the service refuses is reported in every style") {
    scripted_server server([](const test::received_request&) { return answer::with(400, conditional_failure); });
    boost::asio::io_context io;
    client db(io.get_executor(), options_for(server));

    try {
        db.execute(put);
        FAIL("nothing was thrown");
    } catch (const session_error& e) {
        CHECK(e.code() == error::condition_failed);
        CHECK(e.detail() == "ConditionalCheckFailedException: The conditional request failed");
    }
    error_code ec;
    db.execute(put, ec);
    CHECK(ec == error::condition_failed);
    CHECK(db.try_execute(put).error() == error::condition_failed);

    const auto outcome = db.perform(put);
    CHECK(outcome.response.error() == error::condition_failed);
    REQUIRE(outcome.item);
    CHECK(outcome.item->contains("id"));
    CHECK_FALSE(outcome.ambiguous);

    error_code seen;
    std::optional<bool> with_item;
    db.async_execute(put, [&](error_code e, const write_item_response&) { seen = e; });
    db.async_perform(put,
                     [&](const result<dynamodb::outcome<write_item_response>>& r) { with_item = r->item.has_value(); });
    io.run();
    CHECK(seen == error::condition_failed);
    CHECK(with_item == true);
}

TEST_CASE("attempts are repeated over the wire, signed anew each time") {
    scripted_server server({answer::nothing(answer::ending::reset), answer::with(500, "<html>"),
                            answer::with(400, R"({"__type":"a#ThrottlingException"})"), answer::ok("{}")});
    client db(options_for(server));
    const auto outcome = db.perform(put);
    CHECK(outcome.response.has_value());
    CHECK(outcome.attempts == 4);
    CHECK(outcome.ambiguous);

    const auto requests = server.requests();
    REQUIRE(requests.size() == 4);
    for (std::size_t i = 0; i != requests.size(); ++i) {
        CHECK(requests[i].header("amz-sdk-request") == "attempt=" + std::to_string(i + 1) + "; max=4");
        CHECK(requests[i].header("amz-sdk-invocation-id") == requests[0].header("amz-sdk-invocation-id"));
        CHECK(requests[i].body == requests[0].body);
        CHECK(requests[i].header("host") == "127.0.0.1:" + std::to_string(server.port()));
    }
}

TEST_CASE("a connection that brought a damaged answer is not used again") {
    scripted_server server({answer::ok(found).header("x-amz-crc32", "1"), answer::ok(found)});
    client db(options_for(server));
    const auto o = db.perform(get);
    CHECK(o.response.has_value());
    CHECK(o.attempts == 2);
    CHECK(server.connections() == 2);
}

TEST_CASE("a server that never answers is given up at the deadline of the call, blocking and asynchronously") {
    scripted_server server([](const test::received_request&) { return answer::nothing(answer::ending::stall); });
    boost::asio::io_context io;
    auto options = options_for(server);
    options.call.timeout = 60ms;
    options.call.attempt_timeout = 20ms;
    client db(io.get_executor(), options);
    const auto outcome = db.perform(put);
    CHECK(outcome.response.error() == error::timeout);
    CHECK(outcome.ambiguous);

    error_code seen;
    db.async_execute(put, [&](error_code e, const write_item_response&) { seen = e; });
    io.run();
    CHECK(seen == error::timeout);
}

TEST_CASE("an asynchronous call can be cancelled while it waits for an answer, and while it pauses") {
    boost::asio::io_context io;
    boost::asio::cancellation_signal signal;
    error_code seen;
    const auto run_and_cancel = [&](client& db, const scripted_server& server) {
        db.async_execute(put, boost::asio::bind_cancellation_slot(
                                  signal.slot(), [&](error_code e, const write_item_response&) { seen = e; }));
        while (server.requests().empty()) io.poll();
        boost::asio::post(io, [&] { signal.emit(boost::asio::cancellation_type::terminal); });
        io.run();
        CHECK(seen == boost::asio::error::operation_aborted);
        CHECK(server.requests().size() == 1);
    };
    SUBCASE("waiting") {
        scripted_server server([](const test::received_request&) { return answer::nothing(answer::ending::stall); });
        client db(io.get_executor(), options_for(server));
        run_and_cancel(db, server);
    }
    SUBCASE("pausing") {
        scripted_server server(
            [](const test::received_request&) { return answer::with(400, R"({"__type":"a#ThrottlingException"})"); });
        auto options = options_for(server);
        options.call.timeout = 1h;
        options.call.retry.random = [] { return 0.9; };
        options.call.retry.throttling_delay = options.call.retry.max_delay = 30min;
        client db(io.get_executor(), options);
        run_and_cancel(db, server);
    }
}

TEST_CASE("a table is waited for, blocking and asynchronously") {
    const auto table = [](std::string_view status) {
        return answer::ok(R"({"Table":{"TableName":"t","TableStatus":")" + std::string(status) + "\"}}");
    };
    const auto none = answer::with(400, R"({"__type":"a#ResourceNotFoundException"})");
    const table_wait_options quick{.timeout = 10s, .first_pause = 0ms, .max_pause = 1ms};
    scripted_server server({none, table("CREATING"), table("ACTIVE"), table("DELETING"), none, table("CREATING"),
                            table("ACTIVE"), table("DELETING"), none});
    boost::asio::io_context io;
    client db(io.get_executor(), options_for(server));
    CHECK(db.wait_until_active("t", quick).status == table_status::active);
    db.wait_until_absent("t", quick);

    auto active = db.async_wait_until_active("t", quick, boost::asio::use_future);
    io.run();
    CHECK(active.get().table_name == "t");
    io.restart();
    auto absent = db.async_wait_until_absent("t", quick, boost::asio::use_future);
    io.run();
    absent.get();
    CHECK(server.requests().size() == 9);
    CHECK(code_of([&] { db.wait_until_active("t", quick); }) == error::service_unavailable); // the script has ended
}

TEST_CASE("a request that was repeated because its connection had died may have been carried out") {
    scripted_server server({answer::ok("{}"), answer::nothing(answer::ending::reset),
                            answer::with(400, R"({"__type":"a#ConditionalCheckFailedException"})")});
    client db(options_for(server));
    const put_item_request conditional{.table_name = "t", .item = {{"id", v::string("x")}}, .condition_expression = "attribute_not_exists(id)"};
    CHECK_FALSE(db.perform(conditional).ambiguous);
    const auto done = db.perform(conditional);
    CHECK(done.response.error() == error::condition_failed);
    CHECK(done.attempts == 1);
    CHECK(done.ambiguous);
    CHECK(server.requests().size() == 3);
}

TEST_CASE("a program can add operations") {
    static_assert(request<list_tables_request>);
    scripted_server server({answer::ok(R"({"TableNames":["a","b"]})")});
    client db(options_for(server));
    CHECK(db.execute(list_tables_request{}).table_names == std::vector<std::string>{"a", "b"});
    CHECK(server.requests().front().header("x-amz-target") == "DynamoDB_20120810.ListTables");
}

TEST_CASE("a client can be moved") {
    scripted_server server([](const test::received_request&) { return answer::ok("{}"); });
    client first(options_for(server));
    first.execute(get);
    client second = std::move(first);
    second.execute(get);
    CHECK(server.connections() == 1);
}

TEST_CASE("a client says what is missing or wrong before it connects to anything") {
    const aws::credentials key("AKID", "s");
    const auto made = [](client_options o) { return code_of([&] { client db(std::move(o)); }); };
    CHECK_FALSE(made({.region = "eu-central-1", .credentials = key}));
    CHECK(made({.profile = "not a profile", .region = "eu-central-1", .credentials = key}) == error::invalid_option);
    CHECK(made({.region = "not a region", .credentials = key}) == error::invalid_option);
    CHECK(made({.region = "eu-central-1", .endpoint_url = "ftp://x", .credentials = key}) == error::invalid_endpoint);
    CHECK(made({.region = "eu-central-1", .endpoint_url = "http://db.example.org", .credentials = key}) ==
          error::invalid_endpoint);
    CHECK_FALSE(made({.region = "eu-central-1",
                      .endpoint_url = "http://db.example.org",
                      .allow_plain_http = true,
                      .credentials = key}));

    client_options o{.region = "eu-central-1", .credentials = key};
    o.call.timeout = 0ms;
    CHECK(made(o) == error::invalid_option);
    o.call = {};
    o.call.attempt_timeout = -1ms;
    CHECK(made(o) == error::invalid_option);
    o.call = {};
    o.call.retry.max_attempts = 0;
    CHECK(made(o) == error::invalid_option);
    o.call = {};
    o.call.retry.max_delay = -1ms;
    CHECK(made(o) == error::invalid_option);
    o.call = {};
    o.connection.ca_file = "/nonexistent/ca.pem";
    CHECK(made(o) == error::invalid_option);
    o.connection.ca_file.clear();
    o.connection.proxy = "socks5://127.0.0.1";
    CHECK(made(o) == error::invalid_option);
    o.connection.proxy = "http://127.0.0.1:3128";
    CHECK_FALSE(made(o));
    o.endpoint_url = "http://127.0.0.1:8000"; // of whoever the proxy takes for that
    CHECK(made(o) == error::invalid_option);
    o.allow_plain_http = true;
    CHECK_FALSE(made(o));
}

TEST_CASE("a client goes through a proxy, and what that refuses is not tried again") {
    const auto consent = answer::bytes("HTTP/1.1 200 OK\r\n\r\n", answer::ending::keep);
    scripted_server server(
        {consent, answer::ok(found), answer::with(503, ""), consent, answer::ok(found), answer::with(407, "")});
    auto options = options_for(server);
    options.connection.proxy = server.url();
    options.connection.max_idle_connections = 0;
    options.endpoint_url = "http://db.test";
    options.allow_plain_http = true;
    client db(options);
    CHECK(db.perform(get).attempts == 1);
    CHECK(db.perform(get).attempts == 2);
    const auto refused = db.perform(get);
    CHECK(refused.attempts == 1);
    CHECK_FALSE(refused.ambiguous);
    CHECK(refused.response.error() == error::proxy_refused);
    CHECK(server.requests()[0].head.starts_with("CONNECT db.test:80 "));
    CHECK(server.requests()[1].header("host") == "db.test");
}

TEST_CASE("credentials are fetched when the first call needs them, and nothing else waits meanwhile") {
    scripted_server server({answer::ok(found)});
    const auto go = std::make_shared<op::event>();
    boost::asio::io_context context;
    auto o = options_for(server);
    o.credentials = aws::credentials_provider([go] {
        while (!go->is_set()) go->wait_for(1s);
        return aws::credentials("AKIDFETCHED", "secret");
    });
    client db(context.get_executor(), o);
    error_code done = error::timeout;
    db.async_execute(get, [&](error_code ec, const get_item_response&) { done = ec; });
    boost::asio::post(context, [&] { go->set(); }); // this thread is free, or they would never come
    context.run();
    CHECK(!done);
    REQUIRE(server.requests().size() == 1);
    CHECK(server.requests()[0].header("authorization").find("Credential=AKIDFETCHED/") != std::string_view::npos);
}

TEST_CASE("a source that has no credentials fails the calls, with its reason") {
    client db({.region = "eu-central-1", .credentials = aws::credentials_provider([]() -> result<aws::credentials> {
                   return failure(error::missing_credentials, "the vault is sealed");
               })});
    const auto r = db.try_execute(get);
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error() == error::missing_credentials);
    CHECK(r.error().detail == "the vault is sealed");
}

TEST_CASE("metrics are told of blocking and asynchronous calls, and have the service tell what they cost") {
    scripted_server server([](const test::received_request& r) {
        if (r.header("x-amz-target") == "DynamoDB_20120810.PutItem") return answer::with(400, conditional_failure);
        return answer::ok(R"({"Item":{"id":{"S":"wren"}},"ConsumedCapacity":{"TableName":"birds","CapacityUnits":0.5}})");
    });
    boost::asio::io_context io;
    const metrics m;
    auto options = options_for(server);
    options.observer = m;
    client db(io.get_executor(), options);
    db.execute(get);
    std::uint64_t counted_before = 0;
    db.async_execute(get, [&](error_code, const get_item_response&) { counted_before = m.read().front().requests; });
    io.run();
    error_code ec;
    db.execute(put, ec);

    CHECK(counted_before == 2); // its own call is among them
    const auto all = m.read();
    REQUIRE(all.size() == 2);
    CHECK(all[0].consumed.read == 1);
    CHECK(all[1].errors.front() == std::pair<std::string_view, std::uint64_t>("condition_failed", 1));
    const auto requests = server.requests();
    CHECK(requests[0].body.ends_with(R"(,"ReturnConsumedCapacity":"TOTAL"})"));

    CHECK(all[1].bytes_sent > requests[2].body.size() + 500);
    CHECK(all[1].bytes_received > std::string_view(conditional_failure).size());
}

TEST_CASE("an observer sees why an asynchronous call has failed, on the thread of its completion") {
    scripted_server server([](const test::received_request&) { return answer::with(400, R"({"__type":"a#AccessDeniedException","message":"not authorized"})"); });
    boost::asio::io_context io;
    auto options = options_for(server);
    std::string detail;
    std::thread::id seen_by;
    options.observer = [&](const request_event& e) {
        detail = e.detail;
        seen_by = std::this_thread::get_id();
    };
    client db(io.get_executor(), options);
    db.async_execute(get, [&](error_code ec, const get_item_response&) {
        CHECK(ec == error::access_denied);
        CHECK(detail == "AccessDeniedException: not authorized");
        CHECK(seen_by == std::this_thread::get_id());
    });
    io.run();
    CHECK(seen_by != std::thread::id());
}

TEST_CASE("a batch is completed, blocking and asynchronously") {
    constexpr auto some_left = R"({"UnprocessedItems":{"birds":[{"DeleteRequest":{"Key":{"id":{"S":"b"}}}}]}})";
    constexpr auto none_left = R"({"UnprocessedItems":{}})";
    scripted_server server({answer::ok(some_left), answer::ok(none_left), answer::ok(some_left), answer::ok(none_left)});
    boost::asio::io_context io;
    client db(io.get_executor(), options_for(server));
    const batch_write_item_request batch{.request_items = {{"birds", {}, {{{"id", v::string("a")}}, {{"id", v::string("b")}}}}}};
    const auto done = db.perform_all(batch);
    CHECK_FALSE(done.why.code);
    CHECK(done.attempts == 2);

    std::optional<unsigned> attempts;
    db.async_perform_all(batch, [&](const result<batch_outcome<batch_write_item_request>>& r) { attempts = r->attempts; });
    io.run();
    CHECK(attempts == 2);
    REQUIRE(server.requests().size() == 4);
    CHECK(server.requests()[3].body == R"({"RequestItems":{"birds":[{"DeleteRequest":{"Key":{"id":{"S":"b"}}}}]}})");
}
