#include <dynasession/core/error.hpp>

#include <boost/system/errc.hpp>
#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace ds = dynasession;

namespace {

// The enumerators are numbered without a gap from 1 on; the first number without a message ends them.
template <class Enum>
std::vector<Enum> every(const boost::system::error_category& category, const char* unknown) {
    std::vector<Enum> found;
    for (int value = 1; category.message(value) != unknown; ++value) found.push_back(static_cast<Enum>(value));
    return found;
}

const std::vector<ds::error>& errors() {
    static const auto all = every<ds::error>(ds::error_category(), "unknown error");
    return all;
}

const std::vector<ds::condition>& conditions() {
    static const auto all =
        every<ds::condition>(make_error_condition(ds::condition::retryable).category(), "unknown condition");
    return all;
}

std::set<ds::condition> conditions_of(const ds::error_code& code) {
    std::set<ds::condition> found;
    for (const auto c : conditions())
        if (code == c) found.insert(c);
    return found;
}

} // namespace

TEST_CASE("every error has a message of its own, up to the last one") {
    CHECK(errors().back() == ds::error::unprocessed);
    std::set<std::string> messages;
    for (const auto e : errors()) {
        const auto message = make_error_code(e).message();
        CAPTURE(message);
        CHECK_FALSE(message.empty());
        CHECK(messages.insert(message).second);
    }
}

TEST_CASE("every condition has a message of its own, up to the last one") {
    CHECK(conditions().back() == ds::condition::too_large);
    std::set<std::string> messages;
    for (const auto c : conditions()) CHECK(messages.insert(make_error_condition(c).message()).second);
}

TEST_CASE("a number that is no error has no invented meaning") {
    const ds::error_code code(9999, ds::error_category());
    CHECK(code.message() == "unknown error");
    CHECK(conditions_of(code).empty());
}

TEST_CASE("an error is a failed error_code of our category") {
    for (const auto e : errors()) {
        const ds::error_code code = e;
        CHECK(code.failed());
        CHECK(code == e);
        CHECK(code.category() == ds::error_category());
    }
    CHECK(std::strcmp(ds::error_category().name(), "dynasession") == 0);
    CHECK(make_error_code(ds::error::timeout) != make_error_code(ds::error::conflict));
}

TEST_CASE("conditions say what a caller can do") {
    using enum ds::condition;
    CHECK(conditions_of(ds::error::throttled) == std::set{retryable, unavailable});
    CHECK(conditions_of(ds::error::timeout) == std::set{retryable, unavailable});
    CHECK(conditions_of(ds::error::transaction_conflict) == std::set{retryable});
    CHECK(conditions_of(ds::error::session_gone) == std::set{ds::condition::conflict});
    CHECK(conditions_of(ds::error::conflict) == std::set{ds::condition::conflict});
    CHECK(conditions_of(ds::error::corrupt_session) == std::set{corrupt});
    CHECK(conditions_of(ds::error::access_denied) == std::set{configuration});
    CHECK(conditions_of(ds::error::table_not_found) == std::set{configuration});
    CHECK(conditions_of(ds::error::tls_failure) == std::set{configuration, unavailable});
    CHECK(conditions_of(ds::error::proxy_refused) == std::set{configuration, unavailable});
    CHECK(conditions_of(ds::error::item_too_large) == std::set{too_large});
    CHECK(conditions_of(ds::error::outcome_unknown) == std::set{ds::condition::conflict});
    CHECK(conditions_of(ds::error::condition_failed) == std::set{ds::condition::conflict});
    CHECK(conditions_of(ds::error::transaction_cancelled) == std::set{ds::condition::conflict});
    CHECK(conditions_of(ds::error::invalid_request) == std::set{configuration});
    CHECK(conditions_of(ds::error::table_exists) == std::set{configuration});
    CHECK(conditions_of(ds::error::response_too_large) == std::set{too_large});
    CHECK(conditions_of(ds::error::invalid_session_id).empty());
    CHECK(conditions_of(ds::error::bad_signature).empty());
}

