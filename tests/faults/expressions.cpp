#include "expressions.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <utility>

namespace faults {

namespace {

std::string_view as_text(const json::value& v) { return v.as_string(); }

// {"N": "12"}
std::int64_t as_number(const json::value& typed) {
    const auto text = as_text(typed.at("N"));
    std::int64_t n = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (failed != std::errc{} || end != text.data() + text.size()) throw not_modelled("the number " + std::string(text));
    return n;
}

std::string_view type_of(const json::value& typed) { return typed.as_object().begin()->key(); }

bool equal(const json::value& a, const json::value& b) {
    if (type_of(a) != type_of(b)) return false;
    return type_of(a) == "N" ? as_number(a) == as_number(b) : a == b;
}

} // namespace

expressions::expressions(const json::object& request) : request_(request) {}

std::string_view expressions::text_of(const char* member) const {
    const auto* text = request_.if_contains(member);
    return text ? as_text(*text) : std::string_view{};
}

bool expressions::hold(const json::object& item) {
    rest_ = text_of("ConditionExpression");
    if (rest_.empty()) return true;
    const bool holds = any_of(item);
    if (!rest_.empty()) throw not_modelled("in a condition: " + std::string(rest_));
    return holds;
}

json::object expressions::update(json::object item) {
    const auto before = item;
    rest_ = text_of("UpdateExpression");
    if (take("SET")) {
        do {
            const auto [parent, last] = place(item);
            demand("=");
            const auto* content = operand(before);
            if (!content) throw not_modelled("an update with an attribute that is not there");
            (*parent)[last] = *content;
        } while (take(","));
    }
    if (take("REMOVE")) {
        do {
            const auto [parent, last] = place(item);
            parent->erase(last);
        } while (take(","));
    }
    if (!rest_.empty()) throw not_modelled("in an update: " + std::string(rest_));
    return item;
}

void expressions::demand_that_all_are_used() const {
    for (const char* member : {"ExpressionAttributeNames", "ExpressionAttributeValues"})
        if (const auto* all = request_.if_contains(member))
            for (const auto& entry : all->as_object())
                if (!used_.contains(entry.key())) throw not_modelled("unused: " + std::string(entry.key()));
}

// Both sides are always read, whatever the first one says.
bool expressions::any_of(const json::object& item) {
    bool holds = all_of(item);
    while (take("OR")) holds = all_of(item) || holds;
    return holds;
}

bool expressions::all_of(const json::object& item) {
    bool holds = primary(item);
    while (take("AND")) holds = primary(item) && holds;
    return holds;
}

bool expressions::primary(const json::object& item) {
    if (take("NOT")) return !primary(item);
    if (take("(")) {
        const bool holds = any_of(item);
        demand(")");
        return holds;
    }
    if (const auto word = take_word(); !word.empty()) return function(word, item);
    const auto* left = operand(item);
    for (const std::string_view sign : {"<=", ">=", "=", "<", ">"}) {
        if (!take(sign)) continue;
        const auto* right = operand(item);
        if (!left || !right) return false;
        if (sign == "=") return equal(*left, *right);
        if (type_of(*left) != "N" || type_of(*right) != "N") return false;
        const auto a = as_number(*left), b = as_number(*right);
        return sign == "<" ? a < b : sign == ">" ? a > b : sign == ">=" ? a >= b : a <= b;
    }
    throw not_modelled("in a condition: " + std::string(rest_));
}

bool expressions::function(std::string_view name, const json::object& item) {
    demand("(");
    const auto* subject = path(item);
    bool holds = false;
    if (name == "attribute_not_exists") {
        holds = subject == nullptr;
    } else if (name == "attribute_type" || name == "contains") {
        demand(",");
        const auto text = as_text(value().at("S"));
        if (name == "contains")
            holds = subject && type_of(*subject) == "S" && as_text(subject->at("S")).find(text) != text.npos;
        else
            holds = subject && type_of(*subject) == text;
    } else {
        throw not_modelled("the function " + std::string(name));
    }
    demand(")");
    return holds;
}

const json::value* expressions::operand(const json::object& item) {
    skip_space();
    return rest_.starts_with(':') ? &value() : path(item);
}

const json::value* expressions::path(const json::object& item) {
    const auto* found = item.if_contains(name());
    while (take(".")) {
        const auto member = name();
        const auto* members = found ? found->as_object().if_contains("M") : nullptr;
        found = members ? members->as_object().if_contains(member) : nullptr;
    }
    return found;
}

// The object that the last member of a path belongs to, and that member.
std::pair<json::object*, std::string> expressions::place(json::object& item) {
    auto* parent = &item;
    auto last = name();
    while (take(".")) {
        auto* found = parent->if_contains(last);
        auto* members = found ? found->as_object().if_contains("M") : nullptr;
        if (!members) throw not_modelled("an update inside of what is not there");
        parent = &members->as_object();
        last = name();
    }
    return {parent, std::move(last)};
}

void expressions::skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }

// Words end where no letter follows.
bool expressions::take(std::string_view token) {
    skip_space();
    if (!rest_.starts_with(token)) return false;
    const bool is_word = std::isalpha(static_cast<unsigned char>(token.front())) != 0;
    if (is_word && rest_.size() > token.size() && std::isalpha(static_cast<unsigned char>(rest_[token.size()])) != 0)
        return false;
    rest_.remove_prefix(token.size());
    skip_space();
    return true;
}

void expressions::demand(std::string_view token) {
    if (!take(token)) throw not_modelled("no " + std::string(token) + " before: " + std::string(rest_));
}

std::string_view expressions::take_word() {
    skip_space();
    const auto word = rest_.substr(0, rest_.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"));
    rest_.remove_prefix(word.size());
    return word;
}

// The placeholder that comes next, '#' or ':' and digits.
const json::value& expressions::resolve(char sign, const char* member) {
    skip_space();
    const auto end = rest_.find_first_not_of("0123456789", 1);
    const auto placeholder = rest_.substr(0, end);
    const auto* all = request_.if_contains(member);
    const auto* meant = all ? all->as_object().if_contains(placeholder) : nullptr;
    if (!placeholder.starts_with(sign) || !meant) throw not_modelled("no placeholder: " + std::string(rest_));
    used_.emplace(placeholder);
    rest_.remove_prefix(placeholder.size());
    skip_space();
    return *meant;
}

std::string expressions::name() { return std::string(as_text(resolve('#', "ExpressionAttributeNames"))); }
const json::value& expressions::value() { return resolve(':', "ExpressionAttributeValues"); }

} // namespace faults
