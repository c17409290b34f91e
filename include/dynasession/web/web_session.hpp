#ifndef DYNASESSION_WEB_WEB_SESSION_HPP
#define DYNASESSION_WEB_WEB_SESSION_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/core/session.hpp>
#include <dynasession/store/write_kind.hpp>
#include <dynasession/web/id_carrier.hpp>
#include <dynasession/web/response_fields.hpp>
#include <dynasession/web/security_event.hpp>

#include <boost/asio/append.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0 {

template <class Store>
class session_manager;

/// The session of one request, from its first look at it to the response.
///
/// Loading is left until it is asked for: `load` finds the session that the client has, `start` also begins a new one. Then
/// it is used through `->`. What the handler decides, by `log_in`, `log_out` and so on, is carried out by `finish`, in one
/// write; it is called once, after the handler and before the response is sent. Without it nothing is stored.
///
/// *Lifetimes:* it stays where it is. It outlives its asynchronous operations.
///
/// *Thread safety:* one at a time.
template <class Store>
class web_session {
public:
    using session_type = typename Store::session_type;

    web_session(session_manager<Store>& manager, std::string_view field) : manager_(manager) {
        if (const auto found = carrier().read(field)) {
            id_ = found->id;
            outdated_ = !found->current;
        }
    }
    web_session(const web_session&) = delete;
    web_session& operator=(const web_session&) = delete;

    /// Whether the request brought an id that may be one: that there is such a session, only `load` knows.
    bool has_id() const noexcept { return !id_.empty(); }

    /// The session that the client has; null if it has none. The store is asked once, and only about an id.
    ///
    /// It is loaded for what the lock policy does by itself, or for `read_only` or `exclusive` (see core/access.hpp).
    ///
    /// *Errors:* those of the store; the session is as before then, and may be loaded again.
    session_type* load() { return load(read_write); }
    session_type* load(error_code& ec) { return load(read_write, ec); }
    template <access Access>
    session_type* load(Access a) {
        try {
            if (must_ask()) adopt({}, store().load(id_, a));
        } catch (const session_error& e) {
            note(e.code());
            throw;
        }
        return get();
    }
    template <access Access>
    session_type* load(Access a, error_code& ec) {
        ec.clear();
        if (must_ask()) {
            auto found = store().load(id_, a, ec);
            adopt(ec, std::move(found));
        }
        return get();
    }
    /// *Completion signature:* `void(error_code, session_type*)`
    template <class Token = boost::asio::deferred_t>
        requires(!access<std::remove_cvref_t<Token>>)
    auto async_load(Token&& token = Token{}) {
        return async_load(read_write, std::forward<Token>(token));
    }
    template <access Access, class Token = boost::asio::deferred_t>
    auto async_load(Access a, Token&& token = Token{}) {
        auto step = [this, a, asked = false](auto& self, error_code ec = {}, std::optional<session_type> found = {}) mutable {
            if (std::exchange(asked, true)) {
                if (state_ == state::unknown) adopt(ec, std::move(found));
                return self.complete(ec, get());
            }
            if (must_ask()) return store().async_load(id_, a, std::move(self));
            resume_later(std::move(self));
        };
        return boost::asio::async_compose<Token, void(error_code, session_type*)>(std::move(step), token, store());
    }

    /// The session that the client has, or a new one, of which nothing is stored until something was put into it.
    ///
    /// *Errors:* as load: where the store fails, no new session takes the place of one that may be there.
    session_type& start() {
        load();
        return begun();
    }
    session_type* start(error_code& ec) {
        load(ec);
        return ec ? nullptr : &begun();
    }
    /// *Completion signature:* `void(error_code, session_type*)`
    template <class Token = boost::asio::deferred_t>
    auto async_start(Token&& token = Token{}) {
        auto step = [this, asked = false](auto& self, error_code ec = {}, session_type* = nullptr) mutable {
            if (!std::exchange(asked, true)) return async_load(std::move(self));
            self.complete(ec, ec ? nullptr : &begun());
        };
        return boost::asio::async_compose<Token, void(error_code, session_type*)>(std::move(step), token, store());
    }

    /// The session, if it was loaded or begun already; null if not.
    session_type* get() noexcept { return state_ == state::present ? &session_ : nullptr; }
    session_type& operator*() { return present(); }
    session_type* operator->() { return &present(); }

