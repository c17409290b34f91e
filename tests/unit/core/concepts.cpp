#include <dynasession/core/concepts.hpp>

#include <dynasession/op/action.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/system_executor.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace ds = dynasession;

namespace {

// ---- The least that is a Backend: start a new one from here. ----

struct backend_archetype {
    struct options_type {};
    using executor_type = boost::asio::any_io_executor;

    explicit backend_archetype(options_type = {}) {}
    backend_archetype(const backend_archetype&) = delete;
    backend_archetype& operator=(const backend_archetype&) = delete;

    ds::op::instant now() const { return ds::op::instant::now(); }
    ds::result<ds::reply> perform(ds::command) { return ds::error::service_unavailable; }
    template <class Token>
    auto async_perform(ds::command c, Token&& token) {
        return boost::asio::async_initiate<Token, void(ds::result<ds::reply>)>(
            [this](auto handler, ds::command asked) {
                boost::asio::post(boost::asio::append(std::move(handler), perform(std::move(asked))));
            },
            token, std::move(c));
    }
    void wait(std::chrono::milliseconds) {}
    executor_type get_executor() { return boost::asio::system_executor(); }
};
static_assert(ds::check_backend<backend_archetype>());
static_assert(ds::backend<backend_archetype>);

// Each of these lacks one thing: what a derived class names anew hides what the archetype has.
using a = backend_archetype;

struct without_clock : a {
    using a::a;
    int now() const;
};
struct with_changing_clock : a {
    using a::a;
    ds::op::instant now();
};
struct without_perform : a {
    using a::a;
    void perform();
};
struct performing_without_failure : a {
    using a::a;
    ds::reply perform(ds::command);
};
struct without_async_perform : a {
    using a::a;
    void async_perform(ds::command);
};
struct without_wait : a {
    using a::a;
    void wait();
};
struct without_executor : a {
    using a::a;
    void get_executor();
};
struct without_executor_type : a {
    using a::a;

private:
    using executor_type = void;
};
struct without_options_type : a {
    using a::a;

private:
    using options_type = void;
};
struct with_options_without_defaults : a {
    struct options_type {
        explicit options_type(int);
    };
    explicit with_options_without_defaults(options_type);
};
struct not_made_of_its_options : a {};

static_assert(!ds::has_clock<without_clock> && !ds::backend<without_clock>);
static_assert(!ds::has_clock<with_changing_clock> && !ds::backend<with_changing_clock>);
static_assert(!ds::has_perform<without_perform> && !ds::backend<without_perform>);
static_assert(!ds::has_perform<performing_without_failure> && !ds::backend<performing_without_failure>);
static_assert(!ds::has_async_perform<without_async_perform> && !ds::backend<without_async_perform>);
static_assert(!ds::has_wait<without_wait> && !ds::backend<without_wait>);
static_assert(!ds::has_executor<without_executor> && !ds::backend<without_executor>);
static_assert(!ds::has_executor<without_executor_type> && !ds::backend<without_executor_type>);
static_assert(!ds::has_options<without_options_type> && !ds::backend<without_options_type>);
static_assert(!ds::has_options<with_options_without_defaults> && !ds::backend<with_options_without_defaults>);
static_assert(!ds::has_options<not_made_of_its_options> && !ds::backend<not_made_of_its_options>);
static_assert(!ds::backend<int>);

// A near-miss lacks its one thing only, so that the message names that one.
static_assert(ds::has_clock<without_perform> && ds::has_async_perform<without_perform> &&
              ds::has_wait<without_perform> && ds::has_executor<without_perform> && ds::has_options<without_perform>);
static_assert(ds::has_perform<not_made_of_its_options> && ds::has_clock<not_made_of_its_options>);

// ---- The least that is a Backend which knows users ----

struct user_backend_archetype : a {
    using a::a;
    bool lists_users() const { return true; }
};
static_assert(ds::check_user_backend<user_backend_archetype>());
static_assert(ds::user_backend<user_backend_archetype>);

struct listing_only_when_changing : a {
    using a::a;
    bool lists_users();
};
struct listing_something_else : a {
    using a::a;
    int lists_users() const;
};
static_assert(!ds::has_users<a> && ds::backend<a> && !ds::user_backend<a>);
static_assert(!ds::has_users<listing_only_when_changing> && !ds::user_backend<listing_only_when_changing>);
static_assert(!ds::has_users<listing_something_else> && !ds::user_backend<listing_something_else>);
static_assert(!ds::user_backend<int>);

// ---- The least that is a LockPolicy ----

template <class T>
struct operation_archetype {
    using effect_type = ds::command;
    using reply_type = ds::result<ds::reply>;
    using value_type = T;

