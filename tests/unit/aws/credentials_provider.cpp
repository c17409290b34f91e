#include <dynasession/aws/credentials_provider.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace dynasession;
using namespace std::chrono_literals;

namespace {

constexpr op::instant start{std::chrono::sys_days(std::chrono::year(2026) / 11 / 20), {}};

op::instant after(std::chrono::milliseconds d) { return {start.system + d, start.steady + d}; }

// A source that plays a script; what it does next can be held back.
class script {
public:
    using answer = result<aws::credentials>;

    explicit script(std::vector<answer> answers) : state_(std::make_shared<state>()) {
        state_->answers = std::move(answers);
    }

    answer operator()() {
        std::unique_lock lock(state_->mutex);
        state_->changed.wait(lock, [this] { return !state_->held; });
        const auto n = state_->calls++;
        return n < state_->answers.size() ? state_->answers[n] : answer(failure(error::timeout, "the script is over"));
    }

    unsigned calls() const {
        const std::lock_guard lock(state_->mutex);
        return state_->calls;
    }
    void hold() { set_held(true); }
    void let_go() { set_held(false); }

private:
    void set_held(bool to) {
        const std::lock_guard lock(state_->mutex);
        state_->held = to;
        state_->changed.notify_all();
    }

    struct state {
        std::mutex mutex;
        std::condition_variable changed;
        std::vector<answer> answers;
        unsigned calls = 0;
        bool held = false;
    };
    std::shared_ptr<state> state_;
};

aws::credentials lasting(std::string id, std::chrono::milliseconds until) {
    return {std::move(id), "secret", "token", start.system + until};
}

std::string id_of(const aws::credentials_provider::snapshot& s) { return s ? s->access_key_id() : "(none)"; }

// What is cached then, and the fetch that is begun ahead of time has ended.
std::string cached_while_fetching(script& source, const aws::credentials_provider& provider, op::instant now) {
    source.hold();
    const auto id = id_of(provider.cached(now));
    const auto pending = provider.refresh(now);
    source.let_go();
    while (!pending->done.is_set()) pending->done.wait_for(1s);
    return id;
}

} // namespace

static_assert(aws::credentials_source<script>);
static_assert(aws::credentials_source<decltype([] { return aws::credentials("a", "b"); })>);
static_assert(!aws::credentials_source<decltype([] { return 1; })>);
static_assert(!aws::credentials_source<aws::credentials>);

TEST_CASE("fixed credentials are ready at any time, and there are no others") {
    const aws::credentials_provider provider(aws::credentials("AKID", "secret"));
    CHECK(provider);
    CHECK_FALSE(aws::credentials_provider());
    const auto cached = provider.cached(start);
    CHECK(id_of(cached) == "AKID");
    CHECK(provider.get(after(1h)).value() == cached);
    CHECK_FALSE(provider.reject(cached));
    CHECK(provider.cached(start) == cached);
}

TEST_CASE("a source is asked once, when credentials are wanted, and shared between copies") {
    script source({aws::credentials("FIRST", "secret")});
    const aws::credentials_provider provider(source);
    const auto copy = provider;
    CHECK(source.calls() == 0);
    CHECK(provider.cached(start) == nullptr);
    const auto got = provider.get(start).value();
    CHECK(id_of(got) == "FIRST");
    CHECK(copy.cached(after(24h)) == got); // these do not expire
    CHECK(source.calls() == 1);
}

TEST_CASE("any callable will do: the shortest that a user may write") {
    const aws::credentials_provider provider([] { return aws::credentials("LAMBDA", "secret"); });
    CHECK(id_of(provider.get(start).value()) == "LAMBDA");
}

TEST_CASE("before their end credentials are fetched by one, while all go on with what they have") {
    script source({lasting("FIRST", 6h), lasting("SECOND", 12h)});
    const aws::credentials_provider provider(source);
    REQUIRE(id_of(provider.get(start).value()) == "FIRST");
    CHECK(id_of(provider.cached(after(6h - 21min))) == "FIRST");
    CHECK(source.calls() == 1);

    source.hold();
    for (int i = 0; i != 3; ++i) CHECK(id_of(provider.cached(after(6h - 15min))) == "FIRST");
    CHECK_FALSE(provider.refresh(after(6h - 15min))->done.is_set());
    CHECK(cached_while_fetching(source, provider, after(6h - 15min)) == "FIRST");
    CHECK(source.calls() == 2);
    CHECK(id_of(provider.cached(after(6h - 15min))) == "SECOND");
}

TEST_CASE("a fetch ahead of time that fails leaves what is there, and is not repeated at once") {
    script source({lasting("FIRST", 6h), failure(error::timeout), lasting("THIRD", 12h)});
    const aws::credentials_provider provider(source);
    REQUIRE(provider.get(start));
    CHECK(cached_while_fetching(source, provider, after(6h - 15min)) == "FIRST");
    CHECK(id_of(provider.cached(after(6h - 15min + 29s))) == "FIRST");
    CHECK(source.calls() == 2);
    CHECK(cached_while_fetching(source, provider, after(6h - 15min + 30s)) == "FIRST");
    CHECK(id_of(provider.cached(after(6h - 15min + 30s))) == "THIRD");
}

