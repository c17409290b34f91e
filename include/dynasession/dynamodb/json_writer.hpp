#ifndef DYNASESSION_DYNAMODB_JSON_WRITER_HPP
#define DYNASESSION_DYNAMODB_JSON_WRITER_HPP

#include <dynasession/detail/encoding.hpp>
#include <dynasession/detail/utf8.hpp>
#include <dynasession/dynamodb/item.hpp>
#include <dynasession/dynamodb/plain_text.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// Names of attributes that stand in expressions as `#placeholders`: placeholder, then the real name.
using expression_names = std::vector<std::pair<std::string, std::string>>;

/// Writes the JSON of a request to the end of a string, in one pass and without a document in between.
///
/// A text that is not UTF-8 cannot be sent, nor a value that is nested deeper than DynamoDB takes: then `problem()`
/// says so, and what was written must not be used.
class json_writer {
public:
    explicit json_writer(std::string& out) noexcept : out_(&out) {}

    /// Why the text cannot be sent, or null.
    const char* problem() const noexcept { return problem_; }

    json_writer& begin_object() { return open('{'); }
    json_writer& end_object() { return close('}'); }
    json_writer& begin_array() { return open('['); }
    json_writer& end_array() { return close(']'); }

    json_writer& key(std::string_view name) { return quote(name, "\":"); }
    json_writer& string(std::string_view text) { return quote(text, "\""); }
    json_writer& boolean(bool value) {
        separate();
        out_->append(value ? "true" : "false");
        return *this;
    }
    json_writer& integer(std::int64_t value) {
        char text[24];
        const auto end = std::to_chars(text, text + sizeof text, value).ptr;
        separate();
        out_->append(text, end);
        return *this;
    }

    /// The value as DynamoDB writes it: `{"S":"text"}`.
    json_writer& value(const attribute_value& v);
    /// An object of such values: `{"id":{"S":"text"}}`.
    json_writer& value(const item& i);

    // Members that are left out when there is nothing to say: the service refuses empty ones.
    json_writer& optional_member(std::string_view name, std::string_view text) {
        return text.empty() ? *this : key(name).string(text);
    }
    json_writer& optional_member(std::string_view name, const item& i) {
        return i.empty() ? *this : key(name).value(i);
    }
    json_writer& optional_member(std::string_view name, const expression_names& names);
    json_writer& optional_flag(std::string_view name, bool value) { return value ? key(name).boolean(true) : *this; }

private:
    static constexpr int max_depth = 32; // developer guide, "Quotas": nested attribute depth

    json_writer& open(char bracket) {
        separate();
        out_->push_back(bracket);
        return *this;
    }
    json_writer& close(char bracket) {
        out_->push_back(bracket);
        return *this;
    }
    // The last character tells whether a value has gone before in the same object or array.
    void separate() {
        if (out_->empty()) return;
        const char last = out_->back();
        if (last != '{' && last != '[' && last != ':') out_->push_back(',');
    }
    void binary(std::string_view bytes) {
        separate();
        out_->push_back('"');
        detail::append_base64(*out_, bytes);
        out_->push_back('"');
    }
    json_writer& quote(std::string_view text, std::string_view end);
    void append_escaped(std::string_view text);

    std::string* out_;
    int depth_ = 0;
    const char* problem_ = nullptr;
};

namespace json_detail {

inline void append_escape(std::string& out, char c) {
    constexpr auto digits = "0123456789abcdef";
    switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default:
        out += "\\u00";
        out += digits[(c >> 4) & 0xf];
        out += digits[c & 0xf];
    }
}

} // namespace json_detail

inline json_writer& json_writer::quote(std::string_view text, std::string_view end) {
    separate();
    if (plain_length(text) != text.size()) {
        out_->push_back('"');
        append_escaped(text);
        out_->append(end);
        return *this;
    }
    // Nearly all texts: grown once.
    const auto size = out_->size();
    out_->resize(size + 1 + text.size() + end.size());
    auto* p = out_->data() + size;
    *p++ = '"';
    p = std::copy(text.begin(), text.end(), p);
    std::copy(end.begin(), end.end(), p);
    return *this;
}

inline void json_writer::append_escaped(std::string_view text) {
    while (!text.empty()) {
        const auto plain = plain_length(text);
        out_->append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) return;
        const auto length = detail::utf8_sequence_length(text);
        if (length == 0) {
            problem_ = "a text in the request is not UTF-8";
            return;
        }
        if (length == 1)
            json_detail::append_escape(*out_, text.front());
        else
            out_->append(text.substr(0, length));
        text.remove_prefix(length);
    }
}

inline json_writer& json_writer::value(const attribute_value& v) {
    using type = attribute_value::type;
    const auto set = [this](std::string_view name, const attribute_value::set_type& elements, bool encoded) {
        key(name).begin_array();
        for (const auto& element : elements) encoded ? binary(element) : void(string(element));
        end_array();
    };
    if (depth_ > max_depth) {
        problem_ = "a value in the request is nested deeper than 32 levels";
        return *this;
    }
    ++depth_;
    begin_object();
    switch (v.kind()) {
    case type::string: key("S").string(*v.as_string()); break;
    case type::number: key("N").string(*v.as_number()); break;
    case type::binary: key("B").binary(*v.as_binary()); break;
    case type::boolean: key("BOOL").boolean(*v.as_boolean()); break;
    case type::null: key("NULL").boolean(true); break;
    case type::map: key("M").value(*v.as_map()); break;
    case type::list:
        key("L").begin_array();
        for (const auto& element : *v.as_list()) value(element);
        end_array();
        break;
    case type::string_set: set("SS", *v.as_string_set(), false); break;
    case type::number_set: set("NS", *v.as_number_set(), false); break;
    case type::binary_set: set("BS", *v.as_binary_set(), true); break;
    }
    --depth_;
    return end_object();
}

inline json_writer& json_writer::value(const item& i) {
    begin_object();
    for (const auto& [name, v] : i) key(name).value(v);
    return end_object();
}

inline json_writer& json_writer::optional_member(std::string_view name, const expression_names& names) {
    if (names.empty()) return *this;
    key(name).begin_object();
    for (const auto& [placeholder, real] : names) key(placeholder).string(real);
    return end_object();
}

} // namespace dynasession::inline v0::dynamodb

#endif
