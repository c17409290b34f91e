#ifndef DYNASESSION_STORE_SESSION_CODEC_HPP
#define DYNASESSION_STORE_SESSION_CODEC_HPP

#include <dynasession/core/access.hpp>
#include <dynasession/core/amendments.hpp>
#include <dynasession/core/concepts.hpp>
#include <dynasession/core/options.hpp>
#include <dynasession/core/session.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace dynasession::inline v0::store_detail {

/// What a write leaves, and the id, which is another one if the first was taken.
struct written : saved {
    session_id id{};
    bool is_new = false;
};

/// Turns records into sessions and sessions into what a save sends.
template <serializer Serializer>
class session_codec {
public:
    using session_type = basic_session<typename Serializer::value_type>;

    session_codec(Serializer s, double touch_fraction) : serializer_(std::move(s)), touch_fraction_(touch_fraction) {}

    result<session_type> decode(const session_id& id, loaded found) const {
        auto value = serializer_.deserialize(found.stored.data, id);
        if (!value) return std::move(value).error();
        return session_access::make(id, *std::move(value), std::move(found), false);
    }

    /// What a save of the session as it is now sends.
    result<save_request> encode(const session_type& s) const {
        if (s.id().empty()) return failure(error::invalid_session_id, "this session was not made by a store");
        if (s.is_read_only()) return error::read_only_session;
        const amendments& amended = session_access::amended(s);
        if (auto wrong = amended.refused()) return *std::move(wrong);
        save_request request = unchanged(s);
        request.amended = amended;
        auto now = serializer_.serialize(s.value(), {s.id(), request.stored.data});
        if (!now) return std::move(now).error();
        request.changes = difference(request.stored.data, *now);
        request.renewed = renewed(request);
        return request;
    }

    /// Whether a save would send nothing at `now`; a session with a lock has that to give up.
    bool is_settled(const session_type& s, std::chrono::sys_time<std::chrono::milliseconds> now) const {
        const record& stored = session_access::stored(s);
        if (s.is_new() || session_access::hold(s) || !session_access::amended(s).empty()) return false;
        if (!s.is_read_only() && stored.touch_is_due(now, touch_after(stored))) return false;
        const auto entries = serializer_.serialize(s.value(), {s.id(), stored.data});
        return entries && *entries == stored.data;
    }

    /// What a save would send if nothing had changed.
    save_request unchanged(const session_type& s) const {
        const record& stored = session_access::stored(s);
        return {.id = s.id(), .stored = stored, .touch_after = touch_after(stored), .hold = session_access::hold(s)};
    }

    /// Has the session follow what was written of it.
    result<void> follow(session_type& s, written w) const {
        if (w.merged) {
            auto value = serializer_.deserialize(w.stored.data, w.id);
            if (!value) return std::move(value).error();
            s.value() = *std::move(value);
        }
        const session_id id = w.id;
        const bool is_new = w.is_new;
        session_access::stored(s, id, std::move(w), is_new);
        return {};
    }

    /// The entries of `from` as they are stored under `to`: a serializer may bind them to the id. Where `stored` says the
    /// same already, they are as they are there.
    result<fields> rebind(const fields& entries, const session_id& from, const session_id& to, const fields& stored = {}) const {
        const auto value = serializer_.deserialize(entries, from);
        if (!value) return value.error();
        return serializer_.serialize(*value, {to, stored});
    }

private:
    std::chrono::seconds touch_after(const stamp& stored) const {
        return std::chrono::duration_cast<std::chrono::seconds>(stored.max_stale * touch_fraction_);
    }

    // The keys that are only set to the same value in other words.
    std::vector<std::string> renewed(const save_request& request) const {
        std::vector<std::string> keys;
        if constexpr (renewing_serializer<Serializer>)
            fields_detail::merge_walk(request.stored.data, request.changes.set, [&](const auto& before, const auto& now) {
                if (before && now && serializer_.same(*before, *now, request.id)) keys.emplace_back(now->key);
            });
        return keys;
    }

    Serializer serializer_;
    double touch_fraction_;
};

} // namespace dynasession::inline v0::store_detail

#endif
