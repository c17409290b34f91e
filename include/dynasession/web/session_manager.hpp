#ifndef DYNASESSION_WEB_SESSION_MANAGER_HPP
#define DYNASESSION_WEB_SESSION_MANAGER_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/options.hpp>
#include <dynasession/web/id_carrier.hpp>
#include <dynasession/web/session_manager_options.hpp>
#include <dynasession/web/web_session.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0 {

/// Sessions of web requests, over any store and for any server: finds the id in a request, loads the session when the
/// handler asks for it, saves it before the response leaves, and says what fields the response needs.
///
/// ```
/// ds::session_manager web{store, {.secrets = {key}}};
///
/// auto s = web.open(request["Cookie"]);           // asks nobody
/// s.start();                                      // the session of the request, or a new one
/// s->set("visits", s->template get<int>("visits").value_or(0) + 1);
/// s.finish().apply(...);                          // saves; Set-Cookie and what goes with it
/// ```
///
/// A request without an id, or whose handler does not ask for the session, causes no call to the store; nor does an id
/// that is malformed or badly signed. A session that nothing was put into is not stored. A store that fails is an error,
/// never an empty session, and the client keeps its id; see `http_failure`.
///
/// *Lifetimes:* the store outlives the manager, and both outlive the sessions that it opens.
///
/// *Thread safety:* may be used from many threads at once.
template <class Store>
class session_manager {
public:
    using store_type = Store;

    /// Whether the store finds the sessions of a user, which `max_sessions_per_user` needs.
    static constexpr bool knows_users =
        requires(Store& s, const std::string& user, std::size_t count) { s.destroy_oldest_of(user, count); };

    /// *Errors:* throws session_error with `invalid_option`, for a cookie that browsers would refuse say.
    explicit session_manager(Store& store, session_manager_options options = {})
        : store_(store), carrier_(options), options_(std::move(options)) {
        (void)store_.create(lifetime()); // of times that no store takes we hear now
        if (options_.max_sessions_per_user != 0 && !knows_users)
            throw session_error(failure(error::invalid_option, "max_sessions_per_user: this backend does not find sessions of a user"));
    }

    /// The name of the field of requests that `open` wants to see: `Cookie`, or what `header_options` says.
    std::string_view request_field() const noexcept { return carrier_.request_field(); }

    /// The session of a request, of which nothing is known yet but its id.
    ///
    /// `field` is what the request has in `request_field()`, several such fields joined by `; `; empty if it has none.
    web_session<Store> open(std::string_view field) { return web_session<Store>(*this, field); }

    Store& store() const noexcept { return store_; }
    const session_manager_options& options() const noexcept { return options_; }

    /// Has `on_failure` of the options hear of it; for what else of its sessions a server asks the store.
    void report_failure(const error_code& ec) const {
        if (options_.on_failure) options_.on_failure(ec);
    }

    /// How long sessions live that begin here.
    session_lifetime lifetime() const noexcept { return {options_.max_age, options_.max_stale}; }

private:
    friend web_session<Store>;

    Store& store_;
    web_detail::id_carrier carrier_;
    session_manager_options options_;
};

} // namespace dynasession::inline v0

#endif
