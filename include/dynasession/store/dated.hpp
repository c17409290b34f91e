#ifndef DYNASESSION_STORE_DATED_HPP
#define DYNASESSION_STORE_DATED_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/store/after_mark.hpp>
#include <dynasession/store/revocation.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0::store_detail {

/// A write of a session, made by `make(save_request)` when it begins: then is the session bound to its user, if it is.
///
/// With `marks` it is bound later than the user's mark, which is read before. Should that be raised meanwhile, the session does
/// not count any more.
template <class Make>
auto dated(save_request request, std::shared_ptr<const revocation> marks, Make make) {
    using write = std::invoke_result_t<Make&, save_request>;
    auto user = marks && request.amended.bind() ? *request.amended.user : std::string();
    return after_mark(std::move(user), [r = std::move(request), m = std::move(marks), make = std::move(make)](
                                           user_time mark, user_time began) mutable -> result<write> {
        if (m && r.amended.lifetime.max_stale.value_or(r.stored.max_stale) > m->life)
            return failure(error::invalid_option, "session_lifetime: with revocation_marks a max_stale is at most 400 days, or what "
                                                  "session_options have");
        if (r.amended.bind()) r.amended.since = revocation::bound(mark, began);
        return make(std::move(r));
    });
}

} // namespace dynasession::inline v0::store_detail

#endif
