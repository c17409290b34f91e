#ifndef DYNASESSION_SESSION_STORE_HPP
#define DYNASESSION_SESSION_STORE_HPP

// What most programs include. Either half alone compiles faster, and comes without the policies that lock.
#include <dynasession/dynamodb_session_store.hpp>
#include <dynasession/lock/optimistic_lock.hpp>
#include <dynasession/lock/pessimistic_lock.hpp>
#include <dynasession/memory_session_store.hpp>

#endif
