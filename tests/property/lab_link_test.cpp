// SPDX-License-Identifier: MIT
//
// What holds for every link, model, seed and order of calls.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <numeric>

#include "duality/lab/families.hpp"
#include "duality/random.hpp"

using namespace duality;
using namespace duality::literals;

TEST_CASE("links of every family: first in first out, never early, balanced") {
    for (const lab::family_info& info : lab::families()) {
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            lab::scenario scenario = lab::make_scenario(info.id, seed, 20_s);
            for (lab::link* link : {&scenario.primary.forward, &scenario.primary.reverse, &scenario.second.forward}) {
                xoshiro256 random{derive_seed(seed, 99)};
                instant now = instant::from_ns(0);
                instant last = instant::before_all();
                std::uint64_t sent = 0;
                while (now < instant::from_ns(0) + 45_s) {  // goes round once
                    // Bursts, silences and now and then a clock that jumps back.
                    now += duration::from_us(
                        static_cast<std::int64_t>(random.below(random.chance(0.1) ? 100'000 : 5'000)));
                    const instant asked = random.chance(0.01) ? now - 50_ms : now;
                    const lab::link_outcome outcome = link->transmit(asked, 40 + random.below(1460));
                    ++sent;
                    if (outcome.fate != lab::packet_fate::delivered) {
                        REQUIRE(outcome.arrival.is_never());
                        continue;
                    }
                    REQUIRE(outcome.arrival >= last);
                    REQUIRE(outcome.arrival >= asked + link->baseline(asked) - 50_ms);
                    last = outcome.arrival;
                }
                const lab::link_stats& stats = link->stats();
                CHECK(std::accumulate(stats.packets.begin(), stats.packets.end(), std::uint64_t{0}) == sent);
                CHECK(stats.clock_backwards > 0);
            }
        }
    }
}

TEST_CASE("what is sent changes the queue and nothing else") {
    // Two flows over the same network: the dense one must lose every packet in the slots where the sparse one does.
    for (const lab::family_info& info : lab::families()) {
        lab::scenario scenario = lab::make_scenario(info.id, 7, 20_s);
        lab::link sparse = scenario.primary.forward;
        lab::link dense = scenario.primary.forward;
        for (std::int64_t ms = 0; ms < 20'000; ++ms) {
            const instant now = instant::from_ns(ms * 1'000'000);
            const lab::packet_fate fate = dense.transmit(now, 100).fate;
            if (ms % 20 != 0) continue;
            REQUIRE(sparse.transmit(now, 100).fate == fate);
        }
    }
}
