#include "service.hpp"

#include "signature.hpp"

#include <dynasession/backend/native_layout.hpp>
#include <dynasession/detail/crc32.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <memory>
#include <utility>

namespace faults {

namespace {

std::string operation_of(const request& r) {
    const auto target = r.header("x-amz-target");
    return std::string(target.substr(std::min(target.find('.') + 1, target.size())));
}

unsigned attempt_of(const request& r) { // "attempt=2; max=4"
    return static_cast<unsigned>(std::atoi(std::string(r.header("amz-sdk-request").substr(8)).c_str()));
}

std::string http_date(std::chrono::sys_seconds t) {
    const std::time_t seconds = t.time_since_epoch().count();
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[40];
    return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %T GMT", &parts)};
}

test::answer answer_with(const verdict& v) {
    auto a = test::answer::with(v.status, json::serialize(v.body));
    a.header("Content-Type", "application/x-amz-json-1.0");
    a.header("x-amz-crc32", std::to_string(dynasession::detail::crc32(a.body)));
    return a;
}

std::string secret_of(int number) { return "secret" + std::to_string(number); }

} // namespace

void service::meet(play p, int times, int after) {
    const std::lock_guard lock(mutex_);
    play_ = std::move(p);
    plays_left_ = times;
    plays_after_ = after;
}

test::answer service::serve(const request& r) {
    play now;
    {
        const std::lock_guard lock(mutex_);
        arrivals_.push_back({operation_of(r), std::string(r.header("amz-sdk-invocation-id")), attempt_of(r)});
        if (plays_after_ > 0)
            --plays_after_;
        else if (plays_left_ > 0 && plays_left_-- > 0)
            now = play_;
    }
    return now ? now(*this, r) : answer_to(r);
}

test::answer service::answer_to(const request& r) {
    const std::lock_guard lock(mutex_);
    auto a = perform(r);
    a.header("Date", http_date(now()));
    return a;
}

// Under the lock.
test::answer service::perform(const request& r) try {
    if (auto no = refused(r)) return *std::move(no);
    return answer_with(table_.carry_out(operation_of(r), json::parse(r.body).as_object()));
} catch (const std::exception& e) {
    problems_.push_back(operation_of(r) + ": " + e.what() + ": " + r.body);
    return error(400, "ValidationException");
}

std::optional<test::answer> service::refused(const request& r) const {
    using namespace std::chrono_literals;
    const signature its(r);
    const int number = std::atoi(its.key_id().substr(4).c_str());
    if (!its.is_that_of(secret_of(number))) throw not_modelled("the signature");
    if (std::chrono::abs(its.date() - now()) > 5min) return error(400, "RequestTimeTooSkewed");
    const int first = accepted_count_ ? issued_ - *accepted_count_ + 1 : first_accepted_;
    if (number < first) return error(400, "ExpiredTokenException");
    return std::nullopt;
}

test::answer service::error(unsigned status, std::string_view name) {
    auto v = verdict::error(name);
    v.status = status;
    return answer_with(v);
}

void service::lay_aside(const request& r) {
    const std::lock_guard lock(mutex_);
    aside_.push_back(r);
}

void service::deliver() {
    const std::lock_guard lock(mutex_);
    for (const auto& r : std::exchange(aside_, {})) perform(r);
}

std::function<dynasession::aws::credentials()> service::source() {
    return [this, asked = std::make_shared<std::atomic<bool>>(false)] {
        const bool twice = asked->exchange(true);
        auto issued = issue();
        if (twice) {
            const std::lock_guard lock(mutex_);
            problems_.push_back("a source of credentials was asked by two threads at once");
        }
        *asked = false;
        return issued;
    };
}

dynasession::aws::credentials service::issue() {
    using namespace std::chrono;
    const std::lock_guard lock(mutex_);
    const auto number = std::to_string(++issued_);
    std::optional<dynasession::aws::credentials::time_point> expires;
    if (life_) expires = floor<milliseconds>(system_clock::now()) + *life_;
    return {"AKID" + number, secret_of(issued_), "token" + number, expires};
}

void service::let_credentials_live(std::chrono::milliseconds life) {
    const std::lock_guard lock(mutex_);
    life_ = life;
}

void service::revoke() {
    const std::lock_guard lock(mutex_);
    first_accepted_ = issued_ + 1;
}

void service::accept_the_last(int count) {
    const std::lock_guard lock(mutex_);
    accepted_count_ = count;
}

void service::be_ahead(std::chrono::seconds by) {
    const std::lock_guard lock(mutex_);
    ahead_ = by;
}

std::chrono::sys_seconds service::now() const {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + ahead_;
}

void service::begin_counting() {
    const std::lock_guard lock(mutex_);
    arrivals_.clear();
    applied_before_ = table_.applied();
    changes_before_ = table_.changes();
}

std::optional<json::object> service::item(const dynasession::session_id& id) const {
    const std::lock_guard lock(mutex_);
    const auto* found = table_.find(dynasession::native_layout{}.key_text(id));
    return found ? std::optional(*found) : std::nullopt;
}

} // namespace faults