TEST_CASE("of locks: who waited too long may try again, who lost one has to load again") {
    using enum ds::condition;
    CHECK(conditions_of(ds::error::lock_timeout) == std::set{retryable});
    CHECK(conditions_of(ds::error::too_many_waiters) == std::set{retryable});
    CHECK(conditions_of(ds::error::lock_lost) == std::set{ds::condition::conflict});
    CHECK(conditions_of(ds::error::read_only_session).empty());
}

TEST_CASE("messages name the option that helps") {
    const auto says = [](ds::error e, const char* word) {
        return make_error_code(e).message().find(word) != std::string::npos;
    };
    CHECK(says(ds::error::lock_timeout, "max_wait_time"));
    CHECK(says(ds::error::lock_lost, "lease"));
    CHECK(says(ds::error::too_many_waiters, "max_waiters"));
    CHECK(says(ds::error::read_only_session, "read_only"));
    CHECK(says(ds::error::store_full, "max_sessions"));
    CHECK(says(ds::error::tls_failure, "AWS_CA_BUNDLE"));
    CHECK(says(ds::error::proxy_refused, "NO_PROXY"));
    CHECK(says(ds::error::bad_signature, "secrets"));
}

TEST_CASE("what cannot be mended by trying again is never called retryable") {
    using enum ds::error;
    for (const auto e :
         {session_gone, session_exists, ds::error::conflict, outcome_unknown, corrupt_session, not_serializable,
          read_only_session, lock_lost, missing_credentials, missing_region, invalid_endpoint, invalid_option,
          condition_failed, table_not_found, access_denied, invalid_request}) {
        const ds::error_code code = e;
        CAPTURE(code.message());
        CHECK(code != ds::condition::retryable);
        CHECK(code != ds::condition::unavailable);
    }
}

TEST_CASE("errors of the network mean that the store could not be reached") {
    namespace errc = boost::system::errc;
    const std::set reached{ds::condition::retryable, ds::condition::unavailable};
    CHECK(conditions_of(errc::make_error_code(errc::connection_refused)) == reached);
    CHECK(conditions_of(errc::make_error_code(errc::connection_reset)) == reached);
}

TEST_CASE("success and a cancelled call meet no condition") {
    namespace errc = boost::system::errc;
    CHECK(conditions_of(ds::error_code{}).empty());
    CHECK(conditions_of(errc::make_error_code(errc::operation_canceled)).empty());
}

TEST_CASE("a failure compares with errors, codes and conditions") {
    const ds::failure f(ds::error::throttled, "Rate exceeded");
    CHECK(f == ds::error::throttled);
    CHECK(f == ds::error_code(ds::error::throttled));
    CHECK(f == ds::condition::retryable);
    CHECK_FALSE(f == ds::error::timeout);
    CHECK_FALSE(f == ds::condition::corrupt);
    CHECK(f.detail == "Rate exceeded");
}

TEST_CASE("value() of a failed result throws session_error with the code and what the server said") {
    const ds::result<int> failed = ds::failure(ds::error::access_denied, "not authorized to perform GetItem");
    REQUIRE(failed.has_error());
    try {
        static_cast<void>(failed.value());
        FAIL("nothing was thrown");
    } catch (const ds::session_error& e) {
        CHECK(e.code() == ds::error::access_denied);
        CHECK(e.detail() == "not authorized to perform GetItem");
        const std::string what = e.what();
        CHECK(what.find("not authorized to perform GetItem") != what.npos);
        CHECK(what.find(e.code().message()) != what.npos);
    }
}

TEST_CASE("a session_error is a system_error, and says something when the server said nothing") {
    const ds::session_error thrown{ds::failure(ds::error::store_full)};
    const boost::system::system_error& base = thrown;
    CHECK(base.code() == ds::error::store_full);
    CHECK(thrown.detail().empty());
    const std::string what = thrown.what();
    CHECK(what.find("max_sessions") != what.npos);
}

TEST_CASE("a result of nothing throws as well, and one with a value does not") {
    const ds::result<void> failed = ds::failure(ds::error::timeout);
    CHECK_THROWS_AS(failed.value(), ds::session_error);
    const ds::result<int> good = 7;
    CHECK(good.value() == 7);
}
