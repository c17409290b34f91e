#include <dynasession/aws/run_program.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace dynasession;
using namespace std::chrono_literals;

namespace {

result<aws::program_output> run(std::vector<std::string> arguments) {
    return aws::run_program({.arguments = std::move(arguments)});
}

aws::program_output shell(std::string script) { return run({"/bin/sh", "-c", std::move(script)}).value(); }

// Long enough that a test which waits for its end is found out.
const std::vector<std::string> endless{"/bin/sleep", "100000"};

auto open_files() { return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}); }

bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD; }

// A pipe in the file system whose reader sees when the last writer is gone.
class fifo {
public:
    fifo() {
        REQUIRE(::mkdtemp(directory_.data()) != nullptr);
        path = directory_ + "/pipe";
        REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
        reader_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    }
    fifo(const fifo&) = delete;
    fifo& operator=(const fifo&) = delete;
    ~fifo() {
        ::close(reader_);
        std::filesystem::remove_all(directory_);
    }

    bool wait_until_writers_are_gone() const {
        pollfd p{reader_, 0, 0};
        return ::poll(&p, 1, 20'000) == 1 && (p.revents & POLLHUP) != 0;
    }

    std::string path;

private:
    std::string directory_ = (std::filesystem::temp_directory_path() / "dynasession-XXXXXX").string();
    int reader_ = -1;
};

} // namespace

TEST_CASE("a program's output and exit status are given") {
    const auto echoed = run({"/bin/echo", "a  b", "$HOME", "*"}).value();
    CHECK(echoed.text == "a  b $HOME *\n"); // no shell has seen it
    CHECK(echoed.exit_status == 0);
    const auto failed = shell("printf out; exit 7");
    CHECK(failed.text == "out");
    CHECK(failed.exit_status == 7);
    CHECK(shell("kill -KILL $$").exit_status == 128 + SIGKILL);
}

TEST_CASE("a program is looked for in PATH, and has the environment") {
    CHECK(run({"echo", "found"}).value().text == "found\n");
    CHECK(shell("printf %s \"$PATH\"").text == ::getenv("PATH"));
}

TEST_CASE("a program has nothing to read, and nowhere to write errors to") {
    CHECK(run({"cat"}).value().text.empty());
    CHECK(shell("readlink /proc/self/fd/2").text == "/dev/null\n");
}

TEST_CASE("a program has no open file of this process") {
    const int mine = ::open("/dev/null", O_RDONLY); // close-on-exec it is not
    REQUIRE(mine >= 0);
    CHECK(run({"/usr/bin/test", "-e", "/proc/self/fd/" + std::to_string(mine)}).value().exit_status == 1);
    CHECK(run({"/usr/bin/test", "-e", "/proc/self/fd/1"}).value().exit_status == 0);
    ::close(mine);
}

TEST_CASE("a program has the signals of a new one") {
    auto* const before = ::signal(SIGPIPE, SIG_IGN);
    sigset_t pipe, old;
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, &old);
    CHECK(shell("kill -PIPE $$; echo ignored").exit_status == 128 + SIGPIPE);
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    ::signal(SIGPIPE, before);
}

TEST_CASE("a program that cannot be started is named, without its arguments") {
    const auto absent = run({"/nowhere/keys", "hidden"});
    CHECK(absent.error() == error_code(ENOENT, boost::system::system_category()));
    CHECK(absent.error().detail == "/nowhere/keys: the program cannot be started");
    CHECK(run({"no-such-program-in-the-path"}).error() == error_code(ENOENT, boost::system::system_category()));
    CHECK(run({"/dev/null"}).error() == error_code(EACCES, boost::system::system_category()));
    CHECK(run({}).error() == error::invalid_option);
}

TEST_CASE("a program that does not end is killed") {
    const auto r = aws::run_program({.arguments = endless, .timeout = 20ms});
    CHECK(r.error() == error::timeout);
    CHECK(r.error().detail == "/bin/sleep: did not end within 20 ms, and was killed");
    CHECK_FALSE(has_children());
}

TEST_CASE("a program that has closed its output, and does not end, is killed") {
    const auto r = aws::run_program({.arguments = {"/bin/sh", "-c", "exec /bin/sleep 100000 >&-"}, .timeout = 300ms});
    CHECK(r.error() == error::timeout);
    CHECK_FALSE(has_children());
}

TEST_CASE("a program that writes too much is killed") {
    const auto run_bounded = [](std::string text) {
        return aws::run_program({.arguments = {"printf", std::move(text)}, .max_output = 5});
    };
    CHECK(run_bounded("12345").value().text == "12345");
    const auto r = run_bounded("hidden");
    CHECK(r.error() == error::response_too_large);
    CHECK(r.error().detail == "printf: wrote more than 5 bytes, and was killed");

    CHECK(aws::run_program({.arguments = {"yes"}}).error() == error::response_too_large);
    CHECK_FALSE(has_children());
}

TEST_CASE("the children of a program that is killed are killed with it") {
    const fifo pipe;
    // All hold the pipe. The kill comes after the child was started, for then the output is too long.
    const auto r = aws::run_program(
        {.arguments = {"/bin/sh", "-c", "exec 9>\"$0\"; sleep 100000 & echo too long; wait", pipe.path},
         .max_output = 1});
    CHECK(r.error() == error::response_too_large);
    CHECK(pipe.wait_until_writers_are_gone());
}

TEST_CASE("programs leave neither open files nor children behind") {
    const auto before = open_files();
    for (int i = 0; i != 5; ++i) {
        CHECK(run({"/bin/echo"}).has_value());
        CHECK_FALSE(run({"/nowhere/keys"}).has_value());
        CHECK_FALSE(aws::run_program({.arguments = endless, .timeout = 1ms}).has_value());
        CHECK_FALSE(aws::run_program({.arguments = {"yes"}, .max_output = 10}).has_value());
    }
    CHECK(open_files() == before);
    CHECK_FALSE(has_children());
}

TEST_CASE("the exit status of a program is lost, and nothing else, where children are not waited for") {
    auto* const before = ::signal(SIGCHLD, SIG_IGN);
    const auto done = shell("printf out; exit 7");
    CHECK(done.text == "out");
    CHECK(done.exit_status == 0);
    ::signal(SIGCHLD, before);
}

TEST_CASE("programs run in many threads at once") {
    constexpr int count = 4;
    std::string texts[count];
    std::vector<std::thread> threads;
    for (int i = 0; i != count; ++i)
        threads.emplace_back([&text = texts[i], i] {
            for (int n = 0; n != 5; ++n) text += run({"/bin/echo", "-n", std::to_string(i)}).value().text;
        });
    for (auto& t : threads) t.join();
    for (int i = 0; i != count; ++i) CHECK(texts[i] == std::string(5, static_cast<char>('0' + i)));
}
