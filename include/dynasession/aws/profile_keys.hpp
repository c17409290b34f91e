#ifndef DYNASESSION_AWS_PROFILE_KEYS_HPP
#define DYNASESSION_AWS_PROFILE_KEYS_HPP

#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/key_text.hpp>
#include <dynasession/aws/profile_file.hpp>
#include <dynasession/aws/setting.hpp>
#include <dynasession/core/error.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// The keys that a profile has in one of the two files, which go together: `aws_access_key_id`,
/// `aws_secret_access_key` and `aws_session_token`; nothing when it has neither of the first two.
///
/// *Errors:* `error::missing_credentials` when it has one of the two, `error::invalid_option` for a text that is no key;
/// the detail names file and line.
inline result<std::optional<credentials>> profile_keys(const profile_file& file, std::string_view profile) {
    const auto find = [&](std::string_view property) { return setting_of(file.find(profile, property)); };
    auto id = find("aws_access_key_id"), secret = find("aws_secret_access_key"), token = find("aws_session_token");
    if (id.value.empty() && secret.value.empty()) return std::optional<credentials>();
    if (secret.value.empty())
        return id.refuse("without aws_secret_access_key: add it to the profile", error::missing_credentials);
    if (id.value.empty())
        return secret.refuse("without aws_access_key_id: add it to the profile", error::missing_credentials);
    for (const auto* part : {&id, &secret, &token})
        if (!is_key_text(part->value)) return part->refuse("holds white space or signs outside of ASCII");
    return std::optional<credentials>(std::in_place, std::move(id.value), std::move(secret.value), std::move(token.value));
}

} // namespace dynasession::inline v0::aws

#endif
