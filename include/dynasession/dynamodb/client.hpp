#ifndef DYNASESSION_DYNAMODB_CLIENT_HPP
#define DYNASESSION_DYNAMODB_CLIENT_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/dynamodb/call.hpp>
#include <dynasession/dynamodb/client_options.hpp>
#include <dynasession/dynamodb/complete_batch.hpp>
#include <dynasession/dynamodb/observer.hpp>
#include <dynasession/dynamodb/operations/read_item.hpp>
#include <dynasession/dynamodb/operations/read_items.hpp>
#include <dynasession/dynamodb/operations/table.hpp>
#include <dynasession/dynamodb/operations/write_item.hpp>
#include <dynasession/dynamodb/operations/write_items.hpp>
#include <dynasession/dynamodb/outcome.hpp>
#include <dynasession/dynamodb/request.hpp>
#include <dynasession/dynamodb/wait_for_table.hpp>
#include <dynasession/http/client.hpp>
#include <dynasession/op/async_run.hpp>
#include <dynasession/op/default_executor.hpp>
#include <dynasession/op/run.hpp>
#include <dynasession/op/then.hpp>

#include <boost/asio/deferred.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#ifndef DYNASESSION_SEPARATE_COMPILATION
#include <dynasession/dynamodb/resolve.hpp>
#endif

namespace dynasession::inline v0::dynamodb {

/// A client for Amazon DynamoDB: typed requests, blocking and asynchronous, with the same retries and deadlines.
///
/// ```
/// dynamodb::client db{{.region = "eu-central-1"}};
/// auto found = db.execute(dynamodb::get_item_request{.table_name = "birds",
///                                                    .key = {{"id", attribute_value::string("wren")}}});
/// ```
///
/// *Thread safety:* may be used from many threads at once.
///
/// *Lifetimes:* the client has to outlive its calls, and its executor's context the client; see `http::client` for
/// what serves asynchronous calls when no executor is given.
class client {
public:
    using executor_type = http::client::executor_type;

    /// *Errors:* throws `session_error` when region, credentials, endpoint, authorities or proxy are missing or wrong:
    /// its detail names the option or the variable. Connects to nothing yet, except for
    /// `client_options::region_from_instance`.
    explicit client(client_options options = {}) : client(op::default_executor(), std::move(options)) {}

    client(executor_type executor, client_options options)
        : parts_(std::make_unique<parts>(std::move(executor), std::move(options))) {}

    executor_type get_executor() const { return parts_->transport.get_executor(); }

    /// Makes one call, on the calling thread.
    ///
    /// *Errors:* throws `session_error` with what the service says as its detail.
    template <request Request>
    typename Request::response_type execute(const Request& r) {
        return try_execute(r).value();
    }

    /// The same without exceptions: a default response, and the reason in `ec`.
    template <request Request>
    typename Request::response_type execute(const Request& r, error_code& ec) {
        auto done = try_execute(r);
        ec = done ? error_code{} : done.error().code;
        return done ? *std::move(done) : typename Request::response_type{};
    }

    /// The same: the response, or the failure with what the service says.
    template <request Request>
    result<typename Request::response_type> try_execute(const Request& r) {
        return perform(r).response;
    }

    /// Makes one call asynchronously; the request is not needed after the initiation.
    ///
    /// *Completion signature:* `void(error_code, Request::response_type)`, never inside the initiation.
    ///
    /// *Cancellation:* `terminal`, at every point. The request may have been carried out.
    template <request Request, class Token = boost::asio::deferred_t>
    auto async_execute(const Request& r, Token&& token = Token{}) {
        return op::async_run(op::then(start(r), response_of<Request>), parts_->transport, std::forward<Token>(token));
    }

    /// Makes one call and tells all that is known of it: the item that failed a condition, the reasons of a cancelled
    /// transaction, and whether it is certain what became of the request.
    template <request Request>
    outcome<typename Request::response_type> perform(const Request& r) {
        return *op::run(start(r), parts_->transport);
    }

    /// The same, asynchronously.
    ///
    /// *Completion signature:* `void(result<outcome<Request::response_type>>)`; the result always has a value.
    template <request Request, class Token = boost::asio::deferred_t>
    auto async_perform(const Request& r, Token&& token = Token{}) {
        return op::async_run_nested(start(r), parts_->transport, std::forward<Token>(token));
    }

