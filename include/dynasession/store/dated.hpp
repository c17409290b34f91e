#ifndef DYNASESSION_STORE_DATED_HPP
#define DYNASESSION_STORE_DATED_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/op/action.hpp>

#include <optional>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0::store_detail {

/// A write of a session, made by `make(save_request)` when it begins: then is the session bound to its user, if it is.
template <class Make>
class dated {
    using write = std::invoke_result_t<Make&, save_request>;

public:
    using effect_type = command;
    using reply_type = result<reply>;
    using value_type = typename write::value_type;

    dated(save_request request, Make make) : request_(std::move(request)), make_(std::move(make)) {}

    op::action<command, value_type> resume(reply_type in, op::instant now) {
        if (!write_) {
            if (request_.amended.bind()) request_.amended.since = now.system;
            write_.emplace(make_(std::move(request_)));
        }
        return write_->resume(std::move(in), now);
    }

private:
    save_request request_;
    Make make_;
    std::optional<write> write_{};
};

} // namespace dynasession::inline v0::store_detail

#endif
