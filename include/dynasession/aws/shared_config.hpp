#ifndef DYNASESSION_AWS_SHARED_CONFIG_HPP
#define DYNASESSION_AWS_SHARED_CONFIG_HPP

#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/profile_file.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/detail/crypto.hpp>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace dynasession::inline v0::aws {

/// The two profile files as they were at one moment, and the profile in use. Copies share what was read.
///
/// *Thread safety:* never changes.
class shared_config {
public:
    /// Nothing is configured.
    shared_config() = default;

    /// Reads the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name, else ~/.aws/config and
    /// ~/.aws/credentials, which may be absent, or in a directory that this process may not enter. The profile in use
    /// is the given one, else AWS_PROFILE, else AWS_DEFAULT_PROFILE, else `default`.
    ///
    /// *Errors:* `error::invalid_option`, with file and line, or variable, and what to do: a file that cannot be read
    /// or is no profile file, a named file or profile that is not there.
    static result<shared_config> load(std::string_view profile = {}, const environment& env = process_environment);

    /// The same of files that have been read. Neither may be null.
    static result<shared_config> of(std::shared_ptr<const profile_file> config,
                                    std::shared_ptr<const profile_file> credentials, std::string_view profile = {},
                                    const environment& env = process_environment);

    /// The name of the profile in use.
    const std::string& profile() const noexcept { return profile_; }

    /// Whether the program named the profile: then its credentials go before those of the environment.
    bool is_profile_given() const noexcept { return is_profile_given_; }

    bool has_profile(std::string_view name) const {
        return config_->profiles().contains(name) || credentials_->profiles().contains(name);
    }

    /// A property of a profile: what the credentials file says, else the config file; null when neither has it.
    const profile_property* find(std::string_view profile_name, std::string_view property) const {
        const auto* first = credentials_->find(profile_name, property);
        return first ? first : config_->find(profile_name, property);
    }

    /// A property of the profile in use.
    const profile_property* find(std::string_view property) const { return find(profile_, property); }

    /// A property of the section `[sso-session NAME]`; null when there is none.
    const profile_property* find_sso_session(std::string_view name, std::string_view property) const {
        return profile_file::find(config_->sso_sessions(), name, property);
    }

    /// What the `[services NAME]` section that the profile in use names says of a service: the property `property`
    /// nested in `service`; null when it says nothing.
    ///
    /// *Errors:* `error::invalid_option` when there is no such section, or it has a value in place of nested lines.
    result<const profile_property*> find_in_services(std::string_view service, std::string_view property) const;

    /// Each file alone: credentials of one profile come from one file.
    const profile_file& config_file() const noexcept { return *config_; }
    const profile_file& credentials_file() const noexcept { return *credentials_; }

private:
    using file = std::shared_ptr<const profile_file>;

    static result<file> read(const environment& env, std::string_view variable_name, std::string path,
                             profile_file_kind kind);
    result<void> use_profile(std::string_view given, const environment& env);
    failure no_profile(std::string_view source) const;

    file config_ = std::make_shared<const profile_file>();
    file credentials_ = config_;
    std::string profile_ = "default";
    bool is_profile_given_ = false;
};

