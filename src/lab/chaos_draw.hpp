// SPDX-License-Identifier: MIT
//
// What a seed of chaos decides before the first step: how the sessions are configured and what their paths are like.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "duality/lab/chaos.hpp"
#include "duality/lab/link.hpp"
#include "duality/random.hpp"
#include "duality/session_config.hpp"

namespace duality {
inline namespace v0 {
namespace lab {
namespace detail {

inline constexpr std::uint32_t chaos_payload = 200;
inline constexpr std::uint32_t chaos_streams = 3;

[[nodiscard]] inline session_config draw_chaos_config(xoshiro256& random) noexcept {
    session_config c;
    c.max_payload = chaos_payload;
    c.max_streams = chaos_streams;
    c.protected_packets = random.chance(0.5) ? 16 : 64;
    c.receive_packets = random.chance(0.5) ? 32 : 256;
    c.queue = random.chance(0.3) ? 16 : 128;
    c.overhead_cap_bp = static_cast<std::uint32_t>(random.below(3'000));
    c.control_share_bp = static_cast<std::uint32_t>(random.below(std::uint64_t{c.overhead_cap_bp} + 1));
    c.parity = random.chance(0.7);
    c.reactive = random.chance(0.7);
    c.second_path = random.chance(0.7);
    c.stream.deadline = duration::from_ms(static_cast<std::int64_t>(20 + random.below(300)));
    if (random.chance(0.3)) c.stream.mode = stream_mode::hot;
    if (random.chance(0.3)) c.stream.late = late_policy::deliver;
    if (random.chance(0.2)) c.control.law = control_law::reference;
    if (random.chance(0.2)) c.hold.hold_min = c.hold.hold_max = c.hold.hold_initial = duration::zero();
    c.sync_clock = random.chance(0.5);
    if (random.chance(0.2)) c.hold.mode = playout_mode::deadline;
    return c;
}

[[nodiscard]] inline path_model draw_chaos_path(xoshiro256& random, const chaos_recipe& what) noexcept {
    path_model m;
    m.rtt_ms = random.uniform(2, 120);
    const double sigma = random.uniform(0, 12);
    const double spikes = random.uniform(0, 0.1);
    const double rate = random.chance(0.3) ? random.uniform(0.05, 0.4) : random.uniform(0, 0.05);
    const double burst = random.uniform(1, 8);
    const outage_model outages{random.uniform(1, 30), 50, random.uniform(60, 800)};
    const bool narrow = random.chance(0.3);
    const double bits = random.uniform(100'000, 2'000'000);
    if (what.has(trouble::jitter)) {
        m.calm.jitter_sigma_ms = sigma;
        m.calm.spikes = {.share = spikes, .sigma_ms = 25};
        if (narrow) {
            m.forward.rate_low_bps = m.reverse.rate_low_bps = bits;
            m.forward.queue_limit_ms = m.reverse.queue_limit_ms = 150;
        }
    }
    if (what.has(trouble::loss)) {
        m.calm.loss = {rate, std::max(burst, rate / (1 - rate))};
        m.outages[0] = outages;
    }
    return m;
}

/// What the network does to a datagram on top of its link, as chances per datagram.
struct chaos_network {
    double repeat = 0;
    double overtaken = 0;
    double damage = 0;

    explicit chaos_network(xoshiro256& random, const chaos_recipe& what) noexcept {
        const double all[] = {random.uniform(0, 0.3), random.uniform(0, 0.2), random.uniform(0, 0.1)};
        const bool hostile = random.chance(0.3);
        if (what.has(trouble::duplication)) repeat = all[0];
        if (what.has(trouble::reordering)) overtaken = all[1];
        if (what.has(trouble::corruption) && hostile) damage = all[2];
    }
};

}  // namespace detail
}  // namespace lab
}  // namespace v0
}  // namespace duality
