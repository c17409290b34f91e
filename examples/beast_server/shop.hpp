#ifndef BEAST_SERVER_SHOP_HPP
#define BEAST_SERVER_SHOP_HPP

#include "http.hpp"
#include "pages.hpp"
#include "server.hpp"

#include <dynasession/core/session.hpp>
#include <dynasession/core/session_handle.hpp>
#include <dynasession/core/session_id.hpp>
#include <dynasession/web/beast.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace demo {

namespace ds = dynasession;

/// A shop for visitors who say their name: all that this example does with sessions.
///
/// A visitor has a session from the log-in to the log-out. Handlers load it, change it, and return: the session manager
/// saves it before the answer leaves. Other requests of the session, here or on another server, wait meanwhile
/// (pessimistic_lock), so of any number of simultaneous clicks none is lost.
template <class Store>
class shop {
public:
    /// `backend` says where the sessions are, for people. The manager has to outlive the shop.
    shop(ds::session_manager<Store>& web, std::string backend) : web_(web), backend_(std::move(backend)) {}

    /// Answers any request, and throws nothing.
    boost::asio::awaitable<answer> handle(const request& r) {
        using boost::beast::http::field;
        answer a;
        try {
            a.message = co_await ds::serve_with_session(web_, r, [&](visit& v) -> boost::asio::awaitable<response> {
                response made = co_await route(r, v);
                if (v.get()) a.session = v->id().loggable(); // the id itself is as good as a password
                co_return made;
            });
            const bool is_ours = a.message[field::content_type].empty();
            if (!is_ours) a.message.body() = pages::notice({backend_}, "Just a moment", a.message.body());
        } catch (const std::exception& e) {
            std::cerr << std::string("beast_server: ") + e.what() + '\n';
            a.message = notice(status::internal_server_error, "Internal error", "Something went wrong here.");
        }
        a.message.set(field::content_type, "text/html; charset=utf-8");
        // Pages change with the session, and after the log-out nobody is to see them by the back button (see pages.cpp).
        a.message.set(field::cache_control, "no-store");
        a.message.set("Content-Security-Policy", pages::content_security_policy());
        a.message.set("X-Content-Type-Options", "nosniff");
        a.message.set("Referrer-Policy", "no-referrer");
        co_return a;
    }

private:
    using visit = ds::web_session<Store>;
    using result = boost::asio::awaitable<response>;
    using field = boost::beast::http::field;
    using status = boost::beast::http::status;
    using verb = boost::beast::http::verb;

    // ---- which handler

    struct entry {
        std::string_view path;
        verb method;
        bool members_only; // the handler finds a session, and a form has its token
        result (shop::*run)(const request&, visit&);
    };

    result route(const request& r, visit& v) {
        static constexpr std::array<entry, 10> entries{{
            {"/", verb::get, false, &shop::front_page},
            {"/login", verb::post, false, &shop::log_in},
            {"/logout", verb::post, true, &shop::log_out},
            {"/count", verb::post, true, &shop::count},
            {"/cart/add", verb::post, true, &shop::add_to_cart},
            {"/cart/remove", verb::post, true, &shop::remove_from_cart},
            {"/devices", verb::get, true, &shop::devices},
            {"/devices/end", verb::post, true, &shop::end_device},
            {"/devices/end-others", verb::post, true, &shop::end_other_devices},
            {"/devices/end-all", verb::post, true, &shop::end_all_devices},
        }};
        std::string_view path(r.target().data(), r.target().size());
        path = path.substr(0, path.find('?'));
        const auto* found = std::ranges::find(entries, path, &entry::path);
        if (found == entries.end()) co_return notice(status::not_found, "Not found", "There is no such page here.");

        const bool is_form = found->method == verb::post;
        if (r.method() != found->method && (is_form || r.method() != verb::head)) {
            response refused = notice(status::method_not_allowed, "Method not allowed", "This address is used in another way.");
            refused.set(field::allow, is_form ? "POST" : "GET, HEAD");
            co_return refused;
        }
        if (is_form && !comes_from_here(r)) co_return forbidden();
        if (found->members_only) {
            // The cookie stays even if its session is gone: a log-in in another tab may just be replacing it.
            if (!co_await v.async_load()) co_return see_other("/");
            if (is_form && !has_token_of(*v, r)) co_return forbidden();
        }
        co_return co_await (this->*found->run)(r, v);
    }

    // Forms carry the token of the session, but at the log-in there is none yet: browsers tell who asks.
    static bool comes_from_here(const request& r) {
        const auto from = r["Sec-Fetch-Site"];
        return from.empty() || from == "same-origin" || from == "none";
    }

    // Another site can have the browser send the cookie, but it cannot read the token from our page.
    static bool has_token_of(const ds::session& s, const request& r) {
        const auto expected = s.get<std::string>("token");
        const auto given = form_field(r.body(), "token");
        return expected && given && given->size() == expected->size() &&
               CRYPTO_memcmp(given->data(), expected->data(), expected->size()) == 0;
    }

    // ---- log-in and log-out

    result log_in(const request& r, visit& v) {
        const std::string name = trimmed(form_field(r.body(), "name").value_or(""));
        if (name.empty() || name.size() > max_name_size || !is_utf8(name))
            co_return page(status::bad_request, pages::log_in({backend_}, "Please enter a name of up to 40 characters."));

        co_await v.async_start();
        v.log_in(name, device_name(r[field::user_agent]));
        v->set("token", ds::session_id::generate().str());
        v.flash("notice", "You are logged in.");
        co_return see_other("/");
    }

