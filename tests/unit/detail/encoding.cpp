#include <dynasession/detail/encoding.hpp>

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>
#include <string_view>

namespace detail = dynasession::detail;
using namespace std::string_literals;

namespace {

std::string base64(std::string_view bytes) {
    std::string out;
    detail::append_base64(out, bytes);
    return out;
}

std::string uri_encoded(std::string_view text, char keep = '-') {
    std::string out;
    detail::append_uri_encoded(out, text, keep);
    return out;
}

std::string uri_decoded(std::string_view text) {
    std::string out;
    detail::append_uri_decoded(out, text);
    return out;
}

std::array<unsigned char, 32> counting() {
    std::array<unsigned char, 32> bytes{};
    for (std::size_t i = 0; i != bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(i);
    return bytes;
}

} // namespace

TEST_CASE("hex writes two lower-case digits a byte") {
    const auto text = detail::hex(std::array<unsigned char, 4>{0x00, 0x0f, 0xa5, 0xff});
    CHECK(std::string(text.data(), text.size()) == "000fa5ff");
}

TEST_CASE("base64 gives the texts of RFC 4648, both ways") {
    const std::array<std::array<std::string, 2>, 7> vectors{{{"", ""},
                                                             {"f", "Zg=="},
                                                             {"fo", "Zm8="},
                                                             {"foo", "Zm9v"},
                                                             {"foob", "Zm9vYg=="},
                                                             {"fooba", "Zm9vYmE="},
                                                             {"foobar", "Zm9vYmFy"}}};
    for (const auto& [bytes, text] : vectors) {
        CHECK(base64(bytes) == text);
        auto out = "before "s;
        CHECK(detail::append_decoded_base64(out, text));
        CHECK(out == "before " + bytes);
    }
    CHECK(base64("\xfb\xff\xbf"s) == "+/+/");
}

TEST_CASE("base64 brings back any bytes, also decoded in place") {
    std::mt19937 random(20260314);
    for (std::size_t size = 0; size != 200; ++size) {
        std::string bytes(size, '\0');
        for (auto& b : bytes) b = static_cast<char>(random() & 0xFF);
        auto text = base64(bytes);
        CHECK(text.size() == detail::base64_size(size));
        const auto decoded = detail::decode_base64(text, text.data());
        REQUIRE(decoded == size);
        CHECK(text.substr(0, *decoded) == bytes);
    }
}

TEST_CASE("base64 refuses every text that it would not write") {
    for (const std::string_view text :
         {"A", "AA", "AAA", "AAAAA", "====", "A===", "=AAA", "AA=A", "AAA=AAAA", "AA==AAAA", "AA==\n", "AAA\n", "AA A",
          "AA-_", "AAAA====", "\xc3\xa9\xc3\xa9", "AB==", "AAB=", "AAA\0"}) {
        INFO(text);
        auto out = "kept"s;
        CHECK_FALSE(detail::append_decoded_base64(out, text));
        CHECK(out == "kept");
    }
    for (int c = 0; c != 256; ++c) {
        auto text = "AAAAAAAA"s;
        text[5] = static_cast<char>(c);
        auto out = ""s;
        const bool in_alphabet = detail::base64_alphabet.find(static_cast<char>(c)) != std::string_view::npos;
        CHECK(detail::append_decoded_base64(out, text) == in_alphabet);
    }
}

TEST_CASE("base64 refuses every foreign character wherever it stands in a long text") {
    const std::string good(160, 'A');
    int wrong = 0;
    for (std::size_t at = 0; at != good.size(); ++at)
        for (int c = 0; c != 256; ++c) {
            auto text = good;
            text[at] = static_cast<char>(c);
            const bool in_alphabet = detail::base64_alphabet.find(text[at]) != std::string_view::npos;
            const bool padding = c == '=' && at == good.size() - 1;
            auto out = ""s;
            wrong += detail::append_decoded_base64(out, text) != (in_alphabet || padding);
        }
    CHECK(wrong == 0);
}

TEST_CASE("base64url of 32 bytes has 43 characters and no padding") {
    const auto text = detail::base64url(counting());
    CHECK(std::string(text.data(), text.size()) == "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");

    std::array<unsigned char, 32> ones;
    ones.fill(0xff);
    auto out = "id:"s;
    detail::append_base64url(out, ones);
    CHECK(out == "id:__________________________________________8");

    out.clear();
    detail::append_base64url(out, std::array<unsigned char, 24>{});
    CHECK(out == std::string(32, 'A'));
}

TEST_CASE("decode_base64url takes the one text of a value only") {
    const auto bytes = counting();
    const auto good = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"s;
    CHECK(detail::decode_base64url<32>(good) == bytes);

    CHECK_FALSE(detail::decode_base64url<32>(""));
    CHECK_FALSE(detail::decode_base64url<32>(good + "="));
    CHECK_FALSE(detail::decode_base64url<32>(good + "A"));
    CHECK_FALSE(detail::decode_base64url<32>(good.substr(1)));
    CHECK_FALSE(detail::decode_base64url<31>(good));
    // two bits of the last sextet stand for nothing: each value but theirs being zero would be a second name
    for (const char last : {'9', '-', '_'}) CHECK_FALSE(detail::decode_base64url<32>(good.substr(0, 42) + last));
    for (const char foreign : {'+', '/', '=', ' ', '\0', '\x80', '\xff'})
        for (const std::size_t at : {0U, 21U, 42U}) {
            auto text = good;
            text[at] = foreign;
            CHECK_FALSE(detail::decode_base64url<32>(text));
        }
}

TEST_CASE("uri encoding leaves unreserved characters and escapes every other byte") {
    CHECK(uri_encoded("AZaz09-._~") == "AZaz09-._~");
    CHECK(uri_encoded("a b+c/d=e&f%g") == "a%20b%2Bc%2Fd%3De%26f%25g");
    CHECK(uri_encoded("/a b/", '/') == "/a%20b/");
    CHECK(uri_encoded("\xe1\x88\xb4\0"s) == "%E1%88%B4%00");
}

TEST_CASE("uri decoding undoes encoding, and leaves what is no escape") {
    std::string all;
    for (int c = 0; c != 256; ++c) all.push_back(static_cast<char>(c));
    CHECK(uri_decoded(uri_encoded(all)) == all);
    CHECK(uri_decoded("a+b%2fc%2Fd") == "a+b/c/d");
    CHECK(uri_decoded("%") == "%");
    CHECK(uri_decoded("%4") == "%4");
    CHECK(uri_decoded("%4g%g4%%41") == "%4g%g4%A");
}
