#ifndef DYNASESSION_WEB_BEAST_WEBSOCKET_HPP
#define DYNASESSION_WEB_BEAST_WEBSOCKET_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/core/session_id.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <chrono>

namespace dynasession::inline v0 {

/// Watches over a WebSocket of a session: looks for the session every so often, and closes the socket with
/// `policy_error` once it has ended, been logged out or got another id.
///
/// A conversation goes on for hours after the request that began it, so that request only tells who it is: load the session
/// `read_only` at the upgrade, finish it, keep a copy, and run this beside the conversation:
///
/// ```
/// using namespace asio::experimental::awaitable_operators;
/// co_await (chat(socket, snapshot) || close_when_session_ends(store, snapshot.id(), socket, 30s));
/// ```
///
/// The conversation has to end by returning, not by an exception: after one, `||` waits for the other side.
///
/// While the store fails, the socket stays open, and the next look decides. Looking is no use of the session: it does not
/// live longer for it.
///
/// *Lifetimes:* store and socket outlive it. It runs on the socket's strand; cancelled, it ends by `operation_aborted`.
///
/// *Cost:* a load each time.
template <class Store, class WebSocket>
boost::asio::awaitable<void> close_when_session_ends(Store& store, session_id id, WebSocket& socket,
                                                     std::chrono::milliseconds every) {
    namespace asio = boost::asio;
    namespace websocket = boost::beast::websocket;
    asio::steady_timer timer(socket.get_executor());
    for (bool there = true; there;) {
        timer.expires_after(every);
        co_await timer.async_wait(asio::use_awaitable);
        error_code ec;
        const auto found = co_await store.async_load(id, read_only, asio::redirect_error(asio::use_awaitable, ec));
        there = ec || found;
    }
    error_code gone; // the other side may have gone first
    const websocket::close_reason reason(websocket::close_code::policy_error, "the session has ended");
    co_await socket.async_close(reason, asio::redirect_error(asio::use_awaitable, gone));
}

} // namespace dynasession::inline v0

#endif
