#ifndef DYNASESSION_BACKEND_NATIVE_LAYOUT_HPP
#define DYNASESSION_BACKEND_NATIVE_LAYOUT_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/record.hpp>
#include <dynasession/core/session_handle.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/core/session_summary.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/encoding.hpp>
#include <dynasession/dynamodb/item.hpp>
#include <dynasession/dynamodb/item_size.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0 {

/// How this library writes a session into a DynamoDB item. Names are short, because every byte is billed.
///
/// | attribute | type | what |
/// | --- | --- | --- |
/// | `id` | S | prefix + base64url of the first 192 bits of the SHA-256 of the session id: no key leads to an id |
/// | `d` | M | the data: one entry a top-level key, its text as S, or as B if it is binary |
/// | `expires` | N | when the session ends unless it is used before, whole seconds: the TTL attribute |
/// | `c` | N | when it was created, seconds |
/// | `x` | N | when it ends however much it is used, seconds; left out if never |
/// | `i` | N | how long it lives unused, seconds |
/// | `v` | N | its version |
/// | `o` | S | the user whom it belongs to; left out if nobody. Key of the index by user |
/// | `s` | N | since when it belongs to `o`, milliseconds; only with it. Sort key of that index |
/// | `a` | S | what the user knows it by; left out if nothing |
/// | `g` | N | when it was given its id, seconds; left out before it is regenerated |
/// | `w` | S | the marks of the last writers, newest first, 5 characters each; left out before the first save |
/// | `lock` | S | the token of who has the session to itself (16 characters); the PHP handler writes an N here |
/// | `lock_until` | N | when that ends, milliseconds; without a `lock` it means nothing |
///
/// A session that was regenerated with a grace time leaves an item behind that has expired for all who do not know it:
///
/// | attribute | type | what |
/// | --- | --- | --- |
/// | `f` | S | the `id` of the item that it moved to |
/// | `u` | N | until when it leads readers there, seconds |
///
/// The mark of a user, all of whose sessions were ended (`id` is prefix + `mark:` + a hash of the name that no session has):
///
/// | attribute | type | what |
/// | --- | --- | --- |
/// | `m` | N | no session counts that belongs to the user since then or before, milliseconds |
/// | `expires` | N | when no such session can be there any more |
///
/// Attributes that it does not know stay as they are.
class native_layout {
public:
    /// Names of the attributes beside the key and the expiry, which a table may call as it likes.
    static constexpr std::string_view data = "d", created = "c", deadline = "x", max_stale = "i", version = "v",
                                      journal = "w", lock = "lock", lock_until = "lock_until", moved_to = "f",
                                      leads_until = "u", owner = "o", since = "s", device = "a", id_since = "g",
                                      not_before = "m";

    /// Whether one of our attributes has this name.
    static constexpr bool is_taken(std::string_view name) noexcept {
        for (const auto ours : {data, created, deadline, max_stale, version, journal, lock, lock_until, moved_to, leads_until,
                                owner, since, device, id_since, not_before})
            if (name == ours) return true;
        return false;
    }

    std::string hash_key = "id";
    std::string expires = "expires";
    std::string key_prefix{};

    dynamodb::item key(const session_id& id) const {
        return key_of_text(key_text(id));
    }

    dynamodb::item key_of_text(std::string text) const {
        return {{hash_key, dynamodb::attribute_value::string(std::move(text))}};
    }

    std::string key_text(const session_id& id) const {
        return key_text(session_handle::of(id));
    }

    std::string key_text(const session_handle& handle) const {
        std::string text = key_prefix;
        return text += handle.str();
    }

    /// The handle of the session whose key this is.
    result<session_handle> handle_of(std::string_view key_text) const {
        if (!key_text.starts_with(key_prefix)) return foreign(hash_key);
        return session_handle::parse(key_text.substr(key_prefix.size()));
    }

    /// The key of a user's mark.
    dynamodb::item mark_key(const std::string& user) const {
        const auto digest = detail::sha256::of("dynasession revocation mark\n" + user);
        std::string text = key_prefix + "mark:";
        detail::append_base64url(text, std::span(digest).first(24));
        return key_of_text(std::move(text));
    }

    bool is_mark_of(const std::string& user, const dynamodb::item& i) const {
        const auto wanted = mark_key(user);
        const auto* key = i.find(hash_key);
        return key && *key == *wanted.find(hash_key);
    }

