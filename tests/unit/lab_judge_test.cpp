// SPDX-License-Identifier: MIT
//
// The judge on cases small enough to be worked out by hand.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "duality/lab/judge.hpp"

using namespace duality;
using namespace duality::literals;
using Catch::Approx;
using lab::packet_record;

namespace {

constexpr duration baseline = 10_ms;

instant at_ms(std::int64_t ms) {
    return instant::from_ns(ms * 1'000'000);
}

/// Sent at `sent_ms`, arrived and released so many ms after that.
packet_record delivered(std::int64_t sent_ms, std::int64_t arrived_after, std::int64_t released_after) {
    return {.sent = at_ms(sent_ms),
            .baseline = baseline,
            .arrived = at_ms(sent_ms + arrived_after),
            .available = at_ms(sent_ms + arrived_after),
            .released = at_ms(sent_ms + released_after)};
}

packet_record rebuilt(std::int64_t sent_ms, std::int64_t after, recovery by) {
    packet_record p = delivered(sent_ms, after, after);
    p.arrived = instant::never();
    p.recovered_by = by;
    return p;
}

packet_record gone(std::int64_t sent_ms) {
    return {.sent = at_ms(sent_ms), .baseline = baseline};
}

}  // namespace

TEST_CASE("nothing sent gives zeros") {
    const lab::figures f = lab::judge({}, {});
    CHECK(f.packets == 0);
    CHECK(f.apparent_loss_pct == 0);
    CHECK(f.longest_gap_ms == 0);
    CHECK(f.overhead_pct == 0);
    CHECK(f.fates == lab::packet_fates{});
}

TEST_CASE("a perfect run has no loss, no jitter and gaps of one interval") {
    std::vector<packet_record> packets;
    for (std::int64_t i = 0; i < 100; ++i) packets.push_back(delivered(5 * i, 10, 25));
    const lab::figures f = lab::judge(packets, {.useful = 1000, .extra = 70, .metered = 5});
    CHECK(f.packets == 100);
    CHECK(f.jitter_p95_ms == 0);
    CHECK(f.playout_miss_pct == 0);
    CHECK(f.apparent_loss_pct == 0);
    CHECK(f.longest_gap_ms == 15);  // from when the first was due to its release
    CHECK(f.overhead_pct == 7);
    CHECK(f.metered_bytes == 5);
    CHECK(f.added_delay_p50_ms == 15);
    CHECK(f.added_delay_p99_ms == 15);
    CHECK(f.fates.delivered == 100);
}

TEST_CASE("slot, deadline and loss of every kind") {
    // Slot 10 + 20 = 30 ms after sending, deadline 10 + 100 = 110 ms.
    const packet_record packets[] = {
        delivered(0, 12, 30),                     // in its slot
        delivered(10, 30, 30),                    // exactly at the slot: still in it
        delivered(20, 31, 31),                    // misses the slot, on time
        delivered(30, 110, 110),                  // exactly at the deadline: still on time
        delivered(40, 111, 111),                  // late
        gone(50),                                 // never
        rebuilt(60, 40, recovery::parity),        // misses the slot, on time
        rebuilt(70, 200, recovery::parity),       // rebuilt too late: late, and no repair
        rebuilt(80, 25, recovery::reactive),      // in its slot
        rebuilt(90, 11, recovery::duplicate),     //
        rebuilt(100, 12, recovery::second_path),  //
    };
    const lab::figures f = lab::judge(packets, {}, {.hold = 20_ms, .deadline = 100_ms});
    CHECK(f.packets == 11);
    CHECK(f.playout_miss_pct == Approx(100.0 * 6 / 11));
    CHECK(f.apparent_loss_pct == Approx(100.0 * 3 / 11));
    CHECK(f.eventual_loss_pct == Approx(100.0 * 1 / 11));
    CHECK(f.repaired_parity == 1);
    CHECK(f.repaired_reactive == 1);
    CHECK(f.repaired_duplicate == 1);
    CHECK(f.repaired_second_path == 1);
    CHECK(f.late == 2);
    CHECK(f.fates == lab::packet_fates{.delivered = 8, .late = 2, .unrecoverable = 1});
    CHECK(f.fates.sum() == f.packets);
    // Added delay of the five that arrived on their own: 18, 0, 0, 0, 0.
    CHECK(f.added_delay_p50_ms == 0);
    CHECK(f.added_delay_p95_ms == 18);
}

TEST_CASE("delay variation is against the quickest packet and follows the baseline") {
    // x = 5, 5, 9, 25; the last packet was sent when the path was 20 ms longer.
    packet_record moved = delivered(15, 55, 55);
    moved.baseline = 30_ms;
    const packet_record packets[] = {delivered(0, 15, 15), delivered(5, 15, 15), delivered(10, 19, 19), moved};
    const lab::figures f = lab::judge(packets, {});
    CHECK(f.jitter_p50_ms == 0);   // of 0, 0, 4, 20: rank 2
    CHECK(f.jitter_p95_ms == 20);  // rank 4
}

