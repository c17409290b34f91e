#include <dynasession/store/user_operations.hpp>

#include <dynasession/lock/optimistic_lock.hpp>
#include <dynasession/lock/pessimistic_lock.hpp>
#include <dynasession/memory_session_store.hpp>

#include "support/counting_backend.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

namespace ds = dynasession;
using namespace std::chrono_literals;

namespace {

constexpr auto noon = ds::time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h);

using backend = counting_backend<ds::memory_backend>;
template <class LockPolicy>
using store_with = ds::basic_session_store<backend, LockPolicy, ds::json_serializer>;
using plain_store = store_with<ds::no_lock>;
using locked_store = store_with<ds::pessimistic_lock>;

struct fixture {
    ds::op::instant now{noon, std::chrono::steady_clock::time_point(100h)};

    ds::memory_options options() {
        return {.clock = [this] { return now; }};
    }

    template <class Store>
    ds::session log_in(Store& store, const std::string& user) {
        auto s = store.create();
        s.user(user);
        s.device("Firefox");
        store.save(s);
        return s;
    }
};

// How many commands, and how many of those were writes, `f` took.
template <class Store, class F>
std::pair<int, int> cost(Store& store, F f) {
    const int commands = store.backend().commands(), writes = store.backend().writes();
    f();
    return {store.backend().commands() - commands, store.backend().writes() - writes};
}
using spent = std::pair<int, int>;

constexpr ds::session_options with_marks{.revocation_marks = true};

// Knows no users.
struct bare_backend : ds::memory_backend {
    using ds::memory_backend::memory_backend;
    void lists_users() const = delete;
};
using bare_store = ds::basic_session_store<bare_backend, ds::no_lock, ds::json_serializer>;
template <class Store>
concept lists = requires(Store s) { s.sessions_of("ana"); };
static_assert(lists<plain_store> && !lists<bare_store>);

// Has marks alone.
struct without_index : backend {
    using backend::backend;
    bool lists_users() const { return false; }
    ds::result<ds::reply> perform(ds::command c) {
        if (std::holds_alternative<ds::list_sessions>(c)) return ds::failure(ds::error::invalid_option, "no index");
        return backend::perform(std::move(c));
    }
};
using marks_store = ds::basic_session_store<without_index, ds::no_lock, ds::json_serializer>;

} // namespace

TEST_CASE_FIXTURE(fixture, "a backend that knows no users is good for a store, but not for marks") {
    bare_store store(options());
    auto s = log_in(store, "ana");
    CHECK(store.load(s.id())->user() == "ana");
    CHECK_THROWS_AS(bare_store(options(), with_marks), ds::session_error);
}

TEST_CASE_FIXTURE(fixture, "an empty name of a user is refused") {
    plain_store store(options());
    ds::error_code ec;
    store.sessions_of("", ec);
    CHECK(ec == ds::error::invalid_option);
    CHECK_THROWS_AS(store.destroy_all_of(""), ds::session_error);
}

TEST_CASE_FIXTURE(fixture, "without marks no operation asks for more than it did") {
    plain_store store(options());
    ds::session s;
    CHECK(cost(store, [&] { s = log_in(store, "ana"); }) == spent(1, 1));
    CHECK(cost(store, [&] { s = *store.load(s.id()); }) == spent(1, 0));
    CHECK(cost(store, [&] { store.regenerate(s); }) == spent(1, 1));
    CHECK(cost(store, [&] { store.update(s.id(), [](auto& x) { x.user("jeremy"); }); }) == spent(2, 1));
    locked_store locked(options());
    s = log_in(locked, "ana");
    CHECK(cost(locked, [&] { s = *locked.load(s.id()); }) == spent(1, 1));
    CHECK(cost(locked, [&] { locked.save(s); }) == spent(1, 1));
}