    /// The time in the item of a mark.
    result<user_time> decode_mark(const dynamodb::item& i) const {
        const auto time = integer_in(i, not_before);
        if (!is_fine_time(time)) return foreign(not_before);
        return user_time(std::chrono::milliseconds(*time));
    }

    dynamodb::item encode(const session_id& id, const record& r) const {
        using value = dynamodb::attribute_value;
        dynamodb::item i;
        i.reserve(8);
        i.append(hash_key, value::string(key_text(id)));
        i.append(std::string(data), entries(r.data));
        i.append(expires, seconds(r.expires));
        i.append(std::string(created), seconds(r.created));
        if (r.deadline != time_point::max()) i.append(std::string(deadline), seconds(r.deadline));
        i.append(std::string(max_stale), value::number(static_cast<std::int64_t>(r.max_stale.count())));
        i.append(std::string(version), value::number(r.version));
        if (!r.journal.empty()) i.append(std::string(journal), value::string(r.journal.text()));
        if (!r.owner.user.empty()) {
            i.append(std::string(owner), value::string(r.owner.user));
            i.append(std::string(since), milliseconds(r.owner.since));
        }
        if (!r.owner.device.empty()) i.append(std::string(device), value::string(r.owner.device));
        if (r.owner.id_since != time_point{}) i.append(std::string(id_since), seconds(r.owner.id_since));
        return i;
    }

    /// *Errors:* `corrupt_session`, with the attribute that is missing or has a foreign shape.
    result<record> decode(const dynamodb::item& i) const {
        auto head = decode_head(i);
        if (!head || head->moved) return head;
        record& r = *head;
        if (const auto* marks = i.find(journal)) {
            if (!marks->as_string()) return foreign(journal);
            r.journal = dynasession::journal(*marks->as_string());
        }
        if (const auto* holder = i.find(lock)) {
            if (const auto* token = holder->as_string()) {
                const auto ends_at = integer_in(i, lock_until);
                if (token->empty() || !is_fine_time(ends_at)) return foreign(lock_until);
                r.lock = {*token, lock_time(std::chrono::milliseconds(*ends_at))};
            } else {
                r.lock.foreign = true;
            }
        }
        const auto* members = i.contains(data) ? i.find(data)->as_map() : nullptr;
        if (!members) return foreign(data);
        std::vector<field> found;
        found.reserve(members->size());
        for (const auto& [name, value] : *members) {
            const auto* text = value.as_string();
            const auto* bytes = value.as_binary();
            if (!text && !bytes) return foreign(data);
            found.push_back({field_key(name), text ? *text : *bytes, text == nullptr});
        }
        r.data = fields(std::move(found));
        return head;
    }

    /// What a list tells of the session in an item, which may lack the data; none of a sign.
    result<std::optional<session_summary>> decode_summary(const dynamodb::item& i) const {
        using found = std::optional<session_summary>;
        const auto* key = i.find(hash_key);
        if (!key || !key->as_string()) return foreign(hash_key);
        const auto handle = handle_of(*key->as_string());
        auto head = decode_head(i);
        if (!handle) return handle.error();
        if (!head) return std::move(head).error();
        return head->moved ? found() : found({*handle, *head, std::move(head->owner)});
    }

    /// The attributes that `decode_summary` looks at.
    std::vector<std::string_view> summary_attributes() const {
        return {hash_key, expires, created, deadline, max_stale, version, owner, since, device, id_since, moved_to};
    }

    /// The key that an item leads to at `now`; empty if it leads nowhere.
    std::string leads_to(const dynamodb::item& i, time_point now) const {
        const auto *to = i.find(moved_to), *until = i.find(leads_until);
        if (!to || !to->as_string() || !until) return {};
        const auto ends_at = until->as_integer();
        if (!is_time(ends_at) || time_point(std::chrono::seconds(*ends_at)) <= now) return {};
        return *to->as_string();
    }

