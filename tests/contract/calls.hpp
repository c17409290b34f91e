#ifndef DYNASESSION_TESTS_CONTRACT_CALLS_HPP
#define DYNASESSION_TESTS_CONTRACT_CALLS_HPP

#include "store_under_test.hpp"

#include <dynasession/core/concepts.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <stdexcept>
#include <type_traits>
#include <utility>

// The four call styles over any store.
namespace contract {

namespace asio = boost::asio;

template <class T>
ds::result<T> as_result(ds::error_code ec, T value) {
    if (ec) return ds::failure(ec);
    return value;
}
inline ds::result<void> as_result(ds::error_code ec) {
    if (ec) return ds::failure(ec);
    return {};
}

/// Calls `f(access)` with what the mode stands for.
template <class Store, class F>
auto with_access(mode m, F f) {
    if constexpr (ds::exclusive_lock_policy<typename Store::lock_policy_type>)
        if (m == mode::exclusive) return f(ds::exclusive);
    if (m == mode::exclusive) throw std::logic_error("this policy knows no exclusive load");
    return m == mode::read_only ? f(ds::read_only) : f(ds::read_write);
}

template <class Store, class F>
ds::result<void> if_it_locks(Store& store, F f) {
    if constexpr (ds::exclusive_lock_policy<typename Store::lock_policy_type>)
        return f(store);
    else
        throw std::logic_error("this policy knows no locks");
}

template <class Call>
auto caught(Call call) -> ds::result<decltype(call())> {
    try {
        if constexpr (std::is_void_v<decltype(call())>) {
            call();
            return {};
        } else {
            return call();
        }
    } catch (const ds::session_error& e) {
        return ds::failure(e.code(), e.detail());
    }
}

template <class Store>
class throwing_caller final : public caller {
public:
    explicit throwing_caller(Store& s) : store_(s) {}
    ds::session create() override { return store_.create(); }
    ds::result<std::optional<ds::session>> load(const ds::session_id& id, mode m) override {
        return with_access<Store>(m, [&](auto access) { return caught([&] { return store_.load(id, access); }); });
    }
    ds::result<void> save(ds::session& s) override {
        return caught([&] { store_.save(s); });
    }
    ds::result<std::optional<ds::session>> update(const ds::session_id& id, change f) override {
        return caught([&] { return store_.update(id, f); });
    }
    ds::result<void> touch(ds::session& s) override {
        return caught([&] { store_.touch(s); });
    }
    ds::result<void> regenerate(ds::session& s) override {
        return caught([&] { store_.regenerate(s); });
    }
    ds::result<void> destroy(const ds::session_id& id) override {
        return caught([&] { store_.destroy(id); });
    }
    ds::result<void> release(ds::session& s) override {
        return if_it_locks(store_, [&](auto& store) { return caught([&] { store.release(s); }); });
    }
    ds::result<void> renew(ds::session& s) override {
        return if_it_locks(store_, [&](auto& store) { return caught([&] { store.renew(s); }); });
    }
    ds::result<std::vector<ds::session_info>> sessions_of(const std::string& user) override {
        return caught([&] { return store_.sessions_of(user); });
    }
    ds::result<bool> destroy_one_of(const std::string& user, const ds::session_handle& handle) override {
        return caught([&] { return store_.destroy_one_of(user, handle); });
    }
    ds::result<std::size_t> destroy_all_of(const std::string& user) override {
        return caught([&] { return store_.destroy_all_of(user); });
    }
    ds::result<std::size_t> destroy_others_of(const std::string& user, ds::session& keep) override {
        return caught([&] { return store_.destroy_others_of(user, keep); });
    }
    ds::result<std::size_t> destroy_oldest_of(const std::string& user, std::size_t keep_count) override {
        return caught([&] { return store_.destroy_oldest_of(user, keep_count); });
    }

private:
    Store& store_;
};

template <class Store>
class error_code_caller final : public caller {
public:
    explicit error_code_caller(Store& s) : store_(s) {}
    ds::session create() override { return store_.create(); }
    ds::result<std::optional<ds::session>> load(const ds::session_id& id, mode m) override {
        return with_access<Store>(m, [&](auto access) {
            ds::error_code ec;
            auto found = store_.load(id, access, ec);
            return as_result(ec, std::move(found));
        });
    }
    ds::result<void> save(ds::session& s) override {
        ds::error_code ec;
        store_.save(s, ec);
        return as_result(ec);
    }
    ds::result<std::optional<ds::session>> update(const ds::session_id& id, change f) override {
        ds::error_code ec;
        auto updated = store_.update(id, f, ec);
        return as_result(ec, std::move(updated));
    }
    ds::result<void> touch(ds::session& s) override {
        ds::error_code ec;
        store_.touch(s, ec);
        return as_result(ec);
    }
    ds::result<void> regenerate(ds::session& s) override {
        ds::error_code ec;
        store_.regenerate(s, ec);
        return as_result(ec);
    }
    ds::result<void> destroy(const ds::session_id& id) override {
        ds::error_code ec;
        store_.destroy(id, ec);
        return as_result(ec);
    }
    ds::result<void> release(ds::session& s) override {
        return if_it_locks(store_, [&](auto& store) {
            ds::error_code ec;
            store.release(s, ec);
            return as_result(ec);
        });
    }
    ds::result<void> renew(ds::session& s) override {
        return if_it_locks(store_, [&](auto& store) {
            ds::error_code ec;
            store.renew(s, ec);
            return as_result(ec);
        });
    }
    ds::result<std::vector<ds::session_info>> sessions_of(const std::string& user) override {
        ds::error_code ec;
        auto value = store_.sessions_of(user, ec);
        return as_result(ec, std::move(value));
    }
    ds::result<bool> destroy_one_of(const std::string& user, const ds::session_handle& handle) override {
        ds::error_code ec;
        auto value = store_.destroy_one_of(user, handle, ec);
        return as_result(ec, std::move(value));
    }
    ds::result<std::size_t> destroy_all_of(const std::string& user) override {
        ds::error_code ec;
        auto value = store_.destroy_all_of(user, ec);
        return as_result(ec, std::move(value));
    }
    ds::result<std::size_t> destroy_others_of(const std::string& user, ds::session& keep) override {
        ds::error_code ec;
        auto value = store_.destroy_others_of(user, keep, ec);
        return as_result(ec, std::move(value));
    }
    ds::result<std::size_t> destroy_oldest_of(const std::string& user, std::size_t keep_count) override {
        ds::error_code ec;
        auto value = store_.destroy_oldest_of(user, keep_count, ec);
        return as_result(ec, std::move(value));
    }

private:
    Store& store_;
};

template <class Store>
class callback_caller final : public caller {
public:
    explicit callback_caller(Store& s) : store_(s) {}
    ds::session create() override { return store_.create(); }
    ds::result<std::optional<ds::session>> load(const ds::session_id& id, mode m) override {
        return with_access<Store>(m, [&](auto access) {
            return wait<std::optional<ds::session>>([&](auto handler) { store_.async_load(id, access, handler); });
        });
    }
    ds::result<void> save(ds::session& s) override {
        return wait<void>([&](auto handler) { store_.async_save(s, handler); });
    }
    ds::result<std::optional<ds::session>> update(const ds::session_id& id, change f) override {
        return wait<std::optional<ds::session>>([&](auto handler) { store_.async_update(id, f, handler); });
    }
    ds::result<void> touch(ds::session& s) override {
        return wait<void>([&](auto handler) { store_.async_touch(s, handler); });
    }
    ds::result<void> regenerate(ds::session& s) override {
        return wait<void>([&](auto handler) { store_.async_regenerate(s, handler); });
    }
    ds::result<void> destroy(const ds::session_id& id) override {
        return wait<void>([&](auto handler) { store_.async_destroy(id, handler); });
    }
    ds::result<void> release(ds::session& s) override {
        return if_it_locks(store_, [&](auto& store) { return wait<void>([&](auto handler) { store.async_release(s, handler); }); });
    }
    ds::result<void> renew(ds::session& s) override {
        return if_it_locks(store_, [&](auto& store) { return wait<void>([&](auto handler) { store.async_renew(s, handler); }); });
    }
    ds::result<std::vector<ds::session_info>> sessions_of(const std::string& user) override {
        return wait<std::vector<ds::session_info>>([&](auto handler) { store_.async_sessions_of(user, handler); });
    }
    ds::result<bool> destroy_one_of(const std::string& user, const ds::session_handle& handle) override {
        return wait<bool>([&](auto handler) { store_.async_destroy_one_of(user, handle, handler); });
    }
    ds::result<std::size_t> destroy_all_of(const std::string& user) override {
        return wait<std::size_t>([&](auto handler) { store_.async_destroy_all_of(user, handler); });
    }
    ds::result<std::size_t> destroy_others_of(const std::string& user, ds::session& keep) override {
        return wait<std::size_t>([&](auto handler) { store_.async_destroy_others_of(user, keep, handler); });
    }
    ds::result<std::size_t> destroy_oldest_of(const std::string& user, std::size_t keep_count) override {
        return wait<std::size_t>([&](auto handler) { store_.async_destroy_oldest_of(user, keep_count, handler); });
    }

private:
    template <class T, class Start>
    static ds::result<T> wait(Start start) {
        asio::io_context io;
        std::optional<ds::result<T>> outcome;
        start(asio::bind_executor(io.get_executor(), [&](ds::error_code ec, auto... value) {
            outcome = as_result(ec, std::move(value)...);
        }));
        const bool inline_completion = outcome.has_value();
        io.run();
        if (inline_completion) throw std::logic_error("completed inside the initiation");
        return *std::move(outcome);
    }

