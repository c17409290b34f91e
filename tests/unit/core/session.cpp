#include <dynasession/core/session.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ds = dynasession;
using namespace std::chrono_literals;

namespace {

struct profile {
    int visits = 0;
    std::string name;
};

constexpr auto noon = ds::time_point(std::chrono::sys_days{std::chrono::year{2026} / 3 / 14} + 12h);

const ds::record stored{{.created = noon, .deadline = noon + 12h, .expires = noon + 1h, .max_stale = 1h, .version = 5},
                        {}};

struct hold final : ds::lock_hold {
    bool held() const override { return has_it; }
    bool has_it = true;
};

template <class S>
concept has_keys = requires(S s) {
    s["k"];
    s.set("k", 1);
    s.contains("k");
    s.remove("k");
    s.clear();
};

} // namespace

TEST_CASE("a session made of nothing has no id and is new") {
    const ds::session s;
    CHECK(s.id().empty());
    CHECK(s.is_new());
    CHECK(s.version() == 0);
    CHECK(s.value().empty());
    CHECK_FALSE(s.is_read_only());
    CHECK_FALSE(s.is_locked());
}

TEST_CASE("what is set in a session is got with its type") {
    ds::session s;
    s.set("text", "jeremy");
    s.set("number", 42);
    s.set("list", std::vector<int>{1, 2});
    s.set("map", std::map<std::string, int>{{"a", 1}});
    s.set("flag", true);
    CHECK(s.get<std::string>("text") == "jeremy");
    CHECK(s.get<int>("number") == 42);
    CHECK(s.get<std::vector<int>>("list") == std::vector<int>{1, 2});
    CHECK(s.get<std::map<std::string, int>>("map") == std::map<std::string, int>{{"a", 1}});
    CHECK(s.get<bool>("flag") == true);
    s.set("text", 1.5);
    CHECK(s.get<double>("text") == 1.5);
}

TEST_CASE("getting what is not there, or is of another type, gives nothing") {
    ds::session s;
    s.set("text", "jeremy");
    s.set("large", std::int64_t(1) << 40);
    s.set("negative", -1);
    s.set("null", nullptr);
    CHECK_FALSE(s.get<std::string>("nobody"));
    CHECK_FALSE(s.get<int>("text"));
    CHECK_FALSE(s.get<std::vector<int>>("text"));
    CHECK_FALSE(s.get<std::int32_t>("large"));
    CHECK_FALSE(s.get<unsigned>("negative"));
    CHECK_FALSE(s.get<std::string>("null"));
    CHECK_FALSE(s.contains("nobody"));
}

TEST_CASE("the brackets reach the JSON value, made null where there is none") {
    ds::session s;
    s["cart"] = {1, 2};
    s["cart"].as_array().emplace_back(3);
    CHECK(s.get<std::vector<int>>("cart") == std::vector<int>{1, 2, 3});
    CHECK(s["new"].is_null());
    CHECK(s.contains("new"));
}

TEST_CASE("removing says whether there was something to remove") {
    ds::session s;
    s.set("a", 1);
    s.set("b", 2);
    CHECK(s.remove("a"));
    CHECK_FALSE(s.remove("a"));
    CHECK_FALSE(s.contains("a"));
    CHECK(s.contains("b"));
    s.clear();
    CHECK(s.value().empty());
}

TEST_CASE("a copy of a session is independent of the original") {
    ds::session s;
    s.set("n", 1);
    auto copy = s;
    copy.set("n", 2);
    CHECK(s.get<int>("n") == 1);
}

TEST_CASE("a typed session gives its value and has no keys") {
    ds::basic_session<profile> s;
    s->visits = 3;
    (*s).name = "jeremy";
    s.value().visits += 1;
    const auto& read = s;
    CHECK(read->visits == 4);
    CHECK((*read).name == "jeremy");
    CHECK(read.value().name == "jeremy");
    static_assert(has_keys<ds::session>);
    static_assert(!has_keys<ds::basic_session<profile>>);
}

TEST_CASE("a session shows the times and the version of what is stored") {
    const auto id = ds::session_id::generate();
    auto s = ds::session_access::make(id, boost::json::object{{"n", 1}}, {.stored = stored}, false);
    CHECK(s.id() == id);
    CHECK_FALSE(s.is_new());
    CHECK(s.created() == noon);
    CHECK(s.deadline() == noon + 12h);
    CHECK(s.expires() == noon + 1h);
    CHECK(s.version() == 5);
    CHECK_FALSE(s.is_read_only());
    CHECK_FALSE(s.is_locked());
    CHECK(ds::session_access::stored(s) == stored);

    auto next = stored;
    next.version = 6;
    const auto other = ds::session_id::generate();
    ds::session_access::stored(s, other, {.stored = next}, false);
    CHECK(s.id() == other);
    CHECK(s.version() == 6);
    CHECK(s.get<int>("n") == 1);
}

