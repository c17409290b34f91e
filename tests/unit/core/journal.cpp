#include <dynasession/core/journal.hpp>

#include <dynasession/detail/random_token.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>

using dynasession::journal;

namespace {

std::string mark(char letter) { return std::string(journal::mark_size, letter); }

journal of(std::string_view letters) {
    std::string text;
    for (const char c : letters) text += mark(c);
    return journal(text);
}

} // namespace

TEST_CASE("a record that nobody saved yet has a journal of nothing") {
    const journal none;
    CHECK(none.empty());
    CHECK(none.size() == 0);
    CHECK(none.text().empty());
    CHECK(none.newest().empty());
    CHECK_FALSE(none.contains(mark('a')));
    CHECK_FALSE(none.contains(""));
}

TEST_CASE("a journal tells how many versions it knows, the newest writer, and whether one is among them") {
    const auto j = of("abcd");
    CHECK_FALSE(j.empty());
    CHECK(j.size() == 4);
    CHECK(j.newest() == mark('a'));
    for (const char c : {'a', 'b', 'c', 'd'}) CHECK(j.contains(mark(c)));
    CHECK_FALSE(j.contains(mark('e')));
}

TEST_CASE("only a whole mark counts, not what stands across two of them or is a part of one") {
    const auto j = of("ab");
    CHECK_FALSE(j.contains("aaabb"));
    CHECK_FALSE(j.contains("aaaa"));
    CHECK_FALSE(j.contains("aaaaabbbbb"));
    CHECK(j.contains("aaaaa"));
    CHECK_FALSE(j.contains(""));
}

TEST_CASE("text of another shape holds no marks of ours") {
    for (const std::size_t size : {1U, 4U, 6U, 16U, 19U, 21U, 25U, 64U}) CHECK(journal(std::string(size, 'a')).empty());
    for (const std::size_t size : {5U, 10U, 15U, 20U}) CHECK(journal(std::string(size, 'a')).size() == size / 5);
}

TEST_CASE("the newest writer stands first, and the oldest goes when there are enough") {
    const auto j = journal().followed_by(mark('a')).followed_by(mark('b'));
    CHECK(j == of("ba"));
    CHECK(j.followed_by(mark('c')).followed_by(mark('d')).followed_by(mark('e')) == of("edcb"));
    CHECK(j == of("ba"));
}

TEST_CASE("a mark is the beginning of a token, and a token leaves its mark") {
    CHECK(journal::mark_of("0123456789abcdef") == "01234");
    CHECK(journal().followed_by("0123456789abcdef").text() == "01234");
    CHECK(of("a").followed_by("0123456789abcdef").contains(journal::mark_of("0123456789abcdef")));
    CHECK_FALSE(of("a").followed_by("0123456789abcdef").contains("0123456789abcdef"));
}

TEST_CASE("the text of a journal makes the same journal again") {
    CHECK(journal(of("abc").text()) == of("abc"));
    CHECK(of("abc") != of("acb"));
    CHECK(of("abc") != of("ab"));
}

TEST_CASE("random tokens leave marks as long as a journal expects, which differ") {
    const auto one = dynasession::detail::random_token(), other = dynasession::detail::random_token();
    CHECK(journal::mark_of(one) != journal::mark_of(other));
    const auto j = journal().followed_by(one).followed_by(other);
    CHECK(j.size() == 2);
    CHECK(j.newest() == journal::mark_of(other));
    CHECK(j.contains(journal::mark_of(one)));
    CHECK(journal(j.text()) == j);
}
