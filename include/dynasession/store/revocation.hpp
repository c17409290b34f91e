#ifndef DYNASESSION_STORE_REVOCATION_HPP
#define DYNASESSION_STORE_REVOCATION_HPP

#include <dynasession/core/command.hpp>
#include <dynasession/core/concepts.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/core/options.hpp>
#include <dynasession/core/ownership.hpp>
#include <dynasession/core/session_id.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace dynasession::inline v0::store_detail {

/// What a process knows of whose its sessions are, from when it loaded them last: of some thousands, of which a newer one may
/// push an older out. That it is out of date costs a request, no more.
///
/// *Thread safety:* any thread.
class owner_hints {
public:
    /// Whose the session was; empty if that is not known.
    std::string of(const session_id& id) const {
        const auto tag = std::hash<session_id>{}(id);
        const shard& s = shards_[tag % shards_.size()];
        const std::scoped_lock lock(s.mutex);
        const slot& place = s.slots[tag / shards_.size() % s.slots.size()];
        return place.tag == tag ? place.user : std::string();
    }

    void remember(const session_id& id, const std::string& user) {
        const auto tag = std::hash<session_id>{}(id);
        shard& s = shards_[tag % shards_.size()];
        const std::scoped_lock lock(s.mutex);
        slot& place = s.slots[tag / shards_.size() % s.slots.size()];
        if (place.tag != tag && user.empty()) return;
        place.tag = tag;
        place.user = user;
    }

private:
    struct slot {
        std::size_t tag = 0;
        std::string user{};
    };
    struct shard {
        mutable std::mutex mutex;
        std::vector<slot> slots = std::vector<slot>(256);
    };

    std::array<shard, 16> shards_;
};

/// What a store that looks at the marks of users needs to know: see `session_options::revocation_marks`.
struct revocation {
    explicit revocation(const session_options& o)
        : life(std::max({std::chrono::seconds(std::chrono::days(400)), o.max_age, o.max_stale})) {}

    /// So far apart the clocks of two machines may be: DynamoDB's own, which both follow, is told to the second.
    static constexpr std::chrono::milliseconds clock_margin{2000};

    /// A mark that ends all sessions that are bound to their user by now, by whatever clock, and those that were bound under
    /// the mark before.
    raise_mark mark(const std::string& user, user_time before, user_time now) const {
        using namespace std::chrono_literals;
        const user_time not_before = std::max(now + clock_margin, before == no_mark ? before : before + 1ms);
        return {user, not_before, std::chrono::floor<std::chrono::seconds>(not_before) + life};
    }

    /// When a session is bound that is bound at `now` under a mark: after it, so that it counts.
    static user_time bound(user_time mark, user_time now) noexcept {
        using namespace std::chrono_literals;
        return mark < now ? now : mark + 1ms;
    }

    /// How long a mark is kept: no session may lie unused for longer, for a load of one that does not count removes it.
    const std::chrono::seconds life;

    mutable owner_hints hints{};
};

/// What a store over `Backend` needs with these options; null if they do not want marks.
///
/// *Errors:* throws `session_error` with `invalid_option` if the backend knows none.
template <class Backend>
std::shared_ptr<const revocation> marks_for(const session_options& o) {
    if (!o.revocation_marks) return nullptr;
    if (!user_backend<Backend>)
        throw session_error(failure(error::invalid_option, "session_options::revocation_marks: this backend knows no users"));
    return std::make_shared<const revocation>(o);
}

} // namespace dynasession::inline v0::store_detail

#endif
