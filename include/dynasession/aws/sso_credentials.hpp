#ifndef DYNASESSION_AWS_SSO_CREDENTIALS_HPP
#define DYNASESSION_AWS_SSO_CREDENTIALS_HPP

#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/credentials_json.hpp>
#include <dynasession/aws/fetch.hpp>
#include <dynasession/aws/read_file.hpp>
#include <dynasession/aws/service_call.hpp>
#include <dynasession/aws/service_fault.hpp>
#include <dynasession/aws/sso_profile.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/encoding.hpp>
#include <dynasession/detail/iso8601.hpp>
#include <dynasession/http/endpoint.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/op/action.hpp>
#include <dynasession/op/defer.hpp>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

namespace sso_detail {

// What a login has left behind.
struct login {
    std::string token{};
    credentials::time_point expires{};
};

inline std::optional<login> parse_login(std::string_view text) {
    error_code ec;
    const auto json = boost::json::parse(text, ec);
    if (ec || !json.is_object()) return std::nullopt;
    auto token = credentials_json_detail::key_text(json.get_object(), "accessToken", true);
    auto expires = credentials_json_detail::text(json.get_object(), "expiresAt");
    if (!token || !expires) return std::nullopt;
    if (expires->ends_with("UTC")) expires->replace(expires->size() - 3, 3, "Z"); // older versions of the AWS CLI
    const auto time = detail::parse_iso8601(*expires);
    if (!time) return std::nullopt;
    return login{*std::move(token), *time};
}

// GetRoleCredentials (SSO portal API reference).
class request {
public:
    request(http::endpoint portal, sso_profile of, login with)
        : portal_(std::move(portal)), profile_(std::move(of)), login_(std::move(with)) {}
    request(const request&) = default;
    request(request&&) = default;
    request& operator=(const request&) = delete;
    ~request() { detail::cleanse(login_.token); }

    static std::string log_in(const sso_profile& p) { return "run aws sso login --profile " + p.profile; }

    std::string name() const { return profile_.source; }

    result<server_call> render(op::instant now) const {
        if (now.system >= login_.expires)
            return failure(error::credentials_expired, "the login has expired: " + log_in(profile_));
        std::string target = "/federation/credentials?account_id=";
        detail::append_uri_encoded(target, profile_.account_id);
        target += "&role_name=";
        detail::append_uri_encoded(target, profile_.role_name);
        const http::field fields[] = {{"accept-encoding", "identity"},
                                      {"user-agent", "dynasession"},
                                      {"x-amz-sso_bearer_token", login_.token}};
        auto message = http::make_request("GET", target, portal_.authority(), fields);
        if (!message) return std::move(message).error();
        return server_call{portal_, *std::move(message), std::chrono::seconds(5), true};
    }

    result<credentials> read(const http::response& answer) const {
        const failure foreign(error::malformed_response,
                              portal_.host + " does not answer as the SSO portal does: check AWS_ENDPOINT_URL_SSO and "
                                             "AWS_ENDPOINT_URL, and what stands between");
        const auto json = parse(answer);
        const auto* fields = json.is_object() ? json.get_object().if_contains("roleCredentials") : nullptr;
        if (!fields || !fields->is_object()) return foreign;
        const auto text = [&](std::string_view name) {
            return credentials_json_detail::key_text(fields->get_object(), name, true);
        };
        auto id = text("accessKeyId"), secret = text("secretAccessKey"), token = text("sessionToken");
        const auto* expires = fields->get_object().if_contains("expiration"); // milliseconds
        const auto* time = expires ? expires->if_int64() : nullptr;
        if (!id || !secret || !token || !time) return foreign;
        return credentials(*std::move(id), *std::move(secret), *std::move(token),
                           credentials::time_point(std::chrono::milliseconds(*time)));
    }

    service_fault fault(const http::response& answer) const {
        const auto json = parse(answer);
        const auto text = [&](std::string_view name) {
            if (!json.is_object()) return std::string();
            auto found = credentials_json_detail::text(json.get_object(), name);
            return found ? *std::move(found) : std::string();
        };
        const auto type = answer.header("x-amzn-errortype");
        auto f = service_fault_of(answer.status, error_name(type.empty() ? text("__type") : std::string(type)),
                                  text("message"));
        f.why.detail = portal_.host + ": " + f.why.detail;
        if (answer.status == 401) f.why = {error::credentials_expired, f.why.detail + ": " + log_in(profile_)};
        return f;
    }

private:
    static boost::json::value parse(const http::response& answer) {
        error_code ec;
        if (answer.body.size() > max_credentials_json) return nullptr;
        return boost::json::parse(answer.body, ec);
    }

    http::endpoint portal_;
    sso_profile profile_;
    login login_;
};

} // namespace sso_detail

/// A call to the SSO portal.
using sso_call = service_call<sso_detail::request>;

/// Makes the call for an SSO profile: with the token that its file holds now.
struct sso_exchange {
    http::endpoint portal{};
    sso_profile profile{};

    /// *Errors:* `error::missing_credentials` when there is no such file, or it holds no token.
    result<sso_call> operator()() const {
        const auto refuse = [this](const std::string& why) {
            return failure(error::missing_credentials,
                           profile.source + ": " + why + ": " + sso_detail::request::log_in(profile));
        };
        auto text = read_file(profile.token_file, max_credentials_json);
        if (!text) return refuse("no login: " + text.error().detail);
        auto login = sso_detail::parse_login(*text);
        detail::cleanse(*text);
        if (!login) return refuse(profile.token_file + " holds no token with its expiry");
        return sso_call({portal, profile, *std::move(login)});
    }
};

/// Fetches the credentials of an SSO role.
using fetch_sso_credentials = op::defer<sso_exchange>;
static_assert(fetch_operation<fetch_sso_credentials>);

} // namespace dynasession::inline v0::aws

#endif
