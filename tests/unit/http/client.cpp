#include <dynasession/http/client.hpp>

#include <dynasession/op/async_run.hpp>
#include <dynasession/op/run.hpp>

#include "support/http_calls.hpp"
#include "support/scripted_server.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace dynasession;
using namespace std::chrono_literals;
using test::answer;
using test::caller;
using test::every_way;
using test::scripted_server;
using test::way;
using end = answer::ending;

namespace {

/// Runs the body in every form of call, each against a server of its own with the same script.
template <class Body>
void in_every_way(const std::vector<answer>& script, Body body) {
    for (const auto w : every_way) {
        const std::string form = name(w);
        CAPTURE(form);
        scripted_server server(script);
        caller call(w, server);
        body(call, server);
    }
}

bool ok(const http::reply& r, std::string_view body) {
    return r.sent && r.answer.has_value() && r.answer->status == 200 && r.answer->body == body;
}

error_code code(const http::reply& r) { return r.answer.has_value() ? error_code{} : r.answer.error().code; }

/// An address of this machine that takes no connections: its queue is full, and nobody accepts.
class full_listener {
public:
    full_listener() {
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof where;
        auto* const address = reinterpret_cast<sockaddr*>(&where);
        sockets_.push_back(::socket(AF_INET, SOCK_STREAM, 0));
        ::bind(sockets_[0], address, size);
        ::listen(sockets_[0], 0);
        ::getsockname(sockets_[0], address, &size);
        for (int i = 0; i != 4; ++i) {
            sockets_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
            ::connect(sockets_.back(), address, size);
        }
        target = {.tls = false, .host = "127.0.0.1", .port = ntohs(where.sin_port)};
    }
    full_listener(const full_listener&) = delete;
    full_listener& operator=(const full_listener&) = delete;
    ~full_listener() {
        for (const int fd : sockets_) ::close(fd);
    }
    http::endpoint target;

private:
    std::vector<int> sockets_;
};

http::endpoint nobody() {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    ::bind(fd, reinterpret_cast<sockaddr*>(&where), size);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&where), &size);
    ::close(fd);
    return {.tls = false, .host = "127.0.0.1", .port = ntohs(where.sin_port)};
}

/// Two exchanges and a pause, as an operation: the status codes added up.
struct twice {
    using effect_type = http::exchange;
    using reply_type = http::reply;
    using value_type = unsigned;

    const http::request* message;
    int step = 0;
    unsigned sum = 0;

    op::action<effect_type, value_type> resume(http::reply r, op::instant now) {
        if (!r.answer) return result<unsigned>(r.answer.error());
        sum += r.answer->status;
        switch (step++) {
        case 0: return http::exchange{message, now.steady + test::ample};
        case 1: return op::pause{1ms};
        case 2: return http::exchange{message, now.steady + test::ample};
        default: return result<unsigned>(sum);
        }
    }
};

} // namespace

TEST_CASE("http client: answers are read whatever their framing") {
    auto chunked = answer::ok(std::string(5000, 'c'));
    chunked.frame = answer::framing::chunked;
    auto chunked_bytes = answer::ok("slow");
    chunked_bytes.frame = answer::framing::chunked;
    chunked_bytes.chunk_size = 1;
    chunked_bytes.segment = 1;
    auto bytes = answer::ok("by byte");
    bytes.segment = 1;
    auto interim = answer::ok("after interim answers");
    interim.before = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n";
    auto open = answer::ok("until the end").then(end::close);
    open.frame = answer::framing::until_close;
    const std::vector<answer> script{answer::ok("plain"),
                                     chunked,
                                     chunked_bytes,
                                     bytes,
                                     interim,
                                     answer::with(204, ""),
                                     answer::ok(std::string(3'000'000, 'b')),
                                     open,
                                     answer::bytes("HTTP/1.0 200 OK\r\n\r\nold")};
    in_every_way(script, [](caller& call, scripted_server& server) {
        const auto r = test::get();
        CHECK(ok(call(r), "plain"));
        CHECK(ok(call(r), std::string(5000, 'c')));
        CHECK(ok(call(r), "slow"));
        CHECK(ok(call(r), "by byte"));
        CHECK(ok(call(r), "after interim answers"));
        CHECK(call(r).answer.value().status == 204);
        CHECK(ok(call(r), std::string(3'000'000, 'b')));
        CHECK(ok(call(r), "until the end"));
        CHECK(server.connections() == 1);
        CHECK(call.client().idle_connections() == 0);
        CHECK(ok(call(r), "old"));
        CHECK(server.connections() == 2);
    });
}

