#ifndef DYNASESSION_HTTP_CODEC_HPP
#define DYNASESSION_HTTP_CODEC_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/options.hpp>
#include <dynasession/http/message.hpp>
#include <dynasession/http/response_parser.hpp>
#include <dynasession/http/tls.hpp>

#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynasession::inline v0::http {

/// A proxy's tunnel, TLS and HTTP/1.1 of one connection, without the connection: bytes go in and out, one exchange
/// after the other.
///
/// Each call answers what has to happen next: `output()` has to be sent and `sent()` called, `input()` has to be
/// received into and `received()` called, or `answer()` is there.
class codec {
public:
    enum class need { send, receive, nothing };

    /// What is spoken.
    enum class stage {
        tunnel,    ///< with a proxy, about a way to the endpoint
        handshake, ///< of TLS
        exchanges,
    };

    /// `tls` = nullptr speaks plain HTTP. `connect_request` is what a proxy is told first, which has to outlive this
    /// object; empty = there is none.
    codec(const connection_options& limits, tls_context* tls, std::string_view connect_request = {})
        : limits_(&limits), connect_request_(connect_request) {
        if (tls) tls_.emplace(*tls);
        stage_ = connect_request.empty() ? behind_tunnel() : stage::tunnel;
    }

    /// Begins the next exchange, and before the first what has to precede it.
    need start(const request& message) {
        message_ = &message;
        answer_ = {};
        sent_ = answer_begun_ = reusable_ = false;
        in_begin_ = in_end_ = 0; // so that each answer comes to the same warm place
        begin_parsing();
        return proceed();
    }

    std::string_view output() const noexcept { return std::string_view(out_).substr(out_begin_); }

    need sent(std::size_t n) {
        out_begin_ += n;
        sent_ = sent_ || (n != 0 && stage_ == stage::exchanges);
        if (out_begin_ != out_.size()) return need::send;
        out_begin_ = 0;
        // A large request shall not occupy memory as long as the connection lives.
        if (out_.capacity() > 4 * buffer_size) out_ = {};
        out_.clear();
        return need::receive;
    }

    std::span<char> input() {
        if (tls_ && stage_ != stage::tunnel) {
            encrypted_in_.resize(buffer_size);
            return encrypted_in_;
        }
        return free_input();
    }

    /// `n` bytes came; 0 = the peer has closed the connection.
    need received(std::size_t n) {
        const bool eof = n == 0;
        if (stage_ == stage::tunnel) return hear_proxy(n);
        if (tls_ && !eof) tls_->put({encrypted_in_.data(), n});
        if (stage_ == stage::handshake) return eof ? fail(error::connection_closed) : shake_hands();
        return tls_ ? decrypt(eof) : parse(n, eof);
    }

    /// What is spoken now.
    stage at() const noexcept { return stage_; }

    /// Whether a byte of the request of this exchange went out.
    bool request_sent() const noexcept { return sent_; }

    /// Whether a byte of the answer came.
    bool answer_begun() const noexcept { return answer_begun_; }

    /// Whether another exchange may follow: the answer is complete, well-formed, nothing stands behind it, and
    /// both sides keep the connection.
    bool reusable() const noexcept { return reusable_; }

    /// Whether this connection resumed the TLS session of an earlier one.
    bool tls_resumed() const noexcept { return tls_ && tls_->resumed(); }

    result<response>& answer() noexcept { return answer_; }

private:
    static constexpr std::size_t buffer_size = 16 * 1024; // a TLS record

    void begin_parsing() {
        // What follows a proxy's consent belongs to the tunnel, and what follows its refusal is not read.
        parser_.emplace(*limits_, stage_ == stage::tunnel || message_->head.starts_with("HEAD "));
    }

    stage behind_tunnel() const noexcept { return tls_ ? stage::handshake : stage::exchanges; }

    need proceed() {
        if (stage_ == stage::exchanges) return begin_sending();
        if (stage_ == stage::handshake) return shake_hands();
        out_.append(connect_request_);
        return need::send;
    }

    need fail(failure f) {
        answer_ = std::move(f);
        reusable_ = false;
        return need::nothing;
    }

