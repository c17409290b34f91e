#ifndef DYNASESSION_AWS_RUN_PROGRAM_HPP
#define DYNASESSION_AWS_RUN_PROGRAM_HPP

#include <dynasession/aws/fetch.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/detail/crypto.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace dynasession::inline v0::aws {

namespace run_program_detail {

using clock = std::chrono::steady_clock;

inline error_code system_error(int number) noexcept { return {number, boost::system::system_category()}; }

class descriptor {
public:
    descriptor() = default;
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() { reset(); }

    int get() const noexcept { return fd_; }
    void reset(int fd = -1) noexcept {
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
    }

private:
    int fd_ = -1;
};

/// What a child is to begin with: its three streams and nothing else of this process.
class child_setup {
public:
    explicit child_setup(int output) {
        ::posix_spawn_file_actions_init(&files_);
        ::posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO); // first: it may be one of the other two
        ::posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_addopen(&files_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 34)
        ::posix_spawn_file_actions_addclosefrom_np(&files_, STDERR_FILENO + 1);
#endif
        ::posix_spawnattr_init(&attributes_);
        sigset_t none, changed;
        ::sigemptyset(&none);
        ::sigemptyset(&changed);
        for (const int s : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) ::sigaddset(&changed, s);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setsigdefault(&attributes_, &changed);
        ::posix_spawnattr_setpgroup(&attributes_, 0); // of its own, so that it ends with its children
        ::posix_spawnattr_setflags(&attributes_,
                                   POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    child_setup(const child_setup&) = delete;
    child_setup& operator=(const child_setup&) = delete;
    ~child_setup() {
        ::posix_spawn_file_actions_destroy(&files_);
        ::posix_spawnattr_destroy(&attributes_);
    }

    const posix_spawn_file_actions_t* files() const noexcept { return &files_; }
    const posix_spawnattr_t* attributes() const noexcept { return &attributes_; }

private:
    posix_spawn_file_actions_t files_;
    posix_spawnattr_t attributes_;
};

/// A running child, killed and reaped at the latest by the destructor.
class child {
public:
    child() = default;
    child(const child&) = delete;
    child& operator=(const child&) = delete;
    ~child() {
        if (pid_ <= 0) return;
        ::kill(-pid_, SIGKILL);
        reap(0);
    }

    error_code start(const std::vector<std::string>& arguments, int output) {
        std::vector<char*> argv;
        for (const auto& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
        argv.push_back(nullptr);
        const child_setup setup(output);
        const int rc = ::posix_spawnp(&pid_, argv[0], setup.files(), setup.attributes(), argv.data(), ::environ);
        if (rc != 0) pid_ = 0;
        return rc == 0 ? error_code{} : system_error(rc);
    }

    /// Waits for its end; false when it has not come by the deadline.
    bool wait(clock::time_point deadline) {
        // There is no portable wait with a deadline; a program that has closed its output is as good as ended.
        for (auto nap = std::chrono::milliseconds(1); !reap(WNOHANG); nap = std::min(nap * 2, longest_nap)) {
            if (clock::now() >= deadline) return false;
            std::this_thread::sleep_for(nap);
        }
        return true;
    }

    int exit_status() const noexcept { return WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_); }

private:
    static constexpr std::chrono::milliseconds longest_nap{50};

    // True when it is reaped. Where the program ignores SIGCHLD, or reaps all children itself, the status is lost: 0.
    bool reap(int flags) noexcept {
        pid_t done;
        do done = ::waitpid(pid_, &status_, flags);
        while (done < 0 && errno == EINTR);
        if (done == 0) return false;
        if (done < 0) status_ = 0;
        pid_ = 0;
        return true;
    }

    pid_t pid_ = 0;
    int status_ = 0;
};

// Reads to the end; `error::timeout`, `error::response_too_large`, or what the system says.
inline error_code read_all(int fd, std::string& out, std::size_t most, clock::time_point deadline) {
    out.reserve(most + 1); // never moved, so that no copy of a secret stays behind
    for (char buffer[4096];;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
        if (left <= 0) return error::timeout;
        pollfd waited{fd, POLLIN, 0};
        const int ready = ::poll(&waited, 1, static_cast<int>(std::min<decltype(left)>(left, 60'000)));
        if (ready < 0 && errno != EINTR) return system_error(errno);
        if (ready <= 0) continue;
        const auto n = ::read(fd, buffer, sizeof buffer);
        if (n == 0) return {};
        if (n < 0 && errno != EINTR) return system_error(errno);
        if (n < 0) continue;
        const auto part = std::string_view(buffer, static_cast<std::size_t>(n));
        const bool fits = part.size() <= most - out.size();
        if (fits) out.append(part);
        detail::cleanse(buffer, part.size());
        if (!fits) return error::response_too_large;
    }
}

} // namespace run_program_detail

/// Runs a program, without a shell, and gives what it writes to its standard output.
///
/// The program is looked for in PATH unless its name has a slash. It has this process's environment and directory, an
/// empty standard input, nowhere to write errors to, and no other open file. It runs in a process group of its own,
/// which is killed when the time is over or the output grows too long. Whoever it leaves behind with its output open
/// counts as a part of it. When this process does not let its children be waited for (SIGCHLD ignored), the exit status
/// is 0.
///
/// *Errors:* `error::timeout`; `error::response_too_large`; what the system says of a program that cannot be started;
/// the detail names the program, and none of its arguments or output.
///
/// *Thread safety:* may be called from many threads at once.
inline result<program_output> run_program(const program_call& call) {
    using namespace run_program_detail;
    if (call.arguments.empty()) return failure(error::invalid_option, "no program is named");
    const auto fail = [&](const error_code& ec, std::string_view what) {
        return failure(ec, call.arguments.front() + ": " + std::string(what));
    };
    const auto deadline = clock::now() + call.timeout;

    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail(system_error(errno), "no pipe for its output");
    descriptor output, input;
    output.reset(ends[0]);
    input.reset(ends[1]);

    child program;
    if (const auto ec = program.start(call.arguments, input.get())) return fail(ec, "the program cannot be started");
    input.reset();

    program_output done;
    auto ec = read_all(output.get(), done.text, call.max_output, deadline);
    if (!ec && !program.wait(deadline)) ec = error::timeout;
    if (ec) {
        detail::cleanse(done.text);
        if (ec == error::timeout)
            return fail(ec, "did not end within " + std::to_string(call.timeout.count()) + " ms, and was killed");
        if (ec == error::response_too_large)
            return fail(ec, "wrote more than " + std::to_string(call.max_output) + " bytes, and was killed");
        return fail(ec, "its output cannot be read");
    }
    done.exit_status = program.exit_status();
    return done;
}

} // namespace dynasession::inline v0::aws

#endif
