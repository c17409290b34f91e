#ifndef DYNASESSION_AWS_CANONICAL_REQUEST_HPP
#define DYNASESSION_AWS_CANONICAL_REQUEST_HPP

#include <dynasession/detail/crypto.hpp>
#include <dynasession/detail/encoding.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::aws {

/// A header field that a signature covers.
struct header {
    std::string_view name;
    std::string_view value;
};

/// What `signable_request::payload_hash` says when the signature shall not cover the body.
inline constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";

/// A request as the signer sees it; refers to texts of the caller.
struct signable_request {
    std::string_view method = "POST";
    std::string_view path = "/";          ///< as sent, without the query
    std::string_view query = {};          ///< as sent, without the question mark
    std::span<const header> headers = {}; ///< exactly those to cover, in any order and case: host, x-amz-date, ...
    std::string_view body = {};
    std::string_view payload_hash = {}; ///< 64 hex digits or `unsigned_payload`; empty: of `body`
};

/// How a service wants its paths canonicalised; S3 is the one that wants neither.
struct canonical_options {
    bool normalize_path = true; ///< resolve `.` and `..`, drop empty segments
    bool encode_path = true;    ///< escape the path once more than it was sent
};

/// The hexadecimal SHA-256 of a body, as `payload_hash` and x-amz-content-sha256 have it.
inline std::array<char, 64> payload_hash(std::string_view body) { return detail::hex(detail::sha256::of(body)); }