TEST_CASE("shortly before their end nobody gets credentials before the fetch has succeeded") {
    script source({lasting("FIRST", 6h), failure(error::timeout, "the source is silent"), lasting("THIRD", 12h)});
    const aws::credentials_provider provider(source);
    REQUIRE(provider.get(start));
    const auto late = after(6h - 10min);
    CHECK(provider.cached(late) == nullptr);
    const auto failed = provider.get(late);
    REQUIRE_FALSE(failed.has_value());
    CHECK(failed.error() == error::timeout);
    CHECK(failed.error().detail == "the source is silent");
    CHECK(id_of(provider.get(late).value()) == "THIRD");
}

TEST_CASE("many that wait share one fetch") {
    script source({aws::credentials("ONE", "secret")});
    source.hold();
    const aws::credentials_provider provider(source);
    const auto pending = provider.refresh(start);
    std::vector<std::thread> waiters;
    std::atomic<int> served = 0;
    for (int i = 0; i != 8; ++i)
        waiters.emplace_back([&] {
            while (!pending->done.is_set()) pending->done.wait_for(1s);
            served += id_of(pending->found.value()) == "ONE";
        });
    CHECK(provider.refresh(start) == pending);
    source.let_go();
    for (auto& w : waiters) w.join();
    CHECK(served == 8);
    CHECK(source.calls() == 1);
}

TEST_CASE("who comes too late to wait for a fetch finds what it brought, and begins no other") {
    script source({lasting("ONE", 6h), lasting("TWO", 6h)});
    const aws::credentials_provider provider(source);
    CHECK(provider.cached(start) == nullptr);
    REQUIRE(provider.get(start)); // another caller, in between
    const auto late = provider.refresh(start);
    CHECK(late->done.is_set());
    CHECK(id_of(late->found.value()) == "ONE");
    CHECK(source.calls() == 1);
}

TEST_CASE("credentials that live a minute are used for most of it") {
    script source({lasting("FIRST", 60s), lasting("SECOND", 120s)});
    const aws::credentials_provider provider(source);
    REQUIRE(provider.get(start));
    CHECK(id_of(provider.cached(after(39s))) == "FIRST");
    CHECK(source.calls() == 1);
    CHECK(cached_while_fetching(source, provider, after(49s)) == "FIRST");
    CHECK(id_of(provider.cached(after(50s))) == "SECOND");
}

TEST_CASE("credentials that have expired are refused, or kept for a source that has outages") {
    SUBCASE("refused") {
        script source({lasting("OLD", -1s)});
        const aws::credentials_provider provider(source);
        CHECK(provider.get(start).error() == error::credentials_expired);
        CHECK(provider.cached(start) == nullptr);
    }
    SUBCASE("given out expired, and kept for some minutes") {
        script source({lasting("OLD", -1s), lasting("NEW", 6h)});
        const aws::credentials_provider provider(source, {.keep_expired = true});
        CHECK(id_of(provider.get(start).value()) == "OLD");
        CHECK(id_of(provider.cached(after(5min - 1ms))) == "OLD");
        CHECK(source.calls() == 1);
        CHECK(cached_while_fetching(source, provider, after(10min)) == "OLD");
        CHECK(id_of(provider.cached(after(10min))) == "NEW");
    }
    SUBCASE("no others to be had") {
        script source({lasting("OLD", 1h), failure(error::timeout), lasting("NEW", 6h)});
        const aws::credentials_provider provider(source, {.keep_expired = true});
        REQUIRE(provider.get(start));
        CHECK(id_of(provider.get(after(2h)).value()) == "OLD");
        CHECK(id_of(provider.cached(after(2h + 5min - 1ms))) == "OLD");
        CHECK(source.calls() == 2);
        CHECK(cached_while_fetching(source, provider, after(2h + 10min)) == "OLD");
        CHECK(id_of(provider.cached(after(2h + 10min))) == "NEW");
    }
}

TEST_CASE("credentials that the service does not accept are not given out again") {
    script source({lasting("REVOKED", 6h), lasting("FRESH", 6h)});
    const aws::credentials_provider provider(source);
    const auto revoked = provider.get(start).value();
    CHECK(provider.reject(revoked));
    CHECK(provider.cached(start) == nullptr);
    const auto fresh = provider.get(start).value();
    CHECK(id_of(fresh) == "FRESH");
    CHECK(provider.reject(revoked)); // somebody who comes late with it
    CHECK(provider.cached(start) == fresh);
}

TEST_CASE("a source that throws has failed, and is asked again") {
    int calls = 0;
    const aws::credentials_provider provider([&calls]() -> aws::credentials {
        if (++calls == 1) throw std::runtime_error("no vault");
        if (calls == 2) throw session_error(failure(error::access_denied, "the vault refuses"));
        return {"THIRD", "secret"};
    });
    const auto first = provider.get(start);
    CHECK(first.error() == error::missing_credentials);
    CHECK(first.error().detail == "the source of credentials failed: no vault");
    CHECK(provider.get(start).error() == error::access_denied);
    CHECK(id_of(provider.get(start).value()) == "THIRD");
}

TEST_CASE("the end of a provider waits for the fetch under way") {
    script source({aws::credentials("LATE", "secret")});
    source.hold();
    std::optional<aws::credentials_provider> provider(source);
    const auto pending = provider->refresh(start);
    std::thread ender([&] { provider.reset(); });
    source.let_go();
    ender.join();
    CHECK(pending->done.is_set());
    CHECK(id_of(pending->found.value()) == "LATE");
}
