#ifndef DYNASESSION_STORE_USER_OPERATIONS_HPP
#define DYNASESSION_STORE_USER_OPERATIONS_HPP

#include <dynasession/core/concepts.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/core/session_handle.hpp>
#include <dynasession/core/session_summary.hpp>
#include <dynasession/op/async_run.hpp>
#include <dynasession/op/in_turn.hpp>
#include <dynasession/op/one_of.hpp>
#include <dynasession/op/run.hpp>
#include <dynasession/store/after_mark.hpp>
#include <dynasession/store/operations.hpp>
#include <dynasession/store/revocation.hpp>
#include <dynasession/store/sweep.hpp>

#include <boost/asio/deferred.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace dynasession::inline v0 {

/// What a store does for users, whom sessions are bound to by `session::user`: it is a part of `basic_session_store`, in the
/// same three forms, where the backend knows users.
///
/// Sessions are found by an index, which may be a moment behind: what was bound just now may be missing from a list and escape
/// from being ended. With `session_options::revocation_marks` no session that was bound before `destroy_all_of` or
/// `destroy_others_of` began is ever loaded again once they are done, also without an index; one that is bound while they
/// run ends or stays; one that is bound afterwards, as by the next log-in, stays. A request that works on a session meanwhile is not
/// interrupted, and its save may succeed: nobody sees what it wrote.
///
/// *Errors:* `invalid_option`: the backend has no index, or the name is empty; whatever keeps the store from answering. Then some
/// may have ended and others not: call again.
template <class Store, class Session, class Backend>
class user_operations {
public:
    /// The sessions of a user, those first that were bound to him last, 1000 at most.
    ///
    /// *Cost:* on DynamoDB one page of the index and one read of each item, for each 100.
    std::vector<session_info> sessions_of(const std::string& user)
        requires user_backend<Backend>
    {
        return op::run(list_op(user), io()).value();
    }
    std::vector<session_info> sessions_of(const std::string& user, error_code& ec)
        requires user_backend<Backend>
    {
        return self().run(list_op(user), ec);
    }
    template <class Token = boost::asio::deferred_t>
        requires user_backend<Backend>
    auto async_sessions_of(const std::string& user, Token&& token = Token{}) {
        return op::async_run(list_op(user), io(), std::forward<Token>(token));
    }

    /// Ends one session of a user, by its handle from a list; false if he has none of that handle. That of another user's
    /// session ends nothing, wherever it comes from.
    ///
    /// *Cost:* one delete.
    bool destroy_one_of(const std::string& user, const session_handle& handle)
        requires user_backend<Backend>
    {
        return op::run(one_op(user, handle), io()).value();
    }
    bool destroy_one_of(const std::string& user, const session_handle& handle, error_code& ec)
        requires user_backend<Backend>
    {
        return self().run(one_op(user, handle), ec);
    }
    template <class Token = boost::asio::deferred_t>
        requires user_backend<Backend>
    auto async_destroy_one_of(const std::string& user, const session_handle& handle, Token&& token = Token{}) {
        return op::async_run(one_op(user, handle), io(), std::forward<Token>(token));
    }

    /// Ends all sessions of a user: to be called when he changes his password. Says how many it found by the index; with
    /// `revocation_marks` there may be none.
    ///
    /// *Cost:* a list, and one delete a session; with `revocation_marks` one read and one write before.
    std::size_t destroy_all_of(const std::string& user)
        requires user_backend<Backend>
    {
        return op::run(all_op(user), io()).value();
    }
    std::size_t destroy_all_of(const std::string& user, error_code& ec)
        requires user_backend<Backend>
    {
        return self().run(all_op(user), ec);
    }
    template <class Token = boost::asio::deferred_t>
        requires user_backend<Backend>
    auto async_destroy_all_of(const std::string& user, Token&& token = Token{}) {
        return op::async_run(all_op(user), io(), std::forward<Token>(token));
    }

    /// The same, but for one session, which is good under its id from then on as before: with `revocation_marks` it is saved, with
    /// its changes, and bound anew.
    ///
    /// *Errors:* those of `save` too; then none has ended.
    ///
    /// *Cost:* as `destroy_all_of`; with `revocation_marks` also a save.
    std::size_t destroy_others_of(const std::string& user, Session& keep)
        requires user_backend<Backend>
    {
        return op::run(others_op(user, keep), io()).value();
    }
    std::size_t destroy_others_of(const std::string& user, Session& keep, error_code& ec)
        requires user_backend<Backend>
    {
        return self().run(others_op(user, keep), ec);
    }
    template <class Token = boost::asio::deferred_t>
        requires user_backend<Backend>
    auto async_destroy_others_of(const std::string& user, Session& keep, Token&& token = Token{}) {
        return op::async_run(others_op(user, keep), io(), std::forward<Token>(token));
    }

