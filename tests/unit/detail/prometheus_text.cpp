#include <dynasession/detail/prometheus_text.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>

using dynasession::detail::prometheus_text;

TEST_CASE("a family has its help, its type and its samples") {
    std::string out = "# before\n";
    prometheus_text text(out);
    text.family("birds_total", "counter", "Birds that were seen.");
    text.sample({}, 3);
    text.sample({{"place", "pond"}, {"kind", "heron"}}, std::uint64_t{18446744073709551615U});
    CHECK(out == "# before\n"
                 "# HELP birds_total Birds that were seen.\n"
                 "# TYPE birds_total counter\n"
                 "birds_total 3\n"
                 "birds_total{place=\"pond\",kind=\"heron\"} 18446744073709551615\n");
}

TEST_CASE("common labels stand before a sample's own") {
    std::string out;
    prometheus_text text(out);
    text.common_labels(R"(year="2026")");
    text.family("b", "histogram", "h");
    text.sample({}, 1, "_count");
    text.sample({{"le", "+Inf"}}, 1, "_bucket");
    CHECK(out.ends_with("b_count{year=\"2026\"} 1\nb_bucket{year=\"2026\",le=\"+Inf\"} 1\n"));
}

TEST_CASE("numbers are the shortest that are read back the same, and infinity has a name") {
    CHECK(prometheus_text::number(0.001) == "0.001");
    CHECK(prometheus_text::number(2.5) == "2.5");
    CHECK(prometheus_text::number(10.0) == "10");
    CHECK(prometheus_text::number(0) == "0");
    CHECK(prometheus_text::number(std::numeric_limits<double>::infinity()) == "+Inf");
}

TEST_CASE("a label's value stays between its quotes") {
    CHECK(prometheus_text::escaped("plain \xc3\xbc") == "plain \xc3\xbc");
    CHECK(prometheus_text::escaped("a\"b\\c\nd") == R"(a\"b\\c\nd)");
    std::string out;
    prometheus_text text(out);
    text.family("b", "gauge", "h");
    text.sample({{"x", "\"} 1\nforged 2"}}, 0);
    CHECK(out.ends_with("b{x=\"\\\"} 1\\nforged 2\"} 0\n"));
}

TEST_CASE("what Prometheus takes for the name of a label") {
    for (const auto good : {"a", "_a", "client", "Region_2"}) CHECK_MESSAGE(prometheus_text::is_label_name(good), good);
    for (const auto bad : {"", "2a", "a-b", "a b", "a\"", "__a", "\xc3\xbc"})
        CHECK_FALSE_MESSAGE(prometheus_text::is_label_name(bad), bad);
}
