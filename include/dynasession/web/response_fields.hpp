#ifndef DYNASESSION_WEB_RESPONSE_FIELDS_HPP
#define DYNASESSION_WEB_RESPONSE_FIELDS_HPP

#include <string>
#include <string_view>

namespace dynasession::inline v0 {

/// The header fields that a response needs because of its session; those without a value are left out.
///
/// *Lifetimes:* valid as long as the manager.
struct response_fields {
    std::string_view carrier{};       ///< the name of the field that carries the id: `Set-Cookie`, or that of the options
    std::string id{};                 ///< its value
    bool has_id = false;              ///< a header field is emptied to take the id away, a cookie is not
    std::string_view cache_control{}; ///< an answer with an id is for nobody else (CVE-2023-30861)
    std::string_view vary{};          ///< what else the answer depends on, to be added to what stands there

    /// Calls `set(name, value)` for `Cache-Control` and the field of the id, and `add(name, value)` for `Vary`.
    template <class Set, class Add>
    void apply(Set set, Add add) const {
        if (has_id) set(carrier, std::string_view(id));
        if (!cache_control.empty()) set(std::string_view("Cache-Control"), cache_control);
        if (!vary.empty()) add(std::string_view("Vary"), vary);
    }
};

} // namespace dynasession::inline v0

#endif
