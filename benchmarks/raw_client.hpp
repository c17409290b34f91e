#ifndef DYNASESSION_BENCHMARKS_RAW_CLIENT_HPP
#define DYNASESSION_BENCHMARKS_RAW_CLIENT_HPP

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace benchmarks {

/// The floor: ready bytes out and a known number of bytes in, over one socket, with nothing else done.
class raw_client {
public:
    raw_client(std::uint16_t port, std::string request, std::size_t answer_size)
        : request_(std::move(request)), answer_size_(answer_size), fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_port = htons(port);
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) fatal();
        const int on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    raw_client(const raw_client&) = delete;
    raw_client& operator=(const raw_client&) = delete;
    ~raw_client() {
        ::close(fd_);
        if (queue_ >= 0) ::close(queue_);
    }

    /// send, recv.
    void exchange() {
        send();
        for (std::size_t got = 0; got < answer_size_;) {
            const auto n = ::recv(fd_, buffer_, sizeof buffer_, 0);
            if (n <= 0) fatal();
            got += static_cast<std::size_t>(n);
        }
    }

    /// send, epoll_wait, recv with an edge-triggered, non-blocking socket; not to be mixed with `exchange`.
    void exchange_with_epoll() {
        if (queue_ < 0) {
            queue_ = ::epoll_create1(0);
            ::fcntl(fd_, F_SETFL, O_NONBLOCK);
            epoll_event e{};
            e.events = EPOLLIN | EPOLLET;
            ::epoll_ctl(queue_, EPOLL_CTL_ADD, fd_, &e);
        }
        send();
        for (std::size_t got = 0; got < answer_size_;) {
            epoll_event e{};
            if (::epoll_wait(queue_, &e, 1, -1) != 1) fatal();
            const auto n = ::recv(fd_, buffer_, sizeof buffer_, 0);
            if (n < 0 && errno == EAGAIN) continue;
            if (n <= 0) fatal();
            got += static_cast<std::size_t>(n);
        }
    }

private:
    void send() {
        if (::send(fd_, request_.data(), request_.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request_.size()))
            fatal();
    }

    [[noreturn]] static void fatal() {
        std::perror("raw client");
        std::exit(1);
    }

    std::string request_;
    std::size_t answer_size_;
    int fd_;
    int queue_ = -1;
    char buffer_[65536];
};

} // namespace benchmarks

#endif
