#ifndef DYNASESSION_WEB_BEAST_HPP
#define DYNASESSION_WEB_BEAST_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/web/http_failure.hpp>
#include <dynasession/web/response_fields.hpp>
#include <dynasession/web/session_manager.hpp>
#include <dynasession/web/web_session.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/system/system_error.hpp>

#include <iterator>
#include <string>
#include <string_view>

namespace dynasession::inline v0 {

/// The session of a Beast request.
template <class Store, class Fields>
web_session<Store> open_session(session_manager<Store>& web, const boost::beast::http::header<true, Fields>& request) {
    std::string joined; // over HTTP/2 a proxy may leave several
    const auto [first, last] = request.equal_range(web.request_field());
    for (auto f = first; f != last; ++f) {
        const std::string_view value(f->value().data(), f->value().size());
        if (f == first && std::next(f) == last) return web.open(value);
        if (f != first) joined += "; ";
        joined += value;
    }
    return web.open(joined);
}

/// Adds to a Beast response what it needs for its session.
template <class Fields>
void add_fields(const response_fields& fields, boost::beast::http::header<false, Fields>& response) {
    namespace http = boost::beast::http;
    fields.apply(
        [&response](std::string_view name, std::string_view value) {
            if (http::string_to_field(name) == http::field::set_cookie)
                response.insert(http::field::set_cookie, value); // others may set cookies, too
            else
                response.set(name, value);
        },
        [&response](std::string_view name, std::string_view value) {
            const auto there = response[name];
            response.set(name, there.empty() ? std::string(value) : std::string(there) + ", " + std::string(value));
        });
}

/// The Beast response for a request whose session could not be loaded or saved: 503 with `Retry-After` if the store is out.
template <class Fields>
boost::beast::http::response<boost::beast::http::string_body>
session_failure_response(const error_code& ec, const boost::beast::http::header<true, Fields>& request) {
    namespace http = boost::beast::http;
    const auto failed = http_failure::of(ec);
    http::response<http::string_body> response(static_cast<http::status>(failed.status), request.version());
    response.set(http::field::content_type, "text/plain; charset=utf-8");
    response.set(http::field::cache_control, "no-store");
    if (failed.retry_after.count() != 0) response.set(http::field::retry_after, std::to_string(failed.retry_after.count()));
    response.body() = failed.text;
    return response;
}

/// Serves a request with its session: `handle(web_session<Store>&)`, an `awaitable` of the response, and then all that the
/// session needs. A store that fails, in the handler or at the end, makes the response that of `session_failure_response`;
/// other exceptions of the handler pass through, and nothing is stored then.
///
/// `prepare_payload()`, `keep_alive()` and the like are left to the caller, after this.
template <class Store, class Fields, class Handle>
boost::asio::awaitable<boost::beast::http::response<boost::beast::http::string_body>>
serve_with_session(session_manager<Store>& web, const boost::beast::http::header<true, Fields>& request, Handle handle) {
    namespace asio = boost::asio;
    auto visit = open_session(web, request);
    error_code ec;
    try {
        boost::beast::http::response<boost::beast::http::string_body> response = co_await handle(visit);
        auto fields = visit.try_finish();
        if (!fields) fields = co_await visit.async_finish(asio::redirect_error(asio::use_awaitable, ec));
        if (!ec) {
            add_fields(*fields, response);
            co_return response;
        }
    } catch (const boost::system::system_error& e) {
        // The network's own errors may also come from what else the handler does.
        const bool is_known = e.code() == visit.store_failure();
        if (e.code().category() != error_category() && !is_known) throw;
        if (!is_known) web.report_failure(e.code());
        ec = e.code();
    }
    co_return session_failure_response(ec, request);
}

} // namespace dynasession::inline v0

#endif
