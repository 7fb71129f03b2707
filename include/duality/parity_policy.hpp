// SPDX-License-Identifier: MIT
//
// When to send how much parity, over which window, and how to answer a report of what is missing.
//
// Three parts, each usable alone: `plan_parity` turns what is known about the path into a rate and a window;
// `repair_pacer` turns the rate into repairs between packets; `repair_generator` answers deficit reports without
// answering the same one twice. Integers only. No clock, no I/O, no memory beyond the objects.
#pragma once

#include <cstddef>
#include <cstdint>

#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

struct parity_policy_config {
    std::uint32_t max_rate_bp = 1'000;   ///< hard cap of proactive parity in 1/100 % of the packets, 0…10000
    std::uint32_t per_loss_x16 = 32;     ///< parity = loss × this / 16; 0…256
    std::uint32_t clean_loss_ppm = 500;  ///< up to this loss there is no parity at all; 0…1000000
    std::uint32_t max_window = 64;       ///< widest window in packets, 1…4095
    /// Longest burst, in packets × 100, that proactive parity is tried against; beyond, repairs on another path or
    /// after the fact are the tool. 100…100000
    std::uint32_t max_burst_x100 = 2'000;
};

inline constexpr field_bounds parity_policy_bounds[] = {
    {"max_rate_bp", 0, 10'000, "1/100 %"},           {"per_loss_x16", 0, 256, "1/16"},
    {"clean_loss_ppm", 0, 1'000'000, "ppm"},         {"max_window", 1, 4095, "packets"},
    {"max_burst_x100", 100, 100'000, "packets/100"},
};

/// What is known about a path.
struct parity_conditions {
    duration deadline = duration::from_ms(100);  ///< within which a rebuilt packet is of use, after it would have come
    duration interval = duration::from_ms(5);    ///< mean time between packets; above zero
    std::uint32_t loss_ppm = 0;                  ///< of packets, not counting losses repaired as arrivals
    std::uint32_t burst_x100 = 100;              ///< mean length of a loss burst in packets × 100; 100: independent
    bool congestion = false;                     ///< the losses come from a full queue: more packets mean more loss
};

struct parity_plan {
    std::uint32_t rate_bp = 0;  ///< repairs per 10000 packets; 0: none
    std::uint32_t window = 0;   ///< packets a repair covers; 0: none

    constexpr bool operator==(const parity_plan&) const noexcept = default;
};

/// The window for repairs at `rate_bp`.
///
/// As long as repairs are clearly more than losses, the window is the whole deadline: every repair may help with every
/// packet that still counts. When losses come near to the repairs, the equations of a long window are never complete
/// before the deadline, and shorter windows, which can be complete now and then, recover more. Between the two the
/// window shrinks geometrically from the deadline to the distance of two repairs. The range was fitted by simulation
/// (bench_recovery repeats it): for independent losses from 0.5 to 1.2 times as many losses as repairs; later and
/// longer the longer the bursts, which leave more windows with few losses for the same mean.
[[nodiscard]] std::uint32_t plan_window(std::uint32_t rate_bp, const parity_conditions& now,
                                        std::uint32_t max_window) noexcept;

/// Rate and window. Nothing on a clean path, under congestion, and against bursts longer than configured.
[[nodiscard]] parity_plan plan_parity(const parity_policy_config& config, const parity_conditions& now) noexcept;

/// Says after which packets a repair is due. The rate may change at every packet; the sum of what was due never
/// exceeds the sum of the rates.
class repair_pacer {
public:
    /// Call once per packet sent. How many repairs are due after it: 0 or 1 for rates up to 10000.
    [[nodiscard]] constexpr std::uint32_t packet(std::uint32_t rate_bp) noexcept {
        credit_ += rate_bp;
        const std::uint32_t due = credit_ / 10'000;
        credit_ %= 10'000;
        return due;
    }
    /// Forgets the fraction saved up, as on a path that became clean.
    constexpr void reset() noexcept { credit_ = 0; }

private:
    std::uint32_t credit_ = 0;
};

/// What a receiver reports: `rlc_decoder::deficit` and by when it is needed. The deficit is asked for from the oldest
/// packet on that a repair can still bring in time, so that a hopeless one does not stand in for the others.
struct deficit_report {
    std::uint32_t first_missing = 0;
    std::uint32_t last_missing = 0;
    std::uint32_t symbols_needed = 0;       ///< 0: nothing is missing
    duration time_left = duration::zero();  ///< from writing the report until `first_missing` is worthless
};

struct repair_generator_config {
    std::uint32_t max_repairs = 16;      ///< per report, 1…255
    std::uint32_t margin_loss_x16 = 48;  ///< last round: extra symbols = needed × loss × this / 16, rounded up; 0…1024
    std::uint32_t last_round_extra = 1;  ///< and at least this many, 0…16
};

inline constexpr field_bounds repair_generator_bounds[] = {
    {"max_repairs", 1, 255, "repairs"},
    {"margin_loss_x16", 0, 1024, "1/16"},
    {"last_round_extra", 0, 16, "repairs"},
};

/// Repairs to make now: `count` of them over [first_esi, first_esi + window).
struct repair_order {
    std::uint32_t first_esi = 0;
    std::uint32_t window = 0;
    std::uint32_t count = 0;
};

struct repair_generator_statistics {
    std::uint64_t reports = 0;    ///< with something missing
    std::uint64_t repairs = 0;    ///< ordered
    std::uint64_t in_flight = 0;  ///< reports answered by repairs already under way
    std::uint64_t hopeless = 0;   ///< reports whose repair could not arrive in time
    std::uint64_t outside = 0;    ///< reports about packets that are not in the encoder's window
};

/// Sender side of reactive coded repair: answers reports with fresh repairs, which help whichever packets are missing.
/// Repairs that were ordered less than a round trip ago cannot be known to the receiver that wrote the report, so
/// they are counted as on their way. In the last round that can still make the deadline, more are sent than needed.
class repair_generator {
public:
    [[nodiscard]] static result<repair_generator> create(const repair_generator_config& config) noexcept;

    /// What to send for `report`, which arrived at `now`. `round_trip` is the time from a repair leaving to its
    /// absence being known here. `first_esi` and `next_esi` are those of the encoder. `count` 0: nothing.
    [[nodiscard]] repair_order answer(instant now, const deficit_report& report, duration round_trip,
                                      std::uint32_t loss_ppm, std::uint32_t first_esi, std::uint32_t next_esi) noexcept;

    [[nodiscard]] const repair_generator_statistics& stats() const noexcept { return stats_; }

private:
    static constexpr std::size_t orders_kept = 32;

    struct order {
        instant at = instant::before_all();
        std::uint32_t count = 0;
    };

    repair_generator() noexcept = default;

    repair_generator_config config_{};
    order orders_[orders_kept]{};
    std::size_t next_order_ = 0;
    instant latest_ = instant::before_all();
    repair_generator_statistics stats_{};
};

}  // namespace v0
}  // namespace duality
