#ifndef DYNASESSION_AWS_ENVIRONMENT_CREDENTIALS_HPP
#define DYNASESSION_AWS_ENVIRONMENT_CREDENTIALS_HPP

#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/key_text.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/detail/iso8601.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// The credentials in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_CREDENTIAL_EXPIRATION; nothing
/// when neither of the first two is set.
///
/// *Errors:* `error::missing_credentials` when one of the two is, `error::invalid_option` for a text that is no key and
/// an expiry that is no time; the detail names the variable.
inline result<std::optional<credentials>> environment_credentials(const environment& env = process_environment) {
    auto id = variable(env, "AWS_ACCESS_KEY_ID");
    auto secret = variable(env, "AWS_SECRET_ACCESS_KEY");
    auto token = variable(env, "AWS_SESSION_TOKEN");
    if (id.empty() && secret.empty()) return std::optional<credentials>();
    if (id.empty())
        return failure(error::missing_credentials, "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not");
    if (secret.empty())
        return failure(error::missing_credentials, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
    for (const auto& [name, text] : {std::pair<const char*, std::string_view>("AWS_ACCESS_KEY_ID", id),
                                     {"AWS_SECRET_ACCESS_KEY", secret},
                                     {"AWS_SESSION_TOKEN", token}})
        if (!is_key_text(text))
            return failure(error::invalid_option, std::string(name) + ": holds white space or signs outside of ASCII");

    std::optional<credentials::time_point> expires;
    if (const auto text = variable(env, "AWS_CREDENTIAL_EXPIRATION"); !text.empty()) {
        expires = detail::parse_iso8601(text);
        if (!expires)
            return failure(error::invalid_option,
                           "AWS_CREDENTIAL_EXPIRATION: expected a time such as 2026-11-20T10:00:00Z");
    }
    return std::optional<credentials>(std::in_place, std::move(id), std::move(secret), std::move(token), expires);
}

} // namespace dynasession::inline v0::aws

#endif
