#include <dynasession/http/pool.hpp>

#include "support/http_calls.hpp"
#include "support/scripted_server.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <utility>
#include <vector>

using namespace dynasession;
using namespace std::chrono_literals;
using test::answer;
using test::scripted_server;

namespace {

using clock_type = std::chrono::steady_clock;

std::unique_ptr<http::connection> connected(http::pool& p, const scripted_server& server) {
    auto c = p.make();
    const http::connection::address where(boost::asio::ip::address_v4::loopback(), server.port());
    REQUIRE_FALSE(c->blocking().connect(where, clock_type::now() + test::ample));
    return c;
}

} // namespace

TEST_CASE("the pool gives the connection put last, and each once") {
    scripted_server server(std::vector<answer>{});
    http::pool p(test::endpoint_of(server), {});
    const auto now = clock_type::now();
    CHECK(p.take(now) == nullptr);
    auto a = connected(p, server);
    auto b = connected(p, server);
    const auto* const first = a.get();
    const auto* const second = b.get();
    p.put(std::move(a), now);
    p.put(std::move(b), now);
    CHECK(p.idle() == 2);
    const auto x = p.take(now);
    const auto y = p.take(now);
    CHECK(x.get() == second);
    CHECK(y.get() == first);
    CHECK(p.take(now) == nullptr);
}

TEST_CASE("the pool keeps no more than its limit and lets go of those that were idle longest") {
    scripted_server server(std::vector<answer>{});
    connection_options options;
    options.max_idle_connections = 2;
    http::pool p(test::endpoint_of(server), options);
    const auto now = clock_type::now();
    std::vector<const http::connection*> order;
    for (int i = 0; i != 3; ++i) {
        auto c = connected(p, server);
        order.push_back(c.get());
        p.put(std::move(c), now);
    }
    CHECK(p.idle() == 2);
    CHECK(server.wait_until_closed(1));
    CHECK(p.take(now).get() == order[2]);
    CHECK(p.take(now).get() == order[1]);

    options.max_idle_connections = 0;
    http::pool none(test::endpoint_of(server), options);
    none.put(connected(none, server), now);
    CHECK(none.idle() == 0);
}

TEST_CASE("the pool gives no connection that was idle for longer than allowed, and closes it") {
    scripted_server server(std::vector<answer>{});
    connection_options options;
    options.max_idle_time = 20s;
    http::pool p(test::endpoint_of(server), options);
    const auto now = clock_type::now();
    p.put(connected(p, server), now);
    p.put(p.take(now + 20s), now + 20s);
    CHECK(p.idle() == 1);
    CHECK(p.take(now + 40s + 1ms) == nullptr);
    CHECK(server.wait_until_closed(1));
    p.put(connected(p, server), now);
    p.put(connected(p, server), now + 21s);
    CHECK(p.idle() == 1); // putting lets go of the old ones, too
    CHECK(server.wait_until_closed(2));
}

TEST_CASE("the pool gives no connection that has something to read or was closed by the peer") {
    scripted_server server({answer::nothing(answer::ending::close)});
    http::pool p(test::endpoint_of(server), {});
    auto c = connected(p, server);
    error_code ec;
    const auto r = test::get();
    auto now = clock_type::now();
    c->blocking().send(r.head, now, now + test::ample, ec);
    REQUIRE(server.wait_until_closed(1));
    p.put(std::move(c), clock_type::now());
    CHECK(p.take(clock_type::now()) == nullptr);
    CHECK(p.idle() == 0);
}
