// SPDX-License-Identifier: MIT
#include "duality/statistics.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <deque>
#include <vector>

#include "duality/random.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

instant at_ms(std::int64_t ms) {
    return instant::from_ns(ms * 1'000'000);
}

/// What a tracker says about packets sent every `spacing`, whose relative delay `delay_ms` gives for each send time.
template <class Delay>
std::vector<baseline_tracker::step> feed(baseline_tracker& tracker, std::int64_t from_ms, std::int64_t to_ms,
                                         std::int64_t spacing_ms, Delay delay_ms) {
    std::vector<baseline_tracker::step> steps;
    for (std::int64_t t = from_ms; t < to_ms; t += spacing_ms) {
        const auto delay = duration::from_ns(static_cast<std::int64_t>(delay_ms(static_cast<double>(t)) * 1e6));
        steps.push_back(tracker.add(at_ms(t) + delay, delay));
    }
    return steps;
}

}  // namespace

TEST_CASE("integer binary logarithm", "[statistics]") {
    CHECK(log2_q16(0) == 0);
    CHECK(log2_q16(1) == 0);
    CHECK(log2_q16(1'024) == 10 * 65'536);
    CHECK(log2_q16(~std::uint64_t{0}) / 65'536 == 63);
    xoshiro256 random{19};
    for (int i = 0; i < 10'000; ++i) {
        const std::uint64_t x = random.next() >> random.below(63) | 1;
        REQUIRE(std::abs(log2_q16(x) / 65'536.0 - std::log2(static_cast<double>(x))) < 1.1 / 65'536);
    }
}

TEST_CASE("ewma agrees with a double model", "[statistics]") {
    ewma<1, 5> fast;
    ewma<1, 20> slow;
    double fast_model = 0;
    double slow_model = 0;
    xoshiro256 random{7};
    for (int i = 0; i < 20'000; ++i) {
        const double ms = random.chance(0.05) ? random.exponential(40) : random.uniform(0, 5);
        const auto sample = duration::from_ns(static_cast<std::int64_t>(ms * 1e6));
        fast.add(sample);
        slow.add(sample);
        fast_model += 0.2 * (static_cast<double>(sample.ns()) - fast_model);
        slow_model += 0.05 * (static_cast<double>(sample.ns()) - slow_model);
        REQUIRE(std::abs(static_cast<double>(fast.value().ns()) - fast_model) < 5);
        REQUIRE(std::abs(static_cast<double>(slow.value().ns()) - slow_model) < 5);
    }
}

TEST_CASE("ewma survives the longest durations", "[statistics]") {
    ewma<1'000, 1'000> mean;
    mean.add(duration::infinite());
    CHECK(mean.value().ns() == std::int64_t{1} << 43);
    mean.add(-duration::infinite());
    CHECK(mean.value().ns() == -(std::int64_t{1} << 43));
}

TEST_CASE("running median is the median", "[statistics]") {
    running_median<9> median;
    CHECK(median.median() == 0);
    std::deque<std::int64_t> last;
    xoshiro256 random{3};
    for (int i = 0; i < 5'000; ++i) {
        const auto value = static_cast<std::int64_t>(random.below(i % 100 < 50 ? 4 : 1'000'000)) - 2;
        median.add(value);
        last.push_back(value);
        if (last.size() > 9) last.pop_front();
        std::vector<std::int64_t> sorted(last.begin(), last.end());
        std::sort(sorted.begin(), sorted.end());
        REQUIRE(median.median() == sorted[(sorted.size() - 1) / 2]);
    }
    median.clear();
    median.add(INT64_MAX);
    CHECK(median.median() == INT32_MAX - 1);
    median.add(INT64_MIN);
    CHECK(median.median() == 1 - INT32_MAX);
}

TEST_CASE("delay histogram gives quantiles and tail shares to a bucket", "[statistics]") {
    delay_histogram histogram;
    CHECK(histogram.quantile(5'000) == duration::zero());
    CHECK(histogram.above_ppm(1_ms) == 0);
    std::vector<std::int64_t> all;
    xoshiro256 random{11};
    for (int i = 0; i < 20'000; ++i) {
        all.push_back(static_cast<std::int64_t>(random.exponential(8e6)));
        histogram.add(duration::from_ns(all.back()));
    }
    std::sort(all.begin(), all.end());
    for (const std::uint32_t q : {500u, 2'500u, 5'000u, 9'000u, 9'900u, 9'990u}) {
        const auto exact = static_cast<double>(all[all.size() * q / 10'000]);
        CHECK(std::abs(static_cast<double>(histogram.quantile(q).ns()) - exact) < exact / 32 + 9'000);
    }
    for (const std::int64_t ms : {1, 5, 15, 30}) {
        const double exact = std::exp(-static_cast<double>(ms) / 8);
        CHECK(std::abs(histogram.above_ppm(duration::from_ms(ms)) / 1e6 - exact) < exact * 0.12);
    }
}

TEST_CASE("delay histogram forgets, and takes any duration", "[statistics]") {
    delay_histogram histogram{6};
    for (int i = 0; i < 100'000; ++i) histogram.add(100_ms);
    CHECK(histogram.above_ppm(50_ms) == 1'000'000);
    for (int i = 0; i < 64 * 5; ++i) histogram.add(1_ms);
    CHECK(histogram.above_ppm(50_ms) < 10'000);  // e^-5 is 6738 ppm
    CHECK(histogram.above_ppm(50_ms) > 5'000);
    CHECK(histogram.samples() == 100'320);

    delay_histogram extremes;
    extremes.add(-duration::infinite());
    extremes.add(duration::infinite());
    CHECK(extremes.quantile(0) < 10_us);
    CHECK(extremes.quantile(10'000) > 130_s);
    CHECK(extremes.above_ppm(duration::infinite()) == 0);
}

TEST_CASE("windowed quantile agrees with sorting the window", "[statistics]") {
    windowed_quantile window;
    REQUIRE(window.create(500_ms, 50, 256, 10, allocator::system()));
    struct sample {
        instant at;
        std::int64_t value;
    };
    std::deque<sample> model;
    xoshiro256 random{5};
    std::int64_t now = 0;
    double level = 20;
    for (int i = 0; i < 20'000; ++i) {
        now += 2'000'000 + static_cast<std::int64_t>(random.below(3'000'000));
        if (i % 1'000 == 999) now += 2'000'000'000;  // a pause empties the window down to what is kept
        if (i % 700 == 0) level = random.uniform(-500, 500);
        const auto value = static_cast<std::int64_t>((level + random.exponential(6)) * 1e6);
        window.add(instant::from_ns(now), duration::from_ns(value));
        while (model.size() > 10 && now - model.front().at.ns() > 500'000'000) model.pop_front();
        model.push_back({instant::from_ns(now), value});
        REQUIRE(window.size() == model.size());
        std::vector<std::int64_t> sorted;
        for (const sample& s : model) sorted.push_back(s.value);
        std::sort(sorted.begin(), sorted.end());
        const std::int64_t exact = sorted[(sorted.size() - 1) * 50 / 1'000];
        REQUIRE(window.low().ns() <= exact);
        REQUIRE(exact - window.low().ns() < 32'768);
    }
}

TEST_CASE("windowed quantile thins a fast flow evenly", "[statistics]") {
    windowed_quantile window;
    REQUIRE(window.create(1_s, 50, 64, 1, allocator::system()));
    for (std::int64_t i = 0; i < 10'000; ++i) window.add(instant::from_ns(i * 1'000'000), 20_ms);
    CHECK(window.size() > 55);
    CHECK(window.size() <= 64);
    CHECK(window.low() == 20_ms);
}

TEST_CASE("baseline of a constant delay is exact from the first packet on", "[statistics]") {
    baseline_tracker tracker;
    REQUIRE(tracker.create({}, allocator::system()));
    CHECK(!tracker.known());
    feed(tracker, 0, 1, 5, [](double) { return 20.0; });
    CHECK(tracker.known());
    CHECK(tracker.baseline() == 20_ms);
    feed(tracker, 5, 10'000, 5, [](double) { return 20.0; });
    CHECK(tracker.baseline() == 20_ms);
}

TEST_CASE("a first packet that was late does not hold the baseline up", "[statistics]") {
    baseline_tracker tracker;
    REQUIRE(tracker.create({}, allocator::system()));
    feed(tracker, 0, 10, 5, [](double t) { return t < 5 ? 80.0 : 75.0; });
    feed(tracker, 100, 106, 5, [](double) { return 20.0; });
    CHECK(tracker.baseline() <= 20_ms);
    CHECK(tracker.baseline() > 19_ms);
}

TEST_CASE("baseline follows a level step in both directions", "[statistics]") {
    for (const std::int64_t spacing : {1, 5, 20}) {
        for (const double step : {5.0, 25.0, 50.0}) {
            baseline_tracker tracker;
            REQUIRE(tracker.create({}, allocator::system()));
            xoshiro256 random{42};
            const auto noise = [&random] { return std::min(random.exponential(0.8), 4.0); };
            feed(tracker, 0, 5'000, spacing, [&](double) { return 20 + noise(); });
            CHECK(std::abs(tracker.baseline().ms() - 20) < 0.5);

            const auto steps = feed(tracker, 5'000, 5'200, spacing, [&](double) { return 20 + step + noise(); });
            INFO("spacing " << spacing << " step " << step);
            CHECK(std::count(steps.begin(), steps.end(), baseline_tracker::step::up) == 1);
            CHECK(std::abs(tracker.baseline().ms() - (20 + step)) < 1);

            feed(tracker, 5'300, 10'000, spacing, [&](double) { return 20 + step + noise(); });
            feed(tracker, 10'000, 10'100, spacing, [&](double) { return 20 + noise(); });
            CHECK(std::abs(tracker.baseline().ms() - 20) < 1);
        }
    }
}

TEST_CASE("a spike that drains and a queue that grows are no level steps", "[statistics]") {
    baseline_tracker tracker;
    REQUIRE(tracker.create({}, allocator::system()));
    feed(tracker, 0, 4'000, 5, [](double) { return 20.0; });
    SECTION("200 ms outage, then the backlog drains") {
        for (int k = 0; k < 5; ++k) {
            const double start = 4'000 + 1'000 * k;
            const auto steps = feed(tracker, 4'000 + 1'000 * k, 5'000 + 1'000 * k, 5,
                                    [=](double t) { return 20 + std::max(0.0, 200 - 0.9 * (t - start)); });
            CHECK(std::count(steps.begin(), steps.end(), baseline_tracker::step::up) == 0);
            CHECK(tracker.baseline() == 20_ms);
        }
    }
    SECTION("queue growing at 0.2 ms per ms") {
        const auto steps = feed(tracker, 4'000, 4'800, 5, [](double t) { return 20 + 0.2 * (t - 4'000); });
        CHECK(std::count(steps.begin(), steps.end(), baseline_tracker::step::up) == 0);
        CHECK(tracker.baseline() == 20_ms);
    }
}

TEST_CASE("baseline follows clocks that drift apart", "[statistics]") {
    for (const double ppm : {-200.0, 200.0}) {
        baseline_tracker tracker;
        REQUIRE(tracker.create({}, allocator::system()));
        xoshiro256 random{1};
        feed(tracker, 0, 120'000, 5, [&](double t) { return 20 + t * ppm * 1e-6 + std::abs(random.gaussian()) * 2; });
        CHECK(std::abs(tracker.baseline().ms() - (20 + 0.12 * ppm)) < 1);
    }
}

TEST_CASE("after a pause one late packet is not the baseline", "[statistics]") {
    baseline_tracker tracker;
    REQUIRE(tracker.create({}, allocator::system()));
    feed(tracker, 0, 5'000, 5, [](double) { return 20.0; });
    feed(tracker, 60'000, 60'010, 5, [](double) { return 70.0; });
    CHECK(tracker.baseline() == 20_ms);
}

TEST_CASE("baseline configuration is checked", "[statistics]") {
    baseline_config config;
    CHECK(baseline_tracker::check(config).ok());
    config.window = 1_ms;
    const auto check = baseline_tracker::check(config);
    CHECK(!check.ok());
    CHECK(check.error().where.field == "baseline.window");
}

TEST_CASE("delay variation is counted from the least delay, whenever that comes", "[statistics]") {
    delay_variation variation;
    REQUIRE(variation.create(allocator::system()));
    CHECK(variation.quantile(9'500) == duration::zero());
    std::vector<std::int64_t> all;
    xoshiro256 random{31};
    for (int i = 0; i < 20'000; ++i) {
        const double fall = i < 5'000 ? 0 : 120;  // the least delay comes down by 120 ms on the way
        all.push_back(static_cast<std::int64_t>((150 - fall + random.exponential(8)) * 1e6));
        variation.add(duration::from_ns(all.back()));
    }
    std::sort(all.begin(), all.end());
    for (const std::uint32_t q : {5'000u, 7'000u, 8'000u, 9'500u, 9'900u}) {
        const std::int64_t exact = all[(all.size() - 1) * q / 10'000] - all.front();
        CHECK(std::abs(variation.quantile(q).ns() - exact) <= 65'536);
    }
    CHECK(variation.samples() == 20'000);
    variation.add(-duration::infinite());
    CHECK(variation.quantile(5'000) > 200_ms);
    variation.clear();
    variation.add(20_ms);
    CHECK(variation.quantile(10'000) < 66_us);
}

TEST_CASE("interarrival jitter follows RFC 3550", "[statistics]") {
    interarrival_jitter jitter;
    double model = 0;
    double previous = 20;
    xoshiro256 random{13};
    jitter.add(20_ms);
    CHECK(jitter.value() == duration::zero());
    for (int i = 0; i < 1'000; ++i) {
        const auto delay = duration::from_ns(static_cast<std::int64_t>(random.uniform(15, 40) * 1e6));
        jitter.add(delay);
        model += (std::abs(delay.ms() - previous) - model) / 16;
        previous = delay.ms();
        REQUIRE(std::abs(jitter.value().ms() - model) < 1e-3);
    }
}

TEST_CASE("burst and gap metrics of RFC 3611 on patterns worked out by hand", "[statistics]") {
    const auto feed_pattern = [](burst_gap& metrics, int count, bool lost) {
        for (int i = 0; i < count; ++i) metrics.add(lost);
    };
    SECTION("an isolated loss belongs to the gap") {
        burst_gap metrics;
        feed_pattern(metrics, 50, false);
        metrics.add(true);
        feed_pattern(metrics, 49, false);
        CHECK(metrics.bursts() == 0);
        CHECK(metrics.lost() == 1);
        CHECK(metrics.gap_density_ppm() == 10'000);
        CHECK(metrics.mean_gap_packets() == 100);
    }
    SECTION("fewer than gmin received between two losses join them") {
        burst_gap metrics;
        feed_pattern(metrics, 20, false);
        metrics.add(true);
        feed_pattern(metrics, 15, false);
        metrics.add(true);
        feed_pattern(metrics, 16, false);
        CHECK(metrics.bursts() == 1);
        CHECK(metrics.mean_burst_packets() == 17);
        CHECK(metrics.burst_density_ppm() == 2'000'000 / 17);
        CHECK(metrics.gap_density_ppm() == 0);
        metrics.add(true);  // 16 received ones apart: alone
        feed_pattern(metrics, 16, false);
        CHECK(metrics.bursts() == 1);
        CHECK(metrics.gap_density_ppm() == 1'000'000 / (70 - 17));
    }
    SECTION("a burst still open counts as it stands") {
        burst_gap metrics;
        feed_pattern(metrics, 20, false);
        feed_pattern(metrics, 4, true);
        CHECK(metrics.bursts() == 1);
        CHECK(metrics.mean_burst_packets() == 4);
        CHECK(metrics.burst_density_ppm() == 1'000'000);
        CHECK(metrics.mean_gap_packets() == 10);
    }
}

TEST_CASE("the outage ledger counts silences by length", "[statistics]") {
    outage_ledger ledger;
    for (const std::int64_t ms : {5, 39, 40, 79, 80, 120, 299, 300, 1'500}) ledger.add(duration::from_ms(ms));
    CHECK(ledger.counts() == std::array<std::uint64_t, 4>{7, 5, 4, 2});
    CHECK(ledger.longest() == 1'500_ms);
    CHECK(ledger.total() == 2'418_ms);
}
