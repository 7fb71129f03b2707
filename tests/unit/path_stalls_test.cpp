// SPDX-License-Identifier: MIT
//
// How the scheduler finds out that a path has failed or stalls, and what it does with the flow then.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <vector>

#include "duality/multipath.hpp"
#include "support/used_path.hpp"

using namespace duality;
using namespace duality::literals;
using namespace duality::test;

TEST_CASE("scheduler: silence makes a path suspect, then dead; answers bring it back") {
    const scheduler_config config;
    scheduler s = open_two_paths(config);
    used_path flow{s, 0, 20_ms};
    instant now{};
    flow.run(now, 2_s, true);
    CHECK(s.state(0) == path_state::active);
    CHECK(s.best(now) == path_id{0});
    (void)events_of(s);
    CHECK(s.silence(now, 0) <= 40_ms);

    const instant silent = now;
    flow.run(now, 300_ms, false);
    const auto events = events_of(s);
    const auto suspicion =
        std::find_if(events.begin(), events.end(), [](const path_event& e) { return e.to == path_state::suspect; });
    const auto death =
        std::find_if(events.begin(), events.end(), [](const path_event& e) { return e.to == path_state::dead; });
    REQUIRE(suspicion != events.end());
    REQUIRE(death != events.end());
    CHECK(suspicion->from == path_state::active);
    CHECK(suspicion->silence >= suspicion->threshold);
    CHECK(suspicion->at > silent);
    CHECK(suspicion->at <= silent + 20_ms + config.report_interval + config.suspicion_margin * 5);
    CHECK(death->from == path_state::suspect);
    CHECK(death->at >= suspicion->at + config.dead_after);
    CHECK(death->at <= suspicion->at + config.dead_after + 10_ms);
    CHECK(s.state(0) == path_state::dead);
    CHECK(s.best(now) == path_id{1});
    CHECK_FALSE(s.alternative(1).has_value());
    CHECK(s.statistics(now, 0).suspicions == 1);
    CHECK(s.statistics(now, 0).deaths == 1);

    // A dead path is probed, and comes back when it answers.
    for (int i = 0; i < 400 && s.state(0) == path_state::dead; ++i, now += 5_ms) {
        s.handle_timeout(now);
        while (const auto probe = s.poll_probe(now)) {
            const std::uint16_t sequence = s.on_transmit(now, *probe, 10, 38);
            s.on_report(now + 20_ms, *probe, {*probe, sequence, 0_ms, {}});
        }
    }
    CHECK(s.state(0) == path_state::warm);
    CHECK(s.best(now) == path_id{0});
}

TEST_CASE("scheduler: a dead path is back at its first answer in time, and waits longer each time it fails again") {
    for (const duration spacing : {5_ms, 50_ms}) {
        CAPTURE(spacing.ms());
        const scheduler_config config;
        scheduler s = open_scheduler(config);
        REQUIRE(s.add_path({}, 0, {}) == status::ok);
        instant now{};
        const auto flow = [&](duration length) {
            for (const instant end = now + length; now < end; now += spacing) {
                s.activate(now, 0);
                const std::uint16_t sent = s.on_transmit(now, 0, 400, 400);
                s.on_report(now + 2_ms, 0, {0, sent, 0_ms, {}});
            }
        };
        const auto answered = [&](duration after) {
            const std::uint16_t probe = s.on_transmit(now, 0, 10, 400);
            now += after;
            s.on_report(now, 0, {0, probe, 0_ms, {}});
            return s.state(0);
        };
        /// How long the path answers before it is back.
        const auto fail = [&] {
            for (int i = 0; i < 10; ++i) (void)s.on_transmit(now, 0, 400, 400);
            for (const instant end = now + 500_ms; now < end; now += 5_ms) s.handle_timeout(now);
            REQUIRE(s.state(0) == path_state::dead);
            CHECK(answered(2_ms + config.late_after) == path_state::dead);  // too late to come back
            duration waited{};
            for (; answered(2_ms) == path_state::dead; waited += 2_ms) REQUIRE(waited < 1_s);
            return waited;
        };
        flow(2_s);
        CHECK(fail() == 0_ms);
        const bool slow = spacing > config.recovery_time * 3 / 4;
        for (const std::int64_t times : {1, 2, 4, 8, 16, 16}) {
            flow(200_ms);
            CHECK(fail() == (slow ? 0_ms : config.recovery_time / 2 * times));
        }
        flow(2_s);
        CHECK(fail() == 0_ms);
    }
}

