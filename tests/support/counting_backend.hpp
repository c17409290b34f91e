#ifndef DYNASESSION_TESTS_SUPPORT_COUNTING_BACKEND_HPP
#define DYNASESSION_TESTS_SUPPORT_COUNTING_BACKEND_HPP

#include <dynasession/core/command.hpp>
#include <dynasession/core/concepts.hpp>

#include <boost/asio/async_result.hpp>

#include <atomic>
#include <utility>
#include <variant>

/// A backend that counts what another one is asked to do, and fails when it is told to.
template <dynasession::backend Inner>
class counting_backend : public Inner {
public:
    using Inner::Inner;

    dynasession::result<dynasession::reply> perform(dynasession::command c) {
        count(c);
        if (failure_) return dynasession::failure(failure_);
        return Inner::perform(std::move(c));
    }

    template <class Token>
    auto async_perform(dynasession::command c, Token&& token) {
        // The commands of a backend in memory complete where they begin, so those that fail may do it as well.
        auto run = [this, c = std::move(c)](auto handler) mutable {
            count(c);
            if (failure_) return std::move(handler)(dynasession::result<dynasession::reply>(dynasession::failure(failure_)));
            Inner::async_perform(std::move(c), std::move(handler));
        };
        return boost::asio::async_initiate<Token, void(dynasession::result<dynasession::reply>)>(std::move(run), token);
    }

    /// From now on; no error: it works again.
    void fail_with(dynasession::error_code ec) noexcept { failure_ = ec; }

    int commands() const noexcept { return commands_; }
    int writes() const noexcept { return writes_; }

private:
    void count(const dynasession::command& c) noexcept {
        ++commands_;
        using namespace dynasession;
        const bool reads = std::holds_alternative<load_record>(c) || std::holds_alternative<load_mark>(c) ||
                           std::holds_alternative<list_sessions>(c);
        if (!reads) ++writes_;
    }

    dynasession::error_code failure_{};
    std::atomic<int> commands_{0};
    std::atomic<int> writes_{0};
};

#endif
