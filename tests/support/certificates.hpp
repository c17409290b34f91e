#ifndef DYNASESSION_TESTS_SUPPORT_CERTIFICATES_HPP
#define DYNASESSION_TESTS_SUPPORT_CERTIFICATES_HPP

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace test {

struct openssl_deleter {
    void operator()(X509* p) const noexcept { X509_free(p); }
    void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
    void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
    void operator()(SSL* p) const noexcept { SSL_free(p); }
};
template <class T>
using openssl_ptr = std::unique_ptr<T, openssl_deleter>;

/// A certificate with its key.
struct identity {
    openssl_ptr<X509> certificate;
    openssl_ptr<EVP_PKEY> key;
};

/// A certificate authority made for this test run.
class certificate_authority {
public:
    certificate_authority();
    ~certificate_authority();
    certificate_authority(const certificate_authority&) = delete;
    certificate_authority& operator=(const certificate_authority&) = delete;

    /// A server certificate; `subject` is as in OpenSSL's subjectAltName, e.g. "DNS:localhost" or "IP:127.0.0.1".
    std::shared_ptr<const identity> issue(const std::string& subject, bool expired = false) const;

    /// A file with the authority's own certificate, in PEM.
    const std::string& file() const noexcept { return file_; }

private:
    identity self_;
    std::string file_;
};

} // namespace test

#endif
