#include "certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <stdexcept>

namespace test {

namespace {

void demand(bool ok, const char* what) {
    if (!ok) throw std::runtime_error(what);
}

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    auto* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    demand(extension != nullptr, "certificate extension");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

identity make(const char* name, long serial, bool expired) {
    constexpr long day = 24 * 60 * 60;
    identity made{openssl_ptr<X509>(X509_new()), openssl_ptr<EVP_PKEY>(EVP_EC_gen("P-256"))};
    auto* const c = made.certificate.get();
    demand(c && made.key, "key");
    X509_set_version(c, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c), serial);
    X509_gmtime_adj(X509_getm_notBefore(c), -3 * day);
    X509_gmtime_adj(X509_getm_notAfter(c), expired ? -day : day);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    X509_set_pubkey(c, made.key.get());
    return made;
}

} // namespace

certificate_authority::certificate_authority() : self_(make("dynasession test authority", 1, false)) {
    auto* const c = self_.certificate.get();
    X509_set_issuer_name(c, X509_get_subject_name(c));
    extend(c, c, NID_basic_constraints, "critical,CA:TRUE");
    extend(c, c, NID_key_usage, "critical,keyCertSign");
    demand(X509_sign(c, self_.key.get(), EVP_sha256()) > 0, "signature");

    file_ = (std::filesystem::temp_directory_path() / "dynasession-ca-XXXXXX").string();
    const int fd = ::mkstemp(file_.data());
    demand(fd >= 0, "temporary file");
    std::FILE* const out = ::fdopen(fd, "w");
    PEM_write_X509(out, c);
    std::fclose(out);
}

certificate_authority::~certificate_authority() { ::unlink(file_.c_str()); }

std::shared_ptr<const identity> certificate_authority::issue(const std::string& subject, bool expired) const {
    auto made = std::make_shared<identity>(make("dynasession test server", 2, expired));
    auto* const c = made->certificate.get();
    X509_set_issuer_name(c, X509_get_subject_name(self_.certificate.get()));
    extend(c, self_.certificate.get(), NID_subject_alt_name, subject);
    demand(X509_sign(c, self_.key.get(), EVP_sha256()) > 0, "signature");
    return made;
}

} // namespace test
