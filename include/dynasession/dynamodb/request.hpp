#ifndef DYNASESSION_DYNAMODB_REQUEST_HPP
#define DYNASESSION_DYNAMODB_REQUEST_HPP

#include <dynasession/dynamodb/capacity.hpp>
#include <dynasession/dynamodb/item.hpp>
#include <dynasession/dynamodb/item_scanner.hpp>
#include <dynasession/dynamodb/json_reader.hpp>
#include <dynasession/dynamodb/json_scanner.hpp>
#include <dynasession/dynamodb/json_writer.hpp>

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace dynasession::inline v0::dynamodb {

/// A response that `read` finds in a document.
template <class Response>
concept readable = requires(const boost::json::value& json, Response& response) {
    { read(json, response) } -> std::same_as<bool>;
};

/// A response that `read` finds in the text itself.
template <class Response>
concept scannable = requires(json_scanner& in, Response& response) {
    { read(in, response) } -> std::same_as<bool>;
};

/// Reads the whole text of an answer; false when it is not JSON, or has another shape.
template <class Response>
bool read_answer(std::string_view text, Response& response) {
    if constexpr (scannable<Response>) {
        json_scanner in(text);
        return read(in, response) && in.at_end();
    } else {
        const json_document document(text);
        return document.value() != nullptr && read(*document.value(), response);
    }
}

/// What the client executes: a plain struct that names its operation and the type of its answer.
///
/// `R::target` is the value of the `X-Amz-Target` header, `R::response_type` a default constructible struct;
/// `write(json_writer&, const R&)` writes the body, `read(const boost::json::value&, R::response_type&)` reads the
/// answer and is false when it has another shape; or `read(json_scanner&, R::response_type&)`, which does so without a
/// document. All are found by their arguments, so a program can add operations that this library does not have.
///
/// May have, too: a flag `return_consumed_capacity`, which asks for what the call costs, with `units_of(response)`, the
/// `std::optional<request_units>` in the answer, for observers; `largest_item(const R&)`, the size of the largest item
/// that it is to store whole.
template <class R>
concept request = requires(const R& r, json_writer& out, typename R::response_type& answer) {
    { R::target } -> std::convertible_to<std::string_view>;
    requires std::default_initializable<typename R::response_type>;
    write(out, r);
} && (scannable<typename R::response_type> || readable<typename R::response_type>);

/// Writes the body of a request into an empty string. `metered` asks for what the call costs, where the operation
/// tells.
///
/// Why the request cannot be sent, or null.
template <request Request>
const char* write_body(std::string& body, const Request& r, bool metered = false) {
    json_writer out(body);
    write(out, r);
    if constexpr (requires { r.return_consumed_capacity; }) {
        if (metered && !r.return_consumed_capacity) {
            body.pop_back(); // the brace that ends the object
            write_capacity_member(out, true);
            out.end_object();
        }
    }
    return out.problem();
}

/// Which attributes of the item a write gives back. PutItem and DeleteItem know `none` and `all_old` only, and so do
/// conditions that fail.
enum class return_value { none, all_old, updated_old, all_new, updated_new };

constexpr std::string_view to_text(return_value v) noexcept {
    constexpr std::string_view texts[] = {"NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"};
    return texts[static_cast<std::size_t>(v)];
}

inline void write_member(json_writer& out, std::string_view name, return_value v) {
    if (v != return_value::none) out.key(name).string(to_text(v));
}

inline void write_positive_member(json_writer& out, std::string_view name, std::int64_t value) {
    if (value > 0) out.key(name).integer(value);
}

} // namespace dynasession::inline v0::dynamodb

#endif
