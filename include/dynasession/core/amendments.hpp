#ifndef DYNASESSION_CORE_AMENDMENTS_HPP
#define DYNASESSION_CORE_AMENDMENTS_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/ownership.hpp>
#include <dynasession/core/record.hpp>
#include <dynasession/detail/utf8.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

namespace dynasession::inline v0 {

/// How long one session lives, where that is not what the options of its store say.
struct session_lifetime {
    std::optional<std::chrono::seconds> max_age{};   ///< from its creation on, however much it is used; 0: without end
    std::optional<std::chrono::seconds> max_stale{}; ///< unused

    bool empty() const noexcept { return !max_age && !max_stale; }

    /// Whether each is in the range that `session_options` have.
    bool valid() const noexcept {
        constexpr std::chrono::seconds none{0}, century{std::chrono::years(100)};
        return (!max_age || (*max_age >= none && *max_age <= century)) &&
               (!max_stale || (*max_stale > none && *max_stale <= century));
    }

    void apply_to(stamp& s) const noexcept {
        if (max_age) s.deadline = max_age->count() == 0 ? time_point::max() : s.created + *max_age;
        if (max_stale) s.max_stale = *max_stale;
    }

    friend bool operator==(const session_lifetime&, const session_lifetime&) = default;
};

/// What is stored of a session beside its data, and changes only when somebody says so.
struct terms {
    ownership owner{};
    time_point deadline = time_point::max();
    std::chrono::seconds max_stale{};

    static terms of(const record& r) { return {r.owner, r.deadline, r.max_stale}; }

    void apply_to(record& r) const {
        r.owner = owner;
        apply_lifetime_to(r);
    }

    void apply_lifetime_to(stamp& s) const noexcept {
        s.deadline = deadline;
        s.max_stale = max_stale;
    }

    friend bool operator==(const terms&, const terms&) = default;
};

/// What a save changes of that; what is not named stays.
struct amendments {
    std::optional<std::string> user{};   ///< empty: it is nobody's any more
    user_time since{};                   ///< when it was bound to `user`
    std::optional<std::string> device{};
    session_lifetime lifetime{};

    bool empty() const noexcept { return !user && !device && lifetime.empty(); }

    /// Whether the session gets another owner, who has to be dated.
    bool bind() const noexcept { return user && !user->empty(); }

    /// Why they cannot be stored, if so.
    std::optional<failure> refused() const {
        if (user && (user->size() > ownership::max_user_size || !detail::is_utf8(*user)))
            return failure(error::not_serializable, "session::user: a name has at most 1024 bytes of UTF-8");
        if (!lifetime.valid())
            return failure(error::invalid_option, "session::lifetime: max_stale is above 0, max_age 0 or above, both at most 100 years");
        return std::nullopt;
    }

    void apply_to(record& r) const {
        if (user) {
            r.owner.user = *user;
            r.owner.since = user->empty() ? user_time{} : since;
        }
        if (device) r.owner.device = *device;
        lifetime.apply_to(r);
    }

    /// The terms of a session after them; none if they are none.
    std::optional<terms> on(const record& r) const {
        if (empty()) return std::nullopt;
        record amended{r, {}};
        amended.owner = r.owner;
        apply_to(amended);
        return terms::of(amended);
    }

    friend bool operator==(const amendments&, const amendments&) = default;
};

/// When a session expires that is saved at `now` on these terms: never earlier than it did, unless it is to live shorter.
inline time_point expiry_when_saved(const stamp& stored, const std::optional<terms>& on,
                                    std::chrono::sys_time<std::chrono::milliseconds> now) noexcept {
    stamp next = stored;
    if (on) on->apply_lifetime_to(next);
    return next == stored ? std::max(stored.renewed(now), stored.expires) : next.renewed(now);
}

} // namespace dynasession::inline v0

#endif
