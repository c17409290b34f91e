#ifndef DYNASESSION_HTTP_RESPONSE_PARSER_HPP
#define DYNASESSION_HTTP_RESPONSE_PARSER_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/options.hpp>
#include <dynasession/detail/http_syntax.hpp>
#include <dynasession/http/message.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::http {

namespace parser_detail {

inline constexpr auto token_characters = [] {
    std::array<bool, 256> table{};
    for (std::size_t c = 0; c != table.size(); ++c) {
        const char text = static_cast<char>(c);
        table[c] = detail::is_token({&text, 1});
    }
    return table;
}();

constexpr bool is_control(unsigned char c) noexcept { return (c < 0x20 && c != '\t') || c == 0x7F; }

// Where the first control character stands that is no tab, or the size of the text.
inline std::size_t find_control(std::string_view text) noexcept {
    std::size_t i = 0;
    if constexpr (std::endian::native == std::endian::little) { // eight bytes at a time
        constexpr std::uint64_t each = 0x0101010101010101;
        for (std::uint64_t word; i + sizeof word <= text.size(); i += sizeof word) {
            std::memcpy(&word, text.data() + i, sizeof word);
            const auto del = word ^ each * 0x7F;
            // Marks the bytes below 0x20 and 0x7f, and perhaps some behind the first of them.
            const auto marks = (((word - each * 0x20) & ~word) | ((del - each) & ~del)) & each * 0x80;
            if (marks == 0) continue;
            i += static_cast<std::size_t>(std::countr_zero(marks)) / 8;
            if (text[i] != '\t') return i;
            i -= sizeof word - 1; // go on behind the tab
        }
    }
    while (i < text.size() && !is_control(static_cast<unsigned char>(text[i]))) ++i;
    return i;
}

constexpr std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

template <class Int>
bool read_number(std::string_view text, Int& out, int base = 10) noexcept {
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out, base);
    return failed == std::errc{} && end == text.data() + text.size();
}

} // namespace parser_detail

/// Turns bytes into one `response` (RFC 9112), line by line and into one text for all header fields.
///
/// It is strict where leniency has been used to smuggle messages: lines end with CRLF, fields are not folded, there is
/// at most one `Content-Length`, not beside a `Transfer-Encoding`, and no other coding than `chunked`. Trailers are
/// checked and dropped.
class response_parser {
public:
    /// `bodiless` = the answer to a HEAD request.
    explicit response_parser(const connection_options& limits, bool bodiless = false) noexcept
        : limits_(&limits), bodiless_(bodiless) {}

    /// Takes what it can of `bytes` and tells how many that were; the rest has to be given again, with more behind it.
    ///
    /// *Errors:* `error::malformed_response`, `error::response_too_large`.
    result<std::size_t> put(std::string_view bytes) {
        rest_ = bytes;
        while (part_ != part::done && advance()) {
        }
        if (problem_ != nullptr)
            return failure(too_large_ ? error::response_too_large : error::malformed_response, problem_);
        return bytes.size() - rest_.size();
    }

    /// The connection has ended, properly: whether that completes the answer.
    bool put_eof() noexcept {
        if (part_ == part::open_body) part_ = part::done;
        return is_done();
    }

    bool is_done() const noexcept { return part_ == part::done; }

    /// Whether the server lets another exchange follow.
    bool keep_alive() const noexcept { return !close_ && (is_1_1_ || keep_) && (chunked_ || length_ || !has_body()); }

    /// Whether the finished answer is an interim one (1xx) and another follows.
    bool is_interim() const noexcept { return response_.status / 100 == 1; }

    response release() noexcept { return std::move(response_); }

private:
    enum class part { status, fields, body, open_body, chunk_size, chunk, chunk_end, trailers, done };

    // Each step takes its part from `rest_`; false = it needs more, or there is a problem.
    bool advance() {
        switch (part_) {
        case part::status: return take_status();
        case part::fields: return take_fields();
        case part::body: return take_counted(part::done);
        case part::open_body: return take_open_body();
        case part::chunk_size: return take_chunk_size();
        case part::chunk: return take_counted(part::chunk_end);
        case part::chunk_end: return take_chunk_end();
        case part::trailers: return take_trailers();
        case part::done: break;
        }
        return false;
    }

    bool refuse(const char* why) noexcept {
        problem_ = why;
        return false;
    }
    bool refuse_size(const char* why) noexcept {
        too_large_ = true;
        return refuse(why);
    }
    bool proceed(part next) noexcept {
        part_ = next;
        return true;
    }

    // The next line without its end. The limit is that of all lines together.
    bool take_line(std::string_view& line) noexcept {
        const auto size = parser_detail::find_control(rest_);
        if (size > limits_->max_header_size - header_size_) return refuse_size("the limit of the header was passed");
        const auto left = rest_.size() - size;
        if ((left > 0 && rest_[size] != '\r') || (left > 1 && rest_[size + 1] != '\n'))
            return refuse("not HTTP: a line with control characters");
        if (left < 2) return false;
        line = {rest_.data(), size};
        rest_.remove_prefix(size + 2);
        header_size_ += size;
        return true;
    }

    bool take_status() {
        constexpr std::string_view protocol = "HTTP/1.";
        const auto shown = rest_.substr(0, protocol.size());
        if (!protocol.starts_with(shown)) return refuse("not HTTP/1: the answer begins with something else");
        std::string_view line;
        if (!take_line(line)) return false;
        auto& status = response_.status;
        const bool shaped = line.size() >= 12 && (line[7] == '0' || line[7] == '1') && line[8] == ' ' &&
                            parser_detail::read_number(line.substr(9, 3), status) &&
                            (line.size() == 12 || line[12] == ' ');
        // Nobody asked to switch the protocol; what follows would not be HTTP.
        if (!shaped || status < 100 || status == 101) return refuse("not HTTP: a bad status line");
        is_1_1_ = line[7] == '1';
        return proceed(part::fields);
    }

