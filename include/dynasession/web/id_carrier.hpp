#ifndef DYNASESSION_WEB_ID_CARRIER_HPP
#define DYNASESSION_WEB_ID_CARRIER_HPP

#include <dynasession/core/session_id.hpp>
#include <dynasession/web/cookie_options.hpp>
#include <dynasession/web/cookie_reader.hpp>
#include <dynasession/web/id_signer.hpp>
#include <dynasession/web/response_fields.hpp>
#include <dynasession/web/security_event.hpp>
#include <dynasession/web/session_manager_options.hpp>
#include <dynasession/web/set_cookie.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

namespace dynasession::inline v0::web_detail {

/// Finds the id in requests and puts it into responses, in a cookie or in a header field: the one that the options name.
class id_carrier {
public:
    using report = std::function<void(security_event, std::string_view)>;

    id_carrier(const session_manager_options& o)
        : transport_(validated(o.transport)), signer_(o.secrets, purpose()), report_(o.on_event) {}

    /// The name of the field of the request that may hold an id.
    std::string_view request_field() const noexcept {
        const auto* header = std::get_if<header_options>(&transport_);
        return header ? std::string_view(header->name) : "Cookie";
    }

    /// The id that a request brings in that field. Whether there is such a session, the store knows.
    std::optional<signed_id> read(std::string_view field) const {
        const auto* cookie = std::get_if<cookie_options>(&transport_);
        if (!cookie) return field.empty() ? std::nullopt : verified(field);
        const cookie_reader found(cookie->name, field);
        if (found.too_many()) tell(security_event::too_many_cookies);
        if (found.values().size() > 1) tell(security_event::several_cookies);
        for (const auto value : found.values())
            if (auto id = verified(value)) return id;
        return std::nullopt;
    }

    /// Whether clients are to keep every id for as long as its session lasts.
    bool persistent() const noexcept {
        const auto* cookie = std::get_if<cookie_options>(&transport_);
        return cookie && cookie->persistent;
    }

    /// Has the client keep this id: for so long, or until the browser ends.
    void give(response_fields& f, const session_id& id, std::optional<std::chrono::seconds> max_age) const {
        auto text = signer_.sign(id);
        const auto* cookie = std::get_if<cookie_options>(&transport_);
        put(f, cookie ? set_cookie(*cookie, text, max_age).value() : std::move(text));
    }

    /// Has the client forget its id.
    void take_away(response_fields& f) const {
        const auto* cookie = std::get_if<cookie_options>(&transport_);
        put(f, cookie ? remove_cookie(*cookie).value() : std::string());
    }

    void tell(security_event e, std::string_view who = {}) const {
        if (report_) report_(e, who);
    }
    void tell(security_event e, const session_id& id) const {
        if (report_) report_(e, id.loggable());
    }

private:
    // An id that was signed for one cookie is not good in another.
    std::string_view purpose() const noexcept {
        return std::visit([](const auto& options) { return std::string_view(options.name); }, transport_);
    }

    std::optional<signed_id> verified(std::string_view text) const {
        auto id = signer_.read(text);
        if (id) return *id;
        tell(id.error() == error::bad_signature ? security_event::bad_signature : security_event::malformed_id);
        return std::nullopt;
    }

    void put(response_fields& f, std::string value) const {
        f.carrier = std::holds_alternative<cookie_options>(transport_) ? "Set-Cookie" : request_field();
        f.id = std::move(value);
        f.has_id = true;
        f.cache_control = "no-store";
    }

    transport transport_;
    id_signer signer_;
    report report_;
};

} // namespace dynasession::inline v0::web_detail

#endif
