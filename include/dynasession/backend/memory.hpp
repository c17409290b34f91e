#ifndef DYNASESSION_BACKEND_MEMORY_HPP
#define DYNASESSION_BACKEND_MEMORY_HPP

#include <dynasession/backend/memory_shard.hpp>
#include <dynasession/core/command.hpp>
#include <dynasession/core/concepts.hpp>
#include <dynasession/op/action.hpp>
#include <dynasession/op/default_executor.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace dynasession::inline v0 {

/// Bounds and clock of a memory_backend.
struct memory_options {
    /// How many sessions are kept at most. Expired ones are given up first, then the least recently used.
    ///
    /// The store is divided into up to 64 parts, and so are the bounds: a part may be full a little early.
    std::size_t max_sessions = 1'000'000;

    /// How many bytes all sessions may take, about, with what is needed to find them.
    std::size_t max_bytes = std::size_t(1) << 30;

    /// How many bytes the keys and texts of one session may take; the default is DynamoDB's limit for an item.
    std::size_t max_session_bytes = 400 * 1024;

    /// What the time is; empty: the clocks of this machine.
    std::function<op::instant()> clock{};
};

/// Keeps sessions in the memory of this process, until it ends.
///
/// There is no thread behind it: whoever writes reclaims a few expired sessions in passing.
class memory_backend {
public:
    using options_type = memory_options;
    using executor_type = boost::asio::any_io_executor;

    explicit memory_backend(options_type options = {})
        : memory_backend(op::default_executor(), std::move(options)) {}

    /// A backend whose asynchronous operations complete on `executor` where the handler names no other.
    memory_backend(executor_type executor, options_type options)
        : options_(std::move(options)), executor_(std::move(executor)), shard_bits_(shard_bits(options_)),
          shards_(std::make_unique<padded_shard[]>(std::size_t(1) << shard_bits_)) {
        if (options_.max_sessions == 0 || options_.max_bytes == 0)
            throw session_error(
                failure(error::invalid_option, "memory_options: max_sessions and max_bytes must be positive"));
        for (std::size_t i = 0; i < std::size_t(1) << shard_bits_; ++i)
            shards_[i].set_bounds(options_.max_sessions >> shard_bits_, options_.max_bytes >> shard_bits_);
    }

    op::instant now() const { return options_.clock ? options_.clock() : op::instant::now(); }

    void wait(std::chrono::milliseconds d) { std::this_thread::sleep_for(d); }

    executor_type get_executor() const { return executor_; }

    result<reply> perform(command c) {
        return std::visit([this](auto& specific) { return carry_out(specific); }, c);
    }

    template <class Token>
    auto async_perform(command c, Token&& token) {
        return boost::asio::async_initiate<Token, void(result<reply>)>(
            [this](auto handler, command cmd) {
                auto executor = boost::asio::get_associated_executor(handler, executor_);
                boost::asio::post(executor, boost::asio::append(std::move(handler), perform(std::move(cmd))));
            },
            token, std::move(c));
    }

    /// Sessions can be found by their users.
    bool lists_users() const noexcept { return true; }

    /// How many sessions are kept, expired ones that were not reclaimed yet included.
    std::size_t size() const {
        return total([](const shard& s) { return s.size(); });
    }

    /// How many bytes they take, about.
    std::size_t size_in_bytes() const {
        return total([](const shard& s) { return s.size_in_bytes(); });
    }

private:
    using shard = backend_detail::memory_shard;
    using entry = shard::entry;
    using guard = std::scoped_lock<std::mutex>;

    // Neighbours in one cache line would slow each other down.
    struct alignas(64) padded_shard : shard {};

    static int shard_bits(const memory_options& o) noexcept {
        // A part has to hold several sessions of the largest size.
        const std::size_t large_ones = o.max_bytes / (8 * std::max(o.max_session_bytes, std::size_t(1)));
        const std::size_t parts = std::min({o.max_sessions / 1024, o.max_bytes >> 22, large_ones, std::size_t(64)});
        return static_cast<int>(std::bit_width(std::max(parts, std::size_t(1)))) - 1;
    }

