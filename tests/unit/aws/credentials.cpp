#include <dynasession/aws/credentials.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <ostream>
#include <type_traits>

namespace aws = dynasession::aws;

namespace {

template <class T>
concept printable = requires(std::ostream& out, const T& value) {
    out << value;
};

} // namespace

TEST_CASE("credentials keep what they were given and cannot be printed or changed") {
    const aws::credentials value("AKID", "secret", "token", aws::credentials::time_point(std::chrono::hours(1)));
    CHECK(value.access_key_id() == "AKID");
    CHECK(value.secret_access_key() == "secret");
    CHECK(value.session_token() == "token");
    CHECK(value.expires()->time_since_epoch() == std::chrono::hours(1));
    CHECK(aws::credentials("a", "b").session_token().empty());
    CHECK_FALSE(aws::credentials("a", "b").expires());

    const auto copy = value;
    CHECK(copy.secret_access_key() == "secret");
    static_assert(!printable<aws::credentials>);
    static_assert(!std::is_copy_assignable_v<aws::credentials>);
}
