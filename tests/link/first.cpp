// With second.cpp: two translation units that include everything, and use the same templates, make one program.

#include <dynasession.hpp>

#include <string>

void count_visit(dynasession::memory_session_store& store, const dynasession::session_id& id);
const void* category_seen_by_second();

int main() {
    dynasession::memory_session_store store;
    auto session = store.create();
    session.set("visits", 1);
    store.save(session);
    count_visit(store, session.id());

    const auto found = store.load(session.id());
    const bool same_store = found && found->get<int>("visits") == 2;
    const bool same_category = category_seen_by_second() == &dynasession::error_category();
    return same_store && same_category ? 0 : 1;
}
