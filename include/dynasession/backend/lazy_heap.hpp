#ifndef DYNASESSION_BACKEND_LAZY_HEAP_HPP
#define DYNASESSION_BACKEND_LAZY_HEAP_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace dynasession::inline v0::backend_detail {

/// A heap of entries by a key that may grow without the heap being told: an entry sits under the key it had
/// when it was last placed, which is never above its present one, and is placed anew when it reaches the top.
///
/// So using or touching an entry costs nothing here. `Position` is where an entry remembers its place.
template <class Entry, std::uint32_t Entry::*Position>
class lazy_heap {
    struct node {
        std::int64_t key;
        Entry* entry;
    };

public:
    /// Has the next push not throw.
    void prepare_push() {
        nodes_.emplace_back();
        nodes_.pop_back();
    }

    void push(Entry* e, std::int64_t key) {
        nodes_.push_back({key, e});
        e->*Position = static_cast<std::uint32_t>(nodes_.size() - 1);
        up(nodes_.size() - 1);
    }

    void remove(const Entry* e) noexcept {
        const std::size_t hole = e->*Position;
        const node last = nodes_.back();
        nodes_.pop_back();
        if (hole == nodes_.size()) return;
        put(hole, last);
        down(hole);
        up(hole);
    }

    /// Has an entry sit under its present key, which is not below the one it had.
    void place(Entry* e, std::int64_t key) noexcept {
        nodes_[e->*Position].key = key;
        down(e->*Position);
    }

    /// An entry moved in memory.
    void moved(Entry* to) noexcept { nodes_[to->*Position].entry = to; }

    /// The entry with the least present key, if it is at most `limit`; at most `effort` entries are placed anew.
    ///
    /// When that does not suffice, the one that came to the top is given instead if `approximately`.
    template <class Key>
    Entry* least(Key key_of, std::int64_t limit, int effort, bool approximately) noexcept {
        while (!nodes_.empty() && nodes_.front().key <= limit) {
            Entry* const top = nodes_.front().entry;
            const std::int64_t present = key_of(*top);
            if (present == nodes_.front().key || (approximately && effort == 0)) return top;
            if (effort-- == 0) return nullptr;
            nodes_.front().key = present;
            down(0);
        }
        return nullptr;
    }

private:
    void put(std::size_t i, const node& n) noexcept {
        nodes_[i] = n;
        n.entry->*Position = static_cast<std::uint32_t>(i);
    }

    void up(std::size_t i) noexcept {
        const node n = nodes_[i];
        for (; i != 0 && n.key < nodes_[(i - 1) / 2].key; i = (i - 1) / 2) put(i, nodes_[(i - 1) / 2]);
        put(i, n);
    }

    void down(std::size_t i) noexcept {
        const node n = nodes_[i];
        for (std::size_t child; (child = 2 * i + 1) < nodes_.size(); i = child) {
            if (child + 1 < nodes_.size() && nodes_[child + 1].key < nodes_[child].key) ++child;
            if (nodes_[child].key >= n.key) break;
            put(i, nodes_[child]);
        }
        put(i, n);
    }

    std::vector<node> nodes_;
};

} // namespace dynasession::inline v0::backend_detail

#endif
