#include "faults.hpp"

#include <climits>
#include <cstddef>
#include <string>

namespace faults {

namespace {

using test::answer;
using end = answer::ending;
using namespace std::chrono_literals;

constexpr int always = INT_MAX;

// Carried out, and this instead of the answer.
service::play carried_out_then(answer a) {
    return [a](service& s, const request& r) {
        s.answer_to(r);
        return a;
    };
}

service::play instead(answer a) {
    return [a](service&, const request&) { return a; };
}

// The answer, with a change.
template <class F>
service::play changed(F change) {
    return [change](service& s, const request& r) {
        auto a = s.answer_to(r);
        change(a);
        return a;
    };
}

void cut_in_half(answer& a) { a.cut_at = a.render().size() / 2; }

service::play half_then(end e) {
    return changed([e](answer& a) {
        cut_in_half(a);
        a.end = e;
    });
}

answer html() {
    return answer::with(502, "<html><body><h1>Bad gateway</h1></body></html>").header("Content-Type", "text/html");
}

void change_checksum(answer& a) {
    for (auto& [name, value] : a.headers)
        if (name == "x-amz-crc32") value = "1";
}

void flip_a_bit(answer& a) {
    char& middle = a.body[a.body.size() / 2];
    middle = static_cast<char>(middle ^ 1);
}

answer twice(service& s, const request& r) {
    auto first = s.answer_to(r);
    s.answer_to(r);
    return first;
}

answer later(service& s, const request& r) {
    s.lay_aside(r);
    return answer::nothing(end::reset);
}

answer delayed(service& s, const request& r) {
    auto a = s.answer_to(r);
    s.meanwhile();
    return a;
}

// By single bytes, so many that it takes seconds: none of them is late by itself.
void trickle_on(answer& a) {
    a.body.append(3'000'000, ' ');
    a.segment = 1;
}

void fill(answer& a) {
    a.body.append(4'000'000, ' ');
    a.frame = answer::framing::chunked;
    a.chunk_size = 100'000;
}

answer expired(service& s, const request& r) {
    s.revoke();
    return s.answer_to(r);
}

answer skewed(service& s, const request& r) {
    s.be_ahead(1h);
    return s.answer_to(r);
}

std::vector<fault> make() {
    using enum demand;
    const auto in_part = [](std::size_t bytes) { return changed([bytes](answer& a) { a.segment = bytes; }); };
    return {
        // not carried out
        {"reset-before", reconnect, instead(answer::nothing(end::reset))},
        {"html", again, instead(html())},
        {"500", again, instead(service::error(500, "InternalServerError"))},
        {"503", again, instead(answer::with(503, ""))},
        {"throttle", again, instead(service::error(400, "ProvisionedThroughputExceededException"))},
        {"throttling", again, instead(service::error(400, "ThrottlingException"))},
        {"conflict", again, instead(service::error(400, "TransactionConflictException"))},
        {"badhead", again, instead(answer::bytes("HTTP/1.1 2oo OK\r\nContent-Length: 2\r\n\r\n{}"))},
        // carried out, and the answer lost or spoilt
        {"reset-after", reconnect, carried_out_then(answer::nothing(end::reset))},
        {"close-after", reconnect, carried_out_then(answer::nothing(end::close))},
        {"truncate", again, half_then(end::close)},
        {"reset-mid", again, half_then(end::reset)},
        {"stall", again, carried_out_then(answer::nothing(end::stall)), 1, patience::short_attempts},
        {"stall-mid", again, half_then(end::stall), 1, patience::short_attempts},
        {"500-after", again, carried_out_then(service::error(500, "InternalServerError"))},
        {"crc", again, changed(change_checksum)},
        {"flip", again, changed(flip_a_bit)},
        {"garbage", again, carried_out_then(answer::ok("\x16\x03\x01 not what was asked for"))},
        {"empty", again, carried_out_then(answer::ok(""))},
        // carried out more than once
        {"dup", at_once, twice},
        {"late", reconnect, later, 1, patience::ample, nullptr, [](service& s) { s.deliver(); }},
        // slow, in pieces
        {"delay", at_once, delayed},
        {"trickle", at_once, in_part(1)},
        {"split", at_once, in_part(100)},
        {"chunked", at_once, changed([](answer& a) { a.frame = answer::framing::chunked, a.chunk_size = 7; })},
        // too slow, too much
        {"slow-trickle", fails, changed(trickle_on), always, patience::short_calls},
        {"huge", fails, changed(fill), always},
        // the connection, the credentials, the clock, the service itself
        {"idle-close", at_once, {}, 0, patience::ample, [](service& s) { s.restart(); }},
        {"expired", again, expired},
        {"skew", again, skewed},
        {"outage", fails, {}, 0, patience::ample, [](service& s) { s.stop(); }, [](service& s) { s.start(); }},
    };
}

} // namespace

const std::vector<fault>& all_faults() {
    static const auto all = make();
    return all;
}

} // namespace faults
