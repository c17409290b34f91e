#ifndef DYNASESSION_HTTP_MESSAGE_HPP
#define DYNASESSION_HTTP_MESSAGE_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/detail/http_syntax.hpp>
#include <dynasession/http/endpoint.hpp>

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::http {

/// A request that is ready for the wire.
struct request {
    /// The start line and the header block, with the empty line that ends it.
    std::string head;
    std::string body;
};

/// An answer: status, header fields and the whole body.
class response {
public:
    unsigned status = 0;
    std::string body;

    /// The value of the first field of this name in any case; empty when there is none.
    std::string_view header(std::string_view name) const noexcept;

    /// Appends a field.
    void add_header(std::string_view name, std::string_view value) {
        fields_.append(name).append(": ").append(value).append("\r\n");
    }

    /// Appends fields as they usually stand on the wire: each a name, a colon, a space, a value and CRLF.
    void add_header_lines(std::string_view lines) { fields_.append(lines); }

    /// The bytes of all fields together.
    std::size_t header_size() const noexcept { return fields_.size(); }

private:
    // One "name: value\r\n" after the other: neither a name with a colon nor a value with a line end is HTTP.
    std::string fields_;
};

/// What the levels above ask for: this request, answered before the deadline.
///
/// *Lifetimes:* the request has to outlive the exchange.
struct exchange {
    const request* message = nullptr;
    std::chrono::steady_clock::time_point deadline{};

    /// Whether an answer agrees with its checksum. One that does not is an error, and its connection is closed. Null:
    /// answers have none.
    bool (*undamaged)(const response&) = nullptr;
};

/// What became of an exchange.
struct reply {
    result<response> answer;

    /// Whether a byte of the request went out: the server may have carried it out, whatever the answer.
    bool sent = false;

    /// Whether the request had gone out before on a connection that then turned out to be dead: the server may have
    /// carried it out already, although this answer is to its repetition.
    bool repeated = false;

    reply() = default;
    reply(failure f, bool was_sent = false) : answer(std::move(f)), sent(was_sent) {}
    reply(response r) : answer(std::move(r)), sent(true) {}
};

/// One field of a header block.
struct field {
    std::string_view name;
    std::string_view value;
};

namespace message_detail {

constexpr bool breaks_lines(std::string_view text) noexcept {
    for (const char c : text)
        if (c == '\r' || c == '\n' || c == '\0') return true;
    return false;
}

} // namespace message_detail

/// Renders an HTTP/1.1 request with a `Host` field and, unless a GET or HEAD has no body, a `Content-Length` field.
///
/// *Errors:* `error::invalid_request` if a part would not stay on its line, or the method, the target or a name
/// is not HTTP (RFC 9110 and 9112).
inline result<request> make_request(std::string_view method, std::string_view target, std::string_view authority,
                                    std::span<const field> fields, std::string body = {}) {
    using detail::is_token;
    using message_detail::breaks_lines;
    if (!is_token(method)) return failure(error::invalid_request, "the method is not an HTTP token");
    if (target.empty() || breaks_lines(target) || target.find_first_of(" \t") != target.npos)
        return failure(error::invalid_request, "the request target is empty or holds white space");
    if (breaks_lines(authority)) return failure(error::invalid_request, "the host holds a line break");

    request r;
    r.head.append(method).append(1, ' ').append(target).append(" HTTP/1.1\r\nHost: ").append(authority).append("\r\n");
    for (const auto& f : fields) {
        if (!is_token(f.name) || breaks_lines(f.value))
            return failure(error::invalid_request,
                           "a header field holds a line break, or its name is not an HTTP token");
        r.head.append(f.name).append(": ").append(f.value).append("\r\n");
    }
    if (!body.empty() || (method != "GET" && method != "HEAD"))
        r.head.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
    r.head.append("\r\n");
    r.body = std::move(body);
    return r;
}

inline std::string_view response::header(std::string_view name) const noexcept {
    for (std::string_view rest = fields_; !rest.empty();) {
        const auto line = rest.substr(0, rest.find('\r'));
        if (line.size() > name.size() && line[name.size()] == ':' &&
            detail::equal_ignoring_case(line.substr(0, name.size()), name))
            return line.substr(name.size() + 2);
        rest.remove_prefix(line.size() + 2);
    }
    return {};
}

} // namespace dynasession::inline v0::http

#endif
