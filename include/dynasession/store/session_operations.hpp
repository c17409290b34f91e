#ifndef DYNASESSION_STORE_SESSION_OPERATIONS_HPP
#define DYNASESSION_STORE_SESSION_OPERATIONS_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/amendments.hpp>
#include <dynasession/core/concepts.hpp>
#include <dynasession/core/options.hpp>
#include <dynasession/core/session.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/op/defer.hpp>
#include <dynasession/op/one_of.hpp>
#include <dynasession/op/then.hpp>
#include <dynasession/store/operations.hpp>
#include <dynasession/store/revocation.hpp>
#include <dynasession/store/session_codec.hpp>
#include <dynasession/store/session_times.hpp>
#include <dynasession/store/update.hpp>
#include <dynasession/store/user_policy.hpp>
#include <dynasession/store/write_kind.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace dynasession::inline v0::store_detail {

/// What a store does with sessions, each as an operation whose effects are commands: what its members are called in the
/// store is promised there.
///
/// *Lifetimes:* it stays where it is, and outlives the operations that it makes, as do the sessions they are given.
template <lock_policy LockPolicy, serializer Serializer>
class session_operations {
public:
    using session_type = typename session_codec<Serializer>::session_type;

    session_operations(const session_options& options, LockPolicy policy, Serializer s, std::shared_ptr<const revocation> marks)
        : options_(validated<binding_serializer<Serializer>>(options)), policy_(std::move(policy), std::move(marks)), codec_(std::move(s), options.touch_fraction) {}
    session_operations(const session_operations&) = delete;
    session_operations& operator=(const session_operations&) = delete;

    const session_options& options() const noexcept { return options_; }
    const user_policy<LockPolicy>& policy() const noexcept { return policy_; }

    session_type create(time_point now, const session_lifetime& lifetime) const {
        auto blank = record_of_new(options_, lifetime, now);
        return session_access::make(session_id::generate(), typename Serializer::value_type{}, loaded{std::move(blank)}, true);
    }

    template <access Access>
    auto load(const session_id& id, Access a) const {
        return op::then(policy_.load(id, a), [this, id](std::optional<loaded> found) {
            using found_type = std::optional<session_type>;
            if (!found) return result<found_type>(found_type{});
            auto s = codec_.decode(id, *std::move(found));
            return s ? result<found_type>(*std::move(s)) : result<found_type>(std::move(s).error());
        });
    }

    auto save(session_type& s) const {
        return op::defer([this, &s]() -> result<decltype(send(s, {}))> {
            auto request = codec_.encode(s);
            if (!request) return std::move(request).error();
            return send(s, *std::move(request));
        });
    }

    /// Saves a session, bound to its user since then.
    auto save_bound(session_type& s, user_time since) const {
        using saving = write_as<decltype(policy_.save_dated({}))>;
        using creating = store_detail::create<session_codec<Serializer>>;
        using writing = op::one_of<creating, saving>;
        return amended(s, write_back(s, [this, &s, since]() -> result<writing> {
            auto request = codec_.encode(s);
            if (!request) return std::move(request).error();
            request->amended.user = s.user();
            request->amended.since = since;
            if (s.is_new()) return writing(creating(*std::move(request), codec_));
            return writing(saving(s.id(), policy_.save_dated(*std::move(request))));
        }));
    }

    bool is_settled(const session_type& s, op::instant now) const { return codec_.is_settled(s, now.system); }

    auto write(session_type& s, write_kind kind) const {
        using sending = decltype(send(s, {}));
        using moving = decltype(regenerate(s));
        using writing = op::one_of<sending, tolerant<sending>, moving, decltype(give_up(s)), destroy>;
        return op::defer([this, &s, kind]() -> result<writing> {
            switch (kind) {
            case write_kind::keep: break;
            case write_kind::regenerate: return writing(regenerate(s));
            case write_kind::release: return writing(give_up(s));
            case write_kind::destroy: return writing(destroy(s.id()));
            }
            auto request = codec_.encode(s);
            if (!request) return std::move(request).error();
            const bool only_touched = request->changes_nothing() && !s.is_new();
            auto op = send(s, *std::move(request));
            return only_touched ? writing(tolerant(std::move(op))) : writing(std::move(op));
        });
    }

