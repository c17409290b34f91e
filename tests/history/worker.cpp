// One process of the history test: threads or coroutines that append the name of each operation to lists in shared
// sessions, and note before and after each what they know of it. history_test.py runs it; worker --help.
//
// The history has a line for each event, written at once, so that a killed process leaves all that it knew:
//
//     time event operation session key error
//
// with the time of CLOCK_MONOTONIC in ns, the event one of
//
//     invoke    the operation begins
//     hold      it has loaded the session, and under a lock holds it
//     ok        it succeeded
//     fail      it failed, and promises that nothing was written
//     unknown   it failed, and may have been carried out, or may be yet
//     none      there was no session
//
// and an operation named worker:incarnation:actor:number.

#include <dynasession/backend/dynamodb.hpp>
#include <dynasession/lock/no_lock.hpp>
#include <dynasession/serializer/json.hpp>
#include <dynasession/store/basic_session_store.hpp>

// The policies as they come.
#if __has_include(<dynasession/lock/optimistic_lock.hpp>)
#include <dynasession/lock/optimistic_lock.hpp>
#define HISTORY_OPTIMISTIC 1
#else
#define HISTORY_OPTIMISTIC 0
#endif
#if __has_include(<dynasession/lock/pessimistic_lock.hpp>)
#include <dynasession/lock/pessimistic_lock.hpp>
#define HISTORY_PESSIMISTIC 1
#else
#define HISTORY_PESSIMISTIC 0
#endif

#include <CLI/CLI.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <fstream>
#include <iostream>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace ds = dynasession;

namespace history {
namespace {

using milliseconds = std::chrono::milliseconds;
using steady = std::chrono::steady_clock; // CLOCK_MONOTONIC: all processes of a machine share it

struct options {
    std::string endpoint_url;
    std::string table = "history";
    std::string ids;
    std::string history;
    int create = 0;
    bool dump = false;

    std::string policy = "none";
    std::string how = "update";
    std::string keys = "shared";
    milliseconds lease{10'000};
    milliseconds max_wait_time{10'000};
    milliseconds hold{0};
    int worker = 0;
    int incarnation = 0;
    int threads = 1;
    int coroutines = 0;
    std::uint64_t operations = 0;
    double seconds = 0;
    unsigned seed = 1;
};

std::atomic<bool> stopped = false; // by SIGTERM

// ---- What is noted
// ----------------------------------------------------------------------------------------------------

class journal {
public:
    explicit journal(const std::string& path)
        : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
        if (file_ < 0) throw std::system_error(errno, std::generic_category(), path);
    }
    journal(const journal&) = delete;
    journal& operator=(const journal&) = delete;
    ~journal() { ::close(file_); }

    // A line is one write to a file opened for appending: lines of many threads stay whole.
    void note(steady::time_point at, std::string line) {
        line = std::to_string(at.time_since_epoch() / std::chrono::nanoseconds(1)) + ' ' + std::move(line) + '\n';
        if (::write(file_, line.data(), line.size()) != static_cast<::ssize_t>(line.size()))
            throw std::system_error(errno, std::generic_category(), "the history cannot be written");
    }

private:
    int file_;
};

std::string name_of(const ds::error_code& ec) {
    if (ec.category() != ds::error_category()) {
        if (ec == boost::system::errc::connection_reset) return "reset";
        if (ec == boost::system::errc::connection_refused) return "refused";
        if (ec == boost::system::errc::broken_pipe) return "broken_pipe";
        if (ec == boost::system::errc::operation_canceled) return "cancelled";
        return std::string(ec.category().name()) + '_' + std::to_string(ec.value());
    }
    switch (static_cast<ds::error>(ec.value())) {
    case ds::error::session_gone: return "session_gone";
    case ds::error::conflict: return "conflict";
    case ds::error::outcome_unknown: return "outcome_unknown";
#if HISTORY_PESSIMISTIC
    case ds::error::lock_lost: return "lock_lost";
    case ds::error::lock_timeout: return "lock_timeout";
    case ds::error::too_many_waiters: return "too_many_waiters";
#endif
    case ds::error::corrupt_session: return "corrupt_session";
    case ds::error::not_serializable: return "not_serializable";
    case ds::error::item_too_large: return "item_too_large";
    case ds::error::timeout: return "timeout";
    case ds::error::connection_closed: return "connection_closed";
    case ds::error::malformed_response: return "malformed_response";
    case ds::error::checksum_mismatch: return "checksum_mismatch";
    case ds::error::transaction_conflict: return "transaction_conflict";
    case ds::error::throttled: return "throttled";
    case ds::error::service_unavailable: return "service_unavailable";
    case ds::error::invalid_request: return "invalid_request";
    default: return "error_" + std::to_string(ec.value());
    }
}

// Of a write: whether this error leaves open what became of it. A call whose first attempt lost its answer and whose
// last one was throttled fails with `throttled`, and so on: whatever is repeated may hide an attempt that arrived.
bool leaves_open(const ds::error_code& ec) {
    return ec == ds::error::outcome_unknown || ec == ds::condition::unavailable || ec == ds::condition::retryable ||
           ec == ds::error::response_too_large || ec == boost::system::errc::operation_canceled;
}

// ---- Who does it
// ------------------------------------------------------------------------------------------------------

struct operation {
    std::string name;
    std::size_t session = 0;
};

// One thread or coroutine: its operations follow one another.
class actor {
public:
    actor(const options& o, journal& log, std::size_t sessions, int number)
        : options_(&o), journal_(&log), sessions_(sessions - 1),
          name_(std::to_string(o.worker) + ':' + std::to_string(o.incarnation) + ':' + std::to_string(number)),
          key_(o.keys == "own" ? name_ : "shared"),
          end_(steady::now() + std::chrono::microseconds(std::int64_t(o.seconds * 1e6))), random_([&] {
              std::seed_seq seed{o.seed, unsigned(o.worker), unsigned(o.incarnation), unsigned(number)};
              return std::mt19937(seed);
          }()) {}

