// SPDX-License-Identifier: MIT
#include "duality/lab/simulation.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "support/bundling_run.hpp"

using namespace duality;
using namespace duality::lab;
using namespace duality::literals;

namespace {

run_result run(const scenario& network, const simulation_config& config) {
    auto done = simulate(network, config);
    REQUIRE(done.has_value());
    return std::move(done).value();
}

/// A short run of a family, for a replay bundle should it fail.
run_result run(family id, std::uint64_t seed, const simulation_config& config,
               duration length = duration::from_seconds(10)) {
    return test::run_recipe({.network = id, .seed = seed, .length = length, .config = config});
}

scenario short_scenario(family id, std::uint64_t seed) {
    return make_scenario(id, seed, 10_s);
}

/// A network that does nothing to packets but delay them.
scenario clean_network() {
    path_model model;
    model.rtt_ms = 20;
    auto primary = path::create(model, 1, 20_s);
    REQUIRE(primary.has_value());
    path_model other;
    other.rtt_ms = 50;
    auto second = path::create(other, 2, 20_s);
    REQUIRE(second.has_value());
    return {.name = "clean",
            .primary = std::move(primary).value(),
            .second = std::move(second).value(),
            .length = 10_s,
            .interval = 5_ms};
}

}  // namespace

TEST_CASE("simulation: every variant and family is found by its name") {
    for (const variant v : all_variants) CHECK(find_variant(to_string(v)) == v);
    CHECK_FALSE(find_variant("nothing").has_value());
    CHECK_FALSE(find_variant("").has_value());
}

TEST_CASE("simulation: a far end that has to hear first sends nothing on a path before something has come over it") {
    // The time at which the far end first sends on a path, and at which something first comes over it.
    const auto first_words = [](const run_result& r, path_id path) {
        instant said = instant::never();
        instant heard = instant::never();
        for (const datagram_record& d : r.datagrams) {
            if (d.path != path) continue;
            if (d.from_far) said = std::min(said, d.sent);
            if (!d.from_far) heard = std::min(heard, d.arrival);
        }
        return std::pair{said, heard};
    };
    // The near end's first probe of the second path is lost.
    scenario network = clean_network();
    trace other;
    trace_error why;
    REQUIRE(parse_trace("send_ms,delay_ms\n0,\n2000,25\n4000,25\n", {}, other, why) == status::ok);
    auto second = path::create(other);
    REQUIRE(second.has_value());
    network.second = std::move(second).value();
    for (const bool hears_first : {false, true}) {
        const run_result r = run(network, {.far_hears_first = hears_first, .keep_datagrams = true});
        for (const path_id path : {path_id{0}, path_id{1}}) {
            const auto [said, heard] = first_words(r, path);
            REQUIRE_FALSE(said.is_never());
            if (hears_first) CHECK(said >= heard);
            if (!hears_first && path == 1) CHECK(said < heard);
        }
    }
}

