#ifndef DYNASESSION_TESTS_SUPPORT_FETCHING_HPP
#define DYNASESSION_TESTS_SUPPORT_FETCHING_HPP

#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/fetch.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/op/action.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

// Steps operations that fetch credentials by hand.

namespace test {

namespace aws = dynasession::aws;
namespace http = dynasession::http;
namespace op = dynasession::op;

/// Ten o'clock on a Friday.
inline constexpr op::instant ten{std::chrono::sys_days(std::chrono::year(2026) / 11 / 20) + std::chrono::hours(10),
                                 std::chrono::steady_clock::time_point(std::chrono::hours(1))};

inline op::instant after(std::chrono::milliseconds d) { return {ten.system + d, ten.steady + d}; }

using fetch_action = op::action<aws::fetch_effect, aws::credentials>;

/// The request that an operation asks for, which has to be one.
inline aws::server_call asked(const fetch_action& a) {
    REQUIRE_MESSAGE(std::holds_alternative<aws::fetch_effect>(a), "no request is asked for");
    REQUIRE(std::holds_alternative<aws::server_call>(std::get<aws::fetch_effect>(a)));
    return std::get<aws::server_call>(std::get<aws::fetch_effect>(a));
}

inline std::chrono::milliseconds paused(const fetch_action& a) {
    REQUIRE_MESSAGE(std::holds_alternative<op::pause>(a), "no pause");
    return std::get<op::pause>(a).duration;
}

inline aws::credentials fetched(const fetch_action& a) {
    REQUIRE_MESSAGE(std::holds_alternative<dynasession::result<aws::credentials>>(a), "not finished");
    const auto& r = std::get<dynasession::result<aws::credentials>>(a);
    REQUIRE_MESSAGE(r.has_value(), r.error());
    return *r;
}

inline dynasession::failure failed(const fetch_action& a) {
    REQUIRE_MESSAGE(std::holds_alternative<dynasession::result<aws::credentials>>(a), "not finished");
    const auto& r = std::get<dynasession::result<aws::credentials>>(a);
    REQUIRE_MESSAGE(r.has_error(), "no failure");
    return r.error();
}

inline http::response http_answer(unsigned status, std::string body = {}, std::string_view date = {}) {
    http::response r;
    r.status = status;
    r.body = std::move(body);
    if (!date.empty()) r.add_header("Date", date);
    return r;
}

/// What STS answers to `action` when it gives out credentials, here for an hour after ten.
inline http::response sts_answer(std::string_view action, std::string_view id = "ASIAROLE") {
    const std::string name(action);
    return http_answer(200, "<" + name + "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" + name +
                           "Result><AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn></AssumedRoleUser>"
                           "<Credentials><AccessKeyId>" +
                           std::string(id) +
                           "</AccessKeyId><SecretAccessKey>role/secret</SecretAccessKey><SessionToken>role+token=="
                           "</SessionToken><Expiration>2026-11-20T11:00:00Z</Expiration></Credentials></" +
                           name + "Result></" + name + "Response>");
}

inline http::response sts_error(unsigned status, std::string_view code, std::string_view message,
                                std::string_view date = {}) {
    return http_answer(status,
                  "<ErrorResponse><Error><Type>Sender</Type><Code>" + std::string(code) + "</Code><Message>" +
                      std::string(message) + "</Message></Error><RequestId>1</RequestId></ErrorResponse>",
                  date);
}

} // namespace test

#endif
