#ifndef DYNASESSION_CORE_CONFIG_HPP
#define DYNASESSION_CORE_CONFIG_HPP

// The one place that holds the version: CMake reads it from here.
#define DYNASESSION_VERSION_MAJOR 0
#define DYNASESSION_VERSION_MINOR 1
#define DYNASESSION_VERSION_PATCH 0

/// The version as one comparable number: 10000 * major + 100 * minor + patch.
#define DYNASESSION_VERSION                                                                        \
    (DYNASESSION_VERSION_MAJOR * 10000 + DYNASESSION_VERSION_MINOR * 100 +                          \
     DYNASESSION_VERSION_PATCH)

/// What need not be a template is compiled in each unit, as `inline` functions. In a program that defines
/// DYNASESSION_SEPARATE_COMPILATION for all its units, it is compiled once, by the one that includes
/// <dynasession/src.hpp>: that saves each other unit that uses DynamoDB about a quarter of its time.
#ifdef DYNASESSION_SEPARATE_COMPILATION
#define DYNASESSION_DECL
#else
#define DYNASESSION_DECL inline
#endif

#endif
