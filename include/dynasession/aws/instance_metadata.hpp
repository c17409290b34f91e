#ifndef DYNASESSION_AWS_INSTANCE_METADATA_HPP
#define DYNASESSION_AWS_INSTANCE_METADATA_HPP

#include <dynasession/aws/fetch.hpp>
#include <dynasession/aws/instance_settings.hpp>
#include <dynasession/aws/metadata_requests.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/http/message.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::aws {

/// What an operation is after in instance metadata, and what to say when it is not there.
struct metadata_subject {
    std::string_view target{};    ///< what it asks for first
    error missing{};              ///< what it ends with when it is refused
    std::string_view not_found{}; ///< what status 404 means, and what to do
    std::string_view elsewhere{}; ///< what to do where there is no metadata service
};

/// The requests to the metadata service of an EC2 instance of an operation that fetches a `T` (EC2 user guide, "Use the
/// Instance Metadata Service"): for a token, then for what the operation is after.
///
/// The token is not kept for the next fetch, although it lives for six hours: fetches are an hour apart, and a request
/// to this machine costs less than a secret that lies about. A token that is refused is replaced once, and the
/// operation begins anew.
template <class T>
class instance_metadata {
public:
    using action_type = typename metadata_requests<T>::action_type;

    instance_metadata(instance_settings s, const metadata_subject& subject)
        : requests_(s.server,
                    "instance metadata at http" + std::string(s.server.tls ? "s://" : "://") + s.server.authority(),
                    s.patience),
          subject_(subject), allow_v1_(s.allow_v1), disabled_by_(std::move(s.disabled_by)) {}

    /// What follows from a reply, unless it is the answer, of status 200, to what was asked last.
    std::optional<action_type> follow(const fetch_reply& reply) {
        if (step_ == step::start) return begin();
        if (step_ == step::token && has_timed_out(reply))
            return go_without_token(error::timeout,
                                    "no answer within " + std::to_string(requests_.patience().timeout.count()) + " ms");
        if (auto next = requests_.follow(reply)) return next;
        const auto& answer = *reply.answer;
        if (step_ == step::token) return take_token(answer);
        if (answer.status != 200) return give_up_or_renew(answer.status);
        return std::nullopt;
    }

    /// The next request, after the first one.
    action_type ask(std::string target) {
        step_ = step::subject;
        target_ = std::move(target);
        const http::field token{"x-aws-ec2-metadata-token", token_};
        return requests_.send("GET", target_, {&token, token_.empty() ? 0U : 1U}, "GET " + target_);
    }

    /// What was asked last.
    const std::string& target() const noexcept { return target_; }

    /// The same as of `metadata_requests`.
    action_type again(error_code code, std::string_view why) { return requests_.again(code, why); }
    action_type end(error_code code, std::string_view why) const { return requests_.end(code, why); }

private:
    enum class step { start, token, subject };

    action_type begin() {
        if (disabled_by_.empty()) return ask_token();
        return result<T>(failure(subject_.missing, "instance metadata: turned off by " + disabled_by_));
    }

    action_type ask_token() {
        step_ = step::token;
        constexpr http::field lifetime{"x-aws-ec2-metadata-token-ttl-seconds", "21600"};
        constexpr std::string_view target = "/latest/api/token";
        return requests_.send("PUT", target, {&lifetime, 1}, "PUT " + std::string(target));
    }

    action_type ask_subject() { return ask(std::string(subject_.target)); }

    static bool has_timed_out(const fetch_reply& reply) {
        return !reply.answer &&
               (reply.answer.error() == error::timeout || reply.answer.error().code == boost::system::errc::timed_out);
    }

    action_type take_token(const http::response& answer) {
        const auto status = answer.status;
        if (status == 403 || status == 404 || status == 405)
            return go_without_token(subject_.missing, requests_.status_text(status));
        if (status != 200) return stop(status);
        const auto is_plain = [](char c) { return c > ' ' && c <= '~'; };
        if (answer.body.empty() || answer.body.size() > 1024 || !std::ranges::all_of(answer.body, is_plain))
            return again(error::malformed_response, "the answer is no token");
        token_ = answer.body;
        return ask_subject();
    }

    action_type go_without_token(error_code code, std::string why) {
        if (allow_v1_) return ask_subject();
        why.append("; in a container on EC2, raise the instance's HttpPutResponseHopLimit to 2; where there is no "
                   "metadata service, ")
            .append(subject_.elsewhere)
            .append("; where there is one without tokens (IMDSv1), set allow_v1");
        return end(code, why);
    }

    action_type give_up_or_renew(unsigned status) {
        if (status == 401 && !token_.empty() && !std::exchange(is_renewed_, true)) return ask_token();
        if (status == 404 && target_ == subject_.target)
            return end(subject_.missing, requests_.status_text(status).append(": ").append(subject_.not_found));
        return stop(status);
    }

    action_type stop(unsigned status) const {
        return end(status == 400 ? error::invalid_request : subject_.missing, requests_.status_text(status));
    }

    metadata_requests<T> requests_;
    metadata_subject subject_;
    bool allow_v1_;
    std::string disabled_by_;
    step step_ = step::start;
    std::string target_;
    std::string token_;
    bool is_renewed_ = false;
};

/// An answer of one line without the line breaks at its end.
inline std::string_view metadata_line(std::string_view answer) noexcept {
    while (answer.ends_with('\n') || answer.ends_with('\r')) answer.remove_suffix(1);
    return answer;
}

/// Whether a failure to fetch instance metadata says that this machine has no such service.
inline bool means_no_metadata_service(const failure& why) {
    const bool of_network = why.code.category() == boost::system::system_category() ||
                            why.code.category() == boost::asio::error::get_netdb_category();
    return why == error::timeout || (of_network && why.code != boost::asio::error::operation_aborted);
}

} // namespace dynasession::inline v0::aws

#endif