    auto touch(session_type& s) const {
        using touching = write_as<decltype(policy_.touch({}))>;
        using writing = op::one_of<nothing, touching>;
        return write_back(s, [this, &s]() -> result<writing> {
            if (s.is_read_only()) return error::read_only_session;
            if (s.is_new()) return writing(still_new(s));
            return writing(touching(s.id(), policy_.touch(codec_.unchanged(s))));
        });
    }

    auto regenerate(session_type& s) const {
        const auto to = session_id::generate();
        const auto rebind = [this, from = s.id(), to](const fields& entries) { return codec_.rebind(entries, from, to); };
        using moving = write_as<decltype(policy_.regenerate({}, s.id(), rebind))>;
        using writing = op::one_of<decltype(first_write({})), moving>;
        return amended(s, write_back(s, [this, &s, rebind, to]() -> result<writing> {
            auto request = codec_.encode(s);
            if (!request) return std::move(request).error();
            if (s.is_new()) {
                auto entries = rebind(request->changes.set);
                if (!entries) return std::move(entries).error();
                request->changes.set = *std::move(entries);
                request->id = to;
                return writing(first_write(*std::move(request)));
            }
            request->grace = options_.regenerate_grace;
            return writing(moving(to, policy_.regenerate(*std::move(request), to, rebind)));
        }));
    }

    auto release(session_type& s) const {
        using releasing = write_as<decltype(policy_.release({}))>;
        using writing = op::one_of<nothing, releasing>;
        return write_back(s, [this, &s]() -> result<writing> {
            if (s.is_new()) return writing(still_new(s));
            return writing(releasing(s.id(), policy_.release(codec_.unchanged(s))));
        });
    }

    auto renew(session_type& s) const {
        using renewing = write_as<decltype(policy_.renew({}))>;
        return write_back(s, [this, &s]() -> result<renewing> {
            return renewing(s.id(), policy_.renew(codec_.unchanged(s)));
        });
    }

    auto update(const session_id& id, auto change) const {
        return store_detail::update(id, policy_, codec_, std::move(change));
    }

private:
    auto send(session_type& s, save_request request) const {
        using saving = write_as<decltype(policy_.save({}))>;
        using writing = op::one_of<decltype(first_write({})), saving>;
        auto sending = s.is_new() ? writing(first_write(std::move(request)))
                                  : writing(saving(s.id(), policy_.save(std::move(request))));
        return amended(s, followed(s, std::move(sending)));
    }

    auto first_write(save_request request) const {
        return policy_.create(std::move(request), [this](save_request r) { return store_detail::create(std::move(r), codec_); });
    }

    auto give_up(session_type& s) const {
        if constexpr (exclusive_lock_policy<LockPolicy>)
            return release(s);
        else
            return op::ready<command, result<reply>, void>(result<void>());
    }

    // Runs the operation that `begin` makes, and has the session follow what it wrote.
    template <class Begin>
    auto write_back(session_type& s, Begin begin) const {
        return followed(s, op::defer(std::move(begin)));
    }
    auto followed(session_type& s, auto writing) const {
        return op::then(std::move(writing), [this, &s](written w) { return codec_.follow(s, std::move(w)); });
    }

    // What was to change beside the data is stored then.
    auto amended(session_type& s, auto writing) const {
        return op::then(std::move(writing), [&s] {
            session_access::amended(s) = {};
            return result<void>();
        });
    }

    static nothing still_new(const session_type& s) {
        return nothing(written{{session_access::stored(s)}, s.id(), true});
    }

    session_options options_;
    user_policy<LockPolicy> policy_;
    session_codec<Serializer> codec_;
};

} // namespace dynasession::inline v0::store_detail

#endif
