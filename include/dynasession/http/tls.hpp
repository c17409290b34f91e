#ifndef DYNASESSION_HTTP_TLS_HPP
#define DYNASESSION_HTTP_TLS_HPP

#include <dynasession/core/error.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <climits>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <string_view>

namespace dynasession::inline v0::http {

namespace tls_detail {

struct deleter {
    void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
    void operator()(SSL* p) const noexcept {
        // OpenSSL would declare the session of a connection without a closing handshake not resumable.
        if (p && SSL_is_init_finished(p)) SSL_set_shutdown(p, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(p);
    }
    void operator()(SSL_SESSION* p) const noexcept { SSL_SESSION_free(p); }
    void operator()(ASN1_OCTET_STRING* p) const noexcept { ASN1_OCTET_STRING_free(p); }
};
template <class T>
using handle = std::unique_ptr<T, deleter>;

// Takes this thread's OpenSSL errors away: left behind, they would be blamed on the next call of anybody.
inline failure last_failure(std::string_view doing) {
    std::string text(doing);
    if (const auto code = ERR_peek_last_error()) {
        const char* reason = ERR_reason_error_string(code);
        text.append(": ").append(reason ? reason : "unknown reason");
    }
    ERR_clear_error();
    return {error::tls_failure, std::move(text)};
}

inline int length(std::size_t n) noexcept { return static_cast<int>(std::min<std::size_t>(n, INT_MAX)); }

} // namespace tls_detail

/// What all TLS connections to one host share: the trusted authorities, the rules, and the session to resume.
///
/// TLS 1.2 or later; the certificate must be valid for the host, and there is no way to switch that off (OWASP
/// ASVS 12.1.1, 12.3).
///
/// *Thread safety:* may be used by many connections at once. It does not move, because OpenSSL knows its address.
class tls_context {
public:
    /// *Errors:* `error::invalid_option` if `ca_file` cannot be read, `error::tls_failure`.
    static result<std::unique_ptr<tls_context>> make(std::string host, const std::string& ca_file = {}) {
        std::unique_ptr<tls_context> context(new tls_context(std::move(host)));
        auto* const ctx = context->ctx_.get();
        if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION))
            return tls_detail::last_failure("OpenSSL offers no TLS client");
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
        SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(ctx, &tls_context::on_new_session);
        SSL_CTX_set_app_data(ctx, context.get());
        if (ca_file.empty() && !SSL_CTX_set_default_verify_paths(ctx))
            return tls_detail::last_failure("the system's trusted authorities cannot be read");
        if (!ca_file.empty() && !SSL_CTX_load_verify_locations(ctx, ca_file.c_str(), nullptr)) {
            auto f = tls_detail::last_failure("no certificates (PEM) can be read from " + ca_file);
            f.code = error::invalid_option;
            return f;
        }
        return context;
    }

    tls_context(const tls_context&) = delete;
    tls_context& operator=(const tls_context&) = delete;

private:
    friend class tls_engine;

    explicit tls_context(std::string host)
        : host_(std::move(host)), address_(a2i_IPADDRESS(host_.c_str())), ctx_(SSL_CTX_new(TLS_client_method())) {
        ERR_clear_error(); // a name is not an address
    }

    static int on_new_session(SSL* ssl, SSL_SESSION* fresh) {
        auto* self = static_cast<tls_context*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
        const std::lock_guard lock(self->mutex_);
        self->session_.reset(fresh);
        return 1; // the reference is ours now
    }

