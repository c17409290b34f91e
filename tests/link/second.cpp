#include <dynasession.hpp>

// A program may meet a header of the tree after the single one.
#include <dynasession/core/error.hpp>

void count_visit(dynasession::memory_session_store& store, const dynasession::session_id& id) {
    store.update(id, [](dynasession::session& s) { s.set("visits", s.get<int>("visits").value_or(0) + 1); });
}

const void* category_seen_by_second() { return &dynasession::error_category(); }
