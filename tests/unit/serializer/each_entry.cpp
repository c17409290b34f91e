#include <dynasession/serializer/each_entry.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace ds = dynasession;
namespace serializer_detail = dynasession::serializer_detail;
using serializer_detail::entry_text;

namespace {

// The words of an entry: `n:<text>`, n being 1 for the words that are up to date.
entry_text write_words(const ds::field& f) { return {"1:" + std::string(f.text), true}; }

ds::result<entry_text> read_words(const ds::field& f) {
    if (f.text.size() < 2 || f.text[1] != ':') return ds::failure(ds::error::corrupt_session, "no words");
    return entry_text{std::string(f.text.substr(2)), false};
}

bool up_to_date(const ds::field& f) { return f.text[0] == '1'; }

} // namespace

TEST_CASE("entries are read each by itself, and the first that cannot be read is the failure of all") {
    const ds::fields stored({{"a", "1:x", true}, {"b", "2:", true}});
    CHECK(serializer_detail::read_each(stored, read_words).value() == ds::fields({{"a", "x"}, {"b", ""}}));
    CHECK(serializer_detail::read_each(ds::fields(), read_words).value().empty());
    const auto failed = serializer_detail::read_each(ds::fields({{"a", "1:x"}, {"b", "y"}, {"c", ""}}), read_words);
    CHECK(failed.error() == ds::error::corrupt_session);
    CHECK(failed.error().detail == "no words");
}

TEST_CASE("entries that did not change stay in the words that they are stored in, if those are approved") {
    const ds::fields stored(
        {{"changed", "1:a", true}, {"gone", "1:b", true}, {"kept", "1:c", true}, {"old", "2:d", true}});
    const auto said = serializer_detail::read_each(stored, read_words).value();
    std::vector<std::string> written;
    const auto note = [&](const ds::field& f) {
        written.emplace_back(f.key);
        return write_words(f);
    };
    const ds::fields now({{"added", "e"}, {"changed", "A"}, {"kept", "c"}, {"old", "d"}, {"others", "f"}});
    CHECK(serializer_detail::write_each(now, stored, said, up_to_date, note) == ds::fields({{"added", "1:e", true},
                                                                                            {"changed", "1:A", true},
                                                                                            {"kept", "1:c", true},
                                                                                            {"old", "1:d", true},
                                                                                            {"others", "1:f", true}}));
    CHECK(written == std::vector<std::string>{"added", "changed", "old", "others"});
}

TEST_CASE("bytes that become a text, or the other way round, have changed") {
    const ds::fields stored({ds::field{"k", "1:x", true}}), said({ds::field{"k", "x", true}});
    bool wrote = false;
    serializer_detail::write_each(ds::fields({ds::field{"k", "x", false}}), stored, said, up_to_date,
                                  [&](const ds::field& f) {
                                      wrote = true;
                                      return write_words(f);
                                  });
    CHECK(wrote);
}
