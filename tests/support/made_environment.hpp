#ifndef DYNASESSION_TESTS_SUPPORT_MADE_ENVIRONMENT_HPP
#define DYNASESSION_TESTS_SUPPORT_MADE_ENVIRONMENT_HPP

#include <dynasession/aws/environment.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace test {

/// An environment of these variables and no others.
inline dynasession::aws::environment made_of(std::map<std::string, std::string, std::less<>> variables) {
    return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
    };
}

} // namespace test

#endif
