// SPDX-License-Identifier: MIT
//
// What an outage did, on runs written down by hand over a network drawn with outages.
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "duality/lab/outages.hpp"

using namespace duality;
using namespace duality::literals;
using namespace duality::lab;

namespace {

/// RTT 20 and 50 ms; only the primary path has outages, about three in ten seconds.
scenario network() {
    path_model model;
    model.rtt_ms = 20;
    model.outages[0] = {.per_minute = 20, .low_ms = 100, .high_ms = 600};
    auto primary = path::create(model, 4, 15_s);
    path_model other;
    other.rtt_ms = 50;
    auto second = path::create(other, 6, 15_s);
    REQUIRE(primary.has_value());
    REQUIRE(second.has_value());
    return {.name = "by hand",
            .primary = std::move(primary).value(),
            .second = std::move(second).value(),
            .length = 10_s,
            .interval = 5_ms};
}

/// A flow that moves to the second path `after` the outage began and back when it ended; with `moves` false, never.
run_result flow(const scenario& s, duration after, bool moves = true) {
    run_result r;
    for (instant at{}; at < instant{} + s.length; at += s.interval) {
        packet_record p{.sent = at, .baseline = 10_ms};
        bool over_second = false;
        for (const outage& o : s.primary.forward.outages()) over_second |= moves && o.begin + after <= at && at < o.end;
        const bool lost = !over_second && s.primary.forward.in_outage(at);
        if (!lost) p.arrived = p.available = p.released = at + (over_second ? 25_ms : 10_ms);
        r.datagrams.push_back({.sent = at,
                               .arrival = p.arrived,
                               .packet = r.packets.size(),
                               .ip_bytes = 428,
                               .path = static_cast<path_id>(over_second ? 1 : 0)});
        r.packets.push_back(p);
    }
    return r;
}

}  // namespace

TEST_CASE("outages: those that count are short and fall into the flow") {
    const scenario s = network();
    const auto effects = outage_effects(s, flow(s, 30_ms));
    REQUIRE(effects.size() >= 2);
    std::size_t expected = 0;
    for (const outage& o : s.primary.forward.outages())
        expected += o.end - o.begin <= 500_ms && o.end < instant{} + s.length ? 1 : 0;
    CHECK(effects.size() == expected);
    for (const outage_effect& e : effects) {
        CHECK(e.when.end - e.when.begin <= 500_ms);
        CHECK(e.rtt_primary == 20_ms);
        CHECK(e.rtt_longer == 50_ms);
    }
    CHECK(outage_effects(s, flow(s, 30_ms), {.longest = 0_ms}).empty());
    CHECK(outage_effects(s, run_result{}).empty());
}

TEST_CASE("outages: the gap and the time until traffic moved are what the flow shows") {
    const scenario s = network();
    for (const outage_effect& e : outage_effects(s, flow(s, 30_ms))) {
        REQUIRE(e.exposed.has_value());
        // Packets leave every 5 ms: six are lost, the next is the first to move.
        CHECK(*e.exposed == 30_ms);
        // From the last release over the primary to the first over the second: 35 ms later sent, 15 ms slower.
        CHECK(e.gap == 50_ms);
    }
    for (const outage_effect& e : outage_effects(s, flow(s, 0_ms, false))) {
        REQUIRE(e.exposed.has_value());
        CHECK(*e.exposed <= e.when.end - e.when.begin);
        CHECK(*e.exposed > e.when.end - e.when.begin - 5_ms);
        CHECK(e.gap >= e.when.end - e.when.begin);
        CHECK(e.gap <= e.when.end - e.when.begin + 10_ms);
    }
    // Traffic that has left before the outage is not exposed to it.
    for (const outage_effect& e : outage_effects(s, flow(s, duration{} - 20_ms))) {
        CHECK_FALSE(e.exposed.has_value());
        CHECK(e.gap <= 20_ms + 5_ms);
    }
}

