#ifndef DYNASESSION_DYNAMODB_JSON_READER_HPP
#define DYNASESSION_DYNAMODB_JSON_READER_HPP

#include <dynasession/detail/encoding.hpp>
#include <dynasession/dynamodb/item.hpp>

#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// A JSON document that lives on the stack as long as it is small: the body of one answer.
class json_document {
public:
    explicit json_document(std::string_view text) {
        boost::json::parse_options options;
        options.max_depth = max_depth;
        boost::json::parser parser({}, options, scratch_);
        parser.reset(&memory_);
        boost::system::error_code ec;
        parser.write(text.data(), text.size(), ec);
        if (!ec) value_.emplace(parser.release());
    }

    json_document(const json_document&) = delete;
    json_document& operator=(const json_document&) = delete;

    /// The value that the text is, or null when it is no JSON.
    const boost::json::value* value() const noexcept { return value_ ? &*value_ : nullptr; }

private:
    // DynamoDB nests values 32 levels deep; each takes two of JSON, and a page with its items three more.
    static constexpr std::size_t max_depth = 72;

    unsigned char buffer_[4096];
    unsigned char scratch_[1024];
    boost::json::monotonic_resource memory_{buffer_};
    std::optional<boost::json::value> value_;
};

// One `read` for each type that answers hold: false when the JSON has another shape.
inline bool read(const boost::json::value& json, std::string& out) {
    const auto* text = json.if_string();
    if (text == nullptr) return false;
    out.assign(text->data(), text->size());
    return true;
}

inline bool read(const boost::json::value& json, bool& out) {
    const auto* flag = json.if_bool();
    if (flag == nullptr) return false;
    out = *flag;
    return true;
}

inline bool read(const boost::json::value& json, double& out) {
    if (!json.is_number()) return false;
    out = json.to_number<double>();
    return true;
}

inline bool read(const boost::json::value& json, std::int64_t& out) {
    if (!json.is_int64()) return false;
    out = json.get_int64();
    return true;
}

bool read(const boost::json::value& json, attribute_value& out);
bool read(const boost::json::value& json, item& out);

template <class T>
bool read(const boost::json::value& json, std::vector<T>& out) {
    const auto* array = json.if_array();
    if (array == nullptr) return false;
    out.clear();
    out.reserve(array->size());
    for (const auto& element : *array)
        if (!read(element, out.emplace_back())) return false;
    return true;
}

template <class T>
bool read(const boost::json::value& json, std::optional<T>& out) {
    return read(json, out.emplace());
}

/// Reads the members of an object into places; what is not asked for is passed over, what is absent leaves its place.
class member_reader {
public:
    explicit member_reader(const boost::json::value& json) noexcept : object_(json.if_object()) {}

    template <class T>
    member_reader& operator()(std::string_view name, T& place) {
        const auto* json = object_ ? object_->if_contains(name) : nullptr;
        if (json == nullptr) return *this;
        ++found_;
        fits_ = (json->is_null() || read(*json, place)) && fits_;
        return *this;
    }

    /// False when the value is no object, or a member had another shape than its place.
    bool valid() const noexcept { return object_ != nullptr && fits_; }

    /// True when, besides, the object has no other members: where an answer may be empty, `{}` says that there is
    /// nothing, and `{"status":"ok"}` says that this is not DynamoDB.
    bool only_these() const noexcept { return valid() && object_->size() == found_; }

private:
    const boost::json::object* object_;
    std::size_t found_ = 0;
    bool fits_ = true;
};

namespace json_detail {

inline std::optional<std::string> read_text(const boost::json::value& json) {
    const auto* text = json.if_string();
    return text ? std::optional<std::string>(std::in_place, text->data(), text->size()) : std::nullopt;
}

inline std::optional<std::string> read_bytes(const boost::json::value& json) {
    std::string bytes;
    const auto* text = json.if_string();
    if (text == nullptr || !detail::append_decoded_base64(bytes, {text->data(), text->size()})) return std::nullopt;
    return bytes;
}

// Sends what was read into the maker of an attribute value.
template <class T, class Make>
bool deliver(std::optional<T> from, attribute_value& out, Make make) {
    if (from) out = make(*std::move(from));
    return from.has_value();
}

template <class T>
std::optional<T> read_as(const boost::json::value& json) {
    std::optional<T> out;
    if (!read(json, out)) out.reset();
    return out;
}

inline std::optional<attribute_value::set_type> read_byte_strings(const boost::json::value& json) {
    const auto* array = json.if_array();
    if (array == nullptr) return std::nullopt;
    attribute_value::set_type out;
    out.reserve(array->size());
    for (const auto& element : *array) {
        auto bytes = read_bytes(element);
        if (!bytes) return std::nullopt;
        out.push_back(*std::move(bytes));
    }
    return out;
}

} // namespace json_detail

inline bool read(const boost::json::value& json, attribute_value& out) {
    using namespace json_detail;
    using v = attribute_value;
    const auto* object = json.if_object();
    if (object == nullptr || object->size() != 1) return false;
    const auto& [type, content] = *object->begin();
    if (type == "S") return deliver(read_text(content), out, v::string);
    if (type == "N")
        return deliver(read_text(content), out, [](std::string text) { return v::number(std::move(text)); });
    if (type == "B") return deliver(read_bytes(content), out, v::binary);
    if (type == "BOOL") return deliver(read_as<bool>(content), out, v::boolean);
    if (type == "M") return deliver(read_as<item>(content), out, v::map);
    if (type == "L") return deliver(read_as<v::list_type>(content), out, v::list);
    if (type == "SS") return deliver(read_as<v::set_type>(content), out, v::string_set);
    if (type == "NS") return deliver(read_as<v::set_type>(content), out, v::number_set);
    if (type == "BS") return deliver(read_byte_strings(content), out, v::binary_set);
    if (type != "NULL" || !content.is_bool() || !content.get_bool()) return false;
    out = v::null();
    return true;
}

inline bool read(const boost::json::value& json, item& out) {
    const auto* object = json.if_object();
    if (object == nullptr) return false;
    out.clear();
    out.reserve(object->size());
    for (const auto& [name, content] : *object)
        if (!read(content, out.append(std::string(name), {}))) return false;
    return true;
}

} // namespace dynasession::inline v0::dynamodb

#endif
