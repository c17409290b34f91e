#include <dynasession/core/access.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <type_traits>

namespace ds = dynasession;

namespace {

template <class T>
concept made_of_braces = requires(void (*take)(T)) {
    take({});
};

// Says when it goes.
class hold : public ds::lock_hold {
public:
    explicit hold(int& gone) : gone_(&gone) {}
    ~hold() override { ++*gone_; }
    bool held() const override { return *gone_ == 0; }

private:
    int* gone_;
};

} // namespace

TEST_CASE("a session is loaded for one of three purposes, and no other word is one by accident") {
    static_assert(ds::access<ds::read_write_t> && ds::access<ds::read_only_t> && ds::access<ds::exclusive_t>);
    static_assert(!ds::access<const ds::read_only_t> && !ds::access<bool> && !ds::access<std::nullopt_t>);
    static_assert(std::is_same_v<decltype(ds::read_only), const ds::read_only_t>);
    // What is made of {} could be meant as anything.
    static_assert(!made_of_braces<ds::read_write_t> && !made_of_braces<ds::read_only_t> &&
                  !made_of_braces<ds::exclusive_t>);
}

TEST_CASE("what a process has of a lock goes with the last of those who share it") {
    int gone = 0;
    std::shared_ptr<ds::lock_hold> one = std::make_shared<hold>(gone);
    ds::loaded first{.hold = one};
    ds::save_request second{.hold = std::move(one)};
    CHECK(second.hold->held());
    first = {};
    CHECK(gone == 0);
    second = {};
    CHECK(gone == 1);
}

TEST_CASE("what is loaded or saved is not locked, not read only and not merged unless somebody says so") {
    CHECK_FALSE(ds::loaded{}.hold);
    CHECK_FALSE(ds::loaded{}.read_only);
    CHECK_FALSE(ds::save_request{}.if_unchanged);
    CHECK(ds::save_request{}.grace.count() == 0);
    CHECK_FALSE(ds::saved{}.merged);
}
