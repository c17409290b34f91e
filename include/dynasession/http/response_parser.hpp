#ifndef DYNASESSION_HTTP_RESPONSE_PARSER_HPP
#define DYNASESSION_HTTP_RESPONSE_PARSER_HPP

#include <dynasession/core/error.hpp>
#include <dynasession/core/options.hpp>
#include <dynasession/http/message.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

namespace dynasession::inline v0::http {

/// Turns bytes into one `response`: Beast's parser, without Beast's one allocation a header field.
class response_parser final : private boost::beast::http::basic_parser<false> {
    using base = boost::beast::http::basic_parser<false>;

public:
    /// `bodiless` = the answer to a HEAD request.
    explicit response_parser(const connection_options& limits, bool bodiless = false) {
        header_limit(static_cast<std::uint32_t>(limits.max_header_size));
        body_limit(limits.max_body_size);
        eager(true);
        skip(bodiless);
    }

    /// Takes what it can of `bytes` and tells how many that were; the rest has to be given again, with more behind it.
    ///
    /// *Errors:* `error::malformed_response`, `error::response_too_large`.
    result<std::size_t> put(std::string_view bytes) {
        error_code ec;
        const auto taken = base::put(boost::asio::buffer(bytes), ec);
        if (ec && ec != boost::beast::http::error::need_more) return explain(ec);
        return taken;
    }

    /// The connection has ended, properly: whether that completes the answer.
    bool put_eof() {
        error_code ec;
        if (got_some()) base::put_eof(ec);
        return got_some() && !ec;
    }

    bool is_done() const { return base::is_done(); }
    bool keep_alive() const { return base::keep_alive(); }

    /// Whether the finished answer is an interim one (1xx) and another follows.
    bool is_interim() const noexcept { return response_.status / 100 == 1; }

    response release() noexcept { return std::move(response_); }

private:
    using error_type = boost::beast::error_code;
    using text = boost::beast::string_view;

    static failure explain(const error_code& ec) {
        using boost::beast::http::error;
        if (ec == error::header_limit || ec == error::body_limit)
            return {v0::error::response_too_large,
                    "the limit of the " + std::string(ec == error::body_limit ? "body" : "header") + " was passed"};
        return {v0::error::malformed_response, "not HTTP: " + ec.message()};
    }

    void on_request_impl(boost::beast::http::verb, text, text, int, error_type&) override {}
    void on_response_impl(int status, text, int, error_type& ec) override {
        response_.status = static_cast<unsigned>(status);
        response_.reserve_headers(512);
        // Nobody asked to switch the protocol; what follows would not be HTTP.
        if (status < 100 || status == 101) ec = boost::beast::http::error::bad_status;
    }
    void on_field_impl(boost::beast::http::field, text name, text value, error_type&) override {
        response_.add_header({name.data(), name.size()}, {value.data(), value.size()});
    }
    void on_header_impl(error_type&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_type&) override {
        // A promise of many bytes alone shall not cost memory.
        if (length) response_.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*length, 1 << 20)));
    }
    std::size_t on_body_impl(text bytes, error_type&) override {
        response_.body.append(bytes.data(), bytes.size());
        return bytes.size();
    }
    void on_chunk_header_impl(std::uint64_t, text, error_type&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, text bytes, error_type&) override {
        response_.body.append(bytes.data(), bytes.size());
        return bytes.size();
    }
    void on_finish_impl(error_type&) override {}

    response response_;
};

} // namespace dynasession::inline v0::http

#endif
