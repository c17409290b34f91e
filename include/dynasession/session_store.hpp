#ifndef DYNASESSION_SESSION_STORE_HPP
#define DYNASESSION_SESSION_STORE_HPP

// What most programs include. Either half alone compiles faster.
#include <dynasession/dynamodb_session_store.hpp>
#include <dynasession/memory_session_store.hpp>

#endif