TEST_CASE("a session that was loaded to be read only stays so") {
    auto s = ds::session_access::make(ds::session_id::generate(), boost::json::object{},
                                      {.stored = stored, .read_only = true}, false);
    CHECK(s.is_read_only());
    const auto copy = s;
    CHECK(copy.is_read_only());
    s = ds::session();
    CHECK_FALSE(s.is_read_only());
}

TEST_CASE("a session is locked as long as its hold says so") {
    const auto lock = std::make_shared<hold>();
    auto s = ds::session_access::make(ds::session_id::generate(), boost::json::object{}, {stored, lock}, false);
    CHECK(s.is_locked());
    CHECK(ds::session_access::hold(s) == lock);
    lock->has_it = false;
    CHECK_FALSE(s.is_locked());
    lock->has_it = true;
    ds::session_access::stored(s, s.id(), {.stored = stored}, false); // a save gives it up
    CHECK_FALSE(s.is_locked());
    ds::session_access::stored(s, s.id(), {.stored = stored, .hold = lock}, false); // a renewal keeps it
    CHECK(s.is_locked());
}

TEST_CASE("copies of a session share its lock, which goes with the last of them") {
    auto lock = std::make_shared<hold>();
    const std::weak_ptr<hold> watched = lock;
    auto s =
        ds::session_access::make(ds::session_id::generate(), boost::json::object{}, {stored, std::move(lock)}, false);
    auto copy = s;
    watched.lock()->has_it = false; // the other one was saved
    CHECK_FALSE(s.is_locked());
    CHECK_FALSE(copy.is_locked());
    s = ds::session();
    CHECK_FALSE(watched.expired());
    auto moved = std::move(copy);
    CHECK_FALSE(watched.expired());
    copy = {};
    CHECK_FALSE(watched.expired());
    moved = {};
    CHECK(watched.expired());
}

TEST_CASE("whose a session is to be is seen at once, and stays what is stored until it is saved") {
    auto found = ds::loaded{.stored = stored};
    found.stored.owner = {.user = "ana", .since = noon + 3ms, .device = "Firefox"};
    auto s = ds::session_access::make(ds::session_id::generate(), boost::json::object{}, found, false);
    CHECK(s.user() == "ana");
    CHECK(s.user_since() == noon + 3ms);
    CHECK(s.device() == "Firefox");
    s.user("ana");
    s.device("Firefox");
    CHECK(ds::session_access::amended(s).empty());
    s.user("jeremy");
    s.device("Chrome");
    CHECK(s.user() == "jeremy");
    CHECK(s.user_since() == noon + 3ms);
    CHECK(s.device() == "Chrome");
    CHECK(ds::session_access::amended(s) == ds::amendments{.user = "jeremy", .device = "Chrome"});
    CHECK(ds::session_access::stored(s).owner == found.stored.owner);
    s.user("ana");
    CHECK_FALSE(ds::session_access::amended(s).user);
    s.user("");
    CHECK(s.user().empty());
    CHECK(ds::session_access::amended(s).user == "");
}

TEST_CASE("of the text for a device as much is kept as is UTF-8 and fits") {
    ds::session s;
    s.device(std::string(300, 'x'));
    CHECK(s.device() == std::string(256, 'x'));
    s.device(std::string(255, 'x') + "\u00e9");
    CHECK(s.device() == std::string(255, 'x'));
    s.device("Fire\xff" "fox");
    CHECK(s.device() == "Fire");
    s.device("\u4e16");
    CHECK(s.device() == "\u4e16");
}

TEST_CASE("a session has its id since it was created, or since it got another one") {
    auto found = ds::loaded{.stored = stored};
    CHECK(ds::session_access::make(ds::session_id::generate(), boost::json::object{}, found, false).id_since() == noon);
    found.stored.owner.id_since = noon + 1h;
    CHECK(ds::session_access::make(ds::session_id::generate(), boost::json::object{}, found, false).id_since() == noon + 1h);
}

TEST_CASE("of a lifetime each time can be given for itself") {
    ds::session s;
    s.lifetime({.max_age = 2h});
    s.lifetime({.max_stale = 1h});
    CHECK(ds::session_access::amended(s).lifetime == ds::session_lifetime{2h, 1h});
    s.lifetime({.max_age = 3h});
    CHECK(ds::session_access::amended(s).lifetime == ds::session_lifetime{3h, 1h});
}
