#ifndef DYNASESSION_TESTS_CONTRACT_WORLDS_HPP
#define DYNASESSION_TESTS_CONTRACT_WORLDS_HPP

#include "../support/counting_backend.hpp"
#include "calls.hpp"

#include <dynasession/lock/no_lock.hpp>
#include <dynasession/serializer/json.hpp>
#include <dynasession/store/basic_session_store.hpp>

#include <atomic>
#include <memory>

namespace contract {

/// A store over `Backend`, on a clock that only the test moves.
template <class Backend>
class world_over final : public world {
public:
    template <class MakeOptions>
    world_over(MakeOptions make, ds::session_options options)
        : store_(make([this] { return now(); }), options) {}

    std::unique_ptr<caller> call(call_style style) override { return make_caller(store_, style); }
    void advance(std::chrono::seconds d) override { offset_ += d.count(); }
    int commands() const override { return store_.backend().commands(); }
    int writes() const override { return store_.backend().writes(); }

private:
    // DynamoDB Local really deletes what has expired by the real clock, so the test's clock starts there.
    ds::op::instant now() const {
        const std::chrono::seconds offset(offset_.load());
        return {start_.system + offset, start_.steady + offset};
    }

    const ds::op::instant start_ = ds::op::instant::now();
    std::atomic<std::int64_t> offset_{0};
    mutable ds::basic_session_store<counting_backend<Backend>, ds::no_lock, ds::json_serializer> store_;
};

std::unique_ptr<world> make_memory_world(ds::session_options options);
std::unique_ptr<world> make_dynamodb_world(ds::session_options options);

} // namespace contract

#endif
