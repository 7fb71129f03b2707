// SPDX-License-Identifier: MIT
//
// The lab's network: links with delay, loss, outages and a bottleneck, as functions of time fixed by a seed.
//
// What a network does is decided before the first packet: `path::create(model, seed, length)` draws, for every slot
// (one nominal packet interval) of the whole run, jitter, spikes and random loss, and beside them regimes, outages,
// baseline steps, bottleneck rates and cross traffic. Nothing depends on which packets are sent, so every variant of
// an experiment meets the same network; only the bottleneck's queue and first-in-first-out order remember the
// packets. Two packets of one slot therefore meet the same jitter and are lost together. Every feature draws from a
// stream of its own: switching one off leaves the others as they were, and a longer realisation begins with the shorter
// one. After its length a realisation starts over.
//
// Time zero of a realisation is `instant::from_ns(0)`. Same model, seed and calls: same outcome on every compiler and
// machine. A link or path is a value: a copy shares the (constant) realisation and has queues of its own. Memory is
// taken on creation, 8 bytes per slot and direction, and running out of it ends the program; `transmit` takes none and
// is O(1) but for binary searches over the few outages, baseline steps and cross-traffic bursts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

/// What became of a packet on a link; every packet has exactly one fate.
enum class packet_fate : std::uint8_t {
    delivered,
    lost_random,  ///< Gilbert–Elliott loss
    lost_outage,  ///< sent while the path was out
    lost_queue,   ///< the bottleneck's queue was full
    lost_mtu,     ///< larger than the path carries
    lost_trace,   ///< lost in the recorded trace, or sent after its end
};
inline constexpr std::size_t packet_fate_count = 6;

/// The enumerator's name.
[[nodiscard]] std::string_view to_string(packet_fate fate) noexcept;

struct link_outcome {
    packet_fate fate = packet_fate::delivered;
    instant arrival = instant::never();  ///< never unless delivered
};

/// Extra delay that a share of the slots gets on top of jitter.
struct spike_model {
    enum class shape : std::uint8_t {
        folded_gaussian,  ///< |N(0, sigma)|
        pareto,           ///< P(X > x) = (scale / x)^exponent for x >= scale, cut off at `cap_ms`
    };
    double share = 0;  ///< of slots, 0…1
    shape form = shape::folded_gaussian;
    double sigma_ms = 0;
    double scale_ms = 0;
    double exponent = 2;
    double cap_ms = 1000;

    constexpr bool operator==(const spike_model&) const noexcept = default;
};

/// Gilbert–Elliott loss in its plain form: a good state that loses nothing, a bad one that loses everything.
struct loss_model {
    double rate = 0;        ///< long-run share of lost slots, 0…0.5
    double mean_burst = 1;  ///< mean length of a run of lost slots, >= 1

    constexpr bool operator==(const loss_model&) const noexcept = default;
};

/// How a path behaves while one regime lasts.
struct regime_model {
    /// Jitter is |N(0, sigma)| added to the one-way delay: folded, because the delay of an idle path is its minimum and
    /// nothing arrives sooner.
    double jitter_sigma_ms = 0;
    spike_model spikes{};
    loss_model loss{};
    double dwell_low_s = 0;   ///< a regime lasts a uniform time between low and high
    double dwell_high_s = 0;  ///< 0 in the busy regime: the path is always calm

    constexpr bool operator==(const regime_model&) const noexcept = default;
};

/// Outages that start as a Poisson process and last a uniform time. Overlapping ones merge.
struct outage_model {
    double per_minute = 0;
    double low_ms = 0;
    double high_ms = 0;

    constexpr bool operator==(const outage_model&) const noexcept = default;
};

/// The idle path's delay moves at regular times, as when a satellite terminal is handed to another satellite. Steps
/// are one-way, the same in both directions, and of random sign unless that would leave the bounds.
struct step_model {
    double every_s = 0;  ///< 0: no steps. The first one comes at a random time within this period
    double low_ms = 0;
    double high_ms = 0;
    double offset_low_ms = 0;   ///< the sum of all steps stays within these bounds;
    double offset_high_ms = 0;  ///< they lie at least 2 * high_ms apart, so that there is always a way
    double outage_share = 0;    ///< of steps that begin with an outage,
    double outage_low_ms = 0;   ///< which lasts a uniform time
    double outage_high_ms = 0;
    double lossy_before_s = 0;  ///< around a step, from so long before
    double lossy_after_s = 0;   ///< to so long after,
    loss_model loss{};          ///< loss is this instead of the regime's

    constexpr bool operator==(const step_model&) const noexcept = default;
};

/// Other people's traffic in the bottleneck's queue. A burst fills it steadily to its peak, then the queue drains as
/// fast as time passes.
struct cross_traffic_model {
    double per_minute = 0;
    double peak_low_ms = 0;  ///< queueing delay at the peak, uniform
    double peak_high_ms = 0;
    double rise_low_ms = 0;  ///< time to the peak, uniform
    double rise_high_ms = 0;

    constexpr bool operator==(const cross_traffic_model&) const noexcept = default;
};

