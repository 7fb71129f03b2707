// SPDX-License-Identifier: MIT
#include "duality/regime.hpp"

#include <algorithm>
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

regime_detector make(const regime_config& config = {}) {
    auto made = regime_detector::create(config, allocator::system());
    REQUIRE(made.has_value());
    return std::move(made).value();
}

/// Packets `first … last - 1`, one every `spacing`, delayed by `delay_ms(sequence)` milliseconds; negative: lost.
/// FIFO: a packet does not overtake the one before it.
template <class Delay>
instant feed(regime_detector& detector, std::uint64_t first, std::uint64_t last, duration spacing, Delay delay_ms) {
    instant newest = instant::before_all();
    for (std::uint64_t s = first; s < last; ++s) {
        const double delay = delay_ms(s);
        if (delay < 0) continue;
        const std::int64_t origin = static_cast<std::int64_t>(s) * spacing.ns();
        newest = std::max(newest, instant::from_ns(origin + static_cast<std::int64_t>(delay * 1e6)));
        REQUIRE(detector.on_arrival(newest, s, media_time::from_ns(origin)) == status::ok);
    }
    return newest;
}

std::vector<regime_event> events(regime_detector& detector) {
    std::vector<regime_event> all;
    regime_event event;
    while (detector.poll_event(event)) all.push_back(event);
    return all;
}

}  // namespace