    ds::op::action<ds::command, T> resume(ds::result<ds::reply>, ds::op::instant) { return ds::result<T>(); }
};
static_assert(ds::op::operation<operation_archetype<ds::saved>>);

using loading = operation_archetype<std::optional<ds::loaded>>;
using saving = operation_archetype<ds::saved>;

struct lock_policy_archetype {
    loading load(const ds::session_id&, ds::read_write_t) const { return {}; }
    loading load(const ds::session_id&, ds::read_only_t) const { return {}; }
    saving save(ds::save_request) const { return {}; }
    saving touch(ds::save_request) const { return {}; }
    template <class Rebind>
    saving regenerate(ds::save_request, const ds::session_id&, Rebind) const {
        return {};
    }
};
static_assert(ds::check_lock_policy<lock_policy_archetype>());
static_assert(ds::lock_policy<lock_policy_archetype>);
static_assert(!ds::can_load<lock_policy_archetype, ds::exclusive_t> &&
              !ds::exclusive_lock_policy<lock_policy_archetype>);

struct never_copied : lock_policy_archetype {
    never_copied(const never_copied&) = delete;
};
struct without_load : lock_policy_archetype {
    saving load(const ds::session_id&, ds::read_write_t) const;
};
struct loading_without_access : lock_policy_archetype {
    loading load(const ds::session_id&) const;
};
struct loading_to_write_alone : lock_policy_archetype {
    loading load(const ds::session_id&, ds::read_write_t) const;
};
struct loading_to_read_alone : lock_policy_archetype {
    loading load(const ds::session_id&, ds::read_only_t) const;
};
struct loading_bare_records : lock_policy_archetype {
    template <ds::access Access>
    operation_archetype<std::optional<ds::record>> load(const ds::session_id&, Access) const;
};
struct without_save : lock_policy_archetype {
    loading save(ds::save_request) const;
};
struct without_touch : lock_policy_archetype {
    void touch(ds::save_request) const;
};
struct without_regenerate : lock_policy_archetype {
    saving regenerate(ds::save_request, const ds::session_id&) const;
};
struct changing_with_each_save : lock_policy_archetype {
    saving save(ds::save_request);
};
struct operation_with_other_effects : saving {
    using effect_type = int;
};
struct operation_with_other_replies : saving {
    using reply_type = ds::reply;
};
struct with_other_effects : lock_policy_archetype {
    operation_with_other_effects save(ds::save_request) const;
};
struct with_other_replies : lock_policy_archetype {
    operation_with_other_replies save(ds::save_request) const;
};

static_assert(!ds::lock_policy<never_copied> && ds::has_load<never_copied>);
static_assert(!ds::has_load<without_load> && !ds::lock_policy<without_load>);
static_assert(!ds::has_load<loading_without_access> && !ds::lock_policy<loading_without_access>);
static_assert(!ds::has_load<loading_bare_records> && !ds::lock_policy<loading_bare_records>);
static_assert(ds::can_load<loading_to_write_alone, ds::read_write_t> &&
              !ds::can_load<loading_to_write_alone, ds::read_only_t> && !ds::lock_policy<loading_to_write_alone>);
static_assert(ds::can_load<loading_to_read_alone, ds::read_only_t> &&
              !ds::can_load<loading_to_read_alone, ds::read_write_t> && !ds::lock_policy<loading_to_read_alone>);
static_assert(!ds::has_save<without_save> && !ds::lock_policy<without_save>);
static_assert(!ds::has_touch<without_touch> && !ds::lock_policy<without_touch>);
static_assert(!ds::has_regenerate<without_regenerate> && !ds::lock_policy<without_regenerate>);
static_assert(!ds::has_save<changing_with_each_save> && !ds::lock_policy<changing_with_each_save>);
static_assert(!ds::has_save<with_other_effects> && !ds::lock_policy<with_other_effects>);
static_assert(!ds::has_save<with_other_replies> && !ds::lock_policy<with_other_replies>);
static_assert(!ds::lock_policy<int>);

// ---- The least that is a LockPolicy that locks ----

using keeping = operation_archetype<void>;

struct exclusive_archetype : lock_policy_archetype {
    using lock_policy_archetype::load;
    loading load(const ds::session_id&, ds::exclusive_t) const { return {}; }
    saving release(ds::save_request) const { return {}; }
    saving renew(ds::save_request) const { return {}; }
    keeping keep(const ds::session_id&, const std::shared_ptr<ds::lock_hold>&, std::shared_ptr<ds::op::event>) const {
        return {};
    }
};
static_assert(ds::check_lock_policy<exclusive_archetype>());
static_assert(ds::exclusive_lock_policy<exclusive_archetype>);

struct without_exclusive_load : exclusive_archetype {
    using lock_policy_archetype::load;
};
struct without_release : exclusive_archetype {
    saving release() const;
};
struct releasing_without_session : exclusive_archetype {
    keeping release(ds::save_request) const;
};
struct without_renew : exclusive_archetype {
    saving renew(ds::session_id) const;
};
struct without_keep : exclusive_archetype {
    keeping keep(const ds::session_id&, const std::shared_ptr<ds::lock_hold>&) const;
};
struct keeping_for_a_session : exclusive_archetype {
    saving keep(const ds::session_id&, const std::shared_ptr<ds::lock_hold>&, std::shared_ptr<ds::op::event>) const;
};

// Each is a LockPolicy all the same.
template <class P>
constexpr bool does_not_lock = ds::lock_policy<P> && !ds::exclusive_lock_policy<P>;
static_assert(does_not_lock<without_exclusive_load> && !ds::can_load<without_exclusive_load, ds::exclusive_t>);
static_assert(does_not_lock<without_release>);
static_assert(does_not_lock<releasing_without_session>);
static_assert(does_not_lock<without_renew>);
static_assert(does_not_lock<without_keep>);
static_assert(does_not_lock<keeping_for_a_session>);

static_assert(ds::access<ds::read_write_t> && ds::access<ds::read_only_t> && ds::access<ds::exclusive_t>);
static_assert(!ds::access<int> && !ds::access<const ds::read_only_t&>);

// ---- The least that is a Serializer ----

struct serializer_archetype {
    using value_type = int;

