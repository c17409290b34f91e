#include <dynasession/store/basic_session_store.hpp>

#include <dynasession/memory_session_store.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace ds = dynasession;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using ds::memory_session_store;

namespace {

constexpr auto noon = ds::time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h);

// The same clock for a store and the test that sets it.
struct manual_clock {
    ds::op::instant now{noon + 900ms, {}};
    ds::memory_options options() {
        return {.clock = [this] { return now; }};
    }
};

} // namespace

TEST_CASE("session options that make no sense are refused") {
    const auto refused = [](const ds::session_options& o) {
        try {
            memory_session_store store({}, o);
            return false;
        } catch (const ds::session_error& e) {
            return e.code() == ds::error::invalid_option && e.code() == ds::condition::configuration &&
                   !e.detail().empty();
        }
    };
    CHECK(refused({.max_stale = 0s}));
    CHECK(refused({.max_stale = -1s}));
    CHECK(refused({.max_age = -1s}));
    CHECK(refused({.touch_fraction = -0.1}));
    CHECK(refused({.touch_fraction = 1}));
    CHECK_FALSE(refused({.max_age = 0s, .touch_fraction = 0}));
}

TEST_CASE("a created session has its times in whole seconds, and nothing is stored") {
    manual_clock clock;
    memory_session_store store(clock.options(), {.max_age = 1h, .max_stale = 10min});
    const auto s = store.create();
    CHECK(s.is_new());
    CHECK(s.created() == noon);
    CHECK(s.expires() == noon + 10min);
    CHECK(s.deadline() == noon + 1h);
    CHECK(s.version() == 0);
    CHECK(s.id() != store.create().id());
    CHECK(store.backend().size() == 0);
}

TEST_CASE("a session without a maximal age has no deadline, one with less than its idle time ends with it") {
    manual_clock clock;
    memory_session_store endless(clock.options(), {.max_age = 0s});
    CHECK(endless.create().deadline() == ds::time_point::max());
    memory_session_store brief(clock.options(), {.max_age = 5min, .max_stale = 10min});
    CHECK(brief.create().expires() == noon + 5min);
}

TEST_CASE("the idle time and the deadline of a session are those it was stored with, whatever the options say later") {
    manual_clock clock;
    memory_session_store store(clock.options(), {.max_age = 1h, .max_stale = 10min});
    auto s = store.create();
    store.save(s);
    auto loaded = store.load(s.id()).value();
    clock.now.system += 9min;
    loaded.set("n", 1);
    store.save(loaded);
    CHECK(loaded.expires() == noon + 19min);
    CHECK(loaded.deadline() == noon + 1h);
}

TEST_CASE("an update whose change says no saves nothing") {
    manual_clock clock;
    memory_session_store store(clock.options());
    auto s = store.create();
    s.set("n", 1);
    store.save(s);
    const auto refused = store.update(s.id(), [](ds::session& x) {
        x.set("n", 2);
        return false;
    });
    REQUIRE(refused.has_value());
    CHECK(refused->version() == s.version());
    CHECK(store.load(s.id())->get<int>("n") == 1);
    CHECK(store.update(s.id(), [](ds::session& x) { return x.set("n", 2), true; })->get<int>("n") == 2);
    CHECK(store.load(s.id())->get<int>("n") == 2);
}

TEST_CASE("a new session that is touched is still not stored") {
    manual_clock clock;
    memory_session_store store(clock.options());
    auto s = store.create();
    s.set("n", 1);
    const auto before = s.id();
    store.touch(s);
    CHECK(s.id() == before);
    CHECK(s.is_new());
    CHECK(s.get<int>("n") == 1);
    CHECK(store.backend().size() == 0);
    store.save(s);
    CHECK_FALSE(s.is_new());
    CHECK(store.load(s.id())->get<int>("n") == 1);
}

TEST_CASE("a session that gets another id after saves of others takes their changes along") {
    manual_clock clock;
    memory_session_store store(clock.options());
    auto s = store.create();
    store.save(s);
    auto other = store.load(s.id()).value();
    other.set("theirs", 1);
    store.save(other);
    s.set("ours", 2);
    store.save(s); // raises the version beyond the save that it knows nothing of
    store.regenerate(s);
    CHECK(s.get<int>("theirs") == 1);
    CHECK(store.load(s.id())->value() == boost::json::object{{"ours", 2}, {"theirs", 1}});
}

TEST_CASE("what the function of an update throws passes through, and nothing is saved") {
    manual_clock clock;
    memory_session_store store(clock.options());
    auto s = store.create();
    store.save(s);
    const auto throwing = [](ds::session& x) {
        x.set("n", 1);
        throw std::runtime_error("no");
    };
    CHECK_THROWS_AS(store.update(s.id(), throwing), std::runtime_error);
    ds::error_code ec;
    CHECK_THROWS_AS(store.update(s.id(), throwing, ec), std::runtime_error);
    CHECK(store.load(s.id())->version() == 1);
}

TEST_CASE("a form with an error code sets it and gives an empty value, and clears it") {
    manual_clock clock;
    auto options = clock.options();
    options.max_session_bytes = 20;
    memory_session_store store(options);
    auto s = store.create();
    s.set("text", std::string(100, 'x'));
    ds::error_code ec;
    store.save(s, ec);
    CHECK(ec == ds::error::item_too_large);
    CHECK(s.is_new());
    CHECK_THROWS_AS(store.save(s), ds::session_error);
    s.clear();
    store.save(s, ec);
    CHECK_FALSE(ec);
    ec = ds::error::timeout;
    CHECK(store.load(s.id(), ec).has_value());
    CHECK_FALSE(ec);
    CHECK_FALSE(store
                    .update(
                        s.id(), [](ds::session& x) { x.set("text", std::string(100, 'x')); }, ec)
                    .has_value());
    CHECK(ec == ds::error::item_too_large);
}

TEST_CASE("asynchronous operations take any token, and wait to be started with the default one") {
    asio::io_context context;
    memory_session_store store(context.get_executor(), {});
    CHECK(store.get_executor() == memory_session_store::executor_type(context.get_executor()));
    auto s = store.create();
    s.set("n", 1);
    auto saving = store.async_save(s);
    context.run();
    CHECK(store.backend().size() == 0);
    auto saved = std::move(saving)(asio::use_future);
    context.restart();
    context.run();
    saved.get();
    CHECK(store.backend().size() == 1);

    std::optional<ds::session> found;
    store.async_load(s.id(), [&](ds::error_code ec, std::optional<ds::session> loaded) {
        CHECK_FALSE(ec);
        found = std::move(loaded);
    });
    context.restart();
    context.run();
    REQUIRE(found.has_value());
    CHECK(found->get<int>("n") == 1);
}

TEST_CASE("a store stays where it is") {
    static_assert(!std::is_copy_constructible_v<memory_session_store>);
    static_assert(!std::is_move_constructible_v<memory_session_store>);
    static_assert(!std::is_copy_assignable_v<memory_session_store>);
}
