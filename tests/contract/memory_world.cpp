#include "worlds.hpp"

#include <dynasession/backend/memory.hpp>

namespace contract {

std::unique_ptr<world> make_memory_world(const settings& s) {
    return world_with<ds::memory_backend>(
        [](auto clock) {
            ds::memory_options o;
            o.clock = clock;
            return o;
        },
        1, s);
}

} // namespace contract
