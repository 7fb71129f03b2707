// SPDX-License-Identifier: MIT
//
// Clock sync over many random networks: what holds for every one of them.
#include "duality/clock_sync.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

#include "support/clock_world.hpp"

using namespace duality;
using namespace duality::literals;
using test::clock_world;

TEST_CASE("clock sync: jitter of 5 ms and 50 ppm, after 5 s within 2 ms, and nearly always within half a millisecond") {
    std::vector<duration> errors;
    for (std::uint64_t seed = 1; seed <= 1'000; ++seed) {
        CAPTURE(seed);
        clock_world world{{.skew_ppm = seed % 2 == 0 ? 50 : -50}, {}, seed};
        world.run_until(instant{} + 5_s, [&] { REQUIRE(world.inside_bound()); });
        REQUIRE(world.inside_bound());
        REQUIRE(world.error() <= 2_ms);
        REQUIRE(world.sync.estimate(world.now()).state == clock_state::locked);
        errors.push_back(world.error());
    }
    std::sort(errors.begin(), errors.end());
    CHECK(errors[980] <= 500_us);
}

TEST_CASE("clock sync: any route, loss and skew: inside the bound at every moment, without a step") {
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        CAPTURE(seed);
        xoshiro256 draw{seed};
        const test::clock_world_config model{
            .forward = duration::from_us(static_cast<std::int64_t>(draw.below(80'000))),
            .reverse = duration::from_us(static_cast<std::int64_t>(draw.below(80'000))),
            .sigma = duration::from_us(static_cast<std::int64_t>(draw.below(20'000))),
            .shape = draw.chance(0.5) ? test::jitter_shape::folded : test::jitter_shape::normal,
            .skew_ppm = static_cast<std::int64_t>(draw.below(301)) - 150,
            .offset = duration::from_ms(static_cast<std::int64_t>(draw.next() >> 24) - (std::int64_t{1} << 39)),
            .loss = draw.uniform(0, 0.3),
        };
        clock_world world{model, {}, seed};
        instant seen = world.now();
        duration shown{};
        bool locked = false;
        const auto check = [&] {
            const clock_estimate e = world.sync.estimate(world.now());
            REQUIRE(world.inside_bound());
            REQUIRE(e.epoch == 0);
            if (locked) {
                // At most the slew and the most skew, besides a nanosecond of rounding.
                const duration most = duration::from_ns((world.now() - seen).ns() / 1'000'000 * 1'200 + 1'300);
                const duration moved = e.offset - shown;
                REQUIRE(moved <= most);
                REQUIRE(-moved <= most);
            }
            locked = e.state != clock_state::acquiring;
            seen = world.now();
            shown = e.offset;
        };
        for (std::int64_t s = 1; s <= 90; ++s) {
            world.asking = s % 30 > 4;  // now and then nobody asks
            world.run_until(instant{} + duration::from_ms(s * 1'000 + 17), check);
            check();
        }
        REQUIRE(locked);
    }
}

TEST_CASE("clock sync: forged and repeated answers break nothing") {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        CAPTURE(seed);
        xoshiro256 random{seed};
        clock_sync sync = std::move(clock_sync::create({}, allocator::system())).value();
        instant now{};
        std::vector<instant> asked;
        for (int i = 0; i < 2'000; ++i) {
            now += duration::from_us(static_cast<std::int64_t>(random.below(60'000)));
            if (random.chance(0.5) || asked.empty()) {
                asked.push_back(sync.on_request(now));
                continue;
            }
            const instant t1 = asked[asked.size() - 1 - random.below(std::min<std::uint64_t>(asked.size(), 12))];
            const std::uint64_t magnitude = random.below(64);
            const auto t2 = static_cast<std::int64_t>(random.next() >> magnitude);
            (void)sync.on_response(now, t1, media_time::from_ns(t2),
                                   media_time::from_ns(t2 + static_cast<std::int64_t>(random.below(30'000'000))));
            const clock_estimate e = sync.estimate(now);
            REQUIRE(e.samples <= 64);
            REQUIRE(e.error_bound >= duration::zero());
            (void)sync.from_peer(sync.to_peer(now));
            if (random.chance(0.01)) sync.reset(now);
        }
    }
}
