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
    using t = attribute_value::type;
    if (type == "S") return in.string(out.emplace<t::string>());
    if (type == "N") return in.string(out.emplace<t::number>());
    if (type == "B") return in.base64(out.emplace<t::binary>());
    if (type == "M") return read(in, out.emplace<t::map>());
    if (type == "L") return read(in, out.emplace<t::list>());
    if (type == "BOOL") return in.boolean(out.emplace<t::boolean>());
    if (type == "SS") return read_strings(in, out.emplace<t::string_set>());
    if (type == "NS") return read_strings(in, out.emplace<t::number_set>());
    if (type == "BS")
        return in.array([&, &set = out.emplace<t::binary_set>()] { return in.base64(set.emplace_back()); });
    out.emplace<t::null>();
    bool yes = false;
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
        if (out.empty()) out.reserve(6); // few items have more
        return read(in, out.append(name));
    }) && item_scanner_detail::has_unique_names(out);
}

} // namespace dynasession::inline v0::dynamodb

#endif
