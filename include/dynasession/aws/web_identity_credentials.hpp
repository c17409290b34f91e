#ifndef DYNASESSION_AWS_WEB_IDENTITY_CREDENTIALS_HPP
#define DYNASESSION_AWS_WEB_IDENTITY_CREDENTIALS_HPP

#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/fetch.hpp>
#include <dynasession/aws/read_file.hpp>
#include <dynasession/aws/role_options.hpp>
#include <dynasession/aws/setting.hpp>
#include <dynasession/aws/shared_config.hpp>
#include <dynasession/aws/sts.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/op/defer.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// A role that is assumed with the token of an identity provider, as in a pod of Kubernetes (IRSA).
struct web_identity {
    role assumed{};
    setting token_file{};
};

/// The web identity of the environment, else of a profile: AWS_WEB_IDENTITY_TOKEN_FILE or `web_identity_token_file`,
/// AWS_ROLE_ARN or `role_arn`, AWS_ROLE_SESSION_NAME or `role_session_name`, and `duration_seconds`; nothing when there
/// is none.
///
/// *Errors:* `error::missing_credentials` when a part is missing, `error::invalid_option` for a duration out of range;
/// the detail names variable, or file and line.
inline result<std::optional<web_identity>> configured_web_identity(const environment& env, const shared_config& config,
                                                                   std::string_view profile) {
    const auto find = [&](std::string_view name, std::string_view property) {
        auto found = find_variable({name}, env);
        return found.value.empty() ? setting_of(config.find(profile, property)) : found;
    };
    auto file = find("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file");
    auto arn = find("AWS_ROLE_ARN", "role_arn");
    if (file.value.empty()) {
        if (arn.source == "AWS_ROLE_ARN")
            return arn.refuse("set, but AWS_WEB_IDENTITY_TOKEN_FILE is not: set both, or none",
                              error::missing_credentials);
        return std::optional<web_identity>();
    }
    if (arn.value.empty())
        return file.refuse(file.source == "AWS_WEB_IDENTITY_TOKEN_FILE"
                               ? "set, but AWS_ROLE_ARN is not: set both, or none"
                               : "without a role: add role_arn to the profile",
                           error::missing_credentials);
    const auto duration = role_duration(config, profile);
    if (!duration) return duration.error();
    return std::optional(web_identity{.assumed = {.arn = std::move(arn.value),
                                                  .session_name = find("AWS_ROLE_SESSION_NAME", "role_session_name").value,
                                                  .duration = *duration,
                                                  .source = std::move(arn.source)},
                                      .token_file = std::move(file)});
}

/// Reads the token of a web identity. Blanks and line ends behind it are none of it.
///
/// *Errors:* `error::missing_credentials` for a file that cannot be read, is empty or holds something else; the detail
/// names it, and where it was configured.
inline result<std::string> read_web_identity_token(const setting& file) {
    constexpr std::size_t longest = 20'000; // STS API reference, WebIdentityToken
    const auto refuse = [&file](const std::string& why) { return file.refuse(why, error::missing_credentials); };
    auto token = read_file(file.value, longest + 2);
    if (!token) return refuse(token.error().detail + ": mount the token, or correct the path");
    token->resize(token->find_last_not_of(" \t\r\n") + 1);
    if (token->empty()) return refuse(file.value + " is empty: it has to hold a token");
    const bool is_token = token->size() <= longest && token->find_first_of(std::string_view(" \t\r\n\0", 5)) == token->npos;
    if (is_token) return token;
    detail::cleanse(*token);
    return refuse(file.value + " holds more than a token: white space within, or more than 20000 characters");
}

/// Makes the call for a web identity: with the token that its file holds now.
struct web_identity_exchange {
    sts_endpoint where{};
    web_identity identity{};

    result<sts_call> operator()() const {
        auto token = read_web_identity_token(identity.token_file);
        if (!token) return std::move(token).error();
        auto call = assume_role_with_web_identity(where, identity.assumed, *token);
        detail::cleanse(*token);
        return call;
    }
};

/// Fetches the credentials of a web identity.
using fetch_web_identity_credentials = op::defer<web_identity_exchange>;
static_assert(fetch_operation<fetch_web_identity_credentials>);

} // namespace dynasession::inline v0::aws

#endif
