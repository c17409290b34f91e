#ifndef DYNASESSION_TESTS_FAULTS_WORLD_HPP
#define DYNASESSION_TESTS_FAULTS_WORLD_HPP

#include "../contract/store_under_test.hpp"
#include "faults.hpp"

#include <dynasession/dynamodb/call.hpp>

#include <memory>

namespace faults {

/// The time limits of calls.
dynasession::dynamodb::call_options limits(patience p);

/// Two processes with a store on the service; the second is patient.
std::unique_ptr<contract::world> make_world(service& s, patience p, const contract::settings& with);

} // namespace faults

#endif
