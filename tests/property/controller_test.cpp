// SPDX-License-Identifier: MIT
#include "duality/controller.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "duality/random.hpp"
#include "support/counting_allocator.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

duration random_ms(xoshiro256& random, double high) {
    return duration::from_ns(static_cast<std::int64_t>(random.uniform(0, high) * 1e6));
}

control_inputs random_inputs(xoshiro256& random) {
    control_inputs in;
    in.features.j_fast = random_ms(random, 20);
    in.features.j_slow = random_ms(random, 12);
    in.features.loss20 = static_cast<std::uint32_t>(random.below(5));
    in.features.loss_ppm = static_cast<std::uint32_t>(random.below(random.chance(0.5) ? 1'000 : 200'000));
    in.features.mean_burst_x16 = static_cast<std::uint32_t>(random.below(200));
    in.features.gap = random_ms(random, 200);
    in.features.gap_limit = random_ms(random, 120);
    in.features.interval = random_ms(random, 100);
    std::uint32_t miss = 1'000'000;
    for (std::uint32_t& m : in.features.miss_ppm) m = miss = static_cast<std::uint32_t>(random.below(miss + 1));
    in.current = static_cast<regime>(random.below(5));
    in.rtt = random.chance(0.2) ? duration::zero() : random_ms(random, 150);
    in.deadline = random_ms(random, 300);
    in.second_path_available = random.chance(0.8);
    in.congestion = random.chance(0.1);
    in.overhead_headroom_bp = static_cast<std::uint32_t>(random.below(1'500));
    in.cpu_share_permille = static_cast<std::uint32_t>(random.below(60));
    in.cpu_cap_permille = 50;
    in.metered_budget_left = random.chance(0.8);
    return in;
}

}  // namespace

TEST_CASE("whatever the inputs, the outputs stay inside the guardrails", "[controller][property]") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        INFO("seed " << seed);
        xoshiro256 random{seed};
        controller_config config;
        config.law = seed % 2 == 0 ? control_law::reference : control_law::adaptive;
        const bool is_reference = config.law == control_law::reference;
        auto law = controller::create(config, allocator::system());
        REQUIRE(law.has_value());
        std::int64_t now = 0;
        control_inputs in = random_inputs(random);
        control_outputs before = law->outputs();
        control_outputs replayed = before;
        std::vector<std::pair<std::int64_t, duration>> holds;
        for (int step = 0; step < 3'000; ++step) {
            now += static_cast<std::int64_t>(random.below(20'000'000)) - (random.chance(0.02) ? 30'000'000 : 0);
            if (random.chance(0.1)) in = random_inputs(random);
            const control_outputs out = law->update(instant::from_ns(now), in);
            REQUIRE(out.hold >= config.hold_min);
            REQUIRE(out.hold <= config.hold_max);
            REQUIRE(out.parity_bp <= config.parity_max_bp);
            REQUIRE(out.parity_bp <= in.overhead_headroom_bp);
            if (!in.metered_budget_left || !in.second_path_available) REQUIRE(!out.second_path);
            if (in.cpu_share_permille > in.cpu_cap_permille) {
                REQUIRE(out.parity_bp <= before.parity_bp);
                REQUIRE(out.hold <= before.hold);
                if (out.hold < before.hold) REQUIRE(before.parity_bp == 0);
            }
            if (is_reference) {
                REQUIRE(!out.reactive);
                REQUIRE(out.hold - before.hold <= 2_ms);
                REQUIRE(out.parity_bp <= before.parity_bp + 100);
            }
            // The events alone rebuild the outputs.
            decision_event event;
            while (law->poll_event(event)) {
                REQUIRE(event.old_value != event.new_value);
                switch (event.output) {
                    case control_output::hold:
                        REQUIRE(replayed.hold.ns() == event.old_value);
                        replayed.hold = duration::from_ns(event.new_value);
                        break;
                    case control_output::parity:
                        REQUIRE(replayed.parity_bp == event.old_value);
                        replayed.parity_bp = static_cast<std::uint32_t>(event.new_value);
                        break;
                    case control_output::reactive:
                        REQUIRE(replayed.reactive == (event.old_value != 0));
                        replayed.reactive = event.new_value != 0;
                        break;
                    case control_output::second_path:
                        REQUIRE(replayed.second_path == (event.old_value != 0));
                        replayed.second_path = event.new_value != 0;
                        break;
                }
            }
            REQUIRE(replayed.hold == out.hold);
            REQUIRE(replayed.parity_bp == out.parity_bp);
            REQUIRE(replayed.reactive == out.reactive);
            REQUIRE(replayed.second_path == out.second_path);
            before = out;
        }
        REQUIRE(law->statistics().events_dropped == 0);
    }
}

TEST_CASE("the reference law moves an output at most once a second", "[controller][property]") {
    xoshiro256 random{77};
    controller_config config;
    config.law = control_law::reference;
    auto law = controller::create(config, allocator::system());
    REQUIRE(law.has_value());
    std::int64_t now = 0;
    std::int64_t last_hold = -2'000'000'000;
    std::int64_t last_parity = -2'000'000'000;
    for (int step = 0; step < 20'000; ++step) {
        now += static_cast<std::int64_t>(random.below(20'000'000));
        control_inputs in = random_inputs(random);
        in.cpu_share_permille = 0;
        in.overhead_headroom_bp = 10'000;
        law->update(instant::from_ns(now), in);
        decision_event event;
        while (law->poll_event(event)) {
            if (event.output == control_output::second_path) continue;
            std::int64_t& last = event.output == control_output::hold ? last_hold : last_parity;
            REQUIRE(now - last >= 1'000'000'000);
            last = now;
        }
    }
    REQUIRE(law->statistics().hold_changes > 20);
    REQUIRE(law->statistics().parity_changes >= 10);
}

TEST_CASE("controller: memory is taken at creation only, and its lack is reported", "[controller][property]") {
    test::counting_allocator counting;
    {
        auto made = controller::create({}, counting.get());
        REQUIRE(made.has_value());
        const std::size_t calls = counting.calls();
        REQUIRE(calls > 0);
        xoshiro256 random{4};
        for (std::int64_t i = 0; i < 5'000; ++i) made->update(instant::from_ns(i * 5'000'000), random_inputs(random));
        CHECK(made->statistics().updates == 5'000);
        CHECK(counting.calls() == calls);
        for (std::size_t allowed = 0; allowed < calls; ++allowed) {
            test::counting_allocator refusing{allowed};
            CHECK(controller::create({}, refusing.get()).code() == status::out_of_memory);
            CHECK(refusing.live_blocks() == 0);
        }
    }
    CHECK(counting.live_blocks() == 0);
    CHECK(counting.live_bytes() == 0);
}
