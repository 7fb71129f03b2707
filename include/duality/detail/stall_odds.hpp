// SPDX-License-Identifier: MIT
//
// How long the stalls of a path last: what was seen, with forgetting, and from it the odds that one of this age goes on
// long enough to make a packet worthless. No promise of stability.
#pragma once

#include <array>
#include <cstdint>

#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

class stall_odds {
public:
    constexpr stall_odds() noexcept {
        // Before anything was seen: twice as long is half as likely, and it is worth four stalls.
        for (std::int64_t i = 0; i < bins - 1; ++i) add(i, prior / ((i + 1) * (i + 2)));
        add(bins - 1, prior / bins);
    }

    /// A path that was silent for `silence` then showed to have been stalled for `stall`: not at all when only the
    /// reports were late, `duration::infinite()` when what was under way never came.
    constexpr void record(duration silence, duration stall) noexcept {
        if (total_ > memory * unit) {
            for (entry& e : entries_) {
                e.silent -= e.silent / 4;
                e.stalled -= e.stalled / 4;
            }
            total_ -= total_ / 4;
        }
        entries_[bin_of(silence)].silent += unit;
        entries_[bin_of(stall)].stalled += unit;
        total_ += unit;
    }

    /// The odds, in basis points, that a path silent for `silence` is stalled for `needed` in the end.
    [[nodiscard]] constexpr std::int64_t chance_bp(duration silence, duration needed) const noexcept {
        const std::int64_t silent = at_least(&entry::silent, silence);
        const std::int64_t stalled = at_least(&entry::stalled, needed);
        return stalled >= silent ? 10'000 : stalled * 10'000 / silent;
    }

private:
    static constexpr std::int64_t bins = 32;
    static constexpr duration bin_width = duration::from_ms(10);
    static constexpr std::int64_t unit = 1 << 10;
    static constexpr std::int64_t prior = 4 * unit;
    static constexpr std::int64_t memory = 64;  ///< stalls

    struct entry {
        std::int64_t silent = 0;
        std::int64_t stalled = 0;
    };

    static constexpr std::size_t bin_of(duration length) noexcept {
        const std::int64_t bin = length.ns() / bin_width.ns();
        return static_cast<std::size_t>(bin < 0 ? 0 : bin < bins ? bin : bins - 1);
    }
    constexpr void add(std::int64_t bin, std::int64_t weight) noexcept {
        entries_[static_cast<std::size_t>(bin)] = {weight, weight};
        total_ += weight;
    }
    [[nodiscard]] constexpr std::int64_t at_least(std::int64_t entry::*which, duration length) const noexcept {
        const std::size_t first = bin_of(length);
        std::int64_t sum = 0;
        for (std::size_t i = first + 1; i < bins; ++i) sum += entries_[i].*which;
        // Within a bin they end evenly.
        const std::int64_t into = length.ns() <= 0 || first + 1 == bins ? 0 : length.ns() % bin_width.ns();
        return sum + entries_[first].*which * ((bin_width.ns() - into) / 1'000) / (bin_width.ns() / 1'000);
    }

    std::array<entry, bins> entries_{};
    std::int64_t total_ = 0;
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