    need finish(bool reusable) {
        answer_ = parser_->release();
        reusable_ = reusable;
        return need::nothing;
    }

    need hear_proxy(std::size_t n) {
        if (parse(n, n == 0) == need::receive) return need::receive;
        if (!answer_) return need::nothing;
        if (const auto status = answer_->status; status / 100 != 2)
            return fail({status / 100 == 5 ? error::service_unavailable : error::proxy_refused,
                         "answered with status " + std::to_string(status)});
        // Nobody speaks before us in the tunnel: these are not the endpoint's bytes.
        if (in_begin_ != in_end_) return fail({error::malformed_response, "bytes behind the proxy's consent"});
        stage_ = behind_tunnel();
        answer_ = {};
        answer_begun_ = reusable_ = false;
        begin_parsing();
        return proceed();
    }

    need shake_hands() {
        const auto done = tls_->handshake();
        tls_->drain(out_);
        if (!done) return fail(done.error());
        if (*done) {
            stage_ = stage::exchanges;
            return begin_sending(); // our last handshake message travels with the request
        }
        return out_.empty() ? need::receive : need::send;
    }

    need begin_sending() {
        if (!tls_) {
            out_.append(message_->head).append(message_->body);
            return need::send;
        }
        for (const auto* part : {&message_->head, &message_->body})
            if (const auto written = tls_->write(*part); !written) return fail(written.error());
        tls_->drain(out_);
        return need::send;
    }

    std::span<char> free_input() {
        if (in_end_ == in_.size()) {
            if (in_begin_ == 0)
                in_.resize(std::max(buffer_size, 2 * in_.size()));
            else
                std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
            in_end_ -= std::exchange(in_begin_, 0);
        }
        return std::span(in_).subspan(in_end_);
    }

    need decrypt(bool eof) {
        for (;;) {
            const auto n = tls_->read(free_input());
            if (!n) return fail(n.error());
            const bool last = *n == 0;
            const auto next = parse(*n, last && (eof || tls_->peer_finished()));
            if (next != need::nothing && !last) continue;
            if (next == need::nothing) {
                if (reusable_) reusable_ = nothing_behind();
                return next;
            }
            tls_->drain(out_); // a key update wants an answer
            return out_.empty() ? need::receive : need::send;
        }
    }

    // Takes in session tickets that came with the answer, too.
    bool nothing_behind() {
        const auto n = tls_->read(free_input());
        tls_->drain(out_);
        return n && *n == 0 && !tls_->peer_finished() && out_.empty();
    }

    need parse(std::size_t n, bool eof) {
        in_end_ += n;
        answer_begun_ = answer_begun_ || n != 0;
        while (in_begin_ != in_end_) {
            const auto taken = parser_->put({in_.data() + in_begin_, in_end_ - in_begin_});
            if (!taken) return fail(taken.error());
            in_begin_ += *taken;
            if (!parser_->is_done()) break;
            const bool all_taken = in_begin_ == in_end_;
            if (!parser_->is_interim()) return finish(parser_->keep_alive() && all_taken && !eof);
            begin_parsing();
        }
        if (in_begin_ == in_end_) in_begin_ = in_end_ = 0;
        // What the parser does not take is a part of a header block or of the line before a chunk.
        if (in_end_ - in_begin_ > limits_->max_header_size)
            return fail({error::response_too_large, "the limit of the header was passed"});
        if (!eof) return need::receive;
        // Inside TLS an end without farewell may be an attacker's cut.
        if ((!tls_ || tls_->peer_finished()) && parser_->put_eof()) return finish(false);
        return fail(error::connection_closed);
    }

    const connection_options* limits_;
    std::string_view connect_request_;
    std::optional<tls_engine> tls_;
    stage stage_ = stage::exchanges;
    const request* message_ = nullptr;
    std::string out_;
    std::size_t out_begin_ = 0;
    std::vector<char> encrypted_in_;
    std::vector<char> in_;
    std::size_t in_begin_ = 0;
    std::size_t in_end_ = 0;
    std::optional<response_parser> parser_;
    bool sent_ = false;
    bool answer_begun_ = false;
    bool reusable_ = false;
    result<response> answer_;
};

} // namespace dynasession::inline v0::http

#endif
