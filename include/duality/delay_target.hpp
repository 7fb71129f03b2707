// SPDX-License-Identifier: MIT
//
// Delay target: how deep a playout buffer must be for the path's delay to rise above it only so many times an hour.
//
// What interrupts playout is not that a share of the packets is late: on a first-in-first-out path one stall delays a
// dozen packets, and costs as much as it stands out above the playout delay. So the model counts *rises*: how often per
// hour the delay crosses each level from below. One more millisecond of depth then saves, per hour, as many
// milliseconds as there are rises through it, which makes the wanted number of rises the price of depth: the same
// everywhere, in quiet times and in rough ones.
//
// Rises are remembered in two ways, 30 s and 2 s long, because stalls come in clusters, and added to a prior that is
// never forgotten: a path of which nothing is known rises through a level d at a rate that falls off as 1/(30 ms + d),
// as if that had been watched for 10 s, and a quarter of each memory seen no rise. It keeps a quiet path's target away from zero: long stalls are too rare to be
// learnt in time. One object belongs to one thread at a time; 3 KB, no further memory; all arithmetic is in integers.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

class delay_target {
public:
    /// One packet that arrived on its own: its delay above the baseline. `now` must not go backwards. O(1).
    void add(instant now, duration above) noexcept {
        const std::size_t level = level_of(above);
        if (known_) {
            const std::int64_t passed_ms = std::clamp<std::int64_t>((now - last_).ns() / 1'000'000, 0, 1'000);
            if (passed_ms > 0) {
                last_ += duration::from_ms(passed_ms);
                slow_.age(passed_ms);
                fast_.age(passed_ms);
                if (now - last_ > duration::from_ms(1'000)) last_ = now;  // silence teaches nothing
            }
        } else {
            last_ = now;
            known_ = true;
        }
        if (level > level_) {
            slow_.rise(level_, level);
            fast_.rise(level_, level);
        }
        level_ = level;
    }

    /// The least depth above the baseline through which the delay is expected to rise at most `rises_per_hour` times;
    /// to 1 ms up to 64 ms, to a sixteenth of an octave above, 8.2 s at most. Walks at most 176 levels.
    [[nodiscard]] duration depth(std::uint32_t rises_per_hour) const noexcept {
        std::int64_t slow = 0;
        std::int64_t fast = 0;
        std::size_t level = level_count;
        while (level > 1) {
            --level;
            slow += slow_.rises[level];
            fast += fast_.rises[level];
            const std::int64_t prior_ms = prior_time_ms * prior_scale_ms / (prior_scale_ms + edge_ms(level));
            const std::int64_t expected = (slow_.per_hour(slow, prior_ms) + fast_.per_hour(fast, prior_ms)) / 2;
            if (expected > std::int64_t{rises_per_hour}) return duration::from_ms(edge_ms(level + 1));
        }
        return duration::from_ms(1);
    }

    /// The next packet is not compared with the one before it. What was learnt stays.
    void new_stream() noexcept { level_ = level_count - 1; }

private:
    static constexpr std::size_t linear_levels = 64;
    static constexpr std::size_t octave_levels = 16;
    static constexpr std::size_t level_count = linear_levels + 7 * octave_levels;
    /// The prior, once per second at level zero.
    static constexpr std::int64_t prior_time_ms = 10'000;
    static constexpr std::int64_t prior_scale_ms = 30;

    [[nodiscard]] static constexpr std::size_t level_of(duration above) noexcept {
        const std::int64_t ms = std::clamp<std::int64_t>(above.ns() / 1'000'000, 0, 8'191);
        if (ms < std::int64_t{linear_levels}) return static_cast<std::size_t>(ms);
        const auto octave = static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(ms))) - 7;
        return linear_levels + octave * octave_levels + static_cast<std::size_t>(ms >> (octave + 2)) - octave_levels;
    }
    /// The lowest delay of a level, in milliseconds.
    [[nodiscard]] static constexpr std::int64_t edge_ms(std::size_t level) noexcept {
        if (level < linear_levels) return static_cast<std::int64_t>(level);
        const std::size_t above = level - linear_levels;
        return static_cast<std::int64_t>(octave_levels + above % octave_levels) << (above / octave_levels + 2);
    }

    static constexpr std::int64_t weight_start = std::int64_t{1} << 16;
    static constexpr std::int64_t weight_limit = std::int64_t{1} << 24;

    /// Rises per level with exponential forgetting: instead of shrinking what is old, what is new weighs more.
    template <std::int64_t MemoryMs>
    struct memory {
        /// Rises that end at a level, less those that begin there: the sum over the levels from d up is the rises
        /// through d.
        std::array<std::int64_t, level_count> rises{};
        std::int64_t weight = weight_start;
        std::int64_t watched_ms = MemoryMs / 4 * weight_start;  ///< times the weight it had

        void age(std::int64_t ms) noexcept {
            weight += weight * std::min(ms, MemoryMs / 4) / MemoryMs;
            watched_ms += ms * weight;
            if (weight < weight_limit) return;
            for (std::int64_t& r : rises) r /= weight_limit / weight_start;
            watched_ms /= weight_limit / weight_start;
            weight /= weight_limit / weight_start;
        }
        void rise(std::size_t from, std::size_t to) noexcept {
            rises[to] += weight;
            rises[from] -= weight;
        }
        /// `prior_ms` is what the prior saw, in thousandths of a rise.
        [[nodiscard]] std::int64_t per_hour(std::int64_t seen, std::int64_t prior_ms) const noexcept {
            return (seen + prior_ms * weight / 1'000) * 3'600'000 / (watched_ms + prior_time_ms * weight);
        }
    };
    memory<30'000> slow_;
    memory<2'000> fast_;
    instant last_;
    std::size_t level_ = 0;
    bool known_ = false;
};

}  // namespace v0
}  // namespace duality
