#ifndef DYNASESSION_AWS_CREDENTIALS_HPP
#define DYNASESSION_AWS_CREDENTIALS_HPP

#include <dynasession/aws/environment.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/op/action.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace dynasession::inline v0::aws {

/// The key that signs requests: one immutable value, so that its parts always belong together.
///
/// There is no way to print it, and its memory is overwritten at the end.
class credentials {
public:
    credentials(std::string access_key_id, std::string secret_access_key, std::string session_token = {})
        : access_key_id_(std::move(access_key_id)), secret_access_key_(std::move(secret_access_key)),
          session_token_(std::move(session_token)) {
        detail::cleanse(secret_access_key);
    }
    credentials(const credentials&) = default;
    credentials(credentials&&) = default;
    credentials& operator=(const credentials&) = delete;
    ~credentials() {
        detail::cleanse(secret_access_key_);
        detail::cleanse(session_token_);
    }

    const std::string& access_key_id() const noexcept { return access_key_id_; }
    const std::string& secret_access_key() const noexcept { return secret_access_key_; }
    /// Empty for keys that do not expire; else it is sent, and signed, as x-amz-security-token.
    const std::string& session_token() const noexcept { return session_token_; }

private:
    std::string access_key_id_;
    std::string secret_access_key_;
    std::string session_token_;
};

/// What a provider answers. Never null when it has a value.
using credentials_result = result<std::shared_ptr<const credentials>>;

/// Where credentials come from: one that refreshes them keeps its own cache and knows when they expire.
///
/// - `cached(now)` is what is good to sign with at this time, or null; it never waits.
/// - `get(now)` fetches what `cached` has not, and may block.
/// - `async_get(now, handler)` does so without blocking and calls `handler(credentials_result)` exactly once, on any
///   thread, perhaps before it returns.
///
/// *Thread safety:* all three may be called at the same time.
template <class P>
concept credentials_provider = requires(P& provider, op::instant now, std::function<void(credentials_result)> handler) {
    { provider.cached(now) } -> std::same_as<std::shared_ptr<const credentials>>;
    { provider.get(now) } -> std::same_as<credentials_result>;
    provider.async_get(now, std::move(handler));
};

/// Credentials that the program has.
class static_credentials {
public:
    explicit static_credentials(credentials value) : value_(std::make_shared<const credentials>(std::move(value))) {}

    std::shared_ptr<const credentials> cached(op::instant) const noexcept { return value_; }
    credentials_result get(op::instant) const { return value_; }
    template <class Handler>
    void async_get(op::instant now, Handler&& handler) const {
        std::forward<Handler>(handler)(get(now));
    }

private:
    std::shared_ptr<const credentials> value_;
};

/// Credentials in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, read once, here.
///
/// *Errors:* `get` answers `error::missing_credentials` with the name of the variable that is not set.
class environment_credentials {
public:
    explicit environment_credentials(const environment& env = process_environment) : value_(read(env)) {}

    std::shared_ptr<const credentials> cached(op::instant) const noexcept { return value_ ? *value_ : nullptr; }
    credentials_result get(op::instant) const { return value_; }
    template <class Handler>
    void async_get(op::instant now, Handler&& handler) const {
        std::forward<Handler>(handler)(get(now));
    }

private:
    static credentials_result read(const environment& env) {
        auto id = variable(env, "AWS_ACCESS_KEY_ID");
        auto secret = variable(env, "AWS_SECRET_ACCESS_KEY");
        if (id.empty() && secret.empty())
            return failure(error::missing_credentials, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
        if (id.empty())
            return failure(error::missing_credentials, "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not");
        if (secret.empty())
            return failure(error::missing_credentials, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
        return std::make_shared<const credentials>(std::move(id), std::move(secret),
                                                   variable(env, "AWS_SESSION_TOKEN"));
    }

    credentials_result value_;
};

static_assert(credentials_provider<static_credentials> && credentials_provider<environment_credentials>);

/// Any provider, shared between its copies; empty when default constructed.
class any_credentials_provider {
public:
    any_credentials_provider() = default;
    any_credentials_provider(credentials value) : any_credentials_provider(static_credentials(std::move(value))) {}
    template <credentials_provider P>
        requires(!std::same_as<P, any_credentials_provider>)
    any_credentials_provider(P provider) : provider_(std::make_shared<model<P>>(std::move(provider))) {}

    explicit operator bool() const noexcept { return provider_ != nullptr; }

    std::shared_ptr<const credentials> cached(op::instant now) const { return provider_->cached(now); }
    credentials_result get(op::instant now) const { return provider_->get(now); }
    void async_get(op::instant now, std::function<void(credentials_result)> handler) const {
        provider_->async_get(now, std::move(handler));
    }

private:
    struct base {
        virtual ~base() = default;
        virtual std::shared_ptr<const credentials> cached(op::instant now) = 0;
        virtual credentials_result get(op::instant now) = 0;
        virtual void async_get(op::instant now, std::function<void(credentials_result)> handler) = 0;
    };
    template <class P>
    struct model final : base {
        explicit model(P p) : provider(std::move(p)) {}
        std::shared_ptr<const credentials> cached(op::instant now) override { return provider.cached(now); }
        credentials_result get(op::instant now) override { return provider.get(now); }
        void async_get(op::instant now, std::function<void(credentials_result)> handler) override {
            provider.async_get(now, std::move(handler));
        }
        P provider;
    };

    std::shared_ptr<base> provider_;
};

/// The provider that a client uses: the one it was given, else the environment.
inline any_credentials_provider resolve_credentials(any_credentials_provider given,
                                                    const environment& env = process_environment) {
    return given ? given : any_credentials_provider(environment_credentials(env));
}

} // namespace dynasession::inline v0::aws

#endif
