#include <dynasession/detail/crc32.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using dynasession::detail::crc32;

TEST_CASE("crc32 gives the known check values") {
    CHECK(crc32("") == 0);
    CHECK(crc32("123456789") == 0xCBF43926U);
    CHECK(crc32("{}") == 0xA3A6BF43U); // what DynamoDB sends with an empty answer

    std::string bytes;
    for (int i = 0; i != 768; ++i) bytes.push_back(static_cast<char>(i));
    CHECK(crc32(bytes) == 0xB0C0DF2AU);
}

TEST_CASE("crc32 of pieces is that of the whole") {
    const std::string text = "a text that is longer than two words of eight bytes";
    for (std::size_t cut = 0; cut <= text.size(); ++cut)
        CHECK(crc32(text.substr(cut), crc32(text.substr(0, cut))) == crc32(text));
}

TEST_CASE("crc32 of any length is what the bytes give one by one") {
    std::string text;
    for (std::uint32_t i = 0; i != 300; ++i) {
        std::uint32_t expected = 12345;
        for (std::size_t at = 0; at != text.size(); ++at)
            expected = crc32(std::string_view(text).substr(at, 1), expected);
        CHECK(crc32(text, 12345) == expected);
        text.push_back(static_cast<char>(i * i * 31 + i));
    }
}