    Store& store_;
};

template <class Store>
class coroutine_caller final : public caller {
public:
    explicit coroutine_caller(Store& s) : store_(s) {}
    ds::session create() override { return store_.create(); }
    ds::result<std::optional<ds::session>> load(const ds::session_id& id, mode m) override {
        return with_access<Store>(m, [&](auto access) {
            return await([&]() -> asio::awaitable<std::optional<ds::session>> {
                co_return co_await store_.async_load(id, access);
            });
        });
    }
    ds::result<void> save(ds::session& s) override {
        return await([&]() -> asio::awaitable<void> { co_await store_.async_save(s); });
    }
    ds::result<std::optional<ds::session>> update(const ds::session_id& id, change f) override {
        return await([&]() -> asio::awaitable<std::optional<ds::session>> {
            co_return co_await store_.async_update(id, f, asio::use_awaitable);
        });
    }
    ds::result<void> touch(ds::session& s) override {
        return await([&]() -> asio::awaitable<void> { co_await store_.async_touch(s); });
    }
    ds::result<void> regenerate(ds::session& s) override {
        return await([&]() -> asio::awaitable<void> { co_await store_.async_regenerate(s); });
    }
    ds::result<void> destroy(const ds::session_id& id) override {
        return await([&]() -> asio::awaitable<void> { co_await store_.async_destroy(id); });
    }
    ds::result<void> release(ds::session& s) override {
        return if_it_locks(store_, [&](auto& store) { return await([&]() -> asio::awaitable<void> { co_await store.async_release(s); }); });
    }
    ds::result<void> renew(ds::session& s) override {
        return if_it_locks(store_, [&](auto& store) { return await([&]() -> asio::awaitable<void> { co_await store.async_renew(s); }); });
    }
    ds::result<std::vector<ds::session_info>> sessions_of(const std::string& user) override {
        return await([&]() -> asio::awaitable<std::vector<ds::session_info>> { co_return co_await store_.async_sessions_of(user); });
    }
    ds::result<bool> destroy_one_of(const std::string& user, const ds::session_handle& handle) override {
        return await([&]() -> asio::awaitable<bool> { co_return co_await store_.async_destroy_one_of(user, handle); });
    }
    ds::result<std::size_t> destroy_all_of(const std::string& user) override {
        return await([&]() -> asio::awaitable<std::size_t> { co_return co_await store_.async_destroy_all_of(user); });
    }
    ds::result<std::size_t> destroy_others_of(const std::string& user, ds::session& keep) override {
        return await([&]() -> asio::awaitable<std::size_t> { co_return co_await store_.async_destroy_others_of(user, keep); });
    }
    ds::result<std::size_t> destroy_oldest_of(const std::string& user, std::size_t keep_count) override {
        return await([&]() -> asio::awaitable<std::size_t> { co_return co_await store_.async_destroy_oldest_of(user, keep_count); });
    }

private:
    template <class Coroutine>
    static auto await(Coroutine body) {
        asio::io_context io;
        using value_type = typename decltype(body())::value_type;
        std::optional<ds::result<value_type>> outcome;
        asio::co_spawn(io, body(), [&](std::exception_ptr problem, auto... value) {
            try {
                if (problem) std::rethrow_exception(problem);
                outcome.emplace(std::move(value)...);
            } catch (const boost::system::system_error& e) {
                outcome = ds::failure(e.code());
            }
        });
        io.run();
        return *std::move(outcome);
    }

    Store& store_;
};

template <class Store>
std::unique_ptr<caller> make_caller(Store& store, call_style style) {
    switch (style) {
    case call_style::throwing: return std::make_unique<throwing_caller<Store>>(store);
    case call_style::error_code: return std::make_unique<error_code_caller<Store>>(store);
    case call_style::callback: return std::make_unique<callback_caller<Store>>(store);
    case call_style::coroutine: break;
    }
    return std::make_unique<coroutine_caller<Store>>(store);
}

} // namespace contract

#endif
