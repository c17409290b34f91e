// What sessions cost a Crow server: our middleware against Crow's own, both with sessions in memory.
//
//     crow [rounds]
//
// First the CPU time of a request that adds one to a number in its session: of the whole process, its one client, which is
// the same for all, included; servers in turn, medians. Then how long 16 requests of 16 sessions take at once when the store
// takes 20 ms for a load.

#include <dynasession/memory_session_store.hpp>
#include <dynasession/web/crow.hpp>
#include <dynasession/web/crow_store.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <crow.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <functional>
#include <future>
#include <latch>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace asio = boost::asio;
namespace ds = dynasession;

namespace {

using namespace std::chrono_literals;

/// One connection of a browser, which keeps the cookie `session`.
class browser {
public:
    explicit browser(std::uint16_t port) {
        socket_.connect({asio::ip::address_v4::loopback(), port});
        socket_.set_option(asio::ip::tcp::no_delay(true));
    }

    void visit() {
        const std::string request = "GET / HTTP/1.1\r\nHost: here\r\n" + cookie_ + "\r\n";
        asio::write(socket_, asio::buffer(request));
        const auto size = asio::read_until(socket_, answer_, "\r\n\r\n");
        std::string head(asio::buffers_begin(answer_.data()), asio::buffers_begin(answer_.data()) + static_cast<std::ptrdiff_t>(size));
        answer_.consume(size);
        if (!head.starts_with("HTTP/1.1 200")) {
            std::fprintf(stderr, "crow: %s\n", head.c_str());
            std::exit(1);
        }
        const std::size_t length = std::stoul(head.substr(head.find("Content-Length: ") + 16));
        if (answer_.size() < length) asio::read(socket_, answer_, asio::transfer_exactly(length - answer_.size()));
        answer_.consume(length);
        if (const auto at = head.find("Set-Cookie: session="); at != head.npos)
            cookie_ = "Cookie: " + head.substr(at + 12, head.find(';', at) - at - 12) + "\r\n";
    }

private:
    asio::io_context context_;
    asio::ip::tcp::socket socket_{context_};
    asio::streambuf answer_;
    std::string cookie_;
};

/// An application that runs on a free port until the end of the scope.
template <class App>
class running {
public:
    running(App& app, unsigned threads) : app_(app) {
        app_.loglevel(crow::LogLevel::Warning).bindaddr("127.0.0.1").port(0).concurrency(threads).signal_clear();
        done_ = app_.run_async();
        app_.wait_for_server_start();
    }
    ~running() { app_.stop(); }
    running(const running&) = delete;
    running& operator=(const running&) = delete;

