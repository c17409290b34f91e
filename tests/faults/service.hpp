#ifndef DYNASESSION_TESTS_FAULTS_SERVICE_HPP
#define DYNASESSION_TESTS_FAULTS_SERVICE_HPP

#include "../support/scripted_server.hpp"
#include "table_model.hpp"

#include <dynasession/aws/credentials.hpp>
#include <dynasession/core/session_id.hpp>

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace faults {

using request = test::received_request;

/// What arrived: an attempt of a call.
struct arrival {
    std::string operation{};
    std::string call{};   ///< amz-sdk-invocation-id
    unsigned attempt = 0; ///< amz-sdk-request
};

/// A DynamoDB with one table on a port of this machine. It does all that it should, but for what it is told.
///
/// *Thread safety:* all of it from any thread, but `stop` and `start`.
class service {
    template <class F>
    auto under_lock(F f) const {
        const std::lock_guard lock(mutex_);
        return f();
    }

public:
    /// Takes the place of the answer to a request.
    using play = std::function<test::answer(service&, const request&)>;

    explicit service(abilities can = {}) : table_(can), server_([this](const request& r) { return serve(r); }) {}

    std::string url() const { return server_.url(); }

    void stop() { server_.stop(); }
    void start() { server_.start(); }

    /// Closes all connections.
    void restart() {
        stop();
        start();
    }

    test::scripted_server& server() noexcept { return server_; }

    /// So many of the next requests meet with this, after so many that do not. Replaces what was said before.
    void meet(play p, int times = 1, int after = 0);
    void behave() { meet({}, 0); }

    /// What a service answers on good days: the request is carried out if it is signed properly.
    test::answer answer_to(const request& r);
    static test::answer error(unsigned status, std::string_view name);

    /// Lays a request aside, until all that were are delivered.
    void lay_aside(const request& r);
    void deliver();

    /// New credentials at each call. Each client has a source of its own, which has to be asked by one thread at a time.
    std::function<dynasession::aws::credentials()> source();
    int issued() const { return under_lock([&] { return issued_; }); }

    /// How long those live that are issued from now on.
    void let_credentials_live(std::chrono::milliseconds life);

    /// Only those credentials that are issued from now on are accepted.
    void revoke();

    /// Only the last so many credentials are accepted.
    void accept_the_last(int count);

    /// Sets the clock of the service, compared with that of this machine.
    void be_ahead(std::chrono::seconds by);

    /// What arrived, which writes met their condition and which of them left something else than was there before: from
    /// `begin_counting` on, without what was laid aside.
    void begin_counting();
    std::vector<arrival> arrivals() const { return under_lock([&] { return arrivals_; }); }
    int applied() const { return under_lock([&] { return table_.applied() - applied_before_; }); }
    int changes() const { return under_lock([&] { return table_.changes() - changes_before_; }); }

    /// The item of a session.
    std::optional<json::object> item(const dynasession::session_id& id) const;
    std::size_t items() const { return under_lock([&] { return table_.size(); }); }

    /// Requests that nothing but a mistake explains.
    std::vector<std::string> problems() const { return under_lock([&] { return problems_; }); }

    /// What another client does while an answer is delayed.
    std::function<void()> meanwhile{};

private:
    dynasession::aws::credentials issue();
    test::answer serve(const request& r);
    test::answer perform(const request& r);
    std::optional<test::answer> refused(const request& r) const;
    std::chrono::sys_seconds now() const;

    mutable std::mutex mutex_;
    table_model table_;
    play play_{};
    int plays_left_ = 0, plays_after_ = 0;
    std::vector<request> aside_{};
    int issued_ = 0, first_accepted_ = 1;
    std::optional<int> accepted_count_{};
    std::optional<std::chrono::milliseconds> life_{};
    std::chrono::seconds ahead_{0};
    std::vector<arrival> arrivals_{};
    std::vector<std::string> problems_{};
    int applied_before_ = 0, changes_before_ = 0;
    test::scripted_server server_; // ends first
};

} // namespace faults

#endif
