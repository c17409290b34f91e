#ifndef BEAST_SERVER_PAGES_HPP
#define BEAST_SERVER_PAGES_HPP

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

// The pages as texts. They know nothing of HTTP and sessions; whatever they are given is escaped.
namespace demo::pages {

struct product {
    std::string_view key;
    std::string_view name;
    std::int64_t cents;
};

inline constexpr std::array<product, 3> catalogue{{
    {"notebook", "Notebook", 450},
    {"mug", "Coffee mug", 1190},
    {"lamp", "Desk lamp", 3900},
}};

inline constexpr std::int64_t max_amount = 99;

/// What the page of a visitor shows.
struct visit {
    std::string user;
    std::string token; ///< goes into every form
    std::int64_t visits = 0;
    std::int64_t clicks = 0;
    std::array<std::int64_t, catalogue.size()> amounts{};

    std::chrono::sys_seconds created{};
    std::chrono::sys_seconds expires{};
    std::chrono::sys_seconds deadline{};
    std::uint64_t saves = 0;
};

/// `backend` is where the sessions are, in words.
std::string log_in(std::string_view backend, std::string_view complaint = {});
std::string shop(std::string_view backend, const visit& v);
std::string notice(std::string_view backend, std::string_view title, std::string_view text);

/// The Content-Security-Policy of all pages: nothing but the style and the icon that are in them.
const std::string& content_security_policy();

} // namespace demo::pages

#endif
