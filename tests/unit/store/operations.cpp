#include <dynasession/store/operations.hpp>

#include <dynasession/serializer/json.hpp>

#include "support/stepping.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace ds = dynasession;
namespace store_detail = dynasession::store_detail;
using namespace dynasession::test;
using namespace std::chrono_literals;
using ds::session_id;

namespace {

const auto id = session_id::generate();
const store_detail::session_codec<ds::json_serializer> codec({}, 0.1);

// Writes the text of a session in words of two kinds, bound to the id: `<id>.<text>` and `<id>!<text>`.
struct wordy_serializer {
    using value_type = std::string;

    ds::result<ds::fields> serialize(const std::string& v, ds::serialize_context context) const {
        const auto old = context.stored.find("v");
        const auto other_words = std::string(context.id.str()) + "!" + v;
        if (old && old->text == other_words) return context.stored;
        return ds::fields({ds::field{"v", std::string(context.id.str()) + "." + v}});
    }
    ds::result<std::string> deserialize(const ds::fields& f, const session_id& of) const {
        const auto entry = f.find("v");
        if (!entry || !entry->text.starts_with(of.str())) return ds::error::corrupt_session;
        return std::string(entry->text.substr(of.str().size() + 1));
    }
};
const store_detail::session_codec<wordy_serializer> wordy({}, 0.1);

// What the create of a session with the text "t" asks for.
ds::save_request fresh_words() {
    return {.id = id,
            .stored = {{.created = noon, .max_stale = 30min}, {}},
            .changes = {ds::fields({ds::field{"v", std::string(id.str()) + ".t"}}), {}}};
}

// What a save of a session that is not stored yet asks for.
ds::save_request fresh() {
    return {.id = id,
            .stored = {{.created = noon, .max_stale = 30min}, {}},
            .changes = {ds::fields({ds::field{"n", "1"}}), {}}};
}

struct hold_archetype final : ds::lock_hold {
    bool held() const override { return true; }
};

// A lock policy's save: one command, and what the test has it result in.
struct save_once {
    using effect_type = ds::command;
    using reply_type = ds::result<ds::reply>;
    using value_type = ds::saved;

    ds::result<ds::saved> outcome;
    bool sent = false;

    ds::op::action<ds::command, ds::saved> resume(ds::result<ds::reply>, ds::op::instant) {
        if (!std::exchange(sent, true)) return ds::command(ds::change_record{.id = id});
        return std::move(outcome);
    }
};

} // namespace

TEST_CASE("a session is created under its id with its changes, as version 1") {
    store_detail::create create(fresh(), codec);
    const auto c = asked<ds::create_record>(create.resume({}, at(5min)));
    CHECK(c.id == id);
    CHECK(c.content.data == ds::fields({ds::field{"n", "1"}}));
    CHECK(c.content.version == 1);
    CHECK(c.content.expires == noon + 35min);
    CHECK_FALSE(c.content.lock.held());
    const auto written = finished(create.resume(applied(), at(6min))).value();
    CHECK(written.id == id);
    CHECK(written.stored == c.content);
    CHECK_FALSE(written.is_new);
    CHECK_FALSE(written.merged);
    CHECK_FALSE(written.hold);
}

TEST_CASE("a session whose id is taken gets another one, and gives up after three") {
    store_detail::create create(fresh(), codec);
    const auto first = asked<ds::create_record>(create.resume({}, at(0s)));
    const auto second = asked<ds::create_record>(create.resume(refused(stored_at_noon()), at(1min)));
    CHECK(second.id != first.id);
    CHECK(second.content.expires == noon + 31min);
    SUBCASE("free") { CHECK(finished(create.resume(applied(), at(0s))).value().id == second.id); }
    SUBCASE("taken, and the third is free") {
        const auto third = asked<ds::create_record>(create.resume(refused(), at(0s)));
        CHECK(third.id != first.id);
        CHECK(third.id != second.id);
        CHECK(finished(create.resume(applied(), at(0s))).value().id == third.id);
    }
    SUBCASE("taken, all three") {
        asked<ds::create_record>(create.resume(refused(), at(0s)));
        CHECK(fails_with(create.resume(refused(), at(0s)), ds::error::session_exists));
    }
    SUBCASE("not known: no other id is tried, or two sessions might be stored") {
        CHECK(fails_with(create.resume(ds::failure(ds::error::timeout), at(0s)), ds::error::timeout));
    }
}