    bool take_fields() {
        // Lines that stand as they are kept are copied together.
        const char* usual = rest_.data();
        std::string_view line;
        while (take_line(line)) {
            if (line.empty()) {
                response_.add_header_lines({usual, line.data()});
                return begin_body();
            }
            const auto f = split(line);
            if (!f || !note(*f)) return f ? false : refuse("not HTTP: a bad header field");
            if (line.size() != f->name.size() + 2 + f->value.size() || line[f->name.size() + 1] != ' ') {
                response_.add_header_lines({usual, line.data()});
                response_.add_header(f->name, f->value);
                usual = rest_.data();
            }
        }
        if (problem_ == nullptr) response_.add_header_lines({usual, rest_.data()});
        return false;
    }

    static std::optional<field> split(std::string_view line) noexcept {
        std::size_t n = 0;
        while (n != line.size() && parser_detail::token_characters[static_cast<unsigned char>(line[n])]) ++n;
        if (n == 0 || n == line.size() || line[n] != ':') return std::nullopt;
        return field{line.substr(0, n), parser_detail::trim(line.substr(n + 1))};
    }

    // Keeps what a field says of the connection and of the body.
    bool note(const field& f) {
        const auto value = f.value;
        const auto is = [&](std::string_view name) {
            return f.name.size() == name.size() && detail::equal_ignoring_case(f.name, name);
        };
        if (is("content-length")) {
            std::uint64_t length = 0;
            if (length_ || !parser_detail::read_number(value, length)) return refuse("not HTTP: a bad Content-Length");
            length_ = length;
        } else if (is("transfer-encoding")) {
            if (chunked_ || !detail::equal_ignoring_case(value, "chunked"))
                return refuse("not HTTP: a transfer coding that was not asked for");
            chunked_ = true;
        } else if (is("connection")) {
            for (auto rest = value; !rest.empty();) {
                const auto end = std::min(rest.find(','), rest.size());
                const auto token = parser_detail::trim(rest.substr(0, end));
                close_ = close_ || detail::equal_ignoring_case(token, "close");
                keep_ = keep_ || detail::equal_ignoring_case(token, "keep-alive");
                rest.remove_prefix(std::min(end + 1, rest.size()));
            }
        }
        return true;
    }

    bool has_body() const noexcept {
        return !bodiless_ && !is_interim() && response_.status != 204 && response_.status != 304;
    }

    bool begin_body() {
        if (chunked_ && (length_ || !is_1_1_)) return refuse("not HTTP: the length of the body is contradictory");
        if (!has_body()) return proceed(part::done);
        if (chunked_) return proceed(part::chunk_size);
        if (!length_) return proceed(part::open_body);
        // A promise of many bytes alone shall not cost memory.
        response_.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*length_, 1 << 20)));
        return expect(*length_) && proceed(*length_ == 0 ? part::done : part::body);
    }

    bool expect(std::uint64_t length) noexcept {
        if (length > limits_->max_body_size - response_.body.size())
            return refuse_size("the limit of the body was passed");
        left_ = static_cast<std::size_t>(length);
        return true;
    }

    bool take_counted(part next) {
        const auto n = std::min(left_, rest_.size());
        response_.body.append(rest_.substr(0, n));
        rest_.remove_prefix(n);
        left_ -= n;
        return left_ == 0 && proceed(next);
    }

    bool take_open_body() {
        if (!expect(rest_.size())) return false;
        take_counted(part::open_body);
        return false; // only the end of the connection ends it
    }

    bool take_chunk_size() {
        std::string_view line;
        const auto before = header_size_;
        if (!take_line(line)) return false;
        const auto digits = std::min(line.find_first_not_of("0123456789abcdefABCDEF"), line.size());
        std::uint64_t size = 0;
        const auto extension = parser_detail::trim(line.substr(digits));
        if (!parser_detail::read_number(line.substr(0, digits), size, 16) ||
            (!extension.empty() && extension.front() != ';'))
            return refuse("not HTTP: a bad chunk");
        header_size_ = before + extension.size(); // sizes alone may come as often as they like
        return size == 0 ? proceed(part::trailers) : expect(size) && proceed(part::chunk);
    }

    bool take_chunk_end() noexcept {
        if (!std::string_view("\r\n").starts_with(rest_.substr(0, 2))) return refuse("not HTTP: a bad chunk");
        if (rest_.size() < 2) return false;
        rest_.remove_prefix(2);
        return proceed(part::chunk_size);
    }

    bool take_trailers() noexcept {
        std::string_view line;
        while (take_line(line)) {
            if (line.empty()) return proceed(part::done);
            if (!split(line)) return refuse("not HTTP: a bad trailer");
        }
        return false;
    }

    const connection_options* limits_;
    response response_;
    std::string_view rest_;
    std::size_t header_size_ = 0;
    std::size_t left_ = 0; ///< of the body, or of the chunk
    std::optional<std::uint64_t> length_;
    const char* problem_ = nullptr;
    part part_ = part::status;
    bool bodiless_;
    bool too_large_ = false;
    bool is_1_1_ = false;
    bool chunked_ = false;
    bool close_ = false;
    bool keep_ = false;
};

} // namespace dynasession::inline v0::http

#endif
