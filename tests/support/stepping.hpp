#ifndef DYNASESSION_TESTS_SUPPORT_STEPPING_HPP
#define DYNASESSION_TESTS_SUPPORT_STEPPING_HPP

#include <dynasession/core/command.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/core/fields.hpp>
#include <dynasession/core/record.hpp>
#include <dynasession/op/action.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <utility>
#include <variant>

// Steps an operation whose effects are commands by hand, with a clock that stands still.

namespace dynasession::test {

inline constexpr auto noon =
    time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + std::chrono::hours(12));

// What the stopwatch shows at noon: not its beginning, so that a time that was never set is seen.
inline constexpr auto steady_noon = std::chrono::steady_clock::time_point(std::chrono::hours(100));

// So long after noon, by both clocks.
inline op::instant at(std::chrono::milliseconds d) { return {noon + d, steady_noon + d}; }

// Where the clock was set and the stopwatch went on.
inline op::instant at(std::chrono::milliseconds system, std::chrono::milliseconds steady) {
    return {noon + system, steady_noon + steady};
}

inline record stored_at_noon() {
    using namespace std::chrono_literals;
    return {{.created = noon, .deadline = noon + 12h, .expires = noon + 30min, .max_stale = 30min, .version = 3},
            fields({{"gone", "1"}, {"kept", "1"}})};
}

inline result<dynasession::reply> applied(std::optional<record> item = {}) {
    return dynasession::reply{.item = std::move(item)};
}

inline result<dynasession::reply> refused(std::optional<record> item = {}) {
    return dynasession::reply{.applied = false, .item = std::move(item)};
}

// The command that an operation asks for, which has to be this one.
template <class Command, class T>
Command asked(const op::action<command, T>& a) {
    REQUIRE_MESSAGE(std::holds_alternative<command>(a), "no command is asked for");
    REQUIRE(std::holds_alternative<Command>(std::get<command>(a)));
    return std::get<Command>(std::get<command>(a));
}

template <class T>
op::pause paused(const op::action<command, T>& a) {
    REQUIRE_MESSAGE(std::holds_alternative<op::pause>(a), "no pause");
    return std::get<op::pause>(a);
}

template <class T>
result<T> finished(op::action<command, T> a) {
    REQUIRE_MESSAGE(std::holds_alternative<result<T>>(a), "not finished");
    return std::get<result<T>>(std::move(a));
}

template <class T>
bool fails_with(const op::action<command, T>& a, error_code e) {
    const auto r = finished<T>(a);
    return r.has_error() && r.error() == e;
}

} // namespace dynasession::test

#endif
