#ifndef DYNASESSION_DYNAMODB_OPERATIONS_TABLE_HPP
#define DYNASESSION_DYNAMODB_OPERATIONS_TABLE_HPP

#include <dynasession/dynamodb/request.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// An attribute that keys are made of. Its type is `string`, `number` or `binary`.
struct key_attribute {
    std::string name{};
    attribute_value::type type = attribute_value::type::string;

    friend bool operator==(const key_attribute&, const key_attribute&) = default;
};

/// Request units a second that a provisioned table has.
struct throughput {
    std::int64_t read_capacity_units = 0;
    std::int64_t write_capacity_units = 0;
};

enum class billing_mode { on_demand, provisioned };
enum class projection { all, keys_only, include };
enum class table_status { creating, updating, deleting, active, other };

/// A view of the table by other keys; an item without these attributes is not in it.
struct secondary_index {
    std::string name{};
    key_attribute partition_key{};
    std::optional<key_attribute> sort_key{};
    projection projected = projection::all;
    std::vector<std::string> non_key_attributes{}; ///< with `projection::include`
    throughput provisioned{};                      ///< when the table is provisioned
};

/// What the service says about a table.
struct table_description {
    std::string table_name{};
    table_status status = table_status::other;
    std::string arn{};
    std::int64_t item_count = 0; ///< brought up to date every six hours or so
    std::int64_t size_bytes = 0;
    key_attribute partition_key{};
    std::optional<key_attribute> sort_key{};
    billing_mode billing = billing_mode::provisioned;
    throughput provisioned{};
    std::vector<std::string> index_names{};
};

struct create_table_response {
    table_description table{};
};
struct delete_table_response {
    table_description table{};
};
struct describe_table_response {
    table_description table{};
};

/// CreateTable: begins to make a table, which can be used once it is `active`.
///
/// *Errors:* `error::table_exists`.
struct create_table_request {
    using response_type = create_table_response;
    static constexpr std::string_view target = "DynamoDB_20120810.CreateTable";

    std::string table_name{};
    key_attribute partition_key{};
    std::optional<key_attribute> sort_key{};
    std::vector<secondary_index> global_secondary_indexes{};
    billing_mode billing = billing_mode::on_demand;
    throughput provisioned{}; ///< when `billing` is `provisioned`
};

/// DeleteTable: begins to remove a table and all that is in it.
struct delete_table_request {
    using response_type = delete_table_response;
    static constexpr std::string_view target = "DynamoDB_20120810.DeleteTable";

    std::string table_name{};
};

/// DescribeTable: the state of a table.
struct describe_table_request {
    using response_type = describe_table_response;
    static constexpr std::string_view target = "DynamoDB_20120810.DescribeTable";

    std::string table_name{};
};

enum class time_to_live_status { disabled, enabling, enabled, disabling };

struct update_time_to_live_response {
    std::string attribute_name{};
    bool enabled = false;
};
struct describe_time_to_live_response {
    time_to_live_status status = time_to_live_status::disabled;
    std::string attribute_name{}; ///< empty when disabled
};

/// UpdateTimeToLive: has the service delete items some time after the second that an attribute of type N names.
struct update_time_to_live_request {
    using response_type = update_time_to_live_response;
    static constexpr std::string_view target = "DynamoDB_20120810.UpdateTimeToLive";

    std::string table_name{};
    std::string attribute_name{};
    bool enabled = true;
};

/// DescribeTimeToLive: whether, and by which attribute, items are deleted.
struct describe_time_to_live_request {
    using response_type = describe_time_to_live_response;
    static constexpr std::string_view target = "DynamoDB_20120810.DescribeTimeToLive";

    std::string table_name{};
};

