#include "table_model.hpp"

#include <boost/json/value.hpp>

#include <utility>

namespace faults {

namespace {

const json::object no_attributes;

std::string_view text_in(const json::object& from, std::string_view member) {
    const auto* found = from.if_contains(member);
    return found ? std::string_view(found->as_string()) : std::string_view{};
}

// An item, or the key of one.
std::string key_of(const json::object& item) { return std::string(item.at("id").at("S").as_string()); }

void demand_known_members(const json::object& request, const std::set<std::string_view>& known) {
    for (const auto& member : request)
        if (!known.contains(member.key())) throw not_modelled("the member " + std::string(member.key()));
}

} // namespace

verdict verdict::error(std::string_view name) {
    return {400, {{"__type", "com.amazonaws.dynamodb.v20120810#" + std::string(name)}, {"message", "made up"}}};
}

const json::object* table_model::find(std::string_view key) const {
    const auto at = items_.find(key);
    return at == items_.end() ? nullptr : &at->second;
}

verdict table_model::carry_out(std::string_view operation, const json::object& request) {
    if (operation == "GetItem") return get(request);
    if (operation == "TransactWriteItems") return can_.transactions ? transact(request) : verdict::error("UnknownOperationException");
    const bool is_write = operation == "PutItem" || operation == "UpdateItem" || operation == "DeleteItem";
    if (!is_write) throw not_modelled("the operation " + std::string(operation));
    return put_update_or_delete(operation.substr(0, operation.find("Item")), request);
}

verdict table_model::get(const json::object& request) const {
    demand_known_members(request, {"TableName", "Key", "ConsistentRead"});
    const auto* found = find(key_of(request.at("Key").as_object()));
    return found ? verdict{200, {{"Item", *found}}} : verdict{};
}

verdict table_model::put_update_or_delete(std::string_view action, const json::object& request) {
    auto allowed = permitted(action, request);
    if (!allowed) {
        auto refused = verdict::error("ConditionalCheckFailedException");
        const auto& subject = request.at(action == "Put" ? "Item" : "Key").as_object();
        const auto* as_it_is = find(key_of(subject));
        if (as_it_is && can_.returns_old_item && text_in(request, "ReturnValuesOnConditionCheckFailure") == "ALL_OLD")
            refused.body["Item"] = *as_it_is;
        return refused;
    }
    verdict done;
    if (const auto wish = text_in(request, "ReturnValues"); wish == "ALL_NEW")
        done.body["Attributes"] = *allowed->item;
    else if (!wish.empty())
        throw not_modelled("ReturnValues " + std::string(wish));
    ++applied_;
    changes_ += apply(*std::move(allowed));
    return done;
}

// What is left to do if the condition holds.
std::optional<table_model::write> table_model::permitted(std::string_view action, const json::object& request) const {
    demand_known_members(request, {"TableName", "Key", "Item", "ConditionExpression", "UpdateExpression",
                                   "ExpressionAttributeNames", "ExpressionAttributeValues", "ReturnValues",
                                   "ReturnValuesOnConditionCheckFailure"});
    expressions its(request);
    const auto& subject = request.at(action == "Put" ? "Item" : "Key").as_object();
    write w{key_of(subject), {}};
    const auto* stored = find(w.key);
    if (!its.hold(stored ? *stored : no_attributes)) return std::nullopt;
    if (action == "Put")
        w.item = subject;
    else if (action == "Update")
        w.item = its.update(stored ? *stored : subject);
    else if (action != "Delete")
        throw not_modelled("the action " + std::string(action));
    its.demand_that_all_are_used();
    return w;
}

bool table_model::apply(write w) {
    if (!w.item) return items_.erase(w.key) != 0;
    auto& place = items_[w.key];
    if (place == *w.item) return false;
    place = *std::move(w.item);
    return true;
}

verdict table_model::transact(const json::object& request) {
    demand_known_members(request, {"TransactItems", "ClientRequestToken"});
    const auto token = text_in(request, "ClientRequestToken");
    if (token.empty()) throw not_modelled("a transaction without a ClientRequestToken");
    if (tokens_.contains(token)) return {};
    std::vector<write> writes;
    json::array reasons;
    for (const auto& element : request.at("TransactItems").as_array()) {
        const auto& [action, subject] = *element.as_object().begin();
        auto allowed = permitted(action, subject.as_object());
        reasons.push_back(json::object{{"Code", allowed ? "None" : "ConditionalCheckFailed"}});
        if (allowed) writes.push_back(*std::move(allowed));
    }
    if (writes.size() != reasons.size()) {
        auto refused = verdict::error("TransactionCanceledException");
        refused.body["CancellationReasons"] = std::move(reasons);
        return refused;
    }
    tokens_.emplace(token);
    ++applied_;
    bool changed = false;
    for (auto& w : writes) changed = apply(std::move(w)) || changed;
    changes_ += changed;
    return {};
}

} // namespace faults
