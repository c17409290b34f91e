#ifndef DYNASESSION_AWS_INSTANCE_CREDENTIALS_HPP
#define DYNASESSION_AWS_INSTANCE_CREDENTIALS_HPP

#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/credentials_json.hpp>
#include <dynasession/aws/credentials_provider.hpp>
#include <dynasession/aws/fetch.hpp>
#include <dynasession/aws/fetch_now.hpp>
#include <dynasession/aws/instance_metadata.hpp>
#include <dynasession/aws/instance_settings.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/http/client.hpp>
#include <dynasession/op/action.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// Asks the metadata service of an EC2 instance for the credentials of its role: for the name of the role, then for its
/// credentials. Those that have expired are given on, as the service gives them during an outage.
class fetch_instance_credentials {
public:
    using effect_type = fetch_effect;
    using reply_type = fetch_reply;
    using value_type = credentials;
    using action_type = instance_metadata<credentials>::action_type;

    explicit fetch_instance_credentials(instance_settings s)
        : metadata_(std::move(s),
                    {.target = roles,
                     .missing = error::missing_credentials,
                     .not_found = "the instance has no role: attach an instance profile to it",
                     .elsewhere = "give other credentials and set AWS_EC2_METADATA_DISABLED=true"}) {}

    action_type resume(fetch_reply&& reply, op::instant) {
        if (auto next = metadata_.follow(reply)) return *std::move(next);
        auto& text = reply.answer->body;
        return metadata_.target() == roles ? take_role(metadata_line(text)) : take_credentials(std::move(text));
    }

private:
    static constexpr std::string_view roles = "/latest/meta-data/iam/security-credentials/";

    action_type take_role(std::string_view name) {
        if (!is_role(name)) return metadata_.again(error::malformed_response, "the answer is no name of a role");
        return metadata_.ask(std::string(roles).append(name));
    }

    // A name becomes a part of the next request: it may neither end its line nor lead elsewhere.
    static bool is_role(std::string_view name) noexcept {
        constexpr std::string_view marks = "+=,.@_-"; // IAM API reference, CreateRole
        const auto is_allowed = [&](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   marks.find(c) != marks.npos;
        };
        return !name.empty() && name.size() <= 128 && std::ranges::all_of(name, is_allowed) &&
               name.find_first_not_of('.') != name.npos;
    }

    action_type take_credentials(std::string text) {
        auto found = read_credentials_json(std::move(text), metadata_form);
        if (found) return found;
        const auto why = found.error();
        return why == error::malformed_response ? metadata_.again(why.code, why.detail)
                                                : metadata_.end(why.code, why.detail);
    }

    instance_metadata<credentials> metadata_;
};

static_assert(fetch_operation<fetch_instance_credentials>);

/// The source of an EC2 instance's credentials. Its provider should have `instance_refresh`.
///
/// With three attempts of one second a fetch ends within 20 seconds, however the service behaves; where there is none,
/// within one.
class instance_credentials {
public:
    explicit instance_credentials(instance_settings settings, http::client_options options = {})
        : settings_(std::move(settings)), options_(std::move(options)) {}

    result<credentials> operator()() const { return fetch_now(fetch_instance_credentials(settings_), options_); }

private:
    instance_settings settings_;
    http::client_options options_;
};

/// When the credentials of an instance are fetched anew: those that have expired stay in use during an outage of the
/// metadata service, as AWS accepts them for longer then.
inline constexpr refresh_options instance_refresh{.keep_expired = true};

} // namespace dynasession::inline v0::aws

#endif