    /// Ends all sessions of a user but those `keep_count` that were bound to him last. Called after each log-in it is a bound
    /// for their number; log-ins at the same moment agree on which those are.
    ///
    /// *Cost:* a list, and one delete a session that ends.
    std::size_t destroy_oldest_of(const std::string& user, std::size_t keep_count)
        requires user_backend<Backend>
    {
        return op::run(oldest_op(user, keep_count), io()).value();
    }
    std::size_t destroy_oldest_of(const std::string& user, std::size_t keep_count, error_code& ec)
        requires user_backend<Backend>
    {
        return self().run(oldest_op(user, keep_count), ec);
    }
    template <class Token = boost::asio::deferred_t>
        requires user_backend<Backend>
    auto async_destroy_oldest_of(const std::string& user, std::size_t keep_count, Token&& token = Token{}) {
        return op::async_run(oldest_op(user, keep_count), io(), std::forward<Token>(token));
    }

protected:
    user_operations() = default;
    ~user_operations() = default;

private:
    Store& self() noexcept { return static_cast<Store&>(*this); }
    Backend& io() noexcept { return self().backend(); }
    const std::shared_ptr<const store_detail::revocation>& marks() noexcept { return self().ops_.policy().marks(); }

    static constexpr std::size_t most_listed = 1000;

    // An operation that is made by `make(mark, began)`, of a user who has a name.
    template <class Make>
    auto after_mark(const std::string& user, Make make) {
        using made = typename std::invoke_result_t<Make&, user_time, user_time>;
        const auto begin = [user, make = std::move(make)](user_time mark, user_time began) mutable -> result<made> {
            if (user.empty()) return failure(error::invalid_option, "the name of a user is not empty");
            return make(mark, began);
        };
        return store_detail::after_mark(marks() ? user : std::string(), begin);
    }

    auto list_op(const std::string& user) {
        return after_mark(user, [user](user_time mark, user_time) { return store_detail::list_of(user, most_listed, mark); });
    }

    static auto one_op(const std::string& user, const session_handle& handle) { return store_detail::end_one(user, handle); }

    auto all_op(const std::string& user) {
        return after_mark(user, [e = store_detail::ending{.user = user, .lists = lists()}, m = marks()](user_time mark, user_time began) {
            auto all = e;
            if (m) all.raise = m->mark(all.user, mark, began);
            return store_detail::sweep(std::move(all));
        });
    }

    auto oldest_op(const std::string& user, std::size_t keep_count) {
        return after_mark(user, [user, keep_count](user_time mark, user_time) {
            return store_detail::sweep({.user = user, .newest = keep_count, .mark = mark});
        });
    }

    // The session that stays is bound to the moment after the mark before that is raised: should this end between the two, nothing
    // is lost.
    auto others_op(const std::string& user, Session& keep) {
        return after_mark(user, [this, user, &keep, e = store_detail::ending{.user = user, .lists = lists()}, m = marks()](
                                    user_time mark, user_time began) {
            auto others = e;
            others.kept = session_handle::of(keep.id());
            user_time since{};
            if (m) {
                others.raise = m->mark(user, mark, began);
                if (keep.user() == user) {
                    others.raise->not_before = std::max(others.raise->not_before, keep.user_since());
                    since = store_detail::revocation::bound(others.raise->not_before, began);
                }
            }
            using nothing = op::ready<command, result<reply>, void>;
            using first = op::one_of<nothing, decltype(self().ops_.save_bound(keep, since))>;
            // By an id that it does not have any more it would not be known in the list.
            const auto nothing_to_do = keep.is_read_only() ? result<void>(error::read_only_session) : result<void>();
            return op::in_turn(since == user_time{} ? first(nothing(nothing_to_do)) : first(self().ops_.save_bound(keep, since)),
                               store_detail::sweep(std::move(others)));
        });
    }

    // Without an index and without marks there is nothing to do it by: then the backend says so.
    bool lists() { return !marks() || io().lists_users(); }
};

} // namespace dynasession::inline v0

#endif