    tls_detail::handle<SSL> make_ssl() {
        tls_detail::handle<SSL> ssl(SSL_new(ctx_.get()));
        if (!ssl) throw std::bad_alloc();
        auto* const rules = SSL_get0_param(ssl.get());
        // Names stand in subjectAltName (RFC 9525); the subject's own is a text for people.
        X509_VERIFY_PARAM_set_hostflags(rules,
                                        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        const bool named = address_
                               ? X509_VERIFY_PARAM_set1_ip(rules, ASN1_STRING_get0_data(address_.get()),
                                                           static_cast<std::size_t>(ASN1_STRING_length(address_.get())))
                               : SSL_set1_host(ssl.get(), host_.c_str()) &&
                                     SSL_set_tlsext_host_name(ssl.get(), const_cast<char*>(host_.c_str()));
        if (!named) throw std::bad_alloc();
        const std::lock_guard lock(mutex_);
        if (session_) SSL_set_session(ssl.get(), session_.get());
        return ssl;
    }

    std::string host_;
    tls_detail::handle<ASN1_OCTET_STRING> address_; ///< set if the host is an address
    tls_detail::handle<SSL_CTX> ctx_;
    std::mutex mutex_;
    tls_detail::handle<SSL_SESSION> session_;
};

/// One TLS connection without a socket: what is received is put in, what has to be sent is taken out.
class tls_engine {
public:
    explicit tls_engine(tls_context& context) : ssl_(context.make_ssl()) {
        received_ = BIO_new(BIO_s_mem());
        to_send_ = BIO_new(BIO_s_mem());
        if (!received_ || !to_send_) {
            BIO_free(received_);
            BIO_free(to_send_);
            throw std::bad_alloc();
        }
        SSL_set_bio(ssl_.get(), received_, to_send_); // owns both
        SSL_set_connect_state(ssl_.get());
    }

    /// Gives bytes of the peer.
    void put(std::string_view bytes) {
        if (BIO_write(received_, bytes.data(), tls_detail::length(bytes.size())) != tls_detail::length(bytes.size()))
            throw std::bad_alloc();
    }

    /// Appends what has to be sent to `out`.
    void drain(std::string& out) {
        char* bytes = nullptr;
        const long n = BIO_get_mem_data(to_send_, &bytes);
        if (n <= 0) return;
        out.append(bytes, static_cast<std::size_t>(n));
        (void)BIO_reset(to_send_);
    }

    /// Goes on with the handshake: whether it is complete. If not, it needs bytes of the peer.
    ///
    /// *Errors:* `error::tls_failure`, saying what the certificate lacks.
    result<bool> handshake() {
        ERR_clear_error();
        const int rc = SSL_do_handshake(ssl_.get());
        if (rc == 1) return true;
        if (SSL_get_error(ssl_.get(), rc) == SSL_ERROR_WANT_READ) return false;
        const long verdict = SSL_get_verify_result(ssl_.get());
        if (verdict == X509_V_OK) return tls_detail::last_failure("handshake");
        ERR_clear_error();
        return failure(error::tls_failure, std::string("certificate: ") + X509_verify_cert_error_string(verdict));
    }

    /// Encrypts all of `bytes`.
    result<void> write(std::string_view bytes) {
        ERR_clear_error();
        while (!bytes.empty()) {
            const int n = SSL_write(ssl_.get(), bytes.data(), tls_detail::length(bytes.size()));
            if (n <= 0) return tls_detail::last_failure("encryption");
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return {};
    }

    /// Decrypts into `out`: how many bytes; 0 = it needs more of the peer, or the peer has finished.
    result<std::size_t> read(std::span<char> out) {
        ERR_clear_error();
        const int n = SSL_read(ssl_.get(), out.data(), tls_detail::length(out.size()));
        if (n > 0) return static_cast<std::size_t>(n);
        const int why = SSL_get_error(ssl_.get(), n);
        if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
        return tls_detail::last_failure("decryption");
    }

    /// Whether the peer has finished as TLS demands it. Without that, an end may be an attacker's cut.
    bool peer_finished() const noexcept { return SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN; }

    /// Whether an earlier connection's session was resumed.
    bool resumed() const noexcept { return SSL_session_reused(ssl_.get()); }

private:
    tls_detail::handle<SSL> ssl_;
    BIO* received_ = nullptr;
    BIO* to_send_ = nullptr;
};

} // namespace dynasession::inline v0::http

#endif
