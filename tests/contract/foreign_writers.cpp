#include "dynamodb_world.hpp"
#include "each_style.hpp"
#include "tables.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// A table that the PHP handler shares: it writes all of a session without any condition, and removes whatever lock is there.

using namespace contract;
using namespace std::chrono_literals;
using attribute = db::attribute_value;

namespace {

/// On a clock that only the test moves. Real deletions go by the real clock, so that is where it starts.
struct manual_clock {
    std::atomic<std::int64_t> ms{0};
    const ds::op::instant start = ds::op::instant::now();

    ds::op::instant now() const {
        const std::chrono::milliseconds passed(ms);
        return {start.system + passed, start.steady + passed};
    }
};

/// Stores of all policies over one table, each as in a process of its own.
struct shared_table : table {
    shared_table() : table("php") {}

    std::unique_ptr<world> process(settings::policy p, ds::pessimistic_lock_options locks) const {
        locks.foreign_writers = true;
        const auto make = [this](auto) {
            auto o = options_with(name());
            o.clock = [c = clock] { return c->now(); };
            return o;
        };
        return make_dynamodb_world(make, 1, {.lock = p, .locks = locks});
    }

    /// Whether a save of what others changed too waits, fails or wins.
    struct policy {
        std::string name;
        std::unique_ptr<caller> store;
        bool locks = false;
        bool last_writer_wins = false;
    };

    std::array<policy, 4> all(call_style style) {
        return {{{"locks at load", locking->call(style), true},
                 {"locks at save", at_save->call(style)},
                 {"optimistic", optimistic->call(style)},
                 {"last writer wins", unlocked->call(style), false, true}}};
    }

    const std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
    using kind = settings::policy;
    const std::unique_ptr<world> locking =
        process(kind::pessimistic, {.max_wait_time = 0ms, .foreign_lock_time = 60s});
    const std::unique_ptr<world> at_save =
        process(kind::pessimistic, {.max_wait_time = 0ms, .foreign_lock_time = 60s, .lock_on_load = false});
    const std::unique_ptr<world> optimistic = process(kind::optimistic, {});
    const std::unique_ptr<world> unlocked = process(kind::none, {});
};

/// What the PHP handler sends for one session, as recorded in the fixture php_requests.json; but to the data attribute that
/// is there.
class php {
public:
    php(shared_table& t, const ds::session_id& id) : table_(&t), key_(t.store.backend().layout().key(id)) {}

    db::item read() {
        return *table_->client().execute(db::get_item_request{.table_name = table_->name(), .key = key_, .consistent_read = true}).item;
    }

    std::int64_t expires() { return *read().find("expires")->as_integer(); }

    /// The text under a key of the session; empty: none.
    std::string text(std::string_view key) {
        const auto i = read();
        const auto* found = i.find("d")->as_map()->find(key);
        return found ? *found->as_string() : "";
    }

    void write(db::item data, std::int64_t expires) {
        auto r = update("SET #d = :d, #e = :e REMOVE #l");
        r.expression_attribute_names = {{"#d", "d"}, {"#e", "expires"}, {"#l", "lock"}};
        r.expression_attribute_values = {{":d", attribute::map(std::move(data))}, {":e", attribute::number(expires)}};
        table_->client().execute(r);
    }

    /// Of a session that did not change.
    void write_expiry(std::int64_t expires) {
        auto r = update("SET #e = :e REMOVE #l");
        r.expression_attribute_names = {{"#e", "expires"}, {"#l", "lock"}};
        r.expression_attribute_values = {{":e", attribute::number(expires)}};
        table_->client().execute(r);
    }

    /// Takes the lock, if there is none.
    bool lock() {
        auto r = update("SET #l = :one");
        r.condition_expression = "attribute_not_exists(#l)";
        r.expression_attribute_names = {{"#l", "lock"}};
        r.expression_attribute_values = {{":one", attribute::number(1)}};
        ds::error_code ec;
        table_->client().execute(r, ec);
        CHECK((!ec || ec == ds::error::condition_failed));
        return !ec;
    }

private:
    db::update_item_request update(const char* expression) const {
        return {.table_name = table_->name(), .key = key_, .update_expression = expression};
    }