/// The narrowest place of one direction.
struct bottleneck_model {
    double rate_low_bps = 0;    ///< 0: no bottleneck at all
    double rate_high_bps = 0;   ///< drawn uniformly anew every `rate_every_s`
    double rate_every_s = 0;    ///< 0: the rate is `rate_low_bps` all the time
    double queue_limit_ms = 0;  ///< a packet that would wait longer is dropped (tail drop)
    cross_traffic_model cross{};
    /// Frames leave in aggregates spaced by low…high ms; 0: each for itself. Works without a bottleneck rate too.
    double aggregate_low_ms = 0;
    double aggregate_high_ms = 0;

    constexpr bool operator==(const bottleneck_model&) const noexcept = default;
};

/// A path: what its two directions share, and what each has for itself.
struct path_model {
    double rtt_ms = 0;  ///< of the idle path, half each way
    regime_model calm{};
    regime_model busy{};  ///< used when its `dwell_high_s` is above 0
    std::array<outage_model, 2> outages{};
    step_model steps{};
    bottleneck_model forward{};
    bottleneck_model reverse{};
    std::uint32_t mtu = 1500;  ///< largest IP packet in bytes

    constexpr bool operator==(const path_model&) const noexcept = default;
};

/// A time during which a path delivers nothing.
struct outage {
    instant begin;  ///< inclusive
    instant end;    ///< exclusive
    constexpr bool operator==(const outage&) const noexcept = default;
};

namespace detail {
struct path_timeline;   // regimes, outages and steps, shared by both directions
struct lane_timeline;   // slots, rates, cross traffic and aggregates of one direction
struct trace_timeline;  // a recorded trace, for one direction
}  // namespace detail

/// What one slot of the realisation does, for tests and plots.
struct slot_view {
    duration extra;  ///< jitter and spike
    bool spike = false;
    bool lost = false;
    bool busy = false;  ///< in the busy regime
};

/// Packets by fate. They sum to the packets sent.
struct link_stats {
    std::array<std::uint64_t, packet_fate_count> packets{};
    std::uint64_t bytes_sent = 0;
    std::uint64_t clock_backwards = 0;  ///< calls with a `now` before the last one; it was clamped

    [[nodiscard]] std::uint64_t count(packet_fate fate) const noexcept {
        return packets[static_cast<std::size_t>(fate)];
    }
};

/// One direction. A default-constructed link delivers everything at once.
class link {
public:
    link() noexcept = default;

    /// Sends one packet of `ip_bytes` (IP header included). `now` must not go backwards; it is clamped and counted if
    /// it does. A packet never overtakes the one before it. The fate is decided at `now`, in this order: too large,
    /// path out, random loss, queue full.
    link_outcome transmit(instant now, std::size_t ip_bytes) noexcept;

    /// One-way delay of the idle path for a packet sent at `at`: propagation and baseline steps, no jitter, no queue.
    /// Of a trace: see `trace_baseline` in trace.hpp.
    [[nodiscard]] duration baseline(instant at) const noexcept;
    /// Always false on a trace, which does not tell outages from other losses.
    [[nodiscard]] bool in_outage(instant at) const noexcept;

    /// The realisation's length; after it, it starts over (a trace instead loses everything). Infinite for an ideal
    /// link.
    [[nodiscard]] duration length() const noexcept;
    [[nodiscard]] std::span<const outage> outages() const noexcept;
    /// Number of slots; 0 for a trace or an ideal link.
    [[nodiscard]] std::size_t slot_count() const noexcept;
    /// Precondition: `index < slot_count()`.
    [[nodiscard]] slot_view slot(std::size_t index) const noexcept;

    [[nodiscard]] const link_stats& stats() const noexcept { return stats_; }

private:
    friend class path;

    struct condition {
        packet_fate fate;
        duration delay;
    };
    [[nodiscard]] condition at(instant now) noexcept;

    std::shared_ptr<const detail::path_timeline> path_;
    std::shared_ptr<const detail::lane_timeline> lane_;
    std::shared_ptr<const detail::trace_timeline> trace_;
    std::size_t next_sample_ = 0;  ///< of the trace: the first one not sent before `last_now_`
    instant last_now_ = instant::from_ns(0);
    instant last_arrival_ = instant::before_all();
    instant free_at_ = instant::before_all();  ///< when the bottleneck has sent the last packet
    link_stats stats_{};
};

struct trace;  // trace.hpp

/// The two directions of one network path. They share outages, baseline steps and regimes; jitter, loss, rate and
/// queues are each one's own.
class path {
public:
    path() noexcept = default;

    /// Draws a realisation. `slot` is the nominal packet interval: mean bursts and shares are counted in slots.
    /// Errors: `invalid_config` naming the field of the model or argument out of range.
    [[nodiscard]] static result<path> create(const path_model& model, std::uint64_t seed, duration length,
                                             duration slot = duration::from_ms(5)) noexcept;

    /// A path that repeats what `recorded` saw, see trace.hpp. Errors: `invalid_argument` for an empty trace.
    [[nodiscard]] static result<path> create(const trace& recorded) noexcept;

    link forward;
    link reverse;
};

}  // namespace lab
}  // namespace v0
}  // namespace duality