namespace table_detail {

constexpr std::string_view type_text(attribute_value::type type) noexcept {
    return type == attribute_value::type::number ? "N" : type == attribute_value::type::binary ? "B" : "S";
}

inline void write_throughput(json_writer& out, const throughput& t) {
    out.key("ProvisionedThroughput").begin_object();
    out.key("ReadCapacityUnits").integer(t.read_capacity_units);
    out.key("WriteCapacityUnits").integer(t.write_capacity_units);
    out.end_object();
}

inline void write_key_schema(json_writer& out, const key_attribute& partition,
                             const std::optional<key_attribute>& sort) {
    const auto element = [&](std::string_view name, std::string_view kind) {
        out.begin_object().key("AttributeName").string(name).key("KeyType").string(kind).end_object();
    };
    out.key("KeySchema").begin_array();
    element(partition.name, "HASH");
    if (sort) element(sort->name, "RANGE");
    out.end_array();
}

// Each attribute that any key uses, once.
inline void write_definitions(json_writer& out, const create_table_request& r) {
    std::vector<const key_attribute*> used;
    const auto use = [&](const key_attribute& a) {
        if (std::ranges::none_of(used, [&](const auto* other) { return other->name == a.name; })) used.push_back(&a);
    };
    use(r.partition_key);
    if (r.sort_key) use(*r.sort_key);
    for (const auto& index : r.global_secondary_indexes) {
        use(index.partition_key);
        if (index.sort_key) use(*index.sort_key);
    }
    out.key("AttributeDefinitions").begin_array();
    for (const auto* a : used) {
        out.begin_object().key("AttributeName").string(a->name);
        out.key("AttributeType").string(type_text(a->type)).end_object();
    }
    out.end_array();
}

inline void write_index(json_writer& out, const secondary_index& index, billing_mode billing) {
    constexpr std::string_view projections[] = {"ALL", "KEYS_ONLY", "INCLUDE"};
    out.begin_object().key("IndexName").string(index.name);
    write_key_schema(out, index.partition_key, index.sort_key);
    out.key("Projection").begin_object();
    out.key("ProjectionType").string(projections[static_cast<std::size_t>(index.projected)]);
    if (index.projected == projection::include) {
        out.key("NonKeyAttributes").begin_array();
        for (const auto& name : index.non_key_attributes) out.string(name);
        out.end_array();
    }
    out.end_object();
    if (billing == billing_mode::provisioned) write_throughput(out, index.provisioned);
    out.end_object();
}

inline const boost::json::value* member(const boost::json::value& json, std::string_view name) noexcept {
    const auto* object = json.if_object();
    return object ? object->if_contains(name) : nullptr;
}

inline bool read_keys(const boost::json::value& table, table_description& out) {
    struct element {
        std::string name, kind;
    };
    const auto each = [&](std::string_view list_name, std::string_view text_name, auto&& use) {
        const auto* list = member(table, list_name);
        if (list == nullptr || list->is_null()) return true;
        if (!list->is_array()) return false;
        for (const auto& json : list->get_array()) {
            element e;
            if (!member_reader(json)("AttributeName", e.name)("IndexName", e.name)(text_name, e.kind).valid())
                return false;
            use(e);
        }
        return true;
    };
    const auto set_type = [](key_attribute& key, const element& e) {
        if (key.name != e.name) return;
        key.type = e.kind == "N"   ? attribute_value::type::number
                   : e.kind == "B" ? attribute_value::type::binary
                                   : attribute_value::type::string;
    };
    return each("KeySchema", "KeyType",
                [&](const element& e) {
                    if (e.kind == "RANGE")
                        out.sort_key.emplace().name = e.name;
                    else
                        out.partition_key.name = e.name;
                }) &&
           each("AttributeDefinitions", "AttributeType",
                [&](const element& e) {
                    set_type(out.partition_key, e);
                    if (out.sort_key) set_type(*out.sort_key, e);
                }) &&
           each("GlobalSecondaryIndexes", "IndexStatus", [&](const element& e) { out.index_names.push_back(e.name); });
}

} // namespace table_detail

inline bool read(const boost::json::value& json, table_status& out) {
    std::string text;
    if (!read(json, text)) return false;
    out = text == "ACTIVE"     ? table_status::active
          : text == "CREATING" ? table_status::creating
          : text == "UPDATING" ? table_status::updating
          : text == "DELETING" ? table_status::deleting
                               : table_status::other;
    return true;
}

