#ifndef DYNASESSION_DETAIL_CRYPTO_HPP
#define DYNASESSION_DETAIL_CRYPTO_HPP

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace dynasession::inline v0::detail {

/// Overwrites memory in a way that the compiler keeps.
inline void cleanse(void* data, std::size_t size) noexcept { OPENSSL_cleanse(data, size); }

/// Overwrites a text, and all of its buffer, and leaves it empty.
inline void cleanse(std::string& text) noexcept {
    text.resize(text.capacity()); // short texts stay behind in the buffer of a string that was moved from
    cleanse(text.data(), text.size());
    text.clear();
}

/// Fills `out` from the random generator of OpenSSL, or throws std::runtime_error: never leaves weak bytes.
inline void random_bytes(std::span<unsigned char> out) {
    constexpr std::size_t most = 1U << 30; // RAND_bytes counts with int
    while (!out.empty()) {
        const auto part = out.first(std::min(out.size(), most));
        if (RAND_bytes(part.data(), static_cast<int>(part.size())) != 1)
            throw std::runtime_error("dynasession: the random generator of OpenSSL failed");
        out = out.subspan(part.size());
    }
}

/// Compares two texts in a time that depends on their lengths only.
inline bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

using sha256_digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

#ifndef OPENSSL_NO_DEPRECATED_3_0

// The low-level functions cost a quarter of the EVP ones on short messages and copy without allocating. They bypass
// providers: a program that must hash in the FIPS provider defines OPENSSL_NO_DEPRECATED and gets the class below.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/// SHA-256 of a message that comes in pieces. A copy goes on from where the original stands.
class sha256 {
public:
    sha256() noexcept { SHA256_Init(&context_); }

    void update(const void* data, std::size_t size) noexcept { SHA256_Update(&context_, data, size); }
    void update(std::string_view text) noexcept { update(text.data(), text.size()); }

    /// The hash; the object is used up.
    sha256_digest finish() noexcept {
        sha256_digest out;
        SHA256_Final(out.data(), &context_);
        return out;
    }

    /// Forgets a state that a secret went into.
    void wipe() noexcept { cleanse(&context_, sizeof(context_)); }

    static sha256_digest of(std::string_view text) noexcept {
        sha256 hash;
        hash.update(text);
        return hash.finish();
    }

private:
    SHA256_CTX context_;
};

#pragma GCC diagnostic pop

#else

/// SHA-256 of a message that comes in pieces. A copy goes on from where the original stands.
class sha256 {
public:
    sha256() : context_(EVP_MD_CTX_new()) {
        check(context_ && EVP_DigestInit_ex(context_.get(), algorithm(), nullptr));
    }
    sha256(const sha256& other) : context_(EVP_MD_CTX_new()) {
        check(context_ && EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()));
    }
    sha256(sha256&&) noexcept = default;
    sha256& operator=(const sha256& other) { return *this = sha256(other); }
    sha256& operator=(sha256&&) noexcept = default;
    ~sha256() = default;

    void update(const void* data, std::size_t size) { check(EVP_DigestUpdate(context_.get(), data, size)); }
    void update(std::string_view text) { update(text.data(), text.size()); }

    /// The hash; the object is used up.
    sha256_digest finish() {
        sha256_digest out;
        check(EVP_DigestFinal_ex(context_.get(), out.data(), nullptr));
        return out;
    }

    /// Forgets a state that a secret went into.
    void wipe() noexcept { context_.reset(); }

    static sha256_digest of(std::string_view text) {
        sha256 hash;
        hash.update(text);
        return hash.finish();
    }

private:
    struct free_context {
        void operator()(EVP_MD_CTX* c) const noexcept { EVP_MD_CTX_free(c); }
    };

    static void check(bool ok) {
        if (!ok) throw std::runtime_error("dynasession: SHA-256 of OpenSSL failed");
    }
    static const EVP_MD* algorithm() {
        static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr); // costs as much as five blocks
        return fetched;
    }

    std::unique_ptr<EVP_MD_CTX, free_context> context_;
};

#endif

/// HMAC-SHA-256 of a message that comes in pieces (RFC 2104).
///
/// A copy goes on from where the original stands: keep one that holds only the key, and copy it for each message.
class hmac_sha256 {
public:
    explicit hmac_sha256(std::string_view key) {
        std::array<unsigned char, 64> block{}; // the block of SHA-256
        if (key.size() > block.size()) {
            const auto hashed = sha256::of(key);
            std::copy(hashed.begin(), hashed.end(), block.begin());
        } else {
            std::copy(key.begin(), key.end(), block.begin());
        }
        for (auto& b : block) b ^= 0x36;
        inner_.update(block.data(), block.size());
        for (auto& b : block) b ^= 0x36 ^ 0x5c;
        outer_.update(block.data(), block.size());
        cleanse(block.data(), block.size());
    }
    hmac_sha256(const hmac_sha256&) = default;
    hmac_sha256& operator=(const hmac_sha256&) = default;
    ~hmac_sha256() {
        inner_.wipe();
        outer_.wipe();
    }

    void update(std::string_view text) { inner_.update(text); }

    /// The code; the object is used up.
    sha256_digest finish() {
        const auto hash = inner_.finish();
        outer_.update(hash.data(), hash.size());
        return outer_.finish();
    }

    static sha256_digest of(std::string_view key, std::string_view message) {
        hmac_sha256 mac(key);
        mac.update(message);
        return mac.finish();
    }

private:
    sha256 inner_;
    sha256 outer_;
};

/// SHA-1, for names that others make with it. It is no protection.
inline std::array<unsigned char, SHA_DIGEST_LENGTH> sha1_of(std::string_view text) {
    std::array<unsigned char, SHA_DIGEST_LENGTH> out;
    if (EVP_Digest(text.data(), text.size(), out.data(), nullptr, EVP_sha1(), nullptr) != 1)
        throw std::runtime_error("dynasession: SHA-1 of OpenSSL failed");
    return out;
}

/// The bytes of a digest as text, to feed one hash with another.
inline std::string_view as_text(const sha256_digest& digest) noexcept {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

} // namespace dynasession::inline v0::detail

#endif
