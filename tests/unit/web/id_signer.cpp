#include <dynasession/web/id_signer.hpp>

#include <doctest/doctest.h>

#include "support/allocation_counter.hpp"

#include <array>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace dynasession;
using namespace std::string_literals;

namespace {

constexpr std::string_view id_text = "abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE";
constexpr std::string_view alphabet = detail::base64url_alphabet;

session_id the_id() { return session_id::parse(id_text).value(); }

secret key(unsigned char first) {
    std::array<unsigned char, secret::size> bytes;
    for (std::size_t i = 0; i != bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(first + i);
    return secret(bytes);
}

const secret a = key(0), b = key(50), c = key(100);

bool malformed(const id_signer& signer, std::string_view text) {
    const auto read = signer.read(text);
    return !read && read.error() == error::invalid_session_id && read.error().detail.empty();
}

bool forged(const id_signer& signer, std::string_view text) {
    const auto read = signer.read(text);
    return !read && read.error() == error::bad_signature && read.error().detail.empty();
}

} // namespace

TEST_CASE("a signed id is the id, a point and the code over version, purpose and id") {
    // Python: hmac.new(bytes(range(32)), b"dynasession signed id 1\ncookie\n" + id, "sha256"), urlsafe_b64encode
    const auto expected = std::string(id_text) + ".72F0F7UX4h4lC3SXUYB5aKRl5kal6GsvMzR-mIwpMo0";
    const id_signer signer({a}, "cookie");
    CHECK(signer.sign(the_id()) == expected);
    CHECK(expected.size() == id_signer::signed_length);
    const auto read = signer.read(expected);
    REQUIRE(read.has_value());
    CHECK(read->id == the_id());
    CHECK(read->current);
}

TEST_CASE("every id comes back from its signed text") {
    const id_signer signer({secret::generate(), secret::generate()}, "session");
    for (int i = 0; i != 500; ++i) {
        const auto id = session_id::generate();
        const auto read = signer.read(signer.sign(id));
        REQUIRE(read.has_value());
        CHECK(read->id == id);
        CHECK(read->current);
    }
}

TEST_CASE("without keys the text is the id, and nothing else is taken") {
    const id_signer signer({}, "cookie");
    CHECK(signer.sign(the_id()) == id_text);
    const auto read = signer.read(id_text);
    REQUIRE(read.has_value());
    CHECK(read->id == the_id());
    CHECK(read->current);
    CHECK(malformed(signer, ""));
    CHECK(malformed(signer, id_signer({a}, "cookie").sign(the_id())));
    CHECK(malformed(signer, std::string(id_text) + "."));
    CHECK(malformed(signer, id_text.substr(1)));
}

TEST_CASE("with keys an id without a signature is refused") {
    const id_signer signer({a}, "cookie");
    CHECK(malformed(signer, id_text));
    CHECK(malformed(signer, std::string(id_text) + "."));
    CHECK(malformed(signer, ""));
}

TEST_CASE("the first key signs, all verify, and what an older key has signed is to be renewed") {
    const auto by = [](const std::vector<secret>& keys) { return id_signer(keys, "cookie").sign(the_id()); };
    struct row {
        const char* when;
        std::vector<secret> keys;
        std::string text;
        bool taken;
        bool current;
    };
    const row rows[] = {
        {"one key", {a}, by({a}), true, true},
        {"a new key in front, an old text", {b, a}, by({a}), true, false},
        {"a new key in front, a new text", {b, a}, by({b, a}), true, true},
        {"the old key taken away, an old text", {b}, by({a}), false, false},
        {"the old key taken away, a new text", {b}, by({b, a}), true, true},
        {"a third key, the oldest text", {c, b, a}, by({a}), true, false},
        {"a third key, the text in between", {c, b, a}, by({b, a}), true, false},
        {"announced at the end before it signs", {a, b}, by({b, a}), true, false},
        {"the same key twice", {a, a}, by({a}), true, true},
        {"a key of somebody else", {a, b}, by({c}), false, false},
    };
    for (const auto& row : rows) {
        CAPTURE(row.when);
        const id_signer signer(row.keys, "cookie");
        const auto read = signer.read(row.text);
        CHECK(read.has_value() == row.taken);
        if (read) CHECK(read->id == the_id());
        if (read) CHECK(read->current == row.current);
        if (!read) CHECK(forged(signer, row.text));
        CHECK(signer.sign(the_id()) == by({row.keys.front()}));
    }
}

TEST_CASE("what is signed for one purpose is refused for another") {
    const id_signer visitor({a}, "visitor"), user({a}, "user"), none({a}, "");
    CHECK(forged(user, visitor.sign(the_id())));
    CHECK(forged(none, visitor.sign(the_id())));
    CHECK(forged(visitor, none.sign(the_id())));
    // Purposes that would meet if the end of one were not seen
    CHECK(forged(id_signer({a}, "user\n"), user.sign(the_id())));
    CHECK(forged(id_signer({a}, "use"), user.sign(the_id())));
}

TEST_CASE("the signature of one id is none of another") {
    const id_signer signer({a, b}, "cookie");
    for (int i = 0; i != 100; ++i) {
        const auto text = signer.sign(session_id::generate());
        CHECK(forged(signer, std::string(id_text) + text.substr(session_id::length)));
    }
}

TEST_CASE("a changed character is found wherever it stands") {
    const id_signer signer({a, b}, "cookie");
    const auto good = signer.sign(the_id());
    for (std::size_t at = 0; at != good.size(); ++at) {
        const bool last = at == session_id::length - 1 || at == good.size() - 1;
        for (int code = 0; code != 256; ++code) {
            auto text = good;
            text[at] = static_cast<char>(code);
            if (text == good) continue;
            CAPTURE(at);
            CAPTURE(code);
            const auto place = alphabet.find(text[at]);
            // The last of 43 characters has two bits that encode nothing: one value, one text.
            const bool shaped = at != session_id::length && place != alphabet.npos && (!last || place % 4 == 0);
            CHECK((shaped ? forged(signer, text) : malformed(signer, text)));
        }
    }
}

TEST_CASE("a text of another length is no signed id: no part of a tag will do") {
    const id_signer signer({a}, "cookie");
    const auto good = signer.sign(the_id());
    for (std::size_t n = 0; n != good.size(); ++n) CHECK(malformed(signer, good.substr(0, n)));
    for (const auto& more : {"="s, "A"s, "\0"s, "\n"s, " "s, "."s, good}) {
        CHECK(malformed(signer, good + more));
        CHECK(malformed(signer, more + good));
    }
    CHECK(malformed(signer, std::string(1 << 20, 'A')));
    CHECK(malformed(signer, std::string(id_signer::signed_length, '\0')));
    CHECK(malformed(signer, good.substr(0, 43) + "%2E" + good.substr(44)));

    CHECK(forged(signer, good.substr(44) + "." + good.substr(0, 43)));
}

TEST_CASE("hostile texts are refused, seeded") {
    const id_signer signer({a, b, c}, "cookie");
    const auto good = signer.sign(the_id());
    std::mt19937 random(20261121);
    int forgeries = 0;
    for (int i = 0; i != 20'000; ++i) {
        auto text = good;
        for (auto n = 1 + random() % 3; n != 0; --n) {
            const auto at = random() % text.size();
            const char any = random() % 2 != 0 ? alphabet[random() % 64] : static_cast<char>(random() & 0xFF);
            switch (random() % 5) {
            case 0: text.insert(at, 1, any); break;
            case 1: text.erase(at, 1); break;
            case 2: std::swap(text[at], text[random() % text.size()]); break;
            default: text[at] = any;
            }
        }
        if (text == good) continue;
        const auto read = signer.read(text);
        REQUIRE_FALSE(read.has_value());
        forgeries += read.error() == error::bad_signature;
        CHECK((read.error() == error::bad_signature || read.error() == error::invalid_session_id));
    }
    CHECK(forgeries > 1000); // else nothing got as far as the keys
}

TEST_CASE("the messages hold neither id nor signature") {
    const id_signer signer({a}, "cookie");
    const auto text = id_signer({b}, "cookie").sign(the_id());
    for (const auto& given : {text, std::string(id_text)}) {
        try {
            static_cast<void>(signer.read(given).value());
            FAIL("nothing was thrown");
        } catch (const session_error& e) {
            const std::string what = e.what();
            CHECK(what.find(id_text) == what.npos);
            CHECK(what.find(text.substr(44)) == what.npos);
        }
    }
}

#ifndef OPENSSL_NO_DEPRECATED_3_0
TEST_CASE("reading a text allocates nothing, be it refused or taken") {
    if (!allocation_counter::counts()) {
        MESSAGE("this build cannot count allocations");
        return;
    }
    const id_signer signer({a, b}, "cookie"), plain({}, "cookie");
    const auto good = signer.sign(the_id()), old = id_signer({b}, "cookie").sign(the_id());
    const auto wrong = id_signer({c}, "cookie").sign(the_id()), huge = std::string(1 << 16, 'A');
    for (const std::string_view text : {std::string_view(good), std::string_view(old), std::string_view(wrong),
                                        std::string_view(huge), id_text, std::string_view("nonsense")}) {
        const allocation_counter counter;
        const auto first = signer.read(text);
        const auto second = plain.read(text);
        CHECK(counter.count() == 0);
        CHECK_FALSE((first && second));
    }
}
#endif

TEST_CASE("a signer keeps no more of its keys than it needs, and copies are its equals") {
    auto keys = std::vector{a};
    const id_signer signer(keys, "cookie");
    keys.clear();
    const auto copy = signer;
    CHECK(copy.sign(the_id()) == signer.sign(the_id()));
    CHECK(signer.sign(the_id()) == id_signer({a}, "cookie").sign(the_id())); // signing leaves it as it was
    CHECK(copy.read(signer.sign(the_id())).has_value());
}
