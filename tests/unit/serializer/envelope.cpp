#include <dynasession/serializer/envelope.hpp>

#include <dynasession/detail/encoding.hpp>

#include <doctest/doctest.h>

#include <array>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ds = dynasession;
namespace envelope_detail = dynasession::envelope_detail;
using namespace std::string_view_literals;
using ds::field;
using ds::session_id;
using envelope_detail::envelopes;
using envelope_detail::key_ring;

namespace {

const auto id = session_id::parse(std::string(session_id::length, 'A')).value();
const auto other_id = session_id::generate();

// `first`, `first` + 1, ...
template <std::size_t N>
std::array<unsigned char, N> counting(unsigned char first) {
    std::array<unsigned char, N> bytes;
    std::iota(bytes.begin(), bytes.end(), first);
    return bytes;
}

const ds::secret secret_a(counting<32>(0)), secret_b(counting<32>(1));
const key_ring only_a({secret_a}), only_b({secret_b}), a_then_b({secret_a, secret_b}), b_then_a({secret_b, secret_a});
const auto salt = counting<envelope_detail::salt_size>(0xa0);

std::string hex_of(std::string_view bytes) {
    std::string out(2 * bytes.size(), '\0');
    ds::detail::write_hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()}, out.data());
    return out;
}

std::string sealed(const key_ring& keys, std::string_view key, std::string_view text, bool binary = false) {
    return envelopes(keys, id).seal(field{key, text, binary}, salt);
}

// The text that an envelope is opened to; nothing where that fails with corrupt_session and no detail.
std::optional<std::string> opened(const key_ring& keys, std::string_view key, std::string_view envelope,
                                  const session_id& of = id) {
    const auto plain = envelopes(keys, of).open(field{key, envelope, true});
    if (plain) return plain->text;
    CHECK(plain.error() == ds::error::corrupt_session);
    CHECK(plain.error().detail.empty());
    return std::nullopt;
}

std::string error_of(const std::vector<ds::secret>& secrets) {
    try {
        const key_ring keys(secrets);
    } catch (const ds::session_error& e) {
        CHECK(e.code() == ds::error::invalid_option);
        return e.what();
    }
    return {};
}

} // namespace

TEST_CASE("an envelope is what its description says, as another program makes it") {
    // Made with createHmac and createCipheriv of Node, from the description alone.
    CHECK(hex_of(sealed(only_a, "user", "\"jeremy\"")) ==
          "81d55dc217a0a1a2a3a4a5a6a7a8a9aaabacadaeafac45c96a570db99c1975fc68ed433aac2f553c22e2692642");
    CHECK(hex_of(sealed(only_a, "", "", true)) ==
          "c1d55dc217a0a1a2a3a4a5a6a7a8a9aaabacadaeaf9f60581c868a363f0674265fbc5bd673");
    CHECK(hex_of(sealed(only_a, "user", "\0\1\xff"sv, true)) ==
          "c1d55dc217a0a1a2a3a4a5a6a7a8a9aaabacadaeaf6e9533bef3699abb2bd2f6adbf38ba085ae06b");
}

