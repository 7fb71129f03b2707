// SPDX-License-Identifier: MIT
//
// What the scheduler knows of one path: what was sent on it, what the peer has reported, how long that takes as a rule,
// and how its stalls have ended. It measures; the scheduler decides. No promise of stability.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "duality/detail/path_steadiness.hpp"
#include "duality/detail/stall_odds.hpp"
#include "duality/path.hpp"
#include "duality/policy.hpp"
#include "duality/ring.hpp"
#include "duality/sequence.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

struct path_record {
    struct sent_packet {
        instant at{};
        std::uint32_t report_bytes = 0;  ///< that the peer is to report on
    };
    static constexpr std::size_t sent_window = 512;

    bool used = false;
    bool alone = false;  ///< there is no other: the peer reports less often
    path_id id = 0;
    path_config config{};
    byte_budget budget{};
    bool carries = true;  ///< may the flow stay here while another path is unsteady?
    path_statistics stats{};

    // Sent, and reported by the peer.
    std::uint64_t first_sequence = 0;
    std::uint64_t next_sequence = 0;
    sequence_window<sent_packet> sent;
    std::int64_t newest_reported = -1;
    std::uint16_t reported_received = 0;  ///< packets the peer has received, as of that report
    std::uint64_t owed_bytes = 0;         ///< sent and not yet covered by a report
    std::uint64_t spent_ahead = 0;        ///< more that the peer has to receive before it can pay for a report
    bool owed = false;                    ///< they are worth one
    instant owed_since{};                 ///< when the first of them left
    instant worth_since{};                ///< when they became worth a report
    instant active_since = instant::before_all();
    instant last_report = instant::before_all();  ///< that came over this path
    instant last_sent = instant::before_all();
    instant last_source = instant::before_all();  ///< when a source packet went here
    duration report_gap{};                        ///< habit of the path: smoothed silence before a report
    duration report_gap_deviation{};

    // Stalls.
    instant suspected_since{};
    instant stalled_from{};              ///< when the oldest packet left that got stuck
    bool stuck = false;                  ///< nothing has moved since
    bool confirmed = false;              ///< the peer says so too
    std::array<stall_odds, 2> stalls{};  ///< by `confirmed`
    std::uint32_t late_reports = 0;      ///< in a row
    instant dead_since{};
    instant answering_since = instant::never();
    instant next_probe{};
    duration probe_gap{};
    instant returned_at = instant::before_all();
    duration probation{};  ///< it has to answer this long to be used again

    // Round trips.
    instant rtt_period_begin{};
    duration rtt_period_min = duration::infinite();
    duration rtt_previous_min = duration::infinite();
    std::uint32_t samples = 0;  ///< of the round trip
    instant measured_at = instant::before_all();
    instant probed_at = instant::before_all();  ///< for whatever reason
    path_steadiness steadiness{};
    instant check_at = instant::before_all();  ///< the last time that it was left: from when on it has to be heard of

    // Received.
    bool heard = false;
    std::uint64_t received_before = 0;  ///< packets of the peer's earlier lives
    std::int64_t newest_received = 0;
    std::uint64_t received_mask = 0;  ///< bit i: newest_received - i has arrived
    instant last_arrival{};

    /// As if it had just been made, but for its memory. The first packet is number `first`.
    void reset(path_id new_id, const path_config& new_config, instant now, std::uint16_t first) noexcept {
        sequence_window<sent_packet> memory = std::move(sent);
        *this = path_record{};
        sent = std::move(memory);
        sent.clear();
        used = true;
        id = new_id;
        config = new_config;
        budget = byte_budget{new_config.budget};
        stats.cost = new_config.cost;
        rtt_period_begin = next_probe = now;
        first_sequence = next_sequence = first;
        newest_reported = std::int64_t{first} - 1;
    }

    [[nodiscard]] duration rtt() const noexcept {
        return stats.rtt_smoothed == duration{} ? config.initial_rtt : stats.rtt_smoothed;
    }

