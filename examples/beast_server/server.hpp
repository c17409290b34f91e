#ifndef BEAST_SERVER_SERVER_HPP
#define BEAST_SERVER_SERVER_HPP

#include "http.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include <functional>
#include <mutex>
#include <set>
#include <string>

namespace demo {

/// What the application answers, and what the access log calls the session that was concerned.
struct answer {
    response message{};
    std::string session = "-";
};

/// A small HTTP server: every connection is a coroutine on a strand of its own. Knows nothing of sessions.
class server {
public:
    using handler = std::function<boost::asio::awaitable<answer>(const request&)>;

    /// Listens at once, and answers by `handle` while the context runs. With a TLS context it speaks https.
    server(boost::asio::io_context& context, const boost::asio::ip::tcp::endpoint& where,
           boost::asio::ssl::context* tls, handler handle);

    /// Where it listens: the port that was found if it was to be any.
    boost::asio::ip::tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }

    /// Takes no more connections and, on those that are open, no more requests than have arrived: the context runs out
    /// of work as soon as they are answered. Not to be called while other threads run the context.
    void close();

private:
    boost::asio::awaitable<void> accept();
    boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket);
    template <class Stream>
    boost::asio::awaitable<void> converse(Stream& stream, const std::string& peer);

    boost::asio::io_context& context_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::ssl::context* tls_;
    handler handle_;

    std::mutex mutex_;
    std::set<boost::asio::ip::tcp::socket*> open_; // for close()
};

} // namespace demo

#endif
