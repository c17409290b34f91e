// What a session in memory costs, as a ratio to a sharded hash map that copies its strings out.
//
// Floor: 64 shards, each a mutex and a boost::unordered_flat_map<std::string, std::string>; no expiry, no versions, no
// bounds. 90 % loads, 10 % saves, 200 bytes of payload, ids of our length at random. Each variant runs in a process of
// its own, all of them in turn within each round; the figures are medians over the rounds of the threads' CPU time.
// Keys are made while the clock stands.
//
//     memory [rounds]

#include <dynasession/memory_session_store.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace ds = dynasession;
using namespace std::chrono_literals;

constexpr std::size_t batch = 1000;
const std::string payload(200, 'p');

// SplitMix64 (Steele, Lea, Flood 2014)
std::uint64_t scrambled(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

ds::session_id id_of(std::uint64_t number) {
    std::array<std::uint64_t, 4> words;
    for (std::uint64_t i = 0; i != words.size(); ++i) words[i] = scrambled(number * words.size() + i);
    std::array<unsigned char, sizeof words> bytes;
    std::memcpy(bytes.data(), words.data(), sizeof words);
    const auto text = ds::detail::base64url(bytes);
    return *ds::session_id::parse({text.data(), text.size()});
}

double thread_ns() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

double allocated_bytes() {
    const auto info = mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
}

void require(bool holds) {
    if (!holds) std::abort();
}

struct sharded_map {
    using key_type = std::string;
    static key_type key(std::uint64_t number) { return std::string(id_of(number).str()); }

    struct shard {
        std::mutex mutex;
        boost::unordered_flat_map<std::string, std::string> map;
    };
    std::unique_ptr<shard[]> shards = std::make_unique<shard[]>(64);

    shard& shard_of(const key_type& id) const {
        std::uint64_t bits;
        std::memcpy(&bits, id.data() + 8, sizeof bits);
        return shards[bits * 0x9e3779b97f4a7c15 >> 58];
    }
    void create(const key_type& id) {
        auto& s = shard_of(id);
        const std::scoped_lock lock(s.mutex);
        s.map.emplace(id, payload);
    }
    std::size_t load(const key_type& id) {
        auto& s = shard_of(id);
        const auto copy = [&] {
            const std::scoped_lock lock(s.mutex);
            return s.map.find(id)->second;
        }();
        return copy.size();
    }
    void save(const key_type& id) {
        auto& s = shard_of(id);
        const std::scoped_lock lock(s.mutex);
        s.map.find(id)->second = payload;
    }
};

const auto start = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());

struct backend {
    using key_type = ds::session_id;
    static key_type key(std::uint64_t number) { return id_of(number); }

    ds::memory_backend sessions{{.max_sessions = std::size_t(1) << 30, .max_bytes = std::size_t(1) << 40}};

    void create(const key_type& id, ds::time_point expires = start + 12h) {
        ds::record r;
        r.created = start;
        r.expires = expires;
        r.max_stale = 30min;
        r.version = 1;
        r.data.append({"data", payload});
        require(sessions.perform(ds::create_record{id, std::move(r)})->applied);
    }
    std::size_t load(const key_type& id) {
        const auto reply = sessions.perform(ds::load_record{id});
        return reply->item->data.bytes().size();
    }
    // A save is bound to the version that it goes on top of, so it has a load of its own here, which the floor has not.
    void save(const key_type& id, ds::time_point now = start) {
        for (;;) {
            const auto found = sessions.perform(ds::load_record{id});
            ds::change_record change{.id = id, .expires = start + 12h, .if_version = found->item->version, .now = now};
            change.changes.set.append({"data", payload});
            change.after = change.changes.set;
            if (sessions.perform(std::move(change))->applied) return;
        }
    }
};

struct whole_store {
    using key_type = ds::session_id;
    static key_type key(std::uint64_t number) { return id_of(number); }

    ds::memory_session_store store{{.max_sessions = std::size_t(1) << 30, .max_bytes = std::size_t(1) << 40}};

    void create(const key_type& id) {
        auto blank = store.create();
        auto stored = ds::session_access::stored(blank);
        boost::json::object value{{"data", payload}};
        auto s = ds::session_access::make(id, std::move(value), ds::loaded{std::move(stored)}, true);
        store.save(s);
    }
    std::size_t load(const key_type& id) { return store.load(id)->value().size(); }
    void save(const key_type& id) {
        auto s = store.load(id);
        auto& text = (*s)["data"].as_string();
        text[0] = text[0] == 'p' ? 'q' : 'p';
        store.save(*s);
    }
};

struct figures {
    double bytes = 0;
    double one_thread_ns = 0;
    double two_threads_ns = 0;
};

template <class Store>
double cpu_ns(Store& store, std::size_t sessions, std::uint64_t seed) {
    constexpr std::size_t batches = 300;
    std::vector<typename Store::key_type> keys(batch);
    double ns = 0;
    std::size_t seen = 0;
    for (std::size_t b = 0; b != batches; ++b) {
        for (auto& k : keys) k = Store::key(scrambled(++seed) % sessions);
        const double begin = thread_ns();
        for (std::size_t i = 0; i != batch; ++i) {
            if (i % 10 == 0)
                store.save(keys[i]);
            else
                seen += store.load(keys[i]);
        }
        ns += thread_ns() - begin;
    }
    require(seen != 0);
    return ns / (batches * batch);
}

