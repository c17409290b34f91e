#ifndef DYNASESSION_STORE_BASIC_SESSION_STORE_HPP
#define DYNASESSION_STORE_BASIC_SESSION_STORE_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/amendments.hpp>
#include <dynasession/core/concepts.hpp>
#include <dynasession/core/options.hpp>
#include <dynasession/core/session.hpp>
#include <dynasession/op/async_run.hpp>
#include <dynasession/op/run.hpp>
#include <dynasession/op/then.hpp>
#include <dynasession/store/operations.hpp>
#include <dynasession/store/renewal.hpp>
#include <dynasession/store/revocation.hpp>
#include <dynasession/store/session_operations.hpp>
#include <dynasession/store/user_operations.hpp>
#include <dynasession/store/write_kind.hpp>

#include <boost/asio/deferred.hpp>

#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0 {

/// Keeps sessions: what a web server asks for them. Where they are kept, how requests of one session
/// keep out of each other's way, and how a session's value is written down are the three policies.
///
/// Each operation has three forms: `load(id)` throws `session_error`, `load(id, ec)` sets an error_code,
/// and `async_load(id, token)` takes any Asio completion token (by default `asio::deferred`, so that it
/// can be awaited) and completes with `void(error_code, T)`, or `void(error_code)` where `T` is void.
///
/// *Errors:* a session that is absent or has expired is not an error of `load`; a store that does not
/// answer always is one (compare with `condition`). Whatever failed to load cannot be saved.
///
/// *Lifetimes:* a store is neither copied nor moved and outlives its operations; so does a session that
/// is given by reference to an asynchronous one. All other arguments are copied.
///
/// *Thread safety:* a store may be used from many threads at once, a session from one at a time.
///
/// *Cancellation:* asynchronous operations honour terminal cancellation: they complete with
/// `operation_aborted`, or with their result if that was there already. A write that is cancelled may have been applied.
template <backend Backend, lock_policy LockPolicy, serializer Serializer>
class basic_session_store
    : public user_operations<basic_session_store<Backend, LockPolicy, Serializer>, basic_session<typename Serializer::value_type>, Backend> {
    using operations = store_detail::session_operations<LockPolicy, Serializer>;

public:
    using backend_type = Backend;
    using lock_policy_type = LockPolicy;
    using serializer_type = Serializer;
    using session_type = typename operations::session_type;
    using options_type = typename Backend::options_type;
    using executor_type = typename Backend::executor_type;

    /// A store with the options given.
    ///
    /// *Errors:* throws session_error with `invalid_option` or another `condition::configuration`.
    explicit basic_session_store(options_type backend_options = {}, session_options options = {}, LockPolicy policy = {},
                                 Serializer s = {})
        : ops_(options, std::move(policy), std::move(s), store_detail::marks_for<Backend>(options)),
          backend_(std::make_shared<Backend>(std::move(backend_options))) {}

    /// The same, doing its asynchronous I/O on `executor`.
    basic_session_store(executor_type executor, options_type backend_options, session_options options = {},
                        LockPolicy policy = {}, Serializer s = {})
        requires std::constructible_from<Backend, executor_type, options_type>
        : ops_(options, std::move(policy), std::move(s), store_detail::marks_for<Backend>(options)),
          backend_(std::make_shared<Backend>(std::move(executor), std::move(backend_options))) {}

    basic_session_store(const basic_session_store&) = delete;
    basic_session_store& operator=(const basic_session_store&) = delete;

    /// A new session with a fresh id; nothing is stored until it is saved. It lives as long as the options say, or as is given.
    ///
    /// *Errors:* throws session_error with `invalid_option`.
    session_type create(const session_lifetime& lifetime = {}) const { return ops_.create(now(), lifetime); }

    /// The session with this id; empty if there is none or it has expired.
    ///
    /// It is loaded for what the lock policy does by itself, or for `read_only` or `exclusive`: see core/access.hpp. With a
    /// policy that locks (see pessimistic_lock), asynchronous loads also renew the lock, on the store's executor, until the
    /// session is saved or released, the last copy of it goes or `max_hold_time` is over; so long they keep that executor busy.
    /// Blocking ones leave it to `renew` and `keep_renewing`.
    ///
    /// *Errors:* those of the lock policy, `lock_timeout` say; `read_only_session` comes from saving one that is.
    ///
    /// *Cost:* one read of the item, 1 RCU for each 4 KB; with a lock one write, 1 WCU for each KB.
    std::optional<session_type> load(const session_id& id) { return load(id, read_write); }
    std::optional<session_type> load(const session_id& id, error_code& ec) { return load(id, read_write, ec); }
    template <class Token = boost::asio::deferred_t>
        requires(!access<std::remove_cvref_t<Token>>)
    auto async_load(const session_id& id, Token&& token = Token{}) {
        return async_load(id, read_write, std::forward<Token>(token));
    }
    template <access Access>
        requires can_load<LockPolicy, Access>
    std::optional<session_type> load(const session_id& id, Access a) {
        return op::run(ops_.load(id, a), backend()).value();
    }
    template <access Access>
        requires can_load<LockPolicy, Access>
    std::optional<session_type> load(const session_id& id, Access a, error_code& ec) {
        return run(ops_.load(id, a), ec);
    }
    template <access Access, class Token = boost::asio::deferred_t>
        requires can_load<LockPolicy, Access>
    auto async_load(const session_id& id, Access a, Token&& token = Token{}) {
        return op::async_run(op::then(ops_.load(id, a), [this](std::optional<session_type> s) {
            if (s) renew_while_held(*s);
            return result<std::optional<session_type>>(std::move(s));
        }), backend(), std::forward<Token>(token));
    }

    /// Stores what changed since the session was loaded or last saved, and puts off its expiry.
    ///
    /// A session that did not change is touched at most. A new one is stored for the first time; should
    /// its id be taken it gets another, so a cookie is set after the save. Afterwards the session is up to date and can be saved again.
    ///
    /// *Errors:* `session_gone`: destroyed or expired meanwhile, nothing was written; those of the lock policy: `conflict`,
    /// `lock_lost`, `lock_timeout`; `item_too_large`, `not_serializable` and `read_only_session`: nothing was sent;
    /// `outcome_unknown`: the answer was lost, load the session again and look.
    ///
    /// *Cost:* one write of the item, 1 WCU for each KB, and another for each save of others that was faster; nothing if
    /// neither change nor touch is due and there is no lock to give up.
    void save(session_type& s) { op::run(ops_.save(s), backend()).value(); }
    void save(session_type& s, error_code& ec) { run(ops_.save(s), ec); }
    template <class Token = boost::asio::deferred_t>
    auto async_save(session_type& s, Token&& token = Token{}) {
        return op::async_run(ops_.save(s), backend(), std::forward<Token>(token));
    }

    /// Loads the session, calls `change(session&)` and saves it, all of it again when somebody else saved meanwhile:
    /// no update is lost, whatever the lock policy, and `change` may be called more than once.
    /// Gives the session as saved; empty if there is none. A `change` that returns false has nothing saved.
    ///
    /// *Errors:* as load and save; `conflict` after 32 attempts, some four seconds. What `change` throws passes through the blocking
    /// forms; it must not throw in the asynchronous one.
    ///
    /// *Cost:* a load and a save for each attempt.
    template <std::invocable<basic_session<typename Serializer::value_type>&> Change>
    std::optional<session_type> update(const session_id& id, Change change) {
        return op::run(ops_.update(id, std::move(change)), backend()).value();
    }
    template <std::invocable<basic_session<typename Serializer::value_type>&> Change>
    std::optional<session_type> update(const session_id& id, Change change, error_code& ec) {
        return run(ops_.update(id, std::move(change)), ec);
    }
    template <std::invocable<basic_session<typename Serializer::value_type>&> Change, class Token = boost::asio::deferred_t>
    auto async_update(const session_id& id, Change change, Token&& token = Token{}) {
        return op::async_run(ops_.update(id, std::move(change)), backend(), std::forward<Token>(token));
    }

    /// Puts off the expiry of the session, without its changes; nothing is sent while that is hardly due
    /// (see session_options::touch_fraction) or the session is new.
    ///
    /// *Errors:* `session_gone`: destroyed or expired meanwhile.
    ///
    /// *Cost:* one write of the whole item, or nothing.
    void touch(session_type& s) { op::run(ops_.touch(s), backend()).value(); }
    void touch(session_type& s, error_code& ec) { run(ops_.touch(s), ec); }
    template <class Token = boost::asio::deferred_t>
    auto async_touch(session_type& s, Token&& token = Token{}) {
        return op::async_run(ops_.touch(s), backend(), std::forward<Token>(token));
    }

    /// Gives the session a new id and saves it under that; the old id leads nowhere from then on.
    ///
    /// To be called at login, logout and whenever privileges change: it defeats session fixation. With
    /// `session_options::regenerate_grace` the old id is good for reading a little longer, for whoever has it.
    ///
    /// *Errors:* as save; the session keeps its id then. With `outcome_unknown` it may have been moved all the same, under
    /// an id that nobody has: it is gone then.
    ///
    /// *Cost:* one transaction of a put and a delete, each 2 WCU for each KB.
    void regenerate(session_type& s) { op::run(ops_.regenerate(s), backend()).value(); }
    void regenerate(session_type& s, error_code& ec) { run(ops_.regenerate(s), ec); }
    template <class Token = boost::asio::deferred_t>
    auto async_regenerate(session_type& s, Token&& token = Token{}) {
        return op::async_run(ops_.regenerate(s), backend(), std::forward<Token>(token));
    }

    /// Gives up the session's lock without its changes; nothing happens if it has none. To save it later on is possible, as
    /// by optimistic_lock.
    ///
    /// *Errors:* `lock_lost`, `session_gone`: there was none to give up any more.
    ///
    /// *Cost:* one write of the whole item; mostly nothing if another request of this process waits for the lock.
    void release(session_type& s)
        requires exclusive_lock_policy<LockPolicy>
    {
        op::run(ops_.release(s), backend()).value();
    }
    void release(session_type& s, error_code& ec)
        requires exclusive_lock_policy<LockPolicy>
    {
        run(ops_.release(s), ec);
    }
    template <class Token = boost::asio::deferred_t>
        requires exclusive_lock_policy<LockPolicy>
    auto async_release(session_type& s, Token&& token = Token{}) {
        return op::async_run(ops_.release(s), backend(), std::forward<Token>(token));
    }

    /// Has the session's lock last a whole lease from now on.
    ///
    /// *Errors:* `lock_lost`: the session has no lock, or none any more, or the policy renews it no further; `session_gone`.
    ///
    /// *Cost:* one write of the whole item.
    void renew(session_type& s)
        requires exclusive_lock_policy<LockPolicy>
    {
        op::run(ops_.renew(s), backend()).value();
    }
    void renew(session_type& s, error_code& ec)
        requires exclusive_lock_policy<LockPolicy>
    {
        run(ops_.renew(s), ec);
    }
    template <class Token = boost::asio::deferred_t>
        requires exclusive_lock_policy<LockPolicy>
    auto async_renew(session_type& s, Token&& token = Token{}) {
        return op::async_run(ops_.renew(s), backend(), std::forward<Token>(token));
    }

    /// Renews the session's lock on a thread of its own, at a third of each lease, until the object that it gives goes or the
    /// lock ends. For blocking requests that may take longer than a lease; asynchronous loads do this by themselves.
    ///
    /// *Lifetimes:* the object must not outlive the store.
    [[nodiscard]] store_detail::renewal keep_renewing(const session_type& s)
        requires exclusive_lock_policy<LockPolicy>
    {
        return store_detail::renewal([this, id = s.id(), hold = std::weak_ptr(session_access::hold(s))](auto stop) {
            auto keeping = ops_.policy().keep(id, hold.lock(), std::move(stop));
            (void)op::run(std::move(keeping), backend());
        });
    }

    /// Ends a session at once, whoever works on it: later saves of it fail. No error if there is none. By an id that it had
    /// before `regenerate` it is not found: see `session_options::regenerate_grace`.
    ///
    /// *Cost:* one delete, 1 WCU for each KB.
    void destroy(const session_id& id) { op::run(store_detail::destroy(id), backend()).value(); }
    void destroy(const session_id& id, error_code& ec) { run(store_detail::destroy(id), ec); }
    template <class Token = boost::asio::deferred_t>
    auto async_destroy(const session_id& id, Token&& token = Token{}) {
        return op::async_run(store_detail::destroy(id), backend(), std::forward<Token>(token));
    }

    /// Does one of the writes above that is chosen at run time, as at the end of a request.
    ///
    /// *Errors, cost:* of that write.
    void write(session_type& s, write_kind kind) { op::run(ops_.write(s, kind), backend()).value(); }
    void write(session_type& s, write_kind kind, error_code& ec) { run(ops_.write(s, kind), ec); }
    template <class Token = boost::asio::deferred_t>
    auto async_write(session_type& s, write_kind kind, Token&& token = Token{}) {
        return op::async_run(ops_.write(s, kind), backend(), std::forward<Token>(token));
    }

    /// Whether a save of this session has nothing to send now: it did not change, no touch is due, and it has no lock. For
    /// servers that spare themselves an asynchronous operation then.
    bool is_settled(const session_type& s) const { return ops_.is_settled(s, backend_->now()); }

    /// The time that sessions are judged by: the service's, as far as the backend knows it.
    time_point now() const { return backend_->now().seconds(); }

    const session_options& options() const noexcept { return ops_.options(); }

    /// The backend, for what it offers beyond sessions (tables, counters).
    Backend& backend() noexcept { return *backend_; }

    executor_type get_executor() { return backend_->get_executor(); }

private:
    friend user_operations<basic_session_store, session_type, Backend>;

    template <class Op>
    auto run(Op operation, error_code& ec) {
        auto r = op::run(std::move(operation), backend());
        ec = r ? error_code{} : r.error().code;
        using value_type = typename Op::value_type;
        if constexpr (!std::is_void_v<value_type>) return r ? *std::move(r) : value_type{};
    }

    void renew_while_held(const session_type& s) {
        if constexpr (exclusive_lock_policy<LockPolicy>) {
            const auto& hold = session_access::hold(s);
            if (hold) op::async_run(ops_.policy().keep(s.id(), hold, nullptr), backend(), [alive = backend_](error_code) {});
        }
    }

    operations ops_;
    std::shared_ptr<Backend> backend_; // lock renewals have it too: they may end a little after the store
};

} // namespace dynasession::inline v0

#endif