    shared_table* table_;
    db::item key_;
};

db::item written_by_php() { return {{"user", attribute::string("\"php\"")}, {"php", attribute::string("1")}}; }

/// Runs a case for each policy in each call style.
template <class Case>
void for_each_policy(Case run) {
    shared_table t;
    for (const auto style : all_styles)
        for (auto& p : t.all(style)) {
            INFO("call style: " << std::string(to_text(style)) << ", policy: " << p.name);
            run(t, p);
        }
}

/// The same for a session that PHP writes to after it was loaded: with another expiry, or within the second of what was read.
template <class Case>
void for_each_overtaken(Case run) {
    for_each_policy([&](shared_table& t, shared_table::policy& p) {
        for (const auto moved : {0, 60, -60}) {
            CAPTURE(moved);
            auto s = must_load(*p.store, stored_session(*p.store).id());
            php there(t, s.id());
            there.write(written_by_php(), there.expires() + moved);
            run(p, s, there);
        }
    });
}

bool is_as_php_wrote_it(php& there) { return *there.read().find("d") == attribute::map(written_by_php()); }

} // namespace

TEST_CASE("dynamodb, shared with PHP: a save goes on top of what it wrote, or is refused when that broke a lock") {
    for_each_overtaken([](shared_table::policy& p, ds::session& s, php& there) {
        s.set("ours", 1);
        const auto done = p.store->save(s);
        if (p.locks) {
            CHECK(fails_with(done, ds::error::lock_lost));
            CHECK(is_as_php_wrote_it(there));
        } else {
            CHECK(done.has_value());
            CHECK(there.text("ours") == "1");
            CHECK(there.text("user") == "\"php\"");
            CHECK(there.text("cart").empty()); // it removed that
            CHECK(s.get<int>("php") == 1);
        }
    });
}

TEST_CASE("dynamodb, shared with PHP: a save of so much that the data goes as a whole takes along what it wrote") {
    for_each_overtaken([](shared_table::policy& p, ds::session& s, php& there) {
        for (int i = 0; i != 150; ++i) s.set("k" + std::to_string(i), i);
        CHECK(p.store->save(s).has_value() != p.locks);
        CHECK(there.text("php") == "1");
        CHECK(there.text("user") == "\"php\"");
        CHECK(there.text("k149") == (p.locks ? "" : "149"));
    });
}

TEST_CASE("dynamodb, shared with PHP: a save of a key that it wrote fails, unless the last writer wins") {
    for_each_overtaken([](shared_table::policy& p, ds::session& s, php& there) {
        s.set("user", "ours");
        const auto done = p.store->save(s);
        if (p.last_writer_wins) {
            CHECK(done.has_value());
            CHECK(there.text("user") == "\"ours\"");
            CHECK(there.text("php") == "1");
        } else {
            CHECK(fails_with(done, p.locks ? ds::error::lock_lost : ds::error::conflict));
            CHECK(is_as_php_wrote_it(there));
        }
    });
}

TEST_CASE("dynamodb, shared with PHP: a session takes along to its new id what it wrote, or keeps its id") {
    for_each_overtaken([](shared_table::policy& p, ds::session& s, php& there) {
        s.set("ours", 1);
        const auto done = p.store->regenerate(s);
        if (p.locks) {
            CHECK(fails_with(done, ds::error::lock_lost));
            CHECK(is_as_php_wrote_it(there));
        } else {
            CHECK(done.has_value());
            const auto moved = must_load(*p.store, s.id());
            CHECK(moved.get<int>("php") == 1);
            CHECK(moved.get<int>("ours") == 1);
        }
    });
}

TEST_CASE("dynamodb, shared with PHP: an update is made on top of what it wrote meanwhile") {
    for_each_policy([](shared_table& t, shared_table::policy& p) {
        const auto id = stored_session(*p.store).id();
        php there(t, id);
        int calls = 0;
        const auto done = p.store->update(id, [&](ds::session& s) {
            if (calls++ == 0) there.write({{"n", attribute::string("40")}}, there.expires());
            s.set("n", s.get<int>("n").value_or(0) + 2);
        });
        REQUIRE(done.has_value());
        CHECK(calls == 2);
        CHECK(there.text("n") == "42");
    });
}

TEST_CASE("dynamodb, shared with PHP: an expiry that it moved alone is no conflict, and our attributes outlast its writes") {
    for_each_policy([](shared_table& t, shared_table::policy& p) {
        auto s = stored_session(*p.store);
        s.set("n", 1);
        must_save(*p.store, s);
        auto mine = must_load(*p.store, s.id());
        php there(t, s.id());
        const auto before = there.read();
        REQUIRE(before.contains("w"));
        CHECK(before.contains("lock_until") == p.locks);
        there.write_expiry(there.expires() - 60);
        const auto after = there.read();
        CHECK_FALSE(after.contains("lock"));
        for (const auto* name : {"v", "w", "c", "i", "x", "d"}) CHECK(*after.find(name) == *before.find(name));
        CHECK(after.contains("lock_until") == p.locks);
        mine.set("n", 2);
        const auto done = p.store->save(mine);
        CHECK(done.has_value() != p.locks);
        CHECK(there.text("n") == (p.locks ? "1" : "2"));
    });
}

