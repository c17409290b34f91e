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

#endif