TEST_CASE_FIXTURE(fixture, "with marks a load is one request where it is known whose the session is, and two where it is not") {
    plain_store store(options(), with_marks);
    ds::session s;
    CHECK(cost(store, [&] { s = log_in(store, "ana"); }) == spent(2, 1));
    CHECK(cost(store, [&] { CHECK(store.load(s.id())); }) == spent(2, 0));
    CHECK(cost(store, [&] { CHECK(store.load(s.id())); }) == spent(1, 0));
    CHECK(cost(store, [&] { CHECK(store.load(s.id(), ds::read_only)); }) == spent(1, 0));
    CHECK(cost(store, [&] { store.update(s.id(), [](auto& x) { x.set("n", 1); }); }) == spent(2, 1));
    // Another user's now: the first load after that guesses wrong.
    CHECK(cost(store, [&] { store.update(s.id(), [](auto& x) { x.user("jeremy"); }); }) == spent(3, 1));
    CHECK(cost(store, [&] { CHECK(store.load(s.id())); }) == spent(2, 0));
    CHECK(cost(store, [&] { CHECK(store.load(s.id())); }) == spent(1, 0));
    // Nobody's sessions cost nothing more.
    auto anonymous = store.create();
    CHECK(cost(store, [&] { store.save(anonymous); }) == spent(1, 1));
    CHECK(cost(store, [&] { CHECK(store.load(anonymous.id())); }) == spent(1, 0));

    locked_store locked(options(), with_marks);
    s = log_in(locked, "ana");
    for (int i = 0; i < 2; ++i) {
        CHECK(cost(locked, [&] { s = *locked.load(s.id()); }) == spent(2, 1));
        CHECK(cost(locked, [&] { locked.save(s); }) == spent(1, 1));
    }
}

TEST_CASE_FIXTURE(fixture, "a mark ends what was bound before, and what is bound after it counts, within one millisecond, again and again") {
    plain_store store(options(), with_marks);
    auto s = log_in(store, "ana");
    for (int i = 0; i < 3; ++i) {
        store.destroy_all_of("ana");
        CHECK_FALSE(store.load(s.id()));
        s = log_in(store, "ana");
        CHECK(store.load(s.id()));
        CHECK(store.sessions_of("ana").size() == 1);
    }
    now.system -= 1s; // a clock that is behind
    store.destroy_all_of("ana");
    CHECK_FALSE(store.load(s.id()));
    s = log_in(store, "ana");
    CHECK(store.load(s.id()));
}

TEST_CASE_FIXTURE(fixture, "a mark needs no index: what it has ended is removed by the load that finds it") {
    marks_store store(options(), with_marks);
    auto first = log_in(store, "ana"), second = log_in(store, "ana"), other = log_in(store, "jeremy");
    now.system += 1min;
    CHECK(cost(store, [&] { CHECK(store.destroy_all_of("ana") == 0); }) == spent(2, 1));
    CHECK(store.backend().size() == 3);
    CHECK(cost(store, [&] { CHECK_FALSE(store.load(first.id())); }) == spent(3, 1));
    CHECK(store.backend().size() == 2);
    CHECK_FALSE(store.load(second.id(), ds::read_only));
    CHECK(store.load(other.id()));
    CHECK(store.backend().size() == 1);
    ds::error_code ec;
    store.sessions_of("ana", ec);
    CHECK(ec == ds::error::invalid_option);
    store.destroy_oldest_of("ana", 1, ec);
    CHECK(ec == ds::error::invalid_option);
}

TEST_CASE_FIXTURE(fixture, "without index and marks there is nothing to end all sessions by, and that is an error") {
    marks_store store(options());
    ds::error_code ec;
    store.destroy_all_of("ana", ec);
    CHECK(ec == ds::error::invalid_option);
}

