#ifndef DYNASESSION_CORE_SESSION_HPP
#define DYNASESSION_CORE_SESSION_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/amendments.hpp>
#include <dynasession/core/record.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/detail/utf8.hpp>

#include <boost/json/conversion.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0 {

/// A session in the hands of one request: its id, its value, and what the store knows of it.
///
/// A copy is independent of the original, but for the lock, if there is one: it is given up when one of them is saved or
/// released, or all are gone. Changes reach the store by `save`, and only then.
///
/// *Thread safety:* as of a standard container: distinct objects are independent.
template <class Value>
class basic_session {
    static constexpr bool is_object = std::same_as<Value, boost::json::object>;

public:
    using value_type = Value;

    /// No session: an empty id and an empty value.
    basic_session() = default;

    /// The secret name of the session.
    const session_id& id() const noexcept { return id_; }

    /// Whether nothing was stored under this id yet.
    bool is_new() const noexcept { return is_new_; }

    time_point created() const noexcept { return stored_.created; }

    /// When the session ends unless it is used before.
    time_point expires() const noexcept { return stored_.expires; }

    /// When the session ends however much it is used; `time_point::max()` if never.
    time_point deadline() const noexcept { return stored_.deadline; }

    /// Has the session live otherwise than the options of its store say, from the next save or regenerate on; what is not
    /// given stays. A time that is out of range has that fail with `invalid_option`.
    void lifetime(const session_lifetime& l) {
        if (l.max_age) amended_.lifetime.max_age = l.max_age;
        if (l.max_stale) amended_.lifetime.max_stale = l.max_stale;
    }

    /// When the session was given its id: when it was created, or regenerated the last time.
    time_point id_since() const noexcept {
        return stored_.owner.id_since == time_point{} ? stored_.created : stored_.owner.id_since;
    }

    /// Whose the session is; empty if nobody's.
    std::string_view user() const noexcept { return amended_.user ? *amended_.user : stored_.owner.user; }

    /// Binds the session to a user, by a name that stays the same, from the next save or regenerate on; empty: it is nobody's
    /// any more. At most 1024 bytes of UTF-8, or that fails with `not_serializable`.
    ///
    /// To be called when the user has logged in, and not at each request: who has it already is not bound anew.
    void user(std::string name) {
        amended_.user = std::move(name);
        if (*amended_.user == stored_.owner.user) amended_.user.reset();
    }

    /// When the session was bound to its user, as it is stored.
    user_time user_since() const noexcept { return stored_.owner.since; }

    /// What its user knows the session by.
    std::string_view device() const noexcept { return amended_.device ? *amended_.device : stored_.owner.device; }

    /// Has the next save or regenerate store this; the first 256 bytes of it, as far as they are UTF-8.
    void device(std::string_view text) {
        std::size_t size = 0;
        while (size < text.size()) {
            const auto next = detail::utf8_sequence_length(text.substr(size));
            if (next == 0 || size + next > ownership::max_device_size) break;
            size += next;
        }
        amended_.device = std::string(text.substr(0, size));
        if (*amended_.device == stored_.owner.device) amended_.device.reset();
    }

    /// How long the session lives unused.
    std::chrono::seconds max_stale() const noexcept { return stored_.max_stale; }

    /// Raised by every save, whoever makes it, and by every write that gives up a lock.
    std::uint64_t version() const noexcept { return stored_.version; }

    /// Whether it was loaded to be read only, or by an id that it does not have any more: then it cannot be saved.
    bool is_read_only() const noexcept { return is_read_only_; }

    /// Whether this session has its lock, as far as this process knows.
    bool is_locked() const { return hold_ && hold_->held(); }

    Value& value() noexcept { return value_; }
    const Value& value() const noexcept { return value_; }
    Value& operator*() noexcept { return value_; }
    const Value& operator*() const noexcept { return value_; }
    Value* operator->() noexcept { return &value_; }
    const Value* operator->() const noexcept { return &value_; }

    /// The value under `key` as a `T`; empty if there is none or it does not convert to `T`.
    template <class T>
    std::optional<T> get(std::string_view key) const
        requires is_object
    {
        const boost::json::value* v = value_.if_contains(key);
        if (!v) return std::nullopt;
        auto converted = boost::json::try_value_to<T>(*v);
        return converted ? std::optional<T>(*std::move(converted)) : std::nullopt;
    }

    /// Sets the value under `key` to what `boost::json::value_from` makes of `v`.
    template <class T>
    void set(std::string_view key, T&& v)
        requires is_object
    {
        value_[key] = boost::json::value_from(std::forward<T>(v));
    }

    /// The JSON value under `key`, made null if there is none yet.
    boost::json::value& operator[](std::string_view key)
        requires is_object
    {
        return value_[key];
    }

    bool contains(std::string_view key) const noexcept
        requires is_object
    {
        return value_.contains(key);
    }

    /// Removes the value under `key`; false if there was none.
    bool remove(std::string_view key)
        requires is_object
    {
        return value_.erase(key) != 0;
    }

    void clear() noexcept
        requires is_object
    {
        value_.clear();
    }

private:
    friend struct session_access;

    session_id id_;
    Value value_{};
    record stored_; // as it was last read or written: a save sends the difference
    amendments amended_;
    std::shared_ptr<lock_hold> hold_;
    bool is_new_ = true;
    bool is_read_only_ = false;
};

/// How stores make sessions and keep them up to date; not for applications.
struct session_access {
    template <class Value>
    static basic_session<Value> make(session_id id, Value value, loaded found, bool is_new) {
        basic_session<Value> s;
        s.id_ = id;
        s.value_ = std::move(value);
        s.stored_ = std::move(found.stored);
        s.hold_ = std::move(found.hold);
        s.is_new_ = is_new;
        s.is_read_only_ = found.read_only;
        return s;
    }

    template <class Value>
    static const record& stored(const basic_session<Value>& s) noexcept {
        return s.stored_;
    }

    template <class Value>
    static amendments& amended(basic_session<Value>& s) noexcept {
        return s.amended_;
    }
    template <class Value>
    static const amendments& amended(const basic_session<Value>& s) noexcept {
        return s.amended_;
    }

    template <class Value>
    static const std::shared_ptr<lock_hold>& hold(const basic_session<Value>& s) noexcept {
        return s.hold_;
    }

    template <class Value>
    static void stored(basic_session<Value>& s, const session_id& id, saved now_stored, bool is_new) noexcept {
        s.id_ = id;
        s.stored_ = std::move(now_stored.stored);
        s.hold_ = std::move(now_stored.hold);
        s.is_new_ = is_new;
    }
};

/// A session whose value is a JSON object.
using session = basic_session<boost::json::object>;

} // namespace dynasession::inline v0

#endif
