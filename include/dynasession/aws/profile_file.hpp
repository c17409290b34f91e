#ifndef DYNASESSION_AWS_PROFILE_FILE_HPP
#define DYNASESSION_AWS_PROFILE_FILE_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/detail/crypto.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::aws {

/// One `name = value` of a profile file.
struct profile_property {
    std::string name{};                     ///< in lower case
    std::string value{};                    ///< with the lines that continue it, each after a line feed
    std::string source{};                   ///< FILE:LINE, for messages
    std::vector<profile_property> nested{}; ///< the lines below, when the first line has no value

    /// The nested property of this name, the last one; null when there is none.
    const profile_property* find(std::string_view nested_name) const noexcept {
        const auto last =
            std::find_if(nested.rbegin(), nested.rend(), [&](const auto& n) { return n.name == nested_name; });
        return last == nested.rend() ? nullptr : &*last;
    }
};

/// Which of the two files: each has its own way to name a section.
enum class profile_file_kind {
    config,      ///< ~/.aws/config: `[profile NAME]`, `[default]`, `[sso-session NAME]`, `[services NAME]`
    credentials, ///< ~/.aws/credentials: `[NAME]`
};

/// What ~/.aws/config or ~/.aws/credentials says: sections of properties, as the AWS SDKs read them.
///
/// - Sections of one name are one, and the last of several properties of one name counts. `[profile default]` stands
///   in place of `[default]`. Names may have letters, digits and `_-/.%@:+`; property names know no case.
/// - Indented lines continue the property above. Below one without a value each is a `name = value` of its own.
/// - A line whose first sign is `#` or `;` is a comment. So is the rest of a line from a blank and one of the two on,
///   but not in a line that continues a value.
/// - Other sections, and names with other characters, are not read; see `ignored`.
///
/// Values may be secrets: their memory is overwritten at the end.
class profile_file {
public:
    using section = std::map<std::string, profile_property, std::less<>>;
    using sections = std::map<std::string, section, std::less<>>;

    static constexpr std::size_t max_size = 1 << 20; ///< bytes

    /// Reads a file's text; `name` stands for the file in messages.
    ///
    /// *Errors:* `error::invalid_option`, with file, line and what to do.
    static result<std::shared_ptr<const profile_file>> parse(std::string_view text, profile_file_kind kind,
                                                             std::string name);

    profile_file() = default;
    profile_file(const profile_file&) = delete;
    profile_file& operator=(const profile_file&) = delete;
    ~profile_file() {
        for (auto* all : {&profiles_, &sso_sessions_, &services_})
            for (auto& entry : *all) wipe(entry.second);
        wipe(unread_);
    }

    const std::string& name() const noexcept { return name_; }
    const sections& profiles() const noexcept { return profiles_; }
    const sections& sso_sessions() const noexcept { return sso_sessions_; }
    const sections& services() const noexcept { return services_; }

    /// A property of a profile; null when there is none.
    const profile_property* find(std::string_view profile, std::string_view property) const {
        return find(profiles_, profile, property);
    }

    static const profile_property* find(const sections& all, std::string_view section_name, std::string_view property) {
        const auto s = all.find(section_name);
        if (s == all.end()) return nullptr;
        const auto p = s->second.find(property);
        return p == s->second.end() ? nullptr : &p->second;
    }

    /// Where a section stands that has this name but is no profile of this file, as FILE:LINE; empty when none does.
    std::string ignored(std::string_view section_name) const {
        const auto found = ignored_.find(section_name);
        return found == ignored_.end() ? std::string() : found->second;
    }

private:
    class parser;

    static void wipe(section& s) noexcept {
        for (auto& entry : s) wipe(entry.second);
    }
    static void wipe(profile_property& p) noexcept {
        detail::cleanse(p.value);
        for (auto& n : p.nested) detail::cleanse(n.value);
    }

    std::string name_;
    sections profiles_, sso_sessions_, services_;
    section unread_; // of ignored sections, and of names that are none
    std::map<std::string, std::string, std::less<>> ignored_;
};

class profile_file::parser {
public:
    parser(profile_file& file, profile_file_kind kind) : file_(file), kind_(kind) {}

    result<void> parse(std::string_view text) {
        if (text.size() > max_size) return failure(error::invalid_option, file_.name_ + ": larger than 1 MiB: name another file");
        if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
        while (!text.empty()) {
            const auto line = text.substr(0, text.find('\n'));
            text.remove_prefix(std::min(line.size() + 1, text.size()));
            ++line_;
            if (auto taken = take(line.substr(0, line.size() - line.ends_with('\r'))); !taken) return taken;
        }
        file_.profiles_.merge(bare_default_); // moves nothing when there is a [profile default]
        return {};
    }

