// What a GetItem costs above its system calls: the same exchange through raw sockets and through Boost.Beast, of bytes
// that are signed already, and through dynamodb::client with signing, serialising, the checksum, parsing and base64.

#include "beast_client.hpp"
#include "canned_server.hpp"
#include "raw_client.hpp"

#include <dynasession/detail/crc32.hpp>
#include <dynasession/dynamodb/client.hpp>

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace aws = dynasession::aws;
namespace dynamodb = dynasession::dynamodb;
using benchmarks::canned_server;
using dynamodb::attribute_value;

namespace {

const dynamodb::get_item_request get{.table_name = "sessions",
                                     .key = {{"id", attribute_value::string("0123456789abcdefghijkl")}},
                                     .consistent_read = true};

// 500 bytes of session data.
std::string answer() {
    const auto body =
        R"({"Item":{"id":{"S":"0123456789abcdefghijkl"},"data":{"B":")" + std::string(668, 'A') + R"("}}})";
    return canned_server::render(
        "Server: Server\r\nDate: Sun, 30 Aug 2015 12:36:00 GMT\r\nContent-Type: application/x-amz-json-1.0\r\n"
        "x-amzn-RequestId: 4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG\r\nx-amz-crc32: " +
            std::to_string(dynasession::detail::crc32(body)) + "\r\n",
        body);
}

void check(bool ok) {
    if (ok) return;
    std::fputs("the call failed\n", stderr);
    std::exit(1);
}

bool is_right(const dynamodb::get_item_response& r) {
    const auto* data = r.item ? r.item->find("data") : nullptr;
    return data && data->as_binary() && data->as_binary()->size() == 501;
}

// The bytes that the client sends, for the raw floor.
std::string request_bytes(const dynamodb::service& s) {
    dynamodb::call<dynamodb::get_item_request> call(s, get);
    const auto act = call.resume({}, dynasession::op::instant::now());
    const auto& message = *std::get<0>(act).message;
    return message.head + message.body;
}

struct chain {
    dynamodb::client& client;
    std::size_t left;
    void next() {
        if (left-- == 0) return;
        client.async_execute(get, [this](dynasession::error_code ec, const dynamodb::get_item_response& r) {
            check(!ec && is_right(r));
            next();
        });
    }
};

} // namespace

int main() {
    benchmarks::pin_to_one_core();
    const auto bytes = answer();
    canned_server server({{"GetItem", bytes}});
    const aws::credentials key("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    const dynamodb::service same{
        "127.0.0.1:" + std::to_string(server.port()), aws::signer("us-east-1", "dynamodb"), key, {}};
    const auto sent = request_bytes(same);
    benchmarks::raw_client raw(server.port(), sent, bytes.size());
    benchmarks::raw_client raw_epoll(server.port(), sent, bytes.size());

    const dynamodb::client_options options{
        .region = "us-east-1", .endpoint_url = "http://127.0.0.1:" + std::to_string(server.port()), .credentials = key};
    boost::asio::io_context io(1);
    benchmarks::beast_client beast(io, server.port(), sent);
    dynamodb::client blocking(options);
    dynamodb::client async(io.get_executor(), options);

    // The part that needs no socket: render, sign, check, decode.
    dynasession::http::response canned;
    canned.status = 200;
    canned.body = bytes.substr(bytes.find("\r\n\r\n") + 4);
    canned.add_header("x-amz-crc32", std::to_string(dynasession::detail::crc32(canned.body)));

    const auto times = benchmarks::measure({
        {"raw",
         [&](std::size_t n) {
             while (n--) raw.exchange();
         }},
        {"execute",
         [&](std::size_t n) {
             while (n--) check(is_right(blocking.execute(get)));
         }},
        {"raw + epoll",
         [&](std::size_t n) {
             while (n--) raw_epoll.exchange_with_epoll();
         }},
        {"async_execute",
         [&](std::size_t n) {
             chain all{async, n};
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
        {"no socket",
         [&](std::size_t n) {
             while (n--) {
                 dynamodb::call<dynamodb::get_item_request> call(same, get);
                 const auto now = dynasession::op::instant::now();
                 const auto asked = call.resume({}, now);
                 check(std::get<0>(asked).undamaged(canned));
                 check(is_right(*std::get<2>(call.resume(canned, now))->response));
             }
         }},
    });
    const double raw_us = times[0], execute = times[1], epoll_us = times[2], async_execute = times[3];
    const double beast_us = times[4], async_beast = times[5];
    std::printf("CPU of the client a GetItem, same core, median of rounds\n"
                "raw send/recv          %6.2f us  1.00\n"
                "Beast, pre-signed      %6.2f us  %.2f x raw\n"
                "execute                %6.2f us  %.2f x raw           %.2f x Beast\n"
                "raw + epoll            %6.2f us  1.00\n"
                "async Beast, the same  %6.2f us  %.2f x raw + epoll\n"
                "async_execute          %6.2f us  %.2f x raw + epoll   %.2f x async Beast\n"
                "of it without sockets  %6.2f us\n",
                raw_us, beast_us, beast_us / raw_us, execute, execute / raw_us, execute / beast_us, epoll_us,
                async_beast, async_beast / epoll_us, async_execute, async_execute / epoll_us,
                async_execute / async_beast, times[6]);
}
