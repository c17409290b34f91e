#ifndef DYNASESSION_SRC_HPP
#define DYNASESSION_SRC_HPP

// Boost.JSON is not header-only: include this in exactly one source file of a program that does not link Boost::json.

#include <boost/json/src.hpp>

#endif
