// SPDX-License-Identifier: MIT
//
// What each outage of the primary path did to the application, and what the second path carried without one: figures
// that a whole run's longest gap and bytes cannot tell. Only generated networks know their outages; a trace has none.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "duality/lab/simulation.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

/// Which outages count, and how near to one something must be to belong to it.
struct outage_rules {
    duration longest = duration::from_ms(500);    ///< longer ones are left out
    duration apart = duration::from_ms(200);      ///< from every outage of the second path
    duration aftermath = duration::from_ms(250);  ///< bytes on the second path so soon after one are its doing
    duration hold = duration::from_ms(15);        ///< as the run was judged
    duration deadline = duration::from_ms(100);   ///< likewise
};

/// One outage of the primary path during which the second one lives.
struct outage_effect {
    outage when;
    duration rtt_primary;  ///< of the idle primary path when it failed
    duration rtt_longer;   ///< of the idle path with the longer round trip
    /// Longest time without a release in time that touches the outage as the receiver sees it: from when the first packet
    /// sent in it was due until the slot of the last one.
    duration gap;
    /// From the first packet lost in the outage to the next one sent over the second path, or to the end of the outage
    /// when that came first: how long packets went where none arrives. Nothing when no packet went there.
    std::optional<duration> exposed;
};

/// The outages of `network` that `rules` lets count, in order of time. `run` must have its packets and datagrams.
[[nodiscard]] std::vector<outage_effect> outage_effects(const scenario& network, const run_result& run,
                                                        const outage_rules& rules = {});

/// Bytes on the second path, both directions, while the primary had no outage and none had ended within
/// `rules.aftermath`. `run` must have its datagrams.
[[nodiscard]] std::uint64_t metered_outside_outages(const scenario& network, const run_result& run,
                                                    const outage_rules& rules = {});

/// Packets of a run over the primary alone that arrived after `rules.deadline` although it had no outage when they were
/// sent, and none had ended within `rules.aftermath`. Links are first in, first out: what is sent behind such a packet on
/// the same path comes later still, so whoever does not lose it carries it over the second one. `run` must have its packets.
[[nodiscard]] std::uint64_t late_outside_outages(const scenario& network, const run_result& run,
                                                 const outage_rules& rules = {});

/// What is asked of every outage, whenever it begins.
struct outage_floor {
    duration allowance = duration::from_ms(40);  ///< beyond the round trip, or half of it
    /// The flow moves, all of it, within half the idle round trip of the primary and `allowance` after the first packet that
    /// is lost. When not, a packet now and then may do for what is always asked: a silence of at most a whole round trip and
    /// `allowance`.
    bool moving = true;
    duration report_interval{};  ///< how often the sender is told what has arrived; 0: at once
};

/// Packets, sent with no outage near, that any sender has to put on the second path to keep to `floor` in every outage of
/// the primary that could begin. What has arrived is known one idle way back later at best, and until it is known that a
/// packet or one behind it has, an outage may have begun with that packet: the flow then moves at the last moment that
/// `floor` leaves, or too late when it was one. `run`: of the bare flow over the primary alone; it must have its packets.
[[nodiscard]] std::uint64_t moved_outside_outages(const scenario& network, const run_result& run,
                                                  const outage_floor& floor, const outage_rules& rules = {});

}  // namespace lab
}  // namespace v0
}  // namespace duality
