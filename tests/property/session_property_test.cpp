// SPDX-License-Identifier: MIT
//
// Two sessions under random calls, links and clocks: what must hold after every single step.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <utility>
#include <vector>

#include "duality/random.hpp"
#include "duality/session.hpp"
#include "support/counting_allocator.hpp"
#include "support/session_pair.hpp"

using namespace duality;
using namespace duality::literals;
using test::bytes;
using test::payload_of;

namespace {

std::atomic<std::uint64_t> heap_calls{0};

void* from_heap(std::size_t size) {
    ++heap_calls;
    void* memory = std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr) std::abort();
    return memory;
}

}  // namespace

// The whole program's heap, counted. The aligned forms, which `allocator::system` uses, call none of these.
void* operator new(std::size_t size) {
    return from_heap(size);
}
void* operator new[](std::size_t size) {
    return from_heap(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return from_heap(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return from_heap(size);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace {

constexpr std::uint64_t metered_cap = 60'000;
constexpr std::uint32_t around = 28;  ///< bytes around each datagram
constexpr path_id metered_path = 1;
constexpr path_id paced_path = 2;  ///< metered too, a tenth of the day's bytes at once
constexpr path_id second_free_path = 3;
constexpr std::uint64_t paced_cap = 200'000;

/// FNV-1a over everything a session said.
class digest {
public:
    void add(std::uint64_t value) noexcept {
        for (int i = 0; i < 8; ++i) {
            value_ = (value_ ^ (value & 0xFF)) * 0x100000001B3u;
            value >>= 8;
        }
    }
    void add(byte_view data) noexcept {
        for (const std::uint8_t b : data) value_ = (value_ ^ b) * 0x100000001B3u;
    }
    [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

private:
    std::uint64_t value_ = 0xCBF29CE484222325u;
};

struct datagram {
    instant arrival;
    path_id path = 0;
    bytes data;
};

/// A random world, the same for the same seed. `hostile`: datagrams are damaged and forged too, which a path with
/// authentication would not let through; then bytes may be wrong and only the caps and the life cycle are checked.
class world {
public:
    world(std::uint64_t seed, bool hostile) : random_{seed}, hostile_{hostile}, config_{draw_config()} {
        const bool second_free = random_.chance(0.5);
        for (std::size_t e = 0; e < 2; ++e) {
            session_config config = config_;
            if (config.epoch != 0) config.epoch += static_cast<std::uint32_t>(e);
            result<session> made = session::create(config, allocator::system());
            REQUIRE(made.has_value());
            ends_[e] = std::make_unique<session>(std::move(made).value());
            REQUIRE(ends_[e]->add_path(now_, 0, {}) == status::ok);
            REQUIRE(ends_[e]->add_path(now_, metered_path, metered()) == status::ok);
            REQUIRE(ends_[e]->add_path(now_, paced_path, paced()) == status::ok);
            if (second_free) REQUIRE(ends_[e]->add_path(now_, second_free_path, {}) == status::ok);
        }
        loss_ = random_.uniform(0, 0.3);
        repeat_ = random_.uniform(0, 0.3);
        jitter_us_ = random_.below(40'000);
    }

    void run(int steps) {
        for (int i = 0; i < steps; ++i) {
            step();
            check();
        }
        settle();
    }

    [[nodiscard]] std::uint64_t hash() const noexcept { return digest_.value(); }
    [[nodiscard]] std::uint64_t events() const noexcept { return events_[0].size() + events_[1].size(); }
    [[nodiscard]] std::uint64_t delivered() const noexcept { return delivered_[0].size() + delivered_[1].size(); }

private:
    session_config draw_config() {
        session_config c;
        c.max_payload = 200;
        c.max_streams = 3;
        c.protected_packets = random_.chance(0.5) ? 16 : 64;
        c.receive_packets = random_.chance(0.5) ? 32 : 256;
        c.queue = random_.chance(0.3) ? 16 : 128;
        c.overhead_cap_bp = static_cast<std::uint32_t>(random_.below(3'000));
        c.control_share_bp = static_cast<std::uint32_t>(random_.below(std::uint64_t{c.overhead_cap_bp} + 1));
        c.parity = random_.chance(0.7);
        c.reactive = random_.chance(0.7);
        c.second_path = random_.chance(0.7);
        c.stream.mode = draw_mode();
        c.events = random_.chance(0.7);
        if (random_.chance(0.4)) c.epoch = 1 + static_cast<std::uint32_t>(random_.below(1'000'000));
        if (random_.chance(0.2)) c.close_timeout = duration::from_ms(static_cast<std::int64_t>(random_.below(300)));
        if (random_.chance(0.3)) c.stream.late = late_policy::deliver;
        if (random_.chance(0.2)) c.control.law = control_law::reference;
        if (random_.chance(0.2)) c.hold.hold_min = c.hold.hold_max = c.hold.hold_initial = duration::zero();
        c.sync_clock = random_.chance(0.5);
        if (random_.chance(0.2)) c.hold.mode = playout_mode::deadline;
        return c;
    }
    stream_mode draw_mode() { return static_cast<stream_mode>(random_.chance(0.5) ? 0 : random_.below(3)); }
    static path_config paced() {
        return {.cost = cost_class::metered, .budget = {.day_bytes = paced_cap, .ahead_bp = 1'000}};
    }
    static path_config metered() {
        return {.cost = cost_class::metered, .budget = {.day_bytes = metered_cap, .month_bytes = metered_cap}};
    }

    void step() {
        const std::size_t e = random_.below(2);
        switch (random_.below(40)) {
            case 0: flap(e); break;
            case 1: now_ += duration::from_ms(static_cast<std::int64_t>(random_.below(400))); break;
            case 2: stalled_[e] = !stalled_[e]; break;
            case 3: (void)ends_[e]->send(now_ - 50_ms, 9, {}); break;
            case 4: ends_[e]->handle_timeout(now_ - 10_ms); break;
            case 5: {
                const auto stream = static_cast<stream_id>(random_.below(4));
                const auto deadline = duration::from_ms(static_cast<std::int64_t>(random_.below(300)));
                const auto weight = static_cast<std::uint32_t>(random_.below(400));
                (void)ends_[e]->set_stream(now_, stream, {.mode = draw_mode(), .deadline = deadline, .weight = weight});
                break;
            }
            case 6:
                if (random_.chance(0.02)) (void)ends_[e]->close(now_, wire::close_reason::normal);
                break;
            case 7: outage_ = random_.chance(0.5) ? 0 : 1 + random_.below(4); break;
            case 13:
            case 14: send_event(e); break;
            case 15:
                // Hours pass: budgets have a pace, and days.
                if (random_.chance(0.02))
                    now_ += duration::from_seconds(static_cast<std::int64_t>(random_.below(30'000)));
                break;
            case 8:
                if (hostile_) forge(e);
                break;
            case 9:
            case 10:
            case 11:
            case 12: now_ += duration::from_us(static_cast<std::int64_t>(random_.below(10'000))); break;
            default: send(e);
        }
        arrivals();
        for (std::size_t i = 0; i < 2; ++i)
            if (!stalled_[i]) drain(i);
        now_ += duration::from_us(static_cast<std::int64_t>(random_.below(3'000)));
    }

    void send(std::size_t e) {
        const std::uint64_t id = next_payload_++;
        const bytes payload = payload_of(id, 8 + random_.below(190));
        const auto stream = static_cast<stream_id>(random_.below(3));
        if (ends_[e]->send(now_, stream, payload) == status::ok) expected_[1 - e][payload] = stream;
    }

    void send_event(std::size_t e) {
        const std::uint64_t id = next_payload_++;
        const bytes payload = payload_of(id, 8 + random_.below(90));
        const instant until = random_.chance(0.5)
                                  ? now_ + duration::from_ms(static_cast<std::int64_t>(random_.below(500)))
                                  : instant::before_all();
        const status answer = ends_[e]->send_event(now_, payload, until);
        const bool known = answer == status::ok || answer == status::queue_full || answer == status::closed ||
                           answer == status::wrong_state;
        REQUIRE(known);
        if (answer == status::ok) expected_events_[1 - e].insert(payload);
    }

    void flap(std::size_t e) {
        // The free path only, at one end: the metered one must keep its budget for the whole run.
        if (ends_[e]->remove_path(now_, 0) != status::ok) (void)ends_[e]->add_path(now_, 0, {});
    }

    void forge(std::size_t e) {
        bytes data{wire::version};
        for (std::uint64_t n = random_.below(60); n > 0; --n) data.push_back(static_cast<std::uint8_t>(random_.next()));
        (void)ends_[e]->handle_datagram(now_, static_cast<path_id>(random_.below(5)), data);
    }

    void arrivals() {
        for (std::size_t e = 0; e < 2; ++e) {
            while (!wire_[e].empty() && wire_[e].begin()->first.first <= now_.ns()) {
                const datagram d = std::move(wire_[e].begin()->second);
                wire_[e].erase(wire_[e].begin());
                (void)ends_[e]->handle_datagram(now_, d.path, d.data);
            }
        }
    }

    void drain(std::size_t e) {
        session_output out;
        int count = 0;
        while (ends_[e]->poll_output(now_, out)) {
            REQUIRE(++count < 5'000);
            digest_.add(static_cast<std::uint64_t>(out.kind));
            if (out.kind == output_kind::transmit) transmit(e, out.transmit);
            if (out.kind == output_kind::deliver) deliver(e, out.deliver);
            if (out.kind == output_kind::lane) take_event(e, out.lane);
            check();
        }
        REQUIRE(ends_[e]->next_timeout() > now_);
    }

    void transmit(std::size_t e, const transmission& t) {
        digest_.add(t.bytes);
        if (t.path == metered_path || t.path == paced_path) {
            std::uint64_t& sent = metered_sent_[e][t.path];
            sent += t.bytes.size() + around;
            const path_statistics s = ends_[e]->path(now_, t.path);
            REQUIRE(s.bytes_sent == sent);
            check_budget(t.path, s.bytes_sent, s.bytes_received);
        }
        if (outage_ == 1u + t.path) return;
        for (int copies = random_.chance(repeat_) ? 2 : 1; copies > 0; --copies) {
            if (random_.chance(loss_)) continue;
            datagram d{now_ + duration::from_us(static_cast<std::int64_t>(5'000 + random_.below(jitter_us_ + 1))),
                       t.path, bytes(t.bytes.begin(), t.bytes.end())};
            if (random_.chance(0.01)) d.arrival += 3_s;  // a repetition from long ago
            if (hostile_ && random_.chance(0.05)) d.data[random_.below(d.data.size())] ^= 0x10;
            if (hostile_ && random_.chance(0.05)) d.data.resize(random_.below(d.data.size()));
            const std::pair<std::int64_t, std::uint64_t> key{d.arrival.ns(), order_++};
            wire_[1 - e].emplace(key, std::move(d));
        }
    }

    /// A datagram has just left: on the first day received bytes count too, on later ones those of a day are not known here.
    void check_budget(path_id path, std::uint64_t sent, std::uint64_t received) const {
        constexpr std::uint64_t day = 86'400'000;
        const auto ms = static_cast<std::uint64_t>(now_.ns() / 1'000'000);
        const std::uint64_t days = ms / day;
        const std::uint64_t paced =
            days * paced_cap + std::min(paced_cap / 10 + paced_cap * (ms % day) / day, paced_cap);
        const std::uint64_t allowed = path == metered_path ? metered_cap : paced;
        REQUIRE(sent + (days == 0 ? received : 0) <= allowed);
    }

    void take_event(std::size_t e, const lane_event& event) {
        digest_.add(event.bytes);
        digest_.add(event.number);
        const bytes payload(event.bytes.begin(), event.bytes.end());
        if (hostile_) return;
        REQUIRE(expected_events_[e].contains(payload));
        REQUIRE(events_[e].insert(payload).second);
    }

    void deliver(std::size_t e, const delivery& d) {
        digest_.add(d.bytes);
        digest_.add(d.number);
        REQUIRE(d.stream < config_.max_streams);
        REQUIRE(d.held >= duration::zero());
        REQUIRE(d.lateness >= duration::zero());
        const bytes payload(d.bytes.begin(), d.bytes.end());
        if (hostile_) {
            delivered_[e].insert(payload);
            return;
        }
        const auto found = expected_[e].find(payload);
        REQUIRE(found != expected_[e].end());
        REQUIRE(found->second == d.stream);
        REQUIRE(delivered_[e].insert(payload).second);
    }

    [[nodiscard]] static std::uint64_t extra(const sender_statistics& s) noexcept { return s.extra_bytes(); }

    void check() {
        const session_statistics a = ends_[0]->statistics();
        const session_statistics b = ends_[1]->statistics();
        const std::uint64_t source = a.sender.source.bytes + b.sender.source.bytes;
        // Forged source packets earn too: whoever can forge can do worse.
        if (!hostile_) REQUIRE((extra(a.sender) + extra(b.sender)) * 10'000 <= source * config_.overhead_cap_bp);
        for (const session_statistics* s : {&a, &b}) {
            const receiver_statistics& r = s->receiver;
            REQUIRE(r.delivered <= r.accepted);
        }
    }

    /// Left alone, both ends come to rest: every wake-up leads somewhere.
    void settle() {
        for (std::size_t e = 0; e < 2; ++e) {
            drain(e);
            instant now = now_;
            const instant end = now + 5_s;
            int wake_ups = 0;
            while (ends_[e]->next_timeout() <= end) {
                REQUIRE(++wake_ups < 5'000);
                now_ = now = std::max(now, ends_[e]->next_timeout());
                ends_[e]->handle_timeout(now);
                drain(e);
            }
            REQUIRE(ends_[e]->hold(0).size() == 0);
        }
        check();
    }

    xoshiro256 random_;
    bool hostile_;
    session_config config_;
    std::array<std::unique_ptr<session>, 2> ends_;
    std::array<std::map<std::pair<std::int64_t, std::uint64_t>, datagram>, 2> wire_;  ///< by receiving end
    std::array<std::map<bytes, stream_id>, 2> expected_;
    std::array<std::set<bytes>, 2> delivered_;
    std::array<std::set<bytes>, 2> expected_events_;
    std::array<std::set<bytes>, 2> events_;
    std::array<std::map<path_id, std::uint64_t>, 2> metered_sent_;
    std::array<bool, 2> stalled_{};
    double loss_ = 0;
    double repeat_ = 0;
    std::uint64_t jitter_us_ = 0;
    std::uint64_t outage_ = 0;  ///< path + 1 that is out
    std::uint64_t next_payload_ = 0;
    std::uint64_t order_ = 0;
    instant now_{};
    digest digest_;
};

}  // namespace

TEST_CASE("session: random calls over random links keep every promise") {
    std::uint64_t delivered = 0;
    std::uint64_t events = 0;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        CAPTURE(seed);
        world w{seed, false};
        w.run(1'000);
        delivered += w.delivered();
        events += w.events();
    }
    CHECK(events > 300 * 10);
    CHECK(delivered > 300 * 50);
}

TEST_CASE("session: damaged and forged datagrams break no cap and no loop") {
    for (std::uint64_t seed = 1'001; seed <= 1'150; ++seed) {
        CAPTURE(seed);
        world{seed, true}.run(1'000);
    }
}

TEST_CASE("session: same seed, same outputs") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        for (const bool hostile : {false, true}) {
            world a{seed, hostile};
            world b{seed, hostile};
            a.run(300);
            b.run(300);
            CHECK(a.hash() == b.hash());
        }
    }
    world a{1, false};
    world b{2, false};
    a.run(300);
    b.run(300);
    CHECK(a.hash() != b.hash());
}

TEST_CASE("session: nothing is taken from the allocator or the heap after creation") {
    session_config config;
    config.stream.mode = stream_mode::hot;
    test::counting_allocator memory;
    {
        auto a = session::create(config, memory.get());
        auto b = session::create(config, memory.get());
        REQUIRE(a.has_value());
        REQUIRE(b.has_value());
        const std::size_t calls = memory.calls();
        const std::size_t live = memory.live_bytes();
        const std::uint64_t heap = heap_calls;
        std::array<session*, 2> ends{&a.value(), &b.value()};
        for (session* s : ends) {
            REQUIRE(s->add_path({}, 0, {}) == status::ok);
            REQUIRE(s->add_path({}, 1, {.cost = cost_class::metered}) == status::ok);
        }
        xoshiro256 random{3};
        instant now{};
        session_output out;
        std::array<std::uint8_t, 2'048> datagram{};
        std::uint64_t delivered = 0;
        for (int i = 0; i < 20'000; ++i) {
            for (std::size_t e = 0; e < 2; ++e) {
                (void)ends[e]->send(now, 0, byte_view{datagram}.first(200));
                while (ends[e]->poll_output(now, out)) {
                    delivered += out.kind == output_kind::deliver ? 1u : 0u;
                    if (out.kind != output_kind::transmit || random.chance(0.05)) continue;
                    const std::size_t size = out.transmit.bytes.size();
                    std::copy(out.transmit.bytes.begin(), out.transmit.bytes.end(), datagram.begin());
                    (void)ends[1 - e]->handle_datagram(now, out.transmit.path, byte_view{datagram}.first(size));
                }
                if (i % 100 == 0) (void)ends[e]->set_stream(now, 1, {.deadline = 50_ms});
            }
            if (i % 5'000 == 4'999)
                for (session* s : ends) {
                    (void)s->remove_path(now, 1);
                    (void)s->add_path(now, 1, {.cost = cost_class::metered});
                }
            now += 5_ms;
        }
        const std::uint64_t heap_after = heap_calls;
        CHECK(heap_after == heap);
        CHECK(delivered > 35'000);
        CHECK(memory.calls() == calls);
        CHECK(memory.live_bytes() == live);
    }
    CHECK(memory.live_blocks() == 0);
}
