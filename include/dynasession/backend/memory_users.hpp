#ifndef DYNASESSION_BACKEND_MEMORY_USERS_HPP
#define DYNASESSION_BACKEND_MEMORY_USERS_HPP

#include <dynasession/core/command.hpp>
#include <dynasession/core/ownership.hpp>
#include <dynasession/core/record.hpp>
#include <dynasession/core/session_id.hpp>

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace dynasession::inline v0::backend_detail {

/// Whose the sessions of a part of the in-memory table are, and which a user has. One that is nobody's takes nothing here.
class memory_users {
public:
    /// What is known of a session; empty if nothing is.
    ownership owner_of(const session_id& id) const {
        if (owners_.empty()) return {};
        const auto at = owners_.find(id);
        return at == owners_.end() ? ownership{} : at->second;
    }

    void set_owner(const session_id& id, const ownership& o) {
        forget(id);
        if (o.empty()) return;
        owners_.emplace(id, o);
        if (!o.user.empty()) sessions_[o.user].push_back(id);
        bytes_ += bytes_of(o);
    }

    void forget(const session_id& id) noexcept {
        if (owners_.empty()) return;
        const auto at = owners_.find(id);
        if (at == owners_.end()) return;
        bytes_ -= bytes_of(at->second);
        if (const auto of_user = sessions_.find(at->second.user); of_user != sessions_.end()) {
            std::erase(of_user->second, id);
            if (of_user->second.empty()) sessions_.erase(of_user);
        }
        owners_.erase(at);
    }

    /// The sessions of a user, expired ones included.
    std::vector<session_id> sessions_of(const std::string& user) const {
        const auto at = sessions_.find(user);
        return at == sessions_.end() ? std::vector<session_id>{} : at->second;
    }

    /// The mark of a user, or `no_mark`.
    user_time mark_of(const std::string& user) const {
        const auto at = marks_.find(user);
        return at == marks_.end() ? no_mark : at->second.not_before;
    }

    /// False if there is one that is no earlier. Marks that have expired go.
    bool raise(const raise_mark& c, time_point now) {
        std::erase_if(marks_, [now](const auto& m) { return m.second.expires <= now; });
        if (mark_of(c.user) >= c.not_before) return false;
        marks_[c.user] = {c.not_before, c.expires};
        return true;
    }

    /// How many marks are kept.
    std::size_t marks() const noexcept { return marks_.size(); }

    /// What all of this takes, about.
    std::size_t size_in_bytes() const noexcept { return bytes_; }

    /// What one owner takes: a node, the id in a list, and a share of the list's node.
    static std::size_t bytes_of(const ownership& o) noexcept {
        return o.empty() ? 0 : sizeof(ownership) + 2 * sizeof(session_id) + 32 + 2 * o.user.size() + o.device.size();
    }

private:
    struct mark {
        user_time not_before{};
        time_point expires{};
    };

    std::unordered_map<std::string, mark> marks_{}; // few: they are set when all sessions of a user are ended
    std::unordered_map<session_id, ownership> owners_{};
    std::unordered_map<std::string, std::vector<session_id>> sessions_{};
    std::size_t bytes_ = 0;
};

} // namespace dynasession::inline v0::backend_detail

#endif
