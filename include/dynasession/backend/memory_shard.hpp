#ifndef DYNASESSION_BACKEND_MEMORY_SHARD_HPP
#define DYNASESSION_BACKEND_MEMORY_SHARD_HPP

#include <dynasession/backend/lazy_heap.hpp>
#include <dynasession/core/record.hpp>
#include <dynasession/core/session_id.hpp>

#include <boost/unordered/unordered_flat_set.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <string_view>

namespace dynasession::inline v0::backend_detail {

/// A part of the in-memory table: records in one block of memory each, found by id, by expiry and by last use.
///
/// Expired entries are reclaimed a few at a time by the writes that pass by, and before anything else is given
/// up when a bound is reached. Not thread safe: hold `mutex`.
class memory_shard {
public:
    /// A record, followed in memory by the bytes of its fields.
    struct entry {
        session_id id;
        std::uint32_t by_expiry;
        std::uint32_t by_use;
        std::uint32_t size;
        std::int64_t used;
        stamp times;

        std::string_view bytes() const noexcept { return {reinterpret_cast<const char*>(this + 1), size}; }
        dynasession::record record() const { return {times, fields::from_bytes(bytes())}; }
    };

    std::mutex mutex;

    void set_bounds(std::size_t max_entries, std::size_t max_bytes) noexcept {
        max_entries_ = max_entries;
        max_bytes_ = max_bytes;
    }

    memory_shard() = default;
    memory_shard(const memory_shard&) = delete;
    memory_shard& operator=(const memory_shard&) = delete;
    ~memory_shard() {
        for (entry* e : entries_) release(e);
    }

    /// The entry of an id, which counts as used now; null if there is none.
    entry* find(const session_id& id) noexcept {
        const auto at = entries_.find(id);
        if (at == entries_.end()) return nullptr;
        (*at)->used = ++clock_;
        return *at;
    }

    /// Adds a record under an id that has none; false if the bounds leave no room.
    bool insert(const session_id& id, const record& content, time_point now) {
        if (!make_room(footprint(content.data.bytes().size()), 1, now, nullptr)) return false;
        const std::string_view data = content.data.bytes();
        owned e(allocate(data.size()));
        *e = {id, 0, 0, static_cast<std::uint32_t>(data.size()), ++clock_, content};
        std::memcpy(e.get() + 1, data.data(), data.size());
        entries_.insert(e.get());
        bytes_ += footprint(data.size());
        expiry_.push(e.get(), seconds(e->times.expires));
        use_.push(e.get(), e->used);
        e.release();
        return true;
    }

    /// Gives an entry other data, perhaps at another place; null if the bounds leave no room.
    entry* replace(entry* e, std::string_view data, time_point now) {
        if (data.size() > e->size && !make_room(data.size() - e->size, 0, now, e)) return nullptr;
        bytes_ = bytes_ - footprint(e->size) + footprint(data.size());
        entry* const fresh = allocate(data.size());
        *fresh = *e;
        fresh->size = static_cast<std::uint32_t>(data.size());
        std::memcpy(fresh + 1, data.data(), data.size());
        entries_.erase(e);
        entries_.insert(fresh);
        expiry_.moved(fresh);
        use_.moved(fresh);
        release(e);
        return fresh;
    }

    void erase(entry* e) noexcept {
        expiry_.remove(e);
        use_.remove(e);
        entries_.erase(e);
        bytes_ -= footprint(e->size);
        release(e);
    }

    /// Frees at most `most` entries that have expired.
    void reclaim(time_point now, int most = 2) noexcept {
        for (; most != 0; --most) {
            entry* const e = expired(now);
            if (!e) return;
            erase(e);
        }
    }

    std::size_t size() const noexcept { return entries_.size(); }
    std::size_t size_in_bytes() const noexcept { return bytes_; }

private:
    struct hash {
        using is_transparent = void;
        std::size_t operator()(const session_id& id) const noexcept { return std::hash<session_id>{}(id); }
        std::size_t operator()(const entry* e) const noexcept { return (*this)(e->id); }
    };
    struct equal {
        using is_transparent = void;
        bool operator()(const entry* a, const entry* b) const noexcept { return a->id == b->id; }
        bool operator()(const session_id& a, const entry* b) const noexcept { return a == b->id; }
    };
    struct release_entry {
        void operator()(entry* e) const noexcept { release(e); }
    };
    using owned = std::unique_ptr<entry, release_entry>;

    static entry* allocate(std::size_t data_size) { return new (::operator new(sizeof(entry) + data_size)) entry; }
    static void release(entry* e) noexcept { ::operator delete(e); }

    // What an entry costs in all: its block, the allocator's word, a slot of the set and a node of either heap.
    static constexpr std::size_t footprint(std::size_t data_size) noexcept { return sizeof(entry) + data_size + 8 + 10 + 32; }

    static std::int64_t seconds(time_point t) noexcept { return t.time_since_epoch().count(); }

    entry* expired(time_point now) noexcept {
        return expiry_.least([](const entry& e) { return seconds(e.times.expires); }, seconds(now), 8, false);
    }

    entry* least_recently_used() noexcept {
        return use_.least([](const entry& e) { return e.used; }, std::numeric_limits<std::int64_t>::max(), 64, true);
    }

    bool make_room(std::size_t more_bytes, std::size_t more_entries, time_point now, const entry* spared) {
        if (more_bytes > max_bytes_) return false;
        reclaim(now);
        while (entries_.size() + more_entries > max_entries_ || bytes_ + more_bytes > max_bytes_) {
            entry* victim = expired(now);
            if (!victim || victim == spared) victim = least_recently_used();
            if (!victim || victim == spared) return false;
            erase(victim);
        }
        return true;
    }

    boost::unordered_flat_set<entry*, hash, equal> entries_;
    lazy_heap<entry, &entry::by_expiry> expiry_;
    lazy_heap<entry, &entry::by_use> use_;
    std::int64_t clock_ = 0; // counts uses
    std::size_t bytes_ = 0;
    std::size_t max_entries_ = std::numeric_limits<std::size_t>::max();
    std::size_t max_bytes_ = std::numeric_limits<std::size_t>::max();
};

} // namespace dynasession::inline v0::backend_detail

#endif