TEST_CASE("quantiles are nearest-rank") {
    std::vector<packet_record> packets;
    for (std::int64_t i = 0; i < 200; ++i) packets.push_back(delivered(1000 * i, 10, 10 + i));
    const lab::figures f = lab::judge(packets, {}, {.hold = 1_s, .deadline = 1_s});
    CHECK(f.added_delay_p50_ms == 99);
    CHECK(f.added_delay_p95_ms == 189);
    CHECK(f.added_delay_p99_ms == 197);
}

TEST_CASE("the longest gap counts on-time releases, and both ends of the flow") {
    // On-time releases at 25 and 55; the packet sent at 30 comes after its deadline and does not end the gap.
    const packet_record middle[] = {delivered(0, 25, 25), delivered(30, 130, 130), delivered(40, 15, 15)};
    CHECK(lab::judge(middle, {}).longest_gap_ms == 30);

    const packet_record start[] = {gone(0), gone(50), delivered(100, 15, 15)};
    CHECK(lab::judge(start, {}).longest_gap_ms == 105);  // from 10, when the first was due, to 115

    const packet_record end[] = {delivered(0, 10, 10), gone(50), gone(100)};
    CHECK(lab::judge(end, {}).longest_gap_ms == 100);  // from 10 to 110, when the last was due

    const packet_record nothing[] = {gone(0), gone(500)};
    CHECK(lab::judge(nothing, {}).longest_gap_ms == 500);

    const packet_record disordered[] = {delivered(0, 60, 60), delivered(5, 10, 10), delivered(10, 10, 10)};
    CHECK(lab::judge(disordered, {}).longest_gap_ms == 40);  // releases at 15, 20, 60
}

TEST_CASE("fates: refused, withdrawn, discarded and withheld packets") {
    packet_record refused = gone(0);
    refused.rejected = true;
    packet_record withdrawn = gone(5);
    withdrawn.cancelled = true;
    packet_record discarded = gone(10);  // came 190 ms late and was thrown away
    discarded.arrived = discarded.available = at_ms(210);
    packet_record withheld = gone(15);  // came in time and was never released
    withheld.arrived = withheld.available = at_ms(30);
    const packet_record packets[] = {refused, withdrawn, discarded, withheld, delivered(20, 10, 10)};
    const lab::figures f = lab::judge(packets, {});
    CHECK(f.fates == lab::packet_fates{.delivered = 1, .late = 1, .unrecoverable = 1, .rejected = 1, .cancelled = 1});
    CHECK(f.fates.sum() == f.packets);
    // Of the four that were not withdrawn.
    CHECK(f.apparent_loss_pct == 75);
    CHECK(f.eventual_loss_pct == 75);
    CHECK(f.playout_miss_pct == 50);
}

TEST_CASE("runs are summarised figure by figure") {
    lab::figures a;
    a.jitter_p95_ms = 4;
    a.late = 1;
    lab::figures b;
    b.jitter_p95_ms = 10;
    b.late = 3;
    lab::figures c;
    c.jitter_p95_ms = 5.5;
    c.late = 2;
    const lab::figures runs[] = {a, b, c};
    bool seen_jitter = false;
    for (const lab::figure_summary& row : lab::summarise(runs)) {
        if (row.name == "jitter_p95_ms") {
            seen_jitter = true;
            CHECK(row.mean == 6.5);
            CHECK(row.min == 4);
            CHECK(row.max == 10);
            CHECK(row.median == 5.5);
        }
        if (row.name == "late") CHECK(row.mean == 2);
    }
    CHECK(seen_jitter);
    CHECK(lab::summarise({}).empty());
}

TEST_CASE("every reported figure has a row of its own") {
    const auto table = lab::figure_table();
    for (std::size_t i = 0; i < table.size(); ++i)
        for (std::size_t j = 0; j < i; ++j) CHECK(table[i].name != table[j].name);
    for (const char* name : {"packets", "jitter_p50_ms", "jitter_p95_ms", "playout_miss_pct", "apparent_loss_pct",
                             "eventual_loss_pct", "longest_gap_ms", "overhead_pct", "metered_bytes",
                             "added_delay_p50_ms", "added_delay_p95_ms", "added_delay_p99_ms", "repaired_parity",
                             "repaired_reactive", "repaired_duplicate", "repaired_second_path", "late"}) {
        std::size_t found = 0;
        for (const lab::figure_info& row : table) found += row.name == name;
        INFO(name);
        CHECK(found == 1);
    }
}
