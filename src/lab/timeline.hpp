// SPDX-License-Identifier: MIT
//
// The realisations behind a link. All are constant once made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "duality/lab/link.hpp"
#include "duality/lab/trace.hpp"

namespace duality {
inline namespace v0 {
namespace lab {
namespace detail {

inline constexpr std::int64_t ns_per_ms = 1'000'000;

struct baseline_step {
    std::int64_t at_ns;
    std::int64_t offset_ns;  ///< sum of all steps so far
};

struct regime_change {
    std::int64_t at_ns;
    bool busy;
};

struct path_timeline {
    std::int64_t length_ns = 0;  ///< a whole number of slots
    std::int64_t slot_ns = 0;
    std::int64_t propagation_ns = 0;  ///< one way
    std::uint32_t mtu = 0;
    std::vector<outage> outages;       ///< in order, disjoint, inside [0, length]
    std::vector<baseline_step> steps;  ///< in order; before the first one the offset is 0
    std::vector<regime_change> regimes;

    [[nodiscard]] bool out_at(std::int64_t ns) const noexcept;
    [[nodiscard]] std::int64_t offset_at(std::int64_t ns) const noexcept;
};

struct slot_record {
    std::uint32_t extra_ns;
    bool spike : 1;
    bool lost : 1;
    bool busy : 1;
};

struct cross_burst {
    std::int64_t begin_ns;
    std::int64_t peak_at_ns;
    std::int64_t peak_ns;  ///< queueing delay at the peak; gone at `peak_at_ns + peak_ns`
};

struct lane_timeline {
    std::vector<slot_record> slots;
    std::vector<std::int64_t> rates_bps;  ///< empty: no bottleneck
    std::int64_t rate_every_ns = 1;
    std::int64_t queue_limit_ns = 0;
    std::vector<cross_burst> bursts;  ///< in order, disjoint
    std::int64_t aggregate_ns = 0;    ///< mean spacing of aggregates; 0: none
    std::vector<std::uint32_t> aggregate_offset_ns;

    [[nodiscard]] std::int64_t cross_queue_at(std::int64_t ns) const noexcept;
    /// The first end of an aggregate at or after `ns`.
    [[nodiscard]] std::int64_t aggregate_end(std::int64_t ns) const noexcept;
};

struct trace_sample {
    std::int64_t send_ns;
    std::int64_t delay_ns;  ///< of a lost one: interpolated between its delivered neighbours
    bool lost;
};

/// Delay at `ns` on the straight line from `a` to `b`.
[[nodiscard]] std::int64_t between(const trace_sample& a, const trace_sample& b, std::int64_t ns) noexcept;

struct trace_timeline {
    std::vector<trace_sample> samples;      ///< at least one
    std::vector<std::int64_t> baseline_ns;  ///< one value per `trace_baseline_step`, at least one
};

}  // namespace detail
}  // namespace lab
}  // namespace v0
}  // namespace duality