TEST_CASE("http client: a request arrives whole, also when the socket cannot take it at once") {
    in_every_way({answer::ok("1"), answer::ok("2")}, [](caller& call, scripted_server& server) {
        const auto large = test::post(std::string(8'000'000, 'x') + "end");
        CHECK(ok(call(large), "1"));
        CHECK(ok(call(test::post("small")), "2"));
        const auto got = server.requests();
        REQUIRE(got.size() == 2);
        CHECK(got[0].body == large.body);
        CHECK(got[0].head == large.head);
        CHECK(got[1].body == "small");
    });
}

TEST_CASE("http client: header fields and status reach the caller") {
    in_every_way({answer::with(400, "{}").header("x-amz-crc32", "7").header("X-Empty", "")},
                 [](caller& call, scripted_server&) {
                     const auto r = call(test::get());
                     REQUIRE(r.answer.has_value());
                     CHECK(r.answer->status == 400);
                     CHECK(r.answer->header("X-Amz-Crc32") == "7");
                     CHECK(r.answer->header("x-empty") == "");
                 });
}

TEST_CASE(
    "http client: every fault of an answer has its error, says that the request was sent, and closes the connection") {
    struct fault {
        const char* what;
        answer play;
        error_code expected;
    };
    auto cut = answer::ok("0123456789").then(end::close);
    cut.cut_at = 45;
    auto cut_reset = answer::ok("0123456789").then(end::reset);
    cut_reset.cut_at = 45;
    auto cut_chunks = answer::ok("0123456789").then(end::close);
    cut_chunks.frame = answer::framing::chunked;
    cut_chunks.cut_at = 60;
    const std::vector<fault> faults{
        {"garbage", answer::bytes("\x16\x03\x01 this is no HTTP\r\n\r\n"), error::malformed_response},
        {"bad length", answer::bytes("HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\nab"), error::malformed_response},
        {"two lengths", answer::bytes("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
         error::malformed_response},
        {"huge header", answer::bytes("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n"),
         error::response_too_large},
        {"huge length", answer::bytes("HTTP/1.1 200 OK\r\nContent-Length: 17000001\r\n\r\n"),
         error::response_too_large},
        {"cut body", cut, error::connection_closed},
        {"cut chunks", cut_chunks, error::connection_closed},
        {"closed without an answer", answer::nothing(end::close), error::connection_closed},
        {"reset without an answer", answer::nothing(end::reset), boost::asio::error::connection_reset},
        {"reset within the answer", cut_reset, boost::asio::error::connection_reset},
    };
    for (const auto& f : faults) {
        CAPTURE(f.what);
        in_every_way({f.play, answer::ok("next")}, [&](caller& call, scripted_server& server) {
            const auto r = call(test::get());
            CHECK(code(r) == f.expected);
            CHECK((code(r) == condition::unavailable) == (f.expected != error::response_too_large));
            CHECK(r.sent);
            CHECK(call.client().idle_connections() == 0);
            CHECK(server.connections() == 1);
            CHECK(ok(call(test::get()), "next"));
            CHECK(server.connections() == 2);
        });
    }
}

TEST_CASE("http client: an answer that does not agree with its checksum is an error and ends its connection") {
    in_every_way({answer::ok("damaged"), answer::ok("sound"), answer::ok("damaged")},
                 [](caller& call, scripted_server& server) {
                     const auto is_sound = [](const http::response& r) { return r.body == "sound"; };
                     for (const bool damaged : {true, false, true}) {
                         const auto r = call(test::get(), test::ample, is_sound);
                         CHECK(r.sent);
                         CHECK_FALSE(r.repeated);
                         CHECK(code(r) == (damaged ? error_code(error::checksum_mismatch) : error_code()));
                         CHECK(call.client().idle_connections() == (damaged ? 0 : 1));
                     }
                     CHECK(server.connections() == 2);
                 });
}

TEST_CASE("http client: nothing counts as sent when there is no connection") {
    for (const auto w : every_way) {
        caller refused(w, nobody());
        const auto r = refused(test::get());
        CHECK(code(r) == boost::asio::error::connection_refused);
        CHECK(r.answer.error().detail.find("127.0.0.1:") != std::string::npos);
        CHECK_FALSE(r.sent);
        caller unknown(w, {.tls = false, .host = "a..b", .port = 80});
        const auto u = unknown(test::get());
        CHECK(code(u) == boost::asio::error::host_not_found);
        CHECK(u.answer.error().detail.find("a..b") != std::string::npos);
        CHECK_FALSE(u.sent);
    }
}

TEST_CASE("http client: a name is looked up, and its addresses are tried until one answers") {
    for (const auto w : every_way) {
        scripted_server server({answer::ok("found")}); // listens on 127.0.0.1 only; localhost may be ::1 first
        caller call(w, test::endpoint_of(server, "localhost"));
        CHECK(ok(call(test::get()), "found"));
    }
}

TEST_CASE("http client: the deadline ends an exchange that stalls at any point") {
    auto half = answer::ok("0123456789").then(end::stall);
    half.cut_at = 45;
    auto endless = answer::ok(std::string(16'000'000, 'x'));
    endless.segment = 1; // never a pause, and never an end in time
    for (const auto& play : {answer::nothing(end::stall), half, endless, answer::nothing(end::stall, true)})
        in_every_way({play}, [&](caller& call, scripted_server& server) {
            const auto r = call(test::get(), 60ms);
            CHECK(code(r) == error::timeout);
            CHECK(r.sent);
            CHECK(call.client().idle_connections() == 0);
            CHECK(server.wait_until_closed(1));
        });
}

TEST_CASE("http client: the deadline ends the sending of a request that is too large for the time") {
    in_every_way({answer::nothing(end::stall, true)}, [](caller& call, scripted_server&) {
        const auto r = call(test::post(std::string(64'000'000, 'x')), 20ms);
        CHECK(code(r) == error::timeout);
    });
}

TEST_CASE("http client: the connect timeout and the deadline end an attempt to connect") {
    const full_listener deaf;
    for (const auto w : every_way) {
        auto options = caller::generous();
        caller patient(w, deaf.target, options);
        CHECK(code(patient(test::get(), 30ms)) == error::timeout);
        options.connect_timeout = 30ms;
        caller hasty(w, deaf.target, options);
        const auto r = hasty(test::get());
        CHECK(code(r) == error::timeout);
        CHECK_FALSE(r.sent);
    }
}

TEST_CASE("http client: a deadline that has passed sends nothing and does not complete inside the initiation") {
    in_every_way({}, [](caller& call, scripted_server& server) {
        const auto r = call(test::get(), -1ms);
        CHECK(code(r) == error::timeout);
        CHECK_FALSE(r.sent);
        CHECK(server.connections() == 0);
    });
    scripted_server server(std::vector<answer>{});
    caller call(way::callback, server);
    bool completed = false;
    const auto r = test::get();
    call.client().async_perform({&r, {}}, [&](const http::reply&) { completed = true; });
    CHECK_FALSE(completed);
    call.io().run();
    CHECK(completed);
}

TEST_CASE("http client: exchanges one after the other share a connection, whoever makes them") {
    scripted_server server([](const test::received_request&) { return answer::ok("x"); });
    caller call(way::callback, server);
    const auto r = test::get();
    for (int i = 0; i != 3; ++i) {
        CHECK(ok(call(r), "x"));
        CHECK(ok(call.client().perform({&r, std::chrono::steady_clock::now() + test::ample}), "x"));
    }
    CHECK(server.connections() == 1);
    CHECK(call.client().idle_connections() == 1);
}

TEST_CASE("http client: the connection used last is used first") {
    const auto hold = std::make_shared<test::gate>();
    auto held = answer::ok("first");
    held.hold = hold;
    scripted_server server({held, answer::ok("second"), answer::ok("third"), answer::ok("fourth")});
    caller call(way::future, server);
    const auto r = test::get();
    const http::exchange e{&r, std::chrono::steady_clock::now() + test::ample};
    auto first = call.client().async_perform(e, boost::asio::use_future);
    REQUIRE(server.wait_for_requests(1));
    CHECK(ok(call.client().perform(e), "second"));
    hold->open();
    CHECK(ok(first.get(), "first"));
    REQUIRE(call.client().idle_connections() == 2);
    CHECK(ok(call(r), "third"));
    CHECK(ok(call(r), "fourth"));
    const auto got = server.requests();
    REQUIRE(got.size() == 4);
    CHECK(got[2].connection == got[0].connection);
    CHECK(got[3].connection == got[0].connection);
    CHECK(server.connections() == 2);
}

TEST_CASE("http client: an answer that forbids it, or has bytes behind it, leaves no idle connection") {
    auto behind = answer::ok("x");
    behind.behind = "HTTP/1.1 200 OK\r\n";
    const std::vector<answer> script{answer::ok("x").header("Connection", "close"), behind, answer::ok("x")};
    in_every_way(script, [](caller& call, scripted_server& server) {
        for (unsigned i = 1; i <= 3; ++i) {
            CHECK(ok(call(test::get()), "x"));
            CHECK(server.connections() == i);
        }
    });
}

TEST_CASE("http client: a connection that the server has closed meanwhile is noticed before it is used") {
    in_every_way({answer::ok("1").then(end::close), answer::ok("2")}, [](caller& call, scripted_server& server) {
        CHECK(ok(call(test::get()), "1"));
        REQUIRE(server.wait_until_closed(1));
        CHECK(ok(call(test::get()), "2"));
        CHECK(server.requests().size() == 2);
        CHECK(server.connections() == 2);
    });
}

TEST_CASE("http client: an idle connection that dies before a byte of the answer is replaced at once") {
    for (const auto& death :
         {answer::nothing(end::reset), answer::nothing(end::close), answer::nothing(end::reset, true)})
        in_every_way({answer::ok("1"), death, answer::ok("2")}, [](caller& call, scripted_server& server) {
            CHECK(ok(call(test::get()), "1"));
            CHECK(ok(call(test::get()), "2"));
            CHECK(server.connections() == 2);
            CHECK(server.requests().back().connection == 2);
        });
}

TEST_CASE("http client: the replacement of a dead connection happens once, and the request still counts as sent") {
    in_every_way({answer::ok("1"), answer::nothing(end::reset), answer::nothing(end::close), answer::ok("2")},
                 [](caller& call, scripted_server& server) {
                     CHECK(ok(call(test::get()), "1"));
                     const auto r = call(test::get());
                     CHECK(code(r) == error::connection_closed);
                     CHECK(r.sent);
                     CHECK(server.requests().size() == 3);
                 });
}

TEST_CASE("http client: an idle connection that dies within the answer is not replaced") {
    auto cut = answer::ok("0123456789").then(end::close);
    cut.cut_at = 1;
    in_every_way({answer::ok("1"), cut, answer::ok("2")}, [](caller& call, scripted_server& server) {
        CHECK(ok(call(test::get()), "1"));
        CHECK(code(call(test::get())) == error::connection_closed);
        CHECK(server.requests().size() == 2);
    });
}

TEST_CASE(
    "http client: cancellation ends an exchange at every point, closes the connection and leaves nothing waiting") {
    auto half = answer::ok("0123456789").then(end::stall);
    half.cut_at = 45;
    for (const auto& play : {answer::nothing(end::stall), half}) {
        scripted_server server({answer::ok("warm"), play});
        caller call(way::callback, server);
        const auto r = test::get();
        CHECK(ok(call(r), "warm"));
        boost::asio::cancellation_signal signal;
        std::optional<http::reply> got;
        call.client().async_perform(
            {&r, std::chrono::steady_clock::now() + test::ample},
            boost::asio::bind_cancellation_slot(signal.slot(), [&](http::reply done) { got = std::move(done); }));
        REQUIRE(server.wait_for_requests(2));
        call.io().restart();
        call.io().poll();
        REQUIRE_FALSE(got);
        signal.emit(boost::asio::cancellation_type::terminal);
        call.io().restart();
        call.io().run();
        REQUIRE(got);
        CHECK(code(*got) == boost::asio::error::operation_aborted);
        CHECK(got->sent);
        CHECK(call.client().idle_connections() == 0);
        CHECK(server.wait_until_closed(1));
    }
}

TEST_CASE("http client: cancellation ends the look-up of a name and the attempt to connect") {
    const full_listener deaf;
    auto by_name = deaf.target;
    by_name.host = "localhost";
    for (const auto& target : {deaf.target, by_name}) {
        caller call(way::callback, target);
        const auto r = test::get();
        boost::asio::cancellation_signal signal;
        std::optional<http::reply> got;
        call.client().async_perform(
            {&r, std::chrono::steady_clock::now() + test::ample},
            boost::asio::bind_cancellation_slot(signal.slot(), [&](http::reply done) { got = std::move(done); }));
        signal.emit(boost::asio::cancellation_type::terminal);
        call.io().run();
        REQUIRE(got);
        CHECK(code(*got) == boost::asio::error::operation_aborted);
        CHECK_FALSE(got->sent);
    }
}

TEST_CASE("http client: an exchange whose context ends before it is dropped without harm") {
    scripted_server server({answer::nothing(end::stall)});
    const auto r = test::get();
    auto io = std::make_unique<boost::asio::io_context>();
    auto client = std::make_unique<http::client>(io->get_executor(), test::endpoint_of(server));
    client->async_perform({&r, std::chrono::steady_clock::now() + test::ample},
                          [](const http::reply&) { FAIL("completed"); });
    io->run_one(); // connects, and sends
    REQUIRE(server.wait_for_requests(1));
    client.reset();
    io.reset();
    CHECK(server.wait_until_closed(1));
}

TEST_CASE("http client: the completion runs on the executor of its handler") {
    scripted_server server({answer::ok("x")});
    boost::asio::io_context own;
    http::client client(test::endpoint_of(server));
    const auto strand = boost::asio::make_strand(own);
    const auto r = test::get();
    bool inside = false;
    client.async_perform({&r, std::chrono::steady_clock::now() + test::ample},
                         boost::asio::bind_executor(strand, [&](const http::reply& got) {
                             inside = ok(got, "x") && strand.running_in_this_thread();
                         }));
    own.run(); // the exchange itself is work of this context, although its sockets are not
    CHECK(inside);
}

TEST_CASE("http client: many threads share one client in both forms") {
    scripted_server server([](const test::received_request& r) { return answer::ok(r.body); });
    http::client client(test::endpoint_of(server), caller::generous());
    std::vector<std::thread> threads;
    std::atomic<int> right{0};
    for (int t = 0; t != 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i != 50; ++i) {
                const auto r = test::post(std::to_string(t * 1000 + i));
                const http::exchange e{&r, std::chrono::steady_clock::now() + test::ample};
                const auto got =
                    (t + i) % 2 == 0 ? client.perform(e) : client.async_perform(e, boost::asio::use_future).get();
                right += ok(got, r.body);
            }
        });
    for (auto& t : threads) t.join();
    CHECK(right == 200);
    CHECK(server.connections() <= 4);
}

