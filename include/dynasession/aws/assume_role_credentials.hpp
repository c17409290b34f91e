#ifndef DYNASESSION_AWS_ASSUME_ROLE_CREDENTIALS_HPP
#define DYNASESSION_AWS_ASSUME_ROLE_CREDENTIALS_HPP

#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/fetch.hpp>
#include <dynasession/aws/sts.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/op/action.hpp>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace dynasession::inline v0::aws {

/// Fetches the credentials of `Source`, and assumes roles one after the other, each with what came before.
template <fetch_operation Source>
class fetch_role_credentials {
public:
    using effect_type = fetch_effect;
    using reply_type = fetch_reply;
    using value_type = credentials;
    using action = op::action<fetch_effect, credentials>;

    explicit fetch_role_credentials(Source source, sts_endpoint where = {}, std::vector<role> roles = {})
        : source_(std::move(source)), where_(std::move(where)), roles_(std::move(roles)) {}

    action resume(fetch_reply&& reply, op::instant now) {
        auto inner = call_ ? call_->resume(std::move(reply), now) : source_.resume(std::move(reply), now);
        return op::carry_on<action>(std::move(inner), [&](result<credentials>&& got) -> action {
            if (!got || assumed_ == roles_.size()) return std::move(got);
            call_.emplace(assume_role(where_, roles_[assumed_++], *std::move(got)));
            return resume({}, now);
        });
    }

private:
    Source source_;
    sts_endpoint where_;
    std::vector<role> roles_;
    std::size_t assumed_ = 0;
    std::optional<sts_call> call_; // for the last of those
};

} // namespace dynasession::inline v0::aws

#endif
