#ifndef DYNASESSION_DYNAMODB_SESSION_STORE_HPP
#define DYNASESSION_DYNAMODB_SESSION_STORE_HPP

#include <dynasession/backend/dynamodb.hpp>
#include <dynasession/core/config.hpp>
#include <dynasession/lock/no_lock.hpp>
#include <dynasession/serializer/json.hpp>
#include <dynasession/store/basic_session_store.hpp>

namespace dynasession::inline v0 {

/// Sessions in a DynamoDB table: for any number of servers.
using dynamodb_session_store = basic_session_store<dynamodb_backend, no_lock, json_serializer>;

} // namespace dynasession::inline v0

#endif
