#include "bench.hpp"

#include <chrono>
#include <stdexcept>
#include <utility>

namespace faults {

using namespace std::chrono_literals;
using contract::call_style;
using contract::mode;

namespace {

template <class T>
T must(ds::result<T> r, const char* what) {
    if (!r) throw std::runtime_error(std::string(what) + ": " + r.error().code.message());
    if constexpr (!std::is_void_v<T>) return *std::move(r);
}

ds::session new_session(contract::caller& store, int n) {
    auto s = store.create();
    s.set("user", "jeremy");
    s.set("n", n);
    return s;
}

bool has(const std::optional<ds::session>& s, int n) {
    return s && s->get<std::string>("user") == "jeremy" && s->get<int>("n") == n;
}

bool is_locked(bench& b) {
    const auto item = b.db.item(b.id);
    return item && item->contains("lock");
}

void nothing(bench&) {}

void load(bench& b) {
    b.session = must(b.store->load(b.id), "load").value();
    b.session.set("n", 2);
}

// The expiry is worth a write then.
void load_and_wait(bench& b) {
    b.session = must(b.store->load(b.id), "load").value();
    b.world->advance(20min);
}

void load_and_bind(bench& b) {
    load(b);
    b.session.user("ana");
}

void store_bound(bench& b) {
    load_and_bind(b);
    must(b.store->save(b.session), "save");
}

// As a log-out from a list does it.
ds::result<void> end_it(bench& b) {
    const auto ended = b.store->destroy_one_of("ana", ds::session_handle::of(b.id));
    if (!ended) return ended.error();
    return *ended ? ds::result<void>() : ds::error::session_gone;
}

ds::result<void> load_it(bench& b) {
    auto found = b.store->load(b.id);
    if (!found) return found.error();
    b.found = *std::move(found);
    return {};
}

ds::result<void> save_it(bench& b) { return b.store->save(b.session); }

bool is_read(bench& b) { return has(b.found, 1) && !is_locked(b) && b.can_be_saved(*b.found); }

bool is_saved(bench& b) {
    return has(b.stored(b.session.id()), 2) && !is_locked(b) && b.can_be_saved(b.session);
}

bool is_as_before(bench& b) { return has(b.stored(b.id), 1) && b.can_be_saved(b.session); }

} // namespace

bench::bench(policy lock, call_style style, patience p, abilities can)
    : db(can), world(make_world(db, p, {.lock = lock})), store(world->call(style, 0)),
      other(world->call(call_style::error_code, 1)), session(new_session(*other, 1)) {
    must(other->save(session), "save");
    // The store knows its credentials and has a connection.
    must(store->load(id, mode::read_only), "load");
    db.meanwhile = [this] { must(other->load(id, mode::read_only), "load"); };
}

std::optional<ds::session> bench::stored(const ds::session_id& i) { return must(other->load(i, mode::read_only), "load"); }

bool bench::can_be_saved(ds::session& s) {
    s.set("n", 3);
    return store->save(s).has_value() && has(stored(s.id()), 3);
}

const std::vector<operation>& all_operations() {
    static const std::vector<operation> all{
        {"read", policy::none, nothing, load_it, is_read, 0, 0},
        {"lock", policy::pessimistic, nothing, load_it,
         [](bench& b) { return has(b.found, 1) && is_locked(b) && b.can_be_saved(*b.found) && !is_locked(b); }, 1, 1, true},
        {"save", policy::none, load, save_it, is_saved, 1, 1, false, true},
        {"delete", policy::none, nothing, [](bench& b) { return b.store->destroy(b.id); },
         [](bench& b) { return !b.stored(b.id) && b.db.items() == 0; }, 1, 1, true},
        {"create", policy::none, [](bench& b) { b.session = new_session(*b.store, 2); }, save_it, is_saved},
        {"save, optimistic", policy::optimistic, load, save_it, is_saved, 1, 1, false, true},
        {"save, locked", policy::pessimistic, load, save_it, is_saved, 1, 1, false, true},
        {"bind", policy::none, load_and_bind, save_it,
         [](bench& b) {
             const auto found = b.stored(b.id);
             return found && found->user() == "ana" && found->user_since() == b.session.user_since() && is_saved(b);
         }, 1, 1, false, true},
        {"end one", policy::none, store_bound, end_it, [](bench& b) { return !b.stored(b.id) && b.db.items() == 0; }},
        {"touch", policy::none, load_and_wait, [](bench& b) { return b.store->touch(b.session); }, is_as_before},
        {"renew", policy::pessimistic, load_and_wait, [](bench& b) { return b.store->renew(b.session); },
         [](bench& b) { return is_locked(b) && is_as_before(b) && !is_locked(b); }, 1, 1, true},
        {"release", policy::pessimistic, load_and_wait, [](bench& b) { return b.store->release(b.session); },
         [](bench& b) { return !is_locked(b) && is_as_before(b); }, 1, 1, false, true},
        {"regenerate", policy::none, load, [](bench& b) { return b.store->regenerate(b.session); },
         [](bench& b) { return b.session.id() != b.id && !b.stored(b.id) && is_saved(b) && b.db.items() == 1; }, 1, 3,
         false, true},
    };
    return all;
}

} // namespace faults
