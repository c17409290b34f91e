#ifndef DYNASESSION_AWS_CREDENTIALS_PROVIDER_HPP
#define DYNASESSION_AWS_CREDENTIALS_PROVIDER_HPP

#include <dynasession/aws/credentials.hpp>
#include <dynasession/core/error.hpp>
#include <dynasession/detail/random.hpp>
#include <dynasession/op/action.hpp>
#include <dynasession/op/event.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

namespace dynasession::inline v0::aws {

/// What can be asked for credentials: a callable without arguments that returns `credentials`, or a `result` of them.
///
/// It may block, and throw. It is called by one thread at a time, which may be any.
template <class S>
concept credentials_source = std::copy_constructible<S> && std::invocable<S&> &&
                             std::convertible_to<std::invoke_result_t<S&>, result<credentials>>;

/// When credentials that expire are fetched anew (botocore, RefreshableCredentials), so long before their end. Those
/// with a short life have these times cut to a quarter and a sixth of it.
struct refresh_options {
    std::chrono::milliseconds advisory{std::chrono::minutes(15)};  ///< one fetch, while all go on with what they have
    std::chrono::milliseconds mandatory{std::chrono::minutes(10)}; ///< all wait, and fail if the fetch fails

    /// Go on with credentials that have expired while their source gives no others: for instance metadata, whose outages
    /// the services honour ("static stability").
    bool keep_expired = false;
};

/// Gives a client its credentials: fixed ones, or those of a source that is asked when it is time.
///
/// Copies share what they know. Fetches run on a thread of their own, one at a time, however many callers wait. The end
/// of the last copy waits for a fetch under way.
///
/// *Thread safety:* may be used from many threads at once.
class credentials_provider {
public:
    using snapshot = std::shared_ptr<const credentials>;

    /// A fetch that somebody may wait for.
    struct fetch {
        op::event done;
        result<snapshot> found{snapshot{}}; ///< once `done` is set; then never null
    };

    /// None; a client then looks for credentials where the AWS SDKs do.
    credentials_provider() = default;

    credentials_provider(credentials fixed) : fixed_(std::make_shared<const credentials>(std::move(fixed))) {}

    template <class S>
        requires(!std::same_as<S, credentials_provider> && !std::convertible_to<S, credentials>) && credentials_source<S>
    credentials_provider(S source, refresh_options options = {})
        : refreshing_(std::make_shared<refreshing>(
              [source = std::move(source)]() mutable -> result<credentials> { return source(); }, options)) {}

    explicit operator bool() const noexcept { return fixed_ || refreshing_; }

    /// What is good to sign with now, or null. Never waits; begins a fetch when it is advisable.
    snapshot cached(op::instant now) const { return fixed_ ? fixed_ : refreshing_->cached(now); }

    /// The fetch under way, else a new one; one that is over when what was not cached has come meanwhile.
    std::shared_ptr<fetch> refresh(op::instant now) const { return refreshing_->refresh(now); }

    /// What is good to sign with now: waits for it if need be.
    ///
    /// *Errors:* those of the source.
    result<snapshot> get(op::instant now) const {
        if (auto found = cached(now)) return found;
        const auto pending = refresh(now);
        while (!pending->done.is_set()) pending->done.wait_for(std::chrono::hours(1));
        return pending->found;
    }

    /// The service does not accept these. Whether others can be had: then they are not given out again.
    bool reject(const snapshot& refused) const { return refreshing_ && refreshing_->reject(refused); }

private:
    using clock_time = credentials::time_point;

    class refreshing {
    public:
        refreshing(std::function<result<credentials>()> source, refresh_options options)
            : source_(std::move(source)), options_(options) {}
        ~refreshing() {
            if (worker_.joinable()) worker_.join();
        }
        refreshing(const refreshing&) = delete;
        refreshing& operator=(const refreshing&) = delete;

        snapshot cached(op::instant now) {
            std::thread finished;
            snapshot found;
            {
                const std::lock_guard lock(mutex_);
                if (!is_good(now)) return nullptr;
                if (now.system >= refresh_at_ && !pending_) finished = begin(now);
                found = current_;
            }
            join(std::move(finished));
            return found;
        }

