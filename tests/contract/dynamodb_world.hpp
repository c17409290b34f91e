#ifndef DYNASESSION_TESTS_CONTRACT_DYNAMODB_WORLD_HPP
#define DYNASESSION_TESTS_CONTRACT_DYNAMODB_WORLD_HPP

#include "store_under_test.hpp"

#include <dynasession/backend/dynamodb.hpp>
#include <dynasession/op/action.hpp>

#include <functional>
#include <memory>

namespace contract {

/// What each process of a world is made with; the clock is the world's.
using make_dynamodb_options = std::function<ds::dynamodb_options(std::function<ds::op::instant()> clock)>;

/// Stores of all policies in all call styles take a minute to compile: that is done here, once.
std::unique_ptr<world> make_dynamodb_world(const make_dynamodb_options& make, int processes, const settings& s);

} // namespace contract

#endif
