#include <dynasession/backend/user_requests.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace dynasession;
using namespace dynasession::backend_detail;
using namespace std::chrono_literals;
using value = dynamodb::attribute_value;
using names = dynamodb::expression_names;

namespace {

const dynamodb_requests requests("sessions", {.key_prefix = "app:"}, false, "users");
const auto handle = *session_handle::parse("DwBzhbb51LfusnSGBa_hqYSgo7-j8BTQ");

} // namespace

TEST_CASE("the keys of a user's sessions come from the index, the last bound first") {
    const auto r = query_sessions(requests, "ana", {{"id", value::string("x")}});
    CHECK(r.index_name == "users");
    CHECK(r.key_condition_expression == "#0=:0");
    CHECK(r.expression_attribute_names == names{{"#0", "o"}});
    CHECK(r.expression_attribute_values == dynamodb::item{{":0", value::string("ana")}});
    CHECK_FALSE(r.scan_index_forward);
    CHECK(r.limit == 100);
    CHECK(r.exclusive_start_key.contains("id"));
}

TEST_CASE("what a list tells is read as it is now, and no data is") {
    const auto r = read_summaries(requests, {{{"id", value::string("x")}}});
    REQUIRE(r.request_items.size() == 1);
    CHECK(r.request_items.front().consistent_read);
    for (const auto& [placeholder, name] : r.request_items.front().expression_attribute_names) CHECK(name != "d");
}

TEST_CASE("a session and a mark are read together, as consistently as the options say") {
    const auto id = session_id::generate();
    auto r = read_with_mark(requests, {.id = id, .mark_of = "ana"});
    REQUIRE(r.request_items.front().keys.size() == 2);
    CHECK(r.request_items.front().keys[0] == requests.layout().key(id));
    CHECK(r.request_items.front().keys[1] == requests.layout().mark_key("ana"));
    CHECK_FALSE(r.request_items.front().consistent_read);
    CHECK(read_mark(requests, {"ana"}).consistent_read);
}

TEST_CASE("the key of a mark is that of no session") {
    const auto key = *requests.layout().mark_key("ana").find("id")->as_string();
    CHECK(key.starts_with("app:mark:"));
    CHECK(key.find("ana") == std::string::npos);
    CHECK_FALSE(requests.layout().handle_of(key).has_value());
    CHECK(key != *requests.layout().mark_key("jeremy").find("id")->as_string());
}

TEST_CASE("a session is erased by its handle from its owner alone") {
    auto r = erase_owned_item(requests, {"ana", handle});
    CHECK(r.key == dynamodb::item{{"id", value::string("app:DwBzhbb51LfusnSGBa_hqYSgo7-j8BTQ")}});
    CHECK(r.condition_expression == "#0=:0");
    r = erase_owned_item(requests, {"ana", handle, user_time(7ms)});
    CHECK(r.condition_expression == "#0=:0 AND #1<=:1");
    CHECK(r.expression_attribute_names == names{{"#0", "o"}, {"#1", "s"}});
    CHECK(r.expression_attribute_values == dynamodb::item{{":0", value::string("ana")}, {":1", value::number(7)}});
}

TEST_CASE("a mark is only raised, and expires") {
    const auto r = raise_mark_item(requests, {"ana", user_time(7ms), time_point(9s)});
    CHECK(r.key == requests.layout().mark_key("ana"));
    CHECK(r.update_expression == "SET #0=:0,#1=:1");
    CHECK(r.condition_expression == "attribute_not_exists(#0) OR #0<:0");
    CHECK(r.expression_attribute_names == names{{"#0", "m"}, {"#1", "expires"}});
    CHECK(r.expression_attribute_values == dynamodb::item{{":0", value::number(7)}, {":1", value::number(9)}});
}