    ds::result<ds::fields> serialize(const int&, ds::serialize_context) const { return ds::fields(); }
    ds::result<int> deserialize(const ds::fields&, const ds::session_id&) const { return 0; }
};
static_assert(ds::check_serializer<serializer_archetype>());
static_assert(ds::serializer<serializer_archetype>);

struct never_copied_either : serializer_archetype {
    never_copied_either(const never_copied_either&) = delete;
};
struct without_value_type {
    ds::result<ds::fields> serialize(const int&, ds::serialize_context) const;
    ds::result<int> deserialize(const ds::fields&, const ds::session_id&) const;
};
struct no_default {
    explicit no_default(int);
};
struct with_value_without_default {
    using value_type = no_default;
    ds::result<ds::fields> serialize(const no_default&, ds::serialize_context) const;
    ds::result<no_default> deserialize(const ds::fields&, const ds::session_id&) const;
};
struct without_serialize : serializer_archetype {
    ds::result<ds::fields> serialize(const int&) const;
};
struct without_deserialize : serializer_archetype {
    ds::result<int> deserialize(const ds::fields&) const;
};
struct deserializing_without_failure : serializer_archetype {
    int deserialize(const ds::fields&, const ds::session_id&) const;
};
struct changing_as_it_serializes : serializer_archetype {
    ds::result<ds::fields> serialize(const int&, ds::serialize_context);
};

static_assert(!ds::serializer<never_copied_either> && ds::has_serialize<never_copied_either>);
static_assert(!ds::has_value_type<without_value_type> && !ds::serializer<without_value_type>);
static_assert(!ds::has_value_type<with_value_without_default> && ds::has_serialize<with_value_without_default> &&
              ds::has_deserialize<with_value_without_default> && !ds::serializer<with_value_without_default>);
static_assert(!ds::has_serialize<without_serialize> && !ds::serializer<without_serialize>);
static_assert(!ds::has_deserialize<without_deserialize> && !ds::serializer<without_deserialize>);
static_assert(!ds::has_deserialize<deserializing_without_failure> && !ds::serializer<deserializing_without_failure>);
static_assert(!ds::has_serialize<changing_as_it_serializes> && !ds::serializer<changing_as_it_serializes>);
static_assert(!ds::serializer<int>);

// What some serializers have beside.
struct binding_archetype : serializer_archetype {
    static constexpr bool binds_to_id = true;
};
struct not_binding : serializer_archetype {
    static constexpr bool binds_to_id = false;
};
struct renewing_archetype : serializer_archetype {
    bool same(const ds::field&, const ds::field&, const ds::session_id&) const;
};
struct changing_as_it_compares : serializer_archetype {
    bool same(const ds::field&, const ds::field&, const ds::session_id&);
};
static_assert(ds::binding_serializer<binding_archetype> && !ds::renewing_serializer<binding_archetype>);
static_assert(ds::renewing_serializer<renewing_archetype> && !ds::binding_serializer<renewing_archetype>);
static_assert(!ds::binding_serializer<not_binding> && !ds::binding_serializer<serializer_archetype>);
static_assert(!ds::renewing_serializer<changing_as_it_compares> && !ds::renewing_serializer<serializer_archetype>);

} // namespace

TEST_CASE("the archetypes meet the requirements when they run, too") {
    backend_archetype b;
    CHECK(b.perform(ds::load_record{}).error() == ds::error::service_unavailable);
    CHECK(b.now().system.time_since_epoch().count() > 0);
    const lock_policy_archetype policy;
    auto load = policy.load({}, ds::read_only);
    CHECK(std::get<2>(load.resume({}, {})).has_value());
    auto move = policy.regenerate({}, {}, ds::concepts_detail::keep_fields{});
    CHECK(std::get<2>(move.resume({}, {})).has_value());
    const exclusive_archetype locking;
    auto keep = locking.keep({}, {}, {});
    CHECK(std::get<2>(keep.resume({}, {})).has_value());
    const serializer_archetype s;
    CHECK(s.deserialize(s.serialize(1, {{}, {}}).value(), {}).value() == 0);
}
