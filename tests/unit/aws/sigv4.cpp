#include <dynasession/aws/sigv4.hpp>

#include <boost/json/parse.hpp>

#include <doctest/doctest.h>

#include "support/allocation_counter.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace aws = dynasession::aws;
using namespace std::chrono_literals;

namespace {

constexpr auto moment = std::chrono::sys_days{std::chrono::year{2026} / 1 / 2} + 3h + 4min + 5s;
const aws::credentials key("AKID", "not/a+real=secret");
const aws::credentials temporary("AKID", "not/a+real=secret", "tok/en+==");
constexpr std::string_view body = R"({"TableName":"t"})";

std::string authorization(const aws::signer& signer, const aws::signable_request& request, const aws::credentials& who,
                          const aws::timestamp& at) {
    std::string out;
    signer.sign(request, who, at, out);
    return out;
}

std::string signature(const std::string& authorization) {
    return authorization.substr(authorization.find("Signature=") + 10);
}

// A Scan as the DynamoDB client sends it; the headers are in canonical form.
std::string sign_scan(const aws::signer& signer, const aws::timestamp& at, const aws::credentials& who = key) {
    std::vector<aws::header> headers{{"content-type", "application/x-amz-json-1.0"},
                                     {"host", "localhost:8000"},
                                     {"x-amz-date", at.text()},
                                     {"x-amz-target", "DynamoDB_20120810.Scan"}};
    if (!who.session_token().empty()) headers.insert(headers.end() - 1, {"x-amz-security-token", who.session_token()});
    return signature(authorization(signer, {.headers = headers, .body = body}, who, at));
}

aws::timestamp parse_timestamp(const std::string& text) {
    const auto number = [&](std::size_t at, std::size_t size) { return std::stoi(text.substr(at, size)); };
    const std::chrono::year_month_day date = std::chrono::year(number(0, 4)) / number(4, 2) / number(6, 2);
    return aws::timestamp(std::chrono::sys_days(date) + number(9, 2) * 1h + number(11, 2) * 1min + number(13, 2) * 1s);
}

std::string canonical_path(std::string_view path, aws::canonical_options options = {}) {
    const auto text = aws::canonical_request({.method = "GET", .path = path}, options);
    return text.substr(4, text.find('\n', 4) - 4);
}

std::string canonical_query(std::string_view query) {
    const auto text = aws::canonical_request({.method = "GET", .query = query});
    return text.substr(6, text.find('\n', 6) - 6);
}

std::string canonical_headers(std::vector<aws::header> headers) {
    const auto text = aws::canonical_request({.method = "GET", .headers = headers});
    return text.substr(7, text.rfind('\n') - 7);
}

} // namespace

// The expected signatures of these cases were computed by a program of its own, from Python's hashlib.

TEST_CASE("a request is signed over its headers and body") {
    const aws::signer signer("eu-central-1", "dynamodb");
    const aws::timestamp at(moment);
    const aws::header headers[] = {{"content-type", "application/x-amz-json-1.0"},
                                   {"host", "localhost:8000"},
                                   {"x-amz-date", at.text()},
                                   {"x-amz-target", "DynamoDB_20120810.Scan"}};
    std::string out = "Authorization: ";
    signer.sign({.headers = headers, .body = body}, key, at, out);
    CHECK(out == "Authorization: AWS4-HMAC-SHA256 Credential=AKID/20260102/eu-central-1/dynamodb/aws4_request, "
                 "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
                 "Signature=30e694cd637da91e5eddb1d8a68295fec0dd3fa168832b289a704ffde207ad51");
}

TEST_CASE("order, case and space of headers do not change the signature") {
    const aws::signer signer("eu-central-1", "dynamodb");
    const aws::timestamp at(moment);
    const aws::header headers[] = {{"X-Amz-Target", "  DynamoDB_20120810.Scan"},
                                   {"HOST", "localhost:8000 "},
                                   {"X-AMZ-date", at.text()},
                                   {"Content-Type", "\tapplication/x-amz-json-1.0"}};
    const auto text = authorization(signer, {.headers = headers, .body = body}, key, at);
    CHECK(text.find("SignedHeaders=content-type;host;x-amz-date;x-amz-target,") != std::string::npos);
    CHECK(signature(text) == "30e694cd637da91e5eddb1d8a68295fec0dd3fa168832b289a704ffde207ad51");
}

