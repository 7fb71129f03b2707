// SPDX-License-Identifier: MIT
#include "duality/multipath.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "duality/random.hpp"
#include "support/counting_allocator.hpp"
#include "support/used_path.hpp"

using namespace duality;
using namespace duality::literals;
using namespace duality::test;

TEST_CASE("scheduler: paths are added, named and removed") {
    scheduler s = open_scheduler({.max_paths = 2});
    CHECK_FALSE(s.best({}).has_value());
    CHECK(s.add_path({}, 7, {}) == status::ok);
    CHECK(s.add_path({}, 7, {}) == status::invalid_argument);
    CHECK(s.add_path({}, 200, {}) == status::ok);
    CHECK(s.add_path({}, 9, {}) == status::queue_full);
    CHECK(s.has_path(200));
    CHECK_FALSE(s.has_path(9));
    CHECK(s.remove_path(9) == status::unknown_path);
    CHECK(s.remove_path(7) == status::ok);
    CHECK_FALSE(s.has_path(7));
    CHECK(s.best({}) == path_id{200});
    CHECK(s.add_path({}, 9, {}) == status::ok);
    std::vector<path_id> seen;
    s.for_each_path([&](path_id id) { seen.push_back(id); });
    CHECK(seen == std::vector<path_id>{9, 200});
    CHECK(s.state(77) == path_state::dead);
    CHECK(s.config(77) == nullptr);
    CHECK(s.rtt(77) == 0_ms);
}