    bool is_done() const {
        return stopped || (options_->operations != 0 && count_ == options_->operations) ||
               (options_->seconds > 0 && steady::now() >= end_);
    }

    operation begin() {
        operation op{name_ + ':' + std::to_string(count_++),
                     std::uniform_int_distribution<std::size_t>(0, sessions_)(random_)};
        loaded_ = false;
        note("invoke", op);
        return op;
    }

    void change(const operation& op, ds::session& s) {
        loaded_ = true;
        note("hold", op);
        auto& list = s[key_];
        if (list.is_null()) list.emplace_array();
        list.as_array().emplace_back(op.name);
    }

    // What fails before a change was made has written nothing of it.
    void end(const operation& op, const ds::error_code& ec, bool found) {
        if (ec)
            note(loaded_ && leaves_open(ec) ? "unknown" : "fail", op, name_of(ec));
        else
            note(found ? "ok" : "none", op);
    }

private:
    void note(const char* event, const operation& op, const std::string& error = "-") {
        journal_->note(steady::now(), std::string(event) + ' ' + op.name + ' ' + std::to_string(op.session) + ' ' +
                                          key_ + ' ' + error);
    }

    const options* options_;
    journal* journal_;
    std::size_t sessions_;
    std::string name_;
    std::string key_;
    steady::time_point end_;
    std::mt19937 random_;
    std::uint64_t count_ = 0;
    bool loaded_ = false;
};

// The two ways of working on a session, on a thread.
template <class Store>
void work(Store& store, const std::vector<ds::session_id>& ids, const options& o, actor a) {
    while (!a.is_done()) {
        const auto op = a.begin();
        const auto& id = ids[op.session];
        ds::error_code ec;
        const auto change = [&](ds::session& s) {
            a.change(op, s);
            // A request that takes long is the load itself, and what kills and pauses have to meet; nothing is waited for, and
            // no outcome depends on it. Work instead of sleep would have the processes wait for the two cores, not for the lock.
            if (o.hold.count() != 0) std::this_thread::sleep_for(o.hold);
        };
        bool found = false;
        if (o.how == "update") {
            found = store.update(id, change, ec).has_value();
        } else if (auto s = store.load(id, ec)) {
            found = true;
            change(*s);
            store.save(*s, ec);
        }
        a.end(op, ec, found);
    }
}

// And in a coroutine.
template <class Store>
asio::awaitable<void> work_async(Store& store, const std::vector<ds::session_id>& ids, const options& o, actor a) {
    constexpr auto token = asio::as_tuple(asio::use_awaitable);
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (!a.is_done()) {
        const auto op = a.begin();
        const auto& id = ids[op.session];
        ds::error_code ec;
        std::optional<ds::session> s;
        if (o.how == "update") {
            std::tie(ec, s) = co_await store.async_update(
                id, [&a, &op](ds::session& x) { a.change(op, x); }, token);
        } else {
            std::tie(ec, s) = co_await store.async_load(id, token);
            if (s) {
                a.change(op, *s);
                if (o.hold.count() != 0) {
                    timer.expires_after(o.hold);
                    co_await timer.async_wait(asio::use_awaitable);
                }
                std::tie(ec) = co_await store.async_save(*s, token);
            }
        }
        a.end(op, ec, s.has_value());
    }
}

// ---- What is to be done
// -----------------------------------------------------------------------------------------------

ds::dynamodb_options where(const options& o) {
    ds::dynamodb_options d;
    d.endpoint_url = o.endpoint_url;
    d.table_name = o.table;
    return d;
}

std::vector<ds::session_id> read_ids(const std::string& path) {
    std::vector<ds::session_id> ids;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) ids.push_back(ds::session_id::parse(line).value());
    if (ids.empty()) throw std::runtime_error("no ids in " + path);
    return ids;
}

using plain_store = ds::basic_session_store<ds::dynamodb_backend, ds::no_lock, ds::json_serializer>;

void create(const options& o) {
    plain_store store(where(o));
    store.backend().create_table();
    std::ofstream file(o.ids);
    for (int i = 0; i < o.create; ++i) {
        auto s = store.create();
        store.save(s);
        file << s.id().str() << '\n';
    }
    if (!file.flush()) throw std::runtime_error("cannot write " + o.ids);
}

// A line for each session: its JSON, or null.
void dump(const options& o) {
    plain_store store(where(o));
    for (const auto& id : read_ids(o.ids)) {
        const auto s = store.load(id);
        std::cout << (s ? boost::json::serialize(s->value()) : "null") << '\n';
    }
}

// Runs `work` on as many threads, and waits for them.
void on_threads(int threads, auto work) {
    std::vector<std::jthread> running;
    for (int i = 0; i < threads; ++i) running.emplace_back(work, i);
}

template <class Policy>
void run(const options& o, Policy policy) {
    using store_type = ds::basic_session_store<ds::dynamodb_backend, Policy, ds::json_serializer>;
    const auto ids = read_ids(o.ids);
    journal log(o.history);
    if (o.coroutines == 0) {
        store_type store(where(o), {}, std::move(policy));
        return on_threads(o.threads, [&](int i) { work(store, ids, o, actor(o, log, ids.size(), i)); });
    }
    asio::io_context context;
    store_type store(context.get_executor(), where(o), {}, std::move(policy));
    for (int i = 0; i < o.coroutines; ++i)
        asio::co_spawn(context, work_async(store, ids, o, actor(o, log, ids.size(), i)), [](std::exception_ptr failed) {
            if (failed) std::rethrow_exception(failed);
        });
    on_threads(o.threads, [&](int) { context.run(); });
}

void run(const options& o) {
    if (o.policy == "none") return run(o, ds::no_lock{});
#if HISTORY_OPTIMISTIC
    if (o.policy == "optimistic") return run(o, ds::optimistic_lock{});
#endif
#if HISTORY_PESSIMISTIC
    if (o.policy == "pessimistic")
        return run(o, ds::pessimistic_lock{{.lease = o.lease, .max_wait_time = o.max_wait_time}});
#endif
    throw std::runtime_error("there is no policy " + o.policy);
}

// For the test to know which plans it can carry out.
void print_policies() {
    std::cout << "none" << (HISTORY_OPTIMISTIC ? " optimistic" : "") << (HISTORY_PESSIMISTIC ? " pessimistic" : "")
              << '\n';
}

} // namespace
} // namespace history