TEST_CASE("j_fast and j_slow agree with a double model to a microsecond", "[regime]") {
    regime_detector detector = make();
    xoshiro256 random{17};
    std::deque<double> window;
    double fast = 0;
    double slow = 0;
    double previous = 0;
    instant newest = instant::before_all();
    for (std::uint64_t s = 0; s < 20'000; ++s) {
        const std::int64_t origin = static_cast<std::int64_t>(s) * 5'000'000;
        const double delay = 20 + std::abs(random.gaussian()) * 3 + (random.chance(0.01) ? random.exponential(40) : 0);
        newest = std::max(newest, instant::from_ns(origin + static_cast<std::int64_t>(delay * 1e6)));
        REQUIRE(detector.on_arrival(newest, s, media_time::from_ns(origin)) == status::ok);
        const auto now = static_cast<double>(newest.ns());
        if (s > 0) {
            window.push_back(now - previous);
            if (window.size() > 32) window.pop_front();
            std::vector<double> sorted(window.begin(), window.end());
            std::sort(sorted.begin(), sorted.end());
            const double deviation = std::abs(window.back() - sorted[(sorted.size() - 1) / 2]);
            fast += 0.2 * (deviation - fast);
            slow += 0.05 * (deviation - slow);
        }
        previous = now;
        if (s % 10 == 0) {
            const regime_features f = detector.features(newest);
            REQUIRE(std::abs(static_cast<double>(f.j_fast.ns()) - fast) < 1'000);
            REQUIRE(std::abs(static_cast<double>(f.j_slow.ns()) - slow) < 1'000);
        }
    }
}

TEST_CASE("loss20 counts what is missing among the last 20, and takes it back", "[regime]") {
    regime_detector detector = make();
    instant now = feed(detector, 0, 100, 5_ms, [](std::uint64_t) { return 20.0; });
    CHECK(detector.features(now).loss20 == 0);
    now = feed(detector, 103, 105, 5_ms, [](std::uint64_t) { return 20.0; });
    CHECK(detector.features(now).loss20 == 3);
    REQUIRE(detector.on_arrival(now, 101, media_time::from_ns(505'000'000)) == status::ok);
    CHECK(detector.features(now).loss20 == 2);
    CHECK(detector.statistics().reordered == 1);
    CHECK(detector.on_arrival(now, 101, media_time::from_ns(505'000'000)) == status::duplicate);
    CHECK(detector.features(now).loss20 == 2);
    now = feed(detector, 105, 122, 5_ms, [](std::uint64_t) { return 20.0; });
    CHECK(detector.features(now).loss20 == 1);  // 102 is the last of the 20
    now = feed(detector, 122, 123, 5_ms, [](std::uint64_t) { return 20.0; });
    CHECK(detector.features(now).loss20 == 0);
    now = feed(detector, 400, 401, 5_ms, [](std::uint64_t) { return 20.0; });
    CHECK(detector.features(now).loss20 == 19);
    CHECK(detector.statistics().expected == 385);  // 0 … 384: settled 16 numbers behind the newest
    CHECK(detector.statistics().lost == 264);      // 100, 102, and 123 … 384
}

TEST_CASE("loss share and mean burst of a Gilbert-Elliott channel", "[regime]") {
    regime_detector detector = make();
    xoshiro256 random{23};
    bool bad = false;
    std::uint64_t lost = 0;
    double share = 0;
    double burst = 0;
    int looks = 0;
    for (std::uint64_t s = 0; s < 60'000; s += 1'000) {
        const instant now = feed(detector, s, s + 1'000, 5_ms, [&](std::uint64_t) {
            bad = bad ? random.chance(2.0 / 3) : random.chance(0.04 / 0.96 / 3);  // 4 % loss, mean burst 3
            lost += bad;
            return bad ? -1.0 : 20.0;
        });
        if (s < 4'000) continue;
        const regime_features f = detector.features(now);
        share += f.loss_slow_ppm / 1e6;
        burst += f.mean_burst_x16 / 16.0;
        ++looks;
    }
    CHECK(std::abs(share / looks - static_cast<double>(lost) / 60'000) < 0.004);
    CHECK(std::abs(burst / looks - 3) < 0.3);
}

TEST_CASE("an outage is not loss that parity could be sized for", "[regime]") {
    regime_detector detector = make();
    feed(detector, 0, 1'000, 5_ms, [](std::uint64_t) { return 20.0; });
    const instant now = feed(detector, 1'060, 2'000, 5_ms, [](std::uint64_t) { return 20.0; });
    const regime_features f = detector.features(now);
    CHECK(f.loss_slow_ppm == 0);
    CHECK(f.mean_burst_x16 == 0);
    CHECK(detector.statistics().lost == 60);
    CHECK(detector.statistics().loss_bursts == 1);
    CHECK(detector.statistics().outages == 1);
}

TEST_CASE("silence becomes an outage at the gap limit, and ends with the next packet", "[regime]") {
    regime_detector detector = make();
    CHECK(detector.next_timeout().is_never());
    const instant last = feed(detector, 0, 1'000, 5_ms, [](std::uint64_t) { return 20.0; });
    CHECK(detector.features(last).gap_limit == 25_ms);
    CHECK(detector.next_timeout() == last + 25_ms);
    detector.handle_timeout(last + 25_ms - 1_ns);
    CHECK(detector.current() == regime::calm);
    detector.handle_timeout(last + 25_ms);
    CHECK(detector.current() == regime::outage);
    CHECK(detector.next_timeout().is_never());
    CHECK(detector.features(last + 80_ms).gap == 80_ms);
    feed(detector, 1'020, 1'021, 5_ms, [](std::uint64_t) { return 20.0; });
    CHECK(detector.current() != regime::outage);
    const auto seen = events(detector);
    REQUIRE(seen.size() == 2);
    CHECK(seen[0].from == regime::calm);
    CHECK(seen[0].to == regime::outage);
    CHECK(seen[0].at == last + 25_ms);
    CHECK(seen[1].from == regime::outage);
}

TEST_CASE("the gap limit follows the spacing of the flow", "[regime]") {
    regime_detector slow = make();
    instant now = feed(slow, 0, 300, 100_ms, [](std::uint64_t) { return 20.0; });
    CHECK(slow.features(now).gap_limit == 205_ms);
    CHECK(slow.statistics().outages == 0);

    regime_detector rough = make();
    xoshiro256 random{2};
    now = feed(rough, 0, 4'000, 5_ms, [&](std::uint64_t) { return random.chance(0.02) ? 20 + 60.0 : 20.0; });
    CHECK(rough.features(now).gap_limit > 55_ms);
    CHECK(rough.features(now).gap_limit <= 120_ms);
}

TEST_CASE("regimes: jittery, lossy, congested, and back to calm after the linger", "[regime]") {
    regime_detector detector = make();
    feed(detector, 0, 600, 5_ms, [](std::uint64_t) { return 20.0; });
    CHECK(detector.current() == regime::calm);
    SECTION("jittery") {
        // Bunches of eight: released together every 40 ms. The median is 0, the deviation 5 ms on average.
        feed(detector, 600, 1'000, 5_ms, [](std::uint64_t s) { return 20 + 5.0 * static_cast<double>(15 - s % 16); });
        CHECK(detector.current() == regime::jittery);
    }
    SECTION("lossy") {
        feed(detector, 600, 1'000, 5_ms, [](std::uint64_t s) { return s % 8 == 0 ? -1.0 : 20.0; });
        CHECK(detector.current() == regime::lossy);
    }
    SECTION("congested") {
        feed(detector, 600, 1'000, 5_ms, [](std::uint64_t s) { return 20 + static_cast<double>(s - 600); });
        CHECK(detector.current() == regime::congested);
    }
    const regime before = detector.current();
    feed(detector, 1'000, 1'100, 5_ms, [](std::uint64_t) { return 20.0; });
    CHECK(detector.current() == before);  // half a second: it lingers
    feed(detector, 1'100, 1'600, 5_ms, [](std::uint64_t) { return 20.0; });
    CHECK(detector.current() == regime::calm);
}

TEST_CASE("a level step is an event, not congestion", "[regime]") {
    regime_detector detector = make();
    feed(detector, 0, 1'000, 5_ms, [](std::uint64_t) { return 20.0; });
    const instant now = feed(detector, 1'000, 1'400, 5_ms, [](std::uint64_t) { return 45.0; });
    const auto seen = events(detector);
    const auto step = std::find_if(seen.begin(), seen.end(),
                                   [](const regime_event& e) { return e.what == regime_event::kind::level_step; });
    REQUIRE(step != seen.end());
    CHECK(step->baseline_before == 20_ms);
    CHECK(step->baseline_after <= 45_ms);
    CHECK(step->baseline_after > 44_ms);
    CHECK(step->at - at_ms(5'045) <= 100_ms);
    CHECK(detector.features(now).queue_delay < 1_ms);
}

TEST_CASE("delay quantiles and the share that a hold would miss", "[regime]") {
    regime_detector detector = make();
    xoshiro256 random{9};
    const instant now = feed(detector, 0, 4'000, 20_ms, [&](std::uint64_t) { return 20 + random.exponential(6); });
    const regime_features f = detector.features(now);
    CHECK(std::abs(f.delay_p50.ms() - 4.16) < 1.2);
    CHECK(std::abs(f.delay_p95.ms() - 18) < 4);
    CHECK(f.delay_p99 > f.delay_p95);
    for (std::size_t i = 1; i < miss_holds.size(); ++i) CHECK(f.miss_ppm[i] <= f.miss_ppm[i - 1]);
    CHECK(std::abs(f.miss_ppm[3] / 1e6 - std::exp(-15.0 / 6)) < 0.03);
    CHECK(f.interval > 18_ms);
    CHECK(f.interval < 22_ms);
    CHECK(f.packets == 4'000);
}

TEST_CASE("absurd packets are refused; a restarted sender is learned afresh", "[regime]") {
    regime_detector detector = make();
    const instant now = feed(detector, 1'000, 2'000, 5_ms, [](std::uint64_t) { return 20.0; });
    CHECK(detector.on_arrival(now, 5, media_time::from_ns(9'000'000'000)) == status::late);
    CHECK(detector.on_arrival(now, 900'000'000, media_time::from_ns(9'990'000'000)) == status::out_of_window);
    CHECK(detector.on_arrival(now, 2'001, media_time::from_ns(INT64_MIN)) == status::out_of_window);
    CHECK(detector.statistics().refused == 3);
    CHECK(detector.features(now).packets == 1'000);
    for (std::uint64_t s = 0; s < 100; ++s) {
        const auto origin = static_cast<std::int64_t>(s) * 5'000'000;
        const status answer =
            detector.on_arrival(now + 1_s + duration::from_ns(origin), s, media_time::from_ns(origin));
        CHECK((answer == status::ok) == (s >= 3));
    }
    CHECK(detector.statistics().restarts == 1);
    CHECK(detector.features(now + 2_s).packets == 97);
    CHECK(detector.features(now + 2_s).loss20 == 0);
}

TEST_CASE("a clock that goes backwards is clamped and counted by the detector", "[regime]") {
    regime_detector detector = make();
    const instant now = feed(detector, 0, 10, 5_ms, [](std::uint64_t) { return 20.0; });
    REQUIRE(detector.on_arrival(now - 1_s, 10, media_time::from_ns(50'000'000)) == status::ok);
    CHECK(detector.statistics().clock_backwards == 1);
    CHECK(detector.features(now - 1_s).gap == 0_ms);
}

TEST_CASE("undrained events are dropped and counted, state is not", "[regime]") {
    regime_detector detector = make();
    std::uint64_t s = 0;
    for (int outage = 0; outage < 40; ++outage, s += 100)
        feed(detector, s, s + 60, 5_ms, [](std::uint64_t) { return 20.0; });
    CHECK(detector.statistics().outages == 39);
    CHECK(detector.statistics().events_dropped > 0);
    CHECK(events(detector).size() == 16);
}

TEST_CASE("a regime configuration out of range is refused by name", "[regime]") {
    regime_config config;
    config.gap_ceiling = 5_ms;
    CHECK(regime_detector::create(config, allocator::system()).error().where.field == "gap_ceiling");
    config = {};
    config.jittery_below = 11_ms;
    CHECK(regime_detector::create(config, allocator::system()).error().where.field == "jittery_below");
    config = {};
    config.lossy_from = 0;
    CHECK(regime_detector::create(config, allocator::system()).error().where.field == "lossy_from");
}
