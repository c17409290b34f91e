#ifndef DYNASESSION_DYNAMODB_ITEM_SIZE_HPP
#define DYNASESSION_DYNAMODB_ITEM_SIZE_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/dynamodb/item.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// The largest item that DynamoDB stores, in bytes, names included (developer guide, "Quotas").
inline constexpr std::size_t max_item_size = 400 * 1024;

std::size_t item_size(const item& i) noexcept;

namespace size_detail {

// The guide: "approximately ... 1 byte per two significant digits ... + 1 byte"; a sign takes one more.
constexpr std::size_t number_size(std::string_view text) noexcept {
    const bool negative = text.starts_with('-');
    const auto mantissa = text.substr(0, text.find_first_of("eE"));
    const auto first = mantissa.find_first_of("123456789");
    std::size_t digits = 0;
    if (first != std::string_view::npos) {
        const auto last = mantissa.find_last_of("123456789");
        for (const char c : mantissa.substr(first, last - first + 1)) digits += c != '.';
    }
    return (digits + 1) / 2 + 1 + negative;
}

} // namespace size_detail

/// What a value takes of the size of its item, in bytes (developer guide, "Item sizes and formats").
inline std::size_t value_size(const attribute_value& value) noexcept {
    using type = attribute_value::type;
    // "3 bytes of overhead, regardless of its contents", and "1 byte" for each element.
    constexpr std::size_t container = 3;
    std::size_t size = 0;
    switch (value.kind()) {
    case type::string: return value.as_string()->size();
    case type::binary: return value.as_binary()->size();
    case type::number: return size_detail::number_size(*value.as_number());
    case type::boolean:
    case type::null: return 1;
    case type::map: return container + value.as_map()->size() + item_size(*value.as_map());
    case type::list:
        for (const auto& element : *value.as_list()) size += 1 + value_size(element);
        return container + size;
    case type::string_set:
        for (const auto& text : *value.as_string_set()) size += text.size();
        return size;
    case type::number_set:
        for (const auto& text : *value.as_number_set()) size += size_detail::number_size(text);
        return size;
    case type::binary_set:
        for (const auto& bytes : *value.as_binary_set()) size += bytes.size();
        return size;
    }
    return size;
}

/// The size of an item as DynamoDB counts it for its limit and its price, in bytes: names and values.
///
/// A number may be counted a byte too small or too large: its exact size is not documented.
inline std::size_t item_size(const item& i) noexcept {
    std::size_t size = 0;
    for (const auto& [name, value] : i) size += name.size() + value_size(value);
    return size;
}

/// The size of the largest of several items.
inline std::size_t largest_size(const std::vector<item>& items) noexcept {
    std::size_t size = 0;
    for (const auto& i : items) size = std::max(size, item_size(i));
    return size;
}

/// Why an item of this size is not sent, if it is over the limit: DynamoDB would refuse it as well, but only after it
/// has travelled.
inline std::optional<failure> refuse_too_large(std::size_t size) {
    if (size <= max_item_size) return std::nullopt;
    return failure(error::item_too_large, "the item would take " + std::to_string(size) +
                                              " bytes; DynamoDB stores at most " + std::to_string(max_item_size));
}

/// Why a request with a body of `body_size` bytes is not sent, if an item in it is over the limit.
///
/// The JSON of an item is always longer than the item, so that nearly always nothing has to be counted. An update says
/// nothing of the size that the item will have.
template <class Request>
std::optional<failure> refuse_too_large(const Request& r, std::size_t body_size) {
    if constexpr (requires { largest_item(r); })
        if (body_size > max_item_size) return refuse_too_large(largest_item(r));
    return std::nullopt;
}

} // namespace dynasession::inline v0::dynamodb

#endif
