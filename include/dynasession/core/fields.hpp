#ifndef DYNASESSION_CORE_FIELDS_HPP
#define DYNASESSION_CORE_FIELDS_HPP

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0 {

/// One stored entry of a session: a key and the text that the serializer made of its value.
struct field {
    std::string_view key;
    std::string_view text;
    bool binary = false; ///< the text is bytes, not UTF-8

    friend bool operator==(const field&, const field&) = default;
};

/// The stored entries of a session, ordered by key: what a serializer makes and a backend keeps.
///
/// All entries lie in one block of memory, so that a copy is one allocation and a comparison is cheap.
///
/// *Lifetimes:* a `field` points into the block: it is good until the object is changed or destroyed.
class fields {
    struct prefix {
        std::uint32_t key_size;
        std::uint32_t text_size : 31;
        std::uint32_t binary : 1;
    };

public:
    class const_iterator {
    public:
        using value_type = field;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;

        const_iterator() = default;
        field operator*() const noexcept {
            const prefix p = read();
            const char* key = at_ + sizeof(prefix);
            return {{key, p.key_size}, {key + p.key_size, p.text_size}, p.binary != 0};
        }
        const_iterator& operator++() noexcept {
            const prefix p = read();
            at_ += sizeof(prefix) + p.key_size + p.text_size;
            return *this;
        }
        const_iterator operator++(int) noexcept { return std::exchange(*this, std::next(*this)); }
        friend bool operator==(const_iterator, const_iterator) = default;

    private:
        friend class fields;
        explicit const_iterator(const char* at) noexcept : at_(at) {}
        prefix read() const noexcept {
            prefix p;
            std::memcpy(&p, at_, sizeof p);
            return p;
        }
        const char* at_ = nullptr;
    };

    fields() = default;

    /// The entries given, in any order; of two with one key the later stays.
    explicit fields(std::vector<field> entries) {
        std::ranges::stable_sort(entries, {}, &field::key);
        std::size_t bytes = 0;
        for (const field& f : entries) bytes += sizeof(prefix) + f.key.size() + f.text.size();
        reserve_bytes(bytes);
        for (std::size_t i = 0; i < entries.size(); ++i)
            if (i + 1 == entries.size() || entries[i].key != entries[i + 1].key) append(entries[i]);
    }

    fields(std::initializer_list<field> entries) : fields(std::vector<field>(entries)) {}

    /// Entries that `bytes()` of another object gave.
    static fields from_bytes(std::string_view bytes) {
        fields f;
        f.block_ = bytes;
        return f;
    }

    /// The whole block, for a backend that keeps entries as they are.
    std::string_view bytes() const noexcept { return block_; }

    const_iterator begin() const noexcept { return const_iterator(block_.data()); }
    const_iterator end() const noexcept { return const_iterator(block_.data() + block_.size()); }
    bool empty() const noexcept { return block_.empty(); }
    std::size_t size() const noexcept { return static_cast<std::size_t>(std::distance(begin(), end())); }

    /// Bytes of all keys and texts, and one for each entry.
    std::size_t size_in_bytes() const noexcept {
        std::size_t bytes = 0;
        for (const field f : *this) bytes += f.key.size() + f.text.size() + 1;
        return bytes;
    }

    std::optional<field> find(std::string_view key) const noexcept {
        for (const field f : *this)
            if (f.key == key) return f;
        return std::nullopt;
    }

    /// Has room for a block of so many bytes.
    void reserve_bytes(std::size_t bytes) { block_.reserve(bytes); }

    /// Adds an entry whose key comes after all others.
    void append(const field& f) {
        const prefix p{static_cast<std::uint32_t>(f.key.size()),
                       static_cast<std::uint32_t>(f.text.size()) & 0x7fffffffU, f.binary ? 1U : 0U};
        char head[sizeof p];
        std::memcpy(head, &p, sizeof p);
        block_.append(head, sizeof head).append(f.key).append(f.text);
    }

    friend bool operator==(const fields&, const fields&) = default;

private:
    std::string block_;
};

/// What a save changes: the entries to set and the keys to remove.
struct delta {
    fields set;
    std::vector<std::string> removed; ///< in order

    bool empty() const noexcept { return set.empty() && removed.empty(); }
    std::size_t size() const noexcept { return set.size() + removed.size(); }

    friend bool operator==(const delta&, const delta&) = default;
};

namespace fields_detail {

// Walks two ordered ranges side by side: `visit(left, right)` gets the entries of one key, either of them optional.
template <class Visit>
void merge_walk(const fields& left, const fields& right, Visit visit) {
    auto l = left.begin(), l_end = left.end(), r = right.begin(), r_end = right.end();
    while (l != l_end || r != r_end) {
        const auto order = l == l_end   ? std::strong_ordering::greater
                           : r == r_end ? std::strong_ordering::less
                                        : (*l).key <=> (*r).key;
        std::optional<field> from_left, from_right;
        if (order <= 0) from_left = *l++;
        if (order >= 0) from_right = *r++;
        visit(from_left, from_right);
    }
}

} // namespace fields_detail

/// The changes that lead from `before` to `after`.
inline delta difference(const fields& before, const fields& after) {
    delta d;
    fields_detail::merge_walk(before, after, [&](const auto& old_field, const auto& new_field) {
        if (!new_field)
            d.removed.emplace_back(old_field->key);
        else if (!old_field || *old_field != *new_field)
            d.set.append(*new_field);
    });
    return d;
}

/// Whether no key is changed by both, but to the same effect.
inline bool disjoint(const delta& a, const delta& b) {
    const auto spares = [&](const delta& one, const delta& other) {
        return std::ranges::none_of(one.removed, [&](const auto& key) { return other.set.find(key).has_value(); });
    };
    bool same = true;
    fields_detail::merge_walk(a.set, b.set, [&](const auto& from_a, const auto& from_b) {
        if (from_a && from_b) same = same && *from_a == *from_b;
    });
    return same && spares(a, b) && spares(b, a);
}

/// `base` with the changes applied.
inline fields apply(const fields& base, const delta& changes) {
    fields merged;
    merged.reserve_bytes(base.bytes().size() + changes.set.bytes().size());
    fields_detail::merge_walk(base, changes.set, [&](const auto& old_field, const auto& new_field) {
        const field& f = new_field ? *new_field : *old_field;
        if (new_field || !std::ranges::binary_search(changes.removed, f.key)) merged.append(f);
    });
    return merged;
}

} // namespace dynasession::inline v0

#endif