TEST_CASE("scheduler: lateness shows in reports over another path too") {
    scheduler s = open_scheduler();
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    REQUIRE(s.add_path({}, 1, {}) == status::ok);
    instant now{};
    const auto exchange = [&](duration there, path_id via) {
        s.activate(now, 0);
        const std::uint16_t sent = s.on_transmit(now, 0, 400, 400);
        s.handle_timeout(now);
        s.on_report(now + there + 20_ms, 0, {via, sent, 0_ms, {}});
        now += 5_ms;
    };
    // Both paths take 20 ms each way.
    const std::uint16_t probe = s.on_transmit(now, 1, 10, 38);
    s.on_report(now + 40_ms, 1, {1, probe, 0_ms, {}});
    for (int i = 0; i < 200; ++i) exchange(20_ms, i % 2 == 0 ? 0 : 1);
    CHECK(s.state(0) == path_state::active);
    for (int i = 0; i < 3; ++i) exchange(85_ms, 1);  // 65 ms late
    CHECK(s.state(0) == path_state::active);
    for (int i = 0; i < 3; ++i) exchange(95_ms, 1);  // 75 ms late
    CHECK(s.state(0) == path_state::dead);
}

TEST_CASE("scheduler: a peer in funds owes a report for the first packet, another one when it has earned it") {
    const scheduler_config config{.report_worth = 2'000};
    const auto unnoticed = [&](bool in_funds) {
        scheduler s = open_two_paths(config);
        used_path flow{s, 0, 20_ms};
        instant now{};
        s.on_funds(in_funds);
        flow.run(now, 2_s, true);
        REQUIRE(s.statistics(now, 0).suspicions == 0);
        const instant silent = now;
        flow.run(now, 300_ms, false);
        for (const path_event& e : events_of(s))
            if (e.to == path_state::suspect) return e.at - silent;
        return duration::infinite();
    };
    CHECK(unnoticed(true) <= config.report_interval + config.suspicion_margin + 10_ms);
    // 16 packets of 128 bytes, some of which are under way.
    CHECK(unnoticed(false) >= unnoticed(true) + 30_ms);
    CHECK(unnoticed(false) <= 80_ms + 20_ms + config.suspicion_margin + 10_ms);
}

TEST_CASE("scheduler: a path that owes nothing is never suspect") {
    scheduler s = open_scheduler();
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    (void)s.on_transmit({}, 0, 100, 128);
    s.on_report(instant{} + 20_ms, 0, {0, 0, 0_ms, {}});
    s.activate(instant{} + 20_ms, 0);
    for (int i = 0; i < 100; ++i) (void)s.on_transmit(instant{} + 30_ms, 0, 100, 0);
    for (instant now{}; now < instant{} + 9_s; now += 10_ms) s.handle_timeout(now);
    CHECK(s.state(0) == path_state::active);
    CHECK(s.silence(instant{} + 9_s, 0) == 0_ms);
}

namespace {

/// Two paths, the first of which has round trips of 30 ms and, one time in five, of `spike` more, and has just stalled.
scheduler with_a_stalled_path(instant& now, const path_config& second, duration spike, int packets = 300) {
    scheduler s = open_scheduler();
    REQUIRE(s.add_path(now, 0, {}) == status::ok);
    REQUIRE(s.add_path(now, 1, second) == status::ok);
    s.renew_budgets(now, wall_of(now));
    (void)s.on_transmit(now, 1, 100, 128);
    s.on_report(now + 50_ms, 1, {1, 0, 0_ms, {}});
    std::uint16_t sequence = 0;
    for (int i = 0; i < packets; ++i) {
        s.activate(now, 0);
        sequence = s.on_transmit(now, 0, 100, 128);
        now += 30_ms + (i % 5 == 0 ? spike : 0_ms);
        s.on_report(now, 0, {0, sequence, 0_ms, {}});
    }
    s.activate(now, 0);
    sequence = s.on_transmit(now, 0, 2'000, 2'000);
    now = s.next_timeout(false);
    s.handle_timeout(now);
    REQUIRE(s.state(0) == path_state::suspect);
    (void)events_of(s);
    now += 10_ms;
    s.on_report(now, 0, {0, sequence, 60_ms, {}});
    REQUIRE(s.state(0) == path_state::active);
    return s;
}

}  // namespace

TEST_CASE("scheduler: a path that stalls while its round trips spread loses the flow for a second") {
    instant now{};
    scheduler s = with_a_stalled_path(now, {.cost = cost_class::metered}, 60_ms);
    const std::vector<path_event> events = events_of(s);
    REQUIRE(events.size() == 2);
    CHECK(events[0].to == path_state::active);
    CHECK(events[1].kind == path_event_kind::unsteady);
    CHECK(events[1].path == 0);
    CHECK(events[1].threshold == 35_ms);
    CHECK(events[1].silence > 35_ms);
    CHECK(s.is_left(now, 0));
    CHECK(s.best(now) == path_id{1});
    CHECK(s.best(now + 1_s - 1_ms) == path_id{1});
    CHECK(s.best(now + 1_s) == path_id{0});
}

TEST_CASE("scheduler: a path that was left shows that it lives before the flow comes back") {
    instant now{};
    scheduler s = with_a_stalled_path(now, {.cost = cost_class::metered}, 60_ms);
    REQUIRE(s.is_left(now, 0));
    s.activate(now, 1);
    const instant end = now + 1_s;
    const auto run_until = [&](instant until, bool answers) {
        std::size_t probes = 0;
        while (s.next_timeout() <= until) {
            now = std::max(now, s.next_timeout());
            s.handle_timeout(now);
            while (const std::optional<path_id> id = s.poll_probe(now)) {
                const std::uint16_t sequence = s.on_transmit(now, *id, 9, 37);
                if (*id != 0) continue;
                ++probes;
                if (answers) s.on_report(now + 30_ms, 0, {0, sequence, 0_ms, {}});
            }
        }
        now = until;
        return probes;
    };
    SECTION("it answers") {
        CHECK(run_until(end, true) == 1);
        CHECK(s.state(0) == path_state::warm);
        CHECK(s.best(end) == path_id{0});
    }
    SECTION("it has failed meanwhile") {
        CHECK(run_until(end - 1_ms, false) == 1);
        CHECK(s.state(0) == path_state::warm);
        (void)run_until(end + 100_ms, false);
        CHECK(s.state(0) == path_state::dead);
        CHECK(s.best(now) == path_id{1});
        (void)run_until(end + 200_ms, true);
        CHECK(s.best(now) == path_id{0});
    }
}

TEST_CASE("scheduler: news that comes over another path does not hide that a path is silent") {
    const scheduler_config config;
    scheduler s = open_two_paths(config);
    used_path flow{s, 0, 20_ms};
    instant now{};
    s.on_funds(true);
    flow.run(now, 1_s, true);
    // The last packets that arrived are told of over a path that takes long.
    const std::uint16_t last = s.on_transmit(now, 0, 100, 128);
    const instant silent = now;
    for (int i = 0; i < 20 && s.state(0) == path_state::active; ++i, now += 5_ms) {
        (void)s.on_transmit(now, 0, 100, 128);
        s.on_report(now, 0, {1, static_cast<std::uint16_t>(last - 20 + i), 30_ms, {}});
        s.handle_timeout(now);
    }
    CHECK(s.state(0) == path_state::suspect);
    CHECK(now - silent <= 20_ms + config.report_interval + config.suspicion_margin + 10_ms);
}

TEST_CASE("scheduler: a stall may be that of the path which the flow has come to since") {
    const scheduler_config config;
    instant now{};
    const auto moved_back = [&] {
        scheduler s = open_two_paths(config);
        now = {};
        for (const path_id id : {path_id{0}, path_id{1}}) {
            used_path{s, id, id == 0 ? 20_ms : 50_ms}.run(now, 1_s, true);
            s.on_report(now, id, {id, static_cast<std::uint16_t>(s.next_sequence(id) - 1), 0_ms, {}});
        }
        return s;
    };
    scheduler s = moved_back();
    const auto newest = static_cast<std::uint16_t>(s.next_sequence(1) - 1);
    const instant back = now;
    const duration way = 10_ms + config.suspicion_margin + 25_ms;
    for (; now < back + way + 10_ms; now += 5_ms) {
        s.activate(now, 0);
        (void)s.on_transmit(now, 0, 100, 128);
        if (now != back + way - 5_ms && now != back + way + 5_ms) continue;
        CAPTURE((now - back).ms());
        CHECK(s.state(0) == path_state::active);
        s.on_stall(now, 1, 1, newest);  // over the path that was left
        CHECK(s.state(0) == (now < back + way ? path_state::active : path_state::suspect));
    }
    // When it has brought news since, it has not stalled.
    s = moved_back();
    s.activate(now, 0);
    const std::uint16_t came = s.on_transmit(now, 0, 100, 128);
    s.on_report(now + 20_ms, 0, {0, came, 0_ms, {}});
    s.on_stall(now + 80_ms, 1, 1, static_cast<std::uint16_t>(s.next_sequence(1) - 1));
    CHECK(s.state(0) == path_state::active);
}

TEST_CASE("scheduler: an unsteady path keeps the flow when no other may carry it") {
    instant now{};
    SECTION("its round trips do not spread that far") {
        scheduler s = with_a_stalled_path(now, {.cost = cost_class::metered}, 20_ms);
        CHECK(s.best(now) == path_id{0});
        CHECK(events_of(s).size() == 1);
    }
    SECTION("it has lost hardly anything so far") {
        scheduler s = with_a_stalled_path(now, {.cost = cost_class::metered}, 60_ms, 2'000);
        CHECK(s.best(now) == path_id{0});
        CHECK(events_of(s).size() == 1);
    }
    SECTION("the other one is for outages only") {
        scheduler s = with_a_stalled_path(now, {.cost = cost_class::metered, .budget = {.carry_bp = 0}}, 60_ms);
        CHECK(s.best(now) == path_id{0});
    }
    SECTION("the other one has used up what it may") {
        scheduler s = with_a_stalled_path(now, {.cost = cost_class::metered, .budget = {.day_bytes = 100'000}}, 60_ms);
        CHECK(s.best(now) == path_id{1});
        for (int i = 0; i < 50; ++i) REQUIRE(s.reserve(now, wall_of(now), 1, 1'000) == status::ok);
        s.renew_budgets(now, wall_of(now));
        CHECK(s.best(now) == path_id{0});
    }
    SECTION("it is dead") {
        scheduler s = with_a_stalled_path(now, {}, 60_ms);
        for (int i = 0; i < 20; ++i) (void)s.on_transmit(now, 1, 1'000, 1'000);
        s.activate(now, 1);
        for (int i = 0; i < 2; ++i) s.handle_timeout(now = s.next_timeout(false));
        REQUIRE(s.state(1) == path_state::dead);
        CHECK(s.best(now) == path_id{0});
    }
}

TEST_CASE("scheduler: paths of which none lives take turns when that lasts") {
    scheduler s = open_scheduler();
    instant now{};
    for (const path_id id : {path_id{0}, path_id{1}}) {
        REQUIRE(s.add_path(now, id, {.cost = id == 1 ? cost_class::metered : cost_class::free}) == status::ok);
        used_path path{s, id, 30_ms};
        path.run(now, 200_ms, true);
        for (int i = 0; i < 60 && s.state(id) != path_state::dead; ++i) path.run(now, 5_ms, false);
        REQUIRE(s.state(id) == path_state::dead);
    }
    CHECK(s.best(now) == path_id{1});  // heard of last
    now += 100_ms;
    std::vector<int> sent(2);
    for (int i = 0; i < 10; ++i, now += 5_ms) {
        const path_id chosen = s.best(now).value();
        s.activate(now, chosen);
        (void)s.on_transmit(now, chosen, 100, 128);
        ++sent[chosen];
    }
    CHECK(sent == std::vector<int>{5, 5});
}
