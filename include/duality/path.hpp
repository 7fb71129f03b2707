// SPDX-License-Identifier: MIT
//
// The paths of a session end: how they are set up and watched, what is known of each, and what is told about them. A
// path is anything that carries datagrams.
#pragma once

#include <cstdint>
#include <optional>

#include "duality/policy.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

using path_id = std::uint8_t;

enum class cost_class : std::uint8_t { free, metered };

enum class path_state : std::uint8_t {
    standby,  ///< never answered yet
    warm,     ///< answered; can carry traffic at once
    active,   ///< carries source packets
    suspect,  ///< owes a report for longer than usual
    dead,     ///< silent, or too late to be of use; probed until it answers in time again
};

struct path_config {
    cost_class cost = cost_class::free;
    byte_budget_config budget{};                   ///< bytes as the network carries them, sent and received
    duration initial_rtt = duration::from_ms(50);  ///< assumed until measured
    std::uint32_t datagram_overhead = 28;          ///< bytes around each datagram that the network carries: IPv4 + UDP
    std::uint32_t max_datagram = 1452;             ///< largest datagram, bytes of UDP payload
    /// Bytes that sealing adds to each datagram, beside `max_datagram`: on the network, in budgets and caps, but not part
    /// of what the application would have sent.
    std::uint32_t seal_overhead = 0;
    /// What carries the datagrams says which of them arrived, at once and for all, as QUIC does: see
    /// `session::handle_acknowledgement`. Then every packet owes its acknowledgement and none a report, which makes
    /// silence known as fast on a slow flow as on a fast one.
    bool acknowledged = false;
};

/// How much less often a peer reports that has no other path: it need not tell about silence, for there is nowhere to go.
inline constexpr std::int64_t alone_report_factor = 6;
/// How many intervals may pass from one report to the next for them to come regularly.
inline constexpr std::int64_t regular_gaps = 8;

struct scheduler_config {
    std::uint32_t max_paths = 4;                       ///< 1..16
    duration report_interval = duration::from_ms(20);  ///< how often a receiving peer reports
    /// The same where the carrier acknowledges by itself: how long it takes to.
    duration acknowledgement_delay = duration::from_ms(5);
    /// Bytes received that make a peer report that is not in funds: its reports are paid from a share of what it receives,
    /// and one that has not received this much since its last one may have to stay silent.
    std::uint32_t report_worth = 1'600;
    duration suspicion_margin = duration::from_ms(10);  ///< silence beyond the habit of the path that is normal
    duration dead_after = duration::from_ms(25);        ///< suspicion this long means dead
    /// A round trip this much beyond the shortest also means dead; when nearly all stay within half of it, a path is steady.
    duration late_after = duration::from_ms(70);
    bool leave_suspects = true;                        ///< do new packets take another path at once?
    duration probe_interval = duration::from_ms(20);   ///< of a path just found dead; backs off to a second
    duration keep_alive = duration::from_seconds(10);  ///< of an idle path; below common NAT timeouts of 30 s
    /// A dead path is used again at its first answer in time. One that fails again within a second must answer for half
    /// this long, and twice as long each time after, up to eight times this; but for a slow flow.
    duration recovery_time = duration::from_ms(20);
};

inline constexpr field_bounds scheduler_bounds[] = {
    {"max_paths", 1, 16, "paths"},
    {"report_interval", 1, 1'000, "ms"},
    {"acknowledgement_delay", 0, 1'000, "ms"},
    {"report_worth", 0, 1'000'000'000, "bytes"},
    {"suspicion_margin", 1, 1'000, "ms"},
    {"dead_after", 1, 10'000, "ms"},
    {"late_after", 1, 60'000, "ms"},
    {"probe_interval", 5, 10'000, "ms"},
    {"keep_alive", 100, 300'000, "ms"},
    {"recovery_time", 0, 10'000, "ms"},
};

struct path_statistics {
    path_state state = path_state::standby;
    cost_class cost = cost_class::free;
    duration rtt_min{};       ///< over the last 1.5 to 3 s; zero until measured
    duration rtt_smoothed{};  ///< zero until measured
    duration rtt_deviation{};
    duration silence{};  ///< since the last report, while one is owed; else zero
    std::uint64_t packets_sent = 0;
    std::uint64_t bytes_sent = 0;  ///< including `datagram_overhead`
    std::uint64_t packets_received = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t packets_lost = 0;        ///< holes in the peer's path sequence numbers, as seen here
    std::uint64_t packets_duplicated = 0;  ///< path sequence numbers seen twice (the network's doing)
    std::uint64_t suspicions = 0;
    std::uint64_t deaths = 0;
    bool budget_exhausted = false;  ///< refused a datagram and has not been renewed since
};

enum class path_event_kind : std::uint8_t {
    state_changed,
    budget_exhausted,  ///< a datagram was refused: the path rests until the budget has room again
    budget_renewed,    ///< a new day or month, or the pace of the day, has made room
    unsteady,          ///< it stalls, spreads far and costs packets: for a while the flow goes elsewhere, if it may
};

struct path_event {
    path_event_kind kind = path_event_kind::state_changed;
    instant at{};
    path_id path = 0;
    path_state from = path_state::standby;
    path_state to = path_state::standby;
    duration silence{};  ///< the input of the decision: silence, lateness of the reports, or spread of the round trips
    duration threshold{};  ///< the limit that it crossed
};

/// The peer's word on a path, in a report or by answering a probe.
struct path_word {
    path_id via = 0;  ///< the path that it came over
    std::uint16_t newest_sequence = 0;
    duration age{};                           ///< since that packet arrived, when this was written
    std::optional<std::uint16_t> received{};  ///< packets so far, modulo 2^16; unknown by a probe
};

/// What the receiving side learns from one packet's path sequence number.
struct path_arrival {
    bool duplicate = false;
    bool overtaken = false;        ///< a later one came before it
    std::uint32_t newly_lost = 0;  ///< packets skipped on this path just now
};

}  // namespace v0
}  // namespace duality
