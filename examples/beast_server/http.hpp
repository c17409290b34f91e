#ifndef BEAST_SERVER_HTTP_HPP
#define BEAST_SERVER_HTTP_HPP

#include <dynasession/core/session_id.hpp>

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <optional>
#include <string>
#include <string_view>

// The parts of HTTP that Beast leaves to its users: forms and cookies.

namespace demo {

using request = boost::beast::http::request<boost::beast::http::string_body>;
using response = boost::beast::http::response<boost::beast::http::string_body>;

/// The first value of a field of a form (application/x-www-form-urlencoded), decoded.
std::optional<std::string> form_field(std::string_view form, std::string_view name);

/// The cookie that holds the id of a session, and nothing else.
///
/// It has no Max-Age, so the browser forgets it when it ends: how long the session lives is the store's affair.
class session_cookie {
public:
    /// `secure` is for https. With the prefix `__Host-` the browser sees to it that only this very host, and only over
    /// https, can set the cookie (RFC 6265bis, 4.1.3.2).
    explicit session_cookie(bool secure) : name_(secure ? "__Host-session" : "session"), secure_(secure) {}

    /// The id that a request brings, if it has the shape of one. Whether there is such a session, the store knows.
    std::optional<dynasession::session_id> read(const request& r) const;

    /// The value of Set-Cookie that gives the browser this id.
    std::string set(const dynasession::session_id& id) const;

    /// The value of Set-Cookie that takes the id away from the browser.
    std::string remove() const;

private:
    std::string attributes() const;

    std::string name_;
    bool secure_;
};

} // namespace demo

#endif
