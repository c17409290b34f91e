#include <dynasession/core/session_handle.hpp>

#include <doctest/doctest.h>

#include <string>

namespace ds = dynasession;
using ds::session_handle;

TEST_CASE("a handle is made of the whole id and leads to none") {
    const auto id = *ds::session_id::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    // The first 24 bytes of the SHA-256 of 43 times "A", by another implementation (Python hashlib).
    CHECK(session_handle::of(id).str() == "DwBzhbb51LfusnSGBa_hqYSgo7-j8BTQ");
    CHECK(session_handle::of(id) != session_handle::of(ds::session_id::generate()));
    CHECK_FALSE(session_handle::of(id).empty());
}

TEST_CASE("a text is a handle or it is refused") {
    const auto handle = session_handle::of(ds::session_id::generate());
    CHECK(session_handle::parse(handle.str()).value() == handle);
    for (const std::string text : {"", "x", "DwBzhbb51LfusnSGBa_hqYSgo7-j8BT", "DwBzhbb51LfusnSGBa_hqYSgo7-j8BTQQ",
                                   "DwBzhbb51LfusnSGBa/hqYSgo7+j8BTQ", "'; DROP TABLE sessions; -- 123456"})
        CHECK(session_handle::parse(text).error() == ds::error::invalid_session_id);
}

TEST_CASE("the handle of no session is empty, and no session's") {
    CHECK(session_handle().empty());
    CHECK(session_handle().str().empty());
    CHECK(session_handle() != session_handle::of(ds::session_id::generate()));
}
