#ifndef DYNASESSION_SERIALIZER_ENVELOPE_HPP
#define DYNASESSION_SERIALIZER_ENVELOPE_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/fields.hpp>
#include <dynasession/core/secret.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/one_message_gcm.hpp>
#include <dynasession/serializer/each_entry.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// How encrypted entries are stored. An envelope is, with the sizes in bytes,
//
//   form 1 | key id 4 | salt 16 | ciphertext, as long as the plaintext | tag 16
//
// form: 0x81, the plaintext is text, or 0xc1, it is bytes; both are version 1.
// Context: "dynasession entry\n" | form | key id | first 24 bytes of SHA-256(session id) | key name of the entry.
// The key of the entry is one block of HKDF-Expand-SHA-256 (RFC 5869) from the secret, with context | salt as info; the
// secret is 256 random bits, so there is nothing to extract. AES-256-GCM with that key, a nonce of zeros, and the
// context as associated data. Key id: the first 4 bytes of the same, with "dynasession key id\n" as info.
//
// Why that is safe: nothing is lost as long as no derived key is used twice, and one comes up again only if one entry
// of one session gets one salt twice. Of n writes under a secret, of which each entry gets w, that happens with a
// probability of less than n*w / 2^129: even 2^48 writes of one entry stay below the 2^-32 that SP 800-38D asks for,
// where random nonces of 96 bits under one key are used up after 2^32 writes of all entries.
namespace dynasession::inline v0::envelope_detail {

inline constexpr char text_form = '\x81', bytes_form = '\xc1';
inline constexpr std::size_t key_id_size = 4, salt_size = 16;
inline constexpr std::size_t head_size = 1 + key_id_size;

/// Bytes that an envelope has more than the plaintext.
inline constexpr std::size_t overhead = head_size + salt_size + detail::one_message_gcm::tag_size;

using salt = std::array<unsigned char, salt_size>;

/// A key that is overwritten at the end.
class derived_key {
public:
    explicit derived_key(const detail::sha256_digest& bytes) noexcept : bytes_(bytes) {}
    derived_key(const derived_key&) = delete;
    derived_key& operator=(const derived_key&) = delete;
    ~derived_key() { detail::cleanse(bytes_.data(), bytes_.size()); }

    const detail::sha256_digest& bytes() const noexcept { return bytes_; }

private:
    detail::sha256_digest bytes_;
};

/// A secret as the source of the keys of entries.
class key_source {
public:
    explicit key_source(const secret& s) : keyed_(s.bytes()) {
        const derived_key all = derive("dynasession key id\n", {});
        id_ = detail::as_text(all.bytes()).substr(0, key_id_size);
    }

    /// Tells which secret it is, and nothing about it.
    std::string_view id() const noexcept { return id_; }

    derived_key derive(std::string_view context, std::string_view with_salt) const {
        detail::hmac_sha256 mac(keyed_);
        mac.update(context);
        mac.update(with_salt);
        mac.update("\x01");
        return derived_key(mac.finish());
    }

private:
    detail::hmac_sha256 keyed_;
    std::string id_;
};

/// The secrets of an application: the first seals, all open.
class key_ring {
public:
    /// *Errors:* throws session_error with `invalid_option`: there is none, or two have one id.
    explicit key_ring(const std::vector<secret>& secrets) {
        if (secrets.empty())
            throw session_error(failure(error::invalid_option,
                                        "encryption_options::secrets is empty: give at least one "
                                        "secret, of `openssl rand -base64 32` say"));
        for (const secret& s : secrets) {
            key_source source(s);
            if (find(source.id()))
                throw session_error(failure(error::invalid_option,
                                            "encryption_options::secrets has a secret twice, or two "
                                            "that cannot be told apart: leave one out"));
            sources_.push_back(std::move(source));
        }
    }

    const key_source& first() const noexcept { return sources_.front(); }

    const key_source* find(std::string_view id) const noexcept {
        const auto found = std::ranges::find(sources_, id, &key_source::id);
        return found == sources_.end() ? nullptr : &*found;
    }

private:
    std::vector<key_source> sources_;
};

/// Seals and opens the entries of one session.
class envelopes {
public:
    envelopes(const key_ring& keys, const session_id& id) : keys_(&keys), whose_(detail::sha256::of(id.str())) {}

    std::string seal(const field& plain, const salt& with) {
        const std::string_view salt_text(reinterpret_cast<const char*>(with.data()), with.size());
        std::string envelope(1, plain.binary ? bytes_form : text_form);
        envelope.reserve(plain.text.size() + overhead);
        envelope += keys_->first().id();
        const auto context = context_of(envelope, plain.key);
        envelope += salt_text;
        gcm_.seal(keys_->first().derive(context, salt_text).bytes(), context, plain.text, envelope);
        return envelope;
    }

    /// *Errors:* `corrupt_session`, for whatever reason.
    result<serializer_detail::entry_text> open(const field& sealed) {
        const std::string_view envelope = sealed.text;
        if (!is_envelope(sealed) || envelope.size() < overhead) return error::corrupt_session;
        const auto* source = keys_->find(envelope.substr(1, key_id_size));
        if (!source) return error::corrupt_session;
        const auto context = context_of(envelope.substr(0, head_size), sealed.key);
        const derived_key key = source->derive(context, envelope.substr(head_size, salt_size));
        auto plain = gcm_.open(key.bytes(), context, envelope.substr(head_size + salt_size));
        if (!plain) return error::corrupt_session;
        return serializer_detail::entry_text{*std::move(plain), envelope.front() == bytes_form};
    }

    /// Whether an entry says that it is an envelope.
    static bool is_envelope(const field& f) noexcept {
        return f.binary && (f.text.starts_with(text_form) || f.text.starts_with(bytes_form));
    }

    /// Whether an entry that could be opened was sealed with the first secret.
    bool is_under_first(const field& opened) const noexcept {
        return is_envelope(opened) && opened.text.substr(1, key_id_size) == keys_->first().id();
    }

private:
    // The hash has the length that a table's keys have: who has the table and the secrets needs no ids.
    std::string context_of(std::string_view head, std::string_view key) const {
        std::string context("dynasession entry\n");
        context.append(head).append(detail::as_text(whose_).substr(0, 24)).append(key);
        return context;
    }

    const key_ring* keys_;
    detail::sha256_digest whose_;
    detail::one_message_gcm gcm_;
};

} // namespace dynasession::inline v0::envelope_detail

#endif
