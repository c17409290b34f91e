#ifndef DYNASESSION_AWS_XML_DOCUMENT_HPP
#define DYNASESSION_AWS_XML_DOCUMENT_HPP

#include <dynasession/detail/encoding.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dynasession::inline v0::aws {

/// A small XML document of elements and texts, as the query protocol of AWS answers.
///
/// It is read strictly: every element is closed by its name and text stands in the innermost ones only. The five
/// predefined entities and references to characters of ASCII are all that is resolved. Attributes and comments are left out; a
/// document type, CDATA and processing instructions are refused.
///
/// *Lifetimes:* refers to the text that was parsed.
class xml_document {
public:
    static constexpr std::size_t max_size = 64 * 1024; ///< bytes
    static constexpr std::size_t max_depth = 16;       ///< elements around a text

    /// Nothing for a text that is no such document, or passes a limit.
    static std::optional<xml_document> parse(std::string_view text);

    /// The text of the one innermost element to which this path leads, such as `ErrorResponse/Error/Code`; nothing when
    /// there is none, or more than one, or the text holds an unknown entity.
    std::optional<std::string> find(std::string_view path) const {
        const auto found = std::ranges::find(leaves_, path, &leaf::path);
        if (found == leaves_.end() || std::ranges::count(leaves_, path, &leaf::path) != 1) return std::nullopt;
        return resolve(found->text);
    }

private:
    struct leaf {
        std::string path;
        std::string_view text;
    };
    class reader;

    static std::optional<std::string> resolve(std::string_view text);
    static bool append_reference(std::string& out, std::string_view name);
    static bool append_character(std::string& out, std::string_view number);

    std::vector<leaf> leaves_;
};

class xml_document::reader {
public:
    reader(std::string_view text, std::vector<leaf>& leaves) : rest_(text), leaves_(&leaves) {}

    bool read_document() {
        skip("\xEF\xBB\xBF");
        if (skip("<?xml ") && !skip_past("?>")) return false;
        return skip_around() && read_element(1) && skip_around() && rest_.empty();
    }

private:
    static constexpr std::string_view blanks = " \t\r\n";

    bool skip(std::string_view text) noexcept {
        const bool found = rest_.starts_with(text);
        if (found) rest_.remove_prefix(text.size());
        return found;
    }

    bool skip_past(std::string_view text) noexcept {
        const auto at = rest_.find(text);
        if (at != rest_.npos) rest_.remove_prefix(at + text.size());
        return at != rest_.npos;
    }

    bool skip_blanks() noexcept {
        const auto end = std::min(rest_.find_first_not_of(blanks), rest_.size());
        rest_.remove_prefix(end);
        return end != 0;
    }

    // Blanks and comments; false when a comment has no end.
    bool skip_around() noexcept {
        for (skip_blanks(); skip("<!--"); skip_blanks())
            if (!skip_past("-->")) return false;
        return true;
    }

    std::string_view take_name() noexcept {
        const auto is_part = [](char c) {
            return detail::is_unreserved(c) || c == ':' || static_cast<unsigned char>(c) >= 0x80;
        };
        const auto end = std::ranges::find_if_not(rest_, is_part);
        const auto name = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
        rest_.remove_prefix(name.size());
        return name;
    }

    bool skip_attributes() noexcept {
        while (skip_blanks() && !rest_.empty() && rest_.front() != '>' && rest_.front() != '/') {
            if (take_name().empty()) return false;
            skip_blanks();
            if (!skip("=")) return false;
            skip_blanks();
            const std::string_view quote = rest_.starts_with('\'') ? "'" : "\"";
            if (!skip(quote)) return false;
            const auto end = rest_.find_first_of(quote == "'" ? "'<" : "\"<");
            if (end == rest_.npos || rest_[end] == '<') return false;
            rest_.remove_prefix(end + 1);
        }
        return true;
    }

    bool read_element(std::size_t depth) {
        if (depth > max_depth || !skip("<")) return false;
        const auto name = take_name();
        if (name.empty() || !skip_attributes()) return false;
        const auto outer = path_.size();
        if (outer != 0) path_ += '/';
        path_ += name;
        const bool read =
            skip("/>") ? add_leaf({}) : skip(">") && read_content(depth) && skip("</") && skip(name) && skip_end();
        path_.resize(outer);
        return read;
    }

    bool skip_end() noexcept {
        skip_blanks();
        return skip(">");
    }

    // Up to the end tag: a text, or elements.
    bool read_content(std::size_t depth) {
        const auto text = rest_.substr(0, rest_.find('<'));
        rest_.remove_prefix(text.size());
        if (rest_.starts_with("</")) return add_leaf(text);
        if (text.find_first_not_of(blanks) != text.npos) return false;
        while (skip_around() && !rest_.starts_with("</"))
            if (!read_element(depth + 1)) return false;
        return true;
    }

    bool add_leaf(std::string_view text) {
        leaves_->push_back({path_, text});
        return true;
    }

    std::string_view rest_;
    std::string path_;
    std::vector<leaf>* leaves_;
};

inline std::optional<xml_document> xml_document::parse(std::string_view text) {
    xml_document document;
    if (text.size() > max_size || !reader(text, document.leaves_).read_document()) return std::nullopt;
    return document;
}

inline std::optional<std::string> xml_document::resolve(std::string_view text) {
    std::string out;
    out.reserve(text.size()); // a secret is to leave no copies behind
    while (!text.empty()) {
        const auto plain = text.substr(0, text.find('&'));
        out.append(plain);
        text.remove_prefix(plain.size());
        if (text.empty()) break;
        const auto end = text.find(';');
        if (end == text.npos || !append_reference(out, text.substr(1, end - 1))) return std::nullopt;
        text.remove_prefix(end + 1);
    }
    return out;
}

inline bool xml_document::append_reference(std::string& out, std::string_view name) {
    constexpr std::array<std::pair<std::string_view, char>, 5> entities{
        {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"apos", '\''}, {"quot", '"'}}};
    if (name.starts_with('#')) return append_character(out, name.substr(1));
    for (const auto& [entity, stands_for] : entities)
        if (name == entity) return out.push_back(stands_for), true;
    return false;
}

// Of ASCII: what XML writers escape is there.
inline bool xml_document::append_character(std::string& out, std::string_view number) {
    const int base = number.starts_with('x') ? 16 : 10;
    if (base == 16) number.remove_prefix(1);
    unsigned char code = 0;
    const auto [end, failed] = std::from_chars(number.data(), number.data() + number.size(), code, base);
    if (failed != std::errc{} || end != number.data() + number.size() || code == 0 || code >= 0x80) return false;
    out.push_back(static_cast<char>(code));
    return true;
}

} // namespace dynasession::inline v0::aws

#endif
