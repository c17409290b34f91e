// The DynamoDB client on its own: a small table of birds, which has nothing to do with sessions.
//
//   dynamodb_client                                        against AWS: region and credentials from the environment
//   dynamodb_client --endpoint-url http://127.0.0.1:8000   against an emulator
//
// Creates a table of its own, and deletes it in the end.

#include <dynasession/dynamodb/client.hpp>

#include <boost/asio/use_future.hpp>

#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace ds = dynasession;
namespace db = dynasession::dynamodb;
using value = db::attribute_value;

namespace {

void play(db::client& client, const std::string& table) {
    // One item for each place and bird.
    const auto bird = [](std::string place, std::string name, int seen) {
        return db::item{{"place", value::string(std::move(place))},
                        {"name", value::string(std::move(name))},
                        {"seen", value::number(seen)}};
    };
    client.execute(db::put_item_request{.table_name = table, .item = bird("pond", "heron", 1)});
    client.execute(db::put_item_request{.table_name = table, .item = bird("pond", "mallard", 12)});
    client.execute(db::put_item_request{.table_name = table, .item = bird("wood", "wren", 3)});

    const db::item wren{{"place", value::string("wood")}, {"name", value::string("wren")}};
    const auto found = client.execute(db::get_item_request{.table_name = table, .key = wren, .consistent_read = true});
    std::cout << "wrens: " << found.item.value().find("seen")->as_integer().value() << '\n';

    // What is at the pond, in the order of the names.
    const auto pond = client.execute(db::query_request{.table_name = table,
                                                       .key_condition_expression = "place = :p",
                                                       .expression_attribute_values = {{":p", value::string("pond")}}});
    for (const auto& item : pond.items) std::cout << "at the pond: " << *item.find("name")->as_string() << '\n';

    // Counted once more, unless somebody else did so since. The same call twice: the second finds another count.
    const db::update_item_request count{
        .table_name = table,
        .key = wren,
        .update_expression = "SET seen = :new",
        .condition_expression = "seen = :old",
        .expression_attribute_values = {{":old", value::number(3)}, {":new", value::number(4)}},
        .return_values = db::return_value::all_new};
    const auto counted = client.execute(count);
    std::cout << "wrens now: " << counted.attributes.value().find("seen")->as_integer().value() << '\n';

    ds::error_code ec;
    client.execute(count, ec);
    if (ec == ds::error::condition_failed) std::cout << "counted by somebody else: " << ec.message() << '\n';

    // Everything, page by page; here asynchronously, on a thread of Asio.
    db::scan_request scan{.table_name = table, .limit = 2};
    do {
        auto page = client.async_execute(scan, boost::asio::use_future).get();
        for (const auto& item : page.items) std::cout << "seen: " << *item.find("name")->as_string() << '\n';
        scan.exclusive_start_key = std::move(page.last_evaluated_key);
    } while (!scan.exclusive_start_key.empty());

    client.execute(db::delete_item_request{.table_name = table, .key = wren});
}

} // namespace

int main(int argc, char** argv) try {
    db::client_options options;
    if (argc == 3 && argv[1] == std::string_view("--endpoint-url")) {
        options.endpoint_url = argv[2];
    } else if (argc != 1) {
        std::cerr << "usage: " << argv[0] << " [--endpoint-url http://host:port]\n";
        return EXIT_FAILURE;
    }
    db::client client(options);

    const auto table = "birds-" + std::to_string(std::random_device{}());
    client.execute(db::create_table_request{
        .table_name = table, .partition_key = {"place"}, .sort_key = db::key_attribute{"name"}});
    client.wait_until_active(table);
    try {
        play(client, table);
    } catch (...) {
        ds::error_code ignored;
        client.execute(db::delete_table_request{.table_name = table}, ignored);
        throw;
    }
    client.execute(db::delete_table_request{.table_name = table});
    client.wait_until_absent(table);
    return EXIT_SUCCESS;
} catch (const ds::session_error& e) {
    std::cerr << e.what() << '\n';
    return EXIT_FAILURE;
}
