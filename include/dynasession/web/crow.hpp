#ifndef DYNASESSION_WEB_CROW_HPP
#define DYNASESSION_WEB_CROW_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/detail/http_syntax.hpp>
#include <dynasession/web/http_failure.hpp>
#include <dynasession/web/response_fields.hpp>
#include <dynasession/web/session_manager.hpp>
#include <dynasession/web/web_session.hpp>

#include <boost/system/system_error.hpp>

#include <crow/http_request.h>
#include <crow/http_response.h>
#include <crow/logging.h>
#include <crow/middleware.h>

#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0 {

namespace crow_detail {

/// Middleware that every request passes, as Crow's `ILocalMiddleware` is one that routes name.
struct every_route {
    using call_global = std::true_type;
};

/// What a request has in a field; over HTTP/2 a proxy may leave several cookie fields.
inline std::string field_of(const crow::request& request, std::string_view name) {
    std::string joined;
    const auto [first, last] = request.headers.equal_range(std::string(name));
    for (auto f = first; f != last; ++f) {
        if (f != first) joined += "; ";
        joined += f->second;
    }
    return joined;
}

inline void add_fields(const response_fields& fields, crow::response& response) {
    fields.apply(
        [&response](std::string_view name, std::string_view value) {
            if (detail::equal_ignoring_case(name, "Set-Cookie"))
                response.add_header(std::string(name), std::string(value)); // others may set cookies, too
            else
                response.set_header(std::string(name), std::string(value));
        },
        [&response](std::string_view name, std::string_view value) {
            response.add_header(std::string(name), std::string(value)); // a list, and may stand on several lines
        });
}

/// Puts what the server answers instead into a response that has ended; assigning another one would have it end anew.
inline void replace(crow::response& response, const http_failure& failed) {
    if (response.is_static_type()) response.set_static_file_info_unsafe({}); // no file has this name: it sends none then
    response.code = failed.status;
    response.headers.clear();
    response.body = failed.text;
    response.set_header("Content-Type", "text/plain; charset=utf-8");
    response.set_header("Cache-Control", "no-store");
    if (failed.retry_after.count() != 0) response.set_header("Retry-After", std::to_string(failed.retry_after.count()));
    response.manual_length_header = response.skip_body;
    if (!response.skip_body) return;
    response.set_header("Content-Length", std::to_string(response.body.size())); // to HEAD, the length alone
    response.body.clear();
}

} // namespace crow_detail

/// Crow middleware that gives each request its session.
///
///     ds::memory_session_store store;
///     ds::session_manager web(store, {.secrets = {key}});
///     using sessions = ds::crow_sessions<ds::memory_session_store>;
///     crow::App<sessions> app{sessions{web}};
///
///     CROW_ROUTE(app, "/")([&app](const crow::request& r) {
///         auto& s = sessions::of(app, r);           // asks nobody
///         s.start();                                // the session of the request, or a new one
///         s->set("visits", s->get<int>("visits").value_or(0) + 1);
///         return "welcome";                         // saved before the response leaves
///     });
///
/// Requests do not wait for each other. The store is called on the thread that serves the request, so `concurrency` has to
/// allow for as many threads as requests are to wait for the store at once.
///
/// What a handler decided is carried out when its response ends, on the thread that ends it; the session is gone then.
/// Handlers do not call `finish`. With a response of 5xx, as Crow makes of exceptions, nothing is stored but a logout.
///
/// A store that fails makes the response what `http_failure` says, 503 with `Retry-After` mostly: when the session cannot be
/// saved, and when the failure leaves the handler as an exception. Handlers that want to go on without a session call
/// `load(ec)`. With an `exception_handler` of the application that writes a page, that page is sent.
///
/// A WebSocket has no response: in `onaccept` load the session `read_only` and copy what the conversation needs. There
/// nothing is saved, and locks are given up when the upgrade is done. Only middleware of all routes has the session then.
///
/// *Lifetimes:* a manager that is given by reference outlives the application. The session is valid until the response ends.
///
/// *Thread safety:* as of the manager; each session belongs to one request.
template <class Store, class Scope = crow_detail::every_route>
class crow_sessions : public Scope {
public:
    using manager_type = session_manager<Store>;

