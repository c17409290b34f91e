#ifndef DYNASESSION_WEB_ID_SIGNER_HPP
#define DYNASESSION_WEB_ID_SIGNER_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/secret.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/encoding.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dynasession::inline v0 {

/// The id that a text from outside stands for.
struct signed_id {
    session_id id{};

    /// Whether the first key signed it, or none is needed. If not, the browser should get the text anew: the key that
    /// signed it is on its way out.
    bool current = true;
};

/// Turns ids into the texts that browsers keep, and back: with keys `<id>.<tag>`, without the id alone.
///
/// The tag is the whole HMAC-SHA-256 (RFC 2104) of the purpose and the id, as base64url (RFC 4648 section 5). The first
/// key signs, all verify: a new key is put in front, and the old one is taken away when the sessions of its time have
/// ended.
///
/// *Thread safety:* may be used from many threads at once.
class id_signer {
public:
    /// Characters of a signed id: the id, a point and the tag.
    static constexpr std::size_t signed_length =
        session_id::length + 1 + detail::base64url_size(sizeof(detail::sha256_digest));

    /// Ids that are signed for one purpose are refused for another, although the keys be the same.
    id_signer(const std::vector<secret>& keys, std::string_view purpose) {
        keys_.reserve(keys.size());
        for (const auto& key : keys) {
            // The id has a fixed length and comes last: there is one way to read what is signed.
            auto& mac = keys_.emplace_back(key.bytes());
            mac.update("dynasession signed id 1\n");
            mac.update(purpose);
            mac.update("\n");
        }
    }

    /// The text for an id, which is not empty.
    std::string sign(const session_id& id) const {
        std::string text;
        text.reserve(signed_length);
        text.append(id.str());
        if (keys_.empty()) return text;
        text.append(1, '.');
        detail::append_base64url(text, tag(keys_.front(), id));
        return text;
    }

    /// The id that a text stands for.
    ///
    /// *Errors:* `error::invalid_session_id` for a text of another shape, `error::bad_signature` for one that none of
    /// the keys has signed: two, so that they can be counted apart; whoever sent the text is not to see the difference.
    ///
    /// *Cost:* nothing is looked up, and nothing allocated but by OpenSSL's own contexts where OPENSSL_NO_DEPRECATED
    /// asks for them. A text of the right shape takes the same time whichever key signed it, or none.
    result<signed_id> read(std::string_view text) const {
        if (keys_.empty()) {
            const auto id = session_id::parse(text);
            if (!id) return id.error();
            return signed_id{*id};
        }
        if (text.size() != signed_length || text[session_id::length] != '.') return error::invalid_session_id;
        const auto id = session_id::parse(text.substr(0, session_id::length));
        const auto given = detail::decode_base64url<sizeof(detail::sha256_digest)>(text.substr(session_id::length + 1));
        if (!id || !given) return error::invalid_session_id;
        return verify(*id, *given);
    }

private:
    static detail::sha256_digest tag(detail::hmac_sha256 key, const session_id& id) {
        key.update(id.str());
        return key.finish();
    }

    result<signed_id> verify(const session_id& id, const detail::sha256_digest& given) const {
        bool by_first = false, by_any = false;
        for (const auto& key : keys_) {
            const auto expected = tag(key, id);
            const bool same = detail::equal_constant_time(detail::as_text(expected), detail::as_text(given));
            by_first = by_first || (same && &key == keys_.data());
            by_any = by_any || same;
        }
        if (!by_any) return error::bad_signature;
        return signed_id{id, by_first};
    }

    // What is the same for all ids is hashed already; a copy goes on with the id.
    std::vector<detail::hmac_sha256> keys_;
};

} // namespace dynasession::inline v0

#endif
