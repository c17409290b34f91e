#ifndef DYNASESSION_TESTS_UNIT_DYNAMODB_OPERATIONS_WRITTEN_HPP
#define DYNASESSION_TESTS_UNIT_DYNAMODB_OPERATIONS_WRITTEN_HPP

#include <dynasession/dynamodb/request.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>

/// The body of a request.
template <dynasession::dynamodb::request Request>
std::string written(const Request& r) {
    std::string out;
    dynasession::dynamodb::json_writer writer(out);
    write(writer, r);
    REQUIRE(writer.problem() == nullptr);
    return out;
}

/// The response in a body, if it is one.
template <class Response>
std::optional<Response> read_as(std::string_view body) {
    Response out;
    if (!dynasession::dynamodb::read_answer(body, out)) return std::nullopt;
    return out;
}

#endif
