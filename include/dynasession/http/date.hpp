#ifndef DYNASESSION_HTTP_DATE_HPP
#define DYNASESSION_HTTP_DATE_HPP

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

namespace dynasession::inline v0::http {

/// The time in a Date header, `Fri, 20 Nov 2026 10:00:00 GMT` (IMF-fixdate, RFC 9110, 5.6.7); nothing for any other
/// text, the obsolete forms included: no server of AWS sends them. The name of the day is not looked at.
inline std::optional<std::chrono::sys_seconds> parse_date(std::string_view text) noexcept {
    constexpr std::string_view shape = "ddd, 00 mmm 0000 00:00:00 GMT";
    if (text.size() != shape.size()) return std::nullopt;
    for (std::size_t i = 0; i != shape.size(); ++i) {
        const bool digit = text[i] >= '0' && text[i] <= '9';
        const bool letter = shape[i] == 'd' || shape[i] == 'm';
        if (shape[i] == '0' ? !digit : !letter && text[i] != shape[i]) return std::nullopt;
    }
    const auto number = [&](std::size_t at, std::size_t digits) {
        unsigned n = 0;
        for (const char c : text.substr(at, digits)) n = n * 10 + static_cast<unsigned>(c - '0');
        return n;
    };
    constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    unsigned month = 0;
    while (month != months.size() && months[month] != text.substr(8, 3)) ++month;
    const auto date = std::chrono::year(static_cast<int>(number(12, 4))) / std::chrono::month(month + 1) /
                      std::chrono::day(number(5, 2));
    const std::chrono::hours hours(number(17, 2));
    const std::chrono::minutes minutes(number(20, 2));
    const std::chrono::seconds seconds(number(23, 2));
    if (!date.ok() || hours.count() > 23 || minutes.count() > 59 || seconds.count() > 60) return std::nullopt;
    return std::chrono::sys_days(date) + hours + minutes + seconds;
}

} // namespace dynasession::inline v0::http

#endif