TEST_CASE_FIXTURE(fixture, "a save of what a mark has ended does not bring it back") {
    marks_store store(options(), with_marks), unaware(options());
    auto s = log_in(store, "ana");
    auto in_flight = *store.load(s.id());
    store.destroy_all_of("ana");
    now.system += 10min;
    in_flight.set("n", 1);
    in_flight.user("ana"); // as it is: not bound anew
    store.save(in_flight);
    CHECK_FALSE(store.load(s.id()));
    CHECK_FALSE(store.update(s.id(), [](auto& x) { x.set("n", 2); }));
}

TEST_CASE_FIXTURE(fixture, "the session that is kept is bound to the moment after the mark, under each policy, and can be saved on") {
    const auto check = [this](auto&& store) {
        auto keep = log_in(store, "ana"), other = log_in(store, "ana");
        keep = *store.load(keep.id());
        keep.set("n", 1);
        store.destroy_others_of("ana", keep);
        // It is saved where it has to be written.
        CHECK(store.load(keep.id(), ds::read_only)->contains("n") == store.options().revocation_marks);
        CHECK_FALSE(store.load(other.id()));
        keep.set("n", 2);
        store.save(keep);
        CHECK(store.load(keep.id(), ds::read_only)->template get<int>("n") == 2);
        other = log_in(store, "ana");
        store.destroy_others_of("ana", keep);
        CHECK(store.load(keep.id(), ds::read_only));
        CHECK_FALSE(store.load(other.id()));
    };
    check(plain_store(options(), with_marks));
    check(store_with<ds::optimistic_lock>(options(), with_marks));
    check(locked_store(options(), with_marks));
    check(marks_store(options(), with_marks));
    check(plain_store(options()));
}

TEST_CASE_FIXTURE(fixture, "the session of another user is kept by no list") {
    plain_store store(options(), with_marks);
    auto mine = log_in(store, "ana"), others = log_in(store, "jeremy");
    store.destroy_others_of("ana", others);
    CHECK_FALSE(store.load(mine.id()));
    CHECK(store.load(others.id())->user() == "jeremy");
}

TEST_CASE_FIXTURE(fixture, "a session that can be read only is not kept: by the id that it has it may not be found") {
    plain_store store(options());
    auto s = log_in(store, "ana");
    auto seen = *store.load(s.id(), ds::read_only);
    ds::error_code ec;
    store.destroy_others_of("ana", seen, ec);
    CHECK(ec == ds::error::read_only_session);
    CHECK(store.load(s.id()));
}

TEST_CASE_FIXTURE(fixture, "a locked session that a mark has ended leaves neither a lock nor a record") {
    locked_store store(options(), with_marks);
    auto s = log_in(store, "ana");
    store.destroy_all_of("ana");
    now.system += 1s;
    CHECK_FALSE(store.load(s.id(), ds::exclusive));
    CHECK(store.backend().size() == 0);
    CHECK_FALSE(store.load(s.id()));
}

TEST_CASE_FIXTURE(fixture, "with marks a session that could lie unused for longer than a mark is kept is refused") {
    plain_store store(options(), with_marks);
    auto s = store.create({.max_age = 0s, .max_stale = std::chrono::hours(24 * 401)});
    ds::error_code ec;
    store.save(s, ec);
    CHECK(ec == ds::error::invalid_option);
    s = store.create();
    s.lifetime({.max_stale = std::chrono::hours(24 * 401)});
    store.save(s, ec);
    CHECK(ec == ds::error::invalid_option);
    s.lifetime({.max_stale = std::chrono::hours(24 * 400)});
    store.save(s);
}

TEST_CASE_FIXTURE(fixture, "of thousands of sessions none is left") {
    plain_store store(options());
    for (int i = 0; i < 2500; ++i) log_in(store, "ana");
    CHECK(store.sessions_of("ana").size() == 1000);
    CHECK(store.destroy_oldest_of("ana", 1200) == 1300);
    CHECK(store.destroy_all_of("ana") == 1200);
    CHECK(store.sessions_of("ana").empty());
    CHECK(store.backend().size() == 0);
}
