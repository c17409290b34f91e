#include "bench.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace faults;
using contract::call_style;
using ds::condition;
using ds::error;

namespace {

constexpr std::array modes{call_style::error_code, call_style::callback};

/// Where an operation meets with a fault.
struct place {
    call_style style = call_style::error_code;
    abilities can{};
    bool kept = true; ///< the connection; else a new one is needed
    int request = 0;  ///< so many requests of the operation come before
    bool counts_attempts = true;
};

/// What is not as demanded; empty if the cell holds.
class findings {
public:
    void expect(bool holds, const std::string& what) {
        if (!holds) text_ << (text_.tellp() == 0 ? "" : "; ") << what;
    }
    std::string text() const { return text_.str(); }

private:
    std::ostringstream text_;
};

template <class Number>
std::string counted(const char* what, Number n) {
    return what + (": " + std::to_string(n));
}

std::string said(const ds::result<void>& r) {
    return r ? "done" : r.error().code.message() + " (" + r.error().detail + ")";
}

// The numbers of the attempts of the call that met with the fault.
std::vector<unsigned> attempts_of(const std::vector<arrival>& all, std::size_t met) {
    std::vector<unsigned> found;
    for (const auto& a : all)
        if (met < all.size() && a.call == all[met].call) found.push_back(a.attempt);
    return found;
}

bool as_demanded(const std::vector<unsigned>& attempts, const fault& f, bool kept) {
    using list = std::vector<unsigned>;
    if (f.limits == patience::short_attempts) return attempts.size() >= 2 && attempts.back() >= 2;
    if (f.demanded == demand::at_once) return attempts == list{1};
    return attempts == (f.demanded == demand::reconnect && kept ? list{1, 1} : list{1, 2});
}

bool tells_why(const ds::result<void>& r, const operation& op, const fault& f) {
    if (r) return false;
    if (f.name == "outage") return r.error() == condition::unavailable;
    if (op.tells_unknown) return r.error() == error::outcome_unknown;
    return f.name == "huge" ? r.error() == error::response_too_large : r.error() == error::timeout;
}

/// Has one operation meet with one fault.
std::string meet(const operation& op, const fault& f, const place& where) {
    findings found;
    bench b(op.lock, where.style, f.limits, where.can);
    op.prepare(b);
    if (!where.kept) b.db.restart();
    const int keys = b.db.issued();
    b.db.begin_counting();
    if (f.before) f.before(b.db);
    b.db.meet(f.play, f.times, where.request);
    const auto outcome = op.run(b);
    b.db.behave();
    if (f.after) f.after(b.db);

    const bool carried_out = f.name != "outage";
    const int changes = where.can.transactions ? op.changes : op.changes_in_steps;
    const bool in_steps = changes > 1; // the last of which is a deletion
    found.expect(f.demanded == demand::fails ? tells_why(outcome, op, f) : outcome.has_value(), said(outcome));
    found.expect(b.db.changes() == (carried_out ? changes : 0), counted("changes", b.db.changes()));
    found.expect(op.repeatable || in_steps || b.db.applied() == b.db.changes(), counted("times that the condition held", b.db.applied()));
    if (f.demanded != demand::fails) {
        const auto met = static_cast<std::size_t>(where.request);
        if (where.counts_attempts) {
            found.expect(as_demanded(attempts_of(b.db.arrivals(), met), f, where.kept || met != 0),
                         "another number of attempts");
            found.expect(b.db.issued() - keys == (f.name == "expired"), counted("new credentials", b.db.issued() - keys));
        }
        found.expect(op.is_done(b), "the session is not as it should be");
    } else if (!carried_out) {
        found.expect(op.run(b).has_value(), "fails after the outage");
        found.expect(op.is_done(b), "the session is not as it should be after the outage");
    }
    found.expect(b.store->load(ds::session_id::generate(), contract::mode::read_only).has_value(), "the next call fails");
    for (const auto& problem : b.db.problems()) found.expect(false, problem);
    return found.text();
}

std::string named(const operation& op, const fault& f, const place& where) {
    std::ostringstream text;
    text << op.name << " meets with " << f.name << " in request " << where.request << ", " << to_text(where.style)
         << (where.kept ? "" : ", on a new connection") << (where.can.transactions ? "" : ", at an emulator");
    return std::move(text).str();
}

/// Counts the cells of a matrix, and says at its end how many held.
class tally {
public:
    explicit tally(const char* what) : what_(what) {}
    ~tally() { std::cout << what_ << ": " << held_ << " of " << cells_ << " cells hold\n"; }
    tally(const tally&) = delete;
    tally& operator=(const tally&) = delete;

    void check(const operation& op, const fault& f, const place& where) {
        const auto wrong = meet(op, f, where);
        ++cells_;
        held_ += wrong.empty();
        CHECK_MESSAGE(wrong.empty(), named(op, f, where) << ": " << wrong);
    }

private:
    const char* what_;
    int cells_ = 0, held_ = 0;
};

// Those that do not wait for the end of a time limit.
bool is_quick(const fault& f) { return f.limits == patience::ample; }

// How many requests an operation makes on a good day.
int requests_of(const operation& op, abilities can) {
    bench b(op.lock, call_style::error_code, patience::ample, can);
    op.prepare(b);
    b.db.begin_counting();
    REQUIRE(op.run(b).has_value());
    return static_cast<int>(b.db.arrivals().size());
}

// One after the other, to two requests in a row.
fault both(const fault& first, const fault& second) {
    const auto met = std::make_shared<std::atomic<int>>(0);
    return {first.name + " and then " + second.name, demand::again,
            [=](service& s, const request& r) { return (met->fetch_add(1) == 0 ? first : second).play(s, r); }, 2,
            patience::ample, nullptr, [](service& s) { s.deliver(); }};
}

} // namespace

TEST_CASE("fault matrix: every operation meets with every fault") {
    tally all("fault matrix");
    for (const auto& op : all_operations())
        for (const auto& f : all_faults())
            for (const auto style : modes) all.check(op, f, {.style = style});
}

TEST_CASE("fault matrix: on a new connection") {
    tally all("fault matrix, on a new connection");
    for (const auto& op : all_operations())
        for (const auto& f : all_faults())
            for (const auto style : modes)
                if (is_quick(f)) all.check(op, f, {.style = style, .kept = false});
}

TEST_CASE("fault matrix: at a service that neither returns the old item nor knows transactions, in every request") {
    tally all("fault matrix, at an emulator");
    for (const auto& op : all_operations()) {
        const int requests = requests_of(op, abilities::none());
        for (const auto& f : all_faults()) {
            // Which of several steps are left out when the service fails for good is no matter of this table.
            if (!is_quick(f) || (requests > 1 && f.demanded == demand::fails)) continue;
            for (const auto style : modes)
                for (int i = 0; i != requests; ++i)
                    all.check(op, f, {.style = style, .can = abilities::none(), .request = i});
        }
    }
}

TEST_CASE("fault matrix: two faults in a row") {
    tally all("fault matrix, two faults in a row");
    // One of each kind. Not twice: credentials that are refused are fetched anew once a call.
    constexpr std::string_view kinds[] = {"reset-before", "throttle", "reset-after", "truncate", "500-after",
                                          "crc",          "dup",      "late",        "expired",  "skew"};
    for (const auto& op : all_operations())
        for (const auto& first : all_faults())
            for (const auto& second : all_faults())
                if (std::ranges::count(kinds, first.name) && std::ranges::count(kinds, second.name) &&
                    !(first.name == "expired" && second.name == "expired"))
                    all.check(op, both(first, second), {.counts_attempts = false});
}