TEST_CASE("a payload hash stands for the body") {
    const aws::signer signer("eu-central-1", "dynamodb");
    const aws::timestamp at(moment);
    const aws::header headers[] = {{"content-type", "application/x-amz-json-1.0"},
                                   {"host", "localhost:8000"},
                                   {"x-amz-date", at.text()},
                                   {"x-amz-target", "DynamoDB_20120810.Scan"}};
    const auto hash = aws::payload_hash(body);
    const std::string_view hex(hash.data(), hash.size());
    CHECK(hex == "f28af92fc15f446717e10364e12f5128ef4611dfaeb8469b0ca93776dd9d3f5a");
    CHECK(signature(authorization(signer, {.headers = headers, .payload_hash = hex}, key, at)) ==
          "30e694cd637da91e5eddb1d8a68295fec0dd3fa168832b289a704ffde207ad51");
}

TEST_CASE("a session token is covered like any header") {
    const aws::signer signer("eu-central-1", "dynamodb");
    CHECK(sign_scan(signer, aws::timestamp(moment), temporary) ==
          "aa80990bd734698705887b5acf00c06c705fc14036806b3134bb245625891bec");
}

TEST_CASE("what the signer remembers never changes a signature") {
    const aws::signer signer("eu-central-1", "dynamodb");
    const aws::timestamp first(moment), next_second(moment + 1s), next_day(moment + 24h);
    const aws::credentials another("AKID", "another"); // the same key id, as after a rotation in a test
    const std::string plain = "30e694cd637da91e5eddb1d8a68295fec0dd3fa168832b289a704ffde207ad51";

    for (int round = 0; round != 3; ++round) {
        CHECK(sign_scan(signer, first) == plain);
        CHECK(sign_scan(signer, first) == plain);
        CHECK(sign_scan(signer, next_second) == "d05b65f0d43a2ee9c62c4f951ba0f315af86c67f8fafe85d790214d2393bafa7");
        CHECK(sign_scan(signer, next_day) == "db0424b818225ce0d91b8de3257d3c8e1532575179cecd1ace12104bd022d036");
        CHECK(sign_scan(signer, first, another) == "1b4817bbb30d0da5ecf98a1dfd55b7c26909366a78c78ac5056c8a66f43b0b10");
        CHECK(sign_scan(signer, first, temporary) ==
              "aa80990bd734698705887b5acf00c06c705fc14036806b3134bb245625891bec");
        // more kinds of requests than are remembered
        for (int i = 0; i != 6; ++i) {
            const auto path = std::string("/").append(std::to_string(i));
            const aws::signer fresh("eu-central-1", "dynamodb");
            CHECK(authorization(signer, {.path = path}, key, first) ==
                  authorization(fresh, {.path = path}, key, first));
        }
    }
}

TEST_CASE("a header of any length can be signed") {
    const aws::signer signer("eu-central-1", "dynamodb");
    const aws::credentials big("AKID", "not/a+real=secret", std::string(5000, 'x'));
    for (int round = 0; round != 2; ++round)
        CHECK(sign_scan(signer, aws::timestamp(moment), big) ==
              "49d0663c46504a10e191c149e7fd54e079b3c541a7da533584862900a889337f");

    // every length around the end of the signer's buffer
    for (std::size_t size = 3900; size != 4200; ++size) {
        const std::string value(size, 'v');
        const aws::header headers[] = {{"a", value}};
        const auto expected = aws::canonical_request({.headers = headers});
        aws::sigv4_detail::hashed_text text;
        aws::append_canonical_request(text, {.headers = headers}, aws::canonical_headers(headers), {});
        auto hash = text.hash();
        hash.update(std::string_view(expected).substr(expected.size() - 64));
        CHECK(hash.finish() == dynasession::detail::sha256::of(expected));
    }
}

