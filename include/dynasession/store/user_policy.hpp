#ifndef DYNASESSION_STORE_USER_POLICY_HPP
#define DYNASESSION_STORE_USER_POLICY_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/concepts.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/op/event.hpp>
#include <dynasession/store/checked_load.hpp>
#include <dynasession/store/dated.hpp>
#include <dynasession/store/revocation.hpp>

#include <memory>
#include <utility>

namespace dynasession::inline v0::store_detail {

/// A lock policy as another one has it, with what users ask for on top: sessions are dated when they are bound, and those that
/// a mark has ended are none. It is a lock policy itself.
template <lock_policy Policy>
class user_policy {
public:
    /// `marks` is null where marks are not looked at.
    user_policy(Policy p, std::shared_ptr<const revocation> marks) : policy_(std::move(p)), marks_(std::move(marks)) {}

    const std::shared_ptr<const revocation>& marks() const noexcept { return marks_; }

    template <access Access>
        requires can_load<Policy, Access>
    auto load(const session_id& id, Access a) const {
        return checked_load(id, policy_.load(id, a), marks_);
    }

    auto save(save_request s) const {
        return dated(std::move(s), marks_, [p = policy_](save_request r) { return p.save(std::move(r)); });
    }

    /// As `save`, of a session that is dated already, if it is bound.
    auto save_dated(save_request s) const { return policy_.save(std::move(s)); }

    template <class Rebind>
    auto regenerate(save_request s, const session_id& to, Rebind rebind) const {
        return dated(std::move(s), marks_, [p = policy_, to, rebind = std::move(rebind)](save_request r) {
            return p.regenerate(std::move(r), to, rebind);
        });
    }

    /// As a session is stored for the first time, which locks nothing.
    template <class Create>
    auto create(save_request s, Create make) const {
        return dated(std::move(s), marks_, std::move(make));
    }

    auto touch(save_request s) const { return policy_.touch(std::move(s)); }

    auto release(save_request s) const
        requires exclusive_lock_policy<Policy>
    {
        return policy_.release(std::move(s));
    }
    auto renew(save_request s) const
        requires exclusive_lock_policy<Policy>
    {
        return policy_.renew(std::move(s));
    }
    auto keep(const session_id& id, const std::shared_ptr<lock_hold>& hold, std::shared_ptr<op::event> stop) const
        requires exclusive_lock_policy<Policy>
    {
        return policy_.keep(id, hold, std::move(stop));
    }

private:
    Policy policy_;
    std::shared_ptr<const revocation> marks_;
};

} // namespace dynasession::inline v0::store_detail

#endif
