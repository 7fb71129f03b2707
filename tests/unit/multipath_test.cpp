// SPDX-License-Identifier: MIT
#include "duality/multipath.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "duality/random.hpp"
#include "support/counting_allocator.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

scheduler open_scheduler(const scheduler_config& config = {}) {
    auto made = scheduler::create(config, allocator::system());
    REQUIRE(made.has_value());
    return std::move(made).value();
}

/// With a free path 0 and a metered path 1.
scheduler open_two_paths(const scheduler_config& config = {}) {
    scheduler s = open_scheduler(config);
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    REQUIRE(s.add_path({}, 1, {.cost = cost_class::metered}) == status::ok);
    return s;
}

wall_time wall_of(instant now) {
    return wall_time::from_ns(now.ns());
}

std::vector<path_event> events_of(scheduler& s) {
    std::vector<path_event> out;
    path_event e;
    while (s.poll_event(e)) out.push_back(e);
    return out;
}

/// A path in use whose peer reports every packet one round trip later, until it goes silent.
class used_path {
public:
    used_path(scheduler& s, path_id id, duration rtt) : s_{s}, id_{id}, rtt_{rtt} {}

    /// Sends a packet every 5 ms for a while; a report comes every 20 ms as long as the path lives.
    void run(instant& now, duration length, bool alive) {
        for (const instant end = now + length; now < end; now += 5_ms) {
            s_.activate(now, id_);
            const std::uint16_t sequence = s_.on_transmit(now, id_, 100, 128);
            sent_.push_back({now + rtt_, sequence});
            s_.handle_timeout(now);
            if (!alive || now < next_report_) continue;
            next_report_ = now + 20_ms;
            std::uint16_t newest = 0;
            bool any = false;
            while (!sent_.empty() && sent_.front().first <= now) {
                newest = sent_.front().second;
                any = true;
                sent_.erase(sent_.begin());
            }
            if (any) s_.on_report(now, id_, {id_, newest, 0_ms, {}});
        }
    }

private:
    scheduler& s_;
    path_id id_;
    duration rtt_;
    std::vector<std::pair<instant, std::uint16_t>> sent_;
    instant next_report_{};
};

}  // namespace

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
