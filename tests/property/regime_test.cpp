// SPDX-License-Identifier: MIT
#include "duality/regime.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include "duality/random.hpp"
#include "support/counting_allocator.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

/// A first-in-first-out path with heavy-tailed jitter: Gaussian, 0.5 % spikes of 20 ms on average, random loss.
struct heavy_tailed_flow {
    xoshiro256 random;
    double spacing_ms = 5;
    double sigma_ms = 3;
    double loss = 0.001;
    double shift_ms = 0;
    std::uint64_t sequence = 0;
    double newest_ms = 0;

    [[nodiscard]] double send_time_ms() const { return static_cast<double>(sequence) * spacing_ms; }
    void step(regime_detector& detector) {
        const double origin = send_time_ms();
        const double delay =
            30 + shift_ms + random.gaussian() * sigma_ms + (random.chance(0.005) ? random.exponential(20) : 0);
        const std::uint64_t s = sequence++;
        if (random.chance(loss)) return;
        newest_ms = std::max(newest_ms, origin + std::max(delay, 1.0));
        REQUIRE(detector.on_arrival(instant::from_ns(static_cast<std::int64_t>(newest_ms * 1e6)), s,
                                    media_time::from_ns(static_cast<std::int64_t>(origin * 1e6))) == status::ok);
    }
};

/// Milliseconds from the change to the first event of that kind, one per repetition, sorted; 5000 when there was none.
template <class Change>
std::vector<double> latencies(regime_event::kind kind, double spacing_ms, int repetitions, Change change) {
    std::vector<double> found;
    for (int i = 0; i < repetitions; ++i) {
        auto detector = regime_detector::create({}, allocator::system());
        REQUIRE(detector.has_value());
        heavy_tailed_flow flow{xoshiro256{static_cast<std::uint64_t>(1'000 + i)}};
        flow.spacing_ms = spacing_ms;
        regime_event event;
        while (flow.send_time_ms() < 60'000) flow.step(*detector);
        while (detector->poll_event(event)) {
        }
        const double start = flow.send_time_ms() + 30;  // when the first packet after the change is expected
        change(flow);
        double latency = 5'000;
        while (latency == 5'000 && flow.newest_ms < start + 5'000) {
            flow.step(*detector);
            while (detector->poll_event(event))
                if (event.what == kind) latency = std::min(latency, static_cast<double>(event.at.ns()) / 1e6 - start);
        }
        found.push_back(latency);
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace

TEST_CASE("changes for the worse are found within a few packets", "[regime][property]") {
    SECTION("jitter times four") {
        const auto found = latencies(regime_event::kind::delay_worse, 5, 100, [](auto& f) { f.sigma_ms = 12; });
        CHECK(found[50] < 100);
        CHECK(found[95] < 200);
    }
    SECTION("loss from 0.1 to 5 %") {
        const auto found = latencies(regime_event::kind::loss_worse, 5, 100, [](auto& f) { f.loss = 0.05; });
        CHECK(found[50] < 400);
        CHECK(found[95] < 1'000);
    }
    SECTION("50 ms more delay, the same jitter") {
        const auto found = latencies(regime_event::kind::level_step, 5, 100, [](auto& f) { f.shift_ms = 50; });
        CHECK(found[50] < 110);  // 50 of them pass before the first packet shows it
        CHECK(found[95] < 140);
    }
}

TEST_CASE("false alarms stay near the wanted rate", "[regime][property]") {
    // At the default of one an hour; a wanted 60 an hour gives the test something to count.
    for (const double spacing_ms : {5.0, 20.0}) {
        regime_config config;
        config.change.false_alarms_per_1000_hours = 60'000;
        auto detector = regime_detector::create(config, allocator::system());
        REQUIRE(detector.has_value());
        heavy_tailed_flow flow{xoshiro256{99}};
        flow.spacing_ms = spacing_ms;
        constexpr double hours = 2;
        while (flow.send_time_ms() < hours * 3.6e6) flow.step(*detector);
        const regime_statistics& counted = detector->statistics();
        INFO("spacing " << spacing_ms << ": " << counted.delay_alarms << " + " << counted.loss_alarms);
        CHECK(static_cast<double>(counted.delay_alarms + counted.loss_alarms) / hours < 90);
        CHECK(static_cast<double>(counted.level_steps) / hours < 6);
    }
}

TEST_CASE("a bet wins what the likelihood ratio says and never owes", "[regime][property]") {
    share_bet bet{10'000, 400'000};
    bet.add(false);
    CHECK(bet.wealth() == 0);
    bet.add(true);
    CHECK(std::abs(bet.wealth() / 65'536.0 - std::log2(40)) < 1e-4);
    bet.add(false);
    CHECK(std::abs(bet.wealth() / 65'536.0 - std::log2(40 * 0.6 / 0.99)) < 1e-4);
    bet.clear();
    CHECK(bet.wealth() == 0);
}

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

TEST_CASE("regime: memory is taken at creation only, and its lack is reported", "[regime][property]") {
    test::counting_allocator counting;
    {
        auto made = regime_detector::create({}, counting.get());
        REQUIRE(made.has_value());
        const std::size_t calls = counting.calls();
        REQUIRE(calls > 0);
        for (std::int64_t i = 0; i < 5'000; ++i)
            (void)made->on_arrival(instant::from_ns(i * 5'000'000), static_cast<std::uint64_t>(i),
                                   media_time::from_ns(i * 5'000'000));
        CHECK(made->features(instant::from_ns(25'000'000'000)).packets == 5'000);
        CHECK(counting.calls() == calls);
        for (std::size_t allowed = 0; allowed < calls; ++allowed) {
            test::counting_allocator refusing{allowed};
            CHECK(regime_detector::create({}, refusing.get()).code() == status::out_of_memory);
            CHECK(refusing.live_blocks() == 0);
        }
    }
    CHECK(counting.live_blocks() == 0);
    CHECK(counting.live_bytes() == 0);
}