    std::uint16_t port() const { return app_.port(); }

private:
    App& app_;
    std::future<void> done_;
};

// ---- servers that count; `measure` is given the port

using measurement = std::function<double(std::uint16_t)>;
constexpr unsigned threads = 32;

double without_sessions(const measurement& measure) {
    crow::SimpleApp app;
    std::atomic<int> n{0};
    CROW_ROUTE(app, "/")([&n] { return std::to_string(++n); });
    const running server(app, threads);
    return measure(server.port());
}

template <class Store>
double with_ours(Store& store, const measurement& measure, std::vector<ds::secret> secrets = {}) {
    using sessions = ds::crow_sessions<Store>;
    ds::session_manager web(store, {.secrets = std::move(secrets), .transport = ds::cookie_options::plain_http()});
    crow::App<sessions> app{sessions{web}};
    CROW_ROUTE(app, "/")([&app](const crow::request& r) {
        auto& s = sessions::of(app, r);
        s.start();
        const auto n = s->template get<std::int64_t>("n").value_or(0) + 1;
        s->set("n", n);
        return std::to_string(n);
    });
    const running server(app, threads);
    return measure(server.port());
}

template <class Store, class... Argument>
double with_crows(const measurement& measure, Argument... argument) {
    using sessions = crow::SessionMiddleware<Store>;
    crow::App<crow::CookieParser, sessions> app{sessions{argument...}};
    CROW_ROUTE(app, "/")([&app](const crow::request& r) {
        auto& s = app.template get_context<sessions>(r);
        const auto n = s.get("n", std::int64_t{0}) + 1;
        s.set("n", n);
        return std::to_string(n);
    });
    const running server(app, threads);
    return measure(server.port());
}

// ---- CPU time a request

double process_us() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

double cpu_us_a_request(std::uint16_t port) {
    constexpr int requests = 5000;
    browser b(port);
    for (int i = 0; i != 100; ++i) b.visit();
    const double before = process_us();
    for (int i = 0; i != requests; ++i) b.visit();
    return (process_us() - before) / requests;
}

double median(std::vector<double> of) {
    std::ranges::nth_element(of, of.begin() + static_cast<std::ptrdiff_t>(of.size() / 2));
    return of[of.size() / 2];
}

void compare_cpu(int rounds) {
    ds::memory_session_store store;
    const std::vector<std::pair<const char*, std::function<double()>>> servers = {
        {"without sessions", [] { return without_sessions(cpu_us_a_request); }},
        {"Crow's, InMemoryStore", [] { return with_crows<crow::InMemoryStore>(cpu_us_a_request); }},
        {"Crow's, our crow_store", [&] {
             return with_crows<ds::crow_store<ds::memory_session_store>>(cpu_us_a_request, std::ref(store));
         }},
        {"ours", [&] { return with_ours(store, cpu_us_a_request); }},
        {"ours, signed ids", [&] { return with_ours(store, cpu_us_a_request, {ds::secret::generate()}); }},
    };
    std::vector<std::vector<double>> us(servers.size()), ratios(servers.size());
    for (int round = 0; round != rounds; ++round) {
        for (std::size_t i = 0; i != servers.size(); ++i) us[i].push_back(servers[i].second());
        for (std::size_t i = 0; i != servers.size(); ++i) ratios[i].push_back(us[i].back() / us[1].back());
    }
    std::printf("| sessions | CPU a request with its client, us | ratio to Crow's |\n| --- | --- | --- |\n");
    for (std::size_t i = 0; i != servers.size(); ++i)
        std::printf("| %s | %.1f | %.2f |\n", servers[i].first, median(us[i]), median(ratios[i]));
}

// ---- sessions in parallel

constexpr int crowd = 16;
constexpr auto delay = 20ms;

// Loads take as long as from a store over the network.
class distant_backend : public ds::memory_backend {
public:
    using memory_backend::memory_backend;

    ds::result<ds::reply> perform(ds::command c) {
        if (std::holds_alternative<ds::load_record>(c)) std::this_thread::sleep_for(delay);
        return memory_backend::perform(std::move(c));
    }
};

double ms_of_a_crowd(std::uint16_t port) {
    std::deque<browser> browsers;
    for (int i = 0; i != crowd; ++i) browsers.emplace_back(port).visit(); // has a session from now on
    std::latch ready(crowd + 1);
    std::vector<std::jthread> clients;
    for (auto& b : browsers)
        clients.emplace_back([&] {
            ready.arrive_and_wait();
            b.visit();
        });
    ready.arrive_and_wait();
    const auto begun = std::chrono::steady_clock::now();
    clients.clear();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
}

void compare_waiting(int rounds) {
    using distant_store = ds::basic_session_store<distant_backend, ds::no_lock, ds::json_serializer>;
    distant_store store;
    std::vector<double> ours, crows;
    for (int round = 0; round != rounds; ++round) {
        ours.push_back(with_ours(store, ms_of_a_crowd));
        crows.push_back(with_crows<ds::crow_store<distant_store>>(ms_of_a_crowd, std::ref(store)));
    }
    std::printf("\n| %d sessions at once, loads take %d ms | wall time, ms |\n| --- | --- |\n", crowd, static_cast<int>(delay.count()));
    std::printf("| Crow's, our crow_store | %.0f |\n| ours | %.0f |\n", median(crows), median(ours));
}

} // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 7;
    compare_cpu(rounds);
    compare_waiting(rounds);
}
