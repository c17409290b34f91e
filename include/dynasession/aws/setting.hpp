#ifndef DYNASESSION_AWS_SETTING_HPP
#define DYNASESSION_AWS_SETTING_HPP

#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/shared_config.hpp>
#include <dynasession/core/error.hpp>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// A text of the configuration and where it was found; empty when it is nowhere.
struct setting {
    std::string value{};
    std::string source{}; ///< the option, the variable, or the file, line and property

    /// What is wrong with the value, and what to do: the message begins with the source.
    failure refuse(std::string_view why, error code = error::invalid_option) const {
        return {code, std::string(source).append(": ").append(why)};
    }
};

/// What a property of a profile says.
inline setting setting_of(const profile_property* p) {
    return p ? setting{p->value, p->source + ": " + p->name} : setting{};
}

/// The first of the variables that is not blank.
inline setting find_variable(std::initializer_list<std::string_view> variables, const environment& env) {
    for (const auto name : variables)
        if (auto value = variable(env, name); !value.empty()) return {std::move(value), std::string(name)};
    return {};
}

/// The first of the variables that is not blank, else the property of the profile in use.
inline setting find_setting(std::initializer_list<std::string_view> variables, std::string_view property,
                            const environment& env, const shared_config& config) {
    auto found = find_variable(variables, env);
    return found.value.empty() ? setting_of(config.find(property)) : found;
}

/// Whether two texts of ASCII differ at most in case.
inline bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
    constexpr auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

/// What turns a switch on: the name of the option, the variable or the property; empty when it is off.
///
/// *Errors:* `error::invalid_option` when variable or property is neither `true` nor `false`.
inline result<std::string> switched_on_by(std::optional<bool> given, std::string_view option,
                                          std::string_view variable_name, std::string_view property,
                                          const environment& env, const shared_config& config) {
    if (given) return *given ? "option " + std::string(option) : std::string();
    auto found = find_setting({variable_name}, property, env, config);
    if (found.value.empty() || equals_ignoring_case(found.value, "false")) return std::string();
    if (!equals_ignoring_case(found.value, "true")) return found.refuse("neither true nor false");
    return std::move(found.source);
}

} // namespace dynasession::inline v0::aws

#endif
