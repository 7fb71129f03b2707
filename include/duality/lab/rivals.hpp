// SPDX-License-Identifier: MIT
//
// What a user would pick instead, modelled on the lab's links: block codes as UDP tunnels use them, duplication over two
// paths, failover after a timeout, retransmission on request. Each meets the same network as the variants of a
// simulation and is judged alike.
//
// The models are kind where a real program would lose time: they take no processor time, their state is never lost, and
// a packet is given to the application as soon as it is there (no jitter hold). Their bytes are counted as ours are: a
// header on a source packet is framing, every other byte beyond the bare flow is overhead, told in full for duplication
// and for a code that repacks its packets.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "duality/lab/simulation.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

enum class rival : std::uint8_t {
    /// Reed–Solomon blocks of 20 + 2 on the primary path: packets leave at once, the parity when the group is full. A
    /// packet that was lost is there as soon as 20 of the 22 are.
    fec_block,
    /// The same tunnel as it is preset for interactive use: packets wait for up to 8 ms, are joined to one blob, and the
    /// blob is cut into the number of shards (at most 20) whose bytes, parity of 2 shards included, are the fewest. It is
    /// there when as many shards are. At 200 packets/s a group is two packets.
    fec_flush,
    /// Every packet on both paths at once; the first to come counts.
    duplication,
    /// Every packet on the living path with the shortest smoothed round trip (1/8 for the newest sample). Both paths are
    /// probed; one whose probes stay unanswered for the timeout is dead until an answer comes. Nothing is sent again.
    failover,
    /// The receiver asks for a missing packet when a later one arrives, and again every smoothed round trip until its
    /// deadline; the sender answers every request. On the primary path.
    nack,
};
inline constexpr rival all_rivals[] = {rival::fec_block, rival::fec_flush, rival::duplication, rival::failover,
                                       rival::nack};

[[nodiscard]] std::string_view to_string(rival r) noexcept;

/// Sizes are of UDP payloads; 28 bytes of IP and UDP header are added to each.
struct rival_parameters {
    std::uint32_t fec_data = 20;                    ///< packets, or most shards, of a group; 1..128
    std::uint32_t fec_parity = 2;                   ///< repair shards of a group; 0..128
    duration fec_flush = duration::from_ms(8);      ///< a joined group waits this long for more packets
    duration fec_timeout = duration::from_ms(200);  ///< a group that does not fill is closed after this
    std::uint32_t fec_shard_header = 8;             ///< group 4, kind 1, sizes 2, index 1
    std::uint32_t fec_packet_header = 6;            ///< connection number 4, length 2
    std::uint32_t fec_blob_header = 4;              ///< number of packets in a joined group
    /// What the choice of the number of shards takes a datagram to cost beside its shard.
    std::uint32_t fec_shard_price = 40;
    std::uint32_t sequence_header = 4;  ///< on every packet of duplication, failover and retransmission
    duration failover_timeout = duration::from_seconds(1);
    duration probe_interval = duration::from_ms(100);
    std::uint32_t probe_bytes = 12;  ///< a token and a time, the same in the answer
    /// A request is a generic NACK (RFC 4585 section 6.2.1): 12 bytes, and 4 for each run of up to 17 packet numbers.
    std::uint32_t nack_header = 12;
    std::uint32_t nack_entry = 4;
    std::uint32_t nack_span = 17;
    std::uint32_t resend_header = 6;                    ///< sequence 4, and 2 as in RFC 4588
    duration nack_initial_rtt = duration::from_ms(50);  ///< until the first answer
};

/// Runs a rival over a scenario. Of `config`, only `hold` and `deadline` (for the judge), `payload`, `keep_packets` and
/// `keep_datagrams` count. Session statistics and event hash of the result are zero. `invalid_config` when a field
/// is out of range.
[[nodiscard]] result<run_result> simulate_rival(const scenario& network, rival who, const simulation_config& config,
                                                const rival_parameters& parameters = {},
                                                std::span<const instant> send_times = {});

}  // namespace lab
}  // namespace v0
}  // namespace duality
