#ifndef DYNASESSION_TESTS_SUPPORT_SCRIPTED_SERVER_HPP
#define DYNASESSION_TESTS_SUPPORT_SCRIPTED_SERVER_HPP

#include "certificates.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace test {

/// What the server got.
struct received_request {
    std::string head; ///< start line and header block, with the empty line
    std::string body;
    unsigned connection = 0; ///< on which connection, the first is 1

    /// The value of the first field of this name in any case; empty when there is none.
    std::string_view header(std::string_view name) const;
};

/// Something a test opens and the server waits for.
class gate {
public:
    void open();
    bool wait(const std::atomic<bool>& stopped);
    void wake();

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = false;
};

/// What the server does when a request comes: the answer, and how it goes wrong.
struct answer {
    enum class framing { length, chunked, until_close };
    enum class ending {
        keep,  ///< wait for the next request
        close, ///< close in an orderly manner, without having announced it
        reset, ///< TCP RST
        stall, ///< do nothing until the peer closes or the server stops
    };

    unsigned status = 200;
    std::vector<std::pair<std::string, std::string>> headers{};
    std::string body{};
    framing frame = framing::length;
    std::size_t chunk_size = 1024;          ///< bytes a chunk
    std::string raw{};                      ///< these bytes instead of status, headers and body
    std::string before{};                   ///< bytes before the answer
    std::string behind{};                   ///< bytes behind the answer
    std::size_t cut_at = std::string::npos; ///< only so many bytes are sent
    std::size_t segment = std::string::npos; ///< bytes that are sent at a time
    bool unread = false;                    ///< as soon as there is a request, without reading it; scripts only
    ending end = ending::keep;
    std::shared_ptr<gate> hold{}; ///< wait for this before sending

    static answer ok(std::string body) { return with(200, std::move(body)); }
    static answer with(unsigned status, std::string body) {
        answer a;
        a.status = status;
        a.body = std::move(body);
        return a;
    }
    static answer bytes(std::string raw, ending end = ending::close) {
        answer a;
        a.raw = std::move(raw);
        a.end = end;
        return a;
    }
    /// Nothing is sent, and then this happens.
    static answer nothing(ending end, bool unread = false) {
        answer a;
        a.cut_at = 0;
        a.unread = unread;
        a.end = end;
        return a;
    }

    answer& header(std::string name, std::string value) & {
        headers.emplace_back(std::move(name), std::move(value));
        return *this;
    }
    answer header(std::string name, std::string value) && {
        return std::move(header(std::move(name), std::move(value)));
    }
    answer then(ending e) && {
        end = e;
        return std::move(*this);
    }

    std::string render() const;
};

/// How the server speaks TLS.
struct tls_mode {
    std::shared_ptr<const identity> certificate{}; ///< null = plain HTTP
    bool tls_1_1_only = false;
    bool tls_1_2_only = false;
    bool close_in_handshake = false;
    bool behind_connect = false; ///< not before one request on each connection, its CONNECT, was answered
};

/// An HTTP/1.1 server on 127.0.0.1 in threads of its own that plays a script or asks a handler.
///
/// Each request takes the next answer of the script, whatever its connection; after the last one, requests are
/// answered with status 599. Ends with its destructor. Between `stop` and `start` it is as if its machine had no server,
/// on the same port.
class scripted_server {
public:
    /// Called by several threads at once if there are several connections.
    using handler = std::function<answer(const received_request&)>;

    explicit scripted_server(std::vector<answer> script, tls_mode tls = {});
    explicit scripted_server(handler h, tls_mode tls = {});
    ~scripted_server();
    scripted_server(const scripted_server&) = delete;
    scripted_server& operator=(const scripted_server&) = delete;

    /// Closes all connections and refuses new ones. Called by one thread at a time, as `start` is.
    void stop();
    void start();

    std::uint16_t port() const noexcept { return port_; }
    /// http(s)://127.0.0.1:port, or another name of this machine.
    std::string url(std::string_view host = "127.0.0.1") const;

    std::vector<received_request> requests() const;
    unsigned connections() const;
    /// On how many connections a TLS session was resumed.
    unsigned resumed_sessions() const;

    /// These wait, at most 20 seconds: false = it did not happen.
    bool wait_for_requests(std::size_t count) const;
    bool wait_for_connections(unsigned count) const;
    bool wait_until_closed(unsigned connection) const;

private:
    class stream;

    void prepare();
    void accept_all();
    void serve(int fd, unsigned number);
    bool converse(stream& peer, int fd, unsigned number);
    answer next(const received_request& request);
    bool next_is_unread(answer& out);
    template <class Condition>
    bool wait_for(Condition condition) const;

    std::vector<answer> script_;
    std::size_t position_ = 0;
    handler handler_;
    tls_mode tls_;
    openssl_ptr<SSL_CTX> context_;
    std::uint16_t port_ = 0;
    int place_ = -1; ///< keeps the port for us while nothing listens
    int listener_ = -1;
    int stop_ = -1; ///< an eventfd, readable from the end on
    std::atomic<bool> stopped_{false};
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::vector<received_request> requests_;
    std::vector<std::shared_ptr<gate>> gates_;
    std::set<unsigned> closed_;
    unsigned connections_ = 0;
    unsigned resumed_ = 0;
    std::list<std::thread> peers_;
    std::thread acceptor_;
};

} // namespace test

#endif
