#ifndef DYNASESSION_AWS_FETCH_NOW_HPP
#define DYNASESSION_AWS_FETCH_NOW_HPP

#include <dynasession/aws/connection.hpp>
#include <dynasession/aws/environment.hpp>
#include <dynasession/aws/fetch.hpp>
#include <dynasession/aws/run_program.hpp>
#include <dynasession/aws/shared_config.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/http/client.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/op/action.hpp>
#include <dynasession/op/run.hpp>

#include <chrono>
#include <thread>
#include <utility>
#include <variant>

namespace dynasession::inline v0::aws {

/// Carries out the effects of a fetch, blocking: the `Io` of `op::run` for a `fetch_operation`.
///
/// A call ends by its timeout; only the look-up of a name may last longer, as long as the system's resolver does.
///
/// *Thread safety:* may be used from many threads at once.
class fetch_io {
public:
    /// The options are those of the connections to servers, but for the time limits: those are the calls' own. What is
    /// not set is taken from environment and profile when a server is asked, as `resolve_connection` does; through a
    /// proxy go those calls only that may.
    explicit fetch_io(http::client_options options = {}, bool allow_plain_http = false,
                      environment env = process_environment, shared_config config = {})
        : options_(std::move(options)), allow_plain_http_(allow_plain_http), env_(std::move(env)),
          config_(std::move(config)) {
        options_.max_body_size = 64 * 1024; // credentials have a few thousand bytes
    }

    op::instant now() const noexcept { return op::instant::now(); }
    void wait(std::chrono::milliseconds duration) const { std::this_thread::sleep_for(duration); }

    fetch_reply perform(const fetch_effect& effect) const {
        return std::visit([this](const auto& call) { return carry_out(call); }, effect);
    }

private:
    // On a connection of its own: fetches are hours apart.
    fetch_reply carry_out(const server_call& call) const {
        auto options = options_for(call);
        if (!options) return std::move(options).error();
        try {
            http::client server(call.server, *std::move(options));
            auto r = server.perform({&call.message, std::chrono::steady_clock::now() + call.timeout});
            if (!r.answer) return std::move(r.answer).error();
            return *std::move(r.answer);
        } catch (const session_error& e) {
            return failure(e.code(), e.detail());
        }
    }

    fetch_reply carry_out(const program_call& call) const {
        auto output = run_program(call);
        if (!output) return std::move(output).error();
        return *std::move(output);
    }

    result<http::client_options> options_for(const server_call& call) const {
        auto options = options_;
        options.connect_timeout = options.handshake_timeout = call.timeout;
        if (!call.through_proxy) options.proxy.emplace(); // none
        return resolve_connection(std::move(options), call.server, allow_plain_http_, env_, config_);
    }

    http::client_options options_;
    bool allow_plain_http_;
    environment env_;
    shared_config config_;
};

/// Carries out a fetch on the calling thread. The options are those of `fetch_io`.
template <class Op>
    requires fetch_operation<Op, typename Op::value_type>
result<typename Op::value_type> fetch_now(Op operation, http::client_options options = {}) {
    fetch_io effects(std::move(options));
    return op::run(std::move(operation), effects);
}

} // namespace dynasession::inline v0::aws

#endif
