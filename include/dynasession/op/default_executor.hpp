#ifndef DYNASESSION_OP_DEFAULT_EXECUTOR_HPP
#define DYNASESSION_OP_DEFAULT_EXECUTOR_HPP

#include <dynasession/core/config.hpp>

#include <boost/asio/any_io_executor.hpp>

#ifndef DYNASESSION_SEPARATE_COMPILATION
#include <dynasession/op/system_executor.hpp>
#endif

namespace dynasession::inline v0::op {

/// Where asynchronous work runs when no executor is given: Asio's process-wide `system_context`.
DYNASESSION_DECL boost::asio::any_io_executor default_executor();

} // namespace dynasession::inline v0::op

#endif