TEST_CASE("signing for DynamoDB does not allocate") {
    const aws::signer signer("us-east-1", "dynamodb");
    const aws::timestamp at(moment), later(moment + 1s);
    std::string out;
    out.reserve(400);
    const auto sign = [&](const aws::timestamp& t, std::string_view target) {
        const aws::header headers[] = {{"content-type", "application/x-amz-json-1.0"},
                                       {"host", "dynamodb.us-east-1.amazonaws.com"},
                                       {"x-amz-date", t.text()},
                                       {"x-amz-security-token", temporary.session_token()},
                                       {"x-amz-target", target}};
        out.clear();
        signer.sign({.headers = headers, .body = body}, temporary, t, out);
    };
    for (const auto* target : {"DynamoDB_20120810.GetItem", "DynamoDB_20120810.UpdateItem", "DynamoDB_20120810.PutItem",
                               "DynamoDB_20120810.DeleteItem"})
        sign(at, target); // the texts that are remembered get their memory

    if (!allocation_counter::counts()) {
        MESSAGE("this build cannot count allocations");
        return;
    }
    const allocation_counter counter;
    sign(at, "DynamoDB_20120810.GetItem");
    CHECK(counter.count() == 0);
    sign(later, "DynamoDB_20120810.GetItem");
    CHECK(counter.count() == 0);
}

TEST_CASE("one signer serves many threads") {
    const aws::signer signer("eu-central-1", "dynamodb");
    std::vector<int> wrong(4, 0);
    {
        std::vector<std::jthread> threads;
        for (std::size_t t = 0; t != wrong.size(); ++t)
            threads.emplace_back([&, t] {
                for (int i = 0; i != 300; ++i) {
                    const bool day = (i + static_cast<int>(t)) % 3 == 0;
                    const auto* expected = day ? "db0424b818225ce0d91b8de3257d3c8e1532575179cecd1ace12104bd022d036"
                                               : "30e694cd637da91e5eddb1d8a68295fec0dd3fa168832b289a704ffde207ad51";
                    wrong[t] += sign_scan(signer, aws::timestamp(day ? moment + 24h : moment)) != expected;
                }
            });
    }
    CHECK(wrong == std::vector<int>(4, 0));
}

TEST_CASE("a presigned request carries its signature in the query") {
    const aws::signer signer("eu-central-1", "sts");
    const aws::header headers[] = {{"Host", "sts.eu-central-1.amazonaws.com"}};
    const aws::signable_request request{
        .method = "GET", .query = "Version=2011-06-15&Action=GetCallerIdentity", .headers = headers};
    const auto target = signer.presign(request, temporary, aws::timestamp(moment), {.lifetime = 60s}).value();
    CHECK(target == "/?Version=2011-06-15&Action=GetCallerIdentity&X-Amz-Algorithm=AWS4-HMAC-SHA256"
                    "&X-Amz-Credential=AKID%2F20260102%2Feu-central-1%2Fsts%2Faws4_request&X-Amz-Date=20260102T030405Z"
                    "&X-Amz-SignedHeaders=host&X-Amz-Expires=60&X-Amz-Security-Token=tok%2Fen%2B%3D%3D"
                    "&X-Amz-Signature=c9dbe95650a7855b35d233e15b4a79904cd57389c6680986d5cc7b1fb93a676c");
}

TEST_CASE("a session token may stay outside the signature of a presigned request") {
    const aws::signer signer("eu-central-1", "sts");
    const aws::header headers[] = {{"host", "sts.eu-central-1.amazonaws.com"}};
    const aws::signable_request request{.method = "GET", .headers = headers};
    const aws::timestamp at(moment);
    const auto without = signer.presign(request, key, at).value();
    const auto with = signer.presign(request, temporary, at, {.sign_session_token = false}).value();
    const auto end = without.find("&X-Amz-Signature=");
    CHECK(with == without.substr(0, end) + "&X-Amz-Security-Token=tok%2Fen%2B%3D%3D" + without.substr(end));
}

TEST_CASE("a presigned request is good for 1 second to 7 days") {
    const aws::signer signer("us-east-1", "s3");
    const aws::timestamp at(moment);
    CHECK(signer.presign({}, key, at, {.lifetime = 0s}).error() == dynasession::error::invalid_option);
    CHECK(signer.presign({}, key, at, {.lifetime = -5s}).error() == dynasession::error::invalid_option);
    CHECK(signer.presign({}, key, at, {.lifetime = 604801s}).error() == dynasession::error::invalid_option);
    CHECK(signer.presign({}, key, at, {.lifetime = 1s}).has_value());
    CHECK(signer.presign({}, key, at, {.lifetime = 604800s}).has_value());
}

