#ifndef DYNASESSION_DYNAMODB_ITEM_SCANNER_HPP
#define DYNASESSION_DYNAMODB_ITEM_SCANNER_HPP

#include <dynasession/dynamodb/item.hpp>
#include <dynasession/dynamodb/json_reader.hpp>
#include <dynasession/dynamodb/json_scanner.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::dynamodb {

// Items straight from the text, each string made once and where it stays; `read` from a `boost::json::value` gives the
// same, at three times the cost. False when the JSON has another shape.
bool read(json_scanner& in, attribute_value& out);
bool read(json_scanner& in, item& out);

template <class T>
bool read(json_scanner& in, std::vector<T>& out) {
    out.clear();
    return in.array([&] { return read(in, out.emplace_back()); });
}

/// A null leaves the place as it is.
template <class T>
bool read(json_scanner& in, std::optional<T>& out) {
    return in.null() || read(in, out.emplace());
}

/// Reads by way of a document what does not come often enough to have a shorter way.
template <class T>
bool read_document(json_scanner& in, T& out) {
    std::string_view text;
    if (!in.raw(text)) return false;
    const json_document document(text);
    return document.value() != nullptr && (document.value()->is_null() || read(*document.value(), out));
}

/// Passes over a value that must be JSON, and nothing else.
inline bool skip(json_scanner& in) {
    std::string_view text;
    return in.raw(text) && json_document(text).value() != nullptr;
}

namespace item_scanner_detail {

inline bool read_strings(json_scanner& in, attribute_value::set_type& out) {
    return in.array([&] { return in.string(out.emplace_back()); });
}

inline bool read_content(json_scanner& in, std::string_view type, attribute_value& out) {
    using v = attribute_value;
    if (type == "S") return in.string(*(out = v::string({})).as_string());
    if (type == "N") return in.string(*(out = v::number(std::string())).as_number());
    if (type == "B") return in.base64(*(out = v::binary({})).as_binary());
    if (type == "M") return read(in, *(out = v::map({})).as_map());
    if (type == "L") return read(in, *(out = v::list({})).as_list());
    if (type == "BOOL") return in.boolean(*(out = v::boolean(false)).as_boolean());
    if (type == "SS") return read_strings(in, *(out = v::string_set({})).as_string_set());
    if (type == "NS") return read_strings(in, *(out = v::number_set({})).as_number_set());
    if (type == "BS") {
        auto& set = *(out = v::binary_set({})).as_binary_set();
        return in.array([&] { return in.base64(set.emplace_back()); });
    }
    bool yes = false;
    out = v::null();
    return type == "NULL" && in.boolean(yes) && yes;
}

inline bool has_unique_names(const item& i) {
    if (i.size() <= 16) {
        for (auto a = i.begin(); a != i.end(); ++a)
            if (std::any_of(a + 1, i.end(), [&](const auto& b) { return a->name == b.name; })) return false;
        return true;
    }
    std::vector<std::string_view> names;
    names.reserve(i.size());
    for (const auto& [name, value] : i) names.push_back(name);
    std::ranges::sort(names);
    return std::ranges::adjacent_find(names) == names.end();
}

} // namespace item_scanner_detail

inline bool read(json_scanner& in, attribute_value& out) {
    bool first = true;
    return in.object([&](std::string_view type) {
        return std::exchange(first, false) && item_scanner_detail::read_content(in, type, out);
    }) && !first;
}

inline bool read(json_scanner& in, item& out) {
    out.clear();
    return in.object([&](std::string_view name) {
        if (out.empty()) out.reserve(8); // few items have more
        return read(in, out.append(std::string(name), {}));
    }) && item_scanner_detail::has_unique_names(out);
}

} // namespace dynasession::inline v0::dynamodb

#endif
