#ifndef DYNASESSION_AWS_CREDENTIAL_CHAIN_HPP
#define DYNASESSION_AWS_CREDENTIAL_CHAIN_HPP

#include <dynasession/aws/credential_fetch.hpp>
#include <dynasession/aws/credential_search.hpp>
#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/credentials_provider.hpp>
#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/fetch.hpp>
#include <dynasession/aws/fetch_now.hpp>
#include <dynasession/aws/profile_search.hpp>
#include <dynasession/aws/shared_config.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/http/client.hpp>
#include <dynasession/op/run.hpp>

#include <utility>
#include <variant>

namespace dynasession::inline v0::aws {

/// A source for a `credentials_provider` that carries out this operation, from its beginning, at each fetch.
template <fetch_operation Op>
class fetching {
public:
    explicit fetching(Op operation, fetch_io effects = fetch_io())
        : operation_(std::move(operation)), effects_(std::move(effects)) {}

    result<credentials> operator()() const { return op::run(operation_, effects_); }

private:
    Op operation_;
    fetch_io effects_;
};

/// The credentials that a client uses: those it was given, else those of the first of these places that is configured:
/// 1. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_CREDENTIAL_EXPIRATION; not when the program
///    names a profile, nor then the variables of 3.
/// 2. `role_arn` of the profile, with `source_profile` or `credential_source`.
/// 3. AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or the same in the profile.
/// 4. `sso_session` of the profile, or `sso_start_url`.
/// 5. Keys of the profile in the credentials file.
/// 6. `credential_process` of the profile.
/// 7. Keys of the profile in the config file.
/// 8. AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI.
/// 9. Instance metadata, unless AWS_EC2_METADATA_DISABLED.
///
/// Looks at variables and the profiles' files only: the network is asked, programs are run, and the files of tokens are
/// read when credentials are wanted, and again before they expire. Keys of the environment and of files stay as they
/// are now, unless the environment says when they expire: then it is read again.
///
/// `connection` says how the servers are reached, as for `fetch_io`.
///
/// *Errors:* those of `credential_search`: what is configured wrong, by half or in two ways is never passed over.
inline result<credentials_provider> resolve_credentials(credentials_provider given,
                                                        const credential_options& options = {},
                                                        const environment& env = process_environment,
                                                        const shared_config& config = {},
                                                        http::client_options connection = {}) {
    if (given) return given;
    auto found = credential_search(options, env, config).find();
    if (!found) return std::move(found).error();
    if (auto* keys = std::get_if<credentials>(&found->from)) return credentials_provider(std::move(*keys));
    auto& fetch = std::get<credential_fetch>(found->from);
    fetch_io effects(std::move(connection), options.allow_plain_http, env, config);
    return credentials_provider(fetching(std::move(fetch), std::move(effects)), found->refresh);
}

} // namespace dynasession::inline v0::aws

#endif