TEST_CASE("a path may be signed exactly as sent, and a body not at all") {
    const aws::signer signer("eu-central-1", "s3", {.normalize_path = false, .encode_path = false});
    const aws::header headers[] = {{"host", "b.s3.amazonaws.com"}};
    const aws::signable_request request{.method = "PUT",
                                        .path = "/a//b/../c%20d",
                                        .headers = headers,
                                        .body = "anything",
                                        .payload_hash = aws::unsigned_payload};
    CHECK(signature(authorization(signer, request, key, aws::timestamp(moment))) ==
          "20bdcb26d45a086a8c464af4f927abc961eccccdfe87c9f008197f588bb5c5ef");
}

TEST_CASE("paths are resolved and escaped once more") {
    CHECK(canonical_path("/") == "/");
    CHECK(canonical_path("") == "/");
    CHECK(canonical_path("//") == "/");
    CHECK(canonical_path("/./") == "/");
    CHECK(canonical_path("/..") == "/");
    CHECK(canonical_path("/a/..") == "/");
    CHECK(canonical_path("/a/../") == "/");
    CHECK(canonical_path("/../../a") == "/a");
    CHECK(canonical_path("/a/./b//c/") == "/a/b/c/");
    CHECK(canonical_path("/a/b/../../c") == "/c");
    CHECK(canonical_path("/...") == "/...");
    CHECK(canonical_path("/a b/\xe1\x88\xb4") == "/a%20b/%E1%88%B4");
    CHECK(canonical_path("/a%20b") == "/a%2520b");
    CHECK(canonical_path("/a:b*c") == "/a%3Ab%2Ac");
}

TEST_CASE("paths are left alone when a service wants it so") {
    CHECK(canonical_path("//a/./b/../c/", {.normalize_path = false}) == "//a/./b/../c/");
    CHECK(canonical_path("/a b", {.normalize_path = false}) == "/a%20b");
    CHECK(canonical_path("/a%20b//", {.encode_path = false}) == "/a%20b/");
    CHECK(canonical_path("", {.normalize_path = false, .encode_path = false}) == "/");
}

TEST_CASE("queries are sorted by escaped name, then by value") {
    CHECK(canonical_query("") == "");
    CHECK(canonical_query("b=2&a=1") == "a=1&b=2");
    CHECK(canonical_query("a=2&a=1&a=") == "a=&a=1&a=2");
    CHECK(canonical_query("a") == "a=");
    CHECK(canonical_query("a&&=&b") == "=&a=&b=");
    CHECK(canonical_query("A=1&a=2&Aa=3") == "A=1&Aa=3&a=2");
    CHECK(canonical_query("a=b=c") == "a=b%3Dc");
    // escapes are brought to one form, and a plus sign is a plus sign
    CHECK(canonical_query("a=%2f%7e%41 b+c") == "a=%2F~A%20b%2Bc");
    CHECK(canonical_query("a=%zz") == "a=%25zz");
    CHECK(canonical_query("~=1&\xe1\x88\xb4=2") == "%E1%88%B4=2&~=1");
    // '-' sorts before '=': names are compared, not whole parameters
    CHECK(canonical_query("a-b=1&a=2") == "a=2&a-b=1");
}

TEST_CASE("headers are sorted, trimmed and joined") {
    CHECK(canonical_headers({{"b", "2"}, {"a", "1"}}) == "a:1\nb:2\n\na;b");
    CHECK(canonical_headers({{"B", "2"}, {"A", "1"}}) == "a:1\nb:2\n\na;b");
    CHECK(canonical_headers({{"X", "c"}, {"a", "1"}, {"x", "a"}, {"X", "b"}}) == "a:1\nx:c,a,b\n\na;x");
    CHECK(canonical_headers({{"a", "1"}, {"a", "1"}}) == "a:1,1\n\na");
    CHECK(canonical_headers({{"a", ""}}) == "a:\n\na");
    CHECK(canonical_headers({{"a", "   "}}) == "a:\n\na");
    CHECK(canonical_headers({{"a", " one  two\t three "}}) == "a:one two three\n\na");
    CHECK(canonical_headers({{"a", "\"q   q\""}}) == "a:\"q q\"\n\na");
    CHECK(canonical_headers({{"a", "one\r\n  two\n\nthree"}}) == "a:one two three\n\na");
    CHECK(canonical_headers({{"a", "one two"}}) == "a:one two\n\na");
    CHECK(canonical_headers({{"amz-b", "1"}, {"amz", "2"}}) == "amz:2\namz-b:1\n\namz;amz-b");
}

