#ifndef DYNASESSION_AWS_INSTANCE_CREDENTIALS_HPP
#define DYNASESSION_AWS_INSTANCE_CREDENTIALS_HPP

#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/credentials_json.hpp>
#include <dynasession/aws/credentials_provider.hpp>
#include <dynasession/aws/fetch.hpp>
#include <dynasession/aws/fetch_now.hpp>
#include <dynasession/aws/instance_settings.hpp>
#include <dynasession/aws/metadata_requests.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/http/client.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/op/action.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// Asks the metadata service of an EC2 instance for the credentials of its role (EC2 user guide, "Use the Instance
/// Metadata Service"): for a token, for the name of the role, then for its credentials.
///
/// The token is not kept for the next fetch, although it lives for six hours: fetches are an hour apart, and a request
/// to this machine costs less than a secret that lies about. Credentials that have expired are given on, as the service
/// gives them during an outage.
class fetch_instance_credentials {
public:
    using effect_type = fetch_effect;
    using reply_type = fetch_reply;
    using value_type = credentials;
    using action_type = metadata_requests::action_type;

    explicit fetch_instance_credentials(instance_settings s)
        : requests_(s.server,
                    "instance metadata at http" + std::string(s.server.tls ? "s://" : "://") + s.server.authority(),
                    s.patience),
          allow_v1_(s.allow_v1), disabled_by_(std::move(s.disabled_by)) {}

    action_type resume(fetch_reply&& reply, op::instant) {
        if (step_ == step::start) {
            if (disabled_by_.empty()) return ask_token();
            return result<credentials>(
                failure(error::missing_credentials, "instance metadata: turned off by " + disabled_by_));
        }
        if (step_ == step::token && has_timed_out(reply))
            return go_without_token(error::timeout,
                                    "no answer within " + std::to_string(requests_.patience().timeout.count()) + " ms");
        if (auto next = requests_.follow(reply)) return *std::move(next);
        auto& answer = *reply.answer;
        if (step_ == step::token) return take_token(answer);
        if (answer.status != 200) return give_up_or_renew(answer.status);
        return step_ == step::role ? take_role(answer.body) : take_credentials(std::move(answer.body));
    }

private:
    enum class step { start, token, role, credentials };

    static constexpr std::string_view roles = "/latest/meta-data/iam/security-credentials/";

    action_type ask_token() {
        step_ = step::token;
        constexpr http::field lifetime{"x-aws-ec2-metadata-token-ttl-seconds", "21600"};
        constexpr std::string_view target = "/latest/api/token";
        return requests_.send("PUT", target, {&lifetime, 1}, "PUT " + std::string(target));
    }

    action_type ask(step next, const std::string& target) {
        step_ = next;
        const http::field token{"x-aws-ec2-metadata-token", token_};
        return requests_.send("GET", target, {&token, token_.empty() ? 0U : 1U}, "GET " + target);
    }

    static bool has_timed_out(const fetch_reply& reply) {
        return !reply.answer &&
               (reply.answer.error() == error::timeout || reply.answer.error().code == boost::system::errc::timed_out);
    }

    action_type take_token(const http::response& answer) {
        const auto status = answer.status;
        if (status == 403 || status == 404 || status == 405)
            return go_without_token(error::missing_credentials, requests_.status_text(status));
        if (status != 200) return stop(status);
        const auto is_plain = [](char c) { return c > ' ' && c <= '~'; };
        if (answer.body.empty() || answer.body.size() > 1024 || !std::ranges::all_of(answer.body, is_plain))
            return requests_.again(error::malformed_response, "the answer is no token");
        token_ = answer.body;
        return ask(step::role, std::string(roles));
    }

    action_type go_without_token(error_code code, std::string why) {
        if (allow_v1_) return ask(step::role, std::string(roles));
        return requests_.end(
            code,
            why.append("; in a container on EC2, raise the instance's HttpPutResponseHopLimit to 2; where there is no "
                       "metadata service, give other credentials and set AWS_EC2_METADATA_DISABLED=true; where "
                       "there is one without tokens (IMDSv1), set allow_v1"));
    }

    action_type take_role(std::string_view name) {
        while (name.ends_with('\n') || name.ends_with('\r')) name.remove_suffix(1);
        if (!is_role(name)) return requests_.again(error::malformed_response, "the answer is no name of a role");
        return ask(step::credentials, std::string(roles).append(name));
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
        return why == error::malformed_response ? requests_.again(why.code, why.detail)
                                                : requests_.end(why.code, why.detail);
    }

    action_type give_up_or_renew(unsigned status) {
        if (status == 401 && !token_.empty() && !std::exchange(is_renewed_, true)) return ask_token();
        if (status == 404 && step_ == step::role)
            return requests_.end(error::missing_credentials,
                                 "status 404: the instance has no role: attach an instance profile to it");
        return stop(status);
    }

    action_type stop(unsigned status) const {
        return requests_.end(status == 400 ? error::invalid_request : error::missing_credentials,
                             requests_.status_text(status));
    }

    metadata_requests requests_;
    bool allow_v1_;
    std::string disabled_by_;
    step step_ = step::start;
    std::string token_;
    bool is_renewed_ = false;
};

static_assert(fetch_operation<fetch_instance_credentials>);

/// The source of an EC2 instance's credentials. Its provider should have `instance_refresh`.
///
/// With three attempts of one second a fetch ends within 17 seconds, however the service behaves; where there is none,
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
