#ifndef DYNASESSION_DYNAMODB_ITEM_HPP
#define DYNASESSION_DYNAMODB_ITEM_HPP

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace dynasession::inline v0::dynamodb {

class attribute_value;

/// The attributes of an item by name: a flat map in the order of insertion, quick at the sizes that items have.
///
/// Two items are equal when they have the same attributes, in whatever order.
/// *Cost:* looking up a name is linear in the number of attributes.
class item {
public:
    struct entry;
    using iterator = std::vector<entry>::iterator;
    using const_iterator = std::vector<entry>::const_iterator;

    // Defined below, where the entries are complete.
    item() noexcept;
    item(const item& other);
    item(item&& other) noexcept;
    item& operator=(const item& other);
    item& operator=(item&& other) noexcept;
    ~item();
    item(std::initializer_list<entry> entries);

    /// The value of an attribute, or null.
    const attribute_value* find(std::string_view name) const noexcept;
    attribute_value* find(std::string_view name) noexcept;
    bool contains(std::string_view name) const noexcept { return find(name) != nullptr; }

    /// Sets an attribute, whether it is there or not.
    attribute_value& insert_or_assign(std::string_view name, attribute_value value);

    /// Adds an attribute without looking whether the name is taken: for names that are known to be new.
    attribute_value& append(std::string name, attribute_value value);

    /// The same with NULL, to be made something else where it stands.
    attribute_value& append(std::string_view name);

    /// Removes an attribute; says whether it was there.
    bool erase(std::string_view name);

    iterator begin() noexcept;
    iterator end() noexcept;
    const_iterator begin() const noexcept;
    const_iterator end() const noexcept;
    std::size_t size() const noexcept;
    bool empty() const noexcept { return size() == 0; }
    void reserve(std::size_t n);
    void clear() noexcept;

    friend bool operator==(const item& a, const item& b) noexcept;

private:
    std::vector<entry> entries_;
};

/// A value of one of the ten types that DynamoDB stores.
///
/// Made by the function named after the type, read by the `as_` function of the type, which gives null when the value
/// has another type. Numbers are kept as their text: up to 38 digits, nothing rounded. Two sets are equal when they
/// have the same elements, in whatever order.
class attribute_value {
public:
    enum class type { string, number, binary, boolean, null, map, list, string_set, number_set, binary_set };
    using list_type = std::vector<attribute_value>;
    using set_type = std::vector<std::string>;

private:
    // In the order of `type`, so that the index of the alternative is the type.
    using storage = std::variant<std::string, std::string, std::string, bool, std::monostate, item, list_type, set_type,
                                 set_type, set_type>;

    template <type T>
    auto* get() const noexcept {
        return std::get_if<static_cast<std::size_t>(T)>(&value_);
    }
    template <type T>
    auto* get() noexcept {
        return std::get_if<static_cast<std::size_t>(T)>(&value_);
    }

public:
    /// NULL.
    attribute_value() noexcept;

    static attribute_value string(std::string text) { return make<type::string>(std::move(text)); }
    static attribute_value number(std::string text) { return make<type::number>(std::move(text)); }
    template <std::integral I>
        requires(!std::same_as<I, bool>)
    static attribute_value number(I value);
    static attribute_value binary(std::string bytes) { return make<type::binary>(std::move(bytes)); }
    static attribute_value boolean(bool value) { return make<type::boolean>(value); }
    static attribute_value null() { return {}; }
    static attribute_value map(item members) { return make<type::map>(std::move(members)); }
    static attribute_value list(list_type elements) { return make<type::list>(std::move(elements)); }
    static attribute_value string_set(set_type texts) { return make<type::string_set>(std::move(texts)); }
    static attribute_value number_set(set_type numbers) { return make<type::number_set>(std::move(numbers)); }
    static attribute_value binary_set(set_type bytes) { return make<type::binary_set>(std::move(bytes)); }

    type kind() const noexcept { return static_cast<type>(value_.index()); }
    bool is_null() const noexcept { return kind() == type::null; }

    const std::string* as_string() const noexcept { return get<type::string>(); }
    const std::string* as_number() const noexcept { return get<type::number>(); }
    const std::string* as_binary() const noexcept { return get<type::binary>(); }
    const bool* as_boolean() const noexcept { return get<type::boolean>(); }
    const item* as_map() const noexcept { return get<type::map>(); }
    const list_type* as_list() const noexcept { return get<type::list>(); }
    const set_type* as_string_set() const noexcept { return get<type::string_set>(); }
    const set_type* as_number_set() const noexcept { return get<type::number_set>(); }
    const set_type* as_binary_set() const noexcept { return get<type::binary_set>(); }

    std::string* as_string() noexcept { return get<type::string>(); }
    std::string* as_number() noexcept { return get<type::number>(); }
    std::string* as_binary() noexcept { return get<type::binary>(); }
    bool* as_boolean() noexcept { return get<type::boolean>(); }
    item* as_map() noexcept { return get<type::map>(); }
    list_type* as_list() noexcept { return get<type::list>(); }
    set_type* as_string_set() noexcept { return get<type::string_set>(); }
    set_type* as_number_set() noexcept { return get<type::number_set>(); }
    set_type* as_binary_set() noexcept { return get<type::binary_set>(); }

    /// Becomes an empty value of this type (false, the empty text) and returns what it holds.
    template <type T>
    auto& emplace() {
        return value_.template emplace<static_cast<std::size_t>(T)>();
    }

    /// The number as an integer; empty when the value is no number, has a fraction, or does not fit.
    std::optional<std::int64_t> as_integer() const noexcept;

    friend bool operator==(const attribute_value& a, const attribute_value& b) noexcept;

private:
    template <type T, class V>
    static attribute_value make(V&& value) {
        attribute_value made;
        made.value_.template emplace<static_cast<std::size_t>(T)>(std::forward<V>(value));
        return made;
    }
    storage value_;
};

/// One attribute of an item.
struct item::entry {
    std::string name;
    attribute_value value;
};

inline attribute_value::attribute_value() noexcept
    : value_(std::in_place_index<static_cast<std::size_t>(type::null)>) {}

template <std::integral I>
    requires(!std::same_as<I, bool>)
attribute_value attribute_value::number(I value) {
    char text[24];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    return make<type::number>(std::string(text, end));
}

inline std::optional<std::int64_t> attribute_value::as_integer() const noexcept {
    const auto* text = as_number();
    if (text == nullptr) return std::nullopt;
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (failed != std::errc{} || end != text->data() + text->size()) return std::nullopt;
    return value;
}

inline bool operator==(const attribute_value& a, const attribute_value& b) noexcept {
    if (a.kind() != b.kind() || a.kind() < attribute_value::type::string_set) return a.value_ == b.value_;
    const auto elements = [](const attribute_value& v) -> const attribute_value::set_type& {
        return v.as_string_set() ? *v.as_string_set() : v.as_number_set() ? *v.as_number_set() : *v.as_binary_set();
    };
    return std::ranges::is_permutation(elements(a), elements(b));
}

inline item::item() noexcept = default;
inline item::item(const item& other) = default;
inline item::item(item&& other) noexcept = default;
inline item& item::operator=(const item& other) = default;
inline item& item::operator=(item&& other) noexcept = default;
inline item::~item() = default;
inline item::iterator item::begin() noexcept { return entries_.begin(); }
inline item::iterator item::end() noexcept { return entries_.end(); }
inline item::const_iterator item::begin() const noexcept { return entries_.begin(); }
inline item::const_iterator item::end() const noexcept { return entries_.end(); }
inline std::size_t item::size() const noexcept { return entries_.size(); }
inline void item::reserve(std::size_t n) { entries_.reserve(n); }
inline void item::clear() noexcept { entries_.clear(); }

inline item::item(std::initializer_list<entry> entries) {
    entries_.reserve(entries.size());
    for (const auto& e : entries) insert_or_assign(e.name, e.value);
}

inline const attribute_value* item::find(std::string_view name) const noexcept {
    for (const auto& e : entries_)
        if (e.name == name) return &e.value;
    return nullptr;
}

inline attribute_value* item::find(std::string_view name) noexcept {
    return const_cast<attribute_value*>(std::as_const(*this).find(name));
}

inline attribute_value& item::append(std::string name, attribute_value value) {
    entries_.push_back({std::move(name), std::move(value)});
    return entries_.back().value;
}

inline attribute_value& item::append(std::string_view name) {
    auto& added = entries_.emplace_back();
    added.name = name;
    return added.value;
}

inline attribute_value& item::insert_or_assign(std::string_view name, attribute_value value) {
    if (auto* there = find(name)) return *there = std::move(value);
    return append(std::string(name), std::move(value));
}

inline bool item::erase(std::string_view name) {
    return std::erase_if(entries_, [&](const entry& e) { return e.name == name; }) != 0;
}

inline bool operator==(const item& a, const item& b) noexcept {
    return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const item::entry& e) {
               const auto* other = b.find(e.name);
               return other != nullptr && *other == e.value;
           });
}

} // namespace dynasession::inline v0::dynamodb

#endif
