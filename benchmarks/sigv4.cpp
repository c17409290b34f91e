// What signing a GetItem costs, as a ratio to the bare hashing of the same bytes.
//
// Floor: the low-level SHA-256 functions over ready texts, 12 compressions, with the states of both HMAC pads kept.
// All variants run in turn within each round; the figures are medians over the rounds of the thread's CPU time.

#include <dynasession/aws/sigv4.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>
#include <string>
#include <string_view>
#include <vector>

static std::size_t allocations = 0;

void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

namespace aws = dynasession::aws;
namespace detail = dynasession::detail;

constexpr auto second = std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + std::chrono::hours{15};
const std::string body = R"({"TableName":"sessions","ConsistentRead":true,)"
                         R"("Key":{"id":{"S":"sess_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJK"}}})"; // 120 bytes
const std::string host = "dynamodb.us-east-1.amazonaws.com";

double thread_ns() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

struct variant {
    const char* name;
    std::vector<double> ns;

    template <class F>
    void measure(F f) {
        constexpr int calls = 2000;
        const auto begin = thread_ns();
        for (int i = 0; i != calls; ++i) f(i);
        ns.push_back((thread_ns() - begin) / calls);
    }
    double median() {
        std::ranges::nth_element(ns, ns.begin() + static_cast<std::ptrdiff_t>(ns.size() / 2));
        return ns[ns.size() / 2];
    }
};

// The texts are there already; only the hashes are written into them.
struct bare_hashing {
    std::string canonical, to_sign;
    detail::sha256 inner_pad, outer_pad;

    bare_hashing() {
        inner_pad.update(std::string(64, '6'));
        outer_pad.update(std::string(64, '\\'));
    }
    detail::sha256_digest operator()() {
        write(canonical, detail::sha256::of(body));
        write(to_sign, detail::sha256::of(canonical));
        auto inner = inner_pad;
        inner.update(to_sign);
        auto outer = outer_pad;
        outer.update(detail::as_text(inner.finish()));
        return outer.finish();
    }
    static void write(std::string& text, const detail::sha256_digest& digest) {
        detail::write_hex(digest, text.data() + text.size() - 64);
    }
};

} // namespace

int main() {
    const aws::signer signer("us-east-1", "dynamodb");
    const aws::credentials key("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    const aws::credentials temporary("ASIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", std::string(900, 'x'));
    std::string out;
    out.reserve(512);

    const auto sign = [&](const aws::credentials& who, std::string_view target, const aws::timestamp& at) {
        const aws::header plain[] = {{"content-type", "application/x-amz-json-1.0"},
                                     {"host", host},
                                     {"x-amz-date", at.text()},
                                     {"x-amz-target", target}};
        const aws::header with_token[] = {
            plain[0], plain[1], plain[2], {"x-amz-security-token", who.session_token()}, plain[3]};
        out.clear();
        aws::signable_request request{.headers = plain, .body = body};
        if (!who.session_token().empty()) request.headers = with_token;
        signer.sign(request, who, at, out);
        benchmark::DoNotOptimize(out.data());
    };
    constexpr std::string_view get = "DynamoDB_20120810.GetItem", update = "DynamoDB_20120810.UpdateItem";

    bare_hashing bare;
    {
        const aws::timestamp at(second);
        const aws::header headers[] = {{"content-type", "application/x-amz-json-1.0"},
                                       {"host", host},
                                       {"x-amz-date", at.text()},
                                       {"x-amz-target", get}};
        bare.canonical = aws::canonical_request({.headers = headers, .body = body});
        bare.to_sign = "AWS4-HMAC-SHA256\n" + std::string(at.text()) + "\n20260314/us-east-1/dynamodb/aws4_request\n" +
                       std::string(64, '0');
    }

    variant floor{"bare SHA-256, 12 blocks", {}};
    variant same{"sign + Authorization, within a second", {}};
    variant mixed{"the same, two operations in turn", {}};
    variant fresh{"the same, each call in a new second", {}};
    variant token{"the same, 900-byte session token", {}};
    for (int round = 0; round != 201; ++round) {
        floor.measure([&](int) { benchmark::DoNotOptimize(bare()); });
        same.measure([&](int) { sign(key, get, aws::timestamp(second)); });
        mixed.measure([&](int i) { sign(key, i % 2 ? get : update, aws::timestamp(second)); });
        fresh.measure([&](int i) { sign(key, get, aws::timestamp(second + std::chrono::seconds(i % 60))); });
        token.measure([&](int) { sign(temporary, get, aws::timestamp(second)); });
    }

    sign(key, get, aws::timestamp(second));
    const auto before = allocations;
    sign(key, get, aws::timestamp(second));
    sign(key, get, aws::timestamp(second + std::chrono::seconds(1)));
    const auto allocated = allocations - before;

    std::printf("body %zu B, canonical request %zu B, string to sign %zu B\n", body.size(), bare.canonical.size(),
                bare.to_sign.size());
    for (auto* v : {&floor, &same, &mixed, &fresh, &token})
        std::printf("%-40s %7.0f ns  %5.2f\n", v->name, v->median(), v->median() / floor.median());
    std::printf("allocations in two signatures: %zu\n", allocated);

    constexpr double gate = 1.25;
    const bool ok = same.median() <= gate * floor.median() && allocated == 0;
    std::printf("%s: ratio %.2f, gate %.2f, 0 allocations\n", ok ? "passed" : "FAILED", same.median() / floor.median(),
                gate);
    return ok ? 0 : 1;
}
