#ifndef DYNASESSION_DYNAMODB_REQUEST_HPP
#define DYNASESSION_DYNAMODB_REQUEST_HPP

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
template <class R>
concept request = requires(const R& r, json_writer& out, typename R::response_type& answer) {
    { R::target } -> std::convertible_to<std::string_view>;
    requires std::default_initializable<typename R::response_type>;
    write(out, r);
} && (scannable<typename R::response_type> || readable<typename R::response_type>);

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

/// What a call cost, in request units, and on which table.
struct consumed_capacity {
    std::string table_name{};
    double capacity_units = 0;
};

inline bool read(const boost::json::value& json, consumed_capacity& out) {
    return member_reader(json)("TableName", out.table_name)("CapacityUnits", out.capacity_units).valid();
}

inline void write_capacity_member(json_writer& out, bool wanted) {
    if (wanted) out.key("ReturnConsumedCapacity").string("TOTAL");
}

inline void write_positive_member(json_writer& out, std::string_view name, std::int64_t value) {
    if (value > 0) out.key(name).integer(value);
}

} // namespace dynasession::inline v0::dynamodb

#endif
