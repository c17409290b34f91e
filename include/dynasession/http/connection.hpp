#ifndef DYNASESSION_HTTP_CONNECTION_HPP
#define DYNASESSION_HTTP_CONNECTION_HPP

#include <dynasession/core/options.hpp>
#include <dynasession/http/async_socket.hpp>
#include <dynasession/http/blocking_socket.hpp>
#include <dynasession/http/codec.hpp>
#include <dynasession/http/tls.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::http {

/// A connection to the endpoint: the protocol's state, and a socket that serves blocking and asynchronous calls,
/// one after the other.
class connection {
public:
    using address = boost::asio::ip::tcp::endpoint;

    /// As `codec`.
    connection(const connection_options& limits, tls_context* tls, std::string_view connect_request = {})
        : codec_(limits, tls, connect_request) {}
    ~connection() {
        if (async_) async_->close();
    }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    codec& protocol() noexcept { return codec_; }
    const codec& protocol() const noexcept { return codec_; }

    /// What the look-up of its peer's name found.
    std::vector<address> addresses;

    /// When it came to lie idle.
    std::chrono::steady_clock::time_point idle_since{};

    /// The socket for blocking calls.
    blocking_socket& blocking() {
        if (async_ && async_->is_open()) blocking_.assign(async_->release());
        return blocking_;
    }

    /// The socket for asynchronous calls.
    const std::shared_ptr<async_socket>& async(const boost::asio::any_io_executor& executor) {
        if (!async_) async_ = std::make_shared<async_socket>(executor);
        if (blocking_.is_open()) async_->assign(family(), blocking_.release());
        return async_;
    }

    /// The same if there has been one, else null.
    std::shared_ptr<async_socket> async() const noexcept { return async_; }

    /// Nothing of an asynchronous exchange is left waiting.
    void rest() {
        if (async_) async_->disarm();
    }

    /// Whether the connection is as it was left: open, with nothing to read.
    bool is_quiet() const {
        return posix::is_quiet(blocking_.is_open() ? blocking_.native_handle() : async_->native_handle());
    }

private:
    boost::asio::ip::tcp family() const {
        sockaddr_storage own{};
        socklen_t size = sizeof own;
        ::getsockname(blocking_.native_handle(), reinterpret_cast<sockaddr*>(&own), &size);
        return own.ss_family == AF_INET6 ? boost::asio::ip::tcp::v6() : boost::asio::ip::tcp::v4();
    }

    codec codec_;
    blocking_socket blocking_;
    std::shared_ptr<async_socket> async_;
};

} // namespace dynasession::inline v0::http

#endif
