#include "http.hpp"

#include <algorithm>
#include <cstddef>

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

} // namespace

std::optional<std::string> form_field(std::string_view form, std::string_view name) {
    while (!form.empty()) {
        std::string_view value = next_part(form, '&');
        if (decoded(next_part(value, '=')) == name) return decoded(value);
    }
    return std::nullopt;
}

std::optional<dynasession::session_id> session_cookie::read(const request& r) const {
    // A proxy may have split the header.
    const auto [first, last] = r.equal_range(boost::beast::http::field::cookie);
    for (auto header = first; header != last; ++header) {
        std::string_view cookies(header->value().data(), header->value().size());
        while (!cookies.empty()) {
            std::string_view value = next_part(cookies, ';');
            value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
            if (next_part(value, '=') != name_) continue;
            if (auto id = dynasession::session_id::parse(value)) return *id;
        }
    }
    return std::nullopt;
}

std::string session_cookie::set(const dynasession::session_id& id) const {
    return name_ + '=' + std::string(id.str()) + attributes();
}

std::string session_cookie::remove() const { return name_ + '=' + attributes() + "; Max-Age=0"; }

std::string session_cookie::attributes() const {
    return std::string("; Path=/; HttpOnly; SameSite=Lax") + (secure_ ? "; Secure" : "");
}

} // namespace demo
