#ifndef DYNASESSION_TESTS_CONTRACT_TABLES_HPP
#define DYNASESSION_TESTS_CONTRACT_TABLES_HPP

#include <dynasession/dynamodb_session_store.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Tables whose items a test looks at.
namespace contract {

namespace ds = dynasession;
namespace db = dynasession::dynamodb;

inline ds::dynamodb_options options_with(std::string table_name) {
    const char* endpoint = std::getenv("DYNASESSION_ENDPOINT");
    REQUIRE_MESSAGE(endpoint, "DYNASESSION_ENDPOINT has to name a DynamoDB");
    ds::dynamodb_options o;
    o.endpoint_url = endpoint;
    o.table_name = std::move(table_name);
    return o;
}

inline std::string unique_name(std::string_view purpose) {
    return "dynasession-" + std::string(purpose) + "-" + ds::session_id::generate().loggable().substr(4);
}

/// A table of its own, with a store over it, and a plain view of its items.
struct table {
    explicit table(std::string_view purpose, ds::session_options session_options = {},
                   ds::json_serializer serializer = {})
        : store(options_with(unique_name(purpose)), session_options, {}, serializer) {
        store.backend().create_table();
    }
    table(const table&) = delete;
    table& operator=(const table&) = delete;
    ~table() {
        ds::error_code ignored;
        store.backend().client().execute(db::delete_table_request{name()}, ignored);
    }

    std::string name() const { return store_name; }
    db::client& client() { return store.backend().client(); }

    std::vector<db::item> items() {
        return client().execute(db::scan_request{.table_name = name(), .consistent_read = true}).items;
    }
    void put(db::item i) { client().execute(db::put_item_request{.table_name = name(), .item = std::move(i)}); }

    ds::dynamodb_session_store store;
    std::string store_name = store.backend().table_name();
};

} // namespace contract

#endif
