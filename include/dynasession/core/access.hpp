#ifndef DYNASESSION_CORE_ACCESS_HPP
#define DYNASESSION_CORE_ACCESS_HPP

#include <dynasession/core/amendments.hpp>
#include <dynasession/core/fields.hpp>
#include <dynasession/core/record.hpp>
#include <dynasession/core/session_id.hpp>

#include <chrono>
#include <concepts>
#include <memory>
#include <string>
#include <vector>

namespace dynasession::inline v0 {

/// To read and to save, as the lock policy does it by itself.
struct read_write_t {
    explicit read_write_t() = default;
};

/// To read only: locks nothing and waits for nobody; the session cannot be saved.
struct read_only_t {
    explicit read_only_t() = default;
};

/// To have the session to oneself until it is saved or released.
struct exclusive_t {
    explicit exclusive_t() = default;
};

inline constexpr read_write_t read_write{};
inline constexpr read_only_t read_only{};
inline constexpr exclusive_t exclusive{};

/// What a session is loaded for: `read_write`, `read_only` or `exclusive`.
template <class T>
concept access = std::same_as<T, read_write_t> || std::same_as<T, read_only_t> || std::same_as<T, exclusive_t>;

/// What a session has of its lock in this process; a lock policy derives from it. When the last copy of the session
/// goes, so does this.
class lock_hold {
public:
    virtual ~lock_hold() = default;

    /// Whether the lock was neither given up nor lost yet, as far as this process knows.
    virtual bool held() const = 0;

protected:
    lock_hold() = default;
    lock_hold(const lock_hold&) = default;
    lock_hold& operator=(const lock_hold&) = default;
};

/// What a load gives.
struct loaded {
    record stored{};
    std::shared_ptr<lock_hold> hold{}; ///< none: not locked
    bool read_only = false;
};

/// What a save is about: the session as it was last read or written, and what changes.
struct save_request {
    session_id id{};
    record stored{};
    delta changes{};
    std::vector<std::string> renewed{}; ///< keys that `changes` sets to the value that they had; in order
    std::chrono::seconds touch_after{}; ///< putting off the expiry by less than this is not worth a write
    std::shared_ptr<lock_hold> hold{};
    std::chrono::seconds grace{};       ///< of a move: how long the old id leads readers to the new one
    bool if_unchanged = false;          ///< the changes follow from `stored`: fail with conflict if that is out of date
    amendments amended{};               ///< what changes beside the data

    /// Whether nothing but the expiry may have to be written.
    bool changes_nothing() const noexcept { return changes.empty() && amended.empty(); }

    void drop_changes() {
        changes = {};
        amended = {};
    }
};

/// What a save leaves in the store.
struct saved {
    record stored{};
    std::shared_ptr<lock_hold> hold{}; ///< what the session still has of its lock
    bool merged = false; ///< `stored` holds changes of others too, so the session's value has to be read anew
};

} // namespace dynasession::inline v0

#endif
