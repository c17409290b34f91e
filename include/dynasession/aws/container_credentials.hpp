#ifndef DYNASESSION_AWS_CONTAINER_CREDENTIALS_HPP
#define DYNASESSION_AWS_CONTAINER_CREDENTIALS_HPP

#include <dynasession/aws/container_settings.hpp>
#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/credentials_json.hpp>
#include <dynasession/aws/fetch.hpp>
#include <dynasession/aws/fetch_now.hpp>
#include <dynasession/aws/metadata_requests.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/http/client.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/op/action.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace dynasession::inline v0::aws {

/// Asks the endpoint of a container for credentials.
class fetch_container_credentials {
public:
    using effect_type = fetch_effect;
    using reply_type = fetch_reply;
    using value_type = credentials;
    using action_type = metadata_requests<credentials>::action_type;

    /// The token, unless it is empty, is what the Authorization field says.
    fetch_container_credentials(const container_settings& s, std::string token)
        : requests_(s.server, s.source, s.patience), host_(s.server.authority()), target_(s.target),
          token_(std::move(token)) {}

    action_type resume(fetch_reply&& reply, op::instant) {
        if (!std::exchange(is_asked_, true)) return ask();
        if (auto next = requests_.follow(reply)) return *std::move(next);
        if (reply.answer->status != 200) return refuse(*reply.answer);
        auto found = read_credentials_json(std::move(reply.answer->body), metadata_form);
        if (found) return found;
        const auto why = found.error();
        return why == error::malformed_response ? requests_.again(why.code, why.detail)
                                                : requests_.end(why.code, why.detail);
    }

private:
    action_type ask() {
        const http::field fields[] = {{"Accept", "application/json"}, {"Authorization", token_}};
        return requests_.send("GET", target_, {fields, token_.empty() ? 1U : 2U}, host_);
    }

    // Most endpoints give a reason in place of credentials.
    action_type refuse(http::response& answer) const {
        const auto status = requests_.status_text(answer.status);
        auto said = read_credentials_json(std::move(answer.body), metadata_form);
        const bool is_reason = !said && said.error() == error::missing_credentials;
        return requests_.end(error::missing_credentials, is_reason ? status + ": " + said.error().detail : status);
    }

    metadata_requests<credentials> requests_;
    std::string host_;
    std::string target_;
    std::string token_;
    bool is_asked_ = false;
};

static_assert(fetch_operation<fetch_container_credentials>);

/// What the Authorization field of a container's requests says: the file's content, which changes, else the token;
/// empty when there is neither.
///
/// *Errors:* `error::invalid_option`, naming the variable: a file that cannot be read or is empty, a line break or
/// another sign that has no place in a header field.
inline result<std::string> read_container_token(const container_settings& settings) {
    using namespace container_settings_detail;
    constexpr std::size_t most = 16 * 1024; // servers take no longer fields
    const auto check = [](std::string_view name, const std::string& place, std::string token) -> result<std::string> {
        if (token.find_first_of("\r\n") != token.npos)
            return refuse(name, place + "holds a line break: write the token without one at its end");
        if (token.size() > most) return refuse(name, place + "longer than 16 KiB: no token");
        if (!std::ranges::all_of(token, [](char c) { return c >= ' ' && c <= '~'; }))
            return refuse(name, place + "holds signs that a token has not");
        return token;
    };
    const auto& path = settings.token_file;
    if (path.empty()) return check(token_value, "", settings.token);

    const auto unreadable = [&](const std::string& why) {
        return refuse(token_file, path + " cannot be read: " + why);
    };
    std::error_code ec;
    const auto status = std::filesystem::status(path, ec);
    if (ec && status.type() != std::filesystem::file_type::not_found) return unreadable(ec.message());
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) return unreadable("not a file");
    std::ifstream in(path, std::ios::binary);
    if (!in) return unreadable(std::generic_category().message(errno));
    std::string token(most + 1, '\0');
    in.read(token.data(), static_cast<std::streamsize>(token.size()));
    if (in.bad()) return unreadable("input error");
    token.resize(static_cast<std::size_t>(in.gcount()));
    if (token.empty()) return refuse(token_file, path + " is empty");
    return check(token_file, path + ": ", std::move(token));
}

/// The source of the credentials of a container (ECS, EKS Pod Identity). Reads a token's file anew each time.
///
/// With three attempts of two seconds a fetch ends within 7 seconds, however the endpoint behaves; the look-up of a
/// name in a full URI may last longer, as long as the system's resolver does.
class container_credentials {
public:
    explicit container_credentials(container_settings settings, http::client_options options = {})
        : settings_(std::move(settings)), options_(std::move(options)) {}

    result<credentials> operator()() const {
        auto token = read_container_token(settings_);
        if (!token) return std::move(token).error();
        return fetch_now(fetch_container_credentials(settings_, *std::move(token)), options_);
    }

private:
    container_settings settings_;
    http::client_options options_;
};

} // namespace dynasession::inline v0::aws

#endif
