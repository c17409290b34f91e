#ifndef DYNASESSION_DYNAMODB_CAPACITY_HPP
#define DYNASESSION_DYNAMODB_CAPACITY_HPP

#include <dynasession/dynamodb/json_reader.hpp>
#include <dynasession/dynamodb/json_writer.hpp>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// What a call cost, in request units, and on which table.
struct consumed_capacity {
    std::string table_name{};
    double capacity_units = 0;
    double read_capacity_units = 0;  ///< how much of it were reads and writes: transactions tell,
    double write_capacity_units = 0; ///< the other operations do only the one or the other
};

/// Request units, of reads and of writes.
struct request_units {
    double read = 0;
    double write = 0;

    friend bool operator==(const request_units&, const request_units&) = default;
};

inline bool read(const boost::json::value& json, consumed_capacity& out) {
    return member_reader(json)("TableName", out.table_name)("CapacityUnits", out.capacity_units)(
               "ReadCapacityUnits", out.read_capacity_units)("WriteCapacityUnits", out.write_capacity_units)
        .valid();
}

inline void write_capacity_member(json_writer& out, bool wanted) {
    if (wanted) out.key("ReturnConsumedCapacity").string("TOTAL");
}

namespace capacity_detail {

inline std::span<const consumed_capacity> each(const std::optional<consumed_capacity>& one) noexcept {
    return {one ? &*one : nullptr, one ? std::size_t{1} : 0};
}
inline std::span<const consumed_capacity> each(const std::vector<consumed_capacity>& all) noexcept { return all; }

inline std::optional<request_units> sum(std::span<const consumed_capacity> all, double request_units::*kind) noexcept {
    if (all.empty()) return std::nullopt;
    request_units units;
    for (const auto& c : all) {
        units.read += c.read_capacity_units;
        units.write += c.write_capacity_units;
        if (c.read_capacity_units + c.write_capacity_units == 0) units.*kind += c.capacity_units;
    }
    return units;
}

} // namespace capacity_detail

/// The units of an answer to an operation that reads; nothing when it does not tell. `Capacity` is an optional
/// `consumed_capacity` or a vector of them.
template <class Capacity>
std::optional<request_units> units_read(const Capacity& c) noexcept {
    return capacity_detail::sum(capacity_detail::each(c), &request_units::read);
}

/// The same for an operation that writes.
template <class Capacity>
std::optional<request_units> units_written(const Capacity& c) noexcept {
    return capacity_detail::sum(capacity_detail::each(c), &request_units::write);
}

} // namespace dynasession::inline v0::dynamodb

#endif
