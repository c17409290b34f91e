#include "dynamodb_world.hpp"

#include "worlds.hpp"

#include <dynasession/backend/dynamodb.hpp>

#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

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

std::unique_ptr<world> make_dynamodb_world(const make_dynamodb_options& make, int processes, const settings& s) {
    return world_with<ds::dynamodb_backend>(make, processes, s);
}

std::unique_ptr<world> make_dynamodb_world(const settings& s) {
    // One table serves all cases: their sessions have random ids.
    static const ds::table_report table = ds::dynamodb_backend(options_of_this_run()).create_table();
    (void)table;
    return make_dynamodb_world(
        [](std::function<ds::op::instant()> clock) {
            auto o = options_of_this_run();
            o.clock = std::move(clock);
            return o;
        },
        2, s);
}

} // namespace contract