    /// Makes a batch call, and calls again for what the service leaves undone, until nothing is left or the time of one
    /// call is over. What was done is known even if the rest fails: see `batch_outcome`.
    template <batch_request Request>
    batch_outcome<Request> perform_all(Request r) {
        return *op::run(complete_batch<Request>(parts_->service, std::move(r)), parts_->transport);
    }

    /// The same, asynchronously.
    ///
    /// *Completion signature:* `void(result<batch_outcome<Request>>)`; the result always has a value.
    template <batch_request Request, class Token = boost::asio::deferred_t>
    auto async_perform_all(Request r, Token&& token = Token{}) {
        return op::async_run_nested(complete_batch<Request>(parts_->service, std::move(r)), parts_->transport,
                                    std::forward<Token>(token));
    }

    /// Waits until a table can be used, and describes it.
    ///
    /// *Errors:* throws `session_error`: `error::timeout`, or what DescribeTable fails with.
    table_description wait_until_active(std::string table_name, table_wait_options options = {}) {
        return *op::run(wait(std::move(table_name), wait_for_table::goal::active, options), parts_->transport).value();
    }

    /// Waits until a table is deleted.
    ///
    /// *Errors:* as `wait_until_active`.
    void wait_until_absent(std::string table_name, table_wait_options options = {}) {
        op::run(wait(std::move(table_name), wait_for_table::goal::absent, options), parts_->transport).value();
    }

    /// Waits until a table can be used, and describes it.
    ///
    /// *Completion signature:* `void(error_code, table_description)`.
    ///
    /// *Cancellation:* `terminal`.
    template <class Token = boost::asio::deferred_t>
    auto async_wait_until_active(std::string table_name, table_wait_options options = {}, Token&& token = Token{}) {
        const auto described = [](std::optional<table_description> t) -> result<table_description> {
            return *std::move(t);
        };
        return op::async_run(op::then(wait(std::move(table_name), wait_for_table::goal::active, options), described),
                             parts_->transport, std::forward<Token>(token));
    }

    /// Waits until a table is deleted.
    ///
    /// *Completion signature:* `void(error_code)`.
    ///
    /// *Cancellation:* `terminal`.
    template <class Token = boost::asio::deferred_t>
    auto async_wait_until_absent(std::string table_name, table_wait_options options = {}, Token&& token = Token{}) {
        const auto nothing = [](std::optional<table_description>) -> result<void> { return {}; };
        return op::async_run(op::then(wait(std::move(table_name), wait_for_table::goal::absent, options), nothing),
                             parts_->transport, std::forward<Token>(token));
    }

    /// A call as an operation, to be run over `transport()`, alone or as a part of a larger operation.
    template <request Request>
    call<Request> start(const Request& r) const {
        return call<Request>(parts_->service, r);
    }

    /// What carries out the effects of calls: the `Io` for `op::run` and `op::async_run`.
    http::client& transport() noexcept { return parts_->transport; }

    /// What operations that are made of several calls need: see `call`.
    const dynamodb::service& service() const noexcept { return parts_->service; }

    /// The time by the clock of the service, as far as its answers have told it.
    op::instant now() const noexcept { return parts_->service.clock.correct(op::instant::now()); }

private:
    // Calls point to these, so they stay where they are when the client moves.
    struct parts {
        parts(executor_type executor, client_options options)
            : parts(std::move(executor), resolve(std::move(options)).value()) {}

        parts(executor_type executor, client_setup with)
            : service{with.where.address.authority(), aws::signer(with.where.signing_region, "dynamodb"),
                      std::move(with.credentials), with.call, std::move(with.observer)},
              transport(std::move(executor), std::move(with.where.address), std::move(with.connection)) {}

        dynamodb::service service;
        http::client transport;
    };

    template <request Request>
    static result<typename Request::response_type> response_of(outcome<typename Request::response_type> o) {
        return std::move(o.response);
    }

    wait_for_table wait(std::string table_name, wait_for_table::goal goal, table_wait_options options) const {
        return {parts_->service, std::move(table_name), goal, options};
    }

    std::unique_ptr<parts> parts_;
};

} // namespace dynasession::inline v0::dynamodb

#endif