TEST_CASE("dynamodb, shared with PHP: each respects the lock of the other, and a stale owner saves nothing") {
    shared_table t;
    for (const auto style : all_styles) {
        CAPTURE(to_text(style));
        const auto store = t.locking->call(style);
        const auto id = stored_session(*store).id();
        php there(t, id);
        auto mine = must_load(*store, id);
        CHECK_FALSE(there.lock());
        mine.set("n", 1);
        must_save(*store, mine);
        REQUIRE(there.lock());
        CHECK(fails_with(store->load(id), ds::error::lock_timeout));
        CHECK(store->load(id, mode::read_only).has_value());
        there.write(written_by_php(), there.expires());
        mine = must_load(*store, id);

        // After its 10 s it writes, whoever has the lock; and then takes it for its next request.
        there.write({{"n", attribute::string("10")}}, there.expires() + 10);
        REQUIRE(there.lock());
        mine.set("n", 2);
        CHECK(fails_with(store->save(mine), ds::error::lock_lost));
        CHECK(fails_with(store->save(mine), ds::error::lock_lost));
        CHECK(there.text("n") == "10");
        CHECK(*there.read().find("lock") == attribute::number(1));
    }
}

TEST_CASE("dynamodb, shared with PHP: a lock that it abandoned is taken over when nothing happens under it for long") {
    shared_table t;
    for (auto& p : t.all(call_style::throwing)) {
        if (!p.locks) continue;
        const auto id = stored_session(*p.store).id();
        php there(t, id);
        const auto is_locked = [&] { return fails_with(p.store->load(id), ds::error::lock_timeout); };
        REQUIRE(there.lock());
        CHECK(is_locked());
        t.clock->ms += 59'999;
        CHECK(is_locked());
        there.write(written_by_php(), there.expires() + 1); // it lives
        REQUIRE(there.lock());
        t.clock->ms += 1;
        CHECK(is_locked());
        t.clock->ms += 60'000;
        auto mine = must_load(*p.store, id);
        CHECK(there.read().find("lock")->as_string()->size() == 16);
        mine.set("n", 3);
        must_save(*p.store, mine);
        CHECK_FALSE(there.read().contains("lock"));
        CHECK_FALSE(there.read().contains("lock_until"));
        CHECK(there.text("php") == "1");
        CHECK(there.text("n") == "3");
    }
}

TEST_CASE("dynamodb, shared with PHP: a save without a lock goes over one that it abandoned") {
    shared_table t;
    for (const auto style : all_styles) {
        const auto store = t.at_save->call(style);
        const auto id = stored_session(*store).id();
        php there(t, id);
        auto mine = must_load(*store, id);
        REQUIRE(there.lock());
        CHECK(fails_with(store->load(id, mode::exclusive), ds::error::lock_timeout)); // by which this process has seen it
        t.clock->ms += 60'000;
        mine.set("n", 1);
        must_save(*store, mine);
        CHECK(there.text("n") == "1");
        CHECK_FALSE(there.read().contains("lock"));
    }
}

TEST_CASE("dynamodb, shared with PHP: of its increments under its lock and ours of any policy none is lost") {
    static constexpr int rounds = 12;
    shared_table t;
    const auto waiting = t.process(settings::policy::pessimistic, {.max_wait_time = 60s});
    const auto first = t.optimistic->call(call_style::throwing);
    auto s = first->create();
    s.set("n", 0);
    must_save(*first, s);
    const auto id = s.id();
    std::atomic<int> failures{0};
    {
        std::vector<std::jthread> running;
        const auto ours = [&](std::unique_ptr<caller> store) {
            running.emplace_back([&, mine = std::move(store)] {
                for (int i = 0; i != rounds; ++i) {
                    const auto done = mine->update(id, [](ds::session& x) { x.set("n", x.get<int>("n").value_or(0) + 1); });
                    if (!done || !*done) ++failures;
                }
            });
        };
        ours(waiting->call(call_style::throwing));
        ours(t.at_save->call(call_style::coroutine));
        ours(t.optimistic->call(call_style::callback));
        for (int handler = 0; handler != 2; ++handler)
            running.emplace_back([&] {
                php there(t, id);
                for (int i = 0; i != rounds; ++i) {
                    int attempts = 0;
                    while (!there.lock())
                        if (++attempts == 100'000) {
                            ++failures;
                            return;
                        }
                    auto data = *there.read().find("d")->as_map();
                    const int n = std::stoi(*data.find("n")->as_string()) + 1;
                    data.insert_or_assign("n", attribute::string(std::to_string(n)));
                    there.write(std::move(data), there.expires());
                }
            });
    }
    CHECK(failures == 0);
    CHECK(php(t, id).text("n") == std::to_string(5 * rounds));
}