TEST_CASE("scheduler: the round trip is measured without the time the peer took, over the same path only") {
    scheduler s = open_scheduler();
    REQUIRE(s.add_path({}, 0, {.initial_rtt = 70_ms}) == status::ok);
    REQUIRE(s.add_path({}, 1, {}) == status::ok);
    CHECK(s.rtt(0) == 70_ms);
    CHECK(s.on_transmit(instant{}, 0, 100, 128) == 0);
    s.on_report(instant{} + 33_ms, 0, {0, 0, 3_ms, {}});
    CHECK(s.rtt(0) == 30_ms);
    CHECK(s.statistics(instant{} + 33_ms, 0).rtt_min == 30_ms);
    CHECK(s.statistics(instant{} + 33_ms, 0).rtt_deviation == 15_ms);

    CHECK(s.on_transmit(instant{} + 100_ms, 0, 100, 128) == 1);
    s.on_report(instant{} + 170_ms, 0, {1, 1, 0_ms, {}});  // by the other path: alive, but no sample
    CHECK(s.rtt(0) == 30_ms);
    // RFC 9002: smoothed 7/8 old + 1/8 new, deviation 3/4 old + 1/4 difference.
    CHECK(s.on_transmit(instant{} + 200_ms, 0, 100, 128) == 2);
    s.on_report(instant{} + 238_ms, 0, {0, 2, 0_ms, {}});
    CHECK(s.rtt(0) == 31_ms);
    CHECK(s.statistics(instant{} + 238_ms, 0).rtt_deviation == duration::from_us(13'250));
}

TEST_CASE("scheduler: lies and old news about sequences change nothing") {
    scheduler s = open_scheduler();
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    s.on_report(instant{} + 1_ms, 0, {0, 0, 0_ms, {}});  // nothing was sent yet
    CHECK(s.state(0) == path_state::standby);
    for (int i = 0; i < 5; ++i) (void)s.on_transmit(instant{} + 10_ms, 0, 100, 128);
    for (const int never_sent : {5, 6, 1'000, 0x7FFF, 0x8000, 0xFFFF})
        s.on_report(instant{} + 20_ms, 0, {0, static_cast<std::uint16_t>(never_sent), 0_ms, {}});
    CHECK(s.state(0) == path_state::standby);
    CHECK(s.rtt(0) == 50_ms);
    s.on_report(instant{} + 20_ms, 0, {0, 4, 0_ms, {}});
    CHECK(s.state(0) == path_state::warm);
    CHECK(s.rtt(0) == 10_ms);
    s.on_report(instant{} + 500_ms, 0, {0, 3, 0_ms, {}});  // older than what is known
    s.on_report(instant{} + 500_ms, 0, {0, 4, 0_ms, {}});
    CHECK(s.rtt(0) == 10_ms);
    s.on_report(instant{} + 500_ms, 42, {0, 4, 0_ms, {}});  // no such path
}

TEST_CASE("scheduler: sequence numbers wrap around at 2^16") {
    scheduler s = open_scheduler();
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    instant now{};
    for (std::uint32_t i = 0; i < 70'000; ++i) {
        REQUIRE(s.next_sequence(0) == static_cast<std::uint64_t>(i));
        REQUIRE(s.on_transmit(now, 0, 100, 128) == static_cast<std::uint16_t>(i));
        s.on_report(now + 20_ms, 0, {0, static_cast<std::uint16_t>(i), 0_ms, {}});
        now += 1_ms;
    }
    CHECK(s.rtt(0) == 20_ms);
    CHECK(s.silence(now + 1_s, 0) == 0_ms);  // everything is reported
}

TEST_CASE("scheduler: received sequence numbers tell losses, latecomers and repetitions") {
    scheduler s = open_scheduler();
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    const auto arrive = [&](std::uint16_t sequence) { return s.on_arrival({}, {}, 0, sequence, 100); };
    const auto lost = [&] { return s.statistics({}, 0).packets_lost; };
    CHECK(arrive(65'534).newly_lost == 0);
    CHECK(arrive(65'535).newly_lost == 0);
    CHECK(arrive(2).newly_lost == 2);  // 0 and 1
    CHECK(lost() == 2);
    const path_arrival late = arrive(1);  // not lost
    CHECK_FALSE(late.duplicate);
    CHECK(late.overtaken);
    CHECK(lost() == 1);
    const path_arrival again = arrive(1);
    CHECK(again.duplicate);
    CHECK_FALSE(again.overtaken);
    CHECK_FALSE(arrive(2).overtaken);
    CHECK(arrive(65'535).duplicate);
    CHECK(s.statistics({}, 0).packets_duplicated == 3);
    CHECK(arrive(200).newly_lost == 197);
    CHECK_FALSE(arrive(100).duplicate);  // too far back to know
    CHECK(s.statistics({}, 0).packets_received == 9);
    CHECK(s.statistics({}, 0).bytes_received == 9 * 128);
    std::uint16_t newest = 0;
    std::uint16_t count = 0;
    duration age;
    REQUIRE(s.received(instant{} + 4_ms, 0, newest, age, count));
    CHECK(newest == 200);
    CHECK(age == 4_ms);
    CHECK(count == 9);
    CHECK_FALSE(s.received({}, 1, newest, age, count));
}

TEST_CASE("scheduler: a path in reserve is measured while data flows, and only then") {
    scheduler s = open_scheduler();
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    REQUIRE(s.add_path({}, 1, {}) == status::ok);
    instant now{};
    int probes = 0;
    const auto run = [&](duration length, bool flows) {
        probes = 0;
        for (const instant end = now + length; now < end; now += 5_ms) {
            s.handle_timeout(now);
            if (flows) s.activate(now, 0);
            if (flows) s.on_report(now, 0, {0, s.on_transmit(now, 0, 400, 400), 0_ms, {}});
            while (const auto id = s.poll_probe(now)) {
                s.on_report(now, *id, {*id, s.on_transmit(now, *id, 10, 38), 0_ms, {}});
                probes += *id == 1 ? 1 : 0;
            }
        }
        return probes;
    };
    CHECK(run(1'200_ms, true) >= 4);  // often, before anything is known
    const int measured = run(30_s, true);
    CHECK(measured >= 9);
    CHECK(measured <= 11);
    CHECK(run(4_s, false) <= 1);
    CHECK(run(30_s, false) <= 3);  // kept alive
}

TEST_CASE("scheduler: idle paths are kept alive, standby paths probed, and never more often than needed") {
    const scheduler_config config;
    scheduler s = open_scheduler(config);
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    instant now{};
    // Standby: probed at once.
    REQUIRE(s.poll_probe(now) == path_id{0});
    CHECK_FALSE(s.poll_probe(now).has_value());
    (void)s.on_transmit(now, 0, 10, 38);
    s.on_report(now + 20_ms, 0, {0, 0, 0_ms, {}});
    REQUIRE(s.state(0) == path_state::warm);
    int probes = 0;
    int wake_ups = 0;
    for (const instant end = now + 60_s; s.next_timeout() <= end;) {
        REQUIRE(++wake_ups < 1'000);
        now = std::max(now, s.next_timeout());
        s.handle_timeout(now);
        while (s.poll_probe(now)) {
            ++probes;
            const std::uint16_t sequence = s.on_transmit(now, 0, 10, 38);
            s.on_report(now + 20_ms, 0, {0, sequence, 0_ms, {}});
        }
        REQUIRE(s.next_timeout() > now);
    }
    CHECK(probes >= 5);
    CHECK(probes <= 7);
}

TEST_CASE("scheduler: a dead path is probed less and less often, at least once in two seconds") {
    scheduler s = open_scheduler();
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    used_path flow{s, 0, 20_ms};
    instant now{};
    flow.run(now, 1_s, true);
    flow.run(now, 300_ms, false);
    REQUIRE(s.state(0) == path_state::dead);
    std::vector<instant> probes;
    for (const instant end = now + 60_s; s.next_timeout() <= end;) {
        now = std::max(now, s.next_timeout());
        s.handle_timeout(now);
        while (s.poll_probe(now)) {
            probes.push_back(now);
            REQUIRE(probes.size() < 1'000);
        }
    }
    REQUIRE(probes.size() > 30);
    for (std::size_t i = 1; i < probes.size(); ++i) CHECK(probes[i] - probes[i - 1] <= 2_s);
    CHECK(probes[1] - probes[0] < probes.back() - probes[probes.size() - 2]);
}

TEST_CASE("scheduler: at the end of time nothing is due") {
    scheduler s = open_scheduler();
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    int probes = 0;
    while (s.poll_probe(instant::never())) REQUIRE(++probes <= 1);
}

TEST_CASE("scheduler: budgets are taken before a datagram leaves, and one event tells when they refuse") {
    scheduler s = open_scheduler();
    REQUIRE(s.add_path({}, 0, {.budget = {.day_bytes = 1'000}, .datagram_overhead = 28, .max_datagram = 500}) ==
            status::ok);
    CHECK(s.reserve({}, {}, 0, 501) == status::too_large);
    CHECK(s.reserve({}, {}, 0, 472) == status::ok);
    CHECK(s.reserve({}, {}, 0, 472) == status::ok);
    CHECK(s.reserve({}, {}, 9, 1) == status::unknown_path);
    CHECK_FALSE(s.path_exhausted(0));
    CHECK(s.reserve({}, {}, 0, 0) == status::over_budget);  // 28 bytes are more than 0
    CHECK(s.path_exhausted(0));
    CHECK(s.reserve({}, {}, 0, 0) == status::over_budget);
    const auto events = events_of(s);
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == path_event_kind::budget_exhausted);
    CHECK_FALSE(s.best({}).has_value());  // it stops
    CHECK_FALSE(s.poll_probe(instant{} + 1_s).has_value());
    CHECK(s.next_timeout().is_never());
}

TEST_CASE("scheduler: received bytes count too") {
    scheduler s = open_scheduler();
    REQUIRE(s.add_path({}, 0, {.budget = {.day_bytes = 1'000}}) == status::ok);
    (void)s.on_arrival({}, wall_of({}), 0, 0, 872);
    CHECK(s.reserve({}, wall_of({}), 0, 73) == status::over_budget);
    scheduler t = open_scheduler();
    REQUIRE(t.add_path({}, 0, {.budget = {.day_bytes = 1'000}}) == status::ok);
    (void)t.on_arrival({}, wall_of({}), 0, 0, 872);
    CHECK(t.reserve({}, wall_of({}), 0, 72) == status::ok);
}

TEST_CASE("scheduler: cheap before dear, short before long, living before dead") {
    scheduler s = open_scheduler();
    REQUIRE(s.add_path({}, 0, {.cost = cost_class::metered, .initial_rtt = 5_ms}) == status::ok);
    REQUIRE(s.add_path({}, 1, {.initial_rtt = 80_ms}) == status::ok);
    REQUIRE(s.add_path({}, 2, {.initial_rtt = 40_ms}) == status::ok);
    CHECK(s.best({}) == path_id{2});
    CHECK(s.alternative(2) == path_id{1});
    CHECK(s.alternative(1) == path_id{2});
    REQUIRE(s.remove_path(2) == status::ok);
    REQUIRE(s.remove_path(1) == status::ok);
    CHECK(s.best({}) == path_id{0});
    CHECK_FALSE(s.alternative(0).has_value());
}

TEST_CASE("scheduler: random calls, honest timeouts") {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        CAPTURE(seed);
        xoshiro256 random{seed};
        scheduler s = open_scheduler();
        instant now{};
        for (int i = 0; i < 2'000; ++i) {
            const auto id = static_cast<path_id>(random.below(5));
            switch (random.below(12)) {
                case 0: (void)s.add_path(now, id, {.budget = {.day_bytes = 20'000}}); break;
                case 1:
                    if (random.chance(0.1)) (void)s.remove_path(id);
                    break;
                case 2: s.activate(now, id); break;
                case 3:
                    s.on_report(now, id,
                                {static_cast<path_id>(random.below(5)),
                                 static_cast<std::uint16_t>(random.below(200)),
                                 duration::from_us(100),
                                 {}});
                    break;
                case 4: (void)s.on_arrival(now, wall_of(now), id, static_cast<std::uint16_t>(random.next()), 50); break;
                case 5: now += duration::from_ms(static_cast<std::int64_t>(random.below(300))); break;
                default:
                    if (s.reserve(now, wall_of(now), id, 100) == status::ok)
                        (void)s.on_transmit(now, id, 100, random.chance(0.7) ? 128 : 0);
            }
            s.handle_timeout(now);
            int probes = 0;
            while (s.poll_probe(now)) REQUIRE(++probes <= 4);
            REQUIRE(s.next_timeout() > now);
            if (const auto best = s.best(now)) {
                REQUIRE(s.has_path(*best));
                REQUIRE_FALSE(s.path_exhausted(*best));
                const auto other = s.alternative(*best);
                REQUIRE(other != best);
                if (other) REQUIRE(s.state(*other) != path_state::dead);
            }
            now += duration::from_us(static_cast<std::int64_t>(random.below(5'000)));
        }
    }
}

TEST_CASE("scheduler: creation checks its configuration and its memory") {
    const auto refused = [](auto change) {
        scheduler_config config;
        change(config);
        const auto made = scheduler::create(config, allocator::system());
        CHECK(made.code() == status::invalid_config);
        return std::string{made.error().where.field};
    };
    CHECK(refused([](scheduler_config& c) { c.max_paths = 0; }) == "max_paths");
    CHECK(refused([](scheduler_config& c) { c.max_paths = 17; }) == "max_paths");
    CHECK(refused([](scheduler_config& c) { c.report_interval = 0_ms; }) == "report_interval");
    CHECK(refused([](scheduler_config& c) { c.suspicion_margin = 0_ms; }) == "suspicion_margin");
    CHECK(refused([](scheduler_config& c) { c.dead_after = 0_ms; }) == "dead_after");
    CHECK(refused([](scheduler_config& c) { c.probe_interval = 0_ms; }) == "probe_interval");
    CHECK(refused([](scheduler_config& c) { c.keep_alive = 0_ms; }) == "keep_alive");
    CHECK(refused([](scheduler_config& c) { c.recovery_time = -1_ms; }) == "recovery_time");
    for (const field_bounds& row : scheduler_bounds) CHECK(scheduler::bounds(row.field) != nullptr);

    test::counting_allocator all;
    {
        const auto made = scheduler::create({}, all.get());
        REQUIRE(made.has_value());
    }
    CHECK(all.live_blocks() == 0);
    for (std::size_t allowed = 0; allowed < all.calls(); ++allowed) {
        test::counting_allocator some{allowed};
        CHECK(scheduler::create({}, some.get()).code() == status::out_of_memory);
        CHECK(some.live_blocks() == 0);
    }
}
