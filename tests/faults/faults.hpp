#ifndef DYNASESSION_TESTS_FAULTS_FAULTS_HPP
#define DYNASESSION_TESTS_FAULTS_FAULTS_HPP

#include "service.hpp"

#include <string>
#include <vector>

namespace faults {

/// What has to come of an operation that meets with a fault.
enum class demand {
    at_once,   ///< it is done, with one request
    again,     ///< it is done, with another attempt
    reconnect, ///< the same; but at once, and within the same attempt, when a kept connection turned out to be dead
    fails,     ///< it is not known to be done: an error that says so
};

/// How much time there is. Where nothing waits for its end it is plenty, so that a busy machine changes nothing.
enum class patience {
    ample,
    short_attempts, ///< an attempt is given up soon, the call is not
    short_calls,    ///< the call is given up soon
};

/// Something that happens to a request on bad days.
struct fault {
    std::string name;
    demand demanded;
    service::play play{};
    int times = 1;                          ///< how many requests in a row meet with it
    patience limits = patience::ample;
    void (*before)(service&) = nullptr;     ///< happens before the operation begins
    void (*after)(service&) = nullptr;      ///< happens when it has ended
};

/// All of them, as reference/reliability.md names them (section 4.1).
const std::vector<fault>& all_faults();

} // namespace faults

#endif
