#ifndef DYNASESSION_SERIALIZER_JSON_HPP
#define DYNASESSION_SERIALIZER_JSON_HPP

#include <dynasession/core/concepts.hpp>
#include <dynasession/core/fields.hpp>
#include <dynasession/serializer/json_text.hpp>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>

#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace dynasession::inline v0 {

/// Keeps a JSON object, each top-level value as its JSON text, so that a save can send single keys.
///
/// Every value comes back exactly as it was: doubles to the last bit, 64-bit integers, any Unicode text.
class json_serializer {
public:
    using value_type = boost::json::object;

    json_serializer() = default;
    explicit json_serializer(const json_bounds& bounds) : bounds_(bounds) {}

    /// *Errors:* `not_serializable`: a text is not UTF-8, a number not finite, nesting, number of values or a key
    /// beyond the bounds; `item_too_large`: all of it is, with the size in the detail.
    result<fields> serialize(const value_type& value, serialize_context) const {
        const json_text_detail::checker storable(bounds_);
        std::vector<std::string> texts;
        texts.reserve(value.size());
        std::vector<field> entries;
        entries.reserve(value.size());
        std::size_t bytes = 0;
        for (const auto& member : value) {
            if (!storable.key(member.key()) || !storable(member.value())) return error::not_serializable;
            const auto& text = texts.emplace_back(boost::json::serialize(member.value()));
            entries.push_back({member.key(), text});
            bytes += member.key().size() + text.size();
        }
        if (bytes > bounds_.max_size)
            return failure(error::item_too_large, "the session takes " + std::to_string(bytes) + " bytes as JSON, more than " +
                                                      std::to_string(bounds_.max_size));
        return fields(std::move(entries));
    }

    /// *Errors:* `corrupt_session`.
    result<value_type> deserialize(const fields& entries, const session_id&) const {
        value_type value;
        const json_text_detail::checker storable(bounds_);
        for (const field f : entries) {
            if (f.binary || !storable.key(f.key) || f.text.size() > bounds_.max_size) return error::corrupt_session;
            auto parsed = parse_json(f.text, bounds_);
            if (!parsed) return std::move(parsed).error();
            value.emplace(f.key, *std::move(parsed));
        }
        return value;
    }

private:
    json_bounds bounds_;
};

/// Keeps a `T` through `boost::json::value_from` and `value_to`: a struct as an object with its members as keys.
///
/// `T` is described with BOOST_DESCRIBE_STRUCT, or has `tag_invoke` overloads for both directions. The conversion decides
/// what it takes: with BOOST_DESCRIBE_STRUCT a member that is missing in what is stored makes the session corrupt, so a
/// member that is added later needs a `tag_invoke` that knows what to do without it.
template <class T>
class json_serializer_for {
public:
    using value_type = T;

    json_serializer_for() = default;
    explicit json_serializer_for(const json_bounds& bounds) : json_(bounds) {}

    /// *Errors:* as json_serializer; `not_serializable` also when the `T` does not become a JSON object.
    result<fields> serialize(const T& value, serialize_context context) const {
        boost::json::value v;
        try {
            v = boost::json::value_from(value);
        } catch (const std::exception&) { // its text may hold what the session holds
            return failure(error::not_serializable, "the conversion of the typed session to JSON threw an exception");
        }
        const auto* object = v.if_object();
        if (!object) return failure(error::not_serializable, "the typed session does not convert to a JSON object");
        return json_.serialize(*object, context);
    }

    /// *Errors:* `corrupt_session`, also when what is stored does not convert to a `T`.
    result<T> deserialize(const fields& entries, const session_id& id) const {
        auto object = json_.deserialize(entries, id);
        if (!object) return std::move(object).error();
        auto value = boost::json::try_value_to<T>(boost::json::value(*std::move(object)));
        if (!value) return failure(error::corrupt_session, "the stored session does not convert to the session's type");
        return *std::move(value);
    }

private:
    json_serializer json_;
};

static_assert(check_serializer<json_serializer>());

} // namespace dynasession::inline v0

#endif
