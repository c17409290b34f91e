#include "scripted_server.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>

namespace test {

std::string_view received_request::header(std::string_view name) const {
    const std::string_view text = head;
    for (auto at = text.find("\r\n"); at + 4 <= text.size(); at = text.find("\r\n", at + 2)) {
        const auto line = text.substr(at + 2, text.find("\r\n", at + 2) - at - 2);
        if (line.size() <= name.size() || line[name.size()] != ':') continue;
        if (::strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
        auto value = line.substr(name.size() + 1);
        value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
        return value;
    }
    return {};
}

void gate::open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
}

bool gate::wait(const std::atomic<bool>& stopped) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_ || stopped; });
    return open_;
}

void gate::wake() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
}

std::string answer::render() const {
    if (!raw.empty()) return before + raw + behind;
    std::string text = before + "HTTP/1.1 " + std::to_string(status) + " Scripted\r\n";
    for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
    if (frame == framing::length) text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    if (frame == framing::until_close) text += "\r\n" + body;
    if (frame == framing::chunked) {
        text += "Transfer-Encoding: chunked\r\n\r\n";
        for (std::size_t at = 0; at < body.size(); at += chunk_size) {
            const auto piece = body.substr(at, chunk_size);
            char size[20];
            std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
            text += size + piece + "\r\n";
        }
        text += "0\r\n\r\n";
    }
    return text + behind;
}

/// A connection's bytes, plain or through TLS; every wait ends when the server stops.
class scripted_server::stream {
public:
    stream(int fd, int stop) : fd_(fd), stop_(stop) {}

    /// Speaks TLS from now on.
    bool accept(SSL_CTX* context) {
        ssl_.reset(SSL_new(context));
        SSL_set_fd(ssl_.get(), fd_);
        SSL_set_accept_state(ssl_.get());
        return repeat([&] { return SSL_do_handshake(ssl_.get()); }) == 1;
    }
    bool resumed() const { return ssl_ && SSL_session_reused(ssl_.get()); }

    /// False = the peer has closed, or the server stops.
    bool read(std::string& out) {
        char buffer[16384];
        const auto n = ssl_ ? repeat([&] { return SSL_read(ssl_.get(), buffer, sizeof buffer); })
                            : static_cast<int>(wait(POLLIN) ? ::recv(fd_, buffer, sizeof buffer, 0) : -1);
        if (n <= 0) return false;
        out.append(buffer, static_cast<std::size_t>(n));
        return true;
    }

    bool write(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto n =
                ssl_ ? repeat([&] { return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())); })
                     : static_cast<int>(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
            if (n > 0)
                bytes.remove_prefix(static_cast<std::size_t>(n));
            else if (ssl_ || errno != EAGAIN || !wait(POLLOUT))
                return false;
        }
        return true;
    }

    /// Says farewell as TLS demands it.
    void finish() {
        if (ssl_) SSL_shutdown(ssl_.get());
        ERR_clear_error();
    }

    bool wait(short events) {
        pollfd both[] = {{fd_, events, 0}, {stop_, POLLIN, 0}};
        while (::poll(both, 2, -1) < 0)
            if (errno != EINTR) return false;
        return both[1].revents == 0;
    }

private:
    template <class Call>
    int repeat(Call call) {
        for (;;) {
            ERR_clear_error();
            const int n = call();
            if (n > 0) return n;
            const int why = SSL_get_error(ssl_.get(), n);
            ERR_clear_error();
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return n;
            if (!wait(why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT)) return -1;
        }
    }

    int fd_;
    int stop_;
    openssl_ptr<SSL> ssl_;
};

namespace {

// A socket at this port of 127.0.0.1, 0 = any that is free; it does not listen yet.
int bound_socket(std::uint16_t& port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    where.sin_port = htons(port);
    socklen_t size = sizeof where;
    auto* const address = reinterpret_cast<sockaddr*>(&where);
    if (::bind(fd, address, size) != 0 || ::getsockname(fd, address, &size) != 0)
        throw std::runtime_error("the scripted server finds no port");
    port = ntohs(where.sin_port);
    return fd;
}

} // namespace

scripted_server::scripted_server(std::vector<answer> script, tls_mode tls)
    : script_(std::move(script)), tls_(std::move(tls)) {
    prepare();
    start();
}

scripted_server::scripted_server(handler h, tls_mode tls) : handler_(std::move(h)), tls_(std::move(tls)) {
    prepare();
    start();
}

scripted_server::~scripted_server() {
    stop();
    ::close(place_);
}

void scripted_server::prepare() {
    if (tls_.certificate) {
        context_.reset(SSL_CTX_new(TLS_server_method()));
        SSL_CTX_use_certificate(context_.get(), tls_.certificate->certificate.get());
        SSL_CTX_use_PrivateKey(context_.get(), tls_.certificate->key.get());
        SSL_CTX_set_session_id_context(context_.get(), reinterpret_cast<const unsigned char*>("test"), 4);
        if (tls_.tls_1_2_only) SSL_CTX_set_max_proto_version(context_.get(), TLS1_2_VERSION);
        if (tls_.tls_1_1_only) {
            SSL_CTX_set_cipher_list(context_.get(), "DEFAULT@SECLEVEL=0");
            SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
            SSL_CTX_set_max_proto_version(context_.get(), TLS1_1_VERSION);
        }
    }
    place_ = bound_socket(port_);
}

