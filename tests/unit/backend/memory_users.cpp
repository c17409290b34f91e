#include <dynasession/backend/memory_users.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <vector>

using namespace dynasession;
using namespace std::chrono_literals;
using backend_detail::memory_users;

TEST_CASE("a session is found by its user, until it has another one or none") {
    memory_users users;
    const auto first = session_id::generate(), second = session_id::generate();
    users.set_owner(first, {.user = "ana", .since = user_time(1ms)});
    users.set_owner(second, {.user = "ana", .since = user_time(2ms)});
    CHECK(users.sessions_of("ana") == std::vector{first, second});
    CHECK(users.owner_of(second).since == user_time(2ms));
    users.set_owner(first, {.user = "jeremy", .since = user_time(3ms)});
    CHECK(users.sessions_of("ana") == std::vector{second});
    CHECK(users.sessions_of("jeremy") == std::vector{first});
    users.set_owner(first, {});
    CHECK(users.sessions_of("jeremy").empty());
    CHECK(users.owner_of(first).empty());
    users.forget(second);
    users.forget(second);
    CHECK(users.sessions_of("ana").empty());
    CHECK(users.size_in_bytes() == 0);
}

TEST_CASE("what is nobody's can have a device and a younger id, and is in no list") {
    memory_users users;
    const auto id = session_id::generate();
    users.set_owner(id, {.device = "Firefox", .id_since = std::chrono::sys_seconds(1s)});
    CHECK(users.owner_of(id).device == "Firefox");
    CHECK(users.sessions_of("").empty());
    CHECK(users.size_in_bytes() > 0);
}

TEST_CASE("a mark is raised and never lowered, and goes when it expires") {
    memory_users users;
    const time_point now(1000s);
    CHECK(users.mark_of("ana") == no_mark);
    CHECK(users.raise({"ana", user_time(5ms), now + 10s}, now));
    CHECK_FALSE(users.raise({"ana", user_time(5ms), now + 10s}, now));
    CHECK_FALSE(users.raise({"ana", user_time(4ms), now + 10s}, now));
    CHECK(users.raise({"ana", user_time(6ms), now + 20s}, now));
    CHECK(users.mark_of("ana") == user_time(6ms));
    CHECK(users.mark_of("jeremy") == no_mark);
    CHECK(users.raise({"jeremy", user_time(1ms), now + 60s}, now + 20s));
    CHECK(users.marks() == 1);
    CHECK(users.mark_of("ana") == no_mark);
}
