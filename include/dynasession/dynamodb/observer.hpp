#ifndef DYNASESSION_DYNAMODB_OBSERVER_HPP
#define DYNASESSION_DYNAMODB_OBSERVER_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/dynamodb/capacity.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace dynasession::inline v0::dynamodb {

/// A call that has ended, for logs and metrics. Holds no id, no payload and no secret.
///
/// *Lifetimes:* `operation` lasts as long as the program, `detail` as long as the observer runs.
struct request_event {
    std::string_view operation{}; ///< "GetItem"
    unsigned attempts = 0;        ///< how many requests were made; 0: it was refused before anything was sent
    std::chrono::nanoseconds latency{}; ///< from the beginning of the call to its end, pauses included

    /// Of all attempts: heads and bodies of the requests; header fields and bodies of the answers. What a second
    /// connection sent because the first was dead, and TLS, is not counted.
    std::size_t bytes_sent = 0;
    std::size_t bytes_received = 0;

    /// What the call cost: known when it succeeded and this was asked for, by the request or the observer.
    std::optional<request_units> consumed{};

    error_code error{}; ///< none: it succeeded

    /// What the service, or the failing place, says about the error. An asynchronous completion has only the code.
    std::string_view detail{};

    /// Whether an attempt may have been carried out without an answer that says so: see `outcome`.
    bool ambiguous = false;
};

/// Something that is told of each call: `o(event)`; whatever it throws is dropped.
///
/// `bool o.wants_capacity()`, if there is one, is asked once for each call: true has the service tell what the call
/// costs, which takes 34 bytes in the request and some 60 in the answer.
///
/// *Thread safety:* it is called by the thread that ends the call, of an asynchronous one before its completion; by
/// several at once when there are several. It must not block for long, and should not call the same client.
template <class T>
concept observer = std::invocable<T&, const request_event&>;

/// Any observer, shared between its copies; none when default constructed.
class any_observer {
public:
    any_observer() = default;
    template <class T>
        requires(!std::same_as<std::remove_cvref_t<T>, any_observer>) && observer<std::remove_cvref_t<T>>
    any_observer(T&& o) : observer_(std::make_shared<model<std::remove_cvref_t<T>>>(std::forward<T>(o))) {}

    explicit operator bool() const noexcept { return observer_ != nullptr; }

    bool wants_capacity() const noexcept { return observer_ && observer_->wants_capacity(); }

    /// Tells it, if there is one.
    void operator()(const request_event& e) const noexcept {
        if (observer_) observer_->tell(e);
    }

private:
    struct base {
        virtual ~base() = default;
        virtual bool wants_capacity() const noexcept = 0;
        virtual void tell(const request_event& e) noexcept = 0;
    };
    template <class T>
    struct model final : base {
        template <class U>
        explicit model(U&& o) : watching(std::forward<U>(o)) {}
        bool wants_capacity() const noexcept override {
            if constexpr (requires { { watching.wants_capacity() } -> std::convertible_to<bool>; })
                return watching.wants_capacity();
            else
                return false;
        }
        void tell(const request_event& e) noexcept override {
            try {
                watching(e);
            } catch (...) { // a log that cannot be written is no reason to lose a session
            }
        }
        T watching;
    };

    std::shared_ptr<base> observer_;
};

/// Several observers as one; they are told in this order.
class observers {
public:
    observers(std::initializer_list<any_observer> all) : all_(all) {}

    bool wants_capacity() const noexcept { return std::ranges::any_of(all_, &any_observer::wants_capacity); }

    void operator()(const request_event& e) const noexcept {
        for (const auto& o : all_) o(e);
    }

private:
    std::vector<any_observer> all_;
};

} // namespace dynasession::inline v0::dynamodb

#endif
