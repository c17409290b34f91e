#ifndef DYNASESSION_BACKEND_DYNAMODB_HPP
#define DYNASESSION_BACKEND_DYNAMODB_HPP

#include <dynasession/backend/conditional_write.hpp>
#include <dynasession/backend/dynamodb_moves.hpp>
#include <dynasession/backend/dynamodb_users.hpp>
#include <dynasession/backend/native_layout.hpp>
#include <dynasession/backend/read_record.hpp>
#include <dynasession/backend/session_table.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/core/concepts.hpp>
#include <dynasession/dynamodb/client.hpp>
#include <dynasession/dynamodb/item_size.hpp>
#include <dynasession/dynamodb/observer.hpp>
#include <dynasession/op/async_run.hpp>
#include <dynasession/op/default_executor.hpp>
#include <dynasession/op/one_of.hpp>
#include <dynasession/op/run.hpp>

#include <boost/asio/deferred.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace dynasession::inline v0 {

/// Where the sessions are, and how to get there. What is left empty is found as the AWS SDKs find it.
struct dynamodb_options {
    std::string table_name = "sessions";
    std::string hash_key = "id";                           ///< the table's key, of type S
    std::string session_lifetime_attribute = "expires";    ///< the table's TTL attribute
    std::string key_prefix{};                              ///< stands before every key: tables can be shared
    std::string user_index = "users";                      ///< finds sessions by user, costs nothing for those that are nobody's; empty: none
    bool consistent_read = true;                           ///< false: half the price, but a load may miss the last save or log-out

    std::string profile{};                                 ///< of ~/.aws/config and ~/.aws/credentials; else AWS_PROFILE, `default`
    std::string region{};                                  ///< else AWS_REGION, AWS_DEFAULT_REGION, the profile's
    bool region_from_instance = false;                     ///< see `dynamodb::client_options`: the constructor then waits, at most 14 s
    std::string endpoint_url{};                            ///< else AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL, the profile's, AWS itself
    std::optional<bool> use_fips{};                        ///< else AWS_USE_FIPS_ENDPOINT, the profile's, false
    std::optional<bool> use_dual_stack{};                  ///< else AWS_USE_DUALSTACK_ENDPOINT, the profile's, false
    bool allow_plain_http = false;                         ///< http:// to other machines than this one, or through a proxy
    aws::credentials_provider credentials{};               ///< keys, or a function that gives some; else as `aws::resolve_credentials` says
    dynamodb::call_options call{};                         ///< time and attempts of a call
    http::client_options connection{};                     ///< connections, TLS, proxy: see `aws::resolve_connection`
    dynamodb::any_observer observer{};                     ///< is told of each request: `dynamodb::metrics`, or a function

    std::function<op::instant()> clock{};                  ///< by what sessions expire; empty: DynamoDB's own, as far as its answers tell it
};

/// Keeps sessions in a DynamoDB table, one item a session (see native_layout).
///
/// Needs the permissions dynamodb:GetItem, PutItem, UpdateItem, DeleteItem on the table, for lists BatchGetItem and Query on its
/// indexes, for marks BatchGetItem, and what create_table says if it is to create it.
class dynamodb_backend {
public:
    using options_type = dynamodb_options;
    using executor_type = http::client::executor_type;

    /// *Errors:* throws `session_error`: region, credentials or endpoint are missing or wrong. Connects to nothing yet,
    /// except for `dynamodb_options::region_from_instance`.
    explicit dynamodb_backend(options_type options = {})
        : dynamodb_backend(op::default_executor(), std::move(options)) {}

    /// A backend whose asynchronous calls run on `executor`: a server gives that of its own io_context.
    dynamodb_backend(executor_type executor, options_type options)
        : client_(std::move(executor), {.profile = options.profile,
                                        .region = options.region,
                                        .region_from_instance = options.region_from_instance,
                                        .endpoint_url = options.endpoint_url,
                                        .use_fips = options.use_fips,
                                        .use_dual_stack = options.use_dual_stack,
                                        .allow_plain_http = options.allow_plain_http,
                                        .credentials = std::move(options.credentials),
                                        .call = options.call,
                                        .connection = options.connection,
                                        .observer = options.observer}),
          table_{client_.service(), {checked(options).table_name,
                           {.hash_key = options.hash_key,
                            .expires = options.session_lifetime_attribute,
                            .key_prefix = options.key_prefix},
                           options.consistent_read, options.user_index}},
          clock_(std::move(options.clock)) {}

    op::instant now() const { return clock_ ? clock_() : client_.now(); }

    void wait(std::chrono::milliseconds d) { client_.transport().wait(d); }

    executor_type get_executor() const { return client_.get_executor(); }

    result<reply> perform(command c) { return op::run(operation(std::move(c)), client_.transport()); }

    template <class Token>
    auto async_perform(command c, Token&& token) {
        return op::async_run_nested(operation(std::move(c)), client_.transport(), std::forward<Token>(token));
    }

    /// Whether sessions can be found by their users.
    bool lists_users() const noexcept { return !table_.requests.user_index().empty(); }

