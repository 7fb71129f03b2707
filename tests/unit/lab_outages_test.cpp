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
