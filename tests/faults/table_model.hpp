#ifndef DYNASESSION_TESTS_FAULTS_TABLE_MODEL_HPP
#define DYNASESSION_TESTS_FAULTS_TABLE_MODEL_HPP

#include "expressions.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace faults {

/// What a DynamoDB knows that others that speak its language (dynalite, DynamoDB Local 2020) do not.
struct abilities {
    bool returns_old_item = true; ///< ReturnValuesOnConditionCheckFailure
    bool transactions = true;     ///< with their ClientRequestToken

    static abilities none() { return {.returns_old_item = false, .transactions = false}; }
};

/// What an operation answers; a status of 200 or an error.
struct verdict {
    unsigned status = 200;
    json::object body{};

    static verdict error(std::string_view name);
};

/// One table with the key `id`, as far as our backend uses it, and what was done to it.
///
/// *Errors:* throws `not_modelled` for all else, and for whatever DynamoDB would call a mistake.
class table_model {
public:
    explicit table_model(abilities can) : can_(can) {}

    verdict carry_out(std::string_view operation, const json::object& request);

    /// Null if there is none.
    const json::object* find(std::string_view key) const;

    std::size_t size() const noexcept { return items_.size(); }

    /// How many writes have met their condition, and how many of those left something else than was there before. A
    /// transaction counts as one.
    int applied() const noexcept { return applied_; }
    int changes() const noexcept { return changes_; }

private:
    // An item in place of the one with its key; none: that one goes.
    struct write {
        std::string key{};
        std::optional<json::object> item{};
    };

    verdict get(const json::object& request) const;
    verdict put_update_or_delete(std::string_view action, const json::object& request);
    verdict transact(const json::object& request);
    std::optional<write> permitted(std::string_view action, const json::object& request) const;
    bool apply(write w);

    abilities can_;
    std::map<std::string, json::object, std::less<>> items_{};
    std::set<std::string, std::less<>> tokens_{};
    int applied_ = 0;
    int changes_ = 0;
};

} // namespace faults

#endif