TEST_CASE("one odd byte anywhere in a header brings it to canonical form") {
    for (std::size_t size = 1; size != 40; ++size)
        for (std::size_t at = 0; at != size; ++at) {
            std::string name(size, 'z'), value(size, '~');
            CHECK(canonical_headers({{name, value}}) == name + ":" + value + "\n\n" + name);
            auto upper = name;
            upper[at] = at % 2 ? 'Z' : 'A';
            auto lower = name;
            lower[at] = at % 2 ? 'z' : 'a';
            CHECK(canonical_headers({{upper, value}}) == lower + ":" + value + "\n\n" + lower);
            auto tabbed = value;
            tabbed[at] = '\t';
            const bool at_end = at == 0 || at + 1 == size;
            auto clean = value;
            if (at_end)
                clean.erase(at, 1);
            else
                clean[at] = ' ';
            CHECK(canonical_headers({{name, tabbed}}) == name + ":" + clean + "\n\n" + name);
        }
    // neighbours of the odd ranges, and bytes beyond ASCII, are none
    const std::string plain = "@[`{!\x7f\x80\x89\xa0\xc1\xff"
                              "0123456789";
    CHECK(canonical_headers({{plain, plain}}) == plain + ":" + plain + "\n\n" + plain);
}

TEST_CASE("every recorded vector is signed to the byte") {
#ifdef DYNASESSION_SHARED_DIR
    const std::filesystem::path file = DYNASESSION_SHARED_DIR "/fixtures/sigv4_vectors.json";
#else
    const std::filesystem::path file;
#endif
    if (!std::filesystem::exists(file)) {
        MESSAGE("not run: fixtures/sigv4_vectors.json is not there");
        return;
    }
    std::stringstream content;
    content << std::ifstream(file).rdbuf();
    const auto root = boost::json::parse(content.str());
    const auto text = [](const boost::json::value& v) { return std::string_view(v.as_string()); };

    std::int64_t checked = 0;
    for (const auto& v : root.at("vectors").as_array()) {
        INFO(text(v.at("name")));
        const auto at = parse_timestamp(std::string(text(v.at("amz_date"))));
        CHECK(at.text() == text(v.at("amz_date")));

        const auto& c = v.at("credentials");
        const auto token = c.at("session_token").is_null() ? std::string_view() : text(c.at("session_token"));
        const aws::credentials who(std::string(text(c.at("access_key_id"))),
                                   std::string(text(c.at("secret_access_key"))), std::string(token));
        const bool normalize = v.at("options").at("normalize").as_bool();
        const aws::signer signer(text(v.at("region")), text(v.at("service")), {.normalize_path = normalize});
        std::vector<aws::header> headers;
        for (const auto& h : v.at("headers_to_sign").as_array()) headers.push_back({text(h.at(0)), text(h.at(1))});
        const aws::signable_request request{.method = text(v.at("method")),
                                            .path = text(v.at("path")),
                                            .query = text(v.at("query")),
                                            .headers = headers,
                                            .body = text(v.at("body"))};
        const auto& expected = v.at("expected");
        if (text(v.at("kind")) == "header") {
            CHECK(aws::canonical_request(request, {.normalize_path = normalize}) ==
                  text(expected.at("canonical_request")));
            CHECK(authorization(signer, request, who, at) == text(expected.at("authorization")));
        } else {
            const aws::presign_options options{
                .lifetime = std::chrono::seconds(v.at("options").at("expires").as_int64()),
                .sign_session_token = !v.at("options").at("omit_session_token").as_bool()};
            CHECK(signer.presign(request, who, at, options).value() == text(expected.at("signed_uri")));
        }
        ++checked;
    }
    CHECK(checked == root.at("count").as_int64());
}
