#include "worlds.hpp"

#include <cstdlib>

namespace contract {

std::unique_ptr<world> make_world(ds::session_options options) {
    return std::getenv("DYNASESSION_ENDPOINT") ? make_dynamodb_world(options) : make_memory_world(options);
}

} // namespace contract
