#ifndef DYNASESSION_TESTS_UNIT_AWS_CONFIGURED_HPP
#define DYNASESSION_TESTS_UNIT_AWS_CONFIGURED_HPP

#include <dynasession/aws/shared_config.hpp>

#include "support/made_environment.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace test {

using variables = std::map<std::string, std::string, std::less<>>;

/// What the texts of the two files, here named `config` and `credentials`, say.
inline dynasession::result<dynasession::aws::shared_config> configured(std::string_view config,
                                                                       std::string_view credentials = {},
                                                                       std::string_view profile = {},
                                                                       const variables& values = {}) {
    namespace aws = dynasession::aws;
    return aws::shared_config::of(
        aws::profile_file::parse(config, aws::profile_file_kind::config, "config").value(),
        aws::profile_file::parse(credentials, aws::profile_file_kind::credentials, "credentials").value(), profile,
        made_of(values));
}

} // namespace test

#endif
