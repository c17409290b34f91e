#ifndef DYNASESSION_DYNAMODB_JSON_SCANNER_HPP
#define DYNASESSION_DYNAMODB_JSON_SCANNER_HPP

#include <dynasession/detail/encoding.hpp>
#include <dynasession/detail/utf8.hpp>
#include <dynasession/dynamodb/plain_text.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace dynasession::inline v0::dynamodb {

/// Reads JSON text from front to back without a document: what is asked for stands there next, or the answer is false
/// and the text is of no use any more (RFC 8259; nothing is forgiven).
class json_scanner {
public:
    explicit json_scanner(std::string_view text) noexcept : rest_(text) {}

    /// Calls `member(name)` for each member; it has to read the value and to return whether that went well.
    template <class F>
    bool object(F member) {
        std::string kept;
        return sequence('{', '}', [&] {
            std::string_view name;
            return read_name(name, kept) && take(':') && member(name);
        });
    }

    /// Calls `element()` for each element; it has to read it and to return whether that went well.
    template <class F>
    bool array(F element) {
        return sequence('[', ']', element);
    }

    bool string(std::string& out) {
        out.clear();
        return take('"') && finish_string(out);
    }

    /// A string that is base64, with padding.
    bool base64(std::string& out) {
        if (!take('"')) return false;
        out.clear();
        const auto end = rest_.find('"');
        if (end == rest_.npos) return false;
        if (detail::append_decoded_base64(out, rest_.substr(0, end))) {
            rest_.remove_prefix(end + 1);
            return true;
        }
        std::string text; // "\/" is a slash, too
        return finish_string(text) && detail::append_decoded_base64(out, text);
    }

    bool boolean(bool& out) noexcept {
        out = word("true");
        return out || word("false");
    }

    /// Whether a null stands there; if not, the text stays as it is.
    bool null() noexcept { return word("null"); }

    /// The text of the next value, whatever it is: from its first to its last character, not looked at more closely.
    bool raw(std::string_view& out) noexcept {
        skip_space();
        out = rest_;
        std::size_t open = 0;
        do {
            const auto n = std::min(rest_.find_first_of("\"{}[], \t\r\n"), rest_.size());
            if (n == rest_.size() && open != 0) return false;
            rest_.remove_prefix(n);
            const char c = rest_.empty() ? ',' : rest_.front();
            if (open == 0 && (n != 0 || c == ',' || c == '}' || c == ']')) break;
            if (c == '"') {
                if (!skip_string()) return false;
                continue;
            }
            open += c == '{' || c == '[';
            open -= c == '}' || c == ']';
            rest_.remove_prefix(1);
        } while (open != 0);
        out.remove_suffix(rest_.size());
        return !out.empty();
    }

    /// Whether nothing but white space is left.
    bool at_end() noexcept {
        skip_space();
        return rest_.empty();
    }

private:
    // DynamoDB nests values 32 levels deep; each takes two of JSON, and a page with its items three more.
    static constexpr int max_depth = 72;

    void skip_space() noexcept {
        while (!rest_.empty() &&
               (rest_.front() == ' ' || rest_.front() == '\n' || rest_.front() == '\r' || rest_.front() == '\t'))
            rest_.remove_prefix(1);
    }

    bool take(char c) noexcept {
        if (!rest_.empty() && rest_.front() <= ' ') skip_space();
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }

    bool word(std::string_view text) noexcept {
        skip_space();
        if (!rest_.starts_with(text)) return false;
        rest_.remove_prefix(text.size());
        return true;
    }

    template <class F>
    bool sequence(char open, char close, F each) {
        if (!take(open) || ++depth_ > max_depth) return false;
        if (!take(close)) {
            do
                if (!each()) return false;
            while (take(','));
            if (!take(close)) return false;
        }
        --depth_;
        return true;
    }

    // A view of the text, unless it holds escapes.
    bool read_name(std::string_view& name, std::string& kept) {
        if (!take('"')) return false;
        const auto n = plain_length(rest_);
        if (n != rest_.size() && rest_[n] == '"') {
            name = rest_.substr(0, n);
            rest_.remove_prefix(n + 1);
            return true;
        }
        kept.clear();
        const bool ok = finish_string(kept);
        name = kept;
        return ok;
    }

    bool finish_string(std::string& out) {
        for (;;) {
            const auto n = plain_length(rest_);
            out.append(rest_.substr(0, n));
            rest_.remove_prefix(n);
            if (rest_.empty()) return false;
            const char c = rest_.front();
            if (c == '\\') {
                rest_.remove_prefix(1);
                if (!read_escape(out)) return false;
                continue;
            }
            const auto length = static_cast<unsigned char>(c) < 0x20 ? 0 : detail::utf8_sequence_length(rest_);
            if (length == 0) return false;
            if (c != '"') out.append(rest_.substr(0, length));
            rest_.remove_prefix(length);
            if (c == '"') return true;
        }
    }

    bool skip_string() noexcept {
        for (std::size_t i = 1; (i = rest_.find_first_of("\"\\", i)) < rest_.size(); i += 2) {
            if (rest_[i] == '\\') continue;
            rest_.remove_prefix(i + 1);
            return true;
        }
        return false;
    }

    bool read_escape(std::string& out) {
        constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
        if (rest_.empty()) return false;
        const char c = rest_.front();
        rest_.remove_prefix(1);
        if (c == 'u') return read_code_point(out);
        const auto at = letters.find(c);
        if (at == letters.npos) return false;
        out.push_back(meanings[at]);
        return true;
    }

    bool read_code_point(std::string& out) {
        unsigned code = 0, low = 0;
        if (!read_four_digits(code)) return false;
        const auto byte = [&](unsigned b) { out.push_back(static_cast<char>(b)); };
        if (code >= 0xd800 && code < 0xe000) {
            const bool paired = code < 0xdc00 && rest_.starts_with("\\u");
            if (!paired) return false;
            rest_.remove_prefix(2);
            if (!read_four_digits(low) || low < 0xdc00 || low >= 0xe000) return false;
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            byte(0xf0 | code >> 18);
            byte(0x80 | (code >> 12 & 0x3f));
        } else if (code >= 0x800) {
            byte(0xe0 | code >> 12);
        } else if (code >= 0x80) {
            byte(0xc0 | code >> 6);
        } else {
            byte(code);
            return true;
        }
        if (code >= 0x800) byte(0x80 | (code >> 6 & 0x3f));
        byte(0x80 | (code & 0x3f));
        return true;
    }

    bool read_four_digits(unsigned& out) noexcept {
        if (rest_.size() < 4) return false;
        for (const char c : rest_.substr(0, 4)) {
            const int digit = detail::hex_value(c);
            if (digit < 0) return false;
            out = out << 4 | static_cast<unsigned>(digit);
        }
        rest_.remove_prefix(4);
        return true;
    }

    std::string_view rest_;
    int depth_ = 0;
};

} // namespace dynasession::inline v0::dynamodb

#endif
