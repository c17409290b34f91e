#ifndef DYNASESSION_BENCHMARKS_CANNED_SERVER_HPP
#define DYNASESSION_BENCHMARKS_CANNED_SERVER_HPP

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace benchmarks {

/// Keeps this process and its children on one core: without wake-ups across cores, ratios are stable within 3 %. A
/// wake-up does not interrupt who runs either, which else happens in some variants and not in others, by chance.
inline void pin_to_one_core() {
    cpu_set_t allowed;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    int last = 0;
    for (int i = 0; i != CPU_SETSIZE; ++i)
        if (CPU_ISSET(i, &allowed)) last = i;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    ::sched_setaffinity(0, sizeof one, &one);
    const sched_param none{};
    ::sched_setscheduler(0, SCHED_BATCH, &none);
}

/// An HTTP server in a process of its own on 127.0.0.1 that gives fixed bytes as answers.
class canned_server {
public:
    /// A request that contains `needle` is answered with `bytes`; the first that fits wins.
    struct answer {
        std::string needle;
        std::string bytes;
    };

    explicit canned_server(std::vector<answer> answers) {
        const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof where;
        auto* const address = reinterpret_cast<sockaddr*>(&where);
        if (::bind(listener, address, size) != 0 || ::listen(listener, 64) != 0 ||
            ::getsockname(listener, address, &size) != 0)
            fatal("cannot listen");
        port_ = ntohs(where.sin_port);
        child_ = ::fork();
        if (child_ < 0) fatal("cannot fork");
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve(listener, answers);
        }
        ::close(listener);
    }
    canned_server(const canned_server&) = delete;
    canned_server& operator=(const canned_server&) = delete;
    ~canned_server() {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }

    std::uint16_t port() const noexcept { return port_; }

    /// A complete answer with these header lines and this body.
    static std::string render(std::string_view header_lines, std::string_view body) {
        return "HTTP/1.1 200 OK\r\n" + std::string(header_lines) + "Content-Length: " + std::to_string(body.size()) +
               "\r\nConnection: keep-alive\r\n\r\n" + std::string(body);
    }

private:
    [[noreturn]] static void fatal(const char* what) {
        std::perror(what);
        std::exit(1);
    }

    // How many bytes the request at the beginning of `text` has; 0 = it is not complete.
    static std::size_t request_size(std::string_view text) {
        const auto end = text.find("\r\n\r\n");
        if (end == text.npos) return 0;
        constexpr std::string_view name = "ontent-";
        std::size_t body = 0;
        for (auto at = text.find(name); at < end; at = text.find(name, at + 1)) {
            const auto rest = text.substr(at + name.size());
            if (rest.starts_with("Length: ") || rest.starts_with("length: ") || rest.starts_with("length:"))
                body = static_cast<std::size_t>(std::atoi(rest.data() + rest.find(':') + 1));
        }
        const auto all = end + 4 + body;
        return text.size() >= all ? all : 0;
    }

    [[noreturn]] static void serve(int listener, const std::vector<answer>& answers) {
        const int queue = ::epoll_create1(0);
        const auto watch = [&](int fd) {
            epoll_event e{};
            e.events = EPOLLIN;
            e.data.fd = fd;
            ::epoll_ctl(queue, EPOLL_CTL_ADD, fd, &e);
        };
        watch(listener);
        std::unordered_map<int, std::string> pending;
        std::vector<char> buffer(65536);
        for (epoll_event e{};;) {
            if (::epoll_wait(queue, &e, 1, -1) != 1) continue;
            if (e.data.fd == listener) {
                const int fd = ::accept(listener, nullptr, nullptr);
                const int on = 1;
                ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                watch(fd);
                continue;
            }
            const int fd = e.data.fd;
            const auto n = ::recv(fd, buffer.data(), buffer.size(), 0);
            if (n <= 0) {
                ::close(fd);
                pending.erase(fd);
                continue;
            }
            auto& text = pending[fd].append(buffer.data(), static_cast<std::size_t>(n));
            while (const auto size = request_size(text)) {
                const auto request = std::string_view(text).substr(0, size);
                const auto found = std::ranges::find_if(
                    answers, [&](const answer& a) { return request.find(a.needle) != request.npos; });
                if (found == answers.end()) std::exit(2);
                (void)!::send(fd, found->bytes.data(), found->bytes.size(), MSG_NOSIGNAL);
                text.erase(0, size);
            }
        }
    }

    std::uint16_t port_ = 0;
    pid_t child_ = -1;
};

/// User and system time of this thread.
inline std::chrono::nanoseconds thread_cpu_time() {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

/// Something that is measured: it carries out `count` operations.
struct variant {
    std::string name;
    std::function<void(std::size_t count)> run;
};

/// Runs all variants in turn for some rounds; the median of the CPU time an operation, in microseconds, of each.
inline std::vector<double> measure(const std::vector<variant>& variants, std::size_t rounds = 15,
                                   std::size_t operations = 4000) {
    std::vector<std::vector<double>> times(variants.size());
    for (const auto& v : variants) v.run(operations / 4); // connects, warms up
    for (std::size_t round = 0; round != rounds; ++round)
        for (std::size_t i = 0; i != variants.size(); ++i) {
            const auto start = thread_cpu_time();
            variants[i].run(operations);
            const std::chrono::duration<double, std::micro> used = thread_cpu_time() - start;
            times[i].push_back(used.count() / static_cast<double>(operations));
        }
    std::vector<double> medians;
    for (auto& t : times) {
        std::ranges::nth_element(t, t.begin() + std::ssize(t) / 2);
        medians.push_back(t[t.size() / 2]);
    }
    return medians;
}

} // namespace benchmarks

#endif
