#ifndef DYNASESSION_AWS_INSTANCE_REGION_HPP
#define DYNASESSION_AWS_INSTANCE_REGION_HPP

#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/fetch.hpp>
#include <dynasession/aws/fetch_now.hpp>
#include <dynasession/aws/instance_metadata.hpp>
#include <dynasession/aws/instance_settings.hpp>
#include <dynasession/aws/partition.hpp>
#include <dynasession/aws/shared_config.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/http/client.hpp>
#include <dynasession/op/action.hpp>
#include <dynasession/op/run.hpp>

#include <string>
#include <utility>

namespace dynasession::inline v0::aws {

/// Asks the metadata service of an EC2 instance for the region that it runs in.
class fetch_instance_region {
public:
    using effect_type = fetch_effect;
    using reply_type = fetch_reply;
    using value_type = std::string;
    using action_type = instance_metadata<std::string>::action_type;

    explicit fetch_instance_region(instance_settings s)
        : metadata_(std::move(s), {.target = "/latest/meta-data/placement/region",
                                   .missing = error::missing_region,
                                   .not_found = "the service names no region: set AWS_REGION",
                                   .elsewhere = "set AWS_REGION"}) {}

    action_type resume(fetch_reply&& reply, op::instant) {
        if (auto next = metadata_.follow(reply)) return *std::move(next);
        const auto region = metadata_line(reply.answer->body);
        if (!is_region(region)) return metadata_.again(error::malformed_response, "the answer is no region");
        return result<std::string>(region);
    }

private:
    instance_metadata<std::string> metadata_;
};

static_assert(fetch_operation<fetch_instance_region, std::string>);

/// The region of the EC2 instance that this program runs on. Blocks the calling thread. `connection` says how the
/// service is reached, as for `fetch_io`.
///
/// With three attempts of one second it ends within 14 seconds, however the service behaves; where there is none,
/// within one.
///
/// *Errors:* `error::missing_region` where there is no metadata service, where it names no region, and where
/// AWS_EC2_METADATA_DISABLED turns it off; those of `resolve_instance_settings`; others for a service that fails. The
/// detail says what to do.
inline result<std::string> instance_region(const instance_options& options = {},
                                           const environment& env = process_environment,
                                           const shared_config& config = {}, http::client_options connection = {}) {
    auto settings = resolve_instance_settings(options, env, config);
    if (!settings) return std::move(settings).error();
    fetch_io effects(std::move(connection), false, env, config);
    auto region = op::run(fetch_instance_region(*std::move(settings)), effects);
    if (!region && means_no_metadata_service(region.error()))
        return failure(error::missing_region, region.error().detail);
    return region;
}

} // namespace dynasession::inline v0::aws

#endif
