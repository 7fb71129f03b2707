// SPDX-License-Identifier: MIT
//
// The clairvoyant bound: how little speech any player could lose on a given run of arrivals, had it known them all
// beforehand, at a given mean playout delay.
//
// Offline dynamic programming over (frame, playout delay), delays in steps of 2 ms. From one frame to the next the
// delay may change by the permitted warp for nothing. Raising it at once costs the time made up meanwhile. A frame
// that came too late, or that is left out to lower the delay, costs its length; one that the network lost costs what
// is made up in its place, between nothing and its length, the delay falling by the rest: a player can stretch what
// is beside it. The mean delay enters as a price (a Lagrange multiplier), so the bound is the lower convex hull of
// what is possible: no plan with at most that mean delay loses less.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

struct clairvoyant_config {
    duration frame = duration::from_ms(20);
    duration step = duration::from_ms(2);  ///< of delays; divides `frame`
    std::uint32_t warp_permille = 100;     ///< how much the delay may change for nothing, per time played
};

/// The cheapest plan at a price.
struct clairvoyant_plan {
    double lost_ms = 0;      ///< speech made up or left out
    double delay_ms = 0;     ///< sum over the frames played
    std::size_t played = 0;  ///< frames
    double value_ms = 0;     ///< lost + price × Σ (delay − reference) over the frames played: what was minimised
};

/// `delays_ns`: of each frame above any common reference, not negative; −1 for a frame that never came. `price` is in
/// milliseconds of loss per millisecond of delay of one frame. Time: frames × greatest delay / step.
[[nodiscard]] clairvoyant_plan cheapest_plan(std::span<const std::int64_t> delays_ns, const clairvoyant_config& config,
                                             double price, double reference_ms);

/// Least share of speech lost by any plan whose mean delay over the frames played is `mean_delay_ms` or less.
[[nodiscard]] double clairvoyant_loss(std::span<const std::int64_t> delays_ns, const clairvoyant_config& config,
                                      double mean_delay_ms);

}  // namespace lab
}  // namespace v0
}  // namespace duality
