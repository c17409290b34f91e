#include <dynasession/dynamodb/observer.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <utility>

using namespace dynasession::dynamodb;

namespace {

struct counting {
    int* calls;
    void operator()(const request_event&) { ++*calls; }
};
struct with_capacity {
    bool wanted;
    bool wants_capacity() const { return wanted; }
    void operator()(const request_event&) const {}
};

static_assert(observer<counting> && observer<with_capacity> && observer<void (*)(const request_event&)>);
static_assert(!observer<int> && !observer<void (*)(request_event&)>);

} // namespace

TEST_CASE("no observer is told nothing and wants nothing") {
    const any_observer none;
    CHECK_FALSE(none);
    CHECK_FALSE(none.wants_capacity());
    none({});
}

TEST_CASE("an observer is told of an event, through every copy of what holds it") {
    int calls = 0;
    const any_observer first = counting{&calls};
    const any_observer second = first;
    CHECK(first);
    first({});
    second({});
    CHECK(calls == 2);
}

TEST_CASE("a function is an observer") {
    std::string seen;
    const any_observer o = [&](const request_event& e) { seen = e.operation; };
    o({.operation = "GetItem"});
    CHECK(seen == "GetItem");
}

TEST_CASE("what is given as a named object is copied") {
    int calls = 0;
    counting named{&calls};
    const any_observer o = named;
    named.calls = nullptr;
    o({});
    CHECK(calls == 1);
}

TEST_CASE("an observer says whether it wants to know what a call costs") {
    int calls = 0;
    CHECK_FALSE(any_observer(counting{&calls}).wants_capacity());
    CHECK(any_observer(with_capacity{true}).wants_capacity());
    CHECK_FALSE(any_observer(with_capacity{false}).wants_capacity());
}

TEST_CASE("what an observer throws stays in it") {
    const any_observer angry = [](const request_event&) { throw std::runtime_error("the disk is full"); };
    static_assert(noexcept(angry({})));
    angry({});
}

TEST_CASE("several observers are one, and each is told whatever the others do") {
    int calls = 0;
    const auto angry = [](const request_event&) { throw std::runtime_error("the disk is full"); };
    const any_observer all = observers{angry, counting{&calls}, any_observer(), with_capacity{false}};
    all({});
    CHECK(calls == 1);
    CHECK_FALSE(all.wants_capacity());
    CHECK(any_observer(observers{all, with_capacity{true}}).wants_capacity());
}
