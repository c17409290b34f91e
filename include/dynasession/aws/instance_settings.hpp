#ifndef DYNASESSION_AWS_INSTANCE_SETTINGS_HPP
#define DYNASESSION_AWS_INSTANCE_SETTINGS_HPP

#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/metadata_requests.hpp>
#include <dynasession/aws/setting.hpp>
#include <dynasession/aws/shared_config.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/http/endpoint.hpp>

#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace dynasession::inline v0::aws {

/// Which of the two addresses of the metadata service.
enum class metadata_mode { ipv4, ipv6 };

/// How instance metadata (IMDS) is asked, as a program says it; what is not set comes from the environment, then from
/// the profile in use.
struct instance_options {
    /// Else AWS_EC2_METADATA_SERVICE_ENDPOINT, `ec2_metadata_service_endpoint`, the address of the mode.
    std::string endpoint = {};

    /// Else AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE, `ec2_metadata_service_endpoint_mode`, IPv4.
    std::optional<metadata_mode> mode = {};

    /// For one request; else AWS_METADATA_SERVICE_NUM_ATTEMPTS, `metadata_service_num_attempts`, 3.
    std::optional<unsigned> attempts = {};

    /// For one attempt; else AWS_METADATA_SERVICE_TIMEOUT, `metadata_service_timeout`, in seconds both, 1 s.
    std::optional<std::chrono::milliseconds> timeout = {};

    /// Ask without a token (IMDSv1) where no token is given out, unless AWS_EC2_METADATA_V1_DISABLED or
    /// `ec2_metadata_v1_disabled` forbids it. Who can make this machine send a request of his then gets the
    /// credentials.
    bool allow_v1 = false;
};

/// The same with nothing left to find out.
struct instance_settings {
    http::endpoint server{};
    metadata_patience patience{std::chrono::seconds(1)};
    bool allow_v1 = false;
    std::string disabled_by{}; ///< the variable that turns instance metadata off; empty: it may be asked
};

namespace instance_settings_detail {

// A number from `least` to `most`; nothing when the text is none.
template <class Number>
std::optional<Number> number(std::string_view text, Number least, Number most) {
    Number n{};
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (ec != std::errc{} || end != text.data() + text.size() || !(n >= least && n <= most)) return std::nullopt;
    return n;
}

class resolver {
public:
    resolver(const instance_options& given, const environment& env, const shared_config& config)
        : given_(&given), env_(&env), config_(&config) {}

    result<instance_settings> resolve() const {
        instance_settings s;
        const shared_config no_profile; // none turns the whole service off
        auto disabled_by = switched_on_by({}, {}, "AWS_EC2_METADATA_DISABLED", {}, *env_, no_profile);
        if (!disabled_by) return std::move(disabled_by).error();
        s.disabled_by = *std::move(disabled_by);
        if (!s.disabled_by.empty()) return s;
        const auto v1_disabled_by =
            switched_on_by({}, {}, "AWS_EC2_METADATA_V1_DISABLED", "ec2_metadata_v1_disabled", *env_, *config_);
        if (!v1_disabled_by) return v1_disabled_by.error();
        s.allow_v1 = given_->allow_v1 && v1_disabled_by->empty();
        if (auto ok = find_server(s); !ok) return std::move(ok).error();
        if (auto ok = find_patience(s.patience); !ok) return std::move(ok).error();
        return s;
    }

private:
    setting find(std::string_view variable_name, std::string_view property) const {
        return find_setting({variable_name}, property, *env_, *config_);
    }

    result<void> find_server(instance_settings& s) const {
        auto url = given_->endpoint.empty() ? find("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint")
                                            : setting{given_->endpoint, "option endpoint of instance metadata"};
        if (url.value.empty()) {
            const auto mode = find_mode();
            if (!mode) return mode.error();
            url.value = *mode == metadata_mode::ipv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
        }
        auto server = http::endpoint::parse(url.value);
        if (!server) return url.refuse(server.error().detail, error::invalid_endpoint);
        s.server = *std::move(server);
        return {};
    }

    result<metadata_mode> find_mode() const {
        if (given_->mode) return *given_->mode;
        const auto found = find("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode");
        if (found.value.empty() || equals_ignoring_case(found.value, "ipv4")) return metadata_mode::ipv4;
        if (equals_ignoring_case(found.value, "ipv6")) return metadata_mode::ipv6;
        return found.refuse("neither IPv4 nor IPv6");
    }

    // The bounds keep the end of a program from waiting long for a fetch.
    result<void> find_patience(metadata_patience& patience) const {
        if (given_->attempts) {
            patience.attempts = *given_->attempts;
        } else if (const auto f = find("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "metadata_service_num_attempts");
                   !f.value.empty()) {
            const auto n = number(f.value, 1U, 10U);
            if (!n) return f.refuse("not a number from 1 to 10");
            patience.attempts = *n;
        }
        if (given_->timeout) {
            patience.timeout = *given_->timeout;
        } else if (const auto f = find("AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout"); !f.value.empty()) {
            const auto n = number(f.value, 0.001, 60.0);
            if (!n) return f.refuse("not a number of seconds from 0.001 to 60");
            patience.timeout = std::chrono::round<std::chrono::milliseconds>(std::chrono::duration<double>(*n));
        }
        return {};
    }

    const instance_options* given_;
    const environment* env_;
    const shared_config* config_;
};

} // namespace instance_settings_detail

/// How instance metadata is to be asked: the options, else the environment, else the profile.
///
/// *Errors:* `error::invalid_endpoint` for a URL that is none or has a path, `error::invalid_option` for any other
/// value that is none; the detail names the option, the variable, or file, line and property.
inline result<instance_settings> resolve_instance_settings(const instance_options& options = {},
                                                           const environment& env = process_environment,
                                                           const shared_config& config = {}) {
    return instance_settings_detail::resolver(options, env, config).resolve();
}

} // namespace dynasession::inline v0::aws

#endif
