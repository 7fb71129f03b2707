// SPDX-License-Identifier: MIT
#include "duality/change.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <vector>

#include "duality/random.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

constexpr std::array<std::uint64_t, 4> some_levels = {std::uint64_t{1} << 30, std::uint64_t{1} << 31,
                                                      (std::uint64_t{1} << 32) / 10 * 9,
                                                      (std::uint64_t{1} << 32) / 100 * 99};

std::int32_t ns_of(double ms) {
    return static_cast<std::int32_t>(std::lround(ms * 1e6));
}

/// Alarms among `packets` delays; `next` gives one in ms.
template <class Next>
int alarms(change_detector& detector, int packets, Next next) {
    int count = 0;
    for (int i = 0; i < packets; ++i) count += detector.on_delay(duration::from_ns(ns_of(next())), false);
    return count;
}

change_detector learned(xoshiro256& random) {
    change_detector detector;
    detector.configure({});
    detector.set_interval(5_ms);
    REQUIRE(alarms(detector, 4'096, [&] { return 10 + random.gaussian(); }) == 0);
    return detector;
}

}  // namespace

TEST_CASE("quantiles of values, on both sides of zero", "[change]") {
    bounded_quantiles q;
    xoshiro256 random{4};
    std::vector<std::int32_t> values;
    for (int i = 0; i < 8'000; ++i) {
        values.push_back(ns_of(random.gaussian() * 5));
        q.add(values.back(), true);
    }
    std::sort(values.begin(), values.end());
    std::array<std::int32_t, 4> found{};
    q.quantiles(some_levels, found);
    for (std::size_t i = 0; i < found.size(); ++i) {
        const double level = static_cast<double>(some_levels[i]) / 0x1p32;
        const double exact = values[static_cast<std::size_t>(level * 8'000)];
        CHECK(std::abs(found[i] - exact) < 20'000 + 0.02 * std::abs(exact));
    }
}

TEST_CASE("bounds instead of values leave the quantiles where they are", "[change]") {
    // Half of the samples are seen only when they lie above a bound drawn for each.
    bounded_quantiles q;
    xoshiro256 random{5};
    for (int i = 0; i < 16'000; ++i) {
        const double value = 20 + random.gaussian() * 5;
        const double bound = random.chance(0.5) ? 15 + random.exponential(8) : -1e3;
        q.add(ns_of(std::max(value, bound)), value > bound);
    }
    std::array<std::int32_t, 4> found{};
    q.quantiles(some_levels, found);
    const std::array<double, 4> expected = {20 - 3.372, 20, 20 + 6.408, 20 + 11.632};
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(std::abs(found[i] / 1e6 - expected[i]) < 0.4);
}

TEST_CASE("quantiles nobody can know are as low as can be", "[change]") {
    bounded_quantiles q;
    std::array<std::int32_t, 4> found{};
    q.quantiles(some_levels, found);
    CHECK(found[3] == INT32_MIN);
    for (int i = 0; i < 100; ++i) q.add(ns_of(3), i % 2 == 0);
    q.quantiles(some_levels, found);
    CHECK(found[0] == INT32_MIN);
    CHECK(std::abs(found[3] - ns_of(3)) < ns_of(0.3));
    for (const std::int32_t extreme : {INT32_MIN, INT32_MAX, 0, -1}) q.add(extreme, true);
    q.clear();
    CHECK(q.samples() == 0);
}

TEST_CASE("what is long past counts for nothing", "[change]") {
    bounded_quantiles q;
    for (int i = 0; i < 20'000; ++i) q.add(ns_of(50), true);
    for (int i = 0; i < 200'000; ++i) q.add(ns_of(5), true);
    std::array<std::int32_t, 4> found{};
    q.quantiles(some_levels, found);
    CHECK(found[3] < ns_of(5.5));
}

TEST_CASE("delays that are worse raise an alarm, those that are better do not", "[change]") {
    xoshiro256 random{6};
    SECTION("more jitter") {
        change_detector detector = learned(random);
        CHECK(alarms(detector, 30, [&] { return 10 + random.gaussian() * 4; }) >= 1);
    }
    SECTION("more delay") {
        change_detector detector = learned(random);
        CHECK(alarms(detector, 10, [&] { return 14 + random.gaussian(); }) == 1);
        CHECK(detector.delay_evidence() == 0);  // it learns anew
    }
    SECTION("a shorter route") {
        change_detector detector = learned(random);
        CHECK(alarms(detector, 60, [&] { return 4 + random.gaussian(); }) == 0);
    }
    SECTION("less jitter") {
        change_detector detector = learned(random);
        CHECK(alarms(detector, 1'000, [&] { return 10 + random.gaussian() / 4; }) == 0);
    }
    SECTION("one spike and its bunch") {
        change_detector detector = learned(random);
        CHECK_FALSE(detector.on_delay(60_ms, false));
        const std::int32_t one_spike = detector.delay_evidence();
        CHECK(one_spike > 0);
        for (int i = 1; i < 10; ++i) CHECK_FALSE(detector.on_delay(60_ms - 5_ms * i, true));
        CHECK(detector.delay_evidence() <= one_spike);
    }
}

TEST_CASE("fewer wanted false alarms need more evidence", "[change]") {
    change_detector detector;
    detector.configure({.false_alarms_per_1000_hours = 1'000});
    detector.set_interval(5_ms);
    const std::int32_t one_an_hour = detector.delay_threshold();
    detector.configure({.false_alarms_per_1000_hours = 250});
    detector.set_interval(5_ms);
    CHECK(detector.delay_threshold() - one_an_hour == 2 * 65'536);
    detector.set_interval(20_ms);
    CHECK(detector.delay_threshold() == one_an_hour);
    CHECK(detector.loss_threshold() > 0);
}

TEST_CASE("delays that resemble each other raise the evidence that an alarm takes", "[change]") {
    constexpr int an_hour = 720'000;
    const auto resembling = [gaussian = 0.0, random = xoshiro256{12}](double scale) mutable {
        gaussian = 0.5 * gaussian + std::sqrt(0.75) * random.gaussian();
        return 10 + gaussian * scale;
    };
    auto delay = resembling;
    change_detector detector;
    detector.configure({});
    detector.set_interval(5_ms);
    const std::int32_t at_first = detector.delay_threshold();
    CHECK(alarms(detector, an_hour, [&] { return delay(1); }) <= 10);  // by the bound alone dozens
    CHECK(detector.delay_threshold() > at_first + 5 * 65'536);
    CHECK(alarms(detector, 60, [&] { return delay(4); }) >= 1);
    detector.clear();
    CHECK(detector.delay_threshold() == at_first);

    xoshiro256 random{13};
    CHECK(alarms(detector, an_hour, [&] { return 10 + random.gaussian(); }) <= 2);
    CHECK(detector.delay_threshold() < at_first + 2 * 65'536);
}

TEST_CASE("a change detector that is off says nothing", "[change]") {
    change_detector detector;
    detector.configure({.enabled = false});
    for (int i = 0; i < 2'000; ++i) {
        REQUIRE_FALSE(detector.on_delay(i < 1'000 ? 1_ms : 500_ms, false));
        REQUIRE_FALSE(detector.on_fate(i > 1'000));
    }
    CHECK(detector.delay_evidence() == 0);
    CHECK(detector.loss_evidence() == 0);
}

TEST_CASE("losses: an alarm when they multiply, none when they stay", "[change]") {
    change_detector detector;
    detector.configure({});
    detector.set_interval(5_ms);
    xoshiro256 random{8};
    int found = 0;
    for (int i = 0; i < 40'000; ++i) found += detector.on_fate(random.chance(0.01));
    found = 0;  // the first ones tell that a hundredth is lost
    for (int i = 0; i < 100'000; ++i) found += detector.on_fate(random.chance(0.01));
    CHECK(found == 0);
    for (int i = 0; i < 1'000; ++i) found += detector.on_fate(random.chance(0.1));
    CHECK(found >= 1);
    detector.clear();
    CHECK(detector.loss_evidence() == 0);
}
