#ifndef DYNASESSION_SERIALIZER_COMPRESSED_HPP
#define DYNASESSION_SERIALIZER_COMPRESSED_HPP

// Not part of <dynasession.hpp> unless DYNASESSION_WITH_ZLIB is defined: programs that include this link zlib (in CMake
// dynasession::zlib).
#include <dynasession/core/concepts.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/core/fields.hpp>
#include <dynasession/serializer/each_entry.hpp>
#include <dynasession/serializer/json.hpp>

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0 {

/// What is compressed, and how.
struct compression_options {
    /// Values of fewer bytes are stored as they are.
    std::size_t threshold = 1024;

    /// From 1, the fastest, to 9, the smallest.
    int level = 6;

    /// Bytes that all values of a session may have before they are compressed; each as it is read.
    std::size_t max_size = 400 * 1024;
};

namespace compressed_detail {

// The first byte of what is stored as bytes; texts that were not compressed are stored as texts, without it.
inline constexpr char plain_bytes = 0, deflated_text = 1, deflated_bytes = 2;

inline Bytef* bytes_of(const char* text) noexcept { // zlib takes what it only reads as not const
    return reinterpret_cast<Bytef*>(const_cast<char*>(text));
}

// A stream of zlib; End is deflateEnd or inflateEnd.
template <int (*End)(z_streamp)>
struct stream : z_stream {
    stream() : z_stream{} {}
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;
    ~stream() { End(this); }

    void begin(int status, std::string_view in) {
        if (status != Z_OK) throw std::bad_alloc();
        next_in = bytes_of(in.data());
        avail_in = static_cast<uInt>(in.size());
    }
};

inline constexpr int raw_deflate = -MAX_WBITS; // RFC 1951, without header and checksum

/// `form` and the compressed text; nothing if that is not smaller than the text.
inline std::optional<std::string> deflated(char form, std::string_view text, int level) {
    if (text.size() < 3) return std::nullopt;
    stream<deflateEnd> z;
    z.begin(deflateInit2(&z, level, Z_DEFLATED, raw_deflate, MAX_MEM_LEVEL - 1, Z_DEFAULT_STRATEGY), text);
    std::string out(text.size() - 1, form);
    z.next_out = bytes_of(out.data() + 1);
    z.avail_out = static_cast<uInt>(out.size() - 1);
    if (deflate(&z, Z_FINISH) != Z_STREAM_END) return std::nullopt;
    out.resize(out.size() - z.avail_out);
    out.shrink_to_fit();
    return out;
}

/// What was compressed to `data`; nothing if that is not all of one stream, or becomes more than `max_size`.
inline std::optional<std::string> inflated(std::string_view data, std::size_t max_size) {
    stream<inflateEnd> z;
    z.begin(inflateInit2(&z, raw_deflate), data);
    std::string out;
    int status = Z_OK;
    while (status == Z_OK && out.size() <= max_size) {
        const std::size_t before = out.size();
        // Room for one byte more than there may be: where that is used, it is too much.
        out.resize(std::min(max_size + 1, 2 * before + 4 * data.size() + 64));
        z.next_out = bytes_of(out.data() + before);
        z.avail_out = static_cast<uInt>(out.size() - before);
        status = inflate(&z, Z_NO_FLUSH);
        out.resize(out.size() - z.avail_out);
        if (z.avail_out != 0 && status == Z_OK) return std::nullopt; // the end is missing
    }
    if (status != Z_STREAM_END || z.avail_in != 0 || out.size() > max_size) return std::nullopt;
    return out;
}

} // namespace compressed_detail

template <serializer Serializer>
class encrypted; // see serializer/encrypted.hpp

namespace compressed_detail {

template <class Serializer>
inline constexpr bool is_encrypted = false;
template <class Serializer>
inline constexpr bool is_encrypted<encrypted<Serializer>> = true;

} // namespace compressed_detail

/// Compresses the entries that `Serializer` makes, those of 1 KiB and more that get smaller by it:
/// `compressed<json_serializer>`.
///
/// What was stored without compression is read as it is, so it can be switched on at any time; to switch it off again,
/// set a high threshold until the sessions have ended. To encrypt too: `encrypted<compressed<json_serializer>>`.
///
/// *Cost:* a compressed value is stored as B in DynamoDB: raw deflate after one byte.
template <serializer Serializer = json_serializer>
class compressed {
    static_assert(!compressed_detail::is_encrypted<Serializer>,
                  "dynasession: what is encrypted does not get smaller: write encrypted<compressed<...>>");

public:
    using value_type = typename Serializer::value_type;
    static constexpr bool binds_to_id = binding_serializer<Serializer>;

    compressed() : compressed(compression_options{}) {}

    /// *Errors:* throws session_error with `invalid_option`.
    explicit compressed(const compression_options& options, Serializer inner = {})
        : inner_(std::move(inner)), options_(options) {
        if (options.level < 1 || options.level > 9)
            throw session_error(failure(error::invalid_option, "compression_options::level is from 1 to 9"));
        if (options.max_size > max_size_limit)
            throw session_error(failure(error::invalid_option, "compression_options::max_size is at most 64 MiB"));
    }

    /// *Errors:* those of `Serializer`; `item_too_large`: the values have more than `max_size` bytes, with the size in
    /// the detail.
    result<fields> serialize(const value_type& value, serialize_context context) const {
        const auto said = read_all(context.stored);
        if (!said) return said.error();
        const auto entries = inner_.serialize(value, {context.id, *said});
        if (!entries) return entries.error();
        std::size_t bytes = 0;
        for (const field f : *entries) bytes += f.text.size();
        if (bytes > options_.max_size)
            return failure(error::item_too_large, "the values take " + std::to_string(bytes) +
                                                      " bytes before compression, more than " +
                                                      std::to_string(options_.max_size));
        const auto keep = [](const field&) { return true; };
        return serializer_detail::write_each(*entries, context.stored, *said, keep,
                                             [&](const field& f) { return write(f); });
    }

    /// *Errors:* those of `Serializer`; `corrupt_session`, also when what is stored becomes too large.
    result<value_type> deserialize(const fields& entries, const session_id& id) const {
        const auto said = read_all(entries);
        if (!said) return said.error();
        return inner_.deserialize(*said, id);
    }

private:
    using entry_text = serializer_detail::entry_text;

    static constexpr std::size_t max_size_limit = 64 * 1024 * 1024;

    // Saves of others may have been merged, each of them within the bounds; more than so many are not legitimate.
    static constexpr std::size_t max_merged = 16;

    entry_text write(const field& f) const {
        const char form = f.binary ? compressed_detail::deflated_bytes : compressed_detail::deflated_text;
        if (f.text.size() >= options_.threshold)
            if (auto smaller = compressed_detail::deflated(form, f.text, options_.level))
                return {*std::move(smaller), true};
        if (f.binary) return {compressed_detail::plain_bytes + std::string(f.text), true};
        return {std::string(f.text), false};
    }

    result<entry_text> read(const field& f, std::size_t max_size) const {
        if (!f.binary) return entry_text{std::string(f.text), false};
        if (f.text.empty()) return error::corrupt_session;
        const char form = f.text.front();
        const auto content = f.text.substr(1);
        if (form == compressed_detail::plain_bytes) return entry_text{std::string(content), true};
        if (form != compressed_detail::deflated_text && form != compressed_detail::deflated_bytes)
            return error::corrupt_session;
        auto text = compressed_detail::inflated(content, max_size);
        if (!text) return error::corrupt_session;
        return entry_text{*std::move(text), form == compressed_detail::deflated_bytes};
    }

    result<fields> read_all(const fields& entries) const {
        std::size_t left = max_merged * options_.max_size;
        return serializer_detail::read_each(entries, [&](const field& f) {
            auto said = read(f, std::min(left, options_.max_size));
            if (said) left -= std::min(left, said->text.size());
            return said;
        });
    }

    Serializer inner_;
    compression_options options_;
};

static_assert(check_serializer<compressed<json_serializer>>());

} // namespace dynasession::inline v0

#endif
