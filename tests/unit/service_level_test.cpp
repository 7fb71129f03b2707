// SPDX-License-Identifier: MIT
#include "duality/service_level.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

#include "duality/random.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

service_level made(const service_level_config& config) {
    auto monitor = service_level::create(config);
    REQUIRE(monitor.has_value());
    return std::move(monitor).value();
}

/// Packets that miss in bursts (Gilbert–Elliott): `share` of them, `burst` in a row in the mean.
class bursty {
public:
    bursty(std::uint64_t seed, double share, double burst)
        : random_{seed}, enter_{share / (burst * (1 - share))}, leave_{1 / burst} {}
    bool in_time() {
        missing_ = missing_ ? !random_.chance(leave_) : random_.chance(enter_);
        return !missing_;
    }

private:
    xoshiro256 random_;
    double enter_;
    double leave_;
    bool missing_ = false;
};

/// Alarms over `hours` of 20 packets a second.
std::uint64_t alarms_over(service_level& monitor, bursty& service, int hours, instant begin = instant{}) {
    for (std::int64_t i = 0; i < std::int64_t{hours} * 3'600 * 20; ++i)
        (void)monitor.observe(begin + 50_ms * i, service.in_time());
    return monitor.statistics().alarms;
}

}  // namespace

TEST_CASE("service level: false alarms are as far apart as promised, for single misses and for bursts") {
    for (const double burst : {1.0, 3.0, 8.0}) {
        std::uint64_t alarms = 0;
        // Blocks of at least six mean bursts, and 600 of them between two false alarms.
        const duration block = burst > 3 ? 4_s : 1_s;
        const int hours = static_cast<int>(20 * block.ns() / 1'000'000'000);
        constexpr int seeds = 10;
        for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
            service_level monitor = made({.miss_max_ppm = 10'000, .block = block, .between_false_alarms = block * 600});
            bursty service{seed, 0.01, burst};
            alarms += alarms_over(monitor, service, hours);
        }
        // Exactly at the agreed share, the worst that is still kept: at most 1200 are promised.
        CAPTURE(burst);
        CHECK(alarms <= 1'200);
        CHECK(alarms > 50);  // it is not asleep either
    }
}

TEST_CASE("service level: the chance of ever a false alarm is as small as promised") {
    constexpr int seeds = 400;
    int wrong = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        service_level monitor =
            made({.miss_max_ppm = 10'000, .promise = alarm_promise::probability, .false_alarm_ppm = 100'000});
        bursty service{seed, 0.01, 3};
        wrong += alarms_over(monitor, service, 1) > 0 ? 1 : 0;
    }
    // 40 are promised at most; 60 are three standard deviations above that.
    CHECK(wrong <= 60);
    CHECK(wrong > 0);
}

TEST_CASE("service level: it finds a service that is bad, and one that becomes bad after a good day") {
    for (const alarm_promise promise : {alarm_promise::mean_time, alarm_promise::probability}) {
        service_level monitor = made({.miss_max_ppm = 10'000, .promise = promise});
        bursty bad{7, 0.05, 2};
        std::int64_t i = 0;
        while (!monitor.observe(instant{} + 50_ms * i, bad.in_time())) REQUIRE(++i < 20 * 600);
    }
    service_level monitor = made({.miss_max_ppm = 10'000});
    bursty good{8, 0.002, 2};
    CHECK(alarms_over(monitor, good, 24) == 0);
    bursty bad{9, 0.05, 2};
    const instant worse = instant{} + 86'400_s;
    std::int64_t i = 0;
    while (!monitor.observe(worse + 50_ms * i, bad.in_time())) REQUIRE(++i < 20 * 600);
    CHECK(monitor.statistics().alarms == 1);
    CHECK(monitor.statistics().last_alarm == worse + 50_ms * i);
    CHECK(monitor.evidence() == 0);
}

TEST_CASE("service level: the bets by hand") {
    service_level monitor = made({.miss_max_ppm = 250'000, .between_false_alarms = 60_s});
    CHECK(monitor.threshold() == 60);
    // One block with half of its packets missing: X / m = 2, so that L = 1 + stake.
    for (int i = 0; i < 10; ++i) CHECK_FALSE(monitor.observe(instant{} + 100_ms * i, i % 2 == 0));
    CHECK(monitor.evidence() == 0);
    CHECK_FALSE(monitor.advance(instant{} + 1_s));
    double expected = 0;
    for (double stake = 0.5; stake >= 1.0 / 256; stake /= 2) expected += (1 + stake) / 8;
    CHECK(monitor.evidence() == expected);
    // Blocks without packets say nothing, and time going back is clamped.
    CHECK_FALSE(monitor.advance(instant{} + 100_s));
    CHECK(monitor.evidence() == expected);
    CHECK(monitor.statistics().blocks == 1);
    CHECK_FALSE(monitor.observe(instant{}, true));
    CHECK(monitor.statistics().clock_backwards == 1);
}

TEST_CASE("service level: everything missing for ever stays finite and alarms again and again") {
    service_level monitor = made({.miss_max_ppm = 1, .between_false_alarms = 315'360'000_s});
    for (std::int64_t i = 0; i < 1'000; ++i) (void)monitor.observe(instant{} + 1_s * i, false);
    CHECK(monitor.statistics().alarms > 100);
    CHECK(monitor.evidence() < 1e15);
}

TEST_CASE("service level: a configuration out of range names its field") {
    const auto field_of = [](const service_level_config& config) {
        return std::string{service_level::create(config).error().where.field};
    };
    CHECK(field_of({.miss_max_ppm = 0}) == "miss_max_ppm");
    CHECK(field_of({.miss_max_ppm = 500'001}) == "miss_max_ppm");
    CHECK(field_of({.block = 9_ms}) == "block");
    CHECK(field_of({.between_false_alarms = 59_s}) == "between_false_alarms");
    CHECK(field_of({.false_alarm_ppm = 0}) == "false_alarm_ppm");
    CHECK(service_level::bounds("block") != nullptr);
}
