#ifndef DYNASESSION_AWS_CONNECTION_HPP
#define DYNASESSION_AWS_CONNECTION_HPP

#include <dynasession/aws/client_settings.hpp>
#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/proxy.hpp>
#include <dynasession/aws/setting.hpp>
#include <dynasession/aws/shared_config.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/http/client.hpp>
#include <dynasession/http/endpoint.hpp>
#include <dynasession/http/proxy.hpp>
#include <dynasession/http/tls.hpp>

#include <string>
#include <utility>

namespace dynasession::inline v0::aws {

namespace connection_detail {

// The file of trusted authorities; one that cannot be used is found here, where it is known who named it.
inline result<std::string> resolve_ca_file(const std::string& given, const environment& env,
                                           const shared_config& config) {
    auto file = given.empty() ? configured_ca_bundle(env, config) : setting{given, "option ca_file"};
    if (file.value.empty()) return std::string();
    if (const auto usable = http::tls_context::make({}, file.value); !usable)
        return failure(usable.error().code, file.source + ": " + usable.error().detail);
    return std::move(file.value);
}

} // namespace connection_detail

/// The options of connections to this endpoint, with what is not set taken from the environment: `ca_file` from
/// AWS_CA_BUNDLE, else from `ca_bundle` of the profile in use, `proxy` as `environment_proxy` finds it.
///
/// Plain http through a proxy leaves this machine, wherever the endpoint is, so it needs `allow_plain_http`.
///
/// *Errors:* `error::invalid_option`; the detail names the option, the variable, or the file and line.
inline result<http::client_options> resolve_connection(http::client_options given, const http::endpoint& target,
                                                       bool allow_plain_http,
                                                       const environment& env = process_environment,
                                                       const shared_config& config = {}) {
    if (target.tls) {
        auto file = connection_detail::resolve_ca_file(given.ca_file, env, config);
        if (!file) return std::move(file).error();
        given.ca_file = *std::move(file);
    }
    if (!given.proxy) {
        auto proxy = environment_proxy(target, env);
        if (!proxy) return std::move(proxy).error();
        given.proxy = *std::move(proxy);
    } else if (!given.proxy->empty()) {
        if (const auto usable = http::proxy::parse(*given.proxy); !usable)
            return failure(usable.error().code, "option proxy: " + usable.error().detail);
    }
    if (!given.proxy->empty() && !target.tls && !allow_plain_http)
        return failure(
            error::invalid_option,
            "option proxy: plain http through a proxy can be read on the way: use https, or set allow_plain_http");
    return given;
}

} // namespace dynasession::inline v0::aws

#endif