template <class Store>
figures measure(std::size_t sessions) {
    figures f;
    const double before = allocated_bytes();
    Store store;
    for (std::size_t i = 0; i != sessions; ++i) store.create(Store::key(i));
    f.bytes = (allocated_bytes() - before) / static_cast<double>(sessions);
    f.one_thread_ns = cpu_ns(store, sessions, 1);
    double other_ns = 0;
    std::thread other([&] { other_ns = cpu_ns(store, sessions, std::uint64_t(1) << 40); });
    f.two_threads_ns = cpu_ns(store, sessions, std::uint64_t(1) << 41) / 2;
    other.join();
    f.two_threads_ns += other_ns / 2;
    return f;
}

// What it costs a save to reclaim one expired session in passing: with two to reclaim at each, less without any.
figures measure_reclaiming(std::size_t sessions) {
    backend store;
    for (std::size_t i = 0; i != sessions; ++i) store.create(id_of(i));
    const auto saves = [&](std::size_t count, ds::time_point now, std::uint64_t seed) {
        double ns = 0;
        std::vector<ds::session_id> keys(batch);
        for (std::size_t done = 0; done < count; done += batch) {
            for (auto& k : keys) k = id_of(scrambled(++seed) % sessions);
            const double begin = thread_ns();
            for (const auto& k : keys) store.save(k, now);
            ns += thread_ns() - begin;
        }
        return ns;
    };
    const std::size_t count = sessions / 4;
    for (std::size_t i = 0; i != 2 * count; ++i) store.create(id_of(sessions + i), start + 1h);
    const double without = saves(count, start, 1);
    const std::size_t before = store.sessions.size();
    const double with = saves(count, start + 1h, std::uint64_t(1) << 40);
    figures f;
    f.one_thread_ns = (with - without) / static_cast<double>(before - store.sessions.size());
    return f;
}

// In a process of its own, so that no variant finds memory as another one left it.
template <class Measure>
figures forked(Measure run) {
    int ends[2];
    require(pipe(ends) == 0);
    const pid_t child = fork();
    require(child >= 0);
    if (child == 0) {
        const figures f = run();
        _exit(write(ends[1], &f, sizeof f) == sizeof f ? 0 : 1);
    }
    close(ends[1]);
    figures f;
    require(read(ends[0], &f, sizeof f) == sizeof f);
    close(ends[0]);
    waitpid(child, nullptr, 0);
    return f;
}

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

struct variant {
    const char* name;
    figures (*run)(std::size_t sessions);
    std::vector<figures> rounds{};

    double of(double figures::*what) const {
        std::vector<double> values;
        for (const auto& f : rounds) values.push_back(f.*what);
        return median(std::move(values));
    }
};

// Pairs within a round share the weather on the machine, so the ratio is taken there.
double ratio(const variant& v, const variant& floor, double figures::*what) {
    std::vector<double> values;
    for (std::size_t i = 0; i != v.rounds.size(); ++i) values.push_back(v.rounds[i].*what / floor.rounds[i].*what);
    return median(std::move(values));
}

} // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
    bool gate_holds = true;
    for (const std::size_t sessions : {std::size_t(100'000), std::size_t(1'000'000)}) {
        std::array<variant, 4> variants{{{"flat map, 64 shards (floor)", measure<sharded_map>},
                                         {"memory_backend", measure<backend>},
                                         {"memory_session_store, JSON", measure<whole_store>},
                                         {"reclaiming one expired", measure_reclaiming}}};
        for (int round = 0; round != rounds; ++round)
            for (auto& v : variants) v.rounds.push_back(forked([&] { return v.run(sessions); }));

        std::printf("%zu sessions, 90 %% load / 10 %% save\n", sessions);
        std::printf("%-30s %8s %7s %8s %7s %9s %7s\n", "", "1T ns", "ratio", "2T ns", "ratio", "bytes", "ratio");
        const auto& floor = variants[0];
        for (const auto& v : {variants[0], variants[1], variants[2]})
            std::printf("%-30s %8.0f %7.2f %8.0f %7.2f %9.0f %7.2f\n", v.name, v.of(&figures::one_thread_ns),
                        ratio(v, floor, &figures::one_thread_ns), v.of(&figures::two_threads_ns),
                        ratio(v, floor, &figures::two_threads_ns), v.of(&figures::bytes),
                        ratio(v, floor, &figures::bytes));
        std::printf("%-30s %8.0f\n\n", variants[3].name, variants[3].of(&figures::one_thread_ns));
        gate_holds = gate_holds && ratio(variants[1], floor, &figures::one_thread_ns) <= 1.1;
    }
    std::printf("gate: memory_backend <= 1.10 of the floor, one thread: %s\n", gate_holds ? "holds" : "BROKEN");
    return gate_holds ? 0 : 1;
}
