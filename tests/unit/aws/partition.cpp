#include <dynasession/aws/partition.hpp>

#include <doctest/doctest.h>

#include "support/fixtures.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace aws = dynasession::aws;

namespace {

std::string_view partition_id(std::string_view region) { return aws::partition_of(region).id; }

} // namespace

TEST_CASE("a region is in the partition that its prefix says, known or not yet") {
    for (const auto* region :
         {"us-east-1", "eu-west-3", "mx-central-1", "xx-new-7", "us-isolated-1", "cnx-1", "", "us"})
        CHECK_MESSAGE(partition_id(region) == "aws", region);
    CHECK(partition_id("us-gov-west-1") == "aws-us-gov");
    CHECK(partition_id("us-gov-central-9") == "aws-us-gov");
    CHECK(partition_id("cn-northwest-1") == "aws-cn");
    CHECK(partition_id("cn-south-4") == "aws-cn");
    CHECK(partition_id("us-iso-west-1") == "aws-iso");
    CHECK(partition_id("us-isob-east-1") == "aws-iso-b");
    CHECK(partition_id("eu-isoe-west-1") == "aws-iso-e");
    CHECK(partition_id("us-isof-south-1") == "aws-iso-f");
    CHECK(partition_id("eusc-de-east-1") == "aws-eusc");
}

TEST_CASE("a partition as a whole is a region too") {
    CHECK(partition_id("aws-global") == "aws");
    CHECK(partition_id("aws-cn-global") == "aws-cn");
    CHECK(partition_id("aws-us-gov-global") == "aws-us-gov");
    CHECK(partition_id("aws-iso-global") == "aws-iso");
    CHECK(partition_id("aws-iso-b-global") == "aws-iso-b");
    CHECK(partition_id("aws-cn-globally") == "aws");
}

TEST_CASE("the host of a service is made of its name, the region and the partition's domain") {
    CHECK(aws::service_host("dynamodb", "us-east-1") == "dynamodb.us-east-1.amazonaws.com");
    CHECK(aws::service_host("sts", "eu-west-1") == "sts.eu-west-1.amazonaws.com");
    CHECK(aws::service_host("sts", "cn-north-1") == "sts.cn-north-1.amazonaws.com.cn");
    CHECK(aws::service_host("portal.sso", "eu-west-1") == "portal.sso.eu-west-1.amazonaws.com");
    CHECK(aws::service_host("portal.sso", "eusc-de-east-1") == "portal.sso.eusc-de-east-1.amazonaws.eu");
}

TEST_CASE("FIPS changes the name of the service, dual stack the domain") {
    CHECK(aws::service_host("sts", "us-west-2", {.fips = true}) == "sts-fips.us-west-2.amazonaws.com");
    CHECK(aws::service_host("sts", "us-west-2", {.dual_stack = true}) == "sts.us-west-2.api.aws");
    CHECK(aws::service_host("portal.sso", "us-west-2", {.fips = true, .dual_stack = true}) ==
          "portal.sso-fips.us-west-2.api.aws");
    CHECK(aws::service_host("dynamodb", "cn-north-1", {.fips = true, .dual_stack = true}) ==
          "dynamodb-fips.cn-north-1.api.amazonwebservices.com.cn");
    CHECK(aws::service_host("dynamodb", "us-isof-south-1", {.dual_stack = true}) ==
          "dynamodb.us-isof-south-1.api.aws.hci.ic.gov");
}

TEST_CASE("in GovCloud the plain IPv4 hosts are those of FIPS") {
    for (const auto* service : {"dynamodb", "sts", "portal.sso"}) {
        const std::string name(service);
        CHECK(aws::service_host(service, "us-gov-west-1", {.fips = true}) == name + ".us-gov-west-1.amazonaws.com");
        CHECK(aws::service_host(service, "us-gov-west-1", {.dual_stack = true}) == name + ".us-gov-west-1.api.aws");
        CHECK(aws::service_host(service, "us-gov-west-1", {.fips = true, .dual_stack = true}) ==
              name + "-fips.us-gov-west-1.api.aws");
    }
}

TEST_CASE("a region can be part of a host name") {
    CHECK(aws::is_region("us-east-1"));
    CHECK(aws::is_region(std::string(63, 'a')));
    CHECK_FALSE(aws::is_region(std::string(64, 'a')));
    for (const auto* text : {"", "US-EAST-1", "a.b", "a/b", "a_b", "a\n", "\xc3\xa4"})
        CHECK_FALSE_MESSAGE(aws::is_region(text), text);
}

TEST_CASE("a dual stack host of DynamoDB is known in each partition") {
    for (const auto* host :
         {"dynamodb.us-east-1.api.aws", "dynamodb.xx-new-7.api.aws", "dynamodb.cn-north-1.api.amazonwebservices.com.cn",
          "dynamodb.us-iso-east-1.api.aws.ic.gov"})
        CHECK_MESSAGE(aws::is_dual_stack_dynamodb(host), host);
    for (const auto* host : {"", "dynamodb.", "dynamodb..api.aws", "dynamodb.api.aws", "dynamodb.us-east-1",
                             "dynamodb.us-east-1.", "dynamodb.us-east-1.amazonaws.com", "dynamodb.cn-north-1.api.aws",
                             "sts.us-east-1.api.aws", "x.dynamodb.us-east-1.api.aws", "dynamodb.us-east-1.vpce.api.aws",
                             "dynamodb.us-east-1.api.aws.example", "111122223333.ddb.us-east-1.api.aws"})
        CHECK_FALSE_MESSAGE(aws::is_dual_stack_dynamodb(host), host);
}

TEST_CASE("the partitions are those of the AWS SDKs") {
    const auto recorded = test::read_fixture("aws_partitions.json");
    if (!recorded) return;
    std::size_t checked = 0;
    for (const auto& p : recorded->at("partitions").as_array()) {
        const auto& outputs = p.at("outputs").as_object();
        const auto check = [&](std::string_view region) {
            const auto& found = aws::partition_of(region);
            CAPTURE(region);
            CHECK(found.id == std::string_view(p.at("id").as_string()));
            CHECK(found.dns_suffix == std::string_view(outputs.at("dnsSuffix").as_string()));
            CHECK(found.dual_stack_dns_suffix == std::string_view(outputs.at("dualStackDnsSuffix").as_string()));
        };
        // service_host takes both for granted.
        CHECK(outputs.at("supportsFIPS").as_bool());
        CHECK(outputs.at("supportsDualStack").as_bool());
        check(outputs.at("implicitGlobalRegion").as_string());
        for (const auto& region : p.at("regions").as_object()) check(region.key());
        ++checked;
    }
    CHECK(checked == aws::other_partitions.size() + 1);
}
