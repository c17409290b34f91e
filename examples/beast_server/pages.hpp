#ifndef BEAST_SERVER_PAGES_HPP
#define BEAST_SERVER_PAGES_HPP

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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

/// What is on every page.
struct frame {
    std::string_view backend; ///< where the sessions are, in words
    std::string token{};      ///< of the visitor's session, goes into every form; empty: nobody is logged in
    std::string notice{};     ///< what the last request has left to say
};

/// What the shop shows a visitor.
struct shelf {
    std::string user{};
    std::int64_t visits = 0;
    std::int64_t clicks = 0;
    std::array<std::int64_t, catalogue.size()> amounts{};
    std::string cart_notice{}; ///< what the last change of the cart has left to say

    std::chrono::sys_seconds created{};
    std::chrono::sys_seconds expires{};
    std::chrono::sys_seconds deadline{};
    std::uint64_t saves = 0;
};

/// A session in the list of its user.
struct device {
    std::string handle{};
    std::string name{};
    std::chrono::sys_seconds since{};
    std::chrono::sys_seconds last_seen{};
    bool is_this_one = false;
};

std::string log_in(const frame& f, std::string_view complaint = {});
std::string shop(const frame& f, const shelf& s);
std::string devices(const frame& f, const std::vector<device>& list);
std::string notice(const frame& f, std::string_view title, std::string_view text);

/// The Content-Security-Policy of all pages: nothing but the style, the script and the icon that are in them.
const std::string& content_security_policy();

} // namespace demo::pages

#endif
