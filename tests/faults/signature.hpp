#ifndef DYNASESSION_TESTS_FAULTS_SIGNATURE_HPP
#define DYNASESSION_TESTS_FAULTS_SIGNATURE_HPP

#include "../support/scripted_server.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace faults {

/// The signature of a request (AWS Signature Version 4), read and checked without the library's own signer.
///
/// *Errors:* throws `not_modelled` when the request is not signed as DynamoDB demands it.
class signature {
public:
    explicit signature(const test::received_request& r);

    const std::string& key_id() const noexcept { return key_id_; }
    std::chrono::sys_seconds date() const noexcept { return date_; }
    bool is_that_of(std::string_view secret) const;

private:
    std::string text_to_sign() const;

    const test::received_request& request_;
    std::string key_id_{}, scope_{}, names_{}, value_{};
    std::chrono::sys_seconds date_{};
};

} // namespace faults

#endif