TEST_CASE("a create that finds what it was to store was carried out by a call whose answer got lost") {
    store_detail::create create(fresh(), codec);
    auto found = asked<ds::create_record>(create.resume({}, at(0s))).content;
    found.expires = noon + 29min; // that call came earlier
    SUBCASE("and that is what the session follows") {
        const auto written = finished(create.resume(refused(found), at(1min))).value();
        CHECK(written.id == id);
        CHECK(written.stored == found);
    }
    SUBCASE("but not when it differs in anything") {
        SUBCASE("data") { found.data = ds::fields({ds::field{"n", "2"}}); }
        SUBCASE("creation") { found.created += 1s; }
        SUBCASE("version") { ++found.version; }
        CHECK(asked<ds::create_record>(create.resume(refused(found), at(1min))).id != id);
    }
}

TEST_CASE("entries that are bound to the id are bound to the other one that a session gets when its own is taken") {
    store_detail::create create(fresh_words(), wordy);
    CHECK(asked<ds::create_record>(create.resume({}, at(0s))).content.data.find("v")->text == std::string(id.str()) + ".t");
    const auto second = asked<ds::create_record>(create.resume(refused(stored_at_noon()), at(0s)));
    CHECK(second.id != id);
    CHECK(second.content.data.find("v")->text == std::string(second.id.str()) + ".t");
    CHECK(finished(create.resume(applied(), at(0s))).value().stored == second.content);
}

TEST_CASE("a session that an earlier call has stored in other words is known again, one with another value is not") {
    store_detail::create create(fresh_words(), wordy);
    auto found = asked<ds::create_record>(create.resume({}, at(0s))).content;
    SUBCASE("the same value") {
        found.data = ds::fields({ds::field{"v", std::string(id.str()) + "!t"}});
        const auto written = finished(create.resume(refused(found), at(0s))).value();
        CHECK(written.id == id);
        CHECK(written.stored == found);
    }
    SUBCASE("another value") {
        found.data = ds::fields({ds::field{"v", std::string(id.str()) + "!u"}});
        CHECK(asked<ds::create_record>(create.resume(refused(found), at(0s))).id != id);
    }
}

TEST_CASE("destroying asks once, and a failure passes through") {
    store_detail::destroy destroy(id);
    CHECK(asked<ds::erase_record>(destroy.resume({}, at(0s))).id == id);
    SUBCASE("done") { CHECK(finished(destroy.resume(applied(), at(0s))).has_value()); }
    SUBCASE("unavailable") {
        CHECK(fails_with(destroy.resume(ds::failure(ds::error::throttled), at(0s)), ds::error::throttled));
    }
}

TEST_CASE("a write of a lock policy carries the id that it is stored under, and what is left of the lock") {
    const auto to = session_id::generate();
    const auto hold = std::make_shared<hold_archetype>();
    const auto writing = [&](ds::result<ds::saved> outcome) {
        store_detail::write_as<save_once> write(to, save_once{std::move(outcome)});
        asked<ds::change_record>(write.resume({}, at(0s)));
        return finished(write.resume(applied(), at(0s)));
    };
    const auto w = writing(ds::saved{.stored = stored_at_noon(), .hold = hold}).value();
    CHECK(w.id == to);
    CHECK(w.stored == stored_at_noon());
    CHECK(w.hold == hold);
    CHECK_FALSE(w.is_new);
    CHECK_FALSE(w.merged);
    CHECK(writing(ds::saved{.stored = stored_at_noon(), .merged = true}).value().merged);
    CHECK(writing(ds::error::lock_lost).error() == ds::error::lock_lost);
}
