#ifndef DYNASESSION_MEMORY_SESSION_STORE_HPP
#define DYNASESSION_MEMORY_SESSION_STORE_HPP

#include <dynasession/backend/memory.hpp>
#include <dynasession/core/config.hpp>
#include <dynasession/lock/no_lock.hpp>
#include <dynasession/serializer/json.hpp>
#include <dynasession/store/basic_session_store.hpp>

namespace dynasession::inline v0 {

/// Sessions in the memory of this process: for one server, and for tests.
using memory_session_store = basic_session_store<memory_backend, no_lock, json_serializer>;

} // namespace dynasession::inline v0

#endif
