#include "http.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <utility>

namespace demo {

namespace {

// Takes the part before the next `separator` off the text.
std::string_view next_part(std::string_view& text, char separator) {
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return part;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low >= 0) {
            out += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            out += text[i] == '+' ? ' ' : text[i];
        }
    }
    return out;
}

// What the first word stands for that is in the text; empty if none is.
std::string first_found(std::string_view text,
                        std::initializer_list<std::pair<std::string_view, std::string_view>> known) {
    for (const auto& [word, meaning] : known)
        if (text.find(word) != text.npos) return std::string(meaning);
    return {};
}

} // namespace

std::optional<std::string> form_field(std::string_view form, std::string_view name) {
    while (!form.empty()) {
        std::string_view value = next_part(form, '&');
        if (decoded(next_part(value, '=')) == name) return decoded(value);
    }
    return std::nullopt;
}

std::string device_name(std::string_view user_agent) {
    // Browsers pass themselves off as those that were there before them: the first that is found is the right one.
    const std::string browser = first_found(user_agent, {{"Edg", "Edge"},
                                                         {"OPR/", "Opera"},
                                                         {"Firefox/", "Firefox"},
                                                         {"FxiOS/", "Firefox"},
                                                         {"Chrome/", "Chrome"},
                                                         {"CriOS/", "Chrome"},
                                                         {"Safari/", "Safari"},
                                                         {"curl/", "curl"}});
    const std::string system = first_found(user_agent, {{"Android", "Android"},
                                                        {"iPhone", "iPhone"},
                                                        {"iPad", "iPad"},
                                                        {"Windows", "Windows"},
                                                        {"Mac OS X", "macOS"},
                                                        {"CrOS", "ChromeOS"},
                                                        {"Linux", "Linux"}});
    return (browser.empty() ? "A browser" : browser) + (system.empty() ? "" : " on " + system);
}

} // namespace demo
