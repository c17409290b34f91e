#ifndef DYNASESSION_AWS_STS_HPP
#define DYNASESSION_AWS_STS_HPP

#include <dynasession/aws/canonical_request.hpp>
#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/fetch.hpp>
#include <dynasession/aws/service_call.hpp>
#include <dynasession/aws/service_fault.hpp>
#include <dynasession/aws/signing_cache.hpp>
#include <dynasession/aws/sigv4.hpp>
#include <dynasession/aws/xml_document.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/encoding.hpp>
#include <dynasession/detail/iso8601.hpp>
#include <dynasession/detail/random_token.hpp>
#include <dynasession/http/endpoint.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/op/action.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::aws {

/// Where STS is, and the region that its signatures name.
struct sts_endpoint {
    http::endpoint address{};
    std::string region{};
};

/// A role to be assumed.
struct role {
    std::string arn{};
    std::string session_name{}; ///< what the logs of AWS show; empty: one is made up
    std::string external_id{};  ///< what the role's owner may demand; empty: none
    std::optional<std::chrono::seconds> duration{}; ///< of the credentials; else the service's 1 h
    std::string source{};       ///< where it was configured, for messages
};

namespace sts_detail {

// One request of the query protocol: a form whose answer is XML (STS API reference, version 2011-06-15).
class request {
public:
    request(sts_endpoint where, std::string_view action, const role& r, std::optional<credentials> key = {})
        : where_(std::move(where)), action_(action), source_(r.source), key_(std::move(key)) {
        form_.append("Action=").append(action).append("&Version=2011-06-15");
        add("RoleArn", r.arn);
        add("RoleSessionName", r.session_name.empty() ? "dynasession-" + detail::random_token() : r.session_name);
        if (r.duration) add("DurationSeconds", std::to_string(r.duration->count()));
        if (!r.external_id.empty()) add("ExternalId", r.external_id);
    }
    request(const request&) = default;
    request(request&&) = default;
    request& operator=(const request&) = delete;
    ~request() { detail::cleanse(form_); } // may hold a token

    void add(std::string_view name, std::string_view value) {
        form_.append(1, '&').append(name).append(1, '=');
        detail::append_uri_encoded(form_, value);
    }

    std::string name() const {
        return (source_.empty() ? source_ : source_ + ": ") + action_ + " at " + where_.address.host;
    }

    result<server_call> render(op::instant now) const {
        const timestamp at(now.system);
        const auto host = where_.address.authority();
        std::vector<header> headers{{"content-type", "application/x-www-form-urlencoded; charset=utf-8"},
                                    {"host", host}}; // sorted, as the signature wants them
        std::string authorization;
        if (key_) {
            headers.push_back({"x-amz-date", at.text()});
            if (!key_->session_token().empty()) headers.push_back({"x-amz-security-token", key_->session_token()});
            signer(where_.region, "sts").sign({.headers = headers, .body = form_}, *key_, at, authorization);
            headers.push_back({"authorization", authorization});
        }
        std::vector<http::field> fields{{"accept-encoding", "identity"}, {"user-agent", "dynasession"}};
        for (const auto& h : headers)
            if (h.name != "host") fields.push_back({h.name, h.value});
        auto message = http::make_request("POST", "/", host, fields, form_);
        if (!message) return std::move(message).error();
        return server_call{where_.address, *std::move(message), std::chrono::seconds(5), true};
    }

    result<credentials> read(const http::response& answer) const {
        const failure foreign(error::malformed_response, "the answer is not what STS sends: check AWS_ENDPOINT_URL_STS "
                                                         "and AWS_ENDPOINT_URL, and what stands between");
        const auto document = xml_document::parse(answer.body);
        if (!document) return foreign;
        const auto text = [&, path = action_ + "Response/" + action_ + "Result/Credentials/"](std::string_view name) {
            return document->find(path + std::string(name)).value_or("");
        };
        auto id = text("AccessKeyId"), secret = text("SecretAccessKey"), token = text("SessionToken");
        const auto expires = detail::parse_iso8601(text("Expiration"));
        if (id.empty() || secret.empty() || token.empty() || !expires) return foreign;
        return credentials(std::move(id), std::move(secret), std::move(token), *expires);
    }

    service_fault fault(const http::response& answer) const {
        const auto document = xml_document::parse(answer.body);
        const auto text = [&](std::string_view path) {
            return document ? document->find(path).value_or("") : std::string();
        };
        return service_fault_of(answer.status, text("ErrorResponse/Error/Code"), text("ErrorResponse/Error/Message"));
    }

private:
    sts_endpoint where_;
    std::string action_;
    std::string source_;
    std::optional<credentials> key_;
    std::string form_;
};

} // namespace sts_detail

/// A call to STS. The same call may be copied and made again.
using sts_call = service_call<sts_detail::request>;

/// The credentials of a role, for one whose own these are.
///
/// *Errors:* `error::access_denied` when the role may not be assumed, `error::credentials_expired` when STS does not
/// know the own ones, and those of the transport.
inline sts_call assume_role(sts_endpoint where, const role& r, credentials own) {
    return sts_call({std::move(where), "AssumeRole", r, std::move(own)});
}

/// The credentials of a role, for one whom an identity provider has given this token.
///
/// *Errors:* `error::access_denied` when the role may not be assumed, `error::credentials_expired` for an old token,
/// and those of the transport.
inline sts_call assume_role_with_web_identity(sts_endpoint where, const role& r, std::string_view token) {
    sts_detail::request call(std::move(where), "AssumeRoleWithWebIdentity", r);
    call.add("WebIdentityToken", token);
    return sts_call(std::move(call));
}

static_assert(fetch_operation<sts_call>);

} // namespace dynasession::inline v0::aws

#endif
