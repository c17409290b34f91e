#include <dynasession/detail/random.hpp>

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <thread>

using namespace dynasession::detail;

TEST_CASE("pseudo-random numbers do not repeat, not even in another thread") {
    std::set<std::uint64_t> seen;
    for (int i = 0; i != 1000; ++i) seen.insert(pseudo_random());
    std::uint64_t other = 0;
    std::thread([&] { other = pseudo_random(); }).join();
    seen.insert(other);
    CHECK(seen.size() == 1001);
}

TEST_CASE("uniform random numbers are at least 0 and below 1") {
    double sum = 0;
    for (int i = 0; i != 1000; ++i) {
        const auto x = uniform_random();
        REQUIRE(x >= 0);
        REQUIRE(x < 1);
        sum += x;
    }
    CHECK(sum > 300);
    CHECK(sum < 700);
}

TEST_CASE("a random UUID has the form of version 4") {
    const auto id = random_uuid();
    REQUIRE(id.size() == 36);
    for (std::size_t i = 0; i != id.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        CHECK((id[i] == '-') == dash);
        CHECK((dash || std::string("0123456789abcdef").find(id[i]) != std::string::npos));
    }
    CHECK(id[14] == '4');
    CHECK(std::string("89ab").find(id[19]) != std::string::npos);
    CHECK(random_uuid() != id);
}
