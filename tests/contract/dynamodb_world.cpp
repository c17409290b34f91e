#include "worlds.hpp"

#include <dynasession/backend/dynamodb.hpp>

#include <cstdlib>
#include <string>

namespace contract {

namespace {

ds::dynamodb_options options_of_this_run() {
    const char* endpoint = std::getenv("DYNASESSION_ENDPOINT");
    if (!endpoint) throw std::runtime_error("DYNASESSION_ENDPOINT names no DynamoDB");
    ds::dynamodb_options o;
    o.endpoint_url = endpoint;
    o.table_name = "dynasession-contract";
    return o;
}

} // namespace

std::unique_ptr<world> make_dynamodb_world(const settings& s) {
    // One table serves all cases: their sessions have random ids.
    static const ds::table_report table = ds::dynamodb_backend(options_of_this_run()).create_table();
    (void)table;
    return world_with<ds::dynamodb_backend>(
        [](auto clock) {
            auto o = options_of_this_run();
            o.clock = clock;
            return o;
        },
        2, s);
}

} // namespace contract
