// SPDX-License-Identifier: MIT
//
// Is a path worth having the flow back? One whose round trips spread far, and that stalls, will soon stall again. When that
// has cost packets, it is left alone for a while like a route that flaps (RFC 2439), and for longer each time. No promise
// of stability.
#pragma once

#include <algorithm>
#include <cstdint>

#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

class path_steadiness {
public:
    /// A round trip took so much longer than the shortest recent one.
    constexpr void on_round_trip(duration beyond) noexcept {
        const duration error = std::clamp(beyond, duration{}, beyond_max) - mean_;
        known_ = std::min(known_ + 1, memory);
        deviation_ += ((error < duration{} ? -error : error) - deviation_) / known_;
        mean_ += error / known_;
    }
    /// What nearly every round trip stays below, beyond the shortest: the mean and four mean deviations, as in the timer of
    /// RFC 6298, over some 50 round trips.
    [[nodiscard]] constexpr duration spread() const noexcept { return mean_ + deviation_ * 4; }

    /// A source packet takes the path.
    constexpr void on_packet() noexcept {
        if (++packets_ < packet_memory) return;
        packets_ /= 2;
        missed_ /= 2;
    }
    /// So many that took it were not there by their deadline, not even repaired.
    constexpr void on_missed(std::uint32_t count) noexcept {
        missed_ = std::min(missed_ + count, packets_ + missed_at_first);  // whatever is claimed
    }
    /// Does the flow lose more on it than can be borne?
    [[nodiscard]] constexpr bool is_costly() const noexcept { return missed_ * bearable > packets_; }

    /// The path has stalled. True when that makes the flow stay away from it: it is costly, and its round trips spread
    /// further than `limit`.
    [[nodiscard]] constexpr bool on_stall(instant now, duration limit) noexcept {
        if (is_left(now) || spread() <= limit || !is_costly()) return false;
        stay_ = now - left_until_ < relapse ? std::min(stay_ * 2, stay_max) : stay_min;
        left_until_ = now + stay_;
        return true;
    }
    /// Does the flow stay away?
    [[nodiscard]] constexpr bool is_left(instant now) const noexcept { return now < left_until_; }
    /// Until when it does, or did; `before_all()` when it never has.
    [[nodiscard]] constexpr instant left_until() const noexcept { return left_until_; }

private:
    static constexpr std::int64_t memory = 48;                      ///< round trips
    static constexpr duration beyond_max = duration::from_ms(100);  ///< an outage says nothing about the time between
    static constexpr duration stay_min = duration::from_seconds(1);
    static constexpr duration stay_max = duration::from_seconds(16);
    static constexpr duration relapse = duration::from_seconds(3);  ///< so soon after its return it stalls again

    static constexpr std::uint64_t bearable = 1'000;       ///< packets of which one may miss its deadline
    static constexpr std::uint64_t packet_memory = 8'192;  ///< then half of what was counted is forgotten
    /// Assumed before anything is known: a path shows with 2,000 packets in time that it is worth staying on.
    static constexpr std::uint64_t missed_at_first = 2;

    std::uint64_t packets_ = 0;
    std::uint64_t missed_ = missed_at_first;
    std::int64_t known_ = 8;  ///< round trips, at most `memory`; at first some that took no longer than the shortest
    duration mean_{};
    duration deviation_{};
    duration stay_{};
    instant left_until_ = instant::before_all();
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
