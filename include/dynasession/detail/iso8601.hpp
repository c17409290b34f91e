#ifndef DYNASESSION_DETAIL_ISO8601_HPP
#define DYNASESSION_DETAIL_ISO8601_HPP

#include <array>
#include <chrono>

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

} // namespace dynasession::inline v0::detail

#endif
