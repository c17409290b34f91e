#ifndef DYNASESSION_AWS_PROCESS_CREDENTIALS_HPP
#define DYNASESSION_AWS_PROCESS_CREDENTIALS_HPP

#include <dynasession/aws/credentials.hpp>
#include <dynasession/aws/credentials_json.hpp>
#include <dynasession/aws/fetch.hpp>
#include <dynasession/aws/fetch_now.hpp>
#include <dynasession/aws/split_command.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/detail/crypto.hpp>
#include <dynasession/op/action.hpp>

#include <boost/asio/error.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// Asks a program for credentials (AWS CLI user guide, "Sourcing credentials with an external process").
class fetch_process_credentials {
public:
    using effect_type = fetch_effect;
    using reply_type = fetch_reply;
    using value_type = credentials;
    using action_type = op::action<fetch_effect, credentials>;

    /// `origin` stands before the messages: where the command is set.
    fetch_process_credentials(program_call call, std::string origin)
        : call_(std::move(call)), origin_(std::move(origin)) {}

    action_type resume(fetch_reply&& reply, op::instant) {
        if (!std::exchange(is_asked_, true)) return fetch_effect(call_);
        if (!reply.output) return fail(reply.output.error());
        auto& [exit_status, text] = *reply.output;
        if (exit_status != 0) {
            detail::cleanse(text);
            return end(error::missing_credentials, program() + " ended with status " + std::to_string(exit_status) +
                                                       ": run the command by hand to see why");
        }
        auto found = read_credentials_json(std::move(text), process_form);
        if (found) return found;
        // Of a server this may pass by itself, but not of a program.
        return end(error::missing_credentials, "the output of " + program() + ": " + found.error().detail);
    }

private:
    action_type fail(const failure& why) const {
        if (why == boost::asio::error::operation_aborted) return result<credentials>(why);
        if (why == error::timeout || why == error::response_too_large) return end(why.code, why.detail);
        // Neither does what the system says of it, although the network's errors do.
        return end(error::missing_credentials, why.detail + " (" + why.code.message() + ')');
    }

    action_type end(error_code code, std::string_view why) const {
        return result<credentials>(failure(code, origin_ + ": " + std::string(why)));
    }

    const std::string& program() const { return call_.arguments.front(); }

    program_call call_;
    std::string origin_;
    bool is_asked_ = false;
};

static_assert(fetch_operation<fetch_process_credentials>);

/// The source of the credentials that a program prints. A fetch ends within the timeout of the call, which is 60 s.
class process_credentials {
public:
    /// The source of a command line; see `split_command`. `origin` says where it is set, for messages: FILE:LINE and
    /// the property.
    ///
    /// *Errors:* `error::invalid_option` for a line that cannot be split.
    static result<process_credentials> of(std::string_view command, std::string origin,
                                          std::chrono::milliseconds timeout = std::chrono::seconds(60)) {
        auto arguments = split_command(command);
        if (!arguments) return failure(arguments.error().code, origin + ": " + arguments.error().detail);
        return process_credentials({.arguments = *std::move(arguments), .timeout = timeout}, std::move(origin));
    }

    /// `call` has at least one argument.
    process_credentials(program_call call, std::string origin) : call_(std::move(call)), origin_(std::move(origin)) {}

    result<credentials> operator()() const { return fetch_now(fetch_process_credentials(call_, origin_)); }

private:
    program_call call_;
    std::string origin_;
};

} // namespace dynasession::inline v0::aws

#endif
