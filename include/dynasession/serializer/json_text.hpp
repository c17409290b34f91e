#ifndef DYNASESSION_SERIALIZER_JSON_TEXT_HPP
#define DYNASESSION_SERIALIZER_JSON_TEXT_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/detail/utf8.hpp>

#include <boost/json/array.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dynasession::inline v0 {

/// What a session may hold at most. Concurrent saves merge entry by entry, so what has to hold when a session is read
/// is bounded for each entry, and the size of all of it only when it is written.
struct json_bounds {
    std::size_t max_depth = 32;          ///< arrays and objects inside each other, below one top-level key
    std::size_t max_nodes = 10'000;      ///< values of any kind, below one top-level key
    std::size_t max_key_size = 1024;     ///< bytes of a key
    std::size_t max_size = 400 * 1024;   ///< bytes of all keys and texts; a DynamoDB item takes no more
};

namespace json_text_detail {

// Builds a value from the parser's events. Boost.JSON's own builder keeps the last of two equal keys and, in 1.81,
// rounds doubles wrongly in the last bit; what a session holds has to come back exactly or not at all.
class builder {
public:
    static constexpr std::size_t max_object_size = std::size_t(-1) / 2;
    static constexpr std::size_t max_array_size = max_object_size;
    static constexpr std::size_t max_key_size = max_object_size;
    static constexpr std::size_t max_string_size = max_object_size;

    explicit builder(const json_bounds& bounds) : bounds_(&bounds) {}

    boost::json::value take() { return std::move(root_); }

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code& ec) { return open(boost::json::object(), ec); }
    bool on_object_end(std::size_t, error_code&) { return close(); }
    bool on_array_begin(error_code& ec) { return open(boost::json::array(), ec); }
    bool on_array_end(std::size_t, error_code&) { return close(); }
    bool on_key_part(std::string_view part, std::size_t, error_code& ec) { return key_part(part, ec); }
    bool on_key(std::string_view part, std::size_t, error_code& ec) { return key_part(part, ec); }
    bool on_string_part(std::string_view part, std::size_t, error_code&) {
        text_ += part;
        return true;
    }
    bool on_string(std::string_view part, std::size_t, error_code& ec) {
        text_ += part;
        const bool placed = place(boost::json::string(text_), ec) != nullptr;
        text_.clear();
        return placed;
    }
    bool on_number_part(std::string_view part, error_code&) {
        text_ += part;
        return true;
    }
    bool on_int64(std::int64_t i, std::string_view, error_code& ec) { return number(i, ec); }
    bool on_uint64(std::uint64_t u, std::string_view, error_code& ec) { return number(u, ec); }
    bool on_double(double, std::string_view part, error_code& ec) {
        text_ += part;
        double exact = 0;
        const auto [end, problem] = std::from_chars(text_.data(), text_.data() + text_.size(), exact);
        if (problem != std::errc() || end != text_.data() + text_.size()) return refuse(ec);
        return number(exact, ec);
    }
    bool on_bool(bool b, error_code& ec) { return place(b, ec) != nullptr; }
    bool on_null(error_code& ec) { return place(nullptr, ec) != nullptr; }
    bool on_comment_part(std::string_view, error_code&) { return true; }
    bool on_comment(std::string_view, error_code&) { return true; }

private:
    static bool refuse(error_code& ec) {
        ec = error::corrupt_session;
        return false;
    }

    bool number(boost::json::value v, error_code& ec) {
        text_.clear();
        return place(std::move(v), ec) != nullptr;
    }

    bool key_part(std::string_view part, error_code& ec) {
        key_ += part;
        return key_.size() <= bounds_->max_key_size || refuse(ec);
    }

    bool open(boost::json::value container, error_code& ec) {
        boost::json::value* at = place(std::move(container), ec);
        if (at) open_.push_back(at);
        return at != nullptr;
    }

    bool close() {
        open_.pop_back();
        return true;
    }

    // Where the value now stands. An open container is the last element of the one around it, so it does not move.
    boost::json::value* place(boost::json::value v, error_code& ec) {
        if (++nodes_ > bounds_->max_nodes) {
            refuse(ec);
            return nullptr;
        }
        if (open_.empty()) return &(root_ = std::move(v));
        if (auto* elements = open_.back()->if_array()) return &elements->emplace_back(std::move(v));
        const auto [member, inserted] = open_.back()->get_object().emplace(key_, std::move(v));
        key_.clear();
        if (!inserted) refuse(ec);
        return inserted ? &member->value() : nullptr;
    }

    const json_bounds* bounds_;
    std::size_t nodes_ = 0;
    boost::json::value root_;
    std::vector<boost::json::value*> open_;
    std::string key_;
    std::string text_;
};

} // namespace json_text_detail

/// The JSON value that `text` is, exactly.
///
/// *Errors:* `corrupt_session`: not JSON, a key twice in one object, or beyond the bounds.
inline result<boost::json::value> parse_json(std::string_view text, const json_bounds& bounds) {
    boost::json::parse_options options;
    options.max_depth = bounds.max_depth;
    boost::json::basic_parser<json_text_detail::builder> parser(options, bounds);
    error_code ec;
    const auto used = parser.write_some(false, text.data(), text.size(), ec);
    if (ec || !parser.done() || used != text.size()) return error::corrupt_session;
    return parser.handler().take();
}

namespace json_text_detail {

/// Whether a value comes back as it is: within the bounds, its texts UTF-8, its numbers finite.
class checker {
public:
    explicit checker(const json_bounds& bounds) : bounds_(&bounds) {}

    bool operator()(const boost::json::value& v) const {
        std::size_t nodes = 0;
        return storable(v, 0, nodes);
    }

    bool key(std::string_view k) const { return k.size() <= bounds_->max_key_size && detail::is_utf8(k); }

private:
    bool storable(const boost::json::value& v, std::size_t depth, std::size_t& nodes) const {
        if (++nodes > bounds_->max_nodes) return false;
        switch (v.kind()) {
        case boost::json::kind::string: return detail::is_utf8(v.get_string());
        case boost::json::kind::double_: return std::isfinite(v.get_double());
        case boost::json::kind::array:
            if (depth == bounds_->max_depth) return false;
            for (const auto& element : v.get_array())
                if (!storable(element, depth + 1, nodes)) return false;
            return true;
        case boost::json::kind::object:
            if (depth == bounds_->max_depth) return false;
            for (const auto& member : v.get_object())
                if (!key(member.key()) || !storable(member.value(), depth + 1, nodes)) return false;
            return true;
        default: return true;
        }
    }

    const json_bounds* bounds_;
};

} // namespace json_text_detail

} // namespace dynasession::inline v0

#endif