TEST_CASE("outages: a release after its deadline does not end a gap") {
    const scenario s = network();
    run_result r = flow(s, 30_ms);
    for (packet_record& p : r.packets)
        if (p.released - p.sent == 25_ms) p.released = p.sent + 200_ms;
    for (const outage_effect& e : outage_effects(s, r)) CHECK(e.gap >= e.when.end - e.when.begin);
}

TEST_CASE("outages: one near an outage of the second path is left out") {
    scenario s = network();
    const std::size_t all = outage_effects(s, flow(s, 30_ms)).size();
    s.second = s.primary;
    CHECK(outage_effects(s, flow(s, 30_ms)).empty());
    CHECK(all > 0);
}

TEST_CASE(
    "outages: packets that are late without an outage are told apart from those in and after one, and from lost ones") {
    const scenario s = network();
    const outage first = s.primary.forward.outages().front();
    const auto is_late = [&](instant sent, instant released) {
        run_result one;
        one.packets.push_back({.sent = sent, .baseline = 10_ms, .released = released});
        return late_outside_outages(s, one) == 1;
    };
    const instant before = first.begin - 1_ms;
    CHECK_FALSE(is_late(before, before + 110_ms));
    CHECK(is_late(before, before + 110_ms + 1_us));
    CHECK_FALSE(is_late(before, instant::never()));
    CHECK_FALSE(is_late(first.begin, first.begin + 1_s));
    CHECK_FALSE(is_late(first.end + 249_ms, first.end + 1_s));
    CHECK(is_late(first.end + 250_ms, first.end + 1_s));
}

TEST_CASE(
    "outages: a stall takes the flow off the primary from when it could be an outage until it is known to be none") {
    const scenario s = network();
    const instant stall =
        instant{} + 20_ms * ((s.primary.forward.outages().front().begin.ns() - 200'000'000) / 20'000'000);
    // What is sent in the `length` after `stall` arrives together, when the stall is over.
    const auto moved = [&](duration length, const outage_floor& floor) {
        run_result r = flow(s, 0_ms, false);
        for (packet_record& p : r.packets)
            if (p.sent >= stall && p.sent < stall + length && !p.released.is_never())
                p.released = stall + length + 10_ms;
        return moved_outside_outages(s, r, floor);
    };
    CHECK(moved(0_ms, {}) == 0);
    // To be on the other path 50 ms after the first packet, and the news takes two ways of 10 ms.
    CHECK(moved(30_ms, {}) == 0);
    CHECK(moved(35_ms, {}) == 1);
    CHECK(moved(60_ms, {}) == 6);
    CHECK(moved(60_ms, {.allowance = 60_ms}) == 2);
    // What moves is released 25 ms later, as the last packet before it was: 60 ms apart when it is sent 55 ms later. Then
    // one packet in 60 ms is enough.
    CHECK(moved(60_ms, {.moving = false}) == 1);
    CHECK(moved(95_ms, {.moving = false}) == 1);
    CHECK(moved(100_ms, {.moving = false}) == 2);
    CHECK(moved(60_ms, {.report_interval = 20_ms}) == 8);
    CHECK(moved_outside_outages(s, run_result{}, {}) == 0);
}

TEST_CASE("outages: a lost packet alone takes nothing off the primary") {
    const scenario s = network();
    run_result r = flow(s, 0_ms, false);
    for (std::size_t i = 0; i < r.packets.size(); i += 4) r.packets[i].released = instant::never();
    CHECK(moved_outside_outages(s, r, {}) == 0);
}

TEST_CASE("outages: bytes on the second path count as outside when no outage is near") {
    const scenario s = network();
    run_result r = flow(s, 30_ms);
    CHECK(metered_outside_outages(s, r) == 0);
    const outage first = s.primary.forward.outages().front();
    const auto probe = [&](instant at) {
        run_result one;
        one.datagrams.push_back({.sent = at, .ip_bytes = 60, .path = 1, .from_far = true});
        return metered_outside_outages(s, one);
    };
    CHECK(probe(first.begin - 1_ms) == 60);
    CHECK(probe(first.begin) == 0);
    CHECK(probe(first.end + 249_ms) == 0);
    CHECK(probe(first.end + 250_ms) == 60);
}
