#ifndef DYNASESSION_WEB_HTTP_FAILURE_HPP
#define DYNASESSION_WEB_HTTP_FAILURE_HPP

#include <dynasession/core/error.hpp>

#include <chrono>
#include <string_view>

namespace dynasession::inline v0 {

/// What a server answers to a request whose session could not be loaded or saved. It goes without any field of the
/// session: the browser keeps what it has, and the next request may find it.
struct http_failure {
    int status = 500;
    std::string_view text = "Something went wrong here.\n"; ///< text/plain; says nothing of the cause
    std::chrono::seconds retry_after{0};                    ///< the value of `Retry-After`; 0: without that field

    static http_failure of(const error_code& ec) noexcept {
        using namespace std::string_view_literals;
        constexpr std::chrono::seconds soon{2};
        const bool busy = ec == error::lock_timeout || ec == error::too_many_waiters;
        if (busy || ec == condition::unavailable || ec == condition::retryable)
            return {503, "The server cannot find out who you are just now. Please try again.\n"sv, soon};
        if (ec == condition::conflict)
            return {409, "Your session has ended or changed meanwhile. Please load the page and try again.\n"sv, {}};
        return {};
    }
};

} // namespace dynasession::inline v0

#endif
