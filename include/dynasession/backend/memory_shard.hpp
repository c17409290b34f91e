#ifndef DYNASESSION_BACKEND_MEMORY_SHARD_HPP
#define DYNASESSION_BACKEND_MEMORY_SHARD_HPP

#include <dynasession/backend/lazy_heap.hpp>
#include <dynasession/backend/memory_users.hpp>
#include <dynasession/core/record.hpp>
#include <dynasession/core/session_id.hpp>

#include <boost/unordered/unordered_flat_set.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <string_view>
#include <unordered_map>

namespace dynasession::inline v0::backend_detail {

/// Eight characters of an id, from `first` on, as a number to find it by.
///
/// Only ids that `session_id::generate` made are stored, so these bits are random and need no hashing, whatever ids
/// are looked up.
inline std::uint64_t random_bits(const session_id& id, std::size_t first) noexcept {
    std::uint64_t bits;
    static_assert(session_id::length >= 16);
    std::memcpy(&bits, id.str().data() + first, sizeof bits);
    return bits;
}

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

        // There has to be room behind the entry.
        void assign(std::string_view data) noexcept {
            size = static_cast<std::uint32_t>(data.size());
            std::memcpy(static_cast<void*>(this + 1), data.data(), data.size());
        }
    };

    std::mutex mutex;

    /// At least one entry has to fit.
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

    /// The same without counting as a use.
    const entry* peek(const session_id& id) const noexcept {
        const auto at = entries_.find(id);
        return at == entries_.end() ? nullptr : *at;
    }

    /// Adds a record under an id that has none; false if the bounds are too narrow for it.
    bool insert(const session_id& id, const record& content, time_point now) {
        const std::string_view data = content.data.bytes();
        const std::size_t in_all = footprint(data.size()) + memory_users::bytes_of(content.owner);
        if (in_all > max_bytes_) return false;
        make_room(in_all, 1, now);
        owned e(allocate(data.size()));
        *e = {id, 0, 0, 0, ++clock_, content};
        e->assign(data);
        expiry_.prepare_push();
        use_.prepare_push();
        users_.set_owner(id, content.owner);
        entries_.insert(e.get());
        expiry_.push(e.get(), seconds(e->times.expires));
        use_.push(e.get(), e->used);
        bytes_ += footprint(data.size());
        e.release();
        return true;
    }

    /// Gives an entry that is live and was found just now other data, perhaps at another place; null if the bounds
    /// are too narrow for it.
    entry* replace(entry* e, std::string_view data, time_point now) {
        const std::size_t before = footprint(e->size), after = footprint(data.size());
        if (before != after) {
            if (after + memory_users::bytes_of(users_.owner_of(e->id)) > max_bytes_) return nullptr;
            use_.place(e, e->used); // below all others, which are given up before it
            if (after > before) make_room(after - before, 0, now);
            entry* const fresh = allocate(data.size());
            *fresh = *e;
            // Hash and place in the set are those of the id, which stays.
            const_cast<entry*&>(*entries_.find(e)) = fresh;
            expiry_.moved(fresh);
            use_.moved(fresh);
            release(e);
            bytes_ = bytes_ - before + after;
            e = fresh;
        }
        e->assign(data);
        return e;
    }

    /// Has an entry expire at another time, perhaps earlier.
    void expire_at(entry* e, time_point t) {
        const bool earlier = t < e->times.expires;
        e->times.expires = t;
        if (!earlier) return; // it is placed anew when it reaches the top
        expiry_.remove(e);
        expiry_.push(e, seconds(t));
    }

    void erase(entry* e) noexcept {
        if (!locks_.empty()) locks_.erase(e->id);
        users_.forget(e->id);
        expiry_.remove(e);
        use_.remove(e);
        entries_.erase(e);
        bytes_ -= footprint(e->size);
        release(e);
    }

    /// Frees at most `most` entries that have expired.
    void reclaim(time_point now, int most = 2) noexcept {
        for (; most != 0; --most) {
            entry* const e = expired(now, 8);
            if (!e) return;
            erase(e);
        }
    }

    /// Who holds the lock of an entry. Few are locked at a time, so the others do not pay for it.
    lock_claim lock_of(const session_id& id) const {
        const auto at = locks_.find(id);
        return at == locks_.end() ? lock_claim{} : at->second;
    }

    /// An empty claim: nobody holds it any more.
    void lock(const session_id& id, const lock_claim& claim) {
        if (claim.held())
            locks_[id] = claim;
        else
            locks_.erase(id);
    }

    /// Whose the entries are: set for those that are here only.
    memory_users& users() noexcept { return users_; }
    const memory_users& users() const noexcept { return users_; }

    /// For this time `from` leads readers to `to`.
    void lead(const session_id& from, const session_id& to, time_point now, time_point until) {
        while (!signs_.empty() && signs_.front().until <= now) signs_.pop_front();
        signs_.push_back({from, to, until});
    }

    /// No id is where `from` leads to any more.
    void lead_nowhere(const session_id& from) noexcept {
        std::erase_if(signs_, [&](const sign& s) { return s.from == from; });
    }

    /// Where an id leads to; an empty id if nowhere.
    session_id led_to(const session_id& from, time_point now) const noexcept {
        for (const sign& s : signs_)
            if (s.from == from && s.until > now) return s.to;
        return {};
    }

    std::size_t size() const noexcept { return entries_.size(); }
    std::size_t size_in_bytes() const noexcept { return bytes_ + users_.size_in_bytes(); }

