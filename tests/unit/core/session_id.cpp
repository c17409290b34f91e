#include <dynasession/core/session_id.hpp>

#include <doctest/doctest.h>

#include <array>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>

namespace ds = dynasession;
using namespace std::string_view_literals;
using ds::session_id;

namespace {

constexpr auto alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"sv;
constexpr auto valid = "abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"sv; // E encodes no spare bits

bool refuses(std::string_view text) {
    const auto id = session_id::parse(text);
    return !id && id.error() == ds::error::invalid_session_id;
}

} // namespace

TEST_CASE("a new session id has 43 characters of base64url and parses to itself") {
    for (int i = 0; i != 1000; ++i) {
        const auto id = session_id::generate();
        CHECK(id.str().size() == session_id::length);
        CHECK(id.str().find_first_not_of(alphabet) == std::string_view::npos);
        CHECK_FALSE(id.empty());
        CHECK(session_id::parse(id.str()).value() == id);
    }
}

TEST_CASE("new session ids are all different, in every part of their text") {
    std::set<std::string> whole, beginnings, ends;
    for (int i = 0; i != 10'000; ++i) {
        const auto id = session_id::generate();
        whole.emplace(id.str());
        beginnings.emplace(id.str().substr(0, 12));
        ends.emplace(id.str().substr(session_id::length - 12));
    }
    CHECK(whole.size() == 10'000);
    CHECK(beginnings.size() == 10'000);
    CHECK(ends.size() == 10'000);
}

TEST_CASE("each character of the alphabet comes up at each place of new session ids") {
    std::array<std::set<char>, session_id::length> seen;
    for (int i = 0; i != 4000; ++i) {
        const auto id = session_id::generate();
        for (std::size_t at = 0; at != session_id::length; ++at) seen[at].insert(id.str()[at]);
    }
    for (std::size_t at = 0; at + 1 != session_id::length; ++at) CHECK(seen[at].size() == 64);
    CHECK(seen.back().size() == 16); // two of its six bits are spare
}

TEST_CASE("a text of the right shape is a session id, and comes back as it was") {
    REQUIRE(valid.size() == session_id::length);
    CHECK(session_id::parse(valid)->str() == valid);
}

TEST_CASE("a text of another length is no session id") {
    CHECK(refuses(""));
    CHECK(refuses("A"));
    for (std::size_t n = 0; n != session_id::length; ++n) CHECK(refuses(valid.substr(0, n)));
    CHECK(refuses(std::string(valid) + "A"));
    CHECK(refuses(std::string(valid) + "="));
    CHECK(refuses(std::string(valid) + std::string(valid)));
    CHECK(refuses(std::string(1 << 20, 'A')));
}

TEST_CASE("a foreign character makes a text no session id, wherever it stands") {
    for (int c = 0; c != 256; ++c) {
        if (alphabet.find(static_cast<char>(c)) != alphabet.npos) continue;
        for (std::size_t at = 0; at != session_id::length; ++at) {
            std::string text(valid);
            text[at] = static_cast<char>(c);
            CHECK(refuses(text));
        }
    }
}

TEST_CASE("there is one text to each session id: a last character with spare bits is refused") {
    for (const char last : alphabet) {
        std::string text(valid);
        text.back() = last;
        CHECK(refuses(text) == (alphabet.find(last) % 4 != 0));
    }
}

TEST_CASE("no session id is empty and equal to no other") {
    const session_id none;
    CHECK(none.empty());
    CHECK(none.str().empty());
    CHECK(none == session_id());
    CHECK(none != session_id::generate());
    CHECK(none != session_id::parse(std::string(session_id::length, 'A')).value());
}

TEST_CASE("session ids that differ in one character are different") {
    const auto id = session_id::parse(valid).value();
    for (std::size_t at = 0; at != session_id::length; ++at) {
        std::string text(valid);
        text[at] = text[at] == 'A' ? 'Q' : 'A';
        CHECK(session_id::parse(text).value() != id);
    }
}

TEST_CASE("session ids are keys of hash tables, and cheap to copy") {
    std::unordered_set<session_id> ids;
    for (int i = 0; i != 100; ++i) ids.insert(session_id::generate());
    CHECK(ids.size() == 100);
    for (const auto& id : ids) CHECK(ids.contains(session_id::parse(id.str()).value()));
    CHECK(std::hash<session_id>{}(session_id()) == std::hash<session_id>{}(session_id()));
    static_assert(std::is_trivially_copyable_v<session_id>);
}

TEST_CASE("a session id is made by its two makers only") {
    static_assert(!std::is_constructible_v<session_id, std::string_view>);
    static_assert(!std::is_constructible_v<session_id, std::string>);
    static_assert(!std::is_constructible_v<session_id, const char*>);
}

TEST_CASE("the name of a session id for logs is sid: and eight hex digits, always the same") {
    const auto id = session_id::parse(valid).value();
    const auto name = id.loggable();
    CHECK(name.size() == 12);
    CHECK(name.starts_with("sid:"));
    CHECK(name.find_first_not_of("0123456789abcdef", 4) == std::string::npos);
    CHECK(name == session_id::parse(valid)->loggable());
    CHECK(name == "sid:4ad5ea7f");

    std::set<std::string> names;
    for (int i = 0; i != 1000; ++i) names.insert(session_id::generate().loggable());
    CHECK(names.size() >= 998); // 32 bits: two of a thousand may meet
}

TEST_CASE("the name for logs tells nothing of the id, nor of the key it is stored under") {
    for (int i = 0; i != 100; ++i) {
        const auto id = session_id::generate();
        const auto digits = id.loggable().substr(4);
        // The storage key is made of the plain hash of the id: whoever reads logs must not find it there.
        const auto hash = ds::detail::sha256::of(id.str());
        const auto hash_digits = ds::detail::hex(hash);
        CHECK(std::string_view(hash_digits.data(), hash_digits.size()).find(digits) == std::string_view::npos);
        const auto bits = ds::detail::decode_base64url<32>(id.str()).value();
        const auto id_digits = ds::detail::hex(bits);
        CHECK(std::string_view(id_digits.data(), id_digits.size()).find(digits) == std::string_view::npos);
        const auto bits_hash = ds::detail::hex(
            ds::detail::sha256::of(std::string_view(reinterpret_cast<const char*>(bits.data()), bits.size())));
        CHECK(std::string_view(bits_hash.data(), bits_hash.size()).find(digits) == std::string_view::npos);
    }
}