TEST_CASE("simulation: same scenario and configuration, same events") {
    for (const variant v : all_variants) {
        CAPTURE(to_string(v));
        const simulation_config config{.protection = v, .keep_events = event_log::retention::all, .keep_packets = true};
        const scenario network = short_scenario(family::mobile_hotspot, 7);
        const run_result a = run(network, config);
        const run_result b = run(network, config);
        CHECK(a.event_hash == b.event_hash);
        CHECK(a.events == b.events);
        CHECK(a.log.size() == a.events);
        CHECK(std::equal(a.log.begin(), a.log.end(), b.log.begin(), b.log.end()));
        CHECK(a.packets.size() == 2'000);

        simulation_config unkept = config;
        unkept.keep_events = event_log::retention::hash_only;
        unkept.keep_packets = false;
        const run_result c = run(network, unkept);
        CHECK(c.event_hash == a.event_hash);
        CHECK(c.log.empty());
        CHECK(c.packets.empty());

        CHECK(run(short_scenario(family::mobile_hotspot, 8), config).event_hash != a.event_hash);
    }
}

TEST_CASE("simulation: the events kept are in order of time and hash to what the run says") {
    const simulation_config config{.keep_events = event_log::retention::all};
    const run_result r = run(short_scenario(family::rural_dsl, 3), config);
    event_log again;
    for (const event& e : r.log) again.append(e);
    CHECK(again.hash() == r.event_hash);
    CHECK(std::is_sorted(r.log.begin(), r.log.end(), [](const event& a, const event& b) { return a.at < b.at; }));
}

TEST_CASE("simulation: every packet has exactly one fate, overhead stays under its cap, in every family and variant") {
    for (const family_info& f : families()) {
        for (const variant v : all_variants) {
            for (std::uint64_t seed = 1; seed <= 3; ++seed) {
                CAPTURE(f.name, to_string(v), seed);
                const simulation_config config{.protection = v};
                const run_result r = run(f.id, seed, config);
                CHECK(r.outcome.packets == 2'000);
                CHECK(r.outcome.fates.sum() == 2'000);
                CHECK(r.outcome.fates.rejected == 0);
                CHECK(r.outcome.overhead_pct <= 10.0);
                CHECK(r.outcome.metered_bytes <= config.metered_budget.day_bytes);
                CHECK(r.outcome.eventual_loss_pct <= r.outcome.apparent_loss_pct);
                CHECK(r.outcome.apparent_loss_pct <= r.outcome.playout_miss_pct + 1e-9);
                if (v != variant::dual && v != variant::hot) CHECK(r.outcome.metered_bytes == 0);
            }
        }
    }
}

TEST_CASE("simulation: the overhead cap holds for every cap and payload size") {
    for (const std::uint32_t cap : {0u, 100u, 300u, 1'000u, 3'000u}) {
        for (const std::uint32_t payload : {16u, 60u, 400u, 1'200u}) {
            for (const family id : {family::reference, family::wifi_contention}) {
                CAPTURE(cap, payload, describe(id).name);
                const simulation_config config{.protection = variant::dual, .payload = payload, .overhead_cap_bp = cap};
                const run_result r = run(id, 5, config);
                CHECK(r.outcome.overhead_pct <= cap / 100.0);
                CHECK(r.outcome.fates.sum() == r.outcome.packets);
            }
        }
    }
}

TEST_CASE("simulation: a metered budget is kept to the byte") {
    for (const variant v : {variant::dual, variant::hot}) {
        const simulation_config config{.protection = v, .metered_budget = {.day_bytes = 50'000}};
        const run_result r = run(family::reference, 4, config);
        CHECK(r.near.sender.refused_by_budget + r.outcome.metered_bytes > 0);
        CHECK(r.outcome.fates.sum() == r.outcome.packets);
        // Each end counts what it sent and received, and never sends beyond the cap.
        CHECK(r.outcome.metered_bytes <= 2 * 50'000);
    }
}

TEST_CASE("simulation: baseline is the bare link") {
    for (const family_info& f : families()) {
        CAPTURE(f.name);
        const scenario network = short_scenario(f.id, 11);
        const simulation_config config{.protection = variant::baseline, .keep_packets = true};
        const run_result r = run(network, config);

        lab::link bare = network.primary.forward;
        std::uint64_t lost = 0;
        std::uint64_t late = 0;
        for (std::size_t i = 0; i < r.packets.size(); ++i) {
            const instant sent = r.packets[i].sent;
            const link_outcome o = bare.transmit(sent, config.payload + 28);
            CHECK(r.packets[i].released == o.arrival);
            if (o.fate != packet_fate::delivered)
                ++lost;
            else if (o.arrival > sent + bare.baseline(sent) + config.deadline)
                ++late;
        }
        CHECK(r.outcome.fates.unrecoverable == lost);
        CHECK(r.outcome.fates.late == late);
        CHECK(r.outcome.overhead_pct == 0.0);
        CHECK(r.outcome.metered_bytes == 0);
    }
}

TEST_CASE("simulation: protection loses no more than no protection, in every family") {
    for (const family_info& f : families()) {
        std::array<double, std::size(all_variants)> loss{};
        constexpr std::uint64_t seeds = 4;
        for (const variant v : {variant::baseline, variant::single, variant::dual, variant::hot})
            for (std::uint64_t seed = 1; seed <= seeds; ++seed)
                loss[static_cast<std::size_t>(v)] +=
                    run(f.id, seed, {.protection = v}, 20_s).outcome.apparent_loss_pct / seeds;
        const auto of = [&](variant v) { return loss[static_cast<std::size_t>(v)]; };
        CAPTURE(f.name, of(variant::baseline), of(variant::single), of(variant::dual), of(variant::hot));
        CHECK(of(variant::dual) <= of(variant::baseline));
        CHECK(of(variant::hot) <= of(variant::baseline));
        CHECK(of(variant::dual) < 0.5 * of(variant::baseline));
        CHECK(of(variant::single) <= of(variant::baseline));
    }
}

TEST_CASE("simulation: on a clean path nothing is lost, nothing is late, and parity costs nothing") {
    const scenario network = clean_network();
    for (const variant v : all_variants) {
        CAPTURE(to_string(v));
        const run_result r =
            run(network, {.protection = v, .keep_events = event_log::retention::all, .keep_packets = true});
        CHECK(r.outcome.fates.delivered == 2'000);
        CHECK(r.outcome.playout_miss_pct == 0.0);
        CHECK(r.outcome.repaired_parity + r.outcome.repaired_reactive == 0);
        CHECK(r.near.sender.parity.packets == 0);
        CHECK(r.near.sender.reactive.packets == 0);
        // In order, and never more than the hold above the bare link.
        for (std::size_t i = 0; i < r.packets.size(); ++i) {
            REQUIRE(r.packets[i].released >= r.packets[i].sent + 10_ms);
            REQUIRE(r.packets[i].released <= r.packets[i].sent + 10_ms + 31_ms);
            if (i > 0) REQUIRE(r.packets[i].released >= r.packets[i - 1].released);
        }
        if (v == variant::parity) CHECK(r.outcome.added_delay_p99_ms == 0.0);
    }
}

TEST_CASE("simulation: packets are sent when the caller says") {
    const std::vector<instant> times{instant{}, instant{} + 1_ms, instant{} + 1_ms, instant{} + 500_ms};
    auto done = simulate(clean_network(), {.keep_packets = true}, times);
    REQUIRE(done.has_value());
    REQUIRE(done->packets.size() == times.size());
    for (std::size_t i = 0; i < times.size(); ++i) {
        CHECK(done->packets[i].sent == times[i]);
        CHECK_FALSE(done->packets[i].released.is_never());
    }
}

TEST_CASE("simulation: the datagrams kept are those of the event log, and carry the packets they should") {
    for (const variant v : {variant::single, variant::dual, variant::hot}) {
        CAPTURE(to_string(v));
        const simulation_config config{
            .protection = v, .keep_events = event_log::retention::all, .keep_packets = true, .keep_datagrams = true};
        const run_result r = run(short_scenario(family::leo_satellite, 3), config);
        std::size_t events = 0;
        for (const event& e : r.log) events += e.kind == event_kind::transmitted || e.kind == event_kind::lost ? 1 : 0;
        CHECK(r.datagrams.size() == events);
        std::uint64_t metered = 0;
        std::size_t next = 0;
        for (const datagram_record& d : r.datagrams) {
            if (d.path == 1) metered += d.ip_bytes;
            if (d.kind != transmit_kind::source) continue;
            CHECK(d.packet == next++);
            CHECK(r.packets[d.packet].sent == d.sent);
            CHECK(r.packets[d.packet].arrived <= d.arrival);
        }
        CHECK(next == r.packets.size());
        CHECK(metered == r.outcome.metered_bytes);

        simulation_config unkept = config;
        unkept.keep_datagrams = false;
        const run_result again = run(short_scenario(family::leo_satellite, 3), unkept);
        CHECK(again.datagrams.empty());
        CHECK(again.event_hash == r.event_hash);
    }
}

TEST_CASE("simulation: a configuration out of range names its field") {
    const scenario network = short_scenario(family::reference, 1);
    const auto field_of = [&](const simulation_config& config) {
        const auto done = simulate(network, config);
        CHECK(done.code() == status::invalid_config);
        return std::string{done.error().where.field};
    };
    CHECK(field_of({.hold = -1_ms}) == "hold");
    CHECK(field_of({.hold = 1'001_ms}) == "hold");
    CHECK(field_of({.deadline = 0_ms}) == "deadline");
    CHECK(field_of({.payload = 15}) == "payload");
    CHECK(field_of({.payload = 1'201}) == "payload");
    CHECK(field_of({.overhead_cap_bp = 100'001}) == "overhead_cap");
}

TEST_CASE("simulation: an empty trace is no scenario") {
    CHECK(replay_scenario(trace{}, nullptr, 1).code() == status::invalid_argument);
}

// Fails on purpose: tests/campaign/bundle_test.sh looks at what it leaves behind.
TEST_CASE("simulation: a test that fails", "[.fails]") {
    const run_result r = run(family::rural_dsl, 3, {.protection = variant::baseline});
    CHECK(r.outcome.apparent_loss_pct == 0.0);
}
