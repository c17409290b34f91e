#ifndef DYNASESSION_AWS_FETCH_HPP
#define DYNASESSION_AWS_FETCH_HPP

#include <dynasession/aws/credentials.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/http/endpoint.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/op/action.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dynasession::inline v0::aws {

/// A request to a server that gives out credentials, or what else a machine knows of itself.
struct server_call {
    http::endpoint server{};
    http::request message{};
    std::chrono::milliseconds timeout{1000}; ///< from connecting to the last byte of the answer
    bool through_proxy = false;              ///< metadata servers are never asked through one
};

/// A program to be run, without a shell, that prints credentials.
struct program_call {
    std::vector<std::string> arguments{}; ///< the first one names the program
    std::chrono::milliseconds timeout{60'000};
    std::size_t max_output = 64 * 1024; ///< bytes
};

/// What became of a program.
struct program_output {
    int exit_status = 0; ///< 128 and more: ended by a signal
    std::string text{};  ///< what it wrote to its standard output
};

/// The effects of a `fetch_operation`.
using fetch_effect = std::variant<server_call, program_call>;

/// The reply to the one or the other.
struct fetch_reply {
    result<http::response> answer{};
    result<program_output> output{};

    fetch_reply() = default;
    fetch_reply(const failure& f) : answer(f), output(f) {}
    fetch_reply(http::response r) : answer(std::move(r)) {}
    fetch_reply(program_output o) : output(std::move(o)) {}
};

/// An operation that fetches credentials, or another value: `fetch_now` carries it out.
template <class Op, class T = credentials>
concept fetch_operation =
    op::operation<Op> && std::same_as<typename Op::effect_type, fetch_effect> &&
    std::same_as<typename Op::reply_type, fetch_reply> && std::same_as<typename Op::value_type, T>;

} // namespace dynasession::inline v0::aws

#endif
