// A DynamoDB client for tls_test.py, with endpoint, credentials, authorities and proxy from the environment.
//
//     caller [TIME-LIMIT]    in ms, for a call and each part of it; without it those of the library hold
//
// Makes a call for each line of its input, `blocking` or `async`, and prints a line about it: whether it is "ok", the
// number of attempts, what kind of error it was, and the error's texts, with tabs between. Without a client that is all
// there is, and the exit status is 2.

#include <dynasession/dynamodb/client.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dynasession;

namespace {

struct list_tables_response {
    std::vector<std::string> table_names;
};
struct list_tables_request {
    using response_type = list_tables_response;
    static constexpr std::string_view target = "DynamoDB_20120810.ListTables";
};
void write(dynamodb::json_writer& out, const list_tables_request&) { out.begin_object().end_object(); }
bool read(const boost::json::value& json, list_tables_response& out) {
    return dynamodb::member_reader(json)("TableNames", out.table_names).valid();
}

void report(unsigned attempts, const failure& f) {
    std::cout << (f.code ? "failed" : "ok") << '\t' << attempts << '\t'
              << (f == condition::configuration ? "configuration" : "") << '\t'
              << (f == condition::unavailable ? "unavailable" : "") << '\t' << f << std::endl;
}

} // namespace

int main(int argc, char** argv) try {
    dynamodb::client_options options;
    if (argc > 1) {
        const std::chrono::milliseconds limit(std::stoi(argv[1]));
        options.call.timeout = options.call.attempt_timeout = limit;
        options.connection.connect_timeout = options.connection.handshake_timeout = limit;
    }
    boost::asio::io_context io;
    dynamodb::client client(io.get_executor(), options);
    for (std::string way; std::getline(std::cin, way);) {
        std::optional<dynamodb::outcome<list_tables_response>> done;
        if (way == "blocking") {
            done = client.perform(list_tables_request{});
        } else {
            client.async_perform(list_tables_request{}, [&](auto r) { done = *std::move(r); });
            io.restart();
            io.run();
        }
        report(done->attempts, done->response ? failure() : done->response.error());
    }
} catch (const session_error& e) {
    report(0, {e.code(), e.detail()});
    return 2;
}
