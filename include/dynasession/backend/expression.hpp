#ifndef DYNASESSION_BACKEND_EXPRESSION_HPP
#define DYNASESSION_BACKEND_EXPRESSION_HPP

#include <dynasession/dynamodb/item.hpp>
#include <dynasession/dynamodb/json_writer.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::backend_detail {

/// The names and values that the expressions of a request use, each under a placeholder.
///
/// Every name goes through one: many short ones are reserved words (DynamoDB developer guide, "Reserved words").
class placeholders {
public:
    /// The placeholder of an attribute name, the same one each time.
    std::string name(std::string_view attribute) {
        for (const auto& [placeholder, known] : names)
            if (known == attribute) return placeholder;
        return new_name(std::string(attribute));
    }

    /// A placeholder of a name that has none yet.
    std::string new_name(std::string attribute) {
        std::string placeholder = "#" + std::to_string(names.size());
        names.emplace_back(placeholder, std::move(attribute));
        return placeholder;
    }

    std::string value(dynamodb::attribute_value v) {
        std::string placeholder = ":" + std::to_string(values.size());
        values.append(placeholder, std::move(v));
        return placeholder;
    }

    dynamodb::expression_names names{};
    dynamodb::item values{};
};

} // namespace dynasession::inline v0::backend_detail

#endif
