#ifndef DYNASESSION_WEB_CROW_STORE_HPP
#define DYNASESSION_WEB_CROW_STORE_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/concepts.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/core/secret.hpp>
#include <dynasession/core/session.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/encoding.hpp>

#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

#include <crow/middlewares/session.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>

namespace dynasession::inline v0 {

namespace crow_detail {

/// What Crow can hold of a JSON value: nothing of null, arrays, objects and integers beyond 63 bits.
inline std::optional<crow::session::multi_value> to_crow(const boost::json::value& v) {
    using crow::session::multi_value;
    switch (v.kind()) {
    case boost::json::kind::bool_: return multi_value{v.get_bool()};
    case boost::json::kind::int64: return multi_value{v.get_int64()};
    case boost::json::kind::double_: return multi_value{v.get_double()};
    case boost::json::kind::string: return multi_value{std::string(v.get_string())};
    default: return std::nullopt;
    }
}

inline boost::json::value to_json(const crow::session::multi_value& v) {
    return std::visit([](const auto& held) { return boost::json::value(held); }, v.v_);
}

/// The changes of handlers as a JSON merge patch (RFC 7396): null removes a key. Crow has no null of its own.
using patch = boost::json::object;

/// Carries the changes out; false if they leave nothing.
inline bool apply(const patch& changes, session& s) {
    for (const auto& change : changes) {
        if (change.value().is_null())
            s.remove(change.key());
        else
            s[change.key()] = change.value();
    }
    return changes.empty() || !s.value().empty();
}

} // namespace crow_detail

/// Keeps the sessions of Crow's own middleware: `crow::SessionMiddleware<crow_store<Store>>` works on a session store.
///
///     ds::dynamodb_session_store sessions{{.table_name = "sessions"}};
///     using middleware = crow::SessionMiddleware<ds::crow_store<ds::dynamodb_session_store>>;
///     crow::App<crow::CookieParser, middleware> app{middleware{std::ref(sessions), key}};
///
/// A request costs one load, and one save if it changed something; else a touch when that is due. Only changed keys are
/// sent. Values that Crow cannot express (null, arrays, objects) are not shown to handlers, and stay as they are unless a
/// handler sets or removes their key. When handlers have removed all that a session holds, it is destroyed.
///
/// What no store can mend, for Crow decides it: ids come from a generator with 2^32 seeds, so they can be guessed; one
/// mutex is held while the store works, so requests wait for each other's I/O; the cookie has neither HttpOnly nor Secure
/// unless the middleware is given one that has; there is no new id at login; and after a WebSocket upgrade the next request
/// of that session in this process sees it as it was at the upgrade, even if it has ended since. The session middleware of
/// this library has none of that.
///
/// *Errors:* Crow's log has them. What cannot be read is shown as an empty session and never saved, so cookie and session
/// outlive an outage; what cannot be saved is not tried again.
///
/// *Lifetimes:* a store that is given by reference outlives the middleware.
///
/// *Thread safety:* none; Crow calls it under the middleware's mutex.
template <class Store>
class crow_store {
    static_assert(std::same_as<typename Store::session_type, session>,
                  "dynasession: Crow's middleware has keys and values: use a store whose sessions are JSON objects");
    static_assert(!exclusive_lock_policy<typename Store::lock_policy_type>,
                  "dynasession: under Crow's mutex the holder of a lock and those who wait for it block each other: "
                  "use no_lock or optimistic_lock");

public:
    /// With a key, the same for all servers of one table, nobody who reads the table can work out the cookies.
    explicit crow_store(std::shared_ptr<Store> store, const std::optional<secret>& key = {})
        : store_(std::move(store)), keyed_(key ? key->bytes() : "dynasession crow id") {}

    /// The same; the store outlives this. (The middleware copies its arguments: give it `std::ref(store)`.)
    explicit crow_store(Store& store, const std::optional<secret>& key = {})
        : crow_store(std::shared_ptr<Store>(std::shared_ptr<void>(), &store), key) {}

    /// The id under which the store has the session of a cookie; empty for a text that Crow never makes.
    session_id id_of(std::string_view cookie) const {
        constexpr std::size_t most = 128;
        constexpr std::string_view made_of = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        if (cookie.empty() || cookie.size() > most || cookie.find_first_not_of(made_of) != cookie.npos) return {};
        auto mac = keyed_;
        mac.update("crow session\n");
        mac.update(cookie);
        const auto text = detail::base64url(mac.finish());
        return session_id::parse({text.data(), text.size()}).value();
    }

    /// Whether there is such a session, as Crow asks before each `load`, for which what was found is kept.
    bool contains(const std::string& cookie) {
        const session_id id = id_of(cookie);
        if (id.empty()) return false;
        loaded_.erase(id);
        try {
            auto found = store_->load(id);
            if (found) loaded_.emplace(id, *std::move(found));
            return loaded_.contains(id);
        } catch (const std::exception& e) {
            // If it were denied, Crow would give the user another session in place of this one.
            complain(id, "read", e);
            return true;
        }
    }

