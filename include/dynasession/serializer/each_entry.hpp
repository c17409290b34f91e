#ifndef DYNASESSION_SERIALIZER_EACH_ENTRY_HPP
#define DYNASESSION_SERIALIZER_EACH_ENTRY_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/fields.hpp>

#include <string>

// What serializers have in common that write the entries of another one in other words.
namespace dynasession::inline v0::serializer_detail {

/// The text of an entry, without its key.
struct entry_text {
    std::string text{};
    bool binary = false; ///< as of field
};

/// The entries as `read(field)`, a result<entry_text>, reads each; its first failure is that of all.
template <class Read>
result<fields> read_each(const fields& entries, Read read) {
    fields plain;
    plain.reserve_bytes(entries.bytes().size());
    for (const field f : entries) {
        const result<entry_text> said = read(f);
        if (!said) return said.error();
        plain.append({f.key, said->text, said->binary});
    }
    return plain;
}

/// The entries as `write(field)` writes each, but for those that did not change and are stored in words that
/// `keep(field)` approves: they stay as they are. `said` is what `read_each` made of `stored`.
template <class Keep, class Write>
fields write_each(const fields& entries, const fields& stored, const fields& said, Keep keep, Write write) {
    fields written;
    written.reserve_bytes(entries.bytes().size());
    auto before = said.begin(); // in step with `stored`
    fields_detail::merge_walk(stored, entries, [&](const auto& old, const auto& now) {
        const bool stays = old && now && *before == *now && keep(*old);
        if (old) ++before;
        if (stays) {
            written.append(*old);
        } else if (now) {
            const entry_text words = write(*now);
            written.append({now->key, words.text, words.binary});
        }
    });
    return written;
}

} // namespace dynasession::inline v0::serializer_detail

#endif