TEST_CASE("an envelope has 37 bytes more than its text, and gives back text as text and bytes as bytes") {
    CHECK(envelope_detail::overhead == 37);
    for (const std::string& text : {std::string(), std::string("1"), std::string(100'000, 'x')})
        for (const bool binary : {false, true}) {
            const auto envelope = sealed(only_a, "k", text, binary);
            CHECK(envelope.size() == text.size() + 37);
            const auto plain = envelopes(only_a, id).open(field{"k", envelope, true}).value();
            CHECK(plain.text == text);
            CHECK(plain.binary == binary);
        }
}

TEST_CASE("every secret of the list opens, the first seals") {
    const auto by_a = sealed(only_a, "k", "1"), by_b = sealed(only_b, "k", "1");
    CHECK(sealed(a_then_b, "k", "1") == by_a);
    CHECK(sealed(b_then_a, "k", "1") == by_b);
    for (const auto* both : {&a_then_b, &b_then_a}) {
        CHECK(opened(*both, "k", by_a) == "1");
        CHECK(opened(*both, "k", by_b) == "1");
    }
    CHECK_FALSE(opened(only_a, "k", by_b));
    CHECK_FALSE(opened(only_b, "k", by_a));
    CHECK(envelopes(a_then_b, id).is_under_first(field{"k", by_a, true}));
    CHECK_FALSE(envelopes(a_then_b, id).is_under_first(field{"k", by_b, true}));
    CHECK_FALSE(envelopes(a_then_b, id).is_under_first(field{"k", "1"}));
}

TEST_CASE("a secret is known by its id, but the id of one does not open what another sealed") {
    auto forged = sealed(only_b, "k", "1");
    forged.replace(1, envelope_detail::key_id_size, only_a.first().id());
    CHECK_FALSE(opened(a_then_b, "k", forged));
}

TEST_CASE("an envelope opens in its session and under its key, and nowhere else") {
    const auto envelope = sealed(only_a, "k", "1");
    CHECK(opened(only_a, "k", envelope) == "1");
    CHECK_FALSE(opened(only_a, "k", envelope, other_id));
    CHECK_FALSE(opened(only_a, "k", envelope, session_id()));
    for (const auto key : {"", "K", "kk", "k "}) CHECK_FALSE(opened(only_a, key, envelope));
    CHECK_FALSE(opened(only_a, "k\0"sv, envelope));
}

TEST_CASE("an envelope that lacks bytes opens as nothing, whatever is left of its tag, and so does one with more") {
    const auto envelope = sealed(only_a, "k", "12345");
    for (std::size_t tag = 0; tag != 16; ++tag)
        CHECK_FALSE(opened(only_a, "k", envelope.substr(0, envelope.size() - 16 + tag)));
    for (std::size_t size = 0; size != envelope.size(); ++size)
        CHECK_FALSE(opened(only_a, "k", envelope.substr(0, size)));
    for (const auto* more : {"\1", "12345678901234567890"}) CHECK_FALSE(opened(only_a, "k", envelope + more));
    CHECK_FALSE(opened(only_a, "k", envelope + '\0'));
}

TEST_CASE("an envelope in which any bit is flipped opens as nothing") {
    for (const auto text : {""sv, "{\"a\":1}"sv}) {
        const auto envelope = sealed(a_then_b, "k", text);
        for (std::size_t at = 0; at != envelope.size(); ++at)
            for (int bit = 0; bit != 8; ++bit) {
                auto flipped = envelope;
                flipped[at] = static_cast<char>(flipped[at] ^ 1 << bit);
                CHECK_FALSE(opened(a_then_b, "k", flipped));
            }
    }
}

TEST_CASE("no form is taken but the two") {
    const auto envelope = sealed(only_a, "k", "1");
    for (int form = 0; form != 256; ++form) {
        auto changed = envelope;
        changed.front() = static_cast<char>(form);
        CHECK(opened(only_a, "k", changed).has_value() == (form == 0x81));
        CHECK(envelopes::is_envelope(field{"k", changed, true}) == (form == 0x81 || form == 0xc1));
        CHECK_FALSE(envelopes::is_envelope(field{"k", changed}));
    }
    CHECK_FALSE(envelopes::is_envelope(field{"k", "", true}));
}

TEST_CASE("a text is no envelope, also if it has the bytes of one") {
    const auto envelope = sealed(only_a, "k", "1");
    CHECK(envelopes(only_a, id).open(field{"k", envelope, false}).error() == ds::error::corrupt_session);
}

TEST_CASE("random bytes open as nothing, also after a head that is right") {
    std::mt19937_64 random(7);
    const auto head = sealed(only_a, "k", "1").substr(0, envelope_detail::head_size);
    for (int i = 0; i != 20'000; ++i) {
        std::string garbage(random() % 100, '\0');
        for (char& c : garbage) c = static_cast<char>(random());
        if (i % 2 == 0) garbage.insert(0, head, 0, random() % (head.size() + 1));
        REQUIRE_FALSE(opened(only_a, "k", garbage));
    }
}

TEST_CASE("the same text has another key with another salt, under another name, in another session, of another form") {
    const auto ciphertext = [](const std::string& envelope) {
        return envelope.substr(envelope_detail::head_size + 16);
    };
    const std::string zeros(64, '\0');
    std::set<std::string> streams;
    streams.insert(ciphertext(sealed(only_a, "k", zeros)));
    streams.insert(ciphertext(sealed(only_a, "k", zeros, true)));
    streams.insert(ciphertext(sealed(only_a, "l", zeros)));
    streams.insert(ciphertext(sealed(only_b, "k", zeros)));
    streams.insert(ciphertext(envelopes(only_a, other_id).seal(field{"k", zeros}, salt)));
    streams.insert(ciphertext(envelopes(only_a, id).seal(field{"k", zeros}, counting<16>(0xa1))));
    CHECK(streams.size() == 6);
}

TEST_CASE("a list without a secret, or with one twice, is refused, and says which option it is but no secret") {
    CHECK(error_of({}).find("encryption_options::secrets is empty") != std::string::npos);
    const auto twice = error_of({secret_a, secret_b, secret_a});
    CHECK(twice.find("encryption_options::secrets has a secret twice") != std::string::npos);
    CHECK(twice.find(hex_of(secret_a.bytes())) == std::string::npos);
    CHECK(error_of({secret_a, secret_b}).empty());
}
