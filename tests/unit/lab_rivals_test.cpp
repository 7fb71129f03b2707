// SPDX-License-Identifier: MIT
//
// The models of other protections on links small enough to be worked out by hand.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "duality/lab/rivals.hpp"

using namespace duality;
using namespace duality::literals;
using namespace duality::lab;
using Catch::Approx;

namespace {

/// A recorded path: a fixed delay for each 5 ms, lost where `lost` says so.
path recorded(std::size_t packets, duration delay, const std::vector<std::size_t>& lost) {
    trace t;
    for (std::size_t i = 0; i < packets; ++i)
        t.rows.push_back({.send_ns = static_cast<std::int64_t>(i) * 5'000'000, .delay_ns = delay.ns()});
    for (const std::size_t i : lost) t.rows[i].delay_ns = trace_row::lost;
    auto made = path::create(t);
    REQUIRE(made.has_value());
    return std::move(made).value();
}

/// One way 10 ms on the primary path, 25 ms on the second.
scenario network(std::size_t packets, const std::vector<std::size_t>& lost_primary,
                 const std::vector<std::size_t>& lost_second = {}) {
    return {.name = "by hand",
            .primary = recorded(packets + 1'000, 10_ms, lost_primary),
            .second = recorded(packets + 1'000, 25_ms, lost_second),
            .length = duration::from_ms(5 * static_cast<std::int64_t>(packets)),
            .interval = 5_ms};
}

run_result run(const scenario& s, rival who, const rival_parameters& parameters = {}) {
    auto done = simulate_rival(s, who, {.payload = 400, .keep_packets = true, .keep_datagrams = true}, parameters);
    REQUIRE(done.has_value());
    return std::move(done).value();
}

duration delay_of(const run_result& r, std::size_t index) {
    return r.packets[index].released - r.packets[index].sent;
}

std::size_t count(const run_result& r, transmit_kind kind) {
    std::size_t n = 0;
    for (const datagram_record& d : r.datagrams) n += d.kind == kind ? 1 : 0;
    return n;
}

std::vector<std::size_t> range(std::size_t first, std::size_t last) {
    std::vector<std::size_t> out;
    for (std::size_t i = first; i <= last; ++i) out.push_back(i);
    return out;
}

}  // namespace

TEST_CASE("rivals: without loss each delivers everything, at the delay of its path and its own price") {
    const scenario s = network(200, {});
    for (const rival who : all_rivals) {
        CAPTURE(to_string(who));
        const run_result r = run(s, who);
        CHECK(r.outcome.fates.delivered == 200);
        CHECK(r.outcome.playout_miss_pct == 0);
        if (who != rival::fec_flush)
            for (const packet_record& p : r.packets) CHECK(p.released - p.sent == 10_ms);
    }
    // 2 parity packets of 400 + 14 + 28 for 20 of 428 bytes.
    CHECK(run(s, rival::fec_block).outcome.overhead_pct == Approx(100.0 * 2 * 442 / (20 * 428)));
    CHECK(run(s, rival::fec_block).framing.framing_pct == Approx(100.0 * 14 / 428));
    CHECK(run(s, rival::duplication).outcome.overhead_pct == Approx(100.0 * 432 / 428));
    CHECK(run(s, rival::duplication).outcome.metered_bytes == 200 * 432);
    CHECK(run(s, rival::nack).outcome.overhead_pct == 0);
    CHECK(run(s, rival::nack).outcome.metered_bytes == 0);
}

TEST_CASE("rivals: a block rebuilds two losses with its parity and no third one") {
    // Parity of the first group leaves with packet 19, at 95 ms, and arrives at 105 ms.
    const run_result two = run(network(40, {3, 17}), rival::fec_block);
    CHECK(two.outcome.fates.delivered == 40);
    CHECK(two.packets[3].released == instant{} + 105_ms);
    CHECK(two.packets[3].recovered_by == recovery::parity);
    CHECK(two.packets[3].arrived.is_never());
    CHECK(two.packets[17].released == instant{} + 105_ms);

    const run_result three = run(network(40, {3, 9, 17}), rival::fec_block);
    CHECK(three.outcome.fates.unrecoverable == 3);

    // The last packet and both parity packets share a time, and are lost together.
    CHECK(run(network(40, {19}), rival::fec_block).outcome.fates.unrecoverable == 1);
}

TEST_CASE("rivals: a group that does not fill gets its parity when its time is over") {
    const run_result r = run(network(10, {4}), rival::fec_block);
    CHECK(count(r, transmit_kind::parity) == 2);
    CHECK(r.packets[4].released == instant{} + 200_ms + 10_ms);
    CHECK(r.outcome.fates.late == 1);
}

TEST_CASE("rivals: a flushed group waits, is cut into the cheapest shards, and needs all it was cut into") {
    // Packets at 0 and 5 ms leave at 8 ms: a blob of 4 + 2 * 406 = 816 bytes. (ceil(816 / k) + 40) * (k + 2) is least,
    // 1408, for k = 6: shards of 136.
    const run_result r = run(network(2, {}), rival::fec_flush);
    REQUIRE(r.datagrams.size() == 8);
    for (const datagram_record& d : r.datagrams) {
        CHECK(d.sent == instant{} + 8_ms);
        CHECK(d.ip_bytes == 136 + 8 + 28);
    }
    CHECK(delay_of(r, 0) == 18_ms);
    CHECK(delay_of(r, 1) == 13_ms);
    CHECK(r.outcome.overhead_pct == Approx(100.0 * (8 * 172 - 2 * 428) / (2 * 428)));

    // The recording's losses cover its slot from 7.5 to 12.5 ms, so that all eight are lost together.
    CHECK(run(network(4, {1, 2}), rival::fec_flush).outcome.fates.unrecoverable == 2);
}

TEST_CASE("rivals: duplication takes whichever copy comes first, and is lost where both are") {
    const run_result r = run(network(20, {5, 6, 7}, {7}), rival::duplication);
    CHECK(r.outcome.fates.delivered == 19);
    CHECK(delay_of(r, 4) == 10_ms);
    CHECK(delay_of(r, 5) == 25_ms);
    CHECK(r.packets[5].recovered_by == recovery::second_path);
    CHECK(r.packets[7].released.is_never());
}

TEST_CASE("rivals: failover stays on the shortest path until it has been silent for its timeout") {
    // Out from 500 ms to 2500 ms. The probe of 500 ms is the first without an answer, so at 1500 ms the path is dead.
    const run_result r = run(network(600, range(100, 500)), rival::failover);
    const auto path_of = [&](instant at) {
        for (const datagram_record& d : r.datagrams)
            if (d.kind == transmit_kind::source && d.sent == at) return static_cast<int>(d.path);
        return -1;
    };
    CHECK(path_of(instant{}) == 0);
    CHECK(path_of(instant{} + 1'495_ms) == 0);
    CHECK(path_of(instant{} + 1'500_ms) == 1);
    CHECK(path_of(instant{} + 2'500_ms) == 1);
    // The probe of 2600 ms is the first that is answered, 20 ms later.
    CHECK(path_of(instant{} + 2'615_ms) == 1);
    CHECK(path_of(instant{} + 2'620_ms) == 0);
    CHECK(r.outcome.fates.unrecoverable == 200);
    CHECK(r.outcome.longest_gap_ms == Approx(1'000 + 5 + 15));
}

TEST_CASE("rivals: a request goes out at the gap and costs its bytes") {
    // Packet 10 is lost at 50 ms; packet 11 shows it at 65 ms; the request takes 10 ms back and the answer 10 ms.
    const run_result r = run(network(40, {10}), rival::nack);
    CHECK(r.outcome.fates.delivered == 40);
    CHECK(r.packets[10].released == instant{} + 85_ms);
    CHECK(r.packets[10].recovered_by == recovery::reactive);
    CHECK(count(r, transmit_kind::feedback) == 1);
    CHECK(count(r, transmit_kind::reactive_repair) == 1);
    CHECK(r.outcome.overhead_pct == Approx(100.0 * ((28 + 12 + 4) + (28 + 400 + 6)) / (40 * 428)));
}

TEST_CASE("rivals: a request that gets no answer is repeated after a round trip, until the deadline") {
    // The answer would leave at 75 ms, in row 15: lost. Asked again at 65 + 50 ms, the first guess of a round trip.
    const run_result again = run(network(60, {10, 15}), rival::nack);
    CHECK(again.packets[10].released == instant{} + 135_ms);
    // Row 15 is asked for at 90 ms and answered 20 ms later.
    CHECK(again.packets[15].released == instant{} + 110_ms);

    // An outage of 300 ms: what can still arrive in time is asked for when it ends, the rest is given up.
    const run_result outage = run(network(200, range(20, 79)), rival::nack);
    CHECK(outage.outcome.fates.delivered < 200 - 30);
    for (const packet_record& p : outage.packets)
        if (!p.released.is_never()) CHECK(p.released - p.sent <= 10_ms + 100_ms + 20_ms);
}

TEST_CASE("rivals: same scenario, same result; a parameter out of range names its field") {
    const scenario s = make_scenario(family::mobile_hotspot, 3, 10_s);
    for (const rival who : all_rivals) {
        CAPTURE(to_string(who));
        const run_result a = run(s, who);
        const run_result b = run(s, who);
        CHECK(a.outcome.fates == b.outcome.fates);
        CHECK(a.outcome.fates.sum() == 2'000);
        CHECK(a.outcome.overhead_pct == b.outcome.overhead_pct);
        CHECK(a.datagrams.size() == b.datagrams.size());
        CHECK(a.packets.back().released == b.packets.back().released);
    }
    CHECK(std::string{simulate_rival(s, rival::nack, {}, {.fec_data = 0}).error().where.field} == "fec_data");
    CHECK(std::string{simulate_rival(s, rival::nack, {.payload = 15}).error().where.field} == "payload");
}
