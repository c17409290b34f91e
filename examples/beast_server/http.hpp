#ifndef BEAST_SERVER_HTTP_HPP
#define BEAST_SERVER_HTTP_HPP

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <optional>
#include <string>
#include <string_view>

// The parts of HTTP that Beast leaves to its users.

namespace demo {

using request = boost::beast::http::request<boost::beast::http::string_body>;
using response = boost::beast::http::response<boost::beast::http::string_body>;

/// The first value of a field of a form (application/x-www-form-urlencoded), decoded.
std::optional<std::string> form_field(std::string_view form, std::string_view name);

/// What people call a browser that says this of itself (User-Agent): "Firefox on Linux".
std::string device_name(std::string_view user_agent);

} // namespace demo

#endif
