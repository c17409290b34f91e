#ifndef DYNASESSION_TESTS_SUPPORT_ALLOCATION_COUNTER_HPP
#define DYNASESSION_TESTS_SUPPORT_ALLOCATION_COUNTER_HPP

#include <cstddef>

/// Counts the calls of operator new that this thread has made since the counter was made.
class allocation_counter {
public:
    allocation_counter() noexcept;
    std::size_t count() const noexcept;

    /// Whether this build can count: not with ThreadSanitizer.
    static bool counts() noexcept;

private:
    std::size_t before_;
};

#endif
