#ifndef DYNASESSION_WEB_COOKIE_READER_HPP
#define DYNASESSION_WEB_COOKIE_READER_HPP

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace dynasession::inline v0 {

/// Finds the values of one cookie in the `Cookie` fields of a request.
///
/// ```
/// cookie_reader found("__Host-session", request[http::field::cookie]);
/// for (const auto value : found.values()) ...
/// ```
///
/// Names are compared byte by byte and nothing is decoded: servers that decode names take `__%48ost-x` for `__Host-x`.
/// Of several cookies of the name all values are given, as they stand: which one is first says nothing (RFC 6265bis
/// section 4.2.2), and whoever owns a neighbouring host can add some (section 8.6).
///
/// *Lifetimes:* the values are parts of the fields.
///
/// *Cost:* no allocation; what is beyond the limits is not looked at.
class cookie_reader {
public:
    static constexpr std::size_t max_bytes = 8 * 1024; ///< of all fields together
    static constexpr std::size_t max_cookies = 64;     ///< of any name
    static constexpr std::size_t max_values = 8;       ///< cookies of the name

    /// *Lifetimes:* the name has to outlive the reader.
    explicit cookie_reader(std::string_view name) noexcept : name_(name) {}
    cookie_reader(std::string_view name, std::string_view field) noexcept : name_(name) { read(field); }

    /// Looks at one more `Cookie` field: over HTTP/2 there may be several (RFC 9113 section 8.2.3).
    void read(std::string_view field) noexcept {
        for (auto rest = within_limit(field); !rest.empty();) {
            const auto end = rest.find(';');
            read_pair(trimmed(rest.substr(0, end)));
            rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
        }
    }

    /// What the cookies of the name hold, in the order in which they came, without the quotes that may surround them.
    std::span<const std::string_view> values() const noexcept { return {values_.data(), count_}; }

    /// Whether there was more than the limits allow: those cookies count as if they were not there.
    bool too_many() const noexcept { return too_many_; }

private:
    // "OWS", with which some clients are more generous than the single space of RFC 6265bis section 4.2.1
    static constexpr std::string_view trimmed(std::string_view text) noexcept {
        constexpr std::string_view blanks = " \t";
        const auto begin = text.find_first_not_of(blanks);
        if (begin == text.npos) return {};
        return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
    }

    // A cookie-value may stand in quotes, which are no part of what it says (RFC 6265bis section 4.1.1).
    static constexpr std::string_view unquoted(std::string_view text) noexcept {
        const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
        return quoted ? text.substr(1, text.size() - 2) : text;
    }

    // The cookie that reaches past the limit is left out as a whole: half a value is none.
    std::string_view within_limit(std::string_view field) noexcept {
        if (field.size() <= bytes_left_) {
            bytes_left_ -= field.size();
            return field;
        }
        too_many_ = true;
        const auto end = field.rfind(';', bytes_left_);
        bytes_left_ = 0;
        return field.substr(0, end == field.npos ? 0 : end);
    }

    void read_pair(std::string_view pair) noexcept {
        if (pair.empty()) return;
        if (cookies_left_ == 0) {
            too_many_ = true;
            return;
        }
        --cookies_left_;
        if (pair.size() <= name_.size() || pair[name_.size()] != '=' || !pair.starts_with(name_)) return;
        if (count_ == max_values) {
            too_many_ = true;
            return;
        }
        values_[count_++] = unquoted(pair.substr(name_.size() + 1));
    }

    std::string_view name_;
    std::array<std::string_view, max_values> values_{};
    std::size_t count_ = 0;
    std::size_t bytes_left_ = max_bytes;
    std::size_t cookies_left_ = max_cookies;
    bool too_many_ = false;
};

} // namespace dynasession::inline v0

#endif
