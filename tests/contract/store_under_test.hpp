#ifndef DYNASESSION_TESTS_CONTRACT_STORE_UNDER_TEST_HPP
#define DYNASESSION_TESTS_CONTRACT_STORE_UNDER_TEST_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/options.hpp>
#include <dynasession/core/session.hpp>
#include <dynasession/core/session_summary.hpp>
#include <dynasession/lock/lock_options.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The contract speaks to a store through this interface, so that every case is written and compiled once
// and runs against any backend in any call style.
namespace contract {

namespace ds = dynasession;

enum class call_style { throwing, error_code, callback, coroutine };

constexpr call_style all_styles[] = {call_style::throwing, call_style::error_code, call_style::callback,
                                     call_style::coroutine};

constexpr std::string_view to_text(call_style s) {
    constexpr std::string_view names[] = {"throwing", "error_code", "callback", "coroutine"};
    return names[static_cast<std::size_t>(s)];
}

using change = std::function<void(ds::session&)>;

/// What a session is loaded for; `exclusive` only where the lock policy knows it.
enum class mode { standard, read_only, exclusive };

/// A store, called in one style; failures come back as values.
class caller {
public:
    virtual ~caller() = default;
    virtual ds::session create() = 0;
    virtual ds::result<std::optional<ds::session>> load(const ds::session_id&, mode = mode::standard) = 0;
    virtual ds::result<void> save(ds::session&) = 0;
    virtual ds::result<std::optional<ds::session>> update(const ds::session_id&, change) = 0;
    virtual ds::result<void> touch(ds::session&) = 0;
    virtual ds::result<void> regenerate(ds::session&) = 0;
    virtual ds::result<void> destroy(const ds::session_id&) = 0;
    virtual ds::result<void> release(ds::session&) = 0;
    virtual ds::result<void> renew(ds::session&) = 0;
    virtual ds::result<std::vector<ds::session_info>> sessions_of(const std::string& user) = 0;
    virtual ds::result<bool> destroy_one_of(const std::string& user, const ds::session_handle&) = 0;
    virtual ds::result<std::size_t> destroy_all_of(const std::string& user) = 0;
    virtual ds::result<std::size_t> destroy_others_of(const std::string& user, ds::session& keep) = 0;
    virtual ds::result<std::size_t> destroy_oldest_of(const std::string& user, std::size_t keep_count) = 0;
};

/// A store over the backend that this run is about, with a clock of its own.
class world {
public:
    virtual ~world() = default;

    /// The same store in another call style; or that of another process on the same table, where sessions are shared
    /// between processes.
    virtual std::unique_ptr<caller> call(call_style, int process = 0) = 0;

    virtual void advance(std::chrono::milliseconds) = 0;

    /// How many commands all backends have been given so far: all, and those that may write.
    virtual int commands() const = 0;
    virtual int writes() const = 0;
};

/// What a world is made with, beside its backend.
struct settings {
    ds::session_options session{};
    enum class policy { none, optimistic, pessimistic } lock = policy::none;
    ds::pessimistic_lock_options locks{};
};

/// An empty world: in memory, or on the DynamoDB that DYNASESSION_ENDPOINT names.
std::unique_ptr<world> make_world(const settings& = {});

} // namespace contract

#endif
