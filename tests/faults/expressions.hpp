#ifndef DYNASESSION_TESTS_FAULTS_EXPRESSIONS_HPP
#define DYNASESSION_TESTS_FAULTS_EXPRESSIONS_HPP

#include <boost/json/object.hpp>

#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace faults {

namespace json = boost::json;

/// A request is not what DynamoDB takes, or nothing that the model knows: either way a test has to fail.
class not_modelled : public std::runtime_error {
public:
    using runtime_error::runtime_error;
};

/// The condition and update expressions of a request, as far as our backend uses the language (DynamoDB developer guide,
/// "Condition and filter expressions", "Update expressions"): names and values stand behind placeholders.
class expressions {
public:
    /// `request` is one that has the members of a write, or an action of a transaction; it has to outlive this.
    explicit expressions(const json::object& request);

    /// Whether the condition, if there is one, holds for an item; none is an item without attributes.
    bool hold(const json::object& item);

    /// The item after the update.
    json::object update(json::object item);

    /// DynamoDB refuses placeholders that no expression uses.
    void demand_that_all_are_used() const;

private:
    std::string_view text_of(const char* member) const;

    // The grammar, one function a rule; `rest_` is what has not been read yet.
    bool any_of(const json::object& item);
    bool all_of(const json::object& item);
    bool primary(const json::object& item);
    bool function(std::string_view name, const json::object& item);
    const json::value* operand(const json::object& item);
    const json::value* path(const json::object& item);
    std::pair<json::object*, std::string> place(json::object& item);

    void skip_space();
    bool take(std::string_view token);
    void demand(std::string_view token);
    std::string_view take_word();
    const json::value& resolve(char sign, const char* member);
    std::string name();
    const json::value& value();

    const json::object& request_;
    std::string_view rest_{};
    std::set<std::string, std::less<>> used_{};
};

} // namespace faults

#endif
