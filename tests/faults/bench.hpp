#ifndef DYNASESSION_TESTS_FAULTS_BENCH_HPP
#define DYNASESSION_TESTS_FAULTS_BENCH_HPP

#include "world.hpp"

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace faults {

namespace ds = dynasession;
using policy = contract::settings::policy;

/// A service, a store that works on it in one call style, and another process that sees what became of it.
struct bench {
    bench(policy lock, contract::call_style style, patience p, abilities can);

    /// The session as the other process finds it.
    std::optional<ds::session> stored(const ds::session_id& id);

    /// One more save of the session, to see that it is up to date; by the other process afterwards.
    bool can_be_saved(ds::session& s);

    service db;
    std::unique_ptr<contract::world> world;
    std::unique_ptr<contract::caller> store, other;
    ds::session session;                       ///< stored, with user = "jeremy" and n = 1
    const ds::session_id id = session.id();    ///< that it has before the operation
    std::optional<ds::session> found{};        ///< what the operation under test has loaded
};

/// Something that can be asked of a store, and be met by a fault.
struct operation {
    std::string_view name;
    policy lock;
    void (*prepare)(bench&);
    ds::result<void> (*run)(bench&);

    /// Whether all is as it should be after the operation; what it does itself no longer counts.
    bool (*is_done)(bench&);

    int changes = 1;             ///< how many writes of it leave something else than was there before
    int changes_in_steps = 1;    ///< the same where there are no transactions
    bool repeatable = false;     ///< a second copy meets the condition, too, and leaves what the first one did
    bool tells_unknown = false;  ///< when no answer comes it says that it does not know the outcome
};

/// The classes of operations of the fault matrix, and then the others.
const std::vector<operation>& all_operations();

} // namespace faults

#endif
