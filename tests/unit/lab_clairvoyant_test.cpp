// SPDX-License-Identifier: MIT
#include "duality/lab/clairvoyant.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "duality/random.hpp"

using namespace duality;

namespace {

constexpr std::int64_t ms = 1'000'000;
const lab::clairvoyant_config coarse{duration::from_ms(20), duration::from_ms(10), 500};

/// Every plan there is, delays in tens of milliseconds, warp by one of them: what it loses and its delays.
void every_plan(const std::vector<std::int64_t>& delays, int top, const std::function<void(int, int, int)>& report) {
    std::function<void(std::size_t, int, int, int, int)> go = [&](std::size_t i, int d, int lost, int sum, int played) {
        if (i == delays.size()) return report(lost, sum, played);
        for (int at = d; at <= top; ++at) {  // wait first
            const int cost = lost + (at - d);
            if (delays[i] < 0) {
                for (int fall = 0; fall <= std::min(2, at); ++fall) go(i + 1, at - fall, cost + 2 - fall, sum, played);
                continue;
            }
            go(i + 1, at, cost + 2, sum, played);
            if (at >= 2) go(i + 1, at - 2, cost + 2, sum, played);
            if (delays[i] <= at * 10 * ms)
                for (int to = std::max(0, at - 1); to <= std::min(top, at + 1); ++to)
                    go(i + 1, to, cost, sum + at, played + 1);
        }
    };
    for (int start = 0; start <= top; ++start) go(0, start, 0, 0, 0);
}

}  // namespace

TEST_CASE("the cheapest plan is the best of all plans", "[clairvoyant]") {
    xoshiro256 random{5};
    for (int round = 0; round < 12; ++round) {
        std::vector<std::int64_t> delays;
        for (int i = 0; i < 5; ++i)
            delays.push_back(random.chance(0.2) ? -1 : static_cast<std::int64_t>(random.below(31)) * ms);
        const std::int64_t greatest = *std::max_element(delays.begin(), delays.end());
        const int top = static_cast<int>(std::max<std::int64_t>(greatest, 0) / (10 * ms)) + 1;
        const double reference = 12;
        for (const double price : {0.01, 0.1, 0.7}) {
            double best = std::numeric_limits<double>::infinity();
            every_plan(delays, top, [&](int lost, int sum, int played) {
                best = std::min(best, 10.0 * lost + price * (10.0 * sum - reference * played));
            });
            const lab::clairvoyant_plan plan = lab::cheapest_plan(delays, coarse, price, reference);
            CHECK(std::abs(plan.value_ms - best) < 1e-9);
            const double told = plan.lost_ms + price * (plan.delay_ms - reference * static_cast<double>(plan.played));
            CHECK(std::abs(told - plan.value_ms) < 1e-9);
        }
    }
}

TEST_CASE("no plan with the wanted mean delay loses less than the bound", "[clairvoyant]") {
    xoshiro256 random{6};
    int tight = 0;
    for (int round = 0; round < 8; ++round) {
        std::vector<std::int64_t> delays;
        for (int i = 0; i < 5; ++i) delays.push_back(static_cast<std::int64_t>(random.below(31)) * ms);
        const int top = static_cast<int>(*std::max_element(delays.begin(), delays.end()) / (10 * ms)) + 1;
        for (const double mean : {0.0, 8.0, 15.0, 30.0}) {
            double least = std::numeric_limits<double>::infinity();
            every_plan(delays, top, [&](int lost, int sum, int played) {
                if (10.0 * sum <= mean * played) least = std::min(least, lost / 10.0);
            });
            const double bound = lab::clairvoyant_loss(delays, coarse, mean);
            CHECK(bound <= least + 1e-9);
            tight += bound >= least - 0.02;
        }
    }
    CHECK(tight >= 16);  // at the corners of the hull it is exact
}

TEST_CASE("clairvoyance sees a stall coming", "[clairvoyant]") {
    std::vector<std::int64_t> delays(500, 0);
    for (int k = 0; k < 10; ++k) delays[static_cast<std::size_t>(250 + k)] = (200 - 20 * k) * ms;
    CHECK(lab::clairvoyant_loss(delays, {}, 200) < 1e-6);
    const double some = lab::clairvoyant_loss(delays, {}, 20);
    const double little = lab::clairvoyant_loss(delays, {}, 5);
    CHECK(little > some);
    CHECK(little < 200.0 / (20 * 500));  // no worse than waiting it out
    CHECK(lab::clairvoyant_loss({}, {}, 10) == 0);
}
