// SPDX-License-Identifier: MIT
#include "duality/regime.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <set>

#include "duality/random.hpp"

using namespace duality;
using namespace duality::literals;

TEST_CASE("loss20 equals a set of what arrived, in any order of arrival", "[regime][property]") {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        INFO("seed " << seed);
        xoshiro256 random{seed};
        auto detector = regime_detector::create({}, allocator::system());
        REQUIRE(detector.has_value());
        std::set<std::uint64_t> arrived;
        std::uint64_t base = 10'000;
        std::uint64_t highest = 0;
        std::int64_t now = 0;
        std::uint64_t duplicates = 0;
        for (int i = 0; i < 3'000; ++i) {
            base += random.below(3);
            const std::uint64_t s = base - random.below(40);
            now += static_cast<std::int64_t>(random.below(10'000'000));
            const status answer = detector->on_arrival(instant::from_ns(now), s, media_time::from_ns(now - 20'000'000));
            if (arrived.empty()) {
                // What came before the first packet does not count as lost.
                for (std::uint64_t before = s - 64; before < s; ++before) arrived.insert(before);
            }
            const bool known = arrived.count(s) != 0;
            REQUIRE(answer == (known ? status::duplicate : status::ok));
            duplicates += known;
            arrived.insert(s);
            highest = std::max(highest, s);
            std::uint32_t missing = 0;
            for (std::uint64_t k = highest - 19; k <= highest; ++k) missing += arrived.count(k) == 0;
            REQUIRE(detector->features(instant::from_ns(now)).loss20 == missing);
        }
        REQUIRE(detector->statistics().duplicates == duplicates);
    }
}

TEST_CASE("any calls in any order leave sane features", "[regime][property]") {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        INFO("seed " << seed);
        xoshiro256 random{seed};
        auto detector = regime_detector::create({}, allocator::system());
        REQUIRE(detector.has_value());
        std::int64_t now = 0;
        std::uint64_t sequence = random.next() >> random.below(64);
        std::int64_t origin = static_cast<std::int64_t>(random.next() >> random.below(64));
        regime_event event;
        for (int step = 0; step < 1'000; ++step) {
            now += static_cast<std::int64_t>(random.below(random.chance(0.02) ? 3'000'000'000 : 8'000'000)) -
                   (random.chance(0.05) ? 20'000'000 : 0);
            const instant at = instant::from_ns(now);
            switch (random.below(8)) {
                case 0: detector->handle_timeout(at); break;
                case 1:
                    while (detector->poll_event(event)) REQUIRE(event.at <= at + 4_s);
                    break;
                default: {
                    std::uint64_t s = sequence += random.chance(0.01) ? random.next() : random.below(4);
                    if (random.chance(0.1)) s -= random.below(100);
                    origin += static_cast<std::int64_t>(random.below(10'000'000));
                    (void)detector->on_arrival(
                        at, s,
                        media_time::from_ns(random.chance(0.02) ? static_cast<std::int64_t>(random.next()) : origin));
                }
            }
            if (step % 10 != 0) continue;
            const regime_features f = detector->features(at);
            REQUIRE(f.loss20 <= 20);
            REQUIRE(f.loss_ppm <= 1'000'000);
            REQUIRE(f.loss_slow_ppm <= 1'000'000);
            REQUIRE(f.j_fast >= duration::zero());
            REQUIRE(f.j_slow >= duration::zero());
            REQUIRE(f.gap >= duration::zero());
            REQUIRE(f.gap_limit >= 25_ms);
            REQUIRE(f.delay_p50 <= f.delay_p95);
            REQUIRE(f.delay_p95 <= f.delay_p99);
            for (std::size_t i = 1; i < miss_holds.size(); ++i) REQUIRE(f.miss_ppm[i] <= f.miss_ppm[i - 1]);
            REQUIRE(detector->next_timeout().is_never() == (f.packets == 0 || detector->current() == regime::outage));
        }
        const regime_statistics& counted = detector->statistics();
        REQUIRE(counted.lost <= counted.expected);
    }
}