    ~parser() {
        for (auto& entry : bare_default_) wipe(entry.second);
    }

private:
    static constexpr std::string_view blanks = " \t", comment_signs = "#;";

    static std::string_view trim(std::string_view text) noexcept {
        text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
        return text.substr(0, text.find_last_not_of(blanks) + 1);
    }

    static bool is_name(std::string_view text) noexcept {
        return !text.empty() && text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                                       "0123456789_-/.%@:+") == text.npos;
    }

    // In a property, a comment stands behind a blank; `#` and `;` elsewhere belong to the value.
    static std::string_view without_comment(std::string_view line) noexcept {
        for (std::size_t at = 1; at < line.size(); ++at)
            if (is_one_of(comment_signs, line[at]) && is_one_of(blanks, line[at - 1])) return trim(line.substr(0, at));
        return line;
    }

    static bool is_one_of(std::string_view set, char c) noexcept { return set.find(c) != set.npos; }

    std::string source() const { return file_.name_ + ':' + std::to_string(line_); }

    failure refuse(std::string_view why) const { return {error::invalid_option, source().append(": ").append(why)}; }

    result<void> take(std::string_view line) {
        if (line.find('\0') != line.npos) return refuse("the line has a NUL byte: save the file as UTF-8 text");
        const auto content = trim(line);
        if (content.empty() || is_one_of(comment_signs, content.front())) return {};
        if (line.front() == '[') return begin_section(content);
        if (!section_) return refuse("Expected a profile definition, such as [default], above the first property");
        return content.data() == line.data() ? take_property(content) : continue_property(content);
    }

    result<void> begin_section(std::string_view line) {
        line = trim(line.substr(0, line.find_first_of(comment_signs)));
        if (!line.ends_with(']')) return refuse("Profile definition must end with ']'");
        line = trim(line.substr(1, line.size() - 2));
        const auto gap = std::min(line.find_first_of(blanks), line.size());
        property_ = nullptr;
        section_ =
            gap == line.size() ? &section_of({}, line) : &section_of(line.substr(0, gap), trim(line.substr(gap)));
        return {};
    }

    section& section_of(std::string_view prefix, std::string_view name) {
        std::string key(name);
        if (is_name(name)) {
            const bool in_config = kind_ == profile_file_kind::config;
            if (prefix.empty() && !in_config) return file_.profiles_[key];
            if (prefix.empty() && name == "default") return bare_default_[key];
            if (prefix == "profile" && in_config) return file_.profiles_[key];
            if (prefix == "sso-session" && in_config) return file_.sso_sessions_[key];
            if (prefix == "services" && in_config) return file_.services_[key];
        }
        file_.ignored_.emplace(std::move(key), source());
        return file_.unread_;
    }

    result<void> take_property(std::string_view line) {
        auto p = split(line, false);
        if (!p) return std::move(p).error();
        auto& target = is_name(p->name) ? *section_ : file_.unread_;
        auto& place = target[p->name];
        wipe(place);
        place = *std::move(p);
        property_ = &place;
        return {};
    }

    result<void> continue_property(std::string_view line) {
        if (!property_)
            return refuse("Expected a property definition, found continuation: remove the blanks before it");
        const bool has_nested = property_->value.empty() || property_->value.front() == '\n';
        if (has_nested) {
            auto p = split(line, true);
            if (!p) return std::move(p).error();
            property_->nested.push_back(*std::move(p));
        }
        property_->value.append(1, '\n').append(line);
        return {};
    }

    result<profile_property> split(std::string_view line, bool is_nested) const {
        line = without_comment(line);
        const auto equals = line.find('=');
        if (equals == line.npos)
            return refuse("Expected an '=' sign defining a " + std::string(is_nested ? "sub-" : "") +
                          "property: NAME = VALUE");
        std::string name(trim(line.substr(0, equals)));
        if (name.empty())
            return refuse((is_nested ? "Sub-property" : "Property") +
                          std::string(" did not have a name: NAME = VALUE"));
        std::ranges::transform(name, name.begin(),
                               [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        return profile_property{std::move(name), std::string(trim(line.substr(equals + 1))), source()};
    }

    profile_file& file_;
    profile_file_kind kind_;
    std::size_t line_ = 0;
    sections bare_default_; // [default] of the config file
    section* section_ = nullptr;
    profile_property* property_ = nullptr;
};

inline result<std::shared_ptr<const profile_file>> profile_file::parse(std::string_view text, profile_file_kind kind,
                                                                       std::string name) {
    auto file = std::make_shared<profile_file>();
    file->name_ = std::move(name);
    if (auto parsed = parser(*file, kind).parse(text); !parsed) return std::move(parsed).error();
    return file;
}

} // namespace dynasession::inline v0::aws

#endif
