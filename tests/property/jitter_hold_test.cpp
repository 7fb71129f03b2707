// SPDX-License-Identifier: MIT
#include "duality/jitter_hold.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "duality/random.hpp"
#include "support/counting_allocator.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

struct arrival {
    instant at;
    held_packet packet;
};

/// A flow over a path that delays, loses, reorders and duplicates at random.
std::vector<arrival> random_flow(xoshiro256& random, std::uint64_t packets, duration spacing) {
    std::vector<arrival> flow;
    for (std::uint64_t s = 0; s < packets; ++s) {
        const std::int64_t origin = static_cast<std::int64_t>(s) * spacing.ns();
        if (random.chance(0.05)) continue;
        const int copies = random.chance(0.05) ? 2 : 1;
        for (int c = 0; c < copies; ++c) {
            const auto delay = static_cast<std::int64_t>((20 + random.exponential(random.chance(0.1) ? 40 : 4)) * 1e6);
            const auto by = static_cast<recovery>(random.chance(0.1) ? 1 + random.below(4) : 0);
            flow.push_back({instant::from_ns(origin + delay), {s, media_time::from_ns(origin), s, by}});
        }
    }
    std::stable_sort(flow.begin(), flow.end(), [](const arrival& a, const arrival& b) { return a.at < b.at; });
    return flow;
}

}  // namespace

TEST_CASE("every accepted packet comes out once, in its hold, in order", "[jitter_hold][property]") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        INFO("seed " << seed);
        xoshiro256 random{seed};
        jitter_hold_config config;
        config.hold_min = duration::from_ms(static_cast<std::int64_t>(random.below(20)) + 1);
        config.hold_max = config.hold_initial = config.hold_min + 10_ms;
        config.late = random.chance(0.5) ? late_policy::deliver : late_policy::drop;
        auto hold = jitter_hold::create(config, allocator::system());
        REQUIRE(hold.has_value());
        const duration spacings[] = {1_ms, 5_ms, 20_ms, 100_ms};
        const auto flow = random_flow(random, 2'000, spacings[random.below(4)]);

        std::set<std::uint64_t> accepted;
        std::set<std::uint64_t> released;
        std::map<std::uint64_t, instant> pushed;
        instant last_release = instant::before_all();
        std::uint64_t last_sequence = 0;
        released_packet out;
        const auto take = [&](instant now) {
            while (hold->poll(now, out)) {
                REQUIRE(accepted.count(out.packet.sequence) == 1);
                REQUIRE(released.insert(out.packet.sequence).second);
                REQUIRE(out.packet.token == out.packet.sequence);
                REQUIRE(out.held == now - pushed[out.packet.sequence]);
                REQUIRE(out.held <= config.hold_max + config.early_slack);
                REQUIRE(out.due <= now);
                if (out.lateness > duration::zero())
                    REQUIRE(out.held == duration::zero());
                else
                    REQUIRE(out.packet.sequence >= last_sequence);  // in order unless late
                if (config.late == late_policy::drop) REQUIRE(!out.past_deadline);
                last_sequence = std::max(last_sequence, out.packet.sequence);
                REQUIRE(now >= last_release);
                last_release = now;
            }
        };
        for (const arrival& a : flow) {
            // The timeout is exact: nothing a nanosecond before it, something at it.
            while (hold->next_timeout() <= a.at) {
                const instant due = hold->next_timeout();
                if (due > last_release) REQUIRE(!hold->poll(due - 1_ns, out));
                const std::size_t before = released.size();
                take(due);
                REQUIRE(released.size() > before);
            }
            const status answer = hold->push(a.at, a.packet);
            if (answer == status::ok) {
                REQUIRE(accepted.insert(a.packet.sequence).second);
                pushed[a.packet.sequence] = a.at;
            } else if (answer == status::duplicate) {
                REQUIRE(!failed(answer));
            } else {
                REQUIRE(answer == status::late);
                REQUIRE(config.late == late_policy::drop);
            }
            take(a.at);
        }
        while (!hold->next_timeout().is_never()) take(hold->next_timeout());
        REQUIRE(released == accepted);
        REQUIRE(hold->next_timeout().is_never());
        const jitter_hold_statistics& counted = hold->statistics();
        REQUIRE(counted.accepted == accepted.size());
        REQUIRE(counted.released == released.size());
        REQUIRE(counted.accepted + counted.duplicates + counted.dropped_late == flow.size());
    }
}

