#ifndef DYNASESSION_TESTS_SUPPORT_FIXTURES_HPP
#define DYNASESSION_TESTS_SUPPORT_FIXTURES_HPP

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace test {

/// A recording that is no part of the project; nothing, and a line in the output, when it is not there.
inline std::optional<boost::json::value> read_fixture(const std::string& name) {
#ifdef DYNASESSION_SHARED_DIR
    const auto file = std::filesystem::path(DYNASESSION_SHARED_DIR) / "fixtures" / name;
#else
    const std::filesystem::path file;
#endif
    if (!std::filesystem::exists(file)) {
        MESSAGE("not run: fixtures/" << name << " is not there");
        return std::nullopt;
    }
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    return boost::json::parse(text.str());
}

} // namespace test

#endif
