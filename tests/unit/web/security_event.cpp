#include <dynasession/web/security_event.hpp>

#include <doctest/doctest.h>

#include <set>
#include <string_view>

using namespace dynasession;

TEST_CASE("every security event has a name of its own, fit for a label") {
    using enum security_event;
    std::set<std::string_view> names;
    for (const auto e : {malformed_id, bad_signature, unknown_id, revoked, several_cookies, too_many_cookies}) {
        const auto name = to_string(e);
        CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == name.npos);
        CHECK(names.insert(name).second);
    }
    CHECK(names.size() == 6);
    CHECK(to_string(unknown_id) == "unknown_id");
    CHECK(to_string(static_cast<security_event>(names.size())) == "unknown"); // the list above is all of them
}