inline result<shared_config> shared_config::load(std::string_view profile, const environment& env) {
    auto config = read(env, "AWS_CONFIG_FILE", "~/.aws/config", profile_file_kind::config);
    if (!config) return std::move(config).error();
    auto credentials = read(env, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", profile_file_kind::credentials);
    if (!credentials) return std::move(credentials).error();
    return of(*std::move(config), *std::move(credentials), profile, env);
}

inline result<shared_config> shared_config::of(file config, file credentials, std::string_view profile,
                                               const environment& env) {
    shared_config made;
    made.config_ = std::move(config);
    made.credentials_ = std::move(credentials);
    if (auto used = made.use_profile(profile, env); !used) return std::move(used).error();
    return made;
}

inline result<shared_config::file> shared_config::read(const environment& env, std::string_view variable_name,
                                                       std::string path, profile_file_kind kind) {
    const auto named = variable(env, variable_name);
    const auto refuse = [&](const std::string& why) {
        return failure(error::invalid_option, named.empty() ? why : std::string(variable_name) + ": " + why);
    };
    if (!named.empty()) path = named;
    if (path == "~" || path.starts_with("~/")) {
        const auto home = variable(env, "HOME");
        if (home.empty() && named.empty()) return profile_file::parse({}, kind, std::move(path));
        if (home.empty()) return refuse(path + " needs HOME, which is not set: give the whole path");
        path.replace(0, 1, home);
    }

    std::error_code ec;
    const auto status = std::filesystem::status(path, ec);
    const bool is_absent = status.type() == std::filesystem::file_type::not_found;
    if (is_absent && !named.empty()) return refuse(path + " does not exist: correct or unset the variable");
    // HOME is another user's in many containers and services: what is in there was not meant for this process.
    const bool is_foreign = ec == std::errc::permission_denied && named.empty();
    if (is_absent || is_foreign) return profile_file::parse({}, kind, std::move(path));
    const auto unreadable = [&](const std::string& why) {
        return refuse(path + " cannot be read (" + why + "): correct that, or name another file in " +
                      std::string(variable_name));
    };
    if (ec) return unreadable(ec.message());
    if (std::filesystem::is_directory(status)) return unreadable("a directory");
    std::ifstream in(path, std::ios::binary);
    if (!in) return unreadable(std::generic_category().message(errno));

    std::string text(profile_file::max_size + 1, '\0'); // one more than may be: a longer file is told from the longest
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (in.bad()) return unreadable("input error");
    text.resize(static_cast<std::size_t>(in.gcount()));
    auto parsed = profile_file::parse(text, kind, std::move(path));
    detail::cleanse(text);
    return parsed;
}

inline result<void> shared_config::use_profile(std::string_view given, const environment& env) {
    struct {
        std::string name, source;
    } const candidates[] = {{std::string(given), "option profile"},
                            {variable(env, "AWS_PROFILE"), "AWS_PROFILE"},
                            {variable(env, "AWS_DEFAULT_PROFILE"), "AWS_DEFAULT_PROFILE"}};
    is_profile_given_ = !given.empty();
    for (const auto& c : candidates) {
        if (c.name.empty()) continue;
        profile_ = c.name;
        if (!has_profile(profile_)) return no_profile(c.source);
        break;
    }
    return {};
}

inline failure shared_config::no_profile(std::string_view source) const {
    std::string text(source);
    text += ": there is no profile " + profile_ + " in " + config_->name() + " nor in " + credentials_->name() +
            ": name another one, or add it";
    const auto hint = [&](const std::string& at, std::string_view form) {
        if (!at.empty())
            text.append("; ")
                .append(at)
                .append(": this section is not read, profiles are written ")
                .append(form)
                .append(" with a name of letters, digits and _-/.%@:+");
    };
    hint(config_->ignored(profile_), "[profile NAME]");
    hint(credentials_->ignored(profile_), "[NAME]");
    return {error::invalid_option, std::move(text)};
}

inline result<const profile_property*> shared_config::find_in_services(std::string_view service,
                                                                       std::string_view property) const {
    const profile_property* none = nullptr;
    const auto* name = find("services");
    if (!name || name->value.empty()) return none;
    if (!config_->services().contains(name->value))
        return failure(error::invalid_option, name->source + ": services: there is no section [services " +
                                                  name->value + "] in " + config_->name() + ": add it");
    const auto* said = profile_file::find(config_->services(), name->value, service);
    if (!said) return none;
    if (said->nested.empty() && !said->value.empty())
        return failure(error::invalid_option, said->source + ": " + said->name + ": write " + std::string(property) +
                                                  " = ... in an indented line below, without a value here");
    return said->find(property);
}

} // namespace dynasession::inline v0::aws

#endif
