#ifndef DYNASESSION_OP_SYSTEM_EXECUTOR_HPP
#define DYNASESSION_OP_SYSTEM_EXECUTOR_HPP

#include <dynasession/core/config.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/system_executor.hpp>

namespace dynasession::inline v0::op {

// See op/default_executor.hpp, which declares it. Apart, because the conversion takes a second to compile.
DYNASESSION_DECL boost::asio::any_io_executor default_executor() { return boost::asio::system_executor(); }

} // namespace dynasession::inline v0::op

#endif
