#include <dynasession/detail/crypto.hpp>

#include <dynasession/detail/encoding.hpp>

#include <doctest/doctest.h>

#include "support/allocation_counter.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace detail = dynasession::detail;

namespace {

std::string hex(const detail::sha256_digest& digest) {
    const auto text = detail::hex(digest);
    return {text.data(), text.size()};
}

} // namespace

TEST_CASE("sha256 gives the digests of FIPS 180-4") {
    CHECK(hex(detail::sha256::of("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(hex(detail::sha256::of("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(hex(detail::sha256::of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_CASE("sha256 does not care how a message is cut") {
    const std::string message(300, 'm');
    const auto whole = detail::sha256::of(message);
    for (std::size_t cut = 0; cut <= message.size(); cut += 7) {
        detail::sha256 hash;
        hash.update(message.substr(0, cut));
        hash.update(message.data() + cut, message.size() - cut);
        CHECK(hash.finish() == whole);
    }
}

TEST_CASE("a copy of a sha256 goes on by itself") {
    detail::sha256 first;
    first.update("one");
    auto second = first;
    first.update(" and two");
    second.update(" or three");
    CHECK(first.finish() == detail::sha256::of("one and two"));
    CHECK(second.finish() == detail::sha256::of("one or three"));

    second = detail::sha256();
    CHECK(second.finish() == detail::sha256::of(""));
}

TEST_CASE("sha1_of gives the digests of FIPS 180-4") {
    const auto hex_of = [](std::string_view text) {
        const auto digits = detail::hex(detail::sha1_of(text));
        return std::string(digits.data(), digits.size());
    };
    CHECK(hex_of("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
    CHECK(hex_of("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST_CASE("hmac_sha256 gives the codes of RFC 4231") {
    CHECK(hex(detail::hmac_sha256::of(std::string(20, '\x0b'), "Hi There")) ==
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    CHECK(hex(detail::hmac_sha256::of("Jefe", "what do ya want for nothing?")) ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    CHECK(hex(detail::hmac_sha256::of(std::string(131, '\xaa'),
                                      "Test Using Larger Than Block-Size Key - Hash Key First")) ==
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("a key of exactly one block is taken as it is, and a longer one is hashed first") {
    const std::string block(64, 'k');
    const std::string longer(65, 'k');
    CHECK(detail::hmac_sha256::of(block, "m") !=
          detail::hmac_sha256::of(detail::as_text(detail::sha256::of(block)), "m"));
    CHECK(detail::hmac_sha256::of(longer, "m") ==
          detail::hmac_sha256::of(detail::as_text(detail::sha256::of(longer)), "m"));
}

TEST_CASE("a prepared hmac_sha256 serves many messages") {
    const detail::hmac_sha256 key("key");
    for (const std::string_view message : {"a", "b", "a"}) {
        auto mac = key;
        mac.update(message);
        CHECK(mac.finish() == detail::hmac_sha256::of("key", message));
    }
}

#ifndef OPENSSL_NO_DEPRECATED_3_0
TEST_CASE("hashing does not allocate") {
    const detail::hmac_sha256 key("key");
    if (!allocation_counter::counts()) {
        MESSAGE("this build cannot count allocations");
        return;
    }
    const allocation_counter counter;
    auto mac = key;
    mac.update("message");
    const auto code = mac.finish();
    const auto hash = detail::sha256::of("message");
    CHECK(counter.count() == 0);
    CHECK(code != hash);
}
#endif

TEST_CASE("random_bytes fills every byte, and never twice alike") {
    std::array<unsigned char, 64> first{}, second{};
    detail::random_bytes(first);
    detail::random_bytes(second);
    CHECK(first != second);

    // a byte that stays zero in 16 fillings is one that is not filled (1 in 2^122 otherwise)
    std::array<unsigned char, 64> seen{};
    for (int i = 0; i != 16; ++i) {
        detail::random_bytes(first);
        for (std::size_t k = 0; k != seen.size(); ++k) seen[k] = static_cast<unsigned char>(seen[k] | first[k]);
    }
    CHECK(std::ranges::count(seen, 0) == 0);

    detail::random_bytes({});
}

TEST_CASE("equal_constant_time compares whole texts") {
    CHECK(detail::equal_constant_time("", ""));
    CHECK(detail::equal_constant_time("secret", "secret"));
    CHECK_FALSE(detail::equal_constant_time("secret", "secreT"));
    CHECK_FALSE(detail::equal_constant_time("secret", "secre"));
    CHECK_FALSE(detail::equal_constant_time(std::string_view("a\0b", 3), std::string_view("a\0c", 3)));
}

TEST_CASE("cleanse overwrites all that a string holds, and empties it") {
    std::string text(100, 's');
    const char* const memory = text.data();
    const auto capacity = text.capacity();
    detail::cleanse(text);
    CHECK(text.empty());
    REQUIRE(text.capacity() == capacity); // the buffer is still there to look at
    CHECK(std::count(memory, memory + 100, 's') == 0);

    std::array<char, 8> bytes;
    bytes.fill('s');
    detail::cleanse(bytes.data(), 4);
    CHECK(std::string_view(bytes.data(), 8) == std::string_view("\0\0\0\0ssss", 8));
}