    shard& shard_of(const session_id& id) const noexcept {
        // Other characters than the shard finds it by; the product spreads the bits of text over its upper end.
        const std::uint64_t mixed = backend_detail::random_bits(id, 8) * 0x9e3779b97f4a7c15ULL;
        return shards_[shard_bits_ == 0 ? 0 : mixed >> (64 - shard_bits_)];
    }

    template <class Count>
    std::size_t total(Count count) const {
        std::size_t sum = 0;
        for (std::size_t i = 0; i < std::size_t(1) << shard_bits_; ++i) {
            guard lock(shards_[i].mutex);
            sum += count(shards_[i]);
        }
        return sum;
    }

    static record record_of(const shard& s, const entry& e) {
        record r = e.record();
        r.lock = s.lock_of(e.id);
        r.owner = s.users().owner_of(e.id);
        return r;
    }

    static reply refused(const shard& s, const entry* e) {
        reply r{.applied = false};
        if (e) r.item = record_of(s, *e);
        return r;
    }

    static reply has_moved() {
        reply r{.applied = false};
        r.item.emplace().moved = true;
        return r;
    }

    failure too_large(std::size_t bytes) const {
        return failure(error::item_too_large, "the session takes " + std::to_string(bytes) + " bytes, more than " +
                                                  std::to_string(options_.max_session_bytes));
    }

    result<reply> carry_out(const load_record& c) {
        auto found = find(c);
        if (!c.mark_of.empty()) found->not_before = carry_out(load_mark{c.mark_of})->not_before;
        return found;
    }

    result<reply> find(const load_record& c) {
        session_id leads_to;
        {
            shard& s = shard_of(c.id);
            guard lock(s.mutex);
            if (const entry* e = s.find(c.id)) return reply{.item = record_of(s, *e)};
            leads_to = s.led_to(c.id, c.now);
        }
        if (leads_to.empty()) return reply{};
        auto found = find(load_record{leads_to, c.now});
        found->forwarded = true;
        return found;
    }

    result<reply> carry_out(const create_record& c) {
        const std::size_t bytes = c.content.data.size_in_bytes();
        if (bytes > options_.max_session_bytes) return too_large(bytes);
        const auto time = now().seconds();
        shard& s = shard_of(c.id);
        guard lock(s.mutex);
        if (const entry* e = s.find(c.id)) return refused(s, e);
        if (!s.insert(c.id, c.content, time)) return error::store_full;
        return reply{};
    }

    result<reply> carry_out(const change_record& c) {
        const std::size_t bytes = c.after.size_in_bytes();
        if (bytes > options_.max_session_bytes) return too_large(bytes);
        shard& s = shard_of(c.id);
        guard lock(s.mutex);
        s.reclaim(c.now);
        entry* e = s.find(c.id);
        const bool looks_at_lock = !c.if_locked_by.empty() || c.if_unlocked;
        if (!e || !c.permitted_by(e->times, e->bytes(), looks_at_lock ? s.lock_of(c.id) : lock_claim{}))
            return refused(s, e);
        e = s.replace(e, c.after.bytes(), c.now);
        if (!e) return error::store_full;
        if (c.terms) {
            c.terms->apply_lifetime_to(e->times);
            s.users().set_owner(c.id, c.terms->owner);
        }
        if (c.expires) s.expire_at(e, *c.expires);
        ++e->times.version;
        if (looks_at_lock) s.lock(c.id, c.lock);
        return reply{};
    }

    result<reply> carry_out(const touch_record& c) {
        shard& s = shard_of(c.id);
        guard lock(s.mutex);
        s.reclaim(c.now);
        entry* e = s.find(c.id);
        if (!e || !c.permitted_by(e->times)) return refused(s, e);
        e->times.expires = c.expires;
        return reply{};
    }