private:
    struct hash {
        using is_transparent = void;
        std::size_t operator()(const session_id& id) const noexcept { return random_bits(id, 0); }
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

    static entry* allocate(std::size_t data_size) { return new (::operator new(block_size(data_size))) entry; }
    static void release(entry* e) noexcept { ::operator delete(e); }

    // Rounded up to what allocators hand out anyway: multiples of 16, of which one word is theirs.
    static constexpr std::size_t block_size(std::size_t data_size) noexcept {
        return (sizeof(entry) + data_size + 8 + 15) / 16 * 16 - 8;
    }

    // What an entry costs in all: its block, the allocator's word, a slot of the set and a node of either heap.
    static constexpr std::size_t footprint(std::size_t data_size) noexcept {
        return block_size(data_size) + 8 + 10 + 32;
    }

    static std::int64_t seconds(time_point t) noexcept { return t.time_since_epoch().count(); }

    entry* expired(time_point now, int effort) noexcept {
        return expiry_.least([](const entry& e) { return seconds(e.times.expires); }, seconds(now), effort, false);
    }

    entry* least_recently_used() noexcept {
        return use_.least([](const entry& e) { return e.used; }, std::numeric_limits<std::int64_t>::max(), 64, true);
    }

    // What is added fits into the bounds on its own, so there is room at last.
    void make_room(std::size_t more_bytes, std::size_t more_entries, time_point now) noexcept {
        reclaim(now);
        while (entries_.size() + more_entries > max_entries_ || size_in_bytes() + more_bytes > max_bytes_) {
            entry* const victim = expired(now, 64);
            erase(victim ? victim : least_recently_used());
        }
    }

    struct sign {
        session_id from;
        session_id to;
        time_point until;
    };

    boost::unordered_flat_set<entry*, hash, equal> entries_;
    std::unordered_map<session_id, lock_claim> locks_;
    memory_users users_;
    std::deque<sign> signs_; // hardly any: sessions that were regenerated within the last minute
    lazy_heap<entry, &entry::by_expiry> expiry_;
    lazy_heap<entry, &entry::by_use> use_;
    std::int64_t clock_ = 0; // counts uses
    std::size_t bytes_ = 0;
    std::size_t max_entries_ = std::numeric_limits<std::size_t>::max();
    std::size_t max_bytes_ = std::numeric_limits<std::size_t>::max();
};

} // namespace dynasession::inline v0::backend_detail

#endif
