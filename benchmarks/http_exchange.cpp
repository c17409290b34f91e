// What one HTTP exchange costs above its system calls: the same bytes through raw sockets, through Boost.Beast and
// through http::client.

#include "beast_client.hpp"
#include "canned_server.hpp"
#include "raw_client.hpp"

#include <dynasession/http/client.hpp>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

namespace http = dynasession::http;
using benchmarks::canned_server;
using namespace std::chrono_literals;

namespace {

http::request get_item(std::uint16_t port) {
    http::request r;
    r.body =
        R"({"TableName":"sessions","Key":{"id":{"S":"0123456789abcdefghijkl"}},"ConsistentRead":true,"ReturnConsumedCapacity":"NONE"})";
    r.head = "POST / HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
             "\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Date: 20150830T123600Z\r\n"
             "X-Amz-Target: DynamoDB_20120810.GetItem\r\nAuthorization: AWS4-HMAC-SHA256 "
             "Credential=AKIDEXAMPLE/20150830/us-east-1/dynamodb/aws4_request, "
             "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=" +
             std::string(64, 'a') +
             "\r\nAccept-Encoding: identity\r\nContent-Length: " + std::to_string(r.body.size()) + "\r\n\r\n";
    return r;
}

std::string get_item_answer() {
    return canned_server::render(
        "Server: Server\r\nDate: Sun, 30 Aug 2015 12:36:00 GMT\r\nContent-Type: application/x-amz-json-1.0\r\n"
        "x-amzn-RequestId: 4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG\r\nx-amz-crc32: 2745614147\r\n",
        R"({"Item":{"id":{"S":"0123456789abcdefghijkl"},"data":{"B":")" + std::string(668, 'A') + R"("}}})");
}

void check(const http::reply& r) {
    if (r.answer && r.answer->status == 200) return;
    std::fprintf(stderr, "exchange failed: %s\n", r.answer ? "status" : r.answer.error().code.message().c_str());
    std::exit(1);
}

} // namespace

int main() {
    benchmarks::pin_to_one_core();
    const auto answer = get_item_answer();
    canned_server server({{"GetItem", answer}});
    const auto request = get_item(server.port());
    const auto bytes = request.head + request.body;
    const http::endpoint target{.tls = false, .host = "127.0.0.1", .port = server.port()};

    benchmarks::raw_client raw(server.port(), bytes, answer.size());
    benchmarks::raw_client raw_epoll(server.port(), bytes, answer.size());
    boost::asio::io_context io(1);
    benchmarks::beast_client beast(io, server.port(), bytes);
    http::client blocking(target);
    http::client async(io.get_executor(), target);

    const auto times = benchmarks::measure({
        {"raw send/recv",
         [&](std::size_t n) {
             while (n--) raw.exchange();
         }},
        {"client.perform",
         [&](std::size_t n) {
             while (n--) check(blocking.perform({&request, std::chrono::steady_clock::now() + 2s}));
         }},
        {"raw + epoll",
         [&](std::size_t n) {
             while (n--) raw_epoll.exchange_with_epoll();
         }},
        {"client.async_perform",
         [&](std::size_t n) {
             struct chain {
                 http::client& c;
                 const http::request& r;
                 std::size_t left;
                 void next() {
                     if (left-- == 0) return;
                     c.async_perform({&r, std::chrono::steady_clock::now() + 2s}, [this](const http::reply& answered) {
                         check(answered);
                         next();
                     });
                 }
             } all{async, request, n};
             all.next();
             io.restart();
             io.run();
         }},
        {"Beast",
         [&](std::size_t n) {
             while (n--) beast.exchange();
         }},
        {"Beast, asynchronous",
         [&](std::size_t n) {
             benchmarks::beast_chain all{beast, n};
             all.next();
             io.restart();
             io.run();
         }},
    });
    const double raw_us = times[0], perform = times[1], epoll_us = times[2], async_perform = times[3];
    const double beast_us = times[4], async_beast = times[5];
    std::printf("CPU of the client an exchange, same core, median of rounds\n"
                "raw send/recv          %6.2f us  1.00\n"
                "Beast                  %6.2f us  %.2f x raw\n"
                "client.perform         %6.2f us  %.2f x raw           %.2f x Beast\n"
                "raw + epoll            %6.2f us  1.00\n"
                "async Beast            %6.2f us  %.2f x raw + epoll\n"
                "client.async_perform   %6.2f us  %.2f x raw + epoll   %.2f x async Beast\n",
                raw_us, beast_us, beast_us / raw_us, perform, perform / raw_us, perform / beast_us, epoll_us,
                async_beast, async_beast / epoll_us, async_perform, async_perform / epoll_us,
                async_perform / async_beast);
}