    /// What Crow keeps of a request for us.
    class context {
    public:
        context() = default;
        ~context() { give_up(); }

        /// Crow begins each request of a connection by assigning a fresh one.
        context& operator=(context&&) noexcept {
            give_up();
            return *this;
        }

        /// The session of the request, of which nothing was loaded yet.
        ///
        /// *Errors:* throws std::logic_error where the middleware does not run.
        web_session<Store>& session() {
            if (!session_)
                throw std::logic_error("dynasession: no session here: the route has to name crow_route_sessions in "
                                       "CROW_MIDDLEWARES, and the response must not have ended");
            return *session_;
        }

    private:
        friend crow_sessions;

        void begin(std::shared_ptr<manager_type> web, const crow::request& request) {
            web_ = std::move(web);
            session_.emplace(*web_, crow_detail::field_of(request, web_->request_field()));
        }

        // Crow may call again for a later request of the connection, one without a route: that has no session.
        void end(crow::response& response) {
            if (!session_) return;
            const bool handler_failed = response.code >= 500;
            const error_code cause = response.code == 500 && response.body.empty() ? what_failed() : error_code();
            if (handler_failed) session_->abandon();
            std::optional<http_failure> failed;
            try {
                const auto fields = session_->finish();
                crow_detail::add_fields(fields, response);
            } catch (const std::exception& e) {
                CROW_LOG_ERROR << "dynasession: a session was not " << (handler_failed ? "released: " : "saved: ") << e.what();
                const auto* of_store = dynamic_cast<const boost::system::system_error*>(&e);
                if (!handler_failed) failed = of_store ? http_failure::of(of_store->code()) : http_failure();
            }
            if (cause) failed = http_failure::of(cause);
            if (failed) crow_detail::replace(response, *failed);
            session_.reset();
        }

        // The failure of the store that left the handler. Crow ends the response while it has the exception in its hands,
        // but for the catch-all route.
        error_code what_failed() const {
            const auto thrown = std::current_exception();
            if (!thrown) return session_->store_failure();
            try {
                std::rethrow_exception(thrown);
            } catch (const boost::system::system_error& e) {
                // The network's own errors may also come from what else the handler does.
                if (e.code().category() == error_category() || e.code() == session_->store_failure()) return e.code();
            } catch (...) {
            }
            return {};
        }

        // Of a request without a response: a WebSocket, say. Others shall not wait for the end of its lock.
        void give_up() noexcept {
            if (!session_) return;
            try {
                if (const auto* s = session_->get(); s && s->is_locked()) {
                    session_->abandon();
                    session_->finish();
                }
            } catch (const std::exception& e) {
                CROW_LOG_WARNING << "dynasession: a session was not released: " << e.what();
            }
            session_.reset();
        }

        std::shared_ptr<manager_type> web_; // a connection may outlive the application's middleware
        std::optional<web_session<Store>> session_;
    };

    explicit crow_sessions(std::shared_ptr<manager_type> web) : web_(std::move(web)) {}

    /// The same; the manager outlives the application.
    explicit crow_sessions(manager_type& web) : web_(std::shared_ptr<void>(), &web) {}

    /// The session of a request that the application is serving; see `context::session`.
    template <class App>
    static web_session<Store>& of(App& app, const crow::request& request) {
        return app.template get_context<crow_sessions>(request).session();
    }

    void before_handle(crow::request& request, crow::response&, context& c) { c.begin(web_, request); }
    void after_handle(crow::request&, crow::response& response, context& c) { c.end(response); }

private:
    std::shared_ptr<manager_type> web_;
};

/// The same for the routes alone that name it: `.CROW_MIDDLEWARES(app, ds::crow_route_sessions<Store>)`.
template <class Store>
using crow_route_sessions = crow_sessions<Store, crow::ILocalMiddleware>;

} // namespace dynasession::inline v0

#endif