void scripted_server::start() {
    if (acceptor_.joinable()) return;
    stopped_ = false;
    stop_ = ::eventfd(0, EFD_CLOEXEC);
    listener_ = bound_socket(port_);
    if (::listen(listener_, 128) != 0) throw std::runtime_error("the scripted server cannot listen");
    acceptor_ = std::thread([this] { accept_all(); });
}

void scripted_server::stop() {
    if (!acceptor_.joinable()) return;
    stopped_ = true;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& g : gates_) g->wake();
    }
    ::eventfd_write(stop_, 1);
    acceptor_.join();
    for (auto& peer : peers_) peer.join();
    peers_.clear();
    ::close(listener_);
    ::close(stop_);
}

void scripted_server::accept_all() {
    for (;;) {
        pollfd both[] = {{listener_, POLLIN, 0}, {stop_, POLLIN, 0}};
        if (::poll(both, 2, -1) < 0) continue;
        if (both[1].revents != 0) return;
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) continue;
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        unsigned number;
        {
            const std::lock_guard lock(mutex_);
            number = ++connections_;
            changed_.notify_all();
        }
        peers_.emplace_back([=, this] { serve(fd, number); });
    }
}

void scripted_server::serve(int fd, unsigned number) {
    // OpenSSL's own socket calls raise SIGPIPE; here only, so that a client that raises it is found out.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    {
        stream peer(fd, stop_);
        if ((!tls_.behind_connect || converse(peer, fd, number)) && !tls_.close_in_handshake &&
            (!context_ || peer.accept(context_.get()))) {
            if (peer.resumed()) {
                const std::lock_guard lock(mutex_);
                ++resumed_;
            }
            while (converse(peer, fd, number)) {
            }
        }
    }
    ::close(fd);
    const std::lock_guard lock(mutex_);
    closed_.insert(number);
    changed_.notify_all();
}

// One request; whether another may follow.
bool scripted_server::converse(stream& peer, int fd, unsigned number) {
    received_request request;
    request.connection = number;
    answer play;
    if (!peer.wait(POLLIN)) return false;
    if (!next_is_unread(play)) {
        std::string text;
        auto end = text.npos;
        while ((end = text.find("\r\n\r\n")) == text.npos)
            if (!peer.read(text)) return false;
        request.head = text.substr(0, end + 4);
        request.body = text.substr(end + 4);
        const auto length = static_cast<std::size_t>(std::atol(std::string(request.header("content-length")).c_str()));
        while (request.body.size() < length)
            if (!peer.read(request.body)) return false;
        play = next(request);
    }
    if (play.hold && !play.hold->wait(stopped_)) return false;
    auto bytes = play.render();
    bytes.resize(std::min(bytes.size(), play.cut_at));
    for (std::string_view rest = bytes; !rest.empty(); rest.remove_prefix(std::min(play.segment, rest.size())))
        if (!peer.write(rest.substr(0, play.segment))) return false;
    switch (play.end) {
    case answer::ending::keep: return true;
    case answer::ending::close: peer.finish(); return false;
    case answer::ending::reset: {
        const linger now{1, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        return false;
    }
    case answer::ending::stall:
        std::string ignored;
        while (peer.read(ignored)) {
        }
        return false;
    }
    return false;
}

bool scripted_server::next_is_unread(answer& out) {
    const std::lock_guard lock(mutex_);
    if (handler_ || position_ == script_.size() || !script_[position_].unread) return false;
    out = script_[position_++];
    return true;
}

answer scripted_server::next(const received_request& request) {
    std::unique_lock lock(mutex_);
    requests_.push_back(request);
    changed_.notify_all();
    answer play;
    if (handler_) {
        lock.unlock();
        play = handler_(request);
        lock.lock();
    } else if (position_ != script_.size()) {
        play = script_[position_++];
    } else {
        play = answer::with(599, "the script has no more answers");
    }
    if (play.hold) gates_.push_back(play.hold);
    return play;
}

std::string scripted_server::url(std::string_view host) const {
    return (tls_.certificate ? "https://" : "http://") + std::string(host) + ':' + std::to_string(port_);
}

std::vector<received_request> scripted_server::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

unsigned scripted_server::connections() const {
    const std::lock_guard lock(mutex_);
    return connections_;
}

unsigned scripted_server::resumed_sessions() const {
    const std::lock_guard lock(mutex_);
    return resumed_;
}

template <class Condition>
bool scripted_server::wait_for(Condition condition) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), condition);
}

bool scripted_server::wait_for_requests(std::size_t count) const {
    return wait_for([&] { return requests_.size() >= count; });
}

bool scripted_server::wait_for_connections(unsigned count) const {
    return wait_for([&] { return connections_ >= count; });
}

bool scripted_server::wait_until_closed(unsigned connection) const {
    return wait_for([&] { return closed_.contains(connection); });
}

} // namespace test
