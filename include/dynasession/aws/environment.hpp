#ifndef DYNASESSION_AWS_ENVIRONMENT_HPP
#define DYNASESSION_AWS_ENVIRONMENT_HPP

#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace dynasession::inline v0::aws {

/// Looks up a variable by its name: `process_environment`, or what a test makes up.
using environment = std::function<std::optional<std::string>(std::string_view)>;

/// A variable of this process.
///
/// *Thread safety:* as getenv: no other thread may change the environment meanwhile.
inline std::optional<std::string> process_environment(std::string_view name) {
    if (const char* value = std::getenv(std::string(name).c_str())) return value;
    return std::nullopt;
}

/// The value of a variable without space around it; empty when it is not set or blank, as the AWS SDKs read it.
inline std::string variable(const environment& env, std::string_view name) {
    constexpr std::string_view space = " \t\r\n";
    const auto value = env(name).value_or("");
    const auto begin = value.find_first_not_of(space);
    if (begin == value.npos) return {};
    return value.substr(begin, value.find_last_not_of(space) + 1 - begin);
}

} // namespace dynasession::inline v0::aws

#endif
