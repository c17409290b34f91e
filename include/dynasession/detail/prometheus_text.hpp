#ifndef DYNASESSION_DETAIL_PROMETHEUS_TEXT_HPP
#define DYNASESSION_DETAIL_PROMETHEUS_TEXT_HPP

#include <algorithm>
#include <charconv>
#include <concepts>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::detail {

/// Writes metrics to the end of a string as Prometheus reads them (text exposition format, version 0.0.4).
class prometheus_text {
public:
    static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

    struct label {
        std::string_view name;
        std::string_view value;
    };
    using labels = std::initializer_list<label>;

    explicit prometheus_text(std::string& out) noexcept : out_(&out) {}

    /// `[a-zA-Z_][a-zA-Z0-9_]*`, and not of those that begin with two underscores, which are Prometheus' own.
    static bool is_label_name(std::string_view text) noexcept {
        const auto letter = [](char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
        return !text.empty() && letter(text.front()) && !text.starts_with("__") &&
               std::ranges::all_of(text, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
    }

    /// The text of a label's value, as it stands between the quotes.
    static std::string escaped(std::string_view value) {
        std::string out;
        for (const char c : value) {
            if (c == '\n') {
                out += "\\n";
                continue;
            }
            if (c == '"' || c == '\\') out += '\\';
            out += c;
        }
        return out;
    }

    /// Begins a family of samples. `type` is "counter", "gauge" or "histogram"; `help` a sentence without line breaks.
    void family(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        out_->append("# HELP ").append(name).append(1, ' ').append(help);
        out_->append("\n# TYPE ").append(name).append(1, ' ').append(type).append(1, '\n');
    }

    /// Labels that each of the following samples has: `name="value",...`, escaped; empty: none.
    void common_labels(std::string text) { common_ = std::move(text); }

    /// A sample of the family: a number, with the labels and, in a histogram, what stands behind the name.
    template <class Number>
    void sample(labels own, Number value, std::string_view suffix = {}) {
        out_->append(name_).append(suffix);
        char separator = '{';
        const auto add = [&](std::string_view text) {
            out_->append(1, std::exchange(separator, ',')).append(text);
        };
        if (!common_.empty()) add(common_);
        for (const auto& [name, text] : own) {
            add(name);
            out_->append("=\"").append(escaped(text)).append(1, '"');
        }
        if (separator == ',') out_->append(1, '}');
        out_->append(1, ' ').append(number(value)).append(1, '\n');
    }

    /// A number as it stands in a sample, and as the value of `le`.
    template <class Number>
    static std::string number(Number value) {
        if constexpr (std::floating_point<Number>)
            if (value == std::numeric_limits<Number>::infinity()) return "+Inf";
        char text[32];
        return {text, std::to_chars(text, text + sizeof text, value).ptr};
    }

private:
    std::string* out_;
    std::string name_;
    std::string common_;
};

} // namespace dynasession::inline v0::detail

#endif
