#ifndef BEAST_SERVER_SHOP_HPP
#define BEAST_SERVER_SHOP_HPP

#include "http.hpp"
#include "pages.hpp"
#include "server.hpp"

#include <dynasession/core/error.hpp>
#include <dynasession/core/session.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/system/system_error.hpp>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace demo {

namespace ds = dynasession;

/// A shop for visitors who say their name: all that this example does with sessions.
///
/// A visitor has a session from the log-in to the log-out. Whatever changes one goes through `async_update`: it loads,
/// changes and saves, all of it again when another request, here or on another server, was faster. So of any number
/// of simultaneous clicks none is lost, and that without a lock. Loading, changing and saving by three calls would not
/// promise as much: of two saves of the same key, the later one stays.
template <class Store>
class shop {
public:
    /// `backend` says where the sessions are, for people. The store has to outlive the shop.
    shop(Store& store, session_cookie cookie, std::string backend)
        : store_(store), cookie_(std::move(cookie)), backend_(std::move(backend)) {}

    /// Answers any request, and throws nothing.
    boost::asio::awaitable<answer> handle(const request& r) {
        answer a;
        try {
            a = co_await route(r);
        } catch (const boost::system::system_error& e) {
            a = failed(e.code());
        } catch (const std::exception& e) {
            std::cerr << std::string("beast_server: ") + e.what() + '\n';
            a = notice(status::internal_server_error, "Internal error", "Something went wrong here. Please try again.");
        }
        using boost::beast::http::field;
        a.message.set(field::content_type, "text/html; charset=utf-8");
        // Pages change with the session, and after the log-out nobody is to see them by the back button.
        a.message.set(field::cache_control, "no-store");
        a.message.set("Content-Security-Policy", pages::content_security_policy());
        a.message.set("X-Content-Type-Options", "nosniff");
        a.message.set("Referrer-Policy", "no-referrer");
        co_return a;
    }

private:
    using status = boost::beast::http::status;
    using verb = boost::beast::http::verb;

    boost::asio::awaitable<answer> route(const request& r) {
        struct entry {
            std::string_view path;
            bool reads;
            boost::asio::awaitable<answer> (shop::*run)(const request&);
        };
        static constexpr std::array<entry, 6> entries{{{"/", true, &shop::front_page},
                                                       {"/login", false, &shop::log_in},
                                                       {"/logout", false, &shop::log_out},
                                                       {"/count", false, &shop::count},
                                                       {"/cart/add", false, &shop::add_to_cart},
                                                       {"/cart/remove", false, &shop::remove_from_cart}}};
        std::string_view path(r.target().data(), r.target().size());
        path = path.substr(0, path.find('?'));
        const auto* found = std::ranges::find(entries, path, &entry::path);
        if (found == entries.end()) co_return notice(status::not_found, "Not found", "There is no such page here.");

        const bool right_method =
            found->reads ? r.method() == verb::get || r.method() == verb::head : r.method() == verb::post;
        if (!right_method) {
            answer a = notice(status::method_not_allowed, "Method not allowed", "This address is used in another way.");
            a.message.set(boost::beast::http::field::allow, found->reads ? "GET, HEAD" : "POST");
            co_return a;
        }
        // Forms carry the token of the session, but at the log-in there is none yet: browsers tell who asks.
        const auto from = r["Sec-Fetch-Site"];
        if (r.method() == verb::post && !from.empty() && from != "same-origin" && from != "none") co_return forbidden();
        co_return co_await (this->*found->run)(r);
    }

    boost::asio::awaitable<answer> front_page(const request& r) {
        const auto id = cookie_.read(r);
        if (!id) co_return page(status::ok, pages::log_in(backend_));
        std::optional<ds::session> s;
        if (r.method() == verb::head)
            s = co_await store_.async_load(*id);
        else
            s = co_await store_.async_update(*id, [](ds::session& x) { add(x, "visits", 1); });
        // The cookie stays even if its session is gone: a log-in in another tab may just be replacing it.
        if (!s) co_return page(status::ok, pages::log_in(backend_));
        co_return with(*s, page(status::ok, pages::shop(backend_, visit_of(*s))));
    }

    boost::asio::awaitable<answer> log_in(const request& r) {
        const std::string name = trimmed(form_field(r.body(), "name").value_or(""));
        if (name.empty() || name.size() > max_name_size)
            co_return page(status::bad_request, pages::log_in(backend_, "Please enter a name of up to 40 characters."));

        auto s = co_await load(r);
        if (s)
            s->clear();
        else
            s = store_.create();
        s->set("user", name);
        s->set("token", ds::session_id::generate().str());
        // Whoever knew the id before the log-in, because it was given to the victim, must not know it afterwards.
        co_await store_.async_regenerate(*s);

        answer a = with(*s, see_other("/"));
        a.message.set(boost::beast::http::field::set_cookie, cookie_.set(s->id()));
        co_return a;
    }

    boost::asio::awaitable<answer> log_out(const request& r) {
        const auto s = co_await load(r);
        if (s && !has_token_of(*s, r)) co_return with(*s, forbidden());
        answer a = see_other("/");
        if (s) {
            co_await store_.async_destroy(s->id());
            a = with(*s, std::move(a));
        }
        a.message.set(boost::beast::http::field::set_cookie, cookie_.remove());
        co_return a;
    }

