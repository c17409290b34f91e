#ifndef DYNASESSION_AWS_CREDENTIAL_FETCH_HPP
#define DYNASESSION_AWS_CREDENTIAL_FETCH_HPP

#include <dynasession/aws/assume_role_credentials.hpp>
#include <dynasession/aws/container_credentials.hpp>
#include <dynasession/aws/container_settings.hpp>
#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/environment_credentials.hpp>
#include <dynasession/aws/fetch.hpp>
#include <dynasession/aws/instance_credentials.hpp>
#include <dynasession/aws/instance_metadata.hpp>
#include <dynasession/aws/instance_settings.hpp>
#include <dynasession/aws/process_credentials.hpp>
#include <dynasession/aws/sso_credentials.hpp>
#include <dynasession/aws/web_identity_credentials.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/op/action.hpp>
#include <dynasession/op/defer.hpp>
#include <dynasession/op/one_of.hpp>

#include <string>
#include <utility>

namespace dynasession::inline v0::aws {

/// Gives credentials that are known.
using fetch_known_credentials = op::ready<fetch_effect, fetch_reply, credentials>;

/// Reads the variables of the environment as they are now.
class environment_reader {
public:
    explicit environment_reader(environment env) : env_(std::move(env)) {}

    result<fetch_known_credentials> operator()() const { return fetch_known_credentials(read()); }

private:
    result<credentials> read() const {
        auto found = environment_credentials(env_);
        if (!found) return std::move(found).error();
        if (*found) return **std::move(found);
        return failure(error::missing_credentials, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set any more");
    }

    environment env_;
};
using fetch_environment_credentials = op::defer<environment_reader>;

/// Makes the request of a container: with the token that its file holds now.
struct container_request {
    container_settings settings{};

    result<fetch_container_credentials> operator()() const {
        auto token = read_container_token(settings);
        if (!token) return std::move(token).error();
        return fetch_container_credentials(settings, *std::move(token));
    }
};

/// Asks instance metadata because nothing else is configured, which may be an oversight: then there is no such service.
class fetch_as_last_resort {
public:
    using effect_type = fetch_effect;
    using reply_type = fetch_reply;
    using value_type = credentials;
    using action = op::action<fetch_effect, credentials>;

    /// `looked_at` tells where else there is nothing.
    fetch_as_last_resort(instance_settings s, std::string looked_at)
        : inner_(std::move(s)), looked_at_(std::move(looked_at)) {}

    action resume(fetch_reply&& reply, op::instant now) {
        return op::carry_on<action>(inner_.resume(std::move(reply), now), [this](result<credentials>&& got) -> action {
            if (got) return std::move(got);
            auto why = std::move(got).error();
            why.detail = looked_at_ + "; " + why.detail;
            if (means_no_metadata_service(why)) why.code = error::missing_credentials;
            return result<credentials>(std::move(why));
        });
    }

private:
    fetch_instance_credentials inner_;
    std::string looked_at_;
};

/// Any of the ways to credentials that need no others before.
using base_fetch = op::one_of<fetch_known_credentials, fetch_environment_credentials, fetch_web_identity_credentials,
                              fetch_sso_credentials, fetch_process_credentials, op::defer<container_request>,
                              fetch_instance_credentials, fetch_as_last_resort>;

/// Any way to credentials. A copy that has not begun fetches anew.
using credential_fetch = fetch_role_credentials<base_fetch>;
static_assert(fetch_operation<credential_fetch>);

} // namespace dynasession::inline v0::aws

#endif
