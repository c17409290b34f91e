#include <dynasession/dynamodb/request_heads.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace dynasession;
using namespace dynasession::dynamodb;
using namespace std::chrono_literals;

namespace {

using key_type = std::shared_ptr<const aws::credentials>;

constexpr std::chrono::sys_seconds noon = std::chrono::sys_days(std::chrono::year(2026) / 11 / 20) + 12h;
constexpr std::string_view get = "DynamoDB_20120810.GetItem", put = "DynamoDB_20120810.PutItem",
                           host = "localhost:8000";

const aws::signer signer("us-east-1", "dynamodb");

key_type make_key(std::string id = "AKIDEXAMPLE", std::string token = {}) {
    return std::make_shared<const aws::credentials>(std::move(id), "secret", std::move(token));
}

std::string head_of(request_heads& heads, std::string_view target, const key_type& key, std::chrono::sys_seconds at,
                    std::string_view body = "{}") {
    std::string out = "before ";
    auto signature = heads.begin(out, target, host, signer, key, at).value().finish_over(body);
    return out.append(signature.data(), signature.size());
}

// The same without a memory.
std::string expected(std::string_view target, const key_type& key, std::chrono::sys_seconds at,
                     std::string_view body = "{}") {
    const aws::timestamp time(at);
    std::vector<aws::header> headers{{"content-type", "application/x-amz-json-1.0"},
                                     {"host", host},
                                     {"x-amz-date", time.text()},
                                     {"x-amz-target", target}};
    if (!key->session_token().empty()) headers.push_back({"x-amz-security-token", key->session_token()});
    std::string out = "before POST / HTTP/1.1\r\naccept-encoding: identity\r\nuser-agent: dynasession\r\n";
    out += "content-type: application/x-amz-json-1.0\r\nhost: " + std::string(host) + "\r\nx-amz-date: ";
    out.append(time.text()).append("\r\n");
    if (!key->session_token().empty()) out += "x-amz-security-token: " + key->session_token() + "\r\n";
    out.append("x-amz-target: ").append(target).append("\r\nauthorization: ");
    const aws::signer other("us-east-1", "dynamodb");
    other.sign({.headers = headers, .body = body}, *key, time, out);
    return out;
}

} // namespace

TEST_CASE("what is remembered of heads never changes one") {
    request_heads heads;
    const auto first = make_key(), second = make_key("ASIAEXAMPLE", "token"), alike = make_key();
    for (int round = 0; round != 2; ++round)
        for (const auto& key : {first, second, alike})
            for (const auto at : {noon, noon + 1s, noon + std::chrono::seconds(24h)})
                for (const auto target : {get, put, get})
                    for (const auto body : {"{}", R"({"a":1})"})
                        CHECK(head_of(heads, target, key, at, body) == expected(target, key, at, body));
}

TEST_CASE("credentials that would not stay on their line begin no head, and spoil none that follows") {
    request_heads heads;
    const auto good = make_key();
    for (const auto& bad :
         {make_key("AKID\r\nx: y"), make_key("AKID", "a\nb"), make_key("AKID", std::string("a\0b", 3))}) {
        std::string out;
        for (int i = 0; i != 2; ++i) {
            const auto begun = heads.begin(out, get, host, signer, bad, noon);
            REQUIRE_FALSE(begun.has_value());
            CHECK(begun.error() == error::invalid_option);
        }
        CHECK(out.empty());
        CHECK(head_of(heads, get, good, noon) == expected(get, good, noon));
    }
}

TEST_CASE("heads keep no credentials but the last") {
    request_heads heads;
    auto old = make_key();
    head_of(heads, get, old, noon);
    CHECK(old.use_count() == 2);
    head_of(heads, put, make_key("AKIDNEXT"), noon);
    CHECK(old.use_count() == 1);
}

TEST_CASE("heads are begun by many threads at once") {
    request_heads heads;
    const auto key = make_key();
    std::vector<std::string> right;
    for (int second = 0; second != 4; ++second)
        right.push_back(expected(get, key, noon + std::chrono::seconds(second)));
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t != 4; ++t)
        threads.emplace_back([&] {
            for (std::size_t i = 0; i != 200; ++i)
                wrong += head_of(heads, get, key, noon + std::chrono::seconds(i % 4)) != right[i % 4];
        });
    for (auto& t : threads) t.join();
    CHECK(wrong == 0);
}
