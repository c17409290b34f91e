#ifndef DYNASESSION_SERIALIZER_ENCRYPTED_HPP
#define DYNASESSION_SERIALIZER_ENCRYPTED_HPP

#include <dynasession/core/concepts.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/core/fields.hpp>
#include <dynasession/core/secret.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/serializer/each_entry.hpp>
#include <dynasession/serializer/envelope.hpp>
#include <dynasession/serializer/json.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dynasession::inline v0 {

/// With what sessions are encrypted.
struct encryption_options {
    /// The first encrypts, all decrypt. To replace one, put the new one behind it on every server, then before it; take
    /// the old one away when the last session that it encrypted has been saved or has ended.
    std::vector<secret> secrets{};

    /// Whether entries that were stored before there was encryption are read; the next save encrypts them. As long as
    /// this is set, who can write to the table can put what he likes into sessions.
    bool accept_plain = false;
};

/// Encrypts each entry that `Serializer` makes, with AES-256-GCM under a key of its own: `encrypted<json_serializer>`.
///
/// Who reads the table sees the names of top-level keys, how long each value is and which ones change; no values. Who
/// writes to it can remove entries or bring back earlier ones, but neither make one nor move one to another key or
/// session. With `encrypted<compressed<...>>` the length also tells how far a value repeats itself: keep what others
/// may choose and what they may not know under different keys.
///
/// An entry that did not change keeps what is stored of it, so saves stay as small as without encryption; but one that
/// is not encrypted with the first secret is encrypted anew by the next save, unless others have saved meanwhile. The
/// same change made by two requests at once is a conflict with optimistic_lock: their texts differ.
///
/// Entries are bound to the id of the session, so `session_options::regenerate_grace` cannot be used.
///
/// *Cost:* 37 bytes an entry, stored as B in DynamoDB.
template <serializer Serializer = json_serializer>
class encrypted {
public:
    using value_type = typename Serializer::value_type;
    static constexpr bool binds_to_id = true;

    /// *Errors:* throws session_error with `invalid_option`: no secret, or one twice.
    explicit encrypted(const encryption_options& options, Serializer inner = {})
        : inner_(std::move(inner)), keys_(std::make_shared<envelope_detail::key_ring>(options.secrets)),
          accepts_plain_(options.accept_plain) {}

    /// *Errors:* those of `Serializer`; `corrupt_session`: what is stored is not of this session or under none of the
    /// secrets.
    result<fields> serialize(const value_type& value, serialize_context context) const {
        envelope_detail::envelopes envelopes(*keys_, context.id);
        const auto said = read_all(envelopes, context.stored);
        if (!said) return said.error();
        const auto entries = inner_.serialize(value, {context.id, *said});
        if (!entries) return entries.error();
        const auto keep = [&](const field& f) { return envelopes.is_under_first(f); };
        const auto seal = [&](const field& f) {
            envelope_detail::salt salt;
            detail::random_bytes(salt);
            return serializer_detail::entry_text{envelopes.seal(f, salt), true};
        };
        return serializer_detail::write_each(*entries, context.stored, *said, keep, seal);
    }

    /// *Errors:* those of `Serializer`; `corrupt_session`, which does not tell why an entry cannot be decrypted.
    result<value_type> deserialize(const fields& entries, const session_id& id) const {
        envelope_detail::envelopes envelopes(*keys_, id);
        const auto said = read_all(envelopes, entries);
        if (!said) return said.error();
        return inner_.deserialize(*said, id);
    }

    /// Whether two entries of one key hold the same value.
    bool same(const field& a, const field& b, const session_id& id) const {
        envelope_detail::envelopes envelopes(*keys_, id);
        const auto one = read(envelopes, a), other = read(envelopes, b);
        return one && other && one->text == other->text && one->binary == other->binary;
    }

private:
    result<serializer_detail::entry_text> read(envelope_detail::envelopes& envelopes, const field& f) const {
        if (envelopes.is_envelope(f)) return envelopes.open(f);
        if (accepts_plain_) return serializer_detail::entry_text{std::string(f.text), f.binary};
        if (f.binary) return error::corrupt_session;
        return failure(error::corrupt_session,
                       "an entry is not encrypted: set encryption_options::accept_plain as long as "
                       "there are sessions from before the encryption");
    }

    result<fields> read_all(envelope_detail::envelopes& envelopes, const fields& entries) const {
        return serializer_detail::read_each(entries, [&](const field& f) { return read(envelopes, f); });
    }

    Serializer inner_;
    std::shared_ptr<const envelope_detail::key_ring> keys_;
    bool accepts_plain_;
};

static_assert(check_serializer<encrypted<json_serializer>>());

} // namespace dynasession::inline v0

#endif
