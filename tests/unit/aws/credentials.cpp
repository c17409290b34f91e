#include <dynasession/aws/credentials.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace aws = dynasession::aws;
using dynasession::error;

namespace {

aws::environment made_of(std::map<std::string, std::string, std::less<>> variables) {
    return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
    };
}

template <class T>
concept printable = requires(std::ostream& out, const T& value) {
    out << value;
};

// What a user writes, and what lacks one of the three.
struct counting_provider {
    int* calls;
    std::shared_ptr<const aws::credentials> cached(dynasession::op::instant) { return nullptr; }
    aws::credentials_result get(dynasession::op::instant) {
        ++*calls;
        return std::make_shared<const aws::credentials>("AKID", "secret");
    }
    void async_get(dynasession::op::instant now, std::function<void(aws::credentials_result)> handler) {
        handler(get(now));
    }
};
struct no_async {
    std::shared_ptr<const aws::credentials> cached(dynasession::op::instant);
    aws::credentials_result get(dynasession::op::instant);
};
static_assert(aws::credentials_provider<counting_provider>);
static_assert(aws::credentials_provider<aws::any_credentials_provider>);
static_assert(!aws::credentials_provider<no_async>);
static_assert(!aws::credentials_provider<aws::credentials>);

constexpr dynasession::op::instant now{};

} // namespace

TEST_CASE("credentials keep what they were given and cannot be printed or changed") {
    const aws::credentials value("AKID", "secret", "token");
    CHECK(value.access_key_id() == "AKID");
    CHECK(value.secret_access_key() == "secret");
    CHECK(value.session_token() == "token");
    CHECK(aws::credentials("a", "b").session_token().empty());

    const auto copy = value;
    CHECK(copy.secret_access_key() == "secret");
    static_assert(!printable<aws::credentials>);
    static_assert(!std::is_copy_assignable_v<aws::credentials>);
}

TEST_CASE("static credentials are ready at any time, in every form") {
    const aws::static_credentials provider(aws::credentials("AKID", "secret"));
    const auto cached = provider.cached(now);
    REQUIRE(cached);
    CHECK(cached->access_key_id() == "AKID");
    CHECK(provider.get(now).value() == cached);

    int calls = 0;
    provider.async_get(now, [&](aws::credentials_result r) {
        ++calls;
        CHECK(r.value() == cached);
    });
    CHECK(calls == 1);
}

TEST_CASE("environment credentials are read from the three variables") {
    const aws::environment_credentials provider(made_of(
        {{"AWS_ACCESS_KEY_ID", " AKID\n"}, {"AWS_SECRET_ACCESS_KEY", "secret"}, {"AWS_SESSION_TOKEN", "token"}}));
    const auto value = provider.get(now).value();
    CHECK(value->access_key_id() == "AKID"); // space around a value comes from files and is none of it
    CHECK(value->secret_access_key() == "secret");
    CHECK(value->session_token() == "token");
    CHECK(provider.cached(now) == value);
}

TEST_CASE("a session token is optional, and a blank one is none") {
    auto variables = std::map<std::string, std::string, std::less<>>{{"AWS_ACCESS_KEY_ID", "AKID"},
                                                                     {"AWS_SECRET_ACCESS_KEY", "secret"}};
    CHECK(aws::environment_credentials(made_of(variables)).get(now).value()->session_token().empty());
    variables["AWS_SESSION_TOKEN"] = "  ";
    CHECK(aws::environment_credentials(made_of(variables)).get(now).value()->session_token().empty());
}

TEST_CASE("missing environment credentials are an error that names the variable") {
    const auto failure_of = [](std::map<std::string, std::string, std::less<>> variables) {
        const aws::environment_credentials provider(made_of(std::move(variables)));
        CHECK(provider.cached(now) == nullptr);
        const auto r = provider.get(now);
        REQUIRE_FALSE(r.has_value());
        CHECK(r.error() == error::missing_credentials);
        CHECK(r.error().detail.find("hidden") == std::string::npos);
        return r.error().detail;
    };
    CHECK(failure_of({}) == "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
    CHECK(failure_of({{"AWS_ACCESS_KEY_ID", ""}, {"AWS_SECRET_ACCESS_KEY", " \t"}, {"AWS_SESSION_TOKEN", "hidden"}}) ==
          "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
    CHECK(failure_of({{"AWS_ACCESS_KEY_ID", "hidden"}}) ==
          "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
    CHECK(failure_of({{"AWS_SECRET_ACCESS_KEY", "hidden"}, {"AWS_ACCESS_KEY_ID", " "}}) ==
          "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not");
}

TEST_CASE("environment credentials stay what they were when they were read") {
    std::string secret = "first";
    const aws::environment_credentials provider([&](std::string_view) { return std::optional(secret); });
    secret = "second";
    CHECK(provider.get(now).value()->secret_access_key() == "first");
}

TEST_CASE("any_credentials_provider shares one provider between its copies") {
    int calls = 0;
    const aws::any_credentials_provider provider(counting_provider{&calls});
    const auto copy = provider;
    CHECK(provider.cached(now) == nullptr);
    CHECK(copy.get(now).value()->access_key_id() == "AKID");
    int handled = 0;
    copy.async_get(now, [&](aws::credentials_result r) { handled += r.has_value(); });
    CHECK(handled == 1);
    CHECK(calls == 2);
    CHECK_FALSE(aws::any_credentials_provider());
}

TEST_CASE("given credentials go before the environment, and the environment is not even asked") {
    const auto asked = [](std::string_view) -> std::optional<std::string> {
        FAIL("the environment was asked");
        return std::nullopt;
    };
    const auto given = aws::resolve_credentials(aws::credentials("GIVEN", "secret"), asked);
    CHECK(given.get(now).value()->access_key_id() == "GIVEN");

    const auto found =
        aws::resolve_credentials({}, made_of({{"AWS_ACCESS_KEY_ID", "FOUND"}, {"AWS_SECRET_ACCESS_KEY", "secret"}}));
    CHECK(found.get(now).value()->access_key_id() == "FOUND");
    CHECK(aws::resolve_credentials({}, made_of({})).get(now).error() == error::missing_credentials);
}