int main(int argc, char** argv) try {
    history::options o;
    bool policies = false;
    CLI::App app("Load for the history test.");
    app.option_defaults()->always_capture_default();
    const auto milliseconds = [&app](const char* name, history::milliseconds& value, const char* what) {
        app.add_option_function<int>(
            name, [&value](int n) { value = history::milliseconds(n); }, what);
    };
    app.add_flag("--policies", policies, "Print the lock policies that are compiled in, and end");
    app.add_option("--endpoint-url", o.endpoint_url, "The DynamoDB, or what stands before it");
    app.add_option("--table", o.table, "The table");
    app.add_option("--ids", o.ids, "The file with the ids of the sessions");
    app.add_option("--create", o.create, "Create the table and so many sessions, write the ids, and end");
    app.add_flag("--dump", o.dump, "Print each session, and end");
    app.add_option("--history", o.history, "The file to append the history to");
    app.add_option("--policy", o.policy, "The lock policy")
        ->check(CLI::IsMember({"none", "optimistic", "pessimistic"}));
    app.add_option("--how", o.how, "The way of working on a session")->check(CLI::IsMember({"update", "load_save"}));
    app.add_option("--keys", o.keys, "One list a session, or one for each actor")
        ->check(CLI::IsMember({"shared", "own"}));
    milliseconds("--lease", o.lease, "pessimistic: the lease in ms");
    milliseconds("--max-wait-time", o.max_wait_time, "pessimistic: how long to wait for a lock, in ms");
    milliseconds("--hold", o.hold, "Keep each session so many ms between load and save");
    app.add_option("--worker", o.worker, "The number of this process");
    app.add_option("--incarnation", o.incarnation, "How often it was restarted");
    app.add_option("--threads", o.threads, "Threads: each works, or all run the coroutines");
    app.add_option("--coroutines", o.coroutines, "Coroutines instead of working threads");
    app.add_option("--operations", o.operations, "End after so many operations of each actor");
    app.add_option("--seconds", o.seconds, "End after so many seconds; in any case at SIGTERM");
    app.add_option("--seed", o.seed, "Which sessions are chosen");
    CLI11_PARSE(app, argc, argv);
    if (o.coroutines != 0 && o.how == "update" && o.hold.count() != 0)
        throw std::runtime_error("an asynchronous update cannot hold a session: its change must not block");

    std::signal(SIGTERM, [](int) { history::stopped = true; });
    if (policies)
        history::print_policies();
    else if (o.create != 0)
        history::create(o);
    else if (o.dump)
        history::dump(o);
    else
        history::run(o);
    return EXIT_SUCCESS;
} catch (const std::exception& e) {
    std::cerr << argv[0] << ": " << e.what() << '\n';
    return EXIT_FAILURE;
}