namespace canonical_detail {

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Whether any byte of a text is in a range, eight at a time: nearly every header is in canonical form, so that this is
// most of what there is to do.
inline bool any_byte_in(char first, char last, std::string_view text) noexcept {
    constexpr std::uint64_t each = 0x0101010101010101;
    const auto low = each * (0x80U - static_cast<unsigned char>(first));
    const auto high = each * (0x7FU - static_cast<unsigned char>(last));
    const auto marks = [=](const char* p) {
        std::uint64_t word;
        std::memcpy(&word, p, sizeof(word));
        const auto ascii = word & each * 0x7F; // carries stay within a byte
        return (ascii + low) & ~(ascii + high) & ~word;
    };
    if (text.size() < sizeof(each)) return std::ranges::any_of(text, [=](char c) { return c >= first && c <= last; });
    auto found = marks(text.data() + text.size() - sizeof(each));
    for (std::size_t i = 0; i + sizeof(each) < text.size(); i += sizeof(each)) found |= marks(text.data() + i);
    return (found & each * 0x80) != 0;
}

inline bool is_canonical_name(std::string_view name) noexcept { return !any_byte_in('A', 'Z', name); }

inline bool is_canonical_value(std::string_view value) noexcept {
    if (!any_byte_in('\t', ' ', value)) return true;
    char before = ' '; // at the beginning a space is one too many
    for (const char c : value) {
        if (is_space(c) && (c != ' ' || before == ' ')) return false;
        before = c;
    }
    return before != ' ';
}

inline std::string to_lower(std::string_view name) {
    std::string out(name);
    for (auto& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

// Without space at both ends, and one space for each run of it.
inline void append_value(std::string& out, std::string_view value) {
    const auto begin = out.size();
    bool pending = false;
    for (const char c : value) {
        if (is_space(c)) {
            pending = out.size() != begin;
        } else {
            if (std::exchange(pending, false)) out.push_back(' ');
            out.push_back(c);
        }
    }
}

inline std::string canonical_path(std::string_view path, canonical_options options) {
    std::string normal;
    if (options.normalize_path) {
        std::vector<std::string_view> segments;
        for (std::size_t begin = 0; begin <= path.size();) {
            const auto end = std::min(path.find('/', begin), path.size());
            const auto segment = path.substr(begin, end - begin);
            begin = end + 1;
            if (segment == "..") {
                if (!segments.empty()) segments.pop_back();
            } else if (!segment.empty() && segment != ".") {
                segments.push_back(segment);
            }
        }
        for (const auto segment : segments) normal.append(1, '/').append(segment);
        if (normal.empty() || path.ends_with('/')) normal.push_back('/');
        path = normal;
    }
    if (path.empty()) path = "/";
    if (!options.encode_path) return std::string(path);
    std::string out;
    detail::append_uri_encoded(out, path, '/');
    return out;
}

// Sorted after encoding, as the service sorts: by name, then by value.
inline std::string canonical_query(std::string_view query) {
    const auto encode = [](std::string_view sent) {
        std::string plain, encoded;
        detail::append_uri_decoded(plain, sent);
        detail::append_uri_encoded(encoded, plain);
        return encoded;
    };
    std::vector<std::pair<std::string, std::string>> parameters;
    for (std::size_t begin = 0; begin < query.size();) {
        const auto end = std::min(query.find('&', begin), query.size());
        const auto parameter = query.substr(begin, end - begin);
        begin = end + 1;
        if (parameter.empty()) continue;
        const auto equals = std::min(parameter.find('='), parameter.size());
        const auto value = parameter.substr(std::min(equals + 1, parameter.size()));
        parameters.emplace_back(encode(parameter.substr(0, equals)), encode(value));
    }
    std::ranges::sort(parameters);
    std::string out;
    for (const auto& [name, value] : parameters) {
        if (!out.empty()) out.push_back('&');
        out.append(name).append(1, '=').append(value);
    }
    return out;
}

} // namespace canonical_detail

/// Header fields as a signature covers them: names in lower case and sorted, values trimmed, duplicates joined.
///
/// Refers to `headers` when they are in this form already, and costs one look at each then.
class canonical_headers {
public:
    explicit canonical_headers(std::span<const header> headers) : headers_(headers) {
        if (!is_canonical(headers)) normalize();
    }
    canonical_headers(const canonical_headers&) = delete;
    canonical_headers& operator=(const canonical_headers&) = delete;

    /// Appends `name:value\n` for each field.
    template <class Text>
    void append_fields(Text& out) const {
        for (const auto& h : headers_) {
            out.append(h.name);
            out.push_back(':');
            out.append(h.value);
            out.push_back('\n');
        }
    }

    /// Appends the names, with `;` between them.
    template <class Text>
    void append_names(Text& out) const {
        bool first = true;
        for (const auto& h : headers_) {
            if (!std::exchange(first, false)) out.push_back(';');
            out.append(h.name);
        }
    }

private:
    static bool is_canonical(std::span<const header> headers) noexcept {
        std::string_view before;
        for (const auto& h : headers) {
            if (h.name <= before || !canonical_detail::is_canonical_name(h.name) ||
                !canonical_detail::is_canonical_value(h.value))
                return false;
            before = h.name;
        }
        return true;
    }

    void normalize() {
        std::vector<header> sorted(headers_.begin(), headers_.end());
        names_.reserve(sorted.size()); // the views need texts that stay where they are
        values_.reserve(sorted.size());
        for (auto& h : sorted) h.name = names_.emplace_back(canonical_detail::to_lower(h.name));
        std::ranges::stable_sort(sorted, {}, &header::name);
        for (const auto& h : sorted) {
            const bool again = !fields_.empty() && fields_.back().name == h.name;
            auto& value = again ? values_.back().append(1, ',') : values_.emplace_back();
            canonical_detail::append_value(value, h.value);
            if (again)
                fields_.back().value = value;
            else
                fields_.push_back({h.name, value});
        }
        headers_ = fields_;
    }

    std::span<const header> headers_;
    std::vector<header> fields_; // views of the texts below
    std::vector<std::string> names_;
    std::vector<std::string> values_;
};

/// Appends the canonical request up to the payload hash, which is its last line.
template <class Text>
void append_canonical_request(Text& out, const signable_request& request, const canonical_headers& headers,
                              canonical_options options) {
    out.append(request.method);
    out.push_back('\n');
    if (request.path == "/")
        out.push_back('/');
    else
        out.append(canonical_detail::canonical_path(request.path, options));
    out.push_back('\n');
    if (!request.query.empty()) out.append(canonical_detail::canonical_query(request.query));
    out.push_back('\n');
    headers.append_fields(out);
    out.push_back('\n');
    headers.append_names(out);
    out.push_back('\n');
}

/// The canonical request of a request: what to compare when a service answers SignatureDoesNotMatch
/// (AWS SigV4 reference, "Create a canonical request").
inline std::string canonical_request(const signable_request& request, canonical_options options = {}) {
    std::string out;
    append_canonical_request(out, request, canonical_headers(request.headers), options);
    if (request.payload_hash.empty()) {
        const auto hash = payload_hash(request.body);
        out.append(hash.data(), hash.size());
    } else {
        out.append(request.payload_hash);
    }
    return out;
}

} // namespace dynasession::inline v0::aws

#endif
