#ifndef DYNASESSION_TESTS_CONTRACT_EACH_STYLE_HPP
#define DYNASESSION_TESTS_CONTRACT_EACH_STYLE_HPP

#include "store_under_test.hpp"

#include <doctest/doctest.h>

#include <string>

namespace contract {

/// Runs a case once in each call style, in a world of its own.
template <class Case>
void in_each_style(const settings& with, Case run) {
    for (const call_style style : all_styles) {
        INFO("call style: " << std::string(to_text(style)));
        const auto w = make_world(with);
        const auto store = w->call(style);
        run(*w, *store);
    }
}

template <class Case>
void in_each_style(const ds::session_options& options, Case run) {
    in_each_style(settings{.session = options}, run);
}

template <class Case>
void in_each_style(Case run) {
    in_each_style(settings{}, run);
}

/// What a load must find; fails the test if it does not.
inline ds::session must_load(caller& store, const ds::session_id& id) {
    auto found = store.load(id);
    REQUIRE_MESSAGE(found.has_value(), found.error().code.message());
    REQUIRE(found->has_value());
    return **std::move(found);
}

inline bool is_absent(caller& store, const ds::session_id& id) {
    const auto found = store.load(id);
    REQUIRE_MESSAGE(found.has_value(), found.error().code.message());
    return !found->has_value();
}

inline void must_save(caller& store, ds::session& s) {
    const auto done = store.save(s);
    REQUIRE_MESSAGE(done.has_value(), done.error().code.message() << " " << done.error().detail);
}

/// Whether something failed, and with this.
template <class T, class Expected>
bool fails_with(const ds::result<T>& r, Expected e) {
    return !r && r.error() == e;
}

/// A stored session with some data.
inline ds::session stored_session(caller& store) {
    auto s = store.create();
    s.set("user", "jeremy");
    s["cart"] = {1, 2};
    must_save(store, s);
    return s;
}

} // namespace contract

#endif
