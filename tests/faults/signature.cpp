#include "signature.hpp"

#include "expressions.hpp"

#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/encoding.hpp>
#include <dynasession/detail/iso8601.hpp>

#include <regex>

namespace faults {

namespace {

using dynasession::detail::as_text;
using dynasession::detail::hmac_sha256;
using dynasession::detail::sha256;

std::string hex(const dynasession::detail::sha256_digest& digest) {
    std::string text(2 * digest.size(), '\0');
    dynasession::detail::write_hex(digest, text.data());
    return text;
}

std::chrono::sys_seconds parse_basic(const std::string& text) { // 20261120T100000Z
    std::string with_marks = text;
    for (const std::size_t at : {13U, 11U}) with_marks.insert(at, ":");
    for (const std::size_t at : {6U, 4U}) with_marks.insert(at, "-");
    const auto time = dynasession::detail::parse_iso8601(with_marks);
    if (!time) throw not_modelled("the date " + text);
    return *time;
}

} // namespace

signature::signature(const test::received_request& r) : request_(r) {
    static const std::regex form("AWS4-HMAC-SHA256 Credential=(\\w+)/(\\d{8}/[\\w-]+/dynamodb/aws4_request), "
                                 "SignedHeaders=([\\w;-]+), Signature=([0-9a-f]{64})");
    const std::string authorization(r.header("authorization")), date(r.header("x-amz-date"));
    std::smatch found;
    if (!std::regex_match(authorization, found, form)) throw not_modelled("the form of Authorization");
    key_id_ = found[1], scope_ = found[2], names_ = found[3], value_ = found[4];
    if (!std::regex_match(date, std::regex("\\d{8}T\\d{6}Z")) || !scope_.starts_with(date.substr(0, 8)))
        throw not_modelled("the date of the signature");
    date_ = parse_basic(date);
    for (const std::string name : {"host", "x-amz-date", "x-amz-target", "x-amz-security-token"})
        if ((";" + names_ + ";").find(";" + name + ";") == names_.npos) throw not_modelled(name + " is not signed");
}

bool signature::is_that_of(std::string_view secret) const {
    std::string key = "AWS4" + std::string(secret);
    for (std::size_t at = 0; at <= scope_.size();) {
        const auto end = std::min(scope_.find('/', at), scope_.size());
        key = as_text(hmac_sha256::of(key, std::string_view(scope_).substr(at, end - at)));
        at = end + 1;
    }
    return hex(hmac_sha256::of(key, text_to_sign())) == value_;
}

std::string signature::text_to_sign() const {
    std::string canonical = "POST\n/\n\n";
    for (std::size_t at = 0; at < names_.size();) {
        const auto end = std::min(names_.find(';', at), names_.size());
        const auto name = names_.substr(at, end - at);
        canonical += name + ":" + std::string(request_.header(name)) + "\n";
        at = end + 1;
    }
    canonical += "\n" + names_ + "\n" + hex(sha256::of(request_.body));
    return "AWS4-HMAC-SHA256\n" + std::string(request_.header("x-amz-date")) + "\n" + scope_ + "\n" + hex(sha256::of(canonical));
}

} // namespace faults