        std::shared_ptr<fetch> refresh(op::instant now) {
            std::thread finished;
            std::shared_ptr<fetch> pending;
            {
                const std::lock_guard lock(mutex_);
                if (!pending_ && is_good(now)) return over(current_);
                if (!pending_) finished = begin(now);
                pending = under_way_;
            }
            join(std::move(finished));
            return pending;
        }

        bool reject(const snapshot& refused) {
            const std::lock_guard lock(mutex_);
            if (current_ == refused) current_.reset();
            return true;
        }

    private:
        bool is_good(op::instant now) const noexcept { return current_ && now.system < good_until_; }

        static std::shared_ptr<fetch> over(result<snapshot> found) {
            auto f = std::make_shared<fetch>();
            f->found = std::move(found);
            f->done.set();
            return f;
        }

        // Under the lock. Returns the thread of the last fetch, which has nothing left to do.
        std::thread begin(op::instant now) {
            pending_ = true;
            under_way_ = std::make_shared<fetch>();
            try {
                return std::exchange(worker_, std::thread([this, now, f = under_way_] { finish(*f, ask(), now); }));
            } catch (const std::system_error& e) {
                pending_ = false;
                under_way_ = over(failure(e.code(), "no thread to fetch credentials"));
                return {};
            }
        }

        static void join(std::thread finished) {
            if (finished.joinable()) finished.join();
        }

        result<credentials> ask() {
            try {
                return source_();
            } catch (const session_error& e) {
                return failure(e.code(), e.detail());
            } catch (const std::exception& e) {
                return failure(error::missing_credentials, std::string("the source of credentials failed: ") + e.what());
            }
        }

        void finish(fetch& f, result<credentials> answer, op::instant began) {
            {
                const std::lock_guard lock(mutex_);
                f.found = answer ? accept(*std::move(answer), began.system) : decline(std::move(answer).error(), began.system);
                pending_ = false;
            }
            f.done.set();
        }

        result<snapshot> accept(credentials fresh, clock_time now) {
            using namespace std::chrono_literals;
            if (!fresh.expires()) {
                good_until_ = refresh_at_ = clock_time::max();
            } else if (*fresh.expires() > now) {
                lifetime_ = *fresh.expires() - now;
                good_until_ = *fresh.expires() - std::min(options_.mandatory, lifetime_ / 6);
                // A fleet that started together shall not ask together.
                refresh_at_ = *fresh.expires() - std::min(options_.advisory, lifetime_ / 4) -
                              spread(0ms, std::min<std::chrono::milliseconds>(5min, lifetime_ / 12));
            } else if (options_.keep_expired) {
                keep(now);
            } else {
                return decline({error::credentials_expired, "the source of credentials gave some that had expired"}, now);
            }
            return current_ = std::make_shared<const credentials>(std::move(fresh));
        }

        result<snapshot> decline(failure why, clock_time now) {
            using namespace std::chrono_literals;
            refresh_at_ = now + std::min<std::chrono::milliseconds>(30s, lifetime_ / 20);
            if (!current_ || now < good_until_) return why;
            if (!options_.keep_expired) return why;
            keep(now);
            return current_;
        }

        void keep(clock_time now) {
            using namespace std::chrono_literals;
            refresh_at_ = now + spread(5min, 10min);
            good_until_ = clock_time::max();
        }

        static std::chrono::milliseconds spread(std::chrono::milliseconds least, std::chrono::milliseconds most) {
            return least + std::chrono::duration_cast<std::chrono::milliseconds>((most - least) * detail::uniform_random());
        }

        const std::function<result<credentials>()> source_;
        const refresh_options options_;
        std::mutex mutex_;
        snapshot current_;
        clock_time refresh_at_{};
        clock_time good_until_{};
        std::chrono::milliseconds lifetime_{};
        bool pending_ = false; ///< `under_way_` is
        std::shared_ptr<fetch> under_way_;
        std::thread worker_; ///< of the last fetch
    };

    snapshot fixed_;
    std::shared_ptr<refreshing> refreshing_;
};

} // namespace dynasession::inline v0::aws

#endif
