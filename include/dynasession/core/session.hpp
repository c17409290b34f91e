#ifndef DYNASESSION_CORE_SESSION_HPP
#define DYNASESSION_CORE_SESSION_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/record.hpp>
#include <dynasession/core/session_id.hpp>

#include <boost/json/conversion.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>

#include <concepts>
#include <memory>
#include <optional>
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