    /// Creates the table, billed on demand, with the index by user, waits until it can be used, and turns TTL on. A table
    /// that is there is left as it is, but for TTL.
    ///
    /// *Errors:* throws `session_error`; `invalid_option` when the table that is there has another key or TTL attribute.
    ///
    /// *Cost:* none. Needs the permissions dynamodb:CreateTable, DescribeTable, DescribeTimeToLive, UpdateTimeToLive.
    table_report create_table() { return op::run(backend_detail::prepare_table(table_), client_.transport()).value(); }
    table_report create_table(error_code& ec) {
        const auto done = op::run(backend_detail::prepare_table(table_), client_.transport());
        ec = done ? error_code{} : done.error().code;
        return done ? *done : table_report{};
    }

    /// *Completion signature:* `void(error_code, table_report)`. *Cancellation:* `terminal`.
    template <class Token = boost::asio::deferred_t>
    auto async_create_table(Token&& token = Token{}) {
        return op::async_run(backend_detail::prepare_table(table_), client_.transport(), std::forward<Token>(token));
    }

    const std::string& table_name() const noexcept { return table_.requests.table_name(); }

    /// How sessions are written into items.
    const native_layout& layout() const noexcept { return table_.requests.layout(); }

    /// The client that the backend uses, for other requests to the same service.
    dynamodb::client& client() noexcept { return client_; }

private:
    using any_operation = op::one_of<op::ready<http::exchange, http::reply, reply>, backend_detail::load, backend_detail::create,
                                     backend_detail::change, backend_detail::update, backend_detail::erase,
                                     backend_detail::move, backend_detail::list_of_user, backend_detail::load_with_mark,
                                     backend_detail::erase_of_user, backend_detail::mark_read, backend_detail::mark_write>;

    static const options_type& checked(const options_type& o) {
        const auto refuse = [](const char* why) { throw session_error(failure(error::invalid_option, why)); };
        const std::string &key = o.hash_key, &expires = o.session_lifetime_attribute;
        if (o.table_name.empty() || key.empty() || expires.empty())
            refuse("dynamodb_options: table_name, hash_key and session_lifetime_attribute must not be empty");
        if (key == expires || native_layout::is_taken(key) || native_layout::is_taken(expires))
            refuse("dynamodb_options: hash_key and session_lifetime_attribute have to differ, and neither is the name of another attribute of the layout");
        return o;
    }

    any_operation operation(command c) const {
        return std::visit([this](auto& specific) { return operation(specific); }, c);
    }

    any_operation operation(load_record& c) const {
        if (!c.mark_of.empty()) return backend_detail::load_with_mark(table_, std::move(c));
        return backend_detail::load(table_, c);
    }
    any_operation operation(create_record& c) const {
        if (auto refused = too_large(c.content.data.size_in_bytes())) return *std::move(refused);
        return backend_detail::make_create(table_, c.id, c.content);
    }
    any_operation operation(change_record& c) const {
        if (auto refused = too_large(c.after.size_in_bytes())) return *std::move(refused);
        const backend_detail::by_mark judge{c.if_version, std::string(c.journal.newest()), c.if_as_read};
        return backend_detail::change(table_, c.id, table_.requests.change(c), judge);
    }
    any_operation operation(touch_record& c) const {
        return backend_detail::update(table_, c.id, table_.requests.touch(c));
    }
    any_operation operation(lock_record& c) const { return backend_detail::update(table_, c.id, table_.requests.lock(c)); }
    any_operation operation(renew_lock& c) const { return backend_detail::update(table_, c.id, table_.requests.renew(c)); }
    any_operation operation(erase_record& c) const { return backend_detail::erase(table_, c.id); }
    any_operation operation(move_record& c) const {
        if (auto refused = too_large(c.content.data.size_in_bytes())) return *std::move(refused);
        return backend_detail::move(table_, std::move(c));
    }

    any_operation operation(list_sessions& c) const {
        if (lists_users()) return backend_detail::list_of_user(table_, std::move(c));
        return op::ready<http::exchange, http::reply, reply>(failure(
            error::invalid_option, "dynamodb_options::user_index is empty: name the index to find sessions by their users"));
    }
    any_operation operation(erase_owned& c) const {
        return backend_detail::erase_of_user(table_, backend_detail::erase_owned_item(table_.requests, c));
    }
    any_operation operation(load_mark& c) const { return backend_detail::mark_read(table_, c); }
    any_operation operation(raise_mark& c) const {
        return backend_detail::mark_write(table_, backend_detail::raise_mark_item(table_.requests, c));
    }

    std::optional<any_operation> too_large(std::size_t size_of_fields) const {
        auto refused = dynamodb::refuse_too_large(table_.requests.layout().item_size(size_of_fields));
        if (!refused) return std::nullopt;
        return op::ready<http::exchange, http::reply, reply>(*std::move(refused));
    }

    dynamodb::client client_;
    backend_detail::dynamodb_table table_;
    std::function<op::instant()> clock_;
};

static_assert(check_user_backend<dynamodb_backend>());

} // namespace dynasession::inline v0

#endif