TEST_CASE("http client: deadlines that expire while answers come are safe on many threads") {
    scripted_server server([](const test::received_request&) { return answer::ok("x"); });
    http::client client(test::endpoint_of(server), caller::generous());
    std::vector<std::thread> threads;
    std::atomic<int> odd{0};
    for (int t = 0; t != 3; ++t)
        threads.emplace_back([&] {
            const auto r = test::get();
            for (int i = 0; i != 200; ++i) {
                const auto got =
                    client
                        .async_perform({&r, std::chrono::steady_clock::now() + std::chrono::microseconds(i)},
                                       boost::asio::use_future)
                        .get();
                odd += !(ok(got, "x") || code(got) == error::timeout);
            }
        });
    for (auto& t : threads) t.join();
    CHECK(odd == 0);
}

TEST_CASE("http client: it carries operations whose effects are exchanges, blocking and asynchronously") {
    scripted_server server([](const test::received_request&) { return answer::ok("x"); });
    caller call(way::callback, server);
    const auto r = test::get();
    CHECK(op::run(twice{&r}, call.client()).value() == 400);
    unsigned sum = 0;
    op::async_run(twice{&r}, call.client(), [&](error_code ec, unsigned got) { sum = ec ? 0 : got; });
    call.io().run();
    CHECK(sum == 400);
}