inline bool read(const boost::json::value& json, time_to_live_status& out) {
    std::string text;
    if (!read(json, text)) return false;
    out = text == "ENABLED"     ? time_to_live_status::enabled
          : text == "ENABLING"  ? time_to_live_status::enabling
          : text == "DISABLING" ? time_to_live_status::disabling
                                : time_to_live_status::disabled;
    return true;
}

inline bool read(const boost::json::value& json, billing_mode& out) {
    std::string mode;
    if (!member_reader(json)("BillingMode", mode).valid()) return false;
    out = mode == "PAY_PER_REQUEST" ? billing_mode::on_demand : billing_mode::provisioned;
    return true;
}

inline bool read(const boost::json::value& json, throughput& out) {
    member_reader members(json);
    members("ReadCapacityUnits", out.read_capacity_units)("WriteCapacityUnits", out.write_capacity_units);
    return members.valid();
}

inline bool read(const boost::json::value& json, table_description& out) {
    return member_reader(json)("TableName", out.table_name)("TableStatus", out.status)("TableArn", out.arn)(
               "ItemCount", out.item_count)("TableSizeBytes", out.size_bytes)("BillingModeSummary", out.billing)(
               "ProvisionedThroughput", out.provisioned)
               .valid() &&
           table_detail::read_keys(json, out);
}

inline bool read(const boost::json::value& json, create_table_response& out) {
    const auto* table = table_detail::member(json, "TableDescription");
    return table && read(*table, out.table);
}
inline bool read(const boost::json::value& json, delete_table_response& out) {
    const auto* table = table_detail::member(json, "TableDescription");
    return table && read(*table, out.table);
}
inline bool read(const boost::json::value& json, describe_table_response& out) {
    const auto* table = table_detail::member(json, "Table");
    return table && read(*table, out.table);
}

inline void write(json_writer& out, const create_table_request& r) {
    constexpr std::string_view modes[] = {"PAY_PER_REQUEST", "PROVISIONED"};
    out.begin_object().key("TableName").string(r.table_name);
    table_detail::write_definitions(out, r);
    table_detail::write_key_schema(out, r.partition_key, r.sort_key);
    if (!r.global_secondary_indexes.empty()) {
        out.key("GlobalSecondaryIndexes").begin_array();
        for (const auto& index : r.global_secondary_indexes) table_detail::write_index(out, index, r.billing);
        out.end_array();
    }
    out.key("BillingMode").string(modes[static_cast<std::size_t>(r.billing)]);
    if (r.billing == billing_mode::provisioned) table_detail::write_throughput(out, r.provisioned);
    out.end_object();
}

namespace table_detail {

// The requests that say nothing but a table's name.
inline void write_name_only(json_writer& out, const std::string& table_name) {
    out.begin_object().key("TableName").string(table_name).end_object();
}

} // namespace table_detail

inline void write(json_writer& out, const delete_table_request& r) { table_detail::write_name_only(out, r.table_name); }
inline void write(json_writer& out, const describe_table_request& r) {
    table_detail::write_name_only(out, r.table_name);
}
inline void write(json_writer& out, const describe_time_to_live_request& r) {
    table_detail::write_name_only(out, r.table_name);
}

inline void write(json_writer& out, const update_time_to_live_request& r) {
    out.begin_object().key("TableName").string(r.table_name);
    out.key("TimeToLiveSpecification").begin_object();
    out.key("AttributeName").string(r.attribute_name).key("Enabled").boolean(r.enabled);
    out.end_object().end_object();
}

inline bool read(const boost::json::value& json, update_time_to_live_response& out) {
    const auto* specification = table_detail::member(json, "TimeToLiveSpecification");
    return specification &&
           member_reader(*specification)("AttributeName", out.attribute_name)("Enabled", out.enabled).valid();
}

inline bool read(const boost::json::value& json, describe_time_to_live_response& out) {
    const auto* description = table_detail::member(json, "TimeToLiveDescription");
    return description &&
           member_reader(*description)("TimeToLiveStatus", out.status)("AttributeName", out.attribute_name).valid();
}

static_assert(request<create_table_request> && request<delete_table_request> && request<describe_table_request>);
static_assert(request<update_time_to_live_request> && request<describe_time_to_live_request>);

} // namespace dynasession::inline v0::dynamodb

#endif
