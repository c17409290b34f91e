#ifndef DYNASESSION_TESTS_CROW_FLAKY_BACKEND_HPP
#define DYNASESSION_TESTS_CROW_FLAKY_BACKEND_HPP

#include <dynasession/backend/memory.hpp>

#include "support/counting_backend.hpp"

#include <atomic>
#include <utility>

namespace test {

/// Counts what it is asked, and can be away.
class flaky_backend : public counting_backend<dynasession::memory_backend> {
public:
    using counting_backend::counting_backend;

    dynasession::result<dynasession::reply> perform(dynasession::command c) {
        if (away) return dynasession::failure(dynasession::error::service_unavailable, "the network is down");
        return counting_backend::perform(std::move(c));
    }

    std::atomic<bool> away{false};
};

} // namespace test

#endif
