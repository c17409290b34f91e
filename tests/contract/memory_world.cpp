#include "worlds.hpp"

#include <dynasession/backend/memory.hpp>

namespace contract {

std::unique_ptr<world> make_memory_world(ds::session_options options) {
    return std::make_unique<world_over<ds::memory_backend>>([](auto clock) {
        ds::memory_options o;
        o.clock = clock;
        return o;
    }, options);
}

} // namespace contract
