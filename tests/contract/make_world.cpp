#include "worlds.hpp"

#include <cstdlib>

namespace contract {

std::unique_ptr<world> make_world(const settings& s) {
    return std::getenv("DYNASESSION_ENDPOINT") ? make_dynamodb_world(s) : make_memory_world(s);
}

} // namespace contract