    void load(crow::session::CachedSession& cached) {
        cached.referrers = save_at_every_end;
        const auto found = loaded_.find(id_of(cached.session_id));
        if (found == loaded_.end()) return mark(cached, unreadable);
        for (const auto& member : found->second.value())
            if (auto value = crow_detail::to_crow(member.value())) cached.entries[member.key()] = *std::move(value);
        mark(cached, loaded_at(found->second));
    }

    void save(crow::session::CachedSession& cached) {
        const session_id id = id_of(cached.session_id);
        const auto changes = take_changes(cached);
        if (!changes) return;
        try {
            mark(cached, write(id, mark_of(cached), *changes));
        } catch (const std::exception& e) {
            const auto* failed = dynamic_cast<const session_error*>(&e);
            const bool nothing_lost = changes->empty() && failed && failed->code() == error::session_gone;
            if (!nothing_lost) complain(id, changes->empty() ? "touched" : "saved", e);
        }
    }

private:
    // What a session of Crow's carries along, as an integer: nobody would free anything else.
    using mark_type = std::uintptr_t;
    static constexpr mark_type not_stored_yet = 0;
    static constexpr mark_type unreadable = std::numeric_limits<mark_type>::max();

    static mark_type loaded_at(const session& s) noexcept { return static_cast<mark_type>(s.version()) + 1; }
    static mark_type mark_of(const crow::session::CachedSession& c) noexcept {
        return reinterpret_cast<mark_type>(c.store_data);
    }
    static void mark(crow::session::CachedSession& c, mark_type m) noexcept { c.store_data = reinterpret_cast<void*>(m); }

    // Crow saves when as many requests have ended as have begun. A WebSocket upgrade never ends, so nothing would be saved
    // ever again. With a count that stays below zero Crow saves, and forgets its copy, whenever a request ends.
    static constexpr int save_at_every_end = std::numeric_limits<int>::min() / 2;

    // The changes since the last save. Nothing while another request of the session has it locked: one may end its
    // response with the lock held, and then waits for the mutex that we are called under. It saves these changes too.
    static std::optional<crow_detail::patch> take_changes(crow::session::CachedSession& cached) {
        constexpr int most_attempts = 1000;
        std::unique_lock lock(cached.mutex, std::defer_lock);
        for (int i = 0; i != most_attempts && !lock.try_lock(); ++i) std::this_thread::yield();
        if (!lock) {
            CROW_LOG_WARNING << "dynasession: a request ends while another one has its session locked, which will save it";
            return std::nullopt;
        }
        crow_detail::patch changes;
        // Taken, for Crow saves the same copy once more at a HEAD that it has no route for.
        for (const auto& key : std::exchange(cached.dirty, {})) {
            const auto entry = cached.entries.find(key);
            changes[key] = entry == cached.entries.end() ? boost::json::value() : crow_detail::to_json(entry->second);
        }
        return changes;
    }

    // Writes the changes on top of what was loaded at `from`; returns where the session stands then.
    mark_type write(const session_id& id, mark_type from, const crow_detail::patch& changes) {
        if (from == not_stored_yet) return create(id, changes);
        if (from == unreadable && changes.empty()) return from;
        if (from == unreadable) throw session_error(failure(error::read_only_session, "it could not be read before"));
        const auto found = loaded_.find(id);
        if (found == loaded_.end() || loaded_at(found->second) != from) return update(id, from, changes);
        session s = std::move(loaded_.extract(found).mapped());
        if (!crow_detail::apply(changes, s)) return destroy(id, from);
        store_->save(s);
        return loaded_at(s);
    }

    // When another request that shares Crow's copy has saved first.
    mark_type update(const session_id& id, mark_type from, const crow_detail::patch& changes) {
        if (changes.empty()) return from;
        bool is_left = true;
        const auto s = store_->update(id, [&](session& now) { return is_left = crow_detail::apply(changes, now); });
        if (!s) throw session_error(failure(error::session_gone));
        return is_left ? loaded_at(*s) : destroy(id, from);
    }

    mark_type create(const session_id& id, const crow_detail::patch& changes) {
        session s = session_access::make(id, session::value_type{}, loaded{session_access::stored(store_->create())}, true);
        if (!crow_detail::apply(changes, s) || changes.empty()) return not_stored_yet;
        store_->save(s);
        if (s.id() == id) return loaded_at(s);
        // Crow has made an id twice and sent the cookie already: this user would go on with the other's session.
        store_->destroy(id);
        store_->destroy(s.id());
        throw session_error(failure(error::session_exists, "Crow made an id a second time; both sessions are ended"));
    }

    mark_type destroy(const session_id& id, mark_type from) {
        store_->destroy(id);
        return from;
    }

    static void complain(const session_id& id, const char* what, const std::exception& e) {
        CROW_LOG_ERROR << "dynasession: session " << id.loggable() << " was not " << what << ": " << e.what();
    }

    std::shared_ptr<Store> store_;
    detail::hmac_sha256 keyed_;
    std::unordered_map<session_id, session> loaded_; // what Crow has a copy of and nobody has saved yet
};

} // namespace dynasession::inline v0

#endif
