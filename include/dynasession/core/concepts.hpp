#ifndef DYNASESSION_CORE_CONCEPTS_HPP
#define DYNASESSION_CORE_CONCEPTS_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/core/fields.hpp>
#include <dynasession/core/session_id.hpp>

#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <utility>

namespace dynasession::inline v0 {

namespace op {
class event; // see op/event.hpp
}

// A Backend performs commands: a new database is one header and a run of the contract suite.
//
// Associated types: `options_type`, an aggregate with defaults, from which a `B` is constructed, and with
// an executor before it where it does I/O; `executor_type`.
//
// In this table `b` is a B, `c` a command, `h` an Asio completion token.
//
//   b.now()               op::instant: both clocks, `system` as close to the server's as it can be
//   b.perform(c)          result<reply>, blocking: see core/command.hpp for what each command promises.
//                         A failure means that the outcome is not known, or that nothing was done and why.
//   b.async_perform(c,h)  the same, completing `void(result<reply>)`, never inside the initiation;
//                         cancellable: then it completes with operation_aborted,
//                         or with the reply if that was there already
//   b.wait(ms)            sleeps
//   b.get_executor()      where asynchronous work runs when the handler names no executor of its own
//
// A B is used from many threads at once. It need not be copied or moved.
//
// Exemplar: backend_archetype in tests/unit/core/concepts.cpp. Models: memory_backend, dynamodb_backend.

template <class B>
concept has_clock = requires(const B& b) {
    b.now().system;
    b.now().steady;
};
template <class B>
concept has_perform = requires(B& b, command c) {
    { b.perform(std::move(c)) } -> std::same_as<result<reply>>;
};
template <class B>
concept has_async_perform = requires(B& b, command c, void (*handler)(result<reply>)) {
    b.async_perform(std::move(c), handler);
};
template <class B>
concept has_wait = requires(B& b, std::chrono::milliseconds d) { b.wait(d); };
template <class B>
concept has_executor = requires(B& b) {
    typename B::executor_type;
    { b.get_executor() } -> std::convertible_to<typename B::executor_type>;
};
template <class B>
concept has_options = requires { typename B::options_type; } && std::default_initializable<typename B::options_type> &&
                      std::constructible_from<B, typename B::options_type>;

/// A type that meets the Backend requirements above.
template <class B>
concept backend = has_clock<B> && has_perform<B> && has_async_perform<B> && has_wait<B> && has_executor<B> && has_options<B>;

// A Backend that knows users finds sessions by whom they belong to, and keeps marks of users: it carries out the last four
// commands, too. Others may answer those with any error. In this table `b` is a const B.
//
//   b.lists_users()       bool: whether `list_sessions` works; if not it fails with invalid_option, and only marks do
//
// Exemplar: user_backend_archetype in tests/unit/core/concepts.cpp. Models: memory_backend, dynamodb_backend.

template <class B>
concept has_users = requires(const B& b) {
    { b.lists_users() } -> std::same_as<bool>;
};

/// A Backend that knows users.
template <class B>
concept user_backend = backend<B> && has_users<B>;

/// Explains, for the author of a Backend, the first requirement that `B` does not meet.
template <class B>
consteval bool check_backend() {
    static_assert(has_clock<B>, "dynasession: a Backend needs `op::instant now() const`");
    static_assert(has_perform<B>, "dynasession: a Backend needs `result<reply> perform(command)`");
    static_assert(has_async_perform<B>, "dynasession: a Backend needs `auto async_perform(command, Token&&)` that "
                                        "completes with `void(result<reply>)`");
    static_assert(has_wait<B>, "dynasession: a Backend needs `void wait(std::chrono::milliseconds)`");
    static_assert(has_executor<B>, "dynasession: a Backend needs `executor_type` and `executor_type get_executor()`");
    static_assert(has_options<B>, "dynasession: a Backend needs `options_type`, an aggregate with defaults, and a "
                                  "constructor that takes it");
    return backend<B>;
}

/// Explains, for the author of a Backend that is to know users, the first requirement that `B` does not meet.
template <class B>
consteval bool check_user_backend() {
    static_assert(check_backend<B>());
    static_assert(has_users<B>, "dynasession: a Backend that knows users needs `bool lists_users() const`, and carries out "
                                "list_sessions, erase_owned, load_mark and raise_mark");
    return user_backend<B>;
}

// A LockPolicy is a factory of operations (see op/action.hpp) whose effects are commands: a new locking
// scheme is one header and no change elsewhere. It is copied freely, so its state is shared or small.
//
// In this table `p` is a const P, `id` a session_id, `s` a save_request, `a` read_write or read_only.
//
//   p.load(id, a)           operation of optional<loaded>: the live record; absent and expired are empty
//   p.save(s)               operation of saved: what is stored now. With no changes at most the expiry
//                           is put off. Fails with session_gone when the session is no longer there
//                           or live, with conflict when the changes cannot be merged.
//   p.touch(s)              as save, without the changes
//   p.regenerate(s, to, r)  operation of saved: what is now stored under `to`; nothing is left under s.id.
//                           `r(fields)` gives the entries as they have to be stored under the new id.
//
// One that locks also has:
//
//   p.load(id, exclusive)   as load; the session is nobody else's until it is saved or released
//   p.release(s)            operation of saved: ends that without the changes
//   p.renew(s)              operation of saved: puts off the end of the lock; fails with lock_lost
//   p.keep(id, hold, stop)  operation of void: renews a lock whenever that is due, until it ends or `stop` happens;
//                           without `stop` it ends with the lock
//
// Exemplar: lock_policy_archetype in tests/unit/core/concepts.cpp. Models: no_lock, optimistic_lock, pessimistic_lock.

namespace concepts_detail {

// What `core` may know of an operation; op/action.hpp has the whole of it.
template <class Op, class T>
concept operation_of = std::move_constructible<Op> && std::same_as<typename Op::effect_type, command> &&
                       std::same_as<typename Op::reply_type, result<reply>> && std::same_as<typename Op::value_type, T>;

struct keep_fields {
    result<fields> operator()(const fields& f) const { return f; }
};

} // namespace concepts_detail

template <class P, class Access>
concept can_load = requires(const P p, const session_id& id, Access a) {
    { p.load(id, a) } -> concepts_detail::operation_of<std::optional<loaded>>;
};
template <class P>
concept has_load = can_load<P, read_write_t> && can_load<P, read_only_t>;
template <class P>
concept has_save = requires(const P p, save_request s) {
    { p.save(std::move(s)) } -> concepts_detail::operation_of<saved>;
};
template <class P>
concept has_touch = requires(const P p, save_request s) {
    { p.touch(std::move(s)) } -> concepts_detail::operation_of<saved>;
};
template <class P>
concept has_regenerate = requires(const P p, save_request s, const session_id& to, concepts_detail::keep_fields r) {
    { p.regenerate(std::move(s), to, r) } -> concepts_detail::operation_of<saved>;
};

/// A type that meets the LockPolicy requirements above.
template <class P>
concept lock_policy = std::copyable<P> && has_load<P> && has_save<P> && has_touch<P> && has_regenerate<P>;

/// A LockPolicy that can give a session to one request at a time.
template <class P>
concept exclusive_lock_policy = lock_policy<P> && can_load<P, exclusive_t> && requires(const P p, save_request s) {
    { p.release(std::move(s)) } -> concepts_detail::operation_of<saved>;
    { p.renew(std::move(s)) } -> concepts_detail::operation_of<saved>;
    { p.keep(s.id, s.hold, std::shared_ptr<op::event>()) } -> concepts_detail::operation_of<void>;
};

/// Explains, for the author of a LockPolicy, the first requirement that `P` does not meet.
template <class P>
consteval bool check_lock_policy() {
    static_assert(std::copyable<P>, "dynasession: a LockPolicy is copied into operations: make it copyable");
    static_assert(has_load<P>, "dynasession: a LockPolicy needs `auto load(const session_id&, A) const` for A = read_write_t and "
                               "read_only_t, operations with effect command, reply result<reply>, value std::optional<loaded>");
    static_assert(has_save<P>, "dynasession: a LockPolicy needs `auto save(save_request) const`, an operation of saved");
    static_assert(has_touch<P>, "dynasession: a LockPolicy needs `auto touch(save_request) const`, an operation of saved");
    static_assert(has_regenerate<P>, "dynasession: a LockPolicy needs `auto regenerate(save_request, const session_id& "
                                     "to, Rebind) const`, an operation of saved");
    return lock_policy<P>;
}

/// What a serializer may know beside the value: whose session it is, and what is stored of it.
struct serialize_context {
    const session_id& id;
    const fields& stored; ///< entries that did not change should keep their text from here
};

// A Serializer turns a session's value into stored entries and back, bounded, and without executing
// anything that it reads.
//
// In this table `s` is a const S, `v` a const S::value_type, `f` a const fields.
//
//   s.serialize(v, serialize_context)  result<fields>: one entry a top-level key where the value has any;
//                                      the same value gives the same entries, or unchanged ones are written again
//   s.deserialize(f, id)               result<value_type>: the value, or corrupt_session
//
// One whose entries can be read only by the id that they were made for has `static constexpr bool binds_to_id = true`.
//
// One that may write entries anew although their value did not change also has:
//
//   s.same(a, b, id)                   bool: whether two entries of one key hold the same value; what is the same is
//                                      written on top of nothing but the version that was read
//
// Exemplar: serializer_archetype in tests/unit/core/concepts.cpp. Models: json_serializer, json_serializer_for, encrypted.

template <class S>
concept has_value_type = requires { typename S::value_type; } && std::default_initializable<typename S::value_type> &&
                         std::copyable<typename S::value_type>;
template <class S>
concept has_serialize = requires(const S s, const typename S::value_type& v, serialize_context context) {
    { s.serialize(v, context) } -> std::same_as<result<fields>>;
};
template <class S>
concept has_deserialize = requires(const S s, const fields& f, const session_id& id) {
    { s.deserialize(f, id) } -> std::same_as<result<typename S::value_type>>;
};

/// A type that meets the Serializer requirements above.
template <class S>
concept serializer = std::copyable<S> && has_value_type<S> && has_serialize<S> && has_deserialize<S>;

/// A Serializer whose entries can be read only by the id that they were made for.
template <class S>
concept binding_serializer = serializer<S> && requires { requires S::binds_to_id; };

/// A Serializer that may write entries anew although their value did not change.
template <class S>
concept renewing_serializer = serializer<S> && requires(const S s, const field& f, const session_id& id) {
    { s.same(f, f, id) } -> std::same_as<bool>;
};

/// Explains, for the author of a Serializer, the first requirement that `S` does not meet.
template <class S>
consteval bool check_serializer() {
    static_assert(std::copyable<S>, "dynasession: a Serializer is copied into operations: make it copyable");
    static_assert(has_value_type<S>, "dynasession: a Serializer needs `value_type`, copyable and default constructible");
    static_assert(has_serialize<S>, "dynasession: a Serializer needs "
                                    "`result<fields> serialize(const value_type&, serialize_context) const`");
    static_assert(has_deserialize<S>, "dynasession: a Serializer needs "
                                      "`result<value_type> deserialize(const fields&, const session_id&) const`");
    return serializer<S>;
}

} // namespace dynasession::inline v0

#endif
