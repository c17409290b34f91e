#ifndef DYNASESSION_DETAIL_ONE_MESSAGE_GCM_HPP
#define DYNASESSION_DETAIL_ONE_MESSAGE_GCM_HPP

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace dynasession::inline v0::detail {

/// AES-256-GCM (NIST SP 800-38D) with keys that are good for one message each: the nonce is always zero.
///
/// *Errors:* throws std::runtime_error when OpenSSL fails.
///
/// *Thread safety:* as of a standard container.
class one_message_gcm {
public:
    static constexpr std::size_t key_size = 32;
    static constexpr std::size_t tag_size = 16;

    one_message_gcm() : context_(EVP_CIPHER_CTX_new()) { check(context_ != nullptr); }

    /// Appends the encrypted text, and after it the tag.
    void seal(std::span<const unsigned char, key_size> key, std::string_view associated, std::string_view plain,
              std::string& out) {
        begin(key, associated, encrypt);
        const std::size_t at = out.size();
        out.resize(at + plain.size() + tag_size);
        auto* sealed = bytes_of(out) + at;
        update(sealed, plain);
        int none = 0;
        check(EVP_CipherFinal_ex(context_.get(), sealed + plain.size(), &none) == 1);
        control(EVP_CTRL_AEAD_GET_TAG, sealed + plain.size());
    }

    /// The text that `seal` was given; nothing if the tag is not whole, or is not that of this key and these texts.
    std::optional<std::string> open(std::span<const unsigned char, key_size> key, std::string_view associated,
                                    std::string_view sealed) {
        if (sealed.size() < tag_size) return std::nullopt;
        const std::size_t size = sealed.size() - tag_size;
        std::array<unsigned char, tag_size> tag;
        sealed.copy(reinterpret_cast<char*>(tag.data()), tag_size, size);
        begin(key, associated, decrypt);
        std::string plain(size, '\0');
        update(bytes_of(plain), sealed.substr(0, size));
        control(EVP_CTRL_AEAD_SET_TAG, tag.data());
        int none = 0;
        unsigned char rest[1]; // GCM leaves nothing to the end
        if (EVP_CipherFinal_ex(context_.get(), rest, &none) != 1) return std::nullopt;
        return plain;
    }

private:
    struct free_context {
        void operator()(EVP_CIPHER_CTX* c) const noexcept { EVP_CIPHER_CTX_free(c); } // overwrites the key
    };

    static constexpr int encrypt = 1, decrypt = 0;

    static void check(bool ok) {
        if (!ok) throw std::runtime_error("dynasession: AES-256-GCM of OpenSSL failed");
    }

    static const EVP_CIPHER* algorithm() {
        static const EVP_CIPHER* const fetched = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
        check(fetched != nullptr);
        return fetched;
    }

    static unsigned char* bytes_of(std::string& text) noexcept { return reinterpret_cast<unsigned char*>(text.data()); }

    void begin(std::span<const unsigned char, key_size> key, std::string_view associated, int direction) {
        static constexpr std::array<unsigned char, 12> nonce{};
        check(EVP_CipherInit_ex2(context_.get(), algorithm(), key.data(), nonce.data(), direction, nullptr) == 1);
        update(nullptr, associated);
    }

    // Without an `out` the text is associated.
    void update(unsigned char* out, std::string_view text) {
        if (text.empty()) return;
        check(text.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
        int size = 0;
        const auto* in = reinterpret_cast<const unsigned char*>(text.data());
        check(EVP_CipherUpdate(context_.get(), out, &size, in, static_cast<int>(text.size())) == 1);
    }

    void control(int what, unsigned char* tag) {
        check(EVP_CIPHER_CTX_ctrl(context_.get(), what, static_cast<int>(tag_size), tag) == 1);
    }

    std::unique_ptr<EVP_CIPHER_CTX, free_context> context_;
};

} // namespace dynasession::inline v0::detail

#endif
