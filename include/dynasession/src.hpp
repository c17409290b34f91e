#ifndef DYNASESSION_SRC_HPP
#define DYNASESSION_SRC_HPP

// What is compiled once: include this in exactly one source file of a program that does not link Boost::json, which is
// not header-only, or that defines DYNASESSION_SEPARATE_COMPILATION (see core/config.hpp).

#include <boost/json/src.hpp>

#ifdef DYNASESSION_SEPARATE_COMPILATION
#include <dynasession/dynamodb/resolve.hpp>
#include <dynasession/op/system_executor.hpp>
#endif

#endif