    /// What the item of a session takes at most with entries of this size, also while it is locked: see
    /// `fields::size_in_bytes`.
    std::size_t item_size(std::size_t size_of_fields) const {
        record blank;
        blank.expires = blank.created = blank.deadline = time_point(std::chrono::seconds(9'999'999'999));
        blank.max_stale = std::chrono::hours(24 * 365);
        blank.version = 9'999'999;
        // `w` with all its marks, `lock` with a token, and `lock_until` with 13 digits.
        constexpr std::size_t marks = journal.size() + dynasession::journal::max_marks * dynasession::journal::mark_size,
                              holder = lock.size() + 16, until = lock_until.size() + 8;
        return dynamodb::item_size(encode({}, blank)) + marks + holder + until + size_of_fields;
    }

    static dynamodb::attribute_value entries(const fields& all) {
        dynamodb::item members;
        for (const field f : all) members.append(member_name(f.key), entry(f));
        return dynamodb::attribute_value::map(std::move(members));
    }

    static dynamodb::attribute_value entry(const field& f) {
        std::string text(f.text);
        return f.binary ? dynamodb::attribute_value::binary(std::move(text))
                        : dynamodb::attribute_value::string(std::move(text));
    }

    /// The name of an entry in the item: DynamoDB takes no empty name, so a NUL stands before an empty key, and,
    /// to tell them apart, before one that begins with a NUL.
    static std::string member_name(std::string_view key) {
        std::string name;
        if (key.empty() || key.front() == '\0') name += '\0';
        return name += key;
    }

    static dynamodb::attribute_value milliseconds(lock_time t) {
        return dynamodb::attribute_value::number(static_cast<std::int64_t>(t.time_since_epoch().count()));
    }

    static dynamodb::attribute_value seconds(time_point t) {
        return dynamodb::attribute_value::number(static_cast<std::int64_t>(t.time_since_epoch().count()));
    }

private:
    // Of the year 9999: sums of two such times are far from any limit.
    static constexpr std::int64_t last_second = 253'402'300'799;

    static bool is_time(const std::optional<std::int64_t>& seconds) noexcept {
        return seconds && *seconds >= 0 && *seconds <= last_second;
    }

    // All but data, journal and lock.
    result<record> decode_head(const dynamodb::item& i) const {
        record r;
        const auto whole = [&i](std::string_view name) { return integer_in(i, name); };
        const auto expires_at = whole(expires), created_at = whole(created), idle = whole(max_stale), saves = whole(version);
        if (!is_time(expires_at)) return foreign(expires);
        if (i.contains(moved_to)) {
            if (!saves || *saves < 0) return foreign(version);
            r.expires = time_point(std::chrono::seconds(*expires_at));
            r.version = static_cast<std::uint64_t>(*saves);
            r.moved = true;
            return r;
        }
        if (!is_time(created_at)) return foreign(created);
        if (!is_time(idle) || *idle == 0) return foreign(max_stale);
        if (!saves || *saves < 0) return foreign(version);
        r.expires = time_point(std::chrono::seconds(*expires_at));
        r.created = time_point(std::chrono::seconds(*created_at));
        r.max_stale = std::chrono::seconds(*idle);
        r.version = static_cast<std::uint64_t>(*saves);
        if (i.contains(deadline)) {
            const auto ends_at = whole(deadline);
            if (!is_time(ends_at)) return foreign(deadline);
            r.deadline = time_point(std::chrono::seconds(*ends_at));
        }
        if (i.contains(owner) || i.contains(device) || i.contains(id_since)) {
            auto whose = decode_owner(i);
            if (!whose) return std::move(whose).error();
            r.owner = *std::move(whose);
        }
        return r;
    }

    static bool is_fine_time(const std::optional<std::int64_t>& milliseconds) noexcept {
        return milliseconds && *milliseconds >= 0 && *milliseconds <= last_second * 1000 + 999;
    }

    static std::optional<std::int64_t> integer_in(const dynamodb::item& i, std::string_view name) {
        const auto* value = i.find(name);
        return value ? value->as_integer() : std::nullopt;
    }

    static failure foreign(std::string_view name) {
        return failure(error::corrupt_session,
                       "the attribute '" + std::string(name) + "' is missing or not what this layout stores");
    }

    static result<ownership> decode_owner(const dynamodb::item& i) {
        ownership o;
        if (const auto* user = i.find(owner)) {
            const auto bound = integer_in(i, since);
            if (!user->as_string() || user->as_string()->empty()) return foreign(owner);
            if (!is_fine_time(bound)) return foreign(since);
            o.user = *user->as_string();
            o.since = user_time(std::chrono::milliseconds(*bound));
        }
        if (const auto* text = i.find(device)) {
            if (!text->as_string()) return foreign(device);
            o.device = *text->as_string();
        }
        if (i.contains(id_since)) {
            const auto given = integer_in(i, id_since);
            if (!is_time(given)) return foreign(id_since);
            o.id_since = time_point(std::chrono::seconds(*given));
        }
        return o;
    }

    static std::string_view field_key(std::string_view name) noexcept {
        return name.starts_with('\0') ? name.substr(1) : name;
    }
};

} // namespace dynasession::inline v0

#endif
