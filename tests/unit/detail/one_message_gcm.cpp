#include <dynasession/detail/one_message_gcm.hpp>

#include <dynasession/detail/encoding.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <string_view>

namespace detail = dynasession::detail;
using detail::one_message_gcm;
using key_type = std::array<unsigned char, one_message_gcm::key_size>;

namespace {

// 0, 1, 2, ...
key_type counting_key() {
    key_type key;
    std::iota(key.begin(), key.end(), static_cast<unsigned char>(0));
    return key;
}

std::string sealed(const key_type& key, std::string_view associated, std::string_view plain) {
    std::string out;
    one_message_gcm().seal(key, associated, plain, out);
    return out;
}

std::string hex_of(std::string_view bytes) {
    std::string out(2 * bytes.size(), '\0');
    detail::write_hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()}, out.data());
    return out;
}

} // namespace

TEST_CASE("a message is encrypted as another program does it: ciphertext, then tag") {
    // Made with crypto.createCipheriv('aes-256-gcm', ...) of Node.
    CHECK(hex_of(sealed(counting_key(), "head", "text")) == "7ad9cdaabcfdc79caea826de1373e7b0795d15a6");
}

TEST_CASE("messages of any length come back, also from one object in turn, and go behind what is there") {
    one_message_gcm gcm;
    for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 1000U, 400U * 1024}) {
        const std::string plain(size, 'x');
        std::string out = "before";
        gcm.seal(counting_key(), "a", plain, out);
        CHECK(out.size() == 6 + size + one_message_gcm::tag_size);
        CHECK(out.starts_with("before"));
        CHECK(gcm.open(counting_key(), "a", std::string_view(out).substr(6)) == plain);
    }
    CHECK(gcm.open(counting_key(), "", sealed(counting_key(), "", "x")) == "x");
}

TEST_CASE("a message is opened by its key, with what is associated with it, and whole; by nothing else") {
    const auto whole = sealed(counting_key(), "head", "text");
    one_message_gcm gcm;
    auto other_key = counting_key();
    other_key.back() ^= 1;
    CHECK_FALSE(gcm.open(other_key, "head", whole));
    CHECK_FALSE(gcm.open(counting_key(), "heat", whole));
    CHECK_FALSE(gcm.open(counting_key(), "", whole));
    for (std::size_t size = 0; size != whole.size(); ++size)
        CHECK_FALSE(gcm.open(counting_key(), "head", whole.substr(0, size)));
    CHECK_FALSE(gcm.open(counting_key(), "head", whole + '\0'));
    for (std::size_t at = 0; at != whole.size(); ++at) {
        auto flipped = whole;
        flipped[at] = static_cast<char>(flipped[at] ^ 1);
        CHECK_FALSE(gcm.open(counting_key(), "head", flipped));
    }
    CHECK(gcm.open(counting_key(), "head", whole) == "text"); // and it opens after all of these
}