    /// Has the session be that of a user from now on, under a new id: whoever planted or saw the old one is left outside.
    ///
    /// To be called when the user has proved who he is, on a session that was started. What is in it stays, unless it was
    /// another user's. `device` is what a list of his sessions calls this one, the browser and its system say.
    void log_in(std::string user, std::string_view device = {}) {
        session_type& s = writable();
        if (!s.user().empty() && s.user() != user) s.value() = typename session_type::value_type{};
        s.user(std::move(user));
        if (!device.empty()) s.device(device);
        logged_in_ = move_ = true;
    }

    /// Ends the session, whoever works on it, and has the client forget it. It need not be loaded for that.
    void log_out() {
        if (must_ask()) session_ = session_access::make(id_, typename session_type::value_type{}, loaded{}, false);
        logged_out_ = true;
    }

    /// Has the session get a new id, as whenever the rights of its user change.
    void regenerate() {
        writable();
        move_ = true;
    }

    /// Has this session live otherwise than those that begin here, and the client keep it for so long, even if that is
    /// beyond the end of the browser ("remember me").
    void remember(session_lifetime lifetime) { writable().lifetime(lifetime); }

    /// Has nothing of the session stored: what was changed is forgotten, a lock is given up.
    void abandon() noexcept { abandoned_ = true; }

    /// Leaves a message for a later request: the next one that takes it.
    template <class T>
    void flash(std::string_view key, T&& value)
        requires std::same_as<typename session_type::value_type, boost::json::object>
    {
        auto& messages = writable()[flash_key];
        if (!messages.is_object()) messages.emplace_object();
        messages.as_object()[key] = boost::json::value_from(std::forward<T>(value));
    }

    /// Takes a message that an earlier request has left, from a session that was loaded; it stays in one that is read only.
    template <class T = std::string>
    std::optional<T> take_flash(std::string_view key)
        requires std::same_as<typename session_type::value_type, boost::json::object>
    {
        auto* s = get();
        auto* messages = s ? s->value().if_contains(flash_key) : nullptr;
        auto* found = messages && messages->is_object() ? messages->as_object().if_contains(key) : nullptr;
        if (!found) return std::nullopt;
        auto taken = boost::json::try_value_to<T>(*found);
        if (!s->is_read_only()) messages->as_object().erase(key);
        if (messages->as_object().empty()) s->remove(flash_key);
        return taken ? std::optional<T>(*std::move(taken)) : std::nullopt;
    }

    /// Why the store failed in this request, as far as it did it last.
    const error_code& store_failure() const noexcept { return failure_; }

    /// Ends the request: does what was decided, in one write, and gives the fields that the response needs.
    ///
    /// A session that did not change is at most touched, and it is no error if that fails.
    ///
    /// *Errors:* those of the write, also `read_only_session` for what was changed in a session that was loaded so; the response
    /// must not say then that all went well, and gets no fields: see `http_failure`.
    response_fields finish() {
        try {
            if (const auto kind = ending()) store().write(session_, *kind);
            if constexpr (knows_users)
                if (is_capped()) store().destroy_oldest_of(std::string(session_.user()), cap());
        } catch (const session_error& e) {
            note(e.code());
            throw;
        }
        return concluded({});
    }
    response_fields finish(error_code& ec) {
        ec.clear();
        if (const auto kind = ending()) store().write(session_, *kind, ec);
        if constexpr (knows_users)
            if (!ec && is_capped()) store().destroy_oldest_of(std::string(session_.user()), cap(), ec);
        return concluded(ec);
    }
    /// Ends the request here and now if the store has nothing to do for it; if it has, gives nothing and changes nothing.
    /// It spares asynchronous servers an operation for requests that only read their session, or do not even that.
    std::optional<response_fields> try_finish() {
        const auto kind = ending();
        if (kind && (*kind != write_kind::keep || !store().is_settled(session_))) return std::nullopt;
        return concluded({});
    }
    /// *Completion signature:* `void(error_code, response_fields)`
    template <class Token = boost::asio::deferred_t>
    auto async_finish(Token&& token = Token{}) {
        auto step = [this, steps = 0](auto& self, error_code ec = {}, std::size_t = 0) mutable {
            switch (steps++) {
            case 0:
                if (const auto kind = ending()) return store().async_write(session_, *kind, std::move(self));
                return resume_later(std::move(self));
            case 1:
                if constexpr (knows_users)
                    if (!ec && is_capped()) return store().async_destroy_oldest_of(std::string(session_.user()), cap(), std::move(self));
            }
            self.complete(ec, concluded(ec));
        };
        return boost::asio::async_compose<Token, void(error_code, response_fields)>(std::move(step), token, store());
    }

private:
    enum class state { unknown, absent, present };

