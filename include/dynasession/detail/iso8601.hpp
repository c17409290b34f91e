#ifndef DYNASESSION_DETAIL_ISO8601_HPP
#define DYNASESSION_DETAIL_ISO8601_HPP

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>

namespace dynasession::inline v0::detail {

/// A time as `20150830T123600Z` (ISO 8601, basic format); its first eight characters are the date. Years 0 to 9999.
inline std::array<char, 16> iso8601_basic(std::chrono::sys_seconds time) noexcept {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);

    std::array<char, 16> out;
    auto* p = out.data();
    const auto two_digits = [&p](unsigned n) {
        *p++ = static_cast<char>('0' + n / 10);
        *p++ = static_cast<char>('0' + n % 10);
    };
    const auto year = static_cast<unsigned>(static_cast<int>(date.year())) % 10000;
    two_digits(year / 100);
    two_digits(year % 100);
    two_digits(static_cast<unsigned>(date.month()));
    two_digits(static_cast<unsigned>(date.day()));
    *p++ = 'T';
    two_digits(static_cast<unsigned>(clock.hours().count()));
    two_digits(static_cast<unsigned>(clock.minutes().count()));
    two_digits(static_cast<unsigned>(clock.seconds().count()));
    *p = 'Z';
    return out;
}

/// Reads `2026-11-20T10:00:00Z` and what RFC 3339 permits beside it: fractions of a second, which are dropped, and an
/// offset such as `+02:00` or `-0330` for the Z. Nothing for any other text.
inline std::optional<std::chrono::sys_seconds> parse_iso8601(std::string_view text) noexcept {
    bool good = true;
    const auto take = [&](std::size_t digits) {
        int n = 0;
        const auto part = text.substr(0, digits);
        const auto [end, ec] = std::from_chars(part.data(), part.data() + part.size(), n);
        good = good && ec == std::errc{} && part.size() == digits && end == part.data() + digits && part.front() != '-';
        text.remove_prefix(part.size());
        return n;
    };
    const auto skip = [&](std::string_view any_of) {
        good = good && !text.empty() && any_of.find(text.front()) != any_of.npos;
        if (!text.empty()) text.remove_prefix(1);
    };
    const std::chrono::year year(take(4));
    skip("-");
    const std::chrono::month month(static_cast<unsigned>(take(2)));
    skip("-");
    const auto date = year / month / std::chrono::day(static_cast<unsigned>(take(2)));
    skip("Tt ");
    const std::chrono::hours hours(take(2));
    skip(":");
    const std::chrono::minutes minutes(take(2));
    skip(":");
    const std::chrono::seconds seconds(take(2));
    if (!good || !date.ok() || hours.count() > 23 || minutes.count() > 59 || seconds.count() > 60) return std::nullopt;

    if (text.starts_with('.')) {
        const auto end = std::min(text.find_first_not_of("0123456789", 1), text.size());
        if (end == 1) return std::nullopt;
        text.remove_prefix(end);
    }
    std::chrono::minutes offset{};
    if (text != "Z" && text != "z") {
        const int sign = text.starts_with('-') ? -1 : 1;
        skip("+-");
        const auto hours_off = take(2);
        if (text.starts_with(':')) text.remove_prefix(1);
        offset = sign * std::chrono::minutes(hours_off * 60 + take(2));
        if (!good || !text.empty()) return std::nullopt;
    }
    return std::chrono::sys_days(date) + hours + minutes + seconds - offset;
}

} // namespace dynasession::inline v0::detail

#endif
