#ifndef DYNASESSION_AWS_CREDENTIAL_CHAIN_HPP
#define DYNASESSION_AWS_CREDENTIAL_CHAIN_HPP

#include <dynasession/aws/credentials_provider.hpp>
#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/environment_credentials.hpp>
#include <dynasession/core/error.hpp>

#include <utility>

namespace dynasession::inline v0::aws {

/// The credentials that a client uses: those it was given, else those of the environment.
///
/// *Errors:* `error::missing_credentials`, naming what is not set.
inline result<credentials_provider> resolve_credentials(credentials_provider given,
                                                        const environment& env = process_environment) {
    if (given) return given;
    auto found = environment_credentials(env);
    if (!found) return std::move(found).error();
    if (!*found)
        return failure(error::missing_credentials, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
    return credentials_provider(**std::move(found));
}

} // namespace dynasession::inline v0::aws

#endif