    static constexpr std::string_view flash_key = "_flash";
    static constexpr bool knows_users = session_manager<Store>::knows_users;

    // An operation that asks nobody must not end before it has begun for its caller.
    template <class Self>
    void resume_later(Self self) const {
        const auto executor = boost::asio::get_associated_executor(self, store().get_executor());
        boost::asio::post(executor, boost::asio::append(std::move(self), error_code()));
    }

    const web_detail::id_carrier& carrier() const noexcept { return manager_.carrier_; }
    Store& store() const noexcept { return manager_.store(); }

    bool must_ask() noexcept {
        if (state_ == state::unknown && !has_id()) state_ = state::absent;
        return state_ == state::unknown;
    }

    void note(const error_code& ec) {
        failure_ = ec;
        if (ec) manager_.report_failure(ec);
    }

    void adopt(const error_code& ec, std::optional<session_type> found) {
        note(ec);
        if (!ec) adopt(std::move(found));
    }
    void adopt(std::optional<session_type> found) {
        state_ = found ? state::present : state::absent;
        if (!found) return carrier().tell(security_event::unknown_id, id_);
        session_ = *std::move(found);
        expires_ = session_.expires();
        const auto renew_after = manager_.options().renew_after;
        move_ = renew_after.count() > 0 && !session_.is_read_only() && store().now() - session_.id_since() >= renew_after;
    }

    session_type& begun() {
        if (state_ != state::present) {
            session_ = store().create(manager_.lifetime());
            state_ = state::present;
        }
        return session_;
    }

    session_type& present() {
        if (state_ != state::present) throw std::logic_error("dynasession: load or start the session of the request first");
        return session_;
    }

    session_type& writable() {
        if (present().is_read_only()) throw session_error(failure(error::read_only_session));
        return session_;
    }

    bool is_blank() const {
        if constexpr (std::equality_comparable<typename session_type::value_type>)
            return session_.user().empty() && session_.value() == typename session_type::value_type{};
        else
            return false;
    }

    // What is left to be asked of the store.
    std::optional<write_kind> ending() const {
        if (finished_) return std::nullopt;
        if (logged_out_) return session_.is_new() ? std::nullopt : std::optional(write_kind::destroy);
        if (state_ != state::present) return std::nullopt;
        if (abandoned_) return session_.is_locked() ? std::optional(write_kind::release) : std::nullopt;
        if (session_.is_read_only() && store().is_settled(session_)) return std::nullopt; // if not, the store refuses it
        if (session_.is_new()) return is_blank() ? std::nullopt : std::optional(write_kind::keep);
        return move_ ? write_kind::regenerate : write_kind::keep;
    }

    std::size_t cap() const noexcept { return manager_.options().max_sessions_per_user; }
    bool is_capped() const noexcept { return logged_in_ && !logged_out_ && !abandoned_ && !finished_ && cap() != 0; }

    // What the response needs once the store has done its part.
    response_fields concluded(const error_code& ec) {
        response_fields fields;
        note(ec);
        if (ec || std::exchange(finished_, true)) return fields;
        if (logged_out_) {
            carrier().take_away(fields);
        } else if (state_ == state::present && !session_.is_new()) {
            const bool kept = carrier().persistent() || session_.max_stale() > usual_max_stale();
            if (session_.id() != id_ || outdated_ || (kept && session_.expires() != expires_))
                carrier().give(fields, session_.id(), kept ? std::optional(session_.expires() - store().now()) : std::nullopt);
        }
        if (state_ != state::unknown || logged_out_) fields.vary = carrier().request_field();
        return fields;
    }

    std::chrono::seconds usual_max_stale() const {
        return manager_.lifetime().max_stale.value_or(store().options().max_stale);
    }

    session_manager<Store>& manager_;
    session_id id_{};        // as the request brought it
    bool outdated_ = false;  // signed by a key that is on its way out
    state state_ = state::unknown;
    session_type session_{};
    time_point expires_{};   // as it was loaded
    error_code failure_{};
    bool move_ = false;
    bool logged_in_ = false;
    bool logged_out_ = false;
    bool abandoned_ = false;
    bool finished_ = false;
};

} // namespace dynasession::inline v0

#endif
