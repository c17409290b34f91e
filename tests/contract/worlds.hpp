#ifndef DYNASESSION_TESTS_CONTRACT_WORLDS_HPP
#define DYNASESSION_TESTS_CONTRACT_WORLDS_HPP

#include "../support/counting_backend.hpp"
#include "calls.hpp"

#include <dynasession/lock/no_lock.hpp>
#include <dynasession/lock/optimistic_lock.hpp>
#include <dynasession/lock/pessimistic_lock.hpp>
#include <dynasession/serializer/json.hpp>
#include <dynasession/store/basic_session_store.hpp>

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace contract {

/// Stores over `Backend`, on a clock that only the test moves.
template <class Backend, class LockPolicy>
class world_over final : public world {
public:
    template <class MakeOptions>
    world_over(MakeOptions make, int processes, const settings& s, LockPolicy policy) {
        for (int i = 0; i < processes; ++i)
            stores_.push_back(std::make_unique<store>(make([clock = clock_] { return clock->now(); }), s.session, policy_of_its_own(policy)));
    }

    std::unique_ptr<caller> call(call_style style, int process) override {
        return make_caller(*stores_[static_cast<std::size_t>(process) % stores_.size()], style);
    }
    void advance(std::chrono::milliseconds d) override { clock_->offset += d.count(); }
    int commands() const override {
        return total([](auto& backend) { return backend.commands(); });
    }
    int writes() const override {
        return total([](auto& backend) { return backend.writes(); });
    }

private:
    using store = ds::basic_session_store<counting_backend<Backend>, LockPolicy, ds::json_serializer>;

    static LockPolicy policy_of_its_own(const LockPolicy& p) {
        if constexpr (std::same_as<LockPolicy, ds::pessimistic_lock>)
            return ds::pessimistic_lock(p.options());
        else
            return p;
    }

    template <class Count>
    int total(Count count) const {
        int sum = 0;
        for (const auto& s : stores_) sum += count(s->backend());
        return sum;
    }

    // DynamoDB Local really deletes what has expired by the real clock, so the test's clock starts there. Renewals of
    // locks may still ask for the time when the world has just ended.
    struct manual_clock {
        ds::op::instant now() const {
            const std::chrono::milliseconds passed(offset.load());
            return {start.system + passed, start.steady + passed};
        }
        const ds::op::instant start = ds::op::instant::now();
        std::atomic<std::int64_t> offset{0};
    };

    const std::shared_ptr<manual_clock> clock_ = std::make_shared<manual_clock>();
    std::vector<std::unique_ptr<store>> stores_;
};

template <class Backend, class MakeOptions>
std::unique_ptr<world> world_with(MakeOptions make, int processes, const settings& s) {
    switch (s.lock) {
    case settings::policy::none:
        return std::make_unique<world_over<Backend, ds::no_lock>>(make, processes, s,
                                                                ds::no_lock{.foreign_writers = s.locks.foreign_writers});
    case settings::policy::optimistic:
        return std::make_unique<world_over<Backend, ds::optimistic_lock>>(make, processes, s,
                                                                        ds::optimistic_lock{.foreign_writers = s.locks.foreign_writers});
    case settings::policy::pessimistic: break;
    }
    return std::make_unique<world_over<Backend, ds::pessimistic_lock>>(make, processes, s, ds::pessimistic_lock(s.locks));
}

std::unique_ptr<world> make_memory_world(const settings&);
std::unique_ptr<world> make_dynamodb_world(const settings&);

} // namespace contract

#endif