    result<reply> carry_out(const lock_record& c) {
        shard& s = shard_of(c.id);
        guard lock(s.mutex);
        entry* e = s.find(c.id);
        if (!e && !s.led_to(c.id, c.now).empty()) return has_moved();
        if (!e || !c.permitted_by(e->times, s.lock_of(c.id))) return refused(s, e);
        s.lock(c.id, c.claim);
        return reply{.item = record_of(s, *e)};
    }

    result<reply> carry_out(const renew_lock& c) {
        shard& s = shard_of(c.id);
        guard lock(s.mutex);
        entry* e = s.find(c.id);
        if (!e || !c.permitted_by(s.lock_of(c.id))) return refused(s, e);
        s.lock(c.id, c.claim);
        return reply{};
    }

    result<reply> carry_out(const erase_record& c) {
        shard& s = shard_of(c.id);
        guard lock(s.mutex);
        if (entry* e = s.find(c.id)) s.erase(e);
        s.lead_nowhere(c.id);
        return reply{};
    }

    result<reply> carry_out(const move_record& c) {
        const std::size_t bytes = c.content.data.size_in_bytes();
        if (bytes > options_.max_session_bytes) return too_large(bytes);
        shard &from = shard_of(c.from), &to = shard_of(c.to);
        std::unique_lock first(from.mutex, std::defer_lock), second(to.mutex, std::defer_lock);
        if (&from == &to)
            first.lock();
        else
            std::lock(first, second);
        entry* e = from.find(c.from);
        if (!e || !c.permitted_by(e->times, e->bytes(), from.lock_of(c.from))) return refused(from, e);
        if (to.find(c.to)) return error::session_exists;
        // Room for the new record may be made at the cost of the old one, when both lie in one shard.
        if (!to.insert(c.to, c.content, c.now)) return error::store_full;
        if (entry* old = from.find(c.from)) from.erase(old);
        if (c.grace.count() != 0) from.lead(c.from, c.to, c.now, c.now + c.grace);
        return reply{};
    }

    // Calls `f(shard, id)`, under the shard's lock, for the sessions of a user, until it says true.
    template <class F>
    bool any_session_of(const std::string& user, F f) {
        for (std::size_t i = 0; i < std::size_t(1) << shard_bits_; ++i) {
            guard lock(shards_[i].mutex);
            for (const session_id& id : shards_[i].users().sessions_of(user))
                if (f(shards_[i], id)) return true;
        }
        return false;
    }

    shard& shard_of_user(const std::string& user) const noexcept {
        return shards_[std::hash<std::string>{}(user) & ((std::size_t(1) << shard_bits_) - 1)];
    }

    result<reply> carry_out(const list_sessions& c) {
        reply found;
        any_session_of(c.user, [&](const shard& s, const session_id& id) {
            const entry* e = s.peek(id);
            if (e && e->times.live(c.now)) found.sessions.push_back({session_handle::of(id), e->times, s.users().owner_of(id)});
            return false;
        });
        std::ranges::sort(found.sessions, session_summary::newer);
        if (found.sessions.size() > c.limit) found.sessions.resize(c.limit);
        return found;
    }

    result<reply> carry_out(const erase_owned& c) {
        return reply{.applied = any_session_of(c.user, [&](shard& s, const session_id& id) {
            if (session_handle::of(id) != c.handle || !c.permitted_by(s.users().owner_of(id))) return false;
            if (entry* e = s.find(id)) s.erase(e);
            return true;
        })};
    }

    result<reply> carry_out(const load_mark& c) {
        shard& s = shard_of_user(c.user);
        guard lock(s.mutex);
        return reply{.not_before = s.users().mark_of(c.user)};
    }

    result<reply> carry_out(const raise_mark& c) {
        const auto time = now().seconds();
        shard& s = shard_of_user(c.user);
        guard lock(s.mutex);
        return reply{.applied = s.users().raise(c, time)};
    }

    memory_options options_;
    executor_type executor_;
    int shard_bits_;
    std::unique_ptr<padded_shard[]> shards_;
};

static_assert(check_user_backend<memory_backend>());

} // namespace dynasession::inline v0

#endif
