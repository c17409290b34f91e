#ifndef DYNASESSION_AWS_CREDENTIALS_JSON_HPP
#define DYNASESSION_AWS_CREDENTIALS_JSON_HPP

#include <dynasession/aws/credentials.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/iso8601.hpp>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// How a source of credentials writes them as JSON.
struct credentials_form {
    std::string_view token;    ///< what it calls the session token
    bool is_temporary = false; ///< token and expiry have to be there
    bool has_version = false;  ///< "Version" has to be there, and 1
};

/// Instance metadata and container endpoints.
inline constexpr credentials_form metadata_form{.token = "Token", .is_temporary = true};

/// Programs (`credential_process`).
inline constexpr credentials_form process_form{.token = "SessionToken", .has_version = true};

namespace credentials_json_detail {

// Text of others in a message: short, and on one line.
inline std::string readable(std::string_view text) {
    constexpr auto is_strange = [](char c) { return c < ' ' || c > '~'; };
    std::string out(text.substr(0, 200));
    std::ranges::replace_if(out, is_strange, '?');
    return out;
}

inline failure refuse(std::string_view field, std::string_view why) {
    return {error::malformed_response, std::string("the field \"").append(field).append("\" ").append(why)};
}

// The text of a field; empty when there is none, or null.
inline result<std::string> text(const boost::json::object& fields, std::string_view name) {
    const auto* found = fields.if_contains(name);
    if (!found || found->is_null()) return std::string();
    if (!found->is_string()) return refuse(name, "is no text");
    return std::string(found->get_string());
}

// A part of a key: it goes into header fields.
inline result<std::string> key_text(const boost::json::object& fields, std::string_view name, bool is_needed) {
    auto found = text(fields, name);
    if (!found) return found;
    if (is_needed && found->empty()) return refuse(name, "is missing or empty");
    if (std::ranges::any_of(*found, [](char c) { return c <= ' ' || c > '~'; }))
        return refuse(name, "holds white space or signs outside of ASCII");
    return found;
}

// What the source says in place of credentials. Code and Message in instance metadata, in small letters elsewhere.
inline std::optional<failure> refusal(const boost::json::object& fields) {
    const auto either = [&](std::string_view name, std::string_view other) {
        auto found = text(fields, fields.contains(name) ? name : other);
        return found ? *std::move(found) : std::string();
    };
    const auto code = either("Code", "code");
    if (code.empty() || code == "Success") return std::nullopt;
    auto said = readable(code);
    if (const auto message = either("Message", "message"); !message.empty()) said += ": " + readable(message);
    if (code == "AssumeRoleUnauthorizedAccess") said += "; let the role trust the service ec2.amazonaws.com";
    return failure(error::missing_credentials, "no credentials, but " + said);
}

inline result<credentials> read(const boost::json::object& fields, const credentials_form& form) {
    if (form.has_version) {
        const auto* version = fields.if_contains("Version");
        const auto* number = version ? version->if_int64() : nullptr;
        if (!number || *number != 1) return refuse("Version", "is not 1, the only one that is known");
    }
    if (auto refused = refusal(fields)) return *std::move(refused);
    auto id = key_text(fields, "AccessKeyId", true);
    if (!id) return std::move(id).error();
    auto secret = key_text(fields, "SecretAccessKey", true);
    if (!secret) return std::move(secret).error();
    auto token = key_text(fields, form.token, form.is_temporary);
    if (!token) return std::move(token).error();

    const auto expiration = text(fields, "Expiration");
    if (!expiration) return expiration.error();
    if (expiration->empty() && form.is_temporary) return refuse("Expiration", "is missing or empty");
    const auto expires = detail::parse_iso8601(*expiration);
    if (!expires && !expiration->empty()) return refuse("Expiration", "is no time such as 2026-11-20T10:00:00Z");
    return credentials(*std::move(id), *std::move(secret), *std::move(token), expires);
}

} // namespace credentials_json_detail

/// The largest text that is read, in bytes.
inline constexpr std::size_t max_credentials_json = 64 * 1024;

/// Reads what a source of credentials has written, and overwrites it. Credentials that have expired are fine.
///
/// *Errors:* `error::malformed_response`, with the field at fault; `error::missing_credentials`, with the reason that
/// the source gives in place of credentials. The detail holds nothing else of the text; it does not name the source.
inline result<credentials> read_credentials_json(std::string text, const credentials_form& form) {
    if (text.size() > max_credentials_json) return failure(error::malformed_response, "longer than 64 KiB");
    error_code ec;
    const auto json = boost::json::parse(text, ec);
    detail::cleanse(text);
    if (ec || !json.is_object()) return failure(error::malformed_response, "not a JSON object");
    return credentials_json_detail::read(json.get_object(), form);
}

} // namespace dynasession::inline v0::aws

#endif
