#ifndef DYNASESSION_TESTS_SUPPORT_COUNTING_BACKEND_HPP
#define DYNASESSION_TESTS_SUPPORT_COUNTING_BACKEND_HPP

#include <dynasession/core/command.hpp>
#include <dynasession/core/concepts.hpp>

#include <atomic>
#include <utility>
#include <variant>

/// A backend that counts what another one is asked to do.
template <dynasession::backend Inner>
class counting_backend : public Inner {
public:
    using Inner::Inner;

    dynasession::result<dynasession::reply> perform(dynasession::command c) {
        count(c);
        return Inner::perform(std::move(c));
    }

    template <class Token>
    auto async_perform(dynasession::command c, Token&& token) {
        count(c);
        return Inner::async_perform(std::move(c), std::forward<Token>(token));
    }

    int commands() const noexcept { return commands_; }
    int writes() const noexcept { return writes_; }

private:
    void count(const dynasession::command& c) noexcept {
        ++commands_;
        if (!std::holds_alternative<dynasession::load_record>(c)) ++writes_;
    }

    std::atomic<int> commands_{0};
    std::atomic<int> writes_{0};
};

#endif
