// SPDX-License-Identifier: MIT
#include <catch2/catch_test_macros.hpp>

#include "support.hpp"

using capi_test::counting_host;
using capi_test::made;

TEST_CASE("C statistics: delay variation and interarrival jitter") {
    counting_host host;
    duality_delay_variation* variation = nullptr;
    duality_interarrival_jitter* jitter = nullptr;
    REQUIRE(duality_delay_variation_create(host.get(), &variation) == DUALITY_OK);
    REQUIRE(duality_interarrival_jitter_create(host.get(), &jitter) == DUALITY_OK);
    for (std::int64_t i = 0; i < 100; ++i) {
        REQUIRE(duality_delay_variation_add(variation, 20'000'000 + i * 1'000'000) == DUALITY_OK);
        REQUIRE(duality_interarrival_jitter_add(jitter, i % 2 * 16'000'000) == DUALITY_OK);
    }
    std::int64_t value = 0;
    std::uint64_t samples = 0;
    REQUIRE(duality_delay_variation_quantile(variation, 5'000, &value, &samples) == DUALITY_OK);
    CHECK(samples == 100);
    CHECK(value > 48'000'000);
    CHECK(value < 50'000'000);
    CHECK(duality_delay_variation_quantile(variation, 10'001, &value, nullptr) == DUALITY_INVALID_ARGUMENT);
    REQUIRE(duality_interarrival_jitter_value(jitter, &value) == DUALITY_OK);
    CHECK(value > 15'000'000);
    REQUIRE(duality_delay_variation_clear(variation) == DUALITY_OK);
    REQUIRE(duality_delay_variation_quantile(variation, 5'000, &value, &samples) == DUALITY_OK);
    CHECK(samples == 0);
    REQUIRE(duality_interarrival_jitter_clear(jitter) == DUALITY_OK);
    CHECK(duality_delay_variation_destroy(variation) == DUALITY_OK);
    CHECK(duality_interarrival_jitter_destroy(jitter) == DUALITY_OK);
    CHECK(host.live == 0);
}

TEST_CASE("C statistics: bursts, gaps and outages") {
    duality_burst_gap* metrics = nullptr;
    CHECK(duality_burst_gap_create(0, nullptr, &metrics) == DUALITY_INVALID_ARGUMENT);
    REQUIRE(duality_burst_gap_create(16, nullptr, &metrics) == DUALITY_OK);
    for (std::uint32_t i = 0; i < 200; ++i)
        REQUIRE(duality_burst_gap_add(metrics, i >= 100 && i < 104 ? 1 : 0) == DUALITY_OK);
    auto counted = made<duality_burst_gap_metrics>();
    REQUIRE(duality_burst_gap_get_metrics(metrics, &counted) == DUALITY_OK);
    CHECK(counted.packets == 200);
    CHECK(counted.bursts == 1);
    CHECK(counted.mean_burst_packets == 4);
    CHECK(counted.burst_density_ppm == 1'000'000);
    REQUIRE(duality_burst_gap_clear(metrics) == DUALITY_OK);
    CHECK(duality_burst_gap_destroy(metrics) == DUALITY_OK);

    duality_outage_ledger* ledger = nullptr;
    REQUIRE(duality_outage_ledger_create(nullptr, &ledger) == DUALITY_OK);
    for (const std::int64_t silence_ms : {5, 45, 130, 400})
        REQUIRE(duality_outage_ledger_add(ledger, silence_ms * 1'000'000) == DUALITY_OK);
    auto outages = made<duality_outages>();
    REQUIRE(duality_outage_ledger_get_outages(ledger, &outages) == DUALITY_OK);
    CHECK(outages.at_least[0] == 3);
    CHECK(outages.at_least[3] == 1);
    CHECK(outages.longest_ns == 400'000'000);
    REQUIRE(duality_outage_ledger_clear(ledger) == DUALITY_OK);
    CHECK(duality_outage_ledger_destroy(ledger) == DUALITY_OK);
}

TEST_CASE("C service level: an alarm when more misses its deadline than was agreed") {
    counting_host host;
    auto config = made<duality_service_level_config>();
    REQUIRE(duality_service_level_config_default(&config) == DUALITY_OK);
    CHECK(config.miss_max_ppm == 2'000);
    auto why = made<duality_failure>();
    duality_service_level* monitor = nullptr;
    config.miss_max_ppm = 0;
    CHECK(duality_service_level_create(&config, nullptr, &why, &monitor) == DUALITY_INVALID_CONFIG);
    CHECK(std::string_view{why.field} == "miss_max_ppm");
    config.miss_max_ppm = 10'000;
    config.promise = 2;
    CHECK(duality_service_level_create(&config, nullptr, &why, &monitor) == DUALITY_INVALID_CONFIG);
    CHECK(std::string_view{why.field} == "promise");
    config.promise = DUALITY_ALARM_PROBABILITY;
    REQUIRE(duality_service_level_create(&config, host.get(), nullptr, &monitor) == DUALITY_OK);

    // 20 packets a second: one in a hundred misses, as agreed, and later one in four.
    auto counted = made<duality_service_level_statistics>();
    std::int64_t at = 0;
    std::uint32_t alarms = 0;
    const auto feed = [&](int packets, int every) {
        for (int i = 0; i < packets; ++i) {
            std::uint32_t alarm = 7;
            REQUIRE(duality_service_level_observe(monitor, at += 50'000'000, i % every != 0 ? 1 : 0, &alarm) ==
                    DUALITY_OK);
            alarms += alarm;
        }
    };
    feed(1'000, 100);
    CHECK(alarms == 0);
    REQUIRE(duality_service_level_get_statistics(monitor, &counted) == DUALITY_OK);
    CHECK(counted.last_alarm_ns == DUALITY_NEVER);
    CHECK(counted.threshold == 100.0);
    feed(400, 4);
    CHECK(alarms > 0);
    std::uint32_t alarm = 7;
    REQUIRE(duality_service_level_advance(monitor, at, &alarm) == DUALITY_OK);
    CHECK(alarm == 0);
    REQUIRE(duality_service_level_observe(monitor, 0, 1, nullptr) == DUALITY_OK);
    REQUIRE(duality_service_level_get_statistics(monitor, &counted) == DUALITY_OK);
    CHECK(counted.packets == 1'401);
    CHECK(counted.missed == 110);
    CHECK(counted.alarms == alarms);
    CHECK(counted.last_alarm_ns > 50'000'000'000);
    CHECK(counted.clock_backwards == 1);
    CHECK(duality_service_level_destroy(monitor) == DUALITY_OK);
    CHECK(host.live == 0);
}

TEST_CASE("C aggregator: each packet once, whichever path brought it") {
    duality_aggregator* aggregator = nullptr;
    REQUIRE(duality_aggregator_create(nullptr, nullptr, nullptr, &aggregator) == DUALITY_OK);
    std::uint64_t number = 0;
    REQUIRE(duality_aggregator_unwrap(aggregator, 7, &number) == DUALITY_OK);
    std::uint32_t missing = 9;
    CHECK(duality_aggregator_accept(aggregator, 0, number, 0, &missing) == DUALITY_OK);
    CHECK(missing == 0);
    CHECK(duality_aggregator_accept(aggregator, 0, number, 0, nullptr) == DUALITY_DUPLICATE);
    CHECK(duality_aggregator_accept(aggregator, 1, number + 3, 5, &missing) == DUALITY_OK);
    CHECK(missing == 2);
    std::uint32_t known = 9;
    REQUIRE(duality_aggregator_known(aggregator, number + 1, &known) == DUALITY_OK);
    CHECK(known == 0);
    REQUIRE(duality_aggregator_known(aggregator, number + 3, &known) == DUALITY_OK);
    CHECK(known == 1);
    auto statistics = made<duality_aggregator_statistics>();
    REQUIRE(duality_aggregator_get_statistics(aggregator, &statistics) == DUALITY_OK);
    CHECK(statistics.accepted == 2);
    CHECK(statistics.duplicates == 1);
    CHECK(statistics.newest == number + 3);
    CHECK(duality_aggregator_destroy(aggregator) == DUALITY_OK);
}

TEST_CASE("C repair generator: a report is answered once") {
    duality_repair_generator* generator = nullptr;
    REQUIRE(duality_repair_generator_create(nullptr, nullptr, nullptr, &generator) == DUALITY_OK);
    auto report = made<duality_deficit_report>();
    report.first_missing = 12;
    report.last_missing = 13;
    report.symbols_needed = 2;
    report.time_left_ns = 80'000'000;
    report.round_trip_ns = 30'000'000;
    auto order = made<duality_repair_order>();
    REQUIRE(duality_repair_generator_answer(generator, 0, &report, 0, 20, &order) == DUALITY_OK);
    CHECK(order.count >= 2);
    CHECK(order.first_esi <= 12);
    REQUIRE(duality_repair_generator_answer(generator, 1'000'000, &report, 0, 20, &order) == DUALITY_OK);
    CHECK(order.count == 0);
    auto statistics = made<duality_repair_generator_statistics>();
    REQUIRE(duality_repair_generator_get_statistics(generator, &statistics) == DUALITY_OK);
    CHECK(statistics.reports == 2);
    CHECK(statistics.in_flight == 1);
    CHECK(duality_repair_generator_destroy(generator) == DUALITY_OK);
}

TEST_CASE("C clock sync: the offset of a peer whose clock is a second ahead") {
    duality_clock_sync* clock = nullptr;
    REQUIRE(duality_clock_sync_create(nullptr, nullptr, nullptr, &clock) == DUALITY_OK);
    constexpr std::int64_t ahead = 1'000'000'000;
    constexpr std::int64_t way = 10'000'000;
    std::int64_t now = 0;
    for (int i = 0; i < 40; ++i) {
        std::int64_t at = 0;
        REQUIRE(duality_clock_sync_next_request(clock, &at) == DUALITY_OK);
        now = at > now ? at : now;
        std::int64_t t1 = 0;
        REQUIRE(duality_clock_sync_on_request(clock, now, &t1) == DUALITY_OK);
        now += 2 * way;
        REQUIRE(duality_clock_sync_on_response(clock, now, t1, t1 + way + ahead, t1 + way + ahead) == DUALITY_OK);
        CHECK(duality_clock_sync_on_response(clock, now, t1, t1 + way + ahead, t1 + way + ahead) == DUALITY_DUPLICATE);
    }
    auto estimate = made<duality_clock_estimate>();
    REQUIRE(duality_clock_sync_get_estimate(clock, now, &estimate) == DUALITY_OK);
    CHECK(estimate.state == DUALITY_CLOCK_LOCKED);
    CHECK(estimate.offset_ns > ahead - 1'000'000);
    CHECK(estimate.offset_ns < ahead + 1'000'000);
    std::int64_t peer = 0;
    std::int64_t back = 0;
    REQUIRE(duality_clock_sync_to_peer(clock, now, &peer) == DUALITY_OK);
    REQUIRE(duality_clock_sync_from_peer(clock, peer, &back) == DUALITY_OK);
    CHECK(back - now <= 1);
    CHECK(now - back <= 1);
    auto statistics = made<duality_clock_sync_statistics>();
    REQUIRE(duality_clock_sync_get_statistics(clock, &statistics) == DUALITY_OK);
    CHECK(statistics.accepted == 40);
    CHECK(statistics.duplicates == 40);
    CHECK(duality_clock_sync_on_request_refused(clock, now) == DUALITY_OK);
    CHECK(duality_clock_sync_reset(clock, now) == DUALITY_OK);
    CHECK(duality_clock_sync_destroy(clock) == DUALITY_OK);
}
