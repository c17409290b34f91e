#include "world.hpp"

#include "../contract/dynamodb_world.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace faults {

namespace ds = dynasession;
using namespace std::chrono_literals;

ds::dynamodb::call_options limits(patience p) {
    ds::dynamodb::call_options o;
    o.timeout = p == patience::short_calls ? 150ms : 60'000ms;
    o.attempt_timeout = p == patience::ample ? 30'000ms : p == patience::short_attempts ? 50ms : 100ms;
    o.retry.max_attempts = p == patience::short_attempts ? 20 : 4;
    o.retry.random = [] { return 0.0; };
    return o;
}

std::unique_ptr<contract::world> make_world(service& s, patience p, const contract::settings& with) {
    int processes = 0;
    return contract::make_dynamodb_world(
        [&](std::function<ds::op::instant()> clock) {
            ds::dynamodb_options o;
            o.region = "us-east-1";
            o.endpoint_url = s.url();
            o.credentials = s.source();
            o.call = limits(processes++ == 0 ? p : patience::ample);
            o.connection.connect_timeout = 30s;
            o.connection.max_body_size = 3'500'000;
            o.clock = std::move(clock);
            return o;
        },
        2, with);
}

} // namespace faults