    result log_out(const request&, visit& v) {
        v.log_out();
        co_return see_other("/?goodbye"); // no session is left that could hold a message
    }

    // ---- the shop

    result front_page(const request& r, visit& v) {
        if (r.method() == verb::head) {
            co_await v.async_load(ds::read_only);
            v.abandon(); // what it would have counted
        } else {
            co_await v.async_load();
        }
        if (!v.get()) {
            const bool goodbye = r.target().ends_with("?goodbye");
            co_return page(status::ok, pages::log_in({.backend = backend_, .notice = goodbye ? "You are logged out." : ""}));
        }
        add(*v, "visits", 1);
        pages::shelf shown{.user = std::string(v->user()), .visits = number(*v, "visits"), .clicks = number(*v, "clicks")};
        std::ranges::transform(pages::catalogue, shown.amounts.begin(),
                               [&](const pages::product& p) { return number(*v, cart_key(p)); });
        shown.cart_notice = v.take_flash("cart").value_or("");
        shown.created = v->created();
        shown.expires = v->expires();
        shown.deadline = v->deadline();
        shown.saves = v->version();
        co_return page(status::ok, pages::shop(frame_of(v), shown));
    }

    result count(const request&, visit& v) {
        add(*v, "clicks", 1);
        co_return see_other("/");
    }

    result add_to_cart(const request& r, visit& v) { return change_cart(r, v, 1); }
    result remove_from_cart(const request& r, visit& v) { return change_cart(r, v, -1); }

    result change_cart(const request& r, visit& v, std::int64_t amount) {
        const auto item = form_field(r.body(), "item").value_or("");
        const auto* product = std::ranges::find(pages::catalogue, item, &pages::product::key);
        if (product == pages::catalogue.end()) co_return bad_request("There is no such item.");
        add(*v, cart_key(*product), amount);
        v.flash("cart", std::string(product->name) + (amount > 0 ? " added." : " removed."));
        co_return see_other("/#cart");
    }

    // ---- the sessions of one user

    result devices(const request&, visit& v) {
        const auto here = ds::session_handle::of(v->id());
        std::vector<pages::device> list;
        for (const auto& s : co_await web_.store().async_sessions_of(user_of(v)))
            list.push_back({.handle = std::string(s.handle.str()),
                            .name = s.device,
                            .since = std::chrono::floor<std::chrono::seconds>(s.since),
                            .last_seen = s.last_seen,
                            .is_this_one = s.handle == here});
        co_return page(status::ok, pages::devices(frame_of(v), list));
    }

    result end_device(const request& r, visit& v) {
        const auto handle = ds::session_handle::parse(form_field(r.body(), "device").value_or(""));
        if (!handle) co_return bad_request("There is no such device.");
        if (*handle == ds::session_handle::of(v->id())) co_return co_await log_out(r, v);
        // Only a session of this very user ends, whatever handle the form has.
        const bool ended = co_await web_.store().async_destroy_one_of(user_of(v), *handle);
        v.flash("notice", ended ? "That device is logged out." : "That device was logged out already.");
        co_return see_other("/devices");
    }

    result end_other_devices(const request&, visit& v) {
        v.flash("notice", "All your other devices are logged out.");
        co_await web_.store().async_destroy_others_of(user_of(v), *v);
        co_return see_other("/devices");
    }

    result end_all_devices(const request& r, visit& v) {
        co_await web_.store().async_destroy_all_of(user_of(v));
        co_return co_await log_out(r, v);
    }

    // ---- what is in a session

    static std::string user_of(visit& v) { return std::string(v->user()); }

    static std::int64_t number(const ds::session& s, std::string_view key) {
        return s.get<std::int64_t>(key).value_or(0);
    }

    static void add(ds::session& s, std::string_view key, std::int64_t amount) {
        const std::int64_t sum = number(s, key) + amount;
        s.set(key, key.starts_with(cart_prefix) ? std::clamp(sum, std::int64_t(0), pages::max_amount) : sum);
    }

    static std::string cart_key(const pages::product& p) { return std::string(cart_prefix) + std::string(p.key); }

    static std::string trimmed(const std::string& text) {
        const auto first = text.find_first_not_of(" \t\r\n");
        return first == text.npos ? "" : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
    }

    static bool is_utf8(const std::string& text) {
        boost::system::error_code ec;
        boost::json::parse(boost::json::serialize(boost::json::value(text)), ec); // takes no other text
        return !ec;
    }

    // ---- answers

    pages::frame frame_of(visit& v) const {
        return {.backend = backend_,
                .token = v->template get<std::string>("token").value_or(""),
                .notice = v.take_flash("notice").value_or("")};
    }

    static response page(status st, std::string html) {
        response made;
        made.result(st);
        made.body() = std::move(html);
        return made;
    }

    response notice(status st, std::string_view title, std::string_view text) const {
        return page(st, pages::notice({backend_}, title, text));
    }

    response bad_request(std::string_view text) const { return notice(status::bad_request, "Bad request", text); }

    response forbidden() const {
        return notice(status::forbidden, "Forbidden",
                      "This request did not come from a page of this server. Load the page again.");
    }

    static response see_other(std::string_view target) {
        response made;
        made.result(status::see_other);
        made.set(field::location, boost::beast::string_view(target.data(), target.size()));
        return made;
    }

    static constexpr std::size_t max_name_size = 160; // 40 characters of up to 4 bytes
    static constexpr std::string_view cart_prefix = "cart.";

    ds::session_manager<Store>& web_;
    std::string backend_;
};

} // namespace demo

#endif