TEST_CASE("any calls in any order keep the promises", "[jitter_hold][property]") {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        INFO("seed " << seed);
        xoshiro256 random{seed};
        jitter_hold_config config;
        config.hold_min = 0_ms;
        config.capacity = 32;
        config.restart_packets = 2 + static_cast<std::uint32_t>(random.below(3));
        config.mode = random.chance(0.2) ? playout_mode::deadline : playout_mode::live;
        config.late = random.chance(0.5) ? late_policy::deliver : late_policy::drop;
        auto hold = jitter_hold::create(config, allocator::system());
        REQUIRE(hold.has_value());
        std::multiset<std::uint64_t> inside;
        std::uint64_t token = 0;
        std::int64_t now = 0;
        std::uint64_t sequence = random.next() >> random.below(64);
        std::int64_t origin = static_cast<std::int64_t>(random.next() >> random.below(64));
        released_packet out;
        for (int step = 0; step < 600; ++step) {
            now += static_cast<std::int64_t>(random.below(8'000'000)) - (random.chance(0.05) ? 20'000'000 : 0);
            const instant at = instant::from_ns(now);
            switch (random.below(12)) {
                case 0: hold->set_hold(at, duration::from_ms(static_cast<std::int64_t>(random.below(50)) - 10)); break;
                case 1: hold->set_deadline(duration::from_ns(static_cast<std::int64_t>(random.next()))); break;
                case 2: hold->set_lead(duration::from_ns(static_cast<std::int64_t>(random.next()))); break;
                case 3: hold->set_media_offset(duration::from_ns(static_cast<std::int64_t>(random.next()))); break;
                case 4:
                    if (random.chance(0.1)) hold->reset(at);
                    break;
                case 5:
                    while (hold->poll(at, out)) {
                        REQUIRE(inside.count(out.packet.token) == 1);
                        inside.erase(out.packet.token);
                        REQUIRE(out.held >= duration::zero());
                        REQUIRE(out.lateness >= duration::zero());
                    }
                    break;
                default: {
                    held_packet p;
                    p.sequence = sequence += random.chance(0.02) ? random.next() : random.below(4);
                    if (random.chance(0.1)) p.sequence -= random.below(100);
                    origin += static_cast<std::int64_t>(random.below(10'000'000));
                    p.origin =
                        media_time::from_ns(random.chance(0.05) ? static_cast<std::int64_t>(random.next()) : origin);
                    p.token = ++token;
                    p.recovered_by = static_cast<recovery>(random.below(recovery_count));
                    if (hold->push(at, p) == status::ok) inside.insert(p.token);
                }
            }
            REQUIRE(hold->size() == inside.size());
            REQUIRE(hold->next_timeout().is_never() == inside.empty());
            REQUIRE(hold->hold() <= config.hold_max);
        }
        // No packet is stuck: all of them come out within hold or lead, and the slack.
        const instant end = instant::from_ns(now) + 11_s;
        while (hold->poll(end, out)) inside.erase(out.packet.token);
        REQUIRE(inside.empty());
    }
}

TEST_CASE("the same calls give the same releases", "[jitter_hold][property]") {
    const auto play = [](std::uint64_t seed) {
        xoshiro256 random{seed};
        auto hold = jitter_hold::create({}, allocator::system());
        REQUIRE(hold.has_value());
        std::uint64_t hash = 0;
        released_packet out;
        for (const arrival& a : random_flow(random, 2'000, 5_ms)) {
            while (hold->poll(a.at, out)) {
                std::uint64_t state = hash ^ out.packet.sequence ^ static_cast<std::uint64_t>(out.due.ns());
                hash = splitmix64(state);
            }
            (void)hold->push(a.at, a.packet);
        }
        return hash;
    };
    CHECK(play(1) == play(1));
    CHECK(play(1) != play(2));
}

TEST_CASE("jitter_hold: memory is taken at creation only, and its lack is reported", "[jitter_hold][property]") {
    test::counting_allocator counting;
    {
        auto made = jitter_hold::create({}, counting.get());
        REQUIRE(made.has_value());
        const std::size_t calls = counting.calls();
        REQUIRE(calls > 0);
        xoshiro256 random{4};
        released_packet out;
        for (const arrival& a : random_flow(random, 5'000, 5_ms)) {
            while (made->poll(a.at, out)) CHECK(out.held >= duration::zero());
            (void)made->push(a.at, a.packet);
        }
        CHECK(counting.calls() == calls);
        for (std::size_t allowed = 0; allowed < calls; ++allowed) {
            test::counting_allocator refusing{allowed};
            CHECK(jitter_hold::create({}, refusing.get()).code() == status::out_of_memory);
            CHECK(refusing.live_blocks() == 0);
        }
    }
    CHECK(counting.live_blocks() == 0);
    CHECK(counting.live_bytes() == 0);
}
