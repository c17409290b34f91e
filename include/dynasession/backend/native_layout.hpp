#ifndef DYNASESSION_BACKEND_NATIVE_LAYOUT_HPP
#define DYNASESSION_BACKEND_NATIVE_LAYOUT_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/record.hpp>
#include <dynasession/core/session_id.hpp>
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
/// | `w` | S | the mark of the last write that was bound to a version (12 characters); left out before the first |
///
/// Attributes that it does not know stay as they are.
class native_layout {
public:
    /// Names of the attributes beside the key and the expiry, which a table may call as it likes.
    static constexpr std::string_view data = "d", created = "c", deadline = "x", max_stale = "i", version = "v",
                                      writer = "w";

    /// Whether one of our attributes has this name.
    static constexpr bool is_taken(std::string_view name) noexcept {
        return name == data || name == created || name == deadline || name == max_stale || name == version || name == writer;
    }

    std::string hash_key = "id";
    std::string expires = "expires";
    std::string key_prefix{};

    dynamodb::item key(const session_id& id) const {
        return {{hash_key, dynamodb::attribute_value::string(key_text(id))}};
    }

    std::string key_text(const session_id& id) const {
        const auto digest = detail::sha256::of(id.str());
        std::string text = key_prefix;
        detail::append_base64url(text, std::span(digest).first(24));
        return text;
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
        if (!r.writer.empty()) i.append(std::string(writer), value::string(r.writer));
        return i;
    }

    /// *Errors:* `corrupt_session`, with the attribute that is missing or has a foreign shape.
    result<record> decode(const dynamodb::item& i) const {
        record r;
        const auto foreign = [](std::string_view name) {
            return failure(error::corrupt_session, "the attribute '" + std::string(name) +
                                                       "' is missing or not what this layout stores");
        };
        const auto whole = [&i](std::string_view name) -> std::optional<std::int64_t> {
            const auto* value = i.find(name);
            return value ? value->as_integer() : std::nullopt;
        };
        const auto expires_at = whole(expires), created_at = whole(created), idle = whole(max_stale), saves = whole(version);
        if (!is_time(expires_at)) return foreign(expires);
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
        if (const auto* mark = i.find(writer)) {
            if (!mark->as_string()) return foreign(writer);
            r.writer = *mark->as_string();
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
        return r;
    }

    /// What the item of a session takes with entries of this size: see `fields::size_in_bytes`.
    std::size_t item_size(std::size_t size_of_fields) const {
        record blank;
        blank.expires = blank.created = blank.deadline = time_point(std::chrono::seconds(9'999'999'999));
        blank.max_stale = std::chrono::hours(24 * 365);
        blank.version = 1'000'000;
        return dynamodb::item_size(encode({}, blank)) + size_of_fields;
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

    static dynamodb::attribute_value seconds(time_point t) {
        return dynamodb::attribute_value::number(static_cast<std::int64_t>(t.time_since_epoch().count()));
    }

private:
    // Up to the year 9999: sums of two such times are far from any limit.
    static bool is_time(const std::optional<std::int64_t>& seconds) noexcept {
        return seconds && *seconds >= 0 && *seconds <= 253'402'300'799;
    }

    static std::string_view field_key(std::string_view name) noexcept {
        return name.starts_with('\0') ? name.substr(1) : name;
    }
};

} // namespace dynasession::inline v0

#endif