    boost::asio::awaitable<answer> count(const request& r) {
        return change(r, "/", [](ds::session& s) { add(s, "clicks", 1); });
    }
    boost::asio::awaitable<answer> add_to_cart(const request& r) { return change_cart(r, 1); }
    boost::asio::awaitable<answer> remove_from_cart(const request& r) { return change_cart(r, -1); }

    boost::asio::awaitable<answer> change_cart(const request& r, std::int64_t amount) {
        const auto item = form_field(r.body(), "item").value_or("");
        const auto* product = std::ranges::find(pages::catalogue, item, &pages::product::key);
        if (product == pages::catalogue.end())
            co_return notice(status::bad_request, "Bad request", "There is no such item.");
        co_return co_await change(r, "/#cart", [=](ds::session& s) { add(s, cart_key(*product), amount); });
    }

    // Changes the session that the request belongs to, and leads the browser to the changed page.
    template <class Change>
    boost::asio::awaitable<answer> change(const request& r, std::string_view page, Change apply) {
        const auto id = cookie_.read(r);
        if (!id) co_return see_other("/");
        bool genuine = false;
        const auto s = co_await store_.async_update(*id, [&](ds::session& x) {
            genuine = has_token_of(x, r);
            if (genuine) apply(x);
            return genuine;
        });
        if (!s) co_return see_other("/");
        co_return with(*s, genuine ? see_other(page) : forbidden());
    }

    boost::asio::awaitable<std::optional<ds::session>> load(const request& r) {
        const auto id = cookie_.read(r);
        if (!id) co_return std::nullopt;
        co_return co_await store_.async_load(*id);
    }

    // Another site can have the browser send the cookie, but it cannot read the token from our page.
    static bool has_token_of(const ds::session& s, const request& r) {
        const auto expected = s.get<std::string>("token");
        const auto given = form_field(r.body(), "token");
        return expected && given && given->size() == expected->size() &&
               CRYPTO_memcmp(given->data(), expected->data(), expected->size()) == 0;
    }

    static void add(ds::session& s, std::string_view key, std::int64_t amount) {
        const std::int64_t sum = number(s, key) + amount;
        s.set(key, key.starts_with(cart_prefix) ? std::clamp(sum, std::int64_t(0), pages::max_amount) : sum);
    }

    static std::int64_t number(const ds::session& s, std::string_view key) {
        return s.get<std::int64_t>(key).value_or(0);
    }

    static std::string cart_key(const pages::product& p) { return std::string(cart_prefix) + std::string(p.key); }

    static pages::visit visit_of(const ds::session& s) {
        pages::visit v{.user = s.get<std::string>("user").value_or(""),
                       .token = s.get<std::string>("token").value_or(""),
                       .visits = number(s, "visits"),
                       .clicks = number(s, "clicks"),
                       .created = s.created(),
                       .expires = s.expires(),
                       .deadline = s.deadline(),
                       .saves = s.version()};
        for (std::size_t i = 0; i < pages::catalogue.size(); ++i)
            v.amounts[i] = number(s, cart_key(pages::catalogue[i]));
        return v;
    }

    static std::string trimmed(const std::string& text) {
        const auto first = text.find_first_not_of(" \t\r\n");
        return first == text.npos ? "" : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
    }

    // ---- answers

    static answer page(status st, std::string html) {
        answer a;
        a.message.result(st);
        a.message.body() = std::move(html);
        return a;
    }

    answer notice(status st, std::string_view title, std::string_view text) const {
        return page(st, pages::notice(backend_, title, text));
    }

    answer forbidden() const {
        return notice(status::forbidden, "Forbidden",
                      "This request did not come from a page of this server. Load the page again.");
    }

    static answer see_other(std::string_view target) {
        answer a;
        a.message.result(status::see_other);
        a.message.set(boost::beast::http::field::location, boost::beast::string_view(target.data(), target.size()));
        return a;
    }

    static answer with(const ds::session& s, answer a) {
        a.session = s.id().loggable(); // the id itself is as good as a password
        return a;
    }

    // A session that could not be read is not an empty one: nothing is shown, nothing written, and the cookie is kept.
    answer failed(ds::error_code ec) const {
        if (ec == ds::error::session_gone) return see_other("/"); // logged out in another tab meanwhile
        if (ec == ds::error::not_serializable)
            return notice(status::bad_request, "Bad request", "Names are text in UTF-8.");
        std::cerr << "session store: " + ec.message() + '\n';
        answer a = notice(status::service_unavailable, "Just a moment",
                          "The sessions cannot be reached right now. Yours is not lost: try again in a few seconds.");
        a.message.set(boost::beast::http::field::retry_after, "5");
        return a;
    }

    static constexpr std::size_t max_name_size = 160; // 40 characters of up to 4 bytes
    static constexpr std::string_view cart_prefix = "cart.";

    Store& store_;
    session_cookie cookie_;
    std::string backend_;
};

} // namespace demo

#endif
