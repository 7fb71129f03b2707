// SPDX-License-Identifier: MIT

#include "duality/parity_policy.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace duality;
using namespace duality::literals;

namespace {

parity_conditions path(std::uint32_t loss_ppm, std::uint32_t burst_x100 = 100) {
    return {.deadline = 250_ms, .interval = 5_ms, .loss_ppm = loss_ppm, .burst_x100 = burst_x100};
}

}  // namespace

TEST_CASE("no parity on a clean path, under congestion, and against bursts that it cannot cover") {
    const parity_policy_config config;
    REQUIRE(plan_parity(config, path(0)) == parity_plan{});
    REQUIRE(plan_parity(config, path(500)) == parity_plan{});
    REQUIRE(plan_parity(config, path(501)).rate_bp == 11);
    parity_conditions congested = path(20'000);
    congested.congestion = true;
    REQUIRE(plan_parity(config, congested) == parity_plan{});
    REQUIRE(plan_parity(config, path(20'000, 2'001)) == parity_plan{});
}

TEST_CASE("the rate is twice the loss, never above the cap") {
    const parity_policy_config config;
    REQUIRE(plan_parity(config, path(20'000)).rate_bp == 400);
    REQUIRE(plan_parity(config, path(50'000)).rate_bp == 1'000);
    REQUIRE(plan_parity(config, path(300'000)).rate_bp == 1'000);
    REQUIRE(plan_parity({.max_rate_bp = 0}, path(20'000)) == parity_plan{});
}

TEST_CASE("the window is the deadline while repairs are plenty, and shrinks to their distance under overload") {
    REQUIRE(plan_window(1000, path(20'000), 4095) == 51);
    REQUIRE(plan_window(1000, path(20'000), 30) == 30);
    REQUIRE(plan_window(1000, path(130'000), 4095) == 10);
    std::uint32_t last = 51;
    for (std::uint32_t loss = 0; loss <= 300'000; loss += 1'000) {
        const std::uint32_t w = plan_window(1000, path(loss), 4095);
        REQUIRE(w <= last);
        REQUIRE(w >= 10);
        // Bursts leave more windows with few losses: never a shorter window than for independent losses.
        REQUIRE(plan_window(1000, path(loss, 300), 4095) >= w);
        last = w;
    }
    REQUIRE(last == 10);
    // Halfway on the logarithmic scale between 51 and 10, at 0.85 losses per repair.
    REQUIRE(plan_window(1000, path(85'000), 4095) == 23);
    REQUIRE(plan_window(0, path(20'000), 64) == 0);
    parity_conditions odd = path(20'000);
    odd.interval = duration::zero();
    REQUIRE(plan_window(1000, odd, 64) == 0);
    odd.interval = 500_ms;
    REQUIRE(plan_window(1000, odd, 64) == 1);
}

TEST_CASE("the pacer spreads repairs evenly and never owes or gives more than the rate") {
    repair_pacer pacer;
    std::uint32_t sent = 0;
    for (std::uint32_t i = 1; i <= 10'000; ++i) {
        sent += pacer.packet(730);
        REQUIRE(sent == i * 730 / 10'000);
    }
    pacer.reset();
    for (int i = 0; i < 13; ++i) REQUIRE(pacer.packet(730) == 0);
    REQUIRE(pacer.packet(730) == 1);
}

TEST_CASE("a report is answered once per round trip, and with a reserve in the last round") {
    auto g = repair_generator::create({});
    REQUIRE(g);
    const duration rtt = 30_ms;
    const instant t = instant::from_ns(1'000'000'000);
    const deficit_report report{100, 105, 3, 200_ms};
    const repair_order first = g->answer(t, report, rtt, 20'000, 50, 120);
    REQUIRE(first.count == 3);
    REQUIRE(first.first_esi == 100);
    REQUIRE(first.window == 6);
    // Repairs are under way: the same need is not answered again, a larger one by the difference.
    REQUIRE(g->answer(t + 10_ms, report, rtt, 20'000, 50, 120).count == 0);
    REQUIRE(g->answer(t + 12_ms, {100, 110, 5, 188_ms}, rtt, 20'000, 50, 120).count == 2);
    // A round trip later they must have been lost.
    REQUIRE(g->answer(t + 45_ms, {100, 110, 1, 155_ms}, rtt, 20'000, 50, 120).count == 1);
    // Less than two round trips left: one more than needed, and some for the loss.
    REQUIRE(g->answer(t + 200_ms, {100, 100, 1, 59_ms}, rtt, 20'000, 50, 120).count == 3);
    REQUIRE(g->stats().repairs == 9);
    REQUIRE(g->stats().in_flight == 1);
}

TEST_CASE("reports that cannot be answered are counted") {
    auto g = repair_generator::create({.max_repairs = 4});
    const instant t = instant::from_ns(0);
    REQUIRE(g->answer(t, {100, 105, 3, 29_ms}, 30_ms, 0, 50, 120).count == 0);
    REQUIRE(g->stats().hopeless == 1);
    REQUIRE(g->answer(t, {10, 20, 3, 100_ms}, 30_ms, 0, 50, 120).count == 0);
    REQUIRE(g->stats().outside == 1);
    REQUIRE(g->answer(t, {100, 100, 0, 100_ms}, 30_ms, 0, 50, 120).count == 0);
    // Partly outside: what is there; more than allowed: the limit; over the wrap of the numbers.
    const repair_order o = g->answer(t, {0xFFFFFFF0u, 5, 15, 100_ms}, 30_ms, 0, 0xFFFFFFF8u, 3);
    REQUIRE(o.first_esi == 0xFFFFFFF8u);
    REQUIRE(o.window == 11);
    REQUIRE(o.count == 4);
    // A clock that goes backwards does not make orders younger.
    REQUIRE(g->answer(instant::from_ns(-1), {0, 2, 4, 100_ms}, 30_ms, 0, 0xFFFFFFF8u, 3).count == 0);
    REQUIRE(repair_generator::create({.max_repairs = 0}).error().where.field == "max_repairs");
}
