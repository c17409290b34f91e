#ifndef DYNASESSION_AWS_SERVER_TEXT_HPP
#define DYNASESSION_AWS_SERVER_TEXT_HPP

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace dynasession::inline v0::aws {

/// A message of the service without what it repeats of the request: values of attributes, and the canonical request,
/// in which the security token stands. What else it says stays: names of tables, attributes and roles.
///
/// Where it repeats was seen in the answers of DynamoDB Local and dynalite, which word them as the service does.
inline std::string without_values(std::string_view message) {
    constexpr std::string_view value = "Value ", place = " at '", gap = "...";
    // Everything behind these may be repeated text.
    constexpr std::array<std::string_view, 8> before_values{
        "numeric value: ", "Input collection [", "operand: ",      "name found; type: ",
        "Canonical String", "String-to-Sign",    "Authorization=", "Authorization header: "};

    std::string out(message);
    // "Value '...' at 'tableName' failed to satisfy constraint: ..."
    const auto from = out.find(value), to = out.rfind(place);
    if (from != out.npos && to != out.npos && from + value.size() <= to)
        out.replace(from + value.size(), to - from - value.size(), gap);

    for (const auto marker : before_values)
        if (const auto at = out.find(marker); at != out.npos) out.replace(at + marker.size(), out.npos, gap);
    return out;
}

/// A text of the service, fit for a line of a log: no control characters, not too long, cut between characters.
inline std::string printable(std::string_view text) {
    constexpr std::size_t longest = 512;
    if (text.size() > longest) {
        text = text.substr(0, longest + 1);
        while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.remove_suffix(1);
        text.remove_suffix(1);
    }
    std::string out(text);
    std::ranges::replace_if(
        out, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
    return out;
}

} // namespace dynasession::inline v0::aws

#endif
