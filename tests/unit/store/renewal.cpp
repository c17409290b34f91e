#include <dynasession/store/renewal.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

namespace ds = dynasession;
using namespace std::chrono_literals;
using ds::store_detail::renewal;

namespace {

// Works until it is told to stop, and counts those who do.
struct crew {
    int finished = 0;
    std::thread::id worker{};

    auto work() {
        return [this](std::shared_ptr<ds::op::event> stop) {
            stop->wait_for(60s);
            REQUIRE(stop->is_set());
            worker = std::this_thread::get_id();
            ++finished;
        };
    }
};

static_assert(!std::is_copy_constructible_v<renewal>);

} // namespace

TEST_CASE("a renewal works on a thread of its own and has ended when it goes") {
    crew c;
    { const renewal r(c.work()); }
    CHECK(c.finished == 1);
    CHECK(c.worker != std::this_thread::get_id());
}

TEST_CASE("a renewal whose work is over by itself just goes") {
    int runs = 0;
    {
        const renewal r([&](const std::shared_ptr<ds::op::event>& stop) { runs += stop->is_set() ? 2 : 1; });
    }
    CHECK(runs >= 1);
}

TEST_CASE("a renewal goes on where it was moved to") {
    crew c;
    std::optional<renewal> to;
    {
        renewal from(c.work());
        to.emplace(std::move(from));
    }
    CHECK(c.finished == 0);
    to.reset();
    CHECK(c.finished == 1);
}

TEST_CASE("a renewal that is replaced has ended by then") {
    crew first, second;
    {
        renewal r(first.work());
        r = renewal(second.work());
        CHECK(first.finished == 1);
        CHECK(second.finished == 0);
    }
    CHECK(second.finished == 1);
}
