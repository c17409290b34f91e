#ifndef DYNASESSION_HTTP_BLOCKING_SOCKET_HPP
#define DYNASESSION_HTTP_BLOCKING_SOCKET_HPP

#include <dynasession/core/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::http {

namespace posix {

inline error_code last_error() noexcept { return {errno, boost::system::system_category()}; }

/// Sends what the socket takes without waiting, and raises no SIGPIPE.
inline std::size_t send_now(int fd, std::string_view bytes, error_code& ec) noexcept {
    ssize_t n;
    do n = ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    ec = n < 0 ? last_error() : error_code{};
    return n < 0 ? 0 : static_cast<std::size_t>(n);
}

/// Whether an idle connection is as it was left: open, and with nothing to read.
inline bool is_quiet(int fd) noexcept {
    char byte;
    return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

inline bool would_block(const error_code& ec) noexcept {
    return ec == boost::system::errc::operation_would_block ||
           ec == boost::system::errc::resource_unavailable_try_again;
}

/// Looks up a name as `getaddrinfo` does, which may block longer than any deadline.
inline std::vector<boost::asio::ip::tcp::endpoint> resolve(const std::string& host, std::uint16_t port,
                                                           error_code& ec) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    const int rc = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
    std::vector<boost::asio::ip::tcp::endpoint> found;
    for (auto* a = list; rc == 0 && a; a = a->ai_next) {
        boost::asio::ip::tcp::endpoint target;
        if (a->ai_addrlen > target.capacity()) continue;
        std::memcpy(target.data(), a->ai_addr, a->ai_addrlen);
        target.resize(a->ai_addrlen);
        found.push_back(target);
    }
    if (rc == EAI_AGAIN)
        ec = boost::asio::error::host_not_found_try_again;
    else if (rc == EAI_SYSTEM)
        ec = last_error();
    else if (found.empty())
        ec = boost::asio::error::host_not_found;
    else
        ec = {};
    return found;
}

} // namespace posix

/// A TCP socket for blocking calls that end at a deadline.
///
/// It is no Asio socket, because that would be known to a reactor: each answer would wake a thread that has no use for
/// it.
class blocking_socket {
public:
    using clock = std::chrono::steady_clock;

    blocking_socket() = default;
    blocking_socket(blocking_socket&& other) noexcept : fd_(other.release()) {}
    blocking_socket& operator=(blocking_socket&& other) noexcept {
        if (this != &other) {
            close();
            fd_ = other.release();
        }
        return *this;
    }
    ~blocking_socket() { close(); }

    bool is_open() const noexcept { return fd_ >= 0; }
    int native_handle() const noexcept { return fd_; }
    int release() noexcept { return std::exchange(fd_, -1); }
    void close() noexcept {
        if (fd_ >= 0) ::close(release());
    }

    /// Takes over a connected socket.
    void assign(int fd) {
        close();
        fd_ = fd;
        make_blocking();
    }

    /// *Errors:* `error::timeout`, or what the network says.
    error_code connect(const boost::asio::ip::tcp::endpoint& target, clock::time_point deadline) {
        close();
        fd_ = ::socket(target.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
        if (fd_ < 0) return posix::last_error();
        const int on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (::connect(fd_, target.data(), static_cast<socklen_t>(target.size())) != 0) {
            if (errno != EINPROGRESS && errno != EINTR) return posix::last_error();
            if (const auto ec = wait(POLLOUT, deadline)) return ec;
            int reason = 0;
            socklen_t size = sizeof reason;
            if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &reason, &size) != 0) return posix::last_error();
            if (reason != 0) return {reason, boost::system::system_category()};
        }
        make_blocking();
        return {};
    }

    /// Sends some bytes; sets `now` anew if that took time.
    std::size_t send(std::string_view bytes, clock::time_point& now, clock::time_point deadline, error_code& ec) const {
        for (;;) {
            const auto n = posix::send_now(fd_, bytes, ec);
            if (!posix::would_block(ec)) return n;
            ec = wait(POLLOUT, deadline);
            now = clock::now();
            if (ec) return 0;
        }
    }

    /// Receives some bytes; 0 without an error = the peer has closed the connection.
    std::size_t receive(std::span<char> buffer, clock::time_point now, clock::time_point deadline,
                        error_code& ec) const {
        // A blocking recv whose time limit was set once is one system call, poll and recv are two.
        for (int flags = now + patience <= deadline ? 0 : MSG_DONTWAIT;; flags = MSG_DONTWAIT) {
            if (flags != 0 && (ec = wait(POLLIN, deadline))) return 0;
            const auto n = ::recv(fd_, buffer.data(), buffer.size(), flags);
            if (n >= 0) {
                ec = {};
                return static_cast<std::size_t>(n);
            }
            ec = posix::last_error();
            if (!posix::would_block(ec) && ec != boost::system::errc::interrupted) return 0;
        }
    }

private:
    static constexpr std::chrono::milliseconds patience{250};

    void make_blocking() const noexcept {
        ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) & ~O_NONBLOCK);
        timeval limit{};
        limit.tv_usec = std::chrono::microseconds(patience).count();
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    }

    error_code wait(short events, clock::time_point deadline) const {
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
            if (left <= 0) return error::timeout;
            pollfd p{fd_, events, 0};
            const int n = ::poll(&p, 1, static_cast<int>(std::min<decltype(left)>(left, 60'000)));
            if (n > 0) return {};
            if (n < 0 && errno != EINTR) return posix::last_error();
        }
    }

    int fd_ = -1;
};

} // namespace dynasession::inline v0::http

#endif
