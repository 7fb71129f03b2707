// SPDX-License-Identifier: MIT
//
// Turns what happened to each packet of a run into the figures every result reports. The same judge, baseline, hold
// and deadline are used for every variant, the unprotected one included.
//
// Two times matter for a packet, both counted from when an idle path would have brought it: its slot,
// `sent + baseline + hold`, when a smooth playout wants it, and its deadline, `sent + baseline + deadline`, after
// which it is worthless.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "duality/jitter_hold.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

/// One packet of the application, as the judge needs it. Times that never came are `instant::never()`.
struct packet_record {
    instant sent;                            ///< when the application sent it
    duration baseline;                       ///< the path's idle one-way delay then (`link::baseline(sent)`)
    instant arrived = instant::never();      ///< reached the other end on its own, not rebuilt and not as a copy
    instant available = instant::never();    ///< was first there, on its own, as a copy or rebuilt
    instant released = instant::never();     ///< was delivered to the application
    recovery recovered_by = recovery::none;  ///< what made it available
    bool rejected = false;                   ///< not accepted by the sending session
    bool cancelled = false;                  ///< withdrawn by the application before it was sent
};

/// Bytes of a run, IP headers included, both directions. Our own header on source packets and the copies of hot streams
/// are in neither of the first two: they are told beside the overhead, see `framing_figures`.
struct byte_totals {
    std::uint64_t useful = 0;   ///< what the bare flow sends: each application packet once, without any of our headers
    std::uint64_t extra = 0;    ///< parity, repairs, copies on demand, probes, feedback: datagrams with their headers
    std::uint64_t metered = 0;  ///< everything sent over metered paths
};

struct judge_config {
    duration hold = duration::from_ms(30);       ///< slot: this long after the idle path's arrival
    duration deadline = duration::from_ms(100);  ///< deadline: likewise
};

/// Every packet has exactly one fate; they sum to the packets.
struct packet_fates {
    std::uint64_t delivered = 0;      ///< released by its deadline
    std::uint64_t late = 0;           ///< released after its deadline, or came after it and was discarded
    std::uint64_t unrecoverable = 0;  ///< never came, or came in time and was never released
    std::uint64_t rejected = 0;
    std::uint64_t cancelled = 0;

    [[nodiscard]] constexpr std::uint64_t sum() const noexcept {
        return delivered + late + unrecoverable + rejected + cancelled;
    }
    constexpr bool operator==(const packet_fates&) const noexcept = default;
};

/// The result of one run. Percentages are of all packets but the cancelled ones, so a rejected packet counts as lost.
/// Quantiles are nearest-rank: the p % quantile of n values is the one at rank ceil(n * p / 100) in ascending order.
/// A quantile or gap of nothing is 0.
struct figures {
    std::uint64_t packets = 0;
    /// Packet delay variation (RFC 5481 section 4.2) of released packets: x = (released - sent) - baseline, as its
    /// distance from the reference delay. The reference is the nearest-rank 5 % quantile of x rather than its least
    /// value: on a raw path they are the same to a fraction of a millisecond, but behind a playout buffer a few packets
    /// released early, after a route change or over a shorter path, would otherwise be added to every other's figure.
    double jitter_p50_ms = 0;
    double jitter_p95_ms = 0;
    double playout_miss_pct = 0;   ///< available after their slot, or never
    double apparent_loss_pct = 0;  ///< released after their deadline, or never
    double eventual_loss_pct = 0;  ///< never released
    /// Longest time without an on-time release, from when the first packet was due on an idle path to when the last one
    /// was.
    double longest_gap_ms = 0;
    double overhead_pct = 0;  ///< extra bytes in percent of useful ones
    std::uint64_t metered_bytes = 0;
    /// Release minus arrival, of released packets that arrived on their own. Negative when a copy or a repair was
    /// released before the packet itself came.
    double added_delay_p50_ms = 0;
    double added_delay_p95_ms = 0;
    double added_delay_p99_ms = 0;
    /// Released by their deadline thanks to each mechanism.
    std::uint64_t repaired_parity = 0;
    std::uint64_t repaired_reactive = 0;
    std::uint64_t repaired_duplicate = 0;
    std::uint64_t repaired_second_path = 0;
    std::uint64_t late = 0;  ///< `fates.late`
    packet_fates fates{};
};

/// `packets` in the order they were sent.
[[nodiscard]] figures judge(std::span<const packet_record> packets, const byte_totals& bytes,
                            const judge_config& config = {}) noexcept;

/// A figure by its name in results, for tables and JSON.
struct figure_info {
    std::string_view name;
    double (*get)(const figures&) noexcept;
    bool count;  ///< a whole number
};
[[nodiscard]] std::span<const figure_info> figure_table() noexcept;

/// One figure over several runs. The median is nearest-rank.
struct figure_summary {
    std::string_view name;
    double mean = 0;
    double min = 0;
    double max = 0;
    double median = 0;
};

/// One summary per row of `figure_table`, in its order; empty without runs.
[[nodiscard]] std::vector<figure_summary> summarise(std::span<const figures> runs) noexcept;

}  // namespace lab
}  // namespace v0
}  // namespace duality
