#include <dynasession/core/secret.hpp>

#include <dynasession/detail/encoding.hpp>
#include <dynasession/detail/http_syntax.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <numeric>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>

using dynasession::secret;
namespace ds = dynasession;
namespace detail = dynasession::detail;
using namespace std::string_literals;

namespace {

constexpr std::string_view hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr std::string_view base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

std::array<unsigned char, secret::size> counted() {
    std::array<unsigned char, secret::size> bytes;
    std::iota(bytes.begin(), bytes.end(), static_cast<unsigned char>(0));
    return bytes;
}

std::string hex_of(const secret& key) {
    std::string text(2 * secret::size, ' ');
    detail::write_hex({reinterpret_cast<const unsigned char*>(key.bytes().data()), secret::size}, text.data());
    return text;
}

std::string base64_of(const secret& key) {
    std::string text;
    detail::append_base64(text, key.bytes());
    return text;
}

// What is wrong with a text, as the exception says it; empty if nothing is.
std::string complaint(std::string_view text) {
    try {
        static_cast<void>(secret::parse(text));
        return {};
    } catch (const ds::session_error& e) {
        CHECK(e.code() == ds::error::invalid_option);
        return e.what();
    }
}

bool refuses(std::string_view text) { return !complaint(text).empty(); }

template <class T>
concept printable = requires(std::ostream& out, const T& value) {
    out << value;
};

} // namespace

TEST_CASE("a secret holds the bytes that it was made of") {
    const auto bytes = counted();
    const secret key(bytes);
    CHECK(key.bytes() == std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    CHECK(key.bytes().size() == 32);
}

TEST_CASE("a secret is read from hex in any case and from base64") {
    const auto expected = secret(counted());
    CHECK(secret::parse(hex).bytes() == expected.bytes());
    CHECK(secret::parse("000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f").bytes() ==
          expected.bytes());
    CHECK(secret::parse(base64).bytes() == expected.bytes());
}

TEST_CASE("all secrets can be written as hex and as base64") {
    for (int i = 0; i != 200; ++i) {
        const auto key = secret::generate();
        CHECK(secret::parse(hex_of(key)).bytes() == key.bytes());
        CHECK(secret::parse(base64_of(key)).bytes() == key.bytes());
    }
}

TEST_CASE("new secrets are all different") {
    std::set<std::string> seen;
    for (int i = 0; i != 1000; ++i) seen.emplace(secret::generate().bytes());
    CHECK(seen.size() == 1000);
}

TEST_CASE("no text of another length is a secret: nothing is padded, cut or derived") {
    for (std::size_t n = 0; n != hex.size(); ++n) CHECK(refuses(hex.substr(0, n)));
    for (std::size_t n = 0; n != base64.size(); ++n) CHECK(refuses(base64.substr(0, n)));
    for (const auto& more : {"0"s, "00"s, "\n"s, " "s, "="s, "AAAA"s, "\0"s}) {
        CHECK(refuses(std::string(hex) + more));
        CHECK(refuses(std::string(base64) + more));
        CHECK(refuses(more + std::string(hex)));
        CHECK(refuses(more + std::string(base64)));
    }
    CHECK(refuses("correct horse battery staple"));
    CHECK(refuses("exactly thirty-two bytes of text"));
    CHECK(refuses(std::string(1 << 20, 'A')));
}

TEST_CASE("a foreign character makes a text no secret, wherever it stands") {
    constexpr std::string_view digits = "0123456789abcdefABCDEF";
    for (int c = 0; c != 256; ++c) {
        const char sign = static_cast<char>(c);
        for (std::size_t at = 0; at < hex.size(); at += 9) {
            auto text = std::string(hex);
            text[at] = sign;
            CHECK(refuses(text) == (digits.find(sign) == digits.npos));
        }
        for (std::size_t at = 0; at < base64.size() - 2; at += 7) {
            auto text = std::string(base64);
            text[at] = sign;
            CHECK(refuses(text) == (detail::base64_alphabet.find(sign) == std::string_view::npos));
        }
    }
}

TEST_CASE("base64 of a secret has one form: with padding, without spare bits, in the first alphabet") {
    CHECK(refuses("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"));
    CHECK(refuses("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9="));
    CHECK_FALSE(refuses("++++++++++++++++++++++++++++++++++++++++//8="));
    CHECK(refuses("----------------------------------------__8="));
}

TEST_CASE("what is wrong is said without the text") {
    const auto text = "hunter2-hunter2-hunter2-hunter2"s;
    const auto what = complaint(text);
    CHECK(what.find("openssl rand -base64 32") != what.npos);
    CHECK(what.find("hunter2") == what.npos);
}

TEST_CASE("a damaged text is refused, unless it is the very text of another secret") {
    std::mt19937 random(20261121);
    for (int i = 0; i != 5000; ++i) {
        auto text = std::string(random() % 2 != 0 ? hex : base64);
        for (auto n = 1 + random() % 3; n != 0; --n) {
            const auto at = random() % text.size();
            switch (random() % 3) {
            case 0: text[at] = static_cast<char>(random() & 0xFF); break;
            case 1: text.insert(at, 1, static_cast<char>(random() & 0xFF)); break;
            default: text.erase(at, 1);
            }
        }
        if (refuses(text)) continue;
        const auto read = secret::parse(text);
        CHECK((detail::equal_ignoring_case(hex_of(read), text) || base64_of(read) == text));
    }
}

TEST_CASE("a copy of a secret is a secret of its own") {
    auto first = std::make_unique<secret>(secret::parse(hex));
    const auto copy = *first;
    auto assigned = secret::generate();
    assigned = *first;
    first.reset();
    CHECK(copy.bytes() == secret::parse(hex).bytes());
    CHECK(assigned.bytes() == copy.bytes());
}

TEST_CASE("a secret leaves nothing in memory") {
    alignas(secret) std::array<unsigned char, sizeof(secret)> memory{};
    auto* const key = new (memory.data()) secret(counted());
    key->~secret();
    const volatile unsigned char* const left = memory.data();
    int remaining = 0;
    for (std::size_t i = 0; i != memory.size(); ++i) remaining += left[i] != 0;
    CHECK(remaining == 0);
}

TEST_CASE("a secret is made of bytes on purpose, and nothing prints it") {
    static_assert(!std::is_default_constructible_v<secret>);
    static_assert(!std::is_constructible_v<secret, std::string_view>);
    static_assert(!std::is_constructible_v<secret, const char*>);
    static_assert(!std::is_convertible_v<std::array<unsigned char, 32>, secret>);
    static_assert(!std::is_constructible_v<secret, std::array<unsigned char, 31>&>);
    static_assert(!std::is_constructible_v<secret, std::array<unsigned char, 33>&>);
    static_assert(printable<std::string> && !printable<secret>);
}
