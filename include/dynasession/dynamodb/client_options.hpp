#ifndef DYNASESSION_DYNAMODB_CLIENT_OPTIONS_HPP
#define DYNASESSION_DYNAMODB_CLIENT_OPTIONS_HPP

#include <dynasession/aws/credentials_provider.hpp>
#include <dynasession/aws/endpoint.hpp>
#include <dynasession/aws/environment.hpp>
#include <dynasession/core/config.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/dynamodb/call.hpp>
#include <dynasession/dynamodb/observer.hpp>
#include <dynasession/http/client.hpp>

#include <optional>
#include <string>

namespace dynasession::inline v0::dynamodb {

/// What a client needs to know. What is left empty is found as the AWS SDKs find it: in variables, then in the profile
/// in use of ~/.aws/config and ~/.aws/credentials.
struct client_options {
    std::string profile{};                   ///< else AWS_PROFILE, AWS_DEFAULT_PROFILE, `default`
    std::string region{};                    ///< else AWS_REGION, AWS_DEFAULT_REGION, `region`

    /// When nothing else names a region, ask the metadata of the EC2 instance: the constructor then waits for it, at
    /// most 14 s with the settings as they are by default, and 1 s where there is no metadata service.
    bool region_from_instance = false;

    std::string endpoint_url{};              ///< else see `aws::configured_endpoint_url`, else AWS's own of the region
    std::optional<bool> use_fips{};          ///< else AWS_USE_FIPS_ENDPOINT, `use_fips_endpoint`, false
    std::optional<bool> use_dual_stack{};    ///< else AWS_USE_DUALSTACK_ENDPOINT, `use_dualstack_endpoint`, false
    bool allow_plain_http = false;           ///< http:// to other machines than this one, or through a proxy
    aws::credentials_provider credentials{}; ///< keys, or a function that gives some; else `aws::resolve_credentials`
    call_options call{};                     ///< time and attempts of a call
    http::client_options connection{};       ///< connections, TLS, proxy: see `aws::resolve_connection`
    any_observer observer{};                 ///< is told of each call: `metrics`, or a function of a `request_event`
};

/// The same with everything found.
struct client_setup {
    aws::resolved_endpoint where;
    aws::credentials_provider credentials;
    call_options call;
    http::client_options connection;
    any_observer observer;
};

/// Looks into the environment and the profiles' files for what the options leave empty. Connects to nothing, except for
/// `client_options::region_from_instance`.
///
/// *Errors:* what is missing, wrong or set by half, with the option, the variable, or file and line, and what to do.
DYNASESSION_DECL result<client_setup> resolve(client_options given, const aws::environment& env = aws::process_environment);

} // namespace dynasession::inline v0::dynamodb

#endif
