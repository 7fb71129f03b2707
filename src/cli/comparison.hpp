// SPDX-License-Identifier: MIT
//
// The results of `duality lab compare`: every contender over every network and seed, what they add up to, and how far
// they are from what is asked of them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "duality/lab/outages.hpp"
#include "duality/lab/rivals.hpp"

namespace duality {
inline namespace v0 {
namespace cli {

/// Somebody who carries the flow: one of our variants or a rival.
struct contender {
    std::string_view name;
    std::optional<lab::variant> ours;
    std::optional<lab::rival> theirs;
    bool sparing = false;  ///< the second path only helps: it carries nothing for a path that is not out but unsteady
};

/// The bare flow, `single`, `dual` and a sparing one, `hot`, and every rival.
[[nodiscard]] std::span<const contender> contenders() noexcept;

/// One contender's run over one realisation.
struct compared_run {
    std::uint64_t seed = 0;
    lab::figures outcome;
    double framing_pct = 0;
    double hot_pct = 0;  ///< copies of hot streams
    std::uint64_t metered_outside = 0;
    // Of the bare flow only, packets outside outages: those that are late, and those that have to move to keep to the floors
    // of the silence, of the silence and the time to move, and of both with reports as often as a session's.
    std::uint64_t late_outside = 0;
    std::uint64_t moved_for_silence = 0;
    std::uint64_t moved_in_time = 0;
    std::uint64_t moved_by_reports = 0;
    std::uint64_t useful_bytes = 0;
    std::vector<lab::outage_effect> outages;  ///< those that count

    /// Every byte beyond the bare flow, in percent of it.
    [[nodiscard]] double all_extra_pct() const noexcept { return outcome.overhead_pct + framing_pct + hot_pct; }
};

/// One network: a family over its seeds, or a trace.
struct compared_network {
    std::string name;
    bool knows_outages = true;
    std::vector<std::vector<compared_run>> runs;  ///< by contender, as in `contenders()`

    /// Of the contender with this name, which there is.
    [[nodiscard]] const std::vector<compared_run>& of(std::string_view who) const noexcept;
};

/// A figure over the runs of one contender.
[[nodiscard]] double mean_of(std::span<const compared_run> runs, double (*get)(const compared_run&)) noexcept;
[[nodiscard]] double max_of(std::span<const compared_run> runs, double (*get)(const compared_run&)) noexcept;

/// A figure that something is asked of.
struct verdict {
    std::string network;
    std::string figure;
    std::string unit;
    double value = 0;   ///< what is judged: the worst case or the mean, as the figure says
    double floor = 0;   ///< at most this must hold
    double target = 0;  ///< at most this is wanted
    /// Of a figure per outage: how many there were, their median and 95 % quantile, and the share within the floor.
    std::size_t samples = 0;
    double median = 0;
    double p95 = 0;
    double within_pct = 0;

    /// "target", "floor" or "missed".
    [[nodiscard]] std::string_view word() const noexcept;
};

[[nodiscard]] std::vector<verdict> verdicts_of(const compared_network& network);

/// The table as bars, one row per contender in a block per network: SVG, or the same in an HTML page.
[[nodiscard]] std::string comparison_svg(std::span<const compared_network> networks);
[[nodiscard]] std::string comparison_html(std::span<const compared_network> networks);

}  // namespace cli
}  // namespace v0
}  // namespace duality