    void on_rtt_sample(instant now, duration sample) noexcept {
        if (sample < duration{}) return;
        sample = std::max(sample, duration::from_ns(1));  // zero: not measured
        measured_at = now;
        ++samples;
        // The shortest of the last one to two periods, so that it follows a route change. Slower while the path is dead:
        // a queue that stands for long must not pass for the idle path.
        constexpr duration rtt_period = duration::from_ms(1'500);
        if (now - rtt_period_begin > (stats.state == path_state::dead ? rtt_period * 4 : rtt_period)) {
            rtt_previous_min = rtt_period_min;
            rtt_period_min = duration::infinite();
            rtt_period_begin = now;
        }
        if (sample < rtt_period_min) rtt_period_min = sample;
        stats.rtt_min = rtt_period_min < rtt_previous_min ? rtt_period_min : rtt_previous_min;
        // The round trips of a carrier that acknowledges also tell how much it takes at once.
        if (!config.acknowledged) steadiness.on_round_trip(sample - stats.rtt_min);
        // RFC 9002, section 5.3.
        if (stats.rtt_smoothed == duration{}) {
            stats.rtt_smoothed = sample;
            stats.rtt_deviation = sample / 2;
            return;
        }
        const duration error = sample - stats.rtt_smoothed;
        stats.rtt_deviation += ((error < duration{} ? -error : error) - stats.rtt_deviation) / 4;
        stats.rtt_smoothed += error / 8;
    }

    // Reports that are owed.

    /// The peer has `bytes` more to report on; from `worth` on it can pay for a report.
    void owe(instant at, std::uint64_t bytes, std::uint64_t worth) noexcept {
        if (owed_bytes == 0) owed_since = at;
        owed_bytes += bytes;
        if (owed || owed_bytes < worth + spent_ahead) return;
        owed = true;
        worth_since = at;
    }

    /// The peer paid for a notice from what it keeps for them, and earns that again before it reports. A flood of notices
    /// counts for no more than a report of `worth`.
    void await_credit(std::uint64_t bytes, std::uint64_t worth) noexcept {
        spent_ahead = std::min(spent_ahead + bytes, worth);
    }

    void settle_owed(std::uint64_t worth) noexcept {
        owed = false;
        owed_bytes = spent_ahead = 0;
        for (std::uint64_t s = first_unreported(); s < next_sequence; ++s)
            if (const sent_packet* packet = sent.find(s)) owe(packet->at, packet->report_bytes, worth);
    }

    /// Learns how long the path is silent before a report comes for which there was a reason.
    void on_report_gap(instant now, duration usual) noexcept {
        if (owed_bytes == 0) return;
        const duration gap = std::max(now - silent_since(), duration{});
        if (gap > usual * regular_gaps) return;  // an outage is not a habit
        if (report_gap == duration{}) report_gap = usual;
        const duration error = gap - report_gap;
        report_gap += error / 16;
        report_gap_deviation += ((error < duration{} ? -error : error) - report_gap_deviation) / 16;
    }

    /// A report could first have been expected here. While others carried the source packets, a few copies now and then
    /// were no reason for the peer to report often.
    [[nodiscard]] instant silent_since() const noexcept {
        return std::max(last_report, std::max(owed_since, active_since) + rtt());
    }
    [[nodiscard]] duration threshold(const scheduler_config& c) const noexcept {
        const duration usual =
            config.acknowledged ? c.acknowledgement_delay : c.report_interval * (alone ? alone_report_factor : 1);
        return std::max(report_gap, usual) + std::max(report_gap_deviation * 3, c.suspicion_margin);
    }
    [[nodiscard]] instant suspect_at(const scheduler_config& c) const noexcept {
        const instant affordable = worth_since + rtt() + c.suspicion_margin;
        return std::max(affordable, silent_since() + threshold(c));
    }
    /// The flow stays away. The path shows that it lives before the flow comes back to it: it may have failed meanwhile.
    void leave(const scheduler_config& c) noexcept {
        check_at = steadiness.left_until() - (rtt() + c.suspicion_margin);
    }
    [[nodiscard]] bool is_unchecked() const noexcept {
        return stats.state == path_state::warm && last_report < check_at;
    }
    [[nodiscard]] instant probe_due(const scheduler_config& c) const noexcept {
        if (stats.state == path_state::dead || stats.state == path_state::standby) return next_probe;
        if (is_unchecked() && probed_at < check_at) return check_at;
        const instant idle = last_sent == instant::before_all() ? next_probe : last_sent + c.keep_alive;
        return std::max(idle, next_probe);
    }

    // Stalls.

    [[nodiscard]] std::uint64_t first_unreported() const noexcept {
        const auto next = static_cast<std::uint64_t>(newest_reported + 1);
        return next + sent_window < next_sequence ? next_sequence - sent_window : next;
    }
    /// The oldest packet that the peer should have reported and has not; nullptr when there is none.
    [[nodiscard]] const sent_packet* oldest_unreported() const noexcept {
        for (std::uint64_t s = first_unreported(); s < next_sequence; ++s)
            if (const sent_packet* packet = sent.find(s); packet != nullptr && packet->report_bytes != 0) return packet;
        return nullptr;
    }
    /// Whatever is unreported may be stuck.
    void begin_stall() noexcept {
        const sent_packet* oldest = oldest_unreported();
        stuck = oldest != nullptr;
        if (stuck) stalled_from = oldest->at;
    }
    /// Something has moved: learns how long the stall was. `half_round_trip` is that of the path the word came over.
    void end_stall(instant now, const path_word& word, std::uint64_t covered, duration half_round_trip) noexcept {
        if (!stuck) return;
        stuck = false;
        const duration silence = now - stalled_from - stats.rtt_min;
        stalls[confirmed].record(silence, stall_length(now, word, covered, half_round_trip));
    }
    /// The odds, in basis points, that a packet sent at `sent`, and not reported, comes more than `patience` later than
    /// on an idle path.
    [[nodiscard]] std::int64_t chance_of_missing(instant now, instant sent_at, duration patience) const noexcept {
        if (!stuck) return 0;
        const duration silence = now - stalled_from - stats.rtt_min;
        return stalls[confirmed].chance_bp(silence, patience + (sent_at - stalled_from));
    }

    void note_word(const path_word& word, std::int64_t newest) noexcept {
        newest_reported = newest;
        reported_received = word.received.value_or(static_cast<std::uint16_t>(reported_received + 1));
    }

    // Arrivals.

    /// The peer numbers its packets anew and counts ours anew.
    void on_peer_restart() noexcept {
        heard = false;
        received_before = stats.packets_received;
        reported_received = 0;
    }

    [[nodiscard]] path_arrival on_arrival(std::uint16_t sequence) noexcept {
        path_arrival out;
        if (!heard) {
            heard = true;
            newest_received = sequence;
            received_mask = 1;
            return out;
        }
        const std::int64_t unwrapped = unwrap_nearest(newest_received, sequence, 16);
        const std::int64_t ahead = unwrapped - newest_received;
        if (ahead > 0) {
            out.newly_lost = static_cast<std::uint32_t>(ahead - 1);
            stats.packets_lost += out.newly_lost;
            received_mask = ahead < 64 ? received_mask << ahead | 1 : 1;
            newest_received = unwrapped;
        } else if (ahead > -64) {
            const std::uint64_t bit = std::uint64_t{1} << -ahead;
            out.duplicate = (received_mask & bit) != 0;
            out.overtaken = !out.duplicate;
            if (out.duplicate) {
                ++stats.packets_duplicated;
            } else if (stats.packets_lost > 0) {
                --stats.packets_lost;
            }
            received_mask |= bit;
        }
        return out;
    }

private:
    /// How long the stall was that ended with the packet `covered`: infinite when what was under way never came, zero
    /// when it came in time and only the reports were late.
    [[nodiscard]] duration stall_length(instant now, const path_word& word, std::uint64_t covered,
                                        duration half_round_trip) const noexcept {
        constexpr duration in_time = duration::from_ms(8);
        const std::uint64_t sent_since = covered - static_cast<std::uint64_t>(newest_reported);
        const auto came = static_cast<std::uint16_t>(word.received.value_or(reported_received) - reported_received);
        if (came < sent_since / 2) return duration::infinite();
        const sent_packet* packet = sent.find(covered);
        if (packet == nullptr) return duration{};
        const duration late = now - half_round_trip - word.age - packet->at - stats.rtt_min / 2;
        return late > in_time ? late + std::max(packet->at - stalled_from, duration{}) : duration{};
    }
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
