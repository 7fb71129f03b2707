// SPDX-License-Identifier: MIT
#include "duality/lab/families.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "duality/random.hpp"

namespace duality {
inline namespace v0 {
namespace lab {
namespace {

// What the descriptions leave open is decided here, once, and said beside the number:
// - A regime's dwell time is the same for calm and busy times.
// - "RTT" is halved, one half each way; jitter, spikes and baseline steps are one-way.
// - Losses, jitter and cross traffic of the two directions are independent; outages, steps and regimes are common.

constexpr bottleneck_model cable_bottleneck{
    .rate_low_bps = 20e6,
    .queue_limit_ms = 100,  // beyond what cross traffic fills
    // Page loads and uploads of neighbours: a burst about every ten seconds.
    .cross = {.per_minute = 6, .peak_low_ms = 10, .peak_high_ms = 60, .rise_low_ms = 100, .rise_high_ms = 500},
};

constexpr path_model cable_ftth_model{
    .rtt_ms = 16,
    .calm = {.jitter_sigma_ms = 2, .loss = {0.003, 2}, .dwell_low_s = 20, .dwell_high_s = 60},
    .busy = {.jitter_sigma_ms = 2,  // the evening regime
             .spikes = {.share = 0.03, .sigma_ms = 15},
             .loss = {0.003, 2},
             .dwell_low_s = 20,
             .dwell_high_s = 60},
    .outages = {{{2, 100, 300}}},
    .forward = cable_bottleneck,
    .reverse = cable_bottleneck,
};

constexpr path_model reference_model{
    .rtt_ms = 30,
    .calm = {.jitter_sigma_ms = 3, .spikes = {.share = 0.05, .sigma_ms = 20}},
    .outages = {{{4, 150, 400}}},
};

constexpr path_model rural_dsl_model{
    .rtt_ms = 40,
    .calm =
        {.jitter_sigma_ms = 4,
         // 5 % of the slots, 0.1 % of them all above 100 ms: P(X > 100 | spike) = 0.02, and with exponent 2 the scale
         // is 100 * sqrt(0.02). Cut off at the longest outage, because a longer stall would be one.
         .spikes = {.share = 0.05,
                    .form = spike_model::shape::pareto,
                    .scale_ms = 14.142135623730951,
                    .exponent = 2,
                    .cap_ms = 400},
         .loss = {0.008, 3}},
    .outages = {{{2, 150, 400}}},
    .forward = {.rate_low_bps = 1e6, .queue_limit_ms = 300},
    .reverse = {.rate_low_bps = 10e6, .queue_limit_ms = 300},  // a downlink ten times as fast
};

constexpr bottleneck_model wifi_aggregation{.aggregate_low_ms = 2, .aggregate_high_ms = 8};

constexpr path_model wifi_contention_model{
    .rtt_ms = 10,
    .calm = {.jitter_sigma_ms = 3, .loss = {0.002, 1}, .dwell_low_s = 1, .dwell_high_s = 10},
    .busy = {.jitter_sigma_ms = 20, .loss = {0.02, 4}, .dwell_low_s = 1, .dwell_high_s = 10},
    .outages = {{{4, 80, 250}}},
    .forward = wifi_aggregation,
    .reverse = wifi_aggregation,
};

constexpr path_model leo_satellite_model{
    .rtt_ms = 50,
    // 1 % over all: 6 % in the second around a step, every 15 s, so (0.15 - 0.06) / 14 in between.
    .calm = {.jitter_sigma_ms = 6, .loss = {0.09 / 14, 5}},
    .outages = {{{1, 300, 500}}},
    .steps = {.every_s = 15,
              .low_ms = 5,
              .high_ms = 25,
              .offset_low_ms = -20,  // one way between 5 and 55 ms
              .offset_high_ms = 30,
              .outage_share = 0.3,
              .outage_low_ms = 40,
              .outage_high_ms = 200,
              .lossy_before_s = 0.25,
              .lossy_after_s = 0.75,
              .loss = {0.06, 5}},
};

constexpr bottleneck_model hotspot_bottleneck{
    .rate_low_bps = 2e6,
    .rate_high_bps = 20e6,
    .rate_every_s = 1,  // about how fast a moving phone's rate changes
    .queue_limit_ms = 300,
    // Other apps on the phone: a burst every half minute, deep because mobile networks buffer rather than drop.
    .cross = {.per_minute = 2, .peak_low_ms = 30, .peak_high_ms = 300, .rise_low_ms = 300, .rise_high_ms = 1500},
};

constexpr path_model mobile_hotspot_model{
    .rtt_ms = 45,
    .calm = {.jitter_sigma_ms = 8, .spikes = {.share = 0.05, .sigma_ms = 30}, .loss = {0.01, 6}},
    .outages = {{{2, 60, 120}, {0.5, 500, 1500}}},
    .forward = hotspot_bottleneck,
    .reverse = hotspot_bottleneck,
};

constexpr path_model vpn_on_path_model = [] {
    path_model model = cable_ftth_model;
    model.rtt_ms = 28;
    model.calm.loss = model.busy.loss = {0.005, 2};
    model.forward = model.reverse = {};  // the table names no bottleneck here
    model.mtu = 1280;
    return model;
}();

constexpr path_model metered_model{
    .rtt_ms = 50,
    .calm = {.jitter_sigma_ms = 6, .loss = {0.008, 3}},
    .outages = {{{1, 100, 400}}},
};

constexpr family_info family_table[] = {
    {family::reference, "reference", "RTT 30 ms, jitter 3 ms with 5 % spikes of 20 ms, 4 outages/min of 150-400 ms",
     reference_model},
    {family::cable_ftth, "cable_ftth",
     "RTT 16 ms, 20 Mbit/s, evening spikes, cross traffic up to 60 ms, 0.3 % loss, 2 outages/min of 100-300 ms",
     cable_ftth_model},
    {family::rural_dsl, "rural_dsl",
     "RTT 40 ms, 1 Mbit/s up, heavy-tailed spikes, 0.8 % loss, 2 outages/min of 150-400 ms", rural_dsl_model},
    {family::wifi_contention, "wifi_contention",
     "RTT 10 ms, calm and contention by turns, aggregates, up to 2 % loss, 4 outages/min of 80-250 ms",
     wifi_contention_model},
    {family::leo_satellite, "leo_satellite",
     "RTT 50 ms with steps every 15 s, 1 % loss, outages at the steps and 1/min of 300-500 ms", leo_satellite_model},
    {family::mobile_hotspot, "mobile_hotspot",
     "RTT 45 ms, 2-20 Mbit/s, deep queues, 1 % loss, handovers and outages of 0.5-1.5 s", mobile_hotspot_model},
    {family::vpn_on_path, "vpn_on_path", "RTT 28 ms, MTU 1280, evening spikes, 0.5 % loss, 2 outages/min of 100-300 ms",
     vpn_on_path_model},
};

}  // namespace

std::span<const family_info> families() noexcept {
    return family_table;
}

const family_info& describe(family id) noexcept {
    return family_table[std::min(static_cast<std::size_t>(id), std::size(family_table) - 1)];
}

std::optional<family> find_family(std::string_view name) noexcept {
    for (const family_info& row : family_table)
        if (row.name == name) return row.id;
    return std::nullopt;
}

const path_model& second_path_model() noexcept {
    return metered_model;
}

scenario make_scenario(family id, std::uint64_t seed, duration length, std::uint32_t packets_per_second) noexcept {
    return std::move(make_scenario(id, describe(id).model, metered_model, seed, length, packets_per_second)).value();
}

result<scenario> make_scenario(family id, const path_model& primary, const path_model& second, std::uint64_t seed,
                               duration length, std::uint32_t packets_per_second) noexcept {
    length = std::clamp(length, duration::from_seconds(1), duration::from_seconds(3600));
    const duration interval = duration::from_ns(1'000'000'000 / std::clamp<std::int64_t>(packets_per_second, 1, 1000));
    const std::uint64_t family_seed = derive_seed(seed, static_cast<std::uint64_t>(id) + 1);
    const auto realise = [&](const path_model& model, std::uint64_t which) {
        return path::create(model, derive_seed(family_seed, which), length + scenario_tail, interval);
    };
    result<path> first = realise(primary, 1);
    if (!first) return first.error();
    result<path> other = realise(second, 2);
    if (!other) return other.error();
    return scenario{.name = std::string{describe(id).name},
                    .primary = std::move(first).value(),
                    .second = std::move(other).value(),
                    .length = length,
                    .interval = interval,
                    .mtu = primary.mtu};
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
