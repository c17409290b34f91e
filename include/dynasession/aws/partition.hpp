#ifndef DYNASESSION_AWS_PARTITION_HPP
#define DYNASESSION_AWS_PARTITION_HPP

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace dynasession::inline v0::aws {

/// A part of AWS with domains of its own.
struct partition {
    std::string_view id;
    std::string_view region_prefix; ///< how the names of its regions begin, and of no other partition's
    std::string_view dns_suffix;
    std::string_view dual_stack_dns_suffix; ///< of hosts that have IPv6 addresses too

    constexpr bool has(std::string_view region) const noexcept {
        return region.starts_with(region_prefix) || (region.starts_with(id) && region.substr(id.size()) == "-global");
    }
};

/// What regions outside of all other partitions are taken for: new ones show up here.
inline constexpr partition standard_partition{"aws", "", "amazonaws.com", "api.aws"};

/// All others (partitions.json of the AWS SDKs, 2026).
inline constexpr std::array<partition, 7> other_partitions{{
    {"aws-us-gov", "us-gov-", "amazonaws.com", "api.aws"},
    {"aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
    {"aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
    {"aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
    {"aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
    {"aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
}};

/// The partition of a region. A region that is not known yet is found by its prefix.
constexpr const partition& partition_of(std::string_view region) noexcept {
    for (const auto& p : other_partitions)
        if (p.has(region)) return p;
    return standard_partition;
}

/// Which of a service's hosts in a region.
struct host_variant {
    bool fips = false;       ///< with cryptography validated by FIPS 140
    bool dual_stack = false; ///< reached by IPv4 and by IPv6
};

/// The host of a service in a region: `service` is `dynamodb`, `sts` or `portal.sso`.
inline std::string service_host(std::string_view service, std::string_view region, host_variant variant = {}) {
    const auto& p = partition_of(region);
    // In GovCloud these services' IPv4 hosts are validated and have no other name.
    const bool is_plain = !variant.fips || (p.id == "aws-us-gov" && !variant.dual_stack);
    std::string host(service);
    return host.append(is_plain ? "." : "-fips.")
        .append(region)
        .append(1, '.')
        .append(variant.dual_stack ? p.dual_stack_dns_suffix : p.dns_suffix);
}

/// Whether a text can name a region: it becomes a label of host names.
constexpr bool is_region(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 63 && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

/// Whether a host is one of DynamoDB's dual stack hosts, in whatever region.
constexpr bool is_dual_stack_dynamodb(std::string_view host) noexcept {
    constexpr std::string_view service = "dynamodb.";
    if (!host.starts_with(service)) return false;
    host.remove_prefix(service.size());
    const auto region = host.substr(0, host.find('.'));
    return is_region(region) && host.substr(region.size()).substr(0, 1) == "." &&
           host.substr(region.size() + 1) == partition_of(region).dual_stack_dns_suffix;
}

} // namespace dynasession::inline v0::aws

#endif
